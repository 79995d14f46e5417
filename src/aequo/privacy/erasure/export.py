"""`export`: all that is held on a person, in every store, readable (GDPR, articles 15 and 20)."""

from __future__ import annotations

import datetime as dt
import os
import re
import secrets
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from aequo.errors import OutputError, Tampered
from aequo.ledger import Entry, Ledger
from aequo.ledger.entry import instant, microseconds
from aequo.privacy.erasure.journal import ABOUT, indices_of
from aequo.privacy.erasure.retention import check_words, known_subject, note_on
from aequo.privacy.erasure.stores import (
    LEDGER,
    DataStore,
    NotReached,
    TimedOut,
    as_store,
    ask,
    close_all,
    stores_of,
    with_ledger,
)

if TYPE_CHECKING:
    from aequo.core.policy import Policy

__all__ = ["FORMAT", "StoreRecords", "SubjectExport", "export", "write_private"]

FORMAT = "aequo-export/1"
"""Names the form of an export."""

_TIMEOUT = 60.0
_SPECIAL = re.compile(r"([\\`*_\[\]|<>#])")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreRecords:
    """What one store holds on a person.

    Attributes
    ----------
    store : str
        Its name.
    records : tuple
        What it found, as JSON values.
    why : str
        Why it could not be read; empty if it was.
    """

    store: str
    records: tuple[Any, ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectExport:
    """All that is held on a person.

    Attributes
    ----------
    subject : str
        The person's id.
    ledger : str
        Name of the ledger.
    made : datetime
        When, UTC.
    stores : tuple of StoreRecords
        Store by store; of the ledger, the entries whose personal part can be read, and those without one.
    remains : tuple of dict
        What stays in the ledger under the person's keyed hash: the readable part of entries whose personal part was
        erased, and notes on holds, exports and erasures.
    index : int
        The ledger's entry that says that this export was made.
    """

    subject: str
    ledger: str
    made: dt.datetime
    stores: tuple[StoreRecords, ...]
    remains: tuple[dict[str, Any], ...]
    index: int

    @property
    def count(self) -> int:
        """Records in all stores."""
        return sum(len(store.records) for store in self.stores)

    @property
    def not_read(self) -> tuple[StoreRecords, ...]:
        """Stores that could not be read."""
        return tuple(store for store in self.stores if store.why)

    def __repr__(self) -> str:
        return f"SubjectExport({self.count} records, {len(self.not_read)} stores not read)"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        return {
            "format": FORMAT,
            "subject": self.subject,
            "ledger": self.ledger,
            "made": instant(microseconds(self.made)),
            "index": self.index,
            "stores": {store.store: list(store.records) for store in self.stores if not store.why},
            "not_read": {store.store: store.why for store in self.not_read},
            "remains": list(self.remains),
        }

    def to_json(self) -> str:
        """Return all of it as JSON."""
        return msgspec.json.format(msgspec.json.encode(self.to_dict()), indent=2).decode()

    def to_markdown(self) -> str:
        """Return all of it as Markdown, a table for each record."""
        parts = [
            f"# What is held on {_escaped(self.subject)}",
            f"Made on {self.made:%Y-%m-%d at %H:%M} UTC; entry {self.index} of the ledger {_escaped(self.ledger)}.",
        ]
        for store in self.stores:
            parts.append(f"## {_escaped(store.store)}")
            if store.why:
                parts.append(f"**Could not be read:** {_escaped(store.why)}.")
            elif not store.records:
                parts.append("Nothing.")
            parts += [_table(record) for record in store.records]
        if self.remains:
            parts.append(f"## What stays in {LEDGER} without the personal part")
            parts += [_table(record) for record in self.remains]
        return "\n\n".join(parts) + "\n"

    def save(self, path: str | Path) -> Path:
        """Write it to a file that only its owner can read, whole or not at all.

        Parameters
        ----------
        path : str or Path
            Markdown if it ends in ``.md``, JSON otherwise.

        Raises
        ------
        OutputError
            If a file is there already, or it cannot be written.
        """
        markdown = Path(path).suffix.lower() in (".md", ".markdown")
        return write_private(path, self.to_markdown() if markdown else self.to_json() + "\n")


def export(
    subject: str | int,
    *,
    ledger: Ledger,
    stores: Sequence[object] = (),
    policy: Policy | None = None,
    operator_id: str | None = None,
    reason: str | None = None,
) -> SubjectExport:
    """Return all that is held on a person: in the ledger, and in every store that is given or that the policy names.

    The ledger gets an entry that this was done.

    Parameters
    ----------
    subject : str or int
        The person's id, as the stores know it.
    ledger : Ledger
        Opened with its key.
    stores : sequence of DataStore
        Further stores, see `aequo.privacy.erasure.stores`.
    policy : Policy, optional
        Names stores in ``[[erase.stores]]``, and how long one may take.
    operator_id, reason : str, optional
        Who asks for it, and why. Both stay readable in the ledger and must not name the person.

    Returns
    -------
    SubjectExport
        The records, and which stores could not be read.

    Raises
    ------
    InputError
        If the id cannot be one.
    PolicyError
        If a store that the policy names cannot be made.
    KeyProblem
        If the ledger was opened without its key.

    Examples
    --------
    >>> import tempfile
    >>> from aequo.ledger import KeyRing, Ledger
    >>> folder = tempfile.TemporaryDirectory()
    >>> ledger = Ledger.open(f"sqlite:///{folder.name}/decisions.db", key=KeyRing.new())
    >>> _ = ledger.append({"kind": "call", "text": "asks for a loan"}, subject="person-1")
    >>> found = export("person-1", ledger=ledger)
    >>> found, found.stores[0].records[0]["event"]
    (SubjectExport(1 records, 0 stores not read), {'kind': 'call', 'text': 'asks for a loan'})
    >>> ledger.close()
    >>> folder.cleanup()
    """
    person = known_subject(subject)
    check_words(person, operator_id=operator_id, reason=reason)
    hashed = ledger.subject_id(person).hex()
    made = stores_of(policy) if policy is not None else []
    timeout = policy.erase.timeout if policy is not None else _TIMEOUT
    hanging: set[str] = set()
    try:
        ordered = with_ledger([*made, *(as_store(store) for store in stores)])
        found, remains = _in_ledger(ledger, person)
        others = [store for store in ordered if store.name != LEDGER]
        read = [found, *(_in_store(store, person, timeout, hanging) for store in others)]
    finally:
        close_all(made, hanging)
    note = note_on(
        ledger,
        person,
        {
            "kind": "export",
            "person": hashed,
            "operator_id": operator_id,
            "reason": reason,
            "records": {store.store: len(store.records) for store in read if not store.why},
            "not_read": {store.store: store.why for store in read if store.why},
        },
    )
    (index,) = indices_of(ledger, [note])
    return SubjectExport(
        subject=person, ledger=ledger.origin, made=note.time, stores=tuple(read), remains=tuple(remains), index=index
    )


def _in_ledger(ledger: Ledger, subject: str) -> tuple[StoreRecords, list[dict[str, Any]]]:
    records: list[dict[str, Any]] = []
    remains: list[dict[str, Any]] = []
    ledger.sequence()
    try:
        for entry in ledger.entries(subject=subject):
            (remains if _is_rest(entry) else records).append(
                {"index": entry.index, "time": instant(microseconds(entry.time)), "event": entry.event}
            )
    except Tampered as error:
        return StoreRecords(store=LEDGER, why=str(error).rstrip(".")), remains
    return StoreRecords(store=LEDGER, records=tuple(records)), remains


def _is_rest(entry: Entry) -> bool:
    return entry.sealed == "erased" or entry.kind in ABOUT


def _in_store(store: DataStore, subject: str, timeout: float, hanging: set[str]) -> StoreRecords:
    find = store.find
    if find is None:
        return StoreRecords(store=store.name, why="it has no way to find what it holds on a person")
    try:
        return StoreRecords(store=store.name, records=ask(partial(_plain, find, subject), timeout))
    except NotReached as error:
        if isinstance(error, TimedOut):
            hanging.add(store.name)
        return StoreRecords(store=store.name, why=str(error))


def _plain(find: Callable[[str], Iterable[object]], subject: str) -> tuple[Any, ...]:
    """Return records as JSON holds them: dates as text, bytes in base64, no number that is none."""
    encoded = msgspec.json.encode(list(find(subject)), enc_hook=str)
    return tuple(msgspec.json.decode(encoded))


def _table(record: object) -> str:
    fields = _flat(record) if isinstance(record, dict) else [("value", record)]
    lines = [f"| {_escaped(name)} | {_escaped(value)} |" for name, value in fields]
    return "\n".join(["| field | value |", "|---|---|", *lines])


def _flat(record: dict[str, Any], head: str = "") -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for name, value in record.items():
        if isinstance(value, dict) and value and head.count(".") < 3:
            found += _flat(value, f"{head}{name}.")
        else:
            found.append((f"{head}{name}", value))
    return found


def _escaped(value: object) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return _SPECIAL.sub(r"\\\1", " ".join(text.splitlines()))


def write_private(path: str | Path, text: str) -> Path:
    """Write a file that only its owner can read, whole or not at all.

    Parameters
    ----------
    path : str or Path
        Where; a file that is there already is not replaced.
    text : str
        Written in UTF-8.

    Raises
    ------
    OutputError
        If a file is there already, or it cannot be written; nothing is left of it.
    """
    target = Path(path)
    if os.path.lexists(target):
        raise OutputError(f"{target.name} is there already, and personal data replaces no file; name another.")
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
        with suppress(OSError):  # not every system lets a directory be opened
            folder = os.open(target.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = error.strerror if isinstance(error, OSError) else "it is no path"
        raise OutputError(f"{target.name} cannot be written: {reason}.") from None
    finally:
        with suppress(OSError, ValueError):
            temporary.unlink(missing_ok=True)
    return target
