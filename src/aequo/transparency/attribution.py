"""What each column contributed to a model's answer, how far the parts are from the whole, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from aequo.core.counts import Floats

__all__ = ["Attribution", "Attributions", "Method", "Space"]

Method = Literal["linear", "trees", "exact", "permutation", "lime"]
"""How contributions were found."""

Space = Literal["probability", "log-odds", "margin", "value"]
"""The unit of the contributions: of the favourable class, or of a regression's value."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Attribution:
    """One answer of a model, shared out among the columns.

    Attributes
    ----------
    columns : tuple of str
        The user's columns.
    contributions : float array
        Shape (columns,); above 0 is in favour of the person, or raises a regression's value.
    base : float
        The answer for nobody in particular: the mean over the background, or over the training rows for trees.
    output : float
        The model's answer, in `space`.
    space : str
        The unit: ``"probability"``, ``"log-odds"``, ``"margin"`` or ``"value"``.
    method : str
        ``"linear"``, ``"trees"`` and ``"exact"`` are exact; ``"permutation"`` and ``"lime"`` are estimates.
    standard_errors : float array or None
        Of each contribution; None if it is exact.
    evaluations : int
        How many rows the model was asked about.
    """

    columns: tuple[str, ...]
    contributions: Floats
    base: float
    output: float
    space: Space
    method: Method
    standard_errors: Floats | None = None
    evaluations: int = 0

    @property
    def additivity_error(self) -> float:
        """Base plus all contributions, less the output: 0 up to rounding, except for LIME."""
        return float(self.base + self.contributions.sum() - self.output)

    def top(self, n: int | None = None) -> tuple[tuple[str, float], ...]:
        """Return columns and contributions, the largest in size first; equal ones by name.

        Parameters
        ----------
        n : int, optional
            How many; all without it.
        """
        order = sorted(range(len(self.columns)), key=lambda j: (-abs(self.contributions[j]), self.columns[j]))
        return tuple((self.columns[j], float(self.contributions[j])) for j in order[:n])

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values, contributions by size."""
        at = {name: j for j, name in enumerate(self.columns)}
        errors = self.standard_errors
        return {
            "method": self.method,
            "space": self.space,
            "base": self.base,
            "output": self.output,
            "additivity_error": self.additivity_error,
            "evaluations": self.evaluations,
            "contributions": [
                {"column": c, "value": v, "standard_error": None if errors is None else float(errors[at[c]])}
                for c, v in self.top()
            ],
        }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Attributions:
    """Answers for many rows, each shared out among the columns.

    Attributes
    ----------
    columns : tuple of str
        The user's columns.
    contributions : float array
        Shape (rows, columns).
    base : float
        As for `Attribution`.
    outputs : float array
        Shape (rows,); the model's answers in `space`.
    scores : float array
        Shape (rows,); the model's scores, which are the outputs if the space is ``"probability"`` or ``"value"``.
    space, method : str
        As for `Attribution`.
    standard_errors : float array or None
        Shape (rows, columns).
    evaluations : int
        How many rows the model was asked about, for all.
    """

    columns: tuple[str, ...]
    contributions: Floats
    base: float | Floats
    outputs: Floats
    scores: Floats
    space: Space
    method: Method
    standard_errors: Floats | None = None
    evaluations: int = 0

    def __len__(self) -> int:
        return len(self.outputs)

    def __getitem__(self, row: int) -> Attribution:
        """Return one row's."""
        base = self.base if isinstance(self.base, float) else float(self.base[row])
        return Attribution(
            columns=self.columns,
            contributions=self.contributions[row],
            base=base,
            output=float(self.outputs[row]),
            space=self.space,
            method=self.method,
            standard_errors=None if self.standard_errors is None else self.standard_errors[row],
            evaluations=self.evaluations // len(self),
        )

    @property
    def additivity_errors(self) -> Floats:
        """Base plus all contributions, less the output, of each row."""
        return np.asarray(self.base + self.contributions.sum(axis=1) - self.outputs, dtype=np.float64)

    def mean_size(self) -> Floats:
        """Return the mean absolute contribution of each column, which is its importance over these rows."""
        return np.asarray(np.abs(self.contributions).mean(axis=0), dtype=np.float64)
