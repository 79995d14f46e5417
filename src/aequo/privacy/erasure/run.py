"""The course of an erasure: store after store, for one person or many, each answer recorded as it comes."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from aequo.errors import LedgerError
from aequo.ledger import Ledger
from aequo.privacy.erasure.journal import OnPerson, Past, record_steps, sealed_off
from aequo.privacy.erasure.receipt import Outcome, Result
from aequo.privacy.erasure.retention import active_holds, can_be_reached
from aequo.privacy.erasure.stores import LEDGER, DataStore, NotReached, TimedOut, ask, keep_of, waits_for

__all__ = ["Case", "Run"]

T = TypeVar("T")

_MOST_LISTED = 1000
_STAYS = "what is readable in them stays, with the person's keyed hash; without it the log could not be verified"


@dataclass(slots=True, kw_only=True)
class Case:
    """One person's erasure under way.

    Attributes
    ----------
    subject : str
        The person's id, for the stores.
    person : bytes
        Its keyed hash, for the ledger.
    began : datetime
        When it began; in an earlier process, if it goes on from there.
    held : str
        Why the person must not be erased; empty if they may.
    on : OnPerson or None
        What the ledger holds on the person; not looked up if held.
    resumes : Past or None
        The erasure that was cut off and goes on here.
    already : datetime or None
        When an earlier erasure ended.
    id : str
        Of the entry that began it.
    found : dict of str to int or None
        Records by store before anything was erased.
    outcomes : dict of str to tuple of Outcome
        What became of them.
    """

    subject: str
    person: bytes
    began: dt.datetime
    held: str = ""
    on: OnPerson | None = None
    resumes: Past | None = None
    already: dt.datetime | None = None
    id: str = ""
    found: dict[str, int | None] = field(default_factory=dict)
    outcomes: dict[str, tuple[Outcome, ...]] = field(default_factory=dict)

    def listed(self) -> tuple[int, ...]:
        """Return the entries that are readable now, the first of them."""
        return self.on.sealed[:_MOST_LISTED] if self.on is not None else ()

    def known(self) -> dict[str, Any]:
        """Return what was counted, for the entry that begins the erasure."""
        size = self.on.size if self.on is not None else 0
        return {"found": self.found, "size": size, "entries": list(self.listed())}

    def reached(self, store: str) -> bool:
        """Return whether a store did what it was asked."""
        return all(outcome.result != "not reached" for outcome in self.outcomes.get(store, ()))


@dataclass(slots=True, kw_only=True)
class Run:
    """One call of `erase` or `erase_many`.

    Attributes
    ----------
    ledger : Ledger
        The ledger.
    stores : sequence of DataStore
        In the order in which they go, with a place for the ledger.
    timeout : float
        Seconds that a store may take over one person.
    dry_run : bool
        Whether to count only.
    hanging : set of str
        Stores that gave no answer; they are not asked again.
    """

    ledger: Ledger
    stores: Sequence[DataStore]
    timeout: float
    dry_run: bool
    hanging: set[str] = field(default_factory=set)

    # -- counting -----------------------------------------------------------------------------------------------------

    def count(self, cases: Sequence[Case]) -> None:
        """Count what each store holds on each person; note which cannot be asked."""
        for case in cases:
            if case.held:
                case.outcomes = {s.name: (Outcome(store=s.name, result="kept", why=case.held),) for s in self.stores}
        for store in self.stores:
            for case in _open(cases):
                if store.name == LEDGER:
                    case.found[LEDGER] = len(case.on.sealed) if case.on is not None else 0
                else:
                    self._count_in(store, case)

    def _count_in(self, store: DataStore, case: Case) -> None:
        find = store.find
        if find is None:
            case.found[store.name] = None
            return
        try:
            case.found[store.name] = self._ask(store, partial(_number, find, case.subject))
        except NotReached as error:
            case.found[store.name] = None
            if not keep_of(store):
                case.outcomes[store.name] = (Outcome(store=store.name, result="not reached", why=str(error)),)

    # -- erasing ------------------------------------------------------------------------------------------------------

    def erase(self, cases: Sequence[Case]) -> None:
        """Ask each store in turn; a dry run only notes what would be asked."""
        for store in self.stores:
            self._hold_back(cases, store.name)
            todo = [case for case in _open(cases) if store.name not in case.outcomes]
            for case in todo:
                waiting = [name for name in waits_for(store) if not case.reached(name)]
                if waiting:
                    why = f"it goes after {waiting[0]!r}, which was not reached"
                    case.outcomes[store.name] = (Outcome(store=store.name, result="not reached", why=why),)
                elif keep_of(store):
                    count, why = case.found[store.name], keep_of(store)
                    case.outcomes[store.name] = (Outcome(store=store.name, result="kept", count=count, why=why),)
            todo = [case for case in todo if store.name not in case.outcomes]
            if self.dry_run:
                for case in todo:
                    case.outcomes[store.name] = self._would(store.name, case)
            elif store.name == LEDGER:
                self._erase_in_ledger(todo)
            else:
                self._erase_in(store, todo)

    def _erase_in(self, store: DataStore, cases: Sequence[Case]) -> None:
        done = []
        for case in cases:
            try:
                told = self._ask(store, partial(store.erase, case.subject))
                left = self._ask(store, partial(_number, store.find, case.subject)) if store.find is not None else 0
            except NotReached as error:
                case.outcomes[store.name] = (Outcome(store=store.name, result="not reached", why=str(error)),)
                continue
            if left:
                why = "they are still found after the erasure"
                case.outcomes[store.name] = (Outcome(store=store.name, result="not reached", count=left, why=why),)
                continue
            found = case.found[store.name]
            if found is None and isinstance(told, int) and not isinstance(told, bool):
                found = told
            count = _with_before(case, store.name, found)
            case.outcomes[store.name] = (Outcome(store=store.name, result="erased", count=count),)
            done.append((case.id, store.name, case.outcomes[store.name]))
        if done:
            record_steps(self.ledger, done)

    def _erase_in_ledger(self, cases: Sequence[Case]) -> None:
        """Destroy data keys, and remove what is left of them in free pages and logs."""
        if not cases:
            return
        store = self.ledger.store
        try:
            store.destroy([case.person for case in cases], time.time_ns() // 1000)
        except LedgerError as error:
            for case in cases:
                case.outcomes[LEDGER] = (Outcome(store=LEDGER, result="not reached", why=_plain(error)),)
            return
        try:
            traces = store.scrub()
        except LedgerError as error:
            traces = [f"free pages of the keys: {_plain(error)}"]
        for case in cases:
            case.outcomes[LEDGER] = self._in_ledger(case, traces)
        record_steps(self.ledger, [(case.id, LEDGER, case.outcomes[LEDGER]) for case in cases])

    def _in_ledger(self, case: Case, traces: Iterable[str]) -> tuple[Outcome, ...]:
        """Return what became of the entries on a person: those counted beforehand, and what was written until now."""
        on, past = case.on, case.resumes
        if on is None:
            return ()
        count, entries, start = len(on.sealed), case.listed(), on.size
        if past is not None and not self.dry_run:
            count, entries, start = past.found.get(LEDGER) or 0, past.entries, past.size
        later = () if self.dry_run else sealed_off(self.ledger.store, case.person, start)
        listed = (*entries, *later)[:_MOST_LISTED]
        outcomes = [Outcome(store=LEDGER, result="unreadable", count=count + len(later), entries=listed)]
        kept = on.count + sum(1 for index in later if index >= on.size)
        if kept:
            outcomes.append(Outcome(store=LEDGER, result="kept", count=kept, why=_STAYS))
        for trace in traces:
            result: Result = "not reached" if can_be_reached(trace) else "traces"
            outcomes.append(Outcome(store=LEDGER, result=result, why=trace))
        return tuple(outcomes)

    def _would(self, store: str, case: Case) -> tuple[Outcome, ...]:
        if store == LEDGER:
            return self._in_ledger(case, ())
        return (Outcome(store=store, result="erased", count=case.found[store]),)

    def _hold_back(self, cases: Sequence[Case], store: str) -> None:
        """Leave out whoever was put under a legal hold since the erasure began."""
        held = self.ledger.store.holds()
        for case in _open(cases):
            if case.person in held and store not in case.outcomes:
                reasons = "; ".join(one.sentence() for one in active_holds(self.ledger, case.subject))
                why = f"meanwhile put under a {reasons}"
                case.outcomes[store] = (Outcome(store=store, result="not reached", why=why),)

    def _ask(self, store: DataStore, call: Callable[[], T]) -> T:
        if store.name in self.hanging:
            raise NotReached("it gave no answer before, and was not asked again")
        try:
            return ask(call, self.timeout)
        except TimedOut:
            self.hanging.add(store.name)
            raise


def _open(cases: Sequence[Case]) -> list[Case]:
    return [case for case in cases if not case.held]


def _number(find: Callable[[str], Iterable[object]], subject: str) -> int:
    return sum(1 for _ in find(subject))


def _with_before(case: Case, store: str, count: int | None) -> int | None:
    """Return how many records a store erased, in the process that was cut off too."""
    past = case.resumes
    if past is None or count is None:
        return count
    if store in past.steps:
        return count + sum(outcome.count or 0 for outcome in past.steps[store])
    # Cut off between the store's answer and its entry: what was found then and is not there now, it erased.
    return max(count, past.found.get(store) or 0)


def _plain(error: LedgerError) -> str:
    """Return a ledger's error without the half-sentence that says that nothing was recorded."""
    return str(error).partition(";")[0].rstrip(".")
