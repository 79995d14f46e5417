"""What a run against an adversary was like, epoch by epoch, and which epoch is kept."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from aequo.core.counts import Floats
from aequo.core.intervals import wilson
from aequo.core.quantiles import normal_quantile
from aequo.fairness.metrics import demographic_parity, equalized_odds
from aequo.fairness.mitigate.protected import Protected

__all__ = ["AdversarialResult", "Constraint", "Epoch", "choose", "gap_between", "rank", "result_of"]

Constraint = Literal["demographic_parity", "equalized_odds"]
"""What the predictor may not reveal the group by: its score, or its score beyond what the label says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """One pass over the training rows.

    Attributes
    ----------
    number : int
        From 1.
    heard : bool
        Whether the predictor listened to the adversary; not in the first epochs.
    alpha : float
        Weight of the adversary in this epoch.
    predictor_loss, adversary_loss : float
        Mean losses over the batches, in nats.
    loss : float
        Log loss on the held-out rows, in nats.
    accuracy : float
        On the held-out rows, in [0, 1].
    gap : float or None
        On the held-out rows, in [0, 1], see `gap_between`; None where too few rows are behind it.
    training_gap : float or None
        The same on the training rows.
    collapsed : bool
        Whether the model decides all held-out rows alike, is less accurate there than deciding all alike would be, or
        is no longer finite.
    """

    number: int
    heard: bool
    alpha: float
    predictor_loss: float
    adversary_loss: float
    loss: float
    accuracy: float
    gap: float | None
    training_gap: float | None
    collapsed: bool

    @property
    def worst_gap(self) -> float | None:
        """The larger gap of the two parts."""
        return None if self.gap is None or self.training_gap is None else max(self.gap, self.training_gap)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return dataclasses.asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdversarialResult:
    """What the model that was kept does to the held-out rows.

    The epoch was chosen by these rows, so the gap is somewhat better here than it will be on new ones.

    Attributes
    ----------
    constraint : str
        What was asked for.
    tolerance : float
        The largest gap that was asked for.
    met : bool or None
        Whether the gap is within it, on the held-out and on the training rows; None if too few rows are behind it.
        A model that has collapsed does not meet it, though everyone alike is no gap.
    gap : float or None
        Largest difference of rates between groups, or correlation with a sensitive number, see `gap_between`.
    training_gap : float or None
        The same on the training rows.
    interval : tuple of (float, float) or None
        Interval of the gap at 95 %.
    accuracy : float
        In [0, 1].
    accuracy_interval : tuple of (float, float)
        Wilson's interval at 95 %.
    baseline : float
        Accuracy of deciding everyone alike.
    unconstrained_accuracy, unconstrained_gap : float or None
        The same of the model before it listened to the adversary, which is a plain classifier.
    n : int
        Held-out rows.
    trained_on : int
        Training rows.
    epoch : int
        The epoch that was kept.
    epochs : int
        Epochs that were run.
    groups : mapping of str to int
        Held-out rows of each group.
    notes : tuple of str
        What a reader has to know.
    """

    constraint: str
    tolerance: float
    met: bool | None
    gap: float | None
    training_gap: float | None
    interval: tuple[float, float] | None
    accuracy: float
    accuracy_interval: tuple[float, float]
    baseline: float
    unconstrained_accuracy: float
    unconstrained_gap: float | None
    n: int
    trained_on: int
    epoch: int
    epochs: int
    groups: dict[str, int]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            **dataclasses.asdict(self),
            "interval": None if self.interval is None else list(self.interval),
            "accuracy_interval": list(self.accuracy_interval),
            "notes": list(self.notes),
        }


def gap_between(
    chance: Floats, truth: Floats, protected: Protected, constraint: Constraint, *, weight: Floats, min_group: int
) -> float | None:
    """Return how far apart groups are decided, or how much the score goes with a sensitive number.

    For groups it is the largest difference of selection rates, or the larger of those of true and false positive rates.
    For numbers it is the largest absolute correlation with the probability, over all rows or within each label. With
    both it is the larger.

    Parameters
    ----------
    chance : float array, shape (rows,)
        Probability of the second class; half or more decides for it.
    truth : float array, shape (rows,)
        1 where the second class is true, else 0.
    protected : Protected
        Group or number of each row.
    constraint : {"demographic_parity", "equalized_odds"}
        What is compared.
    weight : float array, shape (rows,)
        Weight of each row.
    min_group : int
        Groups with fewer rows behind a rate are not compared.

    Returns
    -------
    float or None
        In [0, 1]; None if in some part there are not two groups to compare, or too few rows with a number.
    """
    parts = [np.ones(len(truth), dtype=bool)] if constraint == "demographic_parity" else [truth == 1, truth == 0]
    decided = (chance >= 0.5).astype(np.float64)
    gaps: list[float | None] = []
    for part in parts:
        if protected.names:
            gaps.append(_spread(decided[part], protected.codes[part], len(protected.names), weight[part], min_group))
        gaps += [_correlation(chance[part], column[part], weight[part], min_group) for column in protected.values.T]
    known = [g for g in gaps if g is not None]
    return max(known) if len(known) == len(gaps) else None


def _spread(decided: Floats, codes: Any, groups: int, weight: Floats, min_group: int) -> float | None:
    there = codes >= 0
    n = np.bincount(codes[there], minlength=groups)
    total = np.bincount(codes[there], weight[there], minlength=groups)
    chosen = np.bincount(codes[there], (weight * decided)[there], minlength=groups)
    compared = (n >= min_group) & (total > 0)
    if compared.sum() < 2:
        return None
    rates = chosen[compared] / total[compared]
    return float(rates.max() - rates.min())


def _correlation(chance: Floats, values: Floats, weight: Floats, min_group: int) -> float | None:
    there = ~np.isnan(values) & (weight > 0)
    if there.sum() < max(min_group, 3):
        return None
    w = weight[there] / weight[there].sum()
    a, b = chance[there], values[there]
    a, b = a - w @ a, b - w @ b
    spread = math.sqrt(float(w @ (a * a)) * float(w @ (b * b)))
    return abs(float(w @ (a * b))) / spread if spread > 1e-12 else 0.0  # a constant score reveals nothing


def rank(epoch: Epoch, tolerance: float) -> tuple[int, float]:
    """Return what the least of is best.

    First those within the tolerance, by log loss; then the others, by gap; then those that cannot be judged, the last
    one first, since it has been debiased longest; and what has collapsed comes after everything.
    """
    if epoch.collapsed:
        return (3, -epoch.accuracy if math.isfinite(epoch.accuracy) else 1.0)
    gap = epoch.worst_gap
    if gap is None:
        return (2, -float(epoch.number))
    return (0, epoch.loss) if gap <= tolerance else (1, gap)


def choose(history: Sequence[Epoch], tolerance: float) -> Epoch:
    """Return the epoch that is kept: the first by `rank` of those from the plain model on.

    The plain model is the last epoch in which the predictor did not listen to the adversary.

    Examples
    --------
    >>> run = [
    ...     Epoch(number=n, heard=True, alpha=1.0, predictor_loss=0.4, adversary_loss=0.6, loss=loss, accuracy=0.8,
    ...           gap=gap, training_gap=gap, collapsed=False)
    ...     for n, loss, gap in [(1, 0.30, 0.20), (2, 0.35, 0.04), (3, 0.36, 0.01)]
    ... ]
    >>> choose(run, 0.05).number, choose(run, 0.001).number
    (2, 3)
    """
    plain = max((i for i, epoch in enumerate(history) if not epoch.heard), default=0)
    return min(history[plain:], key=lambda epoch: rank(epoch, tolerance))


def result_of(
    history: Sequence[Epoch],
    kept: Epoch,
    *,
    logit: Floats,
    truth: Floats,
    protected: Protected,
    weight: Floats,
    constraint: Constraint,
    tolerance: float,
    min_group: int,
    trained_on: int,
) -> AdversarialResult:
    """Return what the kept model does to the held-out rows.

    Parameters
    ----------
    history : sequence of Epoch
        The whole run.
    kept : Epoch
        The one that was kept.
    logit : float array, shape (rows,)
        The kept model's scores of the held-out rows.
    truth, protected, weight
        Of the held-out rows.
    constraint, tolerance, min_group
        What was asked for.
    trained_on : int
        Training rows.
    """
    effective = weight.sum() ** 2 / (weight @ weight)
    low, high = wilson(np.array([kept.accuracy * effective]), np.array([effective]), normal_quantile(0.975))
    positive = float(weight @ truth / weight.sum())
    plain = [epoch for epoch in history if not epoch.heard][-1]
    sizes = np.bincount(protected.codes + 1, minlength=len(protected.names) + 1).tolist()
    return AdversarialResult(
        constraint=constraint,
        tolerance=tolerance,
        met=None if kept.worst_gap is None else kept.worst_gap <= tolerance and not kept.collapsed,
        gap=kept.gap,
        training_gap=kept.training_gap,
        interval=None if kept.gap is None else _interval(logit, truth, protected, weight, constraint, min_group),
        accuracy=kept.accuracy,
        accuracy_interval=(float(low[0]), float(high[0])),
        baseline=max(positive, 1 - positive),
        unconstrained_accuracy=plain.accuracy,
        unconstrained_gap=plain.gap,
        n=len(truth),
        trained_on=trained_on,
        epoch=kept.number,
        epochs=len(history),
        groups=dict(zip(protected.names, sizes[1:], strict=True)),
        notes=tuple(_notes(history, kept, protected, sizes, tolerance, min_group)),
    )


def _interval(
    logit: Floats, truth: Floats, protected: Protected, weight: Floats, constraint: Constraint, min_group: int
) -> tuple[float, float] | None:
    """Return the interval of the gap: of the groups' differences, or of the largest correlation (Fisher 1921)."""
    decided, names = (logit >= 0).astype(np.int64), np.array([None, *protected.names], dtype=object)
    ends: list[tuple[float, float] | None] = []
    if protected.names:
        of = {"favourable": 1, "weight": weight, "min_size": min_group}
        group = {"group": names[protected.codes + 1]}
        if constraint == "demographic_parity":
            ends.append(demographic_parity(decided, group, **of).interval)  # type: ignore[arg-type]
        else:
            ends.append(equalized_odds(truth.astype(np.int64), decided, group, **of).interval)  # type: ignore[arg-type]
    chance = 1 / (1 + np.exp(-np.clip(logit, -500, 500)))
    parts = [np.ones(len(truth), dtype=bool)] if constraint == "demographic_parity" else [truth == 1, truth == 0]
    tested = len(parts) * len(protected.columns)
    for part in parts:
        for column in protected.values[part].T:
            r, w = _correlation(chance[part], column, weight[part], 1), weight[part][~np.isnan(column)]
            spread = normal_quantile(1 - 0.025 / tested) / math.sqrt(max(w.sum() ** 2 / (w @ w) - 3, 1))
            z = math.atanh(min(r or 0.0, 1 - 1e-12))
            ends.append((max(math.tanh(z - spread), 0.0), math.tanh(z + spread)))
    known = [e for e in ends if e is not None]
    if len(known) < len(ends):
        return None
    return max(low for low, _ in known), max(high for _, high in known)


def _notes(
    history: Sequence[Epoch],
    kept: Epoch,
    protected: Protected,
    sizes: Sequence[int],
    tolerance: float,
    min_group: int,
) -> list[str]:
    notes = []
    if kept.collapsed:
        notes.append("The model decides no better than deciding everyone alike; no epoch of the run did.")
    if kept.worst_gap is None:
        notes.append(f"Not judged: there are not two groups with {min_group} held-out rows behind each rate.")
    elif kept.worst_gap > tolerance and not kept.collapsed:
        notes.append(f"No epoch is within the tolerance of {tolerance:g}; the one with the smallest gap was kept.")
    if not kept.heard and not kept.collapsed and history[-1].heard:
        notes.append(
            "The model that was kept is from before the predictor listened to the adversary: no later one is better."
        )
    if not history[-1].heard:
        notes.append("The run ended before the predictor listened to the adversary.")
    small = [name for name, n in zip(protected.names, sizes[1:], strict=True) if n < min_group]
    if small:
        notes.append(f"Not compared, with fewer than {min_group} held-out rows: {', '.join(small)}.")
    if protected.names and sizes[0]:
        notes.append(f"{sizes[0]:,} held-out rows have no group.")
    if not math.isfinite(history[-1].loss):
        notes.append("The losses were no longer finite at the end; a smaller lr may help.")
    return notes
