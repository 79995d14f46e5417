"""A ledger with people in it, stores in memory and in files, and what their files hold."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aequo.ledger import KeyRing, Ledger
from aequo.privacy.erasure.sql import SqlStore

KEY = KeyRing({1: bytes(range(32))})


def new_ledger(folder: Path, name: str = "x.db") -> Ledger:
    return Ledger.open(f"sqlite:///{folder / name}", key=KEY, origin="example.com/test")


@dataclass
class Memory:
    """A store that is a dictionary, and remembers what it was asked."""

    name: str
    rows: dict[str, list[object]] = field(default_factory=dict)
    after: Sequence[str] = ()
    keep: str = ""
    before_erase: Callable[[], object] = lambda: None
    asked: list[str] = field(default_factory=list)

    def find(self, subject: str) -> list[object]:
        return list(self.rows.get(subject, []))

    def erase(self, subject: str) -> int:
        self.asked.append(self.name)
        self.before_erase()
        return len(self.rows.pop(subject, []))


def new_shop(path: Path, rows: Sequence[tuple[str, str]]) -> Path:
    """Make a database of orders."""
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE orders(person TEXT, item TEXT)")
    db.executemany("INSERT INTO orders VALUES(?, ?)", rows)
    db.commit()
    db.close()
    return path


def shop_store(path: Path, **more: object) -> SqlStore:
    return SqlStore(
        name="shop",
        url=f"sqlite:///{path}",
        find="SELECT * FROM orders WHERE person = :subject",
        delete=["DELETE FROM orders WHERE person = :subject"],
        **more,
    )


def raw(folder: Path) -> bytes:
    """All bytes of all files, logs and shared memory too."""
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def durable(folder: Path) -> dict[str, bytes]:
    """Bytes by file; shared memory of SQLite, which holds locks and no data, left out."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.endswith("-shm"))
    return {path.name: path.read_bytes() for path in files if path.stat().st_size}
