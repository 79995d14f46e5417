"""Compared remedies as one HTML page: no script, no remote request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aequo.fairness.mitigate.comparison import Comparison
from aequo.report import words
from aequo.report.ethics_items import impact_items
from aequo.report.mitigation import Mitigation
from aequo.report.mitigation_svg import Point, frontier
from aequo.report.mitigation_view import (
    SPLIT_MEANS,
    WORDS,
    Line,
    facts,
    headline,
    lines,
    measures,
    number,
    welfare_lines,
)
from aequo.report.page import embedded_json, environment, style_sheet
from aequo.report.svg import Dot, dot_chart, limit_bar

if TYPE_CHECKING:
    from markupsafe import Markup

__all__ = ["to_html"]

MOST_DOTS = 24
"""Rows of a chart of rates."""


def to_html(result: Mitigation) -> str:
    """Return the report as HTML.

    Parameters
    ----------
    result : Mitigation
        The result.

    Returns
    -------
    str
        UTF-8 text; self-contained.
    """
    c, status = result.comparison, result.verdict
    lead, reason = headline(result)
    shown = lines(c)
    context: dict[str, Any] = {
        "css": style_sheet(),
        "title": f"{words.plain(c.label)} by {words.plain(c.subject)}",
        "status": status.value,
        "glyph": words.GLYPHS[status],
        "word": words.WORDS[status],
        "lead": words.plain(lead),
        "reason": words.plain(reason),
        "facts": facts(c),
        "chart": _chart(c, shown),
        "confidence": f"{100 * c.confidence:g}%",
        "rows": [_row(line) for line in shown],
        "descriptions": [
            *((words.plain(r.name), _said(r.description, r.failures)) for r in c.remedies),
            *((name, f"Not tried: {why}") for name, why in c.left_out.items()),
        ],
        "figures": _figures(c),
        "welfare": [(form, words.plain(first), sure) for form, first, sure in welfare_lines(result)],
        "impact": None if result.impact is None else impact_items([result.impact])[0],
        "weighed": words.plain(result.weighed or ""),
        "welfare_why": words.plain(result.welfare_why or ""),
        "findings": [_finding(line) for line in shown],
        "names": [words.plain(r.name) for r in c.remedies if r.metrics],
        "metrics": measures(c),
        "split_means": SPLIT_MEANS,
        "notes": [words.plain(note) for note in c.notes],
        "seed": c.seed,
        "version": c.version,
        "json": embedded_json(result.to_json().encode()),
    }
    text: str = environment().get_template("mitigation.html.j2").render(context)
    return text


def _said(description: str, failures: tuple[str, ...]) -> str:
    return f"{description} It failed: {words.plain(failures[0])}" if failures else description


def _chart(c: Comparison, shown: list[Line]) -> Markup | str:
    from markupsafe import Markup

    points = []
    for line in shown:
        r = line.remedy
        if r.gap.value is None or r.metrics.get("accuracy") is None:
            continue
        change = 0.0 if r.costs is None or r.costs.value is None else r.costs.value
        points.append(
            Point(
                mark=line.mark,
                name=words.plain(r.name),
                text=f"gap {line.gap} points ({line.gap_interval}), accuracy {line.accuracy}%",
                gap=r.gap.value,
                change=change,
                gap_interval=r.gap.interval,
                change_interval=None if r.costs is None else r.costs.interval,
                on_frontier=r.pareto,
                recommended=line.recommended,
            )
        )
    if not points:
        return ""
    title = f"Accuracy and the gap in {words.lowered(words.check_title(c.constraint))} of {len(points)} remedies"
    desc = "; ".join(f"{p.mark} {p.name}: {p.text}" for p in points)
    return Markup(  # noqa: S704 - it escapes what it is given
        frontier(points, c.tolerance, title=title, desc=f"{desc}. The table below holds the same numbers.")
    )


def _row(line: Line) -> dict[str, Any]:
    return {
        "mark": line.mark,
        "name": words.plain(line.remedy.name),
        "recommended": line.recommended,
        "status": line.finding.status.value,
        "glyph": words.GLYPHS[line.finding.status],
        "word": WORDS[line.finding.status],
        "pareto": line.remedy.pareto,
        "gap": line.gap,
        "gap_interval": line.gap_interval,
        "accuracy": line.accuracy,
        "accuracy_interval": line.accuracy_interval,
        "change": line.change.removesuffix(" pts"),
        "change_interval": line.change_interval,
        "told": line.told_apart,
    }


def _figures(c: Comparison) -> list[dict[str, Any]]:
    """Return a chart for each measure of the constraint: each group without a remedy, and with the recommended one."""
    from markupsafe import Markup

    before = next((r for r in c.remedies if r.name == "none"), None)
    after = next((r for r in c.remedies if r.name == c.recommended and r.name != "none"), None)
    out = []
    for measure in before.rates if before is not None else ():
        dots, said = [], []
        for group in before.rates[measure] if before is not None else ():
            for remedy in (before, after):
                found = None if remedy is None else remedy.rates.get(measure, {}).get(group)
                if remedy is None or found is None:
                    continue
                name = f"{words.name(group)}, {'now' if remedy is before else remedy.name}"
                text = "unknown" if found.value is None else words.with_unit(found.value, "percent")
                dots.append(
                    Dot(label=name, value=found.value, interval=found.interval, text=text, judged=remedy is not before)
                )
                said.append(f"{name}: {text}" if found.value is None else f"{name}: {number(found, 'percent')}%")
        title = words.measure_title(measure)
        if dots:
            chart = dot_chart(
                dots[:MOST_DOTS],
                title=f"{title} by {words.plain(c.subject)}",
                desc="; ".join(said[:MOST_DOTS]),
                show=lambda v: f"{100 * v:.6g}%",
                bounds=(0.0, 1.0),
            )
            out.append({"title": title, "chart": Markup(chart)})  # noqa: S704 - it escapes what it is given
    return out


def _finding(line: Line) -> dict[str, Any]:
    from markupsafe import Markup

    f = line.finding
    bar = ""
    if f.value is not None and f.limit is not None:
        bar = limit_bar(
            f.value, f.interval, f.limit, floor=False, status=f.status, title=f"{line.gap} points, tolerance"
        )
    return {
        "status": f.status.value,
        "glyph": words.GLYPHS[f.status],
        "word": WORDS[f.status],
        "name": words.plain(line.remedy.name),
        "why": words.plain(f.why),
        "bar": Markup(bar),  # noqa: S704 - made of numbers
        "value": f"{line.gap} pts",
        "interval": line.gap_interval or "no interval",
        "limit": "" if f.limit is None else words.with_unit(f.limit, "points"),
    }
