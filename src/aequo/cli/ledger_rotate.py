"""``aequo ledger rotate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aequo.cli.console import print_json, print_result, say, waiting
from aequo.cli.ledger_options import KeyOption, LedgerOption, open_ledger, place
from aequo.errors import InputError

__all__ = ["rotate"]


def rotate(
    ledger: LedgerOption = None,
    key: KeyOption = None,
    forget_old: Annotated[
        bool,
        typer.Option(
            "--forget-old",
            help="Make no new key: wrap all with the newest there is, and take the others out of the key file.",
        ),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print version and number of keys as JSON.")] = False,
) -> int:
    """Make a new master key and wrap every person's key with it; later, forget the old ones.

    \b
    Examples:
      aequo ledger rotate
      aequo ledger rotate --forget-old

    The key file gets the new key beside the old ones first, so an interrupted rotation loses nothing: call it again.
    Entries, receipts and proofs stay as they are. Then give the new file to every process that writes, and only when
    all of them use it call it with --forget-old: what anybody has sealed with an old key alone, in another ledger or
    by a pseudonymiser too, can never be read again. A key in the environment or in a key service is rotated there.
    Exit codes: 0 rotated, 2 it could not be done.
    """  # noqa: D301 - \b keeps the lines of an example apart
    from aequo.ledger import KeyRing

    at = place(ledger, key)
    source = at.key or ""
    if not source or source.startswith("env:"):
        raise InputError(
            "the master key is in no file: put a further one beside it where it is kept ('2 = ...', 32 random bytes in "
            "base64), and call aequo.Ledger.rotate with both."
        )
    path = Path(source.removeprefix("file:")).expanduser()
    with waiting("Wrapping keys"), open_ledger(at, key=True) as book:
        old = KeyRing.from_text(path.read_text("utf-8"), source=f"the key file {path.name}")
        new = old if forget_old else old.rotated()
        new.save(path, overwrite=True)
        people = book.rotate(new)
        if forget_old:
            for version in new.versions[:-1]:
                new = new.without(version)
            new.save(path, overwrite=True)
    if json:
        import msgspec

        print_json(msgspec.json.encode({"version": new.version, "versions": new.versions, "people": people}).decode())
    else:
        print_result(lambda stdout: stdout.write(f"{new.version}\n"))
    kept = "only this one" if len(new.versions) == 1 else f"the versions {', '.join(map(str, new.versions))}"
    say(f"Master key {new.version} wraps the keys of {people:,} people now; {path.name} holds {kept}.")
    if not forget_old:
        say("When every process that writes uses this file, aequo ledger rotate --forget-old takes the old keys out.")
    return 0
