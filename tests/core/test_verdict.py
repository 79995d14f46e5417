"""Laws of hits and verdicts."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aequo.core.verdict import Action, Hit, Verdict
from aequo.errors import InputError

actions = st.lists(st.sampled_from(list(Action)))


@given(actions, actions)
def test_the_strictest_of_all_is_the_strictest_of_the_strictest(a: list[Action], b: list[Action]) -> None:
    strictest = Action.strictest
    assert strictest(a + b) is strictest([strictest(a), strictest(b)])
    assert strictest([*a, Action.BLOCK]) is Action.BLOCK
    assert all(list(Action).index(x) <= list(Action).index(strictest(a)) for x in a)


@given(st.integers(-3, 5), st.integers(-3, 5), st.floats(-1, 2))
def test_only_spans_and_scores_that_can_be_are_hits(start: int, end: int, score: float) -> None:
    fits = 0 <= start <= end and 0 <= score <= 1
    if fits:
        assert Hit(label="x", score=score, start=start, end=end, scanner="s").length == end - start
    else:
        with pytest.raises(InputError, match="expected"):
            Hit(label="x", score=score, start=start, end=end, scanner="s")


def test_a_verdict_cannot_be_changed_and_says_when_a_scanner_did_not_answer() -> None:
    verdict = Verdict(action=Action.ALLOW, hits=(), failed=("pii",), policy="sha256:0")
    assert not verdict.complete
    with pytest.raises(dataclasses.FrozenInstanceError):
        verdict.failed = ()  # type: ignore[misc]
