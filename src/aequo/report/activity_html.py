"""An activity report as one HTML page: no script, no remote request, and no larger for more decisions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from aequo.report import words
from aequo.report.activity import ActivityReport
from aequo.report.activity_svg import columns, share_bar
from aequo.report.activity_view import (
    KINDS,
    Bin,
    Line,
    Sheet,
    facts,
    headline,
    ledger_facts,
    rate_text,
    sheets,
    timeline,
)
from aequo.report.page import embedded_json, environment, style_sheet
from aequo.report.svg import Dot, dot_chart

if TYPE_CHECKING:
    from markupsafe import Markup

__all__ = ["to_html"]

MOST_ROWS = 60
"""Rows of a table; of more, the rest is in the JSON."""

MOST_DOTS = 20
"""Rates in a chart; the table beside it has more."""

MOST_JSON = 250_000
"""A larger report is embedded without the lists of values, which activity.json holds."""

_PARTS = {
    "decided": ("What was decided", ""),
    "overrides": ("What people changed", "Decisions that a person replaced by another; of several, the newest counts."),
    "entries": ("All entries of the period", ""),
}
_CODE = {"Root", "Public key"}


def to_html(report: ActivityReport) -> str:
    """Return the report as HTML.

    Parameters
    ----------
    report : ActivityReport
        The report.

    Returns
    -------
    str
        UTF-8 text; self-contained.
    """
    status = report.ledger.status
    lead, checked = headline(report)
    shown = sheets(report)
    unit, bins = timeline(report.decisions.by_day)
    checkpoint = report.ledger.checkpoint
    context: dict[str, Any] = {
        "css": style_sheet(),
        "origin": words.plain(report.ledger.origin),
        "status": status.value,
        "glyph": words.GLYPHS[status],
        "word": KINDS[status],
        "lead": lead,
        "checked": checked,
        "facts": facts(report),
        "unit": unit,
        "time": _time(unit, bins) if len(bins) > 1 else "",  # one column says nothing that the facts do not
        "bins": [(b.name, words.thousands(b.n)) for b in bins],
        "parts": [
            {"id": part, "title": title, "intro": intro, "sheets": [_sheet(s) for s in shown if s.part == part]}
            for part, (title, intro) in _PARTS.items()
            if any(s.part == part for s in shown)
        ],
        "confidence": f"{100 * report.confidence:g}%",
        "notes": [words.plain(note) for note in (*report.limits, *report.method)],
        "ledger": [(name, text, name in _CODE) for name, text in ledger_facts(report)],
        "checkpoint": None if checkpoint is None else "\n".join(words.plain(t) for t in checkpoint.split("\n")),
        "version": report.version,
        "json": _json(report),
    }
    text: str = environment().get_template("activity.html.j2").render(context)
    return text


def _time(unit: str, bins: Sequence[Bin]) -> Markup:
    from markupsafe import Markup

    most = max(bins, key=lambda b: b.n)
    desc = (
        f"From {bins[0].name} to {bins[-1].name}. The most are {words.thousands(most.n)}, {most.name}. The table below "
        "holds all of them."
    )
    return Markup(columns(bins, title=f"Decisions by {unit}", desc=desc))  # noqa: S704 - it escapes what it is given


def _sheet(sheet: Sheet) -> dict[str, Any]:
    from markupsafe import Markup

    return {
        "title": sheet.title,
        "heads": sheet.heads,
        "texts": sheet.texts,
        "judged": sheet.judged,
        "rows": [_row(line) for line in sheet.lines[:MOST_ROWS]],
        "left": words.thousands(len(sheet.lines) - MOST_ROWS) if len(sheet.lines) > MOST_ROWS else "",
        "chart": Markup(_errors(sheet)) if sheet.judged else "",  # noqa: S704 - svg.py escapes what it is given
    }


def _row(line: Line) -> dict[str, Any]:
    from markupsafe import Markup

    rate = line.errors
    has = rate is not None and rate.value is not None
    return {
        "cells": line.cells,
        "bar": Markup(share_bar(line.share)),  # noqa: S704 - made of one number
        "has": has,
        "error": words.with_unit(rate.value, "percent") if rate is not None and rate.value is not None else "",
        "interval": "" if rate is None else words.span(rate.interval, "percent"),
        "n": "" if rate is None else words.thousands(rate.n),
        "why": "" if rate is None or has else rate_text(rate),
    }


def _errors(sheet: Sheet) -> str:
    lines = sheet.lines[:MOST_DOTS]
    dots, said = [], []
    for line in lines:
        rate = line.errors
        if rate is None:
            continue
        text = "unknown" if rate.value is None else words.with_unit(rate.value, "percent")
        dots.append(Dot(label=line.cells[0], value=rate.value, interval=rate.interval, text=text))
        said.append(f"{line.cells[0]}: {rate_text(rate)}")
    return dot_chart(
        dots,
        title=f"Error rate, {words.lowered(sheet.title)}",
        desc=f"{'; '.join(said[:8])}. The table beside it holds the same numbers.",
        show=lambda v: f"{100 * v:.6g}%",
        bounds=(0.0, 1.0),
    )


def _json(report: ActivityReport) -> Markup:
    """Return the report as JSON that the page may hold: of a large one without the lists that activity.json has."""
    plain = report.to_dict()
    raw = msgspec.json.encode(plain)
    if len(raw) > MOST_JSON:
        for place in (plain["decisions"], plain["overrides"], plain):
            for key in [k for k, v in place.items() if isinstance(v, list) and k not in ("method", "limits")]:
                place[f"{key}_left_out"] = len(place.pop(key))
        raw = msgspec.json.encode(plain)
    return embedded_json(raw)
