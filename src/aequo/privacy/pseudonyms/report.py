"""What pseudonymising did: the data, what was replaced in it, and what still looks personal."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec

from aequo.privacy.pseudonyms.personal import PersonalColumn

__all__ = ["PseudonymReport", "Pseudonymised", "Replaced"]

T = TypeVar("T")


@dataclasses.dataclass(frozen=True, slots=True)
class Replaced:
    """What happened to one column.

    Attributes
    ----------
    column : str
        Its name, or its path in a record.
    kind, domain, form : str
        What it holds, within which domain equal values are equal, and ``token``, ``preserving`` or ``shifted``.
    values : int
        Values that were replaced.
    missing : int
        Rows without a value; they stay without.
    lost : int or None
        Of the values, dates that could not be read or had no person, and were left empty; None if not counted.
    collision : float or None
        Upper bound on the probability that two different values share a token; None for other forms.
    """

    column: str
    kind: str
    domain: str
    form: str
    values: int
    missing: int
    lost: int | None
    collision: float | None


@dataclasses.dataclass(frozen=True, slots=True)
class PseudonymReport:
    """What was replaced, and what still looks personal.

    Attributes
    ----------
    version : int
        Version of the key.
    replaced : tuple of Replaced
        In the order of the columns.
    personal : tuple of PersonalColumn
        Columns that look personal and were not among the fields; empty if they were to be ignored.
    """

    version: int
    replaced: tuple[Replaced, ...]
    personal: tuple[PersonalColumn, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain lists, dictionaries, text and numbers."""
        return {
            "version": self.version,
            "replaced": [dataclasses.asdict(one) for one in self.replaced],
            "personal": [{**dataclasses.asdict(one), "by": list(one.by)} for one in self.personal],
        }

    def to_json(self) -> str:
        """Return it as JSON."""
        return msgspec.json.format(msgspec.json.encode(self.to_dict())).decode()


class Pseudonymised(Generic[T]):
    """What came out, with its report.

    Attributes
    ----------
    data : dict, frame, Path or iterator of dict
        Of the same kind as what went in; the path of what was written, for a file.
    """

    def __init__(self, data: T, report: Callable[[], PseudonymReport]) -> None:
        self.data = data
        self._report = report

    @property
    def report(self) -> PseudonymReport:
        """What was replaced and what still looks personal; for a stream, as far as it was read."""
        return self._report()

    def __repr__(self) -> str:
        report = self.report
        done = ", ".join(one.column for one in report.replaced) or "nothing"
        open_ones = ", ".join(f"{one.column} ({one.kind})" for one in report.personal)
        return f"<Pseudonymised: {done}{f'; still looks personal: {open_ones}' if open_ones else ''}>"
