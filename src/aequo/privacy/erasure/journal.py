"""What the ledger knows of erasures: begun, store by store, ended. From it an interrupted one goes on.

Before anything is destroyed, an entry on the person says that an erasure begins and what was found. It is tied to the
person like every entry on them, so that it is found again by the person's id alone. What follows refers to its id.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import msgspec

from aequo.errors import LedgerError, Tampered
from aequo.ledger import Checkpoint, InclusionProof, Ledger, Receipt
from aequo.ledger.entry import Header, header
from aequo.ledger.store import Store, StoredEntry
from aequo.ledger.tree import inclusion_proof
from aequo.privacy.erasure.receipt import DONE, Outcome

__all__ = [
    "ABOUT",
    "BEGUN",
    "STEP",
    "OnPerson",
    "Past",
    "begin",
    "indices_of",
    "prove_all",
    "read_past",
    "read_person",
    "record_steps",
    "sealed_off",
]

BEGUN = "erasure.begun"
"""Kind of the entry that comes before anything is destroyed."""

STEP = "erasure.step"
"""Kind of the entry that says what one store did."""

ABOUT = frozenset({BEGUN, DONE, "export", "legal-hold", "legal-hold.released"})
"""Kinds of entries on what was done about a person's data. What is sealed in them is empty."""

_NOTHING = 40
"""Length of an empty personal part, sealed and in base64."""

_MARK = b'"kind":"erasure'
_PAGE = 1000
_WRITERS = 32
_PATIENCE = 60.0
"""Seconds to wait for another process that gives entries their indices."""

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(slots=True, kw_only=True)
class Past:
    """An erasure that was begun before.

    Attributes
    ----------
    id : str
        Of the entry that began it.
    index : int
        Of that entry.
    began : datetime
        When.
    found : mapping of str to int or None
        Records by store, as counted before anything was erased.
    size : int
        Entries of the ledger when they were counted.
    entries : tuple of int
        Entries on the person that could be read then, the first of them.
    steps : dict of str to tuple of Outcome
        What stores are known to have done.
    end : int or None
        The entry that ended it; None if it was interrupted.
    ended : datetime or None
        When that was.
    """

    id: str
    index: int
    began: dt.datetime
    found: Mapping[str, int | None]
    size: int
    entries: tuple[int, ...]
    steps: dict[str, tuple[Outcome, ...]] = field(default_factory=dict)
    end: int | None = None
    ended: dt.datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OnPerson:
    """What the ledger holds on a person.

    Attributes
    ----------
    size : int
        Entries of the ledger when this was looked up.
    count : int
        Entries on the person, those on what was done about the person's data left out.
    sealed : tuple of int
        Those of them whose personal part can be read now.
    begun : tuple of Past
        Erasures that were begun, oldest first; what came of them is not looked up.
    refused : tuple of int
        Entries that say that an erasure was refused.
    """

    size: int
    count: int
    sealed: tuple[int, ...]
    begun: tuple[Past, ...]
    refused: tuple[int, ...]


# -- writing ----------------------------------------------------------------------------------------------------------


def begin(ledger: Ledger, cases: Sequence[tuple[str, Mapping[str, Any]]]) -> list[Receipt]:
    """Record for each person that an erasure begins; durable when it returns.

    Parameters
    ----------
    ledger : Ledger
        The ledger.
    cases : sequence of (str, mapping)
        A person's id, and the fields of the event; none of them is personal.
    """

    def write(case: tuple[str, Mapping[str, Any]]) -> Receipt:
        subject, said = case
        return ledger.append({"kind": BEGUN, **said}, subject=subject, clear=list(said))

    if len(cases) <= 1:
        return [write(case) for case in cases]
    with ThreadPoolExecutor(min(_WRITERS, len(cases))) as pool:  # those who wait share one write to the disk
        return list(pool.map(write, cases))


def record_steps(ledger: Ledger, steps: Iterable[tuple[str, str, Sequence[Outcome]]]) -> None:
    """Record what stores did, with one write to the disk: (id of the beginning, store, outcomes) each."""
    ledger.append_many(
        {"kind": STEP, "of": of, "store": store, "outcomes": [outcome.to_dict() for outcome in outcomes]}
        for of, store, outcomes in steps
    )


# -- reading ----------------------------------------------------------------------------------------------------------


def read_person(store: Store, person: bytes) -> OnPerson:
    """Return what the ledger holds on a person; reads no other entries than theirs."""
    size, key = store.head().size, store.person(person)
    current = None if key is None else key.key_id.hex()
    count, sealed, begun, refused = 0, [], [], []
    for row in _rows_on(store, person, 0, size):
        head = _header(row)
        if head.kind == BEGUN:
            begun.append(_begun(row, head))
        elif head.kind == DONE:
            refused.append(row.position)
        elif not _is_about(head):
            count += 1
            if head.sealed is not None and head.key == current:
                sealed.append(row.position)
    return OnPerson(size=size, count=count, sealed=tuple(sealed), begun=tuple(begun), refused=tuple(refused))


def _begun(row: StoredEntry, head: Header) -> Past:
    event = msgspec.json.decode(head.event)
    began = _EPOCH + dt.timedelta(microseconds=row.time)
    try:
        return msgspec.convert({**event, "id": head.id, "index": row.position, "began": began}, Past)
    except msgspec.ValidationError:
        raise Tampered(f"entry {row.position} is not what an erasure writes.") from None


def sealed_off(store: Store, person: bytes, start: int) -> tuple[int, ...]:
    """Return the entries on a person, from `start`, whose personal part cannot be read any more."""
    size, key = store.head().size, store.person(person)
    current = None if key is None else key.key_id.hex()
    heads = ((row.position, _header(row)) for row in _rows_on(store, person, start, size))
    return tuple(i for i, head in heads if head.sealed is not None and head.key != current and not _is_about(head))


def _is_about(head: Header) -> bool:
    return head.kind in ABOUT and (head.sealed is None or len(head.sealed) == _NOTHING)


def read_past(store: Store, begun: Iterable[Past]) -> None:
    """Look up what came of erasures, and note it in them.

    Entries are read from each beginning to its end: few, unless it was interrupted.
    """
    pasts = {past.id: past for past in begun}
    size, at = store.head().size, 0
    for first in sorted(pasts.values(), key=lambda past: past.index):
        at = max(at, first.index + 1)
        while first.end is None and at < size:
            for row in store.rows(at, min(at + _PAGE, size)):
                if _MARK in row.body:
                    _note(row, pasts)
            at += _PAGE


def _note(row: StoredEntry, pasts: Mapping[str, Past]) -> None:
    head = _header(row)
    if head.kind not in (STEP, DONE):
        return
    event = msgspec.json.decode(head.event)
    past = pasts.get(event.get("of") or "")
    if past is None:
        return
    if head.kind == DONE:
        past.end, past.ended = row.position, _EPOCH + dt.timedelta(microseconds=row.time)
        return
    try:
        past.steps[event["store"]] = msgspec.convert(event["outcomes"], tuple[Outcome, ...])
    except (KeyError, msgspec.ValidationError):
        raise Tampered(f"entry {row.position} is not what an erasure writes.") from None


def _rows_on(store: Store, person: bytes, start: int, stop: int) -> Iterator[StoredEntry]:
    """Return the entries on a person; `stop` keeps this from chasing a writer that is faster."""
    while found := [index for index in store.of_subject(person, start, _PAGE) if index < stop]:
        first = 0
        for at in range(1, len(found) + 1):  # neighbours are read together
            if at == len(found) or found[at] != found[at - 1] + 1:
                yield from store.rows(found[first], found[at - 1] + 1)
                first = at
        start = found[-1] + 1


def _header(row: StoredEntry) -> Header:
    try:
        return header(row.body)
    except msgspec.MsgspecError:
        raise Tampered(f"entry {row.position} cannot be read; `aequo ledger verify` says more.") from None


# -- indices and proofs -----------------------------------------------------------------------------------------------


def indices_of(ledger: Ledger, receipts: Sequence[Receipt]) -> list[int]:
    """Return the indices of entries that were just appended, once they have them.

    Raises
    ------
    LedgerError
        If another process, whose turn it is to give them, does not for a minute.
    """
    if all(receipt.index is not None for receipt in receipts):
        return [receipt.index for receipt in receipts if receipt.index is not None]
    low, high = min(r.time for r in receipts), max(r.time for r in receipts)
    until = time.monotonic() + _PATIENCE
    while True:
        ledger.sequence()
        window = ledger.entries(since=low, until=high + dt.timedelta(microseconds=1))
        known = {entry.leaf: entry.index for entry in window}
        if all(receipt.leaf in known for receipt in receipts):
            return [known[receipt.leaf] for receipt in receipts]
        if time.monotonic() > until:
            raise LedgerError("another process has not given entries their places for a minute; they are recorded.")
        time.sleep(0.05)


def prove_all(ledger: Ledger, indices: Sequence[int]) -> list[InclusionProof]:
    """Return a proof for each entry, all of them to one checkpoint that is signed now."""
    note = ledger.checkpoint()
    trees = ledger.subtrees(Checkpoint.from_text(note).size)
    root, proofs = trees.root(), []
    for index in indices:
        (row,) = ledger.store.rows(index, index + 1)
        path = tuple(inclusion_proof(trees, index, trees.size))
        proofs.append(
            InclusionProof(index=index, size=trees.size, body=row.body, path=path, root=root, checkpoint=note)
        )
    return proofs
