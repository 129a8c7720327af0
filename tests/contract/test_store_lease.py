"""Who may reconcile, and that nobody else writes as if they might; and the books kept about it."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta

import asyncpg
import pytest

from reconciler.errors import LeaseLost, StoreError
from reconciler.model import DeletionId, LedgerCoverage, Phase, UpstreamKind
from reconciler.ports import Baseline, Lease, PassRecord, Store, UpstreamHealth
from reconciler.store import open_store
from tests.support.postgres import PostgresServer
from tests.support.store import (
    QBITTORRENT,
    RADARR,
    START,
    StillClock,
    binding,
    created,
    database_of,
    lease_of,
    verdict,
)

MINUTE = timedelta(minutes=1)


Ageing = Callable[[timedelta], Awaitable[None]]


@pytest.fixture
def age(database_url: str, clock: StillClock) -> Ageing:
    """Let the lease grow older. PostgreSQL measures it by its own clock, which no test can move."""

    async def let_pass(time: timedelta) -> None:
        clock.advance(time)
        if database_url.startswith("postgresql"):
            server = await asyncpg.connect(database_url)
            try:
                await server.execute("UPDATE leases SET expires_at = expires_at - $1::interval", time)
            finally:
                await server.close()

    return let_pass


async def test_the_first_takes_the_lease_and_the_second_waits_for_its_end(store: Store, age: Ageing) -> None:
    assert await store.lease_holder() is None
    assert await store.acquire_lease("one", MINUTE) == Lease("one", 1)
    await age(timedelta(seconds=50))
    assert await store.acquire_lease("two", MINUTE) is None
    assert await store.lease_holder() == "one"
    assert (await store.overview()).leader == "one"
    await age(timedelta(seconds=10))
    assert await store.lease_holder() is None
    assert await store.acquire_lease("two", MINUTE) == Lease("two", 2)
    assert (await store.overview()).leader == "two"


async def test_renewing_keeps_the_epoch_while_nobody_else_had_the_lease_in_between(store: Store, age: Ageing) -> None:
    await store.acquire_lease("one", MINUTE)
    await age(timedelta(seconds=30))
    assert await store.acquire_lease("one", MINUTE) == Lease("one", 1)
    await age(timedelta(seconds=50))
    assert await store.acquire_lease("two", MINUTE) is None
    await age(timedelta(seconds=40))
    assert await store.acquire_lease("one", MINUTE) == Lease("one", 1)
    await age(MINUTE)
    assert await store.acquire_lease("two", MINUTE) == Lease("two", 2)
    await age(MINUTE)
    assert await store.acquire_lease("one", MINUTE) == Lease("one", 3)


async def test_the_lease_does_not_depend_on_the_clock_of_whoever_asks(postgres_server: PostgresServer) -> None:
    """Two hosts' clocks differ; where a server is shared, only its own clock counts."""
    url = postgres_server.url(await postgres_server.create_database())
    async with AsyncExitStack() as opened:
        stores = [await open_store(url, clock=StillClock(START + days * timedelta(days=1))) for days in (0, 1)]
        for one in stores:
            opened.push_async_callback(one.close)
        assert stores[0].is_shared
        assert await stores[0].acquire_lease("one", MINUTE) == Lease("one", 1)
        assert await stores[1].acquire_lease("two", MINUTE) is None


async def test_a_program_that_is_older_than_the_schema_does_not_reconcile(store: Store) -> None:
    await lease_of(store)
    async with database_of(store).write() as connection:
        await connection.execute(
            "INSERT INTO schema_migrations (version, name, applied_at) VALUES (9999, 'from tomorrow', :now)",
            {"now": START},
        )
    with pytest.raises(StoreError, match="schema version 9999"):
        await store.acquire_lease("me", MINUTE)
    assert not await store.ready()


async def test_a_lease_given_back_is_free_at_once_and_its_epoch_is_over(store: Store) -> None:
    lease = await lease_of(store, "one")
    await store.release_lease(lease)
    await store.release_lease(lease)
    taken = await lease_of(store, "two")
    assert taken.epoch == 2
    await store.release_lease(lease)
    assert await store.acquire_lease("three", MINUTE) is None
    again = await store.acquire_lease("two", MINUTE)
    assert again == taken


WRITES: dict[str, Callable[[Store, Lease, DeletionId], Awaitable[object]]] = {
    "bind": lambda store, lease, deletion: store.bind(lease, binding(deletion)),
    "mark_sent": lambda store, lease, deletion: store.mark_sent(
        lease, {deletion: []}, START, kind="DeleteEntry", destructive=True
    ),
    "record": lambda store, lease, deletion: store.record(lease, [verdict(deletion)]),
    "add_events": lambda store, lease, deletion: store.add_events(lease, {deletion: []}, START),
    "save_history": lambda store, lease, _: store.save_history(lease, [], LedgerCoverage(RADARR, cursor_id=9)),
    "save_library": lambda store, lease, _: store.save_library(lease, RADARR, []),
    "save_health": lambda store, lease, _: store.save_health(
        lease, [UpstreamHealth(RADARR, UpstreamKind.RADARR, True, START)]
    ),
    "record_pass": lambda store, lease, _: store.record_pass(lease, PassRecord(START, START, 1, 1, 1, "")),
    "prune": lambda store, lease, _: store.prune(lease, START),
    "save_baseline": lambda store, lease, _: store.save_baseline(lease, Baseline(QBITTORRENT, "x", frozenset(), START)),
}


@pytest.mark.parametrize("write", WRITES)
async def test_a_write_after_the_lease_was_lost_changes_nothing(store: Store, age: Ageing, write: str) -> None:
    deletion = await created(store)
    lost = await lease_of(store, "one")
    await age(MINUTE)
    await lease_of(store, "two")
    before = await store.deletion(deletion)
    overview = await store.overview()
    with pytest.raises(LeaseLost):
        await WRITES[write](store, lost, deletion)
    assert await store.deletion(deletion) == before
    assert await store.coverage(RADARR) == LedgerCoverage(RADARR)
    assert await store.baseline(QBITTORRENT) is None
    assert await store.overview() == overview


async def test_a_lease_that_never_was_is_lost(store: Store) -> None:
    with pytest.raises(LeaseLost):
        await store.record(Lease("nobody", 1), [])


async def test_the_overview_of_an_empty_database_is_all_zeros(store: Store) -> None:
    overview = await store.overview()
    assert overview.by_phase == dict.fromkeys(Phase, 0)
    assert (overview.oldest_unsettled_at, overview.oldest_unsettled) == (None, None)
    assert (overview.next_due_at, overview.last_pass) == (None, None)
    assert (overview.upstreams, overview.coverage) == ((), ())
    assert overview.schema_version >= 1


async def test_the_overview_tells_the_oldest_open_wish_and_the_last_pass(store: Store) -> None:
    oldest = await created(store)
    passes = [PassRecord(START, START + timedelta(seconds=n), n, 1, 7, "late" if n else "") for n in (0, 1)]
    for one in passes:
        await store.record_pass(await lease_of(store), one)
    overview = await store.overview()
    assert (overview.oldest_unsettled, overview.oldest_unsettled_at) == (oldest, START)
    assert overview.next_due_at == await store.next_due_at() is not None
    assert overview.last_pass == passes[1]


async def test_since_moves_only_when_an_upstream_is_lost_or_returns(store: Store) -> None:
    def health(reachable: bool, minute: int, **known: str) -> UpstreamHealth:
        at = START + timedelta(minutes=minute)
        seen = at if reachable else None
        return UpstreamHealth(RADARR, UpstreamKind.RADARR, reachable, at, last_seen_at=seen, **known)

    lease = await lease_of(store)
    await store.save_health(lease, [health(True, 0, app="Radarr", version="6")])
    await store.save_health(lease, [health(True, 1, app="Radarr", version="6.1")])
    (stored,) = (await store.overview()).upstreams
    assert (stored.since, stored.last_seen_at) == (START, START + timedelta(minutes=1))
    await store.save_health(lease, [health(False, 2, last_error="radarr: cannot be reached")])
    await store.save_health(lease, [health(False, 3, last_error="radarr: still not")])
    (stored,) = (await store.overview()).upstreams
    assert stored == UpstreamHealth(
        RADARR,
        UpstreamKind.RADARR,
        False,
        START + timedelta(minutes=2),
        app="Radarr",
        version="6.1",
        last_seen_at=START + timedelta(minutes=1),
        last_error="radarr: still not",
    )
    await store.save_health(lease, [])


async def test_the_database_is_ready_until_it_is_closed(store: Store, clock: StillClock) -> None:
    assert await store.ready()
    await store.close()
    assert not await store.ready()
