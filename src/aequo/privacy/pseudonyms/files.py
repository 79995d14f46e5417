"""Replace columns of files that may be larger than memory; what is written is whole or not there at all."""

from __future__ import annotations

import csv
import decimal
import gzip
import io
import os
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import msgspec

from aequo.errors import InputError, OutputError, UnknownColumn, UnreadableData, did_you_mean
from aequo.privacy.csv_lines import csv_writer
from aequo.privacy.pseudonyms.records import Rewriter
from aequo.privacy.pseudonyms.replacing import Change, Counted, moved_values

__all__ = [
    "Progress",
    "check_columns",
    "csv_columns",
    "file_format",
    "must_be_file",
    "rewrite_csv",
    "rewrite_json_lines",
    "whole",
]

Progress = Callable[[float, int], None]
"""Is told the share of the input that was read, from 0 to 1, and the rows so far."""

_FORMATS = {".csv": "csv", ".tsv": "csv", ".jsonl": "json lines", ".ndjson": "json lines", ".parquet": "parquet"}
_ENCODINGS = ("utf-8", "latin-1", "utf-16")
_DELIMITERS = (",", ";", "\t", "|")
_ROWS = 10_000
_REMEMBERED = 500_000


def file_format(path: Path) -> str:
    """Return ``csv``, ``json lines`` or ``parquet``, by the name of a file.

    Raises
    ------
    InputError
        If the name tells none of them.
    """
    suffixes = [s.lower() for s in path.suffixes]
    packed = suffixes[-1:] == [".gz"]
    ending = suffixes[-2 if packed else -1] if len(suffixes) > packed else ""
    if ending not in _FORMATS or (packed and ending == ".parquet"):
        known = ".csv, .tsv, .jsonl, .ndjson (each also .gz) or .parquet"
        raise InputError(f"{path.name}: cannot tell the format from its name, expected {known}.")
    return _FORMATS[ending]


def must_be_file(path: Path) -> None:
    """Make sure that there is such a file.

    Raises
    ------
    UnreadableData
        If there is none, or it is empty.
    """
    if path.is_dir():
        raise UnreadableData(f"{path.name} is a folder, expected a file.")
    if not path.is_file():
        near = did_you_mean(path.name, [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else [])
        raise UnreadableData(f"there is no file {path.name!r}.{near}")
    if path.stat().st_size == 0:
        raise UnreadableData(f"{path.name} is empty (0 bytes).")


@contextmanager
def whole(target: Path, *, overwrite: bool) -> Iterator[Path]:
    """Give a path beside `target` to write to; once all is well it takes the target's place, else it is removed.

    Raises
    ------
    OutputError
        If the target is there and may not be replaced, or it cannot be written.
    """
    if os.path.lexists(target) and not overwrite:
        raise OutputError(f"{target.name} is there already, and is not overwritten unless you ask for it.")
    if not target.parent.is_dir():
        raise OutputError(f"{target.name} cannot be written: there is no folder {str(target.parent)!r}.")
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(target)
        with suppress(OSError):
            folder = os.open(target.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
    except OSError as error:
        if isinstance(error, (UnreadableData, OutputError)) or error.errno is None:
            raise
        raise OutputError(f"{target.name} cannot be written: {error.strerror}.") from None
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


class _Source:
    """A text file that is read once, and knows how far it is."""

    def __init__(self, path: Path, encoding: str, stack: ExitStack) -> None:
        if encoding not in _ENCODINGS:
            hint = did_you_mean(encoding, _ENCODINGS)
            raise InputError(f"the encoding is {encoding!r}, expected 'utf-8', 'latin-1' or 'utf-16'.{hint}")
        self._path, self._encoding = path, encoding
        try:
            self._raw: IO[bytes] = stack.enter_context(path.open("rb"))
        except OSError as error:
            raise UnreadableData(f"{path.name} cannot be read: {error.strerror}.") from None
        self._size = max(1, os.fstat(self._raw.fileno()).st_size)
        plain: Any = self._raw
        if path.suffix.lower() == ".gz":
            plain = stack.enter_context(gzip.GzipFile(fileobj=self._raw))
        self.text = stack.enter_context(io.TextIOWrapper(plain, encoding, newline=""))

    def share(self) -> float:
        """Return the share of the file that was read."""
        return min(1.0, self._raw.tell() / self._size)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Say in one sentence what is wrong with the file; the errors of the readers hold pieces of it."""
        name = self._path.name
        try:
            yield
        except UnicodeError:
            raise UnreadableData(f"{name} is not {self._encoding} text; give the encoding it is written in.") from None
        except csv.Error:
            raise UnreadableData(f"{name} cannot be read as CSV: a field is longer than 131,072 characters.") from None
        except (gzip.BadGzipFile, EOFError):
            raise UnreadableData(f"{name} is not a gzip file, whatever its name says, or it is cut short.") from None


def _sink(path: Path, packed: bool, encoding: str, stack: ExitStack) -> IO[str]:
    raw: Any = stack.enter_context(path.open("xb"))
    if packed:
        # No time and no name in the header: the same rows give the same bytes.
        raw = stack.enter_context(gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=raw, mtime=0))
    return stack.enter_context(io.TextIOWrapper(raw, encoding, newline="", write_through=False))


# -- CSV --------------------------------------------------------------------------------------------------------------


def _dialect(path: Path, first: str) -> tuple[str, str]:
    """Return the delimiter and the end of a line."""
    unquoted = "".join(first.split('"')[::2])
    tabs = ".tsv" in [s.lower() for s in path.suffixes]
    return "\t" if tabs else max(_DELIMITERS, key=unquoted.count), "\r\n" if first.endswith("\r\n") else "\n"


def csv_columns(path: Path, encoding: str) -> list[str]:
    """Return the names of the columns of a CSV file.

    Raises
    ------
    UnreadableData
        If there is no line with names.
    """
    with ExitStack() as stack:
        source = _Source(path, encoding, stack)
        with source.reading():
            first = source.text.readline()
        delimiter, _ = _dialect(path, first)
        names = next(csv.reader([first.removeprefix("\ufeff")], delimiter=delimiter), [])
    if not names:
        raise UnreadableData(f"{path.name}: the first line is blank, expected the names of the columns.")
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"{path.name} has two columns named {name!r}; rename one.")
    return names


def rewrite_csv(
    path: Path,
    target: Path,
    changes: Sequence[Change],
    *,
    packed: bool,
    encoding: str,
    progress: Progress | None = None,
    links: Callable[[Change, Sequence[Any], Sequence[Any]], None] | None = None,
    person: str | None = None,
    rows: int = _ROWS,
) -> dict[str, Counted]:
    """Write a CSV file with some columns replaced, a few thousand rows at a time.

    Parameters
    ----------
    path, target : Path
        What is read, and what is written; `packed` says whether that is gzip.
    changes : sequence of Change
        What happens to which column. All other text stays as it is, but for quotes that are not needed.
    packed : bool
        Whether to write gzip.
    encoding : str
        Of both files.
    progress : callable, optional
        Is told how far it is.
    links : callable, optional
        Is told the pseudonyms that a change made, and their people.
    person : str, optional
        The column of the people.
    rows : int
        Rows at a time; the result does not depend on it.

    Returns
    -------
    dict of str to Counted
        For each column how many values were replaced.

    Raises
    ------
    UnreadableData
        If the file is no CSV, or a line has more or fewer fields than there are columns.
    """
    names = csv_columns(path, encoding)
    counted = {change.column: Counted(0, 0) for change in changes}
    made: dict[str, dict[Any, Any]] = {change.column: {} for change in changes}
    done = 0
    with ExitStack() as stack:
        source = _Source(path, encoding, stack)
        sink = _sink(target, packed, encoding, stack)
        with source.reading():
            first = source.text.readline()
            delimiter, newline = _dialect(path, first)
            reader = csv.reader(source.text, delimiter=delimiter)
            writer = csv_writer(sink, delimiter=delimiter, newline=newline)
            if first.startswith("\ufeff"):
                sink.write("\ufeff")
            writer.writerow(names)
            for chunk in _chunks(reader, len(names), rows, path):
                people = [row[names.index(person)] for row in chunk] if person is not None else None
                new = {}
                for change in changes:
                    new[change.column], count = _column(chunk, names, change, made[change.column])
                    counted[change.column] += count
                    if links is not None and people is not None:
                        links(change, new[change.column], people)
                for column, values in new.items():
                    position = names.index(column)
                    for row, value in zip(chunk, values, strict=True):
                        row[position] = value
                writer.writerows(chunk)
                done += len(chunk)
                if progress is not None:
                    progress(source.share(), done)
    return counted


def _chunks(reader: Any, width: int, size: int, path: Path) -> Iterator[list[list[str]]]:
    chunk: list[list[str]] = []
    for row in reader:
        if len(row) != width:
            if row:
                line = reader.line_num + 1
                raise UnreadableData(f"{path.name}: line {line:,} has {len(row)} fields, expected {width}.")
            if width > 1:
                continue  # a blank line is no row
            row.append("")
        chunk.append(row)
        if len(chunk) >= size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _column(
    chunk: list[list[str]], names: Sequence[str], change: Change, made: dict[str, str]
) -> tuple[list[str], Counted]:
    """Return what replaces a column's values, and how many that were; `made` remembers from chunk to chunk."""
    position = names.index(change.column)
    values = [row[position] for row in chunk]
    if change.mover is not None:
        people = [row[names.index(str(change.person))] for row in chunk]
        distinct = list(dict.fromkeys(people))
        days = dict(zip(distinct, change.mover.days(distinct), strict=True))
        moved, counted = moved_values(change.mover, values, [days[who] for who in people])
        return ["" if value is None else value for value in moved], counted
    if change.mapper is None:
        return values, Counted(0, 0)
    if len(made) > _REMEMBERED:
        made.clear()
    seen = dict.fromkeys(values)
    fresh = [value for value in seen if value not in made]
    made.update(zip(fresh, change.mapper.many(fresh), strict=True))
    absent = {value for value in seen if change.mapper.missing(value)}
    missing = sum(value in absent for value in values) if absent else 0
    return [made[value] for value in values], Counted(len(values) - missing, missing)


# -- JSON lines -------------------------------------------------------------------------------------------------------


def rewrite_json_lines(
    path: Path,
    target: Path,
    rewriter: Rewriter,
    *,
    packed: bool,
    encoding: str,
    progress: Progress | None = None,
    before: Callable[[int], None] | None = None,
    after: Callable[[int], None] | None = None,
    rows: int = _ROWS,
) -> int:
    """Write a JSON-lines file with some fields replaced, line by line, and return how many records there were.

    Parameters
    ----------
    path, target : Path
        What is read, and what is written.
    rewriter : Rewriter
        Replaces the fields of each record.
    packed : bool
        Whether to write gzip.
    encoding : str
        Of both files.
    progress : callable, optional
        Is told how far it is.
    before : callable, optional
        Is called before each record, with the number of those before it.
    after : callable, optional
        Is called with the number of records so far, every `rows` records and at the end; an error it raises ends the
        writing.
    rows : int
        See `after`; the result does not depend on it.

    Raises
    ------
    UnreadableData
        If a line is no record.
    """
    decode = msgspec.json.Decoder(float_hook=decimal.Decimal).decode  # 1.10 stays 1.10
    encode = msgspec.json.Encoder(decimal_format="number").encode
    done = 0
    with ExitStack() as stack:
        source = _Source(path, encoding, stack)
        sink = _sink(target, packed, encoding, stack)
        with source.reading():
            for number, line in enumerate(source.text, 1):
                text = line.removeprefix("\ufeff").strip()
                if not text:
                    continue
                try:
                    record = decode(text)
                except (msgspec.DecodeError, RecursionError, decimal.InvalidOperation):
                    record = None
                if not isinstance(record, Mapping):
                    raise UnreadableData(f"{path.name}: line {number:,} is no JSON record, expected one on each line.")
                if before is not None:
                    before(done)
                sink.write(encode(rewriter.record(record)).decode() + "\n")
                done += 1
                if done % rows == 0:
                    if after is not None:
                        after(done)
                    if progress is not None:
                        progress(source.share(), done)
    if after is not None:
        after(done)
    return done


def check_columns(names: Sequence[str], wanted: Sequence[str], source: str) -> None:
    """Make sure that the columns are there.

    Raises
    ------
    UnknownColumn
        If one is not.
    """
    for column in wanted:
        if column not in names:
            hint = did_you_mean(column, names) or f" Columns: {', '.join(names)}."
            raise UnknownColumn(f"{source} has no column {column!r}.{hint}")
