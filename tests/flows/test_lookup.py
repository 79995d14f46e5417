"""Entries by what they say: every filter divides the entries, and what is asked for is what is found."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aequo.errors import KeyProblem
from aequo.flows.lookup import Wanted, find_entries
from aequo.ledger import Entry, KeyRing, Ledger

VALUE = st.sampled_from(["approve", "1", "true", "null", 1, 1.5, 0, True, False, None])
NAME = st.sampled_from(["a", "b", ""])
EVENT = st.fixed_dictionaries(
    {}, optional={"output": VALUE, "model_version": NAME, "operator_id": NAME, "verdict": NAME}
) | st.sampled_from([None, [1], "text"])


def entry(event: Any, kind: str = "decision") -> Entry:
    return Entry(
        index=0, id="0" * 32, time=dt.datetime(2026, 1, 1, tzinfo=dt.UTC), kind=kind, event=event, subject=None,
        sealed="none", leaf=bytes(32),
    )  # fmt: skip


@given(st.lists(EVENT, max_size=30), st.sampled_from(["model_version", "operator_id", "verdict"]))
def test_a_filter_divides_the_entries_that_state_the_field(events: list[Any], name: str) -> None:
    entries = [entry(event) for event in events]
    stating = [e for e in entries if isinstance(e.event, dict) and name in e.event]
    for value in ("a", "b", ""):
        asked = Wanted(**{name: value})
        assert [e for e in entries if asked.fits(e)] == [e for e in stating if e.event[name] == value]
    assert sum(Wanted(**{name: v}).fits(e) for e in entries for v in ("a", "b", "")) == len(stating)


@given(EVENT, VALUE)
def test_an_output_is_found_by_how_it_reads(event: Any, value: Any) -> None:
    asked = value if isinstance(value, str) else json.dumps(value)
    assert Wanted(output=asked).fits(entry({"output": value}))
    fits = Wanted(output=asked).fits(entry(event))
    assert not fits or (isinstance(event, dict) and "output" in event)


@given(EVENT)
def test_who_asks_for_nothing_gets_everything(event: Any) -> None:
    assert Wanted().anything and Wanted().fits(entry(event))
    assert not Wanted(kind="other").fits(entry(event)) and not Wanted(kind="other").anything


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(f"sqlite:///{tmp_path}/x.db", key=KeyRing.new()) as opened:
        for i in range(6):
            opened.append({"kind": "call", "n": i, "output": i % 2}, subject=f"p{i % 3}", clear=["output"])
        yield opened


def test_what_is_sealed_is_opened_only_on_request(ledger: Ledger) -> None:
    closed = list(find_entries(ledger, Wanted(output="1")))
    opened = list(find_entries(ledger, Wanted(output="1"), opened=True))
    assert [e.index for e in closed] == [e.index for e in opened] == [1, 3, 5]
    assert {e.sealed for e in closed} == {"locked"} and {e.sealed for e in opened} == {"open"}
    assert all("n" not in e.event for e in closed) and [e.event["n"] for e in opened] == [1, 3, 5]


def test_a_person_is_found_without_opening_anything(ledger: Ledger) -> None:
    found = list(find_entries(ledger, Wanted(), subject="p1", newest_first=True))
    assert [e.index for e in found] == [4, 1] and {e.sealed for e in found} == {"locked"}
    with Ledger.open(ledger.url, create=False) as locked, pytest.raises(KeyProblem):
        list(find_entries(locked, Wanted(), subject="p1"))


def test_pages_follow_one_another(ledger: Ledger) -> None:
    everything = [e.index for e in find_entries(ledger, Wanted())]
    assert everything == [
        i for a in (0, 2, 4) for i in [e.index for e in find_entries(ledger, Wanted(), start=a, stop=a + 2)]
    ]
    assert everything[::-1] == [e.index for e in find_entries(ledger, Wanted(), newest_first=True)]
