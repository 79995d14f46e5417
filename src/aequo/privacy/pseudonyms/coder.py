"""What replaces the values of one field: a coder for all that is hashed, a shift for dates that move."""

from __future__ import annotations

import numbers
from collections.abc import Collection, Sequence
from typing import Any, Literal, Protocol

from aequo.ledger.keys import KeyRing
from aequo.privacy.pseudonyms.fields import Field, Form
from aequo.privacy.pseudonyms.mac import Mac, mac_of
from aequo.privacy.pseudonyms.normal import is_missing, normals, text_of, without_point
from aequo.privacy.pseudonyms.surrogates import moved, offset_days, surrogate

__all__ = ["Coder", "Keeper", "Shift"]

_NUMBERS = ("id", "phone", "ssn")
_LONGEST = 19  # digits of the largest 64-bit integers


class Keeper(Protocol):
    """What remembers pseudonyms, such as a vault."""

    def put(self, domain: str, version: int, rows: Sequence[tuple[Any, Any, str]]) -> None:
        """Remember rows of pseudonym, value and the value's normal form."""
        ...


class Coder:
    """Replaces the values of one field under one version of the key.

    Parameters
    ----------
    field : Field
        The field, with its domain.
    ring : KeyRing
        The keys.
    version : int
        Which of them.
    form : {"token", "preserving"}
        Form where the field says none.
    bits : int
        Length of a token, a multiple of 8.
    missing : collection of str
        Texts that mean "missing".
    keeper : Keeper, optional
        Remembers what was replaced by what.

    Examples
    --------
    >>> coder = Coder(Field("email", domain="email"), KeyRing({1: bytes(32)}), 1)
    >>> first, second, gap = coder.many(["Jane@Example.org", "jane@example.org", None])
    >>> first == second, first[:3], len(first), gap
    (True, 'p1_', 35, None)
    """

    def __init__(
        self,
        field: Field,
        ring: KeyRing,
        version: int,
        form: Form = "token",
        *,
        bits: int = 128,
        missing: Collection[str] = ("",),
        keeper: Keeper | None = None,
    ) -> None:
        self.field, self.version = field, version
        self.domain = field.domain or field.kind
        self.form: Form = "token" if field.kind == "text" else field.form or form
        self._bytes, self.missing_texts, self._keeper = bits // 8, tuple(missing), keeper
        self._token = mac_of(ring, "token", self.domain, version)
        self._draw = mac_of(ring, "surrogate", self.domain, version)

    @property
    def output(self) -> Literal["text", "number"]:
        """Whether a number stays a number, or everything becomes text."""
        return "number" if self.form == "preserving" and self.field.kind in _NUMBERS else "text"

    def missing(self, value: Any) -> bool:
        """Tell whether there is no value to replace."""
        return is_missing(value, self.missing_texts)

    def many(self, values: Sequence[Any]) -> list[Any]:
        """Return what replaces each value, in order; a missing one stays as it is."""
        field, missing = self.field, self.missing_texts
        texts = normals(values, field, missing)
        digests = iter(self._token.of_texts([text for text in texts if text is not None]))
        head, length = f"p{self.version}_", self._bytes
        if self.form == "token":
            made: list[Any] = [
                value if text is None else head + next(digests)[:length].hex()
                for value, text in zip(values, texts, strict=True)
            ]
        else:
            made = [
                value if text is None else self._surrogate(value, text, head + next(digests)[:length].hex())
                for value, text in zip(values, texts, strict=True)
            ]
        if self._keeper is not None:
            found = zip(made, values, texts, strict=True)
            self._keeper.put(
                self.domain, self.version, [(new, old, text) for new, old, text in found if text is not None]
            )
        return made

    def one(self, value: Any) -> Any:
        """Return what replaces one value."""
        return self.many([value])[0]

    def _surrogate(self, value: Any, text: str, token: str) -> Any:
        written = text_of(value) or ""
        number = self.output == "number" and isinstance(value, numbers.Real) and not isinstance(value, bool)
        if not number:
            return surrogate(written.strip(), self.field, text, self._draw, lambda: token)
        plain = f"{float(value):.0f}" if "e" in written else without_point(written)
        sign, digits = ("-", plain[1:]) if plain.startswith("-") else ("", plain)
        made = surrogate(digits[:_LONGEST], self.field, text, self._draw, lambda: "0", number=True)
        if len(digits) >= _LONGEST:
            made = "1" + made[1:]  # the largest 64-bit integers begin with 9223
        return int(sign + made) if isinstance(value, numbers.Integral) else float(sign + made)


class Shift:
    """Moves the dates of each person by that person's own number of days.

    Parameters
    ----------
    field : Field
        The date field.
    person : Field
        What the person's column holds, with its domain: the same person has the same offset in every table.
    ring : KeyRing
        The keys.
    version : int
        Which of them.
    missing : collection of str
        Texts that mean "missing".

    Examples
    --------
    >>> shift = Shift(Field("date"), Field("id", domain="patient"), KeyRing({1: bytes(32)}), 1)
    >>> import datetime as dt
    >>> days = shift.days([7, None])
    >>> days[1] is None and 1 <= abs(days[0]) <= 365
    True
    >>> shift.move("2024-01-31", days[0]) == str(dt.date(2024, 1, 31) + dt.timedelta(days=days[0]))
    True
    """

    def __init__(
        self, field: Field, person: Field, ring: KeyRing, version: int, *, missing: Collection[str] = ("",)
    ) -> None:
        self.field, self.person, self.version = field, person, version
        self.missing_texts = tuple(missing)
        self._mac: Mac = mac_of(ring, "shift", person.domain or person.kind, version)

    def missing(self, value: Any) -> bool:
        """Tell whether there is no value to move."""
        return is_missing(value, self.missing_texts)

    def days(self, people: Sequence[Any]) -> list[int | None]:
        """Return the offset of each person; None for nobody."""
        texts = normals(people, self.person, self.missing_texts)
        return [None if text is None else offset_days(text, self._mac, self.field.max_shift) for text in texts]

    def move(self, value: Any, days: int | None) -> Any:
        """Return a date moved by some days; None where there is no person, or no date that can be read."""
        if self.missing(value):
            return value
        if days is None:
            return None
        return moved(value, days, self.field.pattern)
