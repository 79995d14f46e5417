"""A person who was erased is gone everywhere, nobody else is, and the ledger does not notice."""

from __future__ import annotations

import itertools
import json
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aequo.errors import InputError, KeyProblem, PolicyError, Refused, Tampered
from aequo.ledger import Ledger
from aequo.privacy.erasure import stores as stores_module
from aequo.privacy.erasure.erase import erase, erase_many, past_receipts
from aequo.privacy.erasure.export import export
from aequo.privacy.erasure.receipt import Outcome, check_receipt
from aequo.privacy.erasure.retention import hold, lift_hold
from aequo.privacy.erasure.stores import FunctionStore, NotReached, as_store, in_order

from .erasing import KEY, Memory, durable, new_ledger, new_shop, shop_store


def by_store(outcomes: tuple[Outcome, ...]) -> dict[str, list[tuple[str, int | None]]]:
    found: dict[str, list[tuple[str, int | None]]] = {}
    for outcome in outcomes:
        found.setdefault(outcome.store, []).append((outcome.result, outcome.count))
    return found


# -- laws

PEOPLE = ["anna-1", "bert-2", "cléa-3"]
EVENTS = st.lists(st.tuples(st.sampled_from(PEOPLE), st.text(max_size=20)), max_size=12)


@settings(max_examples=25)
@given(EVENTS, st.sampled_from(PEOPLE))
def test_after_an_erasure_nothing_is_found_of_the_person_and_all_of_everybody_else(
    events: list[tuple[str, str]], gone: str
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ledger = new_ledger(folder)
        crm = Memory("crm")
        for person, text in events:
            ledger.append({"kind": "call", "text": text, "minutes": 3}, subject=person, clear=["minutes"])
            crm.rows.setdefault(person, []).append({"text": text})
        shop = shop_store(new_shop(folder / "shop.db", events))
        stores = [crm, shop]
        before = {p: export(p, ledger=ledger, stores=stores) for p in PEOPLE}
        proofs = [ledger.prove(i) for i in range(len(events))]

        receipt = erase(gone, ledger=ledger, stores=stores)

        count = sum(person == gone for person, _ in events)
        assert receipt.state == "complete"
        assert by_store(receipt.outcomes)["crm"] == by_store(receipt.outcomes)["shop"] == [("erased", count)]
        assert by_store(receipt.outcomes)["ledger"][0] == ("unreadable", count)
        assert export(gone, ledger=ledger, stores=stores).count == 0
        for person in set(PEOPLE) - {gone}:
            after = export(person, ledger=ledger, stores=stores)
            assert [s.records for s in after.stores] == [s.records for s in before[person].stores]
        assert ledger.verify().ok
        assert all(proof.holds(ledger.vkey) for proof in proofs)
        assert [ledger.entry(i).leaf for i in range(len(events))] == [p.leaf for p in ledger.entries(stop=len(events))]
        shop.close()
        ledger.close()


@settings(max_examples=15)
@given(EVENTS, st.sampled_from(PEOPLE))
def test_erasing_twice_is_erasing_once(events: list[tuple[str, str]], gone: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        ledger = new_ledger(Path(name))
        crm = Memory("crm")
        for person, text in events:
            ledger.append({"kind": "call", "text": text}, subject=person)
            crm.rows.setdefault(person, []).append(text)
        first = erase(gone, ledger=ledger, stores=[crm])
        left = {person: list(rows) for person, rows in crm.rows.items()}
        second = erase(gone, ledger=ledger, stores=[crm])

        assert first.already is None
        assert second.already is not None and first.ended <= second.already <= second.began
        assert second.state == first.state == "complete"
        assert [(o.store, o.result) for o in second.outcomes] == [(o.store, o.result) for o in first.outcomes]
        assert all(o.count == 0 for o in second.outcomes if o.result != "kept")
        assert crm.rows == left
        assert ledger.store.person(ledger.subject_id(gone)) is None
        assert past_receipts(gone, ledger=ledger)[0].outcomes == first.outcomes
        ledger.close()


@settings(max_examples=15)
@given(EVENTS, st.sampled_from(PEOPLE))
def test_a_dry_run_changes_no_byte_and_counts_what_would_go(events: list[tuple[str, str]], gone: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ledger = new_ledger(folder)
        for person, text in events:
            ledger.append({"kind": "call", "text": text}, subject=person)
        calls = folder / "calls.csv"
        calls.write_text("person,text\n" + "".join(f"{person},x\n" for person, _ in events), encoding="utf-8")
        from aequo.privacy.erasure.files import FileStore

        stores = [
            shop_store(new_shop(folder / "shop.db", events)),
            FileStore(name="calls", files=[str(calls)], column="person"),
            Memory("invoices", rows={gone: ["invoice"]}, keep="tax law"),
        ]
        before = durable(folder)
        plan = erase(gone, ledger=ledger, stores=stores, dry_run=True)
        assert durable(folder) == before
        assert plan.dry_run and plan.index is None
        with pytest.raises(InputError, match="a dry run has no receipt"):
            plan.to_text()

        done = erase(gone, ledger=ledger, stores=stores)
        assert by_store(done.outcomes) == by_store(plan.outcomes)
        assert by_store(done.outcomes)["invoices"] == [("kept", 1)]
        stores[0].close()
        ledger.close()


@st.composite
def graphs(draw: st.DrawFn) -> list[Memory]:
    """Stores, each after some of those before it in a hidden order."""
    names = draw(st.permutations([f"s{i}" for i in range(draw(st.integers(1, 7)))]))
    after = {name: draw(st.sets(st.sampled_from(names[:i]))) if i else set() for i, name in enumerate(names)}
    if draw(st.booleans()):
        after[names[-1]].add("ledger")
    return [Memory(name, after=sorted(after[name])) for name in draw(st.permutations(names))]


@given(graphs())
def test_stores_go_in_an_order_that_respects_what_they_wait_for(graph: list[Memory]) -> None:
    ledger_place = FunctionStore(name="ledger", erase=lambda subject: None)
    order = [store.name for store in in_order([*graph, ledger_place])]
    assert sorted(order) == sorted([store.name for store in graph] + ["ledger"])
    for store in graph:
        assert all(order.index(other) < order.index(store.name) for other in store.after)


@given(graphs().filter(lambda g: len(g) > 1), st.data())
def test_stores_that_wait_for_each_other_are_refused_by_name(graph: list[Memory], data: st.DataObject) -> None:
    circle = data.draw(st.lists(st.sampled_from(graph), min_size=2, max_size=4, unique_by=lambda s: s.name))
    for store, other in zip(circle, circle[1:] + circle[:1], strict=True):
        store.after = [other.name]
    with pytest.raises(InputError, match="wait for each other: ") as caught:
        in_order([*graph, FunctionStore(name="ledger", erase=lambda subject: None)])
    told = str(caught.value).split(": ")[1].split(". ")[0].split(" after ")
    waits = {store.name: set(store.after) for store in graph}
    assert told[0] == told[-1] and all(b in waits[a] for a, b in itertools.pairwise(told))


# -- the receipt


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    with new_ledger(tmp_path) as opened:
        yield opened


def test_a_receipt_is_checked_with_the_public_key_alone_and_names_nobody(ledger: Ledger) -> None:
    ledger.append({"kind": "call", "text": "Zoë Quartz"}, subject="person-77")
    crm = Memory("crm", rows={"person-77": [{"name": "Zoë Quartz"}]})
    receipt = erase("person-77", ledger=ledger, stores=[crm], operator_id="desk-7", reason="request of 3 May")
    text = receipt.to_text()
    read = check_receipt(text, ledger.vkey)
    assert read == receipt
    assert (read.operator_id, read.reason, read.state) == ("desk-7", "request of 3 May", "complete")
    assert read.person == ledger.subject_id("person-77").hex()
    assert "person-77" not in text and "Quartz" not in text
    said = ledger.entry(receipt.index or 0)
    assert said.kind == "erasure" and said.event["outcomes"] == [o.to_dict() for o in receipt.outcomes]
    assert read.outcomes[1].entries == (0,)


def test_a_receipt_that_was_changed_is_refused(ledger: Ledger, tmp_path: Path) -> None:
    ledger.append({"kind": "call", "text": "x"}, subject="person-77")
    crm = Memory("crm", rows={"person-77": ["x"]})
    text = erase("person-77", ledger=ledger, stores=[crm]).to_text()
    wrong = 0
    for at in range(0, len(text), 7):
        changed = text[:at] + ("0" if text[at] != "0" else "1") + text[at + 1 :]
        try:
            same = json.loads(changed) == json.loads(text)
        except ValueError:
            same = False
        if not same:
            wrong += 1
            with pytest.raises((Tampered, InputError)):
                check_receipt(changed, ledger.vkey)
    assert wrong > 100
    twice = text.replace('"state": "complete"', '"state": "incomplete", "state": "complete"')
    with pytest.raises(InputError, match="this is no receipt"):
        check_receipt(twice, ledger.vkey)
    (tmp_path / "other").mkdir()
    with new_ledger(tmp_path / "other") as other, pytest.raises(Tampered):
        check_receipt(text, other.vkey)


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"proof": null}', '{"proof": {"index": 1}}', "[" * 5000])
def test_what_is_no_receipt_is_told_in_one_sentence(ledger: Ledger, text: str) -> None:
    with pytest.raises(InputError, match="this is no receipt of an erasure"):
        check_receipt(text, ledger.vkey)


def test_the_proof_of_another_entry_makes_no_receipt(ledger: Ledger) -> None:
    ledger.append({"kind": "call", "text": "x"}, subject="person-77")
    plain = erase("person-77", ledger=ledger).to_dict()
    plain["proof"] = ledger.prove(0).to_dict()
    with pytest.raises(Tampered, match="is of the kind 'call'"):
        check_receipt(json.dumps(plain), ledger.vkey)


# -- stores that fail, keep, wait


def test_a_failing_store_does_not_stop_the_others_but_those_that_wait_for_it(ledger: Ledger) -> None:
    def fail() -> None:
        raise RuntimeError("no row for person-1, born 1970")

    rows = {"person-1": ["x"]}
    stores = [
        Memory("orders", rows=dict(rows), after=["crm"]),
        Memory("crm", rows=dict(rows), before_erase=fail),
        Memory("logs", rows=dict(rows)),
        Memory("deep", rows=dict(rows), after=["orders", "logs"]),
    ]
    ledger.append({"kind": "call", "text": "x"}, subject="person-1")
    receipt = erase("person-1", ledger=ledger, stores=stores)
    assert receipt.state == "incomplete"
    why = {o.store: o.why for o in receipt.not_reached}
    assert why == {
        "crm": "it failed (RuntimeError)",
        "orders": "it goes after 'crm', which was not reached",
        "deep": "it goes after 'orders', which was not reached",
    }
    assert by_store(receipt.outcomes)["logs"] == [("erased", 1)]
    assert by_store(receipt.outcomes)["ledger"][0] == ("unreadable", 1)
    assert "1970" not in receipt.to_text() and "person-1" not in receipt.to_text()

    stores[1].before_erase = lambda: None
    again = erase("person-1", ledger=ledger, stores=stores)
    assert again.state == "complete" and again.already is not None
    assert by_store(again.outcomes)["crm"] == by_store(again.outcomes)["orders"] == [("erased", 1)]
    assert by_store(again.outcomes)["logs"] == [("erased", 0)]


def test_a_store_says_in_its_own_words_why_it_was_not_reached(ledger: Ledger) -> None:
    def refuse(subject: str) -> int:
        raise NotReached("its API is down for maintenance")

    receipt = erase("person-1", ledger=ledger, stores=[FunctionStore(name="crm", erase=refuse)])
    assert [o.sentence() for o in receipt.not_reached] == ["crm: NOT REACHED (its API is down for maintenance)"]


def test_a_store_that_cannot_be_asked_beforehand_is_not_erased_from(ledger: Ledger) -> None:
    def fail(subject: str) -> list[object]:
        raise ConnectionError(subject)

    asked: list[str] = []
    crm = FunctionStore(name="crm", find=fail, erase=asked.append)
    receipt = erase("person-1", ledger=ledger, stores=[crm])
    assert [o.why for o in receipt.not_reached] == ["it failed (ConnectionError)"]
    assert not asked


def test_a_store_that_hangs_is_left_behind_and_not_asked_for_others(ledger: Ledger) -> None:
    from aequo.core.policy import Policy

    wait = threading.Event()
    hangs = Memory("hangs", rows={"person-1": ["x"]}, before_erase=lambda: wait.wait(60))
    logs = Memory("logs", rows={"person-1": ["x"], "person-2": ["x"]})
    policy = Policy(erase={"timeout": 0.2})
    first, second = erase_many(["person-1", "person-2"], ledger=ledger, stores=[hangs, logs], policy=policy)
    wait.set()
    assert [o.why for o in first.not_reached] == ["it gave no answer for 0.2 s, and may still be at it"]
    assert [o.why for o in second.not_reached] == ["it gave no answer before, and was not asked again"]
    assert hangs.asked == ["hangs"]
    assert not logs.rows
    assert first.policy == policy.digest()


def test_a_store_that_says_it_erased_and_still_finds_is_not_believed(ledger: Ledger) -> None:
    liar = FunctionStore(name="liar", find=lambda subject: ["x", "y"], erase=lambda subject: 2)
    receipt = erase("person-1", ledger=ledger, stores=[liar])
    assert [(o.count, o.why) for o in receipt.not_reached] == [(2, "they are still found after the erasure")]


def test_what_the_law_keeps_is_kept_and_said(ledger: Ledger) -> None:
    invoices = Memory("invoices", rows={"person-1": ["x", "y"]}, keep="tax law: ten years")
    receipt = erase("person-1", ledger=ledger, stores=[invoices])
    assert receipt.state == "complete"
    assert receipt.outcomes[0] == Outcome(store="invoices", result="kept", count=2, why="tax law: ten years")
    assert not invoices.asked


def test_a_plain_function_is_a_store_and_a_wrong_thing_is_told(ledger: Ledger) -> None:
    def mailing_list(subject: str) -> int:
        return 4

    receipt = erase("person-1", ledger=ledger, stores=[mailing_list])
    assert by_store(receipt.outcomes)["mailing_list"] == [("erased", 4)]
    with pytest.raises(InputError, match="a store is a int, expected an object with a name"):
        erase("person-1", ledger=ledger, stores=[3])
    with pytest.raises(InputError, match="two stores are named 'a'"):
        erase("person-1", ledger=ledger, stores=[Memory("a"), Memory("a")])
    with pytest.raises(InputError, match="goes after 'shpo', which is no store. Did you mean 'shop'?"):
        erase("person-1", ledger=ledger, stores=[Memory("a", after=["shpo"]), Memory("shop")])
    with pytest.raises(InputError, match="two stores are named 'ledger'"):
        erase("person-1", ledger=ledger, stores=[Memory("ledger")])
    assert ledger.size == 4, "what is refused leaves no entry"


# -- legal hold


def test_a_person_under_legal_hold_is_refused_and_nothing_is_touched(ledger: Ledger, tmp_path: Path) -> None:
    crm = Memory("crm", rows={"person-1": ["x"]})
    ledger.append({"kind": "call", "text": "x"}, subject="person-1")
    hold("person-1", ledger=ledger, reason="case 2026-17", operator_id="legal")
    with pytest.raises(Refused, match="legal hold since .*: case 2026-17. Nothing was erased; entry 2 says so") as told:
        erase("person-1", ledger=ledger, stores=[crm])
    assert "person-1" not in str(told.value)
    assert crm.rows == {"person-1": ["x"]} and not crm.asked
    assert ledger.entry(0).event["text"] == "x"
    (refused,) = past_receipts("person-1", ledger=ledger)
    assert refused.state == "refused" and {o.result for o in refused.outcomes} == {"kept"}
    assert check_receipt(refused.to_text(), ledger.vkey) == refused
    before = durable(tmp_path)
    with pytest.raises(Refused, match="Nothing was erased."):
        erase("person-1", ledger=ledger, stores=[crm], dry_run=True)
    assert durable(tmp_path) == before

    lift_hold("person-1", ledger=ledger, reason="case closed")
    assert erase("person-1", ledger=ledger, stores=[crm]).state == "complete"
    kinds = [entry.kind for entry in ledger.entries() if entry.kind.startswith("legal-hold")]
    assert kinds == ["legal-hold", "legal-hold.released"]


def test_a_hold_that_comes_while_the_erasure_runs_stops_what_is_left(ledger: Ledger) -> None:
    ledger.append({"kind": "call", "text": "x"}, subject="person-1")

    def interfere() -> None:
        hold("person-1", ledger=ledger, reason="case 2026-17")

    stores = [Memory("crm", before_erase=interfere), Memory("logs", rows={"person-1": ["x"]})]
    receipt = erase("person-1", ledger=ledger, stores=stores)
    assert receipt.state == "incomplete"
    assert [o.store for o in receipt.not_reached] == ["logs", "ledger"]
    assert all("case 2026-17" in o.why for o in receipt.not_reached)
    assert ledger.entry(0).event["text"] == "x" and stores[1].rows


def test_a_person_held_for_two_reasons_stays_held_for_the_other(ledger: Ledger) -> None:
    for reason in ("case a", "case b"):
        hold("person-1", ledger=ledger, reason=reason)
    with pytest.raises(InputError, match="held for 2 reasons; say which"):
        lift_hold("person-1", ledger=ledger, reason="closed")
    with pytest.raises(InputError, match="not held for that reason"):
        lift_hold("person-1", ledger=ledger, reason="closed", hold="case c")
    lift_hold("person-1", ledger=ledger, reason="closed", hold="case a")
    with pytest.raises(Refused, match="case b"):
        erase("person-1", ledger=ledger)
    lift_hold("person-1", ledger=ledger, reason="closed")
    assert erase("person-1", ledger=ledger).state == "complete"
    with pytest.raises(InputError, match="under no legal hold"):
        lift_hold("person-1", ledger=ledger, reason="closed")


# -- many


def test_many_are_erased_with_one_scrub_and_one_held_person_stops_nobody(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    crm = Memory("crm", rows={f"p-{i}": ["x"] for i in range(40)})
    for i in range(40):
        ledger.append({"kind": "call", "text": "x"}, subject=f"p-{i}")
    hold("p-3", ledger=ledger, reason="case 2026-17")
    scrubs: list[int] = []
    real = ledger.store.scrub
    monkeypatch.setattr(ledger.store, "scrub", lambda: scrubs.append(1) or real())
    people = [f"p-{i}" for i in range(30)] + ["p-0"]
    receipts = erase_many(people, ledger=ledger, stores=[crm])
    assert len(scrubs) == 1
    assert [r.person for r in receipts] == [ledger.subject_id(p).hex() for p in people]
    assert [r.state for r in receipts] == ["refused" if p == "p-3" else "complete" for p in people]
    assert receipts[0] == receipts[-1]
    assert all(check_receipt(r.to_text(), ledger.vkey) == r for r in receipts)
    assert sorted(crm.rows) == sorted(["p-3", *(f"p-{i}" for i in range(30, 40))])
    open_ = [e.index for e in ledger.entries(kind="call") if e.sealed == "open"]
    assert open_ == [3, *range(30, 40)]
    assert ledger.verify().ok
    assert erase_many([], ledger=ledger) == []


# -- persons and words


@pytest.mark.parametrize("subject", ["", "  ", None, 1.5, True, b"x", "\ud800", "\0everyone"])
def test_what_cannot_be_a_person_is_refused_before_anything_is_touched(ledger: Ledger, subject: object) -> None:
    with pytest.raises(InputError):
        erase(subject, ledger=ledger)  # type: ignore[arg-type]
    assert ledger.size == 0


@pytest.mark.parametrize("words", [{"reason": "Person-1 asked"}, {"operator_id": "person-1"}, {"reason": " "}])
def test_words_that_stay_readable_must_not_name_the_person(ledger: Ledger, words: dict[str, str]) -> None:
    with pytest.raises(InputError) as told:
        erase("person-1", ledger=ledger, **words)
    assert "person-1" not in str(told.value).lower()
    assert ledger.size == 0


def test_one_person_is_found_however_the_id_is_written(ledger: Ledger) -> None:
    ledger.append({"kind": "call", "text": "x"}, subject="Zo\u00eb")
    assert by_store(erase("Zoe\u0308", ledger=ledger).outcomes)["ledger"][0] == ("unreadable", 1)
    ledger.append({"kind": "call", "text": "x"}, subject=77)
    assert by_store(erase("77", ledger=ledger).outcomes)["ledger"][0] == ("unreadable", 1)


def test_without_the_key_nobody_is_erased(ledger: Ledger) -> None:
    with Ledger.open(ledger.url) as locked, pytest.raises(KeyProblem):
        erase("person-1", ledger=locked)


# -- stores that a policy names


def test_a_policy_names_stores_by_statement_file_code_and_reason(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aequo.core.policy import Policy

    new_shop(tmp_path / "shop.db", [("person-1", "book"), ("person-2", "pen")])
    (tmp_path / "calls.csv").write_text("who,text\nperson-1,x\n", encoding="utf-8")
    (tmp_path / "our_privacy.py").write_text(
        "rows = {'person-1': ['x']}\n"
        "class Crm:\n"
        "    name = 'unused'\n"
        "    def find(self, subject): return rows.get(subject, [])\n"
        "    def erase(self, subject): return len(rows.pop(subject, []))\n"
        "    def close(self): rows['closed'] = []\n"
        "def letters(subject): return 2\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHOP", "sqlite:///shop.db")
    policy = Policy.parse(
        """
        [[erase.stores]]
        name = "shop"
        url = "env:SHOP"
        find = "SELECT * FROM orders WHERE person = :subject"
        delete = ["DELETE FROM orders WHERE person = :subject"]
        after = ["crm"]
        [[erase.stores]]
        name = "calls"
        files = ["*.csv"]
        column = "who"
        [[erase.stores]]
        name = "crm"
        use = "our_privacy:Crm"
        [[erase.stores]]
        name = "letters"
        use = "our_privacy:letters"
        after = ["ledger"]
        [[erase.stores]]
        name = "tapes"
        keep = "overwritten after 30 days"
        """
    )
    receipt = erase("person-1", ledger=ledger, policy=policy)
    assert [(o.store, o.result, o.count) for o in receipt.outcomes] == [
        ("calls", "erased", 1),
        ("crm", "erased", 1),
        ("shop", "erased", 1),
        ("tapes", "kept", None),
        ("ledger", "unreadable", 0),
        ("letters", "erased", 2),
    ]
    import our_privacy

    assert our_privacy.rows == {"closed": []}
    assert export("person-2", ledger=ledger, policy=policy).to_dict()["stores"]["shop"] == [
        {"person": "person-2", "item": "pen"}
    ]


@pytest.mark.parametrize(
    ("store", "told"),
    [
        ({"use": "no_such_module_here:x"}, "which cannot be imported (ModuleNotFoundError)"),
        ({"use": "json:nothing"}, "which is not there"),
        ({"use": "json:__name__"}, "which is none: a store is a str"),
        ({"use": "nothing"}, "which is no entry point of 'aequo.stores'"),
        ({"url": "env:NO_SUCH_VARIABLE", "find": "SELECT :subject", "keep": "x"}, "no variable 'NO_SUCH_VARIABLE'"),
    ],
)
def test_a_store_that_cannot_be_made_is_told_before_anything_is_touched(
    ledger: Ledger, store: dict[str, str], told: str
) -> None:
    from aequo.core.policy import Policy

    with pytest.raises(PolicyError) as caught:
        erase("person-1", ledger=ledger, policy=Policy(erase={"stores": [{"name": "crm", **store}]}))
    assert told in str(caught.value)
    assert ledger.size == 0


def test_a_store_is_found_by_its_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib import metadata

    from aequo.core.policy import Policy

    point = metadata.EntryPoint(name="vault", value=f"{__name__}:Memory", group=stores_module.ENTRY_POINTS)
    found = metadata.EntryPoints([point])
    monkeypatch.setattr(metadata, "entry_points", lambda group: found.select(group=group))
    monkeypatch.setattr(metadata.EntryPoint, "load", lambda self: Memory("inside", rows={"a": [1]}))
    (store,) = stores_module.stores_of(Policy(erase={"stores": [{"name": "vault", "use": "vault", "after": ["x"]}]}))
    assert (store.name, store.after, store.find("a"), store.erase("a")) == ("vault", ("x",), [1], 1)
    assert as_store(store) is store


def test_what_a_store_says_of_law_and_order_holds_where_the_policy_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aequo.core.policy import Policy

    (tmp_path / "our_archive.py").write_text(
        "class Archive:\n"
        "    name, after, keep = 'archive', ['crm'], 'tax law'\n"
        "    def find(self, subject): return []\n"
        "    def erase(self, subject): raise AssertionError\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(tmp_path)
    plain = {"name": "old", "use": "our_archive:Archive"}
    (store,) = stores_module.stores_of(Policy(erase={"stores": [plain]}))
    assert (store.name, tuple(store.after), store.keep) == ("old", ("crm",), "tax law")
    (store,) = stores_module.stores_of(Policy(erase={"stores": [{**plain, "after": ["x"], "keep": "a court"}]}))
    assert (tuple(store.after), store.keep) == (("x",), "a court")


def test_the_key_in_memory_of_another_ledger_object_reads_no_more(ledger: Ledger) -> None:
    ledger.append({"kind": "call", "text": "x"}, subject="person-1")
    with Ledger.open(ledger.url, key=KEY) as other:
        other.append({"kind": "call", "text": "y"}, subject="person-1")
        assert other.entry(0).event["text"] == "x"
        erase("person-1", ledger=ledger)
        assert other.entry(0).sealed == other.entry(1).sealed == "erased"
        assert "text" not in other.entry(0).event
        other.append({"kind": "call", "text": "z"}, subject="person-1")
        sealed = [e.sealed for e in other.entries(kind="call")]
        assert sealed == ["erased", "erased", "open"]
