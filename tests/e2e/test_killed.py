"""The service is killed at the worst moments, and goes on after its restart as if nothing had happened."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from tests.support.e2e import Shelved, Stage, open_stage
from tests.support.e2e_shown import reasons
from tests.support.postgres import PostgresServer
from tests.support.real_parts import require_real_qbittorrent


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    require_real_qbittorrent()
    async with open_stage(tmp_path) as opened:
        yield opened


async def at_once(_stage: Stage, _movie: Shelved) -> None:
    pass


async def frozen(stage: Stage, movie: Shelved) -> None:
    await stage.wait(lambda: not stage.house.radarr.titles[movie.entry_id].monitored, "the freeze")


async def torrents_gone(stage: Stage, movie: Shelved) -> None:
    await stage.until_torrents_gone(movie)


async def entry_gone(stage: Stage, movie: Shelved) -> None:
    await stage.wait(lambda: stage.movie_row(movie) is None, "the entry to go")


@pytest.mark.parametrize("moment", [at_once, frozen, torrents_gone, entry_gone], ids=lambda m: m.__name__)
async def test_a_killed_service_converges_after_its_restart(
    stage: Stage, moment: Callable[[Stage, Shelved], Awaitable[None]]
) -> None:
    movie, *_ = await asyncio.gather(stage.movie(torrents=2), stage.movie(), stage.by_hand("debian-live.iso"))
    before = await stage.snapshot(movie)

    deletion = await stage.delete(movie)
    await moment(stage, movie)
    await stage.service.kill()
    await stage.service.start()

    await stage.until_phase(deletion, "converged")
    assert await stage.left_of(movie) == []
    assert await stage.snapshot(movie) == before
    assert len(await stage.all_deletions()) == 1


async def test_a_kill_after_most_torrents_of_a_small_library_went_is_not_taken_for_a_suspicious_list(
    stage: Stage,
) -> None:
    movie, other = await asyncio.gather(stage.movie(torrents=11), stage.movie())
    before = await stage.snapshot(movie)

    deletion = await stage.delete(movie)
    await stage.until_torrents_gone(movie)
    await stage.service.kill()
    await stage.service.start()

    shown = await stage.until_phase(deletion, "converged")
    assert reasons(shown)["TorrentsAbsent"] == "Absent"
    assert await stage.left_of(movie) == []
    assert await stage.left_of(other) != []
    assert await stage.snapshot(movie) == before


async def test_on_postgresql_a_service_killed_half_way_converges_after_its_restart(
    tmp_path: Path, postgres_server: PostgresServer
) -> None:
    require_real_qbittorrent()
    url = postgres_server.url(await postgres_server.create_database())
    async with open_stage(tmp_path, database_url=url) as stage:
        movie, *_ = await asyncio.gather(stage.movie(torrents=2), stage.movie())
        before = await stage.snapshot(movie)
        radarr = stage.house.radarr.faults
        radarr.only, radarr.method = "/api/v3/movie/", "DELETE"
        radarr.fail_next(1000)

        deletion = await stage.delete(movie)
        await stage.until(
            deletion,
            lambda d: reasons(d)["TorrentsAbsent"] == "Absent" and reasons(d)["EntryAbsent"] == "Unreachable",
            "the torrents to be gone and the entry to be refused",
        )
        await stage.service.kill()
        radarr.heal()
        await stage.service.start()

        await stage.until_phase(deletion, "converged")
        assert await stage.left_of(movie) == []
        assert await stage.snapshot(movie) == before
