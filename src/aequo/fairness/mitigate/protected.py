"""What an adversary tries to guess: the group of each row, or a number, or both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from aequo.core.columns import as_column, as_numbers, kind_of
from aequo.core.counts import Floats, Ints
from aequo.errors import InputError
from aequo.fairness.mitigate.sensitive import columns_of, row_groups

__all__ = ["KINDS", "Kind", "Protected", "protected_of"]

Kind = Literal["auto", "groups", "number"]
"""How sensitive columns are read."""

KINDS: tuple[str, ...] = ("auto", "groups", "number")

_FEW_NUMBERS = 20
"""A numeric column with more different values than this is a number, not a set of groups."""


@dataclass(frozen=True, slots=True, eq=False)
class Protected:
    """The sensitive attribute of each row.

    Attributes
    ----------
    names : tuple of str
        The groups; empty if every sensitive column is a number.
    codes : int array, shape (rows,)
        Position of the row's group, -1 where it is missing.
    columns : tuple of str
        Names of the columns that are numbers.
    values : float array, shape (rows, columns)
        These numbers with mean 0 and variance 1, NaN where missing.
    """

    names: tuple[str, ...]
    codes: Ints
    columns: tuple[str, ...]
    values: Floats

    @property
    def outputs(self) -> int:
        """Number of outputs that an adversary needs: one for each group, one for each number."""
        return len(self.names) + len(self.columns)

    def rows(self, part: Ints) -> Protected:
        """Return some of the rows."""
        return Protected(self.names, self.codes[part], self.columns, self.values[part])

    def strata(self) -> Ints:
        """Return a code for each row by which rows are split evenly: its group, or the quarter its number is in."""
        if self.names:
            return self.codes + 1
        first = self.values[:, 0]
        known = ~np.isnan(first)
        edges = np.quantile(first[known], [0.25, 0.5, 0.75])
        return np.where(known, 1 + np.searchsorted(edges, first), 0).astype(np.int64)


def protected_of(sensitive_features: Any, *, rows: int, kind: Kind = "auto") -> Protected:
    """Return the sensitive attribute of each row.

    Parameters
    ----------
    sensitive_features : array, series, frame or mapping of columns
        One value for each row, or several columns. Columns of groups are crossed.
    rows : int
        How many rows there must be.
    kind : {"auto", "groups", "number"}
        ``"auto"``: a column of numbers with more than 20 different values is a number, any other holds groups.

    Raises
    ------
    InputError
        If the number of rows differs, a column is not what it is said to be, or all known values are the same.

    Examples
    --------
    >>> protected_of(["a", None, "b"], rows=3).codes.tolist()
    [0, -1, 1]
    >>> protected_of([1.0, 2.0, 3.0], rows=3, kind="number").values[:, 0].round(2).tolist()
    [-1.22, 0.0, 1.22]
    """
    numbers: dict[str, Floats] = {}
    groups: dict[str, Any] = {}
    for name, values in columns_of(sensitive_features).items():
        column = as_column(name, values)
        if len(column) != rows:
            raise InputError(f"sensitive_features has {len(column):,} values, expected one for each of {rows:,} rows.")
        if kind == "number" or (kind == "auto" and _is_number(name, column)):
            numbers[name] = _standardised(name, as_numbers(name, column, ()))
        else:
            groups[name] = column
    if not groups and not numbers:
        raise InputError("sensitive_features has no column; expected one value, or several, for each row.")
    names, codes = _groups(groups, rows)
    values = np.stack(list(numbers.values()), axis=1) if numbers else np.zeros((rows, 0))
    return Protected(names, codes, tuple(numbers), values)


def _is_number(name: str, column: Any) -> bool:
    if kind_of(column) != "number":
        return False
    values = as_numbers(name, column, ())
    return len(np.unique(values[~np.isnan(values)])) > _FEW_NUMBERS


def _standardised(name: str, values: Floats) -> Floats:
    if np.isinf(values).any():
        raise InputError(f"the sensitive column {name!r} holds infinite values; expected finite numbers.")
    known = values[~np.isnan(values)]
    if len(known) < 2 or known.min() == known.max():
        raise InputError(
            f"the sensitive column {name!r} has the same number in every row that has one; there is nothing to protect."
        )
    standardised: Floats = (values - known.mean()) / known.std()
    return standardised


def _groups(columns: dict[str, Any], rows: int) -> tuple[tuple[str, ...], Ints]:
    if not columns:
        return (), np.full(rows, -1, dtype=np.int64)
    found = row_groups(columns, rows=rows)
    known = np.flatnonzero(~found.missing)
    if len(known) < 2:
        seen = "no row has a group" if not len(known) else "every row that has a group has the same one"
        raise InputError(f"{seen} in sensitive_features; at least two groups are needed to be fair between them.")
    place = np.full(len(found.names), -1, dtype=np.int64)
    place[known] = np.arange(len(known))
    return tuple(found.labels[i] for i in known.tolist()), place[found.codes]
