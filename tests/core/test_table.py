"""The same rows give the same counts on every engine, and they are the counts that a plain loop gives."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aequo.core.counts import Counts
from aequo.core.table import Table
from aequo.errors import InputError, UnknownColumn

from .tables import COMPOSED, DECOMPOSED, ENGINES, Columns, as_polars, columns, opened, slow_counts

engines = pytest.mark.parametrize("engine", list(ENGINES))


@st.composite
def questions(draw: st.DrawFn) -> tuple[Columns, dict[str, Any]]:
    """A table and a way to count it."""
    table = draw(columns())
    groups = [name for name in table if name.startswith("g")]
    controls = draw(st.sampled_from([0, 1])) if len(groups) > 1 else 0
    call: dict[str, Any] = {"group": groups[controls:], "control": groups[:controls]}
    if draw(st.booleans()):
        call["weight"] = "w"
    kind = draw(st.sampled_from(["classes", "score", "both", "regression", "label"]))
    if kind == "regression":
        return table, call | {"label": "u", "task": "regression"} | draw(st.sampled_from([{}, {"prediction": "v"}]))
    call |= {"label": draw(st.sampled_from(["y", None])), "task": "binary"}
    call |= {"prediction": "d"} if kind in ("classes", "both") else {}
    call |= {"score": "s"} if kind in ("score", "both") else {}
    return table, call | ({"threshold": draw(st.sampled_from([0.5, 0.57]))} if "score" in call else {})


@engines
@given(questions())
@settings(max_examples=60)
def test_counts_are_those_of_a_plain_loop(engine: str, question: tuple[Columns, dict[str, Any]]) -> None:
    table, call = question
    axes, cells = opened(Table.of(ENGINES[engine](table)).counts(**call))
    slow_axes, slow_cells = slow_counts(table, **call)
    assert axes == slow_axes
    assert cells.keys() == slow_cells.keys()
    for cell, sums in slow_cells.items():
        assert cells[cell] == pytest.approx(sums, rel=1e-9, abs=1e-9)


@given(columns())
@settings(max_examples=40)
def test_whether_an_outcome_is_a_number_or_a_class_is_decided_alike_on_every_engine(table: Columns) -> None:
    groups = [name for name in table if name.startswith("g")]
    for label in ("y", "u", "s"):
        found = [Table.of(make(table)).counts(group=groups, label=label) for make in ENGINES.values()]
        assert all(f == found[0] for f in found)


@given(columns())
@settings(max_examples=40)
def test_missing_values_are_counted_alike_on_every_engine(table: Columns) -> None:
    by = [name for name in table if name.startswith("g")][:1]
    expected: dict[tuple[Any, ...], list[int]] = {}
    _, cells = slow_counts(table, group=by)
    for column in table.values():
        for cell in cells:
            _, per_value = slow_counts({**table, "y": table["y"], "x": column}, group=[*by, "x"])
            gone = sum(int(s["n"]) for c, s in per_value.items() if c[:-1] == cell and c[-1] is None)
            expected.setdefault(cell, []).append(gone)
    for make in ENGINES.values():
        counted = Table.of(make(table)).missing(by)
        found = dict(zip(counted.groups.names, counted.missing.tolist(), strict=True))
        assert found == expected
        assert counted.columns == tuple(table)
        assert counted.groups.n.tolist() == [int(cells[name]["n"]) for name in counted.groups.names]


@given(columns(kinds=("text", "boolean", "integer", "float", "date"), most_groups=2))
@settings(max_examples=40)
def test_duplicates_across_groups_are_counted_alike_on_every_engine(table: Columns) -> None:
    table = {n: c for n, c in table.items() if n in ("y", "d", "g0", "g1")}
    if "g0" not in table or any(DECOMPOSED in c.values for c in table.values()):
        return
    found = {name: Table.of(make(table)).duplicate_counts("g0") for name, make in ENGINES.items()}
    assert len(set(found.values())) == 1, found


@engines
def test_a_sample_is_the_same_for_the_same_seed_and_has_real_rows(engine: str) -> None:
    from .tables import Column

    table = {
        "id": Column("integer", list(range(500))),
        "twice": Column("float", [2.0 * i if i % 7 else None for i in range(500)]),
        "word": Column("text", [f"w{i}" if i % 5 else "" for i in range(500)]),
    }
    data = ENGINES[engine](table)
    taken = Table.of(data).sample(40, seed=3)
    again = Table.of(data).sample(40, seed=3)
    assert all(np.array_equal(taken[c].astype(str), again[c].astype(str)) for c in table)
    assert len(set(taken["id"].tolist())) == 40
    assert taken["id"].dtype == np.float64 and taken["word"].dtype == object
    for i, twice, word in zip(taken["id"].astype(int), taken["twice"], taken["word"], strict=True):
        assert math.isnan(twice) if i % 7 == 0 else twice == 2.0 * i
        assert word is None if i % 5 == 0 else word == f"w{i}"
    assert not np.array_equal(taken["id"], Table.of(data).sample(40, seed=4)["id"])
    assert len(Table.of(data).sample(10_000, seed=0, columns=["id"])["id"]) == 500


def test_names_of_columns_may_hold_anything() -> None:
    awkward = ["a b", 'q"q', "it's", "a.b", "é", "n", "w", "k0", "score", "select", "`", "{x}"]
    data = {name: ["x", "y", "x"] for name in awkward} | {"label": [1, 0, 1]}
    first = Table.of(data).counts(group=awkward, label="label")
    for other in (pl.DataFrame(data), pd.DataFrame(data), duckdb.connect().from_arrow(pl.DataFrame(data).to_arrow())):
        assert Table.of(other).counts(group=awkward, label="label") == first
        assert Table.of(other).missing("a b").missing.sum() == 0
        assert len(Table.of(other).sample(2, seed=0)) == len(data)
        assert Table.of(other).duplicate_counts("it's").rows == 3


def test_texts_that_mean_missing_are_missing_everywhere() -> None:
    data = {"g": ["a", "?", "N/A", "b"], "n": [1, -9, 2, 3], "y": [1.5, -9.0, 2.5, 3.5]}
    for make in (dict, pl.DataFrame, pd.DataFrame):
        table = Table.of(make(data), missing=("", "?", "N/A", "-9"))
        counts = table.counts(group=["g", "n"], label="y", task="regression")
        assert counts.dims[0].levels == ("a", "b", None) and counts.dims[1].levels == ("1", "2", "3", None)
        assert counts.sums["y_n"].sum() == 3 and counts.sums["y"].sum() == 7.5
        assert table.missing((), ["g", "n", "y"]).missing.tolist() == [[2, 1, 1]]


def test_composed_and_decomposed_letters_are_one_group() -> None:
    data = {"g": [COMPOSED, DECOMPOSED], "y": [1, 0]}
    assert Table.of(data).counts(group="g", label="y").dims[0].levels == (COMPOSED,)


def test_large_integers_are_kept_to_the_last_digit() -> None:
    data = {"g": np.array([2**53 + 1, 2**53, 2**63 - 1])}
    for make in (dict, pl.DataFrame, pd.DataFrame):
        levels = Table.of(make(data)).counts(group="g").dims[0].levels
        assert set(levels) == {"9007199254740993", "9007199254740992", "9223372036854775807"}


def test_huge_floats_are_alike_whether_few_or_many() -> None:
    for make in (dict, pl.DataFrame, pd.DataFrame):
        for values in ([1e20], [1e20, 1.0], [-1e300, 0.5]):
            levels = Table.of(make({"g": np.array(values)})).counts(group="g").dims[0].levels
            assert set(levels) == {repr(v).removesuffix(".0") for v in values}


def test_mixed_objects_are_told_apart() -> None:
    values = np.array([True, 1, 1.0, "1", None, False, 0], dtype=object)
    counts = Table.of({"g": values}).counts(group="g")
    assert dict(zip(counts.dims[0].levels, counts.n.tolist(), strict=True)) == {
        "0": 1, "1": 3, "False": 1, "True": 1, None: 1,
    }  # fmt: skip


def test_a_score_exactly_at_the_threshold_is_a_favourable_decision() -> None:
    counts = Table.of({"s": [0.3, 0.7, 0.6999999]}).counts(score="s", threshold=0.7)
    assert counts.marginal("s >= 0.7").n.tolist() == [2, 1]


def test_bins_are_thousandths_and_the_last_holds_one() -> None:
    counts = Table.of({"s": [0.0, 0.0009, 0.001, 0.999, 1.0, None]}).counts(score="s")
    bins = counts.marginal("s")
    assert dict(zip(bins.dims[0].levels, bins.n.tolist(), strict=True)) == {"0": 2, "1": 1, "999": 2, None: 1}


def test_many_crossed_values_are_counted_without_a_cell_for_each_combination() -> None:
    rng = np.random.default_rng(0)
    data = {c: rng.integers(0, 900, 5000) for c in "abcde"}
    counts = Table.of(data).counts(group=list("abcde"))
    assert counts.rows == 5000
    assert counts == Table.of(pl.DataFrame(data)).counts(group=list("abcde"))


def test_a_table_passes_through() -> None:
    table = Table.of({"a": [1]})
    assert Table.of(table) is table


def test_rows_counted_in_parts_add_up_to_the_whole() -> None:
    data = {"g": ["a", "b", "a", None, "c"], "y": [1, 0, 0, 1, 1]}
    whole = Table.of(data).counts(group="g", label="y")
    parts = [Table.of({k: v[i : i + 2] for k, v in data.items()}).counts(group="g", label="y") for i in (0, 2, 4)]
    assert sum(parts[1:], parts[0]) == whole


# -- faults -----------------------------------------------------------------------------------------------------------

PEOPLE = {
    "sex": ["f", "m", "f", "m"],
    "y": [1, 0, 1, 1],
    "s": [0.2, 0.9, math.nan, 1.0],
    "pct": [20.0, 90.0, 5.0, 100.0],
    "odd": [-3.0, 900.0, 0.5, 1.0],
    "w": [1.0, 2.0, 0.5, 0.0],
    "neg": [1.0, -2.0, 0.5, 0.0],
    "gap": [1.0, None, 0.5, 0.0],
    "nil": [0.0, 0.0, 0.0, 0.0],
    "inf": [1.0, math.inf, 0.0, 2.5],
    "who": ["p-31337", "p-31338", "p-31339", "p-31340"],
}
FAULTS: dict[str, tuple[dict[str, Any], type[InputError], str]] = {
    "wrong column": ({"group": "Sex"}, UnknownColumn, "no column 'Sex'.*Did you mean 'sex'"),
    "score in percent": ({"score": "pct"}, InputError, "run from 5 to 100; expected 0 to 1.*divide by 100"),
    "score out of range": ({"score": "odd"}, InputError, "run from -3 to 900; expected 0 to 1"),
    "score of text": ({"score": "who"}, InputError, "'who' holds text; numbers are needed"),
    "negative weight": ({"weight": "neg"}, InputError, "'neg' has negative values"),
    "missing weight": ({"weight": "gap"}, InputError, "'gap' has no value in 1 rows"),
    "weights all zero": ({"weight": "nil"}, InputError, "every weight in 'nil' is 0"),
    "endless weight": ({"weight": "inf"}, InputError, "'inf' holds infinite values"),
    "endless outcome": ({"label": "inf", "task": "regression"}, InputError, "'inf' holds infinite values"),
    "regression of text": (
        {"label": "who", "task": "regression"},
        InputError,
        "'who' holds text; numbers are needed for",
    ),
    "too many groups": ({"group": "who", "max_groups": 2}, InputError, "'who' has .*distinct values.*identifier"),
    "two roles": ({"group": "sex", "label": "sex"}, InputError, "'sex' is given as group and label"),
    "twice": ({"group": ["sex", "sex"]}, InputError, "'sex' is given as group twice"),
    "score in a regression": ({"label": "odd", "score": "s", "task": "regression"}, InputError, "a score is for"),
}


@pytest.mark.parametrize("fault", list(FAULTS))
@pytest.mark.parametrize("make", [dict, pd.DataFrame, pl.DataFrame, lambda d: pl.DataFrame(d).to_arrow()])
def test_what_cannot_be_counted_is_said_in_one_sentence(fault: str, make: Any) -> None:
    call, error, message = FAULTS[fault]
    with pytest.raises(error, match=message) as caught:
        Table.of(make(PEOPLE)).counts(**{"group": "sex", **call} if "group" not in call else call)
    assert "p-313" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_label_with_many_classes_points_to_regression() -> None:
    data = {"y": list(range(300))}
    with pytest.raises(InputError, match="300 distinct values, too many for classes.*task='regression'"):
        Table.of(data).counts(label="y", task="multiclass")
    with pytest.raises(InputError, match="give the column as score="):
        Table.of({"y": [0, 1] * 150, "p": np.linspace(0, 1, 300)}).counts(label="y", prediction="p")


@pytest.mark.parametrize("make", [dict, pl.DataFrame, lambda d: pl.DataFrame(d).to_arrow()])
def test_a_hundred_thousand_groups_are_refused(make: Any) -> None:
    data = {"id": [f"p{i}" for i in range(100_000)], "y": [0, 1] * 50_000}
    with pytest.raises(InputError, match=r"'id' has .* distinct values .at most 1,000"):
        Table.of(make(data)).counts(group="id", label="y")


def test_columns_of_unequal_length_are_named_with_their_lengths() -> None:
    with pytest.raises(InputError, match="'a' 2, 'b' 3"):
        Table.of({"a": [1, 2], "b": [1, 2, 3]})


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.zeros((3, 2)), "no column names"),
        (3, "cannot read a builtins.int"),
        ([{"a": 1}], "cannot read a builtins.list"),
        ({"a": np.zeros((3, 2))}, r"'a' has shape \(3, 2\)"),
        ({"a": "text"}, "'a' is one text"),
        ({"a": 3}, "'a' is a int"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "two columns named 'a'"),
    ],
)
def test_what_is_no_table_is_refused(data: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Table.of(data)


def test_lists_in_a_group_column_are_refused() -> None:
    for data in ({"g": [[1], [2]]}, pl.DataFrame({"g": [[1], [2]]})):
        with pytest.raises(InputError, match="'g' holds neither text"):
            Table.of(data).counts(group="g")


def test_zero_rows_are_a_table_with_no_cells() -> None:
    for make in ENGINES.values():
        from .tables import Column

        table = Table.of(make({"g": Column("text", []), "y": Column("integer", []), "s": Column("float", [])}))
        counts = table.counts(group="g", label="y", score="s")
        assert counts.rows == 0 and [d.levels for d in counts.dims] == [(), (), (), ()]
        assert table.missing("g").missing.shape == (0, 3)
        assert table.duplicate_counts("g").rows == 0
        assert len(table.sample(5, seed=0)["g"]) == 0


def test_what_is_counted_is_never_rows_of_people() -> None:
    counts = Table.of(PEOPLE).counts(group="sex", label="y", score="s", weight="w")
    assert isinstance(counts, Counts)
    assert b"p-313" not in counts.to_json()
    assert as_polars({}).is_empty()


@engines
def test_without_a_seed_the_first_rows_come_in_their_order(engine: str) -> None:
    from .tables import Column

    data = ENGINES[engine]({"id": Column("integer", list(range(5000)))})
    assert Table.of(data).sample(40, seed=None)["id"].tolist() == list(range(40))
    assert Table.of(data).sample(10_000, seed=None)["id"].tolist() == list(range(5000))


def test_a_file_is_read_in_its_order_too(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("i,t\n" + "".join(f"{i},x\n" for i in range(200_000)), encoding="utf-8")
    assert Table.of(path).sample(1_000_000, seed=None)["i"].tolist() == list(range(200_000))
