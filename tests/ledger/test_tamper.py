"""Whoever can write to the database cannot change what was recorded without being found out.

Each test does something to the files as an attacker would, with plain SQLite and without the master key, and says who
notices: `Ledger.verify` on the spot, `Ledger.verify` with a checkpoint from elsewhere, or the stand-alone verifier of
an export.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from aequo.errors import InputError, KeyProblem, LedgerError, Tampered
from aequo.ledger import KeyRing, write_bundle
from aequo.ledger.note import Checkpoint, sign_note, vkey_of
from aequo.ledger.verify import Accepted

from .attacks import EARLY, SIZE, Copy, careful, found, make_original
from .bundles import verdict
from .samples import KEY, ORIGIN, fill, make, read, reopen


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_original(tmp_path_factory.mktemp("original"))


@pytest.fixture
def copy(original: Path, tmp_path: Path) -> Copy:
    return Copy(original, tmp_path)


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
