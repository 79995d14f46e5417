"""From what a user has (a path, a frame, columns) to an engine that can count it."""

from __future__ import annotations

import codecs
import csv
import functools
import glob
import gzip
import hashlib
import io
import os
import re
import shutil
import sys
import tempfile
import weakref
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from aequo.core.engine import Engine
from aequo.errors import InputError, UnreadableData, did_you_mean

__all__ = ["digests", "engine_of", "interrupt"]

_FORMATS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".jsonl": "json",
    ".ndjson": "json",
    ".json": "json",
}
_CONNECTIONS: weakref.WeakSet[Any] = weakref.WeakSet()  # open ones, only to be able to stop them
_PACKED = (".gz", ".zst")
_DELIMITERS = (",", ";", "\t", "|")
_ENCODINGS = ("utf-8", "latin-1", "utf-16")  # those that DuckDB reads without an extension
_IN_MEMORY = 100_000_000
"""Text files up to this size are parsed once and kept; larger ones are parsed again for each question."""


def engine_of(data: Any, *, missing: tuple[str, ...], encoding: str) -> tuple[Engine, str, tuple[Path, ...]]:
    """Return the engine for some data, a name for people, and the files it comes from."""
    if isinstance(data, (str, os.PathLike)):
        return _files([os.fspath(data)], missing=missing, encoding=encoding)
    if isinstance(data, (list, tuple)) and data and all(isinstance(d, (str, os.PathLike)) for d in data):
        return _files([os.fspath(d) for d in data], missing=missing, encoding=encoding)
    from aequo.core.arrays import Arrays

    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(data, pandas.DataFrame):
        names = [str(c) for c in data.columns]
        _unique(names, "the pandas frame")
        return Arrays({n: data.iloc[:, i] for i, n in enumerate(names)}), "pandas frame", ()
    if isinstance(data, Mapping):
        return Arrays({str(k): v for k, v in data.items()}), "columns in memory", ()
    if isinstance(data, np.ndarray):
        raise InputError("a bare array has no column names; give a mapping such as {'sex': ..., 'approved': ...}.")
    return _frame(data)


def _frame(data: Any) -> tuple[Engine, str, tuple[Path, ...]]:
    import narwhals as nw

    from aequo.core.frames import Frame

    package = type(data).__module__.partition(".")[0].lstrip("_")
    kind = f"{package}.{type(data).__name__}"
    if kind == "pyarrow.Table":
        _unique(data.column_names, "the pyarrow table")
        connection = _connect()
        return Frame(nw.from_native(connection.from_arrow(data)), keep=connection), "pyarrow table", ()
    try:
        frame = nw.from_native(data)
    except TypeError:
        raise InputError(
            f"cannot read a {kind}; give a path, a pandas, polars, pyarrow, DuckDB or PySpark frame, or a mapping of "
            "column names to sequences."
        ) from None
    lazy = frame.lazy()
    names = {"duckdb": "DuckDB relation", "pyspark": "PySpark frame", "polars": "polars frame"}
    source = names.get(package, f"{package} frame")
    return Frame(lazy), source, ()


def _unique(names: Sequence[str], where: str) -> None:
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"{where} has two columns named {name!r}; rename one.")


# -- files ------------------------------------------------------------------------------------------------------------


def _files(given: Sequence[str], *, missing: tuple[str, ...], encoding: str) -> tuple[Engine, str, tuple[Path, ...]]:
    if encoding not in _ENCODINGS:
        known = "'utf-8', 'latin-1' or 'utf-16'"
        raise InputError(f"the encoding is {encoding!r}, expected {known}.{did_you_mean(encoding, _ENCODINGS)}")
    paths = [found for path in given for found in _paths(path)]
    seen = [p.resolve() for p in paths]
    for p, real in zip(paths, seen, strict=True):
        if seen.count(real) > 1:
            raise InputError(f"{p.name} is named twice; its rows would count twice.")
    source = paths[0].name if len(paths) == 1 else f"{len(paths)} files, {paths[0].name} to {paths[-1].name}"
    kinds = {p: _format(p) for p in paths}
    if len(set(kinds.values())) > 1:
        raise InputError(f"{source}: the files are of different kinds ({', '.join(sorted(set(kinds.values())))}).")
    for p in paths:
        _must_hold_bytes(p)
    kind = kinds[paths[0]]

    def query(connection: Any) -> str:
        if kind == "parquet":
            return _parquet(paths)
        return _json(connection, paths) if kind == "json" else _csv(connection, paths, missing, encoding)

    kept = kind != "parquet" and sum(map(_unpacked_size, paths)) <= _IN_MEMORY
    failed = functools.partial(_failure, paths=paths, source=source, encoding=encoding)
    return _open(query, failed, kept=kept), source, tuple(paths)


def _paths(path: str) -> list[Path]:
    if "://" in path:
        raise UnreadableData("only files on this machine can be read, no web addresses: download the file first.")
    here = Path(path).expanduser()
    if here.is_dir():
        raise UnreadableData(f"{here.name} is a folder; give a file, or a glob such as '{here.name}/*.parquet'.")
    if here.exists():
        return [here]
    if glob.has_magic(path):
        found = sorted(p for p in map(Path, glob.glob(str(here), recursive=True)) if p.is_file())  # noqa: PTH207 - any glob
        if not found:
            raise UnreadableData(f"no file matches {here.name!r}.")
        return found
    near = did_you_mean(here.name, [p.name for p in here.parent.iterdir()] if here.parent.is_dir() else [])
    raise UnreadableData(f"there is no file {here.name!r}.{near}")


def _format(path: Path) -> str:
    name = path.name.lower()
    for packed in _PACKED:
        name = name.removesuffix(packed)
    ending = Path(name).suffix
    if ending not in _FORMATS:
        known = ", ".join(_FORMATS)
        raise UnreadableData(f"{path.name}: cannot tell the format from its name; expected one of {known} (or .gz).")
    return _FORMATS[ending]


def _must_hold_bytes(path: Path) -> None:
    try:
        with path.open("rb") as file:
            start = file.read(1)
    except OSError as error:
        raise UnreadableData(f"{path.name} cannot be read: {error.strerror}.") from None
    if not start:
        raise UnreadableData(f"{path.name} is empty (0 bytes).")


def _connect(folder: str | None = None) -> Any:
    """Return a DuckDB connection that stays within 1 GB, spills to `folder`, and never uses the network."""
    import duckdb

    connection = duckdb.connect(
        ":memory:",
        config={
            "memory_limit": "1GB",
            "preserve_insertion_order": False,
            "temp_directory": folder or tempfile.gettempdir(),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        },
    )
    _CONNECTIONS.add(connection)
    return connection


def interrupt() -> None:
    """Stop the queries on files that run now; for another thread, when a signal asks the program to end."""
    for connection in list(_CONNECTIONS):
        connection.interrupt()


def _open(query: Callable[[Any], str], failed: Callable[[Exception], Exception], *, kept: bool) -> Engine:
    """Return an engine over what the query reads; `kept` parses it once into memory (or the folder, past 1 GB)."""
    import duckdb
    import narwhals as nw

    from aequo.core.frames import Frame, stopped

    def translate(error: Exception) -> BaseException:
        if stopped(error):
            return KeyboardInterrupt()
        return failed(error) if isinstance(error, duckdb.Error) else error

    with ExitStack() as stack:
        folder = tempfile.mkdtemp(prefix="aequo-")
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        connection = _connect(folder)
        try:
            connection.execute(f"CREATE {'TABLE' if kept else 'VIEW'} aequo_data AS {query(connection)}")
            engine = Frame(nw.from_native(connection.table("aequo_data")), translate=translate, keep=connection)
        except (duckdb.Error, RuntimeError) as error:
            raise translate(error) from None
        weakref.finalize(engine, stack.pop_all().close)
    return engine


def _unpacked_size(path: Path) -> int:
    return path.stat().st_size * (8 if path.suffix.lower() in _PACKED else 1)


def _literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _list(paths: Sequence[Path]) -> str:
    return "[" + ", ".join(_literal(glob.escape(str(p.resolve()))) for p in paths) + "]"


def _parquet(paths: list[Path]) -> str:
    return f"FROM read_parquet({_list(paths)}, union_by_name = true)"


def _json(connection: Any, paths: list[Path]) -> str:
    lines = "auto" if all(".json" in p.suffixes for p in paths) else "newline_delimited"
    call = f"read_json({_list(paths)}, format = '{lines}', union_by_name = true"
    types = connection.execute(f"DESCRIBE FROM {call}, sample_size = -1)").fetchall()
    columns = ", ".join(f"{_literal(name)}: {_literal(kind)}" for name, kind, *_ in types)
    return f"FROM {call}, columns = {{{columns}}})"


def _csv(connection: Any, paths: list[Path], missing: tuple[str, ...], encoding: str) -> str:
    """Return the query for CSV files, with the dialect from the header and the types from all the rows."""
    delimiters = {p: _header(p, encoding)[1] for p in paths}
    if len(set(delimiters.values())) > 1:
        raise InputError("the files use different delimiters; write them alike.")
    options = (
        f"header = true, skip = 0, comment = '', quote = '\"', escape = '\"', null_padding = false, "
        f"union_by_name = true, delim = {_literal(delimiters[paths[0]])}, encoding = {_literal(encoding)}, "
        f"nullstr = [{', '.join(map(_literal, dict.fromkeys(('', *missing))))}]"
    )
    call = f"read_csv({_list(paths)}, {options}"
    # Only numbers are told from text here: DuckDB would make booleans of yes/no and dates of 01/02/2020.
    sniffed = "auto_type_candidates = ['BIGINT', 'DOUBLE', 'VARCHAR'], sample_size = -1"
    described = connection.execute(f"DESCRIBE FROM {call}, {sniffed})").fetchall()
    types = {name: kind for name, kind, *_ in described}
    columns = ", ".join(f"{_literal(name)}: {_literal(kind)}" for name, kind in types.items())
    query = f"FROM {call}, types = {{{columns}}})"
    replaced = _replaced(connection, query, [name for name, kind in types.items() if kind == "VARCHAR"])
    return f"{query} SELECT * REPLACE ({', '.join(replaced)})" if replaced else query


def _replaced(connection: Any, query: str, texts: Sequence[str]) -> list[str]:
    """Return casts for text columns that hold nothing but true and false, or nothing at all."""
    if not texts:
        return []
    tests = ", ".join(f"bool_and(lower({_quoted(t)}) IN ('true', 'false'))" for t in texts)
    found = connection.execute(f"{query} SELECT {tests}").fetchall()[0]
    types = {True: "BOOLEAN", None: "DOUBLE"}  # without any value it may be an outcome, a score or a group
    return [
        f"CAST({_quoted(text)} AS {types[only]}) AS {_quoted(text)}"
        for text, only in zip(texts, found, strict=True)
        if only in types
    ]


def _header(path: Path, encoding: str) -> tuple[list[str], str]:
    """Return the column names of a CSV file and the delimiter between them."""
    with _text(path, encoding) as file:
        try:
            line = file.readline()
        except (UnicodeError, OSError, EOFError) as error:
            raise _undecodable(path, encoding) or UnreadableData(f"{path.name} cannot be read: {error}.") from None
    delimiter = "\t" if ".tsv" in path.suffixes else max(_DELIMITERS, key=_unquoted(line).count)
    names = next(csv.reader([line.lstrip("\ufeff")], delimiter=delimiter), [])
    if not names:
        raise UnreadableData(f"{path.name}: the first line is blank; expected the names of the columns.")
    _unique([n.casefold() for n in names], path.name)
    return names, delimiter


def _unquoted(line: str) -> str:
    return re.sub(r'"[^"]*"', "", line)


def _text(path: Path, encoding: str) -> io.TextIOBase:
    if path.suffix.lower() == ".gz":
        return gzip.open(path, "rt", encoding=encoding, newline="")
    return path.open(encoding=encoding, newline="")


# -- what went wrong --------------------------------------------------------------------------------------------------


def _failure(error: Exception, *, paths: Sequence[Path], source: str, encoding: str) -> Exception:
    """Say in one sentence why DuckDB could not read the files; its own words hold rows of the data."""
    import duckdb

    if isinstance(error, duckdb.OutOfMemoryException):
        return UnreadableData(
            f"{source}: 1 GB of memory, or the space for temporary files, was not enough to count it."
        )
    for path in paths:
        kind = _format(path)
        if kind == "csv":
            found = _undecodable(path, encoding) or _ragged(path, encoding)
            if found is not None:
                return found
        elif kind == "parquet" and not _is_parquet(path):
            return UnreadableData(f"{path.name} is not a Parquet file, whatever its name says, or it is cut short.")
    if (line := re.search(r"at byte (\d+) in line (\d+)", str(error))) is not None:
        return UnreadableData(f"{source} is not JSON with one record per line: see line {line.group(2)}.")
    if (line := re.search(r"CSV Error on Line: (\d+)", str(error))) is not None:
        return UnreadableData(f"{source} cannot be read as CSV: see line {line.group(1)}.")
    what = {"csv": "CSV with one header line", "json": "JSON lines", "parquet": "Parquet"}[_format(paths[0])]
    return UnreadableData(f"{source} cannot be read as {what} ({type(error).__name__.removesuffix('Exception')}).")


def _undecodable(path: Path, encoding: str) -> UnreadableData | None:
    decoder = codecs.getincrementaldecoder(encoding)()
    position = 0
    try:
        with gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb") as file:
            while block := file.read(1 << 20):
                decoder.decode(block)
                position += len(block)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        hint = "Save it as UTF-8, or give the encoding 'latin-1' if it comes from an older spreadsheet."
        if error.object[:2] in (b"\xff\xfe", b"\xfe\xff"):
            hint = "It looks like UTF-16: give the encoding 'utf-16'."
        if encoding != "utf-8":
            hint = "Give the encoding it was written in."
        where = max(0, position + error.start)
        return UnreadableData(f"{path.name} is not {encoding} text: byte 0x{byte:02X} near position {where:,}. {hint}")
    except (OSError, EOFError, zlib.error):
        return UnreadableData(f"{path.name} is not a whole gzip file, whatever its name says.")
    return None


def _ragged(path: Path, encoding: str) -> UnreadableData | None:
    if path.suffix.lower() == ".zst":
        return None
    names, delimiter = _header(path, encoding)
    with _text(path, encoding) as file:
        rows = csv.reader(file, delimiter=delimiter, strict=True)
        try:
            for row in rows:
                if row and len(row) != len(names):
                    return UnreadableData(
                        f"{path.name}, line {rows.line_num}: {len(row)} values, but the header names {len(names)} "
                        f"columns (delimiter {delimiter!r})."
                    )
        except csv.Error as error:
            return UnreadableData(f"{path.name}, line {rows.line_num}: {error}.")
    return None


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(4)
        file.seek(max(0, path.stat().st_size - 4))
        return start == file.read(4) == b"PAR1"


def digests(paths: Sequence[Path]) -> dict[str, str]:
    """Return file name to ``sha256:...`` of the file's bytes, read in blocks."""
    out: dict[str, str] = {}
    for path in paths:
        try:
            with path.open("rb") as file:
                found = "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise UnreadableData(f"{path.name} cannot be read: {error.strerror}.") from None
        name = path.name if path.name not in out else f"{path.parent.name}/{path.name}"
        out[name] = found
    return out
