"""The whole loop over upstreams in memory: random lives of a household, with outages, kills and re-requests."""

import asyncio
import tempfile
from pathlib import Path

from hypothesis import given, note, settings
from hypothesis import strategies as st

from tests.property.simulation import Simulation
from tests.support.bench import bench_at

EXAMPLES = 25
"""How many lives are lived by default; `make property` lives many more."""


async def _live(seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with bench_at(Path(folder)) as bench:
            simulation = Simulation(bench, seed)
            try:
                await simulation.furnish()
                await simulation.live(steps=30)
                await simulation.come_to_rest()
                await simulation.check_rest()
            finally:
                note("\n".join(simulation.log))


@settings(max_examples=max(EXAMPLES, settings().max_examples // 20), deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_nothing_but_what_was_asked_goes_and_everything_comes_to_rest(seed: int) -> None:
    asyncio.run(_live(seed))
