from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aequo.core.intervals import (
    Floats,
    GroupInterval,
    bootstrap_interval,
    max_difference,
    mean_interval,
    min_ratio,
    multinomial,
    normal_cdf,
    normal_quantile,
    pair_differences,
    pair_ratios,
    simultaneous_quantile,
    smallest_ratios,
    spreads,
    studentized_range_quantile,
    t_quantile,
    wilson,
    worst_difference,
)
from aequo.core.quantiles import t_cdf, t_from_z

NAN = float("nan")


def rates(successes: list[float], trials: list[float]) -> tuple[Floats, GroupInterval]:
    x, n = np.array(successes, dtype=float), np.array(trials, dtype=float)
    values = np.divide(x, n, out=np.full(len(n), np.nan), where=n > 0)
    return values, lambda z: wilson(x, n, z)


@st.composite
def groups(draw: st.DrawFn, smallest: int = 2, most: int = 6) -> tuple[list[float], list[float]]:
    """Successes and trials; some groups are empty, some weighted (so that neither is an integer)."""
    k = draw(st.integers(smallest, most))
    trials = draw(st.lists(st.one_of(st.integers(0, 400), st.floats(0.5, 400)), min_size=k, max_size=k))
    shares = draw(st.lists(st.one_of(st.sampled_from([0.0, 1.0]), st.floats(1e-9, 1)), min_size=k, max_size=k))
    whole = [round(s * n) if isinstance(n, int) else s * n for s, n in zip(shares, trials, strict=True)]
    return [float(x) for x in whole], [float(n) for n in trials]


levels = st.sampled_from([0.5, 0.8, 0.9, 0.95, 0.99, 0.999])

# -- laws -------------------------------------------------------------------------------------------------------------


@given(groups(), levels)
def test_a_wilson_interval_holds_its_estimate_and_stays_between_0_and_1(data, confidence):
    values, interval = rates(*data)
    low, high = interval(normal_quantile((1 + confidence) / 2))
    known = ~np.isnan(values)
    assert np.array_equal(np.isnan(low), ~known) and np.array_equal(np.isnan(high), ~known)
    assert (low[known] >= 0).all() and (high[known] <= 1).all()
    assert (low[known] <= values[known]).all() and (values[known] <= high[known]).all()


@given(groups())
def test_counting_the_failures_instead_mirrors_a_wilson_interval(data):
    x, n = (np.array(d) for d in data)
    low, high = wilson(x, n, 1.96)
    other_low, other_high = wilson(n - x, n, 1.96)
    np.testing.assert_allclose(low, 1 - other_high, atol=1e-9)
    np.testing.assert_allclose(high, 1 - other_low, atol=1e-9)


@given(groups(), levels)
def test_pair_differences_are_antisymmetric(data, confidence):
    d, low, high = pair_differences(*rates(*data), confidence=confidence)
    np.testing.assert_allclose(d, -d.T)
    np.testing.assert_allclose(low, -high.T)


@given(groups(), levels)
def test_pair_ratios_are_reciprocal(data, confidence):
    ratio, low, high = pair_ratios(*rates(*data), confidence=confidence)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        np.testing.assert_allclose(ratio, 1 / ratio.T, rtol=1e-9)
        np.testing.assert_allclose(low, 1 / high.T, rtol=1e-9)


@given(groups(), levels)
def test_pair_intervals_hold_their_estimate(data, confidence):
    for of, slack in ((pair_differences, 1e-12), (pair_ratios, 1e-9)):
        value, low, high = of(*rates(*data), confidence=confidence)
        known = ~np.isnan(value)
        assert (low[known] <= value[known] * (1 + slack) + slack).all()
        assert (high[known] >= value[known] * (1 - slack) - slack).all()


@given(groups(), levels)
def test_contrasts_hold_their_estimate_and_stay_in_range(data, confidence):
    values, interval = rates(*data)
    for of in (max_difference, min_ratio):
        c = of(values, interval, confidence=confidence)
        if math.isnan(c.value):
            assert math.isnan(c.low) and math.isnan(c.high) and (c.high_group, c.low_group) == (-1, -1)
            known = values[~np.isnan(values)]
            assert len(known) < 2 or (of is min_ratio and not known.any())
        else:
            assert -1e-12 <= c.low <= c.value + 1e-9 <= c.high + 2e-9 <= 1 + 3e-9
            assert values[c.high_group] == np.nanmax(values) and values[c.low_group] == np.nanmin(values)


@given(groups(), st.tuples(levels, levels))
def test_more_confidence_never_makes_an_interval_shorter(data, confidences):
    values, interval = rates(*data)
    for of in (max_difference, min_ratio):
        less, more = (of(values, interval, confidence=c) for c in sorted(confidences))
        if not math.isnan(less.value):
            assert more.low <= less.low + 1e-12 and less.high <= more.high + 1e-12


@given(groups(), st.randoms(use_true_random=False), levels)
def test_the_order_of_groups_changes_nothing(data, random, confidence):
    order = list(range(len(data[0])))
    random.shuffle(order)
    shuffled = [[d[i] for i in order] for d in data]
    for of in (max_difference, min_ratio):
        one, other = of(*rates(*data), confidence=confidence), of(*rates(*shuffled), confidence=confidence)
        np.testing.assert_allclose(one[:3], other[:3], rtol=1e-12)
    one, other = (pair_differences(*rates(*d), confidence=confidence)[1] for d in (data, shuffled))
    np.testing.assert_allclose(one[np.ix_(order, order)], other, rtol=1e-12)


@given(groups(most=4), levels)
def test_a_group_without_rows_changes_nothing(data, confidence):
    more = [[*data[0], 0.0], [*data[1], 0.0]]
    for of in (max_difference, min_ratio):
        one, other = of(*rates(*data), confidence=confidence), of(*rates(*more), confidence=confidence)
        np.testing.assert_equal(tuple(one), tuple(other))


@given(groups(), levels)
def test_many_data_sets_at_once_are_the_same_as_one_at_a_time(data, confidence):
    x, n = (np.array(d) for d in data)
    sets = np.stack([x, n - x, np.roll(x, 1).clip(0, n)]), np.stack([n, n, n])
    with np.errstate(invalid="ignore"):
        values = np.where(sets[1] > 0, sets[0] / np.where(sets[1] > 0, sets[1], 1), np.nan)
    for many, one in ((spreads, max_difference), (smallest_ratios, min_ratio)):
        together = np.stack(many(values, lambda z: wilson(*sets, z), confidence=confidence), axis=-1)
        for i in range(3):
            alone = one(*rates(sets[0][i].tolist(), sets[1][i].tolist()), confidence=confidence)
            np.testing.assert_allclose(together[i], alone[:3], rtol=1e-12)


@given(groups(), levels)
def test_shown_means_shown_by_a_pair(data, confidence):
    """The spread excludes 0 exactly where the interval of some pair does, so the two tables never contradict."""
    values, interval = rates(*data)
    _, low, _ = pair_differences(values, interval, confidence=confidence)
    c = max_difference(values, interval, confidence=confidence)
    if not math.isnan(c.value):
        assert (c.low > 0) == bool((low > 0).any())


@given(groups(), levels)
def test_the_spread_of_several_measures_is_no_smaller_than_of_one(data, confidence):
    one = rates(*data)
    x, n = data
    two = rates([b - a for a, b in zip(x, n, strict=True)][::-1], n[::-1])
    both = worst_difference([one, two], confidence=confidence)
    alone = [max_difference(*m, confidence=confidence) for m in (one, two)]
    if not math.isnan(both.value):
        assert both.value == max(c.value for c in alone)
        assert both.high == max(c.high for c in alone)
        assert both.low <= max(c.low for c in alone)


@given(
    st.lists(st.tuples(st.floats(-50, 50), st.floats(0, 100), st.integers(0, 40)), min_size=2, max_size=5),
    st.floats(-20, 20),
    st.floats(0.1, 10),
)
def test_differences_of_means_follow_a_change_of_units(rows, shift, scale):
    mean, variance, n = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    mean = np.where(n > 0, mean, np.nan)
    one = max_difference(mean, lambda z: mean_interval(mean, variance, n, z), confidence=0.9)
    moved, stretched = mean * scale + shift, variance * scale * scale
    other = max_difference(moved, lambda z: mean_interval(moved, stretched, n, z), confidence=0.9)
    np.testing.assert_allclose(np.array(other[:3]), np.array(one[:3]) * scale, rtol=1e-6, atol=1e-6)


# -- published numbers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("p", "value"),
    [(0.5, 0.0), (0.9, 1.2816), (0.95, 1.6449), (0.975, 1.9600), (0.99, 2.3263), (0.995, 2.5758), (0.9995, 3.2905)],
)
def test_normal_quantiles_are_those_of_the_tables(p, value):
    assert normal_quantile(p) == pytest.approx(value, abs=5e-5)
    assert normal_quantile(1 - p) == pytest.approx(-value, abs=5e-5)
    assert normal_cdf(value) == pytest.approx(p, abs=1e-5)


@pytest.mark.parametrize(
    ("p", "df", "value"),
    [
        (0.975, 1, 12.706),
        (0.95, 2, 2.920),
        (0.975, 5, 2.571),
        (0.99, 10, 2.764),
        (0.975, 30, 2.042),
        (0.9995, 4, 8.610),
    ],
)
def test_t_quantiles_are_those_of_the_tables(p, df, value):
    assert t_quantile(p, df) == pytest.approx(value, abs=6e-4)
    assert t_quantile(1 - p, df) == pytest.approx(-value, abs=6e-4)


# Harter (1960), Tables of range and studentized range, Ann. Math. Stat. 31: infinite degrees of freedom.
@pytest.mark.parametrize(
    ("p", "k", "value"),
    [
        *((0.95, k, q) for k, q in ((2, 2.772), (3, 3.314), (5, 3.858), (10, 4.474), (20, 5.012))),
        *((0.99, k, q) for k, q in ((2, 3.643), (5, 4.603), (10, 5.157))),
        *((0.90, k, q) for k, q in ((3, 2.902), (10, 4.129))),
    ],
)
def test_studentized_range_quantiles_are_those_of_the_tables(p, k, value):
    # The last printed digit of such tables is not always rounded.
    assert studentized_range_quantile(p, k) == pytest.approx(value, abs=1.1e-3)


def test_quantiles_agree_with_scipy():
    stats = pytest.importorskip("scipy.stats")
    for p in (1e-12, 1e-4, 0.2, 0.5, 0.8, 0.9999):
        assert normal_quantile(p) == pytest.approx(stats.norm.ppf(p), rel=1e-12, abs=1e-15)
        for df in (0.7, 1, 3.5, 12, 250, 1e6):
            assert t_quantile(p, df) == pytest.approx(stats.t.ppf(p, df), rel=1e-8, abs=1e-12)
    for t, df in ((-3.0, 2.0), (0.0, 5.0), (0.7, 40.0), (9.0, 1.0)):
        assert t_cdf(t, df) == pytest.approx(stats.t.cdf(t, df), rel=1e-12)
    for p, k in ((0.5, 2), (0.95, 7), (0.995, 40)):
        assert studentized_range_quantile(p, k) == pytest.approx(stats.studentized_range.ppf(p, k, np.inf), rel=1e-6)


def test_two_groups_have_the_ordinary_critical_value():
    for confidence in (0.5, 0.9, 0.95, 0.999, 1 - 1e-6):
        assert simultaneous_quantile(confidence, 2) == pytest.approx(normal_quantile((1 + confidence) / 2), rel=1e-7)


# Newcombe (1998), Two-sided confidence intervals for the single proportion, Stat. Med. 17:857-872, table I, method 3.
@pytest.mark.parametrize(
    ("x", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_intervals_are_those_published(x, n, low, high):
    found = wilson(np.array([float(x)]), np.array([float(n)]), normal_quantile(0.975))
    assert (float(found[0][0]), float(found[1][0])) == pytest.approx((low, high), abs=5e-5)


# Newcombe (1998), Interval estimation for the difference between independent proportions, Stat. Med. 17:873-890,
# table II, method 10.
@pytest.mark.parametrize(
    ("x", "n", "low", "high"),
    [
        ((56, 48), (70, 80), 0.0524, 0.3339),
        ((9, 3), (10, 10), 0.1705, 0.8090),
        ((6, 2), (7, 7), 0.0582, 0.8062),
        ((5, 0), (56, 29), -0.0381, 0.1926),
        ((0, 0), (10, 20), -0.1611, 0.2775),
        ((0, 0), (10, 10), -0.2775, 0.2775),
        ((10, 0), (10, 20), 0.6791, 1.0),
        ((10, 0), (10, 10), 0.6075, 1.0),
    ],
)
def test_two_groups_have_newcombes_published_interval(x, n, low, high):
    values, interval = rates(list(map(float, x)), list(map(float, n)))
    _, found_low, found_high = pair_differences(values, interval, confidence=0.95)
    assert (found_low[0, 1], found_high[0, 1]) == pytest.approx((low, high), abs=5e-5)
    c = max_difference(values, interval, confidence=0.95)
    assert (c.low, c.high) == pytest.approx((max(low, 0.0), max(high, -low)), abs=5e-5)


def test_ratio_limits_solve_the_equation_that_defines_them():
    """MOVER-R: the limit r is where the MOVER interval of p1 - r p2 ends at 0, with the arms of p2 scaled by r."""
    p, interval = rates([30.0, 20.0], [60.0, 70.0])
    low, high = interval(normal_quantile(0.975))
    _, lowest, highest = pair_ratios(p, interval, confidence=0.95)
    for r, sign in ((lowest[0, 1], 1), (highest[0, 1], -1)):
        first, second = (p[0] - low[0], high[1] - p[1]) if sign > 0 else (high[0] - p[0], p[1] - low[1])
        assert sign * (p[0] - r * p[1]) == pytest.approx(math.hypot(first, r * second), rel=1e-9)


def test_a_mean_has_students_interval():
    low, high = mean_interval(np.array([10.0]), np.array([9.0]), np.array([9.0]), normal_quantile(0.975))
    assert (low[0], high[0]) == pytest.approx((10 - 2.306, 10 + 2.306), abs=1e-3)
    assert t_from_z(0.0, 5.0) == 0.0


# -- edges ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trials", [[0.0, 0.0], [5.0, 0.0], [0.0]])
def test_fewer_than_two_groups_with_rows_cannot_be_compared(trials):
    values, interval = rates([0.0] * len(trials), trials)
    for c in (
        max_difference(values, interval, confidence=0.95),
        min_ratio(values, interval, confidence=0.95),
        worst_difference([(values, interval)], confidence=0.95),
    ):
        assert all(math.isnan(v) for v in c[:3]) and c[3:] == (-1, -1)
    for of in (pair_differences, pair_ratios):
        _, low, _ = of(values, interval, confidence=0.95)
        assert np.isnan(low[~np.eye(len(low), dtype=bool)]).all()


def test_a_ratio_with_nobody_selected_anywhere_is_undefined():
    assert math.isnan(min_ratio(*rates([0.0, 0.0], [9.0, 9.0]), confidence=0.95).value)


def test_nobody_selected_in_one_group_gives_ratio_0_with_a_finite_interval():
    c = min_ratio(*rates([0.0, 9.0], [20.0, 20.0]), confidence=0.95)
    assert (c.value, c.low) == (0.0, 0.0) and 0 < c.high < 1
    ratio, low, high = pair_ratios(*rates([0.0, 9.0], [20.0, 20.0]), confidence=0.95)
    assert ratio[1, 0] == high[1, 0] == math.inf and 1 < low[1, 0] < math.inf


def test_certain_groups_differ_for_certain():
    c = max_difference(*rates([0.0, 100.0], [100.0, 100.0]), confidence=0.95)
    assert c.value == c.high == 1.0 and c.low > 0.9


def test_a_mean_of_one_row_has_no_interval_and_takes_no_part():
    mean, n = np.array([1.0, 50.0, 3.0]), np.array([10.0, 1.0, 10.0])
    c = max_difference(mean, lambda z: mean_interval(mean, np.ones(3), n, z), confidence=0.95)
    assert c.value == 2.0 and (c.high_group, c.low_group) == (2, 0)


def test_means_with_no_spread_at_all_are_equal_for_certain():
    mean, zero = np.array([2.0, 2.0]), np.zeros(2)
    c = max_difference(mean, lambda z: mean_interval(mean, zero, np.full(2, 5.0), z), confidence=0.95)
    assert c[:3] == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("p", [-0.1, 1.1, NAN])
def test_what_is_no_probability_has_no_quantile(p):
    with pytest.raises(ValueError, match="probability"):
        normal_quantile(p)
    with pytest.raises(ValueError, match="probability"):
        studentized_range_quantile(p, 3)


def test_the_range_of_one_variable_has_no_quantile():
    with pytest.raises(ValueError, match="two"):
        studentized_range_quantile(0.95, 1)
    assert normal_quantile(0) == -math.inf and normal_quantile(1) == math.inf


def test_the_tails_stay_exact():
    for x in (-8.0, -5.0, 5.0):
        assert normal_quantile(normal_cdf(x)) == pytest.approx(x, rel=1e-9)
    assert studentized_range_quantile(1 - 1e-8, 5) > studentized_range_quantile(1 - 1e-6, 5)


# -- bootstrap --------------------------------------------------------------------------------------------------------


def test_resampled_tables_keep_each_groups_total_and_its_empty_cells():
    counts = np.array([[5.0, 0.0, 7.5], [0.0, 0.0, 0.0], [1.0, 2.0, 3.0]])
    drawn = multinomial(counts, 200, np.random.default_rng(3))
    np.testing.assert_allclose(drawn.sum(axis=-1), np.broadcast_to(counts.sum(axis=-1), (200, 3)))
    assert (drawn[:, 0, 1] == 0).all()


def test_resampling_cells_has_the_spread_of_resampling_rows():
    counts, rng = np.array([[40.0, 25.0, 35.0]]), np.random.default_rng(5)
    cells = multinomial(counts, 20_000, rng)[:, 0, 0]
    rows = np.repeat([0, 1, 2], counts[0].astype(int))
    by_row = np.array([(rng.choice(rows, 100) == 0).sum() for _ in range(4000)])
    assert cells.mean() == pytest.approx(by_row.mean(), abs=0.4)
    assert cells.std() == pytest.approx(by_row.std(), rel=0.06)


def test_a_bootstrap_interval_is_near_the_exact_one_and_grows_with_z():
    counts = np.array([[300.0, 700.0], [0.0, 0.0]])

    def share(c: Floats) -> Floats:
        total = c.sum(axis=-1)
        return np.divide(c[..., 0], total, out=np.full(total.shape, np.nan), where=total > 0)

    interval = bootstrap_interval(counts, share, replicates=4000)
    low, high = interval(1.96)
    exact = wilson(counts[:1, 0], counts[:1].sum(axis=1), 1.96)
    assert (low[0], high[0]) == pytest.approx((exact[0][0], exact[1][0]), abs=0.003)
    assert np.isnan(low[1]) and np.isnan(high[1])
    assert interval(4.0)[0][0] < low[0] and high[0] < interval(4.0)[1][0]
    again = bootstrap_interval(counts, share, replicates=4000)(1.96)
    np.testing.assert_array_equal(again[0], low)


# -- coverage ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [2, 5, 10])
@pytest.mark.parametrize("gap", [0.0, 0.1])
def test_intervals_hold_as_often_as_they_say(k, gap):
    """A smoke test; ``benchmarks/coverage.py`` measures it on many more situations and data sets."""
    rng = np.random.default_rng([k, int(gap * 10)])
    n = np.where(np.arange(k) % 2 == 0, 30.0, 300.0)
    truth = np.full(k, 0.3)
    truth[0] += gap
    x = rng.binomial(n.astype(int), truth, size=(3000, k)).astype(float)
    for of, true in ((spreads, gap), (smallest_ratios, 0.3 / (0.3 + gap))):
        _, low, high = of(x / n, lambda z: wilson(x, np.broadcast_to(n, x.shape), z), confidence=0.95)
        assert ((low <= true + 1e-12) & (true - 1e-12 <= high)).mean() >= 0.94


@pytest.mark.parametrize("k", [2, 6])
def test_intervals_of_means_hold_in_small_groups_of_unequal_variance(k):
    rng = np.random.default_rng(k)
    n, sd = np.resize([6.0, 25.0], k), np.resize([3.0, 1.0], k)
    truth = np.zeros(k)
    missed = 0
    for _ in range(1000):
        samples = [rng.normal(t, s, int(m)) for t, s, m in zip(truth, sd, n, strict=True)]
        mean = np.array([s.mean() for s in samples])
        variance = np.array([s.var(ddof=1) for s in samples])
        missed += max_difference(mean, lambda z, m=mean, v=variance: mean_interval(m, v, n, z), confidence=0.95).low > 0
    assert missed / 1000 <= 0.06
