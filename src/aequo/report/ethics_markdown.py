"""Who gains and who pays as GitHub-flavoured Markdown: a report of its own, and a section of others."""

from __future__ import annotations

from collections.abc import Sequence

from aequo.core.finding import Finding
from aequo.ethics.impact import Impact
from aequo.report import words
from aequo.report.ethics import EthicsReport
from aequo.report.ethics_view import Part, facts, headline, parts, sentences, welfare_lines
from aequo.report.markdown import code, escape, fenced, table
from aequo.report.view import ranked

__all__ = ["impact_part", "section", "to_markdown"]

MOST_ROWS = 200
"""Rows of a table; of more, the rest is in the JSON."""


def to_markdown(report: EthicsReport) -> str:
    """Return the report as Markdown.

    Parameters
    ----------
    report : EthicsReport
        The report.

    Returns
    -------
    str
        Text that ends with a line break. Names from the data are escaped: they make no links, HTML or table cells.
    """
    head = headline(report)
    title = escape(report.policy.system.name or report.source)
    out = [f"# {title}: who gains, who pays", "", f"> **{head.glyph} {head.word}.** {escape(head.lead)}", ""]
    out += [escape(head.detail), ""] if head.detail else []
    out += [f"- {escape(k)}: {escape(v)}" for k, v in facts(report)]
    out += ["", *_findings(ranked(report.findings), report.policy.statistics.confidence)]
    out += section(report.impacts, report.policy.statistics.confidence)
    out += ["## Method and limits", "", *(f"- {escape(note)}" for note in report.notes), ""]
    out += ["## Policy and provenance", "", f"- Data: {escape(report.source)}"]
    out += [f"- File {escape(name)}: {code(digest)}" for name, digest in list(report.files.items())[:MOST_ROWS]]
    out += [f"- Policy: {code(report.policy.digest())}", f"- Made with aequo {escape(report.version)}", ""]
    return "\n".join([*out, "To reproduce:", "", *fenced(words.plain(report.reproduce))]) + "\n"


def _findings(found: Sequence[Finding], confidence: float) -> list[str]:
    if not found:
        return []
    heads = ("Status", "Finding", "What it says", "Value", f"{100 * confidence:g}% interval", "Limit", "n")
    rows = [
        (
            f"{words.GLYPHS[f.status]} {words.WORDS[f.status]}",
            f"{escape(words.finding_title(f))}<br>{code(f.id)}",
            escape(f.why),
            words.finding_value(f),
            "" if f.value is None or f.interval is None else words.finding_interval(f),
            words.finding_limit(f),
            words.thousands(f.n),
        )
        for f in found[:MOST_ROWS]
    ]
    return ["## Findings", "", *table(heads, rows, left=3), ""]


def section(impacts: Sequence[Impact], confidence: float) -> list[str]:
    """Return the lines of "Who gains, who pays", with their headings; none where nothing was weighed."""
    if not impacts:
        return []
    out = ["## Who gains, who pays", ""]
    for impact in impacts:
        out += [f"### By {escape(words.subject_title(impact.subject))}", ""]
        out += [*(f"- {escape(text)}" for text in sentences(impact)), ""]
        for part in parts(impact):
            out += impact_part(part, confidence)
        out += _welfare(impact, confidence)
    return out


def impact_part(part: Part, confidence: float) -> list[str]:
    """Return the lines of one stakeholder: heading, intro, and a table of groups."""
    level = f"{100 * confidence:g}% interval"
    heads = ["Group", "n", "Expected utility", level, "Benefit", "Harm"]
    heads += ["Before", "Change", level] if part.compared else []
    rows = []
    for line in part.lines[:MOST_ROWS]:
        cells = [line.group + (f" ({line.why})" if line.why else ""), line.n, line.utility, line.interval]
        cells += [line.benefit, line.harm]
        cells += [line.before, line.change, line.change_interval] if part.compared else []
        rows.append([escape(cells[0]), *cells[1:]])
    out = [f"#### {escape(part.title)}", "", escape(part.intro), "", escape(part.utilities), "", *table(heads, rows)]
    left = len(part.lines) - MOST_ROWS
    return [*out, *(["", f"{left} more in the JSON."] if left > 0 else []), ""]


def _welfare(impact: Impact, confidence: float) -> list[str]:
    lines = welfare_lines(impact)
    if not lines:
        return []
    compared = impact.options is not None
    heads = ["Welfare", "What it asks", "Value", f"{100 * confidence:g}% interval"]
    heads += ["Before", "Prefers"] if compared else []
    rows = [
        [line.form, line.meaning, line.value, line.interval, *([line.before, line.prefers] if compared else [])]
        for line in lines
    ]
    return ["#### Welfare", "", *table(heads, [[escape(c) for c in row] for row in rows], left=2), ""]
