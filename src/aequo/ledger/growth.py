"""What a store has to write when the tree grows: complete subtrees, with the earliest and latest time in each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from aequo.errors import Tampered
from aequo.ledger.store import Head, NodeRow
from aequo.ledger.tree import BITS, Node, extend

__all__ = ["Growth", "Tree", "checked_head", "checked_tree", "grow"]

_WIDTH = 1 << BITS


class Tree(NamedTuple):
    """A tree of which only the right edge is known.

    `peaks` are the hashes of its complete subtrees, largest first. `low` and `high` are the earliest and latest time of
    the entries after the last complete block of 256, in microseconds since 1970; 0 where there are none.
    """

    size: int
    peaks: tuple[bytes, ...]
    low: int
    high: int


class Growth(NamedTuple):
    """A tree that has grown, and the subtrees that became complete.

    `blocks` are those of 256 entries; `above` larger ones, lowest level first, whose times are those of the nodes below
    them.
    """

    tree: Tree
    blocks: list[NodeRow]
    above: list[Node]


def grow(tree: Tree, leaves: Sequence[bytes], times: Sequence[int]) -> Growth:
    """Append entries to a tree.

    Parameters
    ----------
    tree : Tree
        Before.
    leaves : sequence of bytes
        Leaf hashes to append.
    times : sequence of int
        Their times, microseconds since 1970.

    Examples
    --------
    >>> grown = grow(Tree(0, (), 0, 0), [bytes(32)] * 257, list(range(257)))
    >>> grown.tree.size, grown.tree.low, [(b.position, b.low, b.high) for b in grown.blocks]
    (257, 256, [(0, 0, 255)])
    """
    before, edge = tree.size, [tree.low, tree.high]
    size, peaks, completed = extend(before, tree.peaks, leaves)
    blocks = []
    for position, digest in ((p, h) for level, p, h in completed if level == BITS):
        part = list(times[max(0, position * _WIDTH - before) : (position + 1) * _WIDTH - before])
        if position * _WIDTH < before:  # begun before these entries
            part += edge
        blocks.append(NodeRow(position, digest, min(part), max(part)))
    tail = list(times[max(0, size - size % _WIDTH - before) :])
    if before % _WIDTH and not blocks:  # still the same unfinished block
        tail += edge
    grown = Tree(size, peaks, min(tail, default=0), max(tail, default=0))
    return Growth(grown, blocks, [node for node in completed if node[0] > BITS])


def checked_tree(name: str, found: Sequence[Any] | None) -> Tree:
    """Return a tree from its size, peaks as one run of bytes, low and high, as a database gives them.

    Parameters
    ----------
    name : str
        Of the ledger, for the message.
    found : sequence or None
        The row; None where there is none.

    Raises
    ------
    Tampered
        If there is none, or it cannot be one.
    """
    if found is None:
        raise Tampered(f"{name}: the head of the tree is gone.")
    size, peaks, low, high = found
    fits = isinstance(size, int) and isinstance(peaks, bytes) and isinstance(low, int) and isinstance(high, int)
    if not fits or size < 0 or len(peaks) != 32 * size.bit_count():
        raise Tampered(f"{name}: the head of the tree is not what was recorded.")
    return Tree(size, tuple(peaks[i : i + 32] for i in range(0, len(peaks), 32)), low, high)


def checked_head(name: str, found: Sequence[Any] | None) -> Head:
    """Return the head from size, peaks as one run of bytes, and note; raises as `checked_tree`."""
    tree = checked_tree(name, None if found is None else (*found[:2], 0, 0))
    note = None if found is None else found[2]
    # What is no text is no note either, and not the absence of one.
    return Head(size=tree.size, peaks=tree.peaks, note=note if note is None or isinstance(note, str) else "")
