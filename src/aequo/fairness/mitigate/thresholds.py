"""`FairThresholdOptimizer`: a threshold for each group, so that named rates are equal at the least cost."""

from __future__ import annotations

import hashlib
import numbers
import secrets
from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.utils.validation import check_is_fitted, check_random_state

from aequo.core.counts import Counts, Floats, Groups
from aequo.core.levels import level
from aequo.errors import InputError
from aequo.fairness.mitigate.feeding import (
    binary_labels,
    check_columns,
    checked_weight,
    given_labels,
    out_of_fold,
    scores_of,
    split_sensitive,
)
from aequo.fairness.mitigate.hull import Curve, binned, roc
from aequo.fairness.mitigate.outcome import ThresholdResult
from aequo.fairness.mitigate.sensitive import aligned, coded, row_groups
from aequo.fairness.mitigate.solving import Question, solve

__all__ = ["FairThresholdOptimizer"]


class FairThresholdOptimizer(MetaEstimatorMixin, ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # sklearn has no types
    """Decide by a threshold for each group, so that the named rates are equal, at the least cost.

    The optimum is exact. With a coin between thresholds, what a group can reach is the convex hull of its ROC curve,
    and the best points of all groups are found by one linear programme [1]_. Without a coin, all windows that the rates
    can lie in are tried.

    Parameters
    ----------
    estimator : estimator, optional
        A classifier with ``predict_proba`` or ``decision_function``. Without one, ``X`` is the score itself: one number
        for each row.
    constraint : str
        ``"equalized_odds"`` (true and false positive rates), ``"equal_opportunity"`` (true positive rates),
        ``"false_positive_rate_parity"`` or ``"demographic_parity"`` (selection rates).
    tolerance : float
        Largest difference between any two groups, in [0, 1]; for equalized odds in each of the two rates.
    cost : None, "balanced", mapping or 2 x 2 matrix
        What is minimised. None: the share of wrong decisions. ``"balanced"``: one less the balanced accuracy. A mapping
        such as ``{"fp": 1, "fn": 5}``, also with ``tp`` and ``tn``; or ``[[tn, fp], [fn, tp]]``, rows by truth.
    randomised : bool
        Whether a coin may choose between thresholds. Without it a tolerance near 0 can often be met only by deciding
        everyone alike; `result_` says so.
    cv : int, splitter, "prefit" or None
        Where the scores come from that thresholds are fitted on. A number: each row is scored by a model that has not
        seen it (k folds, stratified by label and group), and then the estimator is fitted on all rows. So no row is
        lost to a held-out part, and thresholds do not rest on training scores, which promise more than a model keeps on
        new rows. ``"prefit"``: the estimator is used as it is, and these rows should be new to it. None: training
        scores, as some do.
    min_group : int
        A group with fewer rows behind a compared rate (with the favourable label, for the true positive rate) is
        small.
    small_groups : {"pool", "ignore", "refuse"}
        ``"pool"``: small groups share a rule, and are compared as one group; if they are too few even together, or
        there is only one, as ``"ignore"``. ``"ignore"``: they take no part in the constraint and get the rule for
        everyone. ``"refuse"``: an error.
    unknown_group : {"overall", "refuse"}
        What is done with people whose group is missing or was not there in `fit`: ``"overall"``, the cheapest rule over
        all rows with rates like those of the groups; or an error.
    favourable : Any
        The favourable label; the larger of the two by default.
    sensitive_columns : str, int or sequence of them, optional
        Columns of ``X`` that hold the groups, by name or position, for when ``sensitive_features`` is not given.
    keep_sensitive : bool
        Whether the estimator sees these columns too. By default they are taken out first.
    random_state : int, RandomState or None
        Seeds the folds, which are always the same without it, and the coins.

    Attributes
    ----------
    result_ : ThresholdResult
        Thresholds, rates with intervals, the gap and the cost on the rows that were fitted on, and notes.
    estimator_ : estimator
        The fitted estimator, if there is one.
    classes_ : array, shape (2,)
        The labels, sorted.
    favourable_ : Any
        The favourable one.
    n_features_in_ : int
        Columns of ``X`` in `fit`, the sensitive ones among them; ``feature_names_in_`` where they have names.

    Notes
    -----
    No rule prefers those with low scores, not even where a score points the wrong way. Where a group has only one
    label, one of its rates is undefined: it takes no part in that half of the constraint, and a note says so. Rates
    and gap in `result_` are those of the rows that were fitted on; new rows differ by chance, the more the smaller a
    group is, which the intervals show.

    References
    ----------
    .. [1] Hardt, Price and Srebro 2016, "Equality of opportunity in supervised learning", NeurIPS 29, section 4.

    Examples
    --------
    >>> scores = [0.9, 0.6, 0.4, 0.2, 0.8, 0.7, 0.5, 0.1]
    >>> y, group = [1, 1, 0, 0, 1, 0, 1, 0], ["a"] * 4 + ["b"] * 4
    >>> fair = FairThresholdOptimizer(constraint="equal_opportunity", min_group=1, randomised=False)
    >>> fair = fair.fit(scores, y, sensitive_features=group)
    >>> [(g.name, str(g.rule)) for g in fair.result_.groups]
    [('a', 'score >= 0.5'), ('b', 'score >= 0.3')]
    >>> fair.result_.cost, fair.result_.gap
    (0.125, 0.0)
    >>> fair.predict([0.55, 0.45], sensitive_features=["a", "b"]).tolist()
    [1, 1]
    """

    def __init__(
        self,
        estimator: Any = None,
        *,
        constraint: str = "equalized_odds",
        tolerance: float = 0.0,
        cost: Any = None,
        randomised: bool = True,
        cv: Any = 5,
        min_group: int = 30,
        small_groups: str = "pool",
        unknown_group: str = "overall",
        favourable: Any = None,
        sensitive_columns: Any = None,
        keep_sensitive: bool = False,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.constraint = constraint
        self.tolerance = tolerance
        self.cost = cost
        self.randomised = randomised
        self.cv = cv
        self.min_group = min_group
        self.small_groups = small_groups
        self.unknown_group = unknown_group
        self.favourable = favourable
        self.sensitive_columns = sensitive_columns
        self.keep_sensitive = keep_sensitive
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        """Return scikit-learn's tags: two classes, and whatever input the estimator takes."""
        from sklearn.utils import get_tags

        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        if self.estimator is not None:
            inner = get_tags(self.estimator)
            tags.input_tags.sparse = inner.input_tags.sparse
            tags.input_tags.allow_nan = inner.input_tags.allow_nan
            tags.input_tags.categorical = inner.input_tags.categorical
            tags.input_tags.string = inner.input_tags.string
        return tags

    # -- fitting -------------------------------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any, *, sensitive_features: Any = None, sample_weight: Any = None) -> Self:  # noqa: N803
        """Fit the estimator, and the thresholds on scores of rows that it did not see.

        Parameters
        ----------
        X : array or frame, shape (rows, features)
            What the estimator takes; without an estimator, the score of each row.
        y : array, shape (rows,)
            Labels of two values.
        sensitive_features : array, series, frame or mapping of columns, optional
            The group of each row; several columns are crossed. May be absent if `sensitive_columns` names columns of
            `X`.
        sample_weight : array, shape (rows,), optional
            Weights, not negative, for the estimator and for the rates.

        Raises
        ------
        InputError
            If the groups are not given, the labels are not of two values, or a parameter has a value it cannot have.
        """
        self._check()
        if self.estimator is not None:
            check_columns(self, X, reset=True)
        features, groups = self._split(X, sensitive_features)
        classes, favourable, truth = binary_labels(y, self.favourable)
        weight = checked_weight(sample_weight, len(truth))
        if len(groups.codes) != len(truth):
            raise InputError(
                f"X and sensitive_features have {len(groups.codes):,} rows, y has {len(truth):,}: found input "
                "variables with inconsistent numbers of samples."
            )
        position = int(np.flatnonzero(classes == favourable)[0])
        estimator = self.estimator
        if estimator is None:
            scores = scores_of(None, features, position)
        elif self.cv == "prefit":
            check_is_fitted(estimator)
            scores = scores_of(estimator, features, position)
        else:
            extra = {} if weight is None else {"sample_weight": weight}
            labels = np.asarray(given_labels(y))
            fitted = clone(estimator).fit(features, labels, **extra)
            if self.cv is None:
                scores = scores_of(fitted, features, position)
            else:
                scores = out_of_fold(
                    estimator, features, labels, groups.codes, position, self.cv, self.random_state, extra
                )
            estimator = fitted
        return self._fitted(estimator, classes, favourable, groups, _curves(groups, scores, truth, weight))

    def fit_scores(self, y: Any, scores: Any, *, sensitive_features: Any, sample_weight: Any = None) -> Self:
        """Fit the thresholds on scores that are there already; an estimator, if there is one, is taken to be fitted.

        Parameters
        ----------
        y : array, shape (rows,)
            Labels of two values.
        scores : array, shape (rows,)
            Higher is more favourable; best of rows that the model has not seen.
        sensitive_features : array, series, frame or mapping of columns
            The group of each row.
        sample_weight : array, shape (rows,), optional
            Weights, not negative.
        """
        self._check()
        classes, favourable, truth = binary_labels(y, self.favourable)
        weight = checked_weight(sample_weight, len(truth))
        groups = row_groups(sensitive_features, rows=len(truth))
        values = scores_of(None, scores, 1)
        if len(values) != len(truth):
            raise InputError(f"there are {len(values):,} scores and {len(truth):,} labels; expected one of each a row.")
        return self._fitted(self.estimator, classes, favourable, groups, _curves(groups, values, truth, weight))

    def fit_counts(self, counts: Counts) -> Self:
        """Fit the thresholds on a histogram of scores, counted wherever the rows are.

        Parameters
        ----------
        counts : Counts
            With groups, a label and a score: ``Table.of(data).counts(group=..., label=..., score=...)``. Scores lie in
            [0, 1] and thresholds on the edges of its bins, 1/1000 apart.

        Raises
        ------
        InputError
            If there is no label or score, or rows have no score.

        Examples
        --------
        >>> from aequo.core.table import Table
        >>> rows = {"g": ["a", "a", "b", "b"], "y": [1, 0, 1, 0], "s": [0.9, 0.2, 0.6, 0.4]}
        >>> counts = Table.of(rows).counts(group="g", label="y", score="s")
        >>> fair = FairThresholdOptimizer(min_group=1).fit_counts(counts)
        >>> [str(g.rule) for g in fair.result_.groups], fair.result_.cost
        (['score >= 0.9', 'score >= 0.6'], 0.0)
        """
        from aequo.fairness.mitigate.counted import histograms

        self._check()
        counted = histograms(counts, self.favourable)

        def curves(members: Sequence[int]) -> Curve:
            return binned(*(table[list(members)].sum(axis=0) for table in (counted.n, counted.w, counted.w2)))

        return self._fitted(self.estimator, counted.classes, counted.favourable, counted.groups, curves)

    def _fitted(
        self, estimator: Any, classes: Any, favourable: Any, groups: Groups, curves: Callable[[Sequence[int]], Curve]
    ) -> Self:
        if self.unknown_group == "refuse" and groups.missing.any():
            raise InputError(
                f"{int(groups.n[groups.missing].sum()):,} rows have no group, and unknown_group is 'refuse'."
            )
        self.result_: ThresholdResult = solve(
            groups,
            curves,
            Question(
                constraint=self.constraint,  # type: ignore[arg-type]  # checked there
                tolerance=float(self.tolerance),
                costs=self.cost,
                randomised=self.randomised,
                min_group=self.min_group,
                small_groups=self.small_groups,
            ),
        )
        if estimator is not None:
            self.estimator_ = estimator
        self.classes_ = classes
        self.favourable_ = favourable
        seed = check_random_state(self.random_state).bytes(16) if self.random_state is not None else None
        self._coin_key = secrets.token_bytes(16) if seed is None else seed
        return self

    # -- deciding ------------------------------------------------------------------------------------------------------

    def predict(self, X: Any, *, sensitive_features: Any = None, ids: Any = None) -> Any:  # noqa: N803
        """Decide each row, throwing a coin where the group's rule has one.

        Parameters
        ----------
        X : array or frame, shape (rows, features)
            As in `fit`.
        sensitive_features : array, series, frame or mapping of columns, optional
            As in `fit`, with the same columns.
        ids : array, shape (rows,), optional
            Who each row is. The coin is then a keyed hash of the name, with a key made in `fit`: the same person gets
            the same coin in every call and every copy of this model. Without, coins come from `random_state`, in the
            order of the rows: the same call gives the same decisions if it is an integer.

        Returns
        -------
        array, shape (rows,)
            Labels.
        """
        probability = self._probability(X, sensitive_features)
        if ids is None:
            coins = check_random_state(self.random_state).random_sample(len(probability))
        else:
            coins = self._coins(ids, len(probability))
        position = int(np.flatnonzero(self.classes_ == self.favourable_)[0])
        return self.classes_[np.where(coins < probability, position, 1 - position)]

    def predict_proba(self, X: Any, *, sensitive_features: Any = None) -> Floats:  # noqa: N803
        """Return the probability of each decision: 0 or 1 but where a coin decides. It is no estimate of the label.

        Returns
        -------
        float array, shape (rows, 2)
            In the order of `classes_`.
        """
        probability = self._probability(X, sensitive_features)
        columns = (1 - probability, probability)
        return np.stack(columns if self.classes_[1] == self.favourable_ else columns[::-1], axis=1)

    def score(self, X: Any, y: Any, *, sensitive_features: Any = None, sample_weight: Any = None) -> float:  # noqa: N803
        """Return the expected accuracy, over the coins too.

        Raises
        ------
        InputError
            If there is not one label for each row, or one that `fit` did not see.
        """
        probability = self._probability(X, sensitive_features)
        codes, levels = coded("y", given_labels(y))
        if len(codes) != len(probability):
            raise InputError(f"X has {len(probability):,} rows, y has {len(codes):,}.")
        known = {level(v): v == self.favourable_ for v in self.classes_.tolist()}
        if set(known) in ({"0", "1"}, {"False", "True"}):  # which are the same, as for numpy
            known |= {str(kind(v)): v == self.favourable_ for v in self.classes_.tolist() for kind in (int, bool)}
        if not set(levels) <= set(known):
            raise InputError("y holds labels that were not there in fit.")
        good = np.array([known[v] for v in levels], dtype=bool)[codes]
        right = np.where(good, probability, 1 - probability)
        return float(np.average(right, weights=sample_weight))

    def _probability(self, X: Any, sensitive_features: Any) -> Floats:  # noqa: N803
        check_is_fitted(self, "result_")
        if hasattr(self, "n_features_in_"):
            check_columns(self, X, reset=False)
        features, groups = self._split(X, sensitive_features)
        groups = aligned(groups, self.result_.columns)
        position = int(np.flatnonzero(self.classes_ == self.favourable_)[0])
        scores = scores_of(getattr(self, "estimator_", None), features, position)
        if len(scores) != len(groups.codes):
            raise InputError(f"X has {len(scores):,} rows, sensitive_features {len(groups.codes):,}.")
        rules = {g.group: g.rule for g in self.result_.groups}
        out = np.zeros(len(scores))
        for code, name in enumerate(groups.names):
            if name not in rules and self.unknown_group == "refuse":
                raise InputError(
                    f"{int(groups.n[code]):,} rows have a group that is missing or was not there in fit, and "
                    "unknown_group is 'refuse'."
                )
            rows = groups.codes == code
            out[rows] = rules.get(name, self.result_.overall).probability(scores[rows])
        return out

    def _coins(self, ids: Any, rows: int) -> Floats:
        names = [level(v) for v in (ids.tolist() if hasattr(ids, "tolist") else list(ids))]
        if len(names) != rows:
            raise InputError(f"there are {len(names):,} ids for {rows:,} rows.")
        if None in names:
            raise InputError("an id is missing; without one nobody's coin can be found again.")
        hashed = b"".join(
            hashlib.blake2b(str(name).encode(), digest_size=8, key=self._coin_key).digest() for name in names
        )
        return (np.frombuffer(hashed, dtype="<u8") >> 11) / 2.0**53

    # -- what was given ------------------------------------------------------------------------------------------------

    def _split(self, X: Any, sensitive_features: Any) -> tuple[Any, Groups]:  # noqa: N803
        if self.sensitive_columns is not None:
            rest, taken = split_sensitive(X, self.sensitive_columns, keep=self.keep_sensitive)
            return rest, row_groups(taken if sensitive_features is None else sensitive_features)
        if sensitive_features is None:
            raise InputError(
                "the groups are not given; pass sensitive_features=, or name columns of X by sensitive_columns=."
            )
        return X, row_groups(sensitive_features)

    def _check(self) -> None:
        tolerance: Any = self.tolerance
        if not isinstance(tolerance, numbers.Real) or not 0 <= float(tolerance) <= 1:
            raise InputError("tolerance is not in [0, 1]; it is the largest difference between two groups.")
        rows: Any = self.min_group
        if not isinstance(rows, numbers.Integral) or rows < 0:
            raise InputError("min_group is no number of rows, 0 or more.")
        for name, allowed in (("small_groups", ("pool", "ignore", "refuse")), ("unknown_group", ("overall", "refuse"))):
            if getattr(self, name) not in allowed:
                raise InputError(f"{name} is {getattr(self, name)!r}; expected one of {', '.join(allowed)}.")


def _curves(groups: Groups, scores: Floats, truth: Any, weight: Floats | None) -> Callable[[Sequence[int]], Curve]:
    def curves(members: Sequence[int]) -> Curve:
        if len(members) == len(groups):
            return roc(scores, truth, weight)
        rows = groups.codes == members[0] if len(members) == 1 else np.isin(groups.codes, members)
        return roc(scores[rows], truth[rows], None if weight is None else weight[rows])

    return curves
