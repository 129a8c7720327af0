"""`/openapi.json` for programs, and `/docs`, the same for people. Both say nothing about this installation."""

import re
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response

from reconciler.web.answers import root_of
from reconciler.web.openapi.document import document
from reconciler.web.openapi.reading import chapters, shapes

_PAGES = Path(__file__).parents[1] / "pages"
_CODE = re.compile(r"`([^`]+)`")

CONTENT_POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


class DocumentPages:
    """The handlers. They ask for no secret, and nobody else for anything."""

    async def openapi(self, request: Request) -> Response:
        return JSONResponse(document(root_of(request)))

    async def docs(self, request: Request) -> Response:
        made = document(root_of(request))
        text = _page().render(root=root_of(request), info=made["info"], chapters=chapters(made), shapes=shapes(made))
        return HTMLResponse(text, headers={"Content-Security-Policy": CONTENT_POLICY})

    async def style(self, _request: Request) -> Response:
        return FileResponse(_PAGES / "static" / "docs.css", media_type="text/css")


@cache
def _page() -> Template:
    environment = Environment(
        loader=FileSystemLoader(_PAGES / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters["prose"] = prose
    return environment.get_template("docs.html")


def prose(text: str) -> Markup:
    """Return text as HTML, with `code` as such; an empty line begins a new paragraph."""
    paragraphs = [_CODE.sub(r"<code>\1</code>", str(escape(one))) for one in text.split("\n\n") if one.strip()]
    return Markup("".join(f"<p>{one}</p>" for one in paragraphs))  # noqa: S704 - escaped above
