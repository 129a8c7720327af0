"""`GET /openapi.json`: the API described for programs. It tells nothing of this installation, so it asks no secret."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from reconciler.web.answers import root_of
from reconciler.web.openapi.document import document


class Description:
    """The handler."""

    async def openapi(self, request: Request) -> Response:
        return JSONResponse(document(root_of(request)))
