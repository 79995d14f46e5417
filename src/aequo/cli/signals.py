"""Ctrl-C and its kin: end soon, and clean up what is under way."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

__all__ = ["Stopped", "catch_signals"]


class Stopped(BaseException):
    """A signal other than Ctrl-C asked us to end."""


def catch_signals() -> tuple[Callable[[], None], list[int]]:
    """Turn the signals that end a program into an exception, so that files under way are cleaned up.

    Returns
    -------
    restore : callable
        Puts the former handlers back.
    received : list of int
        The signals that came, filled as they come.
    """
    received: list[int] = []
    last = -math.inf

    def stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of a handler
        nonlocal last
        received.append(number)
        # An impatient second Ctrl-C must not disturb the cleaning up; a later one is meant.
        if time.monotonic() - last > 1:
            last = time.monotonic()
            raise KeyboardInterrupt if number == signal.SIGINT else Stopped

    if threading.current_thread() is not threading.main_thread():
        return (lambda: None), received
    old: dict[int, Any] = {}
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            old[number] = signal.signal(number, stop)
    stop_watching = _watch()

    def restore() -> None:
        stop_watching()
        for number, handler in old.items():
            signal.signal(number, handler)

    return restore, received


def _watch() -> Callable[[], None]:
    """Stop a running query as soon as a signal comes.

    Python runs a handler only between two of its own steps, and a query over many rows is one step. The system tells of
    a signal through a pipe at once, and a thread that waits there interrupts the query, so that the handler runs.
    """
    if os.name == "nt":  # its pipes always block
        return lambda: None
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)

    def wait() -> None:
        while os.read(reading, 1) not in (b"", b"\0"):
            read = sys.modules.get("aequo.core.read")
            if read is not None:
                with contextlib.suppress(Exception):  # the query may have ended meanwhile
                    read.interrupt()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()

    def end() -> None:
        signal.set_wakeup_fd(before)
        os.write(writing, b"\0")
        thread.join()
        os.close(reading)
        os.close(writing)

    return end
