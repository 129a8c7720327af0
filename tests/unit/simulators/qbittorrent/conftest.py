from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from reconciler.simulators.qbittorrent import QBittorrentSimulator
from reconciler.simulators.qbittorrent_dialects import Mode
from tests.unit.simulators.qbittorrent.support import CREDENTIALS, ManualClock, browser, simulate


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "data"
    path.mkdir()
    return path


@pytest.fixture(params=list(Mode))
async def simulator(
    request: pytest.FixtureRequest, root: Path, clock: ManualClock
) -> AsyncIterator[QBittorrentSimulator]:
    simulator = simulate(request.param, root, clock=clock)
    yield simulator
    await simulator.session.aclose()


@pytest.fixture
async def web(simulator: QBittorrentSimulator) -> AsyncIterator[httpx.AsyncClient]:
    """A browser without a session."""
    async with browser(simulator) as client:
        yield client


@pytest.fixture
async def user(web: httpx.AsyncClient) -> httpx.AsyncClient:
    """A browser with a session."""
    assert (await web.post("auth/login", data=CREDENTIALS)).is_success
    return web
