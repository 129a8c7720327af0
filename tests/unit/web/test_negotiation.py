"""Browsers get pages, programs get documents."""

import pytest
from starlette.requests import Request

from reconciler.web.negotiation import wants_page
from tests.unit.web.fakes import World

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "page"),
    [
        (BROWSER, True),
        ("text/html", True),
        ("text/html;q=0.9, application/json;q=0.8", True),
        ("TEXT/HTML", True),
        (None, False),
        ("", False),
        ("*/*", False),
        ("application/json", False),
        ("application/json, text/html;q=0.9", False),
        ("text/html;q=0", False),
        ("text/html;q=nonsense", False),
        ("text/*", False),
    ],
)
def test_only_who_prefers_html_gets_a_page(accept: str | None, page: bool) -> None:
    headers = [] if accept is None else [(b"accept", accept.encode())]
    assert wants_page(Request({"type": "http", "headers": headers})) is page


@pytest.mark.parametrize("path", ["/status", "/deletions"])
async def test_an_answer_says_what_it_depends_on(world: World, path: str) -> None:
    async with world.person() as client:
        document = await client.get(path)
        page = await client.get(path, headers={"Accept": BROWSER})
    assert document.headers["content-type"] == "application/json"
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert all("Accept" in response.headers["vary"] for response in (document, page))
