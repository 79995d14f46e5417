"""Whoever can write to the database cannot change what was recorded without being found out.

Each test does something to the files as an attacker would, with plain SQLite and without the master key, and says who
notices: `Ledger.verify` on the spot, `Ledger.verify` with a checkpoint from elsewhere, or the stand-alone verifier of
an export.
"""

from __future__ import annotations

import base64
import contextlib
import json
import re
import shutil
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from aequo.errors import InputError, KeyProblem, LedgerError, Tampered
from aequo.ledger import KeyRing, Verification, write_bundle
from aequo.ledger.note import Checkpoint, sign_note, vkey_of
from aequo.ledger.tree import extend, leaf_hash, root_of
from aequo.ledger.verify import Accepted

from .bundles import verdict
from .samples import KEY, ORIGIN, change, fill, make, read, reopen

SIZE = 300
EARLY = 40


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger with decisions on people, checkpoints at 40 and 290, and events after those."""
    folder = tmp_path_factory.mktemp("original")
    with make(folder, EARLY) as ledger:
        (folder / "early.note").write_text(ledger.checkpoint(), encoding="utf-8")
        fill(ledger, 250)
        ledger.checkpoint()
        fill(ledger, 10)
        assert ledger.size == SIZE
        (folder / "vkey").write_text(ledger.vkey, encoding="utf-8")
        late = sign_note(Checkpoint(origin=ORIGIN, size=SIZE, root=ledger.root).to_text(), ORIGIN, ledger._signing_key)
        (folder / "late.note").write_text(late, encoding="utf-8")
        assert ledger.verify(late).ok
    assert sorted(p.name for p in folder.glob("*.db*")) == ["x.db", "x.keys.db"]  # no log is left beside them
    return folder


class Copy:
    """A copy of the ledger to spoil."""

    def __init__(self, original: Path, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "x.db"
        self.keys = folder / "x.keys.db"
        self.vkey = (original / "vkey").read_text(encoding="utf-8")
        self.early = (original / "early.note").read_text(encoding="utf-8")
        self.late = (original / "late.note").read_text(encoding="utf-8")
        self.restore(original)

    def change(self, statement: str, *values: Any) -> None:
        assert change(self.path, statement, *values) > 0

    def verify(self, **how: Any) -> Verification:
        with reopen(self.folder) as ledger:
            return ledger.verify(**{"vkey": self.vkey, **how})

    def exported(self) -> object:
        """What an auditor says of an export that the operator, who has the key, makes of the spoilt ledger."""
        with reopen(self.folder, key=KEY) as ledger:
            write_bundle(ledger, self.folder / "bundle")
        return verdict(self.folder / "bundle", self.vkey)

    def edit(self, entry: int, old: str = '"n":', new: str = '"m":') -> None:
        """Change the text of an entry, as bytes, which is what they are."""
        self.change("UPDATE entries SET body = CAST(replace(body, ?, ?) AS BLOB) WHERE id = ?", old, new, entry + 1)

    def restore(self, original: Path) -> None:
        """Take back all changes."""
        for name in ("x.db", "x.keys.db"):
            for end in ("-wal", "-shm"):
                (self.folder / f"{name}{end}").unlink(missing_ok=True)
            shutil.copy(original / name, self.folder / name)

    def mend(self) -> None:
        """Recompute all that needs no key: leaf hashes, stored subtrees, and the head of the tree."""
        with closing(sqlite3.connect(self.path)) as db, db:
            rows = db.execute("SELECT id, body FROM entries ORDER BY id").fetchall()
            leaves = [leaf_hash(body) for _, body in rows]
            made = [(leaf, row[0]) for leaf, row in zip(leaves, rows, strict=True)]
            db.executemany("UPDATE entries SET leaf = ? WHERE id = ?", made)
            times = [t for (t,) in db.execute("SELECT time FROM entries ORDER BY id")]
            size, peaks, completed = extend(0, (), leaves)
            db.execute("DELETE FROM nodes")
            for level, position, digest in completed:
                part = times[position << level : (position + 1) << level]
                db.execute("INSERT INTO nodes VALUES(?, ?, ?, ?, ?)", (level, position, digest, min(part), max(part)))
            tail = times[size - size % 256 :] or [0]
            db.execute(
                "UPDATE head SET size = ?, peaks = ?, low = ?, high = ?", (size, b"".join(peaks), min(tail), max(tail))
            )
            db.execute("DELETE FROM subjects WHERE id > ?", (size,))

    def root(self) -> bytes:
        bodies = [body for (body,) in read(self.path, "SELECT body FROM entries ORDER BY id")]
        return root_of(extend(0, (), [leaf_hash(body) for body in bodies])[1])


@pytest.fixture
def copy(original: Path, tmp_path: Path) -> Copy:
    return Copy(original, tmp_path)


def found(verification: Verification, entry: int | None, *words: str) -> None:
    """The ledger is not as recorded, and one of the problems names the entry and says so."""
    assert not verification.ok
    matching = [p.what for p in verification.problems if p.entry == entry and all(word in p.what for word in words)]
    assert matching, verification.problems
    assert verification.sentence().startswith(f"{verification.origin}: not as recorded.")


def test_nothing_is_wrong_before_anything_was_done(copy: Copy) -> None:
    verification = copy.verify(checkpoint=copy.late)
    assert verification.ok and verification.problems == ()
    assert (verification.size, verification.signed, verification.witnessed) == (SIZE, SIZE, SIZE)
    assert verification.root == copy.root().hex()
    assert copy.verify(checkpoint=copy.early).witnessed == EARLY
    assert verification.sentence() == f"{ORIGIN}: 300 entries, all as recorded; 5 checkpoints fit."
    assert json.loads(json.dumps(verification.to_dict()))["ok"] is True


# -- simple edits -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("entry", [0, 1, 39, 40, 255, 256, 289, 290, 299])
def test_an_edited_entry_is_named(copy: Copy, entry: int) -> None:
    copy.edit(entry)
    found(copy.verify(), entry, f"entry {entry} was changed: its bytes do not fit its hash")
    assert "do not lead to the signed root" in str(copy.exported())


def test_every_edited_entry_is_named(copy: Copy) -> None:
    for entry in (4, 76, 259):
        copy.edit(entry)
    problems = copy.verify().problems
    assert [p.entry for p in problems if p.entry is not None] == [4, 76, 259]


def test_one_byte_more_or_less_is_an_edit(copy: Copy) -> None:
    for body in ("CAST(body || x'20' AS BLOB)", "substr(body, 2)", "CAST(body AS TEXT)", "x''"):
        copy.change(f"UPDATE entries SET body = {body} WHERE id = 8")
        found(copy.verify(), 7, "was changed")


@pytest.mark.parametrize("entry", [0, 100, 298])
def test_a_dropped_entry_is_named(copy: Copy, entry: int) -> None:
    copy.change("DELETE FROM entries WHERE id = ?", entry + 1)
    found(copy.verify(), entry, f"entry {entry} is missing")
    with pytest.raises(LedgerError):
        copy.exported()


def test_a_dropped_entry_whose_place_is_closed_is_found(copy: Copy) -> None:
    copy.change("DELETE FROM entries WHERE id = 101")
    copy.change("UPDATE entries SET id = -id WHERE id > 101")
    copy.change("UPDATE entries SET id = -id - 1 WHERE id < 0")
    found(copy.verify(), 299, "entry 299 is missing")
    found(copy.verify(), 40, "of the entries 40 to 289 one or more are not what was signed")


def test_two_entries_that_changed_places_are_found(copy: Copy) -> None:
    copy.change("UPDATE entries SET id = -1 WHERE id = 43")
    copy.change("UPDATE entries SET id = 43 WHERE id = 44")
    copy.change("UPDATE entries SET id = 44 WHERE id = -1")
    found(copy.verify(), 40, "of the entries 40 to 289 one or more are not what was signed")
    assert "do not lead to the signed root" in str(copy.exported())


def test_an_inserted_entry_is_found(copy: Copy) -> None:
    row = read(copy.path, "SELECT time, leaf, body FROM entries WHERE id = 10")[0]
    copy.change("INSERT INTO entries VALUES(301, ?, ?, ?)", *row)
    found(copy.verify(), None, "1 rows of the table entries are not in the tree")
    with reopen(copy.folder, key=KEY) as ledger, pytest.raises(Tampered, match="the table ends at 301"):
        ledger.append({"kind": "note"})
    for place in (0, -5):
        copy.change("UPDATE entries SET id = ? WHERE id < 1 OR id = 301", place)
        found(copy.verify(), None, "1 rows of the table entries are not in the tree")


@pytest.mark.parametrize("last", [299, 290, 40, 1])
def test_a_cut_tail_is_found(copy: Copy, last: int) -> None:
    copy.change("DELETE FROM entries WHERE id > ?", last)
    what = "entry 299 is missing" if last == 299 else f"the entries from {last} on are missing"
    found(copy.verify(), last, what)


def test_all_entries_gone_are_found(copy: Copy) -> None:
    copy.change("DELETE FROM entries")
    found(copy.verify(), 0, "the entries from 0 on are missing")


# -- careful attackers ------------------------------------------------------------------------------------------------


def careful(copy: Copy, entry: int) -> None:
    copy.edit(entry)
    copy.mend()


@pytest.mark.parametrize("entry", [0, 39, 40, 256, 289, 290, 299])
def test_an_edit_with_all_hashes_mended_is_found_between_two_checkpoints(copy: Copy, entry: int) -> None:
    careful(copy, entry)
    start = 0 if entry < EARLY else EARLY if entry < 290 else 290
    found(copy.verify(), start, "not what was signed: the tree does not lead to the checkpoint's root")
    found(copy.verify(checkpoint=copy.late), start, "not what was signed")


def test_the_only_entry_between_two_checkpoints_is_named(original: Path, copy: Copy) -> None:
    with reopen(copy.folder, key=KEY) as ledger:
        fill(ledger, 1)
        ledger.checkpoint()
        fill(ledger, 3)
    careful(copy, 300)
    found(copy.verify(checkpoint=copy.late), 300, "entry 300 is not what was signed")


def test_entries_dropped_inserted_or_doubled_with_all_mended_are_found(original: Path, copy: Copy) -> None:
    ways: list[Callable[[], None]] = [
        lambda: copy.change("DELETE FROM entries WHERE id = 300"),
        lambda: copy.change("INSERT INTO entries SELECT 0, time, leaf, body FROM entries WHERE id = 1"),
        lambda: copy.change("UPDATE entries SET body = (SELECT body FROM entries WHERE id = 7) WHERE id = 8"),
    ]
    for way in ways:
        copy.restore(original)
        way()
        copy.mend()
        verification = copy.verify(checkpoint=copy.late)
        assert not verification.ok and not copy.verify().ok


def test_the_head_of_the_tree_cannot_be_another(original: Path, copy: Copy) -> None:
    note = read(copy.path, "SELECT note FROM head")[0][0]
    for statement, *values in (
        ("UPDATE head SET size = size - 1",),
        ("UPDATE head SET size = size + 1",),
        ("UPDATE head SET size = -1",),
        ("UPDATE head SET size = 'many'",),
        ("UPDATE head SET size = 9e99",),
        ("UPDATE head SET peaks = x''",),
        ("UPDATE head SET peaks = zeroblob(length(peaks))",),
        ("UPDATE head SET peaks = 'text'",),
        ("UPDATE head SET note = ?", note.replace("300", "301")),
        ("UPDATE head SET note = ?", "junk"),
        ("UPDATE head SET note = 7",),
        ("UPDATE head SET note = x'ff00'",),
        ("UPDATE head SET note = CAST(x'ff00' AS TEXT)",),
        ("UPDATE head SET low = low - 1",),
        ("UPDATE head SET high = high + 1",),
        ("DELETE FROM head",),
    ):
        copy.change(statement, *values)
        assert not copy.verify().ok, statement
        copy.restore(original)


def test_checkpoints_signed_with_another_key_are_found_by_who_knows_the_public_key(copy: Copy) -> None:
    careful(copy, 7)
    private = Ed25519PrivateKey.generate()
    vkey = vkey_of(ORIGIN, private.public_key().public_bytes_raw())
    note = sign_note(Checkpoint(origin=ORIGIN, size=SIZE, root=copy.root()).to_text(), ORIGIN, private)
    copy.change("UPDATE head SET note = ?", note)
    copy.change("DELETE FROM checkpoints")
    copy.change("UPDATE meta SET value = ? WHERE name = 'vkey'", vkey)
    with reopen(copy.folder) as ledger:
        assert ledger.verify().ok  # it vouches for itself, with the key that is in it
    found(
        copy.verify(),
        None,
        "the newest checkpoint cannot be trusted: the checkpoint is not signed with this ledger's key",
    )
    found(copy.verify(checkpoint=copy.early), 0, "of the entries 0 to 39 one or more are not what was signed")
    with pytest.raises(Tampered, match="the public key in the ledger is not that of its signing key"):
        reopen(copy.folder, key=KEY)


def test_signatures_that_were_removed_leave_entries_that_are_said_not_to_be_signed(copy: Copy) -> None:
    careful(copy, 270)
    copy.change("DELETE FROM checkpoints WHERE size > 40")
    copy.change("UPDATE head SET note = NULL")
    verification = copy.verify()
    # All that is signed is as it was signed; the edit is in what nobody vouches for, and that is said.
    assert verification.signed == EARLY
    assert "The last 260 are not signed yet." in verification.sentence()
    found(copy.verify(checkpoint=copy.late), EARLY, "of the entries 40 to 299 one or more are not what was signed")
    careful(copy, 7)
    found(copy.verify(), 0, "of the entries 0 to 39 one or more are not what was signed")
    copy.change("DELETE FROM checkpoints")
    found(copy.verify(), None, "no checkpoint is left that the key signed: nothing vouches for the entries")


NOT_SIGNED = "the tree is not the one that was signed; `aequo ledger verify` says more"


@pytest.mark.parametrize("entry", [7, 295])
def test_the_key_does_not_sign_over_a_change(copy: Copy, entry: int) -> None:
    with reopen(copy.folder, key=KEY) as running:
        running.append({"kind": "note"})
        careful(copy, entry)
        for ledger in (running, reopen(copy.folder, key=KEY)):
            for attempt in (lambda ledger: ledger.append({"kind": "note"}), lambda ledger: ledger.checkpoint()):
                with pytest.raises(Tampered, match=NOT_SIGNED):
                    attempt(ledger)
            with pytest.raises(Tampered, match=NOT_SIGNED):
                write_bundle(ledger, copy.folder / "bundle")
            assert ledger.size == 301 and not ledger.verify().ok  # what there is can still be read and verified
            ledger.close()


def test_the_key_does_not_sign_where_its_signature_was_removed_or_the_ledger_set_back(
    original: Path, copy: Copy
) -> None:
    with reopen(copy.folder, key=KEY) as running:
        running.append({"kind": "note"})
        running.append({"kind": "note"})
        copy.change("UPDATE head SET note = NULL")
        with pytest.raises(Tampered, match="the newest signature in the ledger was removed"):
            running.append({"kind": "note"})
        copy.change("UPDATE head SET note = 'junk'")
        with pytest.raises(Tampered, match="the newest signature in the ledger was changed: this is no signed note"):
            running.append({"kind": "note"})
        copy.change("DELETE FROM entries WHERE id > 300")
        copy.mend()
        copy.change("UPDATE head SET note = ?", copy.late)
        with pytest.raises(Tampered, match="the ledger was set back while it was in use"):
            running.append({"kind": "note"})
        assert running.size == 300


def test_where_all_signatures_were_removed_while_nobody_had_it_open_a_checkpoint_from_elsewhere_shows_the_change(
    copy: Copy,
) -> None:
    careful(copy, 7)
    copy.change("UPDATE head SET note = NULL")
    copy.change("DELETE FROM checkpoints WHERE size > 0")
    assert copy.verify().signed == 0
    with reopen(copy.folder, key=KEY) as ledger:
        ledger.append({"kind": "note"})  # nothing in the files tells that there ever was a signature
        assert ledger.verify().ok
    assert isinstance(copy.exported(), Accepted)
    found(copy.verify(checkpoint=copy.early), 0, "of the entries 0 to 39 one or more are not what was signed")
    assert "the ledger has two histories" in str(verdict(copy.folder / "bundle", copy.vkey, copy.early))


def test_what_processes_without_the_key_append_is_signed_by_the_next_one_that_has_it(copy: Copy) -> None:
    with reopen(copy.folder, key=KEY) as keyed, reopen(copy.folder) as keyless:
        for n in range(6):
            for _ in range(n):
                keyless.append({"kind": "note"})
            assert keyed.verify().signed == keyed.size - n
            keyed.append({"kind": "note"}) if n % 2 else keyed.checkpoint()
            assert keyed.verify().signed == keyed.size
    assert copy.verify(checkpoint=copy.late).ok


def test_what_is_appended_by_hand_in_the_right_way_is_an_entry_that_nobody_signed(copy: Copy) -> None:
    # Any process may append without the key; whoever can write to the database is one.
    copy.change("INSERT INTO entries SELECT 301, time, leaf, body FROM entries WHERE id = 1")
    copy.mend()
    verification = copy.verify(checkpoint=copy.late)
    assert verification.ok and (verification.size, verification.signed) == (301, 300)
    assert "The last one is not signed yet." in verification.sentence()


def test_an_older_checkpoint_in_place_of_the_newest_does_not_hide_an_edit_before_it(copy: Copy) -> None:
    careful(copy, 7)
    copy.change("UPDATE head SET note = ?", copy.early)
    copy.change("DELETE FROM checkpoints")
    found(copy.verify(), 0, "of the entries 0 to 39 one or more are not what was signed")


def test_a_checkpoint_in_anothers_place_is_found(copy: Copy) -> None:
    copy.change("UPDATE checkpoints SET size = 39 WHERE size = 40")
    found(copy.verify(), None, "the checkpoint kept for 39 entries is on 40: it was put in another's place")
    copy.change("UPDATE checkpoints SET size = 40, note = 'junk' WHERE size = 39")
    found(copy.verify(), None, "the checkpoint kept for 40 entries cannot be trusted: this is no signed note")
    for note in (7, b"\xff\x00", "\ufffd\n\n\u2014 x y\n", "x" * 10**6):
        copy.change("UPDATE checkpoints SET note = ? WHERE size = 40", note)
        found(copy.verify(), None, "the checkpoint kept for 40 entries cannot be trusted")


def test_a_checkpoint_of_another_ledger_is_found(copy: Copy, tmp_path: Path) -> None:
    with make(tmp_path, 5, name="other.db") as other:
        note = other.checkpoint()
    copy.change("INSERT INTO checkpoints VALUES(5, ?)", note)
    found(copy.verify(), None, "the checkpoint kept for 5 entries cannot be trusted: the checkpoint is not signed with")
    found(copy.verify(checkpoint=note), None, "the checkpoint given cannot be trusted")


def test_the_name_of_the_ledger_cannot_be_another(copy: Copy) -> None:
    copy.change("UPDATE meta SET value = 'example.com/other' WHERE name = 'origin'")
    found(copy.verify(), None, "is of the ledger 'example.com/desk', and this one says it is 'example.com/other'")
    with pytest.raises(KeyProblem, match="the master key does not fit"):
        reopen(copy.folder, key=KEY)


@pytest.mark.parametrize("name", ["format", "origin", "vkey"])
def test_a_ledger_that_does_not_say_what_it_is_does_not_open(copy: Copy, name: str) -> None:
    for statement in ("UPDATE meta SET value = x'00ff' WHERE name = ?", "DELETE FROM meta WHERE name = ?"):
        copy.change(statement, name)
        for key in (None, KEY):
            with pytest.raises(Tampered, match="does not say its name, its public key or its form any more"):
                reopen(copy.folder, key=key)


def test_a_ledger_of_another_form_does_not_open(copy: Copy) -> None:
    copy.change("UPDATE meta SET value = '2' WHERE name = 'format'")
    with pytest.raises(LedgerError, match="of a form that this version of aequo does not know"):
        reopen(copy.folder)


def test_a_public_key_that_is_none_is_found(copy: Copy) -> None:
    copy.change("UPDATE meta SET value = 'junk' WHERE name = 'vkey'")
    with reopen(copy.folder) as ledger:
        found(ledger.verify(), None, "the public key in the ledger is none")
        found(ledger.verify(vkey=copy.vkey), None, "the ledger names another public key than the one given")
        with pytest.raises(InputError, match="this is no public key of a ledger"):
            ledger.verify(vkey="nonsense")


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


# -- older copies -----------------------------------------------------------------------------------------------------


def test_an_older_copy_of_the_files_is_found_with_any_later_checkpoint_and_not_without(tmp_path: Path) -> None:
    with make(tmp_path, 20) as ledger:
        older = ledger.checkpoint()
        vkey = ledger.vkey
    saved = {p.name: p.read_bytes() for p in tmp_path.glob("*.db")}
    with reopen(tmp_path, key=KEY) as ledger:
        later = []
        for _ in range(3):
            fill(ledger, 1)
            later.append(ledger.checkpoint())
        write_bundle(ledger, tmp_path / "shown")
    for name, data in saved.items():
        (tmp_path / name).write_bytes(data)
    with reopen(tmp_path, key=KEY) as ledger:
        for size, note in zip((21, 22, 23), later, strict=True):
            found(
                ledger.verify(note),
                20,
                f"the checkpoint given is on {size} entries and the ledger has 20: it was cut or set back",
            )
            found(
                ledger.verify(since=note),
                20,
                f"the checkpoint to start from is on {size} entries and the ledger has 20",
            )
        write_bundle(ledger, tmp_path / "again")
        assert "cut or set back" in str(verdict(tmp_path / "again", vkey, later[0]))
        # Without such a checkpoint nobody can know: the old files are whole, and every signature in them is right.
        verification = ledger.verify(older)
        assert verification.ok and (verification.size, verification.witnessed) == (20, 20)
        assert ledger.verify().witnessed == 0
        # What is written over the cut makes a second history, and the checkpoint shows that too.
        fill(ledger, 10)
        found(ledger.verify(later[1]), 20, "of the entries 20 to 21 one or more are not what was signed")


def test_another_ledger_in_its_place_is_found(copy: Copy, tmp_path: Path) -> None:
    folder = tmp_path / "another"
    folder.mkdir()
    with make(folder, 300, key=KeyRing.new()):
        pass
    for name in ("x.db", "x.keys.db"):
        shutil.copy(folder / name, copy.folder / name)
    found(copy.verify(), None, "the newest checkpoint cannot be trusted")
    with pytest.raises(KeyProblem, match="the master key does not fit"):
        reopen(copy.folder, key=KEY)


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


def sentence(error: LedgerError) -> str:
    """What an error says: one sentence."""
    assert str(error).endswith(".") and "\n" not in str(error)
    return str(error)


def outcome(copy: Copy, **how: Any) -> str:
    """What becomes of opening and verifying: "as recorded", a finding, or one of the errors that there may be."""
    try:
        verification = copy.verify(**how)
    except LedgerError as error:
        return sentence(error)
    return "as recorded" if verification.ok else verification.problems[0].what


@pytest.fixture(scope="module")
def shared(original: Path, tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """One copy for many changes, each taken back."""
    return Copy(original, tmp_path_factory.mktemp("shared"))


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
