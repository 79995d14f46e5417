"""Which column of the user each prepared column comes from, through whatever a pipeline is made of."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.feature_selection import SelectKBest, VarianceThreshold
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    KBinsDiscretizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    QuantileTransformer,
    SplineTransformer,
    StandardScaler,
    TargetEncoder,
)

from aequo.models.predicting import as_model
from aequo.transparency.explainer import Explainer
from aequo.transparency.lineage import split

rng = np.random.default_rng(0)
N = 150
FRAME = pd.DataFrame(
    {
        "town": rng.choice(["north", "south", "east"], N),
        "age": rng.integers(18, 80, N).astype(float),
        "x1_age": rng.normal(size=N),  # named like a part of another
        "job": rng.choice(["a", "b"], N),
    }
)
NUMBERS = FRAME[["age", "x1_age"]].to_numpy()
Y = (FRAME.age / 80 + FRAME.x1_age + (FRAME.job == "a") > 1).astype(int).to_numpy()
TEXT, NUMERIC = ["town", "job"], ["age", "x1_age"]

OF_NUMBERS: dict[str, Any] = {
    "scaler": StandardScaler(),
    "union": FeatureUnion(
        [("a", StandardScaler()), ("b", KBinsDiscretizer(4, quantile_method="averaged_inverted_cdf"))]
    ),
    "splines": SplineTransformer(n_knots=4),
    "quantiles": QuantileTransformer(n_quantiles=20),
    "positions": make_column_transformer((StandardScaler(), [1]), ("passthrough", [0])),
    "negative positions": make_column_transformer((StandardScaler(), [-1]), remainder=StandardScaler()),
    "slice": make_column_transformer((StandardScaler(), slice(0, 2))),
    "mask": make_column_transformer((StandardScaler(), [True, False])),
    "chosen": make_pipeline(KBinsDiscretizer(5, quantile_method="averaged_inverted_cdf"), SelectKBest(k=4)),
    "not constant": make_pipeline(VarianceThreshold(), StandardScaler()),
}
OF_FRAMES: dict[str, Any] = {
    "one-hot": make_column_transformer((OneHotEncoder(), TEXT), (StandardScaler(), NUMERIC)),
    "codes": make_column_transformer((OrdinalEncoder(), TEXT), remainder="passthrough"),
    "target": make_column_transformer((TargetEncoder(), TEXT), (StandardScaler(), NUMERIC)),
    "selector": make_column_transformer(
        (OneHotEncoder(), make_column_selector(dtype_exclude="number")), remainder=StandardScaler()
    ),
    "nested": make_column_transformer(
        (make_pipeline(make_column_transformer((OneHotEncoder(), ["town"]), ("passthrough", NUMERIC))),
         ["x1_age", "town", "age"]),
        (make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder()), ["job"]),
    ),
    "frames between": make_pipeline(
        make_column_transformer((OneHotEncoder(sparse_output=False), TEXT), remainder="passthrough").set_output(
            transform="pandas"
        ),
        StandardScaler(),
    ),
}  # fmt: skip
MIXING: dict[str, Any] = {
    "products": PolynomialFeatures(2, include_bias=False),
    "neighbours": KNNImputer(),
    "constant": PolynomialFeatures(1),
}


@pytest.mark.parametrize("name", [*OF_NUMBERS, *OF_FRAMES])
def test_contributions_of_parts_are_summed_over_the_column_that_they_come_from(name: str) -> None:
    data: Any = NUMBERS if name in OF_NUMBERS else FRAME
    model = make_pipeline((OF_NUMBERS | OF_FRAMES)[name], LogisticRegression(max_iter=5000)).fit(data, Y)
    found = Explainer(model, background=data)(data[:6])
    assert found.method == "linear"
    some = data[::3]
    reference = Explainer(model, background=some)(data[:2]).contributions
    for i in range(2):
        mine = model.decision_function(data[i : i + 1])[0]
        for j in range(len(found.columns)):  # in an additive model: what the log-odds lose without the column
            without = model.decision_function(with_values(data, i, j, some)).mean()
            assert reference[i, j] == pytest.approx(mine - without, abs=1e-8)


def with_values(data: Any, i: int, j: int, others: Any) -> Any:
    """Return row i once for each of some others, with their values in column j."""
    if isinstance(data, np.ndarray):
        rows = np.repeat(data[i : i + 1], len(others), axis=0)
        rows[:, j] = others[:, j]
        return rows
    rows = data.iloc[[i] * len(others)].reset_index(drop=True)
    return rows.assign(**{data.columns[j]: others.iloc[:, j].to_numpy()})


@pytest.mark.parametrize("name", MIXING)
def test_what_comes_from_several_columns_or_from_none_has_no_owner(name: str) -> None:
    gaps = np.where(rng.random(NUMBERS.shape) < 0.2, np.nan, NUMBERS) if name == "neighbours" else NUMBERS
    model = as_model(make_pipeline(MIXING[name], LogisticRegression(max_iter=5000)).fit(gaps, Y), background=gaps)
    assert split(model, model.rows(gaps)).owner is None
