"""``aequo assess``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from aequo.cli.console import print_json, print_result, say, waiting

if TYPE_CHECKING:
    from aequo.report.result import Assessment

__all__ = ["assess", "deliver"]

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

    Without --prediction and --score the label is the decision. Exit codes: 0 passed, 1 failed, 2 wrong usage, policy or
    data, 3 something required could not be judged.
    """  # noqa: D301 - \b keeps the lines of an example apart
    from aequo.cli.options import find_policy, names, override, references

    rules = find_policy(policy)
    named = ", ".join(Path(d).name for d in data[:3]) + (" ..." if len(data) > 3 else "")
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
        result = run(table, policy=rules)
    return deliver(result, out=out, json=json, fail_on=fail_on)


def deliver(result: Assessment, *, out: str | None, json: bool, fail_on: On) -> int:
    """Write the report where it was asked for, print the result, say the verdict and return the exit code.

    Raises
    ------
    OutputError
        If the report or stdout cannot be written.
    """
    from aequo.flows.gate import explain, gate

    # Files first: a reader of stdout that leaves early must not cost the report.
    saved = result.save(out) if out is not None else None
    if json:
        print_json(result.to_json())
    else:
        from aequo.report.terminal import show

        print_result(lambda stdout: show(result, file=stdout))
    if saved is not None:
        say(f"Report: {saved / 'report.html'}")
    say(explain(result, fail_on=fail_on))
    return gate(result, fail_on=fail_on)
