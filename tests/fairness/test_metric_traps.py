"""Calls that look right must be right, or be refused: frames, mixed values, groups that a number leaves out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from aequo.core.finding import Status
from aequo.core.table import Table
from aequo.errors import InputError
from aequo.fairness import (
    auc_parity,
    demographic_parity,
    disparate_impact,
    equal_opportunity,
    mean_outcome_parity,
)
from aequo.fairness.regression import run
from aequo.fairness.strata import by_class

TRUE = [1, 1, 0, 0, 1, 0, 0, 0]
MADE = [1, 0, 1, 0, 1, 0, 0, 0]
GROUP = list("aaaabbbb")


def test_a_pandas_series_is_one_column_whatever_its_index_and_name() -> None:
    expected = equal_opportunity(TRUE, MADE, GROUP)
    for name in (None, "sex", "y_pred", "sample_weight"):
        for index in (range(8), list("zyxwvuts"), [0] * 8):
            series = pd.Series(GROUP, index=index, name=name)
            metric = equal_opportunity(
                pd.Series(TRUE, index=range(8, 0, -1)), pd.Series(MADE), series, weight=[1.0] * 8
            )
            assert metric.value == expected.value and metric.highest == expected.highest
    assert equal_opportunity(TRUE, MADE, pd.Series(pd.Categorical(GROUP, categories=list("bax")))).value == 0.5


def test_a_mapping_with_a_column_called_as_the_outcome_is_refused() -> None:
    with pytest.raises(InputError, match="rename"):
        demographic_parity(MADE, {"y_pred": GROUP})


@pytest.mark.parametrize(("yes", "no"), [("yes", "no"), ("1.0", "0.0")])
def test_predictions_that_share_no_value_with_the_labels_are_refused_not_read_as_unfavourable(
    yes: str, no: str
) -> None:
    with pytest.raises(InputError, match="no value in common"):
        equal_opportunity([yes if y else no for y in TRUE], MADE, GROUP, favourable=yes)


def test_a_class_that_only_the_predictions_have_can_be_the_favourable_one() -> None:
    assert equal_opportunity(["yes"] * 8, ["yes", "no"] * 4, GROUP, favourable="no").value is None


@pytest.mark.parametrize("confidence", [0, 1, 95, float("nan")])
def test_a_confidence_that_is_no_level_is_refused_in_words(confidence: float) -> None:
    with pytest.raises(InputError, match="confidence"):
        demographic_parity(MADE, GROUP, confidence=confidence)


def test_nothing_at_all_has_no_value() -> None:
    assert demographic_parity([], []).value is None
    with pytest.raises(InputError, match="one value per row"):
        demographic_parity(1, GROUP)


def _rows(positives: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two large groups that are treated alike, and one whose few favourable labels are all missed."""
    n = 20_000
    y = np.r_[np.tile([1, 0], n), np.repeat([1, 0], [positives, 1000])]
    d = np.r_[np.tile([1, 0], n), np.zeros(positives + 1000, dtype=np.int64)]
    return y, d, np.repeat(["a", "b", "c"], [n, n, positives + 1000])


def test_a_group_with_too_few_behind_the_number_keeps_the_check_from_passing() -> None:
    few = equal_opportunity(*_rows(19), min_size=20)
    assert few.left_out == ("c",) == few.unjudged and few.status is Status.UNKNOWN
    assert equal_opportunity(*_rows(20), min_size=20).status is Status.FAIL  # with one row more it is seen
    none = equal_opportunity(*_rows(0), min_size=20)
    assert none.unjudged == ("c",) and none.status is Status.UNKNOWN


def test_a_group_that_is_small_in_all_is_left_to_the_check_of_small_groups() -> None:
    y, d, g = _rows(0)
    keep = np.r_[0 : len(g) - 1000 + 19]
    metric = equal_opportunity(y[keep], d[keep], g[keep], min_size=20)
    assert metric.left_out == ("c",) and metric.unjudged == () and metric.status is Status.PASS


def _classes() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    y, g = rng.choice(list("xyz"), 3000), rng.choice(list("ab"), 3000)
    d = np.where(rng.random(3000) < 0.7, y, rng.choice(list("xyz"), 3000))
    return {"y": y, "d": np.where((g == "b") & (y == "y"), "z", d), "g": g}


def test_accuracy_of_many_classes_is_the_share_of_predictions_that_are_right() -> None:
    data = _classes()
    metric = by_class("accuracy-parity", Table.of(data).counts(group=["g"], label="y", prediction="d"))
    for name in "ab":
        mask = data["g"] == name
        assert metric.by_group[name].value == pytest.approx(float((data["y"] == data["d"])[mask].mean()))


def test_the_class_that_decides_a_ratio_is_the_one_with_the_smallest_ratio() -> None:
    counts = Table.of(_classes()).counts(group=["g"], label="y", prediction="d")
    metric = by_class("disparate-impact", counts)
    assert metric.decisive is not None
    assert np.nanmin(metric.decisive.values) / np.nanmax(metric.decisive.values) == pytest.approx(metric.value)
    assert disparate_impact([1, 0, 1, 1], list("aabb")).value == 0.5


def test_an_outcome_too_large_for_its_variation_is_refused_and_not_called_certain() -> None:
    y = np.random.default_rng(0).normal(size=200)
    group = np.repeat(["a", "b"], 100)
    with pytest.raises(InputError, match="subtract a constant"):
        mean_outcome_parity(y + 1e9, group)
    assert mean_outcome_parity(y + 1e4, group).value == pytest.approx(mean_outcome_parity(y, group).value, rel=1e-4)


def test_a_group_whose_outcomes_happen_not_to_vary_is_not_certain() -> None:
    y, g = np.r_[np.zeros(30), np.tile([0.0, 0.0, 3.7], 10)], np.repeat(["a", "b"], 30)
    metric = run("mean-outcome-parity", Table.of({"y": y, "g": g}).counts(group=["g"], label="y", task="regression"))
    low, high = metric.by_group["a"].interval or (0.0, 0.0)
    assert low < 0 < high


def test_the_interval_of_the_area_holds_with_few_of_one_label() -> None:
    rng = np.random.default_rng(0)
    held, runs = 0, 300
    for _ in range(runs):
        y, g = np.tile(np.repeat([1, 0], [4, 36]), 2), np.repeat(["a", "b"], 40)
        s = 1 / (1 + np.exp(-rng.normal(size=80) - y))
        interval = auc_parity(y, s, g).interval
        held += interval is not None and interval[0] <= 0
    assert held / runs >= 0.93  # with DeLong's variance alone: .88
