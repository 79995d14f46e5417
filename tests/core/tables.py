"""Random tables, the same rows on every engine, and a slow obvious count to hold them against."""

# ruff: noqa: DTZ001 - data without a zone is what is tested
from __future__ import annotations

import datetime as dt
import math
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
from hypothesis import strategies as st

from aequo.core.counts import Counts
from aequo.core.levels import level

COMPOSED, DECOMPOSED = "caf\u00e9", "cafe\u0301"
_ZONE = dt.timezone(dt.timedelta(hours=5, minutes=30))
KINDS: dict[str, tuple[list[Any], Any]] = {
    "text": (
        ["a", "A", " a", "", "1", "01", "NA", COMPOSED, DECOMPOSED, "naïve 🙂", "x" * 300, "a,b", 'q"q', None],
        pl.String,
    ),
    "boolean": ([True, False, None], pl.Boolean),
    "integer": ([0, 1, 2, -7, 300, 70_000, 2**53 - 1, None], pl.Int64),
    "float": ([0.0, -0.0, 1.0, 1.5, 0.1, -2.0, 1e20, math.nan, None], pl.Float64),
    "small": ([0.5, 0.1, 3.0, math.nan, None], pl.Float32),
    "category": (["low", "high", "", COMPOSED, DECOMPOSED, None], pl.Categorical),
    "date": ([dt.date(2020, 1, 1), dt.date(1960, 2, 29), None], pl.Date),
    "moment": ([dt.datetime(2020, 1, 1), dt.datetime(2020, 1, 1, 5, 6, 7, 89), None], pl.Datetime("us")),
    "zoned": (
        [dt.datetime(2020, 1, 1, tzinfo=dt.UTC), dt.datetime(1969, 1, 1, 5, tzinfo=_ZONE), None],
        pl.Datetime("us", "UTC"),
    ),
    "nothing": ([None], pl.Null),
}


@dataclass(frozen=True)
class Column:
    kind: str
    values: list[Any]


Columns = dict[str, Column]


@st.composite
def columns(draw: st.DrawFn, *, kinds: tuple[str, ...] = tuple(KINDS), most_groups: int = 3) -> Columns:
    """Up to three group columns g0.., a label y, a prediction d, a score s, a weight w, numbers u and v."""
    rows = draw(st.integers(0, 25))

    def of(kind: str) -> Column:
        pool = draw(st.lists(st.sampled_from(KINDS[kind][0]), min_size=1, max_size=4))
        return Column(kind, draw(st.lists(st.sampled_from(pool), min_size=rows, max_size=rows)))

    out = {f"g{i}": of(draw(st.sampled_from(kinds))) for i in range(draw(st.integers(0, most_groups)))}
    classes = [k for k in ("text", "boolean", "integer", "float", "category") if k in kinds]
    out |= {name: of(draw(st.sampled_from(classes))) for name in ("y", "d")}
    numbers = {
        "s": st.none()
        | st.just(math.nan)
        | st.sampled_from([0.0, 0.5, 1.0, 0.999, 0.9999999, 0.57, 0.29])
        | st.floats(0, 1),
        "w": st.sampled_from([0.0, 1.0, 0.25, 3.5]),
        "u": st.none() | st.just(math.nan) | st.floats(-100, 100, width=32),
        "v": st.none() | st.just(math.nan) | st.floats(-100, 100, width=32),
    }
    for name, value in numbers.items():
        out[name] = Column("float", draw(st.lists(value, min_size=rows, max_size=rows)))
    if rows and not any(out["w"].values):
        out["w"].values[0] = 1.0
    return out


# -- the same rows on every engine ------------------------------------------------------------------------------------


def as_polars(columns: Columns) -> pl.DataFrame:
    return pl.DataFrame({n: pl.Series(n, c.values, dtype=KINDS[c.kind][1], strict=False) for n, c in columns.items()})


def as_lists(columns: Columns) -> dict[str, list[Any]]:
    return {
        n: [np.float32(v) if c.kind == "small" and v is not None else v for v in c.values] for n, c in columns.items()
    }


def as_numpy(columns: Columns) -> dict[str, np.ndarray]:
    types = {"boolean": np.bool_, "integer": np.int64, "float": np.float64, "small": np.float32, "text": np.str_}
    types |= {"date": "datetime64[D]", "moment": "datetime64[ns]"}
    out = {}
    for name, column in columns.items():
        whole = None not in column.values
        values = np.empty(len(column.values), dtype=object)
        values[:] = as_lists({name: column})[name]
        if column.kind in ("float", "small"):
            values = np.array([math.nan if v is None else v for v in column.values], dtype=types[column.kind])
        elif column.kind in types and (whole or column.kind in ("date", "moment")):
            values = np.array(column.values, dtype=types[column.kind])
        out[name] = values
    return out


def as_pandas(columns: Columns) -> pd.DataFrame:
    """As pandas makes it of such values by itself: integers with gaps are floats, gaps in text are None."""
    out = {}
    for name, column in columns.items():
        if column.kind == "category":
            known = [v for v in KINDS["category"][0] if v is not None]
            out[name] = pd.Series(pd.Categorical(column.values, categories=[*known, "unused"]))
        elif column.kind in ("date", "moment"):
            out[name] = pd.Series(pd.to_datetime(pd.Series(column.values, dtype=object)).astype("datetime64[ns]"))
        elif column.kind == "zoned":
            out[name] = pd.Series(pd.to_datetime(pd.Series(column.values, dtype=object), utc=True)).astype(
                "datetime64[ns, UTC]"
            )
        elif column.kind == "small":
            out[name] = pd.Series(column.values, dtype="float32")
        else:
            out[name] = pd.Series(column.values, dtype=None if column.values else object)
    return pd.DataFrame(out)


def as_nullable_pandas(columns: Columns) -> pd.DataFrame:
    frame = pd.DataFrame(as_lists(columns), dtype=object)
    types = {"text": "string", "boolean": "boolean", "integer": "Int64", "category": "category"}
    return frame.astype({n: types[c.kind] for n, c in columns.items() if c.kind in types})


def as_arrow_pandas(columns: Columns) -> pd.DataFrame:
    return as_polars(columns).to_arrow().to_pandas(types_mapper=pd.ArrowDtype)


ENGINES = {
    "lists": as_lists,
    "numpy": as_numpy,
    "pandas": as_pandas,
    "pandas, nullable types": as_nullable_pandas,
    "pandas, arrow types": as_arrow_pandas,
    "polars": as_polars,
    "polars, lazy": lambda columns: as_polars(columns).lazy(),
    "pyarrow": lambda columns: as_polars(columns).to_arrow(),
    "DuckDB": lambda columns: duckdb.connect().from_arrow(as_polars(columns).to_arrow()),
}


# -- a slow, obvious count --------------------------------------------------------------------------------------------

Cell = tuple[Any, ...]
Sums = dict[str, float]


def slow_counts(columns: Columns, **call: Any) -> tuple[list[tuple[str, str]], dict[Cell, Sums]]:
    """Return the axes (name, role), and per cell the sums: n, w, w2, and those of a score or of a regression."""
    groups, controls = call.get("group", ()), call.get("control", ())
    label, prediction, score, weight = (call.get(k) for k in ("label", "prediction", "score", "weight"))
    numeric = call.get("task") == "regression"
    axes = [(c, "group") for c in groups] + [(c, "control") for c in controls]
    if not numeric:
        axes += [(c, r) for c, r in ((label, "label"), (prediction, "prediction")) if c is not None]
    cells: dict[Cell, Sums] = defaultdict(lambda: defaultdict(float))
    cut = call.get("threshold", 0.5)
    for i in range(len(columns["y"].values)):
        row = {name: column.values[i] for name, column in columns.items()}
        row = {n: float(np.float32(v)) if columns[n].kind == "small" and v is not None else v for n, v in row.items()}
        cell = tuple(level(row[name]) for name, _ in axes)
        w = 1.0 if weight is None else row[weight]
        adds = {"n": 1.0, "w": w, "w2": w * w}
        if score is not None:
            s = _known(row[score])
            cell += () if prediction is not None else (None if s is None else str(s >= cut),)
            cell += (None if s is None else str(min(int(s * 1000), 999)),)
            adds["score"] = 0.0 if s is None else w * s
        if numeric:
            y, p = (None if c is None else _known(row[c]) for c in (label, prediction))
            adds |= _moments("y", y, w) if label is not None else {}
            adds |= _moments("p", p, w) if prediction is not None else {}
            if label is not None and prediction is not None:
                r = None if y is None or p is None else p - y
                both = _moments("r", r, w)
                adds |= {"r": both["r"], "rr": both["rr"], "scored": both["r_n"], "abs": w * abs(r or 0.0)}
        for key, value in adds.items():
            cells[cell][key] += value
    if score is not None:
        axes += [] if prediction is not None else [(f"{score} >= {cut:g}", "prediction")]
        axes += [(score, "bin")]
    return axes, {cell: dict(sums) for cell, sums in cells.items()}


def _known(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else value


def _moments(name: str, value: float | None, w: float) -> Sums:
    if value is None:
        return {name: 0.0, name * 2: 0.0, f"{name}_n": 0.0}
    return {name: w * value, name * 2: w * value * value, f"{name}_n": w}


def opened(counts: Counts) -> tuple[list[tuple[str, str]], dict[Cell, Sums]]:
    """Return counts in the form of `slow_counts`."""
    cells = {}
    for i, codes in enumerate(counts.codes.tolist()):
        cell = tuple(dim.levels[c] for dim, c in zip(counts.dims, codes, strict=True))
        sums = {
            "n": counts.n[i],
            "w": counts.weights[i],
            "w2": counts.squares[i],
            **{k: v[i] for k, v in counts.sums.items()},
        }
        cells[cell] = {k: float(v) for k, v in sums.items()}
    return [(d.name, d.role) for d in counts.dims], cells
