"""How often intervals hold, and how often they show a disparity that is there.

    python benchmarks/coverage.py                 # the full table, a few minutes on one core
    python benchmarks/coverage.py --quick         # fewer data sets, no verdict on the last digit
    python benchmarks/coverage.py --out benchmarks/results/coverage.md

Simulates data sets whose true disparity is known and counts how often nominal 95 % intervals contain it, for the
selection-rate difference, the true-positive-rate difference, the equalized-odds difference and the impact ratio, beside
pairwise Newcombe intervals with Bonferroni's correction and the percentile bootstrap. Group sizes, rates and the number
of groups are those people have trouble with. Exits with 1 if an interval of ours covers less than 94 % of the time, or
shows a true disparity less often than Bonferroni-Newcombe, in any cell.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aequo.core import intervals
from aequo.core.intervals import Floats, normal_quantile, smallest_ratios, spreads, wilson

METRICS = ("selection-rate difference", "true-positive-rate difference", "equalized-odds difference", "impact ratio")
SIZES = ("30", "300", "mixed", "random", "weighted")
WEIGHTS = (1.0, 4.0)
BASES = (0.3, 0.1)
TRUTHS = ("none", "one group off", "evenly spread")
GROUPS = (2, 5, 10)
LEVEL, FLOOR, GAP, LIMIT = 0.95, 0.94, 0.1, {"difference": 0.1, "ratio": 0.8}
TPR, FPR = 0.7, 0.2
Bounds = tuple[Floats, Floats, Floats]
Strata = Sequence[NDArray[np.int64]]


@dataclass(frozen=True)
class Cell:
    """One situation: what is compared, in how many groups of which size, at which rates."""

    metric: str
    groups: int
    sizes: str
    base: float
    truth: str

    @property
    def ratio(self) -> bool:
        """Whether rates are divided; 1 is no disparity then."""
        return self.metric == "impact ratio"

    def shift(self) -> Floats:
        """Each group's rate above the base rate."""
        shift = np.zeros(self.groups)
        if self.truth == "one group off":
            shift[0] = GAP
        if self.truth == "evenly spread":
            shift = np.linspace(0, GAP, self.groups)
        return shift


@dataclass
class Rates:
    """Successes, trials and true rates, shape (data sets, groups): one measure of every simulated data set."""

    successes: Floats
    trials: Floats
    truth: Floats
    rows: Floats = field(repr=False)

    @property
    def values(self) -> Floats:
        """Estimated rates; NaN without trials."""
        with np.errstate(invalid="ignore"):
            return self.successes / self.trials

    @property
    def interval(self) -> Callable[[Any], tuple[Floats, Floats]]:
        """Wilson intervals of every data set."""
        return lambda z: wilson(self.successes, self.trials, z)

    def judged(self) -> Floats:
        """Return the true rates of the groups that have any rows to judge."""
        return np.where(self.trials > 0, self.truth, np.nan)


def cells(groups: Sequence[int] = GROUPS) -> Iterator[Cell]:
    for metric in METRICS:
        for k in groups:
            for sizes in SIZES:
                for base in BASES:
                    for truth in TRUTHS:
                        if k == 2 and truth == "evenly spread":  # the same as one group off
                            continue
                        yield Cell(metric, k, sizes, base, truth)


def group_sizes(cell: Cell, replicates: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Rows of each group; "random" draws the groups of 150 rows per group in shares 1 : 2 : ... : K."""
    k = cell.groups
    if cell.sizes == "random":
        shares = np.arange(1, k + 1) / (k * (k + 1) / 2)
        return rng.multinomial(150 * k, shares, size=replicates)
    each = {
        "30": np.full(k, 30),
        "300": np.full(k, 300),
        "mixed": np.where(np.arange(k) % 2 == 0, 30, 300),
        "weighted": np.full(k, 300),
    }[cell.sizes]
    return np.broadcast_to(each, (replicates, k))


def simulate(cell: Cell, replicates: int, rng: np.random.Generator) -> list[Rates]:
    """Draw data sets. For the odds, `base` is the share of favourable labels, so that the trials are random too."""
    sizes = group_sizes(cell, replicates, rng)
    # Rows by weight: one stratum of weight 1, or half of the rows of weight 1 and half of weight 4.
    strata = [sizes // 2, sizes - sizes // 2] if cell.sizes == "weighted" else [sizes]
    shift = cell.shift()
    if cell.metric in ("selection-rate difference", "impact ratio"):
        truth = np.broadcast_to(cell.base + shift, sizes.shape)
        return [weigh([rng.binomial(rows, truth) for rows in strata], strata, truth, strata)]
    positives = [rng.binomial(rows, cell.base) for rows in strata]
    truth = np.broadcast_to(TPR - shift, sizes.shape)
    rates = [weigh([rng.binomial(rows, truth) for rows in positives], positives, truth, strata)]
    if cell.metric == "equalized-odds difference":
        negatives = [rows - some for rows, some in zip(strata, positives, strict=True)]
        truth = np.broadcast_to(FPR + (shift if cell.truth == "one group off" else 0 * shift), sizes.shape)
        rates.append(weigh([rng.binomial(rows, truth) for rows in negatives], negatives, truth, strata))
    return rates


def weigh(successes: Strata, trials: Strata, truth: Floats, rows: Strata) -> Rates:
    """Return weighted rates with Kish's effective number of trials, as the assessment does."""

    def total(counts: Strata, power: int) -> Floats:
        return np.sum([c * w**power for c, w in zip(counts, WEIGHTS, strict=False)], axis=0)

    def effective(counts: Strata) -> Floats:
        return total(counts, 1) ** 2 / np.maximum(total(counts, 2), 1)

    n = effective(trials)
    return Rates(total(successes, 1) / np.maximum(total(trials, 1), 1) * n, n, truth, effective(rows))


def true_value(cell: Cell, rates: list[Rates]) -> Floats:
    """Return the disparity over the groups that could be judged, which is what an interval speaks of."""
    found = []
    for one in rates:
        t = one.judged()
        top, bottom = np.fmax.reduce(t, axis=-1), np.fmin.reduce(t, axis=-1)
        known = (~np.isnan(t)).sum(axis=-1) >= 2
        found.append(np.where(known, bottom / top if cell.ratio else top - bottom, np.nan))
    return np.fmax.reduce(found)


def ours(cell: Cell, rates: list[Rates]) -> Bounds:
    """Return the intervals of `max_difference`, `worst_difference` and `min_ratio`, for all data sets."""
    if cell.ratio:
        return smallest_ratios(rates[0].values, rates[0].interval, confidence=LEVEL)
    return worst(rates, lambda r, level: spreads(r.values, r.interval, confidence=level))


def worst(rates: list[Rates], spread: Callable[[Rates, float], Bounds]) -> Bounds:
    """As `worst_difference`: low ends at Sidak's level for as many measures as are defined, high ends as they are."""
    plain = [spread(r, LEVEL) for r in rates]
    if len(rates) == 1:
        return plain[0]
    strict = [spread(r, LEVEL ** (1 / len(rates))) for r in rates]
    both = ~np.isnan([p[0] for p in plain]).any(axis=0)
    low = np.where(both, np.fmax.reduce([s[1] for s in strict]), np.fmax.reduce([p[1] for p in plain]))
    return np.fmax.reduce([p[0] for p in plain]), low, np.fmax.reduce([p[2] for p in plain])


def bonferroni(cell: Cell, rates: list[Rates]) -> Bounds:
    """Each pair's Newcombe interval (MOVER-R for ratios) at the level divided by the number of pairs and measures."""
    k = sum((r.trials > 0).sum(axis=-1) * ((r.trials > 0).sum(axis=-1) - 1) / 2 for r in rates)
    most = int(np.max(k))
    table = np.array([normal_quantile(1 - (1 - LEVEL) / 2 / max(i, 1)) for i in range(most + 1)])
    z = table[np.asarray(k, dtype=int)][:, None]
    found = []
    for r in rates:
        v = r.values
        if cell.ratio:
            low = intervals._lowest_ratios(v, *r.interval(z))
            top = np.fmax.reduce(v, axis=-1)
            value = np.fmin.reduce(v, axis=-1) / np.where(top > 0, top, np.nan)
            ends = np.fmin.reduce(low, axis=(-2, -1)), 1 / np.maximum(np.fmax.reduce(low, axis=(-2, -1)), 1.0)
        else:
            low = intervals._lowest_differences(v, *r.interval(z))
            value = np.fmax.reduce(v, axis=-1) - np.fmin.reduce(v, axis=-1)
            ends = np.maximum(np.fmax.reduce(low, axis=(-2, -1)), 0.0), -np.fmin.reduce(low, axis=(-2, -1))
        known = np.where(((~np.isnan(v)).sum(axis=-1) >= 2) & ~np.isnan(value), 0.0, np.nan)
        found.append((value + known, ends[0] + known, ends[1] + known))
    value, lowest, highest = (np.fmax.reduce([f[i] for f in found]) for i in range(3))
    return value, lowest, highest


def bootstrap(cell: Cell, rates: list[Rates], replicates: int, rng: np.random.Generator) -> Bounds:
    """Percentile bootstrap of the disparity itself, rows drawn again within the data set's groups."""
    first = rates[0]
    rows = np.rint(first.rows).astype(np.int64)
    shape = (replicates, *rows.shape)
    with np.errstate(invalid="ignore", divide="ignore"):
        if cell.metric in ("selection-rate difference", "impact ratio"):
            trials = [np.broadcast_to(first.trials, shape)]
        else:
            positives = rng.binomial(rows, np.minimum(first.trials / np.maximum(rows, 1), 1), size=shape)
            trials = [positives.astype(float), (rows - positives).astype(float)][: len(rates)]
        found = []
        for one, n in zip(rates, trials, strict=True):
            values = rng.binomial(np.rint(n).astype(np.int64), np.clip(np.nan_to_num(one.values), 0, 1)) / np.where(
                n > 0, np.rint(n), np.nan
            )
            top, bottom = np.fmax.reduce(values, axis=-1), np.fmin.reduce(values, axis=-1)
            found.append(bottom / top if cell.ratio else top - bottom)
        drawn = np.fmax.reduce(found)
    keep = np.where(np.isnan(drawn).mean(axis=0) < 0.5, 0.0, np.nan)
    low, high = np.nanquantile(np.where(np.isnan(keep), 0.0, drawn), [0.025, 0.975], axis=0)
    return drawn[0], low + keep, high + keep


def measure(cell: Cell, truth: Floats, bounds: Bounds) -> dict[str, float]:
    """Coverage, share that shows a disparity, share inside and outside the usual limit, and mean width."""
    _, low, high = bounds
    usable = ~np.isnan(low) & ~np.isnan(high) & ~np.isnan(truth)
    low, high, truth = low[usable], high[usable], truth[usable]
    tiny = 1e-9
    shown = high < 1 - tiny if cell.ratio else low > tiny
    within = low >= LIMIT["ratio"] if cell.ratio else high <= LIMIT["difference"]
    return {
        "coverage": float(((low <= truth + tiny) & (truth - tiny <= high)).mean()),
        "shown": float(shown.mean()),
        "within": float(within.mean()),
        "width": float((high - low).mean()),
        "judged": float(usable.mean()),
    }


def run(cell: Cell, replicates: int, resampled: int, rng: np.random.Generator) -> dict[str, dict[str, float]]:
    rates = simulate(cell, replicates, rng)
    truth = true_value(cell, rates)
    few = [Rates(r.successes[:resampled], r.trials[:resampled], r.truth[:resampled], r.rows[:resampled]) for r in rates]
    return {
        "ours": measure(cell, truth, ours(cell, rates)),
        "Bonferroni": measure(cell, truth, bonferroni(cell, rates)),
        "bootstrap": measure(cell, truth[:resampled], bootstrap(cell, few, resampled, rng)),
    }


Result = tuple[Cell, dict[str, dict[str, float]]]


def table(results: Sequence[Result]) -> str:
    """Every cell as Markdown."""
    lines = []
    for metric in METRICS:
        lines += ["", f"### {metric.capitalize()}", ""]
        lines += [
            "| K | rows | base | true disparity | coverage: ours | Bonf. | boot. | shown: ours | Bonf. | boot. "
            "| inside limit: ours | Bonf. | width: ours | Bonf. |",
            "|--:|---|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
        ]
        for cell, r in results:
            if cell.metric != metric:
                continue
            a, b, c = r["ours"], r["Bonferroni"], r["bootstrap"]
            lines.append(
                f"| {cell.groups} | {cell.sizes} | {cell.base} | {cell.truth} "
                f"| {a['coverage']:.3f} | {b['coverage']:.3f} | {c['coverage']:.2f} "
                f"| {a['shown']:.3f} | {b['shown']:.3f} | {c['shown']:.2f} "
                f"| {a['within']:.3f} | {b['within']:.3f} | {a['width']:.3f} | {b['width']:.3f} |"
            )
    return "\n".join(lines)


def summary(results: Sequence[Result]) -> list[str]:
    """Return the figures that matter, one sentence each."""
    lowest = min(results, key=lambda x: x[1]["ours"]["coverage"])
    lines = [f"lowest coverage of ours: {lowest[1]['ours']['coverage']:.4f} ({describe(lowest[0])})"]
    for name in ("Bonferroni", "bootstrap"):
        cov = [r[name]["coverage"] for _, r in results]
        lines.append(f"coverage of {name}: {min(cov):.3f} to {max(cov):.3f}")
    for k in sorted({c.groups for c, _ in results}):
        some = [(c, r) for c, r in results if c.groups == k]
        real = [r for c, r in some if c.truth != "none"]
        null = [r for c, r in some if c.truth == "none"]
        more = sum(r["ours"]["shown"] > r["Bonferroni"]["shown"] for r in real)
        less = sum(r["ours"]["shown"] < r["Bonferroni"]["shown"] for r in real)
        power = [float(np.mean([r[m]["shown"] for r in real])) for m in ("ours", "Bonferroni")]
        width = float(np.mean([r["ours"]["width"] / r["Bonferroni"]["width"] for _, r in some]))
        inside = [float(np.mean([r[m]["within"] for r in null])) for m in ("ours", "Bonferroni")]
        lines.append(
            f"K = {k}: true disparity shown {power[0]:.3f} of the time against {power[1]:.3f} with Bonferroni-Newcombe "
            f"(more often in {more} of {len(real)} cells, less often in {less}); intervals {width:.2f} times as wide; "
            f"no disparity confirmed inside the limit {inside[0]:.3f} against {inside[1]:.3f}"
        )
    return lines


def describe(cell: Cell) -> str:
    return f"{cell.metric}, {cell.groups} groups of {cell.sizes}, base rate {cell.base}, true disparity: {cell.truth}"


def failures(results: Sequence[Result], margin: float) -> list[str]:
    """Cells that break a promise; `margin` allows for simulation error in quick runs."""
    found = []
    for cell, r in results:
        if r["ours"]["coverage"] < FLOOR - margin:
            found.append(f"coverage {r['ours']['coverage']:.4f} below {FLOOR}: {describe(cell)}")
        if cell.truth != "none" and r["ours"]["shown"] < r["Bonferroni"]["shown"]:
            found.append(f"power below Bonferroni-Newcombe: {describe(cell)}")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--replicates", type=int, default=10_000, help="data sets per cell (default 10,000)")
    parser.add_argument("--resampled", type=int, default=400, help="data sets, and draws of each, for the bootstrap")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="500 data sets per cell; coverage may be 0.03 off")
    parser.add_argument("--groups", type=int, nargs="+", default=list(GROUPS), help="numbers of groups")
    parser.add_argument("--out", type=Path, help="also write the table to this Markdown file")
    options = parser.parse_args(arguments)
    replicates, resampled = (500, 50) if options.quick else (options.replicates, options.resampled)
    started = time.process_time()
    results: list[Result] = []
    for number, cell in enumerate(cells(options.groups)):
        rng = np.random.default_rng([options.seed, number])
        results.append((cell, run(cell, replicates, resampled, rng)))
    error, spent = (LEVEL * (1 - LEVEL) / replicates) ** 0.5, time.process_time() - started
    head = [
        "# Measured coverage of nominal 95 % intervals",
        "",
        f"`python benchmarks/coverage.py --replicates {replicates} --resampled {resampled} --seed {options.seed}`: "
        f"{replicates:,} data sets in each of {len(results)} cells (standard error of a coverage of 0.95: {error:.4f}; "
        f"bootstrap: {resampled} data sets, {resampled} draws of each), {spent:.0f} CPU seconds.",
        "",
        *(f"- {line}" for line in summary(results)),
        "",
        "*shown*: share of intervals that exclude 0 (1 for the ratio); where there is no disparity, that is the error. "
        "*inside limit*: share that lie wholly inside the limit (difference 0.1, ratio 0.8). "
        "*rows* of each group: 30, 300, mixed (30 and 300 in turn), random (multinomial, 150 a group on average, in "
        "shares 1 : 2 : ... : K), weighted (300, half of them with weight 4). "
        "*base*: selection rate, or the share of favourable labels for the odds, where the "
        f"true positive rate is {TPR} and the false positive rate {FPR} before the disparity of {GAP}; "
        "the impact ratio is base / (base + 0.1). Groups without rows to judge are left out of that data set's truth.",
    ]
    text = "\n".join(head) + "\n" + table(results) + "\n"
    print(text)
    broken = failures(results, 0.03 if options.quick else 0.0)
    for line in broken:
        print(line, file=sys.stderr)
    if options.out:
        options.out.write_text(text, encoding="utf-8")
    return 1 if broken else 0


if __name__ == "__main__":
    raise SystemExit(main())
