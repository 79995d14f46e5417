"""`aequo demo`: real decisions, a short table, a report, the verdict, and a ledger that is kept and verified."""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
from pathlib import Path
from typing import Any

from aequo.ledger import Ledger
from aequo.report.save import FILES

from .calls import Run

KEPT = ["activity.html", "activity.json", "activity.md", "demo.key", "ledger.db", "ledger.keys.db"]
REMEDIES = ["mitigation.html", "mitigation.json", "mitigation.md", "model.skops"]
EXPLAINED = ["explanation.html", "explanation.json", "explanation.md"]


def test_the_demo_assesses_remedies_explains_and_keeps_a_ledger_and_the_next_run_finds_all_of_it(
    run: Run, tmp_path: Path
) -> None:
    (tmp_path / "aequo.toml").write_text("nonsense", encoding="utf-8")  # the demo has a policy of its own
    folder = tmp_path / "aequo-report"
    first = run("demo")
    assert first.code == 1, "race differences in approval fail, whatever remedies there are"
    assert "FAIL" in first.out and "black" in first.out
    assert max(map(len, first.out.split("\n"))) <= 80
    assert f"Report: {Path('aequo-report') / 'report.html'}\n" in first.err
    assert "Verdict FAIL: exit code 1" in first.err
    assert sorted(p.name for p in folder.iterdir()) == sorted([*FILES, *KEPT, *REMEDIES, *EXPLAINED])
    kept = {name: (folder / name).read_bytes() for name in (*FILES, "mitigation.json")}
    explained = _untimed(folder / "explanation.json")
    _holds_what_it_says(first.err, folder)

    again = run("demo", "--json", "--fail-on", "never")
    assert again.code == 0
    assert json.loads(again.out)["data"]["rows"] == 1989
    assert (folder / "findings.json").read_text(encoding="utf-8") == again.out
    assert {name: (folder / name).read_bytes() for name in kept} == kept, "the same result each time"
    assert _untimed(folder / "explanation.json") == explained
    assert "has 1,989 decisions, and this assessment as entry 1,989. Verified: all 1,990 entries" in first.err
    assert "has 1,989 decisions, and this assessment as entry 1,990. Verified: all 1,991 entries" in again.err
    with Ledger.open(f"sqlite:///{folder}/ledger.db", create=False) as ledger:
        entries = list(ledger.entries(start=1989))
    digest = "sha256:" + hashlib.sha256((folder / "findings.json").read_bytes()).hexdigest()
    assert [e.kind for e in entries] == ["assessment"] * 2
    assert {e.event["result"] for e in entries} == {digest}
    report = json.loads((folder / "activity.json").read_text(encoding="utf-8"))
    assert report["decisions"]["n"] == 1989
    assert {t["value"]: t["n"] for t in report["decisions"]["by_outcome"]} == {"approve": 1745, "deny": 244}
    assert report["ledger"]["verification"]["signed"] == report["ledger"]["size"] == 1991

    change = """
        UPDATE entries SET body = CAST(replace(CAST(body AS TEXT), '"approve"', '"declare"') AS BLOB)
        WHERE id = (SELECT min(id) FROM entries WHERE CAST(body AS TEXT) LIKE '%"approve"%')
    """
    with contextlib.closing(sqlite3.connect(folder / "ledger.db")) as db, db:
        assert db.execute(change).rowcount == 1
    done = run("demo", "--fail-on", "never")
    assert done.code == 2
    assert "aequo: the demo's ledger does not verify. entry 0 was changed: its bytes do not fit its hash." in done.err
    assert (folder / "activity.html").exists()


def _untimed(file: Path) -> dict[str, Any]:
    return {k: v for k, v in json.loads(file.read_text(encoding="utf-8")).items() if k != "at"}


def _holds_what_it_says(said: str, folder: Path) -> None:
    """Hold what the demo says of remedies and the refusal against its files."""
    remedies = json.loads((folder / "mitigation.json").read_text(encoding="utf-8"))
    names = [r["name"] for r in remedies["remedies"]]
    assert {"none", "reweigh", "thresholds"} <= set(names)
    assert any(r["pareto"] for r in remedies["remedies"])
    assert remedies["reason"] in said
    assert remedies["weighed"] in names and f"Who pays for {remedies['weighed']}: " in said
    assert {s["name"] for s in remedies["impact"]["stakeholders"]} == {"applicant", "bank"}
    explained = json.loads((folder / "explanation.json").read_text(encoding="utf-8"))
    assert explained["reasons"] and explained["counterfactuals"]["found"]
    assert explained["counterfactuals"]["found"][0]["sentence"] in said
