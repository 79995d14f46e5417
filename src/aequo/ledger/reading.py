"""Reading entries in pages, by index, time, kind, person and fields.

Each stored node of the tree has the earliest and latest time below it, so that a period in a long ledger is found
without reading what is outside of it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from aequo.errors import LedgerError, Tampered
from aequo.ledger.entry import Entry, Header, header, opened
from aequo.ledger.people import People
from aequo.ledger.store import Store, StoredEntry
from aequo.ledger.tree import BITS

__all__ = ["Chosen", "next_page", "pages", "read_entries", "spans"]

_PAGE = 1000
_PAGE_BYTES = 32 * 2**20
_FIRST_PAGE = 16
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Which entries to read; times in microseconds since 1970, `until` and `stop` not included."""

    start: int = 0
    stop: int | None = None
    since: int | None = None
    until: int | None = None
    kind: str | None = None
    subject: bytes | None = None
    newest_first: bool = False
    fields: Mapping[str, Any] = field(default_factory=dict)


def read_entries(store: Store, chosen: Chosen, people: People | None) -> Iterator[Entry]:
    """Return the chosen entries one by one.

    Parameters
    ----------
    store : Store
        The database.
    chosen : Chosen
        Which.
    people : People or None
        Opens what is sealed; None leaves it closed.

    Raises
    ------
    Tampered
        At an entry that cannot be read.
    """
    for row in _rows(store, chosen):
        try:
            head = header(row.body)
            entry = _entry(row, head, people) if _fits(row, head, chosen) else None
        except LedgerError:
            raise
        except (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError):
            raise Tampered(f"entry {row.position} cannot be read; `aequo ledger verify` says more.") from None
        if entry is not None and all(_field(entry.event, name) == value for name, value in chosen.fields.items()):
            yield entry


def spans(store: Store, since: int | None, until: int | None, start: int, stop: int) -> Iterator[tuple[int, int]]:
    """Return ranges of indices, in order, outside of which no entry is of the period.

    Parameters
    ----------
    store : Store
        The database.
    since, until : int or None
        The period, in microseconds since 1970.
    start, stop : int
        Indices to stay within.
    """
    if since is None and until is None:
        yield start, stop
        return
    low, high = since if since is not None else -(2**62), until if until is not None else 2**62
    level = BITS * max(1, ((max(stop, 1) - 1).bit_length() - 1) // BITS)
    waiting = [(level, 0, (stop >> level) + 1)]
    while waiting:
        level, first, last = waiting.pop()
        width = 1 << level
        complete = {node.position: node for node in store.nodes(level, first, last)}
        deeper: list[tuple[int, int, int]] = []
        for position in range(first, last):
            begin, end = max(start, position * width), min(stop, (position + 1) * width)
            node = complete.get(position)
            if begin >= end or (node is not None and (node.high < low or node.low >= high)):
                continue
            if level == BITS:
                yield begin, end
            else:
                deeper.append((level - BITS, position << BITS, (position + 1) << BITS))
        waiting += reversed(deeper)


def _rows(store: Store, chosen: Chosen) -> Iterator[StoredEntry]:
    size = store.head().size
    stop = size if chosen.stop is None else min(chosen.stop, size)
    if chosen.subject is not None:
        yield from _of_subject(store, chosen.subject, chosen.start, stop, newest_first=chosen.newest_first)
        return
    ranges = spans(store, chosen.since, chosen.until, chosen.start, stop)
    for begin, end in reversed(list(ranges)) if chosen.newest_first else ranges:
        for _, rows in pages(store, begin, end, newest_first=chosen.newest_first):
            yield from reversed(rows) if chosen.newest_first else rows


def pages(
    store: Store, start: int, stop: int, *, newest_first: bool = False
) -> Iterator[tuple[range, list[StoredEntry]]]:
    """Read entries in pages that fit into memory, however large an entry is.

    Parameters
    ----------
    store : Store
        The database.
    start, stop : int
        Indices, `stop` not included.
    newest_first : bool
        Pages from the end; within a page entries are always in order.

    Yields
    ------
    tuple of range and list of StoredEntry
        The indices asked for, and the entries there are.
    """
    count = _FIRST_PAGE
    while start < stop:
        count = min(count, stop - start)
        asked = range(stop - count, stop) if newest_first else range(start, start + count)
        rows = store.rows(asked.start, asked.stop)
        yield asked, rows
        start, stop = (start, asked.start) if newest_first else (asked.stop, stop)
        count = next_page(count, rows, _PAGE)


def next_page(count: int, rows: Sequence[StoredEntry], most: int) -> int:
    """Return how many entries to read next: up to `most`, four times as many as now, some 32 MB of those just read.

    Examples
    --------
    >>> next_page(16, [StoredEntry(0, 0, b"", b"small")] * 16, 1000)
    64
    >>> next_page(16, [StoredEntry(0, 0, b"", bytes(4 * 2**20))] * 16, 1000)
    8
    """
    size = sum(len(row.body) for row in rows)
    return max(1, min(most, 4 * count, len(rows) * _PAGE_BYTES // max(size, 1)))


def _of_subject(store: Store, subject: bytes, start: int, stop: int, *, newest_first: bool) -> Iterator[StoredEntry]:
    indices: list[int] = []
    while start < stop and (found := store.of_subject(subject, start, _PAGE)):
        indices += [i for i in found if i < stop]
        start = found[-1] + 1
    for index in reversed(indices) if newest_first else indices:
        yield from store.rows(index, index + 1)


def _fits(row: StoredEntry, head: Header, chosen: Chosen) -> bool:
    return (
        (chosen.kind is None or head.kind == chosen.kind)
        and (chosen.since is None or row.time >= chosen.since)
        and (chosen.until is None or row.time < chosen.until)
    )


def _entry(row: StoredEntry, head: Header, people: People | None) -> Entry:
    data_key, state = None, "none"
    if head.sealed is not None and head.subject is not None and head.key is not None:
        subject, key_id = bytes.fromhex(head.subject), bytes.fromhex(head.key)
        state = "locked"
        if people is not None:
            data_key = people.to_read(subject, key_id)
            state = "erased" if data_key is None else "open"
    event, complete = opened(head, data_key)
    if state == "open" and not complete:
        raise Tampered(f"the sealed part of entry {row.position} was changed.")
    sealed: Literal["none", "open", "locked", "erased"] = state  # type: ignore[assignment]
    return Entry(
        index=row.position,
        id=head.id,
        time=_EPOCH + dt.timedelta(microseconds=row.time),
        kind=head.kind,
        event=event,
        subject=head.subject,
        sealed=sealed,
        leaf=row.leaf,
    )


def _field(event: object, name: str) -> object:
    return event.get(name) if isinstance(event, dict) else None
