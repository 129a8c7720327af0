"""What must hold of the plans for any scene: rules 1 to 5 of the design in words of their own."""

from dataclasses import replace

from hypothesis import event

from reconciler.model import DeletionState, InfoHash, MediaKind, Target, TargetKind
from reconciler.observed import Entry, RequestStatus, Seen, Unseen
from reconciler.plan import Plan, is_destructive, plan_all, plan_deletion
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
from reconciler.plan.extents import absolute_files
from reconciler.plan.paths import as_library_sees, is_within, touch
from reconciler.reasons import Effect, Reason, effect_of
from tests.property.scenes import Scene


def plans_of(scene: Scene) -> tuple[Plan, ...]:
    plans = plan_all(scene.states, scene.world, scene.policy)
    for plan in plans:
        for action in plan.actions:
            event(type(action).__name__)
    return plans


def actions_of(scene: Scene) -> list[Action]:
    return [a for p in plans_of(scene) for a in p.actions]


def target_of(scene: Scene, action: Action) -> Target:
    return next(t for t in scene.state(action.deletion).targets if t.number == action.target)


def entry_of(scene: Scene, action: DeleteEntry | DeleteFiles | RestoreMonitoring) -> Entry:
    library = scene.world.libraries[action.instance]
    assert isinstance(library, Seen)
    return library.data.entries[action.entry_id]


# --- rule 1: nothing outside the request ---


def check_every_action_names_a_bound_target_with_the_identity_it_was_bound_with(scene: Scene) -> None:
    for action in actions_of(scene):
        target = target_of(scene, action)
        state = scene.state(action.deletion)
        assert target.instance == action.instance
        match action:
            case RemoveTorrent():
                assert isinstance(scene.world.torrents, Seen)
                live = scene.world.torrents.data.by_id[action.torrent]
                assert target.kind is TargetKind.TORRENT
                assert target.external_id in live.aliases
                assert target.added == action.added == str(live.added_on)
            case DeleteEntry() | DeleteFiles() | RestoreMonitoring():
                live_entry = entry_of(scene, action)
                assert target.kind is TargetKind.ENTRY
                assert target.external_id == str(live_entry.id)
                assert target.added == action.added == live_entry.added
                assert live_entry.media.is_same(state.deletion.media)
            case Unmonitor() | EndDownloads() | Search():
                assert target.kind is TargetKind.ENTRY
            case DeleteRequest():
                assert (target.kind, target.external_id) == (TargetKind.REQUEST, str(action.request_id))
                assert target.added == action.created_at
            case DeleteRecord() | ResetVariant():
                assert (target.kind, target.external_id) == (TargetKind.RECORD, str(action.record_id))
                assert target.added == action.created_at
                assert action.media.is_same(state.deletion.media)


def check_what_is_bound_belongs_to_the_titles_and_instances_that_were_asked_for(scene: Scene) -> None:
    for plan in plans_of(scene):
        if plan.bind is None:
            continue
        state = scene.state(plan.deletion)
        media, instances = plan.bind.media, state.deletion.instances
        event("bind")
        own = {
            r.number: r.hash
            for r in scene.world.references
            if r.instance in instances and (r.media is None or r.media.is_same(media))
        }
        assert set(plan.bind.released) <= set(own)
        queued = {
            (i.download_id or "").lower()
            for name in instances
            if isinstance(library := scene.world.libraries.get(name), Seen)
            for i in library.data.queue
        }
        for target in plan.bind.targets:
            if target.kind is TargetKind.TORRENT:
                assert target.external_id in {*own.values(), *state.deletion.hints.hashes, *queued}
            elif target.kind is not TargetKind.UNMANAGED:
                assert target.media is not None
                assert target.media.is_same(media)
            if target.kind is TargetKind.ENTRY:
                assert target.instance in instances
            if target.kind is TargetKind.REQUEST:
                assert isinstance(scene.world.board, Seen)
                request = scene.world.board.data.requests[int(target.external_id)]
                assert request.status is not RequestStatus.PENDING


def check_no_title_that_stays_shares_its_folder_with_a_title_that_goes_with_its_files(scene: Scene) -> None:
    gone = [a for a in actions_of(scene) if isinstance(a, DeleteEntry) and a.delete_files]
    for action in gone:
        state = scene.state(action.deletion)
        ours = {(t.instance, t.external_id) for t in state.targets_of(TargetKind.ENTRY)}
        for name, library in scene.world.libraries.items():
            if isinstance(library, Seen):
                for other in library.data.entries.values():
                    is_ours = (name, str(other.id)) in ours
                    assert is_ours or not touch(other.path, action.path)
                assert not any(is_within(r.path, action.path) for r in library.data.root_folders)


def check_no_torrent_that_stays_seeds_from_a_folder_that_goes(scene: Scene) -> None:
    torrents = scene.world.torrents
    for action in (a for a in actions_of(scene) if isinstance(a, DeleteEntry) and a.delete_files):
        assert isinstance(torrents, Seen)
        library = scene.world.libraries[action.instance]
        assert isinstance(library, Seen)
        for torrent in torrents.data.by_id.values():
            for path in absolute_files(torrent, torrents.data.files.get(torrent.id) or ()):
                assert not is_within(as_library_sees(path, library.data.path_mappings), action.path)


# --- rule 2: a torrent goes only when nothing refers to it any more ---


def check_a_torrent_with_a_reference_that_nobody_released_is_never_removed(scene: Scene) -> None:
    for action in actions_of(scene):
        if isinstance(action, RemoveTorrent):
            assert isinstance(scene.world.torrents, Seen)
            names = scene.world.torrents.data.by_id[action.torrent].aliases
            assert not [r for r in scene.world.references if r.hash in names and r.released_by is None]


def check_a_torrent_that_a_deletion_released_which_is_held_stays(scene: Scene) -> None:
    held = {
        s.deletion.id
        for s in scene.states
        if any(effect_of(c.reason) is Effect.HOLD and c.reason is not Reason.SHARED_WITH_WANTED for c in s.conditions)
    }
    for action in actions_of(scene):
        if isinstance(action, RemoveTorrent):
            assert isinstance(scene.world.torrents, Seen)
            names = scene.world.torrents.data.by_id[action.torrent].aliases
            releasers = {r.released_by for r in scene.world.references if r.hash in names}
            assert not (releasers & held) - {action.deletion}


def check_data_goes_only_if_no_torrent_that_stays_has_a_file_of_it(scene: Scene) -> None:
    for plan in plans_of(scene):
        gone = {a.torrent for a in plan.actions if isinstance(a, RemoveTorrent)}
        if not gone or not isinstance(scene.world.torrents, Seen):
            continue
        data = scene.world.torrents.data
        doomed = {t.external_id for t in scene.state(plan.deletion).targets_of(TargetKind.TORRENT)}
        for action in (a for a in plan.actions if isinstance(a, RemoveTorrent) and a.delete_files):
            own = data.by_id[action.torrent]
            mine = set(absolute_files(own, data.files[own.id] or ()))
            for other in data.by_id.values():
                files = data.files.get(other.id)
                stays = other.id not in gone and not other.aliases & {InfoHash(d) for d in doomed}
                if stays and files is not None:
                    assert not mine & set(absolute_files(other, files))


def check_data_in_the_folder_of_a_title_that_stays_is_never_removed(scene: Scene) -> None:
    for action in actions_of(scene):
        if not isinstance(action, RemoveTorrent) or not action.delete_files:
            continue
        assert isinstance(scene.world.torrents, Seen)
        data = scene.world.torrents.data
        own = data.by_id[action.torrent]
        state = scene.state(action.deletion)
        ours = {(t.instance, t.external_id) for t in state.targets_of(TargetKind.ENTRY)}
        for name, library in scene.world.libraries.items():
            if isinstance(library, Seen):
                for path in absolute_files(own, data.files[own.id] or ()):
                    seen = as_library_sees(path, library.data.path_mappings)
                    for entry in library.data.entries.values():
                        assert (name, str(entry.id)) in ours or not is_within(seen, entry.path)


# --- rule 3: a re-request wins ---


def is_wanted(state: DeletionState, scene: Scene) -> bool:
    """Tell by the words of the design whether a title is wanted again."""
    deletion = state.deletion
    variants = {scene.policy.libraries[n].is_4k for n in deletion.instances if n in scene.policy.libraries}
    board = scene.world.board
    requests = board.data.requests.values() if isinstance(board, Seen) else ()
    return (
        any(
            r.is_live
            and r.id not in deletion.live_request_ids
            and r.media.is_same(deletion.media)
            and r.is_4k in (variants or {False, True})
            for r in requests
        )
        or any(
            a.number > (deletion.bound_seq or 0)
            and a.instance in deletion.instances
            and a.media.is_same(deletion.media)
            for a in scene.world.manual_adds
        )
        or any(
            r.by_person
            and r.released_by is None
            and r.number > (deletion.bound_seq or 0)
            and r.instance in deletion.instances
            and r.media is not None
            and r.media.is_same(deletion.media)
            for r in scene.world.references
        )
    )


def check_a_want_stops_every_deletion_of_a_title_and_of_its_record(scene: Scene) -> None:
    for plan in plans_of(scene):
        state = scene.state(plan.deletion)
        if not is_wanted(state, scene):
            continue
        event("wanted")
        assert not any(isinstance(a, DeleteEntry | DeleteRecord | DeleteRequest | ResetVariant) for a in plan.actions)
        if state.deletion.destroyed_at is None:
            assert not any(is_destructive(a) for a in plan.actions)


def check_once_the_old_copy_is_being_finished_no_title_is_ever_deleted(scene: Scene) -> None:
    for plan in plans_of(scene):
        if scene.state(plan.deletion).deletion.finishing_old_copy:
            assert plan.bind is None
            assert not any(
                isinstance(a, DeleteEntry | DeleteRecord | DeleteRequest | EndDownloads) for a in plan.actions
            )


def check_a_pending_request_is_never_cleared(scene: Scene) -> None:
    board = scene.world.board
    for action in actions_of(scene):
        if not isinstance(action, DeleteRecord | DeleteRequest):
            continue
        assert isinstance(board, Seen)
        rows = board.data.requests
        if isinstance(action, DeleteRequest):
            assert rows[action.request_id].status is not RequestStatus.PENDING
        else:
            taken = {r.id for r in rows.values() if r.record_id == action.record_id}
            assert taken <= action.request_ids
            assert all(rows[n].status is not RequestStatus.PENDING for n in taken)


def check_the_request_of_a_variant_that_is_not_covered_stays(scene: Scene) -> None:
    for action in actions_of(scene):
        if isinstance(action, DeleteRecord) and isinstance(scene.world.board, Seen):
            state = scene.state(action.deletion)
            covered = {scene.policy.libraries[n].is_4k for n in state.deletion.instances if n in scene.policy.libraries}
            for request in scene.world.board.data.requests.values():
                if request.record_id == action.record_id and covered:
                    assert request.is_4k in covered


# --- rule 4: absence is observed, never assumed ---


def check_nothing_is_destroyed_while_anything_needed_is_unseen(scene: Scene) -> None:
    for plan in plans_of(scene):
        destructive = [a for a in plan.actions if is_destructive(a)]
        if not destructive:
            continue
        state = scene.state(plan.deletion)
        assert not isinstance(scene.world.board, Unseen)
        for action in destructive:
            if isinstance(action, DeleteRecord | DeleteRequest | ResetVariant):
                continue
            for name in scene.policy.libraries:
                assert scene.world.ledger[name].coverage.is_complete
            for name in state.deletion.instances:
                assert scene.world.ledger[name].is_current
                assert isinstance(scene.world.libraries[name], Seen)
            assert not isinstance(scene.world.torrents, Unseen)


def check_nothing_converges_while_a_covered_upstream_is_unseen(scene: Scene) -> None:
    for plan in plans_of(scene):
        if plan.settle is None or plan.settle[0].value != "converged":
            continue
        state = scene.state(plan.deletion)
        assert not isinstance(scene.world.torrents, Unseen)
        assert not isinstance(scene.world.board, Unseen)
        assert all(isinstance(scene.world.libraries[n], Seen) for n in state.deletion.instances)


def check_what_converges_is_really_gone(scene: Scene) -> None:
    for plan in plans_of(scene):
        if plan.settle is None or plan.settle[0].value != "converged":
            continue
        state = scene.state(plan.deletion)
        assert isinstance(scene.world.torrents, Seen)
        event("converged")
        for target in state.targets:
            if target.kind is TargetKind.TORRENT:
                for live in scene.world.torrents.data.matching(InfoHash(target.external_id)):
                    needed = [r for r in scene.world.references if r.hash in live.aliases and r.released_by is None]
                    fetched = scene.world.fetching(live.aliases)
                    assert needed or fetched, "only a torrent of a new grab may be there"
            elif target.kind is TargetKind.ENTRY and not state.deletion.finishing_old_copy:
                library = scene.world.libraries[target.instance]
                assert isinstance(library, Seen)
                live_entry = library.data.entries.get(int(target.external_id))
                assert live_entry is None or not live_entry.media.is_same(state.deletion.media)


# --- rule 5: bound before destroyed ---


def check_a_round_that_binds_sends_nothing_for_that_deletion(scene: Scene) -> None:
    for plan in plans_of(scene):
        assert plan.bind is None or plan.actions == ()


# --- gates and order ---


def check_a_hold_on_torrents_or_titles_sends_nothing_but_monitoring_given_back(scene: Scene) -> None:
    for plan in plans_of(scene):
        first = [c for c in plan.conditions if c.type.value in {"TorrentsAbsent", "EntryAbsent"}]
        is_cancelling = scene.state(plan.deletion).deletion.cancel_requested_at is not None or plan.settle is not None
        if any(effect_of(c.reason) is Effect.HOLD for c in first) and not is_cancelling:
            assert all(isinstance(a, RestoreMonitoring) for a in plan.actions)


def check_titles_go_after_torrents_and_requests_after_titles(scene: Scene) -> None:
    for plan in plans_of(scene):
        kinds = {type(a) for a in plan.actions}
        torrents_done = all(c.is_settled for c in plan.conditions if c.type.value == "TorrentsAbsent")
        entries_done = all(c.is_settled for c in plan.conditions if c.type.value in {"EntryAbsent", "FilesAbsent"})
        if kinds & {DeleteEntry, DeleteFiles}:
            assert torrents_done
        if kinds & {DeleteRecord, DeleteRequest, ResetVariant}:
            assert torrents_done
            assert entries_done


def check_no_more_deletions_begin_than_the_breaker_allows(scene: Scene) -> None:
    plans = plans_of(scene)

    def begins(plan: Plan, state: DeletionState) -> bool:
        is_new = state.deletion.destroyed_at is None and Reason.BREAKER_OPEN not in state.deletion.approved
        return is_new and any(not isinstance(a, RestoreMonitoring) for a in plan.actions)

    begun = sum(begins(p, scene.state(p.deletion)) for p in plans)
    assert begun <= max(0, scene.policy.breaker_limit - scene.world.destructive_recently)


def check_before_its_time_a_deletion_sends_nothing_but_monitoring_given_back(scene: Scene) -> None:
    for plan in plans_of(scene):
        not_before = scene.state(plan.deletion).deletion.not_before
        if not_before is not None and scene.world.now < not_before:
            assert all(isinstance(a, RestoreMonitoring) for a in plan.actions)


def check_every_open_deletion_says_what_it_waits_for(scene: Scene) -> None:
    for plan in plans_of(scene):
        assert plan.conditions
        assert len({(c.type, c.instance) for c in plan.conditions}) == len(plan.conditions)
        if plan.settle is None and plan.bind is None:
            state = scene.state(plan.deletion)
            is_thawing = state.deletion.cancel_requested_at is not None or any(
                isinstance(a, RestoreMonitoring) for a in plan.actions
            )
            begins_finishing = plan.finishing_old_copy and not state.deletion.finishing_old_copy
            is_busy = bool(plan.actions) or is_thawing or begins_finishing
            assert is_busy or not all(c.is_settled for c in plan.conditions)


# --- pure ---


def check_what_one_deletion_is_planned_does_not_depend_on_the_others_but_for_the_breaker(scene: Scene) -> None:
    policy = replace(scene.policy, breaker_limit=1000)
    together = {p.deletion: p for p in plan_all(scene.states, scene.world, policy)}
    for state in scene.states:
        assert plan_deletion(state, scene.world, policy) == together[state.deletion.id]


def check_movies_and_series_never_meet(scene: Scene) -> None:
    for action in actions_of(scene):
        media = scene.state(action.deletion).deletion.media
        if action.instance in scene.policy.libraries:
            assert scene.policy.libraries[action.instance].kind is media.kind
        assert media.kind in set(MediaKind)


CHECKS = (
    check_every_action_names_a_bound_target_with_the_identity_it_was_bound_with,
    check_what_is_bound_belongs_to_the_titles_and_instances_that_were_asked_for,
    check_no_title_that_stays_shares_its_folder_with_a_title_that_goes_with_its_files,
    check_no_torrent_that_stays_seeds_from_a_folder_that_goes,
    check_a_torrent_with_a_reference_that_nobody_released_is_never_removed,
    check_a_torrent_that_a_deletion_released_which_is_held_stays,
    check_data_goes_only_if_no_torrent_that_stays_has_a_file_of_it,
    check_data_in_the_folder_of_a_title_that_stays_is_never_removed,
    check_a_want_stops_every_deletion_of_a_title_and_of_its_record,
    check_once_the_old_copy_is_being_finished_no_title_is_ever_deleted,
    check_a_pending_request_is_never_cleared,
    check_the_request_of_a_variant_that_is_not_covered_stays,
    check_nothing_is_destroyed_while_anything_needed_is_unseen,
    check_nothing_converges_while_a_covered_upstream_is_unseen,
    check_what_converges_is_really_gone,
    check_a_round_that_binds_sends_nothing_for_that_deletion,
    check_a_hold_on_torrents_or_titles_sends_nothing_but_monitoring_given_back,
    check_titles_go_after_torrents_and_requests_after_titles,
    check_no_more_deletions_begin_than_the_breaker_allows,
    check_before_its_time_a_deletion_sends_nothing_but_monitoring_given_back,
    check_every_open_deletion_says_what_it_waits_for,
    check_movies_and_series_never_meet,
)
