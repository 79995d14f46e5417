"""Remedies for unfairness, and what each costs. The names below load when they are first used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aequo.fairness.mitigate.adversarial import AdversarialDebiasing
    from aequo.fairness.mitigate.adversarial_outcome import AdversarialResult, Epoch
    from aequo.fairness.mitigate.cells import CellWeights
    from aequo.fairness.mitigate.comparing import compare
    from aequo.fairness.mitigate.comparison import Comparison, Number, Remedy
    from aequo.fairness.mitigate.outcome import GroupRule, Rate, ThresholdResult
    from aequo.fairness.mitigate.remedied import RemediedClassifier
    from aequo.fairness.mitigate.reweigher import ReweighedClassifier, Reweigher
    from aequo.fairness.mitigate.thresholds import FairThresholdOptimizer
    from aequo.fairness.mitigate.weighing import add_weights

_HOMES = {
    "AdversarialDebiasing": "adversarial",
    "AdversarialResult": "adversarial_outcome",
    "CellWeights": "cells",
    "Comparison": "comparison",
    "Epoch": "adversarial_outcome",
    "FairThresholdOptimizer": "thresholds",
    "GroupRule": "outcome",
    "Number": "comparison",
    "Rate": "outcome",
    "RemediedClassifier": "remedied",
    "Remedy": "comparison",
    "ReweighedClassifier": "reweigher",
    "Reweigher": "reweigher",
    "ThresholdResult": "outcome",
    "add_weights": "weighing",
    "compare": "comparing",
}
_SKLEARN = ("adversarial", "remedied", "reweigher", "thresholds")  # modules that subclass its BaseEstimator

__all__ = [
    "AdversarialDebiasing",
    "AdversarialResult",
    "CellWeights",
    "Comparison",
    "Epoch",
    "FairThresholdOptimizer",
    "GroupRule",
    "Number",
    "Rate",
    "RemediedClassifier",
    "Remedy",
    "ReweighedClassifier",
    "Reweigher",
    "ThresholdResult",
    "add_weights",
    "compare",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'aequo.fairness.mitigate' has no attribute {name!r}")
    from aequo.errors import need

    if _HOMES[name] in _SKLEARN:
        need("sklearn", "ml")
    return getattr(importlib.import_module(f"aequo.fairness.mitigate.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
