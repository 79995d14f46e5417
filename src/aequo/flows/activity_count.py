"""Counting entries of a period, from the newest back, with what later entries say of them.

Backwards, because an outcome or an override follows the decision that it is on: in memory is only what still waits for
its decision, and the first that is met of several on one decision is the newest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple, cast

import msgspec

from aequo.errors import Tampered
from aequo.ledger.reading import pages, spans
from aequo.ledger.store import Store, StoredEntry
from aequo.report.activity import Scalar, StandsFor

__all__ = ["MOST_VALUES", "Counted", "Part", "Place", "as_value", "count_entries"]

_DAY = 86_400_000_000

_EARLIEST, _LATEST = -62_135_596_800_000_000, 253_402_300_800_000_000  # the years 1 to 9999

MOST_VALUES = 1000
"""Different values that are counted apart; further ones are counted together, so that memory is bounded."""


class Place(NamedTuple):
    """Where an entry is, and when it was recorded (microseconds since 1970)."""

    entry: int
    time: int


class _Sign(Enum):
    """Keys for what is no value, and for the two values that as keys would be the same as 0 and 1."""

    FALSE = False
    TRUE = True
    ABSENT = "absent"
    SEALED = "sealed"
    OTHERS = "others"


class _Event(msgspec.Struct, gc=False):
    """What reports need of an event; other fields are passed over."""

    model_version: str | None = None
    operator_id: str | None = None
    verdict: str | None = None
    output: Scalar | msgspec.UnsetType = msgspec.UNSET
    truth: Scalar | msgspec.UnsetType = msgspec.UNSET
    of: int | None = None
    leaf: str | None = None


class _Envelope(msgspec.Struct, gc=False):
    kind: str
    event: _Event


class _Loose(msgspec.Struct, gc=False):
    kind: str
    event: Any = None


_FAST = msgspec.json.Decoder(_Envelope)
_SLOW = msgspec.json.Decoder(_Loose)


@dataclass(slots=True)
class Part:
    """Decisions that have something in common: how many, how many with a known outcome, and how many of those wrong."""

    n: int = 0
    known: int = 0
    wrong: int = 0


@dataclass(slots=True, kw_only=True)
class Counted:
    """What is counted. Keys are values of events, or stand for absent, sealed and further ones; see `as_value`.

    Attributes
    ----------
    entries : int
        Entries of the period.
    first, last : Place or None
        Its first and last entry.
    kinds : dict
        Entries by kind.
    days : dict
        Decisions by day since 1970, UTC.
    decisions : Part
        All decisions of the period.
    versions, operators, outputs : dict
        Decisions by each.
    verdicts : dict
        Numbers of decisions.
    uncompared : int
        Decisions whose outcome cannot be compared with their output.
    overridden : int
        Decisions that were overridden.
    changes, overriders : dict
        Overridden decisions by (output, what was decided instead), and by who did.
    elsewhere : int
        Outcomes and overrides of the period that are on no decision of the period.
    """

    entries: int = 0
    first: Place | None = None
    last: Place | None = None
    kinds: dict[object, int] = field(default_factory=dict)
    days: dict[int, int] = field(default_factory=dict)
    decisions: Part = field(default_factory=Part)
    versions: dict[object, Part] = field(default_factory=dict)
    operators: dict[object, Part] = field(default_factory=dict)
    outputs: dict[object, Part] = field(default_factory=dict)
    verdicts: dict[object, int] = field(default_factory=dict)
    uncompared: int = 0
    overridden: int = 0
    changes: dict[tuple[object, object], int] = field(default_factory=dict)
    overriders: dict[object, int] = field(default_factory=dict)
    elsewhere: int = 0


def count_entries(store: Store, size: int, *, since: int | None, until: int | None, late: int | None) -> Counted:
    """Count the entries of a period.

    Parameters
    ----------
    store : Store
        The database.
    size : int
        Entries to look at, from the first.
    since, until : int or None
        The period, in microseconds since 1970, `until` not included.
    late : int or None
        Outcomes and overrides recorded before this count.

    Raises
    ------
    Tampered
        If an entry cannot be read or is missing.
    """
    counting = _Counting(
        since=-(2**62) if since is None else since,
        until=2**62 if until is None else until,
        late=2**62 if late is None else late,
    )
    for row in _backwards(store, size, since, until, late):
        counting.take(row)
    for waiting in (*counting.outcomes.values(), *counting.overrides.values()):
        counting.made.elsewhere += waiting.inside
    return counting.made


def as_value(key: object) -> tuple[Scalar, StandsFor]:
    """Return the value of an event that a key of `Counted` is, and what it stands for.

    Examples
    --------
    >>> as_value("approve")
    ('approve', 'value')
    """
    if isinstance(key, _Sign):
        return (key.value, "value") if isinstance(key.value, bool) else (None, cast(StandsFor, key.value))
    return cast(Scalar, key), "value"


def _backwards(
    store: Store, size: int, since: int | None, until: int | None, late: int | None
) -> Iterator[StoredEntry]:
    """Return the entries that may be of the period or follow up on one that is, newest first."""
    period = next(spans(store, since, until, 0, size), None) if size else None
    if period is None:
        return
    # A follow-up has a higher index than its decision, so nothing before the period matters.
    end = None if until is None or late is None else max(until, late)
    for begin, stop in reversed(list(spans(store, since, end, period[0], size))):
        for asked, rows in pages(store, begin, stop, newest_first=True):
            if len(rows) != len(asked):
                there = {row.position for row in rows}
                gone = next(i for i in asked if i not in there)
                raise Tampered(f"entry {gone} is missing; `aequo ledger verify` says more.")
            yield from reversed(rows)


@dataclass(slots=True)
class _Said:
    """What was said of a decision that is still to come: the newest word, who said it, how often in the period."""

    value: object
    by: object
    inside: int = 0


@dataclass(slots=True, kw_only=True)
class _Counting:
    """The period, what waits for its decision, and the counts so far."""

    since: int
    until: int
    late: int
    made: Counted = field(default_factory=Counted)
    # By the decision's index and hash.
    outcomes: dict[tuple[int, str | None], _Said] = field(default_factory=dict)
    overrides: dict[tuple[int, str | None], _Said] = field(default_factory=dict)

    def take(self, row: StoredEntry) -> None:
        """Count one entry; entries come newest first."""
        try:
            head = _FAST.decode(row.body)
            kind, event = head.kind, head.event
        except (msgspec.MsgspecError, UnicodeError):
            kind, event = _loose(row)
        if not _EARLIEST <= row.time < _LATEST:
            raise Tampered(f"the time of entry {row.position} cannot be one; `aequo ledger verify` says more.")
        inside = self.since <= row.time < self.until
        if kind == "decision":
            self._decision(row, event, inside=inside)
        elif event.of is not None and row.time < self.late:
            self._follow_up(kind, event, inside=inside)
        if inside:
            made = self.made
            made.entries += 1
            made.kinds[kind] = made.kinds.get(kind, 0) + 1
            made.first = Place(row.position, row.time)
            made.last = made.last or made.first

    def _follow_up(self, kind: str, event: _Event, *, inside: bool) -> None:
        if event.of is None or kind not in ("outcome", "override"):
            return
        waiting = self.outcomes if kind == "outcome" else self.overrides
        value = event.truth if kind == "outcome" else event.output
        on = (event.of, event.leaf)
        said = waiting.get(on)
        if said is None:  # the newest is met first, and counts
            said = waiting[on] = _Said(_key(value), _named(event.operator_id))
        said.inside += inside

    def _decision(self, row: StoredEntry, event: _Event, *, inside: bool) -> None:
        outcome = override = None
        if self.outcomes or self.overrides:
            on = (row.position, row.leaf.hex())
            outcome, override = self.outcomes.pop(on, None), self.overrides.pop(on, None)
        if not inside:
            self.made.elsewhere += sum(said.inside for said in (outcome, override) if said is not None)
            return
        made, output = self.made, _key(event.output)
        parts = (
            made.decisions,
            _part(made.versions, _named(event.model_version)),
            _part(made.operators, _named(event.operator_id)),
            _part(made.outputs, output),
        )
        for part in parts:
            part.n += 1
        _add(made.verdicts, _named(event.verdict))
        day = row.time // _DAY
        made.days[day] = made.days.get(day, 0) + 1
        if outcome is not None:
            self._compare(parts, output, outcome.value)
        if override is not None:
            made.overridden += 1
            change = (output, override.value)
            if change not in made.changes and len(made.changes) >= MOST_VALUES:
                change = (_Sign.OTHERS, _Sign.OTHERS)
            made.changes[change] = made.changes.get(change, 0) + 1
            _add(made.overriders, override.by)

    def _compare(self, parts: tuple[Part, ...], output: object, truth: object) -> None:
        if _sort(output) is None or _sort(output) is not _sort(truth):
            self.made.uncompared += 1
            return
        for part in parts:
            part.known += 1
            part.wrong += output != truth


def _loose(row: StoredEntry) -> tuple[str, _Event]:
    """Read an entry whose fields are not of the usual types, as anybody may append one."""
    try:
        head = _SLOW.decode(row.body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise Tampered(f"entry {row.position} cannot be read; `aequo ledger verify` says more.") from None
    event = head.event if isinstance(head.event, dict) else {}
    texts = {n: event[n] for n in ("model_version", "operator_id", "verdict", "leaf") if isinstance(event.get(n), str)}
    values = {n: event[n] for n in ("output", "truth") if n in event and not isinstance(event[n], (dict, list))}
    of = event.get("of")
    return head.kind, _Event(**texts, **values, of=of if type(of) is int else None)


def _key(value: object) -> object:
    if value is msgspec.UNSET:
        return _Sign.SEALED
    return _Sign(value) if isinstance(value, bool) else value


def _named(text: str | None) -> object:
    return _Sign.ABSENT if text is None else text


def _sort(key: object) -> type | None:
    """Return what a value can be compared with: text, numbers, booleans, or nothing."""
    if isinstance(key, _Sign):
        return bool if isinstance(key.value, bool) else None
    return float if isinstance(key, int) else type(key)


def _add(counts: dict[object, int], key: object) -> None:
    if key not in counts and len(counts) >= MOST_VALUES:
        key = _Sign.OTHERS
    counts[key] = counts.get(key, 0) + 1


def _part(parts: dict[object, Part], key: object) -> Part:
    found = parts.get(key)
    if found is None:
        key = key if len(parts) < MOST_VALUES else _Sign.OTHERS
        found = parts.setdefault(key, Part())
    return found
