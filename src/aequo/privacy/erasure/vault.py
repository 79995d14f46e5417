"""The vault of pseudonyms as a store: what a person's pseudonyms stand for is erased with the person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aequo.errors import AequoError, InputError
from aequo.ledger.keys import KeySource
from aequo.privacy.erasure.stores import NotReached
from aequo.privacy.pseudonyms.fields import Field, fields_of
from aequo.privacy.pseudonyms.vault import Vault

__all__ = ["VaultStore"]


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultStore:
    """A vault as a store. Data that was pseudonymised stays, and nobody can say any more whose it is.

    Attributes
    ----------
    path : str or Path
        The vault's file.
    key : KeyRing, bytes, str or Path
        The key of the pseudonyms, or where it is.
    person : Field or str
        What the column holds that was named as ``person`` while pseudonymising, or that column's name.
    name : str
        Its name in receipts.
    after : sequence of str
        Stores that have to be erased before.
    keep : str
        Why this one must not be erased; empty if it may.

    Examples
    --------
    >>> import tempfile
    >>> from aequo.ledger import KeyRing
    >>> from aequo.privacy.pseudonyms.pseudonymiser import Pseudonymiser
    >>> folder, key = tempfile.TemporaryDirectory(), KeyRing.new()
    >>> path = f"{folder.name}/people.vault"
    >>> hide = Pseudonymiser(key, {"email": None}, person="customer", vault=path)
    >>> _ = hide.record({"customer": "c-17", "email": "jane@example.org"})
    >>> store = VaultStore(path=path, key=key, person="customer")
    >>> store.erase("c-17"), store.erase("c-17")
    (1, 0)
    >>> folder.cleanup()
    """

    path: str | Path
    key: KeySource = field(repr=False)
    person: Field | str
    name: str = "vault"
    after: Sequence[str] = ()
    keep: str = ""

    @property
    def find(self) -> None:
        """None: a vault finds by pseudonym, and not what it holds on a person."""
        return

    def erase(self, subject: str) -> int:
        """Erase what is linked to a person and to nobody else; return how many entries that were.

        Raises
        ------
        NotReached
            If there is no vault, it cannot be written, or it was made with another key.
        """
        try:
            with Vault.open(self.path, self.key, create=False) as vault:
                return vault.erase_person(subject, self._field())
        except AequoError as error:  # its sentences hold no personal value
            raise NotReached(str(error).rstrip(".")) from None

    def _field(self) -> Field:
        if isinstance(self.person, Field):
            return self.person
        named = fields_of([self.person])
        if named is None:
            raise InputError("no column is named that tells people apart.")
        return named[self.person]
