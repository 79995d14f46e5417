"""What every store promises, whatever the database: the same tests run on each."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aequo.errors import LedgerError, OutputError, Tampered
from aequo.ledger.entry import Row
from aequo.ledger.sqlite import SqliteStore, keys_path
from aequo.ledger.store import Changed, Head, PersonKey, Store, StoredEntry
from aequo.ledger.tree import EMPTY, Subtrees, leaf_hash

from .places import META, SECRETS, Place, Places, every_read, keyed, merkle, plain, rows_of, sealed, signed

WRITER = Path(__file__).with_name("store_writer.py")


@pytest.fixture
def store(place: Place) -> Store:
    """A new ledger's store."""
    return place.create()


def commit(store: Store, rows: list[Row], keys: list[PersonKey] | None = None) -> None:
    """Commit by the only writer there is, who gets indices at once."""
    size = store.head().size
    assert store.commit(rows, keys or [], signed) == list(range(size, size + len(rows)))


# -- making and opening -----------------------------------------------------------------------------------------------


def test_what_is_written_once_is_there(store: Store) -> None:
    assert dict(store.meta()) == META
    assert {name: store.secret(name) for name in SECRETS} == SECRETS
    assert store.secret("none") is None


def test_a_new_store_has_the_empty_tree(store: Store) -> None:
    assert store.head() == Head(size=0, peaks=(), note=None)
    assert store.head().root == EMPTY
    assert store.sequence(signed) == 0
    assert store.rows(0, 10) == store.hashes(0, 0, 10) == store.nodes(8, 0, 10) == []
    assert store.checkpoints() == store.people(b"", 10) == store.strays() == []


def test_a_ledger_is_never_overwritten(place: Place) -> None:
    commit(place.create(), rows_of(1))
    with pytest.raises(OutputError, match="there already"):
        place.make()
    assert place.open().head().size == 1


def test_of_those_who_make_one_ledger_at_once_one_does(place: Place) -> None:
    def make() -> bool:
        try:
            place.make()
        except OutputError:
            return False
        return True

    if place.kind == "sqlite":
        place.path.parent.mkdir(exist_ok=True)
    with ThreadPoolExecutor(4) as pool:
        made = [pool.submit(make) for _ in range(4)]
    assert sum(m.result() for m in made) == 1
    assert place.open().head().size == 0


def test_opening_what_is_not_there_makes_nothing(place: Place) -> None:
    for _ in range(2):
        with pytest.raises(LedgerError, match="aequo ledger init"):
            place.open()
    place.make()


def test_a_closed_store_says_so(place: Place) -> None:
    store = place.create()
    commit(store, rows_of(3))
    store.close()
    store.close()
    calls: list[Callable[[], Any]] = [
        store.head,
        store.strays,
        store.scrub,
        store.holds,
        lambda: store.commit(rows_of(1), [], signed),
        lambda: store.rows(0, 1),
        lambda: store.person(b"x"),
        lambda: store.destroy([b"x"], 1),
        lambda: store.keep_checkpoint(1, "x"),
    ]
    for call in calls:
        with pytest.raises(LedgerError, match="closed"):
            call()
    assert place.open().head().size == 3


# -- the tree ---------------------------------------------------------------------------------------------------------


def check_tree(store: Store, rows: list[Row], *, slow: bool = True) -> None:
    """Everything stored is as these rows make it."""
    size, leaves = len(rows), [row.leaf for row in rows]
    head = store.head()
    assert head.size == size == store.sequence(signed)
    assert store.rows(0, size + 10) == [StoredEntry(i, r.time, r.leaf, r.body) for i, r in enumerate(rows)]
    assert store.hashes(0, 0, size + 10) == leaves
    subtrees = Subtrees(lambda _, start, stop: leaves[start:stop], size)
    for level in (8, 16, 24):
        width = 1 << level
        nodes = store.nodes(level, 0, size)
        assert [n.position for n in nodes] == list(range(size // width))
        assert store.hashes(level, 0, size) == [n.hash for n in nodes]
        for node in nodes:
            part = rows[node.position * width : (node.position + 1) * width]
            assert (node.low, node.high) == (min(r.time for r in part), max(r.time for r in part))
    if slow:
        assert head.root == merkle(leaves)
        for node in store.nodes(8, 0, size):
            assert node.hash == merkle(leaves[node.position * 256 : node.position * 256 + 256])
    assert head.peaks == subtrees.peaks() if size < 256 else Subtrees(store.hashes, size).peaks()
    assert store.strays() == []


@pytest.mark.parametrize("batches", [[255, 1, 1], [256, 1], [257], [100, 155, 2, 300], [1, 511], [0, 3, 0], [600]])
def test_the_tree_grows_as_rfc_6962_says_across_the_borders_of_blocks(store: Store, batches: list[int]) -> None:
    rows: list[Row] = []
    for number, count in enumerate(batches):
        batch = rows_of(count, number)
        commit(store, batch)
        rows += batch
        check_tree(store, rows)


def test_the_tree_grows_across_the_border_of_a_block_of_blocks(store: Store) -> None:
    rows: list[Row] = []
    for count in (65_280, 255, 1, 1):
        batch = rows_of(count, len(rows))
        commit(store, batch)
        rows += batch
        check_tree(store, rows, slow=len(rows) >= 65_536)


def test_one_batch_may_be_larger_than_a_block_of_blocks(store: Store) -> None:
    rows = rows_of(65_536 * 2 + 3)
    commit(store, rows)
    check_tree(store, rows)


@given(st.lists(st.one_of(st.integers(0, 4), st.integers(99, 102), st.integers(250, 260)), max_size=7))
@settings(max_examples=25)
def test_any_batches_give_the_tree_of_one_batch(places: Places, batches: list[int]) -> None:
    rows = rows_of(sum(batches))
    with contextlib.closing(places()) as place, contextlib.closing(places()) as other:
        store, whole = place.create(), other.create()
        start = 0
        for count in batches:
            commit(store, rows[start : start + count])
            start += count
        commit(whole, rows)
        check_tree(store, rows)
        assert store.head().peaks == whole.head().peaks
        assert [store.nodes(8, 0, 9), store.nodes(16, 0, 9)] == [whole.nodes(8, 0, 9), whole.nodes(16, 0, 9)]


def test_parts_are_read_as_asked_for(store: Store) -> None:
    rows = rows_of(700)
    commit(store, rows)
    assert [r.position for r in store.rows(698, 900)] == [698, 699]
    assert [r.body for r in store.rows(3, 6)] == [r.body for r in rows[3:6]]
    assert store.rows(700, 900) == store.rows(5, 5) == store.rows(6, 5) == []
    assert store.hashes(0, 255, 257) == [rows[255].leaf, rows[256].leaf]
    assert [n.position for n in store.nodes(8, 1, 9)] == [1]


@pytest.mark.parametrize("body", [b"", b"\x00", b"\\x00'\"%s\n", "\u00e9\u20ac".encode(), bytes(range(256)) * 9000])
def test_bytes_come_back_as_they_were(store: Store, body: bytes) -> None:
    row = Row(-5, leaf_hash(body), body)
    commit(store, [row, row, row])
    assert store.rows(1, 2) == [StoredEntry(1, -5, row.leaf, body)]


@given(st.lists(st.tuples(st.sampled_from([-(10**15), -1, 0, 1, 2 * 10**15]), st.integers(1, 30)), max_size=5))
@settings(max_examples=12)
def test_rows_of_one_time_and_of_several_come_back_as_they_were(places: Places, runs: list[tuple[int, int]]) -> None:
    times = [time for time, count in runs for _ in range(count)]
    bodies = [bytes([i % 256]) * (i * i % 700) for i in range(len(times))]  # also empty ones
    rows = [Row(time, leaf_hash(body), body) for time, body in zip(times, bodies, strict=True)]
    with contextlib.closing(places()) as place:
        store = place.create()
        commit(store, rows)
        check_tree(store, rows)


def test_the_head_is_signed_as_it_is(store: Store) -> None:
    asked: list[tuple[int, bytes]] = []

    def sign(size: int, root: bytes) -> str:
        asked.append((size, root))
        return signed(size, root)

    first = rows_of(2)
    store.commit(first, [], sign)
    head = store.head()
    assert asked == [(2, head.root)] and head.note == signed(2, merkle([r.leaf for r in first]))
    store.commit(rows_of(1, 1), [], None)  # by a writer without the key
    assert store.head().size == 3 and store.head().note == head.note
    store.commit(rows_of(1, 2), [], sign)
    assert store.head().note == signed(4, store.head().root)


def test_a_signer_that_fails_leaves_nothing_behind(store: Store) -> None:
    def fail(size: int, root: bytes) -> str:
        raise ZeroDivisionError

    key = keyed(1)
    with pytest.raises(ZeroDivisionError):
        store.commit(sealed(key), [key], fail)
    assert store.head() == Head(size=0, peaks=(), note=None) and store.rows(0, 9) == []
    commit(store, sealed(key), [key])
    check_tree(store, sealed(key))


def test_checkpoints_are_kept_in_order_and_the_first_of_a_size_stays(store: Store) -> None:
    for size, note in [(300, "c"), (0, "a\n\u2014 x"), (20, "b"), (300, "other")]:
        store.keep_checkpoint(size, note)
    assert store.checkpoints() == [(0, "a\n\u2014 x"), (20, "b"), (300, "c")]


# -- people and their keys --------------------------------------------------------------------------------------------


def test_entries_on_a_person_are_found_by_person(store: Store) -> None:
    one, two = keyed(1), keyed(2)
    commit(store, [*rows_of(2), *sealed(one, two, one)], [one, two])
    commit(store, [*sealed(one, seed=9), *rows_of(300, 5), *sealed(two, seed=20)])
    assert store.of_subject(one.subject, 0, 10) == [2, 4, 5]
    assert store.of_subject(one.subject, 3, 1) == [4]
    assert store.of_subject(two.subject, 4, 10) == [306]
    assert store.of_subject(b"nobody", 0, 10) == []
    assert store.subject_rows(3, 306) == [(3, two.subject), (4, one.subject), (5, one.subject)]
    assert store.strays() == []


def test_keys_are_read_back_and_paged_in_the_order_of_their_subject(store: Store) -> None:
    subjects = [b"\x00", b"\x00\x00", b"a", b"a\x00", b"b" * 16, b"\xff", b"\xff\xff"]
    keys = [PersonKey(s, b"k" + s, b"w\x00\xff" + s, i) for i, s in enumerate(subjects)]
    assert store.commit([], list(reversed(keys)), signed) == []
    assert store.people(b"", 100) == keys
    paged: list[PersonKey] = []
    while page := store.people(paged[-1].subject if paged else b"", 3):
        paged += page
    assert paged == keys
    assert store.person(b"a\x00") == keys[3] and store.person(b"c") is None


def test_a_second_key_of_a_person_is_refused_and_nothing_is_stored(store: Store) -> None:
    first, second, other = keyed(1), keyed(1, 1), keyed(2)
    commit(store, sealed(first), [first])
    with pytest.raises(Changed) as raised:
        store.commit([*rows_of(1), *sealed(second, other)], [second, other], signed)
    assert raised.value.subjects == {first.subject}
    assert store.person(first.subject) == first and store.person(other.subject) is None
    check_tree(store, sealed(first))
    commit(store, sealed(other), [other])


def test_the_same_key_may_be_brought_again(store: Store) -> None:
    key = keyed(1)
    commit(store, sealed(key), [key])
    commit(store, sealed(key, seed=1), [key])
    assert store.people(b"", 9) == [key]


def test_what_is_sealed_with_a_destroyed_key_is_refused(store: Store) -> None:
    key, other = keyed(1), keyed(2)
    commit(store, sealed(key, other), [key, other])
    assert store.destroy([key.subject, key.subject, b"nobody"], 77) == 1
    with pytest.raises(Changed) as raised:
        store.commit(sealed(other, key, seed=5), [], signed)
    assert raised.value.subjects == {key.subject}
    check_tree(store, sealed(key, other))
    anew = keyed(1, 1)
    commit(store, sealed(anew, seed=6), [anew])
    with pytest.raises(Changed):
        store.commit(sealed(key, seed=7), [], signed)


def test_of_two_rows_on_a_person_both_have_to_be_sealed_with_the_key_there_is(store: Store) -> None:
    old, new = keyed(1), keyed(1, 1)
    commit(store, sealed(old), [old])
    store.destroy([old.subject], 5)
    for rows in (sealed(old, new, seed=1), sealed(new, old, seed=3)):
        with pytest.raises(Changed):
            store.commit(rows, [new], signed)
    assert store.head().size == 1


def test_a_destroyed_key_is_gone_and_remembered(store: Store) -> None:
    keys = [keyed(n) for n in range(5)]
    commit(store, sealed(*keys), keys)
    gone = [keys[3].subject, keys[1].subject]
    assert store.destroy(gone, 1_000) == 2
    assert store.destroy(gone, 2_000) == 0
    assert store.destroy([], 3_000) == 0
    assert [store.person(k.subject) for k in keys] == [keys[0], None, keys[2], None, keys[4]]
    assert [store.destroyed(k.subject) for k in keys] == [None, 1_000, None, 1_000, None]
    check_tree(store, sealed(*keys))  # and the tree does not notice
    anew = keyed(1, 1)
    commit(store, sealed(anew), [anew])
    assert store.destroy([anew.subject], 4_000) == 1
    assert store.destroyed(anew.subject) == 4_000


def test_a_rotation_wraps_keys_anew_and_brings_none_back(store: Store) -> None:
    kept, gone, changed = keyed(1), keyed(2), keyed(3)
    store.commit([], [kept, gone, changed], signed)
    store.destroy([gone.subject], 5)
    others = [k._replace(wrapped=b"wrapped anew %d" % i) for i, k in enumerate([kept, gone, changed])]
    others[2] = others[2]._replace(key_id=b"another")  # the person got a new key meanwhile
    store.rewrap({"sign": b"sign anew", "none": b"x"}, others)
    assert store.people(b"", 9) == sorted([others[0], changed])
    assert store.secret("sign") == b"sign anew" and store.secret("digest") == SECRETS["digest"]
    assert store.secret("none") is None
    store.rewrap({}, [])


def test_a_legal_hold_lasts_until_it_is_lifted(store: Store) -> None:
    store.hold(b"one", 10)
    store.hold(b"two", 20)
    store.hold(b"one", 30)
    assert store.holds() == {b"one": 10, b"two": 20}
    store.hold(b"one", None)
    store.hold(b"nobody", None)
    assert store.holds() == {b"two": 20}


def test_no_key_is_destroyed_while_one_of_the_people_is_held(store: Store) -> None:
    keys = [keyed(n) for n in range(3)]
    commit(store, sealed(*keys), keys)
    everyone = [key.subject for key in keys]
    store.hold(keys[1].subject, 10)
    with pytest.raises(LedgerError, match="legal hold"):
        store.destroy(everyone, 20)
    assert [store.person(subject) for subject in everyone] == keys
    assert all(store.destroyed(subject) is None for subject in everyone)
    store.hold(keys[1].subject, None)
    assert store.destroy(everyone, 30) == 3


def test_a_destroyed_key_is_in_no_file_after_scrubbing(place: Place) -> None:
    store = place.create()
    keys = [keyed(n) for n in range(50)]
    commit(store, sealed(*keys), keys)
    if place.server is not None:
        with place.server.connect() as db:
            db.execute("CHECKPOINT")
    destroyed, kept = keys[:49], keys[49]
    before = list(place.files())
    assert all(any(key.wrapped in part for part in before) for key in keys)  # the search finds what is there
    assert any(SECRETS["sign"] in part for part in before)
    store.destroy([key.subject for key in destroyed], 5)
    store.rewrap({"sign": b"wrapped anew"}, [])
    missed = store.scrub()
    content = list(place.files())
    assert not any(SECRETS["sign"] in part for part in content)
    assert not any(key.wrapped in part for key in destroyed for part in content)
    assert any(kept.wrapped in part for part in content)
    assert all(sentence and sentence == sentence.strip() for sentence in missed)
    assert not any(name in sentence for sentence in missed for name in ("people:", "keys.db"))
    assert store.scrub() == missed


# -- many at once -----------------------------------------------------------------------------------------------------


def check_all_there(store: Store, acknowledged: list[tuple[bytes, int | None]]) -> None:
    """Each leaf is in the tree once, at the index that was said, and nothing else is."""
    assert store.sequence(signed) == len(acknowledged)
    leaves = store.hashes(0, 0, len(acknowledged))
    assert sorted(leaves) == sorted(leaf for leaf, _ in acknowledged)
    assert all(index is None or leaves[index] == leaf for leaf, index in acknowledged)
    assert store.head().root == merkle(leaves)
    assert store.strays() == []


def test_threads_that_write_at_once_lose_nothing_and_double_nothing(store: Store) -> None:
    key = keyed(1)

    def write(number: int) -> list[tuple[bytes, int | None]]:
        told: list[tuple[bytes, int | None]] = []
        for i in range(15):
            rows = rows_of(1 + i % 3, 1000 * number + i, key=key if i % 2 else None)
            told += zip([r.leaf for r in rows], store.commit(rows, [key], signed), strict=True)
            store.rows(0, 5)
        return told

    with ThreadPoolExecutor(8) as pool:
        told = [pair for done in pool.map(write, range(8)) for pair in done]
    check_all_there(store, told)


@contextlib.contextmanager
def writers(place: Place, number: int, commits: int, batch: int) -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that write, and are ready."""
    with contextlib.ExitStack() as stack:
        command = [sys.executable, str(WRITER), place.url, str(commits), str(batch)]
        made = [
            stack.enter_context(
                subprocess.Popen([*command, str(i)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            )
            for i in range(number)
        ]
        for process in made:
            assert process.stdout is not None and process.stdout.readline() == "ready\n"
        yield made


def acknowledged(lines: str) -> list[tuple[bytes, int | None]]:
    told: list[tuple[bytes, int | None]] = []
    for leaves, indices in (json.loads(line) for line in lines.splitlines()):
        told += zip(map(bytes.fromhex, leaves), indices, strict=True)
    return told


@pytest.mark.parametrize(("commits", "batch"), [(40, 1), (4, 300)])
def test_processes_that_write_at_once_lose_nothing_and_double_nothing(place: Place, commits: int, batch: int) -> None:
    store = place.create()
    with writers(place, 4, commits, batch) as made:
        for process in made:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        told = [pair for process in made for pair in acknowledged(process.communicate()[0])]
        assert [process.returncode for process in made] == [0] * 4
    assert len(told) == 4 * commits * batch
    if place.kind == "postgres":  # nothing waits for a sequencer once the writers have gone
        assert store.head().size == len(told)
    check_all_there(store, told)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_process_writes_through_connections_of_its_own(place: Place) -> None:
    store = place.create()
    told: list[tuple[bytes, int | None]] = []
    commit(store, rows_of(1, 99))
    told.append((rows_of(1, 99)[0].leaf, 0))
    child = os.fork()
    if child == 0:
        code = 1
        try:
            for i in range(20):
                store.commit(rows_of(1, i), [], signed)
                store.rows(0, 1)
            store.close()
            code = 0
        finally:  # whatever happens, the tests go on in the parent alone
            os._exit(code)
    for i in range(20, 40):
        rows = rows_of(1, i)
        told += zip([rows[0].leaf], store.commit(rows, [], signed), strict=True)
        store.rows(0, 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    commit_after = rows_of(1, 98)
    told += zip([commit_after[0].leaf], store.commit(commit_after, [], signed), strict=True)
    told += [(rows_of(1, i)[0].leaf, None) for i in range(20)]
    check_all_there(store, told)


def test_whoever_destroys_a_key_waits_for_those_who_use_it(store: Store) -> None:
    key = keyed(1)
    commit(store, sealed(key), [key])
    order: list[str] = []
    begun = threading.Event()

    def destroy() -> None:
        begun.set()
        store.destroy([key.subject], 5)
        order.append("destroyed")

    def sign(size: int, root: bytes) -> str:  # called when the row is stored and the end of the transaction is not
        thread.start()
        begun.wait()
        thread.join(0.2)
        order.append("stored")
        return signed(size, root)

    thread = threading.Thread(target=destroy)
    store.commit(sealed(key, seed=1), [], sign)
    thread.join()
    assert order == ["stored", "destroyed"]
    with pytest.raises(Changed):
        store.commit(sealed(key, seed=2), [], signed)


# -- damage -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", ["entries", "head", "meta", "nodes"])
def test_a_ledger_that_lacks_a_table_is_damaged(place: Place, table: str) -> None:
    store = place.create()
    commit(store, rows_of(3))
    place.change(f"DROP TABLE {table}")
    with pytest.raises(Tampered):
        place.open()


@pytest.mark.parametrize("which", ["entries", "keys"])
@pytest.mark.parametrize("content", [b"", b"SQLite format 3\x00" + bytes(range(256)) * 40, b"no database" * 999])
def test_a_file_of_anything_else_is_no_ledger(tmp_path: Path, which: str, content: bytes) -> None:
    path = tmp_path / "x.db"
    SqliteStore.create(path, META, SECRETS)
    (path if which == "entries" else keys_path(path)).write_bytes(content)

    def read() -> None:
        with contextlib.closing(SqliteStore(path)) as store:
            store.secret("sign")

    with pytest.raises(Tampered):
        read()


TYPES = [
    ("entries", "time"),
    ("entries", "body"),
    ("head", "peaks"),
    ("head", "size"),
    ("head", "low"),
    ("nodes", "hash"),
    ("nodes", "high"),
    ("subjects", "subject"),
    ("people", "wrapped"),
    ("people", "key_id"),
    ("destroyed", "time"),
    ("holds", "time"),
    ("secrets", "wrapped"),
    ("meta", "value"),
    ("checkpoints", "note"),
]


@pytest.mark.parametrize(("table", "column"), TYPES)
def test_what_no_ledger_holds_is_read_as_nothing_or_refused(place: Place, table: str, column: str) -> None:
    store = place.create()
    key = keyed(1)
    commit(store, [*rows_of(256), *sealed(key)], [key])
    store.hold(key.subject, 5)
    store.keep_checkpoint(3, "note")
    assert all(plain(read()) for read in every_read(store))
    if place.kind == "postgres":
        place.change(f"ALTER TABLE {table} ALTER COLUMN {column} TYPE text USING 'abc' || {column}::text")
    else:
        place.change(f"UPDATE {table} SET {column} = 'abc' || hex({column})")
    for read in [*every_read(store), *every_read(place.open())]:
        with contextlib.suppress(LedgerError):
            assert plain(read())
    with contextlib.suppress(LedgerError, Changed):
        store.commit([*rows_of(1, 5), *sealed(key, seed=9)], [], signed)


def test_what_is_missing_is_fewer_and_is_not_filled_up(place: Place) -> None:
    store = place.create()
    commit(store, rows_of(300))
    table, column = ("sequence", "idx") if place.kind == "postgres" else ("entries", "id - 1")
    place.change(f"DELETE FROM {table} WHERE {column} = 7")
    assert [r.position for r in store.rows(5, 9)] == [5, 6, 8]
    assert len(store.hashes(0, 0, 300)) == 299
    commit(store, rows_of(1, 5))


def test_a_tail_that_was_cut_off_is_noticed_by_the_next_writer(place: Place) -> None:
    store = place.create()
    commit(store, rows_of(10))
    table, column = ("sequence", "idx") if place.kind == "postgres" else ("entries", "id - 1")
    place.change(f"DELETE FROM {table} WHERE {column} >= 8")
    with pytest.raises(Tampered, match="10 entries and the table ends at 8"):
        store.commit(rows_of(1, 5), [], signed)
    assert store.head().size == 10


def test_a_head_that_is_none_is_noticed(place: Place) -> None:
    store = place.create()
    commit(store, rows_of(10))
    place.change("UPDATE head SET peaks = %s", b"x" * 31)
    with pytest.raises(Tampered, match="head"):
        store.head()
    with pytest.raises(Tampered, match="head"):
        store.commit(rows_of(1, 5), [], signed)
    place.change("DELETE FROM head")
    with pytest.raises(Tampered, match="head"):
        store.head()
    with pytest.raises(Tampered):
        store.commit(rows_of(1, 5), [], signed)


def test_what_nobody_put_there_is_a_stray(place: Place) -> None:
    store = place.create()
    key = keyed(1)
    commit(store, [*rows_of(3), *sealed(key)], [key])
    assert store.strays() == []
    column = "idx" if place.kind == "postgres" else "id"
    place.change(f"INSERT INTO subjects(subject, {column}) VALUES(%s, 900)", b"x")
    found = store.strays()
    assert found and all("subjects" in sentence for sentence in found)
    place.change("INSERT INTO entries(id, time, body) VALUES(5, 1, %s)" if place.kind == "postgres" else
                 "INSERT INTO entries(id, time, leaf, body) VALUES(50, 1, 'x', %s)", b"x")  # fmt: skip
    place.change("INSERT INTO nodes(level, position, hash, low, high) VALUES(8, 5, %s, 0, 0)", bytes(32))
    place.change("UPDATE head SET low = low - 1 WHERE low <> %s", -1)
    told = " ".join(store.strays())
    assert "not in the tree" in told and "rows of the table nodes" in told and "the period beside the head" in told
    assert len(store.strays()) > len(found)


def test_a_store_is_made_with_its_first_signed_note(place: Place) -> None:
    place.make(note="a note\n\n\u2014 x")
    assert place.open().checkpoints() == [(0, "a note\n\n\u2014 x")]
