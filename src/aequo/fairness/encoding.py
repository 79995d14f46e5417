"""Columns of any kind as numbers, for checks that must read rows: proxies and duplicates."""

from __future__ import annotations

import datetime as dt
import decimal
import math
import numbers
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aequo.core.counts import Floats, Ints
from aequo.core.levels import Level, level, shown

__all__ = ["Encoded", "encode", "members"]

_SURE = 20
"""With fewer values than this, all of them different, nothing is said of a column."""


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """One column as numbers.

    Attributes
    ----------
    name : str
        Name of the column.
    values : float array, shape (rows,)
        Numbers as they are, time as days, text as codes in order of frequency; NaN where missing.
    levels : int
        Number of different texts; 0 if the column holds numbers or time.
    distinct : int
        Number of different values.
    whole : bool
        Whether all values are text or whole numbers, so that a value can be a name.
    """

    name: str
    values: Floats
    levels: int
    distinct: int
    whole: bool

    @property
    def constant(self) -> bool:
        """Whether the column says nothing: one value or none, in every row."""
        return self.distinct + bool(np.isnan(self.values).any()) < 2

    @property
    def identifier(self) -> bool:
        """Whether the values are names of rows: text or whole numbers, no two alike."""
        there = int((~np.isnan(self.values)).sum())
        return self.whole and there >= _SURE and self.distinct == there and 2 * there >= len(self.values)

    def binned(self, bins: int) -> Ints:
        """Return a code per row, 0 for missing: each text its own, numbers in about equally filled bins."""
        known = ~np.isnan(self.values)
        out = np.zeros(len(self.values), dtype=np.int64)
        if self.levels or not known.any():
            out[known] = self.values[known].astype(np.int64) + 1
            return out
        edges = np.unique(np.quantile(self.values[known], np.linspace(0, 1, bins + 1)[1:-1], method="lower"))
        out[known] = np.searchsorted(edges, self.values[known], side="left") + 1
        return out


def encode(name: str, column: Sequence[Any] | NDArray[Any], *, missing: Collection[str] = ("",)) -> Encoded:
    """Return a column of numbers, booleans, dates, time stamps or text as numbers.

    Parameters
    ----------
    name : str
        Name of the column.
    column : sequence
        Its values, of one kind or mixed (then they are text).
    missing : collection of str
        Texts that mean "missing".

    Examples
    --------
    >>> encode("city", ["b", "a", "a", None]).values.tolist()
    [1.0, 0.0, 0.0, nan]
    >>> encode("age", [3, 1.5, None]).values.tolist()
    [3.0, 1.5, nan]
    """
    array = np.asarray(column)
    if array.dtype.kind in "biuf":
        values = array.astype(np.float64)
    elif array.dtype.kind in "mM":
        unit = "datetime64[us]" if array.dtype.kind == "M" else "timedelta64[us]"
        values = np.where(np.isnat(array), np.nan, array.astype(unit).astype(np.int64) / 86_400e6)
    else:
        found = _numbers(array)
        if found is None:
            return _text(name, array, missing)
        values = found
    values = np.clip(values, -1e30, 1e30)
    known = values[~np.isnan(values)]
    whole = array.dtype.kind not in "mM" and bool((known == np.round(known)).all()) and not _has_time(array)
    return Encoded(name, values, 0, len(np.unique(known)), whole)


def members(columns: Mapping[str, Any], by: Sequence[str], *, missing: Collection[str] = ("",)) -> list[Level]:
    """Return the name of each row's group over crossed columns, None where a part is missing.

    Examples
    --------
    >>> members({"race": ["b", "w"], "sex": ["f", None]}, ["race", "sex"])
    ['b · f', None]
    """
    parts = [_levels(np.asarray(columns[c], dtype=object), missing) for c in by]
    return [None if None in row else " · ".join(map(shown, row)) for row in zip(*parts, strict=True)]


def _levels(array: NDArray[Any], missing: Collection[str]) -> list[Level]:
    memo: dict[tuple[type, Any], Level] = {}
    out: list[Level] = []
    for value in array.tolist():
        try:
            key = (type(value), value)
            if key not in memo:
                memo[key] = level(value, missing=missing)
            out.append(memo[key])
        except TypeError:  # lists and the like have no hash
            out.append(level(value, missing=missing))
    return out


def _numbers(array: NDArray[Any]) -> Floats | None:
    """Return objects that are all numbers, or all dates, as numbers; None if any is something else."""
    out = np.full(len(array), np.nan)
    time = number = False
    for i, value in enumerate(array.tolist()):
        if value is None or value != value:
            continue
        if isinstance(value, (numbers.Real, decimal.Decimal)):
            number = True
            try:
                out[i] = float(value)
            except OverflowError:
                return None
        elif isinstance(value, dt.datetime):
            time = True
            out[i] = value.replace(tzinfo=None).toordinal() + _day(value.time())
        elif isinstance(value, dt.date):
            time = True
            out[i] = value.toordinal()
        elif isinstance(value, dt.time):
            time = True
            out[i] = _day(value)
        elif isinstance(value, dt.timedelta):
            time = True
            out[i] = value / dt.timedelta(days=1)
        elif type(value).__name__ not in ("NAType", "NaTType"):
            return None
    return None if time and number else out


def _day(clock: dt.time) -> float:
    return (clock.hour * 3600 + clock.minute * 60 + clock.second + clock.microsecond / 1e6) / 86_400


def _has_time(array: NDArray[Any]) -> bool:
    return array.dtype == object and any(isinstance(v, (dt.date, dt.time, dt.timedelta)) for v in array.tolist())


def _text(name: str, array: NDArray[Any], missing: Collection[str]) -> Encoded:
    texts = _levels(array, missing)
    seen: dict[str, int] = {}
    for text in texts:
        if text is not None:
            seen[text] = seen.get(text, 0) + 1
    order = {text: i for i, text in enumerate(sorted(seen, key=lambda t: (-seen[t], t)))}
    values = np.array([math.nan if text is None else order[text] for text in texts], dtype=np.float64)
    return Encoded(name, values, len(order), len(order), True)
