"""`FairThresholdOptimizer` on scores that are there already: CPU time and cost beside fairlearn's `ThresholdOptimizer`.

Both get the same scores, labels and groups, tolerance 0 and the error rate as cost, and both may mix thresholds by a
coin; fairlearn searches a grid of 1,000 points. CPU seconds of all threads, in turn, in this process: the median of
five of our runs, and one of fairlearn's. Needs the ``test`` extra.

    python benchmarks/thresholds.py                    # 1e6 scores, 2 and 5 groups
    python benchmarks/thresholds.py --rows 100000 --groups 3
"""

from __future__ import annotations

import argparse
import functools
import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import statistics  # noqa: E402 - threads are limited before numpy is imported
import time  # noqa: E402
import warnings  # noqa: E402
from collections.abc import Callable  # noqa: E402
from typing import Any  # noqa: E402

import numpy as np  # noqa: E402
from sklearn.base import BaseEstimator, ClassifierMixin  # noqa: E402

from aequo.fairness.mitigate import FairThresholdOptimizer  # noqa: E402
from aequo.fairness.mitigate.solving import CONSTRAINTS  # noqa: E402

THEIRS = {"equal_opportunity": "true_positive_rate_parity"}


class Scores(ClassifierMixin, BaseEstimator):
    """A fitted classifier whose probabilities are what it is given."""

    classes_ = np.array([0, 1])

    def fit(self, X: Any, y: Any) -> Scores:  # noqa: ARG002, D102, N803
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def predict_proba(self, X: Any) -> Any:  # noqa: D102, N803
        scores = np.asarray(X)[:, 0]
        return np.stack([1 - scores, scores], axis=1)


def people(rows: int, groups: int, seed: int = 0) -> tuple[Any, Any, Any]:
    """Return scores, labels and groups that differ in base rate and in how well the score ranks them."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, groups, rows)
    y = (rng.random(rows) < 0.25 + 0.3 * group / groups).astype(np.int64)
    scores = 1 / (1 + np.exp(1 - rng.normal(size=rows) - y * (1.2 + 0.8 * group / groups)))
    return scores, y, group


def cpu(call: Callable[[], Any], times: int) -> tuple[float, Any]:
    taken, found = [], None
    for _ in range(times):
        start = time.process_time()
        found = call()
        taken.append(time.process_time() - start)
    return statistics.median(taken), found


def fairlearn_cost(scores: Any, y: Any, group: Any, constraint: str) -> tuple[float, float]:
    """Return CPU seconds of fairlearn's fit, and the expected error rate of its decisions."""
    from fairlearn.postprocessing import ThresholdOptimizer

    model = ThresholdOptimizer(
        estimator=Scores(), constraints=THEIRS.get(constraint, constraint), predict_method="predict_proba", prefit=True
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        seconds, fitted = cpu(lambda: model.fit(scores[:, None], y, sensitive_features=group), 1)
        chance = fitted._pmf_predict(scores[:, None], sensitive_features=group)[:, 1]
    return seconds, float(np.where(y == 1, 1 - chance, chance).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--groups", type=int, nargs="+", default=[2, 5])
    parser.add_argument("--alone", action="store_true", help="without fairlearn")
    options = parser.parse_args()
    print(f"{options.rows:,} scores. CPU s and expected error rate; the ratio is fairlearn's CPU over ours.\n")
    print(
        "| groups | constraint | one threshold, 0.02: CPU s | error | coin: CPU s | error | fairlearn | error | ratio |"
    )
    print("|--:|---|--:|--:|--:|--:|--:|--:|--:|")
    FairThresholdOptimizer().fit_scores([0, 1] * 50, np.arange(100.0), sensitive_features=["a"] * 100)  # imports
    for groups in options.groups:
        scores, y, group = people(options.rows, groups)
        for constraint in CONSTRAINTS:
            row = [str(groups), constraint.replace("_", " ")]
            for randomised, tolerance in ((False, 0.02), (True, 0.0)):
                fair = FairThresholdOptimizer(constraint=constraint, tolerance=tolerance, randomised=randomised)
                seconds, _ = cpu(functools.partial(fair.fit_scores, y, scores, sensitive_features=group), 5)
                row += [f"{seconds:.2f}", f"{fair.result_.cost:.6f}"]
            if not options.alone:
                rival, cost = fairlearn_cost(scores, y, group, constraint)
                row += [f"{rival:.1f}", f"{cost:.6f}", f"{rival / seconds:.0f}"]
            print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
