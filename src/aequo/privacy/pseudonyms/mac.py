"""The keyed hash: HMAC-SHA-256 under keys that are derived from one version of a key ring, one for each purpose."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import cast

from aequo.errors import InputError, KeyProblem
from aequo.ledger.keys import KeyRing, KeySource, load_key

__all__ = ["Mac", "collision_probability", "mac_of", "ring_of"]

_BLOCK = 64
_PURPOSE = "pseudonym/1/"


class Mac:
    """HMAC-SHA-256 (RFC 2104, FIPS 198-1) of many short messages under one key.

    The two blocks that hold the key are hashed once, which more than halves the time of a short message.

    Parameters
    ----------
    key : bytes
        32 bytes.

    Examples
    --------
    >>> import hmac
    >>> Mac(bytes(32))(b"message") == hmac.digest(bytes(32), b"message", "sha256")
    True
    """

    __slots__ = ("_inner", "_key", "_outer")

    def __init__(self, key: bytes) -> None:
        if len(key) > _BLOCK:
            raise InputError(f"the key of a keyed hash has {len(key)} bytes, expected at most {_BLOCK}.")
        self._key = key
        block = key.ljust(_BLOCK, b"\0")
        self._inner = hashlib.sha256(bytes(b ^ 0x36 for b in block))
        self._outer = hashlib.sha256(bytes(b ^ 0x5C for b in block))

    def __call__(self, message: bytes) -> bytes:
        """Return 32 bytes that follow from the message, and tell nothing of it to whoever lacks the key."""
        inner = self._inner.copy()
        inner.update(message)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.digest()

    def of_texts(self, texts: Sequence[str]) -> list[bytes]:
        """Return the hash of each text in UTF-8."""
        copy_inner, copy_outer = self._inner.copy, self._outer.copy
        found = []
        for text in texts:
            inner = copy_inner()
            inner.update(text.encode("utf-8", "surrogatepass"))
            outer = copy_outer()
            outer.update(inner.digest())
            found.append(outer.digest())
        return found

    def __repr__(self) -> str:
        return "Mac(key not shown)"

    def __reduce__(self) -> tuple[type[Mac], tuple[bytes]]:
        return Mac, (self._key,)  # the state of a hash cannot be pickled; Spark's workers make it anew


def ring_of(key: KeySource) -> KeyRing:
    """Return the key ring that a source names.

    Raises
    ------
    KeyProblem
        If there is none, or it is a key service, which cannot derive the keys of a hash.
    """
    ring = load_key(key)
    if not hasattr(ring, "derive"):
        raise KeyProblem(
            "a key service wraps keys and cannot hash: let it wrap the text of a key ring, and give that ring "
            "(KeyRing.from_text)."
        )
    return cast(KeyRing, ring)


def mac_of(ring: KeyRing, purpose: str, domain: str, version: int) -> Mac:
    """Return the keyed hash for one purpose and domain; different ones are unrelated.

    Parameters
    ----------
    ring : KeyRing
        The keys.
    purpose : str
        Such as ``"token"``; without a slash.
    domain : str
        Within which equal values get equal pseudonyms.
    version : int
        Which version of the key.

    Raises
    ------
    KeyProblem
        If the ring has no such version.
    """
    return Mac(ring.derive(f"{_PURPOSE}{purpose}/{domain}", version=version))


def collision_probability(values: int, bits: int = 128) -> float:
    """Return (an upper bound on) the probability that two of some different values share a token.

    Parameters
    ----------
    values : int
        How many different values there are.
    bits : int
        Length of a token.

    Returns
    -------
    float
        The birthday bound, ``values * (values - 1) / 2 ** (bits + 1)``, at most 1.

    Examples
    --------
    >>> f"{collision_probability(1_000_000_000):.1e}"
    '1.5e-21'
    >>> f"{collision_probability(1_000_000_000, bits=64):.3f}"
    '0.027'
    """
    return float(min(1.0, values * max(values - 1, 0) / 2 ** (bits + 1)))
