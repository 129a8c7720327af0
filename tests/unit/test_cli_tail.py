"""`reconciler tail`, against the web application behind a real socket, and across cuts of every kind."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from reconciler.cli import following, tail
from reconciler.cli.exits import Refused
from reconciler.cli.following import Follower, Happened, Position
from reconciler.cli.service import Connection
from reconciler.cli.tail import Start, follow_all, follow_one
from reconciler.errors import Unreachable, UpstreamError
from reconciler.model import DeletionId, Event, SettledAs
from reconciler.reasons import Reason
from reconciler.simulators.server import serve
from reconciler.web import stream
from tests.support.pipes import paused_reader
from tests.unit.web.fakes import API_TOKEN, NOW, World, condition, movie, settled

ENDINGS = {SettledAs.CONVERGED: None, SettledAs.CANCELLED: Reason.CANCELLED_BY_PERSON}


class Said:
    """What a command has printed so far."""

    def __init__(self, output: pytest.CaptureFixture[str]) -> None:
        self._output = output
        self._out = self._err = ""

    @property
    def out(self) -> str:
        return self._read()[0]

    @property
    def err(self) -> str:
        return self._read()[1]

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    def _read(self) -> tuple[str, str]:
        new = self._output.readouterr()
        self._out += new.out
        self._err += new.err
        return self._out, self._err


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    return Said(capsys)


@pytest.fixture
def world() -> World:
    """One to be served behind a real socket."""
    return World()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(stream, "RECONNECT_MILLISECONDS", 20)
    monkeypatch.setattr(following, "PAUSE", following.PAUSE / 100)
    monkeypatch.setattr(following, "LONGEST_PAUSE", following.PAUSE / 50)


async def until(fulfilled: Callable[[], bool]) -> None:
    """Wait for what a command prints."""
    async with asyncio.timeout(20):
        for _ in iter(fulfilled, True):
            await asyncio.sleep(0.01)


@asynccontextmanager
async def running(
    world: World, work: Callable[[Connection], asyncio.Future[int]]
) -> AsyncIterator[asyncio.Future[int]]:
    """Serve the world, and run a command against it; the streams end first, so that the server need not wait."""
    with capture_logs():
        async with serve(world.app()) as url:
            task = work(Connection(url, API_TOKEN))
            try:
                yield task
            finally:
                world.loop = replace(world.loop, running=False)
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task


def happen(world: World, deletion: DeletionId, *numbers: int, message: str = "something") -> None:
    known = world.store.timeline.get(deletion, ())
    world.store.timeline[deletion] = (*known, *(Event("Bound", message, NOW, number=number) for number in numbers))


# --- following -----------------------------------------------------------------------------------------------------

STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
PROXY = b"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: 3\r\n\r\n<p>"


def gateway(status: bytes) -> bytes:
    return b'HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n{"title":"x"}' % status


def spelt(*numbers: int) -> bytes:
    return b"".join(b'id: %d\nevent: timeline\ndata: {"deletion": "x"}\n\n' % number for number in numbers)


async def test_after_a_cut_nothing_is_missed_and_nothing_told_twice() -> None:
    answers = [
        STREAM + b"id: 7\n\n" + spelt(8) + spelt(9)[:-3],
        PROXY,
        gateway(b"504 Gateway Timeout"),
        gateway(b"429 Too Many Requests"),
        gateway(b"404 Not Found"),
        gateway(b"401 Unauthorized"),
        STREAM + b"id: 8\n\n" + spelt(8, 9) + b"event: another\nid: 10\ndata: {}\n\n" + spelt(11),
    ]
    came_back_with: list[str] = []
    told: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        came_back_with.append(head.partition("last-event-id: ")[2].partition("\r\n")[0])
        if len(came_back_with) <= len(answers):
            writer.write(answers[len(came_back_with) - 1])
            await writer.drain()
        writer.close()

    async def tell(heard: Position | Happened) -> None:
        told.append(f"{type(heard).__name__} {heard.number}")

    class Trouble:
        def lost(self, error: UpstreamError) -> None:
            told.append("lost")

        def found(self) -> None:
            told.append("found")

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, Connection(url, API_TOKEN) as connection:
        task = asyncio.create_task(Follower(connection, tell, Trouble()).run())
        await until(lambda: "Happened 11" in told)
        task.cancel()
    assert told[:2] == ["Position 7", "Happened 8"]
    assert told[2:8] == ["lost", "found", "Position 8", "Happened 9", "Happened 11"]
    assert came_back_with[:7] == ["", *["8"] * 6]


async def test_a_service_that_was_never_there_is_told_at_once_and_a_refusal_at_any_time(world: World) -> None:
    with pytest.raises(Unreachable):
        await follow_all(Connection("http://127.0.0.1:1", API_TOKEN), Start(0, None), as_json=False)
    async with serve(world.app()) as url:
        with pytest.raises(Refused):
            await follow_all(Connection(url, "another-token"), Start(0, None), as_json=False)


# --- all of them ---------------------------------------------------------------------------------------------------


async def test_all_begins_with_the_last_events_and_goes_on_with_the_next(world: World, said: Said) -> None:
    first, second = world.store.add(movie(1, title="A\x1b[2J Film")), world.store.add(movie(2, title="Another"))
    happen(world, first, *range(1, 2 * stream.PAGE))
    happen(world, second, 500, 501)
    async with running(world, lambda c: asyncio.ensure_future(follow_all(c, Start(3, None), as_json=False))):
        await until(lambda: len(said.lines) == 3)
        happen(world, first, 502, message="gone\nforged \u202e")
        await until(lambda: len(said.lines) == 4)
    at = "2026-03-04 05:06:07Z"
    assert said.lines == [
        f"{at} {first} A\ufffd[2J Film (1999): Bound: something",
        f"{at} {second} Another (1999): Bound: something",
        f"{at} {second} Another (1999): Bound: something",
        f"{at} {first} A\ufffd[2J Film (1999): Bound: gone\ufffdforged \ufffd",
    ]


async def test_as_json_every_event_is_a_line_of_ascii(world: World, said: Said) -> None:
    deletion = world.store.add(movie())
    happen(world, deletion, 1, 2)
    happen(world, deletion, 3, message="a\u2028b")
    async with running(world, lambda c: asyncio.ensure_future(follow_all(c, Start(10, 2), as_json=True))):
        await until(lambda: len(said.lines) == 1)
        happen(world, deletion, 4)
        await until(lambda: len(said.lines) == 2)
    documents = [json.loads(line) for line in said.lines]
    assert [(one["number"], one["message"]) for one in documents] == [(3, "a\u2028b"), (4, "something")]
    assert documents[0].keys() == {"number", "deletion", "url", "kind", "message", "at"}
    assert said.out.isascii()


# --- one of them ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("as_", "reason", "code", "words"),
    [
        (SettledAs.CONVERGED, Reason.ABSENT, 0, "has converged: proven gone everywhere"),
        (SettledAs.CONVERGED, Reason.SHARED_WITH_WANTED, 0, "has converged: done, but not proven gone everywhere: "),
        (SettledAs.CANCELLED, Reason.PRESENT, 1, "was cancelled: a person cancelled it"),
    ],
)
async def test_one_is_followed_until_it_is_settled(
    world: World, said: Said, monkeypatch: pytest.MonkeyPatch, as_: SettledAs, reason: Reason, code: int, words: str
) -> None:
    monkeypatch.setattr(tail, "LOOK_AGAIN", tail.LOOK_AGAIN * 100)  # what happens is heard from the stream
    state = movie(1)
    deletion, another = world.store.add(state), world.store.add(movie(2))
    happen(world, deletion, 1, 2)
    happen(world, another, 3)

    def work(connection: Connection) -> asyncio.Future[int]:
        return asyncio.ensure_future(follow_one(connection, deletion.upper(), Start(1, None), None, as_json=True))

    async with running(world, work) as task:
        await until(lambda: len(said.lines) == 1)
        world.store.add(replace(state, conditions=(condition(Reason.BREAKER_OPEN),)))
        happen(world, deletion, 4)
        await until(lambda: len(said.lines) == 2)
        happen(world, another, 5)
        happen(world, deletion, 6)
        ended = settled(replace(state, conditions=(condition(reason),)), as_)
        world.store.add(replace(ended, deletion=replace(ended.deletion, settled_reason=ENDINGS[as_])))
        assert await asyncio.wait_for(task, 20) == code
    assert [json.loads(line)["number"] for line in said.lines] == [2, 4, 6]
    held, last = said.err.splitlines()
    assert held == f"A Film (1999) is held: a person must decide. See: reconciler show {deletion}"
    assert last.startswith(f"A Film (1999) {words}")


@pytest.mark.parametrize("as_json", [True, False])
async def test_a_reader_that_pauses_does_not_keep_it_from_ending(world: World, as_json: bool) -> None:
    deletion = world.store.add(movie())
    happen(world, deletion, 1)

    def work(connection: Connection) -> asyncio.Future[int]:
        return asyncio.ensure_future(follow_one(connection, deletion, Start(10, None), None, as_json=as_json))

    with paused_reader() as pipe:
        async with running(world, work) as task:
            await until(pipe.is_waited_for)
        assert task.cancelled()


async def test_one_is_not_waited_for_longer_than_was_said(world: World, said: Said) -> None:
    deletion = world.store.add(movie())

    def work(connection: Connection) -> asyncio.Future[int]:
        return asyncio.ensure_future(follow_one(connection, deletion, Start(10, None), 0.3, as_json=False))

    async with running(world, work) as task:
        assert await asyncio.wait_for(task, 20) == 1
    assert said.err == "A Film (1999) is pending still.\n"
