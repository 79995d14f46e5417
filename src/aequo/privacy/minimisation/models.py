"""Models and the columns they learn from: what is fitted for a set of columns, and how it is told of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from aequo.core.counts import Floats, Ints
from aequo.errors import InputError, need
from aequo.models.pipeline import check_estimator_name, coded, column_encoder, named_estimator, quiet, with_seed
from aequo.privacy.minimisation.metrics import Metric, Output

__all__ = [
    "Factory",
    "Features",
    "Fitted",
    "Frame",
    "Matrix",
    "Truth",
    "answers",
    "fitted",
    "is_regression",
    "maker",
    "truth_of",
]

Factory = Callable[[tuple[str, ...]], Any]
"""Makes a new, unfitted estimator for these columns."""

_FEW_VALUES = 20


# -- the target -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """The target of each row.

    Attributes
    ----------
    codes : float array
        The number, or the position of the class.
    labels : array
        What the estimator is fitted on: the number, or the class as it was given.
    classes : tuple of str
        Names of the classes; empty in a regression.
    code_of : mapping
        Label to position of the class.
    """

    codes: Floats
    labels: Any
    classes: tuple[str, ...]
    code_of: Mapping[Any, int]

    @property
    def regression(self) -> bool:
        """Whether the target is a number."""
        return not self.classes


def truth_of(values: Any, *, regression: bool | None) -> Truth:
    """Return the target; without being told, whole numbers of at most 20 values, text and booleans are classes.

    Parameters
    ----------
    values : array
        float64 or texts, without missing values.
    regression : bool or None
        What the model says it is for.

    Raises
    ------
    InputError
        If a regression is asked for and the target is text.
    """
    text = values.dtype == object
    if text and regression:
        raise InputError("the model is a regression, and the target holds text; expected numbers.")
    distinct, found = np.unique(values.astype(str) if text else values, return_inverse=True)
    whole = not text and bool((distinct == np.floor(distinct)).all())
    if regression or (regression is None and not text and not (whole and len(distinct) <= _FEW_VALUES)):
        return Truth(values, values, (), {})
    codes = found.reshape(-1)
    named: Any = distinct.astype(np.int64) if whole else distinct
    names = tuple(str(v) if text else f"{v:g}" for v in distinct.tolist())
    return Truth(codes.astype(np.float64), named[codes], names, {v: i for i, v in enumerate(named.tolist())})


# -- the columns ------------------------------------------------------------------------------------------------------


class Features(Protocol):
    """The columns that a model may learn from."""

    names: tuple[str, ...]

    def take(self, rows: Ints, columns: Sequence[str], *, shuffled: tuple[str, Ints] | None = None) -> Any:
        """Return some rows of some columns, one of them with its values in another order."""
        ...

    def encoder(self, columns: Sequence[str], seed: int) -> Any:
        """Return what turns columns into numbers, to be fitted with the model; None if the model reads them itself."""
        ...


class Matrix:
    """Columns as numbers: text as codes, NaN where a value is missing. Encoders learn with the model, in each fold.

    Parameters
    ----------
    columns : mapping of str to array
        float64, or objects of text and None.
    rows : int
        Values of each.
    """

    def __init__(self, columns: dict[str, Any], rows: int) -> None:
        self.names = tuple(columns)
        codes = {name: coded(values) for name, values in columns.items()}
        self.levels = {name: texts for name, (_, texts) in codes.items()}
        self.x: Floats = np.stack([c for c, _ in codes.values()], axis=1) if codes else np.zeros((rows, 0))

    def take(self, rows: Ints, columns: Sequence[str], *, shuffled: tuple[str, Ints] | None = None) -> Floats:
        """Return some rows of some columns, one of them with its values in another order."""
        taken: Floats = self.x[rows][:, [self.names.index(c) for c in columns]]
        if shuffled is not None:
            name, order = shuffled
            taken[:, list(columns).index(name)] = taken[order, list(columns).index(name)]
        return taken

    def encoder(self, columns: Sequence[str], seed: int) -> Any:
        """Return a transformer: numbers imputed and scaled, few texts one-hot, many as the mean of the target."""
        return column_encoder([self.levels[name] for name in columns], seed)


class Frame:
    """The columns of a pandas or polars frame, as they are, for a model that reads them itself.

    Parameters
    ----------
    data : frame
        In memory.
    names : sequence of str
        The columns that may be used.
    rows : int array
        The rows that are used.

    Raises
    ------
    InputError
        If it is another kind of data.
    """

    def __init__(self, data: Any, names: Sequence[str], rows: Ints) -> None:
        import narwhals as nw

        try:
            frame = nw.from_native(data, eager_only=True)
        except TypeError:
            raise InputError(
                "a model that reads the columns itself (encode=False) needs a pandas or polars frame in memory."
            ) from None
        self.names = tuple(names)
        self._frame: nw.DataFrame[Any] = frame[rows.tolist(), list(names)]

    def take(self, rows: Ints, columns: Sequence[str], *, shuffled: tuple[str, Ints] | None = None) -> Any:
        """Return some rows of some columns, one of them with its values in another order."""
        taken = self._frame[rows.tolist(), list(columns)]
        if shuffled is not None:
            name, order = shuffled
            taken = taken.with_columns(taken[name][order.tolist()].alias(name))
        return taken.to_native()

    def encoder(self, columns: Sequence[str], seed: int) -> Any:  # noqa: ARG002 - as any features
        """Return None: the model reads the columns itself."""
        return None


# -- the model --------------------------------------------------------------------------------------------------------


def is_regression(model: Any, columns: tuple[str, ...]) -> bool | None:
    """Return whether a model predicts numbers; None if it does not say.

    Raises
    ------
    InputError
        If it is no model.
    """
    base = need("sklearn.base", "ml")
    if isinstance(model, str):
        check_estimator_name(model)
        return None
    made = _new(model, columns)
    try:
        return True if base.is_regressor(made) else False if base.is_classifier(made) else None
    except AttributeError:  # not of scikit-learn's family
        return None


def maker(model: Any, *, regression: bool, seed: int) -> Factory:
    """Return a function that makes a new estimator for some columns, with every random state set that was open."""

    def make(columns: tuple[str, ...]) -> Any:
        made = named_estimator(model, regression=regression) if isinstance(model, str) else _new(model, columns)
        return with_seed(made, seed)

    return make


def _new(model: Any, columns: tuple[str, ...]) -> Any:
    if isinstance(model, type):
        made = model()
    elif hasattr(model, "fit") and hasattr(model, "predict"):
        made = need("sklearn.base", "ml").clone(model)
    else:
        made = model(columns) if callable(model) else model
    if not (hasattr(made, "fit") and hasattr(made, "predict")):
        kind = type(made).__name__
        raise InputError(f"the model is a {kind}, expected an estimator with fit and predict, or what makes one.")
    return made


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A model that has learned, and what turns columns into what it reads."""

    encoder: Any
    model: Any


def fitted(make: Factory, features: Features, rows: Ints, columns: tuple[str, ...], truth: Truth, seed: int) -> Fitted:
    """Return a model that has learned these columns from these rows, and from no others."""
    model, encoder = make(columns), features.encoder(columns, seed)
    x, y = features.take(rows, columns), truth.labels[rows]
    with quiet():
        model.fit(x if encoder is None else encoder.fit_transform(x, y), y)
    return Fitted(encoder, model)


def answers(fit: Fitted, x: Any, truth: Truth, metric: Metric) -> Output:
    """Return what a fitted model says of some rows, as far as the metric needs it.

    Raises
    ------
    InputError
        If the model gives no probabilities, and the metric needs them.
    """
    with quiet():
        seen = x if fit.encoder is None else fit.encoder.transform(x)
        if metric.needs == "values":
            return Output(values=np.asarray(fit.model.predict(seen), dtype=np.float64).reshape(-1))
        if metric.needs == "labels":
            said = np.asarray(fit.model.predict(seen)).reshape(-1).tolist()
            return Output(labels=np.array([truth.code_of.get(v, -1) for v in said], dtype=np.int64))
        return Output(scores=_scores(fit.model, seen, truth, metric))


def _scores(model: Any, x: Any, truth: Truth, metric: Metric) -> Floats:
    method = "predict_proba" if hasattr(model, "predict_proba") else "decision_function"
    if not hasattr(model, method) or (method == "decision_function" and metric.needs == "probabilities"):
        raise InputError(f"the model gives no probabilities, which the metric {metric.name!r} needs; choose another.")
    found = np.asarray(getattr(model, method)(x), dtype=np.float64)
    if found.ndim == 1:  # one score for the second of two classes
        found = np.stack([-found, found], axis=1)
    scores = np.full((len(found), len(truth.classes)), 0.0 if method == "predict_proba" else -np.inf)
    scores[:, [truth.code_of[c] for c in model.classes_.tolist()]] = found  # a fold may lack a rare class
    return scores
