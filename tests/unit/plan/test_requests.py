"""Jellyseerr comes last, and nothing is cleared that was not deleted."""

from dataclasses import replace

import pytest

from reconciler.model import (
    ConditionType,
    DeletionState,
    Hints,
    InstanceName,
    Media,
    MediaKind,
    Options,
    Source,
    TargetKind,
)
from reconciler.observed import MediaRequest, MediaStatus, Record, RequestStatus
from reconciler.plan import Plan, Policy, plan_deletion
from reconciler.plan.actions import DeleteRecord, DeleteRequest, ResetVariant
from reconciler.plan.policy import LibraryInstance
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
    UNREACHABLE,
    WITH_4K,
    board_of,
    bound,
    changed,
    condition,
    deletion,
    entry,
    finishing,
    library,
    reason,
    record,
    request,
    sent,
    world,
)

REQUEST = ConditionType.REQUEST_CLEARED

KEEPING = Options(delete_files=False)
"""Makes the step before the requests settle at once."""


def look(state: DeletionState, seen: World, policy: Policy = POLICY) -> Plan:
    return plan_deletion(state, seen, policy)


def with_board(seen: World, *rows: Record | MediaRequest) -> World:
    return replace(seen, board=world(board=board_of(*rows)).board)


def case(*rows: Record | MediaRequest, policy: Policy = POLICY) -> tuple[DeletionState, World]:
    """HEAT whose entry is gone, so that the requests are next."""
    return bound(deletion(options=KEEPING), world(board=board_of(*rows)), policy)


def test_the_whole_record_goes_with_the_requests_that_were_bound() -> None:
    state, seen = case(record(4), request(5, 4), request(6, 4, status=RequestStatus.DECLINED), record(9, RONIN))
    (action,) = look(state, seen).actions
    assert isinstance(action, DeleteRecord)
    assert (action.record_id, action.media, action.request_ids) == (4, HEAT, frozenset({5, 6}))


def test_the_record_comes_after_the_entry() -> None:
    state, seen = bound(
        deletion(),
        world(radarr=library(entry(7, monitored=False)), board=board_of(record(4))),
    )
    plan = look(state, seen)
    assert reason(plan, REQUEST) is Reason.AFTER_ENTRY
    assert not any(isinstance(a, DeleteRecord) for a in plan.actions)


def test_the_record_is_cleared_once_the_complete_list_lacks_it() -> None:
    state, seen = case(record(4), request(5, 4))
    assert reason(look(sent(state, TargetKind.RECORD), with_board(seen)), REQUEST) is Reason.CLEARED
    assert reason(look(state, with_board(seen)), REQUEST) is Reason.NOTHING_TO_CLEAR
    assert reason(look(state, replace(seen, board=UNREACHABLE)), REQUEST) is Reason.UNREACHABLE


def test_a_record_made_anew_is_bound_before_it_is_cleared() -> None:
    state, seen = case(record(4))
    again = with_board(seen, record(4, created_at="2026"))
    plan = look(sent(state, TargetKind.RECORD), again)
    assert not any(isinstance(a, DeleteRecord) for a in plan.actions)
    assert reason(plan, REQUEST) is Reason.CONFIRMING


def test_a_record_is_asked_again_only_after_a_while() -> None:
    state, seen = case(record(4))
    asked = sent(state, TargetKind.RECORD)
    assert look(asked, seen).actions == ()
    assert look(asked, replace(seen, now=START + POLICY.resend_after)).actions != ()


def test_a_pending_request_is_never_cleared() -> None:
    state, seen = case(record(4), request(5, 4), request(6, 4, status=RequestStatus.PENDING))
    plan = look(state, seen)
    assert [a.request_id for a in plan.actions if isinstance(a, DeleteRequest)] == [5]
    assert not any(isinstance(a, DeleteRecord) for a in plan.actions)
    left = with_board(seen, record(4, status=MediaStatus.PENDING), request(6, 4, status=RequestStatus.PENDING))
    assert reason(look(state, left), REQUEST) is Reason.PENDING_KEPT


def test_a_pending_request_that_came_after_binding_keeps_the_record() -> None:
    state, seen = case(record(4), request(5, 4))
    later = with_board(seen, record(4), request(5, 4), request(6, 4, status=RequestStatus.PENDING))
    assert not any(isinstance(a, DeleteRecord) for a in look(state, later).actions)


def test_a_decline_keeps_its_own_request_because_deleting_it_would_undo_the_decline() -> None:
    state, seen = bound(
        deletion(source=Source.JELLYSEERR, inferred=True, hints=Hints(request_id=5), options=KEEPING),
        world(board=board_of(record(4, status=MediaStatus.PENDING), request(5, 4, status=RequestStatus.DECLINED))),
    )
    plan = look(state, seen)
    assert plan.actions == ()
    assert reason(plan, REQUEST) is Reason.DECLINE_KEPT


def test_a_blocklisted_record_stays_and_counts_as_cleared() -> None:
    state, seen = case(record(4, status=MediaStatus.BLOCKLISTED))
    plan = look(state, seen)
    assert plan.actions == ()
    assert reason(plan, REQUEST) is Reason.BLOCKLIST_KEPT


def test_the_other_variants_request_stays_and_the_covered_one_goes() -> None:
    rows = (record(4, status_4k=MediaStatus.AVAILABLE), request(5, 4), request(6, 4, is_4k=True))
    seen = world(libraries={RADARR_4K: library(entry(3))}, board=board_of(*rows))
    state, seen = bound(deletion(options=KEEPING), seen, WITH_4K)
    plan = look(state, seen, WITH_4K)
    assert [a.request_id for a in plan.actions if isinstance(a, DeleteRequest)] == [5]
    assert len(plan.actions) == 1


def test_a_covered_variant_that_still_shows_a_copy_is_reset_and_the_other_one_is_not() -> None:
    rows = (record(4, status_4k=MediaStatus.AVAILABLE), request(6, 4, is_4k=True))
    seen = world(libraries={RADARR_4K: library(entry(3))}, board=board_of(*rows))
    state, seen = bound(deletion(options=KEEPING), seen, WITH_4K)
    (action,) = look(state, seen, WITH_4K).actions
    assert isinstance(action, ResetVariant)
    assert action.is_4k is False
    reset = with_board(seen, record(4, status=MediaStatus.UNKNOWN, status_4k=MediaStatus.AVAILABLE), rows[1])
    plan = look(state, reset, WITH_4K)
    assert plan.actions == ()
    assert reason(plan, REQUEST) is Reason.PARTLY_COVERED


def test_the_other_variant_keeps_the_record_even_without_a_request() -> None:
    seen = world(
        libraries={RADARR_4K: library(entry(3))},
        board=board_of(record(4, status=MediaStatus.UNKNOWN, status_4k=MediaStatus.AVAILABLE)),
    )
    state, seen = bound(deletion(options=KEEPING), seen, WITH_4K)
    plan = look(state, seen, WITH_4K)
    assert plan.actions == ()
    assert reason(plan, REQUEST) is Reason.PARTLY_COVERED


def test_a_title_that_another_library_of_the_same_variant_still_holds_keeps_its_record_and_requests() -> None:
    anime = InstanceName("radarr-anime")
    policy = replace(POLICY, libraries={**POLICY.libraries, anime: LibraryInstance(anime, MediaKind.MOVIE)})
    seen = world(libraries={anime: library(entry(3))}, board=board_of(record(4), request(5, 4)))
    state, seen = bound(deletion(options=KEEPING, instances=[RADARR]), seen, policy)
    plan = look(state, seen, policy)
    assert plan.actions == ()
    assert reason(plan, REQUEST) is Reason.PARTLY_COVERED
    dark = replace(seen, libraries={**seen.libraries, anime: UNREACHABLE})
    plan = look(state, dark, policy)
    assert plan.actions == ()
    assert reason(plan, REQUEST) is Reason.UNREACHABLE


def test_a_title_wanted_again_keeps_its_record() -> None:
    state, seen = case(record(4), request(5, 4))
    plan = look(changed(finishing(state), destroyed_at=START), seen)
    assert plan.actions == ()
    assert reason(plan, REQUEST) is Reason.WANTED_AGAIN


def test_a_series_without_a_tmdb_id_is_provably_absent_only_if_every_record_has_a_tvdb_id() -> None:
    tvdb_only = Media(MediaKind.SERIES, tvdb_id=LOST.tvdb_id)
    other = Media(MediaKind.SERIES, tmdb_id=1)
    state, seen = bound(deletion(tvdb_only, options=KEEPING), world(board=board_of(record(4, other))))
    plan = look(state, seen)
    assert reason(plan, REQUEST) is Reason.IDENTITY_UNRESOLVED
    approved = changed(state, approved=frozenset({Reason.IDENTITY_UNRESOLVED}))
    assert reason(look(approved, seen), REQUEST) is Reason.ACCEPTED_BY_PERSON
    assert reason(look(state, with_board(seen)), REQUEST) is Reason.NOTHING_TO_CLEAR


@pytest.mark.parametrize("status", [MediaStatus.PENDING, MediaStatus.UNKNOWN, MediaStatus.DELETED])
def test_an_empty_record_goes_with_its_title(status: MediaStatus) -> None:
    state, seen = case(record(4, status=status))
    assert [type(a) for a in look(state, seen).actions] == [DeleteRecord]
    assert condition(look(state, seen), REQUEST).message.startswith("record 4")
