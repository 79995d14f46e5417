"""Rules that make values coarser, and `GeneralisationPlan`: one rule for each column, and which rows are taken out.

A rule knows no data: what it does to a value is written in it, so a plan can be read, kept, and applied again. Values
are canonical texts here (`aequo.core.levels.level`); `aequo.privacy.releases.apply` does the same to columns of frames.
"""

from __future__ import annotations

import bisect
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from itertools import pairwise
from typing import Any, ClassVar, Literal, get_args

import msgspec

from aequo.core.levels import Level
from aequo.core.reading import Frozen
from aequo.errors import InputError, did_you_mean

__all__ = ["Bins", "Drop", "GeneralisationPlan", "Keep", "Merge", "Period", "PeriodName", "Prefix", "Rule", "rule_of"]

PeriodName = Literal["day", "month", "year", "decade"]

_MOST_EDGES = 200
_DATE = re.compile(r"(\d{4})-(\d{2})(?:-(\d{2}))?(?:[T ].*)?")


@dataclass(frozen=True, slots=True)
class Bins:
    """Numbers become ranges, from each edge up to the next.

    Parameters
    ----------
    edges : tuple of float
        Ascending. Below the first and from the last on the ranges are open.
    whole : bool
        Whether the numbers are whole: then a range reads ``20 to 29``, else ``20 to <30``.

    Raises
    ------
    InputError
        If there is no edge, or they do not ascend.

    Examples
    --------
    >>> [Bins((20, 30), whole=True).of(v) for v in ("7", "20", "29", "30", None)]
    ['under 20', '20 to 29', '20 to 29', '30 and over', None]
    """

    name: ClassVar[str] = "bins"
    edges: tuple[float, ...]
    whole: bool = False

    def __post_init__(self) -> None:
        edges = tuple(float(e) for e in self.edges)
        if (
            not 1 <= len(edges) <= _MOST_EDGES
            or not all(a < b for a, b in pairwise(edges))
            or not all(map(math.isfinite, edges))
        ):
            raise InputError(f"bins need 1 to {_MOST_EDGES} finite edges that ascend, such as (20, 30, 40).")
        object.__setattr__(self, "edges", edges)

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the ranges, lowest first."""
        return _labels(self.edges, self.whole)

    def of(self, value: Level) -> Level:
        """Return what a value becomes."""
        return None if value is None else self.labels[bisect.bisect_right(self.edges, float(value))]

    def words(self, column: str) -> str:
        """Say what happens to a column."""
        steps = {round(b - a, 9) for a, b in pairwise(self.edges)}
        if len(steps) == 1:
            return f"{column} in steps of {_short(steps.pop())}"
        return f"{column} in {len(self.edges) + 1} ranges"


@dataclass(frozen=True, slots=True)
class Prefix:
    """Codes keep their first characters, and ``*`` stands for the rest. For postal and other codes that narrow down.

    Parameters
    ----------
    keep : int
        Characters that stay, at least 1.

    Examples
    --------
    >>> Prefix(3).of("47677")
    '476*'
    """

    name: ClassVar[str] = "prefix"
    keep: int

    def __post_init__(self) -> None:
        if isinstance(self.keep, bool) or self.keep < 1:
            raise InputError(f"a prefix keeps {self.keep!r} characters, expected a whole number from 1.")

    def of(self, value: Level) -> Level:
        """Return what a value becomes."""
        return value if value is None or len(value) <= self.keep else f"{value[: self.keep]}*"

    def words(self, column: str) -> str:
        """Say what happens to a column."""
        return f"{column} by its first {self.keep} characters" if self.keep > 1 else f"{column} by its first character"


@dataclass(frozen=True, slots=True)
class Period:
    """Dates become the day, month, year or decade that they are in; text that is no ISO date becomes missing.

    Examples
    --------
    >>> [Period(p).of("1984-05-17T08:30:00") for p in ("day", "month", "year", "decade")]
    ['1984-05-17', '1984-05', '1984', '1980s']
    """

    name: ClassVar[str] = "period"
    to: PeriodName

    def __post_init__(self) -> None:
        if self.to not in get_args(PeriodName):
            raise InputError(f"a period is {self.to!r}, expected day, month, year or decade.")

    def of(self, value: Level) -> Level:
        """Return what a value becomes."""
        found = None if value is None else _DATE.fullmatch(value)
        if found is None:
            return None
        year, month, day = found.groups()
        if self.to == "day" and day is None:
            return f"{year}-{month}"
        return {"day": f"{year}-{month}-{day}", "month": f"{year}-{month}", "year": year, "decade": f"{year[:3]}0s"}[
            self.to
        ]

    def words(self, column: str) -> str:
        """Say what happens to a column."""
        return f"{column} by {self.to}"


@dataclass(frozen=True, slots=True)
class Keep:
    """These values stay; all others become one.

    Parameters
    ----------
    values : tuple of str
        In canonical form. They should be frequent: the rare ones are not to be named.
    other : str
        What the others become.

    Examples
    --------
    >>> [Keep(("us", "mx")).of(v) for v in ("us", "la", None)]
    ['us', 'other', None]
    """

    name: ClassVar[str] = "keep"
    values: tuple[str, ...]
    other: str = "other"

    def __post_init__(self) -> None:
        if not self.values:
            raise InputError("no value is kept; leave the column out instead.")
        object.__setattr__(self, "values", tuple(map(str, self.values)))

    def of(self, value: Level) -> Level:
        """Return what a value becomes."""
        return value if value is None or value in _set(self.values) else self.other

    def words(self, column: str) -> str:
        """Say what happens to a column."""
        kept = len(self.values)
        return f"{column} as {kept} frequent value{'s' if kept > 1 else ''} or {self.other!r}"


@dataclass(frozen=True, slots=True)
class Merge:
    """Values become the groups that they belong to, such as countries continents.

    Parameters
    ----------
    groups : mapping of str to str
        Value, in canonical form, to its group.
    other : str
        What becomes of a value that is not in it.

    Examples
    --------
    >>> [Merge({"flu": "lungs", "ulcer": "stomach"}).of(v) for v in ("flu", "gout")]
    ['lungs', 'other']
    """

    name: ClassVar[str] = "merge"
    groups: Mapping[str, str]
    other: str = "other"

    def __post_init__(self) -> None:
        if not self.groups:
            raise InputError("a merge has no groups; give a mapping such as {'flu': 'lungs'}.")
        object.__setattr__(self, "groups", Frozen({str(k): str(v) for k, v in self.groups.items()}))

    def of(self, value: Level) -> Level:
        """Return what a value becomes."""
        return None if value is None else self.groups.get(value, self.other)

    def words(self, column: str) -> str:
        """Say what happens to a column."""
        return f"{column} in {len(set(self.groups.values()))} groups"


@dataclass(frozen=True, slots=True)
class Drop:
    """The column is left out."""

    name: ClassVar[str] = "drop"

    def of(self, value: Level) -> Level:  # noqa: ARG002 - as every rule
        """Return None: nothing is told."""
        return None

    def words(self, column: str) -> str:
        """Say what happens to a column."""
        return f"{column} left out"


Rule = Bins | Prefix | Period | Keep | Merge | Drop
_RULES: Mapping[str, type[Rule]] = {r.name: r for r in get_args(Rule)}


def rule_of(given: Mapping[str, Any]) -> Rule:
    """Return the rule that `GeneralisationPlan.to_dict` describes.

    Raises
    ------
    InputError
        If it describes none.

    Examples
    --------
    >>> rule_of({"rule": "prefix", "keep": 3})
    Prefix(keep=3)
    """
    name = str(given.get("rule"))
    if name not in _RULES:
        raise InputError(f"a rule is called {name!r}, expected one of {', '.join(_RULES)}.{did_you_mean(name, _RULES)}")
    kind: Any = _RULES[name]
    known = [f.name for f in fields(kind)]
    arguments = {str(k): tuple(v) if isinstance(v, list) else v for k, v in given.items() if k != "rule"}
    try:
        made: Rule = kind(**arguments)
    except InputError:
        raise
    except (TypeError, ValueError, AttributeError):
        raise InputError(
            f"the rule {name!r} takes {', '.join(known) or 'nothing'}, and was given something else."
        ) from None
    return made


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneralisationPlan:
    """What is done to a table before it is released.

    Attributes
    ----------
    quasi : tuple of str
        The quasi-identifiers; those without a rule stay as they are.
    rules : mapping of str to Rule
        What becomes of a column's values.
    smallest : int
        Rows of classes with fewer rows than this, after the rules, are taken out; 1 keeps all.

    Raises
    ------
    InputError
        If a rule is for a column that is no quasi-identifier, or `smallest` is less than 1.

    Examples
    --------
    >>> plan = GeneralisationPlan(quasi=("age", "zip"), rules={"age": Bins((40,), whole=True)}, smallest=2)
    >>> plan.words()
    'age in 2 ranges; rows in classes of fewer than 2 removed'
    >>> GeneralisationPlan.from_json(plan.to_json()) == plan
    True
    """

    quasi: tuple[str, ...]
    rules: Mapping[str, Rule]
    smallest: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "quasi", tuple(self.quasi))
        object.__setattr__(self, "rules", Frozen(self.rules))
        for column in self.rules:
            if column not in self.quasi:
                near = did_you_mean(column, self.quasi)
                raise InputError(f"there is a rule for {column!r}, which is not among the quasi-identifiers.{near}")
        if isinstance(self.smallest, bool) or self.smallest < 1:
            raise InputError(f"the smallest class is {self.smallest!r}, expected a whole number from 1.")

    @property
    def left(self) -> tuple[str, ...]:
        """The quasi-identifiers that are still there afterwards."""
        return tuple(c for c in self.quasi if not isinstance(self.rules.get(c), Drop))

    def words(self) -> str:
        """Say in one line what is done."""
        done = [rule.words(column) for column, rule in self.rules.items()]
        if self.smallest > 1:
            done.append(f"rows in classes of fewer than {self.smallest:,} removed")
        return "; ".join(done) if done else "nothing changed"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        rules = {
            column: {"rule": rule.name} | {f.name: _plain(getattr(rule, f.name)) for f in fields(rule)}
            for column, rule in self.rules.items()
        }
        return {"quasi": list(self.quasi), "rules": rules, "smallest": self.smallest}

    def to_json(self) -> str:
        """Return `to_dict` as JSON text."""
        return msgspec.json.format(msgspec.json.encode(self.to_dict()), indent=2).decode()

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> GeneralisationPlan:
        """Return the plan that `to_dict` describes.

        Raises
        ------
        InputError
            If it describes none.
        """
        try:
            rules = {str(c): rule_of(r) for c, r in plain["rules"].items()}
            return cls(quasi=tuple(map(str, plain["quasi"])), rules=rules, smallest=plain.get("smallest", 1))
        except (KeyError, TypeError, AttributeError):
            raise InputError(
                "this is no plan; expected 'quasi', 'rules' and 'smallest', as to_json writes them."
            ) from None

    @classmethod
    def from_json(cls, text: str | bytes) -> GeneralisationPlan:
        """Return the plan that `to_json` wrote.

        Raises
        ------
        InputError
            If the text is none.
        """
        try:
            plain = msgspec.json.decode(text)
        except msgspec.DecodeError:
            raise InputError("this is no plan: it is not JSON.") from None
        return cls.from_dict(plain)


@lru_cache(maxsize=1024)
def _labels(edges: tuple[float, ...], whole: bool) -> tuple[str, ...]:
    texts = [_short(e) for e in edges]
    inner = []
    for (low, high), name in zip(pairwise(edges), texts, strict=False):
        if not whole:
            inner.append(f"{name} to <{_short(high)}")
        else:
            inner.append(name if high - low == 1 else f"{name} to {_short(high - 1)}")
    return (f"under {texts[0]}", *inner, f"{texts[-1]} and over")


@lru_cache(maxsize=1024)
def _set(values: tuple[str, ...]) -> frozenset[str]:
    return frozenset(values)


def _short(number: float) -> str:
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, tuple) else value
