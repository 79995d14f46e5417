"""Decisions weighed from rows to report: numbers as by hand, nothing withheld that can be worked out, on record."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import aequo
from aequo.core.finding import Status
from aequo.core.policy import Policy
from aequo.core.verdict import Action
from aequo.errors import EthicalViolation, InputError, LedgerError, PolicyError
from aequo.flows.ethics import enforce_duties, read_utilities, weigh
from aequo.ledger import KeyRing, Ledger
from aequo.report.ethics import EthicsReport

DECISION = {"selected": 1, "rejected": 0}
DATA: dict[str, list[Any]] = {
    "hired": [1] * 30 + [0] * 70 + [1] * 60 + [0] * 40,
    "old": [1] * 50 + [0] * 50 + [1] * 50 + [0] * 50,
    "sex": ["f"] * 100 + ["m"] * 100,
    "consent": ["yes"] * 199 + ["no"],
}


def by_status(report: EthicsReport) -> dict[str, str]:
    return {f.id: f.status.value for f in report.findings}


def test_an_impact_is_what_the_rates_say_and_the_change_what_was_before() -> None:
    result = weigh(DATA, prediction="hired", baseline="old", group="sex", utilities={"selected": 3, "rejected": -1})
    f, m = result.impacts[0]["people"].groups
    assert (f.utility, m.utility) == pytest.approx((0.3 * 3 - 0.7, 0.6 * 3 - 0.4))
    assert (f.change, m.change) == pytest.approx((-0.8, 0.4))
    assert (result.impacts[0].loses_most.group, result.impacts[0].loses_most.certain) == ("f", True)
    assert result.verdict is None and result.findings == ()


def test_limits_of_the_policy_are_judged_and_duties_are_findings() -> None:
    policy = Policy(
        data={"prediction": "hired"},
        groups={"columns": ["sex"]},
        ethics={
            "stakeholders": [{"name": "people", "utilities": DECISION}],
            "max_gap": 0.05,
            "max_loss": 0.5,
            "baseline": "old",
        },
        duties={
            "protected": ["sex"],
            "features": ["old"],
            "max_proxy": 0.8,
            "rules": [{"duty": "consent", "column": "consent", "says": "yes"}],
        },
    )
    result = weigh(DATA, policy=policy)
    assert by_status(result) == {
        "ethics/utility-gap/sex/people": "fail",
        "ethics/consent": "fail",
        "ethics/utility-loss/sex": "pass",
        "ethics/features": "pass",
        "ethics/proxies/sex": "pass",
    }
    assert result.verdict is Status.FAIL
    consent = next(f for f in result.findings if f.id == "ethics/consent")
    assert (consent.value, consent.n) == (0.005, 200) and consent.interval is not None
    loose = policy.replace(**{"ethics.max_gap": 0.9, "duties.rules": []})
    assert weigh(DATA, policy=loose).verdict is Status.PASS


def test_the_label_may_be_the_baseline() -> None:
    table = {"tp": 1, "fn": -1, "fp": 0, "tn": 0}
    result = weigh(DATA, label="old", prediction="hired", baseline="old", group="sex", utilities=table)
    f = result.impacts[0]["people"].groups[0]
    # 50 would be selected rightly; 30 are, and 20 are missed.
    assert f.utility == pytest.approx((30 - 20) / 100) and f.change == pytest.approx(0.1 - 0.5)


def test_every_engine_gives_the_same_report(tmp_path: Path) -> None:
    frame = pl.DataFrame(DATA)
    frame.write_csv(tmp_path / "d.csv")
    frame.write_parquet(tmp_path / "d.parquet")
    how: dict[str, Any] = {"prediction": "hired", "baseline": "old", "group": "sex", "utilities": DECISION}
    one = weigh(DATA, **how)
    for data in (frame, frame.to_pandas(), tmp_path / "d.csv", str(tmp_path / "d.parquet")):
        assert weigh(data, **how).to_dict()["impacts"] == one.to_dict()["impacts"]


# -- the assessment ---------------------------------------------------------------------------------------------------


def test_an_assessment_without_the_sections_is_as_it_was() -> None:
    result = aequo.assess(DATA, label="hired", group="sex")
    assert result.impacts == () and "impacts" not in result.to_dict()
    assert not any(f.id.startswith("ethics/") for f in result.findings)
    for view in (result.to_html(), result.to_markdown()):
        assert "Who gains" not in view


def test_an_assessment_with_them_has_the_findings_and_the_section() -> None:
    policy = Policy(
        groups={"columns": ["sex"]},
        ethics={"stakeholders": [{"name": "applicant", "utilities": DECISION}], "max_gap": 0.05, "baseline": "old"},
        duties={"rules": [{"duty": "consent", "column": "consent", "says": "yes"}]},
    )
    plain = aequo.assess(DATA, label="hired", group="sex")
    result = aequo.assess(DATA, label="hired", policy=policy)
    mine = {f.id for f in result.findings} - {f.id for f in plain.findings}
    assert mine == {"ethics/utility-gap/sex/applicant", "ethics/consent"}
    assert result.verdict is Status.FAIL
    assert list(result.findings) == sorted(result.findings, key=lambda f: (-f.status.severity, not f.required))
    assert result.impacts == weigh(DATA, label="hired", policy=policy).impacts
    assert result.to_dict()["impacts"][0]["stakeholders"][0]["name"] == "applicant"
    assert "Who gains, who pays" in result.to_html() and "## Who gains, who pays" in result.to_markdown()
    assert "policy='aequo.toml'" in result.reproduce


def test_duties_alone_are_enough_to_ask() -> None:
    policy = Policy(duties={"rules": [{"duty": "consent", "column": "consent", "says": "yes"}]})
    result = weigh(DATA, policy=policy)
    assert result.impacts == () and by_status(result) == {"ethics/consent": "fail"}
    with pytest.raises(InputError, match="nothing was asked"):
        weigh(DATA, label="hired", group="sex")


# -- withholding ------------------------------------------------------------------------------------------------------


def test_a_small_groups_size_and_outcomes_cannot_be_worked_out() -> None:
    def published(small: int, chosen: int) -> dict[str, Any]:
        data = {
            "p": DATA["hired"] + [1] * chosen + [0] * (small - chosen),
            "g": DATA["sex"] + ["tiny"] * small,
        }
        return weigh(data, prediction="p", group="g", utilities=DECISION).to_dict()["impacts"][0]

    first = published(2, 0)
    assert all(published(n, k) == first for n in (2, 3, 4) for k in (0, 1, 2))
    groups = {g["group"]: g for g in first["stakeholders"][0]["groups"]}
    assert groups["tiny"]["n"] is None and groups["tiny"]["utility"] is None
    assert all(g["n"] % 10 == 0 for name, g in groups.items() if name != "tiny")
    assert first["left_out"] == ["tiny"] and any("withheld" in note for note in first["notes"])
    exact = weigh(DATA, prediction="hired", group="sex", utilities=DECISION)
    assert not any("withheld" in note for note in exact.notes)


def test_sizes_of_others_are_not_exact_where_one_is_withheld() -> None:
    data = {"p": [1] * 67 + [0] * 130 + [1, 0, 0], "g": ["a"] * 197 + ["tiny"] * 3}
    group = weigh(data, prediction="p", group="g", utilities=DECISION).impacts[0]["people"].groups[0]
    assert group.n == 200 and group.utility == 0.34  # 67 of 197 is 0.3401
    assert all(abs(100 * end - round(100 * end)) < 1e-9 for end in group.interval)


def test_a_duty_about_few_people_says_whether_it_is_kept_and_no_numbers() -> None:
    rule = {"duty": "person", "column": "by", "says": "person", "when": {"vulnerable": 1}}
    data = {"by": ["model"] * 10, "vulnerable": [1] * 3 + [0] * 7}
    finding = weigh(data, policy=Policy(duties={"rules": [rule]})).findings[0]
    assert (finding.status, finding.value, finding.n) == (Status.FAIL, None, 0)
    assert finding.why == "It is broken; it is about fewer than 5 decisions, too few to publish numbers."
    more = {"by": ["model"] * 10, "vulnerable": [1] * 6 + [0] * 4}
    assert weigh(more, policy=Policy(duties={"rules": [rule]})).findings[0].value == 1.0


def test_a_group_that_is_too_small_keeps_a_limit_from_passing() -> None:
    data = {"p": [1, 0] * 1000 + [0] * 10, "g": ["a", "a", "b", "b"] * 500 + ["small"] * 10}
    policy = Policy(
        data={"prediction": "p"},
        groups={"columns": ["g"]},
        ethics={"stakeholders": [{"name": "x", "utilities": DECISION}], "max_gap": 0.2},
    )
    finding = weigh(data, policy=policy).findings[0]
    assert finding.status is Status.UNKNOWN and "Too few rows to take part: small." in finding.why


# -- utilities --------------------------------------------------------------------------------------------------------


def test_utilities_are_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "worth.toml"
    path.write_text("[applicant]\nselected = 1\nrejected = -1\n[lender]\nselected = 2\nrejected = 0\n")
    result = weigh(DATA, prediction="hired", group="sex", utilities=path, weights={"lender": 0})
    assert [(s.name, s.weight) for s in result.impacts[0].stakeholders] == [("applicant", 1.0), ("lender", 0.0)]
    assert result.to_dict()["policy"]["ethics"]["stakeholders"][1]["utilities"] == {"selected": 2, "rejected": 0}
    bad = {"": "is empty", "tp 1": "is no TOML", b"\xff\xfe": "is not UTF-8"}
    for text, said in bad.items():
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        with pytest.raises(InputError, match=said):
            read_utilities(path)
    with pytest.raises(InputError, match="there is no file"):
        read_utilities(tmp_path / "none.toml")
    with pytest.raises(InputError, match="cannot be read"):
        read_utilities(tmp_path)


def test_utilities_of_one_group_hold_where_the_group_is_and_a_misspelt_one_is_refused() -> None:
    data = {**DATA, "race": ["x", "y"] * 100}
    stakeholder = {"name": "people", "utilities": DECISION, "by_group": {"f": {"selected": 2}}}
    policy = Policy(data={"prediction": "hired"}, groups={"columns": ["sex", "race"], "intersections": "off"})
    found = weigh(data, policy=policy.replace(**{"ethics.stakeholders": [stakeholder]}))
    sex, race = found.impacts
    assert sex["people"].groups[0].utility == 0.6 and race["people"].by_group == {}
    wrong = {**stakeholder, "by_group": {"female": {"selected": 2}}}
    with pytest.raises(InputError, match="names 'female', which is no group here: there are f, m, x, y"):
        weigh(data, policy=policy.replace(**{"ethics.stakeholders": [wrong]}))


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"group": "sex"}, "no outcome was given"),
        ({"prediction": "hired"}, "no group column was given"),
        (
            {"prediction": "hired", "group": "sex", "baseline": "consent"},
            "the baseline 'consent' has values that are no",
        ),
        (
            {"prediction": "hired", "group": "sex", "features": ["olde"], "policy": "p"},
            r"the feature 'olde' is no column",
        ),
        ({"prediction": "hired", "group": "sex", "baseline": "hired"}, "given as control and prediction"),
    ],
)
def test_what_cannot_be_weighed_is_refused(how: dict[str, Any], said: str) -> None:
    if "policy" in how:
        how = {**how, "policy": Policy(duties={"protected": ["sex"]})}
    with pytest.raises(InputError, match=said):
        weigh(DATA, utilities=DECISION, **how)


def test_one_feature_may_be_a_text_and_one_that_is_no_column_is_said_without_duties_too() -> None:
    how: dict[str, Any] = {"prediction": "hired", "group": "sex", "utilities": DECISION}
    found = weigh(DATA, features="sex", policy=Policy(duties={"protected": ["sex"]}), **how)
    assert {f.id: f.status.value for f in found.findings}["ethics/features"] == "fail"
    with pytest.raises(InputError, match="the feature 'olde' is no column"):
        weigh(DATA, features=["olde"], **how)


def test_a_numeric_outcome_and_an_empty_table_are_refused() -> None:
    data = {"y": [0.5 * i for i in range(100)], "g": ["a", "b"] * 50}
    with pytest.raises(InputError, match="no label or prediction with classes"):
        weigh(data, label="y", group="g", utilities=DECISION)
    with pytest.raises(InputError, match="no rows"):
        weigh({"y": [], "g": []}, label="y", group="g", utilities=DECISION)


# -- on the record ----------------------------------------------------------------------------------------------------

RULES = Policy(duties={"rules": [{"duty": "consent", "column": "consent", "says": "yes"}]})


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(f"sqlite:///{tmp_path}/x.db", key=KeyRing.new()) as opened:
        yield opened


def test_a_report_is_recorded_by_its_digests(ledger: Ledger, tmp_path: Path) -> None:
    import hashlib

    result = weigh(DATA, prediction="hired", group="sex", utilities=DECISION, policy=RULES, ledger=ledger)
    assert result.receipt is not None
    entry = ledger.entry(0)
    assert (entry.kind, entry.event["verdict"]) == ("ethics", "fail")
    assert entry.event["duties"] == {"ethics/consent": "fail"}
    raw = (result.save(tmp_path / "out") / "ethics.json").read_bytes()
    assert entry.event["result"] == "sha256:" + hashlib.sha256(raw).hexdigest()
    assert json.loads(raw) == result.to_dict()


def test_a_duty_that_is_broken_stops_the_decision_and_is_on_record(ledger: Ledger) -> None:
    assert enforce_duties({"consent": "yes"}, policy=RULES, ledger=ledger) is Action.ALLOW
    with pytest.raises(EthicalViolation, match="the duty 'consent' is broken"):
        enforce_duties({"consent": "withdrawn by Ada"}, policy=RULES, ledger=ledger)
    with pytest.raises(EthicalViolation, match="cannot be told"):
        enforce_duties({"name": "Ada"}, policy=RULES, ledger=ledger)
    asks = RULES.replace(**{"duties.on_missing": "review"})
    assert enforce_duties({"name": "Ada"}, policy=asks, ledger=ledger) is Action.REVIEW
    entries = [ledger.entry(i).event for i in range(4)]
    assert [e["action"] for e in entries] == ["allow", "block", "block", "review"]
    assert [e["findings"][0]["status"] for e in entries] == ["pass", "fail", "unknown", "unknown"]
    assert "Ada" not in json.dumps(entries)


def test_a_decision_that_cannot_be_recorded_does_not_pass(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise LedgerError("the disk is full; nothing was recorded")

    monkeypatch.setattr(Ledger, "append", full)
    with pytest.raises(LedgerError):
        enforce_duties({"consent": "yes"}, policy=RULES, ledger=ledger)


def test_a_rule_in_the_policy_that_is_not_there_is_refused_before_any_decision() -> None:
    policy = Policy(duties={"rules": [{"name": "mine", "use": "no_such_rules:f"}]})
    with pytest.raises(PolicyError, match="the duty 'mine' uses 'no_such_rules:f', which cannot be imported"):
        enforce_duties({"consent": "yes"}, policy=policy)
