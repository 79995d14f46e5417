"""Replace columns of a frame and give back the same kind: what all frames share, and which module does which."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from aequo.errors import InputError, UnknownColumn, did_you_mean
from aequo.privacy.pseudonyms.normal import text_of

__all__ = [
    "Change",
    "Counted",
    "Mapper",
    "Mover",
    "Output",
    "as_output",
    "as_typed",
    "column_names",
    "frame_kind",
    "moved_ticks",
    "moved_values",
    "replaced",
    "tally",
]

Output = Literal["text", "number", "any"]
"""What a column holds afterwards: text; numbers where it held numbers, else text; or whatever the values are."""

_FIRST = dt.datetime(1, 1, 1)  # noqa: DTZ001 - ticks of time stamps without a zone
_LAST = dt.datetime(9999, 12, 31, 23, 59, 59)  # noqa: DTZ001
_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001


class Mapper(Protocol):
    """Replaces values one by one, whatever row they are in."""

    @property
    def output(self) -> Output:
        """What a column holds afterwards."""
        ...

    def missing(self, value: Any) -> bool:
        """Tell whether there is no value to replace."""
        ...

    def many(self, values: Sequence[Any]) -> list[Any]:
        """Return what replaces each value, in order."""
        ...


class Mover(Protocol):
    """Moves dates by a number of days that depends on the person of the row."""

    def missing(self, value: Any) -> bool:
        """Tell whether there is no value to move."""
        ...

    def days(self, people: Sequence[Any]) -> list[int | None]:
        """Return the offset of each person; None for nobody."""
        ...

    def move(self, value: Any, days: int | None) -> Any:
        """Return a date moved by some days, or None."""
        ...


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to one column.

    Attributes
    ----------
    column : str
        Its name.
    mapper : Mapper or None
        Replaces its values; or else
    mover : Mover or None
        moves its dates, by
    person : str or None
        the person in this column.
    """

    column: str
    mapper: Mapper | None = None
    mover: Mover | None = None
    person: str | None = None


@dataclass(frozen=True, slots=True)
class Counted:
    """How many values of a column there were.

    Attributes
    ----------
    values : int
        Values that were replaced.
    missing : int
        Rows without a value.
    lost : int or None
        Of the values, those left empty since they were no dates or had no person; None where that was not counted.
    """

    values: int
    missing: int
    lost: int | None = 0

    def __add__(self, other: Counted) -> Counted:
        lost = None if self.lost is None or other.lost is None else self.lost + other.lost
        return Counted(self.values + other.values, self.missing + other.missing, lost)


def frame_kind(data: Any) -> str | None:
    """Return ``pandas``, ``polars``, ``polars lazy``, ``pyarrow``, ``duckdb`` or ``pyspark``, or None for no frame."""
    known = {
        ("pandas", "DataFrame"): "pandas",
        ("polars", "DataFrame"): "polars",
        ("polars", "LazyFrame"): "polars lazy",
        ("pyarrow", "Table"): "pyarrow",
        ("duckdb", "DuckDBPyRelation"): "duckdb",
        ("pyspark", "DataFrame"): "pyspark",
    }
    kinds = ((kind.__module__.partition(".")[0].lstrip("_"), kind.__name__) for kind in type(data).__mro__)
    return next((known[kind] for kind in kinds if kind in known), None)


def column_names(frame: Any) -> list[str]:
    """Return the names of a frame's columns as text.

    Raises
    ------
    InputError
        If two are the same.
    """
    kind = frame_kind(frame)
    if kind == "pyarrow":
        names = list(frame.column_names)
    elif kind == "polars lazy":
        names = frame.collect_schema().names()
    else:
        names = [str(name) for name in frame.columns]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"the frame has two columns named {name!r}; rename one.")
    return names


def replaced(frame: Any, changes: Sequence[Change]) -> tuple[Any, dict[str, Counted]]:
    """Return a frame of the same kind with some columns replaced, and how many values that were.

    Parameters
    ----------
    frame : pandas, polars, pyarrow, DuckDB or PySpark frame
        It is not changed. A lazy one stays lazy; what was counted of it took a query of its own.
    changes : sequence of Change
        What happens to which column.

    Raises
    ------
    UnknownColumn
        If a column is not there.
    InputError
        If a column holds lists or structures.
    """
    names = column_names(frame)
    for change in changes:
        for column in (change.column, change.person):
            if column is not None and column not in names:
                hint = did_you_mean(column, names)
                raise UnknownColumn(f"the data has no column {column!r}. Columns: {', '.join(names)}.{hint}")
    kind = frame_kind(frame)
    if kind in ("pandas", "polars", "polars lazy", "pyarrow"):
        from aequo.privacy.pseudonyms import replacing_arrays

        engine: Callable[..., tuple[Any, dict[str, Counted]]] = {
            "pandas": replacing_arrays.pandas_frame,
            "polars": replacing_arrays.polars_frame,
            "polars lazy": replacing_arrays.polars_lazy,
            "pyarrow": replacing_arrays.arrow_table,
        }[kind]
    else:
        from aequo.privacy.pseudonyms import replacing_queries

        engine = replacing_queries.duckdb_relation if kind == "duckdb" else replacing_queries.spark_frame
    return engine(frame, changes)


# -- what the engines share -------------------------------------------------------------------------------------------


def as_output(values: Sequence[Any], output: Output) -> list[Any]:
    """Return the values that a text column can hold: what was missing in another type is None.

    Examples
    --------
    >>> as_output(["a", 1, float("nan"), None], "text")
    ['a', '1', None, None]
    """
    return [v if type(v) is str else text_of(v) for v in values] if output == "text" else list(values)


def as_typed(values: Sequence[Any], *, whole: bool) -> list[Any]:
    """Return numbers of one type, and None where there is none."""
    kind = int if whole else float
    return [None if v is None or v != v else kind(v) for v in values]


def tally(mapper: Mapper | Mover, values: Sequence[Any], counts: Sequence[int]) -> Counted:
    """Return how many values there are, from distinct ones and how often each occurs."""
    present = missing = 0
    for value, count in zip(values, counts, strict=True):
        if mapper.missing(value):
            missing += int(count)
        else:
            present += int(count)
    return Counted(present, missing)


def moved_values(mover: Mover, values: Sequence[Any], days: Sequence[int | None]) -> tuple[list[Any], Counted]:
    """Return dates moved row by row, and how many were moved, missing and lost."""
    cache: dict[tuple[Any, int | None], Any] = {}
    made: list[Any] = []
    missing = lost = 0
    for value, offset in zip(values, days, strict=True):
        pair = (value, offset)
        if pair not in cache:
            cache[pair] = mover.move(value, offset)
        new = cache[pair]
        made.append(new)
        if new is None:
            absent = mover.missing(value)
            missing += absent
            lost += not absent
        elif value is new and mover.missing(value):
            missing += 1
    return made, Counted(len(made) - missing, missing, lost)


def moved_ticks(
    ticks: NDArray[np.int64], present: NDArray[np.bool_], days: Sequence[int | None], per_day: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_], Counted]:
    """Move time stamps that are counts since 1970.

    Parameters
    ----------
    ticks : int array
        The counts.
    present : bool array
        Where there is a date.
    days : sequence of int or None
        The offset of each row.
    per_day : int
        Counts in a day.

    Returns
    -------
    ticks : int array
        The counts afterwards; without meaning where there is no date.
    present : bool array
        Where there still is a date: the row has a person, and the year is from 1 to 9999.
    counted : Counted
        How many were moved, missing and lost.
    """
    known = np.array([d is not None for d in days], dtype=np.bool_)
    offset = np.array([0 if d is None else d for d in days], dtype=np.int64) * per_day
    limit = np.iinfo(np.int64)
    low = max(limit.min + 1, (_FIRST - _EPOCH).days * per_day)
    high = min(limit.max, int((_LAST - _EPOCH).total_seconds() * per_day) // 86_400)
    # Compared before adding: nanoseconds overflow in the year 2262.
    fits = (ticks <= high - np.maximum(offset, 0)) & (ticks >= low - np.minimum(offset, 0))
    stays = present & known & fits
    moved = ticks + np.where(stays, offset, 0)
    values = int(present.sum())
    return moved, stays, Counted(values, len(ticks) - values, values - int(stays.sum()))
