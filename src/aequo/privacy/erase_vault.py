"""The vault of pseudonyms as a store: what a person's pseudonyms stand for is erased with the person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aequo.errors import AequoError
from aequo.privacy.fields import Field
from aequo.privacy.stores import NotReached
from aequo.privacy.vault import Vault

__all__ = ["VaultStore"]


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultStore:
    """A vault as a store. Data that was pseudonymised stays, and nobody can say any more whose it is.

    Attributes
    ----------
    vault : Vault
        The vault; whoever opened it closes it.
    person : Field
        What the column holds that was named as ``person`` while pseudonymising.
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
    >>> person = Field(kind="id", domain="customer")
    >>> with tempfile.TemporaryDirectory() as folder, Vault.open(f"{folder}/people.vault", KeyRing.new()) as vault:
    ...     vault.put("email", 1, [("p1_00", "Jane@example.org", "jane@example.org")])
    ...     vault.link("email", 1, [("p1_00", "c-17")], person)
    ...     store = VaultStore(vault=vault, person=person)
    ...     store.erase("c-17"), store.erase("c-17"), len(vault)
    (1, 0, 0)
    """

    vault: Vault
    person: Field
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
            If the vault cannot be written, or was made with another key.
        """
        try:
            return self.vault.erase_person(subject, self.person)
        except AequoError as error:  # its sentences hold no personal value
            raise NotReached(str(error).rstrip(".")) from None
