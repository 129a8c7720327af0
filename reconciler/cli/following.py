"""Following the timelines of the running service, also across cuts: nothing comes twice, and nothing is missed."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from reconciler.cli.service import Connection, not_ours
from reconciler.clients.sse import EventParser, Place, ServerEvent
from reconciler.errors import UpstreamError

PAUSE = timedelta(seconds=2)
LONGEST_PAUSE = timedelta(seconds=15)


@dataclass(frozen=True, slots=True)
class Position:
    """A stream has begun, behind the event of this number."""

    number: int


@dataclass(frozen=True, slots=True)
class Happened:
    """One event of any timeline; `document` is what the service said of it."""

    number: int
    document: Mapping[str, Any]


Tell = Callable[[Position | Happened], Awaitable[None]]


class Trouble(Protocol):
    """Told once when the service is lost, and once when it is back."""

    def lost(self, error: UpstreamError) -> None: ...

    def found(self) -> None: ...


class Follower:
    """Tells everything that happens, from after one event on or from now on.

    `after` is the number of the last event that was told, also while it runs. Who is `patient` knows already that the
    service is there.
    """

    def __init__(
        self, connection: Connection, tell: Tell, trouble: Trouble, *, after: int | None = None, patient: bool = False
    ) -> None:
        self._connection = connection
        self._tell = tell
        self._trouble = trouble
        self._pause = PAUSE
        self._is_connected = False
        self._patient = patient
        self.after = after

    async def run(self) -> None:
        """Follow until cancelled.

        Raises what is wrong if the service cannot be followed at first, unless it is to be patient. Later only a
        refusal ends this: a service that is away, or what a proxy answers for it meanwhile, is tried again.
        """
        is_patient, is_lost, pause = self._patient, False, PAUSE
        while True:
            error: UpstreamError | None = None
            self._is_connected = False
            try:
                await self._listen(self._trouble.found if is_lost else None)
            except UpstreamError as caught:
                error = caught
                if not (is_patient or self._is_connected):
                    raise
            if self._is_connected:
                is_patient, is_lost = True, False
                pause = self._pause
            elif error is not None and not is_lost:  # a cut after which the next attempt succeeds is no news
                is_lost = True
                self._trouble.lost(error)
            await asyncio.sleep(pause.total_seconds())
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _listen(self, found: Callable[[], None] | None) -> None:
        """Read one stream to its end."""
        async with self._connection.events("" if self.after is None else str(self.after)) as stream:
            self._is_connected = True
            if found is not None:
                found()
            parser = EventParser()
            async for chunk in stream.chunks():
                try:
                    heard = parser.feed(chunk)
                except ValueError as error:
                    raise not_ours() from error
                self._pause = parser.retry or PAUSE
                for one in heard:
                    await self._take(one)

    async def _take(self, one: ServerEvent | Place) -> None:
        try:
            number = int(one.id)
            document = json.loads(one.data) if isinstance(one, ServerEvent) else None
        except ValueError as error:
            raise not_ours() from error
        if isinstance(one, Place):
            self.after = number  # of a new log, if the database was replaced meanwhile
            await self._tell(Position(number))
        elif self.after is None or number > self.after:
            self.after = number
            if one.kind == "timeline" and isinstance(document, dict):
                await self._tell(Happened(number, document))
