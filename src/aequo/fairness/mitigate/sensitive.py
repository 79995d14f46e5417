"""The group of each row, from whatever holds one value (or several, crossed) for each row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from aequo.core.columns import as_column, factorise
from aequo.core.counts import Groups, Ints
from aequo.core.levels import Level, level, sort_levels
from aequo.errors import InputError

__all__ = ["aligned", "coded", "columns_of", "row_groups"]


def row_groups(sensitive_features: Any, *, rows: int | None = None) -> Groups:
    """Return the group of each row; several columns are crossed.

    Parameters
    ----------
    sensitive_features : sequence, array, series, frame or mapping of columns
        One value for each row, or several columns of them. Values become names by `aequo.core.levels.level`.
    rows : int, optional
        How many rows there must be.

    Returns
    -------
    Groups
        ``codes`` has one entry per row; ``names`` holds the groups that occur, sorted.

    Raises
    ------
    InputError
        If there is no column, or the lengths differ.

    Examples
    --------
    >>> groups = row_groups({"race": ["b", "w", "b"], "sex": ["f", "f", None]})
    >>> groups.labels, groups.codes.tolist(), groups.missing.tolist()
    (('b · f', 'b · (missing)', 'w · f'), [0, 2, 1], [False, True, False])
    """
    columns = columns_of(sensitive_features)
    if not columns:
        raise InputError("sensitive_features has no column; expected one value, or several, for each row.")
    parts = [coded(name, values) for name, values in columns.items()]
    lengths = {len(codes) for codes, _ in parts}
    if len(lengths) > 1 or (rows is not None and lengths != {rows}):
        said = ", ".join(f"{n:,}" for n in sorted(lengths))
        expected = "one value for each row" if rows is None else f"one value for each of the {rows:,} rows"
        raise InputError(f"sensitive_features has {said} values; expected {expected}.")
    flat, size = np.zeros(lengths.pop(), dtype=np.int64), 1
    for codes, levels in parts:
        size *= max(len(levels), 1)
        if size > 1 << 24:  # a table of all crossings would be larger than the rows
            return _many(tuple(columns), parts)
        flat = flat * max(len(levels), 1) + codes
    n = np.bincount(flat, minlength=size)
    present = np.flatnonzero(n)
    where = np.zeros(size, dtype=np.int64)
    where[present] = np.arange(len(present))
    names = [_unpacked(code, [levels for _, levels in parts]) for code in present.tolist()]
    return Groups(tuple(columns), tuple(names), where[flat], n[present])


def _many(columns: tuple[str, ...], parts: list[tuple[Ints, list[Level]]]) -> Groups:
    rows = np.stack([codes for codes, _ in parts], axis=1)
    present, codes, n = np.unique(rows, axis=0, return_inverse=True, return_counts=True)
    names = [tuple(parts[i][1][k] for i, k in enumerate(row)) for row in present.tolist()]
    return Groups(columns, tuple(names), codes.reshape(-1).astype(np.int64), n.astype(np.int64))


def _unpacked(code: int, levels: list[list[Level]]) -> tuple[Level, ...]:
    name: list[Level] = []
    for values in reversed(levels):
        code, k = divmod(code, max(len(values), 1))
        name.append(values[k])
    return tuple(reversed(name))


def aligned(groups: Groups, columns: tuple[str, ...]) -> Groups:
    """Return the groups with their columns in this order; columns without names keep their places.

    Parameters
    ----------
    groups : Groups
        Groups of rows.
    columns : tuple of str
        The columns in the order that is wanted.

    Raises
    ------
    InputError
        If there are more or fewer columns, or several of them with other names.

    Examples
    --------
    >>> aligned(row_groups({"sex": ["f"], "race": ["b"]}), ("race", "sex")).names
    (('b', 'f'),)
    """
    mine = groups.columns
    if mine == columns or (len(mine) == len(columns) and (len(mine) == 1 or _unnamed(mine) or _unnamed(columns))):
        return groups
    if sorted(mine) != sorted(columns):
        raise InputError(f"the sensitive columns are {', '.join(mine)}; in fit they were {', '.join(columns)}.")
    order = [mine.index(c) for c in columns]
    return Groups(columns, tuple(tuple(name[i] for i in order) for name in groups.names), groups.codes, groups.n)


def _unnamed(columns: tuple[str, ...]) -> bool:
    return columns == tuple(f"group {i + 1}" for i in range(len(columns)))


def columns_of(features: Any) -> dict[str, Any]:
    """Return the columns of an array, series, frame or mapping by name.

    Examples
    --------
    >>> list(columns_of(["a", "b"])), list(columns_of(np.array([["a", "f"], ["b", "m"]])))
    (['group'], ['group 1', 'group 2'])
    """
    if isinstance(features, Mapping):
        return {str(k): v for k, v in features.items()}
    names = getattr(features, "column_names", None)
    if names is None:
        names = getattr(features, "columns", None)
    if names is not None and not callable(names):
        found = {str(name): features[name] for name in names}
        if len(found) != len(list(names)):
            raise InputError("two columns of sensitive_features have the same name; rename one.")
        return found
    if isinstance(features, (list, tuple)) and features and isinstance(features[0], (list, tuple)):
        rows = np.empty((len(features), len(features[0])), dtype=object)
        for i, row in enumerate(features):
            if len(row) != rows.shape[1]:
                raise InputError("the rows of sensitive_features differ in length; expected one value per column.")
            rows[i] = row
        features = rows
    if isinstance(features, np.ndarray) and features.ndim == 2:
        if features.shape[1] == 1:
            return {"group": features[:, 0]}
        return {f"group {i + 1}": features[:, i] for i in range(features.shape[1])}
    return {str(getattr(features, "name", None) or "group"): features}


def coded(name: str, values: Any) -> tuple[Ints, list[Level]]:
    """Return a code for each row and the level of each code, sorted.

    Examples
    --------
    >>> codes, levels = coded("g", [2, None, 10, 2.0])
    >>> codes.tolist(), levels
    ([0, 2, 1, 0], ['2', '10', None])
    """
    codes, distinct = factorise(name, as_column(name, values))
    texts = [level(v) for v in distinct]
    used = np.bincount(codes, minlength=len(texts)) > 0
    levels = sort_levels({text for text, there in zip(texts, used.tolist(), strict=True) if there})
    where = {text: i for i, text in enumerate(levels)}
    lookup = np.array([where.get(text, 0) for text in texts], dtype=np.int64)
    return lookup[codes], levels
