"""``aequo ethics``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aequo.cli.console import print_json, print_result, say, waiting

__all__ = ["ethics"]

_CODES = {"fail": 1, "unknown": 3}


def ethics(
    data: Annotated[
        list[str], typer.Argument(metavar="DATA", help="CSV, Parquet or JSON-lines file(s), also .gz and globs.")
    ],
    label: Annotated[str | None, typer.Option(metavar="COL", help="Column with the outcome.")] = None,
    favourable: Annotated[
        str | None, typer.Option(metavar="VALUE", help="The outcome that is good for the person; 1 by default.")
    ] = None,
    prediction: Annotated[str | None, typer.Option(metavar="COL", help="Column with the system's decision.")] = None,
    score: Annotated[str | None, typer.Option(metavar="COL", help="Column with the system's score, 0 to 1.")] = None,
    threshold: Annotated[
        float | None, typer.Option(metavar="T", help="Scores from here on are favourable decisions; 0.5 by default.")
    ] = None,
    group: Annotated[
        list[str] | None,
        typer.Option(metavar="COL[,COL]", help="Column(s) that name the groups; may be repeated."),
    ] = None,
    baseline: Annotated[
        str | None, typer.Option(metavar="COL", help="Column with the decisions that are there now.")
    ] = None,
    utilities: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="What outcomes are worth, in TOML; by default as the policy says."),
    ] = None,
    features: Annotated[
        list[str] | None,
        typer.Option(metavar="COL[,COL]", help="Columns that the model uses, for the duties; may be repeated."),
    ] = None,
    weight: Annotated[str | None, typer.Option(metavar="COL", help="Column with row weights.")] = None,
    encoding: Annotated[
        str, typer.Option(metavar="NAME", help="Encoding of CSV files: utf-8, latin-1 or utf-16.")
    ] = "utf-8",
    policy: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Utilities, limits, duties; ./aequo.toml by default, where there is one."),
    ] = None,
    out: Annotated[
        str | None, typer.Option(metavar="DIR", help="Write ethics.html, ethics.md and ethics.json there.")
    ] = None,
    ledger: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Record it there; by default in that of the policy, then $AEQUO_LEDGER."),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(
            metavar="SOURCE", help="file:PATH or env:NAME of the ledger's key; by default that of the policy."
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the whole result as JSON instead of a table.")] = False,
) -> int:
    """Weigh decisions: who gains, who pays, what that adds up to, and whether the duties are kept.

    \b
    Examples:
      aequo ethics loans.csv --label repaid --prediction approved --group race --utilities worth.toml
      aequo ethics loans.csv --prediction new --baseline old --group race,sex --policy aequo.toml --out report

    A file of utilities has lines such as tp = 1, fp = -0.5, fn = -1, tn = 0, or a table of them for each stakeholder.
    Exit codes: 0 everything holds, or the policy sets no limit; 1 a limit or duty is broken; 2 wrong usage, policy or
    data, or the ledger could not be written; 3 something could not be judged.
    """  # noqa: D301 - \b keeps the lines of an example apart
    from aequo.cli.assess import recording
    from aequo.cli.options import code_beside, find_policy, names, override

    rules = find_policy(policy)
    if any(rule.use for rule in rules.duties.rules):
        code_beside(policy)
    named = ", ".join(Path(d).name for d in data[:3]) + (" ..." if len(data) > 3 else "")
    with recording(rules, ledger, key) as book:
        with waiting(f"Reading {named}"):
            from aequo.core.table import Table
            from aequo.flows.ethics import record_report, weigh

            table = Table.of(data[0] if len(data) == 1 else data, missing=rules.data.missing, encoding=encoding)
            rules = override(
                rules,
                {
                    "data.label": label,
                    "data.favourable": favourable,
                    "data.prediction": prediction,
                    "data.score": score,
                    "data.threshold": threshold,
                    "data.weight": weight,
                    "groups.columns": names(group, table.columns),
                    "ethics.baseline": baseline,
                    "duties.features": names(features, table.columns),
                },
            )
            result = weigh(table, policy=rules, utilities=utilities, ledger=False)
        saved = result.save(out) if out is not None else None
        if json:
            print_json(result.to_json())
        else:
            from aequo.report.ethics_terminal import show

            print_result(lambda stdout: show(result, file=stdout))
        if book is not None:
            record_report(book, result)
            say(f"Recorded in the ledger {book.origin}.")
    if saved is not None:
        say(f"Report: {saved / 'ethics.html'}")
    verdict = result.verdict
    return 0 if verdict is None else _CODES.get(verdict.value, 0)
