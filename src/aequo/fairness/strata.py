"""Checks that are repeated over strata: the values of a control column, or the classes of a multiclass outcome."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from aequo.core.counts import Counts, Dim
from aequo.errors import InputError
from aequo.fairness.checks import CHECKS, count_arrays
from aequo.fairness.measures import MEASURES, Outcomes, measure, rate
from aequo.fairness.metric import Metric, compare

__all__ = [
    "by_class",
    "conditional_parity",
]


def conditional_parity(
    y_pred: Any,
    control: Any,
    sensitive: Any = None,
    *,
    by: Sequence[str] | str | None = None,
    favourable: Any = None,
    reference: str | None = None,
    weight: Any = None,
    confidence: float = 0.95,
    limit: float = 0.1,
    min_size: int = 1,
) -> Metric:
    """Largest difference of selection rates between groups among rows with the same value of a control column.

    The largest, over values c, of max P(D=1|A=a,C=c) - min P(D=1|A=a,C=c).

    Parameters
    ----------
    y_pred : array-like of shape (n,), or Counts
        Decisions; or counts with the control column.
    control : array-like of shape (n,); with counts, the name of the column
        A legitimate ground for different rates, such as the department applied to.
    sensitive : array-like of shape (n,), mapping or frame
        Group of each row; several columns are crossed.
    by, favourable, reference, weight, confidence, limit, min_size
        As in `demographic_parity`.

    Returns
    -------
    Metric
        One measure per value of the control, named ``selection_rate[<control>=<value>]``.

    Raises
    ------
    InputError
        If no row has a value of the control.

    References
    ----------
    .. [1] Corbett-Davies et al. (2017), section 2.2, conditional statistical parity.

    Examples
    --------
    >>> metric = conditional_parity([1, 0, 1, 0, 1, 1, 0, 0], ["x"] * 4 + ["z"] * 4, list("aabbaabb"))
    >>> metric.value, [m.name for m in metric.measured]
    (1.0, ['selection_rate[control=x]', 'selection_rate[control=z]'])
    """
    if isinstance(y_pred, Counts):
        counts = y_pred
    else:
        if sensitive is None:
            raise InputError("expected (y_pred, control, sensitive) arrays, or counts and a control's name.")
        name = str(getattr(control, "name", None) or "control")
        counts, control = count_arrays({"pred": y_pred}, sensitive, weight, control={name: control}), name
    best = Outcomes.of(counts, by, favourable=favourable).favourable
    columns = counts.names("group") if by is None else (by,) if isinstance(by, str) else tuple(by)
    dim = counts.dims[counts.axis(control)]
    measured = []
    for value in dim.levels:
        if value is None:
            continue
        stratum = Outcomes.of(_within(counts, control, value), columns, favourable=best)
        measured.append(replace(measure(stratum, "selection_rate"), name=f"selection_rate[{control}={value}]"))
    if not measured:
        raise InputError(f"control column {control!r} has no value but missing ones.")
    return compare(
        "conditional-parity",
        measured,
        limit=limit,
        confidence=confidence,
        reference=reference,
        min_size=min_size,
    )


def _within(counts: Counts, column: str, value: str) -> Counts:
    """Return the same cells with the rows of every other value of `column` counted as none."""
    axis = counts.axis(column)
    keep = counts.codes[:, axis] == counts.dims[axis].levels.index(value)
    return replace(
        counts,
        n=np.where(keep, counts.n, 0),
        w=None if counts.w is None else np.where(keep, counts.w, 0.0),
        w2=None if counts.w2 is None else np.where(keep, counts.w2, 0.0),
        sums={k: np.where(keep, v, 0.0) for k, v in counts.sums.items()},
    )


def by_class(
    check: str,
    counts: Counts,
    *,
    by: Sequence[str] | str | None = None,
    classes: Sequence[str] | None = None,
    limit: float | None = None,
    confidence: float = 0.95,
    reference: str | None = None,
    min_size: int = 1,
) -> Metric:
    """Run a check of rates on a multiclass outcome: each class against the rest, and the worst class decides.

    Parameters
    ----------
    check : str
        One of `CHECKS` that compares rates.
    counts : Counts
        Counts with more than two classes.
    by : str or sequence of str, optional
        Group columns to cross.
    classes : sequence of str, optional
        Classes to judge; every class of the label (or of the prediction) by default.
    limit, confidence, reference, min_size
        As in `demographic_parity`.

    Examples
    --------
    >>> from aequo.core.table import Table
    >>> data = {"y": list("xyzxyy"), "g": list("aaabbb")}
    >>> metric = by_class("demographic-parity", Table.of(data).counts(group=["g"], label="y"))
    >>> [m.name for m in metric.measured]
    ['selection_rate[x]', 'selection_rate[y]', 'selection_rate[z]']
    >>> round(metric.value, 3)
    0.333
    """
    what = CHECKS[check]
    if classes is None:
        dim = counts.role("label") or counts.role("prediction")
        classes = [] if dim is None else [v for v in dim.levels if v is not None]
    if not classes:
        raise InputError("no class is known: every label is missing.")
    measured = []
    if what.measures == ("accuracy",):  # right is right, whichever class: there is one accuracy
        measured = [
            replace(
                rate(_right_or_wrong(counts, by), "selection_rate"), name="accuracy", undefined=MEASURES["accuracy"][2]
            )
        ]
    else:
        for value in classes:
            outcomes = Outcomes.of(counts, by, favourable=value)
            measured += [replace(measure(outcomes, m), name=f"{m}[{value}]") for m in what.measures]
    return compare(
        check,
        measured,
        how=what.how,
        limit=what.limit if limit is None else limit,
        confidence=confidence,
        reference=reference,
        min_size=min_size,
    )


def _right_or_wrong(counts: Counts, by: Sequence[str] | str | None) -> Outcomes:
    """Tabulate whether the prediction is the label, as the decision; unknown where either is missing."""
    label, prediction = counts.role("label"), counts.role("prediction")
    if label is None or prediction is None:
        raise InputError("accuracy needs a label and a prediction.")
    code = {v: i for i, v in enumerate({v: None for v in (*label.levels, *prediction.levels) if v is not None})}
    y, p = (
        np.array([-1 if v is None else code[v] for v in dim.levels])[counts.codes[:, counts.axis(dim.name)]]
        for dim in (label, prediction)
    )
    right = np.where((y < 0) | (p < 0), 2, y == p)
    dim = Dim(prediction.name, "prediction", ("0", "1", None))
    axes = [i for i, d in enumerate(counts.dims) if d.role == "group"]
    return Outcomes.of(
        replace(
            counts,
            dims=(*(counts.dims[a] for a in axes), dim),
            codes=np.column_stack([counts.codes[:, axes], right]),
        ),
        by,
        favourable="1",
    )
