"""Weights make group and label independent, are AIF360's, apply to new rows, and are one column on every engine."""

from __future__ import annotations

import pickle
import subprocess
import sys
import warnings
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import sklearn
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_validate
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from aequo.core.table import Table
from aequo.errors import InputError, UnknownColumn
from aequo.fairness.mitigate import CellWeights, ReweighedClassifier, Reweigher, add_weights

ROWS = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from("fm"), st.integers(0, 2), st.floats(0.1, 9)),
    min_size=1,
    max_size=60,
)


# -- laws --------------------------------------------------------------------------------------------------------------


@given(ROWS)
def test_weighted_group_and_label_are_independent_and_the_total_is_kept(rows: list[tuple[Any, ...]]) -> None:
    race, sex, y, base = (np.array(c) for c in zip(*rows, strict=True))
    crossed = {"race": race, "sex": sex}
    reweigher = Reweigher().fit(None, y, sensitive_features=crossed, sample_weight=base)
    weights = reweigher.weights(y, sensitive_features=crossed, sample_weight=base)
    group = np.char.add(race, sex)
    absent = 0.0
    for g in set(group):
        for label in set(y):
            cell = weights[(group == g) & (y == label)].sum()
            expected = base[group == g].sum() * base[y == label].sum() / base.sum()
            assert cell == pytest.approx(expected) or not ((group == g) & (y == label)).any()
            absent += 0.0 if cell else expected
    assert weights.sum() + absent == pytest.approx(base.sum())


@given(ROWS)
def test_counts_of_shards_give_the_weights_of_all_rows(rows: list[tuple[Any, ...]]) -> None:
    def counted(part: list[tuple[Any, ...]]) -> Any:
        columns = dict(zip(("race", "sex", "y", "w"), map(list, zip(*part, strict=True)), strict=True))
        return Table.of(columns).counts(group=["race", "sex"], label="y", weight="w", task="multiclass")

    race, sex, y, base = (np.array(c) for c in zip(*rows, strict=True))
    half = max(1, len(rows) // 2)
    counts = counted(rows[:half]) + counted(rows[half:]) if rows[half:] else counted(rows)
    crossed = {"race": race, "sex": sex}
    together = Reweigher().fit(None, y, sensitive_features=crossed, sample_weight=base)
    of_counts = Reweigher.from_counts(counts)
    assert of_counts.weights(y, sensitive_features=crossed) == pytest.approx(
        together.weights(y, sensitive_features=crossed)
    )


# -- an independent library --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("table", "column", "privileged"), [("adult", "sex", "Male"), ("compas", "race", "Caucasian")])
def test_the_weights_are_those_of_aif360(
    table: str, column: str, privileged: str, request: pytest.FixtureRequest
) -> None:
    frame = request.getfixturevalue(table)
    group = (frame[column] == privileged).astype(float)
    y = (frame["income"] == ">50K" if table == "adult" else frame["two_year_recid"] == 0).astype(float)
    base = np.random.default_rng(0).uniform(0.5, 2, len(y))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from aif360.algorithms.preprocessing import Reweighing
        from aif360.datasets import BinaryLabelDataset

        data = BinaryLabelDataset(
            df=pd.DataFrame({"g": group, "y": y, "w": base}),
            label_names=["y"],
            protected_attribute_names=["g"],
            instance_weights_name="w",
        )
        theirs = Reweighing([{"g": 0.0}], [{"g": 1.0}]).fit_transform(data).instance_weights
    ours = Reweigher().fit(None, y, sensitive_features=group, sample_weight=base)
    assert ours.weights(y, sensitive_features=group, sample_weight=base) == pytest.approx(theirs, rel=1e-12)


# -- new rows ----------------------------------------------------------------------------------------------------------

SEX, HIRED = ["f", "f", "f", "m", "m", "m"], [1, 0, 0, 1, 1, 0]


def test_new_rows_get_the_weight_of_their_cell_whatever_their_order_or_type() -> None:
    reweigher = Reweigher().fit(None, HIRED, sensitive_features=SEX)
    assert reweigher.weights([1.0, 0.0], sensitive_features=np.array(["m", "f"])).tolist() == [0.75, 0.75]
    assert reweigher.weights([1], sensitive_features=["f"], sample_weight=[4]).tolist() == [6.0]
    assert reweigher.weights([], sensitive_features=[]).tolist() == []


def test_columns_are_found_by_name_in_whatever_order() -> None:
    frame = pd.DataFrame({"race": ["b", "w", "f", "m"], "sex": ["f", "m", "b", "b"], "y": [1, 0, 1, 0]})
    fitted = Reweigher(unseen="one").fit(None, frame["y"], sensitive_features=frame[["race", "sex"]])
    here = fitted.weights(frame["y"], sensitive_features=frame[["race", "sex"]])
    assert fitted.weights(frame["y"], sensitive_features=frame[["sex", "race"]]).tolist() == here.tolist()
    with pytest.raises(InputError, match="in fit they were race, sex"):
        fitted.weights(frame["y"], sensitive_features=frame[["sex", "y"]])


def test_an_unseen_cell_is_refused_or_weighs_one() -> None:
    reweigher = Reweigher().fit(None, HIRED, sensitive_features=SEX)
    with pytest.raises(InputError, match=r"some rows have a group of which no row was counted.*unseen='one'"):
        reweigher.weights([1], sensitive_features=["x"])
    relaxed = Reweigher(unseen="one").fit(None, HIRED, sensitive_features=SEX)
    assert relaxed.weights([1, 2, 1], sensitive_features=["x", "f", "f"]).tolist() == [1.0, 1.0, 1.5]


def test_a_missing_group_is_outside_or_a_group_or_refused() -> None:
    sex, y = [*SEX, None, float("nan")], [*HIRED, 1, 1]
    outside = Reweigher().fit(None, y, sensitive_features=sex).weights(y, sensitive_features=sex)
    assert outside.tolist() == [1.5, 0.75, 0.75, 0.75, 0.75, 1.5, 1.0, 1.0]
    inside = Reweigher(missing="group").fit(None, y, sensitive_features=sex).weights(y, sensitive_features=sex)
    assert inside[-2:].tolist() == [0.625, 0.625]
    with pytest.raises(InputError, match="2 rows have no group"):
        Reweigher(missing="refuse").fit(None, y, sensitive_features=sex)
    with pytest.raises(InputError, match="have no group"):
        Reweigher(missing="refuse").fit(None, HIRED, sensitive_features=SEX).weights([1], sensitive_features=[None])


def test_one_group_or_one_label_leaves_every_weight_at_one() -> None:
    assert (
        Reweigher().fit(None, HIRED, sensitive_features=["x"] * 6).weights(HIRED, sensitive_features=["x"] * 6).tolist()
        == [1.0] * 6
    )
    assert Reweigher().fit(None, [1] * 6, sensitive_features=SEX).weights([1], sensitive_features=["f"]).tolist() == [1]


def test_the_table_of_weights_is_plain_and_has_what_was_counted() -> None:
    cells = Reweigher().fit(None, ["no", "yes", "yes"], sensitive_features=["ä", "ä", "b"]).cells_
    assert cells.to_dict()["cells"] == [
        {"group": ["b"], "label": "yes", "weight": pytest.approx(2 / 3), "n": 1},
        {"group": ["ä"], "label": "no", "weight": pytest.approx(2 / 3), "n": 1},
        {"group": ["ä"], "label": "yes", "weight": pytest.approx(4 / 3), "n": 1},
    ]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: Reweigher().fit(None, HIRED), "the groups are not given"),
        (lambda: Reweigher().fit(None, None, sensitive_features=SEX), "requires y to be passed"),
        (lambda: Reweigher().fit(None, HIRED, sensitive_features=SEX[:3]), "3 values; expected one value for each of"),
        (lambda: Reweigher().fit(None, HIRED, sensitive_features=pd.DataFrame(index=range(6))), "has no column"),
        (lambda: Reweigher().fit(None, HIRED, sensitive_features=SEX, sample_weight=[-1.0] * 6), "negative"),
        (lambda: Reweigher().fit(None, HIRED, sensitive_features=SEX, sample_weight=[0] * 6), "is zero"),
        (lambda: Reweigher().fit(None, HIRED, sensitive_features=[None] * 6), "nothing to weigh"),
        (lambda: Reweigher(unseen="two").fit(None, HIRED, sensitive_features=SEX), "expected one of refuse, one"),
        (lambda: Reweigher.from_counts(Table.of({"g": SEX}).counts(group="g")), "lack a group or a label"),
    ],
)
def test_what_cannot_be_used_is_said_in_a_sentence(call: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        call()


# -- frames ------------------------------------------------------------------------------------------------------------


def _people() -> dict[str, list[Any]]:
    rng = np.random.default_rng(4)
    floats: list[Any] = [0.0, 1.5, None, float("nan")]
    return {
        "race": rng.choice(["a", "it's", "", "é"], 400).tolist(),
        "born": [floats[i] for i in rng.integers(0, 4, 400)],
        "old": [(None, True, False)[i] for i in rng.integers(0, 3, 400)],
        "y": rng.integers(0, 3, 400).tolist(),
        "w": rng.random(400).tolist(),
    }


def _fetched(frame: Any) -> Any:
    if isinstance(frame, pl.LazyFrame):
        frame = frame.collect()
    if isinstance(frame, duckdb.DuckDBPyRelation):
        return np.array([row[0] for row in frame.project('"k"').fetchall()])
    return np.asarray(frame["k"])


@pytest.mark.parametrize("missing", ["one", "group"])
@pytest.mark.parametrize("group", ["race", ["race", "old"], ["born", "old"]])
def test_every_engine_gets_the_same_column_in_the_kind_of_frame_it_gave(missing: Any, group: Any) -> None:
    rows = _people()
    polars = pl.DataFrame(rows, strict=False)
    arrow = polars.to_arrow()
    frames = [rows, pd.DataFrame(rows), polars, polars.lazy(), arrow, duckdb.from_arrow(arrow)]
    expected = None
    for frame in frames:
        made = add_weights(frame, label="y", group=group, name="k", base="w", missing=missing)
        assert type(made) is type(frame)
        weights = _fetched(made)
        expected = weights if expected is None else expected
        assert weights == pytest.approx(expected, rel=1e-12), type(frame)
    assert expected is not None
    assert not np.allclose(expected, rows["w"])


def test_categories_dates_and_decimals_are_groups_too() -> None:
    frame = pl.DataFrame({"c": ["a", "b", "a", "b"], "n": ["1.5", "2", "2", "2"], "y": [0, 1, 1, 1]}).with_columns(
        pl.col("c").cast(pl.Categorical), pl.col("n").cast(pl.Decimal(4, 2))
    )
    frame = frame.with_columns(d=pl.Series(["2020-01-01", "2020-01-02"] * 2).str.to_date())
    for column in ("c", "n", "d"):
        expected = add_weights(frame.to_dict(as_series=False), label="y", group=column)["weight"]
        for kind in (frame, duckdb.from_arrow(frame.to_arrow())):
            made = add_weights(kind, label="y", group=column, name="k")
            assert _fetched(made) == pytest.approx(expected)


def test_a_fitted_table_of_weights_goes_onto_other_rows() -> None:
    reweigher = Reweigher(unseen="one").fit(None, HIRED, sensitive_features=SEX)
    new = pl.LazyFrame({"sex": ["f", "m", "x"], "hired": [1, 1, 1], "w": [2.0, 2.0, 2.0]})
    made = reweigher.add_weights(new, label="hired", group="sex", name="k", base="w")
    assert _fetched(made).tolist() == [3.0, 1.5, 2.0]
    strict = Reweigher().fit(None, HIRED, sensitive_features=SEX)
    with pytest.raises(InputError, match="have a group of which no row was counted"):
        strict.add_weights(new, label="hired", group="sex")
    with pytest.raises(UnknownColumn, match="no column 'sexx'.*Did you mean 'sex'"):
        strict.add_weights(new, label="hired", group="sexx")


def test_a_column_that_is_there_is_not_overwritten() -> None:
    with pytest.raises(InputError, match="has a column 'w' already"):
        add_weights(_people(), label="y", group="race", name="w")
    with pytest.raises(InputError, match="no group column"):
        add_weights(_people(), label="y", group=[])
    for no_frame in ("people.csv", Table.of(_people())):
        with pytest.raises(InputError, match="not a frame; read it first"):
            add_weights(no_frame, label="y", group="race")
    with pytest.raises(InputError, match="time stamps"):
        add_weights(pa.table({"t": pa.array([0, 1], pa.timestamp("us")), "y": [0, 1]}), label="y", group="t")


def test_the_same_weights_come_from_arrays_and_from_counts(compas: pd.DataFrame) -> None:
    frame = add_weights(compas, label="two_year_recid", group=["race", "sex"])
    counts = Table.of(compas).counts(group=["race", "sex"], label="two_year_recid")
    reweigher = Reweigher.from_counts(counts)
    again = reweigher.weights(compas["two_year_recid"], sensitive_features=compas[["race", "sex"]])
    assert frame["weight"].to_numpy() == pytest.approx(again)
    assert isinstance(reweigher.cells_, CellWeights)
    assert frame["weight"].sum() == pytest.approx(len(compas))


def test_without_scikit_learn_frames_are_weighed_and_estimators_name_the_extra() -> None:
    program = """
import sys
sys.modules["sklearn"] = sys.modules["scipy"] = None
import aequo
from aequo.fairness.mitigate import add_weights
print(add_weights({"g": ["a", "a", "b", "b"], "y": [0, 0, 0, 1]}, label="y", group="g")["weight"].tolist())
for name in ("Reweigher", "FairThresholdOptimizer"):
    try:
        getattr(aequo.fairness.mitigate, name)
    except aequo.errors.MissingExtra as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    hint = "sklearn is needed here. Install it with: pip install 'aequo[ml]'"
    assert done.stdout.splitlines() == ["[0.75, 0.75, 1.5, 0.5]", hint, hint]


# -- the classifier ----------------------------------------------------------------------------------------------------


def _sample(rows: int = 200) -> tuple[pd.DataFrame, Any, Any]:
    rng = np.random.default_rng(7)
    sex = rng.choice(["f", "m"], rows)
    values = rng.normal(size=(rows, 2)) + (sex == "m")[:, None]
    y = (values.sum(axis=1) + rng.normal(size=rows) > 1).astype(int)
    return pd.DataFrame({"a": values[:, 0], "b": values[:, 1], "sex": sex}), y, sex


def test_the_classifier_is_the_estimator_fitted_with_the_weights() -> None:
    x, y, sex = _sample()
    base = np.random.default_rng(1).uniform(0.5, 2, len(y))
    features = x[["a", "b"]]
    weights = Reweigher().fit(None, y, sensitive_features=sex, sample_weight=base)
    by_hand = LogisticRegression().fit(
        features, y, sample_weight=weights.weights(y, sensitive_features=sex, sample_weight=base)
    )
    fair = ReweighedClassifier(LogisticRegression()).fit(features, y, sensitive_features=sex, sample_weight=base)
    assert fair.predict_proba(features) == pytest.approx(by_hand.predict_proba(features))
    assert fair.decision_function(features) == pytest.approx(by_hand.decision_function(features))
    assert fair.score(features, y) == by_hand.score(features, y)


@pytest.mark.parametrize("routing", [False, True])
def test_in_a_pipeline_the_weights_reach_the_last_step(routing: bool) -> None:
    x, y, _ = _sample()
    features = x[["a", "b"]]
    with sklearn.config_context(enable_metadata_routing=routing):
        inner = make_pipeline(StandardScaler(), make_pipeline(StandardScaler(), LogisticRegression()))
        fair = ReweighedClassifier(inner).fit(features, y, sensitive_features=x["sex"])
    plain = inner.fit(features, y)
    scaled = StandardScaler().fit_transform(features)
    by_hand = LogisticRegression().fit(scaled, y, sample_weight=fair.reweigher_.weights(y, sensitive_features=x["sex"]))
    assert fair.predict_proba(features) == pytest.approx(by_hand.predict_proba(scaled))
    assert not np.allclose(fair.predict_proba(features), plain.predict_proba(features))


def test_named_columns_make_it_work_in_cross_validation_and_keep_the_group_from_the_model() -> None:
    x, y, _ = _sample()
    fair = ReweighedClassifier(LogisticRegression(), sensitive_columns="sex")
    found = cross_validate(clone(fair), x, y, cv=3, scoring="accuracy", error_score="raise")
    assert (found["test_score"] > 0.6).all()
    fitted = fair.fit(x, y)
    assert fitted.feature_names_in_.tolist() == ["a", "b", "sex"]
    assert fitted.estimator_.feature_names_in_.tolist() == ["a", "b"]
    again = pickle.loads(pickle.dumps(fitted))
    assert again.predict(x).tolist() == fitted.predict(x).tolist()


def test_what_the_classifier_cannot_do_is_said() -> None:
    x, y, sex = _sample(30)
    with pytest.raises(InputError, match="KNeighborsClassifier takes no sample_weight"):
        ReweighedClassifier(KNeighborsClassifier()).fit(x[["a", "b"]], y, sensitive_features=sex)
    with pytest.raises(InputError, match="the groups are not given"):
        ReweighedClassifier(LogisticRegression()).fit(x[["a", "b"]], y)
    with pytest.raises(UnknownColumn, match="no column 'sx' in X. Columns: a, b, sex. Did you mean 'sex'"):
        ReweighedClassifier(LogisticRegression(), sensitive_columns="sx").fit(x, y)
    with pytest.raises(UnknownColumn, match="no column 5 in X, which has 3 columns"):
        ReweighedClassifier(LogisticRegression(), sensitive_columns=5).fit(x, y)
