"""`Ledger`: a log of decisions that shows every change to it, and that a person can be forgotten in."""

from __future__ import annotations

import datetime as dt
import hmac
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from aequo.errors import InputError, KeyProblem, LedgerError, Tampered
from aequo.ledger.entry import (
    Entry,
    Receipt,
    Row,
    canonical,
    encode_all,
    encode_bodies,
    encode_json,
    fresh_ids,
    instant,
    kind_of,
    microseconds,
    seal_event,
)
from aequo.ledger.events import Part, decision_part, event_part, follow_up_part, named, short_value
from aequo.ledger.group import Group, Waiting
from aequo.ledger.keys import KeySource, MasterKey, load_key, unwrap_secret, wrap_secret
from aequo.ledger.note import read_vkey
from aequo.ledger.people import DataKey, People, person_context, plain_subject
from aequo.ledger.places import create_ledger, ledger_exists, open_store, secret_context
from aequo.ledger.reading import Chosen, read_entries
from aequo.ledger.signing import Signer
from aequo.ledger.store import Changed, PersonKey, Store
from aequo.ledger.tree import Subtrees, leaf_hash

if TYPE_CHECKING:
    from aequo.ledger.check import Verification
    from aequo.ledger.proof import ConsistencyProof, InclusionProof

__all__ = ["Ledger"]

_SECRETS = ("digest", "sign", "subject")
_TRIES = 5
_RESTLESS = "the person's key kept changing, as in an erasure under way; nothing was recorded."
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class Ledger:
    """A tamper-evident log of decisions, findings, verdicts and reviews. Open one with `Ledger.open`.

    Entries are appended by any number of threads and processes. Each is durable when the call returns, and becomes a
    leaf of a Merkle tree (RFC 6962) whose root is signed. What belongs to a person is sealed under that person's key;
    destroying the key makes it unreadable, and the tree does not notice.

    Examples
    --------
    >>> import tempfile
    >>> from aequo.ledger import KeyRing, Ledger
    >>> folder = tempfile.TemporaryDirectory()
    >>> ledger = Ledger.open(f"sqlite:///{folder.name}/decisions.db", key=KeyRing.new())
    >>> receipt = ledger.log_decision(
    ...     input={"income": 41000}, output="approved", model_version="v3", operator_id="desk-7", subject="person-1"
    ... )
    >>> receipt.index, ledger.size, ledger.verify().ok
    (0, 1, True)
    >>> ledger.close()
    >>> folder.cleanup()
    """

    def __init__(self, store: Store, *, key: MasterKey | None, inputs: Literal["digest", "keep"], url: str) -> None:
        self._store = store
        self._keep_inputs = inputs == "keep"
        self._meta = _checked(store.meta())
        self._group, self._pid = Group(self._commit), os.getpid()
        self.url = url
        self._people: People | None = None
        self._signer: Signer | None = None
        if key is not None:
            self._unlock(key)

    @classmethod
    def open(
        cls,
        url: str,
        *,
        key: KeySource | None = None,
        create: bool = True,
        origin: str | None = None,
        inputs: Literal["digest", "keep"] = "digest",
    ) -> Ledger:
        """Open a ledger, and make it if it is not there.

        Parameters
        ----------
        url : str
            ``sqlite:///relative/path.db``, ``sqlite:////absolute/path.db`` or ``postgresql://user@host/database``.
        key : KeyRing, KeyService, bytes, str or Path, optional
            The master key, see `aequo.ledger.load_key`. Without it the ledger can be read and verified, and events
            that are on nobody can be appended; nothing is sealed, opened, digested or signed.
        create : bool
            Whether to make a ledger that is not there; that needs the key.
        origin : str, optional
            Name of a new ledger, in its checkpoints; without blanks and plus signs. A random one by default.
        inputs : {"digest", "keep"}
            Whether `log_decision` stores a keyed digest of the input, or the input itself, sealed.

        Raises
        ------
        InputError
            If the url cannot be one.
        LedgerError
            If there is no ledger and none may be made, or the database is out of reach.
        KeyProblem
            If the key is not this ledger's.
        """
        if inputs not in ("digest", "keep"):
            raise InputError(f"inputs is {inputs!r}, expected 'digest' or 'keep'.")
        master = None if key is None else load_key(key)
        if create and not ledger_exists(url):
            if master is None:
                raise KeyProblem("a new ledger needs a master key (key=): its secrets are stored only in wrapped form.")
            create_ledger(url, master, origin)
        store = open_store(url)
        try:
            return cls(store, key=master, inputs=inputs, url=url)
        except BaseException:
            store.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the database. Further use is an error."""
        self._store.close()

    def __repr__(self) -> str:
        return f"Ledger({self.origin}, {'with' if self._people else 'without'} its key)"

    @property
    def origin(self) -> str:
        """Name of the ledger, in its checkpoints."""
        return self._meta["origin"]

    @property
    def vkey(self) -> str:
        """Public key of its checkpoints, as C2SP signed notes write it. Give it to auditors beforehand."""
        return self._meta["vkey"]

    @property
    def size(self) -> int:
        """Entries in the tree."""
        return self._store.head().size

    @property
    def root(self) -> bytes:
        """Root of the tree."""
        return self._store.head().root

    @property
    def store(self) -> Store:
        """The database behind it."""
        return self._store

    @property
    def has_key(self) -> bool:
        """Whether it was opened with its master key."""
        return self._people is not None

    # -- keys ---------------------------------------------------------------------------------------------------------

    def _unlock(self, master: MasterKey) -> None:
        plain = {name: self._secret(master, name) for name in _SECRETS}
        signing = Ed25519PrivateKey.from_private_bytes(plain["sign"])
        _, public = read_vkey(self.vkey)
        if signing.public_key().public_bytes_raw() != public:
            raise Tampered("the public key in the ledger is not that of its signing key.")
        self._digest_key, self._subject_key = plain["digest"], plain["subject"]
        self._signing_key = signing
        self._signer = Signer(self._store, self.origin, signing)
        self._people = People(self._store, master)

    def _secret(self, master: MasterKey, name: str) -> bytes:
        wrapped = self._store.secret(name)
        if wrapped is None:
            raise Tampered(f"the ledger's secret {name!r} is gone.")
        return unwrap_secret(master, wrapped, context=secret_context(self.origin, name))

    def _need_people(self, what: str) -> People:
        if self._people is None:
            raise KeyProblem(f"{what} needs the master key: open the ledger with key=.")
        return self._people

    def subject_id(self, subject: str | int) -> bytes:
        """Return the keyed hash by which the ledger knows a person, 16 bytes (HMAC-SHA-256, cut).

        Raises
        ------
        KeyProblem
            Without the master key.
        InputError
            If `subject` cannot be a person's id.
        """
        self._need_people("to know a person")
        return self._person(plain_subject(subject))

    def _person(self, plain: str) -> bytes:
        return hmac.digest(self._subject_key, plain.encode(), "sha256")[:16]

    def digest(self, value: object) -> str:
        """Return the keyed digest of an input: the same for equal inputs, and not to be guessed without the key.

        Parameters
        ----------
        value : Any
            As for `log_decision`.

        Raises
        ------
        KeyProblem
            Without the master key.
        InputError
            If `value` has no plain form.
        """
        self._need_people("a digest of an input")
        return "hmac-sha256:" + hmac.digest(self._digest_key, canonical(value), "sha256").hex()

    def rotate(self, key: KeySource) -> int:
        """Wrap all keys with a new master key; return how many data keys there are.

        Parameters
        ----------
        key : KeyRing, KeyService, bytes, str or Path
            The new master key. It must be the whole of what is used from now on: for keys of ours, ``ring.rotated()``,
            saved beforehand. An interrupted rotation is completed by calling it again.

        Raises
        ------
        KeyProblem
            If the ledger was opened without its key.
        """
        people, master = self._need_people("a rotation"), load_key(key)
        signing = self._signing_key.private_bytes_raw()
        plain = {"digest": self._digest_key, "sign": signing, "subject": self._subject_key}
        count, after = 0, b""
        while rows := self._store.people(after, 1000):
            changed = []
            for row in rows:
                context = person_context(row.subject, row.key_id)
                data_key = _first_that_opens((people.master, master), row.wrapped, context)
                changed.append(row._replace(wrapped=wrap_secret(master, data_key, context=context)))
            self._store.rewrap({}, changed)
            count, after = count + len(rows), rows[-1].subject
        # Last, since they tell which master key is the ledger's.
        contexts = {name: secret_context(self.origin, name) for name in plain}
        self._store.rewrap({n: wrap_secret(master, secret, context=contexts[n]) for n, secret in plain.items()}, ())
        self._people = People(self._store, master)
        self._store.scrub()
        return count

    # -- appending ----------------------------------------------------------------------------------------------------

    def append(self, event: Any, *, subject: str | int | None = None, clear: Sequence[str] = ()) -> Receipt:
        """Append an event.

        Parameters
        ----------
        event : Any
            Any JSON value. A mapping's ``kind`` (lower-case words) is the kind of the entry.
        subject : str or int, optional
            The person it is about. The event is then sealed under that person's key, all but its ``kind``.
        clear : sequence of str
            Fields of the event that are not personal and stay readable, where a subject is given.

        Returns
        -------
        Receipt
            When the entry is durable.

        Raises
        ------
        InputError
            If JSON cannot hold the event exactly; nothing was recorded.
        LedgerError
            If the database could not take it; nothing was recorded.
        """
        return self.append_many([event], subject=subject, clear=clear)[0]

    def append_many(
        self, events: Iterable[Any], *, subject: str | int | None = None, clear: Sequence[str] = ()
    ) -> list[Receipt]:
        """Append events in order, all or none, with one write to the disk. Parameters as for `append`."""
        if subject is None:
            listed = list(events)
            return self._record(lambda: self._prepare_clear(listed))
        return self._record_parts([event_part(event, subject, clear) for event in events])

    async def append_async(self, event: Any, *, subject: str | int | None = None, clear: Sequence[str] = ()) -> Receipt:
        """Append an event from a coroutine; the loop goes on meanwhile. Parameters as for `append`."""
        return (await self._record_async([event_part(event, subject, clear)]))[0]

    def log_decision(
        self,
        *,
        input: Any,  # noqa: A002 - the field's own word
        output: Any,
        model_version: str,
        operator_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        subject: str | int | None = None,
        verdict: str | None = None,
    ) -> Receipt:
        """Append a decision.

        Parameters
        ----------
        input : Any
            What was decided on: a mapping, sequence, array, frame row or bytes. Stored as a keyed digest, or sealed
            where the ledger keeps inputs.
        output : Any
            What was decided. A number, a boolean or a short text stays readable, as the outcome that reports count;
            anything else is sealed.
        model_version : str
            Which model or rule decided.
        operator_id : str, optional
            Who ran it. Stays readable.
        metadata : mapping, optional
            JSON values; sealed.
        subject : str or int, optional
            The person decided on. What is sealed is sealed under that person's key, else under the ledger's.
        verdict : str, optional
            What a policy said of it, such as ``"allow"`` or ``"block"``.

        Returns
        -------
        Receipt
            When the entry is durable.

        Raises
        ------
        KeyProblem
            Without the master key: neither digests nor seals can be made.
        InputError
            If something has no JSON form; nothing was recorded.
        """
        return self._record_parts(
            [self._decision(input, output, model_version, operator_id, metadata, subject, verdict)]
        )[0]

    def log_decisions(self, decisions: Iterable[Mapping[str, Any]]) -> list[Receipt]:
        """Append many decisions in order, all or none, with one write to the disk.

        Parameters
        ----------
        decisions : iterable of mapping
            The parameters of `log_decision`, by name, for each.
        """
        return self._record_parts(
            [
                self._decision(
                    one["input"],
                    one["output"],
                    one["model_version"],
                    one.get("operator_id"),
                    one.get("metadata"),
                    one.get("subject"),
                    one.get("verdict"),
                )
                for one in decisions
            ]
        )

    async def log_decision_async(
        self,
        *,
        input: Any,  # noqa: A002 - the field's own word
        output: Any,
        model_version: str,
        operator_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        subject: str | int | None = None,
        verdict: str | None = None,
    ) -> Receipt:
        """Append a decision from a coroutine; the loop goes on meanwhile. Parameters as for `log_decision`."""
        part = self._decision(input, output, model_version, operator_id, metadata, subject, verdict)
        return (await self._record_async([part]))[0]

    def _decision(
        self,
        given: Any,
        output: Any,
        model_version: str,
        operator_id: str | None,
        metadata: Mapping[str, Any] | None,
        subject: str | int | None,
        verdict: str | None,
    ) -> Part:
        self._need_people("to log a decision")
        personal: dict[str, Any] = {"metadata": dict(metadata)} if metadata else {}
        if self._keep_inputs:
            personal["input"] = given
        return decision_part(
            output=output,
            model_version=model_version,
            operator_id=operator_id,
            verdict=verdict,
            input_digest=self.digest(given),
            personal=personal,
            subject=subject,
        )

    def attach_outcome(self, index: int, truth: Any, *, operator_id: str | None = None) -> Receipt:
        """Append what later turned out to be true of a decision. Reports count errors from it.

        Parameters
        ----------
        index : int
            The decision's entry.
        truth : Any
            What the output should have been: a number, a boolean or a short text. The newest one counts.
        operator_id : str, optional
            Who says so.

        Raises
        ------
        InputError
            If that entry is no decision, or the truth is no short value.
        """
        return self._follow_up("outcome", index, {"truth": short_value("truth", truth)}, {}, operator_id)

    def override(self, index: int, output: Any, *, operator_id: str, reason: str = "") -> Receipt:
        """Append that a person overrode a decision.

        Parameters
        ----------
        index : int
            The decision's entry.
        output : Any
            What was decided instead: a number, a boolean or a short text.
        operator_id : str
            Who did.
        reason : str
            Why; sealed.

        Raises
        ------
        InputError
            If that entry is no decision, or the output is no short value.
        """
        personal = {"reason": reason} if reason else {}
        return self._follow_up("override", index, {"output": short_value("output", output)}, personal, operator_id)

    def _follow_up(
        self, kind: str, index: int, said: dict[str, Any], personal: dict[str, Any], operator_id: str | None
    ) -> Receipt:
        decision = self.entry(index)
        if decision.kind != "decision":
            raise InputError(f"entry {index} is of the kind {decision.kind!r}, expected a decision.")
        if operator_id is not None:
            said = {**said, "operator_id": named("operator_id", operator_id)}
        whose = bytes.fromhex(decision.subject) if decision.subject is not None else None
        return self._record_parts([follow_up_part(kind, index, decision.leaf, said, personal, whose)])[0]

    # -- from events to rows ------------------------------------------------------------------------------------------

    def _record_parts(self, parts: Sequence[Part]) -> list[Receipt]:
        return self._record(lambda: self._prepare(parts))

    def _record(self, prepare: Callable[[], _Prepared]) -> list[Receipt]:
        for _ in range(_TRIES):
            waiting, ids, now = prepare()
            if not waiting.rows:
                return []
            self._own_group().run(waiting)
            if not waiting.again:
                return _receipts(waiting, ids, now)
        raise LedgerError(_RESTLESS)

    async def _record_async(self, parts: Sequence[Part]) -> list[Receipt]:
        for _ in range(_TRIES):
            waiting, ids, now = self._prepare(parts)
            await self._own_group().run_async(waiting)
            if not waiting.again:
                return _receipts(waiting, ids, now)
        raise LedgerError(_RESTLESS)

    def _own_group(self) -> Group:
        """Return those who wait in this process: after a fork, the parent's are not ours."""
        if os.getpid() != self._pid:
            self._group, self._pid = Group(self._commit), os.getpid()
            if self._people is not None:
                self._people = People(self._store, self._people.master)
        return self._group

    def _prepare(self, parts: Sequence[Part]) -> _Prepared:
        now = time.time_ns() // 1000
        at, ids = instant(now), fresh_ids(len(parts))
        texts = [encode_json(part.event) for part in parts]
        tails: list[bytes] = []
        owners: list[tuple[bytes, bytes] | tuple[None, None]] = []
        fresh: dict[bytes, PersonKey] = {}
        for entry_id, part in zip(ids, parts, strict=True):
            tail = b""
            owner: tuple[bytes, bytes] | tuple[None, None] = (None, None)
            if part.whose is not None:
                subject, data = self._data_key(part.whose)
                if data.fresh is not None:
                    fresh[subject] = data.fresh
                tail = seal_event(data.key, data.key_id, subject, entry_id, encode_json(part.personal))
                owner = (subject, data.key_id)
            tails.append(tail)
            owners.append(owner)
        bodies = encode_bodies(at, ids, [part.kind for part in parts], texts, tails)
        rows = [Row(now, leaf_hash(body), body, *owner) for body, owner in zip(bodies, owners, strict=True)]
        return Waiting(rows, list(fresh.values())), ids, now

    def _prepare_clear(self, events: Sequence[Any]) -> _Prepared:
        """Do what `_prepare` does for events on nobody, in half the time."""
        now = time.time_ns() // 1000
        at, ids = instant(now), fresh_ids(len(events))
        bodies = encode_bodies(at, ids, map(kind_of, events), encode_all(events))
        return Waiting([Row(now, leaf_hash(body), body) for body in bodies], ()), ids, now

    def _data_key(self, whose: str | bytes) -> tuple[bytes, DataKey]:
        people = self._need_people("to seal what belongs to a person")
        subject = self._person(whose) if isinstance(whose, str) else whose
        return subject, people.to_write(subject)

    def _commit(self, batch: list[Waiting]) -> None:
        todo = batch
        while todo:
            rows = [row for waiting in todo for row in waiting.rows] if len(todo) > 1 else todo[0].rows
            keys = {key.subject: key for waiting in todo for key in waiting.keys}
            try:
                indices = self._store.commit(rows, list(keys.values()), self._signer)
            except Changed as changed:
                if self._people is not None:
                    self._people.forget(changed.subjects)
                for waiting in todo:
                    waiting.again = any(row.subject in changed.subjects for row in waiting.rows)
                todo = [waiting for waiting in todo if not waiting.again]
                continue
            if keys and self._people is not None:
                self._people.settled(keys.values())
            start = 0
            for waiting in todo:
                waiting.indices = indices[start : start + len(waiting.rows)]
                start += len(waiting.rows)
            return

    # -- reading ------------------------------------------------------------------------------------------------------

    def sequence(self) -> int:
        """Give indices to entries that have none yet, if no other process is doing so; return the size of the tree."""
        return self._store.sequence(self._signer)

    def index_of(self, receipt: Receipt) -> int | None:
        """Return the index of an entry by its receipt, or None while it has none."""
        if receipt.index is not None:
            return receipt.index
        self.sequence()
        when = microseconds(receipt.time)
        chosen = Chosen(since=when, until=when + 1)
        found = read_entries(self._store, chosen, None)
        return next((entry.index for entry in found if entry.leaf == receipt.leaf), None)

    def entry(self, index: int) -> Entry:
        """Return one entry.

        Raises
        ------
        InputError
            If there is no such entry.
        """
        found = next(iter(self.entries(start=index, stop=index + 1)), None) if index >= 0 else None
        if found is None:
            raise InputError(f"there is no entry {index}; the ledger has {self.size}, counted from 0.")
        return found

    def entries(
        self,
        *,
        start: int = 0,
        stop: int | None = None,
        since: dt.datetime | None = None,
        until: dt.datetime | None = None,
        kind: str | None = None,
        subject: str | int | None = None,
        newest_first: bool = False,
        **fields: Any,
    ) -> Iterator[Entry]:
        """Return entries one by one, read in pages.

        Parameters
        ----------
        start, stop : int
            Indices from `start` up to, not including, `stop`.
        since, until : datetime, optional
            Recorded at or after `since`, and before `until`.
        kind : str, optional
            Kind of entry.
        subject : str or int, optional
            Those on one person; needs the master key.
        newest_first : bool
            Order.
        **fields
            Values of fields of the event, such as ``model_version="v3"``.

        Raises
        ------
        Tampered
            At an entry that cannot be read.
        """
        chosen = Chosen(
            start=max(0, start),
            stop=stop,
            since=None if since is None else microseconds(since),
            until=None if until is None else microseconds(until),
            kind=kind,
            subject=None if subject is None else self.subject_id(subject),
            newest_first=newest_first,
            fields=fields,
        )
        return read_entries(self._store, chosen, self._people)

    # -- proofs -------------------------------------------------------------------------------------------------------

    def checkpoint(self) -> str:
        """Sign the tree as it stands, keep the checkpoint in the ledger and return it as a C2SP signed note.

        Keep it somewhere else too: only a checkpoint out of the operator's reach shows a ledger that was set back.

        Raises
        ------
        KeyProblem
            Without the master key.
        """
        if self._signer is None:
            raise KeyProblem("a checkpoint needs the master key: open the ledger with key=.")
        self.sequence()
        head = self._store.head()
        note = self._signer(head.size, head.root)
        self._store.keep_checkpoint(head.size, note)
        return note

    def prove(self, index: int, *, size: int | None = None) -> InclusionProof:
        """Return the proof that an entry is in the tree, with the entry's bytes and a signed checkpoint.

        Parameters
        ----------
        index : int
            The entry.
        size : int, optional
            Size of the tree to prove it for; all of it by default.

        Raises
        ------
        InputError
            If that tree has no such entry.
        """
        from aequo.ledger.proof import prove_inclusion

        return prove_inclusion(self, index, size)

    def prove_consistency(self, old: int, *, size: int | None = None) -> ConsistencyProof:
        """Return the proof that the tree of `old` entries is the beginning of the tree now (or of `size` entries).

        Raises
        ------
        InputError
            If the ledger is smaller.
        """
        from aequo.ledger.proof import prove_growth

        return prove_growth(self, old, size)

    def subtrees(self, size: int | None = None) -> Subtrees:
        """Return hashes of any node of the tree, from the stored ones."""
        whole = self.size
        if size is not None and not 0 <= size <= whole:
            raise InputError(f"there is no tree of {size} entries; the ledger has {whole}.")
        return Subtrees(self._store.hashes, whole if size is None else size)

    def verify(
        self, checkpoint: str | None = None, *, vkey: str | None = None, since: str | None = None
    ) -> Verification:
        """Check every byte against the tree, the tree against every checkpoint, and these against the public key.

        Parameters
        ----------
        checkpoint : str, optional
            A checkpoint that was kept elsewhere, as text: shows also a ledger that was set back or replaced.
        vkey : str, optional
            Public key that was kept elsewhere; that of the ledger by default.
        since : str, optional
            A checkpoint up to which entries are known to be right: only those after it are read.

        Returns
        -------
        Verification
            ``ok``, and where not, what is wrong with which entry.
        """
        from aequo.ledger.check import verify

        return verify(self._store, checkpoint=checkpoint, vkey=vkey or self.vkey, since=since)


_Prepared = tuple[Waiting, list[str], int]
"""Rows that are ready, their ids, and the time in them."""


def _receipts(waiting: Waiting, ids: Sequence[str], now: int) -> list[Receipt]:
    when = _EPOCH + dt.timedelta(microseconds=now)
    return [
        Receipt(index=index, leaf=row.leaf, id=entry_id, time=when)
        for index, row, entry_id in zip(waiting.indices, waiting.rows, ids, strict=True)
    ]


def _first_that_opens(masters: Sequence[MasterKey], sealed: bytes, context: bytes) -> bytes:
    for master in masters[:-1]:
        try:
            return unwrap_secret(master, sealed, context=context)
        except KeyProblem:
            continue  # an earlier, interrupted rotation wrapped this one with the new key already
    return unwrap_secret(masters[-1], sealed, context=context)


def _checked(meta: Mapping[str, str]) -> Mapping[str, str]:
    """Return what a ledger says of itself, if it says all that is needed."""
    if not all(isinstance(meta.get(name), str) for name in ("format", "origin", "vkey")):
        raise Tampered("the ledger does not say its name, its public key or its form any more.")
    if meta["format"] != "1":
        raise LedgerError("the ledger is of a form that this version of aequo does not know; use a newer one.")
    return meta
