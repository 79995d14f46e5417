"""`aequo demo`: real decisions, a short table, a report, the verdict, and a ledger that is kept and verified."""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
from pathlib import Path

from aequo.ledger import Ledger
from aequo.report.save import FILES

from .calls import Run

KEPT = ["activity.html", "activity.json", "activity.md", "demo.key", "ledger.db", "ledger.keys.db"]


def test_the_demo_prints_a_table_writes_the_same_report_each_time_and_ends_with_its_verdict(
    run: Run, tmp_path: Path
) -> None:
    (tmp_path / "aequo.toml").write_text("nonsense", encoding="utf-8")  # the demo has a policy of its own
    done = run("demo")
    assert done.code == 1
    assert "FAIL" in done.out
    assert "black" in done.out
    assert max(map(len, done.out.split("\n"))) <= 80
    assert f"Report: {Path('aequo-report') / 'report.html'}\n" in done.err
    assert "Verdict FAIL: exit code 1" in done.err
    assert sorted(p.name for p in (tmp_path / "aequo-report").iterdir()) == sorted([*FILES, *KEPT])
    again = run("demo", "--json", "--fail-on", "never", "--out", "here")
    assert again.code == 0
    assert json.loads(again.out)["data"]["rows"] == 1989
    for folder in ("aequo-report", "here"):
        assert (tmp_path / folder / "findings.json").read_text(encoding="utf-8") == again.out


def test_the_demo_keeps_one_ledger_over_many_runs_and_verifies_it(run: Run, tmp_path: Path) -> None:
    first, second = run("demo", "--fail-on", "never"), run("demo", "--fail-on", "never")
    assert (first.code, second.code) == (0, 0)
    assert "has 1,989 decisions, and this assessment as entry 1,989. Verified: all 1,990 entries" in first.err
    assert "has 1,989 decisions, and this assessment as entry 1,990. Verified: all 1,991 entries" in second.err
    assert "The error rate is unknown" in second.err
    folder = tmp_path / "aequo-report"
    with Ledger.open(f"sqlite:///{folder}/ledger.db", create=False) as ledger:
        entries = list(ledger.entries(start=1989))
    digest = "sha256:" + hashlib.sha256((folder / "findings.json").read_bytes()).hexdigest()
    assert [e.kind for e in entries] == ["assessment"] * 2
    assert {e.event["result"] for e in entries} == {digest}
    report = json.loads((folder / "activity.json").read_text(encoding="utf-8"))
    assert report["decisions"]["n"] == 1989
    assert {t["value"]: t["n"] for t in report["decisions"]["by_outcome"]} == {"approve": 1745, "deny": 244}
    assert report["ledger"]["verification"]["signed"] == report["ledger"]["size"] == 1991


def test_a_demo_whose_ledger_was_changed_says_so_and_fails(run: Run, tmp_path: Path) -> None:
    assert run("demo", "--fail-on", "never").code == 0
    change = """
        UPDATE entries SET body = CAST(replace(CAST(body AS TEXT), '"approve"', '"declare"') AS BLOB)
        WHERE id = (SELECT min(id) FROM entries WHERE CAST(body AS TEXT) LIKE '%"approve"%')
    """
    with contextlib.closing(sqlite3.connect(tmp_path / "aequo-report" / "ledger.db")) as db, db:
        assert db.execute(change).rowcount == 1
    done = run("demo", "--fail-on", "never")
    assert done.code == 2
    assert "aequo: the demo's ledger does not verify. entry 0 was changed: its bytes do not fit its hash." in done.err
    assert (tmp_path / "aequo-report" / "activity.html").exists()
