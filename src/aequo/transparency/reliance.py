"""Does a model lean on different columns for different groups of people? From effects per group to a finding."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aequo.core.finding import Evidence, Finding, Status
from aequo.core.quantiles import normal_quantile
from aequo.transparency.explanation import GroupReliance, Reliance
from aequo.transparency.permuted import Effects, max_t, shares

__all__ = ["compared", "surely_any"]


def surely_any(found: Effects, confidence: float) -> bool:
    """Whether the sum of the importances is surely above 0, so that shares of it mean something."""
    if not len(found.values):
        return False
    total = Effects(found.values.sum(keepdims=True), found.influence.sum(axis=1, keepdims=True))
    return bool(total.interval(confidence)[0][0] > 0)


def compared(
    subject: str,
    groups: Sequence[tuple[GroupReliance, Effects | None]],
    names: Sequence[str],
    limit: float,
    confidence: float,
    seed: int,
    evidence: tuple[Evidence, ...] = (),
) -> tuple[Finding, tuple[Reliance, ...]]:
    """Return the finding on one group column, and the largest difference of shares for each column.

    Parameters
    ----------
    subject : str
        The group column.
    groups : sequence of (GroupReliance, Effects or None)
        The groups; those without effects take no part.
    names : sequence of str
        Names of the blocks of columns.
    limit : float
        Largest difference of shares that is accepted.
    confidence : float
        Level.
    seed : int
        Of the simultaneous critical value.
    evidence : tuple of Evidence
        What the finding stands on.

    Notes
    -----
    As for the largest difference of rates (`aequo.core.intervals.max_difference`): the low ends hold for all columns
    and pairs of groups at once, and show a difference; the high ends need no correction, since only one of them is that
    of the largest true difference.
    """
    judged = [(g, shares(e)) for g, e in groups if e is not None]
    rest = [g for g, e in groups if e is None]
    n = sum(g.n for g, _ in judged)
    if len(judged) < 2:
        why = f"Not judged: {len(judged)} of {len(groups)} groups of {subject} can be compared{_because(rest)}."
        return _finding(subject, Status.UNKNOWN, None, None, n, limit, why, evidence), ()
    values = np.stack([s.values for _, s in judged])
    variances = np.stack([s.errors**2 for _, s in judged])
    strict = max_t([s.covariance for _, s in judged], confidence, seed=seed)
    plain = normal_quantile((1 + confidence) / 2)
    reliance = []
    for b, name in enumerate(names):
        high, low = int(values[:, b].argmax()), int(values[:, b].argmin())
        apart = values[:, None, b] - values[None, :, b]
        errors = np.sqrt(variances[:, None, b] + variances[None, :, b])
        ends = (max(0.0, float((apart - strict * errors).max())), float((apart + plain * errors).max()))
        reliance.append(
            Reliance(
                subject=subject,
                name=name,
                high_group=judged[high][0].group,
                low_group=judged[low][0].group,
                difference=float(apart.max()),
                interval=ends,
            )
        )
    reliance.sort(key=lambda r: (-r.difference, r.name))
    first = reliance[0]
    interval = (max(r.interval[0] for r in reliance), max(r.interval[1] for r in reliance))
    status = Status.FAIL if interval[0] > limit else Status.PASS if interval[1] <= limit else Status.UNKNOWN
    if status is Status.PASS and rest:
        status = Status.UNKNOWN
    why = _said(
        subject, status, first, interval, limit, rest, [(g, s.values[names.index(first.name)]) for g, s in judged]
    )
    return _finding(subject, status, first.difference, interval, n, limit, why, evidence), tuple(reliance)


def _said(
    subject: str,
    status: Status,
    first: Reliance,
    interval: tuple[float, float],
    limit: float,
    rest: Sequence[GroupReliance],
    parts: Sequence[tuple[GroupReliance, float]],
) -> str:
    share = {g.group: value for g, value in parts}
    most, least = _percent(share[first.high_group]), _percent(share[first.low_group])
    seen = f"{first.name} is {most} of what the model leans on for {first.high_group}, {least} for {first.low_group}"
    reach = f"{_points(first.difference)} ({100 * interval[0]:.1f} to {100 * interval[1]:.1f})"
    if status is Status.FAIL:
        return f"The model leans on different columns by {subject}: {seen}; {reach} apart, over {_points(limit)}."
    if status is Status.PASS:
        return f"The model leans on the same columns by {subject}: the largest difference is {reach}, in {first.name}."
    if rest and interval[1] <= limit:
        return (
            f"Not judged: the largest difference is {reach}, and {len(rest)} groups cannot be compared{_because(rest)}."
        )
    return f"Whether the model leans on different columns by {subject}, the data cannot tell: {seen}; {reach} apart."


def _because(rest: Sequence[GroupReliance]) -> str:
    reasons = list(dict.fromkeys(g.why for g in rest))
    return f" ({'; '.join(reasons)})" if reasons else ""


def _percent(value: float) -> str:
    return f"{100 * value:.0f}%"


def _points(value: float) -> str:
    return f"{100 * value:.1f} pts"


def _finding(
    subject: str,
    status: Status,
    value: float | None,
    interval: tuple[float, float] | None,
    n: int,
    limit: float,
    why: str,
    evidence: tuple[Evidence, ...],
) -> Finding:
    return Finding(
        id=f"transparency/reliance/{subject}",
        check="reliance",
        subject=subject,
        status=status,
        value=value,
        interval=interval,
        n=n,
        limit=limit,
        why=why,
        measures=("importance_share",),
        evidence=evidence,
    )
