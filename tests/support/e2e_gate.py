"""What stands between the service and an upstream, so that a test can cut or kill at the right instant."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import urlsplit

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from reconciler.simulators.loopback import loopback_client
from reconciler.simulators.server import serve

_HOP_BY_HOP = {"host", "connection", "keep-alive", "transfer-encoding", "content-length", "origin", "referer"}


class Gate:
    """A TCP relay on a port of its own: while it is shut, connections to the upstream are refused and cut."""

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self._host, self._target_port = parts.hostname or "127.0.0.1", parts.port or 80
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._relays: set[asyncio.Task[None]] = set()
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def open(self) -> None:
        """Let connections through again, at the same port as before."""
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", self.port, reuse_address=True)
        self.port = self._server.sockets[0].getsockname()[1]

    async def shut(self) -> None:
        """Refuse new connections and cut those that are open."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        for writer in self._writers:
            writer.transport.abort()
        if self._relays:
            await asyncio.gather(*self._relays, return_exceptions=True)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._relays.add(task)
        task.add_done_callback(self._relays.discard)
        try:
            behind_reader, behind_writer = await asyncio.open_connection(self._host, self._target_port)
        except OSError:
            writer.transport.abort()
            return
        pair = {writer, behind_writer}
        self._writers |= pair
        try:
            await asyncio.gather(_pump(reader, behind_writer), _pump(behind_reader, writer))
        finally:
            self._writers -= pair
            for each in pair:
                each.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@contextlib.asynccontextmanager
async def gate_to(url: str) -> AsyncIterator[Gate]:
    """Stand an open gate before `url`."""
    gate = Gate(url)
    await gate.open()
    try:
        yield gate
    finally:
        await gate.shut()


class Relay:
    """An HTTP relay that runs `after` once the upstream has answered, and before the answer is passed on."""

    def __init__(self, target: str) -> None:
        self._target = target
        self.after: Callable[[str, str], Awaitable[None]] | None = None
        self.calls: list[str] = []
        self.url = ""

    async def _answer(self, request: Request) -> Response:
        path = request.url.path
        headers = [(k, v) for k, v in request.headers.items() if k not in _HOP_BY_HOP]
        try:
            async with loopback_client(base_url=self._target, timeout=60) as client:
                said = await client.request(
                    request.method,
                    path,
                    params=request.url.query,
                    content=await request.body(),
                    headers=headers,
                )
        except httpx.HTTPError:
            return Response(status_code=502)
        self.calls.append(f"{request.method} {path}")
        if self.after is not None:
            await self.after(request.method, path)
        kept = {k: v for k, v in said.headers.items() if k.lower() not in _HOP_BY_HOP | {"content-encoding"}}
        return Response(said.content, said.status_code, kept)


@contextlib.asynccontextmanager
async def relay_to(url: str) -> AsyncIterator[Relay]:
    """Stand a relay before `url`."""
    relay = Relay(url)
    methods = ["GET", "POST", "PUT", "DELETE"]
    app = Starlette(routes=[Route("/{path:path}", relay._answer, methods=methods)])
    async with serve(app) as own:
        relay.url = own
        yield relay
