"""How a call of the command line ended, and small files for it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Ended:
    """How a process ended."""

    code: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """The one line on stderr of a call that could not be done."""
        lines = self.err.strip().split("\n")
        assert self.code == 2, self
        assert self.out == ""
        assert len(lines) == 1, self.err
        assert lines[0].startswith("aequo: ")
        assert "Traceback" not in self.err
        assert "bug in aequo" not in self.err
        return lines[0].removeprefix("aequo: ")


Run = Callable[..., Ended]


def clean_environment(**more: str) -> dict[str, str]:
    """Return the environment without what would change the output."""
    hidden = {"NO_COLOR", "FORCE_COLOR", "COLUMNS", "PYTHONIOENCODING", "PYTHONUTF8", "LC_ALL", "LANG"}
    kept = {k: v for k, v in os.environ.items() if k not in hidden}
    return {**kept, "PYTHONWARNINGS": "error", "LC_ALL": "C.UTF-8", **more}


def write(path: Path, header: str, rows: list[str]) -> Path:
    """Write a CSV file."""
    path.write_text("\n".join([header, *rows, ""]), encoding="utf-8")
    return path
