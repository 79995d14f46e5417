"""Proxies: how well the other columns tell the group."""

from __future__ import annotations

import datetime as dt
import sys
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aequo.core.finding import Status
from aequo.core.intervals import normal_quantile
from aequo.core.table import Table
from aequo.fairness.data_bias import proxies
from aequo.fairness.encoding import encode
from aequo.fairness.proxies import MOST_GROUPS, area_interval, area_under_curve, proxy_check

if TYPE_CHECKING:
    import pandas as pd

pytest.importorskip("sklearn", reason="proxies need the extra 'ml'")


def people(rows: int = 400, *, seed: int = 0, signal: float = 0.0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    group = rng.random(rows) < 0.4
    return {
        "group": np.where(group, "a", "b"),
        "x": rng.normal(size=rows) + signal * group,
        "noise": rng.normal(size=rows),
    }


# -- laws -------------------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=60))
def test_the_area_is_the_share_of_pairs_in_order(rows: list[tuple[int, bool]]) -> None:
    positive = [s for s, y in rows if y]
    negative = [s for s, y in rows if not y]
    area = area_under_curve(np.array([s for s, _ in rows], dtype=float), np.array([y for _, y in rows]))
    if not positive or not negative:
        assert np.isnan(area)
        return
    pairs = [(p > n) + (p == n) / 2 for p in positive for n in negative]
    assert area == pytest.approx(sum(pairs) / len(pairs))


@given(st.floats(0, 1), st.integers(1, 500), st.integers(1, 500), st.floats(0.1, 3), st.floats(3.1, 6))
def test_the_interval_of_an_area_holds_it_and_grows(area: float, m: int, n: int, small: float, large: float) -> None:
    low, high = area_interval(area, m, n, small)
    lower, higher = area_interval(area, m, n, large)
    assert 0 <= lower <= low + 1e-12 <= area + 2e-12
    assert area - 2e-12 <= high - 1e-12 <= higher <= 1
    other = area_interval(1 - area, m, n, small)
    assert (1 - other[1], 1 - other[0]) == pytest.approx((low, high), abs=1e-9)


def test_the_interval_solves_hanley_and_mcneils_variance() -> None:
    m, n, area, z = 30, 70, 0.8, 1.96
    for end in area_interval(area, m, n, z):
        q1, q2, half = end / (2 - end), 2 * end**2 / (1 + end), (m + n) / 2
        variance = (end * (1 - end) + (half - 1) * (q1 + q2 - 2 * end**2)) / (m * n)
        assert abs(area - end) == pytest.approx(z * np.sqrt(variance), abs=1e-9)


def test_the_same_seed_gives_the_same_answer_and_leaks_no_warning() -> None:
    data = people(signal=1.0)
    data["city"] = np.array([f"c{i % 150}" for i in range(400)], dtype=object)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first, second = (proxy_check(data, ["group"], seed=3) for _ in range(2))
    assert first.value == second.value
    assert first.interval == second.interval
    assert first.columns == second.columns


def test_renaming_groups_and_columns_changes_no_number() -> None:
    data = people(signal=1.0)
    renamed = {"race": np.where(data["group"] == "a", "p", "q"), "u": data["x"], "v": data["noise"]}
    before, after = proxy_check(data, ["group"]), proxy_check(renamed, ["race"])
    assert before.value == pytest.approx(after.value, abs=1e-12)
    assert before.columns[0].value == pytest.approx(after.columns[0].value, abs=1e-12)


# -- it finds what is there -------------------------------------------------------------------------------------------


def test_columns_that_know_nothing_are_no_proxies() -> None:
    checks = [proxy_check(people(250, seed=seed), ["group"]) for seed in range(20)]
    held = [c.interval is not None and c.interval[0] <= 0.5 <= c.interval[1] for c in checks]
    assert np.mean(held) >= 0.9
    assert all(c.status is Status.PASS for c in checks)


def test_a_known_signal_has_its_known_area() -> None:
    check = proxy_check(people(4000, signal=1.0), ["group"])
    known = 0.7602  # chance that one of two normals, one apart in mean, is the larger: the normal's cdf at 1 / sqrt(2)
    assert check.value == pytest.approx(known, abs=0.03)
    assert check.interval is not None
    assert check.columns[0].column == "x"
    assert check.columns[0].value == pytest.approx(known, abs=0.02)
    assert 0.45 < check.columns[1].value < 0.55


@pytest.mark.parametrize("kind", ["text", "wide text", "boolean", "date", "missing", "whole", "bent"])
def test_a_proxy_of_any_kind_is_found(kind: str) -> None:
    rng = np.random.default_rng(1)
    group = rng.random(600) < 0.4
    column: Any = {
        "text": np.where(group, "north", "south").astype(object),
        "wide text": np.array([f"{'n' if g else 's'}{rng.integers(60)}" for g in group], dtype=object),
        "boolean": group,
        "date": [dt.date(1960 + 20 * int(g), 1, 1) + dt.timedelta(days=int(rng.integers(3000))) for g in group],
        "missing": [None if g else float(v) for g, v in zip(group, rng.normal(size=600), strict=True)],
        "whole": rng.integers(0, 5, 600) + 10 * group,
        "bent": np.where(group, rng.normal(size=600) / 4, rng.choice([-3.0, 3.0], 600) + rng.normal(size=600)),
    }[kind]
    check = proxies(Table.of({"group": np.where(group, "a", "b").tolist(), "column": list(column)}), "group")
    assert check.value is not None
    assert check.value > 0.95
    assert check.status is Status.FAIL


def test_each_group_is_told_from_the_rest_and_the_best_decides() -> None:
    rng = np.random.default_rng(2)
    group = rng.choice(["a", "b", "c"], 900)
    check = proxy_check({"group": group, "x": (group == "b") * 1.0, "y": rng.normal(size=900)}, ["group"])
    values = {g.group: g.value for g in check.groups}
    assert values["b"] == 1
    assert check.value == 1
    assert values["a"] is not None
    assert values["a"] < 0.9
    assert "tell b from the rest in 100% of pairs" in check.why


def test_label_and_other_roles_do_not_count_as_proxies() -> None:
    data = people()
    data["label"] = np.where(data["group"] == "a", 1, 0)
    check = proxies(Table.of(data), "group", exclude={"label"})
    assert check.status is Status.PASS
    assert "label" not in {c.column for c in check.columns}


def test_columns_that_name_rows_are_left_out_and_said() -> None:
    data = people()
    data["id"] = np.arange(400)
    data["name"] = np.array([f"person {i}" for i in range(400)], dtype=object)
    check = proxy_check(data, ["group"])
    assert check.left_out == ("id", "name")
    assert any("id, name" in note for note in check.notes)


def test_a_sample_is_called_a_sample() -> None:
    check = proxies(Table.of(people(500)), "group", rows=300)
    assert check.n == 300
    assert any("random sample of 300 rows" in note for note in check.notes)


# -- real data --------------------------------------------------------------------------------------------------------


def test_relationship_gives_sex_away_in_adult(adult: pd.DataFrame) -> None:
    table = Table.of(adult, missing=("", "?"))
    check = proxies(table, "sex", exclude={"income", "fnlwgt", "race"}, rows=5000)
    assert check.status is Status.FAIL
    assert check.columns[0].column == "relationship"


def test_loanapp_numbers_equal_scikit_learns_area(loanapp: pd.DataFrame) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    married = loanapp[["married", "male"]].dropna()
    area = area_under_curve(married.married.to_numpy(), married.male.to_numpy() == 1)
    assert area == pytest.approx(metrics.roc_auc_score(married.male, married.married))
    check = proxies(Table.of(loanapp[["male", "married", "appinc"]]), "male")
    assert check.columns[0].column == "married"
    assert check.columns[0].value == pytest.approx(area, abs=0.01)


# -- faults -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"group": [], "x": []}, "there are no rows"),
        ({"group": ["a"] * 50, "x": list(range(25)) * 2}, "fewer than two groups"),
        ({"group": [None] * 50, "x": list(range(25)) * 2}, "fewer than two groups"),
        ({"group": ["a"] * 50 + ["b"] * 3, "x": [1.5] * 53}, "fewer than two groups"),
        ({"group": ["a", "b"] * 40, "x": [1.0] * 80}, "there is no other column"),
        ({"group": ["a", "b"] * 40, "id": list(range(80))}, "beside id, whose values all differ"),
        ({"group": ["a", "b"] * 40}, "there is no other column"),
        ({"group": ["a", "b"] * 40, "x": [None] * 80}, "there is no other column"),
    ],
)
def test_what_cannot_be_judged_is_unknown_and_says_why(data: dict[str, Any], said: str) -> None:
    check = proxy_check(data, ["group"])
    assert check.value is None
    assert check.status is Status.UNKNOWN
    assert check.why.startswith("Not judged: ")
    assert said in check.why


def test_without_scikit_learn_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    check = proxy_check(people(), ["group"])
    assert check.status is Status.UNKNOWN
    assert "pip install 'aequo[ml]'" in check.why


def test_of_many_groups_the_largest_are_judged() -> None:
    rng = np.random.default_rng(5)
    group = np.repeat([f"g{i:02}" for i in range(14)], 30 + np.arange(14))
    check = proxy_check({"group": group, "x": rng.normal(size=len(group))}, ["group"])
    assert sum(g.value is not None for g in check.groups) == MOST_GROUPS
    assert len(check.groups) == 14
    assert any("at most the 10 largest" in note for note in check.notes)


def test_one_large_group_is_told_from_many_small_ones() -> None:
    group = np.array(["a"] * 100 + [f"s{i}" for i in range(10)] * 5, dtype=object)
    check = proxy_check({"group": group, "x": (group == "a") * 1.0}, ["group"])
    assert check.value == 1
    assert [g.group for g in check.groups if g.judged] == ["a"]


@pytest.mark.parametrize("value", [float("inf"), 10.0**300, 1e-300])
def test_extreme_numbers_do_not_break_it(value: float) -> None:
    data = people()
    data["x"] = data["x"].astype(object)
    data["x"][:5] = value
    assert proxy_check(data, ["group"]).value is not None


def test_every_outcome_has_one_plain_sentence() -> None:
    check = proxy_check(people(signal=2.0), ["group"])
    for status in (Status.PASS, Status.WARN, Status.FAIL, Status.UNKNOWN):
        assert check.sentence(status).endswith(".")
        assert check.sentence(status)[0].isupper()
    value, wide = check.at(0.999)
    assert value == check.value
    assert wide is not None
    assert check.interval is not None
    assert wide[0] < check.interval[0]
    assert check.columns[0].interval is not None
    assert normal_quantile(0.975) > 1.9


# -- columns as numbers -----------------------------------------------------------------------------------------------


def test_columns_of_all_kinds_become_numbers() -> None:
    assert encode("c", [True, False, None]).values.tolist()[:2] == [1.0, 0.0]
    assert encode("c", [dt.date(1970, 1, 2), None, dt.date(1970, 1, 1)]).values[0] == 719164
    assert encode("c", np.array(["2020-01-02", "NaT"], dtype="datetime64[D]")).values[0] == 18263
    mixed = encode("c", ["a", 1, None, 1.0])
    assert mixed.levels == 2
    assert encode("c", ["", "x"], missing=("", "x")).constant
    assert encode("c", [["a"], ["a"], ["b"]]).levels == 2
    assert encode("c", [10**400, 1]).levels == 2
    assert not encode("c", [0.5 + i for i in range(50)]).identifier
    assert encode("c", list(range(50))).identifier
    assert not encode("c", [dt.date(2020, 1, 1) + dt.timedelta(days=i) for i in range(50)]).identifier
