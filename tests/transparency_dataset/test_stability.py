"""Stability: what does not move is stable, what is drawn anew is not, and the overlap is what counting gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from aequo.core.finding import Status
from aequo.errors import InputError
from aequo.models.rows import Rows, as_rows
from aequo.transparency.attribution import Attributions
from aequo.transparency.columns import column_of
from aequo.transparency.explainer import Explainer
from aequo.transparency.stable import _moved, _neighbours, _overlap, stability


def people(n: int = 60) -> Rows:
    rng = np.random.default_rng(0)
    ages: list[Any] = rng.integers(20, 60, n).tolist()
    ages[3] = None
    return as_rows(
        {"age": ages, "debt": rng.random(n), "sex": rng.choice(["f", "m"], n).astype(object), "z": [0.0] * n}
    )


def contributions(values: Any) -> Attributions:
    return Attributions(
        columns=("age", "debt", "sex", "z"),
        contributions=values,
        base=0.0,
        outputs=values.sum(axis=1),
        scores=values.sum(axis=1),
        space="value",
        method="linear",
    )


def test_an_explanation_that_does_not_depend_on_the_row_stays() -> None:
    found = stability(lambda rows: contributions(np.tile([3.0, 2.0, 1.0, 0.0], (len(rows), 1))), people(), k=2)
    assert (found.overlap, found.first, found.repeatable) == (1.0, 1.0, True)
    assert found.finding.status is Status.PASS
    assert found.interval == (1.0, 1.0)


def test_where_nothing_can_move_nothing_is_passed() -> None:
    rows = people()
    nothing = stability(lambda some: contributions(np.zeros((len(some), 4))), rows, k=1)
    assert (nothing.finding.status, nothing.repeatable) == (Status.UNKNOWN, True)
    assert nothing.finding.why == "Not judged: no column contributes anything, whatever moves."
    every = stability(lambda some: contributions(np.ones((len(some), 4))), rows, k=4)
    assert every.finding.status is Status.UNKNOWN


def test_an_explanation_that_is_drawn_anew_is_caught() -> None:
    rng = np.random.default_rng(1)
    found = stability(lambda rows: contributions(rng.normal(size=(len(rows), 4))), people())
    assert not found.repeatable
    assert found.finding.status is Status.WARN
    assert found.finding.why == "The same row, explained twice, gave two explanations."
    assert (
        stability(lambda rows: contributions(rng.normal(size=(len(rows), 4))), people(), required=True).finding.status
        is Status.FAIL
    )


def test_numbers_move_to_those_of_people_nearby_and_missing_values_stay() -> None:
    rows = people(200)
    values = column_of(rows, "age").values
    order, place = _neighbours(values)
    some = np.arange(200)
    donors = _moved((order, place), some, 0.05, np.random.default_rng(2))
    assert donors[3] == 3
    known = some[place >= 0]
    assert np.abs(place[donors[known]] - place[known]).max() <= 0.05 * len(order)
    assert (donors != some).mean() > 0.5


def test_the_overlap_is_what_counting_sets_gives() -> None:
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(2, 40, 6))
    for k in (1, 2, 5):
        slow = []
        for x, y in zip(np.abs(a), np.abs(b), strict=True):
            first, second = (set(np.argsort(-v)[:k].tolist()) for v in (x, y))
            slow.append(len(first & second) / len(first | second))
        assert _overlap(a, b, k).tolist() == pytest.approx(slow)


def test_few_rows_are_not_judged() -> None:
    found = stability(lambda rows: contributions(np.ones((len(rows), 4))), people(5), k=1)
    assert found.finding.status is Status.UNKNOWN
    assert found.interval is None
    assert found.finding.why == "Not judged: 5 rows; at least 10 are needed."


def test_a_real_explainer_gives_the_same_for_the_same_seed() -> None:
    data = people()
    score = lambda x: 1 / (1 + np.exp(-np.nan_to_num(np.asarray(x["age"], float)) / 20 + np.asarray(x["debt"])))  # noqa: E731
    explainer = Explainer(score, background=data)
    first, second = (stability(explainer, data, k=1, times=3, most=15, seed=5) for _ in range(2))
    assert first == second
    assert first.repeatable
    assert 0 <= first.interval[0] <= first.overlap <= first.interval[1] <= 1


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"k": 5}, "k is 5, and there are 4 columns"),
        ({"k": 0}, "k is 0, expected a whole number from 1"),
        ({"reach": 0.9}, "reach is 0.9, expected a share"),
        ({"limit": 7}, "the limit is 7"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(how: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        stability(lambda rows: contributions(np.ones((len(rows), 4))), people(), **how)


def test_no_public_name_is_hidden_by_a_module_of_the_same_name() -> None:
    import pkgutil

    import aequo.transparency

    modules = {m.name for m in pkgutil.iter_modules(aequo.transparency.__path__)}
    assert not modules & set(aequo.transparency.__all__)
    for name in aequo.transparency.__all__:
        assert getattr(aequo.transparency, name).__name__ == name
