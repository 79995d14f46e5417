"""What is appended is durable, whole, in order and once: from threads, coroutines, processes and forks."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aequo.errors import InputError, LedgerError
from aequo.ledger import Ledger, Receipt
from aequo.ledger.entry import instant, microseconds
from aequo.ledger.tree import leaf_hash

from .samples import make


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with make(tmp_path) as ledger:
        yield ledger


# -- receipts ---------------------------------------------------------------------------------------------------------


def test_a_receipt_says_where_the_entry_is_and_what_its_hash_is(ledger: Ledger) -> None:
    before = dt.datetime.now(dt.UTC)
    receipts = [ledger.append({"n": 0}), *ledger.append_many([{"n": 1}, {"n": 2}]), ledger.append([], subject="a")]
    assert [r.index for r in receipts] == [0, 1, 2, 3]
    assert len({r.id for r in receipts}) == 4 and all(len(r.id) == 32 for r in receipts)
    for receipt, row, entry in zip(receipts, ledger.store.rows(0, 9), ledger.entries(), strict=True):
        assert receipt.leaf == leaf_hash(row.body) == row.leaf == entry.leaf
        assert (receipt.id, receipt.time, receipt.index) == (entry.id, entry.time, entry.index)
        assert before - dt.timedelta(seconds=1) <= receipt.time <= dt.datetime.now(dt.UTC)
        said = json.loads(row.body)
        assert said["time"] == instant(microseconds(receipt.time)) and said["v"] == 1
        assert json.loads(json.dumps(receipt.to_dict()))["leaf"] == receipt.leaf.hex()
        assert json.loads(json.dumps(entry.to_dict()))["index"] == receipt.index
        assert ledger.index_of(receipt) == receipt.index


def test_the_index_of_an_entry_is_found_again_by_its_receipt_alone(ledger: Ledger) -> None:
    receipts = ledger.append_many([{"n": n} for n in range(600)])
    for receipt in (receipts[0], receipts[300], receipts[-1]):
        assert (
            ledger.index_of(Receipt(index=None, leaf=receipt.leaf, id=receipt.id, time=receipt.time)) == receipt.index
        )
    unknown = Receipt(index=None, leaf=bytes(32), id="", time=receipts[0].time)
    assert ledger.index_of(unknown) is None


def test_what_was_acknowledged_is_there_for_another_process_at_once(ledger: Ledger, tmp_path: Path) -> None:
    ledger.append({"n": 0})
    script = (
        "import sys; from aequo.ledger import Ledger\n"
        "with Ledger.open(sys.argv[1], create=False) as ledger:\n"
        "    print(ledger.size, ledger.entry(0).event, ledger.verify().ok)"
    )
    done = subprocess.run([sys.executable, "-c", script, ledger.url], capture_output=True, text=True, check=True)
    assert done.stdout == "1 {'n': 0} True\n"


def test_an_entry_that_is_not_there_is_not_read(ledger: Ledger) -> None:
    ledger.append({})
    for index in (-1, 1, 2**70):
        with pytest.raises(InputError, match=f"there is no entry {index}; the ledger has 1, counted from 0"):
            ledger.entry(index)


# -- decisions --------------------------------------------------------------------------------------------------------


def test_a_decision_shows_what_reports_count_and_seals_the_rest(ledger: Ledger) -> None:
    receipt = ledger.log_decision(
        input={"income": 41000},
        output="approved",
        model_version="v3",
        operator_id="desk-7",
        metadata={"branch": "north"},
        subject="ann",
        verdict="allow",
    )
    assert receipt.index == 0
    entry = ledger.entry(0)
    digest = ledger.digest({"income": 41000.0})
    clear = {
        "kind": "decision",
        "model_version": "v3",
        "operator_id": "desk-7",
        "verdict": "allow",
        "input_digest": digest,
        "output": "approved",
    }
    assert (entry.kind, entry.event) == ("decision", {**clear, "metadata": {"branch": "north"}})
    assert json.loads(ledger.store.rows(0, 1)[0].body)["event"] == clear


@pytest.mark.parametrize(
    ("output", "readable"),
    [
        (1, True),
        (0.25, True),
        (False, True),
        (None, True),
        ("x" * 64, True),
        ("x" * 65, False),
        ({"class": 1}, False),
        ([0.2, 0.8], False),
        (np.int64(3), True),
        (np.float64(0.5), True),
        (np.bool_(True), True),
    ],
)
def test_a_short_output_stays_readable_and_a_long_one_is_sealed(ledger: Ledger, output: Any, readable: bool) -> None:
    for subject in (None, "ann"):
        index = ledger.log_decision(input=1, output=output, model_version="v", subject=subject).index or 0
        assert ledger.entry(index).event["output"] == output
        assert ("output" in json.loads(ledger.store.rows(index, index + 1)[0].body)["event"]) is readable


def test_inputs_are_kept_only_where_the_ledger_keeps_them(tmp_path: Path) -> None:
    for inputs in ("digest", "keep"):
        with make(tmp_path, name=f"{inputs}.db", inputs=inputs) as ledger:
            ledger.log_decision(input={"income": 41000}, output=1, model_version="v")
            event = ledger.entry(0).event
            assert event["input_digest"] == ledger.digest({"income": 41000})
            assert event.get("input") == ({"income": 41000} if inputs == "keep" else None)
            assert "income" not in str(ledger.store.rows(0, 1)[0].body)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model_version": ""}, "model_version is a str, expected text that is not empty"),
        ({"model_version": 3}, "model_version is a int, expected text"),
        ({"operator_id": 7}, "operator_id is a int, expected text"),
        ({"verdict": ""}, "verdict is a str, expected text that is not empty"),
        ({"output": float("nan")}, "the event has NaN at output"),
        ({"metadata": {"a": object()}}, "the event has a object at metadata.a"),
        ({"subject": ""}, "a subject"),
        ({"input": object()}, "the input has a object"),
    ],
)
def test_a_decision_that_cannot_be_recorded_is_not(ledger: Ledger, change: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        ledger.log_decision(**{"input": 1, "output": 1, "model_version": "v", **change})
    assert ledger.size == 0


def test_outcomes_and_overrides_name_their_decision_and_its_hash(ledger: Ledger) -> None:
    for subject in (None, "ann"):
        decision = ledger.log_decision(input=1, output=0, model_version="v", subject=subject)
        assert decision.index is not None
        outcome = ledger.attach_outcome(decision.index, np.int64(1), operator_id="desk-1")
        override = ledger.override(decision.index, 1, operator_id="desk-2", reason="a letter came")
        said = {"of": decision.index, "leaf": decision.leaf.hex()}
        event = {"kind": "outcome", **said, "truth": 1, "operator_id": "desk-1"}
        assert ledger.entry(outcome.index or 0).event == event
        event = {"kind": "override", **said, "output": 1, "operator_id": "desk-2", "reason": "a letter came"}
        assert ledger.entry(override.index or 0).event == event
        assert "letter" not in str(ledger.store.rows(override.index or 0, ledger.size)[0].body)
        assert ledger.entry(outcome.index or 0).subject == ledger.entry(decision.index).subject


def test_only_a_decision_has_an_outcome(ledger: Ledger) -> None:
    ledger.append({"kind": "note"})
    ledger.log_decision(input=1, output=0, model_version="v")
    for attempt, said in (
        (lambda: ledger.attach_outcome(0, 1), "entry 0 is of the kind 'note', expected a decision"),
        (lambda: ledger.attach_outcome(2, 1), "there is no entry 2"),
        (lambda: ledger.attach_outcome(-1, 1), "there is no entry -1"),
        (lambda: ledger.attach_outcome(1, [1]), "truth is no number, boolean or text of at most 64 characters"),
        (lambda: ledger.attach_outcome(1, "x" * 65), "truth is no number"),
        (lambda: ledger.attach_outcome(1, float("inf")), "the event has an infinite number at truth"),
        (lambda: ledger.override(1, {}, operator_id="d"), "output is no number"),
        (lambda: ledger.override(1, 1, operator_id=""), "operator_id is a str, expected text that is not empty"),
    ):
        with pytest.raises(InputError, match=said):
            attempt()
    assert ledger.size == 2


def test_fields_to_stay_readable_have_to_be_there(ledger: Ledger) -> None:
    with pytest.raises(InputError, match="clear names 'minuts', which the event does not have. Did you mean"):
        ledger.append({"minutes": 3}, subject="a", clear=["minuts"])
    assert ledger.size == 0


# -- many at once -----------------------------------------------------------------------------------------------------


def test_threads_lose_nothing_double_nothing_and_keep_their_own_order(ledger: Ledger) -> None:
    def write(thread: int) -> list[Receipt]:
        made = []
        for n in range(40):
            how = n % 4
            if how == 0:
                made.append(ledger.append({"t": thread, "n": n}))
            elif how == 1:
                made.append(ledger.append({"t": thread, "n": n}, subject=thread % 3))
            elif how == 2:
                made += ledger.append_many([{"t": thread, "n": n}, {"t": thread, "n": n + 0.5}])
            else:
                made.append(ledger.append({"t": thread, "n": n}, subject=f"{thread}/{n}"))
        return made

    with ThreadPoolExecutor(8) as pool:
        receipts = list(pool.map(write, range(8)))
    entries = list(ledger.entries())
    assert len(entries) == ledger.size == 8 * 50
    assert sorted(r.index for rs in receipts for r in rs if r.index is not None) == list(range(400))
    for thread, made in enumerate(receipts):
        own = [e for e in entries if e.event["t"] == thread]
        assert [e.event["n"] for e in own] == sorted(e.event["n"] for e in own)
        assert [e.index for e in own] == [r.index for r in made]
        assert [e.leaf for e in own] == [r.leaf for r in made]
    assert ledger.verify().ok


def test_those_who_wait_share_a_write(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    commit, batches = ledger.store.commit, []

    def slow(rows: Any, keys: Any, sign: Any) -> Any:
        batches.append(len(rows))
        time.sleep(0.005)  # a disk
        return commit(rows, keys, sign)

    monkeypatch.setattr(ledger.store, "commit", slow)
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda n: ledger.append({"n": n}), range(160)))
    assert sum(batches) == ledger.size == 160
    assert len(batches) < 80 and max(batches) > 4


def test_coroutines_share_a_write_and_do_not_hold_up_their_loop(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit, batches = ledger.store.commit, []

    def slow(rows: Any, keys: Any, sign: Any) -> Any:
        batches.append(len(rows))
        time.sleep(0.02)
        return commit(rows, keys, sign)

    monkeypatch.setattr(ledger.store, "commit", slow)

    async def work() -> tuple[list[Receipt], int]:
        turns = 0

        async def other() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0.001)

        beside = asyncio.create_task(other())
        receipts = await asyncio.gather(
            *(ledger.append_async({"n": n}, subject=n % 3 if n % 2 else None) for n in range(50)),
            ledger.log_decision_async(input=1, output=2, model_version="v", subject="a"),
        )
        beside.cancel()
        return list(receipts), turns

    receipts, turns = asyncio.run(work())
    assert sorted(r.index for r in receipts if r.index is not None) == list(range(51))
    assert [ledger.entry(r.index or 0).event["n"] for r in receipts[:-1]] == list(range(50))
    assert ledger.entry(receipts[-1].index or 0).kind == "decision"
    assert len(batches) <= 3 and turns >= 5
    assert ledger.verify().ok


def test_threads_and_coroutines_of_several_loops_write_side_by_side(ledger: Ledger) -> None:
    def loop(thread: int) -> None:
        async def work() -> None:
            for n in range(10):
                await asyncio.gather(*(ledger.append_async({"t": thread, "n": (n, i)[0]}) for i in range(3)))

        asyncio.run(work())

    def plain(thread: int) -> None:
        for n in range(30):
            ledger.append({"t": thread, "n": n})

    with ThreadPoolExecutor(6) as pool:
        for _ in pool.map(lambda t: (loop if t % 2 else plain)(t), range(6)):
            pass
    assert ledger.size == 180 and ledger.verify().ok


def test_a_coroutine_that_is_cancelled_harms_nobody(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = ledger.store.commit
    writing, go_on = threading.Event(), threading.Event()

    def held(rows: Any, keys: Any, sign: Any) -> Any:
        writing.set()
        assert go_on.wait(20)
        return commit(rows, keys, sign)

    monkeypatch.setattr(ledger.store, "commit", held)

    async def work() -> Receipt:
        first = asyncio.create_task(ledger.append_async({"n": 0}))
        await asyncio.to_thread(writing.wait, 20)
        second = asyncio.create_task(ledger.append_async({"n": 1}))
        third = asyncio.create_task(ledger.append_async({"n": 2}))
        await asyncio.sleep(0.01)
        second.cancel()
        first.cancel()
        go_on.set()
        return await third

    receipt = asyncio.run(work())
    events = [e.event["n"] for e in ledger.entries()]
    assert ledger.entry(receipt.index or 0).event == {"n": 2}
    assert len(events) == len(set(events)) and 2 in events
    assert ledger.append({"n": 3}).index == len(events) and ledger.verify().ok


def test_a_failure_is_told_to_each_who_waited_and_the_next_write_goes_on(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = ledger.store.commit
    broken = True

    def failing(rows: Any, keys: Any, sign: Any) -> Any:
        time.sleep(0.002)
        if broken:
            raise LedgerError("the disk is full; nothing was recorded.")
        return commit(rows, keys, sign)

    monkeypatch.setattr(ledger.store, "commit", failing)
    told: list[str] = []

    def write(n: int) -> None:
        try:
            ledger.append({"n": n})
        except LedgerError as error:
            told.append(str(error))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(40)))
    assert told == ["the disk is full; nothing was recorded."] * 40 and ledger.size == 0

    async def several() -> list[Any]:
        return await asyncio.gather(*(ledger.append_async({"n": n}) for n in range(9)), return_exceptions=True)

    assert {type(e) for e in asyncio.run(several())} == {LedgerError}
    broken = False
    assert ledger.append({"n": 0}).index == 0 and ledger.verify().ok


def test_an_interrupt_while_writing_leaves_the_ledger_to_the_others(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit, seen = ledger.store.commit, []

    def interrupted(rows: Any, keys: Any, sign: Any) -> Any:
        if not seen:
            seen.append(1)
            raise KeyboardInterrupt
        return commit(rows, keys, sign)

    monkeypatch.setattr(ledger.store, "commit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        ledger.append({"n": 0})
    assert ledger.append({"n": 1}).index == 0


SCRIPT = """
import os, sys, threading
from aequo.ledger import KeyRing, Ledger

url, key = sys.argv[1], bytes.fromhex(sys.argv[2])
"""


def run(script: str, ledger: Ledger, *more: str, start: bool = False) -> Any:
    command = [sys.executable, "-c", SCRIPT + script, ledger.url, bytes(range(32)).hex(), *more]
    if start:
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)


def test_processes_write_side_by_side_without_a_fork_of_the_tree(ledger: Ledger) -> None:
    script = """
with Ledger.open(url, key=key) as ledger:
    for n in range(40):
        receipt = ledger.append({"p": sys.argv[3], "n": n}, subject=n % 5)
        print(receipt.index, receipt.leaf.hex())
        if n % 10 == 0:
            ledger.checkpoint()
"""
    started = [run(script, ledger, str(n), start=True) for n in range(4)]
    told: dict[int, str] = {}
    for process in started:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        for line in out.splitlines():
            index, leaf = line.split()
            assert told.setdefault(int(index), leaf) == leaf
    assert sorted(told) == list(range(160))
    assert [e.leaf.hex() for e in ledger.entries()] == [told[n] for n in range(160)]
    verification = ledger.verify()
    assert verification.ok and verification.signed == 160


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_child_writes_though_its_parent_was_forked_in_the_middle_of_a_write(ledger: Ledger) -> None:
    script = """
ledger = Ledger.open(url, key=key)
ledger.append({"who": "parent", "n": 0}, subject="a")
commit, writing, go_on = ledger.store.commit, threading.Event(), threading.Event()

def held(rows, keys, sign):
    writing.set()
    go_on.wait()
    return commit(rows, keys, sign)

ledger.store.commit = held
thread = threading.Thread(target=lambda: ledger.append({"who": "parent", "n": 1}, subject="a"))
thread.start()
writing.wait()
child = os.fork()
if child == 0:
    ledger.store.commit = commit
    for n in range(3):
        ledger.append({"who": "child", "n": n}, subject="a")
    ledger.close()
    os._exit(0)
_, status = os.waitpid(child, 0)
go_on.set()
thread.join()
ledger.append({"who": "parent", "n": 2}, subject="b")
assert ledger.verify().ok
print(status, ledger.size)
"""
    assert run(script, ledger).stdout == "0 6\n"
    events = [(e.event["who"], e.event["n"]) for e in ledger.entries()]
    assert events == [("parent", 0), ("child", 0), ("child", 1), ("child", 2), ("parent", 1), ("parent", 2)]


def test_a_process_that_is_killed_loses_nothing_that_was_acknowledged(ledger: Ledger) -> None:
    script = """
ledger = Ledger.open(url, key=key)
for n in range(10**6):
    print(ledger.append({"n": n}, subject=n % 7).index, flush=True)
"""
    process = run(script, ledger, start=True)
    acknowledged = [int(process.stdout.readline()) for _ in range(25)]
    process.kill()
    rest, _ = process.communicate(timeout=60)
    acknowledged += [int(line) for line in rest.splitlines(keepends=True) if line.endswith("\n")]
    assert acknowledged == list(range(len(acknowledged)))
    entries = list(ledger.entries())
    assert [e.event["n"] for e in entries][: len(acknowledged)] == acknowledged
    assert len(entries) <= len(acknowledged) + 1  # one may have been written and not been told of any more
    assert ledger.verify().ok and ledger.append({}).index == len(entries)
