"""A ledger is made once, opened by whoever names it, and closed for good."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import aequo
from aequo.errors import InputError, KeyProblem, LedgerError, OutputError
from aequo.ledger import KeyRing, Ledger

from .samples import KEY, make, read, reopen


@pytest.mark.parametrize(
    "url", ["", "x.db", "sqlite:", "sqlite://", "sqlite:///", "sqlite://x.db", "sqlite:/x.db", "mysql://x", "http://x"]
)
def test_a_url_that_names_no_place_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="expected sqlite:///"):
        Ledger.open(url, key=KEY)
    assert not list(tmp_path.iterdir())


def test_a_path_may_be_relative_at_home_or_have_blanks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    for url, name in (
        ("sqlite:///a.db", "a.db"),
        (f"sqlite:///{tmp_path}/b.db", "b.db"),
        ("sqlite:///new folder/c.db", "new folder/c.db"),
        ("sqlite:///new%20folder/d.db", "new folder/d.db"),
        ("sqlite:///~/e.db", "home/e.db"),
        ("sqlite:///no-ending", "no-ending"),
        ("sqlite:///ü ber.sqlite", "ü ber.sqlite"),
    ):
        with Ledger.open(url, key=KEY) as ledger:
            assert ledger.append({}).index == 0
        assert (tmp_path / name).is_file()
        path = tmp_path / name
        keys = path.with_name(f"{path.stem}.keys{path.suffix or '.db'}")
        assert keys.is_file()
        assert path.stat().st_mode & 0o077 == keys.stat().st_mode & 0o077 == 0


def test_a_ledger_is_made_once_and_never_made_over(tmp_path: Path) -> None:
    with pytest.raises(KeyProblem, match="a new ledger needs a master key"):
        Ledger.open(f"sqlite:///{tmp_path}/x.db")
    with pytest.raises(LedgerError, match="there is no ledger file 'x.db'"):
        reopen(tmp_path, key=KEY)
    assert not list(tmp_path.iterdir())
    with make(tmp_path, 3) as ledger:
        origin, vkey = ledger.origin, ledger.vkey
    with Ledger.open(f"sqlite:///{tmp_path}/x.db", key=KEY, origin="example.com/other") as ledger:
        assert (ledger.origin, ledger.vkey, ledger.size) == (origin, vkey, 3)
    # A file of that name for the keys, from something else: nothing is overwritten.
    (tmp_path / "y.keys.db").write_bytes(b"something")
    with pytest.raises(OutputError, match=r"y\.keys\.db is there already; a ledger is never overwritten"):
        make(tmp_path, name="y.db")
    assert (tmp_path / "y.keys.db").read_bytes() == b"something" and not (tmp_path / "y.db").exists()
    assert not [p for p in tmp_path.iterdir() if p.name.endswith(".tmp")]


@pytest.mark.parametrize("origin", ["", "a b", "a+b", "a\nb", "a\x00b", "\ud800"])
def test_a_name_that_cannot_be_in_a_checkpoint_is_refused(tmp_path: Path, origin: str) -> None:
    with pytest.raises(InputError, match="cannot name a ledger"):
        make(tmp_path, origin=origin)
    assert not list(tmp_path.iterdir())


def test_a_ledger_without_a_name_gets_one_of_its_own(tmp_path: Path) -> None:
    names = set()
    for n in range(3):
        with Ledger.open(f"sqlite:///{tmp_path}/{n}.db", key=KEY) as ledger:
            names.add(ledger.origin)
            assert ledger.vkey.startswith(f"{ledger.origin}+")
    assert len(names) == 3 and all(name.startswith("aequo/") for name in names)


def test_the_way_to_keep_inputs_is_one_of_two(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="inputs is 'all', expected 'digest' or 'keep'"):
        make(tmp_path, inputs="all")
    assert not list(tmp_path.iterdir())


def test_of_many_who_make_a_ledger_at_once_all_get_the_same_one(tmp_path: Path) -> None:
    for n in range(8):
        barrier = threading.Barrier(6)

        def make_it(n: int, barrier: threading.Barrier) -> str:
            barrier.wait()
            with Ledger.open(f"sqlite:///{tmp_path}/{n}.db", key=KEY) as ledger:
                ledger.append({"n": n}, subject="a")
                return ledger.vkey

        with ThreadPoolExecutor(6) as pool:
            assert len(set(pool.map(make_it, [n] * 6, [barrier] * 6))) == 1
        with reopen(tmp_path, name=f"{n}.db", key=KEY) as ledger:
            assert ledger.size == 6 and ledger.verify().ok
            assert len(read(tmp_path / f"{n}.keys.db", "SELECT * FROM people")) == 1
    assert not [p for p in tmp_path.iterdir() if ".tmp" in p.name]


def test_a_closed_ledger_says_so(tmp_path: Path) -> None:
    ledger = make(tmp_path, 3)
    ledger.close()
    ledger.close()
    attempts: list[Callable[[], Any]] = [
        lambda: ledger.append({}),
        lambda: ledger.append({}, subject="a"),
        lambda: asyncio.run(ledger.append_async({})),
        lambda: ledger.size,
        lambda: ledger.root,
        lambda: ledger.entry(0),
        lambda: list(ledger.entries()),
        ledger.checkpoint,
        lambda: ledger.prove(0),
        ledger.verify,
        lambda: ledger.rotate(KEY.rotated()),
    ]
    for attempt in attempts:
        with pytest.raises(LedgerError, match="this ledger was closed; open it again"):
            attempt()
    assert ledger.origin == "example.com/desk"


def test_opening_and_closing_many_times_leaks_no_file(tmp_path: Path) -> None:
    make(tmp_path).close()

    def opened() -> int:
        return len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").exists() else 0

    before = opened()
    for _ in range(20):
        reopen(tmp_path, key=KEY).close()
        with pytest.raises(KeyProblem):
            reopen(tmp_path, key=KeyRing.new())
    assert opened() <= before


def test_the_ledger_is_imported_from_the_package(tmp_path: Path) -> None:
    assert aequo.Ledger is Ledger
