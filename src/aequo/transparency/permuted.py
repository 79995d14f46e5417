"""Permutation importance as a mean over pairs of people, with what each person adds to it.

A row that gets another's value in one column has a receiver and a donor, and the importance of the column is the mean
over all ordered pairs of people. From a few donors for each row comes an estimate whose error has both parts, rows and
permutations: each person's influence is what they add as receivers and as donors (the first-order terms of Hoeffding's
decomposition of a U-statistic: Hoeffding 1948, Ann. Math. Stat. 19). The noise of having few donors is counted twice in
it, so the intervals err on the wide side.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from aequo.core.counts import Floats, Ints
from aequo.core.quantiles import normal_quantile, t_quantile

__all__ = ["Effects", "effects", "losses", "max_t", "mean_and_reach", "rise_of", "shares"]

_DRAWS = 4000


@dataclass(frozen=True, slots=True, eq=False)
class Effects:
    """Importance of each block of columns, and each row's part in it.

    Attributes
    ----------
    values : float array, shape (blocks,)
        The estimates.
    influence : float array, shape (rows, blocks)
        What each row adds to the error: the mean of each column is 0, and its variance over n that of the estimate.
    """

    values: Floats
    influence: Floats

    @property
    def n(self) -> int:
        """Rows."""
        return len(self.influence)

    @property
    def errors(self) -> Floats:
        """Standard errors, shape (blocks,)."""
        return np.asarray(np.sqrt((self.influence**2).sum(axis=0) / (self.n * (self.n - 1))))

    @property
    def covariance(self) -> Floats:
        """Covariance of the estimates, shape (blocks, blocks)."""
        return np.asarray(self.influence.T @ self.influence / (self.n * (self.n - 1)))

    def interval(self, confidence: float) -> tuple[Floats, Floats]:
        """Return Student's interval of each estimate by itself."""
        reach = t_quantile((1 + confidence) / 2, self.n - 1) * self.errors
        return self.values - reach, self.values + reach


def effects(
    scores: Callable[[Ints], Floats],
    rise: Callable[[Floats, Ints], Floats],
    rows: Ints,
    blocks: Sequence[Sequence[int]],
    columns: int,
    *,
    repeats: int,
    rng: np.random.Generator,
) -> Effects:
    """Return how much worse, or how different, a model's scores are when a block of columns comes from somebody else.

    Parameters
    ----------
    scores : callable
        Where each cell of new rows is taken from, shape (n, columns), to scores.
    rise : callable
        Scores and the rows that received, to the rise of the loss (or the change) of each.
    rows : int array
        The people; donors and receivers. At least 3.
    blocks : sequence of sequence of int
        Columns that are permuted together.
    columns : int
        Columns in all.
    repeats : int
        Donors for each row, all different and never the row itself.
    rng : numpy.random.Generator
        Source of random numbers.

    Examples
    --------
    >>> x = np.array([[0.0, 5.0], [1.0, 5.0], [2.0, 5.0], [3.0, 5.0]])
    >>> found = effects(
    ...     lambda at: x[at[:, 0], 0] + x[at[:, 1], 1], lambda s, who: (s - x[who].sum(axis=1)) ** 2,
    ...     np.arange(4), [[0], [1]], 2, repeats=3, rng=np.random.default_rng(0))
    >>> found.values.round(3).tolist()  # the mean squared difference of all pairs; the other column is constant
    [3.333, 0.0]
    """
    n, times = len(rows), min(repeats, len(rows) - 1)
    order = rng.permutation(n)
    shifts = np.sort(rng.choice(n - 1, times, replace=False)) + 1
    donors = np.empty((times, n), dtype=np.int64)  # donors[r, i]: whose value row i gets
    for r, shift in enumerate(shifts.tolist()):
        donors[r, order] = order[(np.arange(n) + shift) % n]
    receivers = np.tile(rows, times)
    own = np.repeat(receivers[:, None], columns, axis=1)
    values, influence = np.empty(len(blocks)), np.empty((n, len(blocks)))
    for b, block in enumerate(blocks):
        at = own.copy()
        at[:, list(block)] = rows[donors].reshape(-1)[:, None]
        h = rise(scores(at), receivers).reshape(times, n)
        values[b] = h.mean()
        given = np.zeros(n)
        for r in range(times):
            given[donors[r]] += h[r]
        influence[:, b] = h.mean(axis=0) + given / times - 2 * values[b]
    return Effects(values, influence)


def shares(found: Effects) -> Effects:
    """Return each block's share of the importance of all, by the delta method.

    Examples
    --------
    >>> whole = Effects(np.array([3.0, 1.0]), np.array([[0.4, 0.0], [-0.4, 0.0]]))
    >>> shares(whole).values.tolist(), shares(whole).influence.round(3).tolist()
    ([0.75, 0.25], [[0.025, -0.025], [-0.025, 0.025]])
    """
    total = found.values.sum()
    parts = found.values / total
    return Effects(parts, (found.influence - found.influence.sum(axis=1)[:, None] * parts[None, :]) / total)


def max_t(covariances: Sequence[Floats], confidence: float, *, seed: int) -> float:
    """Return the critical value that holds for all differences between groups, in all blocks, at once.

    Parameters
    ----------
    covariances : sequence of float array, shape (blocks, blocks)
        Of the estimates of each group, which are independent. Of one group, the value for its blocks is returned.
    confidence : float
        Probability that all hold.
    seed : int
        Of the draws.

    Notes
    -----
    The quantile of the largest standardised difference among normal draws with these covariances. Never below the
    critical value of a single interval.

    Examples
    --------
    >>> round(max_t([np.eye(1), np.eye(1)], 0.95, seed=0), 1), round(max_t([np.eye(10)], 0.95, seed=0), 1)
    (2.0, 2.8)
    """
    rng = np.random.default_rng(seed)
    draws, variances = [], []
    for covariance in covariances:
        values, vectors = np.linalg.eigh(covariance)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        draws.append(rng.standard_normal((_DRAWS, len(covariance))) @ root.T)
        variances.append(np.diag(covariance))
    largest = np.zeros(_DRAWS)
    if len(draws) == 1:  # against a group of no error: the blocks themselves
        draws.append(np.zeros_like(draws[0]))
        variances.append(np.zeros_like(variances[0]))
    pairs = [(i, j) for i in range(len(draws)) for j in range(i)]
    for i, j in pairs:
        apart = draws[i] - draws[j]
        scale = np.sqrt(variances[i] + variances[j])
        used = scale > 0
        if used.any():
            largest = np.maximum(largest, (np.abs(apart[:, used]) / scale[used]).max(axis=1))
    return max(float(np.quantile(largest, confidence)), normal_quantile((1 + confidence) / 2))


def rise_of(truth: Floats | None, base: Floats, loss: str) -> Callable[[Floats, Ints], Floats]:
    """Return what turns scores of changed rows into the rise of each row's loss, or the change of its score.

    Parameters
    ----------
    truth : float array or None
        The outcome of each row; without it the absolute change of the score is taken.
    base : float array
        The scores of the rows as they are.
    loss : {"squared", "log"}
        The loss.

    Examples
    --------
    >>> rise = rise_of(np.array([1.0]), np.array([0.5]), "squared")
    >>> rise(np.array([0.0]), np.array([0])).tolist()
    [0.75]
    """
    if truth is None:
        return lambda scores, who: np.abs(scores - base[who])
    known = losses(truth, base, loss)
    return lambda scores, who: losses(truth[who], scores, loss) - known[who]


def losses(truth: Floats, scores: Floats, loss: str) -> Floats:
    """Return the loss of each row: the squared error (Brier's, of a probability), or minus the log-likelihood."""
    if loss == "squared":
        return np.asarray((truth - scores) ** 2)
    p = np.clip(scores, 1e-6, 1 - 1e-6)
    return np.asarray(-(truth * np.log(p) + (1 - truth) * np.log1p(-p)))


def mean_and_reach(values: Floats, confidence: float) -> tuple[float, float]:
    """Return a mean and how far its t interval reaches; an infinite reach for fewer than two values."""
    n = len(values)
    if n < 2:
        return float(values.mean()) if n else math.nan, math.inf
    return float(values.mean()), t_quantile((1 + confidence) / 2, n - 1) * float(values.std(ddof=1)) / math.sqrt(n)
