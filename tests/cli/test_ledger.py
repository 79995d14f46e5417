"""`aequo ledger` in real processes: what is acknowledged is kept, what is wrong is told, what was changed is found."""

from __future__ import annotations

import contextlib
import json
import re
import shlex
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pytest

from aequo.core.policy import Policy
from aequo.errors import KeyProblem
from aequo.flows.activity import report_activity
from aequo.ledger import KeyRing, Ledger, open_note

from .calls import Ended, Run, clean_environment

URL = "sqlite:///ledger.db"
DECISION = {"kind": "decision", "input": {"x": 1}, "output": "approve", "model_version": "v1", "operator_id": "ann"}


@dataclass
class Running:
    """A command that is running."""

    process: subprocess.Popen[bytes]
    stdin: IO[bytes]
    stdout: IO[bytes]
    stderr: IO[bytes]


def lines(*events: Any) -> bytes:
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)


def decided(output: Any = "approve", **more: Any) -> dict[str, Any]:
    return {**DECISION, "output": output, **more}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, bytes]]:
    """Files of two ledgers, each with the policy that names it: an empty one, and one with fourteen entries."""
    folder = tmp_path_factory.mktemp("ledgers")
    key = KeyRing.new().save(folder / "aequo.key")
    (folder / "aequo.toml").write_text(f'[ledger]\nurl = "{URL}"\nkey = "file:aequo.key"\n')
    Ledger.open(f"sqlite:///{folder}/ledger.db", key=key).close()
    empty = {p.name: p.read_bytes() for p in folder.iterdir()}
    with book(folder, key=True) as ledger:
        for i, (output, version) in enumerate(zip("aaabbbaabb", ["v1"] * 6 + ["v2"] * 4, strict=True)):
            operator = ("ann", "ben")[i % 2]
            how: dict[str, Any] = {"subject": f"person-{i}", "metadata": {"name": "Jane"}, "operator_id": operator}
            ledger.log_decision(input={"x": i}, output=output, model_version=version, **how)
        ledger.attach_outcome(0, "a")
        ledger.attach_outcome(1, "b")
        ledger.override(2, "b", operator_id="cy")
        ledger.append({"kind": "note", "text": "ß €"})
    return {"empty": empty, "filled": {p.name: p.read_bytes() for p in folder.iterdir()}}


def placed(folder: Path, files: dict[str, bytes]) -> None:
    for name, raw in files.items():
        (folder / name).write_bytes(raw)
        (folder / name).chmod(0o600)


@pytest.fixture
def kept(run: Run, tmp_path: Path, made: dict[str, dict[str, bytes]]) -> Run:
    """Calls in a directory with an empty ledger, which its policy names."""
    placed(tmp_path, made["empty"])
    return run


@pytest.fixture
def filled(run: Run, tmp_path: Path, made: dict[str, dict[str, bytes]]) -> Run:
    """Calls in a directory with a ledger of ten decisions, two outcomes, an override and a note."""
    placed(tmp_path, made["filled"])
    return run


def book(tmp_path: Path, *, key: bool = False) -> Ledger:
    return Ledger.open(f"sqlite:///{tmp_path}/ledger.db", key=tmp_path / "aequo.key" if key else None, create=False)


def change(tmp_path: Path, statement: str) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "ledger.db")) as db, db:
        assert db.execute(statement).rowcount > 0


# -- init -------------------------------------------------------------------------------------------------------------


def test_init_makes_a_ledger_and_a_key_that_only_its_owner_reads(run: Run, tmp_path: Path) -> None:
    done = run("ledger", "init", "--origin", "example.com/loans")
    assert done.code == 0
    assert done.out.startswith("example.com/loans+") and done.out.count("\n") == 1
    assert "apart from the ledger" in done.err and '[ledger]\nurl = "sqlite:///ledger.db"' in done.err
    for name in ("aequo.key", "ledger.db", "ledger.keys.db"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]
    with book(tmp_path, key=True) as ledger:
        assert (ledger.vkey, ledger.origin) == (done.out.strip(), "example.com/loans")
    advice = done.err.partition("aequo.toml:\n")[2]
    assert Policy.parse(advice).ledger.key == "file:aequo.key"


def test_init_overwrites_nothing(run: Run, tmp_path: Path) -> None:
    run("ledger", "init")
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    assert run("ledger", "init").sentence == "there is a ledger at that url already; it is never overwritten."
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before
    second = run("ledger", "init", "--ledger", "sqlite:///second.db", "--json")
    assert second.code == 0 and "with the key file:aequo.key" in second.err
    assert json.loads(second.out)["url"] == "sqlite:///second.db"
    assert (tmp_path / "aequo.key").read_bytes() == before["aequo.key"]


def test_init_takes_a_key_from_the_environment(run: Run, tmp_path: Path) -> None:
    assert "no variable 'MINE'" in run("ledger", "init", "--key", "env:MINE").sentence
    assert list(tmp_path.iterdir()) == []
    done = run("ledger", "init", "--key", "env:MINE", env={"MINE": "ab" * 32})
    assert done.code == 0
    assert not (tmp_path / "aequo.key").exists()
    assert run("ledger", "checkpoint", "--ledger", URL, env={"AEQUO_KEY": "ab" * 32}).code == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--origin", "our loans"], "'our loans' cannot name a ledger"),
        (["--ledger", "mysql://x"], "the ledger's url is not known"),
        (["--key", "file:no/where/k"], "the key file k cannot be written"),
        (["--key", "ab" * 32], "--key is what looks like a key, expected file:PATH or env:NAME"),
        (["--policy", "bad.toml"], "bad.toml:1: not valid TOML"),
        (["--policy", "other.toml"], "other.toml names another ledger or key already"),
    ],
)
def test_an_init_that_cannot_be_leaves_nothing(run: Run, tmp_path: Path, arguments: list[str], sentence: str) -> None:
    (tmp_path / "bad.toml").write_text("nonsense")
    (tmp_path / "other.toml").write_text('[ledger]\nurl = "sqlite:///other.db"\n')
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    told = run("ledger", "init", *arguments).sentence
    assert sentence in told and "abab" not in told
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "# mine",
        '[data]\nlabel = "y"\n',
        '[ledger]\ninputs = "keep"\n\n[data]\nlabel = "y"\n',
        "[ledger]",
        Policy.parse('[data]\nlabel = "y"').to_toml(),
    ],
)
def test_init_puts_the_ledger_into_a_policy_and_leaves_the_rest_as_it_was(
    run: Run, tmp_path: Path, text: str | None
) -> None:
    path = tmp_path / "aequo.toml"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    before = Policy.parse(text or "")
    assert run("ledger", "init", "--policy", "aequo.toml").code == 0
    after = Policy.load(path)
    assert (after.ledger.url, after.ledger.key) == (URL, "file:aequo.key")
    assert after.replace(**{"ledger.url": None, "ledger.key": None}) == before
    kept = path.read_text(encoding="utf-8").splitlines()
    assert all(line in kept for line in (text or "").splitlines() if not line.startswith(("# url", "# key")))
    assert run("ledger", "append", input=lines(DECISION)).code == 0


# -- append -----------------------------------------------------------------------------------------------------------


def test_append_prints_a_receipt_for_each_event(kept: Run, tmp_path: Path) -> None:
    done = kept("ledger", "append", input=lines(DECISION, {"kind": "note"}) + b"\n  \n" + b'{"kind": "last"}')
    assert done.code == 0
    receipts = [json.loads(line) for line in done.out.splitlines()]
    with book(tmp_path) as ledger:
        entries = list(ledger.entries())
        assert [r["index"] for r in receipts] == [0, 1, 2] == [e.index for e in entries]
        assert [r["leaf"] for r in receipts] == [e.leaf.hex() for e in entries]
        assert done.err == f"3 events recorded in {ledger.origin}.\n"
    (tmp_path / "more.jsonl").write_bytes(b"\xef\xbb\xbf" + lines({"kind": "note"}).replace(b"\n", b"\r\n"))
    quiet = kept("ledger", "append", "more.jsonl", "--quiet")
    assert (quiet.code, quiet.out) == (0, "")


def test_what_is_personal_is_in_no_file_in_clear(filled: Run, tmp_path: Path) -> None:
    event = {"kind": "call", "subject": "jane", "text": "Jane rang", "minutes": 3}
    assert filled("ledger", "append", "--clear", "minutes", input=lines(event)).code == 0
    for path in tmp_path.iterdir():
        raw = path.read_bytes()
        assert b"Jane" not in raw and b"person-3" not in raw and b"jane" not in raw
    shown = filled("ledger", "show", "14", "--json")
    assert json.loads(shown.out)["event"] == {"kind": "call", "minutes": 3}
    opened = filled("ledger", "show", "14", "--json", "--open")
    assert json.loads(opened.out)["event"] == {"kind": "call", "text": "Jane rang", "minutes": 3}


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        (b'{"kind": oops, "name": "Jane"}\n', "line 4 is no JSON: invalid character (byte 9)."),
        (b'{"kind": "x", "name": "Jane"\n', "line 4 is no JSON: "),
        (b'"\xff"\n', "line 4 is no JSON: "),
        (b'{"kind": "decision", "input": "Jane"}\n', "line 4: a decision lacks 'model_version' and 'output'."),
        (b'{"kind": "outcome", "of": 77, "truth": 1}\n', "line 4: there is no entry 77"),
        (b"[" * 5000 + b"]" * 5000 + b"\n", "line 4"),
        (b'{"x": 1e400}\n', "line 4"),
    ],
)
def test_a_bad_line_ends_it_and_what_was_before_it_stays(kept: Run, tmp_path: Path, bad: bytes, sentence: str) -> None:
    done = kept(
        "ledger", "append", input=lines(DECISION) + b"\n" + lines({"kind": "note"}) + bad + lines({"kind": "z"})
    )
    assert done.code == 2
    assert len(done.out.splitlines()) == 2
    told = done.err.splitlines()
    assert told[0] == "2 events recorded before that."
    assert told[1].startswith(f"aequo: {sentence}") and len(told) == 2
    assert "Jane" not in done.err
    with book(tmp_path) as ledger:
        assert [e.kind for e in ledger.entries()] == ["decision", "note"]


def test_append_says_what_it_lacks(run: Run, kept: Run, tmp_path: Path) -> None:
    assert "no ledger is named: give --ledger URL" in run("ledger", "append", cwd=tmp_path / "..").sentence
    assert "'no.jsonl' cannot be read: No such file" in kept("ledger", "append", "no.jsonl").sentence
    (tmp_path / "aequo.key").unlink()
    assert "there is no key file 'aequo.key'" in kept("ledger", "append", input=lines(DECISION)).sentence
    (tmp_path / "aequo.toml").unlink()
    done = kept("ledger", "append", "--ledger", URL, input=lines({"kind": "note"}, DECISION))
    assert done.code == 2
    assert "1 event recorded before that.\naequo: to log a decision needs the master key" in done.err


@contextlib.contextmanager
def started(folder: Path, *arguments: str) -> Iterator[Running]:
    """Start a command, and end it whatever happens."""
    process = subprocess.Popen(
        [sys.executable, "-m", "aequo", "ledger", *arguments],
        cwd=folder,
        env=clean_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None and process.stdout is not None and process.stderr is not None
    try:
        yield Running(process, process.stdin, process.stdout, process.stderr)
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            with contextlib.suppress(OSError):
                pipe.close()


def test_each_event_is_acknowledged_before_more_is_waited_for(kept: Run, tmp_path: Path) -> None:
    with started(tmp_path, "append") as run:
        for i in range(3):
            run.stdin.write(lines({"kind": "note", "n": i}))
            run.stdin.flush()
            assert json.loads(run.stdout.readline())["index"] == i
            with book(tmp_path) as ledger:
                assert ledger.size == i + 1
        run.stdin.close()
        assert run.process.wait(60) == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_an_interrupt_loses_nothing_that_was_acknowledged(
    kept: Run, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    with started(tmp_path, "append") as run:
        run.stdin.write(lines(*(decided(subject=f"p{i}") for i in range(200))))
        run.stdin.flush()
        receipts = [json.loads(run.stdout.readline())]
        run.process.send_signal(number)
        rest, told = run.stdout.read(), run.stderr.read().decode()
        assert run.process.wait(60) == code
    receipts += [json.loads(line) for line in rest.splitlines() if line.endswith(b"}")]
    with book(tmp_path, key=True) as ledger:
        leaves = {e.index: e.leaf.hex() for e in ledger.entries()}
        assert all(leaves[r["index"]] == r["leaf"] for r in receipts)
        assert ledger.verify().ok
    if number != signal.SIGKILL:
        assert "recorded before that." in told and "interrupted" in told and "Traceback" not in told


def test_a_reader_of_receipts_that_leaves_stops_no_recording(kept: Run, tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_bytes(lines(*({"kind": "note", "n": i} for i in range(5000))))
    command = f"set -o pipefail; {sys.executable} -m aequo ledger append events.jsonl | head -n 1"
    done = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, env=clean_environment(), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["index"] == 0
    with book(tmp_path) as ledger:
        assert ledger.size == 5000


# -- show and tail ----------------------------------------------------------------------------------------------------


def shown(run: Run, *arguments: str) -> list[int]:
    done = run("ledger", "show", *arguments, "--json", "--limit", "1000")
    assert done.code == 0, done.err
    return [json.loads(line)["index"] for line in done.out.splitlines()]


@pytest.mark.parametrize(
    ("option", "values", "kinds"),
    [
        ("--kind", ["decision", "outcome", "override", "note"], None),
        ("--model-version", ["v1", "v2"], "decision"),
        ("--operator", ["ann", "ben"], "decision"),
        ("--outcome", ["a", "b"], "decision"),
    ],
)
def test_filters_divide_the_entries(filled: Run, option: str, values: Sequence[str], kinds: str | None) -> None:
    everything = shown(filled, *(("--kind", kinds) if kinds else ()))
    more = ("--kind", kinds) if kinds else ()
    parts = [shown(filled, option, value, *more) for value in values]
    assert sorted(i for part in parts for i in part) == everything
    assert all(parts)


def test_filters_combine_and_pages_follow_one_another(filled: Run) -> None:
    assert shown(filled, "--kind", "decision", "--model-version", "v1", "--operator", "ann", "--outcome", "a") == [0, 2]
    assert shown(filled, "--subject", "person-3") == [3]
    assert shown(filled, "--since", "2000-01-01", "--until", "2000-01-02") == []
    assert shown(filled, "--since", "2000-01-01", "--newest-first") == list(range(13, -1, -1))
    seen, page = [], ["--start", "0"]
    while page:
        done = filled("ledger", "show", "--json", "--limit", "4", *page)
        seen += [json.loads(line)["index"] for line in done.out.splitlines()]
        page = done.err.strip().removeprefix("More follow: ").removesuffix(".").split()
    assert seen == list(range(14))
    back = filled("ledger", "show", "--json", "--limit", "4", "--newest-first")
    assert back.err == "More follow: --start 9.\n"
    assert shown(filled, "--newest-first", "--start", "9")[:2] == [9, 8]
    nothing = filled("ledger", "show", "--kind", "nothing")
    assert (nothing.code, nothing.out, nothing.err) == (0, "", "No entry fits.\n")


def test_json_is_what_python_returns(filled: Run, tmp_path: Path) -> None:
    done = filled("ledger", "show", "--json")
    with book(tmp_path) as ledger:
        assert [json.loads(line) for line in done.out.splitlines()] == [e.to_dict() for e in ledger.entries()]
        assert json.loads(filled("ledger", "prove", "3", "--json").out)["leaf"] == ledger.prove(3).to_dict()["leaf"]
        found = filled("ledger", "verify", "--json")
        assert json.loads(found.out) == json.loads(json.dumps(ledger.verify().to_dict()))
        plain = json.loads(filled("ledger", "report", "--json", "--no-verify").out)
        assert plain == report_activity(ledger, verify=False).to_dict()


def test_the_table_is_readable_and_shows_nothing_personal(filled: Run) -> None:
    done = filled("ledger", "show")
    assert "approve" not in done.out and "a; version v1; by ann; (sealed)" in done.out
    assert "of 1: b" in done.out and "of 2: b; by cy" in done.out and "text ß €" in done.out
    assert "Jane" not in done.out and "person" not in done.out
    assert max(map(len, done.out.splitlines())) <= 80
    for width in ("40", "60", "200"):
        narrow = filled("ledger", "show", "--newest-first", env={"COLUMNS": width})
        assert narrow.code == 0
        assert max(map(len, narrow.out.splitlines())) <= max(64, int(width))
    assert filled("ledger", "show", env={"PYTHONIOENCODING": "ascii"}).out.isascii()


def test_one_entry_is_shown_whole(filled: Run, tmp_path: Path) -> None:
    done = filled("ledger", "show", "0", "13")
    assert done.code == 0
    assert "sealed part" in done.out and "closed" in done.out and "ß €" in done.out and "Jane" not in done.out
    opened = filled("ledger", "show", "0", "--open")
    assert '{"name": "Jane"}' in opened.out
    assert "there is no entry 99" in filled("ledger", "show", "99").sentence
    assert "expected one of the two" in filled("ledger", "show", "1", "--kind", "note").sentence
    assert "'tomorrow' is no date" in filled("ledger", "show", "--since", "tomorrow").sentence


def test_a_person_whose_key_was_destroyed_is_shown_as_forgotten(filled: Run, tmp_path: Path) -> None:
    with book(tmp_path, key=True) as ledger:
        assert ledger.store.destroy([ledger.subject_id("person-0")], 0) == 1
    done = filled("ledger", "show", "0", "--open", "--json")
    assert json.loads(done.out)["sealed"] == "erased" and "Jane" not in done.out
    assert filled("ledger", "verify").code == 0


def test_tail_shows_the_newest(filled: Run) -> None:
    done = filled("ledger", "tail", "-n", "2", "--json")
    assert [json.loads(line)["index"] for line in done.out.splitlines()] == [12, 13]
    done = filled("ledger", "tail", "-n", "1", "--kind", "decision")
    assert "    9  " in done.out and done.out.count("decision") == 1
    assert filled("ledger", "tail", "-n", "0").out == ""


def test_tail_follows_what_is_appended(filled: Run, tmp_path: Path) -> None:
    with started(tmp_path, "tail", "-f", "-n", "1", "--json", "--kind", "note") as run:
        assert json.loads(run.stdout.readline())["index"] == 13
        for i in range(2):
            with book(tmp_path) as ledger:
                ledger.append_many([{"kind": "note", "n": i}, {"kind": "other"}])
            assert json.loads(run.stdout.readline())["event"] == {"kind": "note", "n": i}
        run.process.send_signal(signal.SIGINT)
        assert run.process.wait(60) == 130
        assert b"Traceback" not in run.stderr.read()


def test_tail_ends_when_its_reader_leaves(filled: Run, tmp_path: Path) -> None:
    with started(tmp_path, "tail", "-f", "-n", "1") as run:
        run.stdout.readline()
        run.stdout.close()
        with book(tmp_path) as ledger:
            ledger.append({"kind": "note"})
        assert run.process.wait(60) == 0, run.stderr.read()
        assert run.stderr.read() == b""


# -- report -----------------------------------------------------------------------------------------------------------


def test_report_writes_its_files_and_needs_no_key(filled: Run, tmp_path: Path) -> None:
    (tmp_path / "aequo.key").rename(tmp_path / "elsewhere")
    done = filled("ledger", "report", "--out", "january", "--since", "2000-01-01")
    assert done.code == 0
    assert sorted(p.name for p in (tmp_path / "january").iterdir()) == ["activity.html", "activity.json", "activity.md"]
    assert f"Report: {Path('january') / 'activity.html'}" in done.err
    assert done.out.startswith("✓ VERIFIED  10 decisions, 1 of them overridden")
    assert "Jane" not in done.out and max(map(len, done.out.splitlines())) <= 80
    plain = json.loads((tmp_path / "january" / "activity.json").read_text(encoding="utf-8"))
    assert plain["decisions"]["errors"]["why"] == "only 2 outcomes are known, and 20 are needed"
    assert json.loads(filled("ledger", "report", "--until", "2000-01-01", "--json").out)["decisions"]["n"] == 0
    assert (
        "the period ends before it begins"
        in filled("ledger", "report", "--since", "2026-01-02", "--until", "2026-01-01").sentence
    )


def test_report_of_a_changed_ledger_says_so_and_fails(filled: Run, tmp_path: Path) -> None:
    change(tmp_path, "UPDATE entries SET body = CAST(replace(CAST(body AS TEXT), 'v2', 'v3') AS BLOB) WHERE id = 8")
    done = filled("ledger", "report")
    assert done.code == 1
    assert done.out.startswith("✕ NOT AS RECORDED") and "Entry 7 was changed" in done.out
    quick = filled("ledger", "report", "--no-verify")
    assert (quick.code, quick.out[:14]) == (0, "? NOT VERIFIED")
    change(tmp_path, "DELETE FROM entries WHERE id = 3")
    gone = filled("ledger", "report", "--out", "out")
    assert (gone.code, gone.out, gone.err[:31]) == (1, "", "aequo: entry 2 is missing; `aeq")
    assert not (tmp_path / "out").exists()


# -- checkpoints, proofs, verification --------------------------------------------------------------------------------


def test_a_checkpoint_is_a_signed_note(filled: Run, tmp_path: Path) -> None:
    done = filled("ledger", "checkpoint")
    with book(tmp_path) as ledger:
        vkey = ledger.vkey
    assert open_note(done.out, vkey).split("\n")[1] == "14"
    assert filled("ledger", "checkpoint", "--out", "old").code == 0
    assert (tmp_path / "old").read_text(encoding="utf-8") == done.out
    assert filled("ledger", "checkpoint", "--out", "old").sentence == (
        "old is there already, expected the name of a new file."
    )
    (tmp_path / "aequo.toml").unlink()
    assert "a checkpoint needs the master key" in filled("ledger", "checkpoint", "--ledger", URL).sentence


def test_proofs_hold(filled: Run, tmp_path: Path) -> None:
    filled("ledger", "checkpoint", "--out", "old")
    filled("ledger", "append", input=lines({"kind": "note"}, {"kind": "note"}))
    done = filled("ledger", "prove", "5")
    assert done.out.startswith("entry 5 is in the tree of 16 entries\n") and "\u2014 aequo/" in done.out
    for old in ("old", "14"):
        done = filled("ledger", "prove", "--consistency", old)
        assert done.out.startswith("the tree of 16 entries continues that of 14\n")
    plain = json.loads(filled("ledger", "prove", "--consistency", "14", "--json").out)
    with book(tmp_path) as ledger:
        assert plain["path"] == ledger.prove_consistency(14).to_dict()["path"]
    assert "there is no entry 77" in filled("ledger", "prove", "77").err or filled("ledger", "prove", "77").code == 2
    assert "expected one of INDEX and --consistency OLD" in filled("ledger", "prove").sentence


def test_a_proof_of_a_changed_entry_is_refused(filled: Run, tmp_path: Path) -> None:
    change(tmp_path, "UPDATE entries SET body = CAST(replace(CAST(body AS TEXT), 'v2', 'v3') AS BLOB) WHERE id = 8")
    done = filled("ledger", "prove", "7")
    assert (done.code, done.out) == (1, "")
    assert "entry 7 does not lead to the root: it was changed" in done.err


def test_verify_ends_with_0_and_says_what_it_cannot_know(filled: Run, tmp_path: Path) -> None:
    done = filled("ledger", "verify")
    assert done.code == 0
    assert "14 entries, all as recorded" in done.out
    assert "--vkey holds it against the one you kept" in done.err and "--checkpoint FILE" in done.err
    filled("ledger", "checkpoint", "--out", "old")
    with book(tmp_path) as ledger:
        (tmp_path / "vkey").write_text(ledger.vkey + "\n", encoding="utf-8")
        texts = (ledger.vkey, "vkey")
    for vkey in texts:
        full = filled("ledger", "verify", "--checkpoint", "old", "--vkey", vkey)
        assert (full.code, full.err) == (0, "")
    part = filled("ledger", "verify", "--since", "old", "--json")
    assert json.loads(part.out)["start"] == 14


CHANGES = [
    (
        "UPDATE entries SET body = CAST(replace(CAST(body AS TEXT), 'v1', 'v7') AS BLOB) WHERE id = 4",
        "entry 3 was changed",
    ),
    ("DELETE FROM entries WHERE id = 6", "entry 5 is missing"),
    ("UPDATE entries SET time = time + 1 WHERE id = 9", "the time beside entry 8 is not the time in it"),
    ("DELETE FROM subjects WHERE id = 3", "entry 2"),
]


@pytest.mark.parametrize(("statement", "sentence"), CHANGES)
def test_verify_ends_with_1_and_says_which_entry(filled: Run, tmp_path: Path, statement: str, sentence: str) -> None:
    change(tmp_path, statement)
    done = filled("ledger", "verify")
    assert done.code == 1
    assert "not as recorded" in done.out and sentence in done.out
    plain = json.loads(filled("ledger", "verify", "--json").out)
    assert plain["ok"] is False and plain["problems"]


def test_verify_against_a_checkpoint_finds_a_ledger_that_was_set_back(filled: Run, tmp_path: Path) -> None:
    old = {name: (tmp_path / name).read_bytes() for name in ("ledger.db", "ledger.keys.db")}
    filled("ledger", "append", input=lines({"kind": "note"}))
    filled("ledger", "checkpoint", "--out", "kept")
    for name, raw in old.items():
        (tmp_path / name).write_bytes(raw)
        for end in ("-wal", "-shm"):
            (tmp_path / f"{name}{end}").unlink(missing_ok=True)
    assert filled("ledger", "verify").code == 0
    done = filled("ledger", "verify", "--checkpoint", "kept")
    assert done.code == 1
    assert "it was cut or set back" in done.out


def test_verify_of_a_file_that_is_no_ledger_ends_with_1(filled: Run, tmp_path: Path) -> None:
    raw = (tmp_path / "ledger.db").read_bytes()
    (tmp_path / "ledger.db").write_bytes(b"\0" * 100 + raw[100:])
    for end in ("-wal", "-shm"):
        (tmp_path / f"ledger.db{end}").unlink(missing_ok=True)
    done = filled("ledger", "verify")
    assert done.code == 1
    assert "ledger.db is damaged" in done.out
    assert "there is no ledger file 'no.db'" in filled("ledger", "verify", "--ledger", "sqlite:///no.db").sentence


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--checkpoint", "no"], "there is no file 'no', expected a checkpoint."),
        (["--vkey", "no"], "there is no file 'no', expected a public key."),
        (["--vkey", "a+b+c"], "this is no public key of a ledger"),
    ],
)
def test_verify_is_told_what_it_is_given(filled: Run, arguments: list[str], sentence: str) -> None:
    assert sentence in filled("ledger", "verify", *arguments).sentence


# -- export -----------------------------------------------------------------------------------------------------------


def checked(folder: Path, *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "verify.py", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_a_bundle_is_accepted_by_the_verifier_beside_it(filled: Run, tmp_path: Path) -> None:
    filled("ledger", "checkpoint", "--out", "old")
    filled("ledger", "append", input=lines({"kind": "note"}))
    done = filled("ledger", "export", "all.bundle", "--verifier", "--since", "old")
    assert done.code == 0 and "15 entries" in done.err
    command = shlex.split(done.err.strip().partition("To check it: python ")[2])
    assert command[0] == "verify.py"
    assert checked(tmp_path, *command[1:])[0] == 0
    some = filled("ledger", "export", "some.bundle", "--kind", "decision", "--start", "3", "--stop", "9")
    assert "6 entries" in some.err
    assert checked(tmp_path, "some.bundle", command[2])[0] == 0
    raw = (tmp_path / "some.bundle").read_bytes()
    (tmp_path / "some.bundle").write_bytes(raw.replace(b"v1", b"v9", 1))
    code, told = checked(tmp_path, "some.bundle", command[2])
    assert code == 1, told
    assert b"Jane" not in raw


def test_export_of_one_person_or_of_nobody(filled: Run, tmp_path: Path) -> None:
    done = filled("ledger", "export", "one.bundle", "--subject", "person-4")
    assert "1 entry." in done.err and not (tmp_path / "verify.py").exists()
    assert "no entry fits" in filled("ledger", "export", "no.bundle", "--kind", "nothing").sentence
    assert not (tmp_path / "no.bundle").exists()


# -- assess -----------------------------------------------------------------------------------------------------------


def test_assess_records_itself_where_the_policy_names_a_ledger(filled: Run, fair: Path, tmp_path: Path) -> None:
    done = filled("assess", fair, "--label", "approved", "--group", "sex", "--json", "--out", "out")
    assert done.code == 0
    assert "Recorded: entry 14 of the ledger aequo/" in done.err
    assert (tmp_path / "out" / "findings.json").read_text(encoding="utf-8") == done.out
    import hashlib

    with book(tmp_path) as ledger:
        event = ledger.entry(14).event
        assert ledger.verify().signed == 15
    assert event["result"] == "sha256:" + hashlib.sha256(done.out.encode()).hexdigest()
    assert event["verdict"] == "pass"


def test_assess_records_where_it_is_told(run: Run, fair: Path, tmp_path: Path) -> None:
    assert run("ledger", "init").code == 0
    how = ("assess", fair, "--label", "approved", "--group", "sex")
    assert "Recorded" not in run(*how).err
    assert "Recorded: entry 0" in run(*how, "--ledger", URL, "--key", "file:aequo.key").err
    assert "Recorded: entry 1" in run(*how, env={"AEQUO_LEDGER": URL}).err
    assert "no ledger is named: give --ledger too" in run(*how, "--key", "file:aequo.key").sentence
    assert "there is no ledger file 'no.db'" in run(*how, "--ledger", "sqlite:///no.db", "--out", "out").sentence
    assert not (tmp_path / "out").exists()


def test_a_ledger_that_cannot_be_written_costs_neither_report_nor_result(
    filled: Run, fair: Path, tmp_path: Path
) -> None:
    change(tmp_path, "UPDATE head SET size = size + 1, peaks = peaks || zeroblob(32)")
    done = filled("assess", fair, "--label", "approved", "--group", "sex", "--json", "--out", "out")
    assert done.code == 2
    assert json.loads(done.out)["verdict"] == "pass"
    assert (tmp_path / "out" / "findings.json").read_text(encoding="utf-8") == done.out
    assert "aequo: the assessment is not in the ledger: " in done.err and "Verdict" not in done.err


# -- the master key ---------------------------------------------------------------------------------------------------


def test_a_rotation_keeps_everything_readable_and_the_old_keys_go_when_told(filled: Run, tmp_path: Path) -> None:
    old = KeyRing.from_text((tmp_path / "aequo.key").read_text())
    before = filled("ledger", "show", "--json").out
    done = filled("ledger", "rotate", "--json")
    assert done.code == 0 and json.loads(done.out)["versions"] == [1, 2] and json.loads(done.out)["people"] >= 10
    assert stat.S_IMODE((tmp_path / "aequo.key").stat().st_mode) == 0o600
    assert filled("ledger", "show", "--json").out == before
    done = filled("ledger", "rotate", "--forget-old")
    assert done.code == 0 and done.out == "2\n" and "holds only this one" in done.err
    assert KeyRing.from_text((tmp_path / "aequo.key").read_text()).versions == (2,)
    assert filled("ledger", "show", "--json").out == before
    assert filled("ledger", "verify").code == 0
    with pytest.raises(KeyProblem, match="sealed with master key 2, and the key given has 1"):
        Ledger.open(f"sqlite:///{tmp_path}/ledger.db", key=old)


def test_a_key_that_is_in_no_file_is_rotated_where_it_is(filled: Run, tmp_path: Path) -> None:
    assert "the master key is in no file" in filled("ledger", "rotate", "--key", "env:AEQUO_KEY").sentence


# -- help -------------------------------------------------------------------------------------------------------------

COMMANDS = ("init", "append", "show", "tail", "report", "checkpoint", "prove", "verify", "export", "rotate")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_help_has_examples_that_run(filled: Run, tmp_path: Path, command: str) -> None:
    text = filled("ledger", command, "--help").out
    assert "Exit codes: 0" in " ".join(text.split()) and text.isascii()
    examples = re.findall(r"^ +((?:echo .*)?aequo ledger .*)$", text, re.MULTILINE)
    assert examples
    (tmp_path / "decisions.jsonl").write_bytes(lines(DECISION))
    filled("ledger", "append", input=lines(*({"kind": "note"} for _ in range(200))))
    for name in ("2026-01-31.checkpoint", "2025-12-31.checkpoint"):
        filled("ledger", "checkpoint", "--out", name)
    with book(tmp_path) as ledger:
        (tmp_path / "auditor.vkey").write_text(ledger.vkey)
    for example in examples:
        if "-f" in example.split() or command in ("init", "checkpoint"):
            continue
        script = example.replace("aequo ", f"{sys.executable} -m aequo ")
        done = subprocess.run(
            ["sh", "-c", script], cwd=tmp_path, env=clean_environment(), capture_output=True, check=False
        )
        assert done.returncode == 0, (example, done.stderr)


def test_a_broken_call_is_told_in_one_sentence(kept: Run) -> None:
    calls: list[tuple[Callable[[], Ended], str]] = [
        (lambda: kept("ledger", "shwo"), "no such command 'shwo'. Did you mean 'show'? See: aequo ledger --help"),
        (lambda: kept("ledger", "prove", "x"), "'x' is not a valid int"),
        (lambda: kept("ledger", "show", "--limit", "0"), "0 is not in the range"),
        (lambda: kept("ledger", "export"), "missing argument 'BUNDLE'"),
    ]
    for call, sentence in calls:
        assert sentence in call().sentence
    assert kept("ledger").code == 2
