"""The loop looks at our webhooks at the upstreams, in the way of nothing else."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from reconciler.connect.watch import ConnectionWatch
from reconciler.errors import Rejected, Unreachable
from reconciler.loop import Reconciler
from reconciler.model import (
    InstanceName,
    SecretSeen,
    SeenWebhook,
    UpstreamKind,
    WantedWebhook,
    WebhookState,
)
from reconciler.telemetry import Calls
from tests.support.bench import Bench, bench_at
from tests.support.worlds import QBITTORRENT, RADARR

WANTED = WantedWebhook(RADARR, UpstreamKind.RADARR, "/webhooks/radarr", ("http://here/webhooks/radarr",), ("onGrab",))
RIGHT = SeenWebhook(
    1, "ours", "http://here/webhooks/radarr", True, frozenset({"onGrab"}), frozenset({"onGrab"}), SecretSeen.MISSING
)


class Settings:
    """The webhooks of a Radarr, in memory."""

    instance: InstanceName = RADARR
    kind: UpstreamKind = UpstreamKind.RADARR

    def __init__(self) -> None:
        self.there: tuple[SeenWebhook, ...] = (RIGHT,)
        self.trouble: Exception | None = None
        self.reads = 0
        self.meanwhile: Callable[[], None] = lambda: None

    async def read(self, wanted: WantedWebhook) -> tuple[SeenWebhook, ...]:
        assert wanted is WANTED
        self.reads += 1
        self.meanwhile()
        if self.trouble:
            raise self.trouble
        return self.there

    async def save(self, wanted: WantedWebhook, instead_of: SeenWebhook | None) -> None:
        raise AssertionError("the loop writes nothing there")

    async def test(self, wanted: WantedWebhook, seen: SeenWebhook) -> None:
        raise AssertionError("the loop tests nothing there")


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench_at(tmp_path) as made:
        yield made


def loop_of(bench: Bench, settings: Settings, holder: str = "bench") -> Reconciler:
    return Reconciler(
        bench.store,
        bench.upstreams(),
        bench.policy,
        bench.timing,
        bench.clock,
        holder=holder,
        calls=Calls(),
        connections=ConnectionWatch({RADARR: settings}, [WANTED]),
        sleep=bench.clock.sleep,
    )


async def states(bench: Bench) -> dict[InstanceName, WebhookState]:
    return {name: seen.state for name, seen in (await bench.store.overview()).connections.items()}


async def test_what_is_seen_is_kept_and_what_cannot_be_seen_stays_as_it_was(bench: Bench) -> None:
    settings = Settings()
    loop = loop_of(bench, settings)
    await loop.run_connections()
    assert await states(bench) == {RADARR: WebhookState(True, True)}
    settings.there = (replace(RIGHT, has_tags=True),)
    await loop.run_connections()
    drifted = {RADARR: WebhookState(True, True, ("tags: only titles with some tags; should be all titles",))}
    assert await states(bench) == drifted
    for trouble in (Unreachable(RADARR, "down"), Rejected(RADARR, "no such path")):
        settings.trouble = trouble
        await loop.run_connections()
        assert await states(bench) == drifted
    assert loop.health.rows() == (), "whether its webhook can be looked at says nothing about an upstream"


async def test_a_webhook_that_is_missing_or_back_is_logged_once(bench: Bench) -> None:
    settings = Settings()
    loop = loop_of(bench, settings)
    settings.there = ()
    with capture_logs() as logs:
        for _ in range(2):
            await loop.run_connections()
        settings.there = (RIGHT,)
        for _ in range(2):
            await loop.run_connections()
    assert [line["event"] for line in logs if "webhook" in line["event"]] == ["webhook lost", "webhook found"]


async def test_an_instance_that_is_out_of_reach_is_not_asked(bench: Bench) -> None:
    settings = Settings()
    bench.household.radarr.trouble = Unreachable(RADARR, "down")
    loop = loop_of(bench, settings)
    await loop.run_ledger()
    assert RADARR in loop.health.lost()
    await loop.run_connections()
    assert (settings.reads, await states(bench)) == (0, {})


async def test_only_who_holds_the_lease_looks_and_a_pass_does_not_wait_for_it(bench: Bench) -> None:
    settings, idle = Settings(), Settings()
    loop = loop_of(bench, settings)
    was_free: list[bool] = []
    settings.meanwhile = lambda: was_free.append(not loop._turn.locked())
    await loop.run_connections()
    assert was_free == [True]
    await loop_of(bench, idle, holder="another").run_connections()
    assert idle.reads == 0
    assert QBITTORRENT not in await states(bench)
