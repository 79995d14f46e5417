"""``[ethics]`` and ``[duties]``: what an outcome is worth to whom, and what must hold whatever the score."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeVar

from aequo.core.reading import (
    Frozen,
    known,
    read_choice,
    read_column,
    read_columns,
    read_each,
    read_level,
    read_number,
    read_optional_column,
    read_optional_number,
    read_table,
    read_text,
)
from aequo.core.sections import Section, item
from aequo.core.toml import KeyPath
from aequo.errors import PolicyError, did_you_mean

__all__ = ["DutiesPolicy", "DutyPolicy", "EthicsPolicy", "StakeholderPolicy", "read_part"]

_HUGE = 1e15
_Part = TypeVar("_Part", bound=Section)

DUTIES = ("consent", "explanation", "person", "disclosure", "rule")
"""What a duty is about. The first four are on columns, the last is anything else."""


def read_part(kind: type[_Part], expected: str) -> Callable[[KeyPath, object], _Part]:
    """Return a reader of one table among many, such as ``[[ethics.stakeholders]]``.

    Parameters
    ----------
    kind : type of Section
        What it becomes.
    expected : str
        How it is written, for messages.
    """

    def read(at: KeyPath, given: object) -> _Part:
        if isinstance(given, kind):
            return given
        rules = {f.name: f.metadata["read"] for f in dataclasses.fields(kind)}  # type: ignore[arg-type]  # a dataclass
        table = read_table(at, given, expected)
        for name in table:
            if name not in rules:
                hint = did_you_mean(str(name), rules) or known(tuple(rules))
                raise PolicyError(f"[[{kind.section}]] has no key {str(name)!r}.{hint}", key=(*at, name))
        values: dict[str, Any] = {name: rules[name]((*at, name), value) for name, value in table.items()}
        try:
            return kind(**values)
        except PolicyError as error:
            raise PolicyError(str(error), key=(*at, *error.key)) from None

    return read


def _read_unique(kind: type[_Part], what: str, many: str) -> Callable[[KeyPath, object], tuple[_Part, ...]]:
    one = read_part(kind, f"a {what}, [[{kind.section}]] with its keys below it")

    def read(key: KeyPath, value: object) -> tuple[_Part, ...]:
        parts = read_each(key, value, f"{many}, [[{kind.section}]] each", one)
        names = [part.name for part in parts]  # type: ignore[attr-defined]  # both kinds have one
        for index, name in enumerate(names):
            if name in names[:index]:
                raise PolicyError(f"two {many} are named {name!r}, expected a name for each.", key=(*key, index))
        return parts

    return read


# -- what outcomes are worth ------------------------------------------------------------------------------------------

_utility = read_number(-_HUGE, _HUGE, "a number")


def _read_utilities(key: KeyPath, value: object) -> Frozen[str, float]:
    table = read_table(key, value, "a utility for each outcome, such as { tp = 1, fp = -0.5, fn = -1, tn = 0 }")
    return Frozen({read_level(key, outcome): _utility((*key, outcome), table[outcome]) for outcome in table})


def _read_by_group(key: KeyPath, value: object) -> Frozen[str, Frozen[str, float]]:
    table = read_table(key, value, "utilities of single groups, such as { female = { fn = -2 } }")
    return Frozen({read_level(key, group): _read_utilities((*key, group), table[group]) for group in table})


def _read_flag(key: KeyPath, value: object) -> bool:
    if not isinstance(value, bool):
        raise PolicyError(f"{key[-1]} is {value!r}, expected true or false.", key=key)
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class StakeholderPolicy(Section):
    """``[[ethics.stakeholders]]``: who lives with the decisions, and what each outcome is worth to them.

    Attributes
    ----------
    name : str
        Such as ``"applicant"``.
    utilities : mapping of str to float
        Outcome to its utility for this stakeholder; harm is negative. Outcomes are ``tp``, ``fp``, ``fn`` and ``tn``
        where labels are known; ``selected`` and ``rejected`` where the decision alone counts; and for more than two
        classes ``"label -> prediction"``, or the classes of the decision.
    by_group : mapping of str to mapping of str to float
        Group to outcomes that are worth something else to it.
    weight : float
        Weight beside the other stakeholders, 0 or more.
    one_party : bool
        Whether it is one party, such as a lender, which has the mean over all people; else it is the people themselves,
        each group of whom has its own expected utility.

    Raises
    ------
    PolicyError
        If there is no name or no utility.

    Examples
    --------
    >>> StakeholderPolicy(name="applicant", utilities={"selected": 1, "rejected": 0}).weight
    1.0
    """

    section: ClassVar[str] = "ethics.stakeholders"
    name: str = item("", read_text, "such as applicant")
    utilities: Mapping[str, float] = item(Frozen(), _read_utilities, "outcome = utility; harm is negative")
    by_group: Mapping[str, Mapping[str, float]] = item(
        Frozen(), _read_by_group, "group = outcomes that are worth something else to it"
    )
    weight: float = item(1.0, read_number(0, _HUGE, "a number of 0 or more"), "weight beside the other stakeholders")
    one_party: bool = item(False, _read_flag, "one party, such as a lender, instead of the people")

    def __post_init__(self) -> None:
        Section.__post_init__(self)
        if not self.name.strip():
            raise PolicyError("a stakeholder has no name, expected one such as 'applicant'.", key=("name",))
        if not self.utilities:
            raise PolicyError(
                f"the stakeholder {self.name!r} has no utilities, expected one for each outcome, such as "
                "{ tp = 1, fp = -0.5, fn = -1, tn = 0 }.",
                key=("name",),
            )
        for group, table in self.by_group.items():
            for outcome in table:
                if outcome not in self.utilities:
                    hint = did_you_mean(outcome, self.utilities) or known(tuple(self.utilities))
                    message = f"by_group of {self.name!r} names the outcome {outcome!r}, which is not in its utilities."
                    raise PolicyError(message + hint, key=("by_group", group, outcome))


@dataclass(frozen=True, slots=True, kw_only=True)
class EthicsPolicy(Section):
    """``[ethics]``: what outcomes are worth to whom, and how welfare is summed up.

    Attributes
    ----------
    stakeholders : tuple of StakeholderPolicy
        Who lives with the decisions; mappings with their keys are read.
    baseline : str or None
        Column with the decisions that are there now, which changes are against.
    max_gap : float or None
        Largest difference of expected utility between groups; None judges none.
    max_loss : float or None
        What a group may lose at most against the baseline; None judges none.
    atkinson : float
        Epsilon of Atkinson's form, 0 or more.
    gini : float
        Delta of the generalised Gini, 1 or more.
    priority : float
        How many times (as a power of e) a gain at the worst outcome counts more than one at the best, 0 or more.
    shift : float or None
        What Atkinson's and Nash's forms add to utilities, which must not be negative there; by default as much as makes
        the worst outcome 0.
    """

    section: ClassVar[str] = "ethics"
    baseline: str | None = item(None, read_optional_column, "column with the decisions that are there now")
    max_gap: float | None = item(
        None, read_optional_number(0, _HUGE, "a number of 0 or more"), "largest difference between groups"
    )
    max_loss: float | None = item(
        None, read_optional_number(0, _HUGE, "a number of 0 or more"), "what a group may lose against the baseline"
    )
    atkinson: float = item(0.5, read_number(0, 1000, "a number of 0 or more"), "epsilon of Atkinson's welfare")
    gini: float = item(2.0, read_number(1, 1000, "a number of 1 or more"), "delta of the generalised Gini welfare")
    priority: float = item(
        1.0, read_number(0, 100, "a number from 0 to 100"), "how much more the worst-off count, as a power of e"
    )
    shift: float | None = item(
        None, read_optional_number(-_HUGE, _HUGE, "a number"), "added to utilities that must not be negative"
    )
    stakeholders: tuple[StakeholderPolicy, ...] = item(
        (),
        _read_unique(StakeholderPolicy, "stakeholder", "stakeholders"),
        "who lives with it, [[ethics.stakeholders]] each",
    )

    def __post_init__(self) -> None:
        Section.__post_init__(self)
        if self.stakeholders and not any(s.weight > 0 for s in self.stakeholders):
            raise PolicyError("every stakeholder has the weight 0, expected one above.", key=("ethics", "stakeholders"))


# -- what must hold ---------------------------------------------------------------------------------------------------


def _read_says(key: KeyPath, value: object) -> tuple[str, ...]:
    given = value if isinstance(value, (list, tuple)) else [value]
    return read_each(key, given, "one value, or a list of them", read_level)


def _read_when(key: KeyPath, value: object) -> Frozen[str, tuple[str, ...]]:
    table = read_table(key, value, "columns and their values, such as { decision = [0] }")
    return Frozen({read_column(key, column): _read_says((*key, column), table[column]) for column in table})


@dataclass(frozen=True, slots=True, kw_only=True)
class DutyPolicy(Section):
    """``[[duties.rules]]``: one rule. Where `when` holds, `column` must say one of `says`; or a function of yours.

    Attributes
    ----------
    duty : {"consent", "explanation", "person", "disclosure", "rule"}
        What it is about.
    name : str
        Its name in findings; that of the duty by default.
    column : str
        The column that must say something.
    says : tuple of str
        What it must say, as canonical text; anything at all where empty.
    when : mapping of str to tuple of str
        Columns and their values: the rule is about the rows that have one of the values in each.
    use : str
        A function of your own, ``module:function``, instead of a column.

    Raises
    ------
    PolicyError
        If it has neither a column nor a function, or both.

    Examples
    --------
    >>> rule = DutyPolicy(duty="person", column="decided_by", says="person", when={"vulnerable": 1})
    >>> rule.name, rule.says, rule.when
    ('person', ('person',), {'vulnerable': ('1',)})
    """

    section: ClassVar[str] = "duties.rules"
    duty: Literal["consent", "explanation", "person", "disclosure", "rule"] = item(
        "rule", read_choice(*DUTIES), "consent, explanation, person, disclosure or rule"
    )
    name: str = item("", read_text, "its name in findings")
    column: str = item("", read_text, "the column that must say something")
    says: tuple[str, ...] = item((), _read_says, "what it must say; anything where left out")
    when: Mapping[str, tuple[str, ...]] = item(Frozen(), _read_when, "columns and values of the rows it is about")
    use: str = item("", read_text, "a function of your own, module:function, instead of a column")

    def __post_init__(self) -> None:
        Section.__post_init__(self)
        object.__setattr__(self, "name", self.name.strip() or self.duty)
        if bool(self.use) == bool(self.column):
            both = "both a column and a function" if self.use else "neither a column nor a function"
            raise PolicyError(f"the duty {self.name!r} has {both}, expected column or use.", key=("name",))
        if self.use and (self.says or self.when):
            extra = "says" if self.says else "when"
            raise PolicyError(f"the duty {self.name!r} has {extra}, which goes with column.", key=(extra,))
        module, _, function = self.use.partition(":")
        if self.use and not (module and function.isidentifier()):
            raise PolicyError(f"use of the duty {self.name!r} is {self.use!r}, expected module:function.", key=("use",))


@dataclass(frozen=True, slots=True, kw_only=True)
class DutiesPolicy(Section):
    """``[duties]``: what must hold whatever the score.

    Attributes
    ----------
    protected : tuple of str
        Columns that must not be features.
    features : tuple of str
        The columns that the model uses; where empty, it is not known.
    max_proxy : float or None
        Area under the ROC curve up to which features may tell a protected column, 0.5 to 1; None asks for no check.
    on_missing : {"block", "review", "allow"}
        What happens to a decision for which a duty cannot be told, since a field is not there.
    on_error : {"block", "review"}
        What happens where a function of yours fails.
    rules : tuple of DutyPolicy
        The rules on rows; mappings with their keys are read.
    """

    section: ClassVar[str] = "duties"
    protected: tuple[str, ...] = item((), read_columns, "columns that must not be features")
    features: tuple[str, ...] = item((), read_columns, "columns that the model uses")
    max_proxy: float | None = item(
        None, read_optional_number(0.5, 1, "a number from 0.5 to 1"), "how well features may tell a protected column"
    )
    on_missing: Literal["block", "review", "allow"] = item(
        "block", read_choice("block", "review", "allow"), "where a field is not there: block, review or allow"
    )
    on_error: Literal["block", "review"] = item(
        "block", read_choice("block", "review"), "where a function of yours fails: block or review"
    )
    rules: tuple[DutyPolicy, ...] = item((), _read_unique(DutyPolicy, "duty", "duties"), "rules, [[duties.rules]] each")

    @property
    def asked(self) -> bool:
        """Whether anything is asked for."""
        return bool(self.protected or self.rules)
