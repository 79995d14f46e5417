"""`erase`: forget a person in every store, and say what was erased, kept and not reached.

The ledger is a store among the others: there, the person's data key is destroyed, which makes what is sealed with it
unreadable and leaves every proof as it was. First of all, an entry says that the erasure begins; each store's answer is
an entry too. So an erasure that was cut off is completed by asking for it again.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec

from aequo.errors import Refused
from aequo.ledger import Ledger, Receipt
from aequo.ledger.entry import header
from aequo.privacy.erasure.journal import begin, indices_of, prove_all, read_past, read_person
from aequo.privacy.erasure.receipt import ErasureReceipt, receipt_from_event
from aequo.privacy.erasure.retention import active_holds, check_words, known_subject, note_on
from aequo.privacy.erasure.run import Case, Run
from aequo.privacy.erasure.stores import as_store, close_all, stores_of, with_ledger

if TYPE_CHECKING:
    from aequo.core.policy import Policy

__all__ = ["TIMEOUT", "erase", "erase_many", "past_receipts"]

TIMEOUT = 60.0
"""Seconds that a store may take over one person, where no policy says otherwise."""


def erase(
    subject: str | int,
    *,
    ledger: Ledger,
    stores: Sequence[object] = (),
    policy: Policy | None = None,
    dry_run: bool = False,
    operator_id: str | None = None,
    reason: str | None = None,
) -> ErasureReceipt:
    """Erase a person: in the ledger, and in every store that is given or that the policy names.

    Asking again is harmless, and completes what was cut off or not reached. One store's failure does not stop the
    others, unless they have to go after it.

    Parameters
    ----------
    subject : str or int
        The person's id, as the stores know it.
    ledger : Ledger
        Opened with its key. Its entries stay; what is sealed in them becomes unreadable, for good.
    stores : sequence of DataStore or callable
        Further stores, see `aequo.privacy.erasure.stores`.
    policy : Policy, optional
        Names stores in ``[[erase.stores]]``, and how long one may take.
    dry_run : bool
        Count what would go, and change nothing.
    operator_id, reason : str, optional
        Who asks for it, and why. Both stay readable in the ledger and must not name the person.

    Returns
    -------
    ErasureReceipt
        What was erased, made unreadable, kept and not reached, with the proof that the ledger says so.

    Raises
    ------
    Refused
        If the person is under a legal hold. Nothing was touched; an entry says that it was refused.
    InputError
        If the id cannot be one, or the stores wait for each other.
    PolicyError
        If a store that the policy names cannot be made.
    KeyProblem
        If the ledger was opened without its key.
    LedgerError
        If the ledger could not take it. What was done until then is recorded; ask again.

    Examples
    --------
    >>> import tempfile
    >>> from aequo.ledger import KeyRing, Ledger
    >>> folder = tempfile.TemporaryDirectory()
    >>> ledger = Ledger.open(f"sqlite:///{folder.name}/decisions.db", key=KeyRing.new())
    >>> _ = ledger.append({"kind": "call", "text": "asks for a loan"}, subject="person-1")
    >>> receipt = erase("person-1", ledger=ledger, reason="request of 3 May")
    >>> [(o.store, o.result, o.count) for o in receipt.outcomes]
    [('ledger', 'unreadable', 1), ('ledger', 'kept', 1)]
    >>> ledger.entry(0).event, ledger.verify().ok
    ({'kind': 'call'}, True)
    >>> ledger.close()
    >>> folder.cleanup()
    """
    (receipt,) = erase_many(
        [subject],
        ledger=ledger,
        stores=stores,
        policy=policy,
        dry_run=dry_run,
        operator_id=operator_id,
        reason=reason,
    )
    if receipt.state == "refused":
        where = "" if receipt.index is None else f"; entry {receipt.index} says so"
        why = receipt.outcomes[0].why
        raise Refused(f"this person is under a {why}. Nothing was erased{where}.")
    return receipt


def erase_many(
    subjects: Iterable[str | int],
    *,
    ledger: Ledger,
    stores: Sequence[object] = (),
    policy: Policy | None = None,
    dry_run: bool = False,
    operator_id: str | None = None,
    reason: str | None = None,
) -> list[ErasureReceipt]:
    """Erase people, with few writes to the disk and the file of the keys cleaned once.

    Parameters
    ----------
    subjects : iterable of str or int
        Their ids.
    ledger, stores, policy, dry_run, operator_id, reason
        As for `erase`.

    Returns
    -------
    list of ErasureReceipt
        One for each id, in order. A person under a legal hold has ``state == "refused"``, and the others are erased.

    Raises
    ------
    InputError, PolicyError, KeyProblem, LedgerError
        As for `erase`.
    """
    given = [known_subject(subject) for subject in subjects]
    for subject in given:
        check_words(subject, operator_id=operator_id, reason=reason)
    persons = [ledger.subject_id(subject) for subject in given]
    made = stores_of(policy) if policy is not None else []
    run = Run(
        ledger=ledger,
        stores=with_ledger([*made, *(as_store(store) for store in stores)]),
        timeout=policy.erase.timeout if policy is not None else TIMEOUT,
        dry_run=dry_run,
    )
    said = {
        "operator_id": operator_id,
        "reason": reason,
        "policy": policy.digest() if policy is not None else None,
    }
    try:
        cases = _cases(ledger, dict(zip(persons, given, strict=True)))
        run.count(cases)
        if not dry_run:
            _begin(ledger, cases, said)
        run.erase(cases)
    finally:
        close_all(made, run.hanging)
    receipts = [_receipt(ledger, case, said) for case in cases]
    if not dry_run:
        receipts = _finish(ledger, cases, receipts)
    by_person = {case.person: receipt for case, receipt in zip(cases, receipts, strict=True)}
    return [by_person[person] for person in persons]


def past_receipts(subject: str | int, *, ledger: Ledger) -> list[ErasureReceipt]:
    """Return the receipts of a person's erasures, oldest first, with fresh proofs.

    Parameters
    ----------
    subject : str or int
        The person's id.
    ledger : Ledger
        Opened with its key.

    Raises
    ------
    InputError
        If the id cannot be one.
    KeyProblem
        If the ledger was opened without its key.
    """
    ledger.sequence()
    on = read_person(ledger.store, ledger.subject_id(known_subject(subject)))
    read_past(ledger.store, on.begun)
    indices = sorted([past.end for past in on.begun if past.end is not None] + list(on.refused))
    receipts = []
    for proof in prove_all(ledger, indices):
        event = msgspec.json.decode(header(proof.body).event)
        receipts.append(receipt_from_event(event, ledger.origin, proof))
    return receipts


def _cases(ledger: Ledger, subjects: dict[bytes, str]) -> list[Case]:
    """Look up what the ledger knows of each person: holds, entries, earlier erasures."""
    ledger.sequence()
    held = ledger.store.holds()
    cases = []
    for person, subject in subjects.items():
        case = Case(subject=subject, person=person, began=dt.datetime.now(dt.UTC))
        if person in held:
            case.held = "; ".join(one.sentence() for one in active_holds(ledger, subject))
        else:
            case.on = read_person(ledger.store, person)
        cases.append(case)
    # Of each person, the last erasure that was begun; where that was cut off, the one before it too.
    newest = [case.on.begun[-1] for case in cases if case.on is not None and case.on.begun]
    read_past(ledger.store, newest)
    cut = [case for case in cases if case.on is not None and case.on.begun and case.on.begun[-1].end is None]
    read_past(ledger.store, [past for case in cut if case.on is not None for past in case.on.begun[-2:-1]])
    for case in cases:
        begun = case.on.begun if case.on is not None else ()
        if begun and begun[-1].end is None:
            case.resumes = begun[-1]
            case.id, case.began = begun[-1].id, begun[-1].began
        case.already = next((past.ended for past in reversed(begun) if past.ended is not None), None)
    return cases


def _begin(ledger: Ledger, cases: Sequence[Case], said: dict[str, Any]) -> None:
    """Record that erasures begin, before anything is destroyed."""
    new = [case for case in cases if not case.held and case.resumes is None]
    events = [(case.subject, {"person": case.person.hex(), **said, **case.known()}) for case in new]
    for case, receipt in zip(new, begin(ledger, events), strict=True):
        case.id, case.began = receipt.id, receipt.time


def _receipt(ledger: Ledger, case: Case, said: dict[str, Any]) -> ErasureReceipt:
    outcomes = tuple(outcome for store in case.outcomes.values() for outcome in store)
    left = any(outcome.result == "not reached" for outcome in outcomes)
    return ErasureReceipt(
        ledger=ledger.origin,
        person=case.person.hex(),
        state="refused" if case.held else "incomplete" if left else "complete",
        began=case.began,
        ended=dt.datetime.now(dt.UTC),
        already=case.already,
        resumed=case.resumes is not None,
        outcomes=outcomes,
        **said,
    )


def _finish(ledger: Ledger, cases: Sequence[Case], receipts: Sequence[ErasureReceipt]) -> list[ErasureReceipt]:
    """Record what was done, and prove it."""
    written: dict[int, Receipt] = {}
    open_ = [i for i, case in enumerate(cases) if not case.held]
    for i, case in enumerate(cases):
        if case.held:
            written[i] = note_on(ledger, case.subject, receipts[i].to_event(None))
    written.update(zip(open_, ledger.append_many(receipts[i].to_event(cases[i].id) for i in open_), strict=True))
    proofs = prove_all(ledger, indices_of(ledger, [written[i] for i in range(len(cases))])) if cases else []
    return [replace(receipt, proof=proof) for receipt, proof in zip(receipts, proofs, strict=True)]
