"""Withholding in an impact: what may be said where some group is too small to publish.

A small group takes no part in any number here, but its size is the number of rows less the other groups', and the size
of a group follows from a share that is exact. So where a group is withheld, sizes are rounded to ten rows, shares to
two decimals, and everything in the unit of utilities to two digits of their range. What the policy says itself is not.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from aequo.ethics.impact import GroupUtility, Impact
from aequo.flows.withhold import DECIMALS, ROUND_TO

__all__ = ["withhold"]

_GIVEN = {"weight", "utilities", "by_group", "shift", "parameters", "confidence", "now", "within", "probability"}
_SHARES = {"share", "outcomes", "at", "unsure"}


def withhold(impact: Impact, below: int) -> Impact:
    """Return an impact without what would tell of a group of fewer than `below` rows.

    Parameters
    ----------
    impact : Impact
        As evaluated.
    below : int
        Groups with fewer rows are withheld; 0 publishes all.

    Examples
    --------
    >>> from aequo.ethics import evaluate_utilitarian_impact
    >>> rows = {"g": ["a"] * 103 + ["b"] * 3, "p": [1] * 70 + [0] * 36}
    >>> table = {"selected": 1, "rejected": 0}
    >>> impact = evaluate_utilitarian_impact(rows, utilities=table, group="g", prediction="p")
    >>> shown = withhold(impact, 5)
    >>> [(g.group, g.n, round(g.utility or 0, 4)) for g in shown["people"].groups]
    [('a', 100, 0.68), ('b', None, 0)]
    """
    small = {g.group for s in impact.stakeholders for g in s.groups if g.n is not None and 0 < g.n < below}
    if not small:
        return impact
    worths = [v for s in impact.stakeholders for t in (s.utilities, *s.by_group.values()) for v in t.values()]
    spread = max(worths) - min(worths)
    step = 10.0 ** (math.floor(math.log10(spread)) - DECIMALS) if spread > 0 else 1.0
    rounded: Impact = _rounded(impact, step, "", small)
    note = (
        f"A group is withheld: sizes are rounded to {ROUND_TO} rows and all other numbers to {DECIMALS} decimals of "
        "the range of the utilities, so that subtraction does not give it away. Verdicts are drawn from exact numbers."
    )
    return replace(rounded, notes=(*rounded.notes, note))


def _rounded(value: Any, step: float, name: str, small: set[str]) -> Any:
    """Walk over what a result holds, and round the numbers that were measured."""
    if name in _GIVEN or value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, GroupUtility) and value.group in small:
        return replace(value, n=None, why="too few people to publish")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return replace(value, **{f.name: _rounded(getattr(value, f.name), step, f.name, small) for f in fields})
    if isinstance(value, Mapping):
        return {k: _rounded(v, step, name, small) for k, v in value.items()}
    if isinstance(value, tuple):
        return tuple(_rounded(v, step, name, small) for v in value)
    if isinstance(value, int):
        return ROUND_TO * round(value / ROUND_TO)
    unit = 10.0**-DECIMALS if name in _SHARES else step
    return round(round(value / unit) * unit, 12) + 0.0
