"""From columns of any table to numbers, models by name, and both together as one estimator that can be saved."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal, get_args

import numpy as np

from aequo.core.columns import Array
from aequo.core.counts import Floats
from aequo.errors import InputError, did_you_mean, need

__all__ = [
    "ESTIMATORS",
    "FEW_TEXTS",
    "Estimator",
    "as_days",
    "as_mapping",
    "check_estimator_name",
    "coded",
    "column_encoder",
    "named_estimator",
    "quiet",
    "table_pipeline",
    "with_seed",
]

Estimator = Literal["logistic", "boosting", "forest"]
"""Models by name: logistic (ridge in a regression), gradient boosting, random forest."""

ESTIMATORS: tuple[str, ...] = get_args(Estimator)

FEW_TEXTS = 30
"""A column with so many different texts becomes a column for each of them; one with more, the mean of the target."""

_ISO = re.compile(r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}.*)?")


# -- columns to numbers -----------------------------------------------------------------------------------------------


def as_days(values: Array) -> Array:
    """Return text that is nothing but ISO dates as days since 1970, so that a model can learn from when something was.

    Parameters
    ----------
    values : array
        Of text and None; anything else is returned as it is.

    Examples
    --------
    >>> as_days(np.array(["1970-01-03", None], dtype=object)).tolist()
    [2.0, nan]
    """
    known = [v for v in values.tolist() if v is not None] if values.dtype == object else []
    if not known or not all(_ISO.fullmatch(v) for v in known):
        return values
    days = np.array(["NaT" if v is None else v[:19] for v in values.tolist()], dtype="datetime64[s]")
    return np.where(np.isnat(days), np.nan, days.astype(np.int64) / 86_400)


def coded(values: Array) -> tuple[Floats, int]:
    """Return a column as float64, text as codes in order, NaN where a value is missing; and how many texts there are.

    Parameters
    ----------
    values : array
        float64, or objects of text and None.

    Returns
    -------
    float array, int
        The number of texts is 0 for a column of numbers, and at least 1 for one of text.

    Examples
    --------
    >>> coded(np.array(["b", None, "a"], dtype=object))
    (array([ 1., nan,  0.]), 2)
    """
    if values.dtype != object:
        return np.clip(values, -1e30, 1e30), 0
    known = np.array([v is not None for v in values.tolist()], dtype=bool)
    names, codes = np.unique(values[known].astype(str), return_inverse=True)
    out = np.full(len(values), np.nan)
    out[known] = codes.reshape(-1)
    return out, max(len(names), 1)


def column_encoder(levels: Sequence[int], seed: int) -> Any:
    """Return a scikit-learn transformer of coded columns; it learns with the model, in each fold.

    Numbers are imputed by the median, with a column that says where, and scaled; of a column with few texts each
    becomes a column (a missing one too); of one with many, each becomes the mean of the target, cross-fitted.

    Parameters
    ----------
    levels : sequence of int
        For each column the number of its texts; 0 for numbers.
    seed : int
        Of the folds in which means of the target are learned.

    Raises
    ------
    MissingExtra
        If scikit-learn is not installed (extra ``ml``).
    """
    compose, impute = need("sklearn.compose", "ml"), need("sklearn.impute", "ml")
    pipeline, pre = need("sklearn.pipeline", "ml"), need("sklearn.preprocessing", "ml")
    at: dict[str, list[int]] = {"numbers": [], "few": [], "many": []}
    for i, texts in enumerate(levels):
        at["numbers" if not texts else "few" if texts <= FEW_TEXTS else "many"].append(i)
    numbers = pipeline.make_pipeline(
        impute.SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True), pre.StandardScaler()
    )
    few = pre.OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    parts = [("numbers", numbers, at["numbers"]), ("few", few, at["few"]), ("many", _mean_encoder(seed), at["many"])]
    return compose.ColumnTransformer([part for part in parts if part[2]])


def _mean_encoder(seed: int) -> Any:
    encoder = need("sklearn.preprocessing", "ml").TargetEncoder
    release = tuple(int(part) for part in need("sklearn", "ml").__version__.split(".")[:2])
    if release < (1, 9):  # the seed moved into the folds
        return encoder(random_state=seed)
    return encoder(cv=need("sklearn.model_selection", "ml").KFold(5, shuffle=True, random_state=seed))


# -- models by name ---------------------------------------------------------------------------------------------------


def check_estimator_name(name: str) -> None:
    """Raise `InputError` unless there is a model of this name.

    Parameters
    ----------
    name : str
        Such as ``"logistic"``.
    """
    if name not in ESTIMATORS:
        listed = ", ".join(map(repr, ESTIMATORS))
        raise InputError(f"the model is {name!r}, expected {listed} or an estimator.{did_you_mean(name, ESTIMATORS)}")


def named_estimator(name: str, *, regression: bool = False) -> Any:
    """Return a new scikit-learn estimator by its name.

    Parameters
    ----------
    name : {"logistic", "boosting", "forest"}
        Logistic regression (ridge in a regression), gradient boosting by histograms, random forest.
    regression : bool
        Whether the target is a number.

    Raises
    ------
    InputError
        If there is no such name.
    MissingExtra
        If scikit-learn is not installed (extra ``ml``).
    """
    check_estimator_name(name)
    linear, ensemble = need("sklearn.linear_model", "ml"), need("sklearn.ensemble", "ml")
    kind = "Regressor" if regression else "Classifier"
    if name == "logistic":
        return linear.Ridge() if regression else linear.LogisticRegression(max_iter=1000)
    if name == "boosting":
        return getattr(ensemble, f"HistGradientBoosting{kind}")(early_stopping=False)
    return getattr(ensemble, f"RandomForest{kind}")(min_samples_leaf=5)


def with_seed(estimator: Any, seed: int) -> Any:
    """Return the estimator with every random state set that was open.

    Parameters
    ----------
    estimator : object
        With scikit-learn's ``get_params`` and ``set_params``; any other is returned as it is.
    seed : int
        From 0.
    """
    if hasattr(estimator, "get_params"):
        states = {k: seed for k, v in estimator.get_params().items() if k.endswith("random_state") and v is None}
        estimator.set_params(**states)
    return estimator


@contextmanager
def quiet() -> Iterator[None]:
    """Keep notes on convergence, rare classes and versions from the reader, and the result on one thread."""
    with need("threadpoolctl", "ml").threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


# -- both together ----------------------------------------------------------------------------------------------------


def table_pipeline(
    estimator: Any,
    columns: Sequence[str] | None = None,
    *,
    missing: Sequence[str] = ("",),
    seed: int = 0,
) -> Any:
    """Return an unfitted scikit-learn pipeline from the columns of a table to a prediction.

    Parameters
    ----------
    estimator : {"logistic", "boosting", "forest"} or estimator
        A model by name, or an unfitted estimator that reads numbers.
    columns : sequence of str, optional
        The columns to learn from; all of the frame it is fitted on by default.
    missing : sequence of str
        Texts that mean "missing".
    seed : int
        Of everything random that is open.

    Returns
    -------
    sklearn.pipeline.Pipeline
        Steps ``columns`` (a `TableEncoder`) and ``model``. It is fitted on, and predicts for, a frame or a mapping of
        columns, and `aequo.models.files` saves it.

    Raises
    ------
    InputError
        If there is no model of that name.
    MissingExtra
        If scikit-learn is not installed (extra ``ml``).

    Examples
    --------
    >>> data = {"age": [25.0, 35.0, None, 52.0], "city": ["Rome", "Oslo", "Rome", None]}
    >>> model = table_pipeline("logistic").fit(data, [0, 1, 0, 1])
    >>> model.predict({"city": ["Rome"], "age": [25]}).tolist()
    [0]
    """
    need("sklearn", "ml")
    from aequo.models.encoder import TableEncoder

    chosen = named_estimator(estimator) if isinstance(estimator, str) else estimator
    encoder = TableEncoder(columns=columns, missing=tuple(missing), random_state=seed)
    return need("sklearn.pipeline", "ml").Pipeline([("columns", encoder), ("model", with_seed(chosen, seed))])


def as_mapping(data: Any) -> Mapping[str, Any]:
    """Return named columns, in order, of a frame or a mapping; of a 2-D array they are called x0, x1, ...

    Parameters
    ----------
    data : frame, mapping or array
        A pandas, polars or pyarrow frame, a mapping of names to sequences, or a 2-D array.

    Raises
    ------
    InputError
        If it is none of these, or two columns have one name.
    """
    if isinstance(data, Mapping):
        return {str(k): v for k, v in data.items()}
    names = getattr(data, "column_names", None) or getattr(data, "columns", None)
    if names is not None and hasattr(data, "shape"):
        listed = [str(n) for n in names]
        if len(set(listed)) < len(listed):
            twice = next(n for n in listed if listed.count(n) > 1)
            raise InputError(f"two columns are named {twice!r}; rename one.")
        return {name: data[given] for name, given in zip(listed, names, strict=True)}
    array = data if isinstance(data, np.ndarray) else None
    if array is None or array.ndim != 2:
        shape = "" if array is None else f" of shape {array.shape}"
        raise InputError(f"the rows are a {type(data).__name__}{shape}; expected a frame or a mapping of columns.")
    return {f"x{i}": array[:, i] for i in range(array.shape[1])}
