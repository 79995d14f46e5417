"""Files give the counts of the frames they were written from; what is wrong with one is said in one sentence."""

# ruff: noqa: E501 - one fault per line
from __future__ import annotations

import gzip
import hashlib
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings

from aequo.core.table import Table
from aequo.errors import AequoError, InputError, UnreadableData

from .tables import Columns, as_polars, columns

PEOPLE = pl.DataFrame(
    {
        "sex": ["f", "m", None, "f", "caf\u00e9"],
        "zip": ["02139", "10001", "94110", "02139", "1"],
        "hired": [True, False, True, True, False],
        "y": [1, 0, 1, None, 0],
        "s": [0.1, 0.55, None, 1.0, 0.0],
        "answer": ["yes", "no", "yes", "no", "no"],
    }
)


def write(frame: pl.DataFrame, path: Path) -> Path:
    if path.suffix == ".gz":
        plain = write(frame, path.with_suffix(""))
        path.write_bytes(gzip.compress(plain.read_bytes()))
    elif path.suffix == ".parquet":
        frame.write_parquet(path)
    elif path.suffix in (".jsonl", ".ndjson"):
        frame.write_ndjson(path)
    elif path.suffix == ".json":
        path.write_text(json.dumps(frame.to_dicts()), encoding="utf-8")
    else:
        frame.write_csv(path, separator="\t" if path.suffix == ".tsv" else ",")
    return path


names = pytest.mark.parametrize(
    "name",
    ["p.csv", "p.csv.gz", "p.tsv", "p.tsv.gz", "p.parquet", "p.jsonl", "p.ndjson", "p.jsonl.gz", "p.json", "P.CSV"],
)


@names
def test_a_file_counts_like_the_frame_it_was_written_from(name: str, tmp_path: Path) -> None:
    table = Table.of(write(PEOPLE, tmp_path / name))
    assert table.columns == tuple(PEOPLE.columns)
    for call in ({"group": ["sex", "zip"], "label": "hired", "score": "s"}, {"group": "answer", "label": "y"}):
        assert table.counts(**call) == Table.of(PEOPLE).counts(**call)
    assert [table.kind(c) for c in table.columns] == ["text", "text", "boolean", "number", "number", "text"]
    assert table.missing("answer").missing.tolist() == Table.of(PEOPLE).missing("answer").missing.tolist()
    assert table.sample(99, seed=0)["y"].size == 5
    assert table.source == name


@pytest.mark.parametrize("name", ["p.csv", "p.parquet", "p.jsonl"])
@given(table=columns(kinds=("text", "boolean", "integer", "float", "category", "date")))
@settings(max_examples=15)
def test_random_tables_count_alike_from_files(
    name: str, table: Columns, tmp_path_factory: pytest.TempPathFactory
) -> None:
    frame = as_polars(table)
    if not frame.height and name == "p.jsonl":
        return  # no line, no columns
    path = write(frame, tmp_path_factory.mktemp("files") / name)
    groups = [c for c in frame.columns if c.startswith("g")]
    for call in ({"label": "y", "prediction": "d"}, {"label": "y", "score": "s", "weight": "w"}):
        assert Table.of(path).counts(group=groups, task="binary", **call) == Table.of(frame).counts(
            group=groups, task="binary", **call
        )


def test_a_glob_is_one_table_and_columns_are_matched_by_name(tmp_path: Path) -> None:
    write(PEOPLE[:2], tmp_path / "p1.csv")
    write(PEOPLE[2:].select(reversed(PEOPLE.columns)), tmp_path / "p2.csv")
    table = Table.of(str(tmp_path / "p*.csv"))
    call = {"group": ["sex", "zip"], "label": "y", "score": "s"}
    assert table.counts(**call) == Table.of(PEOPLE).counts(**call)
    assert table.source == "2 files, p1.csv to p2.csv"
    assert list(table.files) == ["p1.csv", "p2.csv"]


def test_a_column_that_a_file_lacks_is_missing_there(tmp_path: Path) -> None:
    write(PEOPLE.select("sex", "y"), tmp_path / "p1.parquet")
    write(PEOPLE.select("sex"), tmp_path / "p2.parquet")
    counts = Table.of(tmp_path / "*.parquet").counts(group="sex", label="y")
    assert counts.rows == 10 and counts.select("y", None).rows == 6


def test_files_are_named_by_the_digest_of_their_bytes(tmp_path: Path) -> None:
    path = write(PEOPLE, tmp_path / "p.csv")
    digest = "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()
    table = Table.of(path)
    assert table.files == {"p.csv": digest}
    path.unlink()
    assert table.files == {"p.csv": digest}
    assert Table.of(PEOPLE).files == {}


def test_the_same_name_in_two_folders_is_told_apart(tmp_path: Path) -> None:
    for folder in ("2024", "2025"):
        (tmp_path / folder).mkdir()
        write(PEOPLE, tmp_path / folder / "p.csv")
    assert list(Table.of(tmp_path / "*" / "p.csv").files) == ["p.csv", "2025/p.csv"]


@pytest.mark.parametrize("name", ["we[1]rd.csv", "it's.csv", "a b.csv", "star*.csv", "caf\u00e9.csv", "what?.csv"])
def test_names_with_magic_in_them_are_only_names(name: str, tmp_path: Path) -> None:
    write(PEOPLE, tmp_path / name)
    write(PEOPLE[:1], tmp_path / "we1rd.csv")
    write(PEOPLE[:1], tmp_path / "star2.csv")
    write(PEOPLE[:1], tmp_path / "whats.csv")
    assert Table.of(tmp_path / name).counts().rows == 5


# -- what CSV leaves open ---------------------------------------------------------------------------------------------


def csv(tmp_path: Path, text: str | bytes, name: str = "p.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_a_late_value_decides_the_type_of_the_whole_column(tmp_path: Path) -> None:
    rows = "".join(f"{i % 3},1\n" for i in range(50_000)) + "01,1\n1.0,1\n"
    counts = Table.of(csv(tmp_path, "g,y\n" + rows)).counts(group="g", label="y")
    assert set(counts.dims[0].levels) == {"0", "1", "2", "01", "1.0"}


def test_words_stay_words_but_true_and_false_are_booleans(tmp_path: Path) -> None:
    table = Table.of(csv(tmp_path, "a,b,c,d\nyes,TRUE,t,01/02/2020\nno,false,f,03/02/2020\n"))
    counts = table.counts(group=["a", "b", "c", "d"])
    assert [d.levels for d in counts.dims] == [
        ("no", "yes"),
        ("False", "True"),
        ("f", "t"),
        ("01/02/2020", "03/02/2020"),
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_seen_in_the_header(delimiter: str, tmp_path: Path) -> None:
    lines = [["sex", '"a, b; c"', "y"], ["f", '"x;,|\t"', "1"], ["m", '"say ""hi"""', "0"]]
    path = csv(tmp_path, "\n".join(delimiter.join(line) for line in lines))
    assert Table.of(path).columns == ("sex", "a, b; c", "y")
    assert Table.of(path).counts(group="sex", label="y").rows == 2


def test_byte_order_marks_carriage_returns_and_blank_lines_are_no_trouble(tmp_path: Path) -> None:
    table = Table.of(csv(tmp_path, b"\xef\xbb\xbfsex,y\r\nf,1\r\n\r\nm,0\r\n"))
    assert table.columns == ("sex", "y") and table.counts(group="sex", label="y").rows == 2


def test_line_breaks_in_quotes_are_kept(tmp_path: Path) -> None:
    counts = Table.of(csv(tmp_path, 'g,y\n"one\ntwo",1\n"three",0\n')).counts(group="g", label="y")
    assert counts.dims[0].levels == ("one\ntwo", "three")


def test_texts_that_mean_missing_do_not_make_text_of_numbers(tmp_path: Path) -> None:
    table = Table.of(csv(tmp_path, "g,s\na,0.5\n?,?\nb,NA\n"), missing=("", "?", "NA"))
    assert table.kind("s") == "number"
    assert table.missing((), ["g", "s"]).missing.tolist() == [[1, 2]]


def test_other_encodings_can_be_named(tmp_path: Path) -> None:
    text = "g,y\ncaf\u00e9,1\n"
    for encoding in ("latin-1", "utf-16"):
        path = csv(tmp_path, text.encode(encoding))
        assert Table.of(path, encoding=encoding).counts(group="g").dims[0].levels == ("caf\u00e9",)


def test_a_header_without_rows_is_a_table_without_rows(tmp_path: Path) -> None:
    table = Table.of(csv(tmp_path, "sex,y\n"))
    assert table.columns == ("sex", "y") and table.counts(group="sex", label="y").rows == 0


def test_a_large_text_file_is_parsed_in_place_with_the_same_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(PEOPLE, tmp_path / "p.csv")
    kept = Table.of(path)
    monkeypatch.setattr("aequo.core.read._IN_MEMORY", 0)
    in_place = Table.of(path)
    call = {"group": ["sex", "zip"], "label": "hired", "score": "s"}
    assert kept.counts(**call) == in_place.counts(**call)
    assert [in_place.kind(c) for c in in_place.columns] == [kept.kind(c) for c in kept.columns]


# -- faults -----------------------------------------------------------------------------------------------------------

SECRET = "Jane Roe"
Maker = Callable[[Path], Path | str]
FAULTS: dict[str, tuple[Maker, str]] = {
    "absent": (lambda d: d / "loan.csv", "there is no file 'loan.csv'. Did you mean 'loans.csv'"),
    "absent folder": (lambda d: d / "no" / "loan.csv", "there is no file 'loan.csv'"),
    "folder": (lambda d: d, "is a folder; give a file, or a glob"),
    "no match": (lambda d: d / "*.parquet", r"no file matches '\*.parquet'"),
    "web address": (lambda d: "https://example.org/loans.csv", "only files on this machine"),
    "empty": (lambda d: csv(d, ""), r"p.csv is empty \(0 bytes\)"),
    "empty packed": (lambda d: csv(d, gzip.compress(b""), "p.csv.gz"), "first line is blank"),
    "blank": (lambda d: csv(d, "\n\n"), "first line is blank"),
    "unknown ending": (lambda d: csv(d, "a,b\n1,2\n", "p.xlsx"), "p.xlsx: cannot tell the format"),
    "no ending": (lambda d: csv(d, "a,b\n1,2\n", "data"), "data: cannot tell the format"),
    "two kinds": (lambda d: [csv(d, "a\n1\n", "q1.csv"), csv(d, '{"a":1}\n', "q1.jsonl")] and d / "q1.*", "different kinds"),
    "two delimiters": (lambda d: [csv(d, "a,b\n1,2\n", "q1.csv"), csv(d, "a;b\n1;2\n", "q2.csv")] and d / "q*.csv", "different delimiters"),
    "same name twice": (lambda d: csv(d, f"a,b,a\n1,2,{SECRET}\n"), "two columns named 'a'"),
    "same name but for case": (lambda d: csv(d, "Sex,sex\n1,2\n"), "two columns named 'sex'"),
    "long row": (lambda d: csv(d, f"a,b\n1,2\n{SECRET},4,5\n6,7\n"), "p.csv, line 3: 3 values, but the header names 2"),
    "short row": (lambda d: csv(d, f"a,b,c\n1,2,3\n{SECRET},5\n6,7,8\n"), "p.csv, line 3: 2 values, but the header names 3"),
    "late long row": (lambda d: csv(d, "a,b\n" + "1,2\n" * 60_000 + f"{SECRET},4,5\n"), "line 60002: 3 values"),
    "open quote": (lambda d: csv(d, f'a,b\n1,2\n"{SECRET},4\n5,6\n'), "p.csv, line 4|p.csv cannot be read as CSV"),
    "Latin-1": (lambda d: csv(d, b"a,b\nx,1\ncaf\xe9,2\n"), "p.csv is not utf-8 text: byte 0xE9 near position 11.*latin-1"),
    "Latin-1 header": (lambda d: csv(d, b"caf\xe9,b\nx,1\n"), "p.csv is not utf-8 text: byte 0xE9 near position 3"),
    "late Latin-1": (lambda d: csv(d, b"a,b\n" + b"x,1\n" * 700_000 + b"caf\xe9,2\n"), "0xE9 near position 2,800,007"),
    "Latin-1, packed": (lambda d: csv(d, gzip.compress(b"a,b\ncaf\xe9,2\n"), "p.csv.gz"), "not utf-8 text: byte 0xE9"),
    "UTF-16": (lambda d: csv(d, f"a,b\n{SECRET},1\n".encode("utf-16")), "p.csv is not utf-8 text: byte 0xFF near position 0"),
    "bytes": (lambda d: csv(d, bytes(range(256)) * 20), "p.csv"),
    "not gzip": (lambda d: csv(d, f"a,b\n{SECRET},2\n", "p.csv.gz"), "p.csv.gz is not a whole gzip file"),
    "cut gzip": (lambda d: csv(d, gzip.compress(os.urandom(9000).hex().encode())[:-999], "p.csv.gz"), "p.csv.gz"),
    "not Parquet": (lambda d: csv(d, f"a,b\n{SECRET},2\n", "p.parquet"), "p.parquet is not a Parquet file"),
    "tiny Parquet": (lambda d: csv(d, "PAR1", "p.parquet"), "p.parquet"),
    "cut Parquet": (lambda d: csv(d, write(PEOPLE, d / "whole.parquet").read_bytes()[:-20], "p.parquet"), "p.parquet is not a Parquet"),
    "spoilt Parquet": (lambda d: csv(d, b"PAR1" + b"\x00" * 400 + b"PAR1", "p.parquet"), "p.parquet cannot be read as Parquet"),
    "cut JSON": (lambda d: csv(d, f'{{"a": 1}}\n{{"a": "{SECRET}\n', "p.jsonl"), "p.jsonl is not JSON with one record per line"),
    "CSV as JSON": (lambda d: csv(d, f"a,b\n{SECRET},2\n", "p.jsonl"), "p.jsonl"),
}  # fmt: skip


@pytest.mark.parametrize("fault", list(FAULTS))
def test_a_file_that_cannot_be_read_is_said_in_one_sentence(fault: str, tmp_path: Path) -> None:
    make, message = FAULTS[fault]
    (tmp_path / "loans.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    path = make(tmp_path)
    with pytest.raises(InputError, match=message) as caught:
        Table.of(path).counts()
    said = str(caught.value)
    assert SECRET not in said and "\n" not in said
    assert str(tmp_path) not in said, "only the file's name is told"


def test_a_file_that_nobody_may_read_is_said(tmp_path: Path) -> None:
    path = csv(tmp_path, "a,b\n1,2\n")
    path.chmod(0)
    if os.access(path, os.R_OK):
        path.chmod(0o600)
        return  # the superuser may read everything
    with pytest.raises(UnreadableData, match="p.csv cannot be read: Permission denied"):
        Table.of(path)


def test_a_value_spoilt_after_opening_is_said_without_the_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aequo.core.read._IN_MEMORY", 0)
    path = csv(tmp_path, "a,b\n1,2\n3,4\n")
    table = Table.of(path)
    path.write_text(f"a,b\n1,2\n3,{SECRET},5\n", encoding="utf-8")
    with pytest.raises(UnreadableData, match="line 3: 3 values") as caught:
        table.counts(group=["a", "b"])
    assert SECRET not in str(caught.value) and caught.value.__cause__ is None


def test_a_million_groups_in_a_file_are_refused_after_a_look(tmp_path: Path) -> None:
    path = tmp_path / "ids.parquet"
    pl.select(id=pl.int_range(1_000_000), y=pl.lit(1)).write_parquet(path)
    with pytest.raises(InputError, match="'id' has more than 1,000 distinct values"):
        Table.of(path).counts(group="id", label="y")


def test_the_folder_for_spilling_goes_with_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    table = Table.of(write(PEOPLE, tmp_path / "p.csv"))
    assert len(list((tmp_path / "tmp").iterdir())) == 1
    del table
    assert not list((tmp_path / "tmp").iterdir())
    with pytest.raises(AequoError):
        Table.of(csv(tmp_path, "a,b\n1\n"))
    assert not list((tmp_path / "tmp").iterdir())


def _run(code: str, **options: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_reading_leaves_no_word_behind_and_imports_no_frame_library(tmp_path: Path) -> None:
    path = write(PEOPLE, tmp_path / "p.csv")
    process = _run(f"""
        import sys
        from aequo.core.table import Table
        table = Table.of({str(path)!r})
        counts = table.counts(group="sex", label="y", score="s")
        table.missing("sex"), table.sample(3, seed=0), table.duplicate_counts("sex")
        for absent in ("pandas", "polars", "pyarrow"):
            assert absent not in sys.modules, absent
    """)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, "", "")


def test_an_interrupt_stops_a_long_count_at_once(tmp_path: Path) -> None:
    path = tmp_path / "long.parquet"
    frame = pl.select(g=pl.int_range(3_000_000) % 7, x=pl.int_range(3_000_000).cast(pl.String))
    frame.write_parquet(path)
    process = _run(f"""
        import sys, time
        from aequo.core.table import Table
        table = Table.of({str(path)!r})
        table.counts()
        print("ready", flush=True)
        try:
            while True:
                table.duplicate_counts("g", ["x"])
        except KeyboardInterrupt:
            print("stopped", flush=True)
    """)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    threading.Event().wait(0.7)
    process.send_signal(signal.SIGINT)
    asked = time.monotonic()
    out, err = process.communicate(timeout=60)
    assert (out, err) == ("stopped\n", "")
    assert time.monotonic() - asked < 30
