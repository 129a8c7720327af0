"""Jellyseerr comes last: what was requested is cleared no wider than what was deleted."""

from dataclasses import dataclass

from reconciler.model import Condition, ConditionType, DeletionState, InstanceName, MediaKind, Target, TargetKind
from reconciler.observed import MediaRequest, MediaStatus, Record, RequestBoard, RequestStatus, Seen, Unseen
from reconciler.plan.actions import DeleteRecord, DeleteRequest, ResetVariant
from reconciler.plan.bind import live_entries
from reconciler.plan.facts import absent_upstream, counted, covered_variants, is_due, is_false, is_true, listed, unseen
from reconciler.plan.files import was_emptied
from reconciler.plan.policy import Policy
from reconciler.plan.variants import covers_request
from reconciler.plan.watching import bound_live
from reconciler.plan.world import Coverage, World
from reconciler.reasons import Reason

_TYPE = ConditionType.REQUEST_CLEARED

_EMPTY = frozenset({MediaStatus.UNKNOWN, MediaStatus.DELETED, MediaStatus.PENDING})

RequestAction = DeleteRequest | DeleteRecord | ResetVariant


@dataclass(frozen=True, slots=True)
class RequestFinding:
    condition: Condition
    actions: tuple[RequestAction, ...] = ()
    absent: tuple[int, ...] = ()
    present: tuple[int, ...] = ()


def judge_requests(
    state: DeletionState, world: World, policy: Policy, coverage: Coverage, *, is_settled_before: bool
) -> RequestFinding:
    """Judge the bound record and requests. Acts only when everything before is settled."""
    instance = policy.request_instance
    if world.board is None or instance is None:
        return RequestFinding(absent_upstream(_TYPE))
    if isinstance(world.board, Unseen):
        return RequestFinding(unseen(_TYPE, instance, world.board))
    board = world.board.data
    records = [_find(board.records.get(int(t.external_id)), t) for t in state.targets_of(TargetKind.RECORD)]
    requests = [_find(board.requests.get(int(t.external_id)), t) for t in state.targets_of(TargetKind.REQUEST)]
    pairs = [*records, *requests]
    absent = tuple(t.number for t, row in pairs if row is None)
    present = tuple(t.number for t, row in pairs if row is not None)
    if _is_all_wanted(state):
        text = "the title is wanted again, so its record stays"
        return RequestFinding(is_true(_TYPE, instance, Reason.WANTED_AGAIN, text), (), absent, present)
    if not is_settled_before:
        text = "comes last: a scan would recreate the record while the library still lists the title"
        return RequestFinding(is_false(_TYPE, instance, Reason.AFTER_ENTRY, text), (), absent, present)
    live = [(t, r) for t, r in records if isinstance(r, Record)]
    if not live:
        return RequestFinding(_nothing(state, instance, world, board, coverage), (), absent, present)
    elsewhere = _held_elsewhere(state, instance, world, policy, coverage)
    if elsewhere is not None:
        return RequestFinding(elsewhere, (), absent, present)
    target, record = live[0]
    bound = [
        (t, r)
        for t, r in requests
        if isinstance(r, MediaRequest) and r.record_id == record.id and covers_request(r, state.deletion, world, policy)
    ]
    condition, actions = _clear(state, instance, target, record, bound, world, policy)
    return RequestFinding(condition, actions, absent, present)


def _is_all_wanted(state: DeletionState) -> bool:
    """Tell whether nothing is left to clear for: every part that is still covered is only being finished."""
    deletion = state.deletion
    return bool(deletion.finishing) and deletion.units <= deletion.finishing


def _held_elsewhere(
    state: DeletionState, instance: InstanceName, world: World, policy: Policy, coverage: Coverage
) -> Condition | None:
    """Return why nothing is cleared: a library that is not covered holds the same variant of the title."""
    variants = covered_variants(state.deletion, policy)
    for name, library in sorted(policy.libraries.items()):
        if name in coverage.instances or library.kind is not coverage.media.kind or library.is_4k not in variants:
            continue
        observation = world.libraries.get(name)
        if isinstance(observation, Unseen):
            return unseen(_TYPE, instance, observation)
        if live_entries(name, world, coverage.media):
            return is_true(_TYPE, instance, Reason.PARTLY_COVERED, f"{name} still has the title and is not covered")
    return None


def _find(row: Record | MediaRequest | None, target: Target) -> tuple[Target, Record | MediaRequest | None]:
    """Pair a target with its live row, if that is the very one that was bound."""
    if row is None or row.created_at != target.added or target.media is None or not row.media.is_same(target.media):
        return target, None
    return target, row


def _nothing(
    state: DeletionState, instance: InstanceName, world: World, board: RequestBoard, coverage: Coverage
) -> Condition:
    media = coverage.media
    if world.records.same(media):
        return is_false(_TYPE, instance, Reason.CONFIRMING, "a record appeared that is not bound yet")
    if any(t.sent_at is not None for t in state.targets_of(TargetKind.RECORD)):
        return is_true(_TYPE, instance, Reason.CLEARED, "the record is gone; the title can be requested again")
    is_provable = media.tmdb_id is not None or all(
        r.media.tvdb_id is not None for r in board.records.values() if r.media.kind is MediaKind.SERIES
    )
    if not is_provable and not state.targets_of(TargetKind.RECORD):
        if Reason.IDENTITY_UNRESOLVED in state.deletion.approved:
            return is_true(_TYPE, instance, Reason.ACCEPTED_BY_PERSON, "a person confirmed that there is no record")
        text = f"{media} could not be translated into the id that {instance} uses, so absence proves nothing"
        return is_false(_TYPE, instance, Reason.IDENTITY_UNRESOLVED, text)
    return is_true(_TYPE, instance, Reason.NOTHING_TO_CLEAR, "there is no record of it")


def _clear(
    state: DeletionState,
    instance: InstanceName,
    target: Target,
    record: Record,
    bound: list[tuple[Target, MediaRequest]],
    world: World,
    policy: Policy,
) -> tuple[Condition, tuple[RequestAction, ...]]:
    deletion = state.deletion
    bound_ids = {r.id for _, r in bound}
    on_record = [r for r in world.requests.sharing_an_id(record.media) if r.record_id == record.id]
    others = [r for r in on_record if r.id not in bound_ids]
    keeps = _why_kept(state, record, others, world, policy)
    singles = tuple(
        DeleteRequest(deletion.id, instance, t.number, r.id, r.created_at, deletion.live_request_ids)
        for t, r in bound
        if is_due(t, world.now, policy)
    )
    if keeps is None:
        action = DeleteRecord(
            deletion.id,
            instance,
            target.number,
            record.id,
            record.media,
            record.created_at,
            frozenset(bound_ids),
            deletion.live_request_ids,
        )
        text = f"record {record.id} with {counted(len(bound), 'request')} is to be deleted"
        return is_false(_TYPE, instance, Reason.PRESENT, text), (action,) if is_due(target, world.now, policy) else ()
    if bound:
        text = f"{counted(len(bound), 'request')} to be deleted: {listed(str(i) for i in bound_ids)}"
        return is_false(_TYPE, instance, Reason.PRESENT, text), singles
    if deletion.seasons is not None:
        return is_true(_TYPE, instance, *keeps), ()
    wanting_nothing_yet = {RequestStatus.PENDING, RequestStatus.DECLINED}
    others_have = {r.is_4k for r in others if r.status not in wanting_nothing_yet}
    stale = [v for v in sorted(covered_variants(deletion, policy) - others_have) if _is_stale(record, is_4k=v)]
    if stale:
        resets = tuple(
            ResetVariant(
                deletion.id, instance, target.number, record.id, record.media, record.created_at, is_4k=variant
            )
            for variant in stale
            if is_due(target, world.now, policy)
        )
        return is_false(_TYPE, instance, Reason.PRESENT, "the record still says that a copy is there"), resets
    return is_true(_TYPE, instance, *keeps), ()


def _why_kept(
    state: DeletionState, record: Record, others: list[MediaRequest], world: World, policy: Policy
) -> tuple[Reason, str] | None:
    """Return why the record must stay after its covered requests went, or `None` if the whole of it is covered."""
    deletion = state.deletion
    if deletion.finishing:
        return Reason.PARTLY_COVERED, "the record stays, because a part of the title is wanted again"
    if MediaStatus.BLOCKLISTED in {record.status, record.status_4k}:
        return Reason.BLOCKLIST_KEPT, "the record stays because the title is blocklisted"
    if deletion.inferred and any(r.status is RequestStatus.DECLINED for r in others):
        return Reason.DECLINE_KEPT, "the declined request stays: deleting it would undo the decline"
    if any(r.status is RequestStatus.PENDING for r in others):
        return Reason.PENDING_KEPT, "someone's pending request stays; approving it downloads the title afresh"
    if others:
        return (
            Reason.PARTLY_COVERED,
            f"requests it does not cover stay: {listed(str(r.id) for r in others)}",
        )
    if deletion.seasons is not None and not _is_series_gone(state, world):
        return Reason.PARTLY_COVERED, "the series stays; Jellyseerr's own availability sync notes what is gone of it"
    variants = covered_variants(deletion, policy)
    other = [v for v in (False, True) if v not in variants and _variant(record, is_4k=v) not in _EMPTY]
    if other:
        return Reason.PARTLY_COVERED, "the other variant (HD or 4K) is not covered and stays"
    return None


def _is_series_gone(state: DeletionState, world: World) -> bool:
    """Tell whether the series itself went with its last season, everywhere, and by this very deletion."""
    entries = state.targets_of(TargetKind.ENTRY)
    return (
        bool(entries)
        and all(isinstance(world.libraries.get(t.instance), Seen) for t in entries)
        and all(was_emptied(t, state.deletion) for t in entries)
        and not bound_live(state, world)
    )


def _variant(record: Record, *, is_4k: bool) -> MediaStatus:
    return record.status_4k if is_4k else record.status


def _is_stale(record: Record, *, is_4k: bool) -> bool:
    return _variant(record, is_4k=is_4k) in {
        MediaStatus.PROCESSING,
        MediaStatus.PARTIALLY_AVAILABLE,
        MediaStatus.AVAILABLE,
    }
