"""The optimum against references that share none of its ideas: rising chances by a linear programme, and trying all."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from aequo.core.counts import Groups
from aequo.fairness.mitigate.hull import roc
from aequo.fairness.mitigate.optimum import Problem, best_points
from aequo.fairness.mitigate.sensitive import row_groups
from aequo.fairness.mitigate.solving import CONSTRAINTS, Question, solve

Row = tuple[str, int, bool]
SAMPLES = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 4), st.booleans()), min_size=4, max_size=16)
COSTS = st.sampled_from([None, {"fp": 1, "fn": 3}, {"fp": 4, "fn": 1}, [[0, 1], [2, -0.5]]])


def _answer(rows: list[Row], question: Question, weight: Any = None) -> Any:
    group, scores, y = (np.array(c) for c in zip(*rows, strict=True))
    groups: Groups = row_groups(group)

    def curves(members: Any) -> Any:
        there = np.isin(groups.codes, list(members))
        return roc(scores[there].astype(float), y[there], None if weight is None else np.array(weight)[there])

    return solve(groups, curves, question)


def _question(constraint: Any, tolerance: float, cost: Any, *, randomised: bool) -> Question:
    return Question(
        constraint=constraint, tolerance=tolerance, costs=cost, randomised=randomised, min_group=0, small_groups="pool"
    )


def _matrix(cost: Any) -> tuple[float, float, float, float]:
    if cost is None:
        return 0.0, 1.0, 1.0, 0.0
    if isinstance(cost, dict):
        return 0.0, float(cost["fp"]), float(cost["fn"]), 0.0
    (tn, fp), (fn, tp) = cost
    return tn, fp, fn, tp


def _rates(constraint: str, y: Any, yes: Any) -> list[Any]:
    """Rates as linear functions of the chance of each row, or of whole decisions; None where undefined."""

    def mean(of: Any) -> Any:
        return None if not of.any() else yes[of].mean(axis=0)

    everyone = np.ones(len(y), dtype=bool)
    return {
        "demographic_parity": [mean(everyone)],
        "equal_opportunity": [mean(y)],
        "false_positive_rate_parity": [mean(~y)],
        "equalized_odds": [mean(y), mean(~y)],
    }[constraint]


@settings(max_examples=60)
@given(SAMPLES, st.sampled_from(CONSTRAINTS), st.sampled_from([0.0, 0.1, 0.4]), COSTS)
def test_with_a_coin_no_chances_that_rise_with_the_score_are_cheaper(
    rows: list[Row], constraint: str, tolerance: float, cost: Any
) -> None:
    """One chance per group and score, rising with the score, selecting the able no less than the others."""
    group, _, y = (np.array(c) for c in zip(*rows, strict=True))
    assume(0 < y.sum() < len(y))
    found = _answer(rows, _question(constraint, tolerance, cost, randomised=True))
    cells = sorted({(g, s) for g, s, _ in rows})
    at = {cell: i for i, cell in enumerate(cells)}
    k, windows = len(cells), 2 if constraint == "equalized_odds" else 1
    chance = np.zeros((len(rows), k + windows))
    for i, (g, s, _) in enumerate(rows):
        chance[i, at[(g, s)]] = 1
    tn, fp, fn, tp = _matrix(cost)
    objective = np.where(y[:, None], chance * (tp - fn), chance * (fp - tn)).sum(axis=0) / len(rows)
    fixed = np.where(y, fn, tn).sum() / len(rows)
    upper, bound = [], []
    for (g, s), (h, t) in itertools.pairwise(cells):
        if g == h:
            assert s < t
            row = np.zeros(k + windows)
            row[at[(g, s)]], row[at[(h, t)]] = 1, -1
            upper.append(row)
            bound.append(0.0)
    for g in sorted(set(group)):
        here = group == g
        for j, rate in enumerate(_rates(constraint, y[here], chance[here])):
            if rate is not None:
                row = rate.copy()
                row[k + j] = -1
                upper += [row, -row]
                bound += [tolerance, 0.0]
        tpr, fpr = _rates("equalized_odds", y[here], chance[here])
        if tpr is not None and fpr is not None:
            upper.append(fpr - tpr)
            bound.append(0.0)
    slow = linprog(objective, A_ub=np.array(upper), b_ub=bound, bounds=[(0, 1)] * k + [(None, None)] * windows)
    assert found.cost == pytest.approx(slow.fun + fixed, abs=1e-7)
    assert found.met is not False


@settings(max_examples=60)
@given(SAMPLES, st.sampled_from(CONSTRAINTS), st.sampled_from([0.0, 0.1, 0.4]), COSTS)
def test_without_a_coin_no_thresholds_are_cheaper(
    rows: list[Row], constraint: str, tolerance: float, cost: Any
) -> None:
    group, scores, y = (np.array(c) for c in zip(*rows, strict=True))
    assume(0 < y.sum() < len(y))
    found = _answer(rows, _question(constraint, tolerance, cost, randomised=False))
    tn, fp, fn, tp = _matrix(cost)
    best = np.inf
    names = sorted(set(group))
    for thresholds in itertools.product(range(6), repeat=len(names)):
        yes = scores >= np.array([thresholds[names.index(g)] for g in group])
        per_group = [_rates(constraint, y[group == g], yes[group == g].astype(float)) for g in names]
        for values in zip(*per_group, strict=True):
            there = [v for v in values if v is not None]
            if there and max(there) - min(there) > tolerance + 1e-9:
                break
        else:
            total = np.where(y, np.where(yes, tp, fn), np.where(yes, fp, tn)).mean()
            best = min(best, total)
    assert found.cost == pytest.approx(best, abs=1e-9)
    assert all(len(g.rule.thresholds) == 1 for g in found.groups)


# -- laws --------------------------------------------------------------------------------------------------------------


@settings(max_examples=30)
@given(SAMPLES, st.sampled_from(CONSTRAINTS), st.booleans())
def test_a_wider_tolerance_never_costs_more_and_none_costs_what_no_constraint_does(
    rows: list[Row], constraint: str, randomised: bool
) -> None:
    assume(0 < sum(y for *_, y in rows) < len(rows))
    costs = [
        _answer(rows, _question(constraint, t, None, randomised=randomised)).cost for t in (0.0, 0.05, 0.2, 0.5, 1.0)
    ]
    assert all(b <= a + 1e-7 for a, b in itertools.pairwise(costs))
    last = _answer(rows, _question(constraint, 1.0, None, randomised=randomised))
    assert last.price == pytest.approx(0, abs=1e-7)


@settings(max_examples=30)
@given(SAMPLES, st.sampled_from(CONSTRAINTS), st.booleans())
def test_rows_twice_are_weights_of_two_and_names_do_not_matter(
    rows: list[Row], constraint: str, randomised: bool
) -> None:
    assume(0 < sum(y for *_, y in rows) < len(rows))
    question = _question(constraint, 0.1, None, randomised=randomised)
    once = _answer(rows, question)
    again = [
        _answer(rows + rows, question),
        _answer(rows, question, weight=[2.0] * len(rows)),
        _answer([({"a": "z", "b": "m", "c": "é"}[g], s, y) for g, s, y in rows], question),
    ]
    for other in again:
        assert other.cost == pytest.approx(once.cost, abs=1e-7)
        assert (other.gap is None) == (once.gap is None)
        assert other.met is once.met


def test_a_group_without_such_labels_takes_no_part_in_that_rate() -> None:
    none, some = np.array([3.0, 2.0, 1.0]), np.array([0.0, 1.0, 5.0])
    rising = np.array([0.0, 0.5, 1.0])
    assert best_points([Problem(none, (None, rising)), Problem(some, (rising, rising))], 0.0) == [0, 0]
    assert best_points([Problem(none, (None, None)), Problem(some, (rising, rising))], 0.0) == [2, 0]
