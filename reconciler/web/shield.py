"""The outermost layer: headers on every answer, and no exception that reaches a client."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reconciler.telemetry import get_logger, request_id
from reconciler.web.problems import unexpected

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}

PATH_LENGTH = 200
"""How much of an address a log line has."""


class Shield:
    """ASGI middleware. An answer may set one of these headers itself; it is kept then."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def send_shielded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._app(scope, receive, send_shielded)
        except Exception:
            get_logger(__name__).exception("request_failed", method=scope["method"], path=scope["path"][:PATH_LENGTH])
            if started:
                raise
            await unexpected(request_id()).response()(scope, receive, send_shielded)
