"""The table of fairness checks, and the way from bare arrays or counts to one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np

from aequo.core.counts import Counts
from aequo.core.table import Table, Task
from aequo.errors import InputError, did_you_mean
from aequo.fairness.measures import Outcomes, measure
from aequo.fairness.metric import How, Metric, compare

__all__ = [
    "CHECKS",
    "Check",
    "Options",
    "count_arrays",
    "evaluate",
    "run",
]


@dataclass(frozen=True, slots=True)
class Check:
    """What a fairness check compares, and how.

    Attributes
    ----------
    measures : tuple of str
        Per-group measures.
    how : {"difference", "ratio", "largest"}
        How groups are compared.
    limit : float
        The default limit.
    needs : frozenset of str
        Of ``"decision"``, ``"label"`` (beside a prediction), ``"score"``.
    """

    measures: tuple[str, ...]
    how: How
    limit: float
    needs: frozenset[str]


_DECISION = frozenset({"decision"})
_BOTH = frozenset({"decision", "label"})
_SCORE = frozenset({"label", "score"})

CHECKS: Mapping[str, Check] = {
    "demographic-parity": Check(("selection_rate",), "difference", 0.1, _DECISION),
    "disparate-impact": Check(("selection_rate",), "ratio", 0.8, _DECISION),
    "equal-opportunity": Check(("true_positive_rate",), "difference", 0.1, _BOTH),
    "equalized-odds": Check(("true_positive_rate", "false_positive_rate"), "difference", 0.1, _BOTH),
    "false-positive-rate-parity": Check(("false_positive_rate",), "difference", 0.1, _BOTH),
    "false-negative-rate-parity": Check(("false_negative_rate",), "difference", 0.1, _BOTH),
    "predictive-parity": Check(("positive_predictive_value",), "difference", 0.1, _BOTH),
    "accuracy-parity": Check(("accuracy",), "difference", 0.1, _BOTH),
    "balanced-accuracy-parity": Check(("balanced_accuracy",), "difference", 0.1, _BOTH),
    "treatment-equality": Check(("error_ratio",), "ratio", 0.8, _BOTH),
    "generalised-entropy": Check(("generalised_entropy",), "difference", 0.1, _BOTH),
    "theil-index": Check(("theil_index",), "difference", 0.1, _BOTH),
    "calibration": Check(("calibration_error",), "largest", 0.1, _SCORE),
    "auc-parity": Check(("auc",), "difference", 0.1, _SCORE),
}
"""Checks on binary outcomes by name. Conditional parity and the regression checks are in `strata` and `regression`."""


def run(
    check: str,
    outcomes: Outcomes,
    *,
    limit: float | None = None,
    confidence: float = 0.95,
    reference: str | None = None,
    min_size: int = 1,
) -> Metric:
    """Run one of `CHECKS` on tabulated outcomes."""
    what = CHECKS[check]
    return compare(
        check,
        [measure(outcomes, m) for m in what.measures],
        how=what.how,
        limit=what.limit if limit is None else limit,
        confidence=confidence,
        reference=reference,
        min_size=min_size,
    )


class Options(TypedDict, total=False):
    """Options that every metric takes, by keyword.

    Attributes
    ----------
    by : str or sequence of str
        Group columns to cross, where counts are given; all by default.
    favourable : Any
        The favourable value; 1 or True by default.
    reference : str
        Group that signed differences are taken to; the largest by default.
    weight : array-like of shape (n,)
        Weight of each row, not negative.
    confidence : float
        Level of the intervals, in (0, 1); 0.95 by default.
    limit : float
        What the value is held against; 0.1 for differences and 0.8 for ratios by default.
    min_size : int
        Groups with fewer rows behind the number take no part; 1 by default.
    """

    by: Sequence[str] | str
    favourable: Any
    reference: str | None
    weight: Any
    confidence: float
    limit: float
    min_size: int


def evaluate(check: str, roles: tuple[str, ...], values: tuple[Any, Any, Any], options: Options) -> Metric:
    """Tabulate what was given, and run the check."""
    for name in options:
        if name not in Options.__annotations__:
            known = Options.__annotations__
            raise TypeError(f"{check} has no option {name!r}.{did_you_mean(name, known)} Options: {', '.join(known)}.")
    how = dict(options)
    tabulate = {k: how.pop(k, None) for k in ("by", "favourable", "weight")}
    return run(check, _outcomes(*values, roles=roles, **tabulate), **how)  # type: ignore[arg-type]


def _outcomes(
    first: Any,
    second: Any,
    sensitive: Any,
    *,
    roles: tuple[str, ...],
    by: Any,
    favourable: Any,
    weight: Any,
) -> Outcomes:
    """Turn the guide's arrays, `Counts` or `Outcomes` into `Outcomes`."""
    if isinstance(first, Outcomes):
        return first
    if isinstance(first, Counts):
        return Outcomes.of(first, by, favourable=favourable)
    values = [first] if len(roles) == 1 else [first, second]
    if len(roles) == 1 and sensitive is None:
        sensitive = second
    if sensitive is None or any(v is None for v in values):
        takes = ", ".join((*(f"y_{r}" for r in roles), "sensitive"))
        raise InputError(f"expected ({takes}) arrays or counts; got fewer.")
    counts = count_arrays(dict(zip(roles, values, strict=True)), sensitive, weight)
    return Outcomes.of(counts, by, favourable=favourable)


def count_arrays(
    columns: Mapping[str, Any],
    sensitive: Any,
    weight: Any,
    *,
    task: Task = "binary",
    control: Mapping[str, Any] | None = None,
) -> Counts:
    """Count bare arrays; `sensitive` is one array, or a mapping or frame of several."""
    names = {f"y_{k}": k for k in columns}  # a prefix no group column is likely to have
    taken = {*names, "sample_weight"}
    if hasattr(sensitive, "columns"):
        groups = {str(c): sensitive[c] for c in sensitive.columns}
    elif isinstance(sensitive, Mapping):
        groups = {str(k): v for k, v in sensitive.items()}
    else:  # a pandas Series has keys too, which are its index
        name = str(getattr(sensitive, "name", None) or "group")
        groups = {"group" if name in taken else name: sensitive}
    strata = dict(control or {})
    if clash := sorted((taken & {*groups, *strata}) | (set(groups) & set(strata))):
        raise InputError(f"a group or control column is called {clash[0]!r}, which is another column here: rename it.")
    data = {**groups, **strata, **{a: columns[k] for a, k in names.items()}}
    if weight is not None:
        data["sample_weight"] = weight
    roles = {"true": "label", "pred": "prediction", "label": "label", "prediction": "prediction", "score": "score"}
    of = {roles[k]: a for a, k in names.items()}
    table = Table.of({k: _one_dimensional(k, v) for k, v in data.items()})
    return table.counts(
        group=list(groups),
        control=list(strata),
        label=of.get("label"),
        prediction=of.get("prediction"),
        score=of.get("score"),
        weight=None if weight is None else "sample_weight",
        task=task,
    )


def _one_dimensional(name: str, values: Any) -> Any:
    if not hasattr(values, "__len__") and not hasattr(values, "__iter__"):
        raise InputError(f"{name} is {type(values).__name__}; expected one value per row.")
    array = values if hasattr(values, "__len__") else list(values)
    shape: tuple[int, ...] = getattr(array, "shape", (len(array),))
    if len(shape) == 2 and shape[1] == 1:
        return np.asarray(array).reshape(-1)
    if len(shape) != 1:
        raise InputError(f"{name} has shape {tuple(shape)}; expected one value per row.")
    return array
