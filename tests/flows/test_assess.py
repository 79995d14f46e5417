"""`assess` on real decisions and on data made to be hard."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import aequo
from aequo.core.finding import Status
from aequo.core.policy import Policy
from aequo.errors import InputError, UnknownColumn, UnknownGroup
from aequo.report.result import Assessment


def _find(result: Assessment, id_: str) -> Any:
    return next(f for f in result.findings if f.id == id_)


def _plain(result: Assessment) -> dict[str, Any]:
    """Everything but where the rows came from."""
    out = result.to_dict()
    out["data"].pop("source"), out["data"].pop("files"), out.pop("reproduce")
    return out


@pytest.fixture(scope="module")
def compas_result(compas: pd.DataFrame) -> Assessment:
    frame = compas[["race", "sex", "two_year_recid", "decile_score", "age", "priors_count"]].copy()
    frame["low_risk"] = (frame["decile_score"] < 5).astype(int)
    frame["stays_clear"] = 1 - frame["two_year_recid"]
    return aequo.assess(frame, label="stays_clear", prediction="low_risk", group=["race", "sex"])


def test_compas_fails_equalized_odds_by_race_as_published(compas_result: Assessment) -> None:
    # ProPublica 2016: 44.9 % of black and 23.5 % of white defendants who stayed clear were called high risk
    finding = _find(compas_result, "fairness/equalized-odds/race")
    assert finding.status is Status.FAIL
    rows = {g.group: g for g in compas_result.groups if g.subject == "race"}
    wrong = {k: 1 - rows[k].measures["true_positive_rate"].value for k in ("African-American", "Caucasian")}
    assert wrong["African-American"] == pytest.approx(0.449, abs=0.001)
    assert wrong["Caucasian"] == pytest.approx(0.235, abs=0.001)


def test_groups_too_small_to_judge_are_named_and_keep_the_verdict_from_passing(compas_result: Assessment) -> None:
    finding = _find(compas_result, "fairness/small-groups/race")
    assert finding.status is Status.UNKNOWN and finding.required
    assert "Native American (18)" in finding.why
    assert not next(g for g in compas_result.groups if g.group == "Native American").judged


def test_every_finding_has_a_sentence_an_n_and_the_worst_come_first(compas_result: Assessment) -> None:
    severities = [f.status.severity for f in compas_result.findings]
    assert severities == sorted(severities, reverse=True)
    for finding in compas_result.findings:
        assert finding.why.endswith(".") and finding.n >= 0 and "nan" not in finding.why
        assert finding.value is not None or finding.why.startswith(("Not", "Too", "No"))
        if finding.interval is not None:
            assert finding.interval[0] - 1e-9 <= finding.value <= finding.interval[1] + 1e-9


def test_json_has_the_documented_keys_and_no_numbers_that_are_not_numbers(compas_result: Assessment) -> None:
    plain = json.loads(compas_result.to_json(), parse_constant=lambda c: pytest.fail(f"{c} in JSON"))
    assert plain == compas_result.to_dict()
    assert {"verdict", "findings", "groups", "data", "policy", "version"} <= set(plain)
    assert {"id", "check", "subject", "status", "value", "interval", "n", "limit", "why"} <= set(plain["findings"][0])
    assert {"rows", "digest"} <= set(plain["data"])


SMALL = {
    "y": [1, 0, 1, 1, 0, 0, 1, 0, 1, 1] * 30,
    "d": [1, 0, 0, 1, 0, 1, 1, 0, 1, 0] * 30,
    "g": ["a", "b", "a", "b", "c"] * 60,
    "x": list(range(300)),
}


def test_every_kind_of_frame_gives_the_same_assessment(tmp_path: Any) -> None:
    pandas = pd.DataFrame(SMALL)
    path = tmp_path / "rows.csv"
    pandas.to_csv(path, index=False)
    pl.DataFrame(SMALL).write_parquet(tmp_path / "rows.parquet")
    kinds = [SMALL, pandas, pl.DataFrame(SMALL), pl.LazyFrame(SMALL), pl.DataFrame(SMALL).to_arrow(), path]
    kinds.append(tmp_path / "rows.parquet")
    results = [_plain(aequo.assess(kind, label="y", prediction="d", group="g")) for kind in kinds]
    for other in results[1:]:
        assert other["data"] == results[0]["data"]
        assert {f["id"]: (f["status"], f["n"]) for f in other["findings"] if "proxies" not in f["id"]} == {
            f["id"]: (f["status"], f["n"]) for f in results[0]["findings"] if "proxies" not in f["id"]
        }
        for a, b in zip(results[0]["groups"], other["groups"], strict=True):
            assert a["group"] == b["group"] and a["n"] == b["n"]


def test_the_stated_call_gives_the_result_again() -> None:
    result = aequo.assess(SMALL, label="y", prediction="d", group="g", reference="b", threshold=None)
    again = eval(result.reproduce, {"aequo": aequo, "data": SMALL})  # the call that the report prints
    assert _plain(again) == _plain(result)


def test_the_stated_command_gives_the_result_again(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import shlex

    from aequo.cli.main import main

    pd.DataFrame(SMALL).to_csv(tmp_path / "my rows.csv", index=False)
    monkeypatch.chdir(tmp_path)
    result = aequo.assess(tmp_path / "my rows.csv", label="y", prediction="d", group="g", reference="b")
    words = shlex.split(result.reproduce)
    assert words[:2] == ["aequo", "assess"]
    main([*words[1:], "--out", "again"])
    again = json.loads((tmp_path / "again" / "findings.json").read_text())
    assert again["findings"] == result.to_dict()["findings"]


def test_labels_alone_are_judged_as_decisions() -> None:
    result = aequo.assess(SMALL, label="y", group="g")
    checks = {f.check for f in result.findings}
    assert {"demographic-parity", "disparate-impact", "label-divergence"} <= checks
    assert not checks & {"equal-opportunity", "equalized-odds", "accuracy-parity"}
    assert any("no model output" in note for note in result.notes)


def test_scores_add_calibration_and_ranking_and_state_the_binning_error(compas: pd.DataFrame) -> None:
    frame = pd.DataFrame(
        {"y": 1 - compas["two_year_recid"], "s": 1 - compas["decile_score"] / 10, "race": compas["race"]}
    )
    result = aequo.assess(frame, label="y", score="s", threshold=0.55, group="race")
    checks = {f.check for f in result.findings}
    assert {"calibration", "auc-parity", "equalized-odds"} <= checks
    assert any("bins" in note for note in result.notes)
    assert result.data.threshold == 0.55


def test_multiclass_outcomes_are_judged_class_by_class(compas: pd.DataFrame) -> None:
    frame = compas.loc[compas["score_text"].isin(["Low", "Medium", "High"]), ["score_text", "sex"]]
    result = aequo.assess(frame, label="score_text", group="sex")
    assert result.data.task == "multiclass"
    finding = _find(result, "fairness/demographic-parity/sex")
    assert set(finding.measures) == {"selection_rate[High]", "selection_rate[Low]", "selection_rate[Medium]"}


def test_numeric_outcomes_are_judged_as_a_regression(communities: pd.DataFrame) -> None:
    frame = communities[["ViolentCrimesPerPop", "Black", "medIncome"]].assign(guess=0.3)
    result = aequo.assess(frame, label="ViolentCrimesPerPop", prediction="guess", group="Black")
    assert result.data.task == "regression"
    finding = _find(result, "fairness/residual-parity/Black")
    y, black = frame["ViolentCrimesPerPop"].to_numpy(), frame["Black"].to_numpy()
    gap = abs((0.3 - y[black == 1]).mean() - (0.3 - y[black == 0]).mean()) / y.std()
    assert finding.value == pytest.approx(gap)
    error = np.abs(0.3 - y)
    by_hand = abs(error[black == 1].mean() - error[black == 0].mean()) / y.std()
    assert _find(result, "fairness/error-parity/Black").value == pytest.approx(by_hand)


def test_weights_change_rates_and_widen_intervals(adult: pd.DataFrame) -> None:
    frame = adult[["income", "sex", "fnlwgt"]]
    plain = aequo.assess(frame[["income", "sex"]], label="income", favourable=">50K", group="sex")
    weighted = aequo.assess(frame, label="income", favourable=">50K", group="sex", weight="fnlwgt")
    a, b = (_find(r, "fairness/demographic-parity/sex") for r in (plain, weighted))
    women = frame[frame["sex"] == "Female"]
    by_hand = np.average(women["income"] == ">50K", weights=women["fnlwgt"])
    row = next(g for g in weighted.groups if g.group == "Female")
    assert row.measures["selection_rate"].value == pytest.approx(by_hand)
    assert b.interval[1] - b.interval[0] > a.interval[1] - a.interval[0]


def test_a_control_column_compares_within_its_values() -> None:
    # Berkeley-like: within each department rates are equal, overall they are not
    rows = {
        "admitted": ([1] * 80 + [0] * 20) * 8 + ([1] * 20 + [0] * 80) * 8,
        "sex": (["m"] * 100) * 6 + (["f"] * 100) * 2 + (["m"] * 100) * 2 + (["f"] * 100) * 6,
        "dept": ["easy"] * 800 + ["hard"] * 800,
    }
    result = aequo.assess(rows, label="admitted", group="sex", control="dept")
    assert _find(result, "fairness/demographic-parity/sex").status is Status.FAIL
    within = _find(result, "fairness/conditional-parity/sex|dept")
    assert within.status is Status.PASS and within.value == 0


def test_a_reference_population_is_compared_when_the_policy_gives_one(compas: pd.DataFrame) -> None:
    policy = Policy().replace(**{"groups.population": {"sex": {"Male": 0.5, "Female": 0.5}}})
    result = aequo.assess(compas[["two_year_recid", "sex"]], label="two_year_recid", group="sex", policy=policy)
    finding = _find(result, "data/reference-population/sex")
    assert finding.status is Status.WARN and finding.value == pytest.approx(0.306, abs=0.001)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 4), st.integers(0, 3))
def test_groups_under_the_least_size_appear_in_no_output(tiny: int, good: int) -> None:
    n = 500
    rows = {
        "y": [1, 0] * n + [1] * min(good, tiny) + [0] * (tiny - min(good, tiny)),
        "g": ["a", "a", "b", "b"] * (n // 2) + ["secret"] * tiny,
    }
    result = aequo.assess(rows, label="y", group="g")
    row = next(g for g in result.groups if g.group == "secret")
    assert row.n is None and row.share is None and not row.measures
    for text in (result.to_json(), result.to_markdown(), result.to_html()):
        assert f"secret ({tiny})" not in text
    small = _find(result, "fairness/small-groups/g")
    assert small.value is None and "fewer than 5" in small.why


def test_the_digest_does_not_depend_on_what_a_withheld_group_holds() -> None:
    def digest(bits: list[int]) -> str:
        rows = {"y": [1, 0] * 100 + bits, "g": ["a", "a", "b", "b"] * 50 + ["tiny"] * len(bits)}
        return aequo.assess(rows, label="y", group="g").data.digest

    assert digest([1, 0, 1]) == digest([0, 0, 0]) == digest([1])


def test_missing_groups_are_shown_but_not_compared() -> None:
    rows = {"y": [1, 0] * 100 + [0] * 50, "g": ["a", "a", "b", "b"] * 50 + [None] * 50}
    result = aequo.assess(rows, label="y", group="g")
    assert _find(result, "fairness/demographic-parity/g").value == 0
    missing = next(g for g in result.groups if g.group == "(missing)")
    assert missing.n == 50 and not missing.judged and missing.measures["selection_rate"].value == 0


def test_doing_together_says_when_a_finding_would_be_decided_alone() -> None:
    rows = {"y": [1] * 55 + [0] * 45 + [1] * 37 + [0] * 63, "g": ["a"] * 100 + ["b"] * 100}
    alone = aequo.assess(rows, label="y", group="g", policy=Policy().replace(**{"statistics.multiplicity": "none"}))
    together = aequo.assess(rows, label="y", group="g")
    assert {f.id for f in alone.findings} == {f.id for f in together.findings}
    for a, b in zip(
        sorted(alone.findings, key=lambda f: f.id), sorted(together.findings, key=lambda f: f.id), strict=True
    ):
        assert a.value == b.value and a.interval == b.interval
        assert b.status in (a.status, Status.UNKNOWN)
        assert ("On its own" in b.why) == (a.status is not b.status)


def test_crossed_groups_are_advisory_until_the_policy_requires_them() -> None:
    rows = {"y": [1, 1, 0, 0] * 100, "a": ["p", "q", "q", "p"] * 100, "b": ["r", "s", "r", "s"] * 100}
    rows["y"] = [int((a == "p") == (b == "r")) for a, b in zip(rows["a"], rows["b"], strict=True)]
    advisory = aequo.assess(rows, label="y", group=["a", "b"])
    required = aequo.assess(
        rows, label="y", group=["a", "b"], policy=Policy().replace(**{"groups.intersections": "required"})
    )
    crossed = "fairness/demographic-parity/a+b"
    assert _find(advisory, crossed).status is Status.WARN and advisory.verdict is not Status.FAIL
    assert _find(required, crossed).status is Status.FAIL and required.verdict is Status.FAIL
    off = aequo.assess(rows, label="y", group=["a", "b"], policy=Policy().replace(**{"groups.intersections": "off"}))
    assert not any(f.subject == "a × b" and f.area != "data" for f in off.findings if hasattr(f, "area"))
    assert any("not judged" in note for note in off.notes)


@pytest.mark.parametrize(
    ("change", "arguments", "error", "words"),
    [
        ({}, {"label": "yy", "group": "g"}, UnknownColumn, "no column 'yy'.*Did you mean 'y'"),
        ({}, {"label": "y", "group": "race"}, UnknownColumn, "no column 'race'"),
        ({}, {"label": "y"}, InputError, "no group column"),
        ({}, {"group": "g"}, InputError, "no outcome"),
        ({"y": [1] * 300}, {"label": "y", "group": "g"}, InputError, "in every row"),
        ({"y": [None] * 300}, {"label": "y", "group": "g"}, InputError, "missing"),
        ({"d": ["z", "1", "0"] * 100}, {"label": "y", "prediction": "d", "group": "g"}, InputError, "not values of"),
        ({"y": ["yes", "no", "no"] * 100}, {"label": "y", "group": "g"}, InputError, "favourable"),
        ({}, {"label": "y", "group": "g", "favourable": "maybe"}, InputError, "'maybe' does not occur"),
        ({}, {"label": "y", "group": "g", "reference": "z"}, UnknownGroup, "Groups: a, b, c"),
        ({}, {"label": "y", "group": ["g", "x"], "reference": "a"}, InputError, "several group columns"),
        ({"s": [7.0] * 300}, {"label": "y", "score": "s", "group": "g"}, InputError, "0..1|0 to 1|between 0 and 1"),
    ],
)
def test_bad_input_gets_one_sentence_that_says_what_was_seen(
    change: dict[str, Any], arguments: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words) as caught:
        aequo.assess({**SMALL, **change}, **arguments)
    assert "\n" not in str(caught.value).strip() or len(str(caught.value)) < 400


def test_no_rows_are_refused() -> None:
    with pytest.raises(InputError, match="no rows"):
        aequo.assess({"y": [], "g": []}, label="y", group="g")


def test_one_group_is_unknown_and_says_why() -> None:
    result = aequo.assess({"y": [1, 0] * 50, "g": ["a"] * 100}, label="y", group="g")
    finding = _find(result, "fairness/demographic-parity/g")
    assert finding.status is Status.UNKNOWN and "fewer than two groups" in finding.why
    assert result.verdict is Status.UNKNOWN


def test_a_million_groups_are_refused_without_naming_any() -> None:
    rows = {"y": np.arange(1_000_000) % 2, "person": np.arange(1_000_000).astype(str).astype(object)}
    with pytest.raises(InputError, match="person") as caught:
        aequo.assess(rows, label="y", group="person")
    assert "99999" not in str(caught.value)


def test_unicode_and_hostile_group_names_come_through_whole() -> None:
    names = ["<script>alert(1)</script>", "名前 | 性別", "a\nb", "ünï", "\u202ertl"]
    rows = {"y": [1, 0] * 250, "g": [names[i % 5] for i in range(500)]}
    result = aequo.assess(rows, label="y", group="g")
    assert {g.group for g in result.groups} == set(names)
    assert "<script>alert(1)</script>" not in result.to_html()


def test_a_prediction_given_beside_a_score_stays_as_given() -> None:
    rows = {
        "y": ["yes", "no", "yes", "no"] * 50,
        "d": ["yes", "yes", "no", "no"] * 50,
        "s": [0.1, 0.9, 0.8, 0.3] * 50,
        "g": ["a", "a", "b", "b"] * 50,
    }
    result = aequo.assess(rows, label="y", favourable="yes", prediction="d", score="s", group="g")
    rates = {g.group: g.measures["selection_rate"].value for g in result.groups}
    assert rates == {"a": 1.0, "b": 0.0}
    assert {"calibration", "auc-parity"} <= {f.check for f in result.findings}


def test_a_policy_of_its_own_is_part_of_the_stated_call() -> None:
    strict = Policy().replace(**{"limits.demographic_parity": 0.05})
    assert "policy=" not in aequo.assess(SMALL, label="y", group="g").reproduce
    assert "policy='aequo.toml'" in aequo.assess(SMALL, label="y", group="g", policy=strict).reproduce


def test_a_population_that_spells_a_group_otherwise_is_refused_and_a_group_that_the_data_lack_is_not() -> None:
    rows = {"y": [1, 0, 0] * 100, "g": ["Männer", "Frauen"] * 150}
    misspelt = Policy().replace(**{"groups.population": {"g": {"Maenner": 0.5, "Frauen": 0.5}}})
    with pytest.raises(UnknownGroup, match="names 'Maenner'.*Did you mean 'Männer'"):
        aequo.assess(rows, label="y", group="g", policy=misspelt)
    more = Policy().replace(**{"groups.population": {"g": {"Männer": 0.4, "Frauen": 0.5, "Frauen und Männer": 0.1}}})
    assert _find(aequo.assess(rows, label="y", group="g", policy=more), "data/reference-population/g").value is not None
