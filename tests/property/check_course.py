"""What must hold of the plans for any scene: rules 4 and 5 of the design, its gates, and the order of work."""

from dataclasses import replace

from hypothesis import event

from reconciler.model import DeletionState, MediaKind, SettledAs, TargetKind, Unit
from reconciler.observed import Seen, Torrent, Unseen
from reconciler.plan import Plan, is_destructive, plan_all, plan_deletion
from reconciler.plan.actions import (
    DeleteEntry,
    DeleteFiles,
    DeleteRecord,
    DeleteRequest,
    RemoveTorrent,
    ResetVariant,
    RestoreMonitoring,
)
from reconciler.plan.calling_off import newly_called_off
from reconciler.reasons import Effect, Reason, effect_of
from tests.property.judged import actions_of, names, payload, plans_of, removals_of, torrents_of
from tests.property.scene import Scene

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


def check_a_title_with_files_that_nobody_asked_for_in_words_is_left_as_it_is(scene: Scene) -> None:
    for plan in plans_of(scene):
        state = scene.state(plan.deletion)
        if not state.deletion.inferred or Reason.INFERRED_DELETE in state.deletion.approved:
            continue
        units = state.deletion.units - state.deletion.finishing
        for target in state.targets_of(TargetKind.ENTRY):
            library = scene.world.libraries.get(target.instance)
            if not isinstance(library, Seen):
                continue
            entry = library.data.entries.get(int(target.external_id))
            if entry is None or entry.added != target.added or not entry.media.is_same(state.deletion.media):
                continue
            shelf = entry.files if entry.files is not None else library.data.entry_files.get(entry.id, ())
            has_files = bool(entry.file_count) and Unit(target.instance) in units
            if has_files or any(Unit(target.instance, file.season) in units for file in shelf):
                event("held with files")
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
    check_a_title_with_files_that_nobody_asked_for_in_words_is_left_as_it_is,
    check_every_open_deletion_says_what_it_waits_for,
    check_movies_and_series_never_meet,
)
