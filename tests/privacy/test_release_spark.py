"""A distributed frame is measured, minimised and generalised by its workers, and comes back as one."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from aequo.privacy.minimisation.minimise import minimize
from aequo.privacy.releases.apply import generalise
from aequo.privacy.releases.check import check_release
from aequo.privacy.releases.rules import Bins, Drop, GeneralisationPlan, Keep, Merge, Period, Prefix

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.filterwarnings("default")]  # Spark's own warnings are not ours


@pytest.fixture(scope="module")
def spark() -> Iterator[SparkSession]:
    """Without Java this fails: nothing here is skipped."""
    from pyspark.sql import SparkSession

    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    session = (
        SparkSession.builder.master("local[2]")
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
def people() -> dict[str, list[Any]]:
    rng = random.Random(3)
    values: dict[str, list[Any]] = {
        "age": [*range(20, 60), None],
        "zip": ["02138", "02139", "90210", None],
        "sex": ["f", "m"],
        "born": ["1984-05-17", "1999-12-31", None],
        "ill": ["flu", "ulcer", "gout", None],
    }
    return {name: [rng.choice(some) for _ in range(400)] for name, some in values.items()}


@pytest.fixture(scope="module")
def frame(spark: SparkSession, people: dict[str, list[Any]]) -> DataFrame:
    schema = "age long, zip string, sex string, born string, ill string"
    return spark.createDataFrame(list(zip(*people.values(), strict=True)), schema).repartition(3)


def test_a_distributed_frame_has_the_measures_of_the_same_rows_in_memory(
    frame: DataFrame, people: dict[str, list[Any]]
) -> None:
    how: dict[str, Any] = {"quasi": ["age", "zip", "sex"], "sensitive": "ill", "ignore": ["born"], "suggest": True}
    ours, theirs = check_release(people, **how).to_dict(), check_release(frame, **how).to_dict()
    ours.pop("source")
    assert theirs.pop("source") == "PySpark frame"
    assert ours == theirs


PLANS = [
    {"age": Bins((30, 40, 50), whole=True), "zip": Prefix(3), "born": Period("year")},
    {"age": Drop(), "zip": Keep(("02138",)), "sex": Merge({"f": "x"}), "born": Period("decade")},
]


@pytest.mark.parametrize("rules", PLANS, ids=str)
def test_a_distributed_frame_is_generalised_as_the_same_rows_in_memory(
    rules: dict[str, Any], frame: DataFrame, people: dict[str, list[Any]]
) -> None:
    plan = GeneralisationPlan(quasi=("age", "zip", "sex", "born"), rules=rules, smallest=3)
    got, expected = generalise(frame, plan), generalise(people, plan)
    assert type(got) is type(frame)
    assert got.columns == list(expected)
    rows = sorted(map(repr, map(tuple, got.collect())))
    assert rows == sorted(map(repr, zip(*expected.values(), strict=True)))


def test_a_distributed_frame_is_minimised(frame: DataFrame) -> None:
    small = minimize(frame, required=["zip", "age"])
    assert small.data.columns == ["age", "zip"]
    assert small.dropped == ("sex", "born", "ill")
