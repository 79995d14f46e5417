"""Representation, reference population, labels and missing values: laws, independent answers, real data, faults."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from aequo.core.counts import Counts, Dim, Groups
from aequo.core.finding import Status
from aequo.core.table import Table
from aequo.errors import InputError
from aequo.fairness.data_bias import (
    DataBiasDetector,
    DataCheck,
    label_divergence,
    missing_data,
    reference_population,
    representation,
)
from aequo.fairness.missing import missing_rates
from aequo.fairness.shares import effective_trials

if TYPE_CHECKING:
    import pandas as pd

Cells = NDArray[np.int64]
STATUSES = (Status.PASS, Status.WARN, Status.FAIL, Status.UNKNOWN)


def counted(table: Cells, *, w: Any = None, w2: Any = None, names: tuple[str, ...] | None = None) -> Counts:
    """Counts of a groups x classes table."""
    k, c = table.shape
    names = tuple(f"g{i:02}" for i in range(k)) if names is None else names
    dims = (Dim("group", "group", names), Dim("y", "label", tuple(str(j) for j in range(c))))
    codes = np.array([(i, j) for i in range(k) for j in range(c)]).reshape(-1, 2)
    keep = table.reshape(-1) > 0
    pick = [None if v is None else np.asarray(v, dtype=float).reshape(-1)[keep] for v in (w, w2)]
    return Counts.collect(dims, codes[keep], table.reshape(-1)[keep].astype(np.int64), *pick)


def group_counts(n: Cells) -> Counts:
    return counted(np.asarray(n).reshape(-1, 1))


def plain(check: DataCheck) -> tuple[Any, ...]:
    """What a check says, for comparison."""
    numbers = {
        name: sorted(((g.group, g.n, _round(g.value), _round(g.interval)) for g in values), key=str)
        for name, values in check.measures.items()
    }
    return check.check, _round(check.value), _round(check.interval), check.n, check.status, numbers


def _round(value: Any) -> Any:
    if value is None:
        return None
    return tuple(round(v, 9) for v in value) if isinstance(value, tuple) else round(value, 9)


tables = st.integers(1, 5).flatmap(
    lambda k: st.integers(1, 4).flatmap(
        lambda c: st.lists(st.lists(st.integers(0, 60), min_size=c, max_size=c), min_size=k, max_size=k)
    )
)


def every(counts: Counts) -> list[DataCheck]:
    return [representation(counts, by="group"), label_divergence(counts, by="group")]


# -- laws -------------------------------------------------------------------------------------------------------------


@given(tables, st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(rows: list[list[int]], shuffle: Any) -> None:
    table = np.array(rows)
    groups, labels = (v.repeat(table.reshape(-1)) for v in np.indices(table.shape).reshape(2, -1))
    order = list(range(len(groups)))
    shuffle.shuffle(order)
    pairs = []
    for i in (list(range(len(groups))), order):
        data = {"group": [f"g{v}" for v in groups[i]], "y": [str(v) for v in labels[i]]}
        pairs.append(Table.of(data).counts(group="group", label="y", task="multiclass"))
    assert [plain(c) for c in every(pairs[0])] == [plain(c) for c in every(pairs[1])]


@given(tables)
def test_renaming_groups_renames_them_and_changes_no_number(rows: list[list[int]]) -> None:
    table = np.array(rows)
    names = tuple(f"z{9 - i}" for i in range(len(table)))  # the order turns round too
    new = dict(zip((f"g{i:02}" for i in range(len(table))), names, strict=True))
    for before, after in zip(every(counted(table)), every(counted(table, names=names)), strict=True):
        assert plain(before)[:5] == plain(after)[:5]
        for name, numbers in before.measures.items():
            renamed = {new[g.group]: (g.n, g.value, g.interval) for g in numbers}
            assert renamed == {g.group: (g.n, g.value, g.interval) for g in after.measures[name]}


@given(tables, tables)
def test_counts_of_shards_say_what_counts_of_the_whole_say(first: list[list[int]], second: list[list[int]]) -> None:
    size = tuple(max(len(a), len(b)) for a, b in ((first, second), (first[0], second[0])))
    both = [np.zeros(size, dtype=np.int64) for _ in range(2)]
    for part, rows in zip(both, (first, second), strict=True):
        part[: len(rows), : len(rows[0])] = rows
    names = tuple(f"g{i:02}" for i in range(size[0]))
    whole = every(counted(both[0] + both[1], names=names))
    shards = every(counted(both[0], names=names) + counted(both[1], names=names))
    assert [plain(c) for c in shards] == [plain(c) for c in whole]


@given(tables, st.floats(0.1, 50))
def test_equal_weights_of_any_size_change_nothing(rows: list[list[int]], weight: float) -> None:
    table = np.array(rows)
    weighted = counted(table, w=table * weight, w2=table * weight**2)
    for a, b in zip(every(counted(table)), every(weighted), strict=True):
        assert plain(a)[3] == plain(b)[3]
        assert a.value == pytest.approx(b.value, abs=1e-9)
        if a.interval is not None:
            assert a.interval == pytest.approx(b.interval, abs=1e-6)


@given(tables)
def test_shares_sum_to_one_and_differences_to_zero(rows: list[list[int]]) -> None:
    counts = counted(np.array(rows))
    shares = [g.value for g in representation(counts, by="group").groups]
    assume(shares)
    assert math.fsum(v for v in shares if v is not None) == pytest.approx(1)
    k = len(counts.groups("group"))
    population = {f"g{i:02}": 1 / k for i in range(k)}
    differences = [g.value for g in reference_population(counts, population, by="group").groups]
    assert math.fsum(v for v in differences if v is not None) == pytest.approx(0, abs=1e-9)


@given(tables, st.floats(0.5, 0.9), st.floats(0.91, 0.999))
def test_an_interval_holds_its_value_and_grows_with_confidence(rows: list[list[int]], low: float, high: float) -> None:
    counts = counted(np.array(rows))
    for check in [*every(counts), reference_population(counts, {"g00": 0.4, "g01": 0.6}, by="group")]:
        value, narrow = check.at(low)
        _, wide = check.at(high)
        if value is None:
            assert narrow is None
            assert check.status is Status.UNKNOWN
            continue
        assert narrow is not None
        assert wide is not None
        tiny = 1e-9
        assert wide[0] - tiny <= narrow[0] <= value + tiny
        assert value - tiny <= narrow[1] <= wide[1] + tiny


@given(tables)
def test_every_outcome_has_one_plain_sentence(rows: list[list[int]]) -> None:
    counts = counted(np.array(rows))
    for check in [*every(counts), reference_population(counts, {"g00": 0.4, "x": 0.6}, by="group")]:
        for status in STATUSES:
            text = check.sentence(status)
            assert text.endswith(".")
            assert "nan" not in text
            assert "None" not in text
            assert text[0] == text[0].upper() or text.startswith("y is")


@given(st.lists(st.tuples(st.integers(1, 80), st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=6))
def test_missing_rates_agree_with_their_definition(groups: list[tuple[int, float, float]]) -> None:
    n = np.array([g[0] for g in groups])
    missing = np.array([[int(g[0] * g[1]), int(g[0] * g[2])] for g in groups])
    names = Groups(("g",), tuple((str(i),) for i in range(len(n))), np.arange(len(n)), n)
    check = missing_rates(names, ["a", "b"], missing)
    assert check.value == pytest.approx(np.var(missing / n[:, None], axis=0).max())
    low, high = check.interval or (math.nan, math.nan)
    assert low <= (check.value or 0) + 1e-12
    assert high >= (check.value or 0) - 1e-12
    for status in STATUSES:
        assert check.sentence(status).endswith(".")


# -- independent answers ----------------------------------------------------------------------------------------------


def test_numbers_equal_those_of_one_pandas_line_each(adult: pd.DataFrame) -> None:
    table = Table.of(adult, missing=("", "?"))
    counts = table.counts(group=["race", "sex"], label="income")
    for by in ("race", "sex"):
        shares = adult[by].value_counts(normalize=True)
        check = representation(counts, by=by)
        assert check.value == pytest.approx(shares.min())
        assert {g.group: g.value for g in check.groups} == pytest.approx(shares.to_dict())
        rates = adult.groupby(by).income.value_counts(normalize=True).unstack(fill_value=0)
        away = rates - adult.income.value_counts(normalize=True)
        divergence = label_divergence(counts, by=by)
        assert {g.group: g.value for g in divergence.groups} == pytest.approx((away**2).sum(axis=1).to_dict())
        variation = {g.group: g.value for g in divergence.measures["label_total_variation"]}
        assert variation == pytest.approx((away.abs().sum(axis=1) / 2).to_dict())
        absent = (adult.drop(columns=[by]) == "?").groupby(adult[by]).mean().var(ddof=0)
        missing = missing_data(table, by)
        assert missing.value == pytest.approx(absent.max())
        assert missing.columns[0].column == absent.idxmax()
        assert {c.column: c.value for c in missing.columns} == pytest.approx(absent[absent > 0].to_dict())


def test_total_variation_equals_half_of_scipys_city_block_distance() -> None:
    distance = pytest.importorskip("scipy.spatial.distance")
    n, q = np.array([50, 30, 20]), np.array([0.2, 0.3, 0.5])
    check = reference_population(group_counts(n), {f"g{i:02}": v for i, v in enumerate(q)}, by="group")
    assert check.value == pytest.approx(distance.cityblock(n / n.sum(), q) / 2)
    assert check.groups[2].value == pytest.approx(-0.3)


def test_labels_of_a_group_are_compared_with_all_rows_the_group_among_them() -> None:
    # by hand: group 20 % ones, all 35 % ones; (0.15 ** 2) * 2
    check = label_divergence(counted(np.array([[80, 20], [50, 50]])), by="group")
    assert check.value == pytest.approx(0.045)
    assert check.measures["label_total_variation"][0].value == pytest.approx(0.15)


def test_weights_count_as_much_as_they_say() -> None:
    weighted = counted(np.array([[10], [10]]), w=[[10.0], [30.0]], w2=[[10.0], [90.0]])
    check = representation(weighted, by="group")
    assert check.value == pytest.approx(0.25)
    assert check.n == 20


def test_effective_rows_shrink_with_uneven_weights() -> None:
    rng = np.random.default_rng(0)
    member = rng.random((4000, 400)) < 0.3
    weight = rng.exponential(size=member.shape)
    share = (weight * member).sum(axis=1) / weight.sum(axis=1)
    w = np.array([(weight[0] * member[0]).sum(), (weight[0] * ~member[0]).sum()])
    w2 = np.array([(weight[0] ** 2 * member[0]).sum(), (weight[0] ** 2 * ~member[0]).sum()])
    assert effective_trials(w, w2)[0] == pytest.approx(0.3 * 0.7 / share.var(), rel=0.2)


# -- the intervals hold -----------------------------------------------------------------------------------------------

REPEATS = 400


def coverage(checks: list[DataCheck], truth: float) -> float:
    held = [c.interval is not None and c.interval[0] - 1e-12 <= truth <= c.interval[1] + 1e-12 for c in checks]
    return sum(held) / len(held)


@pytest.mark.parametrize("shares", [[0.05, 0.95], [0.05, 0.05, 0.9], [0.1] * 10, [0.05] * 20])
@pytest.mark.parametrize("n", [300, 2000])
def test_the_interval_of_the_smallest_share_covers_it(shares: list[float], n: int) -> None:
    rng = np.random.default_rng(1)
    checks = [representation(group_counts(rng.multinomial(n, shares)), by="group") for _ in range(REPEATS)]
    assert coverage(checks, min(shares)) >= 0.93


@pytest.mark.parametrize("k", [2, 5, 20])
@pytest.mark.parametrize("shift", [0.0, 0.1])
def test_the_interval_of_total_variation_covers_it_even_at_none(k: int, shift: float) -> None:
    rng = np.random.default_rng(2)
    population = np.full(k, 1 / k)
    shares = population * (1 - shift)
    shares[0] += shift
    truth = np.abs(shares - population).sum() / 2
    known = {f"g{i:02}": v for i, v in enumerate(population)}
    checks = [
        reference_population(group_counts(rng.multinomial(500, shares)), known, by="group") for _ in range(REPEATS)
    ]
    assert coverage(checks, truth) >= 0.93
    if shift == 0:  # the bootstrap percentile interval of a distance never reaches 0
        assert np.mean([c.interval is not None and c.interval[0] == 0 for c in checks]) >= 0.93


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("sizes", [[30, 30], [300] * 5, [30, 300, 3000]])
@pytest.mark.parametrize("shift", [0.0, 0.3])
def test_the_interval_of_label_divergence_covers_it(classes: int, sizes: list[int], shift: float) -> None:
    rng = np.random.default_rng(3)
    p = np.full((len(sizes), classes), 1 / classes)
    p[0] *= 1 - shift
    p[0, 0] += shift
    whole = np.array(sizes) @ p / sum(sizes)
    truth = float(((p - whole) ** 2).sum(axis=1).max())
    checks = [
        label_divergence(counted(np.stack([rng.multinomial(m, q) for m, q in zip(sizes, p, strict=True)])), by="group")
        for _ in range(REPEATS)
    ]
    assert coverage(checks, truth) >= 0.93


@pytest.mark.parametrize("sizes", [[30, 30], [300] * 5, [30, 300, 3000]])
@pytest.mark.parametrize("shift", [0.0, 0.2])
@pytest.mark.parametrize("columns", [1, 5])
def test_the_interval_of_missing_rate_variance_covers_it(sizes: list[int], shift: float, columns: int) -> None:
    rng = np.random.default_rng(4)
    n = np.array(sizes)
    groups = Groups(("g",), tuple((str(i),) for i in range(len(n))), np.arange(len(n)), n)
    p = np.full((len(n), columns), 0.1)
    p[0, 0] += shift
    names = [f"c{j}" for j in range(columns)]
    checks = [missing_rates(groups, names, rng.binomial(n[:, None], p)) for _ in range(REPEATS)]
    assert coverage(checks, float(p.var(axis=0).max())) >= 0.93


# -- real data --------------------------------------------------------------------------------------------------------


def test_compas_has_too_few_native_americans_and_asians(compas: pd.DataFrame) -> None:
    counts = Table.of(compas).counts(group=["race", "sex"], label="two_year_recid")
    check = representation(counts, by="race")
    assert check.status is Status.FAIL
    assert check.value == pytest.approx(18 / 7214)
    assert "Native American (0.2%) and Asian (0.4%)" in check.why
    crossed = representation(counts, suppress_below=5)
    assert "Native American · Female (fewer than 5 rows)" in crossed.why
    assert crossed.value == pytest.approx(4 / 7214)
    labels = label_divergence(counts, by="race", min_size=20)
    left_out = {g.group: g.why for g in labels.groups if not g.judged}
    assert left_out == {"Native American": "fewer than 20 rows have a label"}


def test_adult_misses_the_native_country_of_asians_most(adult: pd.DataFrame) -> None:
    check = missing_data(Table.of(adult, missing=("", "?")), "race", min_size=20)
    assert check.status is Status.PASS
    assert [c.column for c in check.columns] == ["native-country", "workclass", "occupation"]
    assert "8% of Asian-Pac-Islander" in check.why


def test_adult_has_fewer_women_than_the_population(adult: pd.DataFrame) -> None:
    counts = Table.of(adult).counts(group="sex")
    check = reference_population(counts, {"Male": 0.49, "Female": 0.51})
    assert check.status is Status.FAIL
    assert "Male is 66.9% of the rows and 49% of the population" in check.why


def test_loanapp_cannot_say_whether_hispanics_are_five_percent(loanapp: pd.DataFrame) -> None:
    data = loanapp.assign(race=loanapp[["white", "black", "hispan"]].idxmax(axis=1))
    check = representation(Table.of(data).counts(group="race"))
    assert check.status is Status.UNKNOWN
    assert check.groups[1].n == 111
    assert "cannot tell whether it reaches 5%" in check.why


# -- faults -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "said"),
    [({"g": ["a"] * 9}, "only group of g"), ({"g": [None] * 9}, "no row names"), ({"g": []}, "no rows")],
)
def test_one_group_no_group_and_no_row_are_not_judged(rows: dict[str, list[Any]], said: str) -> None:
    data = {**rows, "y": ["0"] * len(rows["g"]), "x": [1.0] * len(rows["g"])}
    table = Table.of(data)
    counts = table.counts(group="g", label="y", task="multiclass")
    checks = [representation(counts), missing_data(table, "g"), label_divergence(counts)]
    if said != "only group of g":
        checks.append(reference_population(counts, {"a": 1.0}))
    for check in checks:
        assert check.value is None
        assert check.status is Status.UNKNOWN
        assert check.why.startswith("Not judged: ")
    assert said in checks[0].why


def test_weights_of_zero_are_not_judged() -> None:
    counts = counted(np.array([[5], [5]]), w=np.zeros((2, 1)), w2=np.zeros((2, 1)))
    for check in (*every(counts), reference_population(counts, {"g00": 1.0})):
        assert check.value is None
        assert check.status is Status.UNKNOWN


def test_a_label_of_one_class_does_not_differ() -> None:
    check = label_divergence(counted(np.array([[50], [70]])), by="group")
    assert check.value == 0
    assert check.status is Status.PASS
    assert check.why == "y is 0 in every labelled row, so its groups do not differ."


def test_rows_without_group_or_label_are_shown_and_not_counted() -> None:
    data = {"g": ["a"] * 40 + ["b"] * 40 + [None] * 40, "y": (["0", "1", "1", None] * 30)}
    counts = Table.of(data).counts(group="g", label="y")
    shares = representation(counts)
    assert shares.n == 80
    assert [(g.group, g.value, g.n) for g in shares.groups] == [("a", 0.5, 40), ("b", 0.5, 40), ("(missing)", None, 40)]
    labels = label_divergence(counts)
    assert labels.n == 60
    assert labels.groups[2].why == "these rows name no group"


def test_groups_that_only_one_side_has_are_named() -> None:
    check = reference_population(group_counts(np.array([60, 40])), {"g00": 0.5, "elsewhere": 0.5}, by="group")
    assert check.value == pytest.approx(0.5)
    assert check.why.endswith("The population has no g01. The data have no elsewhere.")


@pytest.mark.parametrize("shares", [{"a": 0.5}, {"a": -0.1, "b": 1.1}, {"a": math.nan, "b": 1.0}])
def test_shares_that_are_no_population_are_refused(shares: dict[str, float]) -> None:
    with pytest.raises(InputError, match="population"):
        reference_population(group_counts(np.array([6, 4])), shares, by="group")


def test_a_crossing_that_nobody_belongs_to_counts_as_a_group_of_nobody() -> None:
    data = {"race": ["b"] * 300 + ["w"] * 600, "sex": ["f"] * 300 + ["f", "m"] * 300}
    check = representation(Table.of(data).counts(group=["race", "sex"]))
    assert check.empty == ("b · m",)
    assert check.value == 0
    assert check.status is Status.FAIL
    assert "b · m (nobody)" in check.why


def test_more_groups_than_can_reach_the_limit_are_no_failure_of_the_data() -> None:
    check = representation(group_counts(np.full(800, 3)), by="group")
    assert check.status is Status.UNKNOWN and check.value is None
    assert check.why.startswith("Not judged: 800 groups of group cannot all make up 5% of the rows.")


def test_columns_that_are_always_filled_pass_even_with_tiny_groups() -> None:
    check = missing_data(Table.of({"g": ["a"] * 900 + ["b"] * 3, "x": [1.0] * 903}), "g")
    assert check.status is Status.PASS
    assert check.why == "No value is missing in any group of g, in the one other column."


def test_everything_missing_in_every_group_is_even() -> None:
    check = missing_data(Table.of({"g": ["a", "b"] * 200, "x": [None] * 400}), "g")
    assert check.value == 0
    assert check.status is Status.PASS


def test_a_table_of_group_columns_alone_has_no_missing_values_to_judge() -> None:
    check = missing_data(Table.of({"g": ["a", "b"]}), "g")
    assert check.why == "Not judged: there is no column beside g."


def test_groups_named_by_numbers_are_called_with_their_column() -> None:
    counts = Table.of({"male": [0] * 10 + [1] * 990}).counts(group="male")
    assert "male = 0 (1%)" in representation(counts).why


def test_labels_that_are_numbers_to_predict_have_no_divergence() -> None:
    counts = Table.of({"g": ["a", "b"] * 20, "y": np.linspace(0, 1, 40)}).counts(group="g", label="y")
    with pytest.raises(InputError, match="label of classes"):
        label_divergence(counts)


# -- the detector -----------------------------------------------------------------------------------------------------


def test_the_detector_says_what_the_functions_say(adult: pd.DataFrame) -> None:
    detector = DataBiasDetector(adult, missing=("", "?"))
    table = Table.of(adult, missing=("", "?"))
    counts = table.counts(group="race", label="income")
    population = {"White": 0.8, "Black": 0.2}
    pairs = [
        (detector.check_representation_bias("race"), representation(counts)),
        (
            detector.check_representation_bias("race", population=population),
            reference_population(counts, population),
        ),
        (detector.check_label_bias("race", "income"), label_divergence(counts, min_size=20)),
        (detector.check_missing_data_bias("race"), missing_data(table, "race", min_size=20)),
    ]
    for door, function in pairs:
        assert isinstance(door, DataCheck)
        assert plain(door) == plain(function)
        assert door.why == function.why


def test_the_detector_crosses_columns_and_takes_weights(adult: pd.DataFrame) -> None:
    detector = DataBiasDetector(adult, weight="fnlwgt")
    check = detector.check_representation_bias(["race", "sex"])
    weights = adult.groupby(["race", "sex"]).fnlwgt.sum()
    assert check.value == pytest.approx(weights.min() / weights.sum())
    assert check.subject == "race × sex"
    assert "(weighted)" in check.why


def test_a_group_with_too_few_labels_keeps_label_divergence_from_passing() -> None:
    rows = {"y": [1, 1, 0, 0] * 500 + [None] * 90 + [1] * 10, "g": ["a", "b"] * 1000 + ["c"] * 100}
    counts = Table.of(rows).counts(group=["g"], label="y")
    check = label_divergence(counts, min_size=20)
    assert check.unjudged == ("c",)
    assert check.status is Status.UNKNOWN and "Too few rows to take part: c." in check.why
