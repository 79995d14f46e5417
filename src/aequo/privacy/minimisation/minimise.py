"""Keep what is needed and leave out the rest, in records, frames and files."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from aequo.errors import InputError, UnknownColumn, did_you_mean

__all__ = ["Fields", "Minimised", "absent", "minimize", "pruned", "wanted"]

Data = TypeVar("Data")

Fields = dict[str, "Fields | None"]
"""Required fields by name; below a nested one those that are required of it, or None for all of it."""

_INDEX = "(index)"
_LISTED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Minimised(Generic[Data]):
    """What was kept, and the names of what was not.

    Attributes
    ----------
    data : same kind as was given
        The data with the required fields alone, in their old order. Of `minimise_file` the path that was written.
    kept : tuple of str
        The required fields, in the order they were asked for.
    rows : int or None
        Rows, where they were counted: for lists of records and for files.
    """

    data: Data
    kept: tuple[str, ...]
    rows: int | None = None
    _seen: Mapping[str, None] = field(default_factory=dict, repr=False)

    @property
    def dropped(self) -> tuple[str, ...]:
        """Names of the fields that were left out, in the order they were met; of a stream, those met so far."""
        return tuple(self._seen)

    def to_dict(self) -> dict[str, Any]:
        """Return the names and the number of rows as plain values; the data is not in it."""
        return {"kept": list(self.kept), "dropped": list(self.dropped), "rows": self.rows}

    def to_json(self) -> str:
        """Return `to_dict` as JSON text."""
        import msgspec

        return msgspec.json.format(msgspec.json.encode(self.to_dict()), indent=2).decode()


def minimize(data: Data, *, required: Sequence[str] | str) -> Minimised[Data]:
    """Keep the required fields of a record, records or a frame, and say what was left out.

    Parameters
    ----------
    data : mapping, iterable of mappings, or frame
        One record or a mapping of columns (a dict comes back); a list or tuple of records (the same comes back); any
        other iterable of records (an iterator comes back, and nothing is read until it is); or a pandas, polars (eager
        or lazy), pyarrow, DuckDB or PySpark frame (the same kind comes back).
    required : str or sequence of str
        Fields to keep. In records a path with points reaches into nested mappings and lists of them:
        ``"address.city"`` keeps the city and drops the rest of the address. A field whose own name has the point goes
        before a path.

    Returns
    -------
    Minimised
        With the data, what was kept and what was dropped.

    Raises
    ------
    UnknownColumn
        If a required field is not there; the message names the fields there are and the nearest one. From a stream it
        is raised when the record is reached.
    InputError
        If nothing is required, or the data holds no named fields.

    Notes
    -----
    The index of a pandas frame is a field too: people's e-mail addresses often stand there. One that has a name, or
    holds anything but integers, is left out unless its name is required, and is reported; a plain numbering stays. The
    columns of a pandas frame are copied, so that nothing keeps the others in memory.

    Examples
    --------
    >>> ada = {"name": "Ada", "age": 36, "address": {"street": "1 A St", "city": "X"}}
    >>> small = minimize(ada, required=["age", "address.city"])
    >>> small.data, small.dropped
    ({'age': 36, 'address': {'city': 'X'}}, ('name', 'address.street'))
    >>> minimize({"age": 36, "income": 1}, required=["incom"])
    Traceback (most recent call last):
    aequo.errors.UnknownColumn: no field 'incom' in the record. Fields: age, income. Did you mean 'income'?
    """
    names = wanted(required)
    seen: dict[str, None] = {}
    pandas = sys.modules.get("pandas")
    kept: Any
    rows = None
    if isinstance(data, Mapping):
        kept = pruned(data, names, "the record", seen)
    elif isinstance(data, (list, tuple)):
        kept, rows = _records(data, names, seen), len(data)
        kept = tuple(kept) if isinstance(data, tuple) else list(kept)
    elif isinstance(data, (str, bytes)) or hasattr(data, "__fspath__"):
        raise InputError("this is the name of a file; minimise_file(source, out, required=...) reads and writes files.")
    elif pandas is not None and isinstance(data, pandas.DataFrame):
        kept = _pandas(data, names, seen)
    elif hasattr(type(data), "columns") or hasattr(type(data), "column_names"):
        kept = _frame(data, names, seen)
    elif isinstance(data, Iterable):
        kept = _records(data, names, seen)
    else:
        raise _no_fields(data)
    return Minimised(data=kept, kept=names, rows=rows, _seen=seen)


def wanted(required: Sequence[str] | str) -> tuple[str, ...]:
    """Return the required names, each once.

    Raises
    ------
    InputError
        If there is none, or one is empty.
    """
    names = (required,) if isinstance(required, str) else tuple(dict.fromkeys(required))
    if not names or not all(names):
        raise InputError("no field is required, or one has no name; expected names such as ['age', 'income'].")
    return names


def absent(missing: Sequence[str], where: str, known: Collection[str], *, what: str = "column") -> UnknownColumn:
    """Return the error that says which required fields are not there, and which there are."""
    names = list(known)
    some = ", ".join(names[:_LISTED]) + (f" and {len(names) - _LISTED} more" if len(names) > _LISTED else "")
    said = f"no {what} {missing[0]!r}" if len(missing) == 1 else f"no {what}s {', '.join(map(repr, missing))}"
    near = did_you_mean(missing[0], names)
    return UnknownColumn(f"{said} in {where}. {what.capitalize()}s: {some or 'none'}.{near}")


# -- records ----------------------------------------------------------------------------------------------------------


def _records(data: Iterable[Any], names: tuple[str, ...], seen: dict[str, None]) -> Iterator[dict[Any, Any]]:
    for number, record in enumerate(data, start=1):
        if not isinstance(record, Mapping):
            raise InputError(f"record {number:,} is a {type(record).__name__}; expected a mapping of fields to values.")
        yield pruned(record, names, f"record {number:,}", seen)


def pruned(
    record: Mapping[Any, Any],
    names: tuple[str, ...],
    where: str,
    seen: dict[str, None],
    opened: Callable[[Any], Any] = lambda value: value,
) -> dict[Any, Any]:
    """Return a record's required fields.

    Parameters
    ----------
    record : mapping
        The record.
    names : tuple of str
        Required fields, or paths to them.
    where : str
        What the record is called in an error.
    seen : dict
        Receives the names of the fields that were left out.
    opened : callable
        Turns a nested value that is still packed into a mapping or a list.

    Raises
    ------
    UnknownColumn
        If a required field is not there.
    """
    found: set[str] = set()
    out = _pruned(record, _tree(record, names), "", seen, found, opened)
    missing = [n for n in names if n not in found and not any(n.startswith(f"{f}.") for f in found)]
    if missing:
        raise absent(missing, where, [str(k) for k in record], what="field")
    return out


def _tree(record: Mapping[Any, Any], names: tuple[str, ...]) -> Fields:
    """Return the required fields as a tree; a name that the record has itself is no path."""
    tree: Fields = {}
    for name in names:
        parts = [name] if name in record else name.split(".")
        here: Fields | None = tree
        for part in parts[:-1]:
            if here is None:  # all of it is required already
                break
            here = here.setdefault(part, {})
        if here is not None:
            here[parts[-1]] = None
    return tree


def _pruned(
    record: Mapping[Any, Any],
    fields: Fields,
    above: str,
    seen: dict[str, None],
    found: set[str],
    opened: Callable[[Any], Any],
) -> dict[Any, Any]:
    out: dict[Any, Any] = {}
    for key, value in record.items():
        path = f"{above}{key}"
        if str(key) not in fields:
            seen.setdefault(path)
            continue
        below = fields[str(key)]
        if below is None:
            found.add(path)
            out[key] = value
            continue
        inner = opened(value)
        if isinstance(inner, Mapping):
            out[key] = _pruned(inner, below, f"{path}.", seen, found, opened)
        elif isinstance(inner, (list, tuple)) and all(isinstance(v, Mapping) for v in inner):
            out[key] = [_pruned(v, below, f"{path}.", seen, found, opened) for v in inner]
            if not inner:  # an empty list has nothing that could be absent
                found.add(path)
        else:
            seen.setdefault(path)
    return out


# -- frames -----------------------------------------------------------------------------------------------------------


def _split(columns: Sequence[str], names: tuple[str, ...], where: str, seen: dict[str, None]) -> list[int]:
    """Return the positions of the columns to keep."""
    missing = [name for name in names if name not in columns]
    if missing:
        raise absent(missing, where, columns)
    for column in columns:
        if columns.count(column) > 1 and column in names:
            raise InputError(f"{where} has two columns named {column!r}; rename one.")
    seen.update(dict.fromkeys(c for c in columns if c not in names))
    return [i for i, column in enumerate(columns) if column in names]


def _pandas(frame: Any, names: tuple[str, ...], seen: dict[str, None]) -> Any:
    levels = ["" if name is None else str(name) for name in frame.index.names]
    plain = frame.index.nlevels == 1 and not levels[0] and frame.index.dtype.kind in "iu"
    columns = [str(c) for c in frame.columns]
    in_index = [name for name in levels if name in names and name not in columns]
    left = tuple(name for name in names if name not in in_index)
    positions = _split(columns, left, "the pandas frame", seen) if left else []
    if not left:
        seen.update(dict.fromkeys(columns))
    kept = frame.iloc[:, positions].copy()
    if plain:
        return kept
    gone = [i for i, name in enumerate(levels) if name not in in_index]
    seen.update(dict.fromkeys(levels[i] or _INDEX for i in gone if levels[i] not in columns))
    if len(gone) == len(levels):
        return kept.reset_index(drop=True)
    if gone:
        kept.index = kept.index.droplevel(gone)
    return kept


def _frame(data: Any, names: tuple[str, ...], seen: dict[str, None]) -> Any:
    import narwhals as nw

    try:
        frame = nw.from_native(data)
    except TypeError:
        raise _no_fields(data) from None
    columns = list(frame.collect_schema())
    package = type(data).__module__.partition(".")[0].lstrip("_")
    positions = _split(columns, names, f"the {_FRAMES.get(package, package + ' frame')}", seen)
    return frame.select(*(columns[i] for i in positions)).to_native()


_FRAMES = {"duckdb": "DuckDB relation", "pyspark": "PySpark frame", "pyarrow": "pyarrow table"}


def _no_fields(data: Any) -> InputError:
    kind = f"{type(data).__module__}.{type(data).__name__}".removeprefix("builtins.")
    return InputError(
        f"cannot minimise a {kind}; give a record, records, or a pandas, polars, pyarrow, DuckDB or PySpark frame."
    )
