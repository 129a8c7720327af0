"""Deny windows: times that come round, in which nothing is changed upstream."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from reconciler.config import DenyWindowSettings
from reconciler.config.times import trigger_of, zone_of

_FIRST_LOOK = timedelta(hours=1)
_FURTHER = 4

# Clocks are put forward by two hours at most. A time in the hours left out comes late by as much, and a search that
# begins within them does not find it.
_CLOCK_CHANGE = timedelta(hours=3)


class _Window:
    """One window: it opens at the times of a crontab, and stays open for a while that passes."""

    def __init__(self, settings: DenyWindowSettings) -> None:
        self._trigger = trigger_of(settings.cron, zone_of(settings.timezone))
        self._length = timedelta(minutes=settings.minutes)

    def open_until(self, now: datetime) -> datetime | None:
        """Return when the window closes that is open `now`, or `None` if it is not."""
        look = _FIRST_LOOK
        while True:  # a crontab can only be searched forwards: begin near, for it may name every minute of a week
            opened = self._last_opening(now - min(look, self._length), now)
            if opened is not None:
                closes = opened + self._length
                return closes if now < closes else None
            if look >= self._length:
                return None
            look *= _FURTHER

    def _last_opening(self, since: datetime, now: datetime) -> datetime | None:
        """Return the last opening up to `now`; surely found if it was `since` or later."""
        last = None
        opening = self._next_opening(since - _CLOCK_CHANGE)
        while opening <= now:
            last = opening
            opening = self._next_opening(opening + timedelta(seconds=1))
        return last

    def _next_opening(self, since: datetime) -> datetime:
        opening: datetime = self._trigger.get_next_fire_time(None, since)
        return opening.astimezone(UTC)


class DenyWindows:
    """All windows of the settings."""

    def __init__(self, windows: Iterable[DenyWindowSettings]) -> None:
        self._windows = [_Window(window) for window in windows]

    def open_until(self, now: datetime) -> datetime | None:
        """Return when the open window closes that closes last, or `None` if none is open. `now` is aware.

        Another one may open until then: ask again.
        """
        closing = [window.open_until(now.astimezone(UTC)) for window in self._windows]
        return max((end for end in closing if end is not None), default=None)
