"""Who gains and who pays on a terminal: the verdict, findings, expected utilities, welfare side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO

from aequo.core.finding import Status
from aequo.ethics.impact import Impact
from aequo.report import words
from aequo.report.ethics import EthicsReport
from aequo.report.ethics_view import facts, headline, parts, sentences, welfare_lines
from aequo.report.lines import GAP, STATE, STYLES, Lines, open_console
from aequo.report.view import ranked

__all__ = ["show", "show_groups", "show_impacts"]

MOST_GROUPS = 10
MOST_SUBJECTS = 3
MOST_SENTENCES = 6


def show(report: EthicsReport, *, file: IO[str] | None = None, width: int | None = None) -> None:
    """Print a report, readable at 80 columns; parameters as for an assessment's.

    Parameters
    ----------
    report : EthicsReport
        The report.
    file : text stream, optional
        Where to print; stdout by default.
    width : int, optional
        Columns; those of the terminal by default, and 80 where there is none.
    """
    lines = Lines(open_console(file, width))
    head = headline(report)
    style = f"{STYLES[report.verdict]} reverse" if report.verdict is not None else "bold"
    line = lines.text(f"{head.glyph} {head.word.upper()}", style)
    line.append(lines.fit(f"  {head.lead}"), "bold")
    lines.para(line)
    lines.para(lines.text("; ".join(f"{name.lower()} {text}" for name, text in facts(report))))
    for f in ranked(report.findings):
        if f is report.findings[0]:
            lines.console.print()
        title = lines.text(words.finding_title(f), "bold" if f.status is not Status.PASS else "")
        title.append(lines.fit(f"  {words.plain(f.why)}"), "")
        lines.lay([lines.state(f.status), title], [STATE - GAP, max(20, lines.console.width - STATE)])
    show_impacts(report.impacts, lines)


def show_impacts(impacts: Sequence[Impact], lines: Lines) -> None:
    """Print the section "who gains, who pays" of single columns; crossed ones are in the report."""
    single = [i for i in impacts if " × " not in i.subject][:MOST_SUBJECTS]
    for impact in single:
        _title(lines, f"Who gains, who pays by {words.subject_title(impact.subject)}")
        show_groups(impact, lines)
        _welfare(impact, lines)
        said = sentences(impact)
        lines.console.print()
        for text in said[:MOST_SENTENCES]:
            lines.para(lines.text(text), mark="-")
        if len(said) > MOST_SENTENCES:
            lines.para(lines.text(f"{len(said) - MOST_SENTENCES} more in the report's files"), mark="-")
    left = [words.subject_title(i.subject) for i in impacts if i not in single]
    if left:
        lines.console.print()
        lines.para(lines.text(f"In the report: {words.joined(left)}."))


def _title(lines: Lines, text: str) -> None:
    lines.console.print()
    lines.para(lines.text(text, "bold"))


def show_groups(impact: Impact, lines: Lines) -> None:
    """Print what each group can expect in the eyes of each stakeholder, and how that has changed."""
    compared = impact.loses_most is not None
    heads = ["", "group", "n", "expected", "interval", *(["change", "interval"] if compared else [])]
    table: list[list[str]] = [heads]
    left = 0
    for part in parts(impact):
        for i, g in enumerate(part.lines[:MOST_GROUPS]):
            who = part.title if i == 0 else ""
            cells = [who, g.group, g.n, g.utility or g.why, g.interval]
            table.append([*cells, *([g.change, g.change_interval] if compared else [])])
        left = max(left, len(part.lines) - MOST_GROUPS)
    _lay(table, lines, right=(2, 3, 5), narrow=(0, 1))
    if left > 0:
        lines.para(lines.text(f"{left} more groups in the report's files", "dim"))


def _welfare(impact: Impact, lines: Lines) -> None:
    found = welfare_lines(impact)
    if not found:
        return
    lines.console.print()
    compared = impact.options is not None
    table = [["welfare", "value", "interval", *(["before", "prefers"] if compared else [])]]
    table += [[w.form, w.value, w.interval, *([w.before, w.prefers] if compared else [])] for w in found]
    _lay(table, lines, right=(), narrow=(0, 1, 3, 4))


def _lay(table: Sequence[Sequence[str]], lines: Lines, *, right: Sequence[int], narrow: Sequence[int]) -> None:
    """Print a table that fits the width: columns of text are made narrower first."""
    wide = [max(lines.text(row[k]).cell_len for row in table) for k in range(len(table[0]))]
    narrow = [k for k in narrow if k < len(wide)]
    while sum(wide) + GAP * (len(wide) - 1) > lines.console.width and max(wide[k] for k in narrow) > 8:
        widest = max(narrow, key=lambda k: wide[k])
        wide[widest] -= 1
    while sum(wide) + GAP * (len(wide) - 1) > lines.console.width and len(wide) > 2:
        wide.pop()  # what does not fit is in the report's files
    for i, row in enumerate(table):
        cells = []
        for k, cell in enumerate(row[: len(wide)]):
            text = lines.text(cell, "dim" if i == 0 else "")
            if k in right:
                text.pad_left(max(0, wide[k] - text.cell_len))
            cells.append(text)
        lines.lay(cells, wide)
