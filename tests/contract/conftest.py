"""One store per test, on SQLite and on PostgreSQL: the same suite holds for both."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from reconciler.ports import Store
from reconciler.store import migrate, open_store
from tests.support.postgres import PostgresServer
from tests.support.store import StillClock


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture(params=["sqlite", "postgres"])
async def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without a schema."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/store.db"
    server: PostgresServer = request.getfixturevalue("postgres_server")
    return server.url(await server.create_database())


@pytest.fixture(scope="session")
def migrated_template() -> dict[str, str]:
    """Remembers, once per session, the PostgreSQL database that others are copied from."""
    return {}


@pytest.fixture(params=["sqlite", "postgres"])
async def database_url(request: pytest.FixtureRequest, tmp_path: Path, migrated_template: dict[str, str]) -> str:
    """The URL of a database with today's schema and nothing in it."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/store.db"
    server: PostgresServer = request.getfixturevalue("postgres_server")
    if "name" not in migrated_template:
        name = await server.create_database()
        await migrate(server.url(name))
        migrated_template["name"] = name
    return server.url(await server.create_database(migrated_template["name"]))


@pytest.fixture
async def store(database_url: str, clock: StillClock) -> AsyncIterator[Store]:
    opened = await open_store(database_url, clock=clock)
    try:
        yield opened
    finally:
        await opened.close()
