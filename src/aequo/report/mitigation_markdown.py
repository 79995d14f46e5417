"""Compared remedies as GitHub-flavoured Markdown."""

from __future__ import annotations

from aequo.report import words
from aequo.report.ethics_markdown import impact_part
from aequo.report.ethics_view import parts, sentences
from aequo.report.markdown import escape, table
from aequo.report.mitigation import Mitigation
from aequo.report.mitigation_view import SPLIT_MEANS, WORDS, facts, headline, lines, measures, welfare_lines

__all__ = ["to_markdown"]


def to_markdown(result: Mitigation) -> str:
    """Return the report as Markdown.

    Parameters
    ----------
    result : Mitigation
        The result.

    Returns
    -------
    str
        Text that ends with a line break; names are escaped.
    """
    c, status = result.comparison, result.verdict
    lead, reason = headline(result)
    out = [f"# {escape(lead)}", "", f"> **{words.GLYPHS[status]} {words.WORDS[status]}.** {escape(reason)}", ""]
    out += [f"- {name}: {escape(text)}" for name, text in facts(c)]
    heads = ["", "Remedy", "Tolerance", "Frontier", "Accuracy, %", "Change, points", "Gap, points", "Told from none"]
    rows = []
    for line in lines(c):
        name = escape(line.remedy.name)
        state = f"{words.GLYPHS[line.finding.status]} {WORDS[line.finding.status].lower()}"
        rows.append(
            [
                str(line.mark),
                f"**{name}**" if line.recommended else name,
                state,
                "yes" if line.remedy.pareto else "",
                _with(line.accuracy, line.accuracy_interval),
                _with(line.change.removesuffix(" pts"), line.change_interval),
                _with(line.gap, line.gap_interval),
                line.told_apart,
            ]
        )
    out += ["", "## Remedies", "", *table(heads, rows, left=4), ""]
    out += ["Told from none: by accuracy or by gap.", ""]
    out += [f"- **{escape(r.name)}**: {escape(r.description)}" for r in c.remedies]
    out += [f"- {escape(name)} was not tried: {escape(why)}" for name, why in c.left_out.items()]
    out += ["", "## Findings", "", *(f"- {words.GLYPHS[f.status]} {escape(f.why)}" for f in c.findings)]
    names = [escape(r.name) for r in c.remedies if r.metrics]
    everything = [(f"{title}{f', {unit}' if unit else ''}", *numbers) for title, unit, numbers in measures(c)]
    out += ["", "## Every metric", "", SPLIT_MEANS, "", *table(["Metric", *names], everything)]
    if result.welfare is not None or result.welfare_why:
        out += ["", "## Who gains, who pays", ""]
        out += [escape(result.welfare_why)] if result.welfare_why else []
        ranked = [(escape(form), escape(first), sure) for form, first, sure in welfare_lines(result)]
        if result.impact is not None:
            out += [f"What changes with {escape(result.weighed or '')}, against no remedy:", ""]
            out += [*(f"- {escape(text)}" for text in sentences(result.impact)), ""]
            out += [line for part in parts(result.impact) for line in impact_part(part, c.confidence)]
        out += table(["Welfare", "Prefers", "Sure"], ranked, left=3) if ranked else []
    out += ["", "## Method and limits", "", *(f"- {escape(note)}" for note in c.notes)]
    return "\n".join([*out, "", f"Made with aequo {escape(c.version)}, seed {c.seed}."]) + "\n"


def _with(value: str, interval: str) -> str:
    return f"{value} ({interval})" if interval else value
