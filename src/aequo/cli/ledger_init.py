"""``aequo ledger init``."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aequo.cli.console import print_json, print_result, say
from aequo.cli.files import read_text, write_text
from aequo.cli.ledger_options import KeyOption, LedgerOption, place, shown_url
from aequo.errors import InputError, OutputError, PolicyError

if TYPE_CHECKING:
    from aequo.cli.ledger_options import Place

__all__ = ["init"]

_URL, _KEY = "sqlite:///ledger.db", "file:aequo.key"


def init(
    ledger: LedgerOption = None,
    key: KeyOption = None,
    origin: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Name in checkpoints, such as example.com/loans; random by default."),
    ] = None,
    policy: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Say in this policy where the ledger is; made if it is not there."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print url, name and public key as JSON.")] = False,
) -> int:
    """Make a ledger, and a master key unless there is one; print its public key.

    \b
    Examples:
      aequo ledger init
      aequo ledger init --ledger sqlite:///decisions.db --key file:/secure/aequo.key --policy aequo.toml

    By default sqlite:///ledger.db and file:aequo.key. Nothing that is there is overwritten. Exit codes: 0 made, 2 wrong
    usage, or there is a ledger already.
    """  # noqa: D301 - \b keeps the lines of an example apart
    from aequo.ledger import KeyRing, Ledger
    from aequo.ledger.places import ledger_exists

    at = place(ledger, key, default=_URL)
    source = at.key or _KEY
    source = source if source.startswith(("file:", "env:")) else f"file:{source}"
    if ledger_exists(at.url):
        raise OutputError("there is a ledger at that url already; it is never overwritten.")
    text = None if policy is None else _with_ledger(policy, at.url, source)
    new = _new_key(source)
    if new is not None:
        KeyRing.new().save(new)
    try:
        with Ledger.open(at.url, key=source, create=True, origin=origin or at.policy.ledger.origin) as made:
            name, vkey = made.origin, made.vkey
    except BaseException:
        if new is not None:  # nothing is sealed with it yet
            new.unlink(missing_ok=True)
        raise
    if policy is not None and text is not None:
        write_text(policy, text, replace=True)
    if json:
        import msgspec

        print_json(msgspec.json.encode({"url": shown_url(at.url), "origin": name, "vkey": vkey}).decode())
    else:
        print_result(lambda stdout: stdout.write(vkey + "\n"))
    _advise(at, source, new, policy)
    return 0


def _new_key(source: str) -> Path | None:
    """Return the key file to make, or None if the key is somewhere already."""
    path = Path(source.removeprefix("file:")).expanduser()
    return None if source.startswith("env:") or os.path.lexists(path) else path


def _advise(at: Place, source: str, new: Path | None, policy: str | None) -> None:
    url = shown_url(at.url)
    say(f"Made the ledger {url}" + (f" and the master key {new}." if new is not None else f" with the key {source}."))
    say(
        "Keep a copy of the key apart from the ledger: without it nothing that is sealed can be read again, and with "
        "it all of it can."
    )
    say("The line on stdout is the public key: give it to those who will check the ledger, before there is a dispute.")
    if policy is not None:
        say(f"{policy} names the ledger and its key.")
    elif at.policy.ledger.url is None:
        say(f'To use it without --ledger and --key, put into aequo.toml:\n[ledger]\nurl = "{url}"\nkey = "{source}"')


def _with_ledger(path: str, url: str, source: str) -> str:
    """Return a policy's text with the two keys in it, and everything else as it was.

    Raises
    ------
    PolicyError, InputError
        If the text is no policy, names another ledger, or the key is not named in a way that a policy may hold.
    """
    from aequo.core.policy import Policy
    from aequo.core.toml import toml_text

    text = read_text(path, "policy file") if os.path.lexists(path) else ""
    found = Policy.parse(text, source=path).ledger
    lines = {"url": toml_text(url), "key": toml_text(source)}
    if (found.url, found.key) != (None, None):
        if (found.url or url, found.key or source) != (url, source):
            raise InputError(f"{path} names another ledger or key already, expected one without [ledger] url and key.")
        lines = {name: value for name, value in lines.items() if getattr(found, name) is None}
    text = _put(text, lines)
    try:
        Policy.parse(text, source=path)
    except PolicyError as error:
        raise PolicyError(f"{error} {path} was left as it was.") from None
    return text


def _put(text: str, lines: dict[str, str]) -> str:
    """Put keys below ``[ledger]``, in the place of those that are commented out there, or at the end of the text."""
    head = re.search(r"^\[ledger\][^\n]*\n?", text, re.MULTILINE)
    if head is None:
        gap = "" if not text or text.endswith("\n\n") else "\n" if text.endswith("\n") else "\n\n"
        return f"{text}{gap}[ledger]\n" + "".join(f"{name} = {value}\n" for name, value in lines.items())
    before, after = text[: head.end()], text[head.end() :]
    end = re.search(r"^\[", after, re.MULTILINE)
    section, rest = (after, "") if end is None else (after[: end.start()], after[end.start() :])
    before += "" if before.endswith("\n") else "\n"
    for name, value in reversed(lines.items()):
        line = f"{name} = {value}"
        commented = re.search(rf"^# ?{name} =(?= )", section, re.MULTILINE)
        if commented is None:
            section = f"{line}\n{section}"
        else:
            section = section[: commented.start()] + line + section[commented.end() :]
    return before + section + rest
