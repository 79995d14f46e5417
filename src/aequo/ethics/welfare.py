"""Welfare: one number for what many groups can expect. Pure functions of expected utilities and shares of people.

Each takes expected utilities `u`, shape (..., K), and the groups' shares of people, shape (K,), which sum to 1; each is
in the unit of the utilities, and is u where every group expects u. None falls when a group gains.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from aequo.core.counts import Floats
from aequo.errors import InputError

__all__ = [
    "NUMBERS",
    "WELFARES",
    "Aversion",
    "Form",
    "atkinson",
    "gini",
    "maximin",
    "mean",
    "nash",
    "prioritarian",
    "welfares",
]


@dataclass(frozen=True, slots=True)
class Form:
    """What one form of welfare is.

    Attributes
    ----------
    title : str
        Name for people.
    meaning : str
        What it asks, in a few words.
    formula : str
        With u for the expected utilities, p for the groups' shares of people, c for the shift.
    source : str
        Where it comes from.
    """

    title: str
    meaning: str
    formula: str
    source: str


WELFARES: Mapping[str, Form] = MappingProxyType(
    {
        "sum": Form(
            "Sum (utilitarian)", "all gains less all losses", "N sum p u", "Harsanyi (1955), J. Polit. Econ. 63"
        ),
        "mean": Form("Mean", "what a person can expect", "sum p u", "Harsanyi (1955), J. Polit. Econ. 63"),
        "maximin": Form("Maximin", "what the worst-off group can expect", "min u", "Rawls (1971), A Theory of Justice"),
        "leximin": Form(
            "Leximin",
            "the worst-off group first, then the next",
            "u in ascending order, compared from the left",
            "Sen (1970), Collective Choice and Social Welfare, ch. 9",
        ),
        "atkinson": Form(
            "Atkinson",
            "the equal utility that would be as good",
            "(sum p (u + c)^(1 - epsilon))^(1 / (1 - epsilon)) - c",
            "Atkinson (1970), J. Econ. Theory 2, eq. 5",
        ),
        "gini": Form(
            "Generalised Gini",
            "those further down count more, by rank",
            "sum of u ascending, weighted by R^delta - R'^delta, R the share of people at or above",
            "Weymark (1981), Math. Soc. Sci. 1; Donaldson and Weymark (1980), J. Econ. Theory 22",
        ),
        "nash": Form(
            "Nash",
            "the product of what groups can expect",
            "prod (u + c)^p - c",
            "Kaneko and Nakamura (1979), Econometrica 47",
        ),
        "prioritarian": Form(
            "Prioritarian",
            "a gain counts more for those who have less",
            "-(1 / k) log sum p exp(-k u), k the priority over the range of the utilities",
            "Parfit (1997), Ratio 10; the concave form is of Kolm (1976), J. Econ. Theory 12",
        ),
    }
)
"""Every form of welfare, by name."""

NUMBERS = tuple(name for name in WELFARES if name != "leximin")
"""The forms that are a number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aversion:
    """How much inequality weighs, in the forms that leave it open.

    Attributes
    ----------
    atkinson : float
        Epsilon, 0 or more: 0 is the mean, infinity the minimum.
    gini : float
        Delta, 1 or more: 1 is the mean, 2 is the mean times one less the Gini coefficient, infinity the minimum.
    priority : float
        0 or more: a gain at the worst outcome of the table counts e^priority times as much as one at the best.

    Raises
    ------
    InputError
        If one is out of its range.

    Examples
    --------
    >>> Aversion(atkinson=2.0).gini
    2.0
    """

    atkinson: float = 0.5
    gini: float = 2.0
    priority: float = 1.0

    def __post_init__(self) -> None:
        for name, least in (("atkinson", 0.0), ("gini", 1.0), ("priority", 0.0)):
            value = getattr(self, name)
            if not value >= least:
                raise InputError(f"{name} is {value:g}, expected a number of {least:g} or more.")


def mean(u: Floats, share: Floats) -> Floats:
    """Return the mean over people.

    Examples
    --------
    >>> float(mean(np.array([1.0, 3.0]), np.array([0.75, 0.25])))
    1.5
    """
    return np.asarray(u @ share, dtype=np.float64)


def maximin(u: Floats) -> Floats:
    """Return what the worst-off group expects."""
    return np.asarray(u.min(axis=-1), dtype=np.float64)


def atkinson(u: Floats, share: Floats, epsilon: float, *, shift: float = 0.0) -> Floats:
    """Return Atkinson's equally distributed equivalent.

    Parameters
    ----------
    u : float array, shape (..., K)
        Expected utilities; ``u + shift`` must not be negative.
    share : float array, shape (K,)
        Shares of people.
    epsilon : float
        Aversion, 0 or more: 0 is the mean, infinity the minimum.
    shift : float
        Added to the utilities before, and taken off after, since the form is for positive ones.

    Returns
    -------
    float array, shape (...)
        NaN where a shifted utility is negative.

    References
    ----------
    A. B. Atkinson (1970), "On the measurement of inequality", Journal of Economic Theory 2, equation 5.

    Examples
    --------
    >>> round(float(atkinson(np.array([1.0, 4.0]), np.array([0.5, 0.5]), 0.5)), 4)
    2.25
    """
    x = u + shift
    tiny = 1e-12 * max(1.0, abs(shift))
    x = np.where(np.abs(x) <= tiny, 0.0, x)  # the worst outcome plus the shift is 0, and rounding is no debt
    allowed = (x >= 0).all(axis=-1)
    x = np.maximum(x, 0.0)
    if math.isinf(epsilon):
        value = x.min(axis=-1)
    else:
        with np.errstate(divide="ignore"):
            logs = np.log(x)
        power = 1.0 - epsilon
        value = x @ share if power == 1.0 else np.exp(_soft(logs, share, power))
    return np.asarray(np.where(allowed, value - shift, np.nan), dtype=np.float64)


def nash(u: Floats, share: Floats, *, shift: float = 0.0) -> Floats:
    """Return the weighted geometric mean, which is Atkinson's form with epsilon 1.

    Examples
    --------
    >>> float(nash(np.array([1.0, 4.0]), np.array([0.5, 0.5])))
    2.0
    """
    return atkinson(u, share, 1.0, shift=shift)


def gini(u: Floats, share: Floats, delta: float) -> Floats:
    """Return the generalised Gini welfare of one parameter.

    Groups stand in a line from the worst off; each weighs ``R^delta - R'^delta``, where R is the share of people at or
    above it, and R' that above it.

    Parameters
    ----------
    u : float array, shape (..., K)
        Expected utilities, of any sign.
    share : float array, shape (K,)
        Shares of people.
    delta : float
        Aversion, 1 or more: 1 is the mean, 2 the mean times one less the Gini coefficient, infinity the minimum.

    References
    ----------
    J. A. Weymark (1981), "Generalized Gini inequality indices", Mathematical Social Sciences 1. D. Donaldson and J. A.
    Weymark (1980), "A single-parameter generalization of the Gini indices of inequality", J. Economic Theory 22.

    Examples
    --------
    >>> float(gini(np.array([0.0, 4.0]), np.array([0.5, 0.5]), 2.0))
    1.0
    """
    order = np.argsort(u, axis=-1, kind="stable")
    ranked = np.take_along_axis(u, order, axis=-1)
    shares = share[order]
    above = np.cumsum(shares[..., ::-1], axis=-1)[..., ::-1]  # from this group up
    above = np.minimum(above / above[..., :1], 1.0)
    weight = above**delta if not math.isinf(delta) else (above >= 1.0).astype(np.float64)
    weight = weight - np.concatenate([weight[..., 1:], np.zeros_like(weight[..., :1])], axis=-1)
    return np.asarray((weight * ranked).sum(axis=-1), dtype=np.float64)


def prioritarian(u: Floats, share: Floats, priority: float, *, spread: float) -> Floats:
    """Return the equal utility that is as good, where a gain counts more for those who have less.

    Parameters
    ----------
    u : float array, shape (..., K)
        Expected utilities, of any sign.
    share : float array, shape (K,)
        Shares of people.
    priority : float
        0 or more. A gain at the bottom of the range counts e^priority times as much as one at its top.
    spread : float
        Range of the utilities, 0 or more.

    References
    ----------
    D. Parfit (1997), "Equality and priority", Ratio 10. The exponential form, which needs no zero, is that of S.-C.
    Kolm (1976), "Unequal inequalities", Journal of Economic Theory 12.

    Examples
    --------
    >>> u, half = np.array([0.0, 1.0]), np.array([0.5, 0.5])
    >>> round(float(prioritarian(u, half, 1.0, spread=1.0)), 4), float(prioritarian(u, half, 0.0, spread=1.0))
    (0.3799, 0.5)
    """
    k = priority / spread if spread > 0 else 0.0
    if k == 0.0:
        return mean(u, share)
    if math.isinf(k):
        return maximin(u)
    return _soft(u, share, -k)


def _soft(x: Floats, share: Floats, k: float) -> Floats:
    """Return (1 / k) log sum share exp(k x), the mean for k = 0; exact for small k, and without overflow for large."""
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        centre = (share * x).sum(axis=-1, keepdims=True)
        if k == 0.0:
            return np.asarray(centre[..., 0], dtype=np.float64)
        apart = k * (x - centre)
        # Around the mean the sum is 1 + something small, which a sum of exponentials would round away.
        near = centre[..., 0] + np.log1p((share * np.expm1(apart)).sum(axis=-1)) / k
        top = (k * x).max(axis=-1, keepdims=True)
        top = np.where(np.isfinite(top), top, 0.0)
        far = (np.log((share * np.exp(k * x - top)).sum(axis=-1)) + top[..., 0]) / k
        small = (np.abs(apart) < 1.0).all(axis=-1)
    return np.asarray(np.where(small, near, far), dtype=np.float64)


def welfares(
    u: Floats,
    share: Floats,
    people: float,
    aversion: Aversion,
    *,
    shift: float,
    spread: float,
    forms: Collection[str] = NUMBERS,
) -> dict[str, Floats]:
    """Return forms of welfare that are numbers.

    Parameters
    ----------
    u : float array, shape (..., K)
        Expected utilities.
    share : float array, shape (K,)
        Shares of people.
    people : float
        How many there are, for the sum.
    aversion : Aversion
        Parameters.
    shift, spread : float
        See `atkinson` and `prioritarian`.
    forms : collection of str
        Which; all but leximin, which is an order, by default.

    Examples
    --------
    >>> found = welfares(np.array([1.0, 1.0]), np.array([0.5, 0.5]), 10, Aversion(), shift=0.0, spread=1.0)
    >>> {name: round(float(value), 9) for name, value in found.items()}["sum"], len(found)
    (10.0, 7)
    """
    known: dict[str, Callable[[], Floats]] = {
        "sum": lambda: mean(u, share) * people,
        "mean": lambda: mean(u, share),
        "maximin": lambda: maximin(u),
        "atkinson": lambda: atkinson(u, share, aversion.atkinson, shift=shift),
        "gini": lambda: gini(u, share, aversion.gini),
        "nash": lambda: nash(u, share, shift=shift),
        "prioritarian": lambda: prioritarian(u, share, aversion.priority, spread=spread),
    }
    return {name: form() for name, form in known.items() if name in forms}
