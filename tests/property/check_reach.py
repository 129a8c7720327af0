"""What must hold of the plans for any scene: rules 1 and 2 of the design, nothing outside the request is reached."""

from hypothesis import event

from reconciler.model import TargetKind, Unit
from reconciler.observed import RequestStatus, Seen
from reconciler.plan.actions import (
    Announce,
    Blocklist,
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
    UnmonitorSeasons,
)
from reconciler.plan.paths import as_library_sees, is_within, touch
from reconciler.plan.policy import CrossSeeds
from reconciler.reasons import Effect, Reason, effect_of
from tests.property.judged import (
    CLIENTS,
    actions_of,
    entry_of,
    is_covered,
    is_released,
    names,
    paths_of,
    payload,
    plans_of,
    removals_of,
    target_of,
    torrents_of,
)
from tests.property.scene import Scene

# --- rule 1: nothing outside the request ---


def check_every_action_names_a_bound_target_with_the_identity_it_was_bound_with(scene: Scene) -> None:
    for removal, live in removals_of(scene):
        target = target_of(scene, removal)
        assert target.kind in {TargetKind.TORRENT, TargetKind.CROSS_SEED}
        assert target.external_id in live.aliases
        assert target.added == str(live.added_on)
        lying_there = payload(scene, live) if removal.delete_files else [live]
        assert sorted(removal.payload, key=lambda t: t.key) == sorted(lying_there, key=lambda t: t.key)
    for action in actions_of(scene):
        target = target_of(scene, action)
        state = scene.state(action.deletion)
        assert target.instance == action.instance
        match action:
            case DeleteEntry() | DeleteFiles() | RestoreMonitoring():
                live_entry = entry_of(scene, action)
                assert target.kind is TargetKind.ENTRY
                assert target.external_id == str(live_entry.id)
                assert target.added == action.added == live_entry.added
                assert live_entry.media.is_same(state.deletion.media)
            case Unmonitor() | UnmonitorSeasons() | Blocklist() | EndDownloads() | Search():
                assert target.kind is TargetKind.ENTRY
            case Announce():
                assert target.kind is TargetKind.ITEM
            case DeleteRequest():
                assert (target.kind, target.external_id) == (TargetKind.REQUEST, str(action.request_id))
                assert target.added == action.created_at
            case DeleteRecord() | ResetVariant():
                assert (target.kind, target.external_id) == (TargetKind.RECORD, str(action.record_id))
                assert target.added == action.created_at
                assert action.media.is_same(state.deletion.media)
            case RemoveTorrent():
                pass


def check_what_is_bound_belongs_to_the_titles_and_instances_that_were_asked_for(scene: Scene) -> None:
    for plan in plans_of(scene):
        if plan.bind is None:
            continue
        event("bind")
        state, media = scene.state(plan.deletion), plan.bind.media
        instances = {unit.instance for unit in state.deletion.units}
        own = {r.number: r for r in scene.world.references if is_covered(r, state)}
        assert set(plan.bind.released) <= set(own)
        queued = {
            (i.download_id or "").lower()
            for name in instances
            if isinstance(library := scene.world.libraries.get(name), Seen)
            for i in library.data.queue
        }
        known = {*(r.hash for r in own.values()), *state.deletion.hints.hashes, *queued}
        claimed = [t for t in torrents_of(scene).by_key.values() if t.aliases & known]
        for target in plan.bind.targets:
            live = [
                t
                for t in torrents_of(scene).by_key.values()
                if t.instance == target.instance and target.external_id in t.aliases
            ]
            if target.kind is TargetKind.TORRENT and target.external_id not in known:
                (along,) = live
                assert paths_of(scene, [along]) & paths_of(scene, [t for t in claimed if t is not along])
                assert all(
                    r.released_by or r.number in plan.bind.released for r in scene.world.references if names(r, along)
                )
            elif target.kind in {TargetKind.CROSS_SEED, TargetKind.LIKELY_CROSS_SEED}:
                assert not [r for r in scene.world.references if names(r, live[0])]
                if target.kind is TargetKind.CROSS_SEED and scene.policy.cross_seeds is not CrossSeeds.TOGETHER:
                    siblings = [t for t in payload(scene, live[0]) if any(names(r, t) for r in scene.world.references)]
                    assert paths_of(scene, live[:1]) <= paths_of(scene, [*claimed, *siblings])
            elif target.kind not in {TargetKind.UNMANAGED, TargetKind.TORRENT}:
                assert target.media is not None
                assert target.media.is_same(media)
            if target.kind in {TargetKind.ENTRY, TargetKind.FILE}:
                assert target.instance in instances
            if target.kind is TargetKind.FILE:
                assert Unit(target.instance, target.season) in state.deletion.units
            if target.kind is TargetKind.REQUEST:
                assert isinstance(scene.world.board, Seen)
                request = scene.world.board.data.requests[int(target.external_id)]
                assert request.status is not RequestStatus.PENDING
                seasons, asked = state.deletion.seasons, set(request.seasons)
                assert seasons is None or (asked and asked <= seasons)
                variants = {scene.policy.libraries[n].is_4k for n in instances if n in scene.policy.libraries}
                assert not variants or request.is_4k in variants


def check_only_files_and_monitoring_of_covered_seasons_are_touched(scene: Scene) -> None:
    for action in actions_of(scene):
        deletion = scene.state(action.deletion).deletion
        covered = {u.season for u in deletion.units if u.instance == action.instance}
        library = scene.world.libraries.get(action.instance)
        match action:
            case UnmonitorSeasons(seasons=seasons):
                event("seasons")
                assert set(seasons) <= covered
            case DeleteFiles(entry_id=number, file_ids=ids) if isinstance(library, Seen):
                entry = library.data.entries[number]
                files = entry.files if entry.files is not None else library.data.entry_files[number]
                theirs = {f.season for f in files if f.id in ids}
                assert None in covered or theirs <= covered
                assert set(ids) <= {f.id for f in files}
            case DeleteEntry() | Unmonitor():
                assert None in covered or deletion.options.remove_empty_series
            case Search(season=season) if season is not None:
                assert season in covered
            case _:
                pass


def check_a_series_goes_with_its_last_season_only_if_nothing_is_left_of_it(scene: Scene) -> None:
    for action in actions_of(scene):
        deletion = scene.state(action.deletion).deletion
        if isinstance(action, DeleteEntry) and deletion.seasons is not None:
            event("empty series")
            entry = entry_of(scene, action)
            assert not entry.file_count
            assert not any(is_monitored for _, is_monitored in entry.monitoring.seasons)
            assert isinstance(scene.world.board, Seen)
            assert not any(
                r.is_live and r.media.is_same(entry.media) and not set(r.seasons) <= deletion.seasons
                for r in scene.world.board.data.requests.values()
            )


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


def check_no_torrent_that_stays_seeds_from_what_goes(scene: Scene) -> None:
    for action in actions_of(scene):
        if isinstance(action, DeleteEntry) and action.delete_files:
            gone: tuple[str, ...] = (action.path,)
        elif isinstance(action, DeleteFiles):
            gone = action.paths
        else:
            continue
        library = scene.world.libraries[action.instance]
        assert isinstance(library, Seen)
        for torrent in torrents_of(scene).by_key.values():
            for path in paths_of(scene, [torrent]):
                seen = as_library_sees(path, library.data.path_mappings)
                assert not any(is_within(seen, place) for place in gone), torrent


def check_what_is_protected_is_never_touched(scene: Scene) -> None:
    for removal, live in removals_of(scene):
        is_lifted = Reason.PROTECTED in scene.state(removal.deletion).deletion.approved
        assert is_lifted or not live.tags & scene.policy.protect_tags
        assert is_lifted or live.category not in scene.policy.protect_categories
        assert is_lifted or not any(is_within(live.save_path, p) for p in scene.policy.protect_paths)
    for action in actions_of(scene):
        deletion = scene.state(action.deletion).deletion
        is_lifted = Reason.PROTECTED in deletion.approved or bool(deletion.finishing)
        if isinstance(action, DeleteEntry | DeleteFiles) and not is_lifted:
            assert not entry_of(scene, action).tags & scene.policy.protect_labels


# --- rule 2: a torrent goes only when nothing refers to it any more ---


def check_a_torrent_with_a_reference_that_nobody_released_is_never_removed(scene: Scene) -> None:
    for action, live in removals_of(scene):
        with_files = scene.state(action.deletion).deletion.options.delete_files
        for member in payload(scene, live) if with_files else [live]:
            assert not [r for r in scene.world.references if names(r, member) and r.released_by is None]


def check_a_torrent_that_is_being_fetched_for_something_else_stays(scene: Scene) -> None:
    for action, live in removals_of(scene):
        state = scene.state(action.deletion)
        ours = {(t.instance, int(t.external_id)) for t in state.targets_of(TargetKind.ENTRY)}
        for name, library in scene.world.libraries.items():
            for item in library.data.queue if isinstance(library, Seen) else ():
                means = CLIENTS.get(item.client or "", live.instance)
                is_meant = (item.download_id or "").lower() in live.aliases and means == live.instance
                is_known = isinstance(library, Seen) and item.entry_id in library.data.entries
                if is_meant and is_known and item.client in CLIENTS:
                    covered = {Unit(name), Unit(name, item.season)} & state.deletion.units
                    assert (name, item.entry_id) in ours
                    assert covered


def check_with_several_clients_a_torrent_goes_only_where_a_history_says_it_is(scene: Scene) -> None:
    for action, live in removals_of(scene):
        target = target_of(scene, action)
        if len(scene.policy.torrent_clients) > 1 and target.kind is TargetKind.TORRENT:
            assert any(names(r, live) for r in scene.world.references)


def check_a_torrent_that_a_deletion_released_which_may_be_called_off_stays(scene: Scene) -> None:
    held = {
        s.deletion.id
        for s in scene.states
        if any(effect_of(c.reason) is Effect.HOLD for c in s.conditions)
        or (s.deletion.not_before is not None and scene.world.now < s.deletion.not_before)
        or (s.deletion.needs_approval and not s.deletion.approved)
        or s.deletion.cancel_requested_at is not None
    }
    for action, live in removals_of(scene):
        state = scene.state(action.deletion)
        theirs = [r for r in scene.world.references if names(r, live) and not (r.media and is_covered(r, state))]
        assert not {r.released_by for r in theirs} & held - {action.deletion}


def check_data_goes_only_if_no_torrent_that_stays_has_a_file_of_it(scene: Scene) -> None:
    for plan in plans_of(scene):
        gone = {(a.instance, a.torrent) for a in plan.actions if isinstance(a, RemoveTorrent)}
        kinds = {TargetKind.TORRENT, TargetKind.CROSS_SEED}
        doomed = {(t.instance, t.external_id) for t in scene.state(plan.deletion).targets if t.kind in kinds}
        for action, own in removals_of(scene):
            if action.deletion != plan.deletion or not action.delete_files:
                continue
            mine = paths_of(scene, [own])
            for other in torrents_of(scene).by_key.values():
                is_ours = any((other.instance, alias) in doomed for alias in other.aliases)
                if (other.instance, other.id) not in gone and not is_ours and not is_released(scene, other):
                    assert not mine & paths_of(scene, [other])


def check_what_no_history_names_goes_only_if_all_its_files_are_of_what_was_released(scene: Scene) -> None:
    for action, live in removals_of(scene):
        target = target_of(scene, action)
        state = scene.state(action.deletion)
        if target.kind is not TargetKind.CROSS_SEED or scene.policy.cross_seeds is CrossSeeds.TOGETHER:
            continue
        event("cross-seed goes")
        proven = {path for t in state.targets_of(TargetKind.TORRENT) for path in t.files}
        named = [
            t
            for t in torrents_of(scene).by_key.values()
            if any(names(r, t) for r in scene.world.references) or t.aliases & set(state.deletion.hints.hashes)
        ]
        assert paths_of(scene, [live])
        assert paths_of(scene, [live]) <= proven | paths_of(scene, named)


def check_data_in_the_folder_of_a_title_that_stays_is_never_removed(scene: Scene) -> None:
    for action, own in removals_of(scene):
        if not action.delete_files:
            continue
        state = scene.state(action.deletion)
        ours = {(t.instance, t.external_id) for t in state.targets_of(TargetKind.ENTRY)}
        for name, library in scene.world.libraries.items():
            if isinstance(library, Seen):
                for path in paths_of(scene, [own]):
                    seen = as_library_sees(path, library.data.path_mappings)
                    for entry in library.data.entries.values():
                        assert (name, str(entry.id)) in ours or not is_within(seen, entry.path)


def check_files_are_kept_if_they_were_to_be_kept(scene: Scene) -> None:
    for action in actions_of(scene):
        if not scene.state(action.deletion).deletion.options.delete_files:
            assert not isinstance(action, DeleteFiles | EndDownloads)
            assert not (isinstance(action, DeleteEntry | RemoveTorrent) and action.delete_files)


REACH = (
    check_every_action_names_a_bound_target_with_the_identity_it_was_bound_with,
    check_what_is_bound_belongs_to_the_titles_and_instances_that_were_asked_for,
    check_only_files_and_monitoring_of_covered_seasons_are_touched,
    check_a_series_goes_with_its_last_season_only_if_nothing_is_left_of_it,
    check_no_title_that_stays_shares_its_folder_with_a_title_that_goes_with_its_files,
    check_no_torrent_that_stays_seeds_from_what_goes,
    check_what_is_protected_is_never_touched,
)

RELEASE = (
    check_a_torrent_with_a_reference_that_nobody_released_is_never_removed,
    check_a_torrent_that_is_being_fetched_for_something_else_stays,
    check_with_several_clients_a_torrent_goes_only_where_a_history_says_it_is,
    check_a_torrent_that_a_deletion_released_which_may_be_called_off_stays,
    check_data_goes_only_if_no_torrent_that_stays_has_a_file_of_it,
    check_what_no_history_names_goes_only_if_all_its_files_are_of_what_was_released,
    check_data_in_the_folder_of_a_title_that_stays_is_never_removed,
    check_files_are_kept_if_they_were_to_be_kept,
)
