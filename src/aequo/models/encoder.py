"""`TableEncoder`: the columns of a frame as numbers, by what it saw of them when it was fitted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from aequo.core.columns import Array, as_column, as_numbers, as_objects, factorise, kind_of
from aequo.core.counts import Floats
from aequo.core.levels import level
from aequo.errors import InputError, UnknownColumn, did_you_mean
from aequo.models.pipeline import as_days, as_mapping, coded, column_encoder

__all__ = ["TableEncoder"]

_SHOWN = 12


class TableEncoder(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """Turns the columns of a frame or a mapping into numbers, and does the same to new rows.

    Numbers and booleans are imputed by the median and scaled, dates become days, of up to 30 different texts each
    becomes a column, of more each becomes the mean of the target. A value is missing where it is None, NaN or one of
    `missing`, and that is a value of its own. A text that was not there when it was fitted belongs to no column.

    Parameters
    ----------
    columns : sequence of str, optional
        Columns to read, in order; all of the frame that it is fitted on by default. Others are not looked at.
    missing : sequence of str
        Texts that mean "missing".
    random_state : int
        Of the folds in which means of the target are learned.

    Attributes
    ----------
    feature_names_in_ : array of str
        The columns that it reads.
    kinds_ : dict of str to str
        What each holds: ``"numbers"``, ``"days"`` or ``"texts"``.
    levels_ : dict of str to list of str
        The texts of each column of text.

    Examples
    --------
    >>> encoder = TableEncoder()
    >>> encoder.fit_transform({"age": [20, 30, 40], "sex": ["f", "m", None]}).shape
    (3, 4)
    >>> encoder.transform({"sex": ["x"], "age": [30]}).tolist()
    [[0.0, 0.0, 0.0, 0.0]]
    """

    def __init__(
        self, columns: Sequence[str] | None = None, *, missing: Sequence[str] = ("",), random_state: int = 0
    ) -> None:
        self.columns = columns
        self.missing = missing
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> TableEncoder:  # noqa: N803 - scikit-learn's name
        """Learn what the columns hold.

        Parameters
        ----------
        X : frame, mapping of columns or 2-D array
            The rows.
        y : array-like, optional
            The target, needed where a column has more than 30 texts.
        """
        self.fit_transform(X, y)
        return self

    def fit_transform(self, X: Any, y: Any = None) -> Floats:  # noqa: N803 - scikit-learn's name
        """Learn what the columns hold, and return the rows as numbers; means of the target are cross-fitted.

        Parameters
        ----------
        X : frame, mapping of columns or 2-D array
            The rows.
        y : array-like, optional
            The target, needed where a column has more than 30 texts.

        Returns
        -------
        float array
            Shape (rows, features), without missing values.

        Raises
        ------
        UnknownColumn
            If a column is not there.
        InputError
            If a column holds lists or the like, or there are no rows.
        """
        data = as_mapping(X)
        names = list(data) if self.columns is None else list(self.columns)
        if not names:
            raise InputError("there is no column to learn from.")
        self.feature_names_in_ = np.array(names, dtype=object)
        self.n_features_in_ = len(names)
        self.kinds_: dict[str, str] = {}
        self.levels_: dict[str, list[str]] = {}
        columns, sizes = [], []
        for name in names:
            values = self._read(name, self._column(data, name), None)
            text = values.dtype == object
            self.kinds_.setdefault(name, "texts" if text else "numbers")
            codes, size = coded(values)
            if text:
                self.levels_[name] = sorted({str(v) for v in values.tolist() if v is not None})
            columns.append(codes)
            sizes.append(size)
        self.encoder_ = column_encoder(sizes, self.random_state)
        if y is None and any(name == "many" for name, _, _ in self.encoder_.transformers):
            raise InputError("a column has many different texts, and each becomes the mean of the target; give y.")
        found: Floats = self.encoder_.fit_transform(_stacked(columns), y)
        return found

    def transform(self, X: Any) -> Floats:  # noqa: N803 - scikit-learn's name
        """Return rows as numbers.

        Parameters
        ----------
        X : frame, mapping of columns or 2-D array
            The rows, with at least the columns that it was fitted on, in any order.

        Returns
        -------
        float array
            Shape (rows, features), without missing values.

        Raises
        ------
        UnknownColumn
            If a column is not there.
        InputError
            If a column holds another kind of values than before.
        """
        check_is_fitted(self, "encoder_")
        data = as_mapping(X)
        columns = []
        for name in self.feature_names_in_.tolist():
            values = self._read(name, self._column(data, name), self.kinds_[name])
            columns.append(self._codes(name, values) if self.kinds_[name] == "texts" else coded(values)[0])
        found: Floats = self.encoder_.transform(_stacked(columns))
        return found

    def get_feature_names_out(self, input_features: Any = None) -> Array:  # noqa: ARG002 - as in scikit-learn
        """Return the names of the features: ``age``, ``sex=f``, ``sex=(missing)``.

        Parameters
        ----------
        input_features : ignored
            The columns are those that it was fitted on.
        """
        check_is_fitted(self, "encoder_")
        names = self.feature_names_in_.tolist()
        out: list[str] = []
        for part, made, at in self.encoder_.transformers_:
            if part == "few":
                for i, codes in zip(at, made.categories_, strict=True):
                    texts = [*self.levels_[names[i]], "(missing)"]
                    out += [f"{names[i]}={texts[-1] if np.isnan(c) else texts[int(c)]}" for c in codes]
            elif part == "numbers":
                out += [names[i] for i in at]
                out += [f"{names[at[i]]}=(missing)" for i in made[0].indicator_.features_]
            else:
                out += [names[i] for i in at]
        return np.array(out, dtype=object)

    def _column(self, data: Mapping[str, Any], name: str) -> Any:
        if name not in data:
            known = list(data)
            some = ", ".join(known[:_SHOWN]) + (", ..." if len(known) > _SHOWN else "")
            raise UnknownColumn(
                f"no column {name!r}, which the model reads. Columns: {some}.{did_you_mean(name, known)}"
            )
        return as_column(name, data[name])

    def _read(self, name: str, values: Any, kind: str | None) -> Array:
        """Return numbers, days or texts; without being told, by what the column holds."""
        if not len(values):
            raise InputError("there are no rows; expected at least one.")
        held = kind_of(values)
        if held == "other":
            raise InputError(f"column {name!r} holds neither numbers, text, booleans nor dates.")
        if kind == "numbers" or (kind is None and held in ("number", "boolean", "empty")):
            return as_numbers(name, values, ())
        codes, distinct = factorise(name, values)
        texts = np.empty(len(distinct), dtype=object)
        texts[:] = [level(v, missing=self.missing) for v in distinct]
        texts = texts[np.asarray(codes, dtype=np.int64)]
        if kind == "texts":
            return texts
        days = as_days(texts)
        if kind is None and days.dtype != object:
            self.kinds_[name] = "days"
        if kind == "days" and days.dtype == object and any(v is not None for v in texts.tolist()):
            raise InputError(f"column {name!r} holds {held} values; the model was fitted on dates there.")
        return days if days.dtype != object or kind is None else np.full(len(texts), np.nan)

    def _codes(self, name: str, values: Array) -> Floats:
        known = {text: float(i) for i, text in enumerate(self.levels_[name])}
        new = float(len(known))
        return np.array([np.nan if v is None else known.get(v, new) for v in as_objects(values)])


def _stacked(columns: Sequence[Floats]) -> Floats:
    lengths = {len(c) for c in columns}
    if len(lengths) > 1:
        raise InputError(f"columns have {min(lengths)} to {max(lengths)} values; expected as many in each.")
    return np.stack(columns, axis=1)
