"""What is withheld cannot be worked out from what is published."""

from __future__ import annotations

import itertools
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import aequo


def _crossed(two: tuple[int, int]) -> dict[str, list[Any]]:
    """People by race and sex; `two` are the outcomes of the only two who did not state their sex."""
    cells = {("b", "f"): (31, 51), ("b", "m"): (100, 144), ("w", "f"): (271, 296), ("w", "m"): (1245, 1374)}
    rows: dict[str, list[Any]] = {"y": [], "race": [], "sex": []}
    for (race, sex), (good, n) in cells.items():
        rows["y"] += [1] * good + [0] * (n - good)
        rows["race"] += [race] * n
        rows["sex"] += [sex] * n
    rows["y"] += list(two)
    rows["race"] += ["b", "b"]
    rows["sex"] += [None, None]
    return rows


def test_a_table_with_a_withheld_group_holds_no_exact_numbers() -> None:
    result = aequo.assess(_crossed((1, 0)), label="y", group=["race", "sex"])
    crossed = [g for g in result.groups if g.subject == "race × sex"]
    assert any(g.n is None for g in crossed)
    for row in crossed:
        if row.n is None:
            assert not row.measures and row.share is None
            continue
        assert row.rounded and row.n % 10 == 0
        numbers = [row.share, *(x for m in row.measures.values() for x in (m.value, m.difference, m.ratio))]
        numbers += [end for m in row.measures.values() for end in (m.interval or ())]
        assert all(x is None or round(x, 2) == x for x in numbers)
        assert all(m.n is None or m.n % 10 == 0 for m in row.measures.values())
    for finding in result.findings:
        if finding.subject == "race × sex" and finding.check != "small-groups":
            assert finding.n % 10 == 0 and (finding.value is None or round(finding.value, 2) == finding.value)
            assert not re.search(r"\d\.\d{3,}|\d{2,}\.\d", finding.why.replace("0.", "."))
    assert any("rounded" in note for note in result.notes)


def test_subtraction_cannot_tell_what_was_decided_about_the_two() -> None:
    """The exact numbers by race and the rounded ones by race and sex leave every size and several outcomes possible."""
    result = aequo.assess(_crossed((1, 0)), label="y", group=["race", "sex"])
    table = {(g.subject, g.group): g for g in result.groups}
    black = table["race", "b"]
    good = round(black.measures["selection_rate"].value * black.n)
    women, men = table["race × sex", "b · f"], table["race × sex", "b · m"]

    def possible(row: Any) -> set[tuple[int, int]]:
        sizes = range(row.n - 5, row.n + 6)
        value = row.measures["selection_rate"].value
        return {(n, k) for n in sizes for k in range(n + 1) if round(k / n, 2) == value}

    rest = {
        (black.n - n1 - n2, good - k1 - k2) for (n1, k1), (n2, k2) in itertools.product(possible(women), possible(men))
    }
    left = {(n, k) for n, k in rest if 1 <= n <= 4 and 0 <= k <= n}
    assert {n for n, _ in left} == {1, 2, 3, 4}
    assert all(sum(n == size for n, _ in left) > 1 for size in (2, 3, 4))


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 1), min_size=1, max_size=4))
def test_no_digest_tells_two_withheld_groups_apart(bits: list[int]) -> None:
    def digest(tiny: list[int]) -> str:
        rows = {"y": [1, 0] * 100 + tiny, "g": ["a", "a", "b", "b"] * 50 + ["tiny"] * len(tiny)}
        return aequo.assess(rows, label="y", group="g").data.digest

    assert digest(bits) == digest([0])


def test_a_withheld_rate_rounds_its_neighbours() -> None:
    """Accuracy, base rate and the other error rate together would give a withheld true positive rate away."""
    y = [1] * 3 + [0] * 97 + [1, 0] * 50
    d = [1, 1, 0] + [0] * 97 + [1, 0] * 50
    result = aequo.assess({"y": y, "d": d, "g": ["a"] * 100 + ["b"] * 100}, label="y", prediction="d", group="g")
    a = next(g for g in result.groups if g.group == "a")
    assert a.measures["true_positive_rate"].n is None and a.rounded
    assert a.measures["accuracy"].value == pytest.approx(0.99, abs=1e-12)


def test_nothing_is_rounded_where_nothing_is_withheld() -> None:
    result = aequo.assess({"y": [1, 0, 0] * 100, "g": ["a", "b"] * 150}, label="y", group="g")
    assert not any(g.rounded for g in result.groups)
    assert next(g for g in result.groups if g.group == "a").n == 150


def test_sizes_are_shown_as_rounded() -> None:
    result = aequo.assess(_crossed((1, 0)), label="y", group=["race", "sex"])
    assert "~50" in result.to_markdown() and "~50" in result.to_html()
