"""From what decisions bring to findings: is a gap too wide, does a group lose too much."""

from __future__ import annotations

from collections.abc import Sequence

from aequo.core.finding import Evidence, Finding, Status
from aequo.ethics.impact import Impact, StakeholderImpact

__all__ = ["findings_of"]


def findings_of(
    impact: Impact,
    *,
    max_gap: float | None,
    max_loss: float | None,
    exact: Impact | None = None,
    evidence: Sequence[Evidence] = (),
) -> tuple[Finding, ...]:
    """Judge an impact by limits in the unit of its utilities.

    Parameters
    ----------
    impact : Impact
        What decisions bring.
    max_gap : float or None
        Largest difference between groups, for each stakeholder that is not one party; None judges none.
    max_loss : float or None
        What a group, or the one party, may lose against the baseline; None judges none.
    exact : Impact, optional
        The impact before its numbers were rounded for publication: statuses are decided on it.
    evidence : sequence of Evidence
        What the findings stand on.

    Returns
    -------
    tuple of Finding
        PASS if the whole interval is within the limit, FAIL if all of it is beyond, else UNKNOWN. Nothing passes while
        a group takes no part, and without a baseline a loss is not known.

    Examples
    --------
    >>> from aequo.ethics import evaluate_utilitarian_impact
    >>> rows = {"sex": ["f"] * 500 + ["m"] * 500, "hired": [1] * 200 + [0] * 300 + [1] * 400 + [0] * 100}
    >>> table = {"selected": 1, "rejected": 0}
    >>> impact = evaluate_utilitarian_impact(rows, utilities=table, group="sex", prediction="hired")
    >>> found = findings_of(impact, max_gap=0.2, max_loss=0)
    >>> [(f.id, f.status.value) for f in found]
    [('ethics/utility-gap/sex/people', 'fail'), ('ethics/utility-loss/sex', 'unknown')]
    """
    true = exact or impact
    out = []
    if max_gap is not None:
        pairs = zip(impact.stakeholders, true.stakeholders, strict=True)
        out += [_gap(impact, s, t, max_gap, tuple(evidence)) for s, t in pairs if not s.one_party]
    if max_loss is not None:
        out.append(_loss(impact, true, max_loss, tuple(evidence)))
    return tuple(out)


def _gap(
    impact: Impact, s: StakeholderImpact, true: StakeholderImpact, limit: float, evidence: tuple[Evidence, ...]
) -> Finding:
    name, gap = impact.subject.replace(" × ", "+"), s.gap
    if gap is None or true.gap is None:
        status, why = Status.UNKNOWN, "Not judged: fewer than two groups have enough rows."
    else:
        status = _judged(true.gap.interval, limit, impact)
        low, high = gap.interval
        ends = {g.group: g.utility for g in s.groups}
        why = (
            f"What {s.name} can expect runs from {_number(ends[gap.worst])} ({gap.worst}) to "
            f"{_number(ends[gap.best])} ({gap.best}): a difference of {_number(gap.value)} (interval {_number(low)} to "
            f"{_number(high)}), {_words(status, limit)}.{_small(impact)}"
        )
    return Finding(
        id=f"ethics/utility-gap/{name}/{s.name}",
        check="utility-gap",
        subject=impact.subject if len(impact.stakeholders) == 1 else f"{impact.subject} ({s.name})",
        status=status,
        value=None if gap is None else gap.value,
        interval=None if gap is None else gap.interval,
        n=impact.n,
        limit=limit,
        why=why,
        evidence=evidence,
    )


def _loss(impact: Impact, true: Impact, limit: float, evidence: tuple[Evidence, ...]) -> Finding:
    change = impact.loses_most
    value, interval = None, None
    if change is None or true.loses_most is None:
        why = "no group has enough rows" if not impact.n else "there is no baseline to compare with"
        status, why = Status.UNKNOWN, f"Not judged: {why}."
    else:
        value, interval = 0.0 - change.value, (0.0 - change.interval[1], 0.0 - change.interval[0])
        low, high = true.loses_most.interval
        status = _judged((0.0 - high, 0.0 - low), limit, impact)
        who = f"{change.group} ({change.stakeholder})" if change.group else change.stakeholder
        lost = "loses most" if value > 0 else "gains least"
        why = (
            f"Against the baseline {who} {lost}: {_number(abs(value))} (loss {_number(interval[0])} to "
            f"{_number(interval[1])}), {_words(status, limit)}.{_small(impact)}"
        )
    return Finding(
        id=f"ethics/utility-loss/{impact.subject.replace(' × ', '+')}",
        check="utility-loss",
        subject=impact.subject,
        status=status,
        value=value,
        interval=interval,
        n=impact.n,
        limit=limit,
        why=why,
        evidence=evidence,
    )


def _judged(interval: tuple[float, float], limit: float, impact: Impact) -> Status:
    low, high = interval
    if low > limit:
        return Status.FAIL
    return Status.PASS if high <= limit and not impact.left_out else Status.UNKNOWN


def _small(impact: Impact) -> str:
    if not impact.left_out:
        return ""
    many = len(impact.left_out)
    named = ", ".join(impact.left_out[:8]) + (f" and {many - 8} more" if many > 8 else "")
    return f" Too few rows to take part: {named}."


def _words(status: Status, limit: float) -> str:
    return {
        Status.PASS: f"within the limit of {_number(limit)}",
        Status.FAIL: f"beyond the limit of {_number(limit)}",
        Status.UNKNOWN: f"and the data cannot tell on which side of the limit of {_number(limit)} it is",
    }[status]


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value + 0.0:.3g}"
