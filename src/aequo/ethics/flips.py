"""Where a ranking of two options flips, as a stakeholder's weight or a form's parameter moves."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from aequo.core.counts import Floats
from aequo.ethics.impact import Flip, Ranking
from aequo.ethics.weigh import Scene, critical
from aequo.ethics.welfare import Aversion

__all__ = ["PARAMETERS", "flip_of_parameter", "flip_of_weight", "flips_of", "roots"]

PARAMETERS: dict[str, tuple[str, float, float]] = {
    "atkinson": ("epsilon", 0.0, 50.0),
    "gini": ("delta", 1.0, 50.0),
    "prioritarian": ("priority", 0.0, 50.0),
}
"""Form to the name of its parameter and the range that is looked at."""

_FIELDS = {"atkinson": "atkinson", "gini": "gini", "prioritarian": "priority"}
_GRID = 200


def flips_of(scene: Scene, rankings: Sequence[Ranking], confidence: float) -> tuple[Flip, ...]:
    """Return, for the first two options of each ranking, where each weight and the form's parameter turn it over."""
    out = []
    for ranking in rankings:
        if len(ranking.standings) < 2 or ranking.form in ("sum", "leximin"):  # the sum's are those of the mean
            continue
        pair = (ranking.standings[0].option, ranking.standings[1].option)
        if len(scene.parties) > 1:
            out += [flip_of_weight(scene, pair, ranking.form, s, confidence) for s in range(len(scene.parties))]
        if ranking.form in PARAMETERS:
            out.append(flip_of_parameter(scene, pair, ranking.form))
    return tuple(out)


def flip_of_weight(scene: Scene, pair: tuple[str, str], form: str, s: int, confidence: float) -> Flip:
    """Return the weight of party `s` at which two options have equal welfare; exact, since welfare is linear in it.

    At weight t the other parties share 1 - t in the proportions that they have now (equally, if they have none), and
    the difference of the options is ``t d_s + (1 - t) d_rest``, which is 0 at ``d_rest / (d_rest - d_s)``.

    Parameters
    ----------
    scene : Scene
        Options and parties, two or more.
    pair : tuple of str
        The options.
    form : str
        Form of welfare.
    s : int
        Which party's weight.
    confidence : float
        Level at which the data cannot tell (Fieller 1954, J. R. Stat. Soc. B 16, on bootstrap variances).
    """
    weights = np.array([party.weight for party in scene.parties])
    rest = np.delete(weights, s)
    rest = rest / rest.sum() if rest.sum() > 0 else np.full(len(rest), 1 / len(rest))

    def apart(u: dict[str, Floats]) -> tuple[Floats, Floats]:
        each = np.stack(
            [
                scene.of_party(i, u[pair[0]][..., i, :], (form,))[form]
                - scene.of_party(i, u[pair[1]][..., i, :], (form,))[form]
                for i in range(len(scene.parties))
            ],
            axis=-1,
        )
        return each[..., s], np.delete(each, s, axis=-1) @ rest

    own, others = (float(x) for x in apart(dict(scene.observed)))
    at: tuple[float, ...] = ()
    if own * others < 0 or (own == 0) != (others == 0):
        at = (others / (others - own),)
    drawn = apart(dict(scene.drawn))
    return Flip(
        form=form,
        moves=f"weight of {scene.parties[s].name}",
        options=pair,
        now=float(weights[s]),
        within=(0.0, 1.0),
        at=at,
        unsure=_unsure(own, others, *drawn, critical(confidence)),
    )


def _unsure(own: float, others: float, own_drawn: Floats, others_drawn: Floats, z: float) -> tuple[float, float] | None:
    """Return the weights within 0 to 1 at which the difference is within z standard errors of 0, from first to last."""
    usable = ~(np.isnan(own_drawn) | np.isnan(others_drawn))
    if usable.sum() < 2:
        return (0.0, 1.0)
    spread = np.cov(np.stack([own_drawn[usable], others_drawn[usable]])).tolist()
    slope, base = own - others, others
    var_slope = spread[0][0] + spread[1][1] - 2 * spread[0][1]
    both = spread[0][1] - spread[1][1]
    # (base + t slope)^2 - z^2 var(t) <= 0
    a = slope * slope - z * z * var_slope
    b = 2 * (base * slope - z * z * both)
    c = base * base - z * z * spread[1][1]

    def within(t: float) -> bool:
        return bool(a * t * t + b * t + c <= 1e-12 * max(abs(a), abs(b), abs(c), 1e-300))

    found = [t for t in (0.0, 1.0) if within(t)]
    found += [t for t in _quadratic(a, b, c) if 0 <= t <= 1]
    return (min(found), max(found)) if found else None


def _quadratic(a: float, b: float, c: float) -> list[float]:
    if a == 0:
        return [-c / b] if b else []
    under = b * b - 4 * a * c
    if under < 0:
        return []
    q = -(b + math.copysign(math.sqrt(under), b)) / 2
    return [q / a] + ([c / q] if q else [])


def flip_of_parameter(scene: Scene, pair: tuple[str, str], form: str) -> Flip:
    """Return every value of a form's parameter, within its range, at which two options have equal welfare.

    Parameters
    ----------
    scene : Scene
        Options and parties.
    pair : tuple of str
        The options.
    form : {"atkinson", "gini", "prioritarian"}
        Form of welfare.
    """
    name, low, high = PARAMETERS[form]
    field = _FIELDS[form]

    def apart(x: float) -> float:
        moved = replace(scene, aversion=replace(Aversion(), **{field: x}))
        values = [float(moved.overall(scene.observed[option], (form,))[form]) for option in pair]
        return values[0] - values[1]

    return Flip(
        form=form,
        moves=name,
        options=pair,
        now=getattr(scene.aversion, field),
        within=(low, high),
        at=roots(apart, low, high),
    )


def roots(f: Callable[[float], float], low: float, high: float) -> tuple[float, ...]:
    """Return where a function changes its sign: every change between neighbours on a fine grid, then by bisection.

    The grid has steps that grow from the low end, where forms of welfare move fastest. A function that is 0 to rounding
    all along changes nowhere.

    Examples
    --------
    >>> [round(x, 6) for x in roots(lambda x: (x - 0.5) * (x - 20), 0, 50)]
    [0.5, 20.0]
    >>> roots(lambda x: 1.0 + x, 0, 50)
    ()
    """
    grid = low + (high - low) * np.linspace(0, 1, _GRID + 1) ** 3
    values = np.array([f(float(x)) for x in grid])
    scale = float(np.nanmax(np.abs(values))) if (~np.isnan(values)).any() else 0.0
    signs = np.where(np.abs(values) <= 1e-12 * max(scale, 1e-300), 0.0, np.sign(values))
    found: list[float] = []
    last = math.nan
    for i, sign in enumerate(signs):
        if math.isnan(sign) or sign == 0:
            continue
        if not math.isnan(last) and sign != signs[int(last)]:
            found.append(_bisect(f, float(grid[int(last)]), float(grid[i]), float(signs[int(last)])))
        last = float(i)
    return tuple(found)


def _bisect(f: Callable[[float], float], low: float, high: float, sign: float) -> float:
    for _ in range(80):
        middle = (low + high) / 2
        if f(middle) * sign > 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2
