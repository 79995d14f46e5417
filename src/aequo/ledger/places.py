"""Where a ledger is: from a url to its database, which may have to be made first."""

from __future__ import annotations

import functools
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from aequo.errors import InputError, OutputError
from aequo.ledger.entry import instant
from aequo.ledger.keys import MasterKey, wrap_secret
from aequo.ledger.note import Checkpoint, sign_note, vkey_of
from aequo.ledger.sqlite import SqliteStore
from aequo.ledger.store import Store
from aequo.ledger.tree import EMPTY

__all__ = ["create_ledger", "ledger_exists", "open_store", "secret_context", "sqlite_path"]


def sqlite_path(url: str) -> Path | None:
    """Return the file that a url names, or None if it names a database server.

    Raises
    ------
    InputError
        If it names neither.

    Examples
    --------
    >>> sqlite_path("sqlite:///decisions.db").name
    'decisions.db'
    """
    if url.startswith("sqlite:"):
        rest = url.removeprefix("sqlite:")
        if not rest.startswith("///") or len(rest) < 4:
            expected = "sqlite:///relative.db or sqlite:////absolute/path.db"
            raise InputError(f"the ledger's url names no file, expected {expected}.")
        return Path(unquote(rest[3:])).expanduser()
    if url.startswith(("postgresql://", "postgres://")):
        return None
    raise InputError("the ledger's url is not known, expected sqlite:///path.db or postgresql://user@host/database.")


def ledger_exists(url: str) -> bool:
    """Return whether there is a ledger at a url."""
    path = sqlite_path(url)
    if path is not None:
        return path.exists()
    from aequo.ledger.postgres import PostgresStore

    return PostgresStore.exists(url)


def open_store(url: str) -> Store:
    """Return the database at a url.

    Raises
    ------
    LedgerError
        If there is no ledger, or it is out of reach.
    """
    path = sqlite_path(url)
    if path is not None:
        return SqliteStore(path)
    from aequo.ledger.postgres import PostgresStore

    return PostgresStore(url)


def create_ledger(url: str, master: MasterKey, origin: str | None) -> None:
    """Make a ledger with secrets of its own, wrapped with the master key.

    Parameters
    ----------
    url : str
        Where.
    master : KeyRing or KeyService
        The master key.
    origin : str or None
        Its name; a random one if None.

    Raises
    ------
    OutputError
        If it cannot be made.
    InputError
        If the name cannot be one.
    """
    name = f"aequo/{secrets.token_hex(4)}" if origin is None else origin
    signing = Ed25519PrivateKey.generate()
    vkey = vkey_of(name, signing.public_key().public_bytes_raw())
    plain = {"digest": secrets.token_bytes(32), "sign": signing.private_bytes_raw(), "subject": secrets.token_bytes(32)}
    wrapped = {n: wrap_secret(master, p, context=secret_context(name, n)) for n, p in plain.items()}
    meta = {"format": "1", "origin": name, "vkey": vkey, "created": instant(time.time_ns() // 1000)}
    # The tree without entries is signed: a ledger without any signature is one whose signatures were removed.
    note = sign_note(Checkpoint(origin=name, size=0, root=EMPTY).to_text(), name, signing)
    try:
        _maker(url)(meta, wrapped, note=note)
    except OutputError:
        # Another process may have made it in the same moment: then that one is opened.
        for _ in range(50):
            if ledger_exists(url):
                return
            time.sleep(0.02)
        raise


def secret_context(origin: str, name: str) -> bytes:
    """Return what a wrapped secret of a ledger is bound to."""
    return f"aequo/1/secret/{name}/{origin}".encode()


def _maker(url: str) -> Callable[..., None]:
    path = sqlite_path(url)
    if path is not None:
        return functools.partial(SqliteStore.create, path)
    from aequo.ledger.postgres import PostgresStore

    return functools.partial(PostgresStore.create, url)
