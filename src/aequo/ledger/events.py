"""Events before they are entries: what stays readable, what is sealed, and whose it is. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from aequo.errors import InputError, did_you_mean
from aequo.ledger.entry import kind_of
from aequo.ledger.people import plain_subject

__all__ = ["EVERYONE", "Part", "decision_part", "event_part", "follow_up_part", "named", "short_value"]

EVERYONE = "\0everyone"
"""Stands for no person in particular: what may be personal, on nobody who was named, is sealed under its key."""

_SHORT = 64
"""A text of at most so many characters can be an outcome that reports count."""


class Part(NamedTuple):
    """An event in parts.

    Attributes
    ----------
    kind : str
        Kind of entry.
    event : Any
        What stays readable.
    personal : Any
        What is sealed.
    whose : str or bytes or None
        The person's id or its keyed hash; None where nothing is sealed.
    """

    kind: str
    event: Any
    personal: Any = None
    whose: str | bytes | None = None


def event_part(event: Any, subject: str | int | None, clear: Sequence[str]) -> Part:
    """Return any event in parts: on a person, all is sealed but its kind and the fields named in `clear`.

    Raises
    ------
    InputError
        If `clear` names a field that is not there, or the subject cannot be one.

    Examples
    --------
    >>> event_part({"kind": "call", "text": "...", "minutes": 3}, "person-1", ["minutes"])
    Part(kind='call', event={'kind': 'call', 'minutes': 3}, personal={'text': '...'}, whose='person-1')
    """
    kind = kind_of(event)
    if subject is None:
        return Part(kind, event)
    person = plain_subject(subject)
    if not isinstance(event, dict):
        return Part(kind, None, event, person)
    for name in clear:
        if name not in event:
            hint = did_you_mean(name, [k for k in event if isinstance(k, str)])
            raise InputError(f"clear names {name!r}, which the event does not have.{hint}")
    readable = {k: v for k, v in event.items() if k in clear or (k == "kind" and v == kind)}
    return Part(kind, readable, {k: v for k, v in event.items() if k not in readable}, person)


def decision_part(
    *,
    output: Any,
    model_version: str,
    operator_id: str | None,
    verdict: str | None,
    input_digest: str,
    personal: Mapping[str, Any],
    subject: str | int | None,
) -> Part:
    """Return a decision in parts: versions, operator, verdict, digest and a short output stay readable.

    Parameters
    ----------
    output : Any
        What was decided; sealed unless it is a number, a boolean or a short text.
    model_version, operator_id, verdict, input_digest : str
        Fields that stay readable.
    personal : mapping
        Further fields, sealed.
    subject : str or int or None
        Whose decision it is.

    Raises
    ------
    InputError
        If a field is not what it should be.
    """
    event: dict[str, Any] = {"kind": "decision", "model_version": named("model_version", model_version)}
    for name, value in (("operator_id", operator_id), ("verdict", verdict)):
        if value is not None:
            event[name] = named(name, value)
    event["input_digest"] = input_digest
    output = _scalar(output)
    hidden = dict(personal)
    (event if _is_short(output) else hidden)["output"] = output
    whose = plain_subject(subject) if subject is not None else EVERYONE if hidden else None
    return Part("decision", event, hidden or None, whose)


def follow_up_part(
    kind: str, index: int, leaf: bytes, said: Mapping[str, Any], personal: Mapping[str, Any], whose: str | bytes | None
) -> Part:
    """Return an event on an earlier entry in parts, bound to that entry's hash.

    Examples
    --------
    >>> follow_up_part("outcome", 3, b"", {"truth": 1}, {}, None).event
    {'kind': 'outcome', 'of': 3, 'leaf': '', 'truth': 1}
    """
    event = {"kind": kind, "of": index, "leaf": leaf.hex(), **said}
    return Part(kind, event, dict(personal) or None, whose if whose is not None or not personal else EVERYONE)


def short_value(field: str, value: object) -> Any:
    """Return a value that reports can count.

    Raises
    ------
    InputError
        If it is no number, boolean, short text or None.
    """
    value = _scalar(value)
    if not _is_short(value):
        raise InputError(f"{field} is no number, boolean or text of at most {_SHORT} characters.")
    return value


def named(field: str, value: object) -> str:
    """Return a text that is not empty.

    Raises
    ------
    InputError
        If it is none.
    """
    if not isinstance(value, str) or not value:
        raise InputError(f"{field} is a {type(value).__name__}, expected text that is not empty.")
    return value


def _scalar(value: Any) -> Any:
    """Return numpy's scalars as Python's."""
    made = getattr(value, "item", None)
    return made() if callable(made) and getattr(value, "shape", None) == () else value


def _is_short(value: object) -> bool:
    return value is None or isinstance(value, (bool, int, float)) or (isinstance(value, str) and len(value) <= _SHORT)
