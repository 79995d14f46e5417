"""The fewest columns that a model needs: found where they are, and not claimed where the data cannot tell."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from aequo.core.finding import Status
from aequo.errors import InputError, UnknownColumn
from aequo.privacy.minimisation.suggest import suggest_minimal

Columns = dict[str, Any]


def people(rows: int = 2400, *, seed: int = 0, noise: int = 2) -> Columns:
    """Rows whose label depends on a, b and a text, and on nothing else."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=rows), rng.normal(size=rows)
    town = rng.choice(["north", "south", "east"], rows)
    raised = 1.5 * a + 1.5 * b + 1.5 * (town == "north") - 0.5
    columns: Columns = {"a": a, "b": b, "town": town.tolist()}
    columns |= {f"noise{i}": rng.normal(size=rows) for i in range(noise)}
    columns["y"] = np.where(raised + rng.logistic(size=rows) > 0, "yes", "no").tolist()
    columns["z"] = (raised + rng.normal(size=rows)).tolist()
    return columns


def without(columns: Columns, *names: str) -> Columns:
    return {n: v for n, v in columns.items() if n not in names}


# -- laws


@pytest.mark.parametrize("metric", ["accuracy", "balanced_accuracy", "auc", "log_loss"])
def test_noise_is_left_out_and_signal_is_kept(metric: str) -> None:
    data = without(people(4500), "z")
    found = suggest_minimal("logistic", data, "y", metric=metric, tolerance=0.02)
    assert set(found.dropped) == {"noise0", "noise1"}
    assert found.columns == ("a", "b", "town")
    assert found.verdict is Status.PASS
    assert found.metric == metric and found.task == "classification"


@pytest.mark.parametrize(("metric", "tolerance"), [("r2", 0.02), ("mae", 0.05)])
def test_a_regression_keeps_its_signal_too(metric: str, tolerance: float) -> None:
    found = suggest_minimal("logistic", without(people(), "y"), "z", metric=metric, tolerance=tolerance)
    assert found.columns == ("a", "b", "town")
    assert found.task == "regression"
    assert suggest_minimal("logistic", without(people(300), "y"), "z").metric == "r2"


def test_every_step_is_what_it_says_it_is() -> None:
    found = suggest_minimal("logistic", without(people(), "z"), "y", tolerance=0.03)
    first, *rest = found.path
    assert first.columns == (*found.columns, *found.dropped) or set(first.columns) == {*found.columns, *found.dropped}
    assert (first.search.loss, first.search.interval, first.accepted) == (0.0, (0.0, 0.0), True)
    before = first
    for step in rest:
        assert set(step.columns) | set(step.left_out) == set(before.columns)
        assert not set(step.columns) & set(step.left_out)
        for loss in filter(None, (step.search, step.held_out)):
            assert loss.interval[0] <= loss.loss <= loss.interval[1]
        if step.accepted:
            assert step.held_out is not None
            assert max(step.search.interval[1], step.held_out.interval[1]) <= 0.03
            assert before.accepted
        before = step
    accepted = [s for s in found.path if s.accepted]
    assert found.columns == accepted[-1].columns
    finding = found.findings[0]
    assert accepted[-1].held_out is not None
    assert (finding.value, finding.interval) == (accepted[-1].held_out.loss, accepted[-1].held_out.interval)
    assert finding.n == found.rows[1] and finding.limit == 0.03
    assert finding.id == "privacy/minimal-columns/y"


def test_the_held_out_rows_take_no_part_in_the_search() -> None:
    seen: list[int] = []

    class Spy(LogisticRegression):
        def fit(self, x: Any, y: Any, sample_weight: Any = None) -> Any:
            seen.append(len(x))
            return super().fit(x, y, sample_weight)

    found = suggest_minimal(Spy(), without(people(900), "z"), "y", tolerance=0.05)
    assert found.rows == (600, 300)
    # Nothing is fitted on more than the rows of the search, and the folds on four fifths of them.
    assert set(seen) == {480, 600}


def test_encoders_learn_from_the_rows_of_their_fold_alone() -> None:
    # A text that is different in every row predicts its own row perfectly if its mean target is learned with the row.
    data = without(people(900, noise=0), "z")
    rng = np.random.default_rng(1)
    data["id"] = [f"p{i}" for i in range(900)]
    data["y"] = rng.choice(["no", "yes"], 900).tolist()
    found = suggest_minimal("boosting", data, "y")
    assert found.verdict is Status.UNKNOWN
    assert found.score is not None and found.score < 0.56
    assert "not surely more than the tolerance" in found.findings[0].why


def test_the_same_seed_gives_the_same_result_and_the_frame_does_not_matter() -> None:
    data = without(people(900), "z")
    how: dict[str, Any] = {"target": "y", "tolerance": 0.05, "repeats": 1}
    first = suggest_minimal("logistic", data, **how)
    frame = pl.DataFrame(data)
    for other in (frame, pd.DataFrame(data), duckdb.from_arrow(frame.to_arrow()), frame.to_dicts()):
        assert suggest_minimal("logistic", other, **how).to_json() == first.to_json()
    assert json.loads(first.to_json())["verdict"] == first.verdict.value
    assert suggest_minimal("logistic", data, **how, seed=1).path != first.path
    forest = RandomForestClassifier(n_estimators=10)
    few = {n: v[:300] for n, v in data.items()}
    assert suggest_minimal(forest, few, **how).to_json() == suggest_minimal(forest, few, **how).to_json()


def test_a_required_column_stays_and_an_excluded_one_is_never_used() -> None:
    data = without(people(), "z")
    found = suggest_minimal("logistic", data, "y", tolerance=0.02, required="noise0")
    assert "noise0" in found.columns and "noise1" in found.dropped
    found = suggest_minimal("logistic", data, "y", tolerance=0.02, exclude=["noise0", "noise1"])
    assert "noise0" not in (*found.columns, *found.dropped)


def test_one_of_two_equal_columns_goes_and_the_other_stays() -> None:
    data = without(people(noise=0), "z")
    data["copy"] = data["a"]
    found = suggest_minimal("logistic", data, "y", tolerance=0.02)
    assert len(found.dropped) == 1 and found.dropped[0] in ("a", "copy")


def test_constant_and_empty_columns_go_first() -> None:
    data = without(people(noise=0), "z")
    data |= {"one": [1] * 2400, "none": [None] * 2400, "same": ["x"] * 2400}
    found = suggest_minimal("logistic", data, "y", tolerance=0.02)
    assert {*found.dropped} == {"one", "none", "same"}


# -- what is not claimed


def test_too_little_data_is_unknown_and_never_a_pass() -> None:
    few = {n: v[:250] for n, v in without(people(), "z").items()}
    found = suggest_minimal("logistic", few, "y", tolerance=0.005)
    assert found.verdict is Status.UNKNOWN
    assert found.dropped == () and set(found.columns) == {"a", "b", "town", "noise0", "noise1"}
    assert "the data cannot tell" in found.findings[0].why


def test_a_column_that_costs_more_than_the_tolerance_is_needed() -> None:
    data = without(people(3000, noise=1), "z", "town")
    found = suggest_minimal("logistic", without(data, "noise0"), "y")
    assert found.verdict is Status.PASS
    assert found.dropped == ()
    assert found.findings[0].why.startswith("Each of the 2 columns is needed to predict y")
    assert (found.findings[0].value, found.findings[0].interval) == (0.0, None)
    found = suggest_minimal("logistic", data, "y", required="noise0")
    assert found.findings[0].why.startswith("Each of the 2 columns that are not required is needed")


def test_a_model_that_is_no_better_than_a_constant_answer_says_nothing_of_its_columns() -> None:
    rng = np.random.default_rng(0)
    data = {"a": rng.normal(size=1500), "b": rng.normal(size=1500)}
    data["y"] = (rng.random(1500) < 0.05 + 0.05 * (data["a"] > 0)).astype(int)
    found = suggest_minimal("logistic", data, "y")
    assert found.verdict is Status.UNKNOWN
    assert "better than always giving the most frequent class" in found.findings[0].why
    assert found.baseline is not None and found.baseline > 0.9


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda d: {n: v[:60] for n, v in d.items()}, "60 rows have a value of y; at least 100 are needed"),
        (lambda d: {"a": d["a"], "y": d["y"]}, "one column alone"),
        (lambda d: {"y": d["y"]}, "no column"),
        (lambda d: {**d, "y": ["yes"] * 900}, "the same value of y"),
        (lambda d: {**d, "y": [None] * 900}, "0 rows have a value of y"),
        (lambda d: {**d, "y": [1.5] * 900}, "the same value of y"),
        (lambda d: {**d, "y": ["rare"] * 5 + d["y"][5:]}, "auc needs 20 rows of each class of y; one has 5"),
    ],
)
def test_what_cannot_be_judged_says_why(change: Callable[[Columns], Columns], why: str) -> None:
    data = change(without(people(900), "z"))
    metric = "auc" if "auc" in why else None
    found = suggest_minimal("logistic", data, "y", metric=metric)
    assert found.verdict is Status.UNKNOWN
    assert why in found.findings[0].why
    assert found.dropped == () and found.path == ()


def test_with_every_column_required_there_is_nothing_to_find() -> None:
    data = without(people(300, noise=0), "z")
    found = suggest_minimal("logistic", data, "y", required=["a", "b", "town"])
    assert found.verdict is Status.UNKNOWN and "every column is required" in found.findings[0].why


def test_rows_without_a_target_are_left_out_and_counted() -> None:
    data = without(people(900), "z")
    data["y"] = [None if i < 100 else v for i, v in enumerate(data["y"])]
    data["a"] = [None if i % 7 == 0 else v for i, v in enumerate(data["a"].tolist())]
    found = suggest_minimal("logistic", data, "y", tolerance=0.05)
    assert sum(found.rows) == 800
    assert "100 of 900 rows have no value of y" in found.notes[0]


def test_copies_of_a_row_are_never_learned_from_and_judged_on() -> None:
    # A tenth of the rows are there twice. A forest that had seen the copy would know the random label.
    rng = np.random.default_rng(0)
    once = {f"x{i}": rng.normal(size=1000) for i in range(4)} | {"y": rng.integers(0, 2, 1000)}
    data = {n: np.concatenate([v, v[:100]]) for n, v in once.items()}
    found = suggest_minimal("forest", data, "y", repeats=1)
    assert found.score is not None and abs(found.score - 0.5) < 0.05
    assert "kept together" in found.notes[0]
    many = {n: np.concatenate([v, v]) for n, v in once.items()}
    assert "If they are copies" in suggest_minimal("logistic", many, "y", repeats=1).notes[0]


# -- models


def test_any_estimator_pipeline_class_or_function_will_do() -> None:
    data = without(people(500, noise=1), "z")
    asked: list[tuple[str, ...]] = []

    def made(columns: tuple[str, ...]) -> Any:
        asked.append(columns)
        return LogisticRegression(C=2.0)

    for model in (
        LogisticRegression(class_weight={"yes": 2, "no": 1}),
        make_pipeline(StandardScaler(), LogisticRegression()),
        LogisticRegression,
        made,
        RidgeClassifier(),
    ):
        found = suggest_minimal(model, data, "y", tolerance=0.08, repeats=1)
        assert "noise0" in found.dropped
    assert ("a", "b", "town", "noise0") in asked and ("a", "b", "town") in asked
    assert found.model == "RidgeClassifier"
    assert suggest_minimal(RidgeClassifier(), data, "y", metric="auc", tolerance=0.05, repeats=1).score > 0.8


def test_an_estimator_of_another_family_will_do() -> None:
    class Own:
        """Fits and predicts, and knows nothing of scikit-learn."""

        def fit(self, x: Any, y: Any) -> None:
            self.weights = np.linalg.lstsq(x, np.where(y == "yes", 1.0, -1.0), rcond=None)[0]

        def predict(self, x: Any) -> Any:
            return np.where(x @ self.weights > 0, "yes", "no")

    found = suggest_minimal(Own, without(people(900, noise=1), "z"), "y", tolerance=0.05, repeats=1)
    assert "noise0" in found.dropped


def test_the_model_that_is_given_is_not_fitted() -> None:
    model = LogisticRegression()
    suggest_minimal(model, without(people(300), "z"), "y", repeats=1, tolerance=0.1)
    assert not hasattr(model, "coef_")


@pytest.mark.parametrize("kind", [pd.DataFrame, pl.DataFrame])
def test_a_model_that_reads_the_columns_itself_gets_them_as_they_are(kind: Any) -> None:
    data = kind(without(people(900, noise=1), "z"))

    def made(columns: tuple[str, ...]) -> Any:
        texts = [c for c in columns if c == "town"]
        encoder = make_column_transformer((OneHotEncoder(), texts), remainder="passthrough")
        return make_pipeline(encoder, LogisticRegression())

    found = suggest_minimal(made, data, "y", encode=False, tolerance=0.05, repeats=1)
    assert "noise0" in found.dropped and "town" in found.columns
    sampled = suggest_minimal(made, data, "y", encode=False, tolerance=0.1, repeats=1, max_rows=400)
    assert sum(sampled.rows) == 400
    with pytest.raises(InputError, match="encode=False"):
        suggest_minimal(made, without(people(300), "z"), "y", encode=False)


def test_shuffled_columns_of_a_frame_are_shuffled() -> None:
    from aequo.privacy.minimisation.models import Frame

    rows, order = np.array([4, 2, 0]), np.array([2, 0, 1])
    for kind in (pd.DataFrame, pl.DataFrame):
        frame = Frame(kind({"a": [0, 1, 2, 3, 4], "b": list("vwxyz")}), ["a", "b"], np.arange(5))
        taken = frame.take(rows, ["b", "a"], shuffled=("a", order))
        assert taken["a"].to_list() == [0, 4, 2] and taken["b"].to_list() == ["z", "x", "v"]


class Silent(ClassifierMixin, BaseEstimator):
    """Says neither how sure it is nor anything else."""

    def fit(self, x: Any, y: Any) -> Silent:
        self.classes_ = np.unique(y)
        return self

    def predict(self, x: Any) -> Any:
        return np.repeat(self.classes_[:1], len(x))


@pytest.mark.parametrize(
    ("model", "how", "match"),
    [
        ("logistics", {}, "Did you mean 'logistic'"),
        (3, {}, "the model is a int, expected an estimator"),
        (lambda _: 3, {}, "the model is a int"),
        ("logistic", {"metric": "acuracy"}, "expected one for classes: .* Did you mean 'accuracy'"),
        ("logistic", {"metric": "r2"}, "the metric is 'r2', expected one for classes"),
        ("logistic", {"tolerance": -1}, "tolerance is -1"),
        ("logistic", {"tolerance": float("nan")}, "tolerance is nan"),
        ("logistic", {"confidence": 95}, "confidence is 95"),
        ("logistic", {"folds": 1}, "folds is 1"),
        ("logistic", {"max_rows": 10}, "max_rows is 10"),
        ("logistic", {"required": "y"}, "'y' is the target"),
        ("logistic", {"required": "a", "exclude": "a"}, "both required and excluded"),
        (RidgeClassifier(), {"metric": "log_loss"}, "gives no probabilities"),
        (Silent(), {"metric": "auc"}, "gives no probabilities"),
        (Ridge(), {}, "the target holds text; expected numbers"),
    ],
)
def test_a_call_that_cannot_be_meant_is_refused_in_a_sentence(model: Any, how: Any, match: str) -> None:
    with pytest.raises(InputError, match=match):
        suggest_minimal(model, without(people(300), "z"), "y", **how)


def test_an_absent_column_is_named_with_the_nearest_one() -> None:
    for how in ({"target": "yy"}, {"target": "y", "required": "noise"}, {"target": "y", "exclude": "noise"}):
        with pytest.raises(UnknownColumn, match="Did you mean"):
            suggest_minimal("logistic", without(people(300), "z"), **how)
    with pytest.raises(InputError, match="holds date values"):
        suggest_minimal("logistic", pl.DataFrame({"a": [1], "y": [None]}).with_columns(y=pl.date(2020, 1, 1)), "y")


def test_a_dates_column_is_learned_from_as_time() -> None:
    rng = np.random.default_rng(0)
    days = rng.integers(0, 3000, 1500)
    data = {
        "when": (np.datetime64("2015-01-01") + days).astype(str).tolist(),
        "noise": rng.normal(size=1500),
        "y": (days > 1500).astype(int),
    }
    found = suggest_minimal("logistic", data, "y", tolerance=0.02)
    assert found.columns == ("when",) and found.score is not None and found.score > 0.97


def test_progress_is_told() -> None:
    told: list[str] = []
    suggest_minimal("logistic", without(people(300), "z"), "y", repeats=1, progress=told.append)
    assert told[0] == "Trying 5 columns"


# -- real data


def test_adult_needs_half_of_its_columns_and_neither_race_nor_sex(data_file: Callable[[str], Path]) -> None:
    found = suggest_minimal(
        "logistic",
        data_file("adult_train.csv.gz"),
        "income",
        missing=("", "?"),
        max_rows=9000,
        tolerance=0.015,
        repeats=1,
    )
    assert found.verdict is Status.PASS
    assert {"race", "sex", "fnlwgt"} <= set(found.dropped)
    assert {"capital-gain", "education-num"} <= set(found.columns)
    assert found.findings[0].evidence[0].kind == "file"


def test_german_credit_is_too_small_to_tell_to_one_point(german: pd.DataFrame) -> None:
    few = german[["status", "month", "credit_history", "credit_amount", "savings", "age", "credit"]]
    found = suggest_minimal(HistGradientBoostingClassifier(max_iter=30), few, "credit", metric="auc", repeats=1)
    assert found.verdict is Status.UNKNOWN
