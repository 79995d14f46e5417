"""`Tally`: how often each outcome of each option befell each group, from counts of decisions."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aequo.core.counts import Counts, Dim, Floats, Ints
from aequo.core.favourable import favourable_codes, listed, resolve_favourable, speak_alike
from aequo.core.levels import Level
from aequo.core.sections_ethics import StakeholderPolicy
from aequo.errors import InputError, did_you_mean

__all__ = ["ARROW", "CONFUSION", "DECISION", "Tally", "outcome_kind", "tables_of", "tally"]

CONFUSION = ("tp", "fn", "fp", "tn")
"""Outcomes where the label is known: true positive, false negative, false positive, true negative."""

DECISION = ("selected", "rejected")
"""Outcomes where the decision alone counts: the favourable one, and the other."""

ARROW = " -> "
"""Between label and prediction, in the name of an outcome of more than two classes."""

MOST_OUTCOMES = 400


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """Rows of each outcome in each group, for one option or for several on the same rows.

    Attributes
    ----------
    subject : str
        Group column, or crossed columns as ``"race × sex"``.
    groups : tuple of str
        Names of the groups, in order; rows that name none are not in it.
    outcomes : tuple of str
        Names of the outcomes.
    n : int array, shape (K, J)
        Rows of each joint cell: those that have one outcome under each option, also where there are none.
    w, w2 : float array, shape (K, J)
        Sums of weights and squared weights; `n` where rows are not weighted.
    cells : mapping of str to int array, shape (J,)
        Option to the outcome of each joint cell, an index into `outcomes`.
    unknown : int
        Rows whose group or outcome is not known, and which are in none of the above.
    """

    subject: str
    groups: tuple[str, ...]
    outcomes: tuple[str, ...]
    n: Ints
    w: Floats
    w2: Floats
    cells: Mapping[str, Ints]
    unknown: int

    @property
    def sizes(self) -> Ints:
        """Rows of each group, shape (K,)."""
        return np.asarray(self.n.sum(axis=1), dtype=np.int64)

    @property
    def effective(self) -> Floats:
        """Joint cells scaled to Kish's effective number of rows of each group, (sum w)^2 / sum w^2."""
        total, squares = self.w.sum(axis=1), self.w2.sum(axis=1)
        scale = np.divide(total, squares, out=np.zeros(len(total)), where=squares > 0)
        return np.asarray(self.w * scale[:, None], dtype=np.float64)

    def of(self, option: str, joint: Floats) -> Floats:
        """Add joint cells, shape (..., J), up to the outcomes of one option, shape (..., C)."""
        return np.asarray(joint @ np.eye(len(self.outcomes))[self.cells[option]], dtype=np.float64)

    def keep(self, groups: Sequence[int]) -> Tally:
        """Return the tally of some groups only."""
        at = list(groups)
        names = tuple(self.groups[i] for i in at)
        return Tally(self.subject, names, self.outcomes, self.n[at], self.w[at], self.w2[at], self.cells, self.unknown)


def outcome_kind(stakeholders: Sequence[StakeholderPolicy]) -> str:
    """Return what the utilities speak of: ``"confusion"``, ``"decision"``, ``"pairs"`` or ``"classes"``.

    One stakeholder may speak of decisions where another speaks of labels too; then labels are counted.

    Raises
    ------
    InputError
        If one table mixes them.
    """
    kinds = {s.name: _kind(s) for s in stakeholders}
    for fine, coarse in (("confusion", "decision"), ("pairs", "classes")):
        if set(kinds.values()) <= {fine, coarse}:
            return fine if fine in kinds.values() else coarse
    listed = "; ".join(f"{name}: {kind}" for name, kind in kinds.items())
    raise InputError(f"the stakeholders' utilities are of different kinds ({listed}); expected one kind.")


def _kind(stakeholder: StakeholderPolicy) -> str:
    keys = set(stakeholder.utilities)
    for kind, known in (("confusion", CONFUSION), ("decision", DECISION)):
        if keys & set(known):
            rest = sorted(keys - set(known)) or [k for k in known if k not in keys]
            if rest:
                what = "is no outcome of" if rest[0] in keys else "is missing in"
                hint = did_you_mean(rest[0], known) if rest[0] in keys else " Write 0 where it is neither good nor bad."
                raise InputError(
                    f"{rest[0]!r} {what} the utilities of {stakeholder.name!r}, expected {', '.join(known)}.{hint}"
                )
            return kind
    pairs = {ARROW in key for key in keys}
    if len(pairs) > 1:
        raise InputError(
            f"the utilities of {stakeholder.name!r} mix outcomes such as 'label{ARROW}prediction' with others; "
            "expected one kind."
        )
    return "pairs" if pairs.pop() else "classes"


def tally(
    counts: Counts,
    stakeholders: Sequence[StakeholderPolicy],
    *,
    by: Sequence[str] | str | None = None,
    favourable: Any = None,
    option: str = "decisions",
    baseline: str | None = None,
    baseline_name: str = "baseline",
) -> Tally:
    """Tabulate outcomes by group.

    Parameters
    ----------
    counts : Counts
        With a prediction, a label, or both; the label alone is the decision itself.
    stakeholders : sequence of StakeholderPolicy
        Their utilities say which outcomes are meant.
    by : str or sequence of str, optional
        Group columns to cross; all by default.
    favourable : Any, optional
        The favourable value; 1 or True by default.
    option : str
        Name of what the counts' decisions are.
    baseline : str, optional
        A control column of the counts that holds other decisions on the same rows; or the label, where that is what was
        decided before.
    baseline_name : str
        Name of that option.

    Raises
    ------
    InputError, UnknownColumn
        If the counts do not have what the utilities speak of.
    """
    kind = outcome_kind(stakeholders)
    label, prediction = counts.role("label"), counts.role("prediction")
    if label is None and prediction is None:
        raise InputError("utilities are of decisions, and these counts have no label or prediction with classes.")
    if kind in ("confusion", "pairs") and (label is None or prediction is None):
        lacks = "prediction" if prediction is None else "label"
        raise InputError(
            f"the utilities speak of labels and decisions, and there is no {lacks}: give it, or utilities of "
            f"{' and '.join(DECISION)} alone."
        )
    decided = {option: prediction or label}
    if baseline is not None:
        other = counts.dims[counts.axis(baseline)]
        if other.role not in ("control", "label"):
            raise InputError(f"{baseline!r} is a {other.role} of these counts; the baseline is a column of its own.")
        _same_classes(counts, other)
        decided[baseline_name] = other
    groups = counts.groups(by)
    if kind in ("confusion", "decision"):
        best = resolve_favourable(counts, favourable)
        speak_alike(counts)
        outcomes: tuple[str, ...] = CONFUSION if kind == "confusion" else DECISION
        found = {name: _binary(counts, dim, best, kind) for name, dim in decided.items()}
    else:
        outcomes, found = _many(counts, decided, kind, stakeholders)
    codes = np.stack(list(found.values()), axis=1)
    known = (codes >= 0).all(axis=1) & ~groups.missing[groups.codes] & (counts.n > 0)
    return _collect(counts, groups.codes, groups.labels, groups.subject, codes, known, outcomes, tuple(decided))


def _same_classes(counts: Counts, other: Dim) -> None:
    """Refuse a baseline whose values are none of the outcome's: each would be read as the unfavourable one."""
    known = {v for d in counts.dims if d.role in ("label", "prediction") for v in d.levels if v is not None}
    seen, binary = {v for v in other.levels if v is not None}, {"0", "1", "True", "False"}
    if counts.thresholded or not seen - known or (seen <= binary and known <= binary):
        return
    raise InputError(
        f"the baseline {other.name!r} has values that are no outcome here: {listed(seen - known)}; outcomes are "
        f"{listed(known)}."
    )


def _binary(counts: Counts, dim: Any, best: str, kind: str) -> Ints:
    """Return the outcome of each cell, -1 where it is not known."""
    p = favourable_codes(counts, dim, best)
    if kind == "decision":
        return np.where(p == 2, -1, 1 - p)
    y = favourable_codes(counts, counts.role("label"), best)
    return np.where((p == 2) | (y == 2), -1, 2 * (1 - y) + (1 - p))


def _many(
    counts: Counts, decided: Mapping[str, Any], kind: str, stakeholders: Sequence[StakeholderPolicy]
) -> tuple[tuple[str, ...], dict[str, Ints]]:
    texts: dict[str, list[str | None]] = {}
    label = counts.role("label")
    truth: list[Level] = [None] * len(counts.n)
    if kind == "pairs" and label is not None:
        truth = [label.levels[i] for i in counts.codes[:, counts.axis(label.name)]]
    for name, dim in decided.items():
        values = [dim.levels[i] for i in counts.codes[:, counts.axis(dim.name)]]
        if kind == "pairs":
            pairs = zip(truth, values, strict=True)
            texts[name] = [None if y is None or p is None else f"{y}{ARROW}{p}" for y, p in pairs]
        else:
            texts[name] = list(values)
    seen = {t for column in texts.values() for t in column if t is not None}
    outcomes = tuple(sorted(seen | _unseen(stakeholders, seen, counts, kind)))
    if len(outcomes) > MOST_OUTCOMES:
        raise InputError(f"there are {len(outcomes)} different outcomes, at most {MOST_OUTCOMES} can be weighed.")
    where = {name: i for i, name in enumerate(outcomes)}
    return outcomes, {
        name: np.array([-1 if t is None else where[t] for t in column], dtype=np.int64)
        for name, column in texts.items()
    }


def _collect(
    counts: Counts,
    group: Ints,
    labels: tuple[str, ...],
    subject: str,
    codes: Ints,
    known: np.ndarray[Any, np.dtype[np.bool_]],
    outcomes: tuple[str, ...],
    options: tuple[str, ...],
) -> Tally:
    present = np.unique(group[known])
    place = np.full(len(labels), -1, dtype=np.int64)
    place[present] = np.arange(len(present))
    could = _joint(outcomes, len(options))
    joint, inverse = np.unique(np.concatenate([could, codes[known]]), axis=0, return_inverse=True)
    size = len(joint)
    flat = place[group[known]] * max(size, 1) + inverse.reshape(-1)[len(could) :]
    shape = (len(present), size)

    def total(values: Floats) -> Floats:
        return np.bincount(flat, values[known], minlength=shape[0] * shape[1]).astype(np.float64).reshape(shape)

    n = total(counts.n.astype(np.float64))
    return Tally(
        subject=subject,
        groups=tuple(labels[i] for i in present),
        outcomes=outcomes,
        n=n.astype(np.int64),
        w=n if counts.w is None else total(counts.w),
        w2=n if counts.w2 is None else total(counts.w2),
        cells={name: joint[:, i] for i, name in enumerate(options)},
        unknown=int(counts.n[~known].sum()),
    )


def _joint(outcomes: tuple[str, ...], options: int) -> Ints:
    """Return the outcomes that a row can have under each option, shape (J, options): a row has one label.

    What no row here had can still happen: a change for the worse that nobody suffered yet has an interval too. Of very
    many none is returned, and those that occur have to do.
    """
    label = {name: name in ("tp", "fn") if outcomes == CONFUSION else name.rpartition(ARROW)[0] for name in outcomes}
    alike = [[i for i, name in enumerate(outcomes) if label[name] == one] for one in dict.fromkeys(label.values())]
    if sum(len(some) ** options for some in alike) > MOST_OUTCOMES:
        return np.zeros((0, options), dtype=np.int64)
    found = [row for some in alike for row in itertools.product(some, repeat=options)]
    return np.array(found, dtype=np.int64).reshape(-1, options)


def _unseen(stakeholders: Sequence[StakeholderPolicy], seen: set[str], counts: Counts, kind: str) -> set[str]:
    """Return the outcomes that have a utility and did not occur; a class that is in no column is a mistake."""
    known = {v for d in counts.dims if d.role in ("label", "prediction", "control") for v in d.levels if v is not None}
    out = set()
    for s in stakeholders:
        for outcome in s.utilities:
            parts = outcome.split(ARROW) if kind == "pairs" and ARROW in outcome else [outcome]
            wrong = next((part for part in parts if part not in known), None)
            if wrong is not None and outcome not in seen:
                raise InputError(
                    f"the utilities of {s.name!r} name {wrong!r}, which is no label or decision here: there are "
                    f"{listed(known)}.{did_you_mean(wrong, known)}"
                )
            if kind == "classes" or ARROW in outcome:
                out.add(outcome)
    return out


def tables_of(stakeholder: StakeholderPolicy, groups: Sequence[str], outcomes: Sequence[str]) -> Floats:
    """Return a stakeholder's utility of each outcome for each group, shape (K, C).

    Parameters
    ----------
    stakeholder : StakeholderPolicy
        Its utilities may be of decisions where the outcomes know labels too.
    groups, outcomes : sequence of str
        Names, in order.

    Raises
    ------
    InputError
        If an outcome has no utility.

    Examples
    --------
    >>> lender = StakeholderPolicy(name="lender", utilities={"selected": 2, "rejected": 0})
    >>> tables_of(lender, ["a"], CONFUSION).tolist()
    [[2.0, 0.0, 2.0, 0.0]]
    """
    out = np.zeros((len(groups), len(outcomes)))
    for k, group in enumerate(groups):
        table = {**stakeholder.utilities, **stakeholder.by_group.get(group, {})}
        for c, outcome in enumerate(outcomes):
            key = outcome if outcome in table else _coarse(outcome)
            if key not in table:
                raise InputError(
                    f"the outcome {outcome!r} has no utility for {stakeholder.name!r}: write one, 0 where it is "
                    "neither good nor bad."
                )
            out[k, c] = table[key]
    return out


def _coarse(outcome: str) -> str:
    """Return what an outcome is where the decision alone counts."""
    if outcome in CONFUSION:
        return DECISION[0] if outcome in ("tp", "fp") else DECISION[1]
    return outcome.rpartition(ARROW)[2]
