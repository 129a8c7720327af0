"""`GET /events`: what is streamed, from where on, and to whom."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest
from starlette.types import Message

from reconciler.errors import StoreError
from reconciler.model import DeletionId, Event
from reconciler.ports import LoopStatus
from reconciler.web import stream
from tests.unit.web.fakes import API_TOKEN, NOW, World, movie


class Listener:
    """A client that keeps its connection open, spoken with by ASGI: HTTP clients in memory wait for the whole body."""

    def __init__(self, world: World, query: str = "", **headers: str) -> None:
        self._app = world.app()
        self._scope = {
            "type": "http",
            "method": "GET",
            "path": "/events",
            "raw_path": b"/events",
            "query_string": query.encode(),
            "headers": [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()],
        }
        self._sent: asyncio.Queue[Message] = asyncio.Queue()
        self._gone = asyncio.Event()
        self._text = ""

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["Listener"]:
        serving = asyncio.create_task(self._app(self._scope, self._receive, self._sent.put))
        try:
            yield self
        finally:
            self._gone.set()
            await asyncio.wait_for(serving, 10)

    async def _receive(self) -> Message:
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def head(self) -> tuple[int, dict[str, str]]:
        message = await self._next()
        return message["status"], {k.decode(): v.decode() for k, v in message["headers"]}

    async def events(self, count: int) -> list[tuple[int, dict[str, Any]]]:
        """Wait for so many events, and return all so far."""
        while self._text.count("data: ") < count:
            self._text += (await self._next())["body"].decode()
        return [
            (int(block.split("\n")[0].removeprefix("id: ")), json.loads(block.split("data: ", 1)[1]))
            for block in self._text.split("\n\n")
            if "data: " in block
        ]

    async def rest(self) -> str:
        """Wait until the stream ends, and return everything."""
        while (message := await self._next()).get("more_body"):
            self._text += message["body"].decode()
        return self._text

    async def _next(self) -> Message:
        return await asyncio.wait_for(self._sent.get(), 10)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "LOOK_SECONDS", 0.01)


@pytest.fixture
def world() -> World:
    return World()


def happen(world: World, *numbers: int, message: str = "something") -> DeletionId:
    deletion = movie(1).deletion.id
    known = world.store.timeline.get(deletion, ())
    world.store.timeline[deletion] = (*known, *(Event("Bound", message, NOW, number=n) for n in numbers))
    return deletion


def authorized(world: World, query: str = "", **headers: str) -> Listener:
    return Listener(world, query, authorization=f"Bearer {API_TOKEN}", **headers)


async def test_a_stream_begins_with_what_happens_next(world: World) -> None:
    happen(world, 1, 2)
    async with authorized(world).listening() as listener:
        status, headers = await listener.head()
        assert (status, headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        assert (headers["cache-control"], headers["x-accel-buffering"]) == ("no-store", "no")
        begin = (await listener._next())["body"]
        assert begin == b"retry: 2000\nid: 2\n\n", "who is cut off before the first event knows where to go on"
        deletion = happen(world, 3)
        ((number, shown),) = await listener.events(1)
    assert number == 3
    assert shown == {
        "deletion": deletion,
        "url": f"/deletions/{deletion}",
        "kind": "Bound",
        "message": "something",
        "at": "2026-03-04T05:06:07Z",
    }


@pytest.mark.parametrize(("query", "headers"), [("after=1", {}), ("", {"last_event_id": "1"})])
async def test_who_was_cut_off_misses_nothing(world: World, query: str, headers: dict[str, str]) -> None:
    happen(world, *range(1, stream.PAGE + 10))
    async with authorized(world, query, **headers).listening() as listener:
        await listener.head()
        shown = await listener.events(stream.PAGE + 8)
    assert [number for number, _ in shown] == list(range(2, stream.PAGE + 10))


async def test_an_id_of_another_log_begins_with_what_happens_next(world: World) -> None:
    happen(world, 1)
    async with authorized(world, last_event_id="900").listening() as listener:
        await listener.head()
        await listener._next()
        happen(world, 2)
        assert [number for number, _ in await listener.events(1)] == [2]


async def test_a_title_cannot_forge_an_event(world: World) -> None:
    async with authorized(world, "after=0").listening() as listener:
        await listener.head()
        happen(world, 1, message="A\r\n\r\nid: 9\ndata: {}\n\n\u2028B")
        ((number, shown),) = await listener.events(1)
    assert (number, shown["message"]) == (1, "A\r\n\r\nid: 9\ndata: {}\n\n\u2028B")


async def test_a_wrong_number_is_refused_also_beside_a_right_one(world: World) -> None:
    async with world.person() as client:
        for header, parameter, named in (("1", "x", ["after"]), ("x", "1", ["Last-Event-ID"]), ("", "x", ["after"])):
            answer = await client.get("/events", params={"after": parameter}, headers={"Last-Event-ID": header})
            assert answer.status_code == 422
            assert [error["field"] for error in answer.json()["errors"]] == named


@pytest.mark.parametrize("after", ["x", "-1", "9" * 30, "\u0661"])
async def test_an_id_that_is_none_is_refused(world: World, after: str) -> None:
    async with world.person() as client:
        answer = await client.get("/events", params={"after": after})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "after"


async def test_nobody_listens_without_the_token(world: World) -> None:
    async with Listener(world).listening() as listener:
        assert (await listener.head())[0] == 401


async def test_a_silent_stream_is_kept_alive(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "SILENCE_SECONDS", 0.02)
    async with authorized(world).listening() as listener:
        await listener.head()
        assert (await listener._next())["body"] == b"retry: 2000\nid: 0\n\n"
        assert (await listener._next())["body"] == b":\n\n"


async def test_a_stream_ends_when_the_service_stops_or_the_database_is_out(world: World) -> None:
    async with authorized(world).listening() as listener:
        await listener.head()
        world.loop = replace(world.loop, running=False)
        assert "data" not in await listener.rest()
    world.loop = LoopStatus(True, NOW, True, "pod-1")
    async with authorized(world).listening() as listener:
        await listener.head()
        await listener._next()
        world.store.broken = StoreError("gone")
        assert "gone" not in await listener.rest()


async def test_there_is_an_end_to_how_many_may_listen(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "MOST_STREAMS", 1)
    app = world.app()
    first, second = authorized(world), authorized(world)
    first._app = second._app = app
    async with first.listening():
        await first.head()
        await first._next()
        async with second.listening():
            status, headers = await second.head()
            assert (status, headers["retry-after"]) == (503, "30")
    third = authorized(world)
    third._app = app
    async with third.listening():
        assert (await third.head())[0] == 200


async def test_many_who_come_at_once_do_not_get_past_that_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "MOST_STREAMS", 3)
    app = world.app()
    crowd = [authorized(world) for _ in range(10)]
    async with AsyncExitStack() as listening:
        for listener in crowd:
            listener._app = app
            await listening.enter_async_context(listener.listening())
        answers = [(await listener.head())[0] for listener in crowd]
    assert sorted(answers) == [200] * 3 + [503] * 7


async def test_all_who_listen_share_one_look_at_the_database(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "LOOK_SECONDS", 60.0)
    looks = 0
    last_event = world.store.last_event

    async def counted() -> int:
        nonlocal looks
        looks += 1
        return await last_event()

    monkeypatch.setattr(world.store, "last_event", counted)
    app = world.app()
    crowd = [authorized(world) for _ in range(5)]
    for listener in crowd:
        listener._app = app
        async with listener.listening():
            await listener.head()
            await listener._next()
    assert looks == 1


async def test_head_is_answered_without_a_stream(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "MOST_STREAMS", 1)
    app = world.app()
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://127.0.0.1",
        headers={"Authorization": f"Bearer {API_TOKEN}"},
    ) as client:
        for _ in range(3):
            answer = await client.head("/events")
            assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
