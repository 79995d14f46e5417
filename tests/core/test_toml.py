"""Where keys stand in a TOML text, and TOML written: held against the standard library's reader."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aequo.core.toml import KeyPath, key_lines, toml_key, toml_text, toml_value

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
SCALARS = st.one_of(TEXT, st.booleans(), st.integers(-(2**40), 2**40), st.floats(allow_nan=False, allow_infinity=False))
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=6
)


def paths(value: Any, at: KeyPath = ()) -> set[KeyPath]:
    """All keys and array positions, the slow and obvious way."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = {at} if at else set()
    return found.union(*(paths(inner, (*at, key)) for key, inner in pairs))


@given(st.dictionaries(TEXT, VALUES, max_size=5))
def test_what_is_written_is_read_back(values: dict[str, Any]) -> None:
    text = "\n".join(f"{toml_key(k)} = {toml_value(v)}" for k, v in values.items())
    assert tomllib.loads(text) == values


@given(st.lists(st.tuples(TEXT, st.dictionaries(TEXT, VALUES, max_size=3)), max_size=4, unique_by=lambda t: t[0]))
def test_every_key_has_the_line_that_it_was_written_on(sections: list[tuple[str, dict[str, Any]]]) -> None:
    lines: list[str] = ["# a comment with [brackets] and 'quotes'"]
    expected: dict[KeyPath, int] = {}
    for name, values in sections:
        lines += ["", f"[{toml_key(name)}]  # = [ \" '"]
        expected[(name,)] = len(lines)
        for key, value in values.items():
            lines.append(f"{toml_key(key)} = {toml_value(value)} # '''")
            expected |= {(name, key, *rest): len(lines) for rest in [(), *(p for p in paths(value))]}
    text = "\n".join(lines)
    assert paths(tomllib.loads(text)) == set(expected)
    assert key_lines(text) == expected


AWKWARD = '''
title = """
one [a]
x = 1 \\""" still"""          # 2
'quoted key' . "two\\u00e9" = \'\'\'
[not.a.table]
key = "no"'\'\'\'              # 5
list = [                       # 8
  "a,]",  # comment ]
  { x = 1, "y.z" = [1,
     2] },                     # 11
  \'\'\'raw
  ]\'\'\', ]
when = 1979-05-27 07:32:00
[a.b."c d"]
dotted.key.here = true
[[fruit]]
name = "apple"
[fruit.physical]
colour = "red"
[[fruit.kinds]]
name = "granny"
[[fruit.kinds]]
name = "delicious"
[[fruit]]
name = "pear"
empty = {}
'''


def test_awkward_toml_is_walked_as_the_standard_library_reads_it() -> None:
    lines = key_lines(AWKWARD)
    assert paths(tomllib.loads(AWKWARD)) == set(lines)
    text = AWKWARD.split("\n")
    for path, words in {
        ("quoted key", "twoé"): "'quoted key'",
        ("list", 1, "y.z", 1): "     2] },",
        ("list", 2): "  '''raw",
        ("a", "b", "c d", "dotted", "key", "here"): "dotted",
        ("fruit", 0, "physical", "colour"): "colour",
        ("fruit", 0, "kinds", 1, "name"): 'name = "delicious"',
        ("fruit", 1, "name"): 'name = "pear"',
    }.items():
        assert text[lines[path] - 1].startswith(words), path


@settings(max_examples=300)
@given(st.text(st.sampled_from("ab=[]{}\"'.,\n #\\1u"), max_size=40))
def test_any_text_that_the_standard_library_accepts_is_walked_alike(text: str) -> None:
    try:
        plain = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        key_lines(text)  # means nothing, and yet it ends
    else:
        assert paths(plain) == set(key_lines(text))


@pytest.mark.parametrize("value", ["", "a b", "é", 'say "x"', "\x00\x7f\n\t", "\U0001f600", "\ue000"])
def test_any_text_survives(value: str) -> None:
    assert tomllib.loads(f"{toml_text(value)} = {toml_text(value)}") == {value: value}
