"""The order of work, the gates before it, the breaker, and observe mode."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from reconciler.model import ConditionType, DeletionState, SettledAs, TargetKind
from reconciler.observed import Seen, Unseen
from reconciler.plan import Policy, plan_all, plan_deletion
from reconciler.plan.actions import DeleteEntry, DeleteRecord, RemoveTorrent, Unmonitor, is_destructive
from reconciler.plan.world import World
from reconciler.reasons import Reason
from tests.support.clocks import START
from tests.support.worlds import (
    HEAT,
    POLICY,
    RADARR,
    RONIN,
    SONARR,
    applied,
    board_of,
    bound,
    changed,
    current_ledger,
    deletion,
    destroyed,
    entry,
    incomplete_ledger,
    library,
    listing,
    reason,
    record,
    reference,
    released,
    request,
    sent,
    torrent,
    world,
)

LISTINGS = {"/data/movies/": listing("Other"), "/data/torrents/": listing("Other"), "/data/": listing("movies")}


def full(*, monitored: bool = True) -> World:
    return world(
        torrents=[torrent(1)],
        radarr=library(entry(7, monitored=monitored), listings=LISTINGS),
        board=board_of(record(4), request(5, 4)),
        references=[reference(1, 1, 7)],
    )


def test_the_steps_come_in_the_order_of_the_design() -> None:
    state, seen = bound(deletion(), full())
    steps: list[type] = []

    def step(world_: World, state: DeletionState) -> None:
        plan = plan_deletion(state, world_, POLICY)
        assert len({type(a) for a in plan.actions}) == 1
        steps.append(type(plan.actions[0]))

    step(seen, state)
    frozen = replace(seen, libraries=full(monitored=False).libraries)
    step(frozen, state)
    state = sent(state, TargetKind.TORRENT)
    no_torrent = replace(frozen, torrents=world().torrents)
    step(no_torrent, state)
    state = sent(state, TargetKind.ENTRY)
    no_entry = replace(no_torrent, libraries=world(radarr=library(listings=LISTINGS)).libraries)
    step(no_entry, state)
    state = sent(state, TargetKind.RECORD)
    plan = plan_deletion(state, replace(no_entry, board=world().board), POLICY)
    assert plan.settle == (SettledAs.CONVERGED, None)
    assert plan.watch_until == START + POLICY.watch_window
    assert steps == [Unmonitor, RemoveTorrent, DeleteEntry, DeleteRecord]


def test_nothing_is_destroyed_before_binding_is_stored() -> None:
    plan = plan_deletion(deletion(), full(), POLICY)
    assert plan.bind is not None
    assert plan.actions == ()


def test_nothing_is_destroyed_while_any_ledger_is_incomplete_or_the_owning_one_is_not_current() -> None:
    state, seen = bound(deletion(), full(monitored=False))
    for ledger in (
        {**seen.ledger, SONARR: incomplete_ledger(SONARR)},
        {**seen.ledger, RADARR: current_ledger(RADARR, is_current=False)},
        {},
    ):
        plan = plan_deletion(state, replace(seen, ledger=ledger), POLICY)
        assert not any(is_destructive(a) for a in plan.actions)
        assert Reason.LEDGER_INCOMPLETE in {c.reason for c in plan.conditions}


def test_an_uncovered_library_whose_history_is_not_current_does_not_stop_it() -> None:
    state, seen = bound(deletion(), full(monitored=False))
    ledger = {**seen.ledger, SONARR: current_ledger(SONARR, is_current=False)}
    assert plan_deletion(state, replace(seen, ledger=ledger), POLICY).actions != ()


def test_observe_mode_plans_and_shows_and_sends_nothing() -> None:
    policy = replace(POLICY, enforce=False)
    state, seen = bound(deletion(), full(), policy)
    plan = plan_deletion(state, seen, policy)
    assert plan.actions == ()
    assert Reason.OBSERVE_MODE in {c.reason for c in plan.conditions}
    assert not plan.frozen


# --- the breaker ---


def many(count: int, policy: Policy = POLICY) -> tuple[list[DeletionState], World]:
    """Bound deletions of several titles, each with an unmonitored entry."""
    titles = [replace(HEAT, tmdb_id=100 + n) for n in range(count)]
    seen = world(radarr=library(*(entry(n + 1, m, monitored=False) for n, m in enumerate(titles))))
    states: list[DeletionState] = []
    for number, media in enumerate(titles, 1):
        state = deletion(media, number=number, requested_at=START + timedelta(seconds=number))
        plan = plan_deletion(state, seen, policy)
        assert plan.bind is not None
        states.append(applied(state, plan.bind))
        seen = released(seen, plan.bind.released, state.deletion.id)
    return states, seen


def test_the_breaker_holds_what_is_over_the_limit_and_lets_the_oldest_through() -> None:
    policy = replace(POLICY, breaker_limit=2)
    states, seen = many(4, policy)
    plans = plan_all(states[::-1], seen, policy)
    assert [p.deletion for p in plans] == [s.deletion.id for s in states]
    assert [bool(p.actions) for p in plans] == [True, True, False, False]
    assert [p.trip_breaker for p in plans] == [False, False, True, True]
    assert Reason.BREAKER_OPEN in {c.reason for c in plans[2].conditions}


def test_what_turned_destructive_recently_counts_for_the_breaker() -> None:
    policy = replace(POLICY, breaker_limit=3)
    states, seen = many(2, policy)
    plans = plan_all(states, replace(seen, destructive_recently=2), policy)
    assert [bool(p.actions) for p in plans] == [True, False]


def test_a_tripped_deletion_stays_held_after_the_window_until_a_person_approves() -> None:
    states, seen = many(1)
    tripped = changed(states[0], breaker_tripped_at=START)
    (plan,) = plan_all([tripped], seen, POLICY)
    assert plan.actions == ()
    assert Reason.BREAKER_OPEN in {c.reason for c in plan.conditions}
    approved = changed(states[0], approved=frozenset({Reason.BREAKER_OPEN}))
    (plan,) = plan_all([approved], replace(seen, destructive_recently=99), POLICY)
    assert plan.actions != ()


WAITING: dict[str, dict[str, Any]] = {
    "a deny window": {"denied_until": START + timedelta(hours=1)},
    "qBittorrent is out": {"torrents": Unseen(Reason.UNREACHABLE, "qbittorrent: refused the connection")},
    "Jellyseerr is out": {"board": Unseen(Reason.UNREACHABLE, "jellyseerr: refused the connection")},
    "a history is not read": {"ledger": {}},
}


@pytest.mark.parametrize("why", WAITING)
def test_a_tripped_deletion_stays_held_while_nothing_could_be_done_anyway(why: str) -> None:
    states, seen = many(1)
    waiting = replace(seen, **WAITING[why])
    (plan,) = plan_all([changed(states[0], breaker_tripped_at=START)], waiting, POLICY)
    assert (plan.actions, plan.trip_breaker) == ((), True)
    assert Reason.BREAKER_OPEN in {c.reason for c in plan.conditions}
    (free,) = plan_all(states, waiting, POLICY)
    assert Reason.BREAKER_OPEN not in {c.reason for c in free.conditions}, "it holds only what it has stopped"


def test_what_a_person_let_go_on_while_a_pass_tripped_it_is_not_asked_about_again() -> None:
    states, seen = many(1)
    approved = changed(states[0], breaker_tripped_at=START, approved=frozenset({Reason.BREAKER_OPEN}))
    (plan,) = plan_all([approved], replace(seen, denied_until=START + timedelta(hours=1)), POLICY)
    assert {c.reason for c in plan.conditions} & {Reason.BREAKER_OPEN, Reason.DENY_WINDOW} == {Reason.DENY_WINDOW}


def test_a_tripped_deletion_that_something_else_holds_shows_that() -> None:
    states, seen = many(1)
    libraries = dict(seen.libraries) | dict(
        world(radarr=library(entry(1, states[0].deletion.media, monitored=False, tags=("keep",)))).libraries
    )
    policy = replace(POLICY, protect_labels=frozenset({"keep"}))
    (plan,) = plan_all([changed(states[0], breaker_tripped_at=START)], replace(seen, libraries=libraries), policy)
    reasons = {c.reason for c in plan.conditions}
    assert Reason.PROTECTED in reasons
    assert Reason.BREAKER_OPEN not in reasons


def test_a_tripped_deletion_of_what_is_gone_by_itself_converges() -> None:
    states, seen = many(1)
    gone = replace(seen, libraries=world(radarr=library(listings=LISTINGS)).libraries)
    (plan,) = plan_all([changed(states[0], breaker_tripped_at=START)], gone, POLICY)
    assert plan.settle == (SettledAs.CONVERGED, None)


def test_a_deletion_that_already_destroyed_something_is_not_stopped_half_way() -> None:
    states, seen = many(1)
    (plan,) = plan_all([destroyed(states[0])], replace(seen, destructive_recently=99), POLICY)
    assert plan.actions != ()
    assert not plan.trip_breaker


def test_giving_back_monitoring_is_not_stopped_by_the_breaker() -> None:
    states, seen = many(1)
    thawing = changed(states[0], frozen_at=START, cancel_requested_at=START)
    thawing = replace(
        thawing,
        targets=tuple(replace(t, prior=replace(t.prior, monitored=True)) if t.prior else t for t in thawing.targets),
    )
    (plan,) = plan_all([thawing], replace(seen, destructive_recently=99), POLICY)
    assert plan.actions != ()


# --- several deletions at once ---


def test_two_deletions_of_the_same_title_do_not_stop_each_other() -> None:
    first, seen = bound(deletion(number=1), full(monitored=False))
    second, seen = bound(deletion(number=2), seen)
    both = plan_all([first, second], replace(seen, releasers={}), POLICY)
    assert {a.torrent for p in both for a in p.actions if isinstance(a, RemoveTorrent)} == {torrent(1).id}


def test_a_deletion_that_waits_does_not_stop_another() -> None:
    held = deletion(RONIN, number=2)
    world_ = world(radarr=library(entry(7, monitored=False), entry(8, RONIN, tags=["keep"])))
    first, seen = bound(deletion(number=1), world_)
    second, seen = bound(held, seen)
    plans = plan_all([second, first], seen, POLICY)
    assert [bool(p.actions) for p in plans] == [True, False]
    assert reason(plans[1], ConditionType.ENTRY_ABSENT) is Reason.PROTECTED
    assert isinstance(seen.libraries[RADARR], Seen)
