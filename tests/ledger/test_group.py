"""Group commit: whoever comes while one writes shares the next write, and nobody is forgotten, whatever goes wrong."""

from __future__ import annotations

import asyncio
import gc
import random
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from aequo.errors import LedgerError
from aequo.ledger.entry import Row
from aequo.ledger.group import Group, Waiting


class Disk:
    """Stores what it is given, slowly, one at a time; fails or is interrupted when told to."""

    def __init__(self, pause: float = 0.0) -> None:
        self.pause = pause
        self.batches: list[list[int]] = []
        self.stored: list[int] = []
        self.trouble: Callable[[list[int]], None] = lambda times: None
        self._writing = threading.Lock()

    def __call__(self, batch: list[Waiting]) -> None:
        assert self._writing.acquire(blocking=False), "two write at once"
        try:
            times = [row.time for waiting in batch for row in waiting.rows]
            self.batches.append(times)
            if self.pause:
                time.sleep(self.pause)
            self.trouble(times)
            for waiting in batch:
                waiting.indices = [len(self.stored) + i for i in range(len(waiting.rows))]
                self.stored += [row.time for row in waiting.rows]
        finally:
            self._writing.release()


def waiting(*times: int) -> Waiting:
    return Waiting([Row(t, b"", b"") for t in times], ())


def one(group: Group, *times: int) -> list[Any]:
    mine = waiting(*times)
    group.run(mine)
    return mine.indices


def test_alone_each_write_is_its_own() -> None:
    disk = Disk()
    group = Group(disk)
    assert [one(group, n, n + 100) for n in range(3)] == [[0, 1], [2, 3], [4, 5]]
    assert disk.batches == [[0, 100], [1, 101], [2, 102]]


def test_those_who_come_while_one_writes_share_the_next_write() -> None:
    disk = Disk()
    group = Group(disk)
    writing, go_on = threading.Event(), threading.Event()

    def held(times: list[int]) -> None:
        writing.set()
        assert go_on.wait(20)

    disk.trouble = held
    with ThreadPoolExecutor(9) as pool:
        first = pool.submit(one, group, 0)
        assert writing.wait(20)
        others = [pool.submit(one, group, n) for n in range(1, 9)]
        while len(group._queue) < 8:
            time.sleep(0.001)
        go_on.set()
        assert first.result(20) == [0]
        indices = [other.result(20)[0] for other in others]
    assert len(disk.batches) == 2 and sorted(disk.batches[1]) == list(range(1, 9))
    assert [disk.stored[i] for i in indices] == list(range(1, 9))


@pytest.mark.parametrize("threads", [2, 8, 32])
def test_under_any_load_everything_is_stored_once_and_each_gets_its_own_answer(threads: int) -> None:
    disk = Disk(pause=0.0005)
    group = Group(disk)

    def work(thread: int) -> None:
        rng = random.Random(thread)
        for n in range(25):
            times = [thread * 10_000 + n * 10 + i for i in range(rng.randint(1, 3))]
            indices = one(group, *times)
            assert [disk.stored[i] for i in indices] == times
            if rng.random() < 0.2:
                time.sleep(rng.random() * 0.002)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(threads)))
    assert len(disk.stored) == len(set(disk.stored))
    settled(group)


def test_a_loop_and_threads_share_writes() -> None:
    disk = Disk(pause=0.001)
    group = Group(disk)

    async def several(thread: int) -> None:
        async def single(n: int) -> None:
            mine = waiting(thread * 1000 + n)
            await group.run_async(mine)
            assert disk.stored[mine.indices[0] or 0] == thread * 1000 + n

        for start in range(0, 40, 8):
            await asyncio.gather(*(single(start + i) for i in range(8)))

    def work(thread: int) -> None:
        if thread % 2:
            asyncio.run(several(thread))
        else:
            for n in range(40):
                one(group, thread * 1000 + n)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    assert len(disk.stored) == len(set(disk.stored)) == 240
    settled(group)


def settled(group: Group) -> None:
    """Nobody waits and nobody leads any more; a thread may still be on its way out."""
    for _ in range(2000):
        if not group._queue and not group._leader:
            return
        time.sleep(0.001)
    raise AssertionError("somebody still leads")


def test_an_error_is_told_to_all_of_a_batch_and_to_nobody_else() -> None:
    disk = Disk(pause=0.001)
    group = Group(disk)

    def bad(times: list[int]) -> None:
        if any(t % 7 == 0 for t in times):
            raise LedgerError("the disk is full; nothing was recorded.")

    disk.trouble = bad
    told: list[int] = []

    def work(n: int) -> None:
        try:
            one(group, n)
        except LedgerError:
            told.append(n)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(100)))
    failed = {t for batch in disk.batches if any(t % 7 == 0 for t in batch) for t in batch}
    assert set(told) == failed and set(disk.stored) == set(range(100)) - failed
    settled(group)


def test_an_interrupt_of_the_one_who_writes_is_his_alone_and_the_others_are_told() -> None:
    disk = Disk()
    group = Group(disk)
    writing, go_on = threading.Event(), threading.Event()

    def held(times: list[int]) -> None:
        writing.set()
        assert go_on.wait(20)
        if 1 in times:
            raise KeyboardInterrupt

    disk.trouble = held
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(one, group, 0)
        assert writing.wait(20)
        others = [pool.submit(one, group, n) for n in range(1, 6)]
        while len(group._queue) < 5:
            time.sleep(0.001)
        go_on.set()
        assert first.result(20) == [0]
        outcomes = [type(other.exception(20)) for other in others]
    assert outcomes.count(KeyboardInterrupt) == 1 and outcomes.count(LedgerError) == 4
    disk.trouble = lambda times: None
    assert one(group, 9) == [1]
    settled(group)


class Interrupts:
    """Ctrl-C again and again, at moments that nobody foresees, in the main thread while it is `armed`."""

    def __init__(self) -> None:
        self.armed = False  # no event: a handler that comes while its lock is held would wait for itself
        self._stop = False
        self._main = threading.get_ident()
        self._thread = threading.Thread(target=self._send, daemon=True)

    def _send(self) -> None:
        rng = random.Random(0)
        while not self._stop:
            time.sleep(rng.random() * 2e-4)
            if self.armed:
                signal.pthread_kill(self._main, signal.SIGUSR1)

    def _raise(self, number: int, frame: Any) -> None:
        if self.armed:
            self.armed = False
            raise KeyboardInterrupt

    def __enter__(self) -> Interrupts:
        self._before = signal.signal(signal.SIGUSR1, self._raise)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.armed = False
        self._stop = True
        self._thread.join()
        signal.signal(signal.SIGUSR1, self._before)


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="this system sends no signals to threads")
def test_an_interrupt_at_any_moment_stops_nobody_else() -> None:
    disk = Disk()
    group = Group(disk)
    failed: list[str] = []
    stop = threading.Event()

    def beside(thread: int) -> None:
        n = 0
        while not stop.is_set():
            try:
                one(group, 10**6 * thread + n)
            except LedgerError as error:  # was in the batch of the one that was interrupted
                failed.append(str(error))
            n += 1

    others = [threading.Thread(target=beside, args=(thread,), daemon=True) for thread in range(1, 4)]
    for other in others:
        other.start()
    interrupted = 0
    with Interrupts() as interrupts:
        n = 0
        while interrupted < 100 and n < 20_000:
            n += 1
            try:
                interrupts.armed = True
                for i in range(20):
                    one(group, -20 * n - i - 1)
            except KeyboardInterrupt:
                interrupted += 1
    stop.set()
    for other in others:
        other.join(20)
        assert not other.is_alive()
    assert interrupted == 100
    assert all("the writing was interrupted" in said for said in failed)
    assert one(group, 0) == [len(disk.stored) - 1]
    assert len(disk.stored) == len(set(disk.stored))
    settled(group)


def test_a_cancelled_coroutine_leaves_no_gap() -> None:
    disk = Disk(pause=0.01)
    group = Group(disk)

    async def work() -> None:
        tasks = [asyncio.create_task(group.run_async(waiting(n))) for n in range(10)]
        await asyncio.sleep(0.002)
        for task in tasks[::2]:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [isinstance(r, asyncio.CancelledError) for r in results] == [True, False] * 5
        await group.run_async(waiting(99))

    asyncio.run(work())
    assert {1, 3, 5, 7, 9, 99} <= set(disk.stored) and len(disk.stored) == len(set(disk.stored))
    settled(group)


def test_a_loop_that_ends_before_its_write_does_not_stop_the_others() -> None:
    disk = Disk(pause=0.01)
    group = Group(disk)

    async def give_up() -> None:
        task = asyncio.create_task(group.run_async(waiting(1)))
        await asyncio.sleep(0)
        task.cancel()

    asyncio.run(give_up())
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(one, group, 2).result(20)
    settled(group)
    gc.collect()


def test_a_loop_that_is_closed_at_once_does_not_stop_the_others() -> None:
    disk = Disk()
    group = Group(disk)
    loop = asyncio.new_event_loop()
    mine = group.run_async(waiting(1))
    task = loop.create_task(mine)
    loop.call_soon(loop.stop)
    loop.run_forever()  # the task has begun, and the loop ends before anything else happens
    task.cancel()
    loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
    loop.close()
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(one, group, 2).result(20)
    settled(group)
