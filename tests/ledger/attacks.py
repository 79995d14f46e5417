"""A ledger, copies of it to spoil, and what becomes of them."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from aequo.errors import LedgerError
from aequo.ledger import Verification, write_bundle
from aequo.ledger.note import Checkpoint, sign_note
from aequo.ledger.tree import extend, leaf_hash, root_of

from .bundles import verdict
from .samples import KEY, ORIGIN, change, fill, make, read, reopen

SIZE = 300
EARLY = 40


def make_original(folder: Path) -> Path:
    """A ledger with decisions on people, checkpoints at 40 and 290, and events after those."""
    with make(folder, EARLY) as ledger:
        (folder / "early.note").write_text(ledger.checkpoint(), encoding="utf-8")
        fill(ledger, 250)
        ledger.checkpoint()
        fill(ledger, 10)
        assert ledger.size == SIZE
        (folder / "vkey").write_text(ledger.vkey, encoding="utf-8")
        late = sign_note(Checkpoint(origin=ORIGIN, size=SIZE, root=ledger.root).to_text(), ORIGIN, ledger._signing_key)
        (folder / "late.note").write_text(late, encoding="utf-8")
        assert ledger.verify(late).ok
    assert sorted(p.name for p in folder.glob("*.db*")) == ["x.db", "x.keys.db"]  # no log is left beside them
    return folder


class Copy:
    """A copy of the ledger to spoil."""

    def __init__(self, original: Path, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "x.db"
        self.keys = folder / "x.keys.db"
        self.vkey = (original / "vkey").read_text(encoding="utf-8")
        self.early = (original / "early.note").read_text(encoding="utf-8")
        self.late = (original / "late.note").read_text(encoding="utf-8")
        self.restore(original)

    def change(self, statement: str, *values: Any) -> None:
        assert change(self.path, statement, *values) > 0

    def verify(self, **how: Any) -> Verification:
        with reopen(self.folder) as ledger:
            return ledger.verify(**{"vkey": self.vkey, **how})

    def exported(self) -> object:
        """What an auditor says of an export that the operator, who has the key, makes of the spoilt ledger."""
        with reopen(self.folder, key=KEY) as ledger:
            write_bundle(ledger, self.folder / "bundle")
        return verdict(self.folder / "bundle", self.vkey)

    def edit(self, entry: int, old: str = '"n":', new: str = '"m":') -> None:
        """Change the text of an entry, as bytes, which is what they are."""
        self.change("UPDATE entries SET body = CAST(replace(body, ?, ?) AS BLOB) WHERE id = ?", old, new, entry + 1)

    def restore(self, original: Path) -> None:
        """Take back all changes."""
        for name in ("x.db", "x.keys.db"):
            for end in ("-wal", "-shm"):
                (self.folder / f"{name}{end}").unlink(missing_ok=True)
            shutil.copy(original / name, self.folder / name)

    def mend(self) -> None:
        """Recompute all that needs no key: leaf hashes, stored subtrees, and the head of the tree."""
        with closing(sqlite3.connect(self.path)) as db, db:
            rows = db.execute("SELECT id, body FROM entries ORDER BY id").fetchall()
            leaves = [leaf_hash(body) for _, body in rows]
            made = [(leaf, row[0]) for leaf, row in zip(leaves, rows, strict=True)]
            db.executemany("UPDATE entries SET leaf = ? WHERE id = ?", made)
            times = [t for (t,) in db.execute("SELECT time FROM entries ORDER BY id")]
            size, peaks, completed = extend(0, (), leaves)
            db.execute("DELETE FROM nodes")
            for level, position, digest in completed:
                part = times[position << level : (position + 1) << level]
                db.execute("INSERT INTO nodes VALUES(?, ?, ?, ?, ?)", (level, position, digest, min(part), max(part)))
            tail = times[size - size % 256 :] or [0]
            db.execute(
                "UPDATE head SET size = ?, peaks = ?, low = ?, high = ?", (size, b"".join(peaks), min(tail), max(tail))
            )
            db.execute("DELETE FROM subjects WHERE id > ?", (size,))

    def root(self) -> bytes:
        bodies = [body for (body,) in read(self.path, "SELECT body FROM entries ORDER BY id")]
        return root_of(extend(0, (), [leaf_hash(body) for body in bodies])[1])


def found(verification: Verification, entry: int | None, *words: str) -> None:
    """The ledger is not as recorded, and one of the problems names the entry and says so."""
    assert not verification.ok
    matching = [p.what for p in verification.problems if p.entry == entry and all(word in p.what for word in words)]
    assert matching, verification.problems
    assert verification.sentence().startswith(f"{verification.origin}: not as recorded.")


def careful(copy: Copy, entry: int) -> None:
    copy.edit(entry)
    copy.mend()


def sentence(error: LedgerError) -> str:
    """What an error says: one sentence."""
    assert str(error).endswith(".") and "\n" not in str(error)
    return str(error)


def outcome(copy: Copy, **how: Any) -> str:
    """What becomes of opening and verifying: "as recorded", a finding, or one of the errors that there may be."""
    try:
        verification = copy.verify(**how)
    except LedgerError as error:
        return sentence(error)
    return "as recorded" if verification.ok else verification.problems[0].what
