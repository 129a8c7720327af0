"""Rule 3: a re-request wins."""

from dataclasses import replace

import pytest

from reconciler.model import (
    Condition,
    ConditionType,
    DeletionState,
    ManualAdd,
    Options,
    SettledAs,
    Status,
    TargetKind,
)
from reconciler.observed import RequestStatus, Unseen
from reconciler.plan import Plan, plan_deletion
from reconciler.plan.actions import DeleteEntry, RemoveTorrent, RestoreMonitoring
from reconciler.plan.world import World
from reconciler.reasons import Reason, asks_a_person
from tests.support.clocks import START
from tests.support.worlds import (
    HEAT,
    POLICY,
    QBITTORRENT,
    RADARR,
    RONIN,
    SEERR,
    SONARR,
    UNREACHABLE,
    WITH_4K,
    board_of,
    bound,
    changed,
    condition,
    converged,
    deletion,
    destroyed,
    entry,
    finishing,
    hash_of,
    library,
    queue_item,
    reason,
    record,
    reference,
    request,
    sent,
    targets,
    torrent,
    torrent_id,
    world,
)

TORRENTS, ENTRY = ConditionType.TORRENTS_ABSENT, ConditionType.ENTRY_ABSENT


def look(state: DeletionState, seen: World) -> Plan:
    return plan_deletion(state, seen, POLICY)


@pytest.fixture
def case() -> tuple[DeletionState, World]:
    """HEAT with one torrent and a request, bound."""
    return bound(
        deletion(),
        world(
            torrents=[torrent(1)],
            radarr=library(entry(7)),
            board=board_of(record(4), request(5, 4)),
            references=[reference(1, 1, 7)],
        ),
    )


def in_radarr(seen: World, monitored: bool = True) -> World:
    found = world(radarr=library(entry(7, monitored=monitored))).libraries[RADARR]
    return replace(seen, libraries={**seen.libraries, RADARR: found})


def requested_again(seen: World, status: RequestStatus = RequestStatus.APPROVED, *, is_4k: bool = False) -> World:
    rows = board_of(record(4), request(5, 4), request(6, 4, status=status, is_4k=is_4k))
    return replace(seen, board=world(board=rows).board)


def added_by_hand(seen: World) -> World:
    return replace(seen, manual_adds=(ManualAdd(RADARR, 12, HEAT, 9),))


def grabbed_by_person(seen: World) -> World:
    return replace(seen, references=(*seen.references, reference(9, 9, 7, by_person=True)))


WANTS = [requested_again, added_by_hand, grabbed_by_person]


@pytest.mark.parametrize("want", WANTS)
def test_a_want_before_anything_was_destroyed_cancels(case: tuple[DeletionState, World], want: object) -> None:
    state, seen = case
    plan = look(state, want(seen))  # type: ignore[operator]  # one of WANTS
    assert plan.settle == (SettledAs.CANCELLED, Reason.WANTED_AGAIN)
    assert plan.actions == ()


@pytest.mark.parametrize("want", WANTS)
def test_a_want_gives_back_the_monitoring_before_it_cancels(case: tuple[DeletionState, World], want: object) -> None:
    state, seen = case
    frozen = changed(state, frozen_at=START)
    plan = look(frozen, in_radarr(want(seen), monitored=False))  # type: ignore[operator]  # one of WANTS
    assert plan.settle is None
    assert [type(a) for a in plan.actions] == [RestoreMonitoring]
    after = look(frozen, want(seen))  # type: ignore[operator]  # one of WANTS
    assert after.settle == (SettledAs.CANCELLED, Reason.WANTED_AGAIN)


def test_a_cancellation_waits_for_the_library_that_was_frozen(case: tuple[DeletionState, World]) -> None:
    state, seen = case
    dark = replace(requested_again(seen), libraries={**seen.libraries, RADARR: UNREACHABLE})
    plan = look(changed(state, frozen_at=START), dark)
    assert plan.settle is None
    assert reason(plan, ENTRY) is Reason.UNREACHABLE


@pytest.mark.parametrize("library_is_dark", [False, True])
def test_what_held_a_deletion_holds_it_no_more_while_it_is_called_off(
    case: tuple[DeletionState, World], library_is_dark: bool
) -> None:
    state, seen = case
    held = Condition(TORRENTS, QBITTORRENT, Status.FALSE, Reason.PROTECTED, "a tag protects it", START)
    doubted = Condition(ConditionType.FILES_ABSENT, RADARR, Status.UNKNOWN, Reason.SUSPICIOUS_LIST, "19 of 25", START)
    done = Condition(ConditionType.REQUEST_CLEARED, SEERR, Status.TRUE, Reason.CLEARED, "cleared", START)
    cancelled = changed(replace(state, conditions=(held, doubted, done)), frozen_at=START, cancel_requested_at=START)
    after = in_radarr(seen, monitored=False)
    if library_is_dark:
        after = replace(after, libraries={**after.libraries, RADARR: UNREACHABLE})
    plan = look(cancelled, after)
    assert plan.settle is None
    assert bool(plan.actions) is not library_is_dark
    assert reason(plan, TORRENTS) is Reason.CONFIRMING
    assert not any(asks_a_person(condition.reason) for condition in plan.conditions)
    assert reason(plan, ConditionType.REQUEST_CLEARED) is Reason.CLEARED


def test_a_cancellation_asks_about_the_list_that_its_end_waits_for(case: tuple[DeletionState, World]) -> None:
    state, seen = case
    old = Condition(
        ConditionType.FILES_ABSENT, RADARR, Status.UNKNOWN, Reason.SUSPICIOUS_LIST, "radarr: 19 of 25", START
    )
    cancelled = changed(replace(state, conditions=(old,)), frozen_at=START, cancel_requested_at=START)
    short = replace(seen, libraries={**seen.libraries, RADARR: Unseen(Reason.SUSPICIOUS_LIST, "radarr: 21 of 25")})
    plan = look(cancelled, short)
    asked = [(c.type, c.message) for c in plan.conditions if asks_a_person(c.reason)]
    assert asked == [(ENTRY, "radarr: 21 of 25")]


@pytest.mark.parametrize("want", WANTS)
def test_a_want_after_something_was_destroyed_finishes_the_old_copy_only(
    case: tuple[DeletionState, World], want: object
) -> None:
    state, seen = case
    state = sent(state, TargetKind.TORRENT)
    after = in_radarr(want(seen), monitored=False)  # type: ignore[operator]  # one of WANTS
    plan = look(state, after)
    assert plan.finishing
    assert plan.actions == ()
    assert plan.settle is None
    later = look(finishing(state), replace(after, now=START + POLICY.resend_after))
    assert [a.torrent for a in later.actions if isinstance(a, RemoveTorrent)] == [torrent_id(1)]
    assert not any(isinstance(a, DeleteEntry) for a in later.actions)


def test_finishing_never_ends_even_if_the_want_goes_away(case: tuple[DeletionState, World]) -> None:
    state, seen = case
    halfway = destroyed(finishing(state))
    gone = replace(seen, torrents=world().torrents)
    assert not any(isinstance(a, DeleteEntry) for a in look(halfway, gone).actions)


@pytest.mark.parametrize("status", [RequestStatus.PENDING, RequestStatus.DECLINED])
def test_a_pending_or_declined_request_is_no_want(case: tuple[DeletionState, World], status: RequestStatus) -> None:
    state, seen = case
    assert look(state, requested_again(seen, status)).settle is None


@pytest.mark.parametrize("status", [RequestStatus.APPROVED, RequestStatus.FAILED, RequestStatus.COMPLETED])
def test_every_live_request_is_a_want(case: tuple[DeletionState, World], status: RequestStatus) -> None:
    state, seen = case
    assert look(state, requested_again(seen, status)).settle is not None


def test_a_pending_request_that_is_approved_later_is_a_want() -> None:
    rows = board_of(record(4), request(5, 4, status=RequestStatus.PENDING))
    state, seen = bound(deletion(), world(radarr=library(entry(7)), board=rows))
    assert look(state, seen).settle is None
    approved = replace(seen, board=world(board=board_of(record(4), request(5, 4))).board)
    assert look(state, approved).settle == (SettledAs.CANCELLED, Reason.WANTED_AGAIN)


def test_the_requests_that_were_live_at_binding_are_no_wants(case: tuple[DeletionState, World]) -> None:
    state, seen = case
    assert look(state, seen).settle is None


def test_a_request_for_a_variant_that_is_not_covered_is_no_want(case: tuple[DeletionState, World]) -> None:
    state, seen = case
    assert plan_deletion(state, requested_again(seen, is_4k=True), WITH_4K).settle is None


def test_wants_for_other_titles_and_instances_do_not_count(case: tuple[DeletionState, World]) -> None:
    state, seen = case
    others = replace(
        seen,
        manual_adds=(ManualAdd(RADARR, 12, RONIN, 9), ManualAdd(SONARR, 12, HEAT, 10), ManualAdd(RADARR, 7, HEAT, 0)),
        references=(*seen.references, reference(9, 9, 8, RONIN, by_person=True)),
    )
    assert look(state, others).settle is None


def test_nothing_is_sent_while_jellyseerr_cannot_be_seen(case: tuple[DeletionState, World]) -> None:
    state, seen = case
    plan = look(state, replace(seen, board=UNREACHABLE))
    assert plan.actions == ()
    assert Reason.REQUESTS_UNSEEN in {c.reason for c in plan.conditions}


def test_without_jellyseerr_nothing_waits_for_it() -> None:
    policy = replace(POLICY, request_instance=None)
    state, seen = bound(deletion(), world(radarr=library(entry(7)), board=None), policy)
    assert plan_deletion(state, seen, policy).actions != ()


# --- references that arrive late ---


def test_late_references_of_a_bound_entry_are_swept(case: tuple[DeletionState, World]) -> None:
    state, seen = case
    late = replace(
        seen,
        torrents=world(torrents=[torrent(1), torrent(2)]).torrents,
        references=(*seen.references, reference(9, 2, 7)),
    )
    plan = look(state, late)
    assert plan.bind is not None
    assert plan.bind.released == (9,)
    assert [t.external_id for t in plan.bind.targets] == [hash_of(2)]
    assert plan.actions == ()


def test_a_webhooks_late_reference_waits_for_the_history_to_say_who_made_it(
    case: tuple[DeletionState, World],
) -> None:
    state, seen = case
    told = replace(
        seen,
        torrents=world(torrents=[torrent(1), torrent(2)]).torrents,
        references=(*seen.references, reference(9, 2, 7, history_id=None)),
    )
    plan = look(state, told)
    assert plan.bind is None
    assert plan.actions == ()
    assert Reason.CONFIRMING in {c.reason for c in plan.conditions}


def test_nothing_is_swept_while_jellyseerr_cannot_say_whether_the_title_is_wanted(
    case: tuple[DeletionState, World],
) -> None:
    state, seen = case
    blind = replace(
        seen,
        board=UNREACHABLE,
        torrents=world(torrents=[torrent(1), torrent(2)]).torrents,
        references=(*seen.references, reference(9, 2, 7)),
    )
    plan = look(destroyed(state), blind)
    assert (plan.bind, plan.actions) == (None, ())


def test_a_grab_that_no_history_confirms_is_not_waited_for_for_ever(case: tuple[DeletionState, World]) -> None:
    state, seen = case
    told = replace(seen, references=(*seen.references, reference(9, 2, 7, history_id=None)))
    waiting = replace(state, conditions=look(state, told).conditions)
    assert look(changed(waiting, attempt=8), told).actions == ()
    assert look(changed(waiting, attempt=9), told).actions != ()


def test_having_waited_long_for_something_else_does_not_shorten_the_wait_for_the_history(
    case: tuple[DeletionState, World],
) -> None:
    state, seen = case
    told = replace(seen, references=(*seen.references, reference(9, 2, 7, history_id=None)))
    dark = replace(state, conditions=look(state, replace(seen, torrents=UNREACHABLE)).conditions)
    assert look(changed(dark, attempt=50), told).actions == ()


def test_references_of_a_new_entry_are_never_swept(case: tuple[DeletionState, World]) -> None:
    state, seen = case
    fresh = replace(
        seen,
        torrents=world(torrents=[torrent(1), torrent(2)]).torrents,
        references=(*seen.references, reference(9, 2, 12)),
    )
    plan = look(state, fresh)
    assert plan.bind is None
    assert torrent_id(2) not in {a.torrent for a in plan.actions if isinstance(a, RemoveTorrent)}


def test_late_references_of_another_title_under_a_reused_entry_id_are_not_swept(
    case: tuple[DeletionState, World],
) -> None:
    state, seen = case
    reused = replace(
        seen,
        torrents=world(torrents=[torrent(1), torrent(2)]).torrents,
        references=(*seen.references, reference(9, 2, 7, RONIN)),
    )
    assert look(state, reused).bind is None


def test_nothing_is_swept_once_the_title_is_wanted_again(case: tuple[DeletionState, World]) -> None:
    state, seen = case
    state = destroyed(finishing(state))
    late = replace(
        seen,
        torrents=world(torrents=[torrent(1), torrent(2)]).torrents,
        references=(*seen.references, reference(9, 2, 7)),
        libraries=world(radarr=library(entry(7), queue=[queue_item(1, 7, hash_of(2))])).libraries,
    )
    plan = look(state, late)
    assert plan.bind is None
    assert torrent_id(2) not in {a.torrent for a in plan.actions if isinstance(a, RemoveTorrent)}


def test_a_record_that_a_scan_made_anew_is_bound_too(case: tuple[DeletionState, World]) -> None:
    state, seen = case
    state = sent(state)
    plan = look(
        state,
        replace(
            seen,
            torrents=world().torrents,
            libraries=world().libraries,
            board=world(board=board_of(record(8, created_at="2026"))).board,
        ),
    )
    assert plan.bind is not None
    assert [(t.kind, t.external_id) for t in plan.bind.targets] == [(TargetKind.RECORD, "8")]


# --- a person cancels ---


def test_a_persons_cancel_gives_back_the_monitoring_first(case: tuple[DeletionState, World]) -> None:
    state, seen = case
    cancelling = changed(state, frozen_at=START, cancel_requested_at=START)
    plan = look(cancelling, in_radarr(seen, monitored=False))
    assert [type(a) for a in plan.actions] == [RestoreMonitoring]
    assert plan.settle is None
    assert look(cancelling, seen).settle == (SettledAs.CANCELLED, Reason.CANCELLED_BY_PERSON)


def test_a_cancel_before_binding_ends_it_at_once() -> None:
    plan = look(changed(deletion(), cancel_requested_at=START), world(radarr=library(entry(7))))
    assert plan.settle == (SettledAs.CANCELLED, Reason.CANCELLED_BY_PERSON)
    assert plan.bind is None


def test_a_cancel_before_binding_does_not_wait_for_an_upstream() -> None:
    plan = look(changed(deletion(), cancel_requested_at=START), world(torrents=UNREACHABLE))
    assert plan.settle == (SettledAs.CANCELLED, Reason.CANCELLED_BY_PERSON)


def test_a_cancel_does_not_monitor_what_was_not_monitored_before() -> None:
    state, seen = bound(deletion(), world(radarr=library(entry(7, monitored=False))))
    plan = look(changed(state, frozen_at=START, cancel_requested_at=START), seen)
    assert plan.actions == ()
    assert plan.settle is not None


def test_monitoring_is_given_back_to_the_bound_entry_only(case: tuple[DeletionState, World]) -> None:
    state, seen = case
    impostor = world(radarr=library(entry(7, added="2030", monitored=False))).libraries
    plan = look(changed(state, frozen_at=START, cancel_requested_at=START), replace(seen, libraries=impostor))
    assert plan.actions == ()
    assert plan.settle is not None


def test_observe_mode_does_not_even_give_back_monitoring(case: tuple[DeletionState, World]) -> None:
    state, seen = case
    policy = replace(POLICY, enforce=False)
    cancelling = changed(state, frozen_at=START, cancel_requested_at=START)
    plan = plan_deletion(cancelling, in_radarr(seen, monitored=False), policy)
    assert plan.actions == ()
    assert plan.settle is None
    assert Reason.OBSERVE_MODE in {c.reason for c in plan.conditions}


# --- after convergence ---


def test_the_very_same_torrent_coming_back_is_drift_and_reopens(case: tuple[DeletionState, World]) -> None:
    state, seen = case
    settled = converged(sent(state))
    plan = look(settled, replace(seen, libraries=world().libraries, board=world().board))
    assert plan.reopen
    assert plan.actions == ()


def test_a_torrent_added_anew_after_convergence_is_nobodys_business(case: tuple[DeletionState, World]) -> None:
    state, seen = case
    settled = converged(sent(state))
    again = world(torrents=[torrent(1, added_on=1_800_000_000)])
    plan = look(settled, replace(again, references=seen.references))
    assert not plan.reopen


def test_the_same_torrent_that_somebody_refers_to_again_is_left_alone(case: tuple[DeletionState, World]) -> None:
    state, seen = case
    settled = converged(sent(state))
    wanted = world(torrents=[torrent(1)], references=[*seen.references, reference(9, 1, 12)])
    assert not look(settled, wanted).reopen


def test_the_very_same_entry_coming_back_is_drift_and_a_new_one_is_not(case: tuple[DeletionState, World]) -> None:
    state, _ = case
    settled = converged(sent(state))
    assert look(settled, world(radarr=library(entry(7)))).reopen
    assert not look(settled, world(radarr=library(entry(12)))).reopen
    assert not look(settled, world(radarr=library(entry(7, added="2030")))).reopen


def test_an_entry_that_stayed_because_it_was_wanted_again_is_no_drift(case: tuple[DeletionState, World]) -> None:
    state, _ = case
    settled = converged(finishing(sent(state)))
    assert not look(settled, world(radarr=library(entry(7)))).reopen


def test_an_entry_that_came_back_because_the_title_is_wanted_again_is_no_drift(
    case: tuple[DeletionState, World],
) -> None:
    state, seen = case
    settled = converged(sent(state))
    wanted = replace(requested_again(seen), torrents=world().torrents)
    assert not look(settled, wanted).reopen


def test_the_very_same_old_torrent_is_drift_also_while_the_title_is_wanted_again(
    case: tuple[DeletionState, World],
) -> None:
    state, seen = case
    wanted = replace(requested_again(seen), libraries=world(radarr=library(entry(12))).libraries)
    assert look(converged(sent(state)), wanted).reopen
    reopened = replace(wanted, now=START + POLICY.resend_after)
    plan = look(finishing(sent(state)), reopened)
    assert [type(a) for a in plan.actions] == [RemoveTorrent]


def test_what_cannot_be_seen_is_no_drift(case: tuple[DeletionState, World]) -> None:
    state, _ = case
    dark = world(torrents=UNREACHABLE, radarr=UNREACHABLE, board=UNREACHABLE)
    plan = look(converged(sent(state)), dark)
    assert not plan.reopen
    assert plan.actions == ()


def test_wanted_again_is_how_a_finished_deletion_says_it_ended(case: tuple[DeletionState, World]) -> None:
    state, _ = case
    finished = changed(finishing(sent(state)), searched=state.deletion.units)
    plan = look(finished, world(radarr=library(entry(7, files=()))))
    assert plan.settle == (SettledAs.CONVERGED, Reason.WANTED_AGAIN)
    assert condition(plan, ENTRY).reason is Reason.WANTED_AGAIN


def test_kept_files_and_a_want_still_settle() -> None:
    state, seen = bound(deletion(options=Options(delete_files=False)), world(radarr=library(entry(7))))
    plan = look(destroyed(finishing(state)), seen)
    assert plan.settle == (SettledAs.CONVERGED, Reason.WANTED_AGAIN)
    assert len(targets(state, TargetKind.ENTRY)) == 1
