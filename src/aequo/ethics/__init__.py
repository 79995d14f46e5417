"""Ethics: who gains and who pays under a system's decisions, and the duties that hold whatever the score.

The names below load when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aequo.ethics.duties import Duties, Proxy
    from aequo.ethics.impact import Impact, Options
    from aequo.ethics.options import compare_options
    from aequo.ethics.utility import evaluate_utilitarian_impact
    from aequo.ethics.welfare import WELFARES, Aversion

_HOMES = {
    "Aversion": "welfare",
    "Duties": "duties",
    "Impact": "impact",
    "Options": "impact",
    "Proxy": "duties",
    "WELFARES": "welfare",
    "compare_options": "options",
    "evaluate_utilitarian_impact": "utility",
}

__all__ = [
    "WELFARES",
    "Aversion",
    "Duties",
    "Impact",
    "Options",
    "Proxy",
    "compare_options",
    "evaluate_utilitarian_impact",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"aequo.ethics.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'aequo.ethics' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
