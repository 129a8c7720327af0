"""`GET /docs`: the API described for people, from the document that programs get."""

import re

from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import Response

from reconciler.web.answers import root_of
from reconciler.web.openapi.document import document
from reconciler.web.openapi.reading import chapters, shapes
from reconciler.web.pages.rendering import Renderer
from reconciler.web.sessions import Session

_CODE = re.compile(r"`([^`]+)`")


class ApiPage:
    """The handler."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer

    async def page(self, request: Request, session: Session) -> Response:
        made = document(root_of(request))
        return self._renderer.response(
            request, "docs.html", session, info=made["info"], chapters=chapters(made), shapes=shapes(made), prose=prose
        )


def prose(text: str) -> Markup:
    """Return text as HTML, with `code` as such; an empty line begins a new paragraph."""
    paragraphs = [_CODE.sub(r"<code>\1</code>", str(escape(one))) for one in text.split("\n\n") if one.strip()]
    return Markup("".join(f"<p>{one}</p>" for one in paragraphs))  # noqa: S704 - escaped above
