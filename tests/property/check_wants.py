"""What must hold of the plans for any scene: rule 3 of the design, a re-request wins."""

from dataclasses import replace

from hypothesis import event

from reconciler.model import DeletionState, ReferenceKind, SettledAs, TargetKind, Unit
from reconciler.observed import MediaRequest, RequestStatus, Seen
from reconciler.plan.actions import (
    DeleteEntry,
    DeleteFiles,
    DeleteRecord,
    DeleteRequest,
    EndDownloads,
    ResetVariant,
    RestoreMonitoring,
    Unmonitor,
    UnmonitorSeasons,
)
from tests.property.judged import actions_of, is_covered, plans_of
from tests.property.scene import Scene


def asks_for(request: MediaRequest, unit: Unit, scene: Scene) -> bool:
    """Tell whether a request is for a covered part of its title."""
    library = scene.policy.libraries.get(unit.instance)
    is_season = unit.season is None or not request.seasons or unit.season in request.seasons
    return library is not None and library.is_4k is request.is_4k and is_season


def wanted_units(state: DeletionState, scene: Scene) -> frozenset[Unit]:
    """Tell by the words of the design which parts of a title are wanted again."""
    deletion = state.deletion
    if deletion.bound_at is None:  # what is there already is what is to go
        return frozenset()
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


def check_nothing_is_sent_before_it_is_known_who_made_a_grab(scene: Scene) -> None:
    for plan in plans_of(scene):
        if all(isinstance(a, RestoreMonitoring) for a in plan.actions):
            continue
        state = scene.state(plan.deletion)
        for reference in scene.world.references:
            library = scene.world.libraries.get(reference.instance)
            is_there = isinstance(library, Seen) and reference.entry_id in library.data.entries
            is_late = reference.number > (state.deletion.bound_seq or 0) and reference.released_by is None
            if is_there and is_late and reference.media is not None and is_covered(reference, state):
                assert reference.history_id is not None, reference


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
        if None in finished:
            bound = {i for t in state.targets_of(TargetKind.ENTRY) if t.instance == action.instance for i in t.file_ids}
            assert set(action.file_ids) <= bound
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


WANTS = (
    check_a_new_want_lets_nothing_be_sent_but_monitoring_given_back,
    check_what_is_wanted_keeps_its_title_its_monitoring_and_its_request,
    check_once_the_old_copy_is_being_finished_no_title_is_ever_deleted,
    check_a_part_is_withdrawn_or_finished_only_if_it_is_wanted,
    check_what_is_called_off_is_looked_for_as_before,
    check_the_sweep_takes_only_what_belongs_to_bound_titles_and_no_person_grabbed,
    check_nothing_is_sent_before_it_is_known_who_made_a_grab,
    check_files_of_a_fresh_copy_stay,
    check_a_pending_request_is_never_cleared,
    check_no_request_is_cleared_for_more_than_what_was_deleted,
)
