"""How differently the label is distributed in each group."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from aequo.core.counts import Counts, Floats, Ints
from aequo.core.finding import Status
from aequo.core.intervals import normal_quantile, wilson
from aequo.core.levels import Level, shown
from aequo.errors import InputError
from aequo.fairness.data_check import DataCheck, GroupNumber, Interval, called, number, percent
from aequo.fairness.shares import By

__all__ = ["label_divergence"]

Signed = Callable[[float], Interval]


@dataclass(frozen=True, slots=True)
class _Distance:
    """Distance of one group from the whole, and what sampling adds to it.

    Attributes
    ----------
    value : float
        The distance.
    noise : float
        Its expectation if group and rest were alike.
    spread : float
        Largest standard deviation of any linear part of it.
    """

    value: float
    noise: float
    spread: float

    def bounds(self, z: float) -> Interval:
        return max(0.0, self.value - self.noise - z * self.spread), self.value + z * self.spread


@dataclass(frozen=True, slots=True)
class _Labels:
    """Distribution of the label in each group and in the rest, over the rows that have a label."""

    subject: str
    names: list[str]
    named: list[bool]
    classes: list[Level]
    column: str
    n: Ints
    inside: Floats  # (K, C) shares of the classes in the group
    outside: Floats  # (K, C) shares in all other rows
    overall: Floats  # (C,)
    weight: Floats  # (K,) share of the group in all labelled rows
    trials: Floats  # (K,) effective rows of the group
    others: Floats  # (K,) effective rows of the rest
    rows: int


def label_divergence(
    counts: Counts,
    *,
    by: By = None,
    limit: float = 0.1,
    confidence: float = 0.95,
    min_size: int = 1,
) -> DataCheck:
    """Return how far the distribution of the label in the most different group is from that of all rows.

    Parameters
    ----------
    counts : Counts
        Counts with a label of classes.
    by : str or sequence of str, optional
        Columns to cross; all group columns by default.
    limit : float
        Largest divergence, 0..2.
    confidence : float
        Level of the intervals, in (0, 1).
    min_size : int
        Groups with fewer labelled rows take no part.

    Returns
    -------
    DataCheck
        ``value`` is the largest, over groups, of the squared difference: the sum over classes of the square of the
        class's share in the group less its share in all rows that have a label (the group among them). Measures
        ``label_divergence`` and ``label_total_variation``, half the sum of the absolute differences.

    Raises
    ------
    InputError
        If the counts have no label of classes.

    Notes
    -----
    Some sources compare a group with its complement; that difference is ``1 / (1 - share of the group)`` times this
    one before squaring. With two classes the interval is Newcombe's for the difference of two shares. With more, the
    distance is a norm of a difference with Gaussian noise: the upper end adds a normal quantile times the largest
    standard deviation in any direction (a norm is convex, so it is biased upward), the lower end also takes off the
    expected norm of the noise. Low ends are Bonferroni's over the groups ("some group is beyond the limit"), high ends
    need no correction ("every group is within").

    References
    ----------
    R. G. Newcombe (1998), "Interval estimation for the difference between independent proportions", Statistics in
    Medicine 17.

    Examples
    --------
    >>> from aequo.core.counts import Dim
    >>> dims = (Dim("sex", "group", ("f", "m")), Dim("hired", "label", ("0", "1")))
    >>> cells = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    >>> check = label_divergence(Counts.collect(dims, cells, np.array([400, 100, 200, 300])))
    >>> round(check.value, 3), [round(g.value, 3) for g in check.measures["label_total_variation"]]
    (0.08, [0.2, 0.2])
    """
    labels = _labels(counts, by)
    judged = [
        i
        for i in range(len(labels.names))
        if labels.named[i] and labels.n[i] >= max(min_size, 1) and labels.trials[i] > 0 and labels.others[i] > 0
    ]
    difference = labels.inside - labels.overall
    squared = (difference**2).sum(axis=1)
    variation = np.abs(difference).sum(axis=1) / 2
    root_two = math.sqrt(2)
    euclid = {i: (_signed(labels, i) if len(labels.classes) == 2 else _euclid(labels, i, squared[i])) for i in judged}

    def of_group(i: int, z: float) -> Interval:
        found = euclid[i]
        if isinstance(found, _Distance):
            low, high = found.bounds(z)
            return low**2, min(high**2, 2.0)
        low, high = found(z)
        return 2 * low**2, 2 * high**2

    def total_of_group(i: int, z: float) -> Interval:
        if len(labels.classes) == 2:
            low, high = of_group(i, z)
            return math.sqrt(low) / root_two, math.sqrt(high) / root_two
        low, high = _total(labels, i, float(variation[i])).bounds(z)
        return low, min(high, 1.0)

    def bounds(at: float) -> Interval | None:
        if not judged:
            return None
        alpha = 1 - at
        low = max(of_group(i, normal_quantile(1 - alpha / 2 / len(judged)))[0] for i in judged)
        high = max(of_group(i, normal_quantile(1 - alpha / 2))[1] for i in judged)
        return low, high

    z = normal_quantile((1 + confidence) / 2)
    measures: dict[str, tuple[GroupNumber, ...]] = {}
    for name, values, interval in (
        ("label_divergence", squared, of_group),
        ("label_total_variation", variation, total_of_group),
    ):
        measures[name] = tuple(
            GroupNumber(
                group=labels.names[i],
                value=float(values[i]),
                interval=interval(i, z),
                n=int(labels.n[i]),
            )
            if i in euclid
            else GroupNumber(
                group=labels.names[i],
                value=None,
                interval=None,
                n=int(labels.n[i]),
                judged=False,
                why=_why_not(labels, i, min_size),
            )
            for i in range(len(labels.names))
        )
    sizes = counts.groups(by).n
    unjudged = [
        labels.names[i]
        for i in range(len(labels.names))
        if labels.named[i] and i not in euclid and sizes[i] >= max(min_size, 1)
    ]
    worst = max(judged, key=lambda i: (squared[i], labels.names[i]), default=None)
    return DataCheck(
        check="label-divergence",
        subject=labels.subject,
        value=None if worst is None else float(squared[worst]),
        n=int(labels.n[labels.named].sum()),
        limit=limit,
        confidence=confidence,
        measures=measures,
        unjudged=tuple(unjudged) if len(judged) > 1 else (),
        bounds=bounds,
        words=lambda status, interval: _words(labels, worst, status, interval, limit, min_size),
    )


def _words(
    labels: _Labels, worst: int | None, status: Status, interval: Interval | None, limit: float, min_size: int
) -> str:
    """Return the sentence for `label_divergence`."""
    if worst is None:
        return f"Not judged: {_nothing(labels, min_size)}."
    difference = labels.inside[worst] - labels.overall
    c = int(np.argmax(difference if len(labels.classes) == 2 else np.abs(difference)))
    if len(labels.classes) == 2 and "1" in labels.classes:
        c = labels.classes.index("1")  # people read the rate of 1, whichever way it differs
    if len(labels.classes) < 2:
        return f"{labels.column} is {shown(labels.classes[0])} in every labelled row, so its groups do not differ."
    value = float((difference**2).sum())
    ends = "" if interval is None else f" (interval {number(interval[0])} to {number(interval[1])})"
    most = (
        f"{labels.column} is {shown(labels.classes[c])} for {percent(labels.inside[worst, c])} of "
        f"{called(labels.subject, labels.names[worst])} and {percent(labels.overall[c])} of all rows; the squared "
        f"differences, summed over the classes, are {number(value)}{ends}"
    )
    if status is Status.PASS:
        return f"Labels are spread alike in the groups of {labels.subject}. Furthest: {most}, limit {number(limit)}."
    if status is Status.FAIL:
        return f"Labels are spread differently in the groups of {labels.subject}. {most}, limit {number(limit)}."
    return f"{most}; the data cannot tell whether that is within the limit of {number(limit)}."


def _nothing(labels: _Labels, min_size: int) -> str:
    if not labels.rows:
        return f"no row has a label in {labels.column}"
    named = [i for i in range(len(labels.names)) if labels.named[i] and labels.n[i] > 0]
    if not named:
        return f"no labelled row names a group of {labels.subject}"
    if len(named) == 1:
        return f"{labels.names[named[0]]} is the only group of {labels.subject} in the labelled rows"
    return f"no group of {labels.subject} has {min_size} labelled rows"


def _why_not(labels: _Labels, i: int, min_size: int) -> str:
    if not labels.named[i]:
        return "these rows name no group"
    if labels.n[i] == 0:
        return "no row has a label"
    if labels.n[i] < min_size:
        return f"fewer than {min_size} rows have a label"
    return "there are no other rows to compare with"


def _labels(counts: Counts, by: By) -> _Labels:
    dim = counts.role("label")
    if dim is None:
        raise InputError("the divergence of labels needs counts with a label of classes; these have none.")
    groups = counts.groups(by)
    kept = [i for i, value in enumerate(dim.levels) if value is not None]
    codes = counts.codes[:, counts.axis(dim.name)]
    shape = (len(groups), len(dim.levels))
    flat = groups.codes * shape[1] + codes

    def table(values: Floats | Ints) -> Floats:
        cells: Floats = (
            np.bincount(flat, values, minlength=shape[0] * shape[1]).astype(np.float64).reshape(shape)[:, kept]
        )
        return cells

    n = table(counts.n).sum(axis=1).astype(np.int64)
    w, w2 = table(counts.weights), table(counts.squares).sum(axis=1)
    inside, rest = w.sum(axis=1), w.sum() - w.sum(axis=1)
    rest2 = w2.sum() - w2
    rest = np.where(rest > 1e-12 * max(float(w.sum()), 1e-300), rest, 0.0)
    return _Labels(
        subject=groups.subject,
        names=list(groups.labels),
        named=[not missing for missing in groups.missing],
        classes=[dim.levels[i] for i in kept],
        column=dim.name,
        n=n,
        inside=_over(w, inside),
        outside=_over(w.sum(axis=0) - w, rest),
        overall=_over(w.sum(axis=0)[None, :], w.sum()[None])[0],
        weight=_over(inside[:, None], np.full(len(groups), w.sum()))[:, 0],
        trials=_over((inside**2)[:, None], w2)[:, 0],
        others=_over((rest**2)[:, None], rest2)[:, 0],
        rows=int(n.sum()),
    )


def _over(numerator: Floats, denominator: Floats) -> Floats:
    """Divide rows, 0 where there is nothing to divide by."""
    out: Floats = np.divide(
        numerator, denominator[:, None], out=np.zeros_like(numerator), where=denominator[:, None] > 0
    )
    return out


def _signed(labels: _Labels, i: int) -> Signed:
    """Return the interval of the difference between a group and the whole, for two classes, without its sign."""

    def interval(z: float) -> Interval:
        p = np.array([labels.inside[i, 1], labels.outside[i, 1]])
        low, high = wilson(p * (trials := np.array([labels.trials[i], labels.others[i]])), trials, z)
        d = float(p[0] - p[1])
        # Newcombe: the arms of the two shares, squared and added.
        down = d - math.hypot(p[0] - low[0], high[1] - p[1])
        up = d + math.hypot(high[0] - p[0], p[1] - low[1])
        scale = 1 - float(labels.weight[i])
        near = 0.0 if down <= 0 <= up else min(abs(down), abs(up))
        return near * scale, max(abs(down), abs(up)) * scale

    return interval


def _smooth(labels: _Labels, i: int) -> list[tuple[Floats, float]]:
    """Return shares with half a row added to each class (so that no variance is 0), and the effective rows."""
    out = []
    for shares, trials in ((labels.inside[i], labels.trials[i]), (labels.outside[i], labels.others[i])):
        out.append(((shares * trials + 0.5) / (trials + 0.5 * len(shares)), float(trials)))
    return out


def _euclid(labels: _Labels, i: int, squared: float) -> _Distance:
    size = len(labels.classes)
    covariance = np.zeros((size, size))
    for p, trials in _smooth(labels, i):
        covariance += (np.diag(p) - np.outer(p, p)) / trials
    scale = 1 - float(labels.weight[i])
    widest = float(np.linalg.eigvalsh(covariance)[-1]) if size else 0.0
    noise = math.sqrt(max(float(np.trace(covariance)), 0.0))
    return _Distance(math.sqrt(squared), scale * noise, scale * math.sqrt(max(widest, 0.0)))


def _total(labels: _Labels, i: int, variation: float) -> _Distance:
    variance, widest = np.zeros(len(labels.classes)), 0.0
    for p, trials in _smooth(labels, i):
        variance += p * (1 - p) / trials
        middle = max(0.5, float(p.max(initial=0.0)))
        widest += middle * (1 - middle) / trials
    scale = 1 - float(labels.weight[i])
    noise = float(np.sqrt(2 / math.pi * variance).sum() / 2)
    return _Distance(variation, scale * noise, scale * math.sqrt(widest))
