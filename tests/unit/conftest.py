"""A bench for every test that wants one, and a service for the command line."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner, Result

from reconciler.cli import app, service
from reconciler.clients._http import Http
from reconciler.model import InstanceName
from tests.support.bench import Bench, bench_at
from tests.support.worlds import HEAT, LOST, RONIN, hash_of
from tests.unit.web.fakes import API_TOKEN, World

Run = Callable[..., Result]
"""Runs a command line."""


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench_at(tmp_path) as opened:
        yield opened


@pytest.fixture
async def home(bench: Bench) -> Bench:
    """A bench with HEAT (two torrents), RONIN and LOST, whose histories were read."""
    bench.household.obtain(HEAT, "Heat", hash_of(1), hash_of(2))
    bench.household.obtain(RONIN, "Ronin", hash_of(3))
    bench.household.obtain(LOST, "Lost", hash_of(4))
    await bench.reconciler.run_ledger()
    return bench


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The service that the command line reaches; its log lines stay out of the command line's output."""
    world = World()
    for name in ("RECONCILER_URL", "RECONCILER_API_TOKEN", "RECONCILER_API_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)

    def connect(url: str, token: str | None) -> Http:
        headers = {"Reconciler-Client": "cli", "Authorization": f"Bearer {token}"}
        transport = world.client()._transport
        return Http(InstanceName("reconciler"), url, headers=headers, transport=transport)

    monkeypatch.setattr(service, "connect", connect)
    with capture_logs():
        yield world


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command line with the API token set, in a wide terminal."""
    monkeypatch.setenv("COLUMNS", "300")

    def call(*args: str, typed: str | None = None, token: str | None = API_TOKEN, **env: str) -> Result:
        environ = {**({"RECONCILER_API_TOKEN": token} if token else {}), **env}
        return CliRunner().invoke(app, list(args), input=typed, env=environ)

    return call
