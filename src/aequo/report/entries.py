"""Entries of a ledger on a terminal: one line each, or all of one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import IO, TYPE_CHECKING, Any

from aequo.report import words
from aequo.report.activity_view import value_text
from aequo.report.lines import GAP, Lines, open_console

if TYPE_CHECKING:
    from aequo.ledger import Entry

__all__ = ["EntryLines", "entry_line", "show_entry"]

_STATES = {"none": "", "open": "", "locked": "sealed", "erased": "forgotten"}
_KIND = 12
_MOST = 200


def entry_line(entry: Entry) -> str:
    """Return what an entry says in one line, without what was sealed.

    Examples
    --------
    >>> import datetime as dt
    >>> from aequo.ledger import Entry
    >>> event = {"kind": "decision", "model_version": "v3", "output": "approve", "operator_id": "desk-7"}
    >>> entry = Entry(
    ...     index=0, id="0" * 32, time=dt.datetime(2026, 1, 31), kind="decision", event=event, subject=None,
    ...     sealed="none", leaf=bytes(32),
    ... )
    >>> entry_line(entry)
    'approve; version v3; by desk-7'
    """
    event = entry.event
    if entry.kind == "decision" and isinstance(event, dict):
        parts = [_output(event), *_named(event, model_version="version", operator_id="by", verdict="verdict")]
    elif entry.kind in ("outcome", "override") and isinstance(event, dict):
        said = event.get("truth") if entry.kind == "outcome" else event.get("output")
        parts = [f"of {event.get('of')}: {_scalar(said)}", *_named(event, operator_id="by")]
    elif entry.kind == "assessment" and isinstance(event, dict):
        rows = event["data"].get("rows") if isinstance(event.get("data"), dict) else None
        parts = [_scalar(event.get("verdict")), *([f"{words.thousands(rows)} rows"] if isinstance(rows, int) else [])]
        parts += _named(event, system="of", result="result")
    elif entry.sealed in ("locked", "erased") and event is None:
        parts = []
    elif isinstance(event, dict):
        parts = [f"{words.name(k)} {_scalar(v)}" for k, v in event.items() if k != "kind"]
    else:
        parts = [_scalar(event)]
    state = _STATES[entry.sealed]
    return words.name("; ".join([*parts, *([f"({state})"] if state else [])]), most=_MOST)


def _output(event: dict[str, Any]) -> str:
    return _scalar(event["output"]) if "output" in event else "(sealed)"


def _named(event: dict[str, Any], **names: str) -> list[str]:
    return [f"{word} {words.name(event[key])}" for key, word in names.items() if isinstance(event.get(key), str)]


def _scalar(value: Any) -> str:
    if value is None or isinstance(value, (str, int, float, bool)):
        return value_text(value)
    return words.name(json.dumps(value, ensure_ascii=False), most=_MOST)


class EntryLines:
    """Prints entries as a table, as they come.

    Parameters
    ----------
    last : int
        The largest index that is to be expected; the first column is as wide.
    file : text stream, optional
        Where to print; stdout by default.
    width : int, optional
        Columns; those of the terminal by default, and 80 where there is none.
    """

    def __init__(self, last: int, *, file: IO[str] | None = None, width: int | None = None) -> None:
        self.lines = Lines(open_console(file, width))
        index = max(5, len(words.thousands(last)))
        self.widths = [index, 19, _KIND, max(16, self.lines.console.width - index - 19 - _KIND - 3 * GAP)]

    def heads(self) -> None:
        """Print the names of the columns."""
        self._row(("entry", "time (UTC)", "kind", ""), "dim")

    def show(self, entries: Iterable[Entry]) -> None:
        """Print entries, a row each.

        Parameters
        ----------
        entries : iterable of Entry
            In the order in which they are shown.
        """
        for entry in entries:
            index = f"{words.thousands(entry.index):>{self.widths[0]}}"
            self._row((index, f"{entry.time:%Y-%m-%d %H:%M:%S}", words.name(entry.kind), entry_line(entry)))

    def _row(self, cells: Sequence[str], style: str = "") -> None:
        self.lines.lay([self.lines.text(cell, style) for cell in cells], self.widths)


def show_entry(entry: Entry, *, file: IO[str] | None = None, width: int | None = None) -> None:
    """Print all of one entry.

    Parameters
    ----------
    entry : Entry
        As read.
    file : text stream, optional
        Where to print; stdout by default.
    width : int, optional
        Columns.
    """
    lines = Lines(open_console(file, width))
    lines.para(lines.text(f"entry {words.thousands(entry.index)}", "bold"))
    rows = [("time", f"{entry.time:%Y-%m-%d %H:%M:%S.%f} UTC"), ("kind", entry.kind), ("id", entry.id)]
    rows.append(("leaf", entry.leaf.hex()))
    if entry.subject is not None:
        state = {"open": "opened", "locked": "closed", "erased": "forgotten, for good"}.get(entry.sealed, entry.sealed)
        rows += [("person", f"{entry.subject} (keyed hash)"), ("sealed part", state)]
    event = entry.event
    if isinstance(event, dict):
        rows += [(k, _whole(v)) for k, v in event.items() if k != "kind"]
    elif event is not None or entry.sealed == "none":
        rows.append(("event", _whole(event)))
    wide = min(16, max(len(lines.fit(words.name(name, most=16))) for name, _ in rows))
    for name, text in rows:
        cells = [lines.text(words.name(name, most=16), "dim"), lines.text(words.plain(text))]
        lines.lay(cells, [wide, max(20, lines.console.width - wide - GAP)])


def _whole(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
