"""What a simulated Radarr or Sonarr remembers, and how each thing looks as JSON (upstreams.md 3.3 to 3.8).

Rows are mutable on purpose: a simulator is one shared state that tests look into and poke at.
"""

import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reconciler.simulators.arr_http import compact
from reconciler.simulators.arr_releases import Release

_RESOLUTIONS = {"SDTV": 480, "HDTV-720p": 720, "WEBDL-1080p": 1080, "Bluray-1080p": 1080, "Bluray-2160p": 2160}
_QUALITY_IDS = {"SDTV": 1, "HDTV-720p": 4, "WEBDL-1080p": 3, "Bluray-1080p": 7, "Bluray-2160p": 19}


@dataclass(slots=True)
class Title:
    """A movie or a series; `added` is the creation stamp as sent."""

    id: int
    name: str
    year: int
    path: Path
    added: str
    monitored: bool = True
    tags: set[int] = field(default_factory=set)
    quality_profile_id: int = 1

    @property
    def slug(self) -> str:
        return _slug(self.name)

    def is_named_in(self, release: str) -> bool:
        """Tell whether the name of a release begins with this title's."""
        return f"{_slug(release)}-".startswith(f"{self.slug}-")


@dataclass(slots=True)
class MediaFile:
    """A file of the library."""

    id: int
    title_id: int
    path: Path
    size: int
    added: str
    quality: str
    scene_name: str
    season: int | None = None
    episode_ids: tuple[int, ...] = ()


@dataclass(slots=True)
class HistoryRow:
    id: int
    title_id: int
    event: str
    date: str
    source_title: str
    quality: str
    download_id: str | None = None
    episode_id: int | None = None
    data: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Blocked:
    """A release that is not to be grabbed again for one title."""

    id: int
    title_id: int
    source_title: str
    quality: str
    date: str
    protocol: str
    indexer: str
    message: str
    info_hash: str
    episode_ids: tuple[int, ...] = ()

    def forbids(self, release: Release) -> bool:
        """By hash; only a row that knows none goes by the title."""
        if self.info_hash:
            return self.info_hash == release.info_hash
        return self.source_title == release.title

    def json(self, title_key: str) -> dict[str, Any]:
        return compact(
            {
                "id": self.id,
                title_key: self.title_id,
                "episodeIds": list(self.episode_ids) if title_key == "seriesId" else None,
                "sourceTitle": self.source_title,
                "languages": LANGUAGES,
                "quality": quality_json(self.quality),
                "customFormats": [],
                "date": self.date,
                "protocol": self.protocol,
                "indexer": self.indexer,
                "message": self.message,
            }
        )


@dataclass(frozen=True, slots=True)
class Part:
    """An episode that a download is for."""

    episode_id: int
    season: int


@dataclass(slots=True)
class Followed:
    """A download that is followed: the queue's source. `title_id` is `None` once its title was deleted.

    `download_id` is the client's own id in upper case, and empty for files that a person imports: then `client` is
    empty too. `by_hand` marks items that tests put there: the client is not asked about them. `was_shown` tells that
    the client has listed it.
    """

    download_id: str
    title_id: int | None
    title: str
    client: str
    protocol: str = "torrent"
    status: str = "downloading"
    state: str = "downloading"
    size: int = 0
    left: int = 0
    output_path: str | None = None
    quality: str = "WEBDL-1080p"
    parts: tuple[Part, ...] = ()
    release: Release | None = None
    by_hand: bool = False
    was_shown: bool = False

    def rows(self, title_key: str) -> list[dict[str, Any]]:
        """One row per download, in Sonarr one per episode; the id is a hash of what it names."""
        common = {
            title_key: self.title_id,
            "languages": LANGUAGES,
            "quality": quality_json(self.quality),
            "customFormats": [],
            "customFormatScore": 0,
            "size": self.size,
            "title": self.title,
            "sizeleft": self.left,
            "status": self.status,
            "trackedDownloadStatus": "ok",
            "trackedDownloadState": self.state,
            "statusMessages": [],
            "downloadId": self.download_id,
            "protocol": self.protocol,
            "downloadClient": self.client,
            "downloadClientHasPostImportCategory": False,
            "outputPath": self.output_path,
        }
        if not self.parts:
            return [compact({"id": self._row_id(""), **common})]
        return [
            compact(
                {
                    "id": self._row_id(part.episode_id),
                    **common,
                    "episodeId": part.episode_id if self.title_id is not None else None,
                    "seasonNumber": part.season if self.title_id is not None else None,
                }
            )
            for part in self.parts
        ]

    def _row_id(self, part: object) -> int:
        return zlib.crc32(f"{self.client}-{self.download_id}-{part}".encode()) & 0x7FFFFFFF


@dataclass(slots=True)
class Command:
    id: int
    name: str
    queued: str
    body: dict[str, Any]
    status: str = "queued"

    def json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": self.name,
            "commandName": self.name,
            "body": {},
            "priority": "normal",
            "status": self.status,
            "result": "successful" if self.status == "completed" else "unknown",
            "queued": self.queued,
            "trigger": "manual",
            "sendUpdatesToClient": False,
            "updateScheduledTask": True,
        }


@dataclass(slots=True)
class Root:
    """A root folder; with `accessible` false the mount is away, and everything below it looks empty."""

    id: int
    path: Path
    accessible: bool = True


@dataclass(slots=True)
class Mapping:
    """A remote path mapping."""

    id: int
    host: str
    remote: str
    local: str

    def json(self) -> dict[str, Any]:
        return {"id": self.id, "host": self.host, "remotePath": self.remote, "localPath": self.local}


@dataclass(slots=True)
class ClientRow:
    """A download client as the settings list it."""

    id: int
    name: str
    implementation: str = "QBittorrent"
    protocol: str = "torrent"
    fields: dict[str, object] = field(default_factory=dict)

    def json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "enable": True,
            "protocol": self.protocol,
            "priority": 1,
            "removeCompletedDownloads": True,
            "removeFailedDownloads": True,
            "name": self.name,
            "fields": [{"name": name, "value": value} for name, value in self.fields.items()],
            "implementationName": self.implementation,
            "implementation": self.implementation,
            "configContract": f"{self.implementation}Settings",
            "tags": [],
        }


LANGUAGES: list[dict[str, Any]] = [{"id": 1, "name": "English"}]


def quality_json(name: str) -> dict[str, Any]:
    quality = {"id": _QUALITY_IDS.get(name, 0), "name": name, "resolution": _RESOLUTIONS.get(name, 0)}
    return {"quality": quality, "revision": {"version": 1, "real": 0, "isRepack": False}}


def file_json(file: MediaFile, folder: Path, title_key: str) -> dict[str, Any]:
    return compact(
        {
            "id": file.id,
            title_key: file.title_id,
            "seasonNumber": file.season,
            "relativePath": str(file.path.relative_to(folder)),
            "path": str(file.path),
            "size": file.size,
            "dateAdded": file.added,
            "sceneName": file.scene_name,
            "languages": LANGUAGES,
            "quality": quality_json(file.quality),
            "customFormats": [],
            "customFormatScore": 0,
            "indexerFlags": 0,
            "qualityCutoffNotMet": False,
        }
    )


def webhook_file(file: MediaFile, folder: Path, *, recycled: Path | None = None) -> dict[str, Any]:
    """A `movieFile` or `episodeFile` as webhooks carry it."""
    return compact(
        {
            "id": file.id,
            "relativePath": str(file.path.relative_to(folder)),
            "path": str(file.path),
            "quality": file.quality,
            "qualityVersion": 1,
            "sceneName": file.scene_name,
            "releaseGroup": "SIM",
            "size": file.size,
            "dateAdded": file.added,
            "languages": LANGUAGES,
            "mediaInfo": {"audioChannels": 2.0, "audioCodec": "AAC", "height": 1080, "width": 1920},
            "recycleBinPath": None if recycled is None else str(recycled),
        }
    )


def webhook_release(release: Release) -> dict[str, Any]:
    return {
        "quality": release.quality,
        "qualityVersion": 1,
        "releaseGroup": "SIM",
        "releaseTitle": release.title,
        "indexer": release.indexer,
        "size": release.size,
        "customFormatScore": 0,
        "customFormats": [],
        "languages": LANGUAGES,
        "indexerFlags": [],
    }


def _slug(name: str) -> str:
    return "-".join("".join(c if c.isalnum() else " " for c in name.lower()).split())
