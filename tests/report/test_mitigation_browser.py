"""The page of compared remedies in a real browser: quiet, readable on a telephone and on paper."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from .browser import CHROMIUM, Page, open_page
from .mitigation_samples import SAMPLES
from .test_browser import _CONTRAST

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")]

NAMES = list(SAMPLES)


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with open_page() as opened:
        yield opened


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    out = {name: folder / f"{name}.html" for name in NAMES}
    for name, path in out.items():
        path.write_text(SAMPLES[name]().to_html(), encoding="utf-8")
    return out


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_requested_and_the_console_stays_empty(page: Page, files: dict[str, Path], name: str) -> None:
    page.go(files[name])
    assert page.requests() == []
    assert page.complaints() == []


@pytest.mark.parametrize("width", [320, 768, 1280])
@pytest.mark.parametrize("name", NAMES)
def test_the_page_is_never_wider_than_the_window(page: Page, files: dict[str, Path], name: str, width: int) -> None:
    page.go(files[name], width=width)
    page.js("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert page.js("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("name", ["crowded", "pass"])
def test_paper_is_wide_enough_for_every_table(page: Page, files: dict[str, Path], name: str) -> None:
    page.go(files[name], width=718, media="print")  # A4 less its margins
    assert page.js("document.documentElement.scrollWidth") <= 718


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("name", ["pass", "unknown", "fail"])
def test_every_text_stands_out_from_its_ground(page: Page, files: dict[str, Path], name: str, dark: bool) -> None:
    page.go(files[name], dark=dark)
    page.js("document.querySelectorAll('details').forEach(d => d.open = true)")
    ratio, where = page.js(_CONTRAST)
    assert ratio >= 4.5, where


@pytest.mark.parametrize("width", [320, 768, 1280])
@pytest.mark.parametrize("name", ["crowded", "pass"])
def test_numbers_of_the_frontier_do_not_touch(page: Page, files: dict[str, Path], name: str, width: int) -> None:
    page.go(files[name], width=width)
    boxes = page.js(
        "[...document.querySelectorAll('.ae-mark')].map(e => e.getBoundingClientRect())"
        ".map(r => [r.left, r.top, r.right, r.bottom])"
    )
    dots = page.js(
        "[...document.querySelectorAll('.ae-frontier .ae-dot')].map(e => e.getBoundingClientRect())"
        ".map(r => [r.left, r.top, r.right, r.bottom])"
    )
    assert len(boxes) == len(dots) >= 4
    pairs = [*itertools.combinations(boxes, 2), *itertools.product(boxes, dots)]
    for a, b in pairs:
        assert not (a[0] < b[2] and b[0] < a[2] and a[1] + 2 < b[3] and b[1] + 2 < a[3])
