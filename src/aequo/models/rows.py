"""Rows that a model is asked about: from any kind of data, in the model's columns and types, and mixed with others."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from aequo.core.columns import Array, as_column, as_numbers, as_objects, is_null, kind_of
from aequo.core.counts import Floats, Ints
from aequo.errors import InputError, MissingExtra, UnknownColumn, did_you_mean

__all__ = ["Rows", "as_rows"]

_SHOWN = 12


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Some rows of named columns, held by whatever the model reads.

    Attributes
    ----------
    names : tuple of str
        The columns, in order.
    held : array or frame
        A 2-D array; or a pandas, polars or pyarrow frame with just these columns.
    """

    names: tuple[str, ...]
    held: Any = field(repr=False)  # people's values have no place in a log

    def __len__(self) -> int:
        return int(self.held.shape[0])

    @property
    def framed(self) -> bool:
        """Whether a frame holds them, which has a type for each column."""
        return not isinstance(self.held, np.ndarray)

    def column(self, name: str) -> Any:
        """Return one column as a numpy array or a pandas Series.

        Parameters
        ----------
        name : str
            One of `names`.
        """
        if not self.framed:
            values = self.held[:, self.names.index(name)]
            return as_column(name, values.tolist()) if values.dtype == object else values
        return as_column(name, self.held[name])

    def objects(self, name: str) -> list[Any]:
        """Return one column's values as Python objects, None where there is none.

        Parameters
        ----------
        name : str
            One of `names`.
        """
        return [None if is_null(v) else v for v in as_objects(self.column(name))]

    def numbers(self) -> Floats:
        """Return them as a float64 array, NaN where a value is missing.

        Raises
        ------
        InputError
            If a column holds text.
        """
        if not self.framed and self.held.dtype.kind in "fiub":
            return np.asarray(self.held, dtype=np.float64)
        columns = [as_numbers(name, self.column(name), ()) for name in self.names]
        return np.stack(columns, axis=1) if columns else np.zeros((len(self), 0))

    def take(self, rows: Ints) -> Rows:
        """Return the rows at these positions.

        Parameters
        ----------
        rows : int array
            Positions; one may occur often.
        """
        return self.mixed(np.broadcast_to(np.asarray(rows, dtype=np.int64)[:, None], (len(rows), len(self.names))))

    def mixed(self, rows: Ints) -> Rows:
        """Return rows whose every value comes from a row of its own.

        Parameters
        ----------
        rows : int array
            Shape (n, columns): the position that each value is taken from.

        Examples
        --------
        >>> two = as_rows([[1, 2], [3, 4]])
        >>> two.mixed(np.array([[0, 1]])).held.tolist()
        [[1, 4]]
        """
        if not self.framed:
            return Rows(self.names, self.held[rows, np.arange(len(self.names))])
        if _library(self.held) == "pandas":
            pandas = sys.modules["pandas"]
            parts = {name: self.held[name].array.take(rows[:, j]) for j, name in enumerate(self.names)}
            return Rows(self.names, pandas.DataFrame(parts, index=range(len(rows)), copy=False))
        import narwhals as nw

        frame: nw.DataFrame[Any] = nw.from_native(self.held, eager_only=True)
        columns = [frame[name][rows[:, j].tolist()] for j, name in enumerate(self.names)]
        return Rows(self.names, nw.concat([c.to_frame() for c in columns], how="horizontal").to_native())

    def over(self, others: Rows) -> Rows:
        """Return these rows with others, of the same columns and types, below them.

        Parameters
        ----------
        others : Rows
            The rows to put below.
        """
        if not self.framed and not others.framed:
            return Rows(self.names, np.concatenate([self.held, others.held]))
        below = as_rows(others.held, self.names, like=self).held
        if _library(self.held) == "pandas":
            pandas = sys.modules["pandas"]
            return Rows(self.names, pandas.concat([self.held, below], ignore_index=True))
        import narwhals as nw

        frames = [nw.from_native(f, eager_only=True) for f in (self.held, below)]
        return Rows(self.names, nw.concat(frames).to_native())


def as_rows(data: Any, names: Sequence[str] = (), *, like: Rows | None = None) -> Rows:
    """Return rows for whatever holds them.

    Parameters
    ----------
    data : frame, mapping, array or sequence
        A pandas, polars or pyarrow frame; a mapping of columns; a 2-D array or list of rows; or one row: a mapping of
        single values, a pandas Series, a 1-D array.
    names : sequence of str
        The columns wanted, in order; others are left out. Without them, all there are.
    like : Rows, optional
        Rows whose kind of frame and whose types these get.

    Raises
    ------
    UnknownColumn
        If a column is not there.
    InputError
        If it is another kind of data, has no columns, or a value does not fit the type of its column.

    Examples
    --------
    >>> as_rows({"age": [41, 35], "sex": ["f", "m"], "id": [1, 2]}, ["age", "sex"]).names
    ('age', 'sex')
    >>> as_rows([[41, 1.5]]).names
    ('x0', 'x1')
    """
    if isinstance(data, Rows):
        data = data.held if data.framed or not data.names else _named_array(data)
    if isinstance(data, Mapping):
        found = _from_mapping(data, names)
    elif _library(data) is not None:
        found = _from_frame(data, names)
    elif type(data).__module__.split(".", 1)[0] == "pandas" and hasattr(data, "to_dict"):
        found = _from_mapping(data.to_dict(), names)
    else:
        return _from_array(data, names, like)
    return found if like is None else _as(found, like)


def _library(data: Any) -> str | None:
    """Return what kind of frame it is, or None."""
    name = type(data).__module__.split(".", 1)[0]
    return name if name in ("pandas", "polars", "pyarrow") and getattr(data, "ndim", 2) == 2 and _has(data) else None


def _has(data: Any) -> bool:
    return hasattr(data, "columns") and hasattr(data, "shape")


def _named_array(rows: Rows) -> dict[str, Array]:
    return {name: rows.held[:, j] for j, name in enumerate(rows.names)}


def _need_columns(names: Sequence[str], known: Sequence[str]) -> None:
    absent = [name for name in names if name not in known]
    if absent:
        listed = ", ".join(known[:_SHOWN]) + (", ..." if len(known) > _SHOWN else "")
        raise UnknownColumn(
            f"no column {absent[0]!r}, which the model reads{f', nor {len(absent) - 1} others' if absent[1:] else ''}. "
            f"Columns: {listed or 'none'}.{did_you_mean(absent[0], known)}"
        )


def _from_frame(data: Any, names: Sequence[str]) -> Rows:
    if _library(data) == "pandas" and not all(isinstance(c, str) for c in data.columns):
        data = data.set_axis([str(c) for c in data.columns], axis=1)
    known = [str(c) for c in (data.column_names if _library(data) == "pyarrow" else data.columns)]
    if len(set(known)) < len(known):
        twice = next(c for c in known if known.count(c) > 1)
        raise InputError(f"two columns are named {twice!r}; rename one.")
    if not names and not known:
        raise InputError("the frame has no columns.")
    _need_columns(names, known)
    chosen = tuple(names) or tuple(known)
    if list(chosen) == known:
        return Rows(chosen, data)
    if _library(data) == "pandas":
        return Rows(chosen, data.iloc[:, [known.index(c) for c in chosen]])
    return Rows(chosen, data.select(list(chosen)))


def _from_mapping(data: Mapping[Any, Any], names: Sequence[str]) -> Rows:
    known = [str(k) for k in data]
    if not known:
        raise InputError("the row is empty; expected a value for each column.")
    _need_columns(names, known)
    values = dict(zip(known, data.values(), strict=True))
    chosen = tuple(names) or tuple(known)
    single = [c for c in chosen if _is_single(values[c])]
    if single and len(single) < len(chosen):
        raise InputError(f"column {single[0]!r} is a single value, others are columns; expected one row, or columns.")
    columns = {c: as_column(c, [values[c]] if single else values[c]) for c in chosen}
    lengths = {len(v) for v in columns.values()}
    if len(lengths) > 1:
        raise InputError(f"columns have {min(lengths)} to {max(lengths)} values; expected as many in each.")
    return Rows(chosen, _frame_of(columns))


def _is_single(value: Any) -> bool:
    return isinstance(value, (str, bytes)) or not (hasattr(value, "__len__") or hasattr(value, "to_list"))


def _frame_of(columns: Mapping[str, Any]) -> Any:
    """Return a frame of the library that is here already, pandas first."""
    here = [name for name in ("pandas", "polars", "pyarrow") if name in sys.modules]
    rest = [name for name in ("pandas", "polars", "pyarrow") if name not in here and importlib.util.find_spec(name)]
    for name in (*here, *rest):
        if name == "pandas":
            pandas = importlib.import_module(name)
            return pandas.DataFrame(dict(columns), copy=False)
        lists = {k: [None if is_null(v) else v for v in as_objects(column)] for k, column in columns.items()}
        library = importlib.import_module(name)
        return library.DataFrame(lists) if name == "polars" else library.table(lists)
    raise MissingExtra("named columns need a frame library here. Install one with: pip install pandas")


def _from_array(data: Any, names: Sequence[str], like: Rows | None) -> Rows:
    array = data if isinstance(data, np.ndarray) else _array_of(data)
    if array.ndim == 1:
        array = array[None, :]
    if array.ndim != 2 or array.dtype.kind not in "fiubOU":
        raise InputError(f"the rows are an array of shape {array.shape}, type {array.dtype}; expected rows × columns.")
    wanted = tuple(names) or (like.names if like is not None else tuple(f"x{j}" for j in range(array.shape[1])))
    if array.shape[1] != len(wanted):
        raise InputError(f"each row has {array.shape[1]} values; the model reads {len(wanted)} columns.")
    if array.dtype.kind == "U":
        array = array.astype(object)
    rows = Rows(wanted, array)
    return rows if like is None else _as(rows, like)


def _array_of(data: Any) -> Array:
    if isinstance(data, (str, bytes)) or data is None:
        raise InputError(f"the rows are a {type(data).__name__}; expected a frame, a mapping or a 2-D array.")
    if hasattr(data, "detach"):  # a torch tensor
        data = data.detach().cpu().numpy()
    if hasattr(data, "toarray"):
        data = data.toarray()
    try:
        array = np.asarray(data)
        mixed = array.dtype.kind == "U"
        array = np.array(data, dtype=object) if mixed else array
    except (ValueError, TypeError):
        raise InputError("the rows have different numbers of values; expected rows × columns.") from None
    if array.ndim == 0:
        raise InputError(f"the rows are a {type(data).__name__}; expected a frame, a mapping or a 2-D array.")
    return array


# -- types ------------------------------------------------------------------------------------------------------------


def _as(rows: Rows, like: Rows) -> Rows:
    """Return the rows in the kind of frame, and with the types, of others."""
    _need_columns(like.names, rows.names)
    if not like.framed:
        array = rows.numbers() if like.held.dtype != object else rows.held
        if rows.framed and like.held.dtype == object:
            array = np.array([rows.objects(name) for name in like.names], dtype=object).T
        return Rows(like.names, array if array.dtype == object else array.astype(like.held.dtype, copy=False))
    if _library(like.held) == "pandas":
        return Rows(like.names, _as_pandas(rows, like))
    if _library(rows.held) == _library(like.held) and _schema(rows.held) == _schema(like.held):
        return Rows(like.names, rows.held)
    return Rows(like.names, _as_arrow(rows, like))


def _schema(held: Any) -> Any:
    return held.schema


def _as_pandas(rows: Rows, like: Rows) -> Any:
    pandas = sys.modules["pandas"]
    if _library(rows.held) == "pandas" and list(rows.held.dtypes) == list(like.held.dtypes):
        return rows.held
    parts = {}
    for name in like.names:
        dtype, values = like.held[name].dtype, rows.column(name)
        if isinstance(dtype, pandas.CategoricalDtype):
            parts[name] = _categorical(name, values, dtype)
        elif isinstance(dtype, np.dtype) and dtype.kind in "iufb":
            parts[name] = _numeric(as_numbers(name, values, ()), dtype)
        else:
            parts[name] = _cast(name, values, dtype)
    return pandas.DataFrame(parts, index=range(len(rows)), copy=False)


def _cast(name: str, values: Any, dtype: Any) -> Any:
    try:
        return sys.modules["pandas"].Series(values).astype(dtype).array
    except (TypeError, ValueError):
        raise InputError(f"column {name!r} holds {_kind(values)}; the background's type is {dtype}.") from None


def _numeric(values: Floats, dtype: np.dtype[Any]) -> Array:
    """Return the numbers in a type if it can hold them all: a cast would cut 41.5 to 41, and make 7 True."""
    if dtype.kind == "f":
        return values.astype(dtype, copy=False)
    with np.errstate(invalid="ignore"):  # a gap has no whole number, and then differs below
        cast = values.astype(dtype)
    return cast if np.array_equal(cast, values) else values


def _kind(values: Any) -> str:
    kind = kind_of(values)
    return {"number": "numbers", "boolean": "booleans", "date": "dates", "empty": "no values"}.get(kind, kind)


def _categorical(name: str, values: Any, dtype: Any) -> Any:
    """Return a column with the categories of the background; pandas would make a new one missing without a word."""
    objects = as_objects(values)
    codes = dtype.categories.get_indexer(objects)
    lost = sum(code < 0 and not is_null(value) for code, value in zip(codes.tolist(), objects, strict=True))
    if lost:
        raise InputError(
            f"column {name!r} holds a category that the background does not have, in {lost} of {len(objects)} rows; "
            "a background with every category is needed."
        )
    return sys.modules["pandas"].Categorical.from_codes(codes, dtype=dtype)


def _as_arrow(rows: Rows, like: Rows) -> Any:
    lists = {name: rows.objects(name) for name in like.names}
    try:
        if _library(like.held) == "polars":
            return sys.modules["polars"].DataFrame(lists, schema=like.held.schema, strict=False)
        return sys.modules["pyarrow"].table(lists, schema=like.held.schema)
    except Exception as error:  # noqa: BLE001 - each library has an error of its own for a value that does not fit
        raise InputError(f"the rows do not fit the types of the background ({type(error).__name__}).") from None
