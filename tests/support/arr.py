"""Simulated Radarrs and Sonarrs for tests, with a webhook receiver and a download client, over real HTTP."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from reconciler.clients import radarr, sonarr
from reconciler.clients.arr import Arr
from reconciler.clock import SystemClock
from reconciler.model import InstanceName, Media, MediaKind
from reconciler.ports import LibraryClient
from reconciler.simulators.arr_releases import DownloadClient, Release
from reconciler.simulators.arr_state import Followed, MediaFile
from reconciler.simulators.loopback import loopback_client
from reconciler.simulators.qbittorrent import QBittorrentSimulator
from reconciler.simulators.radarr import RadarrSimulator
from reconciler.simulators.server import serve
from reconciler.simulators.sonarr import SonarrSimulator
from reconciler.simulators.torrentfile import make_torrent

KEY = "a-key-for-tests"
HASH = "A" * 40
DEADLINE_SECONDS = 10.0


@dataclass
class Receiver:
    """A webhook receiver; `on_event` runs before it answers, `status` is what it answers."""

    url: str = ""
    status: int = 200
    events: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    on_event: Callable[[dict[str, Any]], Any] | None = None

    def of(self, event: str) -> list[dict[str, Any]]:
        return [payload for payload in self.events if payload["eventType"] == event]

    async def take(self, request: Request) -> Response:
        payload = await request.json()
        self.headers.append(dict(request.headers))
        self.events.append(payload)
        if self.on_event is not None:
            await self.on_event(payload)
        return Response(status_code=self.status)


@contextlib.asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """Run a webhook receiver."""
    receiver = Receiver()
    async with serve(Starlette(routes=[Route("/hook", receiver.take, methods=["POST"])])) as url:
        receiver.url = f"{url}/hook"
        yield receiver


@contextlib.asynccontextmanager
async def api(url: str, key: str = KEY) -> AsyncIterator[httpx.AsyncClient]:
    """A plain caller of the API, as a dashboard would be."""
    async with loopback_client(base_url=f"{url}/api/v3", headers={"X-Api-Key": key}) as client:
        yield client


@dataclass
class Downloads:
    """A simulated qBittorrent whose torrents find their content in `folder`."""

    simulator: QBittorrentSimulator
    url: str
    folder: Path

    def client(self, category: str, name: str = "qBittorrent") -> DownloadClient:
        return DownloadClient(self.url, "admin", "a password", category=category, save_path=self.folder, name=name)

    def release(
        self,
        title: str,
        media: Media,
        files: dict[str, bytes],
        *,
        episodes: tuple[tuple[int, int], ...] = (),
        quality: str = "WEBDL-1080p",
    ) -> Release:
        """Make a release whose content already lies in the download folder, so that it completes at once."""
        for name, content in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        made = make_torrent(self.folder / next(iter(files)).split("/", maxsplit=1)[0])
        return Release(title, media, made.data, episodes, quality)


@contextlib.asynccontextmanager
async def downloading(folder: Path) -> AsyncIterator[Downloads]:
    """Run a simulated qBittorrent."""
    folder.mkdir(parents=True, exist_ok=True)
    simulator = QBittorrentSimulator("5.1", username="admin", password="a password", save_root=folder)
    async with serve(simulator.app) as url:
        yield Downloads(simulator, url, folder)


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds; fails after a deadline."""
    clock = SystemClock()
    deadline = clock.monotonic() + DEADLINE_SECONDS
    while not holds():
        assert clock.monotonic() < deadline, "it never happened"
        await asyncio.sleep(0.01)


@dataclass
class RadarrWorld:
    """A served Radarr and a caller of its API."""

    simulator: RadarrSimulator
    api: httpx.AsyncClient
    url: str
    root: Path

    async def get(self, path: str, /, **params: Any) -> Any:
        answer = await self.api.get(path, params=params)
        assert answer.status_code == 200
        return answer.json()


@contextlib.asynccontextmanager
async def radarr_world(folder: Path, **options: Any) -> AsyncIterator[RadarrWorld]:
    """Serve a Radarr whose root folder lies in `folder`; `options` are those of `ArrSimulator`."""
    root = folder / "movies"
    root.mkdir()
    simulator = RadarrSimulator(root, api_key=KEY, file_removal_delay=0, **options)
    async with serve(simulator.app) as url, api(url) as client:
        yield RadarrWorld(simulator, client, url, root)


@dataclass
class LibraryWorld:
    """One simulated application with its client, and the words in which the two applications differ."""

    simulator: RadarrSimulator | SonarrSimulator
    client: LibraryClient
    url: str
    root: Path

    @property
    def is_radarr(self) -> bool:
        return isinstance(self.simulator, RadarrSimulator)

    def add(self, number: int, name: str, *, tags: tuple[str, ...] = (), path: Path | None = None) -> int:
        """Add a title without files; `number` is its tmdb or tvdb id."""
        if isinstance(self.simulator, RadarrSimulator):
            return self.simulator.add_movie(number, name, 2020, tags=tags, path=path)
        return self.simulator.add_series(number, name, 2020, seasons={1: 2}, tags=tags, path=path)

    def add_with_file(self, number: int, name: str, content: bytes = b"content") -> tuple[int, MediaFile]:
        entry_id = self.add(number, name)
        if isinstance(self.simulator, RadarrSimulator):
            return entry_id, self.simulator.add_movie_file(entry_id, content)
        return entry_id, self.simulator.add_episode_file(entry_id, 1, [1], content)

    def add_file(self, entry_id: int, name: str, content: bytes = b"more") -> MediaFile:
        """Give a title another file."""
        if isinstance(self.simulator, RadarrSimulator):
            return self.simulator.add_movie_file(entry_id, content, name=name)
        return self.simulator.add_episode_file(entry_id, 1, [2], content, name=name)

    def release(self, number: int, name: str) -> Release:
        """Make a release: of a movie, or of the first episode of a series."""
        path = self.root.parent / f"{name}.mkv"
        path.write_bytes(name.encode())
        return Release(name, self.media(number), make_torrent(path).data, () if self.is_radarr else ((1, 1),))

    def media(self, number: int) -> Media:
        return Media(MediaKind.MOVIE, tmdb_id=number) if self.is_radarr else self.series(number)

    @staticmethod
    def series(number: int) -> Media:
        return Media(MediaKind.SERIES, tvdb_id=number)

    def queue(self, entry_id: int | None, download_id: str = HASH) -> list[int]:
        return self.simulator.add_queue_item(Followed(download_id, entry_id, "A.Release", "qBittorrent"))

    def connect(self, url: str, key: str = KEY, *, timeout: timedelta = timedelta(seconds=30)) -> Arr:
        if self.is_radarr:
            return radarr.connect(InstanceName("radarr"), url, key, timeout=timeout)
        return sonarr.connect(InstanceName("sonarr"), url, key, timeout=timeout)

    @property
    def exclusions(self) -> list[object]:
        return list(self.simulator.exclusions.values())


@contextlib.asynccontextmanager
async def running_library(kind: str, folder: Path, url_base: str = "") -> AsyncIterator[LibraryWorld]:
    """Serve a Radarr or Sonarr without a download client, and connect the real client to it."""
    root = folder / "library"
    root.mkdir()
    make = RadarrSimulator if kind == "radarr" else SonarrSimulator
    simulator = make(root, api_key=KEY, url_base=url_base, file_removal_delay=0)
    connect = radarr.connect if kind == "radarr" else sonarr.connect
    async with serve(simulator.app) as url, connect(InstanceName(kind), f"{url}{url_base}", KEY) as client:
        yield LibraryWorld(simulator, client, url, root)
