"""Expected utility of a group from the counts of its outcomes, with a likelihood interval."""

from __future__ import annotations

import numpy as np

from aequo.core.counts import Floats
from aequo.core.intervals import GroupInterval

__all__ = ["expected", "likelihood_interval", "mover"]

_STEPS = 56


def expected(counts: Floats, utility: Floats) -> Floats:
    """Return the mean utility of each group's rows; NaN where it has none.

    Parameters
    ----------
    counts : float array, shape (..., K, C)
        Rows of each outcome in each group.
    utility : float array, shape (K, C)
        Utility of each outcome to each group.

    Examples
    --------
    >>> expected(np.array([[3.0, 1.0]]), np.array([[1.0, -1.0]])).tolist()
    [0.5]
    """
    total = counts.sum(axis=-1)
    value = (counts * utility).sum(axis=-1)
    return np.asarray(np.divide(value, total, out=np.full(total.shape, np.nan), where=total > 0), dtype=np.float64)


def likelihood_interval(counts: Floats, utility: Floats) -> GroupInterval:
    """Return likelihood-ratio intervals of expected utilities under the multinomial model of the outcomes.

    The ends are the least and the greatest expected utility of all distributions of outcomes whose likelihood is within
    the critical value of the best one's. An outcome that was not seen can still have happened, so a group in which all
    rows have one outcome has an interval too. With two outcomes it is the likelihood interval of a rate.

    Parameters
    ----------
    counts : float array, shape (K, C)
        Rows of each outcome in each group; effective numbers where weighted.
    utility : float array, shape (K, C)
        Utility of each outcome to each group.

    Returns
    -------
    GroupInterval
        Normal critical value to low and high end of each group; NaN where a group has no rows. The ends are within the
        least and the greatest utility of the group's outcomes.

    References
    ----------
    A. B. Owen (1988), "Empirical likelihood ratio confidence intervals for a single functional", Biometrika 75, with
    the outcomes that are possible as the support.

    Examples
    --------
    >>> interval = likelihood_interval(np.array([[30.0, 0.0]]), np.array([[0.0, 1.0]]))
    >>> low, high = interval(1.96)
    >>> float(low[0]), round(float(high[0]), 4), round(1 - float(np.exp(-(1.96**2) / 60)), 4)
    (0.0, 0.062, 0.062)
    """

    def interval(z: float) -> tuple[Floats, Floats]:
        return _least(counts, utility, z), -_least(counts, -utility, z)

    return interval


def _least(counts: Floats, utility: Floats, z: float) -> Floats:
    """Return the least expected utility within the likelihood ratio of z, by bisection of Lagrange's multiplier."""
    total = counts.sum(axis=-1)
    floor = utility.min(axis=-1)
    spread = utility.max(axis=-1) - floor
    known = total > 0
    n = np.where(known[:, None], counts, 1.0)
    rows = n.sum(axis=-1)
    u = (utility - floor[:, None]) / np.where(spread > 0, spread, 1.0)[:, None]
    seen = n > 0

    def at(gap: Floats) -> tuple[Floats, Floats]:
        """Likelihood ratio and expected utility where outcome c has probability n_c / (u_c + gap), up to a factor."""
        s = np.where(seen, u + gap[:, None], 1.0)
        part = n / s
        whole = part.sum(axis=-1)
        ratio = 2 * ((n * np.log(s)).sum(axis=-1) + rows * np.log(whole / rows))
        return ratio, (part * u).sum(axis=-1) / whole

    low, high = np.full(len(n), -60.0), np.full(len(n), 25.0)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        inside = at(np.exp(middle))[0] <= z * z
        low, high = np.where(inside, low, middle), np.where(inside, middle, high)
    value = at(np.exp(high))[1]
    # Where the worst outcome was never seen, some of the probability can move there.
    unseen = ((u == 0) & ~seen).any(axis=-1) & ~((u == 0) & seen).any(axis=-1)
    edge, at_edge = at(np.where(unseen, 0.0, 1.0))
    room = np.where(unseen, z * z - edge, -1.0)
    value = np.where(room > 0, at_edge * np.exp(-np.maximum(room, 0.0) / (2 * rows)), value)
    out = np.minimum(floor + spread * value, np.where(known, expected(n, utility), np.nan))
    return np.asarray(np.where(known, out, np.nan), dtype=np.float64)


def mover(values: Floats, low: Floats, high: Floats, weight: Floats) -> tuple[float, float, float]:
    """Return a weighted sum of independent estimates, with the interval of the square-and-add rule.

    Parameters
    ----------
    values, low, high : float array, shape (K,)
        Estimates and ends of their intervals.
    weight : float array, shape (K,)
        Of any sign.

    References
    ----------
    G. Y. Zou and A. Donner (2008), Statistics in Medicine 27.

    Examples
    --------
    >>> [round(x, 2) for x in mover(np.array([1.0, 2.0]), np.array([0.7, 1.6]), np.array([1.3, 2.4]), np.ones(2))]
    [3.0, 2.5, 3.5]
    """
    value = float(values @ weight)
    down = np.where(weight >= 0, values - low, high - values)
    up = np.where(weight >= 0, high - values, values - low)
    return (
        value,
        value - float(np.sqrt(((weight * down) ** 2).sum())),
        value + float(np.sqrt(((weight * up) ** 2).sum())),
    )
