"""Why a bare hash is no pseudonym, and what a keyed one costs.

    python benchmarks/pseudonymise.py            # tries all 1,000,000,000 nine-digit numbers: minutes
    python benchmarks/pseudonymise.py --quick    # tries 10,000,000 of them, and says how long all would take

The cost first: rows per second of CPU time, beside a plain loop of `hashlib.sha256(...).hexdigest()`, which is the
least that any hashing in Python does, measured in the same run. Then the attack: a thousand nine-digit ids are hashed
in four ways: SHA-256, SHA-256 cut to 16 hexadecimal digits, aequo's tokens, and the keyed hash that draws its
surrogates. Whoever has those hashes and no key tries every id there is, on all cores.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import multiprocessing
import os
import random
import resource
import secrets
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from aequo.ledger.keys import KeyRing
from aequo.privacy.pseudonyms.mac import mac_of
from aequo.privacy.pseudonyms.pseudonymiser import Pseudonymiser

DIGITS = 9
BLOCK = 1_000_000
QUICK = 10
PEOPLE = 1_000
ENDINGS = [b"%03d" % i for i in range(1000)]


def fast_sha256() -> Callable[[bytes], Any]:
    """Return the quickest SHA-256 of short messages that Python has: for those its own is ahead of OpenSSL's."""
    for module in ("_sha2", "_sha256"):
        try:
            found: Callable[[bytes], Any] = importlib.import_module(module).sha256
        except ModuleNotFoundError:
            continue
        return found
    return hashlib.sha256


def search(block: int, targets: frozenset[bytes]) -> list[tuple[bytes, bytes]]:
    """Hash a million ids; return those whose hash begins with one of the targets (8 bytes each)."""
    sha256 = fast_sha256()
    found = []
    for thousand in range(block * 1000, (block + 1) * 1000):
        start = b"%06d" % thousand
        for ending in ENDINGS:
            if sha256(start + ending).digest()[:8] in targets:
                number = start + ending
                found.append((sha256(number).digest()[:8], number))
    return found


def _search(given: tuple[int, frozenset[bytes]]) -> list[tuple[bytes, bytes]]:
    return search(*given)


def attack(blocks: int, seed: int) -> None:
    """Print who is found again from which hash."""
    rng = random.Random(seed)
    ids = [b"%09d" % rng.randrange(blocks * BLOCK) for _ in range(PEOPLE)]
    ring = KeyRing.new()
    hide = Pseudonymiser(ring, {"ssn": "ssn"}, unknown="ignore")
    surrogate = mac_of(ring, "surrogate", "ssn", 1)
    hashes: dict[str, list[bytes]] = {
        "SHA-256": [hashlib.sha256(i).digest()[:8] for i in ids],
        "SHA-256, first 16 hex digits": [bytes.fromhex(hashlib.sha256(i).hexdigest()[:16]) for i in ids],
        "aequo, tokens": [bytes.fromhex(hide.value("ssn", i.decode())[3:19]) for i in ids],
        "aequo, keyed hash of surrogates": [surrogate(i)[:8] for i in ids],
    }
    targets = frozenset(h for some in hashes.values() for h in some)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    start, seen = time.perf_counter(), {}
    with multiprocessing.Pool(cores) as pool:
        for done, found in enumerate(pool.imap_unordered(_search, ((b, targets) for b in range(blocks))), 1):
            seen.update(found)
            if sys.stderr.isatty():
                print(f"\r{done:,} of {blocks:,} million tried ", end="", file=sys.stderr, flush=True)
    took = time.perf_counter() - start
    tried, space = blocks * BLOCK, 10**DIGITS
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    rate = tried / (used.ru_utime + used.ru_stime)
    minutes = space / rate / 60
    print(f"\n{PEOPLE:,} ids of {DIGITS} digits; {tried:,} tried in {took:,.0f} s on {cores} core(s)")
    print(
        f"{rate:,.0f} hashes a CPU second: all {space:,} take {minutes:.1f} CPU minutes, {minutes / cores:.1f} a core\n"
    )
    print(f"{'':34}{'recovered':>10}{'of':>7}")
    for name, some in hashes.items():
        right = sum(seen.get(h) == i for h, i in zip(some, ids, strict=True))
        print(f"{name:34}{right:>10,}{PEOPLE:>7,}")
    print()


def cpu(run: Callable[[], object], times: int = 3) -> float:
    """Return the least CPU seconds of some runs."""
    best = float("inf")
    for _ in range(times):
        start = time.process_time()
        run()
        best = min(best, time.process_time() - start)
    return best


def throughput(rows: int, distinct: int) -> None:
    """Print rows per second for each kind of data, and the ratio to the plain loop."""
    emails = [f"user.{i % distinct}@example.org" for i in range(rows)]
    hide = Pseudonymiser(bytes(32), ["email"], unknown="ignore")
    surrogates = Pseudonymiser(bytes(32), ["email"], form="preserving", unknown="ignore")
    frame = pl.DataFrame({"email": emails, "n": range(rows)})
    pandas, arrow = frame.to_pandas(), frame.to_arrow()
    records = frame.head(rows // 10).to_dicts()

    def plain() -> list[str]:
        return [hashlib.sha256(v.encode()).hexdigest() for v in emails]

    with tempfile.TemporaryDirectory() as name:
        csv, parquet = Path(name, "a.csv"), Path(name, "a.parquet")
        frame.write_csv(csv)
        frame.write_parquet(parquet)
        runs: Sequence[tuple[str, Callable[[], object], int]] = [
            ("plain loop: sha256().hexdigest()", plain, 1),
            ("polars frame", lambda: hide.frame(frame), 1),
            ("polars frame, e-mails stay e-mails", lambda: surrogates.frame(frame), 1),
            ("pandas frame", lambda: hide.frame(pandas), 1),
            ("pyarrow table", lambda: hide.frame(arrow), 1),
            ("stream of records", lambda: list(hide.stream(records).data), 10),
            ("CSV file", lambda: hide.file(csv, Path(name, "o.csv"), overwrite=True), 1),
            ("Parquet file", lambda: hide.file(parquet, Path(name, "o.parquet"), overwrite=True), 1),
        ]
        print(f"{rows:,} rows, {distinct:,} different e-mail addresses      rows/CPU s   x plain loop")
        floor = 0.0
        for what, run, part in runs:
            rate = rows / part / cpu(run)
            floor = floor or rate
            print(f"  {what:44}{rate:>14,.0f}{rate / floor:>12.2f}")
    print()


def main() -> int:
    """Print the attack and the cost."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="try 10 million ids instead of 1,000 million")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows for the throughput")
    parser.add_argument(
        "--seed", type=int, default=secrets.randbelow(2**32), help="of the ids; a random one by default"
    )
    given = parser.parse_args()
    throughput(given.rows, given.rows)
    throughput(given.rows, max(1, given.rows // 10))
    attack(QUICK if given.quick else 10**DIGITS // BLOCK, given.seed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
