"""From trials to a comparison: the gap has no bias, the frontier is one, and the rule of the recommendation holds."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aequo.core.counts import Counts
from aequo.core.finding import Status
from aequo.core.table import Table
from aequo.fairness.mitigate.comparison import Number, Remedy
from aequo.fairness.mitigate.remedies import RECIPES
from aequo.fairness.mitigate.summary import Plan, findings_of, gap_of, recommend, remedies_of
from aequo.fairness.mitigate.trial import Trial

PLAN = Plan(
    constraint="demographic_parity",
    tolerance=0.05,
    favourable="1",
    min_size=20,
    ratio=0.3 / 0.7,
    confidence=0.95,
    multiplicity="none",
    people=1000,
    share=3.0,
    subject="g",
)


def counted(rates: dict[str, float], n: int = 400, *, rng: np.random.Generator | None = None) -> Counts:
    """Counts of decisions, with these rates of favourable ones: as expected, or drawn."""
    group: list[str] = []
    decision: list[int] = []
    for name, rate in rates.items():
        yes = round(n * rate) if rng is None else int(rng.binomial(n, rate))
        group += [name] * n
        decision += [1] * yes + [0] * (n - yes)
    label = (np.arange(len(group)) % 2).tolist()
    return Table.of({"g": group, "y": label, "d": decision}).counts(group="g", label="y", prediction="d")


# -- the gap ----------------------------------------------------------------------------------------------------------


def test_without_noise_the_gap_is_the_difference_and_its_groups_are_named() -> None:
    gap = gap_of([counted({"a": 0.5, "b": 0.3, "c": 0.4})] * 4, PLAN)
    assert gap.value == pytest.approx(0.2)
    assert gap.between == ("selection_rate", "a", "b")
    assert gap.at(0.95) == (pytest.approx(0.2), pytest.approx(0.2))
    assert gap.rates["selection_rate"]["c"].value == pytest.approx(0.4)


def test_noise_does_not_raise_the_gap_as_it_raises_a_largest_difference() -> None:
    """Equal groups: the mean of absolute differences stays at sqrt(2/pi) errors, the gap of means shrinks."""
    rng = np.random.default_rng(0)
    drawn = [counted({"a": 0.5, "b": 0.5}, rng=rng) for _ in range(40)]
    one_by_one = np.mean([gap_of([c, c], PLAN).value for c in drawn])
    error = np.sqrt(2 * 0.25 / 400)
    assert one_by_one == pytest.approx(np.sqrt(2 / np.pi) * error, rel=0.25)
    together = gap_of(drawn, PLAN)
    assert together.value is not None and together.value < one_by_one / 2
    interval = together.at(0.95)
    assert interval is not None and interval[0] == 0.0


@settings(max_examples=25)
@given(st.lists(st.sampled_from([0.1, 0.3, 0.5, 0.8]), min_size=2, max_size=4), st.randoms())
def test_names_of_groups_and_order_of_splits_do_not_matter(rates: list[float], shuffle: Any) -> None:
    rng = np.random.default_rng(0)
    names = [f"g{i}" for i in range(len(rates))]
    drawn = [counted(dict(zip(names, rates, strict=True)), 60, rng=rng) for _ in range(3)]
    renamed = [
        dataclasses.replace(
            c, dims=(dataclasses.replace(c.dims[0], levels=tuple(f"z{v}" for v in c.dims[0].levels)), *c.dims[1:])
        )
        for c in drawn
    ]
    shuffle.shuffle(renamed)
    a, b = gap_of(drawn, PLAN), gap_of(renamed, PLAN)
    assert a.value == pytest.approx(b.value)
    assert a.at(0.9) == pytest.approx(b.at(0.9))


@given(st.floats(0.5, 0.99), st.floats(0.5, 0.99))
@settings(max_examples=25)
def test_more_confidence_gives_a_wider_interval_around_the_value(one: float, two: float) -> None:
    rng = np.random.default_rng(1)
    gap = gap_of([counted({"a": 0.6, "b": 0.4, "c": 0.5}, 100, rng=rng) for _ in range(5)], PLAN)
    narrow, wide = gap.at(min(one, two)), gap.at(max(one, two))
    assert narrow is not None and wide is not None and gap.value is not None
    assert wide[0] <= narrow[0] <= gap.value <= narrow[1] <= wide[1]


def test_a_group_with_too_few_rows_takes_no_part_and_keeps_the_check_from_passing() -> None:
    odds = dataclasses.replace(PLAN, constraint="equal_opportunity", min_size=30)
    few = counted({"a": 0.5, "b": 0.5})
    small = counted({"c": 1.0}, 40)  # 40 rows, and 20 of them with the favourable label
    gap = gap_of([few + small] * 4, odds)
    assert gap.value == pytest.approx(0.0)
    assert gap.unjudged == ("c",)
    assert "c" not in gap.rates["true_positive_rate"]
    alone = gap_of([small] * 4, odds)
    assert alone.value is None
    assert alone.at(0.95) is None


def test_one_split_has_a_gap_and_no_interval() -> None:
    gap = gap_of([counted({"a": 0.5, "b": 0.3})], PLAN)
    assert gap.value == pytest.approx(0.2)
    assert gap.at(0.95) is None


# -- remedies ---------------------------------------------------------------------------------------------------------


def trials(name: str, accuracy: list[float | None], rates: dict[str, float]) -> list[Trial]:
    out = []
    for j, value in enumerate(accuracy):
        failed = value is None
        out.append(
            Trial(
                remedy=name,
                split=j,
                metrics={} if failed else {"accuracy": value, "demographic-parity": abs(rates["a"] - rates["b"])},
                counts=None if failed else counted(rates),
                failure="it stopped with ValueError." if failed else None,
            )
        )
    return out


SIDE = {
    "none": ([0.90, 0.91, 0.90, 0.91], {"a": 0.6, "b": 0.3}),
    "reweigh": ([0.88, 0.89, 0.88, 0.89], {"a": 0.5, "b": 0.4}),
    "thresholds": ([0.86, 0.87, 0.86, 0.87], {"a": 0.45, "b": 0.43}),
    "adversarial": ([0.80, 0.81, 0.80, 0.81], {"a": 0.6, "b": 0.5}),
}


def compared(side: dict[str, Any], plan: Plan = PLAN) -> tuple[list[Remedy], list[Any], tuple[Any, ...]]:
    recipes = [r for r in RECIPES if r.name in side]
    done = [t for name, (accuracy, rates) in side.items() for t in trials(name, accuracy, rates)]
    remedies, gaps = remedies_of(recipes, done, plan)
    findings = findings_of(remedies, gaps, plan, ())
    return remedies, findings, recommend(remedies, findings, plan)


def test_the_frontier_is_what_no_other_remedy_beats_in_both() -> None:
    remedies, _, _ = compared(SIDE)
    assert {r.name: r.pareto for r in remedies} == {
        "none": True,
        "reweigh": True,
        "thresholds": True,
        "adversarial": False,
    }


def test_the_most_accurate_of_those_that_pass_is_recommended() -> None:
    _, findings, (name, reason, marked) = compared(SIDE)
    assert [f.status for f in findings] == [Status.FAIL, Status.FAIL, Status.PASS, Status.FAIL]
    assert name == "thresholds"
    assert "meets the tolerance of 5 points" in reason
    assert [f.required for f in marked] == [False, False, True, False]
    wide = dataclasses.replace(PLAN, tolerance=0.2)
    assert compared(SIDE, wide)[2][0] == "reweigh"
    assert compared(SIDE, dataclasses.replace(PLAN, tolerance=0.4))[2][0] == "none"


def test_where_none_comes_near_none_is_recommended_and_the_nearest_named() -> None:
    _, findings, (name, reason, marked) = compared(SIDE, dataclasses.replace(PLAN, tolerance=0.001))
    assert name is None
    assert "The nearest is thresholds, at 2 points" in reason
    assert all(f.required for f in marked) and {f.status for f in findings} == {Status.FAIL}


def test_of_remedies_that_cannot_be_told_apart_the_simplest_is_taken() -> None:
    side = {
        "none": ([0.90, 0.91, 0.90, 0.91], {"a": 0.6, "b": 0.3}),
        "thresholds": ([0.86, 0.88, 0.86, 0.88], {"a": 0.45, "b": 0.43}),
        "adversarial": ([0.88, 0.86, 0.87, 0.88], {"a": 0.45, "b": 0.43}),
    }
    remedies, _, (name, reason, _) = compared(side)
    assert remedies[2].same_as == ("thresholds",)
    assert name == "thresholds"
    assert "this one is simpler" in reason


def test_differences_are_paired_by_split() -> None:
    """Splits that vary far more than the remedies differ: the difference is known exactly."""
    base = [0.5, 0.9, 0.6, 0.8]
    side = {
        "none": (base, {"a": 0.6, "b": 0.3}),
        "reweigh": ([v - 0.01 for v in base], {"a": 0.6, "b": 0.3}),
    }
    remedy = compared(side)[0][1]
    assert remedy.costs is not None and remedy.costs.interval is not None
    assert remedy.costs.value == pytest.approx(-0.01)
    assert remedy.costs.interval == (pytest.approx(-0.01), pytest.approx(-0.01))
    assert remedy.distinguishable


def test_a_remedy_that_failed_is_in_the_result_and_never_recommended() -> None:
    side = {**SIDE, "thresholds": ([0.95, None, 0.95, 0.95], {"a": 0.45, "b": 0.45})}
    remedies, _, (name, _, _) = compared(side)
    failed = remedies[2]
    assert failed.failed == 1 and failed.failures == ("it stopped with ValueError.",)
    assert failed.metrics["accuracy"].value == pytest.approx(0.95)
    assert name != "thresholds"
    gone = {**SIDE, "thresholds": ([None] * 4, {})}
    remedies, findings, _ = compared(gone)
    assert remedies[2].counts is None and not remedies[2].pareto
    assert findings[2].status is Status.UNKNOWN
    assert "nothing could be measured: it stopped with ValueError" in findings[2].why


def test_each_person_counts_about_once() -> None:
    remedies, _, _ = compared(SIDE)
    counts = remedies[0].counts
    assert counts is not None
    assert counts.rows == pytest.approx(4 * 800 / PLAN.share, abs=4)


def test_many_remedies_are_judged_together() -> None:
    """On its own the interval of the gap is within the tolerance; at the level of all four it is not."""
    rng = np.random.default_rng(3)
    drawn = [counted({"a": 0.5, "b": 0.5}, 3000, rng=rng) for _ in range(10)]
    gap = gap_of(drawn, PLAN)
    alone, together = gap.at(0.95), gap.at(1 - 0.05 / 4)
    assert alone is not None and together is not None
    plan = dataclasses.replace(PLAN, tolerance=(alone[1] + together[1]) / 2, multiplicity="holm")
    one = Remedy(
        name="none",
        description="",
        metrics={},
        gap=Number(value=gap.value, interval=alone, n=1),
        gap_between=gap.between,
        rates={},
        costs=None,
        gains=None,
        pareto=False,
        same_as=(),
        counts=None,
        failures=(),
        failed=0,
    )
    names = ["none", "reweigh", "thresholds", "adversarial"]
    four = [dataclasses.replace(one, name=name) for name in names]
    findings = findings_of(four, dict.fromkeys(names, gap), plan, ())
    assert {f.status for f in findings} == {Status.UNKNOWN}
    assert "On its own it would pass" in findings[0].why
    assert findings_of(four[:1], {"none": gap}, plan, ())[0].status is Status.PASS
