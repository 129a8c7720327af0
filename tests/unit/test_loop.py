"""Passes over a real store and upstreams in memory; time moves by hand."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

import reconciler.plan
from reconciler.errors import Rejected, StoreError, Throttled, Unauthorized, Unreachable
from reconciler.loop import MOST_ROUNDS, WATCH_STEPS
from reconciler.model import (
    ConditionType,
    DeletionId,
    DeletionState,
    Hints,
    ManualAdd,
    Media,
    MediaKind,
    Options,
    Phase,
    SettledAs,
)
from reconciler.observed import MediaStatus, RequestStatus
from reconciler.plan import Plan, Policy
from reconciler.plan import plan_deletion as real_plan_deletion
from reconciler.plan.world import World
from reconciler.reasons import Reason
from tests.support import memory_upstreams
from tests.support.bench import Bench, bench_at
from tests.support.clocks import START, RunningClock
from tests.support.memory_upstreams import Call
from tests.support.worlds import HEAT, LOST, POLICY, QBITTORRENT, RADARR, RONIN, hash_of, queue_item, torrent_id

TORRENTS, ENTRY, FILES, REQUEST = (
    ConditionType.TORRENTS_ABSENT,
    ConditionType.ENTRY_ABSENT,
    ConditionType.FILES_ABSENT,
    ConditionType.REQUEST_CLEARED,
)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench_at(tmp_path) as opened:
        yield opened


@pytest.fixture
async def home(bench: Bench) -> Bench:
    """A bench with HEAT (two torrents), RONIN and LOST, whose histories were read."""
    bench.household.obtain(HEAT, "Heat", hash_of(1), hash_of(2))
    bench.household.obtain(RONIN, "Ronin", hash_of(3))
    bench.household.obtain(LOST, "Lost", hash_of(4))
    await bench.reconciler.run_ledger()
    return bench


def writes(bench: Bench) -> list[str]:
    return [c.name for c in bench.household.writes()]


# --- the main job ---


async def test_a_movie_goes_everywhere_and_nothing_else_does(home: Bench) -> None:
    before = home.household.disk.files()
    deletion = await home.ask(HEAT)
    await home.passes()
    assert await home.phase(deletion) is Phase.CONVERGED
    assert writes(home) == ["unmonitor", "remove", "delete_entry", "delete_record"]
    assert set(home.household.qbittorrent.by_id) == {torrent_id(3), torrent_id(4)}
    assert [e.media for e in home.household.radarr.by_id.values()] == [RONIN]
    assert home.household.disk.files() == {p: c for p, c in before.items() if "Heat" not in p}
    assert {r.media for r in home.household.jellyseerr.rows.values()} == {RONIN, LOST}


async def test_a_series_goes_everywhere(home: Bench) -> None:
    deletion = await home.ask(LOST)
    await home.passes()
    assert await home.phase(deletion) is Phase.CONVERGED
    assert await home.reasons(deletion) == {
        TORRENTS: Reason.ABSENT,
        ENTRY: Reason.ABSENT,
        FILES: Reason.ABSENT,
        REQUEST: Reason.CLEARED,
    }


async def test_something_unknown_everywhere_is_already_absent(home: Bench) -> None:
    deletion = await home.ask(Media(MediaKind.MOVIE, tmdb_id=1))
    await home.passes()
    assert await home.phase(deletion) is Phase.CONVERGED
    assert writes(home) == []


async def test_a_title_that_radarr_deleted_by_itself_loses_its_torrents_too(home: Bench) -> None:
    await home.household.radarr.delete_entry(1, delete_files=True, add_exclusion=False)
    deletion = await home.ask(HEAT)
    await home.passes()
    assert await home.phase(deletion) is Phase.CONVERGED
    assert set(home.household.qbittorrent.by_id) == {torrent_id(3), torrent_id(4)}


async def test_several_deletions_share_their_calls(home: Bench) -> None:
    for media in (HEAT, RONIN):
        await home.ask(media)
    await home.passes()
    assert [c.name for c in home.household.writes()].count("remove") == 1
    assert [c.arguments for c in home.household.writes() if c.name == "delete_entries"] == [((1, 2), True, False)]


async def test_keeping_the_files_keeps_them(home: Bench) -> None:
    before = home.household.disk.files()
    deletion = await home.ask(HEAT, options=Options(delete_files=False))
    await home.passes()
    assert await home.phase(deletion) is Phase.CONVERGED
    assert home.household.disk.files() == before
    assert set(home.household.qbittorrent.by_id) == {torrent_id(3), torrent_id(4)}


async def test_observe_mode_sends_nothing(tmp_path: Path) -> None:
    async with bench_at(tmp_path, replace(POLICY, enforce=False)) as bench:
        bench.household.obtain(HEAT, "Heat", hash_of(1))
        await bench.reconciler.run_ledger()
        deletion = await bench.ask(HEAT)
        for _ in range(3):
            await bench.reconciler.run_pass()
            bench.clock.advance(60)
        assert writes(bench) == []
        assert await bench.phase(deletion) is Phase.WAITING
        assert Reason.OBSERVE_MODE in (await bench.reasons(deletion)).values()


async def test_a_decline_with_files_is_held_and_goes_on_when_a_person_approves(home: Bench) -> None:
    seerr = home.household.jellyseerr
    (request,) = [r for r in seerr.asked.values() if r.media == HEAT]
    seerr.decide(request.id, RequestStatus.DECLINED)
    seerr.scan(HEAT, MediaStatus.PENDING)
    deletion = await home.ask(HEAT, inferred=True, request_id=request.id)
    await home.passes()
    assert await home.phase(deletion) is Phase.HELD
    assert writes(home) == []
    await home.store.approve(deletion, "alice")
    await home.passes()
    assert await home.phase(deletion) is Phase.CONVERGED
    assert (await home.reasons(deletion))[REQUEST] is Reason.DECLINE_KEPT
    assert request.id in seerr.asked


async def test_the_breaker_holds_a_flood_and_approval_lets_it_through(tmp_path: Path) -> None:
    async with bench_at(tmp_path, replace(POLICY, breaker_limit=2)) as bench:
        titles = [Media(MediaKind.MOVIE, tmdb_id=n) for n in range(1, 5)]
        for number, media in enumerate(titles, 1):
            bench.household.obtain(media, f"T{number}", hash_of(number))
        await bench.reconciler.run_ledger()
        deletions = [await bench.ask(m) for m in titles]
        await bench.passes()
        phases = [await bench.phase(d) for d in deletions]
        assert phases.count(Phase.CONVERGED) == 2
        assert phases.count(Phase.HELD) == 2
        bench.clock.advance(timedelta(hours=3))
        await bench.passes()
        assert [await bench.phase(d) for d in deletions].count(Phase.HELD) == 2, "time alone does not release them"
        for deletion in deletions:
            await bench.store.approve(deletion, "alice")
        await bench.passes()
        assert {await bench.phase(d) for d in deletions} == {Phase.CONVERGED}


async def test_nothing_is_destroyed_before_the_history_was_read(bench: Bench) -> None:
    bench.household.obtain(HEAT, "Heat", hash_of(1))
    deletion = await bench.ask(HEAT)
    await bench.reconciler.run_pass()
    assert Reason.LEDGER_INCOMPLETE in (await bench.reasons(deletion)).values()
    assert writes(bench) == []
    await bench.reconciler.run_ledger()
    bench.clock.advance(60)
    await bench.passes()
    assert await bench.phase(deletion) is Phase.CONVERGED


async def test_an_ended_download_that_lingers_in_the_queue_is_not_asked_again_in_every_round(home: Bench) -> None:
    home.household.radarr.queued = [queue_item(1, 1, "nzo", client="SABnzbd")]
    deletion = await home.ask(HEAT)

    def linger(call: Call) -> None:
        is_listed = any(i.id == 1 for i in home.household.radarr.queued)
        if call.name == "queue" and not is_listed and home.clock.now() < START + timedelta(seconds=45):
            home.household.radarr.queued = [queue_item(1, 1, "nzo", client="SABnzbd")]

    home.household.radarr.before = linger
    await home.passes()
    assert await home.phase(deletion) is Phase.CONVERGED
    assert writes(home).count("end_downloads") <= 6


# --- wanted again ---


async def test_a_request_before_anything_was_destroyed_gives_everything_back(home: Bench) -> None:
    deletion = await home.ask(HEAT)

    def request_again(call: Call) -> None:
        if call.name == "remove":
            raise AssertionError("nothing may be removed")
        if call.name == "unmonitor":
            home.household.jellyseerr.ask_for(HEAT, "carol")

    for upstream in home.household.upstreams:
        upstream.before = request_again
    await home.passes()
    assert await home.phase(deletion) is Phase.CANCELLED
    assert home.household.radarr.by_id[1].monitoring.monitored
    references = await home.store.references_of_hashes([hash_of(1)])
    assert {r.released_by for r in references} == {None}, "they protect their torrent again"


async def test_a_request_after_the_torrents_went_ends_in_a_fresh_search(home: Bench) -> None:
    deletion = await home.ask(HEAT)

    def request_again(call: Call) -> None:
        if call.name == "remove":
            home.household.jellyseerr.ask_for(HEAT, "carol")

    home.household.qbittorrent.before = request_again
    await home.passes()
    assert await home.phase(deletion) is Phase.CONVERGED
    entry = home.household.radarr.by_id[1]
    assert (entry.files, entry.monitoring.monitored) == ((), True)
    assert home.household.radarr.searched == [1]
    assert {r.requested_by for r in home.household.jellyseerr.asked.values() if r.media == HEAT} == {"bob", "carol"}


async def test_a_search_that_failed_is_asked_for_again(home: Bench) -> None:
    deletion = await home.ask(HEAT)
    failures = [Unreachable(RADARR, "timed out")] * 2

    def request_again(call: Call) -> None:
        if call.name == "remove":
            home.household.jellyseerr.ask_for(HEAT, "carol")
        if call.name == "search" and failures:
            raise failures.pop()

    home.household.qbittorrent.before = home.household.radarr.before = request_again
    await home.passes()
    assert await home.phase(deletion) is Phase.CONVERGED
    assert home.household.radarr.searched == [1]


async def test_a_title_requested_again_after_convergence_is_nobodys_business(home: Bench) -> None:
    deletion = await home.ask(HEAT)
    await home.passes()
    home.household.obtain(HEAT, "Heat", hash_of(1))
    written = len(home.household.writes())
    for _ in range(8):
        home.clock.advance(timedelta(hours=1))
        await home.reconciler.run_pass()
    assert await home.phase(deletion) is Phase.CONVERGED
    assert len(home.household.writes()) == written


async def test_a_title_added_by_hand_within_the_grace_period_cancels_it(home: Bench) -> None:
    deletion = await home.ask(HEAT, grace=timedelta(hours=1))
    await home.reconciler.run_pass()
    state = await home.state(deletion)
    assert state.deletion.bound_at is not None
    assert state.deletion.next_due_at == START + timedelta(hours=1)
    await home.hear(manual_add=ManualAdd(RADARR, 1, HEAT))
    await home.reconciler.run_pass()
    assert await home.phase(deletion) is Phase.CANCELLED
    assert writes(home) == []


async def test_a_grace_period_ends(home: Bench) -> None:
    deletion = await home.ask(HEAT, grace=timedelta(hours=1))
    await home.reconciler.run_pass()
    assert await home.phase(deletion) is Phase.WAITING
    home.clock.advance(timedelta(minutes=59))
    await home.reconciler.run_pass()
    assert writes(home) == []
    home.clock.advance(timedelta(minutes=1))
    await home.passes()
    assert await home.phase(deletion) is Phase.CONVERGED


# --- coming back ---


async def test_what_a_killed_client_brings_back_is_removed_again(home: Bench) -> None:
    deletion = await home.ask(HEAT)
    await home.passes()
    home.household.qbittorrent.crash()
    assert torrent_id(1) in home.household.qbittorrent.by_id
    home.clock.advance(WATCH_STEPS[0])
    await home.passes()
    assert await home.phase(deletion) is Phase.CONVERGED
    assert set(home.household.qbittorrent.by_id) == {torrent_id(3), torrent_id(4)}
    assert "Drift" in {e.kind for e in await home.store.events(deletion)}


async def test_a_converged_deletion_is_watched_ever_less_often_and_then_let_go(home: Bench) -> None:
    deletion = await home.ask(HEAT)
    await home.passes()
    waits: list[timedelta] = []
    for _ in range(6):
        due = (await home.state(deletion)).deletion.next_due_at
        assert due is not None
        waits.append(due - home.clock.now())
        home.clock.advance(max(due - home.clock.now(), timedelta(0)))
        await home.reconciler.run_pass()
    assert waits == sorted(waits)
    assert waits[0] <= WATCH_STEPS[0]
    assert waits[-1] == WATCH_STEPS[-1]
    home.clock.advance(timedelta(days=2))
    assert await home.reconciler.run_pass() is None


# --- trouble ---


async def test_one_upstream_that_is_down_makes_its_condition_unknown_and_heals_by_itself(home: Bench) -> None:
    home.household.qbittorrent.trouble = Unreachable(QBITTORRENT, "refused the connection")
    deletion = await home.ask(HEAT)
    for _ in range(3):
        await home.reconciler.run_pass()
        home.clock.advance(600)
    assert (await home.reasons(deletion))[TORRENTS] is Reason.UNREACHABLE
    assert writes(home) == []
    home.household.qbittorrent.trouble = None
    home.clock.advance(timedelta(minutes=15))
    await home.passes()
    assert await home.phase(deletion) is Phase.CONVERGED


async def test_a_call_that_failed_shows_on_its_condition_and_is_repeated(home: Bench) -> None:
    failures = [Unreachable(RADARR, "timed out")]

    def fail(call: Call) -> None:
        if call.name == "delete_entry" and failures:
            raise failures.pop()

    home.household.radarr.before = fail
    deletion = await home.ask(HEAT)
    await home.reconciler.run_pass()
    condition = (await home.state(deletion)).condition(ENTRY, RADARR)
    assert condition is not None
    assert (condition.reason, condition.message) == (Reason.UNREACHABLE, "radarr: timed out")
    await home.passes()
    assert await home.phase(deletion) is Phase.CONVERGED


async def test_waiting_grows_and_never_ends(home: Bench) -> None:
    home.household.radarr.trouble = Unreachable(RADARR, "down")
    deletion = await home.ask(HEAT)
    waits: list[float] = []
    for _ in range(14):
        await home.reconciler.run_pass()
        due = (await home.state(deletion)).deletion.next_due_at
        assert due is not None
        waits.append((due - home.clock.now()).total_seconds())
        home.clock.advance(max(due - home.clock.now(), timedelta(0)))
    assert waits[0] <= 2
    assert max(waits) <= 900
    assert min(waits[-3:]) >= 450
    assert (await home.state(deletion)).deletion.settled_at is None


@pytest.mark.parametrize(
    ("error", "wait"),
    [
        (Rejected(RADARR, "bad request"), timedelta(minutes=15)),
        (Unauthorized(RADARR, "wrong key"), timedelta(hours=1)),
    ],
)
async def test_what_was_refused_is_repeated_slowly(
    home: Bench, error: Rejected | Unauthorized, wait: timedelta
) -> None:
    home.household.radarr.trouble = error
    deletion = await home.ask(HEAT)
    await home.reconciler.run_pass()
    assert (await home.state(deletion)).deletion.next_due_at == home.clock.now() + wait
    asked = len(home.household.calls)
    home.clock.advance(wait / 2)
    await home.ask(RONIN)
    await home.reconciler.run_pass()
    assert not [c for c in home.household.calls[asked:] if c.instance == RADARR], "a second login could earn a ban"


async def test_retry_asks_at_once_what_was_refused(home: Bench) -> None:
    home.household.radarr.trouble = Unauthorized(RADARR, "wrong key")
    deletion = await home.ask(HEAT)
    await home.reconciler.run_pass()
    home.household.radarr.trouble = None
    home.clock.advance(1)
    await home.store.retry(deletion, "alice")
    await home.passes()
    assert await home.phase(deletion) is Phase.CONVERGED


async def test_throttling_is_honoured(home: Bench) -> None:
    deletion = await home.ask(HEAT)

    def throttle(call: Call) -> None:
        if call.name == "remove" and home.clock.now() < START + timedelta(minutes=7):
            raise Throttled(QBITTORRENT, "slow down", retry_after=timedelta(minutes=7))

    home.household.qbittorrent.before = throttle
    await home.reconciler.run_pass()
    due = (await home.state(deletion)).deletion.next_due_at
    assert due is not None
    assert due >= START + timedelta(minutes=7)
    await home.passes()
    assert await home.phase(deletion) is Phase.CONVERGED


async def test_a_deletion_that_waits_does_not_stop_another(home: Bench) -> None:
    home.household.radarr.by_id[2] = replace(home.household.radarr.by_id[2], tags=frozenset({"keep"}))
    held, free = await home.ask(RONIN), await home.ask(HEAT)
    await home.passes()
    assert await home.phase(held) is Phase.HELD
    assert await home.phase(free) is Phase.CONVERGED
    assert torrent_id(3) in home.household.qbittorrent.by_id


async def test_one_deletion_that_cannot_be_planned_does_not_stop_the_others(
    home: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def plan(state: DeletionState, world: World, policy: Policy) -> Plan:
        if state.deletion.media == RONIN:
            raise ZeroDivisionError
        return real_plan_deletion(state, world, policy)

    monkeypatch.setattr(reconciler.plan, "plan_deletion", plan)
    bad, good = await home.ask(RONIN), await home.ask(HEAT)
    with capture_logs() as lines:
        for _ in range(3):
            await home.reconciler.run_pass()
            home.clock.advance(2)
    assert await home.phase(good) is Phase.CONVERGED
    assert (await home.state(bad)).deletion.bound_at is None
    assert bad in {line.get("deletion_id") for line in lines if line["event"] == "a deletion could not be planned"}


async def test_answers_that_get_lost_do_not_matter(home: Bench) -> None:
    for upstream in home.household.upstreams:
        upstream.lost_answers = Unreachable(upstream.instance, "timed out")
    deletion = await home.ask(HEAT)
    await home.passes()
    assert await home.phase(deletion) is Phase.CONVERGED
    assert set(home.household.qbittorrent.by_id) == {torrent_id(3), torrent_id(4)}


# --- the lease ---


async def test_without_the_lease_nothing_is_done(home: Bench) -> None:
    deletion = await home.ask(HEAT)
    await home.reconciler.stop()
    assert await home.store.acquire_lease("another", timedelta(minutes=5), home.clock.now()) is not None
    home.restart()
    assert await home.reconciler.run_pass() is None
    assert (await home.state(deletion)).deletion.bound_at is None
    assert not home.reconciler.status().lease_held


async def test_a_lease_lost_during_a_pass_stops_before_the_next_write(home: Bench) -> None:
    deletion = await home.ask(HEAT)
    sleep = home.clock.sleep

    async def long_sleep(seconds: float) -> None:
        await sleep(seconds)
        if (await home.state(deletion)).deletion.frozen_at is not None:
            home.clock.advance(timedelta(minutes=5))
            await home.store.acquire_lease("another", timedelta(hours=5), home.clock.now())

    home.clock.sleep = long_sleep  # type: ignore[method-assign]  # a long pause, only in this test
    home.restart()
    done = await home.reconciler.run_pass()
    assert done is not None
    assert done.error == "another process reconciles now"
    assert writes(home) == ["unmonitor"]


async def test_after_stop_another_process_goes_on_at_once(home: Bench) -> None:
    await home.ask(HEAT)
    await home.reconciler.run_pass()
    await home.reconciler.stop()
    assert await home.store.acquire_lease("another", timedelta(minutes=5), home.clock.now()) is not None


# --- stopping and waking ---


async def test_stop_finishes_the_action_at_hand_and_starts_no_other(home: Bench) -> None:
    deletion = await home.ask(HEAT)
    stopped: list[asyncio.Task[None]] = []
    release, reached = asyncio.Event(), asyncio.Event()
    remove = home.household.qbittorrent.remove

    async def slow_remove(torrents: object, *, delete_files: bool) -> None:
        stopped.append(asyncio.create_task(home.reconciler.stop()))
        reached.set()
        await release.wait()
        await remove(torrents, delete_files=delete_files)  # type: ignore[arg-type]  # passed on as it came

    home.household.qbittorrent.remove = slow_remove  # type: ignore[method-assign]  # only in this test
    running = asyncio.create_task(home.reconciler.run_pass())
    await reached.wait()
    await asyncio.sleep(0)
    release.set()
    await running
    await stopped[0]
    assert writes(home) == ["unmonitor", "remove"]
    assert set(home.household.qbittorrent.by_id) == {torrent_id(3), torrent_id(4)}
    home.restart()
    await home.passes()
    assert await home.phase(deletion) is Phase.CONVERGED


async def test_stop_does_not_wait_for_ever(home: Bench) -> None:
    await home.ask(HEAT)
    home.timing = replace(home.timing, shutdown=timedelta(milliseconds=20))
    home.restart()
    hanging = asyncio.Event()
    reached = asyncio.Event()

    async def hang() -> tuple[object, ...]:
        reached.set()
        await hanging.wait()
        return ()

    home.household.qbittorrent.torrents = hang  # type: ignore[method-assign,assignment]  # only in this test
    running = asyncio.create_task(home.reconciler.run_pass())
    await reached.wait()
    with capture_logs() as lines:
        await home.reconciler.stop()
    assert [line["event"] for line in lines] == ["stopped during a call"]
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


@pytest.fixture
async def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    """A bench in the machine's own time, as the scheduler needs it."""
    monkeypatch.setattr(memory_upstreams, "FILE_DELAY", timedelta(0))
    async with bench_at(tmp_path, clock=RunningClock()) as bench:
        bench.household.obtain(HEAT, "Heat", hash_of(1))
        bench.household.obtain(RONIN, "Ronin", hash_of(3))
        yield bench


async def until_converged(bench: Bench, *deletions: DeletionId) -> None:
    for _ in range(2000):
        if {await bench.phase(d) for d in deletions} == {Phase.CONVERGED}:
            return
        await asyncio.sleep(0.01)
    raise AssertionError([await bench.reasons(d) for d in deletions])


async def test_the_scheduler_reads_the_histories_and_a_wake_during_a_pass_runs_another(running: Bench) -> None:
    home = running
    deletions = [await home.ask(HEAT)]
    is_heard = asyncio.Event()

    async def late_wish() -> None:
        deletions.append(await home.ask(RONIN))
        home.reconciler.wake()
        is_heard.set()

    waiting: list[asyncio.Task[None]] = []

    def hear(call: Call) -> None:
        if call.name == "delete_record" and not waiting:
            waiting.append(asyncio.create_task(late_wish()))

    home.household.jellyseerr.before = hear
    home.reconciler.start()
    try:
        assert home.reconciler.status().running
        await asyncio.wait_for(is_heard.wait(), 20)
        await until_converged(home, *deletions)
    finally:
        await home.reconciler.stop()
    assert not home.reconciler.status().running


async def test_a_pass_that_fails_is_logged_and_the_next_one_comes(
    running: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = running
    deletion = await home.ask(HEAT)
    due = home.store.due
    errors: list[Exception] = [StoreError("the database is gone"), ZeroDivisionError()]

    async def failing_due(now: datetime, limit: int) -> tuple[DeletionState, ...]:
        if errors:
            raise errors.pop()
        return await due(now, limit)

    monkeypatch.setattr(home.store, "due", failing_due)
    with capture_logs() as lines:
        home.reconciler.start()
        try:
            for _ in range(2000):
                if await home.phase(deletion) is Phase.CONVERGED:
                    break
                home.reconciler.wake()
                await asyncio.sleep(0.01)
        finally:
            await home.reconciler.stop()
    assert [line["event"] for line in lines].count("pass failed") == 2


async def test_a_pass_ends_even_if_every_round_finds_something(home: Bench) -> None:
    await home.ask(HEAT)

    def bring_back(call: Call) -> None:
        if call.name == "entries":
            entry = home.household.radarr.by_id[1]
            home.household.radarr.by_id[1] = replace(entry, monitoring=replace(entry.monitoring, monitored=True))

    home.household.radarr.before = bring_back
    done = await home.reconciler.run_pass()
    assert done is not None
    assert done.rounds <= MOST_ROUNDS
    assert set(writes(home)) == {"unmonitor"}


# --- what is recorded ---


async def test_a_pass_is_recorded_with_what_it_did(home: Bench) -> None:
    await home.ask(HEAT)
    done = await home.reconciler.run_pass()
    assert done is not None
    assert (done.deletions, done.error) == (1, "")
    assert done.rounds > 3
    assert (await home.store.overview()).last_pass == done


async def test_losing_an_upstream_is_logged_once_over_many_passes(home: Bench) -> None:
    await home.ask(HEAT)
    with capture_logs() as lines:
        home.household.qbittorrent.trouble = Unreachable(QBITTORRENT, "gone")
        for _ in range(4):
            await home.reconciler.run_pass()
            home.clock.advance(timedelta(minutes=15))
        home.household.qbittorrent.trouble = None
        await home.passes()
    events = [line["event"] for line in lines]
    assert events.count("upstream lost") == 1
    assert events.count("upstream back") == 1
    assert events.count("converged") == 1
    row = next(u for u in (await home.store.overview()).upstreams if u.instance == QBITTORRENT)
    assert row.reachable


async def test_a_preview_shows_what_would_be_done_and_does_nothing(home: Bench) -> None:
    deletion = await home.ask(HEAT)
    plan = await home.reconciler.preview(await home.state(deletion))
    assert plan is not None
    assert plan.bind is not None
    assert (await home.state(deletion)).deletion.bound_at is None
    assert writes(home) == []


async def test_a_cancel_after_something_was_destroyed_gives_back_what_it_can(home: Bench) -> None:
    deletion = await home.ask(HEAT)

    def fail_entry(call: Call) -> None:
        if call.name == "delete_entry":
            raise Unreachable(RADARR, "timed out")

    home.household.radarr.before = fail_entry
    await home.reconciler.run_pass()
    assert await home.store.cancel(deletion, "alice")
    await home.passes()
    state = await home.state(deletion)
    assert (state.deletion.settled_as, state.deletion.settled_reason) == (
        SettledAs.CANCELLED,
        Reason.CANCELLED_BY_PERSON,
    )
    assert home.household.radarr.by_id[1].monitoring.monitored


async def test_a_hash_from_a_dashboard_goes_with_the_title(home: Bench) -> None:
    home.household.qbittorrent.add(hash_of(50), "Heat.by.hand", save_path="/data/torrents")
    deletion = await home.ask(HEAT, hashes=(hash_of(50),))
    await home.passes()
    assert await home.phase(deletion) is Phase.CONVERGED
    assert torrent_id(50) not in home.household.qbittorrent.by_id
    assert (await home.state(deletion)).deletion.hints == Hints(hashes=(hash_of(50),))


async def test_a_hash_that_belongs_to_another_title_is_never_removed(home: Bench) -> None:
    deletion = await home.ask(HEAT, hashes=(hash_of(3),))
    await home.passes()
    assert await home.phase(deletion) is Phase.HELD
    assert (await home.reasons(deletion))[TORRENTS] is Reason.HASH_BELONGS_ELSEWHERE
    assert writes(home) == []
