"""A value has one canonical text, whichever engine held it."""

# ruff: noqa: DTZ001 - data without a zone is what is tested
from __future__ import annotations

import datetime as dt
import decimal
import math
import unicodedata
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aequo.core.levels import level, shown, sort_levels

_PARIS = dt.timezone(dt.timedelta(hours=2))


@pytest.mark.parametrize(
    ("text", "values"),
    [
        (None, [None, math.nan, np.float32("nan"), np.datetime64("NaT"), pd.NaT, pd.NA, "", np.str_(""), b""]),
        ("1", [1, 1.0, np.int8(1), np.float32(1), decimal.Decimal("1.00"), "1", np.str_("1"), b"1"]),
        ("0", [0, 0.0, -0.0, np.uint8(0)]),
        ("1.5", [1.5, np.float64(1.5), np.float32(1.5), decimal.Decimal("1.5")]),
        ("1e+20", [1e20]),
        ("100000000000000000000", [10**20]),
        ("True", [True, np.bool_(True)]),
        ("False", [False, np.bool_(False)]),
        ("caf\u00e9", ["caf\u00e9", "cafe\u0301", np.str_("cafe\u0301"), "cafe\u0301".encode()]),
        ("2020-01-02", [dt.date(2020, 1, 2), dt.datetime(2020, 1, 2), np.datetime64("2020-01-02", "ns"),
                        np.datetime64("2020-01-02"), pd.Timestamp("2020-01-02")]),
        ("2020-01-02T03:04:05", [dt.datetime(2020, 1, 2, 3, 4, 5), np.datetime64("2020-01-02T03:04:05", "ns"),
                                 pd.Timestamp("2020-01-02 03:04:05")]),
        ("2020-01-02T03:04:05+00:00", [dt.datetime(2020, 1, 2, 3, 4, 5, tzinfo=dt.UTC),
                                       dt.datetime(2020, 1, 2, 5, 4, 5, tzinfo=_PARIS),
                                       pd.Timestamp("2020-01-02 05:04:05", tz=_PARIS)]),
    ],
)  # fmt: skip
def test_the_same_value_in_another_type_has_the_same_text(text: str | None, values: list[Any]) -> None:
    assert [level(v) for v in values] == [text] * len(values)


def test_texts_that_mean_missing_are_chosen() -> None:
    assert level("?", missing=("?",)) is None
    assert level("", missing=("?",)) == ""
    assert level(-9, missing=("", "-9")) is None
    assert level(-9.0, missing=("", "-9")) is None
    assert level(" ") == " "


values = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.dates(), st.datetimes())


@given(values)
def test_a_text_is_its_own_text(value: Any) -> None:
    once = level(value)
    assert level(once) == once
    assert once is None or unicodedata.is_normalized("NFC", once)


@given(st.lists(values))
def test_sorting_has_one_answer_and_missing_last(found: list[Any]) -> None:
    levels = {level(v) for v in found}
    ordered = sort_levels(levels)
    assert set(ordered) == levels
    assert ordered == sort_levels(sorted(levels, key=str, reverse=True))
    assert None not in ordered[:-1]


def test_numbers_are_sorted_as_numbers() -> None:
    assert sort_levels(["b", "10", "nan", "9", "-1.5", "inf", None]) == ["-1.5", "9", "10", "b", "inf", "nan", None]


def test_missing_is_said_in_words() -> None:
    assert shown(None) == "(missing)" and shown("a") == "a"
