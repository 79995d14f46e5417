"""Apply a `GeneralisationPlan` to data of any kind, and get the same kind back."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from functools import reduce
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from aequo.core.columns import as_column, factorise
from aequo.core.counts import Ints
from aequo.core.engine import sentinels
from aequo.core.levels import Level, level
from aequo.errors import InputError, UnknownColumn, did_you_mean
from aequo.privacy.releases.rules import Bins, Drop, GeneralisationPlan, Keep, Merge, Period, Prefix, Rule

__all__ = ["generalise"]

Data = TypeVar("Data")

_SIZE = "__aequo_rows"


def generalise(data: Data, plan: GeneralisationPlan, *, missing: Sequence[str] = ("",)) -> Data:
    """Return the data as a plan says: coarser values, columns left out, rows of classes that are too small taken out.

    Parameters
    ----------
    data : frame, mapping of columns, or list of records
        pandas, polars (eager or lazy), pyarrow, DuckDB, PySpark; a dict of columns; a list or tuple of dicts.
    plan : GeneralisationPlan
        What is done, such as ``check_release(..., suggest=True).suggestions[0].plan``.
    missing : sequence of str
        Texts that mean "missing", beside null and NaN; in a column that a rule changes they become null.

    Returns
    -------
    same kind
        Columns that a rule changes hold text. Other columns are as they were: leave out what is not needed first
        (`aequo.privacy.minimisation.minimise.minimize`).

    Raises
    ------
    UnknownColumn
        If a quasi-identifier is not there.
    InputError
        If a rule does not fit what a column holds, or the data is of a kind that holds no named columns.

    Notes
    -----
    The index of a pandas frame is numbered anew, since it would link each row to its source. So may the order of the
    rows: shuffle them if the source was sorted by something that is not released.

    Examples
    --------
    >>> from aequo.privacy.releases.rules import Bins
    >>> plan = GeneralisationPlan(quasi=("age",), rules={"age": Bins((40,), whole=True)}, smallest=2)
    >>> generalise({"age": [21, 35, 67], "ill": ["flu", "cold", "flu"]}, plan)
    {'age': ['under 40', 'under 40'], 'ill': ['flu', 'cold']}
    """
    texts = tuple(missing)
    pandas = sys.modules.get("pandas")
    out: Any
    if pandas is not None and isinstance(data, pandas.DataFrame):
        out = _pandas(data, plan, texts)
    elif isinstance(data, Mapping):
        out = _mapping(data, plan, texts)
    elif isinstance(data, (list, tuple)) and all(isinstance(row, Mapping) for row in data):
        out = _records(data, plan, texts)
    elif isinstance(data, (str, bytes, list, tuple)) or hasattr(data, "__fspath__"):
        raise InputError("generalise takes a frame, columns or records; read a file first, such as with duckdb.")
    else:
        out = _frame(data, plan, texts)
    result: Data = out
    return result


def _there(columns: Collection[str], plan: GeneralisationPlan, where: str) -> None:
    for name in plan.quasi:
        if name not in columns:
            some = ", ".join(list(columns)[:20]) + (" ..." if len(columns) > 20 else "")
            raise UnknownColumn(f"no column {name!r} in {where}. Columns: {some}.{did_you_mean(name, columns)}")


def _unfit(column: str, rule: Rule) -> InputError:
    wants = {"bins": "numbers", "period": "dates"}.get(rule.name, "text, whole numbers or booleans")
    return InputError(f"column {column!r} holds values that the rule {rule.name!r} cannot take; it takes {wants}.")


# -- in memory: the values that occur are replaced, and classes are numbered ------------------------------------------


def _replaced(column: str, values: Any, rule: Rule | None, missing: Collection[str]) -> tuple[Ints, list[Level]]:
    """Return a code for each row and what each code stands for, after the rule."""
    codes, distinct = factorise(column, as_column(column, values))
    texts = [level(v, missing=missing) for v in distinct]
    labels = texts if rule is None else _ruled(column, texts, rule)
    order = {label: i for i, label in enumerate(dict.fromkeys(labels))}
    return np.array([order[label] for label in labels], dtype=np.int64)[codes], list(order)


def _ruled(column: str, texts: Sequence[Level], rule: Rule) -> list[Level]:
    try:
        return [rule.of(text) for text in texts]
    except ValueError:
        raise _unfit(column, rule) from None


def _columns(
    columns: Mapping[str, Any], plan: GeneralisationPlan, missing: Collection[str], rows: int
) -> tuple[dict[str, list[Level]], NDArray[np.bool_]]:
    """Return the changed columns, and which rows stay."""
    changed, flat = {}, np.zeros(rows, dtype=np.int64)
    for name in plan.left:
        rule = plan.rules.get(name)
        codes, labels = _replaced(name, columns[name], rule, missing)
        if rule is not None:
            changed[name] = [labels[c] for c in codes.tolist()]
        # Numbered anew at each column, so that many columns cannot overflow.
        flat = np.unique(flat * max(len(labels), 1) + codes, return_inverse=True)[1].reshape(-1)
    return changed, np.bincount(flat, minlength=1)[flat] >= plan.smallest


def _mapping(data: Mapping[Any, Any], plan: GeneralisationPlan, missing: Collection[str]) -> dict[Any, Any]:
    names = {str(k): k for k in data}
    _there(names, plan, "the columns")
    lengths = {len(v) for v in data.values()}
    if len(lengths) > 1:
        raise InputError("columns must have one value for each row, but their lengths differ.")
    columns = {name: data[key] for name, key in names.items()}
    changed, keep = _columns(columns, plan, missing, next(iter(lengths), 0))
    kept = np.flatnonzero(keep)
    return {
        names[name]: _taken(changed.get(name, values), kept)
        for name, values in columns.items()
        if not isinstance(plan.rules.get(name), Drop)
    }


def _taken(values: Any, kept: Ints) -> Any:
    if isinstance(values, np.ndarray):
        return values[kept]
    taken = [values[i] for i in kept.tolist()] if isinstance(values, (list, tuple)) else None
    if taken is None:
        whole = list(values)
        taken = [whole[i] for i in kept.tolist()]
    return tuple(taken) if isinstance(values, tuple) else taken


def _records(data: Sequence[Mapping[Any, Any]], plan: GeneralisationPlan, missing: Collection[str]) -> Any:
    names = list(dict.fromkeys(str(key) for row in data for key in row))
    _there(names if data else plan.quasi, plan, "the records")
    columns = {name: [row.get(name) for row in data] for name in plan.quasi}
    changed, keep = _columns(columns, plan, missing, len(data))
    gone = {name for name, rule in plan.rules.items() if isinstance(rule, Drop)}
    rows = [
        {k: changed[k][i] if k in changed else v for k, v in row.items() if k not in gone}
        for i, row in enumerate(data)
        if keep[i]
    ]
    return tuple(rows) if isinstance(data, tuple) else rows


def _pandas(data: Any, plan: GeneralisationPlan, missing: Collection[str]) -> Any:
    pandas = sys.modules["pandas"]
    names = [str(c) for c in data.columns]
    _there(names, plan, "the pandas frame")
    for name in plan.quasi:
        if names.count(name) > 1:
            raise InputError(f"the pandas frame has two columns named {name!r}; rename one.")
    columns = {name: data.iloc[:, names.index(name)] for name in plan.left}
    changed, keep = _columns(columns, plan, missing, len(data))
    parts = []
    for i, name in enumerate(names):
        if isinstance(plan.rules.get(name), Drop):
            continue
        series = pandas.Series(changed[name]) if name in changed else data.iloc[:, i]
        parts.append(series[keep].reset_index(drop=True).rename(data.columns[i]))
    return pandas.concat(parts, axis=1) if parts else pandas.DataFrame(index=range(int(keep.sum())))


# -- where the rows are: the same as expressions ----------------------------------------------------------------------


def _frame(data: Any, plan: GeneralisationPlan, missing: tuple[str, ...]) -> Any:
    import narwhals as nw

    try:
        frame = nw.from_native(data)
    except TypeError:
        kind = f"{type(data).__module__}.{type(data).__name__}".removeprefix("builtins.")
        raise InputError(
            f"cannot generalise a {kind}; give a pandas, polars, pyarrow, DuckDB or PySpark frame, columns or records."
        ) from None
    schema = dict(frame.collect_schema())
    _there(schema, plan, "the frame")
    changed = {}
    for name in plan.left:
        rule = plan.rules.get(name)
        if rule is not None:
            changed[name] = _expression(name, schema[name], rule, missing)
    kept = [c for c in schema if not isinstance(plan.rules.get(c), Drop)]
    frame = frame.with_columns(**changed) if changed else frame
    if plan.smallest > 1:
        # Without a quasi-identifier that is left, all rows are one class.
        size = nw.len().over(*plan.left) if plan.left else nw.len()
        frame = frame.with_columns(size.alias(_SIZE)).filter(nw.col(_SIZE) >= plan.smallest)
    return frame.select(*kept).to_native()


def _expression(name: str, dtype: Any, rule: Rule, missing: tuple[str, ...]) -> Any:
    import narwhals as nw

    column = nw.col(name)
    known = ~column.is_null()
    if dtype.is_float():
        known = known & (column.is_finite() | (column.abs() == float("inf")))
    if isinstance(dtype, (nw.String, nw.Categorical, nw.Enum)):
        column = column.cast(nw.String)
        known = known & ~column.is_in(missing) if missing else known
    elif dtype.is_numeric() and (marks := sentinels(missing)):
        known = known & ~column.cast(nw.Float64).is_in(marks)
    if isinstance(rule, Bins):
        if not dtype.is_numeric():
            raise _unfit(name, rule)
        made = _ranges(column.cast(nw.Float64), rule)
    elif isinstance(rule, Period):
        made = _period(name, column, dtype, rule)
    elif isinstance(rule, Drop):
        made = nw.lit(None, nw.String)
    else:
        made = _coded(_text(name, column, dtype, rule), rule)
    return nw.when(known).then(made)


def _ranges(values: Any, rule: Bins) -> Any:
    import narwhals as nw

    labels = rule.labels
    # From the last edge inwards: each test is made only where those before it failed.
    return reduce(
        lambda rest, pair: nw.when(values < pair[0]).then(nw.lit(pair[1])).otherwise(rest),
        zip(reversed(rule.edges), reversed(labels[:-1]), strict=True),
        nw.lit(labels[-1]),
    )


def _text(name: str, column: Any, dtype: Any, rule: Rule) -> Any:
    """Return the column as canonical text, as `level` writes it."""
    import narwhals as nw

    if isinstance(dtype, nw.Boolean):
        return nw.when(column).then(nw.lit("True")).otherwise(nw.lit("False"))
    if dtype.is_integer() or isinstance(dtype, (nw.String, nw.Categorical, nw.Enum)):
        return column.cast(nw.String)
    if dtype.is_float():
        # A whole number with gaps is a float in some frames; its text has no point.
        whole = nw.when(column.is_finite()).then(column).otherwise(0.0).floor()
        return nw.when(column == whole).then(whole.cast(nw.Int64).cast(nw.String)).otherwise(column.cast(nw.String))
    raise _unfit(name, rule)


def _coded(text: Any, rule: Prefix | Keep | Merge) -> Any:
    import narwhals as nw

    if isinstance(rule, Prefix):
        cut = nw.concat_str(text.str.slice(0, rule.keep), nw.lit("*"))
        return nw.when(text.str.len_chars() > rule.keep).then(cut).otherwise(text)
    if isinstance(rule, Keep):
        return nw.when(text.is_in(_spelled(rule.values))).then(text).otherwise(nw.lit(rule.other))
    groups: dict[str, list[str]] = {}
    for value, group in rule.groups.items():
        groups.setdefault(group, []).append(value)
    return reduce(
        lambda rest, pair: nw.when(text.is_in(_spelled(pair[1]))).then(nw.lit(pair[0])).otherwise(rest),
        groups.items(),
        nw.lit(rule.other),
    )


def _spelled(values: Sequence[str]) -> list[str]:
    """Return the values in both spellings that Unicode has for accents."""
    return list(dict.fromkeys((*values, *(unicodedata.normalize("NFD", v) for v in values))))


def _period(name: str, column: Any, dtype: Any, rule: Period) -> Any:
    import narwhals as nw

    if isinstance(dtype, (nw.String, nw.Categorical, nw.Enum)):
        text = column
    elif isinstance(dtype, (nw.Date, nw.Datetime)):
        year, month, day = (getattr(column.dt, part)().cast(nw.String) for part in ("year", "month", "day"))
        text = nw.concat_str(year.str.zfill(4), nw.lit("-"), month.str.zfill(2), nw.lit("-"), day.str.zfill(2))
    else:
        raise _unfit(name, rule)
    length = {"day": 10, "month": 7, "year": 4, "decade": 3}[rule.to]
    cut = text.str.slice(0, length)
    made = nw.concat_str(cut, nw.lit("0s")) if rule.to == "decade" else cut
    dated = text.str.contains(r"^\d{4}-\d{2}(-\d{2})?($|[T ])")
    return nw.when(dated).then(made)
