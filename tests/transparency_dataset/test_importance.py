"""Importance: the mean over pairs of people, with intervals that cover it, for everybody and for each group."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aequo.core.finding import Status
from aequo.errors import InputError, UnknownColumn
from aequo.models.predicting import as_model
from aequo.models.rows import as_rows
from aequo.transparency.association import associated, association, clusters
from aequo.transparency.columns import Column, column_of
from aequo.transparency.dependence import dependence_of
from aequo.transparency.importance import explain
from aequo.transparency.permuted import effects, max_t, rise_of, shares


def logistic(**weights: float) -> Any:
    """Return a model that knows these columns."""

    def score(x: Any) -> Any:
        total = np.zeros(len(x))
        for name, weight in weights.items():
            total = total + weight * np.asarray(x[name], float)
        return 1 / (1 + np.exp(-total))

    return score


def people(seed: int, n: int = 400) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    a, b, c = rng.normal(size=(3, n))
    y = (rng.random(n) < 1 / (1 + np.exp(-1.5 * a - b))).astype(int)
    return {"a": a, "b": b, "c": c, "sex": rng.choice(["f", "m"], n).astype(object), "y": y}


# -- the estimate -----------------------------------------------------------------------------------------------------


@given(st.integers(3, 9), st.integers(0, 1000))
@settings(max_examples=20)
def test_with_every_donor_it_is_the_mean_over_all_ordered_pairs_of_people(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, 2)), rng.random(n)
    model = lambda rows: np.tanh(rows[:, 0]) + rows[:, 0] * rows[:, 1]  # noqa: E731
    base = model(x)
    found = effects(
        lambda at: model(np.stack([x[at[:, 0], 0], x[at[:, 1], 1]], axis=1)),
        rise_of(y, base, "squared"),
        np.arange(n),
        [[0], [1], [0, 1]],
        2,
        repeats=n,
        rng=rng,
    )
    slow = np.zeros(3)
    for k, block in enumerate(([0], [1], [0, 1])):
        for i in range(n):
            for j in range(n):
                if i != j:
                    mixed = x[i].copy()
                    mixed[block] = x[j, block]
                    slow[k] += ((y[i] - model(mixed[None])[0]) ** 2 - (y[i] - base[i]) ** 2) / (n * (n - 1))
    assert found.values == pytest.approx(slow)
    assert found.influence.mean(axis=0) == pytest.approx(np.zeros(3), abs=1e-12)


def test_its_interval_covers_what_is_true_as_often_as_it_says() -> None:
    """For a linear model the truth is known: permuting column j adds 2 w² var(x) to the squared error."""
    weights, n, hits = np.array([1.0, 0.4]), 100, np.zeros(2)
    for seed in range(300):
        rng = np.random.default_rng(seed)
        x = rng.exponential(size=(n, 2))
        y = x @ weights + rng.normal(size=n)
        found = effects(
            lambda at, x=x: x[at[:, 0], 0] * weights[0] + x[at[:, 1], 1] * weights[1],
            rise_of(y, x @ weights, "squared"),
            np.arange(n),
            [[0], [1]],
            2,
            repeats=5,
            rng=rng,
        )
        low, high = found.interval(0.95)
        truth = 2 * weights**2
        hits += (low <= truth) & (truth <= high)
    assert (hits / 300 > 0.89).all()  # a skewed column costs a t interval some of its 95 %
    assert (hits / 300 < 0.99).all()


def test_it_agrees_with_scikit_learn() -> None:
    from sklearn.inspection import permutation_importance
    from sklearn.linear_model import LogisticRegression

    data = people(1, 600)
    x = np.stack([data[c] for c in "abc"], axis=1)
    model = LogisticRegression().fit(x[:300], data["y"][:300])
    theirs = permutation_importance(
        model, x[300:], data["y"][300:], scoring="neg_brier_score", n_repeats=300, random_state=0
    ).importances_mean
    held_out = {k: v[300:] for k, v in data.items() if k != "sex"}
    ours = explain(as_model(model, columns=["a", "b", "c"]), held_out, label="y", repeats=299, partial=0)
    for one in ours.importances:
        at = "abc".index(one.name)
        assert one.value == pytest.approx(theirs[at], abs=0.0015)


def test_a_column_that_the_model_does_not_read_has_none() -> None:
    found = explain(logistic(a=2.0), people(0), label="y", partial=0)
    by_name = {i.name: i for i in found.importances}
    assert by_name["a"].share == 1.0
    for name in ("b", "c", "sex"):
        assert by_name[name].value == 0.0
        assert by_name[name].interval == (0.0, 0.0)


def test_the_order_of_the_columns_changes_nothing() -> None:
    data = people(2)
    model = logistic(a=1.5, b=1.0)
    turned = {k: data[k] for k in ("y", "c", "sex", "b", "a")}
    first, second = (explain(model, d, label="y", partial=2) for d in (data, turned))
    assert [(i.name, i.value) for i in first.importances[:2]] == [(i.name, i.value) for i in second.importances[:2]]


def test_without_a_label_it_is_how_much_the_score_changes() -> None:
    data = {"a": [0.0] * 30 + [1.0] * 30}
    found = explain(lambda x: np.asarray(x["a"], float) * 0.5, data, partial=0, repeats=59)
    assert found.measure == "change"
    assert found.loss is None
    assert found.importances[0].value == pytest.approx(0.5 * 2 * 30 * 30 / (60 * 59))


def test_a_regression_is_explained_by_its_squared_error() -> None:
    rng = np.random.default_rng(0)
    data = {"a": rng.normal(size=300), "b": rng.normal(size=300)}
    data["y"] = 3 * data["a"]
    model = as_model(lambda x: 3 * np.asarray(x["a"]), outputs="values", columns=["a", "b"])
    found = explain(model, data, label="y", partial=1)
    assert found.loss == 0.0
    assert found.importances[0].value == pytest.approx(18 * data["a"].var(), rel=0.25)
    assert found.favourable is None


def test_log_loss_of_numbers_is_refused() -> None:
    model = as_model(lambda x: np.asarray(x["a"], float), outputs="values")
    with pytest.raises(InputError, match="log loss is of probabilities, and the model predicts numbers"):
        explain(model, people(0, 60), label="b", loss="log")


def test_log_loss_may_be_asked_for() -> None:
    data = people(3)
    found = explain(logistic(a=1.5, b=1.0), data, label="y", loss="log", partial=0)
    score = 1 / (1 + np.exp(-1.5 * data["a"] - data["b"]))
    assert found.loss == pytest.approx(-np.log(np.where(data["y"] == 1, score, 1 - score)).mean())


# -- groups -----------------------------------------------------------------------------------------------------------


def by_sex(x: Any) -> Any:
    """Lean on a for women and on b for men."""
    women = np.asarray(x["sex"]) == "f"
    return 1 / (1 + np.exp(-2 * np.where(women, np.asarray(x["a"], float), np.asarray(x["b"], float))))


def test_a_model_that_leans_on_other_things_for_women_fails() -> None:
    data = people(5, 1000)
    women = data["sex"] == "f"
    data["y"] = (np.where(women, data["a"], data["b"]) > 0).astype(int)
    found = explain(by_sex, data, label="y", group="sex", partial=0)
    finding = next(f for f in found.findings if f.check == "reliance")
    assert finding.status is Status.FAIL
    assert found.verdict is Status.FAIL
    assert finding.interval[0] > 0.8
    assert (
        "100% of what the model leans on for f" in finding.why or "100% of what the model leans on for m" in finding.why
    )
    shares_of = {g.group: {i.name: i.share for i in g.importances} for g in found.groups}
    assert shares_of["f"]["a"] == pytest.approx(1.0)
    assert shares_of["m"]["b"] == pytest.approx(1.0)


def test_a_model_that_leans_on_the_same_passes_and_with_few_rows_nobody_can_tell() -> None:
    data = people(6, 3000)
    data["y"] = (data["a"] > 0).astype(int)
    found = explain(logistic(a=3.0), data, label="y", group="sex", partial=0)
    assert found.verdict is Status.PASS
    few = explain(logistic(a=1.5, b=1.0), people(7, 120), label="y", group="sex", partial=0, min_size=30)
    assert few.verdict is Status.UNKNOWN
    tiny = explain(logistic(a=3.0), people(7, 120), label="y", group="sex", partial=0)
    assert tiny.findings[0].why.startswith("Not judged: 0 of 2 groups")
    assert {g.why for g in tiny.groups} == {"fewer than 100 rows"}


def test_a_group_too_small_to_compare_keeps_the_verdict_open() -> None:
    data = people(6, 3000)
    data["y"] = (data["a"] > 0).astype(int)
    data["sex"][:40] = "x"
    found = explain(logistic(a=3.0), data, label="y", group="sex", partial=0)
    assert found.verdict is Status.UNKNOWN
    assert "1 groups cannot be compared (fewer than 100 rows)" in found.findings[0].why


def test_where_groups_do_not_differ_a_difference_is_rarely_found() -> None:
    alarms = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        data = people(seed, 400)
        found = explain(
            logistic(a=1.5, b=1.0),
            data | {"g": rng.choice(["x", "y", "z"], 400).astype(object)},
            label="y",
            group="g",
            partial=0,
            repeats=3,
            shapley=False,
            seed=seed,
        )
        alarms += any(r.interval[0] > 0 for r in found.reliance)
    assert alarms <= 7  # 5 % of 60 are 3


def test_within_a_group_it_is_the_importance_on_the_rows_of_the_group() -> None:
    data = people(8, 300)
    women = data["sex"] == "f"
    n = int(women.sum())
    found = explain(logistic(a=1.0, b=2.0), data, label="y", group="sex", partial=0, repeats=n)
    alone = explain(logistic(a=1.0, b=2.0), {k: v[women] for k, v in data.items()}, label="y", partial=0, repeats=n)
    group = next(g for g in found.groups if g.group == "f")
    assert group.n == n
    assert {i.name: i.value for i in group.importances} == pytest.approx({i.name: i.value for i in alone.importances})
    assert group.loss == pytest.approx(alone.loss)


def test_critical_values_are_those_of_simultaneous_intervals() -> None:
    one = max_t([np.eye(1)], 0.95, seed=0)
    assert one == pytest.approx(1.96, abs=0.05)
    bonferroni = 2.81  # for ten
    assert one < max_t([np.eye(10)], 0.95, seed=0) < bonferroni + 0.05
    alike = np.ones((10, 10))
    assert max_t([alike], 0.95, seed=0) == pytest.approx(1.96, abs=0.05)


# -- partial dependence -----------------------------------------------------------------------------------------------


def test_partial_dependence_agrees_with_scikit_learn() -> None:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.inspection import partial_dependence

    data = people(9, 300)
    x = np.stack([data[c] for c in "abc"], axis=1)
    model = HistGradientBoostingClassifier(max_iter=20, random_state=0).fit(x, data["y"])
    rows = as_rows(x, ["a", "b", "c"])
    ours = dependence_of(as_model(model, columns=["a", "b", "c"]), rows, column_of(rows, "a"), np.arange(300))
    grid = [p.value for p in ours.points]
    theirs = partial_dependence(model, x, [0], custom_values={0: grid}, response_method="predict_proba", method="brute")
    assert [p.score for p in ours.points] == pytest.approx(theirs["average"][0].tolist())
    assert all(p.interval[0] < p.score < p.interval[1] for p in ours.points)
    assert [p.share for p in ours.points] == sorted(p.share for p in ours.points)


def test_categories_are_drawn_by_frequency_and_the_rare_are_counted() -> None:
    texts = [f"t{i}" for i in range(30) for _ in range(30 - i)] + ["ü"]
    rows = as_rows({"t": texts, "x": list(range(len(texts)))})
    model = as_model(lambda r: (np.asarray(r["t"]) == "t0") * 0.5, background=rows)
    found = dependence_of(model, rows, column_of(rows, "t"), np.arange(len(texts)))
    assert [p.value for p in found.points] == [f"t{i}" for i in range(12)]
    assert found.left_out == 19
    assert [p.score for p in found.points[:2]] == [0.5, 0.0]


# -- columns that say the same ----------------------------------------------------------------------------------------


def test_columns_that_say_the_same_are_named_or_permuted_together() -> None:
    data = people(10)
    data["twin"] = data["a"] * 2 + 1
    model = logistic(a=1.0, twin=0.5)
    apart = explain(model, data, label="y", partial=0)
    assert [(a, b, round(r, 9)) for a, b, r in apart.correlated] == [("a", "twin", 1.0)]
    joined = explain(model, data, label="y", partial=0, together="correlated")
    assert joined.correlated == ()
    assert joined.importances[0].columns == ("a", "twin")
    asked = explain(model, data, label="y", partial=0, together=[["a", "twin"]])
    assert asked.importances == joined.importances


@given(st.lists(st.tuples(st.floats(-9, 9), st.floats(-9, 9)), min_size=4, max_size=30))
@settings(max_examples=30)
def test_numbers_are_associated_by_their_ranks(pairs: list[tuple[float, float]]) -> None:
    from scipy.stats import spearmanr

    x, y = (np.array(v) for v in zip(*pairs, strict=True))
    ours = association(Column("x", x), Column("y", y))
    if len(set(x)) > 1 and len(set(y)) > 1:
        assert ours == pytest.approx(abs(spearmanr(x, y).statistic))
        assert ours == pytest.approx(association(Column("y", y), Column("x", x)))
    else:
        assert np.isnan(ours)


def test_categories_that_say_the_same_are_wholly_associated_and_strangers_are_not() -> None:
    rng = np.random.default_rng(0)
    k = rng.integers(0, 3, 300).astype(float)
    other = rng.integers(0, 3, 300).astype(float)
    names = ("a", "b", "c")
    assert association(Column("k", k, names), Column("j", 2 - k, names)) == pytest.approx(1.0)
    assert association(Column("k", k, names), Column("o", other, names)) < 0.15
    assert association(Column("k", k, names), Column("x", k + 0.01 * other)) > 0.9
    assert associated([Column("k", k, names), Column("j", 2 - k, names)], 0.9)[0][:2] == ("k", "j")
    assert clusters("abcd", [("d", "b", 1.0)]) == [("a",), ("b", "d"), ("c",)]


# -- everything else --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["pandas", "polars", "pyarrow"])
def test_each_kind_of_frame_gives_the_same(kind: str) -> None:
    module = pytest.importorskip(kind)
    data = people(4, 150)
    frame = module.table(data) if kind == "pyarrow" else module.DataFrame(data)
    model = logistic(a=1.5, b=1.0)
    plain = explain(model, data, label="y", group="sex", min_size=20).to_dict()
    framed = explain(model, frame, label="y", group="sex", min_size=20).to_dict()
    assert {**framed, "source": plain["source"]} == plain


def test_the_same_seed_gives_the_same() -> None:
    from sklearn.linear_model import LogisticRegression

    data = people(4, 400)
    x = np.stack([data[c] for c in "abc"], axis=1)
    model = as_model(LogisticRegression().fit(x, data["y"]), columns=["a", "b", "c"])
    first, second = (explain(model, data, label="y", group="sex", max_rows=200, seed=3) for _ in range(2))
    assert first.to_json() == second.to_json()
    assert first.attribution_method == "linear"
    assert first.stability.repeatable
    assert first.importances[0].attribution > first.importances[-1].attribution
    other = explain(model, data, label="y", max_rows=200, seed=4)
    assert other.importances[0].value != first.importances[0].value


def test_rows_without_an_outcome_are_left_out_and_that_is_said() -> None:
    data = people(4, 200)
    labels: list[Any] = data["y"].tolist()
    labels[:50] = [None] * 50
    found = explain(logistic(a=1.0), data | {"y": labels}, label="y", partial=0)
    assert found.rows == 150
    assert found.notes == ("50 of 200 rows have no value of y, and were left out.",)


def test_rows_of_no_group_are_counted_in_a_note() -> None:
    data = people(4, 200)
    group: list[Any] = ["f", "m"] * 100
    group[:30] = [None] * 30
    found = explain(logistic(a=1.0), data | {"g": group}, label="y", group="g", partial=0)
    assert found.rows == 200
    assert found.notes == ("30 of 200 rows have no value of g, and are in none of its groups.",)


def test_the_favourable_value_may_be_a_text() -> None:
    data = people(4, 200)
    data["y"] = np.where(data["y"] == 1, "yes", "no").astype(object)
    found = explain(logistic(a=1.5, b=1.0), data, label="y", favourable="yes", partial=0)
    assert found.favourable == "yes"
    assert found.importances[0].value > 0
    turned = explain(logistic(a=1.5, b=1.0), data, label="y", favourable="no", partial=0)
    assert turned.importances[0].value <= 0.01 or turned.importances[-1].value < 0


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"label": "Y"}, "no column 'Y'"),
        ({"group": "seks"}, "no column 'seks'"),
        ({"label": "y", "favourable": "ja"}, "no row has y = 'ja'"),
        ({"loss": "hinge"}, "the loss is 'hinge', expected 'squared' or 'log'"),
        ({"limit": 1.5}, "the limit is 1.5, expected a share"),
        ({"confidence": 95}, "the confidence is 95"),
        ({"repeats": 0}, "repeats is 0, expected a whole number from 1"),
        ({"together": "all"}, "together is 'all', expected 'correlated'"),
        ({"together": [["a", "zz"]]}, "no column 'zz'"),
        ({"group": "c"}, "groups, expected at most 30"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(how: dict[str, Any], said: str) -> None:
    with pytest.raises((InputError, UnknownColumn)) as caught:
        explain(logistic(a=1.0), people(0, 100), partial=0, **how)
    assert said in str(caught.value)


def test_too_few_rows_and_one_outcome_are_refused() -> None:
    with pytest.raises(InputError, match="12 rows can be used; expected at least 30"):
        explain(logistic(a=1.0), people(0, 12), label="y")
    data = people(0, 60) | {"y": [1] * 60}
    with pytest.raises(InputError, match="every row has y = '1'"):
        explain(logistic(a=1.0), data, label="y")


def test_shares_are_those_of_a_ratio_of_means() -> None:
    """The delta method against drawing the rows again."""
    rng = np.random.default_rng(0)
    n = 400
    x, y = rng.normal(size=(n, 2)), rng.normal(size=n)
    y += x @ np.array([1.0, 0.7])

    def found(rows: Any, seed: int) -> Any:
        z, t = x[rows], y[rows]
        ask = lambda at: z[at[:, 0], 0] + 0.7 * z[at[:, 1], 1]  # noqa: E731
        rise = rise_of(t, z @ np.array([1.0, 0.7]), "squared")
        return shares(effects(ask, rise, np.arange(n), [[0], [1]], 2, repeats=8, rng=np.random.default_rng(seed)))

    again = np.array([found(rng.integers(0, n, n), i).values[0] for i in range(200)])
    assert found(np.arange(n), 0).errors[0] == pytest.approx(again.std(), rel=0.2)


def test_a_model_on_our_own_encoder_is_explained_exactly() -> None:
    """Its gaps become columns of their own, its many texts means of the target: all lead back to the user's columns."""
    from aequo.models.pipeline import table_pipeline
    from aequo.transparency.explainer import Explainer

    rng = np.random.default_rng(0)
    n = 400
    ages: list[Any] = rng.integers(20, 70, n).tolist()
    ages[::9] = [None] * len(ages[::9])
    data = {
        "age": ages,
        "sex": rng.choice(["f", "m"], n).tolist(),
        "town": [f"town {i}" for i in rng.integers(0, 60, n)],
    }
    y = (rng.random(n) < np.where(np.array(data["sex"]) == "f", 0.7, 0.4)).astype(int)
    explainer = Explainer(table_pipeline("logistic").fit(data, y), background=data)
    found = explainer(data)
    assert explainer.method == "linear"
    assert found.columns == ("age", "sex", "town")
    assert np.abs(found.additivity_errors).max() < 1e-9
    by_sex = found.contributions[:, 1]
    assert set(np.round(by_sex[np.array(data["sex"]) == "f"], 9)) == {round(float(by_sex[data["sex"].index("f")]), 9)}


def test_several_columns_of_groups_are_judged_at_a_stricter_level() -> None:
    data = people(5, 800)
    data["half"] = np.repeat(["x", "y"], 400).astype(object)
    model = logistic(a=1.5, b=1.0)
    alone = explain(model, data, label="y", group="sex", partial=0, shapley=False)
    both = explain(model, data, label="y", group=["sex", "half"], partial=0, shapley=False)
    one, same = (next(f for f in e.findings if f.subject == "sex") for e in (alone, both))
    assert same.value == one.value
    assert same.interval[1] > one.interval[1]


def test_contributions_of_a_group_are_the_mean_size_over_its_rows() -> None:
    from sklearn.linear_model import LogisticRegression

    from aequo.transparency.explainer import attributions

    data = people(4, 400)
    x = np.stack([data[c] for c in "abc"], axis=1)
    model = as_model(LogisticRegression().fit(x, data["y"]), columns=["a", "b", "c"])
    found = explain(model, data, label="y", group="sex", partial=0)
    women = data["sex"] == "f"
    there = np.abs(attributions(model, x[women], background=x).contributions).mean(axis=0)
    group = next(g for g in found.groups if g.group == "f")
    for one in group.importances:
        assert one.attribution == pytest.approx(there["abc".index(one.name)])
        assert one.attribution_interval[0] < one.attribution < one.attribution_interval[1]
