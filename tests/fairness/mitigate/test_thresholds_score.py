"""`FairThresholdOptimizer.score`: labels of another type are the same labels; others, or too few, are refused."""

from __future__ import annotations

import numpy as np
import pytest

from aequo.errors import InputError
from aequo.fairness.mitigate import FairThresholdOptimizer

S, Y, G = [0.9, 0.6, 0.4, 0.2, 0.8, 0.7, 0.5, 0.1], [1, 1, 0, 0, 1, 0, 1, 0], ["a"] * 4 + ["b"] * 4


def fitted() -> FairThresholdOptimizer:
    return FairThresholdOptimizer(min_group=1, randomised=False).fit(S, Y, sensitive_features=G)


@pytest.mark.parametrize("kind", [int, float, bool, str])
def test_the_score_is_the_share_of_right_decisions_whatever_type_the_labels_have(kind: type) -> None:
    fair = fitted()
    right = np.mean(fair.predict(S, sensitive_features=G) == np.array(Y))
    labels = [str(int(v)) for v in Y] if kind is str else [kind(v) for v in Y]
    assert fair.score(S, np.array(labels), sensitive_features=G) == pytest.approx(right)


@pytest.mark.parametrize(("y", "message"), [([1], "X has 8 rows, y has 1"), ([3] * 8, "not there in fit")])
def test_labels_that_do_not_fit_the_rows_are_refused(y: list[int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        fitted().score(S, y, sensitive_features=G)
