"""Signing in with a token, and out again."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from reconciler.telemetry import get_logger
from reconciler.web.answers import root_of
from reconciler.web.guard import Guard
from reconciler.web.pages.door import Door
from reconciler.web.pages.rendering import Renderer
from reconciler.web.sessions import Session

_LONGEST_WAY_BACK = 1000


class SigningIn:
    """The handlers."""

    def __init__(self, guard: Guard, door: Door, renderer: Renderer) -> None:
        self._guard = guard
        self._door = door
        self._renderer = renderer

    async def form(self, request: Request, session: Session) -> Response:
        if session.access is not None:
            return RedirectResponse(_back(request, request.query_params.get("next", "")), status_code=303)
        return self._shown(request, session)

    async def sign_in(self, request: Request, session: Session) -> Response:
        fields = await self._door.fields(request, None)
        token = self._guard.sign_in(fields.get("token", "").strip())
        if token is None:
            get_logger(__name__).warning("sign_in_refused")
            return self._shown(request, session, status_code=403, is_wrong=True, way_back=fields.get("next", ""))
        response = RedirectResponse(_back(request, fields.get("next", "")), status_code=303)
        self._guard.sessions.begin(response, request, token)
        return response

    async def sign_out(self, request: Request, session: Session) -> Response:
        del session
        await self._door.fields(request, None)
        response = RedirectResponse(f"{root_of(request)}/sign-in", status_code=303)
        self._guard.sessions.end(response, request)
        return response

    def _shown(
        self, request: Request, session: Session, *, status_code: int = 200, is_wrong: bool = False, way_back: str = ""
    ) -> Response:
        way_back = way_back or request.query_params.get("next", "")
        return self._renderer.response(
            request,
            "sign_in.html",
            session,
            status_code=status_code,
            is_wrong=is_wrong,
            way_back=way_back[:_LONGEST_WAY_BACK],
        )


def _back(request: Request, wanted: str) -> str:
    """Return where to go after signing in: an address of ours, whatever the link said."""
    is_ours = wanted.startswith("/") and not wanted.startswith("//") and wanted.isascii() and wanted.isprintable()
    is_ours = is_ours and "\\" not in wanted and len(wanted) <= _LONGEST_WAY_BACK
    return root_of(request) + (wanted if is_ours else "/")
