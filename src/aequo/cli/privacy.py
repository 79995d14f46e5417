"""``aequo privacy``: whether a table is fit to be released."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from aequo.cli.console import print_json, print_result, say, waiting

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aequo.privacy.releases.result import ReleaseCheck

__all__ = ["app", "check"]

Diversity = Literal["distinct", "entropy", "recursive"]

app = typer.Typer(
    name="privacy",
    rich_markup_mode=None,
    help="Whether a table is fit to be released.",
    epilog="Example: aequo privacy check people.csv --quasi age,zip,sex --sensitive disease",
)

_CODES = {"fail": 1, "unknown": 3}


@app.command("check", short_help="Measure k-anonymity, l-diversity and t-closeness of a file.")
def check(
    file: Annotated[str, typer.Argument(metavar="FILE", help="CSV, Parquet or JSON lines, also .gz and globs.")],
    quasi: Annotated[
        list[str],
        typer.Option(metavar="COL[,COL]", help="Columns that others may know of a person; may be repeated."),
    ],
    sensitive: Annotated[
        list[str] | None,
        typer.Option(metavar="COL[,COL]", help="Columns that are not to be learned; may be repeated."),
    ] = None,
    k: Annotated[int, typer.Option("--k", metavar="N", help="Fewest rows that agree in all quasi-identifiers.")] = 5,
    least: Annotated[
        int, typer.Option("--l", metavar="N", help="Fewest sensitive values in a class; 0 does not ask for it.")
    ] = 2,
    t: Annotated[
        float,
        typer.Option("--t", metavar="X", help="Largest distance from all rows' sensitive values; 1 allows any."),
    ] = 0.2,
    c: Annotated[float, typer.Option("--c", metavar="X", help="For recursive (c,l)-diversity.")] = 3.0,
    diversity: Annotated[
        Diversity, typer.Option(metavar="FORM", help="Which l-diversity decides: distinct, entropy or recursive.")
    ] = "distinct",
    ignore: Annotated[
        list[str] | None,
        typer.Option(metavar="COL[,COL]", help="Other columns that look as if they identify, and do not."),
    ] = None,
    suggest: Annotated[bool, typer.Option("--suggest", help="Also search for plans that reach k, l and t.")] = False,
    suppress: Annotated[
        float, typer.Option(metavar="SHARE", help="Largest share of rows that a plan may take out, 0 to 1.")
    ] = 0.05,
    plan: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write the plan of least loss there, as JSON; implies --suggest.")
    ] = None,
    reveal: Annotated[
        bool, typer.Option("--reveal", help="Show what the rows of the smallest classes share: that is personal.")
    ] = False,
    missing: Annotated[
        list[str] | None, typer.Option(metavar="TEXT", help="Text that means missing, such as NA; may be repeated.")
    ] = None,
    encoding: Annotated[
        str, typer.Option(metavar="NAME", help="Encoding of CSV files: utf-8, latin-1 or utf-16.")
    ] = "utf-8",
    policy: Annotated[
        str | None, typer.Option(metavar="FILE", help="The policy; ./aequo.toml by default, where there is one.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the whole result as JSON.")] = False,
) -> int:
    """Measure how well the people in a file are hidden among each other, before it is released.

    \b
    Examples:
      aequo privacy check people.csv --quasi age,zip,sex --sensitive disease
      aequo privacy check people.parquet --quasi age,zip,sex --sensitive disease --k 10 --suggest --plan plan.json

    What the rows of classes smaller than the policy's privacy.suppress_below share is withheld. Exit codes: 0 passed,
    1 failed, 2 wrong usage, policy or data, 3 something could not be judged.
    """  # noqa: D301 - \b keeps the lines of an example apart
    from aequo.cli.options import find_policy, names

    rules = find_policy(policy)
    with waiting(f"Counting {Path(file).name}"):
        from aequo.core.table import Table
        from aequo.privacy.releases.check import check_release

        texts = tuple(dict.fromkeys((*rules.data.missing, *(missing or ()))))
        table = Table.of(file, missing=texts, encoding=encoding)
        result = check_release(
            table,
            quasi=names(quasi, table.columns),
            sensitive=names(sensitive, table.columns),
            k=k,
            l=least or None,
            t=t,
            c=c,
            diversity=diversity,
            ignore=names(ignore, table.columns),
            suggest=suggest or plan is not None,
            most_suppressed=suppress,
            suppress_below=rules.privacy.suppress_below,
            reveal=reveal,
            missing=texts,
        )
    if plan is not None and result.suggestions:
        from aequo.cli.files import write_text

        write_text(plan, result.suggestions[0].plan.to_json() + "\n", replace=True)
    if json:
        print_json(result.to_json())
    else:
        print_result(lambda stdout: stdout.write(_page(result)))
    if plan is not None:
        say(f"Plan: {plan}" if result.suggestions else "No plan reaches what is asked for, so none was written.")
    return _CODES.get(result.verdict.value, 0)


def _page(result: ReleaseCheck) -> str:
    head = f"{result.verdict.value.upper()}  {result.classes:,} classes of {result.rows:,} rows"
    if result.k is not None and result.mean_risk is not None:
        head += (
            f"; k = {result.k:,}; {result.uniques:,} rows alone; {result.at_risk:,} in classes that are too small "
            f"({result.at_risk / result.rows:.1%}); mean risk {result.mean_risk:.1%}"
        )
    lines = [head, ""]
    table = [("status", "check", "columns", "value", "asked for")]
    for f in result.findings:
        subject = f.subject if len(f.subject) <= 40 else f"{f.subject[:37]}..."
        value = "-" if f.value is None else f"{f.value:.4g}"
        table.append((f.status.value, f.check, subject, value, f"{f.limit:g}"))
    lines += _laid(table)
    lines += ["", *(f.why for f in result.findings if f.required and f.status.value != "pass")]
    if result.sizes:
        sizes = ", ".join(f"{often:,} of {size:,}" for size, often in result.sizes)
        lines += ["", f"classes by rows, smallest first: {sizes}"]
    lines += [f"{one.n:>10,} rows: {_key(one.key)}" for one in result.smallest if one.key is not None]
    for number, one in enumerate(result.suggestions, start=1):
        lines += ["", f"plan {number}: {one.why}"]
    lines += ["", *(f"note: {note}" for note in result.notes)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _key(key: Mapping[str, str | None]) -> str:
    from aequo.core.levels import shown

    return ", ".join(f"{name} {shown(value)}" for name, value in key.items())


def _laid(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in rows]
