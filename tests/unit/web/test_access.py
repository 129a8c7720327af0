"""What the two tokens allow: one everything, the other to look."""

import pytest
from pydantic import SecretStr

from tests.unit.web.fakes import API_TOKEN, World, movie, settings

READ_TOKEN = "read-token-of-this-test"
MOVIE_ID = movie().deletion.id
LOOKS = [("GET", "/status"), ("GET", "/deletions"), ("GET", f"/deletions/{MOVIE_ID}")]
CHANGES = [
    ("POST", "/deletions"),
    ("POST", "/breaker/release"),
    *(("POST", f"/deletions/{MOVIE_ID}/{what}") for what in ("approve", "attribute", "cancel", "retry")),
]


@pytest.fixture
def world() -> World:
    world = World(settings=settings(read_token=SecretStr(READ_TOKEN)))
    world.store.add(movie())
    return world


@pytest.mark.parametrize(("method", "path"), LOOKS)
async def test_the_read_token_lets_look(world: World, method: str, path: str) -> None:
    async with world.client(secret=READ_TOKEN) as client:
        assert (await client.request(method, path)).status_code == 200


@pytest.mark.parametrize(("method", "path"), CHANGES)
async def test_the_read_token_changes_nothing(world: World, method: str, path: str) -> None:
    async with world.client(secret=READ_TOKEN) as client:
        response = await client.request(method, path)
    assert response.status_code == 403
    assert response.json()["type"] == "urn:reconciler:problem:insufficient-scope"
    assert 'error="insufficient_scope"' in response.headers["www-authenticate"]
    assert not world.store.decided
    assert not world.store.written


async def test_a_dry_run_only_looks_but_not_when_it_is_mistyped(world: World) -> None:
    wish = {"media_type": "movie", "tmdb_id": 603}
    async with world.client(secret=READ_TOKEN) as client:
        assert (await client.post("/deletions?dry_run=true", json=wish)).status_code == 200
        for mistyped in ("?dry_run=yes", "?dryrun=true", "?dry_run=true&dry_run=no", "?dry_run=no&dry_run=true"):
            assert (await client.post(f"/deletions{mistyped}", json=wish)).status_code == 403
    assert not world.store.written


async def test_the_api_token_does_both(world: World) -> None:
    async with world.client(secret=API_TOKEN) as client:
        assert (await client.get("/status")).status_code == 200
        assert (await client.post(f"/deletions/{MOVIE_ID}/cancel")).status_code == 200


async def test_the_webhook_secret_is_no_token(world: World) -> None:
    async with world.sender() as client:
        assert (await client.get("/status")).status_code == 401
