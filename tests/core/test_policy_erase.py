"""The policy's stores: what is written is read back, and what would erase too much or nothing is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aequo.core.policy import Policy, StorePolicy
from aequo.core.statements import check_statement, parameters, pyformat
from aequo.errors import PolicyError

FIND = "SELECT * FROM orders WHERE person = :subject"
DELETE = "DELETE FROM orders WHERE person = :subject"
WORD = st.text(min_size=1, max_size=9).filter(lambda t: t.strip() and t != "ledger")
KINDS = st.sampled_from(
    [
        {"url": "sqlite:///shop.db", "find": FIND, "delete": [DELETE, DELETE]},
        {"url": "postgresql://me@host/shop", "find": FIND, "keep": "tax law"},
        {"url": "env:SHOP", "find": FIND, "delete": [DELETE]},
        {"files": ["exports/*.csv"], "column": "person"},
        {"use": "shop.privacy:orders"},
        {"vault": "people.vault", "key": "env:PEOPLE_KEY", "column": "customer"},
        {"keep": "tapes are overwritten after 30 days"},
    ]
)


@given(st.lists(st.tuples(WORD, KINDS, st.lists(WORD, max_size=2)), max_size=5, unique_by=lambda t: t[0]))
def test_stores_are_read_back_from_the_file_as_they_were(
    stores: list[tuple[str, dict[str, object], list[str]]],
) -> None:
    policy = Policy(erase={"stores": [{"name": name, "after": after, **kind} for name, kind, after in stores]})
    assert Policy.parse(policy.to_toml()) == policy
    assert Policy.from_dict(policy.to_dict()).digest() == policy.digest()


HEAD = '[[erase.stores]]\nname = "orders"\n'
REFUSED = {
    "[erase]\ntimeout = 0": "2: erase.timeout is 0, expected a number from 0.1 to 86400.",
    "[erase]\nstores = 3": "2: erase.stores is 3, expected stores, [[erase.stores]] each.",
    '[[erase.stores]]\nurl = "sqlite:///x.db"': "1: a store has no name, expected one for the receipt.",
    '[[erase.stores]]\nname = "ledger"\nuse = "a:b"': "2: a store is named 'ledger', which is the ledger's own name.",
    HEAD + "finds = 1": "3: [[erase.stores]] has no key 'finds'. Did you mean 'find'?",
    HEAD + "find = 1": "3: erase.stores[1].find is 1, expected text in quotes.",
    HEAD: "2: the store 'orders' has no url, files, vault or use: nothing says where it is. One that is only to be "
    "named as kept has the reason in keep.",
    HEAD + 'url = "shop.db"': "3: the url of a store names no database, expected sqlite:///path.db, "
    "postgresql://user@host/database or env:NAME.",
    HEAD + 'url = "postgresql://me:hunter2@host/shop"': "3: the url of a store holds a password; put the url into an "
    "environment variable, and write env:NAME here.",
    HEAD + 'url = "sqlite:///x.db"\nuse = "a:b"': "4: the store 'orders' has url and use, expected one.",
    HEAD + 'url = "sqlite:///x.db"': "3: the store 'orders' has url and no find.",
    HEAD + f'url = "sqlite:///x.db"\nfind = "{FIND}"': "3: the store 'orders' has url and no delete.",
    HEAD + 'files = ["x.csv"]': "3: the store 'orders' has files and no column.",
    HEAD + 'files = ["x.csv"]\ncolumn = "c"\nfind = "x"': "5: the store 'orders' has find, which goes with url.",
    HEAD + 'vault = "p.vault"\ncolumn = "c"': "3: the store 'orders' has vault and no key.",
    HEAD
    + 'vault = "p.vault"\nkey = "c2VjcmV0"': "4: erase.stores[1].key names no place of a key, expected file:PATH or "
    "env:NAME; the key itself does not belong in a policy.",
    HEAD + 'use = "a:b"\ncolumn = "c"': "4: the store 'orders' has column, which goes with files or vault.",
    HEAD + f'url = "sqlite:///x.db"\nfind = "{FIND}"\ndelete = [\n  "{DELETE}",\n  "DELETE FROM orders",\n]': "7: "
    "delete[2] of the store 'orders' does not say whose rows: expected a condition such as person = :subject.",
    HEAD + f'url = "sqlite:///x.db"\nfind = "DELETE FROM x WHERE p = :subject"\ndelete = ["{DELETE}"]': "4: find of "
    "the store 'orders' is no statement of the kind SELECT or WITH.",
    HEAD + 'use = "a:b"\n' + HEAD + 'use = "c:d"': "4: two stores are named 'orders', expected a name for each.",
}


@pytest.mark.parametrize("text", REFUSED)
def test_a_store_that_cannot_be_meant_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(PolicyError) as caught:
        Policy.parse(text, source="p.toml")
    assert str(caught.value) == f"p.toml:{REFUSED[text]}"


def test_a_store_made_in_python_is_checked_as_one_in_a_file() -> None:
    with pytest.raises(PolicyError, match="no url, files, vault or use"):
        StorePolicy(name="orders")
    store = StorePolicy(name="tapes", keep="overwritten after 30 days")
    assert Policy(erase={"stores": [store]}).erase.stores == (store,)


# -- statements


@pytest.mark.parametrize(
    ("statement", "use", "wrong"),
    [
        ("DELETE FROM t WHERE p = ':subject'", "delete", "does not say whose rows"),
        ("DELETE FROM t -- WHERE p = :subject", "delete", "does not say whose rows"),
        ("DELETE FROM t /* WHERE p = :subject */", "delete", "does not say whose rows"),
        ('DELETE FROM t WHERE p = ":subject"', "delete", "does not say whose rows"),
        ("DELETE FROM t WHERE p = $$:subject$$", "delete", "does not say whose rows"),
        ("DELETE FROM t WHERE p = ?", "delete", "question mark"),
        ("DELETE FROM t WHERE p = :subject; DELETE FROM u", "delete", "semicolon"),
        ("DELETE FROM t WHERE p = :subject AND q = 'x", "delete", "does not end"),
        ("DELETE FROM t WHERE p = :subject AND q = :other", "delete", "leaves :other open"),
        ("DROP TABLE t", "delete", "is no statement of the kind DELETE or UPDATE or WITH"),
        ("SELECTED", "find", "is no statement of the kind SELECT or WITH"),
        ("", "find", "is no statement of the kind"),
    ],
)
def test_a_statement_that_is_not_about_one_person_is_refused(statement: str, use: str, wrong: str) -> None:
    assert wrong in (check_statement(statement, use) or "")


@pytest.mark.parametrize(
    ("statement", "use"),
    [
        (FIND, "find"),
        (" -- who\n /* what */ select p::text from t where p = :subject", "find"),
        ("WITH t AS (SELECT 1) SELECT * FROM t, u WHERE u.p = :subject", "find"),
        ("UPDATE t SET name = 'it''s; gone' WHERE p = :subject OR q = :subject", "delete"),
    ],
)
def test_a_statement_about_one_person_is_taken(statement: str, use: str) -> None:
    assert check_statement(statement, use) is None


@given(st.text(alphabet="a%s':\"-/*$ \n(:subject)", max_size=60))
def test_what_psycopg_is_given_is_the_statement_but_for_its_open_values(text: str) -> None:
    statement = f"{text} :subject".replace(":bject", "").replace(":s ", " ")
    if parameters(statement) <= {"subject"}:
        assert pyformat(statement) % {"subject": ":subject"} == statement
