"""Reweighing as a column of a frame, computed where the rows are."""

from __future__ import annotations

import datetime as dt
import decimal
import functools
import operator
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import narwhals as nw
import numpy as np

from aequo.core.columns import as_column, as_numbers, is_null
from aequo.core.counts import Floats
from aequo.core.engine import Cells, Plan
from aequo.core.levels import level
from aequo.core.read import engine_of
from aequo.core.table import Table
from aequo.errors import InputError, UnknownColumn, did_you_mean
from aequo.fairness.mitigate.cells import CellWeights, Missing, Unseen, check_options
from aequo.fairness.mitigate.sensitive import coded, row_groups

__all__ = ["add_weights", "weights_of"]

_TERMS = 2_000
"""More combinations than this make a query that engines choke on."""


def add_weights(
    frame: Any,
    *,
    label: str,
    group: Sequence[str] | str,
    name: str = "weight",
    base: str | None = None,
    cells: CellWeights | None = None,
    unseen: Unseen = "refuse",
    missing: Missing = "one",
) -> Any:
    """Return the frame with a column of weights under which group and label are independent.

    Parameters
    ----------
    frame : frame or mapping of columns
        A pandas, polars (eager or lazy), pyarrow, DuckDB or PySpark frame, or a mapping.
    label : str
        Column of the label, of any number of classes.
    group : str or sequence of str
        Columns of the group; several are crossed.
    name : str
        Name of the new column.
    base : str, optional
        Column of weights that the rows have already; the new ones are multiples of them.
    cells : CellWeights, optional
        Weights counted on other rows; by default this frame's own are counted, in one pass over it.
    unseen : {"refuse", "one"}
        What a combination gets that `cells` does not have.
    missing : {"one", "group", "refuse"}
        What a row of no known group gets. A row without a label gets 1.

    Returns
    -------
    the same kind of frame
        A lazy frame stays lazy: its rows are read when it is.

    Raises
    ------
    UnknownColumn
        If a column is not there.
    InputError
        If the frame has a column `name` already, or a column cannot be used in this way.

    Examples
    --------
    >>> rows = {"sex": ["f", "f", "f", "m", "m", "m"], "hired": [1, 0, 0, 1, 1, 0]}
    >>> add_weights(rows, label="hired", group="sex")["weight"].tolist()
    [1.5, 0.75, 0.75, 0.75, 0.75, 1.5]
    """
    check_options(unseen, missing)
    columns = (group,) if isinstance(group, str) else tuple(group)
    if not columns:
        raise InputError("no group column is named; weights make a group and a label independent.")
    if isinstance(frame, (str, bytes, os.PathLike, Table)):
        raise InputError("this is a file or a Table, not a frame; read it first, such as duckdb.read_parquet(path).")
    table = Table.of(frame)
    if name in table.columns:
        raise InputError(f"the frame has a column {name!r} already; choose another name=.")
    if cells is None:
        counts = table.counts(group=columns, label=label, weight=base, task="multiclass")
        cells = CellWeights.of(counts, columns, missing=missing)
    elif len(cells.columns) != len(columns):
        raise InputError(f"the weights are for {len(cells.columns)} group columns, {len(columns)} are named.")
    else:
        _there(table, *columns, label, *([] if base is None else [base]))
    pandas = sys.modules.get("pandas")
    if isinstance(frame, Mapping) or (pandas is not None and isinstance(frame, pandas.DataFrame)):
        weights = _in_memory(frame, columns, label, base, cells, unseen, missing)
        return {**frame, name: weights} if isinstance(frame, Mapping) else frame.assign(**{name: weights})
    return _in_engine(frame, (*columns, label), base, name, cells, unseen, missing)


def _there(table: Table, *names: str) -> None:
    for name in names:
        if name not in table.columns:
            raise UnknownColumn(f"no column {name!r} in {table.source}.{did_you_mean(name, table.columns)}")


def _in_memory(
    frame: Any,
    columns: tuple[str, ...],
    label: str,
    base: str | None,
    cells: CellWeights,
    unseen: Unseen,
    missing: Missing,
) -> Floats:
    groups = row_groups({c: frame[c] for c in columns})
    codes, labels = coded(label, frame[label])
    weights = weights_of(cells, groups.codes, groups.names, codes, labels, unseen=unseen, missing=missing)
    return weights if base is None else weights * as_numbers(base, as_column(base, frame[base]), ())


def weights_of(
    cells: CellWeights,
    group_codes: Any,
    groups: Sequence[Any],
    label_codes: Any,
    labels: Sequence[Any],
    *,
    unseen: Unseen,
    missing: Missing,
) -> Floats:
    """Return the weight of each row from the codes of its group and label."""
    width = max(len(labels), 1)
    present, inverse = np.unique(group_codes * width + label_codes, return_inverse=True)
    pairs = [divmod(code, width) for code in present.tolist()]
    found = cells.look_up([groups[g] for g, _ in pairs], [labels[y] for _, y in pairs], unseen=unseen, missing=missing)
    weights: Floats = found[inverse.reshape(-1)]
    return weights


# -- in the engine -----------------------------------------------------------------------------------------------------


def _in_engine(
    frame: Any,
    columns: tuple[str, ...],
    base: str | None,
    name: str,
    cells: CellWeights,
    unseen: Unseen,
    missing: Missing,
) -> Any:
    """Add the weights as one expression: a sum over the combinations that the frame has, of which each row is one."""
    native = nw.from_native(frame)
    schema = native.collect_schema()
    for column in columns:
        if isinstance(schema[column], nw.Datetime):
            raise InputError(f"column {column!r} holds time stamps; turn it into a date or text first.")
    seen = engine_of(frame, missing=("",), encoding="utf-8")[0].cells(Plan(keys=columns))
    rows = _combinations(seen)
    named = [tuple(level(v) for v in row) for row in rows]
    weights = cells.look_up([v[:-1] for v in named], [v[-1] for v in named], unseen=unseen, missing=missing)
    chosen = [(row, w) for row, w in zip(rows, weights.tolist(), strict=True) if w != 1.0]
    if len(chosen) > _TERMS:
        raise InputError(
            f"{len(chosen):,} combinations of {', '.join(columns)}; at most {_TERMS:,} become a query. "
            "Use fewer group columns."
        )
    terms = [
        functools.reduce(operator.and_, (_equals(c, schema[c], v) for c, v in zip(columns, row, strict=True))).cast(
            nw.Float64
        )
        * (w - 1.0)
        for row, w in chosen
    ]
    weight = nw.sum_horizontal(nw.lit(1.0), *terms)
    return native.with_columns((weight if base is None else weight * nw.col(base)).alias(name)).to_native()


def _combinations(seen: Cells) -> list[tuple[Any, ...]]:
    """Return the combinations of values that occur; NaN and null are one value, "missing"."""
    columns = [[None if is_null(v) else v for v in key.values] for key in seen.keys]
    found = zip(*([c[k] for k in key.codes.tolist()] for c, key in zip(columns, seen.keys, strict=True)), strict=True)
    return list(dict.fromkeys(found))


def _equals(column: str, dtype: Any, value: Any) -> nw.Expr:
    """Return whether a column has this value; never null."""
    cell = nw.col(column)
    if value is None:
        return cell.is_null() | cell.is_nan().fill_null(value=False) if dtype.is_float() else cell.is_null()
    if isinstance(dtype, (nw.Categorical, nw.Enum)):
        cell = cell.cast(nw.String)
    elif isinstance(value, decimal.Decimal):
        cell, value = cell.cast(nw.Float64), float(value)
    elif isinstance(value, dt.datetime):
        raise InputError(f"column {column!r} holds time stamps; turn it into a date or text first.")
    same: nw.Expr = (cell == value).fill_null(value=False)
    return same
