"""`aequo demo`: real decisions, a short table, a report, the verdict."""

from __future__ import annotations

import json
from pathlib import Path

from aequo.report.save import FILES

from .calls import Run


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
    assert sorted(p.name for p in (tmp_path / "aequo-report").iterdir()) == sorted(FILES)
    again = run("demo", "--json", "--fail-on", "never", "--out", "here")
    assert again.code == 0
    assert json.loads(again.out)["data"]["rows"] == 1989
    for folder in ("aequo-report", "here"):
        assert (tmp_path / folder / "findings.json").read_text(encoding="utf-8") == again.out
