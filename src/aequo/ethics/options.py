"""`compare_options`: several options ranked under every form of welfare, and what would turn a ranking over."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from aequo.core.counts import Counts, Floats
from aequo.core.sections_ethics import StakeholderPolicy
from aequo.errors import InputError, did_you_mean
from aequo.ethics.describe import describe, welfare_of
from aequo.ethics.flips import flips_of
from aequo.ethics.impact import Impact, Options, Ranking, Standing, Welfare
from aequo.ethics.tally import tally
from aequo.ethics.utility import check_call, settle_stakeholders, taking_part
from aequo.ethics.weigh import Scene, around, critical, lexicographic, scene_of
from aequo.ethics.welfare import Aversion

__all__ = ["compare_options", "rank"]


def compare_options(
    options: Mapping[str, Counts],
    *,
    utilities: Mapping[str, Any] | None = None,
    stakeholders: Sequence[StakeholderPolicy | Mapping[str, Any]] | None = None,
    weights: Mapping[str, float] | None = None,
    baseline: str | None = None,
    by: str | Sequence[str] | None = None,
    favourable: Any = None,
    aversion: Aversion | None = None,
    shift: float | None = None,
    min_size: int = 20,
    confidence: float = 0.95,
    replicates: int = 1000,
    seed: int = 0,
) -> Options:
    """Rank options, such as remedies, by what they bring to whom.

    Parameters
    ----------
    options : mapping of str to Counts
        Two or more, each the counts of its decisions, of the same groups. Options may be one `Counts` twice. Which rows
        are the same is not known, so that intervals of differences take them as different people; for two options on
        the same rows, `evaluate_utilitarian_impact` with a baseline column knows better.
    baseline : str, optional
        The option that changes are against; none by default.
    by : str or sequence of str, optional
        Group columns to cross; all by default.
    utilities, stakeholders, weights, favourable, aversion, shift, min_size, confidence, replicates, seed
        As for `evaluate_utilitarian_impact`.

    Returns
    -------
    Options
        Rankings under each form, with intervals of how far each is behind the first; flips; the Pareto set.

    Raises
    ------
    InputError
        If there are fewer than two options, or they do not fit each other or the utilities.

    Notes
    -----
    The groups' shares of people are the same for all options (the mean over them), so that welfare differs by what
    people get and not by who was counted. Groups with too few rows under any option take no part.

    Examples
    --------
    >>> from aequo.core.table import Table
    >>> sex = ["f"] * 100 + ["m"] * 100
    >>> few, many = [1] * 20 + [0] * 80 + [1] * 70 + [0] * 30, [1] * 40 + [0] * 60 + [1] * 45 + [0] * 55
    >>> now = Table.of({"sex": sex, "hired": few}).counts(group="sex", prediction="hired")
    >>> fair = Table.of({"sex": sex, "hired": many}).counts(group="sex", prediction="hired")
    >>> found = compare_options({"now": now, "fair": fair}, utilities={"selected": 1, "rejected": 0})
    >>> found.ranking("mean").first, found.ranking("maximin").first, found.pareto
    ('now', 'fair', ('now', 'fair'))
    """
    if len(options) < 2:
        raise InputError(f"{len(options)} option was given, expected two or more to compare.")
    if baseline is not None and baseline not in options:
        raise InputError(f"there is no option {baseline!r}: {', '.join(options)}.{did_you_mean(baseline, options)}")
    check_call(confidence, min_size, replicates)
    settled = settle_stakeholders(utilities, stakeholders, weights)
    tallies = {
        name: tally(counts, settled, by=by, favourable=favourable, option=name) for name, counts in options.items()
    }
    kept, left_out = taking_part(tallies, min_size)
    if not kept:
        raise InputError(f"no group has {min_size} rows with a known outcome under every option: nothing to compare.")
    scene = scene_of(kept, settled, aversion or Aversion(), shift=shift, replicates=replicates, seed=seed)
    return rank(scene, settled, left_out, confidence=confidence, min_size=min_size, now=baseline)


def rank(
    scene: Scene,
    stakeholders: Sequence[StakeholderPolicy],
    left_out: Mapping[str, int],
    *,
    confidence: float,
    min_size: int,
    now: str | None = None,
) -> Options:
    """Rank the options of a scene; see `compare_options`."""
    names = tuple(scene.options)
    dominated = _dominated(scene, names)
    welfare = {name: {w.form: w for w in welfare_of(scene, name, confidence)} for name in names}
    forms = list(welfare[names[0]])
    values = {name: scene.overall(scene.observed[name]) for name in names}
    drawn = {name: scene.overall(scene.drawn[name]) for name in names}
    rankings = []
    for form in forms:
        if form == "leximin":
            rankings.append(_leximin(scene, names, dominated))
            continue
        value = {name: float(values[name][form]) for name in names}
        replicates = {name: drawn[name][form] for name in names}
        rankings.append(_ranking(form, value, replicates, {n: welfare[n][form] for n in names}, dominated, confidence))
    tallies = {id(t) for t in scene.options.values()}
    return Options(
        subject=next(iter(scene.options.values())).subject,
        names=names,
        impacts={name: _described(scene, stakeholders, left_out, name, confidence, min_size, now) for name in names},
        rankings=tuple(rankings),
        flips=flips_of(scene, rankings, confidence),
        pareto=tuple(name for name in names if name not in dominated),
        dominated=dominated,
        paired=len(tallies) == 1,
        confidence=confidence,
        notes=_notes(scene, len(tallies) == 1),
    )


def _described(
    scene: Scene,
    stakeholders: Sequence[StakeholderPolicy],
    left_out: Mapping[str, int],
    name: str,
    confidence: float,
    min_size: int,
    now: str | None,
) -> Impact:
    return describe(
        scene,
        stakeholders,
        scene.options[name],
        left_out,
        name,
        confidence=confidence,
        min_size=min_size,
        aversion=scene.aversion,
        against=now if now is not None and now != name else None,
    )


def _dominated(scene: Scene, names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return each option that another is at least as good as for every stakeholder and group, and better for one."""
    flat = {name: _concerned(scene, scene.observed[name]) for name in names}
    tiny = 1e-12 * max(1.0, *(float(np.abs(v).max()) for v in flat.values()))
    out: dict[str, tuple[str, ...]] = {}
    for a in names:
        by = tuple(b for b in names if (flat[b] >= flat[a] - tiny).all() and (flat[b] > flat[a] + tiny).any())
        if by:
            out[a] = by
    return out


def _concerned(scene: Scene, u: Floats) -> Floats:
    """Return what each party has: the people their groups' utilities, one party its mean."""
    parts = [np.array([u[s] @ scene.share]) if party.one else u[s] for s, party in enumerate(scene.parties)]
    return np.concatenate(parts)


def _ranking(
    form: str,
    value: Mapping[str, float],
    drawn: Mapping[str, Floats],
    welfare: Mapping[str, Welfare],
    dominated: Mapping[str, tuple[str, ...]],
    confidence: float,
) -> Ranking:
    if any(math.isnan(v) for v in value.values()):
        return Ranking(form=form, standings=(), why=next(w.why for w in welfare.values() if w.value is None))
    scale = max(abs(v) for v in value.values()) or 1.0
    # What differs by rounding alone is equal; of equals, one that another dominates goes after it.
    order = sorted(value, key=lambda name: (-round(value[name] / scale, 12), len(dominated.get(name, ()))))
    first, z = order[0], critical(confidence, len(order) - 1)
    standings = [
        Standing(
            option=first,
            value=value[first],
            interval=welfare[first].interval,
            behind=0.0,
            behind_interval=None,
            probability=1.0,
            certain=False,
        )
    ]
    for name in order[1:]:
        apart = drawn[first] - drawn[name]
        behind = value[first] - value[name]
        low, high = (float(x) for x in around(np.asarray(behind), apart, z))
        known = apart[~np.isnan(apart)]
        standings.append(
            Standing(
                option=name,
                value=value[name],
                interval=welfare[name].interval,
                behind=behind,
                behind_interval=None if math.isnan(low) else (low, high),
                probability=_ahead(np.sign(known)),
                certain=low > 0,
            )
        )
    return Ranking(form=form, standings=tuple(standings))


def _ahead(signs: Floats) -> float:
    return float((signs > 0).mean() + (signs == 0).mean() / 2) if len(signs) else 0.5


def _leximin(scene: Scene, names: Sequence[str], dominated: Mapping[str, tuple[str, ...]]) -> Ranking:
    """Rank by the worst-off group, then the next; certain where 97.5 % of replicates agree."""
    observed = {name: scene.leximin(scene.observed[name]) for name in names}
    drawn = {name: scene.leximin(scene.drawn[name]) for name in names}
    order: list[str] = []
    for name in names:  # insertion, since it is an order and no number
        at = len(order)
        while at > 0 and _before(observed[name], observed[order[at - 1]], name, order[at - 1], dominated):
            at -= 1
        order.insert(at, name)
    first = order[0]
    standings = []
    for name in order:
        p = 1.0 if name == first else _ahead(lexicographic(drawn[first], drawn[name]))
        standings.append(
            Standing(
                option=name,
                value=None,
                interval=None,
                behind=None,
                behind_interval=None,
                probability=p,
                certain=name != first and p >= 1 - 0.025 / max(len(names) - 1, 1),
            )
        )
    return Ranking(form="leximin", standings=tuple(standings))


def _before(a: Floats, b: Floats, name: str, other: str, dominated: Mapping[str, tuple[str, ...]]) -> bool:
    sign = float(lexicographic(a, b))
    return sign > 0 or (sign == 0 and len(dominated.get(name, ())) < len(dominated.get(other, ())))


def _notes(scene: Scene, paired: bool) -> tuple[str, ...]:
    out = [
        "How far an option is behind has an interval by a multinomial bootstrap of the cells, simultaneous over the "
        "options by Bonferroni's rule; a ranking is certain where it excludes 0.",
        "An option is in the Pareto set where no other is at least as good for every stakeholder and group and better "
        "for one, in the estimates as they are.",
    ]
    if not paired:
        out.append("The options are taken as decisions on different people: on the same rows, differences are surer.")
        sizes = {int(t.sizes.sum()) for t in scene.options.values()}
        if len(sizes) > 1:
            out.append("The options were counted on different numbers of rows; sums are for their mean number.")
    return tuple(out)
