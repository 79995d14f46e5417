"""Small ledgers to look at, and to spoil."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from aequo.ledger import KeyRing, Ledger

ORIGIN = "example.com/desk"
KEY = KeyRing({1: bytes(range(32))})
PEOPLE = ("ada.lovelace@example.com", "grace.hopper@example.com", "edsger.dijkstra@example.com")


def make(
    folder: Path, count: int = 0, *, name: str = "x.db", key: Any = KEY, origin: str = ORIGIN, **how: Any
) -> Ledger:
    """Return a new ledger with decisions, some of them on people, and events on nobody."""
    ledger = Ledger.open(f"sqlite:///{folder}/{name}", key=key, origin=origin, **how)
    fill(ledger, count)
    return ledger


def fill(ledger: Ledger, count: int) -> None:
    """Append events: every third of them on a person."""
    if count > 50:
        ledger.append_many([{"kind": "event", "n": n} for n in range(count - 50)])
    for n in range(min(count, 50)):
        if n % 3 == 1:
            subject = PEOPLE[n // 3 % 3]
            ledger.append({"kind": "call", "n": n, "text": f"{subject} called"}, subject=subject, clear=["n"])
        else:
            ledger.append({"kind": "review", "n": n})


def reopen(folder: Path, *, name: str = "x.db", key: Any = None) -> Ledger:
    return Ledger.open(f"sqlite:///{folder}/{name}", key=key, create=False)


def change(path: Path, statement: str, *values: Any) -> int:
    """Change a database as someone with the file would; return how many rows were."""
    with closing(sqlite3.connect(path)) as db, db:
        return db.execute(statement, values).rowcount


def read(path: Path, query: str, *values: Any) -> list[Any]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute(query, values).fetchall()
