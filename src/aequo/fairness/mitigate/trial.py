"""One split: remedies are fitted on its training part, and what they do is counted on its test part."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aequo.core.counts import Counts, Floats, Ints
from aequo.core.levels import Level
from aequo.core.splits import Split
from aequo.core.table import Table
from aequo.errors import AequoError, InputError, need
from aequo.fairness.checks import CHECKS, run
from aequo.fairness.measures import Outcomes, measure
from aequo.fairness.mitigate.remedies import Recipe
from aequo.models.pipeline import column_encoder, quiet, with_seed

__all__ = ["OVERALL", "Ask", "People", "Trial", "model_of", "threshold_options", "try_base"]

OVERALL: Mapping[str, str] = {
    "accuracy": "accuracy",
    "balanced-accuracy": "balanced_accuracy",
    "calibration-error": "calibration_error",
    "auc": "auc",
    "selection-rate": "selection_rate",
}
"""Measures over everyone: their name in the result, and that in `aequo.fairness.measures`."""


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """The rows as numbers, ready to be sent to other processes.

    Attributes
    ----------
    x : float array, shape (rows, columns)
        The columns to learn from, text as codes, then those that hold the groups.
    levels : tuple of int
        For each column the number of its texts; 0 for numbers.
    features : int
        How many of the columns every model may learn from.
    y : int array
        1 for the favourable label.
    groups : mapping of str to (int array, tuple of str)
        For each column that names groups, the code of each row and the names.
    weight : float array or None
        Weight of each row.
    scores : float array or None
        Scores of a model that is trained already.
    decisions : bool array or None
        What that model itself decides: its threshold need not be 0.5.
    """

    x: Floats
    levels: tuple[int, ...]
    features: int
    y: Ints
    groups: Mapping[str, tuple[Ints, tuple[str, ...]]]
    weight: Floats | None
    scores: Floats | None
    decisions: NDArray[np.bool_] | None = None

    def sensitive(self, rows: Ints) -> dict[str, Any]:
        """Return the groups of some rows, one column of texts for each."""
        return {name: np.array(names, dtype=object)[codes[rows]] for name, (codes, names) in self.groups.items()}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ask:
    """What is asked of every remedy.

    Attributes
    ----------
    estimator : estimator or None
        The unfitted model; None where a trained one gave scores.
    constraint : str
        What is to be equal.
    tolerance : float
        Largest difference.
    label : str
        Name of the outcome.
    labels : tuple of str
        The unfavourable and the favourable label, as text.
    min_size : int
        Groups with fewer rows behind a number take no part in comparisons.
    seed : int
        Of everything random.
    """

    estimator: Any
    constraint: str
    tolerance: float
    label: str
    labels: tuple[str, str]
    min_size: int
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trial:
    """What one remedy did on one split.

    Attributes
    ----------
    remedy : str
        Its name.
    split : int
        Number of the split, from 0.
    metrics : mapping of str to (float or None)
        Value by name; None where undefined.
    counts : Counts or None
        Group by label by decision on the test part; None if the remedy failed.
    failure : str or None
        Why it failed.
    """

    remedy: str
    split: int
    metrics: Mapping[str, float | None]
    counts: Counts | None
    failure: str | None = None


def try_base(people: People, ask: Ask, split: Split, number: int, recipes: Sequence[Recipe]) -> list[Trial]:
    """Fit one kind of model, and try all remedies that decide on its scores.

    Parameters
    ----------
    people : People
        All rows.
    ask : Ask
        What is asked.
    split : Split
        Where to learn, and where to be judged.
    number : int
        Number of the split.
    recipes : sequence of Recipe
        Remedies with one base.
    """
    said: dict[str, tuple[Floats, Floats | None]] = {}
    failures: dict[str, str] = {}
    with quiet(), _one_thread(torch=recipes[0].base == "adversarial"):
        try:
            fit = _Fit(people, ask, split, recipes[0])
        except Exception as error:  # noqa: BLE001 - a remedy that fails is a fact of the comparison
            return [_failed(r.name, number, error) for r in recipes]
        for recipe in recipes:
            try:
                said[recipe.name] = fit.decided(recipe, number)
            except Exception as error:  # noqa: BLE001 - as above
                failures[recipe.name] = _reason(error)
    out = []
    for recipe in recipes:
        if recipe.name in failures:
            out.append(Trial(remedy=recipe.name, split=number, metrics={}, counts=None, failure=failures[recipe.name]))
            continue
        counts = _counted(people, ask, split.test, *said[recipe.name])
        metrics, plain = _measured(counts, ask)
        out.append(Trial(remedy=recipe.name, split=number, metrics=metrics, counts=plain))
    return out


@contextmanager
def _one_thread(*, torch: bool) -> Iterator[None]:
    """Keep torch on one thread, as in a process among many: sums on several differ in their last digits."""
    if not torch or importlib.util.find_spec("torch") is None:
        yield
        return
    library = need("torch", "torch")
    before = library.get_num_threads()
    library.set_num_threads(1)
    try:
        yield
    finally:
        library.set_num_threads(before)


def _failed(name: str, number: int, error: Exception) -> Trial:
    return Trial(remedy=name, split=number, metrics={}, counts=None, failure=_reason(error))


def _reason(error: Exception) -> str:
    # Messages of others may hold data.
    return str(error) if isinstance(error, AequoError) else f"it stopped with {type(error).__name__}."


# -- fitting ----------------------------------------------------------------------------------------------------------


class _Fit:
    """A model of one base, fitted on the training part, and its scores."""

    def __init__(self, people: People, ask: Ask, split: Split, recipe: Recipe) -> None:
        self.people, self.ask, self.split = people, ask, split
        self.y = people.y[split.train]
        self.groups = people.sensitive(split.train)
        self.weight = None if people.weight is None else people.weight[split.train]
        self.model: Any = None
        self._folds: Floats | None = None
        if people.scores is None:
            from aequo.fairness.mitigate.remedied import fit_remedy

            columns = slice(None) if recipe.base == "group-aware" else slice(people.features)
            encoder = column_encoder(people.levels[columns], ask.seed)
            self.x = encoder.fit_transform(people.x[split.train][:, columns], self.y)
            self.new = encoder.transform(people.x[split.test][:, columns])
            self.unfitted = model_of(recipe, ask)
            self.model = fit_remedy(self.unfitted, self.x, self.y, self.groups, self.weight)

    def decided(self, recipe: Recipe, number: int) -> tuple[Floats, Floats | None]:
        """Return the decision of each test row, 1 or 0, and its score where there is one."""
        from aequo.fairness.mitigate.thresholds import FairThresholdOptimizer

        test = self.split.test
        scores = self.people.scores[test] if self.people.scores is not None else self._scores()
        if recipe.rule == "as it is":
            if self.people.decisions is not None:
                return self.people.decisions[test].astype(np.float64), scores
            return np.asarray(self._asked("predict"), dtype=np.float64), scores
        if scores is None:
            raise InputError("the model gives no probabilities, and thresholds need a score.")
        rule = FairThresholdOptimizer(
            constraint=self.ask.constraint, random_state=self.ask.seed + number, **threshold_options(recipe, self.ask)
        )
        rule.fit_scores(self.y, self._unseen(), sensitive_features=self.groups, sample_weight=self.weight)
        chosen = rule.predict(scores, sensitive_features=self.people.sensitive(test))
        return np.asarray(chosen, dtype=np.float64), scores

    def _scores(self) -> Floats | None:
        if not hasattr(self.model, "predict_proba"):
            return None
        found = np.asarray(self._asked("predict_proba"), dtype=np.float64)[:, 1]
        return np.clip(found, 0.0, 1.0)

    def _asked(self, method: str) -> Any:
        from aequo.fairness.mitigate.remedied import takes_groups

        extra = {}
        if takes_groups(self.model, method):
            extra = {"sensitive_features": self.people.sensitive(self.split.test)}
        return getattr(self.model, method)(self.new, **extra)

    def _unseen(self) -> Floats:
        """Return a score for each training row by a model that has not seen it."""
        from aequo.fairness.mitigate.remedied import unseen_scores

        if self.people.scores is not None:
            return self.people.scores[self.split.train]
        if self._folds is None:
            self._folds = unseen_scores(self.unfitted, self.x, self.y, self.groups, self.weight, self.ask.seed)
        return self._folds


def threshold_options(recipe: Recipe, ask: Ask) -> dict[str, Any]:
    """Return what makes a `FairThresholdOptimizer` of a remedy."""
    return {
        "tolerance": 0.0 if recipe.rule == "strict thresholds" else ask.tolerance,
        "randomised": recipe.rule != "one threshold each",
    }


def model_of(recipe: Recipe, ask: Ask) -> Any:
    """Return the unfitted model of a remedy's base."""
    base = with_seed(need("sklearn.base", "ml").clone(ask.estimator), ask.seed)
    if recipe.base in ("plain", "group-aware"):
        return base
    if recipe.base == "reweighed":
        from aequo.fairness.mitigate.reweigher import ReweighedClassifier

        return ReweighedClassifier(base)
    if recipe.base == "adversarial":
        from aequo.fairness.mitigate.adversarial import AdversarialDebiasing

        return AdversarialDebiasing(constraint=ask.constraint, tolerance=ask.tolerance, random_state=ask.seed)
    from aequo.fairness.mitigate.adapters import DecorrelatedClassifier, FairlearnReduction

    if recipe.base == "decorrelated":
        return DecorrelatedClassifier(base)
    method: Any = "grid_search" if recipe.base == "grid search" else "exponentiated_gradient"
    return FairlearnReduction(
        base, method=method, constraint=ask.constraint, tolerance=ask.tolerance, random_state=ask.seed
    )


# -- counting ---------------------------------------------------------------------------------------------------------


def _counted(people: People, ask: Ask, rows: Ints, decision: Floats, scores: Floats | None) -> Counts:
    texts = np.array(ask.labels, dtype=object)
    groups = people.sensitive(rows)
    taken = {*groups, ask.label}
    names = {what: _free(what, taken) for what in ("decision", "score", "weight")}
    data: dict[str, Any] = {
        **groups,
        ask.label: texts[people.y[rows]],
        names["decision"]: texts[decision.astype(np.int64)],
    }
    if scores is not None:
        data[names["score"]] = scores
    if people.weight is not None:
        data[names["weight"]] = people.weight[rows]
    return Table.of(data, missing=()).counts(
        group=list(groups),
        label=ask.label,
        prediction=names["decision"],
        score=None if scores is None else names["score"],
        weight=None if people.weight is None else names["weight"],
    )


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    return name


def _measured(counts: Counts, ask: Ask) -> tuple[dict[str, float | None], Counts]:
    """Return every metric, and the counts without the scores."""
    best: Level = ask.labels[1]
    everyone, outcomes = (Outcomes.of(counts, by, favourable=best) for by in ((), None))
    scored = counts.role("bin") is not None
    found: dict[str, float | None] = {}
    for name, measured in OVERALL.items():
        needs_score = measured in ("calibration_error", "auc")
        value = measure(everyone, measured).values[0] if scored or not needs_score else np.nan
        found[name] = None if np.isnan(value) else float(value)
    for name, check in CHECKS.items():
        usable = scored or "score" not in check.needs
        found[name] = run(name, outcomes, min_size=ask.min_size).value if usable else None
    dim = counts.role("bin")
    keep = [d.name for d in counts.dims if dim is None or d.name != dim.name]
    return found, counts.marginal(*keep)
