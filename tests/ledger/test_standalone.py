"""The verifier is one file: it runs where aequo is not, and says yes, no, or that it was called in a wrong way."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import random
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import aequo.ledger.verify
from aequo.ledger import Ledger, write_bundle

from .bundles import VKEY, entries, left_out, made, root, sign
from .samples import change, fill, make

Run = Callable[..., "subprocess.CompletedProcess[str]"]

MEMORY = 700_000_000
"""Bytes of addresses that the process may have: several times what it needs."""


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Call a copy of the file with an interpreter that has cryptography and nothing else."""
    folder = tmp_path_factory.mktemp("auditor")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "env")], check=True)
    packages = folder / "packages"
    packages.mkdir()
    for name in ("cryptography", "_cffi_backend"):
        found = importlib.util.find_spec(name)
        assert found is not None and found.origin is not None
        origin = Path(found.origin)
        there = origin.parent if found.submodule_search_locations else origin
        (packages / there.name).symlink_to(there)
    (site,) = (folder / "env").glob("lib/python*/site-packages")
    (site / "only.pth").write_text(f"{packages}\n", encoding="utf-8")
    shutil.copy(aequo.ledger.verify.__file__, folder / "verify.py")
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()

    def call(*args: object, options: tuple[str, ...] = ("-I",), program: str = "verify.py") -> object:
        return subprocess.run(
            [str(folder / "env" / "bin" / "python"), *options, str(folder / program), *map(str, args)],
            cwd=elsewhere,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": "", "LC_ALL": "C", "PYTHONWARNINGS": "error"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY)),
        )

    (folder / "has_aequo.py").write_text("import aequo\n", encoding="utf-8")
    return call  # type: ignore[return-value]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ledger")


@pytest.fixture(scope="module")
def ledger(place: Path) -> Ledger:
    ledger = make(place, 300)
    (place / "early.note").write_text(ledger.checkpoint(), encoding="utf-8")
    fill(ledger, 20)
    (place / "late.note").write_text(ledger.checkpoint(), encoding="utf-8")
    (place / "desk.pub").write_text(ledger.vkey + "\n", encoding="utf-8")
    write_bundle(ledger, place / "all")
    write_bundle(ledger, place / "some", [3, 4, 310], since=(place / "early.note").read_text(encoding="utf-8"))
    return ledger


def test_aequo_is_not_to_be_had_where_the_file_is_run(run: Run) -> None:
    done = run(program="has_aequo.py")
    assert done.returncode == 1 and "No module named 'aequo'" in done.stderr


def test_it_imports_the_standard_library_and_cryptography_alone() -> None:
    text = Path(aequo.ledger.verify.__file__).read_text(encoding="utf-8")
    imported = {
        line.split()[1].split(".")[0]
        for line in map(str.strip, text.splitlines())
        if line.startswith(("import ", "from "))
    }
    assert imported - set(sys.stdlib_module_names) == {"cryptography"}


def test_an_export_is_accepted_in_one_line_that_says_what_is_not_proven(run: Run, ledger: Ledger, place: Path) -> None:
    done = run(place / "all", ledger.vkey)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "accepted: all 320 entries of example.com/desk, exactly as they were signed. Not proven: that the ledger was "
        "not cut or set back before the export (--checkpoint can show it); that what an entry says is true.\n"
    )
    done = run(place / "some", place / "desk.pub", "--checkpoint", place / "early.note")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "accepted: 3 of 320 entries of example.com/desk, exactly as they were signed; they continue the checkpoint on "
        "300 in the bundle; they continue the checkpoint given, on 300. Not proven: that nothing recorded after the "
        "first 300 was cut off before the export; that what an entry says is true.\n"
    )


def test_an_empty_ledger_is_accepted(run: Run, tmp_path: Path) -> None:
    with make(tmp_path) as ledger:
        write_bundle(ledger, tmp_path / "x")
        done = run(tmp_path / "x", ledger.vkey)
    assert done.returncode == 0 and done.stdout.startswith("accepted: all 0 entries of example.com/desk")


SPOILT = {
    "a changed entry": (
        lambda lines: [*lines[:5], lines[5].replace(b'"n"', b'"m"'), *lines[6:]],
        "do not lead to",
    ),
    "a dropped entry": (lambda lines: lines[:5] + lines[6:], "ends after 319 entries, and 320 were signed"),
    "a doubled entry": (lambda lines: [*lines[:5], *lines[4:]], "line 322 is one too many: 320 entries were signed"),
    "two entries swapped": (
        lambda lines: [*lines[:5], lines[6], lines[5], *lines[7:]],
        "do not lead to the signed root",
    ),
    "a cut tail": (lambda lines: lines[:-1], "ends after 319 entries"),
    "half a line": (lambda lines: [*lines[:-1], lines[-1][:20]], "line 321 is cut off"),
    "no line feed at the end": (lambda lines: [*lines[:-1], lines[-1][:-1]], "line 321 is cut off"),
    "a blank line": (lambda lines: [*lines, b"\n"], "line 322 is neither an entry nor"),
    "ends of lines as in Windows": (
        lambda lines: [line[:-1] + b"\r\n" for line in lines],
        "the first line is not that of",
    ),
    "a zero byte": (lambda lines: [*lines[:-1], b"{\x00}\n"], "do not lead to the signed root"),
    "no first line": (lambda lines: lines[1:], "the first line is not that of"),
    "nothing": (lambda lines: [], "the first line is not that of"),
}


@pytest.mark.parametrize("name", SPOILT)
def test_a_spoilt_export_is_refused_with_the_reason(
    run: Run, ledger: Ledger, place: Path, tmp_path: Path, name: str
) -> None:
    spoil, reason = SPOILT[name]
    lines = (place / "all").read_bytes().splitlines(keepends=True)
    (tmp_path / "x").write_bytes(b"".join(spoil(lines)))
    done = run(tmp_path / "x", ledger.vkey)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("refused: ") and reason in done.stdout and done.stdout.count("\n") == 1


def test_an_entry_edited_in_the_database_is_refused_in_the_export(run: Run, tmp_path: Path) -> None:
    with make(tmp_path, 30) as ledger:
        ledger.checkpoint()
        change(
            tmp_path / "x.db", "UPDATE entries SET body = CAST(replace(body, 'review', 'refuse') AS BLOB) WHERE id = 4"
        )
        write_bundle(ledger, tmp_path / "x")
        done = run(tmp_path / "x", ledger.vkey)
    assert done.returncode == 1 and "do not lead to the signed root" in done.stdout


def test_another_key_is_refused(run: Run, ledger: Ledger, place: Path) -> None:
    done = run(place / "all", VKEY)
    assert done.returncode == 1
    assert done.stdout == (
        "refused: the checkpoint of the bundle cannot be trusted: it is not signed with the public key given.\n"
    )


def test_checkpoints_from_elsewhere(run: Run, ledger: Ledger, place: Path, tmp_path: Path) -> None:
    for name in ("early.note", "late.note"):
        assert run(place / "all", ledger.vkey, "--checkpoint", place / name).returncode == 0
    # The operator shows an old export to someone who has seen a later checkpoint.
    with make(tmp_path, 20) as other:
        write_bundle(other, tmp_path / "old")
        fill(other, 1)
        (tmp_path / "later.note").write_text(other.checkpoint(), encoding="utf-8")
        vkey = other.vkey
    done = run(tmp_path / "old", vkey, "--checkpoint", tmp_path / "later.note")
    assert done.returncode == 1
    assert "the checkpoint given is on 21 entries and the bundle on 20: the ledger was cut or set back" in done.stdout
    # A checkpoint of another ledger proves nothing.
    done = run(place / "all", ledger.vkey, "--checkpoint", tmp_path / "later.note")
    assert done.returncode == 1 and "the checkpoint given cannot be trusted" in done.stdout


def test_a_fork_is_refused(run: Run, tmp_path: Path) -> None:
    bodies = entries(9)
    (tmp_path / "x").write_bytes(made(bodies))
    (tmp_path / "c").write_text(sign(6, root(entries(7)[1:])), encoding="utf-8")
    done = run(tmp_path / "x", VKEY, "--checkpoint", tmp_path / "c")
    assert done.returncode == 1 and "the ledger has two histories" in done.stdout


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ([], "usage"),
        (["all"], "usage"),
        (["all", "desk.pub", "more"], "usage"),
        (["all", "desk.pub", "--nonsense"], "usage"),
        (["no-such-file", "desk.pub"], "the bundle cannot be read: No such file or directory."),
        ([".", "desk.pub"], "the bundle cannot be read: Is a directory."),
        (["all", "no-such-key"], "PUBKEY is neither a public key, NAME+ID+KEY, nor a file"),
        (["all", "."], "PUBKEY is neither a public key, NAME+ID+KEY, nor a file"),
        (["all", "all"], "the file PUBKEY holds no public key"),
        (["all", VKEY.replace("A", "B")], "PUBKEY is neither a public key"),
        (["all", "x" * 5000], "PUBKEY is neither a public key"),
        (["all", "desk.pub", "--checkpoint", "no-such-file"], "the file with the checkpoint cannot be read"),
        (["all", "desk.pub", "--checkpoint", "noise"], "the file with the checkpoint cannot be read"),
    ],
)
def test_a_wrong_call_ends_with_2_and_says_so_on_stderr(
    run: Run, ledger: Ledger, place: Path, args: list[str], says: str
) -> None:
    (place / "noise").write_bytes(bytes(range(256)))
    found = [str(place / a) if a in (".", "all", "desk.pub", "noise", "no-such-file") else a for a in args]
    done = run(*found)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr and "Traceback" not in done.stderr


def test_without_cryptography_it_says_what_is_missing(run: Run, ledger: Ledger, place: Path) -> None:
    done = run(place / "all", ledger.vkey, options=("-I", "-S"))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "this needs the package cryptography: pip install cryptography.\n"


def test_quiet_says_nothing(run: Run, ledger: Ledger, place: Path) -> None:
    for args, code in (((place / "all", ledger.vkey), 0), ((place / "all", VKEY), 1), ((place / "x", VKEY), 2)):
        done = run(*args, "--quiet")
        assert (done.returncode, done.stdout, done.stderr) == (code, "", "")


def test_a_name_that_is_not_ascii_is_shown_on_any_terminal(run: Run, tmp_path: Path) -> None:
    with make(tmp_path, 2, origin="bücher.example/愛") as ledger:
        write_bundle(ledger, tmp_path / "x")
        done = run(tmp_path / "x", ledger.vkey)
    assert done.returncode == 0 and r"entries of b\xfccher.example/\u611b, exactly" in done.stdout


@pytest.mark.parametrize("where", ["first", "later"])
def test_a_line_without_end_is_refused_in_little_memory(run: Run, tmp_path: Path, where: str) -> None:
    with (tmp_path / "x").open("wb") as file:
        if where == "later":
            file.write(made(entries(3), lines=[]))
        file.truncate(4 * MEMORY)  # a file with a hole takes no room on the disk
    done = run(tmp_path / "x", VKEY)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout == f"refused: line {1 if where == 'first' else 2} is too long.\n"


@pytest.mark.parametrize("part", [b"[", b'{"a":', b"1", b"[],", b'{"a":[{}]},', b"1e9,"])
def test_a_hostile_first_line_is_refused(run: Run, tmp_path: Path, part: bytes) -> None:
    (tmp_path / "x").write_bytes(
        b'{"format":"aequo-ledger-bundle/1","checkpoint":[' + part * (900_000 // len(part)) + b"\n"
    )
    done = run(tmp_path / "x", VKEY)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("refused: the first line is not that of a bundle")


def test_as_many_hashes_as_you_like_are_refused_at_the_first_that_is_too_many(run: Run, tmp_path: Path) -> None:
    with (tmp_path / "x").open("wb") as file:
        file.write(made(entries(3), lines=[]))
        line = left_out(1, bytes(32)) + b"\n"
        for _ in range(20):
            file.write(line * 10_000)
    done = run(tmp_path / "x", VKEY)
    assert done.returncode == 1 and "line 5 is one too many" in done.stdout


def test_a_checkpoint_of_a_huge_tree_is_refused_at_the_end_of_the_file(run: Run, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(made(entries(3), note=sign(10**18 - 1, bytes(32))))
    done = run(tmp_path / "x", VKEY)
    assert done.returncode == 1
    assert "ends after 3 entries, and 999,999,999,999,999,999 were signed" in done.stdout


def test_the_program_and_the_function_say_the_same(run: Run, tmp_path: Path) -> None:
    rng = random.Random(0)
    data = made(entries(12))
    for _ in range(20):
        changed = bytearray(data)
        for _ in range(rng.randint(0, 2)):
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
        (tmp_path / "x").write_bytes(changed)
        done = run(tmp_path / "x", VKEY)
        assert (done.returncode, done.stderr) == (main(tmp_path / "x", VKEY), "")
        assert done.returncode == (0 if changed == data else 1)


def main(*args: object) -> int:
    """Call the program in this process, which must not end in any other way than by a code."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return aequo.ledger.verify.main([str(a) for a in args])


@settings(max_examples=300)
@given(st.binary(), st.binary(), st.binary())
def test_junk_in_all_three_files_ends_in_a_code(place: Path, bundle: bytes, key: bytes, note: bytes) -> None:
    for name, data in (("junk", bundle), ("junk.pub", key), ("junk.note", note)):
        (place / name).write_bytes(data)
    assert main(place / "junk", VKEY) == 1
    assert main(place / "junk", place / "junk.pub") == 2
    assert main(place / "all", place / "desk.pub", "--checkpoint", place / "junk.note") in (1, 2)


@settings(max_examples=300)
@given(st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])))
def test_any_text_as_a_key_ends_in_a_code(place: Path, text: str) -> None:
    assert main("--", place / "all", text) == 2
