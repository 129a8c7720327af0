"""A Radarr or a Sonarr in memory."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from reconciler.clock import Clock
from reconciler.errors import Rejected
from reconciler.model import (
    DownloadProtocol,
    InstanceName,
    Media,
    MediaKind,
    Monitoring,
    NewReference,
    ReferenceKind,
    UpstreamKind,
)
from reconciler.observed import (
    AppInfo,
    DownloadClient,
    Entry,
    EntryFile,
    FolderListing,
    HistoryPage,
    PathMapping,
    QueueItem,
    RootFolder,
)
from tests.support.memory_base import Call, Disk, MemoryUpstream


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
        self.clients: tuple[DownloadClient, ...] = (DownloadClient("qBittorrent", "qbittorrent", 8080),)
        self.searched: list[int] = []
        self.searched_seasons: list[tuple[int, int | None]] = []
        self.blocklisted: list[int] = []
        self._next_entry = 1
        self._next_row = 1
        self._next_file = 1

    # --- what its user does ---

    def add(
        self,
        media: Media,
        title: str,
        *,
        monitored: bool = True,
        tags: Collection[str] = (),
        seasons: Collection[int] = (1,),
    ) -> Entry:
        """Add a title without files; a series has these seasons."""
        number = self._next_entry
        self._next_entry += 1
        entry = Entry(
            id=number,
            media=media,
            title=title,
            year=2000,
            path=f"{self.root}/{title}",
            added=f"{self._clock.now():%Y-%m-%dT%H:%M:%S}Z#{number}",
            monitoring=Monitoring(monitored)
            if self.media_kind is MediaKind.MOVIE
            else Monitoring(monitored, tuple((s, monitored) for s in sorted(seasons)), "all"),
            file_count=0,
            size=0,
            tags=frozenset(tags),
            files=(),
        )
        self.by_id[number] = entry
        return entry

    def grab(
        self,
        entry_id: int,
        hash_: str,
        *,
        by_person: bool = False,
        client: str = "qBittorrent",
        episode: tuple[int, int] | None = None,
    ) -> NewReference:
        """Record a grab in the history (for one episode of a series) and return what a webhook would tell of it."""
        return self._record(
            entry_id, hash_, ReferenceKind.GRAB, by_person=by_person, client=client, episode=self._episode(episode)
        )

    def _episode(self, episode: tuple[int, int] | None) -> tuple[int, int] | None:
        return episode or ((1, 1) if self.media_kind is MediaKind.SERIES else None)

    def import_file(
        self,
        entry_id: int,
        hash_: str | None,
        name: str = "file.mkv",
        *,
        episode: tuple[int, int] | None = None,
        size: int = 1000,
        client: str = "qBittorrent",
        path: str | None = None,
    ) -> EntryFile:
        """Import a file into the title's folder, in the place of one of the same name; the disk gets a copy.

        With `path` it stays where it is: the library lies on what the torrent client seeds.
        """
        entry = self.by_id[entry_id]
        place = self._episode(episode)
        in_place = path is not None
        path = path or f"{entry.path}/{name}"
        file = EntryFile(self._next_file, path, size, place[0] if place else None)
        self._next_file += 1
        files = (*(f for f in entry.files or () if f.path != path), file)
        self.by_id[entry_id] = replace(entry, files=files, file_count=len(files), size=sum(f.size for f in files))
        if not in_place:
            self.disk.put([path], f"{self.instance}#{file.id}")
        self._record(entry_id, hash_, ReferenceKind.IMPORT, client=client, episode=place, size=size)
        return file

    def monitor(self, entry_id: int, seasons: Collection[int] = ()) -> None:
        """Look for a title, and for some of its seasons, as somebody wants it."""
        self._monitor(entry_id, is_monitored=True)
        self._monitor_seasons(entry_id, dict.fromkeys(seasons, True))

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
        episode: tuple[int, int] | None = None,
        size: int | None = None,
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
            season=episode[0] if episode else None,
            episode=episode[1] if episode else None,
            size=size,
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

    async def torrent_clients(self) -> tuple[DownloadClient, ...]:
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

    async def unmonitor_seasons(self, seasons: Mapping[int, Collection[int]]) -> None:
        self._enter("unmonitor_seasons", {k: tuple(sorted(v)) for k, v in seasons.items()})
        self._require(list(seasons))
        for number, its in seasons.items():
            self._monitor_seasons(number, dict.fromkeys(its, False))
        self._leave()

    async def restore_monitoring(self, entry_id: int, prior: Monitoring) -> None:
        self._enter("restore_monitoring", entry_id, prior)
        self._require([entry_id])
        self._monitor(entry_id, is_monitored=self.by_id[entry_id].monitoring.monitored or prior.monitored)
        self._monitor_seasons(entry_id, {season: True for season, was in prior.seasons if was})
        self._leave()

    async def blocklist(self, history_id: int) -> None:
        self._enter("blocklist", history_id)
        self.blocklisted.append(history_id)
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
        self.by_id[entry_id] = replace(entry, files=rest, file_count=len(rest), size=sum(f.size for f in rest))
        self.disk.remove([f.path for f in gone])
        self._leave()

    async def search(self, entry_id: int, season: int | None = None) -> None:
        self._enter("search", entry_id, season)
        self.searched.append(entry_id)
        self.searched_seasons.append((entry_id, season))
        self._leave()

    def _require(self, entry_ids: Sequence[int]) -> None:
        if any(number not in self.by_id for number in entry_ids):
            raise Rejected(self.instance, "Expected query to return rows", status=500)

    def _monitor(self, number: int, *, is_monitored: bool) -> None:
        entry = self.by_id[number]
        self.by_id[number] = replace(entry, monitoring=replace(entry.monitoring, monitored=is_monitored))

    def _monitor_seasons(self, number: int, flags: Mapping[int, bool]) -> None:
        entry = self.by_id[number]
        seasons = tuple((s, flags.get(s, was)) for s, was in entry.monitoring.seasons)
        self.by_id[number] = replace(entry, monitoring=replace(entry.monitoring, seasons=seasons))

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
