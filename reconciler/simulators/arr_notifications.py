"""Settings → Connect of Radarr and Sonarr over their API: listed, made, changed and tried (upstreams.md 4.1).

A test of a connection that is saved counts as a delivery, and ends its being muted (`NotificationFactory.cs`).

What is saved is tried first, and refused when the receiver does not answer 2xx. A stored password is never shown, and
stays when its mask is sent back. Custom headers and Import Complete came with later versions.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from reconciler.simulators.arr_connections import TRIGGERS, Connection, Connections
from reconciler.simulators.arr_http import Refused, body_of, compact, invalid, not_found_by_id, said

MASK = "********"

_METHODS = {1: "POST", 2: "PUT"}
_HEADERS_SINCE = {"Radarr": (5, 16), "Sonarr": (4, 0, 10)}
_COMPLETE_SINCE = (4, 0, 6)
_STATUS_NAMES = {401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 500: "InternalServerError"}
_EVENTS = {trigger: event for event, trigger in TRIGGERS.items()}
_OF_MOVIES = ("onMovieAdded", "onMovieDelete", "onMovieFileDelete", "onMovieFileDeleteForUpgrade")
_OF_SERIES = ("onSeriesAdd", "onSeriesDelete", "onEpisodeFileDelete", "onEpisodeFileDeleteForUpgrade")
_OF_BOTH = (
    "onGrab",
    "onDownload",
    "onUpgrade",
    "onRename",
    "onHealthIssue",
    "onHealthRestored",
    "onApplicationUpdate",
    "onManualInteractionRequired",
)


class Notifications:
    """The endpoints of one application; `test_payload` is what its Test button sends."""

    def __init__(
        self,
        connections: Connections,
        app_name: str,
        version: Callable[[], str],
        test_payload: Callable[[], Mapping[str, Any]],
    ) -> None:
        self._connections = connections
        self._app_name = app_name
        self._version = version
        self._test_payload = test_payload

    def routes(self, root: str) -> list[Route]:
        path = f"{root}/notification"
        return [
            Route(path, self._list, methods=["GET"]),
            Route(path, self._create, methods=["POST"]),
            Route(f"{path}/schema", self._schema, methods=["GET"]),
            Route(f"{path}/test", self._test, methods=["POST"]),
            Route(f"{path}/{{id:int}}", self._one, methods=["GET"]),
            Route(f"{path}/{{id:int}}", self._update, methods=["PUT"]),
            Route(f"{path}/{{id:int}}", self._delete, methods=["DELETE"]),
            Route(f"{root}/health", self._health, methods=["GET"]),
        ]

    # --- endpoints -------------------------------------------------------------------------------------------------

    async def _list(self, _request: Request) -> Response:
        rows = [*map(self._json, self._connections.all), *self._connections.others]
        return JSONResponse(sorted(rows, key=lambda row: str(row["name"])))

    async def _schema(self, _request: Request) -> Response:
        """Every kind of connection that there is, empty; a webhook among them."""
        webhook = self._json(Connection("", events=frozenset(), per_file=False, upgrades=False))
        discord = {"implementation": "Discord", "implementationName": "Discord", "configContract": "DiscordSettings"}
        del webhook["name"]
        return JSONResponse([{**discord, "fields": [], "presets": []}, {**webhook, "presets": []}])

    async def _one(self, request: Request) -> Response:
        return JSONResponse(self._json(self._known(request.path_params["id"])))

    async def _create(self, request: Request) -> Response:
        made = self._read(await body_of(request), None)
        if self._is_on(made):
            await self._try(made)
        self._connections.add(made)
        return JSONResponse(self._json(made), 201)

    async def _update(self, request: Request) -> Response:
        known = self._known(request.path_params["id"])
        made = self._read(await body_of(request), known)
        if _settings(made) != _settings(known):
            if self._is_on(made):
                await self._try(made)
            self._connections.replace(made)
        return JSONResponse(self._json(made), 202)

    async def _delete(self, request: Request) -> Response:
        self._connections.remove(request.path_params["id"])
        return JSONResponse({})

    async def _test(self, request: Request) -> Response:
        body = await body_of(request)
        known = next((one for one in self._connections.all if one.id and one.id == body.get("id")), None)
        try:
            await self._try(self._read(body, known))
        except Refused:
            if known is not None:
                self._connections.failed(known)
            raise
        if known is not None:
            known.succeeded()
        return JSONResponse({})

    async def _health(self, _request: Request) -> Response:
        """Tell of connections to which nothing is sent for a while; the only check that is simulated."""
        muted = [one.name for one in self._connections.all if self._is_on(one) and self._connections.is_muted(one)]
        others = [one for one in self._connections.all if self._is_on(one) and one.name not in muted]
        if not muted:
            return JSONResponse([])
        is_all = not others and not self._connections.others
        check = {
            "source": "NotificationStatusCheck",
            "type": "error" if is_all else "warning",
            "message": "All notifications are unavailable due to failures"
            if is_all
            else f"Notifications unavailable due to failures: {', '.join(muted)}",
            "wikiUrl": "https://wiki.servarr.com/",
        }
        return JSONResponse([check])

    # --- what is saved ---------------------------------------------------------------------------------------------

    def _known(self, id_: int) -> Connection:
        found = next((one for one in self._connections.all if one.id == id_), None)
        if found is None:
            raise not_found_by_id()
        return found

    def _read(self, body: Mapping[str, Any], known: Connection | None) -> Connection:
        """Read posted settings (names in lower case); raises `Refused` with every problem."""
        name, url = str(body.get("name") or ""), ""
        fields = {str(field.get("name")): field.get("value") for field in body.get("fields") or []}
        url = str(fields.get("url") or "")
        problems: list[tuple[str, str, object]] = []
        if not name:
            problems.append(("Name", "'Name' must not be empty.", None))
        taken = {one.name for one in self._connections.all if known is None or one.id != known.id}
        if name in taken | {str(row["name"]) for row in self._connections.others}:
            problems.append(("Name", "Should be unique", name))
        if body.get("implementation") != "Webhook" or body.get("configcontract") != "WebhookSettings":
            problems.append(("Implementation", "this simulator only knows webhooks", body.get("implementation")))
        if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname:
            problems.append(("Url", f"Invalid Url: '{url}'", url))
        if problems:
            raise invalid(problems)
        password = str(fields.get("password") or "")
        if password == MASK and known is not None:
            password = known.password
        ticked = {trigger for trigger in self._triggers() if body.get(trigger.lower()) is True}
        headers = fields.get("headers") if self._has_headers else None
        return Connection(
            url=url,
            headers={str(row["key"]): str(row["value"]) for row in headers or []},
            events=frozenset(_EVENTS[trigger] for trigger in ticked if trigger in _EVENTS)
            | ({"Download"} if "onImportComplete" in ticked else frozenset()),
            tags=frozenset(body.get("tags") or []),
            per_file="onDownload" in ticked,
            import_complete="onImportComplete" in ticked,
            upgrades="onUpgrade" in ticked,
            id=known.id if known else 0,
            name=name,
            method=_METHODS.get(int(fields.get("method") or 1), "POST"),
            username=str(fields.get("username") or ""),
            password=password,
        )

    async def _try(self, connection: Connection) -> None:
        try:
            answer = await self._connections.post(connection, self._test_payload())
        except httpx.HTTPError as error:
            where = urlsplit(connection.url).netloc
            raise said(500, f"Connection refused ({where})") from error
        if not answer.is_success:
            status = f"{answer.status_code}:{_STATUS_NAMES.get(answer.status_code, answer.reason_phrase)}"
            why = f"HTTP request failed: [{status}] [{connection.method}] at [{connection.url}]"
            raise _failed_test(f"Unable to send test message: Unable to post to webhook: {why}")

    # --- what is shown ---------------------------------------------------------------------------------------------

    @property
    def _has_headers(self) -> bool:
        return self._is_since(_HEADERS_SINCE[self._app_name])

    def _is_since(self, version: tuple[int, ...]) -> bool:
        return tuple(int(part) for part in self._version().split(".") if part.isdigit()) >= version

    def _triggers(self) -> tuple[str, ...]:
        if self._app_name == "Radarr":
            return (*_OF_BOTH, *_OF_MOVIES)
        complete = ("onImportComplete",) if self._is_since(_COMPLETE_SINCE) else ()
        return (*_OF_BOTH, *complete, *_OF_SERIES)

    def _is_on(self, connection: Connection) -> bool:
        return any(self._ticked(connection).values())

    def _ticked(self, connection: Connection) -> dict[str, bool]:
        def is_ticked(trigger: str) -> bool:
            event = "Download" if trigger in {"onUpgrade", "onImportComplete"} else _EVENTS.get(trigger)
            is_wanted = connection.events is None or event in connection.events
            match trigger:
                case "onDownload":
                    return is_wanted and connection.per_file
                case "onUpgrade":
                    return is_wanted and connection.upgrades
                case "onImportComplete":
                    return is_wanted and connection.import_complete
                case _:
                    return is_wanted and trigger in _EVENTS

        return {trigger: is_ticked(trigger) for trigger in self._triggers()}

    def _json(self, connection: Connection) -> dict[str, Any]:
        method = next(number for number, name in _METHODS.items() if name == connection.method)
        options = [{"value": number, "name": name, "order": number} for number, name in _METHODS.items()]
        fields: list[dict[str, Any]] = [
            {"name": "url", "label": "Webhook URL", "type": "url", "value": connection.url},
            {"name": "method", "label": "Method", "type": "select", "value": method, "selectOptions": options},
            {"name": "username", "label": "Username", "value": connection.username, "privacy": "userName"},
            {
                "name": "password",
                "label": "Password",
                "type": "password",
                "value": MASK if connection.password else "",
                "privacy": "password",
            },
        ]
        if self._has_headers:
            rows = [{"key": key, "value": value} for key, value in connection.headers.items()]
            fields.append({"name": "headers", "label": "Headers", "type": "keyValueList", "value": rows})
        ticked = self._ticked(connection)
        return compact(
            {
                **ticked,
                **{f"supportsOn{trigger.removeprefix('on')}": True for trigger in ticked},
                "includeHealthWarnings": False,
                "name": connection.name,
                "fields": [_ordered(order, field) for order, field in enumerate(fields)],
                "implementationName": "Webhook",
                "implementation": "Webhook",
                "configContract": "WebhookSettings",
                "infoLink": "https://wiki.servarr.com/",
                "tags": sorted(connection.tags),
                "id": connection.id,
            }
        )


def _ordered(order: int, field: Mapping[str, Any]) -> dict[str, Any]:
    is_advanced = field["name"] == "headers"
    return {"order": order, "advanced": is_advanced, "privacy": "normal", "isFloat": False, **field}


def _settings(connection: Connection) -> Connection:
    """Return what a person has set, without what it has been through since."""
    return replace(connection, delivered=0, failed=0, dropped=0, level=0, failing_since=None, muted_until=None)


def _failed_test(why: str) -> Refused:
    """Say that the receiver did not take the test: an array, as for every setting that is wrong."""
    return Refused(400, [{"isWarning": False, "propertyName": "Url", "errorMessage": why, "severity": "error"}])
