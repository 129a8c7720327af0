"""What every client offers, and what each kind of upstream does."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from reconciler.model import InstanceName, Monitoring, SeenWebhook, TorrentId, UpstreamKind, WantedWebhook
from reconciler.observed import (
    AppInfo,
    DownloadClient,
    Entry,
    EntryFile,
    FolderListing,
    HistoryPage,
    Issue,
    MediaItem,
    MediaRequest,
    PathMapping,
    QueueItem,
    Record,
    RequestServer,
    RootFolder,
    Torrent,
    TorrentFile,
    Trackers,
)


class Upstream(Protocol):
    """What every client offers."""

    @property
    def instance(self) -> InstanceName: ...

    @property
    def kind(self) -> UpstreamKind: ...

    async def identify(self) -> AppInfo:
        """Prove that the right program answers and takes our credentials.

        Raises `Unintelligible` when another program answers, `Unauthorized` when the credentials are refused.
        """

    def forget_refusal(self) -> None:
        """Try the credentials again with the next call, although they were refused."""

    async def obstacle(self) -> str:
        """Return in words what would keep us from deleting through this upstream, or `""`. Only reads."""

    async def aclose(self) -> None:
        """Close the connections."""


class TorrentClient(Upstream, Protocol):
    """qBittorrent."""

    async def torrents(self) -> tuple[Torrent, ...]:
        """Return the complete list."""

    async def present(self, torrents: Sequence[TorrentId]) -> tuple[Torrent, ...]:
        """Return those of the given torrents that are there now.

        The answer is re-filtered by id; an empty sequence sends nothing and answers `()`.
        """

    async def files(self, torrent: TorrentId) -> tuple[TorrentFile, ...] | None:
        """Return the files of one torrent, `()` without metadata, or `None` when there is no such torrent."""

    async def trackers(self, torrent: TorrentId) -> Trackers | None:
        """Return who one torrent is announced to, or `None` when there is no such torrent."""

    async def remove(self, torrents: Sequence[TorrentId], *, delete_files: bool) -> None:
        """Ask for removal in one call. An empty sequence sends nothing."""


class LibraryClient(Upstream, Protocol):
    """Radarr or Sonarr."""

    async def entries(self) -> tuple[Entry, ...]:
        """Return every title."""

    async def entry(self, entry_id: int) -> Entry | None:
        """Return one title by internal id, or `None` when the upstream says there is none."""

    async def entry_files(self, entry_id: int) -> tuple[EntryFile, ...]:
        """Return the movie files or episode files of one title."""

    async def queue(self) -> tuple[QueueItem, ...]:
        """Return every download the library follows, those of deleted titles included."""

    async def root_folders(self) -> tuple[RootFolder, ...]:
        """Return the root folders and whether the library can reach them."""

    async def path_mappings(self) -> tuple[PathMapping, ...]:
        """Return the remote path mappings."""

    async def torrent_clients(self) -> tuple[DownloadClient, ...]:
        """Return the download clients that are qBittorrent, disabled ones too: histories go on naming them."""

    async def recycle_bin(self) -> str:
        """Return the recycle bin's path, or `""` when deleted files are removed at once."""

    async def list_folder(self, path: str) -> FolderListing:
        """List one folder as the library sees it."""

    async def history_page(self, page: int, page_size: int) -> HistoryPage:
        """Return one page of the whole history, oldest first, for the back-fill. `page` counts from 1."""

    async def history_since(self, date: str) -> HistoryPage:
        """Return all history at or after the upstream date text, oldest first."""

    async def unmonitor(self, entry_ids: Sequence[int]) -> None:
        """Stop looking for these titles, in one call."""

    async def unmonitor_seasons(self, seasons: Mapping[int, Collection[int]]) -> None:
        """Stop looking for seasons, given by internal id of their series, in one call. The series stay as they are.

        Only for Sonarr.
        """

    async def restore_monitoring(self, entry_id: int, prior: Monitoring) -> None:
        """Give back the monitoring that `unmonitor` took away, seasons included. The title must exist.

        What is monitored by now stays so, whatever `prior` says: a new request may have asked for it meanwhile.
        """

    async def end_downloads(self, queue_ids: Sequence[int]) -> None:
        """Remove queue items, and their data in the download client, without blocklisting or a new search."""

    async def blocklist(self, history_id: int) -> None:
        """Mark the grab that a history row tells as failed, so that the same release is not grabbed again.

        What is monitored may be searched for anew at once, so only what is not may be blocklisted. An id that is not
        known (any more) is no error.
        """

    async def delete_entries(self, entry_ids: Sequence[int], *, delete_files: bool, add_exclusion: bool) -> None:
        """Ask for removal of these titles in one call; all or none is accepted."""

    async def delete_entry(self, entry_id: int, *, delete_files: bool, add_exclusion: bool) -> None:
        """Ask for removal of one title; an unknown id is no error."""

    async def delete_files(self, entry_id: int, file_ids: Sequence[int]) -> None:
        """Delete files of one title, keeping the title."""

    async def search(self, entry_id: int, season: int | None = None) -> None:
        """Start one automatic search for a title, or for one season of it."""


class RequestClient(Upstream, Protocol):
    """Jellyseerr, Seerr or Overseerr."""

    async def records(self) -> tuple[Record, ...]:
        """Return every media row, over all pages; raises `Unintelligible` if the list changed while it was read."""

    async def requests(self) -> tuple[MediaRequest, ...]:
        """Return every request, over all pages, likewise."""

    async def request(self, request_id: int) -> MediaRequest | None:
        """Return one request, or `None` when the upstream does not show it (which is no proof of absence)."""

    async def tvdb_id(self, tmdb_id: int) -> int | None:
        """Return the TVDB id of a series; `None` when TMDB has none."""

    async def servers(self) -> tuple[RequestServer, ...]:
        """Return the Radarrs and Sonarrs that requests are sent to."""

    async def issue(self, issue_id: int) -> Issue | None:
        """Return one issue with the permissions of who wrote in it, or `None` when the upstream does not show it."""

    async def delete_request(self, request_id: int) -> None:
        """Ask for removal of one request; "not found" is no error."""

    async def delete_record(self, record_id: int) -> None:
        """Ask for removal of one media row with all its requests; "not found" is no error."""

    async def reset_variant(self, record_id: int, *, is_4k: bool) -> None:
        """Set one variant of a media row to unknown."""


class MediaServerClient(Upstream, Protocol):
    """Jellyfin."""

    async def items(self) -> tuple[MediaItem, ...]:
        """Return every movie, series and season that carries an id of TMDB or TVDB (a season: that of its series)."""

    async def announce(self, paths: Sequence[str]) -> None:
        """Tell it in one call that something changed at these paths (as it sees them); it looks there later.

        Nothing is deleted by this. An empty sequence sends nothing.
        """


class WebhookSettings(Protocol):
    """The webhooks that a Radarr, Sonarr or Jellyseerr sends, as its settings have them."""

    @property
    def instance(self) -> InstanceName: ...

    @property
    def kind(self) -> UpstreamKind: ...

    async def read(self, wanted: WantedWebhook) -> tuple[SeenWebhook, ...]:
        """Return every webhook there, ours or not, by one call; `secret` compares with the one that is wanted."""

    async def save(self, wanted: WantedWebhook, instead_of: SeenWebhook | None) -> None:
        """Write our webhook: a new one, or into the one that was seen, of which everything else stays as it is.

        Raises `Rejected` with the upstream's own words when it does not take it; Radarr and Sonarr try the address
        first. It also does when the webhook that was seen is another one by now.
        """

    async def test(self, wanted: WantedWebhook, seen: SeenWebhook) -> None:
        """Let the upstream send a test to the address it has; raises `Rejected` when that was not answered 2xx."""
