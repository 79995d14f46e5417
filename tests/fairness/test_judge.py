"""Laws of the step from intervals to verdicts."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aequo.core.finding import Finding, Status, overall
from aequo.core.intervals import normal_quantile
from aequo.fairness.judge import decide, judge

number = st.floats(-10, 10)


@given(value=number, half=st.floats(0, 5), limit=number)
def test_a_verdict_needs_the_whole_interval_on_one_side(value: float, half: float, limit: float) -> None:
    low, high = value - half, value + half
    status = judge(value, (low, high), limit)
    assert (status is Status.PASS) == (high <= limit)
    assert (status is Status.FAIL) == (low > limit)
    mirrored = judge(-value, (-high, -low), -limit, floor=True)
    assert mirrored is status


def test_what_was_not_measured_is_unknown() -> None:
    assert judge(None, None, 0.1) is Status.UNKNOWN
    assert judge(0.05, None, 0.1) is Status.UNKNOWN


def _at(estimate: float, se: float, limit: float) -> object:
    def status(confidence: float) -> Status:
        z = normal_quantile((1 + confidence) / 2)
        return judge(estimate, (estimate - z * se, estimate + z * se), limit)

    return status


@given(st.lists(st.tuples(st.floats(0, 0.3), st.floats(0.001, 0.1)), max_size=8))
def test_deciding_together_never_claims_more_than_deciding_alone(findings: list[tuple[float, float]]) -> None:
    judged = [_at(e, s, 0.1) for e, s in findings]
    together = decide(judged, 0.95)  # type: ignore[arg-type]
    alone = decide(judged, 0.95, multiplicity="none")  # type: ignore[arg-type]
    for a, b in zip(together, alone, strict=True):
        assert a is b or a is Status.UNKNOWN


def test_wrong_verdicts_among_many_true_parities_stay_under_the_stated_rate() -> None:
    rng = np.random.default_rng(1)
    wrong_together = wrong_alone = 0
    for _ in range(400):
        judged = [_at(e, 1.0, 0.0) for e in rng.standard_normal(12)]  # the truth is exactly on the limit
        wrong_together += any(s is not Status.UNKNOWN for s in decide(judged, 0.95))  # type: ignore[arg-type]
        alone = decide(judged, 0.95, multiplicity="none")  # type: ignore[arg-type]
        wrong_alone += any(s is not Status.UNKNOWN for s in alone)
    assert wrong_together / 400 < 0.09 < 0.3 < wrong_alone / 400


def _finding(status: Status, required: bool = True) -> Finding:
    return Finding(
        id="a/b/c", check="b", subject="c", status=status, value=None, interval=None, n=1, limit=None, why=".",
        required=required,
    )  # fmt: skip


@given(st.lists(st.tuples(st.sampled_from(list(Status)), st.booleans()), max_size=8))
def test_the_verdict_is_the_worst_required_answer_and_nothing_judged_is_no_pass(
    found: list[tuple[Status, bool]],
) -> None:
    verdict = overall(_finding(s, r) for s, r in found)
    required = {s for s, r in found if r}
    if Status.FAIL in required:
        assert verdict is Status.FAIL
    elif Status.UNKNOWN in required or not required:
        assert verdict is Status.UNKNOWN
    else:
        assert verdict in (Status.PASS, Status.WARN)
