"""Group commit: while one write to the disk is under way, those who wait share the next one.

There is no thread of our own. Whoever comes while nobody writes becomes the leader, writes what waits, and hands over.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

from aequo.errors import LedgerError
from aequo.ledger.entry import Row
from aequo.ledger.store import PersonKey

__all__ = ["Group", "Waiting"]

_PATIENCE = 0.005
_GLANCE = 0.00002
"""Seconds: the longest that a leader waits for others to join, and between two looks."""


class Waiting:
    """Rows that wait to be stored, and what became of them.

    Parameters
    ----------
    rows : sequence of Row
        Stored together or not at all.
    keys : sequence of PersonKey
        New keys that they are sealed with.
    """

    __slots__ = ("again", "error", "finished", "future", "indices", "keys", "rows", "woken")

    def __init__(self, rows: Sequence[Row], keys: Sequence[PersonKey]) -> None:
        self.rows = rows
        self.keys = keys
        self.indices: list[int | None] = []
        self.error: BaseException | None = None
        self.again = False  # a key changed meanwhile: seal once more
        self.finished = False
        # A thread waits for the lock to be released, a coroutine for its future.
        self.woken: threading.Lock | None = None
        self.future: asyncio.Future[None] | None = None


class Group:
    """Those who wait, and the one who writes.

    Ctrl-C may come between any two steps. So whoever is woken looks whether it leads, before the one who woke it has
    said so it waits on, and whoever leaves with the lead gives it away: see `_leave`.

    Parameters
    ----------
    commit : callable
        Stores what all of some waiting ones brought, and sets their results.
    """

    def __init__(self, commit: Callable[[list[Waiting]], None]) -> None:
        self._commit = commit
        self._mutex = threading.Lock()
        self._queue: list[Waiting] = []
        self._batch: list[Waiting] = []  # what is being written
        self._leader: Waiting | None = None
        self._usual = 1  # how many took part lately
        self._took = 0.0  # seconds that writing took lately

    def run(self, waiting: Waiting) -> None:
        """Store and wait for it; raises what went wrong."""
        waiting.woken = threading.Lock()
        waiting.woken.acquire()
        try:
            if self._join(waiting) or self._wait(waiting, waiting.woken):
                self._lead()
        except BaseException:
            self._leave(waiting)
            raise
        if waiting.error is not None:
            raise waiting.error

    async def run_async(self, waiting: Waiting) -> None:
        """Store and wait for it without holding up the event loop; raises what went wrong."""
        loop = asyncio.get_running_loop()
        waiting.future = loop.create_future()
        if self._join(waiting):
            # After the coroutines that are ready now, so that they take part.
            loop.call_soon(self._begin, waiting)
        try:
            await waiting.future
        except BaseException:  # cancelled, or its loop is gone
            self._leave(waiting)
            raise
        if waiting.error is not None:
            raise waiting.error

    def _join(self, waiting: Waiting) -> bool:
        """Queue up; return whether nobody leads, so that the newcomer has to."""
        with self._mutex:
            self._queue.append(waiting)
            if self._leader is not None:
                return False
            self._leader = waiting
        return True

    def _wait(self, waiting: Waiting, woken: threading.Lock) -> bool:
        """Wait until it is stored, or until it leads; return whether it leads."""
        while True:
            woken.acquire()
            if waiting.finished:
                return False
            with self._mutex:
                if self._leader is waiting:
                    return True

    def _lead(self) -> None:
        """Write what waits, then let another lead."""
        self._write()
        self._hand_over()

    def _leave(self, waiting: Waiting) -> None:
        """Leave with nothing open: neither waiting, nor leading, nor with others who wait for what was begun."""
        with self._mutex:
            if waiting in self._queue:
                self._queue.remove(waiting)
            if self._leader is not waiting:
                return
        self._finish(LedgerError("the writing was interrupted; read the ledger to see whether the entry is in it."))
        self._hand_over()

    def _gather(self) -> None:
        """Wait a moment for those who took part lately: alone, the first to come back would write for itself."""
        patience = time.monotonic() + min(self._took / 2, _PATIENCE)
        while len(self._queue) < self._usual and time.monotonic() < patience:
            time.sleep(_GLANCE)
        with self._mutex:
            self._batch = self._queue
            self._queue = []

    def _write(self) -> None:
        self._gather()
        count = len(self._batch)
        error: Exception | None = None
        start = time.monotonic()
        try:
            self._commit(self._batch)
        except Exception as failure:  # noqa: BLE001 - everyone who waits is told, and raises it
            error = failure
        self._took = time.monotonic() - start
        self._usual = count + len(self._queue)
        self._finish(error)

    def _finish(self, error: Exception | None) -> None:
        """Tell those whose rows were written, or were not."""
        for waiting in self._batch:
            if not waiting.finished:
                waiting.error = error
                waiting.finished = True
        _wake(self._batch)
        self._batch = []

    def _hand_over(self) -> None:
        with self._mutex:
            following = next((w for w in self._queue if w.woken is not None), None)
            if following is not None:
                _release(following)
                self._leader = following
            elif self._queue:  # only coroutines wait, and they would hold up their loop
                self._lead_in_thread()
            else:
                self._leader = None

    def _begin(self, waiting: Waiting) -> None:
        """Lead for a coroutine, if it still has to."""
        with self._mutex:
            if self._leader is waiting:
                self._lead_in_thread()

    def _lead_in_thread(self) -> None:
        """Start a thread that leads; the mutex is held, so that it waits until it is said to."""
        leader = Waiting((), ())
        threading.Thread(target=self._follow, args=(leader,), name="aequo-ledger", daemon=True).start()
        self._leader = leader

    def _follow(self, leader: Waiting) -> None:
        with self._mutex:
            if self._leader is not leader:
                return
        try:
            self._lead()
        except BaseException:
            self._leave(leader)
            raise


def _release(waiting: Waiting) -> None:
    if waiting.woken is not None and waiting.woken.locked():
        waiting.woken.release()


def _wake(batch: Iterable[Waiting]) -> None:
    """Tell those who wait, also a second time; a loop is called once, however many of its coroutines wait."""
    loops: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
    for waiting in batch:
        if waiting.future is not None:
            loops.setdefault(waiting.future.get_loop(), []).append(waiting.future)
        else:
            _release(waiting)
    for loop, futures in loops.items():
        with suppress(RuntimeError):  # the loop was closed: nobody waits any more
            loop.call_soon_threadsafe(_settle, futures)


def _settle(futures: Iterable[asyncio.Future[None]]) -> None:
    for future in futures:
        if not future.done():  # it may have been cancelled
            future.set_result(None)
