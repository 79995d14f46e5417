"""The ledger: a log of decisions that shows every change to it, and that a person can be forgotten in."""

from __future__ import annotations

from aequo.ledger.check import Problem, Verification
from aequo.ledger.entry import Entry, Receipt
from aequo.ledger.keys import KeyRing, KeyService, load_key
from aequo.ledger.ledger import Ledger
from aequo.ledger.note import Checkpoint, open_note
from aequo.ledger.proof import ConsistencyProof, InclusionProof, write_bundle

__all__ = [
    "Checkpoint",
    "ConsistencyProof",
    "Entry",
    "InclusionProof",
    "KeyRing",
    "KeyService",
    "Ledger",
    "Problem",
    "Receipt",
    "Verification",
    "load_key",
    "open_note",
    "write_bundle",
]
