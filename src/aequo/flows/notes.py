"""What a reader must know of an assessment: method, limits, what was withheld or not judged, how to do it again."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from aequo.core.counts import SCORE_BINS, Counts
from aequo.core.finding import Finding
from aequo.core.policy import FILE_NAME, Policy
from aequo.core.table import Table
from aequo.fairness.measures import Outcomes, binning_error
from aequo.flows.withhold import DECIMALS, ROUND_TO

__all__ = ["method_notes", "reproduce"]


def method_notes(
    counts: Counts,
    findings: Sequence[Finding],
    checks: Sequence[Any],
    subjects: Sequence[tuple[str, ...]],
    policy: Policy,
    kind: str,
    withheld: Collection[str] = (),
) -> tuple[str, ...]:
    """Return the notes, one sentence or two each."""
    s, g = policy.statistics, policy.groups
    level = f"{100 * s.confidence:g}%"
    required = sum(f.required for f in findings)
    notes = [
        f"Intervals are at {level}. A rate of one group has Wilson's interval; a difference or ratio over several "
        "groups has one that holds for all of them at once: its end against parity uses the studentised range, "
        "its other end needs no correction.",
        "PASS and FAIL mean that the whole interval is on one side of the limit, UNKNOWN that the data cannot tell, "
        "WARN that a check which the policy does not require is beyond its limit.",
    ]
    if s.multiplicity == "holm":
        notes.append(
            f"The {required} required findings are decided together by Holm's rule, which keeps the chance of any "
            f"wrong PASS or FAIL among them at about {100 - 100 * s.confidence:g}%; the other "
            f"{len(findings) - required} likewise."
        )
    else:
        notes.append("Each finding is decided on its own: with many findings, some will be wrong by chance.")
    notes.append(
        f"Groups with fewer than {g.min_size} rows behind a number take no part in comparisons and are named as too "
        "small to judge; rows that name no group are shown but not compared."
    )
    if policy.privacy.suppress_below:
        notes.append(
            f"Numbers that rest on fewer than {policy.privacy.suppress_below} people are withheld from everything "
            "written; some of them can be worked out from the totals that are not."
        )
    if withheld:
        notes.append(
            f"Where a group is withheld, sizes in its table are rounded to {ROUND_TO} rows and all other numbers to "
            f"{DECIMALS} decimals, so that subtraction does not give the withheld ones away: "
            f"{', '.join(sorted(withheld))}. Verdicts are drawn from the exact numbers."
        )
    notes += _about_data(counts, kind, policy)
    for check in checks:
        notes += [n for n in check.notes if n not in notes]
    crossed = {" × ".join(by) for by in subjects}
    if g.intersections == "off" and len(g.columns) > 1:
        notes.append("Crossed groups were not judged: the policy turns intersections off.")
    elif len(g.columns) > 1 and " × ".join(g.columns) not in crossed:
        notes.append(f"Groups crossed over all columns were not judged: there are more than {g.max_groups} of them.")
    return tuple(notes)


def _about_data(counts: Counts, kind: str, policy: Policy) -> list[str]:
    notes = []
    if kind == "regression":
        notes.append(
            "Differences of a numeric outcome are in standard deviations of the outcome over all rows; the uncertainty "
            "of that standard deviation is not part of the intervals."
        )
    if kind == "binary" and counts.role("prediction") is None:
        notes.append("There is no model output: the label itself is judged as the decision.")
    for role in ("label", "prediction"):
        dim = counts.role(role)
        if dim is not None and None in dim.levels and role != "prediction":
            gone = int(counts.n[counts.codes[:, counts.axis(dim.name)] == dim.levels.index(None)].sum())
            notes.append(f"{gone} rows have no {role}: they count where no {role} is needed.")
    for control in policy.groups.controls:
        dim = counts.dims[counts.axis(control)]
        if None in dim.levels:
            gone = int(counts.n[counts.codes[:, counts.axis(control)] == dim.levels.index(None)].sum())
            notes.append(f"{gone} rows have no {control}: conditional parity leaves them out.")
    if counts.role("bin") is not None and counts.role("label") is not None:
        worst = binning_error(Outcomes.of(counts, favourable=policy.data.favourable))
        if not np.isnan(worst).all():
            notes.append(
                f"Scores are counted in {SCORE_BINS} bins; that moves no group's area under the curve by more than "
                f"{np.nanmax(worst):.2g}."
            )
    if counts.w is not None:
        notes.append("Rows are weighted: intervals use Kish's effective number of rows, (sum w)^2 / sum w^2.")
    return notes


def reproduce(table: Table, policy: Policy) -> str:
    """Return the command (for files) or call (for frames) that gives the assessment again."""
    d, g = policy.data, policy.groups
    names = {"label": d.label, "favourable": d.favourable, "prediction": d.prediction, "score": d.score}
    values: list[tuple[str, Any]] = [(k, v) for k, v in names.items() if v is not None]
    values += [("threshold", d.threshold)] if d.threshold is not None else []
    values += [("weight", d.weight)] if d.weight is not None else []
    values += [("task", d.task)] if d.task != "auto" else []
    if table.files:
        words = ["aequo", "assess", *table.files]
        for key, value in values:
            words += [f"--{key}", str(value)]
        for column in g.columns:
            words += ["--group", column]
        for column in g.controls:
            words += ["--control", column]
        for column, group in g.reference.items():
            words += ["--reference", f"{column}={group}"]
        return shlex.join(words + (["--policy", FILE_NAME] if _has_own_rules(policy) else []))
    arguments = [f"{k}={v!r}" for k, v in values] + [f"group={list(g.columns)!r}"]
    arguments += [f"control={list(g.controls)!r}"] if g.controls else []
    arguments += [f"reference={dict(g.reference)!r}"] if g.reference else []
    arguments += [f"policy={FILE_NAME!r}"] if _has_own_rules(policy) else []
    return f"aequo.assess(data, {', '.join(arguments)})"


def _has_own_rules(policy: Policy) -> bool:
    """Whether the policy differs from the default in more than what the arguments and the system's name say."""
    mine, default = policy.to_dict(), Policy().to_dict()
    said = {"label", "favourable", "prediction", "score", "threshold", "weight", "task"}
    said |= {"columns", "controls", "reference"}
    for section in ("limits", "required", "statistics", "privacy", "groups", "data", "ethics", "duties"):
        if section in ("groups", "data"):
            if any(v != default[section][k] for k, v in mine[section].items() if k not in said):
                return True
        elif mine[section] != default[section]:
            return True
    return False
