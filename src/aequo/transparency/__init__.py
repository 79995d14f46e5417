"""Explanations: what a model leaned on, and what would change its answer.

The names below load when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aequo.transparency.attribution import Attribution, Attributions
    from aequo.transparency.calibration import Confidence, VennAbers
    from aequo.transparency.counterfactual import counterfactuals
    from aequo.transparency.decision import DecisionExplanation
    from aequo.transparency.explained import Explained
    from aequo.transparency.explainer import Explainer, attributions
    from aequo.transparency.explanation import DatasetExplanation
    from aequo.transparency.importance import explain
    from aequo.transparency.reasons import Reason
    from aequo.transparency.stable import Stability, stability
    from aequo.transparency.transparent import TransparentModel
    from aequo.transparency.ways import Counterfactual, Counterfactuals

_HOMES = {
    "Attribution": "attribution",
    "Attributions": "attribution",
    "Confidence": "calibration",
    "Counterfactual": "ways",
    "Counterfactuals": "ways",
    "DatasetExplanation": "explanation",
    "DecisionExplanation": "decision",
    "Explained": "explained",
    "Explainer": "explainer",
    "Reason": "reasons",
    "Stability": "stable",
    "TransparentModel": "transparent",
    "VennAbers": "calibration",
    "attributions": "explainer",
    "counterfactuals": "counterfactual",
    "explain": "importance",
    "stability": "stable",
}

__all__ = [
    "Attribution",
    "Attributions",
    "Confidence",
    "Counterfactual",
    "Counterfactuals",
    "DatasetExplanation",
    "DecisionExplanation",
    "Explained",
    "Explainer",
    "Reason",
    "Stability",
    "TransparentModel",
    "VennAbers",
    "attributions",
    "counterfactuals",
    "explain",
    "stability",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"aequo.transparency.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'aequo.transparency' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
