"""The jobs of one process: run at their intervals, sooner when asked, and ended in good order."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_EXECUTED, EVENT_JOB_MISSED, EVENT_JOB_SUBMITTED, JobEvent
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from reconciler.clock import Clock
from reconciler.telemetry import begin_anew


class Schedule:
    """Runs coroutine functions at intervals, never two runs of the same one at once.

    APScheduler's asyncio executor cancels what runs when the scheduler is shut down and cannot wait for it, so the
    runs under way are counted here and `drain` waits for them.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._scheduler = AsyncIOScheduler(timezone="UTC")
        self._scheduler.add_listener(self._begun, EVENT_JOB_SUBMITTED)
        self._scheduler.add_listener(self._ended, EVENT_JOB_EXECUTED | EVENT_JOB_ERROR | EVENT_JOB_MISSED)
        self._under_way = 0
        self._is_idle = asyncio.Event()
        self._is_idle.set()

    @property
    def is_running(self) -> bool:
        """Say whether jobs are started; a drained schedule starts none but runs until it is shut down."""
        return bool(self._scheduler.running)

    def every(self, interval: timedelta, job: Callable[[], Awaitable[object]], name: str) -> None:
        """Run a job at an interval, the first time when the schedule starts."""

        async def run() -> None:
            begin_anew()  # whoever hastened the job lent its context to the task that runs it
            await job()

        self._scheduler.add_job(
            run,
            "interval",
            seconds=interval.total_seconds(),
            id=name,
            next_run_time=self._clock.now(),
            max_instances=1,
            coalesce=True,
            misfire_grace_time=None,
        )

    def start(self) -> None:
        """Begin; needs a running event loop."""
        self._scheduler.start()

    def hasten(self, name: str, after: timedelta = timedelta(0)) -> None:
        """Let a job run after this time, if that is before it would run anyway; nothing when not running."""
        job = self._scheduler.get_job(name) if self._scheduler.running else None
        at = self._clock.now() + after
        if job is not None and (job.next_run_time is None or at < job.next_run_time):
            job.modify(next_run_time=at)

    def next_run_at(self, name: str) -> datetime | None:
        """Return when a job runs next, `None` when not running."""
        job = self._scheduler.get_job(name) if self._scheduler.running else None
        return job.next_run_time if job is not None else None

    async def drain(self) -> None:
        """Start nothing more, and wait for what runs."""
        if self._scheduler.running:
            self._scheduler.pause()
        await self._is_idle.wait()

    def shutdown(self) -> None:
        """End at once; what still runs is cancelled."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def _begun(self, _event: JobEvent) -> None:
        self._under_way += 1
        self._is_idle.clear()

    def _ended(self, _event: JobEvent) -> None:
        self._under_way -= 1
        if not self._under_way:
            self._is_idle.set()
