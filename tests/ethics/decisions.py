"""Decisions to weigh: made from counts of each outcome in each group."""

from __future__ import annotations

from collections.abc import Mapping

from aequo.core.counts import Counts
from aequo.core.table import Table

CELLS = {"tp": (1, 1), "fn": (1, 0), "fp": (0, 1), "tn": (0, 0)}


def rows(groups: Mapping[str, Mapping[str, int]]) -> dict[str, list[object]]:
    """Return rows with columns g, y and p."""
    out: dict[str, list[object]] = {"g": [], "y": [], "p": []}
    for group, cells in groups.items():
        for cell, n in cells.items():
            y, p = CELLS[cell]
            out["g"] += [group] * n
            out["y"] += [y] * n
            out["p"] += [p] * n
    return out


def counts(groups: Mapping[str, Mapping[str, int]]) -> Counts:
    """Return their counts."""
    return Table.of(rows(groups)).counts(group="g", label="y", prediction="p")
