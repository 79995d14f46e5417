"""The same promises with PostgreSQL behind the ledger, and behind a store."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from aequo.errors import Refused
from aequo.ledger import Ledger
from aequo.privacy.erasure.erase import erase, erase_many, past_receipts
from aequo.privacy.erasure.export import export
from aequo.privacy.erasure.receipt import check_receipt
from aequo.privacy.erasure.retention import expire, hold
from aequo.privacy.erasure.sql import SqlStore
from aequo.privacy.erasure.stores import NotReached

from ..ledger.server import PgServer, find_binaries, running_server  # noqa: TID252 - one server for all tests
from .erasing import KEY, Memory

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def server() -> Iterator[PgServer]:
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed (Debian: postgresql); its initdb was not found")
    with running_server(binaries) as running:
        yield running


@pytest.fixture
def ledger(server: PgServer, request: pytest.FixtureRequest) -> Iterator[Ledger]:
    schema = request.node.name[:60]
    with Ledger.open(f"{server.url()}?schema={schema}", key=KEY) as opened:
        yield opened


def shop_of(server: PgServer, **more: object) -> SqlStore:
    return SqlStore(
        name="shop",
        url=server.url(),
        find="SELECT * FROM orders WHERE person = :subject",
        delete=["DELETE FROM orders WHERE person = :subject AND item::text NOT LIKE '%kept%'"],
        **more,  # type: ignore[arg-type]
    )


@pytest.fixture
def orders(server: PgServer) -> Iterator[None]:
    with server.connect() as db:
        db.execute("CREATE TABLE orders(person text, item text, price numeric, day date)")
        db.execute("INSERT INTO orders VALUES ('person-1', 'book', 12.50, '2026-05-03'), ('person-2', 'pen', 1, NULL)")
    yield
    with server.connect() as db:
        db.execute("DROP TABLE orders")


@pytest.mark.usefixtures("orders")
def test_a_person_is_erased_from_ledger_and_store_and_nobody_else(ledger: Ledger, server: PgServer) -> None:
    for i in range(4):
        ledger.append({"kind": "call", "text": f"{i}"}, subject=f"person-{1 + i % 2}")
    shop = shop_of(server)
    proofs = [ledger.prove(i) for i in range(4)]
    before = export("person-2", ledger=ledger, stores=[shop])
    assert export("person-1", ledger=ledger, stores=[shop]).to_dict()["stores"]["shop"] == [
        {"person": "person-1", "item": "book", "price": "12.50", "day": "2026-05-03"}
    ]
    receipt = erase("person-1", ledger=ledger, stores=[shop])
    assert receipt.state == "complete"
    assert [(o.store, o.result, o.count) for o in receipt.outcomes[:3]] == [
        ("shop", "erased", 1),
        ("ledger", "unreadable", 2),
        ("ledger", "kept", 2),
    ]
    # What a server keeps of destroyed keys is out of reach, and said.
    assert {o.result for o in receipt.outcomes[3:]} == {"traces"}
    assert any("write-ahead log" in o.why for o in receipt.outcomes[3:])
    assert check_receipt(receipt.to_text(), ledger.vkey) == receipt
    assert export("person-1", ledger=ledger, stores=[shop]).count == 0
    assert export("person-2", ledger=ledger, stores=[shop]).stores == before.stores
    assert all(proof.holds(ledger.vkey) for proof in proofs) and ledger.verify().ok
    again = erase("person-1", ledger=ledger, stores=[shop])
    assert again.already is not None and again.outcomes[0].count == 0
    assert len(past_receipts("person-1", ledger=ledger)) == 2
    shop.close()


def test_many_holds_and_retention(ledger: Ledger) -> None:
    import datetime as dt

    crm = Memory("crm", rows={f"p-{i}": ["x"] for i in range(10)})
    for i in range(10):
        ledger.append({"kind": "call", "text": "x"}, subject=f"p-{i}")
    hold("p-3", ledger=ledger, reason="case 2026-17")
    receipts = erase_many([f"p-{i}" for i in range(5)], ledger=ledger, stores=[crm])
    assert [r.state for r in receipts] == ["complete", "complete", "complete", "refused", "complete"]
    with pytest.raises(Refused):
        erase("p-3", ledger=ledger)
    later = dt.datetime.now(dt.UTC) + dt.timedelta(days=400)
    done = expire(ledger, now=later)
    assert (done.people, done.held) == (5, 1)
    assert [e.sealed for e in ledger.entries(kind="call")].count("open") == 1
    assert ledger.verify().ok


def test_what_writers_seal_meanwhile_is_never_under_a_destroyed_key(ledger: Ledger) -> None:
    stop, written = threading.Event(), []

    def write() -> None:
        with Ledger.open(ledger.url, key=KEY) as own:
            while not stop.is_set():
                own.append({"kind": "call", "text": "x"}, subject="person-1")
                written.append(1)

    threads = [threading.Thread(target=write) for _ in range(3)]
    for thread in threads:
        thread.start()
    ends = []
    try:
        for _ in range(5):
            seen = len(written)
            while len(written) < seen + 10:
                threading.Event().wait(0.005)
            key = ledger.store.person(ledger.subject_id("person-1"))
            receipt = erase("person-1", ledger=ledger)
            ends += [(receipt.index or 0, key.key_id)] if key is not None else []
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    from aequo.ledger.entry import header

    ledger.sequence()
    used = [(row.position, header(row.body).key) for row in ledger.store.rows(0, ledger.size)]
    for end, key_id in ends:
        assert all(index < end for index, key in used if key == key_id.hex())
    assert len(ends) >= 3 and ledger.verify().ok


@pytest.mark.usefixtures("orders")
def test_a_database_that_refuses_says_so_without_a_value(server: PgServer) -> None:
    with server.connect() as db:
        db.execute("INSERT INTO orders VALUES ('person-3', 'kept item', 1, NULL)")
    shop = shop_of(server, timeout=1.0)
    with pytest.raises(NotReached, match="1 of its rows would still be found"):
        shop.erase("person-3")
    for hostile in ("' OR 1=1 --", "%s", "%(subject)s", ":subject"):
        assert shop.erase(hostile) == 0
    with server.connect() as db:
        assert db.execute("SELECT count(*) FROM orders").fetchall() == [(3,)]
        with db.transaction():
            db.execute("LOCK TABLE orders")
            with pytest.raises(NotReached, match="another session has locked it|took longer than 1 s"):
                shop.erase("person-1")
    wrong = SqlStore(
        name="shop",
        url=server.url(),
        find="SELECT * FROM nothing WHERE person = :subject",
        delete=["DELETE FROM nothing WHERE person = :subject"],
    )
    with pytest.raises(NotReached, match=r"PostgreSQL refused \(UndefinedTable, 42P01\)"):
        list(wrong.find("person-1"))
    sly = SqlStore(
        name="shop",
        url=server.url(),
        find="WITH x AS (DELETE FROM orders WHERE person = :subject RETURNING 1) SELECT * FROM x",
        keep="nobody shall delete",
    )
    with pytest.raises(NotReached, match="ReadOnlySqlTransaction"):
        list(sly.find("person-1"))
    away = SqlStore(
        name="shop", url="postgresql://me@127.0.0.1:1/nowhere", find="SELECT :subject", keep="x", timeout=1.0
    )
    with pytest.raises(NotReached, match="its server cannot be reached"):
        list(away.find("person-1"))
    for store in (shop, wrong, sly, away):
        store.close()


@pytest.mark.usefixtures("orders")
def test_a_server_that_was_restarted_is_asked_again(server: PgServer) -> None:
    shop = shop_of(server)
    assert len(list(shop.find("person-1"))) == 1
    server.restart()
    with pytest.raises(NotReached, match="has ended the connection|PostgreSQL refused"):
        list(shop.find("person-1"))
    assert len(list(shop.find("person-1"))) == 1
    shop.close()
