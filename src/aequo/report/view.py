"""What every view shows of an assessment, and in which order; no text and no layout."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aequo.core.finding import Finding, Status
from aequo.core.levels import MISSING
from aequo.report.result import Assessment, GroupRow, Measure
from aequo.report.words import (
    finding_title,
    joined,
    lowered,
    measure_title,
    name,
    no_value,
    plain,
    subject_title,
    withheld,
)

__all__ = ["Block", "Figure", "Unjudged", "blocks", "ends", "ranked", "tally", "unjudged"]

ORDER = (Status.FAIL, Status.UNKNOWN, Status.WARN, Status.PASS)


def ranked(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings worst first; among equals required ones first, then in the order given."""
    return sorted(findings, key=lambda f: (-f.status.severity, not f.required))


def tally(findings: Sequence[Finding]) -> list[tuple[Status, int]]:
    """Return how many findings have each status, worst first, without those that do not occur."""
    counts = [(status, sum(f.status is status for f in findings)) for status in ORDER]
    return [(status, n) for status, n in counts if n]


@dataclass(frozen=True, slots=True)
class Figure:
    """One measure of one subject, and the findings that compare it.

    Attributes
    ----------
    measure : str
        Such as ``"selection_rate"``.
    rows : tuple of (GroupRow, Measure or None)
        Groups in order; None where the group has no such number.
    findings : tuple of Finding
        Those that compare this measure of this subject, worst first.
    main : bool
        Whether a required or beyond-limit finding compares it, so that it is shown at once.
    """

    measure: str
    rows: tuple[tuple[GroupRow, Measure | None], ...]
    findings: tuple[Finding, ...]
    main: bool

    @property
    def compared(self) -> bool:
        """Whether any group's value is compared with the reference group's."""
        return any(m is not None and (m.difference is not None or m.ratio is not None) for _, m in self.rows)


@dataclass(frozen=True, slots=True)
class Block:
    """All that is shown of one subject.

    Attributes
    ----------
    subject : str
        Group column, or crossed columns as ``"race × sex"``.
    rows : tuple of GroupRow
        Its groups.
    outcomes : tuple of Figure
        Measures of decisions, the most telling first.
    data : tuple of Figure
        Measures of the data alone.
    """

    subject: str
    rows: tuple[GroupRow, ...]
    outcomes: tuple[Figure, ...]
    data: tuple[Figure, ...]

    @property
    def crossed(self) -> bool:
        """Whether several columns are crossed."""
        return " × " in self.subject


def blocks(assessment: Assessment) -> list[Block]:
    """Return one block per subject, in the order of the per-group table."""
    by_subject: dict[str, list[GroupRow]] = {}
    for row in assessment.groups:
        by_subject.setdefault(row.subject, []).append(row)
    about: dict[str, list[Finding]] = {}
    for finding in ranked(assessment.findings):
        about.setdefault(finding.subject.split(" | ")[0], []).append(finding)
    return [_block(subject, rows, about.get(subject, [])) for subject, rows in by_subject.items()]


def _block(subject: str, rows: list[GroupRow], findings: list[Finding]) -> Block:
    names: dict[str, None] = {}
    for row in rows:
        names.update(dict.fromkeys(row.measures))
    compared: dict[str, list[Finding]] = {}
    for f in findings:
        for measure in f.measures:
            compared.setdefault(measure, []).append(f)
    figures = []
    for measure in names:
        by = tuple(compared.get(measure, ()))
        main = any(f.required or f.status is Status.WARN for f in by)
        figures.append(Figure(measure, tuple((row, row.measures.get(measure)) for row in rows), by, main))
    # The selection rate is what every reader understands; then what is compared, then the rest.
    figures.sort(key=lambda f: (not f.measure.startswith("selection_rate"), not f.main, not f.findings))
    data = tuple(f for f in figures if f.findings and all(x.id.startswith("data/") for x in f.findings))
    return Block(subject, tuple(rows), tuple(f for f in figures if f not in data), data)


def ends(
    rows: Sequence[tuple[GroupRow, Measure | None]], most: int
) -> tuple[list[tuple[GroupRow, Measure | None]], list[tuple[GroupRow, Measure | None]]]:
    """Split the groups into those to show, the lowest and highest values of many, and the rest.

    Parameters
    ----------
    rows : sequence of (GroupRow, Measure or None)
        Groups in order.
    most : int
        How many to show.

    Returns
    -------
    tuple of list
        Shown and rest. All are shown, in the given order, if they are at most `most`; else the shown are sorted by
        value, the reference group is among them, and groups that are judged go before groups that are not.
    """
    if len(rows) <= most:
        return list(rows), []
    known = [(m.value, i) for i, (row, m) in enumerate(rows) if m is not None and m.value is not None and row.judged]
    known.sort()
    half = (most - 1) // 2  # one place is for the reference group
    keep = {i for _, i in (*known[:half], *known[-half:])} | {i for i, (row, _) in enumerate(rows) if row.reference}
    for i, (row, _) in enumerate(rows):
        if len(keep) >= most:
            break
        if row.n is not None or not known:
            keep.add(i)
    shown = sorted((r for i, r in enumerate(rows) if i in keep), key=_by_value)
    return shown, [r for i, r in enumerate(rows) if i not in keep]


def _by_value(pair: tuple[GroupRow, Measure | None]) -> float:
    return math.inf if pair[1] is None or pair[1].value is None else pair[1].value


@dataclass(frozen=True, slots=True)
class Unjudged:
    """Something that no verdict covers.

    Attributes
    ----------
    what : str
        The groups, numbers or check.
    why : str
        The reason, a sentence or part of one.
    """

    what: str
    why: str


def unjudged(assessment: Assessment, *, most: int = 12) -> list[Unjudged]:
    """Return what was not judged and why: checks without a value, groups left out, numbers that are undefined."""
    out = [
        Unjudged(finding_title(f), plain(f.why).removeprefix("Not judged: "))
        for f in ranked(assessment.findings)
        if f.value is None and f.status is Status.UNKNOWN and f.check != "small-groups"
    ]
    least, hide = assessment.policy.groups.min_size, assessment.policy.privacy.suppress_below
    reasons: dict[tuple[str, str], list[str]] = {}
    for row in assessment.groups:
        if not row.judged:
            reasons.setdefault((row.subject, _why_left_out(row, least, hide)), []).append(name(row.group))
            continue
        for measure, m in row.measures.items():
            if m.value is None:
                what = (row.subject, f"{lowered(measure_title(measure))}: {_reason(m, hide)}")
                reasons.setdefault(what, []).append(name(row.group))
    for (subject, why), groups in reasons.items():
        out.append(Unjudged(f"{joined(groups, most=most)} ({subject_title(subject)})", why))
    return out


def _why_left_out(row: GroupRow, least: int, hide: int) -> str:
    if row.n is None:
        return withheld(hide)
    if any(part == MISSING for part in row.group.split(" · ")):
        return "these rows name no group: they are shown but not compared"
    return f"fewer than {least} rows: shown but not compared"


def _reason(m: Measure, hide: int) -> str:
    if m.n is None:
        return withheld(hide)
    return no_value(m)
