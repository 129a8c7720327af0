"""Rule 2: a torrent goes only when nothing refers to it any more."""

from dataclasses import replace
from datetime import timedelta

from reconciler.model import (
    ConditionType,
    DeletionState,
    Hints,
    InfoHash,
    Options,
    Source,
    Status,
    TargetKind,
    TorrentId,
)
from reconciler.observed import PathMapping, Torrent
from reconciler.plan import Plan, plan_deletion
from reconciler.plan.actions import DeleteEntry, RemoveTorrent
from reconciler.plan.world import World
from reconciler.reasons import Reason
from tests.support.clocks import START
from tests.support.worlds import (
    FARGO,
    HEAT,
    LOST,
    POLICY,
    RADARR,
    RADARR_4K,
    RONIN,
    UNREACHABLE,
    WITH_4K,
    bound,
    changed,
    condition,
    current_ledger,
    deletion,
    entry,
    files_of,
    finishing,
    hash_of,
    library,
    library_row,
    queue_item,
    reason,
    reference,
    sent,
    targets,
    torrent,
    torrent_id,
    world,
)

TORRENTS = ConditionType.TORRENTS_ABSENT

HEAT_7 = entry(7, monitored=False)
RONIN_8 = entry(8, RONIN)


def removed(plan: Plan) -> set[TorrentId]:
    return {a.torrent for a in plan.actions if isinstance(a, RemoveTorrent)}


def takes_data(plan: Plan) -> set[bool]:
    return {a.delete_files for a in plan.actions if isinstance(a, RemoveTorrent)}


def look(state: DeletionState, seen: World) -> Plan:
    return plan_deletion(state, seen, POLICY)


def with_torrents(seen: World, *torrents: Torrent) -> World:
    return replace(seen, torrents=world(torrents=torrents).torrents)


# --- what goes ---


def test_all_torrents_of_a_title_go_in_one_round_upgrades_included() -> None:
    state, seen = bound(
        deletion(),
        world(
            torrents=[torrent(1), torrent(2), torrent(3)],
            radarr=library(HEAT_7),
            references=[reference(1, 1, 7), reference(2, 2, 7)],
        ),
    )
    plan = look(state, seen)
    assert removed(plan) == {torrent_id(1), torrent_id(2)}
    assert all(isinstance(a, RemoveTorrent) and a.delete_files for a in plan.actions)
    assert reason(plan, TORRENTS) is Reason.PRESENT


def test_a_torrent_is_found_by_any_of_its_hashes() -> None:
    v2 = InfoHash("ab" * 32)
    hybrid = torrent(0xAB, infohash_v1=hash_of(9), infohash_v2=v2)
    hybrid = replace(hybrid, id=TorrentId(v2[:40]))
    for name in (hash_of(9), v2, InfoHash(v2[:40])):
        state, seen = bound(
            deletion(), world(torrents=[hybrid], radarr=library(HEAT_7), references=[reference(1, name, 7)])
        )
        assert removed(look(state, seen)) == {hybrid.id}


def test_removal_is_asked_again_only_after_a_while_and_shown_as_removing() -> None:
    state, seen = bound(
        deletion(), world(torrents=[torrent(1)], radarr=library(HEAT_7), references=[reference(1, 1, 7)])
    )
    state = sent(state, TargetKind.TORRENT)
    plan = look(state, seen)
    assert plan.actions == ()
    assert reason(plan, TORRENTS) is Reason.REMOVING
    later = look(state, replace(seen, now=START + POLICY.resend_after))
    assert removed(later) == {torrent_id(1)}


def test_absence_is_true_only_once_the_complete_list_lacks_them() -> None:
    state, seen = bound(
        deletion(), world(torrents=[torrent(1)], radarr=library(HEAT_7), references=[reference(1, 1, 7)])
    )
    state = sent(state, TargetKind.TORRENT)
    gone = condition(look(state, with_torrents(seen)), TORRENTS)
    assert (gone.status, gone.reason) == (Status.TRUE, Reason.ABSENT)
    unseen = condition(look(state, replace(seen, torrents=UNREACHABLE)), TORRENTS)
    assert (unseen.status, unseen.reason) == (Status.UNKNOWN, Reason.UNREACHABLE)


def test_torrents_that_were_never_there_are_already_absent() -> None:
    state, seen = bound(deletion(), world(radarr=library(HEAT_7), references=[reference(1, 1, 7)]))
    assert reason(look(state, seen), TORRENTS) is Reason.ALREADY_ABSENT


def test_delete_files_false_keeps_the_data_and_asks_nothing_about_sharing() -> None:
    twins = [torrent(1, "Same"), torrent(2, "Same")]
    state, seen = bound(
        deletion(options=Options(delete_files=False)),
        world(torrents=twins, radarr=library(HEAT_7), references=[reference(1, 1, 7)]),
    )
    plan = look(state, seen)
    assert removed(plan) == {torrent_id(1)}
    assert not any(isinstance(a, RemoveTorrent) and a.delete_files for a in plan.actions)


# --- packs and cross-seeds ---


def test_a_pack_stays_as_long_as_another_title_needs_it_and_says_which() -> None:
    state, seen = bound(
        deletion(),
        world(
            torrents=[torrent(1, "Mann Collection")],
            radarr=library(HEAT_7, RONIN_8),
            references=[reference(1, 1, 7), reference(2, 1, 8, RONIN)],
        ),
    )
    plan = look(state, seen)
    assert removed(plan) == set()
    assert reason(plan, TORRENTS) is Reason.SHARED_WITH_WANTED
    assert "movie tmdb 8195" in condition(plan, TORRENTS).message


def test_a_title_goes_on_although_its_pack_stays() -> None:
    state, seen = bound(
        deletion(),
        world(
            torrents=[torrent(1, "Mann Collection")],
            radarr=library(HEAT_7, RONIN_8),
            references=[reference(1, 1, 7), reference(2, 1, 8, RONIN)],
        ),
    )
    assert [type(a) for a in look(state, seen).actions] == [DeleteEntry]


def test_a_pack_goes_by_itself_once_the_last_title_released_it() -> None:
    seen = world(
        torrents=[torrent(1, "Mann Collection")],
        radarr=library(HEAT_7, entry(8, RONIN, monitored=False)),
        references=[reference(1, 1, 7), reference(2, 1, 8, RONIN)],
    )
    first, seen = bound(deletion(HEAT, number=1), seen)
    second, seen = bound(deletion(RONIN, number=2), seen)
    waiting = replace(first, conditions=look(first, replace(seen, releasers={second.deletion.id: second})).conditions)
    judged = replace(second, conditions=look(second, replace(seen, releasers={first.deletion.id: waiting})).conditions)
    for mine, other in ((waiting, judged), (judged, waiting)):
        assert removed(look(mine, replace(seen, releasers={other.deletion.id: other}))) == {torrent_id(1)}


def test_a_pack_stays_while_the_deletion_that_released_its_other_half_may_be_called_off() -> None:
    """A release is stored at binding, long before a held or waiting deletion is allowed to destroy anything."""
    seen = world(
        torrents=[torrent(1, "Mann Collection")],
        radarr=library(entry(7, tags=["keep"]), entry(8, RONIN, monitored=False)),
        references=[reference(1, 1, 7), reference(2, 1, 8, RONIN)],
    )
    kept, seen = bound(deletion(HEAT, number=1), seen)
    other, seen = bound(deletion(RONIN, number=2), seen)
    fresh = replace(seen, releasers={kept.deletion.id: kept})
    unjudged = look(other, fresh)
    assert (reason(unjudged, TORRENTS), removed(unjudged)) == (Reason.CONFIRMING, set())
    held = replace(kept, conditions=look(kept, fresh).conditions)
    assert Reason.PROTECTED in {c.reason for c in held.conditions}
    judged = replace(kept, conditions=tuple(replace(c, reason=Reason.PRESENT) for c in held.conditions))
    cases = {
        "held": held,
        "grace": changed(judged, not_before=START + timedelta(hours=1)),
        "cancelling": changed(judged, cancel_requested_at=START),
    }
    for name, state in cases.items():
        plan = look(other, replace(seen, releasers={kept.deletion.id: state}))
        assert (name, removed(plan)) == (name, set())
        assert reason(plan, TORRENTS) is Reason.SHARED_WITH_WANTED
    assert removed(look(other, replace(seen, releasers={kept.deletion.id: judged}))) == {torrent_id(1)}


def test_a_pack_whose_other_half_is_to_keep_its_files_goes_without_its_data() -> None:
    seen = world(
        torrents=[torrent(1, "Mann Collection")],
        radarr=library(HEAT_7, entry(8, RONIN, monitored=False)),
        references=[reference(1, 1, 7), reference(2, 1, 8, RONIN)],
    )
    keeping, seen = bound(deletion(HEAT, number=1, options=Options(delete_files=False)), seen)
    taking, seen = bound(deletion(RONIN, number=2), seen)
    keeping = replace(keeping, conditions=look(keeping, replace(seen, releasers={})).conditions)
    (action,) = look(taking, replace(seen, releasers={keeping.deletion.id: keeping})).actions
    assert isinstance(action, RemoveTorrent)
    assert not action.delete_files


def test_another_instance_that_imported_the_torrent_keeps_it() -> None:
    seen = world(
        torrents=[torrent(1)],
        radarr=library(HEAT_7),
        libraries={RADARR_4K: library(entry(3))},
        references=[reference(1, 1, 7), reference(2, 1, 3, instance=RADARR_4K)],
    )
    state, seen = bound(deletion(), seen, WITH_4K)
    assert reason(plan_deletion(state, seen, WITH_4K), TORRENTS) is Reason.SHARED_WITH_WANTED


def test_a_cross_seed_that_nobody_refers_to_goes_along() -> None:
    twins = [torrent(1, "Same"), torrent(2, "Same")]
    state, seen = bound(deletion(), world(torrents=twins, radarr=library(HEAT_7), references=[reference(1, 1, 7)]))
    assert [t.external_id for t in targets(state, TargetKind.CROSS_SEED)] == [hash_of(2)]
    plan = look(state, seen)
    assert removed(plan) == {torrent_id(1), torrent_id(2)}
    assert takes_data(plan) == {True}


def test_a_cross_seed_that_holds_something_else_too_stays_with_all_data() -> None:
    one, more = torrent(1, "Same"), torrent(2, "Same")
    files = {more.id: files_of(more, "Same/Same.mkv", "Same/Extra.mkv")}
    seen = world(torrents=[one, more], files=files, radarr=library(HEAT_7), references=[reference(1, 1, 7)])
    state, seen = bound(deletion(), seen)
    plan = look(state, seen)
    assert removed(plan) == {one.id}
    assert takes_data(plan) == {False}
    gone = world(torrents=[more], files=files).torrents
    after = condition(look(sent(state, TargetKind.TORRENT), replace(seen, torrents=gone)), TORRENTS)
    assert (after.status, after.reason) == (Status.TRUE, Reason.SHARED_WITH_UNKNOWN)
    assert "'Same'" in after.message


def test_a_cross_seed_that_came_after_binding_stays_with_the_data() -> None:
    one, late = torrent(1, "Same"), torrent(2, "Same")
    seen = world(torrents=[one], radarr=library(HEAT_7), references=[reference(1, 1, 7)])
    state, seen = bound(deletion(), seen)
    plan = look(state, with_torrents(seen, one, late))
    assert removed(plan) == {one.id}
    assert takes_data(plan) == {False}


def test_a_cross_seed_that_another_title_refers_to_holds_its_twin() -> None:
    twins = [torrent(1, "Same"), torrent(2, "Same")]
    state, seen = bound(
        deletion(),
        world(
            torrents=twins,
            radarr=library(HEAT_7, RONIN_8),
            references=[reference(1, 1, 7), reference(2, 2, 8, RONIN)],
        ),
    )
    plan = look(state, seen)
    assert removed(plan) == set()
    assert reason(plan, TORRENTS) is Reason.SHARED_WITH_WANTED


def test_what_shares_files_with_a_twin_of_a_twin_belongs_to_the_group() -> None:
    a, b, c = (torrent(n, "Same") for n in (1, 2, 3))
    files = {
        a.id: files_of(a, "Same/1.mkv"),
        b.id: files_of(b, "Same/1.mkv", "Same/2.mkv"),
        c.id: files_of(c, "Same/2.mkv"),
    }
    seen = world(
        torrents=[a, b, c],
        files=files,
        radarr=library(HEAT_7, RONIN_8),
        references=[reference(1, 1, 7), reference(2, 3, 8, RONIN)],
    )
    state, seen = bound(deletion(), seen)
    plan = look(state, seen)
    assert removed(plan) == set()
    assert reason(plan, TORRENTS) is Reason.SHARED_WITH_WANTED


def test_the_deletion_that_releases_a_group_last_takes_all_of_it() -> None:
    twins = [torrent(1, "Same"), torrent(2, "Same")]
    seen = world(
        torrents=twins,
        radarr=library(HEAT_7, entry(8, RONIN, monitored=False)),
        references=[reference(1, 1, 7), reference(2, 2, 8, RONIN)],
    )
    _, seen = bound(deletion(HEAT, number=1), seen)
    second, seen = bound(deletion(RONIN, number=2), replace(seen, releasers={}))
    assert removed(look(second, seen)) == {torrent_id(1), torrent_id(2)}


def test_cross_seeds_that_are_both_bound_go_together() -> None:
    twins = [torrent(1, "Same"), torrent(2, "Same")]
    state, seen = bound(
        deletion(),
        world(torrents=twins, radarr=library(HEAT_7), references=[reference(1, 1, 7), reference(2, 2, 7)]),
    )
    assert removed(look(state, seen)) == {torrent_id(1), torrent_id(2)}


def test_one_shared_file_is_enough_and_folders_in_common_are_not() -> None:
    a, b = torrent(1, "A", content_path="/data/torrents"), torrent(2, "B", content_path="/data/torrents")
    seen = world(torrents=[a, b], radarr=library(HEAT_7), references=[reference(1, 1, 7)])
    apart = replace(seen, torrents=world(torrents=[a, b], files={b.id: files_of(b, "b.mkv")}).torrents)
    state, apart = bound(deletion(), apart)
    assert removed(look(state, apart)) == {a.id}
    shared = world(torrents=[a, b], files={a.id: files_of(a, "x.mkv"), b.id: files_of(b, "b.mkv", "x.mkv")})
    assert takes_data(look(state, replace(apart, torrents=shared.torrents))) == {False}


def test_a_group_that_cannot_be_read_is_held() -> None:
    a, b = torrent(1, "Same"), torrent(2, "Same")
    for unread in (a.id, b.id):
        state, seen = bound(
            deletion(),
            world(torrents=[a, b], files={unread: None}, radarr=library(HEAT_7), references=[reference(1, 1, 7)]),
        )
        assert reason(look(state, seen), TORRENTS) is Reason.GROUP_UNDETERMINED


def test_an_unfinished_cross_seed_counts_with_the_place_it_will_move_to() -> None:
    done = torrent(1, "Same")
    coming = torrent(2, "Same", download_path="/data/incomplete", content_path="/data/incomplete/Same")
    state, seen = bound(
        deletion(), world(torrents=[done, coming], radarr=library(HEAT_7), references=[reference(1, 1, 7)])
    )
    assert takes_data(look(state, seen)) == {False}


# --- hard to tell ---


def test_a_bound_hash_added_anew_by_nobody_known_is_held() -> None:
    state, seen = bound(
        deletion(), world(torrents=[torrent(1)], radarr=library(HEAT_7), references=[reference(1, 1, 7)])
    )
    again = with_torrents(seen, torrent(1, added_on=1_800_000_000))
    plan = look(state, again)
    assert plan.actions == ()
    assert reason(plan, TORRENTS) is Reason.REAPPEARED


def test_a_hash_that_was_absent_at_binding_is_not_ours_when_it_appears() -> None:
    state, seen = bound(deletion(), world(radarr=library(HEAT_7), references=[reference(1, 1, 7)]))
    plan = look(state, with_torrents(seen, torrent(1)))
    assert plan.actions == ()
    assert reason(plan, TORRENTS) is Reason.REAPPEARED


def test_a_bound_hash_grabbed_again_for_the_new_request_is_left_alone() -> None:
    state, seen = bound(
        deletion(), world(torrents=[torrent(1)], radarr=library(HEAT_7), references=[reference(1, 1, 7)])
    )
    state = sent(state)
    fresh = reference(9, 1, 12)
    again = replace(
        with_torrents(seen, torrent(1, added_on=1_800_000_000)),
        references=(*seen.references, fresh),
        libraries=world(radarr=library(entry(12))).libraries,
    )
    plan = look(finishing(state), again)
    assert removed(plan) == set()
    assert reason(plan, TORRENTS) is Reason.RETURNED_FOR_NEW_REQUEST


def test_a_bound_hash_that_a_library_is_fetching_for_another_title_is_kept() -> None:
    """A leftover in the library's category is imported without any grab, so that only the queue tells whose it is."""
    state, seen = bound(
        deletion(hints=Hints(hashes=(hash_of(1),))), world(torrents=[torrent(1)], radarr=library(HEAT_7, RONIN_8))
    )
    fetching = world(radarr=library(HEAT_7, RONIN_8, queue=[queue_item(1, 8, hash_of(1).upper())])).libraries
    plan = look(state, replace(seen, libraries=fetching))
    assert removed(plan) == set()
    assert reason(plan, TORRENTS) is Reason.SHARED_WITH_WANTED


def test_a_protected_tag_holds_until_a_person_approves() -> None:
    state, seen = bound(
        deletion(), world(torrents=[torrent(1, tags=["keep"])], radarr=library(HEAT_7), references=[reference(1, 1, 7)])
    )
    assert reason(look(state, seen), TORRENTS) is Reason.PROTECTED
    assert removed(look(changed(state, approved=frozenset({Reason.PROTECTED})), seen)) == {torrent_id(1)}


def test_an_inferred_deletion_never_takes_downloaded_data_without_a_person() -> None:
    declined = deletion(source=Source.JELLYSEERR, inferred=True, hints=Hints(request_id=5))
    state, seen = bound(declined, world(torrents=[torrent(1)], references=[reference(1, 1, 7)]))
    plan = look(state, seen)
    assert plan.actions == ()
    assert reason(plan, TORRENTS) is Reason.INFERRED_DELETE
    assert removed(look(changed(state, approved=frozenset({Reason.INFERRED_DELETE})), seen)) == {torrent_id(1)}


def test_an_inferred_deletion_ends_a_download_that_has_nothing_yet() -> None:
    declined = deletion(source=Source.JELLYSEERR, inferred=True, hints=Hints(request_id=5))
    state, seen = bound(declined, world(torrents=[torrent(1, progress=0.0)], references=[reference(1, 1, 7)]))
    assert removed(look(state, seen)) == {torrent_id(1)}


# --- seeding in place ---


def test_data_in_the_folder_of_a_title_that_stays_is_held() -> None:
    inside = torrent(1, "Title 8", save_path="/data/movies")
    state, seen = bound(
        deletion(), world(torrents=[inside], radarr=library(HEAT_7, RONIN_8), references=[reference(1, 1, 7)])
    )
    plan = look(state, seen)
    assert plan.actions == ()
    assert reason(plan, TORRENTS) is Reason.SEEDS_IN_PLACE


def test_data_in_the_folder_of_a_title_that_stays_is_recognised_through_path_mappings() -> None:
    inside = torrent(1, "Title 8", save_path="/downloads/films")
    mappings = [PathMapping("qbittorrent", "/downloads/films/", "/data/movies/")]
    state, seen = bound(
        deletion(),
        world(torrents=[inside], radarr=library(HEAT_7, RONIN_8, mappings=mappings), references=[reference(1, 1, 7)]),
    )
    assert reason(look(state, seen), TORRENTS) is Reason.SEEDS_IN_PLACE


def test_a_title_of_a_library_that_cannot_be_asked_keeps_its_folder() -> None:
    inside = torrent(1, "Fargo", save_path="/data/tv")
    state, seen = bound(deletion(), world(torrents=[inside], radarr=library(HEAT_7), references=[reference(1, 1, 7)]))
    down = replace(
        seen,
        libraries={**seen.libraries, **world(sonarr=UNREACHABLE).libraries, RADARR: seen.libraries[RADARR]},
        unseen_titles=(library_row(3, FARGO, path="/data/tv/Fargo"),),
    )
    assert reason(look(state, down), TORRENTS) is Reason.SEEDS_IN_PLACE


def test_data_in_the_titles_own_folder_goes_with_it() -> None:
    inside = torrent(1, "Title 7", save_path="/data/movies")
    state, seen = bound(deletion(), world(torrents=[inside], radarr=library(HEAT_7), references=[reference(1, 1, 7)]))
    assert removed(look(state, seen)) == {torrent_id(1)}


# --- no torrent known ---


def test_without_references_an_unbroken_ledger_proves_that_there_is_no_torrent() -> None:
    state, seen = bound(deletion(), world(torrents=[torrent(1)]))
    plan = look(state, seen)
    assert reason(plan, TORRENTS) is Reason.NO_TORRENT_KNOWN
    assert condition(plan, TORRENTS).status is Status.TRUE


def test_after_a_gap_a_stranger_may_be_the_title_and_a_person_must_say() -> None:
    seen = world(torrents=[torrent(1, "Stranger")], ledger={RADARR: current_ledger(RADARR, gap=True)})
    state, seen = bound(deletion(), seen)
    plan = look(state, seen)
    assert reason(plan, TORRENTS) is Reason.UNATTRIBUTED_TORRENT
    assert "Stranger" in condition(plan, TORRENTS).message
    assert plan.actions == ()
    approved = changed(state, approved=frozenset({Reason.UNATTRIBUTED_TORRENT}))
    assert reason(look(approved, seen), TORRENTS) is Reason.ACCEPTED_BY_PERSON


def test_after_a_gap_torrents_that_belong_to_others_are_no_candidates() -> None:
    seen = world(
        torrents=[torrent(1)],
        sonarr=library(entry(3, LOST)),
        references=[reference(1, 1, 3, LOST)],
        ledger={RADARR: current_ledger(RADARR, gap=True)},
    )
    state, seen = bound(deletion(), seen)
    assert reason(look(state, seen), TORRENTS) is Reason.NO_TORRENT_KNOWN


def test_a_gap_does_not_matter_for_a_title_whose_history_was_still_there_at_binding() -> None:
    seen = world(
        torrents=[torrent(1, "Stranger")],
        radarr=library(HEAT_7),
        ledger={RADARR: current_ledger(RADARR, gap=True)},
    )
    state, seen = bound(deletion(), seen)
    assert reason(look(state, seen), TORRENTS) is Reason.NO_TORRENT_KNOWN


def test_unmanaged_downloads_are_named_and_never_claimed_absent() -> None:
    seen = world(radarr=library(HEAT_7), references=[reference(1, 2, 7, client="Deluge")])
    state, seen = bound(deletion(), seen)
    assert "not managed here: Release.1 in Deluge" in condition(look(state, seen), TORRENTS).message
    assert targets(state, TargetKind.TORRENT) == ()
