"""What a model leans on: importance of each column with intervals, for everybody and for each group."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aequo import __version__
from aequo.core.counts import Ints
from aequo.core.finding import Evidence
from aequo.core.levels import shown, sort_levels
from aequo.core.table import Table
from aequo.errors import InputError, MissingExtra, did_you_mean
from aequo.models.digest import model_digest
from aequo.transparency.association import associated, clusters
from aequo.transparency.attribution import Attributions
from aequo.transparency.columns import Column, ask, check_columns, column_of
from aequo.transparency.dependence import dependence_of
from aequo.transparency.explainer import Explainer
from aequo.transparency.explanation import DatasetExplanation, Dependence, GroupReliance, Importance
from aequo.transparency.permuted import Effects, effects, losses, mean_and_reach, rise_of, shares
from aequo.transparency.reliance import compared, surely_any
from aequo.transparency.seen import LEAST_ROWS, Seen, called, seen_of
from aequo.transparency.stable import Stability, stability

__all__ = ["explain"]

CORRELATED = 0.7
"""Columns that are associated so strongly are named: permuting one alone makes people that nobody is."""

_MOST_GROUPS = 30
_CONTRIBUTIONS = 1_000


def explain(
    model: Any,
    data: Any,
    *,
    label: str | None = None,
    favourable: Any = None,
    group: Sequence[str] | str = (),
    loss: str = "squared",
    together: str | Sequence[Sequence[str]] = (),
    repeats: int = 5,
    max_rows: int = 2_000,
    min_size: int = 100,
    partial: int = 4,
    shapley: bool = True,
    limit: float = 0.1,
    confidence: float = 0.95,
    seed: int = 0,
    source: str | None = None,
    progress: Callable[[str], None] | None = None,
) -> DatasetExplanation:
    """Measure what a model leans on, for everybody and for each group, on rows that it was not trained on.

    Parameters
    ----------
    model : estimator, pipeline, callable or Model
        What `aequo.models.predicting.as_model` takes.
    data : frame, mapping, path or Table
        Rows with the model's columns; and the label and the groups, where they are asked for. On rows of the training
        the numbers say what the model has learned, not what holds for others.
    label : str, optional
        Column with the outcome. Without it importance is how much the score changes, not how much worse it gets.
    favourable : value, optional
        The value of the label that is good for the person; the model's favourable class by default.
    group : str or sequence of str
        Columns whose groups are compared, each by itself.
    loss : {"squared", "log"}
        Squared error (Brier's score, of a probability) or log loss.
    together : "correlated" or sequence of sequence of str
        Columns that are permuted together; ``"correlated"`` finds them.
    repeats : int
        Donors for each row.
    max_rows : int
        Of more rows so many are sampled: for all, and again for the groups of one column.
    min_size : int
        Groups with fewer rows take no part in comparisons.
    partial : int
        For how many of the most important columns the mean score is drawn against the value.
    shapley : bool
        Whether the mean size of Shapley values, and the stability of explanations, are measured too, where they are
        exact and fast (linear models, trees).
    limit : float
        Largest difference between two groups in the share of one column, 0..1.
    confidence : float
        Level of the intervals.
    seed : int
        Of everything random. The same seed gives the same result.
    source : str, optional
        Name of the data in the report.
    progress : callable, optional
        Told in a few words what is done.

    Returns
    -------
    DatasetExplanation
        For each group column a finding ``transparency/reliance/<column>``: FAIL if the share of some column surely
        differs by more than the limit, PASS if surely none does, else UNKNOWN.

    Raises
    ------
    UnknownColumn
        If a column is not there.
    InputError
        If an option, the model or the data cannot be used in this way.

    Notes
    -----
    The importance of a column is the mean rise of the loss when its value comes from another person (Breiman 2001,
    Machine Learning 45; Fisher, Rudin and Dominici 2019, JMLR 20), in a group: from another person of the group.
    Intervals count both rows and permutations. The groups are compared in shares of the sum over the columns, since a
    model that is less sure of a group leans less on everything there; with several group columns, at Bonferroni's
    level. A permuted column may make people that nobody is where columns are correlated; those that are, are named,
    and `together` permutes them as one.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(400, 2))
    >>> data = {"a": x[:, 0], "b": x[:, 1], "y": (x[:, 0] > 0).astype(int)}
    >>> found = explain(lambda rows: 1 / (1 + np.exp(-3 * rows["a"])), data, label="y", partial=0)
    >>> [(i.name, round(i.share, 2)) for i in found.importances]
    [('a', 1.0), ('b', 0.0)]
    """
    _possible(loss, repeats, max_rows, partial, limit, confidence)
    groups = (group,) if isinstance(group, str) else tuple(group)
    tell = progress or _nothing
    seen = seen_of(model, data, label, favourable, groups, seed)
    if loss == "log" and seen.model.kind == "regressor":
        raise InputError("log loss is of probabilities, and the model predicts numbers; use loss='squared'.")
    rng = np.random.default_rng(seed)
    some = _sampled(np.arange(len(seen.rows)), max_rows, rng)
    columns = [column_of(seen.rows, name) for name in seen.rows.names]
    pairs = associated([Column(c.name, c.values[some], c.levels) for c in columns], CORRELATED)
    blocks = _blocks(together, seen.rows.names, pairs)
    explainer = _explainer(seen, some, seed) if shapley else None
    asked = _Asked(seen, loss, blocks, repeats, confidence, explainer)
    tell("importance for everybody")
    whole, mean_loss = asked.effects(some, rng)
    order = [int(i) for i in np.argsort(-whole.values, kind="stable")]
    contributions = asked.contributions(some)
    importances = _importances(whole, blocks, confidence, contributions)
    found = {name: _by_group(asked, name, order, max_rows, min_size, rng, tell) for name in groups}
    tell("how the score moves")
    top = [blocks[i][0] for i in order if len(blocks[i]) == 1][:partial]
    digest = model_digest(seen.model.native)
    files = data.files.values() if isinstance(data, Table) else ()
    evidence = (Evidence(kind="model", digest=digest), *(Evidence(kind="file", digest=f) for f in files))
    names = [" + ".join(blocks[i]) for i in order]
    steady = None if explainer is None else _steady(explainer, seen, some, confidence, seed, evidence)
    strict = 1 - (1 - confidence) / max(1, len(found))  # all group columns together err no more often than one
    judged = [compared(name, some, names, limit, strict, seed, evidence) for name, some in found.items()]
    return DatasetExplanation(
        importances=tuple(importances[i] for i in order),
        measure="change" if label is None else loss,
        loss=mean_loss,
        groups=tuple(one for some in found.values() for one, _ in some),
        reliance=tuple(r for _, reliance in judged for r in reliance),
        findings=(*(finding for finding, _ in judged), *(() if steady is None else (steady.finding,))),
        stability=steady,
        dependence=tuple(_dependence(seen, columns, name, some, confidence, seed) for name in top),
        correlated=tuple(p for p in pairs if not any(p[0] in b and p[1] in b for b in blocks)),
        attribution_method=None if contributions is None else contributions.method,
        attribution_space=None if contributions is None else contributions.space,
        rows=len(some),
        source=source or seen.source,
        label=label,
        favourable=seen.favourable,
        model=called(seen.model),
        model_digest=digest,
        limit=limit,
        confidence=confidence,
        repeats=min(repeats, len(some) - 1),
        seed=seed,
        notes=tuple(seen.notes),
        version=__version__,
    )


def _nothing(text: str) -> None:
    """Tell nobody."""


def _possible(loss: str, repeats: int, max_rows: int, partial: int, limit: float, confidence: float) -> None:
    if loss not in ("squared", "log"):
        raise InputError(f"the loss is {loss!r}, expected 'squared' or 'log'.{did_you_mean(loss, ('squared', 'log'))}")
    for name, value, least in (("repeats", repeats, 1), ("max_rows", max_rows, LEAST_ROWS), ("partial", partial, 0)):
        if isinstance(value, bool) or value != int(value) or value < least:
            raise InputError(f"{name} is {value!r}, expected a whole number from {least}.")
    if not 0 < limit < 1:
        raise InputError(f"the limit is {limit!r}, expected a share between 0 and 1.")
    if not 0.5 <= confidence < 1:
        raise InputError(f"the confidence is {confidence!r}, expected a number from 0.5 to below 1.")


def _sampled(rows: Ints, most: int, rng: np.random.Generator) -> Ints:
    return rows if len(rows) <= most else np.sort(rng.choice(rows, most, replace=False))


def _blocks(
    together: str | Sequence[Sequence[str]], names: Sequence[str], pairs: Sequence[tuple[str, str, float]]
) -> list[tuple[str, ...]]:
    """Return the columns that are permuted as one; most are alone."""
    if isinstance(together, str):
        if together != "correlated":
            raise InputError(f"together is {together!r}, expected 'correlated' or lists of columns.")
        return clusters(names, pairs)
    for some in together:
        check_columns(some, names)
    return clusters(names, [(a, b, 1.0) for some in together for a, b in itertools.pairwise(some)])


# -- what is asked ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """How importance is measured on any set of rows."""

    seen: Seen
    loss: str
    blocks: Sequence[tuple[str, ...]]
    repeats: int
    confidence: float
    explainer: Explainer | None

    def contributions(self, some: Ints) -> Attributions | None:
        """Return the Shapley values of rows, at most so many as do not take longer than everything else."""
        if self.explainer is None:
            return None
        few = some[np.unique(np.linspace(0, len(some) - 1, min(len(some), _CONTRIBUTIONS)).astype(np.int64))]
        return self.explainer(self.seen.rows.take(few))

    def effects(self, some: Ints, rng: np.random.Generator) -> tuple[Effects, float | None]:
        """Return the importance of each block for some rows, permuted among themselves, and their mean loss."""
        rows, truth = self.seen.rows, self.seen.truth
        base = np.zeros(len(rows))
        base[some] = ask(self.seen.model, rows, some)
        found = effects(
            lambda at: ask(self.seen.model, rows, at),
            rise_of(truth, base, self.loss),
            some,
            [[rows.names.index(c) for c in block] for block in self.blocks],
            len(rows.names),
            repeats=self.repeats,
            rng=rng,
        )
        mean = None if truth is None else float(losses(truth[some], base[some], self.loss).mean())
        return found, mean


def _importances(
    found: Effects, blocks: Sequence[tuple[str, ...]], confidence: float, contributions: Attributions | None = None
) -> list[Importance]:
    low, high = found.interval(confidence)
    parts = shares(found).values if surely_any(found, confidence) else None
    out = []
    for i, block in enumerate(blocks):
        mean, reach = (None, None) if contributions is None else _size(contributions, block, confidence)
        out.append(
            Importance(
                columns=block,
                value=float(found.values[i]),
                interval=(float(low[i]), float(high[i])),
                share=None if parts is None else float(parts[i]),
                attribution=mean,
                attribution_interval=None if mean is None or reach is None else (mean - reach, mean + reach),
            )
        )
    return out


def _size(contributions: Attributions, block: Sequence[str], confidence: float) -> tuple[float, float]:
    at = [contributions.columns.index(name) for name in block]
    return mean_and_reach(np.abs(contributions.contributions[:, at].sum(axis=1)), confidence)


def _explainer(seen: Seen, some: Ints, seed: int) -> Explainer | None:
    """Return what explains a row at the cost of a prediction, where the model's form allows it."""
    try:
        found = Explainer(seen.model, background=seen.rows.take(some), seed=seed)
    except MissingExtra:
        return None
    return found if found.method in ("linear", "trees") else None


def _steady(
    explainer: Explainer, seen: Seen, some: Ints, confidence: float, seed: int, evidence: tuple[Evidence, ...]
) -> Stability:
    rows = seen.rows.take(some)
    k = max(1, min(3, len(rows.names) // 2))  # of all columns all stay
    return stability(explainer, rows, k=k, confidence=confidence, seed=seed, evidence=evidence)


def _by_group(
    asked: _Asked,
    subject: str,
    order: Sequence[int],
    max_rows: int,
    min_size: int,
    rng: np.random.Generator,
    tell: Callable[[str], None],
) -> list[tuple[GroupReliance, Effects | None]]:
    """Return the importance in each group of a column, and each group's effects in the order of the whole."""
    values = asked.seen.groups[subject]
    levels = [v for v in sort_levels(set(values)) if v is not None]
    if len(levels) > _MOST_GROUPS:
        raise InputError(f"{subject!r} has {len(levels):,} groups, expected at most {_MOST_GROUPS}.")
    codes = np.array([-1 if v is None else levels.index(v) for v in values], dtype=np.int64)
    most = max(500, max_rows // max(1, len(levels)))
    out: list[tuple[GroupReliance, Effects | None]] = []
    for code, group in enumerate(levels):
        tell(f"importance for {subject} = {group}")
        some = _sampled(np.flatnonzero(codes == code), most, rng)
        if len(some) < max(min_size, 3):
            why = f"fewer than {min_size} rows"
            out.append((_group(asked, subject, group, len(some), None, None, order, why), None))
            continue
        found, loss = asked.effects(some, rng)
        why = "" if surely_any(found, asked.confidence) else "the model leans on nothing here for certain"
        one = _group(asked, subject, group, len(some), loss, found, order, why, asked.contributions(some))
        ordered = Effects(found.values[list(order)], found.influence[:, list(order)])
        out.append((one, None if why else ordered))
    return out


def _group(
    asked: _Asked,
    subject: str,
    group: str,
    n: int,
    loss: float | None,
    found: Effects | None,
    order: Sequence[int],
    why: str,
    contributions: Attributions | None = None,
) -> GroupReliance:
    importances = [] if found is None else _importances(found, asked.blocks, asked.confidence, contributions)
    spans: list[tuple[float, float] | None] = [None] * len(importances)
    if found is not None and not why:
        low, high = shares(found).interval(asked.confidence)
        spans = [(float(a), float(b)) for a, b in zip(low, high, strict=True)]
    return GroupReliance(
        subject=subject,
        group=shown(group),
        n=n,
        loss=loss,
        judged=not why,
        why=why,
        importances=tuple(importances[i] for i in order) if importances else (),
        share_intervals=tuple(spans[i] for i in order) if importances else (),
    )


def _dependence(
    seen: Seen, columns: Sequence[Column], name: str, some: Ints, confidence: float, seed: int
) -> Dependence:
    column = next(c for c in columns if c.name == name)
    return dependence_of(seen.model, seen.rows, column, some, confidence=confidence, seed=seed)
