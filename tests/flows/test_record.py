"""An assessment on the record: digests and counts and nobody's data; loud where it cannot be written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import aequo
from aequo.errors import KeyProblem, LedgerError
from aequo.flows.record import assessment_event, ledger_key, record_assessment, result_digest
from aequo.ledger import KeyRing, Ledger

DATA = {"hired": [1, 0] * 100, "sex": ["Zoë", "Zoë", "Max", "Max"] * 50}
HOW: dict[str, Any] = {"label": "hired", "group": "sex"}


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return KeyRing.new().save(tmp_path / "aequo.key")


@pytest.fixture
def ledger(tmp_path: Path, key: Path) -> Iterator[Ledger]:
    with Ledger.open(f"sqlite:///{tmp_path}/x.db", key=key) as opened:
        yield opened


def test_an_assessment_is_recorded_where_a_ledger_is_given(ledger: Ledger) -> None:
    result = aequo.assess(DATA, ledger=ledger, **HOW)
    assert result.receipt is not None and result.receipt.index == 0
    entry = ledger.entry(0)
    assert entry.kind == "assessment" and entry.event == assessment_event(result)
    assert entry.event["verdict"] == result.verdict.value
    assert sum(entry.event["findings"].values()) == len(result.findings)
    assert entry.event["policy"] == result.policy.digest()
    assert entry.event["aequo"] == aequo.__version__
    assert ledger.verify().ok


def test_the_result_digest_is_that_of_the_file(ledger: Ledger, tmp_path: Path) -> None:
    result = aequo.assess(DATA, ledger=ledger, **HOW)
    raw = (result.save(tmp_path / "out") / "findings.json").read_bytes()
    assert ledger.entry(0).event["result"] == "sha256:" + hashlib.sha256(raw).hexdigest() == result_digest(result)


def test_a_receipt_changes_nothing_of_the_result(ledger: Ledger) -> None:
    plain, recorded = aequo.assess(DATA, **HOW), aequo.assess(DATA, ledger=ledger, **HOW)
    assert plain.receipt is None and recorded.receipt is not None
    assert recorded == plain
    assert recorded.to_json() == plain.to_json()
    assert recorded.to_html() == plain.to_html()


def test_nothing_of_the_rows_is_in_the_entry(ledger: Ledger, tmp_path: Path) -> None:
    path = tmp_path / "jane doe.csv"
    rows = [f"{v},{g}" for v, g in zip(DATA["hired"], DATA["sex"], strict=True)]
    path.write_text("\n".join(["hired,sex", *rows, ""]), encoding="utf-8")
    aequo.assess(path, ledger=ledger, **HOW)
    text = json.dumps(ledger.entry(0).to_dict(), ensure_ascii=False)
    assert "Zo" not in text and "Max" not in text and "jane" not in text and "hired" not in text
    assert ledger.entry(0).event["data"]["files"] == ["sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()]


def test_the_ledger_of_the_policy_is_used_unless_told_otherwise(ledger: Ledger, key: Path) -> None:
    policy = aequo.Policy(ledger={"url": ledger.url, "key": f"file:{key}"})
    assert aequo.assess(DATA, policy=policy, **HOW).receipt.index == 0  # type: ignore[union-attr]
    assert aequo.assess(DATA, policy=policy, ledger=False, **HOW).receipt is None
    assert ledger.size == 1
    assert ledger.verify().signed == 1


def test_a_ledger_that_is_not_there_is_told_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def work(*_: object) -> None:
        raise AssertionError("worked before looking for the ledger")

    monkeypatch.setattr("aequo.flows.assess._assessed", work)
    policy = aequo.Policy(ledger={"url": f"sqlite:///{tmp_path}/no.db"})
    with pytest.raises(LedgerError, match="there is no ledger file 'no.db'. `aequo ledger init` makes one."):
        aequo.assess(DATA, policy=policy, **HOW)
    assert list(tmp_path.iterdir()) == []


def test_a_ledger_that_cannot_be_written_is_told(ledger: Ledger) -> None:
    result = aequo.assess(DATA, **HOW)
    ledger.close()
    with pytest.raises(LedgerError, match="the assessment is not in the ledger: this ledger was closed"):
        record_assessment(ledger, result)


def test_the_key_is_the_one_given_else_the_policys_else_the_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AEQUO_KEY", raising=False)
    mine, none = aequo.Policy(ledger={"key": "env:MINE"}), aequo.Policy()
    assert (ledger_key(mine, "file:x"), ledger_key(mine), ledger_key(none)) == ("file:x", "env:MINE", None)
    monkeypatch.setenv("AEQUO_KEY", "x")
    assert (ledger_key(mine), ledger_key(none)) == ("env:MINE", "env:AEQUO_KEY")


def test_another_ledgers_key_is_refused_before_the_work(ledger: Ledger, tmp_path: Path) -> None:
    other = KeyRing.new().save(tmp_path / "other.key")
    policy = aequo.Policy(ledger={"url": ledger.url, "key": f"file:{other}"})
    with pytest.raises(KeyProblem, match="the master key does not fit"):
        aequo.assess(DATA, policy=policy, **HOW)
    assert ledger.size == 0
