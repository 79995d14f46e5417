"""Signing the tree, and only a tree that continues what was signed before.

Whoever can write to the database could change an entry, mend all hashes, and wait until somebody who has the key
appends: the next signature would vouch for the change. So before the key signs, the tree that is stored is held against
the newest signature in it.
"""

from __future__ import annotations

import threading

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from aequo.errors import InputError, Tampered
from aequo.ledger.note import Checkpoint, open_note, sign_note, vkey_of
from aequo.ledger.store import Head, Store
from aequo.ledger.tree import Subtrees

__all__ = ["Signer"]


class Signer:
    """Signs sizes and roots of one ledger; called by its store while nobody else can extend the tree.

    Parameters
    ----------
    store : Store
        The database.
    name : str
        Name of the ledger.
    key : Ed25519PrivateKey
        Its signing key.
    """

    def __init__(self, store: Store, name: str, key: Ed25519PrivateKey) -> None:
        self._store = store
        self._name = name
        self._vkey = vkey_of(name, key.public_key().public_bytes_raw())
        self._key = key
        self._made: tuple[str, Checkpoint] | None = None  # what was signed last; it may not have been stored
        self._seen: tuple[str, Checkpoint] | None = None  # what was stored
        self._lock = threading.Lock()

    def __call__(self, size: int, root: bytes) -> str:
        """Return a checkpoint on a tree that is about to be stored, or is stored already.

        Raises
        ------
        Tampered
            If the stored tree is not the one that was signed last. Nothing is recorded.
        """
        point = Checkpoint(origin=self._name, size=size, root=root)
        with self._lock:  # else an older head could be held against what a newer one has shown
            self._check(self._store.head())
            self._made = sign_note(point.to_text(), self._name, self._key), point
            return self._made[0]

    def _check(self, head: Head) -> None:
        if head.note is None:
            if self._seen is not None:
                raise Tampered("the newest signature in the ledger was removed; `aequo ledger verify` says more.")
            return
        point = self._opened(head.note)
        # Where processes without the key have appended since, the signed tree is the beginning of the stored one.
        root = head.root if point.size == head.size else self._root(point.size, head.size)
        if root != point.root:
            raise Tampered("the tree is not the one that was signed; `aequo ledger verify` says more.")
        self._seen = head.note, point

    def _opened(self, note: str) -> Checkpoint:
        for known in (self._made, self._seen):
            if known is not None and note == known[0]:
                return known[1]
        try:
            point = Checkpoint.from_text(open_note(note, self._vkey))
        except InputError as error:
            raise Tampered(f"the newest signature in the ledger was changed: {error}") from None
        if self._seen is not None and point.size < self._seen[1].size:
            raise Tampered("the ledger was set back while it was in use; `aequo ledger verify` says more.")
        return point

    def _root(self, size: int, whole: int) -> bytes | None:
        return Subtrees(self._store.hashes, size).root() if size < whole else None
