"""What `evaluate_utilitarian_impact` and `compare_options` return: who gains, who pays, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from aequo.errors import InputError, did_you_mean

__all__ = [
    "Change",
    "Flip",
    "Gap",
    "GroupUtility",
    "Impact",
    "Options",
    "Ranking",
    "StakeholderImpact",
    "Standing",
    "Welfare",
]

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupUtility:
    """What one group can expect, in the eyes of one stakeholder.

    Attributes
    ----------
    group : str
        Name of the group.
    n : int or None
        Rows; None if withheld because the group is too small to publish.
    share : float or None
        Share of the rows that take part, 0..1; None where the group does not.
    judged : bool
        Whether the group is large enough to take part.
    utility : float or None
        Expected utility of one decision; `benefit` less `harm`.
    interval : tuple of float or None
        Of `utility`.
    benefit, harm : float or None
        What outcomes of positive and of negative utility bring; both 0 or more.
    outcomes : mapping of str to float
        Share of each outcome among the group's rows, 0..1.
    change : float or None
        Utility less that under the baseline.
    change_interval : tuple of float or None
        Of `change`.
    why : str or None
        Why there is no number, or why the group takes no part.
    """

    group: str
    n: int | None
    share: float | None
    judged: bool
    utility: float | None
    interval: Interval | None
    benefit: float | None = None
    harm: float | None = None
    outcomes: Mapping[str, float] = field(default_factory=dict)
    change: float | None = None
    change_interval: Interval | None = None
    why: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Welfare:
    """One form of welfare.

    Attributes
    ----------
    form : str
        Such as ``"maximin"``; see `aequo.ethics.WELFARES`.
    value : float or None
        In the unit of the utilities; None for an order, and where it is not defined.
    interval : tuple of float or None
        Of `value`.
    order : tuple of float
        For leximin: what the groups can expect, worst first.
    why : str or None
        Why there is no value.
    """

    form: str
    value: float | None
    interval: Interval | None
    order: tuple[float, ...] = ()
    why: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """The largest difference of expected utility between groups.

    Attributes
    ----------
    value : float
        0 or more.
    interval : tuple of float
        Simultaneous over all pairs of groups.
    best, worst : str
        The groups.
    """

    value: float
    interval: Interval
    best: str
    worst: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StakeholderImpact:
    """What decisions bring one stakeholder.

    Attributes
    ----------
    name : str
        Of the stakeholder.
    weight : float
        Beside the others, 0..1; weights sum to 1.
    one_party : bool
        Whether it is one party, such as a lender; else it is the people of the groups themselves.
    utilities : mapping of str to float
        Outcome to utility.
    by_group : mapping of str to mapping of str to float
        Groups for which some outcomes are worth something else.
    groups : tuple of GroupUtility
        For one party: what the decisions on each group bring it.
    welfare : tuple of Welfare
        Over the groups; for one party all forms are its mean.
    gap : Gap or None
        Between groups; None for one party, and for fewer than two groups that take part.
    shift : float
        What Atkinson's and Nash's forms added.
    """

    name: str
    weight: float
    one_party: bool
    utilities: Mapping[str, float]
    by_group: Mapping[str, Mapping[str, float]]
    groups: tuple[GroupUtility, ...]
    welfare: tuple[Welfare, ...]
    gap: Gap | None
    shift: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Who loses most against the baseline; or gains least, where nobody loses.

    Attributes
    ----------
    stakeholder, group : str
        Who. For one party the group is ``""``.
    value : float
        Utility less that under the baseline.
    interval : tuple of float
        Its low end for this group alone, its high end simultaneous over all groups.
    certain : bool
        Whether the whole interval is a loss.
    """

    stakeholder: str
    group: str
    value: float
    interval: Interval
    certain: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The place of one option under one form of welfare.

    Attributes
    ----------
    option : str
        Name.
    value : float or None
        Its welfare; None for leximin.
    interval : tuple of float or None
        Of `value`.
    behind : float or None
        Welfare of the first option less this one's; 0 for the first.
    behind_interval : tuple of float or None
        Of `behind`, simultaneous over all options.
    probability : float
        Share of bootstrap replicates in which the first is ahead of this one, ties counting half; 1 for the first.
    certain : bool
        Whether the first is ahead for certain.
    """

    option: str
    value: float | None
    interval: Interval | None
    behind: float | None
    behind_interval: Interval | None
    probability: float
    certain: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """The options under one form of welfare.

    Attributes
    ----------
    form : str
        Such as ``"mean"``.
    standings : tuple of Standing
        Best first; empty where the form is not defined.
    why : str or None
        Why it is not defined.
    """

    form: str
    standings: tuple[Standing, ...]
    why: str | None = None

    @property
    def first(self) -> str | None:
        """The best option."""
        return self.standings[0].option if self.standings else None

    @property
    def certain(self) -> bool:
        """Whether the first is ahead of every other for certain."""
        return len(self.standings) > 1 and all(s.certain for s in self.standings[1:])


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """Where the ranking of two options turns over, as one weight or parameter moves.

    Attributes
    ----------
    form : str
        Form of welfare.
    moves : str
        What moves: ``"weight of lender"``, or the parameter's name.
    options : tuple of str
        The two options; the first is ahead at `now`, or equal.
    now : float
        What the weight or parameter is.
    within : tuple of float
        The range that was looked at.
    at : tuple of float
        Where the two are equal, in ascending order; empty if the ranking never flips within the range.
    unsure : tuple of float or None
        For a weight: the range in which the data cannot tell which is ahead, as far as it is within 0 to 1.
    """

    form: str
    moves: str
    options: tuple[str, str]
    now: float
    within: Interval
    at: tuple[float, ...]
    unsure: Interval | None = None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Options:
    """Several options, ranked by what they bring to whom.

    Attributes
    ----------
    subject : str
        Group column, or crossed columns.
    names : tuple of str
        The options, as given.
    impacts : mapping of str to Impact
        Option to what it brings, without a baseline.
    rankings : tuple of Ranking
        One for each form of welfare.
    flips : tuple of Flip
        For the first two options of each ranking: each stakeholder's weight, and the form's parameter.
    pareto : tuple of str
        Options that no other is at least as good as for every stakeholder and group, and better for one.
    dominated : mapping of str to tuple of str
        Each other option to those that are.
    paired : bool
        Whether the options are decisions on the same rows, so that intervals of differences know it.
    confidence : float
        Level of the intervals.
    notes : tuple of str
        Method and limits.
    """

    subject: str
    names: tuple[str, ...]
    impacts: Mapping[str, Impact]
    rankings: tuple[Ranking, ...]
    flips: tuple[Flip, ...]
    pareto: tuple[str, ...]
    dominated: Mapping[str, tuple[str, ...]]
    paired: bool
    confidence: float
    notes: tuple[str, ...]

    def ranking(self, form: str) -> Ranking:
        """Return the ranking under one form of welfare.

        Raises
        ------
        InputError
            If there is no such form.
        """
        known = {r.form: r for r in self.rankings}
        if form not in known:
            raise InputError(f"there is no form of welfare {form!r}: {', '.join(known)}.{did_you_mean(form, known)}")
        return known[form]

    def __repr__(self) -> str:
        firsts = ", ".join(f"{r.form}: {r.first}" for r in self.rankings if r.first is not None)
        return f"Options({len(self.names)} over {self.subject}; {firsts or 'nothing could be ranked'})"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self))
        return plain

    def to_json(self) -> str:
        """Return `to_dict` as indented JSON text."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2).decode()


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Impact:
    """Who gains and who pays, by group and stakeholder, and welfare in every form.

    Attributes
    ----------
    subject : str
        Group column, or crossed columns as ``"race × sex"``.
    n : int
        Rows that take part.
    unknown : int
        Rows whose group or outcome is not known; they are in no number here.
    left_out : tuple of str
        Groups with too few rows to take part.
    stakeholders : tuple of StakeholderImpact
        In the order given.
    welfare : tuple of Welfare
        Of all stakeholders: the sum of their welfares, each times its weight.
    loses_most : Change or None
        Against the baseline; None without one.
    options : Options or None
        The baseline and the decisions, ranked; None without a baseline.
    parameters : mapping of str to float
        ``atkinson``, ``gini``, ``priority``.
    confidence : float
        Level of the intervals.
    notes : tuple of str
        Method and limits, one sentence each.
    """

    subject: str
    n: int
    unknown: int
    left_out: tuple[str, ...]
    stakeholders: tuple[StakeholderImpact, ...]
    welfare: tuple[Welfare, ...]
    loses_most: Change | None
    options: Options | None
    parameters: Mapping[str, float]
    confidence: float
    notes: tuple[str, ...]

    def __getitem__(self, stakeholder: str) -> StakeholderImpact:
        """Return what the decisions bring one stakeholder.

        Raises
        ------
        InputError
            If there is no such stakeholder.
        """
        known = {s.name: s for s in self.stakeholders}
        if stakeholder not in known:
            hint = did_you_mean(stakeholder, known)
            raise InputError(f"there is no stakeholder {stakeholder!r}: {', '.join(known)}.{hint}")
        return known[stakeholder]

    def __repr__(self) -> str:
        found = ", ".join(f"{w.form} {w.value:.4g}" for w in self.welfare if w.value is not None)
        return f"Impact({self.subject}; {self.n:,} rows; {found or 'nothing could be weighed'})"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self))
        return plain

    def to_json(self) -> str:
        """Return `to_dict` as indented JSON text."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2).decode()
