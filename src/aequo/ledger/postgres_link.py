"""A connection to PostgreSQL for one thread at a time: where it goes, how it comes back, and what its errors mean."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote

from aequo.errors import InputError, LedgerError, Tampered, need

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[tuple[Any, ...]]

__all__ = ["Link", "Place", "driver", "is_lost", "pipeline", "read_place", "repeatable", "translated"]

_SCHEMA = re.compile(r"(?!pg_)[a-z_][a-z0-9_]{0,62}")
_PAUSE = 0.1
_REPEATS = 5

_LOST = ("08", "57P")
"""States of a session that is over: the connection failed, or the server was told to end it."""
_LOST_EXACTLY = ("25P03", "0A000")
"""Idle for too long within a transaction (as a process that was stopped); a prepared query whose table was altered."""
_REPEATABLE = ("40001", "40P01")
"""Serialisation failure, deadlock: nothing has happened."""

_DAMAGED = ("22", "23", "42703", "42804", "42846", "42883", "42P01")
"""Values, constraints, columns, types and tables that are not as a ledger has them."""
_REASONS = {
    "25006": "it may only be read: the server is a replica, or set so",
    "28000": "the server refused this user",
    "28P01": "the server refused the password",
    "3D000": "there is no such database",
    "42501": "this user lacks the right to do that",
    "53100": "the server's disk is full",
    "53200": "the server is out of memory",
    "53300": "the server has no connection left",
    "54000": "it is larger than the server takes",
    "55P03": "another process holds it",
    "57014": "the server ended it as lasting too long",
    "57P03": "the server is starting or ending",
    "58030": "the server's disk failed",
    "XX001": "the server found its files damaged",
    "XX002": "the server found an index damaged",
}
# A connection that fails has no state, only the server's or the library's words, which may hold names.
_WORDS = (
    (re.compile("password authentication failed|no password supplied"), "28P01"),
    (re.compile('pg_hba.conf|role ".*" does not exist'), "28000"),
    (re.compile('database ".*" does not exist'), "3D000"),
    (re.compile("permission denied for database"), "42501"),
    (re.compile("too many|remaining connection slots"), "53300"),
    (re.compile("starting up|shutting down|not yet accepting"), "57P03"),
)

_SETTINGS = {
    "jit": "off",  # compiling takes longer than any query here
    "idle_in_transaction_session_timeout": "60s",  # a process that was stopped must not stay the sequencer
}
_BY_INDEX = {
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "plan_cache_mode": "force_generic_plan",
    "work_mem": "64MB",
}

_NOTHING: Mapping[type, Any] = {int: -(2**63) + 1, bytes: b"", str: ""}

_T = TypeVar("_T")
_links: weakref.WeakSet[Link] = weakref.WeakSet()
_inherited: list[object] = []  # connections of a parent process: closing one in a child would end the parent's session

# Without a handler of anybody's, Python prints what psycopg logs of a lost connection, which is raised as well.
logging.getLogger("psycopg").addHandler(logging.NullHandler())


def driver() -> Any:
    """Return psycopg, or say how to install it."""
    return need("psycopg", "postgres")


# -- where ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, repr=False)
class Place:
    """Where a ledger is.

    Attributes
    ----------
    options : mapping
        For psycopg; holds the password.
    schema : str
        Schema of the ledger's tables.
    name : str
        For messages.
    """

    options: Mapping[str, Any]
    schema: str
    name: str

    @property
    def lock(self) -> int:
        """Key of the advisory lock that makes a session the sequencer; 64 bits, other for another schema."""
        return int.from_bytes(sha256(b"aequo/1/sequencer/" + self.schema.encode()).digest()[:8], "big", signed=True)


def read_place(url: str) -> Place:
    """Read a url of libpq's form, with ``schema=name`` in its query for a ledger of another name than `aequo`.

    Raises
    ------
    InputError
        If it is none; the message holds nothing of it.

    Examples
    --------
    >>> read_place("postgresql://user:secret@host/logs?schema=loans&sslmode=require").name
    "the ledger 'loans' in database 'logs'"
    """
    bare, _, query = url.partition("?")
    parts = [part for part in query.split("&") if part]
    named = [unquote(part.removeprefix("schema=")) for part in parts if part.startswith("schema=")]
    schema = named[-1] if named else "aequo"
    if not _SCHEMA.fullmatch(schema):
        raise InputError(
            "the ledger's url names a schema that is none, expected small letters, digits and underscores."
        )
    rest = "&".join(part for part in parts if not part.startswith("schema="))
    try:
        options = driver().conninfo.conninfo_to_dict(f"{bare}?{rest}" if rest else bare)
    except driver().Error:
        raise InputError(
            "the ledger's url cannot be read, expected postgresql://user@host/database, with special characters of a "
            "password written as %xx."
        ) from None
    if "PGCONNECT_TIMEOUT" not in os.environ:
        options.setdefault("connect_timeout", 10)
    options |= {"fallback_application_name": "aequo", "client_encoding": "utf8"}
    database = options.get("dbname")
    return Place(options, schema, f"the ledger {schema!r}" + (f" in database {database!r}" if database else ""))


# -- what went wrong --------------------------------------------------------------------------------------------------


def _state(error: Exception) -> str:
    state = getattr(error, "sqlstate", None)
    if state is None:
        words = str(error)
        state = next((code for part, code in _WORDS if part.search(words)), "")
    return str(state)


def is_lost(error: Exception) -> bool:
    """Return whether the connection is of no further use."""
    state = _state(error)
    if not state:
        return isinstance(error, driver().OperationalError)
    return state.startswith(_LOST) or state in _LOST_EXACTLY


def repeatable(error: Exception) -> bool:
    """Return whether the server undid a transaction for the sake of another one."""
    return _state(error) in _REPEATABLE


def translated(name: str, error: Exception) -> LedgerError:
    """Say in one sentence what PostgreSQL could not do; its own words may hold names and values.

    Parameters
    ----------
    name : str
        Of the ledger.
    error : psycopg.Error
        What it raised.
    """
    state = _state(error)
    reason = _REASONS.get(state)
    if reason is None and state.startswith(_DAMAGED):
        return Tampered(f"{name} is damaged: its tables are not as they were made, or hold what no ledger does.")
    if reason is None and isinstance(error, driver().OperationalError) and (not state or state.startswith(_LOST)):
        reason = "the server cannot be reached"
    if reason is None:
        reason = f"the server refused ({state or type(error).__name__})"
    return LedgerError(f"{name}: {reason}; nothing was recorded.")


# -- the connection ---------------------------------------------------------------------------------------------------


class Link:
    """One connection, made when it is first needed and made anew when it is lost or the process has forked.

    Parameters
    ----------
    place : Place
        Where to.
    few : bool
        Whether its queries want few rows of large tables, always by an index. A table that is filled and emptied all
        the time has statistics that say nothing, and plans made from them read all of it.
    """

    def __init__(self, place: Place, *, few: bool = False) -> None:
        self.place = place
        self._settings = {**_SETTINGS, **(_BY_INDEX if few else {})}
        self._closed = False
        self._lock = threading.RLock()
        self._connection: Connection | None = None
        _links.add(self)

    @contextlib.contextmanager
    def connection(self) -> Iterator[Connection]:
        """Hold the connection; whatever goes wrong meanwhile, no transaction stays open behind it."""
        with self._lock:
            if self._closed:
                raise LedgerError("this ledger was closed; open it again.")
            if self._connection is None:
                self._connection = _connect(self.place, self._settings)
            connection = self._connection
            try:
                yield connection
            except BaseException as error:
                if not _tidied(connection, error):
                    self._connection = None
                raise

    def run(self, work: Callable[[Connection, bool], _T], *, patience: float = 0.0) -> _T:
        """Do a piece of work that may be repeated, and repeat it if the connection turns out to be lost.

        Parameters
        ----------
        work : callable
            Gets the connection, and whether this is a repetition.
        patience : float
            Seconds to wait for a server that was lost meanwhile; one that is out of reach from the start is not
            waited for.

        Raises
        ------
        LedgerError
            What PostgreSQL raised, translated.
        """
        error_of = driver().Error
        deadline: float | None = None
        repeats = 0
        while True:
            connected = False
            try:
                with self.connection() as connection:
                    connected = True
                    return work(connection, repeats > 0)
            except error_of as error:
                lost, now = is_lost(error), time.monotonic()
                if lost:
                    again = connected if deadline is None else now < deadline
                else:
                    again = repeatable(error) and repeats < _REPEATS
                if not again:
                    raise translated(self.place.name, error) from None
                if deadline is not None:
                    time.sleep(_PAUSE)
                elif lost:
                    deadline = now + patience
            repeats += 1

    def read(self, query: str, values: Sequence[Any] = (), types: Sequence[type] = ()) -> list[Any]:
        """Return the rows of a query.

        Parameters
        ----------
        query : str
            Has %s for each value.
        values : sequence
            What goes there.
        types : sequence of type
            Of the columns, int, bytes or str. Where a damaged table has something else, nothing of that type is
            returned: no bytes, no text, or a number that is no time.
        """
        rows: list[Any] = self.run(lambda connection, _: connection.execute(query, values, binary=True).fetchall())
        if all({*map(type, column)} == {kind} for column, kind in zip(zip(*rows, strict=True), types, strict=False)):
            return rows
        return [tuple(v if type(v) is kind else _NOTHING[kind] for v, kind in zip(r, types, strict=True)) for r in rows]

    def close(self) -> None:
        """End the session. Further use is an error."""
        with self._lock:
            self._closed = True
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()

    def after_fork(self) -> None:
        """Leave the connection to the parent: this process takes its own."""
        self._lock = threading.RLock()
        if self._connection is not None:
            _inherited.append(self._connection)
            self._connection = None


def _leave_to_parent() -> None:
    for link in list(_links):
        link.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_parent)


def _connect(place: Place, settings: Mapping[str, str]) -> Connection:
    connection: Connection = driver().connect(**place.options, autocommit=True)
    try:
        # Ours before anything that another role may have put in front.
        path = f'pg_catalog, "{place.schema}", pg_temp'
        names, values = zip(*settings.items(), ("search_path", path), strict=True)
        connection.execute(
            "SELECT set_config(name, value, false) FROM unnest(%s::text[], %s::text[]) AS s(name, value)"
            " UNION ALL SELECT set_config('synchronous_commit', 'on', false)"
            " WHERE current_setting('synchronous_commit') = 'off'",
            (list(names), list(values)),
        )
    except BaseException:
        connection.close()
        raise
    return connection


def _tidied(connection: Connection, error: BaseException) -> bool:
    """Undo what an error left; return whether the connection can be used on."""
    psycopg = driver()
    status = psycopg.pq.TransactionStatus
    lost = isinstance(error, psycopg.Error) and is_lost(error)
    if not lost and connection.info.transaction_status in (status.INTRANS, status.INERROR):
        with contextlib.suppress(psycopg.Error):  # then the status says so
            connection.execute("ROLLBACK")
    if lost or connection.info.transaction_status != status.IDLE:
        connection.close()
        return False
    return True


def pipeline(connection: Connection) -> contextlib.AbstractContextManager[object]:
    """Send what is executed within in one go, where the library can."""
    return connection.pipeline() if driver().Pipeline.is_supported() else contextlib.nullcontext()
