"""One spelling for each value before it is hashed, so that tables written by different hands still join.

============================  ==========================================================================================
kind                          what is brought together
============================  ==========================================================================================
all                           Unicode normal form C; space around the value; zero-width characters; 1, 1.0 and ``"1"``
email                         upper and lower case
phone                         digits only: punctuation, ``00`` for ``+``, ``(0)`` after a country code, ``ext.`` for
                              ``x``; with a country also numbers written without one
ssn                           letters and digits only, upper case; leading zeros that a number lost, up to 9 digits
address, name, given_name,    upper and lower case, runs of space and punctuation (``O'Brien`` and ``Ann-Marie`` keep
family_name                   theirs)
date                          dates, midnight time stamps and their text
id                            whole numbers written with a point: ``"12.0"`` and ``"12"``
text                          nothing more
============================  ==========================================================================================

Not brought together: ``Doe, Jane`` and ``Jane Doe``, ``Street`` and ``St``, a mailbox and its ``+tag``, letters with
and without their accents. Where your data needs it, give `Field` a `normalise` of your own.
"""

from __future__ import annotations

import datetime as dt
import decimal
import re
import unicodedata
from collections.abc import Callable, Collection, Sequence
from typing import Any

from aequo.core.levels import level
from aequo.privacy.pseudonyms.fields import Field, Kind

__all__ = ["is_missing", "normal", "normals", "phone_digits", "read_date", "text_of", "without_point"]

_INVISIBLE = re.compile("[\u200b-\u200d\u2060\ufeff\u00ad]")
_WHOLE = re.compile(r"([+-]?\d+)\.0+")
_EXTENSION = re.compile(r"(?:;?ext(?:ension|n)?[.:=]?|x|#)\s*(\d{1,7})\s*$")
_GAP = re.compile(r"[^\w'\-]+|_+")
_PUNCTUATION = re.compile(r"[\W_]+")
_LETTER = re.compile(r"[^\W\d_]")
_NINE = 9


def text_of(value: Any) -> str | None:
    """Return the text of any one value by the rules that groups are named by, or None if it is missing.

    Examples
    --------
    >>> [text_of(v) for v in (1, 1.0, "1", " a ", None, float("nan"))]
    ['1', '1', '1', ' a ', None, None]
    """
    if isinstance(value, decimal.Decimal) and value.is_finite() and value == value.to_integral_value():
        return str(int(value))  # a float would merge long numbers that differ in their last digits
    return level(value, missing=())


def is_missing(value: Any, missing: Collection[str] = ("",)) -> bool:
    """Tell whether there is no value: None, NaN, NaT, NA, nothing but space, or one of the texts in `missing`.

    Examples
    --------
    >>> [is_missing(v) for v in (None, float("nan"), "  ", "a")]
    [True, True, True, False]
    """
    text = value if type(value) is str and value.isascii() else text_of(value)
    return text is None or text in missing or not text.strip()


def normal(value: Any, field: Field, missing: Collection[str] = ("",)) -> str | None:
    """Return the spelling of a value that is hashed, or None if it is missing.

    Parameters
    ----------
    value : Any
        One value of the field.
    field : Field
        What it holds.
    missing : collection of str
        Texts that mean "missing", beside None, NaN, NaT and space.

    Examples
    --------
    >>> normal(" Jane.Doe@Example.ORG", Field("email"))
    'jane.doe@example.org'
    >>> normal("+44 (0)20 7946-0958", Field("phone")), normal("020 7946 0958", Field("phone", country="44"))
    ('+442079460958', '+442079460958')
    >>> normal(12345678, Field("ssn")), normal("012-34-5678", Field("ssn"))
    ('012345678', '012345678')
    """
    return normals((value,), field, missing)[0]


def normals(values: Sequence[Any], field: Field, missing: Collection[str] = ("",)) -> list[str | None]:
    """Return `normal` of each value.

    Examples
    --------
    >>> normals(["A@x.org", "", None], Field("email"))
    ['a@x.org', None, None]
    """
    own, rule = field.normalise, _RULES[field.kind]
    found: list[str | None] = []
    for value in values:
        if type(value) is str and value.isascii():  # most values, and nothing to do about their Unicode
            text, plain = value, value.strip()
        else:
            text = text_of(value) or ""
            plain = (text if text.isascii() else _INVISIBLE.sub("", text)).strip()
        if not plain or text in missing:
            found.append(None)
        elif own is not None:
            found.append(own(plain))
        else:
            # A value with nothing of its kind in it, such as the phone "none", is hashed as it is written.
            found.append(rule(plain, field) or plain.casefold())
    return found


def _email(text: str, _: Field) -> str:
    return text.casefold()


def _phone(text: str, field: Field) -> str:
    return phone_digits(text, field.country)


def phone_digits(text: str, country: str | None = None) -> str:
    """Return the digits of a telephone number, with ``+`` where its country is known and ``x`` before an extension.

    Empty for text with letters, which is no number.

    Examples
    --------
    >>> phone_digits("(617) 555-0123 ext. 9"), phone_digits("1-617-555-0123", "1"), phone_digits("ask reception")
    ('6175550123x9', '+16175550123', '')
    """
    plain = unicodedata.normalize("NFKC", text).casefold().strip().removeprefix("tel:")
    extension = _EXTENSION.search(plain)
    if extension:
        plain = plain[: extension.start()]
    if _LETTER.search(plain):
        return ""
    abroad = plain.lstrip("(").startswith("+")
    digits = _digits(plain.replace("(0)", "") if abroad or plain.startswith("00") else plain)
    if not digits:
        return ""
    if not abroad and digits.startswith("00"):
        abroad, digits = True, digits[2:]
    if not abroad and country is not None:
        abroad, digits = True, country + _without_trunk(digits, country)
    return f"{'+' if abroad else ''}{digits}{f'x{_digits(extension[1])}' if extension else ''}"


def _without_trunk(digits: str, country: str) -> str:
    """Drop what is dialled only inside the country: 1 in North America, 0 elsewhere but in Italy."""
    if country == "1":
        return digits[1:] if len(digits) == 11 and digits[0] == "1" else digits
    return digits[1:] if digits[0] == "0" and country != "39" else digits


def without_point(text: str) -> str:
    """Return a whole number that is written with a point without it, and other text as it is.

    Examples
    --------
    >>> without_point("12.0"), without_point("12.5"), without_point("007")
    ('12', '12.5', '007')
    """
    whole = _WHOLE.fullmatch(text)
    return whole[1] if whole else text


def _digits(text: str) -> str:
    return "".join(str(unicodedata.decimal(c)) for c in text if c.isdecimal())


def _ssn(text: str, _: Field) -> str:
    plain = _PUNCTUATION.sub("", unicodedata.normalize("NFKC", text)).upper()
    return _digits(plain).zfill(_NINE) if plain.isdecimal() else plain


def _address(text: str, _: Field) -> str:
    return _PUNCTUATION.sub(" ", text.casefold()).strip()


def _name(text: str, _: Field) -> str:
    return _GAP.sub(" ", text.casefold().replace("\u2019", "'")).strip()


def _id(text: str, _: Field) -> str:
    return without_point(text)


def _date(text: str, field: Field) -> str:
    moment = read_date(text, field.pattern)
    return text if moment is None else level(moment) or text


def _text(text: str, _: Field) -> str:
    return text


_RULES: dict[Kind, Callable[[str, Field], str]] = {
    "email": _email,
    "phone": _phone,
    "ssn": _ssn,
    "address": _address,
    "name": _name,
    "given_name": _name,
    "family_name": _name,
    "date": _date,
    "id": _id,
    "text": _text,
}


def read_date(text: str, pattern: str | None = None) -> dt.datetime | None:
    """Return the date or time stamp that a text holds, or None if it is none.

    Parameters
    ----------
    text : str
        The text.
    pattern : str, optional
        How it is written, as for `datetime.datetime.strptime`; ISO 8601 by default.

    Examples
    --------
    >>> read_date("2024-02-29"), read_date("29/02/24", "%d/%m/%y"), read_date("29/02/24")
    (datetime.datetime(2024, 2, 29, 0, 0), datetime.datetime(2024, 2, 29, 0, 0), None)
    """
    try:
        if pattern is None:
            return dt.datetime.fromisoformat(text)
        return dt.datetime.strptime(text, pattern)  # noqa: DTZ007 - a zone is read where it is written
    except ValueError:
        return None
