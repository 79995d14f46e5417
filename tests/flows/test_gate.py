"""The gate: a verdict and what to fail on make an exit code, and nothing else does."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aequo.core.finding import Finding, Status, overall
from aequo.core.policy import Policy
from aequo.errors import InputError
from aequo.flows.gate import FailOn, explain, gate, stopped_by
from aequo.report.result import Assessment, DataSummary


def finding(number: int, status: Status, required: bool) -> Finding:
    return Finding(
        id=f"fairness/check-{number}/sex", check=f"check-{number}", subject="sex", status=status, value=None,
        interval=None, n=9, limit=0.1, why="It says why.", required=required,
    )  # fmt: skip


def assessment(findings: list[Finding]) -> Assessment:
    data = DataSummary(rows=9, digest="sha256:0", source="test", task="binary", columns={})
    return Assessment(
        verdict=overall(findings), findings=tuple(findings), groups=(), data=data, policy=Policy(), notes=(),
        reproduce="aequo ...", version="0",
    )  # fmt: skip


STATUSES = st.lists(st.tuples(st.sampled_from(Status), st.booleans()), max_size=6)
CHOICES = st.sampled_from(get_args(FailOn))


@given(STATUSES, CHOICES)
def test_the_exit_code_follows_the_table(statuses: list[tuple[Status, bool]], fail_on: Any) -> None:
    result = assessment([finding(i, status, required) for i, (status, required) in enumerate(statuses)])
    expected = {
        ("fail", "unknown"): 1,
        ("fail", "fail"): 1,
        ("unknown", "unknown"): 3,
    }.get((result.verdict.value, fail_on), 0)
    assert gate(result, fail_on=fail_on) == expected
    assert f"exit code {expected}" in explain(result, fail_on=fail_on)
    assert explain(result, fail_on=fail_on).startswith(f"Verdict {result.verdict.value.upper()}: ")


@given(STATUSES, CHOICES)
def test_what_stopped_it_is_required_and_named_only_where_it_is_shut(
    statuses: list[tuple[Status, bool]], fail_on: Any
) -> None:
    result = assessment([finding(i, status, required) for i, (status, required) in enumerate(statuses)])
    stopped = stopped_by(result, fail_on=fail_on)
    assert all(f.required for f in stopped)
    if gate(result, fail_on=fail_on) == 0:
        assert stopped == ()
    else:
        assert stopped or not any(f.required for f in result.findings)
        assert stopped == tuple(sorted(stopped, key=lambda f: -f.status.severity))


def test_nothing_to_judge_is_said_in_words() -> None:
    assert explain(assessment([])) == (
        "Verdict UNKNOWN: exit code 3, because nothing that the policy requires was there to judge."
    )


def test_another_word_is_refused_with_a_hint() -> None:
    for call in (gate, stopped_by, explain):
        with pytest.raises(InputError, match=r"'unknwn', expected 'unknown', 'fail' or 'never'.*mean 'unknown'"):
            call(assessment([]), fail_on="unknwn")
