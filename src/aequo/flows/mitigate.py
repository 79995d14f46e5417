"""`mitigate`: from a table to the remedy to take: compared, weighed by welfare where utilities are known, recorded."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from aequo.core.policy import Policy
from aequo.errors import InputError, LedgerError
from aequo.flows.ethics_withhold import withhold
from aequo.flows.record import configured_ledger
from aequo.report.mitigation import Mitigation

if TYPE_CHECKING:
    from aequo.ethics.impact import Impact, Options
    from aequo.fairness.mitigate.comparison import Comparison
    from aequo.ledger import Ledger, Receipt

__all__ = ["mitigate", "mitigation_event", "record_mitigation"]

_Names = str | Sequence[str] | None


def mitigate(
    data: Any,
    *,
    label: str | None = None,
    group: _Names = None,
    estimator: Any = "logistic",
    constraint: str = "equalized_odds",
    tolerance: float = 0.02,
    remedies: Sequence[str] | None = None,
    favourable: Any = None,
    splits: int = 10,
    test_size: float = 0.3,
    n_jobs: int = -1,
    seed: int | None = None,
    include_group: bool = False,
    drop: _Names = None,
    weight: str | None = None,
    max_rows: int = 200_000,
    progress: Callable[[int, int], None] | None = None,
    policy: Policy | str | Path | None = None,
    ledger: Ledger | Literal[False] | None = None,
) -> Mitigation:
    """Compare remedies for unfairness, and say which one to take.

    Parameters
    ----------
    data, label, group, estimator, constraint, tolerance, remedies, favourable, splits, test_size
        As for `aequo.fairness.mitigate.compare`.
    n_jobs, seed, include_group, drop, weight, max_rows, progress
        As there.
    policy : Policy or path, optional
        As there; if its ``[ethics]`` names stakeholders, the remedies are ranked by welfare too.
    ledger : Ledger or False, optional
        Where to record it: digests of policy and result, and what is recommended. By default the ledger that the policy
        names, if it names one; False records nothing.

    Returns
    -------
    Mitigation
        The comparison, the welfare ranking, and the ledger's receipt.

    Raises
    ------
    InputError, PolicyError
        If data, arguments or policy cannot be used.
    MissingExtra
        If scikit-learn is not installed (extra ``ml``).
    LedgerError
        If it could not be recorded.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> sex = rng.choice(["f", "m"], 1000)
    >>> skill = rng.normal(size=1000) + (sex == "m")
    >>> data = {"skill": skill, "sex": sex, "hired": (skill + rng.normal(size=1000) > 0.5).astype(int)}
    >>> found = mitigate(
    ...     data,
    ...     label="hired",
    ...     group="sex",
    ...     constraint="demographic_parity",
    ...     remedies=["thresholds"],
    ...     splits=2,
    ...     n_jobs=1,
    ... )
    >>> [remedy.name for remedy in found.comparison.remedies], found.welfare
    (['none', 'thresholds'], None)
    """
    from aequo.fairness.mitigate.comparing import compare

    rules = policy if isinstance(policy, Policy) else Policy() if policy is None else Policy.load(policy)
    with configured_ledger(rules, ledger) as book:  # one that is not there is told before the work, not after it
        found = compare(
            data,
            label=label,
            group=group,
            estimator=estimator,
            constraint=constraint,
            tolerance=tolerance,
            remedies=remedies,
            favourable=favourable,
            splits=splits,
            test_size=test_size,
            n_jobs=n_jobs,
            seed=seed,
            include_group=include_group,
            drop=drop,
            weight=weight,
            max_rows=max_rows,
            progress=progress,
            policy=rules,
        )
        welfare, why = _weighed(found, rules)
        named, impact = (None, None) if welfare is None else _weighed_remedy(found, rules)
        result = Mitigation(comparison=found, welfare=welfare, welfare_why=why, weighed=named, impact=impact)
        return result if book is None else replace(result, receipt=record_mitigation(book, result, rules))


def _weighed(found: Comparison, policy: Policy) -> tuple[Options | None, str | None]:
    """Return the remedies ranked by welfare, or why not, where the policy says what outcomes are worth."""
    e = policy.ethics
    if not e.stakeholders:
        return None, None
    from aequo.ethics import Aversion, compare_options

    options = {r.name: r.counts for r in found.remedies if r.counts is not None}
    if len(options) < 2:
        return None, "Welfare was not ranked: fewer than two remedies could be tried."
    try:
        ranked = compare_options(
            options,
            stakeholders=e.stakeholders,
            baseline="none" if "none" in options else None,
            favourable=found.favourable,
            aversion=Aversion(atkinson=e.atkinson, gini=e.gini, priority=e.priority),
            shift=e.shift,
            min_size=policy.groups.min_size,
            confidence=policy.statistics.confidence,
            seed=policy.statistics.seed,
        )
    except InputError as error:
        return None, f"Welfare was not ranked: {error}"
    return ranked, None


def _weighed_remedy(found: Comparison, policy: Policy) -> tuple[str | None, Impact | None]:
    """Return the remedy to look at, and what it changes for whom against none: the recommended, else the nearest."""
    from aequo.ethics import Aversion, evaluate_utilitarian_impact

    e, now = policy.ethics, found.remedy("none")
    tried = [r for r in found.remedies if r.counts is not None and r.name != "none"]
    chosen = next((r for r in tried if r.name == found.recommended), None)
    if chosen is None and tried:
        found_gaps = {r.name: f.value for r, f in zip(found.remedies, found.findings, strict=True)}
        gaps = {name: math.inf if value is None else value for name, value in found_gaps.items()}
        chosen = min(tried, key=lambda r: gaps[r.name])
    if chosen is None or now.counts is None:
        return None, None
    impact = evaluate_utilitarian_impact(
        chosen.counts,
        stakeholders=e.stakeholders,
        baseline=now.counts,
        favourable=found.favourable,
        aversion=Aversion(atkinson=e.atkinson, gini=e.gini, priority=e.priority),
        shift=e.shift,
        min_size=policy.groups.min_size,
        confidence=policy.statistics.confidence,
        seed=policy.statistics.seed,
    )
    return chosen.name, withhold(impact, policy.privacy.suppress_below)


def mitigation_event(result: Mitigation, policy: Policy) -> dict[str, Any]:
    """Return what the ledger holds of a comparison: what was asked, what is recommended, digests; no rows.

    Parameters
    ----------
    result : Mitigation
        The result.
    policy : Policy
        What it was made with.
    """
    c = result.comparison
    return {
        "kind": "mitigation",
        "system": policy.system.name,
        "verdict": c.verdict.value,
        "constraint": c.constraint,
        "tolerance": c.tolerance,
        "recommended": c.recommended,
        "remedies": {r.name: f.status.value for r, f in zip(c.remedies, c.findings, strict=True)},
        "policy": policy.digest(),
        "result": "sha256:" + sha256((result.to_json() + "\n").encode("utf-8", "backslashreplace")).hexdigest(),
        "aequo": c.version,
    }


def record_mitigation(ledger: Ledger, result: Mitigation, policy: Policy) -> Receipt:
    """Append a comparison of remedies to a ledger.

    Parameters
    ----------
    ledger : Ledger
        Where.
    result : Mitigation
        The result.
    policy : Policy
        What it was made with.

    Raises
    ------
    LedgerError
        If it could not be recorded.
    """
    try:
        return ledger.append(mitigation_event(result, policy))
    except LedgerError as error:
        raise type(error)(f"the comparison is not in the ledger: {error}") from error
