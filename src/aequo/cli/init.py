"""``aequo init``: purpose and people first, then columns."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aequo.cli.console import say
from aequo.errors import InputError, OutputError, PolicyError, UnknownColumn, did_you_mean

if TYPE_CHECKING:
    from aequo.core.policy import Policy

__all__ = ["init"]

_QUESTIONS = {
    "name": "Name of the system",
    "purpose": "What does it decide, and why",
    "people": "Who is affected by its decisions",
    "label": "Column with the outcome",
    "favourable": "Which outcome is good for the person",
    "group": "Columns whose groups are compared (race,sex)",
}


def init(
    name: Annotated[str | None, typer.Option(metavar="TEXT", help="Name of the system.")] = None,
    purpose: Annotated[str | None, typer.Option(metavar="TEXT", help="What it decides, and why.")] = None,
    people: Annotated[str | None, typer.Option(metavar="TEXT", help="Who is affected by its decisions.")] = None,
    label: Annotated[str | None, typer.Option(metavar="COL", help="Column with the outcome.")] = None,
    favourable: Annotated[
        str | None, typer.Option(metavar="VALUE", help="The outcome that is good for the person.")
    ] = None,
    group: Annotated[
        list[str] | None,
        typer.Option(metavar="COL[,COL]", help="Column(s) whose groups are compared; may be repeated."),
    ] = None,
    data: Annotated[
        str | None, typer.Option(metavar="FILE", help="Data to check that the columns exist; nothing of it is kept.")
    ] = None,
    out: Annotated[str, typer.Option(metavar="FILE", help="The policy file to write.")] = "aequo.toml",
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that is there.")] = False,
) -> int:
    """Write a policy: what the system is for, whom it affects, and what is held against it.

    Asks on a terminal for what is not given as an option; elsewhere all of it must be given.

    \b
    Examples:
      aequo init --data loans.csv
      aequo init --name loans --purpose "grants small loans" --people "applicants in Boston" --label approved \\
        --favourable yes --group race,sex
    """  # noqa: D301 - \b keeps the lines of an example apart
    target = Path(out)
    if os.path.lexists(target) and not force:
        raise OutputError(f"{out} is there already. --force overwrites it, --out FILE writes another.")
    columns = _columns(data)
    given = {"name": name, "purpose": purpose, "people": people, "label": label, "favourable": favourable}
    answers = _complete({**given, "group": ",".join(group) if group else None}, columns)
    policy = _policy(answers, group, columns)
    for column in (policy.data.label, *policy.groups.columns):
        _check_column(column, columns, data)
    _write(target, policy.to_toml(), force=force)
    say(f"Wrote {out}: every key has a comment, and what you did not say its default.")
    from aequo.core.policy import FILE_NAME

    elsewhere = "" if Path(out) == Path(FILE_NAME) else f" --policy {out}"
    say(f"Next: aequo assess {data or 'DATA'}{elsewhere}")
    return 0


def _columns(data: str | None) -> tuple[str, ...]:
    if data is None:
        return ()
    from aequo.core.table import Table

    return tuple(Table.of(data).columns)


def _complete(given: dict[str, str | None], columns: Sequence[str]) -> dict[str, str]:
    """Ask for what was not given, or say what is lacking where nobody can be asked."""
    lacking = [key for key, value in given.items() if value is None]
    if lacking and not _can_ask():
        listed = ", ".join(f"--{key}" for key in lacking)
        raise InputError(f"nobody is there to ask: give {listed} as well (see: aequo init --help).")
    if lacking and columns:
        say(f"Columns: {', '.join(columns)}.")
    answers: dict[str, str] = {}
    for key, value in given.items():
        answers[key] = value if value is not None else _ask(key, columns)
    return answers


def _can_ask() -> bool:
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


def _ask(key: str, columns: Sequence[str]) -> str:
    while True:
        default = Path.cwd().name if key == "name" else None
        answer = str(typer.prompt(_QUESTIONS[key], default=default, err=True)).strip()
        wrong = _unknown(key, answer, columns)
        if wrong is None:
            return answer
        say(f"There is no column {wrong!r}.{did_you_mean(wrong, columns)}")


def _unknown(key: str, answer: str, columns: Sequence[str]) -> str | None:
    from aequo.cli.options import names

    if not columns or key not in ("label", "group"):
        return None
    wanted = [answer] if key == "label" else names([answer], columns)
    return next((column for column in wanted if column not in columns), None)


def _policy(answers: dict[str, str], group: Sequence[str] | None, columns: Sequence[str]) -> Policy:
    from aequo.cli.options import names, override
    from aequo.core.policy import Policy

    empty = [f"--{key}" for key, value in answers.items() if not value.strip()]
    if empty:
        raise InputError(f"{' and '.join(empty)} {'are' if len(empty) > 1 else 'is'} empty, expected an answer.")
    try:
        return override(
            Policy(),
            {
                **{f"system.{key}": answers[key] for key in ("name", "purpose", "people")},
                "data.label": answers["label"],
                "data.favourable": answers["favourable"],
                "groups.columns": names(group or [answers["group"]], columns),
            },
        )
    except PolicyError as error:
        raise InputError(f"{error}") from None


def _check_column(name: str | None, columns: Sequence[str], data: str | None) -> None:
    if data is not None and name is not None and name not in columns:
        hint = did_you_mean(name, columns) or f" Columns: {', '.join(columns)}."
        raise UnknownColumn(f"{Path(data).name} has no column {name!r}.{hint}")


def _write(target: Path, text: str, *, force: bool) -> None:
    """Write the file whole or not at all."""
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    except OSError as error:
        raise OutputError(f"{target} cannot be written: {error.strerror}.") from None
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        if force:
            temporary.replace(target)
        else:
            os.link(temporary, target)  # fails where someone else wrote the file meanwhile
    except FileExistsError:
        raise OutputError(f"{target} is there already. --force overwrites it, --out FILE writes another.") from None
    except OSError as error:
        raise OutputError(f"{target} cannot be written: {error.strerror}.") from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
