"""The only place that reads the time.

Deadlines that reach a disk are aware UTC wall time; intervals inside one process are monotonic seconds.
Tests pass a clock of their own and never sleep.
"""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """A source of time, handed to whoever needs one."""

    def now(self) -> datetime:
        """Return the aware UTC wall time."""

    def monotonic(self) -> float:
        """Return seconds from an arbitrary start that never go back."""


class SystemClock:
    """The clock of this machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()
