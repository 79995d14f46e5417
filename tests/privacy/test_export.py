"""An export holds all that is held on a person, of nobody else, and says what could not be read."""

from __future__ import annotations

import datetime as dt
import decimal
import json
import os
import stat
import tempfile
import uuid
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aequo.errors import InputError, KeyProblem, OutputError
from aequo.ledger import Ledger
from aequo.privacy.erasure.erase import erase
from aequo.privacy.erasure.export import export, write_private
from aequo.privacy.erasure.retention import hold
from aequo.privacy.erasure.stores import FunctionStore

from .erasing import Memory, durable, new_ledger, new_shop, raw, shop_store

PEOPLE = ["anna-1", "bert-2", "clea-3"]
VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=9)
)
FIELDS = st.dictionaries(st.text("abcxyz", min_size=1, max_size=4), VALUES | st.lists(VALUES, max_size=3), max_size=4)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    with new_ledger(tmp_path) as opened:
        yield opened


@settings(max_examples=25)
@given(st.lists(st.tuples(st.sampled_from(PEOPLE), FIELDS), max_size=10), st.sampled_from(PEOPLE))
def test_an_export_gives_back_exactly_what_was_recorded_on_the_person(
    events: list[tuple[str, dict[str, object]]], person: str
) -> None:
    with tempfile.TemporaryDirectory() as name:
        ledger = new_ledger(Path(name))
        for who, fields in events:
            ledger.append({"kind": "note", **fields}, subject=who, clear=[*fields][:1])
        ledger.append({"kind": "note", "about": "nobody"})
        found = json.loads(export(person, ledger=ledger).to_json())
        records = found["stores"]["ledger"]
        assert [r["event"] for r in records] == [{"kind": "note", **f} for who, f in events if who == person]
        assert [r["index"] for r in records] == [i for i, (who, _) in enumerate(events) if who == person]
        assert found["subject"] == person and found["not_read"] == {} and found["remains"] == []
        ledger.close()


def test_every_store_is_in_an_export_and_values_keep_their_meaning(ledger: Ledger, tmp_path: Path) -> None:
    odd = {
        "born": dt.date(1970, 5, 3),
        "seen": dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC),
        "fee": decimal.Decimal("12.50"),
        "id": uuid.UUID(int=7),
        "photo": b"\xff\xd8",
        "tags": {"a"},
        "path": Path("x"),
        3: "number",
    }
    stores = [
        Memory("crm", rows={"anna-1": [odd]}),
        shop_store(new_shop(tmp_path / "shop.db", [("anna-1", "book"), ("bert-2", "pen")])),
        Memory("invoices", rows={"anna-1": ["kept"]}, keep="tax law"),
    ]
    found = export("anna-1", ledger=ledger, stores=stores).to_dict()["stores"]
    assert found["shop"] == [{"person": "anna-1", "item": "book"}]
    assert found["invoices"] == ["kept"], "what the law keeps is held too"
    assert found["crm"] == [
        {
            "born": "1970-05-03",
            "seen": "2026-01-01T12:00:00Z",
            "fee": "12.50",
            "id": "00000000-0000-0000-0000-000000000007",
            "photo": "/9g=",
            "tags": ["a"],
            "path": "x",
            "3": "number",
        }
    ]
    stores[1].close()


def test_a_store_that_cannot_be_read_is_named_and_the_others_are_read(ledger: Ledger) -> None:
    def fail(subject: str) -> list[object]:
        raise RuntimeError(f"no {subject}")

    stores = [
        FunctionStore(name="down", find=fail, erase=lambda subject: 0),
        FunctionStore(name="blind", erase=lambda subject: 0),
        Memory("crm", rows={"anna-1": ["x"]}),
    ]
    found = export("anna-1", ledger=ledger, stores=stores)
    assert {s.store: s.why for s in found.not_read} == {
        "down": "it failed (RuntimeError)",
        "blind": "it has no way to find what it holds on a person",
    }
    assert found.to_dict()["stores"] == {"ledger": [], "crm": ["x"]}
    assert "Could not be read" in found.to_markdown()


def test_the_ledger_says_that_an_export_was_made_and_for_whom_without_naming_them(ledger: Ledger) -> None:
    ledger.append({"kind": "call", "text": "x"}, subject="anna-1")
    found = export("anna-1", ledger=ledger, operator_id="desk-7", reason="request of 3 May")
    entry = ledger.entry(found.index)
    assert entry.kind == "export"
    assert entry.event == {
        "kind": "export",
        "person": ledger.subject_id("anna-1").hex(),
        "operator_id": "desk-7",
        "reason": "request of 3 May",
        "records": {"ledger": 1},
        "not_read": {},
    }
    again = export("anna-1", ledger=ledger)
    assert [r["event"]["kind"] for r in again.remains] == ["export"], "the person sees that one was made before"
    with pytest.raises(InputError, match="reason holds the id"):
        export("anna-1", ledger=ledger, reason="anna-1 asks")


def test_exporting_somebody_unknown_makes_no_key_and_finds_nothing(ledger: Ledger) -> None:
    found = export("nobody", ledger=ledger)
    assert found.count == 0 and not found.remains
    assert ledger.store.person(ledger.subject_id("nobody")) is None


def test_after_an_erasure_only_what_the_receipt_says_is_kept_remains(ledger: Ledger) -> None:
    ledger.log_decision(
        input={"income": 1}, output="approved", model_version="v3", metadata={"name": "Zoë"}, subject="anna-1"
    )
    hold("bert-2", ledger=ledger, reason="case 2026-17")
    erase("anna-1", ledger=ledger)
    found = export("anna-1", ledger=ledger)
    assert found.count == 0
    assert [r["event"]["kind"] for r in found.remains] == ["decision", "erasure.begun"]
    assert "metadata" not in found.remains[0]["event"]
    assert [r["event"]["kind"] for r in export("bert-2", ledger=ledger).remains] == ["legal-hold"]


def test_an_export_is_written_whole_for_its_owner_alone_and_replaces_nothing(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.append({"kind": "call", "text": "a|b\n<c>"}, subject="anna-1")
    found = export("anna-1", ledger=ledger)
    path = found.save(tmp_path / "anna.json")
    assert json.loads(path.read_text(encoding="utf-8")) == found.to_dict()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(OutputError, match="anna.json is there already"):
        found.save(path)
    text = found.save(tmp_path / "anna.md").read_text(encoding="utf-8")
    assert "| event.text | a\\|b \\<c\\> |" in text
    before = durable(tmp_path)

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="b.json cannot be written: No space left on device"):
        found.save(tmp_path / "b.json")
    assert durable(tmp_path) == before
    with pytest.raises(OutputError, match="it is no path"):
        write_private("a\0b", "x")


def test_an_export_shows_nothing_of_the_person_where_objects_are_shown(ledger: Ledger) -> None:
    ledger.append({"kind": "call", "text": "Quartz"}, subject="anna-1")
    shown = repr(export("anna-1", ledger=ledger))
    assert shown == "SubjectExport(1 records, 0 stores not read)"


def test_nothing_of_an_export_is_left_beside_the_ledger(ledger: Ledger, tmp_path: Path) -> None:
    ledger.append({"kind": "call", "text": "Quartz"}, subject="anna-1")
    export("anna-1", ledger=ledger)
    assert b"Quartz" not in raw(tmp_path) and b"anna-1" not in raw(tmp_path)


def test_without_the_key_nothing_is_exported(ledger: Ledger) -> None:
    with Ledger.open(ledger.url) as locked, pytest.raises(KeyProblem):
        export("anna-1", ledger=locked)
