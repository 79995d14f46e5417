"""`Hit` and `Verdict`: what a scanner finds in a text, and what a policy decides on it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from aequo.errors import InputError

__all__ = ["Action", "Hit", "Verdict"]


class Action(StrEnum):
    """What happens to a text, mildest first.

    Examples
    --------
    >>> Action.strictest([Action.REDACT, Action.BLOCK, Action.ALLOW])
    <Action.BLOCK: 'block'>
    >>> Action.strictest([])
    <Action.ALLOW: 'allow'>
    """

    ALLOW = "allow"
    REDACT = "redact"
    REVIEW = "review"
    BLOCK = "block"

    @classmethod
    def strictest(cls, actions: Iterable[Action]) -> Action:
        """Return the strictest of some actions; ALLOW of none."""
        order = list(cls)
        return max(actions, key=order.index, default=cls.ALLOW)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A span or label found in a text.

    Attributes
    ----------
    label : str
        What was found, such as ``"email"``.
    score : float
        How sure the scanner is, 0..1.
    start, end : int
        Span in characters of the original text, end exclusive.
    scanner : str
        Which scanner found it.

    Raises
    ------
    InputError
        If the span ends before it starts, or the score is outside 0..1.

    Examples
    --------
    >>> Hit(label="email", score=1.0, start=3, end=9, scanner="pii").length
    6
    """

    label: str
    score: float
    start: int
    end: int
    scanner: str

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end:
            raise InputError(f"a span runs from {self.start} to {self.end}; expected 0 <= start <= end.")
        if not 0 <= self.score <= 1:
            raise InputError(f"a score is {self.score}; expected 0 to 1.")

    @property
    def length(self) -> int:
        """Characters in the span."""
        return self.end - self.start


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a policy decided on one text. The text itself is not in it.

    Attributes
    ----------
    action : Action
        What to do.
    hits : tuple of Hit
        What was found.
    failed : tuple of str
        Scanners that did not answer; never the same as having found nothing.
    policy : str
        Digest of the policy that decided.
    """

    action: Action
    hits: tuple[Hit, ...]
    failed: tuple[str, ...]
    policy: str

    @property
    def complete(self) -> bool:
        """Whether every scanner answered."""
        return not self.failed
