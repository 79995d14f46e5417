"""Give pseudonyms of an older version of the key those of a newer one, through the vault."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aequo.errors import InputError
from aequo.ledger.keys import KeyRing, KeySource
from aequo.privacy.pseudonyms.coder import Coder, Shift
from aequo.privacy.pseudonyms.fields import Field, Form
from aequo.privacy.pseudonyms.mac import mac_of
from aequo.privacy.pseudonyms.normal import normal
from aequo.privacy.pseudonyms.pseudonymiser import Fields, Pseudonymiser
from aequo.privacy.pseudonyms.replacing import Change
from aequo.privacy.pseudonyms.surrogates import offset_days
from aequo.privacy.pseudonyms.vault import Found, Vault

__all__ = ["Renewer"]


class Renewer(Pseudonymiser):
    """Replaces pseudonyms by those of the newest version of the key; values are in nobody's hands on the way.

    Parameters
    ----------
    key : KeyRing, bytes, str or Path
        The key with its old and its new version: see `aequo.ledger.keys.KeyRing.rotated`.
    vault : str, Path or Vault
        What was written while pseudonymising. It learns the new pseudonyms; the old ones can be erased afterwards with
        `Vault.erase_version`.
    fields : sequence of str, or mapping of str to Kind or Field, optional
        As they were given to the `Pseudonymiser`, like all other options.
    form, person, bits, country, missing
        See `Pseudonymiser`.

    Raises
    ------
    InputError
        When data is renewed, if a pseudonym in it is not in the vault or stands for several values; nothing is given
        back then.

    Examples
    --------
    >>> import tempfile
    >>> old, folder = KeyRing.new(), tempfile.TemporaryDirectory()
    >>> new = old.rotated()
    >>> with Vault.open(f"{folder.name}/people.vault", new) as vault:
    ...     first = Pseudonymiser(old, ["email"], vault=vault).record({"email": "jane@x.org"}).data
    ...     second = Renewer(new, vault, ["email"]).record(first).data
    >>> first["email"][:3], second["email"][:3]
    ('p1_', 'p2_')
    >>> second == Pseudonymiser(new, ["email"]).record({"email": "jane@x.org"}).data
    True
    >>> folder.cleanup()
    """

    def __init__(
        self,
        key: KeySource,
        vault: str | Vault,
        fields: Fields = None,
        *,
        form: Form = "token",
        person: str | None = None,
        bits: int = 128,
        country: str | None = None,
        missing: Sequence[str] = ("",),
    ) -> None:
        super().__init__(
            key,
            fields,
            form=form,
            person=person,
            unknown="ignore",
            vault=vault,
            bits=bits,
            country=country,
            missing=missing,
        )

    def _change(self, column: str, field: Field) -> Change:
        change = super()._change(column, field)
        vault = self._vault
        if vault is None:
            return change
        if isinstance(change.mapper, Coder):
            return Change(column, mapper=_Renewing(change.mapper, vault, column))
        if isinstance(change.mover, Shift):
            return Change(column, mover=_Reshift(change.mover, vault, self._ring, column), person=change.person)
        return change

    def _link(self, change: Change, made: Sequence[Any], people: Sequence[Any]) -> None:
        if self._vault is None or self._person is None:
            return
        who = self._person_field(self._person)
        found = self._vault.find(who.domain or who.kind, people)
        known = [(new, one.value) for new, one in zip(made, found, strict=True) if one.version is not None]
        super()._link(change, [new for new, _ in known], [person for _, person in known])


def _resolved(vault: Vault, domain: str, values: Sequence[Any], column: str) -> list[Found]:
    found = vault.find(domain, values)
    lost = sum(one.version is None for one in found)
    if lost:
        raise InputError(
            f"{lost:,} of {len(found):,} different pseudonyms of {column!r} are not in the vault or stand for several "
            "values, so that they cannot be renewed; nothing was renewed."
        )
    return found


class _Renewing(Coder):
    """A coder that is given pseudonyms instead of values."""

    def __init__(self, coder: Coder, vault: Vault, column: str) -> None:
        self.__dict__.update(coder.__dict__)
        self._vault, self._column = vault, column

    def many(self, values: Sequence[Any]) -> list[Any]:
        present = [value for value in values if not self.missing(value)]
        found = iter(_resolved(self._vault, self.domain, present, self._column))
        return super().many([value if self.missing(value) else next(found).value for value in values])


class _Reshift(Shift):
    """Moves dates on from a person's old offset to the new one; people are given by their pseudonyms."""

    def __init__(self, shift: Shift, vault: Vault, ring: KeyRing, column: str) -> None:
        self.__dict__.update(shift.__dict__)
        self._vault, self._ring, self._column = vault, ring, column

    def days(self, people: Sequence[Any]) -> list[int | None]:
        domain = self.person.domain or self.person.kind
        present = [one for one in people if not self.missing(one)]
        found = iter(_resolved(self._vault, domain, present, self._column))
        moved: list[int | None] = []
        for one in people:
            if self.missing(one):
                moved.append(None)
                continue
            person = next(found)
            text = normal(person.value, self.person) or ""
            moved.append(self._offset(text, self.version) - self._offset(text, person.version or self.version))
        return moved

    def _offset(self, person: str, version: int) -> int:
        mac = mac_of(self._ring, "shift", self.person.domain or self.person.kind, version)
        return offset_days(person, mac, self.field.max_shift)
