"""A distributed frame is counted by its workers: the same counts, and no rows come to the driver."""

from __future__ import annotations

import datetime as dt
import math
import os
import random
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from aequo.core.table import Table
from aequo.errors import InputError, UnknownColumn

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.filterwarnings("default")]  # Spark's own warnings are not ours

SCHEMA = "g string, b boolean, i long, f double, d date, y long, p long, s double, w double, u double"


@pytest.fixture(scope="module")
def spark() -> Iterator[SparkSession]:
    """Two workers, each a process of its own. Without Java this fails: nothing here is skipped."""
    from pyspark.sql import SparkSession

    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
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
def people() -> dict[str, list[Any]]:
    rng = random.Random(5)
    values: dict[str, list[Any]] = {
        "g": ["a", "b", "", None, "caf\u00e9", "cafe\u0301"],
        "b": [True, False, None],
        "i": [1, 2, 300, None],
        "f": [0.0, -0.0, 1.5, math.nan, None],
        "d": [dt.date(2020, 1, 1), dt.date(1999, 12, 31), None],
        "y": [0, 1],
        "p": [0, 1, None],
        "s": [0.0, 0.29, 0.5, 0.999, 1.0, math.nan, None],
        "w": [0.0, 0.5, 1.0, 3.0],
        "u": [-2.5, 0.25, 10.0, math.nan, None],
    }
    return {name: [rng.choice(some) for _ in range(600)] for name, some in values.items()}


@pytest.fixture(scope="module")
def frame(spark: SparkSession, people: dict[str, list[Any]]) -> DataFrame:
    return spark.createDataFrame(list(zip(*people.values(), strict=True)), SCHEMA).repartition(6).cache()


CALLS: list[dict[str, Any]] = [
    {"group": ["g", "b"], "label": "y", "prediction": "p"},
    {"group": ["i", "f"], "control": "d", "label": "y", "weight": "w"},
    {"group": "g", "label": "y", "score": "s", "weight": "w", "threshold": 0.29},
    {"group": "g", "label": "u", "prediction": "s", "weight": "w", "task": "regression"},
    {"group": "g", "label": "u"},
    {"label": "i"},
    {},
]


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_a_distributed_frame_has_the_counts_of_the_same_rows_in_memory(
    call: dict[str, Any], frame: DataFrame, people: dict[str, list[Any]]
) -> None:
    import pandas as pd

    counts = Table.of(frame).counts(**call)
    assert counts == Table.of(people).counts(**call)
    assert counts == Table.of(pd.DataFrame(people)).counts(**call)
    assert counts.rows == 600


def test_missing_values_and_duplicates_are_counted_alike(frame: DataFrame, people: dict[str, list[Any]]) -> None:
    ours, memory = Table.of(frame), Table.of(people)
    found, expected = ours.missing(["g", "b"]), memory.missing(["g", "b"])
    assert found.groups.names == expected.groups.names
    assert found.missing.tolist() == expected.missing.tolist()
    columns = ["i", "d", "y", "p", "f"]
    assert ours.duplicate_counts("b", columns) == memory.duplicate_counts("b", columns)


def test_only_the_aggregated_cells_come_to_the_driver(frame: DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched: list[int] = []
    kind = type(frame)
    collect = kind.collect

    def counted(self: DataFrame) -> Any:
        rows = collect(self)
        fetched.append(len(rows))
        return rows

    def forbidden(*args: object, **kwargs: object) -> Any:
        raise AssertionError("rows were fetched")

    monkeypatch.setattr(kind, "collect", counted)
    for door in ("toPandas", "toArrow", "toLocalIterator", "take", "head", "tail", "show", "foreach"):
        if hasattr(kind, door):
            monkeypatch.setattr(kind, door, forbidden)
    table = Table.of(frame)
    counts = table.counts(group="b", label="y", score="s")
    assert counts.rows == 600
    assert fetched[-1] == max(fetched) < 100, "at most one row for each cell"
    assert table.missing("b").groups.n.sum() == 600
    assert table.duplicate_counts("b", ["y", "p"]).rows < 600
    assert max(fetched) < 100
    table.sample(50, seed=1)
    assert fetched[-1] == 50, "a sample is only as large as was asked for"


def test_the_rows_are_spread_over_two_workers(spark: SparkSession) -> None:
    context = spark.sparkContext
    assert context.master == "local-cluster[2,1,1024]"
    assert context._jsc.sc().getExecutorMemoryStatus().size() == 3, "two workers and the driver"


def test_a_sample_is_the_same_for_the_same_seed(frame: DataFrame) -> None:
    table = Table.of(frame)
    first, again = (table.sample(40, seed=2, columns=["g", "s"]) for _ in range(2))
    assert first["g"].tolist() == again["g"].tolist() and len(first["s"]) == 40


def test_what_cannot_be_counted_is_said_in_one_sentence(frame: DataFrame, spark: SparkSession) -> None:
    table = Table.of(frame)
    assert repr(table) == "<Table of PySpark frame: 10 columns>" and table.files == {}
    with pytest.raises(UnknownColumn, match="no column 'gg'"):
        table.counts(group="gg")
    with pytest.raises(InputError, match="'u' run from -2.5 to 10"):
        table.counts(score="u")
    with pytest.raises(InputError, match="'id' has more than 1,000 distinct values"):
        Table.of(spark.range(5000)).counts(group="id")
