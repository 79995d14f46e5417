"""``aequo explain``: the same as the Python call, exit codes that mean something, refusals in one sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aequo.cli.main import main
from aequo.core.policy import Policy
from aequo.flows.explain import explain_decision, explain_model
from aequo.models.files import save_model
from aequo.models.pipeline import table_pipeline

from .calls import Ended, Run, write


@pytest.fixture(scope="module")
def trained() -> Any:
    rng = np.random.default_rng(0)
    n = 600
    debt, age = rng.normal(size=n).round(2), rng.integers(20, 70, n)
    region = rng.choice(["north", "süd"], n)
    approved = (rng.random(n) < 1 / (1 + np.exp(2 * debt - 0.05 * (age - 40)))).astype(int)
    data = {
        "debt": debt,
        "age": age,
        "region": region.astype(object),
        "sex": rng.choice(["f", "m"], n),
        "approved": approved,
    }
    half = {k: v[:300] for k, v in data.items()}
    model = table_pipeline("logistic").fit({k: half[k] for k in ("debt", "age", "region")}, half["approved"])
    return model, {k: v[300:] for k, v in data.items()}


@pytest.fixture
def files(trained: Any, tmp_path: Path) -> dict[str, Any]:
    model, data = trained
    path = save_model(model, tmp_path / "model.skops")
    rows = [",".join(map(str, row)) for row in zip(*data.values(), strict=True)]
    return {"model": path, "data": write(tmp_path / "loans.csv", ",".join(data), rows), "rows": data}


def test_json_is_what_the_python_call_gives(run: Run, files: dict[str, Any]) -> None:
    done = run(
        "explain", files["model"], files["data"], "--label", "approved", "--group", "sex", "--max-rows", 200, "--json"
    )
    assert done.code in (0, 1, 3), done.err
    here = explain_model(files["model"], files["data"], label="approved", group="sex", max_rows=200)
    assert json.loads(done.out) == here.to_dict()
    assert json.loads(done.out)["source"] == "loans.csv"
    assert {"pass": 0, "warn": 0, "fail": 1, "unknown": 3}[here.verdict.value] == done.code


@pytest.fixture
def called(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Ended]:
    """Call the command line here, which is quicker than in a process of its own."""
    monkeypatch.chdir(tmp_path)

    def call(*args: object) -> Ended:
        code = main(["explain", *map(str, args)])
        said = capsys.readouterr()
        return Ended(code, said.out, said.err)

    return call


def test_one_decision_is_explained_in_the_order_of_the_file(
    called: Callable[..., Ended], files: dict[str, Any]
) -> None:
    row = int(np.argmax(files["rows"]["debt"]))
    call = (files["model"], files["data"], "--row", row, "--label", "approved", "--outcome", "approved")
    done = called(*call, "--immutable", "region", "--only-up", "age", "--out", "why", "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    here = explain_decision(
        files["model"],
        files["data"],
        row,
        label="approved",
        outcome="approved",
        immutable="region",
        monotone={"age": "up"},
    ).to_dict()
    for changing in ("at", "receipt"):
        found.pop(changing), here.pop(changing)
    assert found == here
    assert found["favourable"] is False
    assert found["confidence"]["n"] == 299
    assert not {"region"} & {c["column"] for w in found["counterfactuals"]["found"] for c in w["changes"]}
    before = {c["column"]: c["before"] for w in found["counterfactuals"]["found"] for c in w["changes"]}
    assert all(before[c] == pytest.approx(float(files["rows"][c][row])) for c in before)
    assert "Report: why" in done.err
    folder = files["data"].parent / "why"
    assert {p.name for p in folder.iterdir()} == {"explanation.html", "explanation.md", "explanation.json"}


def test_the_terminal_says_reasons_and_ways(called: Callable[..., Ended], files: dict[str, Any]) -> None:
    row = int(np.argmax(files["rows"]["debt"]))
    done = called(files["model"], files["data"], "--row", row, "--outcome", "approved")
    assert done.code == 0, done.err
    assert "NOT APPROVED" in done.out
    assert "Approved if" in done.out
    assert "debt is high" in done.out
    whole = called(files["model"], files["data"], "--label", "approved", "--max-rows", 150)
    assert whole.code == 0, whole.err
    assert "The model leans most on debt" in whole.out


def test_the_policy_gives_label_groups_and_what_nobody_can_change(
    called: Callable[..., Ended], files: dict[str, Any]
) -> None:
    policy = Policy(data={"label": "approved"}, groups={"columns": ["sex", "region", "elsewhere"]})
    (files["data"].parent / "aequo.toml").write_text(policy.to_toml(), encoding="utf-8")
    done = called(files["model"], files["data"], "--max-rows", 150, "--json")
    found = json.loads(done.out)
    assert found["label"] == "approved"
    assert {g["subject"] for g in found["groups"]} == {"sex", "region"}
    row = int(np.argmax(files["rows"]["debt"]))
    one = json.loads(called(files["model"], files["data"], "--row", row, "--json").out)
    assert one["counterfactuals"]["searched"]["immutable"] == ["region"]


Refuse = Callable[..., str]


@pytest.fixture
def refused(called: Callable[..., Ended]) -> Refuse:
    """Give the one sentence with which a call is refused."""
    return lambda *args: called(*args).sentence


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--row", "5000"], "row 5000 was asked for, and the data has rows 0 to 299."),
        (["--row", "-1"], "row -1 was asked for"),
        (["--label", "aproved"], "no column 'aproved' in loans.csv"),
        (["--group", "seks"], "no column 'seks'"),
        (["--immutable", "sex"], "--immutable is for one decision: give --row N too."),
        (["--only-down", "sex"], "--only-down is for one decision"),
        (["--threshold", "0.6"], "--threshold is for one decision"),
        (["--row", "3", "--loss", "log"], "--loss is for the model over many rows: leave out --row 3."),
        (["--row", "3", "--limit", "0.2"], "--limit is for the model over many rows"),
        (["--label", "approved", "--favourable", "ja"], "no row has approved = 'ja'"),
        (["--limit", "2"], "the limit is 2.0, expected a share between 0 and 1."),
        (["--row", "1", "--only-up", "region"], "monotone names 'region', which holds no numbers."),
        (["--label", "approved", "--group", "approved"], "which is the label column"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    refused: Refuse, files: dict[str, Any], options: list[str], said: str
) -> None:
    assert said in refused(files["model"], files["data"], *options)


def test_files_that_are_not_there_or_not_trusted_are_one_sentence(
    refused: Refuse, files: dict[str, Any], tmp_path: Path
) -> None:
    assert "there is no such file" in refused("no.skops", files["data"])
    assert "no file" in refused(files["model"], "no.csv")
    with pytest.warns(UserWarning, match="joblib"):
        pickled = save_model(table_pipeline("logistic").fit({"a": [0, 1] * 5}, [0, 1] * 5), tmp_path / "m.joblib")
    assert "--trust" in refused(pickled, files["data"])
    assert "no column 'a'" in refused(pickled, files["data"], "--trust")
    (tmp_path / "broken.skops").write_bytes(b"nothing")
    assert "no skops file" in refused(tmp_path / "broken.skops", files["data"])
    empty = write(tmp_path / "empty.csv", "debt,age,region", [])
    assert refused(files["model"], empty)


def test_few_rows_are_refused_and_one_of_them_can_be_explained(
    refused: Refuse, files: dict[str, Any], tmp_path: Path
) -> None:
    few = write(tmp_path / "few.csv", "debt,age,region", [f"{i / 8},{30 + i},north" for i in range(9)])
    assert refused(files["model"], few) == "9 rows can be used; expected at least 30."
    assert main(["explain", str(files["model"]), str(few), "--row", "2", "--json"]) == 0
