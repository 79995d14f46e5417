"""``aequo erase``: forget a person, and show what became of what was held on them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aequo.cli.console import print_json, print_result, say, waiting
from aequo.cli.ledger_options import KeyOption, LedgerOption, open_ledger, place, policy_here
from aequo.cli.options import code_beside
from aequo.errors import InputError, OutputError

if TYPE_CHECKING:
    from aequo.core.policy import Policy
    from aequo.ledger import Ledger
    from aequo.privacy.erasure.receipt import ErasureReceipt, Outcome

__all__ = [
    "PolicyOption",
    "SubjectArgument",
    "WhoOption",
    "can_ask",
    "confirmed",
    "erase",
    "opened",
    "read_policy",
    "read_subject",
]

SubjectArgument = Annotated[
    str, typer.Argument(metavar="SUBJECT", help="The person's id; - reads it from stdin, past the shell's history.")
]
PolicyOption = Annotated[
    str | None,
    typer.Option("--policy", metavar="FILE", help="Names the stores; ./aequo.toml by default, where there is one."),
]
WhoOption = Annotated[str | None, typer.Option("--operator", metavar="ID", help="Who asks for it; stays readable.")]
WhyOption = Annotated[
    str | None, typer.Option("--reason", metavar="TEXT", help="Why, without naming the person; stays readable.")
]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask; needed where nobody can be asked.")]


def erase(
    subject: SubjectArgument,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count what would go, and change nothing.")] = False,
    yes: YesOption = False,
    ledger: LedgerOption = None,
    key: KeyOption = None,
    policy: PolicyOption = None,
    operator: WhoOption = None,
    reason: WhyOption = None,
    out: Annotated[str | None, typer.Option(metavar="FILE", help="Write the receipt there.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the receipt as JSON.")] = False,
) -> int:
    """Erase a person from the ledger and from every store that the policy names.

    What is sealed in the ledger becomes unreadable, for good; its entries and proofs stay. Asking again is harmless and
    completes what was cut off. Under a legal hold nothing is erased.

    \b
    Examples:
      aequo erase customer-17 --dry-run
      echo customer-17 | aequo erase - --yes --reason "request of 3 May" --out receipt.json

    Exit codes: 0 erased, 1 something was not reached, 2 wrong usage, or refused: a legal hold.
    """  # noqa: D301 - \b keeps the lines of an example apart
    from aequo.privacy.erasure.erase import erase as run

    if out is not None and dry_run:
        raise InputError("--out writes a receipt, and a dry run has none: leave out one of the two.")
    _check_free(out)
    person, rules, book = opened(subject, ledger=ledger, key=key, policy=policy)
    with book:
        if not dry_run and not yes:
            plan = run(person, ledger=book, policy=rules, dry_run=True, operator_id=operator, reason=reason)
            _tell(plan.outcomes)
            if not confirmed("Erase all of that? It cannot be undone", "erases without asking"):
                say("aequo: nothing was erased.")
                return 2
        with waiting("Erasing"):
            receipt = run(person, ledger=book, policy=rules, dry_run=dry_run, operator_id=operator, reason=reason)
    _deliver(receipt, out=out, json=json)
    return 1 if receipt.not_reached else 0


def opened(subject: str, *, ledger: str | None, key: str | None, policy: str | None) -> tuple[str, Policy, Ledger]:
    """Return the person, the policy, and the ledger opened with its key.

    Raises
    ------
    InputError
        If no ledger is named or no person given.
    PolicyError, LedgerError, KeyProblem
        If policy, ledger or key cannot be used.
    """
    rules = read_policy(policy)
    person = read_subject(subject)
    if any(":" in store.use for store in rules.erase.stores):
        code_beside(policy)
    return person, rules, open_ledger(place(ledger, key, policy=rules), key=True)


def read_policy(path: str | None) -> Policy:
    """Return the policy that was named, else that of the working directory, else the defaults.

    Raises
    ------
    PolicyError
        If it cannot be read or says something it cannot mean.
    """
    from aequo.core.policy import Policy

    return Policy.load(path) if path is not None else policy_here()


def read_subject(given: str) -> str:
    """Return the person's id: the argument, or a line of stdin where that is ``-``.

    Raises
    ------
    InputError
        If nothing is there.
    """
    if given != "-":
        return given
    if sys.stdin is None:
        raise InputError("- reads the person's id from stdin, which is closed.")
    if can_ask():
        return _asked("Id of the person: ")
    line = sys.stdin.readline().rstrip("\r\n")
    if not line:
        raise InputError("- reads the person's id from stdin, and nothing came.")
    return line


def can_ask() -> bool:
    """Return whether somebody sits at a terminal."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


def confirmed(question: str, yes: str) -> bool:
    """Ask whether to go on.

    Raises
    ------
    InputError
        If nobody can be asked.
    """
    if not can_ask():
        raise InputError(f"nobody is there to ask: --yes {yes}, --dry-run shows what would be done.")
    return _asked(f"{question} [y/N]: ").lower() in ("y", "yes")


def _asked(question: str) -> str:
    """Return what was typed; the prompts of the library that reads the command line leave a blank on stdout."""
    sys.stderr.write(question)
    sys.stderr.flush()
    line = sys.stdin.readline()
    if not line:  # the terminal was closed
        raise typer.Abort
    return line.strip()


def _check_free(out: str | None) -> None:
    """Refuse a receipt's place before anything is erased, and not after."""
    if out is None:
        return
    target = Path(out)
    if target.exists() or target.is_symlink():
        raise OutputError(f"{out} is there already; --out writes to a new file.")
    if not target.parent.is_dir():
        raise OutputError(f"{out} cannot be written: there is no such folder.")


def _tell(outcomes: Sequence[Outcome]) -> None:
    for outcome in outcomes:
        say(f"  {outcome.sentence(planned=True)}")


def _deliver(receipt: ErasureReceipt, *, out: str | None, json: bool) -> None:
    if out is not None:
        from aequo.privacy.erasure.export import write_private

        try:
            write_private(out, receipt.to_text())
        except OutputError as error:
            again = "the erasure is done, and `aequo subject receipts` shows its receipt again"
            raise OutputError(f"{str(error).rstrip('.')}; {again}.") from None
    if json:
        import json as text

        print_json(text.dumps(receipt.to_dict(), indent=2, ensure_ascii=False))
    else:
        lines = [outcome.sentence(planned=receipt.dry_run) + "\n" for outcome in receipt.outcomes]
        print_result(lambda stdout: stdout.writelines(lines))
    say(receipt.sentence())
    if receipt.already is not None:
        say(f"An earlier erasure of this person ended on {receipt.already:%Y-%m-%d at %H:%M} UTC.")
    if out is not None:
        say(f"Receipt: {out}")
