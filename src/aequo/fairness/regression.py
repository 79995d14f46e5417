"""Checks on numeric outcomes: who gets how much, who is misjudged, and in which direction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Unpack

import numpy as np

from aequo.core.counts import Counts
from aequo.errors import InputError
from aequo.fairness.checks import Options, count_arrays
from aequo.fairness.measures import regression_mean
from aequo.fairness.metric import Metric, compare

__all__ = [
    "REGRESSION",
    "error_parity",
    "mean_outcome_parity",
    "outcome_scale",
    "residual_parity",
    "run",
]


REGRESSION: Mapping[str, tuple[str, bool]] = {
    "mean-outcome-parity": ("mean_prediction", False),
    "error-parity": ("mean_absolute_error", True),
    "residual-parity": ("mean_residual", True),
}
"""Regression checks: the measure, and whether it needs a prediction."""


def run(
    check: str,
    counts: Counts,
    *,
    by: Sequence[str] | str | None = None,
    limit: float = 0.1,
    confidence: float = 0.95,
    reference: str | None = None,
    min_size: int = 1,
) -> Metric:
    """Run one of `REGRESSION` on counts made with ``task="regression"``.

    Raises
    ------
    InputError
        If the counts are of classes, or a prediction is needed and absent.
    """
    name, both = REGRESSION[check]
    if not counts.sums.keys() & {"y", "p"}:
        raise InputError(f"{check} is about a numeric outcome; count with task='regression'.")
    if "p_n" not in counts.sums or not counts.sums["p_n"].any():
        if both:
            raise InputError(f"{check} needs predictions beside the labels.")
        name = "mean_label"
    return compare(
        check,
        [regression_mean(counts, by, name)],
        scale=outcome_scale(counts),
        limit=limit,
        confidence=confidence,
        reference=reference,
        min_size=min_size,
    )


def _regression(check: str, values: tuple[Any, Any, Any], options: Options) -> Metric:
    """Count bare arrays, and run the check."""
    first, second, sensitive = values
    how: dict[str, Any] = {k: v for k, v in options.items() if k not in ("weight", "favourable")}
    if isinstance(first, Counts):
        return run(check, first, **how)
    both = REGRESSION[check][1]
    if not both and sensitive is None:
        sensitive, second = second, None
    if sensitive is None or (both and second is None):
        raise InputError(f"expected ({'y_true, y_pred' if both else 'y_pred'}, sensitive) arrays or counts; got fewer.")
    columns = {"label": first} if second is None else {"label": first, "prediction": second}
    return run(check, count_arrays(columns, sensitive, options.get("weight"), task="regression"), **how)


def outcome_scale(counts: Counts) -> float:
    """Return the standard deviation of the outcome over all rows; 1 where it does not vary.

    Of the labels where there are any, else of the predictions. Regression differences are in this unit, so that one
    limit serves every outcome.

    Raises
    ------
    InputError
        If the outcome is so large against its variation that the digits of its squares are lost.
    """
    labelled = "y_n" in counts.sums and counts.sums["y_n"].any()
    first, second, number = ("y", "yy", "y_n") if labelled else ("p", "pp", "p_n")
    rows = counts.sums[number].sum()
    if rows <= 0:
        return 1.0
    mean = counts.sums[first].sum() / rows
    variance = counts.sums[second].sum() / rows - mean**2
    if abs(mean) > 1e5 and variance <= 1e-11 * mean**2:  # squares keep 16 digits: what is left of them is rounding
        raise InputError(
            f"the outcome is about {mean:.3g} and hardly varies, too little to be measured: subtract a constant first."
        )
    return float(np.sqrt(variance)) if variance > 1e-12 * max(1.0, mean**2) else 1.0


def mean_outcome_parity(
    y_pred: Any,
    sensitive: Any = None,
    **options: Unpack[Options],
) -> Metric:
    """Largest difference of mean outcomes between groups, in standard deviations of the outcome.

    (max E[D|A=a] - min E[D|A=a]) / sd, D the predicted outcome (or the outcome itself where there is no model).

    Parameters
    ----------
    y_pred : array-like of shape (n,) or Counts
        Numeric decisions; or counts made with ``task="regression"``.
    sensitive : array-like of shape (n,), mapping or frame
        Group of each row; several columns are crossed.
    **options
        See `Options`.

    Returns
    -------
    Metric
        ``value`` from 0, in standard deviations of the outcome; per-group values in the outcome's own unit.

    References
    ----------
    .. [1] Calders et al. (2013), Controlling attribute effect in linear regression, section III.

    Examples
    --------
    >>> round(mean_outcome_parity([1.5, 2.0, 2.5, 3.5], ["a", "a", "b", "b"]).value, 3)
    1.69
    """
    return _regression("mean-outcome-parity", (y_pred, None, sensitive), options)


def error_parity(
    y_true: Any,
    y_pred: Any = None,
    sensitive: Any = None,
    **options: Unpack[Options],
) -> Metric:
    """Largest difference of mean absolute error between groups, in standard deviations of the outcome.

    (max E[|D-Y| | A=a] - min E[|D-Y| | A=a]) / sd(Y): bounded group loss compared across groups.

    Parameters
    ----------
    y_true : array-like of shape (n,) or Counts
        True outcomes; or counts made with ``task="regression"``.
    y_pred : array-like of shape (n,)
        Predictions.
    sensitive : array-like of shape (n,), mapping or frame
        Group of each row; several columns are crossed.
    **options
        See `Options`.

    Returns
    -------
    Metric
        ``value`` from 0, in standard deviations of the outcome; per-group values in the outcome's own unit.

    References
    ----------
    .. [1] Agarwal, Dudik and Wu (2019), Fair regression, section 2 (bounded group loss).

    Examples
    --------
    >>> error_parity([1.0, 3.0, 1.5, 3.5], [1.0, 3.0, 2.5, 4.5], ["a", "a", "b", "b"]).by_group["b"].value
    1.0
    """
    return _regression("error-parity", (y_true, y_pred, sensitive), options)


def residual_parity(
    y_true: Any,
    y_pred: Any = None,
    sensitive: Any = None,
    **options: Unpack[Options],
) -> Metric:
    """Largest difference of mean residuals between groups: who is over- and who is underestimated.

    (max E[D-Y | A=a] - min E[D-Y | A=a]) / sd(Y).

    Parameters
    ----------
    y_true : array-like of shape (n,) or Counts
        True outcomes; or counts made with ``task="regression"``.
    y_pred : array-like of shape (n,)
        Predictions.
    sensitive : array-like of shape (n,), mapping or frame
        Group of each row; several columns are crossed.
    **options
        See `Options`.

    Returns
    -------
    Metric
        ``value`` from 0, in standard deviations of the outcome; per-group values in the outcome's own unit.

    References
    ----------
    .. [1] Calders et al. (2013), section III (balanced residuals).

    Examples
    --------
    >>> residual_parity([1.0, 3.0, 1.5, 3.5], [1.0, 3.0, 0.5, 2.5], ["a", "a", "b", "b"]).by_group["b"].value
    -1.0
    """
    return _regression("residual-parity", (y_true, y_pred, sensitive), options)
