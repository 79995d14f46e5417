"""`aequo demo`: real decisions, a short table, a report, the verdict."""

from __future__ import annotations

import json
from pathlib import Path

import aequo
from aequo.flows.example import loan_applications
from aequo.report.save import FILES

from .calls import Run


def test_the_demo_prints_a_table_writes_a_report_and_ends_with_its_verdict(run: Run, tmp_path: Path) -> None:
    (tmp_path / "aequo.toml").write_text("nonsense", encoding="utf-8")  # the demo has a policy of its own
    done = run("demo")
    assert done.code == 1
    assert "FAIL" in done.out
    assert "black" in done.out
    assert max(map(len, done.out.split("\n"))) <= 80
    assert f"Report: {Path('aequo-report') / 'report.html'}\n" in done.err
    assert "Verdict FAIL: exit code 1" in done.err
    assert sorted(p.name for p in (tmp_path / "aequo-report").iterdir()) == sorted(FILES)
    plain = json.loads((tmp_path / "aequo-report" / "findings.json").read_text(encoding="utf-8"))
    result = aequo.assess(loan_applications(), label="approve", favourable=1, group=["race", "sex"])
    assert [(f["id"], f["status"], f["value"]) for f in plain["findings"]] == [
        (f.id, f.status.value, f.value) for f in result.findings
    ]
    assert plain["data"]["rows"] == 1989


def test_the_demo_takes_the_same_options_as_assess(run: Run, tmp_path: Path) -> None:
    done = run("demo", "--json", "--fail-on", "never", "--out", "here")
    assert done.code == 0
    assert json.loads(done.out)["verdict"] == "fail"
    assert (tmp_path / "here" / "findings.json").read_text(encoding="utf-8") == done.out
