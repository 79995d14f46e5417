"""`Comparison`: what each remedy does to accuracy and fairness, which to take, and why; a frozen value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from aequo.core.counts import Counts
from aequo.core.finding import Finding, Status, overall
from aequo.errors import InputError, OutputError

__all__ = ["Comparison", "Number", "Remedy"]

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A mean over the splits, with its interval.

    Attributes
    ----------
    value : float or None
        None if it is undefined in every split.
    interval : tuple of float or None
        Nadeau and Bengio's, for splits that share rows; None if fewer than two splits have a value.
    n : int
        People who were in a test part.
    splits : tuple of (float or None)
        The value of each split; empty where it is no mean over splits.
    """

    value: float | None
    interval: Interval | None
    n: int
    splits: tuple[float | None, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Remedy:
    """One remedy and what it does on people that it was not trained on.

    Attributes
    ----------
    name : str
        Such as ``"thresholds"``; ``"none"`` is the model as it is.
    description : str
        What it does.
    metrics : mapping of str to Number
        Accuracy and the like over everyone, and every fairness metric; each as a mean over the splits.
    gap : Number
        The largest difference of group rates, the rates averaged over the splits first. This is what is held against
        the tolerance: see `aequo.fairness.mitigate.compare`.
    gap_between : tuple of str
        The measure, the group with the larger and the group with the smaller value that give the gap; empty if there is
        none.
    rates : mapping of str to mapping of str to Number
        Measure to group to its rate, of the measures that the constraint is about.
    costs : Number or None
        Accuracy less that of ``"none"``, paired by split; None for ``"none"`` itself.
    gains : Number or None
        Gap of each split less that of ``"none"``, paired by split.
    pareto : bool
        Whether no other remedy is at least as accurate with at most the gap, and better in one of them.
    same_as : tuple of str
        Remedies that these splits cannot tell from it, neither by accuracy nor by gap.
    counts : Counts or None
        Group by label by decision over all test parts, scaled so that each person counts about once; None if it failed.
    failures : tuple of str
        Why it failed on splits, each reason once.
    failed : int
        On how many splits.
    """

    name: str
    description: str
    metrics: Mapping[str, Number]
    gap: Number
    gap_between: tuple[str, ...]
    rates: Mapping[str, Mapping[str, Number]]
    costs: Number | None
    gains: Number | None
    pareto: bool
    same_as: tuple[str, ...]
    counts: Counts | None
    failures: tuple[str, ...]
    failed: int

    @property
    def distinguishable(self) -> bool:
        """Whether these splits can tell it from doing nothing, by accuracy or by gap."""
        return self.name != "none" and self.counts is not None and "none" not in self.same_as

    def to_dict(self) -> dict[str, Any]:
        """Return plain values; `counts` are not among them, since their cells may be single people."""
        return {
            "name": self.name,
            "description": self.description,
            "metrics": {k: _plain(v) for k, v in self.metrics.items()},
            "gap": _plain(self.gap),
            "gap_between": list(self.gap_between),
            "rates": {m: {g: _plain(v) for g, v in groups.items()} for m, groups in self.rates.items()},
            "costs": None if self.costs is None else _plain(self.costs),
            "gains": None if self.gains is None else _plain(self.gains),
            "pareto": self.pareto,
            "distinguishable": self.distinguishable,
            "same_as": list(self.same_as),
            "failures": list(self.failures),
            "failed": self.failed,
        }


def _plain(number: Number) -> dict[str, Any]:
    return {
        "value": number.value,
        "interval": None if number.interval is None else list(number.interval),
        "n": number.n,
        "splits": list(number.splits),
    }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Comparison:
    """Remedies side by side.

    Attributes
    ----------
    remedies : tuple of Remedy
        From the simplest.
    recommended : str or None
        Name of the remedy to take; None if none can be recommended.
    reason : str
        Why, in words.
    findings : tuple of Finding
        For each remedy whether it meets the tolerance; the verdict is that of the recommended one.
    left_out : mapping of str to str
        Remedies that were not tried, and why.
    constraint, tolerance : str, float
        What is to be equal, as the name of a check, and the largest difference.
    subject : str
        The group column, or crossed columns.
    label, favourable : str
        The outcome, and the value of it that is good for the person.
    estimator : str
        Name of the model.
    features : tuple of str
        Columns that it learned from.
    rows, splits : int
        People, and how often they were split.
    test_size : float
        Share of people in a test part.
    confidence : float
        Level of the intervals.
    seed : int
        Of everything random.
    notes : tuple of str
        What was left out, and what the numbers do not say.
    version : str
        Of aequo.
    best_estimator : estimator or None
        The recommended remedy, fitted on all rows: it reads the columns of the table and gives its labels. It is not
        part of `to_dict`.
    """

    remedies: tuple[Remedy, ...]
    recommended: str | None
    reason: str
    findings: tuple[Finding, ...]
    left_out: Mapping[str, str]
    constraint: str
    tolerance: float
    subject: str
    label: str
    favourable: str
    estimator: str
    features: tuple[str, ...]
    rows: int
    splits: int
    test_size: float
    confidence: float
    seed: int
    notes: tuple[str, ...]
    version: str
    best_estimator: Any = field(default=None)

    @property
    def verdict(self) -> Status:
        """PASS if the recommended remedy meets the tolerance, FAIL if none does, UNKNOWN if the data cannot tell."""
        return overall(self.findings)

    def remedy(self, name: str) -> Remedy:
        """Return a remedy by its name.

        Raises
        ------
        InputError
            If it was not tried.
        """
        for remedy in self.remedies:
            if remedy.name == name:
                return remedy
        tried = ", ".join(r.name for r in self.remedies)
        raise InputError(f"no remedy {name!r} was tried, but {tried}.")

    def __repr__(self) -> str:
        return (
            f"Comparison({len(self.remedies)} remedies, {self.constraint} over {self.subject} at most "
            f"{self.tolerance:g}: {self.recommended or 'none recommended'}, {self.verdict.value})"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "verdict": self.verdict.value,
            "recommended": self.recommended,
            "reason": self.reason,
            "remedies": [r.to_dict() for r in self.remedies],
            "findings": msgspec.json.decode(msgspec.json.encode(self.findings)),
            "left_out": dict(self.left_out),
            "constraint": self.constraint,
            "tolerance": self.tolerance,
            "subject": self.subject,
            "label": self.label,
            "favourable": self.favourable,
            "estimator": self.estimator,
            "features": list(self.features),
            "rows": self.rows,
            "splits": self.splits,
            "test_size": self.test_size,
            "confidence": self.confidence,
            "seed": self.seed,
            "notes": list(self.notes),
            "version": self.version,
        }

    def to_json(self) -> str:
        """Return `to_dict` as indented JSON text; what is not known is null."""
        return msgspec.json.format(msgspec.json.encode(self.to_dict()), indent=2).decode()

    def save(self, folder: str | Path) -> Path:
        """Write the recommended remedy as an estimator; `aequo.models.files.load_model` reads it back.

        Parameters
        ----------
        folder : str or Path
            Where; made if it is not there. The estimator of an earlier comparison there is replaced.

        Returns
        -------
        Path
            The file: ``model.skops``, or ``model.joblib`` with a warning where skops cannot hold it.

        Raises
        ------
        InputError
            If none is recommended.
        OutputError
            If it cannot be written.
        """
        from aequo.models.files import save_model

        if self.best_estimator is None:
            raise InputError("no remedy is recommended, so there is no estimator to save.")
        target = Path(folder)
        try:
            target.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason = (error.strerror or "the system gave no reason").lower()
            raise OutputError(f"the model cannot be written to {str(target)!r}: {reason}.") from None
        path = save_model(self.best_estimator, target / "model")
        for stale in {target / "model.skops", target / "model.joblib"} - {path}:  # of an earlier comparison
            stale.unlink(missing_ok=True)
        return path
