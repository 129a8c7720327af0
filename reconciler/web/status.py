"""What the service says of itself: `/status`, the probes and the metrics."""

import contextlib

from starlette.requests import Request
from starlette.responses import Response

from reconciler.errors import StoreError
from reconciler.telemetry import CONTENT_TYPE
from reconciler.web.answers import answer
from reconciler.web.deps import WebDeps
from reconciler.web.etag import answer_unless_known
from reconciler.web.guard import Guard
from reconciler.web.problems import Problem
from reconciler.web.schemas import LiveOut, ReadyOut
from reconciler.web.sessions import Access
from reconciler.web.status_reader import StatusReader, configured_instances
from reconciler.web.widget import widget_out


class StatusDocuments:
    """The handlers. Probes and metrics need no secret: they show no title, no path and no address."""

    def __init__(self, deps: WebDeps, guard: Guard, status: StatusReader) -> None:
        self._deps = deps
        self._guard = guard
        self._status = status

    async def live(self, _request: Request) -> Response:
        return answer(LiveOut())

    async def ready(self, _request: Request) -> Response:
        if not await self._deps.store.ready():
            raise Problem(
                503,
                "not-ready",
                "Not ready",
                "The database does not answer, or its schema is not the one this version needs.",
                headers={"Retry-After": "5"},
            )
        return answer(ReadyOut())

    async def metrics(self, _request: Request) -> Response:
        """Show the counters of this process, and what the database says of all; without it only the former."""
        metrics = self._deps.metrics
        metrics.lease(held=self._deps.status().lease_held)
        with contextlib.suppress(StoreError):
            metrics.show(await self._deps.store.overview(), configured_instances(self._deps.settings))
        return Response(metrics.render(), headers={"Content-Type": CONTENT_TYPE})

    async def status(self, request: Request) -> Response:
        self._guard.require(request, Access.READ)
        return answer_unless_known(request, await self._status.read(), besides={"now"})

    async def widget(self, request: Request) -> Response:
        self._guard.require(request, Access.READ)
        return answer(widget_out(await self._status.read(with_titles=False)))
