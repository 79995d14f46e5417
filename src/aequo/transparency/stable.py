"""Stability: whether the same row gives the same explanation, and a row that is nearly the same nearly the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from aequo.core.counts import Floats, Ints
from aequo.core.finding import Evidence, Finding, Status
from aequo.errors import InputError
from aequo.models.rows import Rows
from aequo.transparency.attribution import Attributions
from aequo.transparency.columns import column_of
from aequo.transparency.permuted import mean_and_reach

__all__ = ["Stability", "stability"]

_LEAST = 10
"""Of fewer rows nothing is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stability:
    """How much of an explanation stays when the row changes a little.

    Attributes
    ----------
    overlap : float
        Mean Jaccard overlap of the `k` columns that contribute most, before and after, 0..1.
    interval : tuple of float or None
        Of the mean over rows.
    first : float
        How often the column that contributes most stays the same, 0..1.
    repeatable : bool
        Whether each row, explained twice, gave exactly the same.
    k, rows, times : int
        Columns compared, rows looked at, and small changes of each.
    reach : float
        How far each number moved: by up to this share of people up or down.
    finding : Finding
        ``transparency/stability/top-<k>``: PASS if the overlap surely keeps the limit; FAIL, or WARN where it is not
        required, if it surely does not or if the same row gave two explanations; else UNKNOWN.
    """

    overlap: float
    interval: tuple[float, float] | None
    first: float
    repeatable: bool
    k: int
    rows: int
    times: int
    reach: float
    finding: Finding

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self))
        return plain


def stability(
    explain: Callable[[Rows], Attributions],
    data: Rows,
    *,
    k: int = 3,
    reach: float = 0.05,
    times: int = 10,
    most: int = 100,
    limit: float = 0.7,
    required: bool = False,
    confidence: float = 0.95,
    seed: int = 0,
    evidence: tuple[Evidence, ...] = (),
) -> Stability:
    """Explain rows twice, and again with every number moved a little, and compare what comes first.

    Parameters
    ----------
    explain : callable
        Rows to contributions, such as an `Explainer`.
    data : Rows
        The rows, and the values that numbers may move to.
    k : int
        How many columns are compared.
    reach : float
        A number moves to that of a person up to this share of all people further up or down, 0..0.5. Categories and
        missing values stay.
    times : int
        Small changes of each row.
    most : int
        Of more rows so many are sampled.
    limit : float
        Least overlap, 0..1.
    required : bool
        Whether the verdict depends on it.
    confidence : float
        Level of the interval over rows.
    seed : int
        Of the sample and of the changes.
    evidence : tuple of Evidence
        What the finding stands on.

    Raises
    ------
    InputError
        If an option cannot be used.

    References
    ----------
    D. Alvarez-Melis, T. Jaakkola (2018), "On the robustness of interpretability methods", ICML workshop on human
    interpretability.

    Examples
    --------
    >>> from aequo.models.rows import as_rows
    >>> from aequo.transparency.explainer import Explainer
    >>> people = {"a": list(range(40)), "b": [i % 7 for i in range(40)], "c": [0] * 40}
    >>> rows = as_rows(people)
    >>> found = stability(Explainer(lambda x: x["a"] / 40, background=people), rows, k=1)
    >>> found.repeatable, found.finding.status.value
    (True, 'pass')
    """
    _possible(k, reach, times, most, limit, len(data.names))
    rng = np.random.default_rng(seed)
    some = np.arange(len(data)) if len(data) <= most else np.sort(rng.choice(len(data), most, replace=False))
    kept = data.take(some)
    before = explain(kept).contributions
    again = explain(kept).contributions
    repeatable = bool(np.array_equal(before, again))
    overlaps, firsts = np.empty((times, len(some))), np.empty((times, len(some)))
    columns = [column_of(data, name) for name in data.names]
    moves = [_neighbours(c.values) if c.numeric else None for c in columns]
    for t in range(times):
        at = np.repeat(some[:, None], len(columns), axis=1)
        for j, order in enumerate(moves):
            if order is not None:
                at[:, j] = _moved(order, some, reach, rng)
        after = explain(data.mixed(at)).contributions
        overlaps[t] = _overlap(before, after, k)
        firsts[t] = _overlap(before, after, 1)
    mean, wide = mean_and_reach(overlaps.mean(axis=0), confidence)
    interval = (max(0.0, mean - wide), min(1.0, mean + wide)) if len(some) >= _LEAST else None
    vacant = (
        "no column contributes anything" if not before.any() else "of all columns all stay" if k == len(columns) else ""
    )
    finding = _finding(mean, interval, repeatable, vacant, k, reach, len(some), limit, required, evidence)
    return Stability(
        overlap=mean,
        interval=interval,
        first=float(firsts.mean()),
        repeatable=repeatable,
        k=k,
        rows=len(some),
        times=times,
        reach=reach,
        finding=finding,
    )


def _possible(k: int, reach: float, times: int, most: int, limit: float, columns: int) -> None:
    for name, value in (("k", k), ("times", times), ("most", most)):
        if isinstance(value, bool) or value != int(value) or value < 1:
            raise InputError(f"{name} is {value!r}, expected a whole number from 1.")
    if k > columns:
        raise InputError(f"k is {k}, and there are {columns} columns; expected at most as many.")
    if not 0 < reach <= 0.5:
        raise InputError(f"reach is {reach!r}, expected a share above 0 and up to 0.5.")
    if not 0 <= limit <= 1:
        raise InputError(f"the limit is {limit!r}, expected 0 to 1.")


def _neighbours(values: Floats) -> tuple[Ints, Ints]:
    """Return the rows in the order of their numbers, and where each row is in it; -1 where it has no number."""
    order = np.argsort(values, kind="stable")[: int((~np.isnan(values)).sum())]
    place = np.full(len(values), -1, dtype=np.int64)
    place[order] = np.arange(len(order))
    return order, place


def _moved(neighbours: tuple[Ints, Ints], some: Ints, reach: float, rng: np.random.Generator) -> Ints:
    """Return whose number each row gets: somebody's who is not far."""
    order, place = neighbours
    far = max(1, int(reach * len(order)))
    steps = rng.integers(-far, far + 1, len(some))
    if not len(order):
        return some
    there = order[(place[some] + steps).clip(0, len(order) - 1)]
    return np.where(place[some] < 0, some, there)


def _overlap(before: Floats, after: Floats, k: int) -> Floats:
    """Return the Jaccard overlap of the k largest contributions of each row; of equal ones, the first column's."""
    rank = [np.argsort(-np.abs(x), axis=1, kind="stable")[:, :k] for x in (before, after)]
    both = (rank[0][:, :, None] == rank[1][:, None, :]).sum(axis=(1, 2))
    return np.asarray(both / (2 * k - both), dtype=np.float64)


def _finding(
    mean: float,
    interval: tuple[float, float] | None,
    repeatable: bool,
    vacant: str,
    k: int,
    reach: float,
    rows: int,
    limit: float,
    required: bool,
    evidence: tuple[Evidence, ...],
) -> Finding:
    columns = "column that contributes" if k == 1 else f"{k} columns that contribute"
    small = f"when every number moves past up to {100 * reach:g}% of people"
    if not repeatable:
        status, why = Status.FAIL, "The same row, explained twice, gave two explanations."
    elif vacant:
        status, why = Status.UNKNOWN, f"Not judged: {vacant}, whatever moves."
    elif interval is None:
        status, why = Status.UNKNOWN, f"Not judged: {rows} rows; at least {_LEAST} are needed."
    else:
        low, high = interval
        status = Status.PASS if low >= limit else Status.FAIL if high < limit else Status.UNKNOWN
        kept = f"{100 * mean:.0f}% ({100 * low:.0f} to {100 * high:.0f}) of the {columns} most stay {small}"
        why = f"{kept}; the limit is {100 * limit:.0f}%, and the same row gives the same explanation."
    return Finding(
        id=f"transparency/stability/top-{k}",
        check="stability",
        subject=f"top-{k}",
        status=Status.WARN if status is Status.FAIL and not required else status,
        value=mean,
        interval=interval,
        n=rows,
        limit=limit,
        why=why,
        required=required,
        measures=("overlap",),
        evidence=evidence,
    )
