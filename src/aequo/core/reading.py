"""Readers of policy keys: each takes the key and what was given, and returns the canonical value or refuses it.

A refusal is a `PolicyError` of one sentence that carries the key, so that whoever knows the file can name the line.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterator, Mapping
from numbers import Integral, Real
from typing import Any, TypeVar, cast
from urllib.parse import parse_qs, urlsplit

from aequo.core.levels import level, sort_levels
from aequo.core.limits import CHECKS, LIMITS, UNBOUNDED
from aequo.core.toml import KeyPath, toml_key
from aequo.errors import PolicyError, did_you_mean

__all__ = [
    "Frozen",
    "known",
    "read_choice",
    "read_column",
    "read_columns",
    "read_each",
    "read_key_source",
    "read_ledger_url",
    "read_level",
    "read_limits",
    "read_missing",
    "read_number",
    "read_optional_column",
    "read_optional_level",
    "read_optional_number",
    "read_origin",
    "read_population",
    "read_reference",
    "read_required",
    "read_shares",
    "read_table",
    "read_text",
    "read_whole",
]

K = TypeVar("K")
V = TypeVar("V")


class Frozen(Mapping[K, V]):
    """A mapping that cannot change: it can be hashed, compared with any mapping, copied and pickled.

    Examples
    --------
    >>> Frozen({"race": "white"})
    {'race': 'white'}
    """

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[K, V] | None = None) -> None:
        self._items: dict[K, V] = dict(items or {})

    def __getitem__(self, key: K) -> V:
        return self._items[key]

    def __iter__(self) -> Iterator[K]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(frozenset(self._items.items()))

    def __repr__(self) -> str:
        return repr(self._items)


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, (list, tuple)):
        return "an empty list" if not value else "a list"
    try:
        text = repr(value)
    except ValueError:  # an integer of more digits than Python writes
        return "a huge number"
    return text if len(text) <= 50 else text[:47] + "..."


def _wrong(key: KeyPath, value: object, expected: str) -> PolicyError:
    return PolicyError(f"{_dotted(key)} is {_shown(value)}, expected {expected}.", key=key)


def _dotted(key: KeyPath) -> str:
    text = ""
    for part in key:
        text += f"[{part + 1}]" if isinstance(part, int) else ("." if text else "") + toml_key(part)
    return text


def read_text(key: KeyPath, value: object) -> str:
    """Read text."""
    if not isinstance(value, str):
        raise _wrong(key, value, "text in quotes")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise PolicyError(f"{_dotted(key)} has half of a surrogate pair, which is no character.", key=key) from None
    return str(value)


def read_column(key: KeyPath, value: object) -> str:
    """Read the name of a column."""
    if not isinstance(value, str) or not value.strip():
        raise _wrong(key, value, "the name of a column, in quotes")
    return read_text(key, value)


def read_optional_column(key: KeyPath, value: object) -> str | None:
    """Read the name of a column, or None."""
    return None if value is None else read_column(key, value)


def read_columns(key: KeyPath, value: object) -> tuple[str, ...]:
    """Read a list of columns, none twice."""
    names = read_each(key, value, 'a list of columns such as ["race", "sex"]', read_column)
    for index, name in enumerate(names):
        if name in names[:index]:
            raise PolicyError(f"{_dotted(key)} names {name!r} twice.", key=(*key, index))
    return names


def read_each(key: KeyPath, value: object, expected: str, read: Callable[[KeyPath, object], V]) -> tuple[V, ...]:
    """Read a list of things."""
    if not isinstance(value, (list, tuple)):
        raise _wrong(key, value, expected)
    return tuple(read((*key, index), item) for index, item in enumerate(value))


def read_level(key: KeyPath, value: object) -> str:
    """Read one value as canonical text, as groups and labels are."""
    if isinstance(value, (str, Integral, Real, dt.date, dt.time)) or hasattr(value, "item"):
        try:
            text = level(value)
        except ValueError:
            text = None
        if text is not None:
            return read_text(key, text)
    raise _wrong(key, value, "one value: text, a number, a boolean or a date")


def read_optional_level(key: KeyPath, value: object) -> str | None:
    """Read one value as canonical text, or None."""
    return None if value is None else read_level(key, value)


def read_missing(key: KeyPath, value: object) -> tuple[str, ...]:
    """Read the texts that mean "no value"."""

    def read(at: KeyPath, item: object) -> str:
        if isinstance(item, bool) or not isinstance(item, (str, Real)):
            raise _wrong(at, item, "text or a number that means missing")
        return read_text(at, level(item, missing=()) or "")

    return tuple(dict.fromkeys(read_each(key, value, 'a list such as ["", "NA", "?"]', read)))


def read_number(low: float, high: float, expected: str) -> Callable[[KeyPath, object], float]:
    """Return a reader of numbers in a range."""

    def read(key: KeyPath, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, Real) or not low <= cast(float, value) <= high:
            raise _wrong(key, value, expected + _percent_hint(value, low, high))
        return float(value) + 0.0  # no negative zero

    return read


def _percent_hint(value: object, low: float, high: float) -> str:
    if isinstance(value, bool) or not isinstance(value, Real) or not (2 <= cast(float, value) <= 100 and high <= 1):
        return ""
    share = float(value) / 100
    return f" (write {share:g} for {float(value):g} %)" if low <= share <= high else ""


def read_optional_number(low: float, high: float, expected: str) -> Callable[[KeyPath, object], float | None]:
    """Return a reader of numbers in a range, or None."""
    read = read_number(low, high, expected)
    return lambda key, value: None if value is None else read(key, value)


def read_whole(low: int, high: int) -> Callable[[KeyPath, object], int]:
    """Return a reader of whole numbers in a range."""

    def read(key: KeyPath, value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, Integral) or not low <= cast(int, value) <= high:
            raise _wrong(key, value, f"a whole number from {low} to {high:,}")
        return int(value)

    return read


def read_choice(*options: str) -> Callable[[KeyPath, object], str]:
    """Return a reader of one of these words."""

    def read(key: KeyPath, value: object) -> str:
        if not isinstance(value, str) or value not in options:
            listed = " or ".join([", ".join(repr(o) for o in options[:-1]), repr(options[-1])])
            error = _wrong(key, value, listed)
            hint = did_you_mean(value, options) if isinstance(value, str) else ""
            raise PolicyError(f"{error}{hint}", key=key)
        return value

    return read


def read_table(key: KeyPath, value: object, expected: str) -> Mapping[Any, object]:
    """Read a mapping."""
    if not isinstance(value, Mapping):
        raise _wrong(key, value, expected)
    return value


def read_reference(key: KeyPath, value: object) -> Frozen[str, str]:
    """Read ``column = group``."""
    table = read_table(key, value, 'a table such as { race = "white" }')
    return Frozen({read_column(key, c): read_level((*key, c), table[c]) for c in sorted(table, key=str)})


def read_population(key: KeyPath, value: object) -> Frozen[str, Frozen[str, float]]:
    """Read ``column = {group = share}``; shares sum to 1."""
    table = read_table(
        key, value, "a table of shares for each column, such as { sex = { female = 0.51, male = 0.49 } }"
    )
    return Frozen({read_column(key, c): read_shares((*key, c), table[c]) for c in sorted(table, key=str)})


def read_shares(key: KeyPath, value: object) -> Frozen[str, float]:
    """Read ``group = share``; shares sum to 1."""
    table = read_table(key, value, "shares that sum to 1, such as { female = 0.51, male = 0.49 }")
    share = read_number(0, 1, "a share from 0 to 1")
    shares: dict[str, float] = {}
    for group, given in table.items():
        name = read_level(key, group)
        if name in shares:
            raise PolicyError(f"{_dotted(key)} names the group {name!r} twice.", key=(*key, group))
        shares[name] = share((*key, group), given)
    total = math.fsum(shares.values())
    if abs(total - 1) > 1e-3:
        raise PolicyError(f"{_dotted(key)} has shares that sum to {total:.4g}, expected 1.", key=key)
    return Frozen({str(name): shares[str(name)] for name in sort_levels(shares)})


def read_limits(key: KeyPath, value: object) -> Frozen[str, float]:
    """Read ``check = limit``; limits not given have their default."""
    table = read_table(key, value, "a table of limits such as { demographic_parity = 0.1 }")
    for name in table:
        if name not in LIMITS:
            hint = did_you_mean(str(name).replace("-", "_"), LIMITS)
            if name == "required":
                hint = " It belongs at the top of the file, before the first section."
            raise PolicyError(f"limits has no key {str(name)!r}.{hint or known(LIMITS)}", key=(*key, name))
    limits = {}
    for name, rule in LIMITS.items():
        top = f"from {rule.low:g} to {rule.high:g}" if rule.high < UNBOUNDED else f"from {rule.low:g} up"
        limits[name] = read_number(rule.low, rule.high, f"a number {top}")((*key, name), table.get(name, rule.default))
    return Frozen(limits)


def read_required(key: KeyPath, value: object) -> tuple[str, ...]:
    """Read a list of checks by id, none twice."""

    def read(at: KeyPath, item: object) -> str:
        name = read_text(at, item).replace("_", "-")
        if name not in CHECKS:
            hint = did_you_mean(name, CHECKS) or known(CHECKS)
            raise PolicyError(f"{_dotted(key)} names {_shown(item)}, which is no check.{hint}", key=at)
        return name

    names = read_each(key, value, 'a list of checks such as ["demographic-parity"]', read)
    for index, name in enumerate(names):
        if name in names[:index]:
            raise PolicyError(f"{_dotted(key)} names {name!r} twice.", key=(*key, index))
    return names


def read_ledger_url(key: KeyPath, value: object) -> str | None:
    """Read where a ledger is, or None. A password is refused: a policy is shown in every report."""
    if value is None:
        return None
    expected = "a url such as sqlite:///ledger.db or postgresql://user@host/database"
    text = read_text(key, value)
    try:
        parts = urlsplit(text)
        secret = parts.password is not None or "password" in parse_qs(parts.query, keep_blank_values=True)
    except ValueError:
        raise PolicyError(f"{_dotted(key)} is no url, expected {expected}.", key=key) from None
    if secret:
        raise PolicyError(
            f"{_dotted(key)} holds a password, expected a url without one: leave it to PGPASSWORD or ~/.pgpass.",
            key=key,
        )
    if not text.startswith(("sqlite:///", "postgresql://", "postgres://")) or text == "sqlite:///":
        raise _wrong(key, value, expected)
    return text


def read_key_source(key: KeyPath, value: object) -> str | None:
    """Read where a key is, or None. What may be the key itself is refused and not shown."""
    if value is None:
        return None
    kind, _, rest = value.partition(":") if isinstance(value, str) else ("", "", "")
    if kind not in ("file", "env") or not rest.strip():
        raise PolicyError(
            f"{_dotted(key)} names no place of a key, expected file:PATH or env:NAME; the key itself does not belong "
            "in a policy.",
            key=key,
        )
    return read_text(key, value)


def read_origin(key: KeyPath, value: object) -> str | None:
    """Read the name of a ledger, or None."""
    if value is None:
        return None
    text = read_text(key, value)
    if not text or "+" in text or any(c.isspace() or not c.isprintable() for c in text):
        raise _wrong(key, value, "a name without blanks and plus signs, such as example.com/loans")
    return text


def known(names: Mapping[str, object] | tuple[str, ...]) -> str:
    """Return a sentence that lists the names there are."""
    return f" There are: {', '.join(names)}."
