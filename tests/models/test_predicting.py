"""One way to ask any model: the model's own answers, whatever holds the rows; what cannot be used is said."""

from __future__ import annotations

from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
import xgboost
from sklearn.compose import make_column_transformer
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC

from aequo.errors import InputError, UnknownColumn
from aequo.models.predicting import as_model
from aequo.models.rows import as_rows

rng = np.random.default_rng(0)
ROWS = pd.DataFrame(
    {
        "age": rng.integers(18, 80, 200),
        "income": rng.normal(size=200),
        "town": rng.choice(["Łódź", "south"], 200),
        "unused": rng.normal(size=200),
    }
)
Y = (ROWS.age / 80 + ROWS.income + rng.normal(size=200) > 0.5).to_numpy().astype(int)
NUMBERS = ROWS[["age", "income", "unused"]]
ARRAY = NUMBERS.to_numpy()
CATEGORIES = ROWS.assign(town=ROWS.town.astype("category"))


def pipeline() -> Pipeline:
    columns = make_column_transformer(
        (StandardScaler(), ["age", "income"]), (OneHotEncoder(handle_unknown="ignore"), ["town"])
    )
    return make_pipeline(columns, LogisticRegression()).fit(ROWS, Y)


PIPELINE = pipeline()


@pytest.mark.parametrize("background", [None, ROWS, pl.from_pandas(ROWS)], ids=["none", "pandas", "polars"])
@pytest.mark.parametrize(
    "rows",
    [
        ROWS,
        pl.from_pandas(ROWS),
        pa.table(ROWS.to_dict("list")),
        ROWS.to_dict("list"),
        ROWS[["town", "unused", "income", "age"]].assign(label=1),
        ROWS.astype(object).to_numpy(),
    ],
    ids=["pandas", "polars", "pyarrow", "mapping", "in another order and with more", "array"],
)
def test_whatever_holds_the_rows_the_model_gives_its_own_answer(rows: Any, background: Any) -> None:
    model = as_model(PIPELINE, background=background)
    np.testing.assert_allclose(model.scores(rows), PIPELINE.predict_proba(ROWS)[:, 1], rtol=1e-12)
    raw = model.raw(rows)
    assert raw is not None
    np.testing.assert_allclose(raw, PIPELINE.decision_function(ROWS), rtol=1e-12)


@pytest.mark.parametrize("background", [None, ROWS], ids=["without background", "with background"])
@pytest.mark.parametrize(
    "row", [ROWS.iloc[3], ROWS.iloc[3].to_dict(), ROWS.iloc[[3]], ROWS.iloc[3].to_numpy(), list(ROWS.iloc[3])]
)
def test_one_row_may_be_a_series_a_mapping_or_a_sequence(row: Any, background: Any) -> None:
    assert as_model(PIPELINE, background=background).scores(row).tolist() == pytest.approx(
        [PIPELINE.predict_proba(ROWS)[3, 1]]
    )


def trees() -> dict[str, tuple[Any, Any, Any]]:
    """Model, rows, and the scores that the library itself gives."""
    made: dict[str, tuple[Any, Any, Any]] = {}
    for name, rows in (("frame", NUMBERS), ("array", ARRAY), ("categories", CATEGORIES)):
        x = xgboost.XGBClassifier(n_estimators=5, enable_categorical=True).fit(rows, Y)
        g = lightgbm.LGBMClassifier(n_estimators=5, verbose=-1, n_jobs=1).fit(rows, Y)
        made[f"xgboost {name}"] = (x, rows, x.predict_proba(rows)[:, 1])
        made[f"xgboost booster {name}"] = (x.get_booster(), rows, x.predict_proba(rows)[:, 1])
        made[f"lightgbm {name}"] = (g, rows, g.predict_proba(rows)[:, 1])
        made[f"lightgbm booster {name}"] = (g.booster_, rows, g.predict_proba(rows)[:, 1])
    h = HistGradientBoostingClassifier(max_iter=5).fit(CATEGORIES, Y)
    made["histogram boosting categories"] = (h, CATEGORIES, h.predict_proba(CATEGORIES)[:, 1])
    b = GradientBoostingClassifier(n_estimators=5).fit(ARRAY, Y)
    made["boosting array"] = (b, ARRAY, b.predict_proba(ARRAY)[:, 1])
    return made


TREES = trees()


@pytest.mark.parametrize("name", TREES)
def test_trees_of_each_library_answer_as_they_do_alone_and_for_one_row_too(name: str) -> None:
    native, rows, expected = TREES[name]
    model = as_model(native, background=rows)
    np.testing.assert_allclose(model.scores(rows), expected, rtol=1e-6)
    one = dict(rows.iloc[7]) if isinstance(rows, pd.DataFrame) else rows[7]
    assert model.scores(one)[0] == pytest.approx(expected[7], rel=1e-6)
    raw = model.raw(rows)
    assert raw is not None
    np.testing.assert_allclose(1 / (1 + np.exp(-raw)), expected, rtol=1e-5)
    other = as_model(native, background=rows, positive=0)
    np.testing.assert_allclose(other.scores(rows), 1 - np.asarray(expected), atol=1e-6)
    flipped = other.raw(rows)
    assert flipped is not None
    np.testing.assert_allclose(flipped, -raw, atol=1e-6)


def test_a_regression_gives_its_values() -> None:
    for native in (Ridge().fit(ARRAY, ROWS.income), RandomForestRegressor(5).fit(ARRAY, ROWS.income)):
        model = as_model(native)
        assert model.kind == "regressor" and model.classes == () and model.positive is None
        np.testing.assert_allclose(model.scores(ARRAY), native.predict(ARRAY))


@pytest.mark.parametrize("outputs", ["logits", "probabilities"])
@pytest.mark.parametrize("width", [1, 2])
def test_a_torch_module_is_asked_in_its_evaluation_mode_and_left_as_it_was(outputs: Any, width: int) -> None:
    torch.manual_seed(0)
    last = torch.nn.Sigmoid() if width == 1 else torch.nn.Softmax(dim=1)
    layers = [torch.nn.Linear(3, 4), torch.nn.Dropout(0.5), torch.nn.Linear(4, width)]
    net = torch.nn.Sequential(*layers, *([last] if outputs == "probabilities" else []))
    net.train()
    net[0].eval()  # frozen by its owner
    model = as_model(net, outputs=outputs, columns=["age", "income", "unused"])
    scores = model.scores(NUMBERS / 50)
    assert net.training and net[1].training and not net[0].training
    net.eval()
    with torch.no_grad():
        found = net(torch.tensor((ARRAY / 50).astype(np.float32)))
        if outputs == "logits":
            found = last(found)
    np.testing.assert_allclose(scores, found[:, -1], rtol=1e-5)
    assert model.has_raw is (outputs == "logits")
    assert all(p.grad is None for p in net.parameters())


def test_a_function_is_given_what_it_was_promised() -> None:
    by_name = as_model(lambda frame: (frame["age"] > 50) * 1.0, background=ROWS)
    assert by_name.scores(ROWS.iloc[3].to_dict())[0] == float(ROWS.age[3] > 50)
    by_place = as_model(lambda array: array[:, 0] / 100)
    np.testing.assert_allclose(by_place.scores(ARRAY), ARRAY[:, 0] / 100)
    assert as_model(lambda array: array[:, 0] / 100, positive=0).scores(ARRAY)[0] == 1 - ARRAY[0, 0] / 100


def test_a_classifier_without_probabilities_scores_its_decisions() -> None:
    native = LinearSVC().fit(ARRAY / 50, Y)
    model = as_model(native)
    assert model.outputs == "decisions"
    np.testing.assert_array_equal(model.scores(ARRAY / 50), native.predict(ARRAY / 50))
    raw = model.raw(ARRAY / 50)
    assert raw is not None
    np.testing.assert_allclose(raw, native.decision_function(ARRAY / 50))


@pytest.mark.parametrize(
    ("labels", "positive", "expected"),
    [
        ([0, 1], None, 1),
        ([-1, 1], None, 1),
        ([1, 2], 1, 1),
        ([False, True], None, True),
        (["0", "1"], None, "1"),
        (["no", "yes"], "no", "no"),
        ([0, 1], "0", 0),
        ([0, 1], 1.0, 1),
        ([0, 1, 2], 2, 2),
    ],
)
def test_the_favourable_class_is_the_one_said_or_1_beside_0(labels: Any, positive: Any, expected: Any) -> None:
    drawn = np.array(labels)[np.arange(200) % len(labels)]
    model = as_model(LogisticRegression().fit(ARRAY / 50, drawn), positive=positive)
    assert model.positive == expected and type(model.positive) is type(expected)
    np.testing.assert_allclose(model.scores(ARRAY / 50), model.native.predict_proba(ARRAY / 50)[:, model.at])


@pytest.mark.parametrize("library", [pd.DataFrame, pl.DataFrame, pa.table])
def test_mixed_rows_take_each_value_from_its_own_row(library: Any) -> None:
    rows = as_rows(library({"a": [1, 2, 3], "b": ["x", "y", None]}))
    mixed = rows.mixed(np.array([[2, 0], [0, 2]]))
    assert mixed.objects("a") == [3, 1] and mixed.objects("b") == ["x", None]
    assert type(mixed.held) is type(rows.held)
    both = rows.over(as_rows({"b": ["z"], "a": [4]}))
    assert both.objects("a") == [1, 2, 3, 4] and both.objects("b") == ["x", "y", None, "z"]


def test_columns_that_are_numbered_are_named_by_their_numbers() -> None:
    numbered = pd.DataFrame(ARRAY)
    rows = as_rows(numbered)
    assert rows.names == ("0", "1", "2") and rows.objects("1") == ARRAY[:, 1].tolist()
    assert list(numbered.columns) == [0, 1, 2], "the frame given is left as it was"


def test_a_value_is_not_bent_to_fit_the_type_of_its_column() -> None:
    like = as_rows(pd.DataFrame({"n": [1, 2], "b": [True, False], "t": ["x", "y"]}))
    row = as_rows({"n": 41.5, "b": None, "t": "z"}, like=like)
    assert row.objects("n") == [41.5] and row.objects("b") == [None] and row.objects("t") == ["z"]


def test_a_model_made_before_learns_its_columns_and_types_from_a_background() -> None:
    bare = as_model(lambda rows: np.asarray(rows["age"] > 50, dtype=float))
    assert bare.columns == ()
    known = as_model(bare, background=ROWS)
    assert known.columns == tuple(ROWS.columns) and known.scores({**ROWS.iloc[0].to_dict()})[0] in (0.0, 1.0)
    assert as_model(known, background=ROWS[:5]) is known is as_model(known, positive=1)
    with pytest.raises(InputError, match="made with the favourable class '1'"):
        as_model(known, positive=0)


def test_values_of_people_are_in_no_repr() -> None:
    secret = ROWS.assign(town="Secretville")
    assert "Secretville" not in repr(as_model(PIPELINE, background=secret)) + repr(as_rows(secret))


BAD_CALLS: list[tuple[str, Any, type[Exception], str]] = [
    ("not fitted", lambda: as_model(LogisticRegression()), InputError, "not fitted; fit it first"),
    ("no model", lambda: as_model(3), InputError, "the model is int, expected a fitted model"),
    ("a class", lambda: as_model(LogisticRegression), InputError, "the model is LogisticRegression"),
    ("torch, silent", lambda: as_model(torch.nn.Linear(1, 1)), InputError, "has to say what it returns"),
    ("outputs", lambda: as_model(len, outputs="logit"), InputError, "Did you mean 'logits'"),  # type: ignore[arg-type]
    ("missing column", lambda: as_model(PIPELINE).scores({"age": 1, "incomes": 2}), UnknownColumn, "nor 2 others"),
    ("missing column, near", lambda: as_model(PIPELINE).scores(ROWS.rename(columns={"town": "twon"})), UnknownColumn,
     "Did you mean 'twon'"),
    ("no rows", lambda: as_model(PIPELINE).scores(ROWS[:0]), InputError, "no rows"),
    ("no background", lambda: as_model(PIPELINE, background=ROWS[:0]), InputError, "background has no rows"),
    ("empty row", lambda: as_model(PIPELINE).scores({}), InputError, "the row is empty"),
    ("text", lambda: as_model(PIPELINE).scores("abc"), InputError, "the rows are a str"),
    ("nothing", lambda: as_model(PIPELINE).scores(None), InputError, "the rows are a NoneType"),
    ("width", lambda: as_model(PIPELINE).scores([[1, 2]]), InputError, "each row has 2 values; the model reads 4"),
    ("ragged", lambda: as_model(PIPELINE).scores([[1, 2], [1]]), InputError, "different numbers of values"),
    ("ragged columns", lambda: as_model(PIPELINE).scores({"age": [1], "income": [1, 2], "town": [1], "unused": [1]}),
     InputError, "columns have 1 to 2 values"),
    ("half a row", lambda: as_model(PIPELINE).scores({"age": 1, "income": [1], "town": "a", "unused": 1}), InputError,
     "'age' is a single value"),
    ("twice", lambda: as_rows(pd.DataFrame([[1, 2]], columns=["a", "a"])), InputError, "two columns are named 'a'"),
    ("text for a number", lambda: as_model(PIPELINE, background=ROWS).scores(ROWS.iloc[0].to_dict() | {"age": "old"}),
     InputError, "column 'age' holds values that are not numbers"),
    ("unseen category", lambda: as_model(TREES["lightgbm categories"][0], background=CATEGORIES).scores(
        CATEGORIES.iloc[0].to_dict() | {"town": "elsewhere"}), InputError, "a category that the background does not"),
    ("not probabilities", lambda: as_model(lambda x: x[:, 0]).scores(ARRAY), InputError, "expected probabilities"),
    ("not finite", lambda: as_model(lambda x: x[:, 0] * np.nan).scores(ARRAY), InputError, "for 200 of 200 rows"),
    ("too few", lambda: as_model(lambda x: [0.5]).scores(ARRAY), InputError, "1 scores for 200 rows"),
    ("many outputs", lambda: as_model(lambda x: x).scores(ARRAY), InputError, "3 outputs a row"),
    ("many targets", lambda: as_model(Ridge().fit(ARRAY, ARRAY)).scores(ARRAY), InputError, "3 values for a row"),
    ("text classes", lambda: as_model(LogisticRegression().fit(ARRAY / 50, np.where(Y, "good", "bad"))), InputError,
     "'bad', 'good'; say which is good for the person"),
    ("1 and 2", lambda: as_model(LogisticRegression().fit(ARRAY / 50, 1 + np.arange(200) % 2)), InputError,
     "'1', '2'; say which is good for the person"),
    ("other class", lambda: as_model(PIPELINE, positive=7), InputError, "favourable class is 7"),
    ("many classes", lambda: as_model(LogisticRegression().fit(ARRAY / 50, np.arange(200) % 3)), InputError, "say wh"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "message"), [b[1:] for b in BAD_CALLS], ids=[b[0] for b in BAD_CALLS])
def test_what_cannot_be_used_is_said_in_one_sentence(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message) as told:
        call()
    assert "\n" not in str(told.value)
    assert "elsewhere" not in str(told.value) and "old" not in str(told.value).split()
