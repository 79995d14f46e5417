"""Bias in the data: who is in it, what is missing, what labels say, and what gives the group away.

Every check is a function that returns a `DataCheck`; `DataBiasDetector` is a thin door to the same functions.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aequo.core.table import Table
from aequo.fairness.data_check import ColumnNumber, DataCheck, GroupNumber
from aequo.fairness.duplicates import duplicates, label_noise
from aequo.fairness.labels import label_divergence
from aequo.fairness.missing import missing_rates
from aequo.fairness.proxies import MOST_ROWS, proxy_check
from aequo.fairness.shares import reference_population, representation

__all__ = [
    "ColumnNumber",
    "DataBiasDetector",
    "DataCheck",
    "GroupNumber",
    "duplicates",
    "label_divergence",
    "label_noise",
    "missing_data",
    "proxies",
    "reference_population",
    "representation",
]


def missing_data(
    table: Table,
    by: Sequence[str] | str,
    *,
    exclude: Collection[str] = (),
    limit: float = 0.01,
    confidence: float = 0.95,
    min_size: int = 1,
) -> DataCheck:
    """Return how unevenly values are missing over the groups; one pass over the rows, then `missing_rates`.

    Parameters
    ----------
    table : Table
        The rows.
    by : str or sequence of str
        Columns whose crossing names the groups.
    exclude : collection of str
        Columns not to look at.
    limit, confidence, min_size
        As in `missing_rates`.

    Examples
    --------
    >>> table = Table.of({"sex": ["f", "m"] * 300, "income": [None, 1.5] * 300})
    >>> check = missing_data(table, "sex")
    >>> check.value, check.status.value, check.columns[0].column
    (0.25, 'fail', 'income')
    """
    by = (by,) if isinstance(by, str) else tuple(by)
    counted = table.missing(by, [c for c in table.columns if c not in by and c not in exclude])
    return missing_rates(
        counted.groups, counted.columns, counted.missing, limit=limit, confidence=confidence, min_size=min_size
    )


def proxies(
    table: Table,
    by: Sequence[str] | str,
    *,
    exclude: Collection[str] = (),
    limit: float = 0.8,
    confidence: float = 0.95,
    min_size: int = 20,
    rows: int = MOST_ROWS,
    seed: int = 0,
) -> DataCheck:
    """Return how well the other columns tell the group, on a random sample of rows; see `proxy_check`.

    Parameters
    ----------
    table : Table
        The rows.
    by : str or sequence of str
        Columns whose crossing names the groups.
    exclude : collection of str
        Columns that must not predict: label, prediction, score, weight, other group columns.
    rows : int
        Rows to sample at most.
    limit, confidence, min_size, seed
        As in `proxy_check`.
    """
    by = (by,) if isinstance(by, str) else tuple(by)
    chosen = [c for c in table.columns if c in by or (c not in exclude and table.kind(c) != "other")]
    taken = table.sample(rows, seed=seed, columns=chosen)
    columns: dict[str, Any] = {}
    for name, values in taken.items():
        kind = table.kind(name)
        if name in by:
            columns[name] = _names(values) if kind == "boolean" else values
        else:
            columns[name] = _days(values) if kind == "date" else values
    return proxy_check(
        columns,
        by,
        limit=limit,
        confidence=confidence,
        min_size=min_size,
        seed=seed,
        sampled=len(taken[by[0]]) >= rows,
    )


def _names(values: NDArray[Any]) -> list[str | None]:
    """Return booleans, which come as numbers, by the names that they have as groups."""
    return [None if math.isnan(v) else "True" if v else "False" for v in values.tolist()]


def _days(values: NDArray[Any]) -> NDArray[np.float64]:
    """Return dates in canonical text as days, so that a model can order them."""
    out = np.full(len(values), np.nan)
    for i, text in enumerate(values.tolist()):
        if text is not None:
            moment = dt.datetime.fromisoformat(text).replace(tzinfo=None)
            out[i] = moment.toordinal() + (moment - dt.datetime.combine(moment, dt.time())) / dt.timedelta(days=1)
    return out


class DataBiasDetector:
    """Check a table for bias in representation, labels and missing values.

    Parameters
    ----------
    data : path, frame, mapping or Table
        Whatever `Table.of` takes.
    weight : str, optional
        Column of row weights.
    missing : sequence of str
        Texts that mean "missing".
    confidence : float
        Level of the intervals, in (0, 1).
    min_size : int
        Groups with fewer rows take no part in comparisons of labels and missing values.

    Examples
    --------
    >>> detector = DataBiasDetector({"sex": ["f"] * 20 + ["m"] * 980, "hired": [0, 1] * 500})
    >>> detector.check_representation_bias("sex").status.value
    'fail'
    >>> detector.check_label_bias("sex", "hired").status.value
    'pass'
    >>> detector.check_missing_data_bias("sex").why
    'No value is missing in any group of sex, in the one other column.'
    """

    def __init__(
        self,
        data: Any,
        *,
        weight: str | None = None,
        missing: Sequence[str] = ("",),
        confidence: float = 0.95,
        min_size: int = 20,
    ) -> None:
        self.table = Table.of(data, missing=missing)
        self.weight = weight
        self.confidence = confidence
        self.min_size = min_size

    def check_representation_bias(
        self,
        group: Sequence[str] | str,
        *,
        limit: float | None = None,
        population: Mapping[Any, float] | None = None,
    ) -> DataCheck:
        """Return `representation`, or `reference_population` if the population's shares are given.

        Parameters
        ----------
        group : str or sequence of str
            Group column, or columns to cross.
        limit : float, optional
            Least share (default 0.05), or largest total variation (default 0.1).
        population : mapping of group to share, optional
            Shares that sum to 1; for one group column.
        """
        counts = self.table.counts(group=_columns(group), weight=self.weight)
        if population is not None:
            limit = 0.1 if limit is None else limit
            return reference_population(counts, population, by=group, limit=limit, confidence=self.confidence)
        return representation(counts, by=group, limit=0.05 if limit is None else limit, confidence=self.confidence)

    def check_label_bias(self, group: Sequence[str] | str, label: str, *, limit: float = 0.1) -> DataCheck:
        """Return `label_divergence`.

        Parameters
        ----------
        group : str or sequence of str
            Group column, or columns to cross.
        label : str
            Column of the label.
        limit : float
            Largest squared difference.
        """
        counts = self.table.counts(group=_columns(group), label=label, weight=self.weight, task="multiclass")
        return label_divergence(counts, by=group, limit=limit, confidence=self.confidence, min_size=self.min_size)

    def check_missing_data_bias(self, group: Sequence[str] | str, *, limit: float = 0.01) -> DataCheck:
        """Return `missing_data`.

        Parameters
        ----------
        group : str or sequence of str
            Group column, or columns to cross.
        limit : float
            Largest variance over groups of a column's rate of missing values.
        """
        return missing_data(
            self.table, _columns(group), limit=limit, confidence=self.confidence, min_size=self.min_size
        )


def _columns(group: Sequence[str] | str) -> tuple[str, ...]:
    return (group,) if isinstance(group, str) else tuple(group)
