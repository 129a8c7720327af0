"""One line when something begins to fail and one when it works again, and whose work a line belongs to."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.errors import LeaseLost, StoreError
from reconciler.ports import Store
from reconciler.store import open_store
from reconciler.store.store import DatabaseStore
from reconciler.telemetry import Outage, get_logger, working_on
from tests.support.clocks import FakeClock
from tests.support.log_lines import Log, logged
from tests.support.store import lease_of
from tests.support.worlds import deletion_id


@pytest.fixture
def log() -> Iterator[Log]:
    with logged() as lines:
        yield lines


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def outage(clock: FakeClock) -> Outage:
    return Outage("database lost", "database back", clock)


def said(log: Log) -> list[tuple[str, object]]:
    return [(line["event"], line.get("seconds", line.get("error"))) for line in log.lines]


def test_only_changes_are_said_and_for_how_long_it_lasted(outage: Outage, clock: FakeClock, log: Log) -> None:
    for _ in range(2):
        outage.works()
        for _ in range(3):
            outage.failed(StoreError("no route"))
            clock.advance(10)
        outage.works()
        outage.works()
    assert said(log) == [("database lost", "no route"), ("database back", 30)] * 2


async def test_a_database_that_cannot_be_written_is_said_to_be_lost_until_it_can_again(
    outage: Outage, clock: FakeClock, log: Log, tmp_path: Path
) -> None:
    store = await open_store(f"sqlite:///{tmp_path}/store.db", clock=clock, watch=outage)
    await limit_pages(store, 1)
    for _ in range(3):
        with pytest.raises(StoreError):
            await fill(store)
        assert await store.ready(), "it can be read meanwhile"
    await limit_pages(store, 100_000)
    await fill(store)
    await store.close()
    with pytest.raises(StoreError):
        await store.lease_holder()
    assert [event for event, _ in said(log)] == ["database lost", "database back"], "what was closed is not lost"


async def test_that_another_process_reconciles_is_no_trouble_of_the_database(
    outage: Outage, clock: FakeClock, log: Log, tmp_path: Path
) -> None:
    store = await open_store(f"sqlite:///{tmp_path}/store.db", clock=clock, watch=outage)
    try:
        stale = await lease_of(store)
        await store.release_lease(stale)
        await lease_of(store, "other")
        with pytest.raises(LeaseLost):
            await store.record(stale, [])
    finally:
        await store.close()
    assert log.lines == []


def test_lines_name_the_deletion_or_the_deletions_that_are_worked_on(log: Log) -> None:
    one, two = deletion_id(1), deletion_id(2)
    with working_on({two, one}):
        get_logger().info("all")
        with working_on([one]):
            get_logger().info("one")
    get_logger().info("none")
    assert [(line.get("deletion_ids"), line.get("deletion_id")) for line in log.lines] == [
        ([one, two], None),
        ([one, two], one),
        (None, None),
    ]


async def limit_pages(store: Store, pages: int) -> None:
    """Let the file grow to so many pages and no further, like a disk that is full then."""
    assert isinstance(store, DatabaseStore)
    async with store._database.write() as connection:
        await connection.fetch_all(f"PRAGMA max_page_count = {pages}")


async def fill(store: Store) -> None:
    assert isinstance(store, DatabaseStore)
    async with store._database.write() as connection:
        await connection.execute(
            "INSERT INTO resync_states (instance, state, at) VALUES (hex(randomblob(9)), :state, 'x')",
            {"state": f'"{"x" * 20_000}"'},
        )
