"""A PostgreSQL that a test can stop and start again under the service, keeping its data."""

import signal
import subprocess
import time

from reconciler.clock import SystemClock
from tests.support.postgres import START_SECONDS, PostgresServer, _as_user, _user


class RestartablePostgres(PostgresServer):
    """The same server as other tests have, with a life of its own."""

    def crash(self) -> None:
        """End it at once, as a power cut would; what it had committed stays."""
        assert self._process is not None
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(START_SECONDS)

    def resume(self) -> None:
        """Start it again with its data at the same port, and wait until it answers."""
        assert self._process is not None
        self._process = subprocess.Popen(
            self._process.args,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            **_as_user(_user()),
        )
        clock = SystemClock()
        deadline = clock.monotonic() + START_SECONDS
        while clock.monotonic() < deadline:
            if self.is_ready():
                return
            time.sleep(0.05)
        raise AssertionError("PostgreSQL did not come back")
