"""Per-group measures: rates, scores and errors, each with the rows behind it and an interval at any confidence.

A measure is arithmetic on `Outcomes`, the counts of label by prediction in each group. Undefined is undefined: a group
without favourable labels has no true positive rate, and its value is NaN, never 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aequo.core.counts import SCORE_BINS, Counts, Floats, Groups, Ints
from aequo.core.favourable import favourable_codes, listed, resolve_favourable, speak_alike
from aequo.core.intervals import GroupInterval, mean_interval, wilson
from aequo.errors import InputError

__all__ = [
    "MEASURES",
    "Measured",
    "Outcomes",
    "accuracy",
    "area_under_curve",
    "balanced_accuracy",
    "binning_error",
    "calibration_error",
    "entropy_index",
    "error_ratio",
    "listed",
    "measure",
    "rate",
    "regression_mean",
    "resolve_favourable",
]

CALIBRATION_BINS = 10


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """One measure for every group of one subject.

    Attributes
    ----------
    name : str
        Such as ``"true_positive_rate"``.
    groups : Groups
        The groups, in order.
    values : float array, shape (K,)
        Estimates; NaN where undefined.
    n : int array, shape (K,)
        Rows behind each estimate.
    interval : callable
        Maps a normal critical value to the low and high end for each group.
    undefined : str
        Why a value is missing, to finish the sentence "no value: ...".
    """

    name: str
    groups: Groups
    values: Floats
    n: Ints
    interval: GroupInterval
    undefined: str

    def keep(self, mask: np.ndarray[Any, np.dtype[np.bool_]]) -> Measured:
        """Return the measure with the groups outside `mask` made undefined, so that no comparison uses them."""
        if mask.all():
            return self
        hide = np.where(mask, 0.0, np.nan)

        def interval(z: float) -> tuple[Floats, Floats]:
            low, high = self.interval(z)
            return low + hide, high + hide

        return Measured(self.name, self.groups, self.values + hide, self.n, interval, self.undefined)


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """Counts of label by prediction in each group, for one favourable value.

    Attributes
    ----------
    groups : Groups
        The groups, in order.
    n, w, w2 : array, shape (K, 3, 3)
        Rows, summed weights and summed squared weights by group, label and prediction; the last two axes are
        (not favourable, favourable, missing).
    counts : Counts
        What they were made from.
    favourable : str
        The favourable value.
    """

    groups: Groups
    n: Ints
    w: Floats
    w2: Floats
    counts: Counts
    favourable: str

    @classmethod
    def of(cls, counts: Counts, by: Sequence[str] | str | None = None, *, favourable: Any = None) -> Outcomes:
        """Tabulate label by prediction for each group.

        Parameters
        ----------
        counts : Counts
            Counts with a label, a prediction or both. Where there is a label and no prediction, the label is the
            decision itself.
        by : str or sequence of str, optional
            Group columns to cross; all by default.
        favourable : Any, optional
            Value of the favourable outcome; 1 or True by default, if it occurs.

        Raises
        ------
        InputError
            If it cannot be told which value is favourable.
        """
        groups = counts.groups(by)
        label, prediction = counts.role("label"), counts.role("prediction")
        best = resolve_favourable(counts, favourable)
        speak_alike(counts)
        y = favourable_codes(counts, counts.role("label"), best)
        p = favourable_codes(counts, counts.role("prediction"), best)
        if prediction is None:  # decisions without a model
            y, p = np.full(len(counts.n), 2), y
        elif label is None:
            y = np.full(len(counts.n), 2)
        flat = (groups.codes * 3 + y) * 3 + p
        size = len(groups) * 9
        shape = (len(groups), 3, 3)

        def total(values: Floats) -> Floats:
            return np.asarray(np.bincount(flat, values, minlength=size), dtype=np.float64).reshape(shape)

        n = total(counts.n.astype(np.float64))
        w = n if counts.w is None else total(counts.w)
        w2 = n if counts.w2 is None else total(counts.w2)
        return cls(groups, n.astype(np.int64), w, w2, counts, best)


# -- rates ------------------------------------------------------------------------------------------------------------

Cells = tuple[tuple[int, int], ...]
_ANY = (0, 1, 2)
_KNOWN = ((0, 0), (0, 1), (1, 0), (1, 1))
MEASURES: Mapping[str, tuple[Cells, Cells, str]] = {
    "selection_rate": (
        tuple((y, 1) for y in _ANY),
        tuple((y, p) for y in _ANY for p in (0, 1)),
        "no decision is known",
    ),
    "base_rate": (
        tuple((1, p) for p in _ANY),
        tuple((y, p) for y in (0, 1) for p in _ANY),
        "no label is known",
    ),
    "true_positive_rate": (((1, 1),), ((1, 0), (1, 1)), "no row has the favourable label"),
    "false_negative_rate": (((1, 0),), ((1, 0), (1, 1)), "no row has the favourable label"),
    "false_positive_rate": (((0, 1),), ((0, 0), (0, 1)), "no row has the unfavourable label"),
    "true_negative_rate": (((0, 0),), ((0, 0), (0, 1)), "no row has the unfavourable label"),
    "positive_predictive_value": (((1, 1),), ((0, 1), (1, 1)), "no row was selected"),
    "false_omission_rate": (((1, 0),), ((0, 0), (1, 0)), "every row was selected"),
    "accuracy": (((0, 0), (1, 1)), _KNOWN, "no row has both a label and a prediction"),
}
"""Rates: the cells (label, prediction) counted, the cells they are a share of, and why there may be none."""


def _masks() -> dict[str, tuple[Floats, Floats]]:
    masks = {}
    for name, (top, bottom, _) in MEASURES.items():
        pair = np.zeros((2, 9))
        for row, cells in enumerate((top, bottom)):
            for y, p in cells:
                pair[row, 3 * y + p] = 1.0
        masks[name] = (pair[0], pair[1])
    return masks


_MASKS = _masks()


def rate(outcomes: Outcomes, name: str) -> Measured:
    """Return one of `MEASURES`, a share of rows, for each group, with Wilson intervals.

    Weighted rows count by their weight; the interval uses Kish's effective number of rows, (sum w)^2 / sum w^2.

    Examples
    --------
    >>> from aequo.core.table import Table
    >>> counts = Table.of({"g": list("aabb"), "y": [1, 0, 0, 0]}).counts(group=["g"], label="y")
    >>> rate(Outcomes.of(counts), "selection_rate").values.tolist()
    [0.5, 0.0]
    """
    top, bottom = _MASKS[name]
    k = len(outcomes.groups)
    flat = outcomes.w.reshape(k, 9)
    num, den = flat @ top, flat @ bottom
    n = outcomes.n.reshape(k, 9) @ bottom.astype(np.int64)
    if outcomes.w2 is outcomes.w:
        trials = den
    else:
        squares = outcomes.w2.reshape(k, 9) @ bottom
        trials = np.divide(den * den, squares, out=np.zeros(k), where=squares > 0)
    values = np.divide(num, den, out=np.full(k, np.nan), where=den > 0)
    successes = np.where(den > 0, values * trials, 0.0)

    def interval(z: float) -> tuple[Floats, Floats]:
        return wilson(successes, trials, z)

    return Measured(name, outcomes.groups, values, n, interval, MEASURES[name][2])


def accuracy(outcomes: Outcomes) -> Measured:
    """Return the share of rows whose prediction equals the label."""
    return rate(outcomes, "accuracy")


def balanced_accuracy(outcomes: Outcomes) -> Measured:
    """Return the mean of true positive and true negative rate; undefined where one of them is.

    The interval combines the two Wilson intervals by the square-and-add rule (Zou and Donner 2008, Stat. Med. 27).
    """
    parts = [rate(outcomes, m) for m in ("true_positive_rate", "true_negative_rate")]
    values = (parts[0].values + parts[1].values) / 2

    def interval(z: float) -> tuple[Floats, Floats]:
        bounds = [p.interval(z) for p in parts]
        below = sum((p.values - low) ** 2 for p, (low, _) in zip(parts, bounds, strict=True))
        above = sum((high - p.values) ** 2 for p, (_, high) in zip(parts, bounds, strict=True))
        return values - np.sqrt(below) / 2, values + np.sqrt(above) / 2

    undefined = "a true positive and a true negative rate need both labels"
    return Measured("balanced_accuracy", outcomes.groups, values, parts[0].n + parts[1].n, interval, undefined)


def error_ratio(outcomes: Outcomes) -> Measured:
    """Return false negatives over false positives (treatment equality, Berk et al. 2021, section 2).

    Given the number of errors, false negatives are binomial: the interval is Wilson's for their share among errors,
    turned into odds. Undefined where a group has no false positive.
    """
    fn, fp = outcomes.w[:, 1, 0], outcomes.w[:, 0, 1]
    squares = outcomes.w2[:, 1, 0] + outcomes.w2[:, 0, 1]
    total = fn + fp
    trials = np.divide(total * total, squares, out=np.zeros(len(total)), where=squares > 0)
    share = np.divide(fn, total, out=np.zeros(len(total)), where=total > 0)
    values = np.divide(fn, fp, out=np.full(len(fn), np.nan), where=fp > 0)
    hide = np.where(np.isnan(values), np.nan, 0.0)

    def interval(z: float) -> tuple[Floats, Floats]:
        low, high = wilson(share * trials, trials, z)
        with np.errstate(divide="ignore", invalid="ignore"):
            return low / (1 - low) + hide, high / (1 - high) + hide

    n = outcomes.n[:, 1, 0] + outcomes.n[:, 0, 1]
    return Measured("error_ratio", outcomes.groups, values, n, interval, "no row was wrongly selected")


def entropy_index(outcomes: Outcomes, alpha: float = 2.0) -> Measured:
    """Return the generalised entropy of benefits within each group; `alpha` 1 is Theil's index.

    The benefit of a row is prediction - label + 1: 0 for a missed, 1 for a right and 2 for an undeserved favourable
    decision (Speicher et al. 2018, eq. 2). With mean benefit m it is the mean of ((b/m)^a - 1) / (a(a-1)), or of
    (b/m) log(b/m) for Theil. The interval is by the delta method, with half a row added to each kind of outcome in the
    variance so that a group without errors is not claimed to be free of them.
    """
    fn, fp = outcomes.w[:, 1, 0], outcomes.w[:, 0, 1]
    right = outcomes.w[:, 0, 0] + outcomes.w[:, 1, 1]
    weights = np.stack([fn, right, fp], axis=1)
    total = weights.sum(axis=1)
    squares = outcomes.w2[:, :2, :2].sum(axis=(1, 2))
    trials = np.divide(total * total, squares, out=np.zeros(len(total)), where=squares > 0)
    shares = np.divide(weights, total[:, None], out=np.full(weights.shape, np.nan), where=total[:, None] > 0)
    values, _ = _entropy(shares, alpha)
    smooth = (np.nan_to_num(shares) * trials[:, None] + 0.5) / (trials[:, None] + 1.5)
    _, gradient = _entropy(smooth, alpha)
    variance = (smooth * gradient**2).sum(axis=1) - (smooth * gradient).sum(axis=1) ** 2
    se = np.sqrt(np.divide(np.maximum(variance, 0), trials, out=np.full(len(trials), np.nan), where=trials > 0))

    def interval(z: float) -> tuple[Floats, Floats]:
        return np.maximum(values - z * se, 0.0), values + z * se

    name = "theil_index" if alpha == 1 else "generalised_entropy"
    n = outcomes.n[:, :2, :2].sum(axis=(1, 2))
    return Measured(name, outcomes.groups, values, n, interval, "no benefit was given")


def _entropy(shares: Floats, alpha: float) -> tuple[Floats, Floats]:
    """Index and its gradient by the shares of benefits 0, 1 and 2."""
    benefit = np.array([0.0, 1.0, 2.0])
    mean = shares @ benefit
    safe = np.where(mean > 0, mean, np.nan)
    if alpha == 1:
        logs = np.array([0.0, 0.0, 2.0 * np.log(2.0)])
        moment = shares @ logs
        index = moment / safe - np.log(safe)
        gradient = logs / safe[:, None] - np.outer(moment / safe**2 + 1 / safe, benefit)
        return index, gradient
    power = np.array([0.0, 1.0, 2.0**alpha])
    moment = shares @ power
    scale = 1 / (alpha * (alpha - 1))
    index = scale * (moment / safe**alpha - 1)
    gradient = scale * (power / safe[:, None] ** alpha - alpha * np.outer(moment / safe ** (alpha + 1), benefit))
    return index, gradient


# -- scores -----------------------------------------------------------------------------------------------------------


def _score_table(outcomes: Outcomes, what: str = "w") -> Floats:
    """Sum of weights (or of ``w2``, or of the score) by group, label (no, yes) and score bin, missing left out."""
    counts = outcomes.counts
    dim = counts.role("bin")
    if dim is None:
        raise InputError("scores are needed here; count with score=.")
    position = np.array([-1 if v is None else int(v) for v in dim.levels], dtype=np.int64)
    bins = position[counts.codes[:, counts.axis(dim.name)]]
    y = favourable_codes(counts, counts.role("label"), outcomes.favourable)
    keep = (bins >= 0) & (y < 2)
    values = {"w": counts.weights, "w2": counts.squares, "n": counts.n, "score": counts.sums.get("score")}[what]
    if values is None:
        raise InputError("these counts hold no sum of scores.")
    k = len(outcomes.groups)
    flat = (outcomes.groups.codes[keep] * 2 + y[keep]) * SCORE_BINS + bins[keep]
    table = np.bincount(flat, values[keep], minlength=k * 2 * SCORE_BINS)
    return np.asarray(table, dtype=np.float64).reshape(k, 2, SCORE_BINS)


def area_under_curve(outcomes: Outcomes) -> Measured:
    """Return the area under the ROC curve for each group, from the score histogram; ties count half.

    The interval is the union of two: one on the logit scale with the variance of DeLong, DeLong and Clarke-Pearson
    (1988), which fails where a class has few rows or the area is near 1, and Newcombe's score interval (2006, Stat.
    Med. 25, method 5), which holds there. Scores in one bin of width 1/1000
    count as tied; `binning_error` bounds what that can change.
    """
    table = _score_table(outcomes)
    rows = _score_table(outcomes, "n").sum(axis=2)
    w2 = _score_table(outcomes, "w2").sum(axis=2)
    total = table.sum(axis=2)
    negatives, positives = table[:, 0], table[:, 1]
    k = len(outcomes.groups)
    with np.errstate(divide="ignore", invalid="ignore"):
        effective = np.where(w2 > 0, total**2 / w2, 0.0)
        below = (np.cumsum(negatives, axis=1) - negatives / 2) / total[:, :1]  # share of negatives beaten, by bin
        above = 1 - (np.cumsum(positives, axis=1) - positives / 2) / total[:, 1:]
        values = (positives * below).sum(axis=1) / total[:, 1]
        spread = [
            (positives * (below - values[:, None]) ** 2).sum(axis=1) / total[:, 1],
            (negatives * (above - values[:, None]) ** 2).sum(axis=1) / total[:, 0],
        ]
        variance = spread[0] / np.maximum(effective[:, 1] - 1, 1) + spread[1] / np.maximum(effective[:, 0] - 1, 1)
    values = np.where((total > 0).all(axis=1), values, np.nan)
    inside = (values > 0) & (values < 1) & (variance > 0)
    safe = np.where(inside, values, 0.5)
    logit, se = np.log(safe / (1 - safe)), np.sqrt(np.where(inside, variance, 0.0)) / (safe * (1 - safe))

    def interval(z: float) -> tuple[Floats, Floats]:
        low, high = _newcombe(values, effective, z)
        return (
            np.where(inside, np.fmin(1 / (1 + np.exp(-(logit - z * se))), low), low),
            np.where(inside, np.fmax(1 / (1 + np.exp(-(logit + z * se))), high), high),
        )

    undefined = "both labels are needed to rank"
    return Measured("auc", outcomes.groups, values, rows.sum(axis=1).astype(np.int64).reshape(k), interval, undefined)


def _newcombe(area: Floats, rows: Floats, z: float) -> tuple[Floats, Floats]:
    """Return the ends that are z standard errors away, by the error of Hanley and McNeil at the end itself."""
    product = rows.prod(axis=1)
    half = np.maximum(rows.sum(axis=1) / 2 - 1, 0.0)

    def beyond(end: Floats) -> Floats:
        more = half * ((1 - end) / (2 - end) + end / (1 + end))
        with np.errstate(divide="ignore", invalid="ignore"):
            over: Floats = (area - end) ** 2 - z * z * end * (1 - end) / product * (1 + more)
        return over

    ends = []
    for edge in (0.0, 1.0):
        near, far = area, np.full(len(area), edge)
        for _ in range(50):
            middle = (near + far) / 2
            out = beyond(middle) > 0
            near, far = np.where(out, near, middle), np.where(out, middle, far)
        ends.append(far + 0 * area)
    return ends[0], ends[1]


def binning_error(outcomes: Outcomes) -> Floats:
    """Return for each group the most that counting scores in bins can move the area under the curve.

    Half the weight of the pairs, one of each label, that share a bin.
    """
    table = _score_table(outcomes)
    pairs = table.sum(axis=2).prod(axis=1)
    tied = (table[:, 0] * table[:, 1]).sum(axis=1)
    return np.asarray(np.divide(tied, 2 * pairs, out=np.full(len(pairs), np.nan), where=pairs > 0))


def calibration_error(outcomes: Outcomes) -> Measured:
    """Return the expected calibration error of each group: scores against the share that had the favourable label.

    The mean over ten equal score bins of the absolute difference between mean score and share of favourable labels,
    weighted by rows (Naeini, Cooper and Hauskrecht 2015). An absolute value of noise is never zero, so the estimate is
    biased upward; the lower end takes off what noise alone would give, the upper end needs no such term.
    """
    ten = (len(outcomes.groups), 2, CALIBRATION_BINS, SCORE_BINS // CALIBRATION_BINS)
    table = _score_table(outcomes).reshape(ten).sum(axis=3)
    squares = _score_table(outcomes, "w2").reshape(ten).sum(axis=(1, 3))
    score = _score_table(outcomes, "score").reshape(ten).sum(axis=(1, 3))
    rows = _score_table(outcomes, "n").sum(axis=(1, 2))
    weight = table.sum(axis=1)
    total = weight.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        effective = np.where(squares > 0, weight**2 / squares, 0.0)
        favourable = np.where(weight > 0, table[:, 1] / weight, 0.0)
        gap = np.where(weight > 0, np.abs(favourable - score / weight), 0.0)
        share = weight / total[:, None]
        smooth = (favourable * effective + 0.5) / (effective + 1)
        expected = np.where(weight > 0, np.clip(score / weight, 0.0, 1.0), 0.5)
        # Of a bin with few rows the labels say little of their own variance: the larger of the two is the safe one.
        widest = np.maximum(smooth * (1 - smooth), expected * (1 - expected))
        se = np.where(weight > 0, share * np.sqrt(widest / np.maximum(effective, 1)), 0.0)
        values = np.where(total > 0, (share * gap).sum(axis=1), np.nan)
    # A normal error has a mean size of .8 standard errors; that of one row may have 1.
    folded = np.sqrt(2 / np.pi) + (1 - np.sqrt(2 / np.pi)) / np.maximum(effective, 1)
    noise = (folded * se).sum(axis=1)
    wobble = np.sqrt((1 - 2 / np.pi) * (se**2).sum(axis=1))
    above = np.sqrt((se**2).sum(axis=1))

    def interval(z: float) -> tuple[Floats, Floats]:
        return np.maximum(values - noise - z * wobble, 0.0), np.minimum(values + z * above, 1.0)

    undefined = "no row has both a score and a label"
    return Measured("calibration_error", outcomes.groups, values, rows.astype(np.int64), interval, undefined)


# -- regression -------------------------------------------------------------------------------------------------------

_MEANS = {
    "mean_label": ("y", "yy", "y_n"),
    "mean_prediction": ("p", "pp", "p_n"),
    "mean_residual": ("r", "rr", "scored"),
    "mean_absolute_error": ("abs", "rr", "scored"),
}


def regression_mean(counts: Counts, by: Sequence[str] | str | None, name: str) -> Measured:
    """Return a mean per group: ``mean_label``, ``mean_prediction``, ``mean_residual`` or ``mean_absolute_error``.

    The residual is prediction less label. Intervals are Student's, from the sums and sums of squares. A group in which
    nothing varies takes the variance within all groups. Student's interval is short where values are very skewed or
    mostly 0.
    """
    first, second, number = _MEANS[name]
    groups = counts.groups(by)
    k = len(groups)

    def total(values: Floats) -> Floats:
        return np.asarray(np.bincount(groups.codes, values, minlength=k), dtype=np.float64)

    weight = total(counts.sums[number])
    rows = total(counts.n.astype(np.float64))
    share = np.divide(weight, total(counts.weights), out=np.zeros(k), where=total(counts.weights) > 0)
    effective = total(counts.weights) ** 2 / np.maximum(total(counts.squares), 1e-300) * share
    mean = np.divide(total(counts.sums[first]), weight, out=np.full(k, np.nan), where=weight > 0)
    square = np.divide(total(counts.sums[second]), weight, out=np.full(k, np.nan), where=weight > 0)
    variance = np.maximum(square - mean**2, 0.0) * effective / np.maximum(effective - 1, 1e-9)
    # Values that happen not to vary in one group (all 0 where most are 0) are not known for certain: as in the others.
    inside = np.where(np.isnan(variance) | (effective <= 1), 0.0, effective)
    pooled = float((inside * np.nan_to_num(variance)).sum() / inside.sum()) if inside.any() else 0.0
    variance = np.where(variance <= 1e-12 * np.maximum(np.nan_to_num(square), 1e-300), pooled, variance)
    variance = np.where(effective > 1, variance, np.nan)

    def interval(z: float) -> tuple[Floats, Floats]:
        return mean_interval(mean, variance, effective, z)

    return Measured(name, groups, mean, np.rint(rows * share).astype(np.int64), interval, "no value is known")


MEASURE_FUNCTIONS: Mapping[str, Callable[[Outcomes], Measured]] = {
    "balanced_accuracy": balanced_accuracy,
    "error_ratio": error_ratio,
    "generalised_entropy": entropy_index,
    "theil_index": lambda outcomes: entropy_index(outcomes, 1.0),
    "auc": area_under_curve,
    "calibration_error": calibration_error,
}


def measure(outcomes: Outcomes, name: str) -> Measured:
    """Return any measure of hard predictions or scores by its name."""
    return rate(outcomes, name) if name in MEASURES else MEASURE_FUNCTIONS[name](outcomes)
