"""The ends of lines in CSV files that are written anew."""

from __future__ import annotations

import csv
from typing import IO, Any

__all__ = ["csv_writer"]


def csv_writer(out: IO[str], *, delimiter: str, newline: str) -> Any:
    r"""Return a `csv.writer` that ends lines as told, and quotes every value that holds a line break.

    Told to end lines with a line feed, Python's own would forget to quote a carriage return in a value, and the row
    would be read back as two.

    Parameters
    ----------
    out : text file
        Opened with ``newline=""``.
    delimiter : str
        Between values.
    newline : str
        Such as ``"\n"``.

    Examples
    --------
    >>> import io
    >>> out = io.StringIO(newline="")
    >>> _ = csv_writer(out, delimiter=",", newline="\n").writerow(["a\rb", "c"])
    >>> out.getvalue()
    '"a\rb",c\n'
    """
    ended = out if newline == "\r\n" else _Ended(out, newline)
    return csv.writer(ended, delimiter=delimiter, lineterminator="\r\n")


class _Ended:
    """Takes rows that end with a carriage return and a line feed, and ends them otherwise."""

    def __init__(self, out: IO[str], newline: str) -> None:
        self._out = out
        self._newline = newline

    def write(self, row: str) -> int:
        return self._out.write(row[:-2] + self._newline)
