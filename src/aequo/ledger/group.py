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

    __slots__ = ("again", "error", "finished", "future", "indices", "keys", "promoted", "rows", "woken")

    def __init__(self, rows: Sequence[Row], keys: Sequence[PersonKey]) -> None:
        self.rows = rows
        self.keys = keys
        self.indices: list[int | None] = []
        self.error: BaseException | None = None
        self.again = False  # a key changed meanwhile: seal once more
        self.finished = False
        self.promoted = False
        # A thread waits for the lock to be released, a coroutine for its future.
        self.woken: threading.Lock | None = None
        self.future: asyncio.Future[None] | None = None


class Group:
    """Those who wait, and the one who writes.

    Parameters
    ----------
    commit : callable
        Stores what all of some waiting ones brought, and sets their results.
    """

    def __init__(self, commit: Callable[[list[Waiting]], None]) -> None:
        self._commit = commit
        self._mutex = threading.Lock()
        self._queue: list[Waiting] = []
        self._led = False
        self._usual = 1  # how many took part lately
        self._took = 0.0  # seconds that writing took lately

    def run(self, waiting: Waiting) -> None:
        """Store and wait for it; raises what went wrong."""
        waiting.woken = threading.Lock()
        waiting.woken.acquire()
        try:
            if self._join(waiting):
                self._lead()
            else:
                waiting.woken.acquire()
                if waiting.promoted and not waiting.finished:
                    self._lead()
        except BaseException:  # Ctrl-C: whoever leaves must not take the lead along
            self._leave(waiting)
            raise
        if waiting.error is not None:
            raise waiting.error

    async def run_async(self, waiting: Waiting) -> None:
        """Store and wait for it without holding up the event loop; raises what went wrong."""
        waiting.future = asyncio.get_running_loop().create_future()
        if self._join(waiting):
            # After the coroutines that are ready now, so that they take part.
            asyncio.get_running_loop().call_soon(self._in_thread)
        await waiting.future
        if waiting.error is not None:
            raise waiting.error

    def _join(self, waiting: Waiting) -> bool:
        """Queue up; return whether nobody leads, so that the newcomer has to."""
        with self._mutex:
            self._queue.append(waiting)
            lead, self._led = not self._led, True
        return lead

    def _leave(self, waiting: Waiting) -> None:
        with self._mutex:
            if waiting in self._queue:
                self._queue.remove(waiting)
            if not waiting.promoted or waiting.finished:
                return
        self._hand_over()

    def _lead(self) -> None:
        """Write what waits, then let another lead."""
        try:
            self._write()
        finally:
            self._hand_over()

    def _gather(self) -> list[Waiting]:
        """Wait a moment for those who took part lately: alone, the first to come back would write for itself."""
        patience = time.monotonic() + min(self._took / 2, _PATIENCE)
        while len(self._queue) < self._usual and time.monotonic() < patience:
            time.sleep(_GLANCE)
        with self._mutex:
            batch, self._queue = self._queue, []
        return batch

    def _write(self) -> None:
        batch = self._gather()
        error: BaseException | None = None
        start = time.monotonic()
        try:
            self._commit(batch)
        except Exception as failure:  # noqa: BLE001 - everyone who waits is told, and raises it
            error = failure
        except BaseException:
            error = LedgerError("the writing was interrupted.")
            raise
        finally:
            for waiting in batch:
                waiting.error, waiting.finished = error, True
            self._took = time.monotonic() - start
            self._usual = len(batch) + len(self._queue)
            _wake(batch)

    def _hand_over(self) -> None:
        with self._mutex:
            following = next((w for w in self._queue if w.woken is not None), None)
            if following is not None:
                following.promoted = True
            elif not self._queue:
                self._led = False
                return
        if following is not None and following.woken is not None:
            following.woken.release()
        else:  # only coroutines wait, and they would hold up their loop
            self._in_thread()

    def _in_thread(self) -> None:
        threading.Thread(target=self._lead, name="aequo-ledger", daemon=True).start()


def _wake(batch: Iterable[Waiting]) -> None:
    """Tell those who wait; a loop is called once, however many of its coroutines wait."""
    loops: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
    for waiting in batch:
        if waiting.woken is not None:
            if not waiting.promoted:
                waiting.woken.release()
        elif waiting.future is not None:
            loops.setdefault(waiting.future.get_loop(), []).append(waiting.future)
    for loop, futures in loops.items():
        with suppress(RuntimeError):  # the loop was closed: nobody waits any more
            loop.call_soon_threadsafe(_settle, futures)


def _settle(futures: Iterable[asyncio.Future[None]]) -> None:
    for future in futures:
        if not future.done():  # it may have been cancelled
            future.set_result(None)
