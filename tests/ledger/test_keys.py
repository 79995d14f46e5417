"""Master keys: where they come from, what they open, and that nothing of them is ever shown."""

from __future__ import annotations

import base64
import io
import logging
import os
import pickle
import secrets
import stat
import traceback
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from aequo.errors import KeyProblem, OutputError
from aequo.ledger import KeyRing, KeyService, Ledger, load_key
from aequo.ledger.keys import open_sealed, seal

KEY = bytes(range(32))
CODED = base64.b64encode(KEY).decode()


# -- published numbers ------------------------------------------------------------------------------------------------


def test_hkdf_is_that_of_rfc_5869_appendix_a_1() -> None:
    derive = HKDF(algorithm=SHA256(), length=42, salt=bytes(range(13)), info=bytes(range(0xF0, 0xFA)))
    assert derive.derive(b"\x0b" * 22).hex() == (
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
    )


def test_a_derived_key_is_hkdf_without_salt_of_the_master_key_for_the_purpose() -> None:
    import hashlib
    import hmac

    # RFC 5869 by hand: extract with a salt of zeros, expand once.
    extracted = hmac.digest(bytes(32), KEY, hashlib.sha256)
    expanded = hmac.digest(extracted, b"aequo/1/wrap" + b"\x01", hashlib.sha256)
    assert KeyRing({1: KEY}).derive("wrap") == expanded


# NIST's validation vectors for GCM (gcmEncryptExtIV256.rsp), with and without text and associated data.
GCM = [
    (
        "b52c505a37d78eda5dd34f20c22540ea1b58963cf8e5bf8ffa85f9f2492505b4",
        "516c33929df5a3284ff463d7",
        "",
        "",
        "bdc1ac884d332457a1d2664f168c76f0",
    ),
    (
        "31bdadd96698c204aa9ce1448ea94ae1fb4a9a0b3c9d773b51bb1822666b8f22",
        "0d18e06c7c725ac9e362e1ce",
        "2db5168e932556f8089a0622981d017d",
        "",
        "fa4362189661d163fcd6a56d8bf0405ad636ac1bbedd5cc3ee727dc2ab4a9489",
    ),
]


@pytest.mark.parametrize(("key", "nonce", "plain", "context", "sealed"), GCM)
def test_what_is_sealed_is_aes_256_gcm_with_the_nonce_in_front(
    key: str, nonce: str, plain: str, context: str, sealed: str
) -> None:
    whole = bytes.fromhex(nonce + sealed)
    assert open_sealed(bytes.fromhex(key), whole, bytes.fromhex(context)) == bytes.fromhex(plain)
    ours = seal(KEY, b"text", b"context")
    assert AESGCM(KEY).decrypt(ours[:12], ours[12:], b"context") == b"text"


# -- laws -------------------------------------------------------------------------------------------------------------


@given(st.binary(), st.binary(), st.data())
def test_only_the_same_key_context_and_bytes_open_what_was_sealed(
    plain: bytes, context: bytes, data: st.DataObject
) -> None:
    sealed = seal(KEY, plain, context)
    assert open_sealed(KEY, sealed, context) == plain
    assert open_sealed(bytes(32), sealed, context) is None
    assert open_sealed(KEY, sealed, context + b"x") is None
    at = data.draw(st.integers(0, len(sealed) - 1))
    assert (
        open_sealed(KEY, sealed[:at] + bytes([sealed[at] ^ data.draw(st.integers(1, 255))]) + sealed[at + 1 :], context)
        is None
    )
    assert open_sealed(KEY, sealed[:at], context) is None


def test_the_same_text_is_sealed_differently_each_time() -> None:
    assert len({seal(KEY, b"text", b"")[:12] for _ in range(1000)}) == 1000


@given(st.dictionaries(st.integers(1, 10**9 - 1), st.binary(min_size=32, max_size=32), min_size=1, max_size=5))
def test_a_ring_reads_back_from_its_text(keys: dict[int, bytes]) -> None:
    ring = KeyRing(keys)
    back = KeyRing.from_text(ring.to_text())
    assert back.versions == ring.versions == tuple(sorted(keys)) and back.version == max(keys)
    for version in keys:
        assert back.derive("x", version=version) == ring.derive("x", version=version)


@given(st.binary(), st.binary())
def test_what_any_version_wrapped_later_rings_unwrap_and_earlier_ones_do_not(secret: bytes, context: bytes) -> None:
    first = KeyRing({1: KEY})
    second = first.rotated()
    assert second.unwrap(first.wrap(secret, context=context), context=context) == secret
    later = second.wrap(secret, context=context)
    with pytest.raises(KeyProblem, match="was sealed with master key 2, and the key given has 1"):
        first.unwrap(later, context=context)
    with pytest.raises(KeyProblem, match="the master key does not fit"):
        second.unwrap(later, context=context + b"x")
    alone = second.without(1)
    assert alone.unwrap(later, context=context) == secret
    with pytest.raises(KeyProblem, match="was sealed with master key 1, and the key given has 2"):
        alone.unwrap(first.wrap(secret, context=context), context=context)


@given(st.binary(max_size=80))
def test_any_bytes_are_unwrapped_to_nothing(junk: bytes) -> None:
    with pytest.raises(KeyProblem):
        KeyRing({1: KEY, 7: bytes(32)}).unwrap(junk, context=b"x")


def test_purposes_and_versions_give_keys_that_are_unlike() -> None:
    ring = KeyRing({1: KEY, 2: bytes(32)})
    keys = {ring.derive(p, version=v) for p in ("wrap", "pseudonym", "wrap ") for v in (1, 2)}
    assert len(keys) == 6 and KEY not in keys
    with pytest.raises(KeyProblem, match="there is no master key 3; there are 1, 2"):
        ring.derive("wrap", version=3)


# -- where they come from ---------------------------------------------------------------------------------------------


def test_a_key_file_is_for_its_owner_alone_and_is_not_overwritten(tmp_path: Path) -> None:
    path = KeyRing.new().save(tmp_path / "master.key")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    with pytest.raises(OutputError, match=r"master\.key is there already"):
        KeyRing.new().save(path)
    assert path.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == ["master.key"]
    KeyRing.new().save(path, overwrite=True)
    assert path.read_bytes() != before and stat.S_IMODE(path.stat().st_mode) == 0o600
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(OutputError, match="link is there already"):
        KeyRing.new().save(tmp_path / "link")
    with pytest.raises(OutputError, match="the key file x cannot be written: No such file or directory"):
        KeyRing.new().save(tmp_path / "no" / "x")


def test_a_failed_write_leaves_the_old_key_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = KeyRing({1: KEY}).save(tmp_path / "master.key")
    before = path.read_bytes()

    def fail(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OutputError, match="No space left on device"):
        KeyRing.new().save(path, overwrite=True)
    assert path.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == ["master.key"]


def test_a_key_comes_from_a_file_a_variable_bytes_or_a_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ring = KeyRing({1: KEY})
    path = ring.save(tmp_path / "master.key")
    monkeypatch.setenv("AEQUO_TEST_KEY", ring.to_text())
    monkeypatch.setenv("AEQUO_TEST_BARE", KEY.hex())
    monkeypatch.setenv("AEQUO_TEST_LIST", f"1 = {CODED}, 2: {CODED}")
    monkeypatch.setenv("AEQUO_TEST_URL", base64.urlsafe_b64encode(bytes([251]) * 32).decode())
    for source in (ring, KEY, path, str(path), f"file:{path}", "env:AEQUO_TEST_KEY", "env:AEQUO_TEST_BARE"):
        loaded = load_key(source)
        assert isinstance(loaded, KeyRing) and loaded.derive("x") == ring.derive("x")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for source in ("master.key", "file:master.key", "~/master.key", "file:~/master.key"):
        assert isinstance(load_key(source), KeyRing)
    several = load_key("env:AEQUO_TEST_LIST")
    assert isinstance(several, KeyRing) and several.versions == (1, 2)
    assert isinstance(load_key("env:AEQUO_TEST_URL"), KeyRing)
    service = Service()
    assert load_key(service) is service


WRONG = [
    "",
    "# only a remark\n",
    "short",
    CODED[:-4],
    f"{CODED}\n{CODED}",
    f"0 = {CODED}",
    f"1 = {CODED}\n1 = {CODED}",
    f"1 = {CODED}\n2 = {CODED[:-8]}",
    f"1 {CODED}",
    f"1 = {CODED} {CODED}",
    "1 = " + "A" * 44,
    KEY.hex()[:-1],
]


@pytest.mark.parametrize("text", WRONG, ids=range(len(WRONG)))
def test_what_is_no_key_is_refused_without_being_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    (tmp_path / "master.key").write_text(text, encoding="ascii")
    monkeypatch.setenv("AEQUO_TEST_KEY", text)
    for source in (str(tmp_path / "master.key"), "env:AEQUO_TEST_KEY"):
        with pytest.raises(KeyProblem) as caught:
            load_key(source)
        said = str(caught.value)
        assert said.endswith(".") and "\n" not in said
        assert not any(part in said for part in (CODED[:8], CODED[-8:], KEY.hex()[:8], "short"))


def test_a_key_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    for source, said in (
        (tmp_path / "no.key", "there is no key file 'no.key'. `aequo ledger init` writes one."),
        ("env:NO_SUCH_VARIABLE", "the environment has no variable 'NO_SUCH_VARIABLE' with the master key."),
        (tmp_path, f"the key file {tmp_path.name!r} cannot be read: Is a directory."),
        (b"short", "master key 1 has the wrong length, expected 32 random bytes."),
        ("a\x00b", "the key file of the name given cannot be read: it is no file of plain text."),
        ("~no-such-user-here/x", "the key file 'x' cannot be read: it is no file of plain text."),
    ):
        with pytest.raises(KeyProblem) as caught:
            load_key(source)
        assert str(caught.value) == said
    (tmp_path / "binary").write_bytes(bytes(range(256)))
    with pytest.raises(KeyProblem, match="'binary' cannot be read: it is no file of plain text"):
        load_key(tmp_path / "binary")


@pytest.mark.parametrize(
    "source",
    [CODED, KEY.hex(), f"env:{CODED}", f"file:{KEY.hex()}", f"1 = {CODED}", CODED.rstrip("="), "/tmp/" + CODED],
)
def test_a_key_given_where_its_place_was_asked_for_is_not_shown(source: str) -> None:
    with pytest.raises(KeyProblem) as caught:
        load_key(source)
    assert "of the name given" in str(caught.value)
    shown = "".join(traceback.format_exception(caught.value))
    assert CODED[4:12] not in shown and KEY.hex()[4:16] not in shown


def test_a_ring_has_at_least_one_key_of_32_bytes_with_a_version_from_1() -> None:
    for keys, said in (
        ({}, "there is no master key"),
        ({0: KEY}, "has the version 0, expected a whole number from 1"),
        ({2**32: KEY}, "expected a whole number from 1"),
        ({1: KEY[:-1]}, "master key 1 has the wrong length"),
    ):
        with pytest.raises(KeyProblem, match=said):
            KeyRing(keys)
    with pytest.raises(KeyProblem, match="there is no master key 5; there are 1"):
        KeyRing({1: KEY}).without(5)
    with pytest.raises(KeyProblem, match="there is no master key"):
        KeyRing({1: KEY}).without(1)


# -- what is shown ----------------------------------------------------------------------------------------------------


def test_nothing_of_a_key_is_in_what_is_printed_or_logged() -> None:
    ring = KeyRing({1: KEY})
    stream = io.StringIO()
    logger = logging.getLogger("test of keys")
    handler = logging.StreamHandler(stream)
    logger.addHandler(handler)
    logger.warning("%s %r %s", ring, [ring], {"key": ring})
    logger.removeHandler(handler)
    shown = f"{ring} {ring!r} {stream.getvalue()}"
    assert shown.count("KeyRing(versions 1)") == 5
    for form in (CODED, KEY.hex(), repr(KEY), repr(KEY)[2:20]):
        assert form not in shown
    assert not hasattr(ring, "__dict__")


def test_a_ring_can_be_given_to_another_process() -> None:
    ring = pickle.loads(pickle.dumps(KeyRing({3: KEY})))
    assert ring.version == 3 and ring.derive("x") == KeyRing({3: KEY}).derive("x")


# -- key services -----------------------------------------------------------------------------------------------------


class Service:
    """A key service that keeps its key to itself."""

    def __init__(self) -> None:
        self._ring = KeyRing.new()
        self.down = False
        self.calls = 0

    def wrap(self, secret: bytes, *, context: bytes) -> bytes:
        return self._call(lambda: self._ring.wrap(secret, context=context))

    def unwrap(self, wrapped: bytes, *, context: bytes) -> bytes:
        return self._call(lambda: self._ring.unwrap(wrapped, context=context))

    def _call(self, what: Any) -> Any:
        self.calls += 1
        if self.down:
            raise ConnectionError("https://user:password@kms.example refused")
        return what()


def test_a_ledger_works_with_a_key_service_and_asks_it_once_for_each_person(tmp_path: Path) -> None:
    service = Service()
    assert isinstance(service, KeyService)
    with Ledger.open(f"sqlite:///{tmp_path}/x.db", key=service) as ledger:
        for n in range(20):
            ledger.append({"n": n}, subject=n % 2)
        assert service.calls == 3 + 3 + 2  # three secrets wrapped and unwrapped, a data key for each of two persons
        assert [e.event["n"] for e in ledger.entries(subject=1)] == list(range(1, 20, 2))
    with Ledger.open(f"sqlite:///{tmp_path}/x.db", key=service) as ledger:
        assert [e.event["n"] for e in ledger.entries()] == list(range(20))
        assert service.calls == 8 + 3 + 2
        assert ledger.verify().ok


def test_a_key_service_that_is_down_is_a_key_problem_without_its_words(tmp_path: Path) -> None:
    service = Service()
    url = f"sqlite:///{tmp_path}/x.db"
    with Ledger.open(url, key=service) as ledger:
        ledger.append({"n": 1}, subject="a")
    with Ledger.open(url, key=service) as ledger:
        service.down = True
        with pytest.raises(KeyProblem, match=r"the key service did not unwrap a key \(ConnectionError\)"):
            ledger.entry(0)
        with pytest.raises(KeyProblem, match=r"the key service did not wrap a key \(ConnectionError\)"):
            ledger.append({"n": 2}, subject="b")
        assert ledger.append({"n": 3}).index == 1  # on nobody: no key is needed
        assert ledger.verify().ok
    with pytest.raises(KeyProblem, match="the key service did not unwrap a key") as caught:
        Ledger.open(url, key=service)
    assert "password" not in str(caught.value)
    with pytest.raises(KeyProblem, match="the key service did not wrap a key"):
        Ledger.open(f"sqlite:///{tmp_path}/new.db", key=service)
    assert not (tmp_path / "new.db").exists()


def test_random_keys_are_random() -> None:
    assert len({KeyRing.new().derive("x") for _ in range(100)}) == 100
    assert KeyRing({1: secrets.token_bytes(32)}).rotated().versions == (1, 2)
