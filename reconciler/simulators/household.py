"""A whole household on one machine: qBittorrent (real where installed), Radarr, Sonarr and Jellyseerr, wired together.

Releases are real files behind real torrents. A web seed on loopback serves them, so a grab downloads for real, and an
import hard-links the media into the library, as on a well-kept server.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from reconciler.clock import Clock, SystemClock
from reconciler.model import Media, MediaKind, TorrentId
from reconciler.simulators.arr_connections import Connection
from reconciler.simulators.arr_releases import DownloadClient, Indexer, Release
from reconciler.simulators.qbittorrent import QBittorrentSimulator
from reconciler.simulators.qbittorrent_user import QBittorrentUser
from reconciler.simulators.radarr import RadarrSimulator
from reconciler.simulators.real_qbittorrent import RealQBittorrent, find_executable
from reconciler.simulators.seerr import SeerrSimulator
from reconciler.simulators.server import serve
from reconciler.simulators.sonarr import SonarrSimulator
from reconciler.simulators.torrentfile import make_torrent
from reconciler.simulators.web_seed import web_seed

API_KEY = "a-simulated-api-key"
USERNAME = "admin"
PASSWORD = "a-simulated-password"

EPISODE_BYTES = 48 * 1024
MOVIE_BYTES = 96 * 1024


class Household:
    """Everything the reconciler talks to; use as an async context manager.

    `real_torrents` `None` takes the real qbittorrent-nox when it is installed. All files lie below `folder`.
    """

    def __init__(self, folder: Path, *, real_torrents: bool | None = None, clock: Clock | None = None) -> None:
        self.folder = folder
        self.clock = clock or SystemClock()
        self.is_real = find_executable() is not None if real_torrents is None else real_torrents
        self.downloads = folder / "downloads"
        self.movies = folder / "library" / "movies"
        self.shows = folder / "library" / "series"
        self.releases = folder / "releases"
        self.indexer = Indexer()
        self.real: RealQBittorrent | None = None
        self.simulated: QBittorrentSimulator | None = None
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        for path in (self.downloads, self.movies, self.shows, self.releases):
            path.mkdir(parents=True, exist_ok=True)
        try:
            await self._open()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def _open(self) -> None:
        self.seed_url = await self._stack.enter_async_context(serve(web_seed(self.releases))) + "/"
        if self.is_real:
            self.real = await self._stack.enter_async_context(RealQBittorrent(username=USERNAME, password=PASSWORD))
            self.torrent_url = self.real.url
        else:
            self.simulated = QBittorrentSimulator(
                "5.1", username=USERNAME, password=PASSWORD, save_root=self.downloads, clock=self.clock
            )
            self.torrent_url = await self._stack.enter_async_context(serve(self.simulated.app))
        self.user = QBittorrentUser(self.torrent_url, USERNAME, PASSWORD)
        self.radarr = RadarrSimulator(
            self.movies,
            api_key=API_KEY,
            clock=self.clock,
            indexer=self.indexer,
            download_client=self._download_client("radarr"),
        )
        self.sonarr = SonarrSimulator(
            self.shows,
            api_key=API_KEY,
            clock=self.clock,
            indexer=self.indexer,
            download_client=self._download_client("tv-sonarr"),
        )
        self.radarr_url = await self._stack.enter_async_context(serve(self.radarr.app))
        self.sonarr_url = await self._stack.enter_async_context(serve(self.sonarr.app))
        self.seerr = SeerrSimulator(
            API_KEY,
            self.clock,
            radarr_url=self.radarr_url,
            radarr_api_key=API_KEY,
            sonarr_url=self.sonarr_url,
            sonarr_api_key=API_KEY,
        )
        self.seerr_url = await self._stack.enter_async_context(serve(self.seerr.app))

    @property
    def seerr_key(self) -> str:
        """The API key of Jellyseerr."""
        return API_KEY

    @property
    def torrent_version(self) -> str:
        """Which qBittorrent it is."""
        return self.real.version if self.real else f"{self.simulated.mode if self.simulated else ''} (simulated)"

    def _download_client(self, category: str) -> DownloadClient:
        save_path = self.downloads / category
        save_path.mkdir(parents=True, exist_ok=True)
        return DownloadClient(self.torrent_url, USERNAME, PASSWORD, category=category, save_path=save_path)

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

    def tell(self, service_url: str, secret: str) -> None:
        """Set every application's webhook up to tell the reconciler."""
        headers = {"Authorization": f"Bearer {secret}"}
        self.radarr.connections.add(Connection(f"{service_url}/webhooks/radarr", headers))
        self.sonarr.connections.add(Connection(f"{service_url}/webhooks/sonarr", headers))
        self.seerr.configure_webhook(f"{service_url}/webhooks/jellyseerr", auth_header=f"Bearer {secret}")

    # --- making releases and titles --------------------------------------------------------------------------------

    def make_release(
        self,
        name: str,
        media: Media,
        files: Mapping[str, int],
        *,
        episodes: tuple[tuple[int, int], ...] = (),
        quality: str = "WEBDL-1080p",
        source: str = "",
    ) -> Release:
        """Write a release's files where the web seed serves them and make its torrent.

        `files` maps names to sizes in bytes; one file named like the release makes a single-file torrent.
        """
        path = self.releases / name
        if list(files) == [name]:
            path.write_bytes(_content(name, files[name]))
        else:
            for file, size in files.items():
                target = path / file
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(_content(f"{name}/{file}", size))
        torrent = make_torrent(path, web_seeds=(self.seed_url,), source=source)
        return Release(name, media, torrent.data, episodes=episodes, quality=quality)

    def movie_release(self, tmdb_id: int, name: str, *, quality: str = "WEBDL-1080p", source: str = "") -> Release:
        """Make a release of a movie: a folder with the movie and an information file."""
        files = {f"{name}.mkv": MOVIE_BYTES, f"{name}.nfo": 300}
        return self.make_release(name, Media(MediaKind.MOVIE, tmdb_id=tmdb_id), files, quality=quality, source=source)

    def season_release(self, tvdb_id: int, name: str, season: int, episodes: int) -> Release:
        """Make a season pack; `name` holds the season as `.S01`, each file its episode as `.S01E01`."""
        numbers = tuple((season, number) for number in range(1, episodes + 1))
        mark = f".S{season:02}"
        files = {f"{name.replace(mark, f'{mark}E{number:02}')}.mkv": EPISODE_BYTES for _, number in numbers}
        return self.make_release(name, Media(MediaKind.SERIES, tvdb_id=tvdb_id), files, episodes=numbers)

    def episode_release(self, tvdb_id: int, name: str, season: int, episode: int) -> Release:
        """Make a release of one episode: a single file."""
        media = Media(MediaKind.SERIES, tvdb_id=tvdb_id)
        return self.make_release(f"{name}.mkv", media, {f"{name}.mkv": EPISODE_BYTES}, episodes=((season, episode),))

    async def get_movie(self, movie_id: int, *releases: Release) -> None:
        """Let Radarr grab releases one after the other, each downloaded and imported before the next."""
        for release in releases:
            await self._get(self.radarr, movie_id, release, 1)

    async def get_series(self, series_id: int, *releases: Release) -> None:
        """The same for Sonarr, which writes one history row per episode."""
        for release in releases:
            await self._get(self.sonarr, series_id, release, len(release.episodes))

    async def _get(
        self, library: RadarrSimulator | SonarrSimulator, title_id: int, release: Release, rows: int
    ) -> None:
        def imports() -> int:
            return sum(row.event == "downloadFolderImported" for row in library.history)

        wanted = imports() + rows
        if not await library.grab(title_id, release):
            raise RuntimeError(f"{release.title!r} was not taken by the download client")
        await self.until(lambda: imports() >= wanted, f"{release.title!r} to be imported")

    async def add_unrelated_torrent(self, name: str) -> None:
        """Add a torrent that belongs to nobody's history: a person put it there by hand."""
        release = self.make_release(name, Media(MediaKind.MOVIE), {name: MOVIE_BYTES})
        folder = self.downloads / "by-hand"
        folder.mkdir(exist_ok=True)
        await self.user.add(release.torrent, save_path=folder)

        async def is_there() -> bool:
            return any(row["name"] == name and row["progress"] == 1 for row in (await self.user.rows()).values())

        await self.until(is_there, f"{name!r} to be downloaded")

    # --- looking ---------------------------------------------------------------------------------------------------

    async def torrents(self) -> dict[TorrentId, str]:
        """Return the names of all torrents by id."""
        return {id_: str(row["name"]) for id_, row in (await self.user.rows()).items()}

    def files(self) -> dict[str, str]:
        """Return the digest of every file in the downloads and the library, by path below the household's folder."""
        found: dict[str, str] = {}
        for root in (self.downloads, self.movies.parent):
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


def _content(name: str, size: int) -> bytes:
    """Return bytes that differ from file to file and are the same in every run."""
    block = hashlib.sha512(name.encode()).digest()
    return (block * (size // len(block) + 1))[:size]
