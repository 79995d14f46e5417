"""Checkpoints are signed notes that others can read, and nothing else is taken for one."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from aequo.errors import AequoError, InputError, Tampered
from aequo.ledger.note import Checkpoint, open_note, read_vkey, sign_note, vkey_of

# The example of https://c2sp.org/signed-note (also in tlog-scales and other implementations' tests).
EXAMPLE_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
EXAMPLE = (
    "This is an example message.\n\n\u2014 example.com/foo "
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)

# Keys, note and malformed notes of golang.org/x/mod, sumdb/note/note_test.go: the implementation that came first.
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_SEED = base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
ENOCH = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
BY_PETER = (
    "\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
BY_ENOCH = (
    "\u2014 EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n"
)

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
NAME = "example.com/log"
VKEY = vkey_of(NAME, KEY.public_key().public_bytes_raw())


def test_the_example_of_the_specification_opens() -> None:
    assert open_note(EXAMPLE, EXAMPLE_KEY) == "This is an example message.\n"
    name, public = read_vkey(EXAMPLE_KEY)
    assert (name, public[:2].hex(), vkey_of(name, public)) == ("example.com/foo", "e932", EXAMPLE_KEY)


def test_we_sign_byte_for_byte_as_go_does() -> None:
    private = Ed25519PrivateKey.from_private_bytes(PETER_SEED)
    assert vkey_of("PeterNeumann", private.public_key().public_bytes_raw()) == PETER
    assert sign_note(TEXT, "PeterNeumann", private) == TEXT + "\n" + BY_PETER


def test_a_note_with_several_signatures_opens_with_each_key_and_unknown_keys_are_passed_over() -> None:
    both = TEXT + "\n" + BY_PETER + BY_ENOCH
    assert open_note(both, PETER) == open_note(both, ENOCH) == TEXT
    many = TEXT + "\n" + BY_ENOCH * 20 + BY_PETER  # at least 16 are to be accepted
    assert open_note(many, PETER) == TEXT
    same_name = BY_PETER.replace("x08g", "AAAA")  # same name, another id: a key that we do not know
    assert open_note(TEXT + "\n" + same_name + BY_PETER, PETER) == TEXT


@pytest.mark.parametrize(
    "note",
    [
        TEXT,
        TEXT + "\n",
        TEXT + "\n" + BY_PETER[:-1],
        "\x01" + TEXT + "\n" + BY_PETER,
        "\udcff" + TEXT + "\n" + BY_PETER,
        TEXT + "\n" + BY_PETER.replace("PeterNeumann", "Bad Name"),
        TEXT + "\n" + BY_PETER + "Unexpected line.\n",
        TEXT + "\n" + BY_PETER + "\n",
        TEXT + "\n" + BY_PETER.replace("\u2014", "-"),
        TEXT + "\n" + BY_PETER.replace("\n", "\r\n"),
        TEXT + "\n" + BY_PETER + "\u2014 EnochRoot AAA=\n",
        TEXT + "\n" + BY_PETER + "\u2014 Enoch+Root rwz+eBzm\n",
        TEXT.replace(",", "\x00") + "\n" + BY_PETER,
        "",
        "\n\n",
        "x" * 300_000 + "\n\n" + BY_PETER,
    ],
)
def test_what_is_no_note_is_refused(note: str) -> None:
    with pytest.raises(InputError, match="this is no signed note"):
        open_note(note, PETER)


@pytest.mark.parametrize(
    "note",
    [
        TEXT + "\n" + BY_PETER[:60] + "ABCD" + BY_PETER[60:],  # a longer signature
        TEXT + "\n" + BY_PETER.replace("ZJku", "ZJkv"),
        TEXT.replace("answer", "Answer") + "\n" + BY_PETER,
        "\n" + TEXT + "\n" + BY_PETER,
        TEXT + "\n\n" + BY_PETER,
        TEXT
        + "\n"
        + BY_PETER
        + BY_PETER.replace("ZJku", "ZJkv"),  # the key is known: all it is said to have signed counts
    ],
)
def test_a_signature_that_does_not_fit_is_refused(note: str) -> None:
    with pytest.raises(Tampered, match="the signature of the checkpoint does not fit its text"):
        open_note(note, PETER)


def test_a_note_without_a_signature_of_the_key_is_refused() -> None:
    for note in (TEXT + "\n" + BY_ENOCH, TEXT + "\n" + BY_PETER.replace("PeterNeumann", "CarmenSandiego")):
        with pytest.raises(Tampered, match="is not signed with this ledger's key"):
            open_note(note, PETER)


def test_no_part_of_a_key_and_no_changed_key_is_taken_for_one() -> None:
    parts = {PETER[i:j] for i in range(len(PETER)) for j in range(i + 1, len(PETER) + 1)} - {PETER}
    changed = {PETER[:i] + chr(ord(PETER[i]) + 1) + PETER[i + 1 :] for i in range(len(PETER))}
    others = {
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",  # too long, with an id that fits
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",  # another algorithm
        PETER.replace("c74f20a3", "C74F20A3"),
        "",
        "\udc80+00000000+AAAA",
        "a b" + PETER,
        PETER.replace("+", "\u200b+", 1),
    }
    for text in parts | changed | others:
        with pytest.raises(InputError, match="this is no public key of a ledger"):
            read_vkey(text)
    assert read_vkey(f" {PETER}\n") == read_vkey(PETER)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb", "a\x00b", "a\u2003b", "a\x1b[31m", "\ud800", "a\x9b"])
def test_a_name_that_would_not_be_one_line_of_a_note_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="cannot name a ledger"):
        vkey_of(name, bytes(32))


names = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"]), min_size=1, max_size=30).filter(
    lambda n: "+" not in n
)


@given(names, st.integers(0, 10**18 - 1), st.binary(min_size=32, max_size=32))
def test_a_checkpoint_reads_back_as_it_was_signed(name: str, size: int, root: bytes) -> None:
    point = Checkpoint(origin=name, size=size, root=root)
    vkey = vkey_of(name, KEY.public_key().public_bytes_raw())
    assert Checkpoint.from_text(open_note(sign_note(point.to_text(), name, KEY), vkey)) == point
    assert read_vkey(vkey) == (name, KEY.public_key().public_bytes_raw())


@given(st.data())
def test_no_character_of_a_checkpoint_can_be_another(data: st.DataObject) -> None:
    note = sign_note(Checkpoint(origin=NAME, size=300, root=bytes(range(32))).to_text(), NAME, KEY)
    at = data.draw(st.integers(0, len(note) - 1))
    character = data.draw(st.sampled_from("Aa0/+= \n\u2014\x00") | st.characters())
    kind = data.draw(st.sampled_from(["change", "insert", "drop"]))
    left, right = note[:at], note[at + (kind != "insert") :]
    changed = left + ("" if kind == "drop" else character) + right
    if changed != note:
        with pytest.raises(AequoError):
            open_note(changed, VKEY)


def test_an_extension_line_is_signed_and_passed_over() -> None:
    text = Checkpoint(origin=NAME, size=3, root=bytes(32)).to_text() + "extension\n"
    assert Checkpoint.from_text(open_note(sign_note(text, NAME, KEY), VKEY)).size == 3


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n3\nAAAA\n",
        "name\n3\n",
        *(
            f"name\n{size}\n{base64.b64encode(bytes(32)).decode()}\n"
            for size in ("", "03", "-1", "3.0", "³", "1" * 5000)
        ),
        f"name\n3\n{base64.b64encode(bytes(31)).decode()}\n",
        f"name\n3\n{base64.b64encode(bytes(32)).decode()[:-2]}B=\n",  # a second way to write the same bytes
        "name\n3\n!!!!\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="this is no checkpoint"):
        Checkpoint.from_text(text)
