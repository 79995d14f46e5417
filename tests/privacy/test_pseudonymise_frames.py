"""Columns of every type in every kind of frame: types that can be kept are kept, and all kinds agree."""

# ruff: noqa: DTZ001 - data without a zone is what is tested
from __future__ import annotations

import datetime as dt
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aequo.errors import InputError, UnknownColumn
from aequo.ledger.keys import KeyRing
from aequo.privacy.pseudonyms.fields import Field
from aequo.privacy.pseudonyms.pseudonymiser import Pseudonymiser

from . import pseudonyms as p

KEY = KeyRing({1: bytes(32)})
IDS = [1, 20, 300, 4_000_000_000, 123_456_789, None]
DAYS = [dt.date(2020, 2, 29), dt.date(1960, 1, 1), dt.date(9999, 12, 31), dt.date(1, 1, 1), None]
MOMENTS = [dt.datetime(2020, 2, 29, 23, 59, 59, 999_999), dt.datetime(1960, 1, 1, 5, 6), None]
ZONED = [dt.datetime(2020, 3, 29, 0, 30, tzinfo=dt.UTC), dt.datetime(2021, 1, 1, tzinfo=dt.UTC), None]


def frames(columns: dict[str, tuple[Any, list[Any]]]) -> dict[str, Any]:
    """The same typed columns in each kind of frame."""
    eager = pl.DataFrame({name: pl.Series(values, dtype=dtype) for name, (dtype, values) in columns.items()})
    table = eager.to_arrow()
    connection = duckdb.connect()
    connection.register("arrow_table", table)
    connection.execute("create table t as select * from arrow_table")
    connection.unregister("arrow_table")
    return {
        "polars": eager,
        "polars lazy": eager.lazy(),
        "pyarrow": table,
        "pandas": eager.to_pandas(),
        "duckdb": connection.table("t"),
    }


def plain(value: Any) -> Any:
    value = p.plain(value)
    if value is pd.NaT or value is None:
        return None
    if isinstance(value, pd.Timestamp):
        value = value.to_pydatetime()
    if isinstance(value, dt.datetime) and value.tzinfo is not None:
        return value.astimezone(dt.UTC).replace(tzinfo=None)
    return value.item() if isinstance(value, np.generic) else value


def values(frame: Any, column: str) -> list[Any]:
    return [plain(row[column]) for row in p.rows_of(frame)]


def hide(fields: Any, **options: Any) -> Pseudonymiser:
    return Pseudonymiser(KEY, fields, unknown="ignore", **options)


@settings(max_examples=30)
@given(st.lists(st.tuples(st.sampled_from(IDS), st.sampled_from(DAYS), st.sampled_from(["a", "b", None])), max_size=8))
def test_dates_and_numbers_keep_their_type_and_all_kinds_agree(rows: list[tuple[Any, Any, Any]]) -> None:
    made = frames(
        {
            "ssn": (pl.Int64, [r[0] for r in rows]),
            "day": (pl.Date, [r[1] for r in rows]),
            "who": (pl.String, [r[2] for r in rows]),
        }
    )
    one = hide({"ssn": "ssn", "day": "date"}, form="preserving", person="who")
    records = [one.record({"ssn": r[0], "day": r[1], "who": r[2]}).data for r in rows]
    for kind, frame in made.items():
        out = one.frame(frame).data
        assert values(out, "ssn") == [r["ssn"] for r in records], kind
        days = [v.date() if isinstance(v, dt.datetime) else v for v in values(out, "day")]
        assert days == [r["day"] for r in records], kind
        assert all(v is None or type(v) in (int, float) for v in values(out, "ssn"))


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin"])
def test_time_stamps_move_whole_days_and_keep_unit_zone_and_time_of_day(unit: str, zone: str | None) -> None:
    rows = [dt.datetime(2020, 2, 29, 12, 59, 59, 999_000), dt.datetime(1960, 1, 1, 5, 6), None]
    stamps = pl.Series(rows, dtype=pl.Datetime(unit))
    if zone is not None:
        stamps = stamps.dt.replace_time_zone("UTC").dt.convert_time_zone(zone)
    frame = pl.DataFrame({"at": stamps, "who": ["a", "a", "a"]})
    moved = hide({"at": "date"}, form="preserving", person="who")
    out = moved.frame(frame).data
    assert out.schema == frame.schema
    shift = (out["at"] - frame["at"]).drop_nulls().dt.total_seconds().to_list()
    assert len(set(shift)) == 1
    assert shift[0] != 0
    assert shift[0] % 86_400 == 0
    arrow = moved.frame(frame.to_arrow()).data
    assert arrow.schema == frame.to_arrow().schema
    assert pl.from_arrow(arrow)["at"].to_list() == out["at"].to_list()
    before = frame.to_pandas()
    after = moved.frame(before).data
    assert after.dtypes.to_dict() == before.dtypes.to_dict()
    assert ((after["at"] - before["at"]).dropna().dt.total_seconds() == shift[0]).all()
    assert out["at"].to_list()[2] is None
    assert after["at"].isna().tolist() == [False, False, True]


def test_nanoseconds_that_would_overflow_are_left_empty_and_counted() -> None:
    last = pd.Timestamp.max.floor("s")
    frame = pd.DataFrame(
        {"at": pd.Series([last, last - pd.Timedelta(days=500)], dtype="datetime64[ns]"), "who": ["x", "x"]}
    )
    for person in range(20):
        frame["who"] = str(person)
        result = hide({"at": "date"}, form="preserving", person="who").frame(frame)
        lost = int(result.data["at"].isna().sum())
        assert result.report.replaced[0].lost == lost
        if lost == 1:
            return
    raise AssertionError("no person's offset was positive")


@pytest.mark.parametrize(
    ("dtype", "held"),
    [
        (pl.Int64, [1, 2, None, 1]),
        (pl.Float64, [1.0, 2.5, None, float("nan")]),
        (pl.Boolean, [True, False, None, True]),
        (pl.Categorical, ["a", "b", None, "a"]),
        (pl.Date, [*DAYS[:2], None]),
        (pl.Datetime("us"), MOMENTS),
        (pl.Datetime("us", "UTC"), ZONED),
        (pl.Null, [None, None]),
        (pl.String, []),
    ],
)
def test_a_token_of_any_type_is_the_same_in_every_kind(dtype: Any, held: list[Any]) -> None:
    one = hide(["id"])
    expected = [plain(one.record({"id": v}).data["id"]) for v in held]
    for kind, frame in frames({"id": (dtype, held)}).items():
        out = one.frame(frame)
        assert values(out.data, "id") == expected, kind
        present = sum(v is not None for v in expected)
        assert (out.report.replaced[0].values, out.report.replaced[0].missing) == (present, len(held) - present), kind


def test_pandas_objects_of_different_types_are_not_merged() -> None:
    held = [1, True, "1", 1.0, "True", None, float("nan"), pd.NA]
    frame = pd.DataFrame({"id": pd.Series(held, dtype=object)})
    out = hide(["id"]).frame(frame).data["id"].tolist()
    assert out[0] == out[2] == out[3] != out[1] == out[4]
    assert pd.isna(pd.Series(out[5:])).all()


def test_the_index_the_other_columns_and_their_types_stay() -> None:
    frame = pd.DataFrame(
        {"email": ["a@x.org", None], 7: [1, 2], "c": pd.Categorical(["u", "v"]), "d": [1.5, None]}, index=["r1", "r2"]
    )
    out = hide(["email"]).frame(frame).data
    assert out.index.tolist() == ["r1", "r2"]
    assert list(out.columns) == list(frame.columns)
    pd.testing.assert_frame_equal(out.drop(columns="email"), frame.drop(columns="email"))
    assert out["email"].dtype == frame["email"].dtype


def test_integers_with_gaps_stay_integers_in_a_preserving_form() -> None:
    out = hide(["ssn"], form="preserving").frame(pd.DataFrame({"ssn": pd.array([123456789, None], dtype="Int64")})).data
    assert str(out["ssn"].dtype) == "Int64"
    assert 900_000_000 <= out["ssn"][0] <= 999_999_999
    assert out["ssn"][1] is pd.NA


def test_a_duckdb_relation_stays_lazy_in_its_connection_and_in_order() -> None:
    connection = duckdb.connect()
    connection.execute("create table t as select i, 'u' || (i % 50000) || '@x.org' as email from range(200000) r(i)")
    relation = connection.sql("select * from t order by i desc")
    out = hide(["email"]).frame(relation).data
    assert isinstance(out, duckdb.DuckDBPyRelation)
    got = out.fetchall()
    assert [row[0] for row in got] == list(range(199_999, -1, -1))
    assert got[0][1] == hide(["email"]).value("email", f"u{199_999 % 50_000}@x.org")
    connection.execute("create table kept as select * from out")
    assert connection.sql("select count(distinct email) from kept").fetchall() == [(50_000,)]


def test_a_connection_that_does_not_see_python_is_told_of() -> None:
    connection = duckdb.connect()
    connection.execute("set python_enable_replacements = false")
    relation = connection.sql("select 'a@x.org' as email")
    with pytest.raises(InputError, match="python_enable_replacements"):
        hide(["email"]).frame(relation)


@pytest.mark.parametrize("kind", p.FRAMES)
def test_a_field_that_is_no_column_is_an_error_with_a_hint(kind: str) -> None:
    frame = p.FRAMES[kind]([{n: pool[0] for n, pool in p.POOLS.items()}])
    with pytest.raises(UnknownColumn, match="no column 'emial'.*Did you mean 'email'"):
        hide(["emial"]).frame(frame)
    with pytest.raises(UnknownColumn, match="no column 'patient'"):
        hide(["email"], person="patient").frame(frame)


def test_lists_in_a_frame_are_refused_and_named() -> None:
    frame = pl.DataFrame({"email": [["a@x.org"], ["b@x.org"]]})
    for one in (
        frame,
        frame.lazy(),
        frame.to_arrow(),
        frame.to_pandas(),
        frames({"email": (pl.List(pl.String), [["a"]])})["duckdb"],
    ):
        with pytest.raises(InputError, match="'email' holds lists or structures"):
            hide(["email"]).frame(one)


def test_two_columns_of_one_name_are_refused() -> None:
    frame = pd.DataFrame([["a@x.org", "b@x.org"]], columns=["email", "email"])
    with pytest.raises(InputError, match="two columns named 'email'"):
        hide(["email"]).frame(frame)
    with pytest.raises(InputError, match="two columns named 'email'"):
        hide(["email"]).frame(pa.table([["a"], ["b"]], names=["email", "email"]))


def test_a_frame_without_a_recognised_column_is_no_success() -> None:
    with pytest.raises(InputError, match="no column of the frame is recognised by its name"):
        hide(None).frame(pl.DataFrame({"x": [1]}))


def test_what_is_no_frame_is_said() -> None:
    with pytest.raises(InputError, match="a ndarray is no frame"):
        hide(["x"]).frame(np.zeros(3))


def test_dates_without_a_person_column_are_refused_in_one_sentence() -> None:
    with pytest.raises(InputError, match="the dates of 'day' move by person"):
        hide({"day": "date"}, form="preserving").frame(pl.DataFrame({"day": [dt.date(2020, 1, 1)]}))


def test_a_date_can_be_a_token_beside_surrogates() -> None:
    out = hide({"day": Field("date", form="token"), "email": "email"}, form="preserving").record(
        {"day": dt.date(2020, 1, 1), "email": "a@x.org"}
    )
    assert out.data["day"].startswith("p1_")
    assert out.data["email"].endswith("@example.com")


def test_a_frame_of_a_derived_class_is_a_frame() -> None:
    class Derived(pd.DataFrame):
        pass

    assert hide(["email"]).frame(Derived({"email": ["a@x.org"]})).data["email"][0].startswith("p1_")


def test_a_stream_of_something_else_says_what_it_holds() -> None:
    with pytest.raises(InputError, match="record 2 is a tuple, expected a dictionary"):
        list(hide(["email"]).stream([{"email": "a"}, ("a",)]).data)
