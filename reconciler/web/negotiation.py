"""Which of the two that live at one address is meant: the page for people, or the document for programs."""

import re
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

Endpoint = Callable[[Request], Awaitable[Response]]


def wants_page(request: Request) -> bool:
    """Tell whether a page is preferred: browsers name `text/html`, programs rarely do, and `*/*` means the document."""
    qualities = {}
    for part in request.headers.get("accept", "").split(","):
        media_type, *parameters = (piece.strip().lower() for piece in part.split(";"))
        quality = next((p[2:] for p in parameters if p.startswith("q=")), "1")
        qualities[media_type] = float(quality) if quality.replace(".", "", 1).isdecimal() else 0.0
    page, document = qualities.get("text/html", 0.0), qualities.get("application/json", 0.0)
    return page > 0 and page >= document


def either(document: Endpoint, page: Endpoint) -> Endpoint:
    """Return one endpoint for both. What changes something is always the document's."""

    async def negotiated(request: Request) -> Response:
        is_page = request.method in {"GET", "HEAD"} and wants_page(request)
        response = await (page if is_page else document)(request)
        if "accept" not in re.split(r"[,\s]+", response.headers.get("vary", "").lower()):
            response.headers.add_vary_header("Accept")
        return response

    return negotiated
