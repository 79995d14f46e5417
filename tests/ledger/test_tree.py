"""The tree is RFC 6962's: published numbers, laws at any size, and nothing false is proven."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aequo.errors import InputError, Tampered
from aequo.ledger.growth import Tree, grow
from aequo.ledger.tree import (
    BITS,
    EMPTY,
    Subtrees,
    check_consistency,
    check_inclusion,
    check_selection,
    consistency_proof,
    cover,
    extend,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_of,
    selection_proof,
)

from .published import CONSISTENCY, EMPTY_ROOT, INCLUSION, INPUTS, ROOTS, SOME_HASH

LEAVES = [leaf_hash(b"%d" % i) for i in range(601)]
OTHER = leaf_hash(b"another")


def slow_root(leaves: Sequence[bytes]) -> bytes:
    """RFC 6962, section 2.1, word for word: MTH of leaves that are hashed already."""
    n = len(leaves)
    if n == 0:
        return sha256(b"").digest()
    if n == 1:
        return leaves[0]
    k = 1
    while k * 2 < n:
        k *= 2
    return sha256(b"\x01" + slow_root(leaves[:k]) + slow_root(leaves[k:])).digest()


def slow_path(m: int, leaves: Sequence[bytes]) -> list[bytes]:
    """RFC 6962, section 2.1.1: PATH(m, D[n])."""
    if len(leaves) == 1:
        return []
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if m < k:
        return [*slow_path(m, leaves[:k]), slow_root(leaves[k:])]
    return [*slow_path(m - k, leaves[k:]), slow_root(leaves[:k])]


def slow_proof(m: int, leaves: Sequence[bytes], whole: bool = True) -> list[bytes]:
    """RFC 6962, section 2.1.2: SUBPROOF(m, D[n], b)."""
    if m == len(leaves):
        return [] if whole else [slow_root(leaves)]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if m <= k:
        return [*slow_proof(m, leaves[:k], whole), slow_root(leaves[k:])]
    return [*slow_proof(m - k, leaves[k:], False), slow_root(leaves[:k])]


def stored(leaves: Sequence[bytes]) -> Callable[[int, int, int], list[bytes]]:
    """What a store keeps: the leaves, and hashes of complete subtrees of 256, 65,536, ... of them."""
    _, _, completed = extend(0, (), leaves)
    nodes = {(level, position): digest for level, position, digest in completed}

    def fetch(level: int, start: int, stop: int) -> list[bytes]:
        if level == 0:
            return list(leaves[start:stop])
        return [nodes[level, position] for position in range(start, stop)]

    return fetch


def subtrees(leaves: Sequence[bytes]) -> Subtrees:
    return Subtrees(stored(leaves), len(leaves))


SOURCE = stored(LEAVES)
ROOT_OF = [slow_root(LEAVES[:n]) for n in range(len(LEAVES))]


# -- published numbers ------------------------------------------------------------------------------------------------


def test_roots_are_those_that_certificate_transparency_publishes() -> None:
    assert EMPTY == EMPTY_ROOT == root_of(())
    for n in range(1, 9):
        leaves = [leaf_hash(data) for data in INPUTS[:n]]
        assert root_of(extend(0, (), leaves)[1]) == subtrees(leaves).root() == ROOTS[n - 1]


@pytest.mark.parametrize(("index", "size", "path"), INCLUSION)
def test_inclusion_proofs_are_the_published_ones(index: int, size: int, path: list[bytes]) -> None:
    leaves = [leaf_hash(data) for data in INPUTS[:size]]
    assert inclusion_proof(subtrees(leaves), index, size) == path
    assert check_inclusion(index, size, leaves[index], path, ROOTS[size - 1])


@pytest.mark.parametrize(("old", "size", "path"), CONSISTENCY)
def test_consistency_proofs_are_the_published_ones(old: int, size: int, path: list[bytes]) -> None:
    leaves = [leaf_hash(data) for data in INPUTS[:size]]
    assert consistency_proof(subtrees(leaves), old, size) == path
    assert check_consistency(old, size, path, ROOTS[old - 1], ROOTS[size - 1])


@pytest.mark.parametrize(("index", "size", "path"), INCLUSION)
def test_the_published_ways_to_spoil_an_inclusion_proof_are_all_refused(
    index: int, size: int, path: list[bytes]
) -> None:
    leaf, root = leaf_hash(INPUTS[index]), ROOTS[size - 1]
    probes = [
        (index - 1, size, leaf, path, root),
        (index + 1, size, leaf, path, root),
        (index ^ 2, size, leaf, path, root),
        (index, size * 2, leaf, path, root),
        (index, size // 2, leaf, path, root),
        (index, size, b"WrongLeaf", path, root),
        (index, size, leaf, path, EMPTY_ROOT),
        (index, size, leaf, path, SOME_HASH),
        (index, size, leaf, [*path, b""], root),
        (index, size, leaf, [*path, root], root),
        (index, size, leaf, [b"", *path], root),
        (index, size, leaf, [root, *path], root),
    ]
    probes += [(index, size, leaf, [*path[:i], flipped(path[i], 3), *path[i + 1 :]], root) for i in range(len(path))]
    if path:
        probes.append((index, size, leaf, path[:-1], root))
    if len(path) > 1:
        probes.append((index, size, leaf, [path[0], SOME_HASH, *path[1:]], root))
    assert not [p for p in probes if check_inclusion(*p)]


@pytest.mark.parametrize(("old", "size", "path"), CONSISTENCY[1:])
def test_the_published_ways_to_spoil_a_consistency_proof_are_all_refused(
    old: int, size: int, path: list[bytes]
) -> None:
    first, root = ROOTS[old - 1], ROOTS[size - 1]
    probes = [
        (old - 1, size, path, first, root),
        (old + 1, size, path, first, root),
        (old ^ 2, size, path, first, root),
        (old, size * 2, path, first, root),
        (old, size // 2, path, first, root),
        (old, size, path, b"WrongRoot", root),
        (old, size, path, first, b"WrongRoot"),
        (old, size, path, root, first),
        (old, size, [], first, root),
        *((old, size, [*path, more], first, root) for more in (b"", first, root)),
        *((old, size, [more, *path], first, root) for more in (b"", first, root, path[0])),
        (old, size, path[:-1], first, root),
    ]
    probes += [(old, size, [*path[:i], flipped(path[i], 4), *path[i + 1 :]], first, root) for i in range(len(path))]
    assert not [p for p in probes if check_consistency(*p)]


def test_trivial_consistency_is_what_the_published_cases_say() -> None:
    one, two = b"\x01" * 32, b"\x02" * 32
    for old, size, path, first, root, holds in (
        (0, 0, [], one, two, False),
        (1, 1, [], one, two, False),
        (0, 0, [], one, one, True),
        (1, 1, [], two, two, True),
        (1, 0, [], one, two, False),
        (2, 1, [], one, two, False),
        (1, 2, [], one, two, False),
        (0, 0, [], EMPTY, two, False),
        (1, 1, [], EMPTY, two, False),
        (0, 0, [EMPTY], EMPTY, EMPTY, False),
        (0, 1, [EMPTY], EMPTY, EMPTY, False),
        (1, 1, [EMPTY], EMPTY, EMPTY, False),
        (0, 1, [], EMPTY, one, True),
        # There they are indifferent to the root of no entries; here it has to be what it is.
        (0, 1, [], one, two, False),
    ):
        assert check_consistency(old, size, path, first, root) is holds


def test_a_tree_of_one_entry_is_its_leaf() -> None:
    leaf = leaf_hash(b"data")
    assert check_inclusion(0, 1, leaf, [], leaf)
    for spoilt, root in ((b"", leaf), (leaf, b"")):
        assert not check_inclusion(0, 1, spoilt, [], root)
    for index, size in ((0, 0), (1, 0), (2, 1), (-1, 1)):
        assert not check_inclusion(index, size, leaf, [], leaf)


# -- laws -------------------------------------------------------------------------------------------------------------


@given(st.lists(st.binary(max_size=20), max_size=80), st.data())
def test_a_tree_extended_in_any_portions_is_the_tree_made_at_once(texts: list[bytes], data: st.DataObject) -> None:
    leaves = [leaf_hash(text) for text in texts]
    size, peaks, stored_nodes = 0, (), []
    while size < len(leaves):
        portion = data.draw(st.integers(0, len(leaves) - size))
        size, peaks, completed = extend(size, peaks, leaves[size : size + portion])
        stored_nodes += completed
        assert size.bit_count() == len(peaks)
        assert root_of(peaks) == slow_root(leaves[:size])
        if portion == 0 and data.draw(st.booleans()):
            break


@settings(max_examples=30)
@given(st.lists(st.integers(1, 700), min_size=1, max_size=6))
def test_the_stored_subtrees_are_the_same_in_any_portions(portions: list[int]) -> None:
    total = sum(portions)
    leaves = [leaf_hash(b"%d" % i) for i in range(total)]
    size, peaks, got = 0, (), []
    for portion in portions:
        size, peaks, completed = extend(size, peaks, leaves[size : size + portion])
        got += completed
    _, at_once, expected = extend(0, (), leaves)
    assert (size, peaks, sorted(got)) == (total, at_once, sorted(expected))
    assert all(level == BITS and digest == slow_root(leaves[p << 8 : (p + 1) << 8]) for level, p, digest in got)


@settings(max_examples=30)
@given(st.lists(st.integers(1, 600), min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_each_stored_subtree_has_the_earliest_and_latest_time_in_it(portions: list[int], rng: random.Random) -> None:
    times = [rng.randrange(10**6) for _ in range(sum(portions))]
    tree, blocks = Tree(0, (), 0, 0), []
    for portion in portions:
        part = times[tree.size : tree.size + portion]
        tree, complete, _ = grow(tree, [OTHER] * portion, part)
        blocks += complete
    for block in blocks:
        part = times[block.position * 256 : (block.position + 1) * 256]
        assert (block.low, block.high) == (min(part), max(part))
    tail = times[tree.size - tree.size % 256 :]
    assert [b.position for b in blocks] == list(range(tree.size // 256))
    assert (tree.low, tree.high) == ((min(tail), max(tail)) if tail else (0, 0))


@pytest.mark.parametrize("size", [*range(1, 66), 127, 128, 129, 255, 256, 257, 300, 511, 512, 513, 600])
def test_every_entry_of_a_tree_has_the_proof_of_the_rfc_and_no_other_entry_fits_it(size: int) -> None:
    trees, root = Subtrees(SOURCE, size), ROOT_OF[size]
    for index in range(size) if size < 66 else {0, 1, size // 2, size - 2, size - 1}:
        proof = inclusion_proof(trees, index, size)
        assert proof == slow_path(index, LEAVES[:size])
        assert check_inclusion(index, size, LEAVES[index], proof, root)
        for wrong in {index - 1, index + 1, (index * 7 + 3) % (size + 2), size} - {index}:
            assert not check_inclusion(wrong, size, LEAVES[index], proof, root)
        assert not check_inclusion(index, size, OTHER, proof, root)


def test_the_tree_of_any_size_proves_an_entry_its_growth_and_a_choice() -> None:
    rng = random.Random(0)
    for size in range(601):
        trees, root = Subtrees(SOURCE, size), ROOT_OF[size]
        assert trees.root() == root == root_of(trees.peaks())
        old = rng.randint(0, size)
        proof = consistency_proof(trees, old, size)
        assert check_consistency(old, size, proof, ROOT_OF[old], root), (old, size)
        if size:
            index = rng.randrange(size)
            path = inclusion_proof(trees, index, size)
            assert check_inclusion(index, size, LEAVES[index], path, root), (index, size)
        chosen = sorted(rng.sample(range(size), rng.randint(0, min(size, 5))))
        leaves = [(i, LEAVES[i]) for i in chosen]
        assert check_selection(leaves, size, selection_proof(trees, chosen, size), root), (chosen, size)
        assert check_selection(list(enumerate(LEAVES[:size])), size, [], root), size


@given(st.integers(0, 600), st.data())
def test_growth_is_proven_as_in_the_rfc_and_no_spoilt_proof_is_taken(size: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(0, size))
    proof = consistency_proof(Subtrees(SOURCE, size), old, size)
    if old:
        assert proof == slow_proof(old, LEAVES[:size])
    assert check_consistency(old, size, proof, ROOT_OF[old], ROOT_OF[size])
    if not 0 < old < size:
        assert proof == []
        return
    for spoilt in spoilt_lists(proof, data):
        assert not check_consistency(old, size, spoilt, ROOT_OF[old], ROOT_OF[size])
    wrong = data.draw(st.integers(0, size).filter(lambda n: n != old))
    assert not check_consistency(wrong, size, proof, ROOT_OF[old], ROOT_OF[size])
    assert not check_consistency(old, size, proof, OTHER, ROOT_OF[size])
    assert not check_consistency(old, size, proof, ROOT_OF[old], OTHER)


@given(st.integers(1, 600), st.data())
def test_no_spoilt_audit_path_is_taken(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(Subtrees(SOURCE, size), index, size)
    for spoilt in spoilt_lists(proof, data):
        assert not check_inclusion(index, size, LEAVES[index], spoilt, ROOT_OF[size])
    assert not check_inclusion(index, size, LEAVES[index], proof, OTHER)
    other = data.draw(st.integers(1, 600).filter(lambda n: n != size))
    assert not check_inclusion(index, other, LEAVES[index], proof, ROOT_OF[other])


@given(st.integers(1, 600), st.data())
def test_a_choice_of_entries_is_proven_and_no_other_leaf_index_size_or_hash_is(size: int, data: st.DataObject) -> None:
    chosen = data.draw(st.sets(st.integers(0, size - 1), max_size=12).map(sorted))
    leaves = [(i, LEAVES[i]) for i in chosen]
    proof = selection_proof(Subtrees(SOURCE, size), chosen, size)
    root = ROOT_OF[size]
    assert check_selection(leaves, size, proof, root)
    for spoilt in spoilt_lists(proof, data):
        assert not check_selection(leaves, size, spoilt, root)
    assert not check_selection(leaves, size, proof, OTHER)
    if chosen:
        at = data.draw(st.integers(0, len(chosen) - 1))
        assert not check_selection([*leaves[:at], (chosen[at], OTHER), *leaves[at + 1 :]], size, proof, root)
        assert not check_selection(leaves[:at] + leaves[at + 1 :], size, proof, root)
        assert not check_selection([*leaves, leaves[-1]], size, proof, root)
        moved = data.draw(st.integers(-2, size + 1).filter(lambda i: i not in chosen))
        assert not check_selection(
            sorted([*leaves[:at], (moved, LEAVES[chosen[at]]), *leaves[at + 1 :]]), size, proof, root
        )
    if len(chosen) > 1:
        assert not check_selection(leaves[::-1], size, proof, root)


@given(st.integers(0, 10**5), st.data())
def test_a_cover_is_the_chosen_entries_and_complete_subtrees_from_left_to_right(size: int, data: st.DataObject) -> None:
    chosen = data.draw(st.sets(st.integers(0, size - 1), max_size=8).map(sorted)) if size else []
    parts = list(cover(chosen, size))
    assert [start for start, _, _ in parts] == [0, *(stop for _, stop, _ in parts[:-1])][: len(parts)]
    assert (parts[-1][1] if parts else 0) == size
    assert [start for start, _, is_chosen in parts if is_chosen] == chosen
    for start, stop, is_chosen in parts:
        width = stop - start
        assert width & (width - 1) == 0 and start % width == 0
        assert not is_chosen or width == 1


@settings(max_examples=10)
@given(st.integers(65_000, 140_000), st.randoms(use_true_random=False))
def test_a_large_tree_proves_what_a_small_one_does(size: int, rng: random.Random) -> None:
    leaves = LARGE[:size]
    trees, root = Subtrees(stored(leaves), size), root_of(extend(0, (), leaves)[1])
    assert trees.root() == root
    index, old = rng.randrange(size), rng.randrange(1, size)
    proof = inclusion_proof(trees, index, size)
    assert check_inclusion(index, size, leaves[index], proof, root)
    assert len(proof) <= (size - 1).bit_length()
    old_root = root_of(extend(0, (), leaves[:old])[1])
    assert check_consistency(old, size, consistency_proof(trees, old, size), old_root, root)
    chosen = sorted(rng.sample(range(size), 20))
    assert check_selection([(i, leaves[i]) for i in chosen], size, selection_proof(trees, chosen, size), root)


LARGE = [i.to_bytes(32, "big") for i in range(140_000)]


def test_a_proof_needs_few_stored_hashes_whatever_the_size() -> None:
    size, asked = 3 * 65_536 + 777, []
    width = 1 << BITS

    def fetch(level: int, start: int, stop: int) -> list[bytes]:
        asked.append(stop - start)
        return [OTHER] * (stop - start)

    inclusion_proof(Subtrees(fetch, size), 70_000, size)
    assert max(asked) <= width and len(asked) <= 6


# -- what cannot be -----------------------------------------------------------------------------------------------


def test_entries_and_trees_that_are_not_there_are_refused_in_a_sentence() -> None:
    trees = Subtrees(SOURCE, 5)
    for index in (-1, 5, 2**70):
        with pytest.raises(InputError, match=f"there is no entry {index} in a tree of 5"):
            inclusion_proof(trees, index, 5)
    for chosen in ([-1, 2], [2, 5]):
        with pytest.raises(InputError, match="there is no entry"):
            selection_proof(trees, chosen, 5)
    with pytest.raises(InputError, match="a tree of 5 entries cannot continue one of 6"):
        consistency_proof(trees, 6, 5)
    with pytest.raises(InputError, match="a tree of 5 entries cannot continue one of -1"):
        consistency_proof(trees, -1, 5)
    with pytest.raises(Tampered, match="lacks hashes of level 0, 5 were expected and 3 are there"):
        Subtrees(lambda level, start, stop: LEAVES[start : stop - 2], 5).root()


def test_leaf_and_node_hashes_are_kept_apart() -> None:
    left, right = leaf_hash(b"a"), leaf_hash(b"b")
    assert leaf_hash(left + right) != node_hash(left, right) == sha256(b"\x01" + left + right).digest()


def flipped(digest: bytes, bit: int) -> bytes:
    return bytes([digest[0] ^ 1 << bit, *digest[1:]])


def spoilt_lists(proof: list[bytes], data: st.DataObject) -> list[list[bytes]]:
    """The proof with a hash more, a hash less, another hash, a changed bit, two swapped."""
    at = data.draw(st.integers(0, len(proof)))
    made = [[*proof[:at], OTHER, *proof[at:]], [*proof, b""], [b"", *proof]]
    if proof:
        at = min(at, len(proof) - 1)
        made += [proof[:at] + proof[at + 1 :], [*proof[:at], OTHER, *proof[at + 1 :]]]
        made.append([*proof[:at], flipped(proof[at], at % 8), *proof[at + 1 :]])
    if len(proof) > 1:
        made.append([proof[1], proof[0], *proof[2:]])
    return made
