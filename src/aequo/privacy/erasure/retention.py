"""How long personal data stays: legal holds, which forbid to erase, and retention, which ends by itself.

Holds and their ends are entries of the ledger. What is past its retention is made unreadable, as in an erasure: the
entries stay, and so does every proof.
"""

from __future__ import annotations

import datetime as dt
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from aequo.errors import InputError, KeyProblem, LedgerError
from aequo.ledger import Ledger, Receipt
from aequo.ledger.entry import instant, microseconds
from aequo.ledger.events import EVERYONE
from aequo.ledger.people import plain_subject
from aequo.ledger.reading import spans
from aequo.ledger.store import Store
from aequo.ledger.tree import BITS

__all__ = [
    "RETENTION_DAYS",
    "Expiry",
    "Hold",
    "active_holds",
    "can_be_reached",
    "check_words",
    "expire",
    "hold",
    "known_subject",
    "lift_hold",
    "note_on",
]

RETENTION_DAYS = 183
"""At least six months, as the EU's AI Act (articles 19 and 26) asks of logs."""

HOLD, RELEASED = "legal-hold", "legal-hold.released"

_PAGE = 1000
_BATCH = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A legal hold: a person's data must not be erased.

    Attributes
    ----------
    reason : str
        Why, such as the number of a case.
    since : datetime
        When it was put on, UTC.
    """

    reason: str
    since: dt.datetime

    def sentence(self) -> str:
        """Return it in a few words."""
        return f"legal hold since {self.since:%Y-%m-%d}: {self.reason}"


# -- words and persons ------------------------------------------------------------------------------------------------


def known_subject(subject: str | int) -> str:
    """Return a person's id as text, as given.

    Raises
    ------
    InputError
        If it cannot be one.
    """
    if plain_subject(subject) == EVERYONE:
        raise InputError("that is the ledger's own word for nobody in particular, expected a person's id.")
    return str(subject)


def check_words(subject: str, **words: str | None) -> None:
    """Refuse a text that stays readable in the ledger and names the person.

    Parameters
    ----------
    subject : str
        The person's id.
    **words
        Texts by the name of their argument.

    Raises
    ------
    InputError
        If one is empty or holds the id as a word.

    Examples
    --------
    >>> check_words("person-1", reason="request of 3 May")
    >>> check_words("person-1", reason="person-1 asked for it")
    Traceback (most recent call last):
    aequo.errors.InputError: reason holds the id of the person, and it stays in the ledger; word it without.
    """
    name = re.compile(rf"(?<!\w){re.escape(plain_subject(subject))}(?!\w)", re.IGNORECASE)
    for argument, text in words.items():
        if text is None:
            continue
        if not text.strip():
            raise InputError(f"{argument} is empty, expected text.")
        if name.search(plain_subject(text)):
            raise InputError(f"{argument} holds the id of the person, and it stays in the ledger; word it without.")


def note_on(ledger: Ledger, subject: str, event: Mapping[str, Any]) -> Receipt:
    """Append what was done about a person's data: found by the person's id while there is data on them.

    Nothing in the event is personal. Where the ledger holds nothing on the person, no data key is made for it.
    """
    known = ledger.store.person(ledger.subject_id(subject)) is not None
    if not known:
        return ledger.append(dict(event))
    return ledger.append(dict(event), subject=subject, clear=[name for name in event if name != "kind"])


# -- legal hold -------------------------------------------------------------------------------------------------------


def hold(subject: str | int, *, ledger: Ledger, reason: str, operator_id: str | None = None) -> Receipt:
    """Put a legal hold on a person's data: `erase` refuses it, and retention passes over it.

    Parameters
    ----------
    subject : str or int
        The person's id.
    ledger : Ledger
        Opened with its key.
    reason : str
        Why, without naming the person: it stays readable in the ledger. A person can be held for several reasons.
    operator_id : str, optional
        Who asks for it; stays readable too.

    Returns
    -------
    Receipt
        Of the entry that says so.

    Raises
    ------
    InputError
        If the reason is empty or names the person.
    KeyProblem
        Without the master key.
    """
    person = known_subject(subject)
    check_words(person, reason=reason, operator_id=operator_id)
    # First the hold, then the entry: what is to be kept must not be erased in between.
    ledger.store.hold(ledger.subject_id(person), time.time_ns() // 1000)
    said = {"person": ledger.subject_id(person).hex(), "reason": reason, "operator_id": operator_id}
    return ledger.append({"kind": HOLD, **said}, subject=person, clear=list(said))


def lift_hold(
    subject: str | int, *, ledger: Ledger, reason: str, operator_id: str | None = None, hold: str | None = None
) -> Receipt:
    """Lift a legal hold.

    Parameters
    ----------
    subject : str or int
        The person's id.
    ledger : Ledger
        Opened with its key.
    reason : str
        Why it is lifted, without naming the person.
    operator_id : str, optional
        Who asks for it.
    hold : str, optional
        Reason of the hold to lift, where the person is held for several. The data stays held for the others.

    Returns
    -------
    Receipt
        Of the entry that says so.

    Raises
    ------
    InputError
        If the person is not held, or it is not clear which hold is meant.
    KeyProblem
        Without the master key.
    """
    person = known_subject(subject)
    check_words(person, reason=reason, operator_id=operator_id)
    held = [one.reason for one in active_holds(ledger, person)]
    if not held:
        raise InputError("this person is under no legal hold; there is nothing to lift.")
    if hold is None and len(held) > 1:
        raise InputError(f"this person is held for {len(held)} reasons; say which is lifted, by its reason (hold=).")
    if hold is not None and hold not in held:
        raise InputError("this person is not held for that reason; give the hold's reason as it was given then.")
    lifted = hold if hold is not None else held[0]
    said = {"person": ledger.subject_id(person).hex(), "hold": lifted, "reason": reason, "operator_id": operator_id}
    receipt = ledger.append({"kind": RELEASED, **said}, subject=person, clear=list(said))
    if len(held) == 1:
        ledger.store.hold(ledger.subject_id(person), None)
    return receipt


def active_holds(ledger: Ledger, subject: str) -> list[Hold]:
    """Return the legal holds on a person, oldest first.

    A hold whose entry is lacking, since the process was killed before it, is there all the same.
    """
    person = ledger.subject_id(subject)
    since = ledger.store.holds().get(person)
    if since is None:
        return []
    found: dict[str, Hold] = {}
    for entry in ledger.entries(subject=subject):
        said = entry.event if isinstance(entry.event, dict) else {}
        if entry.kind == HOLD and isinstance(said.get("reason"), str):
            found.setdefault(said["reason"], Hold(reason=said["reason"], since=entry.time))
        elif entry.kind == RELEASED:
            found.pop(str(said.get("hold")), None)
    began = dt.datetime.fromtimestamp(since / 1e6, dt.UTC)
    return list(found.values()) or [Hold(reason="its reason was not recorded", since=began)]


# -- retention --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiry:
    """What retention made unreadable, or would.

    Attributes
    ----------
    before : datetime
        Persons whose newest entry is older than this.
    people : int
        How many persons' data keys were destroyed, or would be.
    held : int
        How many more are under a legal hold, and kept.
    not_reached : tuple of str
        Places that destroyed keys may still be found in until it is called again, a sentence each.
    traces : tuple of str
        Places out of the ledger's reach that they may be found in, such as backups, a sentence each.
    dry_run : bool
        Whether nothing was changed.
    index : int or None
        The ledger's entry; None for a dry run, and where there was nothing to do.
    """

    before: dt.datetime
    people: int
    held: int
    not_reached: tuple[str, ...]
    traces: tuple[str, ...]
    dry_run: bool
    index: int | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        said = {**asdict(self), "before": instant(microseconds(self.before))}
        return {**said, "not_reached": list(self.not_reached), "traces": list(self.traces)}

    def sentence(self) -> str:
        """Return one line for people."""
        people = "person" if self.people == 1 else "people"
        who = f"{self.people:,} {people} without an entry since {self.before:%Y-%m-%d}"
        kept = f"; {self.held:,} more kept under a legal hold" if self.held else ""
        if self.dry_run:
            return f"Dry run: the personal data of {who} would be made unreadable{kept}."
        return f"The personal data of {who} was made unreadable{kept}."


def expire(
    ledger: Ledger,
    *,
    now: dt.datetime | None = None,
    days: int = RETENTION_DAYS,
    dry_run: bool = False,
    operator_id: str | None = None,
) -> Expiry:
    """Make the personal data of people unreadable whose newest entry is past its retention.

    Parameters
    ----------
    ledger : Ledger
        Opened with its key.
    now : datetime, optional
        The present by default.
    days : int
        Retention, from 1 day.
    dry_run : bool
        Count only; nothing is changed.
    operator_id : str, optional
        Who asks for it.

    Returns
    -------
    Expiry
        How many people, and what was not reached.

    Raises
    ------
    InputError
        If `days` is no whole number from 1.
    KeyProblem
        Without the master key.
    LedgerError
        If the database could not take it; call it again then.

    Notes
    -----
    Entries within the retention are read once, by the periods that the tree's nodes carry, and data keys once; what is
    older is not read: O(recent entries + people) time, O(people) memory. Data sealed on nobody in particular is under
    one common key, and expires only with the newest of it.
    """
    if days < 1:
        raise InputError(f"days is {days}, expected a retention of at least one day.")
    if not ledger.has_key:
        raise KeyProblem("retention needs the master key: open the ledger with key=.")
    when = (now if now is not None else dt.datetime.now(dt.UTC)) - dt.timedelta(days=days)
    when = when if when.tzinfo is not None else when.replace(tzinfo=dt.UTC)
    before, store = microseconds(when), ledger.store
    seen = ledger.sequence()
    recent = set(_recent(store, before, seen))
    past = [person for person in _people(store, before) if person not in recent]
    holds = store.holds()
    due = [person for person in past if person not in holds]
    said = {"before": instant(before), "days": days, "operator_id": operator_id}
    held, done, index = len(past) - len(due), len(due), None
    if not dry_run:
        done = _destroy(ledger, due, seen, said)
    left = [] if dry_run else _scrubbed(store)  # always: an earlier call may have been cut off before it
    if done and not dry_run:
        counts = {"people": done, "held": held, "left": left}
        index = ledger.index_of(ledger.append({"kind": "expiry", **said, **counts}))
    return Expiry(
        before=when,
        people=done,
        held=held,
        not_reached=tuple(sentence for sentence in left if can_be_reached(sentence)),
        traces=tuple(sentence for sentence in left if not can_be_reached(sentence)),
        dry_run=dry_run,
        index=index,
    )


def _destroy(ledger: Ledger, due: Sequence[bytes], seen: int, said: Mapping[str, Any]) -> int:
    """Destroy keys, but of whom is written about meanwhile; say in the ledger before whose they are."""
    done = 0
    for first in range(0, len(due), _BATCH):
        size = ledger.sequence()
        recent = {person for _, person in ledger.store.subject_rows(seen, size)}
        part = [person for person in due[first : first + _BATCH] if person not in recent]
        ledger.append({"kind": "expiry.begun", **said, "people": [person.hex() for person in part]})
        done += ledger.store.destroy(part, time.time_ns() // 1000)
    return done


def can_be_reached(trace: str) -> bool:
    """Return whether a place that a store's `scrub` did not reach can be reached by asking again.

    A server's log, its replicas and backups no ledger reaches.
    """
    return trace.startswith(("free pages of the keys", "the table ", "the write-ahead log of "))


def _scrubbed(store: Store) -> list[str]:
    try:
        return store.scrub()
    except LedgerError as error:
        return [f"free pages of the keys: {error}"]


def _recent(store: Store, since: int, size: int) -> Iterator[bytes]:
    """Return persons with an entry at or after a time."""
    for begin, end in spans(store, since, None, 0, size):
        on = store.subject_rows(begin, end)
        if not on:
            continue
        node = store.nodes(BITS, begin >> BITS, (begin >> BITS) + 1)
        if node and node[0].low >= since:  # all of the block is recent: no need for each entry's time
            yield from (person for _, person in on)
        else:
            times = {row.position: row.time for row in store.rows(begin, end)}
            yield from (person for index, person in on if times.get(index, since) >= since)


def _people(store: Store, before: int) -> Iterator[bytes]:
    """Return persons whose data key was made before a time."""
    after = b""
    while keys := store.people(after, _PAGE):
        yield from (key.subject for key in keys if key.made < before)
        after = keys[-1].subject
