"""The receipt of an erasure: what the ledger says of it, and the proof that the ledger says so.

What a receipt states is an entry of the ledger, in clear. The receipt carries that entry's bytes, its path in the tree
and a checkpoint that the ledger's key signed, so that whoever has the public key can check it without the ledger.
"""

from __future__ import annotations

import datetime as dt
import json
from base64 import b64decode
from dataclasses import dataclass, field, replace
from typing import Any, Literal, cast

import msgspec

from aequo.errors import InputError, Tampered
from aequo.ledger import Checkpoint, InclusionProof
from aequo.ledger.entry import header, instant, microseconds
from aequo.ledger.note import open_note

__all__ = ["DONE", "FORMAT", "ErasureReceipt", "Outcome", "Result", "check_receipt", "receipt_from_event"]

FORMAT = "aequo-erasure-receipt/1"
"""Names the form of a receipt."""

DONE = "erasure"
"""Kind of the entry that says what an erasure did."""

Result = Literal["erased", "unreadable", "kept", "not reached", "traces"]
"""What can become of records."""

State = Literal["complete", "incomplete", "refused"]

_SIGNS = {
    "erased": "erased",
    "unreadable": "made unreadable",
    "kept": "kept",
    "not reached": "NOT REACHED",
    "traces": "traces may stay",
}
_PLANNED = {**_SIGNS, "erased": "would erase", "unreadable": "would make unreadable"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a person's records in one store, or of a part of them.

    Attributes
    ----------
    store : str
        Name of the store.
    result : {"erased", "unreadable", "kept", "not reached", "traces"}
        ``"unreadable"``: the records stay, and the key that they are sealed with is destroyed. ``"traces"``: a place
        out of the ledger's reach, such as a backup, may hold that key, wrapped, until it is written over.
    count : int or None
        How many records; None where the store cannot tell.
    why : str
        Why they were kept or not reached.
    entries : tuple of int
        Of the ledger: the first of the entries meant, at most 1,000.
    """

    store: str
    result: Result
    count: int | None = None
    why: str = ""
    entries: tuple[int, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON; an empty reason and an empty list of entries are left out."""
        plain: dict[str, Any] = {"store": self.store, "result": self.result, "count": self.count}
        if self.why:
            plain["why"] = self.why
        if self.entries:
            plain["entries"] = list(self.entries)
        return plain

    def sentence(self, *, planned: bool = False) -> str:
        """Return one line for people; `planned` words it as what would become of them."""
        many = "" if self.count is None else f" {self.count:,} record{'s' if self.count != 1 else ''}"
        what = (_PLANNED if planned else _SIGNS)[self.result]
        return f"{self.store}: {what}{many}{f' ({self.why})' if self.why else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureReceipt:
    """What an erasure did, or would do.

    Attributes
    ----------
    ledger : str
        Name of the ledger.
    person : str
        Keyed hash of the person, 32 hexadecimal digits; nothing else here is about who it is.
    state : {"complete", "incomplete", "refused"}
        Whether every store was reached; ``"refused"`` under a legal hold.
    began, ended : datetime
        When, UTC.
    operator_id, reason : str or None
        Who asked for it, and why.
    policy : str or None
        Digest of the policy that named the stores.
    already : datetime or None
        When an earlier erasure of this person ended.
    resumed : bool
        Whether it completed an erasure that was interrupted.
    outcomes : tuple of Outcome
        Store by store, in the order in which they were asked.
    proof : InclusionProof or None
        That the ledger says so; None for a dry run.
    """

    ledger: str
    person: str
    state: State
    began: dt.datetime
    ended: dt.datetime
    operator_id: str | None
    reason: str | None
    policy: str | None
    already: dt.datetime | None
    resumed: bool
    outcomes: tuple[Outcome, ...]
    proof: InclusionProof | None = field(default=None, repr=False)

    @property
    def dry_run(self) -> bool:
        """Whether nothing was changed."""
        return self.proof is None

    @property
    def index(self) -> int | None:
        """The ledger's entry; None for a dry run."""
        return None if self.proof is None else self.proof.index

    @property
    def not_reached(self) -> tuple[Outcome, ...]:
        """What an erasure left, and should not have."""
        return tuple(outcome for outcome in self.outcomes if outcome.result == "not reached")

    def to_event(self, of: str | None) -> dict[str, Any]:
        """Return the event of the ledger that says this; `of` is the id of the entry that began it."""
        return {
            "kind": DONE,
            "of": of,
            "person": self.person,
            "state": self.state,
            "began": _written(self.began),
            "ended": _written(self.ended),
            "operator_id": self.operator_id,
            "reason": self.reason,
            "policy": self.policy,
            "already": _written(self.already),
            "resumed": self.resumed,
            "outcomes": [outcome.to_dict() for outcome in self.outcomes],
        }

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        said = {k: v for k, v in self.to_event(None).items() if k not in ("kind", "of")}
        return {
            "format": FORMAT,
            "dry_run": self.dry_run,
            "ledger": self.ledger,
            **said,
            "index": self.index,
            "proof": None if self.proof is None else self.proof.to_dict(),
        }

    def to_text(self) -> str:
        """Return the receipt as JSON, to be kept or handed to the person; `check_receipt` checks it.

        Raises
        ------
        InputError
            If it is of a dry run: there is nothing to certify.
        """
        if self.proof is None:
            raise InputError("a dry run has no receipt: nothing was erased.")
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False) + "\n"

    def sentence(self) -> str:
        """Return one line for people."""
        if self.state == "refused":
            return "Nothing was erased: this person's data is under a legal hold."
        left = len(self.not_reached)
        if self.dry_run:
            return f"Dry run: nothing was changed.{f' {left} of the stores could not be asked.' if left else ''}"
        done = "Erased" if not left else f"Not all was erased: {left} not reached"
        return f"{done}; entry {self.index} of {self.ledger} says what was done."


def check_receipt(text: str, vkey: str) -> ErasureReceipt:
    """Return what a receipt says, if the ledger with this public key said it.

    Parameters
    ----------
    text : str
        The receipt, as `ErasureReceipt.to_text` wrote it.
    vkey : str
        Public key of the ledger, kept from before or published, as ``Ledger.vkey`` shows it.

    Raises
    ------
    Tampered
        If the proof does not lead to a checkpoint that the key signed, or the receipt says other things than its entry.
    InputError
        If it is no receipt, or the key is no key.
    """
    try:
        plain = json.loads(text, object_pairs_hook=_once)
        proof = _proof(plain["proof"])
        head = header(proof.body)
        event = msgspec.json.decode(head.event)
    except (ValueError, TypeError, KeyError, RecursionError, msgspec.MsgspecError):
        raise InputError("this is no receipt of an erasure: expected the JSON text that `aequo erase` wrote.") from None
    point = Checkpoint.from_text(open_note(proof.checkpoint or "", vkey))
    if not proof.holds(vkey):
        raise Tampered("the receipt's entry is not in the ledger that its checkpoint is of.")
    if head.kind != DONE:
        raise Tampered(f"the receipt's entry is of the kind {head.kind!r}, expected {DONE!r}.")
    receipt = receipt_from_event(event, point.origin, proof)
    if plain != receipt.to_dict():
        raise Tampered("the receipt says other things than its entry in the ledger.")
    return receipt


def receipt_from_event(event: dict[str, Any], ledger: str, proof: InclusionProof) -> ErasureReceipt:
    """Return the receipt that an entry of the ledger is about.

    Raises
    ------
    Tampered
        If the entry is not what an erasure writes.
    """
    said = {k: v for k, v in event.items() if k not in ("kind", "of")}
    try:
        receipt = msgspec.convert({**said, "ledger": ledger}, ErasureReceipt)
    except msgspec.ValidationError:
        raise Tampered(f"entry {proof.index} is not what an erasure writes.") from None
    return replace(receipt, proof=proof)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a name that is there twice: readers would differ in which of the two they show."""
    if len(dict(pairs)) != len(pairs):
        raise ValueError
    return dict(pairs)


def _proof(plain: dict[str, Any]) -> InclusionProof:
    return InclusionProof(
        index=int(plain["index"]),
        size=int(plain["size"]),
        body=str(plain["body"]).encode(),
        path=tuple(b64decode(step, validate=True) for step in plain["path"]),
        root=b64decode(plain["root"], validate=True),
        checkpoint=cast(str, plain["checkpoint"]),
    )


def _written(when: dt.datetime | None) -> str | None:
    return None if when is None else instant(microseconds(when))
