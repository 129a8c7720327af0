"""Every page and its address; those that programs share are put together with the documents in `app.py`."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from reconciler.web.deciding import Deciding
from reconciler.web.deps import WebDeps
from reconciler.web.guard import Guard
from reconciler.web.negotiation import Endpoint
from reconciler.web.pages.api import ApiPage
from reconciler.web.pages.decisions import Decisions
from reconciler.web.pages.door import Door
from reconciler.web.pages.home import Home
from reconciler.web.pages.log import Log
from reconciler.web.pages.rendering import Renderer
from reconciler.web.pages.signing_in import SigningIn
from reconciler.web.pages.static_files import KeptFiles
from reconciler.web.pages.webhooks import WebhookPages
from reconciler.web.status_reader import StatusReader


@dataclass(frozen=True, slots=True)
class Pages:
    """The pages at addresses that are also those of documents, and the routes of all others."""

    status: Endpoint
    deletions: Endpoint
    deletion: Endpoint
    plan: Endpoint
    webhooks: Endpoint
    receipt: Endpoint
    routes: tuple[BaseRoute, ...]
    lost: Callable[[Request, HTTPException], Awaitable[Response]]


def pages_of(deps: WebDeps, guard: Guard, status: StatusReader, deciding: Deciding) -> Pages:
    renderer = Renderer(deps.clock, guard)
    door = Door(deps, guard, renderer)
    home = Home(deps.store, status, renderer)
    log = Log(deps.store, deps.preview, renderer, deps.clock)
    decisions = Decisions(deps.store, deciding, door, renderer)
    webhooks = WebhookPages(deps.settings, deps.store, renderer)
    signing = SigningIn(guard, door, renderer)
    status_page = door.page(home.page, public=True)
    routes = (
        Route("/", status_page, methods=["GET"]),
        Route("/needs-you", door.page(decisions.needs_you), methods=["GET"]),
        Route("/needs-you/breaker", door.page(decisions.ask_about_breaker), methods=["GET"]),
        Route("/needs-you/breaker", door.page(decisions.release_breaker), methods=["POST"]),
        Route("/deletions/{id}/confirm/{decision}", door.page(decisions.ask), methods=["GET"]),
        Route("/deletions/{id}/confirm/{decision}", door.page(decisions.decide), methods=["POST"]),
        Route("/sign-in", door.open(signing.form), methods=["GET"]),
        Route("/sign-in", door.open(signing.sign_in), methods=["POST"]),
        Route("/sign-out", door.open(signing.sign_out), methods=["POST"]),
        Route("/docs", door.open(ApiPage(renderer).page), methods=["GET"]),
        Mount("/static", KeptFiles(), name="static"),
    )
    return Pages(
        status=status_page,
        deletions=door.page(log.list),
        deletion=door.page(log.one),
        plan=door.page(log.plan),
        webhooks=door.page(webhooks.page),
        receipt=door.page(webhooks.receipt),
        routes=routes,
        lost=door.lost,
    )
