"""The sections of a policy: for each key its default, the rule that reads it, and what it is about."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, cast

from aequo.core.reading import (
    Frozen,
    read_choice,
    read_columns,
    read_key_source,
    read_ledger_url,
    read_missing,
    read_number,
    read_optional_column,
    read_optional_level,
    read_optional_number,
    read_origin,
    read_population,
    read_reference,
    read_text,
    read_whole,
)
from aequo.core.toml import KeyPath
from aequo.errors import PolicyError, did_you_mean

__all__ = [
    "SIX_MONTHS",
    "DataPolicy",
    "GroupsPolicy",
    "LedgerPolicy",
    "PrivacyPolicy",
    "Section",
    "StatisticsPolicy",
    "SystemPolicy",
    "item",
    "rule",
]

SIX_MONTHS = 183
"""Days that a ledger is kept at least, unless the policy gives a reason for fewer."""


def rule(read: Callable[[KeyPath, object], object], about: str) -> dict[str, object]:
    """Return the metadata of a field: what reads it, and what it is about."""
    return {"read": read, "about": about}


def item(default: Any, read: Callable[[KeyPath, object], object], about: str) -> Any:
    """Return a field with a default, the rule that reads it, and what it is about."""
    return field(default=default, metadata=rule(read, about))


class Section:
    """Reads each field by its rule when a section is made, so that no wrong section exists."""

    __slots__ = ()
    section: ClassVar[str] = ""

    def __post_init__(self) -> None:
        for f in dataclasses.fields(cast(Any, self)):
            path = (self.section, f.name) if self.section else (f.name,)
            object.__setattr__(self, f.name, f.metadata["read"](path, getattr(self, f.name)))


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemPolicy(Section):
    """``[system]``: what is assessed and whom it affects.

    Attributes
    ----------
    name, purpose, people : str
        Name of the system, what it decides, and who lives with its decisions.
    """

    section: ClassVar[str] = "system"
    name: str = item("", read_text, "name of the system")
    purpose: str = item("", read_text, "what it decides, and why")
    people: str = item("", read_text, "who is affected by its decisions")


@dataclass(frozen=True, slots=True, kw_only=True)
class DataPolicy(Section):
    """``[data]``: which columns mean what.

    Attributes
    ----------
    label, prediction, score, weight : str or None
        Columns with the outcome, the system's decision, its score in 0..1, and row weights.
    favourable : str or None
        The label that is good for the person, as canonical text (`aequo.core.levels.level`).
    threshold : float or None
        Scores from here on are favourable decisions, 0..1.
    task : {"auto", "binary", "multiclass", "regression"}
        Kind of outcome.
    missing : tuple of str
        Texts that mean "no value".
    """

    section: ClassVar[str] = "data"
    label: str | None = item(None, read_optional_column, "column with the outcome")
    favourable: str | None = item(None, read_optional_level, "the outcome that is good for the person")
    prediction: str | None = item(None, read_optional_column, "column with the system's decision")
    score: str | None = item(None, read_optional_column, "column with the system's score, 0 to 1")
    threshold: float | None = item(
        None, read_optional_number(0, 1, "a number from 0 to 1"), "scores from here on are favourable decisions, 0 to 1"
    )
    weight: str | None = item(None, read_optional_column, "column with row weights")
    task: Literal["auto", "binary", "multiclass", "regression"] = item(
        "auto", read_choice("auto", "binary", "multiclass", "regression"), "auto, binary, multiclass or regression"
    )
    missing: tuple[str, ...] = item(("",), read_missing, "texts that mean: no value")

    def __post_init__(self) -> None:
        Section.__post_init__(self)
        for role in ("prediction", "score", "weight"):
            if self.label is not None and getattr(self, role) == self.label:
                message = f"data.{role} names {self.label!r}, which is the label."
                raise PolicyError(message, key=("data", role))


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupsPolicy(Section):
    """``[groups]``: between whom fairness is asked for.

    Attributes
    ----------
    columns, controls : tuple of str
        Columns whose groups are compared, and columns that comparisons are also made within.
    reference : mapping of str to str
        Column to the group that others are compared with; where absent, the largest group.
    intersections : {"advisory", "required", "off"}
        Whether crossed columns are judged, and whether the verdict depends on them.
    min_size : int
        Groups with fewer rows behind a number take no part in comparisons.
    max_groups : int
        A column with more groups is refused: it looks like an identifier.
    population : mapping of str to mapping of str to float
        Column to group to its share of the population that the system serves; shares sum to 1.
    """

    section: ClassVar[str] = "groups"
    columns: tuple[str, ...] = item((), read_columns, "columns whose groups are compared")
    controls: tuple[str, ...] = item((), read_columns, "columns within which comparisons are repeated")
    intersections: Literal["advisory", "required", "off"] = item(
        "advisory", read_choice("advisory", "required", "off"), "crossed groups: advisory, required or off"
    )
    min_size: int = item(20, read_whole(1, 10**9), "groups with fewer rows take no part in comparisons")
    max_groups: int = item(1000, read_whole(1, 10**6), "a column with more groups is refused as an identifier")
    reference: Mapping[str, str] = item(Frozen(), read_reference, "column = group that others are compared with")
    population: Mapping[str, Mapping[str, float]] = item(
        Frozen(), read_population, "column = shares of its groups among the people served; they sum to 1"
    )

    def __post_init__(self) -> None:
        Section.__post_init__(self)
        for index, name in enumerate(self.controls):
            if name in self.columns:
                message = f"groups.controls names {name!r}, which is in groups.columns too."
                raise PolicyError(message, key=("groups", "controls", index))
        for role in ("reference", "population"):
            for column in getattr(self, role):
                if self.columns and column not in self.columns:
                    hint = did_you_mean(column, self.columns)
                    message = f"groups.{role} names {column!r}, which is not in groups.columns.{hint}"
                    raise PolicyError(message, key=("groups", role, column))


@dataclass(frozen=True, slots=True, kw_only=True)
class StatisticsPolicy(Section):
    """``[statistics]``: how sure a verdict must be.

    Attributes
    ----------
    confidence : float
        Level of the intervals, 0.5 to 0.9999.
    multiplicity : {"holm", "none"}
        Correction for judging many things at once.
    seed : int
        Of everything random.
    """

    section: ClassVar[str] = "statistics"
    confidence: float = item(0.95, read_number(0.5, 0.9999, "a number from 0.5 to 0.9999"), "level of the intervals")
    multiplicity: Literal["holm", "none"] = item(
        "holm", read_choice("holm", "none"), "correction for judging many things at once: holm or none"
    )
    seed: int = item(0, read_whole(0, 2**32 - 1), "of everything random")


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivacyPolicy(Section):
    """``[privacy]``: what may leave the machine.

    Attributes
    ----------
    suppress_below : int
        Numbers about fewer people than this are withheld; 0 publishes all.
    personal_columns : {"report", "refuse", "ignore"}
        What pseudonymisation does with columns that look personal and are not among those to replace.
    """

    section: ClassVar[str] = "privacy"
    suppress_below: int = item(5, read_whole(0, 10**9), "numbers about fewer people are withheld; 0 publishes all")
    personal_columns: Literal["report", "refuse", "ignore"] = item(
        "report",
        read_choice("report", "refuse", "ignore"),
        "columns that look personal and are not to be pseudonymised: report, refuse or ignore",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerPolicy(Section):
    """``[ledger]``: where decisions are recorded, and for how long.

    Attributes
    ----------
    url : str or None
        ``sqlite:///relative.db``, ``sqlite:////absolute.db`` or ``postgresql://user@host/database``, without a
        password. None records nothing.
    key : str or None
        Where its master key is, ``file:PATH`` or ``env:NAME``; never the key itself.
    origin : str or None
        Name of the ledger in its checkpoints, used when it is made; a random one by default.
    inputs : {"digest", "keep"}
        Whether what was decided on is stored as a keyed digest, or itself, sealed.
    retention_days : int
        Days that entries are kept at least.
    retention_reason : str
        Why fewer than 183 days, where that is so.
    """

    section: ClassVar[str] = "ledger"
    url: str | None = item(None, read_ledger_url, "where decisions are recorded, such as sqlite:///ledger.db")
    key: str | None = item(
        None, read_key_source, "where its master key is: file:PATH or env:NAME, never the key itself"
    )
    origin: str | None = item(None, read_origin, "name of the ledger in its checkpoints")
    inputs: Literal["digest", "keep"] = item(
        "digest", read_choice("digest", "keep"), "what was decided on is stored as a digest, or itself and sealed: keep"
    )
    retention_days: int = item(SIX_MONTHS, read_whole(1, 10**6), "days that entries are kept at least")
    retention_reason: str = item("", read_text, f"why fewer than {SIX_MONTHS} days, where that is so")

    def __post_init__(self) -> None:
        Section.__post_init__(self)
        if self.retention_days < SIX_MONTHS and not self.retention_reason.strip():
            message = (
                f"ledger.retention_days is {self.retention_days}, and fewer than {SIX_MONTHS} (six months) need a "
                "reason: say it in ledger.retention_reason."
            )
            raise PolicyError(message, key=("ledger", "retention_days"))
