"""Every request has a name, which all its log lines and its answer carry, and leaves one line that cannot be forged."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import structlog
from starlette.types import Message

from reconciler.errors import UpstreamError
from reconciler.model import DeletionId
from reconciler.ports import PlanPreview
from reconciler.schedule import Schedule
from reconciler.telemetry import answering, asked_about, get_logger
from reconciler.web.request_log import HEADER
from tests.support.clocks import RunningClock
from tests.support.log_lines import Log, logged
from tests.unit.web.fakes import API_TOKEN, WEBHOOK_SECRET, World, database_down, movie, send

FORGED = 'x\r\n{"event": "forged"}\u2028\x85\x1b[2K'


@pytest.fixture
def log() -> Iterator[Log]:
    with logged() as lines:
        yield lines


async def test_a_change_leaves_a_line_with_its_route_and_end_and_no_word_of_what_was_sent(
    world: World, log: Log
) -> None:
    deletion = world.store.add(movie())
    async with world.person() as client:
        response = await client.post(f"/deletions/{deletion}/retry?token=hunter2")
    (line,) = log.of("request")
    assert (line["level"], line["method"], line["route"], line["status"]) == (
        "info",
        "POST",
        "/deletions/{id}/retry",
        200,
    )
    assert line["seconds"] >= 0
    assert line["deletion_id"] == deletion
    assert line["request_id"] == response.headers[HEADER]
    assert "hunter2" not in log.text
    assert API_TOKEN not in log.text


async def test_reading_is_told_to_those_only_who_want_to_know_everything(world: World, log: Log) -> None:
    async with world.person() as client:
        await client.get("/status")
        await client.get("/nothing/here")
    assert [(line["level"], line["route"], line["status"]) for line in log.of("request")] == [
        ("debug", "/status", 200),
        ("debug", None, 404),
    ]


async def test_all_that_is_logged_for_a_request_has_its_name_and_nothing_else_does(world: World, log: Log) -> None:
    wish = {"media_type": "movie", "tmdb_id": 603}
    app = world.app()
    async with world.sender(app) as client:
        first = await client.post("/webhooks/dashboard", json=wish)
        second = await client.post("/webhooks/dashboard", json=wish)
    get_logger().info("afterwards")
    names = [response.headers[HEADER] for response in (first, second)]
    assert len(set(names)) == 2
    assert [line["request_id"] for line in log.of("heard")] == names
    assert [line["request_id"] for line in log.of("request")] == names
    assert "request_id" not in log.of("afterwards")[0]


async def test_what_a_request_was_about_is_forgotten_with_it(log: Log) -> None:
    with answering("one"):
        asked_about(DeletionId("a deletion"))
        get_logger().info("inside")
    get_logger().info("outside")
    assert [line.get("deletion_id") for line in log.lines] == ["a deletion", None]


@pytest.mark.parametrize("given", ["a", "Trace-1.2_3", "x" * 64])
async def test_a_name_that_came_along_is_kept(world: World, log: Log, given: str) -> None:
    async with world.client() as client:
        response = await client.get("/livez", headers={HEADER: given})
    assert response.headers[HEADER] == given
    assert log.of("request")[0]["request_id"] == given


@pytest.mark.parametrize(
    "given", [b"", b"x" * 65, b"two words", b"a\r\nforged: 1", b"a\nb", "ä".encode(), b"\xff", b'"}', b"a,b"]
)
async def test_anything_else_is_not_taken_for_a_name(world: World, log: Log, given: bytes) -> None:
    headers = dict(await answer_to(world, "/livez", [(b"x-request-id", given)]))
    name = headers[b"x-request-id"].decode()
    assert name.isalnum()
    assert len(name) == 32
    assert [line["request_id"] for line in log.lines] == [name]


@pytest.mark.parametrize(
    "path",
    [
        "/deletions/%0d%0a%7B%22event%22:%22forged%22%7D",
        "/webhooks/radarr/%0D%0Aforged",
        "/%E2%80%A8%1b%5B2K",
        "/deletions/" + "x" * 9000,
    ],
)
@pytest.mark.parametrize("trouble", [None, database_down(), RuntimeError(FORGED)])
async def test_no_address_and_no_error_can_forge_a_line(
    world: World, log: Log, path: str, trouble: Exception | None
) -> None:
    world.store.broken = trouble
    async with world.client(secret=WEBHOOK_SECRET) as client:
        await client.post(path, json={}, headers={"User-Agent": "x", "Referer": "http://x/%0d%0a"})
    async with world.person() as client:
        await client.get("/status")
    assert log.of("forged") == []
    assert all(line["event"] and len(str(line.get("path", ""))) < 1500 for line in log.lines)
    assert "hunter2" not in log.text


async def test_a_hostile_title_stays_inside_its_line(world: World, log: Log) -> None:
    world.store.add(movie(title=FORGED))
    wish = {"media_type": "movie", "tmdb_id": 603, "title": FORGED, "requested_by": FORGED}
    assert (await send(world, "/webhooks/dashboard", wish)).status_code in {202, 422}
    sent = {"eventType": FORGED, "movie": {"title": FORGED, "id": 1}}
    await send(world, "/webhooks/radarr", sent)
    assert log.lines
    assert log.of("forged") == []


async def test_an_upstreams_words_do_not_forge_a_line(world: World, log: Log) -> None:
    def fail(_: DeletionId) -> PlanPreview | None:
        raise UpstreamError("radarr", FORGED)

    world.preview = fail
    deletion = world.store.add(movie())
    async with world.person() as client:
        assert (await client.get(f"/deletions/{deletion}/plan")).status_code == 502
    assert log.lines
    assert log.of("forged") == []


async def test_a_person_finds_the_lines_of_what_went_wrong(world: World, log: Log) -> None:
    world.store.broken = RuntimeError("a mistake")
    async with world.person() as client:
        response = await client.get("/status")
    named = response.json()["request_id"]
    assert response.status_code == 500
    assert response.headers[HEADER] == named
    assert [line["event"] for line in log.lines if line["request_id"] == named] == ["request_failed", "request"]


async def test_a_job_that_a_request_hastened_is_not_that_requests(log: Log) -> None:
    first, second = asyncio.Event(), asyncio.Event()

    async def job() -> None:
        get_logger().info("job")
        (second if first.is_set() else first).set()

    schedule = Schedule(RunningClock())
    schedule.every(timedelta(hours=1), job, "job")
    schedule.start()
    try:
        await asyncio.wait_for(first.wait(), 20)
        await asyncio.sleep(0)  # a job that still runs is not run
        with answering("a request"):
            schedule.hasten("job", timedelta(milliseconds=50))
        await asyncio.wait_for(second.wait(), 20)
    finally:
        await schedule.drain()
        schedule.shutdown()
    assert [line.get("request_id") for line in log.of("job")] == [None, None]


async def answer_to(world: World, path: str, headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Ask as a server does that lets everything through, and return the answer's headers."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def keep(message: Message) -> None:
        sent.append(message)

    scope: dict[str, Any] = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "scheme": "http",
        "headers": [(b"host", b"127.0.0.1"), *headers],
        "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 1),
    }
    await world.app()(scope, receive, keep)
    structlog.contextvars.clear_contextvars()
    return list(sent[0]["headers"])
