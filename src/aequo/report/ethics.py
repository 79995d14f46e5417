"""`EthicsReport`: the one result that every view of who gains and who pays is drawn from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from aequo.core.finding import Finding, Status, overall
from aequo.core.policy import Policy
from aequo.ethics.impact import Impact

if TYPE_CHECKING:
    from aequo.ledger.entry import Receipt

__all__ = ["EthicsReport"]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class EthicsReport:
    """Who gains and who pays under decisions, and whether the duties are kept.

    Attributes
    ----------
    findings : tuple of Finding
        Worst first: gaps and losses that have a limit, and duties. Empty if the policy asks for none.
    impacts : tuple of Impact
        One for each group column or crossing; empty if no utilities were given.
    rows : int
        Rows read.
    source : str
        File name(s) or kind of frame; no full path.
    files : mapping of str to str
        File name to ``sha256:...`` of its bytes, where files were read.
    columns : mapping
        Role to column name(s): ``label``, ``prediction``, ``score``, ``weight``, ``baseline``, ``groups``,
        ``features``.
    policy : Policy
        What it was held against; it holds the utilities.
    notes : tuple of str
        Method and limits.
    reproduce : str
        The call or command that gives this result again.
    version : str
        Version of aequo.
    receipt : Receipt or None
        The ledger's, where it was recorded. It is no part of the result, which the ledger has a digest of.
    """

    findings: tuple[Finding, ...]
    impacts: tuple[Impact, ...]
    rows: int
    source: str
    files: Mapping[str, str]
    columns: Mapping[str, Any]
    policy: Policy
    notes: tuple[str, ...]
    reproduce: str
    version: str
    receipt: Receipt | None = field(default=None, compare=False)

    @property
    def verdict(self) -> Status | None:
        """FAIL, UNKNOWN or PASS over the findings; None if there are none, since nothing was asked to be judged."""
        return overall(self.findings) if self.findings else None

    def __repr__(self) -> str:
        said = "nothing judged" if self.verdict is None else self.verdict.value
        return f"EthicsReport({said}; {len(self.impacts)} impacts; {self.rows:,} rows)"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, exactly what ``--json`` prints and ``ethics.json`` holds."""
        plain: dict[str, Any] = msgspec.json.decode(
            msgspec.json.encode(
                {
                    "verdict": self.verdict,
                    "findings": self.findings,
                    "impacts": self.impacts,
                    "data": {
                        "rows": self.rows,
                        "source": self.source,
                        "files": dict(self.files),
                        "columns": dict(self.columns),
                    },
                    "policy": {**self.policy.to_dict(), "digest": self.policy.digest()},
                    "notes": self.notes,
                    "reproduce": self.reproduce,
                    "version": self.version,
                }
            )
        )
        return plain

    def to_json(self) -> str:
        """Return `to_dict` as indented JSON text; undefined numbers are null."""
        return msgspec.json.format(msgspec.json.encode(self.to_dict()), indent=2).decode()

    def to_markdown(self) -> str:
        """Return the report as Markdown."""
        from aequo.report.ethics_markdown import to_markdown

        return to_markdown(self)

    def to_html(self) -> str:
        """Return the report as one self-contained HTML page: no script, no remote request."""
        from aequo.report.ethics_html import to_html

        return to_html(self)

    def save(self, directory: str | Path) -> Path:
        """Write ``ethics.html``, ``ethics.md`` and ``ethics.json``, each whole or not at all; return the directory.

        Raises
        ------
        OutputError
            If the directory cannot be written.
        """
        from aequo.report.save import save_files

        texts = {
            "ethics.html": self.to_html(),
            "ethics.md": self.to_markdown(),
            "ethics.json": self.to_json() + "\n",
        }
        return save_files(directory, texts)
