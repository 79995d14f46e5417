"""fairlearn's remedies with the face of ours: ``fit(X, y, sensitive_features=)``, ``predict``."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils.validation import check_is_fitted

from aequo.core.counts import Floats
from aequo.errors import InputError, need
from aequo.fairness.mitigate.sensitive import row_groups
from aequo.models.pipeline import quiet

__all__ = ["DecorrelatedClassifier", "FairlearnReduction"]

_MOMENTS = {
    "demographic_parity": "DemographicParity",
    "equal_opportunity": "TruePositiveRateParity",
    "false_positive_rate_parity": "FalsePositiveRateParity",
    "equalized_odds": "EqualizedOdds",
}


class FairlearnReduction(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """A classifier by fairlearn's reductions (Agarwal et al. 2018, "A reductions approach to fair classification").

    Parameters
    ----------
    estimator : estimator
        A classifier whose ``fit`` takes ``sample_weight``.
    method : {"exponentiated_gradient", "grid_search"}
        A mixture of models, drawn anew for each row; or the one of a grid that fairlearn chooses.
    constraint : str
        As for `FairThresholdOptimizer`.
    tolerance : float
        Largest difference between two groups. fairlearn bounds the distance to everyone's rate, so half of it is asked.
    random_state : int or None
        Of the draws in `predict`.
    """

    def __init__(
        self,
        estimator: Any = None,
        *,
        method: Literal["exponentiated_gradient", "grid_search"] = "exponentiated_gradient",
        constraint: str = "equalized_odds",
        tolerance: float = 0.02,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.method = method
        self.constraint = constraint
        self.tolerance = tolerance
        self.random_state = random_state

    def fit(self, X: Any, y: Any, *, sensitive_features: Any) -> Self:  # noqa: N803 - scikit-learn's name
        """Fit the models.

        Parameters
        ----------
        X : float array, shape (rows, features)
            Columns.
        y : array, shape (rows,)
            Labels 0 and 1.
        sensitive_features : array, series, frame or mapping of columns
            The group of each row; several columns are crossed.

        Raises
        ------
        InputError
            If there is no such constraint.
        MissingExtra
            If fairlearn is not installed.
        """
        if self.constraint not in _MOMENTS:
            raise InputError(f"the constraint is {self.constraint!r}, expected one of {', '.join(_MOMENTS)}.")
        reductions = need("fairlearn.reductions", "ml")
        moment = getattr(reductions, _MOMENTS[self.constraint])(difference_bound=max(self.tolerance / 2, 1e-4))
        groups = row_groups(sensitive_features)
        if self.method == "grid_search":
            made = reductions.GridSearch(clone(self.estimator), moment, grid_size=20)
        else:
            made = reductions.ExponentiatedGradient(clone(self.estimator), moment)
        with quiet():
            self.model_ = made.fit(X, np.asarray(y), sensitive_features=groups.codes)
        self.classes_ = np.unique(np.asarray(y))
        self.n_features_in_ = np.shape(X)[1]
        return self

    def predict(self, X: Any) -> Any:  # noqa: N803 - scikit-learn's name
        """Return decisions, by a draw from the mixture where there is one.

        Parameters
        ----------
        X : float array, shape (rows, features)
            Columns.
        """
        check_is_fitted(self, "model_")
        if self.method == "grid_search":
            return np.asarray(self.model_.predict(X))
        return np.asarray(self.model_.predict(X, random_state=self.random_state))


class DecorrelatedClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """A classifier on columns whose linear part in the group is taken out, by fairlearn's ``CorrelationRemover``.

    Parameters
    ----------
    estimator : estimator
        A classifier.
    """

    def __init__(self, estimator: Any = None) -> None:
        self.estimator = estimator

    def fit(self, X: Any, y: Any, *, sensitive_features: Any) -> Self:  # noqa: N803 - scikit-learn's name
        """Fit the remover, and the classifier on what it leaves.

        Parameters
        ----------
        X : float array, shape (rows, features)
            Columns.
        y : array, shape (rows,)
            Labels.
        sensitive_features : array, series, frame or mapping of columns
            The group of each row.

        Raises
        ------
        MissingExtra
            If fairlearn is not installed.
        """
        self.groups_ = list(row_groups(sensitive_features).names)
        x = np.asarray(X, dtype=np.float64)
        marks = self._marks(sensitive_features)
        remover = need("fairlearn.preprocessing", "ml").CorrelationRemover(
            sensitive_feature_ids=list(range(marks.shape[1]))
        )
        self.remover_ = remover.fit(np.hstack([marks, x]))
        self.estimator_ = clone(self.estimator).fit(self._left(x, marks), y)
        self.classes_ = self.estimator_.classes_
        self.n_features_in_ = x.shape[1]
        return self

    def predict(self, X: Any, *, sensitive_features: Any) -> Any:  # noqa: N803 - scikit-learn's name
        """Return decisions.

        Parameters
        ----------
        X : float array, shape (rows, features)
            Columns.
        sensitive_features : array, series, frame or mapping of columns
            The group of each row, which is what is taken out.
        """
        check_is_fitted(self, "estimator_")
        x = np.asarray(X, dtype=np.float64)
        return self.estimator_.predict(self._left(x, self._marks(sensitive_features)))

    def predict_proba(self, X: Any, *, sensitive_features: Any) -> Any:  # noqa: N803 - scikit-learn's name
        """Return probabilities, in the order of ``classes_``.

        Parameters
        ----------
        X : float array, shape (rows, features)
            Columns.
        sensitive_features : array, series, frame or mapping of columns
            The group of each row.
        """
        check_is_fitted(self, "estimator_")
        x = np.asarray(X, dtype=np.float64)
        return self.estimator_.predict_proba(self._left(x, self._marks(sensitive_features)))

    def _marks(self, sensitive_features: Any) -> Floats:
        """Return a column for each group but the first; an unknown group is in none."""
        groups = row_groups(sensitive_features)
        at = np.array([self.groups_.index(n) if n in self.groups_ else 0 for n in groups.names], dtype=np.int64)
        own = at[groups.codes]
        return np.stack([own == k for k in range(1, max(len(self.groups_), 2))], axis=1).astype(np.float64)

    def _left(self, x: Floats, marks: Floats) -> Floats:
        found: Floats = np.asarray(self.remover_.transform(np.hstack([marks, x])), dtype=np.float64)
        return found
