"""Plans reach what they promise when the rows are counted again, lose as little as said, and suit any kind of data."""

# ruff: noqa: DTZ001 - data without a zone is what is tested
from __future__ import annotations

import datetime as dt
import itertools
import json
import math
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aequo.errors import InputError, UnknownColumn
from aequo.privacy.releases.apply import generalise
from aequo.privacy.releases.check import check_release
from aequo.privacy.releases.classes import classes_of, table_of
from aequo.privacy.releases.hierarchy import hierarchy
from aequo.privacy.releases.rules import Bins, Drop, GeneralisationPlan, Keep, Merge, Period, Prefix, Rule, rule_of
from aequo.privacy.releases.search import Goal, suggestions

from . import releases as r

QUASI = ["age", "zip", "sex"]
RULES: dict[str, list[Rule]] = {
    "age": [Bins((20, 40, 60, 80), whole=True), Bins((40, 80), whole=True), Drop()],
    "zip": [Prefix(4), Prefix(2), Keep(("02138",)), Merge({"02138": "a", "02139": "a"}, other="b"), Drop()],
    "sex": [Keep(("f",)), Drop()],
    "pay": [Bins((2.5, 4.0)), Drop()],
}


@st.composite
def plans(draw: st.DrawFn) -> GeneralisationPlan:
    rules = {c: rule for c in QUASI if (rule := draw(st.sampled_from([None, *RULES[c]]))) is not None}
    return GeneralisationPlan(quasi=tuple(QUASI), rules=rules, smallest=draw(st.integers(1, 4)))


def sorted_rows(columns: r.Columns) -> list[tuple[str, ...]]:
    names = sorted(columns)
    return sorted(tuple(repr(columns[n][i]) for n in names) for i in range(len(columns[names[0]]))) if names else []


# -- a plan applied


@given(r.releases(), plans())
def test_a_plan_does_to_each_row_what_its_rules_say(columns: r.Columns, plan: GeneralisationPlan) -> None:
    got = generalise(columns, plan)
    expected = {}
    for name, values in columns.items():
        rule = plan.rules.get(name)
        if rule is None:
            expected[name] = values
        elif not isinstance(rule, Drop):
            expected[name] = [rule.of(str(v)) if r.present(v) else None for v in values]
    classes = r.slow_classes({q: expected[q] for q in plan.left} | {"_": columns["pay"]}, plan.left)
    kept = sorted(i for rows in classes.values() if len(rows) >= plan.smallest for i in rows)
    assert list(got) == list(expected)
    assert r.as_columns(got) == r.as_columns({n: [v[i] for i in kept] for n, v in expected.items()})


@given(r.releases(), plans(), st.sampled_from([e for e in r.ENGINES if e != "columns"]))
def test_every_kind_of_data_gives_the_same_rows_and_its_own_kind(
    columns: r.Columns, plan: GeneralisationPlan, engine: str
) -> None:
    # An empty text and null are one missing value; in a column that stays as it is, a frame keeps both.
    columns = {**columns, "zip": [v or None for v in columns["zip"]]}
    frame = r.ENGINES[engine](columns)
    got = generalise(frame, plan)
    assert type(got) is type(frame)
    theirs, ours = r.as_columns(got), r.as_columns(generalise(columns, plan))
    assert list(theirs) == list(ours)
    assert sorted_rows({n: [_number(v) for v in values] for n, values in theirs.items()}) == sorted_rows(
        {n: [_number(v) for v in values] for n, values in ours.items()}
    )


def _number(value: Any) -> Any:
    return float(value) if isinstance(value, (int, float)) else value


@given(r.releases(), plans())
def test_records_come_back_as_records(columns: r.Columns, plan: GeneralisationPlan) -> None:
    rows = r.as_records(columns)
    got = generalise(rows, plan)
    assert got == r.as_records(generalise(columns, plan)) or not rows
    assert isinstance(generalise(tuple(rows), plan), tuple)


MOMENTS = [dt.datetime(1984, 5, 17, 8, 30), dt.datetime(1999, 12, 31, 23, 59, 59), None, dt.datetime(2001, 1, 1)]
DATES = [dt.date(1984, 5, 17), dt.date(1999, 12, 31), None, dt.date(2001, 1, 1)]


@pytest.mark.parametrize("values", [MOMENTS, DATES, ["1984-05-17", "1999-12-31T23:59", None, "no date"]], ids=str)
@pytest.mark.parametrize("to", ["day", "month", "year", "decade"])
def test_dates_become_periods_on_every_engine(values: list[Any], to: Any) -> None:
    plan = GeneralisationPlan(quasi=("d",), rules={"d": Period(to)})
    cut = {"day": 10, "month": 7, "year": 4, "decade": 3}[to]
    known = ["1984-05-17", "1999-12-31", None, None if isinstance(values[3], str) else "2001-01-01"]
    expected = [None if v is None else v[:cut] + ("0s" if to == "decade" else "") for v in known]
    assert generalise({"d": values}, plan)["d"] == expected
    frame = pl.DataFrame({"d": values})
    for other in (
        frame,
        frame.lazy(),
        frame.to_arrow(),
        frame.to_pandas(),
        duckdb.from_arrow(frame.to_arrow()),
    ):
        assert r.as_columns(generalise(other, plan))["d"] == expected


@pytest.mark.parametrize("values", [[1, 20, None, 3], [1.0, 20.0, math.nan, 3.0], [True, False, None, True]], ids=str)
@pytest.mark.parametrize("rule", [Keep(("1", "3", "True")), Prefix(1), Merge({"20": "x", "False": "y"})], ids=str)
def test_whole_numbers_and_booleans_have_one_text_on_every_engine(values: list[Any], rule: Rule) -> None:
    plan = GeneralisationPlan(quasi=("v",), rules={"v": rule})
    expected = generalise({"v": values}, plan)["v"]
    frame = pl.DataFrame({"v": values}, strict=False)
    for other in (
        frame,
        frame.lazy(),
        frame.to_arrow(),
        frame.to_pandas(),
        duckdb.from_arrow(frame.to_arrow()),
    ):
        assert r.as_columns(generalise(other, plan))["v"] == expected


def test_the_index_of_a_pandas_frame_is_not_released() -> None:
    frame = pd.DataFrame({"q": [1, 1, 2]}, index=["ada", "bob", "cyd"])
    got = generalise(frame, GeneralisationPlan(quasi=("q",), rules={}, smallest=2))
    assert got.index.tolist() == [0, 1]
    empty = generalise(frame, GeneralisationPlan(quasi=("q",), rules={"q": Drop()}))
    assert empty.shape == (3, 0)


def test_columns_keep_their_types_where_no_rule_changes_them() -> None:
    plan = GeneralisationPlan(quasi=("q",), rules={}, smallest=2)
    got = generalise({"q": [1, 1, 2], "x": np.array([1.5, 2.5, 3.5]), "t": (1, 2, 3)}, plan)
    assert isinstance(got["x"], np.ndarray) and got["x"].tolist() == [1.5, 2.5]
    assert got["t"] == (1, 2)


# -- what is promised


@given(
    r.releases(least=4),
    st.integers(2, 4),
    st.sampled_from([None, 2]),
    st.sampled_from([None, 0.5]),
    st.sampled_from(["distinct", "entropy", "recursive"]),
)
def test_a_plan_reaches_what_it_promises_when_the_rows_are_counted_again(
    columns: r.Columns, k: int, least: int | None, t: float | None, form: Any
) -> None:
    ask: dict[str, Any] = {"sensitive": ["ill", "pay"], "k": k, "l": least, "t": t, "diversity": form}
    got = check_release(columns, quasi=QUASI, suggest=True, most_suppressed=0.3, **ask)
    for one in got.suggestions:
        released = generalise(columns, one.plan)
        count = len(released["ill"])
        assert count == one.rows and got.rows - count == one.suppressed <= 0.3 * got.rows
        if one.plan.left:
            again = check_release(released, quasi=one.plan.left, **ask)
            assert again.k == one.k and again.classes == one.classes
            for s in again.sensitive:
                assert (s.distinct or 0) == one.diversity[s.column]
                assert (s.closeness or 0.0) == pytest.approx(one.closeness[s.column], abs=1e-12)
            failed = {f.check for f in again.findings if f.required and f.status.value == "fail"}
            assert not failed - {"direct-identifiers"}
        assert one.k >= k


@given(r.releases(least=4), st.integers(2, 3), st.sampled_from([0.0, 0.25]))
@settings(max_examples=40)
def test_no_plan_of_the_same_rules_loses_less(columns: r.Columns, k: int, most: float) -> None:
    classes = classes_of(table_of(columns), QUASI, ["ill"], missing=("",))
    goal = Goal(k=k, diversity=None, closeness=None, taxonomies={}, ordered=frozenset())
    given_rules = {c: RULES[c][:3] if c != "zip" else [Prefix(4), Prefix(2)] for c in QUASI}
    found = suggestions(classes, goal, most_suppressed=most, hierarchies=given_rules)
    assert found and all(s.optimal for s in found)
    budget = math.floor(most * classes.rows)
    chains = [[None, *dict.fromkeys((*given_rules[c], Drop()))] for c in QUASI]
    least = math.inf
    for state in itertools.product(*chains):
        rules = {c: rule for c, rule in zip(QUASI, state, strict=True) if rule is not None}
        plan = GeneralisationPlan(quasi=tuple(QUASI), rules=rules, smallest=k)
        kept = generalise(columns, plan)
        lost = classes.rows - len(kept["ill"])
        if lost <= budget and lost < classes.rows:
            one = _loss(columns, rules)
            least = min(least, one)
    assert min(_loss(columns, s.plan.rules) for s in found) == pytest.approx(least)


def _loss(columns: r.Columns, rules: Any) -> float:
    """Normalised certainty penalty, by its definition, of values alone."""
    total = 0.0
    for name in QUASI:
        rule, values = rules.get(name), [v for v in columns[name] if r.present(v)]
        distinct = sorted(set(values))
        for v in values if rule is not None else []:
            if isinstance(rule, Drop):
                total += 1
            elif isinstance(rule, Bins):
                low, high = distinct[0], distinct[-1]
                ends = [low, *[min(max(e, low), high) for e in rule.edges], high]
                at = sum(v >= e for e in rule.edges)
                total += (ends[at + 1] - ends[at]) / (high - low) if high > low else 0.0
            else:
                alike = sum(rule.of(str(d)) == rule.of(str(v)) for d in distinct)
                total += alike / len(distinct) if alike > 1 else 0.0
    return total / len(columns["age"]) / len(QUASI)


@given(r.releases(least=1), st.data())
def test_coarser_values_never_make_k_smaller(columns: r.Columns, data: st.DataObject) -> None:
    classes = classes_of(table_of(columns), QUASI, ["ill"], missing=("",))
    chains = [(None, *hierarchy(a, classes.size_of(i), k=2)) for i, a in enumerate(classes.axes)]
    fine = [data.draw(st.integers(0, len(c) - 1)) for c in chains]
    coarse = [data.draw(st.integers(f, len(c) - 1)) for f, c in zip(fine, chains, strict=True)]
    ks = []
    for state in (fine, coarse):
        rules = {a.name: c[i] for a, c, i in zip(classes.axes, chains, state, strict=True) if c[i] is not None}
        plan = GeneralisationPlan(quasi=tuple(QUASI), rules=rules)  # type: ignore[arg-type]
        released = generalise(columns, plan)
        ks.append(check_release(released, quasi=plan.left, ignore=[]).k if plan.left else len(columns["age"]))
    assert ks[0] <= ks[1]


def test_where_even_one_class_of_all_would_not_do_nothing_is_suggested() -> None:
    got = check_release({"q": [1, 2, 3], "s": ["a"] * 3}, quasi="q", sensitive="s", k=5, suggest=True)
    assert got.suggestions == ()
    assert "No plan reaches" in got.notes[-1]
    assert check_release({"q": [], "s": []}, quasi="q", sensitive="s", suggest=True).suggestions == ()


def test_a_table_that_is_safe_already_needs_nothing() -> None:
    got = check_release({"q": [1] * 9, "s": ["a", "b", "c"] * 3}, quasi="q", sensitive="s", suggest=True)
    assert [s.plan.words() for s in got.suggestions] == ["nothing changed"]
    assert (got.suggestions[0].loss, got.suggestions[0].suppressed) == (0.0, 0)


def test_progress_is_told_and_results_are_the_same_each_time() -> None:
    told: list[str] = []
    columns = {"q": list(range(100)), "w": [i % 7 for i in range(100)]}
    first = check_release(columns, quasi=["q", "w"], suggest=True, progress=told.append)
    assert len(told) == 3 and "at most 5 %" in told[-1]
    assert check_release(columns, quasi=["q", "w"], suggest=True).to_json() == first.to_json()
    assert json.loads(first.to_json())["suggestions"][0]["plan"]["quasi"] == ["q", "w"]


# -- hierarchies


def of(values: list[Any], name: str = "x", k: int = 2) -> list[Rule]:
    classes = classes_of(table_of({name: values}), [name], [], missing=("",))
    return list(hierarchy(classes.axes[0], classes.size_of(0), k=k))


def test_each_kind_of_column_has_its_own_steps() -> None:
    ages = of(list(range(17, 91)))
    assert [len(b.edges) for b in ages[:-1] if isinstance(b, Bins)] == [15, 8, 4, 2, 1]
    assert ages[0] == Bins(tuple(range(20, 91, 5)), whole=True) and ages[-1] == Drop()
    assert of(["02138", "02139"] * 3 + [f"{i:05d}" for i in range(40)]) == [*map(Prefix, (4, 3, 2, 1)), Drop()]
    assert of([10115, 10117, 10119, 80331], "zip_code") == [*map(Prefix, (4, 3, 2, 1)), Drop()]
    assert of(["2020-01-01", "2020-02-01", "1999-12-31"]) == [Period("month"), Period("year"), Period("decade"), Drop()]
    assert of([dt.datetime(2020, 1, 1, 5), dt.datetime(2020, 1, 2), dt.datetime(2021, 1, 1)])[0] == Period("day")
    assert of(["a"] * 50 + ["b"] * 40 + ["c"] * 6 + ["d", "e"])[:2] == [Keep(("a", "b", "c")), Keep(("a", "b"))]
    assert of([True, False, None]) == of(["a", "b"]) == of([1, 1]) == of([None, None]) == [Drop()]


def test_skewed_numbers_get_ranges_of_about_equally_many_rows_and_no_edge_of_their_own() -> None:
    rng = np.random.default_rng(0)
    values = np.exp(rng.normal(10, 1.5, 3000)).round(2)
    rules = of(values.tolist())
    assert isinstance(rules[0], Bins)
    counts = np.histogram(values, bins=[-np.inf, *rules[0].edges, np.inf])[0]
    assert counts.max() < 3 * 3000 / 32
    assert not set(rules[0].edges) & set(values.tolist())
    assert all(set(b.edges) < set(a.edges) for a, b in itertools.pairwise(x for x in rules if isinstance(x, Bins)))


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30), st.integers(2, 5))
def test_every_hierarchy_goes_from_fine_to_coarse(values: list[float], k: int) -> None:
    rules = [rule for rule in of(values, k=k) if isinstance(rule, Bins)]
    for finer, coarser in itertools.pairwise(rules):
        assert set(coarser.edges) < set(finer.edges)


def test_rules_that_do_not_go_from_fine_to_coarse_are_refused() -> None:
    columns = {"age": [1, 2, 3, 4, 5, 6]}
    bad = {"age": [Bins((3, 5), whole=True), Bins((4,), whole=True)]}
    with pytest.raises(InputError, match="rule 2 for 'age' tells values apart"):
        check_release(columns, quasi="age", suggest=True, hierarchies=bad)
    with pytest.raises(UnknownColumn, match="Did you mean 'age'"):
        check_release(columns, quasi="age", suggest=True, hierarchies={"agee": [Drop()]})


# -- rules and plans


@given(plans())
def test_a_plan_is_the_same_after_it_was_written_and_read(plan: GeneralisationPlan) -> None:
    assert GeneralisationPlan.from_json(plan.to_json()) == plan
    assert hash(GeneralisationPlan.from_dict(plan.to_dict())) == hash(plan)
    assert plan.words()


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: Bins(()), "1 to 200 finite edges"),
        (lambda: Bins((2, 1)), "ascend"),
        (lambda: Bins((math.nan,)), "finite"),
        (lambda: Prefix(0), "from 1"),
        (lambda: Period("week"), "expected day, month, year or decade"),  # type: ignore[arg-type]
        (lambda: Keep(()), "leave the column out"),
        (lambda: Merge({}), "no groups"),
        (lambda: rule_of({"rule": "bin"}), "Did you mean 'bins'"),
        (lambda: rule_of({"rule": "bins"}), "takes edges, whole"),
        (lambda: rule_of({"rule": "prefix", "keep": 1, "x": 2}), "takes keep"),
        (lambda: rule_of({"rule": "bins", "edges": "abc"}), "takes edges"),
        (lambda: GeneralisationPlan(quasi=("a",), rules={"b": Drop()}), "rule for 'b'"),
        (lambda: GeneralisationPlan(quasi=("a",), rules={}, smallest=0), "smallest class is 0"),
        (lambda: GeneralisationPlan.from_json("{}"), "no plan"),
        (lambda: GeneralisationPlan.from_json("nonsense"), "not JSON"),
        (lambda: GeneralisationPlan.from_json("[1]"), "no plan"),
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused_in_a_sentence(make: Any, match: str) -> None:
    with pytest.raises(InputError, match=match):
        make()


def test_data_that_a_plan_does_not_fit_is_refused_without_its_values() -> None:
    plan = GeneralisationPlan(quasi=("age",), rules={"age": Bins((40,))})
    with pytest.raises(UnknownColumn, match="'age' in the columns. Columns: agee. Did you mean 'agee'?"):
        generalise({"agee": [1]}, plan)
    for frame in ({"age": ["secret"]}, pl.DataFrame({"age": ["secret"]}), pd.DataFrame({"age": ["secret"]})):
        with pytest.raises(InputError, match="'age' holds values that the rule 'bins' cannot take") as error:
            generalise(frame, plan)
        assert "secret" not in str(error.value)
    with pytest.raises(InputError, match="the rule 'period' cannot take"):
        generalise(pl.DataFrame({"age": [1]}), GeneralisationPlan(quasi=("age",), rules={"age": Period("year")}))
    with pytest.raises(InputError, match="read a file first"):
        generalise("people.csv", plan)
    with pytest.raises(InputError, match="cannot generalise a object"):
        generalise(object(), plan)
