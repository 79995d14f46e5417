"""The field's fairness metrics, each one line of arithmetic on group counts.

Every function takes either `Counts` (or `Outcomes`) or bare arrays in the guide's form, returns one `Metric`, and
leaves undefined what is undefined. Notation: Y label, D decision (1 favourable), S score, A group.
"""

from __future__ import annotations

from typing import Any, Unpack

from aequo.fairness.checks import Options, evaluate
from aequo.fairness.metric import Metric

__all__ = [
    "accuracy_parity",
    "auc_parity",
    "balanced_accuracy_parity",
    "calibration",
    "demographic_parity",
    "disparate_impact",
    "equal_opportunity",
    "equalized_odds",
    "false_negative_rate_parity",
    "false_positive_rate_parity",
    "generalised_entropy",
    "predictive_parity",
    "theil_index",
    "treatment_equality",
]


def demographic_parity(
    y_pred: Any,
    sensitive: Any = None,
    **options: Unpack[Options],
) -> Metric:
    """Largest difference of selection rates between groups: max P(D=1|A=a) - min P(D=1|A=a).

    Parameters
    ----------
    y_pred : array-like of shape (n,), Counts or Outcomes
        Hard decisions; or counts.
    sensitive : array-like of shape (n,), mapping or frame
        Group of each row; several columns are crossed.
    **options
        See `Options`.

    Returns
    -------
    Metric
        ``value`` in [0, 1]; 0 means equal rates. None if fewer than two groups can be compared.

    Raises
    ------
    InputError
        If lengths differ or the favourable value is not clear.

    References
    ----------
    .. [1] Calders, Kamiran and Pechenizkiy (2009), Building classifiers with independency constraints.
    .. [2] Agarwal et al. (2018), A reductions approach to fair classification, definition 1.

    Examples
    --------
    >>> metric = demographic_parity([1, 1, 0, 1, 0, 0], ["a", "a", "a", "b", "b", "b"])
    >>> round(metric.value, 3), metric.highest, metric.status.value
    (0.333, 'a', 'unknown')
    """
    return evaluate("demographic-parity", ("pred",), (y_pred, None, sensitive), options)


def disparate_impact(
    y_pred: Any,
    sensitive: Any = None,
    **options: Unpack[Options],
) -> Metric:
    """Smallest selection rate over the largest: min P(D=1|A=a) / max P(D=1|A=a), the impact ratio.

    Parameters are those of `demographic_parity`; `limit` is a floor.

    Returns
    -------
    Metric
        ``value`` in [0, 1]; 1 means equal rates. None if no one was selected in any group.

    References
    ----------
    .. [1] Uniform Guidelines on Employee Selection Procedures, 29 CFR 1607.4(D), the four-fifths rule of thumb.
    .. [2] Feldman et al. (2015), Certifying and removing disparate impact, section 1.

    Examples
    --------
    >>> disparate_impact([1, 1, 0, 1, 0, 0], ["a", "a", "a", "b", "b", "b"]).value
    0.5
    """
    return evaluate("disparate-impact", ("pred",), (y_pred, None, sensitive), options)


def equal_opportunity(
    y_true: Any,
    y_pred: Any = None,
    sensitive: Any = None,
    **options: Unpack[Options],
) -> Metric:
    """Largest difference of true positive rates: of those who deserve it, who gets it.

    max P(D=1|Y=1,A=a) - min P(D=1|Y=1,A=a).

    Parameters
    ----------
    y_true : array-like of shape (n,), Counts or Outcomes
        True labels; or counts.
    y_pred : array-like of shape (n,)
        Hard predictions.
    sensitive : array-like of shape (n,), mapping or frame
        Group of each row; several columns are crossed.
    **options
        See `Options`.

    Returns
    -------
    Metric
        ``value`` in [0, 1]; 0 means parity. None if fewer than two groups have a value.

    References
    ----------
    .. [1] Hardt, Price and Srebro (2016), Equality of opportunity in supervised learning, definition 2.2.

    Examples
    --------
    >>> group = ["a"] * 4 + ["b"] * 4
    >>> equal_opportunity([1, 1, 0, 0] * 2, [1, 1, 1, 0, 1, 0, 0, 0], group).value
    0.5
    """
    return evaluate("equal-opportunity", ("true", "pred"), (y_true, y_pred, sensitive), options)


def equalized_odds(
    y_true: Any,
    y_pred: Any = None,
    sensitive: Any = None,
    **options: Unpack[Options],
) -> Metric:
    """Larger of the differences of true positive and of false positive rates.

    The largest of max - min P(D=1|Y=1,A=a) and max - min P(D=1|Y=0,A=a); zero when decision and group are
    independent given the label.

    Parameters
    ----------
    y_true : array-like of shape (n,), Counts or Outcomes
        True labels; or counts.
    y_pred : array-like of shape (n,)
        Hard predictions.
    sensitive : array-like of shape (n,), mapping or frame
        Group of each row; several columns are crossed.
    **options
        See `Options`.

    Returns
    -------
    Metric
        ``value`` in [0, 1]; 0 means parity. None if fewer than two groups have a value.

    References
    ----------
    .. [1] Hardt, Price and Srebro (2016), definition 2.1.

    Examples
    --------
    >>> group = ["a"] * 4 + ["b"] * 4
    >>> equalized_odds([1, 1, 0, 0] * 2, [1, 1, 1, 0, 1, 0, 0, 0], group).value
    0.5
    """
    return evaluate("equalized-odds", ("true", "pred"), (y_true, y_pred, sensitive), options)


def false_positive_rate_parity(
    y_true: Any,
    y_pred: Any = None,
    sensitive: Any = None,
    **options: Unpack[Options],
) -> Metric:
    """Largest difference of false positive rates (predictive equality).

    max P(D=1|Y=0,A=a) - min P(D=1|Y=0,A=a).

    Parameters
    ----------
    y_true : array-like of shape (n,), Counts or Outcomes
        True labels; or counts.
    y_pred : array-like of shape (n,)
        Hard predictions.
    sensitive : array-like of shape (n,), mapping or frame
        Group of each row; several columns are crossed.
    **options
        See `Options`.

    Returns
    -------
    Metric
        ``value`` in [0, 1]; 0 means parity. None if fewer than two groups have a value.

    References
    ----------
    .. [1] Corbett-Davies et al. (2017), Algorithmic decision making and the cost of fairness, section 2.2.

    Examples
    --------
    >>> group = ["a"] * 4 + ["b"] * 4
    >>> false_positive_rate_parity([1, 1, 0, 0] * 2, [1, 1, 1, 0, 1, 0, 0, 0], group).value
    0.5
    """
    return evaluate("false-positive-rate-parity", ("true", "pred"), (y_true, y_pred, sensitive), options)


def false_negative_rate_parity(
    y_true: Any,
    y_pred: Any = None,
    sensitive: Any = None,
    **options: Unpack[Options],
) -> Metric:
    """Largest difference of false negative rates.

    max P(D=0|Y=1,A=a) - min P(D=0|Y=1,A=a).

    Parameters
    ----------
    y_true : array-like of shape (n,), Counts or Outcomes
        True labels; or counts.
    y_pred : array-like of shape (n,)
        Hard predictions.
    sensitive : array-like of shape (n,), mapping or frame
        Group of each row; several columns are crossed.
    **options
        See `Options`.

    Returns
    -------
    Metric
        ``value`` in [0, 1]; 0 means parity. None if fewer than two groups have a value.

    References
    ----------
    .. [1] Chouldechova (2017), Fair prediction with disparate impact, section 2.

    Examples
    --------
    >>> group = ["a"] * 4 + ["b"] * 4
    >>> false_negative_rate_parity([1, 1, 0, 0] * 2, [1, 1, 1, 0, 1, 0, 0, 0], group).value
    0.5
    """
    return evaluate("false-negative-rate-parity", ("true", "pred"), (y_true, y_pred, sensitive), options)


def predictive_parity(
    y_true: Any,
    y_pred: Any = None,
    sensitive: Any = None,
    **options: Unpack[Options],
) -> Metric:
    """Largest difference of positive predictive values: of those selected, who was right to be.

    max P(Y=1|D=1,A=a) - min P(Y=1|D=1,A=a).

    Parameters
    ----------
    y_true : array-like of shape (n,), Counts or Outcomes
        True labels; or counts.
    y_pred : array-like of shape (n,)
        Hard predictions.
    sensitive : array-like of shape (n,), mapping or frame
        Group of each row; several columns are crossed.
    **options
        See `Options`.

    Returns
    -------
    Metric
        ``value`` in [0, 1]; 0 means parity. None if fewer than two groups have a value.

    References
    ----------
    .. [1] Chouldechova (2017), definition 2.

    Examples
    --------
    >>> group = ["a"] * 4 + ["b"] * 4
    >>> predictive_parity([1, 1, 0, 0] * 2, [1, 1, 1, 0, 1, 0, 0, 0], group).value
    0.33333333333333337
    """
    return evaluate("predictive-parity", ("true", "pred"), (y_true, y_pred, sensitive), options)


def accuracy_parity(
    y_true: Any,
    y_pred: Any = None,
    sensitive: Any = None,
    **options: Unpack[Options],
) -> Metric:
    """Largest difference of accuracy (overall accuracy equality).

    max P(D=Y|A=a) - min P(D=Y|A=a).

    Parameters
    ----------
    y_true : array-like of shape (n,), Counts or Outcomes
        True labels; or counts.
    y_pred : array-like of shape (n,)
        Hard predictions.
    sensitive : array-like of shape (n,), mapping or frame
        Group of each row; several columns are crossed.
    **options
        See `Options`.

    Returns
    -------
    Metric
        ``value`` in [0, 1]; 0 means parity. None if fewer than two groups have a value.

    References
    ----------
    .. [1] Berk et al. (2021), Fairness in criminal justice risk assessments, section 3.

    Examples
    --------
    >>> group = ["a"] * 4 + ["b"] * 4
    >>> accuracy_parity([1, 1, 0, 0] * 2, [1, 1, 1, 0, 1, 0, 0, 0], group).value
    0.0
    """
    return evaluate("accuracy-parity", ("true", "pred"), (y_true, y_pred, sensitive), options)


def balanced_accuracy_parity(
    y_true: Any,
    y_pred: Any = None,
    sensitive: Any = None,
    **options: Unpack[Options],
) -> Metric:
    """Largest difference of balanced accuracy, the mean of true positive and true negative rate.

    max - min of (P(D=1|Y=1,A=a) + P(D=0|Y=0,A=a)) / 2.

    Parameters
    ----------
    y_true : array-like of shape (n,), Counts or Outcomes
        True labels; or counts.
    y_pred : array-like of shape (n,)
        Hard predictions.
    sensitive : array-like of shape (n,), mapping or frame
        Group of each row; several columns are crossed.
    **options
        See `Options`.

    Returns
    -------
    Metric
        ``value`` in [0, 1]; 0 means parity. None if fewer than two groups have a value.

    References
    ----------
    .. [1] Brodersen et al. (2010), The balanced accuracy and its posterior distribution.

    Examples
    --------
    >>> group = ["a"] * 4 + ["b"] * 4
    >>> balanced_accuracy_parity([1, 1, 0, 0] * 2, [1, 1, 1, 0, 1, 0, 0, 0], group).value
    0.0
    """
    return evaluate("balanced-accuracy-parity", ("true", "pred"), (y_true, y_pred, sensitive), options)


def treatment_equality(
    y_true: Any,
    y_pred: Any = None,
    sensitive: Any = None,
    **options: Unpack[Options],
) -> Metric:
    """Smallest over largest ratio of false negatives to false positives.

    min FN/FP over max FN/FP; a group without false positives has no such ratio and takes no part.

    Parameters
    ----------
    y_true : array-like of shape (n,), Counts or Outcomes
        True labels; or counts.
    y_pred : array-like of shape (n,)
        Hard predictions.
    sensitive : array-like of shape (n,), mapping or frame
        Group of each row; several columns are crossed.
    **options
        See `Options`.

    Returns
    -------
    Metric
        ``value`` in [0, 1]; 1 means the errors fall the same way. None if fewer than two groups have a value.

    References
    ----------
    .. [1] Berk et al. (2021), section 3.

    Examples
    --------
    >>> group = ["a"] * 4 + ["b"] * 4
    >>> treatment_equality([1, 1, 0, 0] * 2, [1, 0, 1, 0, 0, 0, 1, 0], group).value
    0.5
    """
    return evaluate("treatment-equality", ("true", "pred"), (y_true, y_pred, sensitive), options)


def generalised_entropy(
    y_true: Any,
    y_pred: Any = None,
    sensitive: Any = None,
    **options: Unpack[Options],
) -> Metric:
    """Largest difference of the generalised entropy (alpha 2) of benefits between groups.

    Within a group, how unequally the benefit D - Y + 1 falls: mean of ((b/m)^2 - 1) / 2, m the mean benefit.

    Parameters
    ----------
    y_true : array-like of shape (n,), Counts or Outcomes
        True labels; or counts.
    y_pred : array-like of shape (n,)
        Hard predictions.
    sensitive : array-like of shape (n,), mapping or frame
        Group of each row; several columns are crossed.
    **options
        See `Options`.

    Returns
    -------
    Metric
        ``value`` from 0; 0 means equally unequal. ``by_group`` has each group's index.

    References
    ----------
    .. [1] Speicher et al. (2018), A unified approach to quantifying algorithmic unfairness, eq. 2.

    Examples
    --------
    >>> group = ["a"] * 4 + ["b"] * 4
    >>> round(generalised_entropy([1, 1, 0, 0] * 2, [1, 1, 1, 0, 1, 0, 0, 0], group).value, 4)
    0.1067
    """
    return evaluate("generalised-entropy", ("true", "pred"), (y_true, y_pred, sensitive), options)


def calibration(
    y_true: Any,
    y_score: Any = None,
    sensitive: Any = None,
    **options: Unpack[Options],
) -> Metric:
    """Largest calibration error of any group: do scores mean the same for everyone.

    Per group, the mean over ten score bins of |P(Y=1|bin,A=a) - mean score|, weighted by rows; the check is on the
    worst group, since a model can be equally ill calibrated for all.

    Parameters
    ----------
    y_true : array-like of shape (n,), Counts or Outcomes
        True labels; or counts.
    y_score : array-like of shape (n,)
        Scores in [0, 1].
    sensitive : array-like of shape (n,), mapping or frame
        Group of each row; several columns are crossed.
    **options
        See `Options`.

    Returns
    -------
    Metric
        ``value`` in [0, 1]; 0 means every group's scores are right on average in every bin.

    References
    ----------
    .. [1] Kleinberg, Mullainathan and Raghavan (2017), Inherent trade-offs, condition A (calibration within groups).

    Examples
    --------
    >>> group = ["a"] * 4 + ["b"] * 4
    >>> round(calibration([1, 1, 0, 0] * 2, [0.9, 0.8, 0.3, 0.1, 0.9, 0.2, 0.3, 0.1], group).value, 3)
    0.325
    """
    return evaluate("calibration", ("true", "score"), (y_true, y_score, sensitive), options)


def auc_parity(
    y_true: Any,
    y_score: Any = None,
    sensitive: Any = None,
    **options: Unpack[Options],
) -> Metric:
    """Largest difference of the area under the ROC curve between groups.

    max - min of P(S of a random Y=1 > S of a random Y=0 | A=a), ties half; scores count in 1,000 bins.

    Parameters
    ----------
    y_true : array-like of shape (n,), Counts or Outcomes
        True labels; or counts.
    y_score : array-like of shape (n,)
        Scores in [0, 1].
    sensitive : array-like of shape (n,), mapping or frame
        Group of each row; several columns are crossed.
    **options
        See `Options`.

    Returns
    -------
    Metric
        ``value`` in [0, 1]; 0 means parity. None if fewer than two groups have a value.

    References
    ----------
    .. [1] Kallus and Zhou (2019), The fairness of risk scores beyond classification, section 3.

    Examples
    --------
    >>> group = ["a"] * 4 + ["b"] * 4
    >>> auc_parity([1, 1, 0, 0] * 2, [0.9, 0.8, 0.3, 0.1, 0.9, 0.2, 0.3, 0.1], group).value
    0.25
    """
    return evaluate("auc-parity", ("true", "score"), (y_true, y_score, sensitive), options)


def theil_index(
    y_true: Any,
    y_pred: Any = None,
    sensitive: Any = None,
    **options: Unpack[Options],
) -> Metric:
    """Largest difference of Theil's index of benefits between groups: generalised entropy with alpha 1.

    Parameters and result are those of `generalised_entropy`.

    References
    ----------
    .. [1] Speicher et al. (2018), section 2.2.

    Examples
    --------
    >>> group = ["a"] * 4 + ["b"] * 4
    >>> round(theil_index([1, 1, 0, 0] * 2, [1, 1, 1, 0, 1, 0, 0, 0], group).by_group["b"].value, 4)
    0.2877
    """
    return evaluate("theil-index", ("true", "pred"), (y_true, y_pred, sensitive), options)
