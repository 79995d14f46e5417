"""The vault: which value a pseudonym stands for, sealed under the key, in one SQLite file that can forget.

A keyed hash cannot be turned round. Whoever must be able to find people again keeps a vault while pseudonymising; where
none is kept, nobody can, whatever keys they have. What the file holds in clear is how many entries there are of which
domain and version of the key: pseudonyms, values and people are keyed hashes or sealed (AES-256-GCM).
"""

from __future__ import annotations

import datetime as dt
import decimal
import os
import sqlite3
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from aequo.errors import KeyProblem, OutputError, UnreadableData
from aequo.ledger.keys import KeyRing, KeySource, open_sealed, seal
from aequo.privacy.pseudonyms.fields import Field
from aequo.privacy.pseudonyms.mac import Mac, mac_of, ring_of
from aequo.privacy.pseudonyms.normal import normal, text_of

__all__ = ["Found", "Vault"]

_APPLICATION = 0x61657176  # "aeqv"
_ID = 16
_BATCH = 500
_WAIT = 30_000
_SCHEMA = """
create table checks (version integer primary key, mark blob not null) without rowid;
create table entries (
    id integer primary key, domain text not null, version integer not null,
    pseudonym blob not null, value blob not null, sealed blob not null, unique (pseudonym, value)
);
create table links (person blob not null, entry integer not null, primary key (person, entry)) without rowid;
create index links_entry on links (entry);
"""


@dataclass(frozen=True, slots=True)
class Found:
    """What a pseudonym stands for.

    Attributes
    ----------
    value : Any
        The value as it was first written; None if the pseudonym is not in the vault or is that of several values.
    version : int or None
        Version of the key it was made with.
    ambiguous : bool
        Whether several values share it, as surrogates from a list do.
    """

    value: Any = None
    version: int | None = None
    ambiguous: bool = False


class Vault:
    """Pseudonyms and the sealed values they stand for.

    Make one with `Vault.open`; use it in a ``with`` block or close it.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, Vault.open(f"{folder}/people.vault", KeyRing.new()) as vault:
    ...     vault.put("email", 1, [("p1_00", "Jane@example.org", "jane@example.org")])
    ...     vault.find("email", ["p1_00", "p1_ff"])
    [Found(value='Jane@example.org', version=1, ambiguous=False), Found(value=None, version=None, ambiguous=False)]
    """

    def __init__(self, connection: sqlite3.Connection, ring: KeyRing, path: Path) -> None:
        self._connection, self._ring, self.path = connection, ring, path
        self._lock, self._statement = threading.RLock(), threading.RLock()
        self._within = self._shared = False
        self._checked: set[int] = set()
        self._end = weakref.finalize(self, connection.close)

    @classmethod
    def open(cls, path: str | Path, key: KeySource, *, create: bool = True) -> Self:
        """Open a vault, or make one that only its owner can read.

        Parameters
        ----------
        path : str or Path
            The file.
        key : KeyRing, bytes, str or Path
            The master key, or where it is: see `aequo.ledger.keys.load_key`.
        create : bool
            Whether to make the file where there is none.

        Raises
        ------
        UnreadableData
            If the file is absent and is not to be made, or is no vault.
        KeyProblem
            If there is no key.
        OutputError
            If it cannot be made.
        """
        ring, target = ring_of(key), Path(path)
        if not target.exists():
            if not create:
                raise UnreadableData(f"there is no vault {target.name!r}.")
            try:
                os.close(os.open(target, os.O_WRONLY | os.O_CREAT, 0o600))
            except OSError as error:
                raise OutputError(f"the vault {target.name!r} cannot be made: {error.strerror}.") from None
        connection = sqlite3.connect(target, isolation_level=None, check_same_thread=False, timeout=_WAIT / 1000)
        try:
            # What is deleted is overwritten, also in the journal's place: no write-ahead log that would keep it.
            for setting in ("secure_delete = on", "journal_mode = delete", "synchronous = full", "foreign_keys = on"):
                connection.execute(f"pragma {setting}").fetchall()
            _prepare(connection, target)
        except sqlite3.Error:
            connection.close()
            raise UnreadableData(f"{target.name} is no vault, or another program holds it.") from None
        except UnreadableData:
            connection.close()
            raise
        return cls(connection, ring, target)

    def close(self) -> None:
        """Close the file; whoever forgets it has it closed with the last use."""
        self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        with self._alone():
            return int(self._connection.execute("select count(*) from entries").fetchone()[0])

    @contextmanager
    def together(self, *, shared: bool = False) -> Iterator[None]:
        """Keep all that is done within, or nothing of it.

        Parameters
        ----------
        shared : bool
            Whether what other threads do meanwhile belongs to it; else they wait.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        with self._alone():
            outermost = not self._within
            try:
                if outermost:
                    self._connection.execute("begin immediate")
                    self._within, self._shared = True, shared
                yield
                if outermost:
                    self._connection.execute("commit")
            except sqlite3.Error as error:
                self._undo(outermost)
                what = getattr(error, "sqlite_errorname", type(error).__name__)
                raise OutputError(f"the vault {self.path.name!r} cannot be written ({what}).") from None
            except BaseException:
                self._undo(outermost)
                raise
            finally:
                if outermost:
                    self._within = self._shared = False

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Wait for other threads: for each statement where they share a transaction, else for its end."""
        with self._statement if self._shared else self._lock:
            yield

    def _undo(self, outermost: bool) -> None:
        if outermost and self._connection.in_transaction:
            with suppress(sqlite3.Error):
                self._connection.execute("rollback")

    # -- remembering --------------------------------------------------------------------------------------------------

    def put(self, domain: str, version: int, rows: Sequence[tuple[Any, Any, str]]) -> None:
        """Remember what pseudonyms stand for; what is there already stays as it is.

        Parameters
        ----------
        domain : str
            Domain of the field.
        version : int
            Version of the key that the pseudonyms were made with.
        rows : sequence of tuple
            Pseudonym, value, and the value's normal form.
        """
        index, key = self._index(domain, version), self._key(domain, version)
        new: dict[tuple[bytes, bytes], Any] = {}
        for pseudonym, value, text in rows:
            new.setdefault((index(_text(pseudonym))[:_ID], index(b"\0" + _text(text))[:_ID]), value)
        with self.together():
            self._check(version)
            known = self._known([pseudonym for pseudonym, _ in new])
            entries = [
                (domain, version, pseudonym, value, seal(key, _packed(original), pseudonym + value))
                for (pseudonym, value), original in new.items()
                if (pseudonym, value) not in known
            ]
            self._connection.executemany(
                "insert or ignore into entries (domain, version, pseudonym, value, sealed) values (?, ?, ?, ?, ?)",
                entries,
            )

    def link(self, domain: str, version: int, pairs: Sequence[tuple[Any, Any]], person: Field) -> None:
        """Remember which pseudonyms are whose, so that a person's can be erased together.

        Parameters
        ----------
        domain : str
            Domain of the field that the pseudonyms are of.
        version : int
            Version of the key.
        pairs : sequence of tuple
            Pseudonym, and the person as written.
        person : Field
            What the person's column holds.
        """
        index = self._index(domain, version)
        rows = []
        for pseudonym, who in pairs:
            text = normal(who, person)
            if text is not None:
                rows.append((self._person(text, person, version), index(_text(pseudonym))[:_ID]))
        with self.together():
            self._connection.executemany(
                "insert or ignore into links select ?, id from entries where pseudonym = ?", rows
            )

    # -- finding ------------------------------------------------------------------------------------------------------

    def find(self, domain: str, pseudonyms: Sequence[Any]) -> list[Found]:
        """Return what each pseudonym stands for, with any version of the key that there is.

        Parameters
        ----------
        domain : str
            Domain of the field.
        pseudonyms : sequence
            Values of the pseudonymised column.

        Raises
        ------
        KeyProblem
            If the vault was made with other keys.
        """
        found: dict[int, list[Found]] = {}
        with self._alone():
            for version in self._ring.versions:
                self._check(version)
                index, key = self._index(domain, version), self._key(domain, version)
                ids = [index(_text(one))[:_ID] for one in pseudonyms]
                rows = self._sealed(ids)
                for position, one in enumerate(ids):
                    for value, sealed in rows.get(one, ()):
                        plain = open_sealed(key, sealed, one + value)
                        if plain is None:
                            raise KeyProblem(f"an entry of the vault {self.path.name!r} does not open: it was changed.")
                        found.setdefault(position, []).append(Found(_unpacked(plain), version))
        several = Found(ambiguous=True)
        return [
            Found() if i not in found else found[i][0] if len(found[i]) == 1 else several
            for i in range(len(pseudonyms))
        ]

    def _sealed(self, ids: Sequence[bytes]) -> dict[bytes, list[tuple[bytes, bytes]]]:
        found: dict[bytes, list[tuple[bytes, bytes]]] = {}
        distinct = list(dict.fromkeys(ids))
        for start in range(0, len(distinct), _BATCH):
            some = distinct[start : start + _BATCH]
            marks = ",".join("?" * len(some))
            query = f"select pseudonym, value, sealed from entries where pseudonym in ({marks})"  # noqa: S608 - only marks
            for pseudonym, value, sealed in self._connection.execute(query, some):
                found.setdefault(pseudonym, []).append((value, sealed))
        return found

    def _known(self, ids: Sequence[bytes]) -> set[tuple[bytes, bytes]]:
        return {(pseudonym, value) for pseudonym, rows in self._sealed(ids).items() for value, _ in rows}

    # -- forgetting ---------------------------------------------------------------------------------------------------

    def erase(self, domain: str, pseudonyms: Sequence[Any]) -> int:
        """Erase what pseudonyms stand for, and return how many entries that were; they cannot be found again.

        Parameters
        ----------
        domain : str
            Domain of the field.
        pseudonyms : sequence
            Values of the pseudonymised column.
        """
        gone = 0
        with self.together():
            for version in self._ring.versions:
                self._check(version)
                index = self._index(domain, version)
                for pseudonym in pseudonyms:
                    gone += self._delete("pseudonym = ?", index(_text(pseudonym))[:_ID])
        return gone

    def erase_value(self, value: Any, field: Field) -> int:
        """Erase every entry of one value, whatever its pseudonyms, and return how many that were.

        Parameters
        ----------
        value : Any
            The value, in any of its spellings.
        field : Field
            The field, with its domain.
        """
        text = normal(value, field)
        gone = 0
        with self.together():
            for version in self._ring.versions if text is not None else ():
                self._check(version)
                index = self._index(field.domain or field.kind, version)
                gone += self._delete("value = ?", index(b"\0" + _text(text))[:_ID])
        return gone

    def erase_person(self, person: Any, field: Field) -> int:
        """Erase what is linked to a person and to nobody else, and return how many entries that were.

        What the person shares with others, such as an address, stays theirs.

        Parameters
        ----------
        person : Any
            The person, as in the column that was given as ``person``.
        field : Field
            What that column holds.
        """
        text = normal(person, field)
        gone = 0
        with self.together():
            for version in self._ring.versions if text is not None else ():
                self._check(version)
                who = self._person(text or "", field, version)
                mine = [row[0] for row in self._connection.execute("select entry from links where person = ?", (who,))]
                self._connection.execute("delete from links where person = ?", (who,))
                for entry in mine:
                    free = self._connection.execute("select 1 from links where entry = ?", (entry,)).fetchone() is None
                    gone += self._delete("id = ?", entry) if free else 0
        return gone

    def erase_version(self, version: int) -> int:
        """Erase all entries of one version of the key, as after all data was renewed; return how many that were."""
        with self.together():
            return self._delete("version = ?", version)

    def _delete(self, condition: str, value: Any) -> int:
        # The conditions are this module's own, and the value is bound.
        links = f"delete from links where entry in (select id from entries where {condition})"  # noqa: S608
        self._connection.execute(links, (value,))
        return self._connection.execute(f"delete from entries where {condition}", (value,)).rowcount  # noqa: S608

    # -- keys ---------------------------------------------------------------------------------------------------------

    def _index(self, domain: str, version: int) -> Mac:
        return mac_of(self._ring, "vault-index", domain, version)

    def _person(self, text: str, field: Field, version: int) -> bytes:
        return mac_of(self._ring, "vault-person", field.domain or field.kind, version)(_text(text))[:_ID]

    def _key(self, domain: str, version: int) -> bytes:
        return self._ring.derive(f"pseudonym/1/vault-seal/{domain}", version=version)

    def _check(self, version: int) -> None:
        """Make sure that this version of the key is the one that the vault knows."""
        if version in self._checked:
            return
        mark = mac_of(self._ring, "vault-check", "", version)(b"aequo vault")
        known = self._connection.execute("select mark from checks where version = ?", (version,)).fetchone()
        if known is not None and known[0] != mark:
            raise KeyProblem(f"the vault {self.path.name!r} was made with another key of version {version}.")
        if known is None and self._connection.in_transaction:
            self._connection.execute("insert into checks values (?, ?)", (version, mark))
        # A transaction may still be undone, and the mark with it: only what was found is known for good.
        if known is not None:
            self._checked.add(version)


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    made = connection.execute("pragma application_id").fetchone()[0]
    if made == _APPLICATION:
        return
    if made != 0 or connection.execute("select count(*) from sqlite_schema").fetchone()[0]:
        raise UnreadableData(f"{path.name} is a database, but no vault.")
    connection.executescript(f"begin immediate; {_SCHEMA} pragma application_id = {_APPLICATION}; commit;")


def _text(value: Any) -> bytes:
    return (text_of(value) or "").strip().encode("utf-8", "surrogatepass")


# -- a value as bytes, and back ---------------------------------------------------------------------------------------


def _packed(value: Any) -> bytes:
    """Return a value with a letter for its type first; what is none of the usual types is kept as text."""
    if hasattr(value, "item") and not isinstance(value, (str, dt.date)):
        value = value.item()
    if isinstance(value, str):
        return b"s" + str(value).encode("utf-8", "surrogatepass")
    for letter, kind in (("b", bool), ("i", int), ("f", float), ("n", decimal.Decimal)):
        if isinstance(value, kind):
            return f"{letter}{value}".encode()
    if isinstance(value, dt.datetime):
        return b"m" + dt.datetime.isoformat(value).encode()
    if isinstance(value, dt.date):
        return b"d" + value.isoformat().encode()
    return b"s" + (text_of(value) or "").encode("utf-8", "surrogatepass")


def _unpacked(plain: bytes) -> Any:
    letter, text = plain[:1], plain[1:].decode("utf-8", "surrogatepass")
    if letter == b"b":
        return text == "True"
    reader = {b"i": int, b"f": float, b"n": decimal.Decimal}.get(letter)
    if reader is not None:
        return reader(text)
    if letter == b"m":
        return dt.datetime.fromisoformat(text)
    return dt.date.fromisoformat(text) if letter == b"d" else text
