"""A name for every request, on all that is logged for it, and one line that says how it ended."""

import re
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reconciler.clock import Clock
from reconciler.telemetry import answering, get_logger

HEADER = "X-Request-Id"

_SANE = re.compile(r"[A-Za-z0-9._-]{1,64}")
_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_METHOD_LENGTH = 20


class RequestLog:
    """ASGI middleware. The line has the route and never the address itself: what somebody puts there is not ours."""

    def __init__(self, app: ASGIApp, clock: Clock) -> None:
        self._app = app
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        name = _given(scope) or uuid.uuid4().hex
        began = self._clock.monotonic()
        status: int | None = None

        async def send_named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = name
            await send(message)

        with answering(name):
            try:
                await self._app(scope, receive, send_named)
            finally:
                log = get_logger(__name__)
                (log.debug if scope["method"] in _READS else log.info)(
                    "request",
                    method=scope["method"][:_METHOD_LENGTH],
                    route=_route_of(scope),
                    status=status,
                    seconds=round(self._clock.monotonic() - began, 3),
                )


def _given(scope: Scope) -> str | None:
    """Return the name that a proxy or the caller gave the request, if it is one."""
    given = Headers(scope=scope).get(HEADER, "")
    return given if _SANE.fullmatch(given) else None


def _route_of(scope: Scope) -> str | None:
    """Return the route as it is written in the code, `None` where there is none."""
    route = scope.get("route")
    return route.path if isinstance(route, Route) else None
