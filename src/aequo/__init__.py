"""aequo: an honest account of one AI system, from the bias in its data to the evidence of each decision.

`aequo.assess` is the one door to the fairness assessment; the names below load when they are first used, so that
``import aequo`` stays fast.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from aequo.core.counts import Counts
    from aequo.core.finding import Evidence, Finding, Status
    from aequo.core.policy import Policy
    from aequo.core.table import Table
    from aequo.flows.activity import report_activity
    from aequo.flows.assess import assess
    from aequo.flows.ethics import weigh
    from aequo.flows.example import loan_applications
    from aequo.flows.explain import explain_decision, explain_model
    from aequo.flows.gate import gate
    from aequo.flows.mitigate import mitigate
    from aequo.ledger.ledger import Ledger
    from aequo.report.mitigation import Mitigation
    from aequo.report.result import Assessment

_HOMES = {
    "Assessment": "aequo.report.result",
    "Counts": "aequo.core.counts",
    "Evidence": "aequo.core.finding",
    "Finding": "aequo.core.finding",
    "Ledger": "aequo.ledger.ledger",
    "Mitigation": "aequo.report.mitigation",
    "Policy": "aequo.core.policy",
    "Status": "aequo.core.finding",
    "Table": "aequo.core.table",
    "assess": "aequo.flows.assess",
    "explain_decision": "aequo.flows.explain",
    "explain_model": "aequo.flows.explain",
    "gate": "aequo.flows.gate",
    "loan_applications": "aequo.flows.example",
    "mitigate": "aequo.flows.mitigate",
    "report_activity": "aequo.flows.activity",
    "weigh": "aequo.flows.ethics",
}

__all__ = [
    "Assessment",
    "Counts",
    "Evidence",
    "Finding",
    "Ledger",
    "Mitigation",
    "Policy",
    "Status",
    "Table",
    "__version__",
    "assess",
    "explain_decision",
    "explain_model",
    "gate",
    "loan_applications",
    "mitigate",
    "report_activity",
    "weigh",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    if name in ("errors", "ethics", "fairness", "ledger", "privacy", "testing", "transparency"):
        return importlib.import_module(f"aequo.{name}")
    raise AttributeError(f"module 'aequo' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
