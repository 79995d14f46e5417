"""Explanations as HTML pages: no script, no remote request, and no larger for more rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from aequo.report import words
from aequo.report.explanation_svg import Bar, GroupDots, contribution_bars, curve, group_dots, mark
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
    measure_title,
    notes,
    number,
    share,
    signed,
    span_text,
    ways_sheet,
)
from aequo.report.page import embedded_json, environment, style_sheet
from aequo.report.svg import Dot, dot_chart
from aequo.transparency.decision import DecisionExplanation
from aequo.transparency.explanation import DatasetExplanation, Dependence, GroupReliance

if TYPE_CHECKING:
    from markupsafe import Markup

__all__ = ["decision_to_html", "to_html"]

_SIDES = {
    True: "raises the value, to the left lowers it",
    False: "in favour of the person, to the left against",
}

MOST_ROWS = 15
"""Columns in a chart; the table beside it has all."""

MOST_COLUMNS = 8
"""Columns in a chart of groups."""

MOST_MARKS = 6
"""Groups in a chart: so many shapes are told apart."""


def to_html(explanation: DatasetExplanation) -> str:
    """Return what a model leans on as HTML.

    Parameters
    ----------
    explanation : DatasetExplanation
        The result.

    Returns
    -------
    str
        UTF-8 text; self-contained.
    """
    e = explanation
    word, lead, detail = headline(e)
    subjects = list(dict.fromkeys(g.subject for g in e.groups))
    context: dict[str, Any] = {
        **_page(e.source, e.model_digest, e.version, e.to_dict()),
        "kind": "model explanation",
        "aria": "Verdict",
        "status": e.verdict.value,
        "glyph": words.GLYPHS[e.verdict],
        "word": word,
        "lead": words.plain(lead),
        "detail": detail,
        "facts": facts(e),
        "notes": notes(e),
        "origin": [("Seed", str(e.seed))],
        "measure": measure_title(e),
        "confidence": f"{100 * e.confidence:g}%",
        "chart": _markup(_importance(e)),
        "left": max(0, len(e.importances) - MOST_ROWS),
        "importance": importance_sheet(e),
        "subjects": [_subject(e, s) for s in subjects],
        "curves": [_curve(d, e) for d in e.dependence],
        "findings": [
            {"status": s.value, "glyph": words.GLYPHS[s], "word": words.WORDS[s], "title": title, "why": why}
            for s, title, why in finding_texts(e.findings)
        ],
    }
    text: str = environment().get_template("explanation.html.j2").render(context)
    return text


def decision_to_html(explanation: DecisionExplanation) -> str:
    """Return one explained decision as HTML. The page holds the person's values.

    Parameters
    ----------
    explanation : DecisionExplanation
        The result.

    Returns
    -------
    str
        UTF-8 text; self-contained.
    """
    x, ways = explanation.explained, explanation.counterfactuals
    word, lead, detail = decision_head(explanation)
    status = LEVELS[x.favourable]
    a = x.attribution
    context: dict[str, Any] = {
        **_page(explanation.source, x.model_digest, explanation.version, explanation.to_dict(values=True)),
        "title": f"{words.plain(explanation.source)}, row {words.thousands(explanation.row)}",
        "kind": "decision explanation",
        "aria": "Decision",
        "status": status.value,
        "glyph": words.GLYPHS[status],
        "word": word,
        "lead": lead,
        "detail": detail,
        "facts": decision_facts(explanation),
        "notes": decision_notes(explanation),
        "origin": [("Time", x.at.strftime("%Y-%m-%d %H:%M:%S UTC"))],
        "reasons": [
            {
                "text": words.plain(r.text),
                "tag": "protected: no reason to give, and one to look into" if r.protected else "",
            }
            for r in x.reasons
        ],
        "space": a.space,
        "sides": _SIDES[x.favourable is None],
        "estimated": a.standard_errors is not None,
        "chart": _markup(_contributions(explanation)),
        "left": max(0, len(a.columns) - MOST_ROWS),
        "contributions": contribution_sheet(explanation),
        "why": words.plain(f"Not looked for: {explanation.no_counterfactuals}." if ways is None else ways.why),
        "ways": ways_sheet(ways) if ways is not None and ways.found else None,
    }
    text: str = environment().get_template("decision.html.j2").render(context)
    return text


def _page(source: str, digest: str, version: str, plain: dict[str, Any]) -> dict[str, Any]:
    return {
        "css": style_sheet(),
        "title": words.plain(source),
        "source": words.plain(source),
        "digest": digest,
        "version": version,
        "json": embedded_json(msgspec.json.encode(plain)),
    }


def _markup(svg: str) -> Markup:
    from markupsafe import Markup

    return Markup(svg)  # noqa: S704 - the modules that draw escape what they are given


def _importance(e: DatasetExplanation) -> str:
    some = e.importances[:MOST_ROWS]
    dots = [
        Dot(label=words.name(i.name), value=i.value, interval=i.interval, text=f"{number(i.value)} · {share(i.share)}")
        for i in some
    ]
    said = "; ".join(f"{words.name(i.name)}: {number(i.value)} ({span_text(i.interval)})" for i in some[:8])
    return dot_chart(
        dots, title=measure_title(e), desc=f"{said}. The table beside it holds the same.", show=number, line=0.0
    )


def _subject(e: DatasetExplanation, subject: str) -> dict[str, Any]:
    sheet, groups = group_sheet(e, subject)
    judged = [g for g in groups if g.judged]
    shown = sorted(judged, key=lambda g: -g.n)[:MOST_MARKS]
    why = next((f.why for f in e.findings if f.check == "reliance" and f.subject == subject), "")
    rest = [f"{words.name(g.group)} (n = {words.thousands(g.n)}, {g.why})" for g in groups if not g.judged]
    return {
        "name": words.name(subject),
        "why": words.plain(why),
        "chart": _markup(_groups(e, subject, shown)) if len(shown) > 1 else "",
        "marks": [{"mark": _markup(mark(i)), "name": words.name(g.group)} for i, g in enumerate(shown)],
        "sheet": sheet,
        "rest": words.joined(rest, most=12),
    }


def _groups(e: DatasetExplanation, subject: str, shown: Sequence[GroupReliance]) -> str:
    rows, said = [], []
    for b, i in enumerate(e.importances[:MOST_COLUMNS]):
        values = tuple((k, g.importances[b].share or 0.0, g.share_intervals[b]) for k, g in enumerate(shown))
        rows.append(GroupDots(words.name(i.name), values))
        parts = ", ".join(f"{words.name(g.group)} {share(g.importances[b].share)}" for g in shown)
        said.append(f"{words.name(i.name)}: {parts}")
    return group_dots(
        rows,
        title=f"Share of what the model leans on, by {words.name(subject)}",
        desc=f"{'; '.join(said[:4])}. The table below holds all.",
        show=lambda v: f"{100 * v:.4g}%".replace("-", words.MINUS),
    )


def _curve(d: Dependence, e: DatasetExplanation) -> dict[str, Any]:
    sheet: Sheet = dependence_sheet(d, e.confidence)
    unit = (0.0, 1.0) if all(0 <= p.score <= 1 for p in d.points) else None
    ends = ", ".join(f"{row[0]}: {row[1]}" for row in (sheet.rows[0], sheet.rows[-1]))
    title, desc = sheet.title, f"From {ends}. The table below holds all points."
    if d.numeric:
        points = [(float(p.value or 0.0), p.score, p.interval) for p in d.points]
        svg = curve(points, title=title, desc=desc, show_x=lambda v: f"{v:.6g}", show_y=number, bounds=unit)
    else:
        dots = [
            Dot(label=row[0], value=p.score, interval=p.interval, text=row[1])
            for p, row in zip(d.points, sheet.rows, strict=True)
        ]
        svg = dot_chart(dots, title=title, desc=desc, show=number, bounds=unit)
    return {"name": words.name(d.column), "chart": _markup(svg), "sheet": sheet, "left": d.left_out}


def _contributions(explanation: DecisionExplanation) -> str:
    a = explanation.explained.attribution
    at = {name: i for i, name in enumerate(a.columns)}
    sheet = contribution_sheet(explanation, MOST_ROWS)
    bars = [
        Bar(
            label=f"{row[0]}: {row[1]}",
            value=value,
            error=None if a.standard_errors is None else float(a.standard_errors[at[name]]),
            text=signed(value),
        )
        for (name, value), row in zip(a.top(MOST_ROWS), sheet.rows, strict=True)
    ]
    said = "; ".join(f"{row[0]} {row[2]}" for row in sheet.rows[:6])
    return contribution_bars(
        bars, title="Contributions of the columns", desc=f"{said}. The table beside it holds all.", show=number
    )
