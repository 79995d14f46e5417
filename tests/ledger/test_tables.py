"""Every cell of every table is held against what was signed, also those that are there only to find things faster."""

from __future__ import annotations

import base64
import contextlib
import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aequo.errors import KeyProblem, Tampered

from .attacks import Copy, careful, found, make_original, outcome
from .samples import KEY, change, make, read, reopen


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_original(tmp_path_factory.mktemp("original"))


@pytest.fixture
def copy(original: Path, tmp_path: Path) -> Copy:
    return Copy(original, tmp_path)


@pytest.fixture(scope="module")
def shared(original: Path, tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """One copy for many changes, each taken back."""
    return Copy(original, tmp_path_factory.mktemp("shared"))


# -- what is beside the bytes -----------------------------------------------------------------------------------------


def test_the_time_beside_an_entry_is_the_time_in_it(copy: Copy) -> None:
    for time in ("time + 1", "0", "-1", "9223372036854775807", "-9223372036854775808", "'noon'", "x'00'", "1e300"):
        copy.change(f"UPDATE entries SET time = {time} WHERE id = 8")
        found(copy.verify(), 7, "the time beside entry 7 is not the time in it")
        with reopen(copy.folder) as ledger, contextlib.suppress(Tampered):
            assert len(list(ledger.entries(start=6, stop=9))) == 3


def test_the_list_of_persons_is_that_of_the_entries(original: Path, copy: Copy) -> None:
    for statement in (
        "DELETE FROM subjects WHERE id = 2",
        "UPDATE subjects SET id = 3 WHERE id = 2",
        "UPDATE subjects SET subject = zeroblob(16) WHERE id = 2",
        "UPDATE subjects SET subject = 'text' WHERE id = 2",
        "UPDATE subjects SET subject = CAST(subject AS TEXT) WHERE id = 2",  # the same bytes, and not found any more
        "INSERT INTO subjects SELECT subject, 3 FROM subjects WHERE id = 2",
    ):
        copy.restore(original)
        copy.change(statement)
        verification = copy.verify()
        assert not verification.ok
        assert {p.entry for p in verification.problems} <= {1, 2}
        assert all("the list of persons does not fit entry" in p.what for p in verification.problems)
    copy.restore(original)
    for place in ("301", "0", "-1", "'x'"):
        copy.change(f"INSERT INTO subjects VALUES(zeroblob(16), {place})")
        found(copy.verify(), None, "1 rows of the table subjects are not in the tree")
        copy.change("DELETE FROM subjects WHERE subject = zeroblob(16)")
    assert copy.verify().ok


def test_the_stored_subtrees_are_those_of_the_entries(copy: Copy) -> None:
    for statement, words in (
        ("UPDATE nodes SET hash = zeroblob(32)", "the stored hash over the entries 0 to 255 does not fit them"),
        ("UPDATE nodes SET hash = x''", "the stored hash over the entries 0 to 255 does not fit them"),
        ("UPDATE nodes SET low = low - 1", "the stored period from entry 0 on is not theirs"),
        ("UPDATE nodes SET high = high + 1", "the stored period from entry 0 on is not theirs"),
        ("UPDATE nodes SET high = 'never'", "the stored period from entry 0 on is not theirs"),
        ("DELETE FROM nodes", "the stored hash over the entries 0 to 255 is gone"),
        ("UPDATE nodes SET position = 7", "the stored hash over the entries 0 to 255 is gone"),
        ("UPDATE nodes SET level = 16", "the stored hash over the entries 0 to 255 is gone"),
    ):
        copy.change(statement)
        found(copy.verify(), 0, words)
        copy.mend()
        assert copy.verify().ok
    for row in ("8, 1", "16, 0", "7, 0", "8, -1", "'x', 0", "8, 'x'", "24, 5"):
        copy.change(f"INSERT INTO nodes VALUES({row}, zeroblob(32), 0, 0)")
        found(copy.verify(), None, "1 rows of the table nodes are of no part of the tree")
        copy.mend()


def test_larger_subtrees_are_held_against_the_entries_too(tmp_path: Path) -> None:
    with make(tmp_path) as ledger:
        ledger.append_many([{}] * 65_800)
        assert ledger.verify().ok
        for statement, words in (
            ("UPDATE nodes SET hash = zeroblob(32) WHERE level = 16", "entries 0 to 65535 does not fit them"),
            ("UPDATE nodes SET low = low - 1 WHERE level = 16", "the stored period from entry 0 on is not theirs"),
            ("DELETE FROM nodes WHERE level = 16", "entries 0 to 65535 is gone"),
        ):
            saved = read(tmp_path / "x.db", "SELECT * FROM nodes WHERE level = 16")[0]
            assert change(tmp_path / "x.db", statement) == 1
            found(ledger.verify(), 0, words)
            change(tmp_path / "x.db", "INSERT OR REPLACE INTO nodes VALUES(?, ?, ?, ?, ?)", *saved)
        assert change(tmp_path / "x.db", "UPDATE nodes SET hash = zeroblob(32) WHERE level = 8 AND position = 100") == 1
        found(ledger.verify(), 25_600, "the stored hash over the entries 25600 to 25855 does not fit them")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"junk",
        b"{}",
        b"\xff" * 40,
        b"[" * 5000,
        b'{"v":1,"id":"","time":"\xff","kind":""}',
        b'{"v":1,"id":"","time":"","kind":"","subject":"zz","key":"00","sealed":""}',
    ],
)
def test_bytes_that_are_no_entry_are_found_and_not_read(copy: Copy, body: bytes) -> None:
    copy.change("UPDATE entries SET body = ? WHERE id = 8", body)
    copy.mend()
    found(copy.verify(), 7, "entry 7 is no entry: its bytes cannot be read")
    for key in (None, KEY):
        with reopen(copy.folder, key=key) as ledger:
            for read_it in (lambda ledger: ledger.entry(7), lambda ledger: list(ledger.entries())):
                with pytest.raises(Tampered, match="entry 7 cannot be read; `aequo ledger verify` says more"):
                    read_it(ledger)


def test_a_sealed_part_that_was_changed_is_not_opened(copy: Copy) -> None:
    ((body,),) = read(copy.path, "SELECT body FROM entries WHERE id = 2")
    said = json.loads(body)
    for sealed in ("AAAA", "", "no base64!", base64.b64encode(bytes(60)).decode(), said["sealed"][:-8] + "AAAAAAA="):
        changed = json.dumps({**said, "sealed": sealed}, separators=(",", ":")).encode()
        copy.change("UPDATE entries SET body = ? WHERE id = 2", changed)
        with reopen(copy.folder, key=KEY) as ledger:
            with pytest.raises(Tampered, match="the sealed part of entry 1 was changed|entry 1 cannot be read"):
                ledger.entry(1)
            assert not ledger.verify().ok


# -- the file of the keys ---------------------------------------------------------------------------------------------


def test_keys_of_another_ledger_do_not_open_this_one(copy: Copy, tmp_path: Path) -> None:
    folder = tmp_path / "another"
    folder.mkdir()
    make(folder, 5, origin="example.com/another").close()  # under the same master key
    shutil.copy(folder / "x.keys.db", copy.keys)
    with pytest.raises(KeyProblem, match="the master key does not fit: it is another ledger's, or the sealed bytes"):
        reopen(copy.folder, key=KEY)
    assert copy.verify(checkpoint=copy.late).ok  # the entries are as they were recorded


def test_a_persons_key_that_was_changed_or_exchanged_opens_nothing(copy: Copy) -> None:
    (first, second, *_) = read(copy.keys, "SELECT subject, key_id, wrapped FROM people ORDER BY subject")
    for statement, *values in (
        ("UPDATE people SET wrapped = zeroblob(72) WHERE subject = ?", first[0]),
        ("UPDATE people SET wrapped = 'text' WHERE subject = ?", first[0]),
        ("UPDATE people SET wrapped = ? WHERE subject = ?", second[2], first[0]),
    ):
        assert change(copy.keys, statement, *values) == 1
        with reopen(copy.folder, key=KEY) as ledger, pytest.raises(KeyProblem):
            list(ledger.entries())
        assert change(copy.keys, "UPDATE people SET wrapped = ? WHERE subject = ?", first[2], first[0]) == 1
    assert change(copy.keys, "DELETE FROM people WHERE subject = ?", first[0]) == 1
    with reopen(copy.folder, key=KEY) as ledger:  # as after an erasure: that is what it is
        gone = {e.subject for e in ledger.entries() if e.sealed == "erased"}
        assert gone == {first[0].hex()} and ledger.verify(copy.late).ok


@pytest.mark.parametrize("name", ["digest", "sign", "subject"])
def test_a_secret_of_the_ledger_that_was_changed_is_found_when_it_is_opened(copy: Copy, name: str) -> None:
    other = {"digest": "sign", "sign": "subject", "subject": "digest"}[name]
    wrapped = read(copy.keys, "SELECT wrapped FROM secrets WHERE name = ?", other)[0][0]
    for value in (wrapped, b"", bytes(80), "text"):
        assert change(copy.keys, "UPDATE secrets SET wrapped = ? WHERE name = ?", value, name) == 1
        with pytest.raises(KeyProblem):
            reopen(copy.folder, key=KEY)
    assert change(copy.keys, "DELETE FROM secrets WHERE name = ?", name) == 1
    with pytest.raises(Tampered, match=f"the ledger's secret '{name}' is gone"):
        reopen(copy.folder, key=KEY)


# -- any cell ---------------------------------------------------------------------------------------------------------

# `created` in `meta` is for people to read, and nothing depends on it.
CELLS = [
    ("meta", "name", "value"),
    ("meta", "name", "name"),
    ("entries", "id", "id"),
    ("entries", "id", "time"),
    ("entries", "id", "leaf"),
    ("entries", "id", "body"),
    ("subjects", "id", "subject"),
    ("subjects", "id", "id"),
    *(("nodes", "level", name) for name in ("level", "position", "hash", "low", "high")),
    *(("head", "one", name) for name in ("size", "peaks", "low", "high", "note")),
    ("checkpoints", "size", "size"),
    ("checkpoints", "size", "note"),
]


def altered(value: Any, data: st.DataObject) -> Any:
    """Another value: a bit flipped, a byte more or less, another number or another type."""
    if isinstance(value, int):
        flipped = value ^ 1 << data.draw(st.integers(0, 62))
        return data.draw(st.sampled_from([flipped, value + 1, value - 1, -value - 1, f"{value}x", value + 0.5]))
    raw = value.encode() if isinstance(value, str) else value
    at = data.draw(st.integers(0, len(raw) - 1))
    flipped_bit = bytes([raw[at] ^ 1 << data.draw(st.integers(0, 7))])
    ways = [
        raw[:at] + flipped_bit + raw[at + 1 :],
        raw[:at] + raw[at + 1 :],
        raw + b"\x00",
        raw[:at] + b"\n" + raw[at:],
        b"",
    ]
    spoilt = data.draw(st.sampled_from(ways))
    # The same bytes under another type are another value too: SQLite would not find them.
    return data.draw(st.sampled_from([spoilt, spoilt, spoilt, raw if isinstance(value, str) else None]))


@settings(max_examples=400)
@given(st.sampled_from(CELLS), st.data())
def test_no_cell_of_any_table_can_be_another(
    original: Path, shared: Copy, cell: tuple[str, str, str], data: st.DataObject
) -> None:
    table, key, column = cell
    shared.restore(original)
    rows = read(shared.path, f"SELECT {key}, {column} FROM {table} ORDER BY 1, 2")
    name, value = data.draw(st.sampled_from([row for row in rows if row[0] != "created"]))
    new = altered(value, data)
    as_text = isinstance(value, str) and isinstance(new, bytes) and new != value.encode()
    mark = "CAST(? AS TEXT)" if as_text else "?"
    statement = f"UPDATE {table} SET {column} = {mark} WHERE {key} = ? AND {column} = ?"
    try:
        assert change(shared.path, statement, new, name, value) == 1
    except sqlite3.IntegrityError:  # SQLite itself does not take it
        return
    assert outcome(shared) != "as recorded", (cell, name, value, new)


@settings(max_examples=60)
@given(st.sampled_from(["entries", "subjects", "nodes", "head"]), st.data())
def test_no_row_can_be_dropped(original: Path, shared: Copy, table: str, data: st.DataObject) -> None:
    shared.restore(original)
    key = {"entries": "id", "subjects": "id", "nodes": "level", "head": "one"}[table]
    name = data.draw(st.sampled_from(read(shared.path, f"SELECT {key} FROM {table}")))[0]
    assert change(shared.path, f"DELETE FROM {table} WHERE {key} = ?", name) == 1
    assert outcome(shared) != "as recorded"


def test_a_kept_checkpoint_that_was_deleted_weakens_the_proof_and_does_not_break_it(copy: Copy) -> None:
    # Nobody can tell that it was there. What it vouched for, the newest one vouches for too.
    copy.change("DELETE FROM checkpoints WHERE size = 40")
    assert copy.verify().ok
    careful(copy, 7)
    found(copy.verify(), 0, "of the entries 0 to 289 one or more are not what was signed")
