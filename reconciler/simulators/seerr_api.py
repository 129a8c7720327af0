"""The endpoints of the simulated Seerr under `/api/v1` (upstreams.md 2.3 to 2.6)."""

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from reconciler.clock import Clock
from reconciler.observed import MediaStatus, RequestStatus
from reconciler.simulators import seerr_jobs
from reconciler.simulators.seerr_http import Handler, Query, expect, guard, json_body, page
from reconciler.simulators.seerr_issues import SeerrIssues
from reconciler.simulators.seerr_rows import issue_json, media_json, request_json, server_json, user_json
from reconciler.simulators.seerr_service import NeverAnswers, Refused, SeerrService
from reconciler.simulators.seerr_state import (
    MediaRow,
    MediaType,
    RequestRow,
    Title,
    User,
)
from reconciler.simulators.seerr_webhooks import BadSettings, WebhookSettings, settings_from, settings_json

VERSION = "3.1.0"

_ADMIN = 2
_NO_QUERY: Query = {}
_MEDIA_FILTERS: dict[str, frozenset[MediaStatus]] = {
    "available": frozenset({MediaStatus.AVAILABLE}),
    "partial": frozenset({MediaStatus.PARTIALLY_AVAILABLE}),
    "allavailable": frozenset({MediaStatus.AVAILABLE, MediaStatus.PARTIALLY_AVAILABLE}),
    "processing": frozenset({MediaStatus.PROCESSING}),
    "pending": frozenset({MediaStatus.PENDING}),
}
_IGNORED_MEDIA_FILTERS = frozenset({"all", "deleted"})  # accepted, and then everything is answered

_LISTED = frozenset(MediaStatus) - {MediaStatus.BLOCKLISTED}
_NOT_THERE_YET = _LISTED - {MediaStatus.AVAILABLE, MediaStatus.DELETED}
_PENDING, _APPROVED = frozenset({RequestStatus.PENDING}), frozenset({RequestStatus.APPROVED})
_FAILED, _COMPLETED = frozenset({RequestStatus.FAILED}), frozenset({RequestStatus.COMPLETED})
_REQUEST_FILTERS: dict[str, tuple[frozenset[RequestStatus], frozenset[MediaStatus]]] = {
    "all": (frozenset(RequestStatus), _LISTED),
    "approved": (_APPROVED, _LISTED),
    "processing": (_APPROVED, _NOT_THERE_YET),
    "pending": (_PENDING, _LISTED),
    "unavailable": (_PENDING | _APPROVED, _NOT_THERE_YET),
    "failed": (_FAILED, _LISTED),
    "completed": (_COMPLETED, _LISTED),
    "available": (_COMPLETED, frozenset({MediaStatus.AVAILABLE})),
    "deleted": (_COMPLETED, frozenset({MediaStatus.DELETED})),
}
_DECISIONS = {
    "approve": RequestStatus.APPROVED,
    "decline": RequestStatus.DECLINED,
    "pending": RequestStatus.PENDING,
}
_SETTABLE = {
    "partial": MediaStatus.PARTIALLY_AVAILABLE,
    "processing": MediaStatus.PROCESSING,
    "pending": MediaStatus.PENDING,
    "unknown": MediaStatus.UNKNOWN,
}

_MEDIA_QUERY: Query = {
    "take": int,
    "skip": int,
    "filter": frozenset(_MEDIA_FILTERS) | _IGNORED_MEDIA_FILTERS,
    "sort": frozenset({"added", "modified", "mediaAdded"}),
}
_REQUEST_QUERY: Query = {
    "take": int,
    "skip": int,
    "filter": frozenset(_REQUEST_FILTERS),
    "sort": frozenset({"added", "modified"}),
    "sortDirection": frozenset({"asc", "desc"}),
    "requestedBy": int,
    "mediaType": frozenset({"movie", "tv", "all"}),
}


class SeerrApi:
    """The handlers; `closing` ends the calls that would never answer."""

    def __init__(self, service: SeerrService, clock: Clock, closing: asyncio.Event) -> None:
        self._service = service
        self._database = service.database
        self._clock = clock
        self._closing = closing

    def routes(self, api_key: str) -> list[Route]:
        """Return every route, behind its checks."""
        table: list[tuple[str, str, Handler, Query]] = [
            ("GET", "/auth/me", self.me, _NO_QUERY),
            ("GET", "/media", self.list_media, _MEDIA_QUERY),
            ("DELETE", "/media/{id}", self.delete_media, _NO_QUERY),
            ("DELETE", "/media/{id}/file", self.delete_file, {"is4k": bool}),
            ("POST", "/media/{id}/{status}", self.set_media_status, _NO_QUERY),
            ("GET", "/movie/{id:int}", self.movie, {"language": frozenset({"en"})}),
            ("GET", "/tv/{id:int}", self.series, {"language": frozenset({"en"})}),
            ("GET", "/request", self.list_requests, _REQUEST_QUERY),
            ("POST", "/request", self.make_request, _NO_QUERY),
            ("GET", "/request/{id}", self.read_request, _NO_QUERY),
            ("DELETE", "/request/{id}", self.delete_request, _NO_QUERY),
            ("POST", "/request/{id}/retry", self.retry_request, _NO_QUERY),
            ("POST", "/request/{id}/{decision}", self.decide_request, _NO_QUERY),
            ("POST", "/blocklist", self.add_to_blocklist, _NO_QUERY),
            *SeerrIssues(self._service).table(),
            ("GET", "/settings/radarr", self.list_servers, _NO_QUERY),
            ("GET", "/settings/sonarr", self.list_servers, _NO_QUERY),
            ("GET", "/settings/network", self.read_network, _NO_QUERY),
            ("GET", "/settings/jobs", self.list_jobs, _NO_QUERY),
            ("POST", "/settings/jobs/{id}/run", self.run_job, _NO_QUERY),
            ("GET", "/settings/notifications/webhook", self.read_webhook, _NO_QUERY),
            ("POST", "/settings/notifications/webhook", self.save_webhook, _NO_QUERY),
            ("POST", "/settings/notifications/webhook/test", self.test_webhook, _NO_QUERY),
        ]
        routes = [Route("/api/v1/status", guard(self.status, _NO_QUERY, self._database, None), methods=["GET"])]
        for method, path, handler, query in table:
            checked = guard(handler, query, self._database, api_key)
            routes.append(Route(f"/api/v1{path}", checked, methods=[method]))
        return routes

    # --- who and what ----------------------------------------------------------------------------------------------

    async def status(self, _request: Request) -> Response:
        return JSONResponse(
            {
                "version": VERSION,
                "commitTag": "local",
                "updateAvailable": False,
                "commitsBehind": 0,
                "restartRequired": False,
            }
        )

    async def me(self, request: Request) -> Response:
        return JSONResponse(user_json(request.state.user))

    # --- media -----------------------------------------------------------------------------------------------------

    async def list_media(self, request: Request) -> Response:
        self._read_database()
        wanted = _MEDIA_FILTERS.get(request.query_params.get("filter", ""), frozenset(MediaStatus))
        rows = [media for media in self._database.media.values() if media.normal.status in wanted]
        rows.sort(key=lambda media: media.id, reverse=True)
        if request.query_params.get("sort") == "modified":
            rows.sort(key=lambda media: media.updated_at, reverse=True)
        shown, info = page(request, rows, default_take=20)
        return JSONResponse({"pageInfo": info, "results": [media_json(media) for media in shown]})

    async def delete_media(self, request: Request) -> Response:
        self._database.delete_media(self._media(request, "Media not found"))
        return Response(status_code=204)

    async def delete_file(self, request: Request) -> Response:
        media = self._media(request, "Media not found")
        try:
            await self._service.delete_files(media, is_4k=request.query_params.get("is4k") == "true")
        except NeverAnswers:
            await self._wait_until_gone(request)
            return Response(status_code=503)  # nobody is there any more to read it
        return Response(status_code=204)

    async def set_media_status(self, request: Request) -> Response:
        word = request.path_params["status"]
        if word not in _SETTABLE and word not in {"available", "deleted"}:
            raise Refused(400, "request/params/status must be equal to one of the allowed values")
        media = self._media(request, "Media does not exist.")
        body = await json_body(request) if await request.body() else {}
        is_4k = body.get("is4k") in {True, "true"}
        if word == "partial" and media.media_type == "movie":
            raise Refused(400, "Only series can be set to be partially available")
        if word == "available":
            seasons = [int(season["seasonNumber"]) for season in body.get("seasons") or []]
            self._service.make_available(media, is_4k=is_4k, seasons=seasons)
        elif word in _SETTABLE:
            media.variant(is_4k=is_4k).status = _SETTABLE[word]
            self._database.touch(media)
        return JSONResponse(media_json(media))

    async def movie(self, request: Request) -> Response:
        title = self._service.title("movie", request.path_params["id"])
        answer = {"id": title.tmdb_id, "title": title.name, "releaseDate": f"{title.year}-01-01"}
        return JSONResponse(answer | self._details(title))

    async def series(self, request: Request) -> Response:
        title = self._service.title("tv", request.path_params["id"])
        answer = {
            "id": title.tmdb_id,
            "name": title.name,
            "firstAirDate": f"{title.year}-01-01",
            "seasons": [{"id": number, "seasonNumber": number, "episodeCount": 1} for number in title.seasons],
        }
        return JSONResponse(answer | self._details(title))

    def _details(self, title: Title) -> dict[str, Any]:
        """What movies and series share; `mediaInfo` is absent when there is no row."""
        details: dict[str, Any] = {
            "overview": title.overview,
            "externalIds": {"tvdbId": title.tvdb_id, "imdbId": None},
        }
        media = self._database.media_of(title.media_type, title.tmdb_id)
        if media is not None:
            requests = [request_json(request) for request in self._database.requests_of(media)]
            issues = [issue_json(issue) for issue in self._database.issues.values() if issue.media is media]
            details["mediaInfo"] = media_json(media) | {"requests": requests, "issues": issues}
        return details

    async def add_to_blocklist(self, request: Request) -> Response:
        body = await json_body(request)
        media_type, tmdb_id = _media_type(body.get("mediaType")), _number(body.get("tmdbId"))
        media = self._database.media_of(media_type, tmdb_id) or self._database.add_media(media_type, tmdb_id)
        if media.is_blocklisted:
            raise Refused(412, "Item already blocklisted")
        media.normal.status = media.uhd.status = MediaStatus.BLOCKLISTED
        return Response(status_code=201)

    # --- requests --------------------------------------------------------------------------------------------------

    async def list_requests(self, request: Request) -> Response:
        self._read_database()
        query = request.query_params
        statuses, media_statuses = _REQUEST_FILTERS[query.get("filter", "all")]
        rows = [
            row
            for row in self._database.requests.values()
            if row.status in statuses
            and row.variant.status in media_statuses
            and query.get("mediaType", "all") in {"all", row.media.media_type}
            and query.get("requestedBy", str(row.requested_by.id)) == str(row.requested_by.id)
        ]
        newest_first = query.get("sortDirection", "desc") == "desc"
        by_change = query.get("sort") == "modified"
        rows.sort(key=lambda row: (row.updated_at if by_change else row.created_at, row.id), reverse=newest_first)
        shown, info = page(request, rows, default_take=10)
        results = [request_json(row) | {"canRemove": row.variant.service_id is not None} for row in shown]
        return JSONResponse({"pageInfo": info, "results": results, "serviceErrors": {"radarr": [], "sonarr": []}})

    async def make_request(self, request: Request) -> Response:
        body = await json_body(request)
        by: User = request.state.user
        requested_by = self._database.users.get(body.get("userId") or by.id)
        if requested_by is None:
            raise Refused(500, "User not found")
        made = self._service.ask(
            _media_type(body.get("mediaType")),
            _number(body.get("mediaId")),
            is_4k=body.get("is4k") is True,
            seasons="all" if body.get("seasons") == "all" else [int(number) for number in body.get("seasons") or []],
            by=by,
            requested_by=requested_by,
            server_id=body.get("serverId"),
        )
        return JSONResponse(request_json(made), 201)

    async def read_request(self, request: Request) -> Response:
        return JSONResponse(request_json(self._request(request)))

    async def delete_request(self, request: Request) -> Response:
        self._database.delete_request(self._request(request))
        return Response(status_code=204)

    async def retry_request(self, request: Request) -> Response:
        row = self._request(request)
        self._service.retry(row)
        return JSONResponse(request_json(row))

    async def decide_request(self, request: Request) -> Response:
        decision = _DECISIONS.get(request.path_params["decision"])
        if decision is None:
            raise Refused(400, "request/params/status must be equal to one of the allowed values")
        row = self._request(request)
        self._service.decide(row, decision)
        return JSONResponse(request_json(row))

    # --- settings --------------------------------------------------------------------------------------------------

    async def read_network(self, request: Request) -> Response:
        expect(request.state.user, _ADMIN)
        return JSONResponse({"csrfProtection": self._service.csrf_protection, "trustProxy": False})

    async def list_servers(self, request: Request) -> Response:
        """Show the servers of one kind, keys included, to an administrator."""
        expect(request.state.user, _ADMIN)
        kind = request.url.path.rsplit("/", 1)[-1]
        return JSONResponse([server_json(server) for server in self._service.servers if server.kind == kind])

    async def list_jobs(self, _request: Request) -> Response:
        return JSONResponse([seerr_jobs.job_json(job, self._service, self._clock) for job in seerr_jobs.JOBS])

    async def run_job(self, request: Request) -> Response:
        job = request.path_params["id"]
        if job not in seerr_jobs.JOBS:
            raise Refused(404, "Job not found.")
        seerr_jobs.start(job, self._service)
        return JSONResponse(seerr_jobs.job_json(job, self._service, self._clock))

    async def read_webhook(self, request: Request) -> Response:
        expect(request.state.user, _ADMIN)
        return JSONResponse(self._shown_settings())

    async def save_webhook(self, request: Request) -> Response:
        expect(request.state.user, _ADMIN)
        self._service.agent.settings = await self._posted_settings(request)
        return JSONResponse(self._shown_settings())

    async def test_webhook(self, request: Request) -> Response:
        expect(request.state.user, _ADMIN)
        if not await self._service.agent.test(await self._posted_settings(request)):
            raise Refused(500, "Failed to send webhook notification.")
        return Response(status_code=204)

    def _shown_settings(self) -> dict[str, object]:
        return settings_json(self._service.agent.settings, is_newer=self._service.agent.is_newer)

    async def _posted_settings(self, request: Request) -> WebhookSettings:
        try:
            return settings_from(await json_body(request), is_newer=self._service.agent.is_newer)
        except BadSettings as error:
            raise Refused(500, str(error)) from error

    # --- looking up ------------------------------------------------------------------------------------------------

    def _read_database(self) -> None:
        if self._service.database_locked:
            raise Refused(500, "SQLITE_BUSY: database is locked")

    def _media(self, request: Request, missing: str) -> MediaRow:
        number = request.path_params["id"]
        media = self._database.media.get(int(number)) if number.isdigit() else None
        if media is None or self._service.database_locked:
            raise Refused(404, missing)
        return media

    def _request(self, request: Request) -> RequestRow:
        number = request.path_params["id"]
        row = self._database.requests.get(int(number)) if number.isdigit() else None
        if row is None or self._service.database_locked:
            raise Refused(404, "Request not found.")
        return row

    async def _wait_until_gone(self, request: Request) -> None:
        """Never answer: wait until the caller gives up or the simulator closes."""

        async def gone() -> None:
            while (await request.receive())["type"] != "http.disconnect":
                pass

        waits = [asyncio.create_task(gone()), asyncio.ensure_future(self._closing.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waits:
                task.cancel()
            await asyncio.gather(*waits, return_exceptions=True)


def _media_type(value: object) -> MediaType:
    if value == "movie":
        return "movie"
    if value == "tv":
        return "tv"
    raise Refused(400, "request/body/mediaType must be equal to one of the allowed values: movie, tv")


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise Refused(400, "request/body must have a number here")
    return value
