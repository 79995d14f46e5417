"""From all columns to few: splits of the rows, what each set of columns loses, and the way down."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from aequo.core.counts import Floats, Ints
from aequo.core.splits import Split, corrected_interval
from aequo.privacy.minimisation.metrics import Metric, Output
from aequo.privacy.minimisation.models import Factory, Features, Fitted, Truth, answers, fitted
from aequo.privacy.minimisation.result import Loss

__all__ = ["EVERY", "Search", "held_out", "parts_of", "splits_of"]

_TRIED = 3
"""So many of the least important columns are tried at each step."""

EVERY = 20
"""Where none of them can be left out, and no more columns than this are left, all are tried."""

_BLOCK = 12
"""Of more columns than this, a quarter is left out at once as long as that costs nothing."""


def splits_of(units: Ints, strata: Ints, rows: Ints, *, folds: int, repeats: int, seed: int) -> list[Split]:
    """Return the splits of repeated cross-validation, each fold with its share of every stratum.

    Parameters
    ----------
    units : int array
        Rows of one unit stay together, such as rows that are equal.
    strata : int array
        Class of each row.
    rows : int array
        The rows to split.
    folds, repeats, seed : int
        How many parts, how often, and from which seed.
    """
    rng = np.random.default_rng(seed)
    out = []
    for _ in range(repeats):
        fold = parts_of(units[rows], strata[rows], folds, rng)
        out += [Split(rows[fold != f], rows[fold == f]) for f in range(folds)]
    return out


def parts_of(units: Ints, strata: Ints, parts: int, rng: np.random.Generator) -> Ints:
    """Return a part for each row; units stay together, and every stratum is spread over the parts."""
    names, first, of = np.unique(units, return_index=True, return_inverse=True)
    part = np.zeros(len(names), dtype=np.int64)
    start = 0
    for stratum in np.unique(strata):
        own = np.flatnonzero(strata[first] == stratum)
        # The next stratum goes on where this one ended, so that many small ones do not all start in the first part.
        part[rng.permutation(own)] = (np.arange(len(own)) + start) % parts
        start += len(own)
    return part[of.reshape(-1)]


@dataclass(slots=True, eq=False)
class Search:
    """What each set of columns scores on the same splits; a set is fitted once.

    Attributes
    ----------
    make, features, truth, metric, splits, seed
        What is fitted, on what, and how it is judged.
    confidence : float
        Of the intervals.
    tell : callable or None
        Told in a few words what is done.
    """

    make: Factory
    features: Features
    truth: Truth
    metric: Metric
    splits: Sequence[Split]
    seed: int
    confidence: float
    tell: Callable[[str], None] | None = None
    _scores: dict[tuple[str, ...], Floats] = field(default_factory=dict)
    _models: dict[tuple[str, ...], list[Fitted]] = field(default_factory=dict)

    def scores(self, columns: tuple[str, ...]) -> Floats:
        """Return the score on each split."""
        if columns not in self._scores:
            if self.tell is not None:
                self.tell(f"Trying {len(columns)} column{'s' if len(columns) > 1 else ''}")
            self._models[columns] = [
                fitted(self.make, self.features, s.train, columns, self.truth, self.seed) for s in self.splits
            ]
            self._scores[columns] = np.array(
                [self._score(m, s, columns) for m, s in zip(self._models[columns], self.splits, strict=True)]
            )
        return self._scores[columns]

    def importance(self, columns: tuple[str, ...], of: Sequence[str]) -> dict[str, float]:
        """Return what it costs the models of a set of columns when the values of one of them are shuffled."""
        scores = self.scores(columns)
        costs = dict.fromkeys(of, 0.0)
        for number, (model, split) in enumerate(zip(self._models[columns], self.splits, strict=True)):
            order = np.random.default_rng((self.seed, number)).permutation(len(split.test))
            for name in of:
                score = self._score(model, split, columns, (name, order))
                costs[name] += float(self.metric.loss(scores[number], np.array(score)))
        return costs

    def _score(
        self, model: Fitted, split: Split, columns: tuple[str, ...], shuffled: tuple[str, Ints] | None = None
    ) -> float:
        x = self.features.take(split.test, columns, shuffled=shuffled)
        return self.metric.score(self.truth.codes[split.test], answers(model, x, self.truth, self.metric))

    def loss(self, whole: tuple[str, ...], part: tuple[str, ...]) -> Loss:
        """Return what a part of the columns loses against all, with the corrected interval."""
        return self._compared(self.scores(whole), self.scores(part))

    def gain(self, columns: tuple[str, ...]) -> Loss:
        """Return what always giving the most frequent class, or the mean, loses against a set of columns."""
        constant = np.array([self.metric.score(self.truth.codes[s.test], self._constant(s)) for s in self.splits])
        return self._compared(self.scores(columns), constant)

    def _compared(self, better: Floats, worse: Floats) -> Loss:
        lost = self.metric.loss(better, worse)
        ratio = float(np.mean([len(s.test) / len(s.train) for s in self.splits]))
        return Loss(
            score=float(worse.mean()),
            loss=float(lost.mean()),
            interval=corrected_interval(lost, ratio, self.confidence),
            n=len(np.unique(np.concatenate([s.test for s in self.splits]))),
        )

    def down(self, whole: tuple[str, ...], required: Sequence[str], enough: float) -> list[tuple[str, ...]]:
        """Return sets of columns, each within the one before, down to the first that may lose more than enough."""
        path, here = [whole], whole
        while len(here) > 1 and (free := [c for c in here if c not in required]):
            here = self._next(whole, here, free, enough)
            path.append(here)
            self._models = {here: self._models[here]}  # the others are not needed again
            if not self.loss(whole, here).interval[1] <= enough:  # no smaller set can be accepted
                break
        return path

    def _next(self, whole: tuple[str, ...], here: tuple[str, ...], free: list[str], enough: float) -> tuple[str, ...]:
        costs = self.importance(here, free)
        ranked = sorted(free, key=lambda c: (costs[c], free.index(c)))
        if len(free) > _BLOCK:
            block = _without(here, ranked[: len(free) // 4])
            if self.loss(whole, block).interval[1] <= enough:
                return block

        def lost(columns: tuple[str, ...]) -> float:
            return self.loss(whole, columns).loss

        best = min((_without(here, [c]) for c in ranked[:_TRIED]), key=lost)
        if not self.loss(whole, best).interval[1] <= enough and len(free) <= EVERY:
            best = min((_without(here, [c]) for c in ranked), key=lost)
        return best

    def _constant(self, split: Split) -> Output:
        seen, rows = self.truth.codes[split.train], len(split.test)
        if self.truth.regression:
            middle = np.median(seen) if self.metric.name == "mae" else seen.mean()
            return Output(values=np.full(rows, float(middle)))
        often = np.bincount(seen.astype(np.int64), minlength=len(self.truth.classes))
        shares = np.tile(often / often.sum(), (rows, 1))
        return Output(labels=np.full(rows, int(often.argmax()), dtype=np.int64), scores=shares)


def _without(columns: tuple[str, ...], some: Sequence[str]) -> tuple[str, ...]:
    return tuple(c for c in columns if c not in some)


def held_out(
    search: Search, split: Split, whole: tuple[str, ...], parts: Sequence[tuple[str, ...]], enough: float
) -> list[Loss]:
    """Judge sets of columns, largest first, on rows that took no part in finding them; stop at the first that fails.

    Testing in an order that was fixed before, and stopping at the first failure, needs no correction for their number:
    that any set which loses too much is accepted has at most the chance of one test.
    """
    truth = search.truth.codes[split.test]

    def said(columns: tuple[str, ...]) -> Output:
        model = fitted(search.make, search.features, split.train, columns, search.truth, search.seed)
        return answers(model, search.features.take(split.test, columns), search.truth, search.metric)

    every, out = said(whole), []
    for columns in parts:
        own = said(columns)
        paired = search.metric.paired(truth, every, own, search.confidence)
        out.append(
            Loss(score=search.metric.score(truth, own), loss=paired.loss, interval=paired.interval, n=len(truth))
        )
        if not paired.interval[1] <= enough:
            break
    return out
