"""A distributed frame is pseudonymised by its workers, and gives what its records give."""

from __future__ import annotations

import datetime as dt
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from aequo.errors import InputError, Refused
from aequo.ledger.keys import KeyRing
from aequo.privacy.pseudonyms.pseudonymiser import Pseudonymiser

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.filterwarnings("default")]  # Spark's own warnings are not ours

KEY = KeyRing({1: bytes(32)})
FIELDS: dict[str, Any] = {"email": None, "phone": None, "ssn": "ssn", "day": "date", "at": "date", "text": "date"}
EMAILS = ["Jane@x.org", "jane@X.org", "", None, "łukasz@poczta.pl"]
ROWS = [
    {
        "email": EMAILS[i % 5],
        "phone": [None, "+44 20 7946 0958", "(617) 555-0123"][i % 3],
        "ssn": [123456789, None, 987654321][i % 3],
        "day": [dt.date(2024, 2, 28), None][i % 2],
        "at": [dt.datetime(2024, 2, 28, 5, 6, 7, 89), None][i % 2],  # noqa: DTZ001 - without a zone is what is tested
        "text": ["2024-02-28", "soon", ""][i % 3],
        "who": ["p1", "p2", None][i % 3],
        "n": i,
    }
    for i in range(60)
]
SCHEMA = "email string, phone string, ssn long, day date, at timestamp_ntz, text string, who string, n long"


@pytest.fixture(scope="module")
def spark() -> Iterator[SparkSession]:
    """Two workers, each a process of its own."""
    from pyspark.sql import SparkSession

    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    os.environ["PYSPARK_PYTHON"] = sys.executable  # the workers run Python, and need what is installed here
    session = (
        SparkSession.builder.master("local-cluster[2,1,1024]")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.sql.shuffle.partitions", "4")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()


@pytest.fixture(scope="module")
def frame(spark: SparkSession) -> Any:
    return spark.createDataFrame([tuple(row.values()) for row in ROWS], SCHEMA)


@pytest.mark.parametrize("form", ["token", "preserving"])
def test_a_spark_frame_gives_what_its_records_give(frame: Any, form: str) -> None:
    hide = Pseudonymiser(KEY, FIELDS, form=form, person="who", unknown="ignore")
    result = hide.frame(frame)
    got = [row.asDict() for row in result.data.orderBy("n").collect()]
    assert got == [hide.record(row).data for row in ROWS]
    counted = {one.column: (one.values, one.missing) for one in result.report.replaced}
    assert counted["email"] == (36, 24)
    assert counted["ssn"] == (40, 20)


def test_what_looks_personal_is_found_in_a_spark_frame(frame: Any) -> None:
    with pytest.raises(Refused, match=r"'phone' \(phone\)"):
        Pseudonymiser(KEY, ["email"], unknown="refuse").frame(frame)


def test_a_vault_is_not_for_sparks_workers(frame: Any, tmp_path: Any) -> None:
    with pytest.raises(InputError, match="Spark's workers cannot write to one vault"):
        Pseudonymiser(KEY, ["email"], vault=tmp_path / "v").frame(frame)


def test_lists_are_refused(spark: SparkSession) -> None:
    with pytest.raises(InputError, match="'email' holds lists or structures"):
        Pseudonymiser(KEY, ["email"], unknown="ignore").frame(spark.createDataFrame([(["a"],)], "email array<string>"))
