"""What decisions bring: against sums over rows, between groups, against a baseline, and with what cannot be used."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import aequo
from aequo.core.counts import Counts
from aequo.core.policy import StakeholderPolicy
from aequo.core.table import Table
from aequo.errors import InputError, UnknownColumn
from aequo.ethics import Impact, evaluate_utilitarian_impact

from .decisions import counts, rows

UTILITY = {"tp": 1.0, "fn": -1.0, "fp": -0.5, "tn": 0.0}
GROUPS = {"a": {"tp": 60, "fn": 10, "fp": 10, "tn": 20}, "b": {"tp": 10, "fn": 15, "fp": 5, "tn": 20}}
CELL = st.fixed_dictionaries({name: st.integers(1, 30) for name in UTILITY})
SOCIETY = st.dictionaries(st.text("abcdé", min_size=1, max_size=3), CELL, min_size=1, max_size=4)
TABLE = st.fixed_dictionaries({name: st.floats(-5, 5).map(lambda x: round(x, 3)) for name in UTILITY})


def weigh(found: Counts, **how: Any) -> Impact:
    return evaluate_utilitarian_impact(found, **{"min_size": 1, "replicates": 100, **how})


def by_hand(groups: dict[str, dict[str, int]], table: dict[str, float]) -> dict[str, float]:
    """Expected utilities by a loop over people."""
    out = {}
    for group, cells in groups.items():
        people = [table[cell] for cell, n in cells.items() for _ in range(n)]
        out[group] = sum(people) / len(people)
    return out


def welfare(impact: Impact) -> dict[str, float]:
    return {w.form: w.value for w in impact.welfare if w.value is not None}


@settings(max_examples=40)
@given(SOCIETY, TABLE)
def test_expected_utilities_and_their_sum_are_those_of_a_loop_over_people(
    groups: dict[str, dict[str, int]], table: dict[str, float]
) -> None:
    impact = weigh(counts(groups), utilities=table)
    expected = by_hand(groups, table)
    for g in impact["people"].groups:
        assert g.utility == pytest.approx(expected[g.group], abs=1e-9)
        assert g.benefit - g.harm == pytest.approx(g.utility, abs=1e-9)
        assert sum(g.outcomes.values()) == pytest.approx(1.0)
        low, high = g.interval
        assert low - 1e-9 <= g.utility <= high + 1e-9
    size = {g: sum(cells.values()) for g, cells in groups.items()}
    total = sum(expected[g] * size[g] for g in groups)
    found = welfare(impact)
    assert found["sum"] == pytest.approx(total, abs=1e-6)
    assert found["mean"] == pytest.approx(total / sum(size.values()), abs=1e-9)
    assert found["maximin"] == pytest.approx(min(expected.values()), abs=1e-9)
    leximin = next(w for w in impact.welfare if w.form == "leximin")
    assert leximin.value is None and leximin.order == pytest.approx(sorted(expected.values()), abs=1e-9)
    for w in impact.welfare:
        if w.interval is not None:
            assert w.interval[0] - 1e-6 <= w.value <= w.interval[1] + 1e-6


@settings(max_examples=20)
@given(SOCIETY, TABLE, TABLE, st.floats(0, 3), st.floats(0.1, 3))
def test_the_welfare_of_all_is_the_weighted_sum_of_each_stakeholders(
    groups: dict[str, dict[str, int]], one: dict[str, float], two: dict[str, float], first: float, second: float
) -> None:
    impact = weigh(counts(groups), utilities={"one": one, "two": two}, weights={"one": first, "two": second})
    shares = [s.weight for s in impact.stakeholders]
    assert sum(shares) == pytest.approx(1.0) and shares[0] == pytest.approx(first / (first + second))
    parts = [{w.form: w.value for w in s.welfare} for s in impact.stakeholders]
    for form, value in welfare(impact).items():
        expected = sum(share * part[form] for share, part in zip(shares, parts, strict=True))
        assert value == pytest.approx(expected, abs=1e-7), form


def test_one_party_has_the_mean_in_every_form_and_no_gap() -> None:
    lender = {"name": "lender", "utilities": UTILITY, "one_party": True}
    impact = weigh(counts(GROUPS), stakeholders=[lender])
    found = welfare(impact)
    mean = 62.5 / 150 - 0.0
    mean = (60 - 10 - 5 + 10 - 15 - 2.5) / 150
    for form in ("mean", "maximin", "gini", "prioritarian", "atkinson", "nash"):
        assert found[form] == pytest.approx(mean), form
    assert impact["lender"].gap is None
    people = weigh(counts(GROUPS), utilities=UTILITY)["people"]
    assert (people.gap.best, people.gap.worst) == ("a", "b")
    assert people.gap.value == pytest.approx(0.45 - -0.15)


def test_an_outcome_can_be_worth_something_else_to_one_group() -> None:
    policy = StakeholderPolicy(name="people", utilities=UTILITY, by_group={"b": {"fn": -3}})
    impact = weigh(counts(GROUPS), stakeholders=[policy])
    plain = weigh(counts(GROUPS), utilities=UTILITY)
    a, b = impact["people"].groups
    assert a.utility == plain["people"].groups[0].utility
    assert b.utility == pytest.approx(plain["people"].groups[1].utility - 2 * 15 / 50)


def test_decisions_alone_can_be_weighed_and_beside_labels_too() -> None:
    alone = {"selected": 1.0, "rejected": 0.0}
    impact = weigh(counts(GROUPS), utilities={"applicant": alone, "lender": UTILITY})
    assert [g.utility for g in impact["applicant"].groups] == pytest.approx([0.7, 0.3])
    only = Table.of({"g": ["a"] * 4, "p": [1, 1, 1, 0]}).counts(group="g", prediction="p")
    assert weigh(only, utilities=alone)["people"].groups[0].utility == 0.75
    label = Table.of({"g": ["a"] * 4, "y": [1, 1, 1, 0]}).counts(group="g", label="y")
    assert weigh(label, utilities=alone)["people"].groups[0].utility == 0.75


def test_more_than_two_classes_are_weighed_by_pair_or_by_decision() -> None:
    data = {"g": ["a"] * 6, "y": ["lo", "lo", "mid", "mid", "hi", "hi"], "p": ["lo", "mid", "mid", "hi", "hi", "lo"]}
    found = Table.of(data).counts(group="g", label="y", prediction="p")
    pairs = {
        "lo -> lo": 1, "lo -> mid": 2, "mid -> mid": 3, "mid -> hi": 4, "hi -> hi": 5, "hi -> lo": 6, "lo -> hi": 99,
    }  # fmt: skip
    impact = weigh(found, utilities=pairs)
    assert impact["people"].groups[0].utility == pytest.approx(21 / 6)
    assert impact["people"].groups[0].outcomes["lo -> hi"] == 0.0
    assert weigh(found, utilities={"lo": 0, "mid": 1, "hi": 2})["people"].groups[0].utility == pytest.approx(1.0)
    del pairs["hi -> lo"]
    with pytest.raises(InputError, match="the outcome 'hi -> lo' has no utility for 'people': write one, 0 where"):
        weigh(found, utilities=pairs)
    with pytest.raises(InputError, match=r"name 'low', which is no label or decision here: .* Did you mean 'lo'\?"):
        weigh(found, utilities={"low": 0, "mid": 1, "hi": 2})


def test_weights_of_rows_count_as_that_many_rows() -> None:
    table = {"g": ["a", "a", "b", "b"], "y": [1, 0, 1, 0], "p": [1, 0, 0, 1], "w": [3.0, 1.0, 2.0, 2.0]}
    weighted = Table.of(table).counts(group="g", label="y", prediction="p", weight="w")
    repeated = counts({"a": {"tp": 3, "tn": 1}, "b": {"fn": 2, "fp": 2}})
    one, two = weigh(weighted, utilities=UTILITY), weigh(repeated, utilities=UTILITY)
    assert [g.utility for g in one["people"].groups] == [g.utility for g in two["people"].groups]
    assert welfare(one)["sum"] == pytest.approx(welfare(two)["sum"])
    assert [g.n for g in one["people"].groups] == [2, 2]


def test_small_groups_take_no_part_and_are_named() -> None:
    groups = {**GROUPS, "tiny": {"fn": 3}}
    impact = weigh(counts(groups), utilities=UTILITY, min_size=20)
    assert impact.left_out == ("tiny",)
    tiny = impact["people"].groups[-1]
    assert (tiny.group, tiny.n, tiny.utility, tiny.judged, tiny.why) == ("tiny", 3, None, False, "fewer than 20 rows")
    assert welfare(impact) == welfare(weigh(counts(GROUPS), utilities=UTILITY, min_size=20))
    assert any("tiny" in note for note in impact.notes)
    none = weigh(counts(GROUPS), utilities=UTILITY, min_size=1000)
    assert none.welfare == () and none.n == 0 and set(none.left_out) == {"a", "b"} and none["people"].gap is None
    assert none.notes == ("No group of g has 1000 rows with a known outcome: nothing can be weighed.",)


def test_rows_whose_group_or_outcome_is_missing_are_counted_and_left_out() -> None:
    data = rows(GROUPS)
    for column, value in (("g", None), ("y", None), ("p", None)):
        for name in data:
            data[name].append(value if name == column else data[name][0])
    found = Table.of(data).counts(group="g", label="y", prediction="p")
    impact = weigh(found, utilities=UTILITY)
    assert impact.unknown == 3 and impact.n == 150
    assert welfare(impact) == welfare(weigh(counts(GROUPS), utilities=UTILITY))


@settings(max_examples=20)
@given(SOCIETY, TABLE)
def test_names_of_groups_change_nothing(groups: dict[str, dict[str, int]], table: dict[str, float]) -> None:
    renamed = {f"z{i}": cells for i, cells in enumerate(groups.values())}
    one, two = weigh(counts(groups), utilities=table), weigh(counts(renamed), utilities=table)
    assert welfare(one) == pytest.approx(welfare(two), abs=1e-9)


# -- against a baseline -----------------------------------------------------------------------------------------------


def both(new: dict[str, list[object]], old: list[object]) -> Counts:
    return Table.of({**new, "old": old}).counts(group="g", label="y", prediction="p", control="old")


def test_the_same_decisions_change_nothing_as_far_as_so_many_rows_can_tell() -> None:
    data = rows(GROUPS)
    impact = weigh(both(data, data["p"]), utilities=UTILITY, baseline="old")
    worst = UTILITY["fn"] - UTILITY["tp"]
    for g in impact["people"].groups:
        assert g.change == 0.0
        low, high = g.change_interval
        # The share of a change that none of n rows had is at most 1 - exp(-z^2 / 2n), by its likelihood.
        assert low == pytest.approx(worst * -np.expm1(-(1.959964**2) / (2 * g.n)), abs=1e-6)
        assert high == pytest.approx(-low)
    assert not impact.loses_most.certain
    assert all(s.behind in (0.0, None) and not s.certain for r in impact.options.rankings for s in r.standings)


def test_a_loss_that_nobody_here_suffered_is_not_ruled_out() -> None:
    """Coverage, over how many of 30 people lose by chance: often nobody does, and the loss is there all the same."""
    intervals = []
    for losers in range(8):
        data = {"g": ["a"] * 30, "p": [0] * losers + [1] * (15 - losers) + [0] * 15, "old": [1] * 15 + [0] * 15}
        found = Table.of(data).counts(group="g", prediction="p", control="old")
        impact = weigh(found, utilities={"selected": 1, "rejected": 0}, baseline="old", replicates=100)
        intervals.append(impact["people"].groups[0].change_interval)
    for chance in (0.01, 0.02, 0.05, 0.1):
        often = [math.comb(30, k) * chance**k * (1 - chance) ** (30 - k) for k in range(8)]
        covered = [p for p, (low, high) in zip(often, intervals, strict=True) if low <= -chance <= high]
        assert sum(covered) > 0.9


def test_welfare_of_a_group_in_which_all_have_one_outcome_has_an_interval() -> None:
    data = {"g": ["a"] * 40, "p": [1] * 40}
    impact = weigh(data, utilities={"selected": 1.0, "rejected": 0.0}, group="g", prediction="p")
    for one in impact.welfare:
        if one.interval is not None:
            assert one.interval[0] < one.value


def test_who_loses_most_is_the_group_whose_people_were_changed() -> None:
    data = rows(GROUPS)
    old = list(data["p"])
    # In the old decisions all of b were selected: now b's rejected people have lost.
    old = [1 if g == "b" else p for g, p in zip(data["g"], old, strict=True)]
    impact = weigh(both(data, old), utilities=UTILITY, baseline="old", min_size=20)
    a, b = impact["people"].groups
    assert a.change == 0.0
    # 15 people go from tp to fn, a loss of 2; 20 from fp to tn, a gain of 0.5; of 50.
    assert b.change == pytest.approx((-30 + 10) / 50)
    assert (impact.loses_most.stakeholder, impact.loses_most.group) == ("people", "b")
    assert impact.loses_most.certain and impact.loses_most.interval[1] < 0
    assert impact.options.names == ("decisions", "baseline") and impact.options.paired


def test_on_the_same_rows_a_change_is_surer_than_between_two_tables() -> None:
    data = rows({g: {k: 4 * n for k, n in cells.items()} for g, cells in GROUPS.items()})
    old = list(data["p"])
    for i in range(0, len(old), 20):
        old[i] = 1 - old[i]
    paired = weigh(both(data, old), utilities=UTILITY, baseline="old")
    before = Table.of({**data, "p": old}).counts(group="g", label="y", prediction="p")
    apart = weigh(Table.of(data).counts(group="g", label="y", prediction="p"), utilities=UTILITY, baseline=before)
    assert not apart.options.paired and any("different people" in note for note in apart.notes)
    for p, q in zip(paired["people"].groups, apart["people"].groups, strict=True):
        assert p.change == pytest.approx(q.change)
        width = [high - low for low, high in (p.change_interval, q.change_interval)]
        assert width[0] < 0.6 * width[1]


def test_the_paired_interval_is_that_of_the_mean_of_row_differences() -> None:
    rng = np.random.default_rng(2)
    y, p, old = (rng.integers(0, 2, 4000) for _ in range(3))
    found = Table.of({"g": ["a"] * 4000, "y": y, "p": p, "old": old}).counts(
        group="g", label="y", prediction="p", control="old"
    )
    worth = np.array([[UTILITY["tn"], UTILITY["fp"]], [UTILITY["fn"], UTILITY["tp"]]])
    difference = worth[y, p] - worth[y, old]
    g = weigh(found, utilities=UTILITY, baseline="old")["people"].groups[0]
    assert g.change == pytest.approx(difference.mean())
    reach = 1.959964 * difference.std() / np.sqrt(4000)
    assert g.change_interval == pytest.approx((difference.mean() - reach, difference.mean() + reach), abs=1e-3)


# -- real data, and what cannot be used -------------------------------------------------------------------------------


def test_mortgage_approvals_are_worth_what_their_rates_say() -> None:
    table = {"selected": 1, "rejected": 0}
    impact = evaluate_utilitarian_impact(aequo.loan_applications(), utilities=table, group="race", prediction="approve")
    found = {g.group: (g.n, round(g.utility, 4)) for g in impact["people"].groups}
    assert found == {"black": (197, 0.6751), "hispanic": (111, 0.7658), "white": (1681, 0.9084)}
    assert welfare(impact)["sum"] == 1745
    assert json.loads(impact.to_json()) == impact.to_dict()
    assert repr(impact).startswith("Impact(race; 1,989 rows; sum 1745, mean 0.8773")


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({}, "neither of utilities and stakeholders were given"),
    "both": ({"utilities": UTILITY, "stakeholders": [{"name": "x", "utilities": UTILITY}]}, "both of utilities and"),
    "short": ({"utilities": {"tp": 1, "fp": 0, "fn": 0}}, "'tn' is missing in the utilities of 'people', expected tp"),
    "odd": ({"utilities": {**UTILITY, "tnn": 1}}, r"'tnn' is no outcome of .*Did you mean 'tn'\?"),
    "list": ({"utilities": [1, 0]}, "utilities are a list, expected outcome to number"),
    "kinds": ({"utilities": {"a": UTILITY, "b": {"0": 1, "1": 2}}}, "of different kinds"),
    "text": ({"utilities": {**UTILITY, "tn": "x"}}, "utilities.tn is 'x', expected a number."),
    "weights": ({"utilities": UTILITY, "weights": {"peple": 1}}, r"weights name 'peple', .*Did you mean 'people'\?"),
    "zero": ({"utilities": UTILITY, "weights": {"people": 0}}, "every stakeholder has the weight 0"),
    "negative": ({"utilities": UTILITY, "weights": {"people": -1}}, "weight is -1, expected a number of 0 or more"),
    "key": ({"stakeholders": [{"nam": "x"}]}, "nam"),
    "twice": ({"stakeholders": [{"name": "x", "utilities": UTILITY}] * 2}, "two stakeholders are named 'x'"),
    "group": (
        {"stakeholders": [{"name": "x", "utilities": UTILITY, "by_group": {"c": {"tp": 2}}}]},
        "by_group of 'x' names 'c', which is no group here: there are a, b.",
    ),
    "confidence": ({"utilities": UTILITY, "confidence": 95}, "confidence is 95, expected a number between 0 and 1"),
    "replicates": ({"utilities": UTILITY, "replicates": 1}, "replicates is 1, expected 100 or more."),
    "size": ({"utilities": UTILITY, "min_size": 0}, "min_size is 0, expected a whole number of 1 or more."),
    "label": ({"utilities": UTILITY, "label": "y"}, "label names a column, and counts were given"),
    "baseline": (
        {"utilities": UTILITY, "baseline": "p"},
        "'p' is a prediction of these counts; the baseline is a column",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_call_that_cannot_be_meant_is_refused_in_one_sentence(case: str) -> None:
    how, said = REFUSED[case]
    with pytest.raises(InputError, match=said):
        weigh(counts(GROUPS), **how)


def test_columns_that_are_not_there_or_hold_no_classes_are_refused() -> None:
    table = {"selected": 1, "rejected": 0}
    with pytest.raises(UnknownColumn):
        evaluate_utilitarian_impact({"g": ["a"], "p": [1]}, utilities=table, group="h", prediction="p")
    with pytest.raises(InputError, match="no group column was given"):
        evaluate_utilitarian_impact({"g": ["a"], "p": [1]}, utilities=table, prediction="p")
    with pytest.raises(InputError, match="there is no label: give it, or utilities of selected and rejected alone"):
        evaluate_utilitarian_impact({"g": ["a"], "p": [1]}, utilities=UTILITY, group="g", prediction="p")
    with pytest.raises(InputError, match="have no label or prediction with classes"):
        evaluate_utilitarian_impact(Table.of({"g": ["a"]}).counts(group="g"), utilities=table)
    with pytest.raises(InputError, match="there is no stakeholder 'x': people"):
        weigh(counts(GROUPS), utilities=UTILITY)["x"]


def test_a_form_that_is_not_defined_says_why() -> None:
    impact = weigh(counts(GROUPS), utilities=UTILITY, shift=0.0)
    nash = next(w for w in impact.welfare if w.form == "nash")
    assert nash.value is None and nash.why == (
        "a group expects less than nothing, also with 0 added: this form needs utilities above 0"
    )
    moved = weigh(counts(GROUPS), utilities=UTILITY)
    assert moved["people"].shift == 1.0 and any("they add 1 (people)" in note for note in moved.notes)
