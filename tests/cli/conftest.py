"""A real process for every call of the command line, and small files of decisions for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .calls import Ended, Run, clean_environment, write


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Call ``aequo`` in an empty directory, as a user would."""

    def call(*args: object, env: dict[str, str] | None = None, cwd: Path | None = None, **how: Any) -> Ended:
        done = subprocess.run(
            [sys.executable, "-m", "aequo", *map(str, args)],
            cwd=cwd or tmp_path,
            env=clean_environment(**(env or {})),
            **({} if "input" in how else {"stdin": subprocess.DEVNULL}),
            stdout=how.pop("stdout", subprocess.PIPE),
            stderr=subprocess.PIPE,
            timeout=120,
            check=False,
            **how,
        )
        return Ended(done.returncode, (done.stdout or b"").decode(), done.stderr.decode())

    return call


@pytest.fixture
def fair(tmp_path: Path) -> Path:
    """Decisions that do not depend on the group."""
    return write(tmp_path / "fair.csv", "approved,sex", [f"{i // 2 % 2},{'fm'[i % 2]}" for i in range(2000)])


@pytest.fixture
def fair_twice(tmp_path: Path) -> Path:
    """Decisions that depend on neither of two groups."""
    rows = [f"{i // 4 % 2},{'fm'[i % 2]},{'ab'[i // 2 % 2]}" for i in range(3200)]
    return write(tmp_path / "fair.csv", "approved,sex,race", rows)


@pytest.fixture
def unfair(tmp_path: Path) -> Path:
    """Decisions that the group decides."""
    rows = [f"{int(i % 2 == 0 or i % 10 == 1)},{'fm'[i % 2]}" for i in range(1000)]
    return write(tmp_path / "unfair.csv", "approved,sex", rows)


@pytest.fixture
def few(tmp_path: Path) -> Path:
    """Too few decisions to tell."""
    return write(tmp_path / "few.csv", "approved,sex", [f"{i // 2 % 2},{'fm'[i % 2]}" for i in range(60)])
