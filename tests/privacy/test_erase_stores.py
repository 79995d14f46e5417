"""Databases and files as stores: one person's rows go, whole or not at all, and every other byte stays."""

from __future__ import annotations

import csv
import io
import json
import os
import sqlite3
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aequo.core.policy import Policy
from aequo.errors import InputError
from aequo.ledger import KeyRing
from aequo.privacy.erasure.erase import erase
from aequo.privacy.erasure.files import FileStore
from aequo.privacy.erasure.sql import SqlStore
from aequo.privacy.erasure.stores import NotReached
from aequo.privacy.erasure.vault import VaultStore
from aequo.privacy.pseudonyms.pseudonymiser import Pseudonymiser
from aequo.privacy.pseudonyms.vault import Vault

from .erasing import KEY, new_ledger, new_shop, shop_store

HOSTILE = ["' OR 1=1 --", "x'; DROP TABLE orders; --", ":subject", "%(subject)s", "%s", "?", '"', "\\", "null", "0"]


def rows_of(path: Path) -> list[tuple[str, str]]:
    db = sqlite3.connect(path)
    try:
        return db.execute("SELECT person, item FROM orders ORDER BY rowid").fetchall()
    finally:
        db.close()


# -- databases


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.sampled_from([*HOSTILE, "anna"]) | st.text(max_size=9), st.text(max_size=9)), max_size=12),
    st.sampled_from([*HOSTILE, "anna"]) | st.text(max_size=9),
)
def test_a_person_is_a_value_and_never_a_part_of_the_statement(rows: list[tuple[str, str]], gone: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = new_shop(Path(name, "shop.db"), rows)
        shop = shop_store(path)
        mine = [row for row in rows if row[0] == gone]
        assert [(r["person"], r["item"]) for r in shop.find(gone)] == mine
        assert shop.erase(gone) == len(mine)
        assert shop.erase(gone) == 0
        assert rows_of(path) == [row for row in rows if row[0] != gone]
        shop.close()


def test_several_statements_are_done_together_or_not_at_all(tmp_path: Path) -> None:
    path = new_shop(tmp_path / "shop.db", [("a", "book"), ("b", "pen")])
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE letters(person TEXT)")
    db.execute("INSERT INTO letters VALUES('a')")
    db.commit()
    db.close()
    find = (
        "SELECT person FROM orders WHERE person = :subject UNION ALL SELECT person FROM letters WHERE person = :subject"
    )
    orders = "DELETE FROM orders WHERE person = :subject"
    url = f"sqlite:///{path}"
    half = SqlStore(name="shop", url=url, find=find, delete=[orders])
    with pytest.raises(NotReached, match="1 of its rows would still be found .* none was deleted"):
        half.erase("a")
    assert rows_of(path) == [("a", "book"), ("b", "pen")]
    wrong = SqlStore(name="shop", url=url, find=find, delete=[orders, "DELETE FROM nothing WHERE person = :subject"])
    with pytest.raises(NotReached, match="a table or column that its statements name is not there"):
        wrong.erase("a")
    assert rows_of(path) == [("a", "book"), ("b", "pen")]
    both = SqlStore(name="shop", url=url, find=find, delete=[orders, "DELETE FROM letters WHERE person = :subject"])
    assert both.erase("a") == 2
    assert rows_of(path) == [("b", "pen")]
    for store in (half, wrong, both):
        store.close()


def test_a_statement_to_find_cannot_change_anything(tmp_path: Path) -> None:
    path = new_shop(tmp_path / "shop.db", [("a", "book")])
    sly = SqlStore(
        name="shop",
        url=f"sqlite:///{path}",
        find="WITH x AS (SELECT :subject) DELETE FROM orders WHERE person = :subject RETURNING person",
        keep="nobody shall delete",
    )
    before = path.read_bytes()
    with pytest.raises(NotReached, match="may only be read"):
        list(sly.find("a"))
    sly.close()
    assert path.read_bytes() == before


def test_an_overwritten_field_counts_as_erased(tmp_path: Path) -> None:
    path = new_shop(tmp_path / "shop.db", [("a", "book")])
    shop = SqlStore(
        name="shop",
        url=f"sqlite:///{path}",
        find="SELECT * FROM orders WHERE person = :subject",
        delete=["UPDATE orders SET person = 'erased' WHERE person = :subject"],
    )
    assert shop.erase("a") == 1
    assert rows_of(path) == [("erased", "book")]
    shop.close()


def test_rows_that_belong_to_a_deleted_one_go_with_it_or_stop_it(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    db = sqlite3.connect(path)
    db.executescript(
        """
        CREATE TABLE customers(id TEXT PRIMARY KEY);
        CREATE TABLE notes(customer TEXT REFERENCES customers ON DELETE CASCADE);
        CREATE TABLE bills(customer TEXT REFERENCES customers);
        INSERT INTO customers VALUES('a'), ('b');
        INSERT INTO notes VALUES('a'), ('b');
        INSERT INTO bills VALUES('b');
        """
    )
    shop = SqlStore(
        name="shop",
        url=f"sqlite:///{path}",
        find="SELECT * FROM customers WHERE id = :subject",
        delete=["DELETE FROM customers WHERE id = :subject"],
    )
    assert shop.erase("a") == 1
    assert db.execute("SELECT customer FROM notes").fetchall() == [("b",)]
    with pytest.raises(NotReached, match="SQLITE_CONSTRAINT_FOREIGNKEY"):
        shop.erase("b")
    assert db.execute("SELECT id FROM customers").fetchall() == [("b",)]
    db.close()
    shop.close()


@pytest.mark.parametrize("mode", ["DELETE", "WAL"])
def test_deleted_values_are_in_no_file_of_the_database(tmp_path: Path, mode: str) -> None:
    path = new_shop(tmp_path / "shop.db", [(f"person-{i}", f"quartz-{i:03}") for i in range(200)])
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA journal_mode = {mode}")
    db.execute("INSERT INTO orders VALUES('person-7', 'quartz-late')")
    db.commit()

    def found(value: str) -> bool:
        return any(value.encode() in file.read_bytes() for file in tmp_path.iterdir())

    assert found("quartz-007") and found("quartz-late") and found("quartz-008")
    shop = shop_store(path)
    assert shop.erase("person-7") == 2
    assert not found("quartz-007") and not found("quartz-late") and found("quartz-008")
    shop.close()
    db.close()


def test_a_locked_database_is_told(tmp_path: Path) -> None:
    path = new_shop(tmp_path / "shop.db", [("a", "book")])
    shop = shop_store(path, timeout=0.1)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    for call in (lambda: list(shop.find("a")), lambda: shop.erase("a")):
        with pytest.raises(NotReached, match="another process has held it for 0.1 s"):
            call()
    other.execute("ROLLBACK")
    assert shop.erase("a") == 1
    other.close()
    shop.close()


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    shop = shop_store(tmp_path / "shop.db")
    for call in (lambda: list(shop.find("a")), lambda: shop.erase("a")):
        with pytest.raises(NotReached, match="there is no such file"):
            call()
    assert not list(tmp_path.iterdir())
    (tmp_path / "shop.db").write_bytes(os.urandom(5000))
    with pytest.raises(NotReached, match="it is no SQLite database"):
        list(shop.find("a"))
    shop.close()


_KILLED = """
import os, signal, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA journal_mode = " + sys.argv[2])
db.execute("PRAGMA cache_size = 2")
db.execute("PRAGMA cache_spill = ON")
db.execute("BEGIN IMMEDIATE")
for i in range(3000):
    db.execute("INSERT INTO orders VALUES('a', 'half-done')")
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("mode", ["DELETE", "WAL"])
def test_what_a_killed_program_left_half_done_is_no_obstacle_and_is_not_counted(tmp_path: Path, mode: str) -> None:
    path = new_shop(tmp_path / "shop.db", [("a", "book")])
    assert subprocess.run([sys.executable, "-c", _KILLED, str(path), mode], check=False).returncode == -9
    assert any(p.stat().st_size for p in tmp_path.iterdir() if p != path), "something is left half-done"
    shop = shop_store(path)
    assert list(shop.find("a")) == [{"person": "a", "item": "book"}]
    assert shop.erase("a") == 1
    shop.close()


@pytest.mark.parametrize("mode", ["DELETE", "WAL"])
def test_finding_changes_no_byte(tmp_path: Path, mode: str) -> None:
    path = new_shop(tmp_path / "shop.db", [("a", "book")])
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA journal_mode = {mode}")
    db.close()
    before = path.read_bytes()
    shop = shop_store(path)
    assert len(list(shop.find("a"))) == 1
    shop.close()
    assert path.read_bytes() == before
    assert not [p for p in tmp_path.iterdir() if p != path and p.name.endswith("-wal") and p.stat().st_size]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"url": "mysql://host/db"}, "names no database"),
        ({"url": "sqlite:///"}, "names no database"),
        ({"url": "postgresql://host"}, "names no database"),
        ({"find": "SELECT * FROM orders"}, "to find does not say whose rows"),
        ({"delete": ["DELETE FROM orders"]}, "to delete does not say whose rows"),
        ({"delete": []}, "has nothing to delete with"),
    ],
)
def test_a_database_that_cannot_be_meant_is_refused(change: dict[str, object], told: str) -> None:
    right = {
        "name": "shop",
        "url": "sqlite:///x.db",
        "find": "SELECT * FROM orders WHERE person = :subject",
        "delete": ["DELETE FROM orders WHERE person = :subject"],
    }
    with pytest.raises(InputError, match=told):
        SqlStore(**{**right, **change})  # type: ignore[arg-type]


# -- files

CELLS = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0\r"), max_size=8)
IDS = st.sampled_from(["anna", "be,rt", 'c"l', "dö\nx", " anna"])


@settings(max_examples=60)
@given(
    st.lists(st.tuples(IDS, CELLS), max_size=8),
    IDS,
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
    st.booleans(),
)
def test_rows_of_others_keep_every_byte_of_a_csv_file(
    rows: list[tuple[str, str]], gone: str, delimiter: str, end: str, mark: bool, last: bool
) -> None:
    def line(values: tuple[str, ...]) -> bytes:
        text = io.StringIO()
        csv.writer(text, delimiter=delimiter, lineterminator=end).writerow(values)
        return text.getvalue().encode()

    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "calls.csv")
        lines = [line(row) for row in rows]
        whole = (b"\xef\xbb\xbf" if mark else b"") + line(("who", "text")) + b"".join(lines)
        path.write_bytes(whole if last or not rows else whole.removesuffix(end.encode()))
        store = FileStore(name="calls", files=[str(path)], column="who")
        mine = [row for row in rows if row[0] == gone]
        assert [(r["who"], r["text"]) for r in store.find(gone)] == mine
        assert store.erase(gone) == len(mine)
        left = b"".join(raw for row, raw in zip(rows, lines, strict=True) if row[0] != gone)
        expected = (b"\xef\xbb\xbf" if mark else b"") + line(("who", "text")) + left
        assert path.read_bytes().removesuffix(end.encode()) == expected.removesuffix(end.encode())
        assert store.erase(gone) == 0
        assert [p.name for p in Path(name).iterdir()] == ["calls.csv"]


@settings(max_examples=30)
@given(st.lists(st.tuples(st.sampled_from(["anna", "bert", 7]), CELLS), max_size=8), st.sampled_from(["anna", "7"]))
def test_records_of_others_keep_every_byte_of_a_json_lines_file(rows: list[tuple[object, str]], gone: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "calls.jsonl")
        lines = [json.dumps({"who": who, "text": text}).encode() + b" \n" for who, text in rows]
        path.write_bytes(b"\n".join([b"".join(lines), b""]))
        store = FileStore(name="calls", files=[f"{name}/*.jsonl"], column="who")
        assert store.erase(gone) == sum(str(who) == gone for who, _ in rows)
        left = [raw for (who, _), raw in zip(rows, lines, strict=True) if str(who) != gone]
        assert path.read_bytes() == b"".join([*left, b"\n"])


def test_a_file_without_the_person_is_not_written_and_one_with_keeps_its_mode(tmp_path: Path) -> None:
    for name, who in (("a.csv", "anna"), ("b.csv", "bert")):
        (tmp_path / name).write_text(f"who,text\n{who},x\n", encoding="utf-8")
        (tmp_path / name).chmod(0o640)
    before = (tmp_path / "b.csv").stat()
    assert FileStore(name="calls", files=[f"{tmp_path}/*.csv"], column="who").erase("anna") == 1
    after = (tmp_path / "b.csv").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert stat.S_IMODE((tmp_path / "a.csv").stat().st_mode) == 0o640


@pytest.mark.parametrize(
    ("name", "raw", "told"),
    [
        ("a.csv", b"name,text\nanna,x\n", "has no column 'who'"),
        ("a.csv", b"who,text\nanna,x,y\n", "is not what its ending says"),
        ("a.csv", b'who,text\n5" pipe,x\n6" pipe,y\n', "is not what its ending says"),
        ("a.csv", "who,text\nanna,é\n".encode("latin-1"), "or not in UTF-8"),
        ("a.jsonl", b'{"who": "anna"}\n[1]\n', "is not what its ending says"),
        ("a.jsonl", b'{"who": "anna"}\n{"name": "anna"}\n', "has no field 'who'"),
        ("a.jsonl", b'{"who": "anna"}\n{"who"', "is not what its ending says"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_and_left_alone(tmp_path: Path, name: str, raw: bytes, told: str) -> None:
    path = tmp_path / name
    path.write_bytes(raw)
    store = FileStore(name="calls", files=[str(path)], column="who")
    for call in (lambda: list(store.find("anna")), lambda: store.erase("anna")):
        with pytest.raises(NotReached, match=told) as caught:
            call()
        assert "anna" not in str(caught.value)
    assert path.read_bytes() == raw
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_a_file_that_is_not_there_is_told_and_an_empty_pattern_is_not(tmp_path: Path) -> None:
    with pytest.raises(NotReached, match="a file of it is not there"):
        FileStore(name="calls", files=[str(tmp_path / "a.csv")], column="who").erase("anna")
    assert FileStore(name="calls", files=[str(tmp_path / "*.csv")], column="who").erase("anna") == 0
    with pytest.raises(InputError, match="does not end in"):
        FileStore(name="calls", files=["a.parquet"], column="who")


def test_rows_that_are_added_while_a_file_is_written_anew_are_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("who,text\nanna,x\nbert,y\n", encoding="utf-8")
    real = os.fsync

    def append(handle: int) -> None:
        real(handle)
        with path.open("a", encoding="utf-8") as file:
            file.write("clea,z\n")

    store = FileStore(name="calls", files=[str(path)], column="who")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", append)
        with pytest.raises(NotReached, match="was written to meanwhile"):
            store.erase("anna")
    assert path.read_text(encoding="utf-8").endswith("clea,z\n")
    assert store.erase("anna") == 1
    assert path.read_text(encoding="utf-8") == "who,text\nbert,y\nclea,z\n"
    assert [p.name for p in tmp_path.iterdir()] == ["a.csv"]


def test_what_a_killed_process_left_beside_a_file_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("who,text\nbert,y\n", encoding="utf-8")
    dead = tmp_path / ".a.csv.4194304.0011.tmp"  # no process has this number: it is above the system's largest
    alive = tmp_path / f".a.csv.{os.getpid()}.0011.tmp"
    other = tmp_path / ".a.csv.mine.0011.tmp"
    for leftover in (dead, alive, other):
        leftover.write_text("who,text\n", encoding="utf-8")
    assert FileStore(name="calls", files=[str(path)], column="who").erase("anna") == 0
    assert not dead.exists() and alive.exists() and other.exists()


# -- the vault of pseudonyms


def test_what_pseudonyms_stand_for_is_erased_with_the_person_and_nobody_else(tmp_path: Path) -> None:
    path = tmp_path / "people.vault"
    KEY.save(tmp_path / "people.key")
    hide = Pseudonymiser(KEY, {"email": None, "customer": None}, person="customer", vault=path)
    people = {"c-1": "jane@example.org", "c-2": "bo@example.org"}
    hidden = {who: hide.record({"customer": who, "email": mail}).data["email"] for who, mail in people.items()}
    store = {"name": "people", "vault": str(path), "key": f"file:{tmp_path}/people.key", "column": "customer"}
    policy = Policy(erase={"stores": [store]})
    with new_ledger(tmp_path) as ledger:
        receipt = erase("c-1", ledger=ledger, policy=policy)
        assert receipt.outcomes[0].store == "people"
        assert receipt.outcomes[0].result == "erased" and (receipt.outcomes[0].count or 0) >= 1
        assert erase("c-1", ledger=ledger, policy=policy).outcomes[0].count == 0
    with Vault.open(path, KEY, create=False) as vault:
        assert [found.value for found in vault.find("email", list(hidden.values()))] == [None, "bo@example.org"]
    assert b"jane" not in path.read_bytes()
    for wrong, told in ((KeyRing.new(), "made with another key"), (KEY, "there is no vault 'none.vault'")):
        at = path if wrong is not KEY else tmp_path / "none.vault"
        with pytest.raises(NotReached, match=told):
            VaultStore(path=at, key=wrong, person="customer").erase("c-2")
