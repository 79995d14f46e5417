"""`aequo ethics` in real processes: what it prints, writes and records, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import aequo

from .calls import Run, write

WORTH = "[applicant]\nselected = 1\nrejected = -1\n[lender]\ntp = 1\nfp = -2\nfn = -0.5\ntn = 0\n"


@pytest.fixture
def loans(tmp_path: Path) -> Path:
    rows = [f"{int(i % 3 > 0)},{int(i % 5 > 1)},{int(i % 2)},{('Zoë', 'b', 'a|c')[i % 7 % 3]},yes" for i in range(2100)]
    (tmp_path / "worth.toml").write_text(WORTH)
    return write(tmp_path / "loans.csv", "repaid,approved,old,group,consent", rows)


CALL = ("--label", "repaid", "--prediction", "approved", "--group", "group")


def test_json_is_what_python_returns_and_files_hold_the_same(run: Run, loans: Path, tmp_path: Path) -> None:
    done = run("ethics", loans, *CALL, "--utilities", "worth.toml", "--baseline", "old", "--json", "--out", "out")
    assert done.code == 0 and done.err == "Report: out/ethics.html\n"
    result = aequo.weigh(
        loans, label="repaid", prediction="approved", group="group", baseline="old", utilities=tmp_path / "worth.toml"
    )
    assert json.loads(done.out) == result.to_dict()
    out = tmp_path / "out"
    assert sorted(p.name for p in out.iterdir()) == ["ethics.html", "ethics.json", "ethics.md"]
    assert (out / "ethics.json").read_text(encoding="utf-8") == done.out
    assert "Zoë" in (out / "ethics.html").read_text(encoding="utf-8")


def test_the_terminal_says_who_is_worst_off_and_what_would_flip(run: Run, loans: Path) -> None:
    done = run("ethics", loans, *CALL, "--utilities", "worth.toml", "--baseline", "old", env={"COLUMNS": "80"})
    assert done.code == 0 and done.err == ""
    assert done.out.startswith("≈ WEIGHED")
    for said in ("Who gains, who pays by group", "Zoë", "Maximin", "Preferred: ", "weight of lender"):
        assert said in done.out
    assert max(map(len, done.out.splitlines())) <= 80
    narrow = run("ethics", loans, *CALL, "--utilities", "worth.toml", env={"PYTHONIOENCODING": "ascii"})
    assert narrow.code == 0 and narrow.out.isascii()


@pytest.mark.parametrize(
    ("limits", "rule", "code"),
    [
        ("max_gap = 0.5", "yes", 0),
        ("max_gap = 0.001", "yes", 3),
        ("max_gap = 0.5", "no", 1),
        ("max_loss = 0", "yes", 3),
    ],
)
def test_it_ends_as_the_policy_says(run: Run, loans: Path, tmp_path: Path, limits: str, rule: str, code: int) -> None:
    (tmp_path / "aequo.toml").write_text(
        f"[ethics]\n{limits}\n[[ethics.stakeholders]]\nname = 'people'\nutilities = {{ selected = 1, rejected = 0 }}\n"
        f"[[duties.rules]]\nduty = 'consent'\ncolumn = 'consent'\nsays = '{rule}'\n"
    )
    assert run("ethics", loans, *CALL).code == code


def test_a_rule_of_your_own_lies_beside_the_policy(run: Run, loans: Path, tmp_path: Path) -> None:
    (tmp_path / "our_rules.py").write_text("def some(table):\n    return table.counts().rows > 10**6\n")
    (tmp_path / "aequo.toml").write_text("[[duties.rules]]\nname = 'enough'\nuse = 'our_rules:some'\n")
    done = run("ethics", loans)
    assert done.code == 1 and "Duty of enough" in done.out
    (tmp_path / "our_rules.py").write_text("def some(table):\n    raise ValueError('078-05-1120')\n")
    done = run("ethics", loans)
    assert done.code == 3 and "078" not in done.out + done.err


def test_an_assessment_finds_it_there_too(run: Run, loans: Path, tmp_path: Path) -> None:
    (tmp_path / "rules_of_assess.py").write_text("def some(table):\n    return table.counts().rows > 10**6\n")
    (tmp_path / "aequo.toml").write_text("[[duties.rules]]\nname = 'enough'\nuse = 'rules_of_assess:some'\n")
    done = run("assess", loans, *CALL, "--json")
    assert "ethics/enough" in done.out


def test_what_cannot_be_used_is_said_in_one_sentence(run: Run, loans: Path) -> None:
    calls = {
        ("ethics", loans, *CALL): "nothing was asked: say what outcomes are worth",
        ("ethics", loans, *CALL, "--utilities", "none.toml"): "there is no file 'none.toml' with utilities.",
        ("ethics", loans, *CALL[:4], "--utilities", "worth.toml"): "no group column was given",
        ("ethics", loans, *CALL[:5], "grup", "--utilities", "worth.toml"): "Did you mean 'group'?",
        ("ethics", "none.csv", *CALL, "--utilities", "worth.toml"): "none.csv",
        (
            "ethics",
            loans,
            "--label",
            "repaid",
            "--group",
            "group",
            "--utilities",
            "worth.toml",
        ): "there is no prediction",
        ("ethics", loans, *CALL, "--utilities", "worth.toml", "--key", "env:X"): "no ledger is named",
    }
    for call, said in calls.items():
        assert said in run(*call).sentence


def test_it_is_recorded_where_a_ledger_is_named(run: Run, loans: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    assert run("ledger", "init", "--ledger", url, "--key", "file:k.key").code == 0
    done = run("ethics", loans, *CALL, "--utilities", "worth.toml", "--ledger", url, "--key", "file:k.key", "--json")
    assert done.code == 0 and "Recorded in the ledger" in done.err
    assert json.loads(done.out)["verdict"] is None
    verified = run("ledger", "verify", "--ledger", url)
    assert verified.code == 0


def test_help_has_an_example_to_copy(run: Run) -> None:
    done = run("ethics", "--help")
    assert done.code == 0 and "aequo ethics loans.csv --label repaid" in done.out
