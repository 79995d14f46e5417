"""`attributions`: what each column contributed to each answer of a model, exactly where the model's form allows it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np

from aequo.errors import InputError, did_you_mean
from aequo.models.predicting import Outputs, as_model
from aequo.models.rows import Rows, as_rows
from aequo.transparency.attribution import Attributions, Method, Space
from aequo.transparency.exact import Against, Formula, is_trees, linear_formula, tree_formula
from aequo.transparency.lime import lime
from aequo.transparency.lineage import Split, split
from aequo.transparency.shapley import Estimate, exact, permutation

__all__ = ["Explainer", "attributions"]

Wanted = Literal["auto", "linear", "trees", "exact", "permutation", "lime"]
"""A method, or the best that there is for the model."""

_PROVED_ON = 200
_MEAN_OVER = 100_000
_LIME_SAMPLES = 5000
_FEW = {"classifier": 0.005, "regressor": 0.01}


class Explainer:
    """Explains a model's answers; what does not depend on the row is worked out once, when it is made.

    Parameters
    ----------
    model : object
        Anything that `as_model` takes.
    background : frame or array
        Rows to compare with, such as the training rows. Contributions are against their mean; of more than 100,000, so
        many are drawn.
    method : str
        ``"auto"``: linear models exactly, trees exactly, any other by all coalitions if the budget allows and by
        permutations if not. Or one of ``"linear"``, ``"trees"``, ``"exact"``, ``"permutation"`` and ``"lime"``.
    against : str
        For trees: ``"training"`` (path-dependent, the cheaper one) or ``"background"`` (interventional).
    error : float, optional
        Largest standard error at which permutations stop, in the score's unit: 0.005 of a probability, or 1 % of the
        standard deviation of a regression's values over the background.
    budget : int
        Rows that the model may be asked about to explain one, by coalitions, permutations or LIME.
    background_rows : int
        Coalitions, permutations and LIME use at most this many rows of the background, drawn once.
    positive, columns, outputs
        As for `as_model`.
    seed : int
        The same row and seed give the same explanation.

    Attributes
    ----------
    model : Model
        The model.
    method : str
        What is used.
    base_rows : int or None
        Rows of the background that an answer is compared with; None for trees against the training rows.

    Raises
    ------
    InputError
        If the background is unusable, or the method does not fit the model.
    MissingExtra
        If the trees are scikit-learn's and shap is not installed.
    """

    def __init__(
        self,
        model: Any,
        *,
        background: Any,
        method: Wanted = "auto",
        against: Against = "training",
        error: float | None = None,
        budget: int = 20_000,
        background_rows: int = 100,
        positive: Any = None,
        columns: Sequence[str] | None = None,
        outputs: Outputs | None = None,
        seed: int = 0,
    ) -> None:
        _check(method, against, error, budget, background_rows)
        if background is None:
            raise InputError("an explanation needs a background: some rows to compare with, such as the training rows.")
        self.model = as_model(model, positive=positive, columns=columns, background=background, outputs=outputs)
        rows = as_rows(background, self.model.columns, like=self.model.like)
        if not len(rows):
            raise InputError("the background has no rows; expected at least one.")
        rng = np.random.default_rng(seed)
        rows = _sample(rows, _MEAN_OVER, rng)
        self._some = _sample(rows, background_rows, rng)
        self._budget, self._seed = budget, seed
        self._halves: Split | None = None
        self._formula: Formula | None = None
        with self.model.reading(rows):
            self.method: Method = self._choose(method, against, _sample(rows, _PROVED_ON, rng), rows)
        by_mean, by_training = self.method == "linear", self.method == "trees" and against == "training"
        self.base_rows: int | None = None if by_training else len(rows) if by_mean else len(self._some)
        self._error = error if error is not None else self._default_error()

    def __call__(self, data: Any) -> Attributions:
        """Return the contributions of each column to each row's answer.

        Parameters
        ----------
        data : frame, mapping, array or Rows
            Many rows, or one.
        """
        rows = self.model.rows(data)
        if self._formula is None:
            return self._estimated(rows)
        with self.model.reading(rows):
            return self._by_formula(rows)

    # -- what is worked out once --------------------------------------------------------------------------------------

    def _choose(self, method: Wanted, against: Against, proof: Rows, rows: Rows) -> Method:
        if method in ("auto", "linear", "trees"):
            halves = split(self.model, proof)
            for one in ("linear", "trees") if method == "auto" else (method,):
                if halves.owner is not None:
                    self._formula = self._form(one, halves, against, proof, rows)
                if self._formula is not None:
                    self._halves = halves
                    return "linear" if one == "linear" else "trees"
            if method != "auto":
                raise InputError(
                    f"method {method!r} does not fit this model: its form gives no contributions of whole columns that "
                    "add up to its answer. Use method='auto'."
                )
        if method == "lime":
            return "lime"
        coalitions = 2 ** len(self.model.columns) * len(self._some)
        if method == "exact" and len(self.model.columns) > 20:
            raise InputError(f"{len(self.model.columns)} columns have too many coalitions; use method='permutation'.")
        return "exact" if method == "exact" or (method == "auto" and coalitions <= self._budget) else "permutation"

    def _form(self, one: str, halves: Split, against: Against, proof: Rows, rows: Rows) -> Formula | None:
        if one == "linear":
            return linear_formula(halves, halves.prepared(self.model.fed(rows)))
        if not is_trees(halves.final):
            return None
        shown = self._some if against == "background" else proof
        return tree_formula(halves, halves.prepared(self.model.fed(shown)), against=against)

    def _default_error(self) -> float:
        share = _FEW[self.model.kind]
        if self.model.kind == "classifier" or self._formula is not None:
            return share
        return share * float(self.model.scores(self._some).std())

    # -- what is worked out for each row ------------------------------------------------------------------------------

    def _by_formula(self, rows: Rows) -> Attributions:
        halves, formula = self._halves, self._formula
        if halves is None or formula is None:
            raise AssertionError("a formula is for a model in two halves")
        prepared = halves.prepared(self.model.fed(rows))  # once: it is most of the work
        outputs = halves.final.margin(prepared) if formula.space in ("log-odds", "margin") else None
        if outputs is None:
            scores = outputs = halves.final.answer(prepared)
        elif formula.space == "log-odds":  # proved on the background: no need to ask twice
            scores = 1 / (1 + np.exp(-np.clip(outputs, -700, 700)))
        else:
            scores = halves.final.answer(prepared)
        return Attributions(
            columns=self.model.columns,
            contributions=halves.by_column(formula.parts(prepared), len(self.model.columns)),
            base=formula.base,
            outputs=outputs,
            scores=scores,
            space=formula.space,
            method=self.method,
            evaluations=len(rows),
        )

    def _estimated(self, rows: Rows) -> Attributions:
        found = [self._estimate(rows.take(np.array([i]))) for i in range(len(rows))]
        outputs = np.array([one.output for one in found])
        errors = [one.errors for one in found if one.errors is not None]
        space: Space = "value" if self.model.kind == "regressor" else "probability"
        return Attributions(
            columns=self.model.columns,
            contributions=np.stack([one.values for one in found]),
            base=np.array([one.base for one in found]),
            outputs=outputs,
            scores=outputs,
            space=space,
            method=self.method,
            standard_errors=np.stack(errors) if errors else None,
            evaluations=sum(one.evaluations for one in found),
        )

    def _estimate(self, row: Rows) -> Estimate:
        ask = self.model.scores
        if self.method == "exact":
            return exact(ask, row, self._some)
        if self.method == "lime":
            return lime(ask, row, self._some, samples=min(self._budget, _LIME_SAMPLES), seed=self._seed)
        return permutation(ask, row, self._some, error=self._error, budget=self._budget, seed=self._seed)


def attributions(model: Any, data: Any, *, background: Any, **how: Any) -> Attributions:
    """Return what each column contributed to a model's answer for each row.

    Contributions are in the user's own columns: the parts of a one-hot encoded column are summed. They add up to the
    answer less its mean over the background, in log-odds for logistic regression and boosting, in probability or in the
    unit of the value otherwise.

    Parameters
    ----------
    model : object
        Anything that `as_model` takes.
    data : frame, mapping or array
        Many rows, or one.
    background : frame or array
        Rows to compare with.
    **how
        As for `Explainer`, which is the thing to keep if more rows will come.

    Raises
    ------
    InputError
        If the rows or the background cannot be used, or the method does not fit the model.

    Examples
    --------
    >>> found = attributions(lambda rows: rows[:, 0] / 10 + rows[:, 1] / 100, [[5.0, 10.0]], background=[[1.0, 0.0]])
    >>> found.method, found.space, found.contributions.round(3).tolist()
    ('exact', 'probability', [[0.4, 0.1]])
    """
    return Explainer(model, background=background, **how)(data)


def _sample(rows: Rows, most: int, rng: np.random.Generator) -> Rows:
    return rows if len(rows) <= most else rows.take(np.sort(rng.choice(len(rows), most, replace=False)))


def _check(method: str, against: str, error: float | None, budget: int, background_rows: int) -> None:
    for word, said, known in (("method", method, get_args(Wanted)), ("against", against, get_args(Against))):
        if said not in known:
            raise InputError(f"{word} is {said!r}, expected {', '.join(map(repr, known))}.{did_you_mean(said, known)}")
    if error is not None and not error > 0:
        raise InputError(f"error is {error}, expected a number above 0.")
    if budget < 1 or background_rows < 1:
        raise InputError(f"budget is {budget} and background_rows {background_rows}; expected at least 1.")
