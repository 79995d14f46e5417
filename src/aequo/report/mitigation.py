"""`Mitigation`: remedies compared, and weighed where utilities are known; what every view of it is drawn from."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from aequo.core.finding import Finding, Status
from aequo.ethics.impact import Impact, Options
from aequo.fairness.mitigate.comparison import Comparison
from aequo.ledger.entry import Receipt

__all__ = ["Mitigation"]

FILES = ("mitigation.html", "mitigation.md", "mitigation.json")
"""What the report consists of, beside the estimator."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False, eq=False)
class Mitigation:
    """What `aequo.mitigate` returns.

    Attributes
    ----------
    comparison : Comparison
        The remedies, the recommendation and the estimator.
    welfare : Options or None
        The remedies ranked by what they bring to whom; None unless the policy says what outcomes are worth.
    welfare_why : str or None
        Why they could not be ranked, where that was asked for.
    weighed : str or None
        The remedy that `impact` is of: the recommended one or, if that is none, the one with the smallest gap.
    impact : Impact or None
        What that remedy changes for whom, against no remedy; None unless the policy says what outcomes are worth.
    receipt : Receipt or None
        The ledger's, where it was recorded; no part of `to_dict`.
    """

    comparison: Comparison
    welfare: Options | None = None
    welfare_why: str | None = None
    weighed: str | None = None
    impact: Impact | None = None
    receipt: Receipt | None = field(default=None)

    @property
    def verdict(self) -> Status:
        """That of the comparison."""
        return self.comparison.verdict

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Those of the comparison."""
        return self.comparison.findings

    @property
    def recommended(self) -> str | None:
        """Name of the remedy to take."""
        return self.comparison.recommended

    @property
    def best_estimator(self) -> Any:
        """The recommended remedy, fitted on all rows; None if none is recommended."""
        return self.comparison.best_estimator

    def __repr__(self) -> str:
        return f"Mitigation({self.comparison!r})"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, exactly what ``--json`` prints and ``mitigation.json`` holds."""
        welfare = None if self.welfare is None else self.welfare.to_dict()
        impact = None if self.impact is None else self.impact.to_dict()
        return {
            **self.comparison.to_dict(),
            "welfare": welfare,
            "welfare_why": self.welfare_why,
            "weighed": self.weighed,
            "impact": impact,
        }

    def to_json(self) -> str:
        """Return `to_dict` as indented JSON text; what is not known is null."""
        return msgspec.json.format(msgspec.json.encode(self.to_dict()), indent=2).decode()

    def to_markdown(self) -> str:
        """Return the report as Markdown."""
        from aequo.report.mitigation_markdown import to_markdown

        return to_markdown(self)

    def to_html(self) -> str:
        """Return the report as one self-contained HTML page: no script, no remote request."""
        from aequo.report.mitigation_html import to_html

        return to_html(self)

    def save(self, directory: str | Path) -> Path:
        """Write the report, and the recommended remedy as an estimator, each file whole or not at all.

        Parameters
        ----------
        directory : str or Path
            Made if it is not there. It gets ``mitigation.html``, ``mitigation.md``, ``mitigation.json`` and, if a
            remedy is recommended, ``model.skops`` or ``model.joblib``.

        Returns
        -------
        Path
            The directory.

        Raises
        ------
        OutputError
            If it cannot be written.

        Warns
        -----
        UserWarning
            If the estimator becomes a joblib file.
        """
        from aequo.report.save import save_files

        texts = (self.to_html(), self.to_markdown(), self.to_json() + "\n")
        target = save_files(directory, dict(zip(FILES, texts, strict=True)))
        if self.comparison.best_estimator is not None:
            self.comparison.save(target)
        else:  # an earlier one must not stay beside a report that recommends none
            for stale in ("model.skops", "model.joblib"):
                (target / stale).unlink(missing_ok=True)
        return target
