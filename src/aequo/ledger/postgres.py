"""A ledger in PostgreSQL: many processes write, one at a time gives indices, and any of them can be that one.

Where it is, is a url of libpq's form. Several ledgers in one database each have a schema of their own, ``aequo`` unless
the url ends in ``?schema=name`` (or ``&schema=name``)::

    postgresql://user@host/database
    postgresql://user:password@host/database?schema=loans&sslmode=verify-full

A pool in between has to pool sessions, not transactions.

Writers only insert: rows into `entries`, under ids drawn from a sequence. Ids have gaps and become visible out of
order, so that no index can be made of them; what has none yet is listed in `pending`. The sequencer, who is whoever
gets an advisory lock of the transaction, takes all that is pending in the order of the ids, hashes the bytes as stored,
gives each the next index (`sequence`), and extends the tree (`nodes`, `head`). The lock goes with the transaction:
nothing of a sequencer that was killed remains, and the next session takes over. See `aequo.ledger.postgres_writer`.

An entry that is sealed holds a lock on its person's key until it is stored, so that a key cannot be destroyed between
being used and being out of use.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aequo.errors import LedgerError, OutputError, Tampered
from aequo.ledger.entry import Row
from aequo.ledger.growth import checked_head
from aequo.ledger.postgres_link import Link, Place, driver, pipeline, read_place, translated
from aequo.ledger.postgres_writer import STRIDE, Writer
from aequo.ledger.store import HELD, Head, NodeRow, PersonKey, Sign, StoredEntry

if TYPE_CHECKING:
    from aequo.ledger.postgres_link import Connection

__all__ = ["PostgresStore"]

_TABLES = f"""
CREATE TABLE meta(name text PRIMARY KEY, value text NOT NULL);
CREATE SEQUENCE entry_id START {STRIDE} INCREMENT {STRIDE};
CREATE TABLE entries(id bigint PRIMARY KEY, time bigint NOT NULL, subject bytea, body bytea NOT NULL);
CREATE TABLE pending(id bigint PRIMARY KEY);
CREATE TABLE sequence(idx bigint PRIMARY KEY, id bigint NOT NULL UNIQUE, leaf bytea NOT NULL);
CREATE TABLE subjects(subject bytea, idx bigint, PRIMARY KEY(subject, idx));
CREATE INDEX ON subjects(idx);
CREATE TABLE nodes(level bigint, position bigint, hash bytea NOT NULL, low bigint NOT NULL, high bigint NOT NULL,
    PRIMARY KEY(level, position));
CREATE TABLE head(size bigint PRIMARY KEY, peaks bytea NOT NULL, low bigint NOT NULL, high bigint NOT NULL, note text);
CREATE TABLE checkpoints(size bigint PRIMARY KEY, note text NOT NULL);
CREATE TABLE secrets(name text PRIMARY KEY, wrapped bytea NOT NULL);
CREATE TABLE people(subject bytea PRIMARY KEY, key_id bytea NOT NULL, wrapped bytea NOT NULL, made bigint NOT NULL);
CREATE TABLE destroyed(subject bytea PRIMARY KEY, time bigint NOT NULL);
CREATE TABLE holds(subject bytea PRIMARY KEY, time bigint NOT NULL);
INSERT INTO head VALUES(0, '', 0, 0, NULL);
"""
_NAMES = sorted(re.findall(r"CREATE TABLE (\w+)", _TABLES))
_THERE = "SELECT count(to_regclass(format('%%I.%%I', %s::text, name))) FROM unnest(%s::text[]) AS t(name)"

# One statement sees one state of all tables, whoever sequences meanwhile.
_STRAYS = """
WITH tree AS (SELECT coalesce(max(size), 0) AS size FROM head)
SELECT
    (SELECT count(*) FROM entries AS e WHERE NOT EXISTS (SELECT FROM sequence AS s WHERE s.id = e.id)
        AND NOT EXISTS (SELECT FROM pending AS p WHERE p.id = e.id)),
    (SELECT count(*) FROM pending AS p WHERE NOT EXISTS (SELECT FROM entries AS e WHERE e.id = p.id)),
    (SELECT count(*) FROM pending AS p JOIN sequence AS s ON s.id = p.id),
    (SELECT count(*) FROM sequence, tree WHERE idx < 0 OR idx >= tree.size),
    (SELECT count(*) FROM sequence AS s WHERE NOT EXISTS (SELECT FROM entries AS e WHERE e.id = s.id)),
    (SELECT count(*) FROM subjects, tree WHERE idx < 0 OR idx >= tree.size),
    (SELECT count(*) FROM (SELECT s.idx, e.subject FROM sequence AS s JOIN entries AS e ON e.id = s.id
        WHERE e.subject IS NOT NULL) AS a FULL JOIN subjects AS b ON a.idx = b.idx AND a.subject = b.subject
        WHERE a.idx IS NULL OR b.idx IS NULL),
    (SELECT count(*) FROM nodes, tree WHERE level < 8 OR level %% 8 <> 0 OR level > 56 OR position < 0
        OR position >= (tree.size >> least(level, 56)::int)),
    (SELECT count(*) FROM head AS h, LATERAL (
        SELECT coalesce(min(e.time), 0) AS low, coalesce(max(e.time), 0) AS high
        FROM sequence AS s JOIN entries AS e ON e.id = s.id WHERE s.idx >= h.size - h.size %% 256 AND s.idx < h.size
    ) AS l WHERE h.low <> l.low OR h.high <> l.high)
"""
_STRAY = (
    "{} rows of the table entries are not in the tree, and are not waiting for it",
    "{} rows of the table pending are of no entry",
    "{} rows of the table pending are of entries that are in the tree already",
    "{} rows of the table sequence are not in the tree",
    "{} rows of the table sequence are of no entry",
    "{} rows of the table subjects are not in the tree",
    "{} rows of the tables entries and subjects name another person than the other one",
    "{} rows of the table nodes are of no part of the tree",
    "the period beside the head of the tree is not that of its last entries",
)
_KEEP = "INSERT INTO checkpoints VALUES(%s, %s) ON CONFLICT DO NOTHING"

_LOCK_WAIT = "10s"
_SETTLE = 5.0
"""Seconds to wait for transactions that began before an erasure."""


class PostgresStore:
    """A `Store` in a schema of a PostgreSQL database (version 12 or newer).

    Parameters
    ----------
    url : str
        Where, see the top of this module.

    Raises
    ------
    InputError
        If `url` cannot be one.
    LedgerError
        If the server is out of reach, or has no such ledger.
    Tampered
        If tables of it are missing.
    """

    def __init__(self, url: str) -> None:
        self.place = read_place(url)
        self._reader = Link(self.place)
        self._link = Link(self.place, few=True)
        self._writer = Writer(self._link)
        try:
            _require_tables(self._reader, self.place)
        except BaseException:
            self.close()
            raise

    @staticmethod
    def exists(url: str) -> bool:
        """Return whether there is a ledger, or some of one.

        Raises
        ------
        InputError
            If `url` cannot be one.
        LedgerError
            If the server is out of reach.
        """
        place = read_place(url)
        link = Link(place)
        try:
            return _tables(link, place) > 0
        finally:
            link.close()

    @staticmethod
    def create(url: str, meta: Mapping[str, str], secrets: Mapping[str, bytes], *, note: str | None = None) -> None:
        """Make the schema, if it is not there, and the tables in it with the empty tree's signed note, all or none.

        Raises
        ------
        InputError
            If `url` cannot be one.
        OutputError
            If there is a ledger already, or it may not be made.
        LedgerError
            If the server is out of reach.
        """
        place = read_place(url)
        link = Link(place)
        error_of = driver().Error
        try:
            with link.connection() as db, db.transaction():
                try:
                    _make(db, place, meta, secrets, note)
                except error_of as error:
                    reason = str(translated(place.name, error)).removesuffix("; nothing was recorded.")
                    raise OutputError(f"{reason}; no ledger was made.") from None
        except error_of as error:
            raise translated(place.name, error) from None
        finally:
            link.close()

    def close(self) -> None:
        """End both sessions. Further use is an error."""
        self._reader.close()
        self._link.close()

    # -- entries ------------------------------------------------------------------------------------------------------

    def meta(self) -> Mapping[str, str]:
        """Return what is written once."""
        return dict(self._reader.read("SELECT name, value FROM meta", (), (str, str)))

    def head(self) -> Head:
        """Return the tree as it stands."""
        found = self._reader.read("SELECT size, peaks, note FROM head ORDER BY size DESC LIMIT 1")
        return checked_head(self.place.name, found[0] if found else None)

    def commit(self, rows: Sequence[Row], keys: Sequence[PersonKey], sign: Sign | None) -> list[int | None]:
        """Store rows, and the new keys they are sealed with; return their indices where already sequenced."""
        return self._writer.commit(rows, keys, sign)

    def sequence(self, sign: Sign | None) -> int:
        """Give indices to rows that have none, unless another process is doing so; return the size of the tree."""
        self._writer.sequence(sign)
        return self.head().size

    def rows(self, start: int, stop: int) -> list[StoredEntry]:
        """Return stored entries by index, in order."""
        query = (
            "SELECT s.idx, e.time, s.leaf, e.body FROM sequence AS s JOIN entries AS e ON e.id = s.id "
            "WHERE s.idx >= %s AND s.idx < %s ORDER BY s.idx"
        )
        return [StoredEntry._make(row) for row in self._reader.read(query, (start, stop), (int, int, bytes, bytes))]

    def hashes(self, level: int, start: int, stop: int) -> list[bytes]:
        """Return stored hashes of the leaves or of complete subtrees."""
        if level == 0:
            query = "SELECT leaf FROM sequence WHERE idx >= %s AND idx < %s ORDER BY idx"
            return [leaf for (leaf,) in self._reader.read(query, (start, stop), (bytes,))]
        return [node.hash for node in self.nodes(level, start, stop)]

    def nodes(self, level: int, start: int, stop: int) -> list[NodeRow]:
        """Return complete subtrees of one level by position, in order."""
        query = (
            "SELECT position, hash, low, high FROM nodes "
            "WHERE level = %s AND position >= %s AND position < %s ORDER BY position"
        )
        found = self._reader.read(query, (level, start, stop), (int, bytes, int, int))
        return [NodeRow._make(row) for row in found]

    def of_subject(self, subject: bytes, start: int, limit: int) -> list[int]:
        """Return indices of entries on a person, from `start`, in order."""
        query = "SELECT idx FROM subjects WHERE subject = %s AND idx >= %s ORDER BY idx LIMIT %s"
        return [index for (index,) in self._reader.read(query, (subject, start, limit), (int,))]

    def subject_rows(self, start: int, stop: int) -> list[tuple[int, bytes]]:
        """Return (index, person) of the entries that are on a person, in order."""
        query = "SELECT idx, subject FROM subjects WHERE idx >= %s AND idx < %s ORDER BY idx"
        return self._reader.read(query, (start, stop), (int, bytes))

    def strays(self) -> list[str]:
        """Return a sentence for each thing in the tables that no writer and no sequencer put there."""
        counts = self._reader.read(_STRAYS)[0]
        return [sentence.format(count) for sentence, count in zip(_STRAY, counts, strict=True) if count]

    def checkpoints(self) -> list[tuple[int, str]]:
        """Return the checkpoints that were kept."""
        return self._reader.read("SELECT size, note FROM checkpoints ORDER BY size", (), (int, str))

    def keep_checkpoint(self, size: int, note: str) -> None:
        """Keep a checkpoint."""
        self._change(_KEEP, (size, note))

    def _change(self, query: str, values: Sequence[Any]) -> None:
        """Change something in one statement that may be repeated."""
        self._link.run(lambda db, _: db.execute(query, values))

    # -- keys ---------------------------------------------------------------------------------------------------------

    def secret(self, name: str) -> bytes | None:
        """Return a secret of the ledger, wrapped."""
        found = self._reader.read("SELECT wrapped FROM secrets WHERE name = %s", (name,), (bytes,))
        return found[0][0] if found else None

    def person(self, subject: bytes) -> PersonKey | None:
        """Return a person's data key."""
        query = "SELECT subject, key_id, wrapped, made FROM people WHERE subject = %s"
        found = self._reader.read(query, (subject,), (bytes, bytes, bytes, int))
        return PersonKey._make(found[0]) if found else None

    def people(self, after: bytes, limit: int) -> list[PersonKey]:
        """Return data keys in the order of their subject."""
        query = "SELECT subject, key_id, wrapped, made FROM people WHERE subject > %s ORDER BY subject LIMIT %s"
        found = self._reader.read(query, (after, limit), (bytes, bytes, bytes, int))
        return [PersonKey._make(row) for row in found]

    def rewrap(self, secrets: Mapping[str, bytes], people: Sequence[PersonKey]) -> None:
        """Replace wrapped keys by the same keys wrapped otherwise."""
        named, keyed = sorted(secrets.items()), sorted(people)

        def work(db: Connection, _: bool) -> None:
            with db.transaction(), pipeline(db):
                db.execute(
                    "UPDATE secrets AS s SET wrapped = n.wrapped"
                    " FROM unnest(%s::text[], %s::bytea[]) AS n(name, wrapped) WHERE s.name = n.name",
                    ([name for name, _ in named], [wrapped for _, wrapped in named]),
                )
                db.execute(
                    "UPDATE people AS p SET wrapped = n.wrapped"
                    " FROM unnest(%s::bytea[], %s::bytea[], %s::bytea[]) AS n(subject, key_id, wrapped)"
                    " WHERE p.subject = n.subject AND p.key_id = n.key_id",
                    ([k.subject for k in keyed], [k.key_id for k in keyed], [k.wrapped for k in keyed]),
                )

        self._link.run(work)

    def destroy(self, subjects: Sequence[bytes], time: int) -> int:
        """Destroy data keys and remember that they were; return how many were there. Writers wait meanwhile."""
        wanted = sorted(set(subjects))

        def work(db: Connection, again: bool) -> int:
            with db.transaction():
                db.execute("LOCK TABLE holds IN SHARE MODE")  # no hold begins before this has ended
                if db.execute("SELECT FROM holds WHERE subject = ANY(%s::bytea[])", (wanted,)).rowcount:
                    raise LedgerError(HELD)
                db.execute("SELECT FROM people WHERE subject = ANY(%s::bytea[]) ORDER BY subject FOR UPDATE", (wanted,))
                count = db.execute(
                    "WITH gone AS (DELETE FROM people WHERE subject = ANY(%s::bytea[]) RETURNING subject)"
                    " INSERT INTO destroyed SELECT subject, %s FROM gone"
                    " ON CONFLICT (subject) DO UPDATE SET time = excluded.time",
                    (wanted, time),
                ).rowcount
                if again:  # those that an attempt without an answer has destroyed are ours as well
                    query = "SELECT count(*) FROM destroyed WHERE subject = ANY(%s::bytea[]) AND time = %s"
                    count = max(count, *db.execute(query, (wanted, time)).fetchall()[0])
            return count

        return self._link.run(work)

    def destroyed(self, subject: bytes) -> int | None:
        """Return when a person's key was last destroyed."""
        found = self._reader.read("SELECT time FROM destroyed WHERE subject = %s", (subject,), (int,))
        return found[0][0] if found else None

    def scrub(self) -> list[str]:
        """Rewrite the tables of keys, so that destroyed ones are in no file of them; say what that does not reach."""
        return self._link.run(self._scrub)

    def _scrub(self, db: Connection, _: bool) -> list[str]:
        missed = _vacuum(db, self.place, "people") + _vacuum(db, self.place, "secrets")
        try:
            db.execute("CHECKPOINT")
        except driver().errors.InsufficientPrivilege:
            missed.append("the files that the tables of keys had: they are emptied, and removed at the next checkpoint")
        missed.append("the server's write-ahead log: it may hold destroyed keys, wrapped, until it is written over")
        archived, replicas = _one(
            db, "SELECT current_setting('archive_mode'), (SELECT count(*) FROM pg_stat_replication)"
        )
        if archived != "off":
            missed.append("the archive of the server's write-ahead log")
        if replicas:
            missed.append(f"{replicas} replicas of the server: they follow, and keep a write-ahead log of their own")
        missed.append("backups of the database that were made before")
        return missed

    def hold(self, subject: bytes, time: int | None) -> None:
        """Put a legal hold on a person's data, or lift it."""
        if time is None:
            self._change("DELETE FROM holds WHERE subject = %s", (subject,))
        else:
            self._change("INSERT INTO holds VALUES(%s, %s) ON CONFLICT DO NOTHING", (subject, time))

    def holds(self) -> dict[bytes, int]:
        """Return persons under a legal hold, and since when."""
        return dict(self._reader.read("SELECT subject, time FROM holds", (), (bytes, int)))


# -- making, and making unreadable ------------------------------------------------------------------------------------


def _tables(link: Link, place: Place) -> int:
    """Return how many of a ledger's tables are there."""
    return int(link.read(_THERE, (place.schema, _NAMES))[0][0])


def _require_tables(link: Link, place: Place) -> None:
    there = _tables(link, place)
    if not there:
        raise LedgerError(f"{place.name} is not there. `aequo ledger init` makes one.")
    if there < len(_NAMES):
        raise Tampered(f"{place.name} is none: tables of it are missing.")


def _make(
    db: Connection, place: Place, meta: Mapping[str, str], secrets: Mapping[str, bytes], note: str | None
) -> None:
    db.execute("SELECT pg_advisory_xact_lock(%s)", (place.lock,))  # two that make one are one after the other
    encoding, schemas = _one(
        db,
        "SELECT current_setting('server_encoding'), (SELECT count(*) FROM pg_namespace WHERE nspname = %s)",
        (place.schema,),
    )
    if encoding != "UTF8":
        raise OutputError(f"{place.name} cannot be made: the database's encoding is {encoding}, expected UTF8.")
    if not schemas:
        db.execute(f'CREATE SCHEMA "{place.schema}"'.encode())  # letters, digits and underscores, see `read_place`
    if _one(db, _THERE, (place.schema, _NAMES))[0]:
        raise OutputError(f"{place.name} is there already; a ledger is never overwritten.")
    db.execute("SELECT set_config('search_path', %s, true)", (f'"{place.schema}"',))
    db.execute(_TABLES.encode())
    with db.cursor() as cursor:
        cursor.executemany("INSERT INTO meta VALUES(%s, %s)", list(meta.items()))
        cursor.executemany("INSERT INTO secrets VALUES(%s, %s)", list(secrets.items()))
    if note is not None:
        db.execute(_KEEP, (0, note))


def _vacuum(db: Connection, place: Place, table: str) -> list[str]:
    """Write a table of keys anew; return a sentence if old rows may be left."""
    told: list[str] = []
    name = f"{place.schema}.{table}"

    def note(diagnostic: Any) -> None:
        told.append(diagnostic.message_detail or "")

    file = f"SELECT pg_relation_filenode('{table}')"
    before = _one(db, file)
    _outlast(db)
    db.add_notice_handler(note)
    try:
        db.execute(f"SET lock_timeout = '{_LOCK_WAIT}'".encode())
        db.execute(f"VACUUM (FULL, VERBOSE) {table}".encode())
    except driver().errors.LockNotAvailable:
        return [f"the table {name}: another session is reading it; repeat the erasure"]
    finally:
        db.remove_notice_handler(note)
        db.execute("RESET lock_timeout")
    if _one(db, file) == before:
        return [f"the table {name}: only its owner may rewrite it (VACUUM FULL {name})"]
    # The detail begins with the number of old rows that had to be kept, in whatever language.
    kept = next((int(found[0]) for text in told if (found := re.match(r"\s*\d+", text))), None)
    if kept is None:
        return [f"the table {name}: the server did not say whether an older transaction still sees destroyed keys"]
    if kept:
        return [f"the table {name}: a transaction that began before still sees {kept} old rows; repeat the erasure"]
    return []


def _outlast(db: Connection) -> None:
    """Wait, for a while, until every transaction that writes and began before has ended: it keeps old rows alive."""
    (now,) = _one(db, "SELECT pg_current_xact_id()::text::bigint")
    deadline = time.monotonic() + _SETTLE
    while _one(db, "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")[0] <= now:
        if time.monotonic() > deadline:
            return
        time.sleep(0.02)


def _one(db: Connection, query: str, values: Sequence[Any] = ()) -> tuple[Any, ...]:
    return db.execute(query.encode(), values).fetchall()[0]
