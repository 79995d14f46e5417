"""A model whose every prediction comes with reasons, calibrated confidence and a record."""

from __future__ import annotations

import datetime as dt
import json
import pickle
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC

import aequo
from aequo.errors import InputError, LedgerError, UnknownColumn
from aequo.models.digest import model_digest
from aequo.transparency import TransparentModel

KEY = bytes(range(32))
rng = np.random.default_rng(0)
N = 600
ROWS = pd.DataFrame(
    {
        "dti": rng.uniform(0, 60, N).round(1),
        "income": rng.lognormal(10, 0.5, N).round(),
        "history": rng.choice(["good", "poor"], N),
        "race": rng.choice(["black", "white"], N),
    }
)
TRUTH = np.where(
    -0.1 * ROWS.dti + ROWS.income / 20000 + (ROWS.history == "good") + (ROWS.race == "white") + rng.logistic(size=N)
    > -1,
    "approved",
    "refused",
)


def fitted() -> Any:
    columns = make_column_transformer((StandardScaler(), ["dti", "income"]), (OneHotEncoder(), ["history", "race"]))
    return make_pipeline(columns, LogisticRegression()).fit(ROWS[:300], TRUTH[:300])


MODEL = fitted()
POOR = {"dti": 55.0, "income": 9000.0, "history": "poor", "race": "black"}
RICH = {"dti": 5.0, "income": 60000.0, "history": "good", "race": "white"}


def transparent(**more: Any) -> TransparentModel:
    how: dict[str, Any] = {
        "background": ROWS[:300],
        "calibration": (ROWS[300:], TRUTH[300:]),
        "positive": "approved",
        "clock": lambda: dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC),
    }
    return TransparentModel(MODEL, **(how | more))


def test_a_refusal_is_explained_from_the_score_to_the_reasons() -> None:
    model = transparent(reasons={"dti": "Debt is high compared with income"})
    one = model.predict_with_explanation(POOR)
    frame = pd.DataFrame([POOR])
    assert one.prediction == MODEL.predict(frame)[0] == "refused" and one.favourable is False
    assert one.score == pytest.approx(MODEL.predict_proba(frame)[0, list(MODEL.classes_).index("approved")])
    assert one.attribution.space == "log-odds" and abs(one.attribution.additivity_error) < 1e-9
    assert one.attribution.output == pytest.approx(np.log(one.score / (1 - one.score)))
    contributions = [c for _, c in one.top]
    assert contributions == sorted(contributions, key=abs, reverse=True)
    assert [r.contribution for r in one.reasons] == sorted(c for c in contributions if c < 0)
    assert one.reasons[0].text == "Debt is high compared with income"
    assert "history counted against the application" in [r.text for r in one.reasons]
    assert one.confidence is not None and one.confidence.n == 300 and one.no_confidence == ""
    assert one.confidence.low <= one.confidence.value <= one.confidence.high
    assert one.confidence.value != 1 - one.score
    assert one.at == dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
    assert one.model_digest == model_digest(MODEL) and one.model_digest.startswith(one.model_version)
    assert one.receipt is None


def test_a_favourable_decision_has_no_reasons_against_it() -> None:
    one = transparent().predict_with_explanation(RICH)
    assert one.favourable is True and one.reasons == () and one.top[0][1] > 0


def test_at_most_four_reasons_and_only_columns_that_counted_against() -> None:
    wide = np.random.default_rng(0).normal(size=(100, 8))
    model = TransparentModel(lambda r: 1 / (1 + np.exp(-r.sum(axis=1))), background=wide)
    row = np.array([-3.0, -2.0, -1.0, -4.0, -5.0, -0.5, 2.0, 1.0])
    one = model.predict_with_explanation(row)
    assert [r.column for r in one.reasons] == ["x4", "x3", "x0", "x1"]
    assert all(r.text == f"{r.column} is low, and that counted against the application" for r in one.reasons)


def test_a_protected_column_is_flagged_and_never_a_silent_reason() -> None:
    one = transparent(protected=["race", "sex"]).predict_with_explanation(POOR)
    flagged = {r.column: r.protected for r in one.reasons}
    assert flagged["race"] and not flagged["dti"]
    assert one.notes == ("the protected column 'race' pushed towards refusal",)
    assert transparent(protected="race").predict_with_explanation(RICH).notes == ()


def test_a_refusal_that_no_column_pushed_to_says_so() -> None:
    strict = TransparentModel(lambda r: 0.2 + r[:, 0] / 100, background=[[0.0, 1.0]], columns=["a", "b"])
    one = strict.predict_with_explanation([5.0, 3.0])
    assert one.favourable is False and one.reasons == () and "compare with approved rows" in one.notes[0]
    assert one.top == (("a", pytest.approx(0.05)),), "b contributed nothing"


def test_what_a_person_cannot_change_is_marked() -> None:
    one = transparent(immutable=["history"]).predict_with_explanation(POOR)
    assert {r.column: r.changeable for r in one.reasons}["history"] is False
    assert {r.column: r.changeable for r in one.reasons}["dti"] is True


def test_a_decision_that_is_more_often_wrong_than_right_says_so() -> None:
    scores = np.linspace(0, 1, 400)[:, None]
    never = (scores[:, 0] > 0.8).astype(int)  # the model says yes from 0.5 on
    model = TransparentModel(lambda r: r[:, 0], background=scores, calibration=(scores, never))
    doubtful, right = model.predict_with_explanation([0.6]), model.predict_with_explanation([0.9])
    assert doubtful.favourable and doubtful.confidence is not None and doubtful.confidence.value < 0.1
    assert "fewer than half had the class that was predicted" in doubtful.notes[0] and right.notes == ()


def test_without_calibration_rows_there_is_no_confidence_and_a_reason() -> None:
    one = transparent(calibration=None).predict_with_explanation(POOR)
    assert one.confidence is None and one.no_confidence == "no calibration rows were given"
    regression = TransparentModel(Ridge().fit(ROWS[["dti"]], ROWS.income), background=ROWS[["dti"]])
    value = regression.predict_with_explanation({"dti": 3.0})
    assert (
        value.favourable is None and value.confidence is None and value.no_confidence == "the model predicts a number"
    )
    assert value.prediction == value.score and value.reasons == ()


def test_a_machine_without_probabilities_is_calibrated_by_its_margin() -> None:
    x = ROWS[["dti", "income"]].to_numpy() / [60, 60000]
    machine = LinearSVC().fit(x[:300], TRUTH[:300])
    model = TransparentModel(machine, background=x[:300], calibration=(x[300:], TRUTH[300:]), positive="approved")
    sure = [model.predict_with_explanation(row) for row in ([0.0, 1.0], [0.4, 0.4])]
    assert [one.score for one in sure] == [1.0, 1.0] == [float(one.favourable or 0) for one in sure]
    assert sure[0].confidence is not None and sure[1].confidence is not None
    assert sure[0].confidence.value > sure[1].confidence.value


def test_values_of_people_are_only_where_they_are_asked_for() -> None:
    model = transparent(reasons={"income": "Income of {value} is too low", "history": "{column} is {value}"})
    one = model.predict_with_explanation(POOR)
    assert "Income of 9000 is too low" in [r.text for r in one.reasons]
    told = one.to_json()
    assert "9000" not in told and "poor" not in told and "black" not in told
    assert "Income of … is too low" in [r["text"] for r in json.loads(told)["reasons"]]
    assert "9000" not in repr(one) and "55.0" not in repr(one) and "poor" not in repr(one)
    asked = one.to_dict(values=True)
    assert asked["values"] == POOR and "Income of 9000 is too low" in [r["text"] for r in asked["reasons"]]
    json.dumps(asked, allow_nan=False)


def test_a_braced_value_of_a_person_is_no_template() -> None:
    model = TransparentModel(
        lambda frame: np.zeros(len(frame)),
        background={"t": ["a", "b"], "u": [1, 2]},
        reasons={"t": "{column}: {value}"},
    )
    assert model.predict_with_explanation({"t": "{column}", "u": 1}).prediction == 0


@pytest.mark.parametrize("library", [pd.DataFrame, pl.DataFrame])
def test_a_batch_says_the_same_as_each_row_alone(library: Any) -> None:
    rows = library(ROWS[:40].to_dict("list"))
    model = transparent()
    many = model.predict_with_explanation_batch(rows)
    assert [one.prediction for one in many] == MODEL.predict(ROWS[:40]).tolist()
    for i in (0, 7, 39):
        alone = model.predict_with_explanation(ROWS.iloc[i].to_dict())
        for a, b in ((alone, many[i]), (model.predict_with_explanation(ROWS.iloc[i]), many[i])):
            assert a.prediction == b.prediction and a.score == pytest.approx(b.score) and a.confidence == b.confidence
            assert [r.column for r in a.reasons] == [r.column for r in b.reasons]
            np.testing.assert_allclose(a.attribution.contributions, b.attribution.contributions, atol=1e-12)


# -- which decision ---------------------------------------------------------------------------------------------------


def test_the_prediction_is_the_models_own_ties_included() -> None:
    x = np.round(np.random.default_rng(0).normal(size=(300, 3)), 1)
    y = (x[:, 0] + np.random.default_rng(1).normal(size=300) > 0).astype(int)
    forest = RandomForestClassifier(4, random_state=0).fit(x, y)
    assert (forest.predict_proba(x)[:, 1] == 0.5).any()
    for positive in (0, 1):
        found = TransparentModel(forest, background=x, positive=positive).predict_with_explanation_batch(x)
        assert [one.prediction for one in found] == forest.predict(x).tolist()
    strict = FixedThresholdClassifier(LogisticRegression().fit(x, y), threshold=0.8).fit(x, y)
    found = TransparentModel(strict, background=x).predict_with_explanation_batch(x[:50])
    assert [one.prediction for one in found] == strict.predict(x[:50]).tolist()
    own = TransparentModel(forest, background=x, threshold=0.7).predict_with_explanation_batch(x)
    assert [one.favourable for one in own] == (forest.predict_proba(x)[:, 1] >= 0.7).tolist()


def test_three_classes_have_the_models_class_and_the_score_of_the_favourable_one() -> None:
    three = np.digitize(ROWS.income, [18000, 28000])
    x = ROWS[["dti", "income"]]
    forest = RandomForestClassifier(10, random_state=0).fit(x[:300], three[:300])
    model = TransparentModel(forest, background=x[:300], positive=2, calibration=(x[300:], three[300:]))
    found = model.predict_with_explanation_batch(x[300:330])
    assert [one.prediction for one in found] == forest.predict(x[300:330]).tolist()
    for one in found:
        assert (one.confidence is not None) is (one.prediction == 2)
    with pytest.raises(InputError, match="a threshold decides between two classes"):
        TransparentModel(forest, background=x, positive=2, threshold=0.5).predict_with_explanation(x[:1])


def test_categories_read_by_the_trees_themselves() -> None:
    rows = ROWS.astype({"history": "category", "race": "category"})
    trees = lightgbm.LGBMClassifier(n_estimators=5, verbose=-1, n_jobs=1).fit(rows, TRUTH)
    model = TransparentModel(trees, background=rows, positive="approved")
    one = model.predict_with_explanation(POOR)
    assert one.score == pytest.approx(trees.predict_proba(rows.iloc[:1].assign(**POOR).astype(rows.dtypes))[0, 0])
    with pytest.raises(InputError, match="look for a category") as told:
        transparent().predict_with_explanation(POOR | {"history": "unheard of"})
    assert told.value.__cause__ is None and told.value.__suppress_context__, "a library quotes the value"
    with pytest.raises(InputError, match="a category that the background does not have"):
        model.predict_with_explanation(POOR | {"history": "unheard of"})


def test_a_missing_value_is_what_the_pipeline_makes_of_it() -> None:
    with pytest.raises(InputError, match="cannot read these rows .ValueError.: values are missing in 'income'"):
        transparent().predict_with_explanation(POOR | {"income": None})
    trees = lightgbm.LGBMClassifier(n_estimators=5, verbose=-1, n_jobs=1).fit(ROWS[["dti", "income"]], TRUTH)
    model = TransparentModel(trees, background=ROWS[["dti", "income"]], positive="approved")
    one = model.predict_with_explanation({"dti": None, "income": 9000})
    assert one.to_dict(values=True)["values"] == {"dti": None, "income": 9000.0}
    texts = [r.text for r in one.reasons]
    assert all("nan" not in t for t in texts)


# -- the record -------------------------------------------------------------------------------------------------------


@pytest.fixture
def ledger(tmp_path: Path) -> Any:
    with aequo.Ledger.open(f"sqlite:///{tmp_path / 'l.db'}", key=KEY, inputs="keep") as opened:
        yield opened


def test_every_prediction_is_on_the_record_with_its_explanation_sealed(ledger: Any) -> None:
    model = transparent(ledger=ledger, version="loans-7")
    one = model.predict_with_explanation(POOR, subject="person-1", operator_id="desk-7")
    assert one.receipt is not None
    entry = ledger.entry(one.receipt.index)
    assert entry.kind == "decision" and entry.event["model_version"] == "loans-7"
    assert entry.event["output"] == "refused" and entry.event["operator_id"] == "desk-7"
    assert entry.event["input"] == POOR
    sealed = entry.event["metadata"]
    assert sealed["score"] == one.score and sealed["reasons"][0]["column"] == one.reasons[0].column
    assert sealed["model"] == {"digest": model.digest, "version": "loans-7"}
    assert "9000" not in json.dumps(sealed), "values are in the input alone"
    assert ledger.verify().ok


def test_a_batch_is_recorded_whole_each_row_under_its_person(ledger: Any) -> None:
    found = transparent(ledger=ledger).predict_with_explanation_batch(ROWS[:20], subjects=[f"p{i}" for i in range(20)])
    indices = [one.receipt.index for one in found if one.receipt is not None]
    assert indices == list(range(indices[0], indices[0] + 20))
    assert ledger.entry(indices[3]).event["output"] == found[3].prediction
    aequo.privacy.erase("p3", ledger=ledger)
    assert "input" not in ledger.entry(indices[3]).event and "input" in ledger.entry(indices[4]).event


class Broken:
    def log_decisions(self, decisions: Any) -> Any:
        raise LedgerError("the disk is full")


def test_without_a_record_there_is_no_prediction_unless_asked() -> None:
    with pytest.raises(LedgerError, match="the disk is full"):
        transparent(ledger=Broken()).predict_with_explanation(POOR)
    one = transparent(ledger=Broken(), unrecorded=True).predict_with_explanation(POOR)
    assert one.receipt is None and one.notes == ("this decision is not on the record: the ledger failed (LedgerError)",)


def test_a_row_that_cannot_be_used_leaves_nothing_on_the_record(ledger: Any) -> None:
    before = ledger.size
    for row in ({"dti": 1}, POOR | {"dti": "high"}, POOR | {"shoe": 44}):
        with pytest.raises(InputError):
            transparent(ledger=ledger).predict_with_explanation(row)
    assert ledger.size == before


# -- the whole model --------------------------------------------------------------------------------------------------


def test_important_features_have_intervals_and_the_right_order() -> None:
    found = transparent().get_important_features(2)
    assert [f.column for f in found] == ["dti", "income"] or found[0].column == "dti"
    assert all(f.interval[0] <= f.importance <= f.interval[1] and f.n == 300 for f in found)
    assert len(transparent().get_important_features()) == 4
    sampled = TransparentModel(
        lambda r: 1 / (1 + np.exp(-r[:, 0])), background=np.random.default_rng(0).normal(size=(99, 3))
    )
    first = sampled.get_important_features(3)
    assert first[0].column == "x0" and first[1].importance == 0 and first[0].n < 99
    assert first == sampled.get_important_features(3)
    of_one = TransparentModel(lambda r: 1 / (1 + np.exp(-r[:, 0])), background=[[1.0, 2.0]]).get_important_features()
    assert {(f.importance, f.interval, f.n) for f in of_one} == {(0.0, (0.0, float("inf")), 1)}


def test_counterfactuals_leave_protected_and_immutable_columns_alone() -> None:
    model = transparent(protected=["race"], immutable=["history"])
    found = model.counterfactuals(POOR, n=1, budget=4000)
    changed = {c.column for one in found.found for c in one.changes}
    assert changed and not changed & {"race", "history"}


BAD: list[tuple[str, Any, type[Exception], str]] = [
    ("extra column", lambda: transparent().predict_with_explanation(POOR | {"dtii": 1}), UnknownColumn, "Did you mean"),
    ("missing column", lambda: transparent().predict_with_explanation({"dti": 1.0}), UnknownColumn, "nor 2 others"),
    ("two rows", lambda: transparent().predict_with_explanation(ROWS[:2]), InputError, "there are 2 rows"),
    ("no rows", lambda: transparent().predict_with_explanation_batch(ROWS[:0]), InputError, "there are no rows"),
    ("subjects", lambda: transparent().predict_with_explanation_batch(ROWS[:2], subjects=["a"]), InputError, "1 sub"),
    ("class", lambda: transparent(positive=None), InputError, "say which is good"),
    ("threshold", lambda: transparent(threshold=2), InputError, "threshold is 2"),
    ("extra", lambda: transparent(extra="drop"), InputError, "extra is 'drop'"),
    ("reasons", lambda: transparent(reasons={"dtii": "x"}), UnknownColumn, "reasons names 'dtii'"),
    ("immutable", lambda: transparent(immutable=["shoe"]), UnknownColumn, "immutable names 'shoe'"),
    ("template", lambda: transparent(reasons={"dti": "{name}"}), InputError, "at most the fields"),
    ("broken template", lambda: transparent(reasons={"dti": "{"}), InputError, "at most the fields"),
    ("empty template", lambda: transparent(reasons={"dti": " "}), InputError, "is not a sentence"),
    ("calibration", lambda: transparent(calibration=ROWS), InputError, "not a pair"),
    ("calibration labels", lambda: transparent(calibration=(ROWS, TRUTH[:5])), InputError, "600 scores and 5 truths"),
    ("regression", lambda: TransparentModel(Ridge().fit(ROWS[["dti"]], ROWS.income), background=ROWS[["dti"]],
     calibration=(ROWS, TRUTH)), InputError, "for a regression"),
    ("n", lambda: transparent().get_important_features(0), InputError, "n is 0"),
    ("not finite", lambda: TransparentModel(lambda r: r[:, 0], background=[[0.5]]).predict_with_explanation([np.nan]),
     InputError, "no finite number"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "message"), [b[1:] for b in BAD], ids=[b[0] for b in BAD])
def test_what_cannot_be_used_is_said_in_one_sentence(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_more_columns_may_be_ignored_on_request() -> None:
    one = transparent(extra="ignore").predict_with_explanation(POOR | {"shoe": 44})
    assert "shoe" not in one.values


def test_the_mortgage_data_explained() -> None:
    loans = pd.DataFrame(aequo.loan_applications())
    names = ["appinc", "loanprc", "obrat", "hrat", "chist", "pubrec", "married", "self"]
    x, y = loans[names], loans["approve"].to_numpy()
    steps = make_pipeline(make_column_transformer((StandardScaler(), names)), LogisticRegression())
    known = x.notna().all(axis=1).to_numpy()
    x, y = x[known], y[known]
    half = len(x) // 2
    model = TransparentModel(steps.fit(x[:half], y[:half]), background=x[:half], calibration=(x[half:], y[half:]))
    found = model.predict_with_explanation_batch(x[half:])
    refused = [one for one in found if not one.favourable]
    assert len(refused) > 10 and all(1 <= len(one.reasons) <= 4 for one in refused)
    assert max(abs(one.attribution.additivity_error) for one in found) < 1e-9
    agreed = np.mean([one.prediction == t for one, t in zip(found, y[half:], strict=True)])
    sure = np.mean([one.confidence.value for one in found if one.confidence is not None])
    assert abs(agreed - sure) < 0.03, "on average, as sure as it is right"
    assert pickle.loads(pickle.dumps(found[0].to_dict())) == found[0].to_dict()
