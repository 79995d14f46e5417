"""What `check_release` returns: the measures of a release, the findings, and what would mend it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from aequo.core.finding import Finding, Status
from aequo.privacy.releases.search import Suggestion

__all__ = ["ReleaseCheck", "Sensitive", "SmallClass"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallClass:
    """One of the smallest equivalence classes.

    Attributes
    ----------
    n : int
        Its rows.
    key : mapping of str to (str or None), or None
        What its rows share; None if it is withheld, since the values that single out a few people are personal.
    """

    n: int
    key: Mapping[str, str | None] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensitive:
    """What can be learned of one sensitive column from somebody's class.

    Attributes
    ----------
    column : str
        The column.
    values : int
        Different values in the whole table.
    missing : int
        Rows without a value; they count neither as a value nor in any distance.
    distinct : int or None
        Fewest different values in a class (distinct l-diversity); None if no row has a value.
    effective : float or None
        Exponential of the smallest entropy of a class (entropy l-diversity).
    recursive : float or None
        Largest ratio of a class's most frequent value to the l-th and rarer ones together: (c, l)-diversity holds for
        every c above it. None where a class has fewer than l values, so that it holds for no c.
    closeness : float or None
        Largest Earth Mover's distance of a class's values from those of all rows, 0..1 (t-closeness).
    distance : {"ordered", "equal", "hierarchical"} or None
        How far values are from each other: by rank for numbers and dates, all alike, or by the taxonomy given. None if
        no row has a value.
    rows_alike : int
        Rows in classes where all have one value: whoever is known to be in there has it.
    """

    column: str
    values: int
    missing: int
    distinct: int | None
    effective: float | None
    recursive: float | None
    closeness: float | None
    distance: str | None
    rows_alike: int


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ReleaseCheck:
    """How well the people in a table are hidden among each other.

    Attributes
    ----------
    verdict : Status
        FAIL if a required finding failed, else UNKNOWN if one could not be judged, else WARN or PASS.
    findings : tuple of Finding
        Worst first. Numbers are counts of this very table and no estimates, so none has an interval.
    quasi : tuple of str
        The quasi-identifiers.
    sensitive : tuple of Sensitive
        One for each sensitive column.
    rows, classes : int
        Rows, and equivalence classes: rows that agree in every quasi-identifier.
    k : int or None
        Rows in the smallest class; None if there are no rows.
    uniques : int
        Rows that are alone in their class.
    at_risk : int
        Rows in classes that are smaller than asked for.
    highest_risk : float or None
        1/k: the chance to pick the right row for somebody who is known to be in the table (prosecutor risk) [1]_.
    mean_risk : float or None
        Mean of 1/size over the rows, which is classes / rows: the share of rows that is matched rightly if all are
        tried (marketer risk).
    sizes : tuple of (int, int)
        Size and number of classes of that size, the ten smallest sizes that occur.
    smallest : tuple of SmallClass
        The ten smallest classes.
    suggestions : tuple of Suggestion
        Plans that reach what was asked for, least loss first; empty unless asked for.
    notes : tuple of str
        What was counted how, and what was not looked at.
    source : str
        File name or kind of frame.
    version : str
        Version of aequo.

    References
    ----------
    .. [1] K. El Emam, F. K. Dankar (2008), "Protecting privacy using k-anonymity", JAMIA 15(5).
    """

    verdict: Status
    findings: tuple[Finding, ...]
    quasi: tuple[str, ...]
    sensitive: tuple[Sensitive, ...]
    rows: int
    classes: int
    k: int | None
    uniques: int
    at_risk: int
    highest_risk: float | None
    mean_risk: float | None
    sizes: tuple[tuple[int, int], ...]
    smallest: tuple[SmallClass, ...]
    suggestions: tuple[Suggestion, ...]
    notes: tuple[str, ...]
    source: str
    version: str

    def __repr__(self) -> str:
        return f"ReleaseCheck({self.verdict.value}; k = {self.k}; {self.classes:,} classes of {self.rows:,} rows)"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, exactly what ``--json`` prints."""
        plain = {name: getattr(self, name) for name in self.__slots__ if name != "suggestions"}
        plain |= {"suggestions": [s.to_dict() for s in self.suggestions]}
        values: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(plain))
        return values

    def to_json(self) -> str:
        """Return `to_dict` as indented JSON text."""
        return msgspec.json.format(msgspec.json.encode(self.to_dict()), indent=2).decode()
