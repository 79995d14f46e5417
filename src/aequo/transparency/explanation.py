"""`DatasetExplanation`: what a model leans on over many people, for each group of them, and how its answers move."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from aequo.core.finding import Finding, Status, overall
from aequo.transparency.stable import Stability

__all__ = ["DatasetExplanation", "Dependence", "GroupReliance", "Importance", "Point", "Reliance"]

Span = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Importance:
    """How much a model leans on a column, or on columns that are permuted together.

    Attributes
    ----------
    columns : tuple of str
        The columns.
    value : float
        How much the loss rises, or the score changes, when the values come from somebody else.
    interval : tuple of float
        Of this value by itself; rows and permutations both count.
    share : float or None
        Of the sum over all columns; None where the sum is not surely above 0.
    attribution : float or None
        Mean size of the Shapley values of these columns, in the unit of `DatasetExplanation.attribution_space`.
    attribution_interval : tuple of float or None
        Of that mean.
    """

    columns: tuple[str, ...]
    value: float
    interval: Span
    share: float | None
    attribution: float | None = None
    attribution_interval: Span | None = None

    @property
    def name(self) -> str:
        """The columns as one name."""
        return " + ".join(self.columns)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupReliance:
    """What the model leans on for one group.

    Attributes
    ----------
    subject, group : str
        The group column, and the group.
    n : int
        Rows that were looked at.
    loss : float or None
        Mean loss in the group; None without a label.
    judged : bool
        Whether it takes part in comparisons.
    why : str
        Why not, where it does not.
    importances : tuple of Importance
        In the order of the whole; values permuted within the group.
    share_intervals : tuple of (tuple of float or None)
        Of each share by itself.
    """

    subject: str
    group: str
    n: int
    loss: float | None
    judged: bool
    why: str
    importances: tuple[Importance, ...]
    share_intervals: tuple[Span | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliance:
    """The largest difference between two groups in the share of one column.

    Attributes
    ----------
    subject, name : str
        The group column, and the column or columns.
    high_group, low_group : str
        The groups for which the share is largest and smallest.
    difference : float
        Between their shares, 0..1.
    interval : tuple of float
        Simultaneous over all columns and pairs of groups at its low end.
    """

    subject: str
    name: str
    high_group: str
    low_group: str
    difference: float
    interval: Span


@dataclass(frozen=True, slots=True)
class Point:
    """The mean score when everybody has one value of a column.

    Attributes
    ----------
    value : str, number or None
        The value.
    score : float
        The mean score.
    interval : tuple of float
        Simultaneous over the points of the column.
    share : float
        Of the rows that have this value (of a category), or that are up to it (of a number).
    """

    value: str | float | None
    score: float
    interval: Span
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependence:
    """How a model's mean score moves with one column.

    Attributes
    ----------
    column : str
        The column.
    numeric : bool
        Whether the points are on a line.
    points : tuple of Point
        In the order of the values; categories by frequency.
    left_out : int
        Categories that are too rare to be shown.
    """

    column: str
    numeric: bool
    points: tuple[Point, ...]
    left_out: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class DatasetExplanation:
    """What a model leans on.

    Attributes
    ----------
    importances : tuple of Importance
        The most important first.
    measure : {"squared", "log", "change"}
        Rise of the mean squared error (Brier's score), of the log loss, or without a label the mean absolute change of
        the score.
    loss : float or None
        The mean loss with everything as it is; None without a label.
    groups : tuple of GroupReliance
        For each group.
    reliance : tuple of Reliance
        For each group column and column, the largest difference first.
    findings : tuple of Finding
        ``transparency/reliance/<group column>``: whether the model leans on different columns for different groups; and
        that on stability.
    stability : Stability or None
        How much of an explanation stays when a row changes a little; None where that was not measured.
    dependence : tuple of Dependence
        For the most important columns.
    correlated : tuple of (str, str, float)
        Pairs of columns that say nearly the same, and were not permuted together.
    attribution_method, attribution_space : str or None
        How the Shapley values were found, and their unit; None without them.
    rows : int
        Rows that importance was measured on.
    source : str
        Where the data came from; no path.
    label, favourable : str or None
        The outcome's column, and its favourable value.
    model, model_digest : str
        Kind of the model, and its digest.
    limit, confidence : float
        The largest difference of shares that keeps the limit, and the level of the intervals.
    repeats, seed : int
        Permutations, and the seed of everything random.
    notes : tuple of str
        What was done to the data, and what the numbers do not say.
    version : str
        Version of aequo.
    """

    importances: tuple[Importance, ...]
    measure: str
    loss: float | None
    groups: tuple[GroupReliance, ...]
    reliance: tuple[Reliance, ...]
    findings: tuple[Finding, ...]
    stability: Stability | None
    dependence: tuple[Dependence, ...]
    correlated: tuple[tuple[str, str, float], ...]
    attribution_method: str | None
    attribution_space: str | None
    rows: int
    source: str
    label: str | None
    favourable: str | None
    model: str
    model_digest: str
    limit: float
    confidence: float
    repeats: int
    seed: int
    notes: tuple[str, ...]
    version: str

    @property
    def verdict(self) -> Status:
        """What the findings say; PASS or WARN where none is required."""
        if any(f.required for f in self.findings):
            return overall(self.findings)
        return Status.WARN if any(f.status is Status.WARN for f in self.findings) else Status.PASS

    def __repr__(self) -> str:
        first = ", ".join(i.name for i in self.importances[:3])
        return f"DatasetExplanation({self.verdict.value}; {self.rows:,} rows; leans on {first})"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, exactly what ``--json`` prints."""
        plain = {"verdict": self.verdict} | {name: getattr(self, name) for name in self.__slots__}
        values: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(plain))
        return values

    def to_json(self) -> str:
        """Return `to_dict` as indented JSON text; undefined numbers are null."""
        return msgspec.json.format(msgspec.json.encode(self.to_dict()), indent=2).decode()
