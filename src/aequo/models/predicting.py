"""One way to ask any trained model: rows in, one score per row out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from aequo.core.counts import Floats
from aequo.core.levels import level
from aequo.errors import AequoError, InputError, did_you_mean
from aequo.models.families import Family, Outputs, parts_of
from aequo.models.rows import Rows, as_rows

__all__ = ["Family", "Kind", "Model", "Outputs", "as_model", "plainly_favourable"]

Kind = Literal["classifier", "regressor"]
"""Whether it tells classes or numbers."""

_FAVOURABLE, _UNFAVOURABLE = ("1", "True"), ("0", "False", "-1")


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Model:
    """A trained model and how it is asked. Made by `as_model`.

    Attributes
    ----------
    native : object
        The model itself.
    family : str
        What kind of object it is.
    kind : str
        ``"classifier"`` or ``"regressor"``.
    columns : tuple of str
        The columns that it reads, in order; empty where nobody said.
    classes : tuple
        The classes as the model names them; empty for a regression.
    positive : object
        The class that is good for the person; None for a regression.
    outputs : str
        ``"probabilities"`` or ``"values"``; ``"decisions"`` for a classifier that gives no probabilities, whose score
        is 1 or 0; ``"logits"`` for a torch module or a function that returns them.
    like : Rows or None
        A few rows whose kind of frame and whose types all rows get before the model reads them.
    """

    native: Any = field(repr=False)
    family: Family
    kind: Kind
    columns: tuple[str, ...]
    classes: tuple[Any, ...]
    positive: Any
    outputs: Literal["probabilities", "values", "decisions", "logits"]
    like: Rows | None = field(repr=False, default=None)
    _ask: Callable[[Any], Floats] = field(repr=False)
    _margin: Callable[[Any], Floats] | None = field(repr=False, default=None)
    _framed: bool = field(repr=False, default=False)

    @property
    def at(self) -> int:
        """Position of the favourable class among `classes`; 0 for a regression."""
        return self.classes.index(self.positive) if self.classes else 0

    @property
    def has_raw(self) -> bool:
        """Whether the model gives a margin: log-odds, a distance to the boundary, or the values of a regression."""
        return self._margin is not None

    def rows(self, data: Any) -> Rows:
        """Return the rows as the model reads them: its columns in its order, and no others.

        Parameters
        ----------
        data : frame, mapping, array or Rows
            Many rows, or one; as for `aequo.models.rows.as_rows`.

        Raises
        ------
        UnknownColumn
            If a column that the model reads is not there.
        InputError
            If it is no table, or there are no rows.
        """
        known = isinstance(data, Rows) and data.names == (self.columns or data.names)
        rows: Rows = data if known else as_rows(data, self.columns, like=self.like)
        if not len(rows):
            raise InputError("there are no rows; expected at least one.")
        return rows

    def fed(self, data: Any) -> Any:
        """Return the rows as the object that the model is given: an array, or a frame with named columns.

        Parameters
        ----------
        data : frame, mapping, array or Rows
            Many rows, or one.
        """
        rows = self.rows(data)
        if self._framed:
            return _frame(rows)
        if not rows.framed or self.family == "function":
            return rows.held
        try:
            return rows.numbers()
        except InputError:
            return np.array([rows.objects(name) for name in rows.names], dtype=object).T

    @contextmanager
    def reading(self, rows: Rows) -> Iterator[None]:
        """Make what a library says of rows that it cannot read one sentence, in which nobody's values are.

        Parameters
        ----------
        rows : Rows
            What the model is asked about.
        """
        try:
            yield
        except AequoError:
            raise
        except (ValueError, TypeError, KeyError) as error:
            gaps = [name for name in rows.names if None in rows.objects(name)]
            listed = ", ".join(map(repr, gaps[:5])) + (" ..." if gaps[5:] else "")
            hint = (
                f"values are missing in {listed}; fill them, or fit a pipeline that does"
                if gaps
                else "look for a category or a type that it was not fitted on"
            )
            kind = type(self.native).__name__ if self.family != "function" else "function"
            told = InputError(f"the model, a {kind}, cannot read these rows ({type(error).__name__}): {hint}.")
            # A library quotes the value that it stumbled over; a person's own function may say what they like.
            raise told from (error if self.family == "function" else None)

    def scores(self, data: Any) -> Floats:
        """Return the score of each row: the probability of the favourable class, or the value of a regression.

        Parameters
        ----------
        data : frame, mapping, array or Rows
            Many rows, or one.

        Returns
        -------
        float array
            Shape (rows,); in [0, 1] for a classifier.

        Raises
        ------
        InputError
            If the rows cannot be used, or a score is not a finite number or not in [0, 1].
        """
        rows = self.rows(data)
        with self.reading(rows):
            return self.answer(self.fed(rows))

    def answer(self, fed: Any) -> Floats:
        """Return the score of each row of what `fed` gave.

        Parameters
        ----------
        fed : array or frame
            From `fed`.
        """
        found = _checked(self._ask(fed), int(fed.shape[0]))
        if self.kind == "classifier" and (found.min() < -1e-6 or found.max() > 1 + 1e-6):
            raise InputError(
                f"scores run from {found.min():g} to {found.max():g}; expected probabilities, 0 to 1. "
                "Say outputs='logits', or outputs='values' for a regression."
            )
        return np.clip(found, 0.0, 1.0) if self.kind == "classifier" else found

    def favours(self, data: Any) -> NDArray[np.bool_]:
        """Return whether the model itself decides each row for the favourable class, wherever its own threshold lies.

        Parameters
        ----------
        data : frame, mapping, array or Rows
            Many rows, or one.

        Returns
        -------
        bool array
            Shape (rows,): what its ``predict`` says; a score of at least 0.5 where it gives no classes.

        Raises
        ------
        InputError
            If the rows cannot be used, or it is no classifier.
        """
        if self.kind != "classifier":
            raise InputError(f"the model, a {type(self.native).__name__}, predicts numbers; expected a classifier.")
        rows = self.rows(data)
        with self.reading(rows):
            return self._decide(self.fed(rows))

    def _decide(self, fed: Any) -> NDArray[np.bool_]:
        if not self._predicts:
            return self.answer(fed) >= 0.5
        return np.asarray(np.asarray(self.native.predict(fed)).reshape(-1) == self.positive, dtype=np.bool_)

    @property
    def _predicts(self) -> bool:
        """Whether the model itself names a class."""
        return hasattr(self.native, "predict") and type(self.native).__name__ != "Booster"

    def own_threshold(self, data: Any) -> float | None:
        """Return the score from which on a classifier itself decides for the favourable class.

        Parameters
        ----------
        data : frame, mapping, array or Rows
            The rows that it is tried on.

        Returns
        -------
        float or None
            0.5, or the number after it where a tie goes to the other class; None if neither says what it decides for
            each row: it has a threshold of its own, one for each group, or more than two classes.

        Raises
        ------
        InputError
            If the rows cannot be used, or it is no classifier.
        """
        if not self._predicts and self.kind == "classifier":
            return 0.5
        rows = self.rows(data)
        # Of two classes with the same probability, estimators predict the first.
        limit = 0.5 if self.at == 0 else float(np.nextafter(0.5, 1.0))
        agrees = np.array_equal(self.scores(rows) >= limit, self.favours(rows))
        return limit if agrees and len(self.classes) == 2 else None

    def deciding(self) -> Model:
        """Return a classifier whose score is at least 0.5 just where this one decides for the favourable class.

        Of two rows with the same decision, the one with the higher score keeps it.
        """

        def ask(fed: Any) -> Floats:
            half = self.answer(fed) / 2
            return np.where(self._decide(fed), 0.5 + half, np.minimum(half, np.nextafter(0.5, 0.0)))

        return replace(self, _ask=ask, _margin=None)

    def raw(self, data: Any) -> Floats | None:
        """Return the margin of each row in favour of the favourable class, or None if the model has none.

        Parameters
        ----------
        data : frame, mapping, array or Rows
            Many rows, or one.

        Returns
        -------
        float array or None
            Log-odds where the model works in log-odds, a distance for a support vector machine, the value for a
            regression.
        """
        rows = self.rows(data)
        with self.reading(rows):
            return self.margin(self.fed(rows))

    def margin(self, fed: Any) -> Floats | None:
        """Return the margin of each row of what `fed` gave, or None if the model has none.

        Parameters
        ----------
        fed : array or frame
            From `fed`.
        """
        return None if self._margin is None else _checked(self._margin(fed), int(fed.shape[0]))


def as_model(
    model: Any,
    *,
    positive: Any = None,
    columns: Sequence[str] | None = None,
    background: Any = None,
    outputs: Outputs | None = None,
) -> Model:
    """Return one way to ask a trained model.

    Parameters
    ----------
    model : object
        A fitted scikit-learn estimator or pipeline (or anything with ``predict``), an xgboost or lightgbm model or
        booster, a torch module, a function from a batch of rows to scores, or a `Model`.
    positive : object, optional
        The class that is good for the person. Without it, 1 or True beside 0, -1 or False; others have to be named.
    columns : sequence of str, optional
        The columns that the model reads, in order. Without it, those that it was fitted on, or of the background.
    background : frame or array, optional
        Some rows whose types are known to be right: single rows and mappings get the same kind of frame and types.
    outputs : str, optional
        What a torch module or a function returns: ``"probabilities"`` (without a word for a function), ``"logits"`` or
        ``"values"``. A torch module has to say.

    Raises
    ------
    InputError
        If it is no model, is not fitted, or the favourable class is unclear.
    UnknownColumn
        If the background lacks a column of the model.

    Examples
    --------
    >>> model = as_model(lambda rows: rows[:, 0] / 10, columns=["age"])
    >>> model.scores([[4.0], [5.0]]).tolist()
    [0.4, 0.5]
    """
    if isinstance(model, Model):
        return _again(model, positive, columns, background)
    if outputs is not None and outputs not in get_args(Outputs):
        options = ", ".join(map(repr, get_args(Outputs)))
        raise InputError(f"outputs is {outputs!r}, expected {options}.{did_you_mean(outputs, get_args(Outputs))}")
    family, parts = parts_of(model, outputs)
    fitted_on = parts.columns
    names = tuple(columns) if columns is not None else fitted_on
    like = None if background is None else as_rows(background, names)
    if like is not None and not len(like):
        raise InputError("the background has no rows; expected at least one.")
    classes = parts.classes
    chosen = _favourable(classes, positive) if classes else None
    at = classes.index(chosen) if classes else 0
    return Model(
        native=model,
        family=family,
        kind="classifier" if classes else "regressor",
        columns=names or (like.names if like is not None else ()),
        classes=classes,
        positive=chosen,
        outputs=parts.outputs,
        like=like,
        _ask=lambda fed: parts.ask(fed, at),
        _margin=None if parts.margin is None else _margin_for(parts.margin, at),
        _framed=bool(fitted_on),
    )


def _again(model: Model, positive: Any, columns: Sequence[str] | None, background: Any) -> Model:
    """Return a model that was made before, with what it did not know then."""
    if positive is not None and level(positive) != level(model.positive):
        raise InputError(
            f"the model was made with the favourable class {level(model.positive)!r}; make it anew for another."
        )
    if background is None or model.like is not None:
        return model
    like = as_rows(background, model.columns or columns or ())
    return replace(model, like=like, columns=like.names)


def _margin_for(margin: Callable[[Any, int], Floats], at: int) -> Callable[[Any], Floats]:
    return lambda fed: margin(fed, at)


def plainly_favourable(classes: Sequence[Any]) -> Any:
    """Return the class that is 1 or True beside one that says no; None where nothing tells which is good.

    Of 1 and 2 nothing does: German credit calls the good ones 1, and other data the bad ones.

    Parameters
    ----------
    classes : sequence
        The classes of a model.

    Examples
    --------
    >>> plainly_favourable([-1, 1]), plainly_favourable([1, 2]), plainly_favourable(["no", "yes"])
    (1, None, None)
    """
    good = [c for c in classes if level(c) in _FAVOURABLE]
    bad = [c for c in classes if level(c) in _UNFAVOURABLE]
    return good[0] if len(classes) == 2 and len(good) == len(bad) == 1 else None


def _favourable(classes: tuple[Any, ...], positive: Any) -> Any:
    named = ", ".join(repr(level(c)) for c in classes[:10])
    if positive is not None:
        for one in classes:
            if (type(one) is type(positive) and one == positive) or level(one) == level(positive):
                return one
        raise InputError(f"the favourable class is {positive!r}; the model's classes are {named}.")
    plain = plainly_favourable(classes)
    if plain is None:
        raise InputError(f"the model's classes are {named}; say which is good for the person: positive=...")
    return plain


def _checked(found: Any, rows: int) -> Floats:
    scores = np.asarray(found, dtype=np.float64).reshape(-1)
    if len(scores) != rows:
        raise InputError(f"the model gave {len(scores)} scores for {rows} rows; expected one for each.")
    bad = int((~np.isfinite(scores)).sum())
    if bad:
        raise InputError(f"the model gave a score that is no finite number for {bad} of {rows} rows.")
    return scores


def _frame(rows: Rows) -> Any:
    if rows.framed:
        return _readable(rows.held)
    columns = {name: rows.column(name) for name in rows.names}
    return as_rows(columns, rows.names).held


def _readable(held: Any) -> Any:
    """Return a frame that estimators can read: of pyarrow they read no columns by name."""
    if type(held).__module__.split(".", 1)[0] != "pyarrow":
        return held
    return as_rows(dict(zip(held.column_names, held.columns, strict=True))).held
