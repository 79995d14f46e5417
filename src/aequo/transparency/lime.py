"""LIME by whole columns: a weighted ridge regression on rows whose columns are partly those of the background."""

from __future__ import annotations

import numpy as np

from aequo.models.rows import Rows
from aequo.transparency.shapley import Ask, Estimate

__all__ = ["lime"]

_WIDTH = 0.75
_RIDGE = 1e-3


def lime(ask: Ask, row: Rows, background: Rows, *, samples: int, seed: int) -> Estimate:
    """Return the coefficients of a linear model that is right near the row.

    Each sample keeps a random half of the row's columns and takes the others from a row of the background. Samples are
    weighted by ``exp(-k / (0.75^2 p))`` for `k` of `p` columns replaced. The linear model's value at the row is not the
    model's own: the difference is the additivity error.

    Parameters
    ----------
    ask : callable
        Scores of rows.
    row : Rows
        One row.
    background : Rows
        At least one row.
    samples : int
        How many.
    seed : int
        Of the samples.

    References
    ----------
    .. [1] Ribeiro, Singh and Guestrin, "Why should I trust you?", KDD 2016, algorithm 1; kernel width 0.75 sqrt(p) as
       in the authors' program. Standard errors: White's sandwich (HC0).
    """
    both, m, p = background.over(row), len(background), len(row.names)
    rng = np.random.default_rng(seed)
    kept = rng.random((samples, p)) < 0.5
    kept[0] = True
    at = np.where(kept, m, rng.integers(0, m, samples)[:, None])
    scores = ask(both.mixed(at))
    weight = np.exp(-(~kept).sum(axis=1) / (_WIDTH**2 * p))
    design = np.column_stack([np.ones(samples), kept])
    penalty = np.diag([0.0, *[_RIDGE * weight.sum()] * p])
    inverse = np.linalg.inv((design * weight[:, None]).T @ design + penalty)
    beta = inverse @ (design * weight[:, None]).T @ scores
    pull = design * (weight * (scores - design @ beta))[:, None]
    errors = np.sqrt(np.diag(inverse @ (pull.T @ pull) @ inverse))
    return Estimate(beta[1:], float(beta[0]), float(scores[0]), errors[1:], samples)
