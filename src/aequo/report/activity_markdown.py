"""An activity report as GitHub-flavoured Markdown."""

from __future__ import annotations

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
from aequo.report.markdown import code, escape, fenced, table

__all__ = ["to_markdown"]

MOST_ROWS = 200
"""Rows of a table; of more, the rest is in the JSON."""

_PARTS = {"decided": "What was decided", "overrides": "What people changed", "entries": "All entries of the period"}
_CODE = {"Root", "Public key"}


def to_markdown(report: ActivityReport) -> str:
    """Return the report as Markdown.

    Parameters
    ----------
    report : ActivityReport
        The report.

    Returns
    -------
    str
        Text that ends with a line break. Values from the ledger are escaped: they make no links, HTML or table cells.
    """
    status = report.ledger.status
    lead, checked = headline(report)
    out = [f"# {escape(report.ledger.origin)}: activity report", ""]
    out += [f"> **{words.GLYPHS[status]} {KINDS[status]}.** {escape(checked)}", "", f"**{escape(lead)}**", ""]
    out += [f"- {name}: {escape(text)}" for name, text in facts(report)]
    unit, bins = timeline(report.decisions.by_day)
    if bins:
        rows = [(b.name, words.thousands(b.n)) for b in bins[-MOST_ROWS:]]
        out += ["", f"## Decisions by {unit}", "", *table((unit.capitalize(), "Decisions"), rows)]
        out += _more(len(bins) - len(rows))
    part = ""
    for sheet in sheets(report):
        if sheet.part != part:
            part = sheet.part
            out += ["", f"## {_PARTS[part]}"]
        out += ["", f"### {sheet.title}", "", *_sheet(sheet)]
    out += ["", "## Method and limits", "", *(f"- {escape(note)}" for note in (*report.limits, *report.method))]
    out += ["", "## The ledger", ""]
    out += [f"- {name}: {code(text) if name in _CODE else escape(text)}" for name, text in ledger_facts(report)]
    out += [f"- Made with aequo {escape(report.version)}"]
    if report.ledger.checkpoint is not None:
        lines = report.ledger.checkpoint.rstrip("\n").split("\n")
        out += ["", "Newest checkpoint:", "", *fenced("\n".join(words.plain(line) for line in lines))]
    return "\n".join(out) + "\n"


def _sheet(sheet: Sheet) -> list[str]:
    heads = [*sheet.heads, *(["Error rate (interval) of known"] if sheet.judged else [])]
    rows = [
        [
            *(escape(cell) for cell in line.cells),
            *([escape(rate_text(line.errors))] if sheet.judged and line.errors is not None else []),
        ]
        for line in sheet.lines[:MOST_ROWS]
    ]
    return [*table(heads, rows, left=sheet.texts), *_more(len(sheet.lines) - len(rows))]


def _more(n: int) -> list[str]:
    return ["", f"{words.thousands(n)} more in `activity.json`."] if n > 0 else []
