"""`Finding`: one measured statement about a system, and what it stands on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Evidence", "Finding", "Status", "overall"]


class Status(StrEnum):
    """What a finding says of its limit. `UNKNOWN` is an answer: the data cannot tell."""

    PASS = "pass"
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"

    @property
    def severity(self) -> int:
        """Rank for sorting, worst first: FAIL 3, UNKNOWN 2, WARN 1, PASS 0."""
        return _SEVERITY[self]


_SEVERITY = {Status.PASS: 0, Status.WARN: 1, Status.UNKNOWN: 2, Status.FAIL: 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Which bytes support a statement.

    Attributes
    ----------
    kind : str
        What was hashed: ``"counts"``, ``"file"``, ``"policy"``.
    digest : str
        ``"sha256:<64 hex digits>"``.
    """

    kind: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One measured statement about a system.

    Attributes
    ----------
    id : str
        ``area/check/subject``, such as ``"fairness/equal-opportunity/sex"``.
    check : str
        Name of the check, such as ``"equal-opportunity"``.
    subject : str
        What was checked: a group column, or crossed columns as ``"race × sex"``.
    status : Status
        `PASS`: the whole interval keeps the limit. `FAIL`: the whole interval breaks it. `UNKNOWN`: the data cannot
        tell. `WARN`: it breaks the limit of a check that the policy does not require.
    value : float or None
        The estimate; None if it could not be measured, and then `why` says why.
    interval : tuple of float or None
        Low and high end at the policy's confidence level.
    n : int
        Rows behind the number.
    limit : float or None
        What the value is held against.
    why : str
        One plain sentence.
    required : bool
        Whether the policy makes the verdict depend on it.
    measures : tuple of str
        The per-group measures it compares, such as ``("true_positive_rate",)``.
    evidence : tuple of Evidence
        The bytes that it stands on.
    """

    id: str
    check: str
    subject: str
    status: Status
    value: float | None
    interval: tuple[float, float] | None
    n: int
    limit: float | None
    why: str
    required: bool = True
    measures: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()


def overall(findings: Iterable[Finding]) -> Status:
    """Return the verdict over many findings.

    FAIL if a required finding failed; else UNKNOWN if a required one could not be judged, or if there is nothing to
    judge; else WARN if anything warns; else PASS.

    Examples
    --------
    >>> overall([])
    <Status.UNKNOWN: 'unknown'>
    """
    found = list(findings)
    required = {f.status for f in found if f.required}
    for status in (Status.FAIL, Status.UNKNOWN):
        if status in required:
            return status
    if not required:
        return Status.UNKNOWN
    return Status.WARN if any(f.status is Status.WARN for f in found) else Status.PASS
