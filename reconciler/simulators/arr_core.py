"""What a simulated Radarr or Sonarr is made of: its settings, its state and its life. Private to `arr.py`."""

import asyncio
import contextlib
import itertools
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Coroutine, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from reconciler.clock import Clock, SystemClock
from reconciler.model import Media
from reconciler.simulators.arr_connections import Connection, Connections
from reconciler.simulators.arr_http import Refused
from reconciler.simulators.arr_releases import DownloadClient, Indexer
from reconciler.simulators.arr_state import (
    Blocked,
    ClientRow,
    Command,
    Followed,
    HistoryRow,
    Mapping,
    MediaFile,
    Part,
    Root,
    Title,
    quality_json,
)

T = TypeVar("T", bound=Title)

_POLL = "poll"
_COUNTED = ("title", "file", "history", "tag", "command", "exclusion", "blocked")


class ArrCore(ABC, Generic[T]):
    """State and looks of both applications; `ArrSimulator` adds what they do."""

    app_name: ClassVar[str]
    resource: ClassVar[str]
    file_resource: ClassVar[str]
    title_key: ClassVar[str]
    titles_key: ClassVar[str]
    file_ids_key: ClassVar[str]
    filter_key: ClassVar[str]
    exclusions_path: ClassVar[str]
    exclude_flag: ClassVar[str]
    category_field: ClassVar[str]
    unknown_flag: ClassVar[str]
    history_numbers: ClassVar[dict[str, int]]
    file_deleted_event: ClassVar[str]
    delete_event: ClassVar[str]
    search_commands: ClassVar[frozenset[str]]
    empty_bulk_status: ClassVar[int]
    default_version: ClassVar[str]
    aborts_bulk_on_nested: ClassVar[bool]

    def __init__(
        self,
        root: Path,
        *,
        api_key: str = "simulated-key",
        clock: Clock | None = None,
        download_client: DownloadClient | None = None,
        indexer: Indexer | None = None,
        instance_name: str = "",
        version: str = "",
        url_base: str = "",
        poll_seconds: float = 0.2,
        file_removal_delay: float = 0.05,
    ) -> None:
        self.api_key = api_key
        self.clock = clock or SystemClock()
        self.indexer = indexer or Indexer()
        self.instance_name = instance_name or self.app_name
        self.answers_as = self.app_name  # what `appName` says: another name is a URL that points elsewhere
        self.version = version or self.default_version
        self.url_base = url_base
        self.poll_seconds = poll_seconds
        self.file_removal_delay = file_removal_delay
        self.fail_file_removal = False
        self.stuck_files: set[int] = set()  # files that cannot be deleted: an IO error in the middle of a bulk delete
        self.redownload_failed = True
        self.imports_leftovers = (
            False  # whether a torrent in its category is imported without a grab (upstreams.md 9.4)
        )
        self.recycle_bin: Path | None = None
        self.is_starting = False
        self.connections = Connections(self.clock)
        self.titles: dict[int, T] = {}
        self.files: dict[int, MediaFile] = {}
        self.history: list[HistoryRow] = []
        self.followed: dict[str, Followed] = {}
        self.tags: dict[int, str] = {}
        self.roots = [Root(1, root)]
        self.mappings: list[Mapping] = []
        self.exclusions: dict[int, dict[str, Any]] = {}
        self.commands: dict[int, Command] = {}
        self.blocklist: list[Blocked] = []
        self.calls: list[str] = []
        self.clients: list[ClientRow] = []
        self.download_clients: dict[str, DownloadClient] = {}
        if download_client is None:
            self._list_client("qBittorrent", {"host": "localhost", "port": 8080}, self.app_name.lower())
        else:
            self.add_download_client(download_client)
        self._ids = {kind: itertools.count(1) for kind in _COUNTED}
        self._tasks: set[asyncio.Task[None]] = set()
        self._refreshing = asyncio.Lock()

    # --- life ------------------------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def lifespan(self, _app: object = None) -> AsyncIterator[None]:
        """Follow downloads while the application is served; everything in the background ends with it."""
        self.spawn(self._poll(), name=_POLL)
        try:
            yield
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self.connections.aclose()

    async def settled(self) -> None:
        """Wait until everything that runs in the background (file removal, commands) is done."""
        while pending := [task for task in self._tasks if task.get_name() != _POLL]:
            await asyncio.gather(*pending)

    def connect(self, url: str, **options: Any) -> Connection:
        """Add a webhook receiver; `options` are the fields of `Connection`."""
        return self.connections.add(Connection(url, **options))

    async def send_test(self) -> None:
        """Send what the Test button sends to every receiver that takes all events."""
        await self.connections.send(self.test_payload())

    def spawn(self, work: Coroutine[Any, Any, None], *, name: str | None = None) -> None:
        """Do something after the answer, as the originals' command and event queues do."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- seeding and looking ---------------------------------------------------------------------------------------

    @property
    def root(self) -> Path:
        return self.roots[0].path

    def new_id(self, kind: str) -> int:
        return next(self._ids[kind])

    def now_text(self) -> str:
        return self.clock.now().astimezone(UTC).isoformat().replace("+00:00", "Z")

    def tag(self, label: str) -> int:
        """Return the id of a label, which is made if need be; labels are lower case."""
        known = next((id_ for id_, name in self.tags.items() if name == label.lower()), None)
        id_ = known or self.new_id("tag")
        self.tags[id_] = label.lower()
        return id_

    def add_root_folder(self, path: Path, *, accessible: bool = True) -> Root:
        root = Root(len(self.roots) + 1, path, accessible)
        self.roots.append(root)
        return root

    def add_download_client(self, client: DownloadClient) -> None:
        """Use one more qBittorrent; `grab` goes to the first one unless it is told otherwise."""
        self.download_clients[client.name] = client
        self._list_client(client.name, client.settings, client.category)

    def _list_client(self, name: str, fields: dict[str, object], category: str) -> None:
        self.clients.append(ClientRow(len(self.clients) + 1, name, fields={**fields, self.category_field: category}))

    def add_history_row(
        self,
        title_id: int,
        event: str,
        *,
        download_id: str | None = None,
        source_title: str = "A.Release",
        quality: str = "WEBDL-1080p",
        episode_id: int | None = None,
        date: str | None = None,
        data: dict[str, str] | None = None,
    ) -> int:
        row = HistoryRow(
            id=self.new_id("history"),
            title_id=title_id,
            event=event,
            date=date or self.now_text(),
            source_title=source_title,
            quality=quality,
            download_id=download_id,
            episode_id=episode_id,
            data=data or {},
        )
        self.history.append(row)
        return row.id

    def add_queue_item(self, item: Followed) -> list[int]:
        """Put a download into the queue by hand and return the ids of its rows."""
        item.by_hand = True
        self.followed[item.download_id] = item
        return [row["id"] for row in item.rows(self.title_key)]

    def files_of(self, title_id: int) -> list[MediaFile]:
        return [file for file in self.files.values() if file.title_id == title_id]

    def season_of(self, row: HistoryRow) -> int | None:
        """Return the season of a history row; movies have none."""
        _ = row
        return None

    def is_reachable(self, folder: Path) -> bool:
        """Tell whether a folder exists as the application sees it."""
        return folder.is_dir() and all(root.accessible for root in self.roots if root.path == folder)

    def root_of(self, path: Path) -> str:
        """Return the `rootFolderPath` of a title: its root folder, with a trailing slash."""
        return f"{path.parent}/"

    def labels(self, title: Title) -> list[str]:
        return sorted(self.tags[id_] for id_ in title.tags if id_ in self.tags)

    def queue_rows(self, *, include_unknown: bool, query_flags: frozenset[str] = frozenset()) -> list[dict[str, Any]]:
        """The rows of the queue; Sonarr adds the episode to them on request."""
        _ = query_flags
        rows = [item.rows(self.title_key) for item in self.followed.values()]
        return [row for row in itertools.chain(*rows) if include_unknown or self.title_key in row]

    def envelope(self, event: str) -> dict[str, Any]:
        return {"eventType": event, "instanceName": self.instance_name, "applicationUrl": ""}

    def history_json(self, row: HistoryRow, query_flags: frozenset[str]) -> dict[str, Any]:
        """One row of any history listing; Sonarr adds the episode."""
        _ = query_flags
        return {
            "id": row.id,
            self.title_key: row.title_id,
            "sourceTitle": row.source_title,
            "languages": [],
            "quality": quality_json(row.quality),
            "customFormats": [],
            "customFormatScore": 0,
            "qualityCutoffNotMet": False,
            "date": row.date,
            **({"downloadId": row.download_id} if row.download_id else {}),
            "eventType": row.event,
            "data": row.data,
        }

    # --- what differs ----------------------------------------------------------------------------------------------

    @abstractmethod
    def media_of(self, title: T) -> Media: ...

    @abstractmethod
    def webhook_subject(self, title: T, parts: Sequence[Part]) -> dict[str, Any]:
        """The fields of a webhook that say which title it is about."""

    @abstractmethod
    def title_json(self, title: T) -> dict[str, Any]: ...

    @abstractmethod
    def media_file_json(self, file: MediaFile) -> dict[str, Any]: ...

    @abstractmethod
    def matches(self, title: T, external_id: int) -> bool:
        """Tell whether the list filter's id is this title's."""

    @abstractmethod
    def create(self, body: dict[str, Any]) -> T:
        """Add a title from a POST body (names in lower case); raises `Refused` with every problem."""

    @abstractmethod
    def update(self, title: T, body: dict[str, Any]) -> None:
        """Replace a title by a PUT body (names in lower case)."""

    @abstractmethod
    def unknown_title(self, title_id: int) -> Refused:
        """Return how a write to a title that does not exist is refused."""

    @abstractmethod
    async def after_added(self, title: T, options: dict[str, Any]) -> None:
        """Do what follows an added title: tell the receivers, and search if asked to."""

    @abstractmethod
    def test_payload(self) -> dict[str, Any]:
        """Return what the Test button sends: it looks like a grab (upstreams.md 4.2)."""

    @abstractmethod
    async def _poll(self) -> None:
        """Follow downloads for ever."""


def parse_date(text: str) -> datetime | None:
    """Read a date of a query or a row; without zone it is UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
