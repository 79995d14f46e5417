"""A store that is files: rows of CSV and JSON-lines files whose column names the person."""

from __future__ import annotations

import contextlib
import csv
import glob
import json
import os
import secrets
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from aequo.errors import InputError
from aequo.privacy.erasure.stores import NotReached

__all__ = ["FileStore"]

_ENDINGS = {".csv": "csv", ".jsonl": "json", ".ndjson": "json"}


class FileStore:
    r"""Files as a store. A file with rows on the person is written anew without them, whole or not at all.

    The bytes of all other rows stay as they are.

    Parameters
    ----------
    name : str
        Its name in receipts.
    files : sequence of str
        Paths or patterns such as ``exports/*.csv``; files end in .csv, .jsonl or .ndjson, in UTF-8.
    column : str
        Column, or field of each record, that holds the person's id.
    after : sequence of str
        Stores that have to be erased before.
    keep : str
        Why this one must not be erased; empty if it may.

    Raises
    ------
    InputError
        If a name has another ending.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = Path(folder.name, "calls.csv")
    >>> _ = path.write_bytes(b"person,minutes\r\np-1,3\r\np-2,7\r\n")
    >>> calls = FileStore(name="calls", files=[f"{folder.name}/*.csv"], column="person")
    >>> list(calls.find("p-1")), calls.erase("p-1"), path.read_bytes()
    ([{'file': 'calls.csv', 'person': 'p-1', 'minutes': '3'}], 1, b'person,minutes\r\np-2,7\r\n')
    >>> folder.cleanup()
    """

    def __init__(
        self, *, name: str, files: Sequence[str], column: str, after: Sequence[str] = (), keep: str = ""
    ) -> None:
        self.name, self.after, self.keep = name, tuple(after), keep
        self._files, self._column = tuple(files), column
        for pattern in self._files:
            if Path(pattern).suffix.lower() not in _ENDINGS:
                raise InputError(f"the store {name!r} has a file name that does not end in .csv, .jsonl or .ndjson.")

    def __repr__(self) -> str:
        return f"FileStore({self.name})"

    def find(self, subject: str) -> Iterator[dict[str, Any]]:
        """Return the rows on a person, each with the name of its file.

        Raises
        ------
        NotReached
            If a file cannot be read, or lacks the column.
        """
        for path in self._paths():
            for _, record, _ in self._matching(path, subject, chosen=True):
                yield {"file": path.name, **record}

    def erase(self, subject: str) -> int:
        """Remove the rows on a person; return how many there were.

        Raises
        ------
        NotReached
            If a file cannot be read or written; the files before it are done.
        """
        return sum(self._rewrite(path, subject) for path in self._paths())

    def _paths(self) -> list[Path]:
        found: set[Path] = set()
        for pattern in self._files:
            # Path.glob knows no absolute patterns.
            names = glob.glob(str(Path(pattern).expanduser()), recursive=True)  # noqa: PTH207
            if not names and not glob.has_magic(pattern):
                raise NotReached("a file of it is not there")
            found.update(Path(name).resolve() for name in names)
        return sorted(path for path in found if path.is_file())

    def _matching(self, path: Path, subject: str, *, chosen: bool) -> Iterator[tuple[bytes, dict[str, Any], bool]]:
        """Return (bytes, record, whether it is on the person) of each record; the header of a CSV has no record."""
        wanted = unicodedata.normalize("NFC", subject)
        read = _csv_records if _ENDINGS[path.suffix.lower()] == "csv" else _json_records
        try:
            for raw, record in read(path, self._column):
                value = record.get(self._column) if record is not None else None
                match = value is not None and unicodedata.normalize("NFC", str(value)) == wanted
                if match or not chosen:
                    yield raw, record or {}, match
        except OSError as error:
            raise NotReached(f"a file of it cannot be read: {(error.strerror or 'no reason given').lower()}") from None
        except (ValueError, csv.Error, RecursionError):
            raise NotReached("a file of it is not what its ending says, or not in UTF-8") from None

    def _rewrite(self, path: Path, subject: str) -> int:
        _clear(path)
        if not any(True for _ in self._matching(path, subject, chosen=True)):
            return 0
        count, before = 0, _state(path)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
        try:
            with temporary.open("xb") as file:
                temporary.chmod(path.stat().st_mode & 0o7777)
                for raw, _, match in self._matching(path, subject, chosen=False):
                    count += match
                    if not match:
                        file.write(raw)
                file.flush()
                os.fsync(file.fileno())
            if _state(path) != before:
                raise NotReached("a file of it was written to meanwhile")
            temporary.replace(path)
            with contextlib.suppress(OSError):  # not every system lets a directory be opened
                folder = os.open(path.parent, os.O_RDONLY)
                try:
                    os.fsync(folder)
                finally:
                    os.close(folder)
        except OSError as error:
            reason = (error.strerror or "no reason given").lower()
            raise NotReached(f"a file of it cannot be written: {reason}") from None
        finally:
            temporary.unlink(missing_ok=True)
        return count


def _clear(path: Path) -> None:
    """Remove what a process left that was killed while it wrote: it holds data that no store knows of."""
    if os.name != "posix":  # elsewhere there is no harmless way to ask whether a process lives
        return
    for leftover in path.parent.glob(f".{glob.escape(path.name)}.*.*.tmp"):
        number = leftover.name.split(".")[-3]
        try:
            os.kill(int(number), 0)
        except (ValueError, OverflowError, PermissionError):
            continue  # not one of ours, or of somebody else's process
        except ProcessLookupError:
            leftover.unlink(missing_ok=True)


def _state(path: Path) -> tuple[int, int, int]:
    """Return what changes when somebody writes to a file."""
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def _csv_records(path: Path, column: str) -> Iterator[tuple[bytes, dict[str, Any] | None]]:
    """Return the bytes and values of each record; a record goes on while a quote is open."""
    header: list[str] | None = None
    delimiter = ","
    for raw in _records(path):
        text = raw.decode("utf-8-sig" if header is None else "utf-8")
        if header is None:
            delimiter = max(",;\t|", key=text.count)
        rows = list(csv.reader([text], delimiter=delimiter, strict=True)) if text.strip("\r\n") else []
        if not rows:
            yield raw, None
        elif header is None:
            header = rows[0]
            if column not in header:
                raise NotReached(f"a file of it has no column {column!r}")
            yield raw, None
        elif len(rows[0]) != len(header):
            raise ValueError
        else:
            yield raw, dict(zip(header, rows[0], strict=True))


def _records(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        waiting = b""
        for line in file:
            waiting += line
            if waiting.count(b'"') % 2 == 0:
                yield waiting
                waiting = b""
        if waiting:
            yield waiting


def _json_records(path: Path, column: str) -> Iterator[tuple[bytes, dict[str, Any] | None]]:
    with path.open("rb") as file:
        for raw in file:
            record = json.loads(raw) if raw.strip() else None
            if record is not None and not isinstance(record, dict):
                raise ValueError
            if record is not None and column not in record:
                raise NotReached(f"a record in a file of it has no field {column!r}")
            yield raw, record
