"""Raw receipts are forgotten after a while; what came of them is not."""

from dataclasses import replace
from datetime import timedelta

from reconciler.model import ManualAdd, Source
from reconciler.ports import Heard, Store, Understood
from reconciler.store import pruning
from reconciler.store.database import fetch_one
from tests.support.store import (
    INSTANCES,
    MATRIX,
    RADARR,
    START,
    created,
    database_of,
    hear,
    lease_of,
    receipt,
    reference,
)

DAY = timedelta(days=1)


async def receipts_in(store: Store) -> int:
    async with database_of(store).read() as connection:
        row = await fetch_one(connection, "SELECT count(*) AS count FROM receipts")
    assert row is not None
    return int(row["count"])


async def heard_on_day(store: Store, day: int) -> None:
    received = replace(receipt(Source.RADARR), received_at=START + day * DAY)
    await store.ingest(received, Understood(Heard.IGNORED), instances=INSTANCES)


async def test_receipts_from_before_go_and_later_ones_stay(store: Store) -> None:
    for day in range(5):
        await heard_on_day(store, day)
    assert await store.prune(await lease_of(store), START) == 0
    assert await store.prune(await lease_of(store), START + 3 * DAY) == 3
    assert await receipts_in(store) == 2
    assert await store.prune(await lease_of(store), START + 3 * DAY) == 0


async def test_one_call_is_bounded_and_the_next_goes_on(store: Store) -> None:
    for day in range(5):
        await heard_on_day(store, day)
    removed = []
    for _ in range(4):
        async with database_of(store).write() as connection:
            removed.append(await pruning.prune(connection, START + 5 * DAY, batch=2))
    assert removed == [2, 2, 1, 0]


async def test_what_came_of_a_receipt_outlives_it(store: Store) -> None:
    deletion = await created(store)
    await hear(store, reference(MATRIX))
    await hear(store, manual_add=ManualAdd(RADARR, 11, MATRIX), heard=Heard.WANT)
    assert await store.prune(await lease_of(store), START + DAY) == 3
    assert await receipts_in(store) == 0
    assert len(await store.references_of_media([MATRIX])) == 1
    assert len(await store.manual_adds_after(0)) == 1
    assert await store.deletion(deletion) is not None
    assert [event.kind for event in await store.events(deletion)] == ["Received"]
