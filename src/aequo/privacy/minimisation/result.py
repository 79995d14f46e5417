"""What `suggest_minimal` returns: the columns that are enough, the way to them, and what the claim stands on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from aequo.core.finding import Finding, Status, overall

__all__ = ["Loss", "MinimalColumns", "Step"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """What a set of columns loses against all columns.

    Attributes
    ----------
    score : float
        The metric with this set.
    loss : float
        Against all columns, on the same rows; positive is worse.
    interval : tuple of float
        Of the loss.
    n : int
        Rows that were predicted.
    """

    score: float
    loss: float
    interval: tuple[float, float]
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One set of columns on the way from all to few.

    Attributes
    ----------
    columns : tuple of str
        The columns that are left.
    left_out : tuple of str
        Those that this step left out.
    search : Loss
        By repeated cross-validation on the rows of the search: which step was taken was chosen on these rows, so this
        number flatters.
    held_out : Loss or None
        On rows that took no part in the search, by models trained on the rows of the search; None if it was not looked
        at, since a larger set had not been accepted.
    accepted : bool
        Whether the worst end of both intervals is within the tolerance.
    """

    columns: tuple[str, ...]
    left_out: tuple[str, ...]
    search: Loss
    held_out: Loss | None
    accepted: bool


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class MinimalColumns:
    """The smallest set of columns that was found to be enough.

    Attributes
    ----------
    columns : tuple of str
        The columns to keep, beside the target; all of them where none was shown to be needless.
    dropped : tuple of str
        The columns that the model can do without.
    findings : tuple of Finding
        One: PASS if a smaller set is enough, or if every column is needed; UNKNOWN if the data cannot tell.
    path : tuple of Step
        From all columns to few.
    target, model, metric, task : str
        What was predicted, by which model, measured how; ``"classification"`` or ``"regression"``.
    score, baseline : float or None
        The metric with all columns, and that of always giving the most frequent class or the mean, by cross-validation
        on the rows of the search.
    tolerance, confidence : float
        The largest loss that is accepted, in the metric's unit, and the level of the intervals.
    rows : tuple of int
        Rows that were searched on, and rows that were held out.
    splits : int
        Train-and-test splits of the search.
    seed : int
        Of everything random.
    notes : tuple of str
        What was done to the data.
    version : str
        Version of aequo.
    """

    columns: tuple[str, ...]
    dropped: tuple[str, ...]
    findings: tuple[Finding, ...]
    path: tuple[Step, ...]
    target: str
    model: str
    metric: str
    task: str
    score: float | None
    baseline: float | None
    tolerance: float
    confidence: float
    rows: tuple[int, int]
    splits: int
    seed: int
    notes: tuple[str, ...]
    version: str

    @property
    def verdict(self) -> Status:
        """What the finding says."""
        return overall(self.findings)

    def __repr__(self) -> str:
        many = len(self.columns) + len(self.dropped)
        return f"MinimalColumns({self.verdict.value}; {len(self.columns)} of {many} columns for {self.target!r})"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, exactly what ``--json`` prints."""
        plain = {"verdict": self.verdict} | {name: getattr(self, name) for name in self.__slots__}
        values: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(plain))
        return values

    def to_json(self) -> str:
        """Return `to_dict` as indented JSON text."""
        return msgspec.json.format(msgspec.json.encode(self.to_dict()), indent=2).decode()
