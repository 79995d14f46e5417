"""Replace columns of DuckDB relations and PySpark frames, where the rows are."""

from __future__ import annotations

import datetime as dt
import importlib
import secrets
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from aequo.errors import InputError
from aequo.privacy.pseudonyms.replacing import Change, Counted, Mapper, Mover, as_output, as_typed, moved_values

if TYPE_CHECKING:
    import narwhals as nw

__all__ = ["count_lazily", "duckdb_relation", "duckdb_value", "fetched", "literal", "quoted", "spark_frame"]

_WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")
_BROKEN = ("FLOAT", "DOUBLE", "DECIMAL")
_ROW = "__aequo_row"
_NOBODY = 1_000_000


def quoted(name: str) -> str:
    """Return a name as SQL writes it.

    Examples
    --------
    >>> quoted('first name')
    '"first name"'
    """
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a text as SQL writes it.

    Examples
    --------
    >>> literal("it's")
    "'it''s'"
    """
    return "'" + text.replace("'", "''") + "'"


def count_lazily(frame: Any, changes: Sequence[Change]) -> dict[str, Counted]:
    """Count the values of some columns of a lazy frame by one query; what was lost is not counted."""
    import narwhals as nw

    lazy = nw.from_native(frame).lazy()
    schema = lazy.collect_schema()
    asked = [nw.len().alias("rows")]
    for index, change in enumerate(changes):
        asked.append((~_absent(change, schema[change.column])).cast(nw.Int64).sum().alias(f"v{index}"))
    got = fetched(lazy.select(*asked))[0]
    rows = int(got[0])
    counted = {}
    for index, change in enumerate(changes):
        values = int(got[index + 1] or 0)
        counted[change.column] = Counted(values, rows - values, 0 if change.mapper is not None else None)
    return counted


def fetched(frame: nw.LazyFrame[Any]) -> list[tuple[Any, ...]]:
    """Return the rows of a lazy frame as tuples, without the packages that its own way of collecting may need."""
    native = frame.to_native()
    if frame.implementation.is_duckdb():
        return list(native.fetchall())
    if frame.implementation.is_polars():
        return list(native.collect().rows())
    return [tuple(row) for row in native.collect()] if frame.implementation.is_pyspark() else frame.collect().rows()


def _absent(change: Change, dtype: Any) -> nw.Expr:
    import narwhals as nw

    column = nw.col(change.column)
    if isinstance(dtype, (nw.String, nw.Categorical, nw.Enum)):
        text = column.cast(nw.String)
        marks = getattr(change.mapper or change.mover, "missing_texts", ("",))
        return column.is_null() | (text.str.strip_chars() == "") | text.is_in(list(marks))
    return column.is_null() | column.is_nan() if dtype.is_float() else column.is_null()


# -- DuckDB -----------------------------------------------------------------------------------------------------------


def duckdb_relation(relation: Any, changes: Sequence[Change]) -> tuple[Any, dict[str, Counted]]:
    """Replace columns of a DuckDB relation: distinct values are asked for, replaced, and joined back in DuckDB."""
    import duckdb

    types = dict(zip(relation.columns, map(str, relation.types), strict=True))
    for change in changes:
        if types[change.column].endswith("]") or types[change.column].startswith(("STRUCT", "MAP", "UNION")):
            raise InputError(
                f"the column {change.column!r} holds lists or structures: unnest it first, or give records instead."
            )
    counted = count_lazily(relation, changes)
    made = relation.project(f"*, row_number() over () as {_ROW}")  # a join does not keep the order
    try:
        for change in changes:  # dates first, while the person's column still says who it is
            if change.mover is not None:
                made = _duckdb_moved(made, change.column, str(change.person), change.mover, types)
        for change in changes:
            if change.mapper is not None:
                made = _duckdb_mapped(made, change.column, change.mapper, types[change.column])
    except duckdb.CatalogException:
        raise InputError(
            "this DuckDB connection does not see Python's values: its setting python_enable_replacements is off."
        ) from None
    name = _name()
    query = f"select * exclude ({_ROW}) from {name} order by {_ROW}"  # noqa: S608 - names of ours
    return made.query(name, query), counted


def _name() -> str:
    return f"aequo_{secrets.token_hex(6)}"


def duckdb_value(column: str, kind: str) -> str:
    """Return SQL for a column's value in a type that Python gets without another package."""
    return f"epoch_us({column})" if kind == "TIMESTAMP WITH TIME ZONE" else column


def _python(value: Any, kind: str) -> Any:
    if value is None or kind != "TIMESTAMP WITH TIME ZONE":
        return value
    return dt.datetime.fromtimestamp(0, dt.UTC) + dt.timedelta(microseconds=value)


def _duckdb_mapped(relation: Any, column: str, mapper: Mapper, kind: str) -> Any:
    name, own = _name(), quoted(column)
    key = f"cast({own} as varchar)"
    rows = relation.query(name, f"select distinct {key}, {duckdb_value(own, kind)} from {name}").fetchall()  # noqa: S608
    made = mapper.many([_python(value, kind) for _, value in rows])
    whole = kind in _WHOLE
    as_number = mapper.output == "number" and (whole or kind.startswith(_BROKEN))
    new = as_typed(made, whole=whole) if as_number else as_output(made, "text")
    # DuckDB finds this variable by its name.
    aequo_new_values = {"was": _objects([key for key, _ in rows]), "becomes": _objects(as_output(new, "text"))}
    cast = "bigint" if whole else "double"
    value = f"cast(m.becomes as {cast})" if as_number else "cast(m.becomes as varchar)"
    query = (
        f"select {name}.* replace ({value} as {own}) from {name} "  # noqa: S608 - names are quoted
        f"left join aequo_new_values m on m.was is not distinct from cast({name}.{own} as varchar)"
    )
    found = relation.query(name, query)
    del aequo_new_values
    return found


def _duckdb_moved(relation: Any, column: str, person: str, mover: Mover, types: dict[str, str]) -> Any:
    name, own, who = _name(), quoted(column), quoted(person)
    shown = f"cast({who} as varchar)"
    kind = types[column]
    asked = [f"{shown} as p", duckdb_value(who, types[person])]
    typed = kind.startswith(("DATE", "TIMESTAMP"))
    if not typed:
        asked += [f"cast({own} as varchar) as d"]
    rows = relation.query(name, f"select distinct {', '.join(asked)} from {name}").fetchall()  # noqa: S608 - quoted
    days = mover.days([_python(row[1], types[person]) for row in rows])
    people = _objects([row[0] for row in rows])
    match = f"m.p is not distinct from cast({name}.{who} as varchar)"
    if typed:
        aequo_new_values = {"p": people, "n": np.array([_NOBODY if d is None else d for d in days], dtype=np.int64)}
        moved = f"{name}.{own} + to_days(cast(m.n as integer))"
        fits = f"m.n <> {_NOBODY} and year({moved}) between 1 and 9999"
        value = f"case when {fits} then cast({moved} as {kind}) end"
    else:
        made, _ = moved_values(mover, [row[2] for row in rows], days)
        aequo_new_values = {"p": people, "d": _objects([row[2] for row in rows]), "becomes": _objects(made)}
        value = "cast(m.becomes as varchar)"
        match += f" and m.d is not distinct from cast({name}.{own} as varchar)"
    query = f"select {name}.* replace ({value} as {own}) from {name} left join aequo_new_values m on {match}"  # noqa: S608
    found = relation.query(name, query)
    del aequo_new_values
    return found


def _objects(values: Sequence[Any]) -> Any:
    made = np.empty(len(values), dtype=object)
    made[:] = values
    return made


# -- Spark ------------------------------------------------------------------------------------------------------------


def spark_frame(frame: Any, changes: Sequence[Change]) -> tuple[Any, dict[str, Counted]]:
    """Replace columns of a PySpark frame by functions that its workers run; they need aequo, and are given the key."""
    from pyspark.sql import functions as f
    from pyspark.sql import types as t

    schema = {field.name: field.dataType for field in frame.schema.fields}
    new = {}
    for change in changes:
        kind, column = schema[change.column], f.col(_spark_name(change.column))
        if isinstance(kind, (t.ArrayType, t.MapType, t.StructType)):
            raise InputError(
                f"the column {change.column!r} holds lists or structures: unnest it first, or give records instead."
            )
        if change.mapper is not None:
            whole = isinstance(kind, t.IntegralType)
            as_number = change.mapper.output == "number" and (whole or isinstance(kind, t.FractionalType))
            returns = "string" if not as_number else "long" if whole else "double"
            new[change.column] = _spark_function(_spark_values, change.mapper, returns)(column)
        elif change.mover is not None:
            who = f.col(_spark_name(str(change.person)))
            days = _spark_function(_spark_days, change.mover, "int")(who)
            if isinstance(kind, t.DateType):
                new[change.column] = _spark_within(f.date_add(column, days))
            elif isinstance(kind, (t.TimestampType, t.TimestampNTZType)):
                new[change.column] = _spark_within(column + f.make_dt_interval(days))
            else:
                moved = _spark_function(_spark_moved, change.mover, "string", columns=2)
                new[change.column] = moved(column.cast("string"), days)
    return frame.withColumns(new), count_lazily(frame, changes)


def _spark_name(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _spark_within(moved: Any) -> Any:
    from pyspark.sql import functions as f

    return f.when(f.year(moved).between(1, 9999), moved)


def _spark_function(run: Callable[..., Any], what: Mapper | Mover, returns: str, *, columns: int = 1) -> Any:
    """Return a function for Spark, which wants one with the types of pandas written on it, and no partial."""
    from pyspark.sql import functions as f

    pandas: Any = importlib.import_module("pandas")

    def one(values, /):  # type: ignore[no-untyped-def] # written below
        return run(what, values)

    def two(values, others, /):  # type: ignore[no-untyped-def] # written below
        return run(what, values, others)

    called = one if columns == 1 else two
    names = ["values", "others"][:columns]
    called.__annotations__ = dict.fromkeys([*names, "return"], pandas.Series)
    return f.pandas_udf(called, returns)


def _spark_values(mapper: Mapper, values: Any) -> Any:
    from aequo.privacy.pseudonyms.replacing_arrays import pandas_column

    return pandas_column(values, mapper)[0]


def _spark_days(mover: Mover, people: Any) -> Any:
    pandas: Any = importlib.import_module("pandas")
    return pandas.Series(mover.days(people.tolist()), dtype="Int32")


def _spark_moved(mover: Mover, values: Any, days: Any) -> Any:
    pandas: Any = importlib.import_module("pandas")
    offsets = [None if d is None or d != d else int(d) for d in days.tolist()]
    return pandas.Series(moved_values(mover, values.tolist(), offsets)[0], dtype=object)
