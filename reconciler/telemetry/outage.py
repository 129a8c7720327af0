"""One log line when something begins to fail and one when it works again, however often it is tried between."""

from reconciler.clock import Clock
from reconciler.telemetry.logs import get_logger


class Outage:
    """`lost` and `back` are the two events; the second one says after how many seconds."""

    def __init__(self, lost: str, back: str, clock: Clock) -> None:
        self._lost = lost
        self._back = back
        self._clock = clock
        self._since: float | None = None
        self._log = get_logger()

    def failed(self, error: Exception) -> None:
        """Say that it failed, if it did not before."""
        if self._since is None:
            self._since = self._clock.monotonic()
            self._log.error(self._lost, error=str(error), kind=type(error).__name__)

    def works(self) -> None:
        """Say that it works again, if it failed before."""
        if self._since is not None:
            seconds = round(self._clock.monotonic() - self._since, 3)
            self._since = None
            self._log.info(self._back, seconds=seconds)
