"""Writing to a ledger in PostgreSQL: storing rows, and giving them their place in the tree.

A transaction that stores rows tries to become the sequencer, without waiting. If it does, it takes what other writers
left pending, then its own rows, and one write to the disk makes all of it durable: rows, indices and tree. If another
session is the sequencer, the rows are left pending. Whoever has committed looks once more whether something is pending
and nobody sequences; so nothing stays pending when writers fall silent.

The ids of rows are drawn from a sequence, and known before the commit is asked for. If the connection is lost then, the
same ids are stored again: either they conflict, and the rows that are there are compared, or they do not, and nothing
had been stored. So an entry is neither lost nor doubled.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from aequo.errors import LedgerError, Tampered
from aequo.ledger.entry import Row
from aequo.ledger.growth import Tree, checked_tree, grow
from aequo.ledger.postgres_link import Link, driver, is_lost, pipeline
from aequo.ledger.store import Changed, PersonKey, Sign
from aequo.ledger.tree import BITS, leaf_hash, root_of

if TYPE_CHECKING:
    from aequo.ledger.postgres_link import Connection

__all__ = ["STRIDE", "Writer"]

STRIDE = 2**16
"""Ids that one value of the sequence stands for: a batch of as many rows draws once."""

_FEW = 100
"""Rows that go in one statement; more are copied."""
_FEW_BYTES = 2**20
_MOST = 10_000
"""Pending rows that are taken at once."""
_ROUNDS = 16
"""Times a writer serves others before it returns."""
_CROWD = 80_000
"""Pending rows from which on writers wait for a turn to sequence, so that they do not outrun who does."""
_TURN = "1s"
"""How long they wait."""
_WORN = 1000
"""Rows that a session removes from `pending` and `head` before it has the tables vacuumed."""
_DRAWS = 5
_PATIENCE = 10.0
"""Seconds to wait for a server that restarts while rows are being stored."""

_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"  # what the lock protects is read after it was taken, not before
_DRAW = "SELECT nextval('entry_id') FROM generate_series(1, %s)"

# Rows, and their ids into `pending` unless this session has become the sequencer. Values, since an array of one costs
# psycopg more than the value.
_STORE_FEW = """
WITH lock AS MATERIALIZED (SELECT pg_try_advisory_xact_lock(%s) AS got),
drawn AS MATERIALIZED (SELECT coalesce(%s, nextval('entry_id')) AS first),
rows AS MATERIALIZED (
    SELECT first + n AS id, time, subject, body FROM drawn, (VALUES {values}) AS r(n, time, subject, body)
), stored AS (
    INSERT INTO entries(id, time, subject, body) SELECT * FROM rows
), left_pending AS (
    INSERT INTO pending SELECT id FROM rows WHERE NOT (SELECT got FROM lock)
)
SELECT got, first FROM lock, drawn
"""
_STORE_COPIED = """
WITH lock AS MATERIALIZED (SELECT pg_try_advisory_xact_lock(%s) AS got), left_pending AS (
    INSERT INTO pending SELECT generate_series(a, b) FROM unnest(%s::bigint[], %s::bigint[]) AS s(a, b)
    WHERE NOT (SELECT got FROM lock)
)
SELECT got FROM lock
"""
_ADD_PEOPLE = """
INSERT INTO people(subject, key_id, wrapped, made)
SELECT * FROM unnest(%s::bytea[], %s::bytea[], %s::bytea[], %s::bigint[]) ON CONFLICT DO NOTHING
"""
_HOLD_PEOPLE = "SELECT subject, key_id FROM people WHERE subject = ANY(%s::bytea[]) ORDER BY subject FOR KEY SHARE"

# Gives the next indices to pending rows, in the order of their ids, then to rows of one's own, and returns the tree as
# it was, and what it grows by. The server hashes the bytes it has stored, whatever a writer says that the hash is.
# If more is pending than is taken at once, rows of one's own queue up behind.
_SEQUENCE = f"""
WITH others AS MATERIALIZED (SELECT id FROM pending ORDER BY id LIMIT {_MOST}),
room AS MATERIALIZED (SELECT count(*) < {_MOST} AS is_left FROM others),
spans AS MATERIALIZED (SELECT a, b FROM unnest(%s::bigint[], %s::bigint[]) AS s(a, b)),
chosen AS (
    SELECT id, false AS own, time::bigint, subject, sha256('\\x00'::bytea || body) AS leaf
    FROM others JOIN entries USING (id)
    UNION ALL
    SELECT id, true, time::bigint, subject, sha256('\\x00'::bytea || body) FROM spans JOIN entries ON id BETWEEN a AND b
    WHERE (SELECT is_left FROM room)
), numbered AS MATERIALIZED (
    SELECT (SELECT coalesce(max(idx), -1) FROM sequence) + row_number() OVER (ORDER BY own, id) AS idx, chosen.*
    FROM chosen
), filed AS (
    INSERT INTO sequence(idx, id, leaf) SELECT idx, id, leaf FROM numbered
), named AS (
    INSERT INTO subjects(subject, idx) SELECT subject, idx FROM numbered WHERE subject IS NOT NULL
), taken AS (
    DELETE FROM pending WHERE id IN (SELECT id FROM numbered WHERE NOT own)
), left_pending AS (
    INSERT INTO pending SELECT generate_series(a, b) FROM spans WHERE NOT (SELECT is_left FROM room)
)
SELECT size, peaks, low, high, (SELECT max(idx) FROM sequence), (SELECT min(idx) FROM numbered WHERE own),
    ARRAY(SELECT time FROM numbered ORDER BY idx), ARRAY(SELECT leaf FROM numbered ORDER BY idx)
FROM head ORDER BY size DESC LIMIT 1
"""  # noqa: S608 - a number of ours
_ADD_BLOCKS = """
INSERT INTO nodes(level, position, hash, low, high)
SELECT %s, * FROM unnest(%s::bigint[], %s::bytea[], %s::bigint[], %s::bigint[])
"""
_ADD_NODE = """
INSERT INTO nodes(level, position, hash, low, high)
SELECT %s, %s, %s, min(low), max(high) FROM nodes WHERE level = %s AND position BETWEEN %s AND %s
"""
# A new row, found from the end of the index: an updated one would leave its old versions in the way of every reader for
# as long as somebody's snapshot, as a backup's, needs them.
_MOVE_HEAD = """
WITH moved AS (
    INSERT INTO head(size, peaks, low, high, note)
    SELECT %s, %s, %s, %s, coalesce(%s, (SELECT note FROM head WHERE size = %s))
)
DELETE FROM head WHERE size = %s
"""
# Whether somebody has to look after what is pending, since nobody does; whether that is too much; and the indices that
# rows have by now.
_AFTER = f"""
WITH waiting AS MATERIALIZED (SELECT count(*) AS n FROM (SELECT FROM pending LIMIT {_CROWD + 1}) AS p),
given AS MATERIALIZED (
    SELECT id, idx FROM unnest(%s::bigint[], %s::bigint[]) AS s(a, b) JOIN sequence ON id BETWEEN a AND b
)
SELECT CASE WHEN n > 0 THEN pg_try_advisory_xact_lock(%s) ELSE false END, n > {_CROWD},
    ARRAY(SELECT id FROM given ORDER BY id), ARRAY(SELECT idx FROM given ORDER BY id)
FROM waiting
"""  # noqa: S608 - a number of ours
# Whoever looks for the first pending row passes by all that were removed, until they are vacuumed away. By itself the
# server does that once a minute at most.
_VACUUM = "VACUUM (SKIP_LOCKED, TRUNCATE FALSE) pending, head"

_Spans = tuple[list[int], list[int]]
_NO_ROWS: _Spans = ([], [])


class _Grown(NamedTuple):
    """The tree as it was, and what has been given indices since."""

    tree: Tree
    first: int | None  # index of the first row of one's own
    times: list[int]
    leaves: list[bytes]


class _Batch:
    """Rows on their way into the database, and how far they got."""

    def __init__(self, rows: Sequence[Row], keys: Sequence[PersonKey]) -> None:
        self.rows = rows
        self.keys = sorted(keys)  # in one order, so that two writers never wait for one another
        # In pairs: of two rows on a person, one may be sealed with a key that was destroyed before the other was.
        self.used = {(r.subject, r.key_id) for r in rows if r.subject is not None and r.key_id is not None}
        self.used |= {(key.subject, key.key_id) for key in keys}
        self.few = 0 < len(rows) <= _FEW and sum(len(row.body) for row in rows) <= _FEW_BYTES
        self.draws: list[int] = []
        self.asked = False  # a commit was asked for, and not answered
        self.given: dict[int, int] = {}  # indices by id
        self.needed = True  # whether something may be pending that nobody looks after
        self.crowded = False  # whether so much is pending that writers help

    def spans(self) -> _Spans:
        """First and last ids of the rows, of each draw."""
        ends = [min(STRIDE, len(self.rows) - i * STRIDE) - 1 for i in range(len(self.draws))]
        return self.draws, [first + end for first, end in zip(self.draws, ends, strict=True)]

    def ids(self) -> Iterator[int]:
        """Ids of the rows, in order."""
        for first, last in zip(*self.spans(), strict=True):
            yield from range(first, last + 1)


class Writer:
    """Stores rows and sequences them.

    Parameters
    ----------
    link : Link
        The connection to write through.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._lock = link.place.lock
        self._name = link.place.name
        self._worn = 0

    def commit(self, rows: Sequence[Row], keys: Sequence[PersonKey], sign: Sign | None) -> list[int | None]:
        """Store rows and new keys; see `Store.commit`."""
        batch = _Batch(rows, keys)
        try:
            self._link.run(functools.partial(self._store, batch, sign), patience=_PATIENCE)
        except LedgerError:
            if not batch.asked:
                raise
            look = f", look for the leaf {rows[0].leaf.hex()}" if rows else ""
            raise LedgerError(
                f"{self._name}: the server was lost while it stored rows; whether it has is not known{look}."
            ) from None
        # What was stored stays so, and its writer gets an answer: whoever sequences next meets the same trouble.
        with contextlib.suppress(LedgerError):
            if batch.needed or batch.crowded:
                self._serve(sign, wait=batch.crowded)
                self._link.run(functools.partial(self._look, batch))
            if self._worn > _WORN:
                self._worn = 0
                self._link.run(lambda db, _: db.execute(_VACUUM))
        return [batch.given.get(number) for number in batch.ids()]

    def sequence(self, sign: Sign | None) -> None:
        """Give indices to all that is pending, unless another process is doing so."""
        while self._link.run(functools.partial(self._round, sign, False)):
            pass

    def _serve(self, sign: Sign | None, *, wait: bool) -> None:
        for number in range(_ROUNDS):
            if not self._link.run(functools.partial(self._round, sign, wait and number == 0)):
                return

    def _round(self, sign: Sign | None, wait: bool, db: Connection, _: bool) -> bool:
        """Sequence what is pending, up to a limit; return whether there is more, and nobody else at it."""
        with pipeline(db):
            db.execute(_BEGIN)
            if wait:
                db.execute(f"SET LOCAL lock_timeout = '{_TURN}'".encode())
                locked = db.execute("SELECT pg_advisory_xact_lock(%s) IS NOT NULL", (self._lock,))
            else:
                locked = db.execute("SELECT pg_try_advisory_xact_lock(%s)", (self._lock,))
        if _only(locked)[0]:
            grown = self._sequenced(db, _NO_ROWS)
            if grown.leaves:
                with pipeline(db):
                    _extend(db, grown, sign)
                    db.execute("COMMIT")
                    after = db.execute(_AFTER, (*_NO_ROWS, self._lock), binary=True)
                return bool(_only(after)[0])
        db.execute("ROLLBACK")
        return False

    # -- storing ------------------------------------------------------------------------------------------------------

    def _store(self, batch: _Batch, sign: Sign | None, db: Connection, _: bool) -> None:
        """Store a batch once, whatever became of an earlier attempt."""
        for _draw in range(_DRAWS):
            if not batch.asked:
                batch.draws = []  # else the ids of the attempt that got no answer tell what became of it
            try:
                locked = self._insert(db, batch)
            except driver().errors.UniqueViolation as error:
                if error.diag.table_name not in ("entries", "pending"):
                    raise
                db.execute("ROLLBACK")
                asked, batch.asked = batch.asked, False
                if asked and _is_stored(db, batch):
                    return
                continue  # another writer's ids: a server that crashed may give out again what was not stored
            batch.asked = False
            self._finish(db, batch, sign, locked=locked)
            return
        raise Tampered(
            f"{self._name}: new ids are those of stored entries, as if the sequence entry_id was set back; "
            "nothing was recorded."
        )

    def _insert(self, db: Connection, batch: _Batch) -> bool:
        """Insert rows and new keys; return whether this session has become the sequencer."""
        held = None
        if not batch.few:
            _copy(db, batch)
        with pipeline(db):
            if batch.few:
                db.execute(_BEGIN)
                values = [value for row in batch.rows for value in (row.time, row.subject, row.body)]
                first = batch.draws[0] if batch.draws else None
                stored = db.execute(_store_few(len(batch.rows)), (self._lock, first, *values))
            else:
                stored = db.execute(_STORE_COPIED, (self._lock, *batch.spans()))
            if batch.keys:
                db.execute(_ADD_PEOPLE, [list(column) for column in zip(*batch.keys, strict=True)])
            if batch.used:  # from here on, nobody can destroy these keys before this transaction has ended
                held = db.execute(_HOLD_PEOPLE, (list({subject for subject, _ in batch.used}),), binary=True)
        if held is not None:
            changed = frozenset(subject for subject, _ in batch.used - set(held.fetchall()))
            if changed:
                raise Changed(changed)
        locked, *drawn = _only(stored)
        batch.draws = drawn or batch.draws
        return bool(locked)

    def _finish(self, db: Connection, batch: _Batch, sign: Sign | None, *, locked: bool) -> None:
        """Sequence the rows if this session may, and commit."""
        grown = self._sequenced(db, batch.spans()) if locked else None
        unknown = batch.spans() if grown is None or grown.first is None else _NO_ROWS
        done = None
        try:
            with pipeline(db):
                if grown is not None and grown.leaves:
                    _extend(db, grown, sign)
                batch.asked = True
                done = db.execute("COMMIT")
                after = db.execute(_AFTER, (*unknown, self._lock), binary=True)
            batch.needed, batch.crowded, ids, indices = _only(after)
            batch.given = dict(zip(ids, indices, strict=True))
        except driver().Error as error:
            if done is None or done.statusmessage != "COMMIT":
                batch.asked = batch.asked and is_lost(error)  # where the server answered, nothing was stored
                raise
        batch.asked = False
        if grown is not None and grown.first is not None:
            batch.given = dict(zip(batch.ids(), itertools.count(grown.first), strict=False))

    def _look(self, batch: _Batch, db: Connection, _: bool) -> None:
        """Look for indices that rows have got meanwhile."""
        if len(batch.given) < len(batch.rows):
            _needed, _crowded, ids, indices = _only(db.execute(_AFTER, (*batch.spans(), self._lock), binary=True))
            batch.given = dict(zip(ids, indices, strict=True))

    def _sequenced(self, db: Connection, spans: _Spans) -> _Grown:
        """Give indices to what is pending and then to rows of one's own; the tree is still to be extended."""
        found = db.execute(_SEQUENCE, spans, binary=True).fetchone()
        tree = checked_tree(self._name, found and found[:4])
        last, first, times, leaves = found[4:] if found else (None, None, [], [])
        after = 0 if last is None else last + 1
        if after != tree.size:
            raise Tampered(
                f"{self._name}: the tree has {tree.size} entries and the table ends at {after}; "
                "`aequo ledger verify` says more. Nothing was recorded."
            )
        self._worn += bool(leaves) + (len(leaves) if first is None else first - tree.size)
        return _Grown(tree, first, times, leaves)


def _extend(db: Connection, grown: _Grown, sign: Sign | None) -> None:
    new = grow(grown.tree, grown.leaves, grown.times)
    if new.blocks:
        db.execute(_ADD_BLOCKS, (BITS, *(list(column) for column in zip(*new.blocks, strict=True))))
    for level, position, digest in new.above:
        below = position << BITS
        db.execute(_ADD_NODE, (level, position, digest, level - BITS, below, below + (1 << BITS) - 1))
    size, peaks, low, high = new.tree
    note = sign(size, root_of(peaks)) if sign is not None else None
    db.execute(_MOVE_HEAD, (size, b"".join(peaks), low, high, note, grown.tree.size, grown.tree.size))


@functools.cache
def _store_few(count: int) -> bytes:
    values = [f"({i}, %s::bigint, %s::bytea, %s::bytea)" for i in range(count)]
    return _STORE_FEW.format(values=", ".join(values)).encode()


def _copy(db: Connection, batch: _Batch) -> None:
    """Begin, and copy the rows under new ids, or the ids they have."""
    db.execute(_BEGIN)
    if not batch.draws:
        batch.draws = [first for (first,) in db.execute(_DRAW, (-(-len(batch.rows) // STRIDE),)).fetchall()]
    with db.cursor() as cursor, cursor.copy("COPY entries(id, time, subject, body) FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types(["int8", "int8", "bytea", "bytea"])
        for number, row in zip(batch.ids(), batch.rows, strict=True):
            copy.write_row((number, row.time, row.subject, row.body))


def _is_stored(db: Connection, batch: _Batch) -> bool:
    """Return whether an earlier attempt has stored the batch: under its ids are its bytes."""
    query = (
        "SELECT sha256('\\x00'::bytea || body) FROM unnest(%s::bigint[], %s::bigint[]) AS s(a, b)"
        " JOIN entries ON id BETWEEN a AND b ORDER BY id"
    )
    found = db.execute(query, batch.spans(), binary=True).fetchall()
    return [digest for (digest,) in found] == [leaf_hash(row.body) for row in batch.rows]


def _only(cursor: Any) -> tuple[Any, ...]:
    row: tuple[Any, ...] = cursor.fetchone()
    return row
