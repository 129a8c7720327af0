"""Bodies that are too large, too slow, too deep, or no JSON."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from reconciler.ports import Heard
from reconciler.web.body import KIB, MIB
from tests.unit.web.fakes import Chunks, World

JSON = {"Content-Type": "application/json"}
LIMITED = [("/webhooks/dashboard", 64 * KIB), ("/webhooks/jellyseerr", MIB), ("/webhooks/jellyfin", MIB)]
ALL = ["/webhooks/dashboard", "/webhooks/jellyseerr", "/webhooks/jellyfin", "/webhooks/radarr", "/webhooks/sonarr"]


@pytest.mark.parametrize(("path", "limit"), LIMITED)
async def test_a_body_over_the_limit_is_refused_and_not_read_on(world: World, path: str, limit: int) -> None:
    body = Chunks(1000)
    async with world.sender() as client:
        response = await client.post(path, content=body, headers=JSON)
    assert response.status_code == 413
    assert body.taken == limit // (64 * KIB) + 1
    assert not world.store.written


@pytest.mark.parametrize(("path", "limit"), LIMITED)
async def test_a_content_length_that_lies_does_not_help(world: World, path: str, limit: int) -> None:
    body = Chunks(1000)
    async with world.sender() as client:
        response = await client.post(path, content=body, headers={**JSON, "Content-Length": "10"})
    assert response.status_code == 413
    assert body.taken == limit // (64 * KIB) + 1


@pytest.mark.parametrize(("path", "limit"), LIMITED)
async def test_a_content_length_over_the_limit_is_believed_at_once(world: World, path: str, limit: int) -> None:
    body = Chunks(1)
    async with world.sender() as client:
        response = await client.post(path, content=body, headers={**JSON, "Content-Length": str(limit + 1)})
    assert response.status_code == 413
    assert body.taken == 0


async def test_a_body_of_exactly_the_limit_is_taken(world: World) -> None:
    wish = b'{"media_type":"movie","tmdb_id":603}'
    async with world.sender() as client:
        response = await client.post("/webhooks/dashboard", content=wish.ljust(64 * KIB), headers=JSON)
    assert response.status_code == 202


@pytest.mark.parametrize("kind", ["radarr", "sonarr"])
async def test_a_library_body_over_16_mib_is_thrown_away_recorded_and_made_good(world: World, kind: str) -> None:
    body = Chunks(16 * 16 + 5)
    async with world.sender() as client:
        response = await client.post(f"/webhooks/{kind}", content=body)
    assert response.status_code == 202
    assert response.json()["heard"] == "oversized"
    assert body.taken == 16 * 16 + 5, "the sender must get through to hear the answer"
    [(receipt, understood)] = world.store.written
    assert understood.heard is Heard.OVERSIZED
    assert len(receipt.body) < 100
    assert world.wakes == [1]
    assert world.ledger_wakes == [1], "the histories are read at once, and only after the commit"


async def test_a_large_library_body_under_16_mib_is_understood(world: World) -> None:
    payload = {"eventType": "Rename", "overview": "x" * (3 * MIB)}
    async with world.sender() as client:
        response = await client.post("/webhooks/radarr", json=payload)
    assert (response.status_code, response.json()["heard"]) == (202, "ignored")


async def test_a_body_that_never_ends_is_given_up() -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    world = World(body_timeout=timedelta(milliseconds=20))
    async with world.sender() as client:
        response = await client.post("/webhooks/dashboard", content=endless(), headers=JSON)
    assert response.status_code == 408


@pytest.mark.parametrize("path", ALL)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        b'{"a":',
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b'{"a":1e999}',
        b'{"a":' + b"1" * 5000 + b"}",
        b'\xff\xfe{"a":1}',
        b"[" * 50_000,
        b"[" * 100 + b"]" * 100,
        b'{"a":' * 500 + b"1" + b"}" * 500,
    ],
    ids=["empty", "text", "half", "nan", "infinity", "huge", "digits", "utf-16", "bomb", "deep-list", "deep-object"],
)
async def test_what_is_no_bearable_json_is_400_everywhere(world: World, path: str, body: bytes) -> None:
    async with world.sender() as client:
        response = await client.post(path, content=body, headers=JSON)
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"
    assert not world.store.written


async def test_an_explicit_wish_that_says_a_key_twice_is_refused(world: World) -> None:
    async with world.sender() as client:
        response = await client.post(
            "/webhooks/dashboard", content=b'{"media_type":"movie","tmdb_id":1,"tmdb_id":2}', headers=JSON
        )
    assert response.status_code == 400


@pytest.mark.parametrize("path", ["/webhooks/dashboard", "/webhooks/jellyseerr"])
@pytest.mark.parametrize("declared", [None, "text/plain", "application/x-www-form-urlencoded", "application/jsonp"])
async def test_another_content_type_is_415(world: World, path: str, declared: str | None) -> None:
    async with world.sender() as client:
        response = await client.post(path, content=b"{}", headers={"Content-Type": declared} if declared else {})
    assert response.status_code == 415


@pytest.mark.parametrize("declared", ["application/json; charset=utf-8", "Application/JSON", "application/x+json"])
async def test_json_is_recognised_however_it_is_declared(world: World, declared: str) -> None:
    async with world.sender() as client:
        response = await client.post(
            "/webhooks/jellyseerr",
            content=b'{"notification_type":"MEDIA_PENDING"}',
            headers={"Content-Type": declared},
        )
    assert response.status_code == 202


@pytest.mark.parametrize("headers", [{}, {"Content-Type": "text/plain"}])
async def test_radarr_may_declare_what_it_likes(world: World, headers: dict[str, str]) -> None:
    async with world.sender() as client:
        response = await client.put("/webhooks/radarr", content=b'{"eventType":"Rename"}', headers=headers)
    assert response.status_code == 202


@pytest.mark.parametrize("headers", [{}, {"Content-Type": "text/plain; charset=utf-8"}])
async def test_jellyfin_sends_its_json_as_plain_text(world: World, headers: dict[str, str]) -> None:
    async with world.sender() as client:
        response = await client.post("/webhooks/jellyfin", content=b'{"NotificationType":"ItemAdded"}', headers=headers)
    assert (response.status_code, response.json()["heard"]) == (202, "ignored")


@pytest.mark.parametrize("path", ["/webhooks/dashboard", "/webhooks/jellyseerr", "/webhooks/jellyfin"])
async def test_a_compressed_body_is_415(world: World, path: str) -> None:
    async with world.sender() as client:
        response = await client.post(path, content=b"\x1f\x8b", headers={**JSON, "Content-Encoding": "gzip"})
    assert response.status_code == 415


@pytest.mark.parametrize("kind", ["radarr", "sonarr"])
async def test_a_compressed_body_of_a_library_is_read_to_its_end_and_ignored_lest_it_be_muted(
    world: World, kind: str
) -> None:
    body = Chunks(3, first=b"\x1f\x8b")
    async with world.sender() as client:
        response = await client.post(f"/webhooks/{kind}", content=body, headers={"Content-Encoding": "gzip"})
    assert (response.status_code, response.json()["heard"]) == (202, "ignored")
    assert "uncompressed" in response.json()["reason"]
    assert body.taken == 3
    assert len(world.store.written) == 1
    assert not world.wakes


async def test_text_that_no_database_takes_is_made_storable(world: World) -> None:
    body = b'{"eventType":"Rename","movie":{"title":"a\\u0000b\\ud800c\\ud83d\\ude00"}}'
    async with world.sender() as client:
        response = await client.post("/webhooks/radarr", content=body)
    assert response.status_code == 202
    [(receipt, _)] = world.store.written
    assert json.loads(receipt.body)["movie"]["title"] == "a\ufffdb\ufffdc\U0001f600"
