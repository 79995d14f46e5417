"""``aequo minimize``: keep what is needed of a file, or find out what a model needs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from aequo.cli.console import print_json, print_result, say, waiting
from aequo.errors import InputError

if TYPE_CHECKING:
    from aequo.privacy.minimisation.minimise import Minimised
    from aequo.privacy.minimisation.result import Loss, MinimalColumns, Step

__all__ = ["minimize"]

Estimator = Literal["logistic", "boosting", "forest"]


def minimize(
    file: Annotated[str, typer.Argument(metavar="FILE", help="CSV, TSV or JSON lines (also .gz), or Parquet.")],
    required: Annotated[
        list[str] | None, typer.Option(metavar="COL[,COL]", help="Columns to keep; may be repeated.")
    ] = None,
    out: Annotated[
        str | None, typer.Option(metavar="FILE", help="Where to write them, in the same format; without --target.")
    ] = None,
    target: Annotated[
        str | None, typer.Option(metavar="COL", help="Find the fewest columns that predict this one as well as all do.")
    ] = None,
    estimator: Annotated[
        Estimator, typer.Option(metavar="NAME", help="Model for --target: logistic, boosting or forest.")
    ] = "logistic",
    tolerance: Annotated[
        float, typer.Option(metavar="X", help="Largest loss for --target, in the unit of the metric.")
    ] = 0.01,
    metric: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="accuracy (default for classes), balanced_accuracy, auc or log_loss; r2 (default for numbers) or mae.",
        ),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(metavar="COL[,COL]", help="Columns not to use for --target, such as identifiers."),
    ] = None,
    max_rows: Annotated[int, typer.Option(metavar="N", help="More rows are sampled for --target.")] = 20_000,
    seed: Annotated[
        int | None, typer.Option(metavar="N", help="Of everything random; the policy's by default.")
    ] = None,
    missing: Annotated[
        list[str] | None, typer.Option(metavar="TEXT", help="Text that means missing, such as NA; may be repeated.")
    ] = None,
    encoding: Annotated[
        str, typer.Option(metavar="NAME", help="Encoding of CSV files: utf-8, latin-1 or utf-16.")
    ] = "utf-8",
    policy: Annotated[
        str | None, typer.Option(metavar="FILE", help="The policy; ./aequo.toml by default, where there is one.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that is there.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> int:
    """Keep only the required columns of a file, or find out which columns a model needs.

    \b
    Examples:
      aequo minimize people.csv --required age,income --out needed.csv
      aequo minimize loans.csv --target repaid --estimator boosting --tolerance 0.01

    With --target two thirds of the rows are searched, and what is found is confirmed on the others. Exit codes: 0
    written, or an answer was found; 2 wrong usage or data; 3 the data cannot tell.
    """  # noqa: D301 - \b keeps the lines of an example apart
    if target is None:
        if out is None or not required:
            raise InputError("--required and --out are needed to keep columns, or --target to find out what is needed.")
        kept = _kept(file, out, required, encoding=encoding, force=force)
        _print(kept, json=json, text=_names(kept))
        say(f"Wrote {out}: {kept.rows:,} rows.")
        return 0
    if out is not None:
        raise InputError("--target finds out what is needed; write it in a second step, with --required and --out.")
    found = _found(
        file,
        target,
        estimator,
        policy=policy,
        lists=(required, exclude),
        missing=missing,
        seed=seed,
        tolerance=tolerance,
        metric=metric,
        max_rows=max_rows,
        encoding=encoding,
    )
    _print(found, json=json, text=_path(found))
    return {"pass": 0, "unknown": 3}[found.verdict.value]


def _print(result: Any, *, json: bool, text: str) -> None:
    if json:
        print_json(result.to_json())
    else:
        print_result(lambda stdout: stdout.write(text))


def _kept(file: str, out: str, required: Sequence[str], *, encoding: str, force: bool) -> Minimised[Path]:
    from aequo.cli.options import names
    from aequo.privacy.minimisation.file import minimise_file
    from aequo.privacy.pseudonyms.files import csv_columns, file_format, must_be_file

    path = Path(file).expanduser()
    must_be_file(path)
    known = csv_columns(path, encoding) if file_format(path) == "csv" else []
    with waiting(f"Copying {path.name}"):
        return minimise_file(file, out, required=names(required, known), overwrite=force, encoding=encoding)


def _names(kept: Minimised[Path]) -> str:
    return f"kept     {', '.join(kept.kept)}\ndropped  {', '.join(kept.dropped) or '(nothing)'}\n"


def _found(
    file: str,
    target: str,
    estimator: Estimator,
    *,
    policy: str | None,
    lists: tuple[list[str] | None, list[str] | None],
    missing: list[str] | None,
    seed: int | None,
    encoding: str,
    **how: Any,
) -> MinimalColumns:
    from aequo.cli.options import find_policy, names

    rules = find_policy(policy)
    with waiting(f"Reading {Path(file).name} and trying columns"):
        from aequo.core.table import Table
        from aequo.privacy.minimisation.suggest import suggest_minimal

        texts = tuple(dict.fromkeys((*rules.data.missing, *(missing or ()))))
        table = Table.of(file, missing=texts, encoding=encoding)
        required, exclude = (names(some, table.columns) for some in lists)
        return suggest_minimal(
            estimator,
            table,
            target,
            required=required,
            exclude=exclude,
            confidence=rules.statistics.confidence,
            seed=rules.statistics.seed if seed is None else seed,
            **how,
        )


def _path(found: MinimalColumns) -> str:
    finding = found.findings[0]
    lines = [f"{finding.status.value.upper()}  {finding.why}", ""]
    if found.path:
        rows: list[tuple[str, ...]] = [
            ("columns", "left out", found.metric, "loss in the search", "loss on held-out rows", "")
        ]
        rows += [_row(step) for step in found.path]
        widths = [max(len(row[i]) for row in rows) for i in range(6)]
        lines += ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows]
        lines += [""]
    lines += [f"keep     {','.join(found.columns)}", f"leave    {','.join(found.dropped) or '(nothing)'}"]
    lines += [f"note     {note}" for note in found.notes]
    return "\n".join(lines) + "\n"


def _row(step: Step) -> tuple[str, ...]:
    return (
        str(len(step.columns)),
        _short(step.left_out),
        f"{step.search.score:.4f}",
        _loss(step.search) if step.left_out else "",
        "" if step.held_out is None else _loss(step.held_out),
        "" if not step.left_out else "accepted" if step.accepted else "not accepted",
    )


def _short(names: Sequence[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _loss(loss: Loss) -> str:
    return f"{loss.loss:.4f} ({loss.interval[0]:.4f} to {loss.interval[1]:.4f})"
