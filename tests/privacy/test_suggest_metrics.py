"""Scores are those of scikit-learn, and the interval of a loss holds it as often as it says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from aequo.core.splits import corrected_interval
from aequo.privacy.minimisation.metrics import METRICS, Output, metric_of

Arrays = tuple[np.ndarray, Output]


def draw(rows: int, rng: np.random.Generator, *, classes: int = 2) -> tuple[np.ndarray, Output, Output]:
    """Rows, what a good model says of them, and what a somewhat worse one says that often agrees with it."""
    truth = rng.integers(0, classes, rows).astype(float)
    signal = np.eye(classes)[truth.astype(int)] * 1.4 + rng.normal(size=(rows, classes))
    worse = signal + rng.normal(size=(rows, classes)) * 0.8
    number = rng.normal(size=rows)

    def output(raised: np.ndarray, noise: float) -> Output:
        chance = np.exp(raised) / np.exp(raised).sum(axis=1, keepdims=True)
        values = truth + number * 0.5 + rng.normal(size=rows) * noise
        return Output(labels=chance.argmax(axis=1), scores=chance, values=values)

    return truth, output(signal, 0.3), output(worse, 0.5)


@given(st.integers(0, 2**32 - 1), st.integers(40, 200), st.integers(2, 4))
def test_scores_are_those_of_scikit_learn(seed: int, rows: int, classes: int) -> None:
    y, out, _ = draw(rows, np.random.default_rng(seed), classes=classes)
    codes = y.astype(int)
    every = len(set(codes.tolist())) == classes
    expected: dict[str, Any] = {
        "accuracy": sk.accuracy_score(codes, out.labels),
        "balanced_accuracy": sk.balanced_accuracy_score(codes, out.labels),
        "log_loss": sk.log_loss(codes, out.scores, labels=range(classes)),
        "r2": sk.r2_score(y, out.values),
        "mae": sk.mean_absolute_error(y, out.values),
    }
    if every:
        scores = out.scores[:, 1] if classes == 2 else out.scores
        expected["auc"] = sk.roc_auc_score(codes, scores, multi_class="ovr")
    for name, value in expected.items():
        assert METRICS[name].score(y, out) == pytest.approx(value), name


@pytest.mark.parametrize("name", METRICS)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_loss_is_the_difference_of_scores_and_turns_with_the_models(name: str, seed: int) -> None:
    metric = METRICS[name]
    y, good, bad = draw(120, np.random.default_rng(seed))
    there, back = metric.paired(y, good, bad, 0.9), metric.paired(y, bad, good, 0.9)
    scores = np.array([metric.score(y, good)]), np.array([metric.score(y, bad)])
    assert there.loss == pytest.approx(float(metric.loss(*scores)[0]))
    assert back.loss == pytest.approx(-there.loss)
    assert back.interval == pytest.approx((-there.interval[1], -there.interval[0]))
    wide = metric.paired(y, good, bad, 0.99).interval
    assert wide[0] < there.interval[0] < there.interval[1] < wide[1]


def test_models_that_agree_on_few_rows_are_not_known_to_be_equally_accurate() -> None:
    y, out, _ = draw(20, np.random.default_rng(0))
    low, high = METRICS["accuracy"].paired(y, out, out, 0.95).interval
    assert low < -0.1 and high > 0.1


def test_areas_are_counted_over_pairs_and_their_variance_is_delongs() -> None:
    y, good, bad = draw(60, np.random.default_rng(3))
    positive, negative = np.flatnonzero(y == 1), np.flatnonzero(y == 0)
    placed = []
    for out in (good, bad):
        s = out.scores[:, 1]
        wins = (s[positive][:, None] > s[negative]) + 0.5 * (s[positive][:, None] == s[negative])
        placed.append(wins)
    apart = placed[0] - placed[1]
    # E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson (1988), Biometrics 44.
    variance = apart.mean(axis=1).var(ddof=1) / len(positive) + apart.mean(axis=0).var(ddof=1) / len(negative)
    found = METRICS["auc"].paired(y, good, bad, 0.95)
    assert found.loss == pytest.approx(apart.mean())
    assert found.interval[1] - found.loss == pytest.approx(2.001 * variance**0.5, rel=0.02)


@pytest.mark.parametrize("name", METRICS)
def test_the_interval_of_a_loss_holds_it_as_often_as_it_says(name: str) -> None:
    metric, rng = METRICS[name], np.random.default_rng(7)
    y, good, bad = draw(400_000, rng)
    true = metric.paired(y, good, bad, 0.95).loss
    held = 0
    for _ in range(600):
        ends = metric.paired(*draw(150, rng), 0.95).interval
        held += ends[0] <= true <= ends[1]
    # Two standard errors of 600 trials are 0.018.
    assert held / 600 >= 0.93


def test_the_corrected_interval_is_nadeau_and_bengios() -> None:
    from scipy import stats

    rng = np.random.default_rng(0)
    lost = rng.normal(0.01, 0.02, 10)
    low, high = corrected_interval(lost, 1 / 4, 0.95)
    reach = stats.t.ppf(0.975, 9) * np.sqrt((1 / 10 + 1 / 4) * lost.var(ddof=1))
    assert (low, high) == pytest.approx((lost.mean() - reach, lost.mean() + reach))


def test_the_usual_metric_follows_the_target() -> None:
    assert metric_of(None, regression=False).name == "accuracy"
    assert metric_of(None, regression=True).name == "r2"
    assert not metric_of("mae", regression=True).higher
