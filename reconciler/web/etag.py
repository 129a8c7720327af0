"""Answers that need not be sent again: a name for what they say, and 304 for who knows it already."""

import hashlib
from collections.abc import Collection

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from reconciler.web.answers import answer

VARY = "Accept, Authorization, Cookie, X-Api-Key"
"""What an answer depends on: its form, and who asks."""


def answer_unless_known(request: Request, document: BaseModel, *, besides: Collection[str] = ()) -> Response:
    """Answer with a document, or with 304 if the client has one that says the same.

    `besides` are the fields that change at each look and say nothing new; so the name is a weak one.
    """
    text = document.model_dump_json(by_alias=True, exclude=set(besides))
    etag = f'W/"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'
    response = Response(status_code=304) if knows(request, etag) else answer(document)
    response.headers.update({"ETag": etag, "Cache-Control": "private, no-cache", "Vary": VARY})
    return response


def knows(request: Request, etag: str) -> bool:
    """Tell whether `If-None-Match` names what would be sent (RFC 9110, 13.1.2: compared weakly)."""
    named = ",".join(request.headers.getlist("if-none-match"))
    if named.strip() == "*":
        return True
    return etag.removeprefix("W/") in {one.strip().removeprefix("W/") for one in named.split(",")}
