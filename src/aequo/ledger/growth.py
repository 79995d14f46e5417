"""What a store has to write when the tree grows: complete subtrees, with the earliest and latest time in each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from aequo.ledger.store import NodeRow
from aequo.ledger.tree import BITS, Node, extend

__all__ = ["Growth", "grow"]

_WIDTH = 1 << BITS


class Growth(NamedTuple):
    """A tree that has grown.

    `blocks` are the subtrees of 256 entries that became complete; `above` larger ones, whose times are those of the
    nodes below them, lowest level first. `low` and `high` are the earliest and latest time after the last complete
    block, 0 where nothing is.
    """

    size: int
    peaks: tuple[bytes, ...]
    blocks: list[NodeRow]
    above: list[Node]
    low: int
    high: int


def grow(
    size: int, peaks: Sequence[bytes], low: int, high: int, leaves: Sequence[bytes], times: Sequence[int]
) -> Growth:
    """Append entries to a tree of which only the peaks are known.

    Parameters
    ----------
    size : int
        Entries in the tree.
    peaks : sequence of bytes
        Hashes of its complete subtrees, largest first.
    low, high : int
        Earliest and latest time of the entries after the last complete block of 256.
    leaves : sequence of bytes
        Leaf hashes to append.
    times : sequence of int
        Their times, microseconds since 1970.

    Examples
    --------
    >>> grown = grow(0, (), 0, 0, [bytes(32)] * 257, list(range(257)))
    >>> grown.size, [(b.position, b.low, b.high) for b in grown.blocks], grown.low, grown.high
    (257, [(0, 0, 255)], 256, 256)
    """
    after, grown, completed = extend(size, peaks, leaves)
    blocks = []
    for position, digest in ((p, h) for level, p, h in completed if level == BITS):
        part = list(times[max(0, position * _WIDTH - size) : (position + 1) * _WIDTH - size])
        if position * _WIDTH < size:  # begun before these entries
            part += [low, high]
        blocks.append(NodeRow(position, digest, min(part), max(part)))
    open_since = max(0, after - after % _WIDTH - size)
    tail = list(times[open_since:])
    if size % _WIDTH and not blocks:  # still the same unfinished block
        tail += [low, high]
    return Growth(
        after,
        grown,
        blocks,
        [node for node in completed if node[0] > BITS],
        min(tail, default=0),
        max(tail, default=0),
    )
