"""What an assessment asks: every fairness metric and data check as one `Question`, before it is decided."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from aequo.core.counts import Counts
from aequo.core.finding import Status
from aequo.core.limits import REQUIRED
from aequo.core.policy import CHECKS, Policy
from aequo.errors import InputError
from aequo.fairness import checks, regression, strata
from aequo.fairness.data_check import DataCheck
from aequo.fairness.measures import Outcomes
from aequo.fairness.metric import Metric
from aequo.fairness.words import sentence

__all__ = ["Question", "metrics_of", "questions", "subjects_of"]

Interval = tuple[float, float] | None
_RATES = (
    "demographic-parity",
    "disparate-impact",
    "equal-opportunity",
    "equalized-odds",
    "false-positive-rate-parity",
    "false-negative-rate-parity",
    "predictive-parity",
    "accuracy-parity",
)
_OF_DATA = ("reference-population", "proxies", "duplicates", "label-noise")
MOST_STRATA = 50
MOST_NAMED = 8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Question:
    """One thing to be judged, before its status is known."""

    area: str
    check: str
    subject: str
    n: int
    limit: float | None
    required: bool
    measures: tuple[str, ...]
    at: Callable[[float], tuple[float | None, Interval]]
    status: Callable[[float], Status]
    words: Callable[[Status, Interval], str]
    ends: tuple[str | None, str | None] = (None, None)


def questions(
    counts: Counts,
    subjects: Sequence[tuple[str, ...]],
    found: Sequence[Metric],
    checks: Sequence[DataCheck],
    policy: Policy,
) -> list[Question]:
    """Return metrics, data checks and the groups too small to judge as questions of one shape."""
    asked = [_of_metric(metric, policy) for metric in found] + [_of_check(check, policy) for check in checks]
    asked += [_small_groups(counts, by, policy) for by in subjects]
    there = {q.check for q in asked}
    # Of the defaults, those that do not fit the outcome are not asked for; what a policy adds to them it wants to know.
    return asked + [_unasked(check, policy) for check in policy.required if check not in {*there, *REQUIRED}]


def _unasked(check: str, policy: Policy) -> Question:
    """Name a check that the policy requires and that the columns given do not allow: silence would read as a pass."""

    def at(_confidence: float) -> tuple[float | None, Interval]:
        return None, None

    def words(_status: Status, _interval: Interval) -> str:
        return "Not judged: the policy requires it, and the columns that were given do not allow it."

    return Question(
        area="data" if check in _OF_DATA else "fairness",
        check=check,
        subject=" × ".join(policy.groups.columns),
        n=0,
        limit=None,
        required=True,
        measures=(),
        at=at,
        status=lambda _confidence: Status.UNKNOWN,
        words=words,
    )


def subjects_of(counts: Counts, policy: Policy) -> list[tuple[str, ...]]:
    """Each group column, then pairs and the whole crossing, as far as the policy allows."""
    columns = policy.groups.columns
    subjects: list[tuple[str, ...]] = [(c,) for c in columns]
    if policy.groups.intersections != "off" and len(columns) > 1:
        crossed = [*itertools.combinations(columns, 2)] + ([tuple(columns)] if len(columns) > 2 else [])
        subjects += [by for by in crossed if len(counts.groups(by)) <= policy.groups.max_groups]
    return subjects


def metrics_of(counts: Counts, by: tuple[str, ...], policy: Policy, kind: str) -> list[Metric]:
    """Every fairness metric that the columns allow, for one subject."""
    size = max(policy.groups.min_size, policy.privacy.suppress_below)
    reference = policy.groups.reference.get(by[0]) if len(by) == 1 else None
    how: dict[str, Any] = {"confidence": policy.statistics.confidence, "reference": reference, "min_size": size}
    if kind == "regression":
        both = "scored" in counts.sums and bool(counts.sums["scored"].any())
        names = [c for c, (_, needs) in regression.REGRESSION.items() if both or not needs]
        return [regression.run(c, counts, by=by, limit=policy.limit(c), **how) for c in names]
    has = {"decision"}
    if counts.role("label") is not None and counts.role("prediction") is not None:
        has.add("label")
    if counts.role("bin") is not None:
        has.add("score")
    names = [c for c, check in checks.CHECKS.items() if check.needs <= has and c in CHECKS]
    if kind == "multiclass":
        return [strata.by_class(c, counts, by=by, limit=policy.limit(c), **how) for c in names if c in _RATES]
    outcomes = Outcomes.of(counts, by, favourable=policy.data.favourable)
    out = [checks.run(c, outcomes, limit=policy.limit(c), **how) for c in names]
    return out + _conditional(counts, by, policy, how)


def _conditional(counts: Counts, by: tuple[str, ...], policy: Policy, how: Mapping[str, Any]) -> list[Metric]:
    """Compare selection rates within the values of each control column."""
    out = []
    for control in policy.groups.controls:
        values = [v for v in counts.dims[counts.axis(control)].levels if v is not None]
        if len(values) > MOST_STRATA:
            raise InputError(
                f"control column {control!r} has {len(values)} different values; {MOST_STRATA} is the most: group "
                "its values into a few first."
            )
        limit = policy.limit("conditional-parity")
        found = strata.conditional_parity(counts, control, by=by, favourable=policy.data.favourable, limit=limit, **how)
        out.append(replace(found, subject=f"{found.subject} | {control}"))
    return out


def _required(policy: Policy, check: str, subject: str) -> bool:
    crossed = subject.split(" | ", maxsplit=1)[0] not in policy.groups.columns and " × " in subject
    return check in policy.required and (not crossed or policy.groups.intersections == "required")


def _of_metric(metric: Metric, policy: Policy) -> Question:
    return Question(
        area="fairness",
        check=metric.name,
        subject=metric.subject,
        n=metric.n,
        limit=metric.limit,
        required=_required(policy, metric.name, metric.subject),
        measures=tuple(m.name for m in metric.measured),
        at=metric.at,
        status=metric.status_at,
        words=lambda s, interval: sentence(metric, s, interval),
        ends=(metric.lowest, metric.highest),
    )


def _of_check(check: DataCheck, policy: Policy) -> Question:
    return Question(
        area="data",
        check=check.check,
        subject=check.subject,
        n=check.n,
        limit=check.limit,
        required=_required(policy, check.check, check.subject),
        measures=tuple(check.measures),
        at=check.at,
        status=check.status_at,
        words=check.sentence,
    )


def _small_groups(counts: Counts, by: tuple[str, ...], policy: Policy) -> Question:
    """Name the groups of one subject that are too small to judge: silence about them would read as a pass."""
    groups = counts.groups(by)
    least, hide = policy.groups.min_size, policy.privacy.suppress_below
    small = [int(i) for i in np.flatnonzero((groups.n < least) & ~groups.missing)]
    named = int(groups.n[~groups.missing].sum())
    withheld = any(0 < groups.n[i] < hide for i in small)
    value = None if withheld or not named else float(groups.n[small].sum() / named)
    status = Status.UNKNOWN if small or not named else Status.PASS
    parts = [
        f"{groups.labels[i]} ({f'fewer than {hide}' if groups.n[i] < hide else groups.n[i]})"
        for i in small[:MOST_NAMED]
    ]
    if len(small) > MOST_NAMED:
        parts.append(f"{len(small) - MOST_NAMED} more")
    text = f"Every group of {groups.subject} has at least {least} rows."
    if not named:
        text = f"No row names a group of {groups.subject}."
    elif small:
        text = (
            f"Too small to judge, with fewer than {least} rows: {', '.join(parts)}. Nothing here says that they are "
            "treated fairly."
        )

    def at(_confidence: float) -> tuple[float | None, Interval]:
        return value, None

    def decided(_confidence: float) -> Status:
        return status

    def words(_status: Status, _interval: Interval) -> str:
        return text

    return Question(
        area="fairness",
        check="small-groups",
        subject=groups.subject,
        n=named,
        limit=None,
        required=_required(policy, "small-groups", groups.subject),
        measures=(),
        at=at,
        status=decided,
        words=words,
    )
