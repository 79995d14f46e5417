"""Options ranked: what is dominated is never first, a flip is where welfare is equal, and noise is no ranking."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aequo.errors import InputError
from aequo.ethics import Aversion, Options, compare_options, evaluate_utilitarian_impact
from aequo.ethics.flips import roots
from aequo.ethics.impact import Flip

from .decisions import counts

UTILITY = {"tp": 1.0, "fn": -1.0, "fp": -0.5, "tn": 0.0}
LENDER = {"tp": 1.0, "fn": -0.2, "fp": -3.0, "tn": 0.0}
CELL = st.fixed_dictionaries({name: st.integers(1, 30) for name in UTILITY})
SOCIETY = st.fixed_dictionaries({"a": CELL, "b": CELL, "c": CELL})

NOW = {"a": {"tp": 700, "fn": 50, "fp": 100, "tn": 150}, "b": {"tp": 100, "fn": 150, "fp": 50, "tn": 200}}
FAIR = {"a": {"tp": 600, "fn": 150, "fp": 80, "tn": 170}, "b": {"tp": 200, "fn": 50, "fp": 100, "tn": 150}}


def compare(options: dict[str, Any], **how: Any) -> Options:
    tables = {name: counts(groups) for name, groups in options.items()}
    return compare_options(tables, **{"min_size": 1, "replicates": 100, **how})


@settings(max_examples=15)
@given(SOCIETY, st.sampled_from(["a", "b", "c"]), st.integers(1, 20), SOCIETY)
def test_an_option_that_another_dominates_is_never_first(
    groups: dict[str, dict[str, int]], group: str, moved: int, other: dict[str, dict[str, int]]
) -> None:
    # The better option turns false negatives of one group into true positives.
    moved = min(moved, groups[group]["fn"])
    cells = {**groups[group], "tp": groups[group]["tp"] + moved, "fn": groups[group]["fn"] - moved}
    found = compare({"worse": groups, "other": other, "better": {**groups, group: cells}}, utilities=UTILITY)
    assert "better" in found.dominated["worse"] and "worse" not in found.pareto
    for ranking in found.rankings:
        assert ranking.first != "worse", ranking.form


@settings(max_examples=4)
@given(SOCIETY, SOCIETY, st.floats(0.05, 0.95))
def test_at_the_flip_weight_both_options_have_the_same_welfare(
    one: dict[str, dict[str, int]], two: dict[str, dict[str, int]], weight: float
) -> None:
    tables = {"one": counts(one), "two": counts(two)}
    how: dict[str, Any] = {"utilities": {"people": UTILITY, "lender": LENDER}, "replicates": 100, "min_size": 1}
    found = compare_options(tables, weights={"people": 1 - weight, "lender": weight}, **how)
    checked = [f for f in found.flips if f.moves == "weight of lender"]
    assert {f.form for f in checked} == {"mean", "maximin", "atkinson", "gini", "nash", "prioritarian"}

    def apart(flip: Flip, t: float) -> float:
        at = compare_options(tables, weights={"people": 1 - t, "lender": t}, **how).ranking(flip.form)
        value = {s.option: s.value for s in at.standings}
        return value[flip.options[0]] - value[flip.options[1]]

    for flip in (checked[0], checked[1], checked[3]):
        assert flip.now == pytest.approx(weight)
        ends = [apart(flip, t) for t in (0.0, 1.0)]
        if flip.at:
            assert 0 <= flip.at[0] <= 1 and apart(flip, flip.at[0]) == pytest.approx(0.0, abs=1e-9)
            assert ends[0] * ends[1] <= 1e-12
        else:
            assert ends[0] * ends[1] > 0 or abs(ends[0]) + abs(ends[1]) < 1e-9


def test_at_each_flip_of_a_parameter_both_options_have_the_same_welfare_and_between_them_one_is_ahead() -> None:
    found = compare({"now": NOW, "fair": FAIR}, utilities=UTILITY)
    flips = {f.form: f for f in found.flips}
    assert set(flips) == {"atkinson", "gini", "prioritarian"} and all(f.at for f in flips.values())
    field = {"atkinson": "atkinson", "gini": "gini", "prioritarian": "priority"}

    def apart(form: str, x: float, pair: tuple[str, str]) -> float:
        at = compare({"now": NOW, "fair": FAIR}, utilities=UTILITY, aversion=Aversion(**{field[form]: x})).ranking(form)
        value = {s.option: s.value for s in at.standings}
        return value[pair[0]] - value[pair[1]]

    for form, flip in flips.items():
        edges = [flip.within[0], *flip.at, flip.within[1]]
        for x in flip.at:
            assert apart(form, x, flip.options) == pytest.approx(0.0, abs=1e-9)
        signs = [apart(form, (x + y) / 2, flip.options) > 0 for x, y in itertools.pairwise(edges)]
        assert all(x != y for x, y in itertools.pairwise(signs))


def test_what_nothing_can_flip_says_so() -> None:
    better = {
        g: {"tp": c["tp"] + 20, "fn": c["fn"] - 20, "fp": c["fp"] - 10, "tn": c["tn"] + 10} for g, c in NOW.items()
    }
    found = compare({"now": NOW, "better": better}, utilities={"people": UTILITY, "lender": LENDER})
    assert found.pareto == ("better",) and found.dominated == {"now": ("better",)}
    assert all(flip.at == () for flip in found.flips)


def test_by_hand_the_lenders_weight_at_which_the_fair_option_wins() -> None:
    # People: now (700 - 50 - 50 + 100 - 150 - 25) / 1500 = 0.35; fair (600 - 150 - 40 + 200 - 50 - 50) / 1500 = 0.34.
    # Lender: now (700 - 10 - 300 + 100 - 30 - 150) / 1500; fair (600 - 30 - 240 + 200 - 10 - 300) / 1500.
    stakeholders = [
        {"name": "people", "utilities": UTILITY},
        {"name": "lender", "utilities": LENDER, "one_party": True},
    ]
    found = compare({"now": NOW, "fair": FAIR}, stakeholders=stakeholders)
    maximin = next(f for f in found.flips if f.form == "maximin" and f.moves == "weight of lender")
    people = (200 - 50 - 50) / 500 - (100 - 150 - 25) / 500  # group b is worst off under both
    lender = (310 - 220) / 1500
    assert maximin.at[0] == pytest.approx(people / (people + lender))
    # Where both would rather have what is there now, no weight turns it over.
    assert next(f for f in found.flips if f.form == "mean" and f.moves == "weight of lender").at == ()
    assert found.ranking("maximin").first == "fair" and found.ranking("mean").first == "now"


def test_a_ranking_is_certain_only_where_the_data_can_tell() -> None:
    few = {"now": {g: {k: n // 10 for k, n in c.items()} for g, c in NOW.items()}}
    few["fair"] = {g: {k: n // 10 for k, n in c.items()} for g, c in FAIR.items()}
    many = compare({"now": NOW, "fair": FAIR}, utilities=UTILITY, replicates=500)
    assert many.ranking("maximin").certain and many.ranking("leximin").certain
    assert many.ranking("maximin").standings[1].probability > 0.99
    assert not many.ranking("mean").certain  # 0.35 and 0.34
    low, high = many.ranking("mean").standings[1].behind_interval
    assert low < 0 < high
    assert not compare(few, utilities=UTILITY).ranking("mean").certain
    same = compare({"now": NOW, "again": NOW}, utilities=UTILITY)
    for ranking in same.rankings:
        assert not ranking.certain and (ranking.standings[1].behind or 0.0) == 0.0
    assert same.pareto == ("now", "again") and same.dominated == {}


def test_the_weights_about_which_the_data_cannot_tell_lie_around_the_flip() -> None:
    how: dict[str, Any] = {"utilities": {"people": UTILITY, "lender": LENDER}}
    found = compare({"now": NOW, "fair": FAIR}, replicates=500, **how)
    flip = next(f for f in found.flips if f.form == "maximin" and f.moves == "weight of lender")
    assert flip.unsure is not None
    if flip.at:
        assert flip.unsure[0] <= flip.at[0] <= flip.unsure[1]


def test_the_same_seed_gives_the_same_answer_and_the_answer_is_plain_values() -> None:
    how: dict[str, Any] = {"utilities": {"people": UTILITY, "lender": LENDER}, "baseline": "now", "seed": 3}
    one, two = (compare({"now": NOW, "fair": FAIR}, **how) for _ in range(2))
    assert one.to_dict() == two.to_dict() == json.loads(one.to_json())
    assert repr(one).startswith("Options(2 over g; sum: now, mean: now, maximin: ")


def test_against_a_named_baseline_each_option_says_who_loses() -> None:
    found = compare({"now": NOW, "fair": FAIR}, utilities=UTILITY, baseline="now")
    assert found.impacts["now"].loses_most is None
    loser = found.impacts["fair"].loses_most
    assert loser.group == "a" and loser.value == pytest.approx((600 - 150 - 40 - 700 + 50 + 50) / 1000)
    alone = evaluate_utilitarian_impact(counts(FAIR), utilities=UTILITY, baseline=counts(NOW))
    assert alone.loses_most.value == pytest.approx(loser.value)


def test_options_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="1 option was given, expected two or more"):
        compare({"now": NOW}, utilities=UTILITY)
    with pytest.raises(InputError, match=r"there is no option 'nwo': now, fair\. Did you mean 'now'\?"):
        compare({"now": NOW, "fair": FAIR}, utilities=UTILITY, baseline="nwo")
    with pytest.raises(InputError, match="no group has 5000 rows with a known outcome under every option"):
        compare({"now": NOW, "fair": FAIR}, utilities=UTILITY, min_size=5000)
    with pytest.raises(InputError, match="there is no form of welfare 'maxmin'"):
        compare({"now": NOW, "fair": FAIR}, utilities=UTILITY).ranking("maxmin")


def test_a_group_that_one_option_lacks_takes_no_part() -> None:
    found = compare({"now": {**NOW, "z": NOW["a"]}, "fair": FAIR}, utilities=UTILITY)
    assert found.impacts["now"].left_out == ("z",)
    assert any("different numbers of rows" in note for note in found.notes) is False
    more = {g: {k: 2 * n for k, n in c.items()} for g, c in NOW.items()}
    assert any("different numbers of rows" in n for n in compare({"now": more, "fair": FAIR}, utilities=UTILITY).notes)


def test_every_change_of_sign_is_found() -> None:
    assert roots(lambda x: (x - 1) * (x - 2) * (x - 40), 0, 50) == pytest.approx((1, 2, 40))
    assert roots(lambda x: 0.0, 0, 50) == ()
    assert roots(lambda x: x, 0, 50) == ()
