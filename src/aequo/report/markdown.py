"""An assessment as GitHub-flavoured Markdown."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from aequo.core.finding import Finding
from aequo.report import words
from aequo.report.result import Assessment, GroupRow, Measure
from aequo.report.verdict import facts, headline
from aequo.report.view import Block, Figure, blocks, ranked, unjudged

__all__ = ["code", "escape", "fenced", "table", "to_markdown"]

Span = tuple[float, float]

MOST_ROWS = 200
"""Rows of a table; of more, the rest is in the JSON."""

MOST_TABLES = 60

_SPECIAL = re.compile(r"[\\`*_\[\]#|~$]")
_NUMBERED = re.compile(r"^(\s*)(\d+)([.)])(?=\s|$)")


def to_markdown(assessment: Assessment) -> str:
    """Return the report as Markdown, with tables for findings and groups.

    Parameters
    ----------
    assessment : Assessment
        The result.

    Returns
    -------
    str
        Text that ends with a line break. Names from the data are escaped: they make no links, HTML or table cells.
    """
    head = headline(assessment)
    title = escape(assessment.policy.system.name or assessment.data.source)
    out = [f"# {title}: fairness assessment", ""]
    out += [f"> **{words.GLYPHS[assessment.verdict]} {head.word}.** {escape(head.lead)}", ""]
    for text in (head.because, head.detail):
        out += [escape(text), ""] if text else []
    out += [f"- {escape(k)}: {escape(v)}" for k, v in facts(assessment)]
    system = assessment.policy.system
    out += [f"- Purpose: {escape(system.purpose)}"] if system.purpose else []
    out += [f"- People affected: {escape(system.people)}"] if system.people else []
    out += ["", *_findings(ranked(assessment.findings), assessment)]
    left = MOST_TABLES
    for block in blocks(assessment):
        out += _block(block, assessment, left)
        left -= min(left, len(block.outcomes) + len(block.data))
    if assessment.impacts:
        from aequo.report.ethics_markdown import section  # it is written with what is below

        out += section(assessment.impacts, assessment.policy.statistics.confidence)
    out += ["## What was not judged, and why", ""]
    items = unjudged(assessment)
    out += [f"- {escape(u.what)}: {escape(u.why)}" for u in items[:MOST_ROWS]]
    out += [_more(len(items) - MOST_ROWS)] if len(items) > MOST_ROWS else []
    out += [] if items else ["Everything that the columns allow was judged."]
    out += ["", "## Method and limits", "", *(f"- {escape(n)}" for n in assessment.notes), ""]
    return "\n".join([*out, *_provenance(assessment)]) + "\n"


def escape(text: str) -> str:
    r"""Return text that Markdown shows as it is: no markup, HTML, link, mention or table cell comes of it.

    Examples
    --------
    >>> escape("a|b <i>*c*</i>")
    'a\\|b &lt;i&gt;\\*c\\*&lt;/i&gt;'
    >>> escape("see https://example.org @all")
    'see https&#58;//example.org &#64;all'
    """
    text = _SPECIAL.sub(r"\\\g<0>", words.plain(text))
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = text.replace("://", "&#58;//").replace("@", "&#64;").replace("www.", "www&#46;")
    text = _NUMBERED.sub(r"\1\2\\\3", text)
    return "\\" + text if text.startswith(("-", "=", "+")) else text


def code(text: str) -> str:
    """Return text as inline code; a fence longer than any within keeps it closed.

    Examples
    --------
    >>> code("a`b"), code("x")
    ('``a`b``', '`x`')
    """
    text = words.plain(text).replace("|", "\\|")
    ticks = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{ticks}{pad}{text}{pad}{ticks}"


def fenced(text: str) -> list[str]:
    """Return text, which is safe to show already, as a block of code; a fence longer than any within keeps it closed.

    Examples
    --------
    >>> fenced("make demo")
    ['```text', 'make demo', '```']
    """
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return [f"{fence}text", text, fence]


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, left: int = 1) -> list[str]:
    """Return a table, one line a row; the first `left` columns are aligned left, the others right.

    Parameters
    ----------
    heads : sequence of str
        Names of the columns.
    rows : iterable of sequence of str
        Cells, which are escaped already.
    left : int
        Columns that are aligned left.

    Examples
    --------
    >>> table(["Group", "n"], [("a", "1")])
    ['| Group | n |', '| --- | --: |', '| a | 1 |']
    """
    marks = ["---" if i < left else "--:" for i in range(len(heads))]
    return [f"| {' | '.join(cells)} |" for cells in (heads, marks, *rows)]


def _more(n: int) -> str:
    return f"\n{n} more in `findings.json`."


def _findings(found: Sequence[Finding], assessment: Assessment) -> list[str]:
    out = ["## Findings", ""]
    if not found:
        return [*out, "There are no findings.", ""]
    confidence = f"{100 * assessment.policy.statistics.confidence:g}% interval"
    heads = ("Status", "Finding", "What it says", "Value", confidence, "Limit", "n", "Required")
    rows = [
        (
            f"{words.GLYPHS[f.status]} {words.WORDS[f.status]}",
            f"{escape(words.finding_title(f))}<br>{code(f.id)}",
            escape(f.why),
            words.finding_value(f),
            "" if f.value is None else words.finding_interval(f),
            words.finding_limit(f),
            words.thousands(f.n),
            "yes" if f.required else "no",
        )
        for f in found[: 5 * MOST_ROWS]
    ]
    out += table(heads, rows, left=3)
    out += [_more(len(found) - len(rows))] if len(found) > len(rows) else []
    return [*out, ""]


def _block(block: Block, assessment: Assessment, most: int) -> list[str]:
    title = escape(words.subject_title(block.subject))
    out = [f"## {'Crossed groups' if block.crossed else 'Groups'}: {title}", ""]
    figures = (*block.outcomes, *block.data)
    for figure in figures[:most]:
        out += _figure(figure, assessment)
    if not figures:
        out += [*table(("Group", "n"), [(escape(words.name(r.group)), _n(r, assessment)) for r in block.rows]), ""]
    out += [_more(len(figures) - most), ""] if len(figures) > most else []
    return out


def _n(row: GroupRow, assessment: Assessment) -> str:
    return words.group_count(row, assessment.policy.privacy.suppress_below)


def _figure(figure: Figure, assessment: Assessment) -> list[str]:
    reference = next((words.name(row.group) for row, _ in figure.rows if row.reference), "the reference")
    differences = any(m is not None and m.difference is not None for _, m in figure.rows)
    ratios = any(m is not None and m.ratio is not None for _, m in figure.rows)
    confidence = f"{100 * assessment.policy.statistics.confidence:g}% interval"
    heads = ["Group", "n", "Value", confidence]
    heads += [f"Difference from {escape(reference)}"] if differences else []
    heads += [f"Ratio to {escape(reference)}"] if ratios else []
    rows = [_row(row, m, figure.measure, assessment, differences, ratios) for row, m in figure.rows[:MOST_ROWS]]
    out = [f"### {escape(words.measure_title(figure.measure))}", "", *table(heads, rows)]
    out += [_more(len(figure.rows) - MOST_ROWS)] if len(figure.rows) > MOST_ROWS else []
    return [*out, ""]


def _row(
    row: GroupRow, m: Measure | None, measure: str, assessment: Assessment, differences: bool, ratios: bool
) -> list[str]:
    unit = words.difference_unit(measure)
    name = escape(words.name(row.group))
    name += " (reference)" if row.reference else "" if row.judged else " (not compared)"
    value = words.measure_value(m, measure)
    if row.n is None:
        value = words.withheld(assessment.policy.privacy.suppress_below)
    cells = [name, words.measure_count(row, m), escape(value), words.measure_interval(m, measure)]
    if differences:
        cells.append(_with(m, "difference", lambda v: words.signed(v, unit), lambda v: words.span(v, unit)))
    if ratios:
        cells.append(_with(m, "ratio", lambda v: words.amount(v, "ratio"), lambda v: words.span(v, "ratio")))
    return cells


def _with(m: Measure | None, field: str, show: Callable[[float], str], reach: Callable[[Span], str]) -> str:
    value = None if m is None else getattr(m, field)
    if value is None:
        return ""
    interval = getattr(m, f"{field}_interval")
    return show(value) + (f" ({reach(interval)})" if interval else "")


def _provenance(assessment: Assessment) -> list[str]:
    data = assessment.data
    out = ["## Policy and provenance", "", f"- Data: {escape(data.source)}, {code(data.digest)}"]
    out += [f"- File {escape(name)}: {code(digest)}" for name, digest in list(data.files.items())[:MOST_ROWS]]
    out += [f"- Policy: {code(assessment.policy.digest())}", f"- Made with aequo {escape(assessment.version)}", ""]
    return [*out, "To reproduce:", "", *fenced(words.plain(assessment.reproduce))]
