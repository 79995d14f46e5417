"""`Assessment`: the one result that every view (terminal, JSON, Markdown, HTML) is drawn from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from aequo.core.finding import Finding, Status
from aequo.core.policy import Policy
from aequo.ethics.impact import Impact

if TYPE_CHECKING:
    from aequo.ledger.entry import Receipt

__all__ = ["Assessment", "DataSummary", "GroupRow", "Measure"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One measured number of one group.

    Attributes
    ----------
    value : float or None
        The estimate; None if undefined or withheld, and then `why` says which.
    interval : tuple of float or None
        Interval of this group's value alone, at the policy's confidence level.
    n : int or None
        Rows behind it (the people who could count towards it); None if withheld.
    difference, difference_interval : float, tuple of float, or None
        Signed difference to the reference group, and its interval, simultaneous over all pairs of groups.
    ratio, ratio_interval : float, tuple of float, or None
        Ratio to the reference group.
    why : str or None
        Why there is no value.
    """

    value: float | None
    interval: tuple[float, float] | None
    n: int | None
    difference: float | None = None
    difference_interval: tuple[float, float] | None = None
    ratio: float | None = None
    ratio_interval: tuple[float, float] | None = None
    why: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRow:
    """One row of the per-group table.

    Attributes
    ----------
    subject : str
        The group column, or crossed columns as ``"race × sex"``.
    group : str
        Name of the group; ``(missing)`` for rows that name none.
    n : int or None
        Rows; None if withheld because the group is too small to publish.
    share : float or None
        Share of all rows, 0..1.
    reference : bool
        Whether the other groups' differences are to this one.
    judged : bool
        Whether the group is large enough to take part in the comparisons.
    rounded : bool
        Whether the row's numbers are rounded, because a group in the same table is withheld.
    measures : mapping of str to Measure
        By measure, such as ``"selection_rate"``.
    """

    subject: str
    group: str
    n: int | None
    share: float | None
    reference: bool
    judged: bool
    measures: Mapping[str, Measure]
    rounded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSummary:
    """What was read.

    Attributes
    ----------
    rows : int
        Rows read.
    digest : str
        ``sha256:...`` of the published sizes and rates of the groups, the same on every engine.
    source : str
        File name(s) or kind of frame; no full path.
    files : mapping of str to str
        File name to ``sha256:...`` of its bytes, where files were read.
    task : {"binary", "multiclass", "regression"}
        Kind of outcome.
    columns : mapping
        Role to column name(s): ``label``, ``prediction``, ``score``, ``weight``, ``groups``, ``controls``.
    favourable : str or None
        The favourable value of the label.
    threshold : float or None
        Scores from here on are favourable decisions.
    """

    rows: int
    digest: str
    source: str
    task: str
    columns: Mapping[str, Any]
    files: Mapping[str, str] = field(default_factory=dict)
    favourable: str | None = None
    threshold: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Assessment:
    """The findings on one table of decisions, and the per-group numbers behind them.

    Attributes
    ----------
    verdict : Status
        FAIL if a required finding failed, else UNKNOWN if a required one could not be judged, else WARN or PASS.
    findings : tuple of Finding
        Worst first.
    groups : tuple of GroupRow
        Per-group table, small groups withheld.
    data : DataSummary
        What was read.
    policy : Policy
        What it was held against.
    notes : tuple of str
        Method and limits, one sentence each: how intervals and verdicts were made, what was withheld or not judged.
    reproduce : str
        The call or command that gives this result again.
    version : str
        Version of aequo.
    impacts : tuple of Impact
        Who gains and who pays, for each group column and crossing, where the policy says what outcomes are worth.
    receipt : Receipt or None
        The ledger's, where the assessment was recorded. It is no part of the result, which the ledger has a digest of.
    """

    verdict: Status
    findings: tuple[Finding, ...]
    groups: tuple[GroupRow, ...]
    data: DataSummary
    policy: Policy
    notes: tuple[str, ...]
    reproduce: str
    version: str
    impacts: tuple[Impact, ...] = ()
    receipt: Receipt | None = field(default=None, compare=False)

    def __repr__(self) -> str:
        required = [f for f in self.findings if f.required]
        counts = ", ".join(
            f"{n} {status.value}" for status in Status if (n := sum(f.status is status for f in required))
        )
        return f"Assessment({self.verdict.value}; required findings: {counts or 'none'}; {self.data.rows:,} rows)"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, exactly what ``--json`` prints and ``findings.json`` holds."""
        plain: dict[str, Any] = msgspec.json.decode(
            msgspec.json.encode(
                {
                    "verdict": self.verdict,
                    "findings": self.findings,
                    "groups": self.groups,
                    "data": self.data,
                    "policy": {**self.policy.to_dict(), "digest": self.policy.digest()},
                    "notes": self.notes,
                    "reproduce": self.reproduce,
                    "version": self.version,
                    **({"impacts": self.impacts} if self.impacts else {}),
                }
            )
        )
        return plain

    def to_json(self) -> str:
        """Return `to_dict` as indented JSON text; undefined numbers are null."""
        return msgspec.json.format(msgspec.json.encode(self.to_dict()), indent=2).decode()

    def to_markdown(self) -> str:
        """Return the report as Markdown."""
        from aequo.report.markdown import to_markdown

        return to_markdown(self)

    def to_html(self) -> str:
        """Return the report as one self-contained HTML page: no script, no remote request."""
        from aequo.report.html import to_html

        return to_html(self)

    def _repr_html_(self) -> str:
        from aequo.report.html import to_html

        return to_html(self, fragment=True)

    def save(self, directory: str | Path) -> Path:
        """Write ``report.html``, ``report.md`` and ``findings.json``, each whole or not at all; return the directory.

        Raises
        ------
        OutputError
            If the directory cannot be written.
        """
        from aequo.report.save import save

        return save(self, directory)
