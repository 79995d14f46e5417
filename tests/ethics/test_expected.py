"""Expected utility: its interval against rates, against a search over distributions, and at the edges."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aequo.ethics.expected import expected, likelihood_interval, mover

Z = 1.959964


@given(st.lists(st.integers(0, 50), min_size=2, max_size=5).filter(any), st.data(), st.floats(0.5, 4))
def test_the_interval_holds_the_estimate_and_stays_within_the_utilities(
    counts: list[int], data: st.DataObject, z: float
) -> None:
    size = len(counts)
    utility = np.array([data.draw(st.lists(st.floats(-5, 5, width=32), min_size=size, max_size=size))])
    rows = np.array([counts], dtype=float)
    low, high = likelihood_interval(rows, utility)(z)
    value = expected(rows, utility)
    slack = 1e-6
    assert utility.min() - slack <= low[0] <= value[0] + slack
    assert value[0] - slack <= high[0] <= utility.max() + slack
    wider = likelihood_interval(rows, utility)(z + 0.5)
    assert wider[0][0] <= low[0] + slack and high[0] - slack <= wider[1][0]


@given(st.integers(1, 400), st.data())
def test_with_two_outcomes_it_is_the_likelihood_interval_of_a_rate(n: int, data: st.DataObject) -> None:
    x = data.draw(st.integers(0, n))
    low, high = (float(e[0]) for e in likelihood_interval(np.array([[x, n - x]]) * 1.0, np.array([[1.0, 0.0]]))(Z))

    def ratio(p: float) -> float:
        inside = (x * math.log(x / n / p) if x else 0.0) + ((n - x) * math.log((n - x) / n / (1 - p)) if n > x else 0.0)
        return 2 * inside

    if x > 0:
        assert ratio(low) == pytest.approx(Z * Z, rel=1e-6)
    else:
        assert low == pytest.approx(0.0, abs=1e-12)
    if x < n:
        assert ratio(high) == pytest.approx(Z * Z, rel=1e-6)
    else:
        assert high == pytest.approx(1.0)


@pytest.mark.parametrize("counts", [[12, 3, 5], [30, 0, 10], [0, 25, 0], [1, 1, 1]])
def test_no_distribution_within_the_likelihood_goes_beyond_the_ends(counts: list[int]) -> None:
    n, u = np.array(counts, dtype=float), np.array([1.0, -2.0, 0.25])
    low, high = (float(e[0]) for e in likelihood_interval(n[None], u[None])(Z))
    grid = np.linspace(0, 1, 401)
    a, b = (x.reshape(-1) for x in np.meshgrid(grid, grid))
    p = np.stack([a, b, 1 - a - b], axis=1)
    p = p[p[:, 2] >= 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.where(n > 0, n * (np.log(np.where(n > 0, n, 1.0) / n.sum()) - np.log(p)), 0.0)
    inside = p[2 * logs.sum(axis=1) <= Z * Z] @ u
    assert low - 1e-9 <= inside.min() <= low + 0.02
    assert high - 0.02 <= inside.max() <= high + 1e-9


def test_an_outcome_that_was_not_seen_can_still_happen() -> None:
    low, high = likelihood_interval(np.array([[40.0, 0.0, 0.0]]), np.array([[0.0, 1.0, -3.0]]))(Z)
    reach = 1 - math.exp(-Z * Z / 80)
    assert (float(low[0]), float(high[0])) == pytest.approx((-3 * reach, reach))


def test_a_group_without_rows_and_utilities_that_are_all_the_same_have_the_interval_they_should() -> None:
    low, high = likelihood_interval(np.array([[0.0, 0.0], [5.0, 3.0]]), np.array([[1.0, 0.0], [2.0, 2.0]]))(Z)
    assert math.isnan(low[0]) and math.isnan(high[0])
    assert (low[1], high[1]) == (2.0, 2.0)
    assert math.isnan(expected(np.zeros((1, 2)), np.ones((1, 2)))[0])


@settings(deadline=None)
@given(st.integers(2, 6), st.randoms(use_true_random=False))
def test_a_sum_of_estimates_has_the_square_and_add_interval(size: int, random: object) -> None:
    rng = np.random.default_rng(random.randrange(2**32))  # type: ignore[attr-defined]
    values, down, up, weight = rng.normal(size=(4, size))
    down, up = abs(down), abs(up)
    value, low, high = mover(values, values - down, values + up, weight)
    assert value == pytest.approx(float(values @ weight))
    reach = [(w * (d if w > 0 else u)) ** 2 for w, d, u in zip(weight, down, up, strict=True)]
    assert value - low == pytest.approx(math.sqrt(sum(reach)))
    back = mover(-values, -values - up, -values + down, weight)
    assert (back[0], back[1], back[2]) == pytest.approx((-value, -high, -low))


def test_it_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(4)
    truth, u = np.array([0.55, 0.05, 0.1, 0.3]), np.array([1.0, -1.0, -0.5, 0.0])
    for n in (20, 100):
        drawn = rng.multinomial(n, truth, size=4000).astype(float)
        low, high = likelihood_interval(drawn, np.tile(u, (4000, 1)))(Z)
        inside = float(((low <= truth @ u) & (truth @ u <= high)).mean())
        assert 0.93 <= inside <= 0.97
