"""The job that looks at our webhooks: the turn is not held meanwhile, so neither a pass nor a stop waits for it."""

import asyncio
from collections.abc import Callable, Collection
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta

from reconciler.clock import Clock
from reconciler.connect.watch import ConnectionWatch
from reconciler.errors import LeaseLost, ReconcilerError
from reconciler.model import InstanceName
from reconciler.ports import Lease, PassStore
from reconciler.telemetry import get_logger

INTERVAL = timedelta(hours=1)
AGAIN = timedelta(minutes=5)
"""How often our webhooks at the upstreams are looked at, and how soon again while something is amiss there."""

AFTER_TEST = timedelta(seconds=5)
"""A test is sent before its sender saves what was tested."""

BETWEEN_QUESTIONS = timedelta(seconds=5)
"""How often the database is asked whether a test came, which another process may have answered."""

BETWEEN_RUNS = timedelta(milliseconds=250)
"""How long after a run the next one comes at the soonest: a job that still runs is not run."""

Turn = Callable[[], AbstractAsyncContextManager[Lease | None]]
"""The right to reconcile, if this process has it, while nothing else of it reconciles."""


class Watching:
    """Runs a watch in the process that holds the lease, and keeps what it saw."""

    def __init__(
        self,
        watch: ConnectionWatch,
        store: PassStore,
        clock: Clock,
        *,
        turn: Turn,
        lost: Callable[[], Collection[InstanceName]],
        hasten: Callable[[timedelta], None],
    ) -> None:
        self._watch = watch
        self._store = store
        self._clock = clock
        self._turn = turn
        self._lost = lost
        self._hasten = hasten
        self._is_running = False
        self._wanted: timedelta | None = None
        self._look: asyncio.Task[object] | None = None
        self._is_stopping = False
        self._asked_at: float | None = None
        self._tested_at: datetime | None = None
        self._log = get_logger()

    def look_after(self, time: timedelta) -> None:
        """Look after this time, also when a look is under way: that one may have seen what was before."""
        if self._is_running:
            self._wanted = time
        else:
            self._hasten(time)

    async def look_after_tests(self) -> None:
        """Look soon if a test came that this process did not take. Cheap enough to be called every second."""
        now = self._clock.monotonic()
        if self._asked_at is not None and now - self._asked_at < BETWEEN_QUESTIONS.total_seconds():
            return
        is_first, self._asked_at = self._asked_at is None, now
        tested_at = await self._store.last_test_at()
        if tested_at != self._tested_at and not is_first:
            self.look_after(AFTER_TEST)
        self._tested_at = tested_at

    async def run(self) -> None:
        """Look once; again sooner than at the interval while something is amiss, here or there."""
        self._is_running, self._wanted = True, None
        again: timedelta | None = AGAIN
        try:
            again = await self._run()
        except LeaseLost as lost:
            again = None
            self._log.warning("lease lost while webhooks were looked at", reason=str(lost))
        except ReconcilerError as error:
            self._log.error("webhooks not looked at", error=str(error), kind=type(error).__name__)
        except Exception:  # noqa: BLE001 - the next look must come; this one is logged with its traceback
            self._log.exception("webhooks not looked at")
        finally:
            self._is_running = False
        for time in (again, self._wanted):
            if time is not None:
                self._hasten(max(time, BETWEEN_RUNS))

    def stop(self) -> None:
        """Begin nothing more, and cut off the look that is under way."""
        self._is_stopping = True
        if self._look is not None:
            self._look.cancel()

    async def _run(self) -> timedelta | None:
        """Return how soon to look again, `None` if the interval is soon enough."""
        async with self._turn() as lease:
            if lease is None:
                return None
        known, senders = await self._store.connections(), await self._store.senders()
        if self._is_stopping:
            return None
        look = asyncio.create_task(self._watch.look(self._lost(), known, senders), name="connections")
        self._look = look
        try:
            await asyncio.wait([look])
        finally:
            look.cancel()
            self._look = None
        if look.cancelled() or self._is_stopping:
            return None
        seen, is_whole = look.result()
        if seen:
            async with self._turn() as lease:
                if lease is None:
                    return None
                await self._store.save_connections(lease, seen, self._clock.now())
        is_fine = is_whole and all(state.is_sent for state in seen.values())
        return None if is_fine else AGAIN
