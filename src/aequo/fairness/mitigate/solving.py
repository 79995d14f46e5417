"""From the groups' curves to their thresholds: who is pooled, what is optimised, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from aequo.core.counts import Floats, Groups
from aequo.core.intervals import normal_quantile, wilson
from aequo.errors import InputError, did_you_mean
from aequo.fairness.mitigate.hull import Curve, Rule, mixture
from aequo.fairness.mitigate.optimum import Problem, best_mixtures, best_points, nearest_mixture, nearest_point
from aequo.fairness.mitigate.outcome import GroupRule, Rate, ThresholdResult

__all__ = ["CONSTRAINTS", "Constraint", "Costs", "Question", "costs_of", "solve"]

Constraint = Literal["demographic_parity", "equal_opportunity", "false_positive_rate_parity", "equalized_odds"]
CONSTRAINTS: tuple[str, ...] = get_args(Constraint)

_RATES: Mapping[str, tuple[str, ...]] = {
    "demographic_parity": ("selection_rate",),
    "equal_opportunity": ("true_positive_rate",),
    "false_positive_rate_parity": ("false_positive_rate",),
    "equalized_odds": ("true_positive_rate", "false_positive_rate"),
}
_CANDIDATES = {1: (20_000, 100_000), 2: (1_000, 6_000)}
"""Thresholds tried without a coin, for each group and for all, by the number of compared rates."""
_SOLVER = 1e-6
_WORDS = {
    "selection_rate": "rows",
    "true_positive_rate": "rows with the favourable label",
    "false_positive_rate": "rows with the unfavourable label",
}

Curves = Callable[[Sequence[int]], Curve]
"""Gives the curve of some groups taken together, by their positions."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What one decision costs, by what was true and what was decided; only differences matter for the optimum."""

    fp: float = 1.0
    fn: float = 1.0
    tp: float = 0.0
    tn: float = 0.0

    def of(self, curve: Curve) -> Floats:
        """Return the cost of a group's decisions at each point of its curve."""
        wrong = self.fn * (curve.positives - curve.tp) + self.fp * curve.fp
        return wrong + self.tp * curve.tp + self.tn * (curve.negatives - curve.fp)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked: see the parameters of `FairThresholdOptimizer`."""

    constraint: Constraint
    tolerance: float
    costs: Any
    randomised: bool
    min_group: int
    small_groups: str


@dataclass(frozen=True, slots=True, eq=False)
class _Unit:
    """Groups that share a rule."""

    members: tuple[int, ...]
    curve: Curve
    own: str


def costs_of(cost: Any, overall: Curve) -> Costs:
    """Return the costs that were asked for.

    Parameters
    ----------
    cost : None, "balanced", mapping or 2 x 2 matrix
        None for the share of wrong decisions; ``"balanced"`` for one less the balanced accuracy; a mapping of ``fp``,
        ``fn``, ``tp`` and ``tn`` (0 where it is silent); or a matrix ``[[tn, fp], [fn, tp]]``, rows by truth.
    overall : Curve
        Of all rows, which ``"balanced"`` needs.

    Raises
    ------
    InputError
        If it is none of these.
    """
    if cost is None:
        return Costs()
    if isinstance(cost, str):
        if cost != "balanced":
            raise InputError(f"cost is {cost!r}; expected None, 'balanced', a mapping such as {{'fp': 1, 'fn': 5}}.")
        total = overall.positives + overall.negatives
        return Costs(fp=total / (2 * overall.negatives), fn=total / (2 * overall.positives))
    if isinstance(cost, Mapping):
        unknown = [str(k) for k in cost if k not in ("fp", "fn", "tp", "tn")]
        if unknown:
            raise InputError(f"cost has the key {unknown[0]!r}; expected 'fp', 'fn', 'tp', 'tn'.")
        values = {key: cost.get(key, 0.0) for key in ("fp", "fn", "tp", "tn")}
    else:
        try:
            (tn, fp), (fn, tp) = cost
        except (TypeError, ValueError):
            raise InputError("cost is no 2 x 2 matrix; expected [[tn, fp], [fn, tp]], rows by truth.") from None
        values = {"fp": fp, "fn": fn, "tp": tp, "tn": tn}
    try:
        numbers = {key: float(value) for key, value in values.items()}
    except (TypeError, ValueError):
        raise InputError("cost holds something that is not a number.") from None
    if not np.isfinite(list(numbers.values())).all():
        raise InputError("cost holds a value that is not finite.")
    return Costs(**numbers)


def solve(groups: Groups, curves: Curves, question: Question) -> ThresholdResult:
    """Return the thresholds of each group at the least cost.

    Parameters
    ----------
    groups : Groups
        The groups; those with a missing value are of nobody, and get the rule for everyone.
    curves : callable
        Gives the curve of groups taken together.
    question : Question
        What is asked.

    Raises
    ------
    InputError
        If there is no group to fit thresholds for, only one label, or a small group is refused.
    """
    if question.constraint not in CONSTRAINTS:
        near = did_you_mean(str(question.constraint), CONSTRAINTS)
        raise InputError(f"constraint is {question.constraint!r}; expected one of {', '.join(CONSTRAINTS)}.{near}")
    overall = curves(range(len(groups)))
    if not overall.positives or not overall.negatives:
        raise InputError("all labels are of one class; thresholds need rows of both.")
    rates = _RATES[question.constraint]
    notes: list[str] = []
    alone = {g: curves([g]) for g in np.flatnonzero(~groups.missing).tolist()}
    units = _units(groups, alone, curves, question, rates, notes)
    costs = costs_of(question.costs, overall)
    total = sum(u.curve.positives + u.curve.negatives for u in units)
    _note_undefined(groups, units, rates, notes)
    rules = _optimal(units, question, costs, rates, notes)
    reached = [[u.curve.under(r, _rate(u.curve, name)) for u, r in zip(units, rules, strict=True)] for name in rates]
    gaps = {name: _gap(values) for name, values in zip(rates, reached, strict=True)}
    gap = max((g for g in gaps.values() if g is not None), default=None)
    met = None if gap is None else gap <= question.tolerance + _SOLVER
    trivial = all(r.trivial for r in rules)
    if trivial:
        notes.append("No rule that uses the score is cheaper within the tolerance: every group's rule ignores it.")
    everyone = _for_everyone(overall, question, costs, rates, reached, notes)
    shared = {g: (u.own, r) for u, r in zip(units, rules, strict=True) for g in u.members}
    return ThresholdResult(
        constraint=question.constraint,
        tolerance=question.tolerance,
        randomised=question.randomised,
        columns=groups.columns,
        groups=tuple(_described(groups, g, curve, *shared.get(g, ("overall", everyone))) for g, curve in alone.items()),
        overall=everyone,
        gaps=gaps,
        met=met,
        trivial=trivial,
        cost=sum(u.curve.under(r, costs.of(u.curve)) for u, r in zip(units, rules, strict=True)) / total,
        cost_without=sum(float(costs.of(u.curve).min()) for u in units) / total,
        notes=tuple(notes),
    )


# -- who shares a rule -------------------------------------------------------------------------------------------------


def _units(
    groups: Groups,
    alone: Mapping[int, Curve],
    curves: Curves,
    question: Question,
    rates: tuple[str, ...],
    notes: list[str],
) -> list[_Unit]:
    # Rows that weigh nothing are no rows: a group of them has no curve to fit a threshold to.
    small = [g for g, c in alone.items() if _behind(c, rates) < question.min_group or not sum(c.n)]
    units = [_Unit((g,), curve, "own") for g, curve in alone.items() if g not in small]
    unknown = int(groups.n[groups.missing].sum())
    if unknown:
        notes.append(f"{unknown:,} rows of an unknown group took no part in the constraint.")
    if small:
        names = _listed([groups.labels[g] for g in small])
        fewer = f"fewer than {max(question.min_group, 1):,} {' or '.join(_WORDS[r] for r in rates)}"
        if question.small_groups == "refuse":
            raise InputError(f"groups with {fewer}: {names}; merge them, lower min_group, or pool them.")
        pool = _Unit(tuple(small), curves(small), "pooled")
        if question.small_groups == "pool" and len(small) > 1 and _behind(pool.curve, rates) >= question.min_group:
            units.append(pool)
            notes.append(f"Pooled, having {fewer}: {names}. They share one rule, and are compared as one group.")
        else:
            units_left = "" if units else " No group is large enough for a rule of its own."
            notes.append(f"Decided by the rule for everyone, having {fewer}: {names}.{units_left}")
    if not units:
        if not alone:
            raise InputError("no row has a known group; thresholds per group need one.")
        units = [_Unit(tuple(alone), curves(tuple(alone)), "overall")]
    if len(units) == 1:
        notes.append("There is one group to fit thresholds for, so that nothing was compared.")
    return units


def _behind(curve: Curve, rates: tuple[str, ...]) -> int:
    """Return the fewest rows behind a compared rate."""
    rows = {"selection_rate": sum(curve.n), "true_positive_rate": curve.n[1], "false_positive_rate": curve.n[0]}
    return min(rows[r] for r in rates)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")


def _note_undefined(groups: Groups, units: list[_Unit], rates: tuple[str, ...], notes: list[str]) -> None:
    for rate in rates:
        without = [_listed([groups.labels[g] for g in u.members]) for u in units if not _defined(u.curve, rate)]
        if without:
            notes.append(f"No {_WORDS[rate]}, so that this rate is undefined and not compared: {_listed(without)}.")


# -- what is optimised -------------------------------------------------------------------------------------------------


def _optimal(
    units: list[_Unit], question: Question, costs: Costs, rates: tuple[str, ...], notes: list[str]
) -> list[Rule]:
    """Return the rule of each unit."""
    most = _candidates(len(rates), len(units))
    points = [u.curve.hull() if question.randomised else u.curve.thinned(most) for u in units]
    problems = [_problem(p, u.curve, costs, rates) for p, u in zip(points, units, strict=True)]
    if question.randomised:
        weights = best_mixtures(problems, question.tolerance)
        return [mixture(p, w) for p, w in zip(points, weights, strict=True)]
    if any(len(p.thresholds) < len(u.curve.thresholds) for p, u in zip(points, units, strict=True)):
        notes.append(
            f"Of each group's thresholds about {most:,} were tried: the corners of its ROC hull, and others evenly "
            "spread over its rates."
        )
    chosen = best_points(problems, question.tolerance)
    return [Rule((float(p.thresholds[k]),), (1.0,)) for p, k in zip(points, chosen, strict=True)]


def _candidates(rates: int, units: int) -> int:
    each, together = _CANDIDATES[rates]
    return min(each, max(together // units, 100))


def _rate(curve: Curve, name: str) -> Floats:
    return {"selection_rate": curve.selected, "true_positive_rate": curve.tpr, "false_positive_rate": curve.fpr}[name]


def _defined(curve: Curve, rate: str) -> bool:
    return _behind(curve, (rate,)) > 0


def _problem(points: Curve, whole: Curve, costs: Costs, rates: tuple[str, ...]) -> Problem:
    compared = tuple(_rate(points, r) if _defined(whole, r) else None for r in rates)
    return Problem(costs.of(points), compared)


def _gap(values: Sequence[float]) -> float | None:
    there = [v for v in values if v == v]
    return max(there) - min(there) if len(there) > 1 else None


def _for_everyone(
    overall: Curve,
    question: Question,
    costs: Costs,
    rates: tuple[str, ...],
    reached: Sequence[Sequence[float]],
    notes: list[str],
) -> Rule:
    """Return the rule for people of an unknown group: the cheapest with rates like those that the groups have."""
    windows = []
    for values in reached:
        there = [v for v in values if v == v]
        windows.append((min(there, default=0.0), max(there, default=1.0)))
    points = overall.hull() if question.randomised else overall.thinned(_candidates(len(rates), 1))
    problem = _problem(points, overall, costs, rates)
    if question.randomised:
        rule = mixture(points, nearest_mixture(problem, windows))
    else:
        rule = Rule((float(points.thresholds[nearest_point(problem, windows)]),), (1.0,))
    for name, (low, high) in zip(rates, windows, strict=True):
        value = overall.under(rule, _rate(overall, name))
        away = max(low - value, value - high)
        if away > max(question.tolerance, 0.005):
            notes.append(
                f"The rule for people of an unknown group misses the others' {name.replace('_', ' ')} by {away:.2g}."
            )
    return rule


# -- what is said of it ------------------------------------------------------------------------------------------------


def _described(groups: Groups, g: int, curve: Curve, own: str, rule: Rule) -> GroupRule:
    effective = dict(zip(("false_positive_rate", "true_positive_rate", "selection_rate"), curve.effective, strict=True))
    rows = {"selection_rate": sum(curve.n), "true_positive_rate": curve.n[1], "false_positive_rate": curve.n[0]}
    rates = {name: _estimate(curve.under(rule, _rate(curve, name)), rows[name], effective[name]) for name in rows}
    return GroupRule(name=groups.labels[g], group=groups.names[g], rule=rule, own=own, n=int(groups.n[g]), **rates)


def _estimate(value: float, rows: int, effective: float) -> Rate:
    if not rows or value != value:
        return Rate(None, None, rows)
    value = min(max(value, 0.0), 1.0)
    low, high = wilson(np.array([value * effective]), np.array([effective]), normal_quantile(0.975))
    return Rate(value, (float(low[0]), float(high[0])), rows)
