"""From outcomes and utilities to what each party can expect under each option, and to welfare; with replicates."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from aequo.core.counts import Floats
from aequo.core.intervals import multinomial, normal_quantile
from aequo.core.sections_ethics import StakeholderPolicy
from aequo.errors import InputError
from aequo.ethics.expected import expected, likelihood_interval, mover
from aequo.ethics.tally import Tally, tables_of
from aequo.ethics.welfare import NUMBERS, Aversion, welfares

__all__ = ["Party", "Scene", "around", "critical", "lexicographic", "parties_of", "scene_of"]

Interval = tuple[float, float]

_BIAS = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Party:
    """A stakeholder with its utilities as arrays.

    Attributes
    ----------
    name : str
        Name.
    weight : float
        Beside the others; weights sum to 1.
    one : bool
        Whether it is one party, with the mean over all people.
    table : float array, shape (K, C)
        Utility of each outcome for each group.
    shift : float
        What Atkinson's and Nash's forms add.
    spread : float
        Range of the utilities.
    """

    name: str
    weight: float
    one: bool
    table: Floats
    shift: float
    spread: float


def parties_of(
    stakeholders: Sequence[StakeholderPolicy], groups: Sequence[str], outcomes: Sequence[str], shift: float | None
) -> tuple[Party, ...]:
    """Return the stakeholders as parties, their weights scaled to sum to 1.

    Raises
    ------
    InputError
        If an outcome has no utility, or every weight is 0.
    """
    total = math.fsum(s.weight for s in stakeholders)
    if not total > 0:
        raise InputError("every stakeholder has the weight 0, expected one above.")
    out = []
    for s in stakeholders:
        table = tables_of(s, groups, outcomes)
        low, high = (float(table.min()), float(table.max())) if table.size else (0.0, 0.0)
        moved = max(0.0, -low) if shift is None else shift
        out.append(Party(s.name, s.weight / total, s.one_party, table, moved, high - low))
    return tuple(out)


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """Options, parties and groups, and what each party can expect from each group's decisions under each option.

    Attributes
    ----------
    options : mapping of str to Tally
        Option to its tally; options on the same rows share one.
    parties : tuple of Party
        The stakeholders.
    groups : tuple of str
        Groups that take part.
    share : float array, shape (K,)
        Shares of people; the same for all options.
    people : float
        How many, or their weights' sum.
    aversion : Aversion
        Parameters of welfare.
    observed : mapping of str to float array, shape (S, K)
        Expected utilities by option.
    drawn : mapping of str to float array, shape (R, S, K)
        The same in bootstrap replicates.
    """

    options: Mapping[str, Tally]
    parties: tuple[Party, ...]
    groups: tuple[str, ...]
    share: Floats
    people: float
    aversion: Aversion
    observed: Mapping[str, Floats]
    drawn: Mapping[str, Floats]

    def interval(self, option: str, s: int, z: float) -> tuple[Floats, Floats]:
        """Return the likelihood intervals of what party `s` can expect from each group."""
        tally = self.options[option]
        return likelihood_interval(tally.of(option, tally.effective), self.parties[s].table)(z)

    def change(self, option: str, baseline: str, s: int, z: float) -> tuple[Floats, Floats, Floats]:
        """Return each group's change of expected utility from the baseline, with its interval.

        Where both are decisions on the same rows, a row's change is one number, and the interval is that of its mean.
        """
        new, old, party = self.options[option], self.options[baseline], self.parties[s]
        value = self.observed[option][s] - self.observed[baseline][s]
        if new is old:
            by_row = party.table[:, new.cells[option]] - party.table[:, new.cells[baseline]]
            low, high = likelihood_interval(new.effective, by_row)(z)
            return value, low, high
        (a, b), (c, d) = self.interval(option, s, z), self.interval(baseline, s, z)
        down = np.sqrt((self.observed[option][s] - a) ** 2 + (d - self.observed[baseline][s]) ** 2)
        up = np.sqrt((b - self.observed[option][s]) ** 2 + (self.observed[baseline][s] - c) ** 2)
        return value, value - down, value + up

    def whole(self, option: str, s: int, z: float) -> tuple[float, float, float]:
        """Return the mean over all people for party `s`, with its interval."""
        low, high = self.interval(option, s, z)
        return mover(self.observed[option][s], low, high, self.share)

    def of_party(self, s: int, u: Floats, forms: Collection[str] = NUMBERS) -> dict[str, Floats]:
        """Return forms of welfare of party `s` for expected utilities of shape (..., K)."""
        party = self.parties[s]
        if party.one:
            mean = np.asarray(u @ self.share, dtype=np.float64)
            u = np.broadcast_to(mean[..., None], u.shape)
        how = {"shift": party.shift, "spread": party.spread}
        return welfares(u, self.share, self.people, self.aversion, **how, forms=forms)

    def overall(self, u: Floats, forms: Collection[str] = NUMBERS) -> dict[str, Floats]:
        """Return forms of welfare of all parties, each times its weight, for utilities of shape (..., S, K)."""
        out: dict[str, Floats] = {}
        for s, party in enumerate(self.parties):
            if party.weight == 0:
                continue
            for form, value in self.of_party(s, u[..., s, :], forms).items():
                out[form] = out.get(form, 0.0) + party.weight * value
        return out

    def leximin(self, u: Floats) -> Floats:
        """Return what groups can expect, worst first, summed over parties by their weights; shape (..., K)."""
        out = np.zeros(u.shape[:-2] + u.shape[-1:])
        for s, party in enumerate(self.parties):
            own = u[..., s, :]
            mean = np.asarray(own @ self.share)[..., None]
            out = out + party.weight * (mean + 0.0 * own if party.one else np.sort(own, axis=-1))
        return out


def scene_of(
    options: Mapping[str, Tally],
    stakeholders: Sequence[StakeholderPolicy],
    aversion: Aversion,
    *,
    shift: float | None,
    replicates: int,
    seed: int,
) -> Scene:
    """Weigh options over the groups that take part, which all have rows under every option.

    Parameters
    ----------
    options : mapping of str to Tally
        Option to its tally, over the same groups and outcomes.
    stakeholders : sequence of StakeholderPolicy
        Whose utilities.
    aversion : Aversion
        Parameters of welfare.
    shift : float or None
        Of Atkinson's and Nash's forms.
    replicates, seed : int
        Of the bootstrap: how many, and the seed.
    """
    first = next(iter(options.values()))
    parties = parties_of(stakeholders, first.groups, first.outcomes, shift)
    tallies = list({id(t): t for t in options.values()}.values())
    weight = np.mean([t.w.sum(axis=1) for t in tallies], axis=0)
    observed, drawn = {}, {}
    rng = np.random.default_rng(seed)
    for t in tallies:
        # One further row, spread over the joint cells: an outcome that no row of a group had can be drawn too.
        padded = t.effective + 1.0 / t.n.shape[1]
        joint = multinomial(padded, replicates, rng)
        for name in (name for name, other in options.items() if other is t):
            observed[name] = _expected(t.of(name, t.w), parties)
            drawn[name] = _expected(t.of(name, joint), parties)
    return Scene(options, parties, first.groups, weight / weight.sum(), float(weight.sum()), aversion, observed, drawn)


def _expected(counts: Floats, parties: Sequence[Party]) -> Floats:
    return np.stack([expected(counts, party.table) for party in parties], axis=-2)


def around(value: Floats, drawn: Floats, z: float) -> tuple[Floats, Floats]:
    """Return an interval around an estimate: as far as replicates lie from their median on either side, times z.

    Welfare that looks at the worst off is concave: noise makes groups look more unequal than they are, so that its
    estimate is too low. Replicates have that bias once more, though less of it, since what they are drawn from is
    unequal by noise already. So the interval reaches around the estimate, and around the estimate without twice the
    replicates' bias; ``benchmarks/welfare.py`` measures what comes of it.

    Parameters
    ----------
    value : float array, shape (...)
        Estimates; NaN where undefined.
    drawn : float array, shape (R, ...)
        Replicates; those that are undefined take no part.
    z : float
        Normal critical value.

    Returns
    -------
    low, high : float array
        NaN where half of the replicates or more are undefined.
    """
    usable = ~np.isnan(drawn)
    centre = np.nanmedian(np.where(usable.any(axis=0), drawn, 0.0), axis=0)
    away = np.where(usable, drawn - centre, 0.0)
    known = ~np.isnan(value) & (usable.sum(axis=0) > len(drawn) / 2)
    rows = usable.sum(axis=0).clip(1)
    below, above = (np.sqrt(2 * (np.maximum(side * away, 0.0) ** 2).sum(axis=0) / rows) for side in (-1, 1))
    unbiased = value - _BIAS * (centre - value)
    low, high = np.minimum(value, unbiased) - z * below, np.maximum(value, unbiased) + z * above
    return np.where(known, low, np.nan), np.where(known, high, np.nan)


def lexicographic(a: Floats, b: Floats, *, rounding: float = 1e-12) -> Floats:
    """Compare vectors from the left: 1 where `a` is ahead, -1 where `b` is, 0 where they are equal to rounding.

    Examples
    --------
    >>> lexicographic(np.array([[1.0, 2.0], [1.0, 1.0]]), np.array([[1.0, 1.0], [2.0, 0.0]])).tolist()
    [1.0, -1.0]
    """
    scale = rounding * max(1.0, float(np.abs(a).max(initial=0.0)), float(np.abs(b).max(initial=0.0)))
    sign = np.sign(np.where(np.abs(a - b) <= scale, 0.0, a - b))
    first = np.argmax(sign != 0, axis=-1)
    return np.asarray(np.take_along_axis(sign, first[..., None], axis=-1)[..., 0], dtype=np.float64)


def critical(confidence: float, comparisons: int = 1) -> float:
    """Return the two-sided normal critical value, by Bonferroni's rule for several comparisons.

    Examples
    --------
    >>> round(critical(0.95), 2), round(critical(0.95, 5), 2)
    (1.96, 2.58)
    """
    return normal_quantile(1 - (1 - confidence) / 2 / max(comparisons, 1))
