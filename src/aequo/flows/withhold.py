"""Withholding: what may be said of a table in which some group is too small to publish.

Leaving the small group's numbers out is not enough. Its size is the column's total less the other groups, and its
outcomes follow from their rates. So where a group is withheld, everything else in the same table is rounded: sizes to
`ROUND_TO` rows, all other numbers to two decimals. Where one measure of a group is withheld, the group's other measures
are, since a rate of four people follows from the group's accuracy and error rates. What can then be worked out is a
range of sizes and outcomes, not one answer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from aequo.core.finding import Finding
from aequo.report.result import GroupRow, Measure

__all__ = ["DECIMALS", "ROUND_TO", "published_digest", "round_finding", "round_rows", "rounded_subjects"]

ROUND_TO = 10
DECIMALS = 2


def rounded_subjects(rows: Sequence[GroupRow]) -> frozenset[str]:
    """Return the subjects in whose table a group is withheld.

    Examples
    --------
    >>> row = GroupRow(subject="race", group="x", n=None, share=None, reference=False, judged=False, measures={})
    >>> sorted(rounded_subjects([row]))
    ['race']
    """
    return frozenset(row.subject for row in rows if row.n is None)


def round_rows(rows: Sequence[GroupRow], subjects: Collection[str]) -> tuple[GroupRow, ...]:
    """Return the rows with those of `subjects`, and those with a withheld measure, rounded and marked as such."""
    return tuple(
        _round_row(row)
        if row.n is not None and (row.subject in subjects or any(m.n is None for m in row.measures.values()))
        else row
        for row in rows
    )


def _round_row(row: GroupRow) -> GroupRow:
    return replace(
        row,
        n=_size(row.n),
        share=_number(row.share),
        rounded=True,
        measures={name: _round_measure(m) for name, m in row.measures.items()},
    )


def _round_measure(m: Measure) -> Measure:
    return replace(
        m,
        value=_number(m.value),
        interval=_pair(m.interval),
        n=_size(m.n),
        difference=_number(m.difference),
        difference_interval=_pair(m.difference_interval),
        ratio=_number(m.ratio),
        ratio_interval=_pair(m.ratio_interval),
    )


def round_finding(finding: Finding, ends: tuple[str | None, str | None] = (None, None)) -> Finding:
    """Return the finding with its numbers rounded and a sentence that holds no others.

    Parameters
    ----------
    finding : Finding
        A finding on a subject in which something is withheld. Its status stays as decided on the exact numbers.
    ends : tuple of (str or None)
        Names of the groups with the lowest and the highest value, for the sentence.

    Examples
    --------
    >>> from aequo.core.finding import Status
    >>> exact = Finding(
    ...     id="fairness/demographic-parity/race+sex", check="demographic-parity", subject="race × sex",
    ...     status=Status.WARN, value=0.30769, interval=(0.13119, 0.44724), n=1974, limit=0.1, why="...",
    ... )
    >>> rounded = round_finding(exact, ("black · female", "white · female"))
    >>> rounded.value, rounded.interval, rounded.n
    (0.31, (0.13, 0.45), 1970)
    >>> rounded.why.partition(". Rounded")[0]
    'About 0.31 between black · female and white · female (interval 0.13 to 0.45), which does not keep the limit of 0.1'
    """
    value, interval = _number(finding.value), _pair(finding.interval)
    rounded = replace(finding, value=value, interval=interval, n=ROUND_TO * round(finding.n / ROUND_TO))
    if finding.value is None or finding.limit is None:
        return rounded
    between = f" between {ends[0]} and {ends[1]}" if ends[0] and ends[1] and ends[0] != ends[1] else ""
    span = f" (interval {interval[0]:g} to {interval[1]:g})" if interval is not None else ""
    limit = f"the limit of {finding.limit:g}"
    judged = {
        "pass": f"which keeps {limit}",
        "fail": f"which does not keep {limit}",
        "warn": f"which does not keep {limit}",
        "unknown": f"and the data cannot tell on which side of {limit} it is",
    }[finding.status.value]
    why = f"About {value:g}{between}{span}, {judged}. Rounded, since a group in this table is withheld."
    return replace(rounded, why=why)


def published_digest(rows: Sequence[GroupRow], measures: Collection[str]) -> str:
    """Return ``sha256:...`` of the published sizes and measures, the same on every engine.

    A digest of the exact counts could be tried against the few values that a withheld group can have.

    Parameters
    ----------
    rows : sequence of GroupRow
        The rows as published.
    measures : collection of str
        Measures to take in: those that come from the counts alone.
    """
    plain = [
        [row.subject, row.group, row.n, {k: _plain(m) for k, m in sorted(row.measures.items()) if k in measures}]
        for row in rows
    ]
    return "sha256:" + hashlib.sha256(msgspec.json.encode(plain)).hexdigest()


def _plain(m: Measure) -> Mapping[str, Any]:
    return {"value": None if m.value is None else f"{m.value:.9g}", "n": m.n}


def _size(n: int | None) -> int | None:
    return None if n is None else ROUND_TO * round(n / ROUND_TO)


def _number(value: float | None) -> float | None:
    return None if value is None else round(value, DECIMALS) + 0.0


def _pair(interval: tuple[float, float] | None) -> tuple[float, float] | None:
    return None if interval is None else (round(interval[0], DECIMALS) + 0.0, round(interval[1], DECIMALS) + 0.0)
