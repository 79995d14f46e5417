"""``aequo explain``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from aequo.cli.console import print_json, print_result, say, waiting
from aequo.errors import InputError

if TYPE_CHECKING:
    from aequo.transparency.decision import DecisionExplanation
    from aequo.transparency.explanation import DatasetExplanation

__all__ = ["explain"]

Loss = Literal["squared", "log"]
_Lists = list[str] | None


def explain(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A saved model: .skops, .joblib or .pkl.")],
    data: Annotated[
        str, typer.Argument(metavar="DATA", help="Rows that it was not trained on: CSV, Parquet or JSON lines.")
    ],
    row: Annotated[
        int | None, typer.Option(metavar="N", help="Explain the decision on this row; the first is 0.")
    ] = None,
    label: Annotated[str | None, typer.Option(metavar="COL", help="Column with the outcome.")] = None,
    favourable: Annotated[
        str | None, typer.Option(metavar="VALUE", help="The outcome that is good for the person; 1 by default.")
    ] = None,
    group: Annotated[
        _Lists, typer.Option(metavar="COL[,COL]", help="Column(s) whose groups are compared; may be repeated.")
    ] = None,
    background: Annotated[
        str | None, typer.Option(metavar="FILE", help="Rows that a decision is compared with; DATA by default.")
    ] = None,
    immutable: Annotated[
        _Lists,
        typer.Option(metavar="COL[,COL]", help="Columns that a person cannot change; the groups by default."),
    ] = None,
    only_up: Annotated[
        _Lists, typer.Option(metavar="COL[,COL]", help="Numbers that can only rise, such as age; may be repeated.")
    ] = None,
    only_down: Annotated[
        _Lists, typer.Option(metavar="COL[,COL]", help="Numbers that can only fall; may be repeated.")
    ] = None,
    outcome: Annotated[
        str, typer.Option(metavar="WORD", help="The favourable decision as a word, such as approved.")
    ] = "favourable",
    threshold: Annotated[
        float | None, typer.Option(metavar="T", help="Scores from here on are favourable; as the model decides.")
    ] = None,
    loss: Annotated[
        Loss, typer.Option(metavar="NAME", help="What gets worse: squared (error) or log (loss).")
    ] = "squared",
    together: Annotated[
        bool, typer.Option("--together", help="Permute columns that say nearly the same together.")
    ] = False,
    limit: Annotated[
        float, typer.Option(metavar="X", help="Largest difference between groups in the share of one column.")
    ] = 0.1,
    max_rows: Annotated[int, typer.Option(metavar="N", help="More rows are sampled, without --row.")] = 2_000,
    seed: Annotated[
        int | None, typer.Option(metavar="N", help="Of everything random; the policy's by default.")
    ] = None,
    trust: Annotated[
        bool, typer.Option("--trust", help="Load a model's file even if it can run code: you know who made it.")
    ] = False,
    missing: Annotated[
        _Lists, typer.Option(metavar="TEXT", help="Text that means missing, such as NA; may be repeated.")
    ] = None,
    encoding: Annotated[
        str, typer.Option(metavar="NAME", help="Encoding of CSV files: utf-8, latin-1 or utf-16.")
    ] = "utf-8",
    policy: Annotated[
        str | None, typer.Option(metavar="FILE", help="The policy; ./aequo.toml by default, where there is one.")
    ] = None,
    out: Annotated[str | None, typer.Option(metavar="DIR", help="Write explanation.html, .md and .json there.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> int:
    """Explain what a model leans on, for everybody and for each group, or one of its decisions.

    \b
    Examples:
      aequo explain model.skops loans.csv --label approved --group sex --out why
      aequo explain model.skops loans.csv --row 7 --outcome approved --immutable sex,age

    Without --row: importance with intervals, shares by group, and how the score moves. With it: contributions, reasons
    if the decision is unfavourable, and the smallest changes that would have flipped it. Exit codes: 0 explained, and
    with groups the model leans on the same for all; 1 it does not; 2 wrong usage or data; 3 the data cannot tell.
    """  # noqa: D301 - \b keeps the lines of an example apart
    from aequo.cli.options import find_policy, names, override

    rules = find_policy(policy)
    texts = tuple(dict.fromkeys((*rules.data.missing, *(missing or ()))))
    with waiting(f"Explaining {Path(model).name}"):
        from aequo.core.table import Table
        from aequo.flows.explain import explain_decision, explain_model

        table = Table.of(data, missing=texts, encoding=encoding)
        groups = names(group, table.columns)
        rules = override(
            rules,
            {
                "data.label": label,
                "data.favourable": favourable,
                "data.threshold": threshold,
                "groups.columns": groups,
                "statistics.seed": seed,
            },
        )
        if row is None:
            for option, given in (("--background", background), ("--immutable", immutable), ("--only-up", only_up)):
                _needs_row(option, given)
            _needs_row("--only-down", only_down)
            _needs_row("--threshold", threshold)
            found: DatasetExplanation | DecisionExplanation = explain_model(
                model,
                table,
                label=label,
                favourable=favourable,
                group=groups or None,
                policy=rules,
                trusted=trust,
                loss=loss,
                together="correlated" if together else (),
                limit=limit,
                max_rows=max_rows,
            )
        else:
            for option, asked in (("--loss", loss != "squared"), ("--together", together), ("--limit", limit != 0.1)):
                if asked:
                    raise InputError(f"{option} is for the model over many rows: leave out --row {row}.")
            up, down = names(only_up, table.columns), names(only_down, table.columns)
            found = explain_decision(
                model,
                table,
                row,
                label=label,
                favourable=favourable,
                background=None if background is None else Table.of(background, missing=texts, encoding=encoding),
                immutable=None if immutable is None else names(immutable, table.columns),
                monotone=dict.fromkeys(up, "up") | dict.fromkeys(down, "down"),
                outcome=outcome,
                policy=rules,
                trusted=trust,
            )
    return _deliver(found, out=out, json=json)


def _needs_row(option: str, given: object) -> None:
    if given is not None:
        raise InputError(f"{option} is for one decision: give --row N too.")


def _deliver(found: DatasetExplanation | DecisionExplanation, *, out: str | None, json: bool) -> int:
    """Write the report where it was asked for, print the result, and return the exit code."""
    from aequo.report.explanation_save import save_explanation
    from aequo.transparency.decision import DecisionExplanation

    saved = None if out is None else save_explanation(found, out)
    if json:
        print_json(found.to_json())
    else:
        from aequo.report.explanation_terminal import show, show_decision

        if isinstance(found, DecisionExplanation):
            one = found
            print_result(lambda stdout: show_decision(one, file=stdout))
        else:
            many = found
            print_result(lambda stdout: show(many, file=stdout))
    if saved is not None:
        say(f"Report: {saved / 'explanation.html'}")
    if isinstance(found, DecisionExplanation):
        return 0
    return {"pass": 0, "warn": 0, "fail": 1, "unknown": 3}[found.verdict.value]
