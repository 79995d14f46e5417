"""`AdversarialDebiasing`: a classifier that learns against an adversary, which guesses the group from its scores."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_array, check_is_fitted, check_random_state, validate_data

from aequo.core.counts import Floats, Ints
from aequo.errors import InputError, need
from aequo.fairness.mitigate.adversarial_outcome import Epoch, result_of
from aequo.fairness.mitigate.feeding import binary_labels, checked_weight, split_sensitive
from aequo.fairness.mitigate.protected import KINDS, Protected, protected_of

__all__ = ["AdversarialDebiasing"]

CONSTRAINTS = ("demographic_parity", "equalized_odds")

_LEAST_ROWS = 10


class AdversarialDebiasing(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # sklearn has no types
    """A classifier whose scores do not tell the group, or tell no more of it than the label does.

    A predictor learns the label. An adversary learns to guess the group from the predictor's score, and for equalized
    odds from score and label. Each step of the predictor is the gradient of its own loss, less its projection on the
    gradient of the adversary's loss, less `alpha` times the latter [1]_. The group is needed in `fit` only: decisions
    do not use it.

    From the paper: the direction, what the adversary sees, its weight that grows as sqrt(t), and steps of the predictor
    that shrink as 1/t, with t in epochs. Ours, without which the game goes round in circles: the adversary takes
    several steps for each of the predictor's; both learn for some epochs before the predictor listens; what is judged
    and kept is a moving mean of the predictor's weights over about one epoch; the adversary sees scores divided by
    their spread, so that they cannot be hidden by shrinking them; and it weighs groups equally, whatever their size.

    A part of the rows is held out. Of all epochs whose gap is within `tolerance`, both on these and on the training
    rows, the one with the least log loss on the held-out rows is kept; if there is none, the one with the smallest gap,
    and `result_.met` says so. Both parts, since the held-out one is small, and the smallest of many noisy gaps looks
    better than it is. A model that decides everyone alike, or is less accurate than that on the held-out rows, has
    collapsed, and is kept only if there is no other.

    Parameters
    ----------
    constraint : {"demographic_parity", "equalized_odds"}
        Whether the score is to tell nothing of the group, or nothing beyond what the label tells. The gap is the
        largest difference of selection rates between groups; or the larger of those of true and of false positive
        rates. For a sensitive number it is the absolute correlation with the predicted probability, overall or within
        each label.
    tolerance : float
        The gap that is wanted, in [0, 1].
    predictor : sequence of int, "linear" or callable
        Sizes of hidden layers; ``"linear"`` for none, which is a logistic regression; or a function from the number of
        features to a ``torch.nn.Module`` that gives one logit for each row. To pickle the estimator, the function and
        the module's class have to be importable.
    adversary_hidden : sequence of int
        Sizes of the adversary's hidden layers; empty for a linear one, as in the paper.
    adversary_steps : int
        Steps of the adversary for each of the predictor's.
    alpha : float
        Weight of the adversary in the first epoch in which the predictor listens, 0 or more.
    projection : bool
        Whether the projection is taken out, as in the paper. Without it, and with ``alpha=0``, training is plain.
    epochs : int
        Most passes over the training rows.
    batch_size : int or "auto"
        Rows in a step. ``"auto"``: a fiftieth of the training rows, at least 64 and at most 512.
    lr : float
        First step size of the predictor (Adam), in (0, 1); the adversary's is three times that.
    l2 : float
        Penalty on the predictor's weights: ``l2 / (2 n)`` times their sum of squares, with n training rows; 0 for none.
    validation_fraction : float
        Share of the rows that are held out, in (0, 1), evenly by label and group.
    patience : int
        Training ends so many epochs after the best one.
    min_group : int
        Groups with fewer held-out rows behind a rate are not compared; the adversary sees them all the same.
    sensitive_kind : {"auto", "groups", "number"}
        How sensitive columns are read. ``"auto"``: a column of numbers with more than 20 different values is a number,
        any other holds groups. Several columns of groups are crossed; numbers are guessed one by one.
    sensitive_columns : str, int or sequence of them, optional
        Columns of ``X`` that hold the sensitive attribute, by name or position, for when ``sensitive_features`` is not
        given. The predictor does not see them.
    random_state : int, RandomState or None
        Seeds weights, batches and the held-out part. On a CPU the same seed gives the same weights.
    device : str
        Where torch trains, such as ``"cpu"`` or ``"cuda:0"``; ``"auto"`` takes a graphics card if there is one.
    callback : callable, optional
        Called with each `Epoch` as it ends. An exception that it raises, as Ctrl-C does, ends the training and leaves
        the estimator as it was.

    Attributes
    ----------
    result_ : AdversarialResult
        Accuracy and gap on the held-out rows with intervals, whether the tolerance is met, and notes.
    history_ : tuple of Epoch
        Losses, held-out accuracy and gap after each epoch: the trade-off.
    predictor_ : torch.nn.Module
        The predictor, on the CPU; it takes standardised features.
    adversary_ : torch.nn.Module
        The adversary as it was at the end.
    mean_, scale_ : float array, shape (features,)
        What features are standardised by: mean and standard deviation of the training rows.
    classes_ : array, shape (2,)
        The labels, sorted.
    n_features_in_, feature_names_in_
        As in scikit-learn.

    Notes
    -----
    Rows without a group train the predictor and not the adversary. Weights count in both losses and in every held-out
    number. Missing values and text in ``X`` are refused: a preprocessing pipeline comes first.

    References
    ----------
    .. [1] Zhang, Lemoine and Mitchell 2018, "Mitigating unwanted biases with adversarial learning", AIES, sections 3
       and 5.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> group = rng.integers(0, 2, 400)
    >>> X = np.stack([rng.normal(size=400), rng.normal(size=400) + 2 * group], axis=1)
    >>> y = (X.sum(axis=1) + rng.normal(size=400) > 1).astype(int)
    >>> fair = AdversarialDebiasing(tolerance=0.1, predictor="linear", epochs=40, lr=0.03, random_state=0)
    >>> fair = fair.fit(X, y, sensitive_features=group)
    >>> fair.result_.unconstrained_gap > 0.3, fair.result_.gap < fair.result_.unconstrained_gap / 2
    (True, True)
    >>> fair.predict(X[:3]).shape
    (3,)
    """

    def __init__(
        self,
        constraint: str = "demographic_parity",
        *,
        tolerance: float = 0.02,
        predictor: str | Sequence[int] | Callable[[int], Any] = (32,),
        adversary_hidden: Sequence[int] = (8,),
        adversary_steps: int = 3,
        alpha: float = 1.0,
        projection: bool = True,
        epochs: int = 60,
        batch_size: int | str = "auto",
        lr: float = 0.01,
        l2: float = 30.0,
        validation_fraction: float = 0.2,
        patience: int = 15,
        min_group: int = 10,
        sensitive_kind: str = "auto",
        sensitive_columns: Any = None,
        random_state: Any = None,
        device: str = "auto",
        callback: Callable[[Epoch], Any] | None = None,
    ) -> None:
        self.constraint = constraint
        self.tolerance = tolerance
        self.predictor = predictor
        self.adversary_hidden = adversary_hidden
        self.adversary_steps = adversary_steps
        self.alpha = alpha
        self.projection = projection
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.l2 = l2
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.min_group = min_group
        self.sensitive_kind = sensitive_kind
        self.sensitive_columns = sensitive_columns
        self.random_state = random_state
        self.device = device
        self.callback = callback

    def __sklearn_tags__(self) -> Any:
        """Return scikit-learn's tags: two classes only."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "predictor_")

    # -- fitting -------------------------------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any, *, sensitive_features: Any = None, sample_weight: Any = None) -> Self:  # noqa: N803
        """Train the predictor against the adversary.

        Parameters
        ----------
        X : array or frame of numbers, shape (rows, features)
            Features, without missing values.
        y : array, shape (rows,)
            Labels of two values.
        sensitive_features : array, series, frame or mapping of columns, optional
            The sensitive attribute of each row, one or several columns. May be absent if `sensitive_columns` names
            columns of `X`.
        sample_weight : array, shape (rows,), optional
            Weights, not negative.

        Raises
        ------
        InputError
            If the data or a parameter cannot be used.
        MissingExtra
            If torch is not installed.
        """
        need("torch", "torch")
        from aequo.fairness.mitigate.adversarial_training import Plan, Problem, train

        self._check()
        rng = check_random_state(self.random_state)
        _table(self, X, reset=True)
        features, sensitive = self._split(X, sensitive_features)
        x = _numbers(features)
        classes, _, truth = binary_labels(y, None)
        if len(truth) != len(x):
            raise InputError(f"X has {len(x):,} rows and y {len(truth):,}: found input variables with inconsistent "
                             "numbers of samples.")  # fmt: skip
        if len(x) < _LEAST_ROWS:
            raise InputError(f"there are {len(x)} rows (n_samples={len(x)}); expected at least {_LEAST_ROWS}.")
        weight = checked_weight(sample_weight, len(x))
        weight = np.ones(len(x)) if weight is None else weight / weight.mean()
        protected = protected_of(sensitive, rows=len(x), kind=self.sensitive_kind)  # type: ignore[arg-type]  # checked
        learn, held_out = _parted(truth, protected, weight, self.validation_fraction, rng)
        mean, scale = _moments(x[learn])
        problem = Problem((x - mean) / scale, truth.astype(np.float64), protected, weight, learn, held_out)
        size = int(np.clip(len(learn) // 50, 64, 512)) if self.batch_size == "auto" else int(self.batch_size)
        trained = train(
            problem,
            Plan(
                constraint=self.constraint,  # type: ignore[arg-type]  # checked
                predictor=() if isinstance(self.predictor, str) else self.predictor,
                adversary_hidden=tuple(self.adversary_hidden),
                adversary_steps=self.adversary_steps,
                alpha=float(self.alpha),
                projection=self.projection,
                tolerance=float(self.tolerance),
                epochs=self.epochs,
                batch_size=size,
                lr=float(self.lr),
                l2=float(self.l2),
                patience=self.patience,
                min_group=self.min_group,
                seed=int(rng.randint(2**31 - 1)),
                device=self._device(),
                callback=self.callback,
            ),
        )
        self.classes_, self.mean_, self.scale_ = classes, mean, scale
        self.predictor_, self.adversary_ = trained.predictor, trained.adversary
        self.history_ = trained.history
        self.result_ = result_of(
            trained.history,
            trained.kept,
            logit=_logits(trained.predictor, problem.x[held_out]),
            truth=problem.truth[held_out],
            protected=protected.rows(held_out),
            weight=weight[held_out],
            constraint=self.constraint,  # type: ignore[arg-type]  # checked
            tolerance=float(self.tolerance),
            min_group=self.min_group,
            trained_on=len(learn),
        )
        return self

    # -- deciding ------------------------------------------------------------------------------------------------------

    def decision_function(self, X: Any) -> Any:  # noqa: N803
        """Return the logit of the second class for each row; above or at 0 decides for it.

        Parameters
        ----------
        X : array or frame of numbers, shape (rows, features)
            With the same columns as in `fit`.

        Raises
        ------
        InputError
            If `X` cannot be used.
        sklearn.exceptions.NotFittedError
            If `fit` was not called.
        """
        check_is_fitted(self)
        _table(self, X, reset=False)
        features = X if self.sensitive_columns is None else split_sensitive(X, self.sensitive_columns, keep=False)[0]
        return _logits(self.predictor_, (_numbers(features) - self.mean_) / self.scale_)

    def predict_proba(self, X: Any) -> Any:  # noqa: N803
        """Return the probability of each class, shape (rows, 2), in the order of `classes_`."""
        logit = self.decision_function(X)
        second = np.exp(-np.logaddexp(0, -logit))
        return np.stack([np.exp(-np.logaddexp(0, logit)), second], axis=1)

    def predict(self, X: Any) -> Any:  # noqa: N803
        """Return the label of each row; no group is needed."""
        logit = self.decision_function(X)
        return self.classes_[(logit >= 0).astype(np.int64)]

    # -- parts of fit --------------------------------------------------------------------------------------------------

    def _split(self, X: Any, given: Any) -> tuple[Any, Any]:  # noqa: N803
        if self.sensitive_columns is None:
            if given is None:
                raise InputError(
                    "fit needs the groups: sensitive_features=, one value for each row, or the parameter "
                    "sensitive_columns, which names columns of X."
                )
            return X, given
        features, named = split_sensitive(X, self.sensitive_columns, keep=False)
        return features, named if given is None else given

    def _device(self) -> str:
        torch = need("torch", "torch")
        if self.device == "auto":
            return "cuda" if torch.cuda.is_available() else "cpu"
        try:
            torch.empty(0, device=self.device)
        except (RuntimeError, AssertionError):
            raise InputError(f"torch cannot use the device {self.device!r} here; expected 'auto' or 'cpu'.") from None
        return str(self.device)

    def _check(self) -> None:
        for name, value, known in (
            ("constraint", self.constraint, CONSTRAINTS),
            ("sensitive_kind", self.sensitive_kind, KINDS),
        ):
            if value not in known:
                raise InputError(f"{name} is {value!r}, expected one of {', '.join(map(repr, known))}.")
        if isinstance(self.predictor, str) and self.predictor != "linear":
            raise InputError(f"predictor is {self.predictor!r}, expected 'linear', sizes of layers or a function.")
        if not isinstance(self.predictor, str) and not callable(self.predictor):
            _sizes("predictor", self.predictor)
        _sizes("adversary_hidden", self.adversary_hidden)
        whole = ["adversary_steps", "epochs", "patience", "min_group"]
        for name in whole if self.batch_size == "auto" else [*whole, "batch_size"]:
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
                raise InputError(f"{name} is {value!r}, expected a whole number from 1.")
        for name, low, high, open_ends in (
            ("tolerance", 0.0, 1.0, False),
            ("alpha", 0.0, math.inf, False),
            ("l2", 0.0, math.inf, False),
            ("lr", 0.0, 1.0, True),
            ("validation_fraction", 0.0, 1.0, True),
        ):
            value = getattr(self, name)
            number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
            if not number or not (low < value < high if open_ends else low <= value <= high) or math.isinf(value):
                span = f"above {low:g} and below {high:g}" if open_ends else f"from {low:g}"
                span += "" if open_ends or math.isinf(high) else f" to {high:g}"
                raise InputError(f"{name} is {value!r}, expected a number {span}.")


def _sizes(name: str, value: Any) -> None:
    good = isinstance(value, (list, tuple)) and all(
        isinstance(v, (int, np.integer)) and not isinstance(v, bool) and v > 0 for v in value
    )
    if not good:
        raise InputError(f"{name} is {value!r}, expected sizes of hidden layers, such as (32,), or () for none.")


def _table(estimator: Any, X: Any, *, reset: bool) -> None:  # noqa: N803
    """Note or compare names and number of the columns."""
    if getattr(X, "ndim", 2) != 2:
        raise InputError("X is not a table of rows and columns. Reshape your data: X.reshape(-1, 1) makes one column.")
    validate_data(estimator, X, reset=reset, skip_check_array=True)


def _numbers(X: Any) -> Floats:  # noqa: N803
    """Return the features as numbers; a value that is none is not shown."""
    try:
        x = check_array(X, dtype=np.float64, order="C", ensure_all_finite=False)
    except (TypeError, ValueError) as error:
        if "could not convert" not in str(error) and "float()" not in str(error):
            raise InputError(str(error)) from None
        raise InputError(
            "X holds values that are not numbers; expected numeric columns. Encode text first, in a pipeline."
        ) from None
    if not np.isfinite(x).all():
        bad = (~np.isfinite(x)).any(axis=0)
        what = "NaN (missing values)" if np.isnan(x).any() else "infinity"
        raise InputError(
            f"X contains {what} in {int(bad.sum())} of {x.shape[1]} columns; fill them first, in a pipeline."
        )
    numbers: Floats = x
    return numbers


def _moments(x: Floats) -> tuple[Floats, Floats]:
    """Return mean and standard deviation of each column; 1 for a column that does not vary."""
    mean, scale = x.mean(axis=0), x.std(axis=0)
    still = scale <= 1e-12 * np.maximum(np.abs(mean), 1e-300)
    return mean, np.where(still, 1.0, scale)


def _parted(truth: Any, protected: Protected, weight: Floats, fraction: float, rng: Any) -> tuple[Ints, Ints]:
    """Split rows in two, with the same shares of each label and group in both as far as whole rows go."""
    order = np.lexsort((rng.random_sample(len(truth)), protected.strata()))
    chosen = np.zeros(len(truth), dtype=bool)
    for label in (False, True):
        # Evenly spaced among the rows in order of group: no group is off by more than one row.
        rows = order[truth[order] == label]
        take = min(max(round(len(rows) * fraction), 1), len(rows) - 1)
        chosen[rows[((np.arange(take) + 0.5) * len(rows) / max(take, 1)).astype(np.int64)]] = True
    learn, held_out = np.flatnonzero(~chosen), np.flatnonzero(chosen)
    for name, part in (("train on", learn), ("hold out", held_out)):
        if len(np.unique(truth[part[weight[part] > 0]])) < 2:
            raise InputError(
                f"the {len(part):,} rows to {name} hold one class only; expected more rows of the rarer label, "
                "or another validation_fraction."
            )
    return learn, held_out


def _logits(predictor: Any, x: Floats) -> Floats:
    """Return the predictor's logit for each row, in blocks that fit into memory."""
    torch = need("torch", "torch")
    predictor.eval()
    out = np.empty(len(x))
    with torch.no_grad():
        for at in range(0, len(x), 1 << 16):
            block = torch.as_tensor(x[at : at + (1 << 16)], dtype=torch.float32)
            out[at : at + (1 << 16)] = predictor(block).double().reshape(-1).numpy()
    return out
