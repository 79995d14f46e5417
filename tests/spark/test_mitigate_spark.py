"""Reweighing a distributed frame: its workers compute the column, and no rows come to the driver."""

from __future__ import annotations

import math
import os
import random
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from aequo.core.table import Table
from aequo.fairness.mitigate import FairThresholdOptimizer, add_weights

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.filterwarnings("default")]  # Spark's own warnings are not ours


@pytest.fixture(scope="module")
def spark() -> Iterator[SparkSession]:
    """One local worker. Without Java this fails: nothing here is skipped."""
    from pyspark.sql import SparkSession

    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    session = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.sql.shuffle.partitions", "2")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()


def _people() -> dict[str, list[Any]]:
    rng = random.Random(5)
    values: dict[str, list[Any]] = {
        "i": list(range(300)),
        "g": ["a", "it's", "", None, "é"],
        "f": [0.0, 1.5, math.nan, None],
        "b": [True, False, None],
        "y": [0, 1],
        "s": [0.1, 0.25, 0.5, 0.75],
        "w": [0.5, 1.0, 3.0],
    }
    return {k: v if k == "i" else [rng.choice(v) for _ in range(300)] for k, v in values.items()}


@pytest.mark.parametrize("missing", ["one", "group"])
@pytest.mark.parametrize("group", ["g", ["f", "b"]])
def test_a_distributed_frame_gets_the_weights_of_the_same_rows_in_memory(
    spark: SparkSession, group: Any, missing: Any
) -> None:
    people = _people()
    schema = "i long, g string, f double, b boolean, y long, s double, w double"
    frame = spark.createDataFrame(list(zip(*people.values(), strict=True)), schema).repartition(3)
    made = add_weights(frame, label="y", group=group, name="k", base="w", missing=missing)
    assert type(made) is type(frame)
    assert made.columns == [*frame.columns, "k"]
    got = [row["k"] for row in made.orderBy("i").collect()]
    expected = add_weights(people, label="y", group=group, name="k", base="w", missing=missing)["k"]
    assert got == pytest.approx(expected.tolist())


def test_thresholds_come_from_counts_of_a_distributed_frame(spark: SparkSession) -> None:
    people = _people()
    schema = "i long, g string, f double, b boolean, y long, s double, w double"
    frame = spark.createDataFrame(list(zip(*people.values(), strict=True)), schema)
    how: dict[str, Any] = {"group": "g", "label": "y", "score": "s"}
    there = FairThresholdOptimizer(min_group=5).fit_counts(Table.of(frame).counts(**how)).result_
    here = FairThresholdOptimizer(min_group=5).fit_counts(Table.of(people).counts(**how)).result_
    assert there == here
