"""`aequo init`: purpose and people before anything runs, by answers or by options; never over a file that is there."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from aequo.core.policy import Policy

from .calls import Run, clean_environment

OPTIONS = {
    "--name": "loans",
    "--purpose": 'grants "small" loans',
    "--people": "applicants in Zürich",
    "--label": "approved",
    "--favourable": "1",
    "--group": "sex,race",
}
ALL = [part for pair in OPTIONS.items() for part in pair]


def written(folder: Path, name: str = "aequo.toml") -> Policy:
    return Policy.load(folder / name)


def test_options_write_a_policy_that_assess_takes(run: Run, fair_twice: Path, tmp_path: Path) -> None:
    done = run("init", *ALL, "--data", fair_twice)
    assert done.code == 0
    assert done.out == ""
    assert done.err.startswith("Wrote aequo.toml")
    policy = written(tmp_path)
    assert policy.system.name == "loans"
    assert policy.system.purpose == 'grants "small" loans'
    assert policy.system.people == "applicants in Zürich"
    assert (policy.data.label, policy.data.favourable) == ("approved", "1")
    assert policy.groups.columns == ("sex", "race")
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []
    assert run("assess", fair_twice).code == 0


def test_a_file_that_is_there_is_kept_unless_forced(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "aequo.toml"
    path.write_text("# mine\n", encoding="utf-8")
    assert run("init", *ALL).sentence.startswith("aequo.toml is there already. --force overwrites it")
    assert path.read_text(encoding="utf-8") == "# mine\n"
    assert run("init", *ALL, "--out", "other.toml").code == 0
    assert written(tmp_path, "other.toml").system.name == "loans"
    assert run("init", *ALL, "--force").code == 0
    assert written(tmp_path).system.name == "loans"


def test_where_nobody_can_be_asked_all_must_be_given(run: Run, tmp_path: Path) -> None:
    told = run("init", "--name", "x", "--label", "y").sentence
    assert told.startswith("nobody is there to ask: give --purpose, --people, --favourable, --group as well")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"--purpose": " "}, "--purpose is empty, expected an answer."),
        ({"--group": "sex,approved"}, "--group names 'approved', which is the label column."),
        ({"--group": "sex,sex"}, "--group names 'sex' twice."),
        ({"--group": "sex,,"}, "'sex,,' has an empty column name"),
        ({"--data": "fair.csv", "--label": "aproved"}, "fair.csv has no column 'aproved'. Did you mean 'approved'?"),
        ({"--data": "fair.csv", "--group": "gender"}, "fair.csv has no column 'gender'. Columns: approved, sex, race."),
        ({"--data": "absent.csv"}, "there is no file 'absent.csv'."),
        ({"--out": "no/where/aequo.toml"}, "no/where/aequo.toml cannot be written: No such file or directory."),
        ({"--out": "/proc/aequo.toml"}, "/proc/aequo.toml cannot be written"),
    ],
)
@pytest.mark.usefixtures("fair_twice")
def test_a_wrong_answer_is_told_and_nothing_is_written(
    run: Run, tmp_path: Path, changes: dict[str, str], sentence: str
) -> None:
    args = [part for pair in {**OPTIONS, **changes}.items() for part in pair]
    assert sentence in run("init", *args).sentence
    assert [p.name for p in tmp_path.iterdir()] == ["fair.csv"]


def on_a_terminal(folder: Path, answers: str, *args: str) -> tuple[int, str]:
    """Answer the questions on a pseudo-terminal; return the exit code and what was shown."""
    import pty

    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "aequo", "init", *args],
        cwd=folder, env=clean_environment(TERM="xterm"), stdin=terminal, stdout=terminal, stderr=terminal,
        start_new_session=True, preexec_fn=lambda: _own(terminal),  # noqa: PLW1509 - nothing else runs here
    )  # fmt: skip
    os.close(terminal)
    shown, last = b"", b""
    lines = [line if line == "\x03" else line + "\n" for line in answers.split("\n")]
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up:
        if not select.select([controller], [], [], 2)[0]:
            if last == b"\x03":  # came just before Python began to read, where it waits for the next one
                os.write(controller, last)
            continue
        try:
            chunk = os.read(controller, 1 << 16)
        except OSError:  # Linux says so at the end of a pseudo-terminal
            break
        shown += chunk
        if shown.endswith(b": ") and lines:  # a question waits
            last = lines.pop(0).encode()
            os.write(controller, last)
    else:
        process.kill()
    os.close(controller)
    return process.wait(60), shown.decode()


def _own(terminal: int) -> None:
    import fcntl
    import termios

    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)


def test_on_a_terminal_it_asks(fair_twice: Path, tmp_path: Path) -> None:
    answers = "\nto lend\nall of us\naproved\napproved\n1\nsex, gender\nsex, race"
    code, shown = on_a_terminal(tmp_path, answers, "--data", fair_twice.name)
    assert code == 0, shown
    assert "Columns: approved, sex, race." in shown
    assert "There is no column 'aproved'. Did you mean 'approved'?" in shown
    assert "There is no column 'gender'." in shown
    policy = written(tmp_path)
    assert policy.system.name == tmp_path.name
    assert (policy.system.purpose, policy.system.people) == ("to lend", "all of us")
    assert policy.groups.columns == ("sex", "race")


def test_on_a_terminal_it_asks_only_what_was_not_given(tmp_path: Path) -> None:
    given = [part for key, value in OPTIONS.items() if key != "--people" for part in (key, value)]
    code, shown = on_a_terminal(tmp_path, "everyone", *given)
    assert code == 0, shown
    assert shown.count("?") + shown.count(": everyone") >= 1
    assert "What does it decide" not in shown
    assert written(tmp_path).system.people == "everyone"


def test_ctrl_c_at_a_question_writes_nothing(tmp_path: Path) -> None:
    code, shown = on_a_terminal(tmp_path, "loans\n\x03")
    assert code == 130
    assert "interrupted" in shown
    assert "Traceback" not in shown
    assert list(tmp_path.iterdir()) == []
