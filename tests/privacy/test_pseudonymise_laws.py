"""What must hold for any rows: the same key gives the same pseudonyms everywhere, another key others, nothing leaks."""

from __future__ import annotations

import hmac
import random
import re
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aequo.ledger.keys import KeyRing
from aequo.privacy.pseudonyms.coder import Coder
from aequo.privacy.pseudonyms.fields import KINDS, Field
from aequo.privacy.pseudonyms.files import rewrite_csv
from aequo.privacy.pseudonyms.mac import Mac, mac_of
from aequo.privacy.pseudonyms.normal import is_missing, normal
from aequo.privacy.pseudonyms.pseudonymiser import Pseudonymiser, pseudonymise

from . import pseudonyms as p

KEY, OTHER = KeyRing({1: bytes(32)}), KeyRing({1: bytes(31) + b"\1"})
FORMS = ("token", "preserving")
TEXT = st.text(max_size=30)


def hider(form: str = "token", key: KeyRing = KEY, **options: Any) -> Pseudonymiser:
    return Pseudonymiser(key, p.FIELDS, form=form, person="patient_id", unknown="ignore", **options)


def by_record(rows: p.Rows, form: str, key: KeyRing = KEY) -> p.Rows:
    """The slow, obvious way: one record after the other."""
    hide = hider(form, key)
    return [hide.record(row).data for row in rows]


# -- one way to do it, everywhere the same


@settings(max_examples=40)
@given(p.tables(), st.sampled_from(FORMS))
def test_every_frame_gives_what_its_records_give(rows: p.Rows, form: str) -> None:
    expected = by_record(rows, form)
    for kind, make in p.FRAMES.items():
        frame = make(rows)
        result = hider(form).frame(frame)
        assert type(result.data) is type(frame), kind
        assert p.rows_of(result.data) == expected, kind


@given(p.tables(), st.sampled_from(FORMS), st.integers(1, 5))
def test_a_stream_gives_what_its_records_give_whatever_the_chunk(rows: p.Rows, form: str, chunk: int) -> None:
    assert list(hider(form).stream(iter(rows), chunk=chunk).data) == by_record(rows, form)


@pytest.mark.parametrize("name", p.FILES)
@pytest.mark.parametrize("form", FORMS)
def test_every_file_gives_what_its_records_give(name: str, form: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    @settings(max_examples=15)
    @given(p.tables())
    def check(rows: p.Rows) -> None:
        folder = tmp_path_factory.mktemp("files")
        source = p.FILES[name](folder / name, rows)
        result = hider(form).file(source, folder / f"out-{name}")
        expected = by_record(rows, form)
        if "csv" in name or "tsv" in name:
            expected = [{k: "" if v is None else v for k, v in row.items()} for row in expected]
            got = p.read(result.data)
            assert [{k: "" if v is None else v for k, v in row.items()} for row in got] == expected
        else:
            assert p.read(result.data) == expected

    check()


@given(p.tables(), st.integers(1, 7))
def test_a_file_does_not_depend_on_how_many_rows_are_read_at_once(rows: p.Rows, size: int) -> None:
    hide = hider("preserving")
    changes = hide._changes(list(p.POOLS), "people.csv")
    with tempfile.TemporaryDirectory() as name:
        source = p.write_csv(Path(name, "people.csv"), rows)
        texts = []
        for at_once in (size, 10_000):
            target = Path(name, f"{at_once}-{len(texts)}.csv")
            rewrite_csv(source, target, changes, packed=False, encoding="utf-8", rows=at_once)
            texts.append(target.read_bytes())
    assert texts[0] == texts[1]


@given(p.tables(), st.sampled_from(FORMS), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(rows: p.Rows, form: str, rng: random.Random) -> None:
    order = list(range(len(rows)))
    rng.shuffle(order)
    made = p.rows_of(hider(form).frame(p.as_polars(rows)).data)
    shuffled = p.rows_of(hider(form).frame(p.as_polars([rows[i] for i in order])).data)
    assert shuffled == [made[i] for i in order]


@given(p.tables(), st.sampled_from(FORMS))
def test_what_went_in_stays_as_it_was(rows: p.Rows, form: str) -> None:
    before = [dict(row) for row in rows]
    frame = p.as_pandas(rows)
    hider(form).frame(frame)
    list(hider(form).stream(rows).data)
    assert rows == before
    assert p.rows_of(frame) == p.rows_of(p.as_pandas(before))


# -- keys and domains


@given(p.tables(), st.sampled_from(FORMS))
def test_the_same_key_gives_the_same_pseudonyms_and_another_key_others(rows: p.Rows, form: str) -> None:
    made = by_record(rows, form)
    assert made == by_record(rows, form)
    other = by_record(rows, form, OTHER)
    for one, two, row in zip(made, other, rows, strict=True):
        for name in ("email", "ssn", "name", "address"):
            if not is_missing(row[name]):
                assert one[name] != two[name]


@given(TEXT, st.sampled_from(KINDS), st.sampled_from(FORMS))
def test_the_same_domain_joins_and_another_does_not(text: str, kind: str, form: str) -> None:
    def coded(domain: str) -> Any:
        return Coder(Field(kind, domain=domain), KEY, 1, form).many([text])[0]

    if is_missing(text):
        assert coded("a") == coded("b") == text
        return
    assert coded("a") == coded("a")
    if form == "token":
        assert coded("a") != coded("b")


def test_two_tables_join_on_the_pseudonyms_as_they_did_before() -> None:
    people = [{"customer_id": i, "e_mail": f"User{i}@x.org"} for i in range(300)]
    orders = [{"Customer ID": float(i % 300), "contact email": f"user{i % 300}@X.ORG ", "n": i} for i in range(900)]
    hide = Pseudonymiser(KEY, None, unknown="ignore")
    ids = Pseudonymiser(KEY, ["customer_id"], unknown="ignore"), Pseudonymiser(KEY, ["Customer ID"], unknown="ignore")
    left = {r["e_mail"]: r for r in hide.stream(people).data}
    assert len(left) == 300
    for row, was in zip(hide.stream(orders).data, orders, strict=True):
        assert left[row["contact email"]]["customer_id"] == int(was["Customer ID"])
    assert [ids[0].record(r).data["customer_id"] for r in people] == [
        ids[1].record(r).data["Customer ID"] for r in orders[:300]
    ]


@given(st.lists(TEXT, max_size=20), st.binary(min_size=32, max_size=32))
def test_the_keyed_hash_is_hmac_sha_256(texts: list[str], key: bytes) -> None:
    expected = [hmac.digest(key, t.encode("utf-8", "surrogatepass"), "sha256") for t in texts]
    assert Mac(key).of_texts(texts) == expected
    assert [Mac(key)(t.encode("utf-8", "surrogatepass")) for t in texts] == expected


def test_a_token_is_the_truncated_hmac_of_the_normal_form_under_the_derived_key() -> None:
    key = KEY.derive("pseudonym/1/token/email", version=1)
    expected = hmac.digest(key, b"jane@x.org", "sha256")[:16].hex()
    assert Pseudonymiser(KEY).value("email", " Jane@X.org") == f"p1_{expected}"


@pytest.mark.parametrize("bits", [64, 128, 256])
def test_a_token_has_the_length_and_the_version_that_were_asked_for(bits: int) -> None:
    ring = KEY.rotated().rotated()
    token = Pseudonymiser(ring, ["id"], bits=bits, version=2).value("id", "x")
    assert re.fullmatch(rf"p2_[0-9a-f]{{{bits // 4}}}", token)


def test_all_purposes_and_domains_have_keys_of_their_own() -> None:
    seen = {mac_of(KEY.rotated(), p, d, v)(b"") for p in ("token", "surrogate", "shift") for d in "ab" for v in (1, 2)}
    assert len(seen) == 12


# -- missing values, spellings


@given(p.tables(), st.sampled_from(FORMS))
def test_missing_stays_missing_and_nothing_else_does(rows: p.Rows, form: str) -> None:
    for row, made in zip(rows, by_record(rows, form), strict=True):
        for name in ("email", "phone", "ssn", "name", "address"):
            if is_missing(row[name]):
                assert made[name] == row[name]
            else:
                assert not is_missing(made[name])


@given(TEXT, st.sampled_from(KINDS))
def test_the_normal_form_is_its_own_normal_form(text: str, kind: str) -> None:
    field = Field(kind)
    once = normal(text, field)
    assert once is None or normal(once, field) == once


@pytest.mark.parametrize(
    ("kind", "spellings"),
    [
        ("email", ["Jane@X.org", " jane@x.ORG ", "jane@x.org\u200b"]),
        ("phone", ["+44 (0)20 7946 0958", "+442079460958", "0044 20 7946 0958", "tel:+44-20-7946-0958"]),
        ("phone", ["617-555-0123 x9", "(617) 555-0123 ext. 9", "6175550123x9"]),
        ("ssn", ["012-34-5678", "012345678", 12345678, 12345678.0, "012 34 5678"]),
        ("name", ["Jos\u00e9  N\u00fa\u00f1ez", "JOSE\u0301 NU\u0301N\u0303EZ"]),
        ("name", ["O'Brien", "o\u2019brien"]),
        ("address", ["12 Elm St., Boston", "12 elm st boston", "12, ELM ST - Boston"]),
        ("id", [1, 1.0, "1", "1.0", " 1"]),
        ("date", ["2024-01-31", "2024-01-31T00:00:00"]),
    ],
)
def test_spellings_of_one_value_get_one_pseudonym(kind: str, spellings: list[Any]) -> None:
    made = Coder(Field(kind, domain="d"), KEY, 1).many(spellings)
    assert len(set(made)) == 1


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("id", ["a", "A"]),
        ("id", ["007", "7"]),
        ("id", [12345678901234567890, 12345678901234567891]),
        ("phone", ["617-555-0123", "617-555-0124", "617-555-0123 x1", "call 617", "none"]),
        ("name", ["Jane Doe", "Doe, Jane", "Jané Doe"]),
        ("text", ["Jane", "jane"]),
    ],
)
def test_different_values_get_different_pseudonyms(kind: str, values: list[Any]) -> None:
    made = Coder(Field(kind, domain="d"), KEY, 1).many(values)
    assert len(set(made)) == len(values)


def test_a_number_too_long_for_a_float_is_not_merged_with_its_neighbour() -> None:
    ids = [Decimal(12345678901234567890), Decimal(12345678901234567891)]
    assert len(set(Coder(Field("id"), KEY, 1).many(ids))) == 2


def test_a_phone_without_its_country_joins_where_the_country_is_said() -> None:
    hide = Pseudonymiser(KEY, ["phone"], country="1", unknown="ignore")
    made = {hide.value("phone", v) for v in ("+1 617 555 0123", "(617) 555-0123", "1-617-555-0123", 6175550123)}
    assert len(made) == 1


def test_words_that_mean_missing_stay_and_others_do_not() -> None:
    hide = Pseudonymiser(KEY, ["email"], missing=["n/a"], unknown="ignore")
    assert hide.record({"email": "n/a"}).data == {"email": "n/a"}
    assert hide.record({"email": "none"}).data["email"].startswith("p1_")


# -- nothing of the original is left


@given(
    st.lists(st.text(min_size=4, max_size=20), min_size=1, max_size=8), st.sampled_from(KINDS), st.sampled_from(FORMS)
)
def test_no_value_survives(values: list[str], kind: str, form: str) -> None:
    made = Coder(Field(kind, domain="d"), KEY, 1, form).many(values)
    for value, new in zip(values, made, strict=True):
        if not is_missing(value):
            assert new != value
            letters = [c for c in value if c.isalnum()]
            if len(letters) >= 8 and kind != "phone":
                assert "".join(letters) not in new


def test_one_call_is_the_same_as_the_object() -> None:
    rows = [{"email": "a@x.org", "n": 1}]
    frame = p.pd.DataFrame(rows)
    once = pseudonymise(frame, ["email"], key=KEY).data
    assert p.rows_of(once) == [Pseudonymiser(KEY, ["email"]).record(rows[0]).data]
    assert list(pseudonymise(iter(rows), key=KEY).data) == p.rows_of(once)
    assert pseudonymise(rows[0], key=KEY).data == p.rows_of(once)[0]
