"""What one option brings, as an `Impact`: groups, gaps, welfare, and who loses most."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from aequo.core.intervals import max_difference
from aequo.core.sections_ethics import StakeholderPolicy
from aequo.ethics.expected import likelihood_interval, mover
from aequo.ethics.impact import Change, Gap, GroupUtility, Impact, Options, StakeholderImpact, Welfare
from aequo.ethics.tally import Tally
from aequo.ethics.weigh import Party, Scene, around, critical
from aequo.ethics.welfare import Aversion

__all__ = ["describe", "welfare_of"]


def describe(
    scene: Scene | None,
    stakeholders: Sequence[StakeholderPolicy],
    found: Tally,
    left_out: Mapping[str, int],
    option: str,
    *,
    confidence: float,
    min_size: int,
    aversion: Aversion,
    against: str | None = None,
    options: Options | None = None,
) -> Impact:
    """Return what one option of a scene brings, in words and numbers.

    Parameters
    ----------
    scene : Scene or None
        None if no group has enough rows.
    stakeholders : sequence of StakeholderPolicy
        Whose utilities.
    found : Tally
        Of all groups, also those that take no part.
    left_out : mapping of str to int
        Groups that take no part, and their rows.
    option : str
        Which option.
    confidence, min_size, aversion
        As for `evaluate_utilitarian_impact`.
    against : str, optional
        The baseline among the scene's options.
    options : Options, optional
        The comparison with it.
    """
    parts = tuple(
        _of_stakeholder(scene, s, policy, left_out, option, confidence, min_size, against)
        for s, policy in enumerate(stakeholders)
    )
    return Impact(
        subject=found.subject,
        n=0 if scene is None else int(scene.options[option].sizes.sum()),
        unknown=found.unknown,
        left_out=tuple(left_out),
        stakeholders=parts,
        welfare=() if scene is None else welfare_of(scene, option, confidence),
        loses_most=None if scene is None or against is None else _loses_most(scene, option, against, confidence),
        options=options,
        parameters={"atkinson": aversion.atkinson, "gini": aversion.gini, "priority": aversion.priority},
        confidence=confidence,
        notes=_notes(scene, found, left_out, min_size, option, against),
    )


def _of_stakeholder(
    scene: Scene | None,
    s: int,
    policy: StakeholderPolicy,
    left_out: Mapping[str, int],
    option: str,
    confidence: float,
    min_size: int,
    against: str | None,
) -> StakeholderImpact:
    groups = [] if scene is None else _groups(scene, s, option, confidence, against)
    why = f"fewer than {min_size} rows"
    groups += [
        GroupUtility(group=g, n=n, share=None, judged=False, utility=None, interval=None, why=why)
        for g, n in left_out.items()
    ]
    party = None if scene is None else scene.parties[s]
    return StakeholderImpact(
        name=policy.name,
        weight=policy.weight if party is None else party.weight,
        one_party=policy.one_party,
        utilities=dict(policy.utilities),
        by_group={g: dict(t) for g, t in policy.by_group.items()},
        groups=tuple(groups),
        welfare=() if scene is None else _of_party(scene, s, option, confidence),
        gap=None if scene is None or policy.one_party else _gap(scene, s, option, confidence),
        shift=0.0 if party is None else party.shift,
    )


def _groups(scene: Scene, s: int, option: str, confidence: float, against: str | None) -> list[GroupUtility]:
    found, table, z = scene.options[option], scene.parties[s].table, critical(confidence)
    low, high = scene.interval(option, s, z)
    counts = found.of(option, found.w)
    shares = counts / counts.sum(axis=1, keepdims=True)
    changed = None if against is None else scene.change(option, against, s, z)
    out = []
    for k, name in enumerate(scene.groups):
        out.append(
            GroupUtility(
                group=name,
                n=int(found.sizes[k]),
                share=float(scene.share[k]),
                judged=True,
                utility=float(scene.observed[option][s, k]),
                interval=(float(low[k]), float(high[k])),
                benefit=float(shares[k] @ np.maximum(table[k], 0.0)),
                harm=float(shares[k] @ np.maximum(-table[k], 0.0)),
                outcomes={name: float(x) for name, x in zip(found.outcomes, shares[k], strict=True)},
                change=None if changed is None else float(changed[0][k]),
                change_interval=None if changed is None else (float(changed[1][k]), float(changed[2][k])),
            )
        )
    return out


def _gap(scene: Scene, s: int, option: str, confidence: float) -> Gap | None:
    """Return the largest difference between groups of what party `s` can expect; None for fewer than two groups."""
    found = scene.options[option]
    interval = likelihood_interval(found.of(option, found.effective), scene.parties[s].table)
    contrast = max_difference(scene.observed[option][s], interval, confidence=confidence)
    if math.isnan(contrast.value):
        return None
    names = scene.groups
    return Gap(
        value=contrast.value,
        interval=(contrast.low, contrast.high),
        best=names[contrast.high_group],
        worst=names[contrast.low_group],
    )


def _loses_most(scene: Scene, option: str, baseline: str, confidence: float) -> Change:
    """Return the group of a stakeholder, or the one party, whose expected utility falls most, or rises least.

    The true largest loss is that of one fixed group: its interval's end on the side of loss errs only if that group's
    own does, the other end is simultaneous over all.
    """
    many = sum(1 if party.one else len(scene.groups) for party in scene.parties)
    plain, strict = critical(confidence), critical(confidence, many)
    rows: list[tuple[str, str, float, float, float]] = []
    for s, party in enumerate(scene.parties):
        value, low, high = scene.change(option, baseline, s, plain)
        far = scene.change(option, baseline, s, strict)[2]
        if party.one:
            mean, down, _ = mover(value, low, high, scene.share)
            rows.append((party.name, "", mean, down, mover(value, low, far, scene.share)[2]))
        else:
            rows += [
                (party.name, group, float(value[k]), float(low[k]), float(far[k]))
                for k, group in enumerate(scene.groups)
            ]
    stakeholder, group, value_, _, _ = min(rows, key=lambda row: row[2])
    interval = (min(row[3] for row in rows), min(row[4] for row in rows))
    return Change(stakeholder=stakeholder, group=group, value=value_, interval=interval, certain=interval[1] < 0)


# -- welfare ----------------------------------------------------------------------------------------------------------


def _exact(scene: Scene, s: int, option: str, confidence: float) -> dict[str, tuple[float, float]]:
    """Return the intervals that need no bootstrap: of mean and sum, and of the worst-off group."""
    z = critical(confidence)
    _, low, high = scene.whole(option, s, z)
    out = {"mean": (low, high), "sum": (low * scene.people, high * scene.people)}
    if scene.parties[s].one:
        return {**out, "maximin": (low, high)}
    plain = scene.interval(option, s, z)[0]
    strict = scene.interval(option, s, critical(confidence, len(scene.groups)))[1]
    return {**out, "maximin": (float(plain.min()), float(strict.min()))}


def _of_party(scene: Scene, s: int, option: str, confidence: float) -> tuple[Welfare, ...]:
    u = scene.observed[option][s]
    ordered = np.sort(u) if not scene.parties[s].one else np.full(len(u), float(u @ scene.share))
    values, drawn = scene.of_party(s, u), scene.of_party(s, scene.drawn[option][:, s, :])
    return _welfare(values, drawn, _exact(scene, s, option, confidence), ordered, confidence, scene.parties[s : s + 1])


def welfare_of(scene: Scene, option: str, confidence: float) -> tuple[Welfare, ...]:
    """Return every form of welfare of all stakeholders under one option, with intervals."""
    values = scene.overall(scene.observed[option])
    drawn = scene.overall(scene.drawn[option])
    exact: dict[str, tuple[float, float]] = {}
    for s, party in enumerate(scene.parties):
        # Stakeholders look at the same rows, so that their errors may go together: ends are added up.
        for form, (low, high) in _exact(scene, s, option, confidence).items():
            at = exact.get(form, (0.0, 0.0))
            exact[form] = (at[0] + party.weight * low, at[1] + party.weight * high)
    return _welfare(values, drawn, exact, scene.leximin(scene.observed[option]), confidence, scene.parties)


def _welfare(
    values: Mapping[str, Any],
    drawn: Mapping[str, Any],
    exact: Mapping[str, tuple[float, float]],
    ordered: Any,
    confidence: float,
    parties: Sequence[Party],
) -> tuple[Welfare, ...]:
    out = []
    for form, value in values.items():
        number = float(value)
        if math.isnan(number):
            shift = ", ".join(f"{p.shift:g}" for p in parties)
            why = f"a group expects less than nothing, also with {shift} added: this form needs utilities above 0"
            out.append(Welfare(form=form, value=None, interval=None, why=why))
            continue
        if form in exact:
            interval: tuple[float, float] | None = exact[form]
        else:
            low, high = (float(x) for x in around(np.asarray(value), drawn[form], critical(confidence)))
            interval = None if math.isnan(low) else (low, high)
        out.append(Welfare(form=form, value=number, interval=interval))
        if form == "maximin":
            why = "an order: the worst-off group first, then the next"
            order = tuple(float(x) for x in np.asarray(ordered))
            out.append(Welfare(form="leximin", value=None, interval=None, order=order, why=why))
    return tuple(out)


def _notes(
    scene: Scene | None, found: Tally, left_out: Mapping[str, int], min_size: int, option: str, against: str | None
) -> tuple[str, ...]:
    out = [
        "Expected utility is the mean over a group's decisions of what their outcomes are worth; welfare is over the "
        "groups' expected utilities, weighted by their size, and says nothing of differences within a group.",
        "Intervals of groups are likelihood intervals; the forms of welfare that have no exact one use a multinomial "
        "bootstrap of the cells.",
    ]
    if scene is None:
        return (f"No group of {found.subject} has {min_size} rows with a known outcome: nothing can be weighed.",)
    if len(scene.parties) > 1:
        shares = ", ".join(f"{p.name} {p.weight:.3g}" for p in scene.parties)
        out.append(f"Welfare of all stakeholders is the sum of theirs, each times its weight: {shares}.")
    moved = [f"{p.shift:g} ({p.name})" for p in scene.parties if p.shift]
    if moved:
        out.append(
            f"Atkinson's and Nash's forms are for positive utilities: they add {', '.join(moved)} before, and take it "
            "off after."
        )
    if left_out:
        out.append(
            f"Too few rows to take part, with fewer than {min_size}: {', '.join(left_out)}. Nothing here is about them."
        )
    if found.unknown:
        out.append(f"{found.unknown:,} rows whose group or outcome is not known are in no number here.")
    if against is not None and scene.options[option] is not scene.options[against]:
        out.append(
            "Which rows are the same in both tables is not known: intervals of changes take them as different people, "
            "which makes them wider than on the same rows."
        )
    return tuple(out)
