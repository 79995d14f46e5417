"""Which value of an outcome is good for the person, and which cells of a table of counts have it."""

from __future__ import annotations

from typing import Any

import numpy as np

from aequo.core.counts import Counts, Dim, Ints
from aequo.core.levels import level
from aequo.errors import InputError

__all__ = ["favourable_codes", "listed", "resolve_favourable", "speak_alike"]

_TRUE, _FALSE = ("True", "1"), ("False", "0")


def resolve_favourable(counts: Counts, favourable: Any = None) -> str:
    """Return the canonical favourable value, found in the data.

    Raises
    ------
    InputError
        If none was given and the values are not 0/1 or booleans, or if the one given never occurs.
    """
    dims = [d for d in (counts.role("label"), counts.role("prediction")) if d is not None]
    if not dims:
        raise InputError("these counts have neither a label nor a prediction; count them with label= or prediction=.")
    seen = {v for v in dims[0].levels if v is not None} or {v for d in dims for v in d.levels if v is not None}
    if favourable is not None and not counts.thresholded:  # a class that only one of the two has is a class
        seen = {v for d in dims for v in d.levels if v is not None}
    if favourable is None:
        if seen <= {*_TRUE, *_FALSE}:
            return next((t for t in _TRUE if t in seen), "1")
        raise InputError(
            f"{dims[0].name!r} has the values {listed(seen)}: say which one is favourable (favourable=, --favourable)."
        )
    wanted = level(favourable) or ""
    for alike in (_TRUE, _FALSE):
        if wanted in alike and wanted not in seen:
            wanted = next((t for t in alike if t in seen), wanted)
    if seen and wanted not in seen and not (wanted in (*_TRUE, *_FALSE) and seen <= {*_TRUE, *_FALSE}):
        raise InputError(
            f"the favourable value {wanted!r} does not occur in {dims[0].name!r}, which has {listed(seen)}."
        )
    return wanted


def speak_alike(counts: Counts) -> None:
    """Refuse labels and predictions that share no value: every prediction would be read as unfavourable."""
    label, prediction = counts.role("label"), counts.role("prediction")
    if label is None or prediction is None or counts.thresholded:
        return
    known, new = ({v for v in dim.levels if v is not None} for dim in (label, prediction))
    binary = {*_TRUE, *_FALSE}
    if known and new and not known & new and not (known <= binary and new <= binary):
        raise InputError(
            f"{prediction.name!r} and {label.name!r} have no value in common: {listed(new)}, and {listed(known)}."
        )


def listed(values: set[str], most: int = 6) -> str:
    """Return a few class names for a message; how many there are, when there are too many to be classes."""
    if len(values) > 20:
        return f"{len(values)} different values"
    names = sorted(values)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(repr(v if len(v) <= 40 else v[:39] + "…") for v in names[:most]) + more


def favourable_codes(counts: Counts, dim: Dim | None, favourable: str) -> Ints:
    """Return for each cell of the counts 1 if its value in this column is the favourable one, 0 if not, 2 if missing.

    Parameters
    ----------
    counts : Counts
        The counts.
    dim : Dim or None
        A column of theirs; without one every value is missing.
    favourable : str
        The favourable value, canonical; ``"1"`` and ``"True"`` mean the same where only one of them occurs.
    """
    if dim is None:
        return np.full(len(counts.n), 2, dtype=np.int64)
    alike = next((a for a in (_TRUE, _FALSE) if favourable in a), (favourable,))
    best: tuple[str, ...] = (favourable,) if favourable in dim.levels else alike
    if dim.role == "prediction" and counts.thresholded:
        best = _TRUE
    table = np.array([2 if v is None else int(v in best) for v in dim.levels], dtype=np.int64)
    return table[counts.codes[:, counts.axis(dim.name)]] if len(table) else np.zeros(0, dtype=np.int64)
