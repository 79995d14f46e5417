"""Where words go: the result to stdout, the conversation to stderr."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TextIO

from aequo.errors import OutputError

__all__ = ["print_json", "print_lines", "print_result", "progress_bar", "say", "usable_streams", "waiting"]


def usable_streams() -> None:
    """Make stdout and stderr safe to write any text to.

    A stream that was closed becomes the null device, and a character that its encoding lacks is written as ``?`` or an
    escape, so that printing never fails halfway for a group's name.
    """
    for name, errors in (("stdout", "replace"), ("stderr", "backslashreplace")):
        stream = getattr(sys, name)
        if stream is None:
            # The descriptor is closed: what is opened next would take its number and receive the text.
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123 - open until the end
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=errors)


def say(text: str) -> None:
    """Write a line of the conversation to stderr; if nobody listens, say nothing."""
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


def print_json(text: str) -> None:
    """Write JSON to stdout, in UTF-8 whatever the terminal's encoding is.

    Raises
    ------
    OutputError
        If stdout cannot take it, such as on a full disk.
    """

    def write(stream: TextIO) -> None:
        raw = getattr(stream, "buffer", None)
        if raw is None:
            stream.write(text + "\n")
        else:
            stream.flush()
            raw.write(text.encode() + b"\n")

    print_result(write)


def print_lines(lines: Iterable[str]) -> bool:
    """Write lines to stdout as `print_json` does, until there are no more or the reader left.

    Parameters
    ----------
    lines : iterable of str
        Without their line breaks; not drawn on any further once nobody reads.

    Returns
    -------
    bool
        Whether somebody still reads.

    Raises
    ------
    OutputError
        If stdout cannot take it, such as on a full disk.
    """

    def write(stream: TextIO) -> None:
        raw = getattr(stream, "buffer", None)
        stream.flush()
        for line in lines:
            if raw is None:
                stream.write(line + "\n")
            else:
                raw.write(line.encode("utf-8", "backslashreplace") + b"\n")

    return print_result(write)


def print_result(write: Callable[[TextIO], object]) -> bool:
    """Write to stdout; a reader that left (``| head``) is no error.

    Returns
    -------
    bool
        Whether somebody still reads.

    Raises
    ------
    OutputError
        If stdout cannot take it, such as on a full disk.
    """
    try:
        write(sys.stdout)
        sys.stdout.flush()
        return True
    except BrokenPipeError:
        _drop_stdout()
        return False
    except OSError as error:
        _drop_stdout()
        raise OutputError(f"the result could not be written to stdout: {error.strerror or error}.") from error


def _drop_stdout() -> None:
    # What is still in the buffer would fail again, and be reported, when Python ends.
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, sys.stdout.fileno())
    except (OSError, ValueError):
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - open until the end
    finally:
        os.close(null)


@contextlib.contextmanager
def waiting(what: str, *, after: float = 1.0, every: float = 0.5) -> Iterator[None]:
    """Show on a terminal's stderr that work goes on, once it has taken a while.

    Parameters
    ----------
    what : str
        What is being done.
    after, every : float
        Seconds until it is first said, and between updates.
    """
    stderr = sys.stderr
    if not stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield
        return
    done = threading.Event()
    start = time.monotonic()

    def show() -> None:
        wait = after
        while not done.wait(wait):
            wait = every
            with contextlib.suppress(OSError, ValueError):
                stderr.write(f"\r{what} ... {time.monotonic() - start:.0f} s ")
                stderr.flush()

    thread = threading.Thread(target=show, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        if time.monotonic() - start >= after:
            with contextlib.suppress(OSError, ValueError):
                stderr.write("\r" + " " * (len(what) + 20) + "\r")
                stderr.flush()


@contextlib.contextmanager
def progress_bar(what: str, *, after: float = 1.0) -> Iterator[Callable[[int, int], None]]:
    """Give a function that shows on a terminal's stderr how many of how many steps are done, once it has taken a while.

    Parameters
    ----------
    what : str
        What is being done.
    after : float
        Seconds until it is first shown.
    """
    stderr = sys.stderr
    shown = stderr.isatty() and os.environ.get("TERM") != "dumb"
    start, widest = time.monotonic(), 0

    def step(done: int, total: int) -> None:
        nonlocal widest
        if not shown or time.monotonic() - start < after:
            return
        filled = round(20 * done / max(total, 1))
        left = (time.monotonic() - start) * (total - done) / max(done, 1)
        text = f"{what} [{'#' * filled}{'.' * (20 - filled)}] {done}/{total}, about {left:.0f} s left"
        widest = max(widest, len(text))
        with contextlib.suppress(OSError, ValueError):
            stderr.write("\r" + text.ljust(widest))
            stderr.flush()

    try:
        yield step
    finally:
        if widest:
            with contextlib.suppress(OSError, ValueError):
                stderr.write("\r" + " " * widest + "\r")
                stderr.flush()
