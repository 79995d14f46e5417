"""Partial dependence: the mean score if everybody had one value of a column (Friedman 2001, Ann. Stat. 29)."""

from __future__ import annotations

import math

import numpy as np

from aequo.core.counts import Floats, Ints
from aequo.models.predicting import Model
from aequo.models.rows import Rows
from aequo.transparency.columns import Column, ask
from aequo.transparency.explanation import Dependence, Point
from aequo.transparency.permuted import max_t

__all__ = ["dependence_of"]

_POINTS = 12
_PEOPLE = 500


def dependence_of(
    model: Model, rows: Rows, column: Column, some: Ints, *, confidence: float = 0.95, seed: int = 0
) -> Dependence:
    """Return how a model's mean score moves with one column, over values that occur.

    Parameters
    ----------
    model : Model
        What is asked.
    rows : Rows
        The rows.
    column : Column
        One of their columns.
    some : int array
        The people whose mean it is; the first few hundred of a random order where there are more.
    confidence : float
        Level of the band, which holds for all points at once.
    seed : int
        Of the choice of people, and of the band's critical value.

    Examples
    --------
    >>> from aequo.transparency.columns import asked_of, column_of
    >>> model, rows = asked_of(lambda x: x["a"] / 10, {"a": [1, 2, 3, 4], "b": [0, 0, 0, 0]})
    >>> [(p.value, p.score) for p in dependence_of(model, rows, column_of(rows, "a"), np.arange(4)).points]
    [(1, 0.1), (2, 0.2), (3, 0.3), (4, 0.4)]
    """
    at, left_out = _points(column)
    people = some
    if len(some) > _PEOPLE:
        people = np.sort(np.random.default_rng(seed).choice(some, _PEOPLE, replace=False))
    j = rows.names.index(column.name)
    index = np.repeat(np.tile(people, len(at))[:, None], len(rows.names), axis=1)
    index[:, j] = np.repeat(at, len(people))
    scores = ask(model, rows, index).reshape(len(at), len(people))
    n = len(people)
    covariance = np.atleast_2d(np.cov(scores)) / n if n > 1 else np.full((len(at), len(at)), math.inf)
    reach = max_t([covariance], confidence, seed=seed) * np.sqrt(np.diag(covariance)) if n > 1 else covariance[0]
    means = scores.mean(axis=1)
    known = column.values[~np.isnan(column.values)]
    points = []
    for k, row in enumerate(at.tolist()):
        value = float(column.values[row])
        points.append(
            Point(
                value=column.plain(value),
                score=float(means[k]),
                interval=(float(means[k] - reach[k]), float(means[k] + reach[k])),
                share=float((known <= value).mean() if column.numeric else (known == value).mean()),
            )
        )
    return Dependence(column=column.name, numeric=column.numeric, points=tuple(points), left_out=left_out)


def _points(column: Column) -> tuple[Ints, int]:
    """Return a row that has each value that is shown: numbers at equal steps of people, or the usual categories."""
    known = np.flatnonzero(~np.isnan(column.values))
    values: Floats = column.values[known]
    distinct, first, often = np.unique(values, return_index=True, return_counts=True)
    if len(distinct) <= _POINTS:
        chosen = np.arange(len(distinct))
    elif column.numeric:
        steps = np.quantile(values, np.linspace(0.02, 0.98, _POINTS), method="nearest")
        chosen = np.unique(np.searchsorted(distinct, steps))
        if len(chosen) < _POINTS // 2:  # nearly everybody has one value: the others have their own steps
            more = np.linspace(0, len(distinct) - 1, _POINTS - len(chosen)).round().astype(np.int64)
            chosen = np.unique(np.concatenate([chosen, more]))
    else:
        chosen = np.argsort(-often, kind="stable")[:_POINTS]
    if not column.numeric:
        chosen = chosen[np.argsort(-often[chosen], kind="stable")]
    return known[first[chosen]], len(distinct) - len(chosen) if not column.numeric else 0
