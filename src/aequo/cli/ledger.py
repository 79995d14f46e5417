"""``aequo ledger``: make a ledger, write to it, read it, prove and verify it."""

from __future__ import annotations

import typer

from aequo.cli.ledger_append import append
from aequo.cli.ledger_init import init
from aequo.cli.ledger_prove import checkpoint, export, prove, verify
from aequo.cli.ledger_read import report, show, tail
from aequo.cli.ledger_rotate import rotate

__all__ = ["app"]

app = typer.Typer(
    name="ledger",
    rich_markup_mode=None,
    help="A log of decisions that shows every change to it, and that a person can be forgotten in.",
    epilog="Example: aequo ledger init",
)
app.command("init", short_help="Make a ledger and its key.")(init)
app.command("append", short_help="Record events: JSON lines from standard input or a file.")(append)
app.command("show", short_help="Show entries.")(show)
app.command("tail", short_help="Show the newest entries, and new ones as they come.")(tail)
app.command("report", short_help="Report on a period: decisions, error rates, overrides.")(report)
app.command("checkpoint", short_help="Sign the ledger as it stands.")(checkpoint)
app.command("prove", short_help="Prove that an entry is in it, or that it only grew.")(prove)
app.command("verify", short_help="Check every entry; exit code 1 if one is not as recorded.")(verify)
app.command("export", short_help="Write entries and what proves them to one file.")(export)
app.command("rotate", short_help="Make a new master key and wrap all keys with it.")(rotate)
