"""Rows to learn from and rows to be judged on, many times over, and the interval of a mean over such splits."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from aequo.core.counts import Floats, Ints
from aequo.core.intervals import t_quantile

__all__ = ["Split", "corrected_error", "corrected_interval", "random_splits"]


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Rows to learn from, and rows to be judged on.

    Attributes
    ----------
    train, test : int array
        Positions of rows, ascending.
    """

    train: Ints
    test: Ints


def random_splits(strata: Ints, *, splits: int, test_size: float, seed: int) -> list[Split]:
    """Return random splits, each with about the same share of every stratum in its test part.

    Parameters
    ----------
    strata : int array, shape (rows,)
        Stratum of each row, from 0. One with a single row is always learned from.
    splits : int
        How many.
    test_size : float
        Share of rows to be judged on, in (0, 1).
    seed : int
        The same seed gives the same splits, and the first of many are those of few.

    Examples
    --------
    >>> one = random_splits(np.array([0, 0, 0, 0, 1, 1]), splits=1, test_size=0.5, seed=0)[0]
    >>> len(one.train), len(one.test)
    (3, 3)
    """
    out = []
    for number in range(splits):
        rng = np.random.default_rng([seed, number])
        order = rng.permutation(len(strata))
        order = order[np.argsort(strata[order], kind="stable")]
        names, first, sizes = np.unique(strata[order], return_index=True, return_counts=True)
        chosen = []
        for start, size in zip(first.tolist(), sizes.tolist(), strict=True):
            whole, rest = divmod(size * test_size, 1)
            taken = int(whole) + int(rng.random() < rest)  # so that small strata have their share on average
            chosen.append(order[start : start + min(taken, size - 1)])
        test = np.zeros(len(strata), dtype=bool)
        if len(names):
            test[np.concatenate(chosen)] = True
        out.append(Split(np.flatnonzero(~test), np.flatnonzero(test)))
    return out


def corrected_error(values: Floats, ratio: float) -> float:
    """Return Nadeau and Bengio's standard error of a mean over splits of the same rows; see `corrected_interval`.

    Parameters
    ----------
    values : float array, shape (splits,)
        A number of each split's test part; at least two.
    ratio : float
        Rows of a test part for each row of its training part.
    """
    return math.sqrt((1 / len(values) + ratio) * float(values.var(ddof=1)))


def corrected_interval(values: Floats, ratio: float, confidence: float) -> tuple[float, float]:
    """Return Nadeau and Bengio's interval of a mean over splits of the same rows.

    Parameters
    ----------
    values : float array, shape (splits,)
        A number of each split's test part, such as the difference between two models.
    ratio : float
        Rows of a test part for each row of its training part.
    confidence : float
        In (0, 1).

    Notes
    -----
    The parts overlap, so the splits' variance divided by their number is too small: 1/J becomes 1/J + ratio ([1]_,
    section 4 on the corrected resampled t-test). For repeated cross-validation see [2]_.

    References
    ----------
    .. [1] C. Nadeau, Y. Bengio (2003), "Inference for the generalization error", Machine Learning 52.
    .. [2] R. R. Bouckaert, E. Frank (2004), "Evaluating the replicability of significance tests for comparing learning
       algorithms", PAKDD.

    Examples
    --------
    >>> low, high = corrected_interval(np.array([0.01, 0.02, 0.03, 0.02]), 0.25, 0.95)
    >>> round(low, 4), round(high, 4)
    (0.0016, 0.0384)
    """
    mean = float(values.mean())
    reach = t_quantile((1 + confidence) / 2, len(values) - 1) * corrected_error(values, ratio)
    return mean - reach, mean + reach
