"""Makes any simulator fail on command, without the simulator's knowledge."""

import asyncio
from collections import deque

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_PAGE = b"<!doctype html><html><title>Sign in</title><body>Please sign in</body></html>"


class Faults:
    """ASGI middleware that answers in place of the application while it is told to.

    `html` answers a proxy's login page, `half_body` breaks off in the middle of the answer, `hang` never answers
    until it is released or the caller gives up. `only`, if set, limits all of them to paths that contain it, and
    `method` to requests of that method. A request that `half_body` spoils is carried out, all others are not.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._statuses: deque[int] = deque()
        self._released = asyncio.Event()
        self._released.set()
        self.html = False
        self.half_body = False
        self.only = ""
        self.method = ""

    @property
    def hang(self) -> bool:
        return not self._released.is_set()

    @hang.setter
    def hang(self, value: bool) -> None:
        if value:
            self._released.clear()
        else:
            self._released.set()

    def fail_next(self, count: int = 1, status: int = 503) -> None:
        """Answer the next `count` requests with `status` and an empty body."""
        self._statuses.extend([status] * count)

    def heal(self) -> None:
        """End every fault."""
        self._statuses.clear()
        self.hang = self.html = self.half_body = False
        self.only = self.method = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not self._concerns(scope):
            await self._app(scope, receive, send)
        elif self.hang:
            await self._wait(receive, send)
        elif self._statuses:
            await _answer(send, self._statuses.popleft(), b"", b"text/plain")
        elif self.html:
            await _answer(send, 200, _PAGE, b"text/html")
        elif self.half_body:
            await self._half(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _concerns(self, scope: Scope) -> bool:
        return self.only in scope["path"] and self.method in {"", scope["method"]}

    async def _wait(self, receive: Receive, send: Send) -> None:
        """Wait until released or given up; a released request is answered 503."""

        async def given_up() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass

        waiting = [asyncio.create_task(given_up()), asyncio.create_task(self._wait_for_release())]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
        if self._released.is_set():
            await _answer(send, 503, b"", b"text/plain")

    async def _wait_for_release(self) -> None:
        await self._released.wait()

    async def _half(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Announce the whole body, send its first half, and return: the server then closes the connection."""
        body = b""
        start: Message = {}

        async def keep(message: Message) -> None:
            nonlocal body, start
            if message["type"] == "http.response.start":
                start = message
            else:
                body += message.get("body", b"")

        await self._app(scope, receive, keep)
        await send(start)
        await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})


async def _answer(send: Send, status: int, body: bytes, content_type: bytes) -> None:
    headers = [(b"content-type", content_type), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
