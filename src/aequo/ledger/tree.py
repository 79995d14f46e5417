"""The Merkle tree of RFC 6962, section 2.1: hashes, roots and proofs. Pure arithmetic on hashes.

Hashes are stored where a whole subtree of 256, 65,536, ... entries is complete; every other node is made from those and
from the leaves when a proof asks for it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256

from aequo.errors import InputError, Tampered

__all__ = [
    "BITS",
    "EMPTY",
    "Fetch",
    "Node",
    "Subtrees",
    "check_consistency",
    "check_inclusion",
    "check_selection",
    "consistency_proof",
    "cover",
    "extend",
    "inclusion_proof",
    "leaf_hash",
    "node_hash",
    "root_of",
    "selection_proof",
]

BITS = 8
"""Subtrees of ``2**BITS`` hashes of one level have their hash stored."""

EMPTY = sha256(b"").digest()
"""Root of the tree without entries."""

Node = tuple[int, int, bytes]
"""Level (0 is a leaf), position in its level, hash."""

Fetch = Callable[[int, int, int], Sequence[bytes]]
"""``fetch(level, start, stop)``: stored hashes of one level, which is a multiple of `BITS`."""


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of an entry: SHA-256 of 0x00 and its bytes (RFC 6962, section 2.1).

    Examples
    --------
    >>> leaf_hash(b"").hex()[:16]
    '6e340b9cffb37a98'
    """
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node: SHA-256 of 0x01 and its two children (RFC 6962, section 2.1)."""
    return sha256(b"\x01" + left + right).digest()


def extend(size: int, peaks: Sequence[bytes], leaves: Sequence[bytes]) -> tuple[int, tuple[bytes, ...], list[Node]]:
    """Append leaves to a tree of which only the peaks are known.

    Parameters
    ----------
    size : int
        Entries in the tree.
    peaks : sequence of bytes
        Hashes of its complete subtrees, largest first: one for each bit of `size`.
    leaves : sequence of bytes
        Leaf hashes to append.

    Returns
    -------
    size : int
        Entries now.
    peaks : tuple of bytes
        Its peaks.
    completed : list of (level, position, hash)
        Subtrees that became complete, of the levels whose hashes are stored, lowest level first.

    Examples
    --------
    >>> size, peaks, _ = extend(0, (), [leaf_hash(b"a"), leaf_hash(b"b"), leaf_hash(b"c")])
    >>> size, len(peaks), extend(size, peaks, [leaf_hash(b"d")])[0]
    (3, 2, 4)
    """
    standing = dict(zip((b for b in reversed(range(size.bit_length())) if size >> b & 1), peaks, strict=True))
    completed: list[Node] = []
    level, first, hashes = 0, size, list(leaves)
    while hashes:
        if level and level % BITS == 0:
            completed += [(level, first + i, h) for i, h in enumerate(hashes)]
        if first & 1:
            hashes.insert(0, standing.pop(level))
            first -= 1
        if len(hashes) & 1:
            standing[level] = hashes[-1]
        pairs = iter(hashes)
        # The hash is written out: calling `node_hash` would double the time of the innermost loop.
        hashes = [sha256(b"\x01" + left + right).digest() for left, right in zip(pairs, pairs, strict=False)]
        level, first = level + 1, first // 2
    return size + len(leaves), tuple(standing[b] for b in sorted(standing, reverse=True)), completed


def root_of(peaks: Sequence[bytes]) -> bytes:
    """Return the root of the tree with these peaks, largest first."""
    if not peaks:
        return EMPTY
    root = peaks[-1]
    for peak in reversed(peaks[:-1]):
        root = node_hash(peak, root)
    return root


class Subtrees:
    """Hashes of any subtree, made from the stored ones; each block of 256 is fetched once.

    Parameters
    ----------
    fetch : callable
        ``fetch(level, start, stop)`` gives hashes of level 0, 8, 16, ...
    size : int
        Entries in the tree.

    Raises
    ------
    Tampered
        When a hash is asked for that is not stored.
    """

    def __init__(self, fetch: Fetch, size: int) -> None:
        self._fetch = fetch
        self.size = size
        self._blocks: dict[tuple[int, int], Sequence[bytes]] = {}

    def __call__(self, start: int, stop: int) -> bytes:
        """Return the hash over the entries from `start` to `stop`, which must be a node of the tree."""
        count = stop - start
        if count & (count - 1):  # at the right edge: a complete left part, and the rest
            middle = start + _left(count)
            return node_hash(self(start, middle), self(middle, stop))
        return self._complete(count.bit_length() - 1, start // count)

    def root(self) -> bytes:
        """Return the root of the tree."""
        return root_of(self.peaks())

    def peaks(self) -> tuple[bytes, ...]:
        """Return the hashes of the complete subtrees, largest first."""
        return tuple(self(start, stop) for start, stop in _peaks(self.size))

    def _complete(self, level: int, position: int) -> bytes:
        base = level - level % BITS
        width = 1 << (level - base)
        start = position * width
        block = start >> BITS
        hashes = self._block(base, block)[start - (block << BITS) :][:width]
        while len(hashes) > 1:
            hashes = [node_hash(hashes[i], hashes[i + 1]) for i in range(0, len(hashes), 2)]
        return hashes[0]

    def _block(self, level: int, block: int) -> Sequence[bytes]:
        key = (level, block)
        if key not in self._blocks:
            start = block << BITS
            stop = min(start + (1 << BITS), self.size >> level)
            found = self._fetch(level, start, stop)
            if len(found) != stop - start:
                raise Tampered(
                    f"the tree lacks hashes of level {level}, {stop - start} were expected and {len(found)} are there."
                )
            self._blocks[key] = found
        return self._blocks[key]


def inclusion_proof(subtree: Callable[[int, int], bytes], index: int, size: int) -> list[bytes]:
    """Return the audit path of an entry (RFC 6962, section 2.1.1), from the leaf up.

    Raises
    ------
    InputError
        If the tree has no such entry.
    """
    if not 0 <= index < size:
        raise InputError(f"there is no entry {index} in a tree of {size}.")
    path: list[bytes] = []
    start, stop = 0, size
    while stop - start > 1:
        middle = start + _left(stop - start)
        if index < middle:
            path.append(subtree(middle, stop))
            stop = middle
        else:
            path.append(subtree(start, middle))
            start = middle
    return path[::-1]


def check_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> bool:
    """Return whether an audit path leads from a leaf to the root (RFC 9162, section 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    at, last, found = index, size - 1, leaf
    for other in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            found = node_hash(other, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(found, other)
        at, last = at >> 1, last >> 1
    return last == 0 and found == root


def consistency_proof(subtree: Callable[[int, int], bytes], old: int, size: int) -> list[bytes]:
    """Return the proof that the tree of `old` entries is the beginning of this one (RFC 6962, section 2.1.2).

    Raises
    ------
    InputError
        If the tree is smaller than `old`.
    """
    if not 0 <= old <= size:
        raise InputError(f"a tree of {size} entries cannot continue one of {old}.")
    if old in (0, size):
        return []
    proof: list[bytes] = []
    start, stop, whole = 0, size, True
    while old != stop - start:
        middle = _left(stop - start)
        if old <= middle:
            proof.append(subtree(start + middle, stop))
            stop = start + middle
        else:
            proof.append(subtree(start, start + middle))
            start, old, whole = start + middle, old - middle, False
    if not whole:
        proof.append(subtree(start, stop))
    return proof[::-1]


def check_consistency(old: int, size: int, proof: Sequence[bytes], old_root: bytes, root: bytes) -> bool:
    """Return whether a proof shows that one tree is the beginning of the other (RFC 9162, section 2.1.4.2)."""
    if old == size:
        return not proof and old_root == root
    if old == 0:
        return not proof and old_root == EMPTY
    if not 0 < old < size or not proof:
        return False
    path = list(proof)
    if old & (old - 1) == 0:
        path.insert(0, old_root)
    at, last = old - 1, size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    first = second = path[0]
    for other in path[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            first, second = node_hash(other, first), node_hash(other, second)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            second = node_hash(second, other)
        at, last = at >> 1, last >> 1
    return last == 0 and first == old_root and second == root


def selection_proof(subtree: Callable[[int, int], bytes], indices: Iterable[int], size: int) -> list[bytes]:
    """Return the hashes that, with the chosen entries, make the root: those of `cover`, from left to right.

    One proof for any choice of entries: all of them need none, and one needs about its audit path in another order.

    Raises
    ------
    InputError
        If the tree lacks an entry.
    """
    chosen = sorted(set(indices))
    if chosen and not 0 <= chosen[0] <= chosen[-1] < size:
        raise InputError(f"there is no entry {chosen[-1] if chosen[0] >= 0 else chosen[0]} in a tree of {size}.")
    return [subtree(start, stop) for start, stop, is_chosen in cover(chosen, size) if not is_chosen]


def check_selection(leaves: Sequence[tuple[int, bytes]], size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Return whether chosen leaves, in ascending order of their index, and a proof make the root."""
    if size == 0:
        return not leaves and not proof and root == EMPTY
    chosen = [index for index, _ in leaves]
    if chosen != sorted(set(chosen)) or (chosen and not 0 <= chosen[0] <= chosen[-1] < size):
        return False
    hashes, others = iter([leaf for _, leaf in leaves]), iter(proof)
    parts: list[tuple[int, bytes]] = []
    for start, stop, is_chosen in cover(chosen, size):
        found = next(hashes if is_chosen else others, None)
        if found is None:
            return False
        parts.append((stop - start, found))
    return next(others, None) is None and _joined(parts, size) == root


def cover(chosen: Sequence[int], size: int) -> Iterator[tuple[int, int, bool]]:
    """Cut a tree into chosen leaves and the largest complete subtrees without any, from left to right.

    Parameters
    ----------
    chosen : sequence of int
        Indices, ascending, each once.
    size : int
        Entries in the tree.

    Yields
    ------
    tuple of (int, int, bool)
        First entry of a part, the first after it, and whether it is a chosen leaf.

    Examples
    --------
    >>> list(cover([4], 7))
    [(0, 4, False), (4, 5, True), (5, 6, False), (6, 7, False)]
    """
    waiting = [(0, size, 0, len(chosen))] if size else []
    while waiting:
        start, stop, low, high = waiting.pop()
        count = stop - start
        if low == high and not count & (count - 1):
            yield start, stop, False
        elif count == 1:
            yield start, stop, True
        else:
            middle = start + _left(count)
            cut = bisect_left(chosen, middle, low, high)
            waiting.append((middle, stop, cut, high))
            waiting.append((start, middle, low, cut))


def _joined(parts: Sequence[tuple[int, bytes]], size: int) -> bytes:
    """Return the root of a tree that is cut into nodes, each with its width."""
    left = list(reversed(parts))

    def whole(count: int) -> bytes:  # as deep as the tree is high, at most
        if left[-1][0] == count:
            return left.pop()[1]
        first = whole(_left(count))
        return node_hash(first, whole(count - _left(count)))

    return whole(size)


def _peaks(size: int) -> Iterator[tuple[int, int]]:
    start = 0
    for bit in reversed(range(size.bit_length())):
        if size >> bit & 1:
            yield start, start + (1 << bit)
            start += 1 << bit


def _left(count: int) -> int:
    """Return the largest power of two that is smaller than `count`, which is at least 2."""
    return 1 << ((count - 1).bit_length() - 1)
