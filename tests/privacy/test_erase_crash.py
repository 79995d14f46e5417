"""Killed at any step, an erasure is completed by asking again, and says the same as one that was not disturbed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from aequo.errors import LedgerError
from aequo.ledger import Ledger
from aequo.privacy.erasure.erase import erase, past_receipts
from aequo.privacy.erasure.files import FileStore
from aequo.privacy.erasure.receipt import ErasureReceipt, check_receipt

from .erasing import KEY, new_ledger, new_shop, shop_store

_CHILD = """
import os, signal, sys
from pathlib import Path
from aequo.ledger import KeyRing, Ledger
from aequo.ledger.sqlite import SqliteStore
from aequo.privacy.erasure.erase import erase
from aequo.privacy.erasure.files import FileStore
from aequo.privacy.erasure.sql import SqlStore

folder, kill = Path(sys.argv[1]), int(sys.argv[2])
steps = 0

def step():
    global steps
    steps += 1
    if steps == kill:
        os.kill(os.getpid(), signal.SIGKILL)

def watch(kind, name):
    real = getattr(kind, name)
    def watched(*args, **kw):
        step()
        result = real(*args, **kw)
        step()
        return result
    setattr(kind, name, watched)

for name in ("commit", "destroy", "scrub", "keep_checkpoint"):
    watch(SqliteStore, name)
watch(os, "fsync")  # of the file that is written anew
watch(SqlStore, "erase")
watch(FileStore, "erase")
ledger = Ledger.open(f"sqlite:///{folder}/x.db", key=KeyRing({1: bytes(range(32))}))
shop = SqlStore(name="shop", url=f"sqlite:///{folder}/shop.db", find="SELECT * FROM orders WHERE person = :subject",
                delete=["DELETE FROM orders WHERE person = :subject"])
calls = FileStore(name="calls", files=[f"{folder}/calls.csv"], column="person")
print(erase("person-1", ledger=ledger, stores=[shop, calls]).to_text())
"""


def people(folder: Path) -> None:
    """Write data on two people into every store."""
    with new_ledger(folder) as ledger:
        for i in range(6):
            ledger.append({"kind": "call", "text": f"secret {i}"}, subject=f"person-{1 + i % 2}")
    new_shop(folder / "shop.db", [("person-1", "book"), ("person-2", "pen"), ("person-1", "cup")])
    (folder / "calls.csv").write_text("person,text\nperson-1,x\nperson-2,y\n", encoding="utf-8")


def child(folder: Path, kill: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", _CHILD, str(folder), str(kill)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def said(receipt: ErasureReceipt) -> list[dict[str, Any]]:
    return [outcome.to_dict() for outcome in receipt.outcomes]


def test_killed_at_every_step_an_erasure_is_completed_by_asking_again(tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    people(tmp_path / "whole")
    whole = child(tmp_path / "whole", 0)
    assert whole.returncode == 0, whole.stderr
    undisturbed = json.loads(whole.stdout)["outcomes"]
    assert [(o["store"], o["count"]) for o in undisturbed] == [("shop", 2), ("calls", 1), ("ledger", 3), ("ledger", 3)]

    kill, killed = 0, True
    while killed:
        kill += 1
        folder = tmp_path / f"kill-{kill}"
        folder.mkdir()
        people(folder)
        done = child(folder, kill)
        killed = done.returncode == -9
        assert killed or done.returncode == 0, done.stderr
        ledger = new_ledger(folder)
        shop = shop_store(folder / "shop.db")
        calls = FileStore(name="calls", files=[str(folder / "calls.csv")], column="person")
        begun = [e.index for e in ledger.entries(kind="erasure.begun")]
        touched = (
            len(list(shop.find("person-1"))) < 2
            or not list(calls.find("person-1"))
            or ledger.entry(0).sealed == "erased"
        )
        assert begun or not touched, f"step {kill}: something was destroyed before the ledger knew"

        receipt = erase("person-1", ledger=ledger, stores=[shop, calls])

        assert receipt.state == "complete"
        assert receipt.resumed == bool(begun and receipt.already is None)
        # Killed after its last entry, the erasure was complete, and its receipt can be had again.
        first = past_receipts("person-1", ledger=ledger)[0]
        assert said(first) == undisturbed, f"step {kill}"
        assert check_receipt(first.to_text(), ledger.vkey) == first
        assert len(list(ledger.entries(kind="erasure.begun"))) == (1 if receipt.already is None else 2)
        assert [e.sealed for e in ledger.entries(stop=6)] == ["erased", "open"] * 3
        assert [list(shop.find(p)) for p in ("person-1", "person-2")] == [[], [{"person": "person-2", "item": "pen"}]]
        assert (folder / "calls.csv").read_text(encoding="utf-8") == "person,text\nperson-2,y\n"
        assert not list(folder.glob(".*.tmp"))
        assert ledger.verify().ok
        shop.close()
        ledger.close()
    assert kill > 15


def test_what_was_added_between_the_crash_and_the_rerun_is_erased_and_counted(tmp_path: Path) -> None:
    people(tmp_path)
    assert child(tmp_path, 6).returncode == -9
    ledger = new_ledger(tmp_path)
    ledger.append({"kind": "call", "text": "later"}, subject="person-1")
    shop = shop_store(tmp_path / "shop.db")
    with shop._base._connection("rw") as db:
        db.execute("INSERT INTO orders VALUES ('person-1', 'later')")
    calls = FileStore(name="calls", files=[str(tmp_path / "calls.csv")], column="person")
    receipt = erase("person-1", ledger=ledger, stores=[shop, calls])
    counts = {(o.store, o.result): o.count for o in receipt.outcomes}
    assert counts[("shop", "erased")] == 3
    assert counts[("ledger", "unreadable")] == 4
    assert receipt.outcomes[2].entries == (0, 2, 4, 8)
    assert list(shop.find("person-1")) == []
    shop.close()
    ledger.close()


@pytest.mark.parametrize("call", range(1, 6))
def test_a_ledger_that_takes_no_entry_stops_the_erasure_where_it_can_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    people(tmp_path)
    ledger = new_ledger(tmp_path)
    shop = shop_store(tmp_path / "shop.db")
    real, calls = ledger.store.commit, []

    def full(*args: Any) -> Any:
        calls.append(args)
        if len(calls) == call:
            raise LedgerError("x.db: the disk is full; nothing was recorded.")
        return real(*args)

    monkeypatch.setattr(ledger.store, "commit", full)
    if call <= 4:
        with pytest.raises(LedgerError, match="the disk is full"):
            erase("person-1", ledger=ledger, stores=[shop])
        assert len(list(shop.find("person-1"))) == (2 if call == 1 else 0), "nothing goes before the first entry"
    receipt = erase("person-1", ledger=ledger, stores=[shop])
    assert [(o.store, o.count) for o in receipt.outcomes] == [("shop", 2), ("ledger", 3), ("ledger", 3)]
    shop.close()
    ledger.close()


def test_keys_that_cannot_be_destroyed_or_scrubbed_are_not_reached_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people(tmp_path)
    ledger = new_ledger(tmp_path)

    def fail(*args: object) -> Any:
        raise LedgerError("x.db: another process has held it for 60 s; nothing was recorded.")

    with monkeypatch.context() as patch:
        patch.setattr(ledger.store, "destroy", fail)
        receipt = erase("person-1", ledger=ledger)
        assert receipt.state == "incomplete" and ledger.entry(0).sealed == "open"
        assert [o.why for o in receipt.not_reached] == ["x.db: another process has held it for 60 s"]
    with monkeypatch.context() as patch:
        patch.setattr(ledger.store, "scrub", fail)
        receipt = erase("person-1", ledger=ledger)
        assert receipt.state == "incomplete" and ledger.entry(0).sealed == "erased"
        assert [o.result for o in receipt.outcomes] == ["unreadable", "kept", "not reached"]
    assert erase("person-1", ledger=ledger).state == "complete"
    ledger.close()


def test_a_reader_that_keeps_the_log_busy_is_told_as_not_reached(tmp_path: Path) -> None:
    people(tmp_path)
    ledger = new_ledger(tmp_path)
    with Ledger.open(ledger.url, key=KEY) as other:
        reader = other.store._keys  # type: ignore[attr-defined]
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM people").fetchone()
        ledger.store._keys.execute("PRAGMA busy_timeout = 200")  # type: ignore[attr-defined]
        receipt = erase("person-1", ledger=ledger)
        assert receipt.state == "incomplete"
        assert "repeat the erasure" in receipt.not_reached[0].why
        reader.execute("ROLLBACK")
    assert erase("person-1", ledger=ledger).state == "complete"
    ledger.close()
