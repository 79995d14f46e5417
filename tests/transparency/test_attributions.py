"""Contributions: Shapley's laws, the numbers of independent programs, and the form of each model."""

from __future__ import annotations

import itertools
import math
import warnings
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
import xgboost
from hypothesis import given
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC, LinearSVC

from aequo.errors import InputError
from aequo.models.rows import as_rows
from aequo.transparency.explainer import Explainer, attributions
from aequo.transparency.shapley import exact, permutation

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of the plotting library that it imports
    import shap

rng = np.random.default_rng(0)
N = 240
FRAME = pd.DataFrame(
    {
        "age": rng.integers(18, 80, N),
        "income": rng.normal(size=N),
        "town": rng.choice(["north", "south", "east"], N),
        "debt": rng.normal(size=N),
    }
)
Y = (FRAME.age / 80 + FRAME.income + (FRAME.town == "north") + rng.normal(size=N) > 0.7).to_numpy().astype(int)
X = FRAME[["age", "income", "debt"]].to_numpy()
CATEGORIES = FRAME.assign(town=FRAME.town.astype("category"))


def prepared(**encoder: Any) -> ColumnTransformer:
    return ColumnTransformer(
        [("n", StandardScaler(), ["income", "age"]), ("c", OneHotEncoder(**encoder), ["town"])], remainder="passthrough"
    )


LINEAR = make_pipeline(prepared(), LogisticRegression()).fit(FRAME, Y)


def brute_force(score: Any, row: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Shapley's formula, term by term."""
    p = len(row)

    def worth(coalition: tuple[int, ...]) -> float:
        mixed = background.copy()
        mixed[:, list(coalition)] = row[list(coalition)]
        return float(np.mean(score(mixed)))

    values = np.zeros(p)
    for j in range(p):
        others = [k for k in range(p) if k != j]
        for size in range(p):
            for some in itertools.combinations(others, size):
                weight = math.factorial(size) * math.factorial(p - size - 1) / math.factorial(p)
                values[j] += weight * (worth((*some, j)) - worth(some))
    return values


def wild(rows: np.ndarray) -> np.ndarray:
    """A model with interactions that ignores its last column and treats the first two alike."""
    odds = rows[:, 0] * rows[:, 1] + np.maximum(rows[:, 2], 0) * (rows[:, 0] + rows[:, 1])
    return 1 / (1 + np.exp(-odds))


# -- laws -------------------------------------------------------------------------------------------------------------

numbers = st.floats(-3, 3, allow_nan=False).map(lambda v: round(v, 3))


@given(
    rows=st.lists(st.tuples(*[numbers] * 4), min_size=2, max_size=6), method=st.sampled_from(["exact", "permutation"])
)
def test_laws_of_shapley_hold_for_any_rows(rows: list[tuple[float, ...]], method: Any) -> None:
    data = np.array(rows)
    row, background = data[:1], data[1:]
    explainer = Explainer(wild, background=background, method=method)
    found = explainer(row)[0]
    assert found.output == pytest.approx(wild(row)[0])
    assert found.base == pytest.approx(wild(background).mean())
    assert abs(found.additivity_error) < 1e-9, "efficiency"
    assert found.contributions[3] == 0, "dummy: a column that the model ignores"
    if method == "exact":
        np.testing.assert_allclose(found.contributions, brute_force(wild, row[0], background), atol=1e-12)


@given(a=numbers, c=numbers)
def test_columns_that_do_the_same_get_the_same(a: float, c: float) -> None:
    row, background = np.array([[a, a, c, 1.0]]), np.array([[0.5, 0.5, -1.0, 0.0], [1.0, 1.0, 2.0, 0.0]])
    found = Explainer(wild, background=background, method="exact")(row)[0].contributions
    assert found[0] == pytest.approx(found[1], abs=1e-12)


def test_contributions_to_a_sum_of_models_are_the_sums_of_contributions() -> None:
    def other(rows: np.ndarray) -> np.ndarray:
        return np.tanh(rows[:, 0] - rows[:, 3])

    how: dict[str, Any] = {"background": X4[20:], "method": "exact", "outputs": "values"}
    both = attributions(lambda rows: wild(rows) + 2 * other(rows), X4[:3], **how)
    one, two = attributions(wild, X4[:3], **how), attributions(other, X4[:3], **how)
    np.testing.assert_allclose(both.contributions, one.contributions + 2 * two.contributions, atol=1e-12)


X4 = np.random.default_rng(1).normal(size=(60, 4))


def test_the_stated_standard_error_is_the_error_over_seeds() -> None:
    row, background = as_rows(X4[:1]), as_rows(X4[20:])
    truth = exact(ask, row, background)
    runs = [permutation(ask, row, background, error=1.0, budget=1, seed=s) for s in range(60)]
    found = np.array([one.values for one in runs])
    said = np.sqrt(np.mean([np.square(one.errors) for one in runs], axis=0))
    spread = found.std(axis=0)
    assert (spread[:3] / said[:3] < 1.35).all() and (spread[:3] / said[:3] > 0.7).all()
    deviation = np.abs(found.mean(axis=0) - truth.values)
    assert (deviation <= 4 * said / np.sqrt(60) + 1e-12).all(), "unbiased"


def ask(rows: Any) -> np.ndarray:
    return wild(rows.numbers())


def test_permutations_go_on_until_the_error_is_small_or_the_budget_is_spent() -> None:
    coarse = Explainer(wild, background=X4[20:], method="permutation", error=0.05)(X4[:1])[0]
    fine = Explainer(wild, background=X4[20:], method="permutation", error=0.0005, budget=10**6)(X4[:1])[0]
    spent = Explainer(wild, background=X4[20:], method="permutation", error=1e-9, budget=3000)(X4[:1])[0]
    assert fine.standard_errors is not None and fine.standard_errors.max() <= 0.0005
    assert coarse.evaluations < fine.evaluations and spent.evaluations <= 3000
    truth = Explainer(wild, background=X4[20:], method="exact")(X4[:1])[0]
    assert (np.abs(fine.contributions - truth.contributions) <= 5 * fine.standard_errors + 1e-12).all()


@pytest.mark.parametrize("method", ["permutation", "lime"])
def test_the_same_row_and_seed_give_the_same_explanation(method: Any) -> None:
    def run(seed: int) -> np.ndarray:
        return Explainer(wild, background=X4[20:], method=method, seed=seed)(X4[:2]).contributions

    np.testing.assert_array_equal(run(3), run(3))
    assert not np.array_equal(run(3), run(4))


def test_a_row_is_explained_the_same_alone_and_among_others() -> None:
    for model, data in ((LINEAR, FRAME), (wild, X4)):
        explainer = Explainer(model, background=data)
        many = explainer(data[:5])
        for i in range(5):
            np.testing.assert_allclose(explainer(data[i : i + 1])[0].contributions, many[i].contributions, atol=1e-12)


# -- the numbers of others --------------------------------------------------------------------------------------------


def test_a_linear_model_agrees_with_shap_and_with_brute_force() -> None:
    model = LogisticRegression().fit(X, Y)
    found = attributions(model, X[:20], background=X)
    assert found.method == "linear" and found.space == "log-odds"
    masker = shap.maskers.Independent(X, max_samples=len(X))
    np.testing.assert_allclose(found.contributions, shap.LinearExplainer(model, masker).shap_values(X[:20]), atol=1e-9)
    np.testing.assert_allclose(found.contributions[0], brute_force(model.decision_function, X[0], X), atol=1e-9)


def test_one_hot_parts_are_one_column_of_the_user() -> None:
    found = attributions(LINEAR, FRAME[:10], background=FRAME)
    assert found.columns == ("age", "income", "town", "debt")
    codes, names = pd.factorize(FRAME.town)
    plain = FRAME.assign(town=codes).to_numpy(dtype=float)

    def score(rows: np.ndarray) -> np.ndarray:
        frame = pd.DataFrame(rows, columns=FRAME.columns)
        return LINEAR.decision_function(frame.assign(town=names[frame.town.astype(int)]))

    for i in range(3):
        np.testing.assert_allclose(found.contributions[i], brute_force(score, plain[i], plain), atol=1e-9)


@pytest.mark.parametrize("encoder", [{"drop": "first"}, {"min_frequency": 90}, {"sparse_output": False}])
def test_any_way_of_one_hot_encoding_leads_back_to_the_column(encoder: Any) -> None:
    model = make_pipeline(prepared(handle_unknown="ignore", **encoder), LogisticRegression()).fit(FRAME, Y)
    found = Explainer(model, background=FRAME)
    assert found.method == "linear"
    whole = Explainer(model, background=FRAME, method="exact", background_rows=N)
    a, b = found(FRAME[:4]), whole(FRAME[:4])
    # The sign of a large contribution is the same in log-odds and in probability.
    large = np.abs(b.contributions) > 0.03
    assert (np.sign(a.contributions[large]) == np.sign(b.contributions[large])).all()
    assert np.abs(a.additivity_errors).max() < 1e-9


TREES: dict[str, Any] = {
    "forest": RandomForestClassifier(8, random_state=0),
    "extra trees": ExtraTreesClassifier(8, random_state=0),
    "boosting": GradientBoostingClassifier(n_estimators=8, random_state=0),
    "histogram boosting": HistGradientBoostingClassifier(max_iter=8, random_state=0),
    "xgboost": xgboost.XGBClassifier(n_estimators=8, n_jobs=1),
    "lightgbm": lightgbm.LGBMClassifier(n_estimators=8, verbose=-1, n_jobs=1),
}


@pytest.mark.parametrize("name", TREES)
def test_trees_agree_with_shap_and_are_the_other_way_round_for_the_other_class(name: str) -> None:
    model = TREES[name].fit(X, Y)
    found = attributions(model, X[:20], background=X)
    assert found.method == "trees" and np.abs(found.additivity_errors).max() < 1e-4
    assert found.space == ("probability" if name in ("forest", "extra trees") else "log-odds")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # shap warns of lightgbm
        expected = np.asarray(shap.TreeExplainer(model).shap_values(X[:20]))
    np.testing.assert_allclose(found.contributions, expected[..., 1] if expected.ndim == 3 else expected, atol=1e-5)
    np.testing.assert_allclose(found.scores, model.predict_proba(X[:20])[:, 1], atol=1e-6)
    other = attributions(model, X[:20], background=X, positive=0)
    np.testing.assert_allclose(other.contributions, -found.contributions, atol=1e-5)
    np.testing.assert_allclose(other.scores, 1 - found.scores, atol=1e-6)


@pytest.mark.parametrize("name", ["forest", "boosting", "xgboost"])
def test_trees_against_the_background_agree_with_brute_force(name: str) -> None:
    model = TREES[name].fit(X, Y)
    found = attributions(model, X[:3], background=X[100:130], against="background", method="trees")

    def score(rows: np.ndarray) -> np.ndarray:
        if name == "forest":
            return model.predict_proba(rows)[:, 1]
        return model.predict(rows, output_margin=True) if name == "xgboost" else model.decision_function(rows)

    for i in range(3):
        np.testing.assert_allclose(found.contributions[i], brute_force(score, X[i], X[100:130]), atol=1e-4)


@pytest.mark.parametrize(
    ("model", "method"),
    [
        (xgboost.XGBClassifier(n_estimators=8, enable_categorical=True), "trees"),
        (lightgbm.LGBMClassifier(n_estimators=8, verbose=-1, n_jobs=1), "trees"),
        (HistGradientBoostingClassifier(max_iter=8), "exact"),  # shap cannot read splits by category
    ],
    ids=["xgboost", "lightgbm", "histogram boosting"],
)
def test_trees_that_read_categories_themselves(model: Any, method: str) -> None:
    explainer = Explainer(model.fit(CATEGORIES, Y), background=CATEGORIES)
    found = explainer(CATEGORIES[:6])
    assert found.method == method and np.abs(found.additivity_errors).max() < 1e-4
    one = explainer(CATEGORIES.iloc[2].to_dict())[0]
    np.testing.assert_allclose(one.contributions, found[2].contributions, atol=1e-6)
    assert np.abs(found.contributions[:, 2]).max() > 0.01


def test_what_xgboost_was_told_is_missing_is_missing_in_its_explanation() -> None:
    gaps = np.where(np.random.default_rng(5).random(X.shape) < 0.2, -999.0, X)
    model = xgboost.XGBClassifier(n_estimators=8, n_jobs=1, missing=-999.0).fit(gaps, Y)
    found = attributions(model, gaps[:30], background=gaps)
    assert found.method == "trees" and np.abs(found.additivity_errors).max() < 1e-4
    np.testing.assert_allclose(found.scores, model.predict_proba(gaps[:30])[:, 1], atol=1e-6)


def test_a_regression_is_explained_in_the_unit_of_its_value() -> None:
    target = FRAME.income.to_numpy() * 1000
    models: list[tuple[Any, str]] = [
        (Ridge(), "linear"),
        (RandomForestRegressor(5, random_state=0), "trees"),
        (GradientBoostingRegressor(n_estimators=5), "trees"),
        (xgboost.XGBRegressor(n_estimators=5), "trees"),
        (PoissonRegressor(), "exact"),  # coefficients, but its value is an exponential
    ]
    for model, method in models:
        wanted = np.abs(target) if isinstance(model, PoissonRegressor) else target
        scaled = X / [80.0, 1.0, 1.0]
        found = attributions(model.fit(scaled, wanted), scaled[:5], background=scaled)
        assert (found.method, found.space) == (method, "value")
        np.testing.assert_allclose(found.outputs, model.predict(scaled[:5]), rtol=1e-5)
        assert np.abs(found.additivity_errors).max() < 1e-2


def test_lime_finds_the_slopes_of_a_model_that_is_linear_in_its_columns() -> None:
    background = np.zeros((1, 4))
    found = Explainer(lambda r: 0.3 + r @ [0.1, -0.2, 0.05, 0.0], background=background, method="lime")(
        np.ones((1, 4))
    )[0]
    np.testing.assert_allclose(found.contributions, [0.1, -0.2, 0.05, 0.0], atol=2e-3)
    assert found.base == pytest.approx(0.3, abs=2e-3)
    bent = Explainer(wild, background=X4[20:], method="lime")(X4[:1])[0]
    assert abs(bent.additivity_error) > 1e-6 and bent.to_dict()["additivity_error"] == bent.additivity_error
    assert bent.standard_errors is not None and (bent.standard_errors > 0).all()


# -- which method -----------------------------------------------------------------------------------------------------


def test_a_support_vector_machine_is_explained_in_its_margin() -> None:
    model = LinearSVC().fit(X / 50, Y)
    found = attributions(model, X[:5] / 50, background=X / 50)
    assert (found.method, found.space) == ("linear", "margin")
    np.testing.assert_allclose(found.outputs, model.decision_function(X[:5] / 50))


def test_what_mixes_columns_before_the_model_is_explained_as_a_whole() -> None:
    mixing = make_pipeline(StandardScaler(), PCA(2), LogisticRegression()).fit(X, Y)
    found = attributions(mixing, X[:3], background=X)
    assert found.method == "exact" and found.space == "probability"
    for i in range(3):
        sample = Explainer(mixing, background=X)._some.numbers()
        expected = brute_force(lambda r: mixing.predict_proba(r)[:, 1], X[i], sample)
        np.testing.assert_allclose(found.contributions[i], expected, atol=1e-9)


def test_a_transformer_that_says_one_to_one_and_mixes_is_found_out() -> None:
    from sklearn.preprocessing import FunctionTransformer, Normalizer

    for liar in (Normalizer(), FunctionTransformer(lambda rows: rows - rows.mean(axis=1, keepdims=True))):
        model = make_pipeline(liar, LogisticRegression()).fit(X, Y)
        assert Explainer(model, background=X).method == "exact"
    honest = make_pipeline(FunctionTransformer(np.cbrt), LogisticRegression()).fit(X, Y)
    assert Explainer(honest, background=X).method == "linear"


def nested() -> Pipeline:
    inner = ColumnTransformer(
        [
            ("gap", make_pipeline(prepared_numbers(), StandardScaler()), ["age", "debt"]),
            ("town", make_pipeline(OneHotEncoder(handle_unknown="ignore")), slice("town", "town")),
            ("dropped", "drop", ["income"]),
        ]
    )
    return make_pipeline(inner, LogisticRegression(max_iter=1000))


def prepared_numbers() -> Any:
    from sklearn.impute import SimpleImputer

    return SimpleImputer(add_indicator=True)


def test_missing_values_and_their_indicators_belong_to_their_column() -> None:
    gaps = FRAME.assign(age=FRAME.age.where(np.arange(N) % 5 != 0), income=FRAME.income)
    model = nested().fit(gaps, Y)
    found = attributions(model, gaps[:10], background=gaps)
    assert found.method == "linear" and (found.contributions[:, 1] == 0).all(), "dropped column"
    assert np.abs(found.additivity_errors).max() < 1e-9 and np.abs(found.contributions[5, 0]) > 0


def test_a_search_is_its_best_model() -> None:
    search = GridSearchCV(
        make_pipeline(StandardScaler(), LogisticRegression()), {"logisticregression__C": [0.1, 1]}, cv=2
    )
    assert Explainer(search.fit(X, Y), background=X).method == "linear"


def test_three_classes_are_explained_for_the_favourable_one() -> None:
    three = np.digitize(FRAME.income, [-0.5, 0.5])
    forest = RandomForestClassifier(5, random_state=0).fit(X, three)
    boosted = xgboost.XGBClassifier(n_estimators=4, n_jobs=1).fit(X, three)
    for model in (forest, boosted, LogisticRegression(max_iter=500).fit(X / 50, three), lightgbm_three(three)):
        for k in range(3):
            scaled = X / 50 if isinstance(model, LogisticRegression) else X
            found = attributions(model, scaled[:5], background=scaled, positive=k)
            np.testing.assert_allclose(found.scores, model.predict_proba(scaled[:5])[:, k], atol=1e-6)
            assert np.abs(found.additivity_errors).max() < 1e-4


def lightgbm_three(three: np.ndarray) -> Any:
    return lightgbm.LGBMClassifier(n_estimators=4, verbose=-1, n_jobs=1).fit(X, three)


def test_torch_and_polars_and_a_kernel_machine() -> None:
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
    names = ["age", "income", "debt"]
    found = attributions(net, FRAME[:2], background=FRAME, columns=names, outputs="logits")
    assert found.method == "exact" and np.abs(found.additivity_errors).max() < 1e-9
    frame = pl.from_pandas(FRAME)
    ours = attributions(LINEAR, frame[:3], background=frame)
    np.testing.assert_allclose(ours.contributions, attributions(LINEAR, FRAME[:3], background=FRAME).contributions)
    machine = SVC().fit(X / 50, Y)
    assert Explainer(machine, background=X / 50).method == "exact"


def test_one_column_and_one_row_of_background_are_enough() -> None:
    found = attributions(lambda r: r[:, 0], [[0.7]], background=[[0.2]], method="permutation")[0]
    assert found.contributions.tolist() == [pytest.approx(0.5)] and found.base == 0.2


BAD: list[tuple[str, Any, str]] = [
    ("method", lambda: Explainer(wild, background=X4, method="shap"), "method is 'shap'"),  # type: ignore[arg-type]
    ("near", lambda: Explainer(wild, background=X4, method="tree"), "Did you mean 'trees'"),  # type: ignore[arg-type]
    ("error", lambda: Explainer(wild, background=X4, error=0), "error is 0"),
    ("budget", lambda: Explainer(wild, background=X4, budget=0), "budget is 0"),
    ("no background", lambda: Explainer(wild, background=None), "needs a background"),
    ("empty background", lambda: Explainer(wild, background=X4[:0]), "background has no rows"),
    ("no rows", lambda: Explainer(wild, background=X4)(X4[:0]), "there are no rows"),
    ("not linear", lambda: Explainer(wild, background=X4, method="linear"), "'linear' does not fit this model"),
    ("no trees", lambda: Explainer(LINEAR, background=FRAME, method="trees"), "'trees' does not fit this model"),
    ("too many", lambda: Explainer(lambda r: r[:, 0] * 0, background=np.zeros((1, 21)), method="exact"), "21 columns"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), [b[1:] for b in BAD], ids=[b[0] for b in BAD])
def test_what_cannot_be_explained_is_said(call: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()


def test_a_missing_shap_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from aequo.errors import MissingExtra

    monkeypatch.setitem(sys.modules, "shap", None)
    with pytest.raises(MissingExtra, match="aequo\\[explain\\]"):
        Explainer(TREES["forest"].fit(X, Y), background=X)
    assert Explainer(TREES["forest"], background=X, method="permutation").method == "permutation"
