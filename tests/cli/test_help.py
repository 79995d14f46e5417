"""Help, version, completion and start: quick, plain and complete."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import aequo
from aequo.cli.main import main

from .calls import Run, clean_environment, write

COMMANDS = ("assess", "demo", "erase", "explain", "init", "minimize", "pseudonymise")
GROUPS = {
    "ledger": ("init", "append", "show", "tail", "report", "checkpoint", "prove", "verify", "export"),
    "privacy": ("check",),
    "subject": ("export", "hold", "release", "receipts", "check-receipt", "expire"),
}
ALL = [*COMMANDS, *(f"{group} {command}" for group, commands in GROUPS.items() for command in commands)]
HEAVY = {"numpy", "duckdb", "narwhals", "jinja2", "pandas", "sklearn", "msgspec", "pydantic", "rich", "cryptography"}


@pytest.mark.parametrize("command", ["", *GROUPS, "ledger append", "subject hold"])
def test_help_imports_nothing_heavy(command: str) -> None:
    call = [*command.split(), "--help"]
    code = (
        "import sys; from aequo.cli.main import main\n"
        f"assert main({call!r}) == 0\nheavy = {HEAVY!r} & set(sys.modules)\nassert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], env=clean_environment(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_version_is_the_package_version(run: Run) -> None:
    assert run("--version").out == f"aequo {aequo.__version__}\n"


@pytest.mark.parametrize("command", ALL)
def test_help_has_an_example_to_copy(capsys: pytest.CaptureFixture[str], command: str) -> None:
    assert main([*command.split(), "--help"]) == 0
    text = capsys.readouterr().out
    assert re.search(rf"Examples?:\n +(echo .* \| )?aequo {command}\b", text)
    assert text.isascii()
    assert max(map(len, text.split("\n"))) <= 120


def test_every_command_is_in_the_overview(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--help"])
    text = capsys.readouterr().out
    for command in (*COMMANDS, *GROUPS):
        assert re.search(rf"^  {command} +\w", text, re.MULTILINE)
    for group, commands in GROUPS.items():
        main([group, "--help"])
        listed = capsys.readouterr().out
        assert all(re.search(rf"^  {command} +\w", listed, re.MULTILINE) for command in commands)
    assert "Exit codes: 0" in text
    assert "--debug" in text


def test_no_command_shows_help_and_is_a_wrong_call(run: Run) -> None:
    done = run()
    assert done.code == 2
    assert done.out.startswith("Usage: aequo")


def test_the_examples_of_help_run(run: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    rows = [
        f"{i // 4 % 2},{'fm'[i % 2]},{'ab'[i // 2 % 2]},{'yes' if i // 4 % 2 else 'no'},{i % 10 / 10}"
        for i in range(800)
    ]
    write(tmp_path / "loans.csv", "approved,sex,race,repaid,score", rows)
    main(["assess", "--help"])
    examples = re.findall(r"^ +(aequo assess .*)$", capsys.readouterr().out, re.MULTILINE)
    assert len(examples) == 2
    for example in examples:
        words = shlex.split(example.replace("loans.parquet", "loans.csv"))
        done = run(*words[1:], "--json")
        assert done.code in (0, 1, 3), done.err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_get_a_completion(run: Run, shell: str) -> None:
    # typer finds the shell that it was called from by itself, unless told not to; here it must not matter which it is.
    done = run("--show-completion", shell, env={"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"})
    assert done.code == 0, done.err
    assert "_AEQUO_COMPLETE" in done.out


def test_completion_offers_commands_and_options(tmp_path: Path) -> None:
    for words, offered in (("aequo as", "assess"), ("aequo assess --favo", "--favourable")):
        env = clean_environment(_AEQUO_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD=str(words.count(" ")))
        done = subprocess.run(
            [sys.executable, "-m", "aequo"], env=env, cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert offered in done.stdout.split()


def test_the_policy_reference_names_every_option_of_a_key() -> None:
    from aequo.cli import options
    from aequo.core.policy import Policy

    plain = Policy().to_dict()
    for section, key in options._OPTIONS:
        assert key in plain[section]


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")
def test_progress_is_for_terminals_and_only_after_a_while(tmp_path: Path) -> None:
    import pty

    code = (
        "import sys, time\nfrom aequo.cli.console import waiting\n"
        "with waiting('Reading x', after=float(sys.argv[1]), every=0.01): time.sleep(0.2)"
    )
    for after, terminal, shown in ((0.0, True, True), (60.0, True, False), (0.0, False, False)):
        controller, end = pty.openpty() if terminal else os.pipe()
        env = clean_environment(TERM="xterm")
        subprocess.run([sys.executable, "-c", code, str(after)], env=env, stderr=end, check=True, cwd=tmp_path)
        os.set_blocking(controller, False)
        try:
            told = os.read(controller, 1 << 16)
        except BlockingIOError:
            told = b""
        os.close(end)
        os.close(controller)
        assert (b"Reading x ..." in told) == shown
        assert not shown or told.endswith(b" \r")
