"""Our numbers against two independent libraries, on real decisions."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aequo.core.table import Table
from aequo.fairness import metrics as ours
from aequo.fairness.measures import MEASURES, Outcomes, measure


@pytest.fixture(autouse=True)
def _rivals_may_warn() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _case(name: str, request: pytest.FixtureRequest) -> tuple[pd.DataFrame, str]:
    """Real rows with y (1 favourable), d (a decision), s (a score) and a group column."""
    frame = request.getfixturevalue(name)
    if name == "adult":
        y = (frame["income"] == ">50K").astype(int)
        rank = frame["education-num"] / 16 * 0.6 + (frame["hours-per-week"] > 40) * 0.3
        return pd.DataFrame({"y": y, "s": rank, "d": (rank >= 0.6).astype(int), "group": frame["race"]}), "race"
    if name == "compas":
        y = 1 - frame["two_year_recid"]
        score = 1 - frame["decile_score"] / 10
        return pd.DataFrame({"y": y, "s": score, "d": (score > 0.5).astype(int), "group": frame["race"]}), "race"
    y = (frame["credit"] == 1).astype(int)
    score = 1 / (1 + frame["month"] / 24)
    return pd.DataFrame({"y": y, "s": score, "d": (score >= 0.5).astype(int), "group": frame["sex"]}), "sex"


CASES = ["adult", "compas", "german"]


def _outcomes(frame: pd.DataFrame) -> Outcomes:
    counts = Table.of(frame).counts(group=["group"], label="y", prediction="d")
    return Outcomes.of(counts, favourable=1)


FAIRLEARN = {
    "selection_rate": "selection_rate",
    "true_positive_rate": "true_positive_rate",
    "false_positive_rate": "false_positive_rate",
    "true_negative_rate": "true_negative_rate",
    "false_negative_rate": "false_negative_rate",
}


@pytest.mark.parametrize("name", CASES)
def test_rates_of_every_group_equal_fairlearns_and_scikit_learns(name: str, request: pytest.FixtureRequest) -> None:
    import fairlearn.metrics as fl
    import sklearn.metrics as sk

    frame, _ = _case(name, request)
    outcomes = _outcomes(frame)
    functions: dict[str, Callable[..., Any]] = {m: getattr(fl, f) for m, f in FAIRLEARN.items()}
    functions |= {"accuracy": sk.accuracy_score, "positive_predictive_value": sk.precision_score}
    for m, function in functions.items():
        theirs = fl.MetricFrame(
            metrics=function, y_true=frame["y"], y_pred=frame["d"], sensitive_features=frame["group"]
        ).by_group
        measured = measure(outcomes, m)
        for label, value in zip(measured.groups.labels, measured.values, strict=True):
            if not np.isnan(value):  # where it is undefined they say 0
                assert value == pytest.approx(theirs[label], abs=1e-12), (m, label)


@pytest.mark.parametrize("name", CASES)
def test_differences_and_ratios_equal_fairlearns(name: str, request: pytest.FixtureRequest) -> None:
    import fairlearn.metrics as fl

    frame, _ = _case(name, request)
    y, d, g = frame["y"].to_numpy(), frame["d"].to_numpy(), frame["group"].to_numpy()
    pairs = [
        (ours.demographic_parity(d, g), fl.demographic_parity_difference(y, d, sensitive_features=g)),
        (ours.disparate_impact(d, g), fl.demographic_parity_ratio(y, d, sensitive_features=g)),
        (ours.equalized_odds(y, d, g), fl.equalized_odds_difference(y, d, sensitive_features=g)),
        (ours.equal_opportunity(y, d, g), fl.equal_opportunity_difference(y, d, sensitive_features=g)),
    ]
    for metric, theirs in pairs:
        assert metric.value == pytest.approx(theirs, abs=1e-12), metric.name


@pytest.mark.parametrize("name", CASES)
def test_two_group_numbers_equal_aif360s(name: str, request: pytest.FixtureRequest) -> None:
    from aif360.datasets import BinaryLabelDataset
    from aif360.metrics import ClassificationMetric

    frame, _ = _case(name, request)
    largest = frame["group"].value_counts().index[0]
    frame = frame.assign(a=(frame["group"] == largest).astype(int)).drop(columns=["group", "s"])
    how = {"protected_attribute_names": ["a"], "favorable_label": 1, "unfavorable_label": 0}
    truth = BinaryLabelDataset(df=frame.drop(columns="d").astype(float), label_names=["y"], **how)
    guess = BinaryLabelDataset(
        df=frame.drop(columns="y").rename(columns={"d": "y"}).astype(float), label_names=["y"], **how
    )
    theirs = ClassificationMetric(truth, guess, unprivileged_groups=[{"a": 0}], privileged_groups=[{"a": 1}])
    y, d, g = frame["y"].to_numpy(), frame["d"].to_numpy(), frame["a"].to_numpy()

    def signed(metric: ours.Metric) -> float:
        return metric.by_group["0"].value - metric.by_group["1"].value

    assert signed(ours.demographic_parity(d, g)) == pytest.approx(theirs.statistical_parity_difference())
    assert signed(ours.equal_opportunity(y, d, g)) == pytest.approx(theirs.equal_opportunity_difference())
    assert signed(ours.false_positive_rate_parity(y, d, g)) == pytest.approx(theirs.false_positive_rate_difference())
    assert signed(ours.predictive_parity(y, d, g)) == pytest.approx(
        theirs.positive_predictive_value(privileged=False) - theirs.positive_predictive_value(privileged=True)
    )
    ratio = theirs.disparate_impact()
    assert ours.disparate_impact(d, g).value == pytest.approx(min(ratio, 1 / ratio))
    assert ours.equalized_odds(y, d, g).value == pytest.approx(theirs.equalized_odds_difference())
    for name_, entropy in (
        ("generalised_entropy", theirs.generalized_entropy_index()),
        ("theil_index", theirs.theil_index()),
    ):
        everyone = Table.of(frame.assign(all="x")).counts(group=["all"], label="y", prediction="d")
        assert measure(Outcomes.of(everyone), name_).values[0] == pytest.approx(entropy)


@pytest.mark.parametrize("name", CASES)
def test_area_under_the_curve_is_within_its_stated_binning_error_of_scikit_learns(
    name: str, request: pytest.FixtureRequest
) -> None:
    from sklearn.metrics import roc_auc_score

    from aequo.fairness.measures import binning_error

    frame, _ = _case(name, request)
    counts = Table.of(frame).counts(group=["group"], label="y", score="s")
    outcomes = Outcomes.of(counts, favourable=1)
    auc, error = measure(outcomes, "auc"), binning_error(outcomes)
    for label, value, most in zip(auc.groups.labels, auc.values, error, strict=True):
        part = frame[frame["group"] == label]
        assert abs(value - roc_auc_score(part["y"], part["s"])) <= most + 1e-12


@pytest.mark.parametrize("name", CASES)
def test_balanced_accuracy_equals_scikit_learns(name: str, request: pytest.FixtureRequest) -> None:
    from sklearn.metrics import balanced_accuracy_score

    frame, _ = _case(name, request)
    measured = measure(_outcomes(frame), "balanced_accuracy")
    for label, value in zip(measured.groups.labels, measured.values, strict=True):
        part = frame[frame["group"] == label]
        assert value == pytest.approx(balanced_accuracy_score(part["y"], part["d"]))


def test_every_rate_is_in_the_list_that_is_checked() -> None:
    assert set(FAIRLEARN) | {"accuracy", "positive_predictive_value"} | {"base_rate", "false_omission_rate"} == set(
        MEASURES
    )
