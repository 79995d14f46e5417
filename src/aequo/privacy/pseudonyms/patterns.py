"""What personal data looks like: patterns, with checksums and ranges wherever the format has any.

Each test takes the text of one value. Those named ``is_...`` look at all of it, those named ``holds_...`` search in it.
"""

from __future__ import annotations

import ipaddress
import re

from aequo.privacy.pseudonyms.names import FAMILIES, GIVENS

__all__ = [
    "holds_card",
    "holds_email",
    "holds_iban",
    "holds_phone",
    "holds_ssn",
    "is_address",
    "is_card",
    "is_email",
    "is_iban",
    "is_ip",
    "is_person",
    "is_phone",
    "is_ssn",
    "luhn",
    "mod97",
]

_EMAIL = re.compile(r"(?<![\w.+-])[\w.+'-]{1,64}@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}[^\W\d_]{2,24}(?![\w-])")
_CARD = re.compile(r"(?<![\w.-])\d(?:[ -]?\d){11,18}(?![\w-]|\.\d)")
_IBAN = re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?!\w)", re.IGNORECASE)
_SSN = re.compile(r"(?<![\w-])(?!000|666|9)\d{3}([- ])(?!00)\d{2}\1(?!0000)\d{4}(?![\w-])")
# With a plus, with an area code in brackets, or in groups: a bare row of digits may be any number.
_STRICT = (
    r"\+\d{1,3}[ .-]?(?:\(0?\d{1,4}\)[ .-]?)?\d(?:[ .-]?\d){5,12}"
    r"|(?:\+?1[ .-]?)?\(\d{2,5}\)[ .-]?\d{2,4}(?:[ .-]?\d{2,4}){1,3}"
    r"|(?:00\d[ .-]|1[ .-])?\d{3}([ .-])\d{3}\1\d{4}"
    r"|0\d{1,4}(?:[ -]\d{2,4}){2,4}"
    r"|0\d{2,4}[ -/]\d{5,8}"
)
# What is too common in a text to mean anything, but does where it fills a column.
_LOOSE = r"|\d{2,4}(?: \d{2,4}){2,4}|\d{2}([ .-])\d{2}(?:\2\d{2}){2,3}|\d{2}[ -]\d{6,8}|\d{3,4}[ -]\d{4}"
_AROUND = r"(?<![\w.,-])(?:{})(?: ?(?:x|ext\.?) ?\d{{1,6}})?(?!\w|[-.,]\d)"
_PHONE_IN = re.compile(_AROUND.format(_STRICT))
_PHONE = re.compile(_AROUND.format(_STRICT + _LOOSE))
_DATE = re.compile(r"\d{4}[-./ ]\d{1,2}[-./ ]\d{1,2}|\d{1,2}[-./ ]\d{1,2}[-./ ]\d{2,4}")
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*\.?")
_TITLES = frozenset(["mr", "mrs", "ms", "miss", "dr", "prof", "sir", "herr", "frau", "mme", "sr", "sra"])
_ORDINARY = frozenset(["brown", "gray", "green", "greene", "jordan", "marino", "price", "west", "wolf", "young"])
_IBAN_LENGTHS = range(15, 35)
_HOUSE = re.compile(r"(?<![\d.,-])\d{1,5}[a-z]?(?![\d.])", re.IGNORECASE)
_STREET = re.compile(
    r"\b(?:street|st|avenue|ave|road|rd|lane|ln|drive|dr|court|ct|place|square|boulevard|blvd|highway|hwy|terrace|"
    r"suite|apt|p\.?o\.? box|rue|allée|calle|avenida|carrera|rua|via|viale|piazza|plaza|ulica|ul)\b|"
    r"(?:stra(?:ß|ss)e|str\.|weg|platz|allee|gasse|straat|laan|plein|gatan|vägen|vej|gade)(?!\w)",
    re.IGNORECASE,
)
_LONGEST_NAME, _LONGEST_ADDRESS = 60, 250
_LONGEST = 5_000  # characters that are looked at of one value


def luhn(digits: str) -> bool:
    """Tell whether the last digit is the check digit of the others (ISO/IEC 7812-1, Luhn's formula).

    Examples
    --------
    >>> luhn("4111111111111111"), luhn("4111111111111112")
    (True, False)
    """
    total = 0
    for index, c in enumerate(reversed(digits)):
        digit = int(c) * (1 + index % 2)
        total += digit - 9 if digit > 9 else digit
    return total % 10 == 0


def mod97(iban: str) -> bool:
    """Tell whether the two check digits of an IBAN are right (ISO 13616, ISO/IEC 7064 mod 97-10).

    Examples
    --------
    >>> mod97("GB82 WEST 1234 5698 7654 32"), mod97("GB83WEST12345698765432")
    (True, False)
    """
    plain = iban.replace(" ", "").upper()
    number = int("".join(str(int(c, 36)) for c in plain[4:] + plain[:4]))
    return number % 97 == 1


def _card(text: str) -> bool:
    digits = re.sub(r"[ -]", "", text)
    return len(digits) >= 12 and digits[0] in "23456" and len(set(digits)) > 1 and luhn(digits)


def _iban(text: str) -> bool:
    plain = text.replace(" ", "")
    return len(plain) in _IBAN_LENGTHS and mod97(plain)


def is_email(text: str) -> bool:
    """Tell whether all of a text is an e-mail address."""
    return "@" in text and _EMAIL.fullmatch(text.strip("<> ")) is not None


def holds_email(text: str) -> bool:
    """Tell whether there is an e-mail address in a text."""
    return "@" in text and _EMAIL.search(text[:_LONGEST]) is not None


def is_card(text: str) -> bool:
    """Tell whether a text is a payment card's number: 12 to 19 digits, a known first one, Luhn's check digit."""
    return _CARD.fullmatch(text) is not None and _card(text)


def holds_card(text: str) -> bool:
    """Tell whether there is a payment card's number in a text."""
    return any(_card(m[0]) for m in _CARD.finditer(text[:_LONGEST]))


def is_iban(text: str) -> bool:
    """Tell whether a text is an IBAN with the right check digits."""
    return _IBAN.fullmatch(text) is not None and _iban(text)


def holds_iban(text: str) -> bool:
    """Tell whether there is an IBAN with the right check digits in a text."""
    return any(_iban(m[0]) for m in _IBAN.finditer(text[:_LONGEST]))


def is_ssn(text: str) -> bool:
    """Tell whether a text is written as a US social security number, with numbers that were given out.

    Examples
    --------
    >>> is_ssn("123-45-6789"), is_ssn("666-45-6789"), is_ssn("123456789")
    (True, False, False)
    """
    return _SSN.fullmatch(text) is not None


def holds_ssn(text: str) -> bool:
    """Tell whether there is a US social security number in a text."""
    return _SSN.search(text[:_LONGEST]) is not None


def is_phone(text: str) -> bool:
    """Tell whether a text is written as a telephone number: with a plus, brackets or groups, 7 to 15 digits.

    Examples
    --------
    >>> is_phone("+44 20 7946 0958"), is_phone("(617) 555-0123"), is_phone("2024-01-31"), is_phone("6175550123")
    (True, True, False, False)
    """
    return _DATE.fullmatch(text) is None and _PHONE.fullmatch(text) is not None and _phone_like(text)


def holds_phone(text: str) -> bool:
    """Tell whether there is a telephone number in a text."""
    return any(_DATE.fullmatch(m[0]) is None and _phone_like(m[0]) for m in _PHONE_IN.finditer(text[:_LONGEST]))


def _phone_like(text: str) -> bool:
    digits = sum(c.isdigit() for c in text.partition("x")[0].partition("e")[0])
    return 6 <= digits <= 15


def is_ip(text: str) -> bool:
    """Tell whether a text is an IP address, of version 4 or 6.

    Examples
    --------
    >>> is_ip("192.0.2.1"), is_ip("2001:db8::1"), is_ip("300.1.1.1"), is_ip("::")
    (True, True, False, False)
    """
    if text.count(".") != 3 and text.count(":") < 2:
        return False
    try:
        packed: bytes = ipaddress.ip_address(text.strip("[]").partition("%")[0]).packed
    except ValueError:
        return False
    return packed[:-1].strip(b"\0") != b""  # `::` and `::1` are also times and C++


def is_address(text: str) -> bool:
    """Tell whether a text reads as a postal address: a number, and a word such as "Street" in one of six languages.

    Examples
    --------
    >>> is_address("12 Elm Street, Boston"), is_address("Calle Mayor 5"), is_address("Street food")
    (True, True, False)
    """
    return len(text) <= _LONGEST_ADDRESS and _HOUSE.search(text) is not None and _STREET.search(text) is not None


def is_person(text: str) -> bool:
    """Tell whether a text reads as a person's name: at most five words, one of them a common given or family name.

    Examples
    --------
    >>> is_person("Dr. Maria Rossi"), is_person("Rossi, M."), is_person("Private"), is_person("Maria sold the house")
    (True, True, False, False)
    """
    if len(text) > _LONGEST_NAME or any(c.isdigit() for c in text):
        return False
    words = [w.rstrip(".") for w in _WORD.findall(text)]
    words = [w for w in words if w.casefold() not in _TITLES]
    folded = [w.casefold() for w in words]
    if not 1 <= len(words) <= 5:
        return False
    if len(words) == 1:
        return words[0][0].isupper() and (folded[0] in GIVENS or folded[0] in FAMILIES - _ORDINARY)
    if words == folded:  # all in lower case: two or three words, the first a given name
        return len(words) <= 3 and words[0] in GIVENS
    named = all(w[0].isupper() or len(w) < 4 for w in words)
    return named and (not GIVENS.isdisjoint(folded) or folded[-1] in FAMILIES or folded[0] in FAMILIES)
