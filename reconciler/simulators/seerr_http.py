"""How the simulated Seerr refuses, checks and pages: everything its endpoints share (upstreams.md 2.1, 2.3)."""

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from reconciler.simulators.seerr_service import Refused, SeerrService
from reconciler.simulators.seerr_state import SeerrDatabase, User

Handler = Callable[[Request], Awaitable[Response]]
Query = Mapping[str, type[int] | type[bool] | frozenset[str]]
"""The documented query parameters of an endpoint: numbers, booleans, or one of these words."""

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class NotPermitted(Exception):
    """The caller lacks a permission."""


def expect(user: User, permissions: int) -> None:
    """Raise `NotPermitted` unless the user has one of these permission bits."""
    if not user.permissions & permissions:
        raise NotPermitted


def invalid(status: int, path: str, message: str) -> JSONResponse:
    """Answer as the OpenAPI validator in front of every endpoint does."""
    return JSONResponse({"message": message, "errors": [{"path": path, "message": message}]}, status)


def guard(handler: Handler, query: Query, database: SeerrDatabase, api_key: str | None) -> Handler:
    """Return `handler` behind Seerr's checks, in Seerr's order: key present, query valid, key right.

    An `api_key` of `None` makes the endpoint public. The handler finds the acting user in `request.state.user`.
    """

    async def checked(request: Request) -> Response:
        given = request.headers.get("x-api-key")
        if api_key is not None and not given:
            return invalid(401, request.url.path, "cookie 'connect.sid' required")
        wrong = _wrong_parameter(request, query)
        if wrong:
            name, message = wrong
            return invalid(400, f"/query/{name}", message)
        user = _acting_user(request, database)
        if api_key is not None and (given != api_key or user is None):
            return _forbidden()
        request.state.user = user
        try:
            return await handler(request)
        except NotPermitted:
            return _forbidden()
        except Refused as refusal:
            return JSONResponse({"message": refusal.message}, refusal.status)

    return checked


def _forbidden() -> JSONResponse:
    return JSONResponse({"status": 403, "error": "You do not have permission to access this endpoint"}, 403)


def forgery_guarded(app: ASGIApp, service: SeerrService) -> ASGIApp:
    """Return `app` behind the protection that stands before everything else, the check of the key too."""

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in _SAFE and service.csrf_protection:
            await JSONResponse({"message": "invalid csrf token"}, 403)(scope, receive, send)
        else:
            await app(scope, receive, send)

    return guarded


async def unknown_route(request: Request, error: Exception) -> Response:
    """Answer 404 and 405 in the validator's shape."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    message = "not found" if status == 404 else f"{request.method} method not allowed"
    return invalid(status, request.url.path, message)


def page(request: Request, rows: Sequence[Any], default_take: int) -> tuple[Sequence[Any], dict[str, int]]:
    """Cut one page out of the rows and describe it; 0 means the default, as for JavaScript."""
    take = int(request.query_params.get("take") or 0) or default_take
    skip = int(request.query_params.get("skip") or 0)
    info = {
        "pages": math.ceil(len(rows) / take),
        "pageSize": take,
        "results": len(rows),
        "page": math.ceil(skip / take) + 1,
    }
    return rows[skip : skip + take], info


async def json_body(request: Request) -> Mapping[str, Any]:
    try:
        body = await request.json()
    except ValueError as error:
        raise Refused(400, "Unexpected token in JSON") from error
    if not isinstance(body, Mapping):
        raise Refused(400, "request/body must be object")
    return body


def _wrong_parameter(request: Request, query: Query) -> tuple[str, str] | None:
    for name, value in request.query_params.items():
        rule = query.get(name)
        if rule is None:
            return name, f"Unknown query parameter '{name}'"
        if isinstance(rule, frozenset):
            if value not in rule:
                return (
                    name,
                    f"request/query/{name} must be equal to one of the allowed values: {', '.join(sorted(rule))}",
                )
        elif rule is bool:
            if value not in {"true", "false"}:
                return name, f"request/query/{name} must be boolean"
        elif not value.isdigit():
            return name, f"request/query/{name} must be number"
    return None


def _acting_user(request: Request, database: SeerrDatabase) -> User | None:
    """The key acts as the owner, or as whom `X-API-User` names."""
    number = request.headers.get("x-api-user", "1")
    return database.users.get(int(number)) if number.isdigit() else None
