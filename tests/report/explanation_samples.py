"""Explanations to draw: ordinary ones, bare ones, and ones with names that want to break the page."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeRegressor

from aequo.core.policy import Policy
from aequo.flows.explain import explain_decision, explain_model
from aequo.models.predicting import as_model
from aequo.transparency.decision import DecisionExplanation
from aequo.transparency.explanation import DatasetExplanation

HOSTILE = "<script>alert(1)</script>|\"' *x* \u202e \x1b[31m" + "long" * 30


def people(n: int = 400, seed: int = 0) -> dict[str, Any]:
    """Return applicants whose debt and years decide, and whose sex and region say who they are."""
    rng = np.random.default_rng(seed)
    debt, years = rng.normal(size=n).round(2), rng.integers(0, 12, n)
    approved = (rng.random(n) < 1 / (1 + np.exp(2 * debt - 0.2 * years))).astype(int)
    return {
        "debt": debt,
        "years": years,
        "noise": rng.normal(size=n).round(2),
        "sex": rng.choice(["women", "men"], n).astype(object),
        "region": rng.choice(["north", "south", "Ωest"], n, p=[0.6, 0.35, 0.05]).astype(object),
        "approved": approved,
    }


def trained(data: Mapping[str, Any], names: tuple[str, ...] = ("debt", "years", "noise")) -> Any:
    x = np.stack([data[c] for c in names], axis=1)
    return as_model(LogisticRegression().fit(x, data["approved"]), columns=names)


@functools.cache
def ordinary() -> DatasetExplanation:
    data = people()
    return explain_model(trained(data), data, label="approved", group=["sex", "region"], repeats=3)


@functools.cache
def unfair() -> DatasetExplanation:
    data = people(900)
    women = np.asarray(data["sex"]) == "women"
    data["approved"] = (np.where(women, data["debt"], data["noise"]) > 0).astype(int)

    def score(x: Any) -> Any:
        return 1 / (1 + np.exp(-3 * np.where(np.asarray(x["sex"]) == "women", x["debt"], x["noise"]).astype(float)))

    return explain_model(score, data, label="approved", group="sex", repeats=3)


@functools.cache
def bare() -> DatasetExplanation:
    return explain_model(lambda x: np.full(len(x), 0.5), {"a": list(range(40)), "b": [0] * 40})


@functools.cache
def hostile() -> DatasetExplanation:
    data = people(300)
    names = {"debt": HOSTILE, "years": "<b>years</b>", "noise": "a|b"}
    data = {names.get(k, k): v for k, v in data.items()}
    data["sex"] = np.where(np.asarray(data["sex"]) == "women", HOSTILE, "</script>").astype(object)
    model = trained(data, tuple(names.values()))
    return explain_model(model, data, label="approved", group="sex", repeats=2)


@functools.cache
def many() -> DatasetExplanation:
    rng = np.random.default_rng(0)
    data: dict[str, Any] = {f"column {i} of many": rng.normal(size=600).round(2) for i in range(30)}
    data["g"] = rng.choice([f"group {i}" for i in range(8)], 600).astype(object)
    data["kind"] = rng.choice([f"kind {i}" for i in range(25)], 600).astype(object)

    def score(x: Any) -> Any:
        return 1 / (1 + np.exp(-sum(np.asarray(x[f"column {i} of many"], float) for i in range(30))))

    return explain_model(score, data, group="g", repeats=2, min_size=40)


SAMPLES: dict[str, Callable[[], DatasetExplanation]] = {
    "ordinary": ordinary,
    "unfair": unfair,
    "bare": bare,
    "hostile": hostile,
    "many": many,
}


@functools.cache
def refused() -> DecisionExplanation:
    data = people()
    row = int(np.argmax(data["debt"]))
    policy = Policy(groups={"columns": ["sex"]})
    return explain_decision(trained(data), data, row, label="approved", policy=policy, outcome="approved")


@functools.cache
def granted() -> DecisionExplanation:
    data = people()
    return explain_decision(trained(data), data, int(np.argmin(data["debt"])), outcome="approved")


@functools.cache
def estimated() -> DecisionExplanation:
    """Return a decision of a function that sees the sex, which is protected and cannot be changed; nothing else can."""
    data = people(80)
    data.pop("approved")

    def score(x: Any) -> Any:
        return np.where(np.asarray(x["sex"]) == "women", 0.1, 0.9) * (1 - 0.01 * np.asarray(x["years"], float))

    row = int(np.flatnonzero(np.asarray(data["sex"]) == "women")[0])
    return explain_decision(score, data, row, policy=Policy(groups={"columns": ["sex"]}))


@functools.cache
def number() -> DecisionExplanation:
    data = people(100)
    x = np.stack([data[c] for c in ("debt", "years")], axis=1)
    model = as_model(DecisionTreeRegressor(max_depth=3).fit(x, data["noise"]), columns=("debt", "years"))
    return explain_decision(model, data, 3)


@functools.cache
def hostile_decision() -> DecisionExplanation:
    data = people(200)
    names = {"debt": HOSTILE, "years": "<b>years</b>", "noise": "a|b"}
    data = {names.get(k, k): v for k, v in data.items()}
    row = int(np.argmax(data[HOSTILE]))
    return explain_decision(trained(data, tuple(names.values())), data, row, outcome=HOSTILE)


DECISIONS: dict[str, Callable[[], DecisionExplanation]] = {
    "refused": refused,
    "granted": granted,
    "estimated": estimated,
    "number": number,
    "hostile": hostile_decision,
}
