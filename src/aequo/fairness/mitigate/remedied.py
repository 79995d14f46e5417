"""`RemediedClassifier`: columns of a table in, fair decisions out; one estimator that is saved and asked as it is."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils.validation import check_is_fitted

from aequo.core.columns import as_column, factorise
from aequo.core.counts import Floats, Ints
from aequo.core.levels import Level, level
from aequo.errors import InputError, UnknownColumn, did_you_mean
from aequo.fairness.mitigate.feeding import out_of_fold
from aequo.fairness.mitigate.sensitive import row_groups
from aequo.fairness.mitigate.thresholds import FairThresholdOptimizer
from aequo.models.pipeline import as_mapping, quiet
from aequo.models.predicting import as_model

__all__ = ["RemediedClassifier", "fit_remedy", "takes_groups", "texts_of", "unseen_scores"]

FOLDS = 5
"""Thresholds rest on scores by models that have not seen the row, in so many folds."""


class RemediedClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """A model with its remedy, from the columns of a table to decisions with the table's own labels.

    Parameters
    ----------
    encoder : TableEncoder or None
        Turns columns into numbers; None where `scorer` reads the table.
    model : estimator
        A remedy: it is fitted with ``sensitive_features=`` if it takes them.
    group : sequence of str
        Columns that hold the groups. They are read in `predict` only where the remedy looks at them.
    favourable : Any
        The label that is good for the person.
    scorer : object, optional
        A model that is trained already, whose scores `model` (a `FairThresholdOptimizer` without an estimator) decides
        on.

    Attributes
    ----------
    classes_ : array, shape (2,)
        The labels as they were given: unfavourable, favourable.
    encoder_, model_ : estimator
        What was fitted.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from aequo.fairness.mitigate import ReweighedClassifier
    >>> from aequo.models.encoder import TableEncoder
    >>> data = {"income": [1, 2, 3, 4, 5, 6, 7, 8], "sex": list("fmfmfmfm")}
    >>> y = ["no", "no", "no", "yes", "no", "yes", "yes", "yes"]
    >>> fair = RemediedClassifier(
    ...     TableEncoder(["income"]), ReweighedClassifier(LogisticRegression()), group=["sex"], favourable="yes"
    ... )
    >>> fair.fit(data, y).predict({"income": [8]}).tolist()
    ['yes']
    """

    def __init__(
        self,
        encoder: Any = None,
        model: Any = None,
        *,
        group: Sequence[str] = (),
        favourable: Any = None,
        scorer: Any = None,
    ) -> None:
        self.encoder = encoder
        self.model = model
        self.group = group
        self.favourable = favourable
        self.scorer = scorer

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:  # noqa: N803 - scikit-learn's name
        """Fit the encoder and the remedy.

        Parameters
        ----------
        X : frame or mapping of columns
            The rows, with the group's columns.
        y : array, shape (rows,)
            Labels of two values.
        sample_weight : array, shape (rows,), optional
            Weights of rows.

        Raises
        ------
        UnknownColumn
            If a column is not there.
        InputError
            If the labels are not of two values, or weights are given and the remedy takes none.
        """
        labels = np.asarray(y)
        distinct = np.unique(labels)
        good = [v for v in distinct.tolist() if level(v) == level(self.favourable)]
        if len(distinct) != 2 or not good:
            raise InputError("the labels are not of two values with the favourable one among them.")
        self.classes_ = np.array([next(v for v in distinct.tolist() if v != good[0]), good[0]], dtype=distinct.dtype)
        truth = (labels == good[0]).astype(np.int64)
        groups = texts_of(X, self.group)
        with quiet():
            if self.encoder is None:
                self.model_ = clone(self.model).fit_scores(
                    truth, self._scored(X), sensitive_features=groups, sample_weight=sample_weight
                )
                return self
            self.encoder_ = clone(self.encoder)
            x = self.encoder_.fit_transform(X, truth)
            self.model_ = _remedy(self.model, x, truth, groups, sample_weight)
        return self

    def predict(self, X: Any, *, ids: Any = None) -> Any:  # noqa: N803 - scikit-learn's name
        """Return decisions, with the labels of the table.

        Parameters
        ----------
        X : frame or mapping of columns
            The rows.
        ids : array, shape (rows,), optional
            Who each row is, where a coin decides: the same person always gets the same coin.
        """
        x, extra = self._ready(X, "predict")
        if ids is not None and "ids" in self._parameters("predict"):
            extra["ids"] = ids
        with quiet():
            found = np.asarray(self.model_.predict(x, **extra)).astype(np.int64)
        return self.classes_[found]

    def predict_proba(self, X: Any) -> Floats:  # noqa: N803 - scikit-learn's name
        """Return probabilities, in the order of ``classes_``: of the label, or of the decision where thresholds decide.

        Parameters
        ----------
        X : frame or mapping of columns
            The rows.

        Raises
        ------
        InputError
            If the remedy gives decisions alone.
        """
        check_is_fitted(self, "model_")
        if not hasattr(self.model_, "predict_proba"):
            raise InputError("this remedy gives decisions and no probabilities; use predict.")
        x, extra = self._ready(X, "predict_proba")
        with quiet():
            found: Floats = np.asarray(self.model_.predict_proba(x, **extra), dtype=np.float64)
        return found

    def _ready(self, X: Any, method: str) -> tuple[Any, dict[str, Any]]:  # noqa: N803 - scikit-learn's name
        check_is_fitted(self, "model_")
        x = self._scored(X) if self.encoder is None else self.encoder_.transform(X)
        extra: dict[str, Any] = {}
        if takes_groups(self.model_, method):
            extra["sensitive_features"] = texts_of(X, self.group)
        return x, extra

    def _scored(self, X: Any) -> Floats:  # noqa: N803 - scikit-learn's name
        return as_model(self.scorer, positive=self.favourable).scores(X)

    def _parameters(self, method: str) -> Any:
        return inspect.signature(getattr(self.model_, method)).parameters


def _remedy(model: Any, x: Floats, y: Ints, groups: Mapping[str, Any], weight: Any) -> Any:
    """Return a fitted remedy; of thresholds the model below them is fitted here, since it may want the groups too."""
    below = getattr(model, "estimator", None) if isinstance(model, FairThresholdOptimizer) else None
    if below is None:
        return fit_remedy(model, x, y, groups, weight)
    seed = below.get_params().get("random_state")
    scores = unseen_scores(below, x, y, groups, weight, 0 if seed is None else seed)
    fitted = clone(model).set_params(estimator=fit_remedy(below, x, y, groups, weight))
    return fitted.fit_scores(y, scores, sensitive_features=groups, sample_weight=weight)


def fit_remedy(model: Any, x: Floats, y: Ints, groups: Mapping[str, Any], weight: Any) -> Any:
    """Return a fitted copy of a model, which gets groups and weights as far as it takes them.

    Raises
    ------
    InputError
        If there are weights and it takes none.
    """
    taken = inspect.signature(model.fit).parameters
    extra: dict[str, Any] = {"sensitive_features": groups} if "sensitive_features" in taken else {}
    if weight is not None:
        if "sample_weight" not in taken:
            raise InputError(f"{type(model).__name__} takes no weights of rows.")
        extra["sample_weight"] = weight
    return clone(model).fit(x, y, **extra)


def unseen_scores(model: Any, x: Floats, y: Ints, groups: Mapping[str, Any], weight: Any, seed: int) -> Floats:
    """Return a score for each row, by copies of a model that have not seen it.

    Parameters
    ----------
    model : estimator
        Unfitted.
    x, y : array
        Rows, and labels 0 and 1.
    groups : mapping of columns
        The group of each row; the folds are stratified by it.
    weight : float array or None
        Weights of rows.
    seed : int
        Of the folds.
    """
    codes = row_groups(groups).codes
    extra: dict[str, Any] = {"sensitive_features": codes} if takes_groups(model, "fit") else {}
    if weight is not None:
        extra["sample_weight"] = np.asarray(weight)
    return out_of_fold(model, x, y, codes, 1, FOLDS, seed, extra)


def takes_groups(model: Any, method: str) -> bool:
    """Return whether a method has a parameter ``sensitive_features``.

    Examples
    --------
    >>> from aequo.fairness.mitigate import FairThresholdOptimizer, ReweighedClassifier
    >>> [takes_groups(m, "predict") for m in (FairThresholdOptimizer(), ReweighedClassifier(None))]
    [True, False]
    """
    return "sensitive_features" in inspect.signature(getattr(model, method)).parameters


def texts_of(data: Any, columns: Sequence[str]) -> dict[str, Any]:
    """Return columns that name groups as canonical text, None where it is missing.

    Raises
    ------
    UnknownColumn
        If one is not there.

    Examples
    --------
    >>> texts_of({"sex": [1, 2.0, None]}, ["sex"])["sex"].tolist()
    ['1', '2', None]
    """
    given = as_mapping(data)
    out = {}
    for name in columns:
        if name not in given:
            raise UnknownColumn(
                f"no column {name!r}, which names the group that the remedy looks at. Columns: "
                f"{', '.join(list(given)[:12])}.{did_you_mean(name, given)}"
            )
        codes, distinct = factorise(name, as_column(name, given[name]))
        texts: list[Level] = [level(v) for v in distinct]
        values = np.empty(len(texts), dtype=object)
        values[:] = texts
        out[name] = values[np.asarray(codes, dtype=np.int64)]
    return out
