"""Replace columns of Parquet files: DuckDB reads, calls back for each value, and writes, in pieces."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aequo.core.frames import stopped
from aequo.errors import AequoError, InputError, OutputError, UnreadableData
from aequo.privacy.pseudonyms.files import Progress
from aequo.privacy.pseudonyms.replacing import Change, Counted, as_output, as_typed
from aequo.privacy.pseudonyms.replacing_queries import literal, quoted

__all__ = ["parquet_columns", "rewrite_parquet"]

_REMEMBERED = 200_000
_TOLD = 50_000
_WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")
_BROKEN = ("FLOAT", "DOUBLE")
_PLAIN = (*_WHOLE, *_BROKEN, "HUGEINT", "VARCHAR", "BOOLEAN", "DATE", "TIMESTAMP", "TIME", "BLOB", "UUID")


@contextmanager
def _duckdb(path: Path, target: Path | None = None) -> Iterator[Any]:
    """Give a connection of its own, and say in one sentence what goes wrong; DuckDB's words may hold values."""
    import duckdb

    folder = tempfile.mkdtemp(prefix="aequo-")
    settings: dict[str, Any] = {
        "memory_limit": "1GB",
        "temp_directory": folder,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    connection = duckdb.connect(":memory:", config=settings)
    try:
        yield connection
    except (duckdb.Error, RuntimeError) as error:
        if stopped(error):
            raise KeyboardInterrupt from None
        if isinstance(error, duckdb.IOException) and target is not None and _is_parquet(path):
            raise OutputError(f"{target.name} cannot be written: the disk is full or the folder is closed.") from None
        if isinstance(error, duckdb.OutOfMemoryException):
            raise UnreadableData(f"{path.name}: 1 GB of memory was not enough for one piece of it.") from None
        raise UnreadableData(
            f"{path.name} is not a Parquet file, whatever its name says, or it is cut short."
        ) from None
    finally:
        connection.close()
        shutil.rmtree(folder, ignore_errors=True)


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"PAR1"


def parquet_columns(path: Path) -> dict[str, str]:
    """Return the columns of a Parquet file with their types, as DuckDB names them.

    Raises
    ------
    UnreadableData
        If it is no Parquet file.
    """
    with _duckdb(path) as connection:
        rows = connection.execute(f"describe from read_parquet({literal(str(path))})").fetchall()
    return {name: kind for name, kind, *_ in rows}


class _Called:
    """What DuckDB calls for each value of one column."""

    def __init__(self, change: Change, kind: str) -> None:
        self.change = change
        self._made: dict[Any, Any] = {}
        mapper = change.mapper
        self._number = mapper is not None and mapper.output == "number" and kind in (*_WHOLE, *_BROKEN)
        self._whole = kind in _WHOLE
        self.returns = ("BIGINT" if self._whole else "DOUBLE") if self._number else "VARCHAR"
        self.failed: AequoError | None = None
        self.values = self.missing = self.lost = 0
        self.told: Callable[[], None] | None = None
        self.links: Callable[[Change, Sequence[Any], Sequence[Any]], None] | None = None

    def map(self, value: Any, person: Any) -> Any:
        """Return what replaces a value."""
        if self.told is not None and (self.values + self.missing) % _TOLD == 0:
            self.told()
        try:
            new, absent = self._made[value]
        except KeyError:
            if len(self._made) >= _REMEMBERED:
                self._made.clear()
            new, absent = self._made[value] = self._safe(self._new, value) or (None, False)
        if absent:
            self.missing += 1
            return new
        self.values += 1
        if self.links is not None and person is not None:
            self._safe(self.links, self.change, [new], [person])
        return new

    def _new(self, value: Any) -> tuple[Any, bool]:
        mapper = self.change.mapper
        if value is None or mapper is None:
            return None, True
        made = mapper.many([value])
        new = as_typed(made, whole=self._whole) if self._number else as_output(made, "text")
        return new[0], mapper.missing(value)

    def move(self, value: Any, person: Any) -> Any:
        """Return a date moved by its person's days."""
        mover = self.change.mover
        if mover is None or mover.missing(value):
            self.missing += 1
            return value
        self.values += 1
        if person not in self._made:
            if len(self._made) >= _REMEMBERED:
                self._made.clear()
            self._made[person] = (self._safe(mover.days, [person]) or [None])[0]
        new = mover.move(value, self._made[person])
        self.lost += new is None
        return new

    def _safe(self, run: Callable[..., Any], *given: Any) -> Any:
        # DuckDB would put the words of an exception into its own, and they are kept here instead.
        if self.failed is not None:
            return None
        try:
            return run(*given)
        except AequoError as error:
            self.failed = error
            return None


def rewrite_parquet(
    path: Path,
    target: Path,
    changes: Sequence[Change],
    *,
    progress: Progress | None = None,
    links: Callable[[Change, Sequence[Any], Sequence[Any]], None] | None = None,
    person: str | None = None,
) -> dict[str, Counted]:
    """Write a Parquet file with some columns replaced.

    Parameters
    ----------
    path, target : Path
        What is read, and what is written.
    changes : sequence of Change
        What happens to which column; all others keep type and value.
    progress : callable, optional
        Is told how far it is.
    links : callable, optional
        Is told the pseudonyms that a change made, and their people.
    person : str, optional
        The column of the people.

    Returns
    -------
    dict of str to Counted
        For each column how many values were replaced.

    Raises
    ------
    UnreadableData
        If the file is no Parquet file.
    InputError
        If a column is of a type that cannot be replaced.
    OutputError
        If it cannot be written.
    """
    types = parquet_columns(path)
    called = []
    with _duckdb(path, target) as connection:
        total = connection.execute(f"select count(*) from read_parquet({literal(str(path))})").fetchall()[0][0]  # noqa: S608
        replaced = []
        for index, change in enumerate(changes):
            call = _Called(change, types[change.column])
            call.links = links if change.mapper is not None else None
            called.append(call)
            replaced.append(_register(connection, f"aequo_{index}", call, types, person))
        if called and progress is not None:
            told, first = progress, called[0]
            first.told = lambda: told((first.values + first.missing) / max(total, 1), first.values + first.missing)
        query = f"from read_parquet({literal(str(path))}) select * replace ({', '.join(replaced)})"
        connection.execute(f"copy ({query}) to {literal(str(target))} (format parquet)")
    for call in called:
        if call.failed is not None:
            raise call.failed
    return {call.change.column: Counted(call.values, call.missing, call.lost) for call in called}


def _register(connection: Any, name: str, call: _Called, types: dict[str, str], person: str | None) -> str:
    """Register a function for one column, and return the SQL that calls it."""
    column = call.change.column
    kind = _known(types[column], column)
    who = call.change.person or person
    person_kind = _known(types[who], who) if who is not None else "VARCHAR"
    person_sql = quoted(who) if who is not None else "null::varchar"
    run, returns = (call.map, call.returns) if call.change.mover is None else (call.move, kind)
    connection.create_function(name, run, [kind, person_kind], returns, null_handling="special", side_effects=True)
    return f"{name}({quoted(column)}::{kind}, {person_sql}::{person_kind}) as {quoted(column)}"


def _known(kind: str, column: str) -> str:
    if kind.startswith("ENUM"):
        return "VARCHAR"
    if kind not in _PLAIN and not kind.startswith(("DECIMAL", "TIMESTAMP_")):
        raise InputError(f"the column {column!r} holds {kind.lower()}, whose values cannot be replaced; cast it first.")
    return kind
