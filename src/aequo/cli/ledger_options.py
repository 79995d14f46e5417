"""What the commands on a ledger have in common: which ledger, which key, which entries."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aequo.cli.files import read_text
from aequo.errors import InputError

if TYPE_CHECKING:
    from aequo.core.policy import Policy
    from aequo.flows.lookup import Wanted
    from aequo.ledger import Ledger

__all__ = [
    "URL_VARIABLE",
    "CheckpointOption",
    "KeyOption",
    "KindOption",
    "LedgerOption",
    "ModelOption",
    "OperatorOption",
    "OutcomeOption",
    "Place",
    "SinceOption",
    "SubjectOption",
    "UntilOption",
    "VerdictOption",
    "VkeyOption",
    "open_ledger",
    "place",
    "policy_here",
    "public_key",
    "read_text",
    "shown_url",
    "wanted",
]

URL_VARIABLE = "AEQUO_LEDGER"
"""Variable of the environment that names a ledger where no other is named."""

_KEY = re.compile(r"[0-9a-fA-F]{64}|[A-Za-z0-9+/_-]{43}=?")

LedgerOption = Annotated[
    str | None,
    typer.Option(
        "--ledger",
        metavar="URL",
        help="sqlite:///FILE or postgresql://...; by default that of aequo.toml, then $AEQUO_LEDGER.",
    ),
]
KeyOption = Annotated[
    str | None,
    typer.Option(
        "--key",
        metavar="SOURCE",
        help="file:PATH or env:NAME of the master key; by default that of aequo.toml, then $AEQUO_KEY.",
    ),
]
KindOption = Annotated[str | None, typer.Option("--kind", metavar="KIND", help="Only entries of this kind.")]
ModelOption = Annotated[
    str | None, typer.Option("--model-version", metavar="TEXT", help="Only decisions of this version.")
]
OperatorOption = Annotated[str | None, typer.Option("--operator", metavar="ID", help="Only entries of this operator.")]
OutcomeOption = Annotated[
    str | None, typer.Option("--outcome", metavar="VALUE", help="Only entries with this output: text, a number, true.")
]
VerdictOption = Annotated[str | None, typer.Option("--verdict", metavar="TEXT", help="Only entries with this verdict.")]
SinceOption = Annotated[
    str | None, typer.Option("--since", metavar="DATE", help="Recorded at or after this; 2026-01-31, or with a time.")
]
SubjectOption = Annotated[
    str | None, typer.Option("--subject", metavar="ID", help="Only entries on this person; needs the key.")
]
CheckpointOption = Annotated[
    str | None, typer.Option("--checkpoint", metavar="FILE", help="A checkpoint that was kept elsewhere.")
]
VkeyOption = Annotated[
    str | None,
    typer.Option(
        "--vkey", metavar="KEY", help="Public key that was kept elsewhere: its text, or a file that holds it."
    ),
]
UntilOption = Annotated[str | None, typer.Option("--until", metavar="DATE", help="Recorded before this.")]


@dataclass(frozen=True, slots=True)
class Place:
    """Which ledger, where its key is, and the policy that may have said so."""

    url: str
    key: str | None
    policy: Policy


def policy_here() -> Policy:
    """Return the policy of the working directory, or the defaults where there is none.

    Raises
    ------
    PolicyError
        If it cannot be read or says something it cannot mean.
    """
    from aequo.core.policy import FILE_NAME, Policy

    return Policy.load(FILE_NAME) if os.path.lexists(FILE_NAME) else Policy()


def place(ledger: str | None, key: str | None, *, policy: Policy | None = None, default: str | None = None) -> Place:
    """Return which ledger is meant: the one named, else the policy's, else the environment's.

    Parameters
    ----------
    ledger, key : str or None
        Options of the command line.
    policy : Policy, optional
        That of the working directory by default; not read where both options are given.
    default : str, optional
        Where none is named.

    Raises
    ------
    InputError
        If none is named, or a key is given in place of where it is.
    """
    if policy is None:
        from aequo.core.policy import Policy

        policy = Policy() if ledger is not None and key is not None else policy_here()
    from aequo.flows.record import ledger_key

    if key is not None and _KEY.fullmatch(key) and not Path(key).exists():
        raise InputError(
            "--key is what looks like a key, expected file:PATH or env:NAME: others can see the command line."
        )
    url = ledger or policy.ledger.url or os.environ.get(URL_VARIABLE) or default
    if url is None:
        raise InputError(
            "no ledger is named: give --ledger URL, or name one in aequo.toml ([ledger] url); `aequo ledger init` "
            "makes one."
        )
    return Place(url, ledger_key(policy, key), policy)


def shown_url(url: str) -> str:
    """Return a ledger's url without the password that it may hold.

    Examples
    --------
    >>> shown_url("postgresql://me:secret@host:5432/db?schema=x&password=secret"), shown_url("sqlite:///x.db")
    ('postgresql://me@host:5432/db?schema=x', 'sqlite:///x.db')
    """
    head, mark, query = url.partition("?")
    scheme, slashes, rest = head.partition("://")
    who, at, where = rest.rpartition("@")
    kept = "&".join(part for part in query.split("&") if not part.startswith("password=")) if mark else ""
    return f"{scheme}{slashes}{who.partition(':')[0]}{at}{where}{'?' if kept else ''}{kept}"


def open_ledger(at: Place, *, key: bool) -> Ledger:
    """Open a ledger that is there; without its key where that is not needed.

    Raises
    ------
    LedgerError
        If there is none, or it cannot be opened.
    """
    from aequo.ledger import Ledger

    return Ledger.open(at.url, key=at.key if key else None, create=False, inputs=at.policy.ledger.inputs)


def wanted(
    kind: str | None, model_version: str | None, operator: str | None, outcome: str | None, verdict: str | None
) -> Wanted:
    """Return which entries are asked for."""
    from aequo.flows.lookup import Wanted

    return Wanted(kind=kind, model_version=model_version, operator_id=operator, output=outcome, verdict=verdict)


def public_key(given: str) -> str:
    """Return a public key that is given as text, or as the file that holds it.

    Raises
    ------
    InputError
        If it is none.
    """
    from aequo.ledger.note import read_vkey

    text = given if "+" in given and not Path(given).exists() else read_text(given, "public key")
    read_vkey(text)
    return text.strip()
