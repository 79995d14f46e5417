"""Where a ledger can be: what the tests do to either kind of database, and rows to put there."""

from __future__ import annotations

import contextlib
import random
import sqlite3
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from aequo.ledger.entry import Row
from aequo.ledger.places import open_store
from aequo.ledger.postgres import PostgresStore
from aequo.ledger.sqlite import SqliteStore, keys_path
from aequo.ledger.store import Head, PersonKey, Store
from aequo.ledger.tree import leaf_hash

from .server import PgServer

__all__ = [
    "META",
    "SECRETS",
    "Kind",
    "Place",
    "Places",
    "every_read",
    "keyed",
    "merkle",
    "new_place",
    "plain",
    "rows_of",
    "sealed",
    "signed",
]

META = {"format": "1", "origin": "example.com/log", "vkey": "example.com/log+00000000+AAAA"}
SECRETS = {"digest": b"wrapped digest key", "sign": b"\x00\xff wrapped signing key"}
KEY_TABLES = ("secrets", "people", "destroyed", "holds")

Kind = Literal["sqlite", "postgres"]


class Place:
    """One place for one ledger; what is opened in it is closed with it."""

    def __init__(self, kind: Kind, url: str, server: PgServer | None) -> None:
        self.kind = kind
        self.url = url
        self.server = server
        self._open: list[Store] = []

    @property
    def path(self) -> Path:
        return Path(self.url.removeprefix("sqlite:///"))

    @property
    def schema(self) -> str:
        return self.url.rpartition("=")[2]

    def create(self) -> Store:
        """A new ledger, opened."""
        self.make()
        return self.open()

    def make(self, note: str | None = None) -> None:
        if self.kind == "sqlite":
            SqliteStore.create(self.path, META, SECRETS, note=note)
        else:
            PostgresStore.create(self.url, META, SECRETS, note=note)

    def open(self) -> Store:
        self._open.append(open_store(self.url))
        return self._open[-1]

    def change(self, statement: str, *values: Any) -> None:
        """Do to the tables what an administrator can; values are written as %s."""
        if self.kind == "sqlite":
            table = next((t for t in KEY_TABLES if f" {t}" in statement), None)
            with contextlib.closing(sqlite3.connect(keys_path(self.path) if table else self.path)) as db, db:
                db.execute(statement.replace("%s", "?"), values)
            return
        assert self.server is not None
        with self.server.connect() as db:
            db.execute(f"SET search_path = {self.schema}")
            db.execute(statement, values or None)

    def files(self) -> Iterator[bytes]:
        """All bytes on the disk in which a wrapped key may be."""
        if self.kind == "sqlite":
            paths = list(self.path.parent.iterdir())
        else:
            assert self.server is not None
            paths = [p for p in (self.server.data / "base").rglob("*") if p.is_file()]
        for path in paths:
            with contextlib.suppress(FileNotFoundError):
                yield path.read_bytes()

    def close(self) -> None:
        while self._open:
            self._open.pop().close()
        if self.server is not None:
            with self.server.connect() as db:
                db.execute(f"DROP SCHEMA IF EXISTS {self.schema} CASCADE")


Places = Callable[[], Place]


def new_place(kind: Kind, folder: Path, server: Callable[[], PgServer]) -> Place:
    """A place of its own: a folder, or a schema of a server."""
    name = f"t{uuid.uuid4().hex}"
    if kind == "sqlite":
        (folder / name).mkdir()
        return Place("sqlite", f"sqlite:///{quote(str(folder / name / 'x.db'))}", None)
    running = server()
    return Place("postgres", f"{running.url()}?schema={name}", running)


# -- what is stored ---------------------------------------------------------------------------------------------------


def rows_of(count: int, seed: int = 0, *, key: PersonKey | None = None, size: int = 40) -> list[Row]:
    """Rows of random bytes and times in no order."""
    rng = random.Random(f"{count} {seed}")
    rows = []
    for _ in range(count):
        body = rng.randbytes(size)
        whose = (None, None) if key is None else (key.subject, key.key_id)
        rows.append(Row(rng.randrange(-(10**15), 2 * 10**15), leaf_hash(body), body, *whose))
    return rows


def keyed(number: int, version: int = 0) -> PersonKey:
    """A person's key; `version` makes another key of the same person."""
    rng = random.Random(f"{number} {version}")
    subject = random.Random(number).randbytes(16)
    return PersonKey(subject, rng.randbytes(8), rng.randbytes(64), 1_700_000_000_000_000 + version)


def sealed(*keys: PersonKey, seed: int = 0) -> list[Row]:
    """A row for each key."""
    return [rows_of(1, seed + i, key=key)[0] for i, key in enumerate(keys)]


def signed(size: int, root: bytes) -> str:
    """What stands for a signed checkpoint; with the dash of a real one."""
    return f"{size} {root.hex()}\n\n\u2014 example.com/log AAAA\n"


# -- what is read -----------------------------------------------------------------------------------------------------


def every_read(store: Store) -> list[Callable[[], Any]]:
    """Every call that reads."""
    subject = keyed(1).subject
    return [
        store.meta,
        store.head,
        lambda: store.sequence(signed),
        lambda: store.rows(0, 9),
        lambda: store.hashes(0, 0, 9),
        lambda: store.hashes(8, 0, 9),
        lambda: store.nodes(8, 0, 9),
        lambda: store.of_subject(subject, 0, 9),
        lambda: store.subject_rows(0, 999),
        store.strays,
        store.checkpoints,
        lambda: store.secret("sign"),
        lambda: store.person(subject),
        lambda: store.people(b"", 9),
        lambda: store.destroyed(subject),
        store.holds,
    ]


def plain(value: Any) -> bool:
    """Whether nothing is in it but what a ledger holds; a store gives no other types, whatever was done to a table."""
    if isinstance(value, Head):
        return plain([value.size, *value.peaks]) and (value.note is None or isinstance(value.note, str))
    if isinstance(value, (list, tuple)):
        return all(v is not None and plain(v) for v in value)
    if isinstance(value, dict):
        return plain([part for pair in value.items() for part in pair])
    return value is None or type(value) in (bytes, str, int)


def merkle(leaves: Sequence[bytes]) -> bytes:
    """Root of a tree as RFC 6962, section 2.1, writes it: slow, and plain."""
    from hashlib import sha256

    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return sha256(b"\x01" + merkle(leaves[:half]) + merkle(leaves[half:])).digest()
