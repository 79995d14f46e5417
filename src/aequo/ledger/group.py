"""Group commit: while one write to the disk is under way, those who wait share the next one.

There is no thread of our own. Whoever comes while nobody writes becomes the leader, writes what waits, and hands over.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence

from aequo.errors import LedgerError
from aequo.ledger.entry import Row
from aequo.ledger.store import PersonKey

__all__ = ["Group", "Waiting"]


class Waiting:
    """Rows that wait to be stored, and what became of them.

    Parameters
    ----------
    rows : sequence of Row
        Stored together or not at all.
    keys : sequence of PersonKey
        New keys that they are sealed with.
    """

    __slots__ = ("again", "can_lead", "error", "finished", "indices", "keys", "notify", "promoted", "rows")

    def __init__(self, rows: Sequence[Row], keys: Sequence[PersonKey]) -> None:
        self.rows = rows
        self.keys = keys
        self.indices: list[int | None] = []
        self.error: BaseException | None = None
        self.again = False  # a key changed meanwhile: seal once more
        self.finished = False
        self.can_lead = False  # a thread that waits can; a coroutine would hold up its loop
        self.promoted = False
        self.notify: Callable[[], object] | None = None

    def finish(self, error: BaseException | None = None) -> None:
        """Tell whoever waits that it is over."""
        if not self.finished:
            self.finished = True
            self.error = self.error or error
            if self.notify is not None:
                self.notify()


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

    def run(self, waiting: Waiting) -> None:
        """Store and wait for it; raises what went wrong."""
        woken = threading.Event()
        waiting.notify, waiting.can_lead = woken.set, True
        if self._join(waiting):
            self._lead()
        else:
            try:
                woken.wait()
            except BaseException:  # Ctrl-C: whoever waited must not leave with the lead in hand
                self._leave(waiting)
                raise
            if waiting.promoted and not waiting.finished:
                self._lead()
        if waiting.error is not None:
            raise waiting.error

    async def run_async(self, waiting: Waiting) -> None:
        """Store and wait for it without holding up the event loop; raises what went wrong."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()

        def done() -> None:
            if not future.done():  # it may have been cancelled
                future.set_result(None)

        def notify() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(done)

        waiting.notify = notify
        if self._join(waiting):
            self._in_thread()
        await future
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

    def _write(self) -> None:
        with self._mutex:
            batch, self._queue = self._queue, []
        try:
            self._commit(batch)
        except BaseException as error:
            failed = error if isinstance(error, Exception) else LedgerError("the writing was interrupted.")
            for waiting in batch:
                waiting.finish(failed)
            if not isinstance(error, Exception):
                raise
        for waiting in batch:
            waiting.finish()

    def _hand_over(self) -> None:
        with self._mutex:
            following = next((w for w in self._queue if w.can_lead), None)
            if following is not None:
                following.promoted = True
            elif not self._queue:
                self._led = False
                return
        if following is not None and following.notify is not None:
            following.notify()
        else:  # only coroutines wait
            self._in_thread()

    def _in_thread(self) -> None:
        threading.Thread(target=self._lead, name="aequo-ledger", daemon=True).start()
