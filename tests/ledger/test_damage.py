"""A damaged file, or a ledger that others are writing to, is judged in a sentence and never by accident."""

from __future__ import annotations

import re
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aequo.errors import LedgerError, Tampered

from .attacks import EARLY, Copy, found, make_original, outcome, sentence
from .samples import KEY, make, reopen


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


# -- damaged files ----------------------------------------------------------------------------------------------------


def damaged(copy: Copy) -> set[str]:
    """What becomes of a damaged ledger, without and with the key, opened, verified and read."""
    outcomes = {outcome(copy, checkpoint=copy.late)}
    for key in (None, KEY):
        try:
            with reopen(copy.folder, key=key) as ledger:
                list(ledger.entries())
                ledger.append({"kind": "note"})
        except LedgerError as error:
            outcomes.add(sentence(error))
    return outcomes


@pytest.mark.parametrize("name", ["x.db", "x.keys.db"])
@pytest.mark.parametrize("data", [b"", b"\x00", b"junk" * 5000, b"SQLite format 3\x00", bytes(8192)], ids=range(5))
def test_a_file_that_is_no_database_is_said_to_be_none(copy: Copy, name: str, data: bytes) -> None:
    (copy.folder / name).write_bytes(data)
    if name == "x.db":
        assert copy.path.stat().st_size == len(data)
        with pytest.raises(Tampered, match=r"x\.db is damaged|x\.db is no ledger"):
            reopen(copy.folder)
    with pytest.raises(Tampered, match=rf"{re.escape(name)} is damaged|x\.db is no ledger"):
        reopen(copy.folder, key=KEY)


@pytest.mark.parametrize("name", ["x.db", "x.keys.db"])
def test_a_file_that_is_gone_is_said_to_be_gone(copy: Copy, name: str) -> None:
    (copy.folder / name).unlink()
    with pytest.raises(LedgerError, match=f"there is no ledger file '{name}'"):
        reopen(copy.folder, key=KEY)
    (copy.folder / name).mkdir()
    with pytest.raises(LedgerError, match=f"there is no ledger file '{name}'"):
        reopen(copy.folder, key=KEY)


@pytest.mark.parametrize("table", ["meta", "entries", "subjects", "nodes", "head", "checkpoints"])
def test_a_table_that_is_gone_is_found(copy: Copy, table: str) -> None:
    with closing(sqlite3.connect(copy.path)) as db:
        db.execute(f"DROP TABLE {table}")
    assert "x.db is damaged" in outcome(copy) or "x.db is no ledger: its tables are missing" in outcome(copy)
    with closing(sqlite3.connect(copy.path)) as db:
        db.execute(f"CREATE TABLE {table}(something)")
    assert "x.db is damaged: SQLite cannot read it as a ledger." in outcome(copy)


@pytest.mark.parametrize("table", ["secrets", "people", "destroyed", "holds"])
def test_a_table_of_the_keys_that_is_gone_is_found_when_it_is_needed(copy: Copy, table: str) -> None:
    with closing(sqlite3.connect(copy.keys)) as db:
        db.execute(f"DROP TABLE {table}")

    def use() -> None:
        with reopen(copy.folder, key=KEY) as ledger:
            list(ledger.entries())
            ledger.store.destroyed(bytes(16))
            ledger.store.holds()

    with pytest.raises(Tampered, match=r"x\.keys\.db is damaged: SQLite cannot read it as a ledger"):
        use()


@settings(max_examples=60)
@given(st.data())
def test_a_file_that_was_cut_off_is_found(original: Path, shared: Copy, data: st.DataObject) -> None:
    raw = (original / "x.db").read_bytes()
    shared.restore(original)
    pages = st.integers(0, len(raw) // 4096 - 1)
    length = data.draw(st.integers(0, len(raw) - 1) | pages.map(lambda page: page * 4096))
    shared.path.write_bytes(raw[:length])
    assert outcome(shared) != "as recorded"
    assert "as recorded" not in damaged(shared)


@settings(max_examples=250)
@given(st.data())
def test_random_bytes_in_a_file_are_found_or_change_nothing(original: Path, shared: Copy, data: st.DataObject) -> None:
    raw = bytearray((original / "x.db").read_bytes())
    shared.restore(original)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(raw) - 1) | st.integers(0, 99))
        junk = data.draw(st.binary(min_size=1, max_size=40))
        raw[at : at + len(junk)] = junk[: len(raw) - at]
    shared.path.write_bytes(raw)
    if outcome(shared, checkpoint=shared.late) == "as recorded":
        # The bytes were in room that is free, or are ones that SQLite does not need: all that can be read is the same.
        with reopen(original) as one, reopen(shared.folder) as other:
            assert [e.to_dict() for e in one.entries()] == [e.to_dict() for e in other.entries()]
            assert one.size == other.size and one.root == other.root
    damaged(shared)


def test_a_log_of_writes_that_is_junk_harms_nothing(copy: Copy) -> None:
    (copy.folder / "x.db-wal").write_bytes(b"junk" * 3000)
    assert copy.verify(checkpoint=copy.late).ok


# -- while others write ------------------------------------------------------------------------------------------


def test_verifying_while_others_write_finds_nothing_wrong(tmp_path: Path) -> None:
    stop = threading.Event()
    with make(tmp_path, 50) as ledger, reopen(tmp_path, key=KEY) as other:

        def write() -> None:
            n = 0
            while not stop.is_set():
                other.append({"kind": "note"}, subject="a" if n % 3 else None)
                n += 1
                if n % 5 == 0:
                    other.checkpoint()

        writer = threading.Thread(target=write)
        writer.start()
        try:
            seen = set()
            while len(seen) < 12:
                verification = ledger.verify(ledger.store.head().note)
                assert verification.ok, verification.problems
                seen.add(verification.size)
        finally:
            stop.set()
            writer.join()


def test_verifying_from_a_checkpoint_reads_only_what_came_after_it(copy: Copy) -> None:
    verification = copy.verify(since=copy.early)
    assert verification.ok and (verification.start, verification.signed, verification.witnessed) == (40, 300, 40)
    assert copy.verify(since=copy.late).start == 300
    assert "300 entries from 40, all as recorded" in verification.sentence()
    copy.edit(7)
    assert copy.verify(since=copy.early).ok  # it was told that they are right
    found(copy.verify(), 7, "entry 7 was changed")
    copy.edit(49)
    found(copy.verify(since=copy.early), 49, "entry 49 was changed")
    copy.change("UPDATE entries SET leaf = zeroblob(32) WHERE id = 3")
    found(copy.verify(since=copy.early), None, "the stored tree does not lead to the checkpoint to start from")
    copy.change("DELETE FROM entries WHERE id = 3")
    found(copy.verify(since=copy.early), 2, "entry 2 is missing")


def test_a_checkpoint_that_is_none_is_a_finding(copy: Copy) -> None:
    for note in ("", "junk", copy.early.replace("40", "41"), copy.early[:-1], "\ud800"):
        found(copy.verify(checkpoint=note), None, "the checkpoint given cannot be trusted")
        found(copy.verify(since=note), None, "the checkpoint to start from cannot be trusted")


def test_a_ledger_that_is_wrong_all_over_is_said_to_be_so_in_fifty_sentences(copy: Copy) -> None:
    copy.change("UPDATE entries SET body = CAST(body || x'20' AS BLOB)")
    verification = copy.verify()
    assert len(verification.problems) == 50 and "and 49 more" in verification.sentence()
    assert [p.entry for p in verification.problems][:EARLY] == list(range(EARLY))
