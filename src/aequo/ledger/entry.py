"""What one entry of the ledger is: bytes that hold JSON, some of it sealed under a person's key.

::

    {"v":1,"id":"...","time":"2026-01-31T12:00:00.000000Z","kind":"decision","event":{...}}
    {"v":1,"id":"...","time":"...","kind":"decision","event":{...},"subject":"...","key":"...","sealed":"..."}

`id` is 128 random bits: without them, whoever sees the hash of a small entry could find its text by trying. `subject`
is a keyed hash of the person's id, `key` names the data key that `sealed` can be opened with.
"""

from __future__ import annotations

import datetime as dt
import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from itertools import repeat
from operator import eq
from typing import Any, Literal

import msgspec

from aequo.errors import InputError
from aequo.ledger.keys import open_sealed, seal

__all__ = [
    "MOST_BYTES",
    "MOST_DEEP",
    "Entry",
    "Header",
    "Receipt",
    "Row",
    "canonical",
    "encode_all",
    "encode_bodies",
    "encode_json",
    "fresh_ids",
    "header",
    "instant",
    "kind_of",
    "microseconds",
    "opened",
    "seal_event",
]

MOST_BYTES = 16 * 2**20
"""A larger event is refused."""

MOST_DEEP = 200
"""An event that nests deeper is refused: not every reader of JSON could read it back."""

_KIND = re.compile(r"[a-z][a-z0-9_.-]{0,63}")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,39}")
_MOST_BITS = 14_284  # 4,300 digits, which is where Python stops to read
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder()
_NO_JSON = (RecursionError, TypeError, ValueError, OverflowError, msgspec.MsgspecError)


class Row(msgspec.Struct, frozen=True, gc=False):
    """What is stored of an entry: time (microseconds since 1970, UTC), leaf hash, bytes, and whose it is."""

    time: int
    leaf: bytes
    body: bytes
    subject: bytes | None = None
    key_id: bytes | None = None


class Header(msgspec.Struct, frozen=True, gc=False):
    """The fields around an event."""

    v: int
    id: str
    time: str
    kind: str
    event: msgspec.Raw = msgspec.Raw(b"null")
    subject: str | None = None
    key: str | None = None
    sealed: str | None = None


_HEADER = msgspec.json.Decoder(Header)


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What the ledger answers when an entry is durable.

    Attributes
    ----------
    index : int or None
        Position in the ledger, from 0; None while no sequencer has got to it (`Ledger.index_of` tells later).
    leaf : bytes
        Hash of the entry in the tree, 32 bytes.
    id : str
        The entry's own id.
    time : datetime
        When it was recorded, UTC.
    """

    index: int | None
    leaf: bytes
    id: str
    time: dt.datetime

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        return {"index": self.index, "leaf": self.leaf.hex(), "id": self.id, "time": instant(microseconds(self.time))}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry as read.

    Attributes
    ----------
    index : int
        Position in the ledger, from 0.
    id : str
        The entry's own id, 32 hexadecimal digits.
    time : datetime
        When it was recorded, UTC.
    kind : str
        Kind of event, such as ``"decision"``.
    event : Any
        The event; of one whose person was forgotten, or without the key, the part in clear.
    subject : str or None
        Keyed hash of the person, 32 hexadecimal digits.
    sealed : {"none", "open", "locked", "erased"}
        Whether it has a personal part, and whether that could be read: ``"locked"`` without the master key,
        ``"erased"`` after its data key was destroyed.
    leaf : bytes
        Hash in the tree.
    """

    index: int
    id: str
    time: dt.datetime
    kind: str
    event: Any
    subject: str | None
    sealed: Literal["none", "open", "locked", "erased"]
    leaf: bytes

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        return {
            "index": self.index,
            "id": self.id,
            "time": instant(microseconds(self.time)),
            "kind": self.kind,
            "event": self.event,
            "subject": self.subject,
            "sealed": self.sealed,
            "leaf": self.leaf.hex(),
        }


# -- time -------------------------------------------------------------------------------------------------------------


def microseconds(when: dt.datetime) -> int:
    """Return microseconds since 1970, UTC; a time without a zone is taken as UTC.

    Examples
    --------
    >>> microseconds(dt.datetime(1970, 1, 1, 0, 0, 1))
    1000000
    """
    when = when if when.tzinfo is not None else when.replace(tzinfo=dt.UTC)
    return (when - _EPOCH) // dt.timedelta(microseconds=1)


def instant(time: int) -> str:
    """Return microseconds since 1970 as RFC 3339 text.

    Examples
    --------
    >>> instant(1_500_000)
    '1970-01-01T00:00:01.500000Z'
    """
    return (_EPOCH + dt.timedelta(microseconds=time)).isoformat(timespec="microseconds")[:-6] + "Z"


# -- writing ----------------------------------------------------------------------------------------------------------


def fresh_ids(count: int) -> list[str]:
    """Return random ids of 128 bits, as 32 hexadecimal digits each."""
    text = os.urandom(16 * count).hex()
    return [text[i : i + 32] for i in range(0, 32 * count, 32)]


def kind_of(event: object) -> str:
    """Return the kind that an event names in its field ``kind``, else ``"event"``.

    Examples
    --------
    >>> kind_of({"kind": "review", "by": "x"}), kind_of([1, 2])
    ('review', 'event')
    """
    kind = event.get("kind") if isinstance(event, dict) else None
    return kind if isinstance(kind, str) and (kind in _known_kinds or _is_kind(kind)) else "event"


_known_kinds: set[str] = set()


def _is_kind(text: str) -> bool:
    if _KIND.fullmatch(text) is None:
        return False
    if len(_known_kinds) < 1000:
        _known_kinds.add(text)
    return True


def encode_json(event: object) -> bytes:
    """Return JSON from which exactly this event is read back.

    Raises
    ------
    InputError
        If JSON cannot hold it exactly, it is too large, or it nests too deep; the message names the place, no value.

    Examples
    --------
    >>> encode_json({"score": 0.5})
    b'{"score":0.5}'
    >>> encode_json({"scores": [1.0, float("nan")]})
    Traceback (most recent call last):
    aequo.errors.InputError: the event has NaN at scores[1], which JSON cannot hold; leave it out or write null.
    """
    try:
        text = _ENCODER.encode(event)
        back = _DECODER.decode(text) if len(text) <= MOST_BYTES else None
        same = back == event
    except _NO_JSON:
        text, back, same = b"", None, False
    if same and text.count(b"[") + text.count(b"{") <= MOST_DEEP:
        return text
    reason: str | None
    if len(text) > MOST_BYTES:
        reason = f"takes {len(text):,} bytes, and {MOST_BYTES:,} are the most; store it elsewhere and log its digest"
    else:
        reason = _unfit(back) if same else _unfit(event) or "holds something that JSON does not give back as it was"
    if reason is not None:
        raise InputError(f"the event {reason}.")
    return text


def encode_all(events: Sequence[object]) -> list[bytes]:
    """Return what `encode_json` returns of each event, in less time; raises as it does.

    Examples
    --------
    >>> encode_all([{"score": 0.5}, None])
    [b'{"score":0.5}', b'null']
    """
    with suppress(*_NO_JSON):
        texts = list(map(_ENCODER.encode, events))
        longest = max(map(len, texts), default=0)
        # A text of fewer characters than two brackets a level cannot nest too deep.
        flat = longest <= 2 * MOST_DEEP or all(t.count(b"[") + t.count(b"{") <= MOST_DEEP for t in texts)
        if flat and longest <= MOST_BYTES and all(map(eq, map(_DECODER.decode, texts), events)):
            return texts
    return [encode_json(event) for event in events]  # which says what is wrong with which


def _unfit(event: object) -> str | None:
    """Say what JSON cannot hold, by an explicit stack: an event may nest deeper than Python can call."""
    waiting: list[tuple[object, tuple[str | int, ...]]] = [(event, ())]
    while waiting:
        value, path = waiting.pop()
        if len(path) > MOST_DEEP:
            return f"nests deeper than {MOST_DEEP} levels; flatten it"
        if isinstance(value, dict):
            for key in value:
                reason = _unfit_key(key, path)
                if reason is not None:
                    return reason
            waiting += [(item, (*path, key)) for key, item in value.items()]
        elif isinstance(value, list):
            waiting += [(item, (*path, i)) for i, item in enumerate(value)]
        else:
            reason = _unfit_scalar(value, path)
            if reason is not None:
                return reason
    return None


def _unfit_key(key: object, path: tuple[str | int, ...]) -> str | None:
    if not isinstance(key, str):
        return f"has a key of type {type(key).__name__}{_at(path)}, expected text"
    return None if _encodable(key) else f"has a key with half of a surrogate pair{_at(path)}, which is no character"


def _unfit_scalar(value: object, path: tuple[str | int, ...]) -> str | None:
    if isinstance(value, str) and not _encodable(value):
        return f"has half of a surrogate pair{_at(path)}, which is no character"
    if isinstance(value, float) and not math.isfinite(value):
        name = "NaN" if value != value else "an infinite number"
        return f"has {name}{_at(path)}, which JSON cannot hold; leave it out or write null"
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        return f"has a whole number{_at(path)} of so many digits that Python does not read it back; write it as text"
    if value is None or type(value) in (bool, int, float, str):
        return None
    hint = ""
    if isinstance(value, (tuple, set, frozenset)):
        hint = "; use a list"
    elif hasattr(value, "tolist"):
        hint = "; call its tolist()"
    return f"has a {type(value).__name__}{_at(path)}, which is no JSON value{hint}"


def _at(path: tuple[str | int, ...]) -> str:
    if not path:
        return ""
    # A key that is no plain word may be a value, such as an address, by which somebody arranged the event.
    parts = (f"[{p}]" if isinstance(p, int) else f".{p}" if _WORD.fullmatch(p) else "[...]" for p in path)
    text = "".join(parts).lstrip(".")
    return f" at {text if len(text) <= 80 else '...' + text[-77:]}"


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def encode_bodies(
    time: str, ids: Iterable[str], kinds: Iterable[str], texts: Iterable[bytes], tails: Iterable[bytes] | None = None
) -> list[bytes]:
    """Return the bytes of entries; `texts` are their events as JSON, `tails` what `seal_event` made, if anything."""
    return [
        b"".join((f'{{"v":1,"id":"{i}","time":"{time}","kind":"{kind}","event":'.encode(), text, tail, b"}"))
        for i, kind, text, tail in zip(ids, kinds, texts, repeat(b"") if tails is None else tails, strict=False)
    ]


def seal_event(data_key: bytes, key_id: bytes, subject: bytes, entry_id: str, personal: bytes) -> bytes:
    """Return the end of an entry's bytes: the personal part under a person's data key, bound to the entry's id."""
    sealed = seal(data_key, personal, _context(entry_id))
    coded = msgspec.json.encode(sealed)  # base64 in quotes
    return b',"subject":"%s","key":"%s","sealed":%s' % (subject.hex().encode(), key_id.hex().encode(), coded)


def _context(entry_id: str) -> bytes:
    return b"aequo/1/entry/" + entry_id.encode()


# -- reading ----------------------------------------------------------------------------------------------------------


def header(body: bytes) -> Header:
    """Return the fields around an event.

    Raises
    ------
    msgspec.MsgspecError
        If the bytes are no entry.
    """
    return _HEADER.decode(body)


def opened(head: Header, data_key: bytes | None) -> tuple[Any, bool]:
    """Return the event with its personal part, and whether that part could be read.

    Parameters
    ----------
    head : Header
        The entry.
    data_key : bytes or None
        The person's data key.
    """
    clear = _DECODER.decode(head.event)
    if head.sealed is None or data_key is None:
        return clear, head.sealed is None
    plain = open_sealed(data_key, msgspec.convert(head.sealed, bytes), _context(head.id))
    if plain is None:
        return clear, False
    personal = _DECODER.decode(plain)
    if not isinstance(clear, dict):
        return personal, True
    return {**clear, **personal} if isinstance(personal, dict) else clear, True  # null: nothing is sealed


def canonical(value: object) -> bytes:
    """Return one text for equal inputs: sorted keys, whole floats as integers, numpy and frame values as plain ones.

    Inputs are equal if JSON would make them so: tuples are lists, keys are text, dates are text in ISO 8601.

    Parameters
    ----------
    value : Any
        JSON values, numpy scalars and arrays, mappings, sequences, sets, dates, bytes, rows and columns of frames.

    Raises
    ------
    InputError
        If it holds something without a plain form; the message names no value.

    Examples
    --------
    >>> canonical({"b": 1.0, "a": (True, None)}) == canonical({"a": [True, None], "b": 1})
    True
    """
    try:
        return msgspec.json.encode(_plain(value, 0))
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError("the input has a whole number of too many digits; pass it as text.") from None


def _plain(value: object, depth: int) -> object:
    if depth > MOST_DEEP:
        raise InputError(f"the input nests deeper than {MOST_DEEP} levels; flatten it.")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, str):
        if not _encodable(value):
            raise InputError("the input has half of a surrogate pair, which is no character.")
        return str.__str__(value)  # numpy's text is text, and so is a member of an enumeration
    if isinstance(value, float):
        if math.isfinite(value):
            return int(value) if value.is_integer() else float(value)
        return _marked("number", repr(float(value)))
    if isinstance(value, Mapping):
        return _plain_mapping(value, depth)
    if isinstance(value, (list, tuple)):
        return [_plain(v, depth + 1) for v in value]
    return _plain_object(value, depth)


def _plain_mapping(value: Mapping[Any, Any], depth: int) -> dict[str, object]:
    plain: dict[str, object] = {}
    named = ((str.__str__(key) if isinstance(key, str) else str(key), key) for key in value)
    for text, key in sorted(named, key=lambda pair: pair[0]):
        if not _encodable(text):
            raise InputError("the input has a key with half of a surrogate pair, which is no character.")
        # A key of the input that looks like one of our marks gets another zero byte in front.
        name = "\0" + text if text.startswith("\0") else text
        if name in plain:
            raise InputError("the input has two keys that are the same as text; rename one.")
        plain[name] = _plain(value[key], depth + 1)
    return plain


def _marked(what: str, value: object) -> dict[str, object]:
    """Return what JSON has no word for, in a form that no mapping of the input can have."""
    return {"\0" + what: value}


def _plain_object(value: object, depth: int) -> object:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return _marked("sha256", sha256(bytes(value)).hexdigest())
    if type(value).__name__ in ("NaTType", "NAType"):  # pandas' missing values
        return _marked("number", "nan")
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    if isinstance(value, (set, frozenset)):
        return _marked("set", sorted((_plain(v, depth + 1) for v in value), key=msgspec.json.encode))
    # pandas and polars; numpy; polars' columns; Arrow
    for way in ("to_dict", "tolist", "to_list", "to_pydict", "as_py"):
        made = getattr(value, way, None)
        if callable(made) and not isinstance(value, type):
            return _plain(made(), depth + 1)
    raise InputError(f"the input has a {type(value).__name__}, which has no plain form; pass plain values or a digest.")
