"""`ActivityReport`: what a ledger holds on a period, the one value that every view of it is drawn from."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec

from aequo.core.finding import Status
from aequo.ledger.check import Verification

__all__ = [
    "ActivityReport",
    "Change",
    "Day",
    "Decisions",
    "LedgerState",
    "Mark",
    "Overrides",
    "Period",
    "Rate",
    "Scalar",
    "StandsFor",
    "Tally",
]

Scalar = str | int | float | bool | None
StandsFor = Literal["value", "absent", "sealed", "others"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A share with its interval, or why there is none.

    Attributes
    ----------
    count : int
        Cases, such as wrong decisions.
    n : int
        Decisions that could be one.
    value : float or None
        ``count / n``, 0..1; None if too few are known to say anything, and then `why` says so.
    interval : tuple of float or None
        Wilson's interval.
    why : str or None
        Why there is no value.
    """

    count: int
    n: int
    value: float | None
    interval: tuple[float, float] | None
    why: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How often one value occurs.

    Attributes
    ----------
    value : str, int, float, bool or None
        The value, such as a model version.
    n : int
        How often.
    share : float
        Of all that are counted, 0..1.
    stands_for : {"value", "absent", "sealed", "others"}
        ``"absent"``: those that state none. ``"sealed"``: those whose value is sealed. ``"others"``: all further values
        of too many.
    errors : Rate or None
        Error rate of these decisions, where it is asked for.
    """

    value: Scalar
    n: int
    share: float
    stands_for: StandsFor = "value"
    errors: Rate | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """Decisions of one day.

    Attributes
    ----------
    day : date
        In UTC.
    n : int
        Decisions.
    """

    day: dt.date
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    """The decisions of the period.

    Attributes
    ----------
    n : int
        How many.
    by_day : tuple of Day
        Days with a decision, in order.
    by_version, by_operator, by_outcome, by_verdict : tuple of Tally
        Most frequent first. The first three with their error rates.
    errors : Rate
        Decisions whose output is not what the newest outcome says, of those whose outcome is known.
    uncompared : int
        Decisions with an outcome that cannot be compared: the one is sealed, or text and the other a number.
    """

    n: int
    by_day: tuple[Day, ...]
    by_version: tuple[Tally, ...]
    by_operator: tuple[Tally, ...]
    by_outcome: tuple[Tally, ...]
    by_verdict: tuple[Tally, ...]
    errors: Rate
    uncompared: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What overrides made of one output.

    Attributes
    ----------
    output : str, int, float, bool or None
        What had been decided.
    to : str, int, float, bool or None
        What was decided instead.
    n : int
        How often.
    share : float
        Of all overridden decisions, 0..1.
    output_stands_for, to_stands_for : {"value", "absent", "sealed", "others"}
        As in `Tally`.
    """

    output: Scalar
    to: Scalar
    n: int
    share: float
    output_stands_for: StandsFor = "value"
    to_stands_for: StandsFor = "value"


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """Decisions of the period that a person overrode; of several overrides of one, the newest counts.

    Attributes
    ----------
    rate : Rate
        Overridden decisions, of all decisions.
    by_operator : tuple of Tally
        Who did.
    changes : tuple of Change
        From what to what, most frequent first.
    """

    rate: Rate
    by_operator: tuple[Tally, ...]
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """An entry and when it was recorded.

    Attributes
    ----------
    index : int
        Position in the ledger, from 0.
    time : datetime
        UTC.
    """

    index: int
    time: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """What was looked at.

    Attributes
    ----------
    since, until : datetime or None
        Entries recorded at or after `since` and before `until`, UTC; None where the period is open.
    outcomes_until : datetime or None
        Outcomes and overrides recorded before this count, also those after `until`; None for all.
    entries : int
        Entries of the period.
    first, last : Mark or None
        Its first and last entry by index; None if it has none.
    """

    since: dt.datetime | None
    until: dt.datetime | None
    outcomes_until: dt.datetime | None
    entries: int
    first: Mark | None
    last: Mark | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerState:
    """Which ledger it is, and whether it was checked.

    Attributes
    ----------
    origin, vkey : str
        Its name and the public key of its checkpoints.
    size : int
        Entries in the tree when the report was made.
    root : str
        Root of the tree, in hexadecimal.
    checkpoint : str or None
        Newest signed checkpoint; None if none was ever signed.
    verification : Verification or None
        What checking the whole ledger gave; None if that was not done.
    verified_at : datetime or None
        When it was checked, UTC.
    """

    origin: str
    vkey: str
    size: int
    root: str
    checkpoint: str | None
    verification: Verification | None
    verified_at: dt.datetime | None

    @property
    def status(self) -> Status:
        """PASS if the ledger is as recorded, FAIL if not, UNKNOWN if that was not checked."""
        if self.verification is None:
            return Status.UNKNOWN
        return Status.PASS if self.verification.ok else Status.FAIL


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ActivityReport:
    """What a ledger holds on a period.

    Attributes
    ----------
    ledger : LedgerState
        Which ledger, and whether it was checked.
    period : Period
        What was looked at.
    kinds : tuple of Tally
        Entries of the period by kind.
    decisions : Decisions
        Totals, by version, operator, outcome, verdict and day, and the error rate.
    overrides : Overrides
        What people changed.
    confidence : float
        Level of the intervals.
    least : int
        Rates on fewer decisions are not stated.
    method : tuple of str
        How the numbers are made, a sentence or two each.
    limits : tuple of str
        What they do not say, in this period.
    version : str
        Version of aequo.
    """

    ledger: LedgerState
    period: Period
    kinds: tuple[Tally, ...]
    decisions: Decisions
    overrides: Overrides
    confidence: float
    least: int
    method: tuple[str, ...]
    limits: tuple[str, ...]
    version: str

    def __repr__(self) -> str:
        checked = {Status.PASS: "verified", Status.FAIL: "NOT as recorded", Status.UNKNOWN: "not verified"}
        return (
            f"ActivityReport({self.ledger.origin}, {checked[self.ledger.status]}; {self.decisions.n:,} decisions, "
            f"{self.overrides.rate.count:,} overridden)"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, exactly what ``--json`` prints and ``activity.json`` holds."""
        plain: dict[str, Any] = msgspec.json.decode(
            msgspec.json.encode(
                {
                    "ledger": {**msgspec.to_builtins(self.ledger), "status": self.ledger.status},
                    "period": self.period,
                    "kinds": self.kinds,
                    "decisions": self.decisions,
                    "overrides": self.overrides,
                    "confidence": self.confidence,
                    "least": self.least,
                    "method": self.method,
                    "limits": self.limits,
                    "version": self.version,
                }
            )
        )
        return plain

    def to_json(self) -> str:
        """Return `to_dict` as indented JSON text; what is not known is null."""
        return msgspec.json.format(msgspec.json.encode(self.to_dict()), indent=2).decode()

    def to_markdown(self) -> str:
        """Return the report as Markdown."""
        from aequo.report.activity_markdown import to_markdown

        return to_markdown(self)

    def to_html(self) -> str:
        """Return the report as one self-contained HTML page: no script, no remote request."""
        from aequo.report.activity_html import to_html

        return to_html(self)

    def save(self, directory: str | Path) -> Path:
        """Write ``activity.html``, ``activity.md`` and ``activity.json``, each whole or not at all.

        Returns
        -------
        Path
            The directory.

        Raises
        ------
        OutputError
            If the directory cannot be written.
        """
        from aequo.report.save import save_files

        texts = (self.to_html(), self.to_markdown(), self.to_json() + "\n")
        return save_files(directory, dict(zip(("activity.html", "activity.md", "activity.json"), texts, strict=True)))
