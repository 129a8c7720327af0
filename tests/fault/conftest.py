"""Fixtures for tests of trouble."""

from collections.abc import Iterator

import pytest

from tests.support.e2e_postgres import RestartablePostgres
from tests.support.postgres import PostgresServer


@pytest.fixture
def own_postgres(postgres_server: PostgresServer) -> Iterator[RestartablePostgres]:
    """A server that other tests do not share; asking for the shared one says whether any can run here."""
    server = RestartablePostgres()
    server.start()
    try:
        yield server
    finally:
        server.stop()
