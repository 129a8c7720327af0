"""After convergence: what was destroyed and comes back is drift, and what somebody adds anew is nobody's business."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.e2e import Stage, open_stage
from tests.support.e2e_shown import events


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with open_stage(tmp_path, real_torrents=False) as opened:
        yield opened


async def test_a_torrent_that_its_client_brings_back_is_removed_again_and_one_that_a_person_adds_is_left_alone(
    stage: Stage,
) -> None:
    drifting, added, _ = await asyncio.gather(stage.movie(), stage.movie(), stage.movie())
    simulated = stage.house.simulated
    assert simulated is not None
    before = await stage.snapshot(drifting, added)
    (returning,) = [simulated.session.torrents[id_] for id_ in drifting.torrents]
    first, second = await stage.delete(drifting), await stage.delete(added)
    await stage.until_phase(first, "converged")
    due = (await stage.until_phase(second, "converged"))["next_due_at"]

    simulated.session.torrents[returning.id] = returning
    answer = await stage.house.user.add(added.releases[0].torrent, save_path=stage.house.downloads / "by-hand")
    assert answer.text == "Ok."

    await stage.until(first, lambda d: bool(events(d, "Drift")), "the drift to be noticed", seconds=30)
    await stage.until_phase(first, "converged")
    assert await stage.left_of(drifting) == []
    shown = await stage.until(second, lambda d: d["next_due_at"] > due, "the other to be looked at", seconds=30)
    assert not events(shown, "Drift")
    assert shown["phase"] == "converged"
    assert added.torrents <= set(await stage.house.torrents())
    assert await stage.snapshot(drifting, added) == before
