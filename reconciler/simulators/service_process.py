"""Runs `reconciler serve` as the process a user would run, for the demo and for tests that kill it."""

import asyncio
import os
import signal
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from reconciler.clock import Clock, SystemClock

START_SECONDS = 30.0
STOP_SECONDS = 15.0


class ServiceProcess:
    """One reconciler on loopback; its log goes to `log`, and its database outlives restarts."""

    def __init__(
        self, environment: Mapping[str, str], log: Path, *, port: int | None = None, clock: Clock | None = None
    ) -> None:
        self.port = port or free_port()
        self.log = log
        self._environment = dict(environment)
        self._clock = clock or SystemClock()
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int | None:
        """The process's number; `None` before the first start."""
        return self._process.pid if self._process else None

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    def twin(self, log: Path) -> "ServiceProcess":
        """Return another process with the same environment and database, at a port of its own; it is not started."""
        return ServiceProcess(self._environment, log, clock=self._clock)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self, **changes: str) -> None:
        """Start and wait until it is ready; `changes` override the environment. Raises `RuntimeError`."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(_OWN_PREFIXES)}
        environment = {**inherited, **self._environment, **changes, "RECONCILER_PORT": str(self.port)}
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "reconciler",
                "serve",
                env=environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = self._clock.monotonic() + START_SECONDS
        while not await asyncio.to_thread(_is_ready, f"{self.url}/readyz"):
            if self._process.returncode is not None or self._clock.monotonic() > deadline:
                await self.kill()
                raise RuntimeError(f"the service did not start; its last words:\n{self.tail()}")
            await asyncio.sleep(0.05)

    async def stop(self) -> int | None:
        """End it in good order, as Kubernetes would, and return its exit code."""
        return await self._end(signal.SIGTERM)

    async def kill(self) -> int | None:
        """End it at once, as a power cut would."""
        return await self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Stop it from running at all, as a machine that is suspended would."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on as if nothing had happened."""
        self._signal(signal.SIGCONT)

    def _signal(self, what: signal.Signals) -> None:
        if self._process is None:
            raise RuntimeError("the service was not started")
        self._process.send_signal(what)

    def tail(self, lines: int = 20) -> str:
        """Return the last lines of its log."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    async def _end(self, how: signal.Signals) -> int | None:
        process = self._process
        if process is None:
            return None
        if process.returncode is None:
            process.send_signal(how)
            try:
                await asyncio.wait_for(process.wait(), STOP_SECONDS)
            except TimeoutError:
                process.kill()
                await process.wait()
        return process.returncode


_OWN_PREFIXES = ("RECONCILER_", "QBITTORRENT_", "RADARR_", "SONARR_", "JELLYSEERR_", "JELLYFIN_", "DATABASE_URL")


def free_port() -> int:
    """Return a port of loopback that is free now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _is_ready(url: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
