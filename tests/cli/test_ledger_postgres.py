"""`aequo ledger` on PostgreSQL: the same commands, the same answers."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..ledger.server import PgServer, find_binaries, running_server  # noqa: TID252 - one server for all tests
from .calls import Run

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def server() -> Iterator[PgServer]:
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed (Debian: postgresql); its initdb was not found")
    with running_server(binaries) as running:
        yield running


def test_a_ledger_is_made_written_read_proved_verified_and_exported(run: Run, server: PgServer, tmp_path: Path) -> None:
    url = f"{server.url()}?schema=cli"
    refused = run("ledger", "init", "--ledger", url, "--policy", "aequo.toml")
    assert refused.code == 2 and "holds a password" in refused.err and server.password not in refused.err
    assert list(tmp_path.iterdir()) == []
    made = run("ledger", "init", "--ledger", url, "--key", "file:k", "--json")
    assert made.code == 0, made.err
    assert server.password not in made.out + made.err
    vkey = json.loads(made.out)["vkey"]
    assert "there is a ledger at that url already" in run("ledger", "init", "--ledger", url, "--key", "file:k").sentence

    env = {"AEQUO_LEDGER": url, "AEQUO_KEY": (tmp_path / "k").read_text(encoding="ascii")}
    decision = {"kind": "decision", "input": 1, "output": "a", "model_version": "v1", "subject": "jane"}
    follow = [
        {"kind": "outcome", "of": 0, "truth": "a"},
        {"kind": "override", "of": 1, "output": "b", "operator_id": "x"},
    ]
    text = "\n".join(map(json.dumps, [decision] * 30 + follow))
    appended = run("ledger", "append", env=env, input=text.encode())
    assert appended.code == 0, appended.err
    assert len(appended.out.splitlines()) == 32

    shown = run("ledger", "show", "--kind", "outcome", "--json", env=env)
    assert [json.loads(line)["event"]["truth"] for line in shown.out.splitlines()] == ["a"]
    assert len(run("ledger", "show", "--subject", "jane", "--json", env=env).out.splitlines()) == 32
    assert "override" in run("ledger", "tail", "-n", "1", env=env).out
    report = json.loads(run("ledger", "report", "--json", env=env).out)
    assert (report["decisions"]["n"], report["overrides"]["rate"]["count"]) == (30, 1)
    assert report["ledger"]["status"] == "pass"
    assert run("ledger", "checkpoint", "--out", "kept", env=env).code == 0
    assert run("ledger", "prove", "7", env=env).code == 0
    assert run("ledger", "verify", "--checkpoint", "kept", "--vkey", vkey, env=env).code == 0
    exported = run("ledger", "export", "all.bundle", "--verifier", env=env)
    command = shlex.split(exported.err.strip().partition("To check it: python ")[2])
    assert subprocess.run([sys.executable, *command], cwd=tmp_path, capture_output=True, check=False).returncode == 0

    with server.connect() as db:
        db.execute("UPDATE cli.entries SET body = convert_to(replace(convert_from(body, 'UTF8'), 'v1', 'v9'), 'UTF8')")
    changed = run("ledger", "verify", env=env)
    assert changed.code == 1 and "entry 0 was changed" in changed.out


def test_a_server_that_is_not_there_is_told_in_one_sentence(run: Run) -> None:
    url = "postgresql://me:hunter2@127.0.0.1:1/db"
    for command in ("verify", "tail", "report"):
        told = run("ledger", command, "--ledger", url).sentence
        assert "hunter2" not in told
