"""Entries are found by index, time, kind, person and field, as if all were read and some chosen."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aequo.ledger import Entry, Ledger
from aequo.ledger.reading import pages
from aequo.ledger.store import StoredEntry

from .samples import make


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with make(tmp_path) as ledger:
        yield ledger


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    """A ledger of 1,500 entries at times that mostly rise, as clocks do."""
    rng = random.Random(5)
    now = 1_700_000_000_000_000
    with pytest.MonkeyPatch.context() as patch, make(tmp_path_factory.mktemp("busy")) as ledger:
        patch.setattr("aequo.ledger.ledger.time.time_ns", lambda: now * 1000)
        while ledger.size < 1500:
            now += rng.randrange(-3_000_000, 60_000_000)
            kind = rng.choice(["decision", "review", "note"])
            first = ledger.size
            events = [{"kind": kind, "n": first + i, "version": rng.choice("ab")} for i in range(rng.randint(1, 40))]
            subject = rng.choice([None, None, "ann", "bob"])
            ledger.append_many(events, subject=subject, clear=["n", "version"] if subject else ())
        yield ledger


@pytest.fixture(scope="module")
def everything(busy: Ledger) -> list[Entry]:
    return list(busy.entries())


@settings(max_examples=150)
@given(st.data())
def test_filters_give_what_reading_everything_and_choosing_gives(
    busy: Ledger, everything: list[Entry], data: st.DataObject
) -> None:
    times = st.builds(
        lambda entry, more: entry.time + dt.timedelta(microseconds=more),
        st.sampled_from(everything),
        st.integers(-1, 1),
    )
    start = data.draw(st.none() | st.integers(-5, 1600))
    stop = data.draw(st.none() | st.integers(-5, 1600))
    since, until = data.draw(st.none() | times), data.draw(st.none() | times)
    kind = data.draw(st.sampled_from([None, "decision", "nothing"]))
    subject = data.draw(st.sampled_from([None, None, "ann", "carl"]))
    version = data.draw(st.sampled_from([None, "a"]))
    newest_first = data.draw(st.booleans())
    fields = {} if version is None else {"version": version}
    how = {"start": start or 0, "stop": stop, "since": since, "until": until, "kind": kind, "subject": subject}
    got = busy.entries(**how, newest_first=newest_first, **fields)
    expected = [
        e
        for e in everything
        if e.index >= (start or 0)
        and (stop is None or e.index < stop)
        and (since is None or e.time >= since)
        and (until is None or e.time < until)
        and (kind is None or e.kind == kind)
        and (subject is None or e.subject == busy.subject_id(subject).hex())
        and (version is None or e.event["version"] == version)
    ]
    assert list(got) == (expected[::-1] if newest_first else expected)


def test_a_period_in_a_long_ledger_is_found_without_reading_the_rest(
    busy: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, asked = busy.store.rows, []

    def counted(start: int, stop: int) -> Any:
        asked.append(stop - start)
        return rows(start, stop)

    entry = busy.entry(700)
    monkeypatch.setattr(busy.store, "rows", counted)
    found = list(busy.entries(since=entry.time, until=entry.time + dt.timedelta(microseconds=1)))
    assert entry in found and sum(asked) <= 3 * 256


def test_reading_stops_where_the_ledger_ended_when_reading_began(ledger: Ledger) -> None:
    ledger.append_many([{"n": n} for n in range(5)])
    seen = []
    for entry in ledger.entries():
        seen.append(entry.event["n"])
        ledger.append({"n": 5 + len(seen)})
        assert len(seen) < 50
    assert seen[:5] == [0, 1, 2, 3, 4]


def test_any_range_can_be_asked_for(ledger: Ledger) -> None:
    ledger.append_many([{"n": n} for n in range(5)], subject="a")
    ranges = ((0, None, 5), (3, 2, 0), (5, None, 0), (2**70, None, 0), (0, 2**70, 5), (-9, 2, 2), (0, -1, 0))
    for subject in (None, "a"):
        for start, stop, length in ranges:
            assert len(list(ledger.entries(start=start, stop=stop, subject=subject))) == length
            assert len(list(ledger.entries(start=start, stop=stop, subject=subject, newest_first=True))) == length


def test_pages_hold_every_entry_once_in_order_and_shrink_when_entries_are_large() -> None:
    sizes = [10] * 100 + [3 * 2**20] * 60 + [10] * 3000

    class Counting:
        def rows(self, start: int, stop: int) -> list[StoredEntry]:
            return [StoredEntry(i, 0, b"", bytes(sizes[i])) for i in range(start, min(stop, len(sizes)))]

    for newest_first in (False, True):
        found = list(pages(Counting(), 3, 3150, newest_first=newest_first))  # type: ignore[arg-type]
        order = [row.position for _, rows in (reversed(found) if newest_first else found) for row in rows]
        assert order == list(range(3, 3150))
        assert all([row.position for row in rows] == list(asked) for asked, rows in found)
        held = [sum(len(row.body) for row in rows) for _, rows in found]
        assert sorted(held)[-2] <= 32 * 2**20, "but for the page on which the entries grew"
        assert max(len(rows) for _, rows in found) == 1000
