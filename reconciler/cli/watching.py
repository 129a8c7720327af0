"""The state of the service as it changes: looked at again whenever something happens, and now and then anyway."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from reconciler.cli.following import Follower, Happened, Position
from reconciler.cli.service import Connection
from reconciler.cli.staying import first_of
from reconciler.clock import Clock
from reconciler.errors import UpstreamError
from reconciler.model import Phase

LOOK_AGAIN = timedelta(seconds=5)
LOOK_WITHOUT_EVENTS = timedelta(seconds=2)
LOOK_TIMEOUT = timedelta(seconds=10)
AT_MOST_EVERY = timedelta(seconds=0.5)
MOST_OF_A_PHASE = 200
OPEN_PHASES = (Phase.HELD, Phase.CONVERGING, Phase.WAITING, Phase.PENDING)
"""What is not settled: first what needs a person."""


@dataclass(frozen=True, slots=True)
class Away:
    """The service is away: since when by our own clock, and what is wrong."""

    since: datetime
    message: str


@dataclass(frozen=True, slots=True)
class View:
    """The state as it was seen last.

    `deletions` are the open ones, at most 200 of each phase; `status["counts"]` has how many there are. `looked_at` is
    our own monotonic time of that look. `away` is set while no newer look succeeds.
    """

    status: Mapping[str, Any]
    deletions: tuple[Mapping[str, Any], ...]
    looked_at: float
    away: Away | None = None

    def essence(self) -> object:
        """Return what has to differ for two views to be a change: no times, and no words that count them."""
        status = self.status
        upstreams = [
            tuple(one[key] for key in ("name", "configured", "reachable", "version", "since", "last_error"))
            for one in status["upstreams"]
        ]
        deletions = [
            (one["id"], one["phase"], one["title"], [_essence_of(condition) for condition in one["conditions"]])
            for one in self.deletions
        ]
        told = [status[key] for key in ("verdict", "ok", "mode", "version", "counts")]
        return told, upstreams, deletions


def _essence_of(condition: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(condition[key] for key in ("type", "instance", "status", "reason"))


class Display(Protocol):
    """What shows it to whoever looks."""

    async def show(self, view: View) -> None:
        """Show this view; called after each look, changed or not."""

    async def keep(self) -> None:
        """Keep what is shown up to date between two looks, until cancelled."""


class Watcher:
    """Looks, and shows. Its first look raises what is wrong; later ones survive a service that is away."""

    def __init__(self, connection: Connection, clock: Clock, display: Display) -> None:
        self._connection = connection
        self._clock = clock
        self._display = display
        self._happened = asyncio.Event()
        self._hears = False

    async def run(self) -> None:
        """Watch until cancelled."""
        view = await self._look()
        await self._display.show(view)
        follower = Follower(self._connection, self._tell, self, patient=True)
        await first_of(follower.run(), self._keep_looking(view), self._display.keep())

    async def _keep_looking(self, view: View) -> None:
        while True:
            pause = LOOK_AGAIN if self._hears else LOOK_WITHOUT_EVENTS
            try:
                async with asyncio.timeout(pause.total_seconds()):
                    await self._happened.wait()
            except TimeoutError:
                pass
            self._happened.clear()
            try:
                view = await self._look()
            except UpstreamError as error:
                view = replace(view, away=Away(view.away.since if view.away else self._clock.now(), str(error)))
            await self._display.show(view)
            await asyncio.sleep(AT_MOST_EVERY.total_seconds())

    async def _look(self) -> View:
        looked_at = self._clock.monotonic()
        status = await self._connection.get("/status", timeout=LOOK_TIMEOUT)
        asked = [phase for phase in OPEN_PHASES if status["counts"].get(phase)]
        pages = await asyncio.gather(*(self._page(phase) for phase in asked))
        return View(status, tuple(one for page in pages for one in page["deletions"]), looked_at)

    async def _page(self, phase: Phase) -> dict[str, Any]:
        params = {"phase": phase.value, "limit": MOST_OF_A_PHASE}
        return await self._connection.get("/deletions", params, timeout=LOOK_TIMEOUT)

    async def _tell(self, _heard: Position | Happened) -> None:
        self._hears = True
        self._happened.set()

    def lost(self, _error: UpstreamError) -> None:
        self._hears = False
        self._happened.set()

    def found(self) -> None:
        self._hears = True
        self._happened.set()
