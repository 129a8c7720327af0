"""The HTTP habits of Radarr and Sonarr: authentication, URL base, starting up, error bodies (upstreams.md 3.1, 3.2)."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from starlette.datastructures import Headers, QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

_STARTING = "{app} is starting up, please try again later"
_PAGE = "<!DOCTYPE html><html><head><title>Sign in</title></head><body>Sign in to continue</body></html>"


class Refused(Exception):
    """An answer that is no success; `body` is JSON, or `None` for an empty one."""

    def __init__(self, status: int, body: object | None) -> None:
        super().__init__(f"{status}")
        self.status = status
        self.body = body


def not_found_by_id() -> Refused:
    """What `GET /…/{id}` answers."""
    return Refused(
        404, {"type": "https://tools.ietf.org/html/rfc9110#section-15.5.5", "title": "Not Found", "status": 404}
    )


def said(status: int, message: str) -> Refused:
    """The usual error body; `description` is a .NET stack trace in the original."""
    return Refused(status, {"message": message, "description": f"{message}\n   at Simulated.Stack.Trace()"})


def rows_missing(expected: int, found: int) -> Refused:
    """What the database layer answers when a query by ids finds fewer rows than it was asked for."""
    return said(500, f"Expected query to return {expected} rows but returned {found}")


def invalid(problems: Iterable[tuple[str, str, object]]) -> Refused:
    """A validation answer: an array of (property, message, attempted value)."""
    body = [
        {
            "propertyName": name,
            "errorMessage": message,
            "attemptedValue": value,
            "severity": "error",
            "errorCode": "NotEmptyValidator",
        }
        for name, message, value in problems
    ]
    return Refused(400, [{key: item for key, item in row.items() if item is not None} for row in body])


def unparsable(name: str, value: str) -> Refused:
    """What ASP.NET answers when a query parameter does not parse."""
    errors = {name: [f"The value '{value}' is not valid."]}
    return Refused(
        400,
        {"title": "One or more validation errors occurred.", "status": 400, "errors": errors, "traceId": "00-0-0-00"},
    )


async def refuse(_request: Request, error: Exception) -> Response:
    """Turn a `Refused` into its answer."""
    if not isinstance(error, Refused):
        raise error
    return Response(status_code=error.status) if error.body is None else JSONResponse(error.body, error.status)


def compact(row: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what the originals leave out: nulls, and an `id` of 0."""
    return {name: value for name, value in row.items() if value is not None and not (name == "id" and value == 0)}


class Query:
    """Query parameters: names in any case, unknown ones ignored, unparsable values refused."""

    def __init__(self, params: QueryParams) -> None:
        self._pairs = [(name.lower(), value) for name, value in params.multi_items()]

    def text(self, name: str) -> str | None:
        return next((value for key, value in self._pairs if key == name.lower()), None)

    def flag(self, name: str, *, default: bool = False) -> bool:
        value = self.text(name)
        if value is None:
            return default
        if value.lower() not in {"true", "false"}:
            raise unparsable(name, value)
        return value.lower() == "true"

    def number(self, name: str, default: int | None = None) -> int | None:
        value = self.text(name)
        return default if value is None else _whole(name, value)

    def numbers(self, name: str) -> list[int]:
        return [_whole(name, value) for key, value in self._pairs if key == name.lower()]


def _whole(name: str, value: str) -> int:
    try:
        return int(value)
    except ValueError as error:
        raise unparsable(name, value) from error


async def body_of(request: Request) -> dict[str, Any]:
    """Read a JSON object; its names come in any case and are returned in lower case."""
    try:
        parsed = json.loads(await request.body())
    except ValueError as error:
        raise Refused(400, {"title": "One or more validation errors occurred.", "status": 400}) from error
    if not isinstance(parsed, dict):
        raise Refused(400, {"title": "One or more validation errors occurred.", "status": 400})
    return {name.lower(): value for name, value in parsed.items()}


class Gate:
    """ASGI middleware before every endpoint: URL base, starting up and the API key."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        name: str,
        api_key: str,
        url_base: str,
        is_starting: Callable[[], bool],
        calls: list[str],
    ) -> None:
        self._app = app
        self._name = name
        self._api_key = api_key
        self._url_base = url_base.rstrip("/")
        self._is_starting = is_starting
        self._calls = calls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]
        self._calls.append(f"{scope['method']} {path}")
        if self._is_starting():
            starting = {"errorMessage": f"{self._name} is starting up, please try again later"}
            await JSONResponse(starting, 503)(scope, receive, send)
            return
        if self._url_base:
            if not path.startswith(f"{self._url_base}/"):
                query = scope["query_string"].decode()
                target = f"{self._url_base}{path}" + (f"?{query}" if query else "")
                await RedirectResponse(target, 307)(scope, receive, send)
                return
            path = path.removeprefix(self._url_base)
            scope = {**scope, "path": path, "raw_path": path.encode()}
        if path != "/ping" and not self._is_authorised(scope):
            await Response(status_code=401)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _is_authorised(self, scope: Scope) -> bool:
        headers = Headers(scope=scope)
        bearer = headers.get("authorization", "")
        given = (
            Query(QueryParams(scope["query_string"])).text("apikey")
            or headers.get("x-api-key")
            or (bearer.removeprefix("Bearer ") if bearer.startswith("Bearer ") else None)
        )
        return given == self._api_key
