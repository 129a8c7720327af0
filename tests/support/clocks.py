"""A clock that tests move by hand."""

from datetime import UTC, datetime, timedelta

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
