"""Counterfactuals: the smallest plausible change of a person's row with which the decision would have been another."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aequo.core.counts import Floats
from aequo.core.policy import Policy
from aequo.errors import InputError
from aequo.models.predicting import Model
from aequo.models.rows import Rows, as_rows
from aequo.transparency.columns import Column, ask, asked_of, check_columns, column_of
from aequo.transparency.plausible import Plausible
from aequo.transparency.recourse import Choice, Search, options_of
from aequo.transparency.ways import Change, Counterfactual, Counterfactuals, Searched

__all__ = ["counterfactuals"]

_EXAMPLES = 40
"""Real rows with the wanted decision whose values are tried together."""
_LOOKED_AT = 500
"""Rows that a model's own threshold is tried on."""
_DECISIONS = (None, "favourable", "unfavourable")


@dataclass(frozen=True, slots=True)
class _Target:
    """The scores that are wanted."""

    low: float
    high: float

    def __call__(self, scores: Floats) -> NDArray[np.bool_]:
        return (scores >= self.low) & (scores <= self.high)


def counterfactuals(
    model: Any,
    row: Any,
    *,
    data: Any,
    target: str | float | tuple[float | None, float | None] | None = None,
    threshold: float | None = None,
    immutable: Sequence[str] | str | None = None,
    change_only: Sequence[str] | str | None = None,
    monotone: Mapping[str, str] | None = None,
    n: int = 3,
    max_changed: int = 4,
    plausible: float | None = 0.95,
    budget: int = 20_000,
    max_rows: int = 5_000,
    policy: Policy | None = None,
    outcome: str | None = None,
    words: Mapping[str, str] | None = None,
    seed: int = 0,
) -> Counterfactuals:
    """Return the smallest plausible changes of one row with which the model would decide otherwise.

    Parameters
    ----------
    model : estimator, pipeline, callable or Model
        What `aequo.models.predicting.as_model` takes.
    row : int, mapping, Series, one-row frame or array
        The position of a row of `data`, or the values of one.
    data : frame, mapping, array, path or Table
        Rows of real people. Every value that is proposed is one that somebody here has.
    target : {"favourable", "unfavourable"}, number or pair, optional
        The scores that are wanted: on the other side of the threshold, at least a number, or between two of which one
        may be None. Favourable by default, which is a score of at least `threshold`; of a regression it has to be said.
    threshold : float, optional
        Scores from here on are favourable; without it, what the model itself would predict.
    immutable : str or sequence of str, optional
        Columns that a person cannot change; those of the policy's groups by default.
    change_only : str or sequence of str, optional
        The only columns that may change.
    monotone : mapping of str to {"up", "down"}, optional
        Numbers that can only rise or fall, such as ``{"age": "up"}``.
    n : int
        How many to return at most.
    max_changed : int
        Most columns in one change.
    plausible : float or None
        A change must leave the row as near to a real row with the wanted decision as this share of those rows are to
        each other, or as the row is now to the nearest other person; and it must not combine two values, one of them a
        category, that never go together although at least five rows would have both if they were independent. None
        asks for neither.
    budget : int
        Rows that the model may be asked about.
    max_rows : int
        Of more rows of data, so many are sampled.
    policy : Policy, optional
        Gives the immutable columns.
    outcome : str, optional
        The wanted decision as a word, such as ``"approved"``.
    words : mapping of str to str, optional
        Names of columns for people.
    seed : int
        Of the samples. The same seed gives the same result.

    Returns
    -------
    Counterfactuals
        Each was given to the model by itself and has the wanted score. No part of it is enough and plausible by itself,
        each of its columns moves the score the right way, and no value nearer to the present one will do, with the
        others as they are.

    Raises
    ------
    UnknownColumn
        If a column is not there.
    InputError
        If an option or the row cannot be used.

    Notes
    -----
    Fewest columns first, then the least distance. Of one column every value in the data is tried; pairs of columns on
    a grid of such values, which is as fine as the budget allows, and with the values of the nearest real rows; more
    columns from such a row, by putting back what is not needed, and by a beam search from the changes that come
    nearest. What is found is made smaller until nothing can be taken back. `Searched` says how far each step went.
    A counterfactual speaks of the model, not of the world: it is no promise that the change can be made, or helps.

    References
    ----------
    S. Wachter, B. Mittelstadt, C. Russell (2018), "Counterfactual explanations without opening the black box", Harvard
    Journal of Law & Technology 31. B. Ustun, A. Spangher, Y. Liu (2019), "Actionable recourse in linear
    classification", FAT*.

    Examples
    --------
    >>> people = {"debt": [i / 100 for i in range(100)], "years": [i % 10 for i in range(100)]}
    >>> found = counterfactuals(lambda x: (x["debt"] < 0.4) * 0.8, 91, data=people, outcome="approved")
    >>> found.found[0].sentence
    'Approved if debt were 0.39 instead of 0.91.'
    """
    _possible(n, max_changed, plausible, budget)
    placed = _is_position(row)
    asked, rows = asked_of(model, data, most=None if placed else max_rows, seed=None if placed else seed)
    here = _row(rows, row)
    rows = here.rows
    columns = {name: column_of(rows, name) for name in rows.names}
    fixed = _fixed(immutable, change_only, policy, rows.names)
    judge, wanted = _judge(asked, rows, here.at, target, threshold)
    free = tuple(c for c in rows.names if c not in fixed)
    options = [
        options_of(columns[c], float(columns[c].values[here.at]), direction=_direction(monotone, c, columns))
        for c in free
    ]
    check_columns(list(monotone or ()), rows.names)
    score = float(ask(asked, rows, np.array([here.at]))[0])
    near = Plausible(columns, here.at, here.real, plausible)
    search = Search(judge, rows, here.at, free, options, wanted, budget, near.allowed(free, options))
    chosen: list[Choice] = []
    already = bool(wanted(ask(judge, rows, np.array([here.at])))[0])
    if not already:
        near.learn(judge, rows, wanted, seed)
        search.examples = near.examples(free, options, _EXAMPLES)
        chosen = _diverse(_all(search, n, min(max_changed, len(free))), n, search)
    say = _Words(outcome or _outcome(target, wanted), words or {}, columns, here.at)
    chosen = [c for c in chosen if wanted(ask(judge, rows, search.at([c])))[0]]  # by itself, as a person would be
    found = tuple(_found(asked, choice, search, near, say) for choice in chosen)
    searched = Searched(
        columns=free,
        immutable=tuple(c for c in rows.names if c in fixed),
        asked=search.asked,
        budget=budget,
        exhaustive=search.exhaustive,
        max_changed=min(max_changed, len(free)),
        limits=tuple(x for x in (search.cut, near.note) if x),
        implausible=search.implausible,
        nearest_limit=near.limit,
        real_rows=near.many,
    )
    low, high = (None if math.isinf(end) or judge is not asked else end for end in (wanted.low, wanted.high))
    why = _why(found, searched, score, say.outcome, already=already)
    return Counterfactuals(found=found, score=score, target=(low, high), already=already, why=why, searched=searched)


# -- what was asked ---------------------------------------------------------------------------------------------------


def _possible(n: int, max_changed: int, plausible: float | None, budget: int) -> None:
    for name, value, least in (("n", n, 1), ("max_changed", max_changed, 1), ("budget", budget, 10)):
        if isinstance(value, bool) or value != int(value) or value < least:
            raise InputError(f"{name} is {value!r}, expected a whole number from {least}.")
    if plausible is not None and not 0 < plausible <= 1:
        raise InputError(f"plausible is {plausible!r}, expected a share above 0 and up to 1, or None.")


def _is_position(row: Any) -> bool:
    return isinstance(row, (int, np.integer)) and not isinstance(row, bool)


@dataclass(frozen=True, slots=True)
class _Here:
    """The explained row among the others."""

    rows: Rows
    at: int
    real: int


def _row(rows: Rows, row: Any) -> _Here:
    if _is_position(row):
        if not 0 <= row < len(rows):
            raise InputError(f"row {row} was asked for, and the data has rows 0 to {len(rows) - 1:,}.")
        return _Here(rows, int(row), len(rows))
    one = as_rows(row, rows.names, like=rows)
    if len(one) != 1:
        raise InputError(f"{len(one):,} rows were given to be explained, expected one.")
    return _Here(rows.over(one), len(rows), len(rows))


def _fixed(
    immutable: Sequence[str] | str | None,
    change_only: Sequence[str] | str | None,
    policy: Policy | None,
    names: Sequence[str],
) -> set[str]:
    if immutable is None:
        fixed = {c for c in (policy.groups.columns if policy is not None else ()) if c in names}
    else:
        given = [immutable] if isinstance(immutable, str) else list(immutable)
        check_columns(given, names)
        fixed = set(given)
    if change_only is not None:
        only = [change_only] if isinstance(change_only, str) else list(change_only)
        check_columns(only, names)
        if both := fixed & set(only):
            raise InputError(f"{min(both)!r} is immutable, and change_only names it.")
        fixed |= set(names) - set(only)
    return fixed


def _direction(monotone: Mapping[str, str] | None, name: str, columns: Mapping[str, Column]) -> str | None:
    way = (monotone or {}).get(name)
    if way not in (None, "up", "down"):
        raise InputError(f"monotone says {way!r} of {name!r}, expected 'up' or 'down'.")
    if way is not None and not columns[name].numeric:
        raise InputError(f"monotone names {name!r}, which holds no numbers.")
    return way


def _wanted(target: Any, threshold: float) -> _Target:
    if target in (None, "favourable"):
        return _Target(threshold, math.inf)
    if target == "unfavourable":
        return _Target(-math.inf, math.nextafter(threshold, -math.inf))
    if isinstance(target, (int, float)) and not isinstance(target, bool) and math.isfinite(target):
        return _Target(float(target), math.inf)
    if isinstance(target, (tuple, list)) and len(target) == 2 and any(t is not None for t in target):
        low, high = (
            -math.inf if target[0] is None else float(target[0]),
            math.inf if target[1] is None else float(target[1]),
        )
        if low <= high:
            return _Target(low, high)
    raise InputError(
        f"the target is {target!r}, expected 'favourable', 'unfavourable', a least score, or a pair of scores."
    )


def _judge(model: Model, rows: Rows, at: int, target: Any, threshold: float | None) -> tuple[Model, _Target]:
    """Return what is asked whether a row has the wanted decision, and the scores that say so.

    Where no threshold tells what the model itself decides, that is the model with scores that do.
    """
    if threshold is not None or target not in _DECISIONS:
        return model, _wanted(target, 0.5 if threshold is None else threshold)
    if not model.classes:
        raise InputError("the model predicts numbers; say which are wanted: target=..., such as a least number.")
    limit = model.own_threshold(rows.take(np.unique([*range(min(len(rows), _LOOKED_AT)), at])))
    return (model, _wanted(target, limit)) if limit is not None else (model.deciding(), _wanted(target, 0.5))


def _outcome(target: Any, wanted: _Target) -> str:
    if target in _DECISIONS:
        return str(target or "favourable")
    if math.isinf(wanted.high):
        return f"at least {wanted.low:g}"
    return f"at most {wanted.high:g}" if math.isinf(wanted.low) else f"{wanted.low:g} to {wanted.high:g}"


# -- what was found ---------------------------------------------------------------------------------------------------


def _all(search: Search, n: int, most: int) -> list[Choice]:
    """Return what is found, with as few columns as will do."""
    if not search.columns:
        return []
    pool = search.singles()
    if len(pool) < n and most >= 2:
        pool += search.pairs()
    if len(pool) < n and most >= 2:
        pool += search.towards_examples(most)
    for size in range(3, most + 1):
        if len(pool) >= n or search.asked >= search.budget:
            break
        pool += search.beam(size)
    return sorted(dict.fromkeys(pool), key=search.order)


def _diverse(pool: Sequence[Choice], n: int, search: Search) -> list[Choice]:
    """Return the smallest, then again and again the one whose columns are least like those already taken."""
    best: dict[frozenset[int], Choice] = {}
    for choice in pool:
        best.setdefault(frozenset(c for c, _ in choice), choice)
    left = dict(best)
    taken: list[frozenset[int]] = []
    while left and len(taken) < n:
        which = min(
            left, key=lambda s: (-min((1 - len(s & t) / len(s | t) for t in taken), default=1.0), search.order(left[s]))
        )
        taken.append(which)
        del left[which]
    return [best[which] for which in taken]


@dataclass(frozen=True, slots=True)
class _Words:
    """How changes are put into words."""

    outcome: str
    names: Mapping[str, str]
    columns: Mapping[str, Column]
    at: int

    def sentence(self, changes: Sequence[tuple[str, float]]) -> str:
        parts = []
        for name, after in changes:
            column = self.columns[name]
            called = self.names.get(name, name.replace("_", " "))
            before = column.show(float(column.values[self.at]))
            parts.append(f"{called} were {column.show(after)} instead of {before}")
        listed = f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else parts[0]
        return f"{self.outcome[:1].upper()}{self.outcome[1:]} if {listed}."


def _found(model: Model, choice: Choice, search: Search, near: Plausible, say: _Words) -> Counterfactual:
    changes = [(search.columns[c], search.options[c][o].value) for c, o in choice]
    columns = say.columns
    nearest = None
    if near.real is not None:
        nearest = float(near.real.nearest(near.changed([choice], search.columns, search.options))[0])
    return Counterfactual(
        changes=tuple(
            Change(name, columns[name].plain(float(columns[name].values[say.at])), columns[name].plain(after))
            for name, after in changes
        ),
        score=float(ask(model, search.rows, search.at([choice]))[0]),
        distance=search.cost(choice),
        nearest=nearest,
        sentence=say.sentence(changes),
    )


def _why(found: Sequence[Counterfactual], searched: Searched, score: float, outcome: str, *, already: bool) -> str:
    if already:
        return f"The decision is {outcome} as it is: the score is {score:.4g}."
    if found:
        fewest = len(found[0].changes)
        columns = "one column" if fewest == 1 else f"{fewest} columns"
        ways = "One change was" if len(found) == 1 else f"{len(found)} changes were"
        return f"{ways} found with which it would be {outcome}; the smallest is of {columns}."
    if not searched.columns:
        return f"None found: no column may change ({', '.join(searched.immutable)} are immutable)."
    every = {0: "", 1: "; every value of each single column was tried"}.get(
        searched.exhaustive, "; every value of each column and of each pair was tried"
    )
    limits = "".join(f"; {text}" for text in searched.limits)
    passed = f"; {searched.implausible:,} changes would do, and nobody is like that" if searched.implausible else ""
    kept = f", {', '.join(searched.immutable)} as they are" if searched.immutable else ""
    return (
        f"None found within changes of up to {searched.max_changed} of {len(searched.columns)} columns{kept}: "
        f"{searched.asked:,} changed rows were given to the model{every}{limits}{passed}."
    )
