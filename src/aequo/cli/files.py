"""Small text files that a command reads and writes: whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from aequo.errors import InputError, OutputError

__all__ = ["read_text", "write_text"]

_MOST = 1_000_000


def read_text(path: str, what: str) -> str:
    """Return the text of a small file.

    Parameters
    ----------
    path : str
        Where.
    what : str
        What it should be, for messages.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            raw = file.read(_MOST + 1)
        if len(raw) > _MOST:
            raise InputError(f"{path!r} has more than {_MOST:,} bytes, expected a {what}.")
        return raw.decode("utf-8")
    except FileNotFoundError:
        raise InputError(f"there is no file {path!r}, expected a {what}.") from None
    except OSError as error:
        raise InputError(f"the {what} {path!r} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise InputError(f"{path!r} is not UTF-8 text, expected a {what}.") from None


def write_text(path: str, text: str, *, replace: bool = False) -> None:
    """Write a file.

    Parameters
    ----------
    path : str
        Where.
    text : str
        Its text, written as UTF-8 with the line breaks that it has.
    replace : bool
        Whether a file that is there may be replaced.

    Raises
    ------
    OutputError
        If it cannot be written, or a file is there.
    """
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("x", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            temporary.replace(target)
        else:
            os.link(temporary, target)  # unlike a rename it never replaces what someone has just put there
    except FileExistsError:
        raise OutputError(f"{path} is there already, expected the name of a new file.") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise OutputError(f"{path} cannot be written: {reason}.") from None
    finally:
        with contextlib.suppress(OSError, ValueError):
            temporary.unlink()
