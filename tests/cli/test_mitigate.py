"""`aequo mitigate` in real processes: what it prints, writes and records, and how it ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import aequo
from aequo.models.files import load_model, save_model
from aequo.models.pipeline import table_pipeline

from .calls import Ended, Run, clean_environment, write

COMMAND = [sys.executable, "-m", "aequo", "mitigate"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Call ``aequo mitigate`` in an empty directory."""

    def call(*args: object) -> Ended:
        done = subprocess.run(
            [*COMMAND, *map(str, args)],
            cwd=tmp_path,
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=200,
            check=False,
        )
        return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())

    return call


@pytest.fixture
def jobs(tmp_path: Path) -> Path:
    """Applicants, of whom men have more skill."""
    rng = np.random.default_rng(0)
    sex = rng.choice(["f", "m"], 900)
    skill = (rng.normal(size=900) + (sex == "m")).round(3)
    hired = np.where(skill + rng.normal(size=900) > 0.8, "yes", "no")
    rows = [f"{s},{x},{h}" for s, x, h in zip(skill, sex, hired, strict=True)]
    return write(tmp_path / "jobs.csv", "skill,sex,hired", rows)


OPTIONS = ["--label", "hired", "--favourable", "yes", "--group", "sex", "--splits", "3", "--jobs", "1"]
PARITY = [*OPTIONS, "--constraint", "demographic-parity", "--remedies", "reweigh,thresholds-strict"]


def test_it_says_what_to_take_and_why_and_writes_report_and_estimator(run: Run, jobs: Path, tmp_path: Path) -> None:
    done = run(jobs, *PARITY, "--tolerance", "0.2", "--out", "found")
    assert done.code in (0, 3)
    assert "thresholds-strict" in done.out and "Gap, points" in done.out
    assert "Report: found/mitigation.html" in done.err and "Estimator: found/model.skops" in done.err
    names = sorted(p.name for p in (tmp_path / "found").iterdir())
    assert names == ["mitigation.html", "mitigation.json", "mitigation.md", "model.skops"]
    model = load_model(tmp_path / "found" / "model.skops")
    assert set(model.predict({"skill": [-9.0, 9.0], "sex": ["f", "m"]})) == {"yes", "no"}


def test_what_cannot_be_written_is_told_and_the_result_is_printed_all_the_same(
    run: Run, jobs: Path, tmp_path: Path
) -> None:
    (tmp_path / "found").write_text("a file")
    done = run(jobs, *OPTIONS, "--remedies", "reweigh", "--json", "--out", "found")
    assert done.code == 2 and "the report cannot be written to 'found': that is a file" in done.err
    assert [r["name"] for r in json.loads(done.out)["remedies"]] == ["none", "reweigh"]


def test_json_is_exactly_what_the_python_call_gives(run: Run, jobs: Path) -> None:
    done = run(jobs, *PARITY, "--tolerance", "0.2", "--json")
    expected = aequo.mitigate(
        jobs,
        label="hired",
        favourable="yes",
        group="sex",
        constraint="demographic-parity",
        tolerance=0.2,
        remedies=["reweigh", "thresholds-strict"],
        splits=3,
        n_jobs=1,
    )
    assert json.loads(done.out) == expected.to_dict()
    assert done.out == expected.to_json() + "\n"
    assert done.err == ""


def test_the_exit_code_is_the_verdict(run: Run, jobs: Path) -> None:
    none = run(jobs, *OPTIONS, "--constraint", "demographic-parity", "--remedies", "none", "--tolerance", "0")
    assert none.code == 1
    assert "No remedy is recommended" in none.out
    passed = run(jobs, *OPTIONS, "--constraint", "demographic-parity", "--remedies", "none", "--tolerance", "1")
    assert passed.code == 0
    assert "No remedy is needed" in passed.out


def test_the_policy_gives_columns_and_utilities_and_the_ledger_gets_an_entry(
    run: Run, jobs: Path, tmp_path: Path
) -> None:
    from aequo.ledger import Ledger
    from aequo.ledger.keys import KeyRing

    KeyRing.new().save(tmp_path / "aequo.key")
    policy = """
[data]
label = "hired"
favourable = "yes"
[groups]
columns = ["sex"]
[ledger]
url = "sqlite:///ledger.db"
key = "file:aequo.key"
[[ethics.stakeholders]]
name = "applicant"
utilities = { tp = 1, fp = 0.5, fn = -1, tn = 0 }
"""
    (tmp_path / "aequo.toml").write_text(policy, encoding="utf-8")
    book = Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}", key=tmp_path / "aequo.key")
    book.close()
    done = run(jobs, "--splits", "2", "--jobs", "1", "--remedies", "thresholds-deterministic", "--tolerance", "0.2")
    assert done.code in (0, 1, 3), done
    assert "Who gains, who pays" in done.out and "maximin" in done.out
    assert "What changes with thresholds-deterministic, against no remedy:" in done.out
    assert "Recorded: " in done.err
    with Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}") as opened:
        event = next(iter(opened.entries(kind="mitigation"))).event
    assert event["remedies"].keys() == {"none", "thresholds-deterministic"}
    assert event["result"].startswith("sha256:")


def test_a_trained_model_is_read_from_a_file(run: Run, jobs: Path, tmp_path: Path) -> None:
    import pandas as pd

    data = pd.read_csv(jobs)
    save_model(table_pipeline("logistic", ["skill"]).fit(data, data.hired), tmp_path / "m.skops")
    done = run(jobs, *OPTIONS, "--model", "m.skops", "--tolerance", "0.3", "--json")
    assert done.code in (0, 1, 3), done
    names = [r["name"] for r in json.loads(done.out)["remedies"]]
    assert names == ["none", "thresholds-deterministic", "thresholds", "thresholds-strict"]
    both = run(jobs, *OPTIONS, "--model", "m.skops", "--estimator", "forest")
    assert both.sentence.startswith("--model and --estimator are both given")
    (tmp_path / "m.pkl").write_bytes(b"x")
    assert "if you trust who made it" in run(jobs, *OPTIONS, "--model", "m.pkl").sentence


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--label", "hird"], "no column 'hird' in jobs.csv"),
        (["--tolerance", "3"], "the tolerance is 3.0, expected a number from 0 to 1"),
        (["--remedies", "wish"], "there is no remedy 'wish'"),
    ],
)
def test_wrong_usage_is_one_sentence(run: Run, jobs: Path, options: list[str], message: str) -> None:
    assert message in run(jobs, *OPTIONS, *options).sentence


def test_an_empty_or_absent_file_is_told(run: Run, tmp_path: Path) -> None:
    write(tmp_path / "none.csv", "skill,sex,hired", [])
    assert "none.csv" in run("none.csv", *OPTIONS).sentence
    assert "absent.csv" in run("absent.csv", *OPTIONS).sentence


def test_help_has_an_example_that_can_be_copied(run: Run) -> None:
    done = run("--help")
    assert done.code == 0
    assert "aequo mitigate loans.csv --label approved --group race --out remedies" in done.out


def test_ctrl_c_ends_it_and_its_workers(jobs: Path, tmp_path: Path) -> None:
    options = [*OPTIONS[:-4], "--splits", "200", "--jobs", "2", "--estimator", "forest", "--out", "found"]
    with subprocess.Popen(
        [*COMMAND, str(jobs), *options],
        cwd=tmp_path,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        try:
            _until_workers(process.pid)
            for _ in range(5):  # one that comes between two steps is not noticed
                process.send_signal(signal.SIGINT)
                try:
                    out, err = process.communicate(timeout=20)
                    break
                except subprocess.TimeoutExpired:
                    continue
            else:
                pytest.fail("it does not end")
        finally:
            process.kill()
    assert process.returncode == 130
    assert b"Gap, points" not in out  # a worker that was just starting may have said why it did not
    assert b"interrupted; nothing was written half-way" in err
    assert b"Traceback" not in err
    assert not (tmp_path / "found").exists()


def _until_workers(pid: int) -> None:
    """Wait until it has started processes of its own."""
    for _ in range(600):
        children = Path(f"/proc/{pid}/task/{pid}/children")
        if children.exists() and len(children.read_text().split()) >= 2:
            return
        time.sleep(0.1)
    pytest.fail("no workers were started")
