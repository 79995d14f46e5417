"""Reason codes: why a decision went against somebody, in words, the strongest first."""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from aequo.core.columns import is_null, kind_of
from aequo.core.levels import level
from aequo.errors import InputError, UnknownColumn, did_you_mean
from aequo.models.rows import Rows
from aequo.transparency.attribution import Attribution

__all__ = ["MOST_REASONS", "Reason", "Wording"]

MOST_REASONS = 4
"""More than four reasons are of no use to an applicant (12 CFR 1002, Supplement I, comment 9(b)(2)-1)."""

_SURE = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One column that pushed towards refusal.

    Attributes
    ----------
    column : str
        The user's column.
    text : str
        A sentence for the person; the value is in it only if the template asks for it.
    contribution : float
        Below 0, in the unit of the attribution.
    protected : bool
        Whether the column is protected: then this is no reason to give, but one to look into.
    changeable : bool
        Whether the person can do something about it.
    """

    column: str
    text: str = field(repr=False)
    contribution: float
    protected: bool
    changeable: bool
    template: str = field(repr=False)

    def to_dict(self, *, values: bool = False) -> dict[str, Any]:
        """Return it as JSON values.

        Parameters
        ----------
        values : bool
            Whether the person's value may be in the text, where the template asks for it.
        """
        return {
            "column": self.column,
            "text": self.text if values else _filled(self.template, self.column, "…"),
            "contribution": self.contribution,
            "protected": self.protected,
            "changeable": self.changeable,
        }


class Wording:
    """Turns contributions into reasons.

    Parameters
    ----------
    background : Rows
        Says what is high and what is low: the median of each column of numbers.
    templates : mapping of str to str
        A sentence for a column, instead of the default. ``{value}`` and ``{column}`` are filled in.
    protected : sequence of str
        Columns that must be no reason; they are flagged.
    immutable : sequence of str
        Columns that a person cannot change.

    Raises
    ------
    UnknownColumn
        If a column is not one of the model's.
    InputError
        If a template has another field than those two.
    """

    def __init__(
        self,
        background: Rows,
        *,
        templates: Mapping[str, str],
        protected: Sequence[str],
        immutable: Sequence[str],
    ) -> None:
        for word, columns in (("reasons", templates), ("immutable", immutable)):
            for column in columns:
                if column not in background.names:
                    raise UnknownColumn(
                        f"{word} names {column!r}, which the model does not read. Columns: "
                        f"{', '.join(background.names)}.{did_you_mean(column, background.names)}"
                    )
        for column, template in templates.items():
            _check_template(column, template)
        self._templates, self._protected, self._immutable = dict(templates), frozenset(protected), frozenset(immutable)
        self._usual = {name: _median(background.column(name)) for name in background.names}

    def reasons(self, found: Attribution, values: Mapping[str, Any]) -> tuple[Reason, ...]:
        """Return the columns that pushed towards refusal, the strongest first, at most four.

        A contribution that is an estimate counts only if it is two standard errors below 0.

        Parameters
        ----------
        found : Attribution
            The contributions.
        values : mapping
            The person's values.
        """
        reasons = []
        errors = found.standard_errors
        for column, contribution in found.top():
            margin = _SURE * float(errors[found.columns.index(column)]) if errors is not None else 0.0
            if contribution + margin < 0 and abs(contribution) > 1e-9:
                template = self._templates.get(column) or self._default(column, values[column])
                reasons.append(
                    Reason(
                        column=column,
                        text=_filled(template, column, _text(values[column])),
                        contribution=contribution,
                        protected=column in self._protected,
                        changeable=column not in self._immutable,
                        template=template,
                    )
                )
        return tuple(reasons[:MOST_REASONS])

    def _default(self, column: str, value: Any) -> str:
        usual = self._usual[column]
        if is_null(value):
            return "{column} is missing, and that counted against the application"
        if usual is None or isinstance(value, (bool, str)) or value == usual:
            return "{column} counted against the application"
        side = "high" if value > usual else "low"
        return f"{{column}} is {side}, and that counted against the application"


def _median(values: Any) -> float | None:
    if kind_of(values) != "number":
        return None
    numbers = np.array([v for v in np.asarray(values, dtype=object).tolist() if not is_null(v)], dtype=np.float64)
    return float(np.median(numbers)) if len(numbers) else None


def _text(value: Any) -> str:
    return level(value) or "missing"


def _filled(template: str, column: str, value: str) -> str:
    return template.replace("{column}", column).replace("{value}", value)


def _check_template(column: str, template: str) -> None:
    try:
        fields = {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}
    except ValueError:
        fields = {template}
    if not template.strip() or not fields <= {"column", "value"}:
        raise InputError(
            f"the reason for {column!r} is not a sentence with at most the fields {{column}} and {{value}}."
        )
