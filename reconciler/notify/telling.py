"""The job that tells people: one run at a time, which nothing waits for and which holds up nothing, not even a stop."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

from reconciler.errors import ReconcilerError
from reconciler.notify.notifier import Notifier
from reconciler.ports import Lease
from reconciler.telemetry import get_logger

LAST_MESSAGE = timedelta(seconds=2)
"""How long a stop waits for a message that is on its way."""

BETWEEN_RUNS = timedelta(milliseconds=250)
"""How long after a run the next one comes at the soonest: a job that still runs is not run."""


class Telling:
    """Runs a notifier with the lease of this process, if it holds one."""

    def __init__(
        self, notifier: Notifier, lease: Callable[[], Lease | None], hasten: Callable[[timedelta], None]
    ) -> None:
        self._notifier = notifier
        self._lease = lease
        self._hasten = hasten
        self._run: asyncio.Task[timedelta | None] | None = None
        self._is_wanted = False
        self._is_stopping = False
        self._log = get_logger()

    def look_after(self, time: timedelta) -> None:
        """Run after this time, also when a run is under way: that one may have looked already."""
        if self._run is not None:
            self._is_wanted = True
        else:
            self._hasten(time)

    async def run(self) -> None:
        """Tell people what is new, and have this run again when more is due."""
        lease = self._lease()
        if lease is None or self._is_stopping:
            return
        self._is_wanted = False
        self._run = asyncio.create_task(self._notifier.run(lease), name="notifications")
        try:
            await asyncio.wait([self._run])
            again = None if self._run.cancelled() else self._run.result()
        except ReconcilerError as error:  # the database is out or the lease is gone: who has both goes on
            self._log.debug("notifications not looked at", error=str(error))
        except Exception:  # noqa: BLE001 - the next run must come; this one is logged with its traceback
            self._log.exception("notifications not looked at")
        else:
            if self._is_wanted or again is not None:
                self._hasten(BETWEEN_RUNS if self._is_wanted or again is None else max(again, BETWEEN_RUNS))
        finally:
            self._run.cancel()
            self._run = None

    async def stop(self) -> None:
        """Begin nothing more, and cut off a message that is not taken: who holds the lease next sends it again."""
        self._is_stopping = True
        run = self._run
        if run is not None:
            await asyncio.wait([run], timeout=LAST_MESSAGE.total_seconds())
            run.cancel()
