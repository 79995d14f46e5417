"""The page in a real browser: quiet, self-sufficient, and readable on a telephone, in the dark and on paper."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from aequo.report.html import to_html

from . import samples
from .browser import CHROMIUM, Page, open_page

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")]


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with open_page() as opened:
        yield opened


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    made = {**samples.SAMPLES, "many": lambda: samples.many(groups=300)}
    out = {}
    for name, make in made.items():
        out[name] = folder / f"{name}.html"
        out[name].write_text(to_html(make()), encoding="utf-8")
    return out


NAMES = [*samples.SAMPLES, "many"]


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


@pytest.mark.parametrize(("dark", "colour"), [(False, "rgb(255, 255, 255)"), (True, "rgb(15, 20, 25)")])
def test_the_page_follows_the_colour_scheme(page: Page, files: dict[str, Path], dark: bool, colour: str) -> None:
    page.go(files["loan"], dark=dark)
    assert page.js("getComputedStyle(document.body).backgroundColor") == colour


_CONTRAST = """
(() => {
  const parse = c => c.match(/[\\d.]+/g).map(Number);
  const light = c => parse(c).slice(0, 3).map(v => v / 255)
    .map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const ground = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor;
    const p = parse(c); if (p.length < 4 || p[3] > 0) return c; } return 'rgb(255, 255, 255)'; };
  let worst = [99, ''];
  for (const e of document.querySelectorAll('body *')) {
    if (![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
    if (e.closest('script, style, title, desc')) continue;
    const style = getComputedStyle(e), ink = e.closest('svg') ? style.fill : style.color;
    const [a, b] = [light(ink), light(ground(e))].sort((x, y) => y - x), ratio = (a + .05) / (b + .05);
    if (ratio < worst[0]) worst = [ratio, e.outerHTML.slice(0, 80)];
  }
  return worst;
})()
"""


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("name", ["loan", "compas", "all_pass", "all_unknown"])
def test_every_text_stands_out_from_its_ground(page: Page, files: dict[str, Path], name: str, dark: bool) -> None:
    page.go(files[name], dark=dark)
    page.js("document.querySelectorAll('details').forEach(d => d.open = true)")
    ratio, where = page.js(_CONTRAST)
    assert ratio >= 4.5, where


def test_on_paper_the_page_is_light_and_everything_folded_is_open(page: Page, files: dict[str, Path]) -> None:
    page.go(files["loan"], dark=True, media="print")
    assert page.js("getComputedStyle(document.body).color") == "rgb(27, 31, 36)"
    hidden = (
        "[...document.querySelectorAll('details > :not(summary)')].filter(e => e.getClientRects().length === 0).length"
    )
    assert page.js("document.querySelectorAll('details:not([open])').length") > 0
    assert page.js(hidden) == 0


def test_the_keyboard_reaches_everything_and_the_focus_is_seen(page: Page, files: dict[str, Path]) -> None:
    page.go(files["compas"])
    focus = "getComputedStyle(document.activeElement)"
    seen = f"(s => s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2)({focus})"
    order = []
    for _ in range(60):
        for kind in ("keyDown", "keyUp"):
            page.call("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
        order.append(page.js("document.activeElement.tagName + '.' + document.activeElement.className"))
        if not order[-1].startswith("BODY"):
            assert page.js(seen), order[-1]
    assert order[0] == "A.ae-skip"
    assert {"SUMMARY.", "DIV.ae-scroll"} <= set(order)


def test_names_from_the_data_run_nothing(page: Page, files: dict[str, Path]) -> None:
    page.go(files["hostile"])
    assert page.js("document.scripts.length") == 1
    assert page.js("document.querySelectorAll('img, iframe, link[rel=stylesheet], [onload], [onerror]').length") == 0
    assert page.js("JSON.parse(document.getElementById('result').textContent).verdict") == "unknown"


def test_headings_step_down_one_level_at_a_time(page: Page, files: dict[str, Path]) -> None:
    page.go(files["loan"])
    levels = page.js("[...document.querySelectorAll('h1,h2,h3,h4,h5')].map(h => +h.tagName[1])")
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels))


def test_a_fragment_leaves_the_page_around_it_alone(page: Page, tmp_path: Path) -> None:
    around = "<!doctype html><title>t</title><body style='margin:8px'><h1 id=a>x</h1><p id=b>y</p><table><tr><td id=c>z"
    style = (
        "['a','b','c'].map(i => getComputedStyle(document.getElementById(i))).map(s => [s.font, s.color, s.padding])"
    )
    plain, mixed = tmp_path / "plain.html", tmp_path / "mixed.html"
    plain.write_text(around + "</table>", encoding="utf-8")
    mixed.write_text(around + "</table>" + to_html(samples.loan(), fragment=True), encoding="utf-8")
    page.go(plain)
    before = page.js(style), page.js("getComputedStyle(document.body).backgroundColor")
    page.go(mixed)
    assert (page.js(style), page.js("getComputedStyle(document.body).backgroundColor")) == before
