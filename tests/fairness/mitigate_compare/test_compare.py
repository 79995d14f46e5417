"""`compare`: nested, paired, the same on any number of workers; what fails is told; the winner reads raw columns."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.svm import LinearSVC

from aequo.core.finding import Status
from aequo.core.policy import Policy
from aequo.errors import InputError, MissingExtra, OutputError, UnknownColumn
from aequo.fairness.checks import CHECKS
from aequo.fairness.mitigate.comparing import compare
from aequo.fairness.mitigate.comparison import Comparison
from aequo.models.files import load_model
from aequo.models.pipeline import table_pipeline

from .people import people

QUICK = ["reweigh", "thresholds", "thresholds-strict", "thresholds-deterministic"]


def tried(data: Any = None, **how: Any) -> Comparison:
    how = {
        "label": "hired",
        "group": "sex",
        "favourable": "yes",
        "constraint": "demographic_parity",
        "tolerance": 0.1,
        "splits": 3,
        "n_jobs": 1,
        "remedies": QUICK,
        **how,
    }
    return compare(people() if data is None else data, **how)


@pytest.fixture(scope="module")
def found() -> Comparison:
    return tried()


# -- laws -------------------------------------------------------------------------------------------------------------


def test_the_result_is_the_same_whatever_the_number_of_workers(found: Comparison) -> None:
    assert tried(n_jobs=2).to_json() == found.to_json()


def test_another_seed_gives_another_result_and_the_same_seed_the_same(found: Comparison) -> None:
    assert tried(remedies=["reweigh"], seed=1).to_json() == tried(remedies=["reweigh"], seed=1).to_json()
    assert tried(remedies=["reweigh"], seed=1).remedy("none").metrics != found.remedy("none").metrics


def test_the_kind_of_table_does_not_matter(found: Comparison) -> None:
    data = people()
    for frame in (pd.DataFrame(data), pl.DataFrame(data)):
        assert tried(frame).to_json() == found.to_json()


def test_thresholds_close_the_gap_and_nothing_closes_what_is_not_there() -> None:
    found = tried(people(3000), splits=6)
    assert found.remedy("none").gap.value > 0.3
    for name in ("thresholds", "thresholds-strict", "thresholds-deterministic"):
        assert found.remedy(name).gap.value < 0.13
        assert found.remedy(name).distinguishable
    assert found.remedy("thresholds-strict").gap.value <= found.remedy("thresholds").gap.value
    required = [f for f in found.findings if f.required]
    assert [f.id for f in required] == [f"mitigation/demographic-parity/{found.recommended}"]
    assert found.verdict is required[0].status
    assert found.findings[0].status is Status.FAIL and not found.findings[0].required
    even = tried(people(gap=0.0), remedies=["thresholds"])
    assert even.remedy("none").gap.value < 0.1


def test_every_metric_is_there_with_an_interval_and_the_people_behind_it(found: Comparison) -> None:
    for remedy in found.remedies:
        assert set(CHECKS) < set(remedy.metrics)
        assert {"accuracy", "balanced-accuracy", "calibration-error", "auc"} < set(remedy.metrics)
        accuracy = remedy.metrics["accuracy"]
        assert accuracy.interval is not None
        assert accuracy.interval[0] < accuracy.value < accuracy.interval[1]
        assert 600 < accuracy.n <= 1200
        assert len(accuracy.splits) == 3


def test_the_json_has_the_shape_that_was_promised(found: Comparison) -> None:
    plain = json.loads(found.to_json())
    assert plain["recommended"] == found.recommended
    for remedy in plain["remedies"]:
        assert isinstance(remedy["name"], str) and isinstance(remedy["pareto"], bool)
        assert set(remedy["metrics"]["accuracy"]) >= {"value", "interval"}
        assert "counts" not in remedy


# -- no leakage -------------------------------------------------------------------------------------------------------


class Seen(ClassifierMixin, BaseEstimator):
    """Says how many columns it was given."""

    widths: set[int] = set()  # noqa: RUF012 - shared on purpose

    def fit(self, x: Any, y: Any, sample_weight: Any = None) -> Seen:
        Seen.widths.add(x.shape[1])
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, x: Any) -> Any:
        share = 1 / (1 + np.exp(-x[:, 0]))
        return np.stack([1 - share, share], axis=1)

    def predict(self, x: Any) -> Any:
        return (x[:, 0] > 0).astype(int)


def test_no_model_sees_the_group_unless_asked() -> None:
    Seen.widths.clear()
    assert tried(estimator=Seen(), remedies=["reweigh", "thresholds"]).features == ("skill", "town")
    assert Seen.widths == {4}  # skill, and three towns
    Seen.widths.clear()
    assert tried(estimator=Seen(), remedies=["group-aware thresholds"], include_group=True).features[-1] == "sex"
    assert Seen.widths == {6}
    Seen.widths.clear()
    tried(estimator=Seen(), remedies=["group-aware thresholds"])
    assert Seen.widths == {4, 6}


def test_the_outcome_weights_and_what_the_policy_says_the_system_said_are_no_features() -> None:
    data = {**people(), "w": np.ones(1200), "score": np.random.default_rng(0).random(1200), "id": range(1200)}
    policy = Policy().replace(**{"data.score": "score"})
    result = tried(data, weight="w", policy=policy, drop="id", remedies=["reweigh"])
    assert result.features == ("skill", "town")
    assert any("score of the policy" in note for note in result.notes)


def test_weights_of_one_change_nothing(found: Comparison) -> None:
    weighted = tried({**people(), "w": np.ones(1200)}, weight="w")
    for name in ("none", *QUICK):
        assert weighted.remedy(name).gap.value == pytest.approx(found.remedy(name).gap.value, abs=1e-9)
    left = tried({**people(), "w": np.ones(1200)}, weight="w", remedies=["grid-search"]).left_out
    assert left == {"grid-search": "it takes no weights of rows."}


# -- the estimator ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("remedy", ["none", "thresholds-deterministic"])
def test_the_winner_is_saved_reloads_and_reads_raw_columns(tmp_path: Path, remedy: str) -> None:
    data = people()
    look = tried(data, remedies=[remedy], splits=2)
    gaps = [look.remedy(name).gap.value for name in (remedy, "none")]
    result = tried(data, tolerance=sum(gaps) / 2, remedies=[remedy], splits=2)  # between the two, so that it is taken
    assert result.recommended == remedy
    model = result.best_estimator
    back = load_model(result.save(tmp_path))
    frame = pd.DataFrame(data).drop(columns="hired")
    expected = model.predict(data)
    assert set(expected) == {"yes", "no"}
    for rows in (frame, frame[frame.columns[::-1]], pl.DataFrame(data), data):
        assert (back.predict(rows) == expected).all()
    assert (expected == np.array(data["hired"])).mean() > 0.7


def test_labels_come_back_as_they_were_given() -> None:
    data = people(400)
    for labels, favourable in (
        ([0, 1], None),
        ([2, 1], 1),
        ([False, True], None),
        (["n", "y"], "y"),
        ([0.5, 1.5], 1.5),
    ):
        coded = [labels[v == "yes"] for v in data["hired"]]
        result = tried({**data, "hired": coded}, favourable=favourable, remedies=["none"], splits=2, tolerance=1.0)
        assert set(result.best_estimator.predict(data).tolist()) <= set(labels)


def test_coins_differ_between_people_and_not_for_one_person() -> None:
    """A coin that is seeded anew in each call would fall alike for everybody who is decided alone."""
    data = people()
    result = tried(data, remedies=["thresholds"], constraint="equalized_odds", tolerance=0.3)
    from aequo.fairness.mitigate import FairThresholdOptimizer
    from aequo.fairness.mitigate.remedied import RemediedClassifier
    from aequo.models.encoder import TableEncoder

    assert result.best_estimator is not None
    model = RemediedClassifier(
        TableEncoder(["skill"]), FairThresholdOptimizer(LogisticRegression()), group=["sex"], favourable="yes"
    ).fit(data, data["hired"])
    chance = model.predict_proba(data)[:, 1]
    person = int(np.argmin(np.abs(chance - 0.5)))
    assert 0 < chance[person] < 1
    row = {name: [values[person]] for name, values in data.items()}
    assert len({model.predict(row)[0] for _ in range(200)}) == 2
    assert len({model.predict(row, ids=["p1"])[0] for _ in range(20)}) == 1


def test_a_fitted_model_is_judged_by_its_own_threshold() -> None:
    data = people()
    frame = pd.DataFrame({"skill": data["skill"]})
    model = FixedThresholdClassifier(LogisticRegression(), threshold=0.2, pos_label="yes").fit(frame, data["hired"])
    none = tried(data, estimator=model, remedies=["thresholds"], splits=10).remedy("none")
    own = model.predict(frame)
    assert none.metrics["selection-rate"].value == pytest.approx(np.mean(own == "yes"), abs=0.02)
    assert none.metrics["accuracy"].value == pytest.approx(np.mean(own == data["hired"]), abs=0.02)


def test_a_fitted_model_is_taken_as_it_is_and_gets_thresholds() -> None:
    data = people()
    model = table_pipeline("logistic", ["skill", "town"]).fit(data, data["hired"])
    result = tried(data, estimator=model, remedies=None)
    assert [r.name for r in result.remedies] == ["none", "thresholds-deterministic", "thresholds", "thresholds-strict"]
    assert "trained already" in result.left_out["reweigh"]
    assert result.remedy("thresholds").gap.value < result.remedy("none").gap.value
    decided = result.best_estimator.predict(data)
    rates = [np.mean(decided[data["sex"] == sex] == "yes") for sex in ("f", "m")]
    assert abs(rates[0] - rates[1]) < 0.2
    unmoved = tried(data, estimator=model, tolerance=1.0, remedies=["none"])
    assert unmoved.best_estimator is model


# -- fairlearn --------------------------------------------------------------------------------------------------------


def test_fairlearns_remedies_are_in_the_same_comparison() -> None:
    names = ["correlation-remover", "grid-search", "exponentiated-gradient"]
    result = tried(people(600), remedies=names, splits=2)
    for name in names:
        assert result.remedy(name).failed == 0
        assert result.remedy(name).gap.value < result.remedy("none").gap.value
    assert result.remedy("exponentiated-gradient").metrics["auc"].value is None


def test_an_adapter_decides_as_fairlearn_does() -> None:
    from fairlearn.reductions import DemographicParity, ExponentiatedGradient

    from aequo.fairness.mitigate.adapters import FairlearnReduction

    data = people(400)
    x, y = np.array(data["skill"])[:, None], (np.array(data["hired"]) == "yes").astype(int)
    ours = FairlearnReduction(LogisticRegression(), constraint="demographic_parity", tolerance=0.1, random_state=3)
    theirs = ExponentiatedGradient(LogisticRegression(), DemographicParity(difference_bound=0.05))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its use of pandas
        theirs.fit(x, y, sensitive_features=data["sex"])
    expected = theirs.predict(x, random_state=3)
    assert (ours.fit(x, y, sensitive_features=data["sex"]).predict(x) == expected).all()


def test_what_is_not_installed_is_left_out_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name in ("fairlearn", "torch") else real(name)
    )
    left = tried(people(300), remedies=["reweigh", "grid-search", "adversarial"], splits=2).left_out
    assert left == {
        "grid-search": "fairlearn is not installed (pip install fairlearn).",
        "adversarial": "torch is not installed (pip install 'aequo[torch]').",
    }


# -- faults -----------------------------------------------------------------------------------------------------------


class Fragile(Seen):
    """Cannot be fitted with weights, and fails on rows with a certain one among them."""

    def fit(self, x: Any, y: Any) -> Fragile:  # type: ignore[override]
        if (x[:, 0] > 2.5).any():
            raise RuntimeError("a person's number")
        self.classes_ = np.unique(y)
        return self


def test_a_remedy_that_fails_is_a_fact_and_its_reason_holds_nobodys_data() -> None:
    result = tried(estimator=Fragile(), remedies=["reweigh", "thresholds"])
    reweigh = result.remedy("reweigh")
    assert reweigh.failed == 3 and reweigh.counts is None
    assert reweigh.failures == ("Fragile takes no sample_weight, so that it cannot be reweighed.",)
    none = result.remedy("none")
    assert none.failures == ("it stopped with RuntimeError.",)
    assert "person" not in result.to_json()
    assert result.recommended is None and result.best_estimator is None
    assert result.verdict is Status.UNKNOWN
    with pytest.raises(InputError, match="no remedy is recommended"):
        result.save("anywhere")


def test_a_model_without_probabilities_can_be_reweighed_and_has_no_calibration() -> None:
    result = tried(estimator=LinearSVC(), remedies=["reweigh", "thresholds"], splits=2)
    assert result.remedy("reweigh").failed == 0
    assert result.remedy("reweigh").metrics["calibration-error"].value is None
    assert "thresholds need a score" in result.remedy("thresholds").failures[0]


def test_missing_values_and_unicode_are_no_obstacle() -> None:
    data = people(500)
    rng = np.random.default_rng(0)
    gone = rng.random(500) < 0.1
    data["skill"] = [None if g else v for g, v in zip(gone, data["skill"], strict=True)]
    data["sex"] = [
        None if r < 0.04 else {"f": "женщина", "m": "男"}[s] for r, s in zip(rng.random(500), data["sex"], strict=True)
    ]
    data["hired"] = [None if r < 0.04 else h for r, h in zip(rng.random(500), data["hired"], strict=True)]
    result = tried(data, remedies=["thresholds"], splits=2)
    assert result.rows < 500
    assert "have no value of hired" in result.notes[0]
    assert "nothing is said of these people" in result.notes[1]
    assert set(result.remedy("none").rates["selection_rate"]) == {"женщина", "男"}
    result.best_estimator.predict({"skill": [None], "town": ["Paris"], "sex": [None]})


def test_groups_may_be_numbers_or_booleans() -> None:
    data = people(400)
    for coded in ({"f": 1, "m": 2}, {"f": True, "m": False}):
        data["sex"] = [coded[v] for v in people(400)["sex"]]
        result = tried(data, remedies=["thresholds-deterministic"], splits=2, tolerance=0.2)
        assert set(result.remedy("none").rates["selection_rate"]) == {str(v) for v in coded.values()}
        decided = result.best_estimator.predict(data) == "yes"
        rates = [decided[np.array(data["sex"]) == v].mean() for v in coded.values()]
        assert abs(rates[0] - rates[1]) < 0.25  # without looking at the group it is above .35


def test_crossed_groups_are_compared_each_with_each() -> None:
    data = people(1500)
    result = tried(data, group=["sex", "town"], remedies=["none"], splits=2)
    assert result.subject == "sex × town"
    assert len(result.remedy("none").rates["selection_rate"]) == 6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label": None}, "no outcome was given"),
        ({"group": None}, "no group column was given"),
        ({"label": "town"}, "'town' has 3 different values; remedies need an outcome of two values"),
        ({"favourable": None}, "say which one is favourable"),
        ({"favourable": "maybe"}, "the favourable value 'maybe' does not occur"),
        ({"constraint": "equal-odds"}, "the constraint is 'equal-odds'"),
        ({"tolerance": 2}, "the tolerance is 2, expected a number from 0 to 1"),
        ({"splits": 1}, "splits is 1, expected a whole number from 2"),
        ({"splits": float("nan")}, "splits is nan, expected a whole number"),
        ({"splits": "three"}, "splits is 'three', expected a whole number"),
        ({"test_size": "half"}, "test_size is 'half', expected a share"),
        ({"n_jobs": 0}, "n_jobs is 0, expected a number of processes"),
        ({"test_size": 0.99}, "test_size is 0.99"),
        ({"remedies": ["treshold"]}, "there is no remedy 'treshold'.* Did you mean 'thresholds'"),
        ({"drop": ["skill", "town"]}, "no column to learn from"),
        ({"estimator": "boost"}, "the model is 'boost'"),
        ({"estimator": LogisticRegression}, "the class LogisticRegression, expected one of its objects"),
        ({"estimator": Ridge()}, "predicts numbers; expected a classifier"),
        ({"estimator": 3}, "the model is int, expected a fitted model"),
    ],
)
def test_what_cannot_be_compared_is_told_in_one_sentence(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        tried(people(200), **change)


def test_absent_columns_and_too_few_people_are_told() -> None:
    with pytest.raises(UnknownColumn, match="no column 'sexe'.* Did you mean 'sex'"):
        tried(group="sexe")
    with pytest.raises(InputError, match="60 rows of .* at least 100 are needed"):
        tried(people(60))
    one = people(200)
    with pytest.raises(InputError, match="the value 'yes' alone"):
        tried({**one, "hired": ["yes"] * 200})


def test_one_group_has_nothing_to_be_compared_with() -> None:
    data = {**people(300), "sex": ["f"] * 300}
    result = tried(data, remedies=["none"], splits=2)
    assert result.verdict is Status.UNKNOWN
    assert result.recommended is None
    assert "fewer than two groups" in result.findings[0].why


def test_progress_is_told_and_an_interrupt_ends_the_work_at_once() -> None:
    steps: list[tuple[int, int]] = []
    tried(people(200), remedies=["none", "reweigh"], splits=2, progress=lambda *step: steps.append(step))
    assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)]

    def stop(done: int, total: int) -> None:
        steps.append((done, total))
        raise KeyboardInterrupt

    for jobs in (1, 2):
        steps.clear()
        with pytest.raises(KeyboardInterrupt):
            tried(people(200), remedies=["none", "reweigh"], splits=2, n_jobs=jobs, progress=stop)
        assert len(steps) == 1


def test_without_scikit_learn_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(MissingExtra, match=r"pip install 'aequo\[ml\]'"):
        tried(people(200))


def test_an_earlier_estimator_does_not_stay_beside_the_new_one(tmp_path: Path) -> None:
    (tmp_path / "model.joblib").write_bytes(b"old")
    result = tried(people(300), remedies=["none"], splits=2, tolerance=1.0)
    assert result.save(tmp_path).name == "model.skops"
    assert [p.name for p in tmp_path.iterdir()] == ["model.skops"]
    with pytest.raises(OutputError, match="cannot be written"):
        result.save(tmp_path / "model.skops" / "below")


# -- real data --------------------------------------------------------------------------------------------------------


def test_on_compas_thresholds_close_most_of_the_gap_in_false_positives(compas: pd.DataFrame) -> None:
    """Two-year recidivism by race: ProPublica's finding, and what thresholds for each race make of it."""
    columns = ["age", "priors_count", "juv_fel_count", "juv_misd_count", "c_charge_degree", "race", "two_year_recid"]
    data = compas[compas.race.isin(["African-American", "Caucasian"])][columns]
    found = compare(
        data, label="two_year_recid", favourable=0, group="race", remedies=["thresholds", "reweigh"], splits=4, n_jobs=1
    )
    none, remedy = found.remedy("none"), found.remedy("thresholds")
    assert 0.15 < none.gap.value < 0.35
    assert remedy.gap.value < 0.5 * none.gap.value
    assert none.metrics["accuracy"].value - remedy.metrics["accuracy"].value < 0.04
    assert found.findings[0].status is Status.FAIL


def test_a_group_too_small_to_be_compared_is_named() -> None:
    data = people(500)
    data["sex"] = np.where(np.arange(500) < 12, "x", data["sex"])
    result = tried(data, remedies=["thresholds-strict"], splits=2)
    assert set(result.remedy("none").rates["selection_rate"]) == {"f", "m"}
    assert any("in no gap: x." in note for note in result.notes)
    assert not any("in no gap" in note for note in tried(people(500), remedies=["reweigh"], splits=2).notes)


def test_a_column_that_tells_the_outcome_and_too_few_splits_are_said() -> None:
    data = people()
    told = {**data, "afterwards": list(data["hired"])}
    found = tried(told, remedies=[], splits=2)
    assert any("does a column tell the outcome" in note for note in found.notes)
    assert any(note.startswith("Only 2 splits:") for note in found.notes)
    honest = tried(data, remedies=[], splits=5)
    assert not any("tell the outcome" in note or note.startswith("Only") for note in honest.notes)
