"""``aequo pseudonymise``."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from aequo.cli.console import print_json, print_result, say
from aequo.errors import InputError, KeyProblem

if TYPE_CHECKING:
    from aequo.ledger.keys import KeyRing
    from aequo.privacy.pseudonyms.fields import Kind
    from aequo.privacy.pseudonyms.report import PseudonymReport

__all__ = ["pseudonymise"]

Form = Literal["token", "preserving"]
Unknown = Literal["report", "refuse", "ignore"]

_VARIABLE = "AEQUO_KEY"


def pseudonymise(
    file: Annotated[str, typer.Argument(metavar="FILE", help="CSV, TSV or JSON lines (also .gz), or Parquet.")],
    out: Annotated[str, typer.Option(metavar="FILE", help="Where to write it, in the same format.")],
    fields: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COL[=KIND][,COL]",
            help="Columns to replace, with what they hold where the name does not tell: email, phone, ssn, address, "
            "name, given_name, family_name, date, id or text; may be repeated. By default those named e-mail, phone, "
            "ssn, address and name.",
        ),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(
            metavar="SOURCE", help="A key file, file:PATH or env:NAME; the variable AEQUO_KEY holds a key by default."
        ),
    ] = None,
    new_key: Annotated[str | None, typer.Option(metavar="FILE", help="Make a key, write it there and use it.")] = None,
    form: Annotated[
        Form, typer.Option(metavar="FORM", help="token, or preserving: values of the same type.")
    ] = "token",
    person: Annotated[
        str | None, typer.Option(metavar="COL", help="Column that tells people apart: dates move by person.")
    ] = None,
    vault: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Remember there, sealed, what the pseudonyms stand for; else nobody can tell."
        ),
    ] = None,
    unknown: Annotated[
        Unknown | None,
        typer.Option(
            metavar="WHAT",
            help="Other columns that look personal: report, refuse (write nothing) or ignore; as the policy says by "
            "default.",
        ),
    ] = None,
    policy: Annotated[
        str | None, typer.Option(metavar="FILE", help="The policy; ./aequo.toml by default, where there is one.")
    ] = None,
    country: Annotated[
        str | None,
        typer.Option(metavar="CODE", help="Calling code of telephone numbers written without one, such as 1."),
    ] = None,
    missing: Annotated[
        list[str] | None, typer.Option(metavar="TEXT", help="Text that means missing, such as NA; may be repeated.")
    ] = None,
    encoding: Annotated[
        str, typer.Option(metavar="NAME", help="Encoding of text files: utf-8, latin-1 or utf-16.")
    ] = "utf-8",
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that is there.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> int:
    """Replace personal columns of a file by pseudonyms; with the same key the same value is always the same one.

    \b
    Examples:
      aequo pseudonymise people.csv --out hidden.csv --new-key people.key
      aequo pseudonymise visits.csv --out hidden.csv --key people.key --fields patient,visit_date --person patient \\
        --form preserving --vault people.vault --unknown refuse

    Exit codes: 0 written, 2 wrong usage or data, no key, or refused since another column looks personal.
    """  # noqa: D301 - \b keeps the lines of an example apart
    from aequo.cli.options import find_policy

    rules = find_policy(policy).privacy
    with _key(key, new_key) as ring:
        from aequo.privacy.pseudonyms.pseudonymiser import Pseudonymiser

        hide = Pseudonymiser(
            ring,
            _fields(fields, file, encoding),
            form=form,
            person=person,
            unknown=unknown or rules.personal_columns,
            vault=vault,
            country=country,
            missing=["", *(missing or ())],
        )
        with _progress(f"Pseudonymising {Path(file).name}") as progress:
            result = hide.file(file, out, overwrite=force, encoding=encoding, progress=progress)
    report = result.report
    if json:
        print_json(report.to_json())
    else:
        print_result(lambda stdout: stdout.write(_table(report)))
    say(f"Wrote {out} with key version {report.version}.")
    if new_key is not None:
        say(f"Wrote {new_key}: keep it apart from the data. Whoever has it can test guesses; without it, nobody can.")
    return 0


@contextlib.contextmanager
def _key(source: str | None, new: str | None) -> Iterator[KeyRing]:
    """Give the key ring; a new one is removed again if what it was made for fails."""
    from aequo.ledger.keys import KeyRing
    from aequo.privacy.pseudonyms.mac import ring_of

    if new is not None:
        if source is not None:
            raise InputError("--key and --new-key are both given, expected one of them.")
        ring = KeyRing.new()
        path = ring.save(new)
        try:
            yield ring
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return
    if source is None and _VARIABLE not in os.environ:
        raise KeyProblem(
            "there is no key: --new-key FILE makes one (so does `aequo ledger init`); give it later with --key FILE or "
            f"in the variable {_VARIABLE}."
        )
    yield ring_of(source if source is not None else f"env:{_VARIABLE}")


def _fields(given: Sequence[str] | None, file: str, encoding: str) -> dict[str, Kind | None] | None:
    """Read each ``COL[=KIND][,COL]``; a comma or ``=`` in a column's own name is left alone."""
    if not given:
        return None
    from aequo.cli.options import names
    from aequo.privacy.pseudonyms.fields import KINDS

    columns = _columns(file, encoding)
    found: dict[str, Kind | None] = {}
    for name in names(given, columns):
        column, equals, kind = name.rpartition("=")
        if not equals or name in columns:
            found[name] = None
            continue
        known = next((one for one in KINDS if one == kind.strip()), None)
        if known is None:
            raise InputError(f"--fields says {kind.strip()!r} for a column, expected one of {', '.join(KINDS)}.")
        found[column.strip()] = known
    return found


def _columns(file: str, encoding: str) -> list[str]:
    from aequo.privacy.pseudonyms.files import csv_columns, file_format, must_be_file

    path = Path(file).expanduser()
    must_be_file(path)
    kind = file_format(path)
    if kind == "csv":
        return csv_columns(path, encoding)
    if kind == "parquet":
        from aequo.privacy.pseudonyms.parquet import parquet_columns

        return list(parquet_columns(path))
    return []


@contextlib.contextmanager
def _progress(what: str, *, after: float = 1.0, every: float = 0.5) -> Iterator[Callable[[float, int], None] | None]:
    """Show on a terminal's stderr how far it is, once it has taken a while."""
    stderr = sys.stderr
    if not stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield None
        return
    start = last = time.monotonic()
    width = 0

    def tell(share: float, rows: int) -> None:
        nonlocal last, width
        now = time.monotonic()
        if now - start < after or now - last < every:
            return
        last = now
        text = f"{what} ... {share:.0%}, {rows:,} rows "
        width = max(width, len(text))
        _write(stderr, "\r" + text)

    try:
        yield tell
    finally:
        if width:
            _write(stderr, "\r" + " " * width + "\r")


def _write(stream: Any, text: str) -> None:
    with contextlib.suppress(OSError, ValueError):
        stream.write(text)
        stream.flush()


def _table(report: PseudonymReport) -> str:
    rows = [("column", "holds", "becomes", "values", "missing")]
    for one in report.replaced:
        lost = f" ({one.lost:,} left empty: no date, or nobody's)" if one.lost else ""
        rows.append((one.column, one.kind, one.form, f"{one.values:,}", f"{one.missing:,}{lost}"))
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    lines = [
        "  ".join(
            cell.rjust(w) if i == 3 else cell.ljust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    if report.personal:
        lines += ["", "These look personal too, and were not replaced:"]
        lines += [f"  {one.column}: {one.why}" for one in report.personal]
    return "\n".join(line.rstrip() for line in lines) + "\n"
