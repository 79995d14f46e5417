"""What an explanation costs, beside predicting and beside the libraries that people use for it.

    python benchmarks/explain.py              # a few minutes
    python benchmarks/explain.py --quick      # fewer rows and repeats: is everything still there?

CPU time, one thread, the smallest of several repeats, so that other work on the machine counts little; read the
ratios. The first table: one row and a batch of 200, for bare arrays and for a pipeline that scales and one-hot encodes
a pandas frame. *One row* is prediction and explanation together, by `Explainer`, over `predict_proba`; *on top* is what
the explanation adds to that. The second: a black box of ten columns, whose exact Shapley values are known from all
1,024 coalitions; how far each method is from them, and for how many model rows and how much time. Third: the whole of
`TransparentModel`, with confidence and reasons.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings

sys.path.pop(0)  # this folder has a coverage.py, which numba would take for the package
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"
warnings.simplefilter("ignore")  # of the libraries that are compared

import time  # noqa: E402
from collections.abc import Callable  # noqa: E402
from typing import Any  # noqa: E402

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import shap  # noqa: E402
from lightgbm import LGBMClassifier  # noqa: E402
from sklearn.compose import make_column_transformer  # noqa: E402
from sklearn.ensemble import (  # noqa: E402
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import OneHotEncoder, StandardScaler  # noqa: E402
from xgboost import XGBClassifier  # noqa: E402

from aequo.transparency import Explainer, TransparentModel  # noqa: E402

ROWS, COLUMNS, BATCH = 2000, 10, 200
MODELS: dict[str, Callable[[], Any]] = {
    "logistic regression": LogisticRegression,
    "random forest": lambda: RandomForestClassifier(100, random_state=0),
    "gradient boosting": lambda: GradientBoostingClassifier(random_state=0),
    "histogram boosting": lambda: HistGradientBoostingClassifier(random_state=0),
    "xgboost": lambda: XGBClassifier(n_jobs=1),
    "lightgbm": lambda: LGBMClassifier(verbose=-1, n_jobs=1),
}


def cpu(call: Callable[[], object], repeats: int) -> float:
    """Return milliseconds of CPU time, the smallest of three runs of several calls."""
    call()
    best = np.inf
    for _ in range(3):
        start = time.process_time()
        for _ in range(repeats):
            call()
        best = min(best, (time.process_time() - start) / repeats)
    return best * 1000


def data() -> tuple[pd.DataFrame, np.ndarray]:
    """Return ten columns of numbers and one of text, and labels that depend on some of them."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(ROWS, COLUMNS))
    frame = pd.DataFrame(x, columns=[f"c{i}" for i in range(COLUMNS)])
    frame["town"] = rng.choice(list("abcdef"), ROWS)
    return frame, (x[:, 0] + x[:, 1] * x[:, 2] + rng.normal(size=ROWS) > 0).astype(int)


def formulas(repeats: int) -> None:
    """Print the cost of models whose form gives the contributions."""
    frame, y = data()
    numbers = frame.drop(columns="town")
    print("model                rows   predict  one row  (on top)   batch, a row   one row / batch   TransparentModel")
    for name, make in MODELS.items():
        for kind in ("array", "frame"):
            if kind == "array":
                x, model = numbers.to_numpy(), make().fit(numbers.to_numpy(), y)
            else:
                columns = make_column_transformer(
                    (StandardScaler(), list(numbers.columns)), (OneHotEncoder(sparse_output=False), ["town"])
                )
                x, model = frame, make_pipeline(columns, make()).fit(frame, y)
            explainer = Explainer(model, background=x)
            whole = TransparentModel(model, background=x, calibration=(x, y))
            one, many = x[:1], x[:BATCH]
            predict = cpu(lambda m=model, r=one: m.predict_proba(r), repeats)
            single = cpu(lambda e=explainer, r=one: e(r), repeats)
            batch = cpu(lambda e=explainer, r=many: e(r), max(1, repeats // 10)) / BATCH
            told = cpu(lambda w=whole, r=one: w.predict_with_explanation(r), repeats)
            print(
                f"{name:20} {kind:6} {predict:6.3f}  {single / predict:5.2f} x  ({(single - predict) / predict:5.2f} x)"
                f"   {batch:8.4f} ms   {single / batch:8.1f} x        {told / predict:5.2f} x"
            )


def black_box(rows: int) -> None:
    """Print error, model rows and time of each method for a model that nobody can look into."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(3000, COLUMNS))
    forest = HistGradientBoostingClassifier(max_iter=60, random_state=0).fit(
        x, (x[:, 0] + x[:, 1] * x[:, 2] + np.sin(2 * x[:, 3]) * x[:, 4] + rng.normal(size=3000) > 0)
    )
    asked = 0

    def score(batch: Any) -> np.ndarray:
        nonlocal asked
        asked += len(batch)
        return forest.predict_proba(np.asarray(batch))[:, 1]

    background, some = x[:50], x[1000 : 1000 + rows]
    truth = Explainer(score, background=background, method="exact")(some).contributions
    theirs = shap.explainers.Exact(score, shap.maskers.Independent(background, max_samples=100))(some).values
    print(f"\nexact, ours and shap's: largest difference {np.abs(truth - theirs).max():.1e}")
    print("method                      asked rows, a row      ms, a row   root mean square error   stated error")

    def line(name: str, run: Callable[[], tuple[np.ndarray, float]]) -> None:
        nonlocal asked
        asked, start = 0, time.process_time()
        found, stated = run()
        spent, error = (time.process_time() - start) * 1000 / rows, np.sqrt(np.mean((found - truth) ** 2))
        print(f"{name:28} {asked / rows:12,.0f} {spent:16.1f} {error:20.5f} {stated:20.5f}")

    for error in (0.01, 0.005, 0.0025):
        explainer = Explainer(score, background=background, method="permutation", error=error, budget=10**6)

        def ours(e: Explainer = explainer) -> tuple[np.ndarray, float]:
            found = e(some)
            assert found.standard_errors is not None
            return found.contributions, float(np.sqrt(np.mean(found.standard_errors**2)))

        line(f"aequo, error {error}", ours)
    masker = shap.maskers.Independent(background, max_samples=100)
    for evaluations in (2 * COLUMNS + 1, 10 * (2 * COLUMNS + 1), 40 * (2 * COLUMNS + 1)):
        permuted = shap.explainers.Permutation(score, masker, seed=0)
        line(
            f"shap permutation, {evaluations}",
            lambda e=permuted, n=evaluations: (e(some, max_evals=n, silent=True).values, np.nan),
        )
    for samples in (100, 500):
        kernel = shap.KernelExplainer(score, background)
        line(
            f"shap kernel, {samples}",
            lambda e=kernel, n=samples: (e.shap_values(some, nsamples=n, silent=True), np.nan),
        )
    local = Explainer(score, background=background, method="lime")
    line("aequo, LIME (another thing)", lambda: (local(some).contributions, np.nan))
    try:
        from lime.lime_tabular import LimeTabularExplainer
    except ModuleNotFoundError:
        print("lime is not installed: python -m pip install lime")
        return
    tabular = LimeTabularExplainer(x, mode="classification", random_state=0)

    def lime() -> tuple[np.ndarray, float]:
        found = np.zeros_like(truth)
        for i, row in enumerate(some):
            told = tabular.explain_instance(row, forest_both, num_features=COLUMNS)
            for j, value in told.as_map()[1]:
                found[i, j] = value
        return found, np.nan

    def forest_both(batch: np.ndarray) -> np.ndarray:
        second = score(batch)
        return np.stack([1 - second, second], axis=1)

    line("lime, 5000 (another thing)", lime)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rows and repeats")
    quick = parser.parse_args().quick
    formulas(5 if quick else 30)
    black_box(3 if quick else 20)


if __name__ == "__main__":
    main()
