"""`FairThresholdOptimizer`: what it says is what it does, and every edge is as documented."""

from __future__ import annotations

import json
import math
import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression, Perceptron
from sklearn.model_selection import KFold, ShuffleSplit, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from aequo.core.table import Table
from aequo.errors import InputError, UnknownColumn
from aequo.fairness.mitigate import FairThresholdOptimizer
from aequo.fairness.mitigate.solving import CONSTRAINTS

RATES = {
    "demographic_parity": ("selected",),
    "equal_opportunity": ("tpr",),
    "false_positive_rate_parity": ("fpr",),
    "equalized_odds": ("tpr", "fpr"),
}


@pytest.fixture(scope="module")
def people() -> tuple[Any, Any, Any]:
    """Scores with ties, labels and three groups of different size."""
    rng = np.random.default_rng(3)
    group = rng.choice(["a", "b", "c"], 3000, p=[0.6, 0.3, 0.1])
    y = rng.random(3000) < np.select([group == "a", group == "b"], [0.5, 0.35], 0.2)
    scores = np.round(1 / (1 + np.exp(-rng.normal(1.3 * y - 0.6 + 0.4 * (group == "a"), 1))), 2)
    return scores, y.astype(int), group


def _gap(probability: Any, y: Any, group: Any, constraint: str) -> float:
    of = {"selected": np.ones(len(y), dtype=bool), "tpr": y == 1, "fpr": y == 0}
    worst = 0.0
    for rate in RATES[constraint]:
        means = [probability[of[rate] & (group == g)].mean() for g in set(group) if (of[rate] & (group == g)).any()]
        worst = max(worst, max(means) - min(means))
    return worst


def _wrong(probability: Any, y: Any) -> float:
    return float(np.where(y == 1, 1 - probability, probability).mean())


# -- the promise -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("constraint", CONSTRAINTS)
@pytest.mark.parametrize("randomised", [True, False])
@pytest.mark.parametrize("tolerance", [0.0, 0.02])
def test_the_gap_and_the_cost_that_are_said_are_those_of_its_decisions(
    people: Any, constraint: str, randomised: bool, tolerance: float
) -> None:
    scores, y, group = people
    fair = FairThresholdOptimizer(constraint=constraint, tolerance=tolerance, randomised=randomised)
    fair.fit(scores, y, sensitive_features=group)
    probability = fair.predict_proba(scores, sensitive_features=group)[:, 1]
    assert _gap(probability, y, group, constraint) <= tolerance + 1e-6
    assert _gap(probability, y, group, constraint) == pytest.approx(fair.result_.gap, abs=1e-9)
    assert _wrong(probability, y) == pytest.approx(fair.result_.cost, abs=1e-9)
    assert fair.result_.met is True
    assert fair.score(scores, y, sensitive_features=group) == pytest.approx(1 - fair.result_.cost)
    if not randomised:
        assert set(probability.tolist()) <= {0.0, 1.0}


def test_rates_come_with_intervals_and_the_rows_behind_them(people: Any) -> None:
    scores, y, group = people
    result = FairThresholdOptimizer(tolerance=0.05).fit(scores, y, sensitive_features=group).result_
    for g in result.groups:
        here = group == g.name
        assert (g.n, g.true_positive_rate.n, g.false_positive_rate.n) == (
            here.sum(),
            (here & (y == 1)).sum(),
            (here & (y == 0)).sum(),
        )
        for rate in (g.selection_rate, g.true_positive_rate, g.false_positive_rate):
            assert rate.interval is not None and rate.value is not None
            assert rate.interval[0] <= rate.value <= rate.interval[1]
    plain = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert plain["gap"] == result.gap and plain["price"] == result.price >= 0
    assert [g["name"] for g in plain["groups"]] == ["a", "b", "c"]


def test_zero_tolerance_without_a_coin_says_when_only_deciding_all_alike_meets_it() -> None:
    rng = np.random.default_rng(0)
    scores, y, group = rng.random(400), rng.integers(0, 2, 400), rng.choice(["a", "b"], 400, p=[0.7, 0.3])
    scores = np.where(group == "a", scores, scores**2)
    result = FairThresholdOptimizer(randomised=False).fit(scores, y, sensitive_features=group).result_
    assert result.met and result.gap == 0
    assert result.trivial
    assert any("every group's rule ignores it" in note for note in result.notes)


def test_a_score_that_points_the_wrong_way_is_not_turned_round() -> None:
    y = np.tile([0, 1], 100)
    group = np.repeat(["a", "b"], 100)
    result = FairThresholdOptimizer(constraint="demographic_parity").fit(1.0 - y, y, sensitive_features=group).result_
    assert result.cost == pytest.approx(0.5)
    assert result.trivial


# -- where scores come from --------------------------------------------------------------------------------------------


@given(st.integers(0, 5))
def test_a_histogram_gives_what_its_binned_scores_give(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 40, 300) / 40
    y, group = rng.integers(0, 2, 300), rng.choice(["a", "b"], 300)
    weight = rng.integers(1, 4, 300).astype(float)
    counts = Table.of({"g": group, "y": y, "s": scores, "w": weight}).counts(
        group="g", label="y", score="s", weight="w"
    )
    of_counts = FairThresholdOptimizer(tolerance=0.05).fit_counts(counts)
    of_rows = FairThresholdOptimizer(tolerance=0.05).fit_scores(
        y, scores, sensitive_features=group, sample_weight=weight
    )
    assert of_counts.result_.cost == pytest.approx(of_rows.result_.cost, abs=1e-7)
    assert of_counts.result_.groups[0].true_positive_rate.n == of_rows.result_.groups[0].true_positive_rate.n
    probability = of_counts.predict_proba(scores, sensitive_features=group)[:, 1]
    wrong = np.average(np.where(y == 1, 1 - probability, probability), weights=weight)
    assert wrong == pytest.approx(of_counts.result_.cost, abs=1e-7)


def test_shards_counted_apart_and_another_engine_give_the_same(people: Any) -> None:
    import polars as pl

    scores, y, group = people
    frame = pl.DataFrame({"g": group, "y": y, "s": scores})
    how: dict[str, Any] = {"group": "g", "label": "y", "score": "s"}
    whole = Table.of(frame.lazy()).counts(**how)
    parts = Table.of(frame[:1000]).counts(**how) + Table.of(frame[1000:]).counts(**how)
    results = [FairThresholdOptimizer().fit_counts(c).result_ for c in (whole, parts)]
    assert results[0].to_dict() == results[1].to_dict()
    direct = FairThresholdOptimizer().fit(scores, y, sensitive_features=group).result_
    assert results[0].cost == pytest.approx(direct.cost, abs=1e-7)


def test_counts_without_what_is_needed_are_refused() -> None:
    rows = {"g": ["a", "b"] * 4, "y": [0, 1, None, 1] * 2, "s": [0.1, 0.9, 0.4, None] * 2}
    with pytest.raises(InputError, match="lack a group, a label or a score"):
        FairThresholdOptimizer().fit_counts(Table.of(rows).counts(group="g", label="y"))
    with pytest.raises(InputError, match="2 rows have no score in 's'"):
        FairThresholdOptimizer().fit_counts(Table.of(rows).counts(group="g", label="y", score="s"))
    three = Table.of({**rows, "y": [0, 1, 2, 1] * 2}).counts(group="g", label="y", score="s")
    with pytest.raises(InputError, match="has 3 different values; expected two"):
        FairThresholdOptimizer().fit_counts(three)


def test_no_row_is_scored_by_a_model_that_saw_it_and_none_is_lost() -> None:
    rng = np.random.default_rng(0)
    x, y, group = rng.normal(size=(90, 1)), np.tile([0, 1], 45), np.repeat(["a", "b", "c"], 30)

    class Memory(LogisticRegression):
        """Knows the rows it was fitted on by heart."""

        def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:  # noqa: N803
            self.known_ = dict(zip(X[:, 0].tolist(), y.tolist(), strict=True))
            self.classes_ = np.unique(y)
            return self

        def predict_proba(self, X: Any) -> Any:  # noqa: N803
            score = np.array([self.known_.get(v, 0.5) for v in X[:, 0].tolist()])
            return np.stack([1 - score, score], axis=1)

    held_out = FairThresholdOptimizer(Memory(), min_group=5).fit(x, y, sensitive_features=group)
    assert held_out.result_.cost == pytest.approx(0.5), "what it learnt by heart is of no use for rows held out"
    assert len(held_out.estimator_.known_) == 90, "in the end it is fitted on all rows"
    on_training = FairThresholdOptimizer(Memory(), cv=None, min_group=5).fit(x, y, sensitive_features=group)
    assert on_training.result_.cost == 0


def test_prefit_uses_the_estimator_as_it_is(people: Any) -> None:
    scores, y, group = people
    model = LogisticRegression().fit(scores[:, None], y)
    fair = FairThresholdOptimizer(model, cv="prefit").fit(scores[:, None], y, sensitive_features=group)
    assert fair.estimator_ is model
    same = FairThresholdOptimizer().fit_scores(y, model.predict_proba(scores[:, None])[:, 1], sensitive_features=group)
    assert fair.result_ == same.result_
    with pytest.raises(sklearn.exceptions.NotFittedError):
        FairThresholdOptimizer(LogisticRegression(), cv="prefit").fit(scores[:, None], y, sensitive_features=group)


def test_a_margin_is_a_score_too_also_when_the_smaller_label_is_favourable(people: Any) -> None:
    scores, y, group = people
    named = np.where(y == 1, "approved", "refused")
    fair = FairThresholdOptimizer(LinearSVC(), favourable="approved", tolerance=0.02, random_state=1)
    fair.fit(scores[:, None], named, sensitive_features=group)
    assert fair.classes_.tolist() == ["approved", "refused"]
    chance = fair.predict_proba(scores[:, None], sensitive_features=group)[:, 0]
    assert np.corrcoef(chance, scores)[0, 1] > 0.5
    decided = fair.predict(scores[:, None], sensitive_features=group)
    assert (decided == named).mean() > 0.6


def test_weights_reach_the_estimator_and_the_rates(people: Any) -> None:
    scores, y, group = (v[:600] for v in people)
    weight = np.random.default_rng(0).integers(0, 3, 600)
    twice = np.repeat(np.arange(600), weight)
    one = FairThresholdOptimizer(LogisticRegression(), cv=None).fit(
        scores[:, None], y, sensitive_features=group, sample_weight=weight
    )
    two = FairThresholdOptimizer(LogisticRegression(), cv=None).fit(
        scores[twice, None], y[twice], sensitive_features=group[twice]
    )
    assert one.estimator_.coef_ == pytest.approx(two.estimator_.coef_, rel=1e-3)
    assert one.result_.cost == pytest.approx(two.result_.cost, abs=1e-6)


# -- who is who --------------------------------------------------------------------------------------------------------


def test_people_of_an_unknown_group_get_the_rule_for_everyone_or_are_refused(people: Any) -> None:
    scores, y, group = people
    fair = FairThresholdOptimizer(constraint="equal_opportunity").fit(scores, y, sensitive_features=group)
    new = fair.predict_proba([0.1, 0.9, 0.9], sensitive_features=[None, "d", float("nan")])[:, 1]
    assert new.tolist() == fair.result_.overall.probability(np.array([0.1, 0.9, 0.9])).tolist()
    chance = fair.result_.overall.probability(scores)
    rate = fair.result_.groups[0].true_positive_rate.value
    assert chance[y == 1].mean() == pytest.approx(rate, abs=1e-6), "at the rate that all groups have"
    strict = FairThresholdOptimizer(unknown_group="refuse").fit(scores, y, sensitive_features=group)
    with pytest.raises(InputError, match="1 rows have a group that is missing or was not there in fit"):
        strict.predict([0.9, 0.9], sensitive_features=["a", "d"])


def test_rows_without_a_group_take_no_part_in_the_constraint(people: Any) -> None:
    scores, y, group = people
    with_gaps = np.where(np.arange(len(y)) % 5 == 0, None, group.astype(object))
    known = np.array([g is not None for g in with_gaps])
    fair = FairThresholdOptimizer(tolerance=0.01).fit(scores, y, sensitive_features=with_gaps)
    without = FairThresholdOptimizer(tolerance=0.01).fit(scores[known], y[known], sensitive_features=group[known])
    assert fair.result_.cost == pytest.approx(without.result_.cost)
    assert "600 rows of an unknown group took no part in the constraint." in fair.result_.notes
    with pytest.raises(InputError, match="600 rows have no group"):
        FairThresholdOptimizer(unknown_group="refuse").fit(scores, y, sensitive_features=with_gaps)
    with pytest.raises(InputError, match="no row has a known group"):
        FairThresholdOptimizer().fit(scores, y, sensitive_features=[None] * len(y))


@pytest.mark.parametrize("small", ["pool", "ignore", "refuse"])
def test_small_groups_are_pooled_left_out_or_refused(people: Any, small: str) -> None:
    scores, y, group = people
    tiny = group.astype(object).copy()
    tiny[:40], tiny[40:80] = "x", "y"
    fair = FairThresholdOptimizer(small_groups=small, min_group=25)
    if small == "refuse":
        with pytest.raises(InputError, match="fewer than 25 rows with the favourable label or .*: x, y; merge them"):
            fair.fit(scores, y, sensitive_features=tiny)
        return
    result = fair.fit(scores, y, sensitive_features=tiny).result_
    rules = {g.name: g for g in result.groups}
    assert rules["x"].rule == rules["y"].rule
    assert {rules["x"].own, rules["y"].own} == {"pooled" if small == "pool" else "overall"}
    assert any("x, y" in note for note in result.notes)


def test_when_no_group_is_large_enough_all_share_a_rule(people: Any) -> None:
    scores, y, _ = people
    result = FairThresholdOptimizer().fit(scores, y, sensitive_features=np.arange(len(y)) % 400).result_
    assert len({g.rule for g in result.groups}) == 1
    one = FairThresholdOptimizer().fit(scores[:5], [0, 1, 0, 1, 1], sensitive_features=["a"] * 5).result_
    assert one.gap is None and one.met is None
    assert any("nothing was compared" in note for note in one.notes)


def test_a_group_whose_rows_weigh_nothing_gets_the_rule_for_everyone(people: Any) -> None:
    scores, y, group = people
    weight = np.where(group == "c", 0.0, 1.0)
    fair = FairThresholdOptimizer(min_group=0, constraint="demographic_parity")
    result = fair.fit(scores, y, sensitive_features=group, sample_weight=weight).result_
    c = result.groups[2]
    assert (c.own, c.rule, c.selection_rate.value) == ("overall", result.overall, None)
    assert any("Decided by the rule for everyone" in note and ": c." in note for note in result.notes)
    assert len(fair.predict([], sensitive_features=[])) == 0


def test_a_group_of_one_label_takes_part_where_its_rate_is_defined(people: Any) -> None:
    scores, y, group = people
    y = np.where(group == "c", 0, y)
    fair = FairThresholdOptimizer(min_group=0).fit(scores, y, sensitive_features=group)
    c = fair.result_.groups[2]
    assert c.true_positive_rate.value is None and c.true_positive_rate.interval is None
    a = fair.result_.groups[0]
    assert c.false_positive_rate.value == pytest.approx(a.false_positive_rate.value, abs=1e-6)
    assert any("No rows with the favourable label" in note and note.endswith(": c.") for note in fair.result_.notes)
    chance = c.rule.probability(scores[group == "c"])
    assert ((chance > 0) & (chance < 1)).mean() < 0.05, "next to none of them is left to a coin"


# -- coins -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def coin(people: Any) -> FairThresholdOptimizer:
    scores, y, group = people
    return FairThresholdOptimizer(random_state=5).fit(scores, y, sensitive_features=group)


def test_the_same_person_gets_the_same_coin_in_any_order_and_copy(coin: Any, people: Any) -> None:
    scores, _, group = people
    ids = np.arange(len(scores))
    first = coin.predict(scores, sensitive_features=group, ids=ids)
    order = np.random.default_rng(1).permutation(len(ids))[:700]
    again = pickle.loads(pickle.dumps(coin)).predict(scores[order], sensitive_features=group[order], ids=ids[order])
    assert again.tolist() == first[order].tolist()
    other = coin.predict(scores, sensitive_features=group, ids=[f"x{i}" for i in ids])
    assert (other != first).any()
    with pytest.raises(InputError, match="an id is missing"):
        coin.predict(scores[:2], sensitive_features=group[:2], ids=[1, None])
    with pytest.raises(InputError, match="1 ids for 2 rows"):
        coin.predict(scores[:2], sensitive_features=group[:2], ids=[1])


def test_coins_come_up_as_often_as_they_are_said_to(coin: Any, people: Any) -> None:
    scores, _, group = people
    chance = coin.predict_proba(scores, sensitive_features=group)[:, 1]
    left = (chance > 0) & (chance < 1)
    assert left.any()
    expected, spread = chance[left].sum(), math.sqrt((chance * (1 - chance)).sum())
    for ids in (None, np.arange(len(scores))):
        decided = coin.predict(scores, sensitive_features=group, ids=ids)
        assert abs(decided[left].sum() - expected) < 4 * spread
        assert (decided[~left] == chance[~left]).all()


def test_a_seed_makes_the_same_call_give_the_same_decisions(coin: Any, people: Any) -> None:
    scores, y, group = people
    once, twice = (coin.predict(scores, sensitive_features=group).tolist() for _ in range(2))
    assert once == twice
    free = FairThresholdOptimizer().fit(scores, y, sensitive_features=group)
    runs = [free.predict(scores, sensitive_features=group).tolist() for _ in range(5)]
    assert any(run != runs[0] for run in runs)


# -- as scikit-learn has it --------------------------------------------------------------------------------------------


def _frame(people: Any) -> tuple[pd.DataFrame, Any]:
    scores, y, group = (v[:800] for v in people)
    return pd.DataFrame({"s": scores, "t": scores**2, "group": group}), y


def test_named_columns_make_it_work_in_pipelines_and_cross_validation(people: Any) -> None:
    frame, y = _frame(people)
    fair = FairThresholdOptimizer(LogisticRegression(), sensitive_columns="group", tolerance=0.1, random_state=0)
    found = cross_validate(clone(fair), frame, y, cv=3, scoring=["accuracy", "roc_auc"], error_score="raise")
    assert (found["test_accuracy"] > 0.6).all()
    fair.fit(frame, y)
    assert fair.estimator_.feature_names_in_.tolist() == ["s", "t"]
    elsewhere = FairThresholdOptimizer(LogisticRegression(), tolerance=0.1, random_state=0)
    elsewhere.fit(frame[["s", "t"]], y, sensitive_features=frame["group"])
    assert elsewhere.result_.to_dict()["groups"] == fair.result_.to_dict()["groups"]
    seen = clone(fair).set_params(keep_sensitive=True, sensitive_columns=[1], estimator=LogisticRegression())
    assert seen.fit(frame[["s", "t"]].to_numpy(), y).estimator_.n_features_in_ == 2


def test_groups_are_routed_through_a_pipeline(people: Any) -> None:
    frame, y = _frame(people)
    with sklearn.config_context(enable_metadata_routing=True):
        fair = FairThresholdOptimizer(LogisticRegression(), random_state=0)
        for request in (fair.set_fit_request, fair.set_predict_request, fair.set_predict_proba_request):
            request(sensitive_features=True)
        pipeline = make_pipeline(StandardScaler(), fair)
        pipeline.fit(frame[["s", "t"]], y, sensitive_features=frame["group"])
        chance = pipeline.predict_proba(frame[["s", "t"]], sensitive_features=frame["group"])
    assert chance.shape == (800, 2)
    assert pipeline[-1].result_.met


def test_any_classifier_with_a_score_will_do_and_others_are_named(people: Any) -> None:
    frame, y = _frame(people)
    x, group = frame[["s", "t"]], frame["group"]
    calibrated = CalibratedClassifierCV(Perceptron(), cv=2)
    assert FairThresholdOptimizer(calibrated, cv=2).fit(x, y, sensitive_features=group).result_.met

    class Decides(LogisticRegression):
        predict_proba = property()  # type: ignore[assignment]
        decision_function = property()  # type: ignore[assignment]

    with pytest.raises(InputError, match="Decides has neither predict_proba nor decision_function"):
        FairThresholdOptimizer(Decides()).fit(x, y, sensitive_features=group)


@pytest.mark.parametrize("kind", ["list", "array", "pandas", "polars", "arrow", "dict", "2d"])
def test_groups_come_as_whatever_holds_them(people: Any, kind: str) -> None:
    import polars as pl
    import pyarrow as pa

    scores, y, group = (v[:500] for v in people)
    forms = {
        "list": group.tolist(),
        "array": group,
        "pandas": pd.Series(group, dtype="category"),
        "polars": pl.Series(group),
        "arrow": pa.table({"group": group}),
        "dict": {"group": group},
        "2d": group[:, None],
    }
    made = FairThresholdOptimizer().fit(scores, y, sensitive_features=forms[kind]).result_
    assert made == FairThresholdOptimizer().fit(scores, y, sensitive_features=group).result_


def test_labels_are_any_two_values(people: Any) -> None:
    scores, y, group = (v[:500] for v in people)
    base = FairThresholdOptimizer().fit(scores, y, sensitive_features=group).result_
    for labels in (y.astype(bool), y.astype(float), y * 2 - 1, np.where(y, "yes", "no"), pd.Series(y, dtype="boolean")):
        fair = FairThresholdOptimizer().fit(scores, labels, sensitive_features=group)
        assert fair.result_ == base
        assert set(fair.predict(scores, sensitive_features=group).tolist()) <= set(np.asarray(labels).tolist())


S, Y, G = [0.1, 0.9, 0.4, 0.6], [0, 1, 0, 1], ["a", "a", "b", "b"]


@pytest.mark.parametrize(
    ("how", "call", "said"),
    [
        ({"constraint": "equalised_odds"}, (S, Y, G), "Did you mean 'equalized_odds'"),
        ({"tolerance": 2}, (S, Y, G), "tolerance is not in"),
        ({"tolerance": float("nan")}, (S, Y, G), "tolerance is not in"),
        ({"tolerance": "2 %"}, (S, Y, G), "tolerance is not in"),
        ({"min_group": -1}, (S, Y, G), "min_group is no number of rows"),
        ({"min_group": 2.5}, (S, Y, G), "min_group is no number of rows"),
        ({}, ([], [], []), "of 0 class"),
        ({"small_groups": "drop"}, (S, Y, G), "expected one of pool, ignore, refuse"),
        ({"unknown_group": "x"}, (S, Y, G), "expected one of overall, refuse"),
        ({"cost": {"fpr": 1}}, (S, Y, G), "cost has the key 'fpr'"),
        ({"cost": "cheap"}, (S, Y, G), "cost is 'cheap'"),
        ({"cost": [1, 2, 3]}, (S, Y, G), "no 2 x 2 matrix"),
        ({"cost": {"fp": float("inf")}}, (S, Y, G), "not finite"),
        ({"cost": {"fp": "much"}}, (S, Y, G), "not a number"),
        ({"favourable": 7}, (S, Y, G), "no label is the favourable value 7"),
        ({}, (S, [0, 1, 2, 1], G), "expected two"),
        ({}, (S, [1, 1, 1, 1], G), "of 1 class"),
        ({}, (S, [0, None, 0, 1], G), "a label is missing"),
        ({}, (S, None, G), "requires y to be passed"),
        ({}, (S, Y[:3], G), "inconsistent numbers of samples"),
        ({}, ([0.1, float("nan"), 0.4, 0.6], Y, G), "missing .NaN. or infinite"),
        ({}, ([0.1, "high", 0.4, 0.6], Y, G), "not numbers"),
        ({}, ([[1, 2]] * 4, Y, G), "without an estimator it is the score"),
        ({}, (S, Y, None), "the groups are not given"),
        ({}, (S, Y, G[:2]), "inconsistent"),
        ({"estimator": LogisticRegression(), "cv": 1}, ([[s] for s in S], Y, G), "cv is 1"),
        ({"estimator": LogisticRegression(), "cv": ShuffleSplit(2)}, ([[s] for s in S], Y, G), "each row exactly once"),
        ({"estimator": LogisticRegression(), "cv": KFold(2)}, ([[s] for s in S], sorted(Y), G), "one label only"),
    ],
)
def test_what_cannot_be_used_is_said_in_a_sentence(how: Any, call: Any, said: str) -> None:
    scores, y, group = call
    with pytest.raises(InputError, match=said):
        FairThresholdOptimizer(**how).fit(scores, y, sensitive_features=group)


def test_a_fitted_one_says_what_it_is_given_wrongly(people: Any) -> None:
    scores, y, group = people
    fair = FairThresholdOptimizer()
    with pytest.raises(sklearn.exceptions.NotFittedError):
        fair.predict(scores, sensitive_features=group)
    fair.fit(scores, y, sensitive_features=group)
    with pytest.raises(InputError, match="X has 2 rows, sensitive_features 1"):
        fair.predict([0.1, 0.2], sensitive_features=["a"])
    with pytest.raises(InputError, match="the sensitive columns are x, y; in fit they were group"):
        fair.predict([0.1], sensitive_features={"x": ["a"], "y": ["b"]})
    with pytest.raises(InputError, match="3 scores and 2 labels"):
        fair.fit_scores([0, 1], [0.1, 0.2, 0.3], sensitive_features=["a", "b"])
    with pytest.raises(UnknownColumn, match="X is an array; give positions"):
        FairThresholdOptimizer(sensitive_columns="sex").fit(np.ones((4, 2)), Y)


def test_a_handful_without_a_group_does_not_disturb_the_folds() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(200, 1)), np.arange(200) % 2
    group = np.array(["a", "b"], dtype=object)[rng.integers(0, 2, 200)]
    group[:5] = None  # two rows of one label, three of the other: fewer than folds
    fair = FairThresholdOptimizer(LogisticRegression()).fit(x, y, sensitive_features=group)  # a warning would fail
    assert len(fair.result_.groups) >= 2
