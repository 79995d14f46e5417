"""Real tables: what pyCANON measures of them, files and frames alike, and what a plan makes of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from aequo.core.finding import Status
from aequo.privacy.releases.apply import generalise
from aequo.privacy.releases.check import check_release

if TYPE_CHECKING:
    import pandas as pd

# pyCANON 1.3.5 (Apache-2.0) under Python 3.11, by `python benchmarks/privacy.py pycanon`, which makes an environment
# for it: it pins versions of numpy, pandas and typer that cannot be installed beside ours.
# table, quasi-identifiers: k, {sensitive: (l, entropy l rounded down, t)}
PYCANON: dict[tuple[str, tuple[str, ...]], tuple[int, dict[str, tuple[int, int, float]]]] = {
    ("adult", ("sex", "race")): (
        109,
        {
            "income": (2, 1, 0.18576368588639136),
            "occupation": (11, 8, 0.32220540754980986),
            "hours-per-week": (23, 6, 0.049617546210691386),
        },
    ),
    ("adult", ("age", "sex", "race")): (
        1,
        {
            "income": (1, 1, 0.7591904425539756),
            "occupation": (1, 1, 0.9954239734651884),
            "hours-per-week": (1, 1, 0.42341867522100024),
        },
    ),
    ("compas", ("age_cat", "sex")): (
        288,
        {
            "decile_score": (9, 4, 0.21661830391522655),
            "score_text": (3, 1, 0.2631337214675169),
            "two_year_recid": (2, 1, 0.2139848442842621),
        },
    ),
    ("compas", ("age_cat", "sex", "race")): (
        1,
        {
            "decile_score": (1, 1, 0.61004836275144),
            "score_text": (1, 1, 0.8055170501802051),
            "two_year_recid": (1, 1, 0.5493484890490714),
        },
    ),
    ("german", ("sex", "housing")): (
        19,
        {
            "credit": (2, 1, 0.27894736842105267),
            "purpose": (7, 5, 0.39194736842105277),
            # 19 different amounts in the smallest class: its effective number is 19, which pyCANON's rounding makes 18.
            "credit_amount": (19, 19, 0.14112917620137344),
        },
    ),
}


@pytest.mark.parametrize("case", PYCANON, ids=lambda c: f"{c[0]} {','.join(c[1])}")
def test_k_l_and_t_of_real_tables_are_those_of_pycanon(
    case: tuple[str, tuple[str, ...]], request: pytest.FixtureRequest
) -> None:
    frame: pd.DataFrame = request.getfixturevalue(case[0])
    k, expected = PYCANON[case]
    # pyCANON counts an unknown "?" as a value, so nothing is "missing" here.
    got = check_release(frame, quasi=case[1], sensitive=list(expected), missing=())
    assert got.k == k
    for one in got.sensitive:
        diversity, entropy, distance = expected[one.column]
        assert one.distinct == diversity
        assert one.effective is not None and math.floor(one.effective + 1e-9) == entropy
        assert one.closeness == pytest.approx(distance, rel=1e-9)


def test_a_file_and_a_frame_of_adult_agree(adult: pd.DataFrame, data_file: Callable[[str], Path]) -> None:
    how = {
        "quasi": ["age", "race", "native-country"],
        "sensitive": ["occupation", "hours-per-week"],
        "missing": ("", "?"),
    }
    file, frame = check_release(data_file("adult_train.csv.gz"), **how), check_release(adult, **how)
    for name in ("rows", "classes", "k", "uniques", "at_risk", "sizes", "sensitive", "notes"):
        assert getattr(file, name) == getattr(frame, name)
    assert {e.kind for f in file.findings for e in f.evidence} == {"file"}
    assert [one.missing for one in file.sensitive] == [1843, 0]


def test_a_plan_for_adult_reaches_what_it_promises_on_the_rows(adult: pd.DataFrame) -> None:
    quasi = ["age", "sex", "race", "native-country", "education", "marital-status"]
    how = {"sensitive": "occupation", "t": None, "missing": ("", "?")}
    got = check_release(adult, quasi=quasi, suggest=True, **how)
    assert (got.k, got.uniques, got.at_risk) == (1, 5594, 10138)  # by pandas too
    assert [s.suppressed for s in got.suggestions] == [1134, 274, 0]
    assert [round(s.loss, 3) for s in got.suggestions] == [0.12, 0.156, 0.374]
    for one in got.suggestions:
        released = generalise(adult, one.plan, missing=("", "?"))
        again = check_release(released, quasi=one.plan.left, **how)
        assert (again.k, again.rows, again.classes) == (one.k, one.rows, one.classes)
        assert again.sensitive[0].distinct == one.diversity["occupation"]
        assert again.verdict in (Status.PASS, Status.WARN)


def test_an_identifier_that_is_left_in_is_found(compas: pd.DataFrame) -> None:
    got = check_release(compas, quasi=["age_cat", "sex"], sensitive="decile_score", t=None)
    assert [f.subject for f in got.findings if f.status is Status.FAIL] == ["id"]
