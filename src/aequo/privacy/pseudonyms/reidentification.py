"""Find out whom pseudonyms stand for: only with the key, only for those allowed, and never without a trace.

A keyed hash is one-way, for its owner too. So there are two ways back: a vault that was written while pseudonymising,
or values to try, each of which is pseudonymised again and compared.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from aequo.errors import InputError, Refused
from aequo.ledger.keys import KeyRing, KeySource
from aequo.privacy.pseudonyms.coder import Coder, Shift
from aequo.privacy.pseudonyms.fields import Field, Form, fields_of
from aequo.privacy.pseudonyms.mac import mac_of, ring_of
from aequo.privacy.pseudonyms.normal import is_missing, normal
from aequo.privacy.pseudonyms.pseudonymiser import Fields
from aequo.privacy.pseudonyms.records import Rewriter
from aequo.privacy.pseudonyms.replacing import Change, Output, frame_kind, replaced
from aequo.privacy.pseudonyms.surrogates import offset_days
from aequo.privacy.pseudonyms.vault import Found, Vault

__all__ = ["Allowed", "Log", "Recovered", "Reidentified", "reidentify"]

Allowed = Collection[str] | Callable[[str, str, tuple[str, ...]], bool]
"""Who may: names, or a function of who asks, the reason and the fields."""


class Log(Protocol):
    """What keeps a record of each access, such as `aequo.ledger.Ledger`."""

    def append(self, event: dict[str, Any]) -> Any:
        """Keep one event; an exception means that it was not kept."""
        ...


@dataclass(frozen=True, slots=True)
class Recovered:
    """How much of one field came back.

    Attributes
    ----------
    field, domain : str
        The column, and the domain of its pseudonyms.
    count : int
        Different pseudonyms that were asked for.
    found : int
        Those that stand for one known value; the others stay pseudonyms.
    ambiguous : int
        Those that stand for several, as surrogates from a list do.
    """

    field: str
    domain: str
    count: int
    found: int
    ambiguous: int


@dataclass(frozen=True, slots=True)
class Reidentified:
    """Data with the values that were found, and how many those were.

    Attributes
    ----------
    data : dict, frame or list
        Of the same kind as what went in.
    fields : tuple of Recovered
        For each field.
    """

    data: Any
    fields: tuple[Recovered, ...]

    def __repr__(self) -> str:
        told = ", ".join(f"{one.field} {one.found:,} of {one.count:,}" for one in self.fields)
        return f"<Reidentified: {told}>"


def reidentify(
    data: Any,
    fields: Fields,
    *,
    key: KeySource,
    who: str,
    reason: str,
    allowed: Allowed,
    vault: str | Path | Vault | None = None,
    candidates: Mapping[str, Iterable[Any]] | None = None,
    ledger: Log | None = None,
    person: str | None = None,
    form: Form = "token",
    bits: int = 128,
    country: str | None = None,
    missing: Sequence[str] = ("",),
) -> Reidentified:
    """Put values back in the place of pseudonyms.

    Parameters
    ----------
    data : mapping, frame, or list
        A record, a pandas, polars or pyarrow frame in memory, or a list of pseudonyms of the one field that is named.
    fields : str, sequence of str, or mapping of str to Kind or Field
        What to put back, described as it was for pseudonymising.
    key : KeyRing, bytes, str or Path
        The master key. Pseudonyms of a version that it lacks cannot be put back.
    who : str
        Who asks: an account, not a role.
    reason : str
        Why, in words.
    allowed : collection of str, or callable
        Who may.
    vault : str, Path or Vault, optional
        What was written while pseudonymising.
    candidates : mapping of str to iterable, optional
        For each field, values to try, such as the original column.
    ledger : Ledger, optional
        Is told of each access, and of each refusal, before anything is given back: who, why, which field, how many,
        and a keyed digest of the pseudonyms; never a value.
    person : str, optional
        As for pseudonymising: dates of these people are moved back. It must be among the fields.
    form, bits, country, missing
        As for pseudonymising.

    Returns
    -------
    Reidentified
        A pseudonym that is not found, or that stands for several values, stays as it is.

    Raises
    ------
    Refused
        If `who` is not allowed to, or no reason is given.
    InputError
        If there is neither a vault nor candidates, or the data is lazy or of another kind.
    LedgerError
        If the access cannot be recorded; then nothing is given back.

    Examples
    --------
    >>> from aequo.privacy.pseudonyms.pseudonymiser import pseudonymise
    >>> hidden = pseudonymise({"email": "jane@x.org"}, key=bytes(32)).data
    >>> ask = dict(key=bytes(32), who="dpo", reason="request 12", candidates={"email": ["bo@x.org", "jane@x.org"]})
    >>> reidentify(hidden, "email", allowed=["dpo"], **ask).data
    {'email': 'jane@x.org'}
    """
    known = fields_of(fields, country=country) or {}
    if not known:
        raise InputError("say which fields are to be put back.")
    _check_right(who, reason, allowed, tuple(known), ledger)
    if (vault is None) == (candidates is None):
        raise InputError("give either the vault or candidates to try: a keyed hash cannot be turned round.")
    ring = ring_of(key)
    finder: _Finder
    if candidates is not None:
        finder = _Candidates(ring, candidates, form=form, bits=bits, missing=missing)
    else:
        opened = vault if isinstance(vault, Vault) else Vault.open(str(vault), ring, create=False)
        finder = _InVault(opened)
    changes = _changes(known, finder, ring, person, form, missing)
    made = _applied(data, changes, person)
    lookups = [change.mapper for change in changes if isinstance(change.mapper, _Lookup)]
    for lookup in lookups:
        _record(ledger, ring, lookup, who, reason, "candidates" if vault is None else "vault")
    for change in changes:
        if change.mover is not None and ledger is not None:
            ledger.append(
                {"kind": "reidentified", "field": change.column, "moved back by": person, "who": who, "reason": reason}
            )
    return Reidentified(made, tuple(lookup.recovered for lookup in lookups))


def _check_right(who: str, reason: str, allowed: Allowed, fields: tuple[str, ...], ledger: Log | None) -> None:
    if not who.strip() or not reason.strip():
        raise Refused("nobody is re-identified without saying who asks (who) and why (reason).")
    if isinstance(allowed, str):
        raise InputError("`allowed` is one text, expected a collection of names such as ['dpo'], or a function.")
    may = allowed(who, reason, fields) if callable(allowed) else who in allowed
    if not may:
        if ledger is not None:
            ledger.append({"kind": "reidentification refused", "fields": list(fields), "who": who, "reason": reason})
        raise Refused(f"whoever asks is not among those allowed to re-identify {', '.join(map(repr, fields))}.")


def _record(ledger: Log | None, ring: KeyRing, lookup: _Lookup, who: str, reason: str, by: str) -> None:
    if ledger is None:
        return
    told = lookup.recovered
    mac = mac_of(ring, "log", told.domain, ring.version)
    digest = mac("\0".join(sorted(map(str, lookup.asked))).encode("utf-8", "surrogatepass")).hex()
    ledger.append(
        {
            "kind": "reidentified",
            "field": told.field,
            "domain": told.domain,
            "count": told.count,
            "found": told.found,
            "by": by,
            "who": who,
            "reason": reason,
            "pseudonyms": f"hmac-sha256:{digest}",
        }
    )


# -- finding ----------------------------------------------------------------------------------------------------------


class _Finder(Protocol):
    def find(self, column: str, field: Field, pseudonyms: Sequence[Any]) -> list[Found]: ...


class _InVault:
    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def find(self, column: str, field: Field, pseudonyms: Sequence[Any]) -> list[Found]:  # noqa: ARG002 - as the others
        return self._vault.find(field.domain or field.kind, pseudonyms)


class _Candidates:
    """Pseudonymises values to try, with every version of the key."""

    def __init__(
        self, ring: KeyRing, candidates: Mapping[str, Iterable[Any]], *, form: Form, bits: int, missing: Sequence[str]
    ) -> None:
        self._ring, self._candidates = ring, candidates
        self._form, self._bits, self._missing = form, bits, missing
        self._known: dict[str, dict[str, Found]] = {}

    def find(self, column: str, field: Field, pseudonyms: Sequence[Any]) -> list[Found]:
        if column not in self._known:
            self._known[column] = self._tried(column, field)
        known = self._known[column]
        return [known.get(str(one), Found()) for one in pseudonyms]

    def _tried(self, column: str, field: Field) -> dict[str, Found]:
        if column not in self._candidates:
            raise InputError(f"there are no candidates for {column!r}.")
        values: dict[str, Any] = {}
        for value in self._candidates[column]:
            text = normal(value, field, self._missing)
            if text is not None:
                values.setdefault(text, value)
        found: dict[str, Found] = {}
        for version in self._ring.versions:
            coder = Coder(field, self._ring, version, self._form, bits=self._bits, missing=self._missing)
            for value, made in zip(values.values(), coder.many(list(values.values())), strict=True):
                found[str(made)] = Found(ambiguous=True) if str(made) in found else Found(value, version)
        return found


class _Lookup:
    """Puts values back, and counts them."""

    output: Output = "any"

    def __init__(self, column: str, field: Field, finder: _Finder, missing: Sequence[str]) -> None:
        self.column, self.field, self._finder = column, field, finder
        self.missing_texts = tuple(missing)
        self.asked: dict[Any, Found] = {}

    def missing(self, value: Any) -> bool:
        return is_missing(value, self.missing_texts)

    def many(self, values: Sequence[Any]) -> list[Any]:
        present = [value for value in values if not self.missing(value)]
        found = dict(zip(present, self._finder.find(self.column, self.field, present), strict=True))
        self.asked.update(found)
        known = {value: one.value for value, one in found.items() if one.version is not None}
        return [known.get(value, value) for value in values]

    @property
    def recovered(self) -> Recovered:
        found = list(self.asked.values())
        return Recovered(
            self.column,
            self.field.domain or self.field.kind,
            len(found),
            sum(one.version is not None for one in found),
            sum(one.ambiguous for one in found),
        )


class _Back(Shift):
    """Moves dates back; people are given by their pseudonyms."""

    def __init__(self, shift: Shift, ring: KeyRing, column: str, finder: _Finder) -> None:
        self.__dict__.update(shift.__dict__)
        self._ring, self._column, self._finder = ring, column, finder

    def days(self, people: Sequence[Any]) -> list[int | None]:
        moved: list[int | None] = []
        for one in self._finder.find(self._column, self.person, people):
            text = None if one.version is None else normal(one.value, self.person)
            if text is None or one.version is None:
                moved.append(None)
                continue
            mac = mac_of(self._ring, "shift", self.person.domain or self.person.kind, one.version)
            moved.append(-offset_days(text, mac, self.field.max_shift))
        return moved


def _changes(
    fields: Mapping[str, Field], finder: _Finder, ring: KeyRing, person: str | None, form: Form, missing: Sequence[str]
) -> list[Change]:
    changes = []
    for column, field in fields.items():
        if field.kind != "date" or (field.form or form) != "preserving":
            changes.append(Change(column, mapper=_Lookup(column, field, finder, missing)))
            continue
        if person is None or person not in fields:
            raise InputError(f"the dates of {column!r} move back with their person: name that column, also as a field.")
        shift = Shift(field, fields[person], ring, ring.version, missing=missing)
        changes.append(Change(column, mover=_Back(shift, ring, person, finder), person=person))
    return changes


def _applied(data: Any, changes: Sequence[Change], person: str | None) -> Any:
    kind: str | None = frame_kind(data)
    if kind in ("polars lazy", "duckdb", "pyspark"):
        raise InputError("who looks at whom has to be counted before anything is given back: collect the frame first.")
    if kind is not None:
        return replaced(data, changes)[0]
    if isinstance(data, Mapping):
        by_path = {change.column: change for change in changes}
        return Rewriter(lambda path, _: by_path.get(path), person=person).record(data)
    if isinstance(data, (list, tuple)) and len(changes) == 1 and changes[0].mapper is not None:
        return changes[0].mapper.many(data)
    raise InputError("re-identification takes a record, a frame in memory, or a list of pseudonyms of one field.")
