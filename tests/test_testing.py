"""The pytest door: the same verdict as through the others, a message that says what to fix, and a light plug-in."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import aequo
from aequo.errors import InputError, Unfair, UnknownColumn
from aequo.testing import assert_fair as function

DECISIONS: dict[str, dict[str, list[Any]]] = {
    "pass": {"y": [1, 1, 0, 0] * 500, "sex": ["f", "m"] * 1000},
    "fail": {"y": [1, 0, 1, 1, 1, 0, 1, 0, 1, 0] * 100, "sex": ["f", "m"] * 500},
    "unknown": {"y": [1, 1, 0, 0] * 15, "sex": ["f", "m"] * 30},
}
HOW: dict[str, Any] = {"label": "y", "group": "sex"}


# -- one gate, many doors


@pytest.mark.parametrize("fail_on", ["unknown", "fail", "never"])
@pytest.mark.parametrize("verdict", DECISIONS)
def test_every_door_gives_the_same_verdict(
    verdict: str, fail_on: Any, assert_fair: Callable[..., Any], tmp_path: Path
) -> None:
    data = DECISIONS[verdict]
    result = aequo.assess(data, **HOW)
    assert result.verdict.value == verdict
    code = aequo.gate(result, fail_on=fail_on)
    for door in (function, assert_fair):
        try:
            passed = door(data, fail_on=fail_on, **HOW)
        except Unfair as unfair:
            assert code != 0
            passed = unfair.assessment
        else:
            assert code == 0
        assert passed.to_json() == result.to_json()
    path = tmp_path / "d.csv"
    path.write_text("y,sex\n" + "".join(f"{y},{s}\n" for y, s in zip(*data.values(), strict=True)), encoding="utf-8")
    command = ["assess", str(path), "--label", "y", "--group", "sex", "--json", "--fail-on", fail_on]
    done = subprocess.run([sys.executable, "-m", "aequo", *command], capture_output=True, check=False, cwd=tmp_path)
    assert done.returncode == code
    shown = json.loads(done.stdout)
    assert shown["verdict"] == verdict
    assert [(f["id"], f["status"], f["value"]) for f in shown["findings"]] == [
        (f["id"], f["status"], f["value"]) for f in result.to_dict()["findings"]
    ]


# -- the function


def test_the_message_names_what_stopped_it_and_why() -> None:
    with pytest.raises(Unfair) as caught:
        function(DECISIONS["fail"], **HOW)
    unfair = caught.value
    assert isinstance(unfair, AssertionError)
    lines = str(unfair).split("\n")
    assert re.fullmatch(
        r"not shown to be fair: of the required findings \d failed( and \d could not be judged)?\.", lines[0]
    )
    assert "  FAIL     fairness/demographic-parity/sex" in lines
    failed = next(f for f in unfair.assessment.findings if f.id == "fairness/demographic-parity/sex")
    assert f"           {failed.why}" in lines
    assert lines[-1].startswith("  To look into it: aequo.assess(")
    assert "PASS" not in str(unfair)


def test_the_report_is_saved_whatever_the_verdict(tmp_path: Path) -> None:
    with pytest.raises(Unfair):
        function(DECISIONS["fail"], out=tmp_path / "bad", **HOW)
    function(DECISIONS["pass"], out=tmp_path / "good", **HOW)
    assert {p.name for p in tmp_path.glob("*/report.html")} == {"report.html"}
    assert len(list(tmp_path.glob("*/findings.json"))) == 2


def test_wrong_calls_are_errors_and_not_failures() -> None:
    with pytest.raises(InputError, match="fail_on is 'maybe'"):
        function(DECISIONS["pass"], fail_on="maybe", **HOW)  # type: ignore[arg-type]
    with pytest.raises(UnknownColumn):
        function(DECISIONS["pass"], label="x", group="sex")


# -- the plug-in


def test_pytest_loads_the_plug_in_without_anything_heavy() -> None:
    code = (
        "import sys, pytest, aequo.testing\n"
        "heavy = {'numpy', 'duckdb', 'narwhals', 'msgspec', 'rich', 'typer', 'jinja2'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_function_works_where_pytest_is_not_installed() -> None:
    code = (
        "import sys; sys.modules['pytest'] = None\n"
        "from aequo.testing import assert_fair\n"
        "assert_fair({'y': [1, 1, 0, 0] * 500, 'sex': ['f', 'm'] * 1000}, label='y', group='sex')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


_SUITE = """
import pytest

FAIR = {"y": [1, 1, 0, 0] * 500, "sex": ["f", "m"] * 1000}
UNFAIR = {"y": [1, 0, 1, 1, 1, 0, 1, 0, 1, 0] * 100, "sex": ["f", "m"] * 500}

@pytest.mark.parametrize("which", ["a/b", "a b"])
def test_fair(assert_fair, which):
    assert_fair(FAIR, label="y", group="sex")
    assert_fair(FAIR, label="y", group="sex")

def test_unfair(assert_fair):
    assert_fair(UNFAIR, label="y", group="sex")
"""


def test_the_fixture_and_its_option_in_a_real_run(tmp_path: Path) -> None:
    (tmp_path / "test_model.py").write_text(_SUITE, encoding="utf-8")
    # The plug-in is named, so that the test does not depend on how aequo was installed.
    env = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "aequo.testing", "-q", "--aequo-out", "reports", "test_model.py"],
        cwd=tmp_path, env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "1 failed, 2 passed" in done.stdout
    assert "not shown to be fair: of the required findings" in done.stdout
    assert "src/aequo" not in done.stdout  # the test's own line is shown, and not the plug-in's
    names = sorted(p.parent.name for p in (tmp_path / "reports").glob("*/report.html"))
    assert len(names) == 5
    assert all(re.fullmatch(r"test_model\.py-test_\w+(-a-b)?-[0-9a-f]{6}(-2)?", name) for name in names), names
