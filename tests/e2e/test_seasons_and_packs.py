"""Seasons go one by one, and a pack goes with the last of what it serves: with the real qBittorrent."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.e2e import Shelved, Stage, open_stage
from tests.support.e2e_shelf import movies_in_one_torrent, seasons_on_disk, series_in_packs
from tests.support.e2e_shown import Json, condition, reasons
from tests.support.real_parts import require_real_qbittorrent

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    require_real_qbittorrent()
    async with open_stage(tmp_path_factory.mktemp("seasons")) as opened:
        yield opened


async def delete_season(stage: Stage, series: Shelved, *seasons: int) -> Json:
    """Ask for seasons to go and wait until they have."""
    deletion = await stage.delete({**series.wish, "seasons": list(seasons)})
    return await stage.until_phase(deletion, "converged")


async def test_a_pack_stays_until_the_last_of_its_seasons_was_deleted(stage: Stage) -> None:
    series, other = await series_in_packs(stage), await stage.series()
    before = await stage.snapshot(series)
    pack, better, *singles = (release.meta.torrent_id for release in series.releases)
    data = {
        path: d
        for path, d in stage.house.files().items()
        if path.startswith(f"downloads/tv-sonarr/{series.word}.S01-S03")
    }

    def data_of_pack() -> dict[str, str]:
        return {path: digest for path, digest in stage.house.files().items() if path in data}

    first = await delete_season(stage, series, 1)
    row = stage.series_row(series)
    assert row is not None
    assert reasons(first)["TorrentsAbsent"] == "SharedWithWanted"
    why = condition(first, "TorrentsAbsent")["message"]
    assert all(said in why for said in (series.releases[0].title, "season 2", "season 3"))
    assert seasons_on_disk(stage, row) == {2, 3}
    assert series.torrents & set(await stage.house.torrents()) == {pack, *singles}
    assert data_of_pack() == data
    assert better not in await stage.house.torrents()

    third = await delete_season(stage, series, 3)
    assert reasons(third)["TorrentsAbsent"] == "SharedWithWanted"
    why = condition(third, "TorrentsAbsent")["message"]
    assert "season 2" in why
    assert "season 1" not in why
    assert seasons_on_disk(stage, row) == {2}
    assert series.torrents & set(await stage.house.torrents()) == {pack}
    assert data_of_pack() == data

    second = await delete_season(stage, series, 2)
    assert reasons(second)["TorrentsAbsent"] == "Absent"
    assert seasons_on_disk(stage, row) == set()
    assert not series.torrents & set(await stage.house.torrents())
    assert not [path for path in stage.house.files() if series.word in path]

    kept = stage.series_row(series)
    assert kept is not None, "the series itself stays"
    assert kept.monitored
    assert not any(is_monitored for number, is_monitored in kept.seasons.items() if number in {1, 2, 3})
    assert series.request_id in stage.house.seerr.database.requests, "no request is cleared for a part of it"
    assert await stage.snapshot(series) == before
    assert other.torrents <= set(await stage.house.torrents())


async def test_a_collection_goes_with_the_last_of_its_movies(stage: Stage) -> None:
    first, second = await movies_in_one_torrent(stage, 2)
    (pack,) = first.torrents
    name = first.releases[0].meta.name
    data = {path for path in stage.house.files() if path.startswith(f"downloads/radarr/{name}/")}
    assert len(data) == 2

    shown = await stage.until_phase(await stage.delete(first), "converged")
    assert reasons(shown)["TorrentsAbsent"] == "SharedWithWanted"
    assert reasons(shown)["RequestCleared"] == "Cleared"
    assert stage.movie_row(first) is None
    assert pack in await stage.house.torrents()
    assert data <= set(stage.house.files()), "the other movie's torrent keeps all its files"

    shown = await stage.until_phase(await stage.delete(second), "converged")
    assert reasons(shown)["TorrentsAbsent"] == "Absent"
    assert pack not in await stage.house.torrents()
    assert not [path for path in stage.house.files() if name in path or first.word in path or second.word in path]
    assert {first.request_id, second.request_id}.isdisjoint(stage.house.seerr.database.requests)
