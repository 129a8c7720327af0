"""The timelines of all deletions as they grow, as server-sent events.

Every process reads them from the database, so that it does not matter which one a client speaks with, nor whether it
comes back to the same. The format is that of the HTML Standard, section 9.2.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from reconciler.errors import StoreError
from reconciler.ports import LoggedEvent
from reconciler.telemetry import get_logger
from reconciler.web.answers import root_of
from reconciler.web.deps import WebDeps
from reconciler.web.guard import Guard
from reconciler.web.problems import FieldError, Problem, invalid_fields
from reconciler.web.views import deletion_url

LOOK_SECONDS = 1.0
SILENCE_SECONDS = 15.0
"""After so long without an event a comment is sent: proxies close what is silent, and clients notice what is gone."""

RECONNECT_MILLISECONDS = 2000
MOST_STREAMS = 100
PAGE = 200


class EventStream:
    """The handler, and a count of who listens."""

    def __init__(self, deps: WebDeps, guard: Guard) -> None:
        self._store = deps.store
        self._status = deps.status
        self._guard = guard
        self._listening = 0

    async def events(self, request: Request) -> Response:
        self._guard.require_api_token(request)
        if self._listening >= MOST_STREAMS:
            raise Problem(
                503,
                "too-many-streams",
                "Too many streams",
                f"{MOST_STREAMS} clients listen to this process already; ask /status instead.",
                headers={"Retry-After": "30"},
            )
        after = await self._start(request.headers.get("last-event-id") or request.query_params.get("after"))
        return StreamingResponse(
            self._stream(after, root_of(request)),
            media_type="text/event-stream",
            headers={"X-Accel-Buffering": "no"},  # nginx would collect the events otherwise
        )

    async def _start(self, asked: str | None) -> int:
        """Return the number of the last event that the client knows; a later one than any belongs to another log."""
        last = await self._store.last_event()
        if not asked:
            return last
        if not asked.isascii() or not asked.isdecimal() or len(asked) > 18:
            raise invalid_fields([FieldError("after", "must be the id of an event, a whole number")])
        return min(int(asked), last)

    async def _stream(self, after: int, root: str) -> AsyncIterator[bytes]:
        self._listening += 1
        try:
            yield f"retry: {RECONNECT_MILLISECONDS}\n: from {after} on\n\n".encode()
            silent = 0.0
            while self._status().running:
                page = await self._store.events_after(after, PAGE)
                if page:
                    after = page[-1].event.number
                    silent = 0.0
                    yield b"".join(_spelt(page, root))
                if len(page) == PAGE:
                    continue
                if silent >= SILENCE_SECONDS:
                    silent = 0.0
                    yield b":\n\n"
                await asyncio.sleep(LOOK_SECONDS)
                silent += LOOK_SECONDS
        except StoreError as error:  # the answer has begun: it ends, and the client comes back with what it knows
            get_logger(__name__).warning("an event stream ended", error=str(error))
        finally:
            self._listening -= 1


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
