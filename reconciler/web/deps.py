"""What the web application is given. It holds nothing else, and no module here has state of its own."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from starlette.applications import Starlette

from reconciler.clock import Clock
from reconciler.config import Settings
from reconciler.model import DeletionId, DeletionRequest, InstanceName, Source, UpstreamKind
from reconciler.ports import IntakeStore, LoopStatus, Overview, PlanPreview, ReadStore

Preview = Callable[[DeletionId], Awaitable[PlanPreview | None]]
"""Looks at the upstreams and plans one deletion without sending anything; `None` when there is no such deletion."""

DryRun = Callable[[tuple[DeletionRequest, ...]], Awaitable[tuple[PlanPreview, ...]]]
"""Plans wishes that are not in the log, in their order. Looks at the upstreams; writes nothing and sends nothing."""

Lifespan = Callable[[Starlette], AbstractAsyncContextManager[None]]


class WebStore(IntakeStore, ReadStore, Protocol):
    """The part of the store that the web needs."""


class WebMetrics(Protocol):
    """The part of the metrics that the web needs."""

    def webhook(self, source: Source, outcome: str) -> None:
        """Count one webhook: how it was understood, or `rejected`, or `unavailable`."""

    def show(self, overview: Overview, configured: Mapping[InstanceName, UpstreamKind]) -> None:
        """Show what the database knows, of the configured upstreams with their kinds."""

    def lease(self, *, held: bool) -> None:
        """Show whether this process may reconcile."""

    def render(self) -> bytes:
        """Return all metrics in the text format of Prometheus."""


@dataclass(frozen=True)
class WebDeps:
    """`wake` makes the loop look at once, `wake_ledger` makes it read the histories of Radarr and Sonarr at once; both
    are called only after a commit. `status` reads the loop without waiting.

    `body_timeout` is how long one request may take to send its body. `look_at_connections` makes the loop see soon what
    our webhooks at the upstreams look like.
    """

    settings: Settings
    store: WebStore
    clock: Clock
    wake: Callable[[], None]
    wake_ledger: Callable[[], None]
    status: Callable[[], LoopStatus]
    metrics: WebMetrics
    preview: Preview
    dry_run: DryRun
    lifespan: Lifespan | None = None
    body_timeout: timedelta = timedelta(seconds=60)
    look_at_connections: Callable[[], None] = lambda: None
