"""What is past its retention becomes unreadable, whoever is held or was written about lately is kept."""

from __future__ import annotations

import datetime as dt
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aequo.core.policy import Policy
from aequo.errors import InputError, KeyProblem, LedgerError
from aequo.ledger import Ledger
from aequo.privacy.erasure.retention import RETENTION_DAYS, expire, hold, lift_hold

from .erasing import durable, new_ledger, raw

NOW = dt.datetime(2026, 7, 1, tzinfo=dt.UTC)
PEOPLE = [f"person-{i}" for i in range(5)]


def append_at(ledger: Ledger, monkeypatch: pytest.MonkeyPatch, days: float, subject: str | None) -> int:
    """Append an entry as it would have been `days` before now."""
    at = NOW - dt.timedelta(days=days)
    with monkeypatch.context() as patch:
        patch.setattr(time, "time_ns", lambda: int(at.timestamp() * 1e6) * 1000)
        return ledger.append({"kind": "call", "text": "x"}, subject=subject).index or 0


def states(ledger: Ledger) -> dict[int, str]:
    return {entry.index: entry.sealed for entry in ledger.entries(kind="call")}


@settings(max_examples=20)
@given(
    st.lists(st.tuples(st.sampled_from([*PEOPLE, None]), st.floats(0, 400)), max_size=12),
    st.integers(1, 400),
    st.sets(st.sampled_from(PEOPLE), max_size=2),
    st.sampled_from([0, 250]),
)
def test_exactly_the_people_without_a_newer_entry_become_unreadable(
    history: list[tuple[str | None, float]], days: int, held: set[str], others: int
) -> None:
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        ledger = new_ledger(Path(name))
        for person in held:
            ledger.store.hold(ledger.subject_id(person), 1)
        ledger.append_many([{"kind": "tick", "n": i} for i in range(others)])  # so that blocks of 256 are complete
        history = sorted(history, key=lambda pair: -pair[1])
        index = {append_at(ledger, patch, age, who): who for who, age in history}
        newest = {who: min(age for w, age in history if w == who) for who in {w for w, _ in history if w is not None}}
        due = {who for who, age in newest.items() if age > days}

        plan = expire(ledger, now=NOW, days=days, dry_run=True)
        done = expire(ledger, now=NOW, days=days)

        assert (plan.people, plan.held, plan.index) == (len(due - held), len(due & held), None)
        assert (done.people, done.held, done.not_reached) == (len(due - held), len(due & held), ())
        gone = {who: "erased" if who in due - held else "open" for who in newest}
        assert states(ledger) == {i: gone[who] if who is not None else "none" for i, who in index.items()}
        again = expire(ledger, now=NOW, days=days)
        assert (again.people, again.index) == (0, None)
        assert ledger.verify().ok
        ledger.close()


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    with new_ledger(tmp_path) as opened:
        yield opened


def test_the_default_is_at_least_six_months_as_the_policy_says() -> None:
    assert Policy().ledger.retention_days == RETENTION_DAYS
    assert RETENTION_DAYS >= 366 / 2


def test_a_dry_run_changes_no_byte(ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append_at(ledger, monkeypatch, 300, "person-1")
    before = durable(tmp_path)
    plan = expire(ledger, now=NOW, dry_run=True)
    assert plan.sentence() == (
        "Dry run: the personal data of 1 person without an entry since 2025-12-30 would be made unreadable."
    )
    assert durable(tmp_path) == before


def test_expired_keys_are_in_no_file_and_the_ledger_says_whose_they_were(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for i in range(50):
        append_at(ledger, monkeypatch, 300 if i % 2 else 3, f"person-{i}")
    rows = {i: ledger.store.person(ledger.subject_id(f"person-{i}")) for i in range(50)}
    assert all(row is not None and row.wrapped in raw(tmp_path) for row in rows.values())
    done = expire(ledger, now=NOW, operator_id="nightly")
    after = raw(tmp_path)
    assert [i for i, row in rows.items() if row is not None and row.wrapped in after] == list(range(0, 50, 2))
    (begun,) = ledger.entries(kind="expiry.begun")
    assert set(begun.event["people"]) == {ledger.subject_id(f"person-{i}").hex() for i in range(1, 50, 2)}
    said = ledger.entry(done.index or 0)
    assert (said.kind, said.event["people"], said.event["operator_id"]) == ("expiry", 25, "nightly")


def test_holds_keep_and_their_end_lets_go(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    append_at(ledger, monkeypatch, 300, "person-1")
    later = dt.datetime.now(dt.UTC) + dt.timedelta(days=400)
    hold("person-1", ledger=ledger, reason="case 2026-17")
    done = expire(ledger, now=later)
    assert (done.people, done.held) == (0, 1)
    assert states(ledger) == {0: "open"}
    lift_hold("person-1", ledger=ledger, reason="closed")
    assert expire(ledger, now=later).people == 1
    assert states(ledger) == {0: "erased"}


def test_whoever_is_written_about_while_it_runs_is_kept(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    append_at(ledger, monkeypatch, 300, "person-1")
    append_at(ledger, monkeypatch, 300, "person-2")
    real = ledger.store.holds

    def holds() -> dict[bytes, int]:  # asked for after the people were looked at
        append_at(ledger, monkeypatch, 0, "person-1")
        return real()

    monkeypatch.setattr(ledger.store, "holds", holds)
    assert expire(ledger, now=NOW).people == 1
    assert states(ledger) == {0: "open", 1: "erased", 2: "open"}


def test_what_was_cut_off_before_the_scrub_is_scrubbed_by_asking_again(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append_at(ledger, monkeypatch, 300, "person-1")
    row = ledger.store.person(ledger.subject_id("person-1"))
    assert row is not None
    scrubs: list[int] = []
    real = ledger.store.scrub

    def fail() -> Any:
        raise LedgerError("x.db: the disk is full; nothing was recorded.")

    with monkeypatch.context() as patch:
        patch.setattr(ledger.store, "scrub", fail)
        done = expire(ledger, now=NOW)
    assert done.people == 1 and "the disk is full" in done.not_reached[0]
    monkeypatch.setattr(ledger.store, "scrub", lambda: scrubs.append(1) or real())
    assert expire(ledger, now=NOW).people == 0
    assert scrubs == [1] and row.wrapped not in raw(tmp_path)


def test_entries_that_are_older_are_not_read(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(time, "time_ns", lambda: int((NOW - dt.timedelta(days=300)).timestamp() * 1e9))
        ledger.append_many([{"kind": "call", "n": i} for i in range(5000)], subject="person-1")
    append_at(ledger, monkeypatch, 3, "person-2")
    read: list[tuple[int, int]] = []
    real = ledger.store.subject_rows
    monkeypatch.setattr(ledger.store, "subject_rows", lambda a, b: read.append((a, b)) or real(a, b))
    assert expire(ledger, now=NOW, dry_run=True).people == 1
    assert sum(min(b, 5001) - a for a, b in read) <= 256


@pytest.mark.parametrize("days", [0, -1])
def test_a_retention_of_less_than_a_day_is_refused(ledger: Ledger, days: int) -> None:
    with pytest.raises(InputError, match="expected a retention of at least one day"):
        expire(ledger, days=days)


def test_without_the_key_nothing_expires(ledger: Ledger) -> None:
    with Ledger.open(ledger.url) as locked, pytest.raises(KeyProblem):
        expire(locked)
