"""Files with the required columns alone: read and written as a stream, and each whole or not at all."""

from __future__ import annotations

import csv
import errno
import glob
import gzip
import io
import itertools
import os
import re
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, TextIO

import msgspec

from aequo.errors import InputError, UnreadableData, did_you_mean
from aequo.privacy.csv_lines import csv_writer
from aequo.privacy.minimisation.minimise import Minimised, absent, pruned, wanted
from aequo.privacy.pseudonyms.files import file_format, must_be_file, whole

__all__ = ["minimise_file"]

_DELIMITERS = (",", ";", "\t", "|")
_ENCODINGS = ("utf-8", "latin-1", "utf-16")
_PACKED = ".gz"
_Raw = dict[str, msgspec.Raw]


def minimise_file(
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    required: Sequence[str] | str,
    overwrite: bool = False,
    encoding: str = "utf-8",
) -> Minimised[Path]:
    r"""Write a file that holds the required columns of another, and say what was left out.

    Parameters
    ----------
    source : path
        A CSV (also .tsv), JSON lines or Parquet file; text files may be packed (.gz). It may be larger than memory.
    out : path
        A file of the same format; written beside its place, flushed, and moved there when it is whole.
    required : str or sequence of str
        Columns to keep; in JSON lines also paths with points, such as ``"address.city"``.
    overwrite : bool
        Whether a file that is there already may be replaced.
    encoding : str
        Encoding of a CSV file, and of what is written: ``"utf-8"``, ``"latin-1"`` or ``"utf-16"``.

    Returns
    -------
    Minimised
        ``data`` is the path that was written, ``rows`` how many rows it has.

    Raises
    ------
    UnknownColumn
        If a required column is not there, or a record of JSON lines lacks a field.
    UnreadableData
        If the source is absent, empty or not what its name says.
    OutputError
        If `out` is there already, or cannot be written; nothing half-written is left.
    InputError
        If the formats differ, or `out` is the source.

    Notes
    -----
    Values are copied as they are written in the source: ``01`` stays ``01`` and a long number keeps its digits.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "people.csv").write_text("name,age\nAda,036\n")
    ...     small = minimise_file(f"{folder}/people.csv", f"{folder}/small.csv", required="age")
    ...     small.data.read_text(), small.dropped, small.rows
    ('age\n036\n', ('name',), 1)
    """
    names = wanted(required)
    here, there = Path(source).expanduser(), Path(out).expanduser()
    kind = file_format(here)
    _same_kind(here, there, kind)
    must_be_file(here)
    if encoding not in _ENCODINGS:
        near = did_you_mean(encoding, _ENCODINGS)
        raise InputError(f"the encoding is {encoding!r}, expected 'utf-8', 'latin-1' or 'utf-16'.{near}")
    seen: dict[str, None] = {}
    packed = there.suffix.lower() == _PACKED
    with whole(there, overwrite=overwrite) as place:
        if kind == "parquet":
            rows = _parquet(here, place, names, seen)
        elif kind == "csv":
            rows = _csv(here, place, packed, names, encoding, seen)
        else:
            rows = _json(here, place, packed, names, seen)
    return Minimised(data=there, kept=names, rows=rows, _seen=seen)


def _same_kind(here: Path, there: Path, kind: str) -> None:
    if file_format(there) != kind:
        raise InputError(f"{there.name} is of another format than {here.name}; give it the same ending.")
    if here.exists() and there.exists() and here.samefile(there):
        raise InputError(f"{there.name} is the source itself; write to another file, and remove the source yourself.")


# -- text -------------------------------------------------------------------------------------------------------------


def _opened(path: Path, mode: Literal["rt", "wt"], encoding: str, packed: bool) -> TextIO:
    if packed:
        return io.TextIOWrapper(gzip.open(path, "rb" if mode == "rt" else "wb"), encoding=encoding, newline="")
    return path.open(mode, encoding=encoding, newline="")


def _decoded(file: TextIO, path: Path, encoding: str) -> Iterator[str]:
    """Yield the lines; what cannot be decoded or unpacked is an error of the data, with no bytes of it."""
    try:
        yield from file
    except UnicodeError:
        raise UnreadableData(f"{path.name} is not {encoding} text; give the encoding it was written in.") from None
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise UnreadableData(f"{path.name} is not a whole gzip file, whatever its name says.") from None


def _csv(here: Path, place: Path, packed: bool, names: tuple[str, ...], encoding: str, seen: dict[str, None]) -> int:
    # A byte order mark is part of the encoding, not of the first column's name.
    reading = "utf-8-sig" if encoding == "utf-8" else encoding
    source_packed = here.suffix.lower() == _PACKED
    with _opened(here, "rt", reading, source_packed) as source, _opened(place, "wt", encoding, packed) as out:
        lines = _decoded(source, here, encoding)
        first = next(lines, "")
        delimiter = "\t" if ".tsv" in here.suffixes else max(_DELIMITERS, key=re.sub(r'"[^"]*"', "", first).count)
        rows = _csv_rows(itertools.chain([first], lines), delimiter, here)
        header = next(rows, [])
        if not any(header):
            raise UnreadableData(f"{here.name}: the first line is blank; expected the names of the columns.")
        positions = _positions(header, names, here.name, seen)
        writer = csv_writer(out, delimiter=delimiter, newline="\r\n" if first.endswith("\r\n") else "\n")
        writer.writerow([header[i] for i in positions])
        count = 0
        for row in rows:
            writer.writerow([row[i] for i in positions])
            count += 1
        return count


def _csv_rows(lines: Iterator[str], delimiter: str, path: Path) -> Iterator[list[str]]:
    """Yield the rows, all as wide as the header; blank lines are passed over, unless there is one column alone."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    width = 0
    try:
        for row in reader:
            if not width:
                width = len(row)
            if not row and width == 1:
                row = [""]  # noqa: PLW2901 - the one value of this row is empty
            if row and len(row) != width:
                raise UnreadableData(
                    f"{path.name}, line {reader.line_num:,}: {len(row)} values, but the header names {width} columns "
                    f"(delimiter {delimiter!r})."
                )
            if row or not width:
                yield row
    except csv.Error as error:
        raise UnreadableData(f"{path.name}, line {reader.line_num:,}: {error}.") from None


def _positions(columns: Sequence[str], names: tuple[str, ...], where: str, seen: dict[str, None]) -> list[int]:
    missing = [name for name in names if name not in columns]
    if missing:
        raise absent(missing, where, columns)
    for name in names:
        if columns.count(name) > 1:
            raise InputError(f"{where} has two columns named {name!r}; rename one.")
    seen.update(dict.fromkeys(c for c in columns if c not in names))
    return [i for i, column in enumerate(columns) if column in names]


def _json(here: Path, place: Path, packed: bool, names: tuple[str, ...], seen: dict[str, None]) -> int:
    source_packed = here.suffix.lower() == _PACKED
    count = 0
    with _opened(here, "rt", "utf-8-sig", source_packed) as source, _opened(place, "wt", "utf-8", packed) as out:
        for number, line in enumerate(_decoded(source, here, "utf-8"), start=1):
            if not line.strip():
                continue
            count += 1
            try:
                record = msgspec.json.decode(line, type=_Raw)
            except msgspec.DecodeError:
                raise UnreadableData(f"{here.name}, line {number:,}: expected one JSON record.") from None
            kept = pruned(record, names, f"{here.name}, line {number:,}", seen, _opened_json)
            out.write(msgspec.json.encode(kept).decode() + "\n")
    return count


def _opened_json(value: Any) -> Any:
    """Return a nested mapping, or a list of them, with its own values still as they were written."""
    start = bytes(value).lstrip()[:1]
    if start == b"{":
        return msgspec.json.decode(value, type=_Raw)
    if start != b"[":
        return None
    return [_opened_json(item) for item in msgspec.json.decode(value, type=list[msgspec.Raw])]


# -- Parquet ----------------------------------------------------------------------------------------------------------


def _parquet(here: Path, place: Path, names: tuple[str, ...], seen: dict[str, None]) -> int:
    import duckdb

    with duckdb.connect(config={"memory_limit": "1GB", "temp_directory": str(place.parent)}) as connection:
        try:
            columns = [name for name, *_ in connection.execute(f"DESCRIBE FROM {_scan(here)}").fetchall()]
        except duckdb.Error:
            raise UnreadableData(
                f"{here.name} is not a Parquet file, whatever its name says, or it is cut short."
            ) from None
        positions = _positions(columns, names, here.name, seen)
        chosen = ", ".join('"' + columns[i].replace('"', '""') + '"' for i in positions)
        # Rows keep their order, which is DuckDB's default, and stream from one file to the other.
        copy = f"COPY (SELECT {chosen} FROM {_scan(here)}) TO {_literal(place)} (FORMAT parquet, COMPRESSION zstd)"  # noqa: S608 - quoted
        try:
            return int(connection.execute(copy).fetchall()[0][0])
        except duckdb.IOException as error:
            raise OSError(errno.EIO, "the disk is full, or a part of the source cannot be read") from error
        except duckdb.Error as error:
            kind = type(error).__name__.removesuffix("Exception")
            raise UnreadableData(f"{here.name} cannot be read as Parquet ({kind}).") from None


def _scan(path: Path) -> str:
    return f"read_parquet([{_literal(glob.escape(str(path.resolve())))}])"


def _literal(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"
