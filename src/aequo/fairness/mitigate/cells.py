"""Weights that make group and label independent, one for each combination of the two.

Kamiran and Calders 2012, "Data preprocessing techniques for classification without discrimination", Knowledge and
Information Systems 33, section 5.2: a row of group g with label y weighs P(g) P(y) / P(g, y), what one would expect of
its cell over what is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from aequo.core.counts import Counts, Floats, Ints
from aequo.core.levels import Level
from aequo.errors import InputError

__all__ = ["CellWeights", "Missing", "Unseen", "check_options"]

Unseen = Literal["refuse", "one"]
"""What a combination that was not counted gets: an error, or the weight 1."""

Missing = Literal["one", "group", "refuse"]
"""What a row of no known group gets: the weight 1, a weight as one more group, or an error."""


@dataclass(frozen=True, slots=True, eq=False)
class CellWeights:
    """The weight of each group and label.

    Attributes
    ----------
    columns : tuple of str
        The group columns.
    label : str
        The label column.
    groups : tuple of tuple of (str or None)
        One value per column for each group, sorted.
    labels : tuple of str
        The labels, sorted.
    weights : float array, shape (groups, labels)
        NaN where no row was counted.
    n : int array, shape (groups, labels)
        Rows counted.
    """

    columns: tuple[str, ...]
    label: str
    groups: tuple[tuple[Level, ...], ...]
    labels: tuple[str, ...]
    weights: Floats
    n: Ints

    @classmethod
    def of(cls, counts: Counts, by: Sequence[str] | str | None = None, *, missing: Missing = "one") -> CellWeights:
        """Return the weights that make group and label independent in these counts.

        Parameters
        ----------
        counts : Counts
            With groups and a label that has classes. Weighted rows count by their weight.
        by : str or sequence of str, optional
            Group columns to cross; all by default.
        missing : {"one", "group", "refuse"}
            Whether rows without a group take no part, are a group, or are refused. Rows without a label take no part.

        Raises
        ------
        InputError
            If there is no group or label, or a missing group is refused.

        Examples
        --------
        >>> from aequo.core.table import Table
        >>> rows = {"sex": ["f", "f", "f", "m", "m", "m"], "hired": [1, 0, 0, 1, 1, 0]}
        >>> cells = CellWeights.of(Table.of(rows).counts(group="sex", label="hired"))
        >>> cells.groups, cells.labels, cells.weights.tolist()
        ((('f',), ('m',)), ('0', '1'), [[0.75, 1.5], [1.5, 0.75]])
        """
        label = counts.role("label")
        if label is None or not counts.names("group"):
            raise InputError("these counts lack a group or a label with classes; count(group=..., label=...) them.")
        groups = counts.groups(by)
        unknown = int(groups.n[groups.missing].sum())
        if unknown and missing == "refuse":
            raise InputError(f"{unknown:,} rows have no group, and missing is 'refuse'.")
        keep = np.ones(len(groups), dtype=bool) if missing == "group" else ~groups.missing
        known = [i for i, v in enumerate(label.levels) if v is not None]
        y = counts.codes[:, counts.axis(label.name)]
        shape = (len(groups), max(len(label.levels), 1))
        at = groups.codes * shape[1] + y
        w = np.bincount(at, counts.weights, minlength=shape[0] * shape[1]).reshape(shape)[keep][:, known]
        n = np.zeros(shape[0] * shape[1], dtype=np.int64)
        np.add.at(n, at, counts.n)
        if not w.sum() > 0:
            raise InputError("no row has both a known group and a label; there is nothing to weigh.")
        expected = w.sum(axis=1, keepdims=True) * w.sum(axis=0, keepdims=True) / w.sum()
        weights = np.divide(expected, w, out=np.full(w.shape, np.nan), where=w > 0)
        return cls(
            columns=groups.columns,
            label=label.name,
            groups=tuple(name for name, there in zip(groups.names, keep.tolist(), strict=True) if there),
            labels=tuple(str(label.levels[i]) for i in known),
            weights=weights,
            n=n.reshape(shape)[keep][:, known],
        )

    def look_up(
        self, groups: Sequence[tuple[Level, ...]], labels: Sequence[Level], *, unseen: Unseen, missing: Missing
    ) -> Floats:
        """Return the weight of each pair of group and label.

        Parameters
        ----------
        groups : sequence of tuple of (str or None)
            Groups, with as many values as there are columns.
        labels : sequence of (str or None)
            As many labels; a missing one gets 1.
        unseen, missing : str
            See `Unseen` and `Missing`.

        Raises
        ------
        InputError
            If a pair was not counted, or has no group, and that is refused.
        """
        row = {name: i for i, name in enumerate(self.groups)}
        column = {name: i for i, name in enumerate(self.labels)}
        out = np.ones(len(labels))
        for k, (group, label) in enumerate(zip(groups, labels, strict=True)):
            if None in group and missing == "refuse":
                raise InputError("some rows have no group, and missing is 'refuse'.")
            if label is None or (None in group and missing == "one"):
                continue
            i, j = row.get(group), column.get(label)
            weight = np.nan if i is None or j is None else self.weights[i, j]
            if weight == weight:
                out[k] = weight
            elif unseen == "refuse":
                # Whose group and label it is may be one person's: neither is in the sentence.
                what = "a group" if i is None else "a label" if j is None else "a group together with a label"
                raise InputError(
                    f"some rows have {what} of which no row was counted, so that they have no weight; "
                    "count more rows, merge groups, or pass unseen='one'."
                )
        return out

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON: one entry for each group and label that was counted."""
        cells = [
            {"group": list(group), "label": label, "weight": float(self.weights[i, j]), "n": int(self.n[i, j])}
            for i, group in enumerate(self.groups)
            for j, label in enumerate(self.labels)
            if self.weights[i, j] == self.weights[i, j]
        ]
        return {"columns": list(self.columns), "label": self.label, "cells": cells}


def check_options(unseen: str, missing: str) -> None:
    """Refuse values that `Unseen` and `Missing` do not have."""
    for name, value, allowed in (("unseen", unseen, get_args(Unseen)), ("missing", missing, get_args(Missing))):
        if value not in allowed:
            raise InputError(f"{name} is {value!r}; expected one of {', '.join(allowed)}.")
