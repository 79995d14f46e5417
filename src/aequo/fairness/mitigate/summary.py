"""From trials on many splits to one comparison: means with intervals, the gap, the Pareto frontier, what to take."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from aequo.core.counts import Counts, Floats
from aequo.core.finding import Evidence, Finding, Status
from aequo.core.intervals import t_quantile
from aequo.core.splits import corrected_error, corrected_interval
from aequo.fairness.checks import CHECKS
from aequo.fairness.data_check import listing, number
from aequo.fairness.judge import decide, judge
from aequo.fairness.measures import Outcomes, rate
from aequo.fairness.mitigate.comparison import Interval, Number, Remedy
from aequo.fairness.mitigate.remedies import CONSTRAINTS, Recipe
from aequo.fairness.mitigate.trial import Trial

__all__ = ["Gap", "Plan", "findings_of", "gap_of", "mean_of", "recommend", "remedies_of"]

_Splits = list[float | None]

_UNBOUNDED = ("generalised-entropy", "theil-index")
_TITLES = {
    "selection_rate": "share selected",
    "true_positive_rate": "true positive rate",
    "false_positive_rate": "false positive rate",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How the numbers are made.

    Attributes
    ----------
    constraint : str
        What is to be equal.
    tolerance : float
        Largest difference.
    favourable : str
        The favourable label.
    min_size : int
        Groups with fewer rows behind a rate, in a test part on average, take no part.
    ratio : float
        Rows of a test part for each row of its training part.
    confidence : float
        Level of the intervals.
    multiplicity : {"holm", "none"}
        Correction for judging many remedies at once.
    people : int
        Who were in a test part at least once.
    share : float
        How often a person was, on average.
    subject : str
        The group column, or crossed columns.
    """

    constraint: str
    tolerance: float
    favourable: str
    min_size: int
    ratio: float
    confidence: float
    multiplicity: str
    people: int
    share: float
    subject: str

    @property
    def check(self) -> str:
        """Name of the check that the constraint is."""
        return CONSTRAINTS[self.constraint]


# -- means ------------------------------------------------------------------------------------------------------------


def mean_of(
    values: Sequence[float | None], plan: Plan, bounds: Interval = (-math.inf, math.inf), n: int | None = None
) -> Number:
    """Return the mean over the splits that have a value, with its interval."""
    known = np.array([v for v in values if v is not None], dtype=np.float64)
    behind = plan.people if n is None else n
    if not len(known):
        return Number(value=None, interval=None, n=behind, splits=tuple(values))
    interval = None
    if len(known) > 1:
        low, high = corrected_interval(known, plan.ratio, plan.confidence)
        interval = (max(low, bounds[0]), min(high, bounds[1]))
    return Number(value=float(known.mean()), interval=interval, n=behind, splits=tuple(values))


def _paired(a: Sequence[float | None], b: Sequence[float | None], plan: Plan) -> Number:
    both = [None if x is None or y is None else x - y for x, y in zip(a, b, strict=True)]
    return mean_of(both, plan)


def _apart(difference: Number) -> bool:
    return difference.interval is not None and not difference.interval[0] <= 0 <= difference.interval[1]


# -- the gap ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Gap:
    """Largest difference of group rates, averaged over splits before the difference is taken.

    Attributes
    ----------
    value : float or None
        The estimate; None if fewer than two groups have enough rows.
    between : tuple of str
        Measure, group with the larger rate, group with the smaller.
    at : callable
        Confidence to interval; None without a value.
    unjudged : tuple of str
        Groups with rows and too few of them behind a rate.
    rates : mapping of str to mapping of str to Number
        Measure to group to its rate.
    """

    value: float | None
    between: tuple[str, ...]
    at: Callable[[float], Interval | None]
    unjudged: tuple[str, ...]
    rates: Mapping[str, Mapping[str, Number]]


def gap_of(counts: Sequence[Counts], plan: Plan) -> Gap:
    """Return the gap over the splits' counts.

    Parameters
    ----------
    counts : sequence of Counts
        Group by label by decision, one for each split.
    plan : Plan
        How.

    Notes
    -----
    The largest difference within one split is never negative, so its mean over splits is biased upward by noise. Here
    each pair of groups has a signed difference, whose mean over the splits is unbiased; the largest of these means is
    the gap. Its upper end is the largest upper end of all pairs (that every pair is within the tolerance needs no
    correction: intersection-union); its lower end is simultaneous over pairs and rates, by Bonferroni.
    """
    found = [Outcomes.of(c, favourable=plan.favourable) for c in counts]
    names = sorted(
        {label for o in found for label, gone in zip(o.groups.labels, o.groups.missing, strict=True) if not gone}
    )
    at = {name: i for i, name in enumerate(names)}
    differences: list[tuple[tuple[str, str, str], Floats]] = []
    rates: dict[str, dict[str, Number]] = {}
    unjudged: set[str] = set()
    for measure in CHECKS[plan.check].measures:
        values, behind = np.full((2, len(found), len(names)), np.nan)
        rows = np.zeros(len(names))
        for j, outcomes in enumerate(found):
            measured = rate(outcomes, measure)
            for k, label in enumerate(outcomes.groups.labels):
                if label in at:
                    values[j, at[label]], behind[j, at[label]] = measured.values[k], measured.n[k]
                    rows[at[label]] += outcomes.groups.n[k]
        often = np.nan_to_num(behind).mean(axis=0)
        fits = (often >= plan.min_size) & (~np.isnan(values)).any(axis=0)
        large = rows / len(found) >= plan.min_size
        unjudged |= {name for name in names if large[at[name]] and not fits[at[name]]}
        rates[measure] = {
            name: mean_of(
                [None if np.isnan(v) else float(v) for v in values[:, i]],
                plan,
                (0.0, 1.0),
                n=round(float(np.nan_to_num(behind)[:, i].sum()) / plan.share),
            )
            for name, i in at.items()
            if fits[i]
        }
        judged = [i for i in range(len(names)) if fits[i]]
        for a in judged:
            for b in judged:
                if a < b:
                    one = values[:, a] - values[:, b]
                    differences.append(((measure, names[a], names[b]), one[~np.isnan(one)]))
    differences = [d for d in differences if len(d[1])]
    if not differences:
        return Gap(None, (), lambda confidence: None, tuple(sorted(unjudged)), rates)  # noqa: ARG005 - as below
    (measure, first, second), most = max(differences, key=lambda d: (abs(float(d[1].mean())), d[0]))
    between = (measure, first, second) if most.mean() >= 0 else (measure, second, first)
    parts = [values for _, values in differences]

    def interval(confidence: float) -> Interval | None:
        return _reach(parts, plan.ratio, confidence)

    return Gap(abs(float(most.mean())), between, interval, tuple(sorted(unjudged)), rates)


def _reach(parts: Sequence[Floats], ratio: float, confidence: float) -> Interval | None:
    if any(len(p) < 2 for p in parts):
        return None
    low = high = 0.0
    for values in parts:
        mean, error = abs(float(values.mean())), corrected_error(values, ratio)
        alone = t_quantile((1 + confidence) / 2, len(values) - 1) * error
        all_ = t_quantile(1 - (1 - confidence) / 2 / len(parts), len(values) - 1) * error
        low, high = max(low, mean - all_), max(high, mean + alone)
    return low, min(high, 1.0)


# -- remedies ---------------------------------------------------------------------------------------------------------


def remedies_of(recipes: Sequence[Recipe], trials: Sequence[Trial], plan: Plan) -> tuple[list[Remedy], dict[str, Gap]]:
    """Return the remedies with their numbers, and the gap of each.

    Parameters
    ----------
    recipes : sequence of Recipe
        Those that were tried.
    trials : sequence of Trial
        One for each remedy and split.
    plan : Plan
        How.
    """
    by_name = {r.name: sorted((t for t in trials if t.remedy == r.name), key=lambda t: t.split) for r in recipes}
    gaps = {
        name: gap_of([t.counts for t in done if t.counts is not None], plan)
        for name, done in by_name.items()
        if any(t.counts is not None for t in done)
    }
    points = {name: (_values(by_name[name], "accuracy"), _values(by_name[name], plan.check)) for name in gaps}
    out = []
    for recipe in recipes:
        done, gap = by_name[recipe.name], gaps.get(recipe.name)
        metrics = {}
        for name in dict.fromkeys(k for t in done for k in t.metrics):
            bounds = (0.0, math.inf if name in _UNBOUNDED else 1.0)
            metrics[name] = mean_of(_values(done, name), plan, bounds)
        worked = [t.counts for t in done if t.counts is not None]
        reasons = [t.failure for t in done if t.failure is not None]
        against = recipe.name != "none" and recipe.name in points and "none" in points
        out.append(
            Remedy(
                name=recipe.name,
                description=recipe.description,
                metrics=metrics,
                gap=Number(
                    value=None if gap is None else gap.value,
                    interval=None if gap is None else gap.at(plan.confidence),
                    n=plan.people,
                ),
                gap_between=() if gap is None else gap.between,
                rates={} if gap is None else gap.rates,
                costs=_paired(points[recipe.name][0], points["none"][0], plan) if against else None,
                gains=_paired(points[recipe.name][1], points["none"][1], plan) if against else None,
                pareto=False,
                same_as=_same(recipe.name, points, plan),
                counts=_once(worked, plan.share),
                failures=tuple(dict.fromkeys(reasons)),
                failed=len(reasons),
            )
        )
    return [replace(r, pareto=_on_frontier(r, out)) for r in out], gaps


def _values(trials: Sequence[Trial], name: str) -> list[float | None]:
    return [t.metrics.get(name) for t in trials]


def _same(
    name: str, points: Mapping[str, tuple[list[float | None], list[float | None]]], plan: Plan
) -> tuple[str, ...]:
    if name not in points:
        return ()
    return tuple(
        other
        for other in points
        if other != name
        and not any(_apart(_paired(a, b, plan)) for a, b in zip(points[name], points[other], strict=True))
    )


def _once(counts: Sequence[Counts], share: float) -> Counts | None:
    """Return all splits' counts together, scaled so that each person counts about once."""
    if not counts:
        return None
    total = sum(counts[1:], counts[0])
    return Counts(
        dims=total.dims,
        codes=total.codes,
        n=np.rint(total.n / share).astype(np.int64),
        w=None if total.w is None else total.w / share,
        w2=None if total.w2 is None else total.w2 / share,
    )


def _on_frontier(remedy: Remedy, others: Sequence[Remedy]) -> bool:
    point = _point(remedy)
    if point is None:
        return False
    for other in others:
        its = _point(other)
        if its is not None and its != point and its[0] >= point[0] and its[1] <= point[1]:
            return False
    return True


def _point(remedy: Remedy) -> tuple[float, float] | None:
    accuracy = remedy.metrics["accuracy"].value if "accuracy" in remedy.metrics else None
    return None if accuracy is None or remedy.gap.value is None else (accuracy, remedy.gap.value)


# -- judgement --------------------------------------------------------------------------------------------------------


def findings_of(
    remedies: Sequence[Remedy], gaps: Mapping[str, Gap], plan: Plan, evidence: tuple[Evidence, ...]
) -> list[Finding]:
    """Return for each remedy whether it meets the tolerance, all judged together.

    Parameters
    ----------
    remedies : sequence of Remedy
        With their numbers.
    gaps : mapping of str to Gap
        The gap of each.
    plan : Plan
        How.
    evidence : tuple of Evidence
        What they stand on.
    """

    def status_at(name: str) -> Callable[[float], Status]:
        def at(confidence: float) -> Status:
            gap = gaps.get(name)
            if gap is None:
                return Status.UNKNOWN
            found = judge(gap.value, gap.at(confidence), plan.tolerance)
            return Status.UNKNOWN if found is Status.PASS and gap.unjudged else found

        return at

    asked = [status_at(r.name) for r in remedies]
    decided = decide(asked, plan.confidence, multiplicity=plan.multiplicity)
    out = []
    for remedy, status, at in zip(remedies, decided, asked, strict=True):
        why = _sentence(remedy, gaps.get(remedy.name), status, plan)
        alone = at(plan.confidence)
        if status is Status.UNKNOWN and alone is not Status.UNKNOWN:
            why += f" On its own it would {alone.value}; judged together with the other remedies it is not certain."
        out.append(
            Finding(
                id=f"mitigation/{plan.check}/{remedy.name.replace(' ', '-')}",
                check=plan.check,
                subject=plan.subject,
                status=status,
                value=remedy.gap.value,
                interval=remedy.gap.interval,
                n=remedy.gap.n,
                limit=plan.tolerance,
                why=why,
                measures=CHECKS[plan.check].measures,
                evidence=evidence,
            )
        )
    return out


def _figure(value: float) -> str:
    """Return a share times 100 with one decimal, or more where that would be 0."""
    return number(100 * value) if abs(value) < 0.001 else f"{100 * value:.1f}".removesuffix(".0")


def _points(value: float) -> str:
    return f"{_figure(value)} points"


def _sentence(remedy: Remedy, gap: Gap | None, status: Status, plan: Plan) -> str:
    start = "Without a remedy" if remedy.name == "none" else f"With {remedy.name}"
    if gap is None:
        return f"{start} nothing could be measured: {remedy.failures[0] if remedy.failures else 'no split was tried.'}"
    if gap.value is None:
        few = f" ({listing(gap.unjudged)})" if gap.unjudged else ""
        return f"{start} nothing can be compared: fewer than two groups have {plan.min_size} rows behind a rate{few}."
    measure, high, low = gap.between
    ends = ""
    if remedy.gap.interval is not None:
        ends = f" (interval {_figure(remedy.gap.interval[0])} to {_figure(remedy.gap.interval[1])})"
    words = {
        Status.PASS: "within the tolerance of",
        Status.FAIL: "beyond the tolerance of",
        Status.WARN: "beyond the tolerance of",
        Status.UNKNOWN: "and the data cannot tell on which side it is of the tolerance of",
    }[status]
    text = (
        f"{start} the {_TITLES[measure]} of {high} is {_points(gap.value)} above that of {low}{ends}, {words} "
        f"{_points(plan.tolerance)}."
    )
    if gap.unjudged:
        text += f" Too few rows to take part: {listing(gap.unjudged)}; without them it cannot pass."
    return text


def recommend(
    remedies: Sequence[Remedy], findings: Sequence[Finding], plan: Plan
) -> tuple[str | None, str, list[Finding]]:
    """Return the remedy to take, the reason in words, and the findings with the one that decides marked as required.

    Among remedies that meet the tolerance (PASS), or, if none is sure to, those whose gap is estimated to, the most
    accurate is taken; of those that cannot be told from it by accuracy, the simplest.

    Parameters
    ----------
    remedies : sequence of Remedy
        From the simplest.
    findings : sequence of Finding
        One for each, in the same order.
    plan : Plan
        How.
    """
    usable = [(r, f) for r, f in zip(remedies, findings, strict=True) if _point(r) is not None and not r.failed]
    sure = [r for r, f in usable if f.status is Status.PASS]
    likely = [r for r, f in usable if f.status is Status.UNKNOWN and (r.gap.value or 0.0) <= plan.tolerance]
    pool = sure or likely
    if not pool:  # that every remedy fails is certain only if none is open
        is_open = any(f.status is Status.UNKNOWN for f in findings)
        decisive = [replace(f, required=f.status is Status.UNKNOWN or not is_open) for f in findings]
        return None, _none(usable, plan), decisive
    best = max(pool, key=lambda r: r.metrics["accuracy"].value or 0.0)
    level = [r for r in pool if r is best or not _apart(_accuracies(r, best, plan))]
    take = level[0]
    required = [replace(f, required=r is take) for r, f in zip(remedies, findings, strict=True)]
    accuracy = take.metrics["accuracy"].value or 0.0
    share = f"{100 * accuracy:.1f}%"
    text = (
        f"{_named(take)} meets the tolerance of {_points(plan.tolerance)}"
        if sure
        else f"No remedy is sure to meet the tolerance of {_points(plan.tolerance)} with these people; "
        f"{_named(take, start=False)} is estimated to"
    )
    others = [r.name for r in level if r is not take]
    if take is not best:
        text += f" ({share} right). Of those that do, {best.name} is the most accurate; the splits cannot tell the two "
        text += "apart by accuracy, and this one is simpler."
    elif others:
        text += (
            f", and is the most accurate of those that do ({share} right). By accuracy the splits cannot tell it from "
        )
        text += f"{listing(others)}, and it is the simplest of them."
    else:
        text += f", and is the most accurate of those that do ({share} right)."
    if take.costs is not None and take.costs.value is not None:
        text += f" Against no remedy accuracy changes by {_signed(take.costs)}."
    return take.name, text, required


def _accuracies(a: Remedy, b: Remedy, plan: Plan) -> Number:
    return _paired(a.metrics["accuracy"].splits, b.metrics["accuracy"].splits, plan)


def _named(remedy: Remedy, *, start: bool = True) -> str:
    if remedy.name == "none":
        return "The model as it is" if start else "the model as it is"
    return remedy.name[:1].upper() + remedy.name[1:] if start else remedy.name


def _signed(difference: Number) -> str:
    value = difference.value or 0.0
    text = f"{'+' if value >= 0 else '−'}{_figure(abs(value))} points"
    if difference.interval is not None:
        low, high = (f"{'+' if v >= 0 else '−'}{_figure(abs(v))}" for v in difference.interval)
        text += f" (interval {low} to {high})"
    return text


def _none(usable: Sequence[tuple[Remedy, Finding]], plan: Plan) -> str:
    if not usable:
        return "No remedy is recommended: nothing could be measured for any."
    nearest, finding = min(usable, key=lambda u: u[0].gap.value or 0.0)
    text = (
        "No remedy is recommended: none has a gap that is estimated within the tolerance of "
        f"{_points(plan.tolerance)}. The nearest is {_named(nearest, start=False)}, "
        f"at {_points(nearest.gap.value or 0.0)}"
    )
    text += ", and the data cannot tell." if finding.status is Status.UNKNOWN else "."
    return f"{text} Allow a larger difference (tolerance=, --tolerance), or ask for another equality (constraint=)."
