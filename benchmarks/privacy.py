"""How often a claim about needless columns is wrong, and what measuring a release costs.

    python benchmarks/privacy.py minimal [--trials 100]     # a simulation, about an hour
    python benchmarks/privacy.py release [--rows 20000000]  # CPU seconds and memory, on classes made up for it
    python benchmarks/privacy.py pycanon                    # k, l, t of real tables by pyCANON

`minimal` draws data sets whose truth is known: what a model loses without a column, on the average over training sets,
is measured once on a great many fresh rows. Then it counts how often the interval of the search holds the loss of a
set that was fixed beforehand, how often `suggest_minimal` recommends a set that loses more than the tolerance, and how
often it leaves out all columns of noise. Exits with 1 if too much is lost more often than an interval may err.

`pycanon` installs pyCANON into a temporary environment, since it pins versions that cannot be installed beside ours,
and compares what it measures with ours. It needs a package index, and the folder of real tables (AEQUO_DATA).
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from typing import Any

import numpy as np

DATA = Path(os.environ.get("AEQUO_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data" / "tabular")

# -- minimal columns --------------------------------------------------------------------------------------------------

TOLERANCE = 0.01
COLUMNS = ("strong", "middle", "weak", "noise0", "noise1", "noise2")
LEVELS = {"strong": 1.5, "middle": 1.0}


def people(rows: int, weak: float, rng: np.random.Generator) -> dict[str, Any]:
    """Rows of six columns; `weak` is the coefficient of the one that costs about the tolerance."""
    data: dict[str, Any] = {name: rng.normal(size=rows) for name in COLUMNS}
    raised = sum(LEVELS.get(name, 0.0) * data[name] for name in COLUMNS) + weak * data["weak"]
    data["y"] = (raised + rng.logistic(size=rows) > 0).astype(int)
    return data


def true_loss(weak: float, dropped: tuple[str, ...], train: int) -> float:
    """Mean accuracy that is lost over training sets of this size, on 400,000 fresh rows."""
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(99)
    fresh = people(400_000, weak, rng)
    lost = []
    for _ in range(20):
        data = people(train, weak, rng)
        scores = []
        for columns in (COLUMNS, tuple(c for c in COLUMNS if c not in dropped)):
            x, far = (np.stack([d[c] for c in columns], axis=1) for d in (data, fresh))
            scores.append(LogisticRegression().fit(x, data["y"]).score(far, fresh["y"]))
        lost.append(scores[0] - scores[1])
    return float(np.mean(lost))


def minimal(
    trials: int, rows: tuple[int, ...] = (1000, 3000, 9000), levels: tuple[float, ...] = (0.25, 0.45, 0.6)
) -> int:
    from aequo.privacy.minimisation.suggest import suggest_minimal

    print("| rows | weak column costs | interval holds it | too much is left out | all noise is left out |")
    print("|--:|--:|--:|--:|--:|")
    worst = 0.0
    for n in rows:
        for weak in levels:
            costs = true_loss(weak, ("weak",), n * 2 // 3)
            held = wrong = power = 0
            for trial in range(trials):
                data = people(n, weak, np.random.default_rng((n, round(100 * weak), trial)))
                held += fixed_set(data, costs, trial)
                found = suggest_minimal("logistic", data, "y", tolerance=TOLERANCE, seed=trial)
                worse = bool({"strong", "middle"} & set(found.dropped)) or (
                    "weak" in found.dropped and costs > TOLERANCE
                )
                wrong += worse
                power += {"noise0", "noise1", "noise2"} <= set(found.dropped)
            worst = max(worst, wrong / trials - 2 * math.sqrt(0.025 * 0.975 / trials))
            share = [f"{x / trials:.3f}" for x in (held, wrong, power)]
            print(f"| {n:,} | {costs:.4f} | {' | '.join(share)} |", flush=True)
    print(f"\n{trials} trials a line; the tolerance is {TOLERANCE}; intervals at 95 %.")
    return int(worst > 0.025)


def fixed_set(data: dict[str, Any], truth: float, seed: int) -> bool:
    """Return whether the corrected interval of a set that nothing chose holds its true loss."""
    from aequo.privacy.minimisation.metrics import METRICS
    from aequo.privacy.minimisation.models import Matrix, maker, truth_of
    from aequo.privacy.minimisation.search import Search, splits_of

    rows = len(data["y"]) * 2 // 3
    labels = truth_of(data["y"][:rows].astype(float), regression=False)
    search = Search(
        make=maker("logistic", regression=False, seed=seed),
        features=Matrix({c: data[c][:rows] for c in COLUMNS}, rows),
        truth=labels,
        metric=METRICS["accuracy"],
        splits=splits_of(np.arange(rows), labels.codes.astype(int), np.arange(rows), folds=5, repeats=2, seed=seed),
        seed=seed,
        confidence=0.95,
    )
    low, high = search.loss(COLUMNS, tuple(c for c in COLUMNS if c != "weak")).interval
    return low <= truth <= high


# -- releases ---------------------------------------------------------------------------------------------------------


def release(rows: int) -> int:
    import duckdb

    from aequo.privacy.releases.check import check_release

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "release.parquet"
        query = """
            SELECT (random() * 90)::INTEGER AS age, lpad((random() * 40000)::INTEGER::VARCHAR, 5, '0') AS zip,
                   CASE WHEN random() < 0.5 THEN 'f' ELSE 'm' END AS sex, 'd' || (random() * 30)::INTEGER AS ill
        """
        with duckdb.connect() as connection:
            connection.execute(f"COPY ({query} FROM range({rows})) TO '{path}'")
        print("| rows | what | classes | k | CPU s | peak MB |\n|--:|---|--:|--:|--:|--:|")
        for suggest in (False, True):
            start = time.process_time()
            found = check_release(path, quasi=["age", "zip", "sex"], sensitive="ill", suggest=suggest)
            spent = time.process_time() - start
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            what = f"measure and suggest {len(found.suggestions)} plans" if suggest else "measure"
            print(f"| {rows:,} | {what} | {found.classes:,} | {found.k} | {spent:.1f} | {peak:,.0f} |", flush=True)
    return 0


CASES: list[tuple[str, list[str], list[str]]] = [
    ("adult_train", ["sex", "race"], ["income", "occupation", "hours-per-week"]),
    ("adult_train", ["age", "sex", "race"], ["income", "occupation", "hours-per-week"]),
    ("compas_two_years", ["age_cat", "sex"], ["decile_score", "score_text", "two_year_recid"]),
    ("compas_two_years", ["age_cat", "sex", "race"], ["decile_score", "score_text", "two_year_recid"]),
    ("german_credit", ["sex", "housing"], ["credit", "purpose", "credit_amount"]),
]

THEIRS = """
import json, sys, time, warnings
warnings.filterwarnings("ignore")
import pandas as pd
from pycanon import anonymity
for name, quasi, sensitive in json.loads(sys.argv[1]):
    frame = pd.read_csv(f"{sys.argv[2]}/{name}.csv.gz", keep_default_na=False)
    start = time.process_time()
    found = {"k": anonymity.k_anonymity(frame, quasi)}
    for s in sensitive:
        found[s] = [anonymity.l_diversity(frame, quasi, [s]), anonymity.entropy_l_diversity(frame, quasi, [s]),
                    float(anonymity.t_closeness(frame, quasi, [s]))]
    print(json.dumps([found, time.process_time() - start]))
"""


def pycanon() -> int:
    import pandas as pd

    from aequo.privacy.releases.check import check_release

    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder) / "bin" / "python"
        subprocess.run([python, "-m", "pip", "install", "-q", "pycanon==1.3.5"], check=True, stderr=subprocess.DEVNULL)
        size = sum(f.stat().st_size for f in Path(folder).rglob("*") if f.is_file()) / 1e6
        call = [python, "-c", THEIRS, json.dumps(CASES), str(DATA)]
        lines = subprocess.run(call, check=True, capture_output=True, text=True).stdout.splitlines()
    print(f"pyCANON 1.3.5, an environment of {size:.0f} MB; equal: k, l, and t to nine digits\n")
    print("| table | quasi-identifiers | k | equal | pyCANON CPU s | aequo CPU s |\n|---|---|--:|---|--:|--:|")
    unequal = 0
    for (name, quasi, sensitive), line in zip(CASES, lines, strict=True):
        theirs, spent = json.loads(line)
        frame = pd.read_csv(DATA / f"{name}.csv.gz", keep_default_na=False)
        others = [c for c in frame.columns if c not in (*quasi, *sensitive)]
        start = time.process_time()
        ours = check_release(frame, quasi=quasi, sensitive=sensitive, missing=(), ignore=others)
        own = time.process_time() - start
        same = ours.k == theirs["k"] and all(
            s.distinct == theirs[s.column][0]
            and s.closeness is not None
            and math.isclose(s.closeness, theirs[s.column][2], rel_tol=1e-9)
            for s in ours.sensitive
        )
        unequal += not same
        print(f"| {name} | {', '.join(quasi)} | {ours.k} | {'yes' if same else 'NO'} | {spent:.2f} | {own:.2f} |")
    return int(unequal > 0)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("what", choices=["minimal", "release", "pycanon"])
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--rows", type=int, default=20_000_000)
    arguments = parser.parse_args()
    if arguments.what == "minimal":
        return minimal(arguments.trials)
    return release(arguments.rows) if arguments.what == "release" else pycanon()


if __name__ == "__main__":
    sys.exit(main())
