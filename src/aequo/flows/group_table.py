"""The per-group table of an assessment: every measure of every group, with small groups withheld."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from aequo.core.counts import Counts, Groups
from aequo.core.intervals import normal_quantile, pair_differences, pair_ratios
from aequo.core.policy import Policy
from aequo.fairness.measures import Measured, Outcomes, rate
from aequo.fairness.metric import Metric, compare
from aequo.report.result import GroupRow, Measure

__all__ = ["group_rows"]


def group_rows(
    counts: Counts,
    subjects: Sequence[tuple[str, ...]],
    found: Sequence[Metric],
    checks: Sequence[Any],
    policy: Policy,
    kind: str,
) -> tuple[GroupRow, ...]:
    """Return one row per group of each subject.

    Parameters
    ----------
    counts : Counts
        The counts.
    subjects : sequence of tuple of str
        Columns that were crossed, in order.
    found : sequence of Metric
        The metrics, whose measures fill the columns.
    checks : sequence of DataCheck
        The data checks, whose per-group numbers are columns too.
    policy : Policy
        Confidence, the least size to judge and the least to publish.
    kind : {"binary", "multiclass", "regression"}
        Kind of outcome.
    """
    rows = []
    for by in subjects:
        groups = counts.groups(by)
        columns: dict[str, list[Measure]] = {}
        if kind == "binary" and counts.role("label") is not None and counts.role("prediction") is not None:
            measured = rate(Outcomes.of(counts, by, favourable=policy.data.favourable), "base_rate")
            columns["base_rate"] = _measures(measured, None, policy)
        for metric in found:
            if metric.subject.split(" | ")[0] != groups.subject:
                continue
            for measured in metric.measured:
                if measured.name not in columns:
                    columns[measured.name] = _measures(measured, metric, policy)
        for check in checks:
            if check.subject == groups.subject:
                _add_check(columns, check, groups, policy)
        rows += _rows(groups, columns, found, policy)
    return tuple(rows)


def _rows(groups: Groups, columns: dict[str, list[Measure]], found: Sequence[Metric], policy: Policy) -> list[GroupRow]:
    hide, least = policy.privacy.suppress_below, policy.groups.min_size
    reference = next((m.reference_index() for m in found if m.subject == groups.subject), None)
    named = int(groups.n[~groups.missing].sum())
    total = int(groups.n.sum())
    rows = []
    for i, label in enumerate(groups.labels):
        n = int(groups.n[i])
        secret = 0 < n < hide
        base = total if groups.missing[i] else named
        rows.append(
            GroupRow(
                subject=groups.subject,
                group=label,
                n=None if secret else n,
                share=None if secret or not base else n / base,
                reference=i == reference,
                judged=bool(n >= least and not groups.missing[i]),
                measures={} if secret else {name: values[i] for name, values in columns.items()},
            )
        )
    return rows


def _withheld(hide: int) -> Measure:
    return Measure(value=None, interval=None, n=None, why=f"withheld: fewer than {hide} people")


def _pair(low: Any, high: Any) -> tuple[float, float] | None:
    return (float(low), float(high)) if np.isfinite([low, high]).all() else None


def _measures(measured: Measured, metric: Metric | None, policy: Policy) -> list[Measure]:
    """Values of one measure, with signed differences and ratios to the reference group."""
    confidence, hide = policy.statistics.confidence, policy.privacy.suppress_below
    low, high = measured.interval(normal_quantile((1 + confidence) / 2))
    ref, differences, ratios = None, None, None
    if metric is not None:
        one = compare(
            metric.name,
            [measured],
            limit=metric.limit,
            confidence=confidence,
            reference=metric.reference,
            min_size=max(policy.groups.min_size, hide),
        )
        ref = one.reference_index()
        values, interval = one.compared[0].values, one.compared[0].interval
        if ref is not None and (~np.isnan(values)).sum() > 1:
            differences = pair_differences(values, interval, confidence=confidence)
            if (values[~np.isnan(values)] >= 0).all() and not measured.name.startswith("mean_"):
                ratios = pair_ratios(values, interval, confidence=confidence)
    out = []
    for i in range(len(measured.groups)):
        n, value = int(measured.n[i]), float(measured.values[i])
        if 0 < n < hide:
            out.append(_withheld(hide))
        elif np.isnan(value):
            out.append(Measure(value=None, interval=None, n=n, why=measured.undefined))
        else:
            against: dict[str, Any] = {}
            for name, pairs in (("difference", differences), ("ratio", ratios)):
                if pairs is None or i == ref or not np.isfinite(pairs[0][i, ref]):
                    continue
                against[name] = float(pairs[0][i, ref])
                against[f"{name}_interval"] = _pair(pairs[1][i, ref], pairs[2][i, ref])
            out.append(Measure(value=value, interval=_pair(low[i], high[i]), n=n, **against))
    return out


def _add_check(columns: dict[str, list[Measure]], check: Any, groups: Groups, policy: Policy) -> None:
    hide = policy.privacy.suppress_below
    for name, numbers in check.measures.items():
        by_name = {g.group: g for g in numbers}
        if name in columns or not by_name:
            continue
        values = []
        for label in groups.labels:
            g = by_name.get(label)
            if g is None:
                values.append(Measure(value=None, interval=None, n=0, why="not part of this check"))
            elif 0 < g.n < hide:
                values.append(_withheld(hide))
            else:
                values.append(Measure(value=g.value, interval=g.interval, n=g.n, why=g.why))
        columns[name] = values
