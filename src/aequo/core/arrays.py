"""Counting what is in memory: numpy arrays and pandas columns, each turned into small codes, then one ``bincount``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from aequo.core.columns import Array, Part, as_column, as_numbers, as_objects, factorise, is_absent, is_null, kind_of
from aequo.core.counts import SCORE_BINS, Floats, Ints
from aequo.core.engine import Cells, Duplicates, Key, Kind, Plan, Profile
from aequo.errors import InputError

__all__ = ["Arrays"]

_MANY_CELLS = 1 << 22
"""Combined codes beyond this are renumbered, so that ``bincount`` stays in memory."""


class Arrays:
    """Columns of equal length in memory, each a numpy array or a pandas Series."""

    def __init__(self, columns: Mapping[str, Any]) -> None:
        self._data = {str(k): as_column(str(k), v) for k, v in columns.items()}
        if len(self._data) != len(columns):
            raise InputError("two columns have the same name once written as text; rename one.")
        lengths = {k: len(v) for k, v in self._data.items()}
        if len(set(lengths.values())) > 1:
            said = ", ".join(f"{k!r} {n:,}" for k, n in list(lengths.items())[:10])
            raise InputError(f"columns must have one value for each row, but their lengths differ: {said}.")
        self.rows = next(iter(lengths.values()), 0)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return tuple(self._data)

    def kind(self, column: str) -> Kind:
        """Return what a column holds."""
        return kind_of(self._data[column])

    def profile(self, column: str, missing: tuple[float, ...]) -> Profile:
        """Return the range of a numeric column."""
        values = self._data[column]
        if isinstance(values, np.ndarray) and values.dtype.kind in "iub" and not missing:
            if not len(values):
                return Profile(math.nan, math.nan, True, 0)
            low, high = float(values.min()), float(values.max())
            return Profile(low, high, True, _distinct(values) if high - low > 20 else int(high - low) + 1)
        known = as_numbers(column, values, missing)
        known = known[~np.isnan(known)]
        if not len(known):
            return Profile(math.nan, math.nan, True, 0)
        low, high = float(known.min()), float(known.max())
        whole = bool(np.all(known == np.floor(known)))
        return Profile(low, high, whole, _distinct(known))

    def overfull(self, columns: Sequence[str], limit: int) -> str | None:  # noqa: ARG002 - counting is as quick
        """Return a column that surely has more than `limit` values, if a look at some rows shows one."""
        return None

    def cells(self, plan: Plan) -> Cells:
        """Count the rows of each cell."""
        parts = [factorise(k, self._data[k]) for k in plan.keys]
        seen: dict[str, float] = {}
        sums: dict[str, Floats] = {}
        weight = None
        if plan.weight is not None:
            weight = as_numbers(plan.weight, self._data[plan.weight], plan.missing)
            seen |= _range("weight", weight)
            absent = np.isnan(weight)
            seen["weight_missing"] = float(absent.sum())
            if seen["weight_missing"]:
                weight = np.where(absent, 0.0, weight)
        score = None
        if plan.score is not None:
            score = as_numbers(plan.score, self._data[plan.score], plan.missing)
            seen |= _range("score", score)
            parts += _scores(score, plan.threshold)
        flat, size, steps = _combine(parts, self.rows)
        n = np.bincount(flat, minlength=size)
        used = np.flatnonzero(n)

        def total(values: Floats) -> Floats:
            summed: Floats = np.bincount(flat, values, minlength=size)[used].astype(np.float64, copy=False)
            return summed

        if score is not None:
            known = np.nan_to_num(score, nan=0.0)
            sums["score"] = total(known if weight is None else known * weight)
        if plan.label is not None or plan.prediction is not None:
            y, p = (
                None if c is None else as_numbers(c, self._data[c], plan.missing) for c in (plan.label, plan.prediction)
            )
            for values in (y, p):
                if values is not None:
                    seen |= _range("label" if values is y else "prediction", values)
            sums |= {k: total(v) for k, v in _moments(y, p, weight).items()}
        return Cells(
            keys=_keys(used, steps, parts),
            n=n[used],
            w=None if weight is None else total(weight),
            w2=None if weight is None else total(weight * weight),
            sums=sums,
            seen=seen,
        )

    def missing(self, by: Sequence[str], columns: Sequence[str], texts: tuple[str, ...]) -> Cells:
        """Count rows, and for each column the rows without a value, per cell of `by`."""
        parts = [factorise(k, self._data[k]) for k in by]
        flat, size, steps = _combine(parts, self.rows)
        n = np.bincount(flat, minlength=size)
        used = np.flatnonzero(n)
        absent = {}
        for column in columns:
            mask = is_absent(column, self._data[column], texts)
            absent[column] = np.bincount(flat[mask], minlength=size)[used].astype(np.float64)
        return Cells(keys=_keys(used, steps, parts), n=n[used], sums=absent)

    def sample(self, columns: Sequence[str], rows: int, seed: int | None) -> Mapping[str, Sequence[Any]]:
        """Return the values of randomly chosen rows; without a seed of the first ones, in order."""
        chosen: Ints = np.arange(min(rows, self.rows) if seed is None else self.rows)
        if seed is not None and rows < self.rows:
            chosen = np.sort(np.random.default_rng(seed).choice(self.rows, rows, replace=False))
        out: dict[str, Sequence[Any]] = {}
        for column in columns:
            values = self._data[column]
            taken = values[chosen] if isinstance(values, np.ndarray) else values.iloc[chosen]
            out[column] = [None if is_null(v) else v for v in as_objects(taken)]
        return out

    def duplicates(
        self,
        by: Sequence[str],
        columns: Sequence[str],
        most: int,  # noqa: ARG002 - in memory already: a pass of codes per column costs less than a sample would save
        texts: tuple[str, ...],
    ) -> Duplicates:
        """Count the rows in sets of equal rows with more than one value of `by`."""
        known = np.ones(self.rows, dtype=bool)
        for column in by:
            known &= ~is_absent(column, self._data[column], texts)
        rows = int(known.sum())
        same, sets, _ = _combine([factorise(c, self._data[c]) for c in columns], self.rows)
        group, width, _ = _combine([factorise(c, self._data[c]) for c in by], self.rows)
        same, group = same[known].astype(np.int64), group[known].astype(np.int64)
        groups_of_set = np.bincount(np.unique(same * width + group) // width, minlength=sets)
        straddles = groups_of_set > 1
        alike = np.bincount(same, minlength=sets)
        return Duplicates(
            int(straddles[same].sum()), rows, 1, sets=int(straddles.sum()), repeated=int(alike[alike > 1].sum())
        )


def _range(what: str, values: Floats) -> dict[str, float]:
    known = values[~np.isnan(values)] if len(values) and math.isnan(values.min()) else values
    if not len(known):
        return {f"{what}_low": math.nan, f"{what}_high": math.nan}
    return {f"{what}_low": float(known.min()), f"{what}_high": float(known.max())}


def _distinct(values: Array) -> int:
    few = len(np.unique(values[:1000]))
    return few if few > 20 else len(np.unique(values))


def _scores(score: Floats, threshold: float | None) -> list[Part]:
    """Codes for "score >= threshold" and for the score's bin, each with a last code for a missing score."""
    unknown = np.isnan(score)
    any_unknown = bool(unknown.any())
    bins = np.clip(np.nan_to_num(score, nan=0.0) if any_unknown else score, 0.0, 1.0)
    bins *= SCORE_BINS
    binned = np.minimum(bins.astype(np.int16), SCORE_BINS - 1)
    if any_unknown:
        binned[unknown] = SCORE_BINS
    parts: list[Part] = []
    if threshold is not None:
        decided = (score >= threshold).view(np.uint8)
        if any_unknown:
            decided[unknown] = 2
        parts.append((decided, (False, True, None)))
    return [*parts, (binned, (*range(SCORE_BINS), None))]


_Steps = list[int | Ints]
"""How combined codes were made: multiplied by a width, or renumbered by a table."""


def _combine(parts: Sequence[Part], rows: int) -> tuple[Array, int, _Steps]:
    """Return one code per row for the crossing of all parts, how many codes there can be, and how to undo it."""
    flat: Array = np.zeros(rows, dtype=np.uint8)
    size = 1
    steps: _Steps = []
    for codes, values in parts:
        width = max(len(values), 1)
        if size == 1:
            flat = codes
        else:
            flat = np.multiply(flat, width, dtype=_dtype(size * width), casting="unsafe")
            flat += codes.astype(flat.dtype, copy=False)
        size *= width
        steps.append(width)
        if size > _MANY_CELLS:
            flat, present = _renumber(flat, size)
            size = len(present)
            steps.append(present)
    return flat, size, steps


def _undo(flat: Ints, steps: _Steps) -> list[Ints]:
    """Return the code of each part again."""
    parts: list[Ints] = []
    for step in reversed(steps):
        if isinstance(step, int):
            flat, part = np.divmod(flat, step)
            parts.append(part)
        else:
            flat = step[flat]
    return parts[::-1]


def _renumber(flat: Array, size: int) -> tuple[Array, Ints]:
    """Return codes 0, 1, 2 ... for those that occur, and what they stood for."""
    if size > 1 << 26:
        present, codes = np.unique(flat, return_inverse=True)
        return codes.reshape(-1), present.astype(np.int64)
    occurs = np.zeros(size, dtype=bool)
    occurs[flat] = True
    present = np.flatnonzero(occurs)
    where = np.zeros(size, dtype=np.int32)
    where[present] = np.arange(len(present), dtype=np.int32)
    return where[flat], present


def _dtype(size: int) -> type[np.integer[Any]]:
    return np.uint8 if size <= 1 << 8 else np.uint16 if size <= 1 << 16 else np.int32 if size <= 1 << 31 else np.int64


def _keys(flat: Ints, steps: _Steps, parts: Sequence[Part]) -> tuple[Key, ...]:
    keys = []
    for codes, (_, values) in zip(_undo(flat, steps), parts, strict=True):
        used, short = np.unique(codes, return_inverse=True)
        keys.append(Key([values[u] for u in used.tolist()], short.reshape(-1).astype(np.int64)))
    return tuple(keys)


def _moments(y: Floats | None, p: Floats | None, weight: Floats | None) -> dict[str, Floats]:
    """Return what is summed per row for numeric outcomes; a missing value adds nothing."""
    out: dict[str, Floats] = {}

    def put(name: str, values: Floats) -> None:
        known = np.nan_to_num(values, nan=0.0, posinf=np.inf, neginf=-np.inf)
        out[name] = known if weight is None else known * weight

    for name, values in (("y", y), ("p", p)):
        if values is not None:
            put(name, values)
            put(name * 2, values * values)
            put(f"{name}_n", (~np.isnan(values)).astype(np.float64))
    if y is not None and p is not None:
        residual = p - y
        put("r", residual)
        put("rr", residual * residual)
        put("abs", np.abs(residual))
        put("scored", (~np.isnan(residual)).astype(np.float64))
    return out
