"""Rows that are equal in all but the group, or in all but the label."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aequo.core.finding import Status
from aequo.core.table import Table
from aequo.fairness.data_bias import duplicates, label_noise

if TYPE_CHECKING:
    import pandas as pd

rows = st.lists(
    st.tuples(st.sampled_from(["a", "b", None]), st.integers(0, 4), st.sampled_from(["p", "q", None])),
    min_size=1,
    max_size=40,
)


def table_of(found: list[tuple[Any, ...]]) -> dict[str, list[Any]]:
    return {name: [row[i] for row in found] for i, name in enumerate(("g", "x", "y"))}


# -- laws -------------------------------------------------------------------------------------------------------------


@given(rows)
def test_the_share_agrees_with_a_slow_count(found: list[tuple[Any, ...]]) -> None:
    known = [row for row in found if row[0] is not None]
    alike = [[other for other in known if other[1:] == row[1:]] for row in known]
    straddling = sum(len({g for g, *_ in same}) > 1 for same in alike)
    repeated = sum(len(same) > 1 for same in alike)
    check = duplicates(Table.of(table_of(found)), "g")
    if not known or repeated > len(known) / 2:
        assert check.value is None
        assert check.why.startswith("Not judged: ")
    else:
        assert check.value == pytest.approx(straddling / len(known))
        assert check.n == len(known)
        low, high = check.interval or (2, -1)
        assert low - 1e-12 <= check.value <= high + 1e-12


@given(rows, st.randoms(use_true_random=False))
def test_order_of_rows_and_names_of_groups_change_nothing(found: list[tuple[Any, ...]], shuffle: Any) -> None:
    renamed = [({"a": "z", "b": "k"}.get(g), x, y) for g, x, y in found]
    shuffle.shuffle(renamed)
    before, after = (duplicates(Table.of(table_of(r)), "g") for r in (found, renamed))
    assert (before.value, before.interval, before.n) == (after.value, after.interval, after.n)


@given(rows)
def test_every_engine_says_the_same(found: list[tuple[Any, ...]]) -> None:
    pl = pytest.importorskip("polars")
    schema = {"g": pl.String, "x": pl.Int64, "y": pl.String}
    one, other = (
        duplicates(Table.of(table_of(found)), "g"),
        duplicates(Table.of(pl.DataFrame(table_of(found), schema)), "g"),
    )
    assert (one.value, one.interval, one.why) == (other.value, other.interval, other.why)


# -- examples ---------------------------------------------------------------------------------------------------------


def unlike(n: int, **more: Any) -> dict[str, Any]:
    """Rows of which no two are equal."""
    rng = np.random.default_rng(0)
    return {"sex": (["f", "m"] * n)[:n], "income": rng.normal(size=n).tolist(), **more}


def test_columns_that_name_rows_do_not_hide_equal_people() -> None:
    data = unlike(200, id=list(range(200)))
    data["income"][1] = data["income"][0]
    check = duplicates(Table.of(data), "sex")
    assert check.value == pytest.approx(0.01)
    assert check.left_out == ("id",)
    assert any("id" in note for note in check.notes)


def test_a_pair_of_one_group_does_not_straddle() -> None:
    data = unlike(200)
    data["income"][2] = data["income"][0]
    check = duplicates(Table.of(data), "sex")
    assert check.value == 0
    assert check.why.startswith("None of the 200 rows equals a row of another sex")


def test_excluded_columns_are_not_compared() -> None:
    data = unlike(200, weight=np.random.default_rng(1).random(200).tolist())
    data["income"][1] = data["income"][0]
    assert duplicates(Table.of(data), "sex").value == 0
    assert duplicates(Table.of(data), "sex", exclude={"weight"}).value == pytest.approx(0.01)


def test_equal_rows_with_other_labels_hint_at_noise() -> None:
    data = unlike(200, hired=[0, 1, 1, 0] * 50)
    data["income"][3] = data["income"][1]
    check = label_noise(Table.of(data), "hired")
    assert check.value == pytest.approx(0.01)
    assert check.check == "label-noise"
    assert "equal a row with another hired in all 2 other columns" in check.why


def test_a_hash_sample_is_called_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    pl = pytest.importorskip("polars")
    monkeypatch.setattr("aequo.core.table._DUPLICATE_ROWS", 1000)
    n = 4000
    income = np.arange(n) * 0.5
    income[1::8] = income[::8]  # a quarter of the rows come in pairs of f and m
    check = duplicates(Table.of(pl.DataFrame({"sex": ["f", "m"] * (n // 2), "income": income})), "sex")
    assert any("one in 4, by hash" in note for note in check.notes)
    assert check.n < n
    low, high = check.interval or (2, -1)
    assert low <= 0.25 <= high


def test_the_interval_covers_the_share_of_a_process_that_makes_pairs() -> None:
    rng = np.random.default_rng(3)
    held = []
    for _ in range(200):
        pairs = rng.random(300) < 0.05
        income = np.arange(600.0) + 0.5
        income[1::2][pairs] = income[::2][pairs]
        check = duplicates(Table.of({"sex": ["f", "m"] * 300, "income": income}), "sex")
        low, high = check.interval or (2, -1)
        held.append(low <= 0.05 <= high)
    assert np.mean(held) >= 0.92


# -- real data --------------------------------------------------------------------------------------------------------


def test_adult_numbers_equal_those_of_pandas(adult: pd.DataFrame) -> None:
    same = [c for c in adult.columns if c not in ("race", "sex", "income", "fnlwgt")]
    expected = (adult.groupby(same).sex.transform("nunique") > 1).mean()
    check = duplicates(Table.of(adult), "sex", exclude={"race", "income", "fnlwgt"})
    assert check.value == pytest.approx(expected)
    assert check.status is Status.FAIL


def test_compas_and_loanapp_have_no_such_rows(compas: pd.DataFrame, loanapp: pd.DataFrame) -> None:
    assert duplicates(Table.of(compas), "race", exclude={"sex"}).status is Status.PASS
    assert duplicates(Table.of(loanapp), "male").status is Status.PASS


# -- faults -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"g": ["a", "b"] * 40, "x": [0, 1] * 40}, "too few or too coarse to tell people apart; 100% of the rows"),
        ({"g": ["a", "b"] * 40}, "no other column to compare rows by"),
        ({"g": ["a", "b"] * 40, "id": list(range(80))}, "beside id, which differ in every row"),
        ({"g": [None] * 40, "x": [1.5] * 40}, "no row has a value of g"),
        ({"g": [], "x": []}, "no row has a value of g"),
    ],
)
def test_what_cannot_be_judged_is_unknown_and_says_why(data: dict[str, Any], said: str) -> None:
    check = duplicates(Table.of(data), "g")
    assert check.value is None
    assert check.status is Status.UNKNOWN
    assert check.why.startswith("Not judged: ")
    assert said in check.why


def test_every_outcome_has_one_plain_sentence() -> None:
    data = unlike(200)
    for _ in range(2):
        check = duplicates(Table.of(data), "sex")
        for status in (Status.PASS, Status.WARN, Status.FAIL, Status.UNKNOWN):
            assert check.sentence(status).endswith(".")
        data["income"][1] = data["income"][0]
