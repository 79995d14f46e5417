"""The checks of the data itself, for every subject of an assessment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from aequo.core.counts import Counts
from aequo.core.policy import Policy
from aequo.core.table import MissingCounts, Table
from aequo.fairness.data_bias import proxies
from aequo.fairness.data_check import DataCheck
from aequo.fairness.duplicates import duplicates, label_noise
from aequo.fairness.labels import label_divergence
from aequo.fairness.missing import missing_rates
from aequo.fairness.shares import reference_population, representation

__all__ = ["data_checks"]


def data_checks(
    table: Table, counts: Counts, subjects: Sequence[tuple[str, ...]], policy: Policy, kind: str
) -> list[DataCheck]:
    """Return every data check that applies.

    Shares, labels and missing values are checked for each subject; proxies and duplicates, which need rows, for single
    columns and for all group columns crossed.

    Parameters
    ----------
    table : Table
        The rows, for missing values, proxies and duplicates.
    counts : Counts
        The counts, for shares and labels.
    subjects : sequence of tuple of str
        Columns that are crossed.
    policy : Policy
        Limits, confidence and sizes.
    kind : {"binary", "multiclass", "regression"}
        Kind of outcome.
    """
    confidence, hide = policy.statistics.confidence, policy.privacy.suppress_below
    size = max(policy.groups.min_size, hide)
    checks: list[DataCheck] = []
    missing = table.missing(policy.groups.columns)
    for by in subjects:
        checks.append(
            representation(
                counts, by=by, limit=policy.limit("representation"), confidence=confidence, suppress_below=hide
            )
        )
        shares = policy.groups.population.get(by[0]) if len(by) == 1 else None
        if shares:
            limit = policy.limit("reference-population")
            checks.append(
                reference_population(counts, shares, by=by[0], limit=limit, confidence=confidence, suppress_below=hide)
            )
        if kind != "regression" and counts.role("label") is not None:
            limit = policy.limit("label-divergence")
            checks.append(label_divergence(counts, by=by, limit=limit, confidence=confidence, min_size=size))
        checks.append(_missing(missing, counts, by, policy, size))
    checks += [_proxies_of(table, by, policy, size) for by in subjects if len(by) == 1]
    return checks + _equal_rows(table, policy, kind)


def _missing(missing: MissingCounts, counts: Counts, by: tuple[str, ...], policy: Policy, size: int) -> DataCheck:
    """Sum the missing values of the crossed groups up to those of one subject."""
    groups = counts.groups(by)
    place = {name: i for i, name in enumerate(groups.names)}
    columns = missing.groups.columns
    of = [place[tuple(name[columns.index(c)] for c in by)] for name in missing.groups.names]
    total = np.zeros((len(groups), len(missing.columns)), dtype=np.int64)
    np.add.at(total, of, missing.missing)
    limit, confidence = policy.limit("missing-rate-variance"), policy.statistics.confidence
    return missing_rates(groups, missing.columns, total, limit=limit, confidence=confidence, min_size=size)


def _proxies_of(table: Table, by: tuple[str, ...], policy: Policy, size: int) -> DataCheck:
    """Look for proxies of one group column."""
    return proxies(
        table,
        by,
        exclude=_roles(policy) | set(policy.groups.columns) - set(by),
        limit=policy.limit("proxies"),
        confidence=policy.statistics.confidence,
        min_size=size,
        seed=policy.statistics.seed,
    )


def _equal_rows(table: Table, policy: Policy, kind: str) -> list[DataCheck]:
    """Look for equal rows in different groups, and with different labels."""
    d, statistics = policy.data, policy.statistics
    how: dict[str, Any] = {"confidence": statistics.confidence, "seed": statistics.seed}
    weight = {d.weight} if d.weight else set()
    checks = [duplicates(table, policy.groups.columns, exclude=weight, limit=policy.limit("duplicates"), **how)]
    if d.label is not None and kind != "regression":
        exclude = _roles(policy) - {d.label}
        checks.append(label_noise(table, d.label, exclude=exclude, limit=policy.limit("label-noise"), **how))
    return checks


def _roles(policy: Policy) -> set[str]:
    d = policy.data
    return {c for c in (d.label, d.prediction, d.score, d.weight) if c is not None}
