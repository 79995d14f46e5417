"""Shapley values of any model, by whole columns: all coalitions if they are few, antithetic permutations if not."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from aequo.core.counts import Floats, Ints
from aequo.models.rows import Rows

__all__ = ["Estimate", "exact", "permutation"]

Ask = Callable[[Rows], Floats]
"""Scores of a batch of rows."""

_MOST_VALUES = 2_000_000
"""Values in one batch of rows: what bounds the memory."""
_LEAST_FREEDOM = 20
"""Degrees of freedom below which a standard error is not believed."""


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """Shapley values of one row.

    Attributes
    ----------
    values : float array
        Shape (columns,).
    base, output : float
        Mean score over the background, and the row's score.
    errors : float array or None
        Standard errors; None if the values are exact.
    evaluations : int
        Rows that the model was asked about.
    """

    values: Floats
    base: float
    output: float
    errors: Floats | None
    evaluations: int


def exact(ask: Ask, row: Rows, background: Rows) -> Estimate:
    """Return the Shapley values from all coalitions of columns.

    A coalition is worth the mean score of the background with the coalition's columns taken from the row
    (interventional). Columns in which the row differs from nobody are worth nothing and are not counted.

    Parameters
    ----------
    ask : callable
        Scores of rows.
    row : Rows
        One row.
    background : Rows
        At least one row.

    References
    ----------
    .. [1] Shapley, "A value for n-person games", 1953; Lundberg and Lee, NeurIPS 2017, equation 4.
    """
    both, players = background.over(row), _players(row, background)
    p, m, columns = len(players), len(background), len(row.names)
    masks = (np.arange(2**p)[:, None] >> np.arange(p)) & 1
    worth = np.empty(2**p)
    step = max(1, _MOST_VALUES // (m * columns))
    for start in range(0, 2**p, step):
        some = masks[start : start + step].astype(bool)
        at = np.tile(np.arange(m)[None, :, None], (len(some), 1, columns))
        for k, j in enumerate(players):
            at[:, :, j] = np.where(some[:, k, None], m, at[:, :, j])
        worth[start : start + step] = ask(both.mixed(at.reshape(-1, columns))).reshape(len(some), m).mean(axis=1)
    sizes = masks.sum(axis=1)
    values = np.zeros(columns)
    for k, j in enumerate(players):
        out = np.flatnonzero(masks[:, k] == 0)
        weight = np.array([1 / (p * math.comb(p - 1, s)) for s in range(p)])[sizes[out]]
        values[j] = weight @ (worth[out + 2**k] - worth[out])
    return Estimate(values, float(worth[0]), float(worth[-1]), None, 2**p * m)


def permutation(ask: Ask, row: Rows, background: Rows, *, error: float, budget: int, seed: int) -> Estimate:
    """Return Shapley values estimated from permutations of the columns.

    In each round every row of the background is turned into the row, one column at a time, in a random order and then
    in the reverse of it; what the score gains with a column is the column's. So each round's contributions sum to the
    row's score less the mean of the background's, exactly. Standard errors come from the variation between rounds for
    the same row of the background, as the background itself is covered whole. Rounds are added until the largest
    standard error is small enough or the budget is spent.

    Parameters
    ----------
    ask : callable
        Scores of rows.
    row : Rows
        One row.
    background : Rows
        At least one row.
    error : float
        Largest standard error to stop at, in the score's unit.
    budget : int
        Rows that the model may be asked about; as many rounds as a standard error needs are always made, two at least.
    seed : int
        Of the permutations.

    References
    ----------
    .. [1] Castro, Gómez and Tejada, "Polynomial calculation of the Shapley value based on sampling", 2009.
    .. [2] Mitchell, Cooper, Frank and Holmes, "Sampling permutations for Shapley value estimation", JMLR 2022: the
       antithetic pairs.
    """
    both, players = background.over(row), _players(row, background)
    p, m, columns = len(players), len(background), len(row.names)
    rng = np.random.default_rng(seed)
    ends = ask(both)
    before, output = ends[:m], float(ends[m])
    evaluations = m + 1
    if p < 2:
        values = np.zeros(columns)
        values[players] = output - before.mean()
        return Estimate(values, float(before.mean()), output, None, evaluations)
    rounds: list[Floats] = []
    least = 1 + math.ceil(_LEAST_FREEDOM / m)
    cost = m * 2 * (p - 1)
    while len(rounds) < least or (evaluations + cost <= budget and _largest(rounds) > error):
        orders = rng.permuted(np.tile(np.arange(p), (m, 1)), axis=1)
        pair = [_gains(ask, both, players, one, before, output) for one in (orders, orders[:, ::-1])]
        rounds.append((pair[0] + pair[1]) / 2)
        evaluations += cost
    values, errors = np.zeros(columns), np.zeros(columns)
    values[players] = np.mean(rounds, axis=(0, 1))
    errors[players] = _standard_errors(rounds)
    return Estimate(values, float(before.mean()), output, errors, evaluations)


def _players(row: Rows, background: Rows) -> Ints:
    """Return the columns in which the row differs from somebody; the others cannot gain anything."""
    differ = []
    for j, name in enumerate(row.names):
        mine = row.objects(name)[0]
        if any(value != mine for value in background.objects(name)):
            differ.append(j)
    return np.array(differ, dtype=np.int64)


def _gains(ask: Ask, both: Rows, players: Ints, orders: Ints, before: Floats, output: float) -> Floats:
    """Return what each player adds on the way from each row of the background to the row. Shape (m, players)."""
    m, p = orders.shape
    columns = len(both.names)
    turn = np.argsort(orders, axis=1)  # turn[b, k]: when player k joins
    gains = np.empty((m, p))
    step = max(1, _MOST_VALUES // ((p - 1) * columns))
    for start in range(0, m, step):
        rows = np.arange(start, min(start + step, m))
        at = np.tile(rows[:, None, None], (1, p - 1, columns))
        joined = turn[rows][:, None, :] <= np.arange(p - 1)[None, :, None]
        at[:, :, players] = np.where(joined, m, at[:, :, players])
        between = ask(both.mixed(at.reshape(-1, columns))).reshape(len(rows), p - 1)
        path = np.concatenate([before[rows, None], between, np.full((len(rows), 1), output)], axis=1)
        gains[rows[:, None], orders[rows]] = np.diff(path, axis=1)
    return gains


def _standard_errors(rounds: list[Floats]) -> Floats:
    many = np.stack(rounds)
    within = many.var(axis=0, ddof=1)
    return np.asarray(np.sqrt(within.sum(axis=0) / len(rounds)) / many.shape[1], dtype=np.float64)


def _largest(rounds: list[Floats]) -> float:
    return float(_standard_errors(rounds).max())
