"""The timelines of all deletions as they grow, as server-sent events.

Every process reads them from the database, so that it does not matter which one a client speaks with, nor whether it
comes back to the same. The format is that of the HTML Standard, section 9.2.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from reconciler.errors import StoreError
from reconciler.ports import LoggedEvent
from reconciler.telemetry import get_logger
from reconciler.web.answers import root_of
from reconciler.web.deps import WebDeps
from reconciler.web.guard import Guard
from reconciler.web.problems import FieldError, Problem, invalid_fields
from reconciler.web.sessions import Access
from reconciler.web.views import deletion_url

MEDIA_TYPE = "text/event-stream"
LOOK_SECONDS = 1.0
SILENCE_SECONDS = 15.0
"""After so long without an event a comment is sent: proxies close what is silent, and clients notice what is gone."""

RECONNECT_MILLISECONDS = 2000
MOST_STREAMS = 100
PAGE = 200


class EventStream:
    """The handler, a count of who listens, and one look at the database for all of them."""

    def __init__(self, deps: WebDeps, guard: Guard) -> None:
        self._store = deps.store
        self._status = deps.status
        self._clock = deps.clock
        self._guard = guard
        self._listening = 0
        self._looking = asyncio.Lock()
        self._last, self._looked_at = 0, float("-inf")

    async def events(self, request: Request) -> Response:
        self._guard.require(request, Access.READ)
        if self._listening >= MOST_STREAMS:
            raise Problem(
                503,
                "too-many-streams",
                "Too many streams",
                f"{MOST_STREAMS} clients listen to this process already; ask /status instead.",
                headers={"Retry-After": "30"},
            )
        self._listening += 1
        try:
            after = await self._start(request.headers.get("last-event-id", ""), request.query_params.get("after", ""))
        except BaseException:
            self._leave()
            raise
        headers = {"X-Accel-Buffering": "no"}  # nginx would collect the events otherwise
        if request.method == "HEAD":  # uvicorn would wait for ever for the end of a body that it does not send
            self._leave()
            return Response(media_type=MEDIA_TYPE, headers=headers)
        return _Stream(self._stream(after, root_of(request)), headers, self._leave)

    def _leave(self) -> None:
        self._listening -= 1

    async def _start(self, header: str, parameter: str) -> int:
        """Return the number of the last event that the client knows; a later one than any belongs to another log.

        A client that comes back by itself says so in the header, and repeats the address as it was.
        """
        last = await self._newest()
        wrong = [
            FieldError(name, "must be the id of an event, a whole number")
            for name, asked in (("Last-Event-ID", header), ("after", parameter))
            if asked and (not asked.isascii() or not asked.isdecimal() or len(asked) > 18)
        ]
        if wrong:
            raise invalid_fields(wrong)
        asked = header or parameter
        return min(int(asked), last) if asked else last

    async def _newest(self) -> int:
        """Return the number of the newest event; who listens shares the answer for as long as a look lasts."""
        async with self._looking:
            if self._clock.monotonic() - self._looked_at >= LOOK_SECONDS:
                self._last = await self._store.last_event()
                self._looked_at = self._clock.monotonic()
            return self._last

    async def _stream(self, after: int, root: str) -> AsyncIterator[bytes]:
        try:
            # an id without data is no event, but what a client that is cut off before the first comes back with
            yield f"retry: {RECONNECT_MILLISECONDS}\nid: {after}\n\n".encode()
            silent = 0.0
            while self._status().running:
                newest = await self._newest()
                if newest > after:
                    page = await self._store.events_after(after, PAGE)
                    after = page[-1].event.number if page else newest
                    silent = 0.0
                    yield b"".join(_spelt(page, root))
                    continue
                if silent >= SILENCE_SECONDS:
                    silent = 0.0
                    yield b":\n\n"
                await asyncio.sleep(LOOK_SECONDS)
                silent += LOOK_SECONDS
        except StoreError as error:  # the answer has begun: it ends, and the client comes back with what it knows
            get_logger(__name__).warning("an event stream ended", error=str(error))


class _Stream(StreamingResponse):
    """Gives its place back however it ends, also if it never begins."""

    def __init__(self, content: AsyncIterator[bytes], headers: dict[str, str], on_end: Callable[[], None]) -> None:
        super().__init__(content, media_type=MEDIA_TYPE, headers=headers)
        self._on_end = on_end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._on_end()


def _spelt(logged: Iterable[LoggedEvent], root: str) -> Iterable[bytes]:
    for one in logged:
        event = one.event
        document = {
            "deletion": one.deletion,
            "url": deletion_url(one.deletion, root),
            "kind": event.kind,
            "message": event.message,
            "at": event.at.isoformat().replace("+00:00", "Z") if event.at else None,
        }
        yield f"id: {event.number}\nevent: timeline\ndata: {json.dumps(document)}\n\n".encode()
