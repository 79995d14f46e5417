"""What the HTML section "who gains, who pays" shows, for the template that draws it: on its own page, and in others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aequo.ethics.impact import Impact
from aequo.report import words
from aequo.report.ethics_view import Part, number, parts, sentences, welfare_lines
from aequo.report.svg import Dot, dot_chart

__all__ = ["impact_items"]

MOST_ROWS = 60
"""Rows of a table; of more, the rest is in the JSON."""

MOST_DOTS = 20
"""Groups in a chart; the table beside it has more."""


def impact_items(impacts: Sequence[Impact]) -> list[dict[str, Any]]:
    """Return what the template of the section shows of each impact."""
    return [
        {
            "subject": words.subject_title(impact.subject),
            "crossed": " × " in impact.subject,
            "sentences": sentences(impact),
            "parts": [_part(part) for part in parts(impact)],
            "welfare": welfare_lines(impact),
            "compared": impact.options is not None,
        }
        for impact in impacts
    ]


def _part(part: Part) -> dict[str, Any]:
    from markupsafe import Markup

    return {
        "title": part.title,
        "intro": part.intro,
        "utilities": part.utilities,
        "rows": part.lines[:MOST_ROWS],
        "left": max(0, len(part.lines) - MOST_ROWS),
        "compared": part.compared,
        "chart": Markup(_chart(part)),  # noqa: S704 - svg.py escapes what it is given
        "legend": _legend(part),
    }


def _chart(part: Part) -> str:
    dots, said = [], []
    most = MOST_DOTS // 2 if part.compared else MOST_DOTS
    for g, before in list(zip(part.stakeholder.groups, part.before, strict=True))[:most]:
        text = number(g.utility) or g.why or ""
        dots.append(Dot(label=words.name(g.group), value=g.utility, interval=g.interval, text=text))
        said.append(f"{words.name(g.group)}: {text}")
        if before is not None and before.utility is not None:
            old = number(before.utility)
            label = f"{words.name(g.group)}, before"
            dots.append(Dot(label=label, value=before.utility, interval=before.interval, text=old, judged=False))
    return dot_chart(
        dots,
        title=f"Expected utility of {part.title}",
        desc=f"{'; '.join(said[:8])}. The table beside it holds the same numbers.",
        show=lambda v: f"{v:+.6g}".replace("-", words.MINUS) if v else "0",
        line=0.0 if _crosses(part) else None,
    )


def _crosses(part: Part) -> bool:
    """Whether any group may expect more harm than benefit: then the chart shows where 0 is."""
    known = [g for g in (*part.stakeholder.groups, *part.before) if g is not None and g.utility is not None]
    return any(end < 0 for g in known for end in (g.utility or 0.0, *(g.interval or ())))


def _legend(part: Part) -> str:
    text = "Filled: these decisions; hollow: before." if part.compared else "Expected utility and its interval."
    return f"{text} The dashed line is 0." if _crosses(part) else text
