"""Only what is required is kept, in the same kind of data, and what was left out is said."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aequo.errors import InputError, UnknownColumn
from aequo.privacy.minimisation.minimise import minimize

NAMES = st.sampled_from(["age", "income", "sex", "zip", "e-mail", "a.b", "née", ""])
RECORDS = st.dictionaries(NAMES, st.one_of(st.integers(), st.text(), st.none(), st.lists(st.integers())), min_size=1)


# -- laws


@given(RECORDS, st.data())
def test_a_record_keeps_exactly_what_is_required_and_names_the_rest(
    record: dict[str, Any], data: st.DataObject
) -> None:
    names = [n for n in record if n]
    if not names:
        return
    required = data.draw(st.lists(st.sampled_from(names), min_size=1, unique=True))
    small = minimize(record, required=required)
    assert small.data == {k: v for k, v in record.items() if k in required}
    assert list(small.data) == [k for k in record if k in required]
    assert small.kept == tuple(required)
    assert set(small.dropped) == set(record) - set(required)
    again = minimize(small.data, required=required)
    assert again.data == small.data and again.dropped == ()


@given(st.lists(st.fixed_dictionaries({"age": st.integers(), "name": st.text(), "zip": st.text()}), max_size=5))
def test_records_are_minimised_one_by_one(records: list[dict[str, Any]]) -> None:
    expected = [{"age": r["age"]} for r in records]
    as_list, as_tuple = minimize(records, required="age"), minimize(tuple(records), required="age")
    assert as_list.data == expected and as_tuple.data == tuple(expected)
    assert as_list.rows == len(records)
    stream = minimize(iter(records), required="age")
    assert list(stream.data) == expected
    assert stream.dropped == as_list.dropped
    assert set(stream.dropped) == ({"name", "zip"} if records else set())


def test_the_data_given_is_not_changed() -> None:
    record = {"a": 1, "b": {"c": [1], "d": 2}}
    minimize(record, required=["b.c"])
    assert record == {"a": 1, "b": {"c": [1], "d": 2}}


# -- streams


def test_a_stream_is_read_only_as_far_as_its_result_is() -> None:
    read = []

    def source() -> Iterator[dict[str, int]]:
        for i in range(1000):
            read.append(i)
            yield {"a": i, "b": i} if i != 1 else {"a": i, "b": i, "c": i}

    small = minimize(source(), required="a")
    assert read == [] and small.dropped == ()
    assert next(small.data) == {"a": 0}
    assert read == [0] and small.dropped == ("b",)
    next(small.data)
    assert small.dropped == ("b", "c")


def test_a_record_of_a_stream_that_lacks_a_field_is_named_by_its_number_and_not_by_its_values() -> None:
    small = minimize(iter([{"age": 1}, {"agee": "secret"}]), required="age")
    next(small.data)
    with pytest.raises(UnknownColumn, match="^no field 'age' in record 2. Fields: agee. Did you mean 'agee'.$"):
        next(small.data)


# -- nested records


def test_a_path_reaches_into_nested_mappings_and_lists() -> None:
    record = {
        "id": 7,
        "address": {"city": "X", "street": "1 A St"},
        "orders": [{"item": "pen", "card": "4111"}, {"item": "ink", "card": "4112"}],
        "none": [],
    }
    small = minimize(record, required=["address.city", "orders.item", "none.any"])
    assert small.data == {"address": {"city": "X"}, "orders": [{"item": "pen"}, {"item": "ink"}], "none": []}
    assert small.dropped == ("id", "address.street", "orders.card")


@pytest.mark.parametrize("required", [["a", "a.b"], ["a.b", "a"]])
def test_a_field_that_is_required_whole_stays_whole(required: list[str]) -> None:
    assert minimize({"a": {"b": 1, "c": 2}, "d": 3}, required=required).data == {"a": {"b": 1, "c": 2}}


def test_a_name_with_a_point_goes_before_a_path() -> None:
    assert minimize({"a.b": 1, "a": {"b": 2}}, required="a.b").data == {"a.b": 1}


@pytest.mark.parametrize("value", [None, 3, "x", [1]])
def test_a_path_into_something_that_is_no_mapping_is_absent(value: object) -> None:
    with pytest.raises(UnknownColumn, match="no field 'a.b' in the record"):
        minimize({"a": value}, required="a.b")


# -- frames

ROWS = {"name": ["Ada", "Bob", None], "age": [36, None, 50], "zip": ["01", "02", ""]}
FRAMES: dict[str, Callable[[], Any]] = {
    "columns": lambda: dict(ROWS),
    "pandas": lambda: pd.DataFrame(ROWS),
    "polars": lambda: pl.DataFrame(ROWS),
    "polars, lazy": lambda: pl.DataFrame(ROWS).lazy(),
    "pyarrow": lambda: pa.table(ROWS),
    "DuckDB": lambda: duckdb.from_arrow(pa.table(ROWS)),
}


def as_columns(frame: Any) -> dict[str, list[Any]]:
    if isinstance(frame, dict):
        return frame
    if isinstance(frame, pd.DataFrame):
        return {c: [None if v != v else v for v in frame[c]] for c in frame.columns}
    if isinstance(frame, pl.LazyFrame):
        frame = frame.collect()
    if isinstance(frame, duckdb.DuckDBPyRelation):
        return dict(zip(frame.columns, map(list, zip(*frame.fetchall(), strict=True)), strict=True))
    return frame.to_dict(as_series=False) if isinstance(frame, pl.DataFrame) else frame.to_pydict()


@pytest.mark.parametrize("kind", FRAMES)
def test_a_frame_comes_back_as_the_same_kind_with_its_columns_in_order(kind: str) -> None:
    frame = FRAMES[kind]()
    small = minimize(frame, required=["zip", "age"])
    assert type(small.data) is type(frame)
    assert list(as_columns(small.data)) == ["age", "zip"]
    assert as_columns(small.data) == {"age": [36, None, 50], "zip": ["01", "02", ""]}
    assert small.kept == ("zip", "age") and small.dropped == ("name",)


@pytest.mark.parametrize("kind", FRAMES)
def test_an_absent_column_is_named_with_the_nearest_one(kind: str) -> None:
    with pytest.raises(UnknownColumn, match="'agee' in the .*: name, age, zip. Did you mean 'age'?"):
        minimize(FRAMES[kind](), required=["zip", "agee"])
    with pytest.raises(UnknownColumn, match="'x', 'y' in the"):
        minimize(FRAMES[kind](), required=["x", "y"])


@pytest.mark.parametrize("kind", FRAMES)
def test_an_error_holds_no_value(kind: str) -> None:
    with pytest.raises(UnknownColumn) as error:
        minimize(FRAMES[kind](), required="nope")
    assert "Ada" not in str(error.value) and "36" not in str(error.value)


def test_names_in_the_index_of_a_pandas_frame_do_not_slip_through() -> None:
    frame = pd.DataFrame({"age": [1, 2], "x": [3, 4]}, index=pd.Index(["a@x.org", "b@x.org"]))
    small = minimize(frame, required="age")
    assert small.dropped == ("x", "(index)")
    assert small.data.index.tolist() == [0, 1]
    named = frame.rename_axis("email")
    assert minimize(named, required="age").dropped == ("x", "email")
    assert minimize(named, required=["age", "email"]).data.index.tolist() == ["a@x.org", "b@x.org"]
    assert minimize(named, required="email").data.shape == (2, 0)


def test_a_plain_numbering_stays_so_that_rows_still_find_their_labels() -> None:
    frame = pd.DataFrame({"age": [1, 2, 3], "x": [3, 4, 5]}).iloc[[2, 0]]
    small = minimize(frame, required="age")
    assert small.data.index.tolist() == [2, 0] and small.dropped == ("x",)


def test_levels_of_an_index_are_kept_one_by_one() -> None:
    frame = pd.DataFrame({"email": ["a", "b"], "year": [1, 2], "x": [3, 4]}).set_index(["email", "year"])
    small = minimize(frame, required=["year", "x"])
    assert small.dropped == ("email",)
    assert small.data.index.names == ["year"]


def test_a_pandas_result_shares_no_memory_with_what_was_dropped() -> None:
    frame = pd.DataFrame({"age": [1.0, 2.0], "secret": [3.0, 4.0]})
    small = minimize(frame, required="age").data
    assert not any(small["age"].to_numpy().base is frame[c].to_numpy().base is not None for c in frame)
    small.loc[0, "age"] = 9.0
    assert frame.loc[0, "age"] == 1.0


def test_two_columns_of_one_name_are_refused_only_where_they_are_kept() -> None:
    frame = pd.DataFrame([[1, 2, 3]], columns=["a", "a", "b"])
    assert minimize(frame, required="b").dropped == ("a",)
    with pytest.raises(InputError, match="two columns named 'a'"):
        minimize(frame, required="a")


# -- calls that cannot mean anything


@pytest.mark.parametrize("required", [[], "", ["a", ""]])
def test_nothing_required_is_refused(required: Any) -> None:
    with pytest.raises(InputError, match="no field is required"):
        minimize({"a": 1}, required=required)


def test_what_holds_no_fields_is_refused() -> None:
    with pytest.raises(InputError, match="minimise_file"):
        minimize("people.csv", required="a")
    with pytest.raises(InputError, match="cannot minimise a int"):
        minimize(3, required="a")
    with pytest.raises(InputError, match="record 1 is a int"):
        minimize([3], required="a")


def test_the_result_as_json_holds_names_and_no_data() -> None:
    small = minimize([{"age": 36, "name": "Ada"}], required="age")
    assert small.to_dict() == {"kept": ["age"], "dropped": ["name"], "rows": 1}
    assert "Ada" not in small.to_json()
