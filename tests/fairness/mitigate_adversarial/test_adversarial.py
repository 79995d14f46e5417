"""The estimator: what it learns, what it keeps, and what it refuses."""

from __future__ import annotations

import json
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
import torch
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator
from torch import nn

from aequo.errors import InputError, MissingExtra
from aequo.fairness.mitigate import AdversarialDebiasing, Epoch
from aequo.fairness.mitigate.adversarial_outcome import gap_between
from aequo.fairness.mitigate.protected import protected_of

QUICK: dict[str, Any] = {"epochs": 12, "predictor": "linear", "batch_size": 64, "lr": 0.02, "random_state": 0}


def biased(rows: int = 800, seed: int = 0) -> tuple[Any, Any, Any]:
    """Two features, the second of which goes with the group, and a label that follows both."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, 2, rows)
    x = np.stack([rng.normal(size=rows), rng.normal(size=rows) + 2 * group], axis=1)
    y = (x.sum(axis=1) + 0.5 * rng.normal(size=rows) > 1).astype(int)
    return x, y, np.array(["a", "b"])[group]


def gap(model: Any, x: Any, y: Any, group: Any, constraint: Any = "demographic_parity") -> float:
    chance = model.predict_proba(x)[:, 1]
    found = gap_between(
        chance, y.astype(float), protected_of(group, rows=len(y)), constraint, weight=np.ones(len(y)), min_group=5
    )
    assert found is not None
    return found


# -- what it learns ---------------------------------------------------------------------------------------------------


def test_the_gap_on_new_rows_falls_and_the_useful_feature_is_still_used() -> None:
    x, y, group = biased(2000)
    new = biased(4000, seed=1)
    fair = AdversarialDebiasing(**{**QUICK, "epochs": 30}, tolerance=0.05)
    fair.fit(x, y, sensitive_features=group)
    plain = LogisticRegression().fit(x, y)
    assert gap(plain, *new) > 0.5
    assert gap(fair, *new) < 0.12 and fair.result_.unconstrained_gap > 0.4
    assert 0.62 < fair.score(new[0], new[1]) < plain.score(new[0], new[1])


def test_where_labels_have_nothing_to_do_with_the_group_accuracy_is_that_of_a_plain_model() -> None:
    rng = np.random.default_rng(5)
    x, group = rng.normal(size=(2000, 3)), rng.integers(0, 2, 2000)
    y = (x[:, 0] + rng.normal(size=2000) > 0).astype(int)
    fair = AdversarialDebiasing(**QUICK).fit(x[:1000], y[:1000], sensitive_features=group[:1000])
    plain = LogisticRegression().fit(x[:1000], y[:1000])
    assert fair.score(x[1000:], y[1000:]) == pytest.approx(plain.score(x[1000:], y[1000:]), abs=0.02)


def test_demographic_parity_and_equalized_odds_part_ways_where_base_rates_differ() -> None:
    # A feature that tells the label and nothing else: its decisions satisfy equalized odds, and not parity.
    rng = np.random.default_rng(2)
    rows = 3000
    group = rng.integers(0, 2, rows)
    y = (rng.random(rows) < np.where(group == 1, 0.8, 0.2)).astype(int)
    x = np.stack([2 * y + rng.normal(size=rows), 1.5 * group + rng.normal(size=rows)], axis=1)
    settings: dict[str, Any] = {**QUICK, "epochs": 24, "batch_size": 128, "tolerance": 0.0}
    parity = AdversarialDebiasing("demographic_parity", **settings).fit(x, y, sensitive_features=group)
    odds = AdversarialDebiasing("equalized_odds", **settings).fit(x, y, sensitive_features=group)
    assert gap(odds, x, y, group, "equalized_odds") < 0.1 < 0.3 < gap(odds, x, y, group)
    assert gap(parity, x, y, group) < 0.15 and gap(parity, x, y, group, "equalized_odds") > 0.2


def test_the_correlation_of_the_score_with_a_sensitive_number_falls() -> None:
    rng = np.random.default_rng(4)
    age = rng.normal(40, 10, 1500)
    x = np.stack([rng.normal(size=1500), (age - 40) / 10 + 0.5 * rng.normal(size=1500)], axis=1)
    y = (x.sum(axis=1) + 0.5 * rng.normal(size=1500) > 0).astype(int)
    fair = AdversarialDebiasing(**{**QUICK, "epochs": 30}, tolerance=0.05).fit(x, y, sensitive_features=age)
    plain = LogisticRegression().fit(x, y)
    ours, theirs = (abs(np.corrcoef(m.predict_proba(x)[:, 1], age)[0, 1]) for m in (fair, plain))
    assert ours < 0.2 < 0.5 < theirs
    assert fair.result_.groups == {} and fair.result_.interval[0] <= fair.result_.gap <= fair.result_.interval[1]


def test_a_predictor_of_the_users_own_is_trained() -> None:
    made = []

    def network(features: int) -> nn.Module:
        made.append(
            nn.Sequential(nn.Linear(features, 6), nn.BatchNorm1d(6), nn.Dropout(0.1), nn.ReLU(), nn.Linear(6, 1))
        )
        return made[-1]

    x, y, group = biased()
    fair = AdversarialDebiasing(predictor=network, epochs=8, random_state=0).fit(x, y, sensitive_features=group)
    assert len(made) == 1 and isinstance(fair.predictor_[1], nn.BatchNorm1d) and fair.score(x, y) > 0.6
    assert (fair.predict_proba(x) == fair.predict_proba(x)).all()  # dropout is off


def test_weights_of_zero_are_rows_that_are_not_there() -> None:
    x, y, group = biased()
    twice, wrong, groups = np.concatenate([x, x]), np.concatenate([y, 1 - y]), np.concatenate([group, group])
    weight = np.repeat([1.0, 0.0], len(y))  # each row is there again with the other label, and counts nothing
    fair = AdversarialDebiasing(alpha=0.0, projection=False, tolerance=1.0, **QUICK)
    fair.fit(twice, wrong, sensitive_features=groups, sample_weight=weight)
    assert fair.score(x, y) > 0.85 and fair.result_.accuracy > 0.85


def test_a_label_whose_rows_all_weigh_nothing_is_not_there() -> None:
    x, y, group = biased(100)
    with pytest.raises(InputError, match="hold one class only"):
        AdversarialDebiasing(**QUICK).fit(x, y, sensitive_features=group, sample_weight=y.astype(float))


# -- the same, and again ----------------------------------------------------------------------------------------------


def test_a_seed_fixes_every_weight_and_leaves_torchs_own_generator_alone() -> None:
    x, y, group = biased(300)
    state = torch.random.get_rng_state()
    fits = [AdversarialDebiasing(**{**QUICK, "random_state": s}).fit(x, y, sensitive_features=group) for s in (7, 7, 8)]
    assert torch.equal(state, torch.random.get_rng_state())
    first, again, other = (f.decision_function(x) for f in fits)
    assert (first == again).all() and fits[0].history_ == fits[1].history_ and (first != other).any()


def test_names_of_groups_and_labels_change_nothing() -> None:
    x, y, group = biased(300)
    one = AdversarialDebiasing(**QUICK).fit(x, y, sensitive_features=group)
    renamed = np.where(group == "a", "Ångström", "ß")
    two = AdversarialDebiasing(**QUICK).fit(x, np.where(y == 1, "yes", "no"), sensitive_features=renamed)
    assert (one.decision_function(x) == two.decision_function(x)).all()
    assert set(two.predict(x)) == {"yes", "no"} and set(two.result_.groups) == {"Ångström", "ß"}


def test_scale_and_shift_of_a_feature_change_nothing_and_a_constant_column_is_harmless() -> None:
    x, y, group = biased(300)
    wide = np.concatenate([x, np.full((300, 1), 7.25)], axis=1)
    moved = wide * [1000.0, 0.25, 1.0] + [5.0, -3.0, 0.0]
    one, two = (AdversarialDebiasing(**QUICK).fit(rows, y, sensitive_features=group) for rows in (wide, moved))
    assert np.allclose(one.decision_function(wide), two.decision_function(moved), atol=1e-3)


def test_a_pickled_estimator_decides_as_before_and_needs_nothing_else() -> None:
    x, y, group = biased(300)
    fair = AdversarialDebiasing(**QUICK).fit(x, y, sensitive_features=group)
    back = pickle.loads(pickle.dumps(fair))
    assert (back.decision_function(x) == fair.decision_function(x)).all() and back.result_ == fair.result_


def test_a_clone_has_the_parameters_and_is_not_fitted() -> None:
    fair = AdversarialDebiasing("equalized_odds", tolerance=0.1, predictor=(4, 4), random_state=3)
    assert clone(fair).get_params() == fair.get_params() and not hasattr(clone(fair), "predictor_")


# -- what it tells ----------------------------------------------------------------------------------------------------


def test_the_history_has_each_epoch_and_the_result_is_that_of_the_kept_model() -> None:
    x, y, group = biased()
    seen: list[Epoch] = []
    fair = AdversarialDebiasing(**QUICK, callback=seen.append).fit(x, y, sensitive_features=group)
    assert list(fair.history_) == seen and [e.number for e in seen] == list(range(1, len(seen) + 1))
    result = fair.result_
    kept = seen[result.epoch - 1]
    assert (result.gap, result.accuracy, result.training_gap) == (kept.gap, kept.accuracy, kept.training_gap)
    assert result.n + result.trained_on == len(y) and sum(result.groups.values()) == result.n
    assert result.interval[0] <= result.gap <= result.interval[1]
    assert result.accuracy_interval[0] < result.accuracy < result.accuracy_interval[1]
    json.dumps(result.to_dict(), allow_nan=False)
    json.dumps(seen[0].to_dict(), allow_nan=False)


def test_a_tolerance_that_is_out_of_reach_is_said_to_be_so() -> None:
    x, y, group = biased(400)
    fair = AdversarialDebiasing(**{**QUICK, "epochs": 4}, tolerance=0.0).fit(x, y, sensitive_features=group)
    assert fair.result_.met is False and any("No epoch is within" in note for note in fair.result_.notes)


def test_groups_too_small_to_compare_are_unknown_and_not_met() -> None:
    x, y, _ = biased(300)
    group = ["rare"] * 12 + ["common"] * 288
    fair = AdversarialDebiasing(**QUICK).fit(x, y, sensitive_features=group)
    assert fair.result_.met is None and fair.result_.gap is None
    assert any("Not judged" in note for note in fair.result_.notes)
    assert any("rare" in note for note in fair.result_.notes)


def test_rows_without_a_group_train_the_predictor_alone() -> None:
    x, y, group = biased(600)
    some = np.array([None if i % 3 == 0 else g for i, g in enumerate(group)], dtype=object)
    fair = AdversarialDebiasing(**QUICK).fit(x, y, sensitive_features=some)
    assert set(fair.result_.groups) == {"a", "b"} and any("have no group" in note for note in fair.result_.notes)


def test_a_model_that_can_learn_nothing_says_that_it_collapsed() -> None:
    rng = np.random.default_rng(0)
    x, y, group = np.zeros((300, 2)), (rng.random(300) < 0.2).astype(int), rng.integers(0, 2, 300)
    fair = AdversarialDebiasing(**QUICK).fit(x, y, sensitive_features=group)
    assert any("no better than deciding everyone alike" in note for note in fair.result_.notes)


def test_a_loss_that_is_not_finite_is_no_silent_model() -> None:
    class Infinite(nn.Linear):
        def forward(self, x: Any) -> Any:
            return super().forward(x) * torch.inf

    x, y, group = biased(100)
    with pytest.raises(InputError, match="not finite.*smaller lr"):
        AdversarialDebiasing(predictor=lambda n: Infinite(n, 1)).fit(x, y, sensitive_features=group)


def test_an_interrupt_leaves_the_estimator_as_it_was() -> None:
    x, y, group = biased(300)
    fair = AdversarialDebiasing(**QUICK).fit(x, y, sensitive_features=group)
    before, state = fair.decision_function(x), torch.random.get_rng_state()

    def interrupt(epoch: Epoch) -> None:
        if epoch.number == 2:
            raise KeyboardInterrupt

    fair.set_params(callback=interrupt)
    with pytest.raises(KeyboardInterrupt):
        fair.fit(x[:200], y[:200], sensitive_features=group[:200])
    assert (fair.decision_function(x) == before).all() and torch.equal(state, torch.random.get_rng_state())


# -- what it takes and refuses ----------------------------------------------------------------------------------------


def test_frames_of_numbers_give_what_arrays_give() -> None:
    x, y, group = biased(300)
    frame = pd.DataFrame(x, columns=["skill", "place"])
    want = AdversarialDebiasing(**QUICK).fit(x, y, sensitive_features=group).decision_function(x)
    for given in (frame, pl.DataFrame(frame.to_dict("list"))):
        fair = AdversarialDebiasing(**QUICK).fit(given, y, sensitive_features=pd.DataFrame({"g": group}))
        assert (fair.decision_function(given) == want).all() and list(fair.feature_names_in_) == ["skill", "place"]


def test_a_sensitive_column_of_the_frame_is_not_seen_by_the_predictor() -> None:
    x, y, group = biased(300)
    frame = pd.DataFrame({"skill": x[:, 0], "place": x[:, 1], "sex": group})
    fair = AdversarialDebiasing(**QUICK, sensitive_columns="sex").fit(frame, y)
    want = AdversarialDebiasing(**QUICK).fit(x, y, sensitive_features=group).decision_function(x)
    assert (fair.decision_function(frame) == want).all()
    assert (fair.decision_function(frame.assign(sex="never seen")) == want).all()


def spoiled(kind: str) -> tuple[Any, Any, Any]:
    x, y, group = biased(100)
    if kind == "text":
        return pd.DataFrame({"x": x[:, 0], "job": ["Olga the plumber"] * 100}), y, group
    if kind in ("missing", "infinite"):
        x[3, 1] = np.nan if kind == "missing" else np.inf
    if kind == "one group":
        group = np.array(["a"] * 100)
    if kind == "one class":
        y = np.ones(100, dtype=int)
    if kind == "three classes":
        y = np.arange(100) % 3
    if kind == "rare label":
        y = (np.arange(100) == 5).astype(int)
    if kind == "few rows":
        x, y, group = x[:8], np.arange(8) % 2, group[:8]
    if kind == "no rows":
        x, y, group = x[:0], y[:0], group[:0]
    if kind == "short groups":
        group = group[:50]
    if kind == "short labels":
        y = y[:50]
    return x, y, None if kind == "no groups" else group


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("text", "not numbers.*Encode text"),
        ("missing", "NaN .missing values. in 1 of 2 columns"),
        ("infinite", "infinity in 1 of 2 columns"),
        ("one group", "same one.*two groups"),
        ("no groups", "fit needs the groups"),
        ("one class", "1 class"),
        ("three classes", "3 different values"),
        ("rare label", "hold one class only"),
        ("few rows", "8 rows"),
        ("no rows", "0 sample"),
        ("short groups", "50 values, expected one for each of 100 rows"),
        ("short labels", "100 rows and y 50"),
    ],
)
def test_bad_input_is_refused_without_showing_anybodys_data(kind: str, said: str) -> None:
    x, y, group = spoiled(kind)
    with pytest.raises(InputError, match=said) as refused:
        AdversarialDebiasing(**QUICK).fit(x, y, sensitive_features=group)
    assert "Olga" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("constraint", "parity"),
        ("sensitive_kind", "sex"),
        ("tolerance", -0.1),
        ("tolerance", float("nan")),
        ("alpha", float("inf")),
        ("alpha", "1"),
        ("lr", 0),
        ("l2", -1),
        ("validation_fraction", 1.0),
        ("epochs", 0),
        ("epochs", 2.5),
        ("patience", True),
        ("batch_size", 0),
        ("predictor", "deep"),
        ("predictor", (8, 0)),
        ("adversary_hidden", 8),
        ("adversary_steps", 0),
        ("min_group", 0),
        ("device", "no such device"),
    ],
)
def test_a_parameter_that_cannot_be_is_named_with_what_it_may_be(name: str, value: Any) -> None:
    x, y, group = biased(100)
    with pytest.raises(InputError, match=f"{name}.*expected"):
        AdversarialDebiasing(**{name: value}).fit(x, y, sensitive_features=group)


def test_without_torch_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib

    real = importlib.import_module

    def absent(name: str, package: str | None = None) -> Any:
        if name == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")
        return real(name, package)

    monkeypatch.setattr(importlib, "import_module", absent)
    x, y, group = biased(100)
    with pytest.raises(MissingExtra, match="pip install 'aequo\\[torch\\]'"):
        AdversarialDebiasing().fit(x, y, sensitive_features=group)


# -- scikit-learn -----------------------------------------------------------------------------------------------------


def test_groups_are_routed_through_a_pipeline_in_cross_validation() -> None:
    x, y, group = biased(300)
    with sklearn.config_context(enable_metadata_routing=True):
        fair = AdversarialDebiasing(**{**QUICK, "epochs": 12}).set_fit_request(sensitive_features=True)
        scores = cross_validate(
            make_pipeline(StandardScaler(), fair), x, y, cv=2, params={"sensitive_features": group}, error_score="raise"
        )
    assert (scores["test_score"] > 0.5).all()


class Grouped(AdversarialDebiasing):
    """With groups made from the first column, since scikit-learn's checks call fit(X, y). Nothing else is changed."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:  # type: ignore[override]  # noqa: N803
        rows = X.shape[0] if getattr(X, "shape", ()) else len(np.atleast_1d(np.asarray(X)))
        return super().fit(X, y, sensitive_features=np.arange(rows) % 2, sample_weight=sample_weight)


# An epoch's batches, the held-out part and the moments are of rows, not of weights, so these two do not hold; a weight
# stands for how much a row counts.
NOT_FOR_US = {
    "check_sample_weight_equivalence_on_dense_data",
    "check_dtype_object",  # wants a TypeError for a dict among the numbers; ours is an InputError, a ValueError
    "check_array_api_input",  # runs only where scipy was started in its array-API mode
}


def _name(check: Any) -> str:
    return str(getattr(check, "func", check).__name__)


CHECKS = [
    pytest.param(checked, check, id=_name(check))
    for checked, check in estimator_checks_generator(
        Grouped(predictor="linear", epochs=20, lr=0.1, patience=20, random_state=0, tolerance=1.0)
    )
    if _name(check) not in NOT_FOR_US
]


@pytest.mark.parametrize(("estimator", "check"), CHECKS)
def test_the_estimator_keeps_to_the_conventions(estimator: Any, check: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the checks make warnings on purpose, and look for them themselves
        check(estimator)


# -- real people ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("constraint", ["demographic_parity", "equalized_odds"])
def test_on_german_credit_no_seed_collapses(german: pd.DataFrame, constraint: str) -> None:
    x = pd.get_dummies(german.drop(columns=["credit", "sex", "personal_status"])).to_numpy(float)
    y = (german["credit"] == 1).to_numpy(int)
    for seed in range(2):
        fair = AdversarialDebiasing(constraint, epochs=16, batch_size=64, random_state=seed)
        decided = fair.fit(x, y, sensitive_features=german["sex"]).predict(x)
        assert 0.05 < decided.mean() < 0.95 and (decided == y).mean() > 0.7


def test_a_file_with_torch_inside_comes_back(tmp_path: Path, data_file: Callable[[str], Path]) -> None:
    from aequo.models.files import load_model, save_model

    x, y, group = biased(200)
    fair = AdversarialDebiasing(**QUICK).fit(x, y, sensitive_features=group)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = save_model(fair, tmp_path / "fair.joblib")
        back = load_model(path or tmp_path / "fair.joblib", trusted=True)
    assert (back.decision_function(x) == fair.decision_function(x)).all()
