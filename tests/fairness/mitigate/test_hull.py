"""Curves, hulls and rules against slow and obvious references."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aequo.core.counts import SCORE_BINS
from aequo.fairness.mitigate.hull import Curve, Rule, binned, mixture, roc

SAMPLE = st.lists(
    st.tuples(st.integers(0, 6), st.booleans(), st.sampled_from([1.0, 2.0, 0.5])), min_size=1, max_size=14
)


def _curve(sample: list[tuple[int, bool, float]]) -> tuple[Curve, Any, Any, Any]:
    scores, y, weight = (np.array(c) for c in zip(*sample, strict=True))
    scores = scores / 6
    return roc(scores, y, weight), scores, y, weight


@given(SAMPLE)
def test_each_point_of_the_curve_is_what_its_threshold_does(sample: list[tuple[int, bool, float]]) -> None:
    curve, scores, y, weight = _curve(sample)
    for threshold, fp, tp in zip(curve.thresholds, curve.fp, curve.tp, strict=True):
        yes = scores >= threshold
        assert fp == pytest.approx(weight[yes & ~y].sum())
        assert tp == pytest.approx(weight[yes & y].sum())
    assert len(curve.thresholds) == len(set(scores.tolist())) + 1


@given(SAMPLE)
def test_no_mixture_of_two_points_beats_the_hull_and_all_its_points_are_of_the_curve(
    sample: list[tuple[int, bool, float]],
) -> None:
    curve, *_ = _curve(sample)
    hull = curve.hull()
    assert set(hull.thresholds.tolist()) <= set(curve.thresholds.tolist())

    def height(fp: float) -> float:
        """The best true positives at so many false ones, over all pairs of points of the curve."""
        best = -math.inf
        points = list(zip(curve.fp, curve.tp, strict=True))
        for x1, y1 in points:
            for x2, y2 in points:
                if x1 <= fp <= x2:
                    best = max(best, y1 if x1 == x2 else y1 + (y2 - y1) * (fp - x1) / (x2 - x1), y2 if x2 == fp else 0)
        return best

    for x, y in zip(hull.fp, hull.tp, strict=True):
        top = height(x)
        steep = x == 0 or np.isclose(y, top)  # on a vertical piece many points have the same fp
        assert steep
    slopes = [(dy, dx) for dx, dy in zip(np.diff(hull.fp), np.diff(hull.tp), strict=True)]
    for (dy1, dx1), (dy2, dx2) in itertools.pairwise(slopes):
        assert dy1 * dx2 >= dy2 * dx1 - 1e-9, "the hull turns right"
    for x, y in zip(curve.fp, curve.tp, strict=True):
        at = np.searchsorted(hull.fp, x, side="right") - 1
        top = hull.tp[at] if hull.fp[at] == x else np.interp(x, hull.fp, hull.tp)
        assert y <= top + 1e-9


@given(SAMPLE, st.lists(st.floats(0, 1), min_size=15, max_size=15))
def test_a_rule_does_what_the_mixture_does_with_at_most_three_thresholds(
    sample: list[tuple[int, bool, float]], raw: list[float]
) -> None:
    curve, scores, y, weight = _curve(sample)
    hull = curve.hull()
    shares = np.array(raw[: len(hull.fp)]) + 1e-6
    shares /= shares.sum()
    rule = mixture(hull, shares)
    assert len(rule.thresholds) <= 3
    assert sum(rule.probabilities) == pytest.approx(1)
    assert list(rule.thresholds) == sorted(rule.thresholds, reverse=True)
    chance = rule.probability(scores)
    assert (weight * chance)[y].sum() == pytest.approx(shares @ hull.tp, abs=1e-7)
    assert (weight * chance)[~y].sum() == pytest.approx(shares @ hull.fp, abs=1e-7)
    assert curve.under(rule, curve.tp) == pytest.approx(shares @ hull.tp, abs=1e-7)
    order = np.argsort(scores)
    assert (np.diff(chance[order]) >= -1e-12).all(), "nobody loses by a higher score"


@pytest.mark.parametrize("copies", [(1, 1), (1, 30), (30, 1)])
@pytest.mark.parametrize("ends", [(0.3, 0.1), (0.1, 0.3), (0.6, 0.3)])
def test_inside_the_hull_a_coin_is_mixed_with_never_or_always_whichever_varies_less(copies: Any, ends: Any) -> None:
    able, others = (
        np.repeat(s, c) for s, c in zip((np.linspace(0, 1, 31), np.linspace(0, 0.8, 31)), copies, strict=True)
    )
    scores = np.concatenate([able, others])
    y = np.repeat([True, False], [len(able), len(others)])
    hull = roc(scores, y).hull()
    shares = np.zeros(len(hull.fp))
    shares[[0, len(shares) // 2, -1]] = ends[0], 1 - sum(ends), ends[1]

    def noise(rule: Rule) -> float:
        chance = rule.probability(scores)
        return float(chance[y].var() / y.sum() + chance[~y].var() / (~y).sum())

    target = np.array([shares @ hull.fpr, shares @ hull.tpr, 1])
    found = []
    for corner in (0, len(hull.fp) - 1):
        for k in range(len(hull.fp) - 1):
            three = [corner, k, k + 1]
            corners = np.array([hull.fpr[three], hull.tpr[three], np.ones(3)])
            if len(set(three)) == 3 and abs(np.linalg.det(corners)) > 1e-12:
                weights = np.linalg.solve(corners, target)
                if (weights >= -1e-9).all():
                    found.append(Rule(tuple(hull.thresholds[three]), tuple(weights)))
    rule = mixture(hull, shares)
    assert {math.inf, -math.inf} & set(rule.thresholds)
    assert noise(rule) == pytest.approx(min(map(noise, found)))


def test_a_group_of_one_label_reaches_every_rate_with_next_to_no_chance() -> None:
    scores = np.linspace(0, 1, 5000)
    hull = roc(scores, np.zeros(5000, dtype=bool)).hull()
    assert len(hull.fp) <= 2001
    rule = mixture(hull, np.linspace(1, 0, len(hull.fp)))
    assert ((rule.probability(scores) > 0) & (rule.probability(scores) < 1)).sum() <= 5


def test_rows_without_weight_are_as_if_they_were_not_there() -> None:
    scores, y = np.array([0.1, 0.5, 0.7, 0.9]), np.array([True, False, True, True])
    with_zero = roc(scores, y, np.array([1.0, 1.0, 0.0, 1.0]))
    without = roc(scores[[0, 1, 3]], y[[0, 1, 3]])
    assert with_zero.thresholds.tolist() == without.thresholds.tolist()
    assert with_zero.n == without.n == (1, 2)
    assert roc(np.array([]), np.array([], dtype=bool)).thresholds.tolist() == [math.inf]


def test_neighbouring_floats_are_told_apart() -> None:
    low = 0.3
    high = np.nextafter(low, 1)
    curve = roc(np.array([high, low]), np.array([True, False]))
    assert (np.array([high, low]) >= curve.thresholds[1]).tolist() == [True, False]


@given(st.lists(st.tuples(st.integers(0, 2000), st.booleans()), min_size=2, max_size=80))
def test_thresholds_of_a_histogram_cut_where_the_count_cuts(sample: list[tuple[int, bool]]) -> None:
    scores = np.array([s for s, _ in sample]) / 2000
    y = np.array([v for _, v in sample])
    bins = np.minimum((scores * SCORE_BINS).astype(int), SCORE_BINS - 1)
    n = np.stack([np.bincount(bins[y == v], minlength=SCORE_BINS) for v in (False, True)]).astype(float)
    curve = binned(n, n, n)
    for threshold, fp, tp in zip(curve.thresholds, curve.fp, curve.tp, strict=True):
        assert fp == (~y & (scores >= threshold)).sum()
        assert tp == (y & (scores >= threshold)).sum()


def test_a_rule_is_read_by_people_and_machines() -> None:
    rule = Rule((math.inf, 0.5, -math.inf), (0.25, 0.5, 0.25))
    assert str(rule) == "never (25 %) or score >= 0.5 (50 %) or always (25 %)"
    assert rule.to_dict() == {"thresholds": ["never", 0.5, "always"], "probabilities": [0.25, 0.5, 0.25]}
    assert not rule.trivial
    assert Rule((-math.inf,), (1.0,)).trivial
