"""`aequo minimize` in real processes: files with less in them, and what a model can do without."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import duckdb
import numpy as np
import pytest

from aequo.privacy.minimisation.file import minimise_file
from aequo.privacy.minimisation.suggest import suggest_minimal

from .calls import Ended, Run, clean_environment, write

# The command alone, with the ways to end of `aequo` itself.
_ALONE = """
import sys
from aequo.cli import main
if not any(c.name == "minimize" for c in main.app.registered_commands):
    from aequo.cli.minimize import minimize
    main.app.command("minimize")(minimize)
sys.exit(main.main())
"""


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Call ``aequo minimize`` in an empty directory."""

    def call(*args: object) -> Ended:
        done = subprocess.run(
            [sys.executable, "-c", _ALONE, "minimize", *map(str, args)],
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
def people(tmp_path: Path) -> Path:
    return write(tmp_path / "people.csv", 'name,age,"zip, as told",income', ["Ada,036,02138,1.50", "Bob,047,90210,2"])


@pytest.fixture
def loans(tmp_path: Path) -> Path:
    """Loans whose repayment depends on income and on nothing else."""
    rng = np.random.default_rng(0)
    income, noise = rng.normal(size=(2, 1500)).round(3)
    repaid = np.where(2 * income + rng.logistic(size=1500) > 0, "yes", "no")
    rows = [f"{i},{n},p{k},{r}" for k, (i, n, r) in enumerate(zip(income, noise, repaid, strict=True))]
    return write(tmp_path / "loans.csv", "income,noise,id,repaid", rows)


# -- keeping columns


def test_the_required_columns_are_written_and_the_others_named(run: Run, people: Path, tmp_path: Path) -> None:
    done = run(people, "--required", "age,income", "--out", "small.csv")
    assert done.code == 0
    assert (tmp_path / "small.csv").read_text() == "age,income\n036,1.50\n047,2\n"
    assert done.out == "kept     age, income\ndropped  name, zip, as told\n"
    assert done.err == "Wrote small.csv: 2 rows.\n"
    assert "Ada" not in done.out + done.err


def test_json_is_exactly_what_python_returns(run: Run, people: Path, tmp_path: Path) -> None:
    done = run(people, "--required", "zip, as told", "--required", "age", "--out", "a.csv", "--json")
    assert done.code == 0
    assert done.out == minimise_file(people, tmp_path / "b.csv", required=["zip, as told", "age"]).to_json() + "\n"
    assert json.loads(done.out) == {"kept": ["zip, as told", "age"], "dropped": ["name", "income"], "rows": 2}


def test_parquet_and_json_lines_too(run: Run, tmp_path: Path) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT 1 AS a, 2 AS b) TO '{tmp_path / 'in.parquet'}'")
    (tmp_path / "in.jsonl").write_text('{"a": {"b": 1, "c": 2}, "d": 3}\n')
    assert run("in.parquet", "--required", "b", "--out", "o.parquet").code == 0
    assert duckdb.sql(f"FROM '{tmp_path / 'o.parquet'}'").columns == ["b"]
    done = run("in.jsonl", "--required", "a.b", "--out", "o.jsonl")
    assert done.out == "kept     a.b\ndropped  a.c, d\n"
    assert (tmp_path / "o.jsonl").read_text() == '{"a":{"b":1}}\n'


def test_a_file_that_is_there_is_overwritten_only_by_force(run: Run, people: Path, tmp_path: Path) -> None:
    (tmp_path / "o.csv").write_text("old")
    assert "o.csv is there already" in run(people, "--required", "age", "--out", "o.csv").sentence
    assert (tmp_path / "o.csv").read_text() == "old"
    assert run(people, "--required", "age", "--out", "o.csv", "--force").code == 0


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["people.csv"], "--required and --out are needed"),
        (["people.csv", "--required", "age"], "--required and --out are needed"),
        (["people.csv", "--out", "o.csv"], "--required and --out are needed"),
        (["people.csv", "--required", "agee", "--out", "o.csv"], "Did you mean 'age'?"),
        (["people.csv", "--required", "age,,", "--out", "o.csv"], "empty column name"),
        (["peple.csv", "--required", "age", "--out", "o.csv"], "Did you mean 'people.csv'?"),
        (["people.csv", "--required", "age", "--out", "people.csv", "--force"], "the source itself"),
        (["people.csv", "--required", "age", "--out", "o.parquet"], "another format"),
        (["people.csv", "--target", "age", "--out", "o.csv"], "in a second step"),
        (["people.csv", "--target", "agee"], "Did you mean 'age'?"),
        (["people.csv", "--target", "age", "--estimator", "forrest"], "forrest"),
        (["people.csv", "--target", "age", "--metric", "acuracy"], "expected one for"),
        (["people.csv", "--target", "age", "--tolerance", "-1"], "tolerance is -1"),
    ],
)
def test_a_call_that_cannot_be_meant_is_refused_in_one_sentence(
    run: Run, people: Path, tmp_path: Path, args: list[str], said: str
) -> None:
    sentence = run(*args).sentence
    assert said in sentence
    assert "Ada" not in sentence
    assert [p.name for p in tmp_path.iterdir()] == [people.name]


# -- finding out what is needed


def test_what_a_model_can_do_without_is_found_and_shown(run: Run, loans: Path) -> None:
    done = run(loans, "--target", "repaid", "--tolerance", "0.03", "--exclude", "id")
    assert done.code == 0
    assert done.out.startswith("PASS  1 of 2 columns are enough to predict repaid: leaving out noise costs ")
    assert "keep     income\nleave    noise\n" in done.out
    assert "accepted" in done.out


def test_the_suggestion_as_json_is_what_python_returns(run: Run, loans: Path) -> None:
    done = run(loans, "--target", "repaid", "--tolerance", "0.05", "--required", "id", "--seed", "3", "--json")
    found = suggest_minimal("logistic", str(loans), "repaid", tolerance=0.05, required="id", seed=3)
    assert done.out == found.to_json() + "\n"
    assert done.code == (0 if found.verdict.value == "pass" else 3)


def test_data_that_cannot_tell_ends_with_3(run: Run, tmp_path: Path) -> None:
    few = write(tmp_path / "few.csv", "a,b,y", [f"{i % 7},{i % 5},{i % 2}" for i in range(50)])
    done = run(few, "--target", "y")
    assert done.code == 3
    assert done.out.startswith("UNKNOWN  Not judged: 50 rows have a value of y; at least 100 are needed.")


def test_the_policy_says_what_missing_means_and_which_seed_is_used(run: Run, loans: Path, tmp_path: Path) -> None:
    (tmp_path / "aequo.toml").write_text('[data]\nmissing = ["", "no"]\n[statistics]\nseed = 5\n')
    done = run(loans, "--target", "repaid", "--json")
    plain = json.loads(done.out)
    assert done.code == 3 and plain["seed"] == 5
    assert "every row has the same value" in plain["findings"][0]["why"]
    assert "Policy: aequo.toml of this directory" in done.err


def test_help_imports_nothing_heavy() -> None:
    code = _ALONE.replace("sys.exit(main.main())", "main.main(['minimize', '--help'])") + (
        "\nheavy = {'numpy', 'duckdb', 'narwhals', 'sklearn', 'msgspec'} & set(sys.modules)\nassert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], env=clean_environment(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii()
