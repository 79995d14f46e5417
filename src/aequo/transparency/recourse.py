"""The search behind `counterfactuals`: every single change, then pairs on a grid, then a beam over more columns.

A change is a choice of one option in some columns; an option is a value that somebody in the data has. All questions to
the model are asked in batches and counted, so that the search ends at a stated budget.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from aequo.core.counts import Floats, Ints
from aequo.models.predicting import Model
from aequo.models.rows import Rows
from aequo.transparency.columns import Column, ask

__all__ = ["Choice", "Option", "Options", "Search", "options_of"]

Bools = NDArray[np.bool_]

Choice = tuple[tuple[int, int], ...]
"""Pairs of column number and option number, sorted by column."""

_MOST_LEVELS = 200
_PAIR_GRID = 24
_BEAM = 12
_BEAM_GRID = 6
_TRIED = 48  # candidates of one set of columns that are held against the real rows, cheapest first


@dataclass(frozen=True, slots=True)
class Option:
    """A value that a column could have instead.

    Attributes
    ----------
    at : int
        A row that has it.
    value : float
        The number, or the position of the level.
    cost : float
        How far it is from the present value, 0..1.
    """

    at: int
    value: float
    cost: float


Options = tuple[Option, ...]
"""The options of one column, cheapest first."""


def options_of(column: Column, here: float, *, direction: str | None = None) -> Options:
    """Return the values that a column could have instead, cheapest first.

    Numbers cost the share of people between the two values, everything else costs 1 (Gower's distance on ranks: Podani
    1999, Taxon 48). Nobody is advised to have no value.

    Parameters
    ----------
    column : Column
        The column.
    here : float
        The present value; NaN where missing, and -1 for a level that nobody else has.
    direction : {"up", "down"}, optional
        The only way a number may go.

    Examples
    --------
    >>> found = options_of(Column("x", np.array([1.0, 2.0, 2.0, 4.0])), 2.0, direction="up")
    >>> [(o.at, o.value, o.cost) for o in found]
    [(3, 4.0, 0.375)]
    """
    values = column.known
    values = values[values != here]
    if direction is not None:
        values = values[values > here] if direction == "up" else values[values < here]
    if not len(values):
        return ()
    if column.numeric and not math.isnan(here):
        costs = np.abs(column.ranks(values) - column.ranks(np.array([here])))
    else:
        costs = np.ones(len(values))
    if not column.numeric and len(values) > _MOST_LEVELS:  # the most frequent ones
        often = np.bincount(column.values[~np.isnan(column.values)].astype(np.int64), minlength=len(column.levels))
        values = np.sort(values[np.argsort(-often[values.astype(np.int64)], kind="stable")[:_MOST_LEVELS]])
        costs = np.ones(len(values))
    distinct, first = np.unique(column.values, return_index=True)
    where = dict(zip(distinct.tolist(), first.tolist(), strict=True))
    order = np.lexsort((values, costs))
    return tuple(Option(where[float(values[i])], float(values[i]), float(costs[i])) for i in order)


@dataclass(eq=False)
class Search:
    """Asks a model about changes of one row.

    Parameters
    ----------
    model : Model
        What is asked.
    rows : Rows
        Where the values are.
    row : int
        Which of them is explained.
    columns : tuple of str
        The columns that may change.
    options : sequence of Options
        Their options.
    reached : callable
        Scores to whether they reach the target.
    budget : int
        Rows that the model may be asked about.
    plausible : callable
        Choices to whether they are plausible.
    examples : sequence of Choice
        Changes that would make the row like a real one with the wanted decision, nearest first.
    """

    model: Model
    rows: Rows
    row: int
    columns: tuple[str, ...]
    options: Sequence[Options]
    reached: Callable[[Floats], Bools]
    budget: int
    plausible: Callable[[Sequence[Choice]], Bools]
    examples: Sequence[Choice] = ()
    asked: int = 0
    scores: dict[Choice, float] = field(default_factory=dict)
    exhaustive: int = 0
    cut: str = ""
    likely: dict[Choice, bool] = field(default_factory=dict)

    def cost(self, choice: Choice) -> float:
        """Return the sum of the costs of a choice."""
        return math.fsum(self.options[c][o].cost for c, o in choice)

    def order(self, choice: Choice) -> tuple[int, float, Choice]:
        """Return the key by which choices are sorted: fewest columns, then least cost."""
        return len(choice), round(self.cost(choice), 12), choice

    def at(self, choices: Sequence[Choice]) -> Ints:
        """Return where the cells of the changed rows are, as `Rows.mixed` takes it."""
        index = np.full((len(choices), len(self.rows.names)), self.row, dtype=np.int64)
        where = [self.rows.names.index(name) for name in self.columns]
        for i, choice in enumerate(choices):
            for c, o in choice:
                index[i, where[c]] = self.options[c][o].at
        return index

    def ask(self, choices: Sequence[Choice]) -> Floats:
        """Return the scores of changed rows; what was asked before is not asked again."""
        new = [c for c in dict.fromkeys(choices) if c not in self.scores]
        if new:
            found = ask(self.model, self.rows, self.at(new))
            self.asked += len(new)
            self.scores |= dict(zip(new, found.tolist(), strict=True))
        return np.array([self.scores[c] for c in choices], dtype=np.float64)

    def flips(self, choices: Sequence[Choice]) -> list[bool]:
        """Return which choices reach the target."""
        return [bool(x) for x in self.reached(self.ask(choices))] if choices else []

    def works(self, choices: Sequence[Choice]) -> list[bool]:
        """Return which choices reach the target and are plausible."""
        flips = self.flips(choices)
        new = [c for c, f in zip(choices, flips, strict=True) if f and c not in self.likely]
        if new:
            self.likely |= dict(zip(new, self.plausible(new).tolist(), strict=True))
        return [f and self.likely[c] for c, f in zip(choices, flips, strict=True)]

    @property
    def implausible(self) -> int:
        """How many changes would do and are not plausible, of those that were looked at."""
        return sum(not likely for likely in self.likely.values())

    # -- one column ---------------------------------------------------------------------------------------------------

    def singles(self) -> list[Choice]:
        """Return the cheapest plausible single change of each column."""
        room = _room([len(o) for o in self.options], self.budget // 2)
        full = all(len(o) <= room for o in self.options)
        tried = [_spread(len(o), room) for o in self.options]
        every: list[Choice] = [((c, o),) for c, numbers in enumerate(tried) for o in numbers]
        flips = dict(zip(every, self.flips(every), strict=True))
        found = []
        for c, numbers in enumerate(tried):
            hits: list[Choice] = [((c, o),) for o in numbers if flips[((c, o),)]]
            if hits and len(numbers) < len(self.options[c]):
                hits = self._between(c, numbers, hits[0][0][1]) + hits
            found += self._first_plausible(hits)
        self.exhaustive = 1 if full else 0
        if not full:
            self.cut = f"of columns with more than {room:,} values, {room:,} of them were tried"
        return found

    def _between(self, c: int, tried: Sequence[int], hit: int) -> list[Choice]:
        """Return the changes that flip and are cheaper than the first one that was found on a grid."""
        at = tried.index(hit)
        between: list[Choice] = [((c, o),) for o in range(tried[at - 1] + 1 if at else 0, hit)]
        between = between[-max(self.budget - self.asked, 1) :]
        return [choice for choice, flips in zip(between, self.flips(between), strict=True) if flips]

    def _first_plausible(self, choices: Sequence[Choice]) -> list[Choice]:
        """Return the first of some changes that flip which is plausible, in a list, or nothing."""
        for start in range(0, len(choices), _TRIED):
            part = choices[start : start + _TRIED]
            for choice, works in zip(part, self.works(part), strict=True):
                if works:
                    return [choice]
        return []

    # -- two columns --------------------------------------------------------------------------------------------------

    def pairs(self) -> list[Choice]:
        """Return for each pair of columns the cheapest plausible change on a grid, made as small as it can be."""
        left = self.budget - self.asked
        usable = [c for c in self._promising() if self.options[c]]
        while len(usable) > 2 and 9 * math.comb(len(usable), 2) > left * 0.6:
            usable.pop()
            self.cut = self.cut or "pairs of the columns that move the score most were tried"
        several = math.comb(len(usable), 2)
        if not several or left < 9:
            return []
        side = min(_PAIR_GRID, max(3, math.isqrt(int(left * 0.6) // several)))
        grids = {c: self._grid(c, side) for c in usable}
        if self.exhaustive == 1 and not self.cut and all(len(grids[c]) == len(self.options[c]) for c in usable):
            self.exhaustive = 2
        elif not self.cut:
            self.cut = f"pairs of columns were tried on a grid of up to {side} values each"
        real = self.examples[: int(left * 0.2) // several]
        found = []
        for a, b in itertools.combinations(sorted(usable), 2):
            grid: list[Choice] = [((a, i), (b, j)) for i in grids[a] for j in grids[b]]
            grid += [pair for e in real if len(pair := tuple(p for p in e if p[0] in (a, b))) == 2]
            grid = list(dict.fromkeys(grid))
            hits = [g for g, flips in zip(grid, self.flips(grid), strict=True) if flips]
            found += self._best(sorted(hits, key=self.order))
        return found

    def _promising(self) -> list[int]:
        """Return the columns, those first whose single changes come nearest to the target or pass it."""
        best: dict[int, float] = {}
        for choice, score in self.scores.items():
            if len(choice) == 1:
                best[choice[0][0]] = max(best.get(choice[0][0], -math.inf), self._towards(score))
        return sorted(best, key=lambda c: (-best[c], c))

    def _towards(self, score: float) -> float:
        """Return how near a score is to the target: more is nearer."""
        return -_distance(score, self.reached)

    def _grid(self, c: int, side: int) -> list[int]:
        """Return options of a column that are spread over its values."""
        by_value = sorted(range(len(self.options[c])), key=lambda o: self.options[c][o].value)
        return [by_value[i] for i in _spread(len(by_value), side)]

    # -- like somebody ------------------------------------------------------------------------------------------------

    def towards_examples(self, most: int) -> list[Choice]:
        """Return changes of up to so many columns: a real row's values, put back wherever they are not needed."""
        found = []
        for example in self.examples[:_BEAM]:
            if self.budget - self.asked < 2 * len(example) or not self.works([example])[0]:
                continue
            kept = example
            for pair in sorted(example, key=lambda p: -self.options[p[0]][p[1]].cost):
                without = tuple(p for p in kept if p != pair)
                kept = without if without and self.works([without])[0] else kept
            if len(kept) <= most:
                found += self._best([kept])
        return found

    # -- more columns -------------------------------------------------------------------------------------------------

    def beam(self, size: int) -> list[Choice]:
        """Return changes of so many columns, each grown from the changes of fewer that come nearest to the target."""
        if self.budget - self.asked < _BEAM_GRID:
            return []
        near = sorted(
            (c for c in self.scores if len(c) == size - 1 and not self.reached(np.array([self.scores[c]]))[0]),
            key=lambda c: (-self._towards(self.scores[c]), self.order(c)),
        )
        starts = list(_one_of_each_set(near))[:_BEAM]
        grown: list[Choice] = [
            tuple(sorted((*start, (c, o))))
            for start in starts
            for c in range(len(self.columns))
            if c not in {k for k, _ in start}
            for o in self._grid(c, _BEAM_GRID)
        ]
        grown = list(dict.fromkeys(grown))[: self.budget - self.asked]
        self.cut = f"changes of {size} columns were tried from the {len(starts)} most promising smaller ones"
        hits = sorted((g for g, flips in zip(grown, self.flips(grown), strict=True) if flips), key=self.order)
        sets: dict[frozenset[int], list[Choice]] = {}
        for hit in hits:
            sets.setdefault(frozenset(c for c, _ in hit), []).append(hit)
        return [best for some in sets.values() for best in self._best(some)]

    # -- smaller ------------------------------------------------------------------------------------------------------

    def _best(self, hits: Sequence[Choice]) -> list[Choice]:
        """Return the smallest plausible change that the first good one of some hits can be made into, in a list."""
        for start in range(0, len(hits), _TRIED):
            some = list(hits[start : start + _TRIED])
            parts = [part for hit in some for part in _parts(hit)]
            if not self._affords(parts):
                break
            self.ask(parts)  # at once; what follows asks nothing new
            for hit in self._first_plausible([hit for hit in some if self._minimal(hit)]):
                small = self.smaller(hit)
                return [small if self._minimal(small) else hit]
        return []

    def _minimal(self, choice: Choice) -> bool:
        """Whether no part of a change works by itself, and each of its columns moves the score the right way.

        A part may flip the decision and be like nobody. Then the rest must not be there for the looks alone.
        """
        parts = list(_parts(choice))
        if any(self.works(parts)):
            return False
        score = self.scores[choice]
        moves = [score - self.scores[part] for part in parts if len(part) == len(choice) - 1]
        return all(move * self.direction > 0 if self.direction else move != 0 for move in moves)

    @property
    def direction(self) -> int:
        """Which way the score has to go: up 1, down -1; 0 where it has to end between two numbers."""
        low, high = getattr(self.reached, "low", -math.inf), getattr(self.reached, "high", math.inf)
        return 1 if math.isinf(high) else -1 if math.isinf(low) else 0

    def _affords(self, choices: Sequence[Choice]) -> bool:
        """Whether the budget is enough to ask about some changes."""
        return self.asked + len({c for c in choices if c not in self.scores}) <= self.budget

    def smaller(self, choice: Choice) -> Choice:
        """Return a change with each value as near to the present one as it can be, and no part that is not needed."""
        for _ in range(4):
            before = choice
            for i, (c, o) in enumerate(choice):
                cheaper = [
                    (*choice[:i], (c, k), *choice[i + 1 :])
                    for k in range(o)
                    if self.options[c][k].cost < self.options[c][o].cost
                ][-256:]
                if not self._affords(cheaper):
                    return choice
                better = next((t for t, works in zip(cheaper, self.works(cheaper), strict=True) if works), None)
                choice = better or choice
            parts = sorted(_parts(choice), key=self.order)
            if not self._affords(parts):
                return choice
            choice = next((p for p, works in zip(parts, self.works(parts), strict=True) if works), choice)
            if choice == before:
                break
        return choice


def _distance(score: float, reached: Callable[[Floats], Bools]) -> float:
    """Return how far a score is from the target; `reached` knows its ends."""
    low, high = getattr(reached, "low", -math.inf), getattr(reached, "high", math.inf)
    return max(low - score, score - high, 0.0)


def _room(sizes: Sequence[int], budget: int) -> int:
    """Return how many options of a column may be tried so that all columns together stay within a budget."""
    room, left = 0, budget
    for i, size in enumerate(sorted(sizes)):
        share = left // (len(sizes) - i)
        room = max(room, min(size, share))
        left -= min(size, share)
    return max(room, 2)


def _spread(many: int, most: int) -> list[int]:
    """Return up to `most` of 0..many-1, evenly spread, both ends included."""
    if many <= most:
        return list(range(many))
    return [int(i) for i in np.unique(np.linspace(0, many - 1, most).round())]


def _parts(choice: Choice) -> Iterator[Choice]:
    """Yield every part of a change that is smaller than it, and not nothing."""
    for size in range(1, len(choice)):
        yield from itertools.combinations(choice, size)


def _one_of_each_set(choices: Sequence[Choice]) -> Iterator[Choice]:
    seen: set[frozenset[int]] = set()
    for choice in choices:
        which = frozenset(c for c, _ in choice)
        if which not in seen:
            seen.add(which)
            yield choice
