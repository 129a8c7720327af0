"""What the tests of the simulated qBittorrent share."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from reconciler.clients.qbittorrent import QBittorrent, connect
from reconciler.clock import Clock
from reconciler.model import InstanceName, TorrentId
from reconciler.simulators.qbittorrent import QBittorrentSimulator
from reconciler.simulators.qbittorrent_dialects import Mode
from reconciler.simulators.torrentfile import MadeTorrent

USERNAME, PASSWORD = "admin", "adminadmin"
CREDENTIALS = {"username": USERNAME, "password": PASSWORD}
WRONG = {"username": USERNAME, "password": "wrong"}
API_KEY = "qbt_0123456789abcdef0123456789ab"

OLD = (Mode.V4_6,)
BEFORE_5_2 = (Mode.V4_6, Mode.V5_1)


class ManualClock:
    def __init__(self) -> None:
        self.elapsed = timedelta(0)

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + self.elapsed

    def monotonic(self) -> float:
        return 1_000.0 + self.elapsed.total_seconds()


def simulate(mode: Mode, root: Path, *, clock: Clock | None = None, bypass: bool = False) -> QBittorrentSimulator:
    return QBittorrentSimulator(
        mode, username=USERNAME, password=PASSWORD, save_root=root, api_key=API_KEY, clock=clock, bypass=bypass
    )


def client_of(url: str) -> QBittorrent:
    return connect(InstanceName("qbittorrent"), url, username=USERNAME, password=PASSWORD)


def browser(simulator: QBittorrentSimulator, address: str = "192.0.2.1") -> httpx.AsyncClient:
    transport = httpx.ASGITransport(simulator.app, client=(address, 50_000))
    return httpx.AsyncClient(transport=transport, base_url="http://qbittorrent.test:8080/api/v2/")


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def add(simulator: QBittorrentSimulator, made: MadeTorrent, **options: Any) -> TorrentId:
    torrent_id = simulator.session.add(made.meta, **options)
    assert torrent_id is not None
    return torrent_id


async def rows(user: httpx.AsyncClient, **params: str) -> dict[str, dict[str, Any]]:
    reply = await user.get("torrents/info", params=params)
    assert reply.status_code == 200
    return {row["hash"]: row for row in reply.json()}


async def upload(user: httpx.AsyncClient, data: bytes, **fields: str) -> httpx.Response:
    return await user.post("torrents/add", data=fields, files={"torrents": ("a.torrent", data)})
