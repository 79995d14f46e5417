"""Intervals for groups, pairs of groups, and the largest difference or smallest ratio among many groups.

A group's interval is a function of the normal critical value, so that the same function serves one group alone, all
pairs at once and any confidence level. Pairs combine two groups' intervals by the square-and-add rule (MOVER: Zou and
Donner 2008, Stat. Med. 27; for rates with Wilson intervals that is Newcombe's hybrid score interval, 1998, Stat. Med.
17). Over many groups, the end of the interval that shows a disparity is simultaneous over all pairs, with the critical
value of Tukey and Kramer (Hayter 1984, Ann. Stat. 12, shows it never errs too often, whatever the group sizes); the
other end needs no correction. ``docs/explanation/statistics.md`` says why, ``benchmarks/coverage.py`` measures it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aequo.core.quantiles import (
    normal_cdf,
    normal_quantile,
    studentized_range_quantile,
    t_from_z,
    t_quantile,
)

__all__ = [
    "Contrast",
    "Floats",
    "GroupInterval",
    "bootstrap_interval",
    "max_difference",
    "mean_interval",
    "min_ratio",
    "multinomial",
    "normal_cdf",
    "normal_quantile",
    "pair_differences",
    "pair_ratios",
    "simultaneous_quantile",
    "smallest_ratios",
    "spreads",
    "studentized_range_quantile",
    "t_quantile",
    "wilson",
    "worst_difference",
]

Floats = NDArray[np.float64]
GroupInterval = Callable[[float], tuple[Floats, Floats]]
"""Maps a normal critical value z to the low and high end for each group, shape (K,); NaN where undefined."""

_SQRT2 = math.sqrt(2)


class Contrast(NamedTuple):
    """One number that compares many groups, with its interval.

    Attributes
    ----------
    value : float
        The estimate; NaN if fewer than two groups are defined.
    low, high : float
        Ends of the interval; finite wherever `value` is.
    high_group, low_group : int
        Positions of the groups with the largest and the smallest value; -1 if undefined.
    """

    value: float
    low: float
    high: float
    high_group: int
    low_group: int


_UNDEFINED = Contrast(math.nan, math.nan, math.nan, -1, -1)

# -- one group --------------------------------------------------------------------------------------------------------


def wilson(successes: Floats, trials: Floats, z: float) -> tuple[Floats, Floats]:
    """Return Wilson's score interval of a rate (Wilson 1927, JASA 22).

    Parameters
    ----------
    successes, trials : float array
        Successes, 0 to `trials`, and trials, 0 or more. Weighted rows come as their effective number, not an integer.
    z : float
        Normal critical value, such as 1.96 for 95 %.

    Returns
    -------
    low, high : float array
        Between 0 and 1; NaN where there are no trials.

    Examples
    --------
    >>> low, high = wilson(np.array([15.0]), np.array([148.0]), 1.96)
    >>> round(float(low[0]), 4), round(float(high[0]), 4)
    (0.0624, 0.1605)
    """
    n = np.where(np.asarray(trials) > 0, trials, np.nan)
    p = successes / n
    square = z * z / n
    centre = p + square / 2
    spread = np.sqrt(np.maximum(square * (p * (1 - p) + square / 4), 0.0))
    # At 0 of n and n of n the ends are exactly 0 and 1; rounding must not push them outside or past the estimate.
    low = np.minimum(np.maximum((centre - spread) / (1 + square), 0.0), p)
    high = np.maximum(np.minimum((centre + spread) / (1 + square), 1.0), p)
    return low, high


def mean_interval(mean: Floats, variance: Floats, n: Floats, z: float) -> tuple[Floats, Floats]:
    """Return Student's t interval of a mean, the t value having the same tail beyond it as `z`.

    Parameters
    ----------
    mean, variance : float array
        Mean and unbiased variance of the rows of each group.
    n : float array
        Rows, or their effective number where weighted.
    z : float
        Normal critical value.

    Returns
    -------
    low, high : float array
        NaN where the mean is undefined or there are fewer than two rows.

    Examples
    --------
    >>> low, high = mean_interval(np.array([5.0]), np.array([4.0]), np.array([11.0]), normal_quantile(0.975))
    >>> round(float(high[0]), 3)
    6.344
    """
    rows = np.where((np.asarray(n) > 1) & ~np.isnan(mean), n, np.nan)
    t = np.array([math.nan if math.isnan(r) else t_from_z(float(z), r - 1) for r in rows.reshape(-1).tolist()])
    reach = t.reshape(rows.shape) * np.sqrt(np.maximum(variance, 0.0) / rows)
    return mean - reach, mean + reach


# -- pairs of groups --------------------------------------------------------------------------------------------------


def pair_differences(values: Floats, interval: GroupInterval, *, confidence: float) -> tuple[Floats, Floats, Floats]:
    """Return the signed difference of each pair of groups, with intervals that hold for all pairs at once.

    Parameters
    ----------
    values : float array, shape (K,)
        One value per group; NaN where undefined, and such groups are left out.
    interval : GroupInterval
        The groups' intervals.
    confidence : float
        Probability that all the intervals hold, in (0, 1).

    Returns
    -------
    difference, low, high : float array, shape (K, K)
        ``difference[i, j]`` is value i less value j; NaN where either is undefined.

    Examples
    --------
    >>> x, n = np.array([56.0, 48.0]), np.array([70.0, 80.0])
    >>> d, low, high = pair_differences(x / n, lambda z: wilson(x, n, z), confidence=0.95)
    >>> round(float(d[0, 1]), 4), round(float(low[0, 1]), 4), round(float(high[0, 1]), 4)
    (0.2, 0.0524, 0.3339)
    """
    v, _, strict = _known(values, interval, confidence)
    low = _lowest_differences(v, *strict)
    return v[:, None] - v[None, :], low, -low.T


def pair_ratios(values: Floats, interval: GroupInterval, *, confidence: float) -> tuple[Floats, Floats, Floats]:
    """Return the ratio of each pair of groups, with intervals that hold for all pairs at once.

    Parameters
    ----------
    values : float array, shape (K,)
        One value of 0 or more per group; NaN where undefined.
    interval : GroupInterval
        The groups' intervals, with no negative end.
    confidence : float
        Probability that all the intervals hold, in (0, 1).

    Returns
    -------
    ratio, low, high : float array, shape (K, K)
        ``ratio[i, j]`` is value i over value j. NaN where either is undefined or both are 0; infinite where only the
        divisor is 0; `high` is infinite where the divisor's interval reaches 0.

    Notes
    -----
    MOVER-R of Donner and Zou (2012, Stat. Methods Med. Res. 21, eq. 10), multiplied out so that it stays exact where a
    rate is 0.
    """
    v, _, strict = _known(values, interval, confidence)
    low = _lowest_ratios(v, *strict)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return v[:, None] / v[None, :], low, 1 / low.T


def _lowest_differences(values: Floats, low: Floats, high: Floats) -> Floats:
    """MOVER low ends of value i less value j, shape (..., K, K); the high end of [i, j] is minus that of [j, i]."""
    below, above = (values - low) ** 2, (high - values) ** 2
    return values[..., :, None] - values[..., None, :] - np.sqrt(below[..., :, None] + above[..., None, :])


def _lowest_ratios(values: Floats, low: Floats, high: Floats) -> Floats:
    """MOVER-R low ends of value i over value j, shape (..., K, K); the high end of [i, j] is 1 over that of [j, i]."""
    near, far = low * (2 * values - low), high * (2 * values - high)
    cross = values[..., :, None] * values[..., None, :]
    root = np.sqrt(np.maximum(cross * cross - near[..., :, None] * far[..., None, :], 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios: Floats = near[..., :, None] / (cross + root)
    # Where the upper group's limit reaches 0 the formula may say 0 over 0; 0 over 0 itself has no ratio.
    ratios = np.where(low[..., :, None] <= 0, cross * 0.0, ratios)
    zero = values == 0
    return np.where(zero[..., :, None] & zero[..., None, :], np.nan, ratios) if zero.any() else ratios


# -- many groups ------------------------------------------------------------------------------------------------------


def max_difference(values: Floats, interval: GroupInterval, *, confidence: float) -> Contrast:
    """Return the largest less the smallest value over the groups, with an interval.

    Parameters
    ----------
    values : float array, shape (K,)
        One value per group; NaN where undefined, and such groups are left out.
    interval : GroupInterval
        The groups' intervals.
    confidence : float
        Level of the interval, in (0, 1).

    Returns
    -------
    Contrast
        `value` and both ends are 0 or more; all NaN if fewer than two groups are defined. The interval excludes 0 only
        if some pair of groups differs for certain at this level.

    Notes
    -----
    The true spread t is the difference of one fixed pair of groups. *Low end*: the largest low end over all pairs, at
    Tukey's and Kramer's critical value; it errs with probability 1 - confidence at most. *High end*: the largest high
    end over all pairs, each at its own two-sided level with no correction: it can err only if the high end of that one
    fixed pair does.

    Examples
    --------
    >>> x, n = np.array([90.0, 60.0, 75.0]), np.array([100.0, 100.0, 100.0])
    >>> c = max_difference(x / n, lambda z: wilson(x, n, z), confidence=0.95)
    >>> round(c.value, 2), round(c.low, 2), round(c.high, 2), c.high_group, c.low_group
    (0.3, 0.16, 0.41, 0, 1)
    """
    return _contrast(values, interval, spreads(values, interval, confidence=confidence))


def min_ratio(values: Floats, interval: GroupInterval, *, confidence: float) -> Contrast:
    """Return the smallest over the largest value of the groups, with an interval.

    Parameters
    ----------
    values : float array, shape (K,)
        One value of 0 or more per group; NaN where undefined, and such groups are left out.
    interval : GroupInterval
        The groups' intervals, with no negative end.
    confidence : float
        Level of the interval, in (0, 1).

    Returns
    -------
    Contrast
        `value` and both ends are in [0, 1]; all NaN if fewer than two groups are defined or all values are 0. The
        interval excludes 1 only if some pair of groups differs for certain at this level.

    Notes
    -----
    As in `max_difference` with the ends' roles exchanged.

    Examples
    --------
    >>> x, n = np.array([90.0, 60.0, 75.0]), np.array([100.0, 100.0, 100.0])
    >>> c = min_ratio(x / n, lambda z: wilson(x, n, z), confidence=0.95)
    >>> round(c.value, 2), round(c.low, 2), round(c.high, 2)
    (0.67, 0.55, 0.81)
    """
    return _contrast(values, interval, smallest_ratios(values, interval, confidence=confidence))


def worst_difference(rates: Sequence[tuple[Floats, GroupInterval]], *, confidence: float) -> Contrast:
    """Return the largest of several spreads over the same groups, with an interval (equalized odds).

    Parameters
    ----------
    rates : sequence of (values, interval)
        One pair for each measure, such as true and false positive rates, measured on different rows.
    confidence : float
        Level of the interval, in (0, 1).

    Returns
    -------
    Contrast
        As from `max_difference`, with the groups of the measure that spreads most. Measures with fewer than two defined
        groups are left out.

    Notes
    -----
    Measures on different rows are independent, so each low end is at Sidak's level, confidence^(1/m); the high ends
    need no correction, since the truth is the spread of one fixed measure.
    """
    found = [(v, i, max_difference(v, i, confidence=confidence)) for v, i in rates]
    found = [one for one in found if not math.isnan(one[2].value)]
    if not found:
        return _UNDEFINED
    worst = max((c for _, _, c in found), key=lambda c: c.value)
    if len(found) == 1:
        return worst
    strict = confidence ** (1 / len(found))
    low = max(max_difference(v, i, confidence=strict).low for v, i, _ in found)
    return worst._replace(low=low, high=max(c.high for _, _, c in found))


def spreads(values: Floats, interval: GroupInterval, *, confidence: float) -> tuple[Floats, Floats, Floats]:
    """Return value, low and high of `max_difference` for many data sets at once, as simulations need.

    Parameters
    ----------
    values : float array, shape (..., K)
        One row per data set.
    interval : GroupInterval
        The groups' intervals; where `values` has leading axes, it is given an array of critical values, shape (..., 1).
    confidence : float
        Level of the intervals.

    Returns
    -------
    value, low, high : float array, shape (...)
    """
    v, plain, strict = _known(values, interval, confidence)
    # fmax and fmin pass over NaN, the groups and pairs that are undefined.
    value = np.fmax.reduce(v, axis=-1) - np.fmin.reduce(v, axis=-1)
    low = np.maximum(np.fmax.reduce(_lowest_differences(v, *strict), axis=(-2, -1)), 0.0)
    high = -np.fmin.reduce(_lowest_differences(v, *plain), axis=(-2, -1))
    return _if_two(v, value, low, high)


def smallest_ratios(values: Floats, interval: GroupInterval, *, confidence: float) -> tuple[Floats, Floats, Floats]:
    """Return value, low and high of `min_ratio` for many data sets at once; parameters as for `spreads`."""
    v, plain, strict = _known(values, interval, confidence)
    largest = np.fmax.reduce(v, axis=-1)
    value = np.fmin.reduce(v, axis=-1) / np.where(largest > 0, largest, np.nan)
    low = np.fmin.reduce(_lowest_ratios(v, *plain), axis=(-2, -1))
    strongest = np.fmax.reduce(_lowest_ratios(v, *strict), axis=(-2, -1))
    return _if_two(v, value, low, 1 / np.maximum(strongest, 1.0))


def _known(
    values: Floats, interval: GroupInterval, confidence: float
) -> tuple[Floats, tuple[Floats, Floats], tuple[Floats, Floats]]:
    """Values with NaN where a group has no interval, and the groups' intervals at the plain and simultaneous level."""
    plain = interval(normal_quantile((1 + confidence) / 2))
    v = np.where(np.isnan(plain[0]) | np.isnan(plain[1]), np.nan, values)
    k = (~np.isnan(v)).sum(axis=-1)
    if v.ndim == 1:
        return v, plain, interval(simultaneous_quantile(confidence, int(k)))
    table = np.array([simultaneous_quantile(confidence, i) for i in range(v.shape[-1] + 1)])
    # A scalar for people's intervals; an array only here, where the number of defined groups varies by data set.
    return v, plain, interval(table[k][..., None])


def simultaneous_quantile(confidence: float, k: int) -> float:
    """Return the normal critical value that holds for all pairs of `k` groups at once; 1.96 for two groups at 95 %.

    Examples
    --------
    >>> [round(simultaneous_quantile(0.95, k), 3) for k in (2, 5, 10)]
    [1.96, 2.728, 3.164]
    """
    return studentized_range_quantile(confidence, max(k, 2)) / _SQRT2


def _if_two(v: Floats, value: Floats, low: Floats, high: Floats) -> tuple[Floats, Floats, Floats]:
    """NaN wherever fewer than two groups are defined, or the value is not."""
    hide = np.where(((~np.isnan(v)).sum(axis=-1) >= 2) & ~np.isnan(value), 0.0, np.nan)
    return value + hide, low + hide, high + hide


def _contrast(values: Floats, interval: GroupInterval, ends: tuple[Floats, Floats, Floats]) -> Contrast:
    value, low, high = (float(x) for x in ends)
    if math.isnan(value):
        return _UNDEFINED
    known = np.where(np.isnan(interval(1.0)[0]), np.nan, values)
    return Contrast(value, low, high, int(np.nanargmax(known)), int(np.nanargmin(known)))


# -- measures with no closed form -------------------------------------------------------------------------------------


def multinomial(counts: Floats, replicates: int, rng: np.random.Generator) -> Floats:
    """Draw bootstrap replicates of tables of counts: drawing rows again is exactly a multinomial draw of the cells.

    Parameters
    ----------
    counts : array, shape (K, cells)
        Rows in each cell of each group; effective numbers where weighted.
    replicates : int
        How many to draw.
    rng : numpy.random.Generator
        Source of random numbers.

    Returns
    -------
    float array, shape (replicates, K, cells)
        Each with the group's total. Where a total is no integer, the nearest number of rows is drawn and scaled to it.

    Examples
    --------
    >>> multinomial(np.array([[3, 7], [0, 5]]), 2, np.random.default_rng(0)).sum(axis=-1).tolist()
    [[10.0, 5.0], [10.0, 5.0]]
    """
    table = np.asarray(counts, dtype=np.float64)
    total = table.sum(axis=-1)
    rows = np.rint(total).astype(np.int64)
    shares = np.divide(
        table,
        total[:, None],
        out=np.full(table.shape, 1 / table.shape[-1]),
        where=total[:, None] > 0,
    )
    drawn = rng.multinomial(rows, shares, size=(replicates, len(table))).astype(np.float64)
    scale = np.divide(total, rows, out=np.ones(len(total)), where=rows > 0)
    drawn *= scale[:, None]
    return drawn


def bootstrap_interval(
    counts: Floats,
    measure: Callable[[Floats], Floats],
    *,
    replicates: int = 1000,
    seed: int = 0,
) -> GroupInterval:
    """Return per-group intervals of any function of a group's counts, by the bootstrap.

    Parameters
    ----------
    counts : array, shape (K, cells)
        Rows in each cell of each group.
    measure : callable
        Maps counts of shape (..., cells) to values of shape (...); NaN where undefined.
    replicates : int
        Replicates drawn.
    seed : int
        Seed of the random numbers, so that the same counts give the same interval.

    Returns
    -------
    GroupInterval
        Each end is as far from the estimate as the replicates' root mean square deviation on that side, times z. It is
        defined for any z, where quantiles of 1,000 replicates end at 3. NaN where the measure is undefined, or where it
        is undefined in half of the replicates or more.

    Examples
    --------
    >>> counts = np.array([[30.0, 70.0]])
    >>> interval = bootstrap_interval(counts, lambda c: c[..., 0] / c.sum(axis=-1))
    >>> low, high = interval(1.96)
    >>> bool(0.2 < low[0] < 0.23 and 0.37 < high[0] < 0.40)
    True
    """
    table = np.asarray(counts, dtype=np.float64)
    value = measure(table)
    drawn = measure(multinomial(table, replicates, np.random.default_rng(seed)))
    usable = ~np.isnan(drawn)
    away = np.where(
        usable,
        drawn - np.nanmedian(np.where(usable.any(axis=0), drawn, 0.0), axis=0),
        0.0,
    )
    known = ~np.isnan(value) & (usable.sum(axis=0) > replicates / 2)
    below, above = (
        np.where(
            known,
            np.sqrt(2 * (np.maximum(side * away, 0.0) ** 2).sum(axis=0) / usable.sum(axis=0).clip(1)),
            np.nan,
        )
        for side in (-1, 1)
    )

    def interval(z: float) -> tuple[Floats, Floats]:
        return value - z * below, value + z * above

    return interval
