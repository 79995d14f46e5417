"""The ledger's speed, as ratios to the least that any durable log must do, measured in the same run on the same disk.

The floor of a single durable entry is one write and one fsync of the same bytes; that of a batch, a bare SQLite insert
of the same bytes. How much group commit brings depends on the disk: where an fsync takes a fraction of a millisecond,
Python itself is the larger part. So the same is printed once more with every fsync, ours and the floor's, taking 4 ms
longer, as on a disk without a cache (a small C library is compiled and preloaded for it; needs cc and Linux).

    python benchmarks/ledger.py
    python benchmarks/ledger.py --fsync-ms 1          # another disk
    python benchmarks/ledger.py --large 10000000      # build, open, append, prove, verify; 10 GB of disk, minutes
    python benchmarks/ledger.py --postgres            # on a server of our own
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import random
import resource
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aequo.ledger import Checkpoint, KeyRing, Ledger
from aequo.ledger.tree import check_inclusion, leaf_hash

TESTS = Path(__file__).resolve().parents[1] / "tests" / "ledger"
EVENT: dict[str, Any] = {
    "kind": "decision",
    "model_version": "credit-2026-11",
    "operator_id": "desk-7",
    "input_digest": "hmac-sha256:" + "5c" * 32,
    "output": "approved",
    "score": 0.7312,
    "verdict": "allow",
    "trace": "0123456789abcdef" * 5,
}
SLOW = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>
#include <stdlib.h>
static void wait_for(void) {
    double ms = atof(getenv("AEQUO_FSYNC_MS"));
    struct timespec t = {(time_t)(ms / 1000), (long)(ms * 1e6) % 1000000000};
    nanosleep(&t, 0);
}
int fsync(int fd) { int (*f)(int) = dlsym(RTLD_NEXT, "fsync"); wait_for(); return f(fd); }
int fdatasync(int fd) { int (*f)(int) = dlsym(RTLD_NEXT, "fdatasync"); wait_for(); return f(fd); }
"""


def per_second(work: Callable[[], int]) -> float:
    """How many a second, by the wall clock: waiting for the disk is what is measured."""
    gc.collect()
    start = time.perf_counter()
    count = work()
    return count / (time.perf_counter() - start)


def per_cpu_second(work: Callable[[], int]) -> float:
    """How many a second of processor time."""
    gc.collect()
    start = time.process_time()
    count = work()
    return count / (time.process_time() - start)


def body_of(ledger: Ledger) -> bytes:
    """Return the bytes that one event becomes, for the floors."""
    index = ledger.append(EVENT).index
    assert index is not None
    return ledger.store.rows(index, index + 1)[0].body


def fsync_each(folder: Path, body: bytes, count: int) -> float:
    """Write and fsync, one after the other."""
    file = os.open(folder / f"floor-{random.random()}", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def work() -> int:
        for _ in range(count):
            os.write(file, body)
            os.fsync(file)
        return count

    try:
        return per_second(work)
    finally:
        os.close(file)


def bare_sqlite(folder: Path, body: bytes, batches: int, size: int) -> float:
    """Insert the same bytes in batches, durable after each."""
    db = sqlite3.connect(folder / f"bare-{random.random()}.db", isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("CREATE TABLE entries(id INTEGER PRIMARY KEY, body BLOB NOT NULL)")

    def work() -> int:
        for batch in range(batches):
            db.execute("BEGIN IMMEDIATE")
            rows = [(batch * size + i + 1, body) for i in range(size)]
            db.executemany("INSERT INTO entries VALUES(?, ?)", rows)
            db.execute("COMMIT")
        return batches * size

    try:
        return per_second(work)
    finally:
        db.close()


def bare_postgres(url: str, body: bytes, batches: int, size: int) -> float:
    """COPY the same bytes in batches, or insert them one by one, durable after each."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as db:
        db.execute("DROP TABLE IF EXISTS bare")
        db.execute("CREATE TABLE bare(id bigserial PRIMARY KEY, body bytea NOT NULL)")

        def work() -> int:
            for _ in range(batches):
                if size == 1:
                    db.execute("INSERT INTO bare(body) VALUES(%s)", (body,))
                    continue
                with db.transaction(), db.cursor() as cursor, cursor.copy("COPY bare(body) FROM STDIN") as copy:
                    for _ in range(size):
                        copy.write_row((body,))
            return batches * size

        return per_second(work)


def threads(ledger: Ledger, waiters: int, each: int) -> int:
    """Append from threads, each of which waits until its entry is durable."""

    def one() -> None:
        for _ in range(each):
            ledger.append(EVENT)

    running = [threading.Thread(target=one) for _ in range(waiters)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return waiters * each


def coroutines(ledger: Ledger, waiters: int, each: int) -> int:
    """Append from coroutines, each of which waits until its entry is durable."""

    async def one() -> None:
        for _ in range(each):
            await ledger.append_async(EVENT)

    async def all_of_them() -> None:
        await asyncio.gather(*(one() for _ in range(waiters)))

    asyncio.run(all_of_them())
    return waiters * each


def batches(ledger: Ledger, writers: int, count: int, size: int) -> int:
    """Append in batches from some threads, each batch durable when it returns."""
    events = [EVENT] * size

    def one() -> None:
        for _ in range(count):
            ledger.append_many(events)

    running = [threading.Thread(target=one) for _ in range(writers)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return writers * count * size


def durable(folder: Path, url: str, rounds: int, quick: int) -> None:
    """Waiters and batches against their floors; the median of the rounds' ratios."""
    ledger = Ledger.open(url, key=KeyRing.new())
    body = body_of(ledger)
    engine = "SQLite" if url.startswith("sqlite") else "PostgreSQL"

    def one_each() -> float:
        return fsync_each(folder, body, quick) if engine == "SQLite" else bare_postgres(url, body, quick, 1)

    def bare(count: int, size: int) -> float:
        return bare_sqlite(folder, body, count, size) if engine == "SQLite" else bare_postgres(url, body, count, size)

    least = "an fsync each; bare inserts" if engine == "SQLite" else "an insert each; COPY"
    print(f"\n{engine}, {len(body)} bytes an entry; floor: {least}")
    print(f"{'':34}{'a second':>12}{'floor':>12}{'ratio':>9}")
    cases: list[tuple[str, Callable[[], float], Callable[[], float]]] = [
        (
            f"{n} {word} that wait{'s' if n == 1 else ''}",
            lambda n=n, run=run: per_second(lambda: run(ledger, n, max(20, quick // n))),
            one_each,
        )
        for n, word, run in (
            (1, "thread", threads),
            (8, "threads", threads),
            (32, "threads", threads),
            (32, "coroutines", coroutines),
        )
    ]
    cases += [
        (
            f"batches of {size:,}, {writers} writer{'s' if writers > 1 else ''}",
            lambda size=size, w=writers: per_second(lambda: batches(ledger, w, max(3, 20 * quick // size // w), size)),
            lambda size=size: bare(max(3, 20 * quick // size), size),
        )
        for size, writers in ((100, 1), (1000, 1), (1000, 8))
    ]
    sealed(ledger, quick)
    for name, ours, floor in cases:
        pairs = [(ours(), floor()) for _ in range(rounds)]
        ratio = statistics.median(a / b for a, b in pairs)
        mine, floors = (statistics.median(values) for values in zip(*pairs, strict=True))
        print(f"{name:34}{mine:>12,.0f}{floors:>12,.0f}{ratio:>8.2f}x")
    verified(ledger)
    ledger.close()


def sealed(ledger: Ledger, count: int) -> None:
    """Append on one person, in a batch, and on a new person each, whose key has to be durable first."""
    rate = per_second(lambda: len(ledger.append_many([EVENT] * count, subject="p")))
    print(f"{'sealed, on one person, a batch':34}{rate:>12,.0f}")
    people = count // 10
    rate = per_second(lambda: sum(1 for i in range(people) if ledger.append(EVENT, subject=f"person-{i}")))
    print(f"{'sealed, each on a new person':34}{rate:>12,.0f}")


def verified(ledger: Ledger) -> None:
    """Verify all of it, and what a checkpoint leaves."""
    point = ledger.checkpoint()
    rate = per_cpu_second(lambda: ledger.size if ledger.verify(point).ok else 0)
    print(f"{'verify, entries per CPU second':34}{rate:>12,.0f}   ({ledger.size:,} entries)")
    ledger.append_many([EVENT] * 1000)
    start = time.process_time()
    done = ledger.verify(since=point)
    assert done.ok
    print(f"{'verify 1,000 since a checkpoint':34}{1000 * (time.process_time() - start):>9.1f} ms")


def large(folder: Path, entries: int) -> None:
    """Build a ledger of many entries, open it, append to it, and prove and verify entries of it."""
    url = f"sqlite:///{folder}/large.db"
    key = KeyRing.new()
    ledger = Ledger.open(url, key=key)
    early = None
    size = 10_000
    start, cpu = time.perf_counter(), time.process_time()
    for i in range(0, entries, size):
        ledger.append_many([EVENT] * min(size, entries - i))
        if early is None and i >= entries // 3:
            early = ledger.checkpoint()
    wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    print(f"built {entries:,} entries in {wall:.0f} s ({entries / cpu:,.0f} per CPU second)")
    ledger.close()
    files = sum(f.stat().st_size for f in folder.glob("large*"))
    print(f"size {files / 1e9:.2f} GB, {files / entries:.0f} bytes an entry")

    start = time.perf_counter()
    ledger = Ledger.open(url, key=key, create=False)
    opened = time.perf_counter() - start
    start = time.perf_counter()
    ledger.append(EVENT)
    print(f"open {1000 * opened:.1f} ms, first append {1000 * (time.perf_counter() - start):.1f} ms")

    rng = random.Random(0)
    taken = []
    for _ in range(200):
        index = rng.randrange(entries)
        start = time.perf_counter()
        proof = ledger.prove(index, size=entries)
        taken.append(1000 * (time.perf_counter() - start))
        assert check_inclusion(index, entries, leaf_hash(proof.body), proof.path, proof.root)
    taken.sort()
    print(f"inclusion proof: median {statistics.median(taken):.1f} ms, 99 % {taken[197]:.1f} ms")
    start = time.perf_counter()
    assert early is not None
    old = Checkpoint.from_text(early.rpartition("\n\n")[0] + "\n")
    assert ledger.prove_consistency(old.size).holds()
    print(f"consistency proof {1000 * (time.perf_counter() - start):.1f} ms")
    verified(ledger)
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")
    ledger.close()


def again_with_slow_disk(milliseconds: float, arguments: list[str]) -> int:
    """Run this program once more with a library before libc that makes every fsync take longer."""
    with tempfile.TemporaryDirectory() as folder:
        source, library = Path(folder) / "slow.c", Path(folder) / "slow.so"
        source.write_text(SLOW)
        subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
        environment = {**os.environ, "LD_PRELOAD": str(library), "AEQUO_FSYNC_MS": f"{milliseconds:g}"}
        return subprocess.run([sys.executable, __file__, *arguments], env=environment, check=False).returncode


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dir", help="folder on the disk to measure; a temporary one by default")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--entries", type=int, default=2000, help="entries a round and case")
    parser.add_argument("--fsync-ms", type=float, default=4, help="milliseconds that the second table's disk takes")
    parser.add_argument("--large", type=int, default=0)
    parser.add_argument("--postgres", action="store_true")
    given = parser.parse_args()
    slowed = os.environ.get("AEQUO_FSYNC_MS")
    folder = Path(tempfile.mkdtemp(prefix="aequo-ledger-", dir=given.dir))
    try:
        if slowed:
            print(f"\nEvery fsync takes {slowed} ms longer.", end="")
        if given.large:
            large(folder, given.large)
        elif given.postgres:
            sys.path.insert(0, str(TESTS))
            from server import find_binaries, running_server

            binaries = find_binaries()
            if binaries is None:
                print("PostgreSQL is not installed (Debian: postgresql)")
                return 1
            with running_server(binaries) as server:
                durable(folder, server.url(), given.rounds, given.entries)
        else:
            durable(folder, f"sqlite:///{folder}/ledger.db", given.rounds, given.entries)
            if given.fsync_ms and not slowed:
                shutil.rmtree(folder, ignore_errors=True)
                fewer = ["--entries", str(given.entries // 3), "--rounds", str(given.rounds)]
                return again_with_slow_disk(given.fsync_ms, fewer + (["--dir", given.dir] if given.dir else []))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
