"""The whole loop over upstreams in memory: random lives of a household, with outages, kills and re-requests."""

import asyncio
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

from hypothesis import event, given, note, settings
from hypothesis import strategies as st

from reconciler.plan.policy import SeedingPolicy, SeedingRule
from tests.property.goods import SEEDED_TO
from tests.property.houses import HOUSE
from tests.property.rest import Rest, come_to_rest
from tests.property.simulation import Simulation
from tests.support.bench import bench_at

LIVES = 25
"""How many lives are lived by default, always the same ones; `make property` lives many more, and others each time."""

OFTEN = 0.05
"""In how many of all lives each of these must occur, or the property proves little."""

HAZARDS = ("packs", "cross-seeds", "late wants", "outages")

POLICY = replace(HOUSE, seeding=SeedingPolicy((SeedingRule(tag="seed", min_ratio=SEEDED_TO),)))


async def _live(seed: int) -> Counter[str]:
    """Live one life, and return what it had to cope with."""
    with tempfile.TemporaryDirectory() as folder:
        async with bench_at(Path(folder), POLICY) as bench:
            simulation = Simulation(bench, seed)
            try:
                await simulation.furnish()
                await simulation.live(steps=40)
                await come_to_rest(simulation)
                Rest(simulation, await bench.everything(), await bench.store.referenced_hashes()).check()
            finally:
                note(f"seed {seed}\n" + "\n".join(simulation.log))
            return simulation.met


def test_nothing_but_what_was_asked_goes_and_everything_comes_to_rest() -> None:
    met: Counter[str] = Counter()

    lives_wanted = max(LIVES, settings().max_examples // 20)

    @settings(max_examples=lives_wanted, deadline=None, derandomize=lives_wanted == LIVES)
    @given(seed=st.integers(0, 2**32 - 1))
    def lives(seed: int) -> None:
        hazards = asyncio.run(_live(seed))
        met["lives"] += 1
        for hazard in HAZARDS:
            if hazards[hazard]:
                event(hazard)
                met[hazard] += 1

    lives()
    shares = {hazard: met[hazard] / met["lives"] for hazard in HAZARDS}
    print(f"of {met['lives']} lives:", ", ".join(f"{share:.0%} with {hazard}" for hazard, share in shares.items()))
    assert all(share >= OFTEN for share in shares.values()), shares
