"""`compare`: every remedy on the same splits of the same people, with intervals, and which one to take."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aequo.core.counts import Floats
from aequo.core.finding import Evidence
from aequo.core.policy import Policy
from aequo.core.splits import Split, random_splits
from aequo.core.table import Table
from aequo.errors import InputError, need
from aequo.fairness.data_check import listing
from aequo.fairness.measures import Outcomes
from aequo.fairness.mitigate.comparison import Comparison, Remedy
from aequo.fairness.mitigate.people import LEAST_ROWS, Rows, people_of, read_rows, strata_of
from aequo.fairness.mitigate.remedies import CONSTRAINTS, Recipe, chosen, constraint_of
from aequo.fairness.mitigate.summary import Plan, findings_of, recommend, remedies_of
from aequo.fairness.mitigate.trial import Ask, People, Trial, model_of, threshold_options, try_base
from aequo.models.pipeline import check_estimator_name, named_estimator, with_seed

__all__ = ["compare"]

_TOO_GOOD = 0.98
"""A balanced accuracy from which on a column is likely to tell the outcome."""
_FEW_SPLITS = 5
_Names = str | Sequence[str] | None
Progress = Callable[[int, int], None]
_NUMBER = (int, float, np.integer, np.floating)


def compare(
    data: Any,
    *,
    label: str | None = None,
    group: _Names = None,
    estimator: Any = "logistic",
    constraint: str = "equalized_odds",
    tolerance: float = 0.02,
    remedies: Sequence[str] | None = None,
    favourable: Any = None,
    splits: int = 10,
    test_size: float = 0.3,
    n_jobs: int = -1,
    seed: int | None = None,
    include_group: bool = False,
    drop: _Names = None,
    weight: str | None = None,
    max_rows: int = 200_000,
    progress: Progress | None = None,
    policy: Policy | str | Path | None = None,
) -> Comparison:
    """Try remedies for unfairness on the same splits of the same people, and say which one to take.

    Parameters
    ----------
    data : path, frame, mapping or Table
        What `aequo.Table` takes.
    label : str
        Column of the true outcome, of two values. The policy's by default, as group, favourable and weight.
    group : str or sequence of str
        Column(s) that name the groups; several are crossed.
    estimator : {"logistic", "boosting", "forest"}, estimator or fitted model
        A model by name or an unfitted scikit-learn classifier, which is trained on the other columns as numbers (see
        `aequo.models.encoder.TableEncoder`); or a fitted model that reads the table's columns. Of a fitted one
        thresholds alone can be tried, and people it was trained on flatter it.
    constraint : str
        ``"equalized_odds"``, ``"equal_opportunity"``, ``"false_positive_rate_parity"`` or ``"demographic_parity"``.
    tolerance : float
        Largest difference of the constraint's rates between two groups, in [0, 1].
    remedies : sequence of str, optional
        Names of `aequo.fairness.mitigate.remedies.RECIPES`; all by default. Those whose package is not installed are
        named in ``left_out``.
    favourable : Any, optional
        The label that is good for the person; 1 or True by default.
    splits : int
        How often people are split, stratified by label and group; 2 or more.
    test_size : float
        Share of people in a test part, in (0, 1).
    n_jobs : int
        Processes; -1 for one on each core. The result does not depend on it.
    seed : int, optional
        Of everything random; the policy's by default.
    include_group : bool
        Whether models see the group's columns. Proxies of the group are never taken out: see `aequo.fairness.proxies`.
    drop : str or sequence of str
        Columns not to learn from.
    weight : str, optional
        Column of row weights.
    max_rows : int
        More rows are sampled.
    progress : callable, optional
        Told how many of how many fits are done.
    policy : Policy or path, optional
        Gives what is not given here, and the confidence, the smallest group and the correction for many checks.

    Returns
    -------
    Comparison
        Remedies with every fairness metric, findings, a recommendation with its reason, and the estimator.

    Raises
    ------
    UnknownColumn
        If a column is not there.
    InputError
        If data or arguments cannot be used in this way.
    MissingExtra
        If scikit-learn is not installed (extra ``ml``).

    Notes
    -----
    **Nested.** Whatever a remedy learns, its thresholds too, it learns inside the training part.

    **Intervals.** Splits share rows, so the variance of their mean is larger than it looks: Nadeau and Bengio's
    correction [1]_. Differences between remedies are paired by split.

    **The gap.** A largest difference is never negative, so within one split noise alone makes it positive, and its mean
    over splits too. The gap that is held against the tolerance averages each group's rate over the splits first, with a
    sign for each pair of groups, and then takes the largest. It PASSes if the whole interval is within the tolerance.
    With a tolerance of 0.02 that takes many thousand people in each group: UNKNOWN is the usual answer on few.

    **The recommendation.** Among remedies that pass, or, if none does, that are estimated to be within the tolerance,
    the most accurate; of those that cannot be told from it by accuracy, the simplest, in the order of ``RECIPES``.

    References
    ----------
    .. [1] C. Nadeau, Y. Bengio (2003), "Inference for the generalization error", Machine Learning 52.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> sex = rng.choice(["f", "m"], 2000)
    >>> skill = rng.normal(size=2000) + (sex == "m")
    >>> data = {"skill": skill, "sex": sex, "hired": (skill + rng.normal(size=2000) > 0.5).astype(int)}
    >>> found = compare(
    ...     data,
    ...     label="hired",
    ...     group="sex",
    ...     constraint="demographic_parity",
    ...     tolerance=0.1,
    ...     remedies=["thresholds"],
    ...     splits=4,
    ...     n_jobs=1,
    ... )
    >>> found.recommended, found.remedy("none").pareto, found.best_estimator.predict({"skill": [3], "sex": ["f"]})
    ('thresholds', True, array([1]))
    """
    need("sklearn", "ml")
    policy = policy if isinstance(policy, Policy) else Policy() if policy is None else Policy.load(policy)
    policy = _with(policy, label=label, group=group, favourable=favourable, weight=weight, seed=seed)
    _possible(tolerance, splits, test_size, max_rows, n_jobs)
    wanted = constraint_of(constraint)
    table = Table.of(data, missing=policy.data.missing)
    read = read_rows(table, policy, drop=_names(drop), max_rows=max_rows, include_group=include_group)
    model = _model_of(estimator, policy.statistics.seed)
    tried, left_out = chosen(
        None if remedies is None else _names(remedies),
        trainable=model.unfitted is not None,
        weighted=read.weight is not None,
        include_group=include_group,
    )
    people = people_of(read, *((None, None) if model.fitted is None else _said(read, model)))
    ask = Ask(
        estimator=model.unfitted,
        constraint=wanted,
        tolerance=float(tolerance),
        label=read.label,
        labels=read.labels,
        min_size=policy.groups.min_size,
        seed=policy.statistics.seed,
    )
    parts = random_splits(strata_of(people), splits=splits, test_size=test_size, seed=ask.seed)
    trials = _trials(people, ask, parts, tried, n_jobs=n_jobs, progress=progress)
    plan = _plan(parts, ask, policy, read)
    numbered, gaps = remedies_of(tried, trials, plan)
    evidence = tuple(Evidence(kind="file", digest=digest) for digest in read.files.values())
    found = findings_of(numbered, gaps, plan, (*evidence, Evidence(kind="policy", digest=policy.digest())))
    recommended, reason, findings = recommend(numbered, found, plan)
    best = next((r for r in tried if r.name == recommended), None)
    return Comparison(
        remedies=tuple(numbered),
        recommended=recommended,
        reason=reason,
        findings=tuple(findings),
        left_out=left_out,
        constraint=CONSTRAINTS[wanted],
        tolerance=float(tolerance),
        subject=plan.subject,
        label=read.label,
        favourable=read.labels[1],
        estimator=model.name,
        features=read.features if model.fitted is None else (),
        rows=len(read.y),
        splits=splits,
        test_size=test_size,
        confidence=plan.confidence,
        seed=ask.seed,
        notes=(*read.notes, *_too_few(trials, plan), *_notes(numbered, model)),
        version=_version(),
        best_estimator=None if best is None else _winner(best, read, ask, model),
    )


def _version() -> str:
    from aequo import __version__

    return __version__


def _names(given: _Names) -> tuple[str, ...]:
    return () if given is None else (given,) if isinstance(given, str) else tuple(given)


def _with(
    policy: Policy, *, label: str | None, group: _Names, favourable: Any, weight: str | None, seed: int | None
) -> Policy:
    given: dict[str, Any] = {
        "data.label": label,
        "data.favourable": favourable,
        "data.weight": weight,
        "groups.columns": None if group is None else _names(group),
        "statistics.seed": seed,
    }
    return policy.replace(**{k: v for k, v in given.items() if v is not None})


def _possible(tolerance: Any, splits: Any, test_size: Any, max_rows: Any, n_jobs: Any) -> None:
    if isinstance(tolerance, bool) or not isinstance(tolerance, _NUMBER) or not 0 <= tolerance <= 1:
        raise InputError(f"the tolerance is {tolerance!r}, expected a number from 0 to 1, such as 0.02.")
    if not isinstance(test_size, _NUMBER) or not 0.05 <= test_size <= 0.95:
        raise InputError(f"test_size is {test_size!r}, expected a share from 0.05 to 0.95, such as 0.3.")
    for name, value, least in (("splits", splits, 2), ("max_rows", max_rows, LEAST_ROWS)):
        if not isinstance(value, _NUMBER) or isinstance(value, bool) or value % 1 != 0 or value < least:
            raise InputError(f"{name} is {value!r}, expected a whole number from {least}.")
    if n_jobs == 0:
        raise InputError("n_jobs is 0, expected a number of processes; -1 for one on each core (--jobs).")


# -- the model --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Model:
    """An unfitted estimator, or one that is fitted."""

    name: str
    unfitted: Any
    fitted: Any


def _model_of(estimator: Any, seed: int) -> _Model:
    if isinstance(estimator, str):
        check_estimator_name(estimator)
        return _Model(estimator, with_seed(named_estimator(estimator), seed), None)
    name = type(estimator).__name__
    if isinstance(estimator, type):
        raise InputError(f"the estimator is the class {estimator.__name__}, expected one of its objects.")
    if hasattr(estimator, "get_params") and hasattr(estimator, "fit") and not _is_fitted(estimator):
        base = need("sklearn.base", "ml")
        if base.is_regressor(estimator):
            raise InputError(f"the estimator, a {name}, predicts numbers; expected a classifier.")
        return _Model(name, base.clone(estimator), None)
    return _Model(name, None, estimator)


def _is_fitted(estimator: Any) -> bool:
    validation, exceptions = need("sklearn.utils.validation", "ml"), need("sklearn.exceptions", "ml")
    try:
        validation.check_is_fitted(estimator)
    except (exceptions.NotFittedError, TypeError):
        return False
    return True


def _said(read: Rows, model: _Model) -> tuple[Floats, NDArray[np.bool_]]:
    """Return what a trained model says of the rows: its scores, and its own decisions."""
    from aequo.models.predicting import as_model

    asked = as_model(model.fitted, positive=read.labels[1])
    if asked.kind != "classifier":
        raise InputError(f"the model, a {model.name}, predicts numbers; expected a classifier.")
    rows = {**read.columns, **read.groups}
    return asked.scores(rows), asked.favours(rows)


# -- trying -----------------------------------------------------------------------------------------------------------


def _trials(
    people: People,
    ask: Ask,
    parts: Sequence[Split],
    tried: Sequence[Recipe],
    *,
    n_jobs: int,
    progress: Progress | None,
) -> list[Trial]:
    bases = list(dict.fromkeys(r.base for r in tried))
    bases.sort(
        key=lambda b: b not in ("adversarial", "reduction")
    )  # the slow ones first, so that all cores end together
    jobs = [(part, number, [r for r in tried if r.base == base]) for base in bases for number, part in enumerate(parts)]
    out: list[Trial] = []
    with _running(people, ask, jobs, n_jobs) as answers:
        for done, answer in enumerate(answers, start=1):
            out += answer
            if progress is not None:
                progress(done, len(jobs))
    return out


@contextmanager
def _running(
    people: People, ask: Ask, jobs: Sequence[tuple[Split, int, list[Recipe]]], n_jobs: int
) -> Iterator[Iterator[list[Trial]]]:
    """Give the answers as they come, from processes where there are several; Ctrl-C ends these too."""
    joblib = need("joblib", "ml")
    if joblib.effective_n_jobs(n_jobs) == 1:
        yield (try_base(people, ask, *job) for job in jobs)
        return
    with joblib.parallel_config(backend="loky", inner_max_num_threads=1):
        pool = joblib.Parallel(n_jobs=n_jobs, return_as="generator_unordered")
        answers = pool(joblib.delayed(try_base)(people, ask, *job) for job in jobs)
    try:
        yield answers
    except BaseException:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it would say that work was lost, which is what is wanted
            answers.close()
        need("joblib.externals.loky", "ml").get_reusable_executor().shutdown(wait=True, kill_workers=True)
        raise


def _plan(parts: Sequence[Split], ask: Ask, policy: Policy, read: Rows) -> Plan:
    tested = np.unique(np.concatenate([p.test for p in parts]))
    return Plan(
        constraint=ask.constraint,
        tolerance=ask.tolerance,
        favourable=ask.labels[1],
        min_size=ask.min_size,
        ratio=float(np.mean([len(p.test) / len(p.train) for p in parts])),
        confidence=policy.statistics.confidence,
        multiplicity=policy.statistics.multiplicity,
        people=len(tested),
        share=sum(len(p.test) for p in parts) / len(tested),
        subject=" × ".join(read.groups),
    )


def _too_few(trials: Sequence[Trial], plan: Plan) -> tuple[str, ...]:
    """Return a note that names the groups that are too small to be compared; none where there are none."""
    tested = [t.counts for t in trials if t.remedy == "none" and t.counts is not None]
    rows: dict[str, float] = {}
    for groups in (Outcomes.of(counts, favourable=plan.favourable).groups for counts in tested):
        for label, n, gone in zip(groups.labels, groups.n, groups.missing, strict=True):
            if not gone:
                rows[label] = rows.get(label, 0.0) + float(n) / len(tested)
    few = sorted(label for label, n in rows.items() if n < plan.min_size)
    if not few:
        return ()
    return (f"Fewer than {plan.min_size} people in a test part, and so in no gap: {listing(few)}.",)


def _notes(remedies: Sequence[Remedy], model: _Model) -> tuple[str, ...]:
    notes = [
        "Intervals hold for models trained on as many people as here, and other people like these.",
        "Columns that stand for the group (proxies) were not taken out.",
    ]
    plain = remedies[0].metrics.get("balanced-accuracy")
    if plain is not None and plain.value is not None and plain.value >= _TOO_GOOD:
        notes.append(
            f"The model as it is decides {100 * plain.value:.1f}% of each outcome rightly, which few do: does a column "
            "tell the outcome, or was it written down afterwards? Leave such columns out (drop=, --drop)."
        )
    splits = max((len(r.metrics["accuracy"].splits) for r in remedies if r.metrics), default=0)
    if 0 < splits < _FEW_SPLITS:
        notes.append(
            f"Only {splits} splits: an interval that rests on so few numbers can be too narrow by chance. Ask for 10."
        )
    if model.fitted is not None:
        notes.append(
            "The model was trained before. If it saw these people, its accuracy here is more than it will keep."
        )
    failed = [r for r in remedies if r.failed]
    notes += [f"{r.name} failed on {r.failed} splits: {r.failures[0]}" for r in failed]
    return tuple(notes)


# -- the estimator ----------------------------------------------------------------------------------------------------


def _winner(recipe: Recipe, read: Rows, ask: Ask, model: _Model) -> Any:
    """Return the remedy, fitted on all rows, reading the columns of the table."""
    from aequo.fairness.mitigate.remedied import RemediedClassifier
    from aequo.fairness.mitigate.thresholds import FairThresholdOptimizer

    names = read.features
    if recipe.base == "group-aware":
        names = (*names, *read.groups)
    fitted: Any = None
    encoder: Any = None
    if model.fitted is None:
        from aequo.models.encoder import TableEncoder

        fitted = model_of(recipe, ask)
        encoder = TableEncoder(list(names), missing=read.missing, random_state=ask.seed)
    elif recipe.rule == "as it is":
        return model.fitted
    if recipe.rule != "as it is":
        # Without a seed, so that the coins of people who are decided one at a time are not all the same.
        fitted = FairThresholdOptimizer(fitted, constraint=ask.constraint, **threshold_options(recipe, ask))
    made = RemediedClassifier(encoder, fitted, group=list(read.groups), favourable=ask.labels[1], scorer=model.fitted)
    return made.fit({**read.columns, **read.groups}, read.given, sample_weight=read.weight)
