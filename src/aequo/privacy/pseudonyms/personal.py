"""Find the columns that look personal, by their names and by what is in them; nothing of what is in them is told."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aequo.core.table import Table
from aequo.privacy.pseudonyms import patterns
from aequo.privacy.pseudonyms.fields import kind_by_name
from aequo.privacy.pseudonyms.normal import is_missing, text_of

__all__ = ["PersonalColumn", "Sample", "judge_column", "personal_columns", "sample_of"]

ROWS = 10_000
"""How many rows are looked at unless told otherwise."""

_MOST = 2 * ROWS
_SEED = 20_240_501
_MAJORITY = 0.5
_PEOPLE = 0.15  # measured: a list of common names knows 44 % of names, and 6 % of companies look like one
_ADDRESSES = 0.3
_EVEN_ONE = 0.0
_SOME_PHONES = 0.002
_FEW, _ENOUGH, _MANY = 20, 20, 50
_ALL_DIFFERENT = 0.95
_WORDS = 6
_SPREAD = 25

_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?", re.IGNORECASE)
_BROKEN = re.compile(r"[+-]?\d*\.\d+(?:e[+-]?\d+)?|[+-]?\d+(?:\.\d+)?e[+-]?\d+", re.IGNORECASE)
_DATED = re.compile(r"(\d{4})[-/.]\d{1,2}[-/.]\d{1,2}(?:[T ].*)?|\d{1,2}[-/. ]\d{1,2}[-/. ](\d{4})(?: .*)?")
_TOKEN = re.compile(r"p\d{1,9}_[0-9a-f]{16,64}(?:@example\.com)?")


@dataclass(frozen=True, slots=True)
class PersonalColumn:
    """A column that looks personal.

    Attributes
    ----------
    column : str
        Its name; a path with points where it is nested.
    kind : str
        What it seems to hold, such as ``email`` or ``free text``.
    by : tuple of str
        ``name``, ``content``, or both.
    share : float or None
        Share of the values looked at whose content says so; None if only the name does.
    n : int
        Values looked at, missing ones left out.
    why : str
        One sentence.
    """

    column: str
    kind: str
    by: tuple[str, ...]
    share: float | None
    n: int
    why: str


class Sample:
    """Some values of each column, as text, to be looked at and then forgotten.

    Parameters
    ----------
    missing : collection of str
        Texts that mean "missing".
    """

    def __init__(self, missing: Collection[str] = ("",)) -> None:
        self._missing = missing
        self.columns: dict[str, list[str]] = {}
        self.unseen: set[str] = set()

    def add(self, column: str, values: Iterable[Any]) -> None:
        """Add values of one column."""
        texts = self.columns.setdefault(column, [])
        for value in values:
            if len(texts) < _MOST and not is_missing(value, self._missing):
                texts.append((text_of(value) or "").strip())

    def judge(self, known: Collection[str] = ()) -> tuple[PersonalColumn, ...]:
        """Return the columns that look personal, in the order they came; those in `known` are left out."""
        found = [judge_column(name, texts) for name, texts in self.columns.items() if name not in known]
        nested = [
            PersonalColumn(
                name, "nested", ("content",), None, 0, "it holds lists or structures, which were not looked into"
            )
            for name in sorted(self.unseen)
            if name not in known
        ]
        return (*(one for one in found if one is not None), *nested)


def personal_columns(
    data: Any, *, rows: int = ROWS, missing: Sequence[str] = ("",), encoding: str = "utf-8"
) -> tuple[PersonalColumn, ...]:
    """Return the columns that look personal, and why.

    Parameters
    ----------
    data : path, frame or mapping of columns
        What `aequo.Table` can be made of.
    rows : int
        Most rows to look at; they are drawn at random, with a fixed seed.
    missing : sequence of str
        Texts that mean "missing".
    encoding : str
        Encoding of CSV files.

    Returns
    -------
    tuple of PersonalColumn
        In the order of the columns. A column that is not in it may still be personal: a test finds what it knows.

    Examples
    --------
    >>> rows = {"contact": ["a@x.org", "b@y.org"], "age": [31, 47], "note": ["x", "ring 617-555-0123"]}
    >>> found = personal_columns(rows)
    >>> [(one.column, one.kind, one.share, one.n) for one in found]
    [('contact', 'email', 1.0, 2), ('note', 'text with phones', 0.5, 2)]
    """
    return sample_of(data, rows=rows, missing=missing, encoding=encoding).judge()


def sample_of(
    data: Any,
    *,
    rows: int = ROWS,
    missing: Sequence[str] = ("",),
    encoding: str = "utf-8",
    columns: Collection[str] = (),
) -> Sample:
    """Return a sample of what a table can be made of; columns named in `columns` are left out."""
    table = Table.of(data, missing=missing, encoding=encoding)
    sample = Sample(missing)
    wanted = [name for name in table.columns if name not in columns]
    plain = [name for name in wanted if table.kind(name) != "other"]
    sample.unseen.update(name for name in wanted if name not in plain)
    for name, values in table.sample(rows, seed=_SEED, columns=plain).items() if plain else ():
        sample.add(name, values.tolist())
    return sample


# -- one column -------------------------------------------------------------------------------------------------------


def judge_column(column: str, texts: Sequence[str]) -> PersonalColumn | None:
    """Return what makes a column look personal, or None.

    Parameters
    ----------
    column : str
        Its name, or its path with points.
    texts : sequence of str
        Values, as text; missing ones left out.

    Examples
    --------
    >>> judge_column("ref", ["4111 1111 1111 1111", "5500 0000 0000 0004"]).why
    '2 of 2 values are card numbers with the right check digit'
    >>> judge_column("phone", ["yes", "no"] * 50) is None
    True
    """
    n = len(texts)
    counted = Counter(texts)
    tokens = sum(count for text, count in counted.items() if _TOKEN.fullmatch(text))
    if n and tokens == n:
        return None  # pseudonyms of ours
    named = kind_by_name(column.rpartition(".")[2] or column)
    if named is not None and _contradicted(named, counted, n):
        named = None
    kind, share, said = _content(counted, n) if n else ("", 0.0, "")
    if named is None and not kind:
        return None
    if not kind or (named is not None and kind in _VAGUE):
        return PersonalColumn(column, named or kind, ("name",), None, n, f"its name says {named}")
    if named is None:
        return PersonalColumn(column, kind, ("content",), share, n, said)
    return PersonalColumn(column, named, ("name", "content"), share, n, f"its name says {named}, and {said}")


_VAGUE = ("free text", "identifier")


def _contradicted(named: str, counted: Counter[str], n: int) -> bool:
    """Tell whether a column holds classes, true and false, or measurements, whatever its name says."""
    if n < _MANY:
        return False
    if len(counted) <= _FEW and not any(map(patterns.holds_email, counted)):
        return True
    broken = sum(count for text, count in counted.items() if _BROKEN.fullmatch(text))
    return named != "location" and broken >= _MAJORITY * n


_Test = Callable[[str], bool]
# Kind, test of one value, share of values from which a column is of that kind, and how it is said.
_TESTS: tuple[tuple[str, _Test, float, str], ...] = (
    ("email", patterns.is_email, _MAJORITY, "are e-mail addresses"),
    ("iban", patterns.is_iban, _MAJORITY, "are IBANs with the right check digits"),
    ("card number", patterns.is_card, _MAJORITY, "are card numbers with the right check digit"),
    ("ssn", patterns.is_ssn, _MAJORITY, "are written as US social security numbers"),
    ("IP address", patterns.is_ip, _MAJORITY, "are IP addresses"),
    ("phone", patterns.is_phone, _MAJORITY, "are written as telephone numbers"),
    ("text with e-mails", patterns.holds_email, _EVEN_ONE, "hold an e-mail address"),
    ("text with ibans", patterns.holds_iban, _EVEN_ONE, "hold an IBAN with the right check digits"),
    ("text with ssns", patterns.holds_ssn, _EVEN_ONE, "hold a US social security number"),
    ("text with card numbers", patterns.holds_card, _EVEN_ONE, "hold a card number with the right check digit"),
    ("text with phones", patterns.holds_phone, _SOME_PHONES, "hold a telephone number"),
    ("name", patterns.is_person, _PEOPLE, "read as names of people"),
    ("address", patterns.is_address, _ADDRESSES, "read as postal addresses"),
)


def _content(counted: Counter[str], n: int) -> tuple[str, float, str]:
    """Return what most speaks for a column being personal: kind, share and a sentence; empty if nothing does."""
    numbers = sum(count for text, count in counted.items() if _NUMBER.fullmatch(text))
    for kind, test, least, said in _TESTS:
        # Within a row of digits every hit is chance; only a whole column of them means something.
        looked_at = counted if least == _MAJORITY else {t: c for t, c in counted.items() if not _NUMBER.fullmatch(t)}
        hits = sum(count for text, count in looked_at.items() if test(text))
        if hits and hits >= least * n:
            return kind, hits / n, f"{hits:,} of {n:,} values {said}"
    return _births(counted, n) or _free_text(counted, n) or _identifier(counted, n, numbers) or ("", 0.0, "")


def _births(counted: Mapping[str, int], n: int) -> tuple[str, float, str] | None:
    years = sorted(
        int(found[1] or found[2])
        for text, count in counted.items()
        if (found := _DATED.fullmatch(text)) is not None
        for _ in range(count)
    )
    if len(years) < max(_ENOUGH, _ALL_DIFFERENT * n):
        return None
    low, high = years[len(years) // 10], years[(len(years) * 9) // 10]
    if high - low < _SPREAD or low < 1880:
        return None
    return "date of birth", len(years) / n, f"its dates spread over {high - low} years, as dates of birth do"


def _free_text(counted: Mapping[str, int], n: int) -> tuple[str, float, str] | None:
    if n < _ENOUGH or len(counted) < _MAJORITY * n:
        return None
    long = sum(count for text, count in counted.items() if text.count(" ") >= _WORDS - 1)
    if long < _MAJORITY * n:
        return None
    return "free text", long / n, f"{long:,} of {n:,} values are sentences, which may say anything of anybody"


def _identifier(counted: Mapping[str, int], n: int, numbers: int) -> tuple[str, float, str] | None:
    """Return whether nearly every row has its own value, and it is no measurement and no point in time."""
    share = len(counted) / n
    if n < _MANY or share < _ALL_DIFFERENT:
        return None
    if any(map(_DATED.fullmatch, counted)) or any(map(_BROKEN.fullmatch, counted)):
        return None
    if numbers >= _MAJORITY * n:
        lengths = Counter(len(text) for text in counted)
        alike = lengths.most_common(1)[0]
        whole = [int(float(text)) for text in counted if _NUMBER.fullmatch(text)]
        counting = max(whole) - min(whole) < 2 * math.ceil(n / _ALL_DIFFERENT)
        long = alike[0] >= 6 and alike[1] >= _ALL_DIFFERENT * len(counted)
        if share < 1 or not (counting or long):
            return None
    return "identifier", share, f"{len(counted):,} of {n:,} values are different, so that it tells the rows apart"
