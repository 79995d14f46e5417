"""The views of what `assess` really gives, from data to page."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest

from aequo.flows.assess import assess
from aequo.report import words
from aequo.report.result import Assessment
from aequo.report.terminal import show

from .test_views import read, words_of


@pytest.fixture(scope="module", params=["decisions", "model", "scores", "classes", "numbers"])
def result(request: pytest.FixtureRequest) -> Assessment:
    rng = np.random.default_rng(5)
    n = 3000
    race = rng.choice(["black", "white", "asian & <other>"], n, p=[0.3, 0.68, 0.02])
    sex = rng.choice(["f", "m"], n)
    score = np.clip(rng.beta(2, 2, n) + 0.15 * (race == "white"), 0, 1)
    label = (rng.random(n) < score).astype(int)
    data = {"race": race, "sex": sex, "y": label, "p": (score > 0.5).astype(int), "s": score, "income": 1e4 * score}
    data["grade"] = np.array(["low", "mid", "high"])[np.minimum((3 * score).astype(int), 2)]
    arguments = {
        "decisions": {"label": "y"},
        "model": {"label": "y", "prediction": "p", "control": "grade"},
        "scores": {"label": "y", "score": "s"},
        "classes": {"label": "grade"},
        "numbers": {"label": "income"},
    }[request.param]
    used = {k: list(v) for k, v in data.items() if k in {"race", "sex", *arguments.values()}}
    return assess(used, group=["race", "sex"], **arguments)


def test_each_finding_and_group_is_on_the_page(result: Assessment) -> None:
    page = words_of(result.to_html())
    assert all(words.plain(f.id) in page for f in result.findings)
    assert all(row.group in page for row in result.groups)
    assert len(result.to_html()) < 700_000


def test_the_notebook_gets_the_same_findings(result: Assessment) -> None:
    fragment = result._repr_html_()
    read(fragment)
    assert all(words.plain(f.why) in words_of(fragment) for f in result.findings)


def test_the_terminal_view_keeps_to_80_columns(result: Assessment) -> None:
    stream = io.StringIO()
    show(result, file=stream, width=80)
    assert max(map(len, stream.getvalue().splitlines())) <= 80


def test_what_is_saved_is_what_python_holds(result: Assessment, tmp_path: Path) -> None:
    folder = result.save(tmp_path / "report")
    assert json.loads((folder / "findings.json").read_text(encoding="utf-8")) == result.to_dict()


def test_no_number_is_left_without_words_for_its_kind(result: Assessment) -> None:
    """A check that has a limit in the policy has a unit; only checks of later areas fall back on a plain number."""
    assert {f.check for f in result.findings} <= set(words.KNOWN_CHECKS)
