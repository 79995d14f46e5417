"""Views of an activity report: the same numbers everywhere, safe to show, readable anywhere."""

from __future__ import annotations

import datetime as dt
import io
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aequo.errors import OutputError
from aequo.report import words
from aequo.report.activity import ActivityReport, Day
from aequo.report.activity_html import to_html
from aequo.report.activity_markdown import to_markdown
from aequo.report.activity_svg import columns
from aequo.report.activity_terminal import show
from aequo.report.activity_view import Bin, rate_text, sheets, timeline, value_text

from . import activity_samples as samples
from .test_views import Stream, parsed, read, unescaped, words_of


@pytest.fixture(params=samples.SAMPLES)
def report(request: pytest.FixtureRequest) -> ActivityReport:
    return samples.SAMPLES[request.param]()


def terminal(report: ActivityReport, width: int = 80) -> str:
    out = io.StringIO()
    show(report, file=out, width=width)
    return out.getvalue()


# -- the same numbers everywhere --------------------------------------------------------------------------------------


def test_every_view_has_every_number_of_an_ordinary_report() -> None:
    report = samples.ordinary()
    cells = {cell for sheet in sheets(report) for line in sheet.lines for cell in line.cells}
    cells |= {rate_text(t.errors) for t in report.decisions.by_version if t.errors}
    views = (words_of(to_html(report)), unescaped(to_markdown(report)), " ".join(terminal(report, 200).split()))
    for view in views:
        for cell in cells:
            shown = cell if view != views[0] else cell.split(" (")[0]  # the page has the interval in a cell of its own
            assert shown in view or " ".join(shown.split()) in view, cell
    for view in views[:2]:
        assert all(note in view for note in (*report.method, *report.limits))


def test_what_is_not_known_is_said_and_never_shown_as_zero() -> None:
    report = samples.ordinary()
    for view in (words_of(to_html(report)), unescaped(to_markdown(report)), terminal(report, 120)):
        lines = [line for line in re.split(r"\n|(?=v3\.0)", view) if "v3.0" in line]
        assert any("unknown: only 10 outcomes are known, and 20 are needed" in line for line in lines)
    for view in (
        words_of(to_html(samples.empty())),
        unescaped(to_markdown(samples.empty())),
        terminal(samples.empty()),
    ):
        assert "No decision was recorded." in view
        assert "unknown" in view and "0%" not in view


def test_a_table_that_would_say_nothing_is_left_out() -> None:
    titles = [s.title for s in sheets(samples.ordinary())]
    assert "By verdict of the policy" not in titles
    assert titles == ["By outcome", "By model version", "By operator", "What they changed", "Who overrode", "By kind"]


@pytest.mark.parametrize(
    ("name", "word", "sentence"),
    [
        ("ordinary", "Verified", "all as recorded; 3 checkpoints fit. No checkpoint kept elsewhere was given"),
        ("many", "Verified", "A checkpoint kept elsewhere vouches for the first 100."),
        ("tampered", "Not as recorded", "Entry 17 was changed: its bytes do not fit its hash. 1 more is listed below."),
        ("unsigned", "Verified", "The last 20 were appended without the key and are unsigned."),
        ("empty", "Not verified", "The ledger was not checked for this report"),
    ],
)
def test_every_view_says_first_whether_the_ledger_was_checked(name: str, word: str, sentence: str) -> None:
    unsigned = samples.ordinary(verification=samples.checked(signed=100))
    report = unsigned if name == "unsigned" else samples.SAMPLES[name]()
    glyph = words.GLYPHS[report.ledger.status]
    assert terminal(report).startswith(f"{glyph} {word.upper()}")
    assert to_markdown(report).split("\n")[2].startswith(f"> **{glyph} {word}.**")
    assert f"<title>{word}: example.com/loans" in to_html(report)
    for view in (words_of(to_html(report)), unescaped(to_markdown(report)), " ".join(terminal(report).split())):
        assert sentence in view


def test_the_markdown_of_an_ordinary_report() -> None:
    text = unescaped(to_markdown(samples.ordinary(verification=samples.checked(witnessed=90))))
    assert text.startswith(
        """# example.com/loans: activity report

> **✓ Verified.** 120 entries, all as recorded; 3 checkpoints fit. A checkpoint kept elsewhere vouches for the first 90.

**100 decisions, 4 of them overridden, 10.0% of the 40 with a known outcome wrong.**

- Period: 2026-01-01 to before 2026-02-01
- Decisions: 100
- With a known outcome: 40
- Error rate: 10.0%
- Overridden: 4 (4.0%)
- Entries of all kinds: 144

## Decisions by day

| Day | Decisions |
| --- | --: |
| 2026-01-05 | 60 |
| 2026-01-06 | 0 |
| 2026-01-07 | 40 |

## What was decided

### By outcome

| Outcome | Decisions | Share | Error rate (interval) of known |
| --- | --: | --: | --: |
| approve | 70 | 70.0% | 8.0% (2.2 to 25.0) of 25 |
| decline | 30 | 30.0% | unknown: only 15 outcomes are known, and 20 are needed |
"""
    )


# -- as a value -------------------------------------------------------------------------------------------------------


def test_the_json_is_the_value_and_is_in_the_page(report: ActivityReport) -> None:
    plain = report.to_dict()
    assert json.loads(report.to_json()) == plain
    assert plain["decisions"]["n"] == report.decisions.n
    assert plain["ledger"]["status"] == report.ledger.status.value
    raw = to_html(report).split('<script type="application/json" id="result">')[1].split("</script>")[0]
    embedded = json.loads(raw)
    assert embedded["decisions"]["n"] == report.decisions.n
    if len(raw) < 200_000 and "by_day" in embedded["decisions"]:
        assert embedded == plain
    else:
        assert embedded["decisions"]["by_day_left_out"] == len(report.decisions.by_day)


def test_save_writes_three_files_whole_or_not_at_all(tmp_path: Path) -> None:
    report = samples.ordinary()
    made = report.save(tmp_path / "a")
    assert sorted(p.name for p in made.iterdir()) == ["activity.html", "activity.json", "activity.md"]
    assert (made / "activity.json").read_text(encoding="utf-8") == report.to_json() + "\n"
    assert (made / "activity.html").read_text(encoding="utf-8") == report.to_html()
    assert (made / "activity.md").read_text(encoding="utf-8") == report.to_markdown()
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="the report cannot be written"):
        report.save(tmp_path / "file")


# -- nothing is let in ------------------------------------------------------------------------------------------------


def test_a_page_is_balanced_and_asks_for_nothing(report: ActivityReport) -> None:
    page = to_html(report)
    reader = read(page)
    assert all(link.startswith("#") or link == "data:," for link in reader.links)
    assert {link[1:] for link in reader.links if link.startswith("#")} <= set(reader.ids)
    assert not {"img", "iframe", "object", "embed", "video", "audio", "form", "base"} & set(reader.tags)
    assert reader.tags.count("script") == 1
    assert len(set(reader.ids)) == len(reader.ids)
    assert "default-src 'none'" in page


def test_hostile_values_are_text_and_nothing_else() -> None:
    report = samples.hostile()
    page, markdown, shown = to_html(report), to_markdown(report), terminal(report)
    assert not re.search(r"<(script>|img|svg onload)", page)
    for bad in ("\x1b", "\x00", "\u202e", "\r"):
        assert bad not in page and bad not in markdown and bad not in shown
    tokens = parsed(markdown)
    assert not [t for t in tokens if t.type.startswith("html")]
    assert not {t.type for t in tokens} & {"link_open", "image", "s_open", "em_open", "code_block", "hr"}


@given(st.text(st.characters(codec="utf-8"), max_size=40) | st.integers() | st.floats(allow_nan=False) | st.booleans())
def test_values_of_different_kinds_read_differently(value: str | float | bool) -> None:
    shown = value_text(value)
    assert shown and "\n" not in shown
    others = [value_text(v) for v in (True, False, None, 0, 1, 1.5) if v is not value and v != value]
    assert shown not in others


# -- it stays small and readable --------------------------------------------------------------------------------------


def test_a_page_stays_small_however_many_values_there_are() -> None:
    page = to_html(samples.many())
    assert len(page.encode()) < 400_000
    assert "940 more are in <code>activity.json</code>" in page
    assert len(terminal(samples.many()).splitlines()) < 120
    assert len(to_markdown(samples.many()).splitlines()) < 2000


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_on_the_terminal_is_wider_than_it(report: ActivityReport, width: int) -> None:
    from rich.cells import cell_len

    lines = terminal(report, width).splitlines()
    assert all(cell_len(line) <= width for line in lines)
    assert all(line == line.rstrip() for line in lines)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_stream_that_knows_few_characters_gets_ascii(report: ActivityReport, encoding: str) -> None:
    stream = Stream(encoding)
    show(report, file=stream, width=80)
    assert "decision" in stream.written()


# -- time -------------------------------------------------------------------------------------------------------------


@given(st.lists(st.dates(dt.date(1990, 1, 1), dt.date(2090, 1, 1)), max_size=12, unique=True))
def test_bins_of_time_hold_every_decision_once_and_leave_no_gap(dates: list[dt.date]) -> None:
    days = [Day(day=d, n=i + 1) for i, d in enumerate(sorted(dates))]
    unit, bins = timeline(days)
    assert sum(b.n for b in bins) == sum(d.n for d in days)
    assert len(bins) <= 107
    names = [b.name for b in bins]
    assert names == sorted(set(names))
    if days:
        assert bins[0].n and bins[-1].n
        most = {"day": 1, "week": 7, "month": 31, "year": 366}[unit]
        assert (len(bins) - 1) * most >= (days[-1].day - days[0].day).days - most


def test_columns_are_as_high_as_their_numbers() -> None:
    chart = columns([Bin("a", 10), Bin("b", 5), Bin("c", 0)], title="<t>", desc="d")
    heights = [float(h) for h in re.findall(r'<rect[^>]* height="([\d.]+)"', chart)]
    assert heights == [150.0, 75.0]
    assert "&lt;t&gt;" in chart and "<title>a: 10</title>" in chart
