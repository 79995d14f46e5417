"""``aequo demo``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aequo.cli.assess import On, deliver
from aequo.cli.console import say, waiting
from aequo.errors import LedgerError, MissingExtra, Tampered

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aequo.core.policy import Policy
    from aequo.ledger import Ledger
    from aequo.report.result import Assessment

__all__ = ["demo"]

_SYSTEM = {
    "system.name": "Mortgage applications, Boston Fed study",
    "system.purpose": "Banks in Boston decide whether to grant a mortgage.",
    "system.people": "The 1,989 applicants, and those who would share their home.",
}
_ORIGIN = "aequo-demo/mortgages"


def demo(
    out: Annotated[str, typer.Option(metavar="DIR", help="Where to write report and ledger.")] = "aequo-report",
    json: Annotated[bool, typer.Option("--json", help="Print the whole result as JSON instead of a table.")] = False,
    fail_on: Annotated[
        On, typer.Option(metavar="WHEN", help="Exit code is not 0 on: unknown (fail or unknown), fail, or never.")
    ] = "unknown",
) -> int:
    """Assess 1,989 real mortgage applications, try remedies, explain a refusal, and keep and verify a ledger.

    \b
    Example:
      aequo demo --out aequo-report

    The data are those of the Boston Fed study of mortgage lending; pip install 'aequo[examples,ml]' brings them, and
    scikit-learn for a model of the banks' decisions: without that there are no remedies and no explanation. The ledger
    holds each decision once, and each assessment. Its key lies beside it, as only a demo's may.
    """  # noqa: D301 - \b keeps the lines of an example apart
    with waiting("Assessing mortgage applications"):
        from aequo.core.policy import Policy
        from aequo.flows.assess import assess
        from aequo.flows.example import loan_applications

        data = loan_applications()
        say(
            "Are these decisions fair? Mortgage applications of the Boston Fed study, approved or not, by race and sex."
        )
        policy = Policy().replace(**_SYSTEM)
        result = assess(data, label="approve", favourable="1", group=("race", "sex"), policy=policy)
    code = deliver(result, out=out, json=json, fail_on=fail_on)
    _tell(_remedies(data, policy, Path(out)))
    _tell(_refusal(data, policy, Path(out)))
    with waiting("Keeping the ledger"):
        lines = _keep(result, data, Path(out))
    _tell(lines)
    return code


def _tell(lines: Sequence[str]) -> None:
    """Say what belongs together, apart from what was said before."""
    say("")
    for line in lines:
        say(line)


def _remedies(data: Mapping[str, Sequence[object]], policy: Policy, folder: Path) -> list[str]:
    """Try remedies, write the report with the frontier, and say which one to take and who pays."""
    with waiting("Trying remedies"):
        try:
            from aequo.flows.demonstration import try_remedies
            from aequo.report.ethics_view import loses_most

            found = try_remedies(data, policy)
        except MissingExtra as error:
            return [f"Remedies: not tried. {error}"]
        found.save(folder)
    page = folder / "mitigation.html"
    lines = [f"Remedies, for a model that decides as these banks did: {found.comparison.reason}"]
    if found.impact is not None:
        lines.append(f"Who pays for {found.weighed}: {loses_most(found.impact).removeprefix('Against the baseline ')}")
    return [*lines, f"The frontier, and what each remedy brings to whom: {page}"]


def _refusal(data: Mapping[str, Sequence[object]], policy: Policy, folder: Path) -> list[str]:
    """Explain one refusal, write the report, and say the reasons and what would have changed it."""
    with waiting("Explaining a refusal"):
        try:
            from aequo.flows.demonstration import explain_refusal
            from aequo.report.explanation_save import save_explanation

            found = explain_refusal(data, policy)
        except MissingExtra as error:
            return [f"Explanation: none. {error}"]
        save_explanation(found, folder)
    reasons = "; ".join(reason.text for reason in found.explained.reasons)
    ways = [] if found.counterfactuals is None else [way.sentence for way in found.counterfactuals.found[:1]]
    return [
        f"A refusal, explained: {reasons}. {' '.join(ways)}".rstrip(),
        f"What counted and how much, and what else would have changed it: {folder / 'explanation.html'}",
    ]


def _keep(result: Assessment, data: Mapping[str, Sequence[object]], folder: Path) -> list[str]:
    """Record decisions and assessment, verify, write the activity report, and return what came of it."""
    from aequo.flows.activity import report_activity
    from aequo.flows.record import record_assessment

    with _ledger(folder) as book:
        if book.size == 0:
            _record(book, data)
        receipt = record_assessment(book, result)
        book.checkpoint()
        found = book.verify()
        report = report_activity(book, verify=found)
    report.save(folder)
    if not found.ok:
        raise Tampered(f"the demo's ledger does not verify. {found.problems[0].what}")
    return [
        f"Ledger: {folder / 'ledger.db'} has {report.decisions.n:,} decisions, and this assessment as entry "
        f"{receipt.index:,}. Verified: all {found.size:,} entries are as recorded.",
        f"Activity: {folder / 'activity.html'}. The error rate is unknown: the study does not say who repaid.",
    ]


def _ledger(folder: Path) -> Ledger:
    """Open the demo's ledger; the first time, make it with a key of its own."""
    from aequo.ledger import KeyRing, Ledger

    key, file = folder / "demo.key", folder / "ledger.db"
    if not key.exists() and not file.exists():
        KeyRing.new().save(key)
    return Ledger.open(f"sqlite:///{file}", key=f"file:{key}", origin=_ORIGIN)


def _record(book: Ledger, data: Mapping[str, Sequence[object]]) -> None:
    """Record every decision, as the banks would have: the application as a digest, the applicant as a keyed hash."""
    from aequo.flows.intake import take_events

    columns = {name: values for name, values in data.items() if name not in ("approve", "race", "sex")}
    events = [
        {
            "kind": "decision",
            "input": {name: values[i] for name, values in columns.items()},
            "output": "approve" if data["approve"][i] == 1 else "deny",
            "model_version": "Boston banks, 1990",
            "subject": f"application-{i + 1}",
        }
        for i in range(len(data["approve"]))
    ]
    taken = take_events(book, events)
    if taken.error is not None:
        raise LedgerError(f"the demo's decisions are not in the ledger: {taken.error}")
