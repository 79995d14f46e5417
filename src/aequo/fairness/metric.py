"""`Metric`: one comparison of groups, with an interval that holds for as many groups as there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from aequo.core.counts import Floats
from aequo.core.finding import Status
from aequo.core.intervals import (
    Contrast,
    GroupInterval,
    max_difference,
    min_ratio,
    normal_quantile,
    pair_differences,
    pair_ratios,
    worst_difference,
)
from aequo.errors import InputError, UnknownGroup, did_you_mean
from aequo.fairness.judge import judge
from aequo.fairness.measures import Measured

__all__ = [
    "GroupValue",
    "How",
    "Metric",
    "compare",
    "group_values",
]

How = Literal["difference", "ratio", "largest"]

MOST_GROUPS = 5000
"""Groups that are compared at most: every pair takes part, so memory grows with the square."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupValue:
    """One measure of one group.

    Attributes
    ----------
    group : str
        Name of the group.
    value : float or None
        The estimate; None where undefined.
    interval : tuple of float or None
        Interval for this group alone.
    n : int
        Rows behind it.
    why : str or None
        Why there is no value.
    """

    group: str
    value: float | None
    interval: tuple[float, float] | None
    n: int
    why: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Metric:
    """One fairness metric: per-group values, and the comparison that is held against a limit.

    Attributes
    ----------
    name : str
        Such as ``"equal-opportunity"``.
    subject : str
        Group column, or crossed columns.
    measured : tuple of Measured
        The per-group measures compared; most metrics have one, equalized odds two.
    how : {"difference", "ratio", "largest"}
        What `value` is: largest less smallest, smallest over largest, or the largest itself.
    limit : float
        What `value` is held against; a floor for ratios, a ceiling otherwise.
    confidence : float
        Level of the intervals.
    reference : str or None
        Group that signed differences are taken to; the largest group if none was chosen.
    left_out : tuple of str
        Groups that take no part: undefined, of unknown name, or with fewer rows than `min_size`.
    scale : float
        Differences are divided by this (regression: the outcome's standard deviation).
    min_size : int
        Groups with fewer rows behind a number take no part.
    """

    name: str
    subject: str
    measured: tuple[Measured, ...]
    compared: tuple[Measured, ...]
    how: How
    limit: float
    confidence: float
    reference: str | None
    left_out: tuple[str, ...]
    scale: float = 1.0
    min_size: int = 1

    def contrast(self, confidence: float) -> Contrast:
        """Return the comparison at another confidence level."""
        if not len(self.compared[0].values):
            return Contrast(float("nan"), float("nan"), float("nan"), -1, -1)
        pairs = [(m.values, m.interval) for m in self.compared]
        if self.how == "ratio":
            return _worst_ratio(pairs, confidence=confidence)
        if self.how == "largest":
            return _largest(*pairs[0], confidence=confidence)
        best = max_difference(*pairs[0], confidence=confidence) if len(pairs) == 1 else None
        best = best or worst_difference(pairs, confidence=confidence)
        return best._replace(value=best.value / self.scale, low=best.low / self.scale, high=best.high / self.scale)

    @property
    def value(self) -> float | None:
        """The headline number; None if fewer than two groups can be compared."""
        value = self.contrast(self.confidence).value
        return None if np.isnan(value) else float(value)

    @property
    def interval(self) -> tuple[float, float] | None:
        """Interval of `value`, valid for the whole set of groups."""
        return self.at(self.confidence)[1]

    def at(self, confidence: float) -> tuple[float | None, tuple[float, float] | None]:
        """Return value and interval at another confidence level."""
        c = self.contrast(confidence)
        if np.isnan(c.value) or np.isnan(c.low) or np.isnan(c.high):
            return (None if np.isnan(c.value) else float(c.value)), None
        return float(c.value), (float(c.low), float(c.high))

    @property
    def status(self) -> Status:
        """PASS or FAIL if the whole interval is on one side of the limit, else UNKNOWN."""
        return self.status_at(self.confidence)

    def status_at(self, confidence: float) -> Status:
        """Return the status at another confidence level; PASS speaks for every group in `unjudged` too, so not then."""
        value, interval = self.at(confidence)
        status = judge(value, interval, self.limit, floor=self.how == "ratio")
        return Status.UNKNOWN if status is Status.PASS and self.unjudged else status

    @property
    def unjudged(self) -> tuple[str, ...]:
        """Groups that have `min_size` rows and yet too few behind a number, such as too few with the favourable label.

        Groups with fewer rows in all are not among them: the check ``small-groups`` is about those. Within the values
        of a control column, a group counts wherever it has a row.
        """
        names = self.compared[0].groups.labels
        total = np.max([m.groups.n for m in self.compared], axis=0)
        large = (total >= max(self.min_size, 1)) & ~self.compared[0].groups.missing
        gaps = [large & (m.groups.n > 0) & np.isnan(m.values) for m in self.compared]
        return tuple(name for name, gap in zip(names, np.any(gaps, axis=0), strict=True) if gap)

    @property
    def n(self) -> int:
        """Rows behind the measure that gives `value`, in the groups that are compared."""
        decisive = self.decisive
        return 0 if decisive is None else int(decisive.n[~np.isnan(decisive.values)].sum())

    @property
    def highest(self) -> str | None:
        """Group with the largest value of the measure that decides."""
        return self._extreme(0)

    @property
    def lowest(self) -> str | None:
        """Group with the smallest value of the measure that decides."""
        return self._extreme(1)

    def _extreme(self, which: int) -> str | None:
        decisive = self.decisive
        if decisive is None or np.isnan(decisive.values).all():
            return None
        pick = np.nanargmin if which else np.nanargmax
        return decisive.groups.labels[int(pick(decisive.values))]

    @property
    def decisive(self) -> Measured | None:
        """The measure that gives `value`: its groups are furthest apart, by difference or by ratio."""
        known = [m for m in self.compared if not np.isnan(m.values).all()]
        if not known:
            return None
        ends = [(float(np.nanmin(m.values)), float(np.nanmax(m.values))) for m in known]
        if self.how == "ratio":
            return known[int(np.argmin([low / high if high > 0 else np.inf for low, high in ends]))]
        return known[int(np.argmax([high - low for low, high in ends]))]

    @property
    def by_group(self) -> Mapping[str, GroupValue]:
        """Values of the first measure by group name, undefined and left-out groups included."""
        return {v.group: v for v in group_values(self.measured[0], self.confidence)}

    def pairs(self) -> tuple[tuple[str, str, float, tuple[float, float]], ...]:
        """Return each group against the reference: (group, reference, signed difference, interval).

        The intervals hold for all pairs of groups at once. For a ratio metric it is the ratio to the reference.
        """
        i = self.reference_index()
        if i is None:
            return ()
        m = self.compared[0]
        of = pair_ratios if self.how == "ratio" else pair_differences
        value, low, high = of(m.values, m.interval, confidence=self.confidence)
        names = m.groups.labels
        scale = 1.0 if self.how == "ratio" else self.scale
        return tuple(
            (name, names[i], float(value[j, i] / scale), (float(low[j, i] / scale), float(high[j, i] / scale)))
            for j, name in enumerate(names)
            if j != i and not np.isnan(value[j, i])
        )

    def reference_index(self) -> int | None:
        """Return the position of the reference group; None if no group can be one."""
        names = self.compared[0].groups.labels
        if self.reference is not None:
            if self.reference not in names:
                known = ", ".join(names[:20])
                hint = did_you_mean(self.reference, names)
                raise UnknownGroup(f"no group {self.reference!r} in {self.subject}. Groups: {known}.{hint}")
            return names.index(self.reference)
        usable = ~np.isnan(self.compared[0].values)
        if not usable.any():
            return None
        return int(np.argmax(np.where(usable, self.compared[0].groups.n, -1)))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values: name, value, interval, limit, status, groups."""
        return {
            "name": self.name,
            "subject": self.subject,
            "value": self.value,
            "interval": self.interval,
            "n": self.n,
            "limit": self.limit,
            "status": self.status.value,
            "highest": self.highest,
            "lowest": self.lowest,
            "left_out": list(self.left_out),
            "groups": {
                m.name: {
                    v.group: {"value": v.value, "interval": v.interval, "n": v.n, "why": v.why}
                    for v in group_values(m, self.confidence)
                }
                for m in self.measured
            },
        }

    def __repr__(self) -> str:
        value = "undefined" if self.value is None else f"{self.value:.3f}"
        ends = "" if self.interval is None else f" [{self.interval[0]:.3f}, {self.interval[1]:.3f}]"
        return f"Metric({self.name} over {self.subject}: {value}{ends}, limit {self.limit:g}, {self.status.value})"


def group_values(measured: Measured, confidence: float) -> list[GroupValue]:
    """Return a measure as one record per group."""
    low, high = measured.interval(normal_quantile((1 + confidence) / 2))
    out = []
    for i, name in enumerate(measured.groups.labels):
        if np.isnan(measured.values[i]):
            out.append(GroupValue(group=name, value=None, interval=None, n=int(measured.n[i]), why=measured.undefined))
            continue
        ends = (float(low[i]), float(high[i]))
        interval = ends if np.isfinite(ends).all() else None
        out.append(GroupValue(group=name, value=float(measured.values[i]), interval=interval, n=int(measured.n[i])))
    return out


def _largest(values: Floats, interval: Any, *, confidence: float) -> Contrast:
    """Largest of the groups' values: the low end is simultaneous over groups, the high end needs no correction."""
    known = np.flatnonzero(~np.isnan(values))
    if not len(known):
        return Contrast(float("nan"), float("nan"), float("nan"), -1, -1)
    alpha = 1 - confidence
    low, _ = interval(normal_quantile(1 - alpha / 2 / len(known)))
    _, high = interval(normal_quantile(1 - alpha / 2))
    top, bottom = known[np.argmax(values[known])], known[np.argmin(values[known])]
    return Contrast(
        float(values[top]), float(np.nanmax(low[known])), float(np.nanmax(high[known])), int(top), int(bottom)
    )


def _worst_ratio(pairs: Sequence[tuple[Floats, GroupInterval]], *, confidence: float) -> Contrast:
    """Smallest of several min ratios: the high end (there is a disparity) is corrected for their number."""
    found = [min_ratio(*pair, confidence=confidence) for pair in pairs]
    known = [i for i, c in enumerate(found) if not np.isnan(c.value)]
    if not known or len(pairs) == 1:
        return found[0]
    strict = [min_ratio(*pairs[i], confidence=1 - (1 - confidence) / len(known)) for i in known]
    worst = min((found[i] for i in known), key=lambda c: c.value)
    return worst._replace(low=min(found[i].low for i in known), high=min(c.high for c in strict))


def compare(
    name: str,
    measured: Sequence[Measured],
    *,
    how: How = "difference",
    limit: float,
    confidence: float = 0.95,
    reference: str | None = None,
    min_size: int = 1,
    scale: float = 1.0,
) -> Metric:
    """Compare groups on one or more measures.

    Parameters
    ----------
    name : str
        Name of the check.
    measured : sequence of Measured
        Measures over the same groups.
    how : {"difference", "ratio", "largest"}
        How to compare.
    limit : float
        What the value is held against.
    confidence : float
        Level of the intervals, in (0, 1).
    reference : str, optional
        Group for signed differences.
    min_size : int
        Groups with fewer rows behind the measure take no part.
    scale : float
        Divide differences by this.

    Raises
    ------
    InputError
        If there are more than `MOST_GROUPS` groups.
    """
    if not 0 < confidence < 1:
        raise InputError(f"confidence is {confidence:g}; expected a level between 0 and 1, such as 0.95.")
    many = max((len(m.groups) for m in measured), default=0)
    if many > MOST_GROUPS:
        raise InputError(
            f"{measured[0].groups.subject} names {many:,} groups; {MOST_GROUPS:,} is the most that can be compared "
            "pair by pair: put their values into fewer groups."
        )
    compared: list[Measured] = []
    out: list[str] = []
    for m in measured:
        fits = (m.n >= min_size) & ~m.groups.missing
        compared.append(m.keep(fits))
        out.extend(label for label, v in zip(m.groups.labels, compared[-1].values, strict=True) if np.isnan(v))
    return Metric(
        name=name,
        subject=measured[0].groups.subject,
        measured=tuple(measured),
        compared=tuple(compared),
        how=how,
        limit=limit,
        confidence=confidence,
        reference=reference,
        left_out=tuple(dict.fromkeys(out)),
        scale=scale,
        min_size=min_size,
    )
