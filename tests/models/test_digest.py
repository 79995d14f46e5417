"""The digest of a model: the same for the same, in another process and after a reload; another for another."""

from __future__ import annotations

import functools
import pickle
import subprocess
import sys
import textwrap
from typing import Any

import lightgbm
import numpy as np
import pytest
import skops.io
import torch
import xgboost
from scipy.sparse import csr_matrix
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from aequo.errors import InputError
from aequo.models.digest import model_digest
from aequo.models.predicting import as_model

rng = np.random.default_rng(0)
X = rng.normal(size=(150, 3))
Y = (X[:, 0] + rng.normal(size=150) > 0).astype(int)

MAKERS: dict[str, Any] = {
    "pipeline": lambda s: make_pipeline(StandardScaler(), LogisticRegression(C=1 + s)).fit(X, Y),
    "forest": lambda s: RandomForestClassifier(4, random_state=s).fit(X, Y),
    "boosting": lambda s: GradientBoostingClassifier(n_estimators=3, subsample=0.5, random_state=s).fit(X, Y),
    "histogram boosting": lambda s: HistGradientBoostingClassifier(max_iter=3 + s).fit(X, Y),
    "neighbours": lambda s: KNeighborsClassifier(3 + s).fit(X, Y),
    "svm": lambda s: SVC(C=1 + s).fit(X, Y),
    "xgboost": lambda s: xgboost.XGBClassifier(n_estimators=3 + s).fit(X, Y),
    "lightgbm": lambda s: lightgbm.LGBMClassifier(n_estimators=3 + s, verbose=-1, n_jobs=1).fit(X, Y),
    "xgboost booster": lambda s: xgboost.XGBClassifier(n_estimators=3 + s).fit(X, Y).get_booster(),
    "lightgbm booster": lambda s: lightgbm.LGBMClassifier(n_estimators=3 + s, verbose=-1, n_jobs=1).fit(X, Y).booster_,
}


@pytest.mark.parametrize("name", MAKERS)
def test_the_same_training_gives_the_same_digest_and_another_gives_another(name: str) -> None:
    model, digest = MAKERS[name](0), model_digest(MAKERS[name](0))
    assert digest.startswith("sha256:") and len(digest) == 71
    assert model_digest(model) == digest
    assert model_digest(MAKERS[name](1)) != digest
    as_model(model).scores(X)
    assert model_digest(model) == digest, "asking a model does not change it"
    assert model_digest(as_model(model)) == digest
    assert model_digest(pickle.loads(pickle.dumps(model))) == digest
    if "booster" not in name:
        saved = skops.io.dumps(model)
        assert model_digest(skops.io.loads(saved, trusted=skops.io.get_untrusted_types(data=saved))) == digest


def test_threads_and_talk_do_not_count() -> None:
    assert model_digest(RandomForestClassifier(4, random_state=0, n_jobs=2, verbose=0).fit(X, Y)) == model_digest(
        MAKERS["forest"](0)
    )


def net(seed: int, middle: type[torch.nn.Module] = torch.nn.ReLU) -> torch.nn.Module:
    torch.manual_seed(seed)
    return torch.nn.Sequential(torch.nn.Linear(3, 4), middle(), torch.nn.Linear(4, 1))


def test_a_torch_module_is_its_layers_and_weights() -> None:
    digest = model_digest(net(0))
    assert model_digest(net(0)) == digest == model_digest(pickle.loads(pickle.dumps(net(0))))
    assert len({digest, model_digest(net(1)), model_digest(net(0, torch.nn.Tanh))}) == 3


WEIGHT = 2.0


def by_global(rows: Any) -> Any:
    return rows[:, 0] * WEIGHT


def test_a_function_is_its_code_what_it_closes_over_and_the_globals_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(model: Any) -> Any:
        return lambda rows: model.predict_proba(rows)[:, 1]

    first, second = MAKERS["forest"](0), MAKERS["forest"](1)
    assert model_digest(closed(first)) == model_digest(closed(MAKERS["forest"](0))) != model_digest(closed(second))
    assert model_digest(functools.partial(max, 1)) != model_digest(functools.partial(max, 2))
    before = model_digest(by_global)
    monkeypatch.setitem(by_global.__globals__, "WEIGHT", 3.0)
    assert model_digest(by_global) != before
    assert model_digest(first.predict) != model_digest(second.predict)


def test_an_object_with_call_is_its_state_and_code() -> None:
    class Rule:
        def __init__(self, weight: float) -> None:
            self.weight = weight

        def __call__(self, rows: Any) -> Any:
            return rows[:, 0] * self.weight

    assert model_digest(Rule(1.0)) == model_digest(Rule(1.0)) != model_digest(Rule(2.0))


def test_dictionaries_and_sets_have_no_order_lists_and_arrays_do() -> None:
    def holding(value: Any) -> Any:
        return lambda rows: (rows, value)

    def digest(value: Any) -> str:
        return model_digest(holding(value))

    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest({"x", "y", "z"}) == digest({"z", "y", "x"})
    assert digest([1, 2]) != digest([2, 1])
    assert digest(np.arange(4.0)) != digest(np.arange(4.0).reshape(2, 2)) != digest(np.arange(4))
    assert digest(np.asfortranarray(np.eye(3)[:2])) == digest(np.eye(3)[:2])
    assert digest(["ab", "c"]) != digest(["a", "bc"])
    assert digest(1) != digest(1.0) != digest(True)
    assert digest(csr_matrix(np.eye(3))) == digest(csr_matrix(np.eye(3))) != digest(csr_matrix(2 * np.eye(3)))
    assert digest(np.array(["a", None], dtype=object)) != digest(np.array(["a", "b"], dtype=object))


def test_what_holds_itself_is_digested_too() -> None:
    def loop(last: int) -> Any:
        held: list[Any] = [1, last]
        held.append(held)
        return lambda rows: (rows, held)

    assert model_digest(loop(2)) == model_digest(loop(2)) != model_digest(loop(3))


def test_bytes_between_the_fields_of_a_tree_do_not_count() -> None:
    kind = np.dtype([("a", "<i1"), ("b", "<f8")], align=True)
    first, second = np.frombuffer(b"\x00" * 16, kind).copy(), np.frombuffer(b"\x00" + b"\xff" * 7 + b"\x00" * 8, kind)
    assert first == second
    assert model_digest(lambda rows: (rows, first)) == model_digest(lambda rows: (rows, second))


def test_what_has_no_lasting_form_has_no_digest() -> None:
    lines = (line for line in "ab")
    with pytest.raises(InputError, match="a generator, which has no lasting form"):
        model_digest(lambda rows: (rows, lines))


def test_another_process_finds_the_same_digest() -> None:
    program = textwrap.dedent(
        """
        import numpy as np
        from sklearn.ensemble import RandomForestClassifier
        from aequo.models.digest import model_digest
        rng = np.random.default_rng(0)
        X = rng.normal(size=(150, 3))
        Y = (X[:, 0] + rng.normal(size=150) > 0).astype(int)
        names = {"north", "south", "east", "west"}
        forest = RandomForestClassifier(4, random_state=0).fit(X, Y)
        digests = [model_digest(forest), model_digest(lambda rows: rows[0] in names)]
        """
    )
    there = subprocess.run(
        [sys.executable, "-c", program + "print(digests)"],
        env={"PYTHONHASHSEED": "1"},  # another order of sets
        capture_output=True,
        text=True,
        check=True,
    )
    here: dict[str, Any] = {}
    exec(program, here)
    assert there.stdout.strip() == str(here["digests"])
