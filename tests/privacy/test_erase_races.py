"""Whoever writes about a person while they are erased: nothing is ever sealed under the destroyed key afterwards."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import msgspec
import pytest

from aequo.ledger import Ledger
from aequo.ledger.entry import header
from aequo.ledger.people import person_context
from aequo.ledger.store import StoredEntry
from aequo.privacy.erasure.erase import erase, erase_many

from .erasing import KEY, Memory, new_ledger, raw

_WRITER = """
import sys
from aequo.errors import LedgerError
from aequo.ledger import KeyRing, Ledger
ledger = Ledger.open(sys.argv[1], key=KeyRing({1: bytes(range(32))}))
number = 0
print("ready", flush=True)
while not sys.stdin.readline().startswith("stop"):
    for _ in range(20):
        try:
            ledger.append({"kind": "call", "text": f"call {number}"}, subject="person-1")
            number += 1
        except LedgerError as error:
            assert "kept changing" in str(error), error
    print(number, flush=True)
"""


def sealed_keys(ledger: Ledger) -> list[tuple[int, str]]:
    """Return (index, id of the key) of the calls on the person."""
    found = []
    for row in ledger.store.rows(0, ledger.size):
        head = header(row.body)
        if head.kind == "call" and head.key is not None:
            found.append((row.position, head.key))
    return found


def check(ledger: Ledger, destroyed: list[tuple[int, str]]) -> None:
    """From the entry that ended each erasure on, nothing is sealed with the key that it destroyed."""
    keys = sealed_keys(ledger)
    for end, key in destroyed:
        assert all(index < end for index, used in keys if used == key)
    current = ledger.store.person(ledger.subject_id("person-1"))
    for index, key in keys:
        readable = current is not None and key == current.key_id.hex()
        entry = ledger.entry(index)
        assert entry.sealed == ("open" if readable else "erased")
        assert ("text" in entry.event) == readable
    assert ledger.verify().ok


def erase_and_note(ledger: Ledger) -> tuple[int, str] | None:
    before = ledger.store.person(ledger.subject_id("person-1"))
    receipt = erase("person-1", ledger=ledger)
    assert receipt.index is not None
    return None if before is None else (receipt.index, before.key_id.hex())


def test_threads_that_write_meanwhile_never_seal_with_a_destroyed_key(tmp_path: Path) -> None:
    ledger, stop, written, failed = new_ledger(tmp_path), threading.Event(), [], []

    def write(own: Ledger, number: int) -> None:
        while not stop.is_set():
            try:
                own.append({"kind": "call", "text": f"call of {number}"}, subject="person-1")
                written.append(number)
            except Exception as error:  # noqa: BLE001 - looked at below
                failed.append(error)

    others = [Ledger.open(ledger.url, key=KEY) for _ in range(2)]
    threads = [threading.Thread(target=write, args=(own, i)) for i, own in enumerate([ledger, ledger, *others])]
    for thread in threads:
        thread.start()
    destroyed = []
    for _ in range(12):
        seen = len(written)
        while len(written) < seen + 20:
            time.sleep(0.001)
        noted = erase_and_note(ledger)
        destroyed += [noted] if noted is not None else []
    stop.set()
    for thread in threads:
        thread.join()
    assert all("kept changing" in str(error) for error in failed)
    assert len(destroyed) >= 10 and len({key for _, key in destroyed}) == len(destroyed)
    check(ledger, destroyed)
    for own in (*others, ledger):
        own.close()


def test_processes_that_write_meanwhile_never_seal_with_a_destroyed_key(tmp_path: Path) -> None:
    ledger = new_ledger(tmp_path)
    command = [sys.executable, "-c", _WRITER, ledger.url]
    writers = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    destroyed = []
    for writer in writers:
        assert writer.stdout is not None and writer.stdout.readline() == "ready\n"
    for _ in range(10):
        for writer in writers:
            assert writer.stdin is not None
            writer.stdin.write("go\n")
            writer.stdin.flush()
        ledger.append({"kind": "call", "text": "ours"}, subject="person-1")
        noted = erase_and_note(ledger)  # while they write
        destroyed += [noted] if noted is not None else []
        for writer in writers:
            assert writer.stdout is not None and writer.stdout.readline().strip().isdigit()
    for writer in writers:
        writer.communicate("stop\n", timeout=60)
        assert writer.returncode == 0
    assert len(destroyed) == 10
    check(ledger, destroyed)
    ledger.close()


def test_erasures_of_one_person_at_the_same_time_end_well(tmp_path: Path) -> None:
    ledger = new_ledger(tmp_path)
    crm = Memory("crm", rows={"person-1": ["x"]})
    for i in range(5):
        ledger.append({"kind": "call", "text": f"{i}"}, subject="person-1")
    receipts = []
    threads = [
        threading.Thread(target=lambda: receipts.append(erase("person-1", ledger=ledger, stores=[crm])))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [receipt.state for receipt in receipts] == ["complete"] * 4
    assert not crm.rows and ledger.store.person(ledger.subject_id("person-1")) is None
    assert {entry.sealed for entry in ledger.entries(kind="call")} == {"erased"}
    assert ledger.verify().ok
    ledger.close()


def test_a_writer_that_is_faster_does_not_keep_an_erasure_from_ending(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = new_ledger(tmp_path)
    other = Ledger.open(ledger.url, key=KEY)
    other.append({"kind": "call", "text": "x"}, subject="person-1")
    real = ledger.store.rows

    def rows(start: int, stop: int) -> list[StoredEntry]:
        other.append({"kind": "call", "text": "x"}, subject="person-1")
        return real(start, stop)

    monkeypatch.setattr(ledger.store, "rows", rows)
    receipt = erase("person-1", ledger=ledger)
    monkeypatch.undo()
    erased = [entry.index for entry in ledger.entries(kind="call") if entry.sealed == "erased"]
    assert receipt.outcomes[0].count == len(erased) and receipt.outcomes[0].entries == tuple(erased)
    other.close()
    ledger.close()


# -- what is left in the files


def traces(ledger: Ledger, person: str) -> dict[str, bytes]:
    row = ledger.store.person(ledger.subject_id(person))
    assert row is not None
    context = person_context(row.subject, row.key_id)
    plain = KEY.unwrap(row.wrapped, context=context)
    return {"wrapped key": row.wrapped, "key id": row.key_id, "part of the key": row.wrapped[8:24], "plain key": plain}


def test_destroyed_keys_and_personal_values_are_in_no_file_of_the_ledger(tmp_path: Path) -> None:
    ledger = new_ledger(tmp_path)
    for i in range(300):
        ledger.append({"kind": "call", "text": f"Quartz {i}", "name": "Zoë Quartz"}, subject=f"person-{i}")
    ledger.append({"kind": "call", "text": "again", "name": "Zoë Quartz"}, subject="person-7")
    everybody = {f"person-{i}": traces(ledger, f"person-{i}") for i in range(300)}
    before = raw(tmp_path)
    for found in everybody.values():
        assert all((trace in before) == (name != "plain key") for name, trace in found.items()), "the search finds them"
    gone = [f"person-{i}" for i in range(0, 300, 3)]
    assert all(receipt.state == "complete" for receipt in erase_many(gone, ledger=ledger))
    after = raw(tmp_path)
    for person, found in everybody.items():
        left = [name for name, trace in found.items() if trace in after]
        assert left == ([] if person in gone else ["wrapped key", "key id", "part of the key"]), person
    for personal in ("Quartz", "Zoë", "person-7"):
        assert personal.encode() not in after
    # All of that with the files as they are on the disk after every process has left.
    ledger.close()
    closed = raw(tmp_path)
    assert not any(trace in closed for person in gone for trace in everybody[person].values())


def test_a_destroyed_key_is_gone_while_another_process_has_the_ledger_open(tmp_path: Path) -> None:
    ledger = new_ledger(tmp_path)
    ledger.append({"kind": "call", "text": "x"}, subject="person-1")
    found = traces(ledger, "person-1")
    with Ledger.open(ledger.url, key=KEY) as other:
        assert other.entry(0).event["text"] == "x"
        assert erase("person-1", ledger=ledger).state == "complete"
        after = raw(tmp_path)
        assert not any(trace in after for trace in found.values())
        assert msgspec.json.decode(header(other.store.rows(0, 1)[0].body).event) == {"kind": "call"}
        assert other.entry(0).sealed == "erased"
    ledger.close()
