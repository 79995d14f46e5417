"""`assess`: from a table of decisions to findings, in a straight line.

data -> Table -> Counts -> metrics and data checks -> statuses (decided together) -> Assessment
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from aequo.core.counts import Counts
from aequo.core.finding import Evidence, Finding, Status, overall
from aequo.core.policy import CHECKS, Policy
from aequo.core.table import Table
from aequo.errors import InputError, UnknownGroup, did_you_mean
from aequo.fairness import metrics, regression, strata
from aequo.fairness.judge import decide, judge
from aequo.fairness.measures import Outcomes, listed
from aequo.fairness.metric import Metric
from aequo.fairness.words import sentence
from aequo.flows.data_checks import data_checks
from aequo.flows.group_table import group_rows
from aequo.flows.notes import method_notes, reproduce
from aequo.report.result import Assessment, DataSummary

__all__ = ["assess"]

_Names = str | Sequence[str] | None
_RATES = (
    "demographic-parity",
    "disparate-impact",
    "equal-opportunity",
    "equalized-odds",
    "false-positive-rate-parity",
    "false-negative-rate-parity",
    "predictive-parity",
    "accuracy-parity",
)
MOST_STRATA = 50


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Question:
    """One thing to be judged, before its status is known."""

    area: str
    check: str
    subject: str
    n: int
    limit: float | None
    required: bool
    measures: tuple[str, ...]
    at: Callable[[float], tuple[float | None, tuple[float, float] | None]]
    status: Callable[[float], Status]
    words: Callable[[Status, tuple[float, float] | None], str]


def assess(
    data: Any,
    *,
    label: str | None = None,
    group: _Names = None,
    prediction: str | None = None,
    score: str | None = None,
    threshold: float | None = None,
    weight: str | None = None,
    control: _Names = None,
    favourable: Any = None,
    reference: str | Mapping[str, str] | None = None,
    task: str | None = None,
    policy: Policy | str | Path | None = None,
) -> Assessment:
    """Assess decisions for unfairness between groups, and the data for bias.

    Parameters
    ----------
    data : path, frame, mapping or Table
        A CSV, Parquet or JSON-lines file or a glob of them; a pandas, polars, pyarrow, DuckDB or PySpark frame; or a
        mapping of column names to sequences.
    label : str, optional
        Column of the true outcome. With neither prediction nor score it is the decision itself.
    group : str or sequence of str
        Column(s) that name the groups. Several are judged each, and crossed.
    prediction : str, optional
        Column of hard predictions or decisions, with the values of the label.
    score : str, optional
        Column of scores in [0, 1]; decisions are scores of at least `threshold`.
    threshold : float, optional
        In [0, 1]; 0.5 by default.
    weight : str, optional
        Column of row weights, not negative.
    control : str or sequence of str, optional
        Columns within whose values groups are compared too (conditional parity).
    favourable : Any, optional
        The favourable value of the label; 1 or True by default.
    reference : str or mapping of str to str, optional
        Reference group, or one per group column; the largest by default.
    task : {"auto", "binary", "multiclass", "regression"}, optional
        Kind of outcome.
    policy : Policy or path, optional
        Limits and rules; the arguments above go before it.

    Returns
    -------
    Assessment
        Verdict, findings (worst first), per-group table.

    Raises
    ------
    InputError, PolicyError
        If data, arguments or policy cannot be used; the message says what was seen, expected and to do.

    Examples
    --------
    >>> data = {"hired": [1, 1, 0, 0] * 50, "sex": ["f", "m", "f", "m"] * 50}
    >>> result = assess(data, label="hired", group="sex")
    >>> result.verdict.value, result.findings[-1].check
    ('unknown', 'representation')
    """
    given: dict[str, Any] = {
        "data.label": label,
        "data.prediction": prediction,
        "data.score": score,
        "data.threshold": threshold,
        "data.weight": weight,
        "data.favourable": favourable,
        "data.task": task,
        "groups.columns": _names(group),
        "groups.controls": _names(control),
    }
    policy = policy if isinstance(policy, Policy) else Policy() if policy is None else Policy.load(policy)
    policy = policy.replace(**{k: v for k, v in given.items() if v is not None})
    policy = policy.replace(**{"groups.reference": _references(reference, policy)}) if reference else policy
    d, g = policy.data, policy.groups
    if not g.columns:
        raise InputError("no group column was given: say which column names the groups (group=, --group).")
    if d.label is None and d.prediction is None and d.score is None:
        raise InputError("no outcome was given: say which column holds it (label=, prediction= or score=).")
    table = Table.of(data, missing=d.missing)
    counts = table.counts(
        group=g.columns,
        control=g.controls,
        label=d.label,
        prediction=d.prediction,
        score=d.score,
        threshold=d.threshold,
        weight=d.weight,
        task=d.task,
        max_groups=g.max_groups,
    )
    if counts.rows == 0:
        raise InputError(f"{table.source} has no rows: there is nothing to assess.")
    policy, kind = _settle(policy, counts)
    subjects = _subjects(counts, policy)
    found = [q for by in subjects for q in _questions(counts, by, policy, kind)]
    checks = data_checks(table, counts, subjects, policy, kind)
    asked = [_of_metric(m, policy) for m in found] + [_of_check(c, policy) for c in checks]
    asked += _small_groups(counts, subjects, policy)
    digest = published_digest(counts, policy.privacy.suppress_below)
    evidence = (Evidence(kind="counts", digest=digest), Evidence(kind="policy", digest=policy.digest()))
    findings = tuple(replace(f, evidence=evidence) for f in _decided(asked, policy))
    return Assessment(
        verdict=overall(findings),
        findings=findings,
        groups=group_rows(counts, subjects, found, checks, policy, kind),
        data=_summary(table, counts, policy, kind, digest),
        policy=policy,
        notes=method_notes(counts, findings, checks, subjects, policy, kind),
        reproduce=reproduce(table, policy),
        version=_version(),
    )


def _version() -> str:
    from aequo import __version__

    return __version__


def _names(value: _Names) -> tuple[str, ...] | None:
    return None if value is None else (value,) if isinstance(value, str) else tuple(value)


def _references(reference: str | Mapping[str, str], policy: Policy) -> dict[str, str]:
    if isinstance(reference, Mapping):
        return {str(k): str(v) for k, v in reference.items()}
    if len(policy.groups.columns) > 1:
        raise InputError("there are several group columns: give the reference as {column: group} (COLUMN=GROUP).")
    return {policy.groups.columns[0]: reference}


# -- what is asked ----------------------------------------------------------------------------------------------------


def _settle(policy: Policy, counts: Counts) -> tuple[Policy, str]:
    """Find the kind of outcome and the favourable value, and refuse what cannot be judged."""
    for column, name in policy.groups.reference.items():
        groups = counts.groups(column)
        if name not in groups.labels:
            _unknown_reference(column, name, groups.labels)
    if counts.sums.keys() & {"y_n", "p_n"}:
        return policy, "regression"
    label, prediction = counts.role("label"), counts.role("prediction")
    decision = prediction or label
    assert decision is not None
    seen = {v for v in decision.levels if v is not None}
    if not seen:
        raise InputError(f"every value of {decision.name!r} is missing: there is nothing to assess.")
    if prediction is None and len(seen) == 1:
        raise InputError(
            f"{decision.name!r} is {listed(seen)} in every row: no decision differs, so groups cannot be compared. "
            "Check that it is the right column."
        )
    if label is not None and prediction is not None and counts.role("bin") is None:
        _same_values(label.name, label.levels, prediction.name, prediction.levels)
    classes = {v for dim in (label, prediction) if dim is not None for v in dim.levels if v is not None}
    if counts.role("bin") is not None and label is not None:
        classes = {v for v in label.levels if v is not None}
    many = policy.data.task == "multiclass" or (
        policy.data.task == "auto" and len(classes) > 2 and policy.data.favourable is None
    )
    if many:
        if counts.role("bin") is not None:
            raise InputError(
                f"{label.name if label else ''!r} has {len(classes)} values; a score needs two: say which one is "
                "favourable (favourable=)."
            )
        return policy, "multiclass"
    best = Outcomes.of(counts, favourable=policy.data.favourable).favourable
    return policy.replace(**{"data.favourable": best}), "binary"


def _unknown_reference(column: str, name: str, known: tuple[str, ...]) -> None:
    some = ", ".join(known[:20]) + (", …" if len(known) > 20 else "")
    raise UnknownGroup(f"no group {name!r} in column {column!r}. Groups: {some}.{did_you_mean(name, known)}")


def _same_values(label: str, labels: Sequence[str | None], prediction: str, predictions: Sequence[str | None]) -> None:
    binary = {"0", "1", "True", "False"}
    known, new = {v for v in labels if v is not None}, {v for v in predictions if v is not None}
    if new <= known or not known or (known <= binary and new <= binary):
        return
    raise InputError(
        f"{prediction!r} has values that are not values of {label!r}: {listed(new - known)}; labels are "
        f"{listed(known)}. If it holds scores, give it as the score instead."
    )


def _subjects(counts: Counts, policy: Policy) -> list[tuple[str, ...]]:
    """Each group column, then pairs and the whole crossing, as far as the policy allows."""
    columns = policy.groups.columns
    subjects: list[tuple[str, ...]] = [(c,) for c in columns]
    if policy.groups.intersections != "off" and len(columns) > 1:
        crossed = [*itertools.combinations(columns, 2)] + ([tuple(columns)] if len(columns) > 2 else [])
        subjects += [by for by in crossed if len(counts.groups(by)) <= policy.groups.max_groups]
    return subjects


def _questions(counts: Counts, by: tuple[str, ...], policy: Policy, kind: str) -> list[Metric]:
    """Every fairness metric that the columns allow, for one subject."""
    size = max(policy.groups.min_size, policy.privacy.suppress_below)
    reference = policy.groups.reference.get(by[0]) if len(by) == 1 else None
    how: dict[str, Any] = {"confidence": policy.statistics.confidence, "reference": reference, "min_size": size}
    if kind == "regression":
        both = "scored" in counts.sums and bool(counts.sums["scored"].any())
        names = [c for c, (_, needs) in regression.REGRESSION.items() if both or not needs]
        functions = {
            "mean-outcome-parity": regression.mean_outcome_parity,
            "error-parity": regression.error_parity,
            "residual-parity": regression.residual_parity,
        }
        return [functions[c](counts, by=by, limit=policy.limit(c), **how) for c in names]
    has = {"decision"}
    if counts.role("label") is not None and counts.role("prediction") is not None:
        has.add("label")
    if counts.role("bin") is not None:
        has.add("score")
    names = [c for c, check in metrics.CHECKS.items() if check.needs <= has and c in CHECKS]
    if kind == "multiclass":
        return [strata.by_class(c, counts, by=by, limit=policy.limit(c), **how) for c in names if c in _RATES]
    outcomes = Outcomes.of(counts, by, favourable=policy.data.favourable)
    out = [metrics.run(c, outcomes, limit=policy.limit(c), **how) for c in names]
    for control in policy.groups.controls:
        values = [v for v in counts.dims[counts.axis(control)].levels if v is not None]
        if len(values) > MOST_STRATA:
            raise InputError(
                f"control column {control!r} has {len(values)} different values; {MOST_STRATA} is the most: group "
                "its values into a few first."
            )
        limit = policy.limit("conditional-parity")
        found = strata.conditional_parity(
            counts, control, by=by, favourable=policy.data.favourable, limit=limit, **how
        )[0]
        out.append(replace(found, subject=f"{found.subject} | {control}"))
    return out


def _required(policy: Policy, check: str, subject: str) -> bool:
    crossed = " × " in subject
    return check in policy.required and (not crossed or policy.groups.intersections == "required")


def _of_metric(metric: Metric, policy: Policy) -> Question:
    floor = metric.how == "ratio"

    def status(confidence: float) -> Status:
        value, interval = metric.at(confidence)
        return judge(value, interval, metric.limit, floor=floor)

    return Question(
        area="fairness",
        check=metric.name,
        subject=metric.subject,
        n=metric.n,
        limit=metric.limit,
        required=_required(policy, metric.name, metric.subject),
        measures=tuple(m.name for m in metric.measured),
        at=metric.at,
        status=status,
        words=lambda s, interval: sentence(metric, s, interval),
    )


def _of_check(check: Any, policy: Policy) -> Question:
    def status(confidence: float) -> Status:
        value, interval = check.at(confidence)
        return judge(value, interval, check.limit, floor=check.limit_is_floor)

    return Question(
        area="data",
        check=check.check,
        subject=check.subject,
        n=check.n,
        limit=check.limit,
        required=_required(policy, check.check, check.subject),
        measures=tuple(check.measures),
        at=check.at,
        status=status,
        words=check.sentence,
    )


def _small_groups(counts: Counts, subjects: Sequence[tuple[str, ...]], policy: Policy) -> list[Question]:
    """One finding per subject on the groups that are too small to judge: silence about them would read as a pass."""
    out = []
    least, hide = policy.groups.min_size, policy.privacy.suppress_below
    for by in subjects:
        groups = counts.groups(by)
        small = [i for i in np.flatnonzero((groups.n < least) & ~groups.missing)]
        named = int(groups.n[~groups.missing].sum())
        rows = int(groups.n[small].sum())
        share = rows / named if named else 0.0
        parts = [
            f"{groups.labels[i]} ({'fewer than ' + str(hide) if groups.n[i] < hide else groups.n[i]})" for i in small[:8]
        ]
        if len(small) > 8:
            parts.append(f"{len(small) - 8} more")
        text = (
            f"Too small to judge, with fewer than {least} rows: {', '.join(parts)}. Nothing here says that they are "
            "treated fairly."
            if small
            else f"Every group of {groups.subject} has at least {least} rows."
        )
        if any(0 < groups.n[i] < hide for i in small):
            share = float("nan")
        decided = Status.UNKNOWN if small or not named else Status.PASS
        value = None if np.isnan(share) else share
        out.append(
            Question(
                area="fairness",
                check="small-groups",
                subject=groups.subject,
                n=named,
                limit=None,
                required=_required(policy, "small-groups", groups.subject),
                measures=(),
                at=lambda _, value=value: (value, None),
                status=lambda _, decided=decided: decided,
                words=lambda s, i, text=text: text,
            )
        )
    return out


# -- what is answered -------------------------------------------------------------------------------------------------


def _decided(asked: Sequence[Question], policy: Policy) -> list[Finding]:
    """Decide required questions as one family and the others as another, and sort worst first."""
    confidence, method = policy.statistics.confidence, policy.statistics.multiplicity
    findings = []
    for required in (True, False):
        family = [(q, *q.at(confidence)) for q in asked if q.required is required]
        # What has no interval is no statement about chance, and takes no part in sharing the error rate.
        open_ = [q for q, _, interval in family if interval is not None]
        decided = dict(zip(open_, decide([q.status for q in open_], confidence, multiplicity=method), strict=True))
        for q, value, interval in family:
            status = decided[q] if q in decided else q.status(confidence)
            why = q.words(status, interval)
            alone = q.status(confidence)
            if status is Status.UNKNOWN and alone is not Status.UNKNOWN:
                kind = "required" if required else "other"
                why += f" On its own it would {alone.value}; judged together with all {kind} checks it is not certain."
            if not required and status is Status.FAIL:
                status = Status.WARN
            name = q.subject.replace(" × ", "+").replace(" | ", "|")
            findings.append(
                Finding(
                    id=f"{q.area}/{q.check}/{name}",
                    check=q.check,
                    subject=q.subject,
                    status=status,
                    value=value,
                    interval=interval,
                    n=q.n,
                    limit=q.limit,
                    why=why,
                    required=required,
                    measures=q.measures,
                )
            )
    order = {id(f): i for i, f in enumerate(findings)}
    return sorted(findings, key=lambda f: (-f.status.severity, not f.required, order[id(f)]))


def published_digest(counts: Counts, suppress_below: int) -> str:
    """Return the digest of the counts without the crossed groups that are too small to publish.

    A digest of the exact table could be tried against the few values that a withheld cell can have.
    """
    groups = counts.groups()
    keep = (groups.n >= suppress_below)[groups.codes]
    plain = Counts.collect(counts.dims, counts.codes[keep], counts.n[keep]).digest()
    return "sha256:" + hashlib.sha256(msgspec.json.encode([plain, suppress_below])).hexdigest()


def _summary(table: Table, counts: Counts, policy: Policy, kind: str, digest: str) -> DataSummary:
    d, g = policy.data, policy.groups
    columns = {
        "label": d.label,
        "prediction": d.prediction,
        "score": d.score,
        "weight": d.weight,
        "groups": list(g.columns),
        "controls": list(g.controls),
    }
    return DataSummary(
        rows=counts.rows,
        digest=digest,
        source=table.source,
        files=table.files,
        task=kind,
        columns=columns,
        favourable=d.favourable if kind == "binary" else None,
        threshold=(0.5 if d.threshold is None else d.threshold) if d.score else None,
    )

