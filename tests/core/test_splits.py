"""Random splits keep every stratum in its share, and the corrected interval covers what plain ones do not."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aequo.core.splits import corrected_interval, random_splits


@given(st.lists(st.integers(0, 4), min_size=1, max_size=80), st.floats(0.05, 0.95), st.integers(0, 5))
def test_every_row_is_on_one_side_and_each_stratum_has_its_share(strata: list[int], share: float, seed: int) -> None:
    codes = np.array(strata)
    for split in random_splits(codes, splits=3, test_size=share, seed=seed):
        assert sorted([*split.train, *split.test]) == list(range(len(codes)))
        for stratum in set(strata):
            size = strata.count(stratum)
            tested = int((codes[split.test] == stratum).sum())
            assert tested < size
            assert tested == size - 1 or abs(tested - size * share) < 1


def test_a_seed_gives_its_splits_and_more_of_them_begin_alike() -> None:
    codes = np.arange(100) % 3
    three, five, other = (
        random_splits(codes, splits=n, test_size=0.3, seed=seed) for n, seed in ((3, 1), (5, 1), (3, 2))
    )
    assert all((a.test == b.test).all() for a, b in zip(three, five, strict=False))
    assert any((a.test != b.test).any() for a, b in zip(three, other, strict=True))


def test_a_small_stratum_is_tested_in_its_share_on_average() -> None:
    """With three rows and a share of .5 one or two are drawn, three halves on average (binomial: error .02)."""
    found = [len(s.test) for s in random_splits(np.zeros(3, dtype=int), splits=600, test_size=0.5, seed=0)]
    assert set(found) == {1, 2}
    assert abs(np.mean(found) - 1.5) < 0.08


def test_the_corrected_interval_holds_the_truth_where_the_plain_one_does_not() -> None:
    """The mean over splits of one sample's test parts, against the population's: simulated 300 times."""
    rng = np.random.default_rng(0)
    held = plain = 0
    for _ in range(300):
        sample = rng.normal(size=100)
        splits = random_splits(np.zeros(100, dtype=int), splits=10, test_size=0.3, seed=int(rng.integers(1 << 30)))
        means = np.array([sample[s.test].mean() for s in splits])
        low, high = corrected_interval(means, 0.3 / 0.7, 0.95)
        held += low <= 0 <= high
        plain += abs(means.mean()) <= 2.26 * means.std(ddof=1) / np.sqrt(10)
    assert held >= 282  # .94 of 300; Nadeau and Bengio's correction is approximate
    assert plain < 240
