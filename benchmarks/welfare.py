"""How often intervals of expected utility, welfare, and differences of welfare hold the truth.

    python benchmarks/welfare.py [--sets 500]

Groups of several sizes, equal and unequal, few and many; two options on different rows and on the same. Nominal: 95 %.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from aequo.core.sections_ethics import StakeholderPolicy
from aequo.ethics.describe import welfare_of
from aequo.ethics.tally import CONFUSION, Tally
from aequo.ethics.weigh import around, critical, scene_of
from aequo.ethics.welfare import Aversion, welfares

WORTH = {"tp": 1.0, "fn": -1.0, "fp": -0.5, "tn": 0.0}
PEOPLE = (StakeholderPolicy(name="people", utilities=WORTH),)
UTILITY = np.array([WORTH[cell] for cell in CONFUSION])
EQUAL, UNEQUAL = [0.4, 0.1, 0.1, 0.4], [0.25, 0.25, 0.05, 0.45]
SCENES = {
    "two groups, equal": [(300, EQUAL), (100, EQUAL)],
    "two groups, unequal": [(300, EQUAL), (100, UNEQUAL)],
    "five groups, equal": [(400, EQUAL), (200, EQUAL), (100, EQUAL), (60, EQUAL), (30, EQUAL)],
    "five groups, unequal": [(400, EQUAL), (200, EQUAL), (100, EQUAL), (60, UNEQUAL), (30, UNEQUAL)],
}
OTHER = [0.45, 0.05, 0.2, 0.3]  # the other option's outcomes, for every group


def tally(n: np.ndarray, cells: dict[str, np.ndarray]) -> Tally:
    names = tuple(f"g{i}" for i in range(len(n)))
    return Tally("g", names, CONFUSION, n, n.astype(float), n.astype(float), cells, 0)


def truth(p: np.ndarray, sizes: np.ndarray) -> dict[str, float]:
    found = welfares(p @ UTILITY, sizes / sizes.sum(), float(sizes.sum()), Aversion(), shift=1.0, spread=2.0)
    return {form: float(value) for form, value in found.items()}


def run(
    groups: list[tuple[int, list[float]]], sets: int, replicates: int, rng: np.random.Generator
) -> dict[str, float]:
    """Return the share of data sets in which each interval holds the truth."""
    sizes = np.array([n for n, _ in groups])
    p, q = np.array([c for _, c in groups]), np.tile(OTHER, (len(groups), 1))
    true, other = truth(p, sizes), truth(q, sizes)
    hits: dict[str, list[bool]] = {}
    one = {"a": np.arange(4)}
    # On the same rows: the label stays, and the decision is changed for some: cells (tp, fn, fp, tn) to those of b.
    moved = np.array([[0.9, 0.1, 0, 0], [0.6, 0.4, 0, 0], [0, 0, 0.9, 0.1], [0, 0, 0.4, 0.6]])
    joint = (p[:, :, None] * moved).reshape(len(groups), 16)
    both = {"a": np.repeat(np.arange(4), 4), "b": np.tile(np.arange(4), 4)}
    later = truth(joint.reshape(len(groups), 4, 4).sum(axis=1), sizes)
    for i in range(sets):
        how = {"shift": None, "replicates": replicates, "seed": i}
        drawn = np.array([rng.multinomial(n, c) for n, c in zip(sizes, p, strict=True)])
        scene = scene_of({"a": tally(drawn, one)}, PEOPLE, Aversion(), **how)
        low, high = scene.interval("a", 0, critical(0.95))
        for k in range(len(groups)):
            held = bool(low[k] <= p[k] @ UTILITY <= high[k])
            hits.setdefault(f"group of {sizes[k]}", []).append(held)
        for w in welfare_of(scene, "a", 0.95):
            if w.interval is not None:
                hits.setdefault(w.form, []).append(w.interval[0] <= true[w.form] <= w.interval[1])
        second = np.array([rng.multinomial(n, c) for n, c in zip(sizes, q, strict=True)])
        apart = scene_of({"a": tally(drawn, one), "b": tally(second, {"b": np.arange(4)})}, PEOPLE, Aversion(), **how)
        _differences(hits, apart, true, other, "different rows")
        rows = np.array([rng.multinomial(n, c) for n, c in zip(sizes, joint, strict=True)])
        same = tally(rows, both)
        _differences(hits, scene_of({"a": same, "b": same}, PEOPLE, Aversion(), **how), true, later, "same rows")
    return {name: float(np.mean(found)) for name, found in hits.items()}


def _differences(
    hits: dict[str, list[bool]], scene: object, a: dict[str, float], b: dict[str, float], what: str
) -> None:
    values = {o: scene.overall(scene.observed[o]) for o in ("a", "b")}
    drawn = {o: scene.overall(scene.drawn[o]) for o in ("a", "b")}
    for form in ("mean", "maximin", "atkinson", "gini"):
        value = np.asarray(values["a"][form] - values["b"][form])
        low, high = around(value, drawn["a"][form] - drawn["b"][form], critical(0.95))
        hits.setdefault(f"{form}, difference on {what}", []).append(bool(low <= a[form] - b[form] <= high))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=500)
    parser.add_argument("--replicates", type=int, default=500)
    options = parser.parse_args()
    start = time.process_time()
    found = {name: run(g, options.sets, options.replicates, np.random.default_rng(7)) for name, g in SCENES.items()}
    names = list(dict.fromkeys(name for column in found.values() for name in column))
    wide = max(map(len, names)) + 2
    print(" " * wide + "  ".join(SCENES))
    for name in names:
        cells = [f"{column[name]:.3f}" if name in column else "" for column in found.values()]
        print(f"{name:{wide}}" + "  ".join(f"{c:>{len(s)}}" for c, s in zip(cells, SCENES, strict=True)))
    error = (0.95 * 0.05 / options.sets) ** 0.5
    print(f"{options.sets} data sets each, standard error {error:.3f}; CPU {time.process_time() - start:.0f} s")


if __name__ == "__main__":
    main()
