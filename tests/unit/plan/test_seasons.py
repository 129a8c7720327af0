"""Seasons: what is covered goes, the series and everything else in it stays."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from reconciler.model import ConditionType, DeletionState, DownloadProtocol, Options, TargetKind, Unit
from reconciler.observed import EntryFile, MediaRequest, QueueItem, Record, RequestStatus, Seen, Torrent
from reconciler.plan import Plan, plan_deletion
from reconciler.plan.actions import (
    Action,
    Blocklist,
    DeleteEntry,
    DeleteFiles,
    DeleteRequest,
    EndDownloads,
    RemoveTorrent,
    RestoreMonitoring,
    Unmonitor,
    UnmonitorSeasons,
)
from reconciler.plan.foresee import foresee
from reconciler.plan.policy import Policy, SeedingPolicy, SeedingRule
from reconciler.plan.world import World
from reconciler.reasons import Reason
from tests.support.clocks import START
from tests.support.worlds import (
    LOST,
    POLICY,
    SONARR,
    board_of,
    bound,
    changed,
    condition,
    deletion,
    destroyed,
    entry,
    episode,
    hash_of,
    library,
    listing,
    queue_item,
    reason,
    record,
    reference,
    request,
    sent,
    targets,
    torrent,
    torrent_id,
    world,
)

TORRENTS, ENTRY, FILES, REQUEST = (
    ConditionType.TORRENTS_ABSENT,
    ConditionType.ENTRY_ABSENT,
    ConditionType.FILES_ABSENT,
    ConditionType.REQUEST_CLEARED,
)
EMPTYING = Options(remove_empty_series=True)
THREE = {1: True, 2: True, 3: True}
ALL = (episode(1, 0), episode(1, 1), episode(2, 1), episode(1, 2), episode(1, 3))


def home(
    files: Iterable[EntryFile] = ALL,
    seasons: Mapping[int, bool] | None = None,
    *,
    monitored: bool = True,
    queue: Iterable[QueueItem] = (),
    rows: Iterable[Record | MediaRequest] = (),
    **more: Any,
) -> World:
    """A world with one series, number 5."""
    files = tuple(files)
    series = entry(5, LOST, seasons=THREE if seasons is None else seasons, file_count=len(files), monitored=monitored)
    sonarr = library(series, entry_files={5: files}, queue=queue, app="Sonarr")
    return world(sonarr=sonarr, board=board_of(*rows), **more)


def season_of(*seasons: int, options: Options | None = None) -> DeletionState:
    return deletion(LOST, seasons=seasons, options=options)


def look(state: DeletionState, seen: World, policy: Policy = POLICY) -> Plan:
    return plan_deletion(state, seen, policy)


def foreseen(state: DeletionState, seen: World) -> tuple[Action, ...]:
    return foresee(state, seen, POLICY).actions


def kinds(actions: Iterable[Action]) -> list[type[Action]]:
    return [type(action) for action in actions]


# --- what goes ---


def test_a_season_is_unmonitored_first_and_then_loses_its_files_and_nothing_else() -> None:
    actions = foreseen(season_of(1), home())
    assert kinds(actions) == [UnmonitorSeasons, DeleteFiles]
    stop, delete = actions
    assert isinstance(stop, UnmonitorSeasons)
    assert isinstance(delete, DeleteFiles)
    assert stop.seasons == (1,)
    assert delete.file_ids == (101, 102)
    assert delete.size == 2000


@pytest.mark.parametrize("season", [0, 2019])
def test_specials_and_seasons_numbered_by_years_are_seasons_like_others(season: int) -> None:
    seen = home([episode(1, 1), episode(1, season)], {season: True, 1: True})
    (stop, delete) = foreseen(season_of(season), seen)
    assert isinstance(stop, UnmonitorSeasons)
    assert isinstance(delete, DeleteFiles)
    assert stop.seasons == (season,)
    assert delete.file_ids == (season * 100 + 1,)


def test_several_seasons_of_one_deletion_share_their_steps() -> None:
    stop, delete = foreseen(season_of(1, 3), home())
    assert isinstance(stop, UnmonitorSeasons)
    assert isinstance(delete, DeleteFiles)
    assert stop.seasons == (1, 3)
    assert delete.file_ids == (101, 102, 301)


def test_only_what_is_monitored_is_unmonitored() -> None:
    assert kinds(foreseen(season_of(1), home(seasons={1: False, 2: True}))) == [DeleteFiles]


def test_a_season_without_anything_is_absent_already() -> None:
    state, seen = bound(season_of(2), home([episode(1, 1)], {1: True, 2: False}))
    plan = look(state, seen)
    assert plan.actions == ()
    assert reason(plan, ENTRY) is Reason.ALREADY_ABSENT
    assert reason(plan, FILES) is Reason.ALREADY_ABSENT


def test_files_that_are_kept_are_not_deleted_but_their_season_is_unmonitored() -> None:
    options = Options(delete_files=False)
    seen = home(torrents=[torrent(1)], references=[reference(1, 1, 5, LOST, season=1)])
    stop, remove = foreseen(season_of(1, options=options), seen)
    assert isinstance(stop, UnmonitorSeasons)
    assert isinstance(remove, RemoveTorrent)
    assert remove.delete_files is False


def test_the_files_are_read_before_anything_is_concluded_about_them() -> None:
    state, seen = bound(season_of(1), home())
    unread = replace(home(), libraries={**seen.libraries, **world(sonarr=library(entry(5, LOST))).libraries})
    plan = look(state, unread)
    assert plan.actions == ()
    assert reason(plan, ENTRY) is Reason.NOT_LOOKED_YET


def test_a_file_that_took_the_place_of_a_bound_one_is_another_file() -> None:
    state, seen = bound(season_of(1), home([episode(1, 1)], {1: False}))
    bound_file = targets(state, TargetKind.FILE)[0]
    newer = replace(episode(1, 1), id=999)
    plan = look(state, replace(seen, libraries=home([newer], {1: False}).libraries))
    assert plan.actions == ()
    assert bound_file.number in plan.absent


def test_the_deleted_files_are_looked_for_on_the_disk() -> None:
    state, seen = bound(season_of(1), home([episode(1, 1)], {1: False}))
    state = sent(state, TargetKind.FILE)
    folder = "/data/tv/Title 5/Season 1/"
    for there, wanted in ((["E01.mkv", "E09.mkv"], Reason.REMOVING), (["E09.mkv"], Reason.ABSENT)):
        sonarr = library(
            entry(5, LOST, seasons={1: False}, file_count=0),
            entry_files={5: ()},
            listings={folder: listing(files=there)},
            app="Sonarr",
        )
        plan = look(state, replace(seen, libraries={**seen.libraries, **world(sonarr=sonarr).libraries}))
        assert reason(plan, FILES) is wanted


# --- references ---


def test_a_reference_of_another_season_or_of_none_is_never_released() -> None:
    rows = [
        reference(1, 1, 5, LOST, season=1, episode=1),
        reference(2, 2, 5, LOST, season=2),
        reference(3, 3, 5, LOST, season=None),
    ]
    plan = look(season_of(1), home(references=rows, torrents=[torrent(1), torrent(2), torrent(3)]))
    assert plan.bind is not None
    assert plan.bind.released == (1,)
    assert [t.external_id for t in plan.bind.targets if t.kind is TargetKind.TORRENT] == [hash_of(1)]


def test_a_torrent_that_also_has_a_row_of_no_known_season_stays() -> None:
    rows = [reference(1, 1, 5, LOST, season=1), reference(2, 1, 5, LOST, season=None)]
    state, seen = bound(season_of(1), home(references=rows, torrents=[torrent(1)]))
    assert reason(look(state, seen), TORRENTS) is Reason.SHARED_WITH_WANTED


def test_the_rows_of_all_episodes_of_a_season_release_its_torrent() -> None:
    rows = [reference(n, 1, 5, LOST, season=1, episode=n) for n in (1, 2, 3)]
    actions = foreseen(season_of(1), home(references=rows, torrents=[torrent(1)]))
    assert kinds(actions) == [UnmonitorSeasons, RemoveTorrent, DeleteFiles]


def test_a_pack_goes_with_the_last_of_its_seasons_whatever_the_order() -> None:
    rows = [reference(n, 1, 5, LOST, season=n) for n in (1, 2, 3)]
    rows += [reference(10 + n, 10 + n, 5, LOST, season=n) for n in (1, 2, 3)]
    seen = home(references=rows, torrents=[torrent(1), torrent(11), torrent(12), torrent(13)])
    for number, (season, goes) in enumerate([(1, {11}), (3, {13}), (2, {1, 12})], start=1):
        state, seen = bound(deletion(LOST, number=number, seasons=[season]), seen)
        seen = replace(seen, libraries=home(seasons=dict.fromkeys(THREE, False)).libraries)
        plan = look(state, seen)
        removed = {a.torrent for a in plan.actions if isinstance(a, RemoveTorrent)}
        assert removed == {torrent_id(n) for n in goes}
        if season != 2:
            gone = world(torrents=[t for t in _torrents(seen) if t.id not in removed]).torrents
            seen = replace(seen, torrents=gone)
            after = look(state, seen)
            assert reason(after, TORRENTS) is Reason.SHARED_WITH_WANTED
            assert "season 2" in condition(after, TORRENTS).message


def _torrents(seen: World) -> tuple[Torrent, ...]:
    assert isinstance(seen.torrents, Seen)
    return tuple(seen.torrents.data.by_key.values())


# --- downloads ---


def test_a_download_of_the_season_is_ended_and_a_pack_that_others_need_is_not() -> None:
    usenet = partial(queue_item, client="sabnzbd", protocol=DownloadProtocol.USENET)
    queue = [
        usenet(1, 5, "one", season=1),
        usenet(2, 5, "pack", season=1),
        usenet(3, 5, "pack", season=2),
        usenet(4, 5, "unknown"),
    ]
    state, seen = bound(season_of(1), home(queue=queue))
    ended = [a for a in look(state, seen).actions if isinstance(a, EndDownloads)]
    assert [a.queue_ids for a in ended] == [(1,)]


def test_a_torrent_that_is_being_fetched_for_several_seasons_stays() -> None:
    queue = [queue_item(n, 5, hash_of(1).upper(), season=n) for n in (1, 2)]
    state, seen = bound(season_of(1), home(queue=queue, torrents=[torrent(1)]))
    assert reason(look(state, seen), TORRENTS) is Reason.SHARED_WITH_WANTED


# --- blocklist ---


def blocklisted(*rows: object) -> tuple[int, ...]:
    seen = home(seasons={1: False, 2: True}, references=rows)
    state, seen = bound(season_of(1, options=Options(blocklist=True)), seen)
    return tuple(n for a in look(state, seen).actions if isinstance(a, Blocklist) for n in a.history_ids)


def test_releases_are_blocklisted_once_each_after_unmonitoring() -> None:
    rows = [reference(n, 1, 5, LOST, season=1, episode=n) for n in (1, 2)]
    state, seen = bound(season_of(1, options=Options(blocklist=True)), home(references=rows))
    assert kinds(look(state, seen).actions) == [UnmonitorSeasons]
    assert blocklisted(*rows) == (5001,)


def test_a_release_that_another_season_came_from_is_not_blocklisted() -> None:
    assert blocklisted(reference(1, 1, 5, LOST, season=1), reference(2, 1, 5, LOST, season=2)) == ()


def test_a_usenet_release_that_another_season_came_from_is_not_blocklisted() -> None:
    usenet = DownloadProtocol.USENET
    rows = [reference(n, None, 5, LOST, season=n, protocol=usenet, raw_hash="SABnzbd_nzo_1") for n in (1, 2)]
    assert blocklisted(*rows) == ()
    assert blocklisted(rows[0]) == (5001,)


def test_releases_are_blocklisted_only_once() -> None:
    rows = [reference(1, 1, 5, LOST, season=1)]
    seen = home(seasons={1: False, 2: True}, references=rows)
    state, seen = bound(season_of(1, options=Options(blocklist=True)), seen)
    assert not any(isinstance(a, Blocklist) for a in look(changed(state, blocklisted_at=START), seen).actions)


# --- the series ---


def test_a_series_that_is_empty_stays_unless_it_is_to_be_removed() -> None:
    only = home([episode(1, 1)], {1: True})
    assert not any(isinstance(a, DeleteEntry) for a in foreseen(season_of(1), only))
    actions = foreseen(season_of(1, options=EMPTYING), only)
    assert kinds(actions) == [UnmonitorSeasons, DeleteFiles, DeleteEntry]


def test_an_empty_series_waits_for_a_torrent_in_its_folder_that_must_be_seeded_on() -> None:
    seeding = replace(POLICY, seeding=SeedingPolicy(rules=(SeedingRule(min_ratio=2.0),)))
    owes = torrent(1, "Lost.S01", save_path="/data/tv/Title 5/downloads")
    there = home([], {1: False}, torrents=[owes], references=[reference(1, 1, 5, LOST, season=1)])
    state, seen = bound(season_of(1, options=EMPTYING), there, seeding)
    plan = look(state, seen, seeding)
    assert plan.actions == ()
    assert reason(plan, ENTRY) is Reason.AFTER_TORRENTS
    assert kinds(look(state, seen).actions) == [RemoveTorrent]


@pytest.mark.parametrize(
    "seen",
    [
        home([episode(1, 1), episode(1, 0)], {0: False, 1: True}),
        home([episode(1, 1)], {1: True, 2: True}),
        home([episode(1, 1)], {1: True}, rows=[record(4, LOST), request(5, 4, LOST, seasons=[2])]),
        home([episode(1, 1)], {1: True}, rows=[record(4, LOST), request(5, 4, LOST, seasons=[1, 2])]),
        home(
            [episode(1, 1)],
            {1: True},
            rows=[record(4, LOST), request(5, 4, LOST, seasons=[2], status=RequestStatus.PENDING)],
        ),
        home([episode(1, 1)], {1: True, 2: False}, queue=[queue_item(1, 5, "x", season=2)]),
    ],
    ids=["files", "monitored", "requested", "requested together", "asked for", "being fetched"],
)
def test_a_series_of_which_anything_is_left_or_wanted_stays(seen: World) -> None:
    assert not any(isinstance(a, DeleteEntry) for a in foreseen(season_of(1, options=EMPTYING), seen))


def test_a_series_stays_while_one_of_its_covered_seasons_is_wanted_again() -> None:
    """The monitoring of that season may not be given back yet, so that the series looks empty."""
    state, seen = bound(season_of(1, 2, options=EMPTYING), home([episode(1, 1), episode(1, 2)], {1: True, 2: True}))
    state = changed(destroyed(state), finishing=frozenset({Unit(SONARR, 1)}))
    empty = replace(seen, libraries=home([], {1: False, 2: False}, monitored=False).libraries)
    actions = look(state, empty).actions
    assert not any(isinstance(a, DeleteEntry | Unmonitor) for a in actions)
    assert kinds(actions) == [RestoreMonitoring]


def test_a_season_wanted_again_gives_the_series_its_monitoring_back_too() -> None:
    state, seen = bound(season_of(1, options=EMPTYING), home([episode(1, 1)], {1: True}))
    state = changed(destroyed(state), finishing=frozenset({Unit(SONARR, 1)}))
    (restore,) = look(state, replace(seen, libraries=home([], {1: False}, monitored=False).libraries)).actions
    assert isinstance(restore, RestoreMonitoring)
    assert restore.prior.monitored
    assert restore.prior.seasons == ((1, True),)


def test_a_season_of_a_series_that_is_gone_is_absent_already() -> None:
    state, seen = bound(season_of(1), world(sonarr=library(app="Sonarr")))
    plan = look(state, seen)
    assert reason(plan, ENTRY) is Reason.ALREADY_ABSENT


def test_a_season_of_a_series_that_was_gone_before_leaves_the_record_of_the_others() -> None:
    rows = (record(3, LOST), request(30, 3, LOST, seasons=[1]))
    state, seen = bound(season_of(1), world(sonarr=library(app="Sonarr"), board=board_of(*rows)))
    assert [type(a) for a in foresee(state, seen, POLICY).actions] == [DeleteRequest]
    state, seen = bound(season_of(1), world(sonarr=library(app="Sonarr"), board=board_of(record(3, LOST))))
    assert look(state, seen).actions == ()
    assert reason(look(state, seen), REQUEST) is Reason.PARTLY_COVERED


def test_a_series_that_was_added_again_is_never_touched() -> None:
    state, seen = bound(season_of(1), home())
    again = replace(entry(9, LOST, seasons=THREE), added="later")
    sonarr = library(again, entry_files={9: ALL}, app="Sonarr")
    plan = look(state, replace(seen, libraries={**seen.libraries, **world(sonarr=sonarr).libraries}))
    assert plan.actions == ()
    assert reason(plan, ENTRY) is Reason.REAPPEARED


# --- what holds ---


def test_a_file_that_a_pack_seeds_in_place_is_held() -> None:
    pack = torrent(1, save_path="/data/tv/Title 5", content_path="/data/tv/Title 5/Season 1")
    rows = [reference(n, 1, 5, LOST, season=n) for n in (1, 2)]
    seen = home(references=rows, torrents=[pack], seasons={1: False, 2: True})
    state, seen = bound(season_of(1), seen)
    assert reason(look(state, seen), ENTRY) is Reason.SEEDS_IN_PLACE


# --- wanted again ---


def wanted(state: DeletionState, seen: World, *seasons: int) -> Plan:
    rows = board_of(record(4, LOST), request(6, 4, LOST, seasons=seasons))
    return look(state, replace(seen, board=world(board=rows).board))


def test_a_want_for_one_season_takes_only_that_one_out() -> None:
    state, seen = bound(season_of(1, 2), home())
    assert wanted(state, seen, 1).withdrawn == frozenset({Unit(SONARR, 1)})
    assert wanted(state, seen, 3).withdrawn == frozenset()


def test_a_season_of_which_a_file_went_is_only_finished() -> None:
    state, seen = bound(season_of(1, 2), home())
    files = tuple(replace(t, sent_at=START) if t.season == 1 else t for t in state.targets)
    state = destroyed(replace(state, targets=files))
    plan = wanted(state, seen, 1, 2)
    assert plan.finishing == frozenset({Unit(SONARR, 1)})
    assert plan.withdrawn == frozenset({Unit(SONARR, 2)})


def test_the_record_of_a_series_that_stays_is_kept_and_a_covered_request_goes() -> None:
    rows = (record(4, LOST), request(5, 4, LOST, seasons=[1]), request(6, 4, LOST, seasons=[1, 2]))
    state, seen = bound(season_of(1), home([], {1: False}, rows=rows))
    assert [t.external_id for t in targets(state, TargetKind.REQUEST)] == ["5"]
    late = replace(seen, board=world(board=board_of(rows[0], rows[2])).board, now=START + timedelta(hours=1))
    assert reason(look(state, late), REQUEST) is Reason.PARTLY_COVERED
