"""An activity report on a terminal: what was decided, whether the ledger was checked, tables, the ledger's identity."""

from __future__ import annotations

from typing import IO

from aequo.core.finding import Status
from aequo.report import words
from aequo.report.activity import ActivityReport
from aequo.report.activity_view import (
    KINDS,
    Sheet,
    facts,
    headline,
    ledger_facts,
    rate_text,
    sheets,
    timeline,
)
from aequo.report.lines import GAP, STYLES, Lines, open_console

__all__ = ["show"]

MOST_LINES = 8
"""Rows of a table; the others are in the files."""

_TITLES = {"decided": "Decisions", "overrides": "Overrides", "entries": "Entries"}
_BAR = "▇"
_LEAST = 8  # columns of text are not made narrower


def show(report: ActivityReport, *, file: IO[str] | None = None, width: int | None = None) -> None:
    """Print an activity report, short and readable at 80 columns; parameters as for an assessment's.

    Parameters
    ----------
    report : ActivityReport
        The report.
    file : text stream, optional
        Where to print; stdout by default.
    width : int, optional
        Columns; those of the terminal by default, and 80 where there is none.
    """
    page = _Page(Lines(open_console(file, width)), report)
    page.head()
    page.time()
    for sheet in sheets(report):
        page.sheet(sheet)
    page.foot()


class _Page:
    """The parts of the output."""

    def __init__(self, lines: Lines, report: ActivityReport) -> None:
        self.lines = lines
        self.report = report
        self.width = lines.console.width

    def head(self) -> None:
        lines, status = self.lines, self.report.ledger.status
        lead, checked = headline(self.report)
        line = lines.text(f"{words.GLYPHS[status]} {KINDS[status].upper()}", f"{STYLES[status]} reverse")
        line.append(lines.fit(f"  {lead}"), "bold")
        lines.para(line)
        lines.para(lines.text(checked, "" if status is Status.PASS else "bold"))
        lines.para(lines.text("; ".join(f"{name.lower()} {text}" for name, text in facts(self.report))))

    def time(self) -> None:
        """Show the decisions by day, or by week or month, the last ones of many."""
        unit, bins = timeline(self.report.decisions.by_day)
        if len(bins) < 2:
            return
        self._title(f"Decisions by {unit}")
        shown = bins[-14:]
        if len(bins) > len(shown):
            self.lines.para(self.lines.text(f"the last {len(shown)} of {len(bins)}", "dim"))
        wide = max(len(words.thousands(b.n)) for b in shown)
        room = max(1, min(40, self.width - 10 - wide - 2 * GAP))
        most = max(b.n for b in shown) or 1
        mark = _BAR if self.lines.fit(_BAR) == _BAR else "#"
        for b in shown:
            bar = mark * (round(room * b.n / most) or (b.n > 0))
            cells = [self.lines.text(t) for t in (b.name, f"{words.thousands(b.n):>{wide}}", bar)]
            self.lines.lay(cells, [10, wide, room])

    def sheet(self, sheet: Sheet) -> None:
        title = f"{_TITLES[sheet.part]}: {words.lowered(sheet.title)}"
        self._title(title)
        heads = [*sheet.heads, *(["Error rate"] if sheet.judged else [])]
        table = [
            [*line.cells, *([rate_text(line.errors)] if sheet.judged and line.errors is not None else [])]
            for line in sheet.lines[:MOST_LINES]
        ]
        fit = self.lines.text
        wide = [max(fit(row[k]).cell_len for row in (heads, *table)) for k in range(len(heads))]
        numbers = range(sheet.texts, len(sheet.heads))
        texts = [k for k in range(len(heads)) if k not in numbers]
        while sum(wide) + GAP * (len(wide) - 1) > self.width and max(wide[k] for k in texts) > _LEAST:
            widest = max(texts, key=lambda k: wide[k])
            wide[widest] -= 1
        for i, row in enumerate((heads, *table)):
            cells = [f"{t:>{wide[k]}}" if k in numbers else t for k, t in enumerate(row)]
            self.lines.lay([fit(c, "dim" if i == 0 else "") for c in cells], wide)
        if len(sheet.lines) > MOST_LINES:
            self.lines.para(fit(f"{len(sheet.lines) - MOST_LINES} more in the report's files (--out DIR).", "dim"))

    def _title(self, text: str) -> None:
        self.lines.console.print()
        self.lines.para(self.lines.text(text, "bold"))

    def foot(self) -> None:
        self._title("Ledger")
        for name, text in ledger_facts(self.report):
            if name != "Check":
                self.lines.para(self.lines.text(f"{name.lower()} {text}"))
        for limit in self.report.limits:
            self.lines.para(self.lines.text(words.plain(limit)), mark="-")
