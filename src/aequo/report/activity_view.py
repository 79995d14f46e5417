"""What every view of an `ActivityReport` shows, in which order and in which words; no layout.

Terminal, Markdown and HTML take their text from here, so that they cannot disagree on a number.
"""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aequo.core.finding import Status
from aequo.report import words
from aequo.report.activity import ActivityReport, Day, Mark, Rate, Scalar, StandsFor, Tally

__all__ = [
    "KINDS",
    "Bin",
    "Line",
    "Sheet",
    "facts",
    "headline",
    "instant",
    "ledger_facts",
    "period_text",
    "rate_text",
    "sheets",
    "timeline",
    "value_text",
]

KINDS = {Status.PASS: "Verified", Status.FAIL: "Not as recorded", Status.UNKNOWN: "Not verified"}
"""What the check of the ledger gave, in a word or two."""

_STANDS_FOR = {"absent": "(not stated)", "sealed": "(sealed)", "others": "(further values)"}
_MOST_BARS = 92


# -- words ------------------------------------------------------------------------------------------------------------


def value_text(value: Scalar, stands_for: StandsFor = "value") -> str:
    """Return a value of an event for people; a text that looks like another kind of value is in quotes.

    Examples
    --------
    >>> value_text("approve"), value_text(1), value_text("1"), value_text(True), value_text(None, "sealed")
    ('approve', '1', '"1"', 'true', '(sealed)')
    """
    if stands_for != "value":
        return _STANDS_FOR[stands_for]
    if not isinstance(value, str):
        return json.dumps(value)
    try:
        json.loads(value)
    except ValueError:
        return words.name(value) if value.strip() else f'"{words.name(value)}"'
    return f'"{words.name(value)}"'


def rate_text(rate: Rate) -> str:
    """Return a rate with its interval and what it is of, or that it is unknown and why.

    Examples
    --------
    >>> rate_text(Rate(count=0, n=3, value=None, interval=None, why="only 3 outcomes are known, and 20 are needed"))
    'unknown: only 3 outcomes are known, and 20 are needed'
    """
    if rate.value is None:
        return f"unknown: {rate.why}"
    share, reach = words.with_unit(rate.value, "percent"), words.span(rate.interval, "percent")
    return f"{share} ({reach}) of {words.thousands(rate.n)}"


def instant(when: dt.datetime) -> str:
    """Return a time to the second, or the day alone where it is a day's first instant.

    Examples
    --------
    >>> instant(dt.datetime(2026, 1, 31, tzinfo=dt.UTC)), instant(dt.datetime(2026, 1, 31, 9, 5, tzinfo=dt.UTC))
    ('2026-01-31', '2026-01-31 09:05:00 UTC')
    """
    if when.time() == dt.time(0):
        return when.date().isoformat()
    return f"{when:%Y-%m-%d %H:%M:%S} UTC"


def period_text(report: ActivityReport) -> str:
    """Return the period in words."""
    since, until = report.period.since, report.period.until
    if since is None and until is None:
        return "all that is recorded"
    if until is None:
        return f"since {instant(since)}" if since is not None else ""
    return f"{instant(since)} to before {instant(until)}" if since is not None else f"before {instant(until)}"


def headline(report: ActivityReport) -> tuple[str, str]:
    """Return the two sentences that stand first: what was decided, and what checking the ledger gave."""
    d, o = report.decisions, report.overrides
    if not d.n:
        lead = "No decision was recorded."
    else:
        parts = [_count(d.n, "decision")]
        if o.rate.count:
            parts.append(f"{words.thousands(o.rate.count)} of them overridden")
        rate = d.errors
        if rate.value is not None:
            wrong = words.with_unit(rate.value, "percent")
            parts.append(f"{wrong} of the {words.thousands(rate.n)} with a known outcome wrong")
        else:
            parts.append(f"error rate unknown: {rate.why}")
        lead = f"{', '.join(parts)}."
    return lead, _checked(report)


def _checked(report: ActivityReport) -> str:
    found = report.ledger.verification
    if found is None:
        return "The ledger was not checked for this report: nothing here vouches for its entries."
    if not found.ok:
        text = words.plain(found.problems[0].what) if found.problems else "It is not as recorded."
        more = len(found.problems) - 1
        text = f"{text[:1].upper()}{text[1:]}"
        return f"{text} {words.thousands(more)} more {'is' if more == 1 else 'are'} listed below." if more > 0 else text
    text = f"{_count(found.size, 'entry', 'entries')}, all as recorded"
    text += f", read from entry {words.thousands(found.start)} on" if found.start else ""
    text += f"; {_count(found.checkpoints, 'checkpoint')} fit."
    if found.signed < found.size:
        text += (
            f" The last {words.thousands(found.size - found.signed)} were appended without the key and are unsigned."
        )
    if found.witnessed:
        return f"{text} A checkpoint kept elsewhere vouches for the first {words.thousands(found.witnessed)}."
    return f"{text} No checkpoint kept elsewhere was given: entries cut off its end would not show."


def _count(n: int, one: str, many: str = "") -> str:
    return f"{words.thousands(n)} {one if n == 1 else many or one + 's'}"


def facts(report: ActivityReport) -> list[tuple[str, str]]:
    """Return the main numbers, as pairs of name and text."""
    d, o = report.decisions, report.overrides
    overridden = words.thousands(o.rate.count)
    if o.rate.value:
        overridden += f" ({words.with_unit(o.rate.value, 'percent')})"
    return [
        ("Period", period_text(report)),
        ("Decisions", words.thousands(d.n)),
        ("With a known outcome", words.thousands(d.errors.n)),
        ("Error rate", "unknown" if d.errors.value is None else words.with_unit(d.errors.value, "percent")),
        ("Overridden", overridden),
        ("Entries of all kinds", words.thousands(report.period.entries)),
    ]


def ledger_facts(report: ActivityReport) -> list[tuple[str, str]]:
    """Return which ledger it is, as pairs of name and text; the checkpoint is shown apart."""
    ledger, p = report.ledger, report.period
    out = [
        ("Ledger", words.plain(ledger.origin)),
        ("Entries", words.thousands(ledger.size)),
        ("Root", ledger.root),
        ("Public key", words.plain(ledger.vkey)),
        ("Check", _checked(report)),
    ]
    if ledger.verification is not None and len(ledger.verification.problems) > 1:
        out += [("Not as recorded", words.plain(problem.what)) for problem in ledger.verification.problems]
    if ledger.verified_at is not None:
        out.append(("Checked", instant(ledger.verified_at)))
    for name, mark in (("First of the period", p.first), ("Last of the period", p.last)):
        out += [(name, _mark(mark))] if mark is not None else []
    if p.outcomes_until is not None:
        out.append(("Outcomes until", instant(p.outcomes_until)))
    return out


def _mark(mark: Mark) -> str:
    return f"entry {words.thousands(mark.index)}, {instant(mark.time)}"


# -- tables -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a table.

    Attributes
    ----------
    cells : tuple of str
        What the row is about, then numbers.
    share : float
        0..1, for a bar.
    errors : Rate or None
        Error rate; None where the table has none.
    """

    cells: tuple[str, ...]
    share: float
    errors: Rate | None = None


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table.

    Attributes
    ----------
    part : {"decided", "overrides", "entries"}
        The part of the report it belongs to.
    title : str
        What it shows.
    heads : tuple of str
        Names of the columns, the error rate not among them.
    lines : tuple of Line
        Rows, most frequent first.
    texts : int
        Columns that are text; the others are numbers.
    """

    part: str
    title: str
    heads: tuple[str, ...]
    lines: tuple[Line, ...]
    texts: int = 1

    @property
    def judged(self) -> bool:
        """Whether any row has an outcome that is known, so that the error rates say something."""
        return any(line.errors is not None and line.errors.n for line in self.lines)


def sheets(report: ActivityReport) -> list[Sheet]:
    """Return the tables of the report; those that would say nothing are left out."""
    d, o = report.decisions, report.overrides
    out = [
        _sheet("decided", "By outcome", "Outcome", "Decisions", d.by_outcome),
        _sheet("decided", "By model version", "Model version", "Decisions", d.by_version),
        _sheet("decided", "By operator", "Operator", "Decisions", d.by_operator),
        _sheet("decided", "By verdict of the policy", "Verdict", "Decisions", d.by_verdict),
        Sheet(
            "overrides",
            "What they changed",
            ("Decided", "Instead", "Decisions", "Share"),
            tuple(
                Line(
                    (
                        value_text(c.output, c.output_stands_for),
                        value_text(c.to, c.to_stands_for),
                        words.thousands(c.n),
                        _percent(c.share),
                    ),
                    c.share,
                )
                for c in o.changes
            ),
            texts=2,
        ),
        _sheet("overrides", "Who overrode", "Operator", "Decisions", o.by_operator),
        _sheet("entries", "By kind", "Kind", "Entries", report.kinds),
    ]
    silent = {"By verdict of the policy", "By operator"}
    return [s for s in out if s.lines and not (s.title in silent and _all_absent(s))]


def _all_absent(sheet: Sheet) -> bool:
    return [line.cells[0] for line in sheet.lines] == [_STANDS_FOR["absent"]]


def _sheet(part: str, title: str, what: str, n: str, tallies: Sequence[Tally]) -> Sheet:
    lines = tuple(
        Line((value_text(t.value, t.stands_for), words.thousands(t.n), _percent(t.share)), t.share, t.errors)
        for t in tallies
    )
    return Sheet(part, title, (what, n, "Share"), lines)


def _percent(share: float) -> str:
    return words.with_unit(share, "percent")


# -- time -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Bin:
    """Decisions of a day, week, month or year.

    Attributes
    ----------
    name : str
        Its first day, the month or the year.
    n : int
        Decisions.
    """

    name: str
    n: int


def timeline(days: Sequence[Day]) -> tuple[str, list[Bin]]:
    """Return decisions by day, or by week, month or year where there are too many days, gaps as zeros.

    Parameters
    ----------
    days : sequence of Day
        Days with decisions, in order.

    Returns
    -------
    unit : {"day", "week", "month", "year"}
        Weeks begin on Monday.
    bins : list of Bin
        In order.

    Examples
    --------
    >>> days = [Day(day=dt.date(2026, 1, 30), n=2), Day(day=dt.date(2026, 2, 1), n=1)]
    >>> timeline(days)
    ('day', [Bin(name='2026-01-30', n=2), Bin(name='2026-01-31', n=0), Bin(name='2026-02-01', n=1)])
    """
    if not days:
        return "day", []
    length = (days[-1].day - days[0].day).days + 1
    unit, start, following = next((u, s, f) for u, s, f, most in _UNITS if length <= most)
    counts: dict[dt.date, int] = {}
    for d in days:
        counts[start(d.day)] = counts.get(start(d.day), 0) + d.n
    at, last, bins = start(days[0].day), start(days[-1].day), []
    while at <= last:
        name = at.isoformat()[: {"month": 7, "year": 4}.get(unit, 10)]
        bins.append(Bin(name, counts.get(at, 0)))
        at = following(at)
    return unit, bins


def _month_after(day: dt.date) -> dt.date:
    return (day + dt.timedelta(days=31)).replace(day=1)


_Step = Callable[[dt.date], dt.date]
# Name, the bin that a day is in, the bin after one, and up to how many days it is taken.
_UNITS: tuple[tuple[str, _Step, _Step, float], ...] = (
    ("day", lambda d: d, lambda d: d + dt.timedelta(days=1), _MOST_BARS),
    ("week", lambda d: d - dt.timedelta(days=d.weekday()), lambda d: d + dt.timedelta(days=7), 7 * _MOST_BARS),
    ("month", lambda d: d.replace(day=1), _month_after, 31 * _MOST_BARS),
    ("year", lambda d: d.replace(month=1, day=1), lambda d: d.replace(year=d.year + 1), math.inf),
)
