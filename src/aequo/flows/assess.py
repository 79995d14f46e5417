"""`assess`: from a table of decisions to findings, in a straight line.

data -> Table -> Counts -> metrics and data checks -> statuses (decided together) -> Assessment
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from aequo.core.counts import Counts
from aequo.core.finding import Evidence, Finding, Status, overall
from aequo.core.policy import Policy
from aequo.core.table import Table
from aequo.errors import InputError
from aequo.ethics.impact import Impact
from aequo.fairness.judge import decide
from aequo.flows.data_checks import data_checks
from aequo.flows.group_table import group_rows
from aequo.flows.notes import method_notes, reproduce
from aequo.flows.outcome import settle
from aequo.flows.questions import Question, metrics_of, questions, subjects_of
from aequo.flows.record import configured_ledger, record_assessment
from aequo.flows.withhold import published_digest, round_finding, round_rows, rounded_subjects
from aequo.report.result import Assessment, DataSummary

if TYPE_CHECKING:
    from aequo.ledger import Ledger

__all__ = ["assess"]

_Names = str | Sequence[str] | None


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
    ledger: Ledger | Literal[False] | None = None,
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
    ledger : Ledger or False, optional
        Where to record the assessment: digests of data, policy and result, and the verdict. By default the ledger that
        the policy names, if it names one; False records nothing.

    Returns
    -------
    Assessment
        Verdict, findings (worst first), per-group table; and the ledger's receipt, where it was recorded.

    Raises
    ------
    InputError, PolicyError
        If data, arguments or policy cannot be used; the message says what was seen, expected and to do.
    LedgerError
        If it could not be recorded.

    Examples
    --------
    >>> data = {"hired": [1, 1, 0, 0] * 50, "sex": ["f", "m", "f", "m"] * 50}
    >>> result = assess(data, label="hired", group="sex")
    >>> result.verdict.value, result.findings[-1].check
    ('unknown', 'small-groups')
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
    with configured_ledger(policy, ledger) as book:  # one that is not there is told before the work, not after it
        result = _assessed(data, policy)
        return result if book is None else replace(result, receipt=record_assessment(book, result))


def _assessed(data: Any, policy: Policy) -> Assessment:
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
    policy, kind = settle(policy, counts)
    subjects = subjects_of(counts, policy)
    found = [metric for by in subjects for metric in metrics_of(counts, by, policy, kind)]
    checks = data_checks(table, counts, subjects, policy, kind)
    asked = questions(counts, subjects, found, checks, policy)
    exact = group_rows(counts, subjects, found, checks, policy, kind)
    withheld = rounded_subjects(exact)
    rows = round_rows(exact, withheld)
    digest = published_digest(rows, {m.name for metric in found for m in metric.measured})
    evidence = (Evidence(kind="counts", digest=digest), Evidence(kind="policy", digest=policy.digest()))
    findings = tuple(replace(f, evidence=evidence) for f in _decided(asked, policy, withheld))
    notes = method_notes(counts, findings, checks, subjects, policy, kind, withheld)
    impacts: tuple[Impact, ...] = ()
    if policy.ethics.stakeholders or policy.duties.asked:
        from aequo.flows.ethics import ethics_notes, weigh_table

        weighed, impacts = weigh_table(table, policy)
        findings = tuple(sorted((*findings, *weighed), key=lambda f: (-f.status.severity, not f.required)))
        notes += tuple(note for note in ethics_notes(weighed, impacts) if note not in notes)
    return Assessment(
        verdict=overall(findings),
        findings=findings,
        groups=rows,
        data=_summary(table, counts, policy, kind, digest),
        policy=policy,
        notes=notes,
        reproduce=reproduce(table, policy),
        version=_version(),
        impacts=impacts,
    )


def _version() -> str:
    from aequo import __version__

    return __version__


def _names(value: _Names) -> tuple[str, ...] | None:
    return None if value is None else (value,) if isinstance(value, str) else tuple(value)


def _references(reference: str | Mapping[str, str], policy: Policy) -> dict[str, str]:
    if isinstance(reference, Mapping):
        return {str(k): v for k, v in reference.items()}
    if len(policy.groups.columns) > 1:
        raise InputError("there are several group columns: give the reference as {column: group} (COLUMN=GROUP).")
    return {policy.groups.columns[0]: reference}


# -- what is answered -------------------------------------------------------------------------------------------------


def _decided(asked: Sequence[Question], policy: Policy, withheld: Collection[str]) -> list[Finding]:
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
            finding = Finding(
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
            hidden = q.subject.split(" | ")[0] in withheld
            findings.append(round_finding(finding, q.ends) if hidden else finding)
    order = {id(f): i for i, f in enumerate(findings)}
    return sorted(findings, key=lambda f: (-f.status.severity, not f.required, order[id(f)]))


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
