"""Events from elsewhere, as plain JSON values, into a ledger: each kind by the way that is meant for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from aequo.errors import InputError, LedgerError, did_you_mean
from aequo.ledger.entry import Receipt
from aequo.ledger.events import named, short_value

if TYPE_CHECKING:
    from aequo.ledger import Ledger

__all__ = ["Taken", "take_events"]

_FIELDS = {
    "decision": (
        {"input", "output", "model_version"},
        {"operator_id", "metadata", "subject", "verdict"},
    ),
    "outcome": ({"of", "truth"}, {"operator_id"}),
    "override": ({"of", "output", "operator_id"}, {"reason"}),
}
"""Fields that must be there and that may be, by kind."""

_THREADS = 32
"""So many outcomes and overrides wait for the disk together."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of events.

    Attributes
    ----------
    receipts : tuple of Receipt
        Of the events that are durable, in their order.
    error : InputError or LedgerError or None
        What is wrong with the event after them; None if all were taken.
    """

    receipts: tuple[Receipt, ...]
    error: InputError | LedgerError | None = None


def take_events(ledger: Ledger, events: Iterable[Any], *, clear: Sequence[str] = ()) -> Taken:
    """Append events in order, with few writes to the disk, up to the first that cannot be taken.

    Outcomes and overrides that come one after the other are written together; those on different decisions may change
    places then.

    Parameters
    ----------
    ledger : Ledger
        Opened with its key, unless all events are on nobody and none is a decision.
    events : iterable
        JSON values. A mapping of the kind ``"decision"`` has the arguments of `Ledger.log_decision`; ``"outcome"`` has
        ``of``, the decision's index, ``truth`` and perhaps ``operator_id``; ``"override"`` has ``of``, ``output``,
        ``operator_id`` and perhaps ``reason``. Of any other, a field ``subject`` names the person it is on: then it is
        sealed.
    clear : sequence of str
        Fields that stay readable of events that are sealed.

    Returns
    -------
    Taken
        Receipts, and what is wrong with the first event that could not be taken. Those after it are not looked at.

    Examples
    --------
    >>> import tempfile
    >>> from aequo.ledger import KeyRing, Ledger
    >>> folder = tempfile.TemporaryDirectory()
    >>> ledger = Ledger.open(f"sqlite:///{folder.name}/ledger.db", key=KeyRing.new())
    >>> taken = take_events(ledger, [{"kind": "review", "stars": 4}, {"kind": "decision", "output": 1}])
    >>> len(taken.receipts), str(taken.error)
    (1, "a decision lacks 'input' and 'model_version'.")
    >>> ledger.close()
    >>> folder.cleanup()
    """
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="aequo-intake") as pool:
        return asyncio.run(_Intake(ledger, pool, tuple(clear)).take(events))


@dataclass(slots=True)
class _Intake:
    """Events under way: those that wait for the disk, in their order, and what became of those before them."""

    ledger: Ledger
    pool: ThreadPoolExecutor
    clear: tuple[str, ...]
    waiting: list[asyncio.Future[Receipt]] = field(default_factory=list)
    followed: set[int] = field(default_factory=set)
    done: list[Receipt | BaseException] = field(default_factory=list)

    async def take(self, events: Iterable[Any]) -> Taken:
        for event in events:
            if self._must_wait(event):
                await self._settle()
            try:
                task = asyncio.ensure_future(self._begin(event))
                await asyncio.sleep(0)  # up to where it waits for the disk: what is wrong with it shows here
                if task.done():
                    task.result()
            except (InputError, LedgerError) as wrong:
                await self._settle()
                self.done.append(wrong)
                break
            self.waiting.append(task)
        await self._settle()
        receipts: list[Receipt] = []
        for one in self.done:
            if isinstance(one, (InputError, LedgerError)):
                return Taken(tuple(receipts), one)
            if isinstance(one, BaseException):
                raise one
            receipts.append(one)
        return Taken(tuple(receipts))

    def _must_wait(self, event: object) -> bool:
        """Whether what waits has to be on the disk first, so that the order is kept where it matters."""
        if not isinstance(event, Mapping) or event.get("kind") not in ("outcome", "override"):
            return bool(self.followed)
        of = event.get("of")
        return type(of) is int and bool(self.waiting) and (of in self.followed or of >= self.ledger.size)

    async def _settle(self) -> None:
        waiting, self.waiting = self.waiting, []
        self.followed.clear()
        self.done += await asyncio.gather(*waiting, return_exceptions=True)

    def _begin(self, event: Any) -> Awaitable[Receipt]:
        kind = event.get("kind") if isinstance(event, Mapping) else None
        if kind not in _FIELDS:
            subject = event.get("subject") if isinstance(event, Mapping) else None
            if subject is None:
                return self.ledger.append_async(event)
            rest = {k: v for k, v in event.items() if k != "subject"}
            return self.ledger.append_async(rest, subject=subject, clear=[c for c in self.clear if c in rest])
        said = _fields(str(kind), event)
        if kind == "decision":
            return self.ledger.log_decision_async(**said)
        return self._follow_up(str(kind), said)

    def _follow_up(self, kind: str, said: dict[str, Any]) -> Awaitable[Receipt]:
        index = said.pop("of")
        if type(index) is not int:
            raise InputError(f"of is a {type(index).__name__}, expected the index of a decision.")
        # Looked at here, in order: in their threads they would be refused when later events are on their way.
        entry = self.ledger.entry(index)
        if entry.kind != "decision":
            raise InputError(f"entry {index} is of the kind {entry.kind!r}, expected a decision.")
        if said.get("operator_id") is not None:
            named("operator_id", said["operator_id"])
        value = "truth" if kind == "outcome" else "output"
        short_value(value, said[value])
        if not isinstance(said.get("reason", ""), str):
            raise InputError(f"reason is a {type(said['reason']).__name__}, expected text.")
        self.followed.add(index)
        if kind == "outcome":
            call = partial(self.ledger.attach_outcome, index, said.pop("truth"), **said)
        else:
            call = partial(self.ledger.override, index, said.pop("output"), **said)
        return asyncio.get_running_loop().run_in_executor(self.pool, call)


def _fields(kind: str, event: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of an event of a known kind, none too few and none that is not known."""
    must, may = _FIELDS[kind]
    said = {k: v for k, v in event.items() if k != "kind"}
    what = f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"
    lacking = sorted(must - said.keys())
    if lacking:
        raise InputError(f"{what} lacks {' and '.join(map(repr, lacking))}.")
    unknown = sorted(said.keys() - must - may)
    if unknown:
        hint = did_you_mean(unknown[0], [*must, *may]) or (" Put it into 'metadata'." if kind == "decision" else "")
        raise InputError(f"{what} has no field {unknown[0]!r}.{hint}")
    if said.get("metadata") is not None and not isinstance(said["metadata"], Mapping):
        raise InputError(f"metadata is a {type(said['metadata']).__name__}, expected an object.")
    return said
