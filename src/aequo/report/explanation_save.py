"""Explanations as files: each whole or not at all."""

from __future__ import annotations

from pathlib import Path

from aequo.report.save import save_files
from aequo.transparency.decision import DecisionExplanation
from aequo.transparency.explanation import DatasetExplanation

__all__ = ["FILES", "save_explanation"]

FILES = ("explanation.html", "explanation.md", "explanation.json")
"""What a report consists of."""


def save_explanation(explanation: DatasetExplanation | DecisionExplanation, directory: str | Path) -> Path:
    """Write ``explanation.html``, ``explanation.md`` and ``explanation.json``, and return the directory.

    The files of one decision hold the values that it was made on.

    Parameters
    ----------
    explanation : DatasetExplanation or DecisionExplanation
        The result.
    directory : str or Path
        Made if it is not there, with its parents.

    Raises
    ------
    OutputError
        If it cannot be written; one sentence that says why.
    """
    from aequo.report.explanation_html import decision_to_html, to_html
    from aequo.report.explanation_markdown import decision_to_markdown, to_markdown

    if isinstance(explanation, DecisionExplanation):
        texts = (decision_to_html(explanation), decision_to_markdown(explanation), explanation.to_json(values=True))
    else:
        texts = (to_html(explanation), to_markdown(explanation), explanation.to_json())
    return save_files(directory, dict(zip(FILES, (texts[0], texts[1], texts[2] + "\n"), strict=True)))
