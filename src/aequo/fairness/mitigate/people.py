"""From a table to the rows that remedies are tried on: who has an outcome and a group, and what may be learned from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aequo.core.columns import Array
from aequo.core.counts import Floats, Ints
from aequo.core.favourable import resolve_favourable
from aequo.core.levels import Level, level, sort_levels
from aequo.core.policy import Policy
from aequo.core.table import Table
from aequo.errors import InputError, UnknownColumn, did_you_mean
from aequo.fairness.data_check import listing
from aequo.fairness.mitigate.trial import People
from aequo.models.pipeline import as_days, coded

__all__ = ["LEAST_ROWS", "Rows", "people_of", "read_rows", "strata_of"]

LEAST_ROWS = 100
"""With fewer rows nothing is tried."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Rows:
    """The rows with a label and a group, in memory.

    Attributes
    ----------
    columns : dict of str to array
        What may be learned from: float64, or text and None.
    features : tuple of str
        What models see: these, and the group's columns where that was asked for.
    groups : dict of str to array
        Columns that name groups, as text.
    y : int array
        1 for the favourable label.
    given : array
        The labels in the type that people expect back.
    label : str
        Name of the outcome.
    labels : tuple of str
        The unfavourable and the favourable label, as text.
    weight : float array or None
        Weight of each row.
    include_group : bool
        Whether models see the group.
    files : dict of str to str
        Digests of the files read.
    missing : tuple of str
        Texts that mean "missing".
    notes : tuple of str
        What was left out.
    """

    columns: dict[str, Array]
    features: tuple[str, ...]
    groups: dict[str, Array]
    y: Ints
    given: Array
    label: str
    labels: tuple[str, str]
    weight: Floats | None
    include_group: bool
    files: dict[str, str]
    missing: tuple[str, ...]
    notes: tuple[str, ...]


def read_rows(table: Table, policy: Policy, *, drop: tuple[str, ...], max_rows: int, include_group: bool) -> Rows:
    """Return the rows that have an outcome and a group.

    Parameters
    ----------
    table : Table
        The data.
    policy : Policy
        Which columns mean what.
    drop : tuple of str
        Columns not to learn from.
    max_rows : int
        More are sampled.
    include_group : bool
        Whether models see the group's columns.

    Raises
    ------
    UnknownColumn
        If a column is not there.
    InputError
        If the outcome is not of two values, or there is too little to learn from.
    """
    d, by = policy.data, policy.groups.columns
    if d.label is None:
        raise InputError("no outcome was given: say which column holds it (label=, --label).")
    if not by:
        raise InputError("no group column was given: say which column names the groups (group=, --group).")
    for name in (d.label, *by, *drop, *(() if d.weight is None else (d.weight,))):
        if name not in table.columns:
            some = ", ".join(table.columns[:20]) + (" ..." if len(table.columns) > 20 else "")
            hint = did_you_mean(name, table.columns)
            raise UnknownColumn(f"no column {name!r} in {table.source}. Columns: {some}.{hint}")
    counts = table.counts(
        group=by, label=d.label, weight=d.weight, task="multiclass", max_groups=policy.groups.max_groups
    )
    if counts.rows == 0:
        raise InputError(f"{table.source} has no rows: there is nothing to learn from.")
    seen = [v for dim in counts.dims if dim.role == "label" for v in dim.levels if v is not None]
    if len(seen) != 2:
        what = f"the value {seen[0]!r} alone" if len(seen) == 1 else f"{len(seen):,} different values"
        raise InputError(f"{d.label!r} has {what}; remedies need an outcome of two values.")
    best = resolve_favourable(counts, d.favourable)
    best = best if best in seen else next(v for v in seen if v not in ("0", "False"))
    said = tuple(c for c in (d.prediction, d.score) if c is not None and c in table.columns)
    taken = (d.label, *by, *drop, *said, *(() if d.weight is None else (d.weight,)))
    features = tuple(c for c in table.columns if c not in taken and table.kind(c) != "other")
    if not features:
        raise InputError(
            f"{table.source} has no column to learn from beside the outcome, the groups and those left out."
        )
    needed = [*features, d.label, *by, *(() if d.weight is None else (d.weight,))]
    sample = table.sample(max_rows, seed=policy.statistics.seed, columns=needed)
    texts = {c: _texts(sample[c], table.kind(c)) for c in (d.label, *by)}
    labelled = np.array([v is not None for v in texts[d.label].tolist()], dtype=bool)
    grouped = np.all([[v is not None for v in texts[c].tolist()] for c in by], axis=0)
    keep = labelled & grouped
    if int(keep.sum()) < LEAST_ROWS:
        raise InputError(
            f"{int(keep.sum()):,} rows of {table.source} have an outcome and a group; at least {LEAST_ROWS} are needed."
        )
    y = (texts[d.label][keep] == best).astype(np.int64)
    if not 0 < y.sum() < len(y):
        raise InputError(f"every row with a group has the same value of {d.label!r}; there is nothing to learn.")
    notes = _left(table, counts.rows, labelled, grouped, d.label, by)
    if said:
        notes += (f"{listing(said)} of the policy, which the system in use said, is not learned from.",)
    return Rows(
        columns={c: as_days(sample[c][keep]) for c in features},
        features=(*features, *by) if include_group else features,
        groups={c: texts[c][keep] for c in by},
        y=y,
        given=_as_given(sample[d.label][keep], table.kind(d.label)),
        label=d.label,
        labels=(next(v for v in seen if v != best), best),
        weight=None if d.weight is None else sample[d.weight][keep],
        include_group=include_group,
        files=dict(table.files),
        missing=tuple(d.missing),
        notes=notes,
    )


def _texts(values: Array, kind: str) -> Array:
    """Return values as canonical text; a sample holds booleans as numbers."""
    out = np.empty(len(values), dtype=object)
    known = {0.0: False, 1.0: True} if kind == "boolean" else {}
    out[:] = [level(known.get(v, v)) for v in values.tolist()]
    return out


def _as_given(values: Array, kind: str) -> Array:
    """Return labels in the type that people expect back: text, booleans or whole numbers."""
    if values.dtype == object:
        return values.astype(str)
    if kind == "boolean":
        return values.astype(bool)
    return values.astype(np.int64) if (values == np.floor(values)).all() else values


def _left(table: Table, rows: int, labelled: Any, grouped: Any, label: str, by: tuple[str, ...]) -> tuple[str, ...]:
    notes = []
    if rows > len(labelled):
        notes.append(f"{len(labelled):,} of {rows:,} rows of {table.source} were drawn.")
    if not labelled.all():
        notes.append(f"{int((~labelled).sum()):,} rows have no value of {label}, and were left out.")
    if not grouped[labelled].all():
        n = int((~grouped[labelled]).sum())
        notes.append(f"{n:,} rows have no value of {listing(by)}, and were left out: nothing is said of these people.")
    return tuple(notes)


def people_of(read: Rows, scores: Floats | None, decisions: NDArray[np.bool_] | None = None) -> People:
    """Return the rows as numbers.

    Parameters
    ----------
    read : Rows
        The rows.
    scores : float array or None
        Scores of a model that is trained already.
    decisions : bool array or None
        What that model decides.
    """
    columns = [coded(values) for values in read.columns.values()]
    groups: dict[str, tuple[Ints, tuple[str, ...]]] = {}
    for name, values in read.groups.items():
        names = tuple(str(v) for v in sort_levels(set(values.tolist())))
        where: dict[Level, int] = {v: i for i, v in enumerate(names)}
        groups[name] = (np.array([where[v] for v in values.tolist()], dtype=np.int64), names)
        columns.append((groups[name][0].astype(np.float64), len(names)))
    return People(
        x=np.stack([codes for codes, _ in columns], axis=1),
        levels=tuple(texts for _, texts in columns),
        features=len(columns) if read.include_group else len(read.columns),
        y=read.y,
        groups=groups,
        weight=read.weight,
        scores=scores,
        decisions=decisions,
    )


def strata_of(people: People) -> Ints:
    """Return label crossed with group, as a number for each row."""
    flat = people.y.copy()
    for codes, names in people.groups.values():
        flat = flat * len(names) + codes
    return flat
