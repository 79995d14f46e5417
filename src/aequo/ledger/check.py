"""`verify`: every byte against the tree, the tree against every checkpoint, the checkpoints against the public key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import msgspec

from aequo.errors import InputError, Tampered
from aequo.ledger.entry import Header, header, instant
from aequo.ledger.note import Checkpoint, open_note, read_vkey
from aequo.ledger.reading import next_page
from aequo.ledger.store import Head, Store, StoredEntry
from aequo.ledger.tree import BITS, Node, Subtrees, extend, root_of

__all__ = ["Problem", "Verification", "verify"]

_PAGE = 4096
_MOST = 50
"""Problems that are listed; a ledger with more is wrong all over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong.

    Attributes
    ----------
    entry : int or None
        Index of the entry, where it is one.
    what : str
        One sentence.
    """

    entry: int | None
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What `Ledger.verify` found.

    Attributes
    ----------
    ok : bool
        Whether nothing is wrong.
    origin : str
        Name of the ledger.
    size : int
        Entries in the tree.
    root : str
        Root of the tree as recomputed, in hexadecimal.
    start : int
        First entry that was read; those before it were taken from a trusted checkpoint.
    problems : tuple of Problem
        What is wrong, in the order of the entries; at most 50.
    checkpoints : int
        Signed checkpoints that the tree was held against.
    signed : int
        Entries that a signature vouches for; those after it were appended without the key.
    witnessed : int
        Size of the largest checkpoint that was given from outside; 0 without one. Entries after it could have been cut
        off, with their own checkpoints, without leaving a trace here.
    """

    ok: bool
    origin: str
    size: int
    root: str
    start: int
    problems: tuple[Problem, ...]
    checkpoints: int
    signed: int
    witnessed: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain

    def sentence(self) -> str:
        """Return one line for people."""
        if self.ok:
            part = f" from {self.start}" if self.start else ""
            late = self.size - self.signed
            open_end = f" The last {f'{late:,} are' if late > 1 else 'one is'} not signed yet." if late else ""
            fit = f"{self.checkpoints} checkpoint{'s fit' if self.checkpoints != 1 else ' fits'}"
            return f"{self.origin}: {self.size:,} entries{part}, all as recorded; {fit}.{open_end}"
        many = f", and {len(self.problems) - 1} more" if len(self.problems) > 1 else ""
        return f"{self.origin}: not as recorded. {self.problems[0].what}{many}"


def verify(store: Store, *, vkey: str, checkpoint: str | None = None, since: str | None = None) -> Verification:
    """Check a ledger.

    Parameters
    ----------
    store : Store
        Its database.
    vkey : str
        Public key of its checkpoints.
    checkpoint : str, optional
        A checkpoint from outside.
    since : str, optional
        A trusted checkpoint; only entries after it are read.

    Raises
    ------
    InputError
        If the public key given is none.
    """
    try:
        return _verify(store, vkey, checkpoint, since)
    except Tampered as error:
        return _failed(store, str(error))


def _verify(store: Store, vkey: str, checkpoint: str | None, since: str | None) -> Verification:
    try:
        read_vkey(vkey)
    except InputError:
        if vkey != store.meta().get("vkey"):
            raise
        raise Tampered("the public key in the ledger is none.") from None
    # Before the head: whoever appends meanwhile makes the tree larger, never smaller.
    kept = store.checkpoints()
    run = _Run(store, store.head(), vkey)
    if store.meta().get("vkey") != vkey.strip():
        run.say(None, "the ledger names another public key than the one given.")
    points = [run.point(f"the checkpoint kept for {size} entries", note, size) for size, note in kept]
    if run.head.note is not None:
        points.append(run.point("the newest checkpoint", run.head.note))
    given = [
        run.point(name, note)
        for name, note in (("the checkpoint given", checkpoint), ("the checkpoint to start from", since))
        if note is not None
    ]
    signed = sorted((point for point in (*points, *given) if point is not None), key=lambda point: point.size)
    if not signed:
        run.say(None, "no checkpoint is left that the key signed: nothing vouches for the entries.")
    if since is not None and given[-1] is not None:
        run.begin(given[-1])
    start = run.size
    try:
        run.read([point for point in signed if point.size >= start])
        run.finish()
    except Tampered as error:
        run.say(None, f"{error}")
    return Verification(
        ok=not run.problems,
        origin=run.origin,
        size=run.head.size,
        root=root_of(run.peaks).hex(),
        start=start,
        problems=tuple(run.problems[:_MOST]),
        checkpoints=run.held,
        signed=run.vouched,
        witnessed=max((point.size for point in given if point is not None), default=0),
    )


def _failed(store: Store, what: str) -> Verification:
    try:
        origin = str(store.meta().get("origin", ""))
    except Tampered:
        origin = ""
    problems = (Problem(entry=None, what=what),)
    return Verification(
        ok=False, origin=origin, size=0, root="", start=0, problems=problems, checkpoints=0, signed=0, witnessed=0
    )


@dataclass(slots=True)
class _Run:
    """One verification: how far it is, and what was found."""

    store: Store
    head: Head
    vkey: str
    origin: str = field(init=False)
    size: int = 0
    peaks: tuple[bytes, ...] = ()
    held: int = 0
    vouched: int = 0
    problems: list[Problem] = field(default_factory=list)
    _tail: list[int] = field(default_factory=list)
    _sound: int = 0

    def __post_init__(self) -> None:
        self.origin = str(self.store.meta().get("origin", ""))

    def say(self, entry: int | None, what: str) -> None:
        if len(self.problems) <= _MOST:
            self.problems.append(Problem(entry=entry, what=what))

    # -- checkpoints --------------------------------------------------------------------------------------------------

    def point(self, name: str, note: str, size: int | None = None) -> Checkpoint | None:
        """Return what a checkpoint says, to hold the tree against; None, and say why, if that cannot be done."""
        try:
            point = Checkpoint.from_text(open_note(note, self.vkey))
        except (Tampered, InputError, TypeError, AttributeError) as error:
            self.say(None, f"{name} cannot be trusted: {error}")
            return None
        if point.origin != self.origin:
            self.say(None, f"{name} is of the ledger {point.origin!r}, and this one says it is {self.origin!r}.")
        elif size is not None and point.size != size:
            self.say(None, f"{name} is on {point.size}: it was put in another's place.")
        elif point.size > self.head.size:
            self.say(
                self.head.size,
                f"{name} is on {point.size} entries and the ledger has {self.head.size}: it was cut or set back.",
            )
        else:
            return point
        return None

    def begin(self, trusted: Checkpoint) -> None:
        """Start after a checkpoint, from stored hashes that its root vouches for."""
        try:
            peaks = Subtrees(self.store.hashes, trusted.size).peaks()
        except Tampered:
            peaks = ()
        if root_of(peaks) != trusted.root:
            self.say(
                None, "the stored tree does not lead to the checkpoint to start from: it was verified from entry 0."
            )
            return
        self.size, self.peaks, self._sound = trusted.size, peaks, trusted.size
        self.vouched = trusted.size
        first = self.size - self.size % (1 << BITS)
        self._tail = [row.time for row in self.store.rows(first, self.size)]

    # -- entries ------------------------------------------------------------------------------------------------------

    def read(self, points: Sequence[Checkpoint]) -> None:
        """Read all entries, in pages that end where a checkpoint is to be checked."""
        waiting, count = list(points), 16
        while True:
            while waiting and waiting[0].size == self.size:
                self._hold(waiting.pop(0))
            stop = min(self.head.size, self.size + count, waiting[0].size if waiting else self.head.size)
            if stop == self.size:
                return
            rows = self._present(self.store.rows(self.size, stop), stop)
            if rows is None:
                return
            leaves = self._sound_leaves(rows)
            self._people(rows, stop)
            count = next_page(count, rows, _PAGE)
            before = self.size
            self.size, self.peaks, completed = extend(self.size, self.peaks, leaves)
            self._nodes(before, completed, [row.time for row in rows])

    def _hold(self, point: Checkpoint) -> None:
        if point.root == root_of(self.peaks):
            self.held += 1
            self._sound = self.vouched = point.size
            return
        last = point.size - 1
        where = f"entry {last} is" if last == self._sound else f"of the entries {self._sound} to {last} one or more are"
        self.say(self._sound, f"{where} not what was signed: the tree does not lead to the checkpoint's root.")

    def _present(self, rows: list[StoredEntry], stop: int) -> list[StoredEntry] | None:
        """Return the rows if none is missing, else say which is."""
        for expected, row in zip(range(self.size, stop), rows, strict=False):
            if row.position != expected:
                self.say(expected, f"entry {expected} is missing.")
                return None
        if len(rows) < stop - self.size:
            first = self.size + len(rows)
            last = self.head.size - 1
            what = f"entry {first} is missing." if first == last else f"the entries from {first} on are missing."
            self.say(first, what)
            return None
        return rows

    def _sound_leaves(self, rows: Sequence[StoredEntry]) -> list[bytes]:
        """Return the stored leaf hashes, and say which do not fit their bytes."""
        leaves = [row.leaf for row in rows]
        made = [sha256(b"\x00" + row.body).digest() for row in rows]
        if made == leaves:
            return leaves
        for i, row in enumerate(rows):
            if made[i] != leaves[i]:
                self.say(row.position, f"entry {row.position} was changed: its bytes do not fit its hash.")
                if len(leaves[i]) != 32:
                    leaves[i] = made[i]
        return leaves

    def _people(self, rows: Sequence[StoredEntry], stop: int) -> None:
        """Hold the columns beside the bytes against the bytes."""
        listed = self.store.subject_rows(self.size, stop)
        said: list[tuple[int, bytes]] = []
        time, shown = -1, ""
        for row in rows:
            try:
                head: Header = header(row.body)
                subject = None if head.subject is None else bytes.fromhex(head.subject)
            except (msgspec.MsgspecError, TypeError, RecursionError, ValueError):
                self.say(row.position, f"entry {row.position} is no entry: its bytes cannot be read.")
                continue
            if row.time != time:
                time, shown = row.time, _shown(row.time)
            if head.time != shown:
                self.say(row.position, f"the time beside entry {row.position} is not the time in it.")
            if subject is not None:
                said.append((row.position, subject))
        if said != [(index, subject) for index, subject in listed]:
            wrong = sorted(set(said) ^ set(listed))
            index = wrong[0][0] if wrong else None
            self.say(index, f"the list of persons does not fit entry {index}: their data would not be found.")

    def _nodes(self, before: int, completed: Sequence[Node], times: Sequence[int]) -> None:
        """Hold the stored hashes of subtrees against the recomputed ones."""
        width = 1 << BITS
        self._tail += times
        for level in sorted({level for level, _, _ in completed}):
            made = {position: digest for at, position, digest in completed if at == level}
            stored = {n.position: n for n in self.store.nodes(level, min(made), max(made) + 1)}
            for position, digest in made.items():
                node = stored.get(position)
                if node is None or node.hash != digest:
                    first = position << level
                    what = "is gone" if node is None else "does not fit them"
                    self.say(first, f"the stored hash over the entries {first} to {first + (1 << level) - 1} {what}.")
                elif level == BITS:
                    part = self._tail[position * width - (before - before % width) :][:width]
                    if (node.low, node.high) != (min(part), max(part)):
                        self.say(position * width, f"the stored period from entry {position * width} on is not theirs.")
                else:
                    below = self.store.nodes(level - BITS, position << BITS, (position + 1) << BITS)
                    if (node.low, node.high) != (min(n.low for n in below), max(n.high for n in below)):
                        self.say(
                            position << level, f"the stored period from entry {position << level} on is not theirs."
                        )
        kept = self.size % width
        self._tail = self._tail[-kept:] if kept else []

    def finish(self) -> None:
        """Hold the end against the head of the tree."""
        if self.size == self.head.size and self.peaks != self.head.peaks:
            self.say(self._sound, f"the tree over the entries from {self._sound} on is not the one that was recorded.")
        for stray in self.store.strays():
            self.say(None, f"{stray}: that is not what aequo recorded.")


def _shown(time: int) -> str:
    try:
        return instant(time)
    except OverflowError:  # not a time that anything was recorded at
        return ""
