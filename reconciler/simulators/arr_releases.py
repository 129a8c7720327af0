"""What Radarr and Sonarr find and fetch: releases, the indexer that lists them, the download client they use."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from reconciler.model import InfoHash, Media, TorrentId
from reconciler.simulators.qbittorrent_user import QBittorrentUser
from reconciler.simulators.torrentfile import Metainfo, parse_torrent

MEDIA_SUFFIXES = frozenset({".mkv", ".mp4", ".avi", ".m4v", ".ts"})
_BUSY = frozenset({"checkingUP", "checkingDL", "checkingResumeData", "moving", "missingFiles", "error", "unknown"})


@dataclass(frozen=True, slots=True)
class Release:
    """Something an indexer offers: one `.torrent` for one title; `episodes` are (season, episode) pairs."""

    title: str
    media: Media
    torrent: bytes
    episodes: tuple[tuple[int, int], ...] = ()
    quality: str = "WEBDL-1080p"
    indexer: str = "Simulated Indexer"

    @property
    def meta(self) -> Metainfo:
        return parse_torrent(self.torrent)

    @property
    def info_hash(self) -> InfoHash:
        """The hash that a grab's history row carries: version 1 if there is one, else the full version 2."""
        meta = self.meta
        return meta.infohash_v1 or meta.infohash_v2 or InfoHash("")

    @property
    def files(self) -> tuple[str, ...]:
        return tuple(file.name for file in self.meta.files)

    @property
    def size(self) -> int:
        return self.meta.size


@dataclass(slots=True)
class Indexer:
    """The releases that can be found, first choice first; tests and the demo add to it at any time."""

    releases: list[Release] = field(default_factory=list)

    def add(self, *releases: Release) -> None:
        self.releases.extend(releases)

    def find(self, media: Media, *, is_blocked: Callable[[Release], bool] = lambda _: False) -> tuple[Release, ...]:
        return tuple(r for r in self.releases if r.media.is_same(media) and not is_blocked(r))


def pack_layout(name: str, seasons: Mapping[int, int]) -> dict[str, tuple[int, int]]:
    """Return the files of a pack of whole seasons with the (season, episode) that each one holds.

    `seasons` are numbers of episodes by season: 0 for specials, and years are fine too. A pack of several seasons has
    a folder for each; below that, files are named as in `Name.S01E02.mkv`.
    """
    return {
        (f"{name}.S{season:02}/" if len(seasons) > 1 else "") + f"{name}.S{season:02}E{number:02}.mkv": (season, number)
        for season, count in seasons.items()
        for number in range(1, count + 1)
    }


@dataclass(frozen=True, slots=True)
class Download:
    """A torrent of our category as the download client shows it now."""

    id: TorrentId
    name: str
    is_complete: bool
    size: int
    progress: float
    save_path: Path
    content_path: str


class DownloadClient:
    """A qBittorrent, simulated or real, as Radarr and Sonarr use it: in one category, with one save path."""

    def __init__(
        self,
        url: str,
        username: str,
        password: str,
        *,
        category: str,
        save_path: Path,
        name: str = "qBittorrent",
    ) -> None:
        self.name = name
        self.url = url
        self.category = category
        self.save_path = save_path
        self._user = QBittorrentUser(url, username, password)

    @property
    def settings(self) -> dict[str, object]:
        """The fields of its row in the settings that say where it is."""
        address = urlsplit(self.url)
        default_port = 443 if address.scheme == "https" else 80
        return {
            "host": address.hostname or "",
            "port": address.port or default_port,
            "useSsl": address.scheme == "https",
            "urlBase": address.path,
        }

    async def add(self, torrent: bytes) -> bool:
        """Add a torrent; `False` when the client refuses it (a duplicate) or is out."""
        try:
            answer = await self._user.add(torrent, save_path=self.save_path, category=self.category)
        except OSError:
            return False
        return answer.status in {200, 202} and answer.text.strip() != "Fails."

    async def downloads(self) -> dict[TorrentId, Download] | None:
        """Return the torrents of our category by id; `None` when the client is out."""
        try:
            rows = await self._user.rows()
        except (OSError, RuntimeError):
            return None
        return {id_: _download(id_, row) for id_, row in rows.items() if row.get("category") == self.category}

    async def media_files(self, download: Download) -> tuple[Path, ...]:
        """Return where the media files of a finished download lie."""
        answer = await self._user.get("torrents/files", hash=download.id)
        if answer.status != 200:
            return ()
        names = [str(row["name"]) for row in json.loads(answer.body)]
        return tuple(
            download.save_path / name for name in sorted(names) if PurePosixPath(name).suffix.lower() in MEDIA_SUFFIXES
        )

    async def remove(self, torrent: TorrentId) -> None:
        """Remove a torrent with its data, as "remove from client" always does."""
        await self._user.post("torrents/delete", hashes=torrent, deleteFiles="true")


def _download(id_: TorrentId, row: dict[str, Any]) -> Download:
    progress = float(row["progress"])
    return Download(
        id=id_,
        name=str(row["name"]),
        is_complete=progress >= 1 and row["state"] not in _BUSY,
        size=int(row["size"]),
        progress=progress,
        save_path=Path(row["save_path"]),
        content_path=str(row["content_path"]),
    )
