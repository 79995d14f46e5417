"""Who is in the data: shares of the groups against a least share, and against a reference population."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aequo.core.counts import Counts, Floats, Groups, Ints
from aequo.core.finding import Status
from aequo.core.intervals import normal_quantile, wilson
from aequo.core.levels import level, shown
from aequo.errors import InputError
from aequo.fairness.data_check import DataCheck, GroupNumber, Interval, called, listing, number, percent

__all__ = ["MOST_EMPTY", "effective_trials", "reference_population", "representation", "widest_half"]

By = Sequence[str] | str | None

MOST_EMPTY = 1000
"""Crossings with more combinations than this are not searched for ones that nobody belongs to."""


@dataclass(frozen=True, slots=True)
class _Members:
    """Rows and weights of the groups that have a name."""

    groups: Groups
    named: NDArray[np.bool_]
    n: Ints
    w: Floats
    w2: Floats

    @property
    def rows(self) -> int:
        return int(self.n[self.named].sum())


def representation(
    counts: Counts,
    *,
    by: By = None,
    limit: float = 0.05,
    confidence: float = 0.95,
    suppress_below: int = 0,
) -> DataCheck:
    """Return the share of the smallest group among the rows that name a group.

    Parameters
    ----------
    counts : Counts
        Counts with group columns.
    by : str or sequence of str, optional
        Columns to cross; all group columns by default.
    limit : float
        Least share, 0..1.
    confidence : float
        Level of the intervals, in (0, 1).
    suppress_below : int
        Groups with fewer rows than this, but some, are said to have "fewer than" so many: the value is then what the
        largest such group would have.

    Returns
    -------
    DataCheck
        ``value`` is the smallest share, 0..1, and the limit is a floor. A combination of crossed groups that nobody
        belongs to has share 0, counts, and is named in ``empty``. Measure ``share``.

    Notes
    -----
    Each share has Wilson's interval (weighted rows: on the effective number of rows). "Every share is at least the
    limit" needs no correction, since each must hold on its own (intersection-union); "some share is under it" is any
    of K statements, so the upper end is Bonferroni's over K groups. Rows without a group are not a group.

    References
    ----------
    E. B. Wilson (1927), JASA 22; R. L. Berger (1982), "Multiparameter hypothesis testing and acceptance sampling",
    Technometrics 24.

    Examples
    --------
    >>> from aequo.core.counts import Dim
    >>> counts = Counts.collect((Dim("sex", "group", ("f", "m")),), np.array([[0], [1]]), np.array([20, 980]))
    >>> check = representation(counts)
    >>> check.value, check.status.value
    (0.02, 'fail')
    >>> print(check.why)
    1 of 2 groups of sex makes up less than 5% of the 1,000 rows: f (2%).
    """
    members = _members(counts, by)
    empty = _empty(members)
    subject = members.groups.subject
    named = np.flatnonzero(members.named)
    total = float(members.w[named].sum())
    if len(named) < 2 or total <= 0:
        return _unjudged("representation", subject, members, _too_few(members, total), limit, True, confidence)
    many = len(named) + len(empty)
    if many * limit > 1:
        why = (
            f"Not judged: {many} groups of {subject} cannot all make up {percent(limit)} of the rows. "
            "Put the values into fewer groups, or set a lower limit."
        )
        return _unjudged("representation", subject, members, why, limit, True, confidence)
    trials = effective_trials(members.w[named], members.w2[named])
    shares = members.w[named] / total
    n = members.n[named]
    rows = members.rows
    hidden = (n > 0) & (n < suppress_below)
    labels = [members.groups.labels[i] for i in named]
    said = [called(subject, label) for label in labels]
    family = len(named) + len(empty)

    def bounds(at: float) -> Interval:
        alpha = 1 - at
        low, _ = wilson(shares * trials, trials, normal_quantile(1 - alpha / 2))
        _, high = wilson(shares * trials, trials, normal_quantile(1 - alpha / 2 / family))
        lows, highs = list(low[~hidden]), list(high[~hidden])
        for count, there in ((suppress_below - 1, hidden.any()), (0, bool(empty))):
            if there:
                lows.append(0.0)
                counted = np.array([float(count)]), np.array([float(rows)])
                highs.append(wilson(*counted, normal_quantile(1 - alpha / 2 / family))[1][0])
        return float(min(lows)), float(min(highs))

    published = [*shares[~hidden], *[(suppress_below - 1) / rows] * bool(hidden.any()), *[0.0] * bool(empty)]
    order = sorted(range(len(named)), key=lambda i: (shares[i], labels[i]))
    texts = [f"fewer than {suppress_below} rows" if hidden[i] else percent(shares[i]) for i in range(len(named))]
    below = [f"{said[i]} ({texts[i]})" for i in order if shares[i] < limit]

    def words(status: Status, interval: Interval | None) -> str:
        of = f"of the {rows:,} rows" + ("" if counts.w is None else " (weighted)")
        nobody = f" Nobody is {listing(empty)}." if empty else ""
        least = f"{said[order[0]]} with {texts[order[0]]}"
        if status is Status.PASS:
            return f"Every group of {subject} makes up at least {percent(limit)} {of}; the smallest is {least}.{nobody}"
        if status is Status.FAIL:
            some = f"{len(below) + len(empty)} of {family} groups of {subject}"
            makes = "makes" if len(below) + len(empty) == 1 else "make"
            list_ = listing(below + [f"{name} (nobody)" for name in empty], most=5)
            return f"{some} {makes} up less than {percent(limit)} {of}: {list_}."
        return (
            f"The smallest group of {subject} is {least} {of}{_range(interval)}: the data cannot tell whether it "
            f"reaches {percent(limit)}.{nobody}"
        )

    z = normal_quantile((1 + confidence) / 2)
    low, high = wilson(shares * trials, trials, z)
    numbers = [
        GroupNumber(group=labels[i], value=float(shares[i]), interval=(float(low[i]), float(high[i])), n=int(n[i]))
        for i in range(len(named))
    ]
    return DataCheck(
        check="representation",
        subject=subject,
        value=float(min(published)),
        n=rows,
        limit=limit,
        limit_is_floor=True,
        confidence=confidence,
        measures={"share": (*numbers, *_nameless(members))},
        empty=tuple(empty),
        bounds=bounds,
        words=words,
    )


def reference_population(
    counts: Counts,
    population: Mapping[Any, float],
    *,
    by: By = None,
    limit: float = 0.1,
    confidence: float = 0.95,
    suppress_below: int = 0,
) -> DataCheck:
    """Return how far the shares of the groups are from those of a population: total variation.

    Parameters
    ----------
    counts : Counts
        Counts with the group column.
    population : mapping of group to share
        Shares of the population, not negative, that sum to 1.
    by : str, optional
        Group column; needed if there are several.
    limit : float
        Largest total variation, 0..1.
    confidence : float
        Level of the intervals, in (0, 1).
    suppress_below : int
        Groups with fewer rows than this, but some, are said to have "fewer than" so many.

    Returns
    -------
    DataCheck
        ``value`` is half the sum of the absolute differences of shares: the share of rows that would have to belong to
        another group. Measure ``share_difference`` is signed, data less population; groups that only the data or only
        the population has are in it.

    Raises
    ------
    InputError
        If the population's shares are negative or do not sum to 1.

    Notes
    -----
    Total variation is never 0 in a sample, even where the data are drawn from the population, so resampling it cannot
    give an honest interval. With two groups it is the distance of one share, with Wilson's interval. With more, the
    lower end takes off the expected total variation of sampling alone and a normal quantile times the largest standard
    deviation of any set of groups (a norm of Gaussian noise is concentrated so); the upper end needs the latter only,
    for a convex distance is biased upward.

    References
    ----------
    B. S. Cirel'son, I. A. Ibragimov, V. N. Sudakov (1976), "Norms of Gaussian sample functions", Lecture Notes in
    Mathematics 550.

    Examples
    --------
    >>> from aequo.core.counts import Dim
    >>> counts = Counts.collect((Dim("sex", "group", ("f", "m")),), np.array([[0], [1]]), np.array([300, 700]))
    >>> check = reference_population(counts, {"f": 0.51, "m": 0.49})
    >>> print(f"{check.value:.2f}", check.status.value)
    0.21 fail
    """
    members = _members(counts, by)
    subject = members.groups.subject
    shares = _population(population)
    named = np.flatnonzero(members.named)
    total = float(members.w[named].sum())
    if total <= 0:
        why = _too_few(members, total)
        return _unjudged("reference-population", subject, members, why, limit, False, confidence)
    present = {members.groups.names[i][0]: i for i in named}
    names = [*present, *(name for name in shares if name not in present)]
    w = np.array([members.w[present[v]] if v in present else 0.0 for v in names])
    w2 = np.array([members.w2[present[v]] if v in present else 0.0 for v in names])
    n = [int(members.n[present[v]]) if v in present else 0 for v in names]
    p, q = w / total, np.array([shares.get(str(v), 0.0) for v in names])
    trials = effective_trials(w, w2)
    kish = float(total**2 / w2.sum())
    value = float(np.abs(p - q).sum() / 2)

    def bounds(at: float) -> Interval:
        z = normal_quantile((1 + at) / 2)
        low, high = wilson(p * trials, trials, z)
        if len(names) <= 2:
            return _away(float(low[0] - q[0]), float(high[0] - q[0]))
        # Variance of the share of a set of groups is largest for the set whose share is nearest to a half.
        middle = max(0.5, float(low.max()))
        spread = math.sqrt(middle * (1 - middle) / kish)
        noise = float(np.sqrt(2 / math.pi * p * (1 - p) / kish).sum() / 2)
        return max(0.0, value - noise - z * spread), min(1.0, value + z * spread)

    labels = [shown(v) for v in names]
    words = _population_words(subject, labels, p, q, n, members.rows, value, limit, suppress_below)
    z = normal_quantile((1 + confidence) / 2)
    low, high = wilson(p * trials, trials, z)
    numbers = tuple(
        GroupNumber(
            group=labels[i], value=float(p[i] - q[i]), interval=(float(low[i] - q[i]), float(high[i] - q[i])), n=n[i]
        )
        for i in range(len(names))
    )
    return DataCheck(
        check="reference-population",
        subject=subject,
        value=value,
        n=members.rows,
        limit=limit,
        confidence=confidence,
        measures={"share_difference": (*numbers, *_nameless(members))},
        bounds=bounds,
        words=words,
    )


def _population_words(
    subject: str,
    labels: list[str],
    p: Floats,
    q: Floats,
    n: list[int],
    rows: int,
    value: float,
    limit: float,
    suppress_below: int,
) -> Any:
    """Return the sentences for `reference_population`."""
    far = int(np.argmax(np.abs(p - q)))
    share = f"fewer than {suppress_below}" if 0 < n[far] < suppress_below else percent(p[far])
    most = f"{called(subject, labels[far])} is {share} of the rows and {percent(q[far])} of the population"
    strange = [called(subject, labels[i]) for i in range(len(labels)) if q[i] == 0 and n[i]]
    absent = [called(subject, labels[i]) for i in range(len(labels)) if q[i] > 0 and not n[i]]
    extra = f" The population has no {listing(strange)}." if strange else ""
    extra += f" The data have no {listing(absent)}." if absent else ""

    def words(status: Status, interval: Interval | None) -> str:
        far_by = f"{percent(value)} of the {rows:,} rows would have to be of another group{_range(interval)}"
        if status is Status.PASS:
            return (
                f"The groups of {subject} are nearly as in the population: {far_by}, within the limit of "
                f"{percent(limit)}; {most}.{extra}"
            )
        if status is Status.FAIL:
            return (
                f"The groups of {subject} are not as in the population: {most}; in all {far_by}, beyond the limit of "
                f"{percent(limit)}.{extra}"
            )
        return (
            f"To have the groups of {subject} as in the population, {far_by}: the data cannot tell whether that is "
            f"within the limit of {percent(limit)}; {most}.{extra}"
        )

    return words


# -- helpers ----------------------------------------------------------------------------------------------------------


def effective_trials(w: Floats, w2: Floats) -> Floats:
    """Return the number of equal rows that would give each group's share the same variance.

    Parameters
    ----------
    w, w2 : float array, shape (K,)
        Sum of weights and of squared weights per group.

    Returns
    -------
    float array, shape (K,)
        The number of rows where all weights are equal. Linearised variance of a ratio of weights; for shares of 0 and
        1 Kish's ``w.sum() ** 2 / w2.sum()``.

    References
    ----------
    L. Kish (1965), "Survey Sampling".

    Examples
    --------
    >>> effective_trials(np.array([20.0, 80.0]), np.array([20.0, 80.0])).round(6).tolist()
    [100.0, 100.0]
    """
    total, squares = float(w.sum()), float(w2.sum())
    p = w / total
    variance = (w2 * (1 - p) ** 2 + (squares - w2) * p**2) / total**2
    inside = (p > 0) & (p < 1) & (variance > 0)
    kish = total**2 / squares
    out: Floats = np.where(inside, p * (1 - p) / np.where(inside, variance, 1.0), kish)
    return out


def widest_half(p: Floats, trials: Floats, z: float) -> Floats:
    """Return the longer arm of Wilson's interval for each share, over `z`: a standard deviation that is never 0."""
    low, high = wilson(p * trials, trials, z)
    out: Floats = np.maximum(high - p, p - low) / z
    return out


def _members(counts: Counts, by: By) -> _Members:
    groups = counts.groups(by)
    size = len(groups)
    return _Members(
        groups=groups,
        named=~groups.missing,
        n=groups.n,
        w=np.bincount(groups.codes, counts.weights, minlength=size).astype(np.float64),
        w2=np.bincount(groups.codes, counts.squares, minlength=size).astype(np.float64),
    )


def _empty(members: _Members) -> list[str]:
    """Return the combinations of crossed groups that nobody belongs to."""
    names = [name for name, named in zip(members.groups.names, members.named, strict=True) if named]
    if len(members.groups.columns) < 2 or not names:
        return []
    parts = [list(dict.fromkeys(name[i] for name in names)) for i in range(len(members.groups.columns))]
    if math.prod(len(part) for part in parts) > MOST_EMPTY:
        return []
    there = set(names)
    return [" · ".join(map(shown, name)) for name in itertools.product(*parts) if name not in there]


def _nameless(members: _Members) -> list[GroupNumber]:
    """Return a number without value for each group of missing name, so that no row is passed over in silence."""
    return [
        GroupNumber(
            group=members.groups.labels[i],
            value=None,
            interval=None,
            n=int(members.n[i]),
            judged=False,
            why="these rows name no group",
        )
        for i in np.flatnonzero(~members.named)
    ]


def _too_few(members: _Members, total: float) -> str:
    subject = members.groups.subject
    named = np.flatnonzero(members.named)
    if not members.n.sum():
        return "Not judged: there are no rows."
    if not len(named):
        return f"Not judged: no row names a group of {subject}."
    if total <= 0:
        return "Not judged: all rows have weight 0."
    only = members.groups.labels[named[0]]
    return f"Not judged: {only} is the only group of {subject}, so the data cannot say whether others should be there."


def _unjudged(
    check: str, subject: str, members: _Members, why: str, limit: float, floor: bool, confidence: float
) -> DataCheck:
    return DataCheck(
        check=check,
        subject=subject,
        value=None,
        n=members.rows,
        limit=limit,
        limit_is_floor=floor,
        confidence=confidence,
        words=lambda *_: why,
    )


def _population(population: Mapping[Any, float]) -> dict[str, float]:
    shares: dict[str, float] = {}
    for key, share in population.items():
        name = level(key)
        if name is None or not math.isfinite(share) or share < 0:
            raise InputError(f"the population's share of {shown(name)!r} is {share}; expected a number from 0 to 1.")
        shares[name] = shares.get(name, 0.0) + float(share)
    total = sum(shares.values())
    if abs(total - 1) > 1e-3:
        raise InputError(f"the population's shares sum to {number(total)}; expected 1.")
    return {name: share / total for name, share in shares.items()}


def _away(low: float, high: float) -> Interval:
    """Return the interval of the absolute value of a signed number."""
    far = max(abs(low), abs(high))
    return (0.0 if low <= 0 <= high else min(abs(low), abs(high))), far


def _range(interval: Interval | None) -> str:
    return "" if interval is None else f" (interval {percent(interval[0])} to {percent(interval[1])})"
