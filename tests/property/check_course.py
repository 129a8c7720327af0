"""What must hold of the plans for any scene: rules 3 to 5 of the design, its gates, and the order of work."""

from dataclasses import replace

from hypothesis import event

from reconciler.model import DeletionState, MediaKind, ReferenceKind, SettledAs, TargetKind, Unit
from reconciler.observed import MediaRequest, RequestStatus, Seen, Torrent, Unseen
from reconciler.plan import Plan, is_destructive, plan_all, plan_deletion
from reconciler.plan.actions import (
    DeleteEntry,
    DeleteFiles,
    DeleteRecord,
    DeleteRequest,
    EndDownloads,
    RemoveTorrent,
    ResetVariant,
    RestoreMonitoring,
    Unmonitor,
    UnmonitorSeasons,
)
from reconciler.plan.calling_off import newly_called_off
from reconciler.reasons import Effect, Reason, effect_of
from tests.property.judged import actions_of, is_covered, names, payload, plans_of, removals_of, torrents_of
from tests.property.scene import Scene

# --- rule 3: a re-request wins ---


def asks_for(request: MediaRequest, unit: Unit, scene: Scene) -> bool:
    """Tell whether a request is for a covered part of its title."""
    library = scene.policy.libraries.get(unit.instance)
    is_season = unit.season is None or not request.seasons or unit.season in request.seasons
    return library is not None and library.is_4k is request.is_4k and is_season


def wanted_units(state: DeletionState, scene: Scene) -> frozenset[Unit]:
    """Tell by the words of the design which parts of a title are wanted again."""
    deletion = state.deletion
    board = scene.world.board
    requests = board.data.requests.values() if isinstance(board, Seen) else ()
    live = [
        r for r in requests if r.is_live and r.id not in deletion.live_request_ids and r.media.is_same(deletion.media)
    ]
    since = deletion.bound_seq or 0
    adds = [a for a in scene.world.manual_adds if a.number > since and a.media.is_same(deletion.media)]
    grabs = [
        r
        for r in scene.world.references
        if r.by_person
        and r.released_by is None
        and r.number > since
        and r.media is not None
        and r.media.is_same(deletion.media)
    ]
    return frozenset(
        unit
        for unit in deletion.units
        if any(asks_for(r, unit, scene) for r in live)
        or any(a.instance == unit.instance for a in adds)
        or any(g.instance == unit.instance and unit.season in {None, g.season} for g in grabs)
    )


def check_a_new_want_lets_nothing_be_sent_but_monitoring_given_back(scene: Scene) -> None:
    for plan in plans_of(scene):
        state = scene.state(plan.deletion)
        if not wanted_units(state, scene) - state.deletion.finishing:
            continue
        event("wanted")
        assert all(isinstance(a, RestoreMonitoring) for a in plan.actions)
        assert plan.bind is None


def check_what_is_wanted_keeps_its_title_its_monitoring_and_its_request(scene: Scene) -> None:
    for plan in plans_of(scene):
        state = scene.state(plan.deletion)
        wanted = wanted_units(state, scene) | state.deletion.finishing
        board = scene.world.board
        for action in plan.actions:
            assert not (isinstance(action, DeleteEntry | Unmonitor) and Unit(action.instance) in wanted)
            if isinstance(action, UnmonitorSeasons):
                assert not {Unit(action.instance, season) for season in action.seasons} & wanted
            if isinstance(action, DeleteRequest) and isinstance(board, Seen):
                assert not any(asks_for(board.data.requests[action.request_id], u, scene) for u in wanted)
            assert not (isinstance(action, DeleteRecord) and wanted)


def check_once_the_old_copy_is_being_finished_no_title_is_ever_deleted(scene: Scene) -> None:
    for plan in plans_of(scene):
        deletion = scene.state(plan.deletion).deletion
        if deletion.finishing and deletion.units <= deletion.finishing:
            event("finishing")
            assert plan.bind is None
            assert not any(
                isinstance(a, DeleteEntry | DeleteRecord | DeleteRequest | ResetVariant | EndDownloads)
                for a in plan.actions
            )


def check_a_part_is_withdrawn_or_finished_only_if_it_is_wanted(scene: Scene) -> None:
    for plan in plans_of(scene):
        state = scene.state(plan.deletion)
        assert plan.withdrawn | plan.finishing <= wanted_units(state, scene)
        assert not plan.withdrawn & plan.finishing
        if state.deletion.destroyed_at is None:
            assert not plan.finishing
        mine = {r.number: r for r in scene.world.references if r.released_by == plan.deletion}
        assert set(plan.unreleased) <= set(mine)
        if plan.withdrawn:
            event("withdrawn")
            out = replace(state, deletion=replace(state.deletion, withdrawn=_all_but(state, plan.withdrawn)))
            assert {n for n, r in mine.items() if r.media is not None and is_covered(r, out)} <= set(plan.unreleased)


def check_what_is_called_off_is_looked_for_as_before(scene: Scene) -> None:
    for plan in plans_of(scene):
        state = scene.state(plan.deletion)
        is_cancelled = plan.settle is not None and plan.settle[0] is SettledAs.CANCELLED
        ended = state.deletion.units if is_cancelled else plan.withdrawn
        if state.deletion.frozen_at is None or not ended:
            continue
        event("called off")
        for target in state.targets_of(TargetKind.ENTRY):
            library = scene.world.libraries[target.instance]
            entry = library.data.entries.get(int(target.external_id)) if isinstance(library, Seen) else None
            if entry is None or target.prior is None or entry.added != target.added:
                continue
            if not entry.media.is_same(state.deletion.media):
                continue
            now, before = dict(entry.monitoring.seasons), dict(target.prior.seasons)
            if Unit(target.instance) in ended:
                assert entry.monitoring.monitored or not target.prior.monitored
            for unit in ended:
                if unit.instance == target.instance and unit.season is not None:
                    assert now.get(unit.season, False) or not before.get(unit.season)


def check_the_sweep_takes_only_what_belongs_to_bound_titles_and_no_person_grabbed(scene: Scene) -> None:
    for plan in plans_of(scene):
        state = scene.state(plan.deletion)
        if plan.bind is None or state.deletion.bound_at is None:
            continue
        event("swept")
        ours = {(t.instance, int(t.external_id)) for t in state.targets_of(TargetKind.ENTRY)}
        for reference in scene.world.references:
            if reference.number in plan.bind.released:
                assert (reference.instance, reference.entry_id) in ours
                assert reference.released_by is None
                assert reference.history_id is not None
                assert not reference.by_person


def check_files_of_a_fresh_copy_stay(scene: Scene) -> None:
    for action in actions_of(scene):
        if not isinstance(action, DeleteFiles) or not scene.state(action.deletion).deletion.finishing:
            continue
        state = scene.state(action.deletion)
        library = scene.world.libraries[action.instance]
        assert isinstance(library, Seen)
        entry = library.data.entries[action.entry_id]
        files = entry.files if entry.files is not None else library.data.entry_files.get(entry.id, ())
        seasons = {f.season for f in files if f.id in action.file_ids}
        finished = {u.season for u in state.deletion.finishing if u.instance == action.instance}
        event("old files go")
        for reference in scene.world.references:
            is_fresh = reference.kind is ReferenceKind.IMPORT and reference.released_by is None
            is_ours = (reference.instance, reference.entry_id) == (action.instance, action.entry_id)
            if is_fresh and is_ours and is_covered(reference, state):
                assert None not in finished
                assert reference.season not in seasons & finished


def _all_but(state: DeletionState, units: frozenset[Unit]) -> frozenset[Unit]:
    """Return what has to be withdrawn for nothing but these units to be left."""
    return state.deletion.withdrawn | (state.deletion.units - units)


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


def check_no_request_is_cleared_for_more_than_what_was_deleted(scene: Scene) -> None:
    board = scene.world.board
    for action in actions_of(scene):
        if not isinstance(action, DeleteRecord | DeleteRequest) or not isinstance(board, Seen):
            continue
        deletion = scene.state(action.deletion).deletion
        covered = {scene.policy.libraries[n].is_4k for n in deletion.instances if n in scene.policy.libraries}
        for request in board.data.requests.values():
            is_taken = request.id == action.request_id if isinstance(action, DeleteRequest) else False
            is_taken = is_taken or (isinstance(action, DeleteRecord) and request.record_id == action.record_id)
            if is_taken and covered:
                assert request.is_4k in covered
                asked = set(request.seasons)
                assert deletion.seasons is None or (asked and asked <= deletion.seasons)


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
            for name in {unit.instance for unit in state.deletion.units}:
                assert scene.world.ledger[name].is_current
                assert isinstance(scene.world.libraries[name], Seen)
            assert not isinstance(scene.world.torrents, Unseen)


def check_nothing_converges_while_a_covered_upstream_is_unseen(scene: Scene) -> None:
    for plan in plans_of(scene):
        if plan.settle is None or plan.settle[0] is not SettledAs.CONVERGED:
            continue
        state = scene.state(plan.deletion)
        assert not isinstance(scene.world.torrents, Unseen)
        assert not isinstance(scene.world.board, Unseen)
        assert all(isinstance(scene.world.libraries[u.instance], Seen) for u in state.deletion.units)


def is_needed(torrent: Torrent, state: DeletionState, scene: Scene) -> bool:
    """Tell whether anything but a deletion itself needs a torrent, or may still need it."""
    naming = [r for r in scene.world.references if names(r, torrent)]
    queues = [o.data.queue for o in scene.world.libraries.values() if isinstance(o, Seen)]
    is_fetched = any((item.download_id or "").lower() in torrent.aliases for queue in queues for item in queue)
    return is_fetched or any(r.released_by != state.deletion.id for r in naming)


def check_what_converges_is_really_gone(scene: Scene) -> None:
    for plan in plans_of(scene):
        if plan.settle is None or plan.settle[0] is not SettledAs.CONVERGED:
            continue
        state = scene.state(plan.deletion)
        whole = {u.instance for u in state.deletion.units - state.deletion.finishing if u.season is None}
        event("converged")
        for target in state.targets:
            library = scene.world.libraries.get(target.instance)
            if target.kind is TargetKind.TORRENT:
                here = [t for t in torrents_of(scene).by_key.values() if t.instance == target.instance]
                for live in (t for t in here if target.external_id in t.aliases):
                    needed = any(is_needed(t, state, scene) for t in payload(scene, live))
                    assert needed, "only a torrent that something else needs may be there"
            elif target.kind is TargetKind.ENTRY and target.instance in whole:
                assert isinstance(library, Seen)
                live_entry = library.data.entries.get(int(target.external_id))
                assert live_entry is None or not live_entry.media.is_same(state.deletion.media)
            elif target.kind is TargetKind.FILE and state.deletion.options.delete_files:
                assert isinstance(library, Seen)
                if Unit(target.instance, target.season) in state.deletion.units - state.deletion.finishing:
                    shelves = library.data.entry_files
                    there = {f.id for number in library.data.entries for f in shelves.get(number, ())}
                    assert int(target.external_id) not in there


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
        torrents_done = all(
            c.is_settled or (c.reason is Reason.SEEDING and not scene.policy.seeding.block_entry)
            for c in plan.conditions
            if c.type.value == "TorrentsAbsent"
        )
        entries_done = all(c.is_settled for c in plan.conditions if c.type.value in {"EntryAbsent", "FilesAbsent"})
        if kinds & {DeleteEntry, DeleteFiles}:
            assert torrents_done
        if kinds & {DeleteRecord, DeleteRequest, ResetVariant}:
            assert torrents_done
            assert entries_done


def check_nothing_that_must_be_seeded_on_goes(scene: Scene) -> None:
    rules = scene.policy.seeding.rules
    for action, live in removals_of(scene):
        for rule in rules:  # every rule of a scene matches all torrents and has a minimum ratio
            assert rule.min_ratio is not None
            assert live.progress < 1 or live.ratio >= rule.min_ratio, action


def check_titles_are_frozen_before_their_torrents_go(scene: Scene) -> None:
    for plan in plans_of(scene):
        deletion = scene.state(plan.deletion).deletion
        if not any(isinstance(a, RemoveTorrent) for a in plan.actions):
            continue
        for target in scene.state(plan.deletion).targets_of(TargetKind.ENTRY):
            library = scene.world.libraries[target.instance]
            assert isinstance(library, Seen)
            entry = library.data.entries.get(int(target.external_id))
            if entry is None or entry.added != target.added or not entry.media.is_same(deletion.media):
                continue
            seasons = dict(entry.monitoring.seasons)
            for unit in deletion.units - deletion.finishing:
                if unit.instance == target.instance:
                    assert not (seasons.get(unit.season) if unit.season is not None else entry.monitoring.monitored)


def check_no_more_deletions_begin_than_the_breaker_allows(scene: Scene) -> None:
    plans = plans_of(scene)

    def begins(plan: Plan, state: DeletionState) -> bool:
        is_new = state.deletion.destroyed_at is None and Reason.BREAKER_OPEN not in state.deletion.approved
        return is_new and any(not isinstance(a, RestoreMonitoring) for a in plan.actions)

    begun = sum(begins(p, scene.state(p.deletion)) for p in plans)
    assert begun <= max(0, scene.policy.breaker_limit - scene.world.destructive_recently)


def check_before_its_time_or_its_approval_a_deletion_only_gives_monitoring_back(scene: Scene) -> None:
    for plan in plans_of(scene):
        deletion = scene.state(plan.deletion).deletion
        is_early = deletion.not_before is not None and scene.world.now < deletion.not_before
        is_denied = scene.world.denied_until is not None
        is_unapproved = deletion.needs_approval and Reason.APPROVAL_REQUIRED not in deletion.approved
        if is_early or is_denied or is_unapproved:
            event("too early")
            assert all(isinstance(a, RestoreMonitoring) for a in plan.actions)


def check_what_nobody_asked_for_in_words_takes_no_files(scene: Scene) -> None:
    for action in actions_of(scene):
        deletion = scene.state(action.deletion).deletion
        if not deletion.inferred or Reason.INFERRED_DELETE in deletion.approved or deletion.finishing:
            continue
        library = scene.world.libraries.get(action.instance)
        if isinstance(action, DeleteEntry) and isinstance(library, Seen):
            assert not library.data.entries[action.entry_id].file_count
        assert not isinstance(action, DeleteFiles)
    for removal, live in removals_of(scene):
        deletion = scene.state(removal.deletion).deletion
        if deletion.inferred and Reason.INFERRED_DELETE not in deletion.approved:
            assert not live.progress or not removal.delete_files


def check_every_open_deletion_says_what_it_waits_for(scene: Scene) -> None:
    for plan in plans_of(scene):
        assert plan.conditions
        assert len({(c.type, c.instance) for c in plan.conditions}) == len(plan.conditions)
        if plan.settle is None and plan.bind is None:
            state = scene.state(plan.deletion)
            is_thawing = state.deletion.cancel_requested_at is not None or any(
                isinstance(a, RestoreMonitoring) for a in plan.actions
            )
            is_busy = bool(plan.actions or plan.finishing or plan.withdrawn) or is_thawing
            assert is_busy or not all(c.is_settled for c in plan.conditions)


def check_movies_and_series_never_meet(scene: Scene) -> None:
    for action in actions_of(scene):
        media = scene.state(action.deletion).deletion.media
        if action.instance in scene.policy.libraries:
            assert scene.policy.libraries[action.instance].kind is media.kind
        assert media.kind in set(MediaKind)


# --- pure ---


def check_what_one_deletion_is_planned_depends_on_the_others_only_by_what_calls_them_off(scene: Scene) -> None:
    policy = replace(scene.policy, breaker_limit=1000)
    together = plan_all(scene.states, scene.world, policy)
    alone = [plan_deletion(state, scene.world, policy) for state in in_order(scene)]
    called_off = newly_called_off(scene.states, alone, scene.world, policy)
    world = replace(scene.world, releasers={**scene.world.releasers, **called_off})
    assert together == tuple(plan_deletion(state, world, policy) for state in in_order(scene))


def in_order(scene: Scene) -> list[DeletionState]:
    return sorted(scene.states, key=lambda s: (s.deletion.requested_at, s.deletion.id))


WANTS = (
    check_a_new_want_lets_nothing_be_sent_but_monitoring_given_back,
    check_what_is_wanted_keeps_its_title_its_monitoring_and_its_request,
    check_once_the_old_copy_is_being_finished_no_title_is_ever_deleted,
    check_a_part_is_withdrawn_or_finished_only_if_it_is_wanted,
    check_what_is_called_off_is_looked_for_as_before,
    check_the_sweep_takes_only_what_belongs_to_bound_titles_and_no_person_grabbed,
    check_files_of_a_fresh_copy_stay,
    check_a_pending_request_is_never_cleared,
    check_no_request_is_cleared_for_more_than_what_was_deleted,
)

ABSENCE = (
    check_nothing_is_destroyed_while_anything_needed_is_unseen,
    check_nothing_converges_while_a_covered_upstream_is_unseen,
)

COURSE = (
    check_a_round_that_binds_sends_nothing_for_that_deletion,
    check_a_hold_on_torrents_or_titles_sends_nothing_but_monitoring_given_back,
    check_titles_go_after_torrents_and_requests_after_titles,
    check_nothing_that_must_be_seeded_on_goes,
    check_titles_are_frozen_before_their_torrents_go,
    check_no_more_deletions_begin_than_the_breaker_allows,
    check_before_its_time_or_its_approval_a_deletion_only_gives_monitoring_back,
    check_what_nobody_asked_for_in_words_takes_no_files,
    check_every_open_deletion_says_what_it_waits_for,
    check_movies_and_series_never_meet,
)
