"""The flows of explanations: rows in their order, the policy's defaults, confidence from the other rows alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aequo.core.policy import Policy
from aequo.errors import InputError, Refused
from aequo.flows.explain import explain_decision, explain_model
from aequo.models.predicting import as_model


def people(n: int = 200) -> dict[str, Any]:
    rng = np.random.default_rng(1)
    debt = rng.random(n).round(3)
    return {"debt": debt, "sex": rng.choice(["f", "m"], n).astype(object), "paid": (rng.random(n) > debt).astype(int)}


def score(x: Any) -> Any:
    return 1 - np.asarray(x["debt"], float)


def test_the_row_that_is_explained_is_the_row_that_was_asked_for() -> None:
    data = people()
    for row in (0, 17, 199):
        found = explain_decision(score, data, row, label="paid")
        assert found.explained.values["debt"] == data["debt"][row]
        assert found.explained.score == pytest.approx(1 - data["debt"][row])
        assert found.explained.confidence.n == 199


def test_a_row_without_an_outcome_can_be_explained_and_does_not_calibrate() -> None:
    data = people()
    paid: list[Any] = data["paid"].tolist()
    paid[3] = paid[4] = None
    found = explain_decision(score, data | {"paid": paid}, 3, label="paid")
    assert found.explained.confidence.n == 198
    assert found.notes == ("2 of 200 rows have no value of paid, and take no part in the calibration.",)


def test_the_policy_says_what_is_protected_and_where_the_threshold_is() -> None:
    data = people()
    policy = Policy(data={"label": "paid", "threshold": 0.8}, groups={"columns": ["sex"]})
    row = int(np.argmin(np.abs(data["debt"] - 0.3)))
    found = explain_decision(score, data, row, policy=policy)
    assert found.explained.favourable is False
    assert found.threshold == 0.8
    assert found.counterfactuals.target[0] == 0.8
    assert found.counterfactuals.searched.immutable == ("sex",)
    whole = explain_model(score, data, policy=policy, partial=0, repeats=2)
    assert whole.label == "paid"
    assert {g.subject for g in whole.groups} == {"sex"}


def test_a_background_of_its_own_moves_the_base() -> None:
    data = people()
    near = explain_decision(score, data, 0, label="paid", background={"debt": [0.1] * 20, "sex": ["f"] * 20})
    assert near.explained.attribution.base == pytest.approx(0.9)
    assert near.background_rows == 20


def test_it_says_how_many_rows_a_contribution_is_against() -> None:
    pytest.importorskip("shap")
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression

    data = people()
    x = np.asarray(data["debt"])[:, None]
    trees = RandomForestClassifier(5, max_depth=2, random_state=0)
    for fitted, rows in ((LogisticRegression(), 200), (trees, None)):
        model = as_model(fitted.fit(x, data["paid"]), columns=["debt"])
        assert explain_decision(model, data, 3).background_rows == rows
    assert explain_decision(score, data, 3).background_rows == 100  # of 200: all coalitions over so many


def test_a_file_is_read_in_its_order(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("debt,sex\n" + "".join(f"{i / 5000},f\n" for i in range(5000)), encoding="utf-8")
    found = explain_decision(score, path, 4321)
    assert found.explained.values["debt"] == 4321 / 5000
    assert found.source == "rows.csv"


def test_a_model_that_is_not_trusted_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(Refused, match="runs whatever code"):
        explain_model(path, people())


def test_a_model_of_more_classes_has_to_say_which_is_good() -> None:
    from sklearn.linear_model import LogisticRegression

    data = people()
    x = data["debt"][:, None]
    three = np.digitize(data["debt"], [0.3, 0.6])
    model = LogisticRegression().fit(x, np.array(["low", "mid", "high"])[three])
    named = as_model(model, positive="low", columns=["debt"])
    assert explain_decision(named, data, 0).counterfactuals is not None
    with pytest.raises(InputError, match="say which is good for the person: favourable="):
        explain_decision(model, {"debt": data["debt"]}, 0)


def test_what_would_change_a_decision_agrees_with_the_decision() -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import FixedThresholdClassifier

    data = people()
    x = np.asarray(data["debt"])[:, None]
    model = as_model(
        FixedThresholdClassifier(LogisticRegression(), threshold=0.7).fit(x, data["paid"]), columns=["debt"]
    )
    between = np.flatnonzero((model.scores(x) > 0.55) & (model.scores(x) < 0.65)).tolist()
    for row in between[:3]:
        found = explain_decision(model, data, row, label="paid")
        assert found.explained.favourable is False
        assert found.counterfactuals is not None
        assert not found.counterfactuals.already
        assert found.counterfactuals.found


def test_values_that_a_model_cannot_read_are_said_without_them() -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    data = people()
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(np.asarray(data["debt"])[:, None], data["paid"])
    debt = [None, *data["debt"].tolist()[1:]]
    for ask in (explain_model, lambda *what, **how: explain_decision(*what, 3, **how)):
        with pytest.raises(InputError, match="cannot read these rows .ValueError.: values are missing in 'debt'"):
            ask(as_model(model, columns=["debt"]), data | {"debt": debt}, label="paid")


def test_a_favourable_value_that_is_no_class_is_said_with_the_classes_there_are() -> None:
    from sklearn.linear_model import LogisticRegression

    data = people()
    model = LogisticRegression().fit(data["debt"][:, None], np.where(data["paid"], "good", "bad"))
    with pytest.raises(InputError, match=r"'bad', 'good'; 'god' is none of them\. Did you mean 'good'\?"):
        explain_decision(model, {"debt": data["debt"]}, 0, favourable="god")
    with pytest.raises(InputError, match=r"say which is good for the person: favourable= \(--favourable\)"):
        explain_model(model, {"debt": data["debt"]})


@pytest.mark.parametrize("row", [-1, 200, True, "3", 3.0])
def test_a_row_that_is_not_there_is_said(row: Any) -> None:
    with pytest.raises(InputError, match="the data has rows 0 to 199"):
        explain_decision(score, people(), row)


@pytest.mark.parametrize("kind", ["lazy", "duckdb", "parquet"])
def test_rows_that_are_not_in_memory_are_explained_alike(kind: str, tmp_path: Path) -> None:
    import duckdb
    import polars as pl

    data = people()
    frame = pl.DataFrame(data)
    there: Any = frame.lazy()
    if kind == "duckdb":
        there = duckdb.connect().from_arrow(frame.to_arrow())
    elif kind == "parquet":
        there = tmp_path / "people.parquet"
        frame.write_parquet(there)
    policy = Policy(groups={"columns": ["sex"]})
    here = explain_model(score, data, label="paid", policy=policy, repeats=2).to_dict()
    away = explain_model(score, there, label="paid", policy=policy, repeats=2).to_dict()
    assert away["groups"][0]["n"] == here["groups"][0]["n"]
    assert away["loss"] == pytest.approx(here["loss"])
    first = explain_decision(score, there, 7, label="paid")
    assert first.explained.values["debt"] == data["debt"][7]
