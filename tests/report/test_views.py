"""Laws of the views: they say the same, leave nothing out, let nothing in, and stay small."""

from __future__ import annotations

import dataclasses
import html
import io
import json
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from aequo.core.finding import Status, overall
from aequo.core.policy import Policy
from aequo.report import words
from aequo.report.html import to_html
from aequo.report.markdown import escape, to_markdown
from aequo.report.result import Assessment
from aequo.report.terminal import show
from aequo.report.verdict import headline
from aequo.report.view import ranked, tally

from . import samples

VOID = {"meta", "link", "br", "img", "input", "hr", "source", "wbr"}


@pytest.fixture(params=samples.SAMPLES, scope="module")
def result(request: pytest.FixtureRequest) -> Assessment:
    return samples.SAMPLES[request.param]()


def terminal(result: Assessment, width: int = 200) -> str:
    stream = io.StringIO()
    show(result, file=stream, width=width)
    return stream.getvalue()


class Reader(HTMLParser):
    """Reads a page: text, attributes, and whether each tag that opens closes."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.text: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.ids += [v or "" for k, v in attrs if k == "id"]
        self.links += [v or "" for k, v in attrs if k in ("src", "href", "action", "data", "srcset", "poster")]
        assert not [k for k, _ in attrs if k.startswith("on")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, (tag, self.open[-3:])
        self.open.pop()

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & set(self.open):
            self.text.append(data)


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader


def words_of(page: str) -> str:
    return " ".join(" ".join(read(page).text).split())


def unescaped(markdown: str) -> str:
    return html.unescape(re.sub(r"\\(.)", r"\1", markdown))


# -- nothing is left out ----------------------------------------------------------------------------------------------


def test_every_finding_is_in_every_view(result: Assessment) -> None:
    page, markdown, lines = words_of(to_html(result)), unescaped(to_markdown(result)), terminal(result, 4000)
    for f in result.findings:
        assert words.plain(f.id) in page and words.plain(f.id) in markdown
        assert words.plain(f.why) in page and words.plain(f.why) in markdown
        assert words.check_title(f.check) in lines and words.subject_title(f.subject) in lines


def test_every_group_is_in_every_view(result: Assessment) -> None:
    page, markdown, lines = words_of(to_html(result)), unescaped(to_markdown(result)), terminal(result, 4000)
    for row in result.groups:
        shown = words.plain(row.group)
        assert " ".join(shown.split()) in page
        assert shown in markdown and shown in lines


def test_the_same_numbers_are_in_every_view(result: Assessment) -> None:
    page, markdown, lines = words_of(to_html(result)), to_markdown(result), terminal(result, 4000)
    for f in result.findings:
        if f.value is None:
            continue
        for number in (words.finding_value(f), words.finding_interval(f), words.finding_limit(f), words.thousands(f.n)):
            assert number.replace(words.THIN, " ") in page.replace(words.THIN, " ")
            assert number in markdown
            assert f.status is Status.PASS or number in lines
    for row in result.groups:
        for name, m in row.measures.items():
            for number in (words.measure_value(m, name, short=True), words.measure_interval(m, name)):
                assert number in page and number in markdown


def test_the_answer_comes_first(result: Assessment) -> None:
    head = headline(result)
    page, markdown = words_of(to_html(result)), unescaped(to_markdown(result))
    assert terminal(result).splitlines()[0].startswith(f"{words.GLYPHS[result.verdict]} {head.word.upper()}")
    for text in (page, markdown):
        assert text.index(head.lead) < text.index("Findings" if text is markdown else "Rows")


def test_findings_come_worst_first(result: Assessment) -> None:
    page = to_html(result)
    order = [page.index(f'id="{html.escape(words.plain(f.id))}"') for f in ranked(result.findings)]
    assert order == sorted(order)
    severities = [f.status.severity for f in ranked(result.findings)]
    assert severities == sorted(severities, reverse=True)


def test_what_was_not_judged_is_said_with_its_reason() -> None:
    for text in (words_of(to_html(samples.compas())), to_markdown(samples.compas()), terminal(samples.compas())):
        assert "Native American" in text
        assert "fewer than 20 rows: shown but not compared" in text
    for text in (words_of(to_html(samples.hostile())), to_markdown(samples.hostile()), terminal(samples.hostile())):
        assert "withheld (fewer than 5 people)" in text
    assert "not enough data: no row has the favourable label" in words_of(to_html(samples.hostile()))


def test_the_digests_and_the_way_to_reproduce_are_there(result: Assessment) -> None:
    for text in (words_of(to_html(result)), unescaped(to_markdown(result))):
        assert result.data.digest in text
        assert result.policy.digest() in text
    assert words.plain(result.reproduce) in words_of(to_html(result))
    assert words.plain(result.reproduce) in to_markdown(result)
    for text in (words_of(to_html(result)), unescaped(to_markdown(result))):
        assert all(words.plain(n) in text for n in result.notes)


# -- nothing is let in ------------------------------------------------------------------------------------------------


def test_of_a_withheld_group_no_number_is_in_any_view() -> None:
    result = samples.hostile()
    assert result.groups[0].n is None
    said = "withheld (fewer than 5 people)"
    page = to_html(result)
    rows = [r for r in re.findall(r"<tr><th scope=.row.>.*?</tr>", page, re.DOTALL) if "alert(1)&lt;/script&gt;<" in r]
    rows += [t for t in re.findall(r"<text[^>]*>([^<]*)</text><text[^>]*>[^<]*</text>", page) if "withheld" in t]
    rows += [r for r in to_markdown(result).splitlines() if r.startswith("| &lt;script&gt;alert(1)&lt;/script&gt; ")]
    rows += [r for r in terminal(result, 300).splitlines() if r.startswith("<script>alert(1)</script> (not compared)")]
    assert len(rows) >= 5
    for row in rows:
        bare = re.sub(r"alert\(1\)|colspan=.\d.", "", row)
        assert said in bare and not re.search(r"\d", bare.replace(said, ""))


@pytest.mark.parametrize("fragment", [False, True])
def test_a_page_is_balanced_and_asks_for_nothing(result: Assessment, fragment: bool) -> None:
    page = to_html(result, fragment=fragment)
    reader = read(page)
    assert all(link.startswith("#") or link == "data:," for link in reader.links)
    assert not {"img", "iframe", "object", "embed", "video", "audio", "form", "base"} & set(reader.tags)
    assert not re.search(r"@import|url\(|http-equiv=.refresh", page[: page.index("</style>")])
    assert reader.tags.count("script") == (0 if fragment else 1)
    assert len(set(reader.ids)) == len(reader.ids)
    if fragment:
        assert reader.ids == [] and not {"html", "head", "body"} & set(reader.tags)
    else:
        assert "default-src 'none'" in page and page.startswith("<!doctype html>") and '<html lang="en">' in page


def test_each_link_within_the_page_has_a_place_to_go(result: Assessment) -> None:
    from urllib.parse import unquote

    reader = read(to_html(result))
    places = {link[1:] for link in reader.links if link.startswith("#")}
    assert {unquote(p) for p in places} <= set(reader.ids)


def test_the_json_in_the_page_is_the_result(result: Assessment) -> None:
    page = to_html(result)
    raw = page.split('<script type="application/json" id="result">')[1].split("</script>")[0]
    assert json.loads(raw) == json.loads(json.dumps(result.to_dict()))


def test_hostile_names_are_text_and_nothing_else() -> None:
    result = samples.hostile()
    page = to_html(result)
    assert not re.search(r"<(script>|img|svg onload|b>race|i>data)", page)
    assert "49" not in re.findall(r"\{\{.*?\}\}", page)
    for bad in ("\x1b", "\x00", "\u202e", "\r"):
        assert bad not in page and bad not in to_markdown(result) and bad not in terminal(result)


def parsed(markdown: str) -> list[Token]:
    """Tokens of Markdown with tables, read by another's parser; those inside lines too."""
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(markdown)
    return [t for token in tokens for t in (token, *(token.children or ()))]


def test_markdown_of_hostile_names_has_tables_and_text_and_nothing_else(result: Assessment) -> None:
    markdown = to_markdown(result)
    tokens = parsed(markdown)
    assert {t.content for t in tokens if t.type.startswith("html")} <= {"<br>"}
    assert not {t.type for t in tokens} & {"link_open", "image", "s_open", "em_open", "code_block", "hr"}
    assert sum(t.type == "fence" for t in tokens) == 1
    assert sum(t.type == "heading_open" and t.tag == "h1" for t in tokens) == 1
    cells = [t.content for t in tokens if t.type == "text"]
    assert all(any(words.plain(row.group) in c for c in cells) for row in result.groups)
    assert "https://" not in markdown.split("To reproduce")[0] and "@everyone" not in markdown
    width = 0
    for kind in (t.type for t in tokens):
        width = 0 if kind == "tr_open" else width + (kind in ("td_open", "th_open"))
        assert kind != "tr_close" or width in (2, 4, 5, 6, 8)


def test_a_code_block_in_markdown_cannot_be_closed_by_what_it_holds() -> None:
    markdown = to_markdown(samples.hostile())
    fence, _, rest = markdown.partition("To reproduce:\n\n")[2].partition("text\n")
    assert set(fence) == {"`"} and rest.count(fence) == 1 and rest.endswith(fence + "\n")


@given(st.text(max_size=60))
def test_escaped_text_stays_in_its_cell_and_makes_no_markup(text: str) -> None:
    made = escape(text)
    assert "\n" not in made and "<" not in made and "\r" not in made
    assert not re.search(
        r"(?<!\\)(\\\\)*[|`*_\[\]#]", made.replace("&#58;", "").replace("&#64;", "").replace("&#46;", "")
    )
    assert unescaped(made) == words.plain(text)


@given(st.text(max_size=60))
def test_plain_text_has_nothing_hidden_in_it(text: str) -> None:
    import unicodedata

    shown = words.plain(text)
    assert not [c for c in shown if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")]
    assert words.plain(shown) == shown
    shown.encode()


_NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30)


@given(_NAMES, _NAMES)
def test_whatever_a_group_is_called_the_views_hold(one: str, two: str) -> None:
    rates = {"selection_rate": ([10, 20], [40, 40])}
    rows = samples.rows_of(one, [one, two], [40, 40], rates)
    result = samples.assessment([samples.compared(one, "demographic-parity", ("selection_rate",), rates)], rows)
    reader = read(to_html(result))
    assert words.plain(two) in "".join(reader.text)
    assert words.plain(two) in unescaped(to_markdown(result))
    terminal(result, 80)


# -- it stays small and readable --------------------------------------------------------------------------------------


def test_the_page_is_as_large_for_a_hundred_million_rows_as_for_a_thousand() -> None:
    def of(factor: int) -> int:
        rates = {"selection_rate": ([300 * factor, 400 * factor], [1000 * factor, 1000 * factor])}
        rows = samples.rows_of("g", ["a", "b"], [1000 * factor] * 2, rates)
        found = [samples.compared("g", "demographic-parity", ("selection_rate",), rates)]
        return len(to_html(samples.assessment(found, rows, rows=2000 * factor)))

    assert abs(of(50_000) - of(1)) < 1500


@pytest.mark.parametrize(("groups", "measures", "subjects"), [(1000, 12, 1), (1000, 3, 5), (4, 12, 60), (40, 12, 40)])
@pytest.mark.parametrize("fragment", [False, True])
def test_the_page_stays_under_a_megabyte(groups: int, measures: int, subjects: int, fragment: bool) -> None:
    page = to_html(samples.many(groups, measures, subjects), fragment=fragment)
    assert len(page.encode()) < 1_000_000
    read(page)


def test_of_very_many_groups_all_are_listed_and_a_few_are_drawn() -> None:
    result = samples.many(1000, 2)
    page = to_html(result)
    text = words_of(page)
    assert all(f"group number {i} of the long list" in text for i in range(1000))
    chart = re.search(r"<svg role=\"img\" class=\"ae-dots\".*?</svg>", page)
    assert chart is not None and chart.group().count("<circle") <= 20
    assert len(terminal(result, 80).splitlines()) < 60


@pytest.mark.parametrize("width", [80, 100, 120])
def test_no_line_on_the_terminal_is_wider_than_it(result: Assessment, width: int) -> None:
    from rich.cells import cell_len

    lines = terminal(result, width).splitlines()
    assert all(cell_len(line) <= width for line in lines)
    assert all(line == line.rstrip() for line in lines)


def test_the_terminal_view_is_short() -> None:
    assert len(terminal(samples.loan(), 80).splitlines()) <= 60


class Stream(io.TextIOWrapper):
    """A terminal that knows only some characters."""

    def __init__(self, encoding: str, tty: bool = False) -> None:
        super().__init__(io.BytesIO(), encoding=encoding, write_through=True)
        self.tty = tty

    def isatty(self) -> bool:
        return self.tty

    def written(self) -> str:
        return self.buffer.getvalue().decode(self.encoding)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_a_stream_that_knows_few_characters_gets_ascii(result: Assessment, encoding: str) -> None:
    stream = Stream(encoding)
    show(result, file=stream, width=80)
    word = words.WORDS[result.verdict].upper()
    glyph = {"fail": "x", "pass": "+", "unknown": "?", "warn": "!"}[result.verdict.value]
    expected = words.GLYPHS[result.verdict] if encoding == "utf-8" else glyph
    assert stream.written().startswith(f"{expected} {word}")


def test_colour_is_only_for_terminals_that_want_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    file, screen = Stream("utf-8"), Stream("utf-8", tty=True)
    show(samples.loan(), file=file, width=80)
    show(samples.loan(), file=screen, width=80)
    assert "\x1b[" not in file.written() and "\x1b[" in screen.written()
    monkeypatch.setenv("NO_COLOR", "1")
    quiet = Stream("utf-8", tty=True)
    show(samples.loan(), file=quiet, width=80)
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]", quiet.written())


# -- words ------------------------------------------------------------------------------------------------------------


def test_each_verdict_is_put_into_words() -> None:
    assert headline(samples.loan()).lead == "1 of 6 required checks is beyond its limit."
    assert headline(samples.compas()).word == "Fail"
    assert headline(samples.all_pass()).lead == "All 3 required checks are within their limits."
    assert headline(samples.all_unknown()).lead == "The data cannot decide any of 2 required checks."
    assert headline(samples.empty()).lead == "Nothing could be judged: no required check was made."
    advisory = tuple(
        dataclasses.replace(f, required=False, status=Status.WARN) for f in samples.all_pass().findings[:1]
    )
    findings = (*samples.all_pass().findings[1:], *advisory)
    warned = dataclasses.replace(samples.all_pass(), findings=findings, verdict=overall(findings))
    assert headline(warned).word == "Warn"
    assert "Advisory checks beyond their limit: demographic parity by team" in headline(warned).detail


def test_status_is_glyph_and_word_never_colour_alone(result: Assessment) -> None:
    page = words_of(to_html(result))
    for status, n in tally(result.findings):
        assert f"{words.GLYPHS[status]} {words.WORDS[status]} {n}" in page


def test_undefined_is_never_shown_as_zero() -> None:
    result = samples.hostile()
    row = next(r for r in result.groups if "img" in r.group)
    assert row.measures["true_positive_rate"].value is None
    line = next(t for t in to_markdown(result).split("### True positive rate")[1].splitlines() if "img" in t)
    assert "not enough data" in line and "0%" not in line


def test_checks_of_areas_to_come_are_named_and_drawn() -> None:
    base = samples.loan()
    new = dataclasses.replace(
        base.findings[0],
        id="guardrails/injection-recall/prompts",
        check="injection-recall",
        subject="prompts",
        value=0.91,
        interval=(0.88, 0.94),
        limit=0.8,
        status=Status.PASS,
        measures=("recall",),
    )
    assert words.is_floor(new)
    page = words_of(to_html(dataclasses.replace(base, findings=(new,))))
    assert "Injection recall by prompts" in page and "≥ 0.800" in page


@given(st.floats(0, 1), st.floats(-0.002, 0.002), st.sampled_from(["percent", "points", "ratio", "number"]))
def test_a_number_beyond_its_limit_never_reads_as_the_limit(limit: float, by: float, unit: words.Unit) -> None:
    limit = round(limit, 3)
    if abs(by) > 1e-5:
        assert words.amount(limit + by, unit, limit=limit) != words.amount(limit, unit)


@given(st.floats(-2, 2), st.sampled_from(["percent", "points", "ratio", "sd", "number"]))
def test_a_number_never_reads_as_minus_zero(value: float, unit: words.Unit) -> None:
    assert not re.fullmatch(rf"{words.MINUS}0(\.0*)?", words.amount(value, unit))


@given(st.floats(0, 1))
def test_a_share_reads_as_none_or_all_only_if_it_is(value: float) -> None:
    text = words.amount(value, "percent")
    if 1e-9 < value < 1 - 1e-9:
        assert float(text) not in (0, 100)


def test_the_policys_own_words_are_on_the_page() -> None:
    policy = Policy(
        system={"name": "Loans <1>", "purpose": "Decide on loans", "people": "applicants"},
        groups={"columns": ["race", "sex"]},
    )
    page = words_of(to_html(dataclasses.replace(samples.loan(), policy=policy)))
    assert "Loans <1>" in page and "Decide on loans" in page and "People affected: applicants" in page
