"""A process that writes to a store, for tests: ``python store_writer.py URL COMMITS BATCH SEED``.

Waits for a line on standard input, then commits, and prints one JSON line for each commit: leaves, and their indices.
"""

from __future__ import annotations

import json
import random
import sys

from aequo.ledger.entry import Row
from aequo.ledger.places import open_store
from aequo.ledger.tree import leaf_hash


def _row(rng: random.Random) -> Row:
    body = rng.randbytes(40)
    return Row(rng.randrange(10**15), leaf_hash(body), body)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(url: str, commits: int, batch: int, seed: int) -> None:
    store = open_store(url)
    store.head()
    rng = random.Random(seed)
    _say("ready")
    sys.stdin.readline()
    for _ in range(commits):
        rows = [_row(rng) for _ in range(batch)]
        indices = store.commit(rows, [], lambda size, root: f"{size} {root.hex()}")
        _say(json.dumps([[row.leaf.hex() for row in rows], indices]))
    store.close()


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
