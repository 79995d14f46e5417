"""`aequo erase` and `aequo subject`: real processes; the person's id is never shown back."""

from __future__ import annotations

import json
import os
import pty
import select
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from aequo.ledger import KeyRing, Ledger
from aequo.privacy.erasure.receipt import check_receipt

from .calls import Ended, clean_environment

POLICY = """
[ledger]
url = "sqlite:///decisions.db"
key = "file:master.key"

[[erase.stores]]
name = "shop"
url = "sqlite:///shop.db"
find = "SELECT * FROM orders WHERE person = :subject"
delete = ["DELETE FROM orders WHERE person = :subject"]
"""
PERSON = "customer-17"
Call = Callable[..., Ended]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A ledger with two people in it, a shop, and a policy that names both."""
    key = KeyRing.new()
    key.save(tmp_path / "master.key")
    with Ledger.open(f"sqlite:///{tmp_path}/decisions.db", key=key) as ledger:
        for i in range(4):
            ledger.append({"kind": "call", "text": f"Quartz {i}"}, subject=PERSON if i % 2 else "customer-18")
    db = sqlite3.connect(tmp_path / "shop.db")
    db.execute("CREATE TABLE orders(person TEXT, item TEXT)")
    db.execute("INSERT INTO orders VALUES(?, 'book'), ('customer-18', 'pen')", (PERSON,))
    db.commit()
    db.close()
    (tmp_path / "aequo.toml").write_text(POLICY, encoding="utf-8")
    return tmp_path


@pytest.fixture
def call(place: Path) -> Call:
    """Call ``aequo`` in that folder, and see that the person is not named in what it says."""

    def run(*args: str, stdin: str | None = None, named: bool = False) -> Ended:
        done = subprocess.run(
            [sys.executable, "-m", "aequo", *args],
            cwd=place,
            env=clean_environment(),
            input=stdin if stdin is not None else "",
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert "Traceback" not in done.stderr and "bug in aequo" not in done.stderr
        assert PERSON not in done.stderr
        assert named or PERSON not in done.stdout
        return Ended(done.returncode, done.stdout, done.stderr)

    return run


def opened(place: Path) -> Ledger:
    return Ledger.open(f"sqlite:///{place}/decisions.db", key=f"file:{place}/master.key", create=False)


def orders(place: Path) -> list[tuple[str, str]]:
    db = sqlite3.connect(place / "shop.db")
    try:
        return db.execute("SELECT person, item FROM orders").fetchall()
    finally:
        db.close()


def test_a_person_is_erased_and_the_receipt_is_written_and_checked(place: Path, call: Call) -> None:
    done = call(
        "erase", PERSON, "--yes", "--operator", "desk-7", "--reason", "request of 3 May", "--out", "receipt.json"
    )
    assert done.code == 0, done
    assert done.out.splitlines() == [
        "shop: erased 1 record",
        "ledger: made unreadable 2 records",
        "ledger: kept 2 records (what is readable in them stays, with the person's keyed hash; without it the log "
        "could not be verified)",
    ]
    assert "Erased; entry 7 of " in done.err and "Receipt: receipt.json" in done.err
    assert orders(place) == [("customer-18", "pen")]
    text = (place / "receipt.json").read_text(encoding="utf-8")
    assert stat.S_IMODE((place / "receipt.json").stat().st_mode) == 0o600
    with opened(place) as ledger:
        receipt = check_receipt(text, ledger.vkey)
        assert (receipt.operator_id, receipt.reason) == ("desk-7", "request of 3 May")
        assert [entry.sealed for entry in ledger.entries(kind="call")] == ["open", "erased"] * 2
        vkey = ledger.vkey

    checked = call("subject", "check-receipt", "receipt.json")
    assert checked.code == 0 and checked.out == done.out and "Sound: entry 7 of " in checked.err
    assert call("subject", "check-receipt", "receipt.json", "--vkey", vkey).code == 0
    (place / "forged.json").write_text(text.replace("desk-7", "desk-8", 1), encoding="utf-8")
    forged = call("subject", "check-receipt", "forged.json")
    assert forged.code == 1 and "says other things than its entry" in forged.err
    assert "this is no receipt" in call("subject", "check-receipt", "aequo.toml").sentence

    again = call("erase", PERSON, "--yes")
    assert again.code == 0 and "An earlier erasure of this person ended on " in again.err
    shown = call("subject", "receipts", PERSON, "--json", "--out", "newest.json")
    assert [one["already"] is None for one in json.loads(shown.out)] == [True, False]
    assert json.loads((place / "newest.json").read_text(encoding="utf-8"))["index"] == json.loads(shown.out)[1]["index"]


def test_json_is_what_the_python_call_returns(place: Path, call: Call) -> None:
    done = call("erase", PERSON, "--yes", "--json")
    plain = json.loads(done.out)
    with opened(place) as ledger:
        assert check_receipt(done.out, ledger.vkey).to_dict() == plain


def test_a_dry_run_counts_and_leaves_everything(place: Path, call: Call) -> None:
    def files() -> dict[str, bytes]:
        return {p.name: p.read_bytes() for p in place.iterdir() if not p.name.endswith("-shm") and p.stat().st_size}

    before = files()
    done = call("erase", PERSON, "--dry-run")
    assert done.code == 0
    assert done.out.splitlines()[:2] == ["shop: would erase 1 record", "ledger: would make unreadable 2 records"]
    assert "Dry run: nothing was changed." in done.err
    assert files() == before
    assert "a dry run has none" in call("erase", PERSON, "--dry-run", "--out", "x.json").sentence


def test_the_id_comes_from_stdin_so_that_no_history_holds_it(place: Path, call: Call) -> None:
    assert "nothing came" in call("erase", "-", "--yes", stdin="").sentence
    assert call("erase", "-", "--yes", stdin=f"{PERSON}\n").code == 0
    assert orders(place) == [("customer-18", "pen")]


def test_where_nobody_can_be_asked_nothing_is_erased_without_yes(place: Path, call: Call) -> None:
    done = call("erase", PERSON)
    assert done.code == 2 and done.out == ""
    assert "nobody is there to ask: --yes erases without asking" in done.err
    assert "  shop: would erase 1 record" in done.err, "the plan is shown all the same"
    assert len(orders(place)) == 2
    with opened(place) as ledger:
        assert ledger.size == 4


@pytest.mark.parametrize(("answer", "code"), [("n", 2), ("y", 0)])
def test_on_a_terminal_it_shows_what_would_go_and_asks(place: Path, answer: str, code: int) -> None:
    main, other = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "aequo", "erase", "-"],
        cwd=place, env=clean_environment(TERM="dumb"), stdin=other, stdout=subprocess.PIPE, stderr=other,
    )  # fmt: skip
    os.close(other)
    said = b""
    for prompt, typed in ((b"Id of the person", PERSON), (b"It cannot be undone", answer)):
        deadline = time.monotonic() + 60
        while prompt not in said and time.monotonic() < deadline:
            if select.select([main], [], [], 1)[0]:
                said += os.read(main, 1000)
        os.write(main, f"{typed}\n".encode())
    out, _ = process.communicate(timeout=60)
    os.close(main)
    assert process.returncode == code
    assert b"shop: would erase 1 record" in said
    assert said.count(PERSON.encode()) == 1, "only the terminal's own echo shows it"
    assert len(orders(place)) == (1 if code == 0 else 2)
    assert bool(out) == (code == 0)


def test_a_store_that_is_not_reached_is_exit_code_1_and_a_rerun_completes(place: Path, call: Call) -> None:
    lock = sqlite3.connect(place / "shop.db", isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")
    (place / "aequo.toml").write_text(POLICY + "[erase]\ntimeout = 0.5\n", encoding="utf-8")
    text = POLICY.replace("[[erase.stores]]", "[erase]\ntimeout = 0.5\n[[erase.stores]]")
    (place / "aequo.toml").write_text(text, encoding="utf-8")
    done = call("erase", PERSON, "--yes")
    assert done.code == 1
    assert done.out.splitlines()[0].startswith("shop: NOT REACHED (")
    assert "ledger: made unreadable 2 records" in done.out
    assert "Not all was erased: 1 not reached" in done.err
    lock.execute("ROLLBACK")
    lock.close()
    again = call("erase", PERSON, "--yes")
    assert again.code == 0 and again.out.splitlines()[0] == "shop: erased 1 record"


def test_a_hold_refuses_and_its_end_lets_go(place: Path, call: Call) -> None:
    assert call("subject", "hold", PERSON, "--reason", "case 2026-17").code == 0
    told = call("erase", PERSON, "--yes").sentence
    assert told.startswith("this person is under a legal hold since ") and "case 2026-17. Nothing was erased" in told
    assert len(orders(place)) == 2
    assert "reason holds the id" in call("subject", "release", PERSON, "--reason", f"{PERSON} is done").sentence
    assert call("subject", "release", PERSON, "--reason", "closed").code == 0
    assert "under no legal hold" in call("subject", "release", PERSON, "--reason", "closed").sentence
    assert call("erase", PERSON, "--yes").code == 0


def test_an_export_is_written_for_its_owner_alone_or_to_stdout(place: Path, call: Call) -> None:
    done = call("subject", "export", PERSON, "--out", "all.json")
    assert done.code == 0 and done.out == ""
    found = json.loads((place / "all.json").read_text(encoding="utf-8"))
    assert found["stores"]["shop"] == [{"person": PERSON, "item": "book"}]
    assert [r["event"]["text"] for r in found["stores"]["ledger"]] == ["Quartz 1", "Quartz 3"]
    assert stat.S_IMODE((place / "all.json").stat().st_mode) == 0o600
    assert "all.json is there already" in call("subject", "export", PERSON, "--out", "all.json").sentence
    shown = call("subject", "export", PERSON, named=True)
    assert json.loads(shown.out)["stores"] == found["stores"]
    (place / "shop.db").unlink()
    missed = call("subject", "export", PERSON, named=True)
    assert missed.code == 1 and "shop: NOT READ (there is no such file, or it cannot be opened)" in missed.err


def test_retention_asks_counts_and_ends(place: Path, call: Call) -> None:
    shown = call("subject", "expire", "--dry-run", "--json")
    assert json.loads(shown.out)["people"] == 0
    done = call("subject", "expire", "--yes")
    assert done.code == 0
    assert done.out.startswith("The personal data of 0 people without an entry since ")
    assert "nobody is there to ask" in call("subject", "expire").err
    assert "expected a retention of at least one day" in call("subject", "expire", "--days", "0", "--yes").sentence


def test_code_that_the_policy_names_is_found_beside_it(place: Path, call: Call) -> None:
    (place / "ours.py").write_text("def letters(subject):\n    return 3\n", encoding="utf-8")
    more = '\n[[erase.stores]]\nname = "letters"\nuse = "ours:letters"\n'
    (place / "aequo.toml").write_text(POLICY + more, encoding="utf-8")
    done = call("erase", PERSON, "--yes")
    assert done.code == 0 and "letters: erased 3 records" in done.out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["erase"], "missing argument 'SUBJECT'"),
        (["erase", "", "--yes"], "a subject is a str, expected the person's id"),
        (["erase", PERSON, "--yes", "--ledger", "sqlite:///none.db"], "there is no ledger file 'none.db'"),
        (["erase", PERSON, "--yes", "--key", "file:none.key"], "there is no key file 'none.key'"),
        (["erase", PERSON, "--yes", "--policy", "none.toml"], "there is no policy file 'none.toml'"),
        (["erase", PERSON, "--yes", "--out", "aequo.toml"], "aequo.toml is there already"),
        (["erase", PERSON, "--yes", "--out", "none/r.json"], "there is no such folder"),
        (["erase", PERSON, "--yes", "--reason", f"for {PERSON}"], "reason holds the id of the person"),
        (["subject", "hold", PERSON], "missing option '--reason'"),
        (["subject", "receipts", PERSON, "--out", "r.json"], "never erased here"),
        (["subject", "check-receipt", "none.json"], "there is no file 'none.json', expected a receipt"),
    ],
)  # fmt: skip
def test_a_wrong_call_is_told_in_one_sentence_and_erases_nothing(
    place: Path, call: Call, arguments: list[str], told: str
) -> None:
    assert told in call(*arguments).sentence
    assert len(orders(place)) == 2


@pytest.mark.parametrize(
    "command",
    [["erase"], *(["subject", name] for name in ("export", "hold", "release", "receipts", "check-receipt", "expire"))],
)
def test_every_help_has_an_example_and_its_exit_codes(call: Call, command: list[str]) -> None:
    done = call(*command, "--help", named=True)
    assert done.code == 0
    assert f"  aequo {' '.join(command)}" in done.out or f"| aequo {' '.join(command)}" in done.out
    assert "Exit codes: 0" in done.out
