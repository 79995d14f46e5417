"""Every kind of database that a ledger can be in, and a PostgreSQL server that runs as long as the tests do."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from .places import Kind, Place, Places, new_place
from .server import PgServer, find_binaries, running_server

KINDS = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


@pytest.fixture(scope="session")
def pg() -> Iterator[PgServer]:
    """A server. Where PostgreSQL is not installed, tests that ask for it are skipped."""
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed (Debian: postgresql); its initdb was not found")
    with running_server(binaries) as server:
        yield server


def _maker(request: pytest.FixtureRequest, kind: Kind, folder: pytest.TempPathFactory) -> Places:
    path = folder.mktemp("ledgers")
    return lambda: new_place(kind, path, lambda: request.getfixturevalue("pg"))  # started when first needed


@pytest.fixture(scope="module", params=KINDS)
def places(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Places:
    """Makes places for ledgers, of either kind of database; close them."""
    return _maker(request, request.param, tmp_path_factory)


@pytest.fixture
def place(places: Places) -> Iterator[Place]:
    """A place where no ledger is yet."""
    with contextlib.closing(places()) as made:
        yield made


@pytest.fixture(scope="module")
def pg_places(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Places:
    """Makes places for ledgers in PostgreSQL; close them."""
    return _maker(request, "postgres", tmp_path_factory)


@pytest.fixture
def pg_place(pg_places: Places) -> Iterator[Place]:
    """A place in PostgreSQL where no ledger is yet."""
    with contextlib.closing(pg_places()) as made:
        yield made
