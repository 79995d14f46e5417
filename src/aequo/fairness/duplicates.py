"""Rows that are equal in all but the group, or in all but the label."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from aequo.core.engine import Duplicates
from aequo.core.finding import Status
from aequo.core.intervals import normal_quantile, wilson
from aequo.core.table import Table
from aequo.fairness.data_check import DataCheck, Interval, listing, percent
from aequo.fairness.encoding import encode

__all__ = ["duplicates", "label_noise"]

_LOOKED_AT = 20_000
"""So many rows are looked at to find columns whose values differ in every row."""

_ALIKE = 0.5
"""Where more than this share of rows equal another, the columns do not tell people apart."""


def duplicates(
    table: Table,
    by: Sequence[str] | str,
    *,
    exclude: Collection[str] = (),
    limit: float = 0.01,
    confidence: float = 0.95,
    seed: int = 0,
) -> DataCheck:
    """Return the share of rows that equal a row of another group in every other column.

    Parameters
    ----------
    table : Table
        The rows.
    by : str or sequence of str
        Columns whose crossing names the groups; rows of unknown group are left out.
    exclude : collection of str
        Columns that are not compared: the other group columns, the weight.
    limit : float
        Largest share, 0..1.
    confidence : float
        Level of the interval, in (0, 1).
    seed : int
        Seed of the look for columns whose values differ in every row.

    Returns
    -------
    DataCheck
        ``value`` is the share of rows in sets of equal rows that have more than one group. ``left_out`` has the columns
        that name rows. Where over half of all rows equal another one, nothing is judged: then the columns are too few
        or too coarse to tell people apart.

    Notes
    -----
    Rows of a set come together, so the interval is Wilson's on the rows divided by the mean size of a set.

    Examples
    --------
    >>> table = Table.of({"sex": ["f", "m"] * 50, "age": [i // 2 if i < 10 else i for i in range(100)]})
    >>> check = duplicates(table, "sex")
    >>> check.value, check.status.value
    (0.1, 'fail')
    """
    by = (by,) if isinstance(by, str) else tuple(by)
    subject = " × ".join(by)
    return _check(
        table,
        by,
        exclude,
        check="duplicates",
        subject=subject,
        other=f"a row of another {subject}",
        limit=limit,
        confidence=confidence,
        seed=seed,
    )


def label_noise(
    table: Table,
    label: str,
    *,
    exclude: Collection[str] = (),
    limit: float = 0.01,
    confidence: float = 0.95,
    seed: int = 0,
) -> DataCheck:
    """Return the share of rows that equal a row with another label in every other column, the groups among them.

    A hint, no proof, that labels are noisy: people who look alike in the data may differ in what it leaves out.

    Parameters
    ----------
    table : Table
        The rows.
    label : str
        Column of the label; rows without one are left out.
    exclude : collection of str
        Columns that are not compared: prediction, score, weight.
    limit : float
        Largest share, 0..1.
    confidence : float
        Level of the interval, in (0, 1).
    seed : int
        Seed of the look for columns whose values differ in every row.

    Returns
    -------
    DataCheck
        ``value`` is the share of rows in sets of equal rows that have more than one label; else as `duplicates`.

    Examples
    --------
    >>> table = Table.of({"paid": [0, 1] * 50, "age": [i // 2 if i < 10 else i for i in range(100)]})
    >>> label_noise(table, "paid").value
    0.1
    """
    return _check(
        table,
        (label,),
        exclude,
        check="label-noise",
        subject=label,
        other=f"a row with another {label}",
        limit=limit,
        confidence=confidence,
        seed=seed,
    )


def _check(
    table: Table,
    by: tuple[str, ...],
    exclude: Collection[str],
    *,
    check: str,
    subject: str,
    other: str,
    limit: float,
    confidence: float,
    seed: int,
) -> DataCheck:
    candidates = [c for c in table.columns if c not in by and c not in exclude and table.kind(c) != "other"]
    rows = table.sample(_LOOKED_AT, seed=seed, columns=candidates) if candidates else {}
    left_out = tuple(name for name, column in rows.items() if encode(name, column).identifier)
    compared = [c for c in candidates if c not in left_out]
    found = table.duplicate_counts(by, compared) if compared else None
    why = _unmeasurable(found, subject, compared, left_out)
    if found is None or why is not None:
        words = why or ""
        return DataCheck(
            check=check,
            subject=subject,
            value=None,
            n=0 if found is None else found.rows,
            limit=limit,
            confidence=confidence,
            left_out=left_out,
            words=lambda *_: words,
        )
    value = found.straddling / found.rows

    def bounds(at: float) -> Interval:
        size = found.straddling / found.sets if found.sets else 2.0
        trials = np.array([found.rows / size])
        low, high = wilson(value * trials, trials, normal_quantile((1 + at) / 2))
        return float(low[0]), float(high[0])

    notes = []
    if found.one_in > 1:
        notes.append(f"Equal rows were sought in a sample of {found.rows:,} rows, one in {found.one_in}, by hash.")
    if left_out:
        notes.append(f"Not compared to find equal rows, since the value differs in every row: {', '.join(left_out)}.")
    return DataCheck(
        check=check,
        subject=subject,
        value=value,
        n=found.rows,
        limit=limit,
        confidence=confidence,
        left_out=left_out,
        notes=tuple(notes),
        bounds=bounds,
        words=lambda status, interval: _words(found, len(compared), other, status, interval, limit),
    )


def _unmeasurable(
    found: Duplicates | None, subject: str, compared: Sequence[str], left_out: Sequence[str]
) -> str | None:
    if found is None:
        beside = f" beside {listing(left_out)}, which differ in every row" if left_out else ""
        return f"Not judged: there is no other column to compare rows by{beside}."
    if not found.rows:
        return f"Not judged: no row has a value of {subject}."
    if found.repeated > _ALIKE * found.rows:
        columns = "the 1 other column is" if len(compared) == 1 else f"the {len(compared)} other columns are"
        return (
            f"Not judged: {columns} too few or too coarse to tell people apart; {percent(found.repeated / found.rows)} "
            "of the rows equal another one in them."
        )
    return None


def _words(found: Duplicates, columns: int, other: str, status: Status, interval: Interval | None, limit: float) -> str:
    """Return the sentence for equal rows."""
    everywhere = "the one other column" if columns == 1 else f"all {columns} other columns"
    if not found.straddling:
        said = f"None of the {found.rows:,} rows equals {other} in {everywhere}"
        ends = "" if interval is None else f" (interval to {percent(interval[1])})"
    else:
        said = (
            f"{percent(found.straddling / found.rows)} of the {found.rows:,} rows ({found.straddling:,}) equal {other} "
            f"in {everywhere}"
        )
        ends = "" if interval is None else f" (interval {percent(interval[0])} to {percent(interval[1])})"
    if status is Status.PASS:
        return f"{said}{ends}, within the limit of {percent(limit)}."
    if status is Status.FAIL:
        return f"{said}{ends}, beyond the limit of {percent(limit)}."
    return f"{said}{ends}; the data cannot tell whether that is within the limit of {percent(limit)}."
