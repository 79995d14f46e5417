"""`aequo privacy check` in real processes: verdicts, exit codes, what is shown and what is withheld."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from aequo.privacy.releases.apply import generalise
from aequo.privacy.releases.check import check_release
from aequo.privacy.releases.rules import GeneralisationPlan

from .calls import Ended, Run, clean_environment, write

ILL = ("flu", "ulcer", "gout")

# The command alone, with the ways to end of `aequo` itself.
_ALONE = """
import sys
from aequo.cli import main, privacy
if not any(g.name == "privacy" for g in main.app.registered_groups):
    main.app.add_typer(privacy.app, name="privacy")
sys.exit(main.main())
"""


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Call ``aequo privacy check`` in an empty directory."""

    def call(*args: object) -> Ended:
        done = subprocess.run(
            [sys.executable, "-c", _ALONE, "privacy", "check", *map(str, args)],
            cwd=tmp_path,
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=120,
            check=False,
        )
        return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())

    return call


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """Sixty people: two towns, three diseases, one of them of an age that nobody else has."""
    rows = [f"{30 + 10 * (i % 3)},{'0213' + str(8 + i % 2)},{ILL[i // 6 % 3]}" for i in range(60)]
    return write(tmp_path / "people.csv", "age,zip,ill", [*rows, "97,90210,flu"])


@pytest.fixture
def safe(tmp_path: Path) -> Path:
    rows = [f"{'fm'[i % 2]},{ILL[i // 2 % 3]}" for i in range(60)]
    return write(tmp_path / "safe.csv", "sex,ill", rows)


def test_a_safe_file_passes_with_exit_code_0(run: Run, safe: Path) -> None:
    done = run(safe, "--quasi", "sex", "--sensitive", "ill")
    assert done.code == 0
    assert done.out.startswith("PASS  2 classes of 60 rows; k = 30; 0 rows alone;")
    assert done.err == ""


def test_an_unsafe_file_fails_with_exit_code_1_and_tells_nobody_who(run: Run, people: Path) -> None:
    done = run(people, "--quasi", "age,zip", "--sensitive", "ill", "--t", "1")
    assert done.code == 1
    assert done.out.startswith("FAIL  7 classes of 61 rows; k = 1; 1 rows alone;")
    assert "The smallest of 7 classes of age × zip holds 1 row, fewer than 5" in done.out
    assert "97" not in done.out and "90210" not in done.out
    assert "classes by rows, smallest first: 1 of 1, 6 of 10" in done.out
    assert "withheld" in done.out


def test_whoever_may_see_it_can_ask_for_it(run: Run, people: Path) -> None:
    done = run(people, "--quasi", "age,zip", "--t", "1", "--reveal")
    assert "1 rows: age 97, zip 90210" in done.out


def test_the_policy_says_below_what_is_withheld(run: Run, people: Path, tmp_path: Path) -> None:
    (tmp_path / "aequo.toml").write_text("[privacy]\nsuppress_below = 11\n")
    done = run(people, "--quasi", "age,zip", "--sensitive", "ill")
    assert "rows: age" not in done.out and "fewer than 11 rows" in done.out


def test_nothing_to_judge_ends_with_3(run: Run, tmp_path: Path) -> None:
    empty = write(tmp_path / "empty.csv", "sex,ill", [])
    done = run(empty, "--quasi", "sex", "--sensitive", "ill")
    assert done.code == 3
    assert "Not judged: there are no rows." in done.out


def test_json_is_exactly_what_python_returns(run: Run, people: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(people.parent)
    done = run(
        "people.csv", "--quasi", "age,zip", "--sensitive", "ill", "--k", "3", "--l", "0", "--t", "0.5", "--suggest",
        "--json",
    )  # fmt: skip
    result = check_release("people.csv", quasi=["age", "zip"], sensitive="ill", k=3, l=None, t=0.5, suggest=True)
    assert done.out == result.to_json() + "\n"
    assert done.code == 1


def test_every_option_reaches_the_check(run: Run, people: Path) -> None:
    done = run(
        people, "--quasi", "age", "--quasi", "zip", "--sensitive", "ill", "--c", "9", "--diversity", "recursive",
        "--suppress", "0", "--suggest", "--missing", "gout", "--json",
    )  # fmt: skip
    plain = json.loads(done.out)
    by = {f["check"]: f for f in plain["findings"]}
    assert by["recursive-l-diversity"]["limit"] == 9 and by["recursive-l-diversity"]["required"]
    assert not by["l-diversity"]["required"]
    assert plain["sensitive"][0]["missing"] == 18
    assert {s["suppressed"] for s in plain["suggestions"]} == {0}


def test_a_plan_is_written_and_does_what_it_says(run: Run, people: Path, tmp_path: Path) -> None:
    done = run(people, "--quasi", "age,zip", "--sensitive", "ill", "--t", "0.5", "--plan", "plan.json")
    assert done.code == 1
    assert "\nplan 1: " in done.out
    assert done.err == "Plan: plan.json\n"
    plan = GeneralisationPlan.from_json((tmp_path / "plan.json").read_text())
    released = generalise(duckdb.read_csv(str(people), all_varchar=False), plan)
    released.write_csv(str(tmp_path / "released.csv"))
    again = run("released.csv", "--quasi", ",".join(plan.left), "--sensitive", "ill", "--t", "0.5")
    assert again.code == 0, again.out


def test_where_no_plan_helps_none_is_written(run: Run, tmp_path: Path) -> None:
    few = write(tmp_path / "few.csv", "age,ill", ["1,a", "2,a"])
    done = run(few, "--quasi", "age", "--sensitive", "ill", "--plan", "plan.json")
    assert done.code == 1
    assert "none was written" in done.err
    assert not (tmp_path / "plan.json").exists()


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["people.csv"], "--quasi"),
        (["people.csv", "--quasi", "agee"], "Did you mean 'age'?"),
        (["people.csv", "--quasi", "age", "--sensitive", "age"], "as a quasi-identifier and as sensitive"),
        (["people.csv", "--quasi", "age", "--k", "0"], "k is 0"),
        (["people.csv", "--quasi", "age", "--t", "20"], "t is 20"),
        (["people.csv", "--quasi", "age", "--suppress", "5"], "expected 0 to 1"),
        (["people.csv", "--quasi", "age", "--ignore", "agee"], "Did you mean 'age'?"),
        (["nobody.csv", "--quasi", "age"], "there is no file 'nobody.csv'"),
    ],
)
def test_a_call_that_cannot_be_meant_is_refused_in_one_sentence(
    run: Run, people: Path, args: list[str], said: str
) -> None:
    assert said in run(*args).sentence


def test_help_imports_nothing_heavy_and_has_an_example() -> None:
    code = _ALONE.replace("sys.exit(main.main())", "main.main(['privacy', 'check', '--help'])") + (
        "\nheavy = {'numpy', 'duckdb', 'narwhals', 'sklearn', 'msgspec'} & set(sys.modules)\nassert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], env=clean_environment(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert b"  aequo privacy check people.csv --quasi age,zip,sex --sensitive disease\n" in done.stdout
    assert done.stdout.isascii()
