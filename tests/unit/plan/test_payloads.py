"""Payload groups: torrents that share files go together, go without their data, or stay together."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from reconciler.model import ConditionType, DeletionState, Hints, InstanceName, Options, TargetKind, TorrentId
from reconciler.observed import Torrent, TorrentFile
from reconciler.plan import Plan, Policy, World, plan_all, plan_deletion
from reconciler.plan.actions import RemoveTorrent
from reconciler.plan.policy import CrossSeeds, SeedingPolicy, SeedingRule, TorrentInstance
from reconciler.reasons import Reason
from tests.support.worlds import (
    HEAT,
    LOST,
    POLICY,
    QBITTORRENT,
    RONIN,
    bound,
    condition,
    converged,
    deletion,
    deletion_id,
    entry,
    hash_of,
    library,
    listing,
    reason,
    reference,
    sent,
    targets,
    torrent,
    torrent_id,
    world,
)

TORRENTS = ConditionType.TORRENTS_ABSENT
UPSTAIRS = InstanceName("upstairs")
TWO = replace(POLICY, torrent_clients={QBITTORRENT: TorrentInstance(QBITTORRENT), UPSTAIRS: TorrentInstance(UPSTAIRS)})
HEAT_7 = entry(7, monitored=False)
FILM = (TorrentFile("Film/film.mkv", 1000),)


def with_cross_seeds(which: CrossSeeds) -> Policy:
    return replace(POLICY, cross_seeds=which)


def look(state: DeletionState, seen: World, policy: Policy = POLICY) -> Plan:
    return plan_deletion(state, seen, policy)


def removed(plan: Plan) -> dict[TorrentId, bool]:
    """What goes, and whether with its data."""
    return {a.torrent: a.delete_files for a in plan.actions if isinstance(a, RemoveTorrent)}


def twins(*torrents: Torrent, **more: Any) -> World:
    """A world in which all these torrents have one and the same file, and HEAT was grabbed as the first."""
    more = {"references": [reference(1, 1, 7)], "policy": None, "radarr": library(HEAT_7)} | more
    files = {t.id: FILM for t in torrents}
    return world(torrents=torrents, files=files, **more)


def film(number: int, **more: Any) -> Torrent:
    return torrent(number, "Film", **more)


# --- together ---


def test_a_twin_that_an_earlier_deletion_released_goes_along() -> None:
    earlier = deletion_id(9)
    rows = [reference(1, 1, 7), reference(2, 2, 8, RONIN, released_by=earlier)]
    state, seen = bound(deletion(), twins(film(1), film(2), references=rows))
    assert removed(look(state, seen)) == {torrent_id(1): True, torrent_id(2): True}


def test_a_group_may_span_two_clients_that_see_one_disk() -> None:
    state, seen = bound(deletion(), twins(film(1), film(2, instance=UPSTAIRS), policy=TWO), TWO)
    assert [t.instance for t in targets(state, TargetKind.CROSS_SEED)] == [UPSTAIRS]
    assert removed(look(state, seen, TWO)) == {torrent_id(1): True, torrent_id(2): True}


def test_every_removal_with_data_names_all_that_lie_on_the_data_whoever_removes_them() -> None:
    rows = [reference(1, 1, 7), reference(2, 2, 8, RONIN)]
    radarr = library(HEAT_7, entry(8, RONIN, monitored=False))
    seen = twins(film(1), film(2, instance=UPSTAIRS), references=rows, radarr=radarr, policy=TWO)
    states = []
    for number, media in ((1, HEAT), (2, RONIN)):
        state, seen = bound(deletion(media, number=number), seen, TWO)
        states.append(state)
    for _ in range(2):  # the other one is judged first
        plans = plan_all(states, replace(seen, releasers={s.deletion.id: s for s in states}), TWO)
        states = [replace(s, conditions=p.conditions) for s, p in zip(states, plans, strict=True)]
    for plan in plans:
        removals = [a for a in plan.actions if isinstance(a, RemoveTorrent)]
        assert removals
        assert all(a.delete_files for a in removals)
        assert {frozenset(a.payload) for a in removals} == {frozenset({film(1), film(2, instance=UPSTAIRS)})}


def test_a_removal_without_data_depends_on_nothing_else() -> None:
    state, seen = bound(deletion(), twins(film(1)))
    later = replace(seen, torrents=twins(film(1), film(2)).torrents)
    (removal,) = (a for a in look(state, later).actions if isinstance(a, RemoveTorrent))
    assert removal.payload == (film(1),)


def test_a_twin_in_another_client_that_somebody_needs_keeps_the_group() -> None:
    rows = [reference(1, 1, 7), reference(2, 2, 8, RONIN)]
    state, seen = bound(deletion(), twins(film(1), film(2, instance=UPSTAIRS), references=rows, policy=TWO), TWO)
    plan = look(state, seen, TWO)
    assert removed(plan) == {}
    assert reason(plan, TORRENTS) is Reason.SHARED_WITH_WANTED


def test_a_twin_of_a_wanted_twins_twin_keeps_all_of_them() -> None:
    """The first shares a file with the second, and the second another one with the third."""
    chain = (torrent(1, "A"), torrent(2, "B"), torrent(3, "C"))
    files = {
        torrent_id(1): (TorrentFile("one.mkv", 1000),),
        torrent_id(2): (TorrentFile("one.mkv", 1000), TorrentFile("two.mkv", 1000)),
        torrent_id(3): (TorrentFile("two.mkv", 1000),),
    }
    flat = [replace(t, content_path="/data/torrents") for t in chain]
    rows = [reference(1, 1, 7), reference(2, 3, 8, RONIN)]
    state, seen = bound(deletion(), world(torrents=flat, files=files, radarr=library(HEAT_7), references=rows))
    plan = look(state, seen)
    assert removed(plan) == {}
    assert reason(plan, TORRENTS) is Reason.SHARED_WITH_WANTED


def test_torrents_without_a_root_folder_do_not_catch_strangers_beside_them() -> None:
    mine = torrent(1, "one.mkv", content_path="/data/torrents")
    stranger = torrent(2, "two.mkv", content_path="/data/torrents")
    files = {mine.id: (TorrentFile("one.mkv", 1000),), stranger.id: (TorrentFile("two.mkv", 1000),)}
    seen = world(torrents=[mine, stranger], files=files, radarr=library(HEAT_7), references=[reference(1, 1, 7)])
    state, seen = bound(deletion(), seen)
    assert [t.kind for t in state.targets if t.external_id == stranger.id] == []
    assert removed(look(state, seen)) == {mine.id: True}


def test_a_twin_whose_files_cannot_be_read_holds_the_group() -> None:
    seen = twins(film(1), film(2))
    state, seen = bound(deletion(), seen)
    unread = world(torrents=[film(1), film(2)], files={torrent_id(1): FILM, torrent_id(2): None}).torrents
    plan = look(state, replace(seen, torrents=unread))
    assert removed(plan) == {}
    assert reason(plan, TORRENTS) is Reason.GROUP_UNDETERMINED


def test_a_twin_added_after_binding_keeps_the_data() -> None:
    state, seen = bound(deletion(), twins(film(1)))
    later = replace(seen, torrents=twins(film(1), film(2)).torrents)
    assert removed(look(state, later)) == {torrent_id(1): False}


# --- equal file trees elsewhere ---


def elsewhere(number: int) -> Torrent:
    return film(number, save_path="/data/cross-seeds")


def test_an_equal_tree_elsewhere_is_listed_and_stays() -> None:
    state, seen = bound(deletion(), twins(film(1), elsewhere(2)))
    assert [t.external_id for t in targets(state, TargetKind.LIKELY_CROSS_SEED)] == [torrent_id(2)]
    plan = look(state, seen)
    assert removed(plan) == {torrent_id(1): True}
    gone = replace(seen, torrents=twins(elsewhere(2)).torrents)
    assert "LikelyCrossSeed" in condition(look(state, gone), TORRENTS).message


def test_an_equal_tree_elsewhere_holds_until_a_person_approves_if_so_decided() -> None:
    policy = with_cross_seeds(CrossSeeds.HOLD)
    state, seen = bound(deletion(), twins(film(1), elsewhere(2)), policy)
    assert reason(look(state, seen, policy), TORRENTS) is Reason.LIKELY_CROSS_SEED
    state, seen = bound(deletion(approved=[Reason.LIKELY_CROSS_SEED]), twins(film(1), elsewhere(2)), policy)
    assert removed(look(state, seen, policy)) == {torrent_id(1): True}


def test_an_equal_tree_elsewhere_goes_along_if_so_decided() -> None:
    policy = with_cross_seeds(CrossSeeds.TOGETHER)
    state, seen = bound(deletion(), twins(film(1), elsewhere(2)), policy)
    assert removed(look(state, seen, policy)) == {torrent_id(1): True, torrent_id(2): True}


def test_an_equal_tree_elsewhere_that_somebody_needs_is_no_cross_seed() -> None:
    policy = with_cross_seeds(CrossSeeds.TOGETHER)
    rows = [reference(1, 1, 7), reference(2, 2, 8, RONIN)]
    state, seen = bound(deletion(), twins(film(1), elsewhere(2), references=rows), policy)
    assert removed(look(state, seen, policy)) == {torrent_id(1): True}


def test_an_equal_tree_elsewhere_stays_as_long_as_the_torrent_that_it_goes_along_with() -> None:
    policy = with_cross_seeds(CrossSeeds.TOGETHER)
    rows = [reference(1, 1, 7), reference(2, 1, 8, RONIN)]
    state, seen = bound(deletion(), twins(film(1), elsewhere(2), references=rows), policy)
    plan = look(state, seen, policy)
    assert removed(plan) == {}
    assert reason(plan, TORRENTS) is Reason.SHARED_WITH_WANTED


def test_an_equal_tree_elsewhere_waits_while_the_torrent_that_it_goes_along_with_is_seeded() -> None:
    policy = replace(
        with_cross_seeds(CrossSeeds.TOGETHER),
        seeding=SeedingPolicy((SeedingRule(category="private", min_time=timedelta(hours=72)),)),
    )
    seen = twins(replace(film(1), category="private"), elsewhere(2))
    state, seen = bound(deletion(), seen, policy)
    plan = look(state, seen, policy)
    assert removed(plan) == {}
    assert reason(plan, TORRENTS) is Reason.SEEDING


def test_an_equal_tree_elsewhere_goes_although_its_torrent_is_gone_already() -> None:
    policy = with_cross_seeds(CrossSeeds.TOGETHER)
    state, seen = bound(deletion(), twins(film(1), elsewhere(2)), policy)
    gone = replace(seen, torrents=twins(elsewhere(2)).torrents)
    assert removed(look(state, gone, policy)) == {torrent_id(2): True}


# --- clients ---


def test_a_hash_in_two_clients_is_held_if_the_history_does_not_tell_which_is_meant() -> None:
    seen = twins(film(1), film(1, instance=UPSTAIRS, save_path="/upstairs"), policy=TWO)
    state, seen = bound(deletion(), seen, TWO)
    plan = look(state, seen, TWO)
    assert removed(plan) == {}
    assert {c.reason for c in plan.conditions if c.type is TORRENTS} == {Reason.AMBIGUOUS_CLIENT}


def test_a_hash_in_two_clients_goes_from_the_one_that_is_named() -> None:
    told = replace(
        TWO,
        torrent_clients={
            QBITTORRENT: TorrentInstance(QBITTORRENT, download_clients=frozenset({"qBittorrent"})),
            UPSTAIRS: TorrentInstance(UPSTAIRS),
        },
    )
    seen = twins(film(1), film(1, instance=UPSTAIRS, save_path="/upstairs"), policy=told)
    state, seen = bound(deletion(), seen, told)
    actions = [a for a in look(state, seen, told).actions if isinstance(a, RemoveTorrent)]
    assert [(a.instance, a.delete_files) for a in actions] == [(QBITTORRENT, True)]


def test_a_hash_that_was_grabbed_into_a_client_that_is_not_ours_is_shown_only() -> None:
    told = replace(
        POLICY,
        torrent_clients={QBITTORRENT: TorrentInstance(QBITTORRENT, download_clients=frozenset({"qBittorrent"}))},
    )
    radarr = library(HEAT_7, torrent_clients=["qBittorrent", "seedbox"])
    seen = world(torrents=[film(1)], radarr=radarr, references=[reference(1, 1, 7, client="seedbox")], policy=told)
    state, seen = bound(deletion(), seen, told)
    assert targets(state, TargetKind.TORRENT) == ()
    assert len(targets(state, TargetKind.UNMANAGED)) == 1
    assert removed(look(state, seen, told)) == {}


# --- packs and other deletions ---


def collection(*rows: object) -> World:
    return world(
        torrents=[torrent(1, "Collection")],
        radarr=library(HEAT_7, entry(8, RONIN, monitored=False)),
        references=[reference(1, 1, 7), reference(2, 1, 8, RONIN)],
    )


@pytest.mark.parametrize("order", [(HEAT, RONIN), (RONIN, HEAT)])
def test_a_collection_goes_with_its_last_movie(order: Iterable[object]) -> None:
    first, second = order
    state, seen = bound(deletion(first), collection())  # type: ignore[arg-type]  # a movie
    assert removed(look(state, seen)) == {}
    assert reason(look(state, seen), TORRENTS) is Reason.SHARED_WITH_WANTED
    state, seen = bound(deletion(second, number=2), seen)  # type: ignore[arg-type]  # a movie
    assert removed(look(state, seen)) == {torrent_id(1): True}


@pytest.mark.parametrize(
    "other",
    [
        deletion(RONIN, number=2, needs_approval=True),
        deletion(RONIN, number=2, not_before=world().now + timedelta(hours=1)),
    ],
    ids=["under approval", "in its grace period"],
)
def test_what_a_deletion_that_has_not_begun_released_is_needed_still(other: DeletionState) -> None:
    other, seen = bound(other, collection())
    other = replace(other, conditions=look(other, seen).conditions)
    state, seen = bound(deletion(), seen)
    seen = replace(seen, releasers={other.deletion.id: other})
    plan = look(state, seen)
    assert removed(plan) == {}
    assert reason(plan, TORRENTS) is Reason.SHARED_WITH_WANTED


def test_what_came_back_after_convergence_is_drift_and_a_pack_that_stayed_is_not() -> None:
    state, seen = bound(deletion(), collection())
    gone = replace(seen, libraries=world(radarr=library(entry(8, RONIN))).libraries)
    assert not look(converged(state), gone).reopen
    assert look(converged(state), seen).reopen


def test_a_series_and_a_movie_of_one_number_are_two_titles() -> None:
    assert LOST.tmdb_id is not None
    same = replace(HEAT, tmdb_id=LOST.tmdb_id)
    rows = [reference(1, 1, 5, LOST, season=1), reference(2, 2, 7, same)]
    seen = world(torrents=[torrent(1), torrent(2)], radarr=library(entry(7, same)), references=rows)
    state, _ = bound(deletion(same), seen)
    assert [t.external_id for t in targets(state, TargetKind.TORRENT)] == [hash_of(2)]


# --- what a person attributed ---


def test_a_hash_that_a_person_attributed_is_bound_late() -> None:
    state, seen = bound(deletion(), twins(film(1), references=[]))
    assert targets(state, TargetKind.TORRENT) == ()
    told = replace(state, deletion=replace(state.deletion, hints=Hints(hashes=(hash_of(1),))))
    plan = look(told, seen)
    assert plan.bind is not None
    assert [t.external_id for t in plan.bind.targets] == [hash_of(1)]


def test_a_hash_that_a_person_attributed_and_that_belongs_elsewhere_is_held() -> None:
    state, seen = bound(deletion(), twins(film(1), references=[reference(1, 1, 8, RONIN)]))
    told = replace(state, deletion=replace(state.deletion, hints=Hints(hashes=(hash_of(1),))))
    told, seen = bound(told, seen)
    plan = look(told, seen)
    assert removed(plan) == {}
    assert reason(plan, TORRENTS) is Reason.HASH_BELONGS_ELSEWHERE


# --- another deletion that keeps its files ---


def test_what_a_deletion_that_has_ended_was_to_keep_is_kept_still() -> None:
    keeping, seen = bound(deletion(RONIN, number=2, options=Options(delete_files=False)), collection())
    keeping = converged(replace(keeping, conditions=look(keeping, seen).conditions))
    state, seen = bound(deletion(), seen)
    seen = replace(seen, releasers={keeping.deletion.id: keeping})
    assert removed(look(state, seen)) == {torrent_id(1): False}


def test_files_that_another_deletion_keeps_are_not_left_behind() -> None:
    keeping, seen = bound(deletion(RONIN, number=2, options=Options(delete_files=False)), collection())
    keeping = converged(replace(keeping, conditions=look(keeping, seen).conditions))
    state, seen = bound(deletion(), seen)
    listings = {
        "/data/torrents/Collection/": listing(files=["Collection.mkv"]),
        "/data/movies/": listing("Other"),
    }
    radarr = library(entry(8, RONIN), listings=listings)
    gone = replace(
        seen,
        torrents=world().torrents,
        libraries={**seen.libraries, **world(radarr=radarr).libraries},
        now=seen.now + timedelta(hours=1),
    )
    assert reason(look(sent(state), gone), ConditionType.FILES_ABSENT) is Reason.REMOVING
    kept = look(sent(state), replace(gone, releasers={keeping.deletion.id: keeping}))
    assert reason(kept, ConditionType.FILES_ABSENT) is Reason.ABSENT


# --- two deletions of one payload ---


def both_bound(*, second: DeletionState, policy: Policy = POLICY, **more: Any) -> tuple[DeletionState, World]:
    """HEAT's deletion, beside an open one of RONIN, whose torrent has the same file."""
    rows = [reference(1, 1, 7), reference(2, 2, 8, RONIN)]
    two = film(2, **more)
    seen = replace(twins(film(1), two, references=rows), clients=policy.torrent_clients)
    seen = replace(seen, libraries=world(radarr=library(HEAT_7, entry(8, RONIN, monitored=False))).libraries)
    state, seen = bound(deletion(), seen, policy)
    second, seen = bound(second, seen, policy)
    for _ in range(2):
        second = replace(second, conditions=look(second, replace(seen, releasers={}), policy).conditions)
    return state, replace(seen, releasers={second.deletion.id: second})


def test_two_deletions_that_share_a_payload_do_not_leave_its_data_to_each_other() -> None:
    state, seen = both_bound(second=deletion(RONIN, number=2))
    assert removed(look(state, seen)) == {torrent_id(1): True}


def test_the_data_stays_if_the_other_deletion_keeps_its_files() -> None:
    state, seen = both_bound(second=deletion(RONIN, number=2, options=Options(delete_files=False)))
    assert removed(look(state, seen)) == {torrent_id(1): False}


def test_the_data_waits_until_the_other_deletions_torrent_was_seeded() -> None:
    policy = replace(POLICY, seeding=SeedingPolicy((SeedingRule(tag="hnr", min_time=timedelta(hours=72)),)))
    state, seen = both_bound(second=deletion(RONIN, number=2), policy=policy, tags=["hnr"])
    plan = look(state, seen, policy)
    assert removed(plan) == {}
    assert reason(plan, TORRENTS) is Reason.SEEDING


def test_the_data_stays_for_a_torrent_that_was_added_anew_after_the_other_deletion_was_bound() -> None:
    state, seen = both_bound(second=deletion(RONIN, number=2))
    anew = twins(film(1), film(2, added_on=1_800_000_000)).torrents
    assert removed(look(state, replace(seen, torrents=anew))) == {torrent_id(1): False}
