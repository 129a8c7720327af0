"""A whole household on one machine: qBittorrent (real where installed), Radarr, Sonarr and Jellyseerr, wired together.

Releases are real files behind real torrents. A web seed on loopback serves them, so a grab downloads for real, and an
import hard-links the media into the library, as on a well-kept server. Larger households have second instances, too.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from reconciler.clock import Clock, SystemClock
from reconciler.model import Media, MediaKind, TorrentId, UpstreamKind
from reconciler.simulators.arr_connections import Connection
from reconciler.simulators.arr_releases import DownloadClient, Indexer, Release
from reconciler.simulators.household_releases import EPISODE_BYTES, MOVIE_BYTES, ReleaseMaker
from reconciler.simulators.jellyfin import JellyfinSimulator
from reconciler.simulators.qbittorrent import QBittorrentSimulator
from reconciler.simulators.qbittorrent_user import QBittorrentUser
from reconciler.simulators.radarr import RadarrSimulator
from reconciler.simulators.real_qbittorrent import RealQBittorrent, find_executable
from reconciler.simulators.seerr import SeerrSimulator
from reconciler.simulators.seerr_servers import Server
from reconciler.simulators.server import serve
from reconciler.simulators.sonarr import SonarrSimulator
from reconciler.simulators.web_seed import web_seed

__all__ = ["API_KEY", "EPISODE_BYTES", "MOVIE_BYTES", "Extra", "Household", "TorrentBox"]

API_KEY = "a-simulated-api-key"
USERNAME = "admin"
PASSWORD = "a-simulated-password"

_JELLYFIN_LOOKS_AFTER = timedelta(milliseconds=200)
_BUSY = frozenset({"checkingUP", "checkingDL", "checkingResumeData", "moving", "missingFiles", "error"})

T = TypeVar("T")


class Extra(StrEnum):
    """What a household may have beside the usual four; the value is the name of the instance."""

    RADARR_4K = "radarr-4k"
    SONARR_4K = "sonarr-4k"
    TORRENTS = "qbittorrent-2"
    JELLYFIN = "jellyfin"


@dataclass(frozen=True, slots=True)
class TorrentBox:
    """One qBittorrent, real or simulated. Everything it downloads lies below `downloads`."""

    name: str
    url: str
    downloads: Path
    user: QBittorrentUser
    real: RealQBittorrent | None = None
    simulated: QBittorrentSimulator | None = None

    def client(self, category: str) -> DownloadClient:
        """Return what Radarr and Sonarr use it by; a category has a folder of its own."""
        save_path = _make(self.downloads / category)
        return DownloadClient(self.url, USERNAME, PASSWORD, category=category, save_path=save_path)


class Household(ReleaseMaker):
    """Everything the reconciler talks to; use as an async context manager.

    `real_torrents` `None` takes the real qbittorrent-nox when it is installed. All files lie below `folder`. Of the
    `extras`, the 4K libraries use the second qBittorrent if there is one, and Jellyfin looks at what it is told of by
    itself; asking for an extra that the household does not have raises `RuntimeError`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        real_torrents: bool | None = None,
        clock: Clock | None = None,
        extras: Collection[Extra] = (),
    ) -> None:
        super().__init__(folder / "releases")
        self.folder = folder
        self.clock = clock or SystemClock()
        self.is_real = find_executable() is not None if real_torrents is None else real_torrents
        self.extras = frozenset(extras)
        self.library = folder / "library"
        self.movies = self.library / "movies"
        self.shows = self.library / "series"
        self.indexer = Indexer()
        self._second: TorrentBox | None = None
        self._radarr_4k: RadarrSimulator | None = None
        self._sonarr_4k: SonarrSimulator | None = None
        self._jellyfin: JellyfinSimulator | None = None
        self._urls: dict[Extra, str] = {}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        for path in (self.movies, self.shows, self.releases):
            _make(path)
        try:
            await self._open()
            await self._open_extras()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    # --- the usual four --------------------------------------------------------------------------------------------

    async def _open(self) -> None:
        self.seed_url = await self._stack.enter_async_context(serve(web_seed(self.releases))) + "/"
        self.first = await self._open_box("qbittorrent", self.folder / "downloads")
        self.radarr, self.radarr_url = await self._open_radarr(self.movies, self.first, "radarr")
        self.sonarr, self.sonarr_url = await self._open_sonarr(self.shows, self.first, "tv-sonarr")
        self.seerr = SeerrSimulator(
            API_KEY,
            self.clock,
            radarr_url=self.radarr_url,
            radarr_api_key=API_KEY,
            sonarr_url=self.sonarr_url,
            sonarr_api_key=API_KEY,
        )
        self.seerr_url = await self._stack.enter_async_context(serve(self.seerr.app))

    async def _open_box(self, name: str, downloads: Path) -> TorrentBox:
        _make(downloads)
        if self.is_real:
            real = await self._stack.enter_async_context(RealQBittorrent(username=USERNAME, password=PASSWORD))
            return TorrentBox(name, real.url, downloads, QBittorrentUser(real.url, USERNAME, PASSWORD), real=real)
        simulated = QBittorrentSimulator(
            "5.1", username=USERNAME, password=PASSWORD, save_root=downloads, clock=self.clock
        )
        url = await self._stack.enter_async_context(serve(simulated.app))
        return TorrentBox(name, url, downloads, QBittorrentUser(url, USERNAME, PASSWORD), simulated=simulated)

    async def _open_radarr(self, root: Path, box: TorrentBox, category: str) -> tuple[RadarrSimulator, str]:
        radarr = RadarrSimulator(
            root, api_key=API_KEY, clock=self.clock, indexer=self.indexer, download_client=box.client(category)
        )
        return radarr, await self._stack.enter_async_context(serve(radarr.app))

    async def _open_sonarr(self, root: Path, box: TorrentBox, category: str) -> tuple[SonarrSimulator, str]:
        sonarr = SonarrSimulator(
            root, api_key=API_KEY, clock=self.clock, indexer=self.indexer, download_client=box.client(category)
        )
        return sonarr, await self._stack.enter_async_context(serve(sonarr.app))

    # --- extras ----------------------------------------------------------------------------------------------------

    async def _open_extras(self) -> None:
        if Extra.TORRENTS in self.extras:
            self._second = await self._open_box(Extra.TORRENTS.value, self.folder / "downloads-2")
            self._urls[Extra.TORRENTS] = self._second.url
        box = self._second or self.first
        if Extra.RADARR_4K in self.extras:
            self._radarr_4k, url = await self._open_radarr(_make(self.library / "movies-4k"), box, "radarr-4k")
            self._join(Extra.RADARR_4K, self._radarr_4k, url)
        if Extra.SONARR_4K in self.extras:
            self._sonarr_4k, url = await self._open_sonarr(_make(self.library / "series-4k"), box, "tv-sonarr-4k")
            self._join(Extra.SONARR_4K, self._sonarr_4k, url)
        if Extra.JELLYFIN in self.extras:
            self._jellyfin = JellyfinSimulator(
                self.library, api_key=API_KEY, scan_delay=_JELLYFIN_LOOKS_AFTER, clock=self.clock
            )
            url = await self._stack.enter_async_context(serve(self._jellyfin.app))
            self._urls[Extra.JELLYFIN] = url
            self.seerr.connect_jellyfin(url, API_KEY)

    def _join(self, extra: Extra, library: RadarrSimulator | SonarrSimulator, url: str) -> None:
        """Name a 4K library after its instance and let Jellyseerr send its 4K requests there."""
        library.instance_name = extra.value
        self._urls[extra] = url
        is_radarr = isinstance(library, RadarrSimulator)
        self.seerr.add_server(
            Server(1, "radarr" if is_radarr else "sonarr", url, API_KEY, is_4k=True, name=extra.value)
        )

    @property
    def second(self) -> TorrentBox:
        """The second qBittorrent."""
        return _had(self._second, Extra.TORRENTS)

    @property
    def radarr_4k(self) -> RadarrSimulator:
        return _had(self._radarr_4k, Extra.RADARR_4K)

    @property
    def sonarr_4k(self) -> SonarrSimulator:
        return _had(self._sonarr_4k, Extra.SONARR_4K)

    @property
    def jellyfin(self) -> JellyfinSimulator:
        return _had(self._jellyfin, Extra.JELLYFIN)

    def url_of(self, extra: Extra) -> str:
        return _had(self._urls.get(extra), extra)

    # --- looking at the parts --------------------------------------------------------------------------------------

    @property
    def downloads(self) -> Path:
        """Where the first qBittorrent keeps what it downloads."""
        return self.first.downloads

    @property
    def real(self) -> RealQBittorrent | None:
        return self.first.real

    @property
    def simulated(self) -> QBittorrentSimulator | None:
        return self.first.simulated

    @property
    def torrent_url(self) -> str:
        return self.first.url

    @property
    def user(self) -> QBittorrentUser:
        return self.first.user

    @property
    def boxes(self) -> tuple[TorrentBox, ...]:
        """Every qBittorrent."""
        return (self.first, self._second) if self._second else (self.first,)

    @property
    def seerr_key(self) -> str:
        """The API key of Jellyseerr."""
        return API_KEY

    @property
    def torrent_version(self) -> str:
        """Which qBittorrent it is."""
        return self.real.version if self.real else f"{self.simulated.mode if self.simulated else ''} (simulated)"

    def environment(self) -> dict[str, str]:
        """Return the settings that point a reconciler at this household."""
        return {
            "QBITTORRENT_URL": self.torrent_url,
            "QBITTORRENT_USERNAME": USERNAME,
            "QBITTORRENT_PASSWORD": PASSWORD,
            "RADARR_URL": self.radarr_url,
            "RADARR_API_KEY": API_KEY,
            "SONARR_URL": self.sonarr_url,
            "SONARR_API_KEY": API_KEY,
            "JELLYSEERR_URL": self.seerr_url,
            "JELLYSEERR_API_KEY": API_KEY,
        }

    def configuration(self) -> dict[str, list[dict[str, Any]]]:
        """Return the sections of the configuration file that name every instance, extras included."""
        sections: dict[str, list[dict[str, Any]]] = {
            UpstreamKind.QBITTORRENT: [
                {"name": box.name, "url": box.url, "username": USERNAME, "password": PASSWORD} for box in self.boxes
            ],
            UpstreamKind.RADARR: [{"name": "radarr", "url": self.radarr_url, "api_key": API_KEY}],
            UpstreamKind.SONARR: [{"name": "sonarr", "url": self.sonarr_url, "api_key": API_KEY}],
            UpstreamKind.JELLYSEERR: [{"name": "jellyseerr", "url": self.seerr_url, "api_key": API_KEY}],
        }
        for extra, kind in ((Extra.RADARR_4K, UpstreamKind.RADARR), (Extra.SONARR_4K, UpstreamKind.SONARR)):
            if url := self._urls.get(extra):
                sections[kind].append({"name": extra.value, "url": url, "api_key": API_KEY, "is_4k": True})
        if url := self._urls.get(Extra.JELLYFIN):
            sections[UpstreamKind.JELLYFIN] = [{"name": Extra.JELLYFIN.value, "url": url, "api_key": API_KEY}]
        return {str(kind): rows for kind, rows in sections.items()}

    def tell(self, service_url: str, secret: str) -> None:
        """Set every application's webhook up to tell the reconciler; where there are two, the path says which."""
        headers = {"Authorization": f"Bearer {secret}"}
        hooks = f"{service_url}/webhooks"
        self.radarr.connections.add(Connection(f"{hooks}/radarr" + ("/radarr" if self._radarr_4k else ""), headers))
        self.sonarr.connections.add(Connection(f"{hooks}/sonarr" + ("/sonarr" if self._sonarr_4k else ""), headers))
        if self._radarr_4k:
            self._radarr_4k.connections.add(Connection(f"{hooks}/radarr/{Extra.RADARR_4K}", headers))
        if self._sonarr_4k:
            self._sonarr_4k.connections.add(Connection(f"{hooks}/sonarr/{Extra.SONARR_4K}", headers))
        if self._jellyfin:
            self._jellyfin.plugin.url, self._jellyfin.plugin.headers = f"{hooks}/jellyfin", headers
        self.seerr.configure_webhook(f"{hooks}/jellyseerr", auth_header=f"Bearer {secret}")

    # --- getting titles --------------------------------------------------------------------------------------------

    async def get_movie(self, movie_id: int, *releases: Release, radarr: RadarrSimulator | None = None) -> None:
        """Let Radarr grab releases one after the other, each downloaded and imported before the next."""
        for release in releases:
            await self._get(radarr or self.radarr, movie_id, release, 1)

    async def get_series(self, series_id: int, *releases: Release, sonarr: SonarrSimulator | None = None) -> None:
        """The same for Sonarr, which writes one history row per episode."""
        for release in releases:
            await self._get(sonarr or self.sonarr, series_id, release, len(release.episodes))

    async def _get(
        self, library: RadarrSimulator | SonarrSimulator, title_id: int, release: Release, rows: int
    ) -> None:
        def imports() -> int:
            return sum(row.event == "downloadFolderImported" for row in library.history)

        wanted = imports() + rows
        if not await library.grab(title_id, release):
            raise RuntimeError(f"{release.title!r} was not taken by the download client")
        await self.until(lambda: imports() >= wanted, f"{release.title!r} to be imported")

    async def add_torrent(
        self,
        release: Release,
        folder: Path,
        *,
        category: str = "",
        tags: Sequence[str] = (),
        box: TorrentBox | None = None,
    ) -> TorrentId:
        """Add a torrent by hand and wait until all of it is in `folder`: it finds it there, or downloads it."""
        torrent, user = release.meta.torrent_id, (box or self.first).user
        _make(folder)
        answer = await user.add(release.torrent, save_path=folder, category=category, tags=tags)
        if answer.status not in {200, 202} or answer.text.strip() == "Fails.":
            raise RuntimeError(f"{release.title!r} was not taken by the download client")

        async def is_whole() -> bool:
            row = (await user.rows()).get(torrent, {})
            return row.get("progress") == 1 and row.get("state") not in _BUSY

        await self.until(is_whole, f"{release.title!r} to be downloaded")
        return torrent

    async def add_unrelated_torrent(self, name: str) -> None:
        """Add a torrent that belongs to nobody's history: a person put it there by hand."""
        release = self.make_release(name, Media(MediaKind.MOVIE), {name: MOVIE_BYTES})
        await self.add_torrent(release, self.downloads / "by-hand")

    def show_in_jellyfin(self) -> None:
        """Let Jellyfin list every movie and series that has files now, as its own scan would."""
        shown = {item.path for item in self.jellyfin.library.items.values()}
        for radarr in filter(None, (self.radarr, self._radarr_4k)):
            for movie in radarr.titles.values():
                file = radarr.file_of(movie)
                if file is not None and file.path not in shown:
                    self.jellyfin.library.add_movie(file.path, movie.name, tmdb_id=movie.tmdb_id)
        for sonarr in filter(None, (self.sonarr, self._sonarr_4k)):
            for series in sonarr.titles.values():
                files = sonarr.files_of(series.id)
                if files and series.path not in shown:
                    seasons = {file.season: file.path.parent for file in files if file.season is not None}
                    self.jellyfin.library.add_series(
                        series.path, series.name, tmdb_id=series.tmdb_id, tvdb_id=series.tvdb_id, seasons=seasons
                    )

    # --- looking ---------------------------------------------------------------------------------------------------

    async def torrents(self, box: TorrentBox | None = None) -> dict[TorrentId, str]:
        """Return the names of all torrents of one qBittorrent by id."""
        return {id_: str(row["name"]) for id_, row in (await (box or self.first).user.rows()).items()}

    def files(self) -> dict[str, str]:
        """Return the digest of every file in the downloads and the library, by path below the household's folder."""
        found: dict[str, str] = {}
        for root in (*[box.downloads for box in self.boxes], self.library):
            for path in sorted(root.rglob("*")):
                if path.is_file():
                    found[path.relative_to(self.folder).as_posix()] = hashlib.sha256(path.read_bytes()).hexdigest()
        return found

    async def until(self, is_true: Callable[[], bool | Awaitable[bool]], what: str, *, seconds: float = 30.0) -> None:
        """Wait until something is true; raises `TimeoutError` naming `what` when it takes too long."""
        deadline = self.clock.monotonic() + seconds
        while True:
            answer = is_true()
            if answer if isinstance(answer, bool) else await answer:
                return
            if self.clock.monotonic() > deadline:
                raise TimeoutError(f"waited {seconds:g} s for {what}")
            await asyncio.sleep(0.05)


def _make(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _had(part: T | None, extra: Extra) -> T:
    if part is None:
        raise RuntimeError(f"this household has no {extra.value}")
    return part
