"""Laws of counts: they add, subtract, sum over columns and come back from JSON, whatever was counted."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aequo.core.counts import Counts
from aequo.core.levels import sort_levels
from aequo.core.table import Table
from aequo.errors import InputError, UnknownColumn

from .tables import opened

CALLS: list[dict[str, Any]] = [
    {"label": "y", "prediction": "d"},
    {"label": "y", "weight": "w"},
    {"label": "y", "score": "s", "weight": "w"},
    {"label": "u", "prediction": "s", "task": "regression", "weight": "w"},
]


@st.composite
def tables(draw: st.DrawFn, *, parts: int = 1) -> list[dict[str, list[Any]]]:
    """Tables with the same columns, of people in groups."""
    values = {
        "g": st.sampled_from(["a", "b", "c", None]),
        "h": st.sampled_from([1, 2]),
        "y": st.sampled_from([0, 1]),
        "d": st.sampled_from([0, 1]),
        "s": st.sampled_from([0.0, 0.25, 0.5, 1.0, None]),
        "u": st.sampled_from([-2.0, 0.5, 4.0, None]),
        "w": st.sampled_from([0.5, 1.0, 3.0]),
    }
    out = []
    for _ in range(parts):
        rows = draw(st.integers(0, 12))
        out.append({k: draw(st.lists(v, min_size=rows, max_size=rows)) for k, v in values.items()})
    return out


def count(data: dict[str, list[Any]], call: dict[str, Any]) -> Counts:
    return Table.of(data).counts(**{"group": ["g", "h"], "task": "binary", **call})


calls = st.sampled_from(CALLS)


@given(tables(parts=2), calls)
def test_counts_of_two_tables_add_to_the_counts_of_both(both: list[dict[str, list[Any]]], call: dict[str, Any]) -> None:
    a, b = both
    together = {k: a[k] + b[k] for k in a}
    assert count(a, call) + count(b, call) == count(together, call)
    assert count(a, call) + count(b, call) == count(b, call) + count(a, call)


@given(tables(parts=3), calls)
def test_adding_can_be_done_in_any_order(three: list[dict[str, list[Any]]], call: dict[str, Any]) -> None:
    a, b, c = (count(t, call) for t in three)
    assert (a + b) + c == a + (b + c)


@given(tables(parts=2), calls)
def test_what_was_added_can_be_taken_away(both: list[dict[str, list[Any]]], call: dict[str, Any]) -> None:
    a, b = (count(t, call) for t in both)
    assert (a + b) - b == a
    assert (a - a).rows == 0 and len((a - a).n) == 0


def test_weights_that_cancel_leave_no_cell() -> None:
    a = count({"g": ["a"], "h": [1], "y": [1], "w": [0.1]}, {"label": "y", "weight": "w"})
    b = count({"g": ["b"], "h": [1], "y": [1], "w": [0.7]}, {"label": "y", "weight": "w"})
    assert (a + b + b + b) - b - b - b == a


@given(tables(), calls)
def test_counts_come_back_from_json(one: list[dict[str, list[Any]]], call: dict[str, Any]) -> None:
    counts = count(one[0], call)
    again = Counts.from_json(counts.to_json())
    assert again == counts
    assert again.to_json() == counts.to_json()
    assert again.digest() == counts.digest()


@given(tables(), calls, st.permutations(range(12)))
def test_the_order_of_rows_changes_nothing(
    one: list[dict[str, list[Any]]], call: dict[str, Any], order: list[int]
) -> None:
    data = one[0]
    kept = [i for i in order if i < len(data["g"])]
    assert count({k: [v[i] for i in kept] for k, v in data.items()}, call) == count(data, call)


@given(tables(), calls)
def test_other_names_of_groups_change_only_the_names(one: list[dict[str, list[Any]]], call: dict[str, Any]) -> None:
    names = {"a": "zebra", "b": "Ärger", "c": "10", None: None}
    _, before = opened(count(one[0], call))
    _, after = opened(count({**one[0], "g": [names[v] for v in one[0]["g"]]}, call))
    assert after == {(names[cell[0]], *cell[1:]): sums for cell, sums in before.items()}


@given(tables(), calls, st.sets(st.sampled_from(["g", "h"])))
def test_a_marginal_is_the_count_without_the_other_columns(
    one: list[dict[str, list[Any]]], call: dict[str, Any], kept: set[str]
) -> None:
    counts = count(one[0], call)
    others = [d.name for d in counts.dims if d.role != "group"]
    assert counts.marginal(*kept, *others) == count(one[0], {**call, "group": sorted(kept)})
    assert counts.marginal().rows == counts.rows


@given(tables(), calls)
def test_the_parts_of_a_selection_add_to_the_whole(one: list[dict[str, list[Any]]], call: dict[str, Any]) -> None:
    counts = count(one[0], call)
    levels = counts.dims[0].levels
    parts = [counts.select("g", v) for v in levels]
    rest = [d.name for d in counts.dims if d.name != "g"]
    if parts:
        assert sum(parts[1:], parts[0]) == counts.marginal(*rest)
    assert counts.select("g", "nobody").rows == 0


@given(tables(), calls)
def test_groups_hold_every_row_once(one: list[dict[str, list[Any]]], call: dict[str, Any]) -> None:
    counts = count(one[0], call)
    for by in (None, "g", ["h", "g"], []):
        groups = counts.groups(by)
        assert groups.n.sum() == counts.rows
        assert len(set(groups.names)) == len(groups) == len(groups.labels)
        assert np.array_equal(groups.missing, [any(v is None for v in name) for name in groups.names])
    assert [n[0] for n in counts.groups("g").names] == sort_levels({*one[0]["g"]})


def test_a_crossing_is_named_for_people() -> None:
    counts = count({"g": ["a", None], "h": [1, 2], "y": [0, 1]}, {"label": "y"})
    assert counts.groups().subject == "g × h"
    assert counts.groups().labels == ("a · 1", "(missing) · 2")


def test_an_unknown_column_is_named_with_the_nearest() -> None:
    counts = Table.of({"race": ["a"], "y": [1]}).counts(group="race", label="y")
    with pytest.raises(UnknownColumn, match="no column 'rase' in these counts. Columns: race, y. Did you mean 'race'"):
        counts.marginal("rase")


def test_counts_of_different_columns_do_not_add() -> None:
    data = {"g": ["a"], "h": ["b"], "y": [1], "s": [0.5]}
    table = Table.of(data)
    with pytest.raises(InputError, match="different columns"):
        table.counts(group="g", label="y") + table.counts(group="h", label="y")
    regression = table.counts(group="g", label="y", task="regression")
    both = table.counts(group="g", label="y", prediction="s", task="regression")
    with pytest.raises(InputError, match="different sums"):
        regression + both
    with pytest.raises(TypeError):
        regression + 1  # type: ignore[operator]


def _stored(**changes: Any) -> str:
    counts = count({"g": ["a", "b"], "h": [1, 1], "y": [0, 1], "w": [1.0, 2.0]}, {"label": "y", "weight": "w"})
    return json.dumps({**counts.to_dict(), **changes})


DIMS = [{"name": "g", "role": "group", "levels": ["a", "b"]}]
GARBAGE = {
    "nothing": "",
    "text": "hello",
    "bytes": b"\xff\xfe\x00",
    "a list": "[]",
    "another object": '{"a": 1}',
    "a newer format": _stored(format=99),
    "a wrong role": _stored(dims=[{"name": "g", "role": "boss", "levels": []}]),
    "short columns": _stored(n=[1]),
    "short codes": _stored(codes=[[0], [1]]),
    "an unlisted value": _stored(codes=[[0, 0, 0], [9, 0, 0]]),
    "a negative value": _stored(codes=[[0, 0, 0], [-1, 0, 0]]),
    "weights without squares": _stored(w2=None),
    "text for a number": _stored(n=["1", "2"]),
    "half a row": _stored(n=[1.5, 2]),
    "a huge number": _stored(n=[2**70, 1]),
    "a value twice": _stored(dims=[{"name": c, "role": "group", "levels": ["a", "a"]} for c in "ghy"]),
    "a column twice": _stored(dims=DIMS * 3),
    "not a number": _stored(w=[None, 1.0]),
}


@pytest.mark.parametrize("what", list(GARBAGE))
def test_what_is_no_table_of_counts_is_refused(what: str) -> None:
    with pytest.raises(InputError):
        Counts.from_json(GARBAGE[what])


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_no_text_breaks_the_reader(text: bytes | str) -> None:
    with pytest.raises(InputError):
        Counts.from_json(text)


def test_counts_are_read_only_in_spirit_and_not_hashable() -> None:
    counts = count({"g": ["a"], "h": [1], "y": [1]}, {"label": "y"})
    with pytest.raises(AttributeError):
        counts.n = np.zeros(1)  # type: ignore[misc, assignment]
    with pytest.raises(TypeError):
        hash(counts)
    assert counts != 1
