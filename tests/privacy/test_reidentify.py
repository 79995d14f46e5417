"""The way back: through the vault or by trying, for those allowed, on the record, and closed for whoever was erased."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aequo.errors import InputError, KeyProblem, LedgerError, Refused, UnreadableData
from aequo.ledger.keys import KeyRing
from aequo.privacy.pseudonyms.fields import Field, fields_of
from aequo.privacy.pseudonyms.normal import is_missing, normal
from aequo.privacy.pseudonyms.pseudonymiser import Pseudonymiser
from aequo.privacy.pseudonyms.reidentification import reidentify
from aequo.privacy.pseudonyms.renewal import Renewer
from aequo.privacy.pseudonyms.vault import Found, Vault

from . import pseudonyms as p

RING = KeyRing({1: bytes(range(32))})
BOTH = KeyRing({1: bytes(range(32)), 2: bytes(range(1, 33))})
SECRET = "Zaphod.Beeblebrox@Magrathea.example"
PERSON = Field("id", domain="patient id")


class Log:
    """Keeps events, or fails."""

    def __init__(self, *, fails: bool = False) -> None:
        self.events: list[dict[str, Any]] = []
        self._fails = fails

    def append(self, event: dict[str, Any]) -> None:
        if self._fails:
            raise LedgerError("the ledger cannot do this now.")
        self.events.append(event)


def ask(**options: Any) -> dict[str, Any]:
    return {"key": RING, "who": "dpo", "reason": "request 12", "allowed": ["dpo"], **options}


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault.open(tmp_path / "people.vault", RING)


# -- there and back


@settings(max_examples=40)
@given(p.tables(), st.sampled_from(["token", "preserving"]))
def test_there_and_back_is_identity_up_to_the_normal_form(
    tmp_path_factory: pytest.TempPathFactory, rows: p.Rows, form: str
) -> None:
    fields: dict[str, Any] = dict.fromkeys([*p.FIELDS, "patient_id"])
    options: dict[str, Any] = {"form": form, "person": "patient_id"}
    known = fields_of(fields)
    assert known is not None
    with Vault.open(tmp_path_factory.mktemp("vault") / "v", RING) as vault:
        hide = Pseudonymiser(RING, fields, vault=vault, unknown="ignore", **options)
        for kind in ("pandas", "polars", "pyarrow"):
            hidden = hide.frame(p.FRAMES[kind](rows)).data
            back = p.rows_of(reidentify(hidden, fields, vault=vault, **ask(), **options).data)
            for row, was, now in zip(rows, p.rows_of(hidden), back, strict=True):
                for name in fields:
                    if name == "visit_date" and form == "preserving":
                        lost = is_missing(row["patient_id"]) or row[name] == "soon"
                        expected = None if lost and not is_missing(row[name]) else row[name]
                        assert now[name] == expected
                    elif normal(now[name], known[name]) != normal(row[name], known[name]):
                        assert form == "preserving", "only surrogates may be shared by two values"
                        assert now[name] == was[name]


@given(
    st.one_of(
        st.integers(), st.booleans(), st.floats(allow_nan=False, allow_infinity=False), st.dates(), st.text(min_size=1)
    )
)
def test_the_vault_gives_the_value_back_in_its_own_type(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    if is_missing(value):
        return
    with Vault.open(tmp_path_factory.mktemp("vault") / "v", RING) as vault:
        token = Pseudonymiser(RING, ["id"], vault=vault).record({"id": value}).data["id"]
        (found,) = vault.find("id", [token])
    assert found == Found(value, 1)
    assert type(found.value) is type(value)


def test_dates_come_back_with_their_person(vault: Vault) -> None:
    fields: dict[str, Any] = {"patient": "id", "seen": "date"}
    hide = Pseudonymiser(RING, fields, form="preserving", person="patient", vault=vault)
    row = {"patient": "P-77", "seen": dt.date(2024, 5, 1)}
    hidden = hide.record(row).data
    assert hidden["seen"] != row["seen"]
    log = Log()
    back = reidentify(hidden, fields, vault=vault, form="preserving", person="patient", ledger=log, **ask())
    assert back.data == row
    assert [e["field"] for e in log.events] == ["patient", "seen"]


def test_a_file_and_a_stream_fill_the_vault(tmp_path: Path, vault: Vault) -> None:
    rows = [{"email": f"u{i}@x.org", "n": i} for i in range(50)]
    hide = Pseudonymiser(RING, ["email"], vault=vault)
    streamed = list(hide.stream(rows).data)
    for name in ("a.jsonl", "b.parquet", "c.csv"):
        frame = pl.DataFrame(rows)
        source = tmp_path / name
        {"a": frame.write_ndjson, "b": frame.write_parquet, "c": frame.write_csv}[name[0]](source)
        hide.file(source, tmp_path / f"out-{name}")
    assert len(vault) == 50
    back = reidentify([r["email"] for r in streamed], "email", vault=vault, **ask())
    assert back.data == [r["email"] for r in rows]
    assert (back.fields[0].count, back.fields[0].found) == (50, 50)


def test_candidates_need_no_vault_and_try_every_version() -> None:
    new = RING.rotated()
    old_one = Pseudonymiser(RING).value("email", "jane@x.org")
    new_one = Pseudonymiser(new).value("email", "bo@x.org")
    other = Pseudonymiser(KeyRing.new()).value("email", "jane@x.org")
    tried = {"email": ["JANE@x.org", "bo@x.org", "cy@x.org"]}
    back = reidentify([old_one, new_one, other, None], "email", candidates=tried, **ask(key=new))
    assert back.data == ["JANE@x.org", "bo@x.org", other, None]
    assert (back.fields[0].count, back.fields[0].found) == (3, 2)


def test_a_surrogate_of_two_people_is_nobodys(vault: Vault) -> None:
    vault.put("name", 1, [("Anselor Ashford", "Jane", "jane"), ("Anselor Ashford", "Bo", "bo")])
    back = reidentify(["Anselor Ashford"], "name", vault=vault, **ask())
    assert back.data == ["Anselor Ashford"]
    assert back.fields[0].ambiguous == 1


# -- for those allowed, and on the record


@pytest.mark.parametrize(
    "wrong",
    [{"who": "intern"}, {"who": " "}, {"reason": ""}, {"allowed": []}, {"allowed": lambda who, reason, fields: False}],
)
def test_whoever_is_not_allowed_gets_nothing_and_is_on_the_record(vault: Vault, wrong: dict[str, Any]) -> None:
    token = Pseudonymiser(RING, vault=vault).record({"email": SECRET}).data["email"]
    log = Log()
    with pytest.raises(Refused) as refused:
        reidentify([token], "email", vault=vault, ledger=log, **ask(**wrong))
    assert SECRET not in str(refused.value)
    assert not [e for e in log.events if e["kind"] == "reidentified"]
    if "who" not in wrong and "reason" not in wrong:
        assert log.events == [
            {"kind": "reidentification refused", "fields": ["email"], "who": "dpo", "reason": "request 12"}
        ]


def test_each_access_is_recorded_without_a_value(vault: Vault) -> None:
    hidden = Pseudonymiser(RING, vault=vault).record({"email": SECRET, "name": "Zaphod"}).data
    log = Log()
    reidentify(hidden, ["email", "name"], vault=vault, ledger=log, **ask())
    assert [(e["kind"], e["field"], e["count"], e["found"], e["who"], e["reason"], e["by"]) for e in log.events] == [
        ("reidentified", "email", 1, 1, "dpo", "request 12", "vault"),
        ("reidentified", "name", 1, 1, "dpo", "request 12", "vault"),
    ]
    assert "Zaphod" not in repr(log.events)
    assert hidden["email"] not in repr(log.events)
    assert all(e["pseudonyms"].startswith("hmac-sha256:") for e in log.events)


def test_what_cannot_be_recorded_is_not_given_back(vault: Vault) -> None:
    token = Pseudonymiser(RING, vault=vault).record({"email": SECRET}).data["email"]
    with pytest.raises(LedgerError):
        reidentify([token], "email", vault=vault, ledger=Log(fails=True), **ask())


def test_the_real_ledger_keeps_an_access(tmp_path: Path, vault: Vault) -> None:
    from aequo.ledger import Ledger

    token = Pseudonymiser(RING, vault=vault).record({"email": SECRET}).data["email"]
    with Ledger.open(f"sqlite:///{tmp_path / 'log.db'}", key=RING, create=True) as ledger:
        assert reidentify([token], "email", vault=vault, ledger=ledger, **ask()).data == [SECRET]
        kinds = [entry.kind for entry in ledger.entries()]
    assert "reidentified" in kinds


# -- wrong use


def test_wrong_use_is_one_sentence(tmp_path: Path, vault: Vault) -> None:
    with pytest.raises(InputError, match="give either the vault or candidates"):
        reidentify(["x"], "email", **ask())
    with pytest.raises(InputError, match="say which fields"):
        reidentify(["x"], None, vault=vault, **ask())
    with pytest.raises(InputError, match="no candidates for 'email'"):
        reidentify(["x"], "email", candidates={}, **ask())
    with pytest.raises(InputError, match="collect the frame first"):
        reidentify(pl.LazyFrame({"email": ["x"]}), "email", vault=vault, **ask())
    with pytest.raises(InputError, match="takes a record, a frame in memory, or a list"):
        reidentify(["x"], ["email", "name"], vault=vault, **ask())
    with pytest.raises(InputError, match="expected a collection"):
        reidentify(["x"], "email", vault=vault, **ask(allowed="dpo"))
    with pytest.raises(InputError, match="move back with their person"):
        reidentify({}, {"d": "date"}, vault=vault, form="preserving", **ask())
    with pytest.raises(UnreadableData, match="there is no vault 'none'"):
        reidentify(["x"], "email", vault=tmp_path / "none", **ask())


# -- rotation


def test_old_pseudonyms_come_back_while_the_old_key_exists_and_never_after(tmp_path: Path) -> None:
    path = tmp_path / "people.vault"
    old = Pseudonymiser(RING, ["email"], vault=path).record({"email": SECRET}).data
    both = RING.rotated()
    assert reidentify(old, "email", vault=path, **ask(key=both)).data == {"email": SECRET}
    assert reidentify(old, "email", vault=path, **ask(key=both.without(1))).data == old
    assert reidentify(old, "email", candidates={"email": [SECRET]}, **ask(key=both.without(1))).data == old


@pytest.mark.parametrize("form", ["token", "preserving"])
def test_renewed_data_is_what_the_new_key_would_have_made(tmp_path: Path, form: str) -> None:
    both = BOTH
    fields: dict[str, Any] = {"email": "email", "patient": "id", "seen": "date", "ssn": "ssn"}
    rows = [
        {
            "email": f"u{i % 7}@x.org",
            "patient": f"P{1_000_000 + i % 7}",
            "seen": f"2024-0{1 + i % 9}-11",
            "ssn": f"123-45-{6000 + i % 7}",
        }
        for i in range(30)
    ]
    options: dict[str, Any] = {"form": form, "person": "patient"}
    with Vault.open(tmp_path / "v", both) as vault:
        old = Pseudonymiser(both, fields, version=1, vault=vault, **options)
        new = Pseudonymiser(both, fields, **options)
        renewer = Renewer(both, vault, fields, **options)
        before, after = pl.DataFrame(rows), new.frame(pl.DataFrame(rows)).data
        hidden = old.frame(before).data
        assert renewer.frame(hidden).data.to_dicts() == after.to_dicts()
        assert list(renewer.stream(hidden.to_dicts()).data) == after.to_dicts()
        assert renewer.frame(after).data.to_dicts() == after.to_dicts(), "what is new already stays"
        hidden.write_parquet(tmp_path / "old.parquet")
        hidden.write_csv(tmp_path / "old.csv")
        assert pl.read_parquet(renewer.file(tmp_path / "old.parquet", tmp_path / "new.parquet").data).equals(after)
        assert pl.read_csv(renewer.file(tmp_path / "old.csv", tmp_path / "new.csv").data).equals(after)
        vault.erase_version(1)
    with Vault.open(tmp_path / "v", both.without(1)) as vault:
        back = reidentify(after, fields, vault=vault, **ask(key=both.without(1)), **options).data
        assert back.to_dicts() == rows
        assert vault.erase_person("P1000003", Field("id", domain="patient")) == 3 if form == "token" else True


def test_what_is_not_in_the_vault_is_not_renewed_and_nothing_is_written(tmp_path: Path, vault: Vault) -> None:
    source = tmp_path / "old.csv"
    source.write_text("email\np1_00\n")
    with Vault.open(vault.path, RING.rotated()) as both:
        renewer = Renewer(RING.rotated(), both, ["email"])
        with pytest.raises(InputError, match="1 of 1 different pseudonyms of 'email' are not in the vault"):
            renewer.file(source, tmp_path / "new.csv")
    assert not (tmp_path / "new.csv").exists()


# -- forgetting


def raw(path: Path) -> bytes:
    """The vault's bytes, with what SQLite may have left beside it."""
    return b"".join(f.read_bytes() for f in sorted(path.parent.glob(f"{path.name}*")))


def test_nothing_personal_is_in_the_bytes_of_the_vault(vault: Vault) -> None:
    hide = Pseudonymiser(RING, ["email", "name"], vault=vault, person="patient")
    hidden = hide.record({"email": SECRET, "name": "Zaphod", "patient": "P-4242424242"}).data
    data = raw(vault.path)
    for text in (SECRET, SECRET.casefold(), "Zaphod", "P-4242424242", hidden["email"], hidden["name"]):
        assert text.encode() not in data
        assert text.encode().hex().encode() not in data


def test_what_was_erased_cannot_be_found_again_not_even_in_the_raw_file(vault: Vault) -> None:
    hide = Pseudonymiser(RING, ["email"], vault=vault)
    tokens = [hide.record({"email": f"u{i}@x.org"}).data["email"] for i in range(200)]
    sealed = dict(vault._connection.execute("select pseudonym, sealed from entries").fetchall())
    gone = vault._index("email", 1)(tokens[7].encode())[:16]
    assert sealed[gone] in raw(vault.path)
    assert vault.erase("email", [tokens[7]]) == 1
    assert vault.erase("email", [tokens[7]]) == 0
    vault.close()
    data = raw(vault.path)
    assert sealed[gone] not in data
    assert gone not in data
    with Vault.open(vault.path, RING) as again:
        assert again.find("email", [tokens[7]]) == [Found()]
        assert again.find("email", [tokens[8]]) == [Found("u8@x.org", 1)]


@pytest.mark.parametrize(
    "kind", ["record", "pandas", "polars", "polars lazy", "pyarrow", "duckdb", "csv", "parquet", "jsonl"]
)
def test_a_person_is_erased_with_all_that_is_theirs_alone(kind: str, tmp_path: Path, vault: Vault) -> None:
    rows = [
        {"patient": "P1", "email": "one@x.org", "address": "12 Elm Street"},
        {"patient": "P2", "email": "two@x.org", "address": "12 elm street"},
        {"patient": "P1", "email": "one@work.org", "address": None},
    ]
    fields: dict[str, Any] = {"patient": Field("id", domain="patient id"), "email": None, "address": None}
    hide = Pseudonymiser(RING, fields, vault=vault, person="patient", unknown="ignore")
    if kind == "record":
        hidden = [hide.record(row).data for row in rows]
    elif kind in ("csv", "parquet", "jsonl"):
        frame = pl.DataFrame(rows)
        source = tmp_path / f"in.{kind}"
        {"csv": frame.write_csv, "parquet": frame.write_parquet, "jsonl": frame.write_ndjson}[kind](source)
        hidden = p.rows_of(
            {"csv": pl.read_csv, "parquet": pl.read_parquet, "jsonl": pl.read_ndjson}[kind](
                hide.file(source, tmp_path / f"out.{kind}").data
            )
        )
    else:
        import duckdb

        frame = pl.DataFrame(rows)
        made = {
            "pandas": frame.to_pandas, "polars": lambda: frame, "polars lazy": frame.lazy, "pyarrow": frame.to_arrow,
            "duckdb": lambda: duckdb.connect().from_arrow(frame.to_arrow()),
        }[kind]()  # fmt: skip
        hidden = p.rows_of(hide.frame(made).data)
    assert len(vault) == 6
    assert vault.erase_person("P1", PERSON) == 3
    assert [f.value for f in vault.find("email", [r["email"] for r in hidden])] == [None, "two@x.org", None]
    assert vault.find("address", [hidden[1]["address"]])[0].value is not None, "the house is also the other's"
    assert vault.find("patient id", [hidden[0]["patient"]]) == [Found()]
    assert vault.erase_person("P2", PERSON) == 3
    assert len(vault) == 0
    assert vault._connection.execute("select count(*) from links").fetchone() == (0,)


def test_a_value_is_erased_in_any_spelling(vault: Vault) -> None:
    hide = Pseudonymiser(
        RING, {"email": None, "mail2": Field("email", form="preserving")}, vault=vault, unknown="ignore"
    )
    hide.record({"email": "Jane@x.org", "mail2": "jane@x.org"})
    assert vault.erase_value(" JANE@X.ORG", Field("email", domain="email")) == 2
    assert vault.erase_value(None, Field("email", domain="email")) == 0


# -- faults


def test_another_key_is_told_apart_and_gives_nothing(tmp_path: Path) -> None:
    path = tmp_path / "v"
    with Vault.open(path, RING) as vault:
        vault.put("email", 1, [("p1_0", SECRET, "x")])
    with (
        Vault.open(path, KeyRing.new()) as other,
        pytest.raises(KeyProblem, match="made with another key of version 1"),
    ):
        other.find("email", ["p1_0"])


def test_a_changed_entry_does_not_open(tmp_path: Path) -> None:
    with Vault.open(tmp_path / "v", RING) as vault:
        vault.put("email", 1, [("p1_0", SECRET, "x"), ("p1_1", "b", "b")])
        vault._connection.execute(
            "update entries set sealed = (select sealed from entries order by id limit 1) where id = 2"
        )
        with pytest.raises(KeyProblem, match="does not open: it was changed"):
            vault.find("email", ["p1_1"])


def test_another_file_is_no_vault(tmp_path: Path) -> None:
    import sqlite3

    text = tmp_path / "text"
    text.write_text("not a database, but long enough to be taken for one" * 10)
    with pytest.raises(UnreadableData, match="text is no vault"):
        Vault.open(text, RING)
    database = tmp_path / "db"
    with sqlite3.connect(database) as connection:
        connection.execute("create table t (x)")
    connection.close()
    with pytest.raises(UnreadableData, match="db is a database, but no vault"):
        Vault.open(database, RING)


def test_only_its_owner_can_read_the_vault(vault: Vault) -> None:
    assert vault.path.stat().st_mode & 0o077 == 0


def test_what_fails_half_way_leaves_nothing_in_the_vault(tmp_path: Path, vault: Vault) -> None:
    source = tmp_path / "in.csv"
    source.write_text("email,n\n" + "".join(f"u{i}@x.org,{i}\n" for i in range(30_000)) + "too,many,fields\n")
    with pytest.raises(UnreadableData, match="line 30,002 has 3 fields, expected 2"):
        Pseudonymiser(RING, ["email"], vault=vault, unknown="ignore").file(source, tmp_path / "out.csv")
    assert len(vault) == 0
    with pytest.raises(Refused):
        Pseudonymiser(RING, ["email"], vault=vault, unknown="refuse").record(
            {"email": "a@x.org", "phone": "617-555-0123"}
        )
    assert len(vault) == 0


def test_two_threads_can_share_a_vault(vault: Vault) -> None:
    from concurrent.futures import ThreadPoolExecutor

    hide = Pseudonymiser(RING, ["email"], vault=vault)
    with ThreadPoolExecutor(4) as pool:
        tokens = list(pool.map(lambda i: hide.record({"email": f"u{i % 40}@x.org"}).data["email"], range(200)))
    assert len(vault) == len(set(tokens)) == 40
