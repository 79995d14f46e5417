"""An assessment as one HTML page: no script, no remote request, and no larger for more rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from aequo.core.finding import Finding, Status
from aequo.report import words
from aequo.report.ethics_items import impact_items
from aequo.report.figures import Budget, block_context
from aequo.report.page import embedded_json, environment, style_sheet
from aequo.report.result import Assessment
from aequo.report.svg import limit_bar
from aequo.report.verdict import facts, headline
from aequo.report.view import blocks, ranked, tally, unjudged

__all__ = ["finding_items", "to_html"]

MOST_JSON = 250_000
"""A larger result is embedded without its per-group table, which findings.json holds."""

MOST_OPEN = 12
"""Findings that are shown at once, beside all required ones; the others are folded."""

MOST_FINDINGS = 60
"""So many findings have a bar and a sentence; the others are one line each."""

MOST_LINES = 300


def to_html(assessment: Assessment, *, fragment: bool = False) -> str:
    """Return the report as HTML.

    Parameters
    ----------
    assessment : Assessment
        The result.
    fragment : bool
        A piece to be shown inside another page, such as a notebook: styles that touch nothing else, and neither
        ``<html>`` nor the result as JSON. Otherwise a whole page.

    Returns
    -------
    str
        UTF-8 text; self-contained.
    """
    found = ranked(assessment.findings)
    budget = Budget()
    parts = [block_context(block, assessment.policy, budget) for block in blocks(assessment)]
    context: dict[str, Any] = {
        "fragment": fragment,
        "css": style_sheet(fragment=fragment),
        "title": _title(assessment),
        "system": assessment.policy.system,
        "verdict": assessment.verdict,
        "head": headline(assessment),
        "tally": [
            {"status": s.value, "glyph": words.GLYPHS[s], "word": words.WORDS[s], "n": n, "means": words.MEANINGS[s]}
            for s, n in tally(found)
        ],
        "glyph": words.GLYPHS[assessment.verdict],
        "facts": facts(assessment),
        "findings": finding_items(found, assessment.policy.statistics.confidence),
        "confidence": f"{100 * assessment.policy.statistics.confidence:g}%",
        "single": [b for b in parts if not b["crossed"]],
        "crossed": [b for b in parts if b["crossed"]],
        "data_blocks": [b for b in parts if b["data"]],
        "impacts": impact_items(assessment.impacts),
        "unjudged": unjudged(assessment),
        "notes": [words.plain(n) for n in assessment.notes],
        "policy": _flat(assessment.policy.to_dict()),
        "policy_digest": assessment.policy.digest(),
        "data": assessment.data,
        "files": [(words.plain(k), v) for k, v in assessment.data.files.items()],
        "reproduce": words.plain(assessment.reproduce),
        "version": assessment.version,
        "json": "" if fragment else _json(assessment),
    }
    text: str = environment().get_template("report.html.j2").render(context)
    return text


def _title(assessment: Assessment) -> str:
    return words.plain(assessment.policy.system.name or assessment.data.source)


# -- findings ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Item:
    """One finding as the template shows it."""

    id: str
    status: str
    glyph: str
    word: str
    title: str
    why: str
    value: str
    interval: str
    limit: str
    n: str
    required: bool
    bar: Any


def finding_items(found: Sequence[Finding], confidence: float) -> dict[str, Any]:
    """Split findings into those to show at once, those folded, and those that are one line each."""
    open_, passed = [f for f in found if f.status is not Status.PASS], [f for f in found if f.status is Status.PASS]
    if not open_ or len(passed) <= 2:
        open_, passed = list(found), []
    first = max(MOST_OPEN, sum(f.required for f in open_))
    full = [open_[:first], open_[first:], passed]
    lines = []
    for i, part in enumerate(full):
        left = max(0, MOST_FINDINGS - sum(map(len, full[:i])))
        full[i], rest = part[:left], part[left:]
        lines += rest
    at_once, folded, fine = ([_item(f, confidence) for f in part] for part in full)
    return {
        "open": at_once,
        "folded": folded,
        "passed": fine,
        "lines": [_item(f, confidence) for f in lines[:MOST_LINES]],
        "beyond": max(0, len(lines) - MOST_LINES),
    }


def _item(f: Finding, confidence: float) -> _Item:
    value, interval, limit = words.finding_value(f), words.finding_interval(f), words.finding_limit(f)
    return _Item(
        id=words.plain(f.id),
        status=f.status.value,
        glyph=words.GLYPHS[f.status],
        word=words.WORDS[f.status],
        title=words.finding_title(f),
        why=words.plain(f.why),
        value=value,
        interval=interval if f.value is not None else "",
        limit=limit,
        n=words.thousands(f.n),
        required=f.required,
        bar=_bar(f, f"{value}, {100 * confidence:g}% interval {interval}, limit {limit}"),
    )


def _bar(f: Finding, title: str) -> Any:
    from markupsafe import Markup

    if f.value is None or f.limit is None:
        return ""
    unit = words.check_unit(f.check)
    bounds = (0.5, 1.0) if f.check == "proxies" else (0.0, 1.0) if unit == "ratio" else (0.0, float("inf"))
    bar = limit_bar(f.value, f.interval, f.limit, floor=words.is_floor(f), status=f.status, title=title, bounds=bounds)
    return Markup(bar)  # noqa: S704 - svg.py escapes what it is given


# -- what the page ends with ------------------------------------------------------------------------------------------


def _flat(plain: Any, path: str = "") -> list[tuple[str, str]]:
    """Turn the nested policy into lines of key and value."""
    if isinstance(plain, dict):
        return [pair for k, v in plain.items() for pair in _flat(v, f"{path}.{k}" if path else str(k))]
    if isinstance(plain, list):
        text = ", ".join(str(v) for v in plain[:200])
        return [(words.plain(path), words.plain(text) or "none")]
    return [(words.plain(path), "not set" if plain is None or plain == "" else words.plain(str(plain)))]


def _json(assessment: Assessment) -> Any:
    """Return the result as JSON that the page may hold: of a large one without the lists that findings.json has."""
    plain = assessment.to_dict()
    raw = msgspec.json.encode(plain)
    for key in ("groups", "impacts", "findings"):
        if len(raw) <= MOST_JSON:
            break
        plain[f"{key}_left_out"] = len(plain.pop(key, ()))
        raw = msgspec.json.encode(plain)
    return embedded_json(raw)
