"""Counting what is in memory already: numpy arrays and pandas columns, each turned into small codes, one ``bincount``."""

from __future__ import annotations

import datetime as dt
import decimal
import math
import numbers
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aequo.core.counts import SCORE_BINS, Floats, Ints
from aequo.core.engine import Cells, Duplicates, Key, Kind, Plan, Profile, sentinels
from aequo.core.levels import level
from aequo.errors import InputError

__all__ = ["Arrays"]

_SMALL_RANGE = 1 << 16
"""Whole numbers within a range of this size are their own codes, without hashing."""
_MANY_CELLS = 1 << 22
"""Combined codes beyond this are renumbered, so that ``bincount`` stays in memory."""
_LOOKED_AT = 1000

Array = NDArray[Any]


class Arrays:
    """Columns of equal length in memory, each a numpy array or a pandas Series."""

    def __init__(self, columns: Mapping[str, Any]) -> None:
        self._data = {str(k): _column(str(k), v) for k, v in columns.items()}
        if len(self._data) != len(columns):
            raise InputError("two columns have the same name once written as text; rename one.")
        lengths = {k: len(v) for k, v in self._data.items()}
        if len(set(lengths.values())) > 1:
            said = ", ".join(f"{k!r} {n:,}" for k, n in list(lengths.items())[:10])
            raise InputError(f"columns must have one value for each row, but their lengths differ: {said}.")
        self.rows = next(iter(lengths.values()), 0)

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(self._data)

    def kind(self, column: str) -> Kind:
        return _kind(self._data[column])

    def profile(self, column: str, missing: tuple[float, ...]) -> Profile:
        values = self._data[column]
        if isinstance(values, np.ndarray) and values.dtype.kind in "iub" and not missing:
            if not len(values):
                return Profile(math.nan, math.nan, True, 0)
            low, high = float(values.min()), float(values.max())
            return Profile(low, high, True, _distinct(values) if high - low > 20 else int(high - low) + 1)
        numbers_ = _number(column, values, missing)
        numbers_ = numbers_[~np.isnan(numbers_)]
        if not len(numbers_):
            return Profile(math.nan, math.nan, True, 0)
        low, high = float(numbers_.min()), float(numbers_.max())
        whole = bool(np.all(numbers_ == np.floor(numbers_)))
        return Profile(low, high, whole, _distinct(numbers_))

    def overfull(self, columns: Sequence[str], limit: int) -> str | None:
        return None  # counting is as quick as looking

    def cells(self, plan: Plan) -> Cells:
        parts = [_factorise(k, self._data[k]) for k in plan.keys]
        seen: dict[str, float] = {}
        sums: dict[str, Floats] = {}
        weight = None
        if plan.weight is not None:
            weight = _number(plan.weight, self._data[plan.weight], plan.missing)
            seen |= _range("weight", weight)
            absent = np.isnan(weight)
            seen["weight_missing"] = float(absent.sum())
            if seen["weight_missing"]:
                weight = np.where(absent, 0.0, weight)
        score = None
        if plan.score is not None:
            score = _number(plan.score, self._data[plan.score], plan.missing)
            seen |= _range("score", score)
            parts += _scores(score, plan.threshold)
        flat, size, steps = _combine(parts, self.rows)
        n = np.bincount(flat, minlength=size)
        used = np.flatnonzero(n)

        def total(values: Floats) -> Floats:
            return np.bincount(flat, values, minlength=size)[used]

        if score is not None:
            known = np.nan_to_num(score, nan=0.0)
            sums["score"] = total(known if weight is None else known * weight)
        if plan.label is not None or plan.prediction is not None:
            y, p = (
                None if c is None else _number(c, self._data[c], plan.missing) for c in (plan.label, plan.prediction)
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
        parts = [_factorise(k, self._data[k]) for k in by]
        flat, size, steps = _combine(parts, self.rows)
        n = np.bincount(flat, minlength=size)
        used = np.flatnonzero(n)
        absent = {}
        for column in columns:
            mask = _absent(column, self._data[column], texts)
            absent[column] = np.bincount(flat[mask], minlength=size)[used].astype(np.float64)
        return Cells(keys=_keys(used, steps, parts), n=n[used], sums=absent)

    def sample(self, columns: Sequence[str], rows: int, seed: int) -> Mapping[str, Sequence[Any]]:
        chosen = np.arange(self.rows)
        if rows < self.rows:
            chosen = np.sort(np.random.default_rng(seed).choice(self.rows, rows, replace=False))
        out: dict[str, Sequence[Any]] = {}
        for column in columns:
            values = self._data[column]
            taken = values[chosen] if isinstance(values, np.ndarray) else values.iloc[chosen]
            out[column] = [None if v is None else v for v in _objects(taken)]
        return out

    def duplicates(self, by: Sequence[str], columns: Sequence[str], most: int, texts: tuple[str, ...]) -> Duplicates:
        # In memory already: one pass of codes per column costs less than a sample would save.
        known = np.ones(self.rows, dtype=bool)
        for column in by:
            known &= ~_absent(column, self._data[column], texts)
        rows = int(known.sum())
        same, sets, _ = _combine([_factorise(c, self._data[c]) for c in columns], self.rows)
        group, width, _ = _combine([_factorise(c, self._data[c]) for c in by], self.rows)
        same, group = same[known].astype(np.int64), group[known].astype(np.int64)
        groups_of_set = np.bincount(np.unique(same * width + group) // width, minlength=sets)
        straddles = groups_of_set > 1
        alike = np.bincount(same, minlength=sets)
        return Duplicates(
            int(straddles[same].sum()), rows, 1, sets=int(straddles.sum()), repeated=int(alike[alike > 1].sum())
        )


# -- one column -------------------------------------------------------------------------------------------------------


def _column(name: str, values: Any) -> Any:
    """Return a numpy array or a pandas Series for whatever holds one value per row."""
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(values, (pandas.Series, pandas.Index)):
        values = pandas.Series(values)
        return values.to_numpy() if isinstance(values.dtype, np.dtype) else values
    if pandas is not None and isinstance(values, pandas.api.extensions.ExtensionArray):
        return pandas.Series(values)
    if isinstance(values, np.ma.MaskedArray):
        values = values.tolist()
    if isinstance(values, (str, bytes)):
        raise InputError(f"column {name!r} is one text; expected one value for each row.")
    if hasattr(values, "to_pylist"):  # pyarrow
        values = values.to_pylist()
    if hasattr(values, "to_list") and not isinstance(values, np.ndarray):  # polars and other series
        values = values.to_list()
    array = values if isinstance(values, np.ndarray) else None
    if array is None and hasattr(values, "__array__"):
        array = np.asarray(values)
    if array is None:
        try:
            array = _from_list(list(values))
        except TypeError:
            raise InputError(
                f"column {name!r} is a {type(values).__name__}; expected one value for each row."
            ) from None
    if array.ndim != 1:
        raise InputError(f"column {name!r} has shape {array.shape}; expected one value for each row.")
    return array


def _from_list(values: list[Any]) -> Array:
    # np.array(["a", None]) or (["a", nan]) would make texts of them all: types are kept unless they are all one.
    types = set(map(type, values))
    if types and types <= {int} or types == {bool} or types <= {float, int} and types:
        try:
            array = np.array(values)
        except OverflowError:
            array = np.empty(0, dtype=object)
        if array.dtype.kind in "ifb" and len(array) == len(values):
            return array
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out


def _kind(values: Any) -> Kind:
    dtype = values.dtype
    if not isinstance(dtype, np.dtype):
        return _pandas_kind(values)
    by_code: dict[str, Kind] = {"b": "boolean", "i": "number", "u": "number", "f": "number", "M": "date"}
    if dtype.kind in by_code:
        return by_code[dtype.kind]
    if dtype.kind in "USTa":
        return "text"
    return _object_kind(values) if dtype.kind == "O" else "other"


def _pandas_kind(values: Any) -> Kind:
    types = sys.modules["pandas"].api.types
    dtype = values.dtype
    if isinstance(dtype, sys.modules["pandas"].CategoricalDtype):
        return _kind(_column("", dtype.categories)) if len(dtype.categories) else "text"
    if types.is_bool_dtype(dtype):
        return "boolean"
    if types.is_numeric_dtype(dtype):
        return "number"
    if types.is_datetime64_any_dtype(dtype):
        return "date"
    if types.is_string_dtype(dtype) or types.is_object_dtype(dtype):
        return "text"
    return _object_kind(values.dropna().to_numpy(dtype=object)[:_LOOKED_AT])


def _object_kind(values: Array) -> Kind:
    step = max(1, len(values) // _LOOKED_AT)
    some = [v for v in values[::step].tolist() if v is not None and type(v).__name__ not in ("NAType", "NaTType")]
    some = [v for v in some if not (isinstance(v, float) and v != v)]
    if not some:
        return "text"
    types = set(map(type, some))
    if all(issubclass(t, (bool, np.bool_)) for t in types):
        return "boolean"
    if all(issubclass(t, (numbers.Number, decimal.Decimal)) and not issubclass(t, (bool, complex)) for t in types):
        return "number"
    if all(issubclass(t, (dt.date, np.datetime64)) for t in types):
        return "date"
    if any(issubclass(t, (list, dict, set, tuple, np.ndarray, dt.timedelta, dt.time)) for t in types):
        return "other"
    return "text"


def _number(name: str, values: Any, missing: tuple[float, ...]) -> Floats:
    """Return the column as float64, NaN where it has no number."""
    if isinstance(values, np.ndarray) and values.dtype.kind in "iufb":
        out = values.astype(np.float64, copy=False)
    else:
        try:
            out = np.array([math.nan if _is_null(v) else float(v) for v in _objects(values)], dtype=np.float64)
        except (TypeError, ValueError, OverflowError):
            raise InputError(f"column {name!r} holds values that are not numbers.") from None
    if missing:
        out = np.where(np.isin(out, missing), np.nan, out)
    return out


def _objects(values: Any) -> list[Any]:
    if not isinstance(values, np.ndarray):
        return list(values.astype(object))
    if values.dtype.kind == "M":
        values = values.astype("datetime64[us]")
    return list(values.tolist())


def _is_null(value: Any) -> bool:
    return value is None or type(value).__name__ in ("NAType", "NaTType") or bool(value != value)


def _absent(name: str, values: Any, texts: tuple[str, ...]) -> NDArray[np.bool_]:
    """Return which rows have no value."""
    if isinstance(values, np.ndarray) and values.dtype.kind in "iufb":
        marks = sentinels(texts)
        absent = np.isnan(values) if values.dtype.kind == "f" else np.zeros(len(values), dtype=bool)
        return absent | np.isin(values, marks) if marks else absent
    if _kind(values) == "other":
        return np.array([_is_scalar_null(v) for v in _objects(values)], dtype=bool)
    codes, distinct = _factorise(name, values)
    gone = np.array([level(v, missing=texts) is None for v in distinct], dtype=bool)
    return gone[codes]


def _is_scalar_null(value: Any) -> bool:
    return not isinstance(value, (list, dict, set, tuple, np.ndarray)) and _is_null(value)


def _range(what: str, values: Floats) -> dict[str, float]:
    known = values[~np.isnan(values)] if len(values) and math.isnan(values.min()) else values
    if not len(known):
        return {f"{what}_low": math.nan, f"{what}_high": math.nan}
    return {f"{what}_low": float(known.min()), f"{what}_high": float(known.max())}


def _distinct(values: Array) -> int:
    few = len(np.unique(values[:1000]))
    return few if few > 20 else len(np.unique(values))


# -- codes ------------------------------------------------------------------------------------------------------------

_Part = tuple[Array, Sequence[Any]]
"""Codes of the rows, and the value that each code stands for."""


def _factorise(name: str, values: Any) -> _Part:
    """Return a code for each row and the value of each code; values may still have to be merged into levels."""
    pandas = sys.modules.get("pandas")
    if not isinstance(values, np.ndarray):
        return _factorise_pandas(values)
    kind = values.dtype.kind
    if kind == "b":
        return values.view(np.uint8), (False, True)
    if kind in "iuf":
        quick = _whole_range(values)
        if quick is not None:
            return quick
    if kind == "O":
        return _factorise_objects(name, values)
    if kind == "M":
        values = values.astype("datetime64[us]")
    if kind in "UST":
        return _hashed(values.tolist())
    if pandas is not None:
        codes, distinct = pandas.factorize(values)
        return codes + 1, [None, *distinct.tolist()]
    distinct, codes = np.unique(values, return_inverse=True)
    return codes, distinct.tolist()


def _whole_range(values: Array) -> _Part | None:
    """Codes for whole numbers that lie close together: the numbers themselves, less the smallest."""
    if not len(values):
        return np.zeros(0, dtype=np.uint8), ()
    low, high = values.min(), values.max()
    if not math.isfinite(low) or not math.isfinite(high):
        return None
    first, last = math.floor(low), math.floor(high)
    if 0 <= first and last < 256:
        first = 0  # spares a subtraction
    if last - first >= _SMALL_RANGE:
        return None
    dtype = np.uint8 if last - first < 256 else np.uint16
    if values.dtype.kind == "f":
        codes = (values - first if first else values).astype(dtype)
        if not np.array_equal(codes, values - first if first else values):
            return None
    elif first:
        codes = np.subtract(values.astype(np.int64, copy=False), first).astype(dtype)
    else:
        codes = values.astype(dtype, copy=False)
    return codes, range(first, last + 1)


def _factorise_pandas(values: Any) -> _Part:
    pandas = sys.modules["pandas"]
    if isinstance(values.dtype, pandas.CategoricalDtype):
        codes = values.cat.codes.to_numpy()
        return codes + 1, [None, *_objects(_column("", values.cat.categories))]
    codes, distinct = pandas.factorize(values)
    return codes + 1, [None, *distinct.astype(object)]


def _factorise_objects(name: str, values: Array) -> _Part:
    pandas = sys.modules.get("pandas")
    try:
        if pandas is None:
            return _hashed(values.tolist())
        codes, distinct = pandas.factorize(values)
    except TypeError:
        raise InputError(f"column {name!r} holds lists or other values that cannot name a group.") from None
    # True == 1 for a hash table, but they are two levels.
    if any(not isinstance(v, str) and v in (0, 1) for v in distinct) and pandas.api.types.infer_dtype(
        values, skipna=True
    ) not in ("boolean", "integer", "floating"):
        return _hashed(values.tolist())
    return codes + 1, [None, *distinct]


def _hashed(values: list[Any]) -> _Part:
    seen: dict[Any, int] = {}
    if set(map(type, values)) <= {str, type(None)}:
        codes = [seen.setdefault(v, len(seen)) for v in values]
        return np.array(codes, dtype=np.int64), list(seen)
    codes = [seen.setdefault((isinstance(v, (bool, np.bool_)), None if _is_null(v) else v), len(seen)) for v in values]
    return np.array(codes, dtype=np.int64), [v for _, v in seen]


def _scores(score: Floats, threshold: float | None) -> list[_Part]:
    """Codes for "score >= threshold" and for the score's bin, each with a last code for a missing score."""
    unknown = np.isnan(score)
    any_unknown = bool(unknown.any())
    bins = np.clip(np.nan_to_num(score, nan=0.0) if any_unknown else score, 0.0, 1.0)
    bins *= SCORE_BINS
    binned = np.minimum(bins.astype(np.int16), SCORE_BINS - 1)
    if any_unknown:
        binned[unknown] = SCORE_BINS
    parts: list[_Part] = []
    if threshold is not None:
        decided = (score >= threshold).view(np.uint8)
        if any_unknown:
            decided[unknown] = 2
        parts.append((decided, (False, True, None)))
    return [*parts, (binned, (*range(SCORE_BINS), None))]


_Steps = list[int | Ints]
"""How combined codes were made: multiplied by a width, or renumbered by a table."""


def _combine(parts: Sequence[_Part], rows: int) -> tuple[Array, int, _Steps]:
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


def _keys(flat: Ints, steps: _Steps, parts: Sequence[_Part]) -> tuple[Key, ...]:
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
