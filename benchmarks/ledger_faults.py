"""Eight processes write to one ledger while things break; afterwards nothing acknowledged is lost and nothing forked.

Each writer notes what was acknowledged in a file of its own, on another disk than the ledger's. Meanwhile one writer
after another is killed with -9 and replaced, and, if asked, the disk runs full or the database is killed and started
again. Checkpoints are taken all along. At the end every acknowledged entry must be at its index with its hash, once;
every checkpoint must be a beginning of the last one; and the ledger must verify. Exits 1 if not. Full disks need root,
for a small tmpfs.

    python benchmarks/ledger_faults.py sqlite kill --seconds 60
    python benchmarks/ledger_faults.py sqlite full --seconds 60
    python benchmarks/ledger_faults.py postgres kill --seconds 60
    python benchmarks/ledger_faults.py postgres full --seconds 60
    python benchmarks/ledger_faults.py postgres restart --seconds 60
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from aequo.errors import LedgerError
from aequo.ledger import Checkpoint, KeyRing, Ledger, Receipt
from aequo.ledger.entry import microseconds
from aequo.ledger.tree import check_consistency

TESTS = Path(__file__).resolve().parents[1] / "tests" / "ledger"
PADDING = "x" * 200


# -- one writer -------------------------------------------------------------------------------------------------------


def write(url: str, key: str, name: str, notes: str) -> None:
    """Append until killed; note each acknowledged entry. An error is noted, and the writer goes on."""
    out = os.open(notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    sequence = 0
    ledger = None
    while True:
        try:
            if ledger is None:
                ledger = Ledger.open(url, key=key, create=False)
            count = random.choice((1, 1, 1, 5, 50))
            events = [{"kind": "fault", "by": name, "n": sequence + i, "pad": PADDING} for i in range(count)]
            # Every other batch is on a person, so that keys are made under fire too.
            subject = f"person-{random.randrange(40)}" if sequence % 2 else None
            receipts = ledger.append_many(events, subject=subject)
            lines = [f"{n} {r.index} {r.leaf.hex()} {microseconds(r.time)} {r.id}\n" for n, r in enumerate(receipts)]
            os.write(out, "".join(lines).encode())
            sequence += count
        except LedgerError as error:
            os.write(out, f"! {type(error).__name__} {str(error)[:200]}\n".encode())
            sequence += 100  # what the failed call did is not known: its numbers are not used again
            time.sleep(0.1)


# -- the run ----------------------------------------------------------------------------------------------------------


class Writers:
    """Eight processes, each with a file of notes."""

    def __init__(self, url: str, key: Path, folder: Path, count: int) -> None:
        self._url, self._key, self._folder = url, key, folder
        self._started = 0
        self.running = [self._start() for _ in range(count)]

    def _start(self) -> subprocess.Popen[bytes]:
        self._started += 1
        name = f"w{self._started}"
        command = [sys.executable, __file__, "write", self._url, f"file:{self._key}", name, str(self._folder / name)]
        return subprocess.Popen(command)

    def kill_one(self, rng: random.Random) -> None:
        """End one with -9, in whatever it does, and start another."""
        at = rng.randrange(len(self.running))
        self.running[at].kill()
        self.running[at].wait()
        self.running[at] = self._start()

    def end(self) -> None:
        """End all with -9."""
        for process in self.running:
            process.kill()
        for process in self.running:
            process.wait()


def run(url: str, folder: Path, seconds: float, seed: int, breaking: Callable[[float], None]) -> list[str]:
    """Write for some seconds under faults; return what broke of what was promised."""
    rng = random.Random(seed)
    key = KeyRing.new()
    key_file = key.save(folder / "key")
    notes = folder / "notes"
    notes.mkdir()
    ledger = Ledger.open(url, key=key)
    writers = Writers(url, key_file, notes, 8)
    points: list[str] = []
    start, killed, next_kill = time.monotonic(), 0, 2.0
    try:
        while (now := time.monotonic() - start) < seconds:
            breaking(now / seconds)
            if now > next_kill:
                writers.kill_one(rng)
                killed, next_kill = killed + 1, now + rng.uniform(1, 4)
            with contextlib.suppress(LedgerError):  # the disk is full, or the database away
                points.append(ledger.checkpoint())
            time.sleep(0.25)
        breaking(1.0)
        time.sleep(1)  # the writers go on after the fault
    finally:
        writers.end()
    ledger.close()
    with Ledger.open(url, key=key, create=False) as ledger:
        ledger.append({"kind": "note", "text": "after the faults"})
        ledger.sequence()
        problems = judge(ledger, notes, points)
        acknowledged, failures = read_notes(notes)
        print(
            f"{seconds:.0f} s, {killed} writers killed: {len(acknowledged):,} acknowledged, "
            f"{sum(failures.values())} refused, {ledger.size:,} entries, {len(points)} checkpoints"
        )
        for text, count in failures.most_common(5):
            print(f"  refused {count} times: {text}")
    return problems


def read_notes(notes: Path) -> tuple[list[Receipt], Counter[str]]:
    """Return acknowledged entries and refusals from the writers' notes; a last line that was cut off is left out."""
    found, failures = [], Counter[str]()
    for path in notes.iterdir():
        for line in path.read_bytes().split(b"\n")[:-1]:
            text = line.decode()
            if text.startswith("!"):
                failures[text[2:]] += 1
                continue
            _, index, leaf, at, entry_id = text.split()
            when = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=int(at))
            number = None if index == "None" else int(index)
            found.append(Receipt(index=number, leaf=bytes.fromhex(leaf), id=entry_id, time=when))
    return found, failures


def judge(ledger: Ledger, notes: Path, points: list[str]) -> list[str]:
    """Return each promise that was broken."""
    acknowledged, _ = read_notes(notes)
    problems = [] if acknowledged else ["nothing was acknowledged: the run shows nothing"]
    at: dict[bytes, int] = {}
    written: Counter[tuple[Any, Any]] = Counter()
    for entry in ledger.entries():
        at[entry.leaf] = entry.index
        if entry.kind == "fault" and isinstance(entry.event, dict) and "by" in entry.event:
            written[entry.event["by"], entry.event["n"]] += 1
        if entry.sealed not in ("none", "open"):
            problems.append("an entry cannot be opened: its key was lost")
    doubled = sum(count > 1 for count in written.values())
    if doubled or len(at) != ledger.size:
        problems.append(f"{max(doubled, ledger.size - len(at))} events are in the ledger twice")
    for receipt in acknowledged:
        found = at.get(receipt.leaf)
        if found is None:
            problems.append("an acknowledged entry is lost")
        elif receipt.index is not None and found != receipt.index:
            problems.append("an entry is not where it was acknowledged: a fork")
    return problems + forks(ledger, points)


def forks(ledger: Ledger, points: list[str]) -> list[str]:
    """Return each checkpoint that the ledger does not continue, and what verification says."""
    problems = []
    last = _read(ledger.checkpoint())
    for point in map(_read, points):
        proof = ledger.prove_consistency(point.size, size=last.size)
        if not check_consistency(point.size, last.size, proof.path, point.root, last.root):
            problems.append(f"the checkpoint on {point.size} entries is no beginning of the last: a fork")
    for note in (None, *points[-3:]):
        problems += [f"verify: {p.what}" for p in ledger.verify(note).problems[:5]]
    return problems


def _read(note: str) -> Checkpoint:
    return Checkpoint.from_text(note.rpartition("\n\n")[0] + "\n")


# -- what breaks ------------------------------------------------------------------------------------------------------


def nothing_more(part: float) -> None:
    """Break nothing beside the writers."""


def full_disk(where: Path, after_freed: Callable[[], None]) -> Callable[[float], None]:
    """Fill the disk in the middle third of the run, then make room again."""
    ballast = where / "ballast"
    state = {"filled": False, "freed": False}

    def breaking(part: float) -> None:
        if part > 0.33 and not state["filled"]:
            state["filled"] = True
            with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
                while file.write(b"\0" * 65536):
                    pass
            print(f"  the disk is full: {shutil.disk_usage(where).free} bytes left", flush=True)
        if part > 0.66 and not state["freed"]:
            state["freed"] = True
            ballast.unlink(missing_ok=True)
            # The writers would soon fill it again by themselves.
            subprocess.run(["mount", "-o", "remount,size=4g", where], check=True)
            after_freed()

    return breaking


def restarted(server: Any, times: int) -> Callable[[float], None]:
    """Start the database again some times: at once, as after a crash, and in order."""
    done = [0]

    def breaking(part: float) -> None:
        if part * (times + 1) > done[0] + 1 and done[0] < times:
            done[0] += 1
            server.restart(signal.SIGQUIT if done[0] % 2 else signal.SIGINT)

    return breaking


@contextlib.contextmanager
def small_disk(megabytes: int) -> Iterator[Path]:
    """Give a tmpfs of some megabytes."""
    folder = Path(tempfile.mkdtemp(prefix="aequo-disk-"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", folder], check=True)
    try:
        folder.chmod(0o755)
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=False)
        folder.rmdir()


def on_sqlite(fault: str, seconds: float, seed: int, folder: Path) -> list[str]:
    """One run on SQLite."""
    if fault == "full":
        with small_disk(24) as disk:
            return run(f"sqlite:///{disk}/ledger.db", folder, seconds, seed, full_disk(disk, lambda: None))
    return run(f"sqlite:///{folder}/ledger.db", folder, seconds, seed, nothing_more)


def on_postgres(fault: str, seconds: float, seed: int, folder: Path) -> list[str]:
    """One run on a PostgreSQL server of our own."""
    sys.path.insert(0, str(TESTS))
    from server import find_binaries, running_server

    binaries = find_binaries()
    if binaries is None:
        return ["PostgreSQL is not installed (Debian: postgresql)"]
    if fault == "full":
        with small_disk(320) as disk, running_server(binaries, disk, max_wal_size="64MB", wal_recycle="off") as server:
            # Without room for its log PostgreSQL stops; somebody starts it when there is room again.
            def start() -> None:
                server.restart(signal.SIGQUIT)

            return run(server.url(), folder, seconds, seed, full_disk(disk, start))
    with running_server(binaries) as server:
        breaking = restarted(server, 4) if fault == "restart" else nothing_more
        return run(server.url(), folder, seconds, seed, breaking)


def main() -> int:
    """Run one fault on one database."""
    if sys.argv[1:2] == ["write"]:
        write(*sys.argv[2:])
        return 0
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("database", choices=("sqlite", "postgres"))
    parser.add_argument("fault", choices=("kill", "full", "restart"))
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    if (given.database, given.fault) == ("sqlite", "restart"):
        parser.error("SQLite has no server to start again; its writers are killed in every run")
    with tempfile.TemporaryDirectory(prefix="aequo-faults-") as folder:
        runs = on_sqlite if given.database == "sqlite" else on_postgres
        problems = runs(given.fault, given.seconds, given.seed, Path(folder))
    for problem in dict.fromkeys(problems):
        print(f"BROKEN: {problem}")
    print(f"{given.database} {given.fault}: {'broken' if problems else 'every promise held'}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
