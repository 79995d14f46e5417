"""How a column's values become coarser step by step, where nobody has said how: rules from fine to coarse."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import get_args

import numpy as np

from aequo.core.counts import Floats, Ints
from aequo.privacy.pseudonyms.fields import kind_by_name
from aequo.privacy.releases.classes import Axis
from aequo.privacy.releases.rules import Bins, Drop, Keep, Period, PeriodName, Prefix, Rule

__all__ = ["hierarchy"]

_ISO = re.compile(r"\d{4}-\d{2}-\d{2}([T ].*)?")
_MOST_BINS = 50
_SKEWED = 0.5
_QUANTILES = 32
_SHARES = (0.01, 0.05, 0.1, 0.25)
_CODES = 20
_ORDINARY = (1e-200, 1e200)

Edges = tuple[float, ...]


def hierarchy(axis: Axis, sizes: Ints, *, k: int) -> tuple[Rule, ...]:
    """Return rules for a column from fine to coarse; the last leaves it out.

    Numbers go into ranges of 5, 10, 20, 40 ... (times a power of ten), or into ranges of about equally many rows where
    more than half of the rows share a twentieth of the range; dates into days, months, years and decades; codes of one
    length lose characters from the right; of other values the rare ones become one.

    Parameters
    ----------
    axis : Axis
        The column.
    sizes : int array
        Rows of each value.
    k : int
        Values with fewer rows than this are rare.

    Examples
    --------
    >>> hierarchy(Axis("age", "number", ("20", "33", "47", "61")), np.array([9, 9, 9, 9]), k=5)[0]
    Bins(edges=(25.0, 30.0, 35.0, 40.0, 45.0, 50.0, 55.0, 60.0), whole=True)
    """
    known = [(v, int(n)) for v, n in zip(axis.levels, sizes.tolist(), strict=True) if v is not None]
    texts = [v for v, _ in known]
    rules: list[Rule] = []
    if len(known) > 2 and axis.kind != "boolean":
        if axis.kind == "date" or all(_ISO.fullmatch(v) for v in texts):
            start = 0 if any(len(v) > 10 for v in texts) else 1
            periods: tuple[PeriodName, ...] = get_args(PeriodName)
            rules = [Period(p) for p in periods[start:]]
        elif _codes(axis, texts):
            rules = [Prefix(length) for length in range(len(texts[0]) - 1, 0, -1)]
        elif axis.kind == "number":
            rules = list(_ranges(known))
        else:
            rules = list(_frequent(known, k))
    return (*rules, Drop())


def _codes(axis: Axis, texts: Sequence[str]) -> bool:
    alike = (
        len({len(v) for v in texts}) == 1 and 2 < len(texts[0]) <= 12 and all(any(map(str.isdigit, v)) for v in texts)
    )
    if axis.kind == "number":
        return (
            alike and len(texts[0]) >= 4 and kind_by_name(axis.name) == "location" and all(v.isdigit() for v in texts)
        )
    return alike and len(texts) > _CODES


def _ranges(known: Sequence[tuple[str, int]]) -> list[Rule]:
    pairs = sorted((float(v), n) for v, n in known)
    values = np.array([v for v, _ in pairs])
    sizes = np.array([n for _, n in pairs])
    kept = np.isfinite(values)
    values, sizes = values[kept], sizes[kept]
    if len(values) < 3:
        return []
    whole = bool((values == np.floor(values)).all())
    with np.errstate(over="ignore", invalid="ignore"):
        span = float(values[-1] - values[0])
        share = np.clip((values - values[0]) / span * 20, 0, 19)
    parts = np.bincount(np.nan_to_num(share).astype(np.int64), sizes)
    skewed = parts.max() > _SKEWED * sizes.sum() or not _ORDINARY[0] < span < _ORDINARY[1]
    chain = _quantiles(values, sizes) if skewed else _steps(float(values[0]), float(values[-1]), whole)
    return [Bins(edges, whole) for edges in chain]


def _steps(low: float, high: float, whole: bool) -> list[Edges]:
    """Return edges at multiples of a width that doubles: each range is two of the ranges before."""
    power = 10.0 ** math.floor(math.log10((high - low) / _MOST_BINS))
    width = next((w for w in (power, 5 * power) if (high - low) / w <= _MOST_BINS), 10 * power)
    if whole:
        width = max(width, 5.0 if high - low > 20 else 2.0)
    chain: list[Edges] = []
    while not chain or len(chain[-1]) > 1:
        places = range(math.floor(low / width) + 1, math.floor(high / width) + 1)
        # Binary fractions of a width such as 0.1 would show in the labels.
        edges = tuple(sorted({float(f"{i * width:.12g}") for i in places}))
        if not edges:
            break
        chain.append(edges)
        width *= 2
    return chain


def _quantiles(values: Floats, sizes: Ints) -> list[Edges]:
    """Return edges between about equally many rows, then every second one; rounded, so that none is one person's."""
    share = np.cumsum(sizes) / sizes.sum()
    at = [values[min(int(np.searchsorted(share, i / _QUANTILES)), len(values) - 1)] for i in range(1, _QUANTILES)]
    edges = sorted({_rounded(float(v)) for v in at if values[0] < _rounded(float(v)) <= values[-1]})
    chain: list[Edges] = []
    while edges:
        chain.append(tuple(edges))
        edges = edges[1::2]
    return chain


def _rounded(value: float) -> float:
    return value if value == 0 or not math.isfinite(value) else float(f"{value:.2g}")


def _frequent(known: Sequence[tuple[str, int]], k: int) -> list[Rule]:
    rows = sum(n for _, n in known)
    by_size = sorted(known, key=lambda pair: (-pair[1], pair[0]))
    rules: list[Rule] = []
    before = len(known) - 1  # one value alone that becomes "other" is as rare as before
    for least in (k, *(share * rows for share in _SHARES)):
        kept = tuple(v for v, n in by_size if n >= max(least, k))
        if 0 < len(kept) < before:
            rules.append(Keep(kept))
            before = len(kept)
    return rules
