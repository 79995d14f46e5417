"""Words on a terminal: styled text that any stream can encode, cells side by side, paragraphs with a hanging mark."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import IO, TYPE_CHECKING

from aequo.core.finding import Status
from aequo.report import words

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

__all__ = ["GAP", "STATE", "STYLES", "Lines", "open_console"]

STYLES = {Status.PASS: "cyan", Status.WARN: "yellow", Status.FAIL: "bold red", Status.UNKNOWN: "bold"}
STATE = 11  # width of the status column
GAP = 2

_ASCII = {
    "✓": "+", "✕": "x", "≤": "<=", "≥": ">=", "×": "x", "·": "/", "–": "-", "…": "...",
    words.MINUS: "-", words.THIN: ",",
}  # fmt: skip


def open_console(file: IO[str] | None = None, width: int | None = None) -> Console:
    """Return a console that writes plain text: colour only on a terminal, and only without ``NO_COLOR``.

    Parameters
    ----------
    file : text stream, optional
        Where to print; stdout by default.
    width : int, optional
        Columns; those of the terminal by default, and 80 where there is none.
    """
    from rich.console import Console as RichConsole

    class Quiet(RichConsole):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # rich would end the program with 1; a reader that leaves is the caller's matter

    # A width of its own: rich would otherwise take COLUMNS only where there is a terminal.
    return Quiet(
        file=sys.stdout if file is None else file,
        width=width,
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=False,
        legacy_windows=False,
    )


def _fitting(encoding: str | None) -> Callable[[str], str]:
    """Return what turns text into text that the stream can encode."""

    def fit(text: str) -> str:
        try:
            text.encode(encoding or "utf-8")
        except (UnicodeEncodeError, LookupError):
            text = "".join(_ASCII.get(c, c) for c in text)
            text = text.encode(known, "backslashreplace").decode(known)
        return text

    try:
        "".encode(encoding or "utf-8")
        known = encoding or "utf-8"
    except LookupError:
        known = "ascii"
    return fit


class Lines:
    """Lays text out on a console.

    Parameters
    ----------
    console : rich.console.Console
        Where.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self.fit = _fitting(console.encoding)

    def text(self, text: str, style: str = "") -> Text:
        """Return text in a form that the stream can encode."""
        from rich.text import Text

        return Text(self.fit(text), style=style, overflow="fold")

    def state(self, status: Status) -> Text:
        """Return glyph and word of a status, in its colour."""
        return self.text(f"{words.GLYPHS[status]} {words.WORDS[status].lower()}", STYLES[status])

    def lay(self, cells: Sequence[Text], widths: Sequence[int], *, right: int = 0, gap: int = GAP) -> None:
        """Print cells side by side, each wrapped to its width, the last `right` of them aligned right.

        Unlike a table of rich it leaves no blanks at the ends of lines.
        """
        from rich.text import Text

        wrapped = [cell.wrap(self.console, width) for cell, width in zip(cells, widths, strict=True)]
        for i in range(max(len(lines) for lines in wrapped)):
            line = Text()
            for k, (lines, width) in enumerate(zip(wrapped, widths, strict=True)):
                part = lines[i] if i < len(lines) else Text()
                part.rstrip()
                pad = max(0, width - part.cell_len)
                before = pad if k >= len(cells) - right else 0
                line.append(" " * before).append_text(part).append(" " * (pad - before + gap))
            line.rstrip()
            self.console.print(line, no_wrap=True, overflow="ignore", crop=False)

    def para(self, text: Text, *, mark: str = "") -> None:
        """Print a paragraph over the whole width, with a hanging mark before it."""
        if mark:
            self.lay([self.text(mark), text], [len(mark), max(20, self.console.width - len(mark) - 1)], gap=1)
        else:
            self.lay([text], [self.console.width])
