"""Models as files: the same model comes back, nothing runs that was not trusted, and no half a file is left."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest

from aequo.errors import InputError, OutputError, Refused, UnreadableData
from aequo.models.files import load_model, save_model
from aequo.models.pipeline import table_pipeline

DATA = {"x": np.linspace(-1, 1, 60), "kind": ["a", "b", "c"] * 20}
Y = np.where(DATA["x"] > 0.1, "yes", "no")


def fitted(name: str = "logistic") -> Any:
    return table_pipeline(name).fit(DATA, Y)


class Loud:
    """Makes a directory when it is loaded."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.place),)


def test_a_model_comes_back_as_it_was(tmp_path: Path) -> None:
    path = save_model(fitted(), tmp_path / "model")
    assert path.name == "model.skops"
    back = load_model(path)
    np.testing.assert_array_equal(back.predict_proba(DATA), fitted().predict_proba(DATA))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model.skops"]


@pytest.mark.parametrize("name", ["boosting", "forest"])
def test_types_that_skops_does_not_vouch_for_are_named_and_needed(tmp_path: Path, name: str) -> None:
    path = save_model(fitted(name), tmp_path / "m.skops")
    with pytest.raises(Refused, match=r"'m\.skops' holds sklearn\.\S+Tree") as refused:
        load_model(path)
    named = str(refused.value).split(" holds ")[1].split(",")[0]
    for trusted in (True, [named]):
        assert (load_model(path, trusted=trusted).predict(DATA) == fitted(name).predict(DATA)).all()
    with pytest.raises(Refused):
        load_model(path, trusted=["something.Else"])


def test_what_skops_cannot_hold_becomes_a_joblib_file_with_a_warning(tmp_path: Path) -> None:
    import torch

    module = torch.nn.Linear(2, 1)
    with pytest.warns(UserWarning, match=r"model\.joblib is a joblib file"):
        path = save_model(module, tmp_path / "model")
    with pytest.raises(Refused, match="runs whatever code is in it"):
        load_model(path)
    back = load_model(path, trusted=True)
    assert torch.equal(back.weight, module.weight)
    with pytest.raises(InputError, match=r"skops cannot hold this Linear .* ends in \.joblib"):
        save_model(module, tmp_path / "other.skops")
    assert [p.name for p in tmp_path.iterdir()] == ["model.joblib"]


@pytest.mark.parametrize("suffix", [".joblib", ".pkl", ".pickle"])
def test_nothing_in_a_pickle_runs_before_it_is_trusted(tmp_path: Path, suffix: str) -> None:
    path, place = tmp_path / f"evil{suffix}", tmp_path / "it ran"
    path.write_bytes(pickle.dumps(Loud(place)))
    for trusted in (False, ["posix.mkdir"]):
        with pytest.raises(Refused, match="if you trust who made it"):
            load_model(path, trusted=trusted)
    assert not place.exists()
    load_model(path, trusted=True)
    assert place.exists()


def test_nothing_unknown_in_a_skops_file_is_made(tmp_path: Path) -> None:
    import skops.io as sio

    path = tmp_path / "m.skops"
    model = fitted()
    model.set_params(model__class_weight=os.path.join)  # a function where a number belongs
    path.write_bytes(sio.dumps(model))
    with pytest.raises(Refused, match="posixpath.join"):
        load_model(path)


def test_bad_files_are_told_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "empty.skops").write_bytes(b"")
    (tmp_path / "text.skops").write_bytes(b"a model")
    (tmp_path / "text.joblib").write_bytes(b"a model")
    whole = save_model(fitted(), tmp_path / "whole.skops").read_bytes()
    (tmp_path / "half.skops").write_bytes(whole[: len(whole) // 2])
    for name in ("empty.skops", "text.skops", "half.skops"):
        with pytest.raises(UnreadableData, match="no skops file, or a damaged one"):
            load_model(tmp_path / name)
    with pytest.raises(UnreadableData, match="cannot be loaded"):
        load_model(tmp_path / "text.joblib", trusted=True)
    with pytest.raises(UnreadableData, match="there is no such file"):
        load_model(tmp_path / "absent.skops")
    with pytest.raises(UnreadableData, match="cannot be read"):
        load_model(tmp_path)
    (tmp_path / "model.onnx").write_bytes(b"x")
    with pytest.raises(InputError, match=r"ends in \.skops, \.joblib or \.pkl"):
        load_model(tmp_path / "model.onnx")


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"ends in \.skops or \.joblib"):
        save_model(fitted(), tmp_path / "model.onnx")
    with pytest.raises(OutputError, match="there is no such directory"):
        save_model(fitted(), tmp_path / "absent" / "model.skops")
    (tmp_path / "taken.skops").mkdir()
    with pytest.raises(OutputError, match="that is a directory"):
        save_model(fitted(), tmp_path / "taken.skops")
    with pytest.raises(InputError, match="cannot be pickled"):
        save_model(lambda x: x, tmp_path / "function.joblib")
    assert [p.name for p in tmp_path.iterdir()] == ["taken.skops"]


def test_a_file_that_is_there_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "m.joblib"
    path.write_bytes(b"old")
    with pytest.warns(UserWarning, match="joblib file"):
        save_model(fitted(), path)
    assert joblib.load(path).predict(DATA).tolist() == fitted().predict(DATA).tolist()
