"""The people in a ledger: their ids as keyed hashes, and a data key for each, which can be destroyed."""

from __future__ import annotations

import secrets
import threading
import time
import unicodedata
from collections.abc import Iterable
from typing import NamedTuple

from aequo.errors import InputError, KeyProblem
from aequo.ledger.keys import MasterKey, unwrap_secret, wrap_secret
from aequo.ledger.store import PersonKey, Store

__all__ = ["DataKey", "People", "person_context", "plain_subject"]

_MOST_CACHED = 50_000


class DataKey(NamedTuple):
    """A person's key, ready for use: its id, 32 bytes, and how to store it while no entry has used it yet."""

    key_id: bytes
    key: bytes
    fresh: PersonKey | None


def plain_subject(subject: object) -> str:
    """Return a person's id as text, the same for every way to write the same characters.

    Raises
    ------
    InputError
        If it is no text or whole number, or is empty.

    Examples
    --------
    >>> plain_subject(1234)
    '1234'
    """
    text = str(subject) if isinstance(subject, int) and not isinstance(subject, bool) else subject
    if not isinstance(text, str) or not text.strip():
        raise InputError(
            f"a subject is a {type(subject).__name__}, expected the person's id as text that is not empty."
        )
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InputError("a subject has half of a surrogate pair, which is no character.") from None
    return unicodedata.normalize("NFC", text)


def person_context(subject: bytes, key_id: bytes) -> bytes:
    """Return what a person's wrapped key is bound to."""
    return b"aequo/1/person/" + subject + key_id


class People:
    """Data keys by person, kept in memory while they are in use.

    Parameters
    ----------
    store : Store
        Where wrapped keys are.
    master : KeyRing or KeyService
        What they are wrapped with.
    """

    def __init__(self, store: Store, master: MasterKey) -> None:
        self._store = store
        self.master = master
        self._known: dict[bytes, DataKey] = {}
        self._lock = threading.Lock()

    def to_write(self, subject: bytes) -> DataKey:
        """Return the key to seal with; a new one if the person has none."""
        with self._lock:
            found = self._known.get(subject) or self._stored(subject) or self._made(subject)
            self._remember(subject, found)
            return found

    def to_read(self, subject: bytes, key_id: bytes) -> bytes | None:
        """Return the key to open an entry with, or None if it was destroyed.

        Always asks the store: what another process has destroyed must not be readable from this one's memory.
        """
        with self._lock:
            found = self._stored(subject)
            if found is None or found.key_id != key_id:
                return None
            self._remember(subject, found)  # a key service is asked once for each person
            return found.key

    def _remember(self, subject: bytes, found: DataKey) -> None:
        if len(self._known) >= _MOST_CACHED and subject not in self._known:
            self._known = {s: k for s, k in self._known.items() if k.fresh is not None}
        self._known[subject] = found

    def settled(self, keys: Iterable[PersonKey]) -> None:
        """Note that new keys are stored."""
        with self._lock:
            for key in keys:
                known = self._known.get(key.subject)
                if known is not None and known.key_id == key.key_id:
                    self._known[key.subject] = known._replace(fresh=None)

    def forget(self, subjects: Iterable[bytes]) -> None:
        """Drop keys from memory."""
        with self._lock:
            for subject in subjects:
                self._known.pop(subject, None)

    def _stored(self, subject: bytes) -> DataKey | None:
        row = self._store.person(subject)
        if row is None:
            return None
        known = self._known.get(subject)
        if known is not None and known.key_id == row.key_id:
            return known._replace(fresh=None)
        key = unwrap_secret(self.master, row.wrapped, context=person_context(subject, row.key_id))
        if len(key) != 32:
            raise KeyProblem("a person's data key has the wrong length: the sealed bytes were changed.")
        return DataKey(row.key_id, key, None)

    def _made(self, subject: bytes) -> DataKey:
        key_id, key = secrets.token_bytes(8), secrets.token_bytes(32)
        stored = wrap_secret(self.master, key, context=person_context(subject, key_id))
        return DataKey(key_id, key, PersonKey(subject, key_id, stored, time.time_ns() // 1000))
