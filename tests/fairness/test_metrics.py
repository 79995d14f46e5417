"""Laws of the metrics, and values worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aequo import fairness
from aequo.core.finding import Status
from aequo.core.table import Table
from aequo.errors import InputError, UnknownGroup
from aequo.fairness.measures import Outcomes, measure

ARRAYS = {
    "equal_opportunity",
    "equalized_odds",
    "false_positive_rate_parity",
    "false_negative_rate_parity",
    "predictive_parity",
    "accuracy_parity",
    "balanced_accuracy_parity",
    "treatment_equality",
    "generalised_entropy",
    "theil_index",
}
bit = st.integers(0, 1)
rows = st.lists(st.tuples(bit, bit, st.sampled_from("abc")), min_size=4, max_size=60)


def _split(data: list[tuple[int, int, str]]) -> tuple[list[int], list[int], list[str]]:
    y, d, g = zip(*data, strict=True)
    return list(y), list(d), list(g)


def _same(a: float | None, b: float | None) -> bool:
    return (a is None) == (b is None) and (a is None or b is None or math.isclose(a, b, abs_tol=1e-9))


@given(data=rows, name=st.sampled_from(sorted(ARRAYS)))
def test_the_order_of_rows_and_the_names_of_groups_change_nothing(data: list[tuple[int, int, str]], name: str) -> None:
    y, d, g = _split(data)
    function = getattr(fairness, name)
    plain = function(y, d, g)
    turned = function(y[::-1], d[::-1], g[::-1])
    renamed = function(y, d, [{"a": "zebra", "b": "yak", "c": "xerus"}[v] for v in g])
    assert _same(plain.value, turned.value) and _same(plain.value, renamed.value)
    for other in (turned, renamed):
        assert (plain.interval is None) == (other.interval is None)
        if plain.interval is not None:
            assert np.allclose(plain.interval, other.interval)


@given(data=rows, name=st.sampled_from(sorted(ARRAYS)))
def test_the_interval_contains_the_estimate_and_grows_with_confidence(
    data: list[tuple[int, int, str]], name: str
) -> None:
    metric = getattr(fairness, name)(*_split(data))
    (value, narrow), (_, wide) = metric.at(0.8), metric.at(0.99)
    if value is None or narrow is None or wide is None:
        assert metric.status is Status.UNKNOWN
        return
    assert narrow[0] - 1e-9 <= value <= narrow[1] + 1e-9
    assert wide[0] <= narrow[0] + 1e-9 and wide[1] >= narrow[1] - 1e-9


@given(data=rows)
def test_doubling_every_row_keeps_each_value_and_narrows_no_rate_wrongly(data: list[tuple[int, int, str]]) -> None:
    _, d, g = _split(data)
    once, twice = fairness.demographic_parity(d, g), fairness.demographic_parity(d * 2, g * 2)
    assert _same(once.value, twice.value)
    if once.interval and twice.interval:
        assert twice.interval[1] - twice.interval[0] <= once.interval[1] - once.interval[0] + 1e-9


@given(data=rows, name=st.sampled_from(sorted(ARRAYS)))
def test_equal_weights_equal_no_weights(data: list[tuple[int, int, str]], name: str) -> None:
    y, d, g = _split(data)
    plain, weighted = (getattr(fairness, name)(y, d, g, weight=w) for w in (None, [2.5] * len(y)))
    assert _same(plain.value, weighted.value)
    if plain.interval is not None:
        assert weighted.interval is not None and np.allclose(plain.interval, weighted.interval)


@given(data=rows)
def test_rates_complement_each_other(data: list[tuple[int, int, str]]) -> None:
    y, d, g = _split(data)
    counts = Table.of({"y": y, "d": d, "g": g}).counts(group=["g"], label="y", prediction="d", task="binary")
    outcomes = Outcomes.of(counts)
    for one, other in (
        ("true_positive_rate", "false_negative_rate"),
        ("false_positive_rate", "true_negative_rate"),
    ):
        a, b = measure(outcomes, one), measure(outcomes, other)
        total = a.values + b.values
        assert np.allclose(total[~np.isnan(total)], 1.0)
        assert (np.isnan(a.values) == (a.n == 0)).all()


def test_hand_worked_confusion_gives_the_hand_worked_metrics() -> None:
    # group a: TP 4 FN 1 FP 2 TN 3; group b: TP 1 FN 4 FP 1 TN 4
    y = [1] * 5 + [0] * 5 + [1] * 5 + [0] * 5
    d = [1] * 4 + [0] + [1] * 2 + [0] * 3 + [1] + [0] * 4 + [1] + [0] * 4
    g = ["a"] * 10 + ["b"] * 10
    assert fairness.demographic_parity(d, g).value == pytest.approx(0.6 - 0.2)
    assert fairness.disparate_impact(d, g).value == pytest.approx(0.2 / 0.6)
    assert fairness.equal_opportunity(y, d, g).value == pytest.approx(0.8 - 0.2)
    assert fairness.false_positive_rate_parity(y, d, g).value == pytest.approx(0.4 - 0.2)
    assert fairness.equalized_odds(y, d, g).value == pytest.approx(0.6)
    assert fairness.predictive_parity(y, d, g).value == pytest.approx(4 / 6 - 1 / 2)
    assert fairness.accuracy_parity(y, d, g).value == pytest.approx(0.7 - 0.5)
    assert fairness.balanced_accuracy_parity(y, d, g).value == pytest.approx(0.7 - 0.5)
    assert fairness.treatment_equality(y, d, g).value == pytest.approx((1 / 2) / (4 / 1))


def test_a_group_without_positives_has_no_true_positive_rate() -> None:
    metric = fairness.equal_opportunity([1, 1, 0, 0], [1, 0, 1, 0], ["a", "a", "b", "b"])
    assert metric.value is None and metric.interval is None and metric.status is Status.UNKNOWN
    b = metric.by_group["b"]
    assert b.value is None and b.why == "no row has the favourable label"
    assert metric.left_out == ("b",)


def test_nobody_selected_anywhere_has_no_impact_ratio() -> None:
    metric = fairness.disparate_impact([0, 0, 0, 0], ["a", "a", "b", "b"], favourable=1)
    assert metric.value is None and metric.status is Status.UNKNOWN


def test_a_perfect_score_has_an_area_of_one_and_an_interval_that_is_not_a_point() -> None:
    y = [0, 0, 0, 1, 1, 1] * 2
    metric = fairness.auc_parity(y, [0.1, 0.2, 0.3, 0.7, 0.8, 0.9] * 2, ["a"] * 6 + ["b"] * 6)
    a = metric.by_group["a"]
    assert a.value == 1.0 and a.interval is not None and a.interval[0] < 0.75


def test_calibration_is_zero_where_scores_are_the_shares() -> None:
    y = [1] * 3 + [0] * 7 + [1] * 8 + [0] * 2
    s = [0.3] * 10 + [0.8] * 10
    metric = fairness.calibration(y, s, ["a"] * 20)
    assert metric.by_group["a"].value == pytest.approx(0.0, abs=1e-12)


def test_calibration_finds_the_group_whose_scores_mean_something_else() -> None:
    y = ([1] * 30 + [0] * 70) * 10 + ([1] * 60 + [0] * 40) * 10
    metric = fairness.calibration(y, [0.3] * 2000, ["a"] * 1000 + ["b"] * 1000)
    assert metric.highest == "b" and metric.value == pytest.approx(0.3)
    assert metric.status is Status.FAIL


def test_signed_differences_are_to_the_chosen_reference() -> None:
    d, g = [1, 1, 1, 0, 1, 1, 0, 0, 1, 0, 0, 0], ["a"] * 4 + ["b"] * 4 + ["c"] * 4
    metric = fairness.demographic_parity(d, g, reference="b")
    signed = {group: value for group, _, value, _ in metric.pairs()}
    assert signed == {"a": pytest.approx(0.25), "c": pytest.approx(-0.25)}


def test_an_unknown_reference_names_the_groups_there_are() -> None:
    with pytest.raises(UnknownGroup, match=r"Groups: female, male.*Did you mean 'male'"):
        fairness.demographic_parity([1, 0], ["male", "female"], reference="mal").pairs()


def test_several_sensitive_columns_are_crossed() -> None:
    metric = fairness.demographic_parity([1, 0, 1, 0], {"race": list("xxyy"), "sex": list("fmfm")})
    assert set(metric.by_group) == {"x · f", "x · m", "y · f", "y · m"}


def test_text_labels_need_a_favourable_value_and_say_so() -> None:
    with pytest.raises(InputError, match="favourable"):
        fairness.demographic_parity(["yes", "no"], ["a", "b"])
    assert fairness.demographic_parity(["yes", "no"], ["a", "b"], favourable="yes").value == 1.0


def test_multiclass_is_judged_class_by_class() -> None:
    data = {"y": list("xyzxyzxyy"), "d": list("xyzzyzxyx"), "g": list("aaaabbbbb")}
    counts = Table.of(data).counts(group=["g"], label="y", prediction="d")
    metric = fairness.by_class("equal-opportunity", counts)
    names = [m.name for m in metric.measured]
    assert names == [f"true_positive_rate[{c}]" for c in "xyz"]
    assert metric.by_group["a"].value == pytest.approx(0.5)  # a has x twice, found once


def test_the_class_that_is_named_is_the_class_that_gives_the_value() -> None:
    # high: 30% and 40%, a ratio of .75 and 10 points; low: 2% and 8%, a ratio of .25 and 6 points
    a = ["high"] * 30 + ["low"] * 2 + ["mid"] * 68
    b = ["high"] * 40 + ["low"] * 8 + ["mid"] * 52
    counts = Table.of({"y": a + b, "g": ["a"] * 100 + ["b"] * 100}).counts(group=["g"], label="y")
    ratio = fairness.by_class("disparate-impact", counts, classes=["high", "low"])
    assert ratio.value == pytest.approx(0.25) and ratio.decisive.name == "selection_rate[low]"
    difference = fairness.by_class("demographic-parity", counts, classes=["high", "low"])
    assert difference.value == pytest.approx(0.1) and difference.decisive.name == "selection_rate[high]"


def test_regression_means_are_the_groups_means() -> None:
    y, p, g = [1.0, 2.0, 3.0, 4.5], [1.5, 2.5, 2.0, 3.5], ["a", "a", "b", "b"]
    assert fairness.error_parity(y, p, g).by_group["a"].value == pytest.approx(0.5)
    assert fairness.residual_parity(y, p, g).by_group["b"].value == pytest.approx(-1.0)
    metric = fairness.mean_outcome_parity(p, g)
    assert metric.value == pytest.approx((2.75 - 2.0) / np.std(p))


def test_lengths_that_differ_are_refused_with_the_lengths() -> None:
    with pytest.raises(InputError, match=r"3.*2|2.*3"):
        fairness.demographic_parity([1, 0, 1], ["a", "b"])


def test_crossings_with_too_many_groups_are_refused_before_memory_is() -> None:
    many = {"a": list(range(1000)) * 10, "b": [i // 1000 for i in range(10_000)]}
    with pytest.raises(InputError, match="a × b names 10,000 groups; 5,000 is the most"):
        fairness.demographic_parity([0, 1] * 5000, many)
