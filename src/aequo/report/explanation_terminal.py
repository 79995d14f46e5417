"""Explanations on a terminal: what a model leans on, or why one decision was made and what would have changed it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO

from aequo.core.finding import Status
from aequo.report import words
from aequo.report.explanation_view import (
    LEVELS,
    Sheet,
    contribution_sheet,
    decision_facts,
    decision_head,
    facts,
    finding_texts,
    group_sheet,
    headline,
    importance_sheet,
    notes,
)
from aequo.report.lines import GAP, STATE, STYLES, Lines, open_console
from aequo.transparency.decision import DecisionExplanation
from aequo.transparency.explanation import DatasetExplanation

__all__ = ["show", "show_decision"]

MOST_COLUMNS = 12
"""Columns of the data in a table; the others are in the files."""

MOST_GROUPS = 4
"""Groups side by side."""

_LEAST = 6  # no column is made narrower


def show(explanation: DatasetExplanation, *, file: IO[str] | None = None, width: int | None = None) -> None:
    """Print what a model leans on, short and readable at 80 columns; parameters as for an assessment's.

    Parameters
    ----------
    explanation : DatasetExplanation
        The result.
    file : text stream, optional
        Where to print; stdout by default.
    width : int, optional
        Columns; those of the terminal by default, and 80 where there is none.
    """
    e = explanation
    page = _Page(open_console(file, width))
    word, lead, _ = headline(e)
    page.head(e.verdict, word, lead, facts(e))
    page.table(_bare(importance_sheet(e)), MOST_COLUMNS)
    for subject in dict.fromkeys(g.subject for g in e.groups):
        sheet, groups = group_sheet(e, subject)
        judged = [g for g in groups if g.judged]
        if judged:
            few = _shares_alone(sheet, min(len(judged), MOST_GROUPS))
            page.table(few, MOST_COLUMNS // 2)
        if len(judged) > MOST_GROUPS:
            page.para(page.text(f"{len(judged) - MOST_GROUPS} more groups in the report's files (--out DIR).", "dim"))
    if e.findings:
        page.title("Findings")
    for status, _, why in finding_texts(e.findings):
        page.beside(status, why)
    correlated = [note for note in notes(e) if "say nearly the same" in note]
    if correlated:
        page.title("Notes")
    for note in correlated:
        page.para(page.text(note), mark="-")


def show_decision(explanation: DecisionExplanation, *, file: IO[str] | None = None, width: int | None = None) -> None:
    """Print one explained decision; it holds the person's values. Parameters as for `show`.

    Parameters
    ----------
    explanation : DecisionExplanation
        The result.
    file : text stream, optional
        Where to print; stdout by default.
    width : int, optional
        Columns.
    """
    x, ways = explanation.explained, explanation.counterfactuals
    page = _Page(open_console(file, width))
    word, lead, _ = decision_head(explanation)
    page.head(LEVELS[x.favourable], word, lead, decision_facts(explanation))
    if x.reasons:
        page.title("Reasons")
    for i, reason in enumerate(x.reasons, start=1):
        tag = " (protected: no reason to give, and one to look into)" if reason.protected else ""
        page.para(page.text(words.plain(f"{reason.text}{tag}")), mark=f"{i}.")
    page.table(contribution_sheet(explanation), MOST_COLUMNS)
    page.title("What would have changed it")
    if ways is None:
        page.para(page.text(words.plain(f"Not looked for: {explanation.no_counterfactuals}.")))
        return
    page.para(page.text(words.plain(ways.why)))
    for way in ways.found:
        page.para(page.text(words.plain(way.sentence)), mark="-")
    for note in x.notes:
        page.para(page.text(words.plain(f"{note[:1].upper()}{note[1:]}."), "bold"))


class _Page(Lines):
    """The parts of the output, on one console."""

    def title(self, text: str) -> None:
        """Print a title after an empty line."""
        self.console.print()
        self.para(self.text(text, "bold"))

    def head(self, status: Status, word: str, lead: str, known: Sequence[tuple[str, str]]) -> None:
        """Print what stands first."""
        line = self.text(f"{words.GLYPHS[status]} {word.upper()}", f"{STYLES[status]} reverse")
        line.append(self.fit(f"  {words.plain(lead)}"), "bold")
        self.para(line)
        self.para(self.text("; ".join(f"{name.lower()} {text}" for name, text in known)))

    def beside(self, status: Status, text: str) -> None:
        """Print a status and a sentence at its right."""
        self.lay([self.state(status), self.text(text)], [STATE - GAP, max(20, self.console.width - STATE)])

    def table(self, sheet: Sheet, most: int) -> None:
        """Print a table, its first rows, the first column as narrow as need be."""
        self.title(sheet.title)
        rows = [sheet.heads, *sheet.rows[:most]]
        wide = [max(self.text(row[k]).cell_len for row in rows) for k in range(len(sheet.heads))]
        while sum(wide) + GAP * (len(wide) - 1) > self.console.width and max(wide) > _LEAST:
            wide[wide.index(max(wide))] -= 1
        for i, row in enumerate(rows):
            cells = [self.text(text, "dim" if i == 0 else "") for text in row]
            self.lay(cells, wide, right=len(row) - sheet.texts)
        if len(sheet.rows) > most:
            left = len(sheet.rows) - most
            self.para(self.text(f"{left} more in the report's files (--out DIR).", "dim"))


def _bare(sheet: Sheet) -> Sheet:
    """Return the importances without the intervals of the contributions, which would not fit beside the others."""
    return Sheet(
        sheet.title, sheet.heads, tuple((*row[:4], *(c.partition(" (")[0] for c in row[4:])) for row in sheet.rows)
    )


def _shares_alone(sheet: Sheet, groups: int) -> Sheet:
    """Return the shares of a few groups without their intervals, which would not fit beside each other."""
    keep = [*range(1 + groups), *([len(sheet.heads) - 1] if "difference" in sheet.heads[-1] else [])]
    heads = tuple(sheet.heads[k] for k in keep)
    rows = tuple(tuple(row[k].partition(" (")[0] if 0 < k <= groups else row[k] for k in keep) for row in sheet.rows)
    return Sheet(sheet.title, heads, rows)
