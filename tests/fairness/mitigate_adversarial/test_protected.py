"""How sensitive columns are read, how far apart groups are, and which epoch is kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aequo.errors import InputError
from aequo.fairness import demographic_parity, equalized_odds
from aequo.fairness.mitigate.adversarial_outcome import Epoch, choose, gap_between
from aequo.fairness.mitigate.protected import Protected, protected_of

ROWS = st.lists(
    st.tuples(st.integers(0, 1), st.floats(0, 1), st.integers(0, 2), st.floats(0.1, 4)), min_size=2, max_size=60
)


@given(ROWS, st.sampled_from(["demographic_parity", "equalized_odds"]), st.booleans())
def test_the_gap_between_groups_is_that_of_the_metrics(rows: list[Any], constraint: Any, weighted: bool) -> None:
    truth, chance, codes, weight = (np.array(column) for column in zip(*rows, strict=True))
    weight = weight if weighted else np.ones(len(rows))
    protected = Protected(("a", "b", "c"), codes, (), np.zeros((len(rows), 0)))
    got = gap_between(chance, truth, protected, constraint, weight=weight, min_group=2)
    options: Any = {"min_size": 2, "favourable": 1, "weight": weight}
    group, decided = np.array(["a", "b", "c"])[codes], (chance >= 0.5).astype(int)
    if constraint == "demographic_parity":
        metric = demographic_parity(decided, group, **options)
    elif len(np.unique(truth)) < 2:
        assert got is None  # one half is undefined, and so is the whole
        return
    else:
        metric = equalized_odds(truth, decided, group, **options)
        sizes = [[((truth == t) & (codes == g)).sum() for g in range(3)] for t in (0, 1)]
        if any(sum(n >= 2 for n in each) < 2 for each in sizes):
            assert got is None
            return
    assert got is None if metric.value is None else got == pytest.approx(metric.value)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(-3, 3)), min_size=5, max_size=30))
def test_the_gap_of_a_number_is_its_correlation_with_the_score(rows: list[tuple[float, float]]) -> None:
    chance, number = (np.array(column) for column in zip(*rows, strict=True))
    protected = Protected((), np.full(len(rows), -1), ("age",), number[:, None])
    got = gap_between(
        chance, np.zeros(len(rows)), protected, "demographic_parity", weight=np.ones(len(rows)), min_group=1
    )
    if chance.std() * number.std() > 1e-6:
        assert got == pytest.approx(abs(np.corrcoef(chance, number)[0, 1]), abs=1e-6)


def test_frames_series_lists_and_mappings_of_the_same_groups_are_the_same() -> None:
    race, sex = ["b", "w", None, "w"], ["f", "f", "m", "m"]
    forms = [
        {"race": race, "sex": sex},
        pd.DataFrame({"race": race, "sex": sex}),
        pl.DataFrame({"race": race, "sex": sex}),
        np.array([race, sex], dtype=object).T,
    ]
    for form in forms:
        read = protected_of(form, rows=4)
        assert read.codes.tolist() == [0, 1, -1, 2] and read.names == ("b · f", "w · f", "w · m")


def test_a_column_of_many_numbers_is_a_number_and_whole_numbers_of_few_values_are_groups() -> None:
    ages, years = np.arange(40.0), np.arange(40) % 3
    both = protected_of({"age": ages, "year": years}, rows=40)
    assert both.columns == ("age",) and both.names == ("0", "1", "2") and both.outputs == 4
    assert protected_of({"age": ages}, rows=40, kind="groups").outputs == 40
    assert protected_of({"year": years}, rows=40, kind="number").names == ()
    assert both.values[:, 0].mean() == pytest.approx(0) and both.values[:, 0].std() == pytest.approx(1)


@pytest.mark.parametrize(
    ("given", "kind", "said"),
    [
        (["a", "a", "a"], "auto", "same one.*at least two groups"),
        ([None, None, None], "auto", "no row has a group"),
        (["a", "b"], "auto", "2 values, expected one for each of 3"),
        ([5.0, 5.0, 5.0], "number", "'group' has the same number"),
        ([1.0, np.inf, 2.0], "number", "infinite"),
        ([1.0, "x", 2.0], "number", "not numbers"),
        ({}, "auto", "has no column"),
    ],
)
def test_what_cannot_be_protected_is_refused_in_one_sentence(given: Any, kind: Any, said: str) -> None:
    with pytest.raises(InputError, match=said) as refused:
        protected_of(given, rows=3, kind=kind)
    assert "\n" not in str(refused.value)


# -- which epoch is kept ----------------------------------------------------------------------------------------------

EPOCHS = st.lists(
    st.tuples(st.floats(0.1, 1), st.floats(0, 0.5) | st.none(), st.floats(0, 0.5), st.booleans()),
    min_size=1,
    max_size=12,
)


def run(rows: list[Any], heard_from: int) -> list[Epoch]:
    return [
        Epoch(
            number=i,
            heard=i > heard_from,
            alpha=1.0,
            predictor_loss=0.5,
            adversary_loss=0.6,
            loss=loss,
            accuracy=0.7,
            gap=gap,
            training_gap=training,
            collapsed=collapsed,
        )
        for i, (loss, gap, training, collapsed) in enumerate(rows, start=1)
    ]


@given(EPOCHS, st.integers(0, 12), st.floats(0, 0.5))
def test_the_least_loss_within_the_tolerance_is_kept_else_the_smallest_gap_and_never_what_collapsed_if_another_is_there(
    rows: list[Any], heard_from: int, tolerance: float
) -> None:
    history = run(rows, heard_from)
    kept = choose(history, tolerance)
    plain = max([e.number for e in history if not e.heard], default=1)
    others = [e for e in history if e.number >= plain and not e.collapsed]
    assert kept.number >= plain
    if not others:
        assert kept.collapsed
        return
    assert not kept.collapsed
    within = [e for e in others if e.worst_gap is not None and e.worst_gap <= tolerance]
    judged = [e for e in others if e.worst_gap is not None]
    if within:
        assert kept in within and kept.loss == min(e.loss for e in within)
    elif judged:
        assert kept.worst_gap == min(e.worst_gap for e in judged if e.worst_gap is not None)
    else:
        assert kept.number == max(e.number for e in others)


def test_a_gap_has_to_hold_on_both_parts() -> None:
    history = run([(0.3, 0.01, 0.2, False), (0.4, 0.03, 0.04, False)], heard_from=0)
    assert choose(history, 0.05).number == 2 and history[0].worst_gap == 0.2
