"""Compared remedies on a terminal: which to take and why, and a table."""

from __future__ import annotations

from typing import IO

from aequo.report import words
from aequo.report.ethics_terminal import show_groups
from aequo.report.lines import GAP, STYLES, Lines, open_console
from aequo.report.mitigation import Mitigation
from aequo.report.mitigation_view import WORDS, Line, facts, headline, lines, welfare_sentences

__all__ = ["show"]

_NAME = 28
_STATE = 13


def show(result: Mitigation, *, file: IO[str] | None = None, width: int | None = None) -> None:
    """Print compared remedies, short and readable at 80 columns.

    Parameters
    ----------
    result : Mitigation
        The result.
    file : text stream, optional
        Where to print; stdout by default.
    width : int, optional
        Columns; those of the terminal by default, and 80 where there is none.
    """
    page = Lines(open_console(file, width))
    c, status = result.comparison, result.verdict
    lead, reason = headline(result)
    line = page.text(f"{words.GLYPHS[status]} {words.WORDS[status].upper()}", f"{STYLES[status]} reverse")
    line.append(page.fit(f"  {words.plain(lead)}"), "bold")
    page.para(line)
    page.para(page.text(words.plain(reason)))
    page.para(page.text("; ".join(f"{name.lower()} {text}" for name, text in facts(c)), "dim"))
    page.console.print()
    _table(page, result)
    if c.left_out:
        page.console.print()
        for name, why in c.left_out.items():
            page.para(page.text(f"{name} was not tried: {why}", "dim"), mark="-")
    if result.welfare is not None or result.welfare_why:
        page.console.print()
        page.para(page.text("Who gains, who pays", "bold"))
        if result.welfare_why:
            page.para(page.text(words.plain(result.welfare_why)))
        if result.impact is not None:
            page.para(page.text(f"What changes with {words.plain(result.weighed or '')}, against no remedy:"))
            show_groups(result.impact, page)
        for text in welfare_sentences(result):
            page.para(page.text(text), mark="-")
    page.console.print()
    for note in c.notes:
        page.para(page.text(words.plain(note)), mark="-")


def _table(page: Lines, result: Mitigation) -> None:
    wide = page.console.width
    room = max(10, (wide - _NAME - _STATE - 3 * GAP) // 2)
    widths = [_NAME, room, room, _STATE]
    heads = ("Remedy", "Accuracy, %", "Gap, points", "Tolerance")
    page.lay([page.text(h, "dim") for h in heads], widths)
    for line in lines(result.comparison):
        page.lay(
            [
                page.text(_name(line), "bold" if line.recommended else ""),
                page.text(_number(line.accuracy, line.accuracy_interval)),
                page.text(_number(line.gap, line.gap_interval)),
                page.text(_state(line), STYLES[line.finding.status]),
            ],
            widths,
        )
    page.para(page.text("* on the frontier: no other is as accurate with a smaller gap", "dim"))


def _name(line: Line) -> str:
    return f"{'> ' if line.recommended else '  '}{line.remedy.name}{' *' if line.remedy.pareto else ''}"


def _state(line: Line) -> str:
    return f"{words.GLYPHS[line.finding.status]} {WORDS[line.finding.status].lower()}"


def _number(value: str, interval: str) -> str:
    return f"{value} ({interval.replace(' to ', '–')})" if interval else value
