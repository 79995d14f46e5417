"""How a result is put into words and figures, once for every view: titles, numbers, intervals, status words.

Terminal, Markdown and HTML take their text from here, so that they cannot disagree on a number.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from typing import Literal

from aequo.core.finding import Finding, Status
from aequo.report.result import GroupRow, Measure

__all__ = [
    "GLYPHS",
    "KNOWN_CHECKS",
    "MEANINGS",
    "WORDS",
    "Unit",
    "amount",
    "check_title",
    "check_unit",
    "difference_unit",
    "finding_interval",
    "finding_limit",
    "finding_title",
    "finding_titles",
    "finding_value",
    "group_count",
    "is_floor",
    "joined",
    "lowered",
    "measure_amount",
    "measure_count",
    "measure_interval",
    "measure_title",
    "measure_unit",
    "measure_value",
    "name",
    "no_value",
    "plain",
    "signed",
    "span",
    "subject_title",
    "thousands",
    "with_unit",
    "withheld",
]

Unit = Literal["percent", "points", "ratio", "sd", "number"]
Span = tuple[float, float]

THIN = "\u202f"  # a narrow space at which lines do not break
MINUS = "\u2212"

GLYPHS = {Status.PASS: "✓", Status.WARN: "!", Status.FAIL: "✕", Status.UNKNOWN: "?"}
WORDS = {Status.PASS: "Pass", Status.WARN: "Warn", Status.FAIL: "Fail", Status.UNKNOWN: "Unknown"}
MEANINGS = {
    Status.PASS: "within the limit",
    Status.WARN: "beyond the limit of an advisory check",
    Status.FAIL: "beyond the limit",
    Status.UNKNOWN: "the data cannot tell",
}

# Titles that prettifying the name would get wrong, or that a reader knows under other words.
_CHECKS = {
    "equalized-odds": "Equalised odds",
    "auc-parity": "AUC parity",
    "theil-index": "Theil index",
    "reference-population": "Difference from the population",
    "missing-rate-variance": "Missing data",
    "label-divergence": "Label divergence",
    "mean-outcome-parity": "Mean outcome parity",
    "small-groups": "Group sizes",
    "duty-error": "Duty",
    "utility-gap": "Gap of expected utility",
    "utility-loss": "Largest loss of utility",
    "protected-attributes": "Protected attributes",
}
# What stands between check and subject, where it is not "by".
_BETWEEN = {
    "proxies": "for",
    "label-noise": "in",
    "duplicates": "across groups of",
    "duty": "of",
    "duty-error": "of",
    "protected-attributes": "among",
}
_MEASURES = {
    "base_rate": "Favourable labels",
    "positive_predictive_value": "Positive predictive value",
    "auc": "Area under the ROC curve",
    "proxy_auc": "Proxy AUC",
    "error_ratio": "False negatives per false positive",
    "theil_index": "Theil index",
    "share": "Share of rows",
    "share_difference": "Difference from the population's share",
    "missing_rate": "Missing values",
    "mean_label": "Mean outcome",
}
_CHECK_UNITS: dict[str, Unit] = {
    "disparate-impact": "ratio",
    "treatment-equality": "ratio",
    "representation": "percent",
    "reference-population": "percent",
    "duplicates": "percent",
    "calibration": "percent",
    "label-noise": "percent",
    "small-groups": "percent",
    "mean-outcome-parity": "sd",
    "error-parity": "sd",
    "residual-parity": "sd",
    "auc-parity": "number",
    "generalised-entropy": "number",
    "theil-index": "number",
    "label-divergence": "number",
    "missing-rate-variance": "number",
    "proxies": "number",
    "duty": "percent",
    "duty-error": "percent",
    "protected-attributes": "number",
    "utility-gap": "number",
    "utility-loss": "number",
    "demographic-parity": "points",
    "equal-opportunity": "points",
    "equalized-odds": "points",
    "false-positive-rate-parity": "points",
    "false-negative-rate-parity": "points",
    "predictive-parity": "points",
    "accuracy-parity": "points",
    "balanced-accuracy-parity": "points",
    "conditional-parity": "points",
}
KNOWN_CHECKS = frozenset(_CHECK_UNITS)
"""Checks whose unit is known; values of others are shown as plain numbers."""

_FLOORS = frozenset({"disparate-impact", "treatment-equality", "representation"})
_PERCENTS = frozenset({"accuracy", "balanced_accuracy", "positive_predictive_value", "calibration_error", "share"})


_NOT_ASKED = ("these rows name no group", "not part of")  # reasons that more rows would not mend
_JOINERS = "\u200c\u200d\u200e\u200f"  # names in Persian, Indic and right-to-left scripts need them


# -- text -------------------------------------------------------------------------------------------------------------


def plain(text: str) -> str:
    r"""Return text that is safe to show: control characters and direction overrides are spelled out.

    A group can be called anything. An escape sequence would reach the terminal, a NUL is not allowed in HTML or XML,
    and an override would turn the rest of the line around.

    Examples
    --------
    >>> plain("a\x1b[31mb"), plain("two\nlines"), plain("naïve")
    ('a\\x1b[31mb', 'two\\nlines', 'naïve')
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(c.encode("unicode_escape").decode() if _hidden(c) else c for c in text)


def _hidden(char: str) -> bool:
    kind = unicodedata.category(char)
    if kind == "Cf":
        return char not in _JOINERS
    code = ord(char)
    return kind in ("Cc", "Cs", "Zl", "Zp") or code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF


def name(text: str, *, most: int = 120) -> str:
    """Return a group's name for people: safe to show, and not longer than a line or two.

    Examples
    --------
    >>> name("a" * 200, most=5)
    'aaaa…'
    """
    safe = plain(text[: most + 1])
    return safe if len(text) <= most else safe[: most - 1] + "…"


def _pretty(name: str) -> str:
    words = name.replace("-", " ").replace("_", " ").strip()
    return plain(words[:1].upper() + words[1:]) or "Unnamed"


def check_title(check: str) -> str:
    """Return a check's name for people.

    Examples
    --------
    >>> check_title("demographic-parity"), check_title("auc-parity"), check_title("prompt-injection-recall")
    ('Demographic parity', 'AUC parity', 'Prompt injection recall')
    """
    return _CHECKS.get(check) or _pretty(check)


def measure_title(measure: str) -> str:
    """Return a measure's name for people; what stands in brackets is the class or the stratum.

    Examples
    --------
    >>> measure_title("selection_rate"), measure_title("auc"), measure_title("selection_rate[income=low]")
    ('Selection rate', 'Area under the ROC curve', 'Selection rate, income = low')
    """
    name, bracket, inner = measure.partition("[")
    title = _MEASURES.get(name) or _pretty(name)
    return f"{title}, {plain(inner.removesuffix(']').replace('=', ' = ', 1))}" if bracket else title


def subject_title(subject: str) -> str:
    """Return a subject for people.

    Examples
    --------
    >>> subject_title("race × sex"), subject_title("race | income")
    ('race × sex', 'race, within equal income')
    """
    return plain(subject.replace(" | ", ", within equal "))


def finding_title(finding: Finding) -> str:
    """Return check and subject: ``"Demographic parity by race"``."""
    between = _BETWEEN.get(finding.check, "by")
    return f"{check_title(finding.check)} {between} {subject_title(finding.subject)}"


def finding_titles(findings: Sequence[Finding]) -> str:
    """Return the titles of many findings, a check that was made of several subjects once."""
    subjects: dict[tuple[str, str], list[str]] = {}
    for f in findings:
        by = _BETWEEN.get(f.check, "by")
        subjects.setdefault((check_title(f.check), by), []).append(subject_title(f.subject))
    parts = [f"{check} {by} {joined(names, most=60)}" for (check, by), names in subjects.items()]
    return "; ".join(parts)


def lowered(title: str) -> str:
    """Return a title as it stands in the middle of a sentence.

    Examples
    --------
    >>> lowered("Disparate impact by race"), lowered("AUC parity by race"), lowered("Theil index by sex")
    ('disparate impact by race', 'AUC parity by race', 'Theil index by sex')
    """
    keep = title[:2].isupper() or title.startswith("Theil")
    return title if keep else title[:1].lower() + title[1:]


def joined(parts: Sequence[str], *, most: int = 4) -> str:
    """Return a list in words, the first few of many.

    Examples
    --------
    >>> joined(["a"]), joined(["a", "b", "c"]), joined(list("abcdef"), most=2)
    ('a', 'a, b and c', 'a, b and 4 more')
    """
    shown = list(parts[:most])
    if len(parts) > most:
        shown.append(f"{len(parts) - most} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}" if shown else ""


# -- numbers ----------------------------------------------------------------------------------------------------------


def thousands(n: int) -> str:
    r"""Return a whole number with thin spaces between thousands.

    Examples
    --------
    >>> thousands(1989).encode("ascii", "backslashreplace"), thousands(12)
    (b'1\\u202f989', '12')
    """
    return f"{n:,}".replace(",", THIN).replace("-", MINUS)


def amount(value: float, unit: Unit, *, limit: float | None = None) -> str:
    """Return a number without its unit, in digits that suit it.

    Shares are in percent with one decimal, and more where that would round to 0 or 100.

    Parameters
    ----------
    value : float
        The number.
    unit : {"percent", "points", "ratio", "sd", "number"}
        What it is; the first two are shown times 100.
    limit : float, optional
        A number beside which it stands; more digits are shown where the two would read the same and are not.

    Examples
    --------
    >>> [amount(v, "percent") for v in (0, 0.0004, 0.05, 0.9512, 0.99996, 1)]
    ['0', '0.04', '5.0', '95.1', '99.996', '100']
    >>> amount(0.236, "points"), amount(0.79, "ratio"), amount(12.4, "ratio"), amount(0.31, "sd")
    ('23.6', '0.790', '12.40', '0.31')
    >>> [amount(v, "number") for v in (0.000123, 0.04567, 3.14159, 271.8)]
    ['0.00012', '0.046', '3.142', '271.8']
    >>> amount(0.1003, "points"), amount(0.1003, "points", limit=0.1)
    ('10.0', '10.03')
    """
    scale = 100 if unit in ("percent", "points") else 1
    digits = _digits(scale * value, unit)
    if limit is not None and value != limit:
        enough = digits + 4
        while digits < enough and round(scale * value, digits) == round(scale * limit, digits):
            digits += 1
    return _fixed(scale * value, digits)


def _digits(value: float, unit: Unit) -> int:
    """Return how many decimals suit a number, which is in percent if that is its unit."""
    size = abs(value)
    if unit in ("percent", "points"):
        edge = min(size, abs(100 - value)) if unit == "percent" else size
        return 0 if edge == 0 else 1 if edge >= 0.1 else min(-math.floor(math.log10(edge)), 9)
    if unit == "ratio":
        return 3 if size < 10 else 2
    if unit == "sd" or size == 0:
        return 2 if unit == "sd" else 0
    if size < 0.001:
        return min(1 - math.floor(math.log10(size)), 12)
    return 3 if size < 10 else 2 if size < 100 else 1 if size < 1000 else 0


def _fixed(value: float, digits: int) -> str:
    text = f"{value:,.{digits}f}".replace(",", THIN)
    if text.startswith("-"):
        bare = text[1:]
        return MINUS + bare if any(c in "123456789" for c in bare) else bare
    return text


_SUFFIX: dict[Unit, str] = {"percent": "%", "points": " pts", "ratio": "", "sd": " SD", "number": ""}


def with_unit(value: float, unit: Unit, *, limit: float | None = None) -> str:
    """Return a number with its unit: percent, percentage points, standard deviations, or none.

    Examples
    --------
    >>> with_unit(0.676, "percent"), with_unit(0.236, "points"), with_unit(0.2, "sd"), with_unit(0.8, "ratio")
    ('67.6%', '23.6 pts', '0.20 SD', '0.800')
    """
    return amount(value, unit, limit=limit) + _SUFFIX[unit]


def signed(value: float, unit: Unit) -> str:
    """Return a difference with its sign and unit.

    Examples
    --------
    >>> signed(0.02, "points"), signed(0.0, "points")
    ('+2.0 pts', '0 pts')
    """
    text = with_unit(value, unit)
    return f"+{text}" if value > 0 and any(c in "123456789" for c in text) else text


def span(interval: Span | None, unit: Unit, *, limit: float | None = None) -> str:
    """Return an interval in words, or "no interval".

    Examples
    --------
    >>> span((0.172, 0.301), "points"), span(None, "points")
    ('17.2 to 30.1', 'no interval')
    """
    return "no interval" if interval is None else " to ".join(amount(v, unit, limit=limit) for v in interval)


# -- findings ---------------------------------------------------------------------------------------------------------


def check_unit(check: str) -> Unit:
    """Return the unit of a check's value; a plain number where the check is not known."""
    return _CHECK_UNITS.get(check, "number")


def is_floor(finding: Finding) -> bool:
    """Whether the value must not be under the limit. Of checks that are not known, the status and interval tell."""
    if finding.check in _CHECK_UNITS or finding.limit is None:
        return finding.check in _FLOORS
    ends = finding.interval or ((finding.value, finding.value) if finding.value is not None else None)
    if ends is None:
        return False
    good = finding.status is Status.PASS and ends[0] >= finding.limit and ends[1] > finding.limit
    bad = finding.status in (Status.FAIL, Status.WARN) and ends[1] < finding.limit
    return good or bad


def finding_value(finding: Finding) -> str:
    """Return the value with its unit, or "not measured"."""
    if finding.value is None:
        return "not measured"
    return with_unit(finding.value, check_unit(finding.check), limit=finding.limit)


def finding_interval(finding: Finding) -> str:
    """Return the interval, or "no interval"."""
    return span(finding.interval, check_unit(finding.check), limit=finding.limit)


def finding_limit(finding: Finding) -> str:
    """Return the limit and its side: ``"≤ 10.0 pts"``; "none" if there is no limit."""
    if finding.limit is None:
        return "none"
    return f"{'≥' if is_floor(finding) else '≤'} {with_unit(finding.limit, check_unit(finding.check))}"


# -- groups -----------------------------------------------------------------------------------------------------------


def measure_unit(measure: str) -> Unit:
    """Return the unit of a per-group measure: percent for rates and shares, else a plain number.

    Examples
    --------
    >>> measure_unit("selection_rate[low]"), measure_unit("auc"), measure_unit("share_difference")
    ('percent', 'number', 'points')
    """
    name = measure.partition("[")[0]
    if name == "share_difference":
        return "points"
    return "percent" if name.endswith(("_rate", "_share")) or name in _PERCENTS else "number"


def difference_unit(measure: str) -> Unit:
    """Return the unit of a difference between two groups' values."""
    return "points" if measure_unit(measure) in ("percent", "points") else "number"


def measure_amount(value: float, measure: str) -> str:
    """Return a group's number with its unit."""
    return with_unit(value, measure_unit(measure))


def measure_value(m: Measure | None, measure: str, *, short: bool = False) -> str:
    """Return a group's number with its unit, or in words why there is none; `short` leaves the reason away."""
    if m is None:
        return "not measured"
    return no_value(m, short=short) if m.value is None else measure_amount(m.value, measure)


def no_value(m: Measure, *, short: bool = False) -> str:
    """Return in words that there is no number: withheld, not measured, or not enough data.

    Examples
    --------
    >>> no_value(Measure(value=None, interval=None, n=None, why="withheld: fewer than 5 people"))
    'withheld (fewer than 5 people)'
    >>> no_value(Measure(value=None, interval=None, n=9, why="no row was selected"))
    'not enough data: no row was selected'
    """
    why = plain(m.why or "")
    if why.startswith("withheld"):
        reason = why.removeprefix("withheld").strip(": ()")
        return f"withheld ({reason})" if reason else "withheld"
    what = "not measured" if why.startswith(_NOT_ASKED) else "not enough data"
    return what if short or not why else f"{what}: {why}"


def measure_interval(m: Measure | None, measure: str) -> str:
    """Return the interval of a group's number; empty if there is no number."""
    if m is None or m.value is None:
        return ""
    return span(m.interval, measure_unit(measure))


def measure_count(row: GroupRow, m: Measure | None) -> str:
    """Return the rows behind a group's number; empty if there is no number or it is withheld."""
    return "" if m is None or m.n is None else _about(row) + thousands(m.n)


def group_count(row: GroupRow, suppress_below: int) -> str:
    """Return a group's rows, or that they are withheld."""
    return withheld(suppress_below) if row.n is None else _about(row) + thousands(row.n)


def _about(row: GroupRow) -> str:
    return "~" if row.rounded else ""


def withheld(suppress_below: int) -> str:
    """Return the words for a number that is not published."""
    return f"withheld (fewer than {suppress_below} people)"
