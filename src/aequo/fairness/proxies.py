"""How well the other columns tell a person's group: without the group column, its proxies still decide."""

from __future__ import annotations

import math
import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aequo.core.counts import Floats, Ints
from aequo.core.finding import Status
from aequo.core.intervals import normal_quantile
from aequo.core.levels import Level, sort_levels
from aequo.errors import MissingExtra, need
from aequo.fairness.data_check import ColumnNumber, DataCheck, GroupNumber, Interval, called, listing, number, percent
from aequo.fairness.encoding import Encoded, encode, members

__all__ = ["MOST_GROUPS", "MOST_ROWS", "area_interval", "area_under_curve", "proxy_check"]

MOST_ROWS = 20_000
"""More rows than this are sampled."""

MOST_GROUPS = 10
"""Of more groups than this, the largest are judged and the others are one."""

_FOLDS = 5

_SHARED = math.sqrt(1 + _FOLDS / (_FOLDS - 1))
"""Folds learn from each other's rows, so areas vary more than on rows apart (Nadeau and Bengio's correction)."""

_WIDE = 100
"""Texts with more different values than this are given to the model as rates of the groups, not as codes."""


@dataclass(frozen=True, slots=True)
class _Task:
    """What is to be predicted: the class of each row, and the classes that are judged, each against the rest."""

    y: Ints
    classes: list[str]
    sizes: Ints
    judged: list[int]


def proxy_check(
    columns: Mapping[str, Any],
    by: Sequence[str],
    *,
    exclude: Collection[str] = (),
    limit: float = 0.8,
    confidence: float = 0.95,
    min_size: int = 20,
    seed: int = 0,
    missing: Collection[str] = ("",),
    sampled: bool = False,
) -> DataCheck:
    """Return how well the other columns predict the group: the largest area under the ROC curve over the groups.

    Parameters
    ----------
    columns : mapping of str to sequence
        Rows (a sample of them), by column.
    by : sequence of str
        Group columns to cross.
    exclude : collection of str
        Columns that must not predict: label, prediction, score, weight, other group columns.
    limit : float
        Largest area, 0.5..1.
    confidence : float
        Level of the intervals, in (0, 1).
    min_size : int
        Groups with fewer rows, or fewer rows outside, are not judged.
    seed : int
        Seed of the folds and the model.
    missing : collection of str
        Texts that mean "missing".
    sampled : bool
        Whether `columns` is a sample of the rows.

    Returns
    -------
    DataCheck
        ``value`` is the chance that the model ranks a random member of the group above a random other person, 0..1;
        0.5 is guessing. Measure ``proxy_auc``. ``columns`` has the strongest single columns for the group that is
        predicted best, ``left_out`` columns whose values differ in every row.
        Without scikit-learn nothing is measured, and the sentence says how to install it.

    Notes
    -----
    Gradient-boosted trees on five folds; each row is predicted by a model that has not seen it, and the area is the
    mean over folds. The interval is Newcombe's for the area (his method 5, a score interval on Hanley and McNeil's
    variance), half as wide again because the folds learn from each other's rows (Nadeau and Bengio). It speaks of these
    columns and this kind of model: a better model might do better. Some group
    above the limit: Bonferroni over the groups; all below: no correction. Single columns are scored by the group's
    rate per value or bin, from the other folds.

    References
    ----------
    R. G. Newcombe (2006), "Confidence intervals for an effect size measure based on the Mann-Whitney statistic, part
    2", Statistics in Medicine 25. J. A. Hanley and B. J. McNeil (1982), Radiology 143. C. Nadeau and Y. Bengio (2003),
    "Inference for the generalization error", Machine Learning 52.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> group = rng.choice(["a", "b"], 400)
    >>> data = {"group": group, "zip": np.where(group == "a", "x", "y"), "noise": rng.normal(size=400)}
    >>> check = proxy_check(data, ["group"])
    >>> check.value, check.columns[0].column, check.status.value
    (1.0, 'zip', 'fail')
    """
    subject = " × ".join(by)
    named = members(columns, by, missing=missing)
    task = _task(named, min_size)
    kept = np.array([i for i, name in enumerate(named) if name is not None and task.y[i] >= 0], dtype=np.int64)
    y = task.y[kept]
    encoded = [
        encode(name, np.asarray(column)[kept], missing=missing)
        for name, column in columns.items()
        if name not in by and name not in exclude
    ]
    left_out = tuple(c.name for c in encoded if c.identifier)
    features = [c for c in encoded if not c.identifier and not c.constant]
    shape: dict[str, Any] = {
        "check": "proxies",
        "subject": subject,
        "n": len(kept),
        "limit": limit,
        "confidence": confidence,
        "left_out": left_out,
    }
    why = _unmeasurable(subject, len(named), task, features, left_out, min_size)
    if why is None:
        try:
            need("sklearn", "ml")
        except MissingExtra as error:
            why = f"Not judged: {error}"
    if why is not None:
        return DataCheck(**shape, value=None, words=lambda *_: why)
    folds = _folds(y, seed)
    areas = _areas(features, y, len(task.classes), folds, seed)
    m = task.sizes
    family = 1 if len(task.classes) == 2 else len(task.judged)

    def of_group(g: int, z: float) -> Interval:
        return area_interval(areas[g], int(m[g]), int(len(y) - m[g]), z * _SHARED)

    def bounds(at: float) -> Interval:
        alpha = 1 - at
        low = max(of_group(g, normal_quantile(1 - alpha / 2 / family))[0] for g in task.judged)
        high = max(of_group(g, normal_quantile(1 - alpha / 2))[1] for g in task.judged)
        return low, high

    best = max(task.judged, key=lambda g: (areas[g], task.classes[g]))
    z = normal_quantile((1 + confidence) / 2) * _SHARED
    singles = _singles(features, y == best, folds)[:5]
    single = tuple(
        ColumnNumber(column=name, value=a, interval=area_interval(a, int(m[best]), int(len(y) - m[best]), z), n=len(y))
        for name, a in singles
    )
    return DataCheck(
        **shape,
        value=areas[best],
        measures={"proxy_auc": _numbers(task, areas, named, z, min_size, len(y))},
        columns=single,
        notes=_notes(subject, left_out, len(columns[by[0]]), sampled, task),
        bounds=bounds,
        words=lambda status, interval: _words(
            subject, task.classes[best], areas[best], single, len(features), status, interval, limit
        ),
    )


def area_under_curve(scores: Floats, positive: Any) -> float:
    """Return the chance that a positive row has a higher score than a negative one; ties count half.

    Examples
    --------
    >>> area_under_curve(np.array([0.1, 0.4, 0.4, 0.9]), np.array([False, False, True, True]))
    0.875
    """
    _, codes, sizes = np.unique(scores, return_inverse=True, return_counts=True)
    middle = np.cumsum(sizes) - (sizes - 1) / 2
    ranks = middle[codes.reshape(-1)]
    m = int(np.sum(positive))
    if m == 0 or m == len(scores):
        return math.nan
    return float((ranks[np.asarray(positive)].sum() - m * (m + 1) / 2) / (m * (len(scores) - m)))


def area_interval(area: float, m: int, n: int, z: float) -> Interval:
    """Return Newcombe's interval (method 5) for an area under the ROC curve of m positive and n negative rows.

    Parameters
    ----------
    area : float
        The estimate, 0..1.
    m, n : int
        Rows of both kinds, at least 1.
    z : float
        Normal critical value.

    Examples
    --------
    >>> low, high = area_interval(1.0, 50, 50, 1.96)
    >>> round(low, 3), high
    (0.96, 1.0)
    """
    half = (m + n) / 2 - 1

    def excess(theta: float) -> float:
        variance = theta * (1 - theta) * (1 + half * ((1 - theta) / (2 - theta) + theta / (1 + theta))) / (m * n)
        return (area - theta) ** 2 - z * z * variance

    def root(outside: float) -> float:
        inside = area
        for _ in range(60):
            middle = (inside + outside) / 2
            if excess(middle) > 0:
                outside = middle
            else:
                inside = middle
        return (inside + outside) / 2

    return (root(0.0) if area > 0 else 0.0), (root(1.0) if area < 1 else 1.0)


# -- steps ------------------------------------------------------------------------------------------------------------


def _task(named: Sequence[Level], min_size: int) -> _Task:
    """Return the classes: the largest groups by name, and all others as one if they are enough."""
    least = max(min_size, 10)  # two rows a fold
    order = {name: i for i, name in enumerate(sort_levels({v for v in named if v is not None}))}
    sizes = np.zeros(len(order), dtype=np.int64)
    for name in named:
        if name is not None:
            sizes[order[name]] += 1
    names = list(order)
    large = [i for i in sorted(range(len(names)), key=lambda i: (-sizes[i], i)) if sizes[i] >= least][:MOST_GROUPS]
    rest = int(sizes.sum() - sizes[large].sum())
    classes = [str(names[i]) for i in sorted(large)]
    code = {name: c for c, name in enumerate(classes)}
    other = len(classes) if rest >= least else -1
    y = np.array([-1 if v is None else code.get(v, other) for v in named], dtype=np.int64)
    if other >= 0:
        classes.append("(other groups)")
    class_sizes = np.bincount(y[y >= 0], minlength=len(classes)).astype(np.int64)
    judged = [code[str(names[i])] for i in sorted(large)] if len(classes) > 1 else []
    return _Task(y, classes, class_sizes, judged)


def _unmeasurable(
    subject: str, rows: int, task: _Task, features: Sequence[Encoded], left_out: Sequence[str], min_size: int
) -> str | None:
    if not rows:
        return "Not judged: there are no rows."
    if not task.judged:
        return f"Not judged: fewer than two groups of {subject} have {max(min_size, 10)} rows to learn from."
    if not features:
        beside = f", beside {listing(left_out)}, whose values all differ" if left_out else ""
        return f"Not judged: there is no other column that could give away {subject}{beside}."
    return None


def _folds(y: Ints, seed: int) -> Ints:
    """Return a fold for each row, each with its share of every class."""
    fold = np.zeros(len(y), dtype=np.int64)
    rng = np.random.default_rng(seed)
    for c in np.unique(y):
        rows = np.flatnonzero(y == c)
        fold[rng.permutation(rows)] = np.arange(len(rows)) % _FOLDS
    return fold


def _areas(features: Sequence[Encoded], y: Ints, k: int, folds: Ints, seed: int) -> list[float]:
    """Return, for each class, the mean over folds of the area under the curve of that class against the rest."""
    ensemble, threads = need("sklearn.ensemble", "ml"), need("threadpoolctl", "ml")
    narrow = [c for c in features if c.levels <= _WIDE]
    wide = [c for c in features if c.levels > _WIDE]
    plain = np.stack([c.values for c in narrow], axis=1) if narrow else np.zeros((len(y), 0))
    codes = [c.binned(1) for c in wide]
    width = plain.shape[1] + len(wide) * (1 if k == 2 else k)
    categorical = np.zeros(width, dtype=bool)
    categorical[: len(narrow)] = [c.levels > 2 for c in narrow]
    found = np.zeros((_FOLDS, k))
    for f in range(_FOLDS):
        train, test = folds != f, folds == f
        x = np.concatenate([plain, *(_rates(c, y, k, folds, f) for c in codes)], axis=1)
        model = ensemble.HistGradientBoostingClassifier(
            max_iter=max(20, 160 // k),
            learning_rate=0.15,
            max_leaf_nodes=15,
            max_bins=127,
            l2_regularization=1.0,
            min_samples_leaf=max(5, min(20, int(train.sum()) // 50)),
            categorical_features=categorical if categorical.any() else None,
            early_stopping=False,
            random_state=seed,
        )
        # The library's notes on versions and constant bins are not the reader's business.
        with threads.threadpool_limits(1), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            scores = model.fit(x[train], y[train]).predict_proba(x[test])
        found[f] = [area_under_curve(scores[:, c], y[test] == c) for c in range(k)]
    return [float(a) for a in found.mean(axis=0)]


def _rates(codes: Ints, y: Ints, k: int, folds: Ints, out: int) -> Floats:
    """Return a text's rates of the classes as features, for each row from folds that neither hold it nor are `out`."""
    size = int(codes.max()) + 1
    tables = np.zeros((_FOLDS, size, k))
    np.add.at(tables, (folds, codes, y), 1.0)
    learned = tables.sum(axis=0) - tables[out]
    prior = learned.sum(axis=0) / learned.sum()
    rates = np.zeros((len(y), k))
    for f in range(_FOLDS):
        rows = folds == f
        table = learned if f == out else learned - tables[f]
        smooth = (table + 5 * prior) / (table.sum(axis=1, keepdims=True) + 5)
        rates[rows] = smooth[codes[rows]]
    return rates[:, 1:] if k == 2 else rates


def _singles(features: Sequence[Encoded], positive: Any, folds: Ints) -> list[tuple[str, float]]:
    """Return each column's own area under the curve, strongest first."""
    target = np.asarray(positive).astype(np.int64)
    out = []
    for column in features:
        codes = column.binned(32)
        areas = []
        for f in range(_FOLDS):
            test = folds == f
            table = np.zeros((int(codes.max()) + 1, 2))
            np.add.at(table, (codes[~test], target[~test]), 1.0)
            prior = table[:, 1].sum() / table.sum()
            rate = (table[:, 1] + 5 * prior) / (table.sum(axis=1) + 5)
            areas.append(area_under_curve(rate[codes[test]], target[test] == 1))
        out.append((column.name, float(np.mean(areas))))
    return sorted(out, key=lambda pair: (-pair[1], pair[0]))


def _numbers(
    task: _Task, areas: Sequence[float], named: Sequence[Level], z: float, min_size: int, rows: int
) -> tuple[GroupNumber, ...]:
    """Return the area of each group, and why a group has none."""
    position = {task.classes[g]: g for g in task.judged}
    sizes: dict[str, int] = {}
    for name in named:
        if name is not None:
            sizes[name] = sizes.get(name, 0) + 1
    out = []
    for name in sort_levels(sizes):
        g = position.get(str(name))
        if g is None:
            why = f"fewer than {max(min_size, 10)} rows, or not among the {MOST_GROUPS} largest groups"
            out.append(
                GroupNumber(group=str(name), value=None, interval=None, n=sizes[str(name)], judged=False, why=why)
            )
            continue
        m = int(task.sizes[g])
        ends = area_interval(areas[g], m, rows - m, z)
        out.append(GroupNumber(group=str(name), value=areas[g], interval=ends, n=m))
    return tuple(out)


def _notes(subject: str, left_out: Sequence[str], rows: int, sampled: bool, task: _Task) -> tuple[str, ...]:
    notes = [
        "Proxies were sought with gradient-boosted trees, each row predicted by a model that has not seen it; a better "
        "model might find more."
    ]
    if sampled:
        notes.append(f"Proxies were sought in a random sample of {rows:,} rows.")
    if left_out:
        notes.append(f"Not used as proxies, since the value differs in every row: {', '.join(left_out)}.")
    if "(other groups)" in task.classes:
        notes.append(
            f"Proxies of {subject}: only groups with enough rows were judged, and at most the {MOST_GROUPS} largest."
        )
    return tuple(notes)


def _words(
    subject: str,
    group: str,
    area: float,
    singles: Sequence[ColumnNumber],
    features: int,
    status: Status,
    interval: Interval | None,
    limit: float,
) -> str:
    """Return the sentence for `proxy_check`."""
    ends = "" if interval is None else f" (interval {percent(interval[0])} to {percent(interval[1])})"
    other = "the other column tells" if features == 1 else f"the {features} other columns together tell"
    tells = f"{other} {called(subject, group)} from the rest in {percent(area)} of pairs{ends}, where guessing has 50%"
    strong = [f"{c.column} ({number(c.value)})" for c in singles if c.value > 0.55][:3]
    alone = f" Strongest alone, by area under the curve: {', '.join(strong)}." if strong and features > 1 else ""
    if status is Status.PASS:
        return f"The other columns do not give {subject} away: {tells}, limit {percent(limit)}.{alone}"
    if status is Status.FAIL:
        return f"The other columns give {subject} away: {tells}, limit {percent(limit)}.{alone}"
    text = f"{tells}; the data cannot tell whether that is within the limit of {percent(limit)}.{alone}"
    return text[0].upper() + text[1:]
