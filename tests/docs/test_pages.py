"""The pages are whole: links lead somewhere, the reference is what the code says, the map's rows run."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import aequo

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """Return the fragments that a page's headings can be linked by."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in HEADING.findall(text)}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for m in LINK.finditer(text):
        target, _, fragment = m["target"].partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        there = (page.parent / target).resolve() if target else page
        assert there.exists(), f"{page.relative_to(ROOT)} links to {m['target']}"
        assert there.is_relative_to(ROOT), f"{page.relative_to(ROOT)} links out of the project"
        if fragment and there.suffix == ".md":
            assert fragment in anchors(there), f"{page.relative_to(ROOT)} links to {m['target']}"


def test_every_page_is_linked_from_another() -> None:
    """Decisions are listed by their folder; the README and its like are where a reader starts."""
    linked = set()
    for page in PAGES:
        for m in LINK.finditer(page.read_text(encoding="utf-8")):
            linked.add((page.parent / m["target"].partition("#")[0]).resolve())
    alone = [p for p in PAGES if p.parent != ROOT and p.parent.name != "decisions" and p.resolve() not in linked]
    assert not alone


def test_the_reference_is_what_the_code_says() -> None:
    command = [sys.executable, str(ROOT / "tools" / "reference.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_reference_has_every_public_name_option_key_check_and_exit_code() -> None:
    from aequo.core.limits import CHECKS

    text = "\n".join(p.read_text(encoding="utf-8") for p in (ROOT / "docs" / "reference").glob("*.md"))
    names = [f"aequo.{n}" for n in aequo.__all__ if n != "__version__"]
    for module in (
        "aequo.fairness",
        "aequo.ledger",
        "aequo.privacy",
        "aequo.ethics",
        "aequo.fairness.mitigate",
        "aequo.transparency",
        "aequo.errors",
        "aequo.testing",
        "aequo.report.result",
    ):
        names += [f"{module}.{n}" for n in importlib.import_module(module).__all__ if n != "CHECKS"]
    keys = [f"`{key}`" for section in aequo.Policy().to_dict().values() if isinstance(section, dict) for key in section]
    missing = [n for n in names if f"`{n}`" not in text]
    missing += [k for k in keys if k not in text and k.replace("_", "-") not in text]
    missing += [c for c in CHECKS if f"`{c}`" not in text]
    missing += [f"exit code {c}" for c in range(4) if f"| {c} |" not in text]
    assert not missing


def _rows() -> list[tuple[str, str, str]]:
    text = (ROOT / "docs" / "guide-map.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(.+?)` \| (.+?) \| `(.+?)` \|$", text, re.MULTILINE)
    return [(guide, ours.strip("`"), line) for guide, ours, line in rows]


@pytest.mark.parametrize(("guide", "ours", "line"), _rows(), ids=[r[0] for r in _rows()])
def test_every_row_of_the_guide_map_runs(guide: str, ours: str, line: str, tmp_path: Path) -> None:
    y, d, g = [1, 0, 1, 1, 0, 0] * 20, [1, 0, 0, 1, 1, 0] * 20, ["a", "a", "a", "b", "b", "b"] * 20
    data = {"y": y, "d": d, "g": g, "x": [1, 2, 3] * 40}
    key = bytes(range(32))
    with aequo.Ledger.open(f"sqlite:///{tmp_path}/ledger.db", key=key) as ledger:
        ledger.log_decision(input={"x": 1}, output=1, model_version="v1", subject="person-1")
        names = {"aequo": aequo, "y": y, "d": d, "g": g, "data": data, "ledger": ledger, "key": key}
        value = eval(line, names)
    assert value is not None
    name = f"{ours if ours != 'the same' else guide.rsplit('.', maxsplit=1)[-1]}"
    assert name.rsplit(".", maxsplit=1)[-1] in line, f"the line does not use {name}"
    if ours.startswith("aequo."):
        found: object = aequo
        for part in ours.split(".")[1:]:
            found = getattr(found, part)
