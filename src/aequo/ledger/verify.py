"""Check what was exported from a ledger, without aequo: this one file, the standard library and `cryptography`.

::

    python verify.py BUNDLE PUBKEY [--checkpoint FILE] [--quiet]

BUNDLE is the exported file. PUBKEY is the ledger's public key, ``NAME+ID+KEY``, or a file that holds it; have it from
somewhere else than the bundle. FILE holds a checkpoint of the ledger that you were given earlier, or by someone else.

Ends with 0 and one line that says what is proven and what is not; with 1 and the reason if the bundle is refused; with
2 if it was called in a wrong way.

A bundle is text, a line for each step from the first entry to the last, and each line ends in a line feed::

    {"format":"aequo-ledger-bundle/1","checkpoint":"..."}   signed; perhaps "since": an earlier one, with a proof
    {"v":1,"id":"...","time":"...",...}                     an entry: exactly the bytes that were recorded
    {"left_out":4,"hash":"..."}                             4 entries that were not exported: the hash over them

What is checked:

1. The checkpoint, origin, size and root, was signed with PUBKEY (C2SP signed-note and tlog-checkpoint; RFC 8032).
2. All the lines together, in their order, make the tree of that size with that root (RFC 6962, section 2.1). So
   nothing in them was changed, dropped, added or moved since it was signed.
3. An earlier checkpoint is on the beginning of the same tree (RFC 9162, section 2.1.4.2).
"""

from __future__ import annotations

import argparse
import base64
import binascii
import json
import re
import sys
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, NamedTuple

__all__ = ["Accepted", "Refused", "check_bundle", "main"]

FORMAT = "aequo-ledger-bundle/1"

# Nothing larger was ever exported; so that a hostile file cannot fill the memory.
MOST_HEAD, MOST_LINE, MOST_NOTE, MOST_PROOF = 1_000_000, 40_000_000, 200_000, 128

NAME = r"[^\s+\x00-\x1f\x7f-\x9f\ud800-\udfff]+"  # no blanks, no plus, nothing that a terminal would obey
SIZE = re.compile(r"0|[1-9][0-9]{0,17}")
LEFT_OUT = re.compile(rb'\{"left_out":([1-9][0-9]{0,17}),"hash":"([A-Za-z0-9+/]{43}=)"\}')


class Refused(Exception):
    """The bundle does not prove what it claims; the message says why."""


class _WrongUse(Exception):
    """The call is wrong, and nothing was judged."""


class Accepted(NamedTuple):
    """What a bundle proves.

    `entries` are in the bundle, of `size` that the ledger `origin` had when it was exported. `held` is the size of the
    checkpoint from elsewhere, and `since` that of the earlier one in the bundle; None where there is none.
    """

    origin: str
    size: int
    entries: int
    since: int | None
    held: int | None

    def sentence(self) -> str:
        """Return one line that says what is proven and what is not."""
        whole = f"all {self.size:,}" if self.entries == self.size else f"{self.entries:,} of {self.size:,}"
        proven = f"{whole} entries of {self.origin}, exactly as they were signed"
        if self.since is not None:
            proven += f"; they continue the checkpoint on {self.since:,} in the bundle"
        if self.held is not None:
            proven += f"; they continue the checkpoint given, on {self.held:,}"
            gap = f"that nothing recorded after the first {self.held:,} was cut off before the export"
        else:
            gap = "that the ledger was not cut or set back before the export (--checkpoint can show it)"
        return f"accepted: {proven}. Not proven: {gap}; that what an entry says is true."


class _Point(NamedTuple):
    size: int
    root: bytes


# -- the signed note --------------------------------------------------------------------------------------------------


def _decoded(text: str) -> bytes | None:
    """Return base64 (RFC 4648, section 4), or None if it is not written in the one way there is."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if base64.b64encode(raw).decode() == text else None


def _key_id(name: str, public: bytes) -> bytes:
    return sha256(name.encode() + b"\n\x01" + public).digest()[:4]


def _read_key(text: str) -> tuple[str, bytes] | None:
    """Return name and public key of ``NAME+ID+KEY``; the first byte of KEY says that it is an Ed25519 key."""
    found = re.fullmatch(rf"({NAME})\+([0-9a-f]{{8}})\+(\S+)", text.strip())
    raw = _decoded(found[3]) if found else None
    if found is None or raw is None or len(raw) != 33 or raw[0] != 1 or _key_id(found[1], raw[1:]).hex() != found[2]:
        return None
    return found[1], raw[1:]


def _signed(key: tuple[str, bytes], text: str, signature: bytes) -> bool:
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError:
        raise _WrongUse("this needs the package cryptography: pip install cryptography") from None
    try:
        Ed25519PublicKey.from_public_bytes(key[1]).verify(signature, text.encode())
    except InvalidSignature:
        return False
    return True


def _open_note(note: str, key: tuple[str, bytes]) -> _Point:
    """Return what a checkpoint says, if the key signed it.

    A note is a text, an empty line, and signature lines: a long dash, the name of a key, and in base64 the key's id (4
    bytes) and the signature. Signatures of other keys are passed over (C2SP signed-note).
    """
    text, gap, end = note.rpartition("\n\n")
    lines = end.split("\n")
    if not gap or lines.pop() or len(note) > MOST_NOTE or re.search(r"[\x00-\x09\x0b-\x1f\ud800-\udfff]", note):
        raise Refused("it is no signed note: expected a text, an empty line and signatures")
    found = [re.fullmatch(rf"\u2014 ({NAME}) (\S+)", line) for line in lines]
    signatures = [(m[1], _decoded(m[2])) for m in found if m]
    if len(signatures) != len(lines) or any(raw is None or len(raw) < 5 for _, raw in signatures):
        raise Refused("it is no signed note: a signature line cannot be read")
    name, public = key
    ours = [raw[4:] for signer, raw in signatures if raw and signer == name and raw[:4] == _key_id(name, public)]
    if not ours:
        raise Refused("it is not signed with the public key given")
    if not all(_signed(key, text + "\n", signature) for signature in ours):
        raise Refused("its signature does not fit its text")
    # Origin, size, root: a line each. Further lines may follow (C2SP tlog-checkpoint).
    origin, size, root, *_ = [*text.split("\n"), "", "", ""]
    digest = _decoded(root)
    if not SIZE.fullmatch(size) or digest is None or len(digest) != 32:
        raise Refused("it is no checkpoint: its size or root cannot be read")
    if origin != name:
        raise Refused("it is of another ledger than the public key given")
    return _Point(int(size), digest)


# -- the tree of RFC 6962 ---------------------------------------------------------------------------------------------


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


class _Tree:
    """The tree over what was read so far: its complete subtrees, largest first, each with its width (a power of 2)."""

    def __init__(self) -> None:
        self.size = 0
        self.subtrees: list[tuple[int, bytes]] = []

    def add(self, width: int, digest: bytes) -> None:
        """Append a complete subtree; two of one width, side by side, are the halves of a larger one."""
        self.size += width
        subtrees = self.subtrees
        while subtrees and subtrees[-1][0] == width:
            digest, width = _node(subtrees.pop()[1], digest), 2 * width
        subtrees.append((width, digest))

    def root(self) -> bytes:
        """Return the root: section 2.1 splits at the largest power of 2, so the subtrees join from the right."""
        if not self.subtrees:
            return sha256(b"").digest()
        root = self.subtrees[-1][1]
        for _, digest in reversed(self.subtrees[:-1]):
            root = _node(digest, root)
        return root


def _continues(old: _Point, new: _Point, proof: Sequence[bytes]) -> bool:
    """Return whether the old tree is the beginning of the new one: RFC 9162, section 2.1.4.2, with its names."""
    if old.size == 0 or old.size == new.size:
        return not proof and old.root == (new.root if old.size else sha256(b"").digest())
    if old.size > new.size or not proof:
        return False
    path = [old.root, *proof] if old.size & (old.size - 1) == 0 else list(proof)
    fn, sn = old.size - 1, new.size - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for c in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = _node(c, fr), _node(c, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = _node(sr, c)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and fr == old.root and sr == new.root


# -- the bundle -------------------------------------------------------------------------------------------------------


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Yield lines without their end, one at a time."""
    number, most = 1, MOST_HEAD
    while line := file.readline(most + 1):
        if not line.endswith(b"\n"):
            raise Refused(f"line {number:,} " + ("is too long" if len(line) > most else "is cut off"))
        yield line[:-1]
        number, most = number + 1, MOST_LINE


def _read_head(line: bytes, key: tuple[str, bytes]) -> tuple[_Point, _Point | None]:
    """Return the checkpoint of a bundle, and the earlier one that it was proven to continue."""
    try:
        head = json.loads(line)
        # Written in exactly one way, so that no byte of it can be changed.
        same = json.dumps(head, ensure_ascii=False, separators=(",", ":")).encode() == line
    except (ValueError, RecursionError):
        head, same = None, False
    if not same or not isinstance(head, dict) or head.get("format") != FORMAT:
        raise Refused(f"the first line is not that of a bundle of the form {FORMAT}")
    if list(head) not in (["format", "checkpoint"], ["format", "checkpoint", "since"]):
        raise Refused("the first line has other fields than format, checkpoint and since")
    new = _point_of("the checkpoint of the bundle", head["checkpoint"], key)
    if "since" not in head:
        return new, None
    since = head["since"]
    if not isinstance(since, dict) or list(since) != ["checkpoint", "proof"]:
        raise Refused("the field since cannot be read")
    old = _point_of("the earlier checkpoint in the bundle", since["checkpoint"], key)
    coded = since["proof"] if isinstance(since["proof"], list) else [None]
    proof = [_decoded(text) if isinstance(text, str) else None for text in coded[: MOST_PROOF + 1]]
    hashes = [digest for digest in proof if digest is not None and len(digest) == 32]
    if len(hashes) != len(proof) or len(proof) > MOST_PROOF or not _continues(old, new, hashes):
        raise Refused("the proof does not show that the ledger continues the earlier checkpoint")
    return new, old


def _point_of(what: str, note: object, key: tuple[str, bytes]) -> _Point:
    try:
        return _open_note(note if isinstance(note, str) else "", key)
    except Refused as reason:
        raise Refused(f"{what} cannot be trusted: {reason}") from None


def check_bundle(file: BinaryIO, pubkey: str, checkpoint: str | None = None) -> Accepted:
    r"""Check a bundle, line by line, in the same small memory whatever its length.

    Parameters
    ----------
    file : binary file
        The bundle.
    pubkey : str
        Public key of the ledger, ``NAME+ID+KEY``.
    checkpoint : str, optional
        A signed checkpoint of the ledger from elsewhere.

    Raises
    ------
    Refused
        If the bundle does not prove what it claims.
    ValueError
        If `pubkey` is no public key.

    Examples
    --------
    >>> import io
    >>> key = "example.com/log+a3ad76db+AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    >>> check_bundle(io.BytesIO(b"something else\n"), key)
    Traceback (most recent call last):
    aequo.ledger.verify.Refused: the first line is not that of a bundle of the form aequo-ledger-bundle/1
    """
    key = _read_key(pubkey)
    if key is None:
        raise ValueError("this is no public key of a ledger, expected NAME+ID+KEY")
    held = None if checkpoint is None else _point_of("the checkpoint given", checkpoint, key)
    lines = _lines(file)
    point, since = _read_head(next(lines, b""), key)
    if held is not None and held.size > point.size:
        raise Refused(
            f"the checkpoint given is on {held.size:,} entries and the bundle on {point.size:,}: "
            "the ledger was cut or set back, or the bundle is the older one"
        )
    tree, entries, root_then = _Tree(), 0, None
    stop = -1 if held is None else held.size
    for number, line in enumerate(lines, 2):
        if tree.size == stop:
            root_then = tree.root()
        width, digest = _read_line(line, number, tree.size)
        if tree.size + width > point.size:
            raise Refused(f"line {number:,} is one too many: {point.size:,} entries were signed")
        entries += digest is None
        tree.add(width, digest or sha256(b"\x00" + line).digest())
    if tree.size < point.size:
        raise Refused(f"it ends after {tree.size:,} entries, and {point.size:,} were signed")
    if tree.root() != point.root:
        raise Refused("its lines do not lead to the signed root: one or more were changed, dropped, added or moved")
    if held is not None:
        _hold(held, point, since, tree.root() if tree.size == stop else root_then)
    return Accepted(key[0], point.size, entries, since and since.size, held and held.size)


def _read_line(line: bytes, number: int, before: int) -> tuple[int, bytes | None]:
    """Return how many entries a line stands for, and the hash of those that were left out."""
    found = LEFT_OUT.fullmatch(line)
    if found is None:
        if line[:1] != b"{" or line[-1:] != b"}":
            raise Refused(f"line {number:,} is neither an entry nor a hash of entries that were left out")
        return 1, None
    width, digest = int(found[1]), _decoded(found[2].decode())
    # A complete subtree: its width is a power of 2, and it begins where one of that width can.
    if digest is None or width & (width - 1) or before % width:
        raise Refused(f"line {number:,} is the hash of no part of the tree")
    return width, digest


def _hold(held: _Point, point: _Point, since: _Point | None, root: bytes | None) -> None:
    """Hold the tree against the checkpoint from elsewhere; `root` is that of as many entries, if a line ended there."""
    if root is None and since is not None and since.size == held.size:
        root = since.root
    if root is None:
        raise Refused(
            f"it leaves out entries before and after the first {held.size:,}, so that it cannot be held against the "
            "checkpoint given: ask for an export since that checkpoint"
        )
    if root != held.root:
        where = "of as many entries" if held.size == point.size else f"of the first {held.size:,} entries"
        raise Refused(f"the checkpoint given has another root {where}: the ledger has two histories")


# -- the program ------------------------------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    """Run as a program; return its exit code.

    Examples
    --------
    >>> main(["no-such-file", "example.com/log+a3ad76db+AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "--quiet"])
    2
    """
    parser = argparse.ArgumentParser(prog="verify.py", description="Accept or refuse an export of a ledger.")
    parser.add_argument("bundle", metavar="BUNDLE", type=Path, help="the exported file")
    parser.add_argument("pubkey", metavar="PUBKEY", help="public key, NAME+ID+KEY, or a file with it")
    parser.add_argument("--checkpoint", metavar="FILE", type=Path, help="a checkpoint that you have from elsewhere")
    parser.add_argument("--quiet", action="store_true", help="say nothing, only end with 0, 1 or 2")
    given = parser.parse_args(arguments)
    try:
        code, said = 0, _run(given.bundle, given.pubkey, given.checkpoint)
    except Refused as reason:
        code, said = 1, f"refused: {reason}."
    except _WrongUse as reason:
        code, said = 2, f"{reason}."
    if not given.quiet:
        stream = sys.stderr if code == 2 else sys.stdout
        stream.write(said.encode("ascii", "backslashreplace").decode() + "\n")
    return code


def _run(bundle: Path, pubkey: str, checkpoint: Path | None) -> str:
    if _read_key(pubkey) is None:
        pubkey = _text(Path(pubkey), "PUBKEY is neither a public key, NAME+ID+KEY, nor a file that can be read")
        if _read_key(pubkey) is None:
            raise _WrongUse("the file PUBKEY holds no public key, expected NAME+ID+KEY")
    note = None if checkpoint is None else _text(checkpoint, "the file with the checkpoint cannot be read")
    try:
        with bundle.open("rb") as file:
            return check_bundle(file, pubkey, note).sentence()
    except OSError as error:
        raise _WrongUse(f"the bundle cannot be read: {error.strerror}") from None


def _text(path: Path, complaint: str) -> str:
    try:
        with path.open("rb") as file:
            return file.read(MOST_NOTE).decode()
    except (OSError, ValueError):
        raise _WrongUse(complaint) from None


if __name__ == "__main__":
    sys.exit(main())
