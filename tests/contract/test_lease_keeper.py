"""Keeping the lease where other processes can take it: on a real PostgreSQL, in the machine's own time."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest

from reconciler import lease as lease_module
from reconciler.clock import SystemClock
from reconciler.errors import LeaseLost, StoreError
from reconciler.lease import LEASE, RENEWED_AFTER, LeaseKeeper
from reconciler.ports import Lease, Store
from reconciler.store import open_store
from tests.support.clocks import RunningClock
from tests.support.postgres import PostgresServer
from tests.support.store import database_of


@pytest.fixture
async def url(postgres_server: PostgresServer) -> str:
    return postgres_server.url(await postgres_server.create_database())


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    opened = await open_store(url, clock=SystemClock())
    try:
        yield opened
    finally:
        await opened.close()


@pytest.fixture
def clock() -> RunningClock:
    return RunningClock()


@pytest.fixture
def keeper(store: Store, clock: RunningClock) -> LeaseKeeper:
    return LeaseKeeper(store, "me", clock)


async def taken(keeper: LeaseKeeper) -> Lease:
    lease = await keeper.take()
    assert lease is not None
    return lease


async def expire(url: str) -> None:
    """Let the server believe that the lease ran out."""
    server = await asyncpg.connect(url)
    try:
        await server.execute("UPDATE leases SET expires_at = clock_timestamp()")
    finally:
        await server.close()


async def test_the_first_keeps_it_and_the_second_gets_it_when_it_ran_out(
    keeper: LeaseKeeper, store: Store, url: str
) -> None:
    other = LeaseKeeper(store, "other", SystemClock())
    assert await keeper.keep()
    assert not await keeper.keep()
    assert not await other.keep()
    await expire(url)
    assert await other.keep()
    assert await store.lease_holder() == "other"


async def test_it_is_renewed_before_it_runs_out(keeper: LeaseKeeper, clock: RunningClock, url: str) -> None:
    lease = await taken(keeper)
    await expire(url)
    clock.advance(RENEWED_AFTER / 2)
    await keeper.keep()
    assert not await is_in_force(url)
    clock.advance(RENEWED_AFTER)
    await keeper.keep()
    assert await is_in_force(url)
    await keeper.prove(lease)


async def is_in_force(url: str) -> bool:
    server = await asyncpg.connect(url)
    try:
        return bool(await server.fetchval("SELECT expires_at > clock_timestamp() FROM leases"))
    finally:
        await server.close()


async def test_a_machine_that_was_suspended_does_not_believe_in_its_old_lease(
    keeper: LeaseKeeper, clock: RunningClock, store: Store, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = await taken(keeper)
    monotonic = clock.monotonic()
    monkeypatch.setattr(clock, "monotonic", lambda: monotonic)  # stands still while a machine sleeps
    clock.advance(LEASE)
    assert not keeper.is_held
    await expire(url)
    assert await store.acquire_lease("other", LEASE) is not None
    with pytest.raises(LeaseLost, match="another process reconciles now"):
        await keeper.prove(lease)


async def test_what_runs_under_the_lease_is_cut_off_when_somebody_else_has_it(
    keeper: LeaseKeeper, store: Store, clock: RunningClock, url: str
) -> None:
    lease = await taken(keeper)
    is_running = asyncio.Event()

    async def call_that_hangs() -> None:
        async with keeper.guard(lease):
            is_running.set()
            await asyncio.Event().wait()

    working = asyncio.create_task(call_that_hangs())
    await is_running.wait()
    await expire(url)
    assert await store.acquire_lease("other", LEASE) is not None
    clock.advance(RENEWED_AFTER)
    await keeper.keep()
    with pytest.raises(LeaseLost, match="another process reconciles now"):
        await working
    assert not keeper.is_held


async def test_what_runs_under_the_lease_gets_more_time_with_each_renewal(
    keeper: LeaseKeeper, clock: RunningClock
) -> None:
    lease = await taken(keeper)
    async with keeper.guard(lease):
        (limit,) = keeper._limits
        before = limit.when()
        clock.advance(RENEWED_AFTER)
        await keeper.keep()
        after = limit.when()
    assert before is not None
    assert after is not None
    assert before < after
    assert keeper._limits == set()


async def test_what_runs_under_the_lease_is_cut_off_when_it_cannot_be_renewed(
    keeper: LeaseKeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease_module, "LEASE", timedelta(seconds=0.2))
    lease = await taken(keeper)
    monkeypatch.setattr(lease_module, "RENEWED_AFTER", timedelta(seconds=60))
    with pytest.raises(LeaseLost, match="could not be renewed in time"):
        async with keeper.guard(lease):
            await asyncio.Event().wait()


async def test_an_error_that_a_cut_off_brings_about_is_told_as_what_it_is(
    keeper: LeaseKeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transaction that is rolled back because of it may find its connection gone."""
    monkeypatch.setattr(lease_module, "LEASE", timedelta(seconds=0.2))
    lease = await taken(keeper)
    monkeypatch.setattr(lease_module, "RENEWED_AFTER", timedelta(seconds=60))

    async def work() -> None:
        async with keeper.guard(lease):
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                raise StoreError("the connection is gone") from None

    with pytest.raises(LeaseLost, match="could not be renewed in time"):
        await work()


async def test_a_renewal_waits_for_no_write_of_this_process_or_another(
    keeper: LeaseKeeper, store: Store, clock: RunningClock, url: str
) -> None:
    lease = await taken(keeper)
    await expire(url)
    clock.advance(RENEWED_AFTER)
    is_writing, may_end = asyncio.Event(), asyncio.Event()

    async def write_for_long() -> None:
        async with database_of(store).write():
            is_writing.set()
            await may_end.wait()

    writing = asyncio.create_task(write_for_long())
    await is_writing.wait()
    await asyncio.wait_for(keeper.keep(), 5)
    assert await is_in_force(url)
    assert not writing.done()
    may_end.set()
    await writing
    await keeper.prove(lease)


async def test_a_renewal_does_not_undo_a_take_over(keeper: LeaseKeeper, store: Store, url: str) -> None:
    lease = await taken(keeper)
    await expire(url)
    other = await store.acquire_lease("other", LEASE)
    assert other is not None
    assert not await store.renew_lease(lease, LEASE)
    assert await store.lease_holder() == "other"
    assert await store.renew_lease(other, LEASE)


async def test_a_timeout_of_something_else_stays_what_it_was(keeper: LeaseKeeper) -> None:
    lease = await taken(keeper)
    with pytest.raises(TimeoutError, match="an upstream"):
        async with keeper.guard(lease):
            raise TimeoutError("an upstream")


async def test_what_was_given_back_is_not_proved_any_more(keeper: LeaseKeeper, store: Store) -> None:
    lease = await taken(keeper)
    await keeper.release()
    assert await store.lease_holder() is None
    with pytest.raises(LeaseLost):
        await keeper.prove(lease)
