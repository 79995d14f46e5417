"""Duties: a row and a table are judged alike, nothing passes in silence, and no value of a person is said."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aequo.core.finding import Finding, Status
from aequo.core.policy import Policy
from aequo.core.verdict import Action
from aequo.errors import EthicalViolation, InputError, LedgerError, PolicyError, Refused
from aequo.ethics import Duties, Proxy

RULES = [
    {"duty": "consent", "column": "consent", "says": "yes"},
    {"duty": "explanation", "column": "reasons", "when": {"approve": 0}},
    {"duty": "person", "column": "decided_by", "says": ["person"], "when": {"vulnerable": 1}},
    {"duty": "disclosure", "column": "told", "says": True, "when": {"channel": ["chat", "phone"]}},
]
DUTIES = Duties({"rules": RULES})
GOOD = {
    "consent": "yes", "approve": 0, "reasons": "debt too high", "decided_by": "person", "vulnerable": 1, "told": True,
    "channel": "chat",
}  # fmt: skip
ROW = st.fixed_dictionaries(
    {
        "consent": st.sampled_from(["yes", "no", None]),
        "approve": st.sampled_from([0, 1, None]),
        "reasons": st.sampled_from(["debt", None]),
        "decided_by": st.sampled_from(["person", "model", None]),
        "vulnerable": st.sampled_from([0, 1]),
        "told": st.sampled_from([True, False]),
        "channel": st.sampled_from(["chat", "phone", "letter"]),
    }
)


def columns(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in rows[0]}


def statuses(findings: tuple[Finding, ...]) -> dict[str, str]:
    return {f.subject: f.status.value for f in findings}


@given(st.lists(ROW, min_size=1, max_size=12))
def test_a_table_is_judged_as_its_rows_are_one_by_one(rows: list[dict[str, Any]]) -> None:
    together = {f.subject: f for f in DUTIES.check(columns(rows))}
    alone = [{f.subject: f for f in DUTIES.check(row)} for row in rows]
    for name, found in together.items():
        each = [row[name] for row in alone]
        broken = sum(f.status is Status.FAIL for f in each)
        about = sum(f.n for f in each)
        assert found.n == about
        assert found.value == (broken / about if about else 0.0 if found.status is Status.PASS else None)
        if broken:
            assert found.status is Status.FAIL
        elif any(f.status is Status.UNKNOWN for f in each):
            assert found.status is Status.UNKNOWN
        else:
            assert found.status is Status.PASS


@given(ROW)
def test_it_is_blocked_unless_every_duty_is_kept(row: dict[str, Any]) -> None:
    kept = all(f.status is Status.PASS for f in DUTIES.check(row))
    if kept:
        assert DUTIES.enforce(row) is Action.ALLOW
        return
    with pytest.raises(EthicalViolation) as caught:
        DUTIES.enforce(row)
    assert caught.value.rule in {"consent", "explanation", "person", "disclosure"}
    assert caught.value.finding.status in (Status.FAIL, Status.UNKNOWN)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame, dict])
def test_every_kind_of_frame_gives_the_same(frame: Any) -> None:
    rows = [GOOD, {**GOOD, "consent": "no"}, {**GOOD, "reasons": None}, {**GOOD, "approve": 1, "reasons": None}]
    found = {f.subject: (f.status.value, f.value, f.n) for f in DUTIES.check(frame(columns(rows)))}
    assert found == {
        "consent": ("fail", 0.25, 4),
        "explanation": ("fail", 1 / 3, 3),
        "person": ("pass", 0.0, 4),
        "disclosure": ("pass", 0.0, 4),
    }


def test_a_file_is_judged_too(tmp_path: Path) -> None:
    path = tmp_path / "decisions.csv"
    path.write_text("consent,approve,reasons\nyes,0,debt\nno,1,\nyes,0,\n")
    found = statuses(Duties({"rules": RULES[:2]}).check(path))
    assert found == {"consent": "fail", "explanation": "fail"}


@pytest.mark.parametrize("gone", ["consent", "approve", "reasons", "decided_by", "vulnerable", "told", "channel"])
def test_a_field_that_is_not_there_is_unknown_and_blocks(gone: str) -> None:
    row = {k: v for k, v in GOOD.items() if k != gone}
    for data in (row, columns([row, row])):
        found = [f for f in DUTIES.check(data) if f.status is not Status.PASS]
        assert [f.status for f in found] == [Status.UNKNOWN] and gone in found[0].why
        with pytest.raises(EthicalViolation, match="is kept cannot be told: not judged: there is no"):
            DUTIES.enforce(data)
        for action in ("review", "allow"):
            assert Duties({"rules": RULES, "on_missing": action}).enforce(data) is Action(action)


def test_a_rule_that_is_about_another_decision_needs_no_field() -> None:
    assert statuses(DUTIES.check({"consent": "yes", "approve": 1, "vulnerable": 0, "channel": "letter"})) == {
        "consent": "pass", "explanation": "pass", "person": "pass", "disclosure": "pass",
    }  # fmt: skip


def test_no_decisions_are_no_pass() -> None:
    empty = {name: pd.Series([], dtype=object) for name in GOOD}
    assert set(statuses(DUTIES.check(pd.DataFrame(empty))).values()) == {"unknown"}


def test_a_reason_of_blanks_is_none_and_one_of_several_purposes_is_enough() -> None:
    assert statuses(DUTIES.check({**GOOD, "reasons": "  "}))["explanation"] == "fail"
    purposes = Duties({"rules": [{"duty": "consent", "column": "purposes", "says": "credit"}]})
    assert statuses(purposes.check({"purposes": ["news", "credit"], "n": 1})) == {"consent": "pass"}
    assert statuses(purposes.check({"purposes": ["news"], "n": 1})) == {"consent": "fail"}


def test_the_named_checks_look_at_their_duties_alone() -> None:
    assert [f.subject for f in DUTIES.check_consent(GOOD)] == ["consent"]
    assert [f.subject for f in DUTIES.check_transparency(GOOD)] == ["explanation", "disclosure"]
    assert DUTIES.check_protected_attributes(["race"]) == ()


# -- features ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "feature",
    [
        "race",
        "Race",
        " race ",
        "race_black",
        "race=black",
        "race.black",
        "race[T.b]",
        "cat__race_black",
        "prep__num__Race",
    ],
)
def test_a_protected_column_is_found_under_its_names(feature: str) -> None:
    duties = Duties({"protected": ["sex", "race"]})
    finding = duties.check(features=["income", feature])[0]
    assert (finding.status, finding.value, finding.n) == (Status.FAIL, 1.0, 2)
    with pytest.raises(EthicalViolation, match="the duty 'features' is broken: of 2 features 1 is a protected"):
        duties.enforce(features=["income", feature])


@pytest.mark.parametrize("feature", ["racer", "trace", "terrace_race", "sexual_offences", "income"])
def test_a_column_that_only_sounds_like_one_is_not(feature: str) -> None:
    assert Duties({"protected": ["sex", "race"]}).check(features=[feature])[0].status is Status.PASS


def test_one_feature_may_be_given_as_a_text() -> None:
    duties = Duties({"protected": ["race"]})
    for finding in (duties.check(features="race")[0], duties.check_protected_attributes("race")[0]):
        assert (finding.status, finding.n) == (Status.FAIL, 1)


def test_features_that_were_not_said_are_unknown() -> None:
    duties = Duties({"protected": ["race"]})
    for features in (None, []):
        assert duties.check(GOOD, features=features)[-1].status is Status.UNKNOWN
    with pytest.raises(EthicalViolation, match="which features are used was not said"):
        duties.enforce(GOOD)


@pytest.mark.parametrize(
    ("value", "interval", "status"),
    [
        (0.9, (0.85, 0.95), "fail"),
        (0.6, (0.55, 0.65), "pass"),
        (0.8, (0.7, 0.9), "unknown"),
        (None, None, "unknown"),
    ],
)
def test_a_proxy_is_judged_by_its_whole_interval(value: float | None, interval: Any, status: str) -> None:
    duties = Duties({"protected": ["race"], "max_proxy": 0.75})
    proxy = Proxy("race", ("zip", "school"), value, interval, 500)
    found = duties.check(features=["zip", "school"], proxies=[proxy])
    assert [f.id for f in found] == ["ethics/features", "ethics/proxies/race"]
    assert found[1].status.value == status and found[1].limit == 0.75
    assert duties.check(features=["zip"])[1].status is Status.UNKNOWN


def test_one_decision_is_not_held_against_proxies_that_nobody_measured() -> None:
    duties = Duties({"protected": ["race"], "features": ["zip"], "max_proxy": 0.75, "rules": RULES})
    assert duties.enforce(GOOD) is Action.ALLOW
    assert [f.id for f in duties.check(GOOD)][-1] == "ethics/features"
    strong = Proxy("race", ("zip",), 0.9, (0.85, 0.95), 500)
    with pytest.raises(EthicalViolation, match="the features, most of all zip, tell race"):
        duties.enforce(GOOD, proxies=[strong])
    assert duties.check(columns([GOOD, GOOD]))[-1].status is Status.UNKNOWN  # a table is asked for them


# -- rules of your own ------------------------------------------------------------------------------------------------


def test_a_rule_of_your_own_may_say_yes_no_that_it_cannot_tell_or_a_finding() -> None:
    mine = Finding(
        id="mine/x", check="x", subject="x", status=Status.FAIL, value=1.0, interval=None, n=1, limit=0.0, why="No."
    )
    rules = {"yes": lambda _: True, "no": lambda _: False, "perhaps": lambda _: None, "own": lambda _: mine}
    found = Duties(rules=rules).check({"a": 1})
    assert [f.status.value for f in found] == ["pass", "fail", "unknown", "fail"] and found[3] is mine


def test_a_rule_that_fails_blocks_or_asks_and_its_text_is_not_said() -> None:
    def crash(row: Any) -> bool:
        raise ValueError(f"bad value {row['ssn']}")

    def refuse(row: Any) -> bool:
        raise LedgerError(f"no {row['ssn']}")

    for rule in (crash, refuse, lambda row: "078-05-1120"):
        found = Duties(rules={"mine": rule}).check({"ssn": "078-05-1120"})[0]
        assert found.status is Status.UNKNOWN and "078" not in repr(found)
        with pytest.raises(EthicalViolation, match="whether the duty 'mine' is kept cannot be told") as caught:
            Duties(rules={"mine": rule}).enforce({"ssn": "078-05-1120"})
        assert "078" not in str(caught.value)
        asks = Duties({"on_error": "review", "on_missing": "allow"}, rules={"mine": rule})
        assert asks.enforce({"ssn": "078-05-1120"}) is Action.REVIEW


def test_an_interrupt_is_no_answer_of_a_rule() -> None:
    def stop(_: Any) -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Duties(rules={"mine": stop}).check({"a": 1})


def test_rules_of_your_own_are_given_what_is_checked(tmp_path: Path) -> None:
    seen: list[Any] = []
    duties = Duties(rules={"mine": lambda data: seen.append(data) or True})
    frame = pd.DataFrame({"a": [1, 2]})
    path = tmp_path / "a.csv"
    path.write_text("a\n1\n")
    for data in ({"a": 1}, frame, path):
        duties.check(data)
    assert seen[0] == {"a": 1} and seen[1] is frame and seen[2].columns == ("a",)


def test_a_function_that_the_policy_names_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("our_rules")
    module.adult = lambda row: row["age"] >= 18  # type: ignore[attr-defined]
    module.word = "x"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "our_rules", module)
    policy = Policy.parse('[[duties.rules]]\nname = "adults"\nuse = "our_rules:adult"')
    assert statuses(Duties(policy).check({"age": 17})) == {"adults": "fail"}
    refused = {
        "our_rules:child": "uses 'our_rules:child', which is not there.",
        "our_rules:word": "which is no function",
        "no_such_module:f": r"cannot be imported \(ModuleNotFoundError\)",
    }
    for use, said in refused.items():
        with pytest.raises(PolicyError, match=said):
            Duties({"rules": [{"name": "adults", "use": use}]})


def test_two_duties_of_one_name_are_refused() -> None:
    with pytest.raises(InputError, match="two duties are named 'consent'"):
        Duties({"rules": RULES}, rules={"consent": lambda _: True})
    with pytest.raises(PolicyError, match="two duties are named"):
        Duties({"rules": [RULES[0], RULES[0]]})


def test_a_violation_is_a_refusal_and_names_its_rule_and_no_persons_value() -> None:
    row = {**GOOD, "consent": "withdrawn by Ada Lovelace"}
    with pytest.raises(Refused) as caught:
        DUTIES.enforce(row)
    error = caught.value
    assert isinstance(error, PermissionError) and isinstance(error, EthicalViolation)
    assert error.rule == "consent" and error.finding.id == "ethics/consent"
    assert str(error) == "the duty 'consent' is broken: 'consent' does not say 'yes'."
    assert "Ada" not in repr(error.finding)
