"""An assessment on a terminal: verdict first, findings worst first, rates per group, what was not judged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO, TYPE_CHECKING

from aequo.core.finding import Finding, Status
from aequo.report import words
from aequo.report.lines import GAP, STATE, STYLES, Lines, open_console
from aequo.report.result import Assessment, GroupRow, Measure
from aequo.report.verdict import facts, headline
from aequo.report.view import Block, Figure, blocks, ends, ranked, tally, unjudged

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

__all__ = ["show"]

MOST_FINDINGS = 8
"""Findings with their numbers, beside all required ones that do not pass; the others are named."""

MOST_GROUPS = 10
MOST_SUBJECTS = 4
MOST_UNJUDGED = 6


def show(assessment: Assessment, *, file: IO[str] | None = None, width: int | None = None) -> None:
    """Print an assessment, short and readable at 80 columns.

    Colour only on a terminal and only without ``NO_COLOR`` in the environment; what the stream cannot encode is written
    in ASCII.

    Parameters
    ----------
    assessment : Assessment
        The result.
    file : text stream, optional
        Where to print; stdout by default.
    width : int, optional
        Columns; those of the terminal by default, and 80 where there is none.
    """
    page = _Page(open_console(file, width), assessment)
    page.verdict()
    page.findings()
    page.groups()
    if assessment.impacts:
        from aequo.report.ethics_terminal import show_impacts

        show_impacts(assessment.impacts, page)
    page.not_judged()


class _Page(Lines):
    """The parts of the output, on one console."""

    def __init__(self, console: Console, assessment: Assessment) -> None:
        super().__init__(console)
        self.assessment = assessment
        self.found = ranked(assessment.findings)

    def beside(self, status: Status | None, text: Text) -> None:
        """Print a status word, or nothing, and what belongs to it at its right."""
        state = self.text("") if status is None else self.state(status)
        self.lay([state, text], [STATE - GAP, max(20, self.console.width - STATE)])

    # -- verdict ------------------------------------------------------------------------------------------------------

    def verdict(self) -> None:
        a = self.assessment
        head = headline(a)
        name = words.plain(a.policy.system.name or a.data.source)
        line = self.text(f"{words.GLYPHS[a.verdict]} {head.word.upper()}", f"{STYLES[a.verdict]} reverse")
        line.append(self.fit(f"  {head.lead}"), "bold")
        self.para(line)
        what = "; ".join(f"{k.lower()} {v}" for k, v in facts(a))
        self.para(self.text(f"{name}: {what}"))
        counts = [f"{n} {words.WORDS[s].lower()}" for s, n in tally(self.found)]
        self.para(self.text(f"Findings: {', '.join(counts) if counts else 'none'}"))

    # -- findings -----------------------------------------------------------------------------------------------------

    def findings(self) -> None:
        judged = [f for f in self.found if f.status is not Status.PASS]
        passed = [f for f in self.found if f.status is Status.PASS]
        if len(passed) <= 3:
            judged, passed = [*judged, *passed], []
        must = [f for f in judged if f.required and f.status is not Status.PASS]
        others = [f for f in judged if f not in must]
        first = max(0, MOST_FINDINGS - len(must))
        full = [f for f in judged if f in must or f in others[:first]]
        if full:
            self._table(full)
        for status in (Status.FAIL, Status.UNKNOWN, Status.WARN, Status.PASS):
            rest = [f for f in (*others[first:], *passed) if f.status is status]
            if rest:
                more = f"{len(rest)} more" if any(f.status is status for f in full) else str(len(rest))
                self.console.print()
                self.beside(status, self.text(f"{more}: {words.finding_titles(rest)}"))

    def _table(self, found: Sequence[Finding]) -> None:
        confidence = f"{100 * self.assessment.policy.statistics.confidence:g}%"
        numbers = [_numbers(f) for f in found]
        heads = ("value", f"{confidence} interval", "limit", "n")
        wide = [max(len(self.fit(t)) for t in column) for column in zip(heads, *numbers, strict=True)]
        title = max(16, self.console.width - STATE - sum(wide) - GAP * len(wide))
        widths = [STATE - GAP, title, *wide]

        self.console.print()
        first = [self.text(h, "dim") for h in ("status", "finding", *heads)]
        self.lay(first, widths, right=4)
        for f, cells in zip(found, numbers, strict=True):
            name = self.text(words.finding_title(f), "bold" if f.required else "")
            self.lay([self.state(f.status), name, *(self.text(c) for c in cells)], widths, right=4)
            if f.required and f.status is not Status.PASS:
                self.beside(None, self.text(words.plain(f.why)))

    # -- groups -------------------------------------------------------------------------------------------------------

    def groups(self) -> None:
        all_blocks = blocks(self.assessment)
        shown = [b for b in all_blocks if not b.crossed or len(b.rows) <= MOST_GROUPS][:MOST_SUBJECTS]
        for block in shown:
            self._block(block)
        left = [b for b in all_blocks if b not in shown]
        if left:
            names = words.joined([f"{words.subject_title(b.subject)} ({len(b.rows)} groups)" for b in left])
            self.console.print()
            self.para(self.text(f"In the report: {names}."))

    def _block(self, block: Block) -> None:
        fits = max(1, (self.console.width - 34) // 23)
        figures = ([f for f in block.outcomes if f.main] or [*block.outcomes, *block.data])[:fits]
        if not figures:
            return
        rows, rest = ends(figures[0].rows, MOST_GROUPS)
        heads = [
            words.subject_title(block.subject),
            "n",
            *(words.lowered(words.measure_title(f.measure)) for f in figures),
        ]
        table = [
            [
                words.name(row.group) + (" (reference)" if row.reference else "" if row.judged else " (not compared)"),
                "" if row.n is None else words.group_count(row, 0),
                *(self._cell(row, row.measures.get(f.measure), f) for f in figures),
            ]
            for row, _ in rows
        ]
        wide = [max(self.text(line[k]).cell_len for line in (heads, *table)) for k in range(len(heads))]
        room = self.console.width - wide[1] - GAP * (len(wide) - 1)
        wide[2:] = [min(w, max(20, (room - 14) // len(figures))) for w in wide[2:]]
        wide[0] = max(10, min(wide[0], room - sum(wide[2:])))
        self.console.print()
        for i, line in enumerate((heads, *table)):
            style = "dim" if i == 0 or not rows[i - 1][0].judged else ""
            n = self.text(f"{line[1]:>{wide[1]}}", style)
            self.lay([self.text(line[0], style), n, *(self.text(c, style) for c in line[2:])], wide)
        if rest:
            self.para(self.text(f"{len(rest)} more groups in the report: shown are the lowest and highest."))

    def _cell(self, row: GroupRow, m: Measure | None, figure: Figure) -> str:
        if row.n is None:
            return words.withheld(self.assessment.policy.privacy.suppress_below)
        value = words.measure_value(m, figure.measure)
        reach = words.measure_interval(m, figure.measure)
        return f"{value:>6}  {reach}" if reach else value

    # -- the rest -----------------------------------------------------------------------------------------------------

    def not_judged(self) -> None:
        items = unjudged(self.assessment, most=6)
        if not items:
            return
        self.console.print()
        self.para(self.text("Not judged", "bold"))
        for item in items[:MOST_UNJUDGED]:
            self.para(self.text(f"{item.what}: {item.why}"), mark="-")
        if len(items) > MOST_UNJUDGED:
            self.para(self.text(f"{len(items) - MOST_UNJUDGED} more in the report"), mark="-")


def _numbers(f: Finding) -> tuple[str, str, str, str]:
    if f.value is None:
        return "–", "–", "–" if f.limit is None else words.finding_limit(f), words.thousands(f.n)
    interval = "–" if f.interval is None else words.finding_interval(f)
    return words.finding_value(f), interval, "–" if f.limit is None else words.finding_limit(f), words.thousands(f.n)
