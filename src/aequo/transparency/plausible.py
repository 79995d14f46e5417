"""Whether a row that nobody is could be somebody: how near it is to real rows, and what never goes together."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from aequo.core.counts import Floats, Ints
from aequo.models.predicting import Model
from aequo.models.rows import Rows
from aequo.transparency.columns import Column, ask
from aequo.transparency.recourse import Choice, Options

__all__ = ["Neighbours", "Plausible", "together"]

Bools = NDArray[np.bool_]

_CHUNK = 64
_REFERENCE = 1000  # real rows that a change is held against
_FEW = 40  # values of a column that combinations are looked at of
_EXPECTED = 5.0
"""A combination that never occurs is refused where so many rows would have it if the columns were independent."""


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Real rows, and how far a row is from the nearest of them.

    The distance is the mean over the columns, as Gower's (1971, Biometrics 27): 1 for two categories that differ or one
    value that is missing; for two numbers the share of people between them, or their difference over the range that
    holds all but one in a hundred at either end (at most 1), whichever is more. Of the share alone, a gap that nobody
    is in would be no distance at all.

    Parameters
    ----------
    columns : sequence of Column
        What is known of the columns, over all rows.
    real : int array
        The rows to be near to.
    """

    columns: Sequence[Column]
    real: Ints

    @cached_property
    def _placed(self) -> Floats:
        return self._place(np.stack([c.values[self.real] for c in self.columns], axis=1))

    def _place(self, values: Floats) -> Floats:
        """Return ranks (or levels) and places within the range, shape (2, n, columns)."""
        ranks, places = values.copy(), np.zeros(values.shape)
        for j, c in enumerate(self.columns):
            if c.numeric and len(c.known):
                low, high = np.nanquantile(c.values, [0.01, 0.99])
                ranks[:, j] = c.ranks(values[:, j])
                places[:, j] = values[:, j] / ((high - low) or (c.known[-1] - c.known[0]) or 1.0)
        return np.stack([ranks, places])

    @cached_property
    def own(self) -> Floats:
        """Distance of each real row to the nearest of the others; 0 where two are equal."""
        return self._nearest(self._placed, skip=True)

    def nearest(self, values: Floats) -> Floats:
        """Return the distance of rows to the nearest real one.

        Parameters
        ----------
        values : float array, shape (n, columns)
            Numbers or positions of levels, NaN where missing.

        Examples
        --------
        >>> column = Column("x", np.array([1.0, 2.0, 3.0, 4.0]))
        >>> [round(float(d), 2) for d in Neighbours([column], np.array([0, 1])).nearest(np.array([[1.0], [4.0]]))]
        [0.0, 0.68]
        """
        return self._nearest(self._place(values), skip=False)

    def by_distance(self, row: Floats) -> Ints:
        """Return the real rows, those nearest to a row first."""
        return self.real[np.argsort(self._distances(self._place(row[None]))[0], kind="stable")]

    def _nearest(self, placed: Floats, *, skip: bool) -> Floats:
        out = np.empty(placed.shape[1])
        for start in range(0, len(out), _CHUNK):
            total = self._distances(placed[:, start : start + _CHUNK])
            if skip:
                total[np.arange(len(total)), start + np.arange(len(total))] = np.inf
            out[start : start + _CHUNK] = total.min(axis=1)
        return out

    def _distances(self, placed: Floats) -> Floats:
        """Return the distance of each of some rows to each real one."""
        total = np.zeros((placed.shape[1], len(self.real)))
        for j, column in enumerate(self.columns):
            (a, x), (b, y) = placed[:, :, j, None], self._placed[:, None, :, j]
            if column.numeric:
                apart = np.maximum(np.abs(a - b), np.minimum(np.abs(x - y), 1.0))
            else:
                apart = (a != b).astype(np.float64)
            gaps = np.isnan(a) | np.isnan(b)
            total += np.where(gaps, ~(np.isnan(a) & np.isnan(b)), apart) if gaps.any() else apart
        return total / len(self.columns)


def together(columns: Sequence[Column]) -> Mapping[tuple[int, int], Bools]:
    """Return for each pair of columns with few values which of them may go together.

    Those may not that never do although at least five rows would have both if the columns were independent. The axes
    are the positions in `Column.known`; at least one of the two columns holds categories.

    Examples
    --------
    >>> sex = Column("sex", np.repeat([0.0, 1.0], 20), ("f", "m"))
    >>> kin = Column("kin", np.repeat([0.0, 1.0], 20), ("wife", "husband"))
    >>> together([sex, kin])[0, 1].tolist()
    [[True, False], [False, True]]
    """
    found = {}
    few = {i: c for i, c in enumerate(columns) if 0 < len(c.known) <= _FEW}
    codes = {i: np.searchsorted(c.known, c.values) for i, c in few.items()}
    for i, a in few.items():
        for j, b in few.items():
            if i >= j or (a.numeric and b.numeric):
                continue
            known = ~(np.isnan(a.values) | np.isnan(b.values))
            table = np.zeros((len(a.known), len(b.known)))
            np.add.at(table, (codes[i][known], codes[j][known]), 1)
            expected = table.sum(axis=1)[:, None] * table.sum(axis=0)[None, :] / max(table.sum(), 1)
            found[i, j] = (table > 0) | (expected < _EXPECTED)
    return found


class Plausible:
    """Holds changes against real rows that have the wanted decision."""

    def __init__(self, columns: Mapping[str, Column], row: int, real: int, share: float | None) -> None:
        self.columns = list(columns.values())
        self.names = list(columns)
        self.at = row
        self.rows = real
        self.share = share
        self.row = np.array([c.values[row] for c in self.columns])
        self.limit: float | None = None
        self.many = 0
        self.note = ""
        self.real: Neighbours | None = None
        self.pairs = together(self.columns) if share is not None else {}

    def learn(self, model: Model, rows: Rows, wanted: Callable[[Floats], NDArray[np.bool_]], seed: int) -> None:
        """Find the real rows that have the wanted decision, and how near to each other they are."""
        if self.share is None:
            return
        rng = np.random.default_rng(seed)
        looked = rng.permutation(self.rows)[: 5 * _REFERENCE]
        good = np.sort(looked[wanted(ask(model, rows, looked))][:_REFERENCE])
        self.many = len(good)
        if self.many < 2:
            self.note = f"{self.many} real rows have the wanted decision, too few to say what is plausible"
            return
        self.real = Neighbours(self.columns, good)
        others = Neighbours(self.columns, np.sort(looked[looked != self.at][:_REFERENCE]))
        alone = float(others.nearest(self.row[None])[0])
        self.limit = max(float(np.quantile(self.real.own, self.share)), alone)

    def examples(self, free: Sequence[str], options: Sequence[Options], most: int) -> list[Choice]:
        """Return what would make the row like the nearest real ones with the wanted decision, as far as it may."""
        if self.real is None:
            return []
        at = [self.names.index(name) for name in free]
        place = [{o.value: k for k, o in enumerate(some)} for some in options]
        found: list[Choice] = []
        for row in self.real.by_distance(self.row)[:most].tolist():
            values = [float(self.columns[i].values[row]) for i in at]
            found.append(tuple((c, place[c][v]) for c, v in enumerate(values) if v in place[c]))
        return [e for e in dict.fromkeys(found) if e]

    def changed(self, choices: Sequence[Choice], free: Sequence[str], options: Sequence[Options]) -> Floats:
        """Return the changed rows as numbers and positions of levels."""
        values = np.repeat(self.row[None], len(choices), axis=0)
        for i, choice in enumerate(choices):
            for c, o in choice:
                values[i, self.names.index(free[c])] = options[c][o].value
        return values

    def allowed(
        self, free: Sequence[str], options: Sequence[Options]
    ) -> Callable[[Sequence[Choice]], NDArray[np.bool_]]:
        """Return what tells which changes are plausible."""

        def tell(choices: Sequence[Choice]) -> NDArray[np.bool_]:
            good = np.ones(len(choices), dtype=bool)
            if self.share is None or not choices:
                return good
            values = self.changed(choices, free, options)
            for i, choice in enumerate(choices):
                good[i] = self._goes_together(values[i], {self.names.index(free[c]) for c, _ in choice})
            if self.real is not None and self.limit is not None and good.any():
                good[good] = self.real.nearest(values[good]) <= self.limit + 1e-12
            return good

        return tell

    def _goes_together(self, values: Floats, changed: set[int]) -> bool:
        return all(
            bool(seen[self._code(i, values[i]), self._code(j, values[j])])
            for (i, j), seen in self.pairs.items()
            if (i in changed or j in changed) and not (math.isnan(values[i]) or math.isnan(values[j]))
        )

    def _code(self, i: int, value: float) -> int:
        return int(np.searchsorted(self.columns[i].known, value))
