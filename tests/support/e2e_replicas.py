"""Several processes of the service at one PostgreSQL and one household."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from reconciler.simulators.loopback import loopback_client
from reconciler.simulators.service_process import ServiceProcess
from tests.support.e2e import SECRET, Stage, open_stage


@dataclass
class Replicas:
    """A stage whose service has twins; webhooks of the applications go to the first."""

    stage: Stage
    all: list[ServiceProcess]

    @contextlib.asynccontextmanager
    async def at(self, process: ServiceProcess) -> AsyncIterator[httpx.AsyncClient]:
        """Speak with one process."""
        headers = {"Authorization": f"Bearer {SECRET}"}
        async with loopback_client(base_url=process.url, headers=headers, timeout=30) as http:
            yield http

    async def get(self, process: ServiceProcess, path: str) -> dict[str, Any]:
        async with self.at(process) as http:
            answer = await http.get(path)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def streamed(self, process: ServiceProcess, *, after: int, until: int) -> list[int]:
        """Listen to one process after an event until another, and return the numbers of what came."""
        numbers: list[int] = []
        async with (
            self.at(process) as http,
            http.stream("GET", "/events", headers={"Last-Event-ID": str(after)}) as answer,
        ):
            assert answer.status_code == 200
            number = after
            async for line in answer.aiter_lines():
                if line.startswith("id: "):
                    number = int(line.removeprefix("id: "))
                if line.startswith("data: "):  # an id alone only says where the stream stands
                    numbers.append(number)
                if numbers and numbers[-1] >= until:
                    break
        return numbers

    async def leader(self, among: Sequence[ServiceProcess]) -> ServiceProcess | None:
        """Return which of these processes reconciles; `None` if none of them says so of itself."""
        for process in among:
            loop = (await self.get(process, "/status"))["loop"]
            if loop["lease_held"]:
                assert loop["leader"] == loop["process"]
                return process
        return None

    async def until_led(self, among: Sequence[ServiceProcess], *, seconds: float) -> ServiceProcess:
        """Wait until one of these processes reconciles, and return it."""
        found: list[ServiceProcess] = []

        async def is_led() -> bool:
            leader = await self.leader(among)
            found.extend([leader] if leader is not None else [])
            return bool(found)

        await self.stage.wait(is_led, "a process to reconcile", seconds=seconds)
        return found[0]


@contextlib.asynccontextmanager
async def open_replicas(folder: Path, url: str, count: int, **options: Any) -> AsyncIterator[Replicas]:
    """Open a stage with `count` processes at the database `url`; `options` are those of `open_stage`.

    Passes come by themselves once in ten minutes only: whatever happens earlier was brought about.
    """
    interval = {"RECONCILER_INTERVAL_SECONDS": "600", "RECONCILER_LEDGER_INTERVAL_SECONDS": "600"}
    async with (
        open_stage(folder, real_torrents=False, database_url=url, **{**interval, **options}) as stage,
        contextlib.AsyncExitStack() as running,
    ):
        twins = [stage.service.twin(folder / f"twin-{number}.log") for number in range(1, count)]
        for twin in twins:
            running.push_async_callback(twin.kill)
            await twin.start()
        yield Replicas(stage, [stage.service, *twins])
