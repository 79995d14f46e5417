"""Write a report to a directory: each file whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from aequo.errors import OutputError
from aequo.report.result import Assessment

__all__ = ["FILES", "save", "save_files"]

FILES = ("report.html", "report.md", "findings.json")
"""What a report consists of."""

_REASONS = {
    errno.ENOSPC: "there is no space left on the device",
    errno.EDQUOT: "the disk quota is used up",
    errno.EACCES: "permission was denied; choose another directory",
    errno.EPERM: "permission was denied; choose another directory",
    errno.EROFS: "the file system is read-only; choose another directory",
    errno.ENOTDIR: "a part of the path is a file, not a directory",
    errno.EEXIST: "that is a file, not a directory",
    errno.ENAMETOOLONG: "the name is too long",
}


def save(assessment: Assessment, directory: str | Path) -> Path:
    """Write ``report.html``, ``report.md`` and ``findings.json``.

    All are rendered before the first is written. Each is written beside its place, flushed to the disk and moved there,
    so that a reader never sees half a file, and a failure leaves neither half-written nor temporary files.

    Parameters
    ----------
    assessment : Assessment
        The result.
    directory : str or Path
        Made if it is not there, with its parents.

    Returns
    -------
    Path
        The directory.

    Raises
    ------
    OutputError
        If it cannot be written; one sentence that says why.
    """
    from aequo.report.html import to_html
    from aequo.report.markdown import to_markdown

    texts = (to_html(assessment), to_markdown(assessment), assessment.to_json() + "\n")
    return save_files(directory, dict(zip(FILES, texts, strict=True)))


def save_files(directory: str | Path, texts: Mapping[str, str]) -> Path:
    """Write texts to a directory by file name, as `save` does, and return the directory.

    Raises
    ------
    OutputError
        If it cannot be written; one sentence that says why.
    """
    target = Path(directory)
    contents = {name: text.encode("utf-8", "backslashreplace") for name, text in texts.items()}
    made: list[Path] = []
    try:
        made += _make(target)
        _write(target, contents)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        for path in reversed(made):
            with suppress(OSError):
                path.rmdir()
        raise OutputError(f"the report cannot be written to {str(target)!r}: {_reason(error)}.") from error
    return target


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, OSError) and error.errno is not None:
        return _REASONS.get(error.errno) or (error.strerror or "the system gave no reason").lower()
    return str(error)


def _make(target: Path) -> list[Path]:
    """Make the directory and its parents; return those that were not there, outermost first."""
    missing = []
    for path in (target, *target.parents):
        if path.exists():
            break
        missing.append(path)
    made: list[Path] = []
    try:
        for path in reversed(missing):
            path.mkdir(exist_ok=True)
            made.append(path)
        if not target.is_dir():
            raise NotADirectoryError(errno.EEXIST, "that is a file", str(target))
    except OSError:
        for path in reversed(made):
            with suppress(OSError):
                path.rmdir()
        raise
    return made


def _write(target: Path, contents: Mapping[str, bytes]) -> None:
    # A name that no other process uses: two assessments may write to one directory at once.
    mark = f"{os.getpid():x}{secrets.token_hex(4)}"
    waiting = {target / f".{name}.{mark}.tmp": target / name for name in contents}
    try:
        for temporary, place in waiting.items():
            with temporary.open("xb") as file:
                file.write(contents[place.name])
                file.flush()
                os.fsync(file.fileno())
        for temporary, place in waiting.items():
            temporary.replace(place)
        _flush(target)
    finally:  # also after Ctrl-C
        for temporary in waiting:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


def _flush(target: Path) -> None:
    """Make the new names last; not every system lets a directory be opened for that."""
    with suppress(OSError):
        handle = os.open(target, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
