"""`Classes`: the rows of a table as equivalence classes over some columns, and what sensitive values each class has.

One pass over the rows gives the cells; everything about a release is arithmetic on them. Values are small whole numbers
here, so that tens of millions of classes fit into memory where the rows do not.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aequo.core.counts import Ints
from aequo.core.engine import Kind, Plan, sentinels
from aequo.core.levels import Level, level, sort_levels
from aequo.core.table import Table
from aequo.errors import InputError, UnknownColumn, did_you_mean

if TYPE_CHECKING:
    from aequo.core.frames import Frame

__all__ = ["Axis", "Classes", "Held", "classes_of", "table_of", "texts_of"]

Small = NDArray[np.int32]

_MOST = 2**62


@dataclass(frozen=True, slots=True, eq=False)
class Axis:
    """One column: its name, what it holds, and its values in canonical form, sorted; None is "missing"."""

    name: str
    kind: Kind
    levels: tuple[Level, ...]

    @property
    def missing(self) -> int:
        """Code of the missing value, -1 if no row lacks a value (missing sorts last)."""
        return len(self.levels) - 1 if self.levels and self.levels[-1] is None else -1


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """Which values of one sensitive column each class holds.

    Attributes
    ----------
    axis : Axis
        The column.
    of : int array
        Class of each cell; sorted.
    code : int array
        Value of each cell; sorted within a class.
    n : int array
        Rows of each cell.
    """

    axis: Axis
    of: Ints
    code: Ints
    n: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Classes:
    """Rows that agree in every quasi-identifier are one class.

    Attributes
    ----------
    axes : tuple of Axis
        The quasi-identifiers.
    codes : int array, shape (classes, axes)
        Value of each class in each of them.
    n : int array, shape (classes,)
        Rows of each class.
    held : tuple of Held
        The sensitive columns.
    """

    axes: tuple[Axis, ...]
    codes: Small
    n: Ints
    held: tuple[Held, ...]

    @property
    def rows(self) -> int:
        """Rows in all classes."""
        return int(self.n.sum())

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the quasi-identifiers."""
        return tuple(a.name for a in self.axes)

    @property
    def subject(self) -> str:
        """The quasi-identifiers for people: ``"age × zip"``."""
        return " × ".join(self.names)

    def key(self, index: int) -> dict[str, Level]:
        """Return the values that the rows of one class share."""
        return {a.name: a.levels[c] for a, c in zip(self.axes, self.codes[index].tolist(), strict=True)}

    def size_of(self, axis: int) -> Ints:
        """Return how many rows have each value of a quasi-identifier."""
        weights = np.bincount(self.codes[:, axis], self.n, minlength=len(self.axes[axis].levels))
        return weights.astype(np.int64)

    def regrouped(self, axes: Sequence[Axis], lookups: Sequence[Ints]) -> Classes:
        """Return the classes after each value of a quasi-identifier was replaced by the one that `lookups` gives."""
        codes = np.zeros((len(self.n), len(axes)), dtype=np.int32)
        for i, lookup in enumerate(lookups):
            codes[:, i] = lookup[self.codes[:, i]]
        new, first = _numbered(codes, [len(a.levels) for a in axes])
        n = np.bincount(new, self.n, minlength=len(first)).astype(np.int64)
        held = tuple(_merged(h.axis, new[h.of], h.code, h.n) for h in self.held)
        return Classes(tuple(axes), codes[first], n, held)

    def where(self, keep: NDArray[np.bool_]) -> Classes:
        """Return these classes alone; the rows of the others are gone."""
        if keep.all():
            return self
        renamed = np.cumsum(keep) - 1
        held = tuple(
            Held(h.axis, renamed[h.of[kept]], h.code[kept], h.n[kept]) for h in self.held for kept in (keep[h.of],)
        )
        return Classes(self.axes, self.codes[keep], self.n[keep], held)


def _numbered(codes: NDArray[np.integer[Any]], sizes: Sequence[int]) -> tuple[Ints, Ints]:
    """Return 0, 1, 2 ... for each different row of codes, and where each first stands."""
    flat = np.zeros(len(codes), dtype=np.int64)
    size = 1
    for i, width in enumerate(sizes):
        if size * max(width, 1) > _MOST:
            present, flat = np.unique(flat, return_inverse=True)
            flat, size = flat.reshape(-1), len(present)
        flat = flat * max(width, 1) + codes[:, i]
        size *= max(width, 1)
    _, first, new = np.unique(flat, return_index=True, return_inverse=True)
    return new.reshape(-1), first


def _merged(axis: Axis, of: Ints, code: NDArray[np.integer[Any]], n: Ints) -> Held:
    width = max(len(axis.levels), 1)
    flat, inverse = np.unique(of.astype(np.int64) * width + code, return_inverse=True)
    total = np.bincount(inverse.reshape(-1), n, minlength=len(flat)).astype(np.int64)
    return Held(axis, flat // width, flat % width, total)


# -- from rows --------------------------------------------------------------------------------------------------------


def table_of(data: Any, *, missing: Sequence[str] = ("",), encoding: str = "utf-8") -> Table:
    """Return a table of what `aequo.Table` takes, or of records.

    Raises
    ------
    UnreadableData, InputError
        If the data cannot be read.
    """
    if isinstance(data, (list, tuple)) and data and all(isinstance(row, Mapping) for row in data):
        names = list(dict.fromkeys(str(key) for row in data for key in row))
        data = {name: [row.get(name) for row in data] for name in names}
    return Table.of(data, missing=missing, encoding=encoding)


def texts_of(table: Table, missing: Sequence[str]) -> tuple[str, ...]:
    """Return the texts that mean "missing": those that are given, and those that the table was made with."""
    return tuple(dict.fromkeys((*missing, *table._missing)))


def classes_of(table: Table, quasi: Sequence[str], sensitive: Sequence[str], *, missing: Collection[str]) -> Classes:
    """Count the rows of each class, and of each sensitive value in it, in one pass over the rows.

    Parameters
    ----------
    table : Table
        The release.
    quasi, sensitive : sequence of str
        Columns.
    missing : collection of str
        Texts that mean "missing".

    Raises
    ------
    UnknownColumn
        If a column is not there.
    InputError
        If a column holds lists or the like.
    """
    columns = (*quasi, *sensitive)
    for column in columns:
        if column not in table.columns:
            some = ", ".join(table.columns[:20]) + (" ..." if len(table.columns) > 20 else "")
            near = did_you_mean(column, table.columns)
            raise UnknownColumn(f"no column {column!r} in {table.source}. Columns: {some}.{near}")
        if table.kind(column) == "other":
            raise InputError(f"column {column!r} holds neither text, numbers, booleans nor dates.")
    values, codes, n = _cells(table, columns, missing)
    axes, width = [], len(quasi)
    every = np.zeros((len(n), len(columns)), dtype=np.int32)
    for i, (column, raw) in enumerate(zip(columns, values, strict=True)):
        axis, lookup = _axis(column, table.kind(column), raw, missing)
        axes.append(axis)
        every[:, i] = lookup[codes[i]]
    codes.clear()  # millions of cells are worth forgetting
    new, first = _numbered(every[:, :width], [len(a.levels) for a in axes[:width]])
    held = tuple(_merged(axes[width + i], new, every[:, width + i], n) for i in range(len(sensitive)))
    total = np.bincount(new, n, minlength=len(first)).astype(np.int64)
    return Classes(tuple(axes[:width]), every[first, :width], total, held)


def _axis(name: str, kind: Kind, raw: Sequence[Any], missing: Collection[str]) -> tuple[Axis, Small]:
    texts = [level(value, missing=missing) for value in raw]
    levels = tuple(sort_levels(set(texts)))
    where = {text: i for i, text in enumerate(levels)}
    return Axis(name, kind, levels), np.array([where[t] for t in texts], dtype=np.int32)


def _cells(
    table: Table, columns: Sequence[str], missing: Collection[str]
) -> tuple[list[Sequence[Any]], list[Ints], Ints]:
    """Return, for each column, the values that occur and the code of each cell, and the rows of each cell."""
    from aequo.core.frames import Frame

    engine = table._engine
    relation = _relation(engine, columns) if isinstance(engine, Frame) else None
    if not isinstance(engine, Frame) or relation is None:
        cells = engine.cells(Plan(keys=tuple(columns), missing=sentinels(missing)))
        return [k.values for k in cells.keys], [k.codes for k in cells.keys], cells.n
    try:
        return _from_duckdb(relation, columns)
    except Exception as error:
        told = engine.translate(error)
        if told is error:
            raise
        raise told from None


def _relation(engine: Frame, columns: Sequence[str]) -> Any:
    """Return DuckDB's relation behind a table, if that is where its rows are and its values mean what they say."""
    if not engine._frame.implementation.is_duckdb():
        return None
    relation = engine._frame.to_native()
    types = dict(zip(relation.columns, map(str, relation.types), strict=True))
    # `Frame` turns zoned time stamps into integers, and back again after it has counted.
    zoned = any(engine.kind(c) == "date" and types[c] == "BIGINT" for c in columns)
    return None if zoned else relation


def _from_duckdb(relation: Any, columns: Sequence[str]) -> tuple[list[Sequence[Any]], list[Ints], Ints]:
    """Count in DuckDB, and let it number the values: neither rows nor values of millions of cells become objects."""
    with _Scratch(relation) as scratch:
        keys = [f"k{i}" for i in range(len(columns))]
        named = ", ".join(f"{_quoted(c)} AS {k}" for c, k in zip(columns, keys, strict=True))
        cells = scratch.table(f"SELECT {named}, count(*) AS n FROM rows GROUP BY ALL")  # noqa: S608 - names in quotes
        values: list[Sequence[Any]] = []
        numbers, joins = [], []
        for key in keys:
            distinct = f"SELECT {key} AS v, row_number() OVER () - 1 AS r FROM {cells} GROUP BY {key}"  # noqa: S608 - our names
            one = scratch.table(distinct)
            values.append([v for v, _ in scratch.run(f"FROM {one} ORDER BY r").fetchall()])
            numbers.append(f"{one}.r::INTEGER AS {key}")
            joins.append(f"JOIN {one} ON {cells}.{key} IS NOT DISTINCT FROM {one}.v")
        sql = f"SELECT {', '.join(numbers)}, {cells}.n AS n FROM {cells} {' '.join(joins)}"  # noqa: S608 - our names
        got = scratch.run(sql).fetchnumpy()
    return values, [got[k] for k in keys], np.asarray(got["n"], dtype=np.int64)


class _Scratch:
    """Temporary tables beside a relation, gone afterwards."""

    def __init__(self, relation: Any) -> None:
        self._relation = relation
        self._prefix = f"aequo_{secrets.token_hex(4)}"
        self._made: list[str] = []

    def __enter__(self) -> _Scratch:
        return self

    def __exit__(self, *_: object) -> None:
        for name in self._made:
            self.run(f"DROP TABLE IF EXISTS {name}")

    def run(self, sql: str) -> Any:
        """Run SQL that may name the relation ``rows``."""
        return self._relation.query("rows", sql)

    def table(self, sql: str) -> str:
        """Keep a result as a temporary table, and return its name."""
        name = f"{self._prefix}_{len(self._made)}"
        self.run(f"CREATE TEMP TABLE {name} AS {sql}")
        self._made.append(name)
        return name


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
