"""`weigh`: from a table of decisions to who gains and who pays, and to the duties; and decisions that a duty stops."""

from __future__ import annotations

import shlex
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from aequo.core.counts import Counts
from aequo.core.finding import Evidence, Finding, Status
from aequo.core.policy import FILE_NAME, Policy, StakeholderPolicy
from aequo.core.table import Table
from aequo.core.verdict import Action
from aequo.errors import EthicalViolation, InputError, LedgerError, did_you_mean
from aequo.ethics.duties import Duties, Proxy, Rule
from aequo.ethics.impact import Impact
from aequo.ethics.judge import findings_of
from aequo.ethics.utility import evaluate_utilitarian_impact, settle_stakeholders
from aequo.ethics.welfare import Aversion
from aequo.fairness.data_bias import proxies
from aequo.flows.ethics_withhold import withhold
from aequo.flows.questions import subjects_of
from aequo.flows.record import configured_ledger
from aequo.report.ethics import EthicsReport

if TYPE_CHECKING:
    from aequo.ledger import Ledger, Receipt

__all__ = ["Weighed", "enforce_duties", "ethics_notes", "read_utilities", "record_report", "weigh", "weigh_table"]

_Names = str | Sequence[str] | None
Weighed = tuple[tuple[Finding, ...], tuple[Impact, ...]]
"""Findings and impacts."""


def weigh(
    data: Any,
    *,
    group: _Names = None,
    label: str | None = None,
    prediction: str | None = None,
    score: str | None = None,
    weight: str | None = None,
    favourable: Any = None,
    baseline: str | None = None,
    utilities: Mapping[str, Any] | str | Path | None = None,
    weights: Mapping[str, float] | None = None,
    features: Sequence[str] | str | None = None,
    policy: Policy | str | Path | None = None,
    ledger: Ledger | Literal[False] | None = None,
) -> EthicsReport:
    """Weigh decisions: what they bring to each group and stakeholder, and whether the duties are kept.

    Parameters
    ----------
    data : path, frame, mapping or Table
        As for `aequo.assess`.
    group : str or sequence of str, optional
        Column(s) that name the groups. Several are weighed each, and crossed.
    label, prediction, score, weight : str, optional
        Columns with the true outcome, the decision, the score, and row weights. Without prediction and score the label
        is the decision.
    favourable : Any, optional
        The favourable value of the label; 1 or True by default.
    baseline : str, optional
        Column with the decisions that are there now, on the same rows.
    utilities : mapping or path, optional
        Outcome to utility, or stakeholder to such a mapping; or a TOML file with either. By default those of the
        policy's ``[ethics]``.
    weights : mapping of str to float, optional
        Weight of each stakeholder.
    features : str or sequence of str, optional
        Columns that the model uses, for the duties on features.
    policy : Policy or path, optional
        Utilities, limits and duties; the arguments above go before it.
    ledger : Ledger or False, optional
        Where to record it, as for `aequo.assess`.

    Returns
    -------
    EthicsReport
        Findings, and an impact for each group column and crossing.

    Raises
    ------
    InputError, PolicyError
        If data, utilities or policy cannot be used, or neither utilities nor duties say what is asked.
    LedgerError
        If it could not be recorded.

    Examples
    --------
    >>> data = {"hired": [1, 0] * 50 + [1, 1, 1, 0] * 25, "sex": ["f"] * 100 + ["m"] * 100}
    >>> result = weigh(data, label="hired", group="sex", utilities={"selected": 1, "rejected": 0})
    >>> [(g.group, g.utility) for g in result.impacts[0]["people"].groups]
    [('f', 0.5), ('m', 0.75)]
    """
    given: dict[str, Any] = {
        "data.label": label,
        "data.prediction": prediction,
        "data.score": score,
        "data.weight": weight,
        "data.favourable": favourable,
        "groups.columns": None if group is None else (group,) if isinstance(group, str) else tuple(group),
        "ethics.baseline": baseline,
        "duties.features": (features,) if isinstance(features, str) else features,
    }
    rules = policy if isinstance(policy, Policy) else Policy() if policy is None else Policy.load(policy)
    rules = rules.replace(**{k: v for k, v in given.items() if v is not None})
    table_of = read_utilities(utilities) if isinstance(utilities, (str, Path)) else utilities
    if table_of is not None or weights is not None:
        found = settle_stakeholders(table_of, None if table_of else rules.ethics.stakeholders, weights)
        rules = rules.replace(**{"ethics.stakeholders": found})
    if not rules.ethics.stakeholders and not rules.duties.asked:
        raise InputError(
            "nothing was asked: say what outcomes are worth (utilities=, --utilities, or [ethics] in the policy), or "
            "which duties hold ([duties] in the policy)."
        )
    with configured_ledger(rules, ledger) as book:
        table = Table.of(data, missing=rules.data.missing)
        findings, impacts = weigh_table(table, rules)
        result = _report(table, rules, findings, impacts)
        return result if book is None else replace(result, receipt=record_report(book, result))


def read_utilities(path: str | Path) -> dict[str, Any]:
    """Read utilities from a TOML file: lines such as ``tp = 1``, or a table ``[applicant]`` of them per stakeholder.

    Raises
    ------
    InputError
        If it cannot be read or is no TOML.
    """
    name = str(path)
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
        found = tomllib.loads(text)
    except FileNotFoundError:
        raise InputError(f"there is no file {name!r} with utilities.") from None
    except OSError as error:
        raise InputError(f"the utilities {name!r} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise InputError(f"{name!r} is not UTF-8 text, expected utilities in TOML.") from None
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{name!r} is no TOML: {error}. Expected lines such as: tp = 1") from None
    if not found:
        raise InputError(f"{name!r} is empty, expected utilities such as: tp = 1")
    return found


def weigh_table(table: Table, policy: Policy) -> Weighed:
    """Return findings and impacts of a table, worst findings first, with what is too small to publish withheld.

    Parameters
    ----------
    table : Table
        The rows.
    policy : Policy
        With ``[ethics]``, ``[duties]``, or both.
    """
    findings: list[Finding] = []
    impacts: list[Impact] = []
    if policy.ethics.stakeholders:
        counts = _counts(table, policy)
        for impact in _impacts(counts, policy):
            shown = withhold(impact, policy.privacy.suppress_below)
            evidence = (Evidence(kind="policy", digest=policy.digest()),)
            limits = {"max_gap": policy.ethics.max_gap, "max_loss": policy.ethics.max_loss}
            findings += findings_of(shown, **limits, exact=impact, evidence=evidence)
            impacts.append(shown)
    findings += _duties(table, policy)
    return tuple(sorted(findings, key=lambda f: -f.status.severity)), tuple(impacts)


def _counts(table: Table, policy: Policy) -> Counts:
    d, g = policy.data, policy.groups
    if not g.columns:
        raise InputError("no group column was given: say which column names the groups (group=, --group).")
    if d.label is None and d.prediction is None and d.score is None:
        raise InputError("no outcome was given: say which column holds it (label=, prediction= or score=).")
    now = policy.ethics.baseline if policy.ethics.baseline != d.label else None
    counts = table.counts(
        group=g.columns,
        control=() if now is None else (now,),
        label=d.label,
        prediction=d.prediction,
        score=d.score,
        threshold=d.threshold,
        weight=d.weight,
        task=d.task,
        max_groups=g.max_groups,
    )
    if counts.rows == 0:
        raise InputError(f"{table.source} has no rows: there is nothing to weigh.")
    return counts


def _impacts(counts: Counts, policy: Policy) -> list[Impact]:
    e, subjects = policy.ethics, subjects_of(counts, policy)
    labels = {by: counts.groups(by).labels for by in subjects}
    _known_groups(e.stakeholders, [name for names in labels.values() for name in names])
    return [
        evaluate_utilitarian_impact(
            counts,
            stakeholders=[_within(s, labels[by]) for s in e.stakeholders],
            baseline=e.baseline,
            group=by,
            favourable=policy.data.favourable,
            aversion=Aversion(atkinson=e.atkinson, gini=e.gini, priority=e.priority),
            shift=e.shift,
            min_size=max(policy.groups.min_size, policy.privacy.suppress_below),
            confidence=policy.statistics.confidence,
            seed=policy.statistics.seed,
        )
        for by in subjects
    ]


def _known_groups(stakeholders: Sequence[StakeholderPolicy], names: Sequence[str]) -> None:
    """Refuse a group of ``by_group`` that is in no subject."""
    for s in stakeholders:
        for group in s.by_group:
            if group not in names:
                raise InputError(
                    f"by_group of {s.name!r} names {group!r}, which is no group here: there are "
                    f"{', '.join(dict.fromkeys(names[:20]))}.{did_you_mean(group, names)}"
                )


def _within(s: StakeholderPolicy, groups: Sequence[str]) -> StakeholderPolicy:
    """Return a stakeholder with the utilities of these groups only."""
    kept = {name: table for name, table in s.by_group.items() if name in groups}
    return replace(s, by_group=kept)


# -- duties -----------------------------------------------------------------------------------------------------------


def _duties(table: Table, policy: Policy) -> tuple[Finding, ...]:
    features = policy.duties.features
    unknown = next((f for f in features if f not in table.columns), None)
    if unknown is not None:
        raise InputError(
            f"the feature {unknown!r} is no column of {table.source}.{did_you_mean(unknown, table.columns)}"
        )
    if not policy.duties.asked:
        return ()
    found = Duties(policy).check(table, proxies=_proxies(table, policy), confidence=policy.statistics.confidence)
    return tuple(_published(f, policy.privacy.suppress_below) for f in found)


def _published(finding: Finding, below: int) -> Finding:
    """Return a finding on a duty without numbers about fewer people than may be published."""
    if finding.check != "duty" or not 0 < finding.n < below:
        return finding
    said = {Status.PASS: "It is kept", Status.FAIL: "It is broken"}.get(finding.status, "It cannot be told")
    why = f"{said}; it is about fewer than {below} decisions, too few to publish numbers."
    return replace(finding, value=None, interval=None, n=0, why=why)


def _proxies(table: Table, policy: Policy) -> list[Proxy]:
    """Measure how well the features tell each protected column, where that is asked for."""
    duties, out = policy.duties, []
    if duties.max_proxy is None or not duties.features:
        return []
    for attribute in duties.protected:
        if attribute not in table.columns:
            why = f"the data have no column {attribute!r}"
            out.append(Proxy(attribute, (), None, None, 0, why))
            continue
        check = proxies(
            table,
            attribute,
            exclude=set(table.columns) - set(duties.features),
            limit=duties.max_proxy,
            confidence=policy.statistics.confidence,
            min_size=policy.groups.min_size,
            seed=policy.statistics.seed,
        )
        value, interval = check.at(policy.statistics.confidence)
        why = "" if value is not None else check.words(Status.UNKNOWN, None)
        out.append(Proxy(attribute, tuple(c.column for c in check.columns[:3]), value, interval, check.n, why))
    return out


def enforce_duties(
    data: Any,
    *,
    policy: Policy | str | Path,
    features: Sequence[str] | str | None = None,
    rules: Mapping[str, Rule] | None = None,
    ledger: Ledger | Literal[False] | None = None,
) -> Action:
    """Check the duties on a decision (or many) before it takes effect, record it, and refuse what breaks one.

    Parameters
    ----------
    data : mapping, frame, path or Table
        One decision, as a mapping of column to value; or many.
    policy : Policy or path
        Whose ``[duties]`` hold.
    features : str or sequence of str, optional
        The columns that the model uses; those of the policy by default.
    rules : mapping of str to callable, optional
        Rules of your own, beside those that the policy names.
    ledger : Ledger or False, optional
        Where it is recorded: which duties were kept, and no value of the data. By default the ledger that the policy
        names, if it names one.

    Returns
    -------
    Action
        ALLOW or REVIEW.

    Raises
    ------
    EthicalViolation
        If a duty is broken, or cannot be told and the policy blocks then; after it is recorded.
    LedgerError
        If it could not be recorded, and then the decision must not take effect either.

    Examples
    --------
    >>> policy = Policy(duties={"rules": [{"duty": "consent", "column": "consent", "says": "yes"}]})
    >>> enforce_duties({"consent": "yes", "income": 1200}, policy=policy).value
    'allow'
    """
    found = policy if isinstance(policy, Policy) else Policy.load(policy)
    duties = Duties(found, rules=rules)
    with configured_ledger(found, ledger) as book:
        findings = duties.check(data, features=features)
        refusal: EthicalViolation | None = None
        try:
            action = duties.decide(findings)
        except EthicalViolation as error:
            action, refusal = Action.BLOCK, error
        if book is not None:
            book.append(
                {
                    "kind": "duties",
                    "action": action.value,
                    "findings": [{"id": f.id, "status": f.status.value, "value": f.value, "n": f.n} for f in findings],
                    "policy": found.digest(),
                }
            )
        if refusal is not None:
            raise refusal
        return action


# -- the report -------------------------------------------------------------------------------------------------------


def _report(table: Table, policy: Policy, findings: tuple[Finding, ...], impacts: tuple[Impact, ...]) -> EthicsReport:
    d, g = policy.data, policy.groups
    columns = {
        "label": d.label,
        "prediction": d.prediction,
        "score": d.score,
        "weight": d.weight,
        "baseline": policy.ethics.baseline,
        "groups": list(g.columns),
        "features": list(policy.duties.features),
    }
    return EthicsReport(
        findings=findings,
        impacts=impacts,
        rows=table.counts().rows,
        source=table.source,
        files=table.files,
        columns=columns,
        policy=policy,
        notes=ethics_notes(findings, impacts),
        reproduce=_reproduce(table, policy),
        version=_version(),
    )


def ethics_notes(findings: Sequence[Finding], impacts: Sequence[Impact]) -> tuple[str, ...]:
    """Return the notes on method and limits, none twice."""
    notes = [note for impact in impacts for note in impact.notes]
    notes += [note for impact in impacts if impact.options is not None for note in impact.options.notes]
    if any(f.check in ("utility-gap", "utility-loss") for f in findings):
        notes.append("Gaps and losses are judged each on its own, at the level of the intervals.")
    if any(f.check in ("duty", "duty-error") for f in findings):
        notes.append("A duty is broken by one decision that breaks it; the share and its interval say how often it is.")
    return tuple(dict.fromkeys(notes))


def _version() -> str:
    from aequo import __version__

    return __version__


def _reproduce(table: Table, policy: Policy) -> str:
    """Return the command (for files) or call (for frames) that gives the report again; utilities are in the policy."""
    d, g = policy.data, policy.groups
    named = {"label": d.label, "favourable": d.favourable, "prediction": d.prediction, "score": d.score}
    values = {**named, "weight": d.weight, "baseline": policy.ethics.baseline}
    if table.files:
        words = ["aequo", "ethics", *table.files]
        words += [part for key, value in values.items() if value is not None for part in (f"--{key}", str(value))]
        words += [part for column in g.columns for part in ("--group", column)]
        words += [part for column in policy.duties.features for part in ("--features", column)]
        return shlex.join([*words, "--policy", FILE_NAME])
    arguments = [f"{k}={v!r}" for k, v in values.items() if v is not None] + [f"group={list(g.columns)!r}"]
    arguments += [f"features={list(policy.duties.features)!r}"] if policy.duties.features else []
    return f"aequo.weigh(data, {', '.join(arguments)}, policy={FILE_NAME!r})"


def record_report(ledger: Ledger, result: EthicsReport) -> Receipt:
    """Append a report to a ledger: digests, the verdict, and which duties were kept; no rows.

    Raises
    ------
    LedgerError
        If it could not be recorded.
    """
    from hashlib import sha256

    by_status = {s.value: sum(f.status is s for f in result.findings) for s in Status}
    text = (result.to_json() + "\n").encode("utf-8", "backslashreplace")
    event = {
        "kind": "ethics",
        "system": result.policy.system.name,
        "verdict": None if result.verdict is None else result.verdict.value,
        "findings": {status: n for status, n in by_status.items() if n},
        "duties": {f.id: f.status.value for f in result.findings if f.check in ("duty", "duty-error")},
        "data": {"rows": result.rows, "files": sorted(result.files.values())},
        "policy": result.policy.digest(),
        "result": f"sha256:{sha256(text).hexdigest()}",
        "aequo": result.version,
    }
    try:
        return ledger.append(event)
    except LedgerError as error:
        raise type(error)(f"the report is not in the ledger: {error}") from error
