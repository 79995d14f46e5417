"""Files: as they were but for the fields, whole or not at all, and errors that hold nobody's data."""

from __future__ import annotations

import csv
import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from aequo.errors import AequoError, InputError, OutputError, UnknownColumn, UnreadableData
from aequo.ledger.keys import KeyRing
from aequo.privacy.pseudonyms.pseudonymiser import Pseudonymiser, pseudonymise

KEY = KeyRing({1: bytes(32)})
SECRET = "zaphod@magrathea.example"


def hide(**options: Any) -> Pseudonymiser:
    return Pseudonymiser(KEY, ["email"], **{"unknown": "ignore", **options})


def token(value: str) -> str:
    return str(hide().value("email", value))


def rewritten(folder: Path, name: str, content: bytes, **options: Any) -> bytes:
    source = folder / name
    source.write_bytes(content)
    return hide().file(source, folder / f"out-{name}", **options).data.read_bytes()


# -- what is not a field stays byte for byte


@pytest.mark.parametrize(
    ("name", "before"),
    [
        ("a.csv", 'id,email,note\n01,{},"a, ""quoted"" word"\n2,,"two\nlines"\n'),
        ("crlf.csv", "email,n\r\n{},1.10\r\n,2\r\n"),
        ("semicolon.csv", "n;email\n1,5;{}\n"),
        ("tab.tsv", "n\temail\n1,5;\t{}\n"),
        ("bom.csv", "\ufeffemail,n\n{},é\n"),
        ("empty.csv", "email,n\n"),
        ("lines.jsonl", '{{"id":1.10,"email":"{}","tags":["ü",null,true],"big":12345678901234567890}}\n'),
    ],
)
def test_all_but_the_fields_stays_as_it_is_written(name: str, before: str, tmp_path: Path) -> None:
    after = rewritten(tmp_path, name, before.format("a@x.org").encode())
    assert after == before.format(token("a@x.org")).encode()


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_other_encodings_stay(encoding: str, tmp_path: Path) -> None:
    content = "name,email\nJosé,a@x.org\n".encode(encoding)
    after = rewritten(tmp_path, "a.csv", content, encoding=encoding).decode(encoding)
    assert after == f"name,email\nJosé,{token('a@x.org')}\n"


def test_gzip_comes_out_as_gzip_with_the_same_bytes_each_time(tmp_path: Path) -> None:
    one = rewritten(tmp_path, "a.csv.gz", gzip.compress(b"email\na@x.org\n"))
    two = rewritten(tmp_path, "a.csv.gz", gzip.compress(b"email\na@x.org\n"), overwrite=True)
    assert gzip.decompress(one).decode() == f"email\n{token('a@x.org')}\n"
    assert one == two


def test_a_parquet_file_keeps_its_types_its_order_and_its_nested_columns(tmp_path: Path) -> None:
    source = tmp_path / "a.parquet"
    with duckdb.connect() as connection:
        connection.execute(
            f"copy (select i, 'u' || (i % 900) || '@x.org' as email, i::decimal(18,2) as d, [i, i + 1] as l, "
            f"{{'a': i}} as s, date '2020-01-01' + (i % 1000)::int as day, i::utinyint as small "
            f"from range(250) t(i)) to '{source}'"
        )
        hide().file(source, tmp_path / "out.parquet")
        before, after = (
            connection.execute(f"from read_parquet('{tmp_path / n}')").fetchall() for n in ("a.parquet", "out.parquet")
        )
        types = [
            connection.execute(f"describe from read_parquet('{tmp_path / n}')").fetchall()
            for n in ("a.parquet", "out.parquet")
        ]
    assert types[0] == types[1]
    assert [(r[0], *r[2:]) for r in after] == [(r[0], *r[2:]) for r in before]
    assert [r[1] for r in after] == [token(r[1]) for r in before]


def test_nested_records_are_gone_through() -> None:
    record = {
        "user": {"email": "a@x.org", "tags": ["vip"]},
        "cc": [{"email": "b@x.org"}, {"email": None}],
        "emails": ["c@x.org", ""],
    }
    after = Pseudonymiser(KEY, unknown="ignore").record(record).data
    assert after == {
        "user": {"email": token("a@x.org"), "tags": ["vip"]},
        "cc": [{"email": token("b@x.org")}, {"email": None}],
        "emails": [token("c@x.org"), ""],
    }
    result = Pseudonymiser(KEY, ["user.email"]).record(record)
    assert result.data["user"]["email"] == token("a@x.org")
    assert {c.column for c in result.report.personal} == {"cc.email", "emails"}


def test_a_structure_that_is_a_field_is_replaced_value_by_value() -> None:
    made = Pseudonymiser(KEY).record({"address": {"street": "12 Elm Street", "lines": ["a", "b"], "no": None}}).data
    assert made["address"]["street"].startswith("p1_")
    assert [v[:3] for v in made["address"]["lines"]] == ["p1_", "p1_"]
    assert made["address"]["no"] is None


# -- the report


def test_the_report_says_what_was_replaced_and_what_looks_personal(tmp_path: Path) -> None:
    source = tmp_path / "a.csv"
    source.write_text("email,day,who,note\na@x.org,2024-01-01,p1,\n,soon,p2,ring 617-555-0123\nb@x.org,2024-01-01,,\n")
    result = pseudonymise(
        source,
        {"email": None, "day": "date", "who": None},
        key=KEY,
        out=tmp_path / "out.csv",
        form="preserving",
        person="who",
    )
    plain = result.report.to_dict()
    assert [(c["column"], c["form"], c["values"], c["missing"], c["lost"]) for c in plain["replaced"]] == [
        ("email", "preserving", 2, 1, 0),
        ("day", "shifted", 3, 0, 2),
        ("who", "preserving", 2, 1, 0),
    ]
    assert [(c["column"], c["kind"], c["share"], c["n"]) for c in plain["personal"]] == [
        ("note", "text with phones", 1.0, 1)
    ]
    assert json.loads(result.report.to_json()) == plain
    assert "617" not in result.report.to_json()


def test_a_token_says_how_likely_a_collision_is() -> None:
    (one,) = hide(bits=64).frame(pl.DataFrame({"email": [f"u{i}" for i in range(1000)]})).report.replaced
    assert one.collision == 1000 * 999 / 2**65


# -- faults


def test_nothing_is_overwritten_unless_asked(tmp_path: Path) -> None:
    source, target = tmp_path / "a.csv", tmp_path / "b.csv"
    source.write_text("email\na@x.org\n")
    target.write_text("precious")
    with pytest.raises(OutputError, match="b.csv is there already"):
        hide().file(source, target)
    assert target.read_text() == "precious"
    hide().file(source, target, overwrite=True)
    hide().file(source, source, overwrite=True)
    assert source.read_text() == target.read_text() == f"email\n{token('a@x.org')}\n"


@pytest.mark.parametrize(
    ("name", "content", "error", "says"),
    [
        ("a.csv", b"email,n\nzaphod@magrathea.example\n", UnreadableData, "line 2"),
        ("a.csv", b"email,n\nzaphod@magrathea.example,1,2\n", UnreadableData, "line 2 has 3 fields, expected 2"),
        ("a.csv", b"\nzaphod@magrathea.example\n", UnreadableData, "first line is blank"),
        ("a.csv", b"email,email\na,zaphod@magrathea.example\n", InputError, "two columns named 'email'"),
        ("a.csv", b"email\nzaphod@magrathea.example\xff\n", UnreadableData, "not utf-8 text"),
        ("a.csv", b"email\nzaphod@magrathea.example" + b"x" * 140_000 + b"\n", UnreadableData, "longer than 131,072"),
        ("a.csv.gz", b"email\nzaphod@magrathea.example\n", UnreadableData, "not a gzip file"),
        ("a.csv.gz", gzip.compress(b"email\nzaphod@magrathea.example\n" * 999)[:-20], UnreadableData, "cut short"),
        (
            "a.jsonl",
            b'{"email": "zaphod@magrathea.example"}\n["zaphod@magrathea.example"]\n',
            UnreadableData,
            "line 2 is no JSON record",
        ),
        ("a.jsonl", b'{"email": "zaphod@magrathea.example"\n', UnreadableData, "line 1 is no JSON record"),
        (
            "a.jsonl",
            b'{"mail": "zaphod@magrathea.example"}\n',
            UnknownColumn,
            "no record of a.jsonl has the field 'email'. Did you mean 'mail'",
        ),
        ("a.parquet", b"zaphod@magrathea.example", UnreadableData, "not a Parquet file"),
        (
            "a.csv",
            b"e_mail,n\nzaphod@magrathea.example,1\n",
            UnknownColumn,
            "a.csv has no column 'email'.*Did you mean 'e_mail'",
        ),
        ("a.csv", b"", UnreadableData, "a.csv is empty"),
        ("a.txt", b"zaphod@magrathea.example", InputError, "cannot tell the format"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_sentence_without_data_and_leaves_nothing(
    name: str, content: bytes, error: type[AequoError], says: str, tmp_path: Path
) -> None:
    source = tmp_path / name
    source.write_bytes(content)
    with pytest.raises(error, match=says) as raised:
        hide().file(source, tmp_path / f"out-{name}")
    assert "zaphod" not in str(raised.value)
    assert raised.value.__cause__ is None
    assert [f.name for f in tmp_path.iterdir()] == [name]


def test_wrong_calls_are_one_sentence(tmp_path: Path) -> None:
    source = tmp_path / "a.csv"
    source.write_text("email\na@x.org\n")
    with pytest.raises(UnreadableData, match="there is no file 'b.csv'. Did you mean 'a.csv'"):
        hide().file(tmp_path / "b.csv", tmp_path / "out.csv")
    with pytest.raises(InputError, match="another format"):
        hide().file(source, tmp_path / "out.parquet")
    with pytest.raises(OutputError, match="there is no folder"):
        hide().file(source, tmp_path / "none" / "out.csv")
    with pytest.raises(InputError, match="say where"):
        pseudonymise(source, key=KEY)
    with pytest.raises(InputError, match="only a file is written"):
        pseudonymise({"email": "a"}, key=KEY, out="x")
    with pytest.raises(InputError, match="a int cannot be pseudonymised"):
        pseudonymise(3, key=KEY)
    with pytest.raises(InputError, match="a token has 12 bits"):
        hide(bits=12)
    with pytest.raises(InputError, match="encoding is 'utf8'"):
        hide().file(source, tmp_path / "out.csv", encoding="utf8")
    with pytest.raises(InputError, match="no field is named"):
        Pseudonymiser(KEY, [])


def test_a_key_that_only_wraps_is_told_apart() -> None:
    from aequo.errors import KeyProblem

    class Service:
        def wrap(self, secret: bytes, *, context: bytes) -> bytes:
            return secret

        def unwrap(self, wrapped: bytes, *, context: bytes) -> bytes:
            return wrapped

    with pytest.raises(KeyProblem, match="a key service wraps keys and cannot hash"):
        Pseudonymiser(Service())
    with pytest.raises(KeyProblem, match="no key of version 7; there are 1"):
        hide(version=7)
    assert "\\x00" not in repr(hide())


def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    if (
        os.geteuid() != 0
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", folder], check=False).returncode
    ):
        pytest.skip("only root can mount a small disk")
    try:
        source = tmp_path / "a.csv"
        source.write_text("email\n" + "".join(f"u{i}@x.org\n" for i in range(20_000)))
        with pytest.raises(OutputError, match="out.csv cannot be written: No space left"):
            hide().file(source, folder / "out.csv")
        assert list(folder.iterdir()) == []
    finally:
        subprocess.run(["umount", folder], check=True)


def test_progress_is_told_and_ends_at_the_end(tmp_path: Path) -> None:
    frame = pl.DataFrame({"email": [f"u{i}@x.org" for i in range(30_000)]})
    for write, name in (
        (frame.write_csv, "a.csv"),
        (frame.write_ndjson, "a.jsonl"),
        (frame.write_parquet, "a.parquet"),
    ):
        write(tmp_path / name)
        told: list[tuple[float, int]] = []
        hide().file(
            tmp_path / name,
            tmp_path / f"out-{name}",
            progress=lambda share, rows, told=told: told.append((share, rows)),
        )
        assert told == sorted(told)
        assert all(0 <= share <= 1 for share, _ in told)
        assert told


def test_a_large_file_takes_no_more_memory_than_a_piece_of_it(tmp_path: Path) -> None:
    source = tmp_path / "a.csv"
    with source.open("w") as file:
        file.write("email,note\n")
        for i in range(600_000):
            file.write(f"user{i}@example.org,{'x' * 100}\n")
    code = (
        "import pathlib, re, resource, sys\n"
        "from aequo.privacy.pseudonyms.pseudonymiser import pseudonymise\n"
        "pseudonymise(sys.argv[1], ['email'], key=bytes(32), out=sys.argv[2], unknown='ignore')\n"
        # Linux counts what the process that started this one had into the peak of getrusage, but not into VmHWM.
        "status = pathlib.Path('/proc/self/status')\n"
        "peak = re.search(r'VmHWM:\\s+(\\d+)', status.read_text()) if status.exists() else None\n"
        "print(int(peak[1] if peak else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) // 1024)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, source, tmp_path / "out.csv"], capture_output=True, text=True, check=True
    )
    megabytes = int(done.stdout)
    assert source.stat().st_size > 70_000_000
    assert megabytes < 350


def test_the_base_packages_are_enough(tmp_path: Path) -> None:
    code = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("pandas", "pyarrow", "polars", "scipy", "sklearn"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
import duckdb
from aequo.privacy.pseudonyms.pseudonymiser import pseudonymise
columns = "'u' || i || '@x.org' as email, i as who, date '2020-01-01' as day, 'to a@y.org' as note"
query = f"select {columns} from range(99) t(i)"
fields = {"email": None, "day": "date", "who": "id"}
options = dict(key=bytes(32), form="preserving", person="who")
expected = pseudonymise(duckdb.sql(query), fields, vault="v1", **options).data.fetchall()
for name in ("a.csv", "a.jsonl", "a.parquet"):
    duckdb.execute(f"copy ({query}) to '{name}'")
    result = pseudonymise(name, fields, out=f"o-{name}", vault="v2", **options)
    assert [c.column for c in result.report.personal] == ["note"], result
    got = duckdb.sql(f"select email, who::bigint, day::date, note from 'o-{name}'").fetchall()
    assert [(a, int(b), *c) for a, b, *c in expected] == got, name
"""
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_line_break_in_a_value_breaks_no_row(tmp_path: Path, newline: str) -> None:
    notes = ["a\rb", "a\nb", "a\r\nb", "plain"]
    lines = ["email,note", *(f'u{i}@example.org,"{note}"' for i, note in enumerate(notes))]
    (tmp_path / "a.csv").write_bytes((newline.join(lines) + newline).encode())
    pseudonymise(tmp_path / "a.csv", ["email"], key=bytes(32), out=tmp_path / "b.csv", unknown="ignore")
    with (tmp_path / "b.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert [row[1] for row in rows] == ["note", *notes]
    assert all(row[0].startswith("p1_") for row in rows[1:])
