"""What Radarr and Sonarr have in common: API v3 (upstreams.md 3 and 9.4). Private to `radarr.py` and `sonarr.py`.

Both answer everything when a filter is not understood, so every answer is filtered again here by the id we meant.
Deletes answer before files are gone, and say nothing about absence.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from types import TracebackType
from typing import Any, ClassVar, Self

from reconciler.clients._http import CallObserver, Http, Reply, Transport
from reconciler.clients._rows import Row, rows_of
from reconciler.clients.arr_history import PROTOCOLS, history_page_of
from reconciler.clients.arr_settings import qbittorrent_of
from reconciler.clients.arr_webhooks import ArrWebhooks
from reconciler.clock import Clock
from reconciler.errors import Rejected, Unintelligible, Unreachable
from reconciler.model import DownloadProtocol, InstanceName, Monitoring, UpstreamKind
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

DELETE_TIMEOUT = timedelta(seconds=120)
"""A delete waits for every webhook receiver, up to 100 s each (upstreams.md 3.4)."""

_NOT_FOUND = frozenset({404})
_ROWS_MISSING = "Expected query to return"


class Arr(ABC):
    """One Radarr or Sonarr instance; the subclasses are `reconciler.ports.LibraryClient`s."""

    app: ClassVar[str]
    upstream_kind: ClassVar[UpstreamKind]
    titles: ClassVar[str]  # the resource: "movie" or "series"
    files: ClassVar[str]  # the resource of its files: "moviefile" or "episodefile"
    title_id: ClassVar[str]  # how other rows name a title: "movieId" or "seriesId"
    title_ids: ClassVar[str]
    file_ids: ClassVar[str]
    exclude: ClassVar[str]  # the flag for an import list exclusion; a wrong spelling is silently ignored

    def __init__(self, http: Http) -> None:
        self._http = http
        self.webhooks = ArrWebhooks(http, self.upstream_kind)

    @property
    def instance(self) -> InstanceName:
        return self._http.instance

    @property
    def kind(self) -> UpstreamKind:
        return self.upstream_kind

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._http.aclose()

    def forget_refusal(self) -> None:
        """The key goes with every call; only a session that a proxy gave us could be stale."""
        self._http.forget_cookies()

    async def obstacle(self) -> str:
        """Name root folders that the library cannot reach: a delete would leave their files behind."""
        lost = sorted(root.path for root in await self.root_folders() if not root.accessible)
        return f"cannot reach {', '.join(lost)}; deletes there would leave files behind" if lost else ""

    # --- reading ---------------------------------------------------------------------------------------------------

    async def identify(self) -> AppInfo:
        status = self._row("status", await self._get("/system/status", "identify"))
        name = status.text("appName")
        if name.lower() != self.app.lower():
            raise Unintelligible(self.instance, f"answers as {name}, not {self.app}: the URL points to another program")
        return AppInfo(name, status.text("version"), status.maybe("instanceName"))

    async def entries(self) -> tuple[Entry, ...]:
        rows = self._rows(self.titles, await self._get(f"/{self.titles}", "entries"))
        labels = await self._labels()  # after the titles, so that no title can carry a label that is newer
        return tuple(self._entry(row, labels) for row in rows)

    async def entry(self, entry_id: int) -> Entry | None:
        row = await self._title(entry_id)
        return None if row is None else self._entry(row, await self._labels())

    async def entry_files(self, entry_id: int) -> tuple[EntryFile, ...]:
        """Return the files of one title; none when the title itself is not there (any more)."""
        reply = await self._get(f"/{self.files}", "entry_files", {self.title_id: entry_id}, accept=_NOT_FOUND)
        if reply.status == 404:
            _refuse_web_page(reply)
            return ()
        rows = self._rows("file", reply)
        return tuple(entry_file(row) for row in rows if row.known(self.title_id) == entry_id)

    async def queue(self) -> tuple[QueueItem, ...]:
        """Read the unpaged list, which alone shows the downloads of deleted titles (upstreams.md 3.6)."""
        reply = await self._get("/queue/details", "queue", self._row_params())
        return tuple(self._queue_item(row) for row in self._rows("queue", reply))

    async def root_folders(self) -> tuple[RootFolder, ...]:
        rows = self._rows("root folder", await self._get("/rootfolder", "root_folders"))
        return tuple(RootFolder(row.text("path"), row.flag("accessible")) for row in rows)

    async def path_mappings(self) -> tuple[PathMapping, ...]:
        rows = self._rows("path mapping", await self._get("/remotepathmapping", "path_mappings"))
        return tuple(
            PathMapping(row.maybe("host") or "", row.text("remotePath"), row.text("localPath")) for row in rows
        )

    async def torrent_clients(self) -> tuple[DownloadClient, ...]:
        rows = self._rows("download client", await self._get("/downloadclient", "torrent_clients"))
        return tuple(client for client in map(qbittorrent_of, rows) if client is not None)

    async def recycle_bin(self) -> str:
        row = self._row("media management", await self._get("/config/mediamanagement", "recycle_bin"))
        return row.maybe("recycleBin") or ""

    async def list_folder(self, path: str) -> FolderListing:
        """List one folder by names. A missing or unreadable folder lists as empty (upstreams.md 9.4)."""
        separator = "\\" if "\\" in path and "/" not in path else "/"
        folder = path if path.endswith(separator) else path + separator
        reply = await self._get("/filesystem", "list_folder", {"path": folder, "includeFiles": "true"})
        listing = self._row("folder listing", reply)
        return FolderListing(
            directories=frozenset(row.text("name") for row in listing.rows("directories")),
            files=frozenset(row.text("name") for row in listing.rows("files")),
        )

    async def history_page(self, page: int, page_size: int) -> HistoryPage:
        params = {
            "page": page,
            "pageSize": page_size,
            "sortKey": "date",
            "sortDirection": "ascending",
            **self._row_params(),
        }
        answer = self._row("history page", await self._get("/history", "history_page", params))
        if answer.number("page") != page:
            raise Unintelligible(self.instance, f"answered page {answer.number('page')} of its history, not {page}")
        return self._history(answer.rows("records"), total=answer.number("totalRecords"))

    async def history_since(self, date: str) -> HistoryPage:
        reply = await self._get("/history/since", "history_since", {"date": date, **self._row_params()})
        rows = self._rows("history", reply)
        return self._history(rows, total=len(rows))

    # --- acting ----------------------------------------------------------------------------------------------------

    async def unmonitor(self, entry_ids: Sequence[int]) -> None:
        await self._edit(entry_ids, {"monitored": False}, "unmonitor")

    async def unmonitor_seasons(self, seasons: Mapping[int, Collection[int]]) -> None:
        """Only Sonarr has seasons; nothing else may be unmonitored in their place."""
        if any(seasons.values()):
            raise Rejected(self.instance, "has no seasons to unmonitor")

    @abstractmethod
    async def restore_monitoring(self, entry_id: int, prior: Monitoring) -> None:
        """See `reconciler.ports.LibraryClient`."""

    async def end_downloads(self, queue_ids: Sequence[int]) -> None:
        """Remove all in one call, or one by one when the queue no longer knows some of them."""
        if not queue_ids:
            return
        params = {"removeFromClient": "true", "blocklist": "false", "skipRedownload": "true"}
        reply = await self._http.send(
            "DELETE",
            "/queue/bulk",
            operation="end_downloads",
            params=params,
            body={"ids": list(queue_ids)},
            accept=_NOT_FOUND,
            timeout=DELETE_TIMEOUT,
        )
        if reply.status != 404:
            return
        for queue_id in queue_ids:
            await self._delete(f"/queue/{queue_id}", "end_download", params=params)

    async def delete_entries(self, entry_ids: Sequence[int], *, delete_files: bool, add_exclusion: bool) -> None:
        """Raises `Rejected` with status 500 when one of the titles is unknown: then nothing was deleted."""
        if not entry_ids:
            return
        await self._send_about_titles(
            "DELETE",
            f"/{self.titles}/editor",
            "delete_entries",
            {self.title_ids: list(entry_ids), "deleteFiles": delete_files, self.exclude: add_exclusion},
            timeout=DELETE_TIMEOUT,
        )

    async def delete_entry(self, entry_id: int, *, delete_files: bool, add_exclusion: bool) -> None:
        params = {"deleteFiles": _word(delete_files), self.exclude: _word(add_exclusion)}
        try:
            await self._delete(f"/{self.titles}/{entry_id}", "delete_entry", params=params)
        except Unreachable as error:
            if not _speaks_of_missing_rows(error):  # how Sonarr says "unknown" (upstreams.md 3.4)
                raise

    async def delete_files(self, entry_id: int, file_ids: Sequence[int]) -> None:
        """All or none: ids that are not this title's (any more) are left out before the call.

        One unknown id makes the whole call fail, and a foreign one would be looked for in the wrong folder
        (upstreams.md 3.7).
        """
        if not file_ids:
            return
        present = {file.id for file in await self.entry_files(entry_id)}
        wanted = [file_id for file_id in file_ids if file_id in present]
        if not wanted:
            return
        await self._http.send(
            "DELETE",
            f"/{self.files}/bulk",
            operation="delete_files",
            body={self.file_ids: wanted},
            timeout=DELETE_TIMEOUT,
        )

    async def blocklist(self, history_id: int) -> None:
        reply = await self._http.send("POST", f"/history/failed/{history_id}", operation="blocklist", accept=_NOT_FOUND)
        if reply.status == 404:
            _refuse_web_page(reply)

    async def search(self, entry_id: int, season: int | None = None) -> None:
        command = self._search_command(entry_id, season)
        await self._http.send("POST", "/command", operation="search", body=command)

    # --- what differs ----------------------------------------------------------------------------------------------

    @abstractmethod
    def _entry(self, row: Row, labels: Mapping[int, str]) -> Entry:
        """Read one title."""

    @abstractmethod
    def _search_command(self, entry_id: int, season: int | None) -> Mapping[str, object]:
        """Return the command that searches for one title, or for one season of it."""

    def _row_params(self) -> Mapping[str, str]:
        """Return what makes the rows of history and queue complete."""
        return {}

    def _place(self, row: Row) -> tuple[int | None, int | None]:
        """Return the season and episode of a row of the history or the queue."""
        _ = row
        return None, None

    # --- shared with the subclasses --------------------------------------------------------------------------------

    async def _title(self, entry_id: int) -> Row | None:
        """Return the object of one title; `None` only if the application itself says there is none."""
        reply = await self._get(f"/{self.titles}/{entry_id}", "entry", accept=_NOT_FOUND)
        if reply.status == 404:
            _refuse_web_page(reply)
            return None
        row = self._row(self.titles, reply)
        if row.id() != entry_id:
            raise Unintelligible(self.instance, f"answered {self.titles} {row.id()} when asked for {entry_id}")
        return row

    async def _edit(self, entry_ids: Sequence[int], change: Mapping[str, object], operation: str) -> None:
        if not entry_ids:
            return
        body = {self.title_ids: list(entry_ids), **change}
        await self._send_about_titles("PUT", f"/{self.titles}/editor", operation, body)

    async def _send_about_titles(
        self, method: str, path: str, operation: str, body: object, *, timeout: timedelta | None = None
    ) -> None:
        """Send a call about several titles. If one of them is unknown it raises `Rejected`, and nothing was done."""
        try:
            await self._http.send(method, path, operation=operation, body=body, timeout=timeout)
        except Unreachable as error:
            if not _speaks_of_missing_rows(error):
                raise
            raise Rejected(
                self.instance, "did nothing, because it does not know one of the titles any more", status=error.status
            ) from error

    def _tags(self, row: Row, labels: Mapping[int, str]) -> frozenset[str]:
        """Return a title's labels; ids of tags that were deleted may linger and have none."""
        ids = row.data.get("tags") or []
        return frozenset(labels[tag] for tag in ids if tag in labels)

    # --- private ---------------------------------------------------------------------------------------------------

    async def _get(
        self,
        path: str,
        operation: str,
        params: Mapping[str, Any] | None = None,
        *,
        accept: frozenset[int] = frozenset(),
    ) -> Reply:
        return await self._http.send("GET", path, operation=operation, params=params, accept=accept)

    async def _delete(self, path: str, operation: str, *, params: Mapping[str, Any]) -> None:
        await self._http.send(
            "DELETE", path, operation=operation, params=params, accept=_NOT_FOUND, timeout=DELETE_TIMEOUT
        )

    def _row(self, what: str, reply: Reply) -> Row:
        return Row(self.instance, what, reply.json())

    def _rows(self, what: str, reply: Reply) -> tuple[Row, ...]:
        return rows_of(self.instance, what, reply.json())

    async def _labels(self) -> dict[int, str]:
        rows = self._rows("tag", await self._get("/tag", "tags"))
        return {row.id(): row.text("label") for row in rows}

    def _queue_item(self, row: Row) -> QueueItem:
        return QueueItem(
            id=row.id(),
            entry_id=row.known(self.title_id),
            download_id=row.maybe("downloadId"),
            protocol=PROTOCOLS.get((row.maybe("protocol") or "").lower(), DownloadProtocol.UNKNOWN),
            client=row.maybe("downloadClient"),
            title=row.maybe("title") or "",
            status=row.text("status"),
            tracked_state=row.maybe("trackedDownloadState"),
            season=self._place(row)[0],
        )

    def _history(self, rows: Sequence[Row], *, total: int) -> HistoryPage:
        return history_page_of(self.instance, rows, total=total, title_id=self.title_id, place=self._place)


def open_http(
    instance: InstanceName,
    url: str,
    api_key: str,
    observer: CallObserver,
    clock: Clock | None,
    transport: Transport | None,
    timeout: timedelta,
    secrets: Sequence[str] = (),
) -> Http:
    """Return the connection to the API below `url`, the address a person opens."""
    return Http(
        instance,
        f"{url.rstrip('/')}/api/v3",
        headers={"X-Api-Key": api_key, "Accept": "application/json"},
        observer=observer,
        clock=clock,
        transport=transport,
        timeout=timeout,
        secrets=secrets,
    )


def entry_file(row: Row) -> EntryFile:
    return EntryFile(
        id=row.id(),
        path=row.text("path"),
        size=row.number("size"),
        season=row.ordinal("seasonNumber"),
    )


def _speaks_of_missing_rows(error: Unreachable) -> bool:
    return error.status == 500 and _ROWS_MISSING in error.message


def _refuse_web_page(reply: Reply) -> None:
    """A 404 that is a web page comes from a proxy or another program and says nothing about the title."""
    if reply.is_page:
        raise Unintelligible(
            reply.upstream,
            "answered a web page instead of data; check the URL and any proxy before it",
            status=reply.status,
        )


def _word(flag: bool) -> str:
    return "true" if flag else "false"
