"""The loop looks at our webhooks at the upstreams, in the way of nothing else."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from reconciler.connect.watch import ConnectionWatch
from reconciler.connect.watching import AFTER_TEST, AGAIN, BETWEEN_QUESTIONS, Turn, Watching
from reconciler.errors import LeaseLost, ReconcilerError, Rejected, StoreError, Unreachable
from reconciler.loop import Reconciler
from reconciler.model import (
    WEBHOOK_NAME,
    InstanceName,
    SecretSeen,
    SeenWebhook,
    Source,
    UpstreamKind,
    WantedWebhook,
    WebhookState,
)
from reconciler.ports import Heard, Lease, Receipt, Understood
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
        self.hangs = False
        self.is_asked = asyncio.Event()
        self.meanwhile: Callable[[], None] = lambda: None

    async def read(self, wanted: WantedWebhook) -> tuple[SeenWebhook, ...]:
        assert wanted is WANTED
        self.reads += 1
        self.meanwhile()
        if self.hangs:
            self.is_asked.set()
            await asyncio.Event().wait()
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


async def look(loop: Reconciler) -> None:
    assert loop._connections is not None
    await loop._connections.run()


def watching_of(bench: Bench, settings: Settings, turn: Turn | None = None) -> tuple[Watching, list[timedelta]]:
    """Return the job alone, and how soon it wants to be run again."""
    loop, asked = loop_of(bench, settings), list[timedelta]()
    watch = ConnectionWatch({RADARR: settings}, [WANTED])
    lost = loop.health.lost
    return Watching(watch, bench.store, bench.clock, turn=turn or loop._its_turn, lost=lost, hasten=asked.append), asked


async def states(bench: Bench) -> dict[InstanceName, WebhookState]:
    return {name: seen.state for name, seen in (await bench.store.overview()).connections.items()}


async def test_what_is_seen_is_kept_and_what_cannot_be_seen_stays_as_it_was(bench: Bench) -> None:
    settings = Settings()
    loop = loop_of(bench, settings)
    await look(loop)
    assert await states(bench) == {RADARR: WebhookState(True, True)}
    settings.there = (replace(RIGHT, has_tags=True),)
    await look(loop)
    drifted = {RADARR: WebhookState(True, True, ("tags: only titles with some tags; should be all titles",))}
    assert await states(bench) == drifted
    for trouble in (Unreachable(RADARR, "down"), Rejected(RADARR, "no such path")):
        settings.trouble = trouble
        await look(loop)
        assert await states(bench) == drifted
    assert loop.health.rows() == (), "whether its webhook can be looked at says nothing about an upstream"


def told(logs: Sequence[Mapping[str, object]]) -> list[object]:
    return [line["event"] for line in logs if str(line["event"]).startswith("webhook ")]


async def test_a_webhook_that_is_gone_back_or_muted_is_logged_once_whichever_process_looks(bench: Bench) -> None:
    settings = Settings()
    for there, events in (
        ((), []),  # it never was there: polling may be meant
        ((RIGHT,), ["webhook found"]),
        ((replace(RIGHT, is_muted=True),), ["webhook muted"]),
        ((replace(RIGHT, enabled=False),), ["webhook lost"]),
        ((), []),
    ):
        settings.there = there
        with capture_logs() as logs:
            await look(loop_of(bench, settings))
            await look(loop_of(bench, settings))
        assert told(logs) == events


async def test_a_webhook_with_another_address_is_there_once_it_has_arrived(bench: Bench) -> None:
    """As `connect --url-for-upstreams` leaves it; one that another installation made never arrives."""
    settings = Settings()
    loop = loop_of(bench, settings)
    elsewhere = replace(RIGHT, name=WEBHOOK_NAME, url="http://else/webhooks/radarr")

    async def hear() -> None:
        bench.clock.advance(1)
        receipt = Receipt(Source.RADARR, RADARR, bench.clock.now(), "{}")
        await bench.store.ingest(receipt, Understood(Heard.TEST), instances={})

    async def is_there() -> bool:
        bench.clock.advance(1)
        await look(loop)
        return (await states(bench))[RADARR].exists

    assert await is_there()
    await hear()
    settings.there = (elsewhere,)
    assert not await is_there(), "what was heard came from the one that was there before"
    assert not await is_there()
    await hear()
    assert await is_there()
    assert await is_there(), "until its address changes"
    settings.there = (replace(elsewhere, url="http://other/webhooks/radarr"),)
    assert not await is_there()
    settings.there = ()
    assert not await is_there()
    settings.there = (elsewhere,)
    await hear()
    assert await is_there(), "connect made it, and its test arrived before the look"


async def test_an_instance_that_is_out_of_reach_is_not_asked(bench: Bench) -> None:
    settings = Settings()
    bench.household.radarr.trouble = Unreachable(RADARR, "down")
    loop = loop_of(bench, settings)
    await loop.run_ledger()
    assert RADARR in loop.health.lost()
    await look(loop)
    assert (settings.reads, await states(bench)) == (0, {})


async def test_only_who_holds_the_lease_looks_and_a_pass_does_not_wait_for_it(bench: Bench) -> None:
    settings, idle = Settings(), Settings()
    loop = loop_of(bench, settings)
    was_free: list[bool] = []
    settings.meanwhile = lambda: was_free.append(not loop._turn.locked())
    await look(loop)
    assert was_free == [True]
    await look(loop_of(bench, idle, holder="another"))
    assert idle.reads == 0
    assert QBITTORRENT not in await states(bench)


async def test_a_look_that_failed_here_comes_again_soon_and_a_lost_lease_is_no_error(bench: Bench) -> None:
    def raised(error: ReconcilerError) -> Lease | None:
        raise error

    def failing(error: ReconcilerError) -> Turn:
        @asynccontextmanager
        async def turn() -> AsyncIterator[Lease | None]:
            yield raised(error)

        return turn

    settings = Settings()
    for trouble, again, level in (
        (StoreError("out"), [AGAIN], "error"),
        (LeaseLost("another"), [], "warning"),
    ):
        job, asked = watching_of(bench, settings, failing(trouble))
        with capture_logs() as logs:
            await job.run()
        assert (asked, [line["log_level"] for line in logs]) == (again, [level])
    settings.trouble = ZeroDivisionError("a bug")
    job, asked = watching_of(bench, settings)
    await job.run()
    assert asked == [AGAIN]
    settings.trouble = None
    await job.run()
    assert asked == [AGAIN]


async def test_a_look_under_way_holds_up_no_stop_and_one_that_is_wanted_meanwhile_comes_after_it(bench: Bench) -> None:
    settings = Settings()
    settings.hangs = True
    job, asked = watching_of(bench, settings)
    under_way = asyncio.create_task(job.run())
    await settings.is_asked.wait()
    job.look_after(AFTER_TEST)
    assert asked == []
    job.stop()
    await under_way
    assert (asked, await states(bench)) == ([AFTER_TEST], {})
    await job.run()
    assert settings.reads == 1


async def test_a_test_that_another_process_took_is_followed_by_a_look(bench: Bench) -> None:
    job, asked = watching_of(bench, Settings())
    await job.look_after_tests()
    for _ in range(2):
        receipt = Receipt(Source.RADARR, RADARR, bench.clock.now(), "{}")
        await bench.store.ingest(receipt, Understood(Heard.TEST), instances={})
        await job.look_after_tests()
    assert asked == [], "the database is not asked each time"
    for _ in range(2):
        bench.clock.advance(BETWEEN_QUESTIONS)
        await job.look_after_tests()
    assert asked == [AFTER_TEST]
