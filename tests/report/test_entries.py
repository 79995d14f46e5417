"""Entries on a terminal: one line each or whole, safe to show, readable on a narrow screen."""

from __future__ import annotations

import datetime as dt
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aequo.ledger import Entry
from aequo.report.entries import EntryLines, entry_line, show_entry

from .samples import HOSTILE


def entry(event: Any, kind: str = "event", **more: Any) -> Entry:
    values: dict[str, Any] = {"index": 41_999, "subject": None, "sealed": "none", **more}
    return Entry(
        id="5f" * 16, time=dt.datetime(2026, 1, 31, 9, 5, 7, 123, tzinfo=dt.UTC), kind=kind, event=event,
        leaf=bytes(32), **values,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("made", "line"),
    [
        (
            entry({"kind": "decision", "model_version": "v3", "output": 1, "verdict": "allow"}, "decision"),
            "1; version v3; verdict allow",
        ),
        (
            entry({"kind": "decision", "model_version": "v3"}, "decision", sealed="locked"),
            "(sealed); version v3; (sealed)",
        ),
        (entry({"kind": "outcome", "of": 3, "truth": "1", "operator_id": "b"}, "outcome"), 'of 3: "1"; by b'),
        (entry({"kind": "override", "of": 3, "output": None}, "override"), "of 3: null"),
        (
            entry({"kind": "assessment", "verdict": "fail", "data": {"rows": 20}, "result": "sha256:ab"}, "assessment"),
            "fail; 20 rows; result sha256:ab",
        ),
        (entry({"kind": "review", "stars": 4, "tags": ["a"]}, "review"), 'stars 4; tags ["a"]'),
        (entry(None, sealed="erased"), "(forgotten)"),
        (entry(None), "null"),
        (entry([1, "a"]), '[1, "a"]'),
        (entry({"kind": "outcome", "of": {"x": 1}}, "outcome"), "of {'x': 1}: null"),
        (entry({"kind": "assessment"}, "assessment"), "null"),
    ],
)
def test_an_entry_in_one_line(made: Entry, line: str) -> None:
    assert entry_line(made) == line


def shown(made: Entry, width: int) -> list[str]:
    table, whole = io.StringIO(), io.StringIO()
    lines = EntryLines(made.index, file=table, width=width)
    lines.heads()
    lines.show([made])
    show_entry(made, file=whole, width=width)
    return [*table.getvalue().splitlines(), *whole.getvalue().splitlines()]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("width", [64, 80, 160])
def test_hostile_values_are_shown_as_text_within_the_screen(name: str, width: int) -> None:
    from rich.cells import cell_len

    made = entry({"kind": "decision", "output": name, "model_version": name, name: name}, "decision")
    lines = shown(made, width)
    assert all(cell_len(line) <= width and line == line.rstrip() for line in lines)
    assert not any(bad in line for line in lines for bad in ("\x1b", "\x00", "\u202e", "\r"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(JSON, st.sampled_from(["decision", "outcome", "override", "assessment", "other"]))
def test_any_event_is_shown(event: Any, kind: str) -> None:
    assert "\n" not in entry_line(entry(event, kind))
    assert len(shown(entry(event, kind), 80)) >= 6


def test_an_entry_is_shown_whole() -> None:
    text = "\n".join(shown(entry({"kind": "call", "text": "hello"}, "call", subject="ab" * 16, sealed="open"), 100))
    assert "2026-01-31 09:05:07.000123 UTC" in text
    assert "abab" in text and "(keyed hash)" in text and "opened" in text and "hello" in text
