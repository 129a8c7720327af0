"""Keeping the lease where other processes can take it: on a real PostgreSQL, in the machine's own time."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest

from reconciler import lease as lease_module
from reconciler.clock import SystemClock
from reconciler.errors import LeaseLost
from reconciler.lease import LEASE, RENEWED_AFTER, LeaseKeeper
from reconciler.ports import Lease, Store
from reconciler.store import open_store
from tests.support.clocks import RunningClock
from tests.support.postgres import PostgresServer


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


async def test_what_runs_under_the_lease_goes_on_as_long_as_it_is_renewed_and_not_longer(
    keeper: LeaseKeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease_module, "LEASE", timedelta(seconds=3))
    monkeypatch.setattr(lease_module, "RENEWED_AFTER", timedelta(0))
    lease = await taken(keeper)
    beats = 0

    async def work() -> None:
        nonlocal beats
        async with keeper.guard(lease):
            for _ in range(4):
                await asyncio.sleep(1)
                await keeper.keep()
                beats += 1
            await asyncio.Event().wait()

    with pytest.raises(LeaseLost):
        await work()
    assert beats == 4


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
