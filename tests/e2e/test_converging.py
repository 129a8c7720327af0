"""A movie and a series go everywhere, and nothing else is touched: on both databases, with the real qBittorrent."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.e2e import Stage, open_stage
from tests.support.e2e_shown import reasons
from tests.support.postgres import PostgresServer
from tests.support.real_parts import require_real_qbittorrent


@pytest.fixture(params=["sqlite", "postgres"])
async def stage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stage]:
    require_real_qbittorrent()
    url = None
    if request.param == "postgres":
        server: PostgresServer = request.getfixturevalue("postgres_server")
        url = server.url(await server.create_database())
    async with open_stage(tmp_path, database_url=url) as opened:
        yield opened


async def test_a_movie_and_a_series_vanish_with_all_their_torrents_and_nothing_else_is_touched(stage: Stage) -> None:
    movie, series, *_ = await asyncio.gather(
        stage.movie(torrents=2), stage.series(), stage.movie(), stage.series(), stage.by_hand("debian-live.iso")
    )
    (stage.house.downloads / "radarr" / "notes.txt").write_text("beside the downloads")
    (stage.house.movies / "poster.jpg").write_bytes(b"beside the library")
    before = await stage.snapshot(movie, series)

    ids = [await stage.delete(movie), await stage.delete(series)]
    shown = [await stage.until_phase(id_, "converged") for id_ in ids]

    for detail in shown:
        assert reasons(detail) == {
            "TorrentsAbsent": "Absent",
            "EntryAbsent": "Absent",
            "FilesAbsent": "Absent",
            "RequestCleared": "Cleared",
        }
        assert {c["status"] for c in detail["conditions"]} == {"True"}
    assert await stage.left_of(movie) == []
    assert await stage.left_of(series) == []
    assert await stage.snapshot(movie, series) == before
    assert len(await stage.all_deletions()) == 2, "the echoes of our own deletes are no wishes"
