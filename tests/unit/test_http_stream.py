"""Answers that have no end, over real sockets: how they come, and how they break off."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from reconciler.clients._http import Http
from reconciler.errors import Unreachable
from reconciler.model import InstanceName

NAME = InstanceName("reconciler")
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
PATIENCE = timedelta(seconds=30)

End = Callable[[asyncio.StreamWriter], None]


@asynccontextmanager
async def sender(*parts: bytes, end: End | None = None) -> AsyncIterator[Http]:
    """Something that sends these parts to whoever connects, and then keeps silent or ends as told."""
    over = asyncio.Event()
    asked: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        for part in parts:
            writer.write(part)
            await writer.drain()
        if end is not None:
            end(writer)
        await over.wait()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        async with server, Http(NAME, f"http://127.0.0.1:{port}") as http:
            yield http
            assert b"accept-encoding: identity" in asked[0].lower(), "what is compressed is held back"
            over.set()
    finally:
        over.set()


def abort(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def test_what_was_sent_arrives_while_more_may_come() -> None:
    async with (
        sender(HEAD, b"5\r\nhello\r\n") as http,
        http.stream("/events", operation="cli", silence=PATIENCE) as streamed,
    ):
        assert (streamed.status, streamed.content_type) == (200, "text/event-stream")
        chunks = streamed.chunks()
        assert await anext(chunks) == b"hello"


async def test_an_answer_that_ends_is_over() -> None:
    async with (
        sender(HEAD, b"5\r\nhello\r\n0\r\n\r\n") as http,
        http.stream("/events", operation="cli", silence=PATIENCE) as streamed,
    ):
        assert [chunk async for chunk in streamed.chunks()] == [b"hello"]


async def test_an_answer_that_breaks_off_is_no_end() -> None:
    async with (
        sender(HEAD, b"5\r\nhello\r\n", end=abort) as http,
        http.stream("/events", operation="cli", silence=PATIENCE) as streamed,
    ):
        chunks = streamed.chunks()
        assert await anext(chunks) == b"hello"
        with pytest.raises(Unreachable):
            await anext(chunks)


async def test_who_is_silent_for_too_long_counts_as_gone() -> None:
    async with sender(HEAD) as http:
        with pytest.raises(Unreachable, match="in time"):
            async with http.stream("/events", operation="cli", silence=timedelta(seconds=0.2)) as streamed:
                await anext(streamed.chunks())


async def test_a_refusal_can_be_read_whole() -> None:
    refusal = b"HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
    async with sender(refusal) as http, http.stream("/events", operation="cli", silence=PATIENCE) as streamed:
        reply = await streamed.whole()
        assert (reply.status, reply.json()) == (401, {})


async def test_every_stream_is_told_to_the_observer() -> None:
    told: list[tuple[str, str]] = []
    async with Http(
        NAME, "http://127.0.0.1:1", observer=lambda _name, op, outcome, _s: told.append((op, outcome))
    ) as http:
        with pytest.raises(Unreachable, match="refused the connection"):
            async with http.stream("/events", operation="cli", silence=PATIENCE):
                raise AssertionError
    assert told == [("cli", "Unreachable")]
