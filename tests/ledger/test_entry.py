"""Any JSON value comes back exactly as it was given, or is refused in one sentence that names no value."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import io
import json
import math
import re
import uuid
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from aequo.errors import InputError
from aequo.ledger import Ledger, write_bundle
from aequo.ledger.entry import MOST_BYTES, MOST_DEEP, canonical, encode_all, encode_json, instant, kind_of, microseconds
from aequo.ledger.verify import check_bundle

from .samples import make


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    with make(tmp_path_factory.mktemp("entries")) as ledger:
        yield ledger


# Everything that JSON has, with what is awkward in it.
numbers = (
    st.integers()
    | st.sampled_from([2**53 + 1, 2**63, -(2**63) - 1, 2**64, 10**300, -(10**4000)])
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([0.0, -0.0, 1.0, 1e16, 1e22, 5e-324, 1.7976931348623157e308, 0.1 + 0.2])
)
texts = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(
    ["", "\x00", "\x7f\x80", "\u2028\u2029", "\ufeff", "\U0010ffff", "e\u0301", '"\\/', "</script>", "[" * 300]
)
leaves = st.none() | st.booleans() | numbers | texts
values = st.recursive(leaves, lambda v: st.lists(v, max_size=4) | st.dictionaries(texts, v, max_size=4), max_leaves=25)


def same(one: Any, other: Any) -> bool:
    """Equal, and of the same types: 1 is not 1.0 or True, 0.0 is not -0.0."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(v, other[k]) for k, v in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other) and (not isinstance(one, float) or math.copysign(1, one) == math.copysign(1, other))


# -- what JSON can hold -----------------------------------------------------------------------------------------------


@settings(max_examples=250)
@given(values)
def test_any_json_value_comes_back_as_it_was(ledger: Ledger, value: Any) -> None:
    entry = ledger.entry(ledger.append(value).index or 0)
    assert same(entry.event, value)
    assert (entry.kind, entry.sealed, entry.subject) == (kind_of(value), "none", None)


@settings(max_examples=250)
@given(values, texts)
def test_any_json_value_on_a_person_comes_back_as_it_was(ledger: Ledger, value: Any, person: str) -> None:
    assume(person.strip())
    entry = ledger.entry(ledger.append(value, subject=person).index or 0)
    assert same(entry.event, value)
    assert (entry.sealed, entry.subject) == ("open", ledger.subject_id(person).hex())


@settings(max_examples=60)
@given(st.lists(values, min_size=1, max_size=4), st.booleans())
def test_any_json_value_comes_out_of_a_bundle_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, ledger: Ledger, events: list[Any], chosen: bool
) -> None:
    receipts = ledger.append_many(events)
    path = tmp_path_factory.getbasetemp() / "entries.bundle"
    write_bundle(ledger, path, [r.index for r in receipts if r.index is not None] if chosen else None)
    data = path.read_bytes()
    assert check_bundle(io.BytesIO(data), ledger.vkey).size == ledger.size
    bodies = [json.loads(line) for line in data.splitlines()[1:] if not line.startswith(b'{"left_out"')]
    assert all(map(same, [body["event"] for body in bodies[-len(events) :]], events))


@given(st.dictionaries(texts, values, max_size=5), st.data())
def test_a_field_stays_readable_only_if_it_is_named(ledger: Ledger, event: dict[str, Any], data: st.DataObject) -> None:
    clear = data.draw(st.lists(st.sampled_from(sorted(event)), unique=True)) if event else []
    index = ledger.append(event, subject="p", clear=clear).index or 0
    row = ledger.store.rows(index, index + 1)[0]
    readable = json.loads(row.body)["event"]
    kind = {"kind"} if event.get("kind") == kind_of(event) else set()
    assert readable.keys() == set(clear) | (kind & event.keys())
    assert same(ledger.entry(index).event, event)


# -- what it cannot ---------------------------------------------------------------------------------------------------


class Colour(enum.Enum):
    RED = "secret"


@dataclass
class Person:
    name: str


SECRET = "hunter2@example.com"
UNFIT = [
    float("nan"),
    float("inf"),
    -float("inf"),
    "\ud800" + SECRET,
    (SECRET,),
    {SECRET},
    frozenset([SECRET]),
    SECRET.encode(),
    bytearray(SECRET.encode()),
    dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    dt.date(2026, 1, 1),
    dt.timedelta(1),
    decimal.Decimal("1.5"),
    uuid.UUID(int=1),
    complex(1, 2),
    deque([SECRET]),
    Colour.RED,
    Person(SECRET),
    object(),
    np.float64(1.5),
    np.int64(1),
    np.bool_(True),
    np.str_(SECRET),
    [np.str_(SECRET)] * 300,
    np.array([1, 2]),
    pd.Series([SECRET]),
    pd.Timestamp("2026-01-01"),
    pd.NA,
    10**4300,
    lambda: SECRET,
    {1: SECRET},
    {None: SECRET},
    {(1, 2): SECRET},
    {"\udfff" + SECRET: 1},
]


def wrap(value: Any, way: int) -> Any:
    return [value, [0, value], {"a": value}, {"a": [{"b": [1, value]}]}, {SECRET: value}][way]


def refusal(ledger: Ledger, value: Any, **how: Any) -> str:
    before = ledger.size
    with pytest.raises(InputError) as caught:
        ledger.append(value, **how)
    assert ledger.size == before
    return str(caught.value)


@pytest.mark.parametrize("value", UNFIT, ids=lambda v: type(v).__name__)
@pytest.mark.parametrize("way", range(5))
def test_what_json_cannot_hold_is_refused_in_a_sentence_without_a_value(ledger: Ledger, value: Any, way: int) -> None:
    for how in ({}, {"subject": "p"}):
        said = refusal(ledger, wrap(value, way), **how)
        assert said.startswith("the event ") and said.endswith(".") and "\n" not in said and said.isprintable()
        assert SECRET not in said and "1.5" not in said and "2026" not in said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"a": [1, float("nan")]}, "the event has NaN at a[1], which JSON cannot hold; leave it out or write null."),
        (
            {"a": {"b c": -math.inf}},
            "the event has an infinite number at a[...], which JSON cannot hold; leave it out or ",
        ),
        ([(1, 2)], "the event has a tuple at [0], which is no JSON value; use a list."),
        ({"x": np.float64(1)}, "the event has a float64 at x, which is no JSON value; call its tolist()."),
        ({1: 2}, "the event has a key of type int, expected text."),
        ({"a": {None: 2}}, "the event has a key of type NoneType at a, expected text."),
        ({"a": 10**5000}, "the event has a whole number at a of so many digits that Python does not read it back; "),
        ("\udc00", "the event has half of a surrogate pair, which is no character."),
        (
            "x" * (MOST_BYTES - 1),
            "the event takes 16,777,217 bytes, and 16,777,216 are the most; store it elsewhere and ",
        ),
    ],
    ids=range(9),
)
def test_a_refusal_says_what_was_seen_and_what_to_do(ledger: Ledger, value: Any, said: str) -> None:
    assert refusal(ledger, value).startswith(said)


anything = st.recursive(
    leaves
    | st.integers(0, len(UNFIT) - 1).map(lambda i: UNFIT[i])
    | st.floats()
    | st.text()
    | st.binary()
    | st.tuples(leaves),
    lambda v: st.lists(v, max_size=3) | st.dictionaries(texts | st.integers() | st.none(), v, max_size=3),
    max_leaves=12,
)


@settings(max_examples=400)
@given(anything)
def test_whatever_is_given_comes_back_as_it_was_or_is_refused_in_one_sentence(value: Any) -> None:
    try:
        text = encode_json(value)
    except InputError as error:
        said = str(error)
        assert said.startswith("the event ") and "\n" not in said and len(said) < 300
    else:
        assert same(json.loads(text), value)


def nested(depth: int, way: type) -> Any:
    value: Any = 0
    for _ in range(depth):
        value = [value] if way is list else {"k": value}
    return value


def outcome(encode: Callable[[list[Any]], list[bytes]], events: list[Any]) -> list[bytes] | str:
    """What becomes of a batch: its bytes, or the sentence of its refusal."""
    try:
        return encode(events)
    except InputError as error:
        return str(error)


@settings(max_examples=300)
@given(
    st.lists(values | anything | st.sampled_from([nested(d, w) for d in (200, 201) for w in (list, dict)]), max_size=5)
)
def test_a_batch_is_held_or_refused_as_each_of_its_events_alone(events: list[Any]) -> None:
    assert outcome(encode_all, events) == outcome(lambda each: [encode_json(event) for event in each], events)


@pytest.mark.parametrize("way", [list, dict])
def test_depth_is_taken_to_the_limit_and_refused_beyond_it_however_deep(ledger: Ledger, way: type) -> None:
    for how in ({}, {"subject": "p"}):
        deepest = nested(MOST_DEEP - 1, way)
        assert ledger.entry(ledger.append(deepest, **how).index or 0).event == deepest
        for depth in (MOST_DEEP + 1, 500, 990, 5000, 200_000):
            assert "nests deeper than 200 levels" in refusal(ledger, nested(depth, way), **how)


def test_an_event_that_contains_itself_is_refused(ledger: Ledger) -> None:
    loop: list[Any] = []
    loop.append({"again": loop})
    assert "nests deeper than" in refusal(ledger, loop)


def test_many_brackets_in_text_or_side_by_side_are_not_depth(ledger: Ledger) -> None:
    for value in ("[{" * 5000, [[]] * 5000, [{"a": []}] * 1000):
        assert ledger.entry(ledger.append(value).index or 0).event == value


def test_size_is_taken_to_the_limit_and_refused_beyond_it(ledger: Ledger) -> None:
    largest = "x" * (MOST_BYTES - 2)
    for how in ({}, {"subject": "p"}):
        assert ledger.entry(ledger.append(largest, **how).index or 0).event == largest
        assert "are the most" in refusal(ledger, largest + "x", **how)
        assert "are the most" in refusal(ledger, ["ä" * 100] * 90_000, **how)
    assert ledger.verify().ok


def test_dictionaries_of_other_kinds_are_dictionaries(ledger: Ledger) -> None:
    value = OrderedDict([("b", 1), ("a", "text")])
    assert ledger.entry(ledger.append(value).index or 0).event == {"a": "text", "b": 1}
    assert canonical(value) == canonical({"a": "text", "b": 1})


class Word(enum.StrEnum):
    YES = "yes"


class Number(enum.IntEnum):
    ONE = 1


def test_members_of_enumerations_are_their_values_in_small_events_and_large_ones(ledger: Ledger) -> None:
    for length in (1, 300):
        event = [{"said": Word.YES, "n": Number.ONE}] * length
        assert same(ledger.entry(ledger.append(event).index or 0).event, [{"said": "yes", "n": 1}] * length)
    assert canonical({Word.YES: Number.ONE}) == canonical({"yes": 1})


def test_all_or_none_of_a_batch_is_recorded(ledger: Ledger) -> None:
    before = ledger.size
    with pytest.raises(InputError):
        ledger.append_many([{"n": 1}, {"n": math.nan}, {"n": 3}])
    assert ledger.size == before
    assert [r.index for r in ledger.append_many({"n": n} for n in range(3))] == [before, before + 1, before + 2]
    assert ledger.append_many([]) == []


def test_the_kind_is_a_lower_case_word_and_nothing_else(ledger: Ledger) -> None:
    for given_kind, kind in (("review", "review"), ("a.b-c_1", "a.b-c_1"), ("Review", "event"), ("", "event")):
        assert ledger.entry(ledger.append({"kind": given_kind}).index or 0).kind == kind
    for event in ({"kind": 3}, {"kind": None}, {"kind": "x" * 65}, {"kind": 'a","b":"'}, {}, [], None, "kind"):
        entry = ledger.entry(ledger.append(event).index or 0)
        assert (entry.kind, entry.event) == ("event", event)


@given(st.datetimes(timezones=st.just(dt.UTC) | st.just(dt.timezone(dt.timedelta(hours=5)))))
def test_times_are_exact_to_the_microsecond(when: dt.datetime) -> None:
    assume(1 < when.year < 9999)
    time = microseconds(when)
    assert dt.datetime.fromisoformat(instant(time)) == when
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", instant(time))


# -- digests of inputs ------------------------------------------------------------------------------------------------

# Values between which only JSON's own identities are: 1 and 1.0.
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts | st.binary() | st.sets(st.integers(), max_size=3),
    lambda v: st.lists(v, max_size=3) | st.dictionaries(texts, v, max_size=3),
    max_leaves=10,
)


def key_of(value: Any) -> Any:
    """Something that is equal exactly where two inputs are the same."""
    if isinstance(value, dict):
        return ("dict", frozenset((k, key_of(v)) for k, v in value.items()))
    if isinstance(value, list):
        return ("list", tuple(key_of(v) for v in value))
    if isinstance(value, set):
        return ("set", frozenset(key_of(v) for v in value))
    if isinstance(value, float) and value != value:
        return ("number", "nan")
    name = "bool" if isinstance(value, bool) else "number" if isinstance(value, (int, float)) else type(value).__name__
    return (name, value)


@settings(max_examples=400)
@given(plain, plain)
def test_digests_are_equal_exactly_where_inputs_are(one: Any, other: Any) -> None:
    assert (canonical(one) == canonical(other)) == (key_of(one) == key_of(other))


@settings(max_examples=200)
@given(plain, st.randoms(use_true_random=False))
def test_the_order_of_keys_and_the_kind_of_number_or_sequence_do_not_matter(value: Any, rng: Any) -> None:
    def disguised(value: Any) -> Any:
        if isinstance(value, dict):
            items = list(value.items())
            rng.shuffle(items)
            return OrderedDict((k, disguised(v)) for k, v in items)
        if isinstance(value, list):
            return tuple(map(disguised, value))
        if isinstance(value, set):
            return frozenset(value)
        if isinstance(value, bool):
            return np.bool_(value)
        if isinstance(value, int) and abs(value) < 2**53:
            return rng.choice([float, np.int64, np.float64])(value)
        if isinstance(value, float):
            return np.float64(value)
        return np.str_(value) if isinstance(value, str) and not value.endswith("\x00") else value

    assert canonical(disguised(value)) == canonical(value)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (float("nan"), "nan"),
        (float("nan"), None),
        (float("inf"), "inf"),
        (b"x", "sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"),
        (b"x", {"\x00sha256": "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"}),
        ({1, 2}, [1, 2]),
        ({1, 2}, {"\x00set": [1, 2]}),
        ({"\x00a": 1}, {"\x00\x00a": 1}),
        (True, 1),
        (False, None),
        (0.1 + 0.2, 0.3),
        (2**53, 2**53 + 1),
        (1e300, 1e300 * (1 + 2**-52)),
        ("é", "e\u0301"),
        ([[], {}], [{}, []]),
        ({"a": {"b": 1}}, {"a": {}, "b": 1}),
    ],
)
def test_what_only_looks_alike_has_another_digest(one: Any, other: Any) -> None:
    assert canonical(one) != canonical(other)


FRAME = pd.DataFrame(
    {
        "income": [41000, 52000],
        "score": [0.5, 1.0],
        "name": ["Ada", "Grace"],
        "member": [True, False],
        "since": pd.to_datetime(["2020-01-01", "2021-06-01"]),
    }
)


def test_a_row_has_one_digest_whatever_frame_it_comes_from() -> None:
    plain_row = {
        "income": 52000,
        "score": 1,
        "name": "Grace",
        "member": False,
        "since": dt.datetime(2021, 6, 1),  # noqa: DTZ001 - as frames have it
    }
    rows = [
        FRAME.iloc[1],
        FRAME.iloc[1].to_dict(),
        FRAME.to_dict("records")[1],
        pl.from_pandas(FRAME).row(1, named=True),
        pa.Table.from_pandas(FRAME).to_pylist()[1],
        {name: column[1] for name, column in pa.Table.from_pandas(FRAME).to_pydict().items()},
        {name: FRAME[name].to_numpy()[1] for name in FRAME.columns if name != "since"} | {"since": plain_row["since"]},
        json.loads(json.dumps({**plain_row, "since": "2021-06-01T00:00:00"})),
    ]
    assert {canonical(row) for row in rows} == {canonical(plain_row)}


def test_columns_and_arrays_have_the_digest_of_their_values() -> None:
    listed = [1, 2.5, 3]
    for column in (
        np.array(listed),
        pl.Series(listed, strict=False),
        pa.array(listed),
        (1, 2.5, 3),
        np.array(listed, dtype=object),
    ):
        assert canonical(column) == canonical(listed)
    frame = {"a": [1, 2], "b": ["x", "y"]}
    for whole in (pl.DataFrame(frame), pa.table(frame), nw.from_native(pl.DataFrame(frame))):
        assert canonical(whole) == canonical(frame)
    assert canonical(pd.DataFrame(frame)) == canonical({"a": {0: 1, 1: 2}, "b": {0: "x", 1: "y"}})
    assert canonical(pa.scalar(5)) == canonical(5)


def test_missing_values_of_pandas_are_one_missing_value() -> None:
    assert len({canonical(v) for v in (math.nan, np.nan, np.float32("nan"), pd.NaT, pd.NA)}) == 1
    assert canonical(None) != canonical(pd.NaT)


def test_bytes_have_one_digest_whatever_holds_them() -> None:
    held = (b"abc", bytearray(b"abc"), memoryview(b"abc"), memoryview(b"aXbXcX")[::2])
    assert len({canonical(v) for v in held}) == 1


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (object(), "the input has a object, which has no plain form; pass plain values or a digest."),
        (complex(1, 2), "the input has a complex, which has no plain form"),
        (pd.DataFrame, "the input has a type, which has no plain form"),
        ({"a": [Colour.RED]}, "the input has a Colour, which has no plain form"),
        ("\ud800", "the input has half of a surrogate pair, which is no character."),
        ({"\ud800": 1}, "the input has a key with half of a surrogate pair, which is no character."),
        ({1: "a", "1": "b"}, "the input has two keys that are the same as text; rename one."),
        (nested(300, list), "the input nests deeper than 200 levels; flatten it."),
        (nested(300, dict), "the input nests deeper than 200 levels; flatten it."),
        (10**5000, "the input has a whole number of too many digits; pass it as text."),
    ],
    ids=range(10),
)
def test_an_input_without_a_plain_form_is_refused_in_a_sentence(ledger: Ledger, value: Any, said: str) -> None:
    with pytest.raises(InputError) as caught:
        ledger.digest({"a": value})
    assert str(caught.value).startswith(said)
    before = ledger.size
    with pytest.raises(InputError):
        ledger.log_decision(input=value, output=1, model_version="v1")
    assert ledger.size == before


@settings(max_examples=300)
@given(anything)
def test_any_input_has_a_digest_or_is_refused_in_one_sentence(ledger: Ledger, value: Any) -> None:
    try:
        digest = ledger.digest(value)
    except InputError as error:
        said = str(error)
        assert said.startswith("the input ") and SECRET not in said and "\n" not in said
    else:
        assert re.fullmatch("hmac-sha256:[0-9a-f]{64}", digest) and ledger.digest(value) == digest


def test_a_digest_is_of_one_deployment(ledger: Ledger, tmp_path: Path) -> None:
    with make(tmp_path) as other:
        assert other.digest({"ssn": "123-45-6789"}) != ledger.digest({"ssn": "123-45-6789"})
