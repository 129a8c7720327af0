"""A bench for every test that wants one."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.bench import Bench, bench_at
from tests.support.worlds import HEAT, LOST, RONIN, hash_of


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench_at(tmp_path) as opened:
        yield opened


@pytest.fixture
async def home(bench: Bench) -> Bench:
    """A bench with HEAT (two torrents), RONIN and LOST, whose histories were read."""
    bench.household.obtain(HEAT, "Heat", hash_of(1), hash_of(2))
    bench.household.obtain(RONIN, "Ronin", hash_of(3))
    bench.household.obtain(LOST, "Lost", hash_of(4))
    await bench.reconciler.run_ledger()
    return bench
