"""Writers are killed, disks run full, databases go away: nothing acknowledged is lost, and nothing forks.

The runs are those of ``benchmarks/ledger_faults.py``, shorter; AEQUO_FAULT_SECONDS makes them longer.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "ledger_faults.py"
SECONDS = os.environ.get("AEQUO_FAULT_SECONDS", "20")
RUNS = [
    pytest.param("sqlite", "kill"),
    pytest.param("sqlite", "full"),
    pytest.param("postgres", "kill", marks=pytest.mark.postgres),
    pytest.param("postgres", "full", marks=pytest.mark.postgres),
    pytest.param("postgres", "restart", marks=pytest.mark.postgres),
]


@pytest.mark.faults
@pytest.mark.parametrize(("database", "fault"), RUNS)
def test_no_acknowledged_entry_is_lost_and_nothing_forks(database: str, fault: str) -> None:
    if fault == "full" and os.geteuid() != 0:
        pytest.skip("a small disk that runs full needs root")
    done = subprocess.run(
        [sys.executable, str(SCRIPT), database, fault, "--seconds", SECONDS],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "every promise held" in done.stdout
