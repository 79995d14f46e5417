"""What `tomllib` leaves out: the line on which each key of a TOML text stands, and writing values as TOML."""

from __future__ import annotations

import bisect
import re
from collections.abc import Mapping, Sequence

__all__ = ["KeyPath", "key_lines", "toml_key", "toml_text", "toml_value"]

KeyPath = tuple[str | int, ...]
"""Names of tables and keys from the top of the file, and positions in arrays: ``("groups", "columns", 1)``."""

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SHORT = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}
_UNSHORT = {v[1]: k for k, v in _SHORT.items()}
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))")


def key_lines(text: str) -> dict[KeyPath, int]:
    r"""Return the line (from 1) of every table, key and array element of a valid TOML text.

    Parameters
    ----------
    text : str
        A text that `tomllib.loads` accepts; of any other text the answer means nothing.

    Examples
    --------
    >>> key_lines('[data]\nlabel = "y"\n\n[groups]\ncolumns = [\n  "race",\n  "sex"]')[("groups", "columns", 1)]
    7
    """
    return _Scan(text).lines


class _Scan:
    """Walks over the text once. It may trust the grammar, because `tomllib` has already read the text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[KeyPath, int] = {}
        self._breaks = [m.start() for m in re.finditer("\n", text)]
        self._sizes: dict[KeyPath, int] = {}  # arrays of tables: how many so far
        self._document()

    def _document(self) -> None:
        table: KeyPath = ()
        while self._skip(" \t\r\n"):
            if self.text.startswith("[", self.at):
                start = self.at
                many = self.text.startswith("[[", self.at)
                self.at += 2 if many else 1
                table = self._resolve(self._dotted())
                if many:
                    index = self._sizes.get(table, 0)
                    self._sizes[table] = index + 1
                    self._mark(table, start)
                    table = (*table, index)
                for depth in range(1, len(table) + 1):
                    self._mark(table[:depth], start)
                self.at = self._end_of_line()
            else:
                self._pair(table)

    def _pair(self, table: KeyPath) -> None:
        self._skip(" \t")
        start = self.at
        path = (*table, *self._dotted())
        for depth in range(len(table) + 1, len(path) + 1):
            self._mark(path[:depth], start)
        self._skip(" \t")
        self.at += 1  # the equals sign
        self._value(path)

    def _value(self, path: KeyPath) -> None:
        self._skip(" \t")
        if self.text.startswith(("'", '"'), self.at):
            self._string()
        elif self.text.startswith("[", self.at):
            self.at += 1
            index = 0
            while self._skip(" \t\r\n,") and not self.text.startswith("]", self.at):
                self._mark((*path, index), self.at)
                self._value((*path, index))
                index += 1
            self.at += 1
        elif self.text.startswith("{", self.at):
            self.at += 1
            while self._skip(" \t\r\n,") and not self.text.startswith("}", self.at):
                self._pair(path)
            self.at += 1
        else:
            plain = re.compile(r"[^\n,\]}#]*").match(self.text, self.at)
            self.at = max(plain.end() if plain else 0, self.at + 1)

    def _string(self) -> str:
        """Pass over a string of any of the four kinds; return its value (that of a key: one line)."""
        quote = self.text[self.at]
        if self.text.startswith(quote * 3, self.at):
            pattern = r"'''.*?'''+" if quote == "'" else r'"""(?:\\.|[^\\])*?"""+'
        else:
            pattern = r"'[^']*'" if quote == "'" else r'"(?:\\.|[^"\\])*"'
        found = re.compile(pattern, re.DOTALL).match(self.text, self.at)
        raw = found.group() if found else self.text[self.at :]
        self.at += len(raw)
        return raw[1:-1] if quote == "'" else _ESCAPE.sub(_unescape, raw[1:-1])

    def _dotted(self) -> KeyPath:
        parts: list[str] = []
        while True:
            self._skip(" \t")
            if self.text.startswith(("'", '"'), self.at):
                parts.append(self._string())
            else:
                bare = _BARE.match(self.text, self.at)
                parts.append(bare.group() if bare else "")
                self.at = bare.end() if bare else len(self.text)
            self._skip(" \t")
            if not self.text.startswith(".", self.at):
                return tuple(parts)
            self.at += 1

    def _resolve(self, names: KeyPath) -> KeyPath:
        """Step into the last element of each array of tables on the way, as TOML does."""
        path: KeyPath = ()
        for depth, name in enumerate(names):
            path = (*path, name)
            if depth < len(names) - 1 and path in self._sizes:
                path = (*path, self._sizes[path] - 1)
        return path

    def _skip(self, characters: str) -> bool:
        """Pass over these characters and comments; tell whether any text is left."""
        while self.at < len(self.text):
            if self.text[self.at] in characters:
                self.at += 1
            elif self.text[self.at] == "#" and "\n" in characters:
                self.at = self._end_of_line()
            else:
                return True
        return False

    def _end_of_line(self) -> int:
        end = self.text.find("\n", self.at)
        return len(self.text) if end < 0 else end

    def _mark(self, path: KeyPath, offset: int) -> None:
        self.lines.setdefault(path, bisect.bisect_left(self._breaks, offset) + 1)


def _unescape(match: re.Match[str]) -> str:
    short, long, letter = match.groups()
    return chr(int(short or long, 16)) if letter is None else _UNSHORT.get(letter, letter)


def toml_text(value: str) -> str:
    r"""Return a string as TOML writes it, on one line.

    Examples
    --------
    >>> print(toml_text('say "é"'))
    "say \"é\""
    """
    return '"' + "".join(_SHORT.get(c) or (c if c.isprintable() else _escape(c)) for c in value) + '"'


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"


def toml_key(name: str) -> str:
    """Return a key, in quotes where TOML needs them.

    Examples
    --------
    >>> toml_key("sex"), toml_key("marital status")
    ('sex', '"marital status"')
    """
    return name if _BARE.fullmatch(name) else toml_text(name)


def toml_value(value: object) -> str:
    """Return text, numbers, booleans, sequences and mappings of them as one line of TOML.

    Examples
    --------
    >>> toml_value({"race": ["black", "white"], "n": 0.5, "all": True})
    '{ race = ["black", "white"], n = 0.5, all = true }'
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return toml_text(value)
    if isinstance(value, Mapping):
        inside = ", ".join(f"{toml_key(str(k))} = {toml_value(v)}" for k, v in value.items())
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(value, Sequence):
        return "[" + ", ".join(toml_value(v) for v in value) + "]"
    return repr(value)
