"""l-diversity and t-closeness of every class, from counts: arithmetic alone, and no step over classes in Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from aequo.core.counts import Floats, Ints
from aequo.errors import InputError
from aequo.privacy.releases.classes import Held

__all__ = [
    "Diversity",
    "Taxonomy",
    "closeness",
    "distinct_values",
    "effective_values",
    "known_only",
    "recursive_ratio",
    "tree_of",
]


Diversity = Literal["distinct", "entropy", "recursive"]
"""A form of l-diversity."""


@dataclass(frozen=True, slots=True, eq=False)
class Taxonomy:
    """Where each value of a column stands in a tree of meanings.

    Attributes
    ----------
    nodes : tuple of int array
        For each level from the values up, without the root: the node that each value is in.
    """

    nodes: tuple[Ints, ...]


def known_only(held: Held) -> Held:
    """Return what is held without the missing value: no value is no disclosure, and no diversity either."""
    keep = held.code != held.axis.missing
    return Held(held.axis, held.of[keep], held.code[keep], held.n[keep])


def distinct_values(held: Held, classes: int) -> Ints:
    """Return how many different values each class holds (distinct l-diversity).

    Parameters
    ----------
    held : Held
        Cells without missing values.
    classes : int
        Number of classes.

    Returns
    -------
    int array, shape (classes,)
        0 for a class without any value.
    """
    return np.bincount(held.of, minlength=classes).astype(np.int64)


def effective_values(held: Held, classes: int) -> Floats:
    """Return the exponential of each class's entropy, the number of equally frequent values that is as diverse.

    A class has entropy l-diversity for every l up to this number [1]_.

    References
    ----------
    .. [1] A. Machanavajjhala, D. Kifer, J. Gehrke, M. Venkitasubramaniam (2007), "l-diversity: privacy beyond
       k-anonymity", ACM TKDD 1(1), definition 4.1.
    """
    total = np.bincount(held.of, held.n, minlength=classes)
    with np.errstate(divide="ignore", invalid="ignore"):
        # Log N - sum(m log m)/N: for equal counts the two terms are near each other, but never cancel.
        logs = np.bincount(held.of, held.n * np.log(held.n), minlength=classes)
        return np.where(total > 0, np.exp(np.log(total) - logs / total), np.nan)


def recursive_ratio(held: Held, classes: int, diversity: int) -> Floats:
    """Return r1 / (rl + ... + rm) of each class, its counts of values being r1 >= r2 >= ... >= rm.

    A class has recursive (c, l)-diversity if this is less than c [1]_.

    Returns
    -------
    float array, shape (classes,)
        Infinite for a class with fewer than l values; NaN for one without any.

    References
    ----------
    .. [1] Machanavajjhala et al. (2007), definition 4.2.
    """
    order = np.lexsort((-held.n, held.of))
    n, of = held.n[order], held.of[order]
    sizes = np.bincount(of, minlength=classes)
    starts = np.cumsum(sizes) - sizes
    rank = np.arange(len(of)) - starts[of]
    tail = np.bincount(of, np.where(rank >= diversity - 1, n, 0), minlength=classes)
    first = np.zeros(classes)
    first[of[rank == 0]] = n[rank == 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(sizes > 0, first / tail, np.nan)


def closeness(held: Held, classes: int, *, ordered: bool, taxonomy: Taxonomy | None = None) -> Floats:
    """Return the Earth Mover's distance between each class's values and those of all rows (t-closeness).

    Parameters
    ----------
    held : Held
        Cells without missing values, sorted by class and value.
    classes : int
        Number of classes.
    ordered : bool
        Whether the values are numbers or dates: then a value is as far from another as there are values between them,
        in units of the whole range. Otherwise any two are at distance 1, or at that of the taxonomy: the height of the
        lowest node above both, in units of the height of the tree.
    taxonomy : Taxonomy, optional
        Of the column's values.

    Returns
    -------
    float array, shape (classes,)
        0 (the same as all rows) to 1; NaN for a class without any value.

    Notes
    -----
    With distances from a tree of even height, moving earth costs half the sum of differences at each level below the
    root, averaged over the levels: what Li et al. compute node by node.

    References
    ----------
    .. [1] N. Li, T. Li, S. Venkatasubramanian (2007), "t-closeness: privacy beyond k-anonymity and l-diversity", ICDE.
    """
    total = np.bincount(held.of, held.n, minlength=classes)
    whole = np.bincount(held.code, held.n, minlength=len(held.axis.levels)).astype(np.float64)
    whole /= max(whole.sum(), 1.0)
    if ordered:
        found = _ordered(held, total, whole)
    elif taxonomy is None:
        found = _equal(held.of, held.code, held.n, total, whole)
    else:
        found = np.mean(
            [_equal(held.of, node[held.code], held.n, total, _summed(node, whole)) for node in taxonomy.nodes], axis=0
        )
    return np.where(total > 0, np.clip(found, 0.0, 1.0), np.nan)


def _summed(node: Ints, whole: Floats) -> Floats:
    return np.bincount(node, whole).astype(np.float64)


def _equal(of: Ints, code: Ints, n: Ints, total: Ints, whole: Floats) -> Floats:
    """Total variation: the share that lies above the whole's, which only values that the class holds can do."""
    flat, inverse = np.unique(of * len(whole) + code, return_inverse=True)
    counted = np.bincount(inverse.reshape(-1), n)
    at, value = flat // len(whole), flat % len(whole)
    above = np.maximum(counted / total[at] - whole[value], 0.0)
    return np.bincount(at, above, minlength=len(total)).astype(np.float64)


def _ordered(held: Held, total: Ints, whole: Floats) -> Floats:
    """Sum of |cumulative share in the class - in the whole| over the values, in units of the steps there are.

    A class holds few of the values. Between two of them its own cumulative share stands still and the whole's grows, so
    the sum over that stretch has a closed form from prefix sums, split where the two cross.
    """
    used = np.flatnonzero(whole > 0)  # a value that no row has is no step
    steps = len(used) - 1
    if steps < 1:
        return np.zeros(len(total))
    place = np.cumsum(whole > 0) - 1
    grown = np.cumsum(whole[used])
    prefix = np.concatenate([[0.0], np.cumsum(grown)])
    share = held.n / total[held.of]
    first = np.ones(len(share), dtype=bool)
    first[1:] = held.of[1:] != held.of[:-1]
    last = np.ones(len(share), dtype=bool)
    last[:-1] = first[1:]
    running = np.cumsum(held.n)
    before = (running - held.n)[first]
    level = (running - np.repeat(before, np.diff(np.append(np.flatnonzero(first), len(share))))) / total[held.of]
    start = place[held.code]
    end = np.append(start[1:], len(used))
    end[last] = len(used)
    cross = np.clip(np.searchsorted(grown, level, side="right"), start, end)
    below = level * (cross - start) - (prefix[cross] - prefix[start])
    above = (prefix[end] - prefix[cross]) - level * (end - cross)
    lead = np.where(first, prefix[start], 0.0)  # before its first value a class has nothing yet
    return np.bincount(held.of, lead + below + above, minlength=len(total)) / steps


def tree_of(column: str, levels: Sequence[str | None], given: Mapping[str, Sequence[str]]) -> Taxonomy:
    """Return the tree of a column's values.

    Parameters
    ----------
    column : str
        Name, for messages.
    levels : sequence of str or None
        The values that occur.
    given : mapping of str to sequence of str
        Value to the names of the nodes above it, from the nearest up, without the root: ``{"flu": ["respiratory"]}``.
        All of one length.

    Raises
    ------
    InputError
        If a value is not in it, or the heights differ.
    """
    heights = {len(above) for above in given.values()}
    if len(heights) != 1:
        raise InputError(
            f"the taxonomy of {column!r} has values at different heights; give each the same number of names."
        )
    absent = sum(value is not None and value not in given for value in levels)
    if absent:
        raise InputError(f"{absent:,} values of {column!r} are not in its taxonomy; name the nodes above each of them.")
    nodes = [np.arange(len(levels), dtype=np.int64)]
    for height in range(heights.pop()):
        # Nodes of one name below different parents are different nodes.
        names = [None if v is None else tuple(given[v][height:]) for v in levels]
        order = {name: i for i, name in enumerate(dict.fromkeys(names))}
        nodes.append(np.array([order[name] for name in names], dtype=np.int64))
    return Taxonomy(tuple(nodes))
