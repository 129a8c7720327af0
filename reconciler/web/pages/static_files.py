"""Stylesheet, script and icon, from the package. Their addresses carry a fingerprint, so they are kept for good."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from reconciler.web.pages.rendering import STATIC, fingerprint


class KeptFiles(StaticFiles):
    """Static files that browsers need not ask for again."""

    def __init__(self) -> None:
        super().__init__(directory=STATIC)

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        # While versions change, another replica's page may ask for what this one does not have yet, or no more.
        is_asked_for = Request(scope).query_params.get("v") == fingerprint(path)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if is_asked_for else "no-cache"
        return response
