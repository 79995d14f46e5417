"""A bundle proves its entries to whoever has the public key, and no byte of it can be another."""

from __future__ import annotations

import io
import json
import re
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from aequo.errors import InputError, KeyProblem, OutputError, Tampered
from aequo.ledger import Checkpoint, Ledger, open_note, write_bundle
from aequo.ledger.entry import MOST_BYTES
from aequo.ledger.note import sign_note, vkey_of
from aequo.ledger.tree import EMPTY, consistency_proof, extend, leaf_hash, node_hash, root_of
from aequo.ledger.verify import Accepted, check_bundle

from .bundles import NAME, PRIVATE, VKEY, entries, left_out, made, root, second_opinion, sign, verdict
from .samples import ORIGIN, PEOPLE, change, fill, make, reopen


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bundles")


@pytest.fixture(scope="module")
def then(place: Path) -> str:
    """A checkpoint on the first 40 entries, kept elsewhere."""
    with make(place, 40) as ledger:
        return ledger.checkpoint()


@pytest.fixture(scope="module")
def ledger(place: Path, then: str) -> Ledger:
    ledger = Ledger.open(f"sqlite:///{place}/x.db", key=bytes(range(32)))
    fill(ledger, 300)
    return ledger


# -- what is proven ---------------------------------------------------------------------------------------------------


def test_all_entries_are_accepted_with_the_public_key_alone(ledger: Ledger, tmp_path: Path) -> None:
    assert write_bundle(ledger, tmp_path / "all") == 340
    assert verdict(tmp_path / "all", ledger.vkey) == Accepted(ORIGIN, 340, 340, None, None)
    first, *lines = (tmp_path / "all").read_bytes().splitlines()
    assert list(json.loads(first)) == ["format", "checkpoint"]
    assert [json.loads(line)["id"] for line in lines] == [entry.id for entry in ledger.entries()]


@given(st.sets(st.integers(0, 339), max_size=30))
@settings(max_examples=60)
def test_any_choice_of_entries_is_accepted_and_holds_exactly_those(
    ledger: Ledger, place: Path, chosen: set[int]
) -> None:
    assert write_bundle(ledger, place / "some", chosen) == len(chosen)
    assert verdict(place / "some", ledger.vkey) == Accepted(ORIGIN, 340, len(chosen), None, None)
    assert second_opinion((place / "some").read_bytes(), ledger.vkey)
    lines = [json.loads(line) for line in (place / "some").read_bytes().splitlines()[1:]]
    assert [line["id"] for line in lines if "id" in line] == [ledger.entry(i).id for i in sorted(chosen)]
    assert sum(line.get("left_out", 1) for line in lines) == 340


def test_the_order_and_number_of_times_that_entries_are_asked_for_do_not_matter(ledger: Ledger, tmp_path: Path) -> None:
    assert write_bundle(ledger, tmp_path / "a", [7, 3, 7, 250]) == 3
    assert write_bundle(ledger, tmp_path / "b", (i for i in (3, 7, 250))) == 3
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_bundle_since_a_checkpoint_proves_that_the_ledger_continues_it(
    ledger: Ledger, tmp_path: Path, then: str
) -> None:
    write_bundle(ledger, tmp_path / "since", [339], since=then)
    assert verdict(tmp_path / "since", ledger.vkey) == Accepted(ORIGIN, 340, 1, 40, None)
    assert verdict(tmp_path / "since", ledger.vkey, then) == Accepted(ORIGIN, 340, 1, 40, 40)
    assert second_opinion((tmp_path / "since").read_bytes(), ledger.vkey)


def test_an_empty_ledger_can_be_exported(tmp_path: Path) -> None:
    with make(tmp_path) as ledger:
        empty = ledger.checkpoint()
        for name, chosen in (("all", None), ("none", [])):
            assert write_bundle(ledger, tmp_path / name, chosen, since=empty) == 0
            assert verdict(tmp_path / name, ledger.vkey, empty) == Accepted(ORIGIN, 0, 0, 0, 0)
        with pytest.raises(InputError, match="there is no entry 0 in a ledger of 0"):
            write_bundle(ledger, tmp_path / "some", [0])
        fill(ledger, 3)
        write_bundle(ledger, tmp_path / "later", since=empty)
        assert verdict(tmp_path / "later", ledger.vkey, empty) == Accepted(ORIGIN, 3, 3, 0, 0)


def test_nothing_personal_is_readable_in_a_bundle(ledger: Ledger, tmp_path: Path) -> None:
    write_bundle(ledger, tmp_path / "all")
    text = (tmp_path / "all").read_text(encoding="utf-8")
    assert not [p for p in PEOPLE if p in text]


def test_the_largest_event_can_be_exported_and_checked(tmp_path: Path) -> None:
    with make(tmp_path) as ledger:
        event = {"kind": "big", "a": "x" * (MOST_BYTES - 40), "b": "y" * (MOST_BYTES - 40)}
        with pytest.raises(InputError, match="are the most"):
            ledger.append(event)
        # In two parts, one in clear and one sealed, each as large as may be.
        ledger.append(event, subject="somebody", clear=["a"])
        write_bundle(ledger, tmp_path / "big")
        assert (tmp_path / "big").stat().st_size > 39_000_000
        assert isinstance(verdict(tmp_path / "big", ledger.vkey), Accepted)


# -- the export ---------------------------------------------------------------------------------------------------


def test_what_cannot_be_exported_leaves_no_file(ledger: Ledger, tmp_path: Path) -> None:
    for chosen in ([-1], [0, 340], [2**70]):
        with pytest.raises(InputError, match="there is no entry"):
            write_bundle(ledger, tmp_path / "x", chosen)
    with pytest.raises(OutputError, match="the bundle x cannot be written"):
        write_bundle(ledger, tmp_path / "no such folder" / "x")
    assert not list(tmp_path.iterdir())


def test_a_bundle_needs_the_key(tmp_path: Path) -> None:
    make(tmp_path, 3).close()
    with reopen(tmp_path) as ledger, pytest.raises(KeyProblem, match="a checkpoint needs the master key"):
        write_bundle(ledger, tmp_path / "x")


def test_a_checkpoint_that_is_not_of_this_ledgers_past_is_not_proven(tmp_path: Path) -> None:
    with make(tmp_path, 5) as ledger:
        private = ledger._signing_key
        forked = sign_note(Checkpoint(origin=ORIGIN, size=3, root=bytes(32)).to_text(), ORIGIN, private)
        with pytest.raises(Tampered, match="the ledger does not continue that checkpoint"):
            write_bundle(ledger, tmp_path / "x", since=forked)
        later = sign_note(Checkpoint(origin=ORIGIN, size=9, root=bytes(32)).to_text(), ORIGIN, private)
        with pytest.raises(Tampered, match="the checkpoint is on 9 entries and the ledger has 5"):
            write_bundle(ledger, tmp_path / "x", since=later)
        with pytest.raises(Tampered, match="is not signed with this ledger's key"):
            write_bundle(ledger, tmp_path / "x", since=sign(3, bytes(32)))
        with pytest.raises(InputError, match="this is no signed note"):
            write_bundle(ledger, tmp_path / "x", since="3")
    assert not (tmp_path / "x").exists()


def test_a_ledger_that_lacks_an_entry_is_not_exported(tmp_path: Path) -> None:
    with make(tmp_path, 9) as ledger:
        change(tmp_path / "x.db", "DELETE FROM entries WHERE id = 5")
        for chosen in (None, [4]):
            with pytest.raises(Tampered, match="one is missing|the tree lacks hashes"):
                write_bundle(ledger, tmp_path / "x", chosen)
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("body", [b"", b"junk", b'{"a":\n1}', b"{", "text"])
def test_bytes_that_would_not_be_a_line_of_a_bundle_are_not_exported(tmp_path: Path, body: object) -> None:
    with make(tmp_path, 9) as ledger:
        change(tmp_path / "x.db", "UPDATE entries SET body = ? WHERE id = 5", body)
        for chosen in (None, [4]):
            with pytest.raises(Tampered, match="entry 4 is no entry any more"):
                write_bundle(ledger, tmp_path / "x", chosen)
    assert not (tmp_path / "x").exists()


# -- no byte can be another ---------------------------------------------------------------------------------------


def agreed(data: bytes, vkey: str = VKEY) -> bool:
    """Whether a bundle is accepted; the verifier and aequo's own parts must be of one mind."""
    accepted = isinstance(verdict(data, vkey), Accepted)
    assert accepted == second_opinion(data, vkey)
    return accepted


def _bundles() -> dict[str, bytes]:
    bodies = entries(23)
    leaves = [leaf_hash(body) for body in bodies]
    _, peaks, _ = extend(0, (), leaves)
    old_root = root_of(extend(0, (), leaves[:5])[1])

    def subtree(start: int, stop: int) -> bytes:
        return root_of(extend(0, (), leaves[start:stop])[1])

    proof = [left_out(1, h)[22:-2].decode() for h in consistency_proof(subtree, 5, 23)]
    since = {"checkpoint": sign(5, old_root), "proof": [p.split('"')[-1] for p in proof]}
    some = [left_out(16, peaks[0]), *bodies[16:18], left_out(2, subtree(18, 20)), left_out(2, peaks[2]), bodies[22]]
    some[3:5] = [left_out(2, subtree(18, 20)), bodies[20], left_out(1, leaves[21])]
    return {
        "all": made(bodies),
        "some": made(bodies, lines=some),
        "since": made(bodies, since=since),
        "some since": made(bodies, lines=some, since=since),
        "one": made(bodies[:1]),
        "none": made([]),
    }


BUNDLES = _bundles()


@pytest.mark.parametrize("name", BUNDLES)
def test_the_bundles_that_are_spoilt_below_are_accepted(name: str) -> None:
    assert agreed(BUNDLES[name])


@pytest.mark.parametrize("name", ["some since", "none"])
def test_every_byte_counts(name: str) -> None:
    data = BUNDLES[name]
    for at in range(len(data)):
        for bit in (0, 5):
            changed = data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]
            assert not agreed(changed), (at, data[at], changed[at])
        assert not agreed(data[:at] + data[at + 1 :]), at
        assert not agreed(data[:at]), at


Change = Callable[[st.DataObject, bytes], bytes]


def _flip(data: st.DataObject, bundle: bytes) -> bytes:
    at = data.draw(st.integers(0, len(bundle) - 1))
    return bundle[:at] + bytes([bundle[at] ^ data.draw(st.integers(1, 255))]) + bundle[at + 1 :]


def _insert(data: st.DataObject, bundle: bytes) -> bytes:
    at = data.draw(st.integers(0, len(bundle)))
    more = data.draw(
        st.sampled_from([b"\n", b"\r", b"\x00", b" ", b"{}", b"=", b"\\", b'"', b"\xef\xbb\xbf"]) | st.binary()
    )
    return bundle[:at] + more + bundle[at:]


def _cut(data: st.DataObject, bundle: bytes) -> bytes:
    start = data.draw(st.integers(0, len(bundle)))
    return bundle[:start] + bundle[data.draw(st.integers(start, len(bundle))) :]


def _lines(data: st.DataObject, bundle: bytes) -> bytes:
    lines = bundle.splitlines(keepends=True)
    a, b = (data.draw(st.integers(0, len(lines) - 1)) for _ in range(2))
    way = data.draw(st.sampled_from(["drop", "double", "swap", "move", "blank", "crlf", "join"]))
    if way == "drop":
        del lines[a]
    elif way == "double":
        lines.insert(b, lines[a])
    elif way == "swap":
        lines[a], lines[b] = lines[b], lines[a]
    elif way == "move":
        lines.insert(b, lines.pop(a))
    elif way == "blank":
        lines.insert(a, b"\n")
    elif way == "crlf":
        lines[a] = lines[a][:-1] + b"\r\n"
    else:
        lines[a] = lines[a][:-1]
    return b"".join(lines)


def _other(data: st.DataObject, bundle: bytes) -> bytes:
    """Take a line from another bundle: itself right, in the wrong place."""
    lines = bundle.splitlines(keepends=True)
    others = BUNDLES[data.draw(st.sampled_from(sorted(BUNDLES)))].splitlines(keepends=True)
    lines[data.draw(st.integers(0, len(lines) - 1))] = data.draw(st.sampled_from(others))
    return b"".join(lines)


@settings(max_examples=2500)
@given(st.sampled_from(sorted(BUNDLES)), st.data())
def test_no_changed_bundle_is_accepted_and_two_readers_agree(name: str, data: st.DataObject) -> None:
    bundle = BUNDLES[name]
    for way in data.draw(st.lists(st.sampled_from([_flip, _insert, _cut, _lines, _other]), min_size=1, max_size=3)):
        bundle = way(data, bundle) or b"\n"
    accepted = agreed(bundle)
    assert accepted or bundle not in BUNDLES.values()
    # Another choice of entries of the same ledger is a bundle too, if somebody can make it.
    assert not accepted or _is_a_choice(bundle)


def _is_a_choice(bundle: bytes) -> bool:
    """Whether the first line is that of a bundle, and each entry is the one that belongs in its place."""
    head, *lines = bundle.splitlines(keepends=True)
    at = 0
    for line in lines:
        width = re.match(rb'\{"left_out":(\d+),', line)
        if width is None and line != b'{"v":1,"n":%d}\n' % at:
            return False
        at += 1 if width is None else int(width[1])
    return head in {known.splitlines(keepends=True)[0] for known in BUNDLES.values()}


@settings(max_examples=500)
@given(st.binary(max_size=300) | st.text().map(lambda t: t.encode(errors="surrogatepass")))
def test_no_junk_is_accepted(junk: bytes) -> None:
    assert not agreed(junk)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(), v, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150)
@given(
    st.fixed_dictionaries(
        {"format": st.just("aequo-ledger-bundle/1") | json_values, "checkpoint": st.just(sign(0, EMPTY)) | json_values},
        optional={
            "since": json_values
            | st.fixed_dictionaries(
                {"checkpoint": st.just(sign(0, EMPTY)) | json_values, "proof": st.just([]) | json_values}
            ),
            "more": json_values,
        },
    )
)
def test_a_first_line_of_any_json_is_judged_without_an_accident(head: dict[str, object]) -> None:
    line = json.dumps(head, ensure_ascii=False, separators=(",", ":")).encode(errors="surrogatepass")
    right = made([])
    since = made([], since={"checkpoint": sign(0, EMPTY), "proof": []})
    assert agreed(line + b"\n") == (line + b"\n" in (right, since))


@pytest.mark.parametrize("length", [1000, 100_000, 999_000, 10_000_000])
@pytest.mark.parametrize("part", [b"[", b'{"a":', b"9", b"[],", b'"\\u0000"'])
def test_a_hostile_first_line_is_refused_in_little_memory(length: int, part: bytes) -> None:
    line = (b'{"format":"aequo-ledger-bundle/1","checkpoint":' + part * (length // len(part)))[:length] + b"\n"
    tracemalloc.start()
    try:
        assert verdict(line) in (
            "line 1 is too long",
            "the first line is not that of a bundle of the form aequo-ledger-bundle/1",
        )
        assert tracemalloc.get_traced_memory()[1] < 60_000_000 + length
    finally:
        tracemalloc.stop()


# -- lines ------------------------------------------------------------------------------------------------------------

THREE = entries(3)


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([*THREE, THREE[0]], "line 5 is one too many: 3 entries were signed"),
        (THREE[:2], "it ends after 2 entries, and 3 were signed"),
        ([THREE[0], b"", *THREE[1:]], "line 3 is neither an entry nor a hash"),
        ([THREE[0] + b"\r", *THREE[1:]], "line 2 is neither an entry nor a hash"),
        ([THREE[0], THREE[2], THREE[1]], "one or more were changed, dropped, added or moved"),
        ([THREE[0], b'{"v":1,"n":\x00}', THREE[2]], "one or more were changed, dropped, added or moved"),
        ([left_out(2, root(THREE[:2])), left_out(2, bytes(32))], "line 3 is one too many"),
        ([left_out(3, root(THREE))], "line 2 is the hash of no part of the tree"),
        ([THREE[0], left_out(2, root(THREE[1:]))], "line 3 is the hash of no part of the tree"),
        ([left_out(4, root(THREE))], "line 2 is one too many"),
        ([left_out(2**59, root(THREE))], "line 2 is one too many"),
        ([left_out(10**40, root(THREE))], "changed, dropped, added or moved|ends after 1 entries"),
        ([left_out(0, root(THREE)), *THREE], "line 5 is one too many"),
        ([b'{"left_out":01,"hash":"' + left_out(1, bytes(32))[-46:], *THREE[1:]], "changed, dropped, added or moved"),
    ],
)
def test_lines_that_do_not_make_the_tree_are_refused(lines: list[bytes], reason: str) -> None:
    data = made(THREE, lines=lines)
    assert not agreed(data)
    assert any(part in str(verdict(data)) for part in reason.split("|"))


def test_a_hash_can_stand_for_entries_and_says_nothing_of_them() -> None:
    for lines in (
        [left_out(2, root(THREE[:2])), THREE[2]],
        [*THREE[:2], left_out(1, leaf_hash(THREE[2]))],
        [left_out(2, root(THREE[:2])), left_out(1, leaf_hash(THREE[2]))],
    ):
        data = made(THREE, lines=lines)
        assert verdict(data) == Accepted(NAME, 3, sum(b"left_out" not in line for line in lines), None, None)


def test_an_inner_node_cannot_pose_as_an_entry() -> None:
    # Without the 0x00 and 0x01 in front of what is hashed, the two would be the same.
    fake = leaf_hash(THREE[0]) + leaf_hash(THREE[1])
    note = sign(1, node_hash(leaf_hash(THREE[0]), leaf_hash(THREE[1])))
    for line in (fake, b"\x01" + fake):
        assert not agreed(made(THREE, note=note, lines=[b"{" + line + b"}"]))
        assert not agreed(made(THREE, note=note, lines=[line]))


def test_a_million_entries_would_take_no_more_memory_than_a_thousand() -> None:
    class Endless(io.RawIOBase):
        """A file of many entries that are made when they are read."""

        def __init__(self, head: bytes, count: int) -> None:
            self.rest = iter(range(count))
            self.first: bytes | None = head

        def readline(self, most: int | None = -1, /) -> bytes:
            if self.first is not None:
                line, self.first = self.first, None
                return line
            n = next(self.rest, None)
            return b"" if n is None else b'{"v":1,"n":%d}\n' % n

    def peak(count: int) -> int:
        size, peaks = 0, ()
        for start in range(0, count, 1000):
            leaves = [leaf_hash(b'{"v":1,"n":%d}' % n) for n in range(start, min(count, start + 1000))]
            size, peaks, _ = extend(size, peaks, leaves)
        head = made([], note=sign(size, root_of(peaks)))
        tracemalloc.start()
        try:
            assert check_bundle(Endless(head, count), VKEY).entries == count  # type: ignore[arg-type]
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    few, many = peak(1000), peak(30_000)
    assert many < few + 20_000


# -- signatures and checkpoints -------------------------------------------------------------------------------------


def test_signatures_of_witnesses_do_no_harm() -> None:
    other = Ed25519PrivateKey.from_private_bytes(bytes(32))
    line = sign_note("x\n", "witness.example", other).split("\n\n")[1]
    note = sign(3, root(THREE)) + line * 20
    assert agreed(made(THREE, note=note))
    first, last = sign(3, root(THREE)).split("\n\n")
    assert agreed(made(THREE, note=f"{first}\n\n{line}{last}"))
    assert not agreed(made(THREE, note=f"{first}\n\n{line}"))
    assert not agreed(made(THREE, note=note + "junk\n"))


def test_the_checkpoint_has_to_be_signed_with_the_key_given_and_be_of_that_ledger() -> None:
    other = Ed25519PrivateKey.from_private_bytes(bytes(32))
    assert "not signed with the public key given" in str(verdict(made(THREE, note=sign(3, root(THREE), private=other))))
    vkey = vkey_of("example.com/two", PRIVATE.public_key().public_bytes_raw())
    assert "not signed with the public key given" in str(verdict(made(THREE), vkey))
    text = Checkpoint(origin="example.com/two", size=3, root=root(THREE)).to_text()
    assert "of another ledger" in str(verdict(made(THREE, note=sign_note(text, NAME, PRIVATE))))
    # A key whose id was made the same: the id is no proof, the signature is.
    note = sign(3, root(THREE)).replace("\u2014 example.com/made ", "\u2014 example.com/made AAAA")
    assert not agreed(made(THREE, note=note))


@pytest.mark.parametrize("size", ["-1", "03", "3.0", "", "9" * 19, "³", "1e3"])
def test_a_signed_text_that_is_no_checkpoint_is_refused(size: str) -> None:
    note = sign_note(f"{NAME}\n{size}\n{sign(3, root(THREE)).splitlines()[2]}\n", NAME, PRIVATE)
    assert not agreed(made(THREE, note=note))


def test_the_checkpoint_from_elsewhere_is_held_against_the_entries() -> None:
    bodies = entries(11)
    data = made(bodies)
    for size in (0, 1, 4, 7, 10, 11):
        held = sign(size, root(bodies[:size]))
        assert verdict(data, VKEY, held) == Accepted(NAME, 11, 11, None, size)
        forked = sign(size, bytes(32))
        assert "the ledger has two histories" in str(verdict(data, VKEY, forked))
    assert "cut or set back" in str(verdict(data, VKEY, sign(12, bytes(32))))
    assert "the checkpoint given cannot be trusted" in str(verdict(data, VKEY, "junk"))
    other = Ed25519PrivateKey.from_private_bytes(bytes(32))
    assert "the checkpoint given cannot be trusted" in str(verdict(data, VKEY, sign(4, bytes(32), private=other)))


def test_a_choice_of_entries_is_held_against_a_checkpoint_where_a_line_ends_or_by_a_proof(
    ledger: Ledger, tmp_path: Path, then: str
) -> None:
    write_bundle(ledger, tmp_path / "some", [100])
    assert "ask for an export since that checkpoint" in str(verdict(tmp_path / "some", ledger.vkey, then))
    write_bundle(ledger, tmp_path / "some", [40])
    assert verdict(tmp_path / "some", ledger.vkey, then) == Accepted(ORIGIN, 340, 1, None, 40)
    write_bundle(ledger, tmp_path / "some", [100], since=then)
    assert verdict(tmp_path / "some", ledger.vkey, then) == Accepted(ORIGIN, 340, 1, 40, 40)
    # Proven since a checkpoint of the same size that is not the one given: two of them were signed.
    forked = Checkpoint(origin=ORIGIN, size=40, root=bytes(32)).to_text()
    forked = sign_note(forked, ORIGIN, ledger._signing_key)
    assert "the ledger has two histories" in str(verdict(tmp_path / "some", ledger.vkey, forked))


def test_a_ledger_that_was_set_back_is_noticed_with_a_checkpoint_from_elsewhere_and_only_so(tmp_path: Path) -> None:
    with make(tmp_path, 20) as ledger:
        write_bundle(ledger, tmp_path / "old")
        fill(ledger, 5)
        later = ledger.checkpoint()
        assert Checkpoint.from_text(open_note(later, ledger.vkey)).size == 25
        vkey = ledger.vkey
    accepted = verdict(tmp_path / "old", vkey)
    assert isinstance(accepted, Accepted)
    assert "Not proven: that the ledger was not cut or set back" in accepted.sentence()
    assert "the ledger was cut or set back, or the bundle is the older one" in str(
        verdict(tmp_path / "old", vkey, later)
    )
