"""``aequo ledger show``, ``tail`` and ``report``."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from aequo.cli.console import print_json, print_lines, print_result, say, waiting
from aequo.cli.files import read_text
from aequo.cli.ledger_options import (
    CheckpointOption,
    KeyOption,
    KindOption,
    LedgerOption,
    ModelOption,
    OperatorOption,
    OutcomeOption,
    SinceOption,
    SubjectOption,
    UntilOption,
    VerdictOption,
    VkeyOption,
    open_ledger,
    place,
    public_key,
    wanted,
)
from aequo.errors import InputError, Tampered

if TYPE_CHECKING:
    from aequo.ledger import Entry, Ledger

__all__ = ["report", "show", "tail"]

_EVERY = 0.5
"""Seconds between two looks of ``tail -f``."""

OpenOption = Annotated[
    bool, typer.Option("--open", help="Open what is sealed, with the key; it may be personal. Closed by default.")
]


def show(
    index: Annotated[list[int] | None, typer.Argument(metavar="[INDEX]...", help="Show all of these entries.")] = None,
    ledger: LedgerOption = None,
    key: KeyOption = None,
    kind: KindOption = None,
    model_version: ModelOption = None,
    operator: OperatorOption = None,
    outcome: OutcomeOption = None,
    verdict: VerdictOption = None,
    subject: SubjectOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    start: Annotated[int | None, typer.Option(metavar="INDEX", min=0, help="Begin at this entry.")] = None,
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="Show so many at most.")] = 50,
    newest_first: Annotated[bool, typer.Option("--newest-first", help="Begin with the newest.")] = False,
    opened: OpenOption = False,
    json: Annotated[bool, typer.Option("--json", help="Print each entry as a line of JSON.")] = False,
) -> int:
    """Show entries of a ledger: some by their index, or those that fit.

    \b
    Examples:
      aequo ledger show 0 7
      aequo ledger show --kind decision --model-version v3 --since 2026-01-01 --limit 20
      aequo ledger show --newest-first --json

    Exit codes: 0 shown, 2 wrong usage, no such entry, or an entry that cannot be read.
    """  # noqa: D301 - \b keeps the lines of an example apart
    from aequo.flows.lookup import find_entries, moment

    asked = wanted(kind, model_version, operator, outcome, verdict)
    picks = (subject, since, until, start, newest_first or None)
    if index and not (asked.anything and all(p is None for p in picks)):
        raise InputError("entries are named and asked for by what they say, expected one of the two.")
    with open_ledger(place(ledger, key), key=opened or subject is not None) as book:
        if index:
            _print_all([book.entry(i) for i in index], json=json)
            return 0
        found = find_entries(
            book,
            asked,
            start=0 if newest_first or start is None else start,
            stop=start + 1 if newest_first and start is not None else None,
            since=None if since is None else moment(since),
            until=None if until is None else moment(until),
            subject=subject,
            newest_first=newest_first,
            opened=opened,
        )
        page = list(islice(found, limit + 1))
    _print_page(page[:limit], json=json)
    if len(page) > limit:
        say(f"More follow: --start {page[limit].index}.")
    elif not page:
        say("No entry fits.")
    return 0


def _print_all(entries: Sequence[Entry], *, json: bool) -> None:
    if json:
        print_lines(map(_line, entries))
        return
    from aequo.report.entries import show_entry

    def write(stdout: TextIO) -> None:
        for i, entry in enumerate(entries):
            stdout.write("\n" if i else "")
            show_entry(entry, file=stdout)

    print_result(write)


def _print_page(entries: Sequence[Entry], *, json: bool) -> bool:
    """Print entries; return whether somebody still reads."""
    if json:
        return print_lines(map(_line, entries))
    from aequo.report.entries import EntryLines

    def write(stdout: TextIO) -> None:
        table = EntryLines(max(entry.index for entry in entries), file=stdout)
        table.heads()
        table.show(entries)

    return not entries or print_result(write)


def _line(entry: Entry) -> str:
    import msgspec

    return msgspec.json.encode(entry.to_dict()).decode()


def tail(
    n: Annotated[int, typer.Option("-n", metavar="N", min=0, help="Show so many of the newest.")] = 10,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on showing new ones, until Ctrl-C.")] = False,
    ledger: LedgerOption = None,
    key: KeyOption = None,
    kind: KindOption = None,
    model_version: ModelOption = None,
    operator: OperatorOption = None,
    outcome: OutcomeOption = None,
    verdict: VerdictOption = None,
    opened: OpenOption = False,
    json: Annotated[bool, typer.Option("--json", help="Print each entry as a line of JSON.")] = False,
) -> int:
    """Show the newest entries, and new ones as they come.

    \b
    Examples:
      aequo ledger tail -n 20
      aequo ledger tail -f --kind decision --json

    Exit codes: 0 shown, 2 wrong usage, or an entry that cannot be read; 130 ended by Ctrl-C.
    """  # noqa: D301 - \b keeps the lines of an example apart
    from aequo.flows.lookup import find_entries

    asked = wanted(kind, model_version, operator, outcome, verdict)
    with open_ledger(place(ledger, key), key=opened) as book:
        seen = book.size
        newest = list(islice(find_entries(book, asked, stop=seen, newest_first=True, opened=opened), n))
        if not _print_page(newest[::-1], json=json) or not follow:
            return 0
        for first, stop in _growth(book, seen):
            fresh = find_entries(book, asked, start=first, stop=stop, opened=opened)
            if not (print_lines(map(_line, fresh)) if json else _print_rows(fresh, stop)):
                return 0
    return 0


def _print_rows(entries: Iterable[Entry], last: int) -> bool:
    from aequo.report.entries import EntryLines

    return print_result(lambda stdout: EntryLines(last, file=stdout).show(entries))


def _growth(book: Ledger, seen: int) -> Iterator[tuple[int, int]]:
    """Give ranges of new entries, for ever."""
    while True:
        size = book.size
        if size > seen:
            yield seen, size
            seen = size
        time.sleep(_EVERY)


def report(
    since: SinceOption = None,
    until: UntilOption = None,
    outcomes_until: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="Count outcomes and overrides recorded before this; all by default."),
    ] = None,
    out: Annotated[
        str | None, typer.Option(metavar="DIR", help="Write activity.html, activity.md and activity.json there.")
    ] = None,
    ledger: LedgerOption = None,
    verify: Annotated[
        bool, typer.Option("--verify/--no-verify", help="Check the whole ledger first, and say so in the report.")
    ] = True,
    checkpoint: CheckpointOption = None,
    vkey: VkeyOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> int:
    """Report on a period: decisions by version, operator, outcome and verdict, error rates, overrides.

    \b
    Examples:
      aequo ledger report
      aequo ledger report --since 2026-01-01 --until 2026-02-01 --out january

    Needs no key, and opens nothing that is sealed. Exit codes: 0 reported, 1 the ledger did not verify or an entry is
    missing, 2 wrong usage or no ledger.
    """  # noqa: D301 - \b keeps the lines of an example apart
    from aequo.core.finding import Status
    from aequo.flows.activity import report_activity
    from aequo.flows.lookup import moment

    period = [None if t is None else moment(t) for t in (since, until, outcomes_until)]
    outside = None if checkpoint is None else read_text(checkpoint, "checkpoint")
    with open_ledger(place(ledger, None), key=False) as book, waiting("Reading the ledger"):
        trusted = None if vkey is None else public_key(vkey)
        checked = book.verify(outside, vkey=trusted) if verify else False
        try:
            made = report_activity(book, since=period[0], until=period[1], outcomes_until=period[2], verify=checked)
        except Tampered as error:
            say(f"aequo: {error}")
            return 1
    saved = None if out is None else made.save(out)
    if json:
        print_json(made.to_json())
    else:
        from aequo.report.activity_terminal import show as show_report

        print_result(lambda stdout: show_report(made, file=stdout))
    if saved is not None:
        say(f"Report: {saved / 'activity.html'}")
    return 1 if made.ledger.status is Status.FAIL else 0
