"""The gate as a test: `assert_fair`, and the same as a pytest fixture.

pytest loads this module in every run where aequo is installed, so it imports next to nothing.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aequo.errors import InputError, Unfair

if TYPE_CHECKING:
    from aequo.flows.gate import FailOn
    from aequo.report.result import Assessment

__all__ = ["assert_fair"]


def assert_fair(data: Any, *, fail_on: FailOn = "unknown", out: str | Path | None = None, **how: Any) -> Assessment:
    """Assess decisions, and raise unless the gate opens.

    Parameters
    ----------
    data : path, frame, mapping or Table
        As for `aequo.assess`.
    fail_on : {"unknown", "fail", "never"}
        As for `aequo.gate`: by default the test fails too where the data cannot tell.
    out : path, optional
        Directory to write the report to, whatever the verdict.
    **how
        What `aequo.assess` takes: ``label=``, ``group=``, ``prediction=``, ``policy=`` and so on.

    Returns
    -------
    Assessment
        The whole result.

    Raises
    ------
    Unfair
        If the gate stays shut: an AssertionError whose message lists what stopped it, and that has the result as
        ``assessment``.
    InputError, PolicyError
        If data, arguments or policy cannot be used.

    Examples
    --------
    >>> fair = {"hired": [1, 0] * 2000, "sex": ["f", "f", "m", "m"] * 1000}
    >>> assert_fair(fair, label="hired", group="sex").verdict.value
    'pass'
    """
    __tracebackhide__ = True  # pytest shows the caller's line
    from aequo.flows.assess import assess
    from aequo.flows.gate import gate

    if fail_on not in ("unknown", "fail", "never"):  # before the work, not after it
        raise InputError(f"fail_on is {fail_on!r}, expected 'unknown', 'fail' or 'never'.")
    assessment = assess(data, **how)
    if out is not None:
        assessment.save(out)
    if gate(assessment, fail_on=fail_on) != 0:
        raise Unfair(_message(assessment, fail_on), assessment=assessment)
    return assessment


def _message(assessment: Assessment, fail_on: FailOn) -> str:
    from aequo.flows.gate import stopped_by

    stopped = stopped_by(assessment, fail_on=fail_on)
    by = {word: sum(f.status.value == word for f in stopped) for word in ("fail", "unknown")}
    said = [f"{by['fail']} failed"] * bool(by["fail"]) + [f"{by['unknown']} could not be judged"] * bool(by["unknown"])
    lines = [f"not shown to be fair: of the required findings {' and '.join(said) or 'there is none to judge'}."]
    for finding in stopped:
        lines.append(f"  {finding.status.value.upper():8} {finding.id}")
        lines.append(f"           {finding.why}")
    lines.append(f"  To look into it: {assessment.reproduce}")
    return "\n".join(lines)


# The pytest plug-in. pytest finds the hook and the fixture by name; without pytest this module still works.


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--aequo-out DIR`` to pytest."""
    group = parser.getgroup("aequo", "fairness gates")
    group.addoption(
        "--aequo-out",
        metavar="DIR",
        default=None,
        help="Save the report of each assert_fair fixture below DIR, in a directory named for the test.",
    )


def _folder(test: str, call: int) -> str:
    """Return a directory name for a test's report: readable, and different for different tests.

    Examples
    --------
    >>> _folder("tests/test_model.py::test_fair[a/b]", 2)
    'tests-test_model.py-test_fair-a-b-aacaf3-2'
    """
    readable = re.sub(r"[^\w.]+", "-", test, flags=re.ASCII).strip("-.")[:100]
    unique = hashlib.sha256(test.encode()).hexdigest()[:6]
    return f"{readable}-{unique}" + (f"-{call}" if call > 1 else "")


try:
    import pytest
except ModuleNotFoundError:  # pragma: no cover
    pass
else:

    @pytest.fixture(name="assert_fair")
    def _assert_fair(request: pytest.FixtureRequest) -> Callable[..., Assessment]:
        """Give `aequo.testing.assert_fair`; with ``--aequo-out DIR`` each call also saves its report below DIR."""
        root = request.config.getoption("--aequo-out")
        calls = 0

        def checked(data: Any, *, fail_on: FailOn = "unknown", out: str | Path | None = None, **how: Any) -> Assessment:
            __tracebackhide__ = True
            nonlocal calls
            if out is None and root is not None:
                calls += 1
                out = Path(root) / _folder(request.node.nodeid, calls)
            return assert_fair(data, fail_on=fail_on, out=out, **how)

        return checked
