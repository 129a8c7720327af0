"""What stands before every page: who has not signed in is asked to, and what goes wrong is shown as a page."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from reconciler.errors import StoreError, UpstreamError
from reconciler.web.answers import root_of
from reconciler.web.body import KIB, BodyLimit, read_body, too_large
from reconciler.web.deps import WebDeps
from reconciler.web.guard import Guard
from reconciler.web.negotiation import Endpoint
from reconciler.web.pages.rendering import Renderer
from reconciler.web.problems import Problem, database_trouble, http_problem, upstream_trouble
from reconciler.web.sessions import Access, Session

FORM_LIMIT = BodyLimit(64 * KIB)
MOST_FIELDS = 20
NOBODY = Session("")


Handler = Callable[[Request, Session], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class WayBack:
    """Where somebody came from whom a page refused something."""

    path: str
    words: str


class Door:
    """Wraps handlers of pages; each gets the session of whoever asks."""

    def __init__(self, deps: WebDeps, guard: Guard, renderer: Renderer) -> None:
        self._guard = guard
        self._renderer = renderer
        self._is_public = deps.settings.status_public
        self._within = deps.body_timeout

    def page(self, handler: Handler, *, public: bool = False) -> Endpoint:
        """Return an endpoint for a page; `public` ones are also for those who may see the status only."""

        async def guarded(request: Request, session: Session) -> Response:
            if session.access is None and not (public and self._is_public):
                return self.to_sign_in(request)
            return await handler(request, session)

        return self.open(guarded)

    def open(self, handler: Handler) -> Endpoint:
        """Return an endpoint for a page that needs nobody to have signed in."""

        async def endpoint(request: Request) -> Response:
            try:
                session = self._guard.session(request)
            except Problem as problem:  # this name is not served: nothing more of the request is believed
                return self.trouble(request, NOBODY, problem)
            return await self._answered(handler, request, session)

        return endpoint

    async def fields(self, request: Request, access: Access | None) -> dict[str, str]:
        """Return what a form of ours says. Raises 401, 403 or 413; nothing is done before it is known to be ours."""
        raw = await read_body(request, FORM_LIMIT, within=self._within)
        if raw is None:
            raise too_large(FORM_LIMIT)
        try:
            given = dict(parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS))
        except ValueError:
            given = {}
        self._guard.require_form(request, given.get("form_token", ""), access)
        return given

    def saying(self, session: Session, message: str) -> str:
        """Return what the address of the next page carries, so that it says this once."""
        return self._guard.sessions.saying(session, message)

    async def lost(self, request: Request, error: HTTPException) -> Response:
        """Return a page for an address at which there is nothing."""
        try:
            session = self._guard.session(request)
        except Problem as problem:
            return self.trouble(request, NOBODY, problem)
        return self.trouble(request, session, http_problem(error))

    def to_sign_in(self, request: Request) -> Response:
        """Send somebody to sign in, and back afterwards."""
        root = root_of(request)
        here = request.url.path.removeprefix(root) or "/"
        query = f"?{request.url.query}" if request.url.query else ""
        back = f"?next={quote(here + query, safe='')}" if request.method == "GET" and here != "/" else ""
        return RedirectResponse(f"{root}/sign-in{back}", status_code=303)

    async def _answered(self, handler: Handler, request: Request, session: Session) -> Response:
        try:
            response = await handler(request, session)
        except Problem as problem:
            if problem.status == 401:
                return self.to_sign_in(request)
            response = self.trouble(request, session, problem)
        except StoreError as error:
            response = self.trouble(request, session, database_trouble(request, error))
        except UpstreamError as error:
            response = self.trouble(request, session, upstream_trouble(error))
        if session.is_new and "set-cookie" not in response.headers:
            self._guard.sessions.keep(response, request, session)
        return response

    def trouble(self, request: Request, session: Session, problem: Problem) -> Response:
        """Return a page that says what is wrong."""
        response = self._renderer.response(
            request,
            "trouble.html",
            session,
            status_code=problem.status,
            problem=problem,
            back=_way_back(request) if session.access is not None and problem.status != 404 else None,
        )
        response.headers.update(problem.headers)
        return response


def _way_back(request: Request) -> WayBack | None:
    """Return the page that what was asked for is about, unless it is that page itself."""
    match request.url.path.removeprefix(root_of(request)).strip("/").split("/"):
        case ["deletions", deletion, _, *_]:
            return WayBack(f"/deletions/{quote(deletion, safe='')}", "Back to the deletion")
        case ["needs-you", _, *_]:
            return WayBack("/needs-you", "Back to what needs you")
        case _:
            return None
