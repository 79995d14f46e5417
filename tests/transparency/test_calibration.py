"""Venn-Abers: the two isotonic regressions it stands for, and what it promises."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.isotonic import isotonic_regression

from aequo.errors import InputError
from aequo.transparency.calibration import VennAbers, calibrated


def slowly(scores: np.ndarray, truth: np.ndarray, score: float, label: int) -> float:
    """Fit the isotonic regression anew, with one more row."""
    s, y = np.append(scores, score), np.append(truth, label)
    distinct, place = np.unique(s, return_inverse=True)
    weight = np.bincount(place).astype(float)
    fitted = isotonic_regression(np.bincount(place, weights=y) / weight, sample_weight=weight)
    return float(fitted[np.searchsorted(distinct, score)])


rows = st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=1, max_size=40)


@given(rows=rows, asked=st.integers(-1, 26))
def test_it_is_the_isotonic_regression_with_one_more_row(rows: list[tuple[int, bool]], asked: int) -> None:
    scores, truth = np.array([r[0] for r in rows]) / 12, np.array([r[1] for r in rows], dtype=float)
    score = asked / 24  # among the scores, between them and outside
    p0, p1, p = VennAbers(scores, truth).of(score)
    assert p0 == pytest.approx(slowly(scores, truth, score, 0), abs=1e-12)
    assert p1 == pytest.approx(slowly(scores, truth, score, 1), abs=1e-12)
    assert 0 <= p0 < p1 <= 1
    assert p0 <= p <= p1 and p == pytest.approx(p1 / (1 - p0 + p1))


@given(rows=rows)
def test_a_higher_score_never_has_a_lower_probability(rows: list[tuple[int, bool]]) -> None:
    found = VennAbers([r[0] / 12 for r in rows], [r[1] for r in rows])
    asked = [found.of(s / 24) for s in range(-1, 27)]
    for k in range(3):
        assert all(a[k] <= b[k] + 1e-12 for a, b in itertools.pairwise(asked))


def test_its_probabilities_are_right_where_the_models_are_not() -> None:
    rng = np.random.default_rng(0)
    true = rng.random(12_000)
    happened = rng.random(12_000) < true
    score = true**3  # overconfident in refusals
    found = VennAbers(score[:4000], happened[:4000])
    merged = np.array([found.of(s)[2] for s in score[4000:]])
    for low in np.arange(0, 1, 0.2):
        these = (merged >= low) & (merged < low + 0.2)
        error = np.sqrt(0.25 / these.sum()) * 3 + 0.02
        assert merged[these].mean() == pytest.approx(happened[4000:][these].mean(), abs=error)
    assert abs(score[4000:].mean() - happened[4000:].mean()) > 0.2, "the raw scores are wrong"


def test_few_rows_give_a_wide_interval_and_many_a_narrow_one() -> None:
    rng = np.random.default_rng(1)
    score = rng.random(5000)
    truth = rng.random(5000) < score
    few, many = VennAbers(score[:20], truth[:20]), VennAbers(score, truth)
    width = [np.mean([v.of(s)[1] - v.of(s)[0] for s in np.linspace(0.05, 0.95, 50)]) for v in (few, many)]
    assert width[0] > 0.1 > 0.03 > width[1]
    assert few.n == 20


def test_confidence_is_in_the_decision_that_was_made() -> None:
    found = VennAbers([0.1, 0.2, 0.8, 0.9], [False, False, True, True])
    yes, no = found.confidence(0.85, favourable=True), found.confidence(0.85, favourable=False)
    assert yes.value == pytest.approx(1 - no.value) and (yes.low, yes.high) == (1 - no.high, 1 - no.low)
    assert yes.n == 4 and yes.to_dict()["method"] == "Venn-Abers"


@pytest.mark.parametrize("truth", [[True] * 5, [False] * 5])
def test_one_class_alone_is_not_certainty(truth: list[bool]) -> None:
    p0, p1, p = VennAbers([0.1, 0.3, 0.5, 0.7, 0.9], truth).of(0.5)
    assert 0 < p < 1 and p0 < p1


def test_labels_are_matched_to_the_favourable_class_however_they_are_written() -> None:
    expected = VennAbers([0.2, 0.8], [False, True]).of(0.5)
    for labels, classes in (
        ([0, 1], (0, 1)),
        ([0.0, 1.0], (0, 1)),
        (["0", "1"], (0, 1)),
        (["no", "yes"], ("no", "yes")),
        ([False, True], (False, True)),
        ([False, True], (0, 1)),
        ([0, 1], (False, True)),
    ):
        assert calibrated(np.array([0.2, 0.8]), labels, classes[1], classes).of(0.5) == expected


def test_labels_that_are_no_class_are_refused_and_not_taken_for_the_other_one() -> None:
    with pytest.raises(
        InputError, match="2 of 3 calibration labels are none of the model's classes, which are '0', '1'"
    ):
        calibrated(np.array([0.2, 0.8, 0.9]), ["no", "yes", "1"], 1, (0, 1))


@pytest.mark.parametrize(
    ("scores", "truth", "message"),
    [
        ([], [], "it got 0 scores"),
        ([0.1], [True, False], "1 scores and 2 truths"),
        ([np.nan], [True], "finite scores"),
        ([0.5], [2], "truths that are 0 or 1"),
    ],
)
def test_what_cannot_be_calibrated_is_said(scores: Any, truth: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        VennAbers(scores, truth)


def test_missing_labels_are_counted() -> None:
    with pytest.raises(InputError, match="1 of 2 calibration labels are missing"):
        calibrated(np.array([0.2, 0.8]), [None, 1], 1, (0, 1))
