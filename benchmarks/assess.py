"""Eight fairness metrics with intervals: our CPU time as a ratio to rivals and to the least any program must do.

Everything runs in this process, in turn, and CPU seconds of all threads are counted (wall time on a shared machine says
little). Needs the ``test`` extra; rivals that are not installed are named as not measured.

    python benchmarks/assess.py                 # 1e6 rows: string columns, integer codes, bootstrap
    python benchmarks/assess.py --rows 100000
    python benchmarks/assess.py --scale 100000000   # a Parquet file of that many rows through the command line
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from aequo.core.table import Table
from aequo.fairness import checks
from aequo.fairness.measures import Outcomes

EIGHT = (
    "demographic-parity",
    "disparate-impact",
    "equal-opportunity",
    "equalized-odds",
    "false-positive-rate-parity",
    "false-negative-rate-parity",
    "predictive-parity",
    "accuracy-parity",
)
GROUPS = {"race": ["Asian", "Black", "Hispanic", "Other", "White"], "sex": ["female", "male"], "age": list("abcd")}


def data(rows: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Integer codes for three group columns, a label and a prediction that depends on both."""
    rng = np.random.default_rng(seed)
    columns = {name: rng.integers(0, len(values), rows) for name, values in GROUPS.items()}
    columns["y"] = (rng.random(rows) < 0.3 + 0.05 * columns["race"]).astype(np.int64)
    columns["d"] = (rng.random(rows) < 0.2 + 0.5 * columns["y"]).astype(np.int64)
    return columns


def ours(frame: object, group: list[str]) -> list[tuple[float, tuple[float, float]]]:
    """Eight metrics over all crossed groups, each with its interval."""
    counts = Table.of(frame).counts(group=group, label="y", prediction="d", task="binary")
    outcomes = Outcomes.of(counts, favourable=1)
    found = [checks.run(name, outcomes) for name in EIGHT]
    return [m.at(0.95) for m in found]


def cpu(work: Callable[[], object], repeats: int) -> float:
    """Median CPU seconds of all threads, after one warm-up."""
    work()
    times = []
    for _ in range(repeats):
        gc.collect()
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return statistics.median(times)


def aequitas_run(frame: object, group: list[str]) -> Callable[[], object] | None:
    if importlib.util.find_spec("aequitas") is None:
        return None
    from aequitas.group import Group

    def work() -> object:
        if len(group) == 1:
            return Group().get_crosstabs(frame, attr_cols=group)
        crossed = frame[group[0]].str.cat([frame[g] for g in group[1:]], sep=" ")  # it judges columns, not crossings
        return Group().get_crosstabs(frame[["label_value", "score"]].assign(crossed=crossed), attr_cols=["crossed"])

    return work


def fairlearn_run(frame: object, group: list[str]) -> Callable[[], object] | None:
    if importlib.util.find_spec("fairlearn") is None:
        return None
    import fairlearn.metrics as fl
    from sklearn.metrics import accuracy_score, precision_score

    functions = {
        "selection": fl.selection_rate,
        "tpr": fl.true_positive_rate,
        "fpr": fl.false_positive_rate,
        "fnr": fl.false_negative_rate,
        "tnr": fl.true_negative_rate,
        "accuracy": accuracy_score,
        "precision": precision_score,
        "count": fl.count,
    }

    def work() -> object:
        return fl.MetricFrame(
            metrics=functions, y_true=frame["y"], y_pred=frame["d"], sensitive_features=frame[group]
        ).by_group

    return work


def speed(rows: int, repeats: int, slow: bool) -> None:
    codes = data(rows)
    text = {k: np.array(v, dtype=object)[codes[k]] for k, v in GROUPS.items()}
    frame = pl.DataFrame({**{k: v.tolist() for k, v in text.items()}, "y": codes["y"], "d": codes["d"]})
    pandas = frame.to_pandas()
    renamed = pandas.rename(columns={"y": "label_value", "d": "score"})
    print(f"\n{rows:,} rows, eight metrics with intervals, median CPU s of {repeats}")
    print(f"{'':44}{'1 column':>12}{'3 columns':>12}")
    table: dict[str, list[float | None]] = {}
    for group in (["race"], ["race", "sex", "age"]):
        floor = cpu(lambda g=group: frame.group_by([*g, "y", "d"]).agg(pl.len()), repeats)
        table.setdefault("floor: polars group_by, same frame", []).append(floor)
        table.setdefault("aequo, polars frame", []).append(cpu(lambda g=group: ours(frame, g), repeats))
        table.setdefault("aequo, polars lazy frame", []).append(cpu(lambda g=group: ours(frame.lazy(), g), repeats))
        table.setdefault("aequo, pandas frame", []).append(cpu(lambda g=group: ours(pandas, g), repeats))
        for name, work in (
            ("aequitas (no intervals)", aequitas_run(renamed[[*group, "label_value", "score"]], group)),
            ("fairlearn MetricFrame (no intervals)", fairlearn_run(pandas, group) if slow else None),
        ):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                table.setdefault(name, []).append(cpu(work, max(1, repeats // 3)) if work else None)
    for name, row in table.items():
        cells = ["not measured" if v is None else f"{v:.4f}" for v in row]
        print(f"{name:44}{cells[0]:>12}{cells[1]:>12}")
    mine, floor_, theirs = (
        table[k] for k in ("aequo, polars frame", "floor: polars group_by, same frame", "aequitas (no intervals)")
    )
    for i, columns in enumerate(("1 column", "3 columns")):
        print(f"ratio to the polars floor, {columns}: {mine[i] / floor_[i]:.2f} (target at most 2)")  # type: ignore[operator]
        if theirs[i]:
            print(f"aequitas over aequo, {columns}: {theirs[i] / mine[i]:.1f} (target at least 5)")  # type: ignore[operator]

    integers = {k: codes[k] for k in ("race", "y", "d")}
    combined = (codes["race"] * 2 + codes["y"]) * 2 + codes["d"]
    bare = cpu(lambda: np.bincount(combined, minlength=20), 5 * repeats)
    combine = cpu(lambda: np.bincount((codes["race"] * 2 + codes["y"]) * 2 + codes["d"], minlength=20), 5 * repeats)
    mine_codes = cpu(lambda: ours(integers, ["race"]), 5 * repeats)
    print(f"\ninteger codes: aequo {mine_codes:.5f}; np.bincount of three columns combined {combine:.5f}, ", end="")
    print(f"of one column that is combined already {bare:.5f}")
    print(f"ratio to bincount of the three columns: {mine_codes / combine:.2f} (target at most 3)")
    print(f"ratio to bincount of a column combined beforehand: {mine_codes / bare:.2f}")


def bootstrap(rows: int) -> None:
    """Draw a thousand replicates of the selection rates of all crossed groups, resampling cells instead of rows."""
    from aequo.core.intervals import multinomial

    counts = Table.of(data(rows)).counts(group=list(GROUPS), label="y", prediction="d", task="binary")
    outcomes = Outcomes.of(counts, favourable=1)
    cells = outcomes.n[:, :2, :2].reshape(len(outcomes.groups), 4).astype(np.float64)

    def work() -> object:
        return multinomial(cells, 1000, np.random.default_rng(0))

    seconds = cpu(work, 9)
    print(f"\n1,000 bootstrap replicates of {len(cells)} groups x 4 cells: {1000 * seconds:.2f} ms (target under 10)")


def scale(rows: int, directory: Path) -> None:
    """Assess a Parquet file of `rows` rows through the command line; print its peak memory and report size."""
    import duckdb

    sizes = {}
    for n in (1000, rows):
        path = directory / f"decisions-{n}.parquet"
        duckdb.sql(
            f"""COPY (SELECT ['Asian','Black','Hispanic','Other','White'][1 + (hash(i) % 5)::INT] AS race,
                ['female','male'][1 + (hash(i + 7919) % 2)::INT] AS sex, (hash(i + 104729) % 100 < 30)::INT AS y,
                (hash(i + 1299709) % 1000) / 1000.0 AS s, (hash(i + 15485863) % 80)::INT AS age, i AS number
                FROM range({n}) t(i)) TO '{path}' (FORMAT parquet)"""
        )
        out = directory / f"report-{n}"
        command = [sys.executable, "-m", "aequo", "assess", str(path), "--label", "y", "--score", "s", "--group"]
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        start = time.perf_counter()
        done = subprocess.run(
            [*command, "race,sex", "--out", str(out), "--json"], capture_output=True, text=True, check=False
        )
        wall = time.perf_counter() - start
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode not in (0, 1, 3):
            raise SystemExit(done.stderr)
        assert json.loads(done.stdout)["data"]["rows"] == n
        sizes[n] = (out / "report.html").stat().st_size
        print(
            f"{n:>12,} rows, file {path.stat().st_size / 1e6:.0f} MB: exit {done.returncode}, wall {wall:.1f} s, CPU "
            f"{usage.ru_utime - before:.1f} s, peak memory {usage.ru_maxrss / 1e6:.2f} GB, report {sizes[n]:,} bytes"
        )
    print(f"report of {rows:,} rows over report of 1,000 rows: {sizes[rows] / sizes[1000]:.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--no-slow", action="store_true", help="leave out fairlearn, which takes a minute")
    parser.add_argument("--scale", type=int, metavar="ROWS", help="only the Parquet file of this many rows")
    parser.add_argument("--directory", type=Path, help="where the Parquet file goes; a temporary one by default")
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, Python {sys.version.split()[0]}, numpy {np.__version__}, polars {pl.__version__}")
    if options.scale:
        with tempfile.TemporaryDirectory(dir=options.directory) as directory:
            scale(options.scale, Path(directory))
        return
    speed(options.rows, options.repeats, not options.no_slow)
    bootstrap(options.rows)


if __name__ == "__main__":
    main()
