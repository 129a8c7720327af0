"""What upstreams showed, in our words. Everything is as one complete reading gave it, or it is `Unseen`.

Clients build these from replies, simulators and in-memory upstreams answer with them in tests, and the planner reads
nothing else. Paths are as the upstream sees them, with `/` as separator.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Generic, NamedTuple, TypeVar

from reconciler.model import (
    DownloadProtocol,
    InfoHash,
    InstanceName,
    Media,
    MediaKind,
    Monitoring,
    NewReference,
    TorrentId,
)
from reconciler.reasons import Reason

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Seen(Generic[T]):
    """A complete reading."""

    data: T
    at: datetime


@dataclass(frozen=True, slots=True)
class Unseen:
    """Nothing was observed, and why; absence must not be concluded."""

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class AppInfo:
    """Which program answers, as it says of itself."""

    name: str
    version: str
    instance_name: str | None = None


# --- qBittorrent ---------------------------------------------------------------------------------------------------


class TorrentKey(NamedTuple):
    """Which torrent in which qBittorrent: the same torrent may be in several."""

    instance: InstanceName
    id: TorrentId


@dataclass(frozen=True, slots=True)
class Torrent:
    """One row of `torrents/info` of the qBittorrent called `instance` (upstreams.md 5.3).

    `tracker` is the URL of a tracker that works, or `""`; `private` is `None` before qBittorrent 5.0.
    """

    instance: InstanceName
    id: TorrentId
    name: str
    state: str
    save_path: str
    download_path: str  # where an unfinished torrent's data lies, or ""
    content_path: str
    size: int
    progress: float
    added_on: int
    infohash_v1: InfoHash | None = None
    infohash_v2: InfoHash | None = None
    category: str = ""
    tags: frozenset[str] = frozenset()
    ratio: float = 0.0
    seeding_seconds: int = 0
    private: bool | None = None
    tracker: str = ""

    @property
    def key(self) -> TorrentKey:
        return TorrentKey(self.instance, self.id)

    @property
    def aliases(self) -> frozenset[InfoHash]:
        """Every hash under which Radarr, Sonarr or a person may know this torrent (upstreams.md 5.6)."""
        names = {InfoHash(self.id)}
        if self.infohash_v1:
            names.add(self.infohash_v1)
        if self.infohash_v2:
            names.add(self.infohash_v2)
            names.add(InfoHash(self.infohash_v2[:40]))
        return frozenset(names)


@dataclass(frozen=True, slots=True)
class TorrentFile:
    """One file of a torrent; `name` is relative to the save path, `size` in bytes."""

    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Trackers:
    """Who a torrent is announced to: the host names of all its trackers, in lower case.

    `private` tells whether the torrent itself forbids every other source of peers; `None` if that cannot be told.
    """

    hosts: frozenset[str]
    private: bool | None = None


# --- Radarr and Sonarr ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EntryFile:
    """A movie file or an episode file that the library knows."""

    id: int
    path: str
    size: int
    season: int | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A movie in Radarr or a series in Sonarr.

    `added` is the text as sent, compared for equality only. `tags` are labels. `files` is `None` where the list does
    not carry them (Sonarr); `file_count` always counts.
    """

    id: int
    media: Media
    title: str
    year: int | None
    path: str
    added: str
    monitoring: Monitoring
    file_count: int
    size: int
    tags: frozenset[str] = frozenset()
    files: tuple[EntryFile, ...] | None = None


@dataclass(frozen=True, slots=True)
class QueueItem:
    """One download that the library follows; packs have a row per episode with one `download_id`."""

    id: int
    entry_id: int | None
    download_id: str | None
    protocol: DownloadProtocol
    client: str | None
    title: str
    status: str
    tracked_state: str | None = None
    season: int | None = None


@dataclass(frozen=True, slots=True)
class RootFolder:
    path: str
    accessible: bool


@dataclass(frozen=True, slots=True)
class FolderListing:
    """A folder as Radarr or Sonarr sees it. An empty listing proves nothing: a missing folder looks the same."""

    directories: frozenset[str]
    files: frozenset[str]

    @property
    def is_empty(self) -> bool:
        return not self.directories and not self.files


@dataclass(frozen=True, slots=True)
class PathMapping:
    """`remote` is the path the download client reports, `local` the same folder as Radarr or Sonarr sees it."""

    host: str
    remote: str
    local: str


@dataclass(frozen=True, slots=True)
class DownloadClient:
    """A qBittorrent in the settings of Radarr or Sonarr, by the name they use in their histories and queues.

    `host` is in lower case; `url_base` has no slash at either end.
    """

    name: str
    host: str
    port: int
    url_base: str = ""


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """A page of `/history`: the rows that refer to downloads, and id and date of the row with the highest id."""

    references: tuple[NewReference, ...]
    rows: int
    total: int
    newest_id: int
    newest_date: str | None


@dataclass(frozen=True, slots=True)
class Library:
    """One complete reading of a Radarr or Sonarr.

    `entries` are all titles by internal id. `listings` are the folders read for this pass, by folder path with a
    trailing slash. `entry_files` are the files read for bound entries.
    """

    app: AppInfo
    entries: Mapping[int, Entry]
    queue: tuple[QueueItem, ...] = ()
    root_folders: tuple[RootFolder, ...] = ()
    path_mappings: tuple[PathMapping, ...] = ()
    torrent_clients: tuple[DownloadClient, ...] = ()  # those of its download clients that are qBittorrent
    recycle_bin: str = ""
    listings: Mapping[str, FolderListing] = field(default_factory=dict)
    entry_files: Mapping[int, tuple[EntryFile, ...]] = field(default_factory=dict)


# --- Jellyseerr ----------------------------------------------------------------------------------------------------


class MediaStatus(IntEnum):
    """Seerr's MediaStatus (upstreams.md 2.2); numbers not listed are read as `UNKNOWN`."""

    UNKNOWN = 1
    PENDING = 2
    PROCESSING = 3
    PARTIALLY_AVAILABLE = 4
    AVAILABLE = 5
    BLOCKLISTED = 6
    DELETED = 7


class RequestStatus(IntEnum):
    PENDING = 1
    APPROVED = 2
    DECLINED = 3
    FAILED = 4
    COMPLETED = 5


@dataclass(frozen=True, slots=True)
class Record:
    """A media row of Jellyseerr; `created_at` is the text as sent, compared for equality only."""

    id: int
    media: Media
    status: MediaStatus
    status_4k: MediaStatus
    created_at: str


@dataclass(frozen=True, slots=True)
class MediaRequest:
    """A request row of Jellyseerr; `seasons` are the requested season numbers of a series.

    `server_id` is Jellyseerr's own number (0 is one) of the Radarr or Sonarr it is sent to; `None`: the default one.
    """

    id: int
    record_id: int
    media: Media
    is_4k: bool
    status: RequestStatus
    requested_by: str | None = None
    seasons: tuple[int, ...] = ()
    created_at: str = ""
    server_id: int | None = None

    @property
    def is_live(self) -> bool:
        """Someone is entitled to this media: approved, being fulfilled, or fulfilled. Pending and declined are not."""
        return self.status in {RequestStatus.APPROVED, RequestStatus.FAILED, RequestStatus.COMPLETED}


@dataclass(frozen=True, slots=True)
class RequestBoard:
    """One complete reading of Jellyseerr's media rows and requests, by id."""

    app: AppInfo
    records: Mapping[int, Record]
    requests: Mapping[int, MediaRequest]
    servers: tuple["RequestServer", ...] = ()


@dataclass(frozen=True, slots=True)
class RequestServer:
    """A Radarr (`MOVIE`) or Sonarr (`SERIES`) in Jellyseerr's settings; `host` and `url_base` as `DownloadClient`'s."""

    kind: MediaKind
    id: int
    is_4k: bool
    is_default: bool
    host: str
    port: int
    url_base: str = ""


@dataclass(frozen=True, slots=True)
class IssueComment:
    """One comment of an issue; the first one is the issue's own text. `permissions` are its author's bits."""

    id: int
    text: str
    permissions: int


@dataclass(frozen=True, slots=True)
class Issue:
    """An issue in Jellyseerr with its comments, oldest first. `season` is the affected one; `None`: all of it."""

    id: int
    media: Media
    comments: tuple[IssueComment, ...]
    season: int | None = None


# --- Jellyfin ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MediaItem:
    """A movie, series or season in Jellyfin. `media` is the movie or the series; `path` as Jellyfin sees it, or `""`.

    `season` is the number of a season's item and `None` for a movie or a whole series.
    """

    id: str
    media: Media
    name: str
    path: str = ""
    season: int | None = None


@dataclass(frozen=True, slots=True)
class MediaServer:
    """One complete reading of Jellyfin's movies, series and seasons that carry an id of TMDB or TVDB."""

    app: AppInfo
    items: tuple[MediaItem, ...]
