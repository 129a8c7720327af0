"""What a pass writes of deletions, and what pages read."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from reconciler.model import (
    ConditionType,
    DeletionId,
    DeletionState,
    Event,
    MediaKind,
    Monitoring,
    Phase,
    SettledAs,
    Source,
    Status,
    Target,
    TargetKind,
    phase_of,
)
from reconciler.ports import DeletionFilter, Destroyed, Store
from reconciler.reasons import MEANINGS, Effect, Reason
from tests.support.store import (
    HEAT,
    LOST,
    MATRIX,
    QBITTORRENT,
    RADARR,
    SONARR,
    START,
    StillClock,
    ask_one,
    binding,
    condition,
    created,
    entry_target,
    lease_of,
    torrent_target,
    verdict,
    wish,
)

UNKNOWN = DeletionId("01936d5e-0000-7000-8000-000000000000")
DAY = timedelta(days=1)


async def state_of(store: Store, deletion: DeletionId) -> DeletionState:
    state = await store.deletion(deletion)
    assert state is not None
    return state


# --- binding and sending -------------------------------------------------------------------------------------------


async def test_binding_stores_every_fact_of_a_target(store: Store) -> None:
    deletion = await created(store)
    target = Target(
        TargetKind.ENTRY,
        RADARR,
        "7",
        media=MATRIX,
        added="2025-01-01T00:00:00.5Z",
        name="The Matrix \N{SNOWMAN}",
        path="/movies/The Matrix (1999)",
        files=("/movies/The Matrix (1999)/a.mkv", "/movies/The Matrix (1999)/b.srt"),
        file_ids=(11, 2**40),
        size=2**40,
        prior=Monitoring(monitored=True, seasons=((0, False), (1, True)), new_items="all"),
        absent_since=START,
        season=0,
    )
    await store.bind(await lease_of(store), binding(deletion, target, seq=3))
    state = await state_of(store, deletion)
    assert [replace(t, number=0) for t in state.targets] == [target]
    assert state.targets[0].number > 0
    assert (state.deletion.bound_at, state.deletion.bound_seq) == (START, 3)
    assert state.deletion.live_request_ids == {5}
    assert state.phase is Phase.CONVERGING


async def test_binding_again_adds_targets_and_changes_nothing_that_was_bound(store: Store) -> None:
    deletion = await created(store)
    lease = await lease_of(store)
    await store.bind(lease, binding(deletion, entry_target(), seq=3))
    changed = replace(entry_target(), added="later")
    again = replace(
        binding(deletion, changed, torrent_target(), seq=9),
        live_request_ids=frozenset({6}),
        at=START + timedelta(hours=1),
    )
    await store.bind(lease, again)
    state = await state_of(store, deletion)
    assert [(t.kind, t.added) for t in state.targets] == [
        (TargetKind.ENTRY, entry_target().added),
        (TargetKind.TORRENT, "1700000000"),
    ]
    assert (state.deletion.bound_seq, state.deletion.bound_at, state.deletion.live_request_ids) == (
        3,
        START,
        frozenset({5}),
    )


async def test_binding_fills_in_ids_that_were_not_known(store: Store) -> None:
    deletion = await created(store, wish(replace(LOST, tmdb_id=None)))
    await store.bind(await lease_of(store), replace(binding(deletion), media=LOST))
    assert (await state_of(store, deletion)).deletion.media == LOST


async def test_what_was_sent_is_known_before_the_call_and_the_first_destruction_is_remembered(store: Store) -> None:
    deletion = await created(store)
    lease = await lease_of(store)
    await store.bind(lease, binding(deletion, entry_target(), torrent_target()))
    entry, torrent = (await state_of(store, deletion)).targets
    await store.mark_sent(lease, {deletion: [entry.number]}, START, kind="EndDownloads", destructive=False)
    state = await state_of(store, deletion)
    assert (state.targets[0].sent_at, state.targets[1].sent_at, state.deletion.destroyed_at) == (START, None, None)
    first, second = START + timedelta(seconds=1), START + timedelta(seconds=9)
    await store.mark_sent(lease, {deletion: [torrent.number]}, first, kind="RemoveTorrent", destructive=True)
    await store.mark_sent(lease, {deletion: [torrent.number]}, second, kind="RemoveTorrent", destructive=True)
    state = await state_of(store, deletion)
    assert state.targets[1].sent_at == second
    assert state.deletion.destroyed_at == first
    assert await store.became_destructive_since(first) == Destroyed(1)
    assert await store.became_destructive_since(second) == Destroyed()


# --- verdicts ------------------------------------------------------------------------------------------------------


async def test_a_verdict_replaces_the_conditions_and_sets_what_is_due(store: Store) -> None:
    deletion = await created(store)
    lease = await lease_of(store)
    await store.record(lease, [verdict(deletion, condition(), condition(instance=SONARR))])
    await store.record(lease, [replace(verdict(deletion, condition()), attempt=4)])
    state = await state_of(store, deletion)
    assert state.conditions == (replace(condition(), last_transition_time=START, reason_since=START),)
    assert (state.deletion.attempt, state.deletion.next_due_at) == (4, START + timedelta(minutes=5))


async def test_the_transition_time_moves_only_with_the_status(store: Store) -> None:
    deletion = await created(store)
    lease = await lease_of(store)
    times = [START + timedelta(minutes=n) for n in range(3)]
    await store.record(lease, [verdict(deletion, condition(), at=times[0])])
    await store.record(lease, [verdict(deletion, condition(Reason.REMOVING), at=times[1])])
    assert (await state_of(store, deletion)).conditions[0].last_transition_time == times[0]
    await store.record(lease, [verdict(deletion, condition(Reason.ABSENT, Status.TRUE), at=times[2])])
    assert (await state_of(store, deletion)).conditions[0].last_transition_time == times[2]


async def test_a_condition_knows_since_when_it_has_its_reason_whatever_its_status_and_words(store: Store) -> None:
    deletion = await created(store)
    lease = await lease_of(store)
    course = (
        (condition(Reason.SEEDING), START, START),
        (condition(Reason.PROTECTED), START + 14 * DAY, START + 14 * DAY),
        (condition(Reason.PROTECTED, message="other words"), START + 15 * DAY, START + 14 * DAY),
        (condition(Reason.PROTECTED, Status.UNKNOWN), START + 16 * DAY, START + 14 * DAY),
        (condition(Reason.UNREACHABLE, Status.UNKNOWN), START + 17 * DAY, START + 17 * DAY),
    )
    for shown, at, since in course:
        await store.record(lease, [verdict(deletion, shown, at=at)])
        assert (await state_of(store, deletion)).conditions[0].reason_since == since


async def test_a_change_of_status_or_reason_is_an_event_and_a_new_message_is_not(store: Store) -> None:
    deletion = await created(store)
    lease = await lease_of(store)
    for one in (condition(), condition(message="other words"), condition(Reason.REMOVING, message="gone soon")):
        await store.record(lease, [verdict(deletion, one)])
    events = [e for e in await store.events(deletion) if e.kind == "ConditionChanged"]
    assert [e.message for e in events] == [
        "TorrentsAbsent at qbittorrent: Present: still there",
        "TorrentsAbsent at qbittorrent: Removing: gone soon",
    ]
    assert events[1].data == {
        "type": "TorrentsAbsent",
        "instance": "qbittorrent",
        "status": "False",
        "reason": "Removing",
    }


async def test_flags_of_a_verdict_are_set_once_and_stay(store: Store) -> None:
    deletion = await created(store)
    lease = await lease_of(store)
    flagged = replace(verdict(deletion), frozen=True, trip_breaker=True, blocklisted=True)
    await store.record(lease, [flagged])
    await store.record(lease, [verdict(deletion, at=START + timedelta(minutes=1))])
    await store.record(lease, [replace(flagged, at=START + timedelta(minutes=2))])
    stored = (await state_of(store, deletion)).deletion
    assert (stored.frozen_at, stored.breaker_tripped_at, stored.blocklisted_at) == (START, START, START)


async def test_absence_is_dated_from_its_first_observation_and_cleared_by_presence(store: Store) -> None:
    deletion = await created(store)
    lease = await lease_of(store)
    await store.bind(lease, binding(deletion, torrent_target()))
    (target,) = (await state_of(store, deletion)).targets
    for minute in (1, 2):
        seen = replace(verdict(deletion, at=START + timedelta(minutes=minute)), absent=(target.number,))
        await store.record(lease, [seen])
    assert (await state_of(store, deletion)).targets[0].absent_since == START + timedelta(minutes=1)
    await store.record(lease, [replace(verdict(deletion), present=(target.number,))])
    assert (await state_of(store, deletion)).targets[0].absent_since is None


async def test_a_verdict_cannot_touch_targets_of_another_deletion(store: Store) -> None:
    mine, other = await created(store), await created(store, wish(HEAT))
    lease = await lease_of(store)
    await store.bind(lease, binding(other, torrent_target()))
    (target,) = (await state_of(store, other)).targets
    await store.record(lease, [replace(verdict(mine), absent=(target.number,))])
    assert (await state_of(store, other)).targets[0].absent_since is None


async def test_a_settled_deletion_is_due_only_inside_its_watch_window(store: Store) -> None:
    deletion = await created(store)
    end = START + timedelta(hours=24)
    settled = replace(verdict(deletion), settle=(SettledAs.CONVERGED, None), watch_until=end)
    await store.record(await lease_of(store), [settled])
    state = await state_of(store, deletion)
    assert (state.phase, state.deletion.settled_at, state.deletion.watch_until) == (Phase.CONVERGED, START, end)
    assert [s.deletion.id for s in await store.due(end - timedelta(seconds=1), 10)] == [deletion]
    assert await store.due(end, 10) == ()


async def test_drift_reopens_a_settled_deletion(store: Store) -> None:
    deletion = await created(store)
    lease = await lease_of(store)
    end = START + timedelta(hours=24)
    await store.record(
        lease, [replace(verdict(deletion), settle=(SettledAs.CONVERGED, Reason.WANTED_AGAIN), watch_until=end)]
    )
    await store.record(lease, [replace(verdict(deletion, condition()), reopen=True)])
    stored = (await state_of(store, deletion)).deletion
    assert (stored.settled_at, stored.settled_as, stored.settled_reason, stored.watch_until) == (None,) * 4
    assert (await ask_one(store)).id == deletion


async def test_drift_is_left_to_a_later_deletion_of_the_same_coverage(store: Store) -> None:
    first = await created(store)
    lease = await lease_of(store)
    end = START + timedelta(hours=24)
    await store.record(lease, [replace(verdict(first), settle=(SettledAs.CONVERGED, None), watch_until=end)])
    later = await created(store)
    await store.record(lease, [replace(verdict(first, condition()), reopen=True)])
    assert (await state_of(store, first)).phase is Phase.CONVERGED
    assert (await store.events(first))[-2].kind == "LeftToLater"
    assert [s.deletion.id for s in await store.due(START + timedelta(hours=1), 10)] == [later]


async def test_a_wake_during_a_pass_outlives_what_the_pass_records(store: Store) -> None:
    deletion = await created(store)
    lease = await lease_of(store)
    await store.due(START, 10)
    await store.retry(deletion, "alice")
    await store.record(lease, [replace(verdict(deletion), attempt=7)])
    stored = (await state_of(store, deletion)).deletion
    assert (stored.attempt, stored.next_due_at) == (0, START)
    await store.due(START, 10)
    await store.record(lease, [replace(verdict(deletion), attempt=7)])
    stored = (await state_of(store, deletion)).deletion
    assert (stored.attempt, stored.next_due_at) == (7, START + timedelta(minutes=5))


async def test_events_are_told_oldest_first(store: Store) -> None:
    deletion = await created(store)
    lease = await lease_of(store)
    late, early = START + timedelta(hours=1), START
    await store.add_events(
        lease, {deletion: [Event("A", "a", data={"n": [1, "\N{SNOWMAN}"]}), Event("B", "b", early)]}, late
    )
    told = (await store.events(deletion))[1:]
    assert [(e.kind, e.message, e.at) for e in told] == [("A", "a", late), ("B", "b", early)]
    assert told[0].data == {"n": [1, "\N{SNOWMAN}"]}
    assert told[0].number < told[1].number
    assert [e.kind for e in await store.events(deletion, newest=2)] == ["A", "B"]
    assert len(await store.events(deletion, newest=9)) == 3


# --- due -----------------------------------------------------------------------------------------------------------


async def test_due_deletions_come_oldest_first_and_limited(store: Store) -> None:
    deletions = [await created(store, wish(replace(MATRIX, tmdb_id=n))) for n in (1, 2, 3)]
    lease = await lease_of(store)
    for minutes, deletion in zip((3, 1, 2), deletions, strict=True):
        due = START + timedelta(minutes=minutes)
        await store.record(lease, [replace(verdict(deletion), next_due_at=due)])
    assert await store.next_due_at() == START + timedelta(minutes=1)
    found = await store.due(START + timedelta(minutes=3), 2)
    assert [s.deletion.id for s in found] == [deletions[1], deletions[2]]


async def test_nothing_is_due_in_an_empty_log_or_after_a_watch_window(store: Store, clock: StillClock) -> None:
    assert await store.next_due_at() is None
    deletion = await created(store)
    end = START + timedelta(minutes=10)
    await store.record(
        await lease_of(store), [replace(verdict(deletion), settle=(SettledAs.CONVERGED, None), watch_until=end)]
    )
    assert await store.next_due_at() == START + timedelta(minutes=5)
    clock.advance(timedelta(minutes=10))
    assert await store.next_due_at() is None


# --- reading -------------------------------------------------------------------------------------------------------


async def test_an_unknown_deletion_is_none(store: Store) -> None:
    for unknown in (UNKNOWN, DeletionId("not an id"), DeletionId("")):
        assert await store.deletion(unknown) is None
        assert await store.events(unknown) == ()


async def test_pages_are_newest_first_and_complete(store: Store) -> None:
    deletions = [await created(store, wish(replace(MATRIX, tmdb_id=n))) for n in range(1, 8)]
    found: list[DeletionId] = []
    cursor: str | None = None
    while True:
        page = await store.deletions(DeletionFilter(), cursor=cursor, limit=3)
        found += [s.deletion.id for s in page.deletions]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert found == deletions[::-1]


async def test_a_last_page_that_is_full_has_no_next(store: Store) -> None:
    await created(store)
    assert (await store.deletions(DeletionFilter(), cursor=None, limit=1)).next_cursor is None


async def test_a_cursor_that_is_none_of_ours_is_refused(store: Store) -> None:
    with pytest.raises(ValueError, match="cursor"):
        await store.deletions(DeletionFilter(), cursor="' OR 1=1", limit=1)


async def test_filters_combine(store: Store) -> None:
    matrix = await created(store, wish(MATRIX))
    lost = await created(store, wish(LOST, source=Source.SONARR))

    async def found(where: DeletionFilter) -> list[DeletionId]:
        return [s.deletion.id for s in (await store.deletions(where, cursor=None, limit=10)).deletions]

    assert await found(DeletionFilter(kind=MediaKind.MOVIE)) == [matrix]
    assert await found(DeletionFilter(source=Source.SONARR)) == [lost]
    assert await found(DeletionFilter(tmdb_id=LOST.tmdb_id)) == [lost]
    assert await found(DeletionFilter(tvdb_id=LOST.tvdb_id, phase=Phase.PENDING)) == [lost]
    assert await found(DeletionFilter(tvdb_id=LOST.tvdb_id, kind=MediaKind.MOVIE)) == []
    assert await found(DeletionFilter()) == [lost, matrix]


async def test_the_phase_in_the_database_is_the_phase_of_the_model(store: Store) -> None:
    """Every reason, alone and beside a hold and a wait, bound and unbound, settled and not."""
    lease = await lease_of(store)
    hold, wait = condition(Reason.PROTECTED, instance=RADARR), condition(Reason.UNREACHABLE, instance=SONARR)
    for number, reason in enumerate(MEANINGS, start=1):
        for offset, others in enumerate(((), (wait,), (hold,), (wait, hold))):
            deletion = await created(store, wish(replace(MATRIX, tmdb_id=number * 10 + offset)))
            if number % 2:
                await store.bind(lease, binding(deletion))
            settle = {3: (SettledAs.CONVERGED, None), 5: (SettledAs.CANCELLED, Reason.STILL_WANTED)}.get(number)
            await store.record(lease, [replace(verdict(deletion, condition(reason), *others), settle=settle)])
    expected: dict[Phase, int] = dict.fromkeys(Phase, 0)
    for phase in Phase:
        page = await store.deletions(DeletionFilter(phase=phase), cursor=None, limit=500)
        assert {phase_of(s.deletion, s.conditions) for s in page.deletions} <= {phase}
        expected[phase] = len(page.deletions)
    assert (await store.overview()).by_phase == expected
    assert sum(expected.values()) == 4 * len(MEANINGS)
    assert all(expected.values())
    assert {m.effect for m in MEANINGS.values()} == set(Effect)


async def test_of_each_open_phase_the_longest_standstill_is_told_but_for_what_waits_for_a_time_that_was_set(
    store: Store, clock: StillClock
) -> None:
    lease = await lease_of(store)
    cases: list[tuple[Reason, ...]] = [
        (Reason.SEEDING,),  # a day before the others
        (Reason.UNREACHABLE,),
        (Reason.SEEDING, Reason.UNREACHABLE),
        (Reason.PROTECTED,),
        (),
    ]
    changed: dict[tuple[Reason, ...], datetime] = {}
    for number, reasons in enumerate(cases, start=1):
        deletion = await created(store, wish(replace(MATRIX, tmdb_id=number)))
        conditions = [condition(r, instance=i) for r, i in zip(reasons, (RADARR, SONARR), strict=False)]
        changed[reasons] = clock.advance(timedelta(hours=1))
        if conditions:
            await store.record(lease, [replace(verdict(deletion, *conditions), at=changed[reasons])])
    pending = await store.deletion(deletion)
    assert pending is not None
    overview = await store.overview()
    assert overview.held_by_reason == {Reason.PROTECTED: 1}
    assert overview.oldest_changes == {
        Phase.WAITING: changed[Reason.UNREACHABLE,],
        Phase.HELD: changed[Reason.PROTECTED,],
        Phase.PENDING: pending.deletion.requested_at,
    }


async def test_the_type_of_a_condition_tells_it_apart(store: Store) -> None:
    deletion = await created(store)
    both = [condition(type_=t, instance=QBITTORRENT) for t in ConditionType]
    await store.record(await lease_of(store), [verdict(deletion, *both)])
    state = await state_of(store, deletion)
    assert {c.type for c in state.conditions} == set(ConditionType)
