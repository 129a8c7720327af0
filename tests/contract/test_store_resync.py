"""What a resync finds known, and what it remembers; how much turned destructive of late."""

from dataclasses import replace
from datetime import timedelta

import pytest

from reconciler.errors import LeaseLost
from reconciler.model import DeletionId, Hints, IssueCommand, Options, SettledAs, Source, Target, TargetKind
from reconciler.ports import Accepted, Destroyed, Heard, Store, Understood
from tests.support.store import (
    HEAT,
    INSTANCES,
    LOST,
    MATRIX,
    QBITTORRENT,
    RADARR,
    RADARR_4K,
    SONARR,
    START,
    ask_one,
    binding,
    created,
    entry_target,
    file_target,
    lease_of,
    receipt,
    torrent_target,
    verdict,
    wish,
)

DECLINED = wish(source=Source.JELLYSEERR, inferred=True, hints=Hints(request_id=9))


# --- what was seen last --------------------------------------------------------------------------------------------


async def test_what_a_resync_saw_is_kept_per_instance_and_replaced_as_a_whole(store: Store) -> None:
    lease = await lease_of(store)
    assert await store.resync_state(RADARR) is None
    first = {"titles": {"7": "2025-01-01T00:00:00Z"}, "seen": [1, None, "\N{SNOWMAN}"]}
    await store.save_resync_state(lease, RADARR, first, START)
    await store.save_resync_state(lease, SONARR, {}, START)
    assert (await store.resync_state(RADARR), await store.resync_state(SONARR)) == (first, {})
    await store.save_resync_state(lease, RADARR, {"titles": {}}, START + timedelta(hours=1))
    assert await store.resync_state(RADARR) == {"titles": {}}
    assert (await store.overview()).resynced == {RADARR: START + timedelta(hours=1), SONARR: START}


async def test_a_resync_that_lost_its_lease_remembers_nothing(store: Store) -> None:
    stale = await lease_of(store)
    await store.release_lease(stale)
    await lease_of(store, "other")
    with pytest.raises(LeaseLost):
        await store.save_resync_state(stale, RADARR, {}, START)
    assert await store.resync_state(RADARR) is None


# --- what is known -------------------------------------------------------------------------------------------------


async def test_targets_of_any_deletion_are_known_by_kind_and_instance(store: Store) -> None:
    settled, unsettled = await created(store), await created(store, wish(HEAT))
    lease = await lease_of(store)
    await store.bind(lease, binding(settled, entry_target(7)))
    await store.bind(lease, binding(unsettled, entry_target(8), entry_target(7), entry_target(9, RADARR_4K)))
    await store.record(lease, [replace(verdict(settled), settle=(SettledAs.CONVERGED, None))])
    asked = ["7", "8", "9", "10"]
    assert await store.known_targets(TargetKind.ENTRY, RADARR, asked) == {"7", "8"}
    assert await store.known_targets(TargetKind.ENTRY, RADARR_4K, asked) == {"9"}
    assert await store.known_targets(TargetKind.RECORD, RADARR, asked) == frozenset()
    assert await store.known_targets(TargetKind.ENTRY, RADARR, []) == frozenset()


async def test_what_a_cancelled_deletion_left_as_it_was_is_nobodys(store: Store) -> None:
    """A person may delete in the library what he kept here once; that is news, and must not be missed for ever."""
    deletion = await created(store)
    lease = await lease_of(store)
    gone = replace(entry_target(9), absent_since=START)
    await store.bind(lease, binding(deletion, entry_target(7), entry_target(8), gone))
    state = await store.deletion(deletion)
    assert state is not None
    number = next(t.number for t in state.targets if t.external_id == "8")
    await store.mark_sent(lease, {deletion: [number]}, START, kind="DeleteEntry", destructive=True)
    await store.record(lease, [replace(verdict(deletion), settle=(SettledAs.CANCELLED, None))])
    assert await store.known_targets(TargetKind.ENTRY, RADARR, ["7", "8", "9"]) == {"8", "9"}


async def test_a_decline_is_known_once_a_deletion_was_created_for_it_also_after_it_settled(store: Store) -> None:
    assert await store.known_declines([9]) == frozenset()
    deletion = await created(store, DECLINED)
    await created(store, wish(HEAT, source=Source.JELLYSEERR))
    assert await store.known_declines([8, 9, 10]) == {9}
    await store.cancel(deletion, "alice")
    assert await store.known_declines([9]) == {9}
    assert await store.known_declines([]) == frozenset()


@pytest.mark.parametrize("is_repeated", [False, True])
async def test_a_title_that_a_library_deleted_is_known_whatever_became_of_it(store: Store, is_repeated: bool) -> None:
    told = wish(source=Source.RADARR, hints=Hints(radarr_id=7), instances=frozenset({RADARR}))
    if is_repeated:
        await created(store, wish(instances=frozenset({RADARR})))
    deletion = (await ask_one(store, told)).id
    assert deletion is not None
    await store.cancel(deletion, "alice")
    assert await store.known_titles(RADARR, [6, 7, 8]) == {7}
    assert await store.known_titles(RADARR_4K, [7]) == frozenset()
    assert await store.known_titles(RADARR, []) == frozenset()


async def test_a_title_whose_files_a_library_said_to_have_kept_is_known_as_such(store: Store) -> None:
    told = Understood(Heard.IGNORED, kept_entry=(RADARR, 7))
    for _ in range(2):
        await store.ingest(receipt(Source.RADARR), told, instances=INSTANCES)
    assert await store.kept_titles(RADARR, [6, 7, 8]) == {7}
    assert await store.kept_titles(RADARR_4K, [7]) == frozenset()
    assert await store.kept_titles(RADARR, []) == frozenset()
    assert await store.known_titles(RADARR, [7]) == frozenset()
    await created(store, wish(source=Source.RADARR, hints=Hints(radarr_id=7), instances=frozenset({RADARR})))
    assert await store.known_titles(RADARR, [7]) == {7}
    await store.ingest(receipt(Source.RADARR), told, instances=INSTANCES)
    assert await store.known_titles(RADARR, [7]) == {7}


async def test_a_number_that_somebody_only_hinted_at_is_no_title_that_a_library_deleted(store: Store) -> None:
    await created(store, wish(hints=Hints(radarr_id=7)))
    assert await store.known_titles(RADARR, [7]) == frozenset()


@pytest.mark.parametrize("is_bound", [False, True])
async def test_a_decline_that_an_open_deletion_answers_is_known(store: Store, is_bound: bool) -> None:
    deletion = await created(store)
    if is_bound:
        await store.bind(await lease_of(store), binding(deletion))
    assert (await ask_one(store, DECLINED)).outcome is Accepted.EXISTING
    assert await store.known_declines([9]) == {9}


async def test_a_decline_that_created_nothing_is_not_known(store: Store) -> None:
    await created(store, wish(options=Options(add_exclusion=True)))
    assert (await ask_one(store, DECLINED)).outcome is Accepted.CONFLICT
    assert await store.known_declines([9]) == frozenset()


async def test_a_decline_is_not_answered_by_a_command_that_may_be_refused(store: Store) -> None:
    await created(store, wish(source=Source.JELLYSEERR, hints=Hints(command=IssueCommand(1, "go"))))
    assert (await ask_one(store, DECLINED)).outcome is Accepted.EXISTING
    assert await store.known_declines([9]) == frozenset()


# --- how much turned destructive -----------------------------------------------------------------------------------


async def destroyed(store: Store, deletion: DeletionId, *targets: Target) -> None:
    """Bind targets and record that all of them are asked to go."""
    lease = await lease_of(store)
    await store.bind(lease, binding(deletion, *targets))
    state = await store.deletion(deletion)
    assert state is not None
    numbers = [target.number for target in state.targets]
    await store.mark_sent(lease, {deletion: numbers}, START, kind="RemoveTorrent", destructive=True)


GIB = 2**30


@pytest.mark.parametrize(
    ("targets", "size"),
    [
        ((torrent_target(size=5 * GIB), entry_target(size=4 * GIB)), 5 * GIB),
        ((torrent_target(size=3 * GIB), entry_target(size=4 * GIB)), 4 * GIB),
        ((torrent_target(size=3 * GIB), torrent_target("b" * 40, size=3 * GIB), entry_target(size=4 * GIB)), 6 * GIB),
        ((entry_target(size=4 * GIB), entry_target(8, RADARR_4K, size=40 * GIB)), 44 * GIB),
        ((torrent_target(size=2**62),), 2**62),
        ((replace(torrent_target(size=GIB), kind=TargetKind.LIKELY_CROSS_SEED),), 0),
        ((Target(TargetKind.UNMANAGED, QBITTORRENT, "x", size=GIB),), 0),
        ((), 0),
    ],
)
async def test_a_titles_torrents_and_its_library_copy_count_once(
    store: Store, targets: tuple[Target, ...], size: int
) -> None:
    await destroyed(store, await created(store, wish(MATRIX)), *targets)
    assert await store.became_destructive_since(START) == Destroyed(1, size)


async def test_of_a_season_its_files_count_and_the_series_that_stays_does_not(store: Store) -> None:
    deletion = await created(store, wish(LOST, seasons=frozenset({1})))
    series = entry_target(3, SONARR, size=90 * GIB)
    await destroyed(store, deletion, series, file_target(1, 1, size=2 * GIB), file_target(2, 1, size=3 * GIB))
    assert await store.became_destructive_since(START) == Destroyed(1, 5 * GIB)


async def test_every_deletion_in_the_window_counts_and_what_destroyed_nothing_does_not(store: Store) -> None:
    await destroyed(store, await created(store, wish(MATRIX)), torrent_target(size=GIB))
    await destroyed(store, await created(store, wish(HEAT)), entry_target(8, size=2 * GIB))
    waiting = await created(store, wish(LOST))
    await store.bind(await lease_of(store), binding(waiting, torrent_target("c" * 40, size=7 * GIB)))
    assert await store.became_destructive_since(START) == Destroyed(2, 3 * GIB)
    assert await store.became_destructive_since(START + timedelta(seconds=1)) == Destroyed()
