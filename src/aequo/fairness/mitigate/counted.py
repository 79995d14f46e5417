"""Histograms of scores, by group and label, out of `Counts`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aequo.core.counts import SCORE_BINS, Counts, Floats, Groups
from aequo.core.levels import level
from aequo.errors import InputError

__all__ = ["Histograms", "histograms"]


@dataclass(frozen=True, slots=True, eq=False)
class Histograms:
    """Rows by group, label (unfavourable, favourable) and bin of the score.

    Attributes
    ----------
    groups : Groups
        The groups; ``codes`` is simply 0, 1, 2 ...
    classes : array, shape (2,)
        The labels: numbers and booleans where the text of both is one, else text.
    favourable : Any
        The favourable one.
    n, w, w2 : float array, shape (groups, 2, bins)
        Rows, weights, squared weights.
    """

    groups: Groups
    classes: NDArray[Any]
    favourable: Any
    n: Floats
    w: Floats
    w2: Floats


def histograms(counts: Counts, favourable: Any) -> Histograms:
    """Return the histograms of counts with groups, a label and a score; rows without a label are left out.

    Raises
    ------
    InputError
        If there is no group, label or score, the labels are not two, or rows have no score.
    """
    label, score = counts.role("label"), counts.role("bin")
    if label is None or score is None or not counts.names("group"):
        raise InputError("these counts lack a group, a label or a score; count(group=..., label=..., score=...) them.")
    known = [v for v in label.levels if v is not None]
    if len(known) != 2:
        raise InputError(f"the label {label.name!r} has {len(known)} different values; expected two.")
    wanted = known[1] if favourable is None else level(favourable)
    if wanted not in known:
        raise InputError(f"no label is the favourable value {favourable!r}.")
    by_label = np.array([-1 if v is None else int(v == wanted) for v in label.levels])
    by_bin = np.array([-1 if v is None else int(v) for v in score.levels])
    y = by_label[counts.codes[:, counts.axis(label.name)]]
    bins = by_bin[counts.codes[:, counts.axis(score.name)]]
    unknown = int(counts.n[(bins < 0) & (y >= 0)].sum())
    if unknown:
        raise InputError(f"{unknown:,} rows have no score in {score.name!r}; thresholds need a number for each row.")
    groups = counts.groups()
    keep = y >= 0
    shape = (len(groups), 2, SCORE_BINS)
    at = np.ravel_multi_index((groups.codes[keep], y[keep], bins[keep]), shape)

    def table(values: Any) -> Floats:
        summed: Floats = np.bincount(at, values[keep].astype(np.float64), minlength=int(np.prod(shape))).astype(
            np.float64
        )
        return summed.reshape(shape)

    n = table(counts.n)
    classes = np.array([_value(v, known) for v in known])
    return Histograms(
        Groups(groups.columns, groups.names, np.arange(len(groups)), n.sum(axis=(1, 2)).astype(np.int64)),
        classes,
        classes.tolist()[known.index(wanted)],
        n,
        table(counts.weights),
        table(counts.squares),
    )


def _value(text: str, known: list[str]) -> Any:
    if set(known) == {"False", "True"}:
        return text == "True"
    try:
        numbers = [float(v) for v in known]
    except ValueError:
        return text
    return int(text) if all(v.is_integer() for v in numbers) else float(text)
