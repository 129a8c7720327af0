"""The titles in Radarr and Sonarr: deleted only as bound, and never over a neighbour or a torrent that stays."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from reconciler.model import (
    ConditionType,
    DeletionState,
    DownloadProtocol,
    Hints,
    InstanceName,
    Options,
    Source,
    Status,
    TargetKind,
)
from reconciler.observed import Entry, Library, MediaStatus, PathMapping, RequestStatus, RootFolder, Torrent
from reconciler.plan import Plan, Policy, plan_deletion
from reconciler.plan.actions import DeleteEntry, EndDownloads, Unmonitor
from reconciler.plan.world import World
from reconciler.reasons import Reason
from tests.support.clocks import START
from tests.support.worlds import (
    HEAT,
    LOST,
    POLICY,
    RADARR,
    RADARR_4K,
    RONIN,
    SONARR,
    UNREACHABLE,
    WITH_4K,
    board_of,
    bound,
    changed,
    condition,
    deletion,
    entry,
    files_of,
    hash_of,
    library,
    library_row,
    queue_item,
    reason,
    record,
    reference,
    request,
    sent,
    torrent,
    world,
)

ENTRY = ConditionType.ENTRY_ABSENT


def look(state: DeletionState, seen: World, policy: Policy = POLICY) -> Plan:
    return plan_deletion(state, seen, policy)


def in_radarr(seen: World, found: Library) -> World:
    return replace(seen, libraries={**seen.libraries, **world(radarr=found).libraries, SONARR: seen.libraries[SONARR]})


def case(
    *others: Entry,
    mine: Entry | None = None,
    torrents: Iterable[Torrent] = (),
    options: Options | None = None,
    mappings: Iterable[PathMapping] = (),
) -> tuple[DeletionState, World]:
    """A bound and frozen deletion of HEAT as entry 7, whose torrents are gone."""
    own = mine or entry(7, monitored=False)
    return bound(deletion(options=options), world(torrents=torrents, radarr=library(own, *others, mappings=mappings)))


def deleted(plan: Plan) -> set[tuple[InstanceName, int]]:
    return {(a.instance, a.entry_id) for a in plan.actions if isinstance(a, DeleteEntry)}


# --- deleting ---


def test_the_bound_title_is_deleted_with_the_identity_it_was_bound_with() -> None:
    state, seen = case(entry(8, RONIN))
    (action,) = look(state, seen).actions
    assert isinstance(action, DeleteEntry)
    assert (action.entry_id, action.media, action.added, action.path) == (
        7,
        HEAT,
        entry(7).added,
        "/data/movies/Title 7",
    )
    assert (action.delete_files, action.add_exclusion, action.alone) == (True, False, False)


def test_options_reach_the_delete() -> None:
    state, seen = case(options=Options(delete_files=False, add_exclusion=True))
    (action,) = look(state, seen).actions
    assert isinstance(action, DeleteEntry)
    assert (action.delete_files, action.add_exclusion) == (False, True)


@pytest.mark.parametrize(
    "impostor", [entry(7, monitored=False, added="2030"), entry(7, RONIN, monitored=False)], ids=["added", "title"]
)
def test_an_entry_that_is_not_the_bound_one_any_more_is_never_deleted(impostor: Entry) -> None:
    state, seen = case()
    plan = look(state, in_radarr(seen, library(impostor)))
    assert deleted(plan) == set()


def test_a_new_entry_of_the_title_is_held_as_reappeared() -> None:
    state, seen = case()
    plan = look(sent(state), in_radarr(seen, library(entry(12))))
    assert reason(plan, ENTRY) is Reason.REAPPEARED
    assert plan.actions == ()


def test_a_title_is_absent_once_the_complete_list_lacks_it() -> None:
    state, seen = case()
    assert reason(look(state, in_radarr(seen, library())), ENTRY) is Reason.ALREADY_ABSENT
    asked = sent(state)
    gone = condition(look(asked, in_radarr(seen, library())), ENTRY)
    assert (gone.status, gone.reason) == (Status.TRUE, Reason.ABSENT)
    dark = condition(look(asked, replace(seen, libraries={**seen.libraries, RADARR: UNREACHABLE})), ENTRY)
    assert (dark.status, dark.reason) == (Status.UNKNOWN, Reason.UNREACHABLE)


def test_a_delete_is_asked_again_only_after_a_while() -> None:
    state, seen = case()
    state = sent(state, TargetKind.ENTRY)
    plan = look(state, seen)
    assert plan.actions == ()
    assert reason(plan, ENTRY) is Reason.REMOVING
    assert deleted(look(state, replace(seen, now=START + POLICY.resend_after))) == {(RADARR, 7)}


def test_a_library_that_is_not_configured_any_more_is_unknown_and_waits() -> None:
    state, seen = case()
    rest = {k: v for k, v in seen.libraries.items() if k != RADARR}
    plan = look(state, replace(seen, libraries=rest))
    assert reason(plan, ENTRY) is Reason.UNREACHABLE
    assert plan.actions == ()


def test_a_deletion_for_one_instance_leaves_the_same_title_in_another_alone() -> None:
    four = entry(3, path="/data/movies-4k/Title 3")
    state, seen = bound(
        deletion(),
        world(radarr=library(entry(7, monitored=False)), libraries={RADARR_4K: library(four)}),
        WITH_4K,
    )
    assert deleted(look(state, seen, WITH_4K)) == {(RADARR, 7)}


def test_ids_that_began_to_contradict_are_held() -> None:
    state, seen = bound(deletion(LOST), world(sonarr=library(entry(7, LOST, monitored=False))))
    changed_ids = replace(LOST, tvdb_id=1)
    after = replace(seen, libraries={**seen.libraries, **world(sonarr=library(entry(7, changed_ids))).libraries})
    plan = look(state, after)
    assert reason(plan, ENTRY) is Reason.IDENTITY_CONFLICT
    assert plan.actions == ()


# --- what forbids it ---


def test_a_protected_label_holds_until_a_person_approves() -> None:
    state, seen = case(mine=entry(7, tags=["keep"], monitored=False))
    plan = look(state, seen)
    assert reason(plan, ENTRY) is Reason.PROTECTED
    assert plan.actions == ()
    assert deleted(look(changed(state, approved=frozenset({Reason.PROTECTED})), seen)) == {(RADARR, 7)}


def test_a_protected_title_keeps_its_torrents_too() -> None:
    state, seen = bound(
        deletion(),
        world(torrents=[torrent(1)], radarr=library(entry(7, tags=["keep"])), references=[reference(1, 1, 7)]),
    )
    assert look(state, seen).actions == ()


def test_an_inferred_deletion_of_something_with_files_is_held_until_a_person_approves() -> None:
    declined = deletion(source=Source.JELLYSEERR, inferred=True, hints=Hints(request_id=5))
    rows = (record(4, status=MediaStatus.UNKNOWN), request(5, 4, status=RequestStatus.DECLINED))
    state, seen = bound(declined, world(radarr=library(entry(7, monitored=False)), board=board_of(*rows)))
    plan = look(state, seen)
    assert reason(plan, ENTRY) is Reason.INFERRED_DELETE
    assert plan.actions == ()
    assert deleted(look(changed(state, approved=frozenset({Reason.INFERRED_DELETE})), seen)) == {(RADARR, 7)}


@pytest.mark.parametrize(
    "other", ["/data/movies/Title 7", "/data/movies/Title 7/Sequel", "/data/movies", "/data/movies/Title 7/"]
)
def test_a_folder_shared_or_nested_with_another_title_is_held(other: str) -> None:
    state, seen = case(entry(8, RONIN, path=other, title="Ronin"))
    plan = look(state, seen)
    assert reason(plan, ENTRY) is Reason.SHARED_FOLDER
    assert "Ronin" in condition(plan, ENTRY).message
    assert plan.actions == ()


def test_a_folder_shared_with_a_title_of_another_library_is_held() -> None:
    state, seen = case(mine=entry(7, path="/data/media/Title", monitored=False))
    other = replace(
        seen, libraries={**seen.libraries, **world(sonarr=library(entry(8, LOST, path="/data/media/Title"))).libraries}
    )
    other = replace(other, libraries={**other.libraries, RADARR: seen.libraries[RADARR]})
    assert reason(look(state, other), ENTRY) is Reason.SHARED_FOLDER


def test_a_folder_of_a_library_that_cannot_be_asked_is_respected() -> None:
    state, seen = case(mine=entry(7, path="/data/media/Title", monitored=False))
    down = replace(
        seen,
        libraries={**seen.libraries, SONARR: UNREACHABLE},
        unseen_titles=(library_row(8, LOST, instance=SONARR, path="/data/media/Title/Season 1"),),
    )
    assert reason(look(state, down), ENTRY) is Reason.SHARED_FOLDER


@pytest.mark.parametrize("path", ["/data/movies", "/data", "/"])
def test_a_title_whose_folder_is_or_contains_a_root_folder_is_never_deleted_with_its_files(path: str) -> None:
    state, seen = case(mine=entry(7, path=path, monitored=False))
    plan = look(state, seen)
    assert reason(plan, ENTRY) is Reason.SHARED_FOLDER
    assert plan.actions == ()


def test_files_that_are_to_be_kept_need_no_folder_of_their_own() -> None:
    state, seen = case(entry(8, RONIN, path="/data/movies/Title 7"), options=Options(delete_files=False))
    assert deleted(look(state, seen)) == {(RADARR, 7)}


def test_titles_that_are_deleted_together_may_nest_but_never_in_one_bulk_call() -> None:
    four = entry(3, path="/data/movies/Title 7/4K", monitored=False)
    nested = library(four)
    state, seen = bound(
        deletion(instances=[RADARR, RADARR_4K]),
        world(radarr=library(entry(7, monitored=False)), libraries={RADARR_4K: nested}),
        WITH_4K,
    )
    assert deleted(look(state, seen, WITH_4K)) == {(RADARR, 7), (RADARR_4K, 3)}


def test_a_root_folder_that_cannot_be_reached_stops_everything_until_it_returns() -> None:
    state, seen = bound(
        deletion(),
        world(
            torrents=[torrent(1)],
            radarr=library(entry(7), roots=[RootFolder("/data/movies", False)]),
            references=[reference(1, 1, 7)],
        ),
    )
    plan = look(state, seen)
    assert reason(plan, ENTRY) is Reason.ROOT_FOLDER_INACCESSIBLE
    assert condition(plan, ENTRY).status is Status.UNKNOWN
    assert plan.actions == ()


def test_a_root_folder_of_other_titles_does_not_matter() -> None:
    roots = [RootFolder("/data/movies", True), RootFolder("/mnt/elsewhere", False)]
    state, seen = bound(deletion(), world(radarr=library(entry(7, monitored=False), roots=roots)))
    assert deleted(look(state, seen)) == {(RADARR, 7)}


# --- seeding in place ---


def test_a_torrent_that_stays_and_seeds_from_the_folder_holds_it() -> None:
    state, seen = case(torrents=[torrent(1, "Title 7", save_path="/data/movies")])
    plan = look(state, seen)
    assert reason(plan, ENTRY) is Reason.SEEDS_IN_PLACE
    assert plan.actions == ()


def test_a_torrent_that_stays_is_found_through_path_mappings() -> None:
    state, seen = case(
        torrents=[torrent(1, "Title 7", save_path="/films")], mappings=[PathMapping("", "/films/", "/data/movies/")]
    )
    assert reason(look(state, seen), ENTRY) is Reason.SEEDS_IN_PLACE


def test_a_torrent_without_a_root_folder_is_judged_by_its_files() -> None:
    rootless = torrent(1, "x", save_path="/data/movies", content_path="/data/movies")
    inside = {rootless.id: files_of(rootless, "Title 7/a.mkv")}
    beside = {rootless.id: files_of(rootless, "Title 70/a.mkv")}
    for files, expected in ((inside, Reason.SEEDS_IN_PLACE), (beside, Reason.PRESENT)):
        state, seen = bound(
            deletion(), world(torrents=[rootless], files=files, radarr=library(entry(7, monitored=False)))
        )
        assert reason(look(state, seen), ENTRY) is expected


def test_a_torrent_without_a_root_folder_whose_files_cannot_be_read_holds_the_folder_it_may_reach() -> None:
    rootless = torrent(1, "x", save_path="/data/movies", content_path="/data/movies")
    far = torrent(1, "x", save_path="/data/torrents", content_path="/data/torrents")
    for found, expected in ((rootless, Reason.GROUP_UNDETERMINED), (far, Reason.PRESENT)):
        state, seen = bound(
            deletion(),
            world(torrents=[found], files={found.id: None}, radarr=library(entry(7, monitored=False))),
        )
        assert reason(look(state, seen), ENTRY) is expected


# --- freezing ---


def test_a_monitored_title_is_frozen_before_anything_else() -> None:
    state, seen = bound(
        deletion(), world(torrents=[torrent(1)], radarr=library(entry(7)), references=[reference(1, 1, 7)])
    )
    plan = look(state, seen)
    assert [type(a) for a in plan.actions] == [Unmonitor]
    assert plan.frozen
    assert reason(plan, ENTRY) is Reason.FREEZING


def test_downloads_in_other_clients_are_ended_by_the_freeze_and_ours_are_not() -> None:
    queue = [
        queue_item(1, 7, "SABnzbd_nzo_1", client="SABnzbd", protocol=DownloadProtocol.USENET),
        queue_item(2, 7, hash_of(2).upper(), client="Deluge"),
        queue_item(3, 7, hash_of(3).upper()),
        queue_item(4, 8, "SABnzbd_nzo_2", client="SABnzbd", protocol=DownloadProtocol.USENET),
    ]
    seen = world(radarr=library(entry(7, monitored=False), entry(8, RONIN), queue=queue))
    state, seen = bound(deletion(), seen)
    (action,) = look(state, seen).actions
    assert isinstance(action, EndDownloads)
    assert action.queue_ids == (1, 2)


def test_a_download_that_another_title_needs_too_is_not_ended() -> None:
    queue = [
        queue_item(1, 7, "pack", client="SABnzbd", protocol=DownloadProtocol.USENET),
        queue_item(2, 8, "pack", client="SABnzbd", protocol=DownloadProtocol.USENET),
    ]
    state, seen = bound(deletion(), world(radarr=library(entry(7, monitored=False), entry(8, RONIN), queue=queue)))
    assert not any(isinstance(a, EndDownloads) for a in look(state, seen).actions)


def test_downloads_are_not_ended_when_files_are_to_be_kept() -> None:
    """The queue API always takes the data along."""
    queue = [queue_item(1, 7, "nzo", client="SABnzbd", protocol=DownloadProtocol.USENET)]
    state, seen = bound(
        deletion(options=Options(delete_files=False)),
        world(radarr=library(entry(7, monitored=False), queue=queue)),
    )
    assert not any(isinstance(a, EndDownloads) for a in look(state, seen).actions)


def test_a_queue_that_lingers_is_not_asked_again_in_every_round_and_nothing_overtakes_it() -> None:
    """The queue is a snapshot that is refreshed about every minute (upstreams.md 3.6)."""
    queue = [queue_item(1, 7, "nzo", client="SABnzbd", protocol=DownloadProtocol.USENET)]
    state, seen = bound(
        deletion(),
        world(
            torrents=[torrent(1)],
            radarr=library(entry(7, monitored=False), queue=queue),
            references=[reference(1, 1, 7)],
        ),
    )
    asked = sent(state, TargetKind.ENTRY)
    plan = look(asked, seen)
    assert plan.actions == ()
    assert reason(plan, ENTRY) is Reason.FREEZING
    again = look(asked, replace(seen, now=START + POLICY.resend_after))
    assert [type(a) for a in again.actions] == [EndDownloads]


def test_the_entry_waits_for_the_torrents() -> None:
    state, seen = bound(
        deletion(),
        world(torrents=[torrent(1)], radarr=library(entry(7, monitored=False)), references=[reference(1, 1, 7)]),
    )
    plan = look(state, seen)
    assert reason(plan, ENTRY) is Reason.AFTER_TORRENTS
    assert deleted(plan) == set()
