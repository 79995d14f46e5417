"""What estimators are given and what they give: labels, weights, scores, columns that hold groups."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aequo.core.columns import as_column, as_numbers, is_absent
from aequo.core.counts import Floats, Ints
from aequo.core.levels import level
from aequo.errors import InputError, UnknownColumn, did_you_mean, need
from aequo.fairness.mitigate.sensitive import coded

__all__ = [
    "binary_labels",
    "check_columns",
    "checked_weight",
    "given_labels",
    "out_of_fold",
    "scores_of",
    "split_sensitive",
]


def binary_labels(y: Any, favourable: Any) -> tuple[NDArray[Any], Any, NDArray[np.bool_]]:
    """Return the two labels, the favourable one, and whether each row has it.

    Parameters
    ----------
    y : array, shape (rows,)
        Labels.
    favourable : Any
        The favourable one; None for the larger.

    Raises
    ------
    InputError
        If there are not two values, one is missing, or none is the favourable one.

    Examples
    --------
    >>> binary_labels(["no", "yes", "no"], None)[2].tolist()
    [False, True, False]
    """
    values = given_labels(y)
    if is_absent("y", values, ("",)).any():
        raise InputError("a label is missing (NaN or empty); leave these rows out.")
    codes, levels = coded("y", values)
    if len(levels) != 2:
        if len(levels) < 2:
            raise InputError(
                f"the labels y are of {len(levels)} class; expected rows of two, the favourable one and the other."
            )
        raise InputError(
            f"Unknown label type: y has {len(levels):,} different values, a multiclass or continuous target; expected "
            "two. Only binary classification is supported."
        )
    given = [np.asarray(values)[np.argmax(codes == i)] for i in range(2)]
    classes = np.unique(np.array(given, dtype=np.asarray(values).dtype))
    wanted = level(classes[1]) if favourable is None else level(favourable)
    if wanted not in levels:
        raise InputError(f"no label is the favourable value {favourable!r}.")
    chosen = next(c for c in classes.tolist() if level(c) == wanted)
    return classes, chosen, codes == levels.index(wanted)


def check_columns(estimator: Any, X: Any, *, reset: bool) -> None:  # noqa: N803
    """Let scikit-learn note the number and names of the columns in `fit`, and compare them later."""
    if getattr(X, "ndim", 2) == 2:  # what is no table, the estimator inside refuses in its own words
        need("sklearn.utils.validation", "ml").validate_data(estimator, X, skip_check_array=True, reset=reset)


def given_labels(y: Any) -> Any:
    """Return the labels as a column, a numpy array or a pandas Series.

    Raises
    ------
    InputError
        If they are not given.
    """
    if y is None:
        raise InputError("this estimator requires y to be passed, but the target y is None.")
    if getattr(y, "ndim", 1) == 2 and y.shape[1] == 1:
        conversion = need("sklearn.exceptions", "ml").DataConversionWarning
        warnings.warn("A column-vector y was passed when a 1d array was expected.", conversion, stacklevel=4)
        y = np.asarray(y)[:, 0]
    return as_column("y", y)


def checked_weight(weight: Any, rows: int) -> Floats | None:
    """Return the weights as numbers.

    Raises
    ------
    InputError
        If they are not one finite number, 0 or more, for each row, or all are 0.
    """
    if weight is None:
        return None
    values = as_numbers("sample_weight", as_column("sample_weight", weight), ())
    if len(values) != rows:
        raise InputError(f"there are {len(values):,} sample weights for {rows:,} rows.")
    if not np.isfinite(values).all() or (values < 0).any():
        raise InputError("sample_weight holds values that are missing, infinite or negative.")
    if not (values > 0).any():
        raise InputError("every sample weight is zero: nothing would be counted.")
    return values


def scores_of(estimator: Any, X: Any, position: int) -> Floats:  # noqa: N803
    """Return a score for each row, higher for the favourable label.

    Parameters
    ----------
    estimator : fitted estimator or None
        With ``predict_proba`` or ``decision_function``; without one, `X` is the score.
    X : array or frame
        What the estimator takes.
    position : int
        Of the favourable label among its classes.

    Raises
    ------
    InputError
        If there is no score, or one is missing or infinite.
    """
    if estimator is None:
        scores = _one_column(X)
    elif hasattr(estimator, "predict_proba"):
        scores = np.asarray(estimator.predict_proba(X), dtype=np.float64)[:, position]
    elif hasattr(estimator, "decision_function"):
        scores = np.asarray(estimator.decision_function(X), dtype=np.float64) * (1 if position else -1)
    else:
        name = type(estimator).__name__
        raise InputError(f"{name} has neither predict_proba nor decision_function; give its scores to fit_scores.")
    if not np.isfinite(scores).all():
        raise InputError("some scores are missing (NaN) or infinite; thresholds need a number for each row.")
    return scores


def _one_column(X: Any) -> Floats:  # noqa: N803
    if getattr(X, "ndim", 1) == 2 or hasattr(X, "columns"):
        array = np.asarray(X, dtype=np.float64)
        if array.shape[1] != 1:
            raise InputError(f"X has {array.shape[1]} columns; without an estimator it is the score, one column.")
        return array[:, 0]
    if isinstance(X, list) and X and isinstance(X[0], (list, tuple)):
        return _one_column(np.asarray(X, dtype=np.float64))
    return as_numbers("scores", as_column("scores", X), ())


def out_of_fold(
    estimator: Any,
    X: Any,  # noqa: N803
    y: NDArray[Any],
    groups: Ints,
    position: int,
    cv: Any,
    random_state: Any,
    extra: Mapping[str, NDArray[Any]],
) -> Floats:
    """Return a score for each row by a model that has not seen it.

    Parameters
    ----------
    estimator : estimator
        Cloned for each fold.
    X, y : array
        Rows and labels.
    groups : int array, shape (rows,)
        The group of each row; folds are stratified by label and group, as far as there are enough rows.
    position : int
        Of the favourable label among the classes.
    cv : int or splitter
        Number of folds, or what splits.
    random_state : int, RandomState or None
        Shuffles the folds; without it they are always the same.
    extra : mapping of str to array
        More arguments of ``fit``, one value per row.

    Raises
    ------
    InputError
        If a row is in no held-out part, or in several, or a part to learn from has one label only.
    """
    base, selection = need("sklearn.base", "ml"), need("sklearn.model_selection", "ml")
    take = need("sklearn.utils", "ml")._safe_indexing
    _, label = np.unique(y, return_inverse=True)
    strata: NDArray[Any] = label
    if isinstance(cv, (int, np.integer)) and not isinstance(cv, bool):
        least = int(np.bincount(label).min())
        if cv < 2 or least < 2:
            raise InputError(f"cv is {cv} and the rarer label has {least} rows; folds need two rows of each.")
        folds = min(int(cv), least)
        strata = _strata(label, groups, folds)
        seed = 0 if random_state is None else random_state
        cv = selection.StratifiedKFold(folds, shuffle=True, random_state=seed)
    X = need("sklearn.utils", "ml").indexable(X)[0]  # noqa: N806
    scores = np.full(len(y), np.nan)
    seen = np.zeros(len(y), dtype=np.int64)
    for train, test in selection.check_cv(cv, y, classifier=True).split(X, strata):
        if len(np.unique(label[train])) < 2:
            raise InputError("a fold has one label only to learn from; use fewer folds, or cv='prefit'.")
        part = {name: values[train] for name, values in extra.items()}
        fitted = base.clone(estimator).fit(take(X, train), y[train], **part)
        scores[test] = scores_of(fitted, take(X, test), position)
        seen[test] += 1
    if (seen != 1).any():
        raise InputError("cv must hold out each row exactly once, so that each has one score.")
    return scores


def _strata(label: Ints, groups: Ints, folds: int) -> Ints:
    """Cross label and group; what is rarer than the folds goes with other rows of its label, the most at worst."""
    crossed = 2 * (groups + 1) + label
    counted = np.bincount(crossed)
    crossed = np.where(counted[crossed] < folds, label, crossed)
    for one in (0, 1):  # codes below 2 are those rows that went together
        rare, codes = crossed == one, np.bincount(crossed[label == one])
        if 0 < rare.sum() < folds:
            crossed = np.where(rare, codes.argmax(), crossed)
    return crossed


def split_sensitive(X: Any, columns: Any, *, keep: bool) -> tuple[Any, dict[str, Any]]:  # noqa: N803
    """Return `X` without the named columns (or with them), and these.

    Parameters
    ----------
    X : array or frame
        The rows.
    columns : str, int or sequence of them
        Names, or positions where columns have no names.
    keep : bool
        Whether they stay in `X`.

    Raises
    ------
    UnknownColumn
        If one is not there.
    """
    wanted = [columns] if isinstance(columns, (str, int, np.integer)) else list(columns)
    names = [str(c) for c in X.columns] if hasattr(X, "columns") else None
    if names is None:
        X = X if hasattr(X, "shape") else np.asarray(X)  # noqa: N806
        if len(X.shape) != 2:
            raise InputError(f"X has {len(X.shape)} dimension; expected rows and columns. Reshape your data.")
    width = len(names) if names is not None else X.shape[1]
    taken = {}
    for column in wanted:
        if isinstance(column, str):
            if names is None or column not in names:
                known = names or []
                said = f"Columns: {', '.join(known[:20])}." if known else "X is an array; give positions."
                raise UnknownColumn(f"no column {column!r} in X. {said}{did_you_mean(column, known)}")
            taken[column] = names.index(column)
        else:
            if not -width <= column < width:
                raise UnknownColumn(f"no column {column} in X, which has {width} columns.")
            at = int(column) % width
            taken[f"column {at}" if names is None else names[at]] = at
    left = [i for i in range(width) if keep or i not in taken.values()]
    if names is None:
        return (X if keep else X[:, left]), {name: X[:, at] for name, at in taken.items()}
    own = list(X.columns)
    values = {name: X[own[at]] for name, at in taken.items()}
    return (X if keep else X[[own[i] for i in left]]), values
