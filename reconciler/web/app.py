"""The web application: its routes, and the order in which a request meets guard, body and store."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from reconciler.web.deciding import Deciding
from reconciler.web.deletions import Deletions
from reconciler.web.deps import WebDeps
from reconciler.web.guard import Guard
from reconciler.web.ingest import Ingest
from reconciler.web.negotiation import either, wants_page
from reconciler.web.openapi.answering import Description
from reconciler.web.pages.routes import pages_of
from reconciler.web.prefix import Prefix
from reconciler.web.problems import EXCEPTION_HANDLERS
from reconciler.web.receipts import Receipts
from reconciler.web.refusals import Refusals
from reconciler.web.request_log import RequestLog
from reconciler.web.shield import Shield
from reconciler.web.status import StatusDocuments
from reconciler.web.status_reader import StatusReader
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
    deciding = Deciding(deps)
    deletions = Deletions(deps, guard, ingest, deciding)
    status = StatusReader(deps, guard)
    documents = StatusDocuments(deps, guard, status)
    pages = pages_of(deps, guard, status, deciding)
    receipts = Receipts(deps, guard)
    description = Description()
    routes = [
        Route("/webhooks", either(receipts.senders, pages.webhooks), methods=["GET"]),
        Route("/webhooks/jellyseerr", webhooks.jellyseerr, methods=["POST"]),
        Route("/webhooks/jellyfin", webhooks.jellyfin, methods=["POST"]),
        Route("/webhooks/dashboard", webhooks.dashboard, methods=["POST"]),
        Route("/webhooks/radarr", webhooks.radarr, methods=_ARR_METHODS),
        Route("/webhooks/radarr/{instance}", webhooks.radarr, methods=_ARR_METHODS),
        Route("/webhooks/sonarr", webhooks.sonarr, methods=_ARR_METHODS),
        Route("/webhooks/sonarr/{instance}", webhooks.sonarr, methods=_ARR_METHODS),
        Route("/status", either(documents.status, pages.status), methods=["GET"]),
        Route("/widget", documents.widget, methods=["GET"]),
        Route("/deletions", either(deletions.collection, pages.deletions), methods=["GET", "POST"]),
        Route("/deletions/{id}", either(deletions.one, pages.deletion), methods=["GET"]),
        Route("/deletions/{id}/plan", either(deletions.plan, pages.plan), methods=["GET"]),
        Route("/deletions/{id}/attribute", deletions.attribute, methods=["POST"]),
        Route("/deletions/{id}/approve", deletions.approve, methods=["POST"]),
        Route("/deletions/{id}/cancel", deletions.cancel, methods=["POST"]),
        Route("/deletions/{id}/retry", deletions.retry, methods=["POST"]),
        Route("/deletions/{id}/receipt", receipts.of_deletion, methods=["GET"]),
        Route("/receipts", receipts.collection, methods=["GET"]),
        Route("/receipts/{number}", either(receipts.one, pages.receipt), methods=["GET"]),
        Route("/breaker/release", deletions.release_breaker, methods=["POST"]),
        Route("/events", EventStream(deps, guard).events, methods=["GET"]),
        Route("/livez", documents.live, methods=["GET"]),
        Route("/readyz", documents.ready, methods=["GET"]),
        Route("/metrics", documents.metrics, methods=["GET"]),
        Route("/openapi.json", description.openapi, methods=["GET"]),
        *pages.routes,
    ]

    async def http_error(request: Request, error: Exception) -> Response:
        """Answer for the router: a person who mistyped an address gets a page."""
        if isinstance(error, HTTPException) and request.method == "GET" and wants_page(request):
            return await pages.lost(request, error)
        return await refusals.answer_http_error(request, error)

    app = Starlette(
        routes=routes,
        middleware=[
            Middleware(Prefix, root_path=deps.settings.root_path),
            Middleware(RequestLog, clock=deps.clock),
            Middleware(Shield),
        ],
        exception_handlers={**EXCEPTION_HANDLERS, HTTPException: http_error},
        lifespan=deps.lifespan,
    )
    # A redirect of a webhook to the address without its last slash would lose it at senders that do not follow.
    app.router.redirect_slashes = False
    return app
