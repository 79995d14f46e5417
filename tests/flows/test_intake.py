"""Events from elsewhere: each kind by its own way, in order, up to the first that is wrong; what is said is durable."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aequo.errors import InputError, KeyProblem, LedgerError
from aequo.flows.activity import report_activity
from aequo.flows.intake import take_events
from aequo.ledger import KeyRing, Ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(f"sqlite:///{tmp_path}/x.db", key=KeyRing.new()) as opened:
        yield opened


def decision(**more: Any) -> dict[str, Any]:
    return {"kind": "decision", "input": {"x": 1}, "output": "approve", "model_version": "v1", **more}


def test_events_are_recorded_in_their_order_with_their_receipts(ledger: Ledger) -> None:
    events = [{"kind": "review", "n": i} for i in range(300)]
    taken = take_events(ledger, events)
    assert taken.error is None
    assert [r.index for r in taken.receipts] == list(range(300))
    assert [e.event for e in ledger.entries()] == events
    assert [e.leaf for e in ledger.entries()] == [r.leaf for r in taken.receipts]


def test_each_kind_goes_its_own_way(ledger: Ledger) -> None:
    events = [
        decision(subject="jane", metadata={"note": "Jane"}, operator_id="ann", verdict="allow"),
        {"kind": "outcome", "of": 0, "truth": "decline", "operator_id": "ben"},
        {"kind": "override", "of": 0, "output": "decline", "operator_id": "cy", "reason": "Jane asked"},
        {"kind": "call", "subject": "jane", "text": "Jane rang", "minutes": 3},
        {"kind": "note", "text": "nothing personal"},
        ["a", "list"],
    ]
    taken = take_events(ledger, events, clear=["minutes", "absent"])
    assert taken.error is None and len(taken.receipts) == 6
    with Ledger.open(ledger.url, create=False) as locked:
        entries = {e.index: e for e in locked.entries()}
    assert [entries[i].sealed for i in range(6)][3:] == ["locked", "none", "none"]
    assert entries[0].event["input_digest"] == ledger.digest({"x": 1})
    assert entries[3].event == {"kind": "call", "minutes": 3}
    assert "Jane" not in json.dumps([e.to_dict() for e in entries.values()])
    report = report_activity(ledger, verify=False, least=1)
    assert (report.decisions.errors.value, report.overrides.rate.count) == (1, 1)


def test_the_last_word_on_a_decision_is_the_last_one_given(ledger: Ledger) -> None:
    events = [decision(), decision()]
    for truth in ("decline", "approve", "decline", "approve") * 5:
        events += [{"kind": "outcome", "of": of, "truth": truth} for of in (0, 1)]
    taken = take_events(ledger, events)
    assert taken.error is None and len(taken.receipts) == len(events)
    truths = [(e.event["of"], e.event["truth"]) for e in ledger.entries(kind="outcome")]
    for of in (0, 1):
        assert [t for o, t in truths if o == of] == ["decline", "approve"] * 10


WRONG = [
    (decision(outputs=1), "a decision has no field 'outputs'. Did you mean 'output'?"),
    (decision(age=41), "a decision has no field 'age'. Put it into 'metadata'."),
    ({"kind": "decision", "input": 1}, "a decision lacks 'model_version' and 'output'."),
    (decision(model_version=3), "model_version is a int, expected text that is not empty."),
    (decision(metadata=[1]), "metadata is a list, expected an object."),
    (decision(subject=[1]), "a subject is a list"),
    ({"kind": "outcome", "of": 0}, "an outcome lacks 'truth'."),
    ({"kind": "outcome", "of": 7, "truth": 1}, "there is no entry 7"),
    ({"kind": "outcome", "of": -1, "truth": 1}, "there is no entry -1"),
    ({"kind": "outcome", "of": "0", "truth": 1}, "of is a str, expected the index of a decision."),
    ({"kind": "outcome", "of": True, "truth": 1}, "of is a bool, expected the index of a decision."),
    ({"kind": "outcome", "of": 1, "truth": 1}, "entry 1 is of the kind 'note', expected a decision."),
    ({"kind": "outcome", "of": 0, "truth": [1]}, "truth is no number, boolean or text"),
    ({"kind": "outcome", "of": 0, "truth": 1, "operator_id": 3}, "operator_id is a int"),
    ({"kind": "override", "of": 0, "output": 1, "operator_id": "x", "reason": 3}, "reason is a int, expected text."),
    ({"kind": "override", "of": 0, "output": 1}, "an override lacks 'operator_id'."),
    ({"kind": "x", "subject": ""}, "a subject is a str"),
    ({"kind": "x", "score": float("nan")}, "the event has NaN at score"),
]


@pytest.mark.parametrize(("wrong", "sentence"), WRONG)
def test_what_is_wrong_is_told_and_nothing_after_it_is_taken(ledger: Ledger, wrong: Any, sentence: str) -> None:
    taken = take_events(ledger, [decision(), {"kind": "note"}, wrong, {"kind": "note"}])
    assert len(taken.receipts) == ledger.size == 2
    assert isinstance(taken.error, InputError) and sentence in str(taken.error)


@settings(max_examples=15)
@given(st.lists(st.sampled_from([None, *range(len(WRONG))]), max_size=30))
def test_what_is_acknowledged_is_what_is_there(order: list[int | None]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder, Ledger.open(f"sqlite:///{folder}/x.db", key=KeyRing.new()) as ledger:
        events = [decision(), {"kind": "note"}, *({"kind": "ok"} if i is None else WRONG[i][0] for i in order)]
        taken = take_events(ledger, events)
        good = next((k for k, i in enumerate(order) if i is not None), len(order))
        assert len(taken.receipts) == ledger.size == 2 + good
        assert (taken.error is None) == (good == len(order))
        assert [r.leaf for r in taken.receipts] == [e.leaf for e in ledger.entries()]
        assert ledger.verify().ok


def test_without_the_key_a_decision_is_refused_and_a_note_is_not(ledger: Ledger) -> None:
    with Ledger.open(ledger.url, create=False) as locked:
        taken = take_events(locked, [{"kind": "note"}, decision(), {"kind": "note"}])
    assert len(taken.receipts) == 1 and isinstance(taken.error, KeyProblem)


def test_a_ledger_that_fails_is_told_and_what_was_durable_is_kept(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = ledger.store.commit, []

    def commit(*args: Any) -> Any:
        calls.append(args)
        if sum(len(rows) for rows, *_ in calls) > 100:
            raise LedgerError("x.db: the disk is full; nothing was recorded.")
        return real(*args)

    monkeypatch.setattr(ledger.store, "commit", commit)
    taken = take_events(ledger, ({"kind": "note", "n": i} for i in range(1000)))
    assert isinstance(taken.error, LedgerError)
    assert [r.index for r in taken.receipts] == list(range(ledger.size))
    assert ledger.size < 1000


def test_no_event_is_no_matter(ledger: Ledger) -> None:
    assert take_events(ledger, []).receipts == ()
