"""Compared remedies in every view: the same numbers, safe for any name, and a chart whose numbers do not touch."""

from __future__ import annotations

import html.parser
import io
import itertools
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aequo.errors import OutputError
from aequo.fairness.mitigate.comparison import Number
from aequo.report.mitigation import Mitigation
from aequo.report.mitigation_svg import _HEIGHT, _TOP, Point, _labels, frontier
from aequo.report.mitigation_terminal import show
from aequo.report.mitigation_view import lines

from .mitigation_samples import NASTY, SAMPLES

NAMES = list(SAMPLES)


@pytest.fixture(scope="module")
def samples() -> dict[str, Mitigation]:
    return {name: make() for name, make in SAMPLES.items()}


def terminal(result: Mitigation, width: int = 80, encoding: str = "utf-8") -> str:
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding=encoding, newline="")
    show(result, file=out, width=width)
    out.flush()
    return raw.getvalue().decode(encoding)


class Balanced(html.parser.HTMLParser):
    """Keeps a stack of open elements."""

    void = frozenset(("meta", "link", "br", "line", "rect", "circle", "img"))

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.append(tag)
        if tag not in self.void:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.void:
            assert self.open.pop() == tag


# -- every view -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_every_view_names_each_remedy_and_the_verdict(samples: dict[str, Mitigation], name: str) -> None:
    result = samples[name]
    for text in (terminal(result, 120), result.to_markdown(), result.to_html()):
        for remedy in result.comparison.remedies:
            assert remedy.name in text.replace("\\", "")
        assert result.verdict.value in text.lower()
        assert "grid" in text  # what was not tried is named


@pytest.mark.parametrize("name", NAMES)
def test_views_show_the_same_numbers(samples: dict[str, Mitigation], name: str) -> None:
    result = samples[name]
    page, paper = result.to_html(), result.to_markdown()
    for line in lines(result.comparison):
        for number in (line.gap, line.accuracy):
            assert number in page and number in paper


@pytest.mark.parametrize("name", NAMES)
def test_the_page_is_well_formed_asks_for_nothing_and_holds_its_json(samples: dict[str, Mitigation], name: str) -> None:
    page = samples[name].to_html()
    parser = Balanced()
    parser.feed(page)
    parser.close()
    assert parser.open == []
    assert not re.search(r"(?:src|href)=\"(?!#|data:)", page)
    assert page.count("<script") == 1
    raw = re.search(r'<script type="application/json" id="result">(.*?)</script>', page, re.DOTALL)
    assert raw is not None
    assert json.loads(raw[1]) == samples[name].to_dict()


def test_no_name_can_become_markup_or_control_the_terminal(samples: dict[str, Mitigation]) -> None:
    result = samples["nasty"]
    page = result.to_html()
    assert "<script>alert" not in page
    for text in (page, result.to_markdown(), terminal(result, 100)):
        assert "\x1b" not in text and "\u202e" not in text
    assert NASTY in result.to_dict()["label"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_the_terminal_keeps_to_its_width_in_any_encoding(
    samples: dict[str, Mitigation], name: str, encoding: str
) -> None:
    text = terminal(samples[name], 80, encoding)
    assert max(map(len, text.split("\n"))) <= 80


def test_the_recommended_remedy_comes_first(samples: dict[str, Mitigation]) -> None:
    shown = lines(samples["pass"].comparison)
    assert shown[0].recommended
    assert [line.remedy.pareto for line in shown[1:]] == sorted(
        (line.remedy.pareto for line in shown[1:]), reverse=True
    )
    assert {line.mark for line in shown} == {1, 2, 3, 4}


def test_words_on_top_claim_no_more_than_is_known(samples: dict[str, Mitigation]) -> None:
    assert "Take " in terminal(samples["pass"])
    assert "the best bet, and not a sure one" in terminal(samples["unknown"], 200)
    assert "No remedy is recommended" in terminal(samples["fail"])


def test_it_is_saved_whole_or_not_at_all(samples: dict[str, Mitigation], tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "model.joblib").write_bytes(b"of an earlier comparison")
    folder = samples["pass"].save(tmp_path / "a" / "b")
    assert sorted(p.name for p in folder.iterdir()) == ["mitigation.html", "mitigation.json", "mitigation.md"]
    assert (folder / "mitigation.json").read_text(encoding="utf-8") == samples["pass"].to_json() + "\n"
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(OutputError):
        samples["pass"].save(tmp_path / "file")


# -- the chart --------------------------------------------------------------------------------------------------------

places = st.lists(st.tuples(st.floats(40, 290), st.floats(_TOP, _TOP + _HEIGHT)), min_size=1, max_size=11)


@settings(max_examples=60)
@given(places)
def test_numbers_in_the_chart_never_touch_numbers_or_points(points: list[tuple[float, float]]) -> None:
    for scale in (1.0, 1.5, 4.0):  # and not on a wider screen either
        boxes = [
            (x * scale - 8.5, y - 12.0, x * scale + 8.5, y + 3.0)
            for (x, _), y in zip(points, _labels(points), strict=True)
        ]
        for a, b in itertools.combinations(boxes, 2):
            assert not (a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3])
        for a in boxes:
            for x, y in points:
                assert not (a[0] < x * scale + 6 and x * scale - 6 < a[2] and a[1] < y + 6 and y - 6 < a[3])


def test_the_chart_says_in_words_what_it_shows(samples: dict[str, Mitigation]) -> None:
    page = samples["crowded"].to_html()
    chart = re.search(r'<svg role="img" class="ae-dots ae-frontier".*?</svg>', page, re.DOTALL)
    assert chart is not None
    desc = re.search(r"<desc>(.*?)</desc>", chart[0])
    assert desc is not None
    for line in lines(samples["crowded"].comparison):
        assert f"{line.mark} {line.remedy.name}: gap {line.gap} points" in desc[1]
    assert chart[0].count("<title>") == 1 + 11
    assert chart[0].count('class="ae-ring"') == 1


def test_what_is_hollow_and_what_has_a_ring_does_not_need_colour() -> None:
    def point(mark: int, *, on: bool, chosen: bool) -> Point:
        return Point(
            mark=mark, name=f"p{mark}", text="t", gap=0.1 * mark, change=-0.01 * mark, gap_interval=None,
            change_interval=None, on_frontier=on, recommended=chosen,
        )  # fmt: skip

    chart = frontier([point(1, on=True, chosen=True), point(2, on=False, chosen=False)], 0.05, title="t", desc="d")
    assert chart.count("ae-ring") == 1
    assert chart.count('class="ae-dot"') == 1
    assert chart.count('class="ae-dot ae-aside"') == 1


def test_a_metric_without_a_value_is_undefined_and_not_the_remedy_none(samples: dict[str, Mitigation]) -> None:
    name = next(iter(samples))
    compared = samples[name].comparison
    nothing = Number(value=None, interval=None, n=0)
    blank = [replace(r, metrics={**r.metrics, "treatment-equality": nothing}) for r in compared.remedies]
    result = replace(samples[name], comparison=replace(compared, remedies=tuple(blank)))
    row = next(line for line in result.to_markdown().splitlines() if line.startswith("| Treatment equality"))
    assert row.count("undefined") == len(blank) and "none" not in row
    page = result.to_html()
    assert page.split("Treatment equality</th>")[1].split("</tr>")[0].count("<td>undefined</td>") == len(blank)
    assert "none%" not in page
