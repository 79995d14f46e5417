"""Which of the user's columns each column of a pipeline's output comes from: one-hot parts lead back to theirs."""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aequo.core.columns import Array
from aequo.core.counts import Floats, Ints
from aequo.errors import InputError
from aequo.models.predicting import Model, as_model
from aequo.models.rows import Rows

__all__ = ["Split", "dense", "split"]

_TOKEN = re.compile("\N{SYMBOL FOR UNIT SEPARATOR}([0-9]+)\N{SYMBOL FOR UNIT SEPARATOR}")
_LOOKED_AT = 25
_MIXED = -1


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """A model in two halves: what prepares the columns, and what predicts.

    Attributes
    ----------
    final : Model
        What predicts, from the prepared columns.
    steps : tuple of object
        Fitted transformers before it; empty if there are none.
    owner : int array or None
        For each prepared column the position of the user's column that it comes from; None if one comes from several,
        as after a principal component analysis.
    """

    final: Model
    steps: tuple[Any, ...]
    owner: Ints | None

    def prepared(self, fed: Any) -> Any:
        """Return what the second half is given.

        Parameters
        ----------
        fed : array or frame
            What the whole model is given.
        """
        for step in self.steps:
            fed = step.transform(fed)
        return fed

    def by_column(self, parts: Floats, columns: int) -> Floats:
        """Return sums of prepared columns over those that come from the same column of the user.

        Parameters
        ----------
        parts : float array
            Shape (rows, prepared columns).
        columns : int
            How many columns the user has.
        """
        if self.owner is None:
            raise InputError("a prepared column comes from several columns, so its part cannot be given to one.")
        if parts.shape[1] == columns and np.array_equal(self.owner, np.arange(columns)):
            return parts
        belongs: Floats = (self.owner[:, None] == np.arange(columns)).astype(np.float64)
        return parts @ belongs


def split(model: Model, some: Rows) -> Split:
    """Return the two halves of a model; one that is no pipeline has nothing in the first.

    The owners are read from the names of the prepared columns and then tried: while one column of `some` is shuffled,
    no prepared column of another may change.

    Parameters
    ----------
    model : Model
        The model.
    some : Rows
        A few rows to try it on.
    """
    native = model.native
    while hasattr(native, "best_estimator_"):  # a search is its best model
        native = native.best_estimator_
    columns = len(model.columns)
    if not (hasattr(native, "steps") and hasattr(native, "named_steps")):
        final = model if native is model.native else as_model(native, positive=model.positive)
        return Split(final, (), np.arange(columns))
    steps = [step for _, step in native.steps if step is not None and not isinstance(step, str)]
    first = tuple(steps[:-1])
    final = as_model(steps[-1], positive=model.positive)
    owner: Ints = np.arange(columns, dtype=np.int64)
    for step in first:
        found = _owners(step, len(owner), model.columns if step is first[0] else ())
        if found is None or _MIXED in found:
            return Split(final, first, None)
        owner = owner[np.array(found, dtype=np.int64)]
    halves = Split(final, first, owner)
    return halves if not first or _holds(halves, model, some) else Split(final, first, None)


def _owners(step: Any, width: int, names: Sequence[str]) -> list[int] | None:
    """Return the input column of each output column of one transformer: `_MIXED` for several, None if unknown."""
    kind = type(step).__name__
    if kind == "Pipeline":
        return _of_pipeline(step, width, names)
    if kind == "ColumnTransformer":
        return _of_column_transformer(step, width, names)
    if kind == "TableEncoder":  # ours: each column becomes one of numbers first
        return _owners(step.encoder_, width, ())
    if kind == "FeatureUnion":
        found: list[int] = []
        for _, part in step.transformer_list:
            inner = _owners(part, width, names)
            if inner is None:
                return None
            found += inner
        return found
    if kind == "FunctionTransformer" and step.feature_names_out is None:
        return list(range(width))  # said by nobody, and tried afterwards
    return _by_names(step, width)


def _of_pipeline(pipeline: Any, width: int, names: Sequence[str]) -> list[int] | None:
    owner = list(range(width))
    for _, step in pipeline.steps:
        if step is None or isinstance(step, str):
            continue
        found = _owners(step, len(owner), names)
        if found is None:
            return None
        owner, names = [owner[i] if i >= 0 else _MIXED for i in found], ()
    return owner


def _of_column_transformer(step: Any, width: int, names: Sequence[str]) -> list[int] | None:
    known = [str(n) for n in getattr(step, "feature_names_in_", names)] or [str(i) for i in range(width)]
    owner: dict[int, int] = {}
    for name, part, chosen in step.transformers_:
        place = step.output_indices_.get(name, slice(0, 0))
        if (isinstance(part, str) and part == "drop") or place.start == place.stop:
            continue
        at = _positions(chosen, known)
        inner = list(range(len(at))) if isinstance(part, str) else _owners(part, len(at), [known[i] for i in at])
        if inner is None or len(inner) != place.stop - place.start:
            return None
        owner |= {place.start + k: at[i] if i >= 0 else _MIXED for k, i in enumerate(inner)}
    if sorted(owner) != list(range(len(owner))):
        return None
    order = [list(names).index(n) if n in names else i for i, n in enumerate(known)]
    return [order[owner[k]] if owner[k] >= 0 else _MIXED for k in range(len(owner))]


def _positions(chosen: Any, known: Sequence[str]) -> list[int]:
    if isinstance(chosen, slice):
        if isinstance(chosen.start, str) or isinstance(chosen.stop, str):
            low = known.index(chosen.start) if chosen.start is not None else 0
            high = known.index(chosen.stop) + 1 if chosen.stop is not None else len(known)
            return list(range(low, high))
        return list(range(len(known)))[chosen]
    if isinstance(chosen, (str, int)):
        chosen = [chosen]
    listed = np.asarray(chosen)
    if listed.dtype == bool:
        return [int(i) for i in np.flatnonzero(listed)]
    return [known.index(c) if isinstance(c, str) else int(c) % len(known) for c in listed.tolist()]


def _by_names(step: Any, width: int) -> list[int] | None:
    """Read the owners from the output's names, after giving the inputs names that occur nowhere else."""
    if not hasattr(step, "get_feature_names_out"):
        return None
    twin = copy.copy(step)
    vars(twin).pop("feature_names_in_", None)
    mark = "\N{SYMBOL FOR UNIT SEPARATOR}"
    try:
        said = twin.get_feature_names_out(np.array([f"{mark}{i}{mark}" for i in range(width)], dtype=object))
    except (ValueError, TypeError, AttributeError):
        return None
    found = [{int(i) for i in _TOKEN.findall(str(name))} for name in said]
    return [one.pop() if len(one) == 1 else _MIXED for one in found]


def _holds(halves: Split, model: Model, some: Rows) -> bool:
    """Return whether no prepared column changes but its owner's, while each column of some rows is shuffled."""
    few = some.take(np.arange(min(len(some), _LOOKED_AT)))
    before = dense(halves.prepared(model.fed(few)))
    if halves.owner is None or before.shape[1] != len(halves.owner):
        return False
    n, columns = len(few), len(few.names)
    for j in range(columns):
        at = np.repeat(np.arange(n)[:, None], columns, axis=1)
        at[:, j] = np.roll(at[:, j], n // 2)
        after = dense(halves.prepared(model.fed(few.mixed(at))))
        others = halves.owner != j
        if not np.allclose(before[:, others], after[:, others], rtol=1e-9, atol=1e-12, equal_nan=True):
            return False
    return True


def dense(prepared: Any) -> Array:
    """Return prepared columns as a float array, whatever holds them.

    Parameters
    ----------
    prepared : array, sparse matrix or frame
        From `Split.prepared`.
    """
    if hasattr(prepared, "toarray"):
        prepared = prepared.toarray()
    try:
        return np.asarray(prepared, dtype=np.float64)
    except (TypeError, ValueError):  # text, or categories that the trees read themselves
        return np.asarray(prepared)
