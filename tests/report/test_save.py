"""A report is written whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import stat
from pathlib import Path

import pytest

from aequo.errors import AequoError, OutputError
from aequo.report.html import to_html
from aequo.report.markdown import to_markdown
from aequo.report.save import FILES, save

from . import samples


def listing(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


def test_the_directory_is_made_and_holds_the_three_views(tmp_path: Path) -> None:
    result = samples.loan()
    made = save(result, tmp_path / "a" / "b")
    assert made == tmp_path / "a" / "b"
    assert listing(made) == sorted(FILES)
    assert (made / "report.html").read_text(encoding="utf-8") == to_html(result)
    assert (made / "report.md").read_text(encoding="utf-8") == to_markdown(result)
    text = (made / "findings.json").read_text(encoding="utf-8")
    assert text == result.to_json() + "\n"
    assert json.loads(text)["verdict"] == "fail"


def test_writing_again_replaces_the_report_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    save(samples.loan(), tmp_path)
    first = (tmp_path / "report.html").read_bytes()
    save(samples.loan(), str(tmp_path))
    assert (tmp_path / "report.html").read_bytes() == first
    save(samples.compas(), tmp_path)
    assert (tmp_path / "report.html").read_bytes() != first
    assert listing(tmp_path) == sorted([*FILES, "mine.txt"])
    assert (tmp_path / "mine.txt").read_text() == "keep"


def test_files_have_the_permissions_that_new_files_have(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        save(samples.empty(), tmp_path)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "report.html").stat().st_mode) == 0o644


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("at", [1, 2, 3])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.EIO])
def test_a_fault_leaves_no_half_written_and_no_temporary_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, at: int, code: int
) -> None:
    calls = 0
    home = Path if step == "replace" else os
    real = getattr(home, step)

    def broken(*args: object) -> object:
        nonlocal calls
        calls += 1
        if calls == at:
            raise OSError(code, os.strerror(code))
        return real(*args)

    save(samples.loan(), tmp_path / "old")
    old = {name: (tmp_path / "old" / name).read_bytes() for name in FILES}
    new = {"report.html": to_html(samples.compas()).encode()}
    monkeypatch.setattr(home, step, broken)
    with pytest.raises(OutputError) as caught:
        save(samples.compas(), tmp_path / "old")
    assert isinstance(caught.value, OSError) and isinstance(caught.value, AequoError)
    assert str(caught.value).count(".") <= str(tmp_path).count(".") + 1 and "\n" not in str(caught.value)
    assert listing(tmp_path / "old") == sorted(FILES)
    for name in FILES:  # each is the old one or the new one, whole
        now = (tmp_path / "old" / name).read_bytes()
        assert now == old[name] or (step == "replace" and (name != "report.html" or now == new[name]))


def test_a_fault_takes_the_directories_it_made_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="there is no space left on the device"):
        save(samples.loan(), tmp_path / "new" / "er")
    assert listing(tmp_path) == []


def test_a_fault_in_drawing_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> str:
        raise RuntimeError("drawing")

    monkeypatch.setattr("aequo.report.markdown.to_markdown", broken)
    with pytest.raises(RuntimeError, match="drawing"):
        save(samples.loan(), tmp_path / "new")
    assert listing(tmp_path) == []


def test_an_interruption_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", stop)
    with pytest.raises(KeyboardInterrupt):
        save(samples.loan(), tmp_path)
    assert listing(tmp_path) == []


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="that is a file, not a directory"):
        save(samples.empty(), tmp_path / "file")
    with pytest.raises(OutputError, match="a part of the path is a file"):
        save(samples.empty(), tmp_path / "file" / "below")
    assert (tmp_path / "file").read_text() == "x"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_a_device_in_the_way_is_no_directory() -> None:
    with pytest.raises(OutputError, match="/dev/full"):
        save(samples.empty(), "/dev/full")


def test_a_directory_that_may_not_be_written_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)  # the tests may run as root, whom no mode keeps out
    with pytest.raises(OutputError, match="permission was denied; choose another directory"):
        save(samples.empty(), tmp_path)


@pytest.mark.parametrize("name", ["x\x00y", "n" * 5000])
def test_an_impossible_name_is_one_sentence(tmp_path: Path, name: str) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        save(samples.empty(), tmp_path / name)
    assert listing(tmp_path) == []
