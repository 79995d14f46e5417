"""Every error aequo raises on purpose.

::

    AequoError
    ├── InputError          (ValueError)      the data or the call cannot be used
    │   ├── UnknownColumn   (KeyError)        no column of that name
    │   ├── UnknownGroup    (KeyError)        no group of that name
    │   └── UnreadableData  (OSError)         the file is absent, empty or not what it claims to be
    ├── PolicyError         (ValueError)      the policy file says something it cannot mean
    ├── LedgerError         (RuntimeError)    the ledger cannot do this now
    │   ├── Tampered                          the ledger's bytes are not what was recorded
    │   └── KeyProblem      (ValueError)      the key is absent, is another one, or was destroyed
    ├── Refused             (PermissionError) the policy, a legal hold or a missing right forbids it
    │   └── EthicalViolation                  a duty that the policy declares is broken, or cannot be told
    ├── OutputError         (OSError)         the result could not be written; nothing half-written is left
    ├── MissingExtra        (ImportError)     an optional dependency is needed for this
    └── Unfair              (AssertionError)  a gate that you asked for did not open

Each inherits the builtin that people already catch. A message says what was seen, what was expected and what to do;
it never holds a person's data.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable
from types import ModuleType
from typing import Any

__all__ = [
    "AequoError",
    "EthicalViolation",
    "InputError",
    "KeyProblem",
    "LedgerError",
    "MissingExtra",
    "OutputError",
    "PolicyError",
    "Refused",
    "Tampered",
    "Unfair",
    "UnknownColumn",
    "UnknownGroup",
    "UnreadableData",
    "did_you_mean",
    "need",
]


class AequoError(Exception):
    """Base of all errors that aequo raises on purpose."""

    def __str__(self) -> str:
        # KeyError would show the message with quotes around it.
        return str(self.args[0]) if self.args else ""


class InputError(AequoError, ValueError):
    """The data or the call cannot be used."""


class UnknownColumn(InputError, KeyError):
    """No column of that name."""


class UnknownGroup(InputError, KeyError):
    """No group of that name."""


class UnreadableData(InputError, OSError):
    """The file is absent, empty or not what it claims to be."""


class PolicyError(AequoError, ValueError):
    """The policy file says something it cannot mean.

    Attributes
    ----------
    key : tuple of (str or int)
        Path of the key at fault, such as ``("data", "threshold")``; empty where no one key is.
    """

    def __init__(self, message: str = "", *, key: tuple[str | int, ...] = ()) -> None:
        super().__init__(message)
        self.key = key


class LedgerError(AequoError, RuntimeError):
    """The ledger cannot do this now; the message says what was recorded, which is nothing unless it says otherwise."""


class Tampered(LedgerError):
    """The ledger's bytes are not what was recorded."""


class KeyProblem(LedgerError, ValueError):
    """The key is absent, is another one, or was destroyed."""


class Refused(AequoError, PermissionError):
    """The policy, a legal hold or a missing right forbids it."""


class EthicalViolation(Refused):
    """A duty that the policy declares is broken, or whether it is cannot be told.

    Attributes
    ----------
    rule : str
        Name of the duty.
    finding : aequo.Finding or None
        What was found; it names columns and numbers, and no value of a person.
    """

    def __init__(self, message: str = "", *, rule: str = "", finding: Any = None) -> None:
        super().__init__(message)
        self.rule = rule
        self.finding = finding


class OutputError(AequoError, OSError):
    """The result could not be written; nothing half-written is left behind."""


class MissingExtra(AequoError, ImportError):
    """An optional dependency is needed for this."""


class Unfair(AequoError, AssertionError):
    """A gate that you asked for did not open.

    Attributes
    ----------
    assessment : aequo.Assessment or None
        The whole result, to look into or to save.
    """

    def __init__(self, message: str = "", *, assessment: Any = None) -> None:
        super().__init__(message)
        self.assessment = assessment


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for the nearest known name, or an empty string.

    Examples
    --------
    >>> did_you_mean("gender", ["genre", "age"])
    " Did you mean 'genre'?"
    >>> did_you_mean("zzz", ["age"])
    ''
    """
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if not near:
        folded = {k.casefold(): k for k in names}
        near = [folded[name.casefold()]] if name.casefold() in folded else []
    return f" Did you mean {near[0]!r}?" if near else ""


def need(module: str, extra: str) -> ModuleType:
    """Import an optional dependency, or say which extra brings it.

    Parameters
    ----------
    module : str
        Name to import, such as ``"sklearn"``.
    extra : str
        The extra of aequo that installs it, such as ``"ml"``.

    Raises
    ------
    MissingExtra
        If `module` is not installed.

    Examples
    --------
    >>> need("json", "ml").__name__
    'json'
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or module.split(".", 1)[0] != error.name.split(".", 1)[0]:
            raise
        raise MissingExtra(f"{module} is needed here. Install it with: pip install 'aequo[{extra}]'") from error
