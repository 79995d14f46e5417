"""From losses to a finding: is a smaller set of columns enough, is every one needed, or can the data not tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aequo import __version__
from aequo.core.finding import Evidence, Finding, Status
from aequo.core.splits import Split
from aequo.privacy.minimisation.metrics import Metric
from aequo.privacy.minimisation.result import Loss, MinimalColumns, Step
from aequo.privacy.minimisation.search import EVERY, Search, held_out

__all__ = ["Asked", "judged", "unmeasured"]

_LISTED = 12


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for, and what was done to the data; see `aequo.privacy.minimisation.suggest.suggest_minimal`."""

    target: str
    model: str
    metric: Metric
    tolerance: float
    confidence: float
    seed: int
    required: tuple[str, ...]
    names: tuple[str, ...]
    notes: tuple[str, ...]
    evidence: tuple[Evidence, ...]


def judged(plan: Asked, search: Search, split: Split) -> MinimalColumns:
    """Search, judge the path on the rows that were held out, and say what was found."""
    rows = (len(split.train), len(split.test))
    gain = search.gain(plan.names)
    score = float(search.scores(plan.names).mean())
    if not gain.interval[0] > plan.tolerance:
        constant = "the mean" if search.truth.regression else "the most frequent class"
        why = (
            f"Not judged: with all columns the model is {_with_ends(gain)} {plan.metric.name} better than always "
            f"giving {constant}, not surely more than the tolerance of {plan.tolerance:g}; choose another metric or "
            "model."
        )
        finding = _finding(plan, Status.UNKNOWN, None, gain.n, why)
        return _result(plan, finding, (), rows, len(search.splits), score=score, baseline=gain.score)
    path = search.down(plan.names, plan.required, plan.tolerance)
    outside = held_out(search, split, plan.names, path[1:], plan.tolerance)
    steps: list[Step] = []
    for i, columns in enumerate(path):
        own = search.loss(plan.names, columns)
        held = outside[i - 1] if 0 < i <= len(outside) else None
        within = own.interval[1] <= plan.tolerance and (held is not None and held.interval[1] <= plan.tolerance)
        accepted = i == 0 or (within and steps[-1].accepted)
        left_out = tuple(c for c in (path[i - 1] if i else ()) if c not in columns)
        steps.append(Step(columns=columns, left_out=left_out, search=own, held_out=held, accepted=accepted))
    status, loss, n, why = _said(plan, steps)
    finding = _finding(plan, status, loss, n, why)
    return _result(plan, finding, tuple(steps), rows, len(search.splits), score=score, baseline=gain.score)


def _said(plan: Asked, steps: Sequence[Step]) -> tuple[Status, Loss | None, int, str]:
    metric, many = plan.metric.name, len(plan.names)
    accepted = [s for s in steps if s.accepted]
    best, after = accepted[-1], steps[len(accepted)] if len(accepted) < len(steps) else None
    limit = f"the tolerance of {plan.tolerance:g}"
    if best.held_out is not None:
        gone = _listed([c for c in plan.names if c not in best.columns])
        why = (
            f"{len(best.columns)} of {many} columns are enough to predict {plan.target}: leaving out {gone} costs "
            f"{_with_ends(best.held_out)} {metric} on {best.held_out.n:,} rows that took no part in the search, within "
            f"{limit}."
        )
        if after is not None:
            surely = max(x.interval[0] for x in (after.search, after.held_out) if x is not None) > plan.tolerance
            why += " Leaving out more costs more." if surely else " Whether more can be left out, the data cannot tell."
        return Status.PASS, best.held_out, best.held_out.n, why
    first = steps[1]
    cheapest = f"the cheapest to leave out, {_listed(first.left_out)}, costs {_with_ends(first.search)} {metric}"
    free = sum(c not in plan.required for c in plan.names)
    if first.search.interval[0] > plan.tolerance and free <= EVERY:
        which = f"{many} columns is" if not plan.required else f"{free} columns that are not required is"
        why = f"Each of the {which} needed to predict {plan.target}: {cheapest}, more than {limit}."
        return Status.PASS, None, first.search.n, why
    worst = max(x.interval[1] for x in (first.search, first.held_out) if x is not None)
    why = (
        f"Whether fewer than all {many} columns are enough to predict {plan.target}, the data cannot tell: {cheapest}, "
        f"and may cost as much as {worst:.4f}; {limit} is asked for."
    )
    return Status.UNKNOWN, first.held_out or first.search, (first.held_out or first.search).n, why


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_LISTED]) + (f" and {len(names) - _LISTED} more" if len(names) > _LISTED else "")


def _with_ends(loss: Loss) -> str:
    low, high = loss.interval
    return f"{loss.loss:.4f} ({low:.4f} to {high:.4f})"


def _finding(plan: Asked, status: Status, loss: Loss | None, n: int, why: str) -> Finding:
    return Finding(
        id=f"privacy/minimal-columns/{plan.target}",
        check="minimal-columns",
        subject=plan.target,
        status=status,
        value=0.0 if loss is None and status is Status.PASS else None if loss is None else loss.loss,
        interval=None if loss is None else loss.interval,
        n=n,
        limit=plan.tolerance,
        why=why,
        measures=(plan.metric.name,),
        evidence=plan.evidence,
    )


def _result(
    plan: Asked,
    finding: Finding,
    path: tuple[Step, ...],
    rows: tuple[int, int],
    splits: int,
    *,
    score: float | None = None,
    baseline: float | None = None,
) -> MinimalColumns:
    accepted = [step.columns for step in path if step.accepted]
    columns = accepted[-1] if accepted else plan.names
    return MinimalColumns(
        columns=columns,
        dropped=tuple(c for c in plan.names if c not in columns),
        findings=(finding,),
        path=path,
        target=plan.target,
        model=plan.model,
        metric=plan.metric.name,
        task="regression" if plan.metric.regression else "classification",
        score=score,
        baseline=baseline,
        tolerance=plan.tolerance,
        confidence=plan.confidence,
        rows=rows,
        splits=splits,
        seed=plan.seed,
        notes=plan.notes,
        version=__version__,
    )


def unmeasured(plan: Asked, rows: int, why: str) -> MinimalColumns:
    """Return the result where nothing can be said, and why."""
    return _result(plan, _finding(plan, Status.UNKNOWN, None, rows, why), (), (rows, 0), 0)
