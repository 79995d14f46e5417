"""Proofs for others: that an entry is in the ledger, that the ledger only grew, and bundles of entries to take away.

A bundle is a text file. Its first line is a JSON object with the checkpoint, and an earlier one with its proof if asked
for. Then come the entries in order, each a line: exactly the bytes whose hash is the leaf. Where entries are left out,
a line has their number and the hash over them, so that all lines together make the root. Nothing is in a bundle that
the signature does not cover. `verify.py` beside this module, a single file, accepts or refuses it without aequo.
"""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from aequo.errors import InputError, KeyProblem, OutputError, Tampered
from aequo.ledger.note import Checkpoint, open_note
from aequo.ledger.reading import pages
from aequo.ledger.tree import (
    Subtrees,
    check_consistency,
    check_inclusion,
    consistency_proof,
    cover,
    inclusion_proof,
    leaf_hash,
)

if TYPE_CHECKING:
    from aequo.ledger.ledger import Ledger

__all__ = ["BUNDLE", "ConsistencyProof", "InclusionProof", "prove_growth", "prove_inclusion", "write_bundle"]

BUNDLE = "aequo-ledger-bundle/1"
"""Names the form of a bundle, in its first line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InclusionProof:
    """That an entry is in the ledger, in RFC 6962's form.

    Attributes
    ----------
    index : int
        The entry.
    size : int
        Size of the tree.
    body : bytes
        The entry's bytes; the leaf is their hash.
    path : tuple of bytes
        Audit path, from the leaf up.
    root : bytes
        Root of the tree.
    checkpoint : str or None
        Signed note on size and root; None where the key is absent or the tree is an earlier one.
    """

    index: int
    size: int
    body: bytes
    path: tuple[bytes, ...]
    root: bytes
    checkpoint: str | None

    def holds(self, vkey: str) -> bool:
        """Return whether the path leads from the bytes to the root, and the key signed the root.

        Raises
        ------
        InputError, Tampered
            If there is no checkpoint, or the key did not sign it.
        """
        if self.checkpoint is None:
            raise InputError("this proof has no checkpoint: prove the entry for the whole ledger, with its key.")
        point = Checkpoint.from_text(open_note(self.checkpoint, vkey))
        signed = (point.size, point.root) == (self.size, self.root)
        return signed and check_inclusion(self.index, self.size, leaf_hash(self.body), self.path, self.root)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON: hashes in base64."""
        return {
            "index": self.index,
            "size": self.size,
            "leaf": _coded(leaf_hash(self.body)),
            "path": [_coded(h) for h in self.path],
            "root": _coded(self.root),
            "checkpoint": self.checkpoint,
            "body": self.body.decode(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsistencyProof:
    """That a tree is the beginning of a later one, in RFC 6962's form.

    Attributes
    ----------
    old, size : int
        Sizes of the trees.
    old_root, root : bytes
        Their roots.
    path : tuple of bytes
        The proof.
    checkpoint : str or None
        Signed note on the later tree.
    """

    old: int
    size: int
    old_root: bytes
    root: bytes
    path: tuple[bytes, ...]
    checkpoint: str | None

    def holds(self) -> bool:
        """Return whether the proof leads to both roots."""
        return check_consistency(self.old, self.size, self.path, self.old_root, self.root)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON: hashes in base64."""
        return {
            "old": self.old,
            "size": self.size,
            "old_root": _coded(self.old_root),
            "root": _coded(self.root),
            "path": [_coded(h) for h in self.path],
            "checkpoint": self.checkpoint,
        }


def prove_inclusion(ledger: Ledger, index: int, size: int | None) -> InclusionProof:
    """Return the proof that an entry is in the tree (of `size` entries, or all of it)."""
    note = _note(ledger, size)
    trees = ledger.subtrees(Checkpoint.from_text(note).size if note else size)
    path = inclusion_proof(trees, index, trees.size)
    rows = ledger.store.rows(index, index + 1)
    if not rows:
        raise InputError(f"entry {index} is missing; `aequo ledger verify` says more.")
    return InclusionProof(
        index=index, size=trees.size, body=rows[0].body, path=tuple(path), root=trees.root(), checkpoint=note
    )


def prove_growth(ledger: Ledger, old: int, size: int | None) -> ConsistencyProof:
    """Return the proof that the tree of `old` entries is the beginning of the tree of `size`, or of all of it."""
    note = _note(ledger, size)
    trees = ledger.subtrees(Checkpoint.from_text(note).size if note else size)
    path = consistency_proof(trees, old, trees.size)
    return ConsistencyProof(
        old=old,
        size=trees.size,
        old_root=ledger.subtrees(old).root(),
        root=trees.root(),
        path=tuple(path),
        checkpoint=note,
    )


def write_bundle(
    ledger: Ledger, path: str | Path, indices: Iterable[int] | None = None, *, since: str | None = None
) -> int:
    """Write entries and what proves them to one file, whole or not at all; return how many entries it has.

    Parameters
    ----------
    ledger : Ledger
        Opened with its key, since a bundle carries a fresh checkpoint.
    path : str or Path
        The file; replaced if it is there.
    indices : iterable of int, optional
        Which entries; all by default.
    since : str, optional
        An earlier checkpoint that the reader has: the bundle then proves that the ledger only grew since.

    Raises
    ------
    KeyProblem
        If the ledger was opened without its key.
    InputError
        If there is no such entry, or the checkpoint is not of this ledger.
    Tampered
        If an entry is missing, or the ledger does not continue the checkpoint.
    OutputError
        If the file cannot be written; nothing is left of it.
    """
    note = ledger.checkpoint()
    size = Checkpoint.from_text(note).size
    trees = ledger.subtrees(size)
    chosen: Sequence[int] = range(size) if indices is None else sorted(set(indices))
    if chosen and not 0 <= chosen[0] <= chosen[-1] < size:
        raise InputError(f"there is no entry {chosen[-1] if chosen[0] >= 0 else chosen[0]} in a ledger of {size}.")
    head: dict[str, Any] = {"format": BUNDLE, "checkpoint": note}
    if since is not None:
        head["since"] = _since(ledger, since, trees)
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(msgspec.json.encode(head) + b"\n")
            file.writelines(line + b"\n" for line in _lines(ledger, chosen, trees))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except OSError as error:
        raise OutputError(f"the bundle {target.name} cannot be written: {error.strerror}.") from None
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    return len(chosen)


def _since(ledger: Ledger, note: str, trees: Subtrees) -> dict[str, Any]:
    old = Checkpoint.from_text(open_note(note, ledger.vkey))
    if old.size > trees.size:
        raise Tampered(f"the checkpoint is on {old.size} entries and the ledger has {trees.size}: it was set back.")
    proof = consistency_proof(trees, old.size, trees.size)
    if not check_consistency(old.size, trees.size, proof, old.root, trees.root()):
        raise Tampered("the ledger does not continue that checkpoint; `aequo ledger verify` says more.")
    return {"checkpoint": note, "proof": [_coded(h) for h in proof]}


def _lines(ledger: Ledger, chosen: Sequence[int], trees: Subtrees) -> Iterator[bytes]:
    """Yield the lines after the first: entries, and hashes of what is left out."""
    if isinstance(chosen, range):
        yield from _bodies(ledger, 0, len(chosen))
        return
    first = after = 0  # chosen entries that follow each other are read together
    for start, stop, is_chosen in cover(chosen, trees.size):
        if is_chosen and start == after:
            after = stop
            continue
        yield from _bodies(ledger, first, after)
        first, after = (start, stop) if is_chosen else (stop, stop)
        if not is_chosen:
            yield msgspec.json.encode({"left_out": stop - start, "hash": _coded(trees(start, stop))})
    yield from _bodies(ledger, first, after)


def _bodies(ledger: Ledger, start: int, stop: int) -> Iterator[bytes]:
    for asked, rows in pages(ledger.store, start, stop):
        if [row.position for row in rows] != list(asked):
            first, last = asked[0], asked[-1]
            raise Tampered(f"of the entries {first} to {last} one is missing; `aequo ledger verify` says more.")
        for row in rows:
            if row.body[:1] != b"{" or row.body[-1:] != b"}" or b"\n" in row.body:
                raise Tampered(f"entry {row.position} is no entry any more; `aequo ledger verify` says more.")
            yield row.body


def _note(ledger: Ledger, size: int | None) -> str | None:
    """Return a checkpoint on the whole tree, signed now if the key is there, else the newest one that was signed."""
    if size is not None:
        return None
    try:
        return ledger.checkpoint()
    except KeyProblem:
        return ledger.store.head().note


def _coded(digest: bytes) -> str:
    return base64.b64encode(digest).decode()
