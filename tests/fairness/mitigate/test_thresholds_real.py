"""`FairThresholdOptimizer` on real rows: fairlearn's optimum where the problem is the same, small groups, new rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from aequo.fairness.mitigate import FairThresholdOptimizer
from aequo.fairness.mitigate.solving import CONSTRAINTS


def _wrong(probability: Any, y: Any) -> float:
    return float(np.where(y == 1, 1 - probability, probability).mean())


# -- an independent library --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real(adult: pd.DataFrame, compas: pd.DataFrame) -> dict[str, tuple[Any, Any, pd.DataFrame]]:
    """Scores of a fitted model, labels and groups."""
    found = {}
    for name, frame, y, columns in (
        ("adult", adult, adult["income"] == ">50K", ["age", "education-num", "hours-per-week"]),
        ("compas", compas, compas["two_year_recid"] == 0, ["age", "priors_count"]),
    ):
        model = make_pipeline(StandardScaler(), LogisticRegression()).fit(frame[columns], y)
        found[name] = model.predict_proba(frame[columns])[:, 1], y.to_numpy().astype(int), frame[["race", "sex"]]
    return found


@pytest.mark.filterwarnings("ignore")  # fairlearn's own
@pytest.mark.parametrize("constraint", CONSTRAINTS)
@pytest.mark.parametrize(("table", "column"), [("adult", "sex"), ("adult", "race"), ("compas", "sex")])
def test_the_optimum_is_fairlearns_but_for_its_grid(table: str, column: str, constraint: str, real: Any) -> None:
    from fairlearn.postprocessing import ThresholdOptimizer

    scores, y, groups = real[table]
    group = groups[column]
    names = {"equal_opportunity": "true_positive_rate_parity"}
    theirs = ThresholdOptimizer(
        estimator=_Scores(), constraints=names.get(constraint, constraint), predict_method="predict_proba", prefit=True
    ).fit(scores[:, None], y, sensitive_features=group)
    cost = _wrong(theirs._pmf_predict(scores[:, None], sensitive_features=group)[:, 1], y)
    ours = FairThresholdOptimizer(constraint=constraint, min_group=0).fit(scores, y, sensitive_features=group).result_
    assert cost - 2e-4 <= ours.cost <= cost + 1e-9
    assert ours.gap == pytest.approx(0, abs=1e-9)


@pytest.mark.filterwarnings("ignore")  # fairlearn's own
def test_balanced_accuracy_is_a_matter_of_costs(real: Any) -> None:
    from fairlearn.postprocessing import ThresholdOptimizer

    scores, y, groups = real["adult"]
    theirs = ThresholdOptimizer(
        estimator=_Scores(),
        constraints="demographic_parity",
        objective="balanced_accuracy_score",
        predict_method="predict_proba",
        prefit=True,
    ).fit(scores[:, None], y, sensitive_features=groups["sex"])
    chance = theirs._pmf_predict(scores[:, None], sensitive_features=groups["sex"])[:, 1]
    cost = 1 - (chance[y == 1].mean() + 1 - chance[y == 0].mean()) / 2
    for costs in ("balanced", {"fp": 1 / (2 * (y == 0).mean()), "fn": 1 / (2 * (y == 1).mean())}):
        fair = FairThresholdOptimizer(constraint="demographic_parity", cost=costs)
        assert cost - 2e-4 <= fair.fit(scores, y, sensitive_features=groups["sex"]).result_.cost <= cost + 1e-9


class _Scores(LogisticRegression):
    """A fitted classifier whose probabilities are what it is given; for fairlearn, which asks for an estimator."""

    classes_ = np.array([0, 1])
    coef_ = np.ones((1, 1))
    fitted_ = True

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def predict_proba(self, X: Any) -> Any:  # noqa: N803
        scores = np.asarray(X)[:, 0]
        return np.stack([1 - scores, scores], axis=1)


# -- real people -------------------------------------------------------------------------------------------------------


def test_six_races_of_compas_with_the_small_ones_pooled(real: Any) -> None:
    scores, y, groups = real["compas"]
    fair = FairThresholdOptimizer(tolerance=0.02).fit(scores, y, sensitive_features=groups["race"])
    own = {g.name: g.own for g in fair.result_.groups}
    assert own == {
        "African-American": "own",
        "Asian": "overall",
        "Caucasian": "own",
        "Hispanic": "own",
        "Native American": "overall",
        "Other": "own",
    }
    assert any("Asian, Native American" in note for note in fair.result_.notes)
    assert fair.result_.gap <= 0.02 + 1e-6
    pooled = FairThresholdOptimizer(tolerance=0.02, min_group=20).fit(scores, y, sensitive_features=groups["race"])
    assert {g.name for g in pooled.result_.groups if g.own == "pooled"} <= {"Asian", "Native American"}
    crossed = FairThresholdOptimizer(tolerance=0.02).fit(scores, y, sensitive_features=groups)
    assert crossed.result_.columns == ("race", "sex")
    assert len(crossed.result_.groups) == 12
    assert (
        crossed.result_.cost
        >= FairThresholdOptimizer(tolerance=0.02).fit(scores, y, sensitive_features=groups["sex"]).result_.cost - 1e-9
    )


def test_thresholds_of_unseen_scores_hold_on_new_people(adult: pd.DataFrame, adult_test: pd.DataFrame) -> None:
    columns = ["age", "education-num", "hours-per-week", "capital-gain"]
    model = make_pipeline(StandardScaler(), LogisticRegression())
    fair = FairThresholdOptimizer(model, constraint="demographic_parity", random_state=0)
    fair.fit(adult[columns], adult["income"], sensitive_features=adult["sex"])
    assert fair.favourable_ == ">50K"
    chance = fair.predict_proba(adult_test[columns], sensitive_features=adult_test["sex"])[:, 1]
    before = model.fit(adult[columns], adult["income"]).predict(adult_test[columns]) == ">50K"
    men = (adult_test["sex"] == "Male").to_numpy()

    def gap(decided: Any) -> float:
        return abs(float(decided[men].mean() - decided[~men].mean()))

    assert gap(chance) < 0.02 < 0.05 < gap(before)
