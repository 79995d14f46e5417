"""Which generalisation makes a release safe enough at little loss: a greedy search over hierarchies of rules.

The search never sees a row. Coarser values merge classes, so what a plan reaches is computed from the classes that were
counted once, and it is exactly what counting the generalised rows again gives.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aequo.core.counts import Floats, Ints
from aequo.core.levels import Level, sort_levels
from aequo.errors import InputError, UnknownColumn, did_you_mean
from aequo.privacy.releases.classes import Axis, Classes, Held
from aequo.privacy.releases.hierarchy import hierarchy
from aequo.privacy.releases.measures import (
    Diversity,
    Taxonomy,
    closeness,
    distinct_values,
    effective_values,
    known_only,
    recursive_ratio,
)
from aequo.privacy.releases.rules import Bins, Drop, GeneralisationPlan, Rule

__all__ = ["Goal", "Suggestion", "suggestions"]

State = tuple[int, ...]

_MOST_STATES = 20_000
_MOST_CLASSES = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What a release must reach.

    Attributes
    ----------
    k : int
        Rows in every class.
    diversity : int or None
        The l of l-diversity.
    form : {"distinct", "entropy", "recursive"}
        Of l-diversity.
    c : float
        Of recursive (c, l)-diversity.
    closeness : float or None
        Largest distance of a class's sensitive values from those of all rows.
    taxonomies : mapping of str to Taxonomy
        Of sensitive columns.
    ordered : frozenset of str
        Sensitive columns whose values are numbers or dates.
    """

    k: int
    diversity: int | None
    closeness: float | None
    form: Diversity = "distinct"
    c: float = 3.0
    taxonomies: Mapping[str, Taxonomy]
    ordered: frozenset[str]

    def failing(self, classes: Classes) -> NDArray[np.bool_]:
        """Return which classes do not reach it."""
        bad = classes.n < self.k
        for held in classes.held:
            known = known_only(held)
            if self.diversity is not None:
                bad |= self._alike(known, len(classes.n), self.diversity)
            if self.closeness is not None:
                bad |= np.nan_to_num(self.distance(known, len(classes.n))) > self.closeness + 1e-12
        return bad

    def _alike(self, known: Held, classes: int, least: int) -> NDArray[np.bool_]:
        """Return which classes are not diverse enough; one without any value tells nothing."""
        if self.form == "entropy":
            return effective_values(known, classes) < least - 1e-9
        if self.form == "recursive":
            return recursive_ratio(known, classes, least) >= self.c
        found = distinct_values(known, classes)
        return (found < least) & (found > 0)

    def distance(self, known: Held, classes: int) -> Floats:
        """Return the Earth Mover's distance of each class for one sensitive column."""
        name = known.axis.name
        return closeness(known, classes, ordered=name in self.ordered, taxonomy=self.taxonomies.get(name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """A plan, and what it reaches.

    Attributes
    ----------
    plan : GeneralisationPlan
        What is done.
    k : int
        Rows in the smallest class afterwards.
    diversity : mapping of str to int
        Fewest different values of each sensitive column in a class.
    closeness : mapping of str to float
        Largest distance of a class, for each sensitive column.
    classes, rows : int
        Classes and rows that are left.
    suppressed : int
        Rows that are taken out.
    loss : float
        Normalised certainty penalty, 0 (nothing lost) to 1 (all lost): the mean over rows and quasi-identifiers of the
        share of the column's range, or of its values, that a value stands for [1]_. A row that is taken out has lost
        all.
    discernibility : float
        Mean number of rows that a row cannot be told from, as a share of all rows; a row that is taken out is told
        from none [2]_.
    optimal : bool
        Whether it is known that no plan of the same hierarchies, with as few rows taken out, loses less.
    why : str
        One sentence.

    References
    ----------
    .. [1] J. Xu, W. Wang, J. Pei, X. Wang, B. Shi, A. Fu (2006), "Utility-based anonymization using local recoding",
       KDD.
    .. [2] R. Bayardo, R. Agrawal (2005), "Data privacy through optimal k-anonymization", ICDE.
    """

    plan: GeneralisationPlan
    k: int
    diversity: Mapping[str, int]
    closeness: Mapping[str, float]
    classes: int
    rows: int
    suppressed: int
    loss: float
    discernibility: float
    optimal: bool
    why: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "plan": self.plan.to_dict(),
            "k": self.k,
            "diversity": dict(self.diversity),
            "closeness": dict(self.closeness),
            "classes": self.classes,
            "rows": self.rows,
            "suppressed": self.suppressed,
            "loss": self.loss,
            "discernibility": self.discernibility,
            "optimal": self.optimal,
            "why": self.why,
        }


# -- the search -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Step:
    """One level of one column's hierarchy: what each value becomes, and the mean loss."""

    rule: Rule | None
    axis: Axis
    lookup: Ints
    loss: float


def _chain(axis: Axis, sizes: Ints, rules: Sequence[Rule]) -> list[_Step]:
    """Return the levels of a column: as it is, then each rule; each must be coarser than the one before."""
    chain = [_step(axis, sizes, rule) for rule in (None, *dict.fromkeys(rules))]
    for number, (finer, coarser) in enumerate(itertools.pairwise(chain)):
        pairs = {*zip(finer.lookup.tolist(), coarser.lookup.tolist(), strict=True)}
        if len(pairs) > len(set(finer.lookup.tolist())):
            raise InputError(
                f"rule {number + 1} for {axis.name!r} tells values apart that the rule before it does not; "
                "give rules from fine to coarse."
            )
    return chain


def _step(axis: Axis, sizes: Ints, rule: Rule | None) -> _Step:
    if rule is None:
        return _Step(None, axis, np.arange(len(axis.levels)), 0.0)
    try:
        labels: list[Level] = [rule.of(v) for v in axis.levels]
    except ValueError:
        raise InputError(f"column {axis.name!r} holds {axis.kind}; bins are for numbers.") from None
    levels = tuple(sort_levels(set(labels)))
    where = {v: i for i, v in enumerate(levels)}
    lookup = np.array([where[v] for v in labels], dtype=np.int64)
    rows = max(int(sizes.sum()), 1)
    penalty = _penalty(axis, rule, lookup, len(levels))
    return _Step(rule, Axis(axis.name, "text", levels), lookup, float((sizes * penalty).sum() / rows))


def _penalty(axis: Axis, rule: Rule, lookup: Ints, width: int) -> Floats:
    """Return, for each value, the share of the column that what it becomes stands for."""
    there = np.array([v is not None for v in axis.levels])
    if isinstance(rule, Drop):
        return there.astype(np.float64)
    if isinstance(rule, Bins):
        values = np.array([float(v) if v is not None else np.nan for v in axis.levels])
        finite = values[np.isfinite(values)]
        low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 0.0)
        ends = np.clip(np.array([low, *rule.edges, high]), low, high)
        at = np.searchsorted(np.array(rule.edges), values, side="right")
        return np.where(there, np.diff(ends)[at] / (high - low) if high > low else 0.0, 0.0)
    leaves = np.bincount(lookup[there], minlength=width)
    share = np.where(leaves > 1, leaves / max(int(there.sum()), 1), 0.0)
    return np.where(there, share[lookup], 0.0)


class _Search:
    """States of a lattice: how far up each column's hierarchy is. What is measured of a state is kept."""

    def __init__(self, classes: Classes, goal: Goal, chains: Sequence[Sequence[_Step]]) -> None:
        self.classes = classes
        self.goal = goal
        self.chains = chains
        self._risk: dict[State, int] = {}

    def at(self, state: State) -> Classes:
        """Return the classes in a state."""
        steps = [chain[i] for chain, i in zip(self.chains, state, strict=True)]
        return self.classes.regrouped([s.axis for s in steps], [s.lookup for s in steps])

    def loss(self, state: State) -> float:
        """Return the mean loss over the columns."""
        return math.fsum(chain[i].loss for chain, i in zip(self.chains, state, strict=True)) / len(self.chains)

    def risk(self, state: State) -> int:
        """Return how many rows are in classes that do not reach the goal."""
        if state not in self._risk:
            classes = self.at(state)
            self._risk[state] = int(classes.n[self.goal.failing(classes)].sum())
        return self._risk[state]

    def left(self, state: State) -> tuple[Classes, int]:
        """Return the classes once those that are too small are taken out, and the rows that this costs."""
        classes = self.at(state)
        kept = classes.where(classes.n >= self.goal.k)
        return kept, classes.rows - kept.rows

    def reached(self, state: State, budget: int) -> bool:
        """Return whether the goal is reached with at most so many rows taken out."""
        if self.risk(state) == 0:
            return True
        if not budget:
            return False
        kept, lost = self.left(state)
        return lost <= budget and kept.rows > 0 and not self.goal.failing(kept).any()

    def climb(self, budget: int) -> State | None:
        """Take the step that saves most rows for its loss until the goal is reached; take back what is not needed."""
        state: State = (0,) * len(self.chains)
        while not self.reached(state, budget):
            above = self._neighbours(state, 1)
            if not above:
                return None
            here, cost = self.risk(state), self.loss(state)
            # Ties go to the smaller loss, and then to the first column.
            state = max(above, key=lambda s: ((here - self.risk(s)) / (self.loss(s) - cost + 1e-9), -self.loss(s)))
        while True:
            finer = [s for s in self._neighbours(state, -1) if self.reached(s, budget)]
            if not finer:
                return state
            state = min(finer, key=self.loss)

    def best(self, start: State, budget: int) -> State:
        """Return the state of least loss that reaches the goal, among all that lose less than `start`.

        What a state does not reach, no finer one does: a row in a class that is large and diverse enough stays in one
        when classes merge. So each answer rules out many states, and few are looked at.
        """
        states = np.array(list(itertools.product(*(range(len(chain)) for chain in self.chains))), dtype=np.int16)
        losses = np.sum([np.array([s.loss for s in c])[states[:, i]] for i, c in enumerate(self.chains)], axis=0)
        found = start
        open_ = losses < self.loss(start) * len(self.chains) - 1e-12
        while open_.any():
            left = np.flatnonzero(open_)
            middle = left[np.argsort(losses[left], kind="stable")[len(left) // 2]]
            state: State = tuple(states[middle].tolist())
            if self.reached(state, budget):
                found = state
                open_ &= losses < losses[middle]
            else:
                open_ &= (states > states[middle]).any(axis=1)
        return found

    def _neighbours(self, state: State, by: int) -> list[State]:
        return [
            (*state[:i], level + by, *state[i + 1 :])
            for i, level in enumerate(state)
            if 0 <= level + by < len(self.chains[i])
        ]


def suggestions(
    classes: Classes,
    goal: Goal,
    *,
    most_suppressed: float = 0.05,
    hierarchies: Mapping[str, Sequence[Rule]] | None = None,
    progress: Callable[[str], None] | None = None,
) -> tuple[Suggestion, ...]:
    """Return plans that reach the goal, by their loss: without taking out rows, and with a few taken out.

    Parameters
    ----------
    classes : Classes
        What was counted.
    goal : Goal
        What must be reached.
    most_suppressed : float
        Largest share of rows to take out, 0..1.
    hierarchies : mapping of str to sequence of Rule, optional
        Rules from fine to coarse for some columns, instead of those of `hierarchy`. Leaving the column out is added.
    progress : callable, optional
        Told in a few words what is done.

    Returns
    -------
    tuple of Suggestion
        None of them, if even one class of all rows would not do.

    Notes
    -----
    Greedy: from the finest state the step is taken that brings most rows out of failing classes for its loss; at the
    end steps are taken back as long as the goal stays reached, so that no column could be one step finer. Where there
    are few enough combinations (20,000, of at most 200,000 classes), those that would lose less are ruled out or found.
    In general the problem is NP-hard [1]_. A rule holds for the whole column.

    References
    ----------
    .. [1] A. Meyerson, R. Williams (2004), "On the complexity of optimal k-anonymity", PODS.
    """
    given = dict(hierarchies or {})
    for column in given:
        if column not in classes.names:
            raise UnknownColumn(
                f"there are rules for {column!r}, which is not among the quasi-identifiers."
                f"{did_you_mean(column, classes.names)}"
            )
    chains = []
    for i, axis in enumerate(classes.axes):
        sizes = classes.size_of(i)
        rules = (*given[axis.name], Drop()) if axis.name in given else hierarchy(axis, sizes, k=goal.k)
        chains.append(_chain(axis, sizes, rules))
    search = _Search(classes, goal, chains)
    found: dict[State, Suggestion] = {}
    every = math.prod(map(len, chains)) <= _MOST_STATES and len(classes.n) <= _MOST_CLASSES
    budgets = sorted({0.0, min(0.01, most_suppressed), most_suppressed})
    for share in budgets:
        if progress is not None:
            progress(f"Searching plans that take out at most {100 * share:g} % of the rows")
        budget = math.floor(share * classes.rows)
        state = search.climb(budget)
        if state is not None and every:
            state = search.best(state, budget)
        if state is not None and state not in found:
            found[state] = _suggestion(search, state, optimal=every and not (budget and goal.closeness))
    return tuple(sorted(found.values(), key=lambda s: (s.loss, s.suppressed)))


def _suggestion(search: _Search, state: State, *, optimal: bool) -> Suggestion:
    kept, lost = search.left(state) if search.risk(state) else (search.at(state), 0)
    rows = search.classes.rows
    rules = {
        chain[i].axis.name: rule
        for chain, i in zip(search.chains, state, strict=True)
        if (rule := chain[i].rule) is not None
    }
    plan = GeneralisationPlan(quasi=search.classes.names, rules=rules, smallest=search.goal.k if lost else 1)
    known = [known_only(held) for held in kept.held]
    diversity = {h.axis.name: _least(distinct_values(h, len(kept.n))) for h in known}
    distance = {h.axis.name: _largest(search.goal.distance(h, len(kept.n))) for h in known}
    loss = search.loss(state) * (1 - lost / rows) + lost / rows
    k = int(kept.n.min())
    measured = [f"k = {k:,}", *(f"at least {n} values of {c} in each class" for c, n in diversity.items())]
    removed = f", {lost:,} of {rows:,} rows are taken out" if lost else ""
    return Suggestion(
        plan=plan,
        k=k,
        diversity=diversity,
        closeness=distance,
        classes=len(kept.n),
        rows=kept.rows,
        suppressed=lost,
        loss=loss,
        discernibility=float((kept.n.astype(np.float64) ** 2).sum() / rows**2 + lost / rows),
        optimal=optimal,
        why=f"{plan.words()}: {', '.join(measured)}; {loss:.0%} of the detail is lost{removed}.",
    )


def _least(values: Ints) -> int:
    known = values[values > 0]
    return int(known.min()) if len(known) else 0


def _largest(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(known.max()) if len(known) else 0.0
