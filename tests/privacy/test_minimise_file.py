"""Files with the required columns alone: values as they were written, streamed, whole or not at all."""

from __future__ import annotations

import errno
import gzip
import json
import os
import tracemalloc
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aequo.errors import InputError, OutputError, UnknownColumn, UnreadableData
from aequo.privacy.minimisation.file import minimise_file
from aequo.privacy.minimisation.minimise import minimize

CELL = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=8)


# -- laws


@given(
    rows=st.lists(st.tuples(CELL, CELL, CELL), max_size=6), required=st.sampled_from([["b"], ["c", "a"], ["a", "b"]])
)
def test_a_csv_keeps_every_value_as_it_was(
    rows: list[tuple[str, ...]], required: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    import csv

    folder = tmp_path_factory.mktemp("csv")
    with (folder / "in.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["a", "b", "c"], *rows])
    small = minimise_file(folder / "in.csv", folder / "out.csv", required=required)
    with small.data.open(newline="", encoding="utf-8") as file:
        got = list(csv.reader(file))
    positions = [i for i, name in enumerate("abc") if name in required]
    assert got == [["abc"[i] for i in positions], *([row[i] for i in positions] for row in rows)]
    assert small.rows == len(rows)
    assert set(small.dropped) == set("abc") - set(required)


NUMBER = st.floats(allow_nan=False, allow_infinity=False)
NESTED = st.fixed_dictionaries({"d": NUMBER, "e": st.none()})
RECORD = st.fixed_dictionaries({"a": st.integers(), "b": st.text(), "c": NESTED})


@given(records=st.lists(RECORD, max_size=5))
def test_json_lines_are_minimised_as_records_are(records: list[dict], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("json")
    (folder / "in.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records) or "\n", encoding="utf-8")
    small = minimise_file(folder / "in.jsonl", folder / "out.jsonl", required=["a", "c.d"])
    got = [json.loads(line) for line in small.data.read_text(encoding="utf-8").splitlines()]
    assert got == minimize(records, required=["a", "c.d"]).data
    assert set(small.dropped) == ({"b", "c.e"} if records else set())


# -- values are copied, not parsed


def test_numbers_keep_their_digits_in_csv_and_json(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("id;x;y\n0123456789012345678901;1.50;a\n01;1e5;b\n", encoding="utf-8")
    assert minimise_file(tmp_path / "in.csv", tmp_path / "o.csv", required=["id", "x"]).data.read_text() == (
        "id;x\n0123456789012345678901;1.50\n01;1e5\n"
    )
    (tmp_path / "in.jsonl").write_text('{"id": 12345678901234567890123, "x": 1.50, "n": {"v": 1e400}}\n\n')
    kept = minimise_file(tmp_path / "in.jsonl", tmp_path / "o.jsonl", required=["id", "x", "n.v"]).data.read_text()
    assert kept == '{"id":12345678901234567890123,"x":1.50,"n":{"v":1e400}}\n'


@pytest.mark.parametrize(("ending", "packed"), [(".csv", False), (".csv.gz", True), (".tsv", False)])
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "utf-16"])
def test_delimiter_encoding_and_packing_are_kept(ending: str, packed: bool, encoding: str, tmp_path: Path) -> None:
    mark = "\t" if ending == ".tsv" else ","
    text = f"näme{mark}b\nJosé{mark}1\n".encode(encoding)
    (tmp_path / f"in{ending}").write_bytes(gzip.compress(text) if packed else text)
    out = minimise_file(tmp_path / f"in{ending}", tmp_path / f"o{ending}", required="näme", encoding=encoding).data
    raw = gzip.decompress(out.read_bytes()) if packed else out.read_bytes()
    assert raw.decode(encoding) == "näme\nJosé\n"


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes(b"\xef\xbb\xbfage,name\n1,Ada\n")
    assert minimise_file(tmp_path / "in.csv", tmp_path / "o.csv", required="age").data.read_text() == "age\n1\n"


def test_parquet_keeps_types_and_order(tmp_path: Path) -> None:
    with duckdb.connect() as connection:
        query = "SELECT i AS id, i::DECIMAL(20,3) AS d, [i, i] AS l, {'a': i} AS \"s t\", DATE '2020-01-01' AS day"
        connection.execute(f"COPY ({query} FROM range(300000) r(i)) TO '{tmp_path / 'in.parquet'}'")
        small = minimise_file(tmp_path / "in.parquet", tmp_path / "o.parquet", required=["s t", "d", "l"])
        wanted = connection.sql(f"SELECT d, l, \"s t\" FROM '{tmp_path / 'in.parquet'}'")
        got = connection.sql(f"FROM '{tmp_path / 'o.parquet'}'")
        assert got.columns == wanted.columns and got.types == wanted.types
        assert got.fetchall() == wanted.fetchall()
    assert small.rows == 300_000 and small.dropped == ("id", "day")


def test_a_file_is_streamed_and_never_held(tmp_path: Path) -> None:
    line = "Ada Lovelace,36," + "x" * 200 + "\n"
    with (tmp_path / "in.csv").open("w") as file:
        file.write("name,age,note\n")
        file.writelines(line for _ in range(40_000))
    tracemalloc.start()
    small = minimise_file(tmp_path / "in.csv", tmp_path / "o.csv", required="age")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert small.rows == 40_000
    assert peak < 1_000_000 < (tmp_path / "in.csv").stat().st_size


# -- faults


@pytest.mark.parametrize(
    ("name", "content", "match"),
    [
        ("in.csv", b"a,b\n1,2\nAda,secret,3\n", "in.csv, line 3: 3 values, but the header names 2 columns"),
        ("in.csv", b'a,b\n1,"2\n', "in.csv, line 2: unexpected end of data"),
        ("in.csv", b"\n1,2\n", "the first line is blank"),
        ("in.csv", b"a,b\n\xff,2\n", "in.csv is not utf-8 text"),
        ("in.csv", b"", "empty"),
        ("in.csv.gz", b"a,b\n1,2\n", "not a whole gzip file"),
        ("in.jsonl", b'{"a": 1}\n["Ada"]\n', "in.jsonl, line 2: expected one JSON record"),
        ("in.jsonl", b'{"a": secret}\n', "in.jsonl, line 1: expected one JSON record"),
        ("in.parquet", b"PAR1 not really", "not a Parquet file"),
    ],
)
def test_a_source_that_is_not_what_it_says_is_told_without_its_content(
    name: str, content: bytes, match: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnreadableData, match=match) as error:
        minimise_file(tmp_path / name, tmp_path / name.replace("in", "out"), required="a")
    assert "Ada" not in str(error.value) and "secret" not in str(error.value)
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_a_file_that_is_absent_is_looked_for_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("a\n1\n")
    with pytest.raises(UnreadableData, match="Did you mean 'people.csv'?"):
        minimise_file(tmp_path / "peple.csv", tmp_path / "o.csv", required="a")
    (tmp_path / "d.csv").mkdir()
    with pytest.raises(UnreadableData, match="folder"):
        minimise_file(tmp_path / "d.csv", tmp_path / "o.csv", required="a")


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_an_absent_column_leaves_no_file(ending: str, tmp_path: Path) -> None:
    source = tmp_path / f"in.{ending}"
    with duckdb.connect() as connection:
        form = {"jsonl": "json"}.get(ending, ending)
        connection.execute(f"COPY (SELECT 1 AS age, 2 AS sex) TO '{source}' (FORMAT {form})")
    with pytest.raises(UnknownColumn, match="'agee'.*age, sex. Did you mean 'age'?"):
        minimise_file(source, tmp_path / f"o.{ending}", required="agee")
    assert list(tmp_path.iterdir()) == [source]


def test_a_file_whose_name_tells_no_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in.xlsx").write_bytes(b"PK")
    with pytest.raises(InputError, match="cannot tell the format"):
        minimise_file(tmp_path / "in.xlsx", tmp_path / "o.xlsx", required="a")


def test_a_file_that_is_there_is_replaced_only_where_that_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("a,b\n1,2\n")
    (tmp_path / "o.csv").write_text("old")
    with pytest.raises(OutputError, match="o.csv is there already"):
        minimise_file(tmp_path / "in.csv", tmp_path / "o.csv", required="a")
    assert (tmp_path / "o.csv").read_text() == "old"
    minimise_file(tmp_path / "in.csv", tmp_path / "o.csv", required="a", overwrite=True)
    assert (tmp_path / "o.csv").read_text() == "a\n1\n"


def test_the_source_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("a,b\n1,2\n")
    (tmp_path / "link.csv").symlink_to(tmp_path / "in.csv")
    for out in ("in.csv", "link.csv", "../" + tmp_path.name + "/in.csv"):
        with pytest.raises(InputError, match="the source itself"):
            minimise_file(tmp_path / "in.csv", tmp_path / out, required="a", overwrite=True)
    with pytest.raises(InputError, match="another format"):
        minimise_file(tmp_path / "in.csv", tmp_path / "o.parquet", required="a")
    assert (tmp_path / "in.csv").read_text() == "a,b\n1,2\n"


def test_a_full_disk_leaves_the_old_file_and_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in.csv").write_text("a,b\n1,2\n")
    (tmp_path / "o.csv").write_text("old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="o.csv cannot be written: No space left on device"):
        minimise_file(tmp_path / "in.csv", tmp_path / "o.csv", required="a", overwrite=True)
    assert (tmp_path / "o.csv").read_text() == "old"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.csv", "o.csv"]


def test_a_folder_that_is_not_there_is_found_before_the_source_is_read(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("a,b\n1,2\n")
    with pytest.raises(OutputError, match="there is no folder"):
        minimise_file(tmp_path / "in.csv", tmp_path / "none" / "o.csv", required="a")
