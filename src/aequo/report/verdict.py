"""What every view says first: the verdict in plain words, and what was assessed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aequo.core.finding import Finding, Status
from aequo.report.result import Assessment
from aequo.report.words import WORDS, finding_limit, finding_title, finding_value, joined, lowered, plain, thousands

__all__ = ["Headline", "facts", "headline"]


@dataclass(frozen=True, slots=True)
class Headline:
    """The answer: a word, a sentence, and what it rests on.

    Attributes
    ----------
    word : str
        ``"Fail"``.
    lead : str
        One sentence in plain words.
    because : str
        What the finding that weighs most says; may be empty.
    detail : str
        The findings that decided it; may be empty.
    """

    word: str
    lead: str
    because: str
    detail: str


def headline(assessment: Assessment) -> Headline:
    """Return the verdict in plain words."""
    found, verdict = assessment.findings, assessment.verdict
    required = [f for f in found if f.required]
    word, m = WORDS[verdict], len(required)
    failed = [f for f in required if f.status is Status.FAIL]
    unknown = [f for f in required if f.status is Status.UNKNOWN]
    warned = [f for f in found if f.status is Status.WARN]
    if verdict is Status.FAIL:
        lead = f"{len(failed)} of {_checks(m)} {'is beyond its' if len(failed) == 1 else 'are beyond their'} limit."
        more = [_beyond("Also beyond their limit", failed[1:])] if len(failed) > 1 else []
        detail = " ".join([*more, *([_cannot_tell(unknown)] if unknown else [])])
        return Headline(word, lead, _says(failed), detail)
    if verdict is Status.UNKNOWN:
        if not required:
            return Headline(word, "Nothing could be judged: no required check was made.", "", "")
        lead = f"No required check fails, but the data cannot decide {len(unknown)} of {m}."
        if len(unknown) == m:
            lead = f"The data cannot decide {'the only required check' if m == 1 else 'any of ' + _checks(m)}."
        return Headline(word, lead, _says(unknown), _cannot_tell(unknown))
    lead = "The only required check is within its limit." if m == 1 else f"All {_checks(m)} are within their limits."
    return Headline(word, lead, _says(warned), _beyond("Advisory checks beyond their limit", warned) if warned else "")


def _says(findings: Sequence[Finding]) -> str:
    return f"{finding_title(findings[0])}: {plain(findings[0].why)}" if findings else ""


def _checks(m: int) -> str:
    return f"{m} required check{'' if m == 1 else 's'}"


def _beyond(start: str, findings: Sequence[Finding]) -> str:
    parts = []
    for f in findings:
        numbers = f" ({finding_value(f)}, limit {finding_limit(f)})" if f.value is not None else ""
        parts.append(f"{lowered(finding_title(f))}{numbers}")
    return f"{start}: {joined(parts)}."


def _cannot_tell(findings: Sequence[Finding]) -> str:
    return f"Not decided: {joined([lowered(finding_title(f)) for f in findings])}."


def facts(assessment: Assessment) -> list[tuple[str, str]]:
    """Return what was assessed, as pairs of name and text."""
    d, policy = assessment.data, assessment.policy
    columns = {k: v for k, v in d.columns.items() if v}
    decision = next((columns[k] for k in ("prediction", "score", "label") if k in columns), "")
    if "score" in columns and "prediction" not in columns and d.threshold is not None:
        decision = f"{decision} ≥ {d.threshold:g}"
    elif d.favourable is not None:
        decision = f"{decision} = {d.favourable}"
    out = [("Rows", thousands(d.rows)), ("Favourable decision" if d.favourable else "Outcome", decision)]
    if "label" in columns and ("prediction" in columns or "score" in columns):
        favourable = f" = {d.favourable}" if d.favourable is not None else ""
        out.append(("True outcome", f"{columns['label']}{favourable}"))
    out.append(("Groups", joined([str(c) for c in columns.get("groups", ())], most=6)))
    out += [(k.capitalize(), _text(columns[k])) for k in ("controls", "weight") if k in columns]
    out.append(("Confidence", f"{100 * policy.statistics.confidence:g}%"))
    return [(name, plain(text)) for name, text in out if text]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ", ".join(str(v) for v in value)
