"""k, l and t of a release: the figures of the papers, a slow reference for any table, and laws."""

from __future__ import annotations

import math
import random
from typing import Any

import duckdb
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aequo.core.finding import Status
from aequo.core.table import Table
from aequo.errors import InputError, UnknownColumn
from aequo.privacy.releases.check import check_release
from aequo.privacy.releases.result import ReleaseCheck

from . import releases as r

TREE = {"flu": ("lungs",), "flu ": ("lungs",), "ulcer": ("stomach",), "gout": ("joints",)}


def check(
    columns: Any, quasi: Any = ("age", "zip", "sex"), sensitive: Any = ("ill", "pay"), **how: Any
) -> ReleaseCheck:
    return check_release(columns, quasi=quasi, sensitive=sensitive, **how)


# -- laws


@given(r.releases(), st.sets(st.sampled_from(["age", "zip", "sex"]), min_size=1), st.integers(1, 4))
def test_every_measure_is_what_its_definition_says(columns: r.Columns, quasi: set[str], least: int) -> None:
    by = sorted(quasi)
    got = check(columns, by, k=3, l=least)
    sizes = sorted(map(len, r.slow_classes(columns, by).values()))
    assert (got.rows, got.classes) == (len(columns["age"]), len(sizes))
    assert got.k == (sizes[0] if sizes else None)
    assert got.uniques == sizes.count(1)
    assert got.at_risk == sum(s for s in sizes if s < 3)
    if sizes:
        assert got.highest_risk == 1 / sizes[0]
        assert got.mean_risk == pytest.approx(sum(1 / s for s in sizes for _ in range(s)) / sum(sizes))
    for one, far in zip(got.sensitive, (r.alike, r.ranked(columns["pay"])), strict=True):
        slow = r.slow_measures(columns, by, one.column, far, diversity=least)
        assert one.missing == sum(not r.present(v) for v in columns[one.column])
        assert one.distinct == slow["distinct"]
        for name in ("effective", "recursive", "closeness"):
            expected = slow[name]
            expected = None if expected == math.inf else expected
            assert getattr(one, name) == (None if expected is None else pytest.approx(expected, abs=1e-9)), name


@given(r.releases(least=1))
def test_a_taxonomy_gives_the_cheapest_transport_in_the_tree(columns: r.Columns) -> None:
    got = check(columns, ["sex"], ["ill"], taxonomies={"ill": TREE}).sensitive[0]
    expected = r.slow_measures(columns, ["sex"], "ill", r.in_tree(TREE))["closeness"]
    assert got.closeness == (None if expected is None else pytest.approx(expected, abs=1e-9))
    assert got.distance == (None if expected is None else "hierarchical")


@given(r.releases(), st.randoms(use_true_random=False))
def test_neither_the_order_of_rows_nor_the_names_of_values_matter(columns: r.Columns, rng: random.Random) -> None:
    order = list(range(len(columns["age"])))
    rng.shuffle(order)
    renamed = {"f": "x", "m": "a", "flu": "P", "ulcer": "O", "gout": "N", "flu ": "M"}
    other = {
        name: [renamed.get(values[i], values[i]) if isinstance(values[i], str) else values[i] for i in order]
        for name, values in columns.items()
    }
    first, second = check(columns), check(other)
    for name in ("verdict", "rows", "classes", "k", "uniques", "at_risk", "sizes"):
        assert getattr(first, name) == getattr(second, name)
    for a, b in zip(first.sensitive, second.sensitive, strict=True):
        assert (a.distinct, a.missing) == (b.distinct, b.missing)
        assert a.closeness == (None if b.closeness is None else pytest.approx(b.closeness, abs=1e-12))
        assert a.effective == (None if b.effective is None else pytest.approx(b.effective))


@given(r.releases(least=1))
def test_fewer_quasi_identifiers_never_hide_people_less(columns: r.Columns) -> None:
    fine, coarse = check(columns), check(columns, ["zip"])
    assert fine.k is not None and coarse.k is not None and coarse.k >= fine.k
    for a, b in zip(fine.sensitive, coarse.sensitive, strict=True):
        if a.distinct is not None:
            assert b.distinct is not None and b.distinct >= a.distinct
            assert b.effective is not None and b.effective >= (a.effective or 0) - 1e-9
            assert b.closeness is not None and b.closeness <= (a.closeness or 0) + 1e-9


@given(r.releases(least=1, most=8), st.integers(2, 4))
def test_t_is_0_where_every_class_is_as_all_rows_are(columns: r.Columns, times: int) -> None:
    whole = {name: values * times for name, values in columns.items()}
    whole["copy"] = [i for i in range(times) for _ in columns["age"]]
    for one in check(whole, ["copy"]).sensitive:
        assert one.closeness in (None, pytest.approx(0.0, abs=1e-12))


@given(r.releases(), st.sampled_from([e for e in r.ENGINES if e != "columns"]))
def test_every_kind_of_data_gives_the_same_result(columns: r.Columns, engine: str) -> None:
    ours, theirs = check(columns, reveal=True).to_dict(), check(r.ENGINES[engine](columns), reveal=True).to_dict()
    ours.pop("source"), theirs.pop("source")
    assert ours == theirs


@given(r.releases(least=1))
def test_records_are_a_table_too(columns: r.Columns) -> None:
    assert check(r.as_records(columns)).to_dict() == check(columns).to_dict()


def test_nothing_is_left_behind_in_somebodys_database() -> None:
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE people AS SELECT i % 3 AS q, i % 2 AS s FROM range(30) t(i)")
        assert check(connection.table("people"), "q", "s").k == 10
        assert connection.execute("SELECT table_name FROM duckdb_tables()").fetchall() == [("people",)]


def test_a_table_keeps_what_it_was_told_of_missing_values() -> None:
    table = Table.of({"q": ["a", "?"], "s": ["x", "?"]}, missing=("?",))
    got = check(table, "q", "s")
    assert got.sensitive[0].missing == 1 and "1 row without a value of q" in " ".join(got.notes)


def test_an_index_that_is_more_than_a_numbering_is_said_to_be_unseen() -> None:
    frame = pd.DataFrame({"q": [1, 1]}, index=["a@x.org", "b@x.org"])
    assert "The index of the frame was not looked at" in check(frame, "q", ()).notes[-1]
    assert "index" not in " ".join(check(frame.reset_index(drop=True), "q", ()).notes)


@given(r.releases(), st.sampled_from(["columns", "DuckDB"]))
@settings(max_examples=40)
def test_the_smallest_classes_are_the_smallest(columns: r.Columns, engine: str) -> None:
    got = check(r.ENGINES[engine](columns), reveal=True)
    slow = {tuple(map(_text, key)): len(rows) for key, rows in r.slow_classes(columns, got.quasi).items()}
    assert [c.n for c in got.smallest] == sorted(slow.values())[:10]
    for one in got.smallest:
        assert one.key is not None
        assert slow[tuple(one.key[q] for q in got.quasi)] == one.n


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


# -- the papers


def test_sweeneys_table_is_2_anonymous_and_does_not_hide_hypertension() -> None:
    got = check(r.SWEENEY, ["race", "birth", "gender", "zip"], "problem", k=2)
    assert (got.k, got.classes, got.uniques) == (2, 5, 0)
    assert got.sensitive[0].distinct == 1
    assert got.sensitive[0].rows_alike == 4  # the two with hypertension, and two with chest pain
    found = {f.check: f.status for f in got.findings}
    assert (found["k-anonymity"], found["l-diversity"]) == (Status.PASS, Status.FAIL)


def test_the_tables_of_the_l_diversity_paper() -> None:
    raw = check(r.PATIENTS, ["zip", "age"], "condition", k=4)
    assert raw.k == 1
    four = check(r.FOUR_ANONYMOUS, "class", "condition", k=4)
    assert (four.k, four.sensitive[0].distinct) == (4, 1)  # the homogeneity attack: all of the third class have cancer
    three = check(r.THREE_DIVERSE, "class", "condition", k=4, l=3)
    assert (three.k, three.sensitive[0].distinct) == (4, 3)
    # Each class has counts 2, 1, 1: entropy 1.5 ln 2, and r1 = 2 against r3 = 1.
    assert three.sensitive[0].effective == pytest.approx(2**1.5)
    assert three.sensitive[0].recursive == pytest.approx(2.0)


@pytest.mark.parametrize(("own", "expected"), [([3, 4, 5], 0.375), ([6, 8, 11], 0.167)])
def test_the_distances_of_salaries_in_the_t_closeness_paper(own: list[int], expected: float) -> None:
    salaries = [*range(3, 12)]
    columns = {"class": ["a" if s in own else "b" for s in salaries], "salary": salaries}
    # Both classes are measured; that of the example has a third of the rows and is twice as far away as the other.
    got = check(columns, "class", "salary").sensitive[0]
    assert got.closeness == pytest.approx(expected, abs=5e-4)


def test_the_released_table_of_the_t_closeness_paper() -> None:
    got = check(r.LI, "zip", ["salary", "disease"], k=3, l=3, t=0.3, taxonomies={"disease": r.LI_TREE})
    salary, disease = got.sensitive
    assert salary.closeness == pytest.approx(0.167, abs=5e-4)
    # By the paper's own definition 8/27. The paper prints 0.278, which is no multiple of 1/27, as every distance of
    # three rows from these nine in a tree of height three is; the transport by linear programming says 8/27 too.
    assert disease.closeness == pytest.approx(8 / 27)
    classes = r.slow_classes(r.LI, ["zip"]).values()
    own = [r.shares([r.LI["disease"][i] for i in rows]) for rows in classes]
    assert max(r.slow_emd(o, r.shares(r.LI["disease"]), r.in_tree(r.LI_TREE)) for o in own) == pytest.approx(8 / 27)
    assert got.verdict is Status.PASS


# -- what a finding says


def test_findings_are_held_against_what_is_asked_for() -> None:
    got = check(r.THREE_DIVERSE, "class", "condition", k=4, l=3, t=0.5)
    by = {f.check: f for f in got.findings}
    assert {n: f.status.value for n, f in by.items()} == {
        "k-anonymity": "pass",
        "l-diversity": "pass",
        "entropy-l-diversity": "warn",  # 2.83 of 3
        "recursive-l-diversity": "pass",  # 2 of 3
        "t-closeness": "pass",
    }
    assert all(f.interval is None and f.n == 12 for f in got.findings)
    assert by["k-anonymity"].id == "privacy/k-anonymity/class"
    assert by["l-diversity"].id == "privacy/l-diversity/condition"
    assert got.verdict is Status.WARN
    strict = check(r.THREE_DIVERSE, "class", "condition", k=4, l=3, t=0.5, diversity="entropy")
    assert strict.verdict is Status.FAIL
    assert strict.findings[0].check == "entropy-l-diversity"
    equal = check({"q": [1] * 6, "s": ["a", "b", "c"] * 2}, "q", "s", l=3, diversity="entropy")
    assert equal.verdict is Status.PASS  # exp(log(3)) is a little less than 3


def test_a_table_without_rows_or_values_is_unknown_and_never_a_pass() -> None:
    empty = check({"q": [], "s": []}, "q", "s")
    assert empty.verdict is Status.UNKNOWN and empty.k is None
    assert {f.status for f in empty.findings} == {Status.UNKNOWN}
    blank = check({"q": [1] * 9, "s": [None] * 9}, "q", "s")
    assert {f.check: f.status.value for f in blank.findings} == {
        "k-anonymity": "pass",
        **dict.fromkeys(["l-diversity", "entropy-l-diversity", "recursive-l-diversity", "t-closeness"], "unknown"),
    }
    assert blank.verdict is Status.UNKNOWN


def test_one_sensitive_value_for_all_is_no_diversity_although_t_is_0() -> None:
    got = check({"q": [1, 1, 2, 2], "s": ["x"] * 4}, "q", "s", k=2)
    assert (got.sensitive[0].distinct, got.sensitive[0].closeness) == (1, 0.0)
    assert got.verdict is Status.FAIL


def test_without_limits_l_and_t_are_measured_and_not_judged() -> None:
    got = check(r.SWEENEY, ["zip"], "problem", k=2, l=None, t=None)
    assert [f.check for f in got.findings] == ["k-anonymity"]
    assert got.sensitive[0].distinct is not None


def test_columns_that_tell_who_somebody_is_fail_whatever_k_is() -> None:
    columns = {"q": [1] * 40, "email": [f"a{i}@x.org" for i in range(40)], "hours": [40, 20] * 20}
    got = check(columns, "q", ())
    assert got.verdict is Status.FAIL
    assert got.findings[0].id == "privacy/direct-identifiers/email"
    assert "email (email)" in got.findings[0].why
    assert "a0@x.org" not in got.to_json()
    assert "Not part of any class: hours." in " ".join(got.notes)
    assert check(columns, "q", (), ignore=["email"]).verdict is Status.PASS


# -- what is withheld


def test_what_singles_out_a_few_people_is_withheld_unless_asked_for() -> None:
    columns = {"age": [20] * 5 + [97], "zip": ["02138"] * 5 + ["90210"]}
    got = check(columns, ["age", "zip"], ())
    assert [(c.n, c.key) for c in got.smallest] == [(1, None), (5, {"age": "20", "zip": "02138"})]
    assert "97" not in got.to_json() and "90210" not in got.to_json()
    assert "withheld" in " ".join(got.notes)
    told = check(columns, ["age", "zip"], (), reveal=True)
    assert told.smallest[0].key == {"age": "97", "zip": "90210"}
    assert "withheld" not in " ".join(told.notes)
    assert check(columns, ["age", "zip"], (), suppress_below=6).smallest[1].key is None


@given(r.releases(least=1))
def test_no_value_of_a_small_class_is_anywhere_in_the_result(columns: r.Columns) -> None:
    secret = {**columns, "zip": [f"Z{i}Z" for i in range(len(columns["age"]))]}
    text = check(secret, suggest=True, k=2).to_json()
    assert not any(f"Z{i}Z" in text for i in range(len(columns["age"])))


# -- calls that cannot mean anything


@pytest.mark.parametrize(
    ("how", "match"),
    [
        ({"quasi": []}, "no quasi-identifier"),
        ({"quasi": ["age", "age"]}, "'age' is named twice"),
        ({"quasi": ["age"], "sensitive": ["age"]}, "'age' is named as a quasi-identifier and as sensitive"),
        ({"quasi": "age", "k": 0}, "k is 0"),
        ({"quasi": "age", "k": 2.5}, "k is 2.5"),
        ({"quasi": "age", "l": True}, "l is True"),
        ({"quasi": "age", "t": 20}, "t is 20, expected a number from 0 to 1"),
        ({"quasi": "age", "c": 0}, "c is 0"),
        ({"quasi": "age", "diversity": "entropic"}, "Did you mean 'entropy'"),
        ({"quasi": "age", "most_suppressed": 5}, "expected 0 to 1"),
        ({"quasi": "age", "taxonomies": {"il": {}}}, "no sensitive column. Did you mean 'ill'?"),
        ({"quasi": "age", "taxonomies": {"ill": {"flu": ("a",)}}}, "1 values of 'ill' are not in its taxonomy"),
        ({"quasi": "age", "taxonomies": {"ill": {"flu": ("a",), "gout": ("a", "b")}}}, "different heights"),
    ],
)
def test_a_call_that_cannot_be_meant_is_refused_in_a_sentence(how: dict[str, Any], match: str) -> None:
    columns = {"age": [1, 2], "ill": ["flu", "gout"]}
    with pytest.raises(InputError, match=match):
        check_release(columns, **{"sensitive": "ill", **how})


def test_an_absent_column_is_named_with_the_nearest_one() -> None:
    with pytest.raises(UnknownColumn, match="'agee' in columns in memory. Columns: age. Did you mean 'age'?"):
        check_release({"age": [1]}, quasi="agee")
    with pytest.raises(UnknownColumn, match="Did you mean 'age'"):
        check_release({"age": [1], "b": [2]}, quasi="b", ignore=["agee"])
    with pytest.raises(InputError, match="'x' holds neither"):
        check_release({"x": [[1], [2]]}, quasi="x")


def test_many_columns_of_many_values_do_not_overflow() -> None:
    rows = 500
    columns = {f"q{i}": [(j * (i + 7)) % 499 for j in range(rows)] for i in range(12)}
    got = check(columns, list(columns), (), k=1)
    assert got.k == 1 and got.classes == 499
