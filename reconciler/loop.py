"""A pass and its schedule: observe, plan, record, execute, and observe again until a round finds nothing to do."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from reconciler.backoff import backoff
from reconciler.catchup import CatchUp
from reconciler.clock import Clock
from reconciler.connect import watching
from reconciler.connect.watch import ConnectionWatch
from reconciler.errors import LeaseLost, ReconcilerError
from reconciler.execute import Executor
from reconciler.lease import LeaseKeeper
from reconciler.model import DeletionId, DeletionState, InstanceName
from reconciler.notify import Notifier, Telling
from reconciler.observe import Observer
from reconciler.observed import Seen
from reconciler.plan import Policy
from reconciler.plan.foresee import Foreseen
from reconciler.ports import Lease, LoopStatus, PassRecord, PassStore
from reconciler.reasons import Reason
from reconciler.rounds import Rounds
from reconciler.schedule import Schedule
from reconciler.telemetry import Calls, Metrics, Outage, get_logger
from reconciler.upstreams import Doubt, Health, Upstreams

BEAT = timedelta(seconds=1)
"""How often a process that shares its database renews the lease or sees whether it is free."""

LOOK_FOR_NEWS = timedelta(minutes=1)
"""How often is looked for something to tell people, beside after every pass."""

NEWS_AFTER_PASS = timedelta(seconds=1)

MOST_DELETIONS = 500
MOST_ROUNDS = 20
BETWEEN_ROUNDS = timedelta(milliseconds=250)

_WAITS_FOR_UPSTREAMS = frozenset(
    {Reason.UNREACHABLE, Reason.UNINTELLIGIBLE, Reason.THROTTLED, Reason.LEDGER_INCOMPLETE, Reason.REQUESTS_UNSEEN}
)

_REFUSED = frozenset({Reason.UNAUTHORIZED, Reason.REJECTED})
"""What is repeated slowly, and at once by a process that has just begun: its operator may have mended something."""


@dataclass(frozen=True, slots=True)
class Timing:
    """The operator's intervals."""

    interval: timedelta = timedelta(seconds=60)
    ledger_interval: timedelta = timedelta(minutes=5)
    resync_interval: timedelta = timedelta(minutes=15)
    breaker_window: timedelta = timedelta(hours=1)
    shutdown: timedelta = timedelta(seconds=10)
    receipts_kept: timedelta = timedelta(days=30)


class Reconciler:
    """Brings every due deletion closer to its end, one pass at a time."""

    def __init__(
        self,
        store: PassStore,
        upstreams: Upstreams,
        policy: Policy,
        timing: Timing,
        clock: Clock,
        *,
        holder: str,
        calls: Calls,
        metrics: Metrics | None = None,
        rng: random.Random | None = None,
        suspicious_minimum: int = 10,
        denied_until: Callable[[datetime], datetime | None] = lambda _now: None,
        catch_up: CatchUp | None = None,
        connections: ConnectionWatch | None = None,
        notifier: Notifier | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._timing = timing
        self._clock = clock
        self._calls = calls
        self._metrics = metrics
        self._rng = rng or random.SystemRandom()
        self._sleep = sleep
        self._log = get_logger()
        self.health = Health(clock)
        self._upstreams = upstreams
        self._keeper = LeaseKeeper(store, holder, clock)
        self._observer = Observer(
            store,
            upstreams,
            self.health,
            policy,
            clock,
            suspicious_minimum=suspicious_minimum,
            denied_until=denied_until,
        )
        executor = Executor(
            store,
            upstreams,
            self.health,
            self._keeper,
            clock,
            on_removed=self._observer.removed,
            is_stopping=lambda: self._is_stopping,
        )
        self._rounds = Rounds(
            store,
            self._observer,
            executor,
            policy,
            clock,
            self._rng,
            breaker_window=timing.breaker_window,
            metrics=metrics,
        )
        self._catch_up = catch_up
        self._connections = None if connections is None else self._watching(connections)
        self._schedule = Schedule(clock)
        self._telling = None if notifier is None else Telling(notifier, lambda: self._keeper.current, self._hasten_news)
        self._turn = asyncio.Lock()
        self._is_stopping = False
        self._is_woken = False
        self._is_passing = False
        self._is_syncing = False
        self._ledger_attempt = 0
        self._epoch = 0
        self._heart: asyncio.Task[None] | None = None
        self._lease_outage = Outage("the lease cannot be looked after", "the lease is looked after again", clock)
        self._pass_outage = Outage("pass failed", "passes succeed again", clock)
        self._ledger_outage = Outage("ledger sync failed", "ledger syncs succeed again", clock)
        self._resync_outage = Outage("resync failed", "resyncs succeed again", clock)
        self._rests_until = 0.0

    # --- schedule --------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Run the ledger, the passes and the resync at their intervals, beginning now."""
        self._schedule.every(self._timing.ledger_interval, self.run_ledger, "ledger")
        self._schedule.every(self._timing.interval, self._pass_tick, "pass")
        self._schedule.every(self._timing.resync_interval, self.run_resync, "resync")
        if self._connections is not None:
            self._schedule.every(watching.INTERVAL, self._connections.run, "connections")
        if self._telling is not None:
            self._schedule.every(LOOK_FOR_NEWS, self._telling.run, "notifications")
        self._schedule.start()
        if self._store.is_shared:
            self._heart = asyncio.create_task(self._beat_on(), name="lease")

    def wake(self) -> None:
        """Run a pass at once, or another one right after the one that runs. Safe from any request handler."""
        self._is_woken = True
        if not self._is_passing:
            self._schedule.hasten("pass")

    def wake_ledger(self) -> None:
        """Read the histories at once: a webhook came that could not be read."""
        if not self._is_syncing:
            self._schedule.hasten("ledger")
        self.wake()

    def look_at_connections(self) -> None:
        """See soon what our webhooks look like: a test came, so somebody is at them."""
        if self._connections is not None:
            self._connections.look_after(watching.AFTER_TEST)

    def status(self) -> LoopStatus:
        """Say what this process's loop is doing."""
        is_running = self._schedule.is_running and not self._is_stopping
        is_ours = self._keeper.is_held
        next_pass_at = self._schedule.next_run_at("pass") if is_ours else None
        return LoopStatus(is_running, next_pass_at, is_ours, self._keeper.holder)

    def begin_stop(self) -> None:
        """Send nothing more after the call that is under way. Safe from a signal handler."""
        self._is_stopping = True

    async def stop(self) -> None:
        """Finish the current action, run nothing more, and give the lease back."""
        self.begin_stop()
        try:
            async with asyncio.timeout(self._timing.shutdown.total_seconds()):
                if self._connections is not None:
                    self._connections.stop()
                if self._telling is not None:
                    await self._telling.stop()
                await self._schedule.drain()
                async with self._turn:
                    await self._rest()
                    await self._keeper.release()
        except TimeoutError:
            self._log.warning("stopped during a call", seconds=self._timing.shutdown.total_seconds())
        except ReconcilerError as error:
            self._log.warning("the lease was not given back", error=str(error))
        await self._rest()
        self._schedule.shutdown()

    # --- the lease -------------------------------------------------------------------------------------------------

    async def _beat_on(self) -> None:
        while True:
            await asyncio.sleep(BEAT.total_seconds())
            try:
                await self._beat()
            except ReconcilerError as error:
                self._lease_outage.failed(error)
            except Exception:  # noqa: BLE001 - the lease must not be lost by it; it is logged with its traceback
                self._log.exception("the lease cannot be looked after")
            else:
                self._lease_outage.works()

    async def _beat(self) -> None:
        """Keep the lease or take over, and notice what became due through another process."""
        if self._is_stopping and not self._keeper.is_held:
            return
        if await self._keeper.keep():
            self._log.info("this process reconciles now")
            for job in ("ledger", "pass", "resync"):
                self._schedule.hasten(job)
            self._look_at_connections_now()
            return
        if self._keeper.is_held and self._connections is not None:
            await self._connections.look_after_tests()
        if self._keeper.is_held and not self._is_passing and self._clock.monotonic() >= self._rests_until:
            due = await self._store.next_due_at()
            if due is not None and due <= self._clock.now():
                self._schedule.hasten("pass")

    async def _rest(self) -> None:
        if self._heart is not None:
            self._heart.cancel()
            await asyncio.wait([self._heart])
            self._heart = None

    @asynccontextmanager
    async def _its_turn(self) -> AsyncIterator[Lease | None]:
        """Wait until nothing else of this process reconciles; `None` if another process holds the lease or we stop.

        Raises `LeaseLost` as soon as the lease is lost inside, wherever that is.
        """
        async with self._turn:
            lease = None if self._is_stopping else await self._keeper.take()
            if lease is None:
                yield None
                return
            async with self._keeper.guard(lease):
                if lease.epoch != self._epoch:
                    self._observer.begin_epoch()
                    await self._store.wake_waiting(lease, _WAITS_FOR_UPSTREAMS | _REFUSED, self._clock.now())
                    self._epoch = lease.epoch
                yield lease

    # --- jobs ------------------------------------------------------------------------------------------------------

    async def _pass_tick(self) -> None:
        self._is_passing = True
        try:
            while not self._is_stopping:
                self._is_woken = False
                await self.run_pass()
                if not self._is_woken:
                    break
            if self._keeper.is_held:  # otherwise what is due is another's, and its end shows when this one takes over
                await self._schedule_next()
                if self._telling is not None:
                    self._telling.look_after(NEWS_AFTER_PASS)
            self._rests_until = 0.0
            self._pass_outage.works()
        except ReconcilerError as error:
            self._rest_after_failure()
            self._pass_outage.failed(error)
        except Exception:  # noqa: BLE001 - the next pass must come; this one is logged with its traceback
            self._rest_after_failure()
            self._log.exception("pass failed")
        finally:
            self._is_passing = False
            if self._is_woken:  # while a pass failed, or after its last look at what is due
                self._schedule.hasten("pass", BETWEEN_ROUNDS)

    def _hasten_news(self, after: timedelta) -> None:
        self._schedule.hasten("notifications", after)

    def _rest_after_failure(self) -> None:
        """Let the next pass come at its interval or when it is woken: what made this one fail is likely still there."""
        self._rests_until = self._clock.monotonic() + self._timing.interval.total_seconds()

    async def _schedule_next(self) -> None:
        """Let the next pass run when something is due, if that is before the interval."""
        due = await self._store.next_due_at()
        if due is not None:
            self._schedule.hasten("pass", max(due - self._clock.now(), BETWEEN_ROUNDS))

    async def run_ledger(self) -> None:
        """Back-fill what is missing, sync what is complete, and ask every upstream how it is."""
        self._is_syncing = True
        try:
            await self._read_histories()
            self._ledger_outage.works()
        except ReconcilerError as error:
            self._ledger_outage.failed(error)
        except Exception:  # noqa: BLE001 - the next sync must come; this one is logged with its traceback
            self._log.exception("ledger sync failed")
        finally:
            self._is_syncing = False

    async def _read_histories(self) -> None:
        was_complete = await self._observer.has_complete_ledgers()
        was_read = True
        lease: Lease | None = None
        while was_read and not self._is_stopping:
            async with self._its_turn() as taken:
                if taken is None:
                    return
                lease = taken
                was_read = await self._observer.backfill(lease)
                if not was_read:
                    self._observer.begin_pass()
                    await self._observer.libraries(lease)
                    await self._greet()
                await self._store.save_health(lease, self.health.rows())
        if lease is None:
            return
        await self._store.prune(lease, self._clock.now() - self._timing.receipts_kept)
        is_complete = await self._observer.has_complete_ledgers()
        self._ledger_attempt = 0 if is_complete else self._ledger_attempt + 1
        if not is_complete:
            self._schedule.hasten("ledger", backoff(self._ledger_attempt, self._rng, cap=60.0))
        await self._wake_waiting(lease, force=is_complete and not was_complete)
        self.wake()

    async def run_resync(self) -> None:
        """Look for what no webhook told, where it can be seen, and let a pass begin with what was found."""
        try:
            if await self._resync():
                self.wake()
            self._resync_outage.works()
        except ReconcilerError as error:
            self._resync_outage.failed(error)
        except Exception:  # noqa: BLE001 - the next resync must come; this one is logged with its traceback
            self._log.exception("resync failed")

    async def _resync(self) -> int:
        """Return how many deletions follow from what was missed."""
        if self._catch_up is None or self._is_stopping:
            return 0
        async with self._its_turn() as lease:
            if lease is None:
                return 0
            self._observer.begin_pass()
            libraries = await self._observer.libraries(lease)
            found = 0
            for name, (observation, _) in libraries.items():
                if isinstance(observation, Seen):
                    looked = await self._catch_up.library(lease, name, observation)
                    self.health.doubted(name, Doubt.VANISHED, looked.doubt)
                    found += looked.created
            found += await self._catch_up.board(lease, await self._observer.board(lease))
            await self._store.save_health(lease, self.health.rows())
            return found

    def _watching(self, watch: ConnectionWatch) -> watching.Watching:
        return watching.Watching(
            watch,
            self._store,
            self._clock,
            turn=self._its_turn,
            lost=self.health.lost,
            hasten=lambda after: self._schedule.hasten("connections", after),
        )

    def _look_at_connections_now(self) -> None:
        if self._connections is not None:
            self._connections.look_after(timedelta(0))

    async def _wake_waiting(self, lease: Lease, *, force: bool = False) -> None:
        """Let what waited for an upstream go on as soon as it is back, and not when its backoff ends."""
        if self.health.take_returned() or force:
            await self._store.wake_waiting(lease, _WAITS_FOR_UPSTREAMS, self._clock.now())
            self._is_woken = True
            self._look_at_connections_now()

    async def _greet(self, only: Collection[InstanceName] | None = None) -> None:
        """Ask upstreams whether they are there; without `only`, those that the ledger does not read."""
        for upstream in self._upstreams.all():
            is_read = upstream.instance in self._upstreams.libraries
            if (upstream.instance not in only) if only is not None else is_read:
                continue
            app = await self.health.ask(upstream, upstream.identify)
            if isinstance(app, Seen):
                self.health.answered(upstream, app.data)

    # --- a pass ----------------------------------------------------------------------------------------------------

    async def run_pass(self) -> PassRecord | None:
        """Reconcile everything that is due; `None` if another process holds the lease or nothing was due."""
        try:
            async with self._its_turn() as lease:
                return None if lease is None else await self._pass(lease)
        except LeaseLost as lost:
            self._log.warning("lease lost during a pass", reason=str(lost))
            return None

    async def _pass(self, lease: Lease) -> PassRecord | None:
        started = self._clock.now()
        states = await self._store.due(started, MOST_DELETIONS)
        if not states:
            await self._look_for_lost(lease)
            return None
        self.health.forget_refusals(max((r for s in states if (r := s.deletion.retried_at)), default=None))
        before = self._calls.snapshot().total
        rounds = 0
        seen: set[DeletionId] = set()
        self._observer.begin_pass()
        try:
            while states and rounds < MOST_ROUNDS and not self._is_stopping:
                rounds += 1
                seen |= {s.deletion.id for s in states}
                done = await self._rounds.run(lease, states)
                if done.waits_for_ledger and not self._is_syncing:
                    self._schedule.hasten("ledger", BETWEEN_ROUNDS)
                if not done.is_changed:
                    break
                await self._sleep(_pause(rounds).total_seconds())
                await self._keeper.prove(lease)
                states = await self._store.due(self._clock.now(), MOST_DELETIONS)
        except LeaseLost:
            raise
        except Exception as bug:  # told in the status, then raised on as it is
            await self._finish_pass(lease, started, seen, rounds, before, f"{type(bug).__name__}: {bug}; see the log")
            raise
        await self._wake_waiting(lease)
        return await self._finish_pass(lease, started, seen, rounds, before, "")

    async def _look_for_lost(self, lease: Lease) -> None:
        """Nothing is due, perhaps because everything waits for an upstream: see whether that is back."""
        lost = self.health.lost()
        if lost:
            await self._greet(lost)
            await self._wake_waiting(lease)
            await self._store.save_health(lease, self.health.rows())

    async def _finish_pass(
        self, lease: Lease, started: datetime, seen: Collection[DeletionId], rounds: int, calls_before: int, error: str
    ) -> PassRecord:
        calls = self._calls.snapshot().total - calls_before
        done = PassRecord(started, self._clock.now(), len(seen), rounds, calls, error)
        await self._store.save_health(lease, self.health.rows())
        await self._store.record_pass(lease, done)
        if self._metrics is not None:
            self._metrics.passed((done.finished_at - done.started_at).total_seconds(), ok=not error)
        return done

    async def foresee(self, states: Sequence[DeletionState]) -> tuple[Foreseen, ...]:
        """Plan deletions to their end, each for itself, from one fresh reading.

        Nothing is recorded and nothing sent; any process may do it.
        """
        try:
            async with self._its_turn() as lease:
                return await self._rounds.foresee(lease, states)
        except LeaseLost:
            async with self._turn:
                return await self._rounds.foresee(None, states)


def _pause(rounds: int) -> timedelta:
    """Return the wait after a round: short while every round brings a step, longer when a pass drags on."""
    return min(BETWEEN_ROUNDS * max(1, rounds - 6), timedelta(seconds=2))
