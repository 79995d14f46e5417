"""Surrogates keep the type that they stand for, and never the value."""

from __future__ import annotations

import datetime as dt
import itertools
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aequo.errors import InputError
from aequo.ledger.keys import KeyRing
from aequo.privacy.pseudonyms import names
from aequo.privacy.pseudonyms.coder import Coder, Shift
from aequo.privacy.pseudonyms.fields import Field
from aequo.privacy.pseudonyms.mac import collision_probability
from aequo.privacy.pseudonyms.normal import normal, phone_digits
from aequo.privacy.pseudonyms.patterns import is_email
from aequo.privacy.pseudonyms.surrogates import SIZES, moved

RING = KeyRing({1: bytes(32)})
DIGITS = st.text("0123456789", min_size=1, max_size=12)


def code(kind: str, values: list[Any], **options: Any) -> list[Any]:
    return Coder(Field(kind, domain="d", **options), RING, 1, "preserving").many(values)


def shape(text: str) -> str:
    """Digits as 9, letters as A or a, all else as it is."""
    return re.sub(r"[a-z]", "a", re.sub(r"[A-Z]", "A", re.sub(r"\d", "9", text)))


@given(st.emails())
def test_an_address_stays_an_address_that_nobody_has(email: str) -> None:
    (made,) = code("email", [email])
    assert re.fullmatch(r"p1_[0-9a-f]{32}@example\.com", made)
    assert is_email(made)


@given(st.emails())
def test_the_domain_is_kept_if_asked_and_nothing_before_it(email: str) -> None:
    (made,) = code("email", [email], keep_domain=True)
    local, _, domain = email.rpartition("@")
    assert made.rpartition("@")[2] in (domain.casefold(), "example.com")
    assert local not in made or len(local) < 4
    assert code("email", ["no address at all"], keep_domain=True)[0].endswith("@example.com")


@given(
    st.sampled_from(["+1", "+7", "+44", "+49", "+353", "+420"]),
    st.text("0123456789", min_size=6, max_size=10),
    st.integers(0, 3),
)
def test_a_phone_keeps_length_punctuation_and_country(country: str, digits: str, style: int) -> None:
    number = [f"{country} {digits}", f"{country}-{digits[:3]}-{digits[3:]}", f"({country}) {digits}", country + digits][
        style
    ]
    (made,) = code("phone", [number])
    assert shape(made) == shape(number)
    assert phone_digits(made).startswith(country)
    assert made != number


@given(
    st.from_regex(r"\A(0[0-9]{2,4} [0-9]{3} [0-9]{4}|\([0-9]{3}\) [0-9]{3}-[0-9]{4}|[0-9]{3}\.[0-9]{3}\.[0-9]{4})\Z")
)
def test_a_phone_without_a_country_keeps_its_shape_and_a_leading_zero(number: str) -> None:
    (made,) = code("phone", [number])
    assert shape(made) == shape(number)
    assert (phone_digits(made)[0] == "0") == (phone_digits(number)[0] == "0")


def test_spellings_of_one_phone_get_the_same_digits_each_in_its_own_punctuation() -> None:
    made = code("phone", ["+44 20 7946 0958", "+44 (0)20 7946-0958", "0044 2079460958", "020 7946 0958"], country="44")
    assert [shape(m) for m in made] == ["+99 99 9999 9999", "+99 (9)99 9999-9999", "9999 9999999999", "999 9999 9999"]
    national = {phone_digits(m, "44") for m in made}
    assert len(national) == 1


@given(st.from_regex(r"\A[0-9]{3}-[0-9]{2}-[0-9]{4}\Z"))
def test_a_national_number_keeps_its_format_and_is_nobodys(ssn: str) -> None:
    dashed, plain, number = code("ssn", [ssn, ssn.replace("-", ""), int(ssn.replace("-", ""))])
    assert re.fullmatch(r"9\d{2}-\d{2}-\d{4}", dashed), "no US number begins with 9"
    assert plain == dashed.replace("-", "")
    assert number == int(plain) or int(ssn.replace("-", "")) < 1_000_000


@given(st.from_regex(r"\A[A-Za-z]{2}[0-9]{2,8}-?[A-Za-z]?\Z"))
def test_an_id_keeps_letters_digits_and_punctuation_in_place(text: str) -> None:
    (made,) = code("id", [text])
    assert shape(made) == shape(text)
    assert made != text


@given(st.integers(-(2**63), 2**63 - 1))
def test_a_number_stays_a_number_of_its_length(number: int) -> None:
    (made,) = code("id", [number])
    assert type(made) is int
    assert len(str(made)) == len(str(number))
    assert (made < 0) == (number < 0)
    assert -(2**63) <= made < 2**63
    assert made != number


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_stays_a_float(number: float) -> None:
    (made,) = code("id", [number])
    assert type(made) is float


@given(st.text(min_size=1))
def test_names_and_addresses_come_from_the_lists(text: str) -> None:
    if normal(text, Field("name")) is None:
        return
    starts, ends = set(names.GIVEN_STARTS), set(names.GIVEN_ENDS)
    (name,) = code("name", [text])
    if not name.startswith("p1_"):
        given_name, family = name.split(" ")
        assert any(given_name[:i] in starts and given_name[i:] in ends for i in range(1, len(given_name)))
        assert any(family[:i] in names.FAMILY_STARTS and family[i:] in names.FAMILY_ENDS for i in range(1, len(family)))
    (address,) = code("address", [text])
    assert address.startswith("p1_") or re.fullmatch(r"\d{1,4} \w+ \w+, \w+", address)


def test_there_are_as_many_surrogates_as_is_said() -> None:
    givens = {a + b for a in names.GIVEN_STARTS for b in names.GIVEN_ENDS}
    families = {a + b for a in names.FAMILY_STARTS for b in names.FAMILY_ENDS}
    assert SIZES["given_name"] == len(givens)
    assert SIZES["family_name"] == len(families)
    assert SIZES["name"] == len(givens) * len(families) > 10_000_000


def test_surrogates_are_spread_evenly() -> None:
    # 20,000 draws from 1,620 names: chi-square with 1,619 degrees of freedom has mean 1,619 and standard deviation 57.
    made = code("given_name", [f"person {i}" for i in range(20_000)])
    counts = {name: made.count(name) for name in set(made)}
    expected = 20_000 / SIZES["given_name"]
    chi = sum((c - expected) ** 2 / expected for c in counts.values()) + expected * (SIZES["given_name"] - len(counts))
    assert abs(chi - 1619) < 5 * 57


def test_collisions_of_tokens_are_bounded_by_the_birthday_bound() -> None:
    assert collision_probability(1) == 0
    assert collision_probability(2, 8) == 1 / 256
    assert collision_probability(10**12, 64) == 1.0
    # 24 bits of a token, 3,000 values: 0.27 collisions expected.
    tokens = [t[3:9] for t in Coder(Field("id"), RING, 1).many(list(range(3000)))]
    assert 3000 - len(set(tokens)) <= 3


# -- dates


@given(
    st.lists(st.dates(dt.date(1900, 1, 1), dt.date(2100, 1, 1)), min_size=2, max_size=6),
    st.integers(),
    st.integers(1, 3650),
)
def test_intervals_within_a_person_stay(days: list[dt.date], person: int, most: int) -> None:
    shift = Shift(Field("date", max_shift=most), Field("id", domain="p"), RING, 1)
    (offset,) = shift.days([person])
    made = [shift.move(day, offset) for day in days]
    assert 1 <= abs(offset or 0) <= most
    assert [b - a for a, b in itertools.pairwise(made)] == [b - a for a, b in itertools.pairwise(days)]
    assert shift.days([str(person), float(person)])[0] == offset


def test_offsets_differ_between_people_and_take_both_directions() -> None:
    shift = Shift(Field("date"), Field("id", domain="p"), RING, 1)
    offsets = shift.days(list(range(2000)))
    assert min(o for o in offsets if o) >= -365
    assert max(o for o in offsets if o) <= 365
    assert len(set(offsets)) > 600
    assert 0 not in offsets
    assert 0.45 < sum((o or 0) > 0 for o in offsets) / 2000 < 0.55


@pytest.mark.parametrize(
    ("value", "pattern", "expected"),
    [
        ("2024-02-28", None, "2024-03-01"),
        ("2024-02-28 23:59:59.123456789+02:00", None, "2024-03-01 23:59:59.123456789+02:00"),
        ("2024-02-28T10:00Z", None, "2024-03-01T10:00Z"),
        ("28.02.2024", "%d.%m.%Y", "01.03.2024"),
        (dt.date(2024, 2, 28), None, dt.date(2024, 3, 1)),
        (dt.datetime(2024, 2, 28, 5, tzinfo=dt.UTC), None, dt.datetime(2024, 3, 1, 5, tzinfo=dt.UTC)),
        ("28.02.2024", None, None),
        ("2024-02-30", None, None),
        ("2024", None, None),
        (20240228, None, None),
        ("9999-12-31", None, None),
        (dt.date(9999, 12, 31), None, None),
    ],
)
def test_a_date_moves_in_its_own_writing_or_is_given_up(value: Any, pattern: str | None, expected: Any) -> None:
    assert moved(value, 2, pattern) == expected


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "mail"}, {"form": "hash"}, {"domain": " "}, {"country": "+44"}, {"max_shift": 0}, {"max_shift": True},
        {"max_shift": 40_000},
    ],
)  # fmt: skip
def test_an_impossible_field_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        Field(**{"kind": "email", **wrong})
