"""Columns that look personal: found where they are, in real data too, and not where they are not."""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aequo.errors import Refused
from aequo.ledger.keys import KeyRing
from aequo.privacy.pseudonyms import patterns
from aequo.privacy.pseudonyms.fields import default_kind, kind_by_name
from aequo.privacy.pseudonyms.personal import judge_column, personal_columns
from aequo.privacy.pseudonyms.pseudonymiser import Pseudonymiser

from . import pseudonyms as p

KEY = KeyRing({1: bytes(32)})


# -- by name


@pytest.mark.parametrize(
    ("kind", "columns"),
    [
        ("email", ["email", "E-Mail", "EMAIL_ADDRESS", "contactEmail", "work email 2", "eMails", "billing.mail"]),
        ("phone", ["phone", "Phone Number", "home_phone", "mobile", "cellPhone", "tel", "FAX", "telephone_no1"]),
        ("ssn", ["ssn", "SSN", "social_security_number", "nationalId", "passport_no", "NINO"]),
        ("address", ["address", "Street Address", "home_addr", "addressLine1", "shipping-address"]),
        ("name", ["name", "Name", "full_name", "customerName", "applicant name", "names"]),
        ("given_name", ["first_name", "FirstName", "given-name", "middle_name"]),
        ("family_name", ["last_name", "surname", "familyName", "maiden_name"]),
        ("date of birth", ["dob", "DateOfBirth", "birth_date", "birthday"]),
        ("IP address", ["ip", "ip_address", "clientIP"]),
        ("identifier", ["user_id", "username", "customer id", "MRN", "account_number", "employeeId"]),
        (
            None,
            [
                "product_name", "file_name", "city name", "company_name", "email_verified", "phone_type", "has_phone",
                "PctHousNoPhone", "num_emails", "income", "", "_", "state", "mailing_list", "addressed",
            ],
        ),
    ],
)  # fmt: skip
def test_a_kind_is_told_from_the_name(kind: str | None, columns: list[str]) -> None:
    assert {c: kind_by_name(c.rpartition(".")[2]) for c in columns} == dict.fromkeys(columns, kind)


def test_the_guides_five_are_replaced_without_being_named() -> None:
    record = {
        "email": "a@x.org",
        "phone": "617-555-0123",
        "ssn": "123-45-6789",
        "address": "1 Elm St",
        "name": "Jane",
        "age": 31,
    }
    made = Pseudonymiser(KEY).record(record)
    assert all(made.data[k].startswith("p1_") for k in ("email", "phone", "ssn", "address", "name"))
    assert made.data["age"] == 31
    assert made.report.personal == ()
    assert default_kind("dob") is None


# -- checksums, held against published numbers


@pytest.mark.parametrize(
    "number", ["4111111111111111", "5555 5555 5555 4444", "378282246310005", "6011-1111-1111-1117", "3530111333300000"]
)
def test_published_test_cards_are_cards(number: str) -> None:
    assert patterns.is_card(number)
    digits = [c for c in number if c.isdigit()]
    wrong = number[:-1] + str((int(digits[-1]) + 1) % 10)
    assert not patterns.is_card(wrong)


@pytest.mark.parametrize(
    "iban",
    [
        "GB82 WEST 1234 5698 7654 32",
        "DE89370400440532013000",
        "FR14 2004 1010 0505 0001 3M02 606",
        "NO93 8601 1117 947",
    ],
)
def test_published_example_ibans_are_ibans(iban: str) -> None:
    assert patterns.is_iban(iban)
    assert patterns.is_iban(iban.lower())
    assert not patterns.is_iban(iban[:2] + "00" + iban[4:])


@given(st.text("0123456789", min_size=1, max_size=18))
def test_luhn_finds_every_single_wrong_digit(digits: str) -> None:
    (check,) = [str(d) for d in range(10) if patterns.luhn(digits + str(d))]
    whole = digits + check
    for i, c in enumerate(whole):
        assert not patterns.luhn(whole[:i] + str((int(c) + 1) % 10) + whole[i + 1 :])


@given(st.text(max_size=200))
def test_every_test_answers_for_any_text(text: str) -> None:
    for name in patterns.__all__:
        if name.startswith(("is_", "holds_")):
            assert getattr(patterns, name)(text) in (True, False)


def test_long_rows_of_the_worst_characters_are_answered_soon() -> None:
    for text in (
        "." * 100_000,
        "a" * 100_000,
        "1 " * 50_000,
        "a@" * 50_000,
        "+1-" * 30_000,
        "(1" * 50_000,
        "A0" * 50_000,
    ):
        for name in patterns.__all__:
            if name.startswith("holds_"):
                getattr(patterns, name)(text)


# -- by content


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("email", ["a@x.org", "b@y.org", "none"]),
        ("text with e-mails", ["fine", "write to a@x.org"] + ["nothing"] * 60),
        ("phone", ["+44 20 7946 0958", "(617) 555-0123"]),
        ("text with phones", ["fine", "ring (617) 555-0123 now"]),
        ("ssn", ["123-45-6789", "078-05-1120"]),
        ("iban", ["GB82WEST12345698765432"]),
        ("card number", ["4111111111111111"]),
        ("IP address", ["10.1.2.3", "2001:db8::1", "8.8.8.8"]),
        ("name", ["Maria Rossi", "Hans Schmidt", "Unknown", "Li Wang"]),
        ("address", ["12 Elm Street", "Hauptstraße 5", "Rue de Rivoli 3"]),
        ("date of birth", [f"{1940 + i}-05-0{1 + i % 9}" for i in range(60)]),
        ("free text", [f"the customer of case {i} was not at home that day" for i in range(30)]),
        ("identifier", [f"X{i * 7919}" for i in range(60)]),
        ("identifier", list(range(1000, 1100))),
        ("nested", [{"a": 1}]),
    ],
)
def test_a_kind_is_told_from_the_content(kind: str, values: list[Any]) -> None:
    (found,) = personal_columns(pl.DataFrame({"x": values}))
    assert (found.column, found.kind, found.by) == ("x", kind, ("content",))
    assert found.n in (len(values), 0)
    assert not any(str(v) in found.why for v in values if len(str(v)) > 4)


@pytest.mark.parametrize(
    "values",
    [
        [1.5, 2.25, 1e6] * 30,
        [31, 47, 50] * 30,
        ["yes", "no"] * 50,
        ["2024-01-01", "2024-02-03"] * 40,
        ["red", "brown", "green", "gray"] * 30,
        ["Private", "Never-married", "Self-emp-inc", "United-States"] * 30,
        [f"2024-01-01 10:{i // 60:02}:{i % 60:02}" for i in range(600)],
        [2**0.5 * i for i in range(100)],
        [37 * i % 91_000 for i in range(1, 200)],
        ["192.168", "1.2.3", "v1.2", "::", "12:30"] * 20,
        ["Austin", "Boston", "Lima", "Paris", "Rome"] * 20,
        [None, ""],
        [],
    ],
)
def test_what_is_not_personal_is_left_alone(values: list[Any]) -> None:
    assert personal_columns(pl.DataFrame({"x": values}, strict=False)) == ()


def test_a_name_is_not_believed_where_the_content_says_otherwise() -> None:
    assert personal_columns({"telephone": ["none", "yes"] * 50, "name": [0.5, 0.25, 0.125, 3.75] * 25}) == ()
    (found,) = personal_columns({"telephone": ["6175550123"] * 30})
    assert (found.kind, found.by) == ("phone", ("name",))


def test_pseudonyms_of_ours_are_not_found_again() -> None:
    hidden = Pseudonymiser(KEY, ["email", "id"], unknown="ignore").frame(
        pl.DataFrame({"email": [f"u{i}@x.org" for i in range(99)], "id": [f"A{i}" for i in range(99)]})
    )
    assert personal_columns(hidden.data) == ()


# -- report, refuse, ignore


RECORD = {"email": "a@x.org", "remarks": "his wife is zoe@y.org", "host": "10.0.0.7", "age": 4}


def test_a_record_is_reported_refused_or_let_through() -> None:
    reported = Pseudonymiser(KEY).record(RECORD)
    assert {(c.column, c.kind) for c in reported.report.personal} == {
        ("remarks", "text with e-mails"),
        ("host", "IP address"),
    }
    assert "still looks personal: remarks" in repr(reported)
    assert Pseudonymiser(KEY, unknown="ignore").record(RECORD).report.personal == ()
    with pytest.raises(Refused) as refused:
        Pseudonymiser(KEY, unknown="refuse").record(RECORD)
    assert "'remarks' (text with e-mails), 'host' (IP address)" in str(refused.value)
    assert "zoe" not in str(refused.value)
    assert "10.0.0.7" not in str(refused.value)


@pytest.mark.parametrize("kind", p.FRAMES)
def test_every_frame_is_looked_at(kind: str) -> None:
    rows = [{name: pool[i % 2] for name, pool in p.POOLS.items()} for i in range(10)]
    with pytest.raises(Refused, match=r"'phone' \(phone\), 'ssn' \(ssn\), 'name' \(name\), 'address'"):
        Pseudonymiser(KEY, ["email"], unknown="refuse").frame(p.FRAMES[kind](rows))
    report = Pseudonymiser(KEY, ["email"]).frame(p.FRAMES[kind](rows)).report
    assert [c.column for c in report.personal] == ["phone", "ssn", "name", "address", "patient_id"]


@pytest.mark.parametrize("name", p.FILES)
def test_every_file_is_looked_at_and_nothing_is_written_when_refused(name: str, tmp_path: Path) -> None:
    rows = [{name: pool[i % 2] for name, pool in p.POOLS.items()} for i in range(10)]
    source = p.FILES[name](tmp_path / name, rows)
    with pytest.raises(Refused, match=r"'phone' \(phone\)"):
        Pseudonymiser(KEY, ["email"], unknown="refuse").file(source, tmp_path / f"out-{name}")
    assert [f.name for f in tmp_path.iterdir()] == [name]
    report = Pseudonymiser(KEY, ["email"]).file(source, tmp_path / f"out-{name}").report
    assert {c.column for c in report.personal} == {"phone", "ssn", "name", "address", "patient_id"}


def test_a_stream_stops_before_the_records_that_bring_something_personal() -> None:
    rows = [{"email": f"u{i}@x.org", "n": i % 7} for i in range(250)]
    rows[230] = {"email": "a@x.org", "n": 1, "note": "bo@y.org"}
    passed: list[Any] = []
    with pytest.raises(Refused, match=r"'note' \(email\).*200 records before were passed on"):
        passed.extend(one["n"] for one in Pseudonymiser(KEY, unknown="refuse").stream(rows, chunk=100).data)
    came = Pseudonymiser(KEY, unknown="refuse").stream(rows, chunk=100).data
    assert [next(came)["n"] for _ in range(200)] == [i % 7 for i in range(200)]
    with pytest.raises(Refused):
        next(came)


def test_a_stream_is_read_no_further_than_it_is_asked() -> None:
    read: list[int] = []

    def rows() -> Any:
        for i in range(100):
            read.append(i)
            yield {"email": f"u{i}@x.org"}

    result = Pseudonymiser(KEY).stream(rows())
    assert read == []
    next(result.data)
    assert read == [0]
    next(result.data)
    assert result.report.replaced[0].values == 2


def test_the_person_column_is_reported_unless_it_is_replaced() -> None:
    rows = [{"email": "a@x.org", "ref": 7}]
    assert [c.column for c in Pseudonymiser(KEY, ["email"], person="ref").record(rows[0]).report.personal] == ["ref"]
    assert Pseudonymiser(KEY, ["email", "ref"], person="ref").record(rows[0]).report.personal == ()


# -- real data


def test_of_303_columns_of_real_tables_one_is_found_and_it_is_an_identifier(
    data_file: Callable[[str], Path], loanapp: Any
) -> None:
    names = [
        "adult_train",
        "adult_test",
        "bank_marketing",
        "communities_crime",
        "compas_two_years",
        "credit_card_default",
        "german_credit",
    ]
    found = [(name, one.column, one.kind) for name in names for one in personal_columns(data_file(f"{name}.csv.gz"))]
    assert found == [("compas_two_years", "id", "identifier")]
    assert personal_columns(loanapp) == ()


@pytest.fixture(scope="module")
def spans(data_file: Callable[[str], Path]) -> tuple[dict[str, list[str]], list[tuple[str, set[str]]]]:
    """Values by type, and texts with the types in them, of two public sets of labelled sentences."""
    folder = data_file("adult_test.csv.gz").parent.parent / "safety"
    values: dict[str, list[str]] = defaultdict(list)
    texts = []
    for name in ("presidio_generated_large", "presidio_synth_v2", "wnut17"):
        path = folder / f"pii.{name}.jsonl.gz"
        if not path.is_file():
            pytest.skip(f"no real data: {path.name} is not beside the folder of real tables")
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for line in file:
                row = json.loads(line)
                texts.append((row["text"], {kind for _, _, kind in row["spans"]}))
                if name != "wnut17":
                    for start, end, kind in row["spans"]:
                        values[kind].append(row["text"][start:end])
    return values, texts


def test_columns_of_labelled_values_are_told_apart(spans: Any) -> None:
    expected = {"PERSON": "name", "ADDRESS": "address", "STREET_ADDRESS": "address", "EMAIL_ADDRESS": "email"}
    expected |= {"CREDIT_CARD": "card number", "US_SSN": "ssn", "PHONE_NUMBER": "phone"}
    expected |= {"IP_ADDRESS": "IP address", "IBAN_CODE": "iban"}
    found = {kind: judge_column("x", values) for kind, values in spans[0].items()}
    assert {kind: one.kind for kind, one in found.items() if one is not None} == expected


@pytest.mark.parametrize(
    ("kind", "test", "least", "most_false"),
    [
        ("EMAIL_ADDRESS", patterns.holds_email, 1.0, 0),
        ("IBAN_CODE", patterns.holds_iban, 1.0, 0),
        ("US_SSN", patterns.holds_ssn, 1.0, 1),
        ("CREDIT_CARD", patterns.holds_card, 0.98, 1),
        ("PHONE_NUMBER", patterns.holds_phone, 0.77, 6),
    ],
)
def test_what_is_in_sentences_is_found_and_little_else(
    spans: Any, kind: str, test: Callable[[str], bool], least: float, most_false: int
) -> None:
    with_it = [text for text, kinds in spans[1] if kind in kinds]
    without = [text for text, kinds in spans[1] if kind not in kinds]
    assert sum(map(test, with_it)) / len(with_it) >= least
    assert sum(map(test, without)) <= most_false
