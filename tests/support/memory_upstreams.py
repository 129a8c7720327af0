"""Upstreams in memory: they keep state, can be told to fail, and have the habits that make upstreams hard.

Torrents leave the list at once and their files later; a crash brings back what was acknowledged as deleted; deleting a
title purges its history; deleting a media row takes its requests along, new ones too. No sockets, no time of their own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from reconciler.clock import Clock
from reconciler.model import (
    InfoHash,
    InstanceName,
    Media,
    MediaKind,
    TorrentId,
    UpstreamKind,
)
from reconciler.observed import (
    AppInfo,
    Entry,
    Issue,
    MediaItem,
    MediaRequest,
    MediaStatus,
    Record,
    RequestServer,
    RequestStatus,
    Torrent,
    TorrentFile,
    Trackers,
)
from reconciler.plan.extents import absolute_files
from tests.support.clocks import FakeClock
from tests.support.memory_base import WRITES, Call, Disk, MemoryUpstream
from tests.support.memory_library import MemoryLibrary


class MemoryTorrents(MemoryUpstream):
    """A qBittorrent; a `reconciler.ports.TorrentClient`."""

    def __init__(self, instance: InstanceName, clock: Clock, disk: Disk, calls: list[Call] | None = None) -> None:
        super().__init__(instance, UpstreamKind.QBITTORRENT, AppInfo("qBittorrent", "5.1.0"), calls)
        self._clock = clock
        self.disk = disk
        self.by_id: dict[TorrentId, tuple[Torrent, tuple[TorrentFile, ...]]] = {}
        self._forgotten: dict[TorrentId, tuple[Torrent, tuple[TorrentFile, ...]]] = {}
        self._stamp = int(clock.now().timestamp())
        self.announces: dict[TorrentId, Trackers] = {}

    def add(
        self,
        hash_: InfoHash,
        name: str,
        files: Sequence[str] | None = None,
        *,
        save_path: str,
        sizes: Mapping[str, int] | None = None,
        data: bool = True,
    ) -> Torrent:
        """Add a torrent whose data is complete; one that is there already is left as it is.

        Without `data` nothing is written: it seeds what lies there already.
        """
        known = self.by_id.get(TorrentId(hash_))
        if known is not None:
            return known[0]
        self._stamp += 1
        usual = 1000 + int(hash_[-6:], 16) % 997  # no two releases are of the same size to the byte
        content = tuple(TorrentFile(f, (sizes or {}).get(f, usual)) for f in (files or (f"{name}/{name}.mkv",)))
        torrent = Torrent(
            instance=self.instance,
            id=TorrentId(hash_),
            name=name,
            state="stalledUP",
            save_path=save_path,
            download_path="",
            content_path=f"{save_path}/{name}",
            size=sum(f.size for f in content),
            progress=1.0,
            added_on=self._stamp,
            infohash_v1=hash_,
        )
        self.by_id[torrent.id] = (torrent, content)
        if data:
            self.disk.put(absolute_files(torrent, content), f"{hash_}@{self._stamp}")
        return torrent

    def change(self, hash_: InfoHash, **changes: Any) -> Torrent:
        """Let a torrent have been seeded, tagged or moved."""
        torrent, files = self.by_id[TorrentId(hash_)]
        self.by_id[torrent.id] = (replace(torrent, **changes), files)
        return self.by_id[torrent.id][0]

    def crash(self) -> None:
        """Be killed right after an answer: what was acknowledged as deleted is back in the list, its data is not."""
        for id_, row in self._forgotten.items():
            self.by_id.setdefault(id_, row)
        self._forgotten.clear()

    async def torrents(self) -> tuple[Torrent, ...]:
        self._enter("torrents")
        return tuple(t for t, _ in self.by_id.values())

    async def present(self, torrents: Sequence[TorrentId]) -> tuple[Torrent, ...]:
        self._enter("present", tuple(torrents))
        return tuple(self.by_id[id_][0] for id_ in torrents if id_ in self.by_id)

    async def files(self, torrent: TorrentId) -> tuple[TorrentFile, ...] | None:
        self._enter("files", torrent)
        return self.by_id[torrent][1] if torrent in self.by_id else None

    async def trackers(self, torrent: TorrentId) -> Trackers | None:
        self._enter("trackers", torrent)
        return self.announces.get(torrent, Trackers(frozenset())) if torrent in self.by_id else None

    async def remove(self, torrents: Sequence[TorrentId], *, delete_files: bool) -> None:
        self._enter("remove", tuple(torrents), delete_files)
        self._forgotten = {id_: self.by_id.pop(id_) for id_ in torrents if id_ in self.by_id}
        for torrent, files in self._forgotten.values():
            if delete_files:
                self.disk.remove(absolute_files(torrent, files))
        self._leave()


class MemoryRequests(MemoryUpstream):
    """A Jellyseerr; a `reconciler.ports.RequestClient`."""

    def __init__(self, instance: InstanceName, calls: list[Call] | None = None) -> None:
        super().__init__(instance, UpstreamKind.JELLYSEERR, AppInfo("Jellyseerr", "2.7"), calls)
        self.rows: dict[int, Record] = {}
        self.asked: dict[int, MediaRequest] = {}
        self.tvdb_ids: dict[int, int] = {}
        self.issues: dict[int, Issue] = {}
        self.known_servers: tuple[RequestServer, ...] = ()
        self._next_row = 1
        self._next_request = 1

    def ask_for(
        self,
        media: Media,
        by: str = "bob",
        *,
        status: RequestStatus = RequestStatus.APPROVED,
        is_4k: bool = False,
        seasons: Sequence[int] = (),
    ) -> MediaRequest:
        """Request a title as a user does; its record is made if there is none."""
        row = next((r for r in self.rows.values() if r.media.is_same(media)), None)
        if row is None:
            row = self.scan(media, MediaStatus.PROCESSING, is_4k=is_4k)
        number = self._next_request
        self._next_request += 1
        self.asked[number] = MediaRequest(
            number,
            row.id,
            media,
            is_4k,
            status,
            requested_by=by,
            seasons=tuple(seasons),
            created_at=f"request {number}",
        )
        return self.asked[number]

    def scan(self, media: Media, status: MediaStatus = MediaStatus.AVAILABLE, *, is_4k: bool = False) -> Record:
        """Make a record as a library scan does, or bring one variant of the one that is there up to date."""
        known = next((r for r in self.rows.values() if r.media.is_same(media)), None)
        if known is None:
            number = self._next_row
            self._next_row += 1
            known = Record(number, media, MediaStatus.UNKNOWN, MediaStatus.UNKNOWN, f"record {number}")
        self.rows[known.id] = replace(known, status_4k=status) if is_4k else replace(known, status=status)
        return self.rows[known.id]

    def decide(self, request_id: int, status: RequestStatus) -> None:
        """Approve, decline or complete a request."""
        self.asked[request_id] = replace(self.asked[request_id], status=status)

    async def records(self) -> tuple[Record, ...]:
        self._enter("records")
        return tuple(self.rows.values())

    async def requests(self) -> tuple[MediaRequest, ...]:
        self._enter("requests")
        return tuple(self.asked.values())

    async def request(self, request_id: int) -> MediaRequest | None:
        self._enter("request", request_id)
        return self.asked.get(request_id)

    async def tvdb_id(self, tmdb_id: int) -> int | None:
        self._enter("tvdb_id", tmdb_id)
        return self.tvdb_ids.get(tmdb_id)

    async def servers(self) -> tuple[RequestServer, ...]:
        self._enter("servers")
        return self.known_servers

    async def issue(self, issue_id: int) -> Issue | None:
        self._enter("issue", issue_id)
        return self.issues.get(issue_id)

    async def delete_request(self, request_id: int) -> None:
        self._enter("delete_request", request_id)
        request = self.asked.pop(request_id, None)
        if request is not None:
            row = self.rows[request.record_id]
            is_last = not any(r.record_id == row.id and r.is_4k is request.is_4k for r in self.asked.values())
            unknown, there = MediaStatus.UNKNOWN, row.status_4k if request.is_4k else row.status
            if is_last and there is not MediaStatus.AVAILABLE:
                changed = replace(row, status_4k=unknown) if request.is_4k else replace(row, status=unknown)
                self.rows[row.id] = changed
        self._leave()

    async def delete_record(self, record_id: int) -> None:
        self._enter("delete_record", record_id)
        row = self.rows.get(record_id)
        if row is not None and row.status is not MediaStatus.BLOCKLISTED:
            del self.rows[record_id]
            self.asked = {n: r for n, r in self.asked.items() if r.record_id != record_id}
        self._leave()

    async def reset_variant(self, record_id: int, *, is_4k: bool) -> None:
        self._enter("reset_variant", record_id, is_4k)
        row = self.rows.get(record_id)
        if row is not None:
            unknown = MediaStatus.UNKNOWN
            self.rows[record_id] = replace(row, status_4k=unknown) if is_4k else replace(row, status=unknown)
        self._leave()


class MemoryMediaServer(MemoryUpstream):
    """A Jellyfin; a `reconciler.ports.MediaServerClient`. It lists what lies on the disk when it looks there."""

    def __init__(self, instance: InstanceName, disk: Disk, calls: list[Call] | None = None) -> None:
        super().__init__(instance, UpstreamKind.JELLYFIN, AppInfo("Jellyfin Server", "10.11"), calls)
        self.disk = disk
        self.listed: dict[str, MediaItem] = {}
        self.told: list[str] = []

    def list_item(self, media: Media, path: str, *, season: int | None = None) -> MediaItem:
        """List a title, or a season of it, that lies at a path."""
        item = MediaItem(f"item{len(self.listed) + 1}", media, path.rpartition("/")[2], path, season)
        self.listed[item.id] = item
        return item

    def scan(self) -> None:
        """Look at the paths it was told about: what is not on the disk any more is not listed either."""
        files = self.disk.files()
        for item in list(self.listed.values()):
            is_told = any(item.path.startswith(path) or path.startswith(item.path) for path in self.told)
            if is_told and not any(path.startswith(f"{item.path}/") for path in files):
                del self.listed[item.id]
        self.told.clear()

    async def items(self) -> tuple[MediaItem, ...]:
        self._enter("items")
        return tuple(self.listed.values())

    async def announce(self, paths: Sequence[str]) -> None:
        self._enter("announce", tuple(paths))
        self.told += paths
        self._leave()


@dataclass
class Household:
    """One of each, on one disk and with one call log; and a second of some, for those who have several."""

    clock: FakeClock
    calls: list[Call] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.disk = Disk(self.clock)
        self.qbittorrent = MemoryTorrents(InstanceName("qbittorrent"), self.clock, self.disk, self.calls)
        self.radarr = MemoryLibrary(InstanceName("radarr"), MediaKind.MOVIE, self.clock, self.disk, self.calls)
        self.sonarr = MemoryLibrary(
            InstanceName("sonarr"), MediaKind.SERIES, self.clock, self.disk, self.calls, root="/data/tv"
        )
        self.jellyseerr = MemoryRequests(InstanceName("jellyseerr"), self.calls)
        self.radarr_4k = MemoryLibrary(
            InstanceName("radarr-4k"), MediaKind.MOVIE, self.clock, self.disk, self.calls, root="/data/movies-4k"
        )
        self.upstairs = MemoryTorrents(InstanceName("upstairs"), self.clock, self.disk, self.calls)
        self.jellyfin = MemoryMediaServer(InstanceName("jellyfin"), self.disk, self.calls)

    @property
    def upstreams(self) -> tuple[MemoryUpstream, ...]:
        return self.qbittorrent, self.radarr, self.sonarr, self.jellyseerr

    @property
    def libraries(self) -> tuple[MemoryLibrary, ...]:
        return self.radarr, self.radarr_4k, self.sonarr

    @property
    def clients(self) -> tuple[MemoryTorrents, ...]:
        return self.qbittorrent, self.upstairs

    def library_for(self, media: Media) -> MemoryLibrary:
        return self.radarr if media.kind is MediaKind.MOVIE else self.sonarr

    def obtain(self, media: Media, title: str, *hashes: InfoHash, requested: bool = True) -> Entry:
        """Let a title be requested, grabbed (once per hash, upgrades first) and imported."""
        library = self.library_for(media)
        if requested:
            self.jellyseerr.ask_for(media)
        entry = library.add(media, title)
        for number, hash_ in enumerate(hashes):
            self.qbittorrent.add(hash_, f"{title}.{number}", save_path="/data/torrents")
            library.grab(entry.id, hash_)
            library.import_file(entry.id, hash_)
        if requested:
            self.jellyseerr.scan(media)
        return library.by_id[entry.id]

    def writes(self) -> list[Call]:
        """Return every call so far that changes something."""
        return [c for c in self.calls if c.name in WRITES]
