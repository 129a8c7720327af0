"""Carrying out plans: bulk calls, last looks, the lease, and what is said of failures."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.errors import LeaseLost, Rejected, Unreachable
from reconciler.execute import CHUNK, KEEPS_FOR, Executed, Executor
from reconciler.lease import LEASE, LeaseKeeper
from reconciler.model import DeletionId, InstanceName, Media, MediaKind, Monitoring, Target, TargetKind, Unit
from reconciler.observed import MediaStatus, RequestStatus
from reconciler.plan.actions import (
    Action,
    DeleteEntry,
    DeleteFiles,
    DeleteRecord,
    DeleteRequest,
    EndDownloads,
    RemoveTorrent,
    ResetVariant,
    RestoreMonitoring,
    Search,
    Unmonitor,
)
from reconciler.plan.policy import TorrentInstance
from reconciler.ports import Binding, Lease
from reconciler.reasons import Reason
from reconciler.upstreams import Health
from tests.support.bench import Bench, bench_at
from tests.support.log_lines import logged
from tests.support.memory_base import Call
from tests.support.worlds import HEAT, LOST, POLICY, QBITTORRENT, RADARR, RONIN, SEERR, SONARR, hash_of, queue_item


class Desk:
    """An executor over a bench, and deletions with targets to act for."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.home = bench.household
        self.removed: list[tuple[InstanceName, tuple[str, ...]]] = []
        self.is_stopping = False
        self.keeper = LeaseKeeper(bench.store, "me", bench.clock)
        self.executor = Executor(
            bench.store,
            bench.upstreams(),
            Health(bench.clock),
            self.keeper,
            bench.clock,
            on_removed=lambda instance, ids: self.removed.append((instance, tuple(ids))),
            is_stopping=lambda: self.is_stopping,
        )
        self._titles = 0

    async def lease(self) -> Lease:
        lease = await self.keeper.take()
        assert lease is not None
        return lease

    async def target(self, kind: TargetKind, external_id: str, instance: InstanceName) -> tuple[DeletionId, int]:
        """Store a deletion with one bound target, and return their numbers."""
        self._titles += 1
        media = Media(MediaKind.MOVIE, tmdb_id=90_000 + self._titles)
        deletion = await self.bench.ask(media)
        target = Target(kind, instance, external_id, media=media, added="x")
        await self.bench.store.bind(
            await self.lease(),
            Binding(deletion, media, (target,), (), 0, frozenset(), self.bench.clock.now()),
        )
        (stored,) = (await self.bench.state(deletion)).targets
        return deletion, stored.number

    async def run(self, *actions: Action) -> Executed:
        self.home.calls.clear()
        return await self.executor.execute(await self.lease(), actions, self.bench.clock.now(), 0)

    def writes(self, name: str) -> list[tuple[object, ...]]:
        return [c.arguments for c in self.home.writes() if c.name == name]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with bench_at(tmp_path) as bench:
        yield Desk(bench)


async def removal(
    desk: Desk, number: int, *, delete_files: bool = True, client: InstanceName = QBITTORRENT
) -> RemoveTorrent:
    home = next(c for c in desk.home.clients if c.instance == client)
    torrent = home.add(hash_of(number), f"T{number}", save_path="/data/torrents")
    deletion, target = await desk.target(TargetKind.TORRENT, torrent.id, client)
    return RemoveTorrent(deletion, client, target, torrent.id, (torrent,), torrent.name, torrent.size, delete_files)


def sharing(*removals: RemoveTorrent) -> list[RemoveTorrent]:
    """Let the torrents of these removals lie on the same data."""
    payload = tuple(t for a in removals for t in a.payload)
    return [replace(a, payload=payload) for a in removals]


async def grab(desk: Desk, number: int) -> None:
    """Let a torrent be grabbed for another title."""
    entry = desk.home.radarr.add(RONIN, "Ronin")
    await desk.bench.hear(desk.home.radarr.grab(entry.id, hash_of(number)))


async def deletion_of(desk: Desk, title: str, *, alone: bool = False, delete_files: bool = True) -> DeleteEntry:
    media = Media(MediaKind.MOVIE, tmdb_id=len(desk.home.radarr.by_id) + 1)
    entry = desk.home.radarr.add(media, title, monitored=False)
    deletion, target = await desk.target(TargetKind.ENTRY, str(entry.id), RADARR)
    return DeleteEntry(
        deletion,
        RADARR,
        target,
        entry.id,
        entry.media,
        entry.added,
        entry.path,
        delete_files,
        add_exclusion=False,
        alone=alone,
    )


async def destroyed_at(desk: Desk, action: Action) -> object:
    return (await desk.bench.state(action.deletion)).deletion.destroyed_at


# --- torrents ---


async def test_torrents_of_several_deletions_go_in_one_call_per_way_of_removal(desk: Desk) -> None:
    actions = [await removal(desk, 1), await removal(desk, 2), await removal(desk, 3, delete_files=False)]
    assert await desk.run(*actions) == Executed()
    assert desk.writes("remove") == [
        ((hash_of(3),), False),
        ((hash_of(1), hash_of(2)), True),
    ]
    assert desk.removed == [(QBITTORRENT, (hash_of(3),)), (QBITTORRENT, (hash_of(1), hash_of(2)))]


async def test_what_is_sent_is_recorded_before_the_call(desk: Desk) -> None:
    action = await removal(desk, 1)

    def die(call: Call) -> None:
        if call.name == "remove":
            raise KeyboardInterrupt

    desk.home.qbittorrent.before = die
    with pytest.raises(KeyboardInterrupt):
        await desk.run(action)
    state = await desk.bench.state(action.deletion)
    assert state.deletion.destroyed_at == desk.bench.clock.now()
    assert state.targets[0].sent_at == desk.bench.clock.now()


async def test_a_torrent_that_was_added_anew_since_is_not_removed(desk: Desk) -> None:
    action = await removal(desk, 1)
    desk.home.qbittorrent.change(hash_of(1), added_on=99)
    await desk.run(action)
    assert desk.writes("remove") == []
    assert await destroyed_at(desk, action) is None


async def test_a_torrent_that_a_grab_refers_to_since_is_not_removed(desk: Desk) -> None:
    action = await removal(desk, 1)
    await grab(desk, 1)
    assert await desk.run(action) == Executed()
    assert desk.writes("remove") == []


async def test_the_other_torrents_of_a_deletion_stay_too_if_one_of_them_is_wanted(desk: Desk) -> None:
    """They may be its twins elsewhere, which never go ahead of it."""
    first, second = await removal(desk, 1), await removal(desk, 2)
    second = replace(second, deletion=first.deletion)
    await grab(desk, 1)
    await desk.run(first, second)
    assert desk.writes("remove") == []


async def test_a_payload_stays_if_one_of_its_torrents_was_added_anew_since(desk: Desk) -> None:
    """What it downloads now is the data of all of them."""
    first, second, other = await removal(desk, 1), await removal(desk, 2), await removal(desk, 3)
    desk.home.qbittorrent.change(hash_of(1), added_on=99)
    await desk.run(*sharing(first, second), other)
    assert desk.writes("remove") == [((hash_of(3),), True)]
    assert await destroyed_at(desk, second) is None


async def test_a_payload_stays_if_one_of_its_torrents_is_wanted_that_only_another_deletion_removes(desk: Desk) -> None:
    first, second = sharing(await removal(desk, 1), await removal(desk, 2))
    also_first = replace(first, deletion=second.deletion)
    await grab(desk, 2)
    await desk.run(first, also_first, second)
    assert desk.writes("remove") == []


async def test_a_payload_stays_if_one_of_its_torrents_is_wanted_that_went_already(desk: Desk) -> None:
    """It is about to be added again."""
    first, second = sharing(await removal(desk, 1), await removal(desk, 2))
    del desk.home.qbittorrent.by_id[first.torrent]
    await grab(desk, 1)
    await desk.run(second)
    assert desk.writes("remove") == []


async def test_a_payload_goes_on_if_one_of_its_torrents_went_already(desk: Desk) -> None:
    first, second = sharing(await removal(desk, 1), await removal(desk, 2))
    del desk.home.qbittorrent.by_id[first.torrent]
    assert await desk.run(first, second) == Executed()
    assert desk.writes("remove") == [((hash_of(2),), True)]


@pytest.mark.parametrize("wanted", [1, CHUNK + 1])
async def test_a_payload_stays_even_if_only_one_of_several_calls_is_about_what_is_wanted(
    desk: Desk, wanted: int
) -> None:
    first, *others, last = [await removal(desk, n) for n in range(1, CHUNK + 2)]
    first, last = sharing(first, last)
    await grab(desk, wanted)
    await desk.run(first, *others, last)
    assert desk.writes("remove") == [(tuple(sorted(a.torrent for a in others)), True)]
    assert [c.name for c in desk.home.calls] == ["present", "remove", "present"]


async def test_a_torrent_that_keeps_its_data_goes_although_another_of_its_payload_is_wanted(desk: Desk) -> None:
    await removal(desk, 2)
    action = await removal(desk, 1, delete_files=False)
    await grab(desk, 2)
    await desk.run(action)
    assert desk.writes("remove") == [((hash_of(1),), False)]


# --- torrents in two clients that see one disk ---


UPSTAIRS = InstanceName("upstairs")
TWO = replace(POLICY, torrent_clients={QBITTORRENT: TorrentInstance(QBITTORRENT), UPSTAIRS: TorrentInstance(UPSTAIRS)})


@pytest.fixture
async def wide_desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with bench_at(tmp_path, TWO) as bench:
        yield Desk(bench)


async def across(desk: Desk) -> list[RemoveTorrent]:
    return sharing(await removal(desk, 1), await removal(desk, 2, client=UPSTAIRS))


async def test_a_payload_in_two_clients_is_read_in_both_before_any_of_it_goes(wide_desk: Desk) -> None:
    assert await wide_desk.run(*await across(wide_desk)) == Executed()
    assert [(c.instance, c.name) for c in wide_desk.home.calls] == [
        (QBITTORRENT, "present"),
        (UPSTAIRS, "present"),
        (QBITTORRENT, "remove"),
        (QBITTORRENT, "present"),
        (UPSTAIRS, "present"),
        (UPSTAIRS, "remove"),
    ]


@pytest.mark.parametrize("wanted", [1, 2])
async def test_a_payload_stays_in_both_clients_if_it_is_wanted_in_one(wide_desk: Desk, wanted: int) -> None:
    actions = await across(wide_desk)
    await grab(wide_desk, wanted)
    await wide_desk.run(*actions)
    assert wide_desk.writes("remove") == []


@pytest.mark.parametrize("anew", [0, 1])
async def test_a_payload_stays_in_both_clients_if_it_was_added_anew_in_one(wide_desk: Desk, anew: int) -> None:
    actions = await across(wide_desk)
    wide_desk.home.clients[anew].change(hash_of(anew + 1), added_on=99)
    await wide_desk.run(*actions)
    assert wide_desk.writes("remove") == []


async def test_a_client_that_cannot_be_read_keeps_only_the_payloads_that_reach_into_it(wide_desk: Desk) -> None:
    first, second = await across(wide_desk)
    other = await removal(wide_desk, 3)
    wide_desk.home.upstairs.trouble = Unreachable(UPSTAIRS, "gone")
    done = await wide_desk.run(first, other, second)
    assert wide_desk.writes("remove") == [((hash_of(3),), True)]
    assert {(f.deletion, f.reason) for f in done.failures} == {
        (a.deletion, Reason.UNREACHABLE) for a in (first, second)
    }


async def test_a_failed_removal_is_told_of_each_deletion(desk: Desk) -> None:
    actions = [await removal(desk, 1), await removal(desk, 2)]
    desk.home.qbittorrent.lost_answers = Unreachable(QBITTORRENT, "timed out")
    done = await desk.run(*actions)
    assert {(f.deletion, f.reason) for f in done.failures} == {(a.deletion, Reason.UNREACHABLE) for a in actions}


async def test_a_last_look_that_fails_removes_nothing(desk: Desk) -> None:
    action = await removal(desk, 1)
    desk.home.qbittorrent.trouble = Unreachable(QBITTORRENT, "gone")
    (failure,) = (await desk.run(action)).failures
    assert failure.reason is Reason.UNREACHABLE
    assert desk.writes("remove") == []
    assert await destroyed_at(desk, action) is None


# --- titles ---


async def test_titles_go_in_one_bulk_call_and_nested_ones_alone(desk: Desk) -> None:
    actions = [await deletion_of(desk, "A"), await deletion_of(desk, "B"), await deletion_of(desk, "C", alone=True)]
    assert await desk.run(*actions) == Executed()
    assert desk.writes("delete_entries") == [((1, 2), True, False)]
    assert desk.writes("delete_entry") == [(3, True, False)]


async def test_a_title_that_is_not_the_same_any_more_is_not_deleted(desk: Desk) -> None:
    action = await deletion_of(desk, "A")
    for changed in (
        replace(action, added="2030"),
        replace(action, media=RONIN),
        replace(action, path="/data/movies/Elsewhere"),
        replace(action, entry_id=99),
    ):
        assert await desk.run(changed) == Executed()
    assert desk.home.writes() == []
    assert await destroyed_at(desk, action) is None


async def test_many_titles_are_read_again_in_one_call(desk: Desk) -> None:
    actions = [await deletion_of(desk, f"T{n}") for n in range(7)]
    await desk.run(*actions)
    assert [c.name for c in desk.home.calls] == ["entries", "delete_entries"]


async def test_what_a_bulk_call_refused_is_tried_one_by_one(desk: Desk) -> None:
    actions = [await deletion_of(desk, "A"), await deletion_of(desk, "B")]

    def lose(call: Call) -> None:
        if call.name == "delete_entries":
            raise Rejected(RADARR, "one of them is unknown", status=500)

    desk.home.radarr.before = lose
    assert await desk.run(*actions) == Executed()
    assert desk.home.radarr.by_id == {}


async def test_a_bulk_call_without_an_answer_is_not_repeated_singly(desk: Desk) -> None:
    actions = [await deletion_of(desk, "A"), await deletion_of(desk, "B")]
    desk.home.radarr.lost_answers = Unreachable(RADARR, "timed out")
    done = await desk.run(*actions)
    assert len(done.failures) == 2
    assert desk.writes("delete_entry") == []


async def test_one_title_that_is_refused_does_not_stop_the_others(desk: Desk) -> None:
    actions = [await deletion_of(desk, t, alone=True) for t in ("A", "B", "C")]

    def refuse(call: Call) -> None:
        if call.name == "delete_entry" and call.arguments[0] == 2:
            raise Rejected(RADARR, "no")

    desk.home.radarr.before = refuse
    (failure,) = (await desk.run(*actions)).failures
    assert (failure.deletion, failure.reason) == (actions[1].deletion, Reason.REJECTED)
    assert set(desk.home.radarr.by_id) == {2}


# --- files of an old copy ---


async def test_only_files_with_the_bound_id_and_path_are_deleted(desk: Desk) -> None:
    home = desk.home.radarr
    entry = home.add(HEAT, "Heat")
    old = home.import_file(entry.id, hash_of(1), "a.mkv")
    other = home.import_file(entry.id, hash_of(2), "b.mkv")
    deletion, target = await desk.target(TargetKind.ENTRY, str(entry.id), RADARR)
    action = DeleteFiles(
        deletion, RADARR, target, entry.id, HEAT, entry.added, (old.id, other.id), (old.path, other.path)
    )
    fresh = home.import_file(entry.id, hash_of(3), "a.mkv")
    await desk.run(action)
    assert desk.writes("delete_files") == [(entry.id, (other.id,))]
    assert [f.id for f in home.by_id[entry.id].files or ()] == [fresh.id]


async def test_files_of_another_entry_under_the_same_number_are_not_deleted(desk: Desk) -> None:
    entry = desk.home.radarr.add(HEAT, "Heat")
    file = desk.home.radarr.import_file(entry.id, hash_of(1))
    deletion, target = await desk.target(TargetKind.ENTRY, str(entry.id), RADARR)
    for media, added in ((RONIN, entry.added), (HEAT, "2030")):
        await desk.run(DeleteFiles(deletion, RADARR, target, entry.id, media, added, (file.id,), (file.path,)))
    assert desk.home.writes() == []


# --- freezing, thawing, searching ---


async def test_titles_are_frozen_together_and_nothing_counts_as_destroyed(desk: Desk) -> None:
    entries = [desk.home.radarr.add(m, str(m)) for m in (HEAT, RONIN)]
    bound = [await desk.target(TargetKind.ENTRY, str(e.id), RADARR) for e in entries]
    actions = [Unmonitor(d, RADARR, t, e.id) for (d, t), e in zip(bound, entries, strict=True)]
    await desk.run(*actions)
    assert desk.writes("unmonitor") == [((1, 2),)]
    state = await desk.bench.state(actions[0].deletion)
    assert (state.deletion.destroyed_at, state.targets[0].sent_at) == (None, None)


async def test_a_deletion_that_was_cancelled_meanwhile_is_not_frozen_any_more(desk: Desk) -> None:
    entry = desk.home.radarr.add(HEAT, "Heat")
    deletion, target = await desk.target(TargetKind.ENTRY, str(entry.id), RADARR)
    await desk.bench.store.cancel(deletion, "alice")
    assert await desk.run(Unmonitor(deletion, RADARR, target, entry.id)) == Executed()
    assert desk.home.radarr.by_id[entry.id].monitoring.monitored


async def test_a_deletion_that_was_cancelled_meanwhile_destroys_nothing(desk: Desk) -> None:
    actions = [await removal(desk, 1), await removal(desk, 2)]
    await desk.bench.store.cancel(actions[0].deletion, "alice")
    with logged() as log:
        assert await desk.run(*actions) == Executed()
    assert [line["deletion_ids"] for line in log.of("not sent")] == [sorted(a.deletion for a in actions)]
    assert desk.writes("remove") == []
    title = await deletion_of(desk, "A", alone=True)
    await desk.bench.store.cancel(title.deletion, "alice")
    other = await deletion_of(desk, "B", alone=True)
    with logged() as log:
        await desk.run(title)
    assert [line["deletion_id"] for line in log.of("not sent")] == [title.deletion]
    await desk.run(other)
    assert desk.writes("delete_entry") == [(2, True, False)]


async def test_monitoring_is_given_back_to_the_same_entry_only(desk: Desk) -> None:
    entry = desk.home.radarr.add(HEAT, "Heat", monitored=False)
    deletion, target = await desk.target(TargetKind.ENTRY, str(entry.id), RADARR)
    action = RestoreMonitoring(deletion, RADARR, target, entry.id, HEAT, entry.added, Monitoring(True))
    await desk.run(replace(action, added="2030"))
    assert desk.home.writes() == []
    await desk.run(action)
    assert desk.home.radarr.by_id[entry.id].monitoring.monitored


async def test_downloads_of_several_titles_are_ended_in_one_call(desk: Desk) -> None:
    desk.home.radarr.queued = [queue_item(n, 1, "nzo") for n in (5, 6, 7)]
    one, two = [await desk.target(TargetKind.ENTRY, str(n), RADARR) for n in (1, 2)]
    await desk.run(
        EndDownloads(one[0], RADARR, one[1], (5,), ("a",)), EndDownloads(two[0], RADARR, two[1], (6,), ("b",))
    )
    assert desk.writes("end_downloads") == [((5, 6),)]
    assert [i.id for i in desk.home.radarr.queued] == [7]


async def test_a_search_counts_only_once_it_was_accepted(desk: Desk) -> None:
    entry = desk.home.radarr.add(HEAT, "Heat")
    deletion, target = await desk.target(TargetKind.ENTRY, str(entry.id), RADARR)
    action = Search(deletion, RADARR, target, entry.id)
    desk.home.radarr.trouble = Unreachable(RADARR, "gone")
    failed = await desk.run(action)
    assert (failed.searched, len(failed.failures)) == (frozenset(), 1)
    desk.home.radarr.trouble = None
    assert await desk.run(action) == Executed(searched=frozenset({(deletion, Unit(RADARR))}))


async def test_of_two_searches_only_the_accepted_one_counts(desk: Desk) -> None:
    entry = desk.home.sonarr.add(LOST, "Lost", seasons=(1, 2))
    deletion, target = await desk.target(TargetKind.ENTRY, str(entry.id), SONARR)

    def fail(call: Call) -> None:
        if call.name == "search" and len(desk.home.sonarr.searched_seasons) == 1:
            raise Unreachable(SONARR, "timed out")

    desk.home.sonarr.before = fail
    done = await desk.run(*(Search(deletion, SONARR, target, entry.id, season) for season in (1, 2)))
    assert (done.searched, len(done.failures)) == (frozenset({(deletion, Unit(SONARR, 1))}), 1)


# --- requests ---


async def record_of(desk: Desk, *request_ids: int) -> DeleteRecord:
    row = next(iter(desk.home.jellyseerr.rows.values()))
    deletion, target = await desk.target(TargetKind.RECORD, str(row.id), SEERR)
    ids = frozenset(request_ids)
    return DeleteRecord(deletion, SEERR, target, row.id, row.media, row.created_at, ids, live_ids=ids)


async def test_a_record_goes_with_the_requests_it_may_take(desk: Desk) -> None:
    request = desk.home.jellyseerr.ask_for(HEAT)
    await desk.run(await record_of(desk, request.id))
    assert desk.home.jellyseerr.rows == {}
    assert desk.home.jellyseerr.asked == {}


@pytest.mark.parametrize("status", [RequestStatus.PENDING, RequestStatus.APPROVED])
async def test_a_record_with_a_request_that_came_since_stays(desk: Desk, status: RequestStatus) -> None:
    request = desk.home.jellyseerr.ask_for(HEAT)
    action = await record_of(desk, request.id)
    desk.home.jellyseerr.ask_for(HEAT, "carol", status=status)
    await desk.run(action)
    assert desk.home.writes() == []
    assert await destroyed_at(desk, action) is None


async def test_a_request_that_became_live_since_it_was_planned_keeps_itself_and_its_record(desk: Desk) -> None:
    request = desk.home.jellyseerr.ask_for(HEAT)
    action = replace(await record_of(desk, request.id), live_ids=frozenset())
    deletion, target = await desk.target(TargetKind.REQUEST, str(request.id), SEERR)
    await desk.run(action, DeleteRequest(deletion, SEERR, target, request.id, request.created_at))
    assert desk.home.writes() == []


async def test_a_title_that_somebody_monitors_again_is_not_deleted(desk: Desk) -> None:
    deletion, target = await desk.target(TargetKind.ENTRY, "1", RADARR)
    entry = desk.home.radarr.add(HEAT, "Heat")
    action = DeleteEntry(
        deletion, RADARR, target, entry.id, HEAT, entry.added, entry.path, delete_files=True, add_exclusion=False
    )
    await desk.run(action)
    assert desk.home.writes() == []
    desk.home.radarr.by_id[entry.id] = replace(entry, monitoring=Monitoring(False))
    await desk.run(action)
    assert desk.home.radarr.by_id == {}


async def test_an_empty_series_of_which_a_season_is_wanted_or_arrived_meanwhile_is_not_deleted(desk: Desk) -> None:
    deletion, target = await desk.target(TargetKind.ENTRY, "1", SONARR)
    entry = desk.home.sonarr.add(LOST, "Lost")
    action = DeleteEntry(
        deletion, SONARR, target, entry.id, LOST, entry.added, entry.path, True, add_exclusion=False, emptied=True
    )
    empty = replace(entry, file_count=0, monitoring=Monitoring(True, ((1, False), (2, False))))
    for changed in (
        replace(empty, file_count=1),
        replace(empty, monitoring=Monitoring(False, ((1, False), (2, True)))),
    ):
        desk.home.sonarr.by_id[entry.id] = changed
        await desk.run(action)
        assert desk.home.writes() == []
    desk.home.sonarr.by_id[entry.id] = empty
    await desk.run(action)
    assert desk.home.sonarr.by_id == {}


async def test_a_record_or_request_made_anew_under_the_same_number_stays(desk: Desk) -> None:
    request = desk.home.jellyseerr.ask_for(HEAT)
    action = await record_of(desk, request.id)
    deletion, target = await desk.target(TargetKind.REQUEST, str(request.id), SEERR)
    await desk.run(
        replace(action, created_at="2030"),
        replace(action, media=RONIN),
        DeleteRequest(deletion, SEERR, target, request.id, "2030"),
        DeleteRequest(deletion, SEERR, target, 99, request.created_at),
        ResetVariant(action.deletion, SEERR, action.target, action.record_id, HEAT, "2030", is_4k=False),
    )
    assert desk.home.writes() == []


async def test_a_request_goes_alone_and_a_variant_is_reset(desk: Desk) -> None:
    request = desk.home.jellyseerr.ask_for(HEAT)
    desk.home.jellyseerr.scan(HEAT, MediaStatus.AVAILABLE)
    action = await record_of(desk, request.id)
    deletion, target = await desk.target(TargetKind.REQUEST, str(request.id), SEERR)
    await desk.run(
        DeleteRequest(deletion, SEERR, target, request.id, request.created_at, frozenset({request.id})),
        ResetVariant(action.deletion, SEERR, action.target, action.record_id, HEAT, action.created_at, is_4k=False),
    )
    assert desk.home.jellyseerr.asked == {}
    assert [r.status for r in desk.home.jellyseerr.rows.values()] == [MediaStatus.UNKNOWN]


# --- stopping, growing old, losing the lease ---


async def test_stopping_finishes_the_call_at_hand_and_makes_no_other(desk: Desk) -> None:
    actions = [await deletion_of(desk, t, alone=True) for t in ("A", "B", "C")]

    def stop(call: Call) -> None:
        if call.name == "delete_entry":
            desk.is_stopping = True

    desk.home.radarr.before = stop
    await desk.run(*actions)
    assert desk.writes("delete_entry") == [(1, True, False)]


async def test_an_observation_is_acted_on_only_for_a_while(desk: Desk) -> None:
    """Slow deletes can take minutes each, and meanwhile somebody may want a title back."""
    actions: Sequence[Action] = [await deletion_of(desk, t, alone=True) for t in ("A", "B", "C")]

    def slow(call: Call) -> None:
        if call.name == "delete_entry":
            desk.bench.clock.advance(KEEPS_FOR / 2)

    desk.home.radarr.before = slow
    assert await desk.run(*actions) == Executed()
    assert desk.writes("delete_entry") == [(1, True, False), (2, True, False)]


async def test_no_destructive_call_is_made_after_the_lease_was_lost(desk: Desk) -> None:
    action = await removal(desk, 1)
    lease = await desk.lease()
    desk.bench.clock.advance(LEASE)
    other = await desk.bench.store.acquire_lease("somebody else", timedelta(minutes=5))
    assert other is not None
    with pytest.raises(LeaseLost):
        await desk.executor.execute(lease, [action], desk.bench.clock.now(), 0)
    assert desk.home.writes() == []


async def test_the_lease_keeper_knows_whether_it_holds_the_lease(desk: Desk) -> None:
    held = [desk.keeper.is_held]
    await desk.lease()
    held.append(desk.keeper.is_held)
    desk.bench.clock.advance(LEASE)
    held.append(desk.keeper.is_held)
    await desk.lease()
    await desk.keeper.release()
    held.append(desk.keeper.is_held)
    assert held == [False, True, True, False]  # nobody else can have it in an SQLite file, however old it is
    other = await desk.bench.store.acquire_lease("somebody else", LEASE)
    assert other is not None
