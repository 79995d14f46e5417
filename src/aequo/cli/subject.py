"""``aequo subject``: what is held on a person, legal holds, receipts, and retention."""

from __future__ import annotations

from typing import Annotated

import typer

from aequo.cli.console import print_json, print_result, say, waiting
from aequo.cli.erase import (
    PolicyOption,
    SubjectArgument,
    WhoOption,
    WhyOption,
    YesOption,
    confirmed,
    opened,
    read_policy,
)
from aequo.cli.files import read_text
from aequo.cli.ledger_options import KeyOption, LedgerOption, open_ledger, place, public_key
from aequo.errors import InputError, Tampered

__all__ = ["app", "check_receipt", "expire", "export", "hold", "receipts", "release"]

app = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=False,
    help="The people in a ledger and in the stores that the policy names.",
    epilog="Example: aequo subject export customer-17 --out customer-17.json",
)

ReasonOption = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="Why, without naming the person; stays readable.")
]


@app.command("export", short_help="Write all that is held on a person.")
def export(
    subject: SubjectArgument,
    ledger: LedgerOption = None,
    key: KeyOption = None,
    policy: PolicyOption = None,
    operator: WhoOption = None,
    reason: WhyOption = None,
    out: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write it there, for its owner alone; Markdown if it ends in .md."),
    ] = None,
) -> int:
    """Write all that is held on a person, readable; the ledger records that this was done.

    \b
    Examples:
      aequo subject export customer-17 --out customer-17.md
      echo customer-17 | aequo subject export - > customer-17.json

    Exit codes: 0 all stores were read, 1 one could not be, 2 wrong usage.
    """  # noqa: D301 - \b keeps the lines of an example apart
    from aequo.privacy.erasure.export import export as run

    person, rules, book = opened(subject, ledger=ledger, key=key, policy=policy)
    with book, waiting("Reading"):
        found = run(person, ledger=book, policy=rules, operator_id=operator, reason=reason)
    if out is None:
        print_json(found.to_json())
    else:
        found.save(out)
    say(f"{found.count:,} records in {len(found.stores)} stores; entry {found.index} says that they were exported.")
    for store in found.not_read:
        say(f"{store.store}: NOT READ ({store.why})")
    return 1 if found.not_read else 0


@app.command("hold", short_help="Forbid to erase a person.")
def hold(
    subject: SubjectArgument,
    reason: ReasonOption,
    ledger: LedgerOption = None,
    key: KeyOption = None,
    operator: WhoOption = None,
) -> int:
    """Put a legal hold on a person: they are not erased, and their retention does not end.

    \b
    Example:
      aequo subject hold customer-17 --reason "case 2026-17" --operator legal

    Exit codes: 0 held, 2 wrong usage.
    """  # noqa: D301 - \b keeps the lines of an example apart
    from aequo.privacy.erasure.retention import hold as run

    person, _, book = opened(subject, ledger=ledger, key=key, policy=None)
    with book:
        index = book.index_of(run(person, ledger=book, reason=reason, operator_id=operator))
    say(f"The person is under a legal hold{_entry(index)}.")
    return 0


@app.command("release", short_help="Lift a legal hold.")
def release(
    subject: SubjectArgument,
    reason: ReasonOption,
    hold: Annotated[
        str | None, typer.Option(metavar="TEXT", help="The hold's own reason, where there are several.")
    ] = None,
    ledger: LedgerOption = None,
    key: KeyOption = None,
    operator: WhoOption = None,
) -> int:
    """Lift a legal hold from a person.

    \b
    Example:
      aequo subject release customer-17 --reason "case closed" --operator legal

    Exit codes: 0 lifted, 2 wrong usage, or no such hold.
    """  # noqa: D301 - \b keeps the lines of an example apart
    from aequo.privacy.erasure.retention import lift_hold as run

    person, _, book = opened(subject, ledger=ledger, key=key, policy=None)
    with book:
        index = book.index_of(run(person, ledger=book, reason=reason, operator_id=operator, hold=hold))
        left = bool(book.store.holds().get(book.subject_id(person)))
    say(f"The hold is lifted{_entry(index)}.{' Another one stays.' if left else ''}")
    return 0


@app.command("receipts", short_help="Show the receipts of a person's erasures.")
def receipts(
    subject: SubjectArgument,
    ledger: LedgerOption = None,
    key: KeyOption = None,
    out: Annotated[str | None, typer.Option(metavar="FILE", help="Write the newest receipt there.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print all of them as JSON.")] = False,
) -> int:
    """Show what the ledger says of a person's erasures, each with a fresh proof.

    \b
    Example:
      aequo subject receipts customer-17 --out receipt.json

    Exit codes: 0 shown, 2 wrong usage.
    """  # noqa: D301 - \b keeps the lines of an example apart
    from aequo.privacy.erasure.erase import past_receipts
    from aequo.privacy.erasure.export import write_private

    person, _, book = opened(subject, ledger=ledger, key=key, policy=None)
    with book:
        found = past_receipts(person, ledger=book)
    if out is not None:
        if not found:
            raise InputError("this person was never erased here, so that there is no receipt to write.")
        write_private(out, found[-1].to_text())
    if json:
        import json as text

        print_json(text.dumps([receipt.to_dict() for receipt in found], indent=2, ensure_ascii=False))
    else:
        lines = [f"{one.ended:%Y-%m-%d %H:%M} UTC  {one.state}  entry {one.index}\n" for one in found]
        print_result(lambda stdout: stdout.writelines(lines))
    if not found:
        say("This person was never erased here.")
    return 0


@app.command("check-receipt", short_help="Check the receipt of an erasure.")
def check_receipt(
    receipt: Annotated[str, typer.Argument(metavar="FILE", help="The receipt.")],
    vkey: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="Public key of the ledger, or a file with it; that of the ledger by default."),
    ] = None,
    ledger: LedgerOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print what it says as JSON.")] = False,
) -> int:
    """Check that the ledger really said what a receipt says. With --vkey that needs no ledger.

    \b
    Example:
      aequo subject check-receipt receipt.json

    Exit codes: 0 it is sound, 1 it is not what the ledger said, 2 wrong usage.
    """  # noqa: D301 - \b keeps the lines of an example apart
    from aequo.privacy.erasure.receipt import check_receipt as run

    text = read_text(receipt, "receipt")
    if vkey is None:
        with open_ledger(place(ledger, None), key=False) as book:
            trusted = book.vkey
    else:
        trusted = public_key(vkey)
    try:
        found = run(text, trusted)
    except Tampered as error:
        say(f"aequo: {error}")
        return 1
    if json:
        import json as dump

        print_json(dump.dumps(found.to_dict(), indent=2, ensure_ascii=False))
    else:
        lines = [f"{outcome.sentence()}\n" for outcome in found.outcomes]
        print_result(lambda stdout: stdout.writelines(lines))
    say(f"Sound: entry {found.index} of {found.ledger} says so, on {found.ended:%Y-%m-%d at %H:%M} UTC.")
    return 0


@app.command("expire", short_help="End the retention of people without newer entries.")
def expire(
    days: Annotated[
        int | None, typer.Option(metavar="N", help="Retention; that of the policy by default, else 183 days.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count only, and change nothing.")] = False,
    yes: YesOption = False,
    ledger: LedgerOption = None,
    key: KeyOption = None,
    policy: PolicyOption = None,
    operator: WhoOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> int:
    """Make the personal data of people unreadable whose newest entry in the ledger is past its retention.

    \b
    Examples:
      aequo subject expire --dry-run
      aequo subject expire --yes --operator nightly

    Exit codes: 0 done, 1 something was not reached, 2 wrong usage.
    """  # noqa: D301 - \b keeps the lines of an example apart
    from aequo.privacy.erasure.retention import expire as run

    rules = read_policy(policy)
    kept = rules.ledger.retention_days if days is None else days
    with open_ledger(place(ledger, key, policy=rules), key=True) as book:
        if not dry_run and not yes:
            say(run(book, days=kept, dry_run=True).sentence())
            if not confirmed("Go on? It cannot be undone", "goes on without asking"):
                say("aequo: nothing was changed.")
                return 2
        with waiting("Looking for what is past its retention"):
            done = run(book, days=kept, dry_run=dry_run, operator_id=operator)
    if json:
        import json as text

        print_json(text.dumps(done.to_dict(), indent=2))
    else:
        print_result(lambda stdout: stdout.write(done.sentence() + "\n"))
    for missed in done.not_reached:
        say(f"NOT REACHED: {missed}")
    for trace in done.traces:
        say(f"Traces may stay: {trace}")
    return 1 if done.not_reached else 0


def _entry(index: int | None) -> str:
    return "" if index is None else f"; entry {index} says so"
