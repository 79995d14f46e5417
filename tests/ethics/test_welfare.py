"""Forms of welfare: what must hold of each for any groups, and numbers from elsewhere."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from aequo.errors import InputError
from aequo.ethics import WELFARES, Aversion
from aequo.ethics.welfare import atkinson, gini, maximin, mean, nash, prioritarian, welfares

Form = Callable[[np.ndarray, np.ndarray], float]
SIZE = st.integers(2, 6)
AVERSION = st.builds(
    Aversion,
    atkinson=st.floats(0, 20),
    gini=st.floats(1, 20),
    priority=st.floats(0, 20),
)


@st.composite
def societies(draw: st.DrawFn, *, low: float = 0.1, high: float = 10.0) -> tuple[np.ndarray, np.ndarray]:
    size = draw(SIZE)
    u = draw(arrays(np.float64, size, elements=st.floats(low, high)))
    share = draw(arrays(np.float64, size, elements=st.floats(0.05, 1)))
    return u, share / share.sum()


def forms(aversion: Aversion, *, spread: float = 10.0, shift: float = 0.0) -> dict[str, Form]:
    """Every form but the sum, as functions of utilities and shares."""
    return {
        "mean": lambda u, p: float(mean(u, p)),
        "maximin": lambda u, p: float(maximin(u)),
        "atkinson": lambda u, p: float(atkinson(u, p, aversion.atkinson, shift=shift)),
        "gini": lambda u, p: float(gini(u, p, aversion.gini)),
        "nash": lambda u, p: float(nash(u, p, shift=shift)),
        "prioritarian": lambda u, p: float(prioritarian(u, p, aversion.priority, spread=spread)),
    }


@given(st.floats(0.1, 10), societies(), AVERSION)
def test_where_every_group_expects_the_same_all_forms_agree(
    value: float, society: tuple[np.ndarray, np.ndarray], aversion: Aversion
) -> None:
    _, share = society
    for name, form in forms(aversion).items():
        assert form(np.full(len(share), value), share) == pytest.approx(value, rel=1e-9), name


@given(societies(), AVERSION)
def test_welfare_lies_between_the_worst_off_group_and_the_mean(
    society: tuple[np.ndarray, np.ndarray], aversion: Aversion
) -> None:
    u, share = society
    for name, form in forms(aversion).items():
        assert u.min() - 1e-9 <= form(u, share) <= mean(u, share) + 1e-9, name


@given(societies(), AVERSION, st.randoms(use_true_random=False))
def test_the_order_of_groups_does_not_matter(
    society: tuple[np.ndarray, np.ndarray], aversion: Aversion, random: object
) -> None:
    u, share = society
    order = list(range(len(u)))
    random.shuffle(order)  # type: ignore[attr-defined]
    for name, form in forms(aversion).items():
        assert form(u[order], share[order]) == pytest.approx(form(u, share), rel=1e-9), name


@given(societies(), AVERSION)
def test_a_group_split_in_two_changes_nothing(society: tuple[np.ndarray, np.ndarray], aversion: Aversion) -> None:
    u, share = society
    halves = np.concatenate([share[:1] * 0.3, share[:1] * 0.7, share[1:]])
    for name, form in forms(aversion).items():
        assert form(np.concatenate([u[:1], u]), halves) == pytest.approx(form(u, share), rel=1e-8), name


@given(societies(), AVERSION, st.data(), st.floats(0, 5))
def test_no_form_falls_when_a_group_gains(
    society: tuple[np.ndarray, np.ndarray], aversion: Aversion, data: st.DataObject, gain: float
) -> None:
    u, share = society
    better = u.copy()
    better[data.draw(st.integers(0, len(u) - 1))] += gain
    for name, form in forms(aversion).items():
        assert form(better, share) >= form(u, share) - 1e-9, name


@given(societies(), st.data(), st.floats(0.05, 0.5))
def test_a_transfer_from_a_better_to_a_worse_off_group_raises_all_forms_that_are_averse_to_inequality(
    society: tuple[np.ndarray, np.ndarray], data: st.DataObject, part: float
) -> None:
    u, share = society
    poor, rich = int(np.argmin(u)), int(np.argmax(u))
    assume(u[rich] - u[poor] > 0.1)
    # What the rich group gives, the poor one gets: as many people times as much, and the order of the two is kept.
    give = part * (u[rich] - u[poor]) * share[poor] * share[rich] / (share[poor] + share[rich])
    after = u.copy()
    after[rich] -= give / share[rich]
    after[poor] += give / share[poor]
    aversion = Aversion(atkinson=data.draw(st.floats(0.2, 5)), gini=data.draw(st.floats(1.2, 5)), priority=2.0)
    assert mean(after, share) == pytest.approx(float(mean(u, share)))
    for name, form in forms(aversion).items():
        if name == "maximin":
            assert form(after, share) >= form(u, share) - 1e-12
        elif name != "mean":
            assert form(after, share) > form(u, share), name


@given(societies(), AVERSION, st.floats(0.1, 10))
def test_forms_scale_with_the_unit_of_utility(
    society: tuple[np.ndarray, np.ndarray], aversion: Aversion, unit: float
) -> None:
    u, share = society
    scaled, plain = forms(aversion, spread=10.0 * unit), forms(aversion)
    for name, form in plain.items():
        assert scaled[name](u * unit, share) == pytest.approx(unit * form(u, share), rel=1e-8), name


@given(societies(), AVERSION, st.floats(-10, 10))
def test_forms_that_need_no_zero_move_with_it(
    society: tuple[np.ndarray, np.ndarray], aversion: Aversion, by: float
) -> None:
    u, share = society
    for name, form in forms(aversion).items():
        if name not in ("atkinson", "nash"):
            assert form(u + by, share) == pytest.approx(form(u, share) + by, rel=1e-8, abs=1e-8), name
    moved = forms(aversion, shift=-by)
    for name in ("atkinson", "nash"):  # and those that have one move with it if their zero does
        assert moved[name](u + by, share) == pytest.approx(forms(aversion)[name](u, share) + by, rel=1e-7, abs=1e-7)


@given(societies())
def test_parameters_run_from_the_mean_to_the_minimum(society: tuple[np.ndarray, np.ndarray]) -> None:
    u, share = society
    first = Aversion(atkinson=0, gini=1, priority=0)
    last = Aversion(atkinson=math.inf, gini=math.inf, priority=math.inf)
    for name in ("atkinson", "gini", "prioritarian"):
        assert forms(first)[name](u, share) == pytest.approx(float(mean(u, share)))
        assert forms(last)[name](u, share) == pytest.approx(float(u.min()))
    steps = [float(atkinson(u, share, e)) for e in (0, 0.5, 1, 2, 5, 50, 500)]
    assert all(a >= b - 1e-9 for a, b in itertools.pairwise(steps))
    assert steps[-1] == pytest.approx(float(u.min()), rel=0.02)
    assert atkinson(u, share, 1 + 1e-8) == pytest.approx(float(nash(u, share)), rel=1e-5)


# The income of the United States in 1968 in ten classes, as in the manual of the R package ineq, which gives the
# indices: Gini 0.4620911, Atkinson 0.1796591 (epsilon 0.5) and 0.3518251 (epsilon 1).
INCOME = np.array([541, 1463, 2445, 3438, 4437, 5401, 6392, 8304, 11904, 22261], dtype=float)
TENTH = np.full(10, 0.1)


def test_the_equivalent_is_the_mean_less_the_published_index() -> None:
    average = INCOME.mean()
    assert 1 - gini(INCOME, TENTH, 2.0) / average == pytest.approx(0.4620911, abs=5e-8)
    assert 1 - atkinson(INCOME, TENTH, 0.5) / average == pytest.approx(0.1796591, abs=5e-8)
    assert 1 - nash(INCOME, TENTH) / average == pytest.approx(0.3518251, abs=5e-8)


@given(societies())
def test_gini_with_two_is_the_mean_less_half_the_mean_difference(society: tuple[np.ndarray, np.ndarray]) -> None:
    u, share = society
    difference = sum(p * q * abs(x - y) for x, p in zip(u, share, strict=True) for y, q in zip(u, share, strict=True))
    assert gini(u, share, 2.0) == pytest.approx(float(mean(u, share)) - difference / 2)


@given(societies(), st.floats(0.1, 4))
def test_the_definitions_written_out_give_the_same(society: tuple[np.ndarray, np.ndarray], parameter: float) -> None:
    u, share = society
    assume(abs(parameter - 1) > 0.01)
    power = sum(p * x ** (1 - parameter) for x, p in zip(u, share, strict=True)) ** (1 / (1 - parameter))
    assert atkinson(u, share, parameter) == pytest.approx(power, rel=1e-9)
    product = math.prod(x**p for x, p in zip(u, share, strict=True))
    assert nash(u, share) == pytest.approx(product)
    k = parameter / 10.0
    even = -math.log(sum(p * math.exp(-k * x) for x, p in zip(u, share, strict=True))) / k
    assert prioritarian(u, share, parameter, spread=10.0) == pytest.approx(even, rel=1e-8)


def test_a_gain_at_the_bottom_counts_as_many_times_more_as_the_priority_says() -> None:
    share = np.array([0.5, 0.5])
    tiny, base = 1e-5, np.array([0.0, 8.0])
    at = [float(prioritarian(base + tiny * np.eye(2)[i], share, 3.0, spread=8.0)) for i in (0, 1)]
    now = float(prioritarian(base, share, 3.0, spread=8.0))
    assert (at[0] - now) / (at[1] - now) == pytest.approx(math.exp(3.0), rel=1e-3)


def test_what_is_less_than_nothing_has_no_atkinson_welfare() -> None:
    u, share = np.array([-1.0, 1.0]), np.array([0.5, 0.5])
    assert math.isnan(atkinson(u, share, 0.5))
    assert atkinson(u, share, 0.5, shift=1.0) == pytest.approx(-0.5)
    # With nothing for one group the product is nothing, which is no error.
    assert nash(u, share, shift=1.0) == pytest.approx(-1.0)


def test_many_societies_at_once_give_what_each_gives_alone() -> None:
    u = np.random.default_rng(1).uniform(0.1, 5, (7, 4))
    share = np.array([0.1, 0.2, 0.3, 0.4])
    many = welfares(u, share, 10, Aversion(), shift=0.0, spread=5.0)
    for i in range(7):
        one = welfares(u[i], share, 10, Aversion(), shift=0.0, spread=5.0)
        assert {k: float(v) for k, v in one.items()} == pytest.approx({k: float(v[i]) for k, v in many.items()})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"atkinson": -1}, "atkinson is -1, expected a number of 0 or more."),
        ({"gini": 0.5}, "gini is 0.5, expected a number of 1 or more."),
        ({"priority": math.nan}, "priority is nan, expected a number of 0 or more."),
    ],
)
def test_an_aversion_that_is_none_is_refused(given: dict[str, float], said: str) -> None:
    with pytest.raises(InputError) as caught:
        Aversion(**given)
    assert str(caught.value) == said


def test_each_form_says_where_it_comes_from() -> None:
    assert set(WELFARES) == {"sum", "mean", "maximin", "leximin", "atkinson", "gini", "nash", "prioritarian"}
    for form in WELFARES.values():
        assert form.title and form.meaning and form.formula and "19" in form.source
