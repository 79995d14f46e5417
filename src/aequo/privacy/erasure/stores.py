"""Stores that hold data on people: what aequo asks of each, how to register one, and in which order they go.

A store has a ``name``, finds what it holds on a person, and erases it. Anything with that shape is one: an object of
ours, one of yours, or a plain function. A policy names them; see `stores_of`.
"""

from __future__ import annotations

import importlib
import os
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast, runtime_checkable

from aequo.errors import InputError, PolicyError, did_you_mean

if TYPE_CHECKING:
    from aequo.core.policy import Policy, StorePolicy

__all__ = [
    "ENTRY_POINTS",
    "LEDGER",
    "DataStore",
    "FunctionStore",
    "NotReached",
    "TimedOut",
    "as_store",
    "ask",
    "close_all",
    "in_order",
    "keep_of",
    "stores_of",
    "waits_for",
    "with_ledger",
]

LEDGER = "ledger"
"""Name of the ledger among the stores. Others may be told to go after it; by default it goes last."""

ENTRY_POINTS = "aequo.stores"
"""Group of the entry points that a policy can name stores by."""

T = TypeVar("T")


class NotReached(Exception):
    """A store could not do what it was asked. Its message is shown and recorded, so it holds nothing personal."""


class TimedOut(NotReached):
    """A store gave no answer in time. Whatever it was doing may still be done."""


@runtime_checkable
class DataStore(Protocol):
    """What holds data on people.

    It is asked from a thread of its own, so that one that hangs can be left behind: a connection that knows only the
    thread it was made in has to be made when it is asked. Three more attributes may be there: ``after``, names of
    stores that have to be erased before; ``keep``, why the law or a contract forbids to erase it; and ``close()``.
    """

    @property
    def name(self) -> str:
        """Its name in receipts."""
        ...

    @property
    def find(self) -> Callable[[str], Iterable[object]] | None:
        """``find(subject)``: records that it holds on a person, readable; None where it cannot be asked."""
        ...

    def erase(self, subject: str) -> int | None:
        """Remove what it holds on a person; return how many records that was, or None if it cannot tell.

        Called again after a crash, so it must not mind that some or all is gone.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionStore:
    """A store made of functions.

    Attributes
    ----------
    name : str
        Its name in receipts.
    erase : callable
        ``erase(subject)`` removes what it holds on a person, and may return how many records that was.
    find : callable, optional
        ``find(subject)`` returns those records. Without it, nothing can be counted beforehand or exported.
    after : sequence of str
        Stores that have to be erased before.
    keep : str
        Why this one must not be erased; empty if it may.

    Examples
    --------
    >>> people = {"person-1": ["call"], "person-2": ["visit"]}
    >>> store = FunctionStore(
    ...     name="calls",
    ...     find=lambda subject: people.get(subject, []),
    ...     erase=lambda subject: len(people.pop(subject, [])),
    ... )
    >>> store.erase("person-1"), store.erase("person-1"), people
    (1, 0, {'person-2': ['visit']})
    """

    name: str
    erase: Callable[[str], int | None]
    find: Callable[[str], Iterable[object]] | None = None
    after: Sequence[str] = ()
    keep: str = ""


@dataclass(frozen=True, slots=True)
class _Renamed:
    """A store of the user's under the name, order and reasons that the policy gives it."""

    inner: DataStore
    name: str
    after: Sequence[str]
    keep: str

    @property
    def find(self) -> Callable[[str], Iterable[object]] | None:
        return self.inner.find

    def erase(self, subject: str) -> int | None:
        return self.inner.erase(subject)

    def close(self) -> None:
        close = getattr(self.inner, "close", None)
        if callable(close):
            close()


def waits_for(store: DataStore) -> tuple[str, ...]:
    """Return the names of the stores that have to be erased before this one."""
    return tuple(getattr(store, "after", ()))


def keep_of(store: DataStore) -> str:
    """Return why a store must not be erased; empty if it may."""
    return str(getattr(store, "keep", ""))


def as_store(thing: object) -> DataStore:
    """Return a store, or a function ``erase(subject)`` as one.

    Raises
    ------
    InputError
        If it is neither.

    Examples
    --------
    >>> def calls(subject: str) -> int:
    ...     return 0
    >>> as_store(calls).name
    'calls'
    """
    if isinstance(getattr(thing, "name", None), str) and callable(getattr(thing, "erase", None)):
        if not hasattr(thing, "find"):
            store = cast(Any, thing)
            return FunctionStore(name=store.name, erase=store.erase, after=waits_for(store), keep=keep_of(store))
        return cast(DataStore, thing)
    if callable(thing) and not isinstance(thing, type):
        return FunctionStore(name=getattr(thing, "__name__", type(thing).__name__), erase=thing)
    raise InputError(
        f"a store is a {type(thing).__name__}, expected an object with a name, find(subject) and erase(subject), "
        "or a function erase(subject)."
    )


def ask(call: Callable[[], T], timeout: float) -> T:
    """Return what a store answers.

    Parameters
    ----------
    call : callable
        Asks the store; it runs in a thread of its own, since a store of the user's can hang.
    timeout : float
        Seconds to wait.

    Raises
    ------
    TimedOut
        If there is no answer by then.
    NotReached
        If the store failed; of an exception that is not its own word on the matter only the kind is told, since its
        message may hold anything.
    """
    answer: list[T] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            answer.append(call())
        except BaseException as error:  # noqa: BLE001 - raised again below
            failure.append(error)

    thread = threading.Thread(target=run, name="aequo-store", daemon=True)
    thread.start()
    thread.join(timeout)
    if thread.is_alive():
        raise TimedOut(f"it gave no answer for {timeout:g} s, and may still be at it")
    if not failure:
        return answer[0]
    error = failure[0]
    if isinstance(error, NotReached):
        raise error
    if isinstance(error, Exception):
        raise NotReached(f"it failed ({type(error).__name__})") from error
    raise error


def close_all(stores: Iterable[DataStore], hanging: Collection[str] = ()) -> None:
    """Close stores that can be closed; one that hangs is still using what would be closed."""
    for store in stores:
        close = getattr(store, "close", None)
        if callable(close) and store.name not in hanging:
            close()


def in_order(stores: Sequence[DataStore]) -> list[DataStore]:
    """Return stores so that each comes after those it waits for, otherwise in the order given.

    Raises
    ------
    InputError
        If a name is there twice, a store waits for one that is not there, or some wait for each other.

    Examples
    --------
    >>> def store(name, *after):
    ...     return FunctionStore(name=name, erase=lambda subject: 0, after=after)
    >>> [s.name for s in in_order([store("orders", "invoices"), store("crm"), store("invoices")])]
    ['crm', 'invoices', 'orders']
    >>> in_order([store("a", "b"), store("b", "a")])
    Traceback (most recent call last):
    aequo.errors.InputError: these stores wait for each other: a after b after a. One of them has to go first.
    """
    names = [store.name for store in stores]
    for index, name in enumerate(names):
        if not name:
            raise InputError("a store has no name, expected one for the receipt.")
        if name in names[:index]:
            raise InputError(f"two stores are named {name!r}, expected a name for each.")
    for store in stores:
        for other in waits_for(store):
            if other not in names:
                hint = did_you_mean(other, names)
                raise InputError(f"the store {store.name!r} goes after {other!r}, which is no store.{hint}")
    left, found, done = list(stores), [], set[str]()
    while left:
        ready = next((store for store in left if done.issuperset(waits_for(store))), None)
        if ready is None:
            raise InputError(
                f"these stores wait for each other: {' after '.join(_circle(left))}. One of them has to go first."
            )
        left.remove(ready)
        found.append(ready)
        done.add(ready.name)
    return found


def with_ledger(stores: Iterable[DataStore]) -> list[DataStore]:
    """Return stores in order, with a place for the ledger among them: the last, unless some go after it.

    Raises
    ------
    InputError
        As for `in_order`.
    """
    return in_order([*stores, FunctionStore(name=LEDGER, erase=_elsewhere)])


def _elsewhere(subject: str) -> int | None:  # noqa: ARG001 - the signature of a store
    raise NotReached("the ledger is not erased as other stores are")


def _circle(stores: Sequence[DataStore]) -> list[str]:
    """Return names of stores that wait for each other, the first again at the end."""
    waits = {store.name: waits_for(store) for store in stores}
    path = [stores[0].name]
    while path[-1] not in path[:-1]:
        path.append(next(name for name in waits[path[-1]] if name in waits))
    return path[path.index(path[-1]) :]


def stores_of(policy: Policy) -> list[DataStore]:
    """Return the stores that a policy names in ``[[erase.stores]]``.

    Parameters
    ----------
    policy : Policy
        The policy.

    Raises
    ------
    PolicyError
        If one cannot be made: a module or an environment variable is not there, or what is named is no store.
    """
    return [_made(rule, policy.erase.timeout) for rule in policy.erase.stores]


def _made(rule: StorePolicy, timeout: float) -> DataStore:
    if rule.use:
        inner = _named(rule)
        # What the store itself says of order and law holds unless the policy says otherwise.
        return _Renamed(inner, rule.name, rule.after or waits_for(inner), rule.keep or keep_of(inner))
    if rule.files:
        from aequo.privacy.erasure.files import FileStore

        return FileStore(name=rule.name, files=rule.files, column=rule.column, after=rule.after, keep=rule.keep)
    if rule.vault:
        from aequo.privacy.erasure.vault import VaultStore

        return VaultStore(
            name=rule.name, path=rule.vault, key=rule.key, person=rule.column, after=rule.after, keep=rule.keep
        )
    if rule.url:
        from aequo.privacy.erasure.sql import SqlStore

        return SqlStore(
            name=rule.name,
            url=_url(rule),
            find=rule.find,
            delete=rule.delete,
            after=rule.after,
            keep=rule.keep,
            timeout=0.8 * timeout,  # it says what it waited for, so let it speak first
        )
    return FunctionStore(name=rule.name, erase=_kept, after=rule.after, keep=rule.keep)


def _kept(subject: str) -> int | None:  # noqa: ARG001 - the signature of a store
    raise NotReached("the policy only names it, as a store that is kept")


def _url(rule: StorePolicy) -> str:
    """Return where a database is; its password stays out of the policy, in the environment."""
    if not rule.url.startswith("env:"):
        return rule.url
    name = rule.url.removeprefix("env:")
    if name not in os.environ:
        raise PolicyError(f"the environment has no variable {name!r} with the url of the store {rule.name!r}.")
    return os.environ[name]


def _named(rule: StorePolicy) -> DataStore:
    """Return what ``module:name`` or an entry point of the group ``aequo.stores`` names."""
    module, colon, path = rule.use.partition(":")
    try:
        found: Any = importlib.import_module(module) if colon else _entry_point(rule)
        for part in path.split(".") if colon else ():
            found = getattr(found, part)
    except PolicyError:
        raise
    except Exception as error:  # the user's module runs here, and may fail in any way
        what = "is not there" if isinstance(error, AttributeError) else f"cannot be imported ({type(error).__name__})"
        raise PolicyError(f"the store {rule.name!r} uses {rule.use!r}, which {what}.") from error
    try:
        return as_store(found() if isinstance(found, type) else found)
    except InputError as error:
        raise PolicyError(f"the store {rule.name!r} uses {rule.use!r}, which is none: {error}") from None


def _entry_point(rule: StorePolicy) -> object:
    from importlib.metadata import entry_points

    known: Mapping[str, Any] = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
    if rule.use not in known:
        hint = did_you_mean(rule.use, known)
        raise PolicyError(
            f"the store {rule.name!r} uses {rule.use!r}, which is no entry point of {ENTRY_POINTS!r}; "
            f"write 'module:name' for a store of your own code.{hint}"
        )
    return known[rule.use].load()
