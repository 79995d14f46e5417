"""Compared remedies without training anything: made from counts, ordinary and awkward."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from aequo.core.counts import Counts
from aequo.core.table import Table
from aequo.fairness.mitigate.comparison import Comparison
from aequo.fairness.mitigate.remedies import RECIPES
from aequo.fairness.mitigate.summary import Plan, findings_of, recommend, remedies_of
from aequo.fairness.mitigate.trial import Trial
from aequo.report.mitigation import Mitigation

__all__ = ["NASTY", "SAMPLES", "made"]

NASTY = '<script>alert("1")</script> | `x` \x1b[31m \u202eabc'

SPLITS = 6


def _counts(rates: dict[str, float], rng: np.random.Generator) -> Counts:
    group: list[str] = []
    label: list[int] = []
    decision: list[int] = []
    for name, rate in rates.items():
        n = 400
        truth = rng.random(n) < 0.5
        group += [name] * n
        label += truth.astype(int).tolist()
        decision += (rng.random(n) < np.where(truth, rate + 0.2, rate - 0.2)).astype(int).tolist()
    return Table.of({"g": group, "y": label, "d": decision}).counts(group="g", label="y", prediction="d")


def made(
    accuracy: dict[str, float],
    gaps: dict[str, float],
    *,
    tolerance: float = 0.05,
    groups: tuple[str, str] = ("women", "men"),
    failed: tuple[str, ...] = (),
    label: str = "approved",
) -> Mitigation:
    """Return remedies with about these accuracies and gaps in selection."""
    rng = np.random.default_rng(0)
    recipes = [r for r in RECIPES if r.name in accuracy]
    trials = []
    for split in range(SPLITS):
        wobble = rng.normal(0, 0.004)
        for recipe in recipes:
            if recipe.name in failed:
                trials.append(Trial(remedy=recipe.name, split=split, metrics={}, counts=None, failure="it stopped."))
                continue
            gap = gaps[recipe.name]
            metrics: dict[str, float | None] = {
                "accuracy": accuracy[recipe.name] + wobble + rng.normal(0, 0.001),
                "auc": None,
                "demographic-parity": abs(gap + rng.normal(0, 0.01)),
            }
            counts = _counts({groups[0]: 0.5 - gap / 2, groups[1]: 0.5 + gap / 2}, rng)
            trials.append(Trial(remedy=recipe.name, split=split, metrics=metrics, counts=counts))
    plan = Plan(
        constraint="demographic_parity",
        tolerance=tolerance,
        favourable="1",
        min_size=20,
        ratio=0.3 / 0.7,
        confidence=0.95,
        multiplicity="holm",
        people=2000,
        share=2.0,
        subject="sex",
    )
    remedies, numbers = remedies_of(recipes, trials, plan)
    findings = findings_of(remedies, numbers, plan, ())
    name, reason, marked = recommend(remedies, findings, plan)
    return Mitigation(
        comparison=Comparison(
            remedies=tuple(remedies),
            recommended=name,
            reason=reason,
            findings=tuple(marked),
            left_out={"grid-search": "fairlearn is not installed (pip install fairlearn)."},
            constraint="demographic-parity",
            tolerance=tolerance,
            subject=plan.subject,
            label=label,
            favourable="1",
            estimator="logistic",
            features=("income",),
            rows=2000,
            splits=SPLITS,
            test_size=0.3,
            confidence=0.95,
            seed=0,
            notes=("Intervals hold for models trained on as many people as here.",),
            version="0.0.0",
        )
    )


_ACCURACY = {"none": 0.86, "reweigh": 0.85, "thresholds-deterministic": 0.842, "thresholds": 0.843}
_GAPS = {"none": 0.22, "reweigh": 0.12, "thresholds-deterministic": 0.015, "thresholds": 0.02}


def crowded() -> Mitigation:
    """Every remedy, at almost the same place."""
    names = [r.name for r in RECIPES]
    return made(
        {n: 0.85 + 0.0002 * i for i, n in enumerate(names)}, {n: 0.02 + 0.0005 * i for i, n in enumerate(names)}
    )


SAMPLES: dict[str, Callable[[], Mitigation]] = {
    "pass": lambda: made(_ACCURACY, _GAPS, tolerance=0.12),
    "unknown": lambda: made(_ACCURACY, _GAPS, tolerance=0.03),
    "fail": lambda: made({"none": 0.86, "reweigh": 0.85}, {"none": 0.3, "reweigh": 0.2}, tolerance=0.001),
    "crowded": crowded,
    "failed": lambda: made(_ACCURACY, _GAPS, failed=("thresholds", "reweigh")),
    "nothing": lambda: made(_ACCURACY, _GAPS, failed=tuple(_ACCURACY)),
    "nasty": lambda: made(_ACCURACY, _GAPS, groups=(NASTY, "x"), label=NASTY),
}
