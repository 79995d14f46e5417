"""A fairness metric in one plain sentence, with the numbers that a person needs to believe it."""

from __future__ import annotations

import numpy as np

from aequo.core.finding import Status
from aequo.fairness.data_check import called, listing, number, percent
from aequo.fairness.measures import Measured
from aequo.fairness.metric import Metric

__all__ = ["sentence"]

_TITLES = {
    "selection_rate": "The share with the favourable outcome",
    "base_rate": "The share with the favourable label",
    "true_positive_rate": "The true positive rate",
    "false_positive_rate": "The false positive rate",
    "false_negative_rate": "The false negative rate",
    "true_negative_rate": "The true negative rate",
    "positive_predictive_value": "The share of the selected who were right to be selected",
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "error_ratio": "The ratio of false negatives to false positives",
    "generalised_entropy": "Inequality of benefit (generalised entropy)",
    "theil_index": "Inequality of benefit (Theil)",
    "calibration_error": "The calibration error",
    "auc": "The area under the ROC curve",
    "mean_label": "The mean outcome",
    "mean_prediction": "The mean prediction",
    "mean_residual": "The mean residual",
    "mean_absolute_error": "The mean absolute error",
}
_NOT_SHARES = ("error_ratio", "generalised_entropy", "theil_index", "auc", "mean_")


def sentence(metric: Metric, status: Status, interval: tuple[float, float] | None) -> str:
    """Return what the metric says, in one or two sentences.

    Parameters
    ----------
    metric : Metric
        The comparison.
    status : Status
        What was decided; WARN reads as FAIL.
    interval : tuple of float or None
        The interval shown beside it.
    """
    decisive = metric.decisive
    known = 0 if decisive is None else int((~np.isnan(decisive.values)).sum())
    if decisive is None or metric.value is None or (known < 2 and metric.how != "largest"):
        return f"Not judged: {_why_not(metric)}."
    share = not decisive.name.startswith(_NOT_SHARES)
    text = _range(metric, decisive, share)
    if interval is not None:
        low, high = (_amount(end, metric, share) for end in interval)
        text += f" (interval {low.partition(' ')[0]} to {high})"
    limit = _amount(metric.limit, metric, share)
    beyond = "below" if metric.how == "ratio" else "beyond"
    words = {
        Status.PASS: f"{'no less than' if metric.how == 'ratio' else 'within'} the limit of {limit}",
        Status.FAIL: f"{beyond} the limit of {limit}",
        Status.WARN: f"{beyond} the limit of {limit}",
        Status.UNKNOWN: f"and the data cannot tell on which side of the limit of {limit} it is",
    }
    if status is Status.UNKNOWN and metric.unjudged and metric.status is Status.UNKNOWN:
        words[status] = f"against a limit of {limit}"
    text += f", {words[status]}."
    out = [called(metric.measured[0].groups.subject, g) for g in metric.left_out if g not in _unnamed(metric)]
    if out:
        text += f" Too few rows to take part: {listing(out)}."
    return text + (" Without them it cannot pass." if metric.unjudged and status is Status.UNKNOWN else "")


def _unnamed(metric: Metric) -> set[str]:
    groups = metric.measured[0].groups
    return {label for label, missing in zip(groups.labels, groups.missing, strict=True) if missing}


def _why_not(metric: Metric) -> str:
    named = ~metric.measured[0].groups.missing
    if int(named.sum()) < 2:
        return f"{metric.subject} names fewer than two groups"
    undefined = [m for m in metric.measured if np.isnan(m.values[named]).sum() > named.sum() - 2]
    if undefined:
        return f"in all groups but at most one, {undefined[0].undefined}"
    if metric.how == "ratio" and not any(np.nanmax(m.values[named]) > 0 for m in metric.measured):
        return "no one has the favourable outcome in any group"
    return "fewer than two groups have enough rows behind the number"


def _range(metric: Metric, decisive: Measured, share: bool) -> str:
    title = _title(metric, decisive.name)
    show = percent if share else number
    low, high = float(np.nanmin(decisive.values)), float(np.nanmax(decisive.values))
    value = _amount(metric.value or 0.0, metric, share)
    subject = decisive.groups.subject
    lowest, highest = (called(subject, name or "") for name in (metric.lowest, metric.highest))
    if metric.how == "largest":
        return f"{title} is largest for {highest}: {value}"
    kind = "ratio" if metric.how == "ratio" else "difference"
    if low == high:
        return f"{title} is {show(low)} in every group: a {kind} of {value}"
    ends = f"{title} runs from {show(low)} ({lowest}) to {show(high)} ({highest})"
    return f"{ends}: a {kind} of {value}"


def _title(metric: Metric, name: str) -> str:
    """Return the measure in words, with the class or the stratum that it is about."""
    measure, _, part = name.partition("[")
    part = part.removesuffix("]")
    if part and metric.name == "conditional-parity":
        column, _, value = part.partition("=")
        return f"{_TITLES[measure]}, where {column} is {value},"
    if part and measure == "selection_rate":
        return f"The share with the outcome {part}"
    return _TITLES.get(measure, measure.replace("_", " ").capitalize()) + (f" of {part}" if part else "")


def _amount(value: float, metric: Metric, share: bool) -> str:
    if metric.how == "ratio":
        return number(value)
    if metric.measured[0].name.startswith("mean_"):
        return f"{number(value)} standard deviations"
    if not share:
        return number(value)
    return percent(value) if metric.how == "largest" else f"{percent(value)[:-1]} points"
