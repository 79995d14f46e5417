"""What PostgreSQL brings with it: servers that restart, connections that are cut, sessions that are killed, roles."""

from __future__ import annotations

import contextlib
import random
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from aequo.errors import InputError, LedgerError, OutputError, Tampered
from aequo.ledger import postgres, postgres_link, postgres_writer
from aequo.ledger.entry import Row
from aequo.ledger.postgres import PostgresStore
from aequo.ledger.postgres_link import Link, read_place
from aequo.ledger.store import Changed, Store
from aequo.ledger.tree import leaf_hash

from .places import META, SECRETS, Place, Places, every_read, keyed, merkle, plain, rows_of, sealed, signed
from .proxy import Wire, wire_to
from .server import PgServer

pytestmark = pytest.mark.postgres


@pytest.fixture
def store(pg_place: Place) -> Store:
    """A new ledger's store."""
    return pg_place.create()


@contextlib.contextmanager
def opened(url: str) -> Iterator[PostgresStore]:
    with contextlib.closing(PostgresStore(url)) as store:
        yield store


@contextlib.contextmanager
def sequencing(place: Place) -> Iterator[None]:
    """Somebody else is the sequencer, and does nothing."""
    assert place.server is not None
    with place.server.connect() as db:
        lock = (read_place(place.url).lock,)
        db.execute("SELECT pg_advisory_lock(%s)", lock)
        yield
        db.execute("SELECT pg_advisory_unlock(%s)", lock)


def sessions(place: Place, state: str) -> list[int]:
    """Processes of the server's that serve this ledger, in a state."""
    assert place.server is not None
    with place.server.connect() as db:
        query = "SELECT pid FROM pg_stat_activity WHERE application_name = 'aequo' AND state = %s"
        return [pid for (pid,) in db.execute(query, (state,)).fetchall()]


def terminate(place: Place, state: str) -> int:
    """End sessions, and wait until they are over."""
    assert place.server is not None
    pids = sessions(place, state)
    with place.server.connect() as db:
        for pid in pids:
            db.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
    return len(pids)


def check(store: Store, rows: list[Row], *, ordered: bool = True) -> None:
    """These rows are in the tree, each once, and nothing is left over."""
    assert store.sequence(signed) == len(rows)
    leaves, expected = store.hashes(0, 0, len(rows) + 9), [row.leaf for row in rows]
    assert leaves == expected if ordered else sorted(leaves) == sorted(expected)
    assert store.head().root == merkle(leaves)
    assert [row.leaf for row in store.rows(0, len(rows) + 9)] == leaves
    assert store.strays() == []


# -- who sequences ----------------------------------------------------------------------------------------------------


def test_two_ledgers_in_one_database_do_not_mix(pg_places: Places) -> None:
    with contextlib.closing(pg_places()) as one, contextlib.closing(pg_places()) as two:
        first, second = one.create(), two.create()
        with sequencing(one):  # and neither holds up the other
            assert first.commit(rows_of(2), [], signed) == [None, None]
            assert second.commit(rows_of(3, 1), [], signed) == [0, 1, 2]
        check(first, rows_of(2))
        check(second, rows_of(3, 1))


def test_rows_wait_for_a_busy_sequencer_and_keep_their_order(pg_place: Place) -> None:
    store = pg_place.create()
    rows: list[Row] = []
    with sequencing(pg_place):
        for count in (1, 101, 1, 300):
            rows += rows_of(count, count)
            assert store.commit(rows_of(count, count), [], signed) == [None] * count
        assert store.head().size == store.sequence(signed) == 0
        assert store.strays() == []
    last = rows_of(2, 7)
    assert store.commit(last, [], signed) == [403, 404]  # what was there before comes before
    check(store, rows + last)


def test_rows_queue_up_behind_more_than_is_sequenced_at_once(pg_place: Place) -> None:
    store = pg_place.create()
    waiting = rows_of(postgres_writer._CROWD + 5_000)  # so many that a writer waits for its turn, and not for ever
    with sequencing(pg_place):
        assert set(store.commit(waiting, [], signed)) == {None}
    last = rows_of(1, 7)
    assert store.commit(last, [], signed) == [len(waiting)]
    check(store, waiting + last)


def test_what_was_pending_is_vacuumed_away(pg_place: Place) -> None:
    store = pg_place.create()
    with sequencing(pg_place):
        for number in range(3):
            store.commit(rows_of(2_000, number), [], signed)
    store.commit(rows_of(1, 7), [], signed)
    assert pg_place.server is not None
    with pg_place.server.connect() as db:
        query = "SELECT last_vacuum IS NOT NULL FROM pg_stat_all_tables WHERE schemaname = %s AND relname = 'pending'"
        assert db.execute(query, (pg_place.schema,)).fetchall() == [(True,)]
    store.commit(rows_of(1, 8), [], signed)


def test_the_server_hashes_what_it_stores(store: Store) -> None:
    row = rows_of(1)[0]
    store.commit([Row(row.time, bytes(32), row.body)], [], signed)
    assert store.hashes(0, 0, 1) == [row.leaf]


def test_a_sequencer_that_is_cut_off_leaves_nothing_half(pg_place: Place) -> None:
    store = pg_place.create()
    ended: list[int] = []

    def sign(size: int, root: bytes) -> str:  # rows are stored and numbered, and nothing is committed
        if len(ended) < 3:
            ended.append(terminate(pg_place, "idle in transaction"))
            assert not sessions(pg_place, "idle in transaction")
            with opened(pg_place.url) as other:
                assert other.head().size == 2 and len(other.rows(0, 9)) == 2 and other.strays() == []
        return signed(size, root)

    store.commit(rows_of(2), [], signed)
    assert store.commit(rows_of(3, 1), [], sign) == [2, 3, 4]  # it takes its connection anew, and stores them once
    assert ended == [1, 1, 1]
    check(store, rows_of(2) + rows_of(3, 1))


def test_the_next_takes_over_from_a_process_that_was_killed(pg_place: Place) -> None:
    store = pg_place.create()
    with sequencing(pg_place):
        store.commit(rows_of(2), [], signed)
    code = (
        "import sys, time\n"
        "from aequo.ledger.postgres import PostgresStore\n"
        "from aequo.ledger.entry import Row\n"
        "def sign(size, root):\n    print('signing', flush=True)\n    time.sleep(600)\n"
        "PostgresStore(sys.argv[1]).commit([Row(1, bytes(32), b'never')], [], sign)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, pg_place.url], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "signing\n"
        assert store.commit(rows_of(1, 5), [], signed) == [None]
        process.kill()
    assert (
        terminate(pg_place, "idle in transaction") <= 1
    )  # the server notices by itself; here it need not be waited for
    check(store, rows_of(2) + rows_of(1, 5))


def test_a_process_that_was_stopped_is_not_the_sequencer_for_ever(
    pg_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(postgres_link._SETTINGS, "idle_in_transaction_session_timeout", "100ms")
    store = pg_place.create()
    stopped = threading.Event()

    def sign(size: int, root: bytes) -> str:
        while not stopped.is_set() and sessions(pg_place, "idle in transaction"):
            stopped.wait(0.02)
        stopped.set()
        return signed(size, root)

    assert store.commit(rows_of(2), [], sign) == [0, 1]
    check(store, rows_of(2))


# -- connections that are lost ----------------------------------------------------------------------------------------


@pytest.fixture
def wire(pg: PgServer) -> Iterator[Wire]:
    with wire_to(pg.port) as made:
        yield made


def through(place: Place, wire: Wire) -> str:
    assert place.server is not None
    # Unencrypted, since the wire looks for the messages that pass.
    return place.url.replace(f":{place.server.port}/", f":{wire.port}/") + "&sslmode=disable&gssencmode=disable"


@pytest.mark.parametrize("answer", range(1, 9))
@pytest.mark.parametrize("count", [1, 150])
@pytest.mark.parametrize("busy", [False, True], ids=["sequencer", "writer"])
def test_wherever_the_connection_is_cut_rows_are_stored_once(
    pg_place: Place, wire: Wire, answer: int, count: int, busy: bool
) -> None:
    key, other = keyed(1), keyed(2)
    pg_place.make()
    rows = rows_of(count, 1, key=key)
    with opened(through(pg_place, wire)) as store:
        store.commit(rows_of(2, 0, key=other), [other], signed)
        with sequencing(pg_place) if busy else contextlib.nullcontext():
            wire.cut_at(answer)
            indices = store.commit(rows, [key], signed)
        assert wire.cut or answer > 6  # of a few rows there are fewer
        # The server may not have noticed yet that the first attempt is over, and take that one for the sequencer.
        assert indices in ([None] * count, list(range(2, 2 + count)))
        check(store, rows_of(2, 0, key=other) + rows)
        assert store.people(b"", 9) == sorted([key, other])


def test_a_commit_without_an_answer_is_said_to_be_unknown(
    pg_place: Place, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_writer, "_PATIENCE", 0.3)
    pg_place.make()
    rows = rows_of(2)
    with opened(through(pg_place, wire)) as store:
        wire.cut_at(5, then_refuse=True)  # begin, store, sequence, head, commit
        with pytest.raises(LedgerError, match="not known") as raised:
            store.commit(rows, [], signed)
        assert rows[0].leaf.hex() in str(raised.value) and "nothing was recorded" not in str(raised.value)
        wire.refuses = False
        check(store, rows)


def test_a_server_that_is_away_is_named_and_nothing_was_recorded(
    pg_place: Place, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_writer, "_PATIENCE", 0.3)
    pg_place.make()
    with opened(through(pg_place, wire)) as store:
        store.commit(rows_of(1), [], signed)
        wire.cut_at(1, then_refuse=True)
        for _ in range(2):
            with pytest.raises(LedgerError, match="cannot be reached; nothing was recorded"):
                store.commit(rows_of(1, 1), [], signed)
        wire.refuses = False
        store.commit(rows_of(1, 2), [], signed)
        check(store, rows_of(1) + rows_of(1, 2))


def test_ids_that_a_crash_gave_to_another_are_not_taken_for_ours(store: PostgresStore) -> None:
    """A server that crashes may draw an id again whose transaction was not on the disk."""
    ours, others = rows_of(2, 1), rows_of(2, 2)
    store.commit(others, [], signed)
    batch = postgres_writer._Batch(ours, [])
    batch.draws, batch.asked = [postgres_writer.STRIDE], True
    store._link.run(lambda db, again: store._writer._store(batch, signed, db, again))
    assert not batch.asked and list(batch.given.values()) == [2, 3]
    check(store, others + ours)


def test_a_sequence_of_ids_that_was_set_back_stores_nothing_over_others(pg_place: Place) -> None:
    store = pg_place.create()
    rows = [rows_of(1, i)[0] for i in range(9)]
    for row in rows[:2]:
        store.commit([row], [], signed)
    back = f"SELECT setval('entry_id', {postgres_writer.STRIDE}, false)"
    pg_place.change(back)
    for row in rows[2:]:
        store.commit([row], [], signed)
    pg_place.change(back)
    with pytest.raises(Tampered, match="set back"):
        store.commit(rows_of(1, 99), [], signed)
    check(store, rows)


def every_change(store: Store, number: int) -> list[Callable[[], Any]]:
    key = keyed(number)
    return [
        lambda: store.commit(sealed(key), [key], signed),
        lambda: store.keep_checkpoint(number, "x"),
        lambda: store.rewrap({}, [key._replace(wrapped=b"anew")]),
        lambda: store.destroy([key.subject], 5),
        lambda: store.hold(key.subject, 1),
        store.scrub,
        lambda: store.sequence(signed),
        lambda: store.rows(0, 9),
        store.holds,
    ]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT])
def test_the_next_call_after_a_restart_works(pg_place: Place, how: signal.Signals) -> None:
    store = pg_place.create()
    assert pg_place.server is not None
    store.commit(rows_of(1, 50), [], signed)
    store.head()
    pg_place.server.restart(how)
    assert store.head().size == 1
    assert store.commit(rows_of(1, 51), [], signed) == [1]


def test_every_call_survives_the_end_of_its_session(pg_place: Place) -> None:
    store = pg_place.create()
    for number in range(2):
        for call in every_change(store, number):
            store.head()
            assert terminate(pg_place, "idle") >= 1
            call()
    assert store.head().size == 2 and store.people(b"", 9) == [] and store.destroyed(keyed(1).subject) == 5
    assert len(store.holds()) == 2 and store.strays() == []


@pytest.mark.parametrize("answer", range(1, 6))
def test_keys_are_destroyed_and_counted_once_wherever_the_connection_is_cut(
    pg_place: Place, wire: Wire, answer: int
) -> None:
    keys = [keyed(n) for n in range(3)]
    pg_place.make()
    with opened(through(pg_place, wire)) as store:
        store.commit(sealed(*keys), keys, signed)
        wire.cut_at(answer)
        assert store.destroy([k.subject for k in keys[:2]], 5) == 2
        assert store.destroy([k.subject for k in keys[:2]], 6) == 0
        assert store.people(b"", 9) == [keys[2]] and store.destroyed(keys[0].subject) == 5


def test_writers_go_on_through_restarts(pg_place: Place) -> None:
    pg_place.make()
    over = threading.Event()

    def write(number: int) -> tuple[list[Row], list[Row]]:
        told, unsure = [], []
        with opened(pg_place.url) as store:
            for i in range(10_000):
                rows = rows_of(1 + i % 2, 100_000 * number + i)
                try:
                    store.commit(rows, [], signed)
                    told += rows
                except LedgerError:
                    unsure += rows
                if over.is_set():
                    return told, unsure
        raise AssertionError("more writing than expected")

    assert pg_place.server is not None
    with ThreadPoolExecutor(3) as pool:
        writing = [pool.submit(write, number) for number in range(3)]
        for how in (signal.SIGQUIT, signal.SIGINT, signal.SIGQUIT):
            over.wait(0.3)
            pg_place.server.restart(how)
        over.wait(0.3)
        over.set()
        results = [one.result() for one in writing]
    told = {row.leaf for rows, _ in results for row in rows}
    unsure = {row.leaf for _, rows in results for row in rows}
    with opened(pg_place.url) as store:
        size = store.sequence(signed)
        leaves = store.hashes(0, 0, size)
        assert len(set(leaves)) == len(leaves) == size
        assert told <= set(leaves) <= told | unsure
        assert store.head().root == merkle(leaves) and store.strays() == []


# -- keys -------------------------------------------------------------------------------------------------------------


def test_of_two_keys_made_for_a_person_at_once_one_is_kept(pg_place: Place) -> None:
    store, other = pg_place.create(), pg_place.open()
    first, second = keyed(1), keyed(1, 1)
    waited: list[bool] = []

    def sign(size: int, root: bytes) -> str:
        running = pool.submit(other.commit, sealed(second), [second], signed)
        waited.append(not running.done())
        late.append(running)
        return signed(size, root)

    late: list[Any] = []
    with ThreadPoolExecutor(1) as pool:
        assert store.commit(sealed(first), [first], sign) == [0]
        with pytest.raises(Changed):
            late[0].result()
    assert waited == [True]
    assert store.people(b"", 9) == [first]
    check(store, sealed(first))


def test_writers_with_many_people_in_any_order_do_not_hold_one_another_up(pg_place: Place) -> None:
    pg_place.make()
    keys = [keyed(n) for n in range(12)]

    def write(number: int) -> list[Row]:
        rng, told = random.Random(number), []
        with opened(pg_place.url) as store:
            for i in range(12):
                some = rng.sample(keys, 8)
                rows = sealed(*some, seed=1000 * number + 10 * i)
                store.commit(rows, some, signed)
                told += rows
        return told

    with ThreadPoolExecutor(4) as pool:
        rows = [row for told in pool.map(write, range(4)) for row in told]
    with opened(pg_place.url) as store:
        check(store, rows, ordered=False)
        assert store.people(b"", 99) == sorted(keys)


def test_a_key_that_an_older_transaction_still_sees_is_said_to_be_left(pg_place: Place) -> None:
    store = pg_place.create()
    assert pg_place.server is not None
    key = keyed(1)
    store.commit(sealed(key), [key], signed)
    with pg_place.server.connect() as old:
        old.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        old.execute("SELECT 1 FROM pg_class").fetchall()
        store.destroy([key.subject], 5)
        assert "still sees 1 old rows" in store.scrub()[0]
        assert any(key.wrapped in content for content in pg_place.files())
    assert "still sees" not in " ".join(store.scrub())
    assert not any(key.wrapped in content for content in pg_place.files())


def test_a_table_of_keys_that_is_in_use_is_said_to_be_left(pg_place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "_LOCK_WAIT", "50ms")
    store = pg_place.create()
    assert pg_place.server is not None
    with pg_place.server.connect() as reader, reader.transaction():
        reader.execute(f"SELECT FROM {pg_place.schema}.people")
        assert "another session is reading it" in store.scrub()[0]
    assert "another session" not in " ".join(store.scrub())


def test_what_erasure_does_not_reach_is_said(store: Store) -> None:
    missed = " ".join(store.scrub())
    assert "write-ahead log" in missed and "backups" in missed
    assert "replica" not in missed and "archive" not in missed  # this server has none


NULLABLE = [
    *("entries.time", "entries.body", "sequence.leaf", "head.peaks", "head.low", "nodes.hash", "nodes.high"),
    *("people.wrapped", "people.key_id", "people.made", "destroyed.time", "holds.time", "secrets.wrapped"),
    *("meta.value", "checkpoints.note"),
]


@pytest.mark.parametrize("column", NULLABLE)
def test_where_a_value_was_taken_away_there_is_none_of_another_type(pg_place: Place, column: str) -> None:
    store = pg_place.create()
    key, other = keyed(1), keyed(2)
    store.commit([*rows_of(256), *sealed(key, other)], [key, other], signed)
    store.hold(key.subject, 5)
    store.destroy([other.subject], 5)
    store.keep_checkpoint(3, "note")
    table, name = column.split(".")
    pg_place.change(f"ALTER TABLE {table} ALTER COLUMN {name} DROP NOT NULL")
    pg_place.change(f"UPDATE {table} SET {name} = NULL")
    for read in every_read(store):
        with contextlib.suppress(LedgerError):
            assert plain(read())
    with contextlib.suppress(LedgerError, Changed):
        store.commit(rows_of(300, 5), [], signed)


# -- roles, urls, and what messages say -------------------------------------------------------------------------------


@pytest.fixture
def role(pg: PgServer) -> Iterator[str]:
    """A user without any right."""
    with pg.connect() as db:
        db.execute("CREATE ROLE desk LOGIN PASSWORD 'desk word'")
        yield "desk"
        db.execute("DROP OWNED BY desk")
        db.execute("DROP ROLE desk")


def of_desk(place: Place) -> str:
    assert place.server is not None
    return place.url.replace(f"postgres:{place.server.password}@", "desk:desk%20word@")


def test_an_owner_who_is_no_administrator_can_do_everything(pg_place: Place, role: str) -> None:
    assert pg_place.server is not None
    with pg_place.server.connect() as db:
        db.execute(f"CREATE SCHEMA {pg_place.schema} AUTHORIZATION {role}")
    url = of_desk(pg_place)
    PostgresStore.create(url, META, SECRETS)
    key = keyed(1)
    with opened(url) as store:
        store.commit(sealed(key), [key], signed)
        store.destroy([key.subject], 5)
        assert any("next checkpoint" in sentence for sentence in store.scrub())
        check(store, sealed(key))


def test_who_may_only_read_reads_and_is_refused_the_rest(pg_place: Place, role: str) -> None:
    pg_place.create().commit(rows_of(2), [], signed)
    pg_place.change(f"GRANT USAGE ON SCHEMA {pg_place.schema} TO {role}")
    pg_place.change(f"GRANT SELECT ON ALL TABLES IN SCHEMA {pg_place.schema} TO {role}")
    with opened(of_desk(pg_place)) as store:
        assert store.head().size == 2 and len(store.rows(0, 9)) == 2 and store.strays() == []
        for change in (lambda: store.commit(rows_of(1, 5), [], signed), lambda: store.destroy([b"x"], 1)):
            with pytest.raises(LedgerError, match="lacks the right to do that; nothing was recorded"):
                change()
        assert any("only its owner" in sentence for sentence in store.scrub())


def test_who_may_not_make_a_ledger_is_told_so(pg_place: Place, role: str) -> None:
    with pytest.raises(OutputError, match="lacks the right to do that; no ledger was made"):
        PostgresStore.create(of_desk(pg_place), META, SECRETS)
    assert not PostgresStore.exists(pg_place.url)


def test_a_server_that_may_only_be_read_is_told_of(pg_place: Place) -> None:
    pg_place.create().commit(rows_of(2), [], signed)
    with opened(pg_place.url + "&options=-c%20default_transaction_read_only%3Don") as store:
        assert store.head().size == 2
        with pytest.raises(LedgerError, match="may only be read"):
            store.commit(rows_of(1, 5), [], signed)


def test_durability_is_asked_for_where_a_role_has_given_it_up(pg_place: Place) -> None:
    for given, used in [("off", "on"), ("on", "on"), ("remote_apply", "remote_apply")]:
        url = f"{pg_place.url}&options=-c%20synchronous_commit%3D{given}"
        with contextlib.closing(Link(read_place(url))) as link:
            assert link.read("SHOW synchronous_commit") == [(used,)]


def test_a_database_that_cannot_hold_every_character_is_refused(pg: PgServer, pg_place: Place) -> None:
    with pg.connect() as db:
        db.execute("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1'")
        try:
            url = pg_place.url.replace("/postgres?", "/latin?")
            with pytest.raises(OutputError, match="encoding is LATIN1, expected UTF8"):
                PostgresStore.create(url, META, SECRETS)
        finally:
            db.execute("DROP DATABASE latin")


def test_where_a_ledger_is_and_is_not_is_known(pg_place: Place) -> None:
    assert not PostgresStore.exists(pg_place.url)
    pg_place.make()
    assert PostgresStore.exists(pg_place.url)
    pg_place.change("DROP TABLE entries")
    assert PostgresStore.exists(pg_place.url)  # and nothing is made over it
    with pytest.raises(OutputError, match="never overwritten"):
        pg_place.make()


def test_tables_of_somebody_elses_are_left_alone(pg_place: Place) -> None:
    assert pg_place.server is not None
    with pg_place.server.connect() as db:
        db.execute(f"CREATE SCHEMA {pg_place.schema}")
        db.execute(f"CREATE TABLE {pg_place.schema}.people(name text)")
    with pytest.raises(OutputError, match="never overwritten"):
        pg_place.make()
    with pytest.raises(Tampered, match="missing"):
        pg_place.open()


WORD = "correct-horse"
UNREACHABLE = [
    (f"postgresql://postgres:{WORD}@127.0.0.1:{{port}}/postgres", "refused the password"),
    (f"postgresql://nobody:{WORD}@127.0.0.1:{{port}}/postgres", "refused the password"),
    (f"postgresql://postgres:{WORD}@127.0.0.1:1/postgres", "cannot be reached"),
    (f"postgresql://postgres:{WORD}@nowhere.invalid/postgres", "cannot be reached"),
    (f"postgresql://postgres:{WORD}@127.0.0.1:{{port}}/postgres?sslmode=require", "cannot be reached"),
]


@pytest.mark.parametrize(("url", "reason"), UNREACHABLE)
def test_a_server_that_lets_nobody_in_is_said_to_and_no_password_is(pg: PgServer, url: str, reason: str) -> None:
    url = url.format(port=pg.port)
    for call in (PostgresStore, PostgresStore.exists, lambda u: PostgresStore.create(u, META, SECRETS)):
        with pytest.raises(LedgerError, match=reason) as raised:
            call(url)
        assert WORD not in "".join(traceback.format_exception(raised.value))
    assert WORD not in repr(read_place(url))


def test_a_database_that_is_not_there_is_said_to_be(pg: PgServer) -> None:
    with pytest.raises(LedgerError, match="no such database"):
        PostgresStore(pg.url("nowhere"))


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://postgres:{WORD}%zz@host/db",
        f"postgresql://postgres:{WORD}@host/db?no-such-option={WORD}",
        f"postgresql://postgres:{WORD}@host/db?schema=Robert'); DROP",
        f"postgresql://postgres:{WORD}@host/db?schema=",
        f"postgresql://postgres:{WORD}@host/db?schema=pg_mine",
        f"postgresql://postgres:{WORD}@[host/db",
    ],
)
def test_a_url_that_is_none_is_refused_without_its_words(url: str) -> None:
    with pytest.raises(InputError) as raised:
        PostgresStore(url)
    shown = "".join(traceback.format_exception(raised.value))
    assert WORD not in str(raised.value) and f"{WORD}@" not in shown.replace(url, "")


def test_errors_hold_nothing_of_what_was_stored(pg_place: Place) -> None:
    store = pg_place.create()
    body = b"a person's own words"
    pg_place.change("ALTER TABLE entries ADD CHECK (time < 0)")
    with pytest.raises(Tampered) as raised:
        store.commit([Row(1_700_000_000_000_000, leaf_hash(body), body)], [], signed)
    shown = "".join(traceback.format_exception(raised.value))
    assert "own words" not in shown and body.hex() not in shown and "17000000" not in shown


def test_a_note_after_the_commit_that_fails_does_not_undo_it(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    failing = postgres_writer._AFTER.replace("SELECT CASE WHEN", "SELECT 1 / count(*) > 0, CASE WHEN", 1)
    monkeypatch.setattr(postgres_writer, "_AFTER", failing.replace("ORDER BY id)\n", "ORDER BY id) FROM pending\n"))
    assert store.commit(rows_of(1), [], signed) == [0]
    monkeypatch.undo()
    check(store, rows_of(1))


def test_psycopg_says_nothing_beside_what_is_raised(pg_place: Place) -> None:
    code = (
        "import sys\n"
        "from aequo.ledger.postgres import PostgresStore\n"
        "from aequo.ledger.entry import Row\n"
        "store = PostgresStore(sys.argv[1])\n"
        "row = Row(1, bytes(32), b'body')\n"
        "store.commit([row], [], None)\n"
        "print('ready', flush=True)\n"
        "sys.stdin.readline()\n"
        "print(store.commit([row], [], None), store.head().size)\n"
        "store.close()\n"
    )
    pg_place.make()
    command = [sys.executable, "-W", "error", "-c", code, pg_place.url]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        terminate(pg_place, "idle")
        assert process.communicate("go\n") == ("[1] 2\n", "")


def test_psycopg_is_imported_when_a_ledger_is_and_not_before() -> None:
    code = "import sys, aequo.ledger.postgres; print('psycopg' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_the_version_of_psycopg_here_can_send_in_one_go() -> None:
    assert psycopg.Pipeline.is_supported()
