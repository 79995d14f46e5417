"""A disk that runs full, and processes killed at random, for as long as it takes: what was begun is completed."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from aequo.errors import LedgerError
from aequo.privacy.erasure.erase import erase, erase_many

from .erasing import Memory, new_ledger, new_shop, shop_store

pytestmark = pytest.mark.faults

_CHILD = """
import os, signal, sys, threading
from aequo.ledger import KeyRing, Ledger
from aequo.privacy.erasure.erase import erase_many
from aequo.privacy.erasure.sql import SqlStore
folder, people, delay = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
ledger = Ledger.open(f"sqlite:///{folder}/x.db", key=KeyRing({1: bytes(range(32))}))
shop = SqlStore(name="shop", url=f"sqlite:///{folder}/shop.db", find="SELECT * FROM orders WHERE person = :subject",
                delete=["DELETE FROM orders WHERE person = :subject"])
threading.Timer(delay, os.kill, (os.getpid(), signal.SIGKILL)).start()
receipts = erase_many([f"person-{i}" for i in range(people)], ledger=ledger, stores=[shop])
assert {receipt.state for receipt in receipts} == {"complete"}
os._exit(0)
"""


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of 4 MB."""
    if os.geteuid() != 0:
        pytest.skip("a small disk that runs full needs root")
    folder = Path(tempfile.mkdtemp(prefix="aequo-small-"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
        folder.rmdir()


def test_a_disk_that_runs_full_anywhere_stops_an_erasure_where_it_can_go_on(small_disk: Path) -> None:
    kinds = set()
    for free in [0, 1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 28, 32, 40, 48, 64, 96, 128, 256]:  # blocks of 4 kB
        folder = small_disk / "case"
        folder.mkdir()
        ledger = new_ledger(folder)
        for i in range(6):
            ledger.append({"kind": "call", "text": f"secret {i}"}, subject=f"person-{1 + i % 2}")
        rows = [(f"person-{1 + i % 2}", "x" * 50) for i in range(200)]
        shop = shop_store(new_shop(folder / "shop.db", rows))
        crm = Memory("crm", rows={"person-1": ["x"]})
        left = shutil.disk_usage(small_disk).free - free * 4096
        (small_disk / "filler").write_bytes(bytes(max(0, left)))
        try:
            receipt = erase("person-1", ledger=ledger, stores=[crm, shop])
            kinds.add(receipt.state)
        except LedgerError as error:
            kinds.add("stopped" if "full" in str(error) else str(error))
            if not list(ledger.entries(kind="erasure.begun")):
                assert crm.rows and len(list(shop.find("person-1"))) == 100 and ledger.entry(0).sealed == "open"
        assert [entry.sealed for entry in ledger.entries(kind="call")][1::2] == ["open"] * 3
        (small_disk / "filler").unlink()

        again = erase("person-1", ledger=ledger, stores=[crm, shop])
        assert again.state == "complete"
        assert not crm.rows and not list(shop.find("person-1")) and len(list(shop.find("person-2"))) == 100
        assert [entry.sealed for entry in ledger.entries(kind="call")] == ["erased", "open"] * 3
        assert ledger.verify().ok
        shop.close()
        ledger.close()
        shutil.rmtree(folder)
    assert {"stopped", "complete"} <= kinds <= {"stopped", "incomplete", "complete"}


def test_killed_again_and_again_many_erasures_are_completed(tmp_path: Path) -> None:
    seconds, people = float(os.environ.get("AEQUO_FAULT_SECONDS", "20")), 400
    rng = random.Random(7)
    with new_ledger(tmp_path) as ledger:
        for i in range(people + 50):
            ledger.append_many([{"kind": "call", "text": f"secret {i} {j}"} for j in range(3)], subject=f"person-{i}")
    new_shop(tmp_path / "shop.db", [(f"person-{i}", "book") for i in range(people + 50)])
    # Every child kills itself, counted from the start of its work: on a fast machine too, the first dies in the middle.
    killed, deadline = 0, time.monotonic() + seconds
    while time.monotonic() < deadline:
        delay = rng.uniform(0.01, 0.5) if killed else 0.01
        ended = subprocess.run([sys.executable, "-c", _CHILD, str(tmp_path), str(people), str(delay)], check=False)
        if ended.returncode == 0:
            break
        assert ended.returncode == -signal.SIGKILL
        killed += 1
    assert killed > 0
    ledger, shop = new_ledger(tmp_path), shop_store(tmp_path / "shop.db")
    receipts = erase_many([f"person-{i}" for i in range(people)], ledger=ledger, stores=[shop])
    assert {receipt.state for receipt in receipts} == {"complete"}
    calls = list(ledger.entries(kind="call"))
    assert [entry.sealed for entry in calls] == ["erased"] * 3 * people + ["open"] * 150
    for i in range(people + 50):
        assert len(list(shop.find(f"person-{i}"))) == (0 if i < people else 1)
    begun = {entry.id for entry in ledger.entries(kind="erasure.begun")}
    ended = {entry.event["of"] for entry in ledger.entries(kind="erasure")}
    assert begun == ended, "every erasure that was begun has ended"
    assert ledger.verify().ok
    shop.close()
    ledger.close()


def test_the_benchmark_finds_every_promise_kept() -> None:
    script = Path(__file__).resolve().parents[2] / "benchmarks" / "erasure.py"
    done = subprocess.run([sys.executable, str(script), "--quick"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "DOES NOT HOLD" not in done.stdout and done.stdout.count(" holds") >= 10
