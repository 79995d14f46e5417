"""A store that is a database: statements of the user's find and delete what it holds on a person."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

from aequo.core.statements import check_statement, pyformat
from aequo.errors import InputError, need
from aequo.privacy.erasure.stores import NotReached

if TYPE_CHECKING:
    import psycopg

__all__ = ["SqlStore"]

_PAGE = 1000
_UNFINISHED = ("SQLITE_READONLY_ROLLBACK", "SQLITE_READONLY_RECOVERY", "SQLITE_READONLY_CANTLOCK")


class SqlStore:
    """A database as a store. Erasing is one transaction: all of a person's rows go, or none.

    Parameters
    ----------
    name : str
        Its name in receipts.
    url : str
        ``sqlite:///relative.db``, ``sqlite:////absolute.db`` or ``postgresql://user@host/database``.
    find : str
        One statement that returns all rows on a person, such as ``SELECT * FROM orders WHERE person = :subject``. What
        it returns is counted before, exported on request, and must be empty after the deletion.
    delete : sequence of str
        Statements that delete or overwrite them, in order.
    after : sequence of str
        Stores that have to be erased before.
    keep : str
        Why this one must not be erased; empty if it may.
    timeout : float
        Seconds to wait for a lock, a connection or a statement.

    Raises
    ------
    InputError
        If the url names no database, or a statement is not about one person.

    Notes
    -----
    The person is always bound as a value. SQLite overwrites what is deleted (`secure_delete`_), and its log is emptied
    if nobody is reading it; PostgreSQL drops deleted rows at its next vacuum.

    .. _secure_delete: https://www.sqlite.org/pragma.html#pragma_secure_delete

    Examples
    --------
    >>> import sqlite3, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> db = sqlite3.connect(f"{folder.name}/shop.db")
    >>> _ = db.execute("CREATE TABLE orders(person, item)")
    >>> _ = db.execute("INSERT INTO orders VALUES ('p-1', 'book'), ('p-2', 'pen')")
    >>> db.commit()
    >>> db.close()
    >>> shop = SqlStore(
    ...     name="shop",
    ...     url=f"sqlite:///{folder.name}/shop.db",
    ...     find="SELECT * FROM orders WHERE person = :subject",
    ...     delete=["DELETE FROM orders WHERE person = :subject"],
    ... )
    >>> list(shop.find("p-1")), shop.erase("p-1"), shop.erase("p-1")
    ([{'person': 'p-1', 'item': 'book'}], 1, 0)
    >>> shop.close()
    >>> folder.cleanup()
    """

    def __init__(
        self,
        *,
        name: str,
        url: str,
        find: str,
        delete: Sequence[str] = (),
        after: Sequence[str] = (),
        keep: str = "",
        timeout: float = 60.0,
    ) -> None:
        self.name, self.after, self.keep = name, tuple(after), keep
        self._find, self._delete = find, tuple(delete)
        for use, statements in (("find", (find,)), ("delete", self._delete)):
            for statement in statements:
                wrong = check_statement(statement, use)
                if wrong is not None:
                    raise InputError(f"a statement of the store {name!r} to {use} {wrong}.")
        if not self._delete and not keep:
            raise InputError(f"the store {name!r} has nothing to delete with, expected statements, or why it is kept.")
        self._timeout = timeout
        self._base = _base(name, url, timeout)

    def __repr__(self) -> str:
        return f"SqlStore({self.name})"

    def find(self, subject: str) -> Iterator[dict[str, Any]]:
        """Return the rows on a person; nothing can be changed meanwhile, whatever the statement says.

        Raises
        ------
        NotReached
            If the database cannot be asked.
        """
        yield from self._base.find(self._find, subject)

    def erase(self, subject: str) -> int:
        """Delete the rows on a person; return how many `find` returned before.

        Raises
        ------
        NotReached
            If the database refused, or `find` still returns rows afterwards; nothing was deleted then.
        """
        return self._base.erase(self._find, self._delete, subject)

    def close(self) -> None:
        """Close the connection, if one is open."""
        self._base.close()


def _base(name: str, url: str, timeout: float) -> _Sqlite | _Postgres:
    if url.startswith("sqlite:///") and len(url) > len("sqlite:///"):
        return _Sqlite(Path(unquote(url.removeprefix("sqlite:///"))).expanduser(), timeout)
    if url.startswith(("postgresql://", "postgres://")) and urlsplit(url).path:
        return _Postgres(url, timeout)
    raise InputError(
        f"the url of the store {name!r} names no database, expected sqlite:///path.db or "
        "postgresql://user@host/database."
    )


def _left(rows: int) -> NotReached:
    return NotReached(
        f"{rows} of its rows would still be found after its statements to delete, so that none was deleted; "
        "they do not cover what its statement to find returns"
    )


class _Sqlite:
    """One connection for reading and one for deleting, opened when they are first needed."""

    def __init__(self, path: Path, timeout: float) -> None:
        self._path, self._timeout = path, timeout
        self._open: dict[str, sqlite3.Connection] = {}

    def _connection(self, mode: str) -> sqlite3.Connection:
        if mode not in self._open:
            # Never made anew: a path that is wrong must not look like a database without the person.
            address = f"file:{quote(str(self._path.absolute()))}?mode={mode}"
            db = sqlite3.connect(
                address, uri=True, timeout=self._timeout, isolation_level=None, check_same_thread=False
            )
            self._open[mode] = db
            if mode == "ro":
                db.execute("PRAGMA query_only = ON")
            else:
                db.execute("PRAGMA secure_delete = ON")
                db.execute("PRAGMA foreign_keys = ON")  # what belongs to a deleted row goes with it, or stops it
        return self._open[mode]

    def find(self, statement: str, subject: str) -> Iterator[dict[str, Any]]:
        with self._told():
            cursor = self._cursor(statement, subject)
            names = [column[0] for column in cursor.description]
        while True:
            with self._told():
                rows = cursor.fetchmany(_PAGE)
            if not rows:
                return
            for row in rows:
                yield dict(zip(names, row, strict=True))

    def _cursor(self, statement: str, subject: str) -> sqlite3.Cursor:
        try:
            return self._connection("ro").execute(statement, {"subject": subject})
        except sqlite3.OperationalError as error:
            if getattr(error, "sqlite_errorname", "") not in _UNFINISHED:
                raise
        # A program was killed while it wrote, and what it left half-done has to be undone before anybody can read.
        self._connection("rw").execute("SELECT count(*) FROM sqlite_schema").fetchone()
        return self._connection("ro").execute(statement, {"subject": subject})

    def erase(self, find: str, delete: Sequence[str], subject: str) -> int:
        bound = {"subject": subject}
        with self._told():
            db = self._connection("rw")
            db.execute("BEGIN IMMEDIATE")
            try:
                before = sum(1 for _ in db.execute(find, bound))
                for statement in delete:
                    db.execute(statement, bound)
                after = sum(1 for _ in db.execute(find, bound))
                if after:
                    raise _left(after)
                db.execute("COMMIT")
            finally:
                if db.in_transaction:
                    db.execute("ROLLBACK")
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return before

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Say by SQLite's own name of the error what went wrong: its words may hold a value."""
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorname", None) or type(error).__name__
            reasons = {
                "SQLITE_BUSY": f"another process has held it for {self._timeout:g} s",
                "SQLITE_CANTOPEN": "there is no such file, or it cannot be opened",
                "SQLITE_ERROR": "a table or column that its statements name is not there, or they are no SQL",
                "SQLITE_FULL": "the disk is full",
                "SQLITE_NOTADB": "it is no SQLite database",
                "SQLITE_READONLY": "it may only be read",
            }
            raise NotReached(reasons.get(code, f"SQLite refused ({code})")) from None

    def close(self) -> None:
        for db in self._open.values():
            with contextlib.suppress(sqlite3.Error):  # everything was committed or rolled back
                db.close()
        self._open.clear()


class _Postgres:
    """One connection, opened when it is first needed, and again after the server was restarted."""

    def __init__(self, url: str, timeout: float) -> None:
        self._url, self._timeout = url, timeout
        self._db: psycopg.Connection[dict[str, Any]] | None = None

    def _connection(self) -> psycopg.Connection[dict[str, Any]]:
        db = self._db
        if db is None or db.closed:
            driver = need("psycopg", "postgres")
            rows = need("psycopg.rows", "postgres")
            wait = max(1, int(self._timeout))
            db = self._db = driver.connect(
                self._url,
                autocommit=True,
                connect_timeout=max(2, wait),
                options=f"-c statement_timeout={wait * 1000} -c lock_timeout={wait * 1000}",
                row_factory=rows.dict_row,
            )
        return db

    def find(self, statement: str, subject: str) -> Iterator[dict[str, Any]]:
        with self._told():
            db = self._connection()
            with db.transaction():
                db.execute("SET TRANSACTION READ ONLY")
                rows = db.execute(pyformat(statement), {"subject": subject}).fetchall()
        yield from rows

    def erase(self, find: str, delete: Sequence[str], subject: str) -> int:
        bound = {"subject": subject}
        with self._told():
            db = self._connection()
            with db.transaction():
                before = len(db.execute(pyformat(find), bound).fetchall())
                for statement in delete:
                    db.execute(pyformat(statement), bound)
                after = len(db.execute(pyformat(find), bound).fetchall())
                if after:
                    raise _left(after)
        return before

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Say by PostgreSQL's code what went wrong: its words may hold a value."""
        driver = need("psycopg", "postgres")
        try:
            yield
        except driver.Error as error:
            code = getattr(error, "sqlstate", None)
            if code is None:
                self.close()
                raise NotReached("its server cannot be reached, or has ended the connection") from None
            reasons = {"57014": f"it took longer than {self._timeout:g} s", "55P03": "another session has locked it"}
            raise NotReached(reasons.get(code, f"PostgreSQL refused ({type(error).__name__}, {code})")) from None

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None
