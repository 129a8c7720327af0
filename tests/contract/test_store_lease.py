"""Who may reconcile, and that nobody else writes as if they might; and the books kept about it."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from reconciler.errors import LeaseLost
from reconciler.model import DeletionId, LedgerCoverage, Phase, UpstreamKind
from reconciler.ports import Baseline, Lease, PassRecord, Store, UpstreamHealth
from tests.support.store import (
    QBITTORRENT,
    RADARR,
    START,
    StillClock,
    binding,
    created,
    lease_of,
    verdict,
)

MINUTE = timedelta(minutes=1)


async def test_the_first_takes_the_lease_and_the_second_waits_for_its_end(store: Store) -> None:
    first = await store.acquire_lease("one", MINUTE, START)
    assert first == Lease("one", 1, START + MINUTE)
    assert await store.acquire_lease("two", MINUTE, START + timedelta(seconds=59)) is None
    assert await store.acquire_lease("two", MINUTE, START + MINUTE) == Lease("two", 2, START + 2 * MINUTE)


async def test_renewing_in_time_keeps_the_epoch_and_too_late_begins_a_new_one(store: Store) -> None:
    await store.acquire_lease("one", MINUTE, START)
    renewed = await store.acquire_lease("one", MINUTE, START + timedelta(seconds=30))
    assert renewed == Lease("one", 1, START + timedelta(seconds=90))
    late = await store.acquire_lease("one", MINUTE, START + timedelta(seconds=90))
    assert late is not None
    assert late.epoch == 2


async def test_a_lease_given_back_is_free_at_once_and_its_epoch_is_over(store: Store) -> None:
    lease = await lease_of(store, "one")
    await store.release_lease(lease)
    await store.release_lease(lease)
    taken = await lease_of(store, "two")
    assert taken.epoch == 2
    await store.release_lease(lease)
    assert await store.acquire_lease("three", MINUTE, START) is None
    again = await store.acquire_lease("two", MINUTE, START)
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
    "save_baseline": lambda store, lease, _: store.save_baseline(lease, Baseline(QBITTORRENT, "x", frozenset(), START)),
}


@pytest.mark.parametrize("write", WRITES)
async def test_a_write_after_the_lease_was_lost_changes_nothing(store: Store, write: str) -> None:
    deletion = await created(store)
    lost = await lease_of(store, "one")
    await lease_of(store, "two", START + MINUTE)
    before = await store.deletion(deletion)
    with pytest.raises(LeaseLost):
        await WRITES[write](store, lost, deletion)
    assert await store.deletion(deletion) == before
    assert await store.coverage(RADARR) == LedgerCoverage(RADARR)
    assert await store.baseline(QBITTORRENT) is None


async def test_a_lease_that_never_was_is_lost(store: Store) -> None:
    with pytest.raises(LeaseLost):
        await store.record(Lease("nobody", 1, START + MINUTE), [])


async def test_the_overview_of_an_empty_database_is_all_zeros(store: Store) -> None:
    overview = await store.overview()
    assert overview.by_phase == dict.fromkeys(Phase, 0)
    assert (overview.oldest_unsettled_at, overview.last_pass) == (None, None)
    assert (overview.upstreams, overview.coverage) == ((), ())
    assert overview.schema_version >= 1


async def test_the_overview_tells_the_oldest_open_wish_and_the_last_pass(store: Store) -> None:
    await created(store)
    passes = [PassRecord(START, START + timedelta(seconds=n), n, 1, 7, "late" if n else "") for n in (0, 1)]
    for one in passes:
        await store.record_pass(one)
    overview = await store.overview()
    assert overview.oldest_unsettled_at == START
    assert overview.last_pass == passes[1]


async def test_since_moves_only_when_an_upstream_is_lost_or_returns(store: Store) -> None:
    def health(reachable: bool, minute: int, **known: str) -> UpstreamHealth:
        at = START + timedelta(minutes=minute)
        seen = at if reachable else None
        return UpstreamHealth(RADARR, UpstreamKind.RADARR, reachable, at, last_seen_at=seen, **known)

    await store.save_health([health(True, 0, app="Radarr", version="6")])
    await store.save_health([health(True, 1, app="Radarr", version="6.1")])
    (stored,) = (await store.overview()).upstreams
    assert (stored.since, stored.last_seen_at) == (START, START + timedelta(minutes=1))
    await store.save_health([health(False, 2, last_error="radarr: cannot be reached")])
    await store.save_health([health(False, 3, last_error="radarr: still not")])
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
    await store.save_health([])


async def test_the_database_is_ready_until_it_is_closed(store: Store, clock: StillClock) -> None:
    assert await store.ready()
    await store.close()
    assert not await store.ready()
