"""What `counterfactuals` returns: the ways to another decision, and what was looked through to find them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

__all__ = ["Change", "Counterfactual", "Counterfactuals", "Searched"]


@dataclass(frozen=True, slots=True)
class Change:
    """One column that would have another value.

    Attributes
    ----------
    column : str
        Its name.
    before, after : str, number or None
        The values; None where it was missing.
    """

    column: str
    before: str | float | None = field(repr=False)
    after: str | float | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counterfactual:
    """One way to another decision.

    Attributes
    ----------
    changes : tuple of Change
        What would have to be different; none of them can be left out and leave a plausible row that is decided so.
    score : float
        The model's score with these changes.
    distance : float
        Sum over the changes: the share of people between two numbers, 1 for a category.
    nearest : float or None
        Distance to the nearest real row that the model decides so, 0..1; None if plausibility was not asked for.
    sentence : str
        It in words.
    """

    changes: tuple[Change, ...]
    score: float
    distance: float
    nearest: float | None
    sentence: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """What was looked through.

    Attributes
    ----------
    columns, immutable : tuple of str
        Columns that might change, and those that might not.
    asked, budget : int
        Rows that the model was asked about for changes, and how many it might be.
    exhaustive : int
        Up to how many columns every combination of values in the data was tried.
    max_changed : int
        Most columns in one change.
    limits : tuple of str
        What else bounded the search, in words.
    implausible : int
        Changes that would do, of those looked at, and were passed over because nobody is like that.
    nearest_limit : float or None
        Largest distance to a real row.
    real_rows : int
        Real rows with the other decision that changes were held against.
    """

    columns: tuple[str, ...]
    immutable: tuple[str, ...]
    asked: int
    budget: int
    exhaustive: int
    max_changed: int
    limits: tuple[str, ...]
    implausible: int
    nearest_limit: float | None
    real_rows: int


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Counterfactuals:
    """The ways to another decision that were found, and what was looked through.

    Attributes
    ----------
    found : tuple of Counterfactual
        Fewest columns first; the others differ from it, and from each other, as much as can be.
    score : float
        The model's score of the row as it is.
    target : tuple of float or None
        The scores that are wanted: low and high end, None where open; both where no score tells what the model decides.
    already : bool
        Whether the row has the wanted decision as it is.
    why : str
        One sentence: what was found, or within what none was.
    searched : Searched
        What was looked through.
    """

    found: tuple[Counterfactual, ...]
    score: float
    target: tuple[float | None, float | None]
    already: bool
    why: str
    searched: Searched

    def __repr__(self) -> str:
        return f"Counterfactuals({len(self.found)} found; {self.searched.asked:,} rows asked)"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values. They hold the person's own values of the columns that would change."""
        plain: dict[str, Any] = msgspec.json.decode(
            msgspec.json.encode({name: getattr(self, name) for name in self.__slots__})
        )
        return plain

    def to_json(self) -> str:
        """Return `to_dict` as indented JSON text."""
        return msgspec.json.format(msgspec.json.encode(self.to_dict()), indent=2).decode()
