"""Views of explanations: one set of words, escaped, complete, the same numbers everywhere."""

from __future__ import annotations

import html
import io
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aequo.core.finding import Status
from aequo.errors import OutputError
from aequo.flows.explain import explain_model
from aequo.report.explanation_html import decision_to_html, to_html
from aequo.report.explanation_markdown import decision_to_markdown, to_markdown
from aequo.report.explanation_save import FILES, save_explanation
from aequo.report.explanation_svg import Bar, GroupDots, contribution_bars, curve, group_dots
from aequo.report.explanation_terminal import show, show_decision
from aequo.report.explanation_view import headline, number

from .explanation_samples import DECISIONS, HOSTILE, SAMPLES, people

VOID = {"meta", "link", "circle", "line", "rect", "path", "polygon", "polyline", "br"}
many_samples = pytest.mark.parametrize("name", list(SAMPLES))
many_decisions = pytest.mark.parametrize("name", list(DECISIONS))


class Nested(HTMLParser):
    """Fails where elements are not closed in the order in which they were opened."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.seen.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


def printed(draw: Callable[..., None], of: Any, width: int) -> str:
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    draw(of, file=out, width=width)
    out.flush()
    out.seek(0)
    return out.read()


def pages() -> list[tuple[str, str]]:
    found = [(name, to_html(make())) for name, make in SAMPLES.items()]
    return found + [(f"decision {name}", decision_to_html(make())) for name, make in DECISIONS.items()]


def test_every_page_is_well_formed_and_holds_no_markup_of_a_name() -> None:
    for name, page in pages():
        parser = Nested()
        parser.feed(page)
        assert parser.open == [], name
        assert parser.seen.count("script") == 1, name
        assert "alert(1)</script>" not in page
        assert "\x1b" not in page and "\u202e" not in page
        ids = re.findall(r' id="([^"]+)"', page)
        assert len(set(ids)) == len(ids)
        for target in re.findall(r'href="#([^"]+)"', page):
            assert target in ids


@many_samples
def test_the_page_holds_the_result_that_json_prints(name: str) -> None:
    explanation = SAMPLES[name]()
    page = to_html(explanation)
    raw = re.search(r'<script type="application/json" id="result">(.*?)</script>', page, re.DOTALL)
    assert raw is not None
    assert json.loads(raw[1]) == explanation.to_dict() == json.loads(explanation.to_json())


@many_decisions
def test_a_decision_is_plain_and_its_values_are_in_it_only_where_asked(name: str) -> None:
    explanation = DECISIONS[name]()
    assert "values" not in explanation.to_dict()
    assert json.loads(explanation.to_json(values=True))["values"] == explanation.to_dict(values=True)["values"]


@many_samples
def test_every_view_has_every_importance_and_every_finding(name: str) -> None:
    explanation = SAMPLES[name]()
    page = html.unescape(to_html(explanation))
    text = to_markdown(explanation)
    assert text.endswith("\n")
    for i in explanation.importances:
        assert number(i.value) in page
        assert number(i.value).replace("-", "") in text.replace("\\", "")
    for f in explanation.findings:
        assert f.why[:40].replace("<", "") in page.replace("<", "") or HOSTILE[:20] in f.why


def test_the_terminal_fits_its_width_and_says_what_matters() -> None:
    for width in (60, 80, 120):
        for make in SAMPLES.values():
            text = printed(show, make(), width)
            assert max(len(line) for line in text.split("\n")) <= width
            assert "\x1b" not in text
        for one in DECISIONS.values():
            text = printed(show_decision, one(), width)
            assert max(len(line) for line in text.split("\n")) <= width
            assert "What would have changed it" in text
    assert "FAIL" in printed(show, SAMPLES["unfair"](), 80)
    refused = DECISIONS["refused"]()
    assert "Approved if" in printed(show_decision, refused, 80)
    assert "NOT APPROVED" in printed(show_decision, refused, 80)


def test_a_terminal_that_knows_ascii_only_gets_ascii() -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    show(SAMPLES["ordinary"](), file=out, width=80)
    show_decision(DECISIONS["refused"](), file=out, width=80)
    out.flush()


def test_the_first_sentence_is_about_what_weighs_most() -> None:
    word, lead, detail = headline(SAMPLES["unfair"]())
    assert word == "Fail"
    assert lead.startswith("The model leans most on ")
    assert detail.startswith("The model leans on different columns by sex")
    assert headline(SAMPLES["bare"]())[:2] == (
        "Explained",
        "The model leans on nothing: its score is the same for everybody.",
    )


def test_what_the_data_cannot_tell_is_no_first_sentence() -> None:
    data = people(60)
    data["approved"] = np.random.default_rng(1).integers(0, 2, 60)
    named = {f"{c}\x1b[31m": data[c] for c in ("debt", "years")} | {"approved": data["approved"]}
    found = explain_model(lambda x: np.full(len(x), 0.5) + 0.01 * x["debt\x1b[31m"], named, label="approved", partial=0)
    assert {i.share for i in found.importances} == {None}
    lead = headline(found)[1]
    assert lead.startswith("What the model leans on, the data cannot tell; in the estimates it is most ")
    assert "\x1b" not in lead


def test_a_protected_column_among_the_reasons_is_flagged_in_every_view() -> None:
    explanation = DECISIONS["estimated"]()
    assert any(r.protected for r in explanation.explained.reasons)
    flag = "protected: no reason to give, and one to look into"
    assert flag in decision_to_html(explanation)
    assert flag in decision_to_markdown(explanation)
    assert flag in " ".join(printed(show_decision, explanation, 80).split())
    assert "None found within" in decision_to_html(explanation)


def test_a_number_has_no_verdict_and_no_counterfactual() -> None:
    explanation = DECISIONS["number"]()
    assert explanation.counterfactuals is None
    assert "Not looked for: the model predicts a number" in decision_to_html(explanation)
    assert "Predicted" in decision_to_markdown(explanation)


def test_files_are_written_whole_and_refusals_are_sentences(tmp_path: Path) -> None:
    folder = save_explanation(SAMPLES["ordinary"](), tmp_path / "a" / "b")
    assert sorted(p.name for p in folder.iterdir()) == sorted(FILES)
    assert json.loads((folder / "explanation.json").read_text(encoding="utf-8"))["verdict"] in {s.value for s in Status}
    one = save_explanation(DECISIONS["refused"](), tmp_path / "c")
    assert "values" in json.loads((one / "explanation.json").read_text(encoding="utf-8"))
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(OutputError, match="cannot be written"):
        save_explanation(SAMPLES["bare"](), tmp_path / "file")


def test_pages_stay_small() -> None:
    assert max(len(page) for _, page in pages()) < 400_000


# -- charts -----------------------------------------------------------------------------------------------------------


def test_bars_start_at_zero_and_reach_their_value() -> None:
    svg = contribution_bars([Bar("a", 1.0, None, "+1"), Bar("b", -1.0, None, "-1")], title="t", desc="d", show=str)
    (plus,), (minus,) = (
        [(float(x), float(w)) for x, w in re.findall(rf'ae-{kind}" x="([\d.]+)%" y="\d+" width="([\d.]+)%', svg)]
        for kind in ("plus", "minus")
    )
    assert plus[0] == pytest.approx(50)
    assert minus[0] + minus[1] == pytest.approx(50)
    assert plus[1] == minus[1] == pytest.approx(48.5)


def test_a_curve_goes_through_its_points_within_its_band() -> None:
    points = [(0.0, 0.2, (0.1, 0.3)), (1.0, 0.4, (0.3, 0.5)), (4.0, 0.1, (0.0, 0.2))]
    svg = curve(points, title="t", desc="d", show_x=str, show_y=str)
    line = [
        tuple(map(float, p.split(","))) for p in re.search(r'polyline class="ae-line" points="([^"]+)"', svg)[1].split()
    ]
    assert [x for x, _ in line] == sorted(x for x, _ in line)
    assert line[1][1] < line[0][1] < line[2][1]  # up is less
    assert (line[1][0] - line[0][0]) / (line[2][0] - line[0][0]) == pytest.approx(0.25, abs=1e-3)
    one = curve([(2.0, 0.5, (0.4, 0.6))], title="t", desc="d", show_x=str, show_y=str)
    assert one.count("<circle") == 1


def test_groups_differ_by_shape() -> None:
    svg = group_dots([GroupDots("a", tuple((i, i / 10, None) for i in range(6)))], title="t", desc="d", show=str)
    assert len(set(re.findall(r' d="([^"]+)"', svg))) == 6


def test_charts_have_a_name_and_a_description() -> None:
    for name, page in pages():
        charts = re.findall(r'<svg role="img".*?</desc>', page)
        assert charts, name
        assert all("<title>" in c and "<desc>" in c for c in charts)
