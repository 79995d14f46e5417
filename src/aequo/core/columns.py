"""One column in memory, a numpy array or a pandas Series: what it holds, as numbers, as small codes."""

from __future__ import annotations

import datetime as dt
import decimal
import math
import numbers
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aequo.core.counts import Floats
from aequo.core.engine import Kind, sentinels
from aequo.core.levels import level
from aequo.errors import InputError

__all__ = ["Array", "Part", "as_column", "as_numbers", "as_objects", "factorise", "is_absent", "is_null", "kind_of"]

_SMALL_RANGE = 1 << 16
"""Whole numbers within a range of this size are their own codes, without hashing."""
_LOOKED_AT = 1000

Array = NDArray[Any]

Part = tuple[Array, Sequence[Any]]
"""Codes of the rows, and the value that each code stands for."""


def as_column(name: str, values: Any) -> Any:
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
    if types in ({bool}, {int}, {float}, {int, float}):
        try:
            array = np.array(values)
        except OverflowError:
            array = np.empty(0, dtype=object)
        if array.dtype.kind in "ifb" and len(array) == len(values):
            return array
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out


def kind_of(values: Any) -> Kind:
    """Return what a column holds."""
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
        return kind_of(as_column("", dtype.categories))
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
        return "empty" if all(map(is_null, values.tolist())) else "text"
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


def as_numbers(name: str, values: Any, missing: tuple[float, ...]) -> Floats:
    """Return the column as float64, NaN where it has no number."""
    if isinstance(values, np.ndarray) and values.dtype.kind in "iufb":
        out = values.astype(np.float64, copy=False)
    else:
        try:
            out = np.array([math.nan if is_null(v) else float(v) for v in as_objects(values)], dtype=np.float64)
        except (TypeError, ValueError, OverflowError):
            raise InputError(f"column {name!r} holds values that are not numbers.") from None
    if missing:
        out = np.where(np.isin(out, missing), np.nan, out)
    return out


def as_objects(values: Any) -> list[Any]:
    """Return the values as Python objects."""
    if not isinstance(values, np.ndarray):
        return list(values.astype(object))
    if values.dtype.kind == "M":
        values = values.astype("datetime64[us]")
    return list(values.tolist())


def is_null(value: Any) -> bool:
    """Return whether one value is None, NaN, NaT or NA."""
    return value is None or type(value).__name__ in ("NAType", "NaTType") or bool(value != value)


def is_absent(name: str, values: Any, texts: tuple[str, ...]) -> NDArray[np.bool_]:
    """Return which rows have no value."""
    if isinstance(values, np.ndarray) and values.dtype.kind in "iufb":
        marks = sentinels(texts)
        gone = np.isnan(values) if values.dtype.kind == "f" else np.zeros(len(values), dtype=bool)
        return gone | np.isin(values, marks) if marks else gone
    if kind_of(values) == "other":
        return np.array([_is_scalar_null(v) for v in as_objects(values)], dtype=bool)
    codes, distinct = factorise(name, values)
    gone = np.array([level(v, missing=texts) is None for v in distinct], dtype=bool)
    return gone[codes]


def _is_scalar_null(value: Any) -> bool:
    return not isinstance(value, (list, dict, set, tuple, np.ndarray)) and is_null(value)


def factorise(name: str, values: Any) -> Part:
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


def _whole_range(values: Array) -> Part | None:
    """Codes for whole numbers that lie close together: the numbers themselves, less the smallest."""
    if not len(values):
        return np.zeros(0, dtype=np.uint8), ()
    low, high = values.min(), values.max()
    if values.dtype.kind == "f" and not (abs(low) < 2**53 and abs(high) < 2**53):
        return None  # not finite, or too large to be told from the next whole number
    first, last = int(low), int(high)  # exact for integers; floats that are not whole are found below
    if first >= 0 and last < 256:
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


def _factorise_pandas(values: Any) -> Part:
    pandas = sys.modules["pandas"]
    if isinstance(values.dtype, pandas.CategoricalDtype):
        codes = values.cat.codes.to_numpy()
        return codes + 1, [None, *as_objects(as_column("", values.cat.categories))]
    if pandas.api.types.is_float_dtype(values.dtype):  # may hold NaN beside its missing values
        return factorise("", values.to_numpy(dtype=np.float64, na_value=math.nan))
    if isinstance(values.dtype, pandas.ArrowDtype) and str(values.dtype).startswith("dictionary"):
        return _hashed(list(values.astype(object)))  # pandas 2 cannot factorise these if a value is missing
    codes, distinct = pandas.factorize(values)
    return codes + 1, [None, *distinct.astype(object)]


def _factorise_objects(name: str, values: Array) -> Part:
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


def _hashed(values: list[Any]) -> Part:
    seen: dict[Any, int] = {}
    if set(map(type, values)) <= {str, type(None)}:
        codes = [seen.setdefault(v, len(seen)) for v in values]
        return np.array(codes, dtype=np.int64), list(seen)
    codes = [seen.setdefault((isinstance(v, (bool, np.bool_)), None if is_null(v) else v), len(seen)) for v in values]
    return np.array(codes, dtype=np.int64), [v for _, v in seen]
