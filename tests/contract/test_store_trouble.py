"""Trouble with the database itself: it heals, and what was acknowledged is there."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from reconciler.errors import StoreError
from reconciler.model import Media, MediaKind, Source
from reconciler.ports import DeletionFilter, Heard, Receipt, Store, Understood
from reconciler.store import open_store, postgres
from tests.support.postgres import PostgresServer
from tests.support.store import INSTANCES, START, StillClock, ask_one, wish


async def ask_large(store: Store, number: int) -> str:
    """Ask for a deletion in a delivery of 20 KB and return its id."""
    result = await store.ingest(
        Receipt(Source.DASHBOARD, None, START, "x" * 20_000),
        Understood(Heard.DELETE, deletions=(wish(Media(MediaKind.MOVIE, number)),)),
        instances=INSTANCES,
    )
    return str(result.deletions[0].id)


async def ids_in(store: Store) -> set[str]:
    page = await store.deletions(DeletionFilter(), cursor=None, limit=1000)
    return {str(state.deletion.id) for state in page.deletions}


@pytest.fixture
async def postgres_store(
    postgres_server: PostgresServer, clock: StillClock
) -> AsyncIterator[tuple[Store, PostgresServer, str]]:
    name = await postgres_server.create_database()
    store = await open_store(postgres_server.url(name), clock=clock)
    try:
        yield store, postgres_server, name
    finally:
        await store.close()


async def test_a_full_disk_refuses_and_loses_nothing_that_was_acknowledged(tmp_path: Path, clock: StillClock) -> None:
    store = await open_store(f"sqlite:///{tmp_path}/store.db", clock=clock)
    await limit_pages(store, 200)
    outcomes = await asyncio.gather(*(ask_large(store, n) for n in range(1, 100)), return_exceptions=True)
    refused = [o for o in outcomes if isinstance(o, BaseException)]
    assert refused
    assert all(isinstance(o, StoreError) for o in refused)
    assert await ids_in(store) == {o for o in outcomes if isinstance(o, str)}
    await limit_pages(store, 100_000)
    again = await ask_large(store, 500)
    assert again in await ids_in(store)
    await store.close()


async def limit_pages(store: Store, pages: int) -> None:
    """Let the file grow to so many pages of 4 KiB and no further, like a disk that is full then."""
    async with store._database.write() as connection:  # type: ignore[attr-defined]  # stands in for the disk
        await connection.fetch_all(f"PRAGMA max_page_count = {pages}")


async def test_lost_connections_are_opened_again(postgres_store: tuple[Store, PostgresServer, str]) -> None:
    store, server, name = postgres_store
    first = await ask_one(store, wish())
    await server.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
    for _ in range(10):  # a connection that was lost may be noticed only when it is used
        try:
            accepted = await ask_one(store, wish())
        except StoreError:
            continue
        break
    assert accepted.id == first.id
    assert await store.ready()


async def test_a_writer_that_hangs_elsewhere_is_an_error_and_readers_go_on(
    postgres_server: PostgresServer, clock: StillClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "_BEGIN_WRITE", postgres._BEGIN_WRITE.replace("'10s'", "'50ms'"))
    url = postgres_server.url(await postgres_server.create_database())
    store = await open_store(url, clock=clock)
    hanging = await asyncpg.connect(url)
    try:
        await hanging.execute("SELECT pg_advisory_lock($1)", postgres.WRITE_TURN)
        with pytest.raises(StoreError, match="lock timeout"):
            await ask_one(store, wish())
        assert await ids_in(store) == set()
    finally:
        await hanging.close()
    assert str((await ask_one(store, wish())).id) in await ids_in(store)
    await store.close()
