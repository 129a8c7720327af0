"""A simulated Seerr 3.1: state, REST API, jobs and webhooks in one object.

What a caller may see is as the real one answers it, including what it gets wrong: 404 for every failure of a delete,
filters that are accepted and ignored, a call that never answers, webhooks that are sent once and forgotten.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from reconciler.clock import Clock, SystemClock
from reconciler.simulators.faults import Faults
from reconciler.simulators.seerr_api import SeerrApi
from reconciler.simulators.seerr_http import forgery_guarded, unknown_route
from reconciler.simulators.seerr_media_server import MediaServer
from reconciler.simulators.seerr_notifications import ALL_TYPES
from reconciler.simulators.seerr_servers import Server
from reconciler.simulators.seerr_service import SeerrService
from reconciler.simulators.seerr_state import SeerrDatabase
from reconciler.simulators.seerr_webhooks import DEFAULT_TEMPLATE, WebhookAgent, WebhookSettings


class SeerrSimulator:
    """One Seerr.

    `app` is the ASGI application, `faults` makes it fail, `calls` lists what was asked (method, path and query), and
    `before` is called ahead of each request, so that a test can change the state between two of them. `database` is
    for seeding and looking, `service` for what people and time do, `agent` for the webhooks.
    """

    def __init__(
        self,
        api_key: str,
        clock: Clock | None = None,
        *,
        radarr_url: str | None = None,
        radarr_api_key: str = "",
        sonarr_url: str | None = None,
        sonarr_api_key: str = "",
    ) -> None:
        clock = clock or SystemClock()
        self.database = SeerrDatabase(clock)
        self.agent = WebhookAgent()
        self.service = SeerrService(self.database, self.agent)
        self.calls: list[str] = []
        self.before: Callable[[str, str], None] | None = None
        self._closing = asyncio.Event()
        if radarr_url is not None:
            self.add_server(Server(0, "radarr", radarr_url, radarr_api_key))
        if sonarr_url is not None:
            self.add_server(Server(0, "sonarr", sonarr_url, sonarr_api_key))
        api = SeerrApi(self.service, clock, self._closing)
        starlette = Starlette(
            routes=api.routes(api_key),
            exception_handlers={HTTPException: unknown_route},
            lifespan=self._lifespan,
        )
        self.faults = Faults(forgery_guarded(starlette, self.service))
        self.app: ASGIApp = _Watched(self)

    def add_server(self, server: Server) -> None:
        """Configure a Radarr or Sonarr that approved requests are sent to."""
        self.service.servers.append(server)

    def connect_jellyfin(self, url: str, api_key: str) -> None:
        """Configure the Jellyfin that scans and availability sync ask."""
        self.service.media_server = MediaServer(url, api_key)

    def configure_webhook(
        self, url: str, *, auth_header: str = "", types: int = ALL_TYPES, template: str = DEFAULT_TEMPLATE
    ) -> None:
        """Set the webhook agent up as a person does on its settings page; `template` is JSON text."""
        self.agent.settings = WebhookSettings(True, types, url, auth_header, template)

    async def settled(self) -> None:
        """Wait until orders to servers, jobs and webhooks under way have ended."""
        await self.service.settled()

    async def aclose(self) -> None:
        """End everything that still runs; serving the application does this by itself when it ends."""
        self._closing.set()
        await self.service.aclose()

    @contextlib.asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        yield
        await self.aclose()


class _Watched:
    """The application behind its faults, with every request noted before it is handled."""

    def __init__(self, simulator: SeerrSimulator) -> None:
        self._simulator = simulator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            query = scope["query_string"].decode()
            self._simulator.calls.append(f"{scope['method']} {scope['path']}" + (f"?{query}" if query else ""))
            if self._simulator.before:
                self._simulator.before(scope["method"], scope["path"])
        await self._simulator.faults(scope, receive, send)
