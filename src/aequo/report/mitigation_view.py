"""What every view shows of compared remedies, and in which order: numbers as text, made once."""

from __future__ import annotations

from dataclasses import dataclass

from aequo.core.finding import Finding, Status
from aequo.fairness.mitigate.comparison import Comparison, Number, Remedy
from aequo.report import words
from aequo.report.ethics_view import loses_most
from aequo.report.mitigation import Mitigation

__all__ = ["Line", "facts", "headline", "lines", "measures", "number", "welfare_lines", "welfare_sentences"]

WORDS = {Status.PASS: "Meets", Status.WARN: "Misses", Status.FAIL: "Misses", Status.UNKNOWN: "Cannot tell"}
"""Whether a remedy meets the tolerance."""

SPLIT_MEANS = (
    "Means over the splits with their intervals. Largest differences within one split are never negative, so their "
    "means are larger than the gap above, by noise."
)
"""What the table of every metric is, and why it has larger differences than the gap that is judged."""

_OVERALL = ("accuracy", "balanced-accuracy", "calibration-error", "selection-rate")
_TITLES = {
    "accuracy": "Accuracy",
    "balanced-accuracy": "Balanced accuracy",
    "calibration-error": "Calibration error",
    "auc": "Area under the ROC curve",
    "selection-rate": "Share selected",
    "calibration": "Calibration error, worst group",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One remedy as text.

    Attributes
    ----------
    mark : int
        Its number in the chart.
    remedy : Remedy
        The numbers.
    finding : Finding
        Whether it meets the tolerance.
    accuracy, accuracy_interval : str
        In percent.
    change, change_interval : str
        Of accuracy against no remedy, in points.
    gap, gap_interval : str
        In points.
    told_apart : str
        Whether it can be told from doing nothing.
    recommended : bool
        Whether it is the one to take.
    """

    mark: int
    remedy: Remedy
    finding: Finding
    accuracy: str
    accuracy_interval: str
    change: str
    change_interval: str
    gap: str
    gap_interval: str
    told_apart: str
    recommended: bool


def headline(result: Mitigation) -> tuple[str, str]:
    """Return the sentence on top, and the reason behind it.

    Parameters
    ----------
    result : Mitigation
        The result.
    """
    c = result.comparison
    check = words.lowered(words.check_title(c.constraint))
    if c.recommended is None:
        return f"No remedy is recommended for {check} by {c.subject}", c.reason
    if c.recommended == "none":
        if result.verdict is not Status.PASS:
            return f"It is not sure that {check} by {c.subject} needs a remedy", c.reason
        return f"No remedy is needed for {check} by {c.subject}", c.reason
    if result.verdict is Status.PASS:
        return f"Take {c.recommended} for {check} by {c.subject}", c.reason
    return f"For {check} by {c.subject}, {c.recommended} is the best bet, and not a sure one", c.reason


def facts(c: Comparison) -> list[tuple[str, str]]:
    """Return what was compared, as name and text."""
    return [
        ("Outcome", f"{words.name(c.label)}, favourable: {words.name(c.favourable)}"),
        ("Groups", words.plain(c.subject)),
        ("Constraint", f"{words.check_title(c.constraint)}, at most {words.with_unit(c.tolerance, 'points')}"),
        ("Model", words.plain(c.estimator)),
        ("People", words.thousands(c.rows)),
        ("Splits", f"{c.splits}, {round(100 * (1 - c.test_size))}/{round(100 * c.test_size)}"),
    ]


def lines(c: Comparison) -> list[Line]:
    """Return the remedies, the recommended one first, then those on the frontier, then the others."""
    out = []
    for mark, (remedy, finding) in enumerate(zip(c.remedies, c.findings, strict=True), start=1):
        accuracy = remedy.metrics.get("accuracy")
        costs = remedy.costs
        out.append(
            Line(
                mark=mark,
                remedy=remedy,
                finding=finding,
                accuracy=_value(accuracy, "percent"),
                accuracy_interval=_span(accuracy, "percent"),
                change="" if costs is None or costs.value is None else words.signed(costs.value, "points"),
                change_interval=_span(costs, "points"),
                gap=_value(remedy.gap, "points"),
                gap_interval=_span(remedy.gap, "points"),
                told_apart=_told(remedy),
                recommended=remedy.name == c.recommended,
            )
        )
    return sorted(out, key=lambda line: (not line.recommended, not line.remedy.pareto, line.mark))


def _told(remedy: Remedy) -> str:
    if remedy.name == "none":
        return ""
    if remedy.counts is None:
        return "failed"
    return "yes" if remedy.distinguishable else "no"


def _value(number: Number | None, unit: words.Unit) -> str:
    return "no number" if number is None or number.value is None else words.amount(number.value, unit)


def _span(number: Number | None, unit: words.Unit) -> str:
    return "" if number is None or number.interval is None else words.span(number.interval, unit)


def number(found: Number | None, unit: words.Unit) -> str:
    """Return a number with its interval; "undefined", since "none" is a remedy."""
    if found is None or found.value is None:
        return "undefined"
    ends = _span(found, unit)
    return words.amount(found.value, unit) + (f" ({ends})" if ends else "")


def measures(c: Comparison) -> list[tuple[str, str, list[str]]]:
    """Return every metric: its title, its unit in words, and its number for each remedy that has numbers."""
    names = list(dict.fromkeys(k for r in c.remedies for k in r.metrics))
    out = []
    for name in names:
        unit: words.Unit = "percent" if name in _OVERALL or name == "calibration" else words.check_unit(name)
        in_words = {"percent": "%", "points": "points"}.get(unit, "")
        title = _TITLES.get(name) or words.check_title(name)
        out.append((title, in_words, [number(r.metrics.get(name), unit) for r in c.remedies if r.metrics]))
    return out


def welfare_lines(result: Mitigation) -> list[tuple[str, str, str]]:
    """Return for each form of welfare its name, the remedy that it prefers, and how sure that is."""
    if result.welfare is None:
        return []
    out = []
    for ranking in result.welfare.rankings:
        first = ranking.first
        sure = "" if first is None else "for certain" if ranking.certain else "not for certain"
        out.append((ranking.form, first or (ranking.why or "not defined"), sure))
    return out


def welfare_sentences(result: Mitigation) -> list[str]:
    """Return who pays most for the remedy that was weighed, and which forms of welfare prefer which remedy."""
    out = [] if result.impact is None else [loses_most(result.impact).replace("Against the baseline", "Of these,", 1)]
    prefer: dict[tuple[str, str], list[str]] = {}
    for form, first, sure in welfare_lines(result):
        prefer.setdefault((first, sure), []).append(form)
    for (first, sure), forms in prefer.items():
        out.append(f"{first} is preferred by {words.joined(forms, most=8)}{f', {sure}' if sure else ''}.")
    return [words.plain(text) for text in out if text]
