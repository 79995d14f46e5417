"""How unevenly values are missing over the groups."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from aequo.core.counts import Floats, Groups, Ints
from aequo.core.finding import Status
from aequo.core.intervals import normal_quantile, wilson
from aequo.fairness.data_check import ColumnNumber, DataCheck, GroupNumber, Interval, called, number, percent
from aequo.fairness.shares import widest_half

__all__ = ["missing_rates", "variance_interval"]

_EXACT = 64
"""Up to so many groups the spread of the noise is taken from its covariance; beyond, it is bounded."""


@dataclass(frozen=True, slots=True)
class _Column:
    """One column that has missing values, over the groups that are judged."""

    name: str
    missing: Ints
    rates: Floats
    value: float
    bounds: Callable[[float, float], Interval]


def missing_rates(
    groups: Groups,
    columns: Sequence[str],
    missing: Ints,
    *,
    limit: float = 0.01,
    confidence: float = 0.95,
    min_size: int = 1,
) -> DataCheck:
    """Return the largest variance, over the columns, of the rate of missing values over the groups.

    Parameters
    ----------
    groups : Groups
        The groups and their rows.
    columns : sequence of str
        Columns whose missing values were counted; the group columns themselves are passed over.
    missing : int array, shape (groups, columns)
        Rows of each group that have no value in each column.
    limit : float
        Largest variance, 0..0.25.
    confidence : float
        Level of the intervals, in (0, 1).
    min_size : int
        Groups with fewer rows take no part.

    Returns
    -------
    DataCheck
        ``value`` is the variance (divided by the number of groups, not by one less) of the worst column. Measure
        ``missing_rate`` holds that column's rates. ``columns`` has every column with a missing value, worst first.

    Notes
    -----
    A column without any missing value is taken to be filled always: its rates are 0 and have no uncertainty. For the
    others see `variance_interval`. "Some column is uneven" is any of m statements, so its end is Bonferroni's over
    the m columns that have a missing value; "no column is" needs no correction.

    Examples
    --------
    >>> groups = Groups(("sex",), (("f",), ("m",)), np.array([0, 1]), np.array([500, 500]))
    >>> check = missing_rates(groups, ["income"], np.array([[200], [0]]))
    >>> round(check.value, 6), check.status.value
    (0.04, 'fail')
    """
    named = ~groups.missing
    size = groups.n
    judged = np.flatnonzero(named & (size >= max(min_size, 1)))
    used = [j for j, name in enumerate(columns) if name not in groups.columns]
    found = [
        _column(columns[j], missing[judged, j], size[judged])
        for j in used
        if len(judged) >= 2 and missing[judged, j].any()
    ]
    found.sort(key=lambda c: (-c.value, c.name))
    value = None if len(judged) < 2 or not used else found[0].value if found else 0.0

    def bounds(at: float) -> Interval | None:
        if value is None:
            return None
        if not found:
            return 0.0, 0.0
        alpha = 1 - at
        z_low, z_high = normal_quantile(1 - alpha / 2 / len(found)), normal_quantile(1 - alpha / 2)
        both = [column.bounds(z_low, z_high) for column in found]
        return max(low for low, _ in both), max(high for _, high in both)

    worst = found[0] if found else None
    per_column = []
    z = normal_quantile((1 + confidence) / 2)
    for column in found:
        j = columns.index(column.name)
        numbers = _numbers(groups, missing[:, j], judged, min_size, confidence)
        rows = int(size[judged].sum())
        per_column.append(
            ColumnNumber(
                column=column.name, value=column.value, interval=column.bounds(z, z), n=rows, groups=tuple(numbers)
            )
        )
    none = np.zeros(len(groups), dtype=np.int64)
    numbers = list(per_column[0].groups) if worst else _numbers(groups, none, judged, min_size, None)
    labels = [called(groups.subject, groups.labels[i]) for i in judged]
    return DataCheck(
        check="missing-rate-variance",
        subject=groups.subject,
        value=value,
        n=int(size[judged].sum()),
        limit=limit,
        confidence=confidence,
        measures={"missing_rate": tuple(numbers)} if value is not None else {},
        columns=tuple(per_column),
        notes=_notes(groups, worst),
        bounds=bounds,
        words=lambda status, interval: _words(
            groups, labels, worst, len(used), value, status, interval, limit, min_size
        ),
    )


def variance_interval(missing: Ints, n: Ints, z_low: float, z_high: float) -> Interval:
    """Return an interval for the variance over groups of a share, from K independent samples.

    Parameters
    ----------
    missing, n : int array, shape (K,)
        Rows that count and all rows, per group.
    z_low, z_high : float
        Normal critical values of the two ends.

    Notes
    -----
    With two groups the variance is a quarter of the squared difference, which has Newcombe's interval. With more, the
    standard deviation over groups is a norm of the rates, so it is never 0 in a sample, and convex: the upper end adds
    ``z`` times its largest standard deviation in any direction, the lower end takes off that and the expected norm of
    the sampling noise. The noise of each rate is the longer arm of Wilson's interval, so it is never 0.

    Examples
    --------
    >>> low, high = variance_interval(np.array([5, 5, 6]), np.array([100, 100, 100]), 1.96, 1.96)
    >>> low == 0.0, high < 0.01
    (True, True)
    """
    trials = n.astype(np.float64)
    p = missing / trials
    if len(p) == 2:
        low = _difference(p, trials, z_low)[0]
        return low**2 / 4, _difference(p, trials, z_high)[1] ** 2 / 4
    deviation = float(np.std(p))
    ends = []
    for z, sign in ((z_low, -1.0), (z_high, 1.0)):
        variance = widest_half(p, trials, z) ** 2
        widest = math.sqrt(_largest(variance) / len(p))
        noise = math.sqrt((1 - 1 / len(p)) * float(variance.sum()) / len(p)) if sign < 0 else 0.0
        ends.append(max(0.0, deviation + sign * (noise + z * widest)))
    return ends[0] ** 2, min(ends[1] ** 2, 0.25)


def _column(name: str, missing: Ints, n: Ints) -> _Column:
    rates = missing / n

    def bounds(z_low: float, z_high: float) -> Interval:
        return variance_interval(missing, n, z_low, z_high)

    return _Column(name, missing, rates, float(np.var(rates)), bounds)


def _difference(p: Floats, trials: Floats, z: float) -> Interval:
    """Return Newcombe's interval of the difference of two shares, without its sign."""
    low, high = wilson(p * trials, trials, z)
    d = float(p[0] - p[1])
    down, up = d - math.hypot(p[0] - low[0], high[1] - p[1]), d + math.hypot(high[0] - p[0], p[1] - low[1])
    return (0.0 if down <= 0 <= up else min(abs(down), abs(up))), max(abs(down), abs(up))


def _largest(variance: Floats) -> float:
    """Return the largest variance of the centred noise in any direction."""
    if len(variance) > _EXACT:
        return float(variance.max())
    centre = np.eye(len(variance)) - 1 / len(variance)
    return float(np.linalg.eigvalsh(centre @ (variance[:, None] * centre))[-1])


def _numbers(groups: Groups, missing: Ints, judged: Ints, min_size: int, confidence: float | None) -> list[GroupNumber]:
    """Return one column's rate for each group; without a confidence level, rates of 0 that are taken as certain."""
    n = groups.n.astype(np.float64)
    low, high = (np.zeros(len(n)), np.zeros(len(n)))
    if confidence is not None:
        low, high = wilson(missing.astype(np.float64), n, normal_quantile((1 + confidence) / 2))
    taking_part = set(judged.tolist())
    out = []
    for i, name in enumerate(groups.labels):
        size, fits = int(groups.n[i]), i in taking_part
        why = (
            None
            if fits
            else "these rows name no group"
            if groups.missing[i]
            else f"fewer than {min_size} rows: not compared"
        )
        out.append(
            GroupNumber(
                group=name,
                value=float(missing[i] / size) if size else None,
                interval=(float(low[i]), float(high[i])) if size else None,
                n=size,
                judged=fits,
                why=why if size else "no rows",
            )
        )
    return out


def _notes(groups: Groups, worst: _Column | None) -> tuple[str, ...]:
    if worst is None:
        return ()
    return (
        f"The missing-rate column of the groups of {groups.subject} is {worst.name}, the column that is missing most "
        "unevenly; columns that are never missing are taken to be filled always.",
    )


def _words(
    groups: Groups,
    labels: Sequence[str],
    worst: _Column | None,
    columns: int,
    value: float | None,
    status: Status,
    interval: Interval | None,
    limit: float,
    min_size: int,
) -> str:
    """Return the sentence for `missing_rates`."""
    subject = groups.subject
    if value is None:
        if not groups.n.sum():
            return "Not judged: there are no rows."
        if not columns:
            return f"Not judged: there is no column beside {subject}."
        if int((~groups.missing).sum()) < 2:
            return f"Not judged: {subject} names fewer than two groups."
        return f"Not judged: fewer than two groups of {subject} have {min_size} rows."
    if worst is None:
        return (
            f"No value is missing in any group of {subject}, in the one other column."
            if columns == 1
            else f"No value is missing in any group of {subject}, in any of {columns} other columns."
        )
    least, most = int(np.argmin(worst.rates)), int(np.argmax(worst.rates))
    ends = "" if interval is None else f" (interval {number(interval[0])} to {number(interval[1])})"
    runs = (
        f"{worst.name} is missing for {percent(worst.rates[least])} of {labels[least]} and "
        f"{percent(worst.rates[most])} of {labels[most]}: a variance of {number(value)} over groups{ends}"
    )
    if status is Status.PASS:
        return f"Values are missing about as often in each group of {subject}. Furthest: {runs}, limit {number(limit)}."
    if status is Status.FAIL:
        return f"Values are missing more often in some groups of {subject}. {runs}, limit {number(limit)}."
    return f"{runs}; the data cannot tell whether that is within the limit of {number(limit)}."
