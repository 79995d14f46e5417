"""Normal, Student t and studentized range quantiles: the three that intervals need, cached, in plain numpy."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np

__all__ = [
    "normal_cdf",
    "normal_quantile",
    "studentized_range_quantile",
    "t_cdf",
    "t_from_z",
    "t_quantile",
]

_SQRT2 = math.sqrt(2)
_SQRT2PI = math.sqrt(2 * math.pi)


def normal_cdf(x: float) -> float:
    """Return the probability that a standard normal variable is at most `x`.

    Examples
    --------
    >>> round(normal_cdf(1.96), 6)
    0.975002
    """
    return 0.5 * math.erfc(-x / _SQRT2)


@lru_cache(maxsize=4096)
def normal_quantile(p: float) -> float:
    """Return the value that a standard normal variable stays below with probability `p`.

    Parameters
    ----------
    p : float
        Probability in [0, 1]; the ends give minus and plus infinity.

    Raises
    ------
    ValueError
        If `p` is outside [0, 1].

    Notes
    -----
    Starts at the rational approximation 26.2.23 of Abramowitz and Stegun (error below 4.5e-4) and polishes it with
    Halley's method to full precision.

    Examples
    --------
    >>> round(normal_quantile(0.975), 6)
    1.959964
    """
    if not 0 <= p <= 1:
        raise ValueError(f"a probability is between 0 and 1, not {p}")
    if p in (0.0, 1.0):
        return math.copysign(math.inf, p - 0.5)
    if p > 0.5:  # the lower tail keeps its digits
        return -normal_quantile(1 - p)
    t = math.sqrt(-2 * math.log(p))
    x = (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308))) - t
    for _ in range(3):
        step = (normal_cdf(x) - p) * _SQRT2PI * math.exp(x * x / 2)
        x -= step / (1 + x * step / 2)
    return x


def t_cdf(t: float, df: float) -> float:
    """Return the probability that Student's t with `df` degrees of freedom (any positive number) is at most `t`.

    Examples
    --------
    >>> round(t_cdf(2.228, 10), 4)
    0.975
    """
    tail = 0.5 * _incomplete_beta(df / 2, 0.5, df / (df + t * t))
    return 1 - tail if t > 0 else tail


def _incomplete_beta(a: float, b: float, x: float) -> float:
    """Regularised incomplete beta function by its continued fraction (Lentz's method)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - _incomplete_beta(b, a, 1 - x)
    front = a * math.log(x) + b * math.log1p(-x) - math.log(a)
    front -= math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    tiny = 1e-300
    d = 1 - (a + b) * x / (a + 1)
    d = 1 / (d if abs(d) > tiny else tiny)
    c, f = 1.0, d
    for m in range(1, 1000):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 + term * d
            d = 1 / (d if abs(d) > tiny else tiny)
            c = 1 + term / c
            c = c if abs(c) > tiny else tiny
            f *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return math.exp(front) * f


@lru_cache(maxsize=65536)
def t_from_z(z: float, df: float) -> float:
    """Return the t value with the same tail beyond it as the normal value `z` has.

    Parameters
    ----------
    z : float
        Normal value, 0 or more.
    df : float
        Degrees of freedom, any positive number.

    Examples
    --------
    >>> round(t_from_z(normal_quantile(0.975), 10), 3)
    2.228
    """
    if z == 0:
        return 0.0
    tail = normal_cdf(-z)
    if df > 1e7:  # t and normal agree to the last digits that matter
        return z
    return _solve(lambda t: tail - t_cdf(-t, df), z, 2 * z)


@lru_cache(maxsize=4096)
def t_quantile(p: float, df: float) -> float:
    """Return the value that Student's t with `df` degrees of freedom stays below with probability `p`.

    Examples
    --------
    >>> round(t_quantile(0.95, 5), 3)
    2.015
    """
    return math.copysign(1, p - 0.5) * t_from_z(abs(normal_quantile(p)), df)


@lru_cache(maxsize=4096)
def studentized_range_quantile(p: float, k: int) -> float:
    """Return the value that the range of `k` independent standard normal variables stays below with probability `p`.

    This is the studentized range with infinite degrees of freedom, the critical value of Tukey's and Kramer's
    simultaneous pairwise comparisons.

    Parameters
    ----------
    p : float
        Probability in (0, 1).
    k : int
        Number of variables, 2 or more.

    Raises
    ------
    ValueError
        If `k` is below 2, or `p` is not strictly between 0 and 1.

    Notes
    -----
    P(range <= w) = k * integral of phi(x) (Phi(x) - Phi(x - w))^(k-1) dx; the trapezium rule converges faster than any
    power of its step for such an integrand.

    Examples
    --------
    >>> [round(studentized_range_quantile(0.95, k), 3) for k in (2, 3, 5, 10)]
    [2.772, 3.314, 3.858, 4.474]
    """
    if k < 2:
        raise ValueError(f"a range needs two variables or more, not {k}")
    if not 0 < p < 1:
        raise ValueError(f"a probability strictly between 0 and 1 is needed, not {p}")
    step = 0.05
    x = np.arange(-9.0, 9.0 + step / 2, step)
    density = k * step * np.exp(-x * x / 2) / _SQRT2PI
    below = np.array([normal_cdf(v) for v in x.tolist()])

    def excess(w: float) -> float:
        inside = below - np.array([normal_cdf(v - w) for v in x.tolist()])
        return float(density @ inside ** (k - 1)) - p

    return _solve(
        excess,
        _SQRT2 * normal_quantile((1 + p) / 2),
        2 * _SQRT2 * normal_quantile(1 - (1 - p) / (2 * k * k)),
    )


def _solve(rising: Callable[[float], float], low: float, high: float) -> float:
    """Root of a rising function by bracketing and the Illinois false-position rule; `high` grows until it brackets."""
    at_low = rising(low)
    if at_low >= 0:
        return low
    at_high = rising(high)
    while at_high < 0:
        low, at_low, high = high, at_high, 2 * high
        at_high = rising(high)
    side, middle = 0, low
    for _ in range(200):
        middle = (low * at_high - high * at_low) / (at_high - at_low)
        value = rising(middle)
        if value == 0 or abs(high - low) <= 1e-13 * abs(high):
            return middle
        if value < 0:
            if side == -1:
                at_high /= 2
            if abs(middle - low) <= 1e-14 * abs(middle):
                return middle
            low, at_low, side = middle, value, -1
        else:
            if side == 1:
                at_low /= 2
            if abs(high - middle) <= 1e-14 * abs(middle):
                return middle
            high, at_high, side = middle, value, 1
    return middle
