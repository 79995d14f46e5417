"""The gate: from an assessment to an exit code. Command line, Python and pytest all pass through here."""

from __future__ import annotations

from typing import Literal, get_args

from aequo.core.finding import Finding, Status
from aequo.errors import InputError, did_you_mean
from aequo.report.result import Assessment

__all__ = ["FailOn", "explain", "gate", "stopped_by"]

FailOn = Literal["unknown", "fail", "never"]
"""What keeps the gate shut: FAIL and UNKNOWN, FAIL alone, or nothing."""

_CODES = {Status.FAIL: 1, Status.UNKNOWN: 3}
_SHUT: dict[str, tuple[Status, ...]] = {
    "unknown": (Status.FAIL, Status.UNKNOWN),
    "fail": (Status.FAIL,),
    "never": (),
}


def gate(assessment: Assessment, *, fail_on: FailOn = "unknown") -> int:
    """Return the exit code that an assessment earns.

    Parameters
    ----------
    assessment : Assessment
        What `aequo.assess` returned.
    fail_on : {"unknown", "fail", "never"}
        ``"unknown"``: the gate opens for PASS and WARN alone. ``"fail"``: also for UNKNOWN. ``"never"``: always.

    Returns
    -------
    int
        0 where the gate opens, 1 where a required finding failed, 3 where a required one could not be judged. (2 is the
        command line's, for calls, policies and data that cannot be used.)

    Raises
    ------
    InputError
        If `fail_on` is none of these.

    Examples
    --------
    >>> import aequo
    >>> data = {"hired": [1, 1, 0, 0] * 5, "sex": ["f", "m", "f", "m"] * 5}
    >>> result = aequo.assess(data, label="hired", group="sex")
    >>> result.verdict.value, gate(result), gate(result, fail_on="fail")
    ('unknown', 3, 0)
    """
    return _CODES[assessment.verdict] if assessment.verdict in _shut(fail_on) else 0


def stopped_by(assessment: Assessment, *, fail_on: FailOn = "unknown") -> tuple[Finding, ...]:
    """Return the required findings that keep the gate shut, worst first.

    Empty where the gate opens, and where it is shut because nothing that the policy requires was there to judge.

    Raises
    ------
    InputError
        If `fail_on` is none of the three words.
    """
    shut = _shut(fail_on)
    found = [f for f in assessment.findings if f.required and f.status in shut]
    return tuple(sorted(found, key=lambda f: -f.status.severity))


def explain(assessment: Assessment, *, fail_on: FailOn = "unknown") -> str:
    """Return one line that says what the gate did and why.

    Raises
    ------
    InputError
        If `fail_on` is none of the three words.
    """
    code = gate(assessment, fail_on=fail_on)
    verdict = assessment.verdict.value.upper()
    if code == 0:
        asked = "" if fail_on == "unknown" else f", because it was asked to fail on {fail_on!r}"
        return f"Verdict {verdict}: exit code 0{asked if assessment.verdict in _CODES else ''}."
    stopped = [f for f in stopped_by(assessment, fail_on=fail_on) if f.status is assessment.verdict]
    if not stopped:
        return f"Verdict {verdict}: exit code {code}, because nothing that the policy requires was there to judge."
    did = "failed" if assessment.verdict is Status.FAIL else "could not be judged"
    count = f"{len(stopped)} required finding{'s' if len(stopped) > 1 else ''} {did}"
    return f"Verdict {verdict}: exit code {code}, because {count}."


def _shut(fail_on: str) -> tuple[Status, ...]:
    if fail_on not in _SHUT:
        known = get_args(FailOn)
        raise InputError(
            f"fail_on is {fail_on!r}, expected {', '.join(map(repr, known[:-1]))} or {known[-1]!r}."
            f"{did_you_mean(fail_on, known)}"
        )
    return _SHUT[fail_on]
