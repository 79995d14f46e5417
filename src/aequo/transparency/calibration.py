"""How sure a classifier is, from rows it has not learned from: Venn-Abers prediction."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aequo.core.columns import as_column, as_objects
from aequo.core.counts import Floats
from aequo.core.levels import level
from aequo.errors import InputError

__all__ = ["Confidence", "VennAbers", "calibrated"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Confidence:
    """The probability that a decision is right, from rows whose truth is known.

    Attributes
    ----------
    value : float
        In [0, 1]; of the decision that was made.
    low, high : float
        The two probabilities between which `value` lies. One of the two is calibrated, whatever the model and the
        distribution, and nobody knows which: far apart, the calibration rows say little about such a score.
    n : int
        Rows that it was calibrated on.
    """

    value: float
    low: float
    high: float
    n: int

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"value": self.value, "interval": [self.low, self.high], "n": self.n, "method": "Venn-Abers"}


class VennAbers:
    """Inductive Venn-Abers prediction: two calibrated probabilities for a score.

    To ask about a score, an isotonic regression is fitted to the calibration rows and the score with the label 0, and
    another with the label 1; what they say at the score is `p0` and `p1`. Both are worked out beforehand for every
    score, so that asking is a search in a sorted list. One of the two is perfectly calibrated if the rows are
    exchangeable, for any number of them.

    Parameters
    ----------
    scores : float array
        Scores of rows that the model has not learned from.
    truth : bool array
        Whether each row's true class is the favourable one.

    Attributes
    ----------
    n : int
        How many rows there are.

    Raises
    ------
    InputError
        If there are no rows, or not as many scores as truths, or a score is not finite.

    References
    ----------
    .. [1] Vovk and Petej, "Venn-Abers predictors", UAI 2014; Vovk, Petej and Fedorova, "Large-scale probabilistic
       predictors with and without guarantees of validity", NIPS 2015; the merged probability is theirs, the minimax
       choice for log loss.

    Examples
    --------
    >>> VennAbers([0.1, 0.4, 0.6, 0.9], [False, False, True, True]).of(0.7)
    (0.5, 1.0, 0.6666666666666666)
    """

    def __init__(self, scores: Any, truth: Any) -> None:
        s, y = np.asarray(scores, dtype=np.float64).reshape(-1), np.asarray(truth, dtype=np.float64).reshape(-1)
        if not len(s) or len(s) != len(y):
            raise InputError(f"calibration needs a truth for each score; it got {len(s)} scores and {len(y)} truths.")
        if not np.isfinite(s).all() or not np.isin(y, (0.0, 1.0)).all():
            raise InputError("calibration needs finite scores, and truths that are 0 or 1.")
        self.n = len(s)
        distinct, place = np.unique(s, return_inverse=True)
        rows = np.cumsum(np.bincount(place.reshape(-1))).tolist()
        good = np.cumsum(np.bincount(place.reshape(-1), weights=y)).tolist()
        diagram = [(0.0, 0.0), *zip(map(float, rows), good, strict=True)]
        self._scores: list[float] = distinct.tolist()
        # Before the first score nothing speaks against 0, after the last nothing against 1.
        self._p0 = [0.0, *_with_one_more(diagram, 0.0)]
        self._p1 = [*_with_one_more(diagram, 1.0), 1.0]

    def of(self, score: float) -> tuple[float, float, float]:
        """Return `p0`, `p1` and the one probability that is merged from them, ``p1 / (1 - p0 + p1)``.

        Parameters
        ----------
        score : float
            The model's score.
        """
        p0 = self._p0[bisect_right(self._scores, score)]
        p1 = self._p1[bisect_left(self._scores, score)]
        return p0, p1, p1 / (1 - p0 + p1)

    def confidence(self, score: float, *, favourable: bool) -> Confidence:
        """Return how sure a decision is.

        Parameters
        ----------
        score : float
            The model's score.
        favourable : bool
            Which decision it was.
        """
        p0, p1, p = self.of(score)
        return Confidence(
            value=p if favourable else 1 - p,
            low=p0 if favourable else 1 - p1,
            high=p1 if favourable else 1 - p0,
            n=self.n,
        )


Point = tuple[float, float]
"""Rows and favourable rows up to a score."""


def _with_one_more(diagram: list[Point], label: float) -> list[float]:
    """Return, for each distinct score, the isotonic regression at it after one more row with that score and label.

    The regression is the slope of the greatest convex minorant of the cumulative diagram. One more row at the j-th
    score moves the points from the j-th on; the slope there is that of the bridge between the minorant of the points
    before and of the points after.
    """
    after = _minorant(diagram[::-1], lambda a, b, c: _slope(c, b) >= _slope(b, a))
    before = _minorant(diagram, lambda a, b, c: _slope(a, b) >= _slope(b, c))
    last = len(diagram) - 1
    found = []
    for j in range(1, len(diagram)):
        left, right = j - 1, j
        while True:
            start, end = diagram[left], (diagram[right][0] + 1, diagram[right][1] + label)
            slope = _slope(start, end)
            following = last - after[last - right] if right < last else right
            if right < last and _slope(diagram[right], diagram[following]) < slope:
                right = following
            elif left > 0 and _slope(diagram[before[left]], start) > slope:
                left = before[left]
            else:
                break
        found.append(slope)
    return found


def _minorant(points: list[Point], bulges: Callable[[Point, Point, Point], bool]) -> list[int]:
    """Return, for each point, the corner before it of the minorant of the points up to it."""
    corners: list[int] = []
    before = []
    for i, point in enumerate(points):
        while len(corners) > 1 and bulges(points[corners[-2]], points[corners[-1]], point):
            corners.pop()
        before.append(corners[-1] if corners else 0)
        corners.append(i)
    return before


def _slope(a: Point, b: Point) -> float:
    return (b[1] - a[1]) / (b[0] - a[0])


def calibrated(scores: Floats, labels: Any, positive: Any, classes: Sequence[Any]) -> VennAbers:
    """Return the calibration from labels as the model names its classes.

    Parameters
    ----------
    scores : float array
        The model's scores.
    labels : array
        True classes.
    positive : object
        The favourable class.
    classes : sequence
        All classes.

    Raises
    ------
    InputError
        If a label is missing, or is none of the classes.
    """
    given = list(as_objects(as_column("labels", labels)))
    names = [level(v) for v in given]
    if None in names:
        raise InputError(f"{names.count(None)} of {len(names)} calibration labels are missing; leave those rows out.")
    known = {level(c) for c in classes}
    if strange := sum(n not in known and v not in classes for n, v in zip(names, given, strict=True)):
        raise InputError(
            f"{strange} of {len(names)} calibration labels are none of the model's classes, which are "
            f"{', '.join(repr(level(c)) for c in classes[:10])}."
        )
    # True is 1, as numbers are; a text is only what it says.
    return VennAbers(scores, [n == level(positive) or v == positive for n, v in zip(names, given, strict=True)])
