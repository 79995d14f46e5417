"""Replace columns of pandas, polars and pyarrow frames: each distinct value once, then by its code."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from aequo.errors import InputError
from aequo.privacy.pseudonyms.replacing import (
    Change,
    Counted,
    Mapper,
    Mover,
    as_output,
    as_typed,
    moved_ticks,
    moved_values,
    tally,
)

__all__ = ["arrow_table", "pandas_column", "pandas_dates", "pandas_frame", "polars_frame", "polars_lazy"]

_PER_DAY = {"s": 86_400, "ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000, "D": 1}


# -- pandas -----------------------------------------------------------------------------------------------------------


def pandas_frame(frame: Any, changes: Sequence[Change]) -> tuple[Any, dict[str, Counted]]:
    """Replace columns of a pandas frame; see `aequo.privacy.pseudonyms.replacing.replaced`."""
    names = [str(name) for name in frame.columns]
    out, counted = frame.copy(deep=False), {}
    for change in changes:
        series = frame.iloc[:, names.index(change.column)]
        if change.mapper is not None:
            new, counted[change.column] = pandas_column(series, change.mapper)
        else:
            people = frame.iloc[:, names.index(str(change.person))]
            new, counted[change.column] = pandas_dates(series, people, _mover(change))
        out.isetitem(names.index(change.column), new)
    return out, counted


def _mover(change: Change) -> Mover:
    if change.mover is None:
        raise InputError(f"nothing is to be done with the column {change.column!r}.")
    return change.mover


def _codes(series: Any) -> tuple[Any, list[Any]]:
    """Return a code for each row (-1: missing) and the distinct values; 1, True and 1.0 are three."""
    pandas = sys.modules["pandas"]
    if isinstance(series.dtype, pandas.CategoricalDtype):
        return series.cat.codes.to_numpy().astype(np.int64), series.cat.categories.tolist()
    if series.dtype != object:
        codes, uniques = pandas.factorize(series, use_na_sentinel=True)
        return codes, uniques.tolist()
    seen: dict[Any, int] = {}
    codes = np.empty(len(series), dtype=np.int64)
    for row, value in enumerate(series):
        try:
            codes[row] = -1 if value is None or value is pandas.NA else seen.setdefault((type(value), value), len(seen))
        except TypeError:
            raise _nested(str(series.name)) from None
    return codes, [value for _, value in seen]


def pandas_column(series: Any, mapper: Mapper) -> tuple[Any, Counted]:
    """Return a pandas column with its values replaced, and how many that were."""
    pandas = sys.modules["pandas"]
    codes, uniques = _codes(series)
    counts = np.bincount(codes + 1, minlength=len(uniques) + 1)
    counted = tally(mapper, uniques, counts[1:].tolist()) + Counted(0, int(counts[0]))
    if counted.values == 0:
        return series, counted
    made = mapper.many(uniques)
    kind = series.dtype.kind if hasattr(series.dtype, "kind") else "O"
    as_number = mapper.output == "number" and kind in "iuf"
    made = as_typed(made, whole=kind != "f") if as_number else as_output(made, mapper.output)
    values = np.empty(len(made) + 1, dtype=object)
    values[:-1] = made
    values[-1] = None
    taken = values[codes]
    if as_number:
        gaps = any(value is None for value in taken)
        dtype: Any = "float64" if kind == "f" else "Int64" if gaps else "int64"
    else:
        dtype = series.dtype if isinstance(series.dtype, pandas.StringDtype) and mapper.output == "text" else None
    if dtype is None:
        # What stood for "missing" before stands for it after.
        taken[codes == -1] = series[codes == -1].to_numpy(dtype=object)
    return pandas.Series(taken, index=series.index, name=series.name, dtype=dtype), counted


def pandas_dates(series: Any, people: Any, mover: Mover) -> tuple[Any, Counted]:
    """Return a pandas column of dates moved by the offset of each row's person, and how many that were."""
    pandas = sys.modules["pandas"]
    codes, uniques = _codes(people)
    offsets = np.array([*mover.days(uniques), None], dtype=object)
    days = offsets[codes].tolist()
    if series.dtype.kind != "M":
        made, counted = moved_values(mover, series.astype(object).tolist(), days)
        text = isinstance(series.dtype, pandas.StringDtype)
        return pandas.Series(made, index=series.index, name=series.name, dtype=series.dtype if text else None), counted
    unit = np.datetime_data(series.dtype.base if hasattr(series.dtype, "base") else series.dtype)[0]
    plain = series.array.view("int64") if hasattr(series.array, "view") else series.to_numpy().view("int64")
    moved, stays, counted = moved_ticks(np.asarray(plain), series.notna().to_numpy(), days, _PER_DAY[unit])
    moved[~stays] = np.iinfo(np.int64).min  # NaT
    stamps = pandas.Series(moved.view(f"datetime64[{unit}]"), index=series.index, name=series.name)
    zone = getattr(series.dtype, "tz", None)
    return (stamps if zone is None else stamps.dt.tz_localize("UTC").dt.tz_convert(zone)), counted


# -- polars -----------------------------------------------------------------------------------------------------------


def polars_frame(frame: Any, changes: Sequence[Change]) -> tuple[Any, dict[str, Counted]]:
    """Replace columns of a polars frame; see `aequo.privacy.pseudonyms.replacing.replaced`."""
    new, counted = [], {}
    for change in changes:
        series = frame[change.column]
        if change.mapper is not None:
            made, counted[change.column] = _polars_column(series, change.mapper)
        else:
            made, counted[change.column] = _polars_dates(series, frame[change.person], _mover(change))
        new.append(made.alias(change.column))
    return frame.with_columns(new), counted


def polars_lazy(frame: Any, changes: Sequence[Change]) -> tuple[Any, dict[str, Counted]]:
    """Replace columns of a lazy polars frame, when it is collected; what there is to replace is counted at once."""
    from aequo.privacy.pseudonyms.replacing_queries import count_lazily

    polars = sys.modules["polars"]
    schema = frame.collect_schema()
    new = []
    for change in changes:
        dtype = schema[change.column]
        column = polars.col(change.column)
        if change.mapper is not None:
            _check_polars(change.column, dtype)
            run = partial(_polars_values, mapper=change.mapper)
            made = column.map_batches(run, return_dtype=_polars_type(dtype, change.mapper), is_elementwise=True)
        else:
            pair = polars.struct(d=column, p=polars.col(str(change.person)))
            run = partial(_polars_moved, mover=_mover(change))
            textual = not dtype.is_temporal()
            made = pair.map_batches(run, return_dtype=polars.String if textual else dtype, is_elementwise=True)
        new.append(made.alias(change.column))
    return frame.with_columns(new), count_lazily(frame, changes)


def _check_polars(name: str, dtype: Any) -> None:
    if dtype.is_nested():
        raise _nested(name)


def _polars_type(dtype: Any, mapper: Mapper) -> Any:
    polars = sys.modules["polars"]
    if dtype == polars.Null:
        return dtype
    if mapper.output == "number" and dtype.is_numeric():
        return polars.Int64 if dtype.is_integer() else polars.Float64
    return polars.String


def _polars_values(series: Any, mapper: Mapper) -> Any:
    return _polars_column(series, mapper)[0]


def _polars_moved(pair: Any, mover: Mover) -> Any:
    return _polars_dates(pair.struct.field("d"), pair.struct.field("p"), mover)[0]


def _polars_column(series: Any, mapper: Mapper) -> tuple[Any, Counted]:
    polars = sys.modules["polars"]
    _check_polars(series.name, series.dtype)
    if series.dtype == polars.Null:
        return series, Counted(0, len(series))
    if series.dtype in (polars.Categorical, polars.Enum):
        series = series.cast(polars.String)
    distinct = series.rename("value").value_counts(name="rows")
    uniques = distinct["value"].to_list()
    counted = tally(mapper, uniques, distinct["rows"].to_list())
    made = mapper.many(uniques)
    dtype = _polars_type(series.dtype, mapper)
    if mapper.output == "any":
        new = polars.Series(as_output(made, "any"), strict=False)
    elif dtype == polars.String:
        new = polars.Series(as_output(made, "text"), dtype=dtype)
    else:
        new = polars.Series(as_typed(made, whole=series.dtype.is_integer()), dtype=dtype)
    if len(series) == 0:
        return new.alias(series.name), counted
    return series.replace_strict(distinct["value"], new, return_dtype=new.dtype), counted


def _polars_dates(series: Any, people: Any, mover: Mover) -> tuple[Any, Counted]:
    polars = sys.modules["polars"]
    if people.dtype in (polars.Categorical, polars.Enum):
        people = people.cast(polars.String)
    uniques = people.unique()
    offsets = dict(zip(uniques.to_list(), mover.days(uniques.to_list()), strict=True))
    days = [offsets.get(person) for person in people.to_list()]
    dtype = series.dtype
    if dtype not in (polars.Date, polars.Datetime):
        made, counted = moved_values(mover, series.to_list(), days)
        return polars.Series(series.name, made, dtype=polars.String), counted
    unit = "D" if dtype == polars.Date else dtype.time_unit
    present = series.is_not_null().to_numpy()
    ticks = series.to_physical().cast(polars.Int64).fill_null(0).to_numpy()
    moved, stays, counted = moved_ticks(ticks, present, days, _PER_DAY[unit])
    moved[~stays] = 0
    plain = polars.Series(series.name, moved).cast(series.to_physical().dtype).cast(dtype)
    kept = polars.when(polars.Series(stays)).then(plain)
    return polars.select(kept).to_series().alias(series.name), counted


# -- pyarrow ----------------------------------------------------------------------------------------------------------


def arrow_table(table: Any, changes: Sequence[Change]) -> tuple[Any, dict[str, Counted]]:
    """Replace columns of a pyarrow table; see `aequo.privacy.pseudonyms.replacing.replaced`."""
    import pyarrow as pa

    out, counted = table, {}
    for change in changes:
        position = table.column_names.index(change.column)
        column = table.column(position)
        if pa.types.is_nested(column.type):
            raise _nested(change.column)
        if change.mapper is not None:
            new, counted[change.column] = _arrow_column(column, change.mapper)
        else:
            new, counted[change.column] = _arrow_dates(column, table.column(change.person), _mover(change))
        out = out.set_column(position, table.schema.field(position).with_type(new.type), new)
    return out, counted


def _arrow_column(column: Any, mapper: Mapper) -> tuple[Any, Counted]:
    import pyarrow as pa

    if pa.types.is_null(column.type):
        return column, Counted(0, len(column))
    chunks, counted = [], Counted(0, 0)
    whole, broken = pa.types.is_integer(column.type), pa.types.is_floating(column.type)
    as_number = mapper.output == "number" and (whole or broken)
    if as_number:
        new_type = pa.int64() if whole else pa.float64()
    elif mapper.output == "any":
        new_type = None
    else:
        new_type = pa.large_string() if pa.types.is_large_string(column.type) else pa.string()
    for chunk in column.chunks:
        coded = chunk if pa.types.is_dictionary(chunk.type) else chunk.dictionary_encode()
        uniques = coded.dictionary.to_pylist()
        codes = coded.indices.cast(pa.int64()).fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        counts = np.bincount(codes + 1, minlength=len(uniques) + 1)
        counted = counted + tally(mapper, uniques, counts[1:].tolist()) + Counted(0, int(counts[0]))
        made = mapper.many(uniques)
        made = as_typed(made, whole=whole) if as_number else as_output(made, mapper.output)
        chunks.append(pa.array([*made, None], type=new_type).take(pa.array(np.where(codes < 0, len(made), codes))))
    return pa.chunked_array(chunks, type=new_type), counted


def _arrow_dates(column: Any, people: Any, mover: Mover) -> tuple[Any, Counted]:
    import pyarrow as pa

    coded = people.combine_chunks()
    coded = coded if pa.types.is_dictionary(coded.type) else coded.dictionary_encode()
    offsets = [*mover.days(coded.dictionary.to_pylist()), None]
    days = [offsets[-1 if code is None else code] for code in coded.indices.to_pylist()]
    kind = column.type
    if not (pa.types.is_timestamp(kind) or pa.types.is_date32(kind)):
        values = column.to_pylist()
        made, counted = moved_values(mover, values, days)
        textual = pa.types.is_dictionary(kind) or not (pa.types.is_date(kind) or pa.types.is_large_string(kind))
        return pa.chunked_array([pa.array(made, type=pa.string() if textual else kind)]), counted
    unit = "D" if pa.types.is_date32(kind) else kind.unit
    plain = column.combine_chunks()
    physical = pa.int32() if unit == "D" else pa.int64()
    present = plain.is_valid().to_numpy(zero_copy_only=False)
    ticks = plain.cast(physical).cast(pa.int64()).fill_null(0).to_numpy()
    moved, stays, counted = moved_ticks(ticks, present, days, _PER_DAY[unit])
    moved[~stays] = 0
    return pa.chunked_array([pa.array(moved, mask=~stays).cast(physical).cast(kind)]), counted


def _nested(name: str) -> InputError:
    return InputError(
        f"the column {name!r} holds lists or structures: unnest it first, or give records instead of a frame."
    )
