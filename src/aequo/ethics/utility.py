"""`evaluate_utilitarian_impact`: what decisions bring to whom, and what that adds up to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aequo.core.counts import Counts
from aequo.core.sections_ethics import StakeholderPolicy
from aequo.core.table import Table
from aequo.errors import InputError, PolicyError, did_you_mean
from aequo.ethics.describe import describe
from aequo.ethics.impact import Impact
from aequo.ethics.tally import Tally, tally
from aequo.ethics.weigh import scene_of
from aequo.ethics.welfare import Aversion

__all__ = [
    "BASELINE",
    "DECISIONS",
    "check_call",
    "counted",
    "evaluate_utilitarian_impact",
    "settle_stakeholders",
    "taking_part",
]

DECISIONS, BASELINE = "decisions", "baseline"
_Names = str | Sequence[str] | None
_Tables = Mapping[str, Any]


def evaluate_utilitarian_impact(
    decisions: Any,
    *,
    utilities: _Tables | None = None,
    stakeholders: Sequence[StakeholderPolicy | Mapping[str, Any]] | None = None,
    weights: Mapping[str, float] | None = None,
    baseline: Counts | str | None = None,
    group: _Names = None,
    label: str | None = None,
    prediction: str | None = None,
    weight: str | None = None,
    favourable: Any = None,
    aversion: Aversion | None = None,
    shift: float | None = None,
    min_size: int = 20,
    confidence: float = 0.95,
    replicates: int = 1000,
    seed: int = 0,
) -> Impact:
    """Weigh what decisions bring to each group and stakeholder, and sum it up in every form of welfare.

    Parameters
    ----------
    decisions : Counts, or anything that `aequo.Table.of` takes
        Counts of groups, label and prediction; or rows, and then `group`, `label` and `prediction` name their columns.
        Where there is no prediction, the label is the decision itself.
    utilities : mapping, optional
        Outcome to utility, for the people alone; or stakeholder to such a mapping. Outcomes are ``tp``, ``fp``, ``fn``
        and ``tn``; ``selected`` and ``rejected`` where the decision alone counts; or, for more classes,
        ``"label -> prediction"`` or the classes of the decision. In any unit; harm is negative.
    stakeholders : sequence of StakeholderPolicy or mapping, optional
        In place of `utilities`, with weights, utilities of single groups, and whether one is one party.
    weights : mapping of str to float, optional
        Weight of each stakeholder, 0 or more; goes before those of `stakeholders`. They are scaled to sum to 1.
    baseline : Counts or str, optional
        What is there now: other counts, or a control column of the counts with other decisions on the same rows.
    group : str or sequence of str, optional
        Group columns, crossed.
    label, prediction, weight : str, optional
        Columns, where rows are given.
    favourable : Any, optional
        The favourable value; 1 or True by default.
    aversion : Aversion, optional
        How much inequality weighs in Atkinson's, the generalised Gini and the prioritarian form.
    shift : float, optional
        What Atkinson's and Nash's forms add to utilities; by default as much as makes the worst outcome 0.
    min_size : int
        Groups with fewer rows take no part.
    confidence : float
        Level of the intervals, in (0, 1).
    replicates, seed : int
        Of the bootstrap, for welfare that has no interval of its own.

    Returns
    -------
    Impact
        Expected utility per group, benefit and harm, welfare, and against a baseline who loses most.

    Raises
    ------
    InputError
        If utilities do not fit the outcomes, or the data cannot be used.

    Notes
    -----
    Intervals of groups are likelihood intervals of the multinomial model. Maximin has a simultaneous one, mean and sum
    combine the groups' by the square-and-add rule, the other forms have a multinomial bootstrap of the cells.

    References
    ----------
    See `aequo.ethics.WELFARES` for the source of each form.

    Examples
    --------
    >>> rows = {"sex": ["f"] * 50 + ["m"] * 50, "hired": [1] * 20 + [0] * 30 + [1] * 40 + [0] * 10}
    >>> table = {"selected": 1, "rejected": -1}
    >>> impact = evaluate_utilitarian_impact(rows, utilities=table, group="sex", prediction="hired")
    >>> [(g.group, round(g.utility, 3)) for g in impact["people"].groups]
    [('f', -0.2), ('m', 0.6)]
    >>> {w.form: round(w.value, 3) for w in impact.welfare if w.form in ("sum", "mean", "maximin")}
    {'sum': 20.0, 'mean': 0.2, 'maximin': -0.2}
    """
    settled = settle_stakeholders(utilities, stakeholders, weights)
    check_call(confidence, min_size, replicates)
    aversion = aversion or Aversion()
    column = baseline if isinstance(baseline, str) else None
    counts = counted(decisions, group=group, label=label, prediction=prediction, weight=weight, baseline=column)
    how = {"by": group, "favourable": favourable} if isinstance(decisions, Counts) else {"favourable": favourable}
    found = tally(counts, settled, baseline=column, **how)
    options = {DECISIONS: found}
    if isinstance(baseline, Counts):
        options[BASELINE] = tally(baseline, settled, option=BASELINE, **how)
    elif column is not None:
        options[BASELINE] = found
    kept, left_out = taking_part(options, min_size)
    _check_groups(settled, found.groups)
    scene = scene_of(kept, settled, aversion, shift=shift, replicates=replicates, seed=seed) if kept else None
    compared = None
    if scene is not None and baseline is not None:
        from aequo.ethics.options import rank

        compared = rank(scene, settled, left_out, confidence=confidence, min_size=min_size, now=BASELINE)
    return describe(
        scene, settled, found, left_out, DECISIONS, confidence=confidence, min_size=min_size, aversion=aversion,
        against=BASELINE if baseline is not None else None, options=compared,
    )  # fmt: skip


def settle_stakeholders(
    utilities: _Tables | None,
    stakeholders: Sequence[StakeholderPolicy | Mapping[str, Any]] | None,
    weights: Mapping[str, float] | None = None,
) -> tuple[StakeholderPolicy, ...]:
    """Return the stakeholders that a call describes, in one form.

    Parameters
    ----------
    utilities, stakeholders, weights
        As for `evaluate_utilitarian_impact`.

    Raises
    ------
    InputError
        If both or neither are given, or they cannot be read.

    Examples
    --------
    >>> [s.name for s in settle_stakeholders({"applicant": {"selected": 1, "rejected": 0}}, None)]
    ['applicant']
    """
    if (utilities is None) == (not stakeholders):
        seen = "neither" if utilities is None else "both"
        raise InputError(f"{seen} of utilities and stakeholders were given, expected one: what is an outcome worth?")
    if utilities is not None and not isinstance(utilities, Mapping):
        raise InputError(
            f"utilities are a {type(utilities).__name__}, expected outcome to number, such as {{'tp': 1}}."
        )
    try:
        if stakeholders:
            found = [s if isinstance(s, StakeholderPolicy) else StakeholderPolicy(**s) for s in stakeholders]
        elif all(isinstance(v, Mapping) for v in (utilities or {}).values()) and utilities:
            found = [StakeholderPolicy(name=name, utilities=table) for name, table in utilities.items()]
        else:
            found = [StakeholderPolicy(name="people", utilities=utilities or {})]
    except (PolicyError, TypeError) as error:
        raise InputError(str(error)) from None
    names = [s.name for s in found]
    twice = next((n for i, n in enumerate(names) if n in names[:i]), None)
    if twice is not None:
        raise InputError(f"two stakeholders are named {twice!r}, expected a name for each.")
    for name in weights or {}:
        if name not in names:
            raise InputError(f"weights name {name!r}, which is no stakeholder.{did_you_mean(name, names)}")
    try:
        return tuple(
            StakeholderPolicy(
                name=s.name,
                utilities=s.utilities,
                by_group=s.by_group,
                weight=(weights or {}).get(s.name, s.weight),
                one_party=s.one_party,
            )
            for s in found
        )
    except PolicyError as error:
        raise InputError(str(error)) from None


def check_call(confidence: float, min_size: int, replicates: int) -> None:
    """Refuse arguments that are out of range."""
    if not 0 < confidence < 1:
        raise InputError(f"confidence is {confidence:g}, expected a number between 0 and 1, such as 0.95.")
    if min_size < 1:
        raise InputError(f"min_size is {min_size}, expected a whole number of 1 or more.")
    if replicates < 100:
        raise InputError(f"replicates is {replicates}, expected 100 or more.")


def counted(
    decisions: Any,
    *,
    group: _Names,
    label: str | None,
    prediction: str | None,
    weight: str | None,
    baseline: str | None,
) -> Counts:
    """Return counts as they are, or count rows."""
    if isinstance(decisions, Counts):
        given = {"label": label, "prediction": prediction, "weight": weight}
        named = next((k for k, v in given.items() if v is not None), None)
        if named is not None:
            raise InputError(f"{named} names a column, and counts were given, whose columns are known already.")
        return decisions
    if group is None:
        raise InputError("no group column was given: say which column names the groups (group=).")
    control = () if baseline is None else (baseline,)
    table = Table.of(decisions)
    return table.counts(
        group=group, label=label, prediction=prediction, weight=weight, control=control, task="multiclass"
    )


def _check_groups(stakeholders: Sequence[StakeholderPolicy], groups: Sequence[str]) -> None:
    for s in stakeholders:
        for name in s.by_group:
            if name not in groups:
                raise InputError(
                    f"by_group of {s.name!r} names {name!r}, which is no group here: there are "
                    f"{', '.join(groups[:20])}.{did_you_mean(name, groups)}"
                )


def taking_part(options: Mapping[str, Tally], min_size: int) -> tuple[dict[str, Tally], dict[str, int]]:
    """Return the options over the groups that have enough rows under each, and the other groups with their rows.

    Without any such group the first part is empty.
    """
    names = list(dict.fromkeys(g for t in options.values() for g in t.groups))
    rows = {g: min(int(t.sizes[t.groups.index(g)]) if g in t.groups else 0 for t in options.values()) for g in names}
    weighed = {g for g in names if all(g in t.groups and t.w[t.groups.index(g)].sum() > 0 for t in options.values())}
    first = next(iter(options.values()))
    if any(t.outcomes != first.outcomes for t in options.values()):
        raise InputError("the options' outcomes differ; give utilities of each outcome that occurs in any of them.")
    kept = [g for g in names if rows[g] >= min_size and g in weighed]
    done: dict[int, Tally] = {}
    for t in options.values():
        done.setdefault(id(t), t.keep([t.groups.index(g) for g in kept]))
    left = {g: rows[g] for g in names if g not in kept}
    return ({name: done[id(t)] for name, t in options.items()} if kept else {}), left
