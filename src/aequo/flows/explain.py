"""From a saved model and a table to an explanation: of the model over many people, or of one decision."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aequo import __version__
from aequo.core.policy import Policy
from aequo.core.table import Table
from aequo.errors import InputError
from aequo.models.files import load_model
from aequo.transparency.columns import is_elsewhere
from aequo.transparency.decision import DecisionExplanation
from aequo.transparency.explanation import DatasetExplanation
from aequo.transparency.importance import explain
from aequo.transparency.seen import Seen, called, seen_of
from aequo.transparency.transparent import TransparentModel

__all__ = ["explain_decision", "explain_model"]


def explain_model(
    model: Any,
    data: Any,
    *,
    label: str | None = None,
    favourable: Any = None,
    group: Sequence[str] | str | None = None,
    policy: Policy | None = None,
    trusted: bool | Sequence[str] = False,
    progress: Callable[[str], None] | None = None,
    **how: Any,
) -> DatasetExplanation:
    """Measure what a model leans on, over rows that it was not trained on and for each group of people.

    Parameters
    ----------
    model : path or model
        A file that `aequo.models.files.load_model` reads, or anything that `aequo.models.predicting.as_model` takes.
    data : path, frame, mapping or Table
        Rows with the model's columns, and the label and the groups.
    label, favourable, group
        As for `aequo.transparency.explain`; those of the policy by default, where the data has them.
    policy : Policy, optional
        Gives label, favourable value, groups, confidence, seed, and texts that mean "missing".
    trusted : bool or sequence of str
        What a model's file may hold beside what is harmless, as for `load_model`.
    progress : callable, optional
        Told in a few words what is done.
    **how
        As for `aequo.transparency.explain`.

    Returns
    -------
    DatasetExplanation
        With a finding for each group column.

    Raises
    ------
    Refused
        If the model's file holds what is not trusted.
    InputError
        If the model or the data cannot be used in this way.

    Examples
    --------
    >>> people = {"a": [i % 10 for i in range(60)], "paid": [int(i % 10 > 4) for i in range(60)]}
    >>> explain_model(lambda rows: rows["a"] / 10, people, label="paid", partial=0).importances[0].name
    'a'
    """
    rules = policy or Policy()
    table = _table(data, rules)
    known = _columns(table)
    if group is None:
        group = tuple(c for c in rules.groups.columns if known is None or c in known)
    if label is None and rules.data.label is not None and (known is None or rules.data.label in known):
        label = rules.data.label
    return explain(
        _loaded(model, trusted),
        table,
        label=label,
        favourable=rules.data.favourable if favourable is None and label == rules.data.label else favourable,
        group=group,
        source=_source(data),
        progress=progress,
        **{"confidence": rules.statistics.confidence, "seed": rules.statistics.seed, **how},
    )


def explain_decision(
    model: Any,
    data: Any,
    row: int,
    *,
    label: str | None = None,
    favourable: Any = None,
    background: Any = None,
    immutable: Sequence[str] | str | None = None,
    monotone: Mapping[str, str] | None = None,
    outcome: str = "favourable",
    words: Mapping[str, str] | None = None,
    reasons: Mapping[str, str] | None = None,
    threshold: float | None = None,
    n: int = 3,
    policy: Policy | None = None,
    trusted: bool | Sequence[str] = False,
    seed: int | None = None,
    progress: Callable[[str], None] | None = None,
) -> DecisionExplanation:
    """Explain one decision of a model: contributions, reasons, confidence, and what would have changed it.

    Parameters
    ----------
    model : path or model
        As for `explain_model`.
    data : path, frame, mapping or Table
        Rows that the model was not trained on; in their order.
    row : int
        Which row; the first is 0.
    label : str, optional
        Column with the outcome; the confidence is calibrated on the other rows with it. The policy's by default.
    favourable : value, optional
        The outcome that is good for the person.
    background : path, frame, mapping or Table, optional
        Rows that contributions compare with; the data by default.
    immutable : str or sequence of str, optional
        Columns that a person cannot change; the policy's groups by default. Those groups are never given as a reason
        without being flagged.
    monotone : mapping of str to {"up", "down"}, optional
        Numbers that can only rise or fall.
    outcome : str
        The favourable decision as a word.
    words : mapping of str to str, optional
        Names of columns for people.
    reasons : mapping of str to str, optional
        A sentence for a column, as for `TransparentModel`.
    threshold : float, optional
        Scores from here on are favourable; the policy's, else what the model itself would predict.
    n : int
        Counterfactuals at most.
    policy : Policy, optional
        Gives what is not given here.
    trusted : bool or sequence of str
        As for `explain_model`.
    seed : int, optional
        Of everything random; the policy's by default.
    progress : callable, optional
        Told in a few words what is done.

    Raises
    ------
    Refused
        If the model's file holds what is not trusted.
    InputError
        If the model, the data or the row cannot be used in this way.

    Examples
    --------
    >>> people = {"debt": [i / 100 for i in range(100)]}
    >>> found = explain_decision(lambda rows: 1 - rows["debt"], people, 91, outcome="approved")
    >>> found.counterfactuals.found[0].sentence
    'Approved if debt were 0.5 instead of 0.91.'
    """
    rules = policy or Policy()
    tell = progress or _nothing
    table = _table(data, rules)
    known = _columns(table)
    if label is None and rules.data.label is not None and (known is None or rules.data.label in known):
        label = rules.data.label
    if favourable is None and label == rules.data.label:
        favourable = rules.data.favourable
    chosen = rules.statistics.seed if seed is None else seed
    limit = rules.data.threshold if threshold is None else threshold
    seen = seen_of(_loaded(model, trusted), table, label, favourable, (), None, all_rows=True)
    if isinstance(row, bool) or not hasattr(row, "__index__") or not 0 <= row < len(seen.rows):
        raise InputError(f"row {row!r} was asked for, and the data has rows 0 to {len(seen.rows) - 1:,}.")
    protected = tuple(c for c in rules.groups.columns if c in seen.rows.names)
    fixed = protected if immutable is None else (immutable,) if isinstance(immutable, str) else tuple(immutable)
    against = seen.rows if background is None else seen_of(seen.model, _table(background, rules), all_rows=True).rows
    tell("contributions")
    transparent = TransparentModel(
        seen.model,
        background=against,
        calibration=_calibration(seen, row),
        threshold=limit if seen.model.classes else None,
        reasons=reasons,
        protected=protected,
        immutable=fixed,
        seed=chosen,
    )
    explained = transparent.predict_with_explanation(seen.rows.take(np.array([row])))
    ways = None
    why_none = "" if seen.model.classes else "the model predicts a number, and no value is wanted"
    if not why_none:
        tell("what would change the decision")
        ways = transparent.counterfactuals(
            row, data=seen.rows, monotone=monotone, outcome=outcome, words=words, n=n, seed=chosen, immutable=fixed
        )
    return DecisionExplanation(
        row=row,
        explained=explained,
        counterfactuals=ways,
        no_counterfactuals=why_none,
        source=_source(data) or seen.source,
        outcome=outcome,
        threshold=limit,
        background_rows=transparent.base_rows,
        model=called(seen.model),
        notes=seen.notes,
        version=__version__,
    )


def _nothing(text: str) -> None:
    """Tell nobody."""


def _loaded(model: Any, trusted: bool | Sequence[str]) -> Any:
    return load_model(Path(model), trusted=trusted) if isinstance(model, (str, os.PathLike)) else model


def _table(data: Any, rules: Policy) -> Any:
    """Return what is not in memory as a table, with what the policy says of it; anything else as it is."""
    if isinstance(data, (str, os.PathLike)) or is_elsewhere(data):
        return Table.of(data, missing=rules.data.missing)
    return data


def _columns(data: Any) -> tuple[str, ...] | None:
    """Return the names of the columns, where they are known without a look at the rows."""
    if isinstance(data, Mapping):
        return tuple(map(str, data))
    columns = getattr(data, "column_names", None) or getattr(data, "columns", None)
    return None if columns is None else tuple(str(c) for c in columns)


def _source(data: Any) -> str | None:
    return Path(data).name if isinstance(data, (str, os.PathLike)) else None


def _calibration(seen: Seen, row: int) -> tuple[Any, Any] | None:
    """Return the other rows and their true classes, where there is a label."""
    if seen.truth is None or not seen.model.classes:
        return None
    other = [i for i in range(len(seen.rows)) if i != row and seen.truth[i] == seen.truth[i]]
    worse = next(c for c in seen.model.classes if c != seen.model.positive)
    return seen.rows.take(np.array(other)), [seen.model.positive if seen.truth[i] else worse for i in other]
