"""Whoever reads the log learns that a webhook was refused, why, and what to do; and no secret."""

from collections.abc import Iterator, MutableMapping
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from reconciler.web.problems import Problem
from reconciler.web.refusals import AGAIN_AFTER_SECONDS, Refusals
from tests.unit.web.fakes import WEBHOOK_SECRET, FakeClock, World

Lines = list[MutableMapping[str, Any]]
WRONG = "a-wrong-secret-in-a-header"


@pytest.fixture
def lines() -> Iterator[Lines]:
    with capture_logs() as captured:
        yield captured


def refusals_in(lines: Lines) -> Lines:
    return [line for line in lines if line["event"] == "webhook_refused"]


async def post(world: World, path: str, **request: Any) -> httpx.Response:
    async with world.sender() as client:
        return await client.post(path, **request)


@pytest.mark.parametrize(
    ("path", "request_", "status", "problem"),
    [
        ("/webhooks/radarr", {"json": {}, "headers": {"Authorization": WRONG}}, 401, "unauthorized"),
        ("/webhooks/jellyseerr", {"content": b"{", "headers": {"Content-Type": "application/json"}}, 400, "not-json"),
        ("/webhooks/sonarr", {"content": b"{"}, 400, "not-json"),
        ("/webhooks/radarr/other", {"json": {"eventType": "Test"}}, 404, "unknown-instance"),
        ("/webhooks/jellyseerr", {"json": {"x": "y" * 1024 * 1024}}, 413, "too-large"),
        ("/webhooks/jellyseerr", {"content": b"{}"}, 415, "unsupported-type"),
        ("/webhooks/dashboard", {"json": {"media_type": "movie"}}, 422, "invalid"),
        ("/webhooks/radar", {"json": {}}, 404, "not-found"),
        ("/webhooks/radarr/", {"json": {}}, 404, "not-found"),
    ],
)
async def test_a_refused_webhook_leaves_one_warning_that_says_what_to_do(
    world: World, lines: Lines, path: str, request_: dict[str, Any], status: int, problem: str
) -> None:
    response = await post(world, path, **request_)
    assert response.status_code == status
    [line] = refusals_in(lines)
    assert (line["log_level"], line["status"], line["problem"]) == ("warning", status, problem)
    assert line["source"] == ("unknown" if problem == "not-found" else path.split("/")[2])
    assert len(line["what_to_do"].split()) > 2
    assert WRONG not in str(lines)
    assert WEBHOOK_SECRET not in str(lines)


async def test_a_refused_wish_names_its_fields_in_the_log(world: World, lines: Lines) -> None:
    await post(world, "/webhooks/dashboard", json={"media_type": "movie"})
    assert refusals_in(lines)[0]["fields"] == ["tmdb_id"]


@pytest.mark.parametrize(
    ("path", "headers", "problem"),
    [
        ("/webhooks/radarr/other", {}, "unknown-instance"),
        ("/webhooks/radarr", {"Content-Encoding": "gzip"}, "unsupported-encoding"),
    ],
)
async def test_what_is_ignored_because_of_the_set_up_warns_too(
    world: World, lines: Lines, path: str, headers: dict[str, str], problem: str
) -> None:
    response = await post(world, path, json={"eventType": "Rename"}, headers=headers)
    assert response.status_code == 202
    assert [line["problem"] for line in refusals_in(lines)] == [problem]


async def test_what_was_too_large_to_read_warns(world: World, lines: Lines) -> None:
    await post(world, "/webhooks/radarr", content=b" " * (16 * 1024 * 1024 + 1))
    [line] = [line for line in lines if line["event"] == "heard"]
    assert (line["log_level"], line["heard"]) == ("warning", "oversized")


class Ticking(FakeClock):
    seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds


def test_the_same_refusal_warns_once_a_minute(lines: Lines) -> None:
    clock = Ticking()
    refusals = Refusals(clock)
    one, other = Problem(401, "unauthorized", "No", "No."), Problem(400, "not-json", "No", "No.")
    for _ in range(3):
        refusals.note("radarr", one)
    assert len(lines) == 1
    refusals.note("sonarr", one)
    refusals.note("radarr", other)
    assert len(lines) == 3
    clock.seconds = AGAIN_AFTER_SECONDS
    refusals.note("radarr", one)
    assert len(lines) == 4
