"""``aequo assess``."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from aequo.cli.console import print_json, print_result, say, waiting
from aequo.errors import InputError, LedgerError

if TYPE_CHECKING:
    from aequo.core.policy import Policy
    from aequo.ledger import Ledger, Receipt
    from aequo.report.result import Assessment

__all__ = ["assess", "deliver", "recording"]

Task = Literal["auto", "binary", "multiclass", "regression"]
On = Literal["unknown", "fail", "never"]


def assess(
    data: Annotated[
        list[str], typer.Argument(metavar="DATA", help="CSV, Parquet or JSON-lines file(s), also .gz and globs.")
    ],
    label: Annotated[str | None, typer.Option(metavar="COL", help="Column with the outcome.")] = None,
    favourable: Annotated[
        str | None, typer.Option(metavar="VALUE", help="The outcome that is good for the person; 1 by default.")
    ] = None,
    group: Annotated[
        list[str] | None,
        typer.Option(metavar="COL[,COL]", help="Column(s) whose groups are compared; may be repeated."),
    ] = None,
    prediction: Annotated[str | None, typer.Option(metavar="COL", help="Column with the system's decision.")] = None,
    score: Annotated[str | None, typer.Option(metavar="COL", help="Column with the system's score, 0 to 1.")] = None,
    threshold: Annotated[
        float | None, typer.Option(metavar="T", help="Scores from here on are favourable decisions; 0.5 by default.")
    ] = None,
    weight: Annotated[str | None, typer.Option(metavar="COL", help="Column with row weights.")] = None,
    control: Annotated[
        list[str] | None,
        typer.Option(metavar="COL[,COL]", help="Compare also within the values of these columns; may be repeated."),
    ] = None,
    reference: Annotated[
        list[str] | None,
        typer.Option(metavar="[COL=]GROUP", help="Compare with this group; the largest by default; may be repeated."),
    ] = None,
    task: Annotated[
        Task | None, typer.Option(metavar="KIND", help="auto, binary, multiclass or regression; auto by default.")
    ] = None,
    encoding: Annotated[
        str, typer.Option(metavar="NAME", help="Encoding of CSV files: utf-8, latin-1 or utf-16.")
    ] = "utf-8",
    policy: Annotated[
        str | None, typer.Option(metavar="FILE", help="Limits and rules; ./aequo.toml by default, where there is one.")
    ] = None,
    out: Annotated[
        str | None, typer.Option(metavar="DIR", help="Write report.html, report.md and findings.json there.")
    ] = None,
    ledger: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="Record the assessment there; by default in that of the policy, then $AEQUO_LEDGER."
        ),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(
            metavar="SOURCE", help="file:PATH or env:NAME of the ledger's key; by default that of the policy."
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the whole result as JSON instead of a table.")] = False,
    fail_on: Annotated[
        On, typer.Option(metavar="WHEN", help="Exit code is not 0 on: unknown (fail or unknown), fail, or never.")
    ] = "unknown",
) -> int:
    """Assess decisions for unfairness between groups, and the data for bias.

    \b
    Examples:
      aequo assess loans.csv --label approved --group race,sex
      aequo assess loans.parquet --label repaid --favourable yes --score score --threshold 0.6 --group race --out report

    Without --prediction and --score the label is the decision. With a ledger, digests of data, policy and result are
    recorded there. Exit codes: 0 passed, 1 failed, 2 wrong usage, policy or data, or the ledger could not be written, 3
    something required could not be judged.
    """  # noqa: D301 - \b keeps the lines of an example apart
    from aequo.cli.options import code_beside, find_policy, names, override, references

    rules = find_policy(policy)
    if any(rule.use for rule in rules.duties.rules):
        code_beside(policy)
    named = ", ".join(Path(d).name for d in data[:3]) + (" ..." if len(data) > 3 else "")
    with recording(rules, ledger, key) as book:
        with waiting(f"Reading {named}"):
            from aequo.core.table import Table
            from aequo.flows.assess import assess as run

            table = Table.of(data[0] if len(data) == 1 else data, missing=rules.data.missing, encoding=encoding)
            columns = names(group, table.columns)
            rules = override(
                rules,
                {
                    "data.label": label,
                    "data.favourable": favourable,
                    "data.prediction": prediction,
                    "data.score": score,
                    "data.threshold": threshold,
                    "data.weight": weight,
                    "data.task": task,
                    "groups.columns": columns,
                    "groups.controls": names(control, table.columns),
                    "groups.reference": references(reference, columns or rules.groups.columns),
                },
            )
            result = run(table, policy=rules, ledger=False)
        return deliver(result, out=out, json=json, fail_on=fail_on, ledger=book)


@contextlib.contextmanager
def recording(rules: Policy, ledger: str | None, key: str | None) -> Iterator[Ledger | None]:
    """Give the ledger to record in, if one is named: one that cannot be opened is told before the work."""
    from aequo.cli.ledger_options import URL_VARIABLE, open_ledger, place

    if ledger is None and rules.ledger.url is None and not os.environ.get(URL_VARIABLE):
        if key is not None:
            raise InputError("--key names a ledger's key, and no ledger is named: give --ledger too.")
        yield None
        return
    with open_ledger(place(ledger, key, policy=rules), key=True) as book:
        yield book


def deliver(result: Assessment, *, out: str | None, json: bool, fail_on: On, ledger: Ledger | None = None) -> int:
    """Write the report where it was asked for, record and print the result, say the verdict and return the exit code.

    Raises
    ------
    OutputError
        If the report or stdout cannot be written.
    LedgerError
        If it could not be recorded; by then it is written and printed.
    """
    from aequo.flows.gate import explain, gate

    # Files first: a reader of stdout that leaves early must not cost the report, nor the entry in the ledger.
    saved = result.save(out) if out is not None else None
    with _recorded(result, ledger) as receipt:
        if json:
            print_json(result.to_json())
        else:
            from aequo.report.terminal import show

            print_result(lambda stdout: show(result, file=stdout))
        if saved is not None:
            say(f"Report: {saved / 'report.html'}")
    if ledger is not None and receipt is not None:
        where = f"entry {receipt.index:,}" if receipt.index is not None else f"leaf {receipt.leaf.hex()[:16]}"
        say(f"Recorded: {where} of the ledger {ledger.origin}.")
    say(explain(result, fail_on=fail_on))
    return gate(result, fail_on=fail_on)


@contextlib.contextmanager
def _recorded(result: Assessment, ledger: Ledger | None) -> Iterator[Receipt | None]:
    """Record the result, if there is where; a failure waits until what is to be printed is printed."""
    if ledger is None:
        yield None
        return
    from aequo.flows.record import record_assessment

    receipt = failure = None
    try:
        receipt = record_assessment(ledger, result)
    except LedgerError as error:
        failure = error
    yield receipt
    if failure is not None:
        raise failure
