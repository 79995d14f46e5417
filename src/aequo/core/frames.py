"""Counting where the rows are: one ``group_by`` that narwhals hands to polars, DuckDB or Spark."""

from __future__ import annotations

import datetime as dt
import functools
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Concatenate, ParamSpec, TypeVar

import narwhals as nw
import numpy as np

from aequo.core.counts import SCORE_BINS, Floats, Ints
from aequo.core.engine import Cells, Duplicates, Key, Kind, Plan, Profile, sentinels

__all__ = ["Frame", "stopped"]

_LOOKED_AT = 100_000


Answer = TypeVar("Answer")
Asked = ParamSpec("Asked")


def _translated(
    method: Callable[Concatenate[Frame, Asked], Answer],
) -> Callable[Concatenate[Frame, Asked], Answer]:
    """Let the frame's own `translate` say what went wrong, and make Ctrl-C what it is elsewhere in Python."""

    @functools.wraps(method)
    def asked(self: Frame, /, *args: Asked.args, **kwargs: Asked.kwargs) -> Answer:
        try:
            return method(self, *args, **kwargs)
        except Exception as error:
            told = self.translate(error)
            if told is error:
                raise
            raise told from None

    return asked


def stopped(error: Exception) -> bool:
    """Return whether the error is DuckDB's way to say that Ctrl-C was pressed.

    Examples
    --------
    >>> stopped(RuntimeError("Query interrupted"))
    True
    """
    return isinstance(error, RuntimeError) and "interrupted" in str(error).lower()


class Frame:
    """A polars, DuckDB or Spark frame, seen through narwhals; nothing is read until something is asked.

    Parameters
    ----------
    frame : narwhals.LazyFrame
        The frame.
    translate : callable, optional
        Gives a clearer error for one of the engine's.
    keep : object, optional
        Kept alive as long as this.
    """

    def __init__(
        self,
        frame: nw.LazyFrame[Any],
        *,
        translate: Callable[[Exception], BaseException] | None = None,
        keep: object = None,
    ) -> None:
        self._frame = frame
        self._translate = translate
        self._keep = keep
        self._schema = dict(frame.collect_schema())
        self._engine = frame.implementation
        if self._engine.is_duckdb() and any(map(self._zoned, self._schema)):
            # Python would need another package for DuckDB's zoned time stamps; as integers they need none.
            zoned = ", ".join(f"epoch_us({q}) AS {q}" for q in map(_quoted, filter(self._zoned, self._schema)))
            self._frame = _lazy(frame.to_native().project(f"* REPLACE ({zoned})"))

    def translate(self, error: Exception) -> BaseException:
        """Return what to raise for an error of the engine."""
        if self._engine.is_duckdb() and stopped(error):
            return KeyboardInterrupt()
        return error if self._translate is None else self._translate(error)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return tuple(self._schema)

    def kind(self, column: str) -> Kind:
        """Return what a column holds."""
        dtype = self._schema[column]
        if dtype.is_numeric():
            return "number"
        if isinstance(dtype, nw.Boolean):
            return "boolean"
        if isinstance(dtype, (nw.String, nw.Categorical, nw.Enum)):
            return "text"
        if isinstance(dtype, (nw.Date, nw.Datetime)):
            return "date"
        return "empty" if isinstance(dtype, nw.Unknown) and _is_null_type(self._frame.to_native(), column) else "other"

    @_translated
    def profile(self, column: str, missing: tuple[float, ...]) -> Profile:
        """Return the range of a numeric column."""
        values = self._number(column, missing)
        seen = self._frame.select(v=values).select(
            low=nw.col("v").min(), high=nw.col("v").max(), part=(nw.col("v") - nw.col("v").floor()).max()
        )
        low, high, part = (_float(v[0]) for v in _columns(seen))
        if math.isnan(low):
            return Profile(math.nan, math.nan, True, 0)
        distinct = int(high - low) + 1 if part == 0 and high - low < 21 else 21
        if part == 0 and high - low >= 21:
            distinct = int(_columns(self._frame.select(v=values).select(n=nw.col("v").n_unique()))[0][0])
        return Profile(low, high, part == 0, distinct)

    @_translated
    def overfull(self, columns: Sequence[str], limit: int) -> str | None:
        """Return a column that surely has more than `limit` values, if a look at some rows shows one."""
        if self._engine.is_polars() or not columns:
            return None
        some = self._frame.select(*columns).head(_LOOKED_AT)
        found = _columns(some.select(*(nw.col(c).n_unique().alias(f"n{i}") for i, c in enumerate(columns))))
        return next((c for c, n in zip(columns, found, strict=True) if (n[0] or 0) > limit + 1), None)

    @_translated
    def cells(self, plan: Plan) -> Cells:
        """Count the rows of each cell."""
        picked: dict[str, nw.Expr] = {f"k{i}": self._key(c) for i, c in enumerate(plan.keys)}
        for name in ("weight", "score", "label", "prediction"):
            column = getattr(plan, name)
            if column is not None:
                picked[name] = self._number(column, plan.missing)
        rows = self._frame.select(**picked) if picked else self._frame
        keys = [f"k{i}" for i in range(len(plan.keys))]
        if plan.score is not None:
            # Clipped, so that scores out of range do not make millions of bins before they are refused.
            bins = (nw.col("score").clip(0.0, 1.0) * SCORE_BINS).floor()
            made = {"bin": nw.when(bins >= SCORE_BINS).then(float(SCORE_BINS - 1)).otherwise(bins)}
            if plan.threshold is not None:
                made = {"decided": nw.col("score") >= plan.threshold, **made}
            rows = rows.with_columns(**made)
            keys += list(made)
        moments = _moments(plan)
        rows = rows.with_columns(**moments) if moments else rows
        asked = [nw.len().alias("n"), *(nw.col(m).sum() for m in moments), *_ranges(plan)]
        names = ["n", *moments, *(f"{c}_{what}" for c in _summed(plan) for what in _RANGE)]
        table = rows.group_by(*keys).agg(*asked) if keys else rows.select(*asked)
        got = dict(zip([*keys, *names], _columns(table.select(*keys, *names)), strict=True))
        n = np.array(got["n"], dtype=np.int64)
        if not keys and not n.sum():
            got, n = {k: [] for k in got}, n[:0]
        sums = {m[2:]: _floats(got[m]) for m in moments}
        return Cells(
            keys=(
                *(self._restored(c, Key.of(got[k])) for c, k in zip(plan.keys, keys, strict=False)),
                *(Key.of(got[k]) for k in keys[len(plan.keys) :]),
            ),
            n=n,
            w=sums.pop("w", None),
            w2=sums.pop("w2", None),
            sums=sums,
            seen=_seen(plan, got, n),
        )

    @_translated
    def missing(self, by: Sequence[str], columns: Sequence[str], texts: tuple[str, ...]) -> Cells:
        """Count rows, and for each column the rows without a value, per cell of `by`."""
        picked = {f"k{i}": self._key(c) for i, c in enumerate(by)}
        picked |= {f"m{i}": self._absent(c, texts).cast(nw.Int64) for i, c in enumerate(columns)}
        keys, absent = [f"k{i}" for i in range(len(by))], [f"m{i}" for i in range(len(columns))]
        rows = self._frame.select(**picked) if picked else self._frame
        asked = [nw.len().alias("n"), *(nw.col(m).sum() for m in absent)]
        table = rows.group_by(*keys).agg(*asked) if keys else rows.select(*asked)
        got = dict(zip([*keys, "n", *absent], _columns(table.select(*keys, "n", *absent)), strict=True))
        n = np.array(got["n"], dtype=np.int64)
        if not keys and not n.sum():
            got, n = {k: [] for k in got}, n[:0]
        return Cells(
            keys=tuple(self._restored(c, Key.of(got[k])) for c, k in zip(by, keys, strict=True)),
            n=n,
            sums={c: _floats(got[m]) for c, m in zip(columns, absent, strict=True)},
        )

    @_translated
    def sample(self, columns: Sequence[str], rows: int, seed: int | None) -> Mapping[str, Sequence[Any]]:
        """Return the values of randomly chosen rows; without a seed of the first ones, in order."""
        frame = self._frame.select(*(self._key(c).alias(c) for c in columns))
        if self._engine.is_duckdb():
            taken = _duckdb_sample(frame.to_native(), rows, seed)
        else:
            taken = _columns(self._some(frame, rows, seed))
        return {c: _instants(values) if self._zoned(c) else values for c, values in zip(columns, taken, strict=True)}

    def _some(self, frame: nw.LazyFrame[Any], rows: int, seed: int | None) -> nw.LazyFrame[Any]:
        native = frame.to_native()
        if seed is None:
            return frame.head(rows)
        if self._engine.is_polars():
            total = int(_columns(frame.select(nw.len()))[0][0])
            if rows >= total:
                return frame
            polars = _module(native)
            chosen = np.sort(np.random.default_rng(seed).choice(total, rows, replace=False))
            index = polars.Series(chosen, dtype=polars.get_index_type()).implode()
            numbered = native.with_row_index("__aequo_row").filter(polars.col("__aequo_row").is_in(index))
            return _lazy(numbered.drop("__aequo_row"))
        if self._engine.is_pyspark():
            from pyspark.sql import functions as f

            return _lazy(native.orderBy(f.rand(seed)).limit(rows))
        return frame.head(rows)

    @_translated
    def duplicates(self, by: Sequence[str], columns: Sequence[str], most: int, texts: tuple[str, ...]) -> Duplicates:
        """Count the rows in sets of equal rows with more than one value of `by`."""
        known = self._frame
        for column in by:
            known = known.filter(~self._absent(column, texts))
        total = int(_columns(known.select(nw.len()))[0][0])
        one_in = max(1, math.ceil(total / most))
        looked_at = _one_in(known, columns, one_in) if one_in > 1 else known
        picked = {f"c{i}": self._same(c) for i, c in enumerate(columns)} | {
            f"g{i}": nw.col(c) for i, c in enumerate(by)
        }
        rows = looked_at.select(**picked)
        same = [f"c{i}" for i in range(len(columns))]
        per_group = rows.group_by(*picked).agg(nw.len().alias("rows"))
        sets = per_group.group_by(*same).agg(nw.col("rows").sum(), nw.len().alias("groups"))
        straddles = nw.col("groups") > 1
        result = sets.select(
            "rows",
            straddling=nw.when(straddles).then(nw.col("rows")).otherwise(0),
            sets=nw.when(straddles).then(1).otherwise(0),
            repeated=nw.when(nw.col("rows") > 1).then(nw.col("rows")).otherwise(0),
        ).select(nw.col("rows", "straddling", "sets", "repeated").sum())
        rows_seen, found, straddling, repeated = (int(v[0] or 0) for v in _columns(result))
        return Duplicates(found, rows_seen, one_in, sets=straddling, repeated=repeated)

    # -- columns ------------------------------------------------------------------------------------------------------

    def _zoned(self, column: str) -> bool:
        dtype = self._schema[column]
        # Spark's time stamps show the session's clock; they stay as they are shown.
        return isinstance(dtype, nw.Datetime) and dtype.time_zone is not None and not self._engine.is_pyspark()

    def _key(self, column: str) -> nw.Expr:
        instant = self._zoned(column) and not self._engine.is_duckdb()
        return nw.col(column).dt.timestamp("us") if instant else nw.col(column)

    def _restored(self, column: str, key: Key) -> Key:
        return Key(_instants(key.values), key.codes) if self._zoned(column) else key

    def _number(self, column: str, missing: tuple[float, ...]) -> nw.Expr:
        """Return the column as a 64-bit float, null where it has no number."""
        values = nw.col(column).cast(nw.Float64)
        if self._schema[column].is_float():
            values = nw.when(self._is_number(values)).then(values)
        return nw.when(~values.is_in(missing)).then(values) if missing else values

    def _is_number(self, values: nw.Expr) -> nw.Expr:
        """Return whether floats are not NaN."""
        if self._engine.is_duckdb():
            # DuckDB takes a Parquet file's smallest and largest value to mean that there is no NaN, and then answers
            # isnan() with False for NaN (duckdb issue 25521). It cannot answer isfinite() from them.
            return values.is_finite() | (values == math.inf) | (values == -math.inf)
        return ~values.is_nan()

    def _same(self, column: str) -> nw.Expr:
        """Return the column with null and NaN as one."""
        values = nw.col(column)
        return nw.when(self._is_number(values)).then(values) if self._schema[column].is_float() else values

    def _absent(self, column: str, texts: tuple[str, ...]) -> nw.Expr:
        """Return whether each row has no value."""
        absent = nw.col(column).is_null()
        kind = self.kind(column)
        if kind == "text" and texts:
            return (
                absent | nw.col(column).cast(nw.String).fill_null("").is_in(texts)
                if "" in texts
                else (absent | nw.col(column).cast(nw.String).is_in(texts))
            )
        if self._schema[column].is_float():
            absent = absent | ~self._is_number(nw.col(column))
        if kind == "number" and (marks := sentinels(texts)):
            absent = absent | nw.col(column).cast(nw.Float64).is_in(marks)
        return absent


# -- expressions ------------------------------------------------------------------------------------------------------

_RANGE = ("low", "high", "known")


def _summed(plan: Plan) -> list[str]:
    return [name for name in ("weight", "score", "label", "prediction") if getattr(plan, name) is not None]


def _ranges(plan: Plan) -> list[nw.Expr]:
    out = []
    for name in _summed(plan):
        column = nw.col(name)
        out += [column.min().alias(f"{name}_low"), column.max().alias(f"{name}_high")]
        out += [column.count().alias(f"{name}_known")]
    return out


def _seen(plan: Plan, got: Mapping[str, Sequence[Any]], n: Ints) -> dict[str, float]:
    seen: dict[str, float] = {}
    for name in _summed(plan):
        low, high = ([_float(v) for v in got[f"{name}_{end}"]] for end in ("low", "high"))
        seen[f"{name}_low"] = min((v for v in low if v == v), default=math.nan)
        seen[f"{name}_high"] = max((v for v in high if v == v), default=math.nan)
        seen[f"{name}_missing"] = float(n.sum() - sum(int(v) for v in got[f"{name}_known"]))
    return seen


def _moments(plan: Plan) -> dict[str, nw.Expr]:
    """Return what is summed per row; null adds nothing."""
    weight = None if plan.weight is None else nw.col("weight")
    out: dict[str, nw.Expr] = {}

    def put(name: str, values: nw.Expr) -> None:
        out[f"s_{name}"] = values if weight is None else values * weight

    if weight is not None:
        out |= {"s_w": weight, "s_w2": weight * weight}
    if plan.score is not None:
        put("score", nw.col("score"))
    y, p = nw.col("label"), nw.col("prediction")
    for name, values, column in (("y", y, plan.label), ("p", p, plan.prediction)):
        if column is not None:
            put(name, values)
            put(name * 2, values * values)
            put(f"{name}_n", (~values.is_null()).cast(nw.Float64))
    if plan.label is not None and plan.prediction is not None:
        put("r", p - y)
        put("rr", (p - y) * (p - y))
        put("abs", (p - y).abs())
        put("scored", (~(p - y).is_null()).cast(nw.Float64))
    return out


# -- results ----------------------------------------------------------------------------------------------------------


def _columns(frame: nw.LazyFrame[Any]) -> list[list[Any]]:
    """Read a small result: one list of Python values for each column."""
    native = frame.to_native()
    width = len(frame.collect_schema())
    if frame.implementation.is_polars():
        return [column.to_list() for column in native.collect().get_columns()]
    if frame.implementation.is_duckdb():
        rows = native.fetchall()
    elif frame.implementation.is_pyspark():
        rows = native.collect()
    else:
        collected = frame.collect()
        return [collected[c].to_list() for c in collected.columns]
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]


def _duckdb_sample(relation: Any, rows: int, seed: int | None) -> list[list[Any]]:
    """Sample through one thread, so that the seed decides and not the order in which threads finish."""
    chosen = (
        f"LIMIT {int(rows)}" if seed is None else f"USING SAMPLE reservoir({int(rows)} ROWS) REPEATABLE ({int(seed)})"
    )
    threads = relation.query("aequo_rows", "SELECT current_setting('threads')").fetchall()[0][0]
    sql = f"SELECT * FROM aequo_rows {chosen}"  # noqa: S608 - integers
    relation.query("aequo_rows", "SET threads = 1")
    try:
        taken = relation.query("aequo_rows", sql).fetchall()
    finally:
        relation.query("aequo_rows", f"SET threads = {int(threads)}")
    return [list(column) for column in zip(*taken, strict=True)] if taken else [[] for _ in relation.columns]


def _one_in(frame: nw.LazyFrame[Any], columns: Sequence[str], one_in: int) -> nw.LazyFrame[Any]:
    """Keep the rows whose hash over the columns falls into one of so many parts: equal rows stay together."""
    native = frame.to_native()
    if frame.implementation.is_polars():
        polars = _module(native)
        return _lazy(native.filter(polars.struct(*columns).hash(0) % one_in == 0))
    if frame.implementation.is_duckdb():
        named = ", ".join(map(_quoted, columns))
        return _lazy(native.filter(f"hash({named}) % {int(one_in)} = 0"))
    if frame.implementation.is_pyspark():
        from pyspark.sql import functions as f

        quoted = [f.col("`" + c.replace("`", "``") + "`") for c in columns]
        return _lazy(native.filter(f.pmod(f.xxhash64(*quoted), f.lit(one_in)) == 0))
    return frame


def _lazy(native: Any) -> nw.LazyFrame[Any]:
    frame: nw.LazyFrame[Any] = nw.from_native(native).lazy()
    return frame


def _is_null_type(native: Any, column: str) -> bool:
    """Return whether the column has no type but "nothing"."""
    if hasattr(native, "collect_schema"):
        return str(native.collect_schema()[column]) == "Null"
    types = dict(zip(native.columns, getattr(native, "types", ()), strict=False))
    return str(types.get(column)).strip('"') == "NULL"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _module(native: Any) -> Any:
    return sys.modules[type(native).__module__.split(".")[0]]


def _instants(microseconds: Sequence[int | None]) -> list[dt.datetime | None]:
    start = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    return [None if v is None else start + dt.timedelta(microseconds=v) for v in microseconds]


def _float(value: Any) -> float:
    return math.nan if value is None else float(value)


def _floats(values: Sequence[Any]) -> Floats:
    return np.array([0.0 if v is None else float(v) for v in values], dtype=np.float64)
