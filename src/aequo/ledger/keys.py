"""The master key: where it comes from, its versions, and what is wrapped with it.

A ledger's own secrets and each person's data key are stored only in wrapped form. Whoever lacks the master key can
verify the ledger and read nothing personal in it.
"""

from __future__ import annotations

import base64
import binascii
import functools
import os
import re
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol, runtime_checkable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from aequo.errors import KeyProblem, OutputError

__all__ = [
    "KeyRing",
    "KeyService",
    "KeySource",
    "MasterKey",
    "load_key",
    "open_sealed",
    "seal",
    "unwrap_secret",
    "wrap_secret",
]

_NONCE = 12
_LINE = re.compile(r"(\d{1,9})\s*[=:]\s*(\S+)")
_HEAD = "# aequo master key: whoever has this file can read all that is sealed with it. Keep it apart from the data."
_MOST = 1_000_000
_NAME = re.compile(r"[\w. -]{1,40}")  # shorter than any form of 32 bytes that is read here


@runtime_checkable
class KeyService(Protocol):
    """A key service (KMS, HSM, vault): two functions that never give the master key away.

    `context` is bound to the wrapped bytes: what was wrapped with one context must not be unwrapped with another.
    """

    def wrap(self, secret: bytes, *, context: bytes) -> bytes:
        """Return `secret` in a form that only `unwrap` can read."""
        ...

    def unwrap(self, wrapped: bytes, *, context: bytes) -> bytes:
        """Return the secret; raise an exception if it is not to be had."""
        ...


class KeyRing:
    """Master keys by version; the highest version wraps, all of them unwrap.

    Parameters
    ----------
    keys : mapping of int to bytes
        Version, from 1, to 32 bytes.

    Raises
    ------
    KeyProblem
        If there is no key, or one is not 32 bytes.

    Examples
    --------
    >>> ring = KeyRing.new()
    >>> ring.unwrap(ring.wrap(b"secret", context=b"x"), context=b"x")
    b'secret'
    >>> later = ring.rotated()
    >>> later.version, later.unwrap(ring.wrap(b"secret", context=b"x"), context=b"x")
    (2, b'secret')
    >>> KeyRing({1: bytes(32)})
    KeyRing(versions 1)
    """

    __slots__ = ("_derive", "_keys")

    def __init__(self, keys: Mapping[int, bytes]) -> None:
        if not keys:
            raise KeyProblem("there is no master key, expected at least one of 32 bytes.")
        for version, key in keys.items():
            if not 1 <= version < 2**32:
                raise KeyProblem(f"a master key has the version {version!r}, expected a whole number from 1.")
            if len(key) != 32:
                raise KeyProblem(f"master key {version} has the wrong length, expected 32 random bytes.")
        self._keys = dict(sorted(keys.items()))
        self._derive = functools.cache(self._derived)

    @classmethod
    def new(cls) -> KeyRing:
        """Return a ring with one random key, version 1."""
        return cls({1: secrets.token_bytes(32)})

    @property
    def version(self) -> int:
        """The version that wraps."""
        return max(self._keys)

    @property
    def versions(self) -> tuple[int, ...]:
        """All versions, oldest first."""
        return tuple(self._keys)

    def rotated(self) -> KeyRing:
        """Return a ring with a further random key, which wraps from now on."""
        return KeyRing({**self._keys, self.version + 1: secrets.token_bytes(32)})

    def without(self, version: int) -> KeyRing:
        """Return a ring that lacks one version: what is wrapped with it can never be read again.

        Raises
        ------
        KeyProblem
            If it is not there, or is the only one.
        """
        if version not in self._keys:
            raise KeyProblem(f"there is no master key {version}; there are {', '.join(map(str, self._keys))}.")
        return KeyRing({v: key for v, key in self._keys.items() if v != version})

    def derive(self, purpose: str, *, version: int | None = None) -> bytes:
        """Return 32 bytes for one purpose, by HKDF-SHA-256 (RFC 5869) from one version of the master key.

        Parameters
        ----------
        purpose : str
            What they are for; different purposes give keys that tell nothing of one another.
        version : int, optional
            The newest by default.

        Raises
        ------
        KeyProblem
            If there is no such version.
        """
        return self._derive(purpose, self.version if version is None else version)

    def _derived(self, purpose: str, version: int) -> bytes:
        if version not in self._keys:
            raise KeyProblem(f"there is no master key {version}; there are {', '.join(map(str, self._keys))}.")
        info = b"aequo/1/" + purpose.encode()
        return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(self._keys[version])

    def wrap(self, secret: bytes, *, context: bytes) -> bytes:
        """Return `secret` sealed with the newest key (AES-256-GCM), bound to `context`; 4 bytes of version first."""
        head = self.version.to_bytes(4, "big")
        return head + seal(self.derive("wrap"), secret, head + context)

    def unwrap(self, wrapped: bytes, *, context: bytes) -> bytes:
        """Return what `wrap` sealed.

        Raises
        ------
        KeyProblem
            If the key of that version is missing or is another one, or the bytes were changed.
        """
        version = int.from_bytes(wrapped[:4], "big")
        if version not in self._keys:
            known = ", ".join(map(str, self._keys))
            raise KeyProblem(f"this was sealed with master key {version}, and the key given has {known}.")
        secret = open_sealed(self.derive("wrap", version=version), wrapped[4:], wrapped[:4] + context)
        if secret is None:
            raise KeyProblem("the master key does not fit: it is another ledger's, or the sealed bytes were changed.")
        return secret

    def to_text(self) -> str:
        """Return the keys as the text of a key file. Keep it secret."""
        lines = [f"{version} = {base64.b64encode(key).decode()}" for version, key in self._keys.items()]
        return "\n".join([_HEAD, *lines, ""])

    @classmethod
    def from_text(cls, text: str, *, source: str = "the master key") -> KeyRing:
        """Read lines ``version = base64 of 32 bytes``; one bare key, in base64 or hexadecimal, is version 1.

        Raises
        ------
        KeyProblem
            If it is not that; nothing of the text is in the message.
        """
        keys: dict[int, bytes] = {}
        parts = [p for line in text.splitlines() if not line.lstrip().startswith("#") for p in line.split(",")]
        parts = [p.strip() for p in parts if p.strip()]
        for part in parts:
            found = _LINE.fullmatch(part)
            version, coded = (int(found[1]), found[2]) if found else (1, part)
            key = _decoded(coded)
            if key is None or (found is None and len(parts) > 1):
                raise KeyProblem(f"{source} cannot be read: expected lines such as '1 = (32 bytes in base64)'.")
            if version in keys:
                raise KeyProblem(f"{source} has version {version} twice.")
            keys[version] = key
        if not keys:
            raise KeyProblem(f"{source} is empty, expected lines such as '1 = (32 bytes in base64)'.")
        return cls(keys)

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write a key file that only its owner can read, whole or not at all.

        Parameters
        ----------
        path : str or Path
            Where.
        overwrite : bool
            Whether to replace a file that is there, as after a rotation.

        Raises
        ------
        OutputError
            If a file is there and may not be replaced, or it cannot be written.
        """
        target = Path(path)
        if os.path.lexists(target) and not overwrite:
            raise OutputError(f"{target.name} is there already; a key file is not overwritten unless you ask for it.")
        temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
        try:
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(self.to_text().encode())
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(target)
            with suppress(OSError):
                folder = os.open(target.parent, os.O_RDONLY)
                try:
                    os.fsync(folder)
                finally:
                    os.close(folder)
        except OSError as error:
            raise OutputError(f"the key file {target.name} cannot be written: {error.strerror}.") from None
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
        return target

    def __repr__(self) -> str:
        return f"KeyRing(versions {', '.join(map(str, self._keys))})"

    def __reduce__(self) -> tuple[type[KeyRing], tuple[dict[int, bytes]]]:
        return KeyRing, (dict(self._keys),)


MasterKey = KeyRing | KeyService
"""What wraps: keys of ours, or a service."""

KeySource = MasterKey | bytes | str | Path
"""A master key, 32 bytes, ``"file:PATH"``, ``"env:NAME"``, or a path."""


def load_key(source: KeySource) -> MasterKey:
    """Return the master key that `source` names.

    Parameters
    ----------
    source : KeyRing, KeyService, bytes, str or Path
        Keys, a key service, 32 bytes, ``"file:PATH"``, ``"env:NAME"`` (a variable with the text of a key file, with one
        key in base64 or hexadecimal, or with ``file:PATH``), or a path.

    Raises
    ------
    KeyProblem
        If the key is not there or cannot be one; the message holds nothing of it.

    Examples
    --------
    >>> load_key(bytes(32)).version
    1
    """
    if isinstance(source, (KeyRing, KeyService)):
        return source
    if isinstance(source, bytes):
        return KeyRing({1: source})
    text = os.fspath(source)
    kind, _, rest = text.partition(":")
    if kind == "env":
        if rest not in os.environ:
            raise KeyProblem(f"the environment has no variable {_shown(rest)} with the master key.")
        value = os.environ[rest]
        if not value.startswith("file:"):
            return KeyRing.from_text(value, source=f"the variable {_shown(rest)}")
        kind, rest = "file", value.removeprefix("file:")
    path = Path(rest if kind == "file" else text)
    name = _shown(path.name)
    try:
        with path.expanduser().open("rb") as file:
            raw = file.read(_MOST)
        return KeyRing.from_text(raw.decode("ascii"), source=f"the key file {name}")
    except FileNotFoundError:
        raise KeyProblem(f"there is no key file {name}. `aequo ledger init` writes one.") from None
    except (OSError, ValueError, RuntimeError) as error:
        if isinstance(error, KeyProblem):
            raise
        reason = error.strerror if isinstance(error, OSError) else "it is no file of plain text"
        raise KeyProblem(f"the key file {name} cannot be read: {reason}.") from None


def _shown(name: str) -> str:
    """Return a name for a message; somebody may have given the key itself where its place was asked for."""
    return repr(name) if _NAME.fullmatch(name) else "of the name given"


def wrap_secret(master: MasterKey, secret: bytes, *, context: bytes) -> bytes:
    """Return what a master key makes of a secret.

    Raises
    ------
    KeyProblem
        If a key service does not do it, whatever it raises.
    """
    try:
        return master.wrap(secret, context=context)
    except KeyProblem:
        raise
    except Exception as error:
        raise KeyProblem(f"the key service did not wrap a key ({type(error).__name__}).") from error


def unwrap_secret(master: MasterKey, sealed: bytes, *, context: bytes) -> bytes:
    """Return the secret that a master key wrapped; raises as `wrap_secret`."""
    try:
        return master.unwrap(sealed, context=context)
    except KeyProblem:
        raise
    except Exception as error:
        raise KeyProblem(f"the key service did not unwrap a key ({type(error).__name__}).") from error


def seal(key: bytes, plain: bytes, context: bytes) -> bytes:
    """Return a random nonce and `plain` under AES-256-GCM, bound to `context`.

    Examples
    --------
    >>> open_sealed(bytes(32), seal(bytes(32), b"text", b"c"), b"c")
    b'text'
    """
    nonce = secrets.token_bytes(_NONCE)
    return nonce + AESGCM(key).encrypt(nonce, plain, context)


def open_sealed(key: bytes, sealed: bytes, context: bytes) -> bytes | None:
    """Return what `seal` sealed, or None if key, context or bytes are not the same."""
    if len(sealed) < _NONCE + 16:
        return None
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], context)
    except InvalidTag:
        return None


def _decoded(text: str) -> bytes | None:
    if re.fullmatch(r"[0-9a-fA-F]{64}", text):
        return bytes.fromhex(text)
    try:
        key = base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        return None
    return key if len(key) == 32 else None
