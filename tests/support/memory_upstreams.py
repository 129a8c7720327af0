"""Upstreams in memory: they keep state, can be told to fail, and have the habits that make upstreams hard.

Torrents leave the list at once and their files later; a crash brings back what was acknowledged as deleted; deleting a
title purges its history; deleting a media row takes its requests along, new ones too. No sockets, no time of their own.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from reconciler.clock import Clock
from reconciler.errors import Rejected, UpstreamError
from reconciler.model import (
    DownloadProtocol,
    InfoHash,
    InstanceName,
    Media,
    MediaKind,
    Monitoring,
    NewReference,
    ReferenceKind,
    TorrentId,
    UpstreamKind,
)
from reconciler.observed import (
    AppInfo,
    Entry,
    EntryFile,
    FolderListing,
    HistoryPage,
    MediaRequest,
    MediaStatus,
    PathMapping,
    QueueItem,
    Record,
    RequestStatus,
    RootFolder,
    Torrent,
    TorrentFile,
)
from reconciler.plan.extents import absolute_files
from tests.support.clocks import FakeClock

WRITES = frozenset(
    {
        "remove",
        "unmonitor",
        "restore_monitoring",
        "end_downloads",
        "delete_entries",
        "delete_entry",
        "delete_files",
        "search",
        "delete_request",
        "delete_record",
        "reset_variant",
    }
)
"""The calls that change something upstream."""

FILE_DELAY = timedelta(seconds=1)
"""How long files outlive the answer to their removal (upstreams.md 9.1)."""


class Disk:
    """The files of the household; what is removed goes a moment later."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._files: dict[str, str] = {}
        self._going: list[tuple[datetime, str, str]] = []

    def put(self, paths: Iterable[str], content: str) -> None:
        """Write files; `content` tells the copies of one path apart."""
        self._settle()
        for path in paths:
            self._files[path] = content

    def files(self) -> dict[str, str]:
        """Return what is on disk now, content by path."""
        self._settle()
        return dict(self._files)

    def remove(self, paths: Iterable[str]) -> None:
        """Remove files soon, unless something else was written in their place by then."""
        self._settle()
        at = self._clock.now() + FILE_DELAY
        self._going += [(at, path, self._files[path]) for path in paths if path in self._files]

    def remove_folder(self, folder: str) -> None:
        """Remove everything below a folder soon."""
        self.remove([p for p in self.files() if p.startswith(folder.rstrip("/") + "/")])

    def listing(self, folder: str) -> FolderListing:
        """List one folder; a missing one lists as empty."""
        inside = [p[len(folder) :] for p in self.files() if p.startswith(folder)]
        return FolderListing(
            directories=frozenset(p.partition("/")[0] for p in inside if "/" in p),
            files=frozenset(p for p in inside if "/" not in p),
        )

    def _settle(self) -> None:
        due = [g for g in self._going if g[0] <= self._clock.now()]
        self._going = [g for g in self._going if g[0] > self._clock.now()]
        for _, path, content in due:
            if self._files.get(path) == content:
                del self._files[path]


@dataclass
class Call:
    """One call that reached an upstream."""

    instance: InstanceName
    name: str
    arguments: tuple[object, ...] = ()


class MemoryUpstream:
    """Failures and the call log, common to all. `calls` may be shared between upstreams."""

    instance: InstanceName
    kind: UpstreamKind

    def __init__(self, instance: InstanceName, kind: UpstreamKind, app: AppInfo, calls: list[Call] | None) -> None:
        self.instance = instance
        self.kind = kind
        self.app = app
        self.calls: list[Call] = [] if calls is None else calls
        self.trouble: UpstreamError | None = None
        self.lost_answers: UpstreamError | None = None
        self.refusals_forgotten = 0
        self.before: Callable[[Call], None] = lambda _call: None

    def writes(self) -> list[Call]:
        return [c for c in self.calls if c.name in WRITES and c.instance == self.instance]

    async def identify(self) -> AppInfo:
        self._enter("identify")
        return self.app

    async def obstacle(self) -> str:
        self._enter("obstacle")
        return ""

    def forget_refusal(self) -> None:
        self.refusals_forgotten += 1

    async def aclose(self) -> None:
        """Nothing to close."""

    def _enter(self, name: str, *arguments: object) -> None:
        call = Call(self.instance, name, arguments)
        self.calls.append(call)
        self.before(call)
        if self.trouble is not None:
            raise self.trouble

    def _leave(self) -> None:
        """Lose the answer to a write that was carried out."""
        if self.lost_answers is not None:
            raise self.lost_answers


class MemoryTorrents(MemoryUpstream):
    """A qBittorrent; a `reconciler.ports.TorrentClient`."""

    def __init__(self, instance: InstanceName, clock: Clock, disk: Disk, calls: list[Call] | None = None) -> None:
        super().__init__(instance, UpstreamKind.QBITTORRENT, AppInfo("qBittorrent", "5.1.0"), calls)
        self._clock = clock
        self.disk = disk
        self.by_id: dict[TorrentId, tuple[Torrent, tuple[TorrentFile, ...]]] = {}
        self._forgotten: dict[TorrentId, tuple[Torrent, tuple[TorrentFile, ...]]] = {}
        self._stamp = int(clock.now().timestamp())

    def add(self, hash_: InfoHash, name: str, files: Sequence[str] | None = None, *, save_path: str) -> Torrent:
        """Add a torrent whose data is complete; one that is there already is left as it is."""
        known = self.by_id.get(TorrentId(hash_))
        if known is not None:
            return known[0]
        self._stamp += 1
        content = tuple(TorrentFile(f, 1000) for f in (files or (f"{name}/{name}.mkv",)))
        torrent = Torrent(
            id=TorrentId(hash_),
            name=name,
            state="stalledUP",
            save_path=save_path,
            download_path="",
            content_path=f"{save_path}/{name}",
            size=1000 * len(content),
            progress=1.0,
            added_on=self._stamp,
            infohash_v1=hash_,
        )
        self.by_id[torrent.id] = (torrent, content)
        self.disk.put(absolute_files(torrent, content), f"{hash_}@{self._stamp}")
        return torrent

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

    async def remove(self, torrents: Sequence[TorrentId], *, delete_files: bool) -> None:
        self._enter("remove", tuple(torrents), delete_files)
        self._forgotten = {id_: self.by_id.pop(id_) for id_ in torrents if id_ in self.by_id}
        for torrent, files in self._forgotten.values():
            if delete_files:
                self.disk.remove(absolute_files(torrent, files))
        self._leave()


@dataclass
class HistoryRow:
    """A row of a library's history; rows that refer to no download have no reference."""

    id: int
    entry_id: int
    at: datetime
    reference: NewReference | None


class MemoryLibrary(MemoryUpstream):
    """A Radarr or a Sonarr; a `reconciler.ports.LibraryClient`."""

    def __init__(
        self,
        instance: InstanceName,
        media: MediaKind,
        clock: Clock,
        disk: Disk,
        calls: list[Call] | None = None,
        *,
        root: str = "/data/movies",
    ) -> None:
        is_radarr = media is MediaKind.MOVIE
        kind = UpstreamKind.RADARR if is_radarr else UpstreamKind.SONARR
        super().__init__(instance, kind, AppInfo("Radarr" if is_radarr else "Sonarr", "6.0"), calls)
        self.media_kind = media
        self._clock = clock
        self.disk = disk
        self.root = root
        self.by_id: dict[int, Entry] = {}
        self.history: list[HistoryRow] = []
        self.queued: list[QueueItem] = []
        self.roots: tuple[RootFolder, ...] = (RootFolder(root, True),)
        self.mappings: tuple[PathMapping, ...] = ()
        self.clients: frozenset[str] = frozenset({"qBittorrent"})
        self.searched: list[int] = []
        self._next_entry = 1
        self._next_row = 1
        self._next_file = 1

    # --- what its user does ---

    def add(self, media: Media, title: str, *, monitored: bool = True, tags: Collection[str] = ()) -> Entry:
        """Add a title without files."""
        number = self._next_entry
        self._next_entry += 1
        entry = Entry(
            id=number,
            media=media,
            title=title,
            year=2000,
            path=f"{self.root}/{title}",
            added=f"{self._clock.now():%Y-%m-%dT%H:%M:%S}Z#{number}",
            monitoring=Monitoring(monitored),
            file_count=0,
            size=0,
            tags=frozenset(tags),
            files=(),
        )
        self.by_id[number] = entry
        return entry

    def grab(self, entry_id: int, hash_: str, *, by_person: bool = False, client: str = "qBittorrent") -> NewReference:
        """Record a grab in the history and return what a webhook would tell of it."""
        return self._record(entry_id, hash_, ReferenceKind.GRAB, by_person=by_person, client=client)

    def import_file(self, entry_id: int, hash_: str | None, name: str = "file.mkv") -> EntryFile:
        """Import a file into the title's folder, in the place of one of the same name; the disk gets a copy."""
        entry = self.by_id[entry_id]
        path = f"{entry.path}/{name}"
        file = EntryFile(self._next_file, path, 1000, 1 if self.media_kind is MediaKind.SERIES else None)
        self._next_file += 1
        files = (*(f for f in entry.files or () if f.path != path), file)
        self.by_id[entry_id] = replace(entry, files=files, file_count=len(files), size=1000 * len(files))
        self.disk.put([path], f"{hash_ or 'manual'}#{file.id}")
        self._record(entry_id, hash_, ReferenceKind.IMPORT)
        return file

    def note(self, entry_id: int) -> None:
        """Add a history row that refers to no download, such as a renaming."""
        self.history.append(HistoryRow(self._next_row, entry_id, self._clock.now(), None))
        self._next_row += 1

    def _record(
        self,
        entry_id: int,
        hash_: str | None,
        kind: ReferenceKind,
        *,
        by_person: bool = False,
        client: str = "qBittorrent",
    ) -> NewReference:
        reference = NewReference(
            instance=self.instance,
            kind=kind,
            entry_id=entry_id,
            media=None,
            raw_hash=hash_.upper() if hash_ else None,
            client=client,
            protocol=DownloadProtocol.TORRENT,
            by_person=by_person,
            history_id=self._next_row,
            at=_stamp(self._clock.now()),
            source_title=f"Release {hash_[-4:] if hash_ else ''}",
        )
        self.history.append(HistoryRow(self._next_row, entry_id, self._clock.now(), reference))
        self._next_row += 1
        return reference

    # --- reading ---

    async def entries(self) -> tuple[Entry, ...]:
        self._enter("entries")
        return tuple(self._shown(e) for e in self.by_id.values())

    async def entry(self, entry_id: int) -> Entry | None:
        self._enter("entry", entry_id)
        entry = self.by_id.get(entry_id)
        return None if entry is None else self._shown(entry)

    def _shown(self, entry: Entry) -> Entry:
        return entry if self.media_kind is MediaKind.MOVIE else replace(entry, files=None)

    async def entry_files(self, entry_id: int) -> tuple[EntryFile, ...]:
        self._enter("entry_files", entry_id)
        entry = self.by_id.get(entry_id)
        return entry.files or () if entry else ()

    async def queue(self) -> tuple[QueueItem, ...]:
        self._enter("queue")
        return tuple(self.queued)

    async def root_folders(self) -> tuple[RootFolder, ...]:
        self._enter("root_folders")
        return self.roots

    async def path_mappings(self) -> tuple[PathMapping, ...]:
        self._enter("path_mappings")
        return self.mappings

    async def torrent_clients(self) -> frozenset[str]:
        self._enter("torrent_clients")
        return self.clients

    async def recycle_bin(self) -> str:
        self._enter("recycle_bin")
        return ""

    async def list_folder(self, path: str) -> FolderListing:
        self._enter("list_folder", path)
        return self.disk.listing(path)

    async def history_page(self, page: int, page_size: int) -> HistoryPage:
        self._enter("history_page", page, page_size)
        rows = sorted(self.history, key=lambda r: (r.at, r.id))
        return _page(rows[(page - 1) * page_size : page * page_size], len(rows))

    async def history_since(self, date: str) -> HistoryPage:
        self._enter("history_since", date)
        since = datetime.fromisoformat(date)
        rows = [r for r in sorted(self.history, key=lambda r: (r.at, r.id)) if r.at >= since]
        return _page(rows, len(rows))

    # --- acting ---

    async def unmonitor(self, entry_ids: Sequence[int]) -> None:
        self._enter("unmonitor", tuple(entry_ids))
        self._require(entry_ids)
        for number in entry_ids:
            self._monitor(number, is_monitored=False)
        self._leave()

    async def restore_monitoring(self, entry_id: int, prior: Monitoring) -> None:
        self._enter("restore_monitoring", entry_id, prior)
        self._require([entry_id])
        self._monitor(entry_id, is_monitored=self.by_id[entry_id].monitoring.monitored or prior.monitored)
        self._leave()

    async def end_downloads(self, queue_ids: Sequence[int]) -> None:
        self._enter("end_downloads", tuple(queue_ids))
        self.queued = [i for i in self.queued if i.id not in set(queue_ids)]
        self._leave()

    async def delete_entries(self, entry_ids: Sequence[int], *, delete_files: bool, add_exclusion: bool) -> None:
        self._enter("delete_entries", tuple(entry_ids), delete_files, add_exclusion)
        self._require(entry_ids)
        for number in entry_ids:
            self._delete(number, delete_files=delete_files)
        self._leave()

    async def delete_entry(self, entry_id: int, *, delete_files: bool, add_exclusion: bool) -> None:
        self._enter("delete_entry", entry_id, delete_files, add_exclusion)
        if entry_id in self.by_id:
            self._delete(entry_id, delete_files=delete_files)
        self._leave()

    async def delete_files(self, entry_id: int, file_ids: Sequence[int]) -> None:
        self._enter("delete_files", entry_id, tuple(file_ids))
        entry = self.by_id[entry_id]
        gone = [f for f in entry.files or () if f.id in set(file_ids)]
        rest = tuple(f for f in entry.files or () if f not in gone)
        self.by_id[entry_id] = replace(entry, files=rest, file_count=len(rest), size=1000 * len(rest))
        self.disk.remove([f.path for f in gone])
        self._leave()

    async def search(self, entry_id: int) -> None:
        self._enter("search", entry_id)
        self.searched.append(entry_id)
        self._leave()

    def _require(self, entry_ids: Sequence[int]) -> None:
        if any(number not in self.by_id for number in entry_ids):
            raise Rejected(self.instance, "Expected query to return rows", status=500)

    def _monitor(self, number: int, *, is_monitored: bool) -> None:
        entry = self.by_id[number]
        self.by_id[number] = replace(entry, monitoring=replace(entry.monitoring, monitored=is_monitored))

    def _delete(self, number: int, *, delete_files: bool) -> None:
        entry = self.by_id.pop(number)
        self.history = [r for r in self.history if r.entry_id != number]
        if delete_files:
            self.disk.remove_folder(entry.path)


def _page(rows: Sequence[HistoryRow], total: int) -> HistoryPage:
    newest = max(rows, key=lambda r: r.id, default=None)
    return HistoryPage(
        references=tuple(r.reference for r in rows if r.reference is not None),
        rows=len(rows),
        total=total,
        newest_id=max((r.id for r in rows), default=0),
        newest_date=_stamp(newest.at) if newest else None,
    )


def _stamp(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}Z"


class MemoryRequests(MemoryUpstream):
    """A Jellyseerr; a `reconciler.ports.RequestClient`."""

    def __init__(self, instance: InstanceName, calls: list[Call] | None = None) -> None:
        super().__init__(instance, UpstreamKind.JELLYSEERR, AppInfo("Jellyseerr", "2.7"), calls)
        self.rows: dict[int, Record] = {}
        self.asked: dict[int, MediaRequest] = {}
        self.tvdb_ids: dict[int, int] = {}
        self._next_row = 1
        self._next_request = 1

    def ask_for(
        self, media: Media, by: str = "bob", *, status: RequestStatus = RequestStatus.APPROVED, is_4k: bool = False
    ) -> MediaRequest:
        """Request a title as a user does; its record is made if there is none."""
        row = next((r for r in self.rows.values() if r.media.is_same(media)), None)
        if row is None:
            row = self.scan(media, MediaStatus.PROCESSING)
        number = self._next_request
        self._next_request += 1
        self.asked[number] = MediaRequest(
            number, row.id, media, is_4k, status, requested_by=by, created_at=f"request {number}"
        )
        return self.asked[number]

    def scan(self, media: Media, status: MediaStatus = MediaStatus.AVAILABLE) -> Record:
        """Make a record as a library scan does, or bring the one that is there up to date."""
        known = next((r for r in self.rows.values() if r.media.is_same(media)), None)
        if known is not None:
            self.rows[known.id] = replace(known, status=status)
            return self.rows[known.id]
        number = self._next_row
        self._next_row += 1
        self.rows[number] = Record(number, media, status, MediaStatus.UNKNOWN, f"record {number}")
        return self.rows[number]

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

    async def delete_request(self, request_id: int) -> None:
        self._enter("delete_request", request_id)
        request = self.asked.pop(request_id, None)
        if request is not None:
            row = self.rows[request.record_id]
            is_last = not any(r.record_id == row.id and r.is_4k is request.is_4k for r in self.asked.values())
            if is_last and row.status is not MediaStatus.AVAILABLE:
                self.rows[row.id] = replace(row, status=MediaStatus.UNKNOWN)
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


@dataclass
class Household:
    """One of each, on one disk and with one call log."""

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

    @property
    def upstreams(self) -> tuple[MemoryTorrents, MemoryLibrary, MemoryLibrary, MemoryRequests]:
        return self.qbittorrent, self.radarr, self.sonarr, self.jellyseerr

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
