"""The command ``aequo``: what there is to call, and how it ends.

Exit codes: 0 the gate opened, 1 a required finding failed, 2 wrong usage, policy or data, 3 a required finding could
not be judged, 130 interrupted.
"""

from __future__ import annotations

import errno
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from aequo import __version__
from aequo.cli import (
    assess,
    demo,
    erase,
    ethics,
    explain,
    init,
    ledger,
    minimize,
    mitigate,
    privacy,
    pseudonymise,
    subject,
)
from aequo.cli.console import say, usable_streams
from aequo.cli.signals import Stopped, catch_signals
from aequo.errors import AequoError

__all__ = ["app", "main"]

app = typer.Typer(
    name="aequo",
    add_completion=True,
    rich_markup_mode=None,  # plain help: fast, narrow, the same in every terminal and file
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="--debug anywhere shows the traceback of an error. Exit codes: 0 passed, 1 failed, 2 wrong usage, policy "
    "or data, 3 something required could not be judged.",
)


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"aequo {__version__}\n")
        raise typer.Exit


@app.callback()
def _about(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Measure fairness in decisions and bias in data, keep a log of decisions, and protect the people in it.

    \b
    Examples:
      aequo demo
      aequo assess loans.csv --label approved --group race,sex
      aequo ledger init
    """  # noqa: D301 - \b keeps the lines of an example apart


app.command("assess", short_help="Assess decisions and data.")(assess.assess)
app.command("demo", short_help="Assess 1,989 real mortgage applications.")(demo.demo)
app.command("mitigate", short_help="Compare remedies, and save the one to take.")(mitigate.mitigate)
app.command("ethics", short_help="Weigh decisions: who gains, who pays; and duties.")(ethics.ethics)
app.command("init", short_help="Write a policy: purpose, people, columns, limits.")(init.init)
app.add_typer(ledger.app, name="ledger", short_help="Keep, read, prove and verify a log of decisions.")
app.command("pseudonymise", short_help="Replace personal columns of a file.")(pseudonymise.pseudonymise)
app.command("minimize", short_help="Keep the columns that are needed, or find them out.")(minimize.minimize)
app.command("erase", short_help="Erase a person in every store, with a receipt.")(erase.erase)
app.command("explain", short_help="Explain a model, or one of its decisions.")(explain.explain)
app.add_typer(privacy.app, name="privacy", short_help="Check whether a table is fit to be released.")
app.add_typer(subject.app, name="subject", short_help="What is held on a person: export, holds, retention.")


_INTERRUPTS = (KeyboardInterrupt, typer.Abort)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments; those of the process by default.
    """
    arguments, debug = _without_debug(list(sys.argv[1:] if argv is None else argv))
    usable_streams()
    restore, received = catch_signals()
    try:
        code = app(arguments, prog_name="aequo", standalone_mode=False) if arguments else _no_command()
    except BaseException as error:  # noqa: BLE001 - the one place where every way to end gets its exit code
        if debug and not isinstance(error, (SystemExit, Stopped)):
            traceback.print_exc()
        code = 0 if received else _interrupted(signal.SIGINT) if isinstance(error, _INTERRUPTS) else _ended(error)
    finally:
        restore()
    # Engines turn an interrupt into errors of their own, or pass over it: the signal has the last word.
    return _interrupted(received[0]) if received else code or 0


def _no_command() -> int:
    app(["--help"], prog_name="aequo", standalone_mode=False)
    return 2


def _without_debug(arguments: list[str]) -> tuple[list[str], bool]:
    end = arguments.index("--") if "--" in arguments else len(arguments)
    return [a for a in arguments[:end] if a != "--debug"] + arguments[end:], "--debug" in arguments[:end]


def _interrupted(number: int) -> int:
    say("\naequo: interrupted; nothing was written half-way.")
    return 128 + number


def _ended(error: BaseException) -> int:
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else 0 if error.code is None else 2
    if isinstance(error, AequoError):
        say(f"aequo: {error}")
    elif hasattr(error, "format_message"):  # a usage error of typer's, or of the click that older typers stand on
        context = getattr(error, "ctx", None)
        command = context.command_path if context is not None else "aequo"
        say(f"aequo: {_usage(error.format_message())} See: {command} --help")
    elif isinstance(error, BrokenPipeError):
        pass
    elif isinstance(error, MemoryError):
        say("aequo: there is not enough memory for this.")
    elif isinstance(error, OSError) and error.errno in _OUTSIDE:
        say(f"aequo: {error.strerror}{f': {error.filename}' if error.filename else ''}.")
    else:
        # The message may hold data, so only the kind of error and the place in aequo are shown.
        say(
            f"aequo: {type(error).__name__}{_place(error)}. This is a bug in aequo, and not your fault; "
            "the same command with --debug shows the traceback."
        )
    return 2


_OUTSIDE = {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.EIO}


def _usage(message: str) -> str:
    """Return typer's message as one sentence."""
    text = " ".join(message.split()).removesuffix(".").replace("Value error, ", "")
    return f"{text[:1].lower()}{text[1:]}{'' if text.endswith('?') else '.'}"


def _place(error: BaseException) -> str:
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f"{Path(__file__).parents[1]}" in f.filename]
    return f" in {Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else ""
