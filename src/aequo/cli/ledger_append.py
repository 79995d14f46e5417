"""``aequo ledger append``."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aequo.cli.console import print_lines, say
from aequo.cli.ledger_options import KeyOption, LedgerOption, open_ledger, place
from aequo.errors import InputError

if TYPE_CHECKING:
    from aequo.ledger import Ledger, Receipt

__all__ = ["append"]

_CHUNK = 1 << 20
_MOST_LINE = 32 * 2**20
"""A longer line holds no event that a ledger would take."""


def append(
    file: Annotated[str, typer.Argument(metavar="[FILE]", help="JSON lines; - is standard input.")] = "-",
    clear: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD[,FIELD]", help="Fields that stay readable where a subject is given; may be repeated."
        ),
    ] = None,
    ledger: LedgerOption = None,
    key: KeyOption = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print no receipts.")] = False,
) -> int:
    """Record events, one JSON value a line; print a receipt for each when it is durable.

    \b
    Examples:
      aequo ledger append decisions.jsonl
      echo '{"kind": "review", "stars": 4}' | aequo ledger append

    {"kind": "decision", "input": ..., "output": ..., "model_version": ...} is logged as a decision; operator_id,
    metadata, subject and verdict may be there too. {"kind": "outcome", "of": 7, "truth": ...} says what turned out to
    be true of entry 7; {"kind": "override", "of": 7, "output": ..., "operator_id": ...} that a person overrode it. Any
    other event is recorded as it is; with a "subject" it is sealed under that person's key.

    A line that is wrong ends it; what was recorded before it stays. Exit codes: 0 all recorded, 2 not all of them.
    """  # noqa: D301 - \b keeps the lines of an example apart
    fields = tuple(part.strip() for text in clear or () for part in text.split(",") if part.strip())
    with open_ledger(place(ledger, key), key=True) as book, _source(file) as handle:
        intake = _Intake(book, fields, quiet=quiet)
        try:
            for lines in _batches(handle):
                intake.take(lines)
        except BaseException:
            if intake.recorded:
                say(f"{_events(intake.recorded)} recorded before that.")
            raise
        say(f"{_events(intake.recorded)} recorded in {book.origin}.")
    return 0


def _events(n: int) -> str:
    return f"{n:,} event{'' if n == 1 else 's'}"


@contextlib.contextmanager
def _source(file: str) -> Iterator[int]:
    """Give the descriptor to read from."""
    if file == "-":
        if sys.stdin is None or sys.stdin.closed:
            raise InputError("standard input is closed: there is nothing to record.")
        if sys.stdin.isatty():
            say("Reading events, one JSON value a line; Ctrl-D ends it.")
        yield sys.stdin.fileno()
        return
    try:
        handle = os.open(file, os.O_RDONLY)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InputError(f"{file!r} cannot be read: {reason}.") from None
    try:
        yield handle
    finally:
        os.close(handle)


def _batches(handle: int) -> Iterator[list[bytes]]:
    """Give lines as they come: what is there is recorded and acknowledged before more is waited for."""
    parts: list[bytes] = []
    while chunk := _read(handle):
        *lines, rest = chunk.split(b"\n")
        if lines:
            lines[0] = b"".join([*parts, lines[0]])
            parts = []
            yield lines
        parts.append(rest)
        if sum(map(len, parts)) > _MOST_LINE:
            yield [b"".join(parts)]  # refused, with its number
            return
    if any(parts):
        yield [b"".join(parts)]


def _read(handle: int) -> bytes:
    try:
        return os.read(handle, _CHUNK)
    except OSError as error:
        raise InputError(f"the input cannot be read: {error.strerror}.") from None


@dataclass(slots=True)
class _Intake:
    """Lines on their way into a ledger."""

    ledger: Ledger
    clear: tuple[str, ...]
    quiet: bool
    line: int = 0
    recorded: int = 0

    def take(self, lines: Sequence[bytes]) -> None:
        """Record lines and print their receipts; raise what is wrong with the first that cannot be."""
        from aequo.flows.intake import take_events

        events, numbers, broken = self._events(lines)
        taken = take_events(self.ledger, events, clear=self.clear)
        self.recorded += len(taken.receipts)
        if not self.quiet:
            print_lines(map(_line, taken.receipts))
        if isinstance(taken.error, InputError):
            raise InputError(f"line {numbers[len(taken.receipts)]:,}: {taken.error}") from None
        if taken.error is not None:
            raise taken.error
        if broken is not None:
            raise broken

    def _events(self, lines: Sequence[bytes]) -> tuple[list[Any], list[int], InputError | None]:
        """Read lines up to the first that is no JSON; blank ones are passed over."""
        import msgspec

        events: list[Any] = []
        numbers: list[int] = []
        for raw in lines:
            self.line += 1
            text = raw.removeprefix(b"\xef\xbb\xbf") if self.line == 1 else raw
            if not text.strip():
                continue
            if len(text) > _MOST_LINE:
                return events, numbers, InputError(f"line {self.line:,} is longer than any event may be.")
            try:
                events.append(msgspec.json.decode(text))
            except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
                reason = "it nests too deep" if isinstance(error, RecursionError) else _reason(str(error))
                return events, numbers, InputError(f"line {self.line:,} is no JSON: {reason}.")
            numbers.append(self.line)
        return events, numbers, None


def _reason(message: str) -> str:
    """Return what msgspec says, without what it may quote."""
    text = message.removeprefix("JSON is malformed: ").rstrip(".")
    return f"{text[:1].lower()}{text[1:]}"


def _line(receipt: Receipt) -> str:
    import msgspec

    return msgspec.json.encode(receipt.to_dict()).decode()
