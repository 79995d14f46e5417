"""Checkpoints: a size and a root, signed, in the text form that transparency logs share.

The forms are C2SP's `signed note`_ and `tlog-checkpoint`_; any of their tools can read and check them.

.. _signed note: https://c2sp.org/signed-note
.. _tlog-checkpoint: https://c2sp.org/tlog-checkpoint
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from aequo.errors import InputError, Tampered

__all__ = ["Checkpoint", "open_note", "read_vkey", "sign_note", "vkey_of"]

_ED25519 = b"\x01"
_DASH = "\u2014 "
_MOST = 200_000
_SIZE = re.compile(r"0|[1-9][0-9]{0,17}")
_NAME = re.compile(r"[^\s+\x00-\x1f\x7f-\x9f\ud800-\udfff]+")  # C2SP: no blanks, no plus; and no control characters
_FORBIDDEN = re.compile(r"[\x00-\x09\x0b-\x1f\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """What is signed: how many entries a ledger has, and the root of their tree.

    Attributes
    ----------
    origin : str
        Name of the ledger.
    size : int
        Entries.
    root : bytes
        Root of the tree over them, 32 bytes.

    Examples
    --------
    >>> text = Checkpoint(origin="example.com/log", size=3, root=bytes(32)).to_text()
    >>> Checkpoint.from_text(text).size
    3
    """

    origin: str
    size: int
    root: bytes

    def to_text(self) -> str:
        """Return the three lines that are signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    @classmethod
    def from_text(cls, text: str) -> Checkpoint:
        """Read the lines of a checkpoint; lines after the third are extensions and are passed over.

        Raises
        ------
        InputError
            If it is none.
        """
        lines = text.split("\n")
        if len(lines) < 4 or not lines[0]:
            raise InputError("this is no checkpoint: expected a name, a size and a root, one a line.")
        root = _decoded(lines[2])
        if _SIZE.fullmatch(lines[1]) is None or root is None or len(root) != 32:
            raise InputError("this is no checkpoint: its size or root cannot be read.")
        return cls(origin=lines[0], size=int(lines[1]), root=root)


def vkey_of(name: str, public: bytes) -> str:
    """Return a public key in the text form of signed notes: ``name+id+key``.

    Raises
    ------
    InputError
        If the name is empty or has a blank, a plus sign or a control character.

    Examples
    --------
    >>> vkey_of("example.com/log", bytes(32))
    'example.com/log+a3ad76db+AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'
    """
    if _NAME.fullmatch(name) is None:
        raise InputError(f"{name!r} cannot name a ledger: expected text without blanks and plus signs.")
    coded = base64.b64encode(_ED25519 + public).decode()
    return f"{name}+{_key_id(name, public).hex()}+{coded}"


def read_vkey(vkey: str) -> tuple[str, bytes]:
    """Return name and public key (32 bytes) of a key in text form.

    Raises
    ------
    InputError
        If it is none, or its id does not fit.
    """
    name, _, rest = vkey.strip().partition("+")
    key_id, _, coded = rest.partition("+")
    raw = _decoded(coded)
    if _NAME.fullmatch(name) is not None and raw is not None and len(raw) == 33 and raw[:1] == _ED25519:
        public = raw[1:]
        if _key_id(name, public).hex() == key_id:
            return name, public
    raise InputError("this is no public key of a ledger: expected NAME+ID+KEY, as `aequo ledger init` shows it.")


def sign_note(text: str, name: str, private: Ed25519PrivateKey) -> str:
    """Return a text with a signature line below it.

    Parameters
    ----------
    text : str
        Ends in a line break.
    name : str
        Of the key.
    private : Ed25519PrivateKey
        The key.
    """
    signature = private.sign(text.encode())
    coded = base64.b64encode(_key_id(name, private.public_key().public_bytes_raw()) + signature).decode()
    return f"{text}\n{_DASH}{name} {coded}\n"


def open_note(note: str, vkey: str) -> str:
    """Return the text of a note that this key signed.

    Raises
    ------
    Tampered
        If the key did not sign it, or its signature does not fit.
    InputError
        If it is no note, or the key is no key.
    """
    name, public = read_vkey(vkey)
    text, gap, end = note.rpartition("\n\n")
    if not gap or len(note) > _MOST or not end.endswith("\n") or _FORBIDDEN.search(note):
        raise InputError("this is no signed note: expected a text, an empty line and signatures.")
    text += "\n"
    # All lines are read before one is trusted; signatures of keys that are not known are passed over.
    signatures = [_signature(line) for line in end[:-1].split("\n")]
    ours = [raw[4:] for signer, raw in signatures if signer == name and raw[:4] == _key_id(name, public)]
    if not ours:
        raise Tampered("the checkpoint is not signed with this ledger's key.")
    for signature in ours:
        try:
            Ed25519PublicKey.from_public_bytes(public).verify(signature, text.encode())
        except InvalidSignature:
            raise Tampered("the signature of the checkpoint does not fit its text.") from None
    return text


def _signature(line: str) -> tuple[str, bytes]:
    signer, _, coded = line.removeprefix(_DASH).partition(" ")
    raw = _decoded(coded)
    if not line.startswith(_DASH) or _NAME.fullmatch(signer) is None or raw is None or len(raw) < 5:
        raise InputError("this is no signed note: a signature line cannot be read.")
    return signer, raw


def _key_id(name: str, public: bytes) -> bytes:
    return sha256(name.encode() + b"\n" + _ED25519 + public).digest()[:4]


def _decoded(text: str) -> bytes | None:
    """Return base64, or None if it is not written in the one way there is: a signed text has no second form."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if base64.b64encode(raw).decode() == text else None
