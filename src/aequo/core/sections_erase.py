"""``[erase]``: the stores that hold data on people, and how each forgets one of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

from aequo.core.reading import known, read_each, read_key_source, read_number, read_table, read_text
from aequo.core.sections import Section, item
from aequo.core.statements import check_statement
from aequo.core.toml import KeyPath
from aequo.errors import PolicyError, did_you_mean

__all__ = ["ErasePolicy", "StorePolicy", "read_stores"]


def _read_texts(expected: str) -> Callable[[KeyPath, object], tuple[str, ...]]:
    return lambda key, value: read_each(key, value, expected, read_text)


def _read_url(key: KeyPath, value: object) -> str:
    """Read where a database is; a password is refused, since a policy is shown in every report."""
    url = read_text(key, value)
    expected = "expected sqlite:///path.db, postgresql://user@host/database or env:NAME"
    try:
        parts = urlsplit(url)
        secret = parts.password is not None or "password" in parse_qs(parts.query, keep_blank_values=True)
    except ValueError:
        raise PolicyError(f"the url of a store cannot be read, {expected}.", key=key) from None
    if secret:
        raise PolicyError(
            "the url of a store holds a password; put the url into an environment variable, and write env:NAME here.",
            key=key,
        )
    begins = ("sqlite:///", "postgresql://", "postgres://", "env:")
    if url and (not url.startswith(begins) or url in begins):
        raise PolicyError(f"the url of a store names no database, {expected}.", key=key)
    return url


def _read_key(key: KeyPath, value: object) -> str:
    """Read where a key is."""
    return "" if value == "" else read_key_source(key, value) or ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StorePolicy(Section):
    """``[[erase.stores]]``: one store, by one of `url`, `files`, `vault` and `use`, or none if it is only kept.

    Attributes
    ----------
    name : str
        Its name in receipts.
    url : str
        A database: ``sqlite:///path.db``, ``postgresql://user@host/database``, or ``env:NAME`` for a variable with it.
    find : str
        One SQL statement that returns a person's rows; the person is written ``:subject``.
    delete : tuple of str
        SQL statements that delete or overwrite them, in order.
    files : tuple of str
        CSV and JSON-lines files, or patterns of them.
    vault : str
        A vault of pseudonyms.
    key : str
        Where the vault's key is, ``file:PATH`` or ``env:NAME``.
    column : str
        Column of the files with the person's id; of a vault, the one that was named as ``person``.
    use : str
        A store of your own code, ``module:name``, or the name of an entry point of the group ``aequo.stores``.
    after : tuple of str
        Stores that have to be erased before; ``"ledger"`` is one.
    keep : str
        Why this one must not be erased, such as a law that requires to keep it.

    Raises
    ------
    PolicyError
        If it cannot be used: nothing to find or delete with, or a statement that is not about one person.

    Examples
    --------
    >>> StorePolicy(name="invoices", keep="tax law: ten years").keep
    'tax law: ten years'
    >>> StorePolicy(
    ...     name="orders",
    ...     url="sqlite:///shop.db",
    ...     find="SELECT * FROM orders WHERE person = :subject",
    ...     delete=["DELETE FROM orders"],
    ... )
    Traceback (most recent call last):
    aequo.errors.PolicyError: delete[1] of the store 'orders' does not say whose rows: expected a condition such as
        person = :subject.
    """

    name: str = item("", read_text, "its name in receipts")
    url: str = item("", _read_url, "a database: sqlite:///path.db, postgresql://user@host/database or env:NAME")
    find: str = item("", read_text, "statement that returns a person's rows, written :subject")
    delete: tuple[str, ...] = item((), _read_texts("a list of SQL statements"), "statements that delete them, in order")
    files: tuple[str, ...] = item((), _read_texts("a list of files or patterns"), "CSV and JSON-lines files")
    vault: str = item("", read_text, "a vault of pseudonyms")
    key: str = item("", _read_key, "where the vault's key is: file:PATH or env:NAME")
    column: str = item("", read_text, "column with the person's id")
    use: str = item("", read_text, "a store of your own code, module:name, or the name of an entry point")
    after: tuple[str, ...] = item((), _read_texts("a list of stores"), "stores that have to be erased before")
    keep: str = item("", read_text, "why it must not be erased")
    section: ClassVar[str] = "erase.stores"

    def __post_init__(self) -> None:
        Section.__post_init__(self)
        if not self.name.strip():
            raise PolicyError("a store has no name, expected one for the receipt.", key=("name",))
        if self.name == "ledger":
            raise PolicyError("a store is named 'ledger', which is the ledger's own name.", key=("name",))
        kinds = [kind for kind in ("url", "files", "vault", "use") if getattr(self, kind)]
        if len(kinds) > 1:
            raise PolicyError(f"the store {self.name!r} has {kinds[0]} and {kinds[1]}, expected one.", key=(kinds[1],))
        if not kinds and not self.keep:
            raise PolicyError(
                f"the store {self.name!r} has no url, files, vault or use: nothing says where it is. One that is only "
                "to be named as kept has the reason in keep.",
                key=("name",),
            )
        self._check_parts(kinds[0] if kinds else "")

    def _check_parts(self, kind: str) -> None:
        """Say which key is lacking, or is there without any use."""
        wanted = {"url": ("find", "delete"), "files": ("column",), "vault": ("key", "column")}
        for name in ("find", "delete", "key", "column"):
            given, fits = bool(getattr(self, name)), name in wanted.get(kind, ())
            if given and not fits:
                goes = " or ".join(k for k, names in wanted.items() if name in names)
                raise PolicyError(f"the store {self.name!r} has {name}, which goes with {goes}.", key=(name,))
            if fits and not given and not (name == "delete" and self.keep):
                raise PolicyError(f"the store {self.name!r} has {kind} and no {name}.", key=(kind,))
        for use, statements in (("find", (self.find,) if self.find else ()), ("delete", self.delete)):
            for index, statement in enumerate(statements):
                wrong = check_statement(statement, use)
                if wrong is not None:
                    place = use if use == "find" else f"{use}[{index + 1}]"
                    path = (use,) if use == "find" else (use, index)
                    raise PolicyError(f"{place} of the store {self.name!r} {wrong}.", key=path)


def read_stores(key: KeyPath, value: object) -> tuple[StorePolicy, ...]:
    """Read a list of stores, none named twice."""
    names = [f.name for f in dataclasses.fields(StorePolicy)]

    def read(at: KeyPath, given: object) -> StorePolicy:
        if isinstance(given, StorePolicy):
            return given
        table: Mapping[str, object] = read_table(at, given, "a store, [[erase.stores]] with its keys below it")
        for name in table:
            if name not in names:
                hint = did_you_mean(str(name), names) or known(tuple(names))
                raise PolicyError(f"[[erase.stores]] has no key {str(name)!r}.{hint}", key=(*at, name))
        rules = {f.name: f.metadata["read"] for f in dataclasses.fields(StorePolicy)}
        values = {name: rules[name]((*at, name), item) for name, item in table.items()}
        try:
            return StorePolicy(**values)
        except PolicyError as error:
            raise PolicyError(str(error), key=(*at, *error.key)) from None

    stores = read_each(key, value, "stores, [[erase.stores]] each", read)
    for index, store in enumerate(stores):
        if store.name in [other.name for other in stores[:index]]:
            raise PolicyError(f"two stores are named {store.name!r}, expected a name for each.", key=(*key, index))
    return stores


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasePolicy(Section):
    """``[erase]``: where data on people is, besides the ledger.

    Attributes
    ----------
    timeout : float
        Seconds that a store may take over one person, 0.1 to 86,400.
    stores : tuple of StorePolicy
        The stores; mappings with their keys are read.
    """

    section: ClassVar[str] = "erase"
    timeout: float = item(
        60.0, read_number(0.1, 86_400, "a number from 0.1 to 86400"), "seconds that a store may take over one person"
    )
    stores: tuple[StorePolicy, ...] = item((), read_stores, "stores that hold data on people, [[erase.stores]] each")
