"""Who gains and who pays as an HTML page: no script, no remote request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from aequo.report import words
from aequo.report.ethics import EthicsReport
from aequo.report.ethics_items import impact_items
from aequo.report.ethics_view import facts, headline
from aequo.report.html import finding_items
from aequo.report.page import embedded_json, environment, style_sheet
from aequo.report.view import ranked

if TYPE_CHECKING:
    from markupsafe import Markup

__all__ = ["to_html"]

MOST_JSON = 250_000
"""A larger result is embedded without its impacts, which ethics.json holds."""


def to_html(report: EthicsReport) -> str:
    """Return the report as HTML.

    Parameters
    ----------
    report : EthicsReport
        The report.

    Returns
    -------
    str
        UTF-8 text; self-contained.
    """
    confidence = report.policy.statistics.confidence
    context: dict[str, Any] = {
        "css": style_sheet(),
        "fragment": False,
        "title": words.plain(report.policy.system.name or report.source),
        "system": report.policy.system,
        "head": headline(report),
        "facts": facts(report),
        "findings": finding_items(ranked(report.findings), confidence),
        "impacts": impact_items(report.impacts),
        "confidence": f"{100 * confidence:g}%",
        "notes": [words.plain(note) for note in report.notes],
        "source": words.plain(report.source),
        "files": [(words.plain(k), v) for k, v in report.files.items()],
        "policy_digest": report.policy.digest(),
        "reproduce": words.plain(report.reproduce),
        "version": report.version,
        "json": _json(report),
    }
    text: str = environment().get_template("ethics.html.j2").render(context)
    return text


def _json(report: EthicsReport) -> Markup:
    plain = report.to_dict()
    raw = msgspec.json.encode(plain)
    if len(raw) > MOST_JSON:
        plain["impacts_left_out"] = len(plain.pop("impacts"))
        raw = msgspec.json.encode(plain)
    return embedded_json(raw)
