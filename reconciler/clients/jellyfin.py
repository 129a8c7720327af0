"""Jellyfin (upstreams.md 6.1): what it lists, and the hint that something changed on disk.

It knows no filter by an id of TMDB or TVDB and ignores one silently, so everything is read and matched on our side.
Its own delete takes files, a movie's whole folder even, from the disk: it is never called here.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from reconciler.clients._http import CallObserver, Http, Transport, ignore_calls
from reconciler.clock import Clock
from reconciler.errors import Rejected, Unintelligible
from reconciler.model import InstanceName, Media, MediaKind, UpstreamKind
from reconciler.observed import AppInfo, MediaItem

PAGE_SIZE = 500
PRODUCT = "Jellyfin Server"

_LISTING_TIMEOUT = timedelta(seconds=60)
_SEASON = "Season"
_KINDS = {"Movie": MediaKind.MOVIE, "Series": MediaKind.SERIES}
_MISSING = object()

Row = Mapping[str, Any]


class Jellyfin:
    """One Jellyfin; a `reconciler.ports.MediaServerClient`."""

    def __init__(self, http: Http) -> None:
        self._http = http

    @property
    def instance(self) -> InstanceName:
        return self._http.instance

    @property
    def kind(self) -> UpstreamKind:
        return UpstreamKind.JELLYFIN

    async def aclose(self) -> None:
        await self._http.aclose()

    def forget_refusal(self) -> None:
        """The key goes with every call; only a session that a proxy gave us could be stale."""
        self._http.forget_cookies()

    async def obstacle(self) -> str:
        """An API key may do everything, and nothing is deleted through Jellyfin: nothing could keep us from it."""
        return ""

    async def identify(self) -> AppInfo:
        """Ask for what only the holder of a key is told; the public part proves no key."""
        try:
            reply = await self._http.send("GET", "/System/Info", operation="identify")
        except Rejected as error:
            raise self._trouble("is not a Jellyfin; check the URL", status=error.status) from error
        info = self._object(reply.json())
        if info.get("ProductName") != PRODUCT:
            raise self._trouble("is not a Jellyfin; check the URL")
        return AppInfo("Jellyfin", self._text(info, "Version"))

    async def items(self) -> tuple[MediaItem, ...]:
        """Return every movie, series and season that carries an id; a listing counts only if it stood still."""
        for _attempt in range(2):
            rows = await self._read_pages()
            if rows is not None:
                return self._items(rows)
        raise self._trouble("the list changed while it was read")

    async def announce(self, paths: Sequence[str]) -> None:
        """Tell it in one call that these paths changed. When it looks there is for Jellyfin to choose.

        `UpdateType` is what happened as we know it; Jellyfin only reads the path, and looks for itself.
        """
        if not paths:
            return
        updates = [{"Path": path, "UpdateType": "Deleted"} for path in dict.fromkeys(paths)]
        reply = await self._http.send("POST", "/Library/Media/Updated", operation="announce", body={"Updates": updates})
        if reply.is_page:
            raise self._trouble("answered a web page; check the URL and any proxy before it")

    # --- the listing -----------------------------------------------------------------------------------------------

    async def _read_pages(self) -> dict[str, Row] | None:
        """Return all rows by id, or `None` when rows came or went between two pages."""
        rows: dict[str, Row] = {}
        announced: int | None = None
        start = 0
        while announced is None or start < announced:
            page = await self._page(start)
            total = self._count(page, "TotalRecordCount")
            if announced is not None and total != announced:
                return None
            announced = total
            items = self._list(page, "Items")
            if not items and start < announced:
                return None
            for item in items:
                row = self._object(item)
                rows[self._text(row, "Id")] = row
            start += len(items)
        return rows if len(rows) == announced else None

    async def _page(self, start: int) -> Row:
        params = {
            "recursive": "true",
            "includeItemTypes": ",".join([*_KINDS, _SEASON]),
            "fields": "ProviderIds,Path",
            "startIndex": start,
            "limit": PAGE_SIZE,
        }
        reply = await self._http.send("GET", "/Items", operation="items", params=params, timeout=_LISTING_TIMEOUT)
        page = self._object(reply.json())
        if self._count(page, "StartIndex") != start:
            raise self._trouble("answered another page than the one asked for")
        return page

    def _items(self, rows: Mapping[str, Row]) -> tuple[MediaItem, ...]:
        """Read movies and series, then seasons, which are told by their series; anything else is left out."""
        titles: dict[str, MediaItem] = {}
        for item_id, row in rows.items():
            kind = _KINDS.get(self._text(row, "Type"))
            media = self._media(kind, row) if kind else None
            if media is not None:
                titles[item_id] = self._item(item_id, row, media)
        seasons: list[MediaItem] = []
        for item_id, row in rows.items():
            series = titles.get(str(row.get("SeriesId"))) if row["Type"] == _SEASON else None
            number = _number(row.get("IndexNumber"))
            if series is not None and series.media.kind is MediaKind.SERIES and number is not None:
                seasons.append(self._item(item_id, row, series.media, number))
        return (*titles.values(), *seasons)

    def _media(self, kind: MediaKind, row: Row) -> Media | None:
        """Read the ids; `None` without one that tells the title. A movie has no number of TVDB's that we could use."""
        ids = row.get("ProviderIds")
        if ids is None:
            return None
        known = {str(name).lower(): value for name, value in self._object(ids).items()}
        tmdb_id = _id(known.get("tmdb"))
        tvdb_id = _id(known.get("tvdb")) if kind is MediaKind.SERIES else None
        return Media(kind, tmdb_id, tvdb_id) if tmdb_id or tvdb_id else None

    def _item(self, item_id: str, row: Row, media: Media, season: int | None = None) -> MediaItem:
        return MediaItem(
            id=item_id,
            media=media,
            name=self._text(row, "Name", ""),
            path=self._text(row, "Path", ""),
            season=season,
        )

    # --- fields ----------------------------------------------------------------------------------------------------

    def _trouble(self, message: str, *, status: int | None = None) -> Unintelligible:
        return Unintelligible(self.instance, message, status=status)

    def _object(self, value: object) -> Row:
        if not isinstance(value, Mapping):
            raise self._trouble("answered something other than an object; is this Jellyfin?")
        return value

    def _text(self, row: Row, name: str, default: str | None = None) -> str:
        """Read a text; one that is missing or null is the default, if there is one."""
        value = row.get(name)
        value = default if value is None else value
        if not isinstance(value, str):
            raise self._trouble(f"answered without a usable {name}; is this Jellyfin?")
        return value

    def _count(self, row: Row, name: str) -> int:
        value = row.get(name, _MISSING)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise self._trouble(f"answered without a usable {name}; is this Jellyfin?")
        return value

    def _list(self, row: Row, name: str) -> list[Any]:
        value = row.get(name)
        if not isinstance(value, list):
            raise self._trouble(f"answered without a usable {name}; is this Jellyfin?")
        return value


def connect(
    instance: InstanceName,
    url: str,
    api_key: str,
    *,
    observer: CallObserver = ignore_calls,
    clock: Clock | None = None,
    transport: Transport | None = None,
) -> Jellyfin:
    """Make a client with a connection pool of its own; nothing is sent yet.

    The key goes into the one header that every version takes; the older ones are switched off in version 12.
    """
    http = Http(
        instance,
        url,
        headers={"Authorization": f'MediaBrowser Token="{api_key}"'},
        secrets=[api_key],
        observer=observer,
        clock=clock,
        transport=transport,
    )
    return Jellyfin(http)


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _id(value: object) -> int | None:
    """Read an id, which is sent as text; anything odd means "unknown"."""
    text = value.strip() if isinstance(value, str) else ""
    return int(text) or None if text.isascii() and text.isdigit() else None
