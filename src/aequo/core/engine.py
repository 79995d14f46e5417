"""What a `Table` asks of whatever holds the rows, and what it gets back: a few aggregated cells, never the rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np

from aequo.core.counts import Floats, Ints
from aequo.core.levels import level

__all__ = ["Cells", "Duplicates", "Engine", "Key", "Kind", "Plan", "Profile", "sentinels"]

Kind = Literal["number", "text", "boolean", "date", "empty", "other"]
"""What a column holds, the same words on every engine; empty: no value in any row, and no type that says more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One pass over the rows.

    Attributes
    ----------
    keys : tuple of str
        Columns whose values make the cells.
    score : str or None
        Column of scores; makes the key "score bin", and before it the key "score >= threshold" if `threshold` is given.
    threshold : float or None
        Scores from here on are favourable.
    weight : str or None
        Column of weights.
    label, prediction : str or None
        Numeric outcome columns to be summed.
    missing : tuple of float
        Numbers that mean "missing", beside null and NaN.
    """

    keys: tuple[str, ...] = ()
    score: str | None = None
    threshold: float | None = None
    weight: str | None = None
    label: str | None = None
    prediction: str | None = None
    missing: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Key:
    """One key of each cell: the values that occur, as the engine gave them, and which one each cell has."""

    values: Sequence[Any]
    codes: Ints

    @classmethod
    def of(cls, column: Iterable[Any]) -> Key:
        """Index a short column of raw values; null and NaN become None."""
        seen: dict[Any, int] = {}
        codes = [seen.setdefault(None if v != v else v, len(seen)) for v in column]
        return cls(list(seen), np.array(codes, dtype=np.int64))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """What one pass gives: cells that are not yet canonical (null and NaN may still be two of them).

    Attributes
    ----------
    keys : tuple of Key
        One for each of the plan's keys, then "score >= threshold" and "score bin", where asked.
    n : int array
        Rows per cell.
    w, w2 : float array or None
        Sum of weights and of squared weights.
    sums : mapping of str to float array
        Weighted sums.
    seen : mapping of str to float
        What the checks need: smallest and largest score, weight and outcome, number of missing weights.
    """

    keys: tuple[Key, ...]
    n: Ints
    w: Floats | None = None
    w2: Floats | None = None
    sums: Mapping[str, Floats] = field(default_factory=dict)
    seen: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Profile:
    """Range of a numeric column: smallest, largest (NaN if it has none), whether all are whole, distinct values.

    `distinct` is exact up to 21, and may be smaller than the truth beyond.
    """

    low: float
    high: float
    whole: bool
    distinct: int


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Rows that agree in every compared column with a row of another group.

    Attributes
    ----------
    straddling : int
        Rows in such sets, among those looked at.
    rows : int
        Rows looked at, all of a known group.
    one_in : int
        1 if all rows were looked at; m if only the rows whose hash falls into one of m parts were. Rows that are equal
        have equal hashes, so a set of equal rows is looked at as a whole or not at all.
    sets : int
        Number of sets that straddle.
    repeated : int
        Rows that equal any other row in the compared columns, of whichever group, among those looked at.
    """

    straddling: int
    rows: int
    one_in: int
    sets: int
    repeated: int


class Engine(Protocol):
    """What holds the rows."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, in order."""

    def kind(self, column: str) -> Kind:
        """Return what a column holds."""

    def profile(self, column: str, missing: tuple[float, ...]) -> Profile:
        """Return the range of a numeric column."""

    def cells(self, plan: Plan) -> Cells:
        """Count the rows of each cell, in one pass."""

    def overfull(self, columns: Sequence[str], limit: int) -> str | None:
        """Return a column that surely has more than `limit` values, if a look at some rows shows one."""

    def missing(self, by: Sequence[str], columns: Sequence[str], texts: tuple[str, ...]) -> Cells:
        """Count rows, and for each column (``sums``) the rows without a value, per cell of `by`; in one pass."""

    def sample(self, columns: Sequence[str], rows: int, seed: int | None) -> Mapping[str, Sequence[Any]]:
        """Return the values of randomly chosen rows; without a seed of the first ones, in order."""

    def duplicates(self, by: Sequence[str], columns: Sequence[str], most: int, texts: tuple[str, ...]) -> Duplicates:
        """Count the rows in sets of equal rows with more than one value of `by`, looking at some `most` rows."""


def sentinels(texts: Iterable[str]) -> tuple[float, ...]:
    """Return the numbers among the texts that mean "missing".

    Examples
    --------
    >>> sentinels(("", "NA", "-9", "09"))
    (-9.0,)
    """
    out = []
    for text in texts:
        try:
            number = float(text)
        except ValueError:
            continue
        if level(number) == text:
            out.append(number)
    return tuple(out)
