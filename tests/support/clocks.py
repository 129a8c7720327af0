"""Clocks that tests move by hand."""

import asyncio
from datetime import UTC, datetime, timedelta

from reconciler.clock import SystemClock

START = datetime(2026, 1, 15, 12, 0, 0, tzinfo=UTC)


class FakeClock:
    """Time that passes only when told to: by `advance`, or by `sleep` in the place of `asyncio.sleep`."""

    def __init__(self, now: datetime = START) -> None:
        self._start = now
        self._now = now
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return (self._now - self._start).total_seconds()

    def advance(self, by: timedelta | float) -> datetime:
        """Let time pass; a number is in seconds. Returns the new time."""
        self._now += by if isinstance(by, timedelta) else timedelta(seconds=by)
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Let time pass at once instead of waiting for it."""
        self.slept.append(seconds)
        self.advance(seconds)


class RunningClock(FakeClock):
    """A clock that also runs by itself, for what is scheduled by the machine's own; sleeping on it takes no time."""

    def __init__(self) -> None:
        self._machine = SystemClock()
        self._ahead = timedelta(0)
        super().__init__(self._machine.now())

    def now(self) -> datetime:
        return self._machine.now() + self._ahead

    def monotonic(self) -> float:
        return self._machine.monotonic() + self._ahead.total_seconds()

    def advance(self, by: timedelta | float) -> datetime:
        self._ahead += by if isinstance(by, timedelta) else timedelta(seconds=by)
        return self.now()

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)
