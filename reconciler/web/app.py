"""The web application: its routes, and the order in which a request meets guard, body and store."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Route

from reconciler.web.deletions import Deletions
from reconciler.web.deps import WebDeps
from reconciler.web.guard import Guard
from reconciler.web.ingest import Ingest
from reconciler.web.prefix import Prefix
from reconciler.web.problems import EXCEPTION_HANDLERS
from reconciler.web.refusals import Refusals
from reconciler.web.request_log import RequestLog
from reconciler.web.shield import Shield
from reconciler.web.status import StatusPages
from reconciler.web.stream import EventStream
from reconciler.web.webhooks import Webhooks

__all__ = ["WebDeps", "create_app"]

_ARR_METHODS = ["POST", "PUT"]  # Radarr and Sonarr let the operator choose (upstreams.md 4.1)


def create_app(deps: WebDeps) -> Starlette:
    """Build the application; it owns nothing but what `deps.lifespan` opens and closes."""
    guard = Guard(deps.settings, deps.clock)
    ingest = Ingest(deps)
    refusals = Refusals(deps.clock)
    webhooks = Webhooks(deps, guard, ingest, refusals)
    deletions = Deletions(deps, guard, ingest)
    pages = StatusPages(deps, guard)
    routes = [
        Route("/webhooks/jellyseerr", webhooks.jellyseerr, methods=["POST"]),
        Route("/webhooks/jellyfin", webhooks.jellyfin, methods=["POST"]),
        Route("/webhooks/dashboard", webhooks.dashboard, methods=["POST"]),
        Route("/webhooks/radarr", webhooks.radarr, methods=_ARR_METHODS),
        Route("/webhooks/radarr/{instance}", webhooks.radarr, methods=_ARR_METHODS),
        Route("/webhooks/sonarr", webhooks.sonarr, methods=_ARR_METHODS),
        Route("/webhooks/sonarr/{instance}", webhooks.sonarr, methods=_ARR_METHODS),
        Route("/status", pages.status, methods=["GET"]),
        Route("/deletions", deletions.collection, methods=["GET", "POST"]),
        Route("/deletions/{id}", deletions.one, methods=["GET"]),
        Route("/deletions/{id}/plan", deletions.plan, methods=["GET"]),
        Route("/deletions/{id}/attribute", deletions.attribute, methods=["POST"]),
        Route("/deletions/{id}/approve", deletions.approve, methods=["POST"]),
        Route("/deletions/{id}/cancel", deletions.cancel, methods=["POST"]),
        Route("/deletions/{id}/retry", deletions.retry, methods=["POST"]),
        Route("/breaker/release", deletions.release_breaker, methods=["POST"]),
        Route("/events", EventStream(deps, guard).events, methods=["GET"]),
        Route("/livez", pages.live, methods=["GET"]),
        Route("/readyz", pages.ready, methods=["GET"]),
        Route("/metrics", pages.metrics, methods=["GET"]),
    ]
    app = Starlette(
        routes=routes,
        middleware=[
            Middleware(Prefix, root_path=deps.settings.root_path),
            Middleware(RequestLog, clock=deps.clock),
            Middleware(Shield),
        ],
        exception_handlers={**EXCEPTION_HANDLERS, HTTPException: refusals.answer_http_error},
        lifespan=deps.lifespan,
    )
    # A redirect of a webhook to the address without its last slash would lose it at senders that do not follow.
    app.router.redirect_slashes = False
    return app
