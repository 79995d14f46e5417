"""What the ledger proves of itself holds outside of it, and stops to hold when anything in it is changed."""

from __future__ import annotations

import base64
import dataclasses
import json
from pathlib import Path

import pytest

from aequo.errors import AequoError, InputError, KeyProblem
from aequo.ledger import Checkpoint, Ledger, open_note
from aequo.ledger.tree import check_consistency, check_inclusion, leaf_hash

from .samples import fill, make, reopen


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    return make(tmp_path_factory.mktemp("proof"), 300)


def test_every_entry_is_proven_by_its_bytes_alone(ledger: Ledger) -> None:
    for index in (0, 1, 255, 256, 298, 299):
        proof = ledger.prove(index)
        assert proof.holds(ledger.vkey)
        assert leaf_hash(proof.body) == ledger.entry(index).leaf
        assert json.loads(proof.body)["id"] == ledger.entry(index).id


def test_a_proof_with_anything_changed_does_not_hold(ledger: Ledger) -> None:
    proof = ledger.prove(7)
    assert proof.checkpoint is not None
    other = make_other_note(proof.checkpoint)
    changed = [
        {"index": 6},
        {"index": 8},
        {"size": 299},
        {"size": 301},
        {"body": proof.body + b" "},
        {"body": ledger.prove(8).body},
        {"path": proof.path[:-1]},
        {"path": (*proof.path, proof.root)},
        {"path": proof.path[::-1]},
        {"root": proof.path[0]},
        {"checkpoint": other},
    ]
    for change in changed:
        spoilt = dataclasses.replace(proof, **change)
        try:
            assert not spoilt.holds(ledger.vkey), change
        except AequoError:
            assert "checkpoint" in change


def make_other_note(note: str) -> str:
    return note.replace("\n300\n", "\n301\n")


def test_a_proof_in_json_can_be_checked_by_anyone(ledger: Ledger) -> None:
    plain = json.loads(json.dumps(ledger.prove(42).to_dict()))
    point = Checkpoint.from_text(open_note(plain["checkpoint"], ledger.vkey))
    path = [base64.b64decode(h) for h in plain["path"]]
    leaf = leaf_hash(plain["body"].encode())
    assert base64.b64encode(leaf).decode() == plain["leaf"]
    assert check_inclusion(plain["index"], point.size, leaf, path, point.root)
    grown = json.loads(json.dumps(ledger.prove_consistency(100).to_dict()))
    roots = [base64.b64decode(grown[name]) for name in ("old_root", "root")]
    assert check_consistency(100, 300, [base64.b64decode(h) for h in grown["path"]], *roots)


def test_growth_is_proven_between_any_two_sizes(ledger: Ledger) -> None:
    for old, size in ((0, 300), (1, 300), (256, 300), (300, 300), (100, 200), (255, 257)):
        proof = ledger.prove_consistency(old, size=size)
        assert proof.holds() and (proof.old, proof.size) == (old, size)
        assert proof.old_root == ledger.subtrees(old).root()
        assert (proof.checkpoint is None) == (size != 300) or size == 300
        if 0 < old < size:
            assert not dataclasses.replace(proof, old=old - 1 or old + 1).holds()
            assert not dataclasses.replace(proof, root=bytes(32)).holds()


def test_an_entry_of_an_earlier_tree_is_proven_for_the_checkpoint_of_then(tmp_path: Path) -> None:
    with make(tmp_path, 10) as ledger:
        then = Checkpoint.from_text(open_note(ledger.checkpoint(), ledger.vkey))
        fill(ledger, 10)
        proof = ledger.prove(3, size=10)
        assert (proof.size, proof.root, proof.checkpoint) == (10, then.root, None)
        assert check_inclusion(3, 10, leaf_hash(proof.body), proof.path, then.root)
        with pytest.raises(InputError, match="this proof has no checkpoint"):
            proof.holds(ledger.vkey)


def test_without_the_key_an_entry_is_proven_for_the_newest_checkpoint_there_is(tmp_path: Path) -> None:
    with make(tmp_path, 10) as ledger:
        vkey = ledger.vkey
    with reopen(tmp_path) as ledger:
        ledger.append({"kind": "note"})
        proof = ledger.prove(9)
        assert (proof.size, proof.holds(vkey)) == (10, True)
        with pytest.raises(InputError, match="there is no entry 10 in a tree of 10"):
            ledger.prove(10)
        with pytest.raises(KeyProblem, match="a checkpoint needs the master key"):
            ledger.checkpoint()


def test_without_any_checkpoint_a_proof_says_so(tmp_path: Path) -> None:
    make(tmp_path).close()
    with reopen(tmp_path) as ledger:
        ledger.append({"kind": "note"})
        proof = ledger.prove(0)
        assert proof.checkpoint is None and proof.root == leaf_hash(proof.body)


@pytest.mark.parametrize("index", [-1, 300, 2**70])
def test_an_entry_that_is_not_there_is_not_proven(ledger: Ledger, index: int) -> None:
    with pytest.raises(InputError, match=f"there is no entry {index}"):
        ledger.prove(index)


@pytest.mark.parametrize(("old", "size"), [(301, None), (-1, None), (20, 10), (2**70, None), (0, 301), (0, -1)])
def test_growth_that_cannot_be_is_refused(ledger: Ledger, old: int, size: int | None) -> None:
    with pytest.raises(InputError, match="cannot continue one of|there is no tree of"):
        ledger.prove_consistency(old, size=size)


def test_checkpoints_are_kept_and_the_same_tree_gives_the_same_one(tmp_path: Path) -> None:
    with make(tmp_path, 3) as ledger:
        first = ledger.checkpoint()
        assert ledger.checkpoint() == first
        fill(ledger, 2)
        second = ledger.checkpoint()
        kept = ledger.store.checkpoints()
        assert [size for size, _ in kept] == [0, 3, 5]  # the first was signed when the ledger was made
        assert [note for _, note in kept[1:]] == [first, second]
        assert ledger.verify().checkpoints == 4  # the newest is also with the head of the tree
