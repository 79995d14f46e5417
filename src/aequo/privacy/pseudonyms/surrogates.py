"""Surrogates: values of the same type in the place of real ones, drawn by a keyed hash and so always the same.

The lists are finite, so two people may get the same surrogate. Join on tokens; use surrogates where a program wants an
e-mail address, a date or a name.

=============  ==============================================================  =========================================
kind           what stays                                                      how many there are
=============  ==============================================================  =========================================
email          an address that nobody has (`example.com`), or the domain       as many as tokens
phone          length, punctuation, country code, a leading zero               10 for each further digit
ssn            length, punctuation, letters where letters were; nine digits    10 for each digit (nine digits:
               begin with 9, which no US number does                           100 million), 26 for each letter
id             length, punctuation, letters and digits where they were         the same
name           a given and a family name                                       `SIZES["name"]`
address        number, street, town                                            `SIZES["address"]`
date           the day moves, by the same number of days for all dates of      2 x `max_shift` offsets
               one person; the time of day stays
=============  ==============================================================  =========================================
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Callable
from typing import Any

from aequo.core.levels import level
from aequo.privacy.pseudonyms.fields import Field, Kind
from aequo.privacy.pseudonyms.names import FAMILY_ENDS, FAMILY_STARTS, GIVEN_ENDS, GIVEN_STARTS
from aequo.privacy.pseudonyms.normal import phone_digits, read_date, without_point

__all__ = ["SIZES", "Draw", "moved", "offset_days", "surrogate"]

_STREETS = ("Avenue", "Close", "Drive", "Lane", "Road", "Row", "Street", "Way")
_HOUSES = 9_999
_KEPT = frozenset(" -+().,/:#_'")
_TRIES = 8
_NINE, _LOST_ZEROS = 9, 7
_DOMAIN = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,250}[a-z0-9])?\.[a-z]{2,63}")
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}(?:([T ])\d{2}:\d{2}.*)?", re.DOTALL)
# E.164: these codes have one or two digits, all others three.
_SHORT_CODES = frozenset(
    [
        *(
            "1",
            "7",
            "20",
            "27",
            "30",
            "31",
            "32",
            "33",
            "34",
            "36",
            "39",
            "40",
            "41",
            "43",
            "44",
            "45",
            "46",
            "47",
            "48",
        ),
        *("49", "51", "52", "53", "54", "55", "56", "57", "58", "60", "61", "62", "63", "64", "65", "66", "81", "82"),
        *("84", "86", "90", "91", "92", "93", "94", "95", "98"),
    ]
)

_NAMES = len(GIVEN_STARTS) * len(GIVEN_ENDS)
_PLACES = len(FAMILY_STARTS) * len(FAMILY_ENDS)
SIZES: dict[str, int] = {
    "given_name": _NAMES,
    "family_name": _PLACES,
    "name": _NAMES * _PLACES,
    "address": _HOUSES * _PLACES * len(_STREETS) * _PLACES,
}
"""How many different surrogates there are of each kind that comes from a list."""


class Draw:
    """Numbers that follow from a keyed hash of one value: uniform to whoever lacks the key.

    Parameters
    ----------
    mac : callable
        From a message to 32 bytes, under the key.
    message : bytes
        The value's normal form.
    attempt : int
        Another attempt draws other numbers.

    Examples
    --------
    >>> import hashlib
    >>> draw = Draw(lambda message: hashlib.sha256(message).digest(), b"a value")
    >>> all(0 <= draw.below(10) < 10 for _ in range(1000))
    True
    """

    __slots__ = ("_left", "_mac", "_message", "_room", "_round")

    def __init__(self, mac: Callable[[bytes], bytes], message: bytes, attempt: int = 0) -> None:
        self._mac, self._message = mac, message
        self._round = attempt << 16
        self._left, self._room = 0, 0

    def below(self, limit: int) -> int:
        """Return a number from 0 to `limit` - 1, each equally likely but for less than 2**-100."""
        if self._room < limit.bit_length() + 100:
            self._left = int.from_bytes(self._mac(self._round.to_bytes(4, "big") + self._message), "big")
            self._room = 256
            self._round += 1
        self._left, drawn = divmod(self._left, limit)
        self._room -= limit.bit_length()
        return drawn

    def of(self, options: tuple[str, ...]) -> str:
        """Return one of some texts."""
        return options[self.below(len(options))]


def surrogate(
    text: str,
    field: Field,
    normal: str,
    mac: Callable[[bytes], bytes],
    token: Callable[[], str],
    *,
    number: bool = False,
) -> str:
    """Return a value of the same type that follows from `normal` and the key, and never the value itself.

    Parameters
    ----------
    text : str
        The value as it is written: its punctuation is kept where the kind keeps any.
    field : Field
        Its kind and options; not a date.
    normal : str
        Its normal form: equal ones get equal surrogates.
    mac : callable
        The keyed hash, from a message to 32 bytes.
    token : callable
        Gives the token: part of an e-mail address, and what stands for a value that has nothing to keep.
    number : bool
        Whether the text is that of a number, which must stay one.
    """
    message = normal.encode("utf-8", "surrogatepass")
    make = _MAKERS.get(field.kind)
    if make is None or not (number or any(c.isalnum() for c in text)):
        return token()
    if field.kind == "email":
        return _email(text, field, token)
    for attempt in range(_TRIES):
        made = make(text, field, Draw(mac, message, attempt))
        if made.casefold() != text.casefold():
            return made
    return token()


def _email(text: str, field: Field, token: Callable[[], str]) -> str:
    domain = text.strip().rpartition("@")[2].casefold()
    kept = field.keep_domain and "@" in text and _DOMAIN.fullmatch(domain)
    return f"{token()}@{domain if kept else 'example.com'}"


def _shaped(text: str, draw: Draw, *, first: str | None = None) -> str:
    """Redraw digits and letters where they are; a zero before other digits stays, so that numbers keep their length."""
    made: list[str] = []
    started, several = False, sum(c.isdecimal() for c in text) > 1
    for c in text:
        if c.isdecimal():
            if started:
                made.append(str(draw.below(10)))
            else:
                zero = several and unicodedata.decimal(c) == 0
                made.append(first or ("0" if zero else str(1 + draw.below(9))))
            started = True
        elif c.isalnum():  # letters, and digits that are no decimals
            letter = chr(ord("a") + draw.below(26))
            made.append(letter.upper() if c.isupper() else letter)
        else:
            made.append(c if c in _KEPT else " " if c.isspace() else "-")
    return "".join(made)


def _phone(text: str, field: Field, draw: Draw) -> str:
    """Redraw the digits of the normal form and lay them into the text's own punctuation.

    All spellings of one number get the same digits, each with its own punctuation.
    """
    known = phone_digits(text, field.country)
    own = phone_digits(text)
    if not own:
        return _shaped(text, draw)
    number, _, extension = known.partition("x")
    code = _country_code(number)
    rest = len(number) - len(code)
    new = [str(draw.below(10)) for _ in range(rest)]
    zero = rest > 0 and number[len(code)] == "0"
    for place in (0, 1)[:rest] if zero else (0,)[:rest]:  # a second zero would be the way abroad
        new[place] = str(1 + draw.below(9))
    if zero:
        new[0] = "0"
    new += [str(draw.below(10)) for _ in extension]
    return _laid(text, new)


def _country_code(number: str) -> str:
    """Return ``+`` and the country code of a number that has one, else nothing."""
    if not number.startswith("+"):
        return ""
    digits = number[1:]
    return "+" + next((digits[:n] for n in (1, 2) if digits[:n] in _SHORT_CODES), digits[:3])


def _laid(text: str, new: list[str]) -> str:
    """Put digits into the places of the last ones of a text; what is before them (code, trunk zero) stays."""
    left = list(new)
    made: list[str] = []
    for c in reversed(text):
        if c.isdecimal():
            made.append(left.pop() if left else str(unicodedata.decimal(c)))
        else:
            made.append(c if c in _KEPT or c in "xXeEtT" else " " if c.isspace() else "-")
    return "".join(reversed(made))


def _ssn(text: str, _: Field, draw: Draw) -> str:
    plain = "".join(c for c in text if c.isalnum())
    if not (plain.isdecimal() and _LOST_ZEROS <= len(plain) <= _NINE):
        return _shaped(text, draw)
    return _shaped(text.zfill(_NINE) if plain == text else text, draw, first="9")


def _id(text: str, _: Field, draw: Draw) -> str:
    return _shaped(without_point(text), draw)


def _given(_: str, __: Field, draw: Draw) -> str:
    return draw.of(GIVEN_STARTS) + draw.of(GIVEN_ENDS)


def _family(_: str, __: Field, draw: Draw) -> str:
    return draw.of(FAMILY_STARTS) + draw.of(FAMILY_ENDS)


def _name(text: str, field: Field, draw: Draw) -> str:
    return f"{_given(text, field, draw)} {_family(text, field, draw)}"


def _address(text: str, field: Field, draw: Draw) -> str:
    house, street, kind = 1 + draw.below(_HOUSES), _family(text, field, draw), draw.of(_STREETS)
    return f"{house} {street} {kind}, {_family(text, field, draw)}"


_MAKERS: dict[Kind, Callable[[str, Field, Draw], str]] = {
    "email": _id,  # made of the token; see `surrogate`
    "phone": _phone,
    "ssn": _ssn,
    "id": _id,
    "name": _name,
    "given_name": _given,
    "family_name": _family,
    "address": _address,
}


# -- dates ------------------------------------------------------------------------------------------------------------


def offset_days(person: str, mac: Callable[[bytes], bytes], max_shift: int) -> int:
    """Return by how many days all dates of one person move: from 1 to `max_shift`, back or forth, never 0.

    Parameters
    ----------
    person : str
        The person's normal form.
    mac : callable
        The keyed hash, from a message to 32 bytes.
    max_shift : int
        Most days.
    """
    drawn = Draw(mac, person.encode("utf-8", "surrogatepass")).below(2 * max_shift)
    return drawn - max_shift if drawn < max_shift else drawn - max_shift + 1


def moved(value: Any, days: int, pattern: str | None = None) -> Any:
    """Return a date, time stamp or their text some days later, in the same type and writing.

    Parameters
    ----------
    value : date, datetime or str
        What is moved.
    days : int
        How far; negative is earlier.
    pattern : str, optional
        How text is written, as for `datetime.datetime.strptime`; ISO 8601 by default.

    Returns
    -------
    Same type as `value`, or None
        None if it is no date, or would leave the calendar.

    Examples
    --------
    >>> moved("2024-02-28 12:30:00", 2), moved("28.02.2024", 2, "%d.%m.%Y"), moved("soon", 2)
    ('2024-03-01 12:30:00', '01.03.2024', None)
    """
    try:
        if isinstance(value, dt.date):
            return value + dt.timedelta(days=days)
        text = level(value, missing=()) or ""
        text = text.strip()
        if pattern is not None:
            moment = read_date(text, pattern)
            return None if moment is None else (moment + dt.timedelta(days=days)).strftime(pattern)
        if _ISO.fullmatch(text) is None or read_date(text) is None:
            return None
        # Only the day changes: fractions of a second and zones stay as they are written.
        day = dt.date.fromisoformat(text[:10]) + dt.timedelta(days=days)
        return day.isoformat() + text[10:]
    except OverflowError:
        return None
