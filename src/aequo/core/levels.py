"""Canonical text of a value that names a group or a class, the same whichever engine held it."""

from __future__ import annotations

import datetime as dt
import decimal
import math
import unicodedata
from collections.abc import Collection, Iterable
from typing import Any

__all__ = ["MISSING", "Level", "level", "shown", "sort_levels"]

Level = str | None
"""Canonical text of a value; None where it is missing."""

MISSING = "(missing)"
"""How a missing value is shown to people."""


def level(value: Any, *, missing: Collection[str] = ("",)) -> Level:
    """Return the canonical text of one value, or None if it is missing.

    pandas turns an integer column with a gap into floats, DuckDB keeps integers, Spark calls a date something else: the
    same data must give the same groups, so values become text by fixed rules. Whole floats are written as integers,
    midnight time stamps
    as dates, time stamps with a zone in UTC, booleans as ``True`` and ``False``, and text is put into Unicode normal
    form C.

    Parameters
    ----------
    value : Any
        Value of a group, label or prediction column.
    missing : collection of str
        Texts that mean "missing", beside None, NaN and NaT.

    Examples
    --------
    >>> [level(v) for v in (1, 1.0, 1.5, True, "a", "", None, float("nan"))]
    ['1', '1', '1.5', 'True', 'a', None, None, None]
    """
    if isinstance(value, str):
        # A subclass such as numpy.str_ becomes plain text: JSON encoders refuse it.
        text: Level = unicodedata.normalize("NFC", str.__str__(value))
    else:
        if hasattr(value, "item") and not isinstance(value, (dt.date, dt.timedelta)):
            value = _plain(value)
        text = _text(value)
    return None if text is None or text in missing else text


def _plain(value: Any) -> Any:
    """Return the Python value of a numpy scalar."""
    if type(value).__name__ == "datetime64":  # in nanoseconds its item is a bare integer
        value = value.astype("datetime64[us]")
    return value.item()


def _text(value: Any) -> Level:
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return None
    if isinstance(value, bool):
        return "True" if value else "False"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, (float, decimal.Decimal)):
        number = float(value)
        if math.isnan(number):
            return None
        return str(int(number)) if number.is_integer() and abs(number) < 2**63 else repr(number)
    if isinstance(value, dt.date):
        return _date_text(value)
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return unicodedata.normalize("NFC", str(value))


def _date_text(value: dt.date) -> str:
    if not isinstance(value, dt.datetime):
        return value.isoformat()
    if value.tzinfo is not None:
        return dt.datetime.isoformat(value.astimezone(dt.UTC))
    if value.time() == dt.time(0):
        return value.date().isoformat()
    return dt.datetime.isoformat(value)  # pandas' own method would add nanoseconds


def shown(value: Level) -> str:
    """Return the text for people: ``(missing)`` stands for None, and a value that reads so is put in quotes.

    Examples
    --------
    >>> shown(None)
    '(missing)'
    """
    return MISSING if value is None else f"'{value}'" if value == MISSING else value


def sort_levels(levels: Iterable[Level]) -> list[Level]:
    """Sort numbers as numbers, then text, then missing.

    Examples
    --------
    >>> sort_levels(["b", "10", None, "9", "a"])
    ['9', '10', 'a', 'b', None]
    """
    return sorted(levels, key=_order)


def _order(value: Level) -> tuple[int, float, str]:
    if value is None:
        return (2, 0.0, "")
    try:
        number = float(value)
    except ValueError:
        return (1, 0.0, value)
    return (0, number, value) if math.isfinite(number) else (1, 0.0, value)
