"""What thresholds were found, what they do to each group, and what they cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aequo.core.levels import Level
from aequo.fairness.mitigate.hull import Rule

__all__ = ["GroupRule", "Rate", "ThresholdResult"]


@dataclass(frozen=True, slots=True)
class Rate:
    """One rate of one group on the rows the thresholds were fitted on.

    Attributes
    ----------
    value : float or None
        In [0, 1], expected over the coin; None where nobody is behind it.
    interval : tuple of (float, float) or None
        Wilson's interval at 95 %.
    n : int
        Rows behind it.
    """

    value: float | None
    interval: tuple[float, float] | None
    n: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {"value": self.value, "interval": None if self.interval is None else list(self.interval), "n": self.n}


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRule:
    """How one group is decided.

    Attributes
    ----------
    name : str
        The group, as people read it.
    group : tuple of (str or None)
        Its value in each sensitive column.
    rule : Rule
        Thresholds and how likely each is drawn.
    own : str
        ``"own"``: fitted for this group; ``"pooled"``: for all small groups together; ``"overall"``: for everyone.
    n : int
        Rows.
    selection_rate, true_positive_rate, false_positive_rate : Rate
        What the rule does to this group.
    """

    name: str
    group: tuple[Level, ...]
    rule: Rule
    own: str
    n: int
    selection_rate: Rate
    true_positive_rate: Rate
    false_positive_rate: Rate

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "name": self.name,
            "group": list(self.group),
            "rule": self.rule.to_dict(),
            "own": self.own,
            "n": self.n,
            "selection_rate": self.selection_rate.to_dict(),
            "true_positive_rate": self.true_positive_rate.to_dict(),
            "false_positive_rate": self.false_positive_rate.to_dict(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdResult:
    """Thresholds for each group, and what they reach on the rows they were fitted on.

    Attributes
    ----------
    constraint : str
        What is equal.
    tolerance : float
        Largest difference allowed.
    randomised : bool
        Whether a coin may choose between thresholds.
    columns : tuple of str
        The sensitive columns.
    groups : tuple of GroupRule
        One for each group, sorted by name.
    overall : Rule
        For people of an unknown group.
    gaps : mapping of str to (float or None)
        Largest difference in each compared rate among the groups that have a rule of their own; the small groups that
        were pooled count as one. None if fewer than two have the rate.
    gap : float or None
        The largest of them.
    met : bool or None
        Whether `gap` is at most `tolerance` on these rows; None if nothing could be compared.
    trivial : bool
        Whether the score plays no part in any group's rule.
    cost : float
        Expected cost per unit of weight, such as the error rate.
    cost_without : float
        The same with each group's cheapest threshold and no constraint. `price` is the difference.
    notes : tuple of str
        What had to be left out or pooled, and why.
    """

    constraint: str
    tolerance: float
    randomised: bool
    columns: tuple[str, ...]
    groups: tuple[GroupRule, ...]
    overall: Rule
    gaps: Mapping[str, float | None]
    met: bool | None
    trivial: bool
    cost: float
    cost_without: float
    notes: tuple[str, ...]

    @property
    def gap(self) -> float | None:
        """The largest difference in any compared rate."""
        return max((g for g in self.gaps.values() if g is not None), default=None)

    @property
    def price(self) -> float:
        """What the constraint costs, per unit of weight."""
        return self.cost - self.cost_without

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "constraint": self.constraint,
            "tolerance": self.tolerance,
            "randomised": self.randomised,
            "columns": list(self.columns),
            "groups": [g.to_dict() for g in self.groups],
            "overall": self.overall.to_dict(),
            "gaps": dict(self.gaps),
            "gap": self.gap,
            "met": self.met,
            "trivial": self.trivial,
            "cost": self.cost,
            "cost_without": self.cost_without,
            "price": self.price,
            "notes": list(self.notes),
        }
