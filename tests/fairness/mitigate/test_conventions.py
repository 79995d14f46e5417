"""scikit-learn's own checks of estimators, all of those that apply."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.utils.estimator_checks import estimator_checks_generator

from aequo.fairness.mitigate import FairThresholdOptimizer, ReweighedClassifier

# The checks call fit(X, y) and predict(X). Groups come with the rows here, made from their first column; nothing else
# of the estimators is changed. `Reweigher` looks at no X, so that the checks, which are about X, say nothing of it.


def _groups(rows: Any) -> Any:
    try:
        first = np.asarray(rows.toarray() if hasattr(rows, "toarray") else rows, dtype=float)[:, 0]
    except (TypeError, ValueError, IndexError):  # what the estimator shall refuse
        return ["a"] * (rows.shape[0] if hasattr(rows, "shape") else len(rows))
    return np.where(np.nan_to_num(first) % 1 < 0.5, "a", "b")


class GroupedThresholds(FairThresholdOptimizer):
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:  # type: ignore[override]  # noqa: N803
        return super().fit(X, y, sensitive_features=_groups(X), sample_weight=sample_weight)

    def predict(self, X: Any) -> Any:  # type: ignore[override]  # noqa: N803
        return super().predict(X, sensitive_features=_groups(X))

    def predict_proba(self, X: Any) -> Any:  # type: ignore[override]  # noqa: N803
        return super().predict_proba(X, sensitive_features=_groups(X))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:  # type: ignore[override]  # noqa: N803
        return super().score(X, y, sensitive_features=_groups(X), sample_weight=sample_weight)


class GroupedReweighed(ReweighedClassifier):
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:  # type: ignore[override]  # noqa: N803
        return super().fit(X, y, sensitive_features=_groups(X), sample_weight=sample_weight)


ESTIMATORS = [
    GroupedThresholds(LogisticRegression(), cv=3, tolerance=0.3),
    GroupedThresholds(LogisticRegression(), cv=3, tolerance=0.3, randomised=False),
    GroupedReweighed(LogisticRegression()),
]
NOT_FOR_US = ("check_array_api_input",)  # runs only where scipy was started in its array-API mode


def _name(check: Any) -> str:
    return str(getattr(check, "func", check).__name__)


CASES = [
    pytest.param(checked, check, id=f"{type(checked).__name__}-{checked.get_params().get('randomised')}-{_name(check)}")
    for estimator in ESTIMATORS
    for checked, check in estimator_checks_generator(estimator)
    if _name(check) not in NOT_FOR_US
]


@pytest.mark.parametrize(("estimator", "check"), CASES)
def test_an_estimator_keeps_to_the_conventions(estimator: Any, check: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the checks make warnings on purpose, and look for them themselves
        check(estimator)
