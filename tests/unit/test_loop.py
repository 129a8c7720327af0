"""Passes over a real store and upstreams in memory; time moves by hand."""

import asyncio
import logging
import threading
import typing
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

import reconciler.plan
import reconciler.rounds
from reconciler.errors import Rejected, StoreError, Throttled, Unauthorized, Unreachable
from reconciler.loop import MOST_ROUNDS
from reconciler.model import (
    ConditionType,
    DeletionId,
    DeletionState,
    Hints,
    Phase,
    SettledAs,
)
from reconciler.plan import Plan, Policy, plan_all
from reconciler.plan import plan_deletion as real_plan_deletion
from reconciler.plan.actions import Action
from reconciler.plan.world import World
from reconciler.reasons import Reason
from tests.support import memory_base
from tests.support.bench import Bench, bench_at
from tests.support.clocks import START, RunningClock
from tests.support.memory_base import Call
from tests.support.worlds import HEAT, QBITTORRENT, RADARR, RONIN, hash_of, torrent_id

ACTION_NAMES = frozenset(action.__name__ for action in typing.get_args(Action))

TORRENTS, ENTRY, FILES, REQUEST = (
    ConditionType.TORRENTS_ABSENT,
    ConditionType.ENTRY_ABSENT,
    ConditionType.FILES_ABSENT,
    ConditionType.REQUEST_CLEARED,
)


def writes(bench: Bench) -> list[str]:
    return [c.name for c in bench.household.writes()]


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


async def test_a_new_process_asks_at_once_what_was_refused(home: Bench) -> None:
    home.household.radarr.trouble = Unauthorized(RADARR, "401")
    deletion = await home.ask(HEAT)
    await home.reconciler.run_pass()
    assert Reason.UNAUTHORIZED in (await home.reasons(deletion)).values()
    due = (await home.state(deletion)).deletion.next_due_at
    assert due is not None
    assert due - home.clock.now() > timedelta(minutes=30)
    home.household.radarr.trouble = None
    home.restart()
    restarted_at = home.clock.now()
    await home.passes()
    assert await home.phase(deletion) is Phase.CONVERGED
    assert home.clock.now() - restarted_at < timedelta(minutes=5)


async def test_retry_asks_at_once_what_was_refused(home: Bench) -> None:
    home.household.radarr.trouble = Unauthorized(RADARR, "wrong key")
    deletion = await home.ask(HEAT)
    await home.reconciler.run_pass()
    home.household.radarr.trouble = None
    home.clock.advance(1)
    await home.store.retry(deletion, "alice")
    await home.passes()
    assert await home.phase(deletion) is Phase.CONVERGED


async def test_a_call_that_is_refused_again_and_again_comes_no_step_further(home: Bench) -> None:
    is_refused = True

    def refuse(call: Call) -> None:
        if call.name == "delete_entry" and is_refused:
            raise Rejected(RADARR, "may not delete")

    home.household.radarr.before = refuse
    deletion = await home.ask(HEAT)
    await home.passes(3)
    stood_still = (await home.state(deletion)).changed_at
    for _ in range(4):
        home.clock.advance(timedelta(minutes=20))
        await home.reconciler.run_pass()
    state = await home.state(deletion)
    refused = state.condition(ENTRY, RADARR)
    assert refused is not None
    assert (refused.reason, refused.reason_since) == (Reason.REJECTED, stood_still)
    assert state.changed_at == stood_still
    told = [e for e in await home.store.events(deletion) if e.data.get("reason") == Reason.REJECTED.value]
    assert len(told) == 1
    is_refused = False
    home.clock.advance(timedelta(minutes=20))
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
    assert await home.phase(bad) is Phase.HELD
    assert await home.reasons(bad) == {TORRENTS: Reason.PLANNING_FAILED}
    assert [line.get("deletion_id") for line in lines if line["event"] == "a deletion could not be planned"] == [bad]
    assert bad in {line.get("deletion_id") for line in lines if line["event"] == "a deletion could not be planned"}


async def test_what_cannot_be_planned_is_seen_also_when_all_its_conditions_are_met(home: Bench) -> None:
    deletion = await home.ask(HEAT)
    await home.passes()
    met = await home.state(deletion)
    watched = home.reconciler._rounds._unplanned(met, home.clock.now())
    assert watched.conditions == met.conditions, "what has ended is left as it is"
    open_ = replace(met, deletion=replace(met.deletion, settled_at=None, settled_as=None))
    held = home.reconciler._rounds._unplanned(open_, home.clock.now())
    assert [c.reason for c in held.conditions].count(Reason.PLANNING_FAILED) == 1
    assert len(held.conditions) == len(met.conditions)


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
    assert await home.store.acquire_lease("another", timedelta(minutes=5)) is not None
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
            await home.store.acquire_lease("another", timedelta(hours=5))

    home.clock.sleep = long_sleep  # type: ignore[method-assign]  # a long pause, only in this test
    home.restart()
    with capture_logs() as lines:
        assert await home.reconciler.run_pass() is None
    assert [(line["event"], line["reason"]) for line in lines if line["log_level"] == "warning"] == [
        ("lease lost during a pass", "another process reconciles now")
    ]
    assert writes(home) == ["unmonitor"]


async def test_after_stop_another_process_goes_on_at_once(home: Bench) -> None:
    await home.ask(HEAT)
    await home.reconciler.run_pass()
    await home.reconciler.stop()
    assert await home.store.acquire_lease("another", timedelta(minutes=5)) is not None


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

    home.household.qbittorrent.torrents = hang  # type: ignore[method-assign,assignment]  # a call that never answers, in this test only
    running = asyncio.create_task(home.reconciler.run_pass())
    await reached.wait()
    with capture_logs() as lines:
        await home.reconciler.stop()
    assert [line["event"] for line in lines] == ["stopped during a call"]
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


@pytest.mark.parametrize("question", ["next_due_at", "acquire_lease", "due"])
async def test_stop_lets_a_pass_end_in_good_order_whatever_it_asks_the_database(
    running: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, question: str
) -> None:
    home = running
    ask = getattr(home.store, question)
    reached, goes_on = asyncio.Event(), asyncio.Event()

    async def slow_answer(*arguments: object) -> object:
        reached.set()
        await goes_on.wait()
        return await ask(*arguments)

    monkeypatch.setattr(home.store, question, slow_answer)
    with capture_logs() as lines:
        home.reconciler.start()
        await asyncio.wait_for(reached.wait(), 20)
        stopping = asyncio.create_task(home.reconciler.stop())
        await asyncio.sleep(0.1)
        assert not stopping.done()
        goes_on.set()
        await stopping
    assert [line for line in lines if line["log_level"] in ("warning", "error")] == []
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert await home.store.acquire_lease("another", timedelta(minutes=5)) is not None


async def test_a_pass_that_failed_is_not_repeated_before_its_interval_unless_something_new_comes(
    running: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = running
    home.timing = replace(home.timing, interval=timedelta(minutes=10))
    home.restart()
    await home.ask(HEAT)
    monkeypatch.setattr(home.reconciler, "run_ledger", nothing)
    passes = 0

    async def failing_due(_now: datetime, _limit: int) -> tuple[DeletionState, ...]:
        nonlocal passes
        passes += 1
        raise ZeroDivisionError

    monkeypatch.setattr(home.store, "due", failing_due)
    with capture_logs():
        await home.reconciler._pass_tick()
        home.reconciler.start()
        try:
            await until(lambda: passes == 2 and not home.reconciler._is_passing)
            await home.reconciler._beat()
            assert soon(home) > timedelta(minutes=9)
            home.reconciler.wake()
            await until(lambda: passes == 3)
            home.clock.advance(timedelta(minutes=11))
            await home.reconciler._beat()
            assert soon(home) <= timedelta(0)
        finally:
            await home.reconciler.stop()


@pytest.mark.parametrize("at", ["due", "next_due_at"])
async def test_what_comes_while_a_pass_fails_or_ends_begins_another_one(
    running: Bench, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    home = running
    home.timing = replace(home.timing, interval=timedelta(minutes=10))
    home.restart()
    monkeypatch.setattr(home.reconciler, "run_ledger", nothing)
    passes = 0

    async def something_comes(*_: object) -> None:
        nonlocal passes
        passes += 1
        if passes == 1:
            home.reconciler.wake()
            if at == "due":
                raise ZeroDivisionError

    async def none_is_due(*_: object) -> tuple[DeletionState, ...]:
        if at == "due":
            await something_comes()
        return ()

    monkeypatch.setattr(home.store, "due", none_is_due)
    monkeypatch.setattr(home.store, "next_due_at", something_comes)
    with capture_logs():
        home.reconciler.start()
        try:
            await until(lambda: passes >= 2)
        finally:
            await home.reconciler.stop()


async def test_a_process_without_the_lease_does_not_look_for_the_end_of_anothers_work(
    running: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = running
    await home.ask(HEAT)
    asked = 0

    async def nobody_else_but_not_us(_holder: str, _ttl: timedelta) -> None:
        nonlocal asked
        asked += 1

    monkeypatch.setattr(home.store, "acquire_lease", nobody_else_but_not_us)
    home.reconciler.start()
    try:
        await until(lambda: asked >= 2)  # the histories and a pass
        assert soon(home) > timedelta(seconds=50)
    finally:
        await home.reconciler.stop()


async def nothing() -> None: ...


def soon(bench: Bench) -> timedelta:
    """Return how long it is to the next pass."""
    at = bench.reconciler._schedule.next_run_at("pass")
    assert at is not None
    return at - bench.clock.now()


async def until(holds: Callable[[], bool]) -> None:
    for _ in range(2000):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never happened")


async def test_planning_does_not_keep_the_event_loop_waiting(home: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[threading.Thread] = []

    def plan(*arguments: Any) -> tuple[Plan, ...]:
        threads.append(threading.current_thread())
        return plan_all(*arguments)

    monkeypatch.setattr(reconciler.rounds, "plan_all", plan)
    await home.ask(HEAT)
    await home.reconciler.run_pass()
    assert threads
    assert threading.main_thread() not in threads


@pytest.fixture
async def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    """A bench in the machine's own time, as the scheduler needs it."""
    monkeypatch.setattr(memory_base, "FILE_DELAY", timedelta(0))
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
    gone = StoreError("the database is gone")
    errors: list[Exception] = [gone, gone, ZeroDivisionError()]

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
    events = [line["event"] for line in lines]
    assert events.count("pass failed") == 2, "an outage once, a mistake of ours each time"
    assert events.count("passes succeed again") == 1


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


async def test_a_dry_plan_sends_nothing_and_tells_exactly_what_is_then_done(home: Bench) -> None:
    deletion = await home.ask(HEAT)
    (foreseen,) = await home.reconciler.foresee([await home.state(deletion)])
    assert foreseen is not None
    assert foreseen.ends_as is Phase.CONVERGED
    assert (await home.state(deletion)).deletion.bound_at is None
    assert writes(home) == []
    await home.passes()
    done = [e.kind for e in await home.store.events(deletion) if e.kind in ACTION_NAMES]
    assert [type(a).__name__ for a in foreseen.actions] == done


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
