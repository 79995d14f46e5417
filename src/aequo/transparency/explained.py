"""One decision with its explanation, as `TransparentModel` gives it."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aequo.core.levels import level
from aequo.transparency.attribution import Attribution
from aequo.transparency.calibration import Confidence
from aequo.transparency.reasons import Reason

if TYPE_CHECKING:
    from aequo.ledger import Receipt

__all__ = ["Explained"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Explained:
    """A decision and why.

    Attributes
    ----------
    prediction : object
        The class as the model names it, or the value of a regression.
    favourable : bool or None
        Whether it is good for the person; None for a regression.
    score : float
        The model's score. It is no confidence: nobody has checked how often such scores are right.
    confidence : Confidence or None
        Calibrated confidence in the prediction; None without calibration rows.
    no_confidence : str
        Why there is none; empty if there is one.
    attribution : Attribution
        Base, contributions of all columns, output, additivity error.
    top : tuple of (str, float)
        The most influential columns and their signed contributions; none that contributed nothing.
    reasons : tuple of Reason
        Why the decision went against the person; empty if it did not.
    notes : tuple of str
        What somebody should know: a protected column that pushed towards refusal, a decision that is not on the record.
    at : datetime
        When it was made, UTC.
    model_digest, model_version : str
        Which model it was.
    receipt : Receipt or None
        The ledger's answer; None if no ledger was given.
    values : mapping
        What was decided on, by column. A person's: not in the repr, and in `to_dict` only if asked for.
    """

    prediction: Any
    favourable: bool | None
    score: float
    confidence: Confidence | None
    no_confidence: str
    attribution: Attribution = field(repr=False)
    top: tuple[tuple[str, float], ...]
    reasons: tuple[Reason, ...]
    notes: tuple[str, ...]
    at: dt.datetime
    model_digest: str
    model_version: str
    receipt: Receipt | None
    values: Mapping[str, Any] = field(repr=False)

    def to_dict(self, *, values: bool = False) -> dict[str, Any]:
        """Return it as JSON values.

        Parameters
        ----------
        values : bool
            Whether the person's values are in it.
        """
        out: dict[str, Any] = {
            "prediction": _json(self.prediction),
            "favourable": self.favourable,
            "score": self.score,
            "confidence": None if self.confidence is None else self.confidence.to_dict(),
            "no_confidence": self.no_confidence or None,
            "top": [{"column": c, "contribution": v} for c, v in self.top],
            "reasons": [reason.to_dict(values=values) for reason in self.reasons],
            "notes": list(self.notes),
            "explanation": self.attribution.to_dict(),
            "at": self.at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "model": {"digest": self.model_digest, "version": self.model_version},
            "receipt": None if self.receipt is None else self.receipt.to_dict(),
        }
        if values:
            out["values"] = {name: _json(value) for name, value in self.values.items()}
        return out

    def to_json(self, *, values: bool = False) -> str:
        """Return `to_dict` as text.

        Parameters
        ----------
        values : bool
            Whether the person's values are in it.
        """
        return json.dumps(self.to_dict(values=values), ensure_ascii=False, indent=2, allow_nan=False)


def _json(value: Any) -> Any:
    """Return a value as JSON has it; numbers and booleans stay what they are."""
    plain = value.item() if hasattr(value, "item") else value
    if plain is None or isinstance(plain, (bool, int, str)):
        return plain
    return (
        (plain if plain == plain and abs(plain) != float("inf") else None) if isinstance(plain, float) else level(plain)
    )
