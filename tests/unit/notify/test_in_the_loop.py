"""Notifications of a reconciler that runs: they come soon after a pass, and no pass waits for them."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from reconciler import loop
from reconciler.model import Media, Occasion, Phase
from reconciler.notify import Notifier, Wording, connect_messengers
from tests.support import memory_base
from tests.support.arr import until
from tests.support.bench import Bench, bench_at
from tests.support.clocks import RunningClock
from tests.support.sink import Sink, sink_server
from tests.support.worlds import HEAT, RONIN, hash_of


@pytest.fixture
def sink() -> Iterator[Sink]:
    with sink_server() as running:
        yield running


async def converged(bench: Bench, media: Media) -> None:
    """Ask for a deletion and wait until it is done."""
    deletion = await bench.ask(media)
    bench.reconciler.wake()
    for _ in range(2000):
        if await bench.phase(deletion) is Phase.CONVERGED:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(await bench.reasons(deletion))


async def known(bench: Bench) -> None:
    """Wait until it is known whom to tell: what converged before is not told."""
    for _ in range(2000):
        if await bench.store.messengers():
            return
        bench.reconciler.wake()
        await asyncio.sleep(0.01)
    raise AssertionError("it never came to that")


async def test_passes_go_on_while_a_messenger_hangs_and_it_is_told_afterwards(
    tmp_path: Path, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory_base, "FILE_DELAY", timedelta(0))
    monkeypatch.setattr(loop, "NEWS_AFTER_PASS", timedelta(0))
    monkeypatch.setattr("reconciler.notify.telling.LAST_MESSAGE", timedelta(0))
    async with bench_at(tmp_path, clock=RunningClock()) as bench:
        bench.household.obtain(HEAT, "Heat", hash_of(1))
        bench.household.obtain(RONIN, "Ronin", hash_of(2))
        bench.notifier = Notifier(
            bench.store,
            connect_messengers([sink.url]),
            Wording({}),
            bench.clock,
            tell=frozenset(Occasion),
            interval=timedelta(seconds=1),
            stalled_after=timedelta(hours=6),
        )
        bench.restart()
        sink.hang()
        bench.reconciler.start()
        try:
            await known(bench)
            await converged(bench, HEAT)
            await until(sink.arrived.is_set)
            await converged(bench, RONIN)
            assert sink.messages == []
            sink.released.set()
            await until(lambda: len(sink.messages) == 2)
        finally:
            await bench.reconciler.stop()
    assert sink.titles == ["Deletions: 1 gone everywhere", "Deletions: 1 done"]
    assert "radarr cannot show /data/movies/Ronin" in sink.bodies[1][0], "nothing is left beside it that could be seen"
