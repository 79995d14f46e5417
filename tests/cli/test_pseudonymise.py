"""`aequo pseudonymise` in real processes: keys, options, where words go, and how it ends."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from aequo.ledger.keys import KeyRing
from aequo.privacy.pseudonyms.pseudonymiser import pseudonymise

from .calls import Ended, Run, clean_environment, write

# The command alone, with the ways to end of `aequo` itself.
_ALONE = """
import sys
import time
from aequo.cli import main
if not any(c.name == "pseudonymise" for c in main.app.registered_commands):
    from aequo.cli.pseudonymise import pseudonymise
    main.app.command("pseudonymise")(pseudonymise)
sys.exit(main.main())
"""


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Call ``aequo pseudonymise`` in an empty directory."""

    def call(*args: object, env: dict[str, str] | None = None) -> Ended:
        done = subprocess.run(
            [sys.executable, "-c", _ALONE, "pseudonymise", *map(str, args)],
            cwd=tmp_path,
            env={k: v for k, v in clean_environment(**(env or {})).items() if k != "AEQUO_KEY" or env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=120,
            check=False,
        )
        return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())

    return call


ROWS = [
    "Jane@x.org,617-555-0123,7,2024-01-31,fine",
    "jane@X.org,617.555.0123,7,2024-02-02,write to bo@y.org",
    ",,8,soon,",
]


@pytest.fixture
def people(tmp_path: Path) -> Path:
    return write(tmp_path / "people.csv", "email,phone,patient,visit_date,note", ROWS)


@pytest.fixture
def key(tmp_path: Path) -> KeyRing:
    ring = KeyRing({1: bytes(32)})
    ring.save(tmp_path / "people.key")
    return ring


def test_without_a_key_one_sentence_says_how_to_make_one(run: Run, people: Path) -> None:
    said = run("people.csv", "--out", "out.csv").sentence
    assert "--new-key FILE" in said
    assert "AEQUO_KEY" in said
    assert "aequo ledger init" in said


def test_a_new_key_is_written_used_and_told_of(run: Run, people: Path, tmp_path: Path) -> None:
    done = run("people.csv", "--out", "out.csv", "--new-key", "new.key")
    assert done.code == 0, done.err
    assert "Wrote out.csv with key version 1." in done.err
    assert "Wrote new.key: keep it apart" in done.err
    again = run("people.csv", "--out", "again.csv", "--key", "new.key")
    assert again.code == 0
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "out.csv").read_bytes()
    assert (tmp_path / "new.key").stat().st_mode & 0o077 == 0


def test_a_new_key_does_not_stay_where_nothing_was_written(run: Run, people: Path, tmp_path: Path) -> None:
    assert (
        "no column 'emial'" in run("people.csv", "--out", "o.csv", "--new-key", "n.key", "--fields", "emial").sentence
    )
    assert not (tmp_path / "n.key").exists()
    assert not (tmp_path / "o.csv").exists()


def test_the_key_may_come_from_the_environment(run: Run, people: Path, key: KeyRing, tmp_path: Path) -> None:
    assert run("people.csv", "--out", "a.csv", env={"AEQUO_KEY": key.to_text()}).code == 0
    assert run("people.csv", "--out", "b.csv", "--key", "env:OTHER", env={"OTHER": bytes(32).hex()}).code == 0
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_json_is_what_python_returns(run: Run, people: Path, key: KeyRing, tmp_path: Path) -> None:
    done = run("people.csv", "--out", "out.csv", "--key", "people.key", "--fields", "email,phone", "--json")
    result = pseudonymise(people, ["email", "phone"], key=key, out=tmp_path / "python.csv")
    assert done.out == result.report.to_json() + "\n"
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "python.csv").read_bytes()
    assert done.err == "Wrote out.csv with key version 1.\n"


def test_the_table_says_what_was_replaced_and_what_looks_personal(run: Run, people: Path, key: KeyRing) -> None:
    done = run("people.csv", "--out", "out.csv", "--key", "people.key")
    assert re.search(r"^email +email +token +2 +1$", done.out, re.MULTILINE)
    assert "These look personal too, and were not replaced:\n  note: 1 of 2 values hold an e-mail address" in done.out
    assert "bo@y.org" not in done.out + done.err
    assert "\n  visit_date" not in done.out


def test_every_option_reaches_the_file(run: Run, people: Path, key: KeyRing, tmp_path: Path) -> None:
    done = run(
        "people.csv", "--out", "out.csv", "--key", "file:people.key", "--fields", "email,phone=phone", "--fields",
        "patient,visit_date=date", "--form", "preserving", "--person", "patient", "--vault", "people.vault",
        "--country", "1", "--missing", "fine", "--unknown", "ignore",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert "1 left empty: no date, or nobody's" in done.out
    assert "looks personal" not in done.out
    result = pseudonymise(
        people, {"email": "email", "phone": "phone", "patient": "id", "visit_date": "date"}, key=key, form="preserving",
        person="patient", country="1", missing=["", "fine"], unknown="ignore", out=tmp_path / "python.csv",
    )  # fmt: skip
    assert (tmp_path / "out.csv").read_bytes() == result.data.read_bytes()
    assert (tmp_path / "people.vault").exists()


def test_a_column_whose_name_has_a_comma_or_an_equals_sign_can_be_named(run: Run, key: KeyRing, tmp_path: Path) -> None:
    write(tmp_path / "odd.csv", '"mail, home",a=id,b', ["a@x.org,1,2"])
    done = run(
        "odd.csv", "--out", "out.csv", "--key", "people.key", "--fields", "mail, home", "--fields", "a=id", "--json"
    )
    assert [c["column"] for c in json.loads(done.out)["replaced"]] == ["mail, home", "a=id"]


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--unknown", "refuse"], "'note' (text with e-mails)"),
        (["--fields", "email=mail"], "--fields says 'mail' for a column, expected one of email, phone"),
        (["--fields", "email,"], "empty column name"),
        (["--person", "nobody"], "no column 'nobody'"),
        (["--form", "hash"], "'hash' is not one of"),
        (["--new-key", "x"], "both given"),
        (["--key", "none"], "there is no key file 'none'"),
        (["--out", "people.csv"], "people.csv is there already"),
        (["--out", "x.parquet"], "another format"),
        (["--country", "+1"], "expected a calling code"),
        (["--encoding", "ascii"], "the encoding is 'ascii'"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_writes_nothing(
    run: Run, people: Path, key: KeyRing, tmp_path: Path, more: list[str], says: str
) -> None:
    before = sorted(tmp_path.iterdir())
    said = run("people.csv", "--out", "out.csv", "--key", "people.key", *more).sentence
    assert says in said
    assert "jane" not in said.casefold()
    assert sorted(tmp_path.iterdir()) == before


def test_force_overwrites(run: Run, people: Path, key: KeyRing) -> None:
    assert run("people.csv", "--out", "people.csv", "--key", "people.key", "--force").code == 0
    assert "p1_" in people.read_text()


def test_help_is_plain_and_its_examples_run(run: Run, people: Path, key: KeyRing, tmp_path: Path) -> None:
    text = run("--help").out
    assert text.isascii()
    assert max(map(len, text.split("\n"))) <= 120
    examples = re.findall(r"^ +aequo pseudonymise ((?:.*\\\n)?.*)$", text, re.MULTILINE)
    assert len(examples) == 2
    write(tmp_path / "visits.csv", "patient,visit_date", ["7,2024-01-31", "8,2024-02-01"])
    (tmp_path / "people.key").unlink()
    for example in examples:
        (tmp_path / "hidden.csv").unlink(missing_ok=True)
        done = run(*shlex.split(example.replace("\\\n", " ")))
        assert done.code == 0, done.err


def test_the_command_imports_nothing_heavy() -> None:
    heavy = {"numpy", "duckdb", "cryptography", "narwhals"}
    code = f"import sys, aequo.cli.pseudonymise\nassert not {heavy!r} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")
def test_progress_is_for_terminals_and_only_after_a_while(tmp_path: Path) -> None:
    import pty

    code = (
        "import sys\nfrom aequo.cli.pseudonymise import _progress\n"
        "with _progress('Pseudonymising x', after=float(sys.argv[1]), every=0) as tell:\n"
        "    if tell: tell(0.5, 1000)"
    )
    for after, terminal, shown in ((0.0, True, True), (60.0, True, False), (0.0, False, False)):
        controller, end = pty.openpty() if terminal else os.pipe()
        subprocess.run(
            [sys.executable, "-c", code, str(after)], env=clean_environment(TERM="xterm"), stderr=end, check=True
        )
        os.set_blocking(controller, False)
        try:
            told = os.read(controller, 1 << 16)
        except BlockingIOError:
            told = b""
        os.close(end)
        os.close(controller)
        assert (b"Pseudonymising x ... 50%, 1,000 rows" in told) == shown
        assert not shown or told.endswith(b" \r")


@pytest.mark.skipif(os.name == "nt", reason="needs signals")
@pytest.mark.parametrize("name", ["many.csv", "many.jsonl", "many.parquet"])
def test_a_signal_ends_it_and_leaves_nothing_half_written(key: KeyRing, tmp_path: Path, name: str) -> None:
    import duckdb

    out = tmp_path / "out"
    out.mkdir()
    with duckdb.connect() as connection:
        connection.execute(
            f"copy (select 'u' || i || '@example.org' as email, i from range(3000000) t(i)) to '{tmp_path / name}'"
        )
    started = subprocess.Popen(
        [sys.executable, "-c", _ALONE, "pseudonymise", name, "--out", f"out/{name}", "--key", "people.key"],
        cwd=tmp_path, env=clean_environment(), stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    while not any(f.stat().st_size for f in out.iterdir()):
        assert started.poll() is None
        time.sleep(0.01)
    started.send_signal(signal.SIGTERM)
    _, said = started.communicate(timeout=60)
    assert started.returncode == 128 + signal.SIGTERM
    assert said.decode() == "\naequo: interrupted; nothing was written half-way.\n"
    assert list(out.iterdir()) == []
