"""The fewest columns that a model needs, as evidence: what leaving the others out costs, with intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aequo.core.counts import Ints
from aequo.core.finding import Evidence
from aequo.core.splits import Split
from aequo.core.table import Table
from aequo.errors import InputError, UnknownColumn, did_you_mean, need
from aequo.models.pipeline import as_days
from aequo.privacy.minimisation.judge import Asked, judged, unmeasured
from aequo.privacy.minimisation.metrics import metric_of
from aequo.privacy.minimisation.models import Features, Frame, Matrix, Truth, is_regression, maker, truth_of
from aequo.privacy.minimisation.result import MinimalColumns
from aequo.privacy.minimisation.search import Search, parts_of, splits_of
from aequo.privacy.releases.classes import table_of

__all__ = ["suggest_minimal"]

LEAST_ROWS = 100
"""With fewer rows nothing is said."""

LEAST_OF_CLASS = 20
"""Metrics that look at each class need so many rows of it."""

_HELD_OUT = 3
"""One row in three takes no part in the search: then both intervals are about equally wide."""

_REPEATED = 0.2
"""Equal rows stay together, unless more rows than this have an equal one, as where there are few values."""


def suggest_minimal(
    model: Any,
    frame: Any,
    target: str,
    *,
    tolerance: float = 0.01,
    metric: str | None = None,
    required: Sequence[str] | str = (),
    exclude: Sequence[str] | str = (),
    encode: bool = True,
    folds: int = 5,
    repeats: int = 2,
    confidence: float = 0.95,
    max_rows: int = 20_000,
    seed: int = 0,
    missing: Sequence[str] = ("",),
    encoding: str = "utf-8",
    progress: Callable[[str], None] | None = None,
) -> MinimalColumns:
    """Find the smallest set of columns with which a model is as good as with all, within a tolerance.

    Parameters
    ----------
    model : {"logistic", "boosting", "forest"}, estimator, class or callable
        A model by name (logistic is ridge in a regression), a scikit-learn estimator or pipeline, its class, or a
        function that takes the names of the columns and returns an estimator. It is cloned, and never fitted itself.
    frame : path, frame, columns or records
        What `aequo.Table` takes, or a list of dicts.
    target : str
        Column to predict.
    tolerance : float
        Largest loss that is accepted, in the unit of the metric, 0 or more.
    metric : {"accuracy", "balanced_accuracy", "auc", "log_loss", "r2", "mae"}, optional
        Accuracy for classes, R2 for numbers. Of `log_loss` and `mae` less is better, and a loss is how much they rise.
    required : str or sequence of str
        Columns that stay in any case.
    exclude : str or sequence of str
        Columns that are not to be used at all, such as identifiers.
    encode : bool
        Whether columns become numbers first, inside each fold: numbers imputed by the median and scaled, texts of up to
        30 values one-hot, of more by the mean target. Without it the estimator gets the columns as they are, of a
        pandas or polars frame.
    folds, repeats : int
        Parts of a cross-validation, and how often it is done.
    confidence : float
        Level of the intervals, in (0, 1).
    max_rows : int
        More rows are sampled.
    seed : int
        Of everything random. The same seed gives the same result.
    missing : sequence of str
        Texts that mean "missing".
    encoding : str
        Encoding of a CSV file.
    progress : callable, optional
        Told in a few words what is done.

    Returns
    -------
    MinimalColumns
        The recommended columns, the path to them, and a finding ``privacy/minimal-columns/<target>``: PASS if fewer
        columns are enough, or if every one is needed; UNKNOWN if the data cannot tell.

    Raises
    ------
    UnknownColumn
        If a column is not there.
    InputError
        If an option, the model or the target cannot be used in this way.
    MissingExtra
        If scikit-learn is not installed (extra ``ml``).

    Notes
    -----
    Two thirds of the rows are searched on: backwards from all columns, each step leaves out the column whose loss is
    least, among the three that matter least when their values are shuffled. Every set is judged on the same splits of
    repeated cross-validation, as paired differences from all columns; the interval is Student's with the correction of
    Nadeau and Bengio for splits that share rows. Choosing flatters what is chosen, so the path is then judged on the
    other third, from the largest set down to the first that fails (a fixed sequence, which needs no correction). A set
    is accepted if the worst end of both intervals is within the tolerance, and so is every larger set on the path.

    What holds for this model and metric need not hold for others, or for each group of people: see `aequo.assess`.

    References
    ----------
    C. Nadeau, Y. Bengio (2003), "Inference for the generalization error", Machine Learning 52.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(3000, 3))
    >>> data = {"a": x[:, 0], "b": x[:, 1], "noise": x[:, 2], "y": (x[:, 0] + x[:, 1] > 0).astype(int)}
    >>> found = suggest_minimal("logistic", data, "y")
    >>> found.columns, found.dropped, found.verdict.value
    (('a', 'b'), ('noise',), 'pass')
    """
    need("sklearn", "ml")
    keep, without = _names(required), _names(exclude)
    _possible(tolerance, folds, repeats, confidence, max_rows)
    frame = frame if encode else _sampled(frame, max_rows, seed)
    table = table_of(frame, missing=missing, encoding=encoding)
    names = _columns(table, target, keep, without)
    regression = is_regression(model, names)
    data = _data(table, frame, names, target, regression, encode=encode, rows=max_rows, seed=seed)
    chosen = metric_of(metric, regression=data.truth.regression)
    evidence = tuple(Evidence(kind="file", digest=digest) for digest in table.files.values())
    asked = Asked(target, _called(model), chosen, tolerance, confidence, seed, keep, names, data.notes, evidence)
    why = _unmeasurable(asked, data)
    if why is not None:
        return unmeasured(asked, len(data.strata), why)
    parts = parts_of(data.units, data.strata, _HELD_OUT, np.random.default_rng(seed))
    split = Split(np.flatnonzero(parts > 0), np.flatnonzero(parts == 0))
    search = Search(
        make=maker(model, regression=data.truth.regression, seed=seed),
        features=data.features,
        truth=data.truth,
        metric=chosen,
        splits=splits_of(data.units, data.strata, split.train, folds=folds, repeats=repeats, seed=seed + 1),
        seed=seed,
        confidence=confidence,
        tell=progress,
    )
    return judged(asked, search, split)


@dataclass(frozen=True, slots=True, eq=False)
class _Data:
    """The rows, ready to be split: units stay together, strata are spread evenly."""

    features: Features
    truth: Truth
    units: Ints
    strata: Ints
    notes: tuple[str, ...]


def _names(given: Sequence[str] | str) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def _possible(tolerance: float, folds: int, repeats: int, confidence: float, max_rows: int) -> None:
    if not tolerance >= 0:
        raise InputError(f"the tolerance is {tolerance!r}, expected a number from 0, such as 0.01.")
    if not 0.5 <= confidence < 1:
        raise InputError(f"the confidence is {confidence!r}, expected a number from 0.5 to below 1.")
    for name, value, least in (("folds", folds, 2), ("repeats", repeats, 1), ("max_rows", max_rows, LEAST_ROWS)):
        if isinstance(value, bool) or value != int(value) or value < least:
            raise InputError(f"{name} is {value!r}, expected a whole number from {least}.")


def _columns(table: Table, target: str, keep: tuple[str, ...], without: tuple[str, ...]) -> tuple[str, ...]:
    known = table.columns
    for name in (target, *keep, *without):
        if name not in known:
            some = ", ".join(known[:20]) + (" ..." if len(known) > 20 else "")
            raise UnknownColumn(f"no column {name!r} in {table.source}. Columns: {some}.{did_you_mean(name, known)}")
    if target in keep or target in without:
        raise InputError(f"{target!r} is the target; it can be neither required nor excluded.")
    if both := [name for name in keep if name in without]:
        raise InputError(f"{both[0]!r} is both required and excluded.")
    if table.kind(target) in ("other", "date"):
        raise InputError(
            f"the target {target!r} holds {table.kind(target)} values; expected numbers, text or booleans."
        )
    return tuple(c for c in known if c != target and c not in without and table.kind(c) != "other")


def _sampled(frame: Any, rows: int, seed: int) -> Any:
    """Return at most so many rows of a frame in memory, of its own kind."""
    import narwhals as nw

    try:
        whole = nw.from_native(frame, eager_only=True)
    except TypeError:
        return frame  # refused where the columns are taken from it
    if len(whole) <= rows:
        return frame
    chosen = np.sort(np.random.default_rng(seed).choice(len(whole), rows, replace=False))
    return whole[chosen.tolist(), list(whole.columns)].to_native()


def _data(
    table: Table,
    frame: Any,
    names: tuple[str, ...],
    target: str,
    regression: bool | None,
    *,
    encode: bool,
    rows: int,
    seed: int,
) -> _Data:
    taken = table.sample(rows, seed=seed, columns=[*names, target])
    values = taken.pop(target)
    known = np.array([v is not None and v == v for v in values.tolist()], dtype=bool)
    notes = []
    if not known.all():
        notes.append(f"{int((~known).sum()):,} of {len(known):,} rows have no value of {target}, and were left out.")
    coded = Matrix({name: as_days(column[known]) for name, column in taken.items()}, int(known.sum()))
    truth = truth_of(values[known], regression=regression)
    features: Features = coded if encode else Frame(frame, names, np.flatnonzero(known))
    equal = np.nan_to_num(np.concatenate([coded.x, truth.codes[:, None]], axis=1), nan=-1e31)
    _, of, often = np.unique(equal, axis=0, return_inverse=True, return_counts=True)
    repeated = float(often[often > 1].sum() / max(len(equal), 1))
    units = of.reshape(-1) if repeated <= _REPEATED else np.arange(len(equal))
    if repeated > _REPEATED:
        notes.append(
            f"{repeated:.0%} of the rows equal another one in every column. If they are copies, the model is judged on "
            "rows that it has seen; take copies out first."
        )
    elif repeated:
        notes.append(f"Rows that are equal in every column ({repeated:.1%}) are kept together in every split.")
    strata = np.zeros(len(equal), dtype=np.int64) if truth.regression else truth.codes.astype(np.int64)
    return _Data(features, truth, units, strata, tuple(notes))


def _unmeasurable(plan: Asked, data: _Data) -> str | None:
    rows, metric = len(data.strata), plan.metric
    if rows < LEAST_ROWS:
        return f"Not judged: {rows:,} rows have a value of {plan.target}; at least {LEAST_ROWS} are needed."
    if len(plan.names) < 2:
        return (
            "Not judged: there is one column alone to predict from."
            if plan.names
            else "Not judged: there is no column."
        )
    if set(plan.names) <= set(plan.required):
        return "Not judged: every column is required."
    if data.truth.regression:
        return None if data.truth.codes.std() > 0 else f"Not judged: every row has the same value of {plan.target}."
    sizes = np.bincount(data.strata, minlength=len(data.truth.classes))
    if len(sizes) < 2:
        return f"Not judged: every row has the same value of {plan.target}."
    if metric.name in ("auc", "balanced_accuracy") and sizes.min() < LEAST_OF_CLASS:
        few = int(sizes.min())
        return f"Not judged: {metric.name} needs {LEAST_OF_CLASS} rows of each class of {plan.target}; one has {few}."
    return None


def _called(model: Any) -> str:
    if isinstance(model, str):
        return model
    return str(getattr(model, "__name__", type(model).__name__))
