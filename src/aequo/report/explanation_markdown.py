"""Explanations as GitHub-flavoured Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from aequo.report import words
from aequo.report.explanation_view import (
    LEVELS,
    Sheet,
    contribution_sheet,
    decision_facts,
    decision_head,
    decision_notes,
    dependence_sheet,
    facts,
    finding_texts,
    group_sheet,
    headline,
    importance_sheet,
    notes,
    ways_sheet,
)
from aequo.report.markdown import code, escape, table
from aequo.transparency.decision import DecisionExplanation
from aequo.transparency.explanation import DatasetExplanation

__all__ = ["decision_to_markdown", "to_markdown"]


def to_markdown(explanation: DatasetExplanation) -> str:
    """Return what a model leans on as Markdown.

    Parameters
    ----------
    explanation : DatasetExplanation
        The result.

    Returns
    -------
    str
        Text that ends with a line break. Names are escaped: they make no links, HTML or table cells.
    """
    e = explanation
    word, lead, detail = headline(e)
    out = _head(f"{e.source}: model explanation", words.GLYPHS[e.verdict], word, lead, detail, facts(e))
    out += ["", "## What the model leans on", "", *_table(importance_sheet(e))]
    for subject in dict.fromkeys(g.subject for g in e.groups):
        sheet, groups = group_sheet(e, subject)
        out += ["", f"## {escape(sheet.title)}", ""]
        out += [escape(words.plain(f.why)) for f in e.findings if f.check == "reliance" and f.subject == subject]
        out += ["", *_table(sheet)] if any(g.judged for g in groups) else []
        rest = [f"{words.name(g.group)} (n = {words.thousands(g.n)}, {g.why})" for g in groups if not g.judged]
        out += ["", f"Not compared: {escape(words.joined(rest, most=12))}."] if rest else []
    for d in e.dependence:
        sheet = dependence_sheet(d, e.confidence)
        out += ["", f"## {escape(sheet.title)}", "", *_table(sheet)]
    if e.findings:
        rows = [
            (f"{words.GLYPHS[s]} {words.WORDS[s]}", escape(t), escape(why)) for s, t, why in finding_texts(e.findings)
        ]
        out += ["", "## Findings", "", *table(("Status", "Finding", "What it says"), rows, left=3)]
    return _foot(out, notes(e), e.source, e.model_digest, e.version)


def decision_to_markdown(explanation: DecisionExplanation) -> str:
    """Return one explained decision as Markdown. It holds the person's values.

    Parameters
    ----------
    explanation : DecisionExplanation
        The result.

    Returns
    -------
    str
        Text that ends with a line break.
    """
    x, ways = explanation.explained, explanation.counterfactuals
    word, lead, detail = decision_head(explanation)
    title = f"{explanation.source}, row {words.thousands(explanation.row)}: decision explanation"
    out = _head(title, words.GLYPHS[LEVELS[x.favourable]], word, lead, detail, decision_facts(explanation))
    if x.reasons:
        out += ["", "## Reasons", ""]
        out += [
            f"{i}. {escape(r.text)}{' (protected: no reason to give, and one to look into)' if r.protected else ''}"
            for i, r in enumerate(x.reasons, start=1)
        ]
    sheet = contribution_sheet(explanation)
    out += ["", f"## {sheet.title}", "", *_table(sheet), "", "## What would have changed it", ""]
    out += [escape(words.plain(f"Not looked for: {explanation.no_counterfactuals}." if ways is None else ways.why))]
    out += ["", *_table(ways_sheet(ways))] if ways is not None and ways.found else []
    return _foot(out, decision_notes(explanation), explanation.source, x.model_digest, explanation.version)


def _head(title: str, glyph: str, word: str, lead: str, detail: str, known: Sequence[tuple[str, str]]) -> list[str]:
    out = [f"# {escape(title)}", "", f"> **{glyph} {escape(word)}.** {escape(detail)}".rstrip(), ""]
    out += [f"**{escape(lead)}**", ""]
    return out + [f"- {name}: {escape(text)}" for name, text in known]


def _table(sheet: Sheet) -> list[str]:
    return table([escape(h) for h in sheet.heads], [[escape(c) for c in row] for row in sheet.rows], left=sheet.texts)


def _foot(out: list[str], method: Sequence[str], source: str, digest: str, version: str) -> str:
    lines = [*out, "", "## Method and limits", "", *(f"- {escape(note)}" for note in method)]
    lines += ["", "## Provenance", "", f"- Data: {escape(words.plain(source))}", f"- Model: {code(digest)}"]
    return "\n".join([*lines, f"- Made with aequo {escape(version)}"]) + "\n"
