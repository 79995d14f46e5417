"""`TransparentModel`: no prediction without its explanation, its confidence and its record."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from aequo.core.columns import Array
from aequo.core.counts import Floats
from aequo.errors import InputError, LedgerError, UnknownColumn, did_you_mean
from aequo.models.digest import model_digest
from aequo.models.predicting import Model, Outputs
from aequo.models.rows import Rows
from aequo.transparency.attribution import Attributions
from aequo.transparency.calibration import Confidence, VennAbers, calibrated
from aequo.transparency.exact import Against
from aequo.transparency.explained import Explained
from aequo.transparency.explainer import Explainer, Wanted
from aequo.transparency.permuted import mean_and_reach
from aequo.transparency.reasons import Wording

if TYPE_CHECKING:
    from aequo.ledger import Ledger
    from aequo.transparency.ways import Counterfactuals

__all__ = ["ImportantFeature", "TransparentModel"]

_IMPORTANT_ROWS = {"linear": 2000, "trees": 500}
_IMPORTANT_ESTIMATES = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportantFeature:
    """How much a model leans on one column, over the rows of the background.

    Attributes
    ----------
    column : str
        The user's column.
    importance : float
        Mean absolute contribution.
    interval : tuple of float
        95 % Student interval over rows; without end for a single one.
    n : int
        Rows behind it.
    """

    column: str
    importance: float
    interval: tuple[float, float]
    n: int


class TransparentModel:
    """A model whose every prediction comes with its reasons, and goes on the record.

    Parameters
    ----------
    model : object
        A fitted scikit-learn estimator or pipeline, an xgboost or lightgbm model, a torch module or a function.
    background : frame or array
        Rows to compare with, such as the training rows, or those that were approved.
    ledger : Ledger, optional
        Each prediction is written to it before it is returned. If that fails, the error is raised and there is no
        prediction, unless `unrecorded` says otherwise.
    calibration : tuple, optional
        Rows that the model has not learned from, and their true classes. Without them there is no confidence.
    positive : object, optional
        The class that is good for the person; it has to be named unless it is 1 or True, and the other 0, -1 or False.
    threshold : float, optional
        Scores from here on are favourable; without it, what the model itself would predict.
    version : str, optional
        What the ledger calls the model; the beginning of its digest without it.
    reasons : mapping of str to str, optional
        A sentence for a column, such as ``{"dti": "Debt is high compared with income"}``; ``{value}`` shows the value.
    protected : sequence of str
        Columns that must be no reason. One that pushed towards refusal is flagged, not hidden.
    immutable : sequence of str
        Columns that a person cannot change.
    top : int
        How many columns `Explained.top` has.
    unrecorded : bool
        Return a prediction that the ledger could not take, with a note, instead of raising.
    extra : str
        ``"refuse"`` or ``"ignore"``: columns that the model does not read.
    method, against, error, budget, background_rows, columns, outputs, seed
        As for `Explainer`.
    clock : callable
        Gives the time.

    Attributes
    ----------
    digest, version : str
        Which model it is.
    base_rows : int or None
        As for `Explainer`.

    Raises
    ------
    InputError, UnknownColumn
        If the model, the background, the calibration rows or a name is unusable.
    MissingExtra
        If the trees are scikit-learn's and shap is not installed.

    Examples
    --------
    >>> def score(rows):
    ...     return 1 / (1 + np.exp(rows[:, 0] - 3 * rows[:, 1]))
    >>> model = TransparentModel(score, background=[[1.0, 1.0], [2.0, 1.0]], columns=["debt", "income"])
    >>> refused = model.predict_with_explanation([4.0, 1.2])
    >>> refused.prediction, [reason.text for reason in refused.reasons]
    (0, ['debt is high, and that counted against the application'])
    >>> refused.no_confidence
    'no calibration rows were given'
    """

    def __init__(
        self,
        model: Any,
        *,
        background: Any,
        ledger: Ledger | None = None,
        calibration: tuple[Any, Any] | None = None,
        positive: Any = None,
        threshold: float | None = None,
        version: str | None = None,
        reasons: Mapping[str, str] | None = None,
        protected: Sequence[str] = (),
        immutable: Sequence[str] = (),
        top: int = 5,
        unrecorded: bool = False,
        extra: str = "refuse",
        method: Wanted = "auto",
        against: Against = "training",
        error: float | None = None,
        budget: int = 20_000,
        background_rows: int = 100,
        columns: Sequence[str] | None = None,
        outputs: Outputs | None = None,
        seed: int = 0,
        clock: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ) -> None:
        if extra not in ("refuse", "ignore") or top < 1:
            raise InputError(f"extra is {extra!r} and top {top}; expected 'refuse' or 'ignore', and at least 1.")
        if threshold is not None and not 0 <= threshold <= 1:
            raise InputError(f"threshold is {threshold}; expected 0 to 1.")
        self._explainer = Explainer(
            model,
            background=background,
            method=method,
            against=against,
            error=error,
            budget=budget,
            background_rows=background_rows,
            positive=positive,
            columns=columns,
            outputs=outputs,
            seed=seed,
        )
        self._model, self.base_rows = self._explainer.model, self._explainer.base_rows
        self._background = self._model.rows(background)
        self._wording = Wording(
            self._background, templates=reasons or {}, protected=_listed(protected), immutable=_listed(immutable)
        )
        self._immutable, self._protected = _listed(immutable), frozenset(_listed(protected))
        self._ledger, self._unrecorded, self._top, self._extra = ledger, unrecorded, top, extra
        self._calibration = self._calibrate(calibration)
        self._threshold, self._predicts = self._decider(threshold)
        self._clock, self._seed = clock, seed
        self.digest = model_digest(self._model)
        self.version = version if version is not None else self.digest[: len("sha256:") + 12]

    def predict_with_explanation(
        self, x: Any, *, subject: str | int | None = None, operator_id: str | None = None
    ) -> Explained:
        """Return the prediction for one row, why, how sure, and the ledger's receipt.

        Parameters
        ----------
        x : mapping, Series, one-row frame or array
            The row.
        subject : str or int, optional
            Whom it is about: what the ledger seals is sealed under that person's key.
        operator_id : str, optional
            Who asked.

        Raises
        ------
        InputError, UnknownColumn
            If it is not one row, a column is missing or not the model's, or the score is not finite.
        LedgerError
            If the ledger could not take it; nothing was recorded, and there is no prediction.
        """
        rows = self._rows(x)
        if len(rows) != 1:
            raise InputError(f"there are {len(rows)} rows; expected one. For many, predict_with_explanation_batch.")
        return self._decide(rows, [subject], operator_id)[0]

    def predict_with_explanation_batch(
        self,
        data: Any,
        *,
        subjects: Sequence[str | int] | None = None,
        operator_id: str | None = None,
    ) -> tuple[Explained, ...]:
        """Return the same for many rows; the ledger takes them all or none, with one write.

        Parameters
        ----------
        data : frame, mapping or array
            The rows.
        subjects : sequence of str or int, optional
            Whom each is about.
        operator_id : str, optional
            Who asked.

        Raises
        ------
        InputError, UnknownColumn
            If there are no rows, or not as many subjects, or as for one row.
        LedgerError
            If the ledger could not take them.
        """
        rows = self._rows(data)
        people: Sequence[str | int | None] = [None] * len(rows) if subjects is None else list(subjects)
        if len(people) != len(rows):
            raise InputError(f"there are {len(people)} subjects for {len(rows)} rows; expected one for each.")
        return self._decide(rows, people, operator_id)

    def get_important_features(self, n: int = 10) -> tuple[ImportantFeature, ...]:
        """Return the columns that the model leans on most, over rows of the background.

        Parameters
        ----------
        n : int
            How many at most.
        """
        if n < 1:
            raise InputError(f"n is {n}; expected at least 1.")
        most = _IMPORTANT_ROWS.get(self._explainer.method, _IMPORTANT_ESTIMATES)
        rng = np.random.default_rng(self._seed)
        size = min(most, len(self._background))
        rows = self._background.take(np.sort(rng.choice(len(self._background), size, replace=False)))
        sizes = np.abs(self._explainer(rows).contributions)
        found = [mean_and_reach(column, 0.95) for column in sizes.T]
        mean, half = [m for m, _ in found], [reach for _, reach in found]
        order = sorted(range(len(mean)), key=lambda j: (-mean[j], rows.names[j]))
        return tuple(
            ImportantFeature(
                column=rows.names[j],
                importance=mean[j],
                interval=(max(0.0, mean[j] - half[j]), mean[j] + half[j]),
                n=size,
            )
            for j in order[:n]
        )

    def counterfactuals(self, x: Any, **how: Any) -> Counterfactuals:
        """Return the smallest changes of one row that would flip its decision; immutable columns stay.

        Parameters
        ----------
        x : mapping, Series, one-row frame or array
            The row.
        **how
            As for `aequo.transparency.counterfactuals`.
        """
        from aequo.transparency.counterfactual import counterfactuals

        settings = {"data": self._background.held, "immutable": [*{*self._immutable, *self._protected}], **how}
        settings.setdefault("threshold", self._threshold)
        return counterfactuals(self._model, x, **settings)

    # -- what is worked out once --------------------------------------------------------------------------------------

    def _calibrate(self, calibration: Any) -> VennAbers | None:
        if calibration is None:
            return None
        if not self._model.classes:
            raise InputError("calibration rows were given for a regression; its values are no probabilities.")
        if not (isinstance(calibration, tuple) and len(calibration) == 2):
            raise InputError("calibration is not a pair of rows and true classes: calibration=(X, y).")
        return calibrated(
            self._ranks(self._model.rows(calibration[0])), calibration[1], self._model.positive, self._model.classes
        )

    def _ranks(self, rows: Rows, scores: Floats | None = None) -> Floats:
        """Return what the calibration goes by: the scores, or the margins of a model whose scores are its decisions."""
        margin = self._model.raw(rows) if self._model.outputs == "decisions" else None
        if margin is not None:
            return margin
        return self._model.scores(rows) if scores is None else scores

    def _decider(self, threshold: float | None) -> tuple[float | None, bool]:
        """Return the threshold, and whether the model itself has to be asked because no threshold says what it does."""
        if threshold is not None or not self._model.classes:
            return threshold, False
        limit = self._model.own_threshold(self._background.take(np.arange(min(len(self._background), 500))))
        return limit, limit is None

    # -- what is worked out for each row ------------------------------------------------------------------------------

    def _rows(self, data: Any) -> Rows:
        if self._extra == "refuse":
            given = _names(data)
            strange = [name for name in given if name not in self._model.columns]
            if strange and all(name in given for name in self._model.columns):
                raise UnknownColumn(
                    f"column {strange[0]!r} is not one that the model reads; leave it out, or say extra='ignore'. "
                    f"Columns: {', '.join(self._model.columns)}.{did_you_mean(strange[0], self._model.columns)}"
                )
        return self._model.rows(data)

    def _decide(
        self, rows: Rows, subjects: Sequence[str | int | None], operator_id: str | None
    ) -> tuple[Explained, ...]:
        found = self._explainer(rows)
        predictions = self._predictions(rows, found.scores)
        values = [rows.objects(name) for name in rows.names]
        at = self._clock()
        ranks = self._ranks(rows, found.scores) if self._calibration is not None else found.scores
        made = [
            self._explain(found, i, predictions[i], float(ranks[i]), dict(zip(rows.names, row, strict=True)), at)
            for i, row in enumerate(zip(*values, strict=True))
        ]
        return tuple(self._record(made, subjects, operator_id))

    def _predictions(self, rows: Rows, scores: Floats) -> list[Any]:
        if not self._model.classes:
            return list(scores.tolist())
        if self._predicts:
            said: list[Any] = list(_predicted(self._model, self._model.fed(rows)))
            return [v.item() if isinstance(v, np.generic) else v for v in said]
        yes, no = self._model.positive, [c for c in self._model.classes if c != self._model.positive]
        if len(no) > 1:
            raise InputError("a threshold decides between two classes; leave it out for a model of more.")
        return [yes if good else no[0] for good in (scores >= (self._threshold or 0.0)).tolist()]

    def _explain(
        self, found: Attributions, i: int, prediction: Any, rank: float, values: Mapping[str, Any], at: dt.datetime
    ) -> Explained:
        one = found[i]
        good = bool(prediction == self._model.positive) if self._model.classes else None
        reasons = self._wording.reasons(one, values) if good is False else ()
        notes = [f"the protected column {r.column!r} pushed towards refusal" for r in reasons if r.protected]
        if good is False and not reasons:
            notes.append("no column pushed towards refusal, compared with this background; compare with approved rows")
        confidence, why = self._confidence(rank, favourable=good)
        if confidence is not None and confidence.high < 0.5:
            notes.append("of the calibration rows with such a score, fewer than half had the class that was predicted")
        return Explained(
            prediction=prediction,
            favourable=good,
            score=float(found.scores[i]),
            confidence=confidence,
            no_confidence=why,
            attribution=one,
            top=tuple((column, value) for column, value in one.top(self._top) if value),
            reasons=reasons,
            notes=tuple(notes),
            at=at,
            model_digest=self.digest,
            model_version=self.version,
            receipt=None,
            values=values,
        )

    def _confidence(self, rank: float, *, favourable: bool | None) -> tuple[Confidence | None, str]:
        """Return the confidence in a decision, or None and why there is none."""
        if favourable is None:
            return None, "the model predicts a number"
        if self._calibration is None:
            return None, "no calibration rows were given"
        if len(self._model.classes) > 2 and not favourable:
            return None, "of more than two classes, only the favourable one is calibrated"
        return self._calibration.confidence(rank, favourable=favourable), ""

    def _record(
        self, made: list[Explained], subjects: Sequence[str | int | None], operator_id: str | None
    ) -> list[Explained]:
        if self._ledger is None:
            return made
        try:
            receipts = self._ledger.log_decisions(
                [
                    {
                        "input": dict(one.values),
                        "output": one.prediction,
                        "model_version": one.model_version,
                        "operator_id": operator_id,
                        "metadata": _metadata(one),
                        "subject": subject,
                    }
                    for one, subject in zip(made, subjects, strict=True)
                ]
            )
        except LedgerError as error:
            if not self._unrecorded:
                raise
            note = f"this decision is not on the record: the ledger failed ({type(error).__name__})"
            return [replace(one, notes=(*one.notes, note)) for one in made]
        return [replace(one, receipt=receipt) for one, receipt in zip(made, receipts, strict=True)]


def _listed(names: Sequence[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


def _names(data: Any) -> list[str]:
    """Return the names of the columns given, if they have names."""
    if isinstance(data, Rows):
        return []
    if isinstance(data, Mapping):
        return [str(k) for k in data]
    if type(data).__module__.startswith("pandas") and not hasattr(data, "columns") and hasattr(data, "index"):
        return [str(k) for k in data.index]
    names = getattr(data, "column_names", None) or getattr(data, "columns", None)
    return [str(n) for n in names] if names is not None else []


def _predicted(model: Model, fed: Any) -> Array:
    return np.asarray(model.native.predict(fed)).reshape(-1)


def _metadata(one: Explained) -> dict[str, Any]:
    """Return what the ledger seals beside the decision: the explanation, without the values."""
    told = one.to_dict()
    kept = ("score", "confidence", "top", "reasons", "notes", "model")
    explanation = {k: told["explanation"][k] for k in ("method", "space", "base", "additivity_error")}
    return {k: told[k] for k in kept} | {"explanation": explanation}
