"""`report_activity`: from a ledger and a period to an `ActivityReport`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from aequo.core.intervals import normal_quantile, wilson
from aequo.errors import InputError
from aequo.flows.activity_count import MOST_VALUES, Counted, Part, Place, as_value, count_entries
from aequo.flows.lookup import moment
from aequo.ledger.check import Verification
from aequo.ledger.entry import microseconds
from aequo.report.activity import (
    ActivityReport,
    Change,
    Day,
    Decisions,
    LedgerState,
    Mark,
    Overrides,
    Period,
    Rate,
    Tally,
)
from aequo.report.words import thousands

if TYPE_CHECKING:
    from aequo.ledger import Ledger

__all__ = ["LEAST", "report_activity"]

LEAST = 20
"""Rates on fewer decisions are not stated."""

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_Rates = Callable[[int, int, str], Rate]


def report_activity(
    ledger: Ledger,
    *,
    since: dt.datetime | dt.date | str | None = None,
    until: dt.datetime | dt.date | str | None = None,
    outcomes_until: dt.datetime | dt.date | str | None = None,
    verify: bool | Verification = True,
    confidence: float = 0.95,
    least: int = LEAST,
) -> ActivityReport:
    """Report what a ledger holds on a period: decisions, error rates, overrides, other entries.

    Parameters
    ----------
    ledger : Ledger
        With or without its key: nothing that is sealed is opened.
    since, until : datetime, date or ISO text, optional
        The period: recorded at or after `since`, and before `until`; all by default.
    outcomes_until : datetime, date or ISO text, optional
        Outcomes and overrides recorded before this count, also those that came after the period; all by default.
    verify : bool or Verification
        Whether to check the whole ledger first; or what `Ledger.verify` returned, as with a checkpoint kept elsewhere.
    confidence : float
        Level of the intervals, in (0, 1).
    least : int
        Rates on fewer decisions are not stated.

    Returns
    -------
    ActivityReport
        Totals, error rates, overrides, and which ledger they are of.

    Raises
    ------
    InputError
        If the period ends before it begins, or a date is none.
    Tampered
        If an entry cannot be read or is missing.

    Examples
    --------
    >>> import tempfile
    >>> from aequo.ledger import KeyRing, Ledger
    >>> folder = tempfile.TemporaryDirectory()
    >>> ledger = Ledger.open(f"sqlite:///{folder.name}/ledger.db", key=KeyRing.new())
    >>> for output in ("approve", "approve", "decline"):
    ...     receipt = ledger.log_decision(input={"income": 1}, output=output, model_version="v3")
    >>> report = report_activity(ledger)
    >>> report.decisions.n, report.decisions.by_outcome[0].value, report.decisions.errors.why
    (3, 'approve', 'no outcome is known')
    >>> ledger.close()
    >>> folder.cleanup()
    """
    start, stop, late = (None if t is None else moment(t) for t in (since, until, outcomes_until))
    if start is not None and stop is not None and stop < start:
        raise InputError("the period ends before it begins.")
    if not 0 < confidence < 1:
        raise InputError(f"confidence is {confidence:g}, expected a number between 0 and 1, such as 0.95.")
    checked = ledger.verify() if verify is True else verify or None
    verified_at = None if checked is None else dt.datetime.now(dt.UTC)
    head = ledger.store.head()
    edges = (None if t is None else microseconds(t) for t in (start, stop, late))
    count = count_entries(ledger.store, head.size, **dict(zip(("since", "until", "late"), edges, strict=True)))
    rates = _rates(confidence, least)
    return ActivityReport(
        ledger=LedgerState(
            origin=ledger.origin,
            vkey=ledger.vkey,
            size=head.size,
            root=head.root.hex(),
            checkpoint=head.note,
            verification=checked,
            verified_at=verified_at,
        ),
        period=Period(
            since=start,
            until=stop,
            outcomes_until=late,
            entries=count.entries,
            first=_mark(count.first),
            last=_mark(count.last),
        ),
        kinds=_tallies(count.kinds, count.entries),
        decisions=_decisions(count, rates),
        overrides=_overrides(count, rates),
        confidence=confidence,
        least=least,
        method=_method(confidence, least),
        limits=_limits(count),
        version=_version(),
    )


def _version() -> str:
    from aequo import __version__

    return __version__


def _mark(place: Place | None) -> Mark | None:
    return None if place is None else Mark(index=place.entry, time=_EPOCH + dt.timedelta(microseconds=place.time))


# -- rates ------------------------------------------------------------------------------------------------------------


def _rates(confidence: float, least: int) -> _Rates:
    """Return what makes a rate of a count, of how many, and of what these are called."""
    z = normal_quantile((1 + confidence) / 2)

    def rate(count: int, n: int, what: str) -> Rate:
        if n < max(least, 1):
            why = _too_few(n, what, least)
            return Rate(count=count, n=n, value=None, interval=None, why=why)
        low, high = wilson(np.array([float(count)]), np.array([float(n)]), z)
        return Rate(count=count, n=n, value=count / n, interval=(float(low[0]), float(high[0])))

    return rate


def _too_few(n: int, what: str, least: int) -> str:
    """Say that there are too few, as ``what`` ("outcome ... known", "decision ... there") has it."""
    noun, _, state = what.partition(" ")
    if n == 0:
        return f"no {noun} is {state}"
    return f"only {n} {noun}{' is' if n == 1 else 's are'} {state}, and {least} are needed"


def _errors(part: Part, rates: _Rates) -> Rate:
    return rates(part.wrong, part.known, "outcome known")


# -- tallies ----------------------------------------------------------------------------------------------------------


def _tallies(counts: Mapping[object, int], total: int) -> tuple[Tally, ...]:
    out = []
    for key, n in sorted(counts.items(), key=_by_number):
        value, stands_for = as_value(key)
        out.append(Tally(value=value, n=n, share=n / total, stands_for=stands_for))
    return tuple(out)


def _judged(parts: Mapping[object, Part], total: int, rates: _Rates) -> tuple[Tally, ...]:
    out = []
    for key, part in sorted(parts.items(), key=lambda pair: _by_number((pair[0], pair[1].n))):
        value, stands_for = as_value(key)
        errors = _errors(part, rates)
        out.append(Tally(value=value, n=part.n, share=part.n / total, stands_for=stands_for, errors=errors))
    return tuple(out)


def _by_number(pair: tuple[object, int]) -> tuple[bool, int, str]:
    """Most frequent first, equal ones by name, and what is left over last."""
    value, stands_for = as_value(pair[0])
    return stands_for == "others", -pair[1], repr(value)


def _decisions(count: Counted, rates: _Rates) -> Decisions:
    n = count.decisions.n
    return Decisions(
        n=n,
        by_day=tuple(Day(day=(_EPOCH + dt.timedelta(days=day)).date(), n=k) for day, k in sorted(count.days.items())),
        by_version=_judged(count.versions, n, rates),
        by_operator=_judged(count.operators, n, rates),
        by_outcome=_judged(count.outputs, n, rates),
        by_verdict=_tallies(count.verdicts, n),
        errors=_errors(count.decisions, rates),
        uncompared=count.uncompared,
    )


def _overrides(count: Counted, rates: _Rates) -> Overrides:
    changes = []
    for (before, after), n in sorted(count.changes.items(), key=lambda pair: (-pair[1], repr(pair[0]))):
        (output, output_is), (to, to_is) = as_value(before), as_value(after)
        share = n / count.overridden
        changes.append(Change(output=output, to=to, n=n, share=share, output_stands_for=output_is, to_stands_for=to_is))
    return Overrides(
        rate=rates(count.overridden, count.decisions.n, "decision there"),
        by_operator=_tallies(count.overriders, count.overridden),
        changes=tuple(changes),
    )


# -- method and limits ------------------------------------------------------------------------------------------------


def _method(confidence: float, least: int) -> tuple[str, ...]:
    return (
        "Days and the ends of the period are in UTC; the period has its first instant and not its last.",
        "A decision counts as wrong if its output is not equal to the newest outcome that was attached to it: numbers "
        "as numbers, texts letter by letter. What a person made of it by an override is not part of that rate.",
        f"Rates have Wilson's interval at {100 * confidence:g}%. On fewer than {least} decisions none is stated.",
    )


def _limits(count: Counted) -> tuple[str, ...]:
    n, known = count.decisions.n, count.decisions.known
    out = []
    if 0 < known < n:
        out.append(
            f"The error rate is that of the {thousands(known)} decisions whose outcome is known; of the other "
            f"{thousands(n - known)} nothing follows from it, above all where outcomes are known of one kind of "
            "decision only."
        )
    if count.uncompared:
        out.append(
            f"Of {thousands(count.uncompared)} decision{'' if count.uncompared == 1 else 's'} the outcome could not be "
            "compared with the output, which is sealed or of another kind, such as text and a number: in no rate here."
        )
    if count.elsewhere:
        out.append(
            f"Of the outcomes and overrides recorded in the period, {thousands(count.elsewhere)} "
            f"{'is' if count.elsewhere == 1 else 'are'} on decisions outside of it, or on none, and in no rate here."
        )
    parts = (count.versions, count.operators, count.outputs, count.verdicts, count.overriders, count.changes)
    if any(len(part) > MOST_VALUES for part in parts):
        out.append(f"Of more than {thousands(MOST_VALUES)} different values the further ones are counted together.")
    return tuple(out)
