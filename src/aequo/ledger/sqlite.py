"""A ledger in SQLite: two files, one for the entries and one for the keys.

Whoever holds SQLite's write lock is the sequencer: rows are stored, indexed and added to the tree in one transaction,
with one write to the disk. Data keys are in a file of their own, so that a copy of the entries does not outlive an
erasure, and destroyed keys can be vacuumed away without rewriting the entries.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

import msgspec

from aequo.errors import LedgerError, OutputError, Tampered
from aequo.ledger.entry import Row
from aequo.ledger.growth import Tree, checked_head, checked_tree, grow
from aequo.ledger.store import HELD, Changed, Head, NodeRow, PersonKey, Sign, StoredEntry
from aequo.ledger.tree import BITS, root_of

__all__ = ["SqliteStore", "keys_path"]

_ENTRIES = """
CREATE TABLE meta(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE entries(id INTEGER PRIMARY KEY, time INTEGER NOT NULL, leaf BLOB NOT NULL, body BLOB NOT NULL);
CREATE TABLE subjects(subject BLOB, id INTEGER, PRIMARY KEY(subject, id)) WITHOUT ROWID;
CREATE INDEX subjects_id ON subjects(id);
CREATE TABLE nodes(level INTEGER, position INTEGER, hash BLOB NOT NULL, low INTEGER NOT NULL, high INTEGER NOT NULL,
    PRIMARY KEY(level, position)) WITHOUT ROWID;
CREATE TABLE head(one INTEGER PRIMARY KEY CHECK(one = 1), size INTEGER NOT NULL, peaks BLOB NOT NULL,
    low INTEGER NOT NULL, high INTEGER NOT NULL, note TEXT);
CREATE TABLE checkpoints(size INTEGER PRIMARY KEY, note TEXT NOT NULL);
INSERT INTO head VALUES(1, 0, x'', 0, 0, NULL);
"""

_KEYS = """
CREATE TABLE secrets(name TEXT PRIMARY KEY, wrapped BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE people(subject BLOB PRIMARY KEY, key_id BLOB NOT NULL, wrapped BLOB NOT NULL, made INTEGER NOT NULL)
    WITHOUT ROWID;
CREATE TABLE destroyed(subject BLOB PRIMARY KEY, time INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE holds(subject BLOB PRIMARY KEY, time INTEGER NOT NULL) WITHOUT ROWID;
"""

_INSERT = """
INSERT INTO entries SELECT ?1 + key, ?2, substr(?3, 32 * key + 1, 32), substr(?4, value >> 28, value & 268435455)
    FROM json_each(?5)
"""
"""Rows of one time, cut out of a few long values: one statement takes a third of the time of one a row.

Each number says where a body begins, and in its lower 28 bits how long it is: JSON's numbers are the cheapest to read.
"""

_AT_ONCE, _MOST_AT_ONCE = 5000, 2**27

# One statement sees one state of all tables, whoever appends meanwhile.
_STRAYS = """
WITH tree AS (SELECT size, low, high FROM head)
SELECT
    (SELECT count(*) FROM entries, tree WHERE id < 1 OR id > size),
    (SELECT count(*) FROM subjects, tree WHERE id < 1 OR id > size),
    (SELECT count(*) FROM nodes, tree WHERE typeof(level) <> 'integer' OR typeof(position) <> 'integer' OR level < 8
        OR level % 8 <> 0 OR position < 0 OR position >= (size >> level)),
    (SELECT count(*) FROM tree WHERE (low, high) IS NOT (
        SELECT ifnull(min(time), 0), ifnull(max(time), 0) FROM entries WHERE id > size - size % 256 AND id <= size))
"""
_STRAY = (
    "{} rows of the table entries are not in the tree",
    "{} rows of the table subjects are not in the tree",
    "{} rows of the table nodes are of no part of the tree",
    "the period beside the head of the tree is not that of its last entries",
)

_KEEP = "INSERT INTO checkpoints VALUES(?, ?) ON CONFLICT DO NOTHING"

# Also what SQLite says of a table or column that is gone, and of a second row where one may be.
_DAMAGE = (
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_CONSTRAINT,
    sqlite3.SQLITE_MISMATCH,
    sqlite3.SQLITE_ERROR,
)

_WAIT = 60.0
"""Seconds to wait for another process's transaction."""

_inherited: list[object] = []  # connections of a parent process: closing them in a child would harm the parent's files


def keys_path(path: Path) -> Path:
    """Return where the keys of a ledger file are.

    Examples
    --------
    >>> keys_path(Path("decisions.db")).name
    'decisions.keys.db'
    """
    return path.with_name(f"{path.stem}.keys{path.suffix or '.db'}")


class SqliteStore:
    """A `Store` in two SQLite files.

    Parameters
    ----------
    path : Path
        File of the entries; the keys are beside it, see `keys_path`.

    Raises
    ------
    LedgerError
        If there is no ledger at `path`.
    Tampered
        If the file is not a whole SQLite database.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        for file in (path, keys_path(path)):
            if not file.is_file():
                raise LedgerError(f"there is no ledger file {file.name!r}. `aequo ledger init` makes one.")
        self._closed = False
        self._open()
        try:
            found = self._read("SELECT name FROM sqlite_master WHERE name IN ('entries', 'head', 'meta', 'nodes')")
        except BaseException:
            self.close()
            raise
        if len(found) != 4:
            self.close()
            raise Tampered(f"{path.name} is no ledger: its tables are missing.")

    @staticmethod
    def create(path: Path, meta: Mapping[str, str], secrets: Mapping[str, bytes], *, note: str | None = None) -> None:
        """Make the two files, each whole or not at all, with the signed note of the empty tree.

        Raises
        ------
        OutputError
            If there is a file already, or one cannot be written.
        """
        for file in (path, keys_path(path)):
            if os.path.lexists(file):
                raise OutputError(f"{file.name} is there already; a ledger is never overwritten.")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # The keys first: a ledger whose entries file is there has its keys.
            _make(keys_path(path), _KEYS, [("INSERT INTO secrets VALUES(?, ?)", list(secrets.items()))])
            signed = [] if note is None else [(0, note)]
            _make(path, _ENTRIES, [("INSERT INTO meta VALUES(?, ?)", list(meta.items())), (_KEEP, signed)])
        except (OSError, sqlite3.Error) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise OutputError(f"the ledger {path.name} cannot be made: {reason}.") from None

    def _open(self) -> None:
        self._pid = os.getpid()
        self._writing, self._reading, self._keying = threading.Lock(), threading.Lock(), threading.RLock()
        with contextlib.ExitStack() as opened:
            files = (self.path, self.path, keys_path(self.path))
            self._writer, self._reader, self._keys = (
                opened.enter_context(contextlib.closing(_connect(file))) for file in files
            )
            opened.pop_all()  # all are open, and stay so

    def _check(self) -> None:
        if self._closed:
            raise LedgerError("this ledger was closed; open it again.")
        if os.getpid() != self._pid:  # a fork: the parent goes on with its connections, this process takes its own
            _inherited.extend((self._writer, self._reader, self._keys))
            self._open()

    def close(self) -> None:
        """Close the files. Further use is an error."""
        if not self._closed and os.getpid() == self._pid:
            for connection in (self._writer, self._reader, self._keys):
                with contextlib.suppress(sqlite3.Error):  # what was acknowledged is on the disk already
                    connection.close()
        self._closed = True

    def _read(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        self._check()
        with self._reading, _translated(self.path):
            return self._reader.execute(query, values).fetchall()

    @contextlib.contextmanager
    def _change(self, connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
        """Run one transaction: all of it is on the disk afterwards, or nothing."""
        with _translated(keys_path(self.path) if connection is self._keys else self.path):
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    with contextlib.suppress(sqlite3.Error):  # a full disk may have rolled it back already
                        connection.execute("ROLLBACK")
                raise

    # -- entries ------------------------------------------------------------------------------------------------------

    def meta(self) -> Mapping[str, str]:
        """Return what is written once."""
        return dict(self._read("SELECT name, value FROM meta"))

    def head(self) -> Head:
        """Return the tree as it stands."""
        found = self._read("SELECT size, CAST(peaks AS BLOB), note FROM head")
        return checked_head(self.path.name, found[0] if found else None)

    def commit(self, rows: Sequence[Row], keys: Sequence[PersonKey], sign: Sign | None) -> list[int | None]:
        """Store rows, and the new keys they are sealed with; return their indices."""
        self._check()
        with self._writing:
            if keys:
                self._add_people(keys)
            with self._change(self._writer) as db:
                self._check_people(rows)
                found = db.execute("SELECT size, CAST(peaks AS BLOB), low, high FROM head").fetchone()
                tree = checked_tree(self.path.name, found)
                last = db.execute("SELECT max(id) FROM entries").fetchone()[0] or 0
                if last != tree.size:
                    raise Tampered(
                        f"{self.path.name}: the tree has {tree.size} entries and the table ends at {last}; "
                        "`aequo ledger verify` says more. Nothing was recorded."
                    )
                first = tree.size + 1
                for start in range(0, len(rows), _AT_ONCE):
                    _insert(db, first + start, rows[start : start + _AT_ONCE])
                people = [(row.subject, first + i) for i, row in enumerate(rows) if row.subject is not None]
                if people:
                    db.executemany("INSERT INTO subjects VALUES(?, ?)", people)
                self._extend(db, tree, rows, sign)
        return list(range(tree.size, tree.size + len(rows)))

    def _extend(self, db: sqlite3.Connection, tree: Tree, rows: Sequence[Row], sign: Sign | None) -> None:
        grown = grow(tree, [row.leaf for row in rows], [row.time for row in rows])
        insert = "INSERT INTO nodes VALUES(?, ?, ?, ?, ?)"
        if grown.blocks:
            db.executemany(insert, [(BITS, *block) for block in grown.blocks])
        for level, position, digest in grown.above:
            db.execute(insert, (level, position, digest, *self._span(db, level, position)))
        size, peaks, low, high = grown.tree
        note = sign(size, root_of(peaks)) if sign is not None else None
        db.execute(
            "UPDATE head SET size = ?, peaks = ?, low = ?, high = ?, note = coalesce(?, note)",
            (size, b"".join(peaks), low, high, note),
        )

    @staticmethod
    def _span(db: sqlite3.Connection, level: int, position: int) -> tuple[int, int]:
        first = position << BITS
        query = "SELECT min(low), max(high) FROM nodes WHERE level = ? AND position BETWEEN ? AND ?"
        low, high = db.execute(query, (level - BITS, first, first + (1 << BITS) - 1)).fetchone()
        return low, high

    def sequence(self, sign: Sign | None) -> int:  # noqa: ARG002 - rows have their index from the moment they are stored
        """Return the size of the tree: here every row is in it."""
        return self.head().size

    def rows(self, start: int, stop: int) -> list[StoredEntry]:
        """Return stored entries by index, in order."""
        query = (
            f"SELECT id - 1, {_number('time')}, {_bytes('leaf')}, {_bytes('body')} FROM entries "  # noqa: S608 - our names
            "WHERE id > ? AND id <= ? ORDER BY id"
        )
        return [StoredEntry._make(row) for row in self._read(query, (start, stop))]

    def hashes(self, level: int, start: int, stop: int) -> list[bytes]:
        """Return stored hashes of the leaves or of complete subtrees."""
        if level == 0:
            query = f"SELECT {_bytes('leaf')} FROM entries WHERE id > ? AND id <= ? ORDER BY id"  # noqa: S608 - our name
            return [h for (h,) in self._read(query, (start, stop))]
        return [node.hash for node in self.nodes(level, start, stop)]

    def nodes(self, level: int, start: int, stop: int) -> list[NodeRow]:
        """Return complete subtrees of one level by position, in order."""
        query = (
            f"SELECT position, {_bytes('hash')}, {_number('low')}, {_number('high')} FROM nodes "  # noqa: S608 - our names
            "WHERE level = ? AND position >= ? AND position < ? ORDER BY position"
        )
        return [NodeRow._make(row) for row in self._read(query, (level, start, stop))]

    def of_subject(self, subject: bytes, start: int, limit: int) -> list[int]:
        """Return indices of entries on a person, from `start`, in order."""
        query = "SELECT id - 1 FROM subjects WHERE subject = ? AND id > ? ORDER BY id LIMIT ?"
        return [index for (index,) in self._read(query, (subject, start, limit))]

    def subject_rows(self, start: int, stop: int) -> list[tuple[int, bytes]]:
        """Return (index, person) of the entries that are on a person, in order."""
        query = f"SELECT id - 1, {_bytes('subject')} FROM subjects WHERE id > ? AND id <= ? ORDER BY id"  # noqa: S608 - our name
        return self._read(query, (start, stop))

    def strays(self) -> list[str]:
        """Return a sentence for each thing in the tables that no writer put there."""
        counts = self._read(_STRAYS)[0]
        return [sentence.format(count) for sentence, count in zip(_STRAY, counts, strict=True) if count]

    def checkpoints(self) -> list[tuple[int, str]]:
        """Return the checkpoints that were kept."""
        return self._read("SELECT size, note FROM checkpoints ORDER BY size")

    def keep_checkpoint(self, size: int, note: str) -> None:
        """Keep a checkpoint."""
        self._check()
        with self._writing, self._change(self._writer) as db:
            db.execute(_KEEP, (size, note))

    # -- keys ---------------------------------------------------------------------------------------------------------

    def _read_keys(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        self._check()
        with self._keying, _translated(keys_path(self.path)):
            return self._keys.execute(query, values).fetchall()

    def secret(self, name: str) -> bytes | None:
        """Return a secret of the ledger, wrapped."""
        found = self._read_keys(f"SELECT {_bytes('wrapped')} FROM secrets WHERE name = ?", (name,))  # noqa: S608 - our name
        return found[0][0] if found else None

    def person(self, subject: bytes) -> PersonKey | None:
        """Return a person's data key."""
        found = self._read_keys(f"SELECT {_PERSON} FROM people WHERE subject = ?", (subject,))  # noqa: S608 - our names
        return PersonKey._make(found[0]) if found else None

    def people(self, after: bytes, limit: int) -> list[PersonKey]:
        """Return data keys in the order of their subject."""
        query = f"SELECT {_PERSON} FROM people WHERE subject > ? ORDER BY subject LIMIT ?"  # noqa: S608 - our names
        return [PersonKey._make(row) for row in self._read_keys(query, (after, limit))]

    def _add_people(self, keys: Sequence[PersonKey]) -> None:
        """Make new keys durable before anything is sealed with them."""
        with self._keying, self._change(self._keys) as db:
            db.executemany("INSERT INTO people VALUES(?, ?, ?, ?) ON CONFLICT DO NOTHING", keys)
            changed = self._differing((key.subject, key.key_id) for key in keys)
            if changed:
                raise Changed(changed)

    def _check_people(self, rows: Sequence[Row]) -> None:
        """Refuse rows sealed with a key that is gone. Nobody destroys one now: that needs the write lock too."""
        used = {(row.subject, row.key_id) for row in rows if row.subject is not None and row.key_id is not None}
        if used:
            with self._keying, _translated(keys_path(self.path)):
                changed = self._differing(used)
            if changed:
                raise Changed(changed)

    def _differing(self, used: Iterable[tuple[bytes, bytes]]) -> frozenset[bytes]:
        find = self._keys.execute
        query = "SELECT key_id FROM people WHERE subject = ?"
        return frozenset(s for s, key_id in used if find(query, (s,)).fetchone() != (key_id,))

    def rewrap(self, secrets: Mapping[str, bytes], people: Sequence[PersonKey]) -> None:
        """Replace wrapped keys by the same keys wrapped otherwise."""
        self._check()
        with self._keying, self._change(self._keys) as db:
            db.executemany("UPDATE secrets SET wrapped = ? WHERE name = ?", [(w, n) for n, w in secrets.items()])
            db.executemany(
                "UPDATE people SET wrapped = ? WHERE subject = ? AND key_id = ?",
                [(key.wrapped, key.subject, key.key_id) for key in people],
            )

    def destroy(self, subjects: Sequence[bytes], time: int) -> int:
        """Destroy data keys and remember that they were."""
        self._check()
        count = 0
        # The write lock of the entries keeps writers from sealing with a key between its check and its end.
        with self._writing, self._change(self._writer), self._keying, self._change(self._keys) as db:
            for subject in subjects:
                if db.execute("SELECT 1 FROM holds WHERE subject = ?", (subject,)).fetchone() is not None:
                    raise LedgerError(HELD)
                gone = db.execute("DELETE FROM people WHERE subject = ?", (subject,)).rowcount
                if gone:
                    db.execute("INSERT OR REPLACE INTO destroyed VALUES(?, ?)", (subject, time))
                count += gone
        return count

    def destroyed(self, subject: bytes) -> int | None:
        """Return when a person's key was last destroyed."""
        found = self._read_keys("SELECT time FROM destroyed WHERE subject = ?", (subject,))
        return found[0][0] if found else None

    def scrub(self) -> list[str]:
        """Rewrite the file of the keys and empty its log, so that destroyed keys are in neither."""
        self._check()
        name = keys_path(self.path).name
        try:
            with self._keying, _translated(keys_path(self.path)):
                self._keys.execute("VACUUM")
                busy = self._keys.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        except LedgerError as error:
            if isinstance(error, Tampered):
                raise
            return [f"free pages of {name}, which could not be rewritten; repeat the erasure"]
        return [f"the write-ahead log of {name}: another process is reading it; repeat the erasure"] if busy else []

    def hold(self, subject: bytes, time: int | None) -> None:
        """Put a legal hold on a person's data, or lift it."""
        self._check()
        with self._keying, self._change(self._keys) as db:
            if time is None:
                db.execute("DELETE FROM holds WHERE subject = ?", (subject,))
            else:
                db.execute("INSERT INTO holds VALUES(?, ?) ON CONFLICT DO NOTHING", (subject, time))

    def holds(self) -> dict[bytes, int]:
        """Return persons under a legal hold, and since when."""
        return dict(self._read_keys("SELECT subject, time FROM holds"))


def _bytes(name: str) -> str:
    """Return SQL for a column of bytes; where a row has another type, which nothing of ours writes, no bytes."""
    return f"CASE typeof({name}) WHEN 'blob' THEN {name} ELSE x'' END"


def _number(name: str) -> str:
    """Return SQL for a column of whole numbers; where a row has another type, one that is no time."""
    return f"CASE typeof({name}) WHEN 'integer' THEN {name} ELSE {-(2**63) + 1} END"


_PERSON = f"{_bytes('subject')}, {_bytes('key_id')}, {_bytes('wrapped')}, {_number('made')}"


def _insert(db: sqlite3.Connection, first: int, rows: Sequence[Row]) -> None:
    """Insert rows with ascending ids."""
    runs = [list(run) for _, run in groupby(rows, attrgetter("time"))]
    few = len(rows) < 8 * len(runs)
    for run in [rows] if few else runs:
        bodies = [row.body for row in run]
        lengths = list(map(len, bodies))
        if few or sum(lengths) > _MOST_AT_ONCE:
            values = [(first + i, row.time, row.leaf, row.body) for i, row in enumerate(run)]
            db.executemany("INSERT INTO entries VALUES(?, ?, ?, ?)", values)
        else:
            places = [start << 28 | size for start, size in zip(accumulate(lengths, initial=1), lengths, strict=False)]
            # As bytes: in text SQLite would have to count characters from the beginning.
            leaves = b"".join([row.leaf for row in run])
            text = msgspec.json.encode(places).decode()
            db.execute(_INSERT, (first, run[0].time, leaves, b"".join(bodies), text))
        first += len(run)


def _connect(path: Path) -> sqlite3.Connection:
    with _translated(path):
        db = sqlite3.connect(path, timeout=_WAIT, isolation_level=None, check_same_thread=False)
        try:
            _prepare(db)
        except BaseException:
            db.close()
            raise
    return db


def _prepare(db: sqlite3.Connection) -> None:
    db.text_factory = _text
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA secure_delete = ON")
    db.execute("PRAGMA temp_store = MEMORY")
    db.execute("PRAGMA wal_autocheckpoint = 4000")  # pages: 16 MB, so that a page is moved once and not at every turn


def _text(raw: bytes) -> str:
    """Read text, whatever somebody put there: what is not as it was recorded is for `verify` to find."""
    return raw.decode(errors="replace")


def _make(path: Path, script: str, inserts: Sequence[tuple[str, Sequence[tuple[Any, Any]]]]) -> None:
    temporary = path.with_name(f".{path.name}.{os.urandom(4).hex()}.tmp")
    try:
        os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        db = sqlite3.connect(temporary, isolation_level=None)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.executescript(script)
            for insert, rows in inserts:
                db.executemany(insert, rows)
        finally:
            db.close()  # the last connection moves the log into the file
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        _place(temporary, path)
    finally:
        for leftover in (temporary, *(temporary.with_name(f"{temporary.name}{end}") for end in ("-wal", "-shm"))):
            leftover.unlink(missing_ok=True)


def _place(temporary: Path, path: Path) -> None:
    """Give a file its name; a link, unlike a rename, never replaces a ledger that another process has just made."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        temporary.rename(path)


@contextlib.contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Say in one sentence what SQLite could not do; its own words may hold a path or a value."""
    try:
        yield
    except UnicodeDecodeError:  # from SQLite's message, which quotes a damaged schema
        raise Tampered(f"{path.name} is damaged: SQLite cannot read it as a ledger.") from None
    except sqlite3.Error as error:
        code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
        name = path.name
        if code in _DAMAGE:
            raise Tampered(f"{name} is damaged: SQLite cannot read it as a ledger.") from None
        reason = {
            sqlite3.SQLITE_FULL: "the disk is full",
            sqlite3.SQLITE_BUSY: f"another process has held it for {_WAIT:.0f} s",
            sqlite3.SQLITE_READONLY: "it may only be read",
            sqlite3.SQLITE_CANTOPEN: "it cannot be opened",
            sqlite3.SQLITE_IOERR: "the disk failed, or is full",
            sqlite3.SQLITE_PERM: "permission was denied",
        }.get(code, f"SQLite refused ({getattr(error, 'sqlite_errorname', None) or type(error).__name__})")
        raise LedgerError(f"{name}: {reason}; nothing was recorded.") from None
