"""What a command's options mean, as a policy and as lists of columns."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aequo.cli.console import say
from aequo.errors import InputError, PolicyError

if TYPE_CHECKING:
    from aequo.core.policy import Policy

__all__ = ["code_beside", "find_policy", "names", "override", "references"]

_OPTIONS = {
    ("data", "label"): "--label",
    ("data", "favourable"): "--favourable",
    ("data", "prediction"): "--prediction",
    ("data", "score"): "--score",
    ("data", "threshold"): "--threshold",
    ("data", "weight"): "--weight",
    ("data", "task"): "--task",
    ("groups", "columns"): "--group",
    ("groups", "controls"): "--control",
    ("groups", "reference"): "--reference",
}


def find_policy(path: str | None) -> Policy:
    """Read the policy that was named, else ``aequo.toml`` of the working directory, else take the defaults.

    Raises
    ------
    PolicyError
        If the file cannot be read or says something it cannot mean.
    """
    from aequo.core.policy import FILE_NAME, Policy

    if path is not None:
        return Policy.load(path)
    if not os.path.lexists(FILE_NAME):
        return Policy()
    policy = Policy.load(FILE_NAME)
    say(f"Policy: {FILE_NAME} of this directory (options on the command line go before it).")
    return policy


def code_beside(policy: str | None) -> None:
    """Look for code that a policy names beside its file too, after everything that is installed.

    Parameters
    ----------
    policy : str or None
        The policy's path; None for that of the working directory.
    """
    sys.path.append(str(Path.cwd() if policy is None else Path(policy).resolve().parent))


def override(policy: Policy, changes: Mapping[str, Any]) -> Policy:
    """Return the policy with the options that were given; a refusal names the option and not the policy's key.

    Parameters
    ----------
    policy : Policy
        From the file.
    changes : mapping
        Dotted key to value; None and empty lists were not given.

    Raises
    ------
    PolicyError
        If an option's value is impossible.
    """
    given = {key: value for key, value in changes.items() if value not in (None, [], (), {})}
    try:
        return policy.replace(**given)
    except PolicyError as error:
        key = error.key[:2]
        dotted = ".".join(str(part) for part in key)
        if dotted in given and key in _OPTIONS:
            raise PolicyError(str(error).replace(dotted, _OPTIONS[key], 1), key=error.key) from None
        raise


def names(given: Sequence[str] | None, columns: Sequence[str]) -> tuple[str, ...]:
    """Split lists of columns at commas, unless the data has a column whose name holds the comma.

    Parameters
    ----------
    given : sequence of str
        What each ``--group`` said.
    columns : sequence of str
        Columns of the data.

    Raises
    ------
    InputError
        If a name is empty.

    Examples
    --------
    >>> names(["race,sex", "age, in years"], ["race", "sex", "age, in years"])
    ('race', 'sex', 'age, in years')
    """
    found: list[str] = []
    for text in given or ():
        parts = [text] if text in columns else [part if part in columns else part.strip() for part in text.split(",")]
        if not all(parts):
            raise InputError(f"{text!r} has an empty column name, expected names such as race,sex.")
        found += parts
    return tuple(found)


def references(given: Sequence[str] | None, columns: Sequence[str]) -> dict[str, str]:
    """Read each ``--reference``: ``COLUMN=GROUP``, or ``GROUP`` alone where there is one group column.

    Raises
    ------
    InputError
        If it is not clear which column a group is of.

    Examples
    --------
    >>> references(["sex=female", "race=white"], ["race", "sex"])
    {'sex': 'female', 'race': 'white'}
    >>> references(["a=b"], ["kind"])
    {'kind': 'a=b'}
    """
    found: dict[str, str] = {}
    for text in given or ():
        fits = [c for c in columns if text.startswith(f"{c}=")]
        if not fits and len(columns) != 1:
            listed = ", ".join(columns) or "none"
            raise InputError(f"--reference is {text!r}, expected COLUMN=GROUP (group columns: {listed}).")
        column = max(fits, key=len) if fits else columns[0]
        group = text[len(column) + 1 :] if fits else text
        if column in found:
            raise InputError(f"--reference names two groups of {column!r}, expected one.")
        found[column] = group
    return found
