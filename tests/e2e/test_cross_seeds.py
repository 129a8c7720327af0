"""Torrents that share files go together, or the data stays for whoever still seeds it; and files stay when asked to."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from reconciler.simulators.arr_releases import Release
from tests.support.e2e import Shelved, Stage, open_stage
from tests.support.e2e_shown import condition, reasons
from tests.support.real_parts import require_real_qbittorrent

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    require_real_qbittorrent()
    async with open_stage(tmp_path_factory.mktemp("cross-seeds")) as opened:
        yield opened


async def seed_elsewhere(stage: Stage, movie: Shelved, *, and_file: str = "") -> Release:
    """Add the torrent that another tracker has of a movie's files, by hand and in nobody's history.

    `and_file` is in that one only.
    """
    release = movie.releases[-1]
    if and_file:
        (stage.house.releases / release.meta.name / and_file).write_bytes(b"only in the twin" * 100)
    twin = stage.house.cross_seed(release)
    await stage.house.add_torrent(twin, stage.house.downloads / "radarr", category="cross-seed")
    return twin


def downloads_of(stage: Stage, movie: Shelved) -> dict[str, str]:
    """Return the digests of what lies in the downloads of a movie."""
    return {path: d for path, d in stage.house.files().items() if movie.word in path and path.startswith("downloads/")}


async def test_a_cross_seed_that_nobody_refers_to_goes_along_with_the_data(stage: Stage) -> None:
    movie, other = await asyncio.gather(stage.movie(), stage.movie())
    twins = [await seed_elsewhere(stage, title) for title in (movie, other)]
    before = await stage.snapshot(movie)
    assert twins[1].meta.torrent_id in before.torrents

    shown = await stage.until_phase(await stage.delete(movie), "converged")
    assert reasons(shown)["TorrentsAbsent"] == "Absent"
    assert {t["kind"] for t in shown["targets"] if t["external_id"] == twins[0].meta.torrent_id} == {"cross_seed"}
    assert await stage.left_of(movie) == []
    assert await stage.snapshot(movie) == before


async def test_files_stay_when_they_are_to_be_kept_and_the_entries_go_all_the_same(stage: Stage) -> None:
    movie, series = await asyncio.gather(stage.movie(torrents=2), stage.series())
    before = await stage.snapshot(movie, series)
    files = stage.house.files()
    deletions = [await stage.delete({**title.wish, "delete_files": False}) for title in (movie, series)]
    for deletion in deletions:
        shown = await stage.until_phase(deletion, "converged")
        assert reasons(shown)["FilesAbsent"] == "FilesKept"
    assert stage.house.files() == files, "all data stays, in the downloads and in the library"
    assert not (movie.torrents | series.torrents) & set(await stage.house.torrents())
    assert stage.movie_row(movie) is None
    assert stage.series_row(series) is None
    assert {movie.request_id, series.request_id}.isdisjoint(stage.house.seerr.database.requests)
    assert await stage.snapshot(movie, series) == before


async def test_a_cross_seed_with_a_file_of_its_own_keeps_seeding_and_the_data_stays_for_it(stage: Stage) -> None:
    movie = await stage.movie()
    twin = await seed_elsewhere(stage, movie, and_file="Featurette.mkv")
    before, data = await stage.snapshot(movie), downloads_of(stage, movie)
    assert len(data) == 3

    shown = await stage.until_phase(await stage.delete(movie), "converged")
    torrents = condition(shown, "TorrentsAbsent")
    assert (torrents["status"], torrents["reason"]) == ("True", "SharedWithUnknown")
    assert twin.meta.name in torrents["message"]
    assert downloads_of(stage, movie) == data
    assert [path for path in stage.house.files() if movie.word in path] == list(data), "the library's copy is gone"
    assert stage.movie_row(movie) is None
    assert await stage.left_of(movie) == [f"torrent {twin.meta.name}", *(f"file {path}" for path in data)]
    assert await stage.snapshot(movie) == before

    # this comes last here: it may look whole before its check has begun, and is being checked for a moment then
    await stage.house.user.post("torrents/recheck", hashes=twin.meta.torrent_id)

    async def is_whole() -> bool:
        row = (await stage.house.user.rows())[twin.meta.torrent_id]
        return row["progress"] == 1 and str(row["state"]) in {"uploading", "stalledUP"}

    await stage.wait(is_whole, "the twin to be checked and seeded on")
