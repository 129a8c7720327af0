"""Jellyfin (upstreams.md 6.1): what it lists, and the hint that something changed on disk.

It knows no filter by an id of TMDB or TVDB and ignores one silently, so everything is read and matched on our side.
Its own delete takes files, a movie's whole folder even, from the disk: it is never called here.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from reconciler.clients._http import CallObserver, Http, Transport, ignore_calls
from reconciler.clients._rows import Row
from reconciler.clock import Clock
from reconciler.errors import Rejected, Unintelligible
from reconciler.model import InstanceName, Media, MediaKind, UpstreamKind
from reconciler.observed import AppInfo, MediaItem

PAGE_SIZE = 500
PRODUCT = "Jellyfin Server"

_LISTING_TIMEOUT = timedelta(seconds=60)
_SEASON = "Season"
_KINDS = {"Movie": MediaKind.MOVIE, "Series": MediaKind.SERIES}


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
        info = Row(self.instance, "system", reply.json())
        if info.maybe("ProductName") != PRODUCT:
            raise self._trouble("is not a Jellyfin; check the URL")
        return AppInfo("Jellyfin", info.text("Version"))

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
            total = page.count("TotalRecordCount")
            if announced is not None and total != announced:
                return None
            announced = total
            items = page.rows("Items")
            if not items and start < announced:
                return None
            rows |= {item.text("Id"): item for item in items}
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
        page = Row(self.instance, "page", reply.json())
        if page.count("StartIndex") != start:
            raise self._trouble("answered another page than the one asked for")
        return page

    def _items(self, rows: Mapping[str, Row]) -> tuple[MediaItem, ...]:
        """Read movies and series, then seasons, which are told by their series; anything else is left out."""
        titles: dict[str, MediaItem] = {}
        for item_id, row in rows.items():
            kind = _KINDS.get(row.text("Type"))
            media = _media(kind, row) if kind else None
            if media is not None:
                titles[item_id] = _item(item_id, row, media)
        seasons: list[MediaItem] = []
        for item_id, row in rows.items():
            series = titles.get(row.maybe("SeriesId") or "") if row.text("Type") == _SEASON else None
            number = row.ordinal("IndexNumber")
            if series is not None and series.media.kind is MediaKind.SERIES and number is not None:
                seasons.append(_item(item_id, row, series.media, number))
        return (*titles.values(), *seasons)

    def _trouble(self, message: str, *, status: int | None = None) -> Unintelligible:
        return Unintelligible(self.instance, message, status=status)


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


def _media(kind: MediaKind, row: Row) -> Media | None:
    """Read the ids; `None` without one that tells the title. A movie has no number of TVDB's that we could use."""
    ids = row.inner("ProviderIds")
    if ids is None:
        return None
    known = {name.lower(): value for name, value in ids.data.items()}
    tmdb_id = _id(known.get("tmdb"))
    tvdb_id = _id(known.get("tvdb")) if kind is MediaKind.SERIES else None
    return Media(kind, tmdb_id, tvdb_id) if tmdb_id or tvdb_id else None


def _item(item_id: str, row: Row, media: Media, season: int | None = None) -> MediaItem:
    return MediaItem(id=item_id, media=media, name=row.optional("Name"), path=row.optional("Path"), season=season)


def _id(value: object) -> int | None:
    """Read an id, which is sent as text; anything odd means "unknown"."""
    text = value.strip() if isinstance(value, str) else ""
    return int(text) or None if text.isascii() and text.isdigit() else None
