"""Charts are valid, small and true; colours stand out from what is behind them."""

from __future__ import annotations

import itertools
import math
import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aequo.core.finding import Status
from aequo.report.html import to_html
from aequo.report.svg import Dot, axis, dot_chart, limit_bar

from . import samples

numbers = st.floats(-1e6, 1e6)
shares = st.floats(0, 1)


def charts(page: str) -> list[str]:
    return re.findall(r"<svg.*?</svg>", page, re.DOTALL)


@pytest.mark.parametrize("name", samples.SAMPLES)
def test_every_chart_of_a_page_is_valid_xml_with_a_name(name: str) -> None:
    for chart in charts(to_html(samples.SAMPLES[name]())):
        root = ET.fromstring(chart)
        assert root.get("role") == "img"
        assert root[0].tag == "title" and root[0].text
        if root.get("class") == "ae-dots":
            assert root[1].tag == "desc" and root[1].text


def test_a_chart_of_six_groups_is_a_few_kilobytes() -> None:
    dots = [c for c in charts(to_html(samples.compas())) if "ae-dots" in c]
    assert len(dots) == 6
    assert all(len(c) < 4_500 for c in dots)


@given(st.lists(st.tuples(shares, shares, shares), min_size=1, max_size=12))
def test_a_dot_lies_where_its_value_says(rows: list[tuple[float, float, float]]) -> None:
    ordered = [sorted(r) for r in rows]
    dots = [Dot(label="g", value=value, interval=(low, high), text=str(value)) for low, value, high in ordered]
    root = ET.fromstring(dot_chart(dots, title="t", desc="d", show=str, bounds=(0, 1)))
    at = [float(c.get("cx", "").rstrip("%")) for c in root.iter("circle")]
    ends = [(float(e.get("x1", "")[:-1]), float(e.get("x2", "")[:-1])) for e in root if "ae-span" in e.get("class", "")]
    assert len(at) == len(rows)
    assert all(0 <= x <= 100 for x in at)
    assert all(a <= x + 0.011 and x <= b + 0.011 for x, (a, b) in zip(at, ends, strict=True))
    for (i, a), (j, b) in itertools.combinations(enumerate(at), 2):
        if dots[i].value - dots[j].value > 1e-3:  # type: ignore[operator]
            assert a >= b


@given(numbers, numbers)
def test_an_axis_covers_its_range_at_even_steps(a: float, b: float) -> None:
    low, high, ticks = axis(min(a, b), max(a, b))
    slack = 1e-6 * max(1.0, abs(a), abs(b))
    assert low <= min(a, b) + slack and max(a, b) - slack <= high
    assert 2 <= len(ticks) <= 8
    steps = [y - x for x, y in itertools.pairwise(ticks)]
    assert max(steps) - min(steps) <= 1e-6 * max(abs(low), abs(high), 1e-9)


@given(shares, shares)
def test_an_axis_of_shares_stays_within_0_and_1(a: float, b: float) -> None:
    low, high, _ = axis(min(a, b), max(a, b), bounds=(0, 1))
    assert low >= 0 and high <= 1


def test_a_group_without_a_value_has_no_dot_and_says_so() -> None:
    dots = [Dot(label="<&>\"'", value=None, interval=None, text="not enough data")]
    root = ET.fromstring(dot_chart(dots, title="a<b", desc="c&d", show=str))
    assert not list(root.iter("circle"))
    assert [t.text for t in root.iter("text")] == ["<&>\"'", "not enough data"]


@given(numbers, st.tuples(numbers, numbers) | st.none(), numbers, st.booleans(), st.sampled_from(Status))
def test_a_bar_shows_the_limit_on_the_side_it_is_on(
    value: float, interval: tuple[float, float] | None, limit: float, floor: bool, status: Status
) -> None:
    ends = None if interval is None else (min(*interval, value), max(*interval, value))
    root = ET.fromstring(limit_bar(value, ends, limit, floor=floor, status=status, title="t"))
    dot = float(next(root.iter("circle")).get("cx", "")[:-1])
    line = next(float(e.get("x1", "")[:-1]) for e in root if e.get("class") == "ae-limit")
    assert math.isfinite(dot) and 0 <= dot <= 100
    if abs(value - limit) > 1e-3 * max(abs(value), abs(limit), *(abs(v) for v in ends or (0,))):
        assert (dot > line) == (value > limit) or abs(dot - line) < 0.011


# -- colour -----------------------------------------------------------------------------------------------------------


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, two: str) -> float:
    a, b = sorted((luminance(one), luminance(two)), reverse=True)
    return (a + 0.05) / (b + 0.05)


def palettes() -> dict[str, dict[str, str]]:
    css = to_html(samples.empty()).split("<style>")[1].split("</style>")[0]
    found = {}
    for scheme, body in re.findall(r"color-scheme: (light|dark);([^}]*)", css):
        found[scheme] = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", body))
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_a_contrast_of_at_least_four_and_a_half(scheme: str) -> None:
    colours = palettes()[scheme]
    for status in ("pass", "warn", "fail", "unknown"):
        for ground in ("page", "card", f"{status}-soft"):
            assert contrast(colours[status], colours[ground]) >= 4.5, (status, ground)
            assert contrast(colours["ink"], colours[ground]) >= 4.5
        assert contrast(colours["on"], colours[status]) >= 4.5
    for ground in ("page", "card", "pass-soft"):
        assert contrast(colours["muted"], colours[ground]) >= 4.5


def test_the_status_colours_are_those_that_colour_blind_readers_can_tell_apart() -> None:
    shown = {k: [v[s] for s in ("pass", "warn", "fail", "unknown")] for k, v in palettes().items()}
    assert shown == {
        "light": ["#1f5fbf", "#8a6100", "#a5004f", "#59636e"],
        "dark": ["#58a6ff", "#f0c000", "#ff5f87", "#9aa7b4"],
    }
