"""People's records for the tests, the same rows in every kind of frame and file, and how to read them back."""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

Rows = list[dict[str, Any]]

EMAILS = [
    "Jane.Doe@Example.org",
    "jane.doe@example.ORG",
    " bo@firma.de",
    "łukasz@poczta.pl",
    "not an address",
    "",
    None,
]
PHONES = ["+44 20 7946 0958", "+44 (0)20 7946-0958", "(617) 555-0123", "617.555.0123 ext. 9", "ask reception", "", None]
SSNS = ["123-45-6789", "123456789", "078-05-1120", "AB 12 34 56 C", "", None]
NAMES = [
    "Jane Doe",
    "JANE  DOE",
    "Jos\u00e9 N\u00fa\u00f1ez",
    "Jose\u0301 Nu\u0301n\u0303ez",
    "\u5f20\u4f1f",
    "O\u2019Brien",
    "",
    None,
]
ADDRESSES = ["12 Elm Street, Boston", "12 elm street  Boston", "Stra\u00dfe 5", "", None]
VISITS = ["2024-02-28", "2023-12-31", "1999-01-01", "soon", "", None]
POOLS: dict[str, list[Any]] = {
    "email": EMAILS,
    "phone": PHONES,
    "ssn": SSNS,
    "name": NAMES,
    "address": ADDRESSES,
    "visit_date": VISITS,
    "patient_id": ["p1", "p2", "p3", "", None],
    "amount": [1, 20, 300],
}
FIELDS = ["email", "phone", "ssn", "name", "address", "visit_date"]


@st.composite
def tables(draw: st.DrawFn, *, least: int = 1) -> Rows:
    """Rows with a value from each pool."""
    number = draw(st.integers(least, 12))
    columns = {
        name: draw(st.lists(st.sampled_from(pool), min_size=number, max_size=number)) for name, pool in POOLS.items()
    }
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _columns(rows: Rows) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in POOLS}


SCHEMA = {name: pl.Int64 if name == "amount" else pl.String for name in POOLS}


def as_pandas(rows: Rows) -> Any:
    return pd.DataFrame(_columns(rows)).astype({"amount": "int64"})


def as_polars(rows: Rows) -> Any:
    return pl.DataFrame(_columns(rows), schema=SCHEMA)


def as_arrow(rows: Rows) -> Any:
    types = [(name, pa.int64() if name == "amount" else pa.string()) for name in POOLS]
    return pa.table(_columns(rows), schema=pa.schema(types))


def as_duckdb(rows: Rows) -> Any:
    connection = duckdb.connect()
    columns = ", ".join(f'"{name}" {"bigint" if name == "amount" else "varchar"}' for name in POOLS)
    connection.execute(f"create table people ({columns})")
    if rows:
        connection.executemany(
            f"insert into people values ({', '.join('?' * len(POOLS))})", [[row[n] for n in POOLS] for row in rows]
        )
    return connection.table("people")


FRAMES: dict[str, Callable[[Rows], Any]] = {
    "pandas": as_pandas,
    "polars": as_polars,
    "polars lazy": lambda rows: as_polars(rows).lazy(),
    "pyarrow": as_arrow,
    "duckdb": as_duckdb,
}


def plain(value: Any) -> Any:
    """None for whatever stands for a missing value."""
    return None if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)) else value


def rows_of(frame: Any) -> Rows:
    """The rows of any frame."""
    if isinstance(frame, pl.LazyFrame):
        frame = frame.collect()
    if isinstance(frame, pl.DataFrame):
        return frame.to_dicts()
    if isinstance(frame, pa.Table):
        return frame.to_pylist()
    if isinstance(frame, pd.DataFrame):
        return [{str(k): plain(v) for k, v in row.items()} for row in frame.to_dict("records")]
    return [dict(zip(frame.columns, row, strict=True)) for row in frame.fetchall()]


def _packed(path: Path, text: str) -> Path:
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def write_csv(path: Path, rows: Rows) -> Path:
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t" if ".tsv" in path.suffixes else ",", lineterminator="\n")
    writer.writerow(POOLS)
    writer.writerows(["" if v is None else v for v in row.values()] for row in rows)
    return _packed(path, text.getvalue())


def write_jsonl(path: Path, rows: Rows) -> Path:
    return _packed(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def write_parquet(path: Path, rows: Rows) -> Path:
    pq.write_table(as_arrow(rows), path)
    return path


FILES: dict[str, Callable[[Path, Rows], Path]] = {
    "people.csv": write_csv,
    "people.csv.gz": write_csv,
    "people.tsv": write_csv,
    "people.jsonl": write_jsonl,
    "people.ndjson.gz": write_jsonl,
    "people.parquet": write_parquet,
}


def read(path: Path) -> Rows:
    """The rows of any file; in a CSV nothing and empty text are one."""
    if path.suffix == ".parquet":
        return rows_of(pq.read_table(path))
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    text = data.decode()
    if ".jsonl" in path.suffixes or ".ndjson" in path.suffixes:
        return [json.loads(line) for line in text.splitlines()]
    lines = list(csv.reader(text.splitlines(keepends=True), delimiter="\t" if ".tsv" in path.suffixes else ","))
    rows = [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]
    return [{k: int(v) if k == "amount" else v for k, v in row.items()} for row in rows]
