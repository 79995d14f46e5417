"""`Store`: what a database has to do for a ledger. SQLite and PostgreSQL do it; one conformance suite runs on both."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from aequo.ledger.entry import Row
from aequo.ledger.tree import root_of

__all__ = ["HELD", "Changed", "Head", "NodeRow", "PersonKey", "Sign", "Store", "StoredEntry"]

HELD = "a legal hold was put on one of these people; nothing was destroyed."
"""Says why keys were not destroyed."""

Sign = Callable[[int, bytes], str]
"""From a size and a root to a signed checkpoint."""


class Changed(Exception):
    """A person's key is not the one that was used: it was erased, or another process made one first."""

    def __init__(self, subjects: frozenset[bytes]) -> None:
        super().__init__("keys changed")
        self.subjects = subjects


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The tree as it stands.

    Attributes
    ----------
    size : int
        Entries in the tree.
    peaks : tuple of bytes
        Hashes of its complete subtrees, largest first.
    note : str or None
        The newest checkpoint, signed by whoever extended the tree with the key; None before the first.
    """

    size: int
    peaks: tuple[bytes, ...]
    note: str | None

    @property
    def root(self) -> bytes:
        """Root of the tree."""
        return root_of(self.peaks)


class StoredEntry(NamedTuple):
    """An entry as stored; a store gives no other types than these, whatever a damaged table holds."""

    position: int
    time: int
    leaf: bytes
    body: bytes


class NodeRow(NamedTuple):
    """A complete subtree: its hash, and the earliest and latest time in it."""

    position: int
    hash: bytes
    low: int
    high: int


class PersonKey(NamedTuple):
    """A person's data key as stored: keyed hash of the person, id of the key, the key wrapped, when it was made."""

    subject: bytes
    key_id: bytes
    wrapped: bytes
    made: int


class Store(Protocol):
    """The database behind a ledger.

    Every method may be called from any thread. What `commit` and the methods that change keys have done is durable when
    they return, or has not happened.
    """

    def meta(self) -> Mapping[str, str]:
        """Return what is written once: ``format``, ``origin``, ``vkey``, ``created``."""
        ...

    def head(self) -> Head:
        """Return the tree as it stands."""
        ...

    def commit(self, rows: Sequence[Row], keys: Sequence[PersonKey], sign: Sign | None) -> list[int | None]:
        """Store rows, and the new keys they are sealed with; return their indices where already sequenced.

        Raises
        ------
        Changed
            If a row is sealed with a key that is not the person's. Nothing is stored.
        LedgerError
            If the database cannot take it. Nothing is stored.
        """
        ...

    def sequence(self, sign: Sign | None) -> int:
        """Give indices to rows that have none, unless another process is doing so; return the size of the tree."""
        ...

    def rows(self, start: int, stop: int) -> list[StoredEntry]:
        """Return stored entries by index, in order; fewer if some are gone."""
        ...

    def hashes(self, level: int, start: int, stop: int) -> list[bytes]:
        """Return stored hashes of the leaves (level 0) or of complete subtrees (levels 8, 16, ...)."""
        ...

    def nodes(self, level: int, start: int, stop: int) -> list[NodeRow]:
        """Return complete subtrees of one level by position, in order."""
        ...

    def of_subject(self, subject: bytes, start: int, limit: int) -> list[int]:
        """Return indices of entries on a person, from `start`, in order."""
        ...

    def subject_rows(self, start: int, stop: int) -> list[tuple[int, bytes]]:
        """Return (index, person) of the entries that are on a person, in order."""
        ...

    def strays(self) -> list[str]:
        """Return a sentence for each thing in the tables that no writer and no sequencer put there."""
        ...

    def checkpoints(self) -> list[tuple[int, str]]:
        """Return (size, signed note) of the checkpoints that were kept, in order."""
        ...

    def keep_checkpoint(self, size: int, note: str) -> None:
        """Keep a checkpoint."""
        ...

    # -- keys ---------------------------------------------------------------------------------------------------------

    def secret(self, name: str) -> bytes | None:
        """Return a secret of the ledger, wrapped."""
        ...

    def person(self, subject: bytes) -> PersonKey | None:
        """Return a person's data key."""
        ...

    def people(self, after: bytes, limit: int) -> list[PersonKey]:
        """Return data keys in the order of their subject, those after `after`."""
        ...

    def rewrap(self, secrets: Mapping[str, bytes], people: Sequence[PersonKey]) -> None:
        """Replace wrapped keys by the same keys wrapped otherwise; keys that are gone stay gone."""
        ...

    def destroy(self, subjects: Sequence[bytes], time: int) -> int:
        """Destroy data keys and remember that they were; return how many were there. Writers wait meanwhile.

        Raises
        ------
        LedgerError
            If one of the people is under a legal hold. Nothing is destroyed.
        """
        ...

    def destroyed(self, subject: bytes) -> int | None:
        """Return when a person's key was last destroyed, in microseconds, or None."""
        ...

    def scrub(self) -> list[str]:
        """Remove what destroyed keys left in free pages and logs; return a sentence for each place not reached."""
        ...

    def hold(self, subject: bytes, time: int | None) -> None:
        """Put a legal hold on a person's data (a time), or lift it (None)."""
        ...

    def holds(self) -> dict[bytes, int]:
        """Return persons under a legal hold, and since when."""
        ...

    def close(self) -> None:
        """Close the database. Further use is an error."""
        ...
