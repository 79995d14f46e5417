"""`Reweigher` and `ReweighedClassifier`: Kamiran and Calders' weights as scikit-learn has its estimators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.pipeline import Pipeline
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, has_fit_parameter

from aequo.core.counts import Counts, Dim, Floats, Groups, Ints
from aequo.core.levels import Level
from aequo.errors import InputError
from aequo.fairness.mitigate.cells import CellWeights, check_options
from aequo.fairness.mitigate.feeding import check_columns, checked_weight, given_labels, split_sensitive
from aequo.fairness.mitigate.sensitive import aligned, coded, row_groups
from aequo.fairness.mitigate.weighing import add_weights, weights_of

__all__ = ["ReweighedClassifier", "Reweigher"]


class Reweigher(BaseEstimator):  # type: ignore[misc]  # sklearn has no types
    """Weights under which group and label are independent, for any number of groups and labels.

    A row of group g with label y weighs P(g) P(y) / P(g, y) [1]_: more where its combination is rarer than chance would
    have it, less where it is commoner. The sum of weights stays what it was, if every group has rows of every label; a
    combination without rows cannot be weighed up.

    Parameters
    ----------
    unseen : {"refuse", "one"}
        What a new row gets whose combination of group and label was not counted: an error, or the weight 1.
    missing : {"one", "group", "refuse"}
        What a row gets that has no group: the weight 1, outside of the reckoning; a weight as one more group; or an
        error.

    Attributes
    ----------
    cells_ : CellWeights
        The weight of each combination.

    References
    ----------
    .. [1] Kamiran and Calders 2012, Knowledge and Information Systems 33, section 5.2.

    Examples
    --------
    >>> y, sex = [1, 0, 0, 1, 1, 0], ["f", "f", "f", "m", "m", "m"]
    >>> reweigher = Reweigher().fit(None, y, sensitive_features=sex)
    >>> reweigher.weights([1, 1], sensitive_features=["f", "m"]).tolist()
    [1.5, 0.75]
    """

    def __init__(self, *, unseen: str = "refuse", missing: str = "one") -> None:
        self.unseen = unseen
        self.missing = missing

    def fit(self, X: Any, y: Any, *, sensitive_features: Any = None, sample_weight: Any = None) -> Self:  # noqa: ARG002, N803
        """Count groups and labels.

        Parameters
        ----------
        X : Any
            Not looked at.
        y : array, shape (rows,)
            Labels.
        sensitive_features : array, series, frame or mapping of columns
            The group of each row; several columns are crossed.
        sample_weight : array, shape (rows,), optional
            Weights that the rows have already.
        """
        check_options(self.unseen, self.missing)
        groups, codes, labels = _given(y, sensitive_features)
        counts = _counted(groups, codes, labels, checked_weight(sample_weight, len(codes)))
        self.cells_ = CellWeights.of(counts, missing=self.missing)  # type: ignore[arg-type]  # checked above
        return self

    @classmethod
    def from_counts(
        cls, counts: Counts, by: Sequence[str] | str | None = None, *, unseen: str = "refuse", missing: str = "one"
    ) -> Reweigher:
        """Return a reweigher fitted on counts, wherever the rows are.

        Parameters
        ----------
        counts : Counts
            With groups and a label: ``Table.of(data).counts(group=..., label=...)``.
        by : str or sequence of str, optional
            Group columns to cross; all by default.
        unseen, missing : str
            See the class.
        """
        check_options(unseen, missing)
        reweigher = cls(unseen=unseen, missing=missing)
        reweigher.cells_ = CellWeights.of(counts, by, missing=missing)  # type: ignore[arg-type]  # checked above
        return reweigher

    def weights(self, y: Any, *, sensitive_features: Any, sample_weight: Any = None) -> Floats:
        """Return the weight of each row, of these or of new ones; weights that the rows have already multiply.

        Returns
        -------
        float array, shape (rows,)
            Not negative.
        """
        check_is_fitted(self, "cells_")
        groups, codes, labels = _given(y, sensitive_features)
        groups = aligned(groups, self.cells_.columns)
        base = checked_weight(sample_weight, len(codes))
        found = weights_of(
            self.cells_,
            groups.codes,
            groups.names,
            codes,
            labels,
            unseen=self.unseen,  # type: ignore[arg-type]  # checked in fit
            missing=self.missing,  # type: ignore[arg-type]
        )
        return found if base is None else found * base

    def add_weights(
        self, frame: Any, *, label: str, group: Sequence[str] | str, name: str = "weight", base: str | None = None
    ) -> Any:
        """Return a frame of any kind with the weights as a column; see `aequo.fairness.mitigate.add_weights`."""
        check_is_fitted(self, "cells_")
        return add_weights(
            frame,
            label=label,
            group=group,
            name=name,
            base=base,
            cells=self.cells_,
            unseen=self.unseen,  # type: ignore[arg-type]  # checked in fit
            missing=self.missing,  # type: ignore[arg-type]
        )


def _given(y: Any, sensitive_features: Any) -> tuple[Groups, Ints, list[Level]]:
    if sensitive_features is None:
        raise InputError("the groups are not given; pass sensitive_features=, one value for each row.")
    codes, labels = coded("y", given_labels(y))
    return row_groups(sensitive_features, rows=len(codes)), codes, labels


def _counted(groups: Groups, codes: Ints, labels: list[Level], weight: Floats | None) -> Counts:
    width = max(len(labels), 1)
    flat = groups.codes * width + codes
    size = len(groups) * width
    n = np.bincount(flat, minlength=size)
    used = np.flatnonzero(n)

    def total(values: Floats) -> Floats:
        return np.bincount(flat, values, minlength=size)[used].astype(np.float64)

    w, w2 = (None, None) if weight is None else (total(weight), total(weight * weight))
    group, label = np.divmod(used, width)
    dims, parts = [], []
    for i, column in enumerate(groups.columns):
        levels = tuple(dict.fromkeys(name[i] for name in groups.names))
        where = {v: k for k, v in enumerate(levels)}
        dims.append(Dim(column, "group", levels))
        parts.append(np.array([where[name[i]] for name in groups.names], dtype=np.int64)[group])
    dims.append(Dim("y", "label", tuple(labels)))
    return Counts.collect(tuple(dims), np.stack([*parts, label], axis=1), n[used], w, w2)


def _has(method: str) -> Any:
    def check(self: Any) -> bool:
        return hasattr(getattr(self, "estimator_", self.estimator), method)

    return check


class ReweighedClassifier(MetaEstimatorMixin, ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # sklearn has no types
    """A classifier that is fitted with Kamiran and Calders' weights; it decides without looking at the group.

    Parameters
    ----------
    estimator : estimator
        A classifier whose ``fit`` takes ``sample_weight``, or a pipeline that ends in one.
    missing : {"one", "group", "refuse"}
        See `Reweigher`.
    sensitive_columns : str, int or sequence of them, optional
        Columns of ``X`` that hold the groups, by name or position, for when ``sensitive_features`` is not given.
    keep_sensitive : bool
        Whether the estimator sees these columns too. By default they are taken out first.

    Attributes
    ----------
    estimator_ : estimator
        The fitted estimator.
    reweigher_ : Reweigher
        The weights.
    classes_ : array
        The labels.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> X, y, sex = [[0.0], [1.0], [0.2], [0.8], [1.1], [0.1]], [1, 0, 0, 1, 1, 0], ["f", "f", "f", "m", "m", "m"]
    >>> fair = ReweighedClassifier(LogisticRegression()).fit(X, y, sensitive_features=sex)
    >>> fair.predict([[2.0]]).tolist(), fair.reweigher_.cells_.weights.tolist()
    ([1], [[0.75, 1.5], [1.5, 0.75]])
    """

    def __init__(
        self,
        estimator: Any,
        *,
        missing: str = "one",
        sensitive_columns: Any = None,
        keep_sensitive: bool = False,
    ) -> None:
        self.estimator = estimator
        self.missing = missing
        self.sensitive_columns = sensitive_columns
        self.keep_sensitive = keep_sensitive

    def __sklearn_tags__(self) -> Any:
        """Return scikit-learn's tags: those of the estimator."""
        from sklearn.utils import get_tags

        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.input_tags, tags.classifier_tags = inner.input_tags, inner.classifier_tags
        return tags

    def fit(self, X: Any, y: Any, *, sensitive_features: Any = None, sample_weight: Any = None) -> Self:  # noqa: N803
        """Weigh the rows and fit the estimator.

        Parameters
        ----------
        X : array or frame, shape (rows, features)
            What the estimator takes.
        y : array, shape (rows,)
            Labels.
        sensitive_features : array, series, frame or mapping of columns, optional
            The group of each row; may be absent if `sensitive_columns` names columns of `X`.
        sample_weight : array, shape (rows,), optional
            Weights that the rows have already.

        Raises
        ------
        InputError
            If the groups are not given, or the estimator takes no weights.
        """
        rest = X
        check_columns(self, X, reset=True)
        if self.sensitive_columns is not None:
            rest, taken = split_sensitive(X, self.sensitive_columns, keep=self.keep_sensitive)
            sensitive_features = taken if sensitive_features is None else sensitive_features
        if sensitive_features is None:
            raise InputError(
                "the groups are not given; pass sensitive_features=, or name columns of X by sensitive_columns=."
            )
        check_classification_targets(given_labels(y))
        # All combinations are there, but for those whose rows weigh nothing; one times nothing stays nothing.
        self.reweigher_ = Reweigher(unseen="one", missing=self.missing).fit(
            None, y, sensitive_features=sensitive_features, sample_weight=sample_weight
        )
        weights = self.reweigher_.weights(y, sensitive_features=sensitive_features, sample_weight=sample_weight)
        self.estimator_ = _fit_weighted(clone(self.estimator), rest, y, weights)
        self.classes_ = self.estimator_.classes_
        return self

    def predict(self, X: Any) -> Any:  # noqa: N803
        """Return the estimator's decisions."""
        rest = self._rest(X)
        return self.estimator_.predict(rest)

    @available_if(_has("predict_proba"))  # type: ignore[untyped-decorator]  # sklearn has no types
    def predict_proba(self, X: Any) -> Any:  # noqa: N803
        """Return the estimator's probabilities, in the order of `classes_`."""
        rest = self._rest(X)
        return self.estimator_.predict_proba(rest)

    @available_if(_has("decision_function"))  # type: ignore[untyped-decorator]  # sklearn has no types
    def decision_function(self, X: Any) -> Any:  # noqa: N803
        """Return the estimator's scores."""
        rest = self._rest(X)
        return self.estimator_.decision_function(rest)

    def _rest(self, X: Any) -> Any:  # noqa: N803
        check_is_fitted(self, "estimator_")
        check_columns(self, X, reset=False)
        if self.sensitive_columns is None:
            return X
        return split_sensitive(X, self.sensitive_columns, keep=self.keep_sensitive)[0]


def _fit_weighted(estimator: Any, X: Any, y: Any, weights: Floats) -> Any:  # noqa: N803
    """Fit with weights; in a pipeline they go to its last step."""
    path, last = "", estimator
    while isinstance(last, Pipeline):
        name, last = last.steps[-1]
        path += f"{name}__"
    if not has_fit_parameter(last, "sample_weight"):
        raise InputError(f"{type(last).__name__} takes no sample_weight, so that it cannot be reweighed.")
    if not path:
        return estimator.fit(X, y, sample_weight=weights)
    # Routed metadata would reach, and have to be asked for by, every step that could use it; these are for the last.
    with config_context(enable_metadata_routing=False):
        return estimator.fit(X, y, **{f"{path}sample_weight": weights})
