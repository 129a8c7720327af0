"""Seerr, Jellyseerr and Overseerr over `api/v1` (upstreams.md 2).

Two habits of theirs shape this file: a query that is not understood answers everything, so nothing is filtered on
their side; and 404 is the answer to any trouble, so only a whole listing shows that something is absent.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from reconciler.clients._http import CallObserver, Http, Reply, Transport, ignore_calls
from reconciler.clients.seerr_protection import READ_ONLY, REFUSALS, is_read_only
from reconciler.clients.seerr_webhooks import SeerrWebhook
from reconciler.clock import Clock
from reconciler.errors import Unintelligible, Unreachable
from reconciler.model import InstanceName, Media, MediaKind, UpstreamKind
from reconciler.observed import (
    AppInfo,
    Issue,
    IssueComment,
    MediaRequest,
    MediaStatus,
    Record,
    RequestServer,
    RequestStatus,
)

PAGE_SIZE = 100

_MAY_DELETE = 2 | 16  # ADMIN or MANAGE_REQUESTS
_NOT_FOUND = frozenset({404})
_KINDS = {"movie": MediaKind.MOVIE, "tv": MediaKind.SERIES}
_SERVERS = {"radarr": MediaKind.MOVIE, "sonarr": MediaKind.SERIES}
_MISSING = object()

Row = TypeVar("Row", Record, MediaRequest)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long one call may take.

    The request list asks every Radarr and Sonarr for its profiles first, so it is slow while one of them is down.
    """

    call: timedelta = timedelta(seconds=30)
    listing: timedelta = timedelta(seconds=60)


class Seerr:
    """One Seerr instance; a `reconciler.ports.RequestClient`."""

    def __init__(self, http: Http, timeouts: Timeouts) -> None:
        self._http = http
        self._timeouts = timeouts
        self.webhooks = SeerrWebhook(http)

    @property
    def instance(self) -> InstanceName:
        return self._http.instance

    @property
    def kind(self) -> UpstreamKind:
        return UpstreamKind.JELLYSEERR

    async def aclose(self) -> None:
        await self._http.aclose()

    def forget_refusal(self) -> None:
        """The key goes with every call; only a session that a proxy gave us could be stale."""
        self._http.forget_cookies()

    async def obstacle(self) -> str:
        """Tell whether anything can be deleted there, and the key's owner may do so (upstreams.md 1.6, permissions)."""
        if await is_read_only(self._http):
            return f"it {READ_ONLY}"
        owner = self._object((await self._get("/auth/me", "whoami")).json())
        permissions = owner.get("permissions")
        if isinstance(permissions, int) and not permissions & _MAY_DELETE:
            return "the key belongs to a user who may not manage requests"
        return ""

    async def identify(self) -> AppInfo:
        """Read the version (public) and the owner of our key (`/status` alone proves no key)."""
        status = self._object((await self._get("/status", "status")).json())
        version = self._text(status, "version")
        self._text(status, "commitTag")
        owner = self._object((await self._get("/auth/me", "whoami")).json())
        self._id(owner, "id")
        return AppInfo("Seerr", version)

    async def records(self) -> tuple[Record, ...]:
        return await self._listing(self._media_page, self._record)

    async def requests(self) -> tuple[MediaRequest, ...]:
        """Return every request, except those of a blocklisted variant, which Seerr never lists (upstreams.md 2.3)."""
        return await self._listing(self._request_page, self._request)

    async def request(self, request_id: int) -> MediaRequest | None:
        reply = await self._get(f"/request/{request_id}", "request", accept=_NOT_FOUND)
        row = self._object(reply.json())
        if reply.status == 404:
            return None
        request = self._request(row)
        if request is not None and request.id != request_id:
            raise self._trouble(f"answered request {request.id} when asked for {request_id}")
        return request

    async def tvdb_id(self, tmdb_id: int) -> int | None:
        try:
            reply = await self._get(f"/tv/{tmdb_id}", "series")
        except Unreachable as error:
            if error.status != 500:
                raise
            raise Unreachable(
                self.instance,
                f"cannot look up series {tmdb_id}: TMDB does not answer it, or does not know the number",
                status=error.status,
            ) from error
        series = self._object(reply.json())
        if self._id(series, "id") != tmdb_id:
            raise self._trouble("answered another series than the one asked for")
        return _positive(self._object(self._field(series, "externalIds")).get("tvdbId"))

    async def servers(self) -> tuple[RequestServer, ...]:
        """Return the Radarrs and Sonarrs of the settings. Their keys, which come along, are not kept."""
        found: list[RequestServer] = []
        for name, kind in _SERVERS.items():
            rows = (await self._get(f"/settings/{name}", "servers")).json()
            if not isinstance(rows, list):
                raise self._trouble("answered something other than a list of servers; is this Seerr?")
            found += [self._server(kind, self._object(row)) for row in rows]
        return tuple(found)

    async def issue(self, issue_id: int) -> Issue | None:
        """Return one issue; `None` also for one about media that are neither movie nor series."""
        reply = await self._get(f"/issue/{issue_id}", "issue", accept=_NOT_FOUND)
        row = self._object(reply.json())
        if reply.status == 404:
            return None
        if self._id(row, "id") != issue_id:
            raise self._trouble("answered another issue than the one asked for")
        media = self._object(self._field(row, "media"))
        kind = _KINDS.get(self._text(media, "mediaType"))
        if kind is None:
            return None
        comments = [self._comment(self._object(comment)) for comment in self._list(row, "comments")]
        return Issue(
            id=issue_id,
            media=_media(kind, media),
            comments=tuple(sorted(comments, key=lambda comment: comment.id)),
            season=self._problem_season(row) if kind is MediaKind.SERIES else None,
        )

    async def delete_request(self, request_id: int) -> None:
        await self._delete(f"/request/{request_id}", "delete_request")

    async def delete_record(self, record_id: int) -> None:
        await self._delete(f"/media/{record_id}", "delete_record")

    async def reset_variant(self, record_id: int, *, is_4k: bool) -> None:
        """Set one variant of a media row to unknown; a row that is not there needs no reset."""
        reply = await self._http.send(
            "POST",
            f"/media/{record_id}/unknown",
            operation="reset_variant",
            body={"is4k": is_4k},
            accept=_NOT_FOUND,
            timeout=self._timeouts.call,
        )
        reply.json()

    # --- listings --------------------------------------------------------------------------------------------------

    async def _listing(
        self,
        page: Callable[[int], Awaitable[Reply]],
        parse: Callable[[Mapping[str, Any]], Row | None],
    ) -> tuple[Row, ...]:
        """Read all pages, twice at most; a listing counts only if every page agreed on how many rows there are."""
        for _attempt in range(2):
            rows = await self._read_pages(page)
            if rows is not None:
                parsed = (parse(rows[row_id]) for row_id in sorted(rows))
                return tuple(row for row in parsed if row is not None)
        raise self._trouble("the list changed while it was read")

    async def _read_pages(self, page: Callable[[int], Awaitable[Reply]]) -> dict[int, Mapping[str, Any]] | None:
        """Return the rows by id, or `None` when rows came or went between two pages."""
        rows: dict[int, Mapping[str, Any]] = {}
        announced: int | None = None
        skip = 0
        while announced is None or skip < announced:
            answer = self._object((await page(skip)).json())
            results = self._count(self._object(self._field(answer, "pageInfo")), "results")
            if announced is not None and results != announced:
                return None
            announced = results
            items = self._list(answer, "results")
            if not items and skip < announced:
                return None
            for item in items:
                row = self._object(item)
                rows[self._id(row, "id")] = row
            skip += PAGE_SIZE
        return rows if len(rows) == announced else None

    async def _media_page(self, skip: int) -> Reply:
        return await self._get("/media", "records", params={"take": PAGE_SIZE, "skip": skip}, listing=True)

    async def _request_page(self, skip: int) -> Reply:
        params = {"take": PAGE_SIZE, "skip": skip, "filter": "all", "sort": "added"}
        return await self._get("/request", "requests", params=params, listing=True)

    # --- rows ------------------------------------------------------------------------------------------------------

    def _record(self, row: Mapping[str, Any]) -> Record | None:
        """Read a media row; `None` for media that are neither movie nor series (forks add more)."""
        kind = _KINDS.get(self._text(row, "mediaType"))
        if kind is None:
            return None
        return Record(
            id=self._id(row, "id"),
            media=_media(kind, row),
            status=_media_status(self._count(row, "status")),
            status_4k=_media_status(self._count(row, "status4k")),
            created_at=self._text(row, "createdAt"),
        )

    def _request(self, row: Mapping[str, Any]) -> MediaRequest | None:
        kind = _KINDS.get(self._text(row, "type"))
        if kind is None:
            return None
        media = self._object(self._field(row, "media"))
        return MediaRequest(
            id=self._id(row, "id"),
            record_id=self._id(media, "id"),
            media=_media(kind, media),
            is_4k=self._flag(row, "is4k"),
            status=_request_status(self._count(row, "status")),
            requested_by=_person(row.get("requestedBy")),
            seasons=self._seasons(row),
            created_at=self._text(row, "createdAt"),
            server_id=self._server_id(row.get("serverId")),
        )

    def _server_id(self, value: object) -> int | None:
        """Read which server a request names; Seerr itself takes a negative number for none."""
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool):
            raise self._trouble("answered a field serverId that is no whole number")
        return value if value >= 0 else None

    def _server(self, kind: MediaKind, row: Mapping[str, Any]) -> RequestServer:
        base = row.get("baseUrl") or ""
        if not isinstance(base, str):
            raise self._trouble("answered a field baseUrl that is no text")
        return RequestServer(
            kind=kind,
            id=self._count(row, "id"),
            is_4k=self._flag(row, "is4k"),
            is_default=self._flag(row, "isDefault"),
            host=self._text(row, "hostname").strip().lower(),
            port=self._count(row, "port"),
            url_base=base.strip().strip("/"),
        )

    def _comment(self, row: Mapping[str, Any]) -> IssueComment:
        """Read a comment; whose author is not shown may do nothing."""
        user = row.get("user")
        permissions = _positive(user.get("permissions")) if isinstance(user, Mapping) else None
        return IssueComment(id=self._id(row, "id"), text=self._text(row, "message"), permissions=permissions or 0)

    def _problem_season(self, row: Mapping[str, Any]) -> int | None:
        """Read the affected season. 0 means all of them; what is missing or odd must not mean that."""
        return self._count(row, "problemSeason") or None

    def _seasons(self, row: Mapping[str, Any]) -> tuple[int, ...]:
        if row.get("seasons") is None:
            return ()
        return tuple(sorted(self._count(self._object(season), "seasonNumber") for season in self._list(row, "seasons")))

    # --- the wire --------------------------------------------------------------------------------------------------

    async def _get(
        self,
        path: str,
        operation: str,
        *,
        params: Mapping[str, Any] | None = None,
        accept: frozenset[int] = frozenset(),
        listing: bool = False,
    ) -> Reply:
        timeout = self._timeouts.listing if listing else self._timeouts.call
        return await self._http.send("GET", path, operation=operation, params=params, accept=accept, timeout=timeout)

    async def _delete(self, path: str, operation: str) -> None:
        """Ask for removal. Seerr's own 404 is no error; one from anything before it (not JSON) is."""
        reply = await self._http.send(
            "DELETE", path, operation=operation, accept=_NOT_FOUND, timeout=self._timeouts.call
        )
        if reply.status == 404:
            reply.json()

    def _trouble(self, message: str) -> Unintelligible:
        return Unintelligible(self.instance, message)

    def _object(self, value: object) -> Mapping[str, Any]:
        if not isinstance(value, Mapping):
            raise self._trouble("answered something other than an object; is this Seerr?")
        return value

    def _field(self, row: Mapping[str, Any], name: str) -> Any:
        value = row.get(name, _MISSING)
        if value is _MISSING or value is None:
            raise self._trouble(f"answered without the field {name}; is this Seerr?")
        return value

    def _list(self, row: Mapping[str, Any], name: str) -> list[Any]:
        value = self._field(row, name)
        if not isinstance(value, list):
            raise self._trouble(f"answered a field {name} that is no list")
        return value

    def _text(self, row: Mapping[str, Any], name: str) -> str:
        value = self._field(row, name)
        if not isinstance(value, str):
            raise self._trouble(f"answered a field {name} that is no text")
        return value

    def _flag(self, row: Mapping[str, Any], name: str) -> bool:
        value = self._field(row, name)
        if not isinstance(value, bool):
            raise self._trouble(f"answered a field {name} that is neither true nor false")
        return value

    def _count(self, row: Mapping[str, Any], name: str) -> int:
        value = self._field(row, name)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise self._trouble(f"answered a field {name} that is no whole number")
        return value

    def _id(self, row: Mapping[str, Any], name: str) -> int:
        value = self._count(row, name)
        if value == 0:
            raise self._trouble(f"answered a field {name} that is no id")
        return value


def connect(
    instance: InstanceName,
    url: str,
    api_key: str,
    *,
    observer: CallObserver = ignore_calls,
    clock: Clock | None = None,
    transport: Transport | None = None,
    timeouts: Timeouts | None = None,
    secrets: Sequence[str] = (),
) -> Seerr:
    """Return a client for the Seerr at `url` (as a person opens it, without `/api/v1`). `secrets`: as of Radarr."""
    timeouts = timeouts or Timeouts()
    http = Http(
        instance,
        f"{url.rstrip('/')}/api/v1",
        headers={"X-Api-Key": api_key},
        timeout=timeouts.call,
        observer=observer,
        clock=clock,
        transport=transport,
        secrets=secrets,
        refusals=REFUSALS,
    )
    return Seerr(http, timeouts)


def _media(kind: MediaKind, row: Mapping[str, Any]) -> Media:
    tvdb_id = _positive(row.get("tvdbId")) if kind is MediaKind.SERIES else None
    return Media(kind, tmdb_id=_positive(row.get("tmdbId")), tvdb_id=tvdb_id)


def _positive(value: object) -> int | None:
    """Read a number of which `null`, 0 and anything odd mean "unknown": an id of TMDB or TVDB (upstreams.md 7.4)."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _media_status(number: int) -> MediaStatus:
    try:
        return MediaStatus(number)
    except ValueError:
        return MediaStatus.UNKNOWN


def _request_status(number: int) -> RequestStatus:
    """Read a request's status. One we do not know counts as approved: a needless want keeps something; the opposite
    would delete what someone may be entitled to.
    """
    try:
        return RequestStatus(number)
    except ValueError:
        return RequestStatus.APPROVED


def _person(user: object) -> str | None:
    """Name a user for people to read; never an e-mail address."""
    if not isinstance(user, Mapping):
        return None
    for name in ("displayName", "username", "jellyfinUsername", "plexUsername"):
        value = user.get(name)
        if isinstance(value, str) and value and "@" not in value:
            return value
    number = user.get("id")
    return f"user {number}" if isinstance(number, int) else None
