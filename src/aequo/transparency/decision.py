"""`DecisionExplanation`: one decision, why it was made, and what would have changed it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from aequo.transparency.explained import Explained
from aequo.transparency.ways import Counterfactuals

__all__ = ["DecisionExplanation"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class DecisionExplanation:
    """One decision of a model, explained.

    Attributes
    ----------
    row : int
        Which row of the data it is; the first is 0.
    explained : Explained
        Prediction, score, confidence, contributions, and reasons where it went against the person.
    counterfactuals : Counterfactuals or None
        What would have changed it; None where that was not looked for.
    no_counterfactuals : str
        Why not; empty where it was.
    source : str
        Where the data came from; no path.
    outcome : str
        The favourable decision as a word.
    threshold : float or None
        Scores from here on are favourable, where a threshold decides.
    background_rows : int or None
        Rows that the contributions compare with; None where those are the training rows, which trees have counted.
    model : str
        Kind of the model.
    notes : tuple of str
        What the numbers do not say.
    version : str
        Version of aequo.
    """

    row: int
    explained: Explained
    counterfactuals: Counterfactuals | None
    no_counterfactuals: str
    source: str
    outcome: str
    threshold: float | None
    background_rows: int | None
    model: str
    notes: tuple[str, ...]
    version: str

    def __repr__(self) -> str:
        ways = 0 if self.counterfactuals is None else len(self.counterfactuals.found)
        good = {True: "favourable", False: "unfavourable", None: "a number"}[self.explained.favourable]
        return f"DecisionExplanation(row {self.row:,}: {good}; {ways} counterfactuals)"

    def to_dict(self, *, values: bool = False) -> dict[str, Any]:
        """Return plain values. The counterfactuals hold the person's own values of the columns that would change.

        Parameters
        ----------
        values : bool
            Whether all values that were decided on are in it too.
        """
        plain: dict[str, Any] = msgspec.json.decode(
            msgspec.json.encode(
                {
                    "row": self.row,
                    "outcome": self.outcome,
                    "threshold": self.threshold,
                    **self.explained.to_dict(values=values),
                    "counterfactuals": None if self.counterfactuals is None else self.counterfactuals.to_dict(),
                    "no_counterfactuals": self.no_counterfactuals or None,
                    "source": self.source,
                    "background_rows": self.background_rows,
                    "caveats": self.notes,
                    "aequo": self.version,
                }
            )
        )
        return plain

    def to_json(self, *, values: bool = False) -> str:
        """Return `to_dict` as indented JSON text.

        Parameters
        ----------
        values : bool
            Whether all values that were decided on are in it too.
        """
        return msgspec.json.format(msgspec.json.encode(self.to_dict(values=values)), indent=2).decode()
