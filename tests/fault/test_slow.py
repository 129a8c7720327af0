"""An upstream that takes requests and never answers."""

import asyncio
from pathlib import Path

from tests.support.e2e import open_stage
from tests.support.e2e_shown import condition, reasons


async def test_an_upstream_that_never_answers_is_shown_and_the_others_go_on(tmp_path: Path) -> None:
    async with open_stage(tmp_path, real_torrents=False) as stage:
        series, movie, _ = await asyncio.gather(stage.series(), stage.movie(torrents=2), stage.movie())
        before = await stage.snapshot(series, movie)
        stage.house.sonarr.faults.hang = True
        slow, quick = await stage.delete(series), await stage.delete(movie)

        shown = await stage.until(
            slow, lambda d: reasons(d)["EntryAbsent"] == "Unreachable", "the silence to be noticed", seconds=60
        )
        trouble = condition(shown, "EntryAbsent")
        assert trouble["status"] == "Unknown"
        assert trouble["message"] == "sonarr: did not answer in time"
        assert shown["phase"] == "waiting"
        await stage.until_phase(quick, "converged", seconds=60)
        assert await stage.left_of(movie) == []
        assert (await stage.show(slow))["phase"] == "waiting"

        stage.house.sonarr.faults.heal()
        await stage.decide(slow, "retry")  # it is left alone for a while otherwise
        await stage.until_phase(slow, "converged")
        assert await stage.left_of(series) == []
        assert await stage.snapshot(series, movie) == before
