"""What belongs to people is sealed under a key of their own, and is in no file, message or log in clear."""

from __future__ import annotations

import base64
import hashlib
import logging
import traceback
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aequo.errors import InputError, KeyProblem, LedgerError
from aequo.ledger import Entry, KeyRing, Ledger, people, write_bundle
from aequo.ledger.people import People, plain_subject
from aequo.ledger.store import PersonKey, Store

from .samples import KEY, make, read, reopen

PERSONAL = {
    "subject": "Wilhelmina.Featherstonehaugh@example.com",
    "number": "078-05-1120",
    "input": "income of 41237 euros",
    "output": "refused, because of the neighbours' complaint in the stairwell on the third floor of the house",
    "metadata": "telephones from +44 20 7946 0958",
    "reason": "knows her from school days",
    "text": "would like to be called Mina",
    "name": "Zwölfgöttin",
}


def write_personal(ledger: Ledger) -> None:
    """Use every way by which something personal can get into a ledger."""
    subject = PERSONAL["subject"]
    ledger.append({"kind": "call", "text": PERSONAL["text"]}, subject=subject)
    ledger.append(PERSONAL["text"], subject=PERSONAL["number"])
    decided = ledger.log_decision(
        input={"said": PERSONAL["input"], "name": PERSONAL["name"]},
        output=PERSONAL["output"],
        model_version="v1",
        operator_id="desk-7",
        metadata={"note": PERSONAL["metadata"], PERSONAL["name"]: 1},
        subject=subject,
    )
    ledger.log_decision(input=PERSONAL["input"], output=1, model_version="v1", metadata={"note": PERSONAL["metadata"]})
    assert decided.index is not None
    ledger.override(decided.index, "approved", operator_id="desk-8", reason=PERSONAL["reason"])
    ledger.attach_outcome(decided.index, True)


def forms(text: str) -> Iterator[bytes]:
    """The ways in which a text could be lying in a file: as it is, coded, or as a hash that can be looked up."""
    raw = text.encode()
    yield from (raw, text.encode("utf-16-le"), raw.hex().encode(), raw.hex().upper().encode())
    for start in range(3):  # base64 of it, wherever it begins
        yield base64.b64encode(bytes(start) + raw)[4:-4]
    yield text.encode("ascii", "backslashreplace").replace(b"\\x", b"\\u00")  # as JSON escapes it
    for name in ("md5", "sha1", "sha256"):
        digest = hashlib.new(name, raw).digest()
        yield from (digest, digest[:16], digest.hex().encode(), base64.b64encode(digest)[:-2])


def files(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}


@pytest.mark.parametrize("inputs", ["digest", "keep"])
def test_nothing_personal_is_in_any_file(tmp_path: Path, inputs: Any) -> None:
    with make(tmp_path, inputs=inputs) as ledger:
        write_personal(ledger)
        while_open = files(tmp_path)
        assert {"x.db-wal", "x.keys.db-wal", "x.db-shm", "x.keys.db-shm"} <= while_open.keys()
        write_bundle(ledger, tmp_path / "bundle")
        ledger.rotate(KEY.rotated())
        after_rotation = files(tmp_path)
    for when in (while_open, after_rotation, files(tmp_path)):
        for name, data in when.items():
            for what, text in PERSONAL.items():
                for form in forms(text):
                    assert form not in data, f"{what} is in {name}"


def test_the_search_above_would_find_something(tmp_path: Path) -> None:
    with make(tmp_path) as ledger:
        ledger.append({"text": PERSONAL["text"], "hash": hashlib.sha256(PERSONAL["subject"].encode()).hexdigest()})
        found = files(tmp_path)["x.db-wal"]
    assert PERSONAL["text"].encode() in found
    assert any(form in found for form in forms(PERSONAL["subject"]))


def test_nothing_personal_is_in_what_is_shown_raised_or_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    shown: list[str] = []
    with make(tmp_path) as ledger:
        write_personal(ledger)
        shown += [
            repr(ledger),
            str(ledger),
            repr(ledger.store),
            repr(ledger._people),
            repr(vars(ledger._people or ledger)),
        ]
        shown += [ledger.verify().sentence(), repr(ledger.verify())]
        attempts: list[Any] = [
            lambda: ledger.append({"text": PERSONAL["text"], "x": float("nan")}, subject=PERSONAL["subject"]),
            lambda: ledger.append({PERSONAL["subject"]: float("nan")}, subject=PERSONAL["subject"]),
            lambda: ledger.append({"a": {PERSONAL["subject"]: (PERSONAL["text"],)}}),
            lambda: ledger.append({PERSONAL["name"]: object()}, subject=PERSONAL["subject"]),
            lambda: ledger.append({"text": PERSONAL["text"] + "\ud800"}, subject=PERSONAL["subject"]),
            lambda: ledger.append({}, subject=PERSONAL["subject"] + "\ud800"),
            lambda: ledger.append({}, subject=[PERSONAL["subject"]]),  # type: ignore[arg-type]
            lambda: ledger.log_decision(input={PERSONAL["name"]: object()}, output=1, model_version="v"),
            lambda: ledger.log_decision(input=1, output=object(), model_version="v", subject=PERSONAL["subject"]),
            lambda: ledger.attach_outcome(2, PERSONAL["output"]),
            lambda: ledger.override(2, PERSONAL["output"], operator_id="d", reason=PERSONAL["reason"]),
            lambda: list(ledger.entries(subject=PERSONAL["subject"] + "\ud800")),
        ]
        for attempt in attempts:
            with pytest.raises((InputError, LedgerError)) as caught:
                attempt()
            shown.append(str(caught.value))
    with reopen(tmp_path) as ledger:
        for attempt in (
            lambda: ledger.append({"text": PERSONAL["text"]}, subject=PERSONAL["subject"]),
            lambda: ledger.subject_id(PERSONAL["subject"]),
            lambda: ledger.digest(PERSONAL["input"]),
            lambda: list(ledger.entries(subject=PERSONAL["subject"])),
        ):
            with pytest.raises(KeyProblem) as refused:
                attempt()
            shown.append("".join(traceback.format_exception_only(refused.value)))
    shown.append(caplog.text)
    for text in shown:
        for what, value in PERSONAL.items():
            assert value not in text, what


# -- who can read what ------------------------------------------------------------------------------------------------


def test_with_the_key_all_is_read_and_without_it_what_is_in_clear(tmp_path: Path) -> None:
    with make(tmp_path) as ledger:
        write_personal(ledger)
        entries = list(ledger.entries())
        assert [e.sealed for e in entries] == ["open"] * 6
        assert entries[0].event == {"kind": "call", "text": PERSONAL["text"]}
        assert entries[1].event == PERSONAL["text"]
        assert entries[2].event["output"] == PERSONAL["output"]
        assert entries[2].event["metadata"]["note"] == PERSONAL["metadata"]
        assert entries[4].event["reason"] == PERSONAL["reason"]
        of_her = [e.index for e in ledger.entries(subject=PERSONAL["subject"])]
        assert of_her == [0, 2, 4, 5]  # what followed on her decision is hers too
    with reopen(tmp_path) as ledger:
        entries = list(ledger.entries())
        assert [e.sealed for e in entries] == ["locked"] * 6
        assert entries[0].event == {"kind": "call"} and entries[1].event is None
        assert entries[2].event.keys() == {"kind", "model_version", "operator_id", "input_digest"}
        assert ledger.verify().ok  # whoever cannot read can verify


def test_another_master_key_opens_nothing(tmp_path: Path) -> None:
    make(tmp_path).close()
    for key in (KeyRing.new(), KeyRing({2: bytes(range(32))}), bytes(32)):
        with pytest.raises(KeyProblem, match="the master key does not fit|was sealed with master key 1"):
            reopen(tmp_path, key=key)


def test_without_the_key_nothing_can_be_sealed_and_events_on_nobody_can_be_appended(tmp_path: Path) -> None:
    make(tmp_path).close()
    with reopen(tmp_path) as ledger:
        assert not ledger.has_key and repr(ledger) == "Ledger(example.com/desk, without its key)"
        assert ledger.append({"kind": "note"}).index == 0
        for attempt in (
            lambda: ledger.append({}, subject="a"),
            lambda: ledger.log_decision(input=1, output=1, model_version="v1"),
            lambda: ledger.rotate(KEY),
        ):
            with pytest.raises(KeyProblem, match="needs the master key: open the ledger with key="):
                attempt()
        assert ledger.size == 1


# -- who a person is --------------------------------------------------------------------------------------------------


@given(st.text(min_size=1).filter(str.strip), st.text(min_size=1).filter(str.strip))
def test_two_ways_to_write_an_id_are_one_person_and_two_ids_are_two(one: str, other: str) -> None:
    try:
        same = plain_subject(one) == plain_subject(other)
    except InputError:
        return
    assert same == (unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", other))
    assert plain_subject(unicodedata.normalize("NFD", one)) == plain_subject(one)


def test_a_number_and_its_digits_are_one_person(tmp_path: Path) -> None:
    with make(tmp_path) as ledger:
        ledger.append({"n": 1}, subject=1234)
        ledger.append({"n": 2}, subject="1234")
        assert [e.event["n"] for e in ledger.entries(subject=1234)] == [1, 2]
        assert len(read(tmp_path / "x.keys.db", "SELECT * FROM people")) == 1


@pytest.mark.parametrize("subject", ["", "  ", "\n", None, True, 1.5, b"a", ["a"], {"a": 1}, "a\ud800"])
def test_what_cannot_be_an_id_is_refused(tmp_path: Path, subject: Any) -> None:
    with make(tmp_path) as ledger:
        if subject is not None:
            with pytest.raises(InputError, match="a subject"):
                ledger.append({}, subject=subject)
        with pytest.raises(InputError, match="a subject"):
            ledger.subject_id(subject)
        assert ledger.size == 0


def test_a_person_has_another_hash_in_each_ledger_and_it_is_no_plain_hash(tmp_path: Path) -> None:
    with make(tmp_path, name="a.db") as a, make(tmp_path, name="b.db") as b:
        ids = [a.subject_id("ann"), a.subject_id("ann"), a.subject_id("bob"), b.subject_id("ann")]
        assert ids[0] == ids[1] and len(set(ids)) == 3 and {len(i) for i in ids} == {16}
        assert hashlib.sha256(b"ann").digest()[:16] not in ids


def test_nobody_can_be_named_as_everyone(tmp_path: Path) -> None:
    with make(tmp_path) as ledger:
        ledger.log_decision(input=1, output=1, model_version="v", metadata={"a": 1})
        everyone = ledger.entry(0).subject
        assert everyone is not None
        for name in ("everyone", "\x00everyone ", "0everyone"):
            assert ledger.subject_id(name).hex() != everyone


# -- a key for each person --------------------------------------------------------------------------------------------


def destroy(ledger: Ledger, subject: str) -> None:
    assert ledger.store.destroy([ledger.subject_id(subject)], 1) == 1


def test_when_a_persons_key_is_destroyed_nobody_reads_that_person_and_everybody_else_is_as_before(
    tmp_path: Path,
) -> None:
    with make(tmp_path) as ledger, reopen(tmp_path, key=KEY) as other:
        for n in range(9):
            ledger.append({"n": n}, subject="abc"[n % 3])
        assert [e.event["n"] for e in other.entries()] == list(range(9))  # the other has all keys in memory now
        root = ledger.root
        destroy(ledger, "b")
        for reader in (ledger, other):
            states = [e.sealed for e in reader.entries()]
            assert states == ["open", "erased", "open"] * 3
            assert [e.event for e in reader.entries(subject="b")] == [{}] * 3
            assert reader.verify().ok and reader.root == root
        # A new event on the same person is under a new key, whoever appends it.
        for writer in (other, ledger):
            writer.append({"n": 9}, subject="b")
        assert [e.sealed for e in ledger.entries(subject="b")] == ["erased"] * 3 + ["open"] * 2


def test_two_processes_that_meet_a_person_at_once_agree_on_one_key(tmp_path: Path) -> None:
    with make(tmp_path) as one, reopen(tmp_path, key=KEY) as other:
        for round_ in range(10):
            barrier = Barrier(2)
            failed: list[Exception] = []

            def write(ledger: Ledger, n: int, barrier: Barrier, failed: list[Exception], subject: str) -> None:
                try:
                    barrier.wait()
                    ledger.append({"n": n}, subject=subject)
                except Exception as error:  # noqa: BLE001 - the test looks at it
                    failed.append(error)

            threads = [
                Thread(target=write, args=(ledger, n, barrier, failed, f"person {round_}"))
                for n, ledger in enumerate((one, other))
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert not failed
        assert len(read(tmp_path / "x.keys.db", "SELECT * FROM people")) == 10
        for ledger in (one, other):
            assert {e.sealed for e in ledger.entries()} == {"open"} and len(list(ledger.entries())) == 20


def test_a_key_that_is_destroyed_while_an_event_waits_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with make(tmp_path) as ledger:
        ledger.append({"n": 0}, subject="a")
        commit, calls = ledger.store.commit, []

        def late(rows: Any, keys: Any, sign: Any) -> Any:
            if not calls:  # sealed, and not stored yet
                destroy(ledger, "a")
            calls.append(len(rows))
            return commit(rows, keys, sign)

        monkeypatch.setattr(ledger.store, "commit", late)
        ledger.append({"n": 1}, subject="a")
        assert len(calls) == 2
        assert [e.sealed for e in ledger.entries()] == ["erased", "open"]


def test_an_erasure_that_never_ends_is_told_to_those_who_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with make(tmp_path) as ledger:
        ledger.append({"n": 0}, subject="a")
        commit = ledger.store.commit

        def late(rows: Any, keys: Any, sign: Any) -> Any:
            ledger.store.destroy([ledger.subject_id("a")], 1)
            return commit(rows, (), sign)

        monkeypatch.setattr(ledger.store, "commit", late)
        with pytest.raises(LedgerError, match="nothing was recorded"):
            ledger.append({"n": 1}, subject="a")
        assert ledger.size == 1 and ledger.verify().ok


def test_more_people_than_keys_are_kept_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people, "_MOST_CACHED", 3)
    with make(tmp_path) as ledger:
        for n in range(40):
            ledger.append({"n": n}, subject=n % 8)
        assert isinstance(ledger._people, People) and len(ledger._people._known) <= 3
        assert [e.event["n"] for e in ledger.entries()] == list(range(40))
        assert len(read(tmp_path / "x.keys.db", "SELECT * FROM people")) == 8


def test_each_person_has_a_key_of_their_own(tmp_path: Path) -> None:
    with make(tmp_path) as ledger:
        for n in range(20):
            ledger.append({"n": n}, subject=n)
        rows = ledger.store.people(b"", 100)
        contexts = {row: people.person_context(row.subject, row.key_id) for row in rows}
        assert len({KEY.unwrap(row.wrapped, context=context) for row, context in contexts.items()}) == 20
        # A wrapped key is bound to its person: put in another's place, it does not open.
        swapped = PersonKey(rows[0].subject, rows[0].key_id, rows[1].wrapped, 0)
        ledger.store.rewrap({}, [swapped])
        with pytest.raises(KeyProblem, match="the master key does not fit"), reopen(tmp_path, key=KEY) as other:
            list(other.entries())


# -- rotation ---------------------------------------------------------------------------------------------------------


def everything(ledger: Ledger) -> list[Entry]:
    return list(ledger.entries())


def test_after_a_rotation_the_new_key_opens_all_and_the_old_one_nothing(tmp_path: Path) -> None:
    with make(tmp_path, 30) as ledger:
        write_personal(ledger)
        before, root, digest = everything(ledger), ledger.root, ledger.digest("x")
        subject = ledger.subject_id("a")
        ring = KEY.rotated()
        assert ledger.rotate(ring) == len(read(tmp_path / "x.keys.db", "SELECT * FROM people"))
        assert everything(ledger) == before and ledger.verify().ok
        ledger.append({"n": 1}, subject="someone new")
    with pytest.raises(KeyProblem, match="was sealed with master key 2, and the key given has 1"):
        reopen(tmp_path, key=KEY)
    for key in (ring, ring.without(1)):
        with reopen(tmp_path, key=key) as ledger:
            assert everything(ledger)[:-1] == before
            assert ledger.entry(ledger.size - 1).event == {"n": 1}
            assert (ledger.digest("x"), ledger.subject_id("a")) == (digest, subject)
            assert ledger.subtrees(len(before)).root() == root and ledger.verify().ok


def test_a_rotation_to_a_key_that_has_nothing_of_the_old_one(tmp_path: Path) -> None:
    new = KeyRing.new()
    with make(tmp_path, 30) as ledger:
        before = everything(ledger)
        ledger.rotate(new)
    with pytest.raises(KeyProblem, match="the master key does not fit"):
        reopen(tmp_path, key=KEY)
    with reopen(tmp_path, key=new) as ledger:
        assert everything(ledger) == before


def test_what_the_old_key_wrapped_is_in_no_file_after_a_rotation(tmp_path: Path) -> None:
    with make(tmp_path, 30) as ledger:
        old = [
            wrapped
            for (wrapped,) in read(
                tmp_path / "x.keys.db", "SELECT wrapped FROM people UNION SELECT wrapped FROM secrets"
            )
        ]
        ledger.rotate(KEY.rotated())
        left = files(tmp_path)
    assert len(old) >= 6
    for name, data in {**left, **{f"closed {n}": d for n, d in files(tmp_path).items()}}.items():
        assert not [w for w in old if w in data], name


class Failing:
    """A store whose n-th change of keys does not happen, as when the process is killed before it."""

    def __init__(self, store: Store, after: int) -> None:
        self._store = store
        self._left = after

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._store, name)
        if name not in ("rewrap", "scrub"):
            return real

        def counted(*args: Any) -> Any:
            if self._left == 0:
                raise ConnectionAbortedError
            self._left -= 1
            return real(*args)

        return counted


@pytest.mark.parametrize("after", range(6))
@pytest.mark.parametrize("whole", [True, False])
def test_an_interrupted_rotation_is_completed_by_repeating_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int, whole: bool
) -> None:
    # `whole`: the new key holds the old version too, as a ring that was rotated; else it is another key altogether.
    new = KEY.rotated() if whole else KeyRing.new()
    with make(tmp_path) as ledger:
        for n in range(7):
            ledger.append({"n": n}, subject=n)
        before = everything(ledger)
        rows = ledger.store.people
        monkeypatch.setattr(ledger.store, "people", lambda start, limit: rows(start, 2))  # four pages of persons
        ledger._store = Failing(ledger._store, after)  # type: ignore[assignment]  # four pages, secrets, scrubbing
        with pytest.raises(ConnectionAbortedError):
            ledger.rotate(new)
    monkeypatch.undo()
    # The ledger's own secrets come last: until then the old key opens it.
    with reopen(tmp_path, key=KEY if after < 5 else new) as ledger:
        assert ledger.verify().ok
        assert ledger.rotate(new) == 7
        assert everything(ledger) == before
    with reopen(tmp_path, key=new.without(1) if whole else new) as ledger:
        assert everything(ledger) == before
    with pytest.raises(KeyProblem):
        reopen(tmp_path, key=KEY)


def test_a_rotation_can_be_repeated_without_harm(tmp_path: Path) -> None:
    ring = KEY.rotated()
    with make(tmp_path, 10) as ledger:
        before = everything(ledger)
        assert ledger.rotate(ring) == ledger.rotate(ring) == ledger.rotate(ring.rotated().without(1))
        assert everything(ledger) == before


def test_a_process_that_still_has_the_old_key_loses_nothing_if_the_rotation_is_repeated_after_it(
    tmp_path: Path,
) -> None:
    ring = KEY.rotated()
    with make(tmp_path) as ledger, reopen(tmp_path, key=KEY) as other:
        ledger.append({"n": 0}, subject="a")
        assert other.entry(0).event == {"n": 0}
        ledger.rotate(ring)
        ledger.append({"n": 1}, subject="b")
        assert other.entry(0).event == {"n": 0}  # its data key was in memory
        with pytest.raises(KeyProblem, match="was sealed with master key 2, and the key given has 1"):
            other.entry(1)
        other.append({"n": 2}, subject="c")  # a new person's key, which it wraps with the old one
        assert ledger.rotate(ring) == 3
    with reopen(tmp_path, key=ring.without(1)) as ledger:
        assert [e.event["n"] for e in ledger.entries()] == [0, 1, 2]
