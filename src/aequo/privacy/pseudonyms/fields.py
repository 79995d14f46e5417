"""What kind of personal data a field holds, told from its name, and how it is to be replaced."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal, get_args

from aequo.errors import InputError, did_you_mean
from aequo.privacy.pseudonyms.vocabulary import ABOUT, BY_ENDING, NOT_A_PERSON

__all__ = [
    "DEFAULTS",
    "KINDS",
    "Field",
    "Form",
    "Kind",
    "column_key",
    "default_kind",
    "fields_of",
    "kind_by_name",
    "with_domain",
]

Kind = Literal["email", "phone", "ssn", "address", "name", "given_name", "family_name", "date", "id", "text"]
"""What a field holds. ``ssn`` is any national id."""

KINDS: tuple[Kind, ...] = get_args(Kind)

Form = Literal["token", "preserving"]
"""``token``: opaque text with the key's version; ``preserving``: a surrogate of the same type."""

DEFAULTS: tuple[Kind, ...] = ("email", "phone", "ssn", "address", "name", "given_name", "family_name")
"""Kinds that are replaced where no fields are named; columns of these kinds are recognised by their name."""

_LARGEST_SHIFT = 36_500

_BREAK = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[^\W\d])(?=\d)|(?<=\d)(?=[^\W\d])|[\W_]+")
_MOST_WORDS = 4


@dataclass(frozen=True, slots=True)
class Field:
    """How one field is replaced.

    Parameters
    ----------
    kind : Kind
        What it holds; it decides how values are brought to one spelling before they are hashed.
    domain : str, optional
        Equal values get equal pseudonyms within a domain, in every table, and unlinkable ones across domains. By
        default the kind; for ``id``, ``text`` and ``date`` the column's name.
    form : {"token", "preserving"}, optional
        That of the call by default. A ``text`` has no type to preserve, and becomes a token.
    keep_domain : bool
        Keep what is behind the @ of an e-mail address, in the preserving form. A domain of one person names that
        person.
    country : str, optional
        Calling code, such as ``"1"`` or ``"44"``, of telephone numbers written without one.
    pattern : str, optional
        How dates in text are written, as for `datetime.datetime.strptime`; ISO 8601 by default.
    max_shift : int
        Most days by which dates are moved, in either direction.
    normalise : callable, optional
        From a value's text to the text that is hashed, instead of the rules for the kind.

    Raises
    ------
    InputError
        If the kind or an option is none.

    Examples
    --------
    >>> Field("email", domain="newsletter").domain
    'newsletter'
    """

    kind: Kind
    domain: str | None = None
    form: Form | None = None
    keep_domain: bool = False
    country: str | None = None
    pattern: str | None = None
    max_shift: int = 365
    normalise: Callable[[str], str] | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            hint = did_you_mean(str(self.kind), KINDS)
            raise InputError(f"a field is of the kind {self.kind!r}, expected one of {', '.join(KINDS)}.{hint}")
        if self.form not in (None, *get_args(Form)):
            raise InputError(f"a field has the form {self.form!r}, expected 'token' or 'preserving'.")
        if self.domain is not None and not self.domain.strip():
            raise InputError("a field has an empty domain, expected a name such as 'customer'.")
        if self.country is not None and not re.fullmatch(r"[1-9]\d{0,2}", self.country):
            raise InputError(f"the country is {self.country!r}, expected a calling code such as '1' or '44'.")
        if isinstance(self.max_shift, bool) or not 1 <= self.max_shift <= _LARGEST_SHIFT:
            raise InputError(f"max_shift is {self.max_shift!r}, expected a whole number of days from 1 to 36,500.")


@lru_cache(maxsize=10_000)
def column_key(name: str) -> tuple[str, ...]:
    """Return the words of a column's name in lower case: ``HomePhone``, ``home_phone`` and ``home-phone`` are one.

    Examples
    --------
    >>> column_key("customerEmail_2")
    ('customer', 'email', '2')
    """
    parts = _BREAK.split(unicodedata.normalize("NFKC", name))
    return tuple(part.casefold() for part in parts if part)


@lru_cache(maxsize=10_000)
def kind_by_name(name: str) -> str | None:
    """Return what a column seems to hold, by its name alone.

    Parameters
    ----------
    name : str
        Name of the column; of a nested field, the last part of its path.

    Returns
    -------
    str or None
        A `Kind`, or ``date of birth``, ``iban``, ``card number``, ``IP address``, ``identifier`` or ``location``.

    Examples
    --------
    >>> [kind_by_name(n) for n in ("E-Mail", "homePhone1", "applicant_name", "product_name", "ip_address", "income")]
    ['email', 'phone', 'name', None, 'IP address', None]
    """
    words = list(column_key(name))
    while len(words) > 1 and words[-1].isdigit():
        words.pop()
    if not words or (len(words) > 1 and words[0] in ABOUT):
        return None
    for count in range(min(_MOST_WORDS, len(words)), 0, -1):
        ending = "".join(words[-count:])
        for text in (ending, ending.removesuffix("s")):
            if text in BY_ENDING:
                return BY_ENDING[text]
    if words[-1] in ("name", "names"):
        return None if len(words) > 1 and words[-2] in NOT_A_PERSON else "name"
    return None


def default_kind(name: str) -> Kind | None:
    """Return the kind of a column that is replaced without being named, or None.

    Examples
    --------
    >>> default_kind("Phone Number"), default_kind("date_of_birth")
    ('phone', None)
    """
    kind = kind_by_name(name)
    return next((known for known in DEFAULTS if known == kind), None)


def _own_kind(name: str) -> Kind:
    """Return the kind of a column that was named without saying what it holds."""
    kind = kind_by_name(name)
    dated = kind == "date of birth" or column_key(name)[-1:] in (("date",), ("datetime",), ("timestamp",))
    return "date" if dated else default_kind(name) or "id"


def fields_of(
    given: Sequence[str] | str | Mapping[str, Kind | Field | None] | None, *, country: str | None = None
) -> dict[str, Field] | None:
    """Return a `Field` with its domain for each column that was named; None if none was.

    Parameters
    ----------
    given : str, sequence of str, or mapping of str to Kind, Field or None
        Names, whose kinds are told from the names (``id`` where that tells nothing), or names with kinds or fields.
    country : str, optional
        Calling code for telephone fields that say none.

    Raises
    ------
    InputError
        If nothing is named, or a kind is none.

    Examples
    --------
    >>> {name: (f.kind, f.domain) for name, f in fields_of(["work_email", "Customer ID"]).items()}
    {'work_email': ('email', 'email'), 'Customer ID': ('id', 'customer id')}
    """
    if given is None:
        return None
    names = [given] if isinstance(given, str) else list(given)
    kinds: Mapping[str, Kind | Field | None] = given if isinstance(given, Mapping) else {}
    found: dict[str, Field] = {}
    for name in names:
        if not str(name).strip():
            raise InputError("a field has no name, expected the names of columns such as email,phone.")
        what = kinds.get(name)
        field = what if isinstance(what, Field) else Field(what or _own_kind(name.rpartition(".")[2] or name))
        found[name] = with_domain(field, name, country=country)
    if not found:
        raise InputError(
            "no field is named, expected names such as ['email', 'phone'], or None to take the usual ones."
        )
    return found


def with_domain(field: Field, name: str, *, country: str | None = None) -> Field:
    """Return the field with the domain, and the country, that it has where it says none."""
    own = " ".join(column_key(name.rpartition(".")[2] or name)) or name
    domain = field.domain or (own if field.kind in ("id", "text", "date") else field.kind)
    code = field.country or (country if field.kind == "phone" else None)
    return replace(field, domain=domain, country=code)
