"""Scores of a model, and the interval of what one model loses against another on the same rows.

For every metric the loss is positive where the second model is worse. Accuracies are differences of paired proportions,
with Bonett and Price's interval, which does not collapse where the models agree on every row. The others are smooth
functions of means, and the interval is Student's on the differences of their influence values: for the area under the
ROC curve that is DeLong's.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from aequo.core.counts import Floats, Ints
from aequo.core.intervals import t_quantile
from aequo.core.quantiles import normal_quantile
from aequo.errors import InputError, did_you_mean

__all__ = ["METRICS", "Metric", "MetricName", "Output", "Paired", "metric_of"]

MetricName = Literal["accuracy", "balanced_accuracy", "auc", "log_loss", "r2", "mae"]

Interval = tuple[float, float]
Truths = NDArray[np.bool_]

_LEAST_PROBABILITY = 1e-15


@dataclass(frozen=True, slots=True, eq=False)
class Output:
    """What a model says of some rows.

    Attributes
    ----------
    labels : int array
        Predicted class of each row; empty where no metric needs it, as the others.
    scores : float array, shape (rows, classes)
        Probability, or another score, of each class.
    values : float array
        Predicted number of each row, in a regression.
    """

    labels: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    scores: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    values: Floats = field(default_factory=lambda: np.zeros(0))


@dataclass(frozen=True, slots=True)
class Paired:
    """What is lost from one model to another, with the interval at some confidence."""

    loss: float
    interval: Interval


@dataclass(frozen=True, slots=True, eq=False)
class Metric:
    """A score, and how it is compared.

    Attributes
    ----------
    name : str
        Such as ``"accuracy"``.
    needs : {"labels", "scores", "probabilities", "values"}
        What it is computed from.
    higher : bool
        Whether more is better.
    score : callable
        Score of an output on rows with these true classes or numbers.
    paired : callable
        ``(truth, whole, part, confidence)`` to `Paired`.
    """

    name: MetricName
    needs: Literal["labels", "scores", "probabilities", "values"]
    higher: bool
    score: Callable[[Floats, Output], float]
    paired: Callable[[Floats, Output, Output, float], Paired]

    @property
    def regression(self) -> bool:
        """Whether it is for numbers and not for classes."""
        return self.needs == "values"

    def loss(self, whole: Floats, part: Floats) -> Floats:
        """Return what is lost from scores to scores."""
        return whole - part if self.higher else part - whole


def metric_of(name: str | None, *, regression: bool) -> Metric:
    """Return a metric by its name, or the usual one: accuracy, or R2 in a regression.

    Raises
    ------
    InputError
        If there is none, or it is for the other kind of target.
    """
    known = [n for n in get_args(MetricName) if METRICS[n].regression == regression]
    if name is None:
        return METRICS["r2" if regression else "accuracy"]
    if name not in known:
        kind = "numbers" if regression else "classes"
        listed = ", ".join(map(repr, known))
        raise InputError(f"the metric is {name!r}, expected one for {kind}: {listed}.{did_you_mean(name, known)}")
    return METRICS[name]


# -- classes ----------------------------------------------------------------------------------------------------------


def _accuracy(truth: Floats, out: Output) -> float:
    return float((out.labels == truth).mean())


def _discordant(whole: Truths, part: Truths) -> tuple[float, float, float]:
    """Return the difference of two paired proportions, and Bonett and Price's centre and variance of it.

    References
    ----------
    D. G. Bonett, R. M. Price (2012), "Adjusted Wald confidence interval for a difference of binomial proportions based
    on paired data", Journal of Educational and Behavioral Statistics 37.
    """
    n = len(whole)
    lost, won = float((whole & ~part).sum()), float((part & ~whole).sum())
    a, b = (lost + 1) / (n + 2), (won + 1) / (n + 2)
    return (lost - won) / n, a - b, (a + b - (a - b) ** 2) / (n + 2)


def _paired_accuracy(truth: Floats, whole: Output, part: Output, confidence: float) -> Paired:
    loss, centre, variance = _discordant(whole.labels == truth, part.labels == truth)
    return _around(loss, centre, math.sqrt(variance), normal_quantile((1 + confidence) / 2))


def _balanced(truth: Floats, out: Output) -> float:
    return float(np.mean([(out.labels[truth == c] == c).mean() for c in np.unique(truth)]))


def _paired_balanced(truth: Floats, whole: Output, part: Output, confidence: float) -> Paired:
    found = [
        _discordant(whole.labels[rows] == c, part.labels[rows] == c) for c in np.unique(truth) for rows in (truth == c,)
    ]
    loss, centre, variance = np.mean(found, axis=0)
    return _around(loss, centre, math.sqrt(variance / len(found)), normal_quantile((1 + confidence) / 2))


def _around(loss: float, centre: float, spread: float, reach: float) -> Paired:
    return Paired(float(loss), (float(centre - reach * spread), float(centre + reach * spread)))


def _areas(truth: Floats, out: Output) -> tuple[float, Floats]:
    """Return the area under the ROC curve, and the influence of each row; over classes against the rest, their mean."""
    scores = out.scores
    present = [c for c in range(scores.shape[1]) if 0 < (truth == c).sum() < len(truth)]
    if scores.shape[1] == 2:
        present = present[-1:]
    area, influence = 0.0, np.zeros(len(truth))
    for c in present:
        positive = truth == c
        own, rest = scores[positive, c], scores[~positive, c]
        m, n = len(own), len(rest)
        above = _share_below(rest, own)
        below = 1 - _share_below(own, rest)
        one = float(above.mean())
        area += one / len(present)
        influence[positive] += (above - one) * len(truth) / m / len(present)
        influence[~positive] += (below - one) * len(truth) / n / len(present)
    return (area if present else math.nan), influence


def _share_below(of: Floats, at: Floats) -> Floats:
    """Return the share of some values that is below each of others; ties count half."""
    order = np.sort(of)
    return (np.searchsorted(order, at, "left") + np.searchsorted(order, at, "right")) / (2 * len(order))


def _log_losses(truth: Floats, out: Output) -> Floats:
    chance = np.clip(out.scores[np.arange(len(truth)), truth.astype(np.int64)], _LEAST_PROBABILITY, 1.0)
    return -np.log(chance)


# -- numbers ----------------------------------------------------------------------------------------------------------


def _explained(truth: Floats, out: Output) -> tuple[float, Floats]:
    """Return R2, and the influence of each row on it (a ratio of two means, linearised)."""
    squared = (truth - out.values) ** 2
    spread = (truth - truth.mean()) ** 2
    scale = float(spread.mean())
    if scale == 0:
        return math.nan, np.zeros(len(truth))
    ratio = float(squared.mean()) / scale
    return 1 - ratio, -(squared - ratio * spread) / scale


def _errors(truth: Floats, out: Output) -> Floats:
    return np.abs(truth - out.values)


# -- any of them ------------------------------------------------------------------------------------------------------


def _student(loss: float, parts: Floats, confidence: float) -> Paired:
    n = len(parts)
    spread = math.sqrt(float(parts.var(ddof=1)) / n) if n > 1 else math.inf
    return _around(loss, loss, spread, t_quantile((1 + confidence) / 2, max(n - 1, 1)))


Influence = Callable[[Floats, Output], tuple[float, Floats]]


def _smooth(influence: Influence) -> Callable[[Floats, Output, Output, float], Paired]:
    def paired(truth: Floats, whole: Output, part: Output, confidence: float) -> Paired:
        (a, of_a), (b, of_b) = influence(truth, whole), influence(truth, part)
        return _student(a - b, of_a - of_b, confidence)

    return paired


def _mean(each: Callable[[Floats, Output], Floats]) -> Callable[[Floats, Output, Output, float], Paired]:
    def paired(truth: Floats, whole: Output, part: Output, confidence: float) -> Paired:
        more = each(truth, part) - each(truth, whole)
        return _student(float(more.mean()), more, confidence)

    return paired


METRICS: dict[str, Metric] = {
    "accuracy": Metric("accuracy", "labels", True, _accuracy, _paired_accuracy),
    "balanced_accuracy": Metric("balanced_accuracy", "labels", True, _balanced, _paired_balanced),
    "auc": Metric("auc", "scores", True, lambda y, out: _areas(y, out)[0], _smooth(_areas)),
    "log_loss": Metric(
        "log_loss", "probabilities", False, lambda y, out: float(_log_losses(y, out).mean()), _mean(_log_losses)
    ),
    "r2": Metric("r2", "values", True, lambda y, out: _explained(y, out)[0], _smooth(_explained)),
    "mae": Metric("mae", "values", False, lambda y, out: float(_errors(y, out).mean()), _mean(_errors)),
}
"""The scores that a loss can be measured in."""
