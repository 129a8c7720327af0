"""What holds for every answer of the application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from starlette.applications import Starlette
from structlog.testing import capture_logs

from reconciler.web.shield import SECURITY_HEADERS
from tests.unit.web.fakes import World, database_down


@pytest.mark.parametrize("path", ["/nothing", "/status/", "/webhooks/", "/webhooks/other", "/deletions/a/b/c"])
async def test_an_unknown_address_is_404_as_problem_details(world: World, path: str) -> None:
    async with world.person() as client:
        response = await client.get(path)
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json() == {
        "type": "urn:reconciler:problem:not-found",
        "title": "Not Found",
        "status": 404,
        "detail": "There is nothing at this address.",
    }


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/webhooks/radarr", {"POST", "PUT"}),
        ("PUT", "/webhooks/dashboard", {"POST"}),
        ("DELETE", "/deletions", {"GET", "HEAD", "POST"}),
        ("POST", "/status", {"GET", "HEAD"}),
    ],
)
async def test_another_method_is_405_and_says_which_are_allowed(
    world: World, method: str, path: str, allowed: set[str]
) -> None:
    async with world.person() as client:
        response = await client.request(method, path)
    assert response.status_code == 405
    assert response.headers["content-type"] == "application/problem+json"
    assert set(response.headers["allow"].split(", ")) == allowed


@pytest.mark.parametrize("path", ["/livez", "/status", "/nothing", "/metrics", "/deletions?limit=0"])
async def test_every_answer_carries_the_security_headers(world: World, path: str) -> None:
    async with world.person() as client:
        response = await client.get(path)
    own = {"/status": {"Cache-Control": "private, no-cache"}}.get(path, {})  # it is asked again and again
    for name, value in (SECURITY_HEADERS | own).items():
        assert response.headers[name] == value


async def test_what_nobody_foresaw_is_500_without_a_word_about_it(world: World) -> None:
    world.store.broken = RuntimeError("secret hunter2 in /etc/passwd")
    with capture_logs() as logged:
        async with world.person() as client:
            response = await client.get("/status")
    assert response.status_code == 500
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert "hunter2" not in response.text
    assert "RuntimeError" not in response.text
    [line] = [line for line in logged if line["log_level"] == "error"]
    assert (line["event"], line["path"], line["exc_info"]) == ("request_failed", "/status", True)


async def test_a_database_that_is_down_is_503_with_retry_after(world: World) -> None:
    world.store.broken = database_down()
    async with world.person() as client:
        response = await client.get("/status")
    assert (response.status_code, response.headers["retry-after"]) == (503, "5")
    assert "hunter2" not in response.text


async def test_the_application_is_open_while_its_lifespan_is() -> None:
    seen: list[str] = []

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        seen.append("opened")
        yield
        seen.append("closed")

    app = World(lifespan=lifespan).app()
    async with app.router.lifespan_context(app):
        assert seen == ["opened"]
    assert seen == ["opened", "closed"]
