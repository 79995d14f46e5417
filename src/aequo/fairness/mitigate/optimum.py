"""The cheapest decisions whose rates differ by at most so much: exact, with a coin or with one threshold per group.

A problem is a few arrays per group: what each point of its curve costs, and the rates that are compared. With a coin a
group mixes its points, and the whole is a small linear programme: weights of the points, and the lower end of a window
that all groups' rates lie in. Without a coin each group takes one point. Rates rise along a curve, so the points that
fit into a window stand next to each other, and all windows that matter are tried.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aequo.core.counts import Floats, Ints
from aequo.errors import need

__all__ = ["Problem", "best_mixtures", "best_points", "nearest_mixture", "nearest_point"]

_SLACK = 1e-12
"""Rates that differ by rounding are equal."""


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """One group: the points of its curve, what each costs, and the rates that are compared.

    Attributes
    ----------
    cost : float array, shape (k,)
        Cost of the group's decisions at each point.
    rates : tuple of (float array, shape (k,), or None)
        Each compared rate at each point, rising; None where the group has no such rate.
    """

    cost: Floats
    rates: tuple[Floats | None, ...]


# -- with a coin -------------------------------------------------------------------------------------------------------


def best_mixtures(problems: Sequence[Problem], tolerance: float) -> list[Floats]:
    """Return the weights of each group's points at the least total cost, all rates within `tolerance` of each other.

    Parameters
    ----------
    problems : sequence of Problem
        The groups, with as many rates each.
    tolerance : float
        Largest difference between two groups in any rate.

    Examples
    --------
    >>> a = Problem(np.array([2.0, 0.0]), (np.array([0.0, 1.0]),))
    >>> b = Problem(np.array([0.0, 1.0]), (np.array([0.0, 1.0]),))
    >>> [w.tolist() for w in best_mixtures([a, b], 0.0)]
    [[0.0, 1.0], [0.0, 1.0]]
    """
    sparse = need("scipy.sparse", "ml")
    sizes = [len(p.cost) for p in problems]
    rates = len(problems[0].rates)
    upper, bounds = [], []
    for r in range(rates):
        of = [p.rates[r] for p in problems]
        there = [i for i, rate in enumerate(of) if rate is not None]
        if not there:
            continue
        mixed = sparse.block_diag(
            [_row(np.zeros(k) if v is None else v) for v, k in zip(of, sizes, strict=True)], "csr"
        )
        window = np.zeros((len(there), rates))
        window[:, r] = -1.0
        rows = sparse.hstack([mixed[there], sparse.csr_array(window)])
        upper += [rows, -rows]
        bounds += [tolerance] * len(there) + [0.0] * len(there)
    cost = np.concatenate([*(p.cost for p in problems), np.zeros(rates)])
    one = sparse.hstack(
        [sparse.block_diag([_row(np.ones(k)) for k in sizes]), sparse.csr_array((len(sizes), rates))], "csr"
    )
    solution = _solved(cost, sparse.vstack(upper) if upper else None, bounds, one, sum(sizes))
    return [_weights(w) for w in np.split(solution, np.cumsum(sizes))[:-1]]


def _row(values: Floats) -> Any:
    return need("scipy.sparse", "ml").csr_array(values[None, :])


def nearest_mixture(problem: Problem, windows: Sequence[tuple[float, float]]) -> Floats:
    """Return the weights of one group's points at the least cost with rates in the windows, or as near as can be.

    Parameters
    ----------
    problem : Problem
        The group.
    windows : sequence of (float, float)
        Lowest and highest value for each rate.
    """
    sparse = need("scipy.sparse", "ml")
    size, rates = len(problem.cost), len(windows)
    upper, bounds = [], []
    for r, (rate, (low, high)) in enumerate(zip(problem.rates, windows, strict=True)):
        if rate is None:
            continue
        outside = np.zeros(rates)
        outside[r] = -1.0  # how far outside the window
        upper += [np.append(rate, outside), np.append(-rate, outside)]
        bounds += [high, -low]
    scale = float(np.abs(problem.cost).max(initial=0.0)) or 1.0
    cost = np.append(problem.cost / scale, np.full(rates, 1e4))
    one = sparse.csr_array(np.append(np.ones(size), np.zeros(rates))[None, :])
    return _weights(_solved(cost, np.array(upper) if upper else None, bounds, one, size + rates)[:size])


def _solved(cost: Floats, upper: Any, bounds: list[float], one: Any, positive: int) -> Floats:
    """Minimise the cost; the first `positive` variables are not negative, the others free."""
    found = need("scipy.optimize", "ml").linprog(
        cost / (float(np.abs(cost).max(initial=0.0)) or 1.0),
        A_ub=upper,
        b_ub=bounds if upper is not None else None,
        A_eq=one,
        b_eq=np.ones(one.shape[0]),
        bounds=[(0.0, None)] * positive + [(None, None)] * (len(cost) - positive),
        method="highs-ds",  # a corner of the polytope: few points in each mixture
    )
    if not found.success:  # "never" for everyone is always feasible, and costs are finite
        raise ArithmeticError(f"the linear programme was not solved: {found.message}")
    solution: Floats = found.x
    return solution


def _weights(values: Floats) -> Floats:
    values = np.maximum(values, 0.0)
    weights: Floats = values / values.sum()
    return weights


# -- without a coin ----------------------------------------------------------------------------------------------------


def best_points(problems: Sequence[Problem], tolerance: float) -> list[int]:
    """Return one point for each group at the least total cost, all rates within `tolerance` of each other.

    Parameters
    ----------
    problems : sequence of Problem
        The groups, with one or two rates each.
    tolerance : float
        Largest difference between two groups in any rate.

    Notes
    -----
    The lower end of a window that matters is the rate of some point of some group. With one rate all of them are tried
    at once. With two, the windows of the first are tried in the order of what they cost at least, with all windows of
    the second, until the next cannot be cheaper than the best that was found.

    Examples
    --------
    >>> a = Problem(np.array([2.0, 1.0, 0.0]), (np.array([0.0, 0.5, 1.0]),))
    >>> b = Problem(np.array([0.0, 0.5, 2.0]), (np.array([0.0, 0.4, 1.0]),))
    >>> best_points([a, b], 0.1), best_points([a, b], 1.0)
    ([1, 1], [2, 0])
    """
    minima = [_Minima(p.cost) for p in problems]
    starts = _starts(problems, 0)
    low, high = _ranges(problems, 0, starts, tolerance)
    least = np.sum([m(a, b) for m, a, b in zip(minima, low, high, strict=True)], axis=0)
    if len(problems[0].rates) == 1:
        best = int(least.argmin())
        return [_cheapest(p, int(a[best]), int(b[best])) for p, a, b in zip(problems, low, high, strict=True)]
    second = _starts(problems, 1)
    low2, high2 = _ranges(problems, 1, second, tolerance)
    first_j, last_j = _possible(problems, low, high, second, tolerance)
    least[first_j >= last_j] = math.inf
    best_cost, found = math.inf, (0, 0)
    for i in np.argsort(least, kind="stable").tolist():
        if least[i] >= best_cost:
            break
        part = slice(int(first_j[i]), int(last_j[i]))
        total = np.zeros(part.stop - part.start)
        for m, a, b, a2, b2 in zip(minima, low, high, low2, high2, strict=True):
            total += m(np.maximum(a2[part], a[i]), np.minimum(b2[part], b[i]))
        j = int(total.argmin())
        if total[j] < best_cost:
            best_cost, found = float(total[j]), (i, part.start + j)
    i, j = found
    ranges = zip(problems, low, high, low2, high2, strict=True)
    return [_cheapest(p, max(int(a[i]), int(a2[j])), min(int(b[i]), int(b2[j]))) for p, a, b, a2, b2 in ranges]


def nearest_point(problem: Problem, windows: Sequence[tuple[float, float]]) -> int:
    """Return the point of one group that misses the windows least, and of those the cheapest."""
    away = np.zeros(len(problem.cost))
    for rate, (low, high) in zip(problem.rates, windows, strict=True):
        if rate is not None:
            away += np.maximum(0.0, np.maximum(low - rate, rate - high))
    near = np.flatnonzero(away <= away.min() + _SLACK)
    return int(near[problem.cost[near].argmin()])


def _cheapest(problem: Problem, low: int, high: int) -> int:
    return low + int(problem.cost[low:high].argmin())


def _starts(problems: Sequence[Problem], rate: int) -> Floats:
    there = [r for p in problems if (r := p.rates[rate]) is not None]
    return np.unique(np.concatenate(there)) if there else np.zeros(1)


def _ranges(problems: Sequence[Problem], rate: int, starts: Floats, tolerance: float) -> tuple[list[Ints], list[Ints]]:
    """Return for each group which of its points have a rate in the window that begins at each start."""
    low, high = [], []
    for problem in problems:
        values = problem.rates[rate]
        if values is None:
            low.append(np.zeros(len(starts), dtype=np.int64))
            high.append(np.full(len(starts), len(problem.cost), dtype=np.int64))
            continue
        low.append(np.searchsorted(values, starts - _SLACK, side="left"))
        high.append(np.searchsorted(values, starts + tolerance + _SLACK, side="right"))
    return low, high


def _possible(
    problems: Sequence[Problem], low: list[Ints], high: list[Ints], second: Floats, tolerance: float
) -> tuple[Ints, Ints]:
    """Return for each window of the first rate which windows of the second every group has a point for."""
    bottom, top = np.full(len(low[0]), -math.inf), np.full(len(low[0]), math.inf)
    for problem, a, b in zip(problems, low, high, strict=True):
        rate = problem.rates[1]
        top[b <= a] = -math.inf
        if rate is not None:
            bottom = np.maximum(bottom, rate[np.minimum(a, len(rate) - 1)])
            top = np.minimum(top, rate[np.maximum(b - 1, 0)])
    first = np.searchsorted(second, bottom - tolerance - 2 * _SLACK, side="left")
    return first, np.searchsorted(second, top + 2 * _SLACK, side="right")


class _Minima:
    """The smallest value of any range of an array, from the minima of all ranges of length 1, 2, 4 ..."""

    def __init__(self, values: Floats) -> None:
        levels = max(len(values), 1).bit_length()
        self._table = np.full((levels, len(values) + 1), np.inf)
        self._table[0, :-1] = values
        for k in range(1, levels):
            width = 1 << (k - 1)
            last = self._table[k - 1]
            self._table[k, : len(values) + 1 - width] = np.minimum(last[: len(last) - width], last[width:])

    def __call__(self, low: Ints, high: Ints) -> Floats:
        """Return the smallest value from `low` up to, not with, `high`; infinite where there is none."""
        length = np.maximum(high - low, 1)
        level = np.frexp(length.astype(np.float64))[1] - 1
        first = self._table[level, np.minimum(low, high)]
        last = self._table[level, np.maximum(high - (1 << level), 0)]
        return np.where(high > low, np.minimum(first, last), np.inf)
