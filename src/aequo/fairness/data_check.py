"""`DataCheck`: what a check of the data found, before the flow makes a Finding of it; and numbers in words."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from aequo.core.finding import Status
from aequo.fairness.judge import judge

__all__ = ["ColumnNumber", "DataCheck", "GroupNumber", "Interval", "called", "listing", "number", "percent"]

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupNumber:
    """One number of one group.

    Attributes
    ----------
    group : str
        Name for people, such as ``"black · female"``.
    value : float or None
        The estimate; None if it is undefined, and then `why` says so.
    interval : tuple of float or None
        Interval of this number alone, at the check's confidence level.
    n : int
        Rows behind it.
    judged : bool
        Whether the group takes part in the check's value.
    why : str or None
        Why there is no value, or why the group takes no part.
    """

    group: str
    value: float | None
    interval: Interval | None
    n: int
    judged: bool = True
    why: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnNumber:
    """One number of one column of the data.

    Attributes
    ----------
    column : str
        Name of the column.
    value : float
        The estimate: a variance of missing rates, an AUC.
    interval : tuple of float or None
        Interval of this number alone, at the check's confidence level.
    n : int
        Rows behind it.
    groups : tuple of GroupNumber
        The rates per group that it sums up, where there are any.
    """

    column: str
    value: float
    interval: Interval | None
    n: int
    groups: tuple[GroupNumber, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DataCheck:
    """What one check of the data found for one group column or crossing.

    Attributes
    ----------
    check : str
        Name of the check, such as ``"representation"``.
    subject : str
        Group column, or crossed columns as ``"race × sex"``.
    value : float or None
        The estimate; None if it could not be measured, and then the sentence says why.
    n : int
        Rows behind it.
    limit : float
        What the value is held against.
    limit_is_floor : bool
        Whether the value must not be under the limit; otherwise it must not be over it.
    confidence : float
        Level of `interval` and of the groups' intervals.
    measures : mapping of str to tuple of GroupNumber
        Per-group numbers by measure; the first is what the value sums up.
    columns : tuple of ColumnNumber
        Per-column numbers, the most telling first.
    empty : tuple of str
        Combinations of groups that nobody belongs to, although each part has people.
    left_out : tuple of str
        Columns that the check did not use because they name rows, not people's traits.
    unjudged : tuple of str
        Groups that are large enough to be judged and could not be: then nothing passes.
    notes : tuple of str
        What the check could not use or had to approximate, a sentence each.
    bounds : callable
        Confidence level to interval of `value`; see `at`.
    words : callable
        Status and interval to the sentence; see `sentence`.
    """

    check: str
    subject: str
    value: float | None
    n: int
    limit: float
    limit_is_floor: bool = False
    confidence: float = 0.95
    measures: Mapping[str, tuple[GroupNumber, ...]] = field(default_factory=dict)
    columns: tuple[ColumnNumber, ...] = ()
    empty: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    unjudged: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    bounds: Callable[[float], Interval | None] = field(default=lambda _: None, repr=False, compare=False)
    words: Callable[[Status, Interval | None], str] = field(repr=False, compare=False)

    @property
    def groups(self) -> tuple[GroupNumber, ...]:
        """Per-group numbers of the check's first measure."""
        return next(iter(self.measures.values()), ())

    @property
    def interval(self) -> Interval | None:
        """Low and high end at the check's confidence level."""
        return self.bounds(self.confidence)

    def at(self, confidence: float) -> tuple[float | None, Interval | None]:
        """Return the value and its interval at another confidence level (for decisions over many findings)."""
        return self.value, self.bounds(confidence)

    @property
    def status(self) -> Status:
        """PASS, FAIL or UNKNOWN at the check's own confidence level."""
        return self.status_at(self.confidence)

    def status_at(self, confidence: float) -> Status:
        """Return the status at another confidence level; PASS speaks for the groups in `unjudged` too, so not then."""
        status = judge(self.value, self.bounds(confidence), self.limit, floor=self.limit_is_floor)
        return Status.UNKNOWN if status is Status.PASS and self.unjudged else status

    @property
    def why(self) -> str:
        """One plain sentence, for the status at the check's own confidence level."""
        return self.sentence()

    def sentence(self, status: Status | None = None, interval: Interval | None = None) -> str:
        """Return one plain sentence for a status that was decided elsewhere (WARN reads as FAIL).

        Parameters
        ----------
        status : Status, optional
            What was decided; the check's own status by default.
        interval : tuple of float, optional
            The interval it was decided on; the check's own by default.
        """
        status = self.status if status is None else status
        interval = self.interval if interval is None else interval
        text = self.words(Status.FAIL if status is Status.WARN else status, interval)
        if self.unjudged:
            text += f" Too few rows to take part: {listing(self.unjudged)}."
        return text


def percent(share: float) -> str:
    """Return a share as a percentage for people: one decimal under 10 %, more when it is tiny.

    Examples
    --------
    >>> [percent(s) for s in (0, 0.0004, 0.004, 0.0523, 0.123, 0.996, 0.99996, 1)]
    ['0%', '0.04%', '0.4%', '5.2%', '12.3%', '99.6%', '99.996%', '100%']
    """
    value = 100 * share
    edge = min(abs(value), abs(100 - value))
    digits = 1 if edge == 0 or edge >= 0.1 else min(1 - math.floor(math.log10(edge)) - 1, 6)
    text = f"{value:.{digits}f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) + "%"


def number(value: float) -> str:
    """Return a number for people: three decimals at most, more when it is tiny, fewer when it is large.

    Examples
    --------
    >>> [number(x) for x in (0, 0.1, 0.12345, 0.00042, 1, 271.828, 4865.712)]
    ['0', '0.1', '0.123', '0.0004', '1', '271.8', '4,866']
    """
    if value == 0:
        return "0"
    size = math.floor(math.log10(abs(value)))
    digits = 3 if -3 <= size < 2 else 1 if size == 2 else 0 if size > 2 else min(-size, 9)
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def called(subject: str, group: str) -> str:
    """Return a group's name as it can stand in a sentence: a bare number or truth value gets its column.

    Examples
    --------
    >>> called("race", "black"), called("male", "0"), called("race × male", "black · 0")
    ('black', 'male = 0', 'black · 0')
    """
    speaks = any(c.isalpha() for c in group) and group not in ("True", "False")
    return group if speaks or " · " in group else f"{subject} = {group}"


def listing(names: Sequence[str], *, most: int = 3) -> str:
    """Return names as people list them, the first few of many.

    Examples
    --------
    >>> listing(["a", "b"]), listing(["a", "b", "c", "d", "e"])
    ('a and b', 'a, b, c and 2 more')
    """
    shown = list(names[:most])
    if len(names) > most:
        return f"{', '.join(shown)} and {len(names) - most:,} more"
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}" if shown else ""
