"""A stateful HTTP simulator of Jellyfin 10.10 (upstreams.md 6.1).

It is put together here from its parts: the library and its disk (`jellyfin_library`), the webhook plugin
(`jellyfin_plugin`), and trouble on command (`faults`).
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from reconciler.clock import Clock, SystemClock
from reconciler.simulators.faults import Faults
from reconciler.simulators.jellyfin_library import Item, JellyfinLibrary
from reconciler.simulators.jellyfin_plugin import JellyfinPlugin

API_KEY = "0123456789abcdef0123456789abcdef"
VERSION = "10.10.7"

_TOKEN = re.compile(r'MediaBrowser\s.*?Token="([^"]*)"')


class JellyfinSimulator:
    """One simulated Jellyfin; serve its `app`.

    `library` is for seeding and looking, `plugin` for the webhook, `faults` for outages. `calls` lists what was asked
    (method, path and query), and `before` is called ahead of each request. Announced paths are looked at when a test
    calls `scan`, or by themselves after `scan_delay` if that is set. Several libraries may lie below `root`.
    """

    def __init__(
        self,
        root: Path,
        *,
        api_key: str = API_KEY,
        scan_delay: timedelta | None = None,
        product: str = "Jellyfin Server",
        clock: Clock | None = None,
    ) -> None:
        self.api_key = api_key
        self.scan_delay = scan_delay
        self.product = product
        self.library = JellyfinLibrary(root)
        self.plugin = JellyfinPlugin()
        self.announced: set[Path] = set()
        self.calls: list[str] = []
        self.before: Callable[[str, str], None] | None = None
        self._clock = clock or SystemClock()
        self._tasks: set[asyncio.Task[None]] = set()
        routes = [
            Route("/System/Info/Public", self._info),
            Route("/System/Info", self._guarded(self._info)),
            Route("/Items", self._guarded(self._list), methods=["GET"]),
            Route("/Items", self._guarded(self._delete_many), methods=["DELETE"]),
            Route("/Items/{id}", self._guarded(self._delete_one), methods=["DELETE"]),
            Route("/Library/Media/Updated", self._guarded(self._media_updated), methods=["POST"]),
            Route("/Library/Refresh", self._guarded(self._refresh), methods=["POST"]),
        ]
        self.faults = Faults(Starlette(routes=routes, lifespan=self._lifespan))
        self.app: ASGIApp = _Watched(self)

    async def scan(self) -> None:
        """Look at every announced path now, drop what is gone and tell the plugin's receiver."""
        paths, self.announced = self.announced, set()
        await self._tell(self.library.look_at(paths))

    async def scan_everything(self) -> None:
        """Do the full scan, which also drops what nobody announced: an unmounted disk empties the library."""
        self.announced.clear()
        await self._tell(self.library.look_at())

    async def settled(self) -> None:
        """Wait until no scan is under way."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    # --- one request -----------------------------------------------------------------------------------------------

    def _guarded(
        self, handler: Callable[[Request], Coroutine[Any, Any, Response]]
    ) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return `handler` behind the key, which the older headers do not carry any more."""

        async def checked(request: Request) -> Response:
            found = _TOKEN.match(request.headers.get("authorization", ""))
            given = found[1] if found else request.query_params.get("ApiKey")
            return await handler(request) if given == self.api_key else Response(status_code=401)

        return checked

    async def _info(self, request: Request) -> Response:
        info = {
            "ProductName": self.product,
            "Version": VERSION,
            "ServerName": "simulated",
            "Id": "0123456789abcdef0123456789abcdef",
            "StartupWizardCompleted": True,
        }
        return JSONResponse(info | ({} if request.url.path.endswith("Public") else {"CanSelfRestart": False}))

    async def _list(self, request: Request) -> Response:
        """List items. Names of parameters come in any case, and one that is not known narrows nothing."""
        query = {name.lower(): value for name, value in request.query_params.items()}
        items = list(self.library.items.values()) if query.get("recursive", "").lower() == "true" else []
        if types := _words(query, "includeitemtypes"):
            items = [item for item in items if item.type.lower() in types]
        if ids := _words(query, "ids"):
            items = [item for item in self.library.items.values() if item.id in ids]
        start, limit = int(query.get("startindex", 0)), int(query.get("limit", 0)) or None
        shown = items[start : start + limit] if limit else items[start:]
        fields = _words(query, "fields")
        rows = [_row(item, fields) for item in shown]
        return JSONResponse({"Items": rows, "TotalRecordCount": len(items), "StartIndex": start})

    async def _delete_one(self, request: Request) -> Response:
        item = self.library.items.get(request.path_params["id"])
        if item is None:
            return Response(status_code=404)
        await self._tell(self.library.delete(item))
        return Response(status_code=204)

    async def _delete_many(self, request: Request) -> Response:
        for id_ in request.query_params.get("ids", "").split(","):
            if id_ in self.library.items:
                await self._tell(self.library.delete(self.library.items[id_]))
        return Response(status_code=204)

    async def _media_updated(self, request: Request) -> Response:
        """Queue paths; what is said to have happened there is ignored."""
        self.announced |= {Path(update["Path"]) for update in (await request.json())["Updates"]}
        if self.scan_delay is not None:
            self._spawn(self._later(self.scan_delay))
        return Response(status_code=204)

    async def _refresh(self, _request: Request) -> Response:
        self._spawn(self.scan_everything())
        return Response(status_code=204)

    # --- background work -------------------------------------------------------------------------------------------

    async def _later(self, delay: timedelta) -> None:
        await asyncio.sleep(delay.total_seconds())
        await self.scan()

    async def _tell(self, gone: list[Item]) -> None:
        for item in gone:
            await self.plugin.tell(item, self._clock.now())

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @contextlib.asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        yield
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class _Watched:
    """The application behind its faults, with every request noted before it is handled."""

    def __init__(self, simulator: JellyfinSimulator) -> None:
        self._simulator = simulator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            query = scope["query_string"].decode()
            self._simulator.calls.append(f"{scope['method']} {scope['path']}" + (f"?{query}" if query else ""))
            if self._simulator.before:
                self._simulator.before(scope["method"], scope["path"])
        await self._simulator.faults(scope, receive, send)


def _words(query: Mapping[str, str], name: str) -> frozenset[str]:
    return frozenset(word.strip().lower() for word in query.get(name, "").split(",")) - {""}


def _row(item: Item, fields: frozenset[str]) -> dict[str, object]:
    """Show an item; path and ids of other services only to whoever asks for these fields."""
    row: dict[str, object] = {"Id": item.id, "Name": item.name, "Type": item.type, "ServerId": "simulated"}
    if item.series is not None:
        row |= {"SeriesId": item.series.id, "SeriesName": item.series.name}
    if item.number is not None:
        row["IndexNumber"] = item.number
    if "path" in fields:
        row["Path"] = str(item.path)
    if "providerids" in fields:
        row["ProviderIds"] = item.provider_ids
    return row
