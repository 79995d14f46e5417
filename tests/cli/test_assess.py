"""`aequo assess` in real processes: every option, every exit code, where words go."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import aequo
from aequo.report.save import FILES

from .calls import Run, clean_environment, write

# -- exit codes and streams


def test_fair_decisions_pass_with_exit_code_0(run: Run, fair: Path) -> None:
    done = run("assess", fair, "--label", "approved", "--group", "sex")
    assert done.code == 0
    assert "PASS" in done.out
    assert done.err == "Verdict PASS: exit code 0.\n"
    assert not list(fair.parent.glob("*report*"))


@pytest.mark.parametrize(
    ("which", "fail_on", "code"),
    [
        ("unfair", "unknown", 1),
        ("unfair", "fail", 1),
        ("unfair", "never", 0),
        ("few", "unknown", 3),
        ("few", "fail", 0),
    ],
)
def test_the_exit_code_follows_verdict_and_fail_on(
    run: Run, request: pytest.FixtureRequest, which: str, fail_on: str, code: int
) -> None:
    path = request.getfixturevalue(which)
    done = run("assess", path, "--label", "approved", "--group", "sex", "--fail-on", fail_on, "--json")
    verdict = json.loads(done.out)["verdict"]
    assert verdict == {"unfair": "fail", "few": "unknown"}[which]
    assert done.code == code
    assert f"Verdict {verdict.upper()}: exit code {code}" in done.err


def test_json_is_exactly_what_python_returns(run: Run, fair_twice: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(fair_twice.parent)
    done = run("assess", "fair.csv", "--label", "approved", "--group", "sex,race", "--json")
    result = aequo.assess("fair.csv", label="approved", group=["sex", "race"])
    assert done.out == result.to_json() + "\n"
    assert done.code == aequo.gate(result) == 0


def test_out_writes_the_report_and_says_where(run: Run, unfair: Path, tmp_path: Path) -> None:
    out = tmp_path / "a" / "b"
    done = run("assess", unfair, "--label", "approved", "--group", "sex", "--json", "--out", out)
    assert done.code == 1
    assert sorted(p.name for p in out.iterdir()) == sorted(FILES)
    assert (out / "findings.json").read_text(encoding="utf-8") == done.out
    assert done.err.split("\n")[0] == f"Report: {out / 'report.html'}"


# -- options


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a column for every option; one group column's name has a comma."""
    rows = []
    for i in range(480):
        sex, race, branch, paid = "fm"[i % 2], "ab"[i // 2 % 2], "xy"[i // 8 % 2], i // 4 % 2
        answer = "yes" if paid else "no"
        rows.append(f"{answer},{answer},{0.3 + 0.4 * paid},{1 + i % 3},{sex},{race},{branch}")
    return write(
        tmp_path_factory.mktemp("all") / "all.csv", 'repaid,granted,score,weight,sex,"race, as told",branch', rows
    )


def assessed(run: Run, *args: object) -> dict[str, object]:
    """Run, expect a verdict, and return the JSON."""
    done = run("assess", *args, "--json", "--fail-on", "never")
    assert done.code == 0, done.err
    plain: dict[str, object] = json.loads(done.out)
    return plain


def test_every_option_reaches_the_assessment(run: Run, everything: Path) -> None:
    plain = assessed(
        run, everything, "--label", "repaid", "--favourable", "yes", "--prediction", "granted", "--weight", "weight",
        "--group", "sex", "--group", "race, as told", "--control", "branch", "--reference", "sex=f",
        "--reference", "race, as told=b", "--task", "binary",
    )  # fmt: skip
    assert plain["data"]["columns"] == {
        "label": "repaid",
        "prediction": "granted",
        "score": None,
        "weight": "weight",
        "groups": ["sex", "race, as told"],
        "controls": ["branch"],
    }
    assert plain["data"]["favourable"] == "yes"
    assert plain["policy"]["data"]["task"] == "binary"
    references = {(g["subject"], g["group"]) for g in plain["groups"] if g["reference"]}
    assert {("sex", "f"), ("race, as told", "b")} <= references


def test_a_score_takes_a_threshold(run: Run, everything: Path) -> None:
    plain = assessed(
        run, everything, "--label", "repaid", "--favourable", "yes", "--score", "score", "--threshold", "0.6",
        "--group", "sex",
    )  # fmt: skip
    assert plain["data"]["threshold"] == 0.6
    assert {f["check"] for f in plain["findings"]} >= {"auc-parity", "equalized-odds"}


def test_columns_are_split_at_commas(run: Run, everything: Path) -> None:
    plain = assessed(run, everything, "--label", "repaid", "--favourable", "yes", "--group", "sex, branch")
    assert plain["data"]["columns"]["groups"] == ["sex", "branch"]


def test_one_group_column_needs_no_name_in_the_reference(run: Run, everything: Path) -> None:
    plain = assessed(run, everything, "--label", "repaid", "--favourable", "yes", "--group", "sex", "--reference", "f")
    assert [g["group"] for g in plain["groups"] if g["reference"]] == ["f"]


def test_several_files_and_globs_are_one_table(run: Run, fair: Path) -> None:
    other = fair.with_name("fairer.csv")
    other.write_bytes(fair.read_bytes())
    for args in ([fair, other], [fair.parent / "fair*.csv"]):
        plain = assessed(run, *args, "--label", "approved", "--group", "sex")
        assert plain["data"]["rows"] == 4000
    assert "named twice" in run("assess", fair, fair, "--label", "approved", "--group", "sex").sentence


def test_a_regression_is_a_task(run: Run, everything: Path) -> None:
    plain = assessed(run, everything, "--label", "score", "--task", "regression", "--group", "sex")
    assert "mean-outcome-parity" in {f["check"] for f in plain["findings"]}


def test_a_file_of_another_encoding_is_read_when_told(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "old.csv"
    path.write_bytes(b"y,g\n" + b"1,caf\xe9\n0,caf\xe9\n1,th\xe9\n0,th\xe9\n" * 20)
    assert "latin-1" in run("assess", path, "--label", "y", "--group", "g").sentence
    plain = assessed(run, path, "--label", "y", "--group", "g", "--encoding", "latin-1")
    assert {g["group"] for g in plain["groups"]} == {"café", "thé"}
    assert "expected 'utf-8'" in run("assess", path, "--label", "y", "--encoding", "utf-99").sentence


# -- policies


def test_a_policy_in_the_working_directory_is_taken_and_said(run: Run, fair_twice: Path, tmp_path: Path) -> None:
    (tmp_path / "aequo.toml").write_text('[data]\nlabel = "approved"\n[groups]\ncolumns = ["sex"]\n', encoding="utf-8")
    done = run("assess", fair_twice, "--json")
    assert done.code == 0
    assert done.err.startswith("Policy: aequo.toml of this directory")
    assert json.loads(done.out)["data"]["columns"]["groups"] == ["sex"]
    done = run("assess", fair_twice, "--json", "--group", "race")
    assert json.loads(done.out)["data"]["columns"]["groups"] == ["race"]


def test_a_policy_that_is_named_goes_before_the_one_that_is_found(run: Run, fair: Path, tmp_path: Path) -> None:
    (tmp_path / "aequo.toml").write_text("nonsense", encoding="utf-8")
    policy = tmp_path / "mine.toml"
    policy.write_text("[statistics]\nconfidence = 0.9\n", encoding="utf-8")
    done = run("assess", fair, "--label", "approved", "--group", "sex", "--policy", policy, "--json")
    assert json.loads(done.out)["policy"]["statistics"]["confidence"] == 0.9
    assert "Policy:" not in done.err
    assert run("assess", fair, "--group", "sex").sentence.startswith("aequo.toml:1: not valid TOML")


def test_a_policy_of_missing_marks_counts_for_files(run: Run, tmp_path: Path) -> None:
    (tmp_path / "aequo.toml").write_text('[data]\nmissing = ["", "?"]\n', encoding="utf-8")
    path = write(tmp_path / "d.csv", "y,g", [f"{i // 3 % 2},{'ab?'[i % 3]}" for i in range(900)])
    plain = assessed(run, path, "--label", "y", "--group", "g")
    assert {g["group"] for g in plain["groups"]} == {"a", "b", "(missing)"}


# -- terminals and encodings


def test_symbols_fall_back_to_ascii(run: Run, unfair: Path) -> None:
    done = run("assess", unfair, "--label", "approved", "--group", "sex", env={"PYTHONIOENCODING": "ascii"})
    assert done.code == 1
    assert done.out.isascii()


def test_json_is_utf_8_whatever_the_terminal_says(run: Run, tmp_path: Path) -> None:
    path = write(tmp_path / "d.csv", "y,g", [f"{i // 2 % 2},{'éß'[i % 2]}" for i in range(200)])
    done = run("assess", path, "--label", "y", "--group", "g", "--json", env={"PYTHONIOENCODING": "latin-1"})
    assert {g["group"] for g in json.loads(done.out)["groups"]} == {"é", "ß"}


@pytest.mark.parametrize("how", ["--json", ""])
def test_a_reader_that_leaves_early_is_no_error(fair_twice: Path, tmp_path: Path, how: str) -> None:
    call = f"{sys.executable} -m aequo assess fair.csv --label approved --group sex,race {how} --out o"
    command = f"{call} | {sys.executable} -c 'import os; os.read(0, 0)'" if not how else f"{call} | head -c 1"
    shell = ["bash", "-c", f"set -o pipefail; {command}"]
    done = subprocess.run(shell, cwd=tmp_path, env=clean_environment(), capture_output=True, check=False)
    assert done.returncode == 0
    assert done.stdout == (b"{" if how else b"")
    assert b"Broken" not in done.stderr
    assert b"Verdict PASS" in done.stderr
    assert (tmp_path / "o" / "report.html").exists()


def test_closed_streams_are_no_error(fair: Path, tmp_path: Path) -> None:
    command = f"{sys.executable} -m aequo assess fair.csv --label approved --group sex --out o >&- 2>&-"
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, env=clean_environment(), check=False)
    assert done.returncode == 0
    assert (tmp_path / "o" / "findings.json").stat().st_size > 100


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")
@pytest.mark.parametrize("no_color", [False, True])
def test_colour_is_for_terminals_that_want_it(fair: Path, tmp_path: Path, no_color: bool) -> None:
    import pty

    controller, terminal = pty.openpty()
    env = clean_environment(TERM="xterm-256color", **({"NO_COLOR": "1"} if no_color else {}))
    command = [sys.executable, "-m", "aequo", "assess", "fair.csv", "--label", "approved", "--group", "sex"]
    done = subprocess.run(command, cwd=tmp_path, env=env, stdout=terminal, stderr=subprocess.PIPE, check=False)
    os.close(terminal)
    shown = b""
    while chunk := _read(controller):
        shown += chunk
    os.close(controller)
    assert done.returncode == 0
    assert b"PASS" in shown
    coloured = any(b"\x1b[%d" % code in shown for code in range(30, 38))
    assert coloured != no_color


def _read(controller: int) -> bytes:
    try:
        return os.read(controller, 1 << 16)
    except OSError:  # Linux says so at the end of a pseudo-terminal
        return b""
