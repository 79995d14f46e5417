"""Who gains and who pays, drawn: the same numbers in every view, nothing let in, small, and quiet in a browser."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

import aequo
from aequo.core.policy import Policy
from aequo.flows.ethics import weigh
from aequo.report.ethics import EthicsReport
from aequo.report.ethics_terminal import show
from aequo.report.ethics_view import sentences, welfare_lines

from .browser import CHROMIUM, Page, open_page

HOSTILE = "<script>alert(1)</script>|`x`**b**\n\u202e"
DECISION = {"selected": 1, "rejected": -1}


def loans(*, baseline: bool = True, groups: tuple[str, ...] = ("race", "sex")) -> EthicsReport:
    data = {**aequo.loan_applications()}
    data["rule"] = [int(ratio is not None and ratio < 33) for ratio in data["obrat"]]
    policy = Policy(
        system={"name": "Mortgages", "purpose": "who gets a mortgage", "people": "applicants"},
        data={"label": "approve", "prediction": "rule"},
        groups={"columns": groups},
        ethics={
            "stakeholders": [
                {"name": "applicant", "utilities": DECISION, "weight": 2},
                {"name": "lender", "utilities": {"tp": 1, "fp": -2, "fn": -0.5, "tn": 0}, "one_party": True},
            ],
            "max_gap": 0.2,
            "max_loss": 0.1,
            **({"baseline": "approve"} if baseline else {}),
        },
        duties={"protected": ["race"], "features": ["obrat"]},
    )
    return weigh(data, policy=policy)


def hostile() -> EthicsReport:
    data = {"p": [1, 0, 0, 1] * 50, "old": [1, 1, 0, 0] * 50, "g": [HOSTILE, "b"] * 100}
    table = {HOSTILE: DECISION, "b": {"selected": 0, "rejected": 0}}
    return weigh(data, prediction="p", group="g", baseline="old", utilities=table)


def small() -> EthicsReport:
    data = {"p": [1, 0] * 50 + [1, 0, 1], "g": ["a", "b"] * 50 + ["tiny"] * 3}
    return weigh(data, prediction="p", group="g", utilities=DECISION)


def many() -> EthicsReport:
    data = {"p": [i // 300 % 2 for i in range(9000)], "g": [f"group {i % 300}" for i in range(9000)]}
    return weigh(data, prediction="p", group="g", utilities=DECISION)


SAMPLES = {"loans": loans, "plain": lambda: loans(baseline=False), "hostile": hostile, "small": small, "many": many}


@pytest.fixture(scope="module")
def reports() -> dict[str, EthicsReport]:
    return {name: make() for name, make in SAMPLES.items()}


class Text(HTMLParser):
    """The words of a page, its elements, and where links go."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: list[str] = []
        self.ids: set[str] = set()
        self.links: set[str] = set()
        self._quiet = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, Any]]) -> None:
        found = dict(attrs)
        self.tags.append(tag)
        self._quiet += tag in ("script", "style")
        self.ids |= {found["id"]} if "id" in found else set()
        if tag == "a":
            self.links.add(found["href"])

    def handle_endtag(self, tag: str) -> None:
        self._quiet -= tag in ("script", "style")

    def handle_data(self, data: str) -> None:
        if not self._quiet:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def terminal(report: EthicsReport, width: int = 100) -> str:
    out = io.StringIO()
    show(report, file=out, width=width)
    return out.getvalue()


@pytest.mark.parametrize("name", ["loans", "plain", "small"])
def test_every_view_says_the_same_numbers(reports: dict[str, EthicsReport], name: str) -> None:
    report = reports[name]
    page, markdown = Text(report.to_html()).text, report.to_markdown()
    for impact in report.impacts:
        for text in sentences(impact):
            assert text in page
        for line in welfare_lines(impact):
            assert line.form in page and line.value in page
            assert line.value in markdown
        for s in impact.stakeholders:
            for g in s.groups:
                if g.utility is not None:
                    shown = f"{g.utility:.3f}".replace("-", "\u2212")
                    assert shown in page and shown in markdown
    for f in report.findings:
        assert f.id in page and f.id in markdown


def test_the_terminal_shows_the_single_columns_and_names_the_crossed(reports: dict[str, EthicsReport]) -> None:
    text = terminal(reports["loans"])
    assert "Who gains, who pays by race" in text and "In the report: race × sex." in text
    assert "Gap of expected utility by race (applicant)" in text and "Duty" not in text
    for width in (60, 80, 120):
        assert max(map(len, terminal(reports["loans"], width).splitlines())) <= width


@pytest.mark.parametrize("name", SAMPLES)
def test_the_page_is_whole_small_and_needs_nothing(reports: dict[str, EthicsReport], name: str) -> None:
    text = reports[name].to_html()
    page = Text(text)
    assert len(text) < 1_000_000
    assert page.tags.count("script") == 1 and "http:" not in re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
    assert {link.removeprefix("#") for link in page.links if link.startswith("#")} <= page.ids
    embedded = re.search(r'<script type="application/json" id="result">(.*?)</script>', text, re.DOTALL)
    assert embedded is not None
    plain = json.loads(embedded[1])
    full = reports[name].to_dict()
    assert {k: v for k, v in plain.items() if k in full} == {k: full[k] for k in plain if k in full}


def test_names_of_the_data_let_nothing_in(reports: dict[str, EthicsReport]) -> None:
    report = reports["hostile"]
    page = report.to_html()
    assert "<script>alert" not in page and "\u202e" not in page
    rendered = MarkdownIt("commonmark").enable("table").render(report.to_markdown())
    assert "<script>" not in rendered and "<strong>b</strong>" not in rendered
    assert "\u202e" not in terminal(report)
    tokens = MarkdownIt("commonmark").enable("table").parse(report.to_markdown())
    rows = [t for t in tokens if t.type == "tr_open"]
    assert len(rows) >= 4


def test_what_is_withheld_is_in_no_view(reports: dict[str, EthicsReport]) -> None:
    report = reports["small"]
    for text in (report.to_html(), report.to_markdown(), terminal(report)):
        assert "too few people to publish" in text


def test_the_verdict_is_said_first_and_without_a_limit_there_is_none(reports: dict[str, EthicsReport]) -> None:
    assert reports["small"].verdict is None
    assert reports["small"].to_markdown().split("\n")[2].startswith("> **≈ Weighed.**")
    assert reports["loans"].to_markdown().split("\n")[2].startswith("> **✕ Fail.** 3 of 7 findings break a limit")
    assert Text(reports["loans"].to_html()).text.count("Who gains, who pays") >= 2


def test_identical_options_are_said_to_be_and_what_flips_is_one_sentence() -> None:
    data = {"p": [1, 0, 0, 1] * 50, "old": [1, 0, 0, 1] * 50, "g": ["a", "b"] * 100}
    same = weigh(data, prediction="p", group="g", baseline="old", utilities=DECISION).impacts[0]
    assert "Both options bring the same to everyone." in sentences(same)
    assert not any("change places" in text or "stay" in text for text in sentences(same))
    # 40 of a's gain, 30 of b's lose: the mean prefers the new decisions, and maximin the old ones.
    now = [1] * 80 + [0] * 20 + [1] * 20 + [0] * 80
    old = [1] * 40 + [0] * 60 + [1] * 50 + [0] * 50
    data = {"p": now, "old": old, "g": ["a"] * 100 + ["b"] * 100}
    said = sentences(weigh(data, prediction="p", group="g", baseline="old", utilities=DECISION).impacts[0])
    assert any(text.startswith("Generalised Gini: ") and "change places where the delta is 1." in text for text in said)
    assert "Against the baseline b (people) loses most, −0.600" in "\n".join(said)
    assert any(text.startswith("Neither option is at least as good for everyone") for text in said)


# -- in a browser -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with open_page() as opened:
        yield opened


@pytest.fixture(scope="module")
def files(reports: dict[str, EthicsReport], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    out = {name: folder / f"{name}.html" for name in reports}
    for name, path in out.items():
        path.write_text(reports[name].to_html(), encoding="utf-8", errors="backslashreplace")
    return out


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("name", ["loans", "hostile", "many"])
def test_the_page_asks_for_nothing_and_is_never_wider_than_the_window(
    page: Page, files: dict[str, Path], name: str, width: int
) -> None:
    page.go(files[name], width=width, dark=width == 320)
    assert page.requests() == [] and page.complaints() == []
    page.js("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert page.js("document.documentElement.scrollWidth") <= width
