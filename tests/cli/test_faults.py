"""What goes wrong gets one clear sentence, the right exit code and no half-written report; each in a real process."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from .calls import Run, clean_environment, write

LABEL = ("--label", "approved", "--group", "sex")


def decisions(path: Path) -> Path:
    return write(path, "approved,sex", [f"{i // 2 % 2},{'fm'[i % 2]}" for i in range(200)])


# -- the call


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["asess"], "no such command 'asess'. Did you mean 'assess'"),
        (["assess"], "missing argument 'DATA'. See: aequo assess --help"),
        (["assess", "d.csv", "--lable", "y"], "no such option: --lable"),
        (["assess", "d.csv", "--threshold", "x"], "invalid value for '--threshold': "),
        (["assess", "d.csv", "--fail-on", "x"], "invalid value for '--fail-on': "),
        (["assess", "d.csv", *LABEL, "--threshold", "1.5"], "--threshold is 1.5, expected a number from 0 to 1."),
        (["assess", "d.csv", "--label", "approved"], "no group column was given"),
        (["assess", "d.csv", "--group", "sex"], "no outcome was given"),
        (
            ["assess", "d.csv", "--label", "aproved", "--group", "sex"],
            "no column 'aproved' in d.csv. Columns: approved, sex. Did you mean 'approved'?",
        ),
        (["assess", "d.csv", "--label", "approved", "--group", "sex,,"], "'sex,,' has an empty column name"),
        (["assess", "d.csv", "--label", "approved", "--group", "sex,sexx"], "no column 'sexx' in d.csv."),
        (["assess", "d.csv", "--label", "sex", "--group", "sex"], "--group names 'sex', which is the label column."),
        (["assess", "d.csv", *LABEL, "--reference", "x"], "'x'"),
        (
            ["assess", "d.csv", *LABEL, "--reference", "sex=f", "--reference", "m"],
            "--reference names two groups of 'sex', expected one.",
        ),
        (["assess", "d.csv", *LABEL, "--favourable", "yes"], "'yes'"),
        (["assess", "d.csv", *LABEL, "--policy", "no.toml"], "there is no policy file 'no.toml'"),
        (["assess", "d.csv", *LABEL, "--policy", "."], "'.' is a directory, expected a policy file"),
        (["assess", "d.csv", *LABEL, "--policy", "d.csv"], "d.csv:1: not valid TOML"),
    ],
)  # fmt: skip
def test_a_wrong_call_is_told_in_one_sentence(run: Run, tmp_path: Path, arguments: list[str], sentence: str) -> None:
    decisions(tmp_path / "d.csv")
    assert sentence in run(*arguments).sentence


# -- the data


@pytest.mark.parametrize(
    ("name", "raw", "sentence"),
    [
        ("absent.csv", None, "there is no file 'absent.csv'."),
        ("folder", b"", "folder is a folder"),
        ("empty.csv", b"", "empty.csv is empty (0 bytes)."),
        ("header.csv", b"approved,sex\n", "header.csv has no rows"),
        ("blank.csv", b"\n\n", "blank.csv: the first line is blank"),
        ("latin.csv", "approved,sex\n1,é\n".encode("latin-1"), "latin.csv is not utf-8 text: byte 0xE9"),
        ("utf16.csv", "approved,sex\n1,f\n".encode("utf-16"), "utf16.csv is not utf-8 text: byte 0xFF"),
        ("ragged.csv", b"approved,sex\n1,f\n1,f,3\n", "ragged.csv, line 3: 3 values, but the header names 2 columns"),
        ("twice.csv", b"approved,sex,sex\n1,f,f\n", "twice.csv has two columns named 'sex'"),
        ("not.parquet", b"approved,sex\n1,f\n", "not.parquet is not a Parquet file"),
        ("cut.csv.gz", gzip.compress(os.urandom(9999))[:500], "cut.csv.gz is not"),
        ("not.csv.gz", b"approved,sex\n1,f\n", "not.csv.gz is not a whole gzip file"),
        ("broken.jsonl", b'{"approved": 1, "sex": "f"}\n{"approved": ', "broken.jsonl is not JSON with one record per"),
        ("data.xlsx", b"PK", "data.xlsx: cannot tell the format from its name"),
        ("constant.csv", b"approved,sex\n" + b"1,f\n1,m\n" * 50, "'approved' is '1' in every row"),
        ("ids.csv", b"approved,sex\n" + b"".join(b"%d,p%d\n" % (i % 2, i) for i in range(2000)), "'sex' has"),
    ],
)  # fmt: skip
def test_unusable_data_is_told_in_one_sentence(
    run: Run, tmp_path: Path, name: str, raw: bytes | None, sentence: str
) -> None:
    path = tmp_path / name
    if name == "folder":
        path.mkdir()
    elif raw is not None:
        path.write_bytes(raw)
    told = run("assess", path, *LABEL, "--out", tmp_path / "out").sentence
    assert sentence in told
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_delimiters_are_found(run: Run, tmp_path: Path, delimiter: str) -> None:
    path = decisions(tmp_path / "d.csv")
    path.write_text(path.read_text(encoding="utf-8").replace(",", delimiter), encoding="utf-8")
    assert run("assess", path, *LABEL, "--json").code == 3


def test_predictions_that_are_no_labels_are_told(run: Run, tmp_path: Path) -> None:
    rows = [f"{i % 2},{'yes' if i % 3 else 'no'},{'fm'[i // 2 % 2]}" for i in range(200)]
    path = write(tmp_path / "d.csv", "approved,granted,sex", rows)
    told = run("assess", path, *LABEL, "--prediction", "granted").sentence
    assert "'granted'" in told


@pytest.mark.parametrize(
    ("score", "sentence"), [("1.5", "1.5"), ("-0.2", "-0.2"), ("inf", "'score'"), ("high", "'score'")]
)
def test_scores_outside_0_to_1_are_told(run: Run, tmp_path: Path, score: str, sentence: str) -> None:
    rows = [f"{i // 2 % 2},{'fm'[i % 2]},{score if i == 7 else 0.5}" for i in range(100)]
    path = write(tmp_path / "d.csv", "approved,sex,score", rows)
    assert sentence in run("assess", path, *LABEL, "--score", "score").sentence


def test_missing_scores_are_no_error(run: Run, tmp_path: Path) -> None:
    rows = [f"{i // 2 % 2},{'fm'[i % 2]},{'NaN' if i % 7 == 0 else (i % 10) / 10}" for i in range(700)]
    path = write(tmp_path / "d.csv", "approved,sex,score", rows)
    done = run("assess", path, *LABEL, "--score", "score", "--json")
    assert done.code in (0, 1, 3), done.err


def test_groups_of_one_row_are_no_error(run: Run, tmp_path: Path) -> None:
    rows = [*(f"{i // 2 % 2},{'fm'[i % 2]}" for i in range(400)), "1,x", "0,y"]
    path = write(tmp_path / "d.csv", "approved,sex", rows)
    done = run("assess", path, *LABEL)
    assert done.code == 1, done.err  # one of 402 rows is a failure of representation
    assert "x and y (sex): withheld" in done.out
    assert "Traceback" not in done.err


def test_a_million_distinct_groups_are_told_without_showing_one(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "ids.csv"
    with path.open("w", encoding="utf-8") as file:
        file.write("approved,sex\n")
        file.writelines(f"{i & 1},person-{i}\n" for i in range(1_000_000))
    told = run("assess", path, *LABEL).sentence
    assert "'sex'" in told
    assert "identifier" in told
    assert "person-" not in told


# -- the disk


@pytest.mark.parametrize("place", ["/proc/aequo/out", "d.csv", "d.csv/out", "x" * 300])
def test_a_report_that_cannot_be_written_is_told(run: Run, tmp_path: Path, place: str) -> None:
    path = decisions(tmp_path / "d.csv")
    before = path.read_bytes()
    assert "the report cannot be written to" in run("assess", path, *LABEL, "--out", place).sentence
    assert [p.name for p in tmp_path.iterdir()] == ["d.csv"]
    assert path.read_bytes() == before


@pytest.mark.parametrize("how", [[], ["--json"]])
def test_a_full_disk_behind_stdout_is_told(run: Run, tmp_path: Path, how: list[str]) -> None:
    path = decisions(tmp_path / "d.csv")
    with Path("/dev/full").open("wb") as full:
        done = run("assess", path, *LABEL, *how, stdout=full)
    assert done.sentence == "the result could not be written to stdout: No space left on device."


_BREAK = """
import {module} as target, os, signal, sys
real, calls = target.{name}, []
def broken(*args, **kw):
    calls.append(args)
    if len(calls) == {call}:
        {action}
    return real(*args, **kw)
target.{name} = broken
from aequo.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


def run_broken(
    folder: Path, module: str, name: str, action: str, *arguments: str, call: int = 1
) -> tuple[int, str, str]:
    """Run the command line in a process in which one call of one function does something else first."""
    decisions(folder / "d.csv")
    code = _BREAK.format(module=module, name=name, action=action, call=call)
    command = [sys.executable, "-c", code, "assess", "d.csv", *LABEL, "--out", "out", *arguments]
    done = subprocess.run(
        command, cwd=folder, env=clean_environment(), capture_output=True, text=True, timeout=120, check=False
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("call", [1, 2, 3])
def test_a_disk_that_fills_up_leaves_no_half_report(tmp_path: Path, call: int) -> None:
    code, out, err = run_broken(tmp_path, "os", "fsync", "raise OSError(28, 'No space left on device')", call=call)
    assert code == 2
    assert out == ""
    assert err == "aequo: the report cannot be written to 'out': there is no space left on the device.\n"
    assert [p.name for p in tmp_path.iterdir()] == ["d.csv"]


def test_an_interrupt_while_writing_leaves_no_half_report(tmp_path: Path) -> None:
    code, out, err = run_broken(tmp_path, "os", "fsync", "os.kill(os.getpid(), signal.SIGINT)", call=2)
    assert code == 130
    assert out == ""
    assert err.strip() == "aequo: interrupted; nothing was written half-way."
    assert not list(tmp_path.glob("out/*"))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_while_reading_ends_at_once(tmp_path: Path, number: signal.Signals, code: int) -> None:
    pipe = tmp_path / "slow.csv"
    os.mkfifo(pipe)
    command = [sys.executable, "-m", "aequo", "assess", "slow.csv", *LABEL, "--out", "out"]
    env = clean_environment(PYTHONWARNINGS="")  # as for users: opening a file that is interrupted is no matter
    process = subprocess.Popen(
        command, cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    handle = os.open(pipe, os.O_WRONLY)  # returns when aequo opens the other end, which then waits for ever
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    os.close(handle)
    assert process.returncode == code
    assert out == ""
    assert err.strip() == "aequo: interrupted; nothing was written half-way."
    assert not (tmp_path / "out").exists()


_ENDLESS = """
import os, signal, sys, threading, typer
from aequo.cli import main as cli
from aequo.core import read
def query():
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
    read._connect().sql("SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b").fetchall()
cli.app = typer.Typer()
cli.app.command()(query)
cli.app.callback()(lambda: None)
sys.exit(cli.main(["query"]))
"""


def test_an_interrupt_stops_a_query_that_runs(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _ENDLESS], cwd=tmp_path, env=clean_environment(), capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 130
    assert done.stderr.strip() == "aequo: interrupted; nothing was written half-way."


# -- bugs


def test_a_bug_is_owned_up_to_without_showing_data(tmp_path: Path) -> None:
    code, out, err = run_broken(tmp_path, "aequo.flows.assess", "assess", "raise KeyError('Jane Doe')")
    assert code == 2
    assert out == ""
    assert err.startswith("aequo: KeyError in ")
    assert "This is a bug in aequo" in err
    assert "--debug" in err
    assert "Jane" not in err
    assert err.count("\n") == 1


def test_debug_shows_the_traceback(run: Run, tmp_path: Path) -> None:
    code, _, err = run_broken(tmp_path, "aequo.flows.assess", "assess", "raise KeyError('x')", "--debug")
    assert code == 2
    assert "Traceback (most recent call last)" in err
    done = run("--debug", "assess", "absent.csv", *LABEL)
    assert done.code == 2
    assert "UnreadableData" in done.err
