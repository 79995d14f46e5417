"""The per-group part of the page: for each measure of each subject a chart, and the same numbers as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aequo.core.finding import Finding
from aequo.core.policy import Policy
from aequo.report import words
from aequo.report.result import GroupRow, Measure
from aequo.report.svg import Dot, dot_chart
from aequo.report.view import Block, Figure, ends

__all__ = ["Budget", "block_context"]

MOST_GROUPS = 20
"""Groups in a chart and in the table beside it: the lowest and the highest of more."""

_DIFFERENCES = frozenset({"auc-parity", "generalised-entropy", "theil-index"})
_OWN_LIMIT = frozenset({"representation", "label-divergence", "calibration", "proxies"})
Pair = tuple[GroupRow, Measure | None]


@dataclass(slots=True)
class Budget:
    """How much more the page may hold, so that it stays small whatever the number of groups and columns.

    Attributes
    ----------
    charts : int
        Charts that may still be drawn.
    letters : int
        Letters of charts and tables that may still be written, roughly.
    """

    charts: int = 48
    letters: int = 360_000

    def take(self, letters: int) -> bool:
        """Take so many letters if there are as many left."""
        if letters > self.letters:
            return False
        self.letters -= letters
        return True


def block_context(block: Block, policy: Policy, budget: Budget) -> dict[str, Any]:
    """Return what the template shows of one subject."""
    # The compact table of all groups comes first: no group may be crowded out by the tenth chart of another.
    rest = _rest(block, policy, budget) if len(block.rows) > MOST_GROUPS else None
    figures = [_figure(f, block, policy, budget) for f in block.outcomes if f.main]
    others = [_figure(f, block, policy, budget) for f in block.outcomes if not f.main]
    data = [_figure(f, block, policy, budget) for f in block.data]
    return {
        "subject": words.subject_title(block.subject),
        "crossed": block.crossed,
        "n": words.thousands(len(block.rows)),
        "figures": [f for f in figures if f],
        "others": [f for f in others if f],
        "data": [f for f in data if f],
        "left": sum(f is None for f in (*figures, *others, *data)),
        "rest": rest,
    }


def _reference(rows: Sequence[Pair]) -> Pair | None:
    return next((pair for pair in rows if pair[0].reference), None)


def _figure(figure: Figure, block: Block, policy: Policy, budget: Budget) -> dict[str, Any] | None:
    """Return chart and table of one measure; None if the page is full."""
    shown, rest = ends(figure.rows, MOST_GROUPS)
    if not budget.take(1_500 + sum(450 + 3 * len(words.name(row.group)) for row, _ in shown)):
        return None
    title, subject = words.measure_title(figure.measure), words.subject_title(block.subject)
    reference = _reference(figure.rows)
    line, band, legend = _guides(figure, reference)
    chart: Any = ""
    if budget.charts > 0 and budget.take(1_200 + 480 * len(shown)):
        from markupsafe import Markup

        budget.charts -= 1
        unit = words.measure_unit(figure.measure)
        share = unit == "percent"
        chart = dot_chart(
            [_dot(row, m, figure.measure, policy) for row, m in shown],
            title=f"{title} by {subject}",
            desc=_describe(shown, figure.measure, policy),
            show=lambda v: f"{100 * v:.6g}%" if share else f"{100 * v:.6g}" if unit == "points" else f"{v:.6g}",
            bounds=(0.0, 1.0) if share or figure.measure.startswith("auc") else None,
            line=line,
            band=band,
        )
        chart = Markup(chart)  # noqa: S704 - svg.py escapes what it is given
    ratios = any(m is not None and m.ratio is not None for _, m in shown)
    differences = any(m is not None and m.difference is not None for _, m in shown)
    return {
        "title": title,
        "subject": subject,
        "chart": chart,
        "legend": legend,
        "reference": words.name(reference[0].group) if reference and (ratios or differences) else "",
        "differences": differences,
        "ratios": ratios,
        "rows": [_row(row, m, figure, policy) for row, m in shown],
        "left": len(rest),
        "findings": [
            {"status": f.status.value, "glyph": words.GLYPHS[f.status], "word": words.WORDS[f.status]}
            | {"title": words.check_title(f.check), "id": words.plain(f.id)}
            for f in figure.findings
        ],
    }


def _guides(figure: Figure, reference: Pair | None) -> tuple[float | None, tuple[float, float] | None, str]:
    """Return reference line and limit band of the chart, and what they mean in words."""
    for f in figure.findings:
        if f.check in _OWN_LIMIT and f.limit is not None and f.measures[0] == figure.measure:
            return f.limit, None, f"Dashed line: the limit of {words.measure_amount(f.limit, figure.measure)}."
    if reference is None or reference[1] is None or reference[1].value is None or not figure.compared:
        return None, None, ""
    value, name = reference[1].value, words.name(reference[0].group)
    legend = f"Dashed line: {name}."
    limits = [f for f in figure.findings if f.limit is not None and _compares(f)]
    if not limits:
        return value, None, legend
    f = min(limits, key=lambda f: words.check_unit(f.check) == "ratio")
    limit, unit = f.limit or 0.0, words.check_unit(f.check)
    if unit == "ratio":
        band = (value * limit, value / limit if limit else value)
        return value, band, f"{legend} Shaded: ratio to {name} of at least {words.with_unit(limit, unit)}."
    return value, (value - limit, value + limit), f"{legend} Shaded: within {words.with_unit(limit, unit)} of {name}."


def _compares(f: Finding) -> bool:
    return words.check_unit(f.check) in ("points", "ratio") or f.check in _DIFFERENCES


def _dot(row: GroupRow, m: Measure | None, measure: str, policy: Policy) -> Dot:
    return Dot(
        label=words.name(row.group),
        value=None if m is None else m.value,
        interval=None if m is None else m.interval,
        text=_value(row, m, measure, policy),
        judged=row.judged,
    )


def _value(row: GroupRow, m: Measure | None, measure: str, policy: Policy) -> str:
    if row.n is None:
        return words.withheld(policy.privacy.suppress_below)
    if m is not None and m.value is None and m.n is None:
        return words.withheld(policy.privacy.suppress_below)
    return words.measure_value(m, measure, short=True)


def _describe(rows: Sequence[Pair], measure: str, policy: Policy) -> str:
    parts = []
    for row, m in rows[:8]:
        reach = words.measure_interval(m, measure)
        text = _value(row, m, measure, policy)
        parts.append(f"{words.name(row.group)}: {text}{f', interval {reach}' if reach else ''}")
    more = f"; {len(rows) - 8} more groups" if len(rows) > 8 else ""
    return f"{'; '.join(parts)}{more}. The table beside it holds the same numbers."


def _row(row: GroupRow, m: Measure | None, figure: Figure, policy: Policy) -> dict[str, Any]:
    measure, unit = figure.measure, words.difference_unit(figure.measure)
    has = m is not None and m.value is not None
    pairs = None if m is None else (m.difference, m.difference_interval, m.ratio, m.ratio_interval)
    difference, difference_interval, ratio, ratio_interval = pairs or (None,) * 4
    return {
        "group": words.name(row.group),
        "tag": _tag(row) if figure.compared or not row.judged else "",
        "n": words.measure_count(row, m) if m is not None else "",
        "value": _value(row, m, measure, policy),
        "has": has,
        "why": words.plain(m.why or "") if m is not None and not has and m.n is not None else "",
        "interval": words.measure_interval(m, measure),
        "difference": "" if difference is None else words.signed(difference, unit),
        "difference_interval": words.span(difference_interval, unit) if difference_interval else "",
        "ratio": "" if ratio is None else words.amount(ratio, "ratio"),
        "ratio_interval": words.span(ratio_interval, "ratio") if ratio_interval else "",
    }


def _tag(row: GroupRow) -> str:
    return "reference" if row.reference else "" if row.judged else "not compared"


def _rest(block: Block, policy: Policy, budget: Budget) -> dict[str, Any] | None:
    """Return one compact table of all groups, where there are too many for the figures to show."""
    figures = [*block.outcomes, *block.data]
    if _cost(block, len(figures)) > budget.letters // 2:  # the main measures say most
        figures = [f for f in figures if f.main] or figures[:1]
    if _cost(block, len(figures)) > budget.letters // 2:
        figures = figures[:1]
    each = _cost(block, len(figures)) // len(block.rows) + 1
    most = min(len(block.rows), budget.letters * 3 // 4 // each)
    if not most or not budget.take(most * each):
        return None
    hide = policy.privacy.suppress_below
    rows = []
    for row in block.rows[:most]:
        cells = []
        for f in figures:
            m = row.measures.get(f.measure)
            reach = words.measure_interval(m, f.measure)
            cells.append(_value(row, m, f.measure, policy) + (f" ({reach})" if reach else ""))
        rows.append({"group": words.name(row.group), "n": words.group_count(row, hide), "cells": cells})
    return {
        "columns": [words.measure_title(f.measure) for f in figures],
        "rows": rows,
        "left": words.thousands(len(block.rows) - most) if most < len(block.rows) else "",
    }


def _cost(block: Block, columns: int) -> int:
    return sum(70 + len(words.name(row.group)) + 34 * columns for row in block.rows)
