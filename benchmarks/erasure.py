"""What it takes to forget many people in a large ledger: time, size, and whether every proof still holds.

    python benchmarks/erasure.py            # 10,000 of 100,000 people in 1,000,000 entries: minutes, 2 GB of disk
    python benchmarks/erasure.py --quick    # 200 of 2,000 people in 20,000 entries: seconds

Before the erasure, proofs of entries are taken, of people who will be erased and of others. Afterwards each must hold
unchanged, the ledger must verify and be a continuation of what it was, the destroyed keys must be in no file, and of
everybody else all must be readable. Exits with 1 if one of these does not hold; times are printed, not judged.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from aequo.ledger import InclusionProof, KeyRing, Ledger
from aequo.privacy.erasure.erase import erase_many
from aequo.privacy.erasure.receipt import check_receipt

T = TypeVar("T")

EACH = 10
"""Entries on a person, in two turns, so that they are not neighbours."""

SAMPLE = 1000


def timed(what: str, work: Callable[[], T], rows: list[tuple[str, str]], per: int = 0) -> T:
    """Do some work and note how long it took, in all and for each of `per` things."""
    start, busy = time.perf_counter(), time.process_time()
    result = work()
    took, busy = time.perf_counter() - start, time.process_time() - busy
    each = f", {took / per * 1e3:.2f} ms each" if per else ""
    rows.append((what, f"{took:.1f} s ({busy:.1f} s of it CPU){each}"))
    say(f"{what}: {rows[-1][1]}")
    return result


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def build(ledger: Ledger, people: int) -> None:
    """Write entries on people, some at once in every transaction."""
    half = EACH // 2

    def write(number: int) -> None:
        person, turn = number % people, number // people
        events = [
            {"kind": "decision", "model_version": "v3", "output": "approved", "text": f"Quartz {person} {turn} {i}" * 3}
            for i in range(half)
        ]
        ledger.append_many(events, subject=f"person-{person}", clear=["model_version", "output"])

    with ThreadPoolExecutor(32) as pool:
        for _ in pool.map(write, range(2 * people), chunksize=64):
            pass


def megabytes(folder: Path) -> str:
    files = sorted(path for path in folder.iterdir() if path.stat().st_size)
    return ", ".join(f"{path.name} {path.stat().st_size / 1e6:.1f} MB" for path in files)


def in_files(folder: Path, needles: Iterable[bytes]) -> int:
    """Count which byte strings are in the files, logs included, at any position."""
    needles = set(needles)
    found: set[bytes] = set()
    width = max(map(len, needles))
    for path in folder.iterdir():
        kept = b""
        with path.open("rb") as file:
            while block := file.read(1 << 24):
                window = kept + block
                found |= {needle for needle in needles - found if needle in window}
                kept = window[-width:]
    return len(found)


def holds(ledger: Ledger, proofs: Sequence[InclusionProof]) -> bool:
    """Return whether proofs hold, and the entries are still the bytes that they were of."""
    same = all(ledger.store.rows(p.index, p.index + 1)[0].body == p.body for p in proofs)
    return same and all(proof.holds(ledger.vkey) for proof in proofs)


def run(folder: Path, people: int, erased: int) -> tuple[list[tuple[str, str]], dict[str, bool]]:
    """Build, erase and look; return what it took and what held."""
    random.seed(0)
    rows: list[tuple[str, str]] = []
    ledger = Ledger.open(f"sqlite:///{folder}/decisions.db", key=KeyRing.new(), origin="example.com/benchmark")
    timed(f"write {people * EACH:,} entries on {people:,} people", lambda: build(ledger, people), rows)
    size, root = ledger.size, ledger.root
    gone = [f"person-{i}" for i in random.sample(range(people), erased)]
    kept = random.sample(sorted({f"person-{i}" for i in range(people)} - set(gone)), min(200, people - erased))
    checkpoint = ledger.checkpoint()
    chosen = random.sample(range(size), min(SAMPLE, size))
    chosen += [ledger.store.of_subject(ledger.subject_id(person), 0, 1)[0] for person in gone[:SAMPLE]]
    proofs = timed(f"prove {len(chosen):,} entries", lambda: [ledger.prove(i) for i in chosen], rows, len(chosen))
    keys = [ledger.store.person(ledger.subject_id(person)) for person in gone[:50]]
    wrapped = {key.wrapped for key in keys if key is not None}
    found_before = in_files(folder, wrapped)
    rows.append(("files before", megabytes(folder)))

    receipts = timed(f"erase {erased:,} people", lambda: erase_many(gone, ledger=ledger), rows, erased)

    rows.append(("files after", megabytes(folder)))
    rows.append(("entries that say so", f"{ledger.size - size:,}"))
    verified = timed(f"verify {ledger.size:,} entries", lambda: ledger.verify(checkpoint).ok, rows)
    growth = ledger.prove_consistency(size)
    unreadable = sum(outcome.count or 0 for r in receipts for outcome in r.outcomes if outcome.result == "unreadable")
    rows.append(("entries made unreadable", f"{unreadable:,}"))
    checks = {
        "the ledger verifies, with the checkpoint from before": verified,
        "it is a continuation of what it was": growth.holds() and growth.old_root == root,
        f"{len(proofs):,} proofs from before hold": holds(ledger, proofs),
        "all is erased": {r.state for r in receipts} == {"complete"} and unreadable == erased * EACH,
        "nothing of the erased can be opened": {
            entry.sealed
            for person in gone[:200]
            for entry in ledger.entries(subject=person)
            if entry.kind == "decision"
        }
        == {"erased"},
        "all of the others can": {entry.sealed for person in kept for entry in ledger.entries(subject=person)}
        == {"open"},
        f"{len(wrapped)} wrapped keys were in the files before": found_before == len(wrapped),
        "none of them is now": in_files(folder, wrapped) == 0,
        "receipts are sound": all(check_receipt(r.to_text(), ledger.vkey) == r for r in receipts[:200]),
    }
    one = timed("erase one more", lambda: erase_many([kept[0]], ledger=ledger), rows)
    checks["one more is erased"] = one[0].state == "complete"
    ledger.close()
    return rows, checks


def main() -> int:
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--quick", action="store_true", help="20,000 entries")
    options.add_argument("--people", type=int, default=100_000)
    options.add_argument("--erase", type=int, default=10_000)
    options.add_argument("--folder", type=Path, help="where to write; a temporary folder by default")
    given = options.parse_args()
    people, erased = (2000, 200) if given.quick else (given.people, given.erase)
    folder = Path(tempfile.mkdtemp(prefix="aequo-erasure-", dir=given.folder))
    try:
        rows, checks = run(folder, people, erased)
    finally:
        shutil.rmtree(folder)
    width = max(len(name) for name in (*checks, *(name for name, _ in rows)))
    for name, value in rows:
        print(f"{name:{width}}  {value}")
    for name, held in checks.items():
        print(f"{name:{width}}  {'holds' if held else 'DOES NOT HOLD'}")
    return 0 if all(checks.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
