"""The pages of explanations in a real browser: quiet, self-sufficient, readable on a telephone and on paper."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from aequo.report.explanation_html import decision_to_html, to_html

from . import explanation_samples as samples
from .browser import CHROMIUM, Page, open_page
from .test_browser import _CONTRAST

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")]

PAGES = {name: lambda make=make: to_html(make()) for name, make in samples.SAMPLES.items()}
PAGES |= {f"row-{name}": lambda make=make: decision_to_html(make()) for name, make in samples.DECISIONS.items()}
NAMES = list(PAGES)


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with open_page() as opened:
        yield opened


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    out = {name: folder / f"{name}.html" for name in NAMES}
    for name, path in out.items():
        path.write_text(PAGES[name](), encoding="utf-8")
    return out


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_requested_and_the_console_stays_empty(page: Page, files: dict[str, Path], name: str) -> None:
    page.go(files[name])
    assert page.requests() == []
    assert page.complaints() == []
    assert page.js("document.scripts.length") == 1


@pytest.mark.parametrize("width", [320, 768, 1280])
@pytest.mark.parametrize("name", NAMES)
def test_the_page_is_never_wider_than_the_window(page: Page, files: dict[str, Path], name: str, width: int) -> None:
    page.go(files[name], width=width)
    page.js("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert page.js("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("name", ["ordinary", "unfair", "row-refused", "row-estimated"])
def test_every_text_stands_out_from_its_ground(page: Page, files: dict[str, Path], name: str, dark: bool) -> None:
    page.go(files[name], dark=dark)
    page.js("document.querySelectorAll('details').forEach(d => d.open = true)")
    ratio, where = page.js(_CONTRAST)
    assert ratio >= 4.5, where


def test_on_paper_the_page_is_light_and_everything_folded_is_open(page: Page, files: dict[str, Path]) -> None:
    page.go(files["ordinary"], dark=True, media="print")
    assert page.js("getComputedStyle(document.body).color") == "rgb(27, 31, 36)"
    hidden = (
        "[...document.querySelectorAll('details > :not(summary)')].filter(e => e.getClientRects().length === 0).length"
    )
    assert page.js("document.querySelectorAll('details:not([open])').length") > 0
    assert page.js(hidden) == 0


def test_headings_step_down_one_level_at_a_time(page: Page, files: dict[str, Path]) -> None:
    page.go(files["ordinary"])
    levels = page.js("[...document.querySelectorAll('h1,h2,h3,h4,h5')].map(h => +h.tagName[1])")
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels))
