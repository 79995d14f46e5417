"""A model and the rows that it is looked at on: its own columns, the outcome, and the groups that people are in."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aequo.core.counts import Floats
from aequo.core.levels import level, sort_levels
from aequo.errors import InputError, did_you_mean
from aequo.models.predicting import Model, as_model, plainly_favourable
from aequo.models.rows import Rows, as_rows
from aequo.transparency.columns import check_columns, rows_of

__all__ = ["LEAST_ROWS", "Seen", "called", "seen_of"]

LEAST_ROWS = 30
"""With fewer rows nothing is said."""

_MOST = 200_000
"""Of more rows so many are held: groups of some size have enough among them."""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """The model, the rows that it reads, and what else is known of them."""

    model: Model
    rows: Rows
    truth: Floats | None
    groups: dict[str, list[str | None]]
    favourable: str | None
    source: str
    notes: tuple[str, ...]


def seen_of(
    model: Any,
    data: Any,
    label: str | None = None,
    favourable: Any = None,
    groups: tuple[str, ...] = (),
    seed: int | None = 0,
    *,
    all_rows: bool = False,
) -> Seen:
    """Return the model, the rows in the columns that it reads, the outcome and the groups; as `explain` takes them.

    Parameters
    ----------
    model, data, label, favourable, groups
        As for `explain`.
    seed : int or None
        Of a sample of very many rows; None takes the first ones in their order.
    all_rows : bool
        Keep the rows without an outcome too, which is NaN then, and accept few rows.

    Raises
    ------
    UnknownColumn
        If a column is not there.
    InputError
        If there are too few rows, or the outcome cannot be used.
    """
    given = _given(model, favourable)
    more = tuple(c for c in (label, *groups) if c is not None)
    names = tuple(dict.fromkeys((*given.columns, *more))) if given.columns else ()
    rows = rows_of(data, names, most=None if all_rows else _MOST, seed=seed)
    check_columns(more, rows.names)
    read = given.columns or tuple(c for c in rows.names if c != label)
    if label in read:
        raise InputError(f"the model reads {label!r}, which is the label; expected a model that does not know it.")
    notes: list[str] = []
    if label is not None:
        known = np.array([level(v) is not None for v in rows.objects(label)], dtype=bool)
        if not known.all():
            many, left = int((~known).sum()), "take no part in the calibration" if all_rows else "were left out"
            notes.append(f"{many:,} of {len(rows):,} rows have no value of {label}, and {left}.")
        rows = rows if all_rows else rows.take(np.flatnonzero(known))
    if len(rows) < LEAST_ROWS and not all_rows:
        raise InputError(f"{len(rows):,} rows can be used; expected at least {LEAST_ROWS}.")
    features = as_rows(rows, read)
    asked = _given(model, favourable, background=features)
    truth, said = (None, None) if label is None else _truth(asked, rows.objects(label), label, favourable)
    people = {name: [level(v) for v in rows.objects(name)] for name in groups}
    for name, values in people.items():
        if unknown := values.count(None):
            notes.append(f"{unknown:,} of {len(values):,} rows have no value of {name}, and are in none of its groups.")
    return Seen(
        model=asked,
        rows=features,
        truth=truth,
        groups=people,
        favourable=said,
        source=_source(data),
        notes=tuple(notes),
    )


def _given(model: Any, favourable: Any, **how: Any) -> Model:
    """Return the model, with the favourable value as its favourable class where it is one."""
    if isinstance(model, Model):
        return as_model(model, **how)
    given = _classes(model)
    classes = [str(level(c)) for c in given]
    if favourable is not None and level(favourable) in classes:
        return as_model(model, positive=favourable, **how)
    if classes and plainly_favourable(given) is None:
        named = ", ".join(map(repr, classes[:10]))
        if favourable is None:
            ask = "say which is good for the person: favourable= (--favourable)."
        else:
            ask = f"{favourable!r} is none of them.{did_you_mean(str(favourable), classes)}"
        raise InputError(f"the model's classes are {named}; {ask}")
    return as_model(model, **how)


def _classes(model: Any) -> list[Any]:
    try:
        return list(model.classes_)
    except AttributeError:  # of a regression, a pipeline of one, or a function
        return []


def called(model: Model) -> str:
    """Return what kind of model it is; of a pipeline, its last step.

    Examples
    --------
    >>> called(as_model(lambda rows: rows[:, 0], columns=["a"]))
    'function'
    """
    native = model.native
    while hasattr(native, "steps"):
        native = native.steps[-1][1]
    return type(native).__name__


def _source(data: Any) -> str:
    if hasattr(data, "source") and isinstance(data.source, str):
        return str(data.source)
    if isinstance(data, str) or hasattr(data, "__fspath__"):
        return Path(data).name
    if isinstance(data, Mapping):
        return "columns in memory"
    return f"{type(data).__module__.split('.', 1)[0]} {type(data).__name__}".replace("builtins ", "")


def _truth(model: Model, values: list[Any], label: str, favourable: Any) -> tuple[Floats, str | None]:
    """Return the outcome of each row as a number, and the favourable value; none of a regression."""
    texts = [level(v) for v in values]
    if model.kind == "regressor":
        numbers = np.array([math.nan if t is None else _number(v, label) for v, t in zip(values, texts, strict=True)])
        return numbers, None
    good = level(model.positive if favourable is None else favourable)
    seen = sort_levels({t for t in texts if t is not None})
    if good not in seen:
        some = ", ".join(repr(t) for t in seen[:6])
        raise InputError(
            f"no row has {label} = {good!r}, which is favourable. Values: {some}. "
            "Say which is good for the person: favourable=... (--favourable)."
        )
    if len(seen) < 2:
        raise InputError(f"every row has {label} = {good!r}; expected another outcome too.")
    return np.array([math.nan if t is None else float(t == good) for t in texts]), good


def _number(value: Any, label: str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise InputError(f"the model is a regression, and {label!r} holds more than numbers.") from None
