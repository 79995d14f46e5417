"""Every block of the README and of docs/ runs, in order, in a directory of its own for each page.

What a block is, by the word after its fence:

``python``
    Runs; the page's blocks share their names. Tests in it (``def test_...``) are run by pytest.
``console``
    Each line after ``$`` runs; lines below it are what it prints, where there are any. ``...`` stands for anything.
``sh``
    As console, without ``$`` and without output.
``toml``
    A policy that must be accepted. ``json`` must parse.
``text``
    Right after a block that runs: what it prints. Elsewhere, a drawing.
``pycon``
    In the reference only: examples of docstrings, which the doctests run.

What would change the machine (``make``, ``pip install``) is not run; that its target or extra exists is checked.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^(?P<mark>```+)(?P<kind>\w*)\n(?P<body>.*?)^(?P=mark)\n", re.MULTILINE | re.DOTALL)
KINDS = {"python", "console", "sh", "toml", "json", "text", "pycon"}
VERDICTS = {0, 1, 3}


@dataclass(frozen=True)
class Block:
    kind: str
    body: str
    line: int
    output: str | None  # of the `text` block right below


def blocks(text: str) -> Iterator[Block]:
    found = list(FENCE.finditer(text))
    for index, m in enumerate(found):
        below = found[index + 1] if index + 1 < len(found) else None
        follows = below is not None and below["kind"] == "text" and not text[m.end() : below.start()].strip()
        output = below["body"] if follows and below is not None else None
        yield Block(m["kind"], m["body"], text.count("\n", 0, m.start()) + 2, output)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory with the example files that pages may name, and `aequo` and `python` on the path."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, call in {"aequo": "-m aequo", "python": ""}.items():
        (tools / name).write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {call} "$@"\n', encoding="utf-8")
        (tools / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    for name, value in {"COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb", "PYTHONWARNINGS": "error"}.items():
        monkeypatch.setenv(name, value)
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    _decisions(here)
    return here


def _decisions(folder: Path) -> None:
    """Write decisions.parquet and decisions.csv: the columns that the pages speak of, nothing more."""
    import duckdb

    query = """
        select case when hash(i) % 10 < 6 then 'yes' else 'no' end as repaid,
               case when hash(i + 1) % 10 < 5 then 'yes' else 'no' end as approved,
               ['asian', 'black', 'white'][1 + (hash(i + 2) % 3)::int] as race,
               ['f', 'm'][1 + (hash(i + 3) % 2)::int] as sex
        from range(3000) t(i)
    """
    with duckdb.connect() as connection:
        for name in ("decisions.parquet", "decisions.csv"):
            connection.execute(f"copy ({query}) to '{folder / name}'")


def same(expected: str, got: str) -> bool:
    def trim(text: str) -> str:
        return "\n".join(line.rstrip() for line in text.strip("\n").splitlines()) + "\n"

    return doctest.OutputChecker().check_output(trim(expected), trim(got), doctest.ELLIPSIS)


def run_python(block: Block, names: dict[str, object], where: str, folder: Path) -> str:
    if re.search(r"^def test_", block.body, re.MULTILINE):
        path = folder / f"test_line_{block.line}.py"
        path.write_text(block.body, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", path.name],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{where}\n{done.stdout}{done.stderr}"
        return done.stdout
    # The line numbers of a traceback are those of the page.
    code = compile("\n" * (block.line - 1) + block.body, where, "exec")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(code, names)
    return printed.getvalue()


def commands(block: Block) -> Iterator[tuple[str, str]]:
    """Yield each command with the output that the page shows below it."""
    text = re.sub(r"\\\n\s*(> )?", " ", block.body)
    if block.kind == "sh":
        for line in text.splitlines():
            if line.strip() and not line.startswith("#"):
                yield line, ""
        return
    command, shown = "", ""
    for line in text.splitlines(keepends=True):
        if line.startswith("$ "):
            if command:
                yield command, shown
            command, shown = line[2:].strip(), ""
        else:
            shown += line
    if command:
        yield command, shown


def run_command(command: str, where: str) -> str:
    words = shlex.split(command, comments=True)
    if words[0] == "make":
        done = subprocess.run(["make", "-n", "-C", str(ROOT), *words[1:]], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{where}: {done.stderr}"
        return ""
    if words[:2] == ["pip", "install"]:
        for asked in re.findall(r"aequo\[([\w,]+)\]", command):
            assert set(asked.split(",")) <= EXTRAS, f"{where}: there is no extra {asked}"
        return ""
    done = subprocess.run(
        ["sh", "-c", command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        check=False,
        encoding="utf-8",
    )
    allowed = VERDICTS if words[0] == "aequo" and words[1] in ("assess", "demo") else {0}
    assert done.returncode in allowed, f"{where}: {command} ended with {done.returncode}\n{done.stdout}"
    return done.stdout


EXTRAS = set(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"])


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_block_of_a_page_runs(page: Path, place: Path) -> None:
    text = page.read_text(encoding="utf-8")
    names: dict[str, object] = {"__name__": "__main__"}
    in_reference = page.parent.name == "reference"
    for block in blocks(text):
        where = f"{page.relative_to(ROOT)}:{block.line}"
        assert block.kind in KINDS, f"{where}: a block of kind {block.kind!r}, expected one of {sorted(KINDS)}"
        printed = None
        if block.kind == "python":
            printed = run_python(block, names, where, place)
        elif block.kind in ("console", "sh"):
            printed = ""
            for command, shown in commands(block):
                out = run_command(command, where)
                printed += out
                assert not shown.strip() or same(shown, out), f"{where}: {command}\nshown:\n{shown}\nreal:\n{out}"
        elif block.kind == "toml":
            from aequo import Policy

            Policy.parse(block.body, source=where)
        elif block.kind == "json":
            json.loads(block.body)
        elif block.kind == "pycon":
            assert in_reference, f"{where}: examples of docstrings belong to the reference; use python"
        if block.output is not None and printed is not None:
            assert same(block.output, printed), f"{where}\nshown:\n{block.output}\nreal:\n{printed}"


def test_a_block_that_fails_or_shows_something_else_is_found(place: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        run_python(Block("python", "1 / 0\n", 1, None), {}, "x.md:1", place)
    with pytest.raises(AssertionError, match="ended with 7"):
        run_command("sh -c 'exit 7'", "x.md:1")
    with pytest.raises(AssertionError, match="no-such-target"):
        run_command("make no-such-target", "x.md:1")
    with pytest.raises(AssertionError, match="no extra"):
        run_command("pip install 'aequo[nonsense]'", "x.md:1")
    assert not same("1\n2\n", "1\n3\n")
    assert same("1\n...\n3\n", "1\n2\n3\n")
    shown = Block("console", "$ echo a \\\n    b\na b\n$ true\n", 1, None)
    assert list(commands(shown)) == [("echo a  b", "a b\n"), ("true", "")]
