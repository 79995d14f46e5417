"""What is known of the columns that a model reads, and how a model is asked about rows that do not exist.

What asks "what if" needs rows that nobody is. Here they are put together of values that somebody has, so that integers
stay integers and categories stay categories.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from aequo.core.counts import Floats, Ints
from aequo.core.levels import level
from aequo.errors import InputError, UnknownColumn, did_you_mean
from aequo.models.predicting import Model, as_model
from aequo.models.rows import Rows, as_rows

__all__ = ["Column", "ask", "asked_of", "check_columns", "column_of", "is_elsewhere", "rows_of"]

_CHUNK = 20_000
_MOST = 1_000_000


@dataclass(frozen=True, eq=False)
class Column:
    """What is known of one column.

    Attributes
    ----------
    name : str
        Its name.
    values : float array, shape (n,)
        The number, or the position of the level; NaN where missing.
    levels : tuple of str
        Names of the levels, of a column that holds no numbers; empty for numbers.
    """

    name: str
    values: Floats
    levels: tuple[str, ...] = ()

    @property
    def numeric(self) -> bool:
        """Whether it holds numbers (or booleans)."""
        return not self.levels

    @cached_property
    def known(self) -> Floats:
        """The distinct values, ascending, without the missing ones."""
        return np.unique(self.values[~np.isnan(self.values)])

    @cached_property
    def _under(self) -> tuple[Floats, Floats]:
        """Shares of rows below each distinct value, and up to it."""
        ordered = np.sort(self.values[~np.isnan(self.values)])
        ends = (np.searchsorted(ordered, self.known, side) / max(len(ordered), 1) for side in ("left", "right"))
        below, up_to = (np.asarray(e, dtype=np.float64) for e in ends)
        return below, up_to

    def ranks(self, values: Floats) -> Floats:
        """Return the share of rows with a smaller value plus half of those with the same: 0..1, NaN of NaN.

        Examples
        --------
        >>> Column("x", np.array([10.0, 10.0, 20.0, 30.0])).ranks(np.array([10.0, 15.0, 30.0, np.nan])).tolist()
        [0.25, 0.5, 0.875, nan]
        """
        if not len(self.known):
            return np.full(np.shape(values), np.nan)
        below, up_to = self._under
        at = np.searchsorted(self.known, values, "left").clip(0, len(self.known) - 1)
        same = self.known[at] == values
        under = np.where(values > self.known[-1], 1.0, below[at])
        ranks: Floats = np.where(np.isnan(values), np.nan, np.where(same, (below[at] + up_to[at]) / 2, under))
        return ranks

    def show(self, value: float) -> str:
        """Return a value for people: a number in at most six digits, a level, or ``missing``.

        Examples
        --------
        >>> Column("sex", np.array([0.0, 1.0]), ("f", "m")).show(1.0), Column("x", np.array([0.1])).show(1 / 3)
        ('m', '0.333333')
        """
        if math.isnan(value):
            return "missing"
        return self.levels[int(value)] if self.levels else f"{value + 0.0:.6g}"  # no -0

    def plain(self, value: float) -> str | int | float | None:
        """Return a value as JSON has it: a number, a level, or None where missing."""
        if math.isnan(value):
            return None
        return self.levels[int(value)] if self.levels else int(value) if value.is_integer() else value


def column_of(rows: Rows, name: str) -> Column:
    """Return what is known of a column of some rows.

    Examples
    --------
    >>> found = column_of(as_rows({"sex": ["m", "f", None]}), "sex")
    >>> found.levels, found.values.tolist()
    (('f', 'm'), [1.0, 0.0, nan])
    """
    values = rows.objects(name)
    if all(v is None or isinstance(v, (bool, int, float, np.number, np.bool_)) for v in values):
        return Column(name, np.array([math.nan if v is None else float(v) for v in values], dtype=np.float64))
    texts = [level(v) for v in values]
    levels = tuple(sorted({t for t in texts if t is not None}))
    where = {t: float(i) for i, t in enumerate(levels)}
    return Column(name, np.array([math.nan if t is None else where[t] for t in texts]), levels)


def rows_of(data: Any, names: Sequence[str] = (), *, most: int | None = None, seed: int | None = 0) -> Rows:
    """Return the rows of a frame in memory, columns or a 2-D array, or of anything else that `aequo.Table` reads.

    Parameters
    ----------
    data : frame, mapping, array, path or Table
        The rows. Frames keep their types; files and what is not in memory become numbers and text.
    names : sequence of str
        The columns to keep, in this order; all by default.
    most : int, optional
        Of more rows, so many are sampled.
    seed : int or None
        Of the sample; None takes the first rows, in their order.

    Raises
    ------
    UnknownColumn
        If a column is not there.
    InputError
        If there are no rows.

    Examples
    --------
    >>> rows = rows_of({"age": [30, 40, 50], "id": [1, 2, 3]}, ["age"], most=2)
    >>> len(rows), rows.names
    (2, ('age',))
    """
    from aequo.core.table import Table

    if isinstance(data, (str, Table)) or hasattr(data, "__fspath__") or is_elsewhere(data):
        table = Table.of(data)
        check_columns(names, table.columns, table.source)
        data = table.sample(_MOST if most is None else most, seed=seed, columns=list(names) or None)
    rows = as_rows(data, names)
    if not len(rows):
        raise InputError("the data has no rows; expected at least one.")
    if most is None or len(rows) <= most:
        return rows
    if seed is None:
        return rows.take(np.arange(most))
    return rows.take(np.sort(np.random.default_rng(seed).choice(len(rows), most, replace=False)))


def is_elsewhere(data: Any) -> bool:
    """Return whether it is a frame whose rows are not in memory: of DuckDB, Spark, or lazy ones of polars."""
    kind = type(data)
    return kind.__module__.split(".", 1)[0] in ("duckdb", "_duckdb", "pyspark") or kind.__name__ == "LazyFrame"


def asked_of(model: Any, data: Any, *, most: int | None = None, seed: int | None = 0) -> tuple[Model, Rows]:
    """Return a model that gives scores, and rows in the columns that it reads; parameters as for `rows_of`.

    Examples
    --------
    >>> model, rows = asked_of(lambda x: x["a"] / 2, {"a": [1, 0]})
    >>> model.columns, ask(model, rows, np.array([0, 1, 1])).tolist()
    (('a',), [0.5, 0.0, 0.0])
    """
    names = model.columns if isinstance(model, Model) else ()
    rows = rows_of(data, names, most=most, seed=seed)
    asked = as_model(model, background=rows)
    return asked, as_rows(rows, asked.columns) if asked.columns and asked.columns != rows.names else rows


def ask(model: Model, rows: Rows, at: Ints) -> Floats:
    """Return a model's scores of new rows, in batches.

    Parameters
    ----------
    model : Model
        From `aequo.models.predicting.as_model`.
    rows : Rows
        Where the values are.
    at : int array, shape (n, columns) or (n,)
        For each new row and column, the row that its value is taken from; or whole rows.

    Raises
    ------
    InputError
        If a score is not a finite number.
    """
    index = np.asarray(at, dtype=np.int64)
    if index.ndim == 1:
        index = np.repeat(index[:, None], len(rows.names), axis=1)
    parts = [model.scores(rows.mixed(index[i : i + _CHUNK])) for i in range(0, len(index), _CHUNK)]
    return np.concatenate(parts) if parts else np.zeros(0)


def check_columns(names: Sequence[str], known: Sequence[str], where: str = "the data") -> None:
    """Raise UnknownColumn for the first name that is not among those known."""
    for name in names:
        if name not in known:
            some = ", ".join(known[:20]) + (f" and {len(known) - 20} more" if len(known) > 20 else "")
            raise UnknownColumn(f"no column {name!r} in {where}. Columns: {some}.{did_you_mean(str(name), known)}")
