"""Starts the real `qbittorrent-nox` on loopback with a throw-away profile (upstreams.md 9.1).

It talks to nobody: no DHT, no peer exchange, no local discovery, and it listens for peers on loopback only.
"""

import asyncio
import base64
import contextlib
import hashlib
import os
import secrets
import shutil
import signal
import socket
import tempfile
import urllib.error
import urllib.request
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self

from reconciler.clock import Clock, SystemClock

_START_SECONDS = 20.0
_STOP_SECONDS = 10.0
_POLL_SECONDS = 0.05
_PBKDF2_ROUNDS = 100_000


def find_executable() -> Path | None:
    """Return the path of `qbittorrent-nox`, or `None` when it is not installed."""
    found = shutil.which("qbittorrent-nox")
    return Path(found) if found else None


class RealQBittorrent:
    """One `qbittorrent-nox` process with a profile of its own; use as an async context manager.

    Torrents and settings outlive `stop`, `kill` and `restart`; the profile is removed with the context.
    `bypass_local` switches off authentication for loopback, as some people do.
    """

    def __init__(
        self,
        *,
        executable: Path | None = None,
        username: str = "admin",
        password: str | None = None,
        bypass_local: bool = False,
        clock: Clock | None = None,
    ) -> None:
        self.username = username
        self.password = password or _made_up_password()
        self.port = 0
        self.version = ""
        self._executable = executable
        self._bypass_local = bypass_local
        self._clock = clock or SystemClock()
        self._profile: Path | None = None
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    @property
    def profile(self) -> Path:
        """The profile folder; exists from the first start until the context ends."""
        if self._profile is None:
            raise RuntimeError("qbittorrent-nox was not started yet")
        return self._profile

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self._clean_up()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._clean_up()

    async def start(self) -> None:
        """Start the process and wait until its Web UI answers; raises `RuntimeError` when it does not."""
        if self.is_running:
            return
        executable = self._executable or find_executable()
        if executable is None:
            raise RuntimeError("qbittorrent-nox is not installed")
        if self._profile is None:
            await self._prepare(executable)
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                executable,
                f"--profile={self.profile}",
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "HOME": str(self.profile), "QT_QPA_PLATFORM": "offscreen"},
                start_new_session=True,
            )
        await self._until_ready()

    async def stop(self) -> None:
        """End the process in good order, as a system shutdown would."""
        await self._end(signal.SIGTERM)

    async def kill(self) -> None:
        """End the process at once, as a power cut would; what it had not saved is lost."""
        await self._end(signal.SIGKILL)

    async def restart(self) -> None:
        """Stop and start again at the same address."""
        await self.stop()
        await self.start()

    @property
    def _log(self) -> Path:
        return self.profile / "output.log"

    async def _prepare(self, executable: Path) -> None:
        self.version = await _version_of(executable)
        self._profile = Path(tempfile.mkdtemp(prefix="qbittorrent-"))
        self.port = _free_port()
        config = self._profile / "qBittorrent" / "config" / "qBittorrent.conf"
        config.parent.mkdir(parents=True)
        config.write_text(self._settings(self._profile / "downloads", _free_port()), encoding="utf-8")

    def _settings(self, downloads: Path, peer_port: int) -> str:
        return "\n".join(
            [
                "[LegalNotice]",
                "Accepted=true",
                "[BitTorrent]",
                r"Session\DHTEnabled=false",
                r"Session\LSDEnabled=false",
                r"Session\PeXEnabled=false",
                r"Session\QueueingSystemEnabled=false",
                # the web seeds of the demo and the tests are on loopback
                r"Session\SSRFMitigation=false",
                r"Session\Interface=lo",
                r"Session\InterfaceAddress=127.0.0.1",
                rf"Session\Port={peer_port}",
                rf"Session\DefaultSavePath={downloads}",
                "[Preferences]",
                r"WebUI\Enabled=true",
                r"WebUI\Address=127.0.0.1",
                rf"WebUI\Port={self.port}",
                rf"WebUI\Username={self.username}",
                rf'WebUI\Password_PBKDF2="@ByteArray({_pbkdf2(self.password)})"',
                rf"WebUI\LocalHostAuth={str(not self._bypass_local).lower()}",
                "",
            ]
        )

    async def _until_ready(self) -> None:
        deadline = self._clock.monotonic() + _START_SECONDS
        while self._clock.monotonic() < deadline:
            if not self.is_running:
                break
            if await asyncio.to_thread(_answers, f"{self.url}/api/v2/app/version"):
                return
            await asyncio.sleep(_POLL_SECONDS)
        said = self._log.read_text(encoding="utf-8", errors="replace")[-500:]
        await self.kill()
        raise RuntimeError(f"qbittorrent-nox did not start: {said}")

    async def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(how)
        try:
            await asyncio.wait_for(process.wait(), _STOP_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()

    async def _clean_up(self) -> None:
        await self.kill()
        if self._profile is not None:
            await asyncio.to_thread(shutil.rmtree, self._profile, ignore_errors=True)
            self._profile = None


async def _version_of(executable: Path) -> str:
    """Return for example `v4.5.2`."""
    process = await asyncio.create_subprocess_exec(
        executable, "--version", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    said, _ = await process.communicate()
    return said.decode().split()[-1] if said.split() else ""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@cache
def _made_up_password() -> str:
    return secrets.token_urlsafe(12)


@cache  # it takes a tenth of a second by design, and tests start very many programs
def _pbkdf2(password: str) -> str:
    salt = secrets.token_bytes(16)
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _PBKDF2_ROUNDS, 64)
    return f"{base64.b64encode(salt).decode()}:{base64.b64encode(key).decode()}"


def _answers(url: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=2):
            return True
    except urllib.error.HTTPError as error:
        error.close()
        return True
    except OSError:
        return False
