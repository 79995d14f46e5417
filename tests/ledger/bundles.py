"""Bundles, and a second reader of them, made of aequo's own parts, to hold the stand-alone verifier against."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from aequo.errors import AequoError
from aequo.ledger.note import Checkpoint, open_note, read_vkey, sign_note, vkey_of
from aequo.ledger.tree import check_consistency, check_selection, cover, extend, leaf_hash, root_of
from aequo.ledger.verify import Accepted, Refused, check_bundle

NAME = "example.com/made"
PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
VKEY = vkey_of(NAME, PRIVATE.public_key().public_bytes_raw())


def sign(size: int, root: bytes, *, name: str = NAME, private: Ed25519PrivateKey = PRIVATE) -> str:
    return sign_note(Checkpoint(origin=name, size=size, root=root).to_text(), name, private)


def entries(count: int) -> list[bytes]:
    return [b'{"v":1,"n":%d}' % n for n in range(count)]


def root(bodies: Sequence[bytes]) -> bytes:
    return root_of(extend(0, (), [leaf_hash(body) for body in bodies])[1])


def made(
    bodies: Sequence[bytes], *, note: str | None = None, lines: Sequence[bytes] | None = None, **since: object
) -> bytes:
    """A bundle of all these entries, or with other lines or another checkpoint than they would have."""
    head = {"format": "aequo-ledger-bundle/1", "checkpoint": note or sign(len(bodies), root(bodies)), **since}
    return b"\n".join([msgspec.json.encode(head), *(bodies if lines is None else lines)]) + b"\n"


def left_out(width: int, digest: bytes) -> bytes:
    return b'{"left_out":%d,"hash":"%s"}' % (width, base64.b64encode(digest))


def verdict(bundle: bytes | Path, vkey: str = VKEY, checkpoint: str | None = None) -> Accepted | str:
    """What the stand-alone verifier says: what is proven, or why it refuses."""
    data = bundle.read_bytes() if isinstance(bundle, Path) else bundle
    try:
        return check_bundle(io.BytesIO(data), vkey, checkpoint)
    except Refused as reason:
        return str(reason)


def second_opinion(data: bytes, vkey: str) -> bool:
    """Whether a bundle proves its entries, by aequo's own notes and tree, all in memory."""
    try:
        first, *lines = data.split(b"\n")
        if not lines or lines.pop() != b"":
            return False
        head = msgspec.json.decode(first)
        if msgspec.json.encode(head) != first or list(head)[:2] != ["format", "checkpoint"] or len(head) > 3:
            return False
        if head["format"] != "aequo-ledger-bundle/1":
            return False
        point = Checkpoint.from_text(open_note(head["checkpoint"], vkey))
        if point.origin != read_vkey(vkey)[0] or not _continues(head, point, vkey):
            return False
        parts = [_part(line) for line in lines]
    except (AequoError, msgspec.MsgspecError, KeyError, TypeError, ValueError, AttributeError):
        return False
    chosen, proof, position = [], [], 0
    for width, digest, is_entry in parts:
        if is_entry:
            chosen.append((position, digest))
        else:
            proof.append(digest)
        position += width
        if position > point.size:
            return False
    widths = [(stop - start, is_chosen) for start, stop, is_chosen in cover([i for i, _ in chosen], point.size)]
    same = widths == [(width, is_entry) for width, _, is_entry in parts]
    return same and check_selection(chosen, point.size, proof, point.root)


def _continues(head: dict[str, object], point: Checkpoint, vkey: str) -> bool:
    if len(head) == 2:
        return True
    since: Any = head["since"]
    old = Checkpoint.from_text(open_note(since["checkpoint"], vkey))
    proof = [base64.b64decode(text, validate=True) for text in since["proof"]]
    same = [base64.b64encode(digest).decode() for digest in proof] == since["proof"] and list(since) == [
        "checkpoint",
        "proof",
    ]
    return same and old.origin == point.origin and check_consistency(old.size, point.size, proof, old.root, point.root)


def _part(line: bytes) -> tuple[int, bytes, bool]:
    if not line.startswith(b"{") or not line.endswith(b"}"):
        raise ValueError("no line of a bundle")
    if not line.startswith(b'{"left_out":'):
        return 1, leaf_hash(line), True
    said = msgspec.json.decode(line)
    digest = base64.b64decode(said["hash"], validate=True)
    if msgspec.json.encode(said) != line or len(said) != 2 or len(digest) != 32 or type(said["left_out"]) is not int:
        raise ValueError("no hash of a part")
    if base64.b64encode(digest).decode() != said["hash"] or said["left_out"] < 1:
        raise ValueError("no hash of a part")
    return said["left_out"], digest, False
