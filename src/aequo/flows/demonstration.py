"""What ``aequo demo`` shows beside the assessment: one refusal explained, the remedies, and who gains and who pays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from aequo.core.policy import Policy
from aequo.flows.explain import explain_decision
from aequo.flows.mitigate import mitigate
from aequo.report.mitigation import Mitigation
from aequo.transparency.decision import DecisionExplanation

__all__ = ["WORTH", "explain_refusal", "try_remedies"]

WORTH = (
    {"name": "applicant", "utilities": {"selected": 1, "rejected": -1}},
    {"name": "bank", "utilities": {"tp": 1, "fp": -1, "fn": 0, "tn": 0}, "one_party": True},
)
"""What outcomes are worth: a loan to an applicant; to the bank one that it made, and one that it refused."""

# What a loan officer has on the desk, in words. Where it lies and who applies are left out on purpose.
_DESK = {
    "obrat": "debt payments as a share of income",
    "loanprc": "the loan as a share of the price",
    "chist": "a clean credit history",
    "pubrec": "a bankruptcy on public record",
    "mortlat1": "one or two late mortgage payments",
    "mortlat2": "more than two late mortgage payments",
    "unem": "unemployment in the applicant's trade",
    "cosign": "a co-signer",
    "dep": "the number of dependants",
}
_REASONS = {
    "obrat": "Debt payments compared with income",
    "loanprc": "Size of the loan compared with the price",
    "chist": "Credit history",
    "pubrec": "Bankruptcy on public record",
    "mortlat1": "Late mortgage payments",
    "mortlat2": "Late mortgage payments",
    "unem": "Unemployment in the applicant's trade",
    "cosign": "Whether there is a co-signer",
    "dep": "Number of dependants",
}
_FIXED = ("chist", "pubrec", "mortlat1", "mortlat2", "unem", "dep")  # nobody can change these for an application
_LEARNED = 0.7

_Columns = Mapping[str, Sequence[Any]]


def try_remedies(data: _Columns, policy: Policy, *, progress: Callable[[int, int], None] | None = None) -> Mitigation:
    """Compare remedies for a model of the banks' decisions, and weigh what each brings to applicants and bank.

    Parameters
    ----------
    data : mapping of columns
        That of `aequo.loan_applications`.
    policy : Policy
        Gives seed and confidence; what outcomes are worth is `WORTH`.
    progress : callable, optional
        Told how many of how many fits are done.
    """
    return mitigate(
        data,
        label="approve",
        favourable="1",
        group="race",
        drop="sex",
        constraint="demographic_parity",
        tolerance=0.1,
        splits=6,
        remedies=["reweigh", "thresholds", "thresholds-strict", "thresholds-deterministic"],
        policy=policy.replace(**{"ethics.stakeholders": WORTH}),
        progress=progress,
        ledger=False,
    )


def explain_refusal(data: _Columns, policy: Policy) -> DecisionExplanation:
    """Explain the narrowest refusal that a model of the banks' decisions gives to somebody it was not trained on.

    Parameters
    ----------
    data : mapping of columns
        That of `aequo.loan_applications`.
    policy : Policy
        Gives the seed.
    """
    from aequo.models.pipeline import quiet, table_pipeline

    rows = np.random.default_rng(policy.statistics.seed).permutation(len(data["approve"]))
    cut = int(_LEARNED * len(rows))
    learned, held = _take(data, rows[:cut]), _take(data, rows[cut:])
    with quiet():
        model = table_pipeline("logistic", tuple(_DESK)).fit(learned, learned["approve"])
        scores = model.predict_proba(held)[:, 1]
    row = int(np.where(scores < 0.5, scores, -1.0).argmax())
    return explain_decision(
        model,
        held,
        row,
        label="approve",
        favourable=1,
        background=learned,
        immutable=_FIXED,
        outcome="approved",
        words=_DESK,
        reasons=_REASONS,
        policy=policy,
    )


def _take(data: _Columns, rows: Any) -> dict[str, list[Any]]:
    return {name: [data[name][i] for i in rows.tolist()] for name in (*_DESK, "approve")}
