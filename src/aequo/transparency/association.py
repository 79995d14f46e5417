"""Columns that say the same: how strongly two columns of any kind are associated, and which belong together."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from aequo.core.counts import Floats
from aequo.transparency.columns import Column

__all__ = ["associated", "association", "clusters"]


def association(a: Column, b: Column) -> float:
    """Return how strongly two columns are associated, 0 to 1; NaN where one does not vary.

    Numbers by Spearman's rank correlation (its size), categories by Cramer's V corrected for bias (Bergsma 2013, J.
    Korean Stat. Soc. 42), a number and a category by the correlation ratio of the ranks. Rows where one is missing are
    passed over.

    Examples
    --------
    >>> x = Column("x", np.array([1.0, 2.0, 3.0, 4.0]))
    >>> association(x, Column("y", np.array([9.0, 5.0, 4.0, 1.0])))
    1.0
    >>> round(association(x, Column("z", np.array([0.0, 0.0, 1.0, 1.0]), ("a", "b"))), 3)
    0.894
    """
    known = ~(np.isnan(a.values) | np.isnan(b.values))
    x, y = a.values[known], b.values[known]
    if len(x) < 3 or (x == x[0]).all() or (y == y[0]).all():
        return math.nan
    if a.numeric and b.numeric:
        return min(1.0, abs(float(np.corrcoef(_ranked(x), _ranked(y))[0, 1])))
    if a.numeric or b.numeric:
        return _ratio(_ranked(x), y) if a.numeric else _ratio(_ranked(y), x)
    return _cramer(x, y)


def _ranked(values: Floats) -> Floats:
    return Column("", values).ranks(values)


def _ratio(numbers: Floats, groups: Floats) -> float:
    _, code = np.unique(groups, return_inverse=True)
    n = np.bincount(code)
    means = np.bincount(code, numbers) / n
    between = float((n * (means - numbers.mean()) ** 2).sum())
    return min(1.0, math.sqrt(between / float(((numbers - numbers.mean()) ** 2).sum())))


def _cramer(x: Floats, y: Floats) -> float:
    _, i = np.unique(x, return_inverse=True)
    _, j = np.unique(y, return_inverse=True)
    r, k, n = int(i.max()) + 1, int(j.max()) + 1, len(x)
    table = np.zeros((r, k))
    np.add.at(table, (i, j), 1)
    expected = table.sum(axis=1)[:, None] * table.sum(axis=0)[None, :] / n
    phi = float(((table - expected) ** 2 / expected).sum()) / n
    phi = max(0.0, phi - (k - 1) * (r - 1) / (n - 1))
    least = min(k - (k - 1) ** 2 / (n - 1), r - (r - 1) ** 2 / (n - 1)) - 1
    return min(1.0, math.sqrt(phi / least)) if least > 0 else math.nan


def associated(columns: Sequence[Column], least: float) -> list[tuple[str, str, float]]:
    """Return the pairs of columns that are associated at least so strongly, the strongest first."""
    found = [(a.name, b.name, association(a, b)) for i, a in enumerate(columns) for b in columns[i + 1 :]]
    return sorted((f for f in found if f[2] >= least), key=lambda f: (-f[2], f[:2]))


def clusters(names: Sequence[str], pairs: Sequence[tuple[str, str, float]]) -> list[tuple[str, ...]]:
    """Return the columns in groups that hang together by pairs, in the order of the columns.

    Examples
    --------
    >>> clusters("abcd", [("a", "c", 0.9), ("c", "d", 0.8)])
    [('a', 'c', 'd'), ('b',)]
    """
    of = {name: {name} for name in names}
    for a, b, _ in pairs:
        if of[a] is not of[b]:
            of[a] |= of[b]
            for name in of[b]:
                of[name] = of[a]
    return list(dict.fromkeys(tuple(n for n in names if n in of[name]) for name in names))
