"""A re-request wins: before the first destructive step, after it, and with the very same torrent."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.e2e import Shelved, Stage, open_stage
from tests.support.e2e_shown import condition, events, reasons
from tests.support.real_parts import require_real_qbittorrent


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    require_real_qbittorrent()
    async with open_stage(tmp_path, relayed=("radarr",)) as opened:
        yield opened


def hold_before_the_entry(stage: Stage) -> None:
    """Hold deletions between their torrents and their entry: Radarr does not answer the last look before the delete."""
    faults = stage.house.radarr.faults
    faults.only, faults.method = "/api/v3/movie/", "GET"
    faults.fail_next(1000)


async def until_looked_at_again(stage: Stage, deletion: str) -> None:
    """Wait for the first look of the watch window after this moment."""
    due = (await stage.show(deletion))["next_due_at"]
    await stage.until(deletion, lambda d: d["next_due_at"] > due, "a look of the watch window", seconds=45)


async def test_a_request_before_the_first_destructive_step_cancels_and_gives_monitoring_back(stage: Stage) -> None:
    movie, _ = await asyncio.gather(stage.movie(torrents=2), stage.movie())
    before = await stage.snapshot()
    real = stage.house.real
    assert real is not None

    async def stop_qbittorrent_after_the_freeze(method: str, _path: str) -> None:
        if method == "PUT" and real.is_running:
            await real.stop()

    stage.relays["radarr"].after = stop_qbittorrent_after_the_freeze
    deletion = await stage.delete(movie)
    await stage.wait(lambda: not real.is_running, "the freeze")
    assert not stage.house.radarr.titles[movie.entry_id].monitored
    await stage.request_again(movie)

    shown = await stage.until_phase(deletion, "cancelled")
    assert shown["settled"]["reason"] == "WantedAgain"
    assert shown["destroyed_at"] is None
    assert events(shown, "RestoreMonitoring")
    await real.start()
    after = await stage.snapshot()
    assert stage.house.radarr.titles[movie.entry_id].monitored
    assert (after.files, after.torrents, after.titles) == (before.files, before.torrents, before.titles)
    assert before.requests < after.requests, "nobody's request is cleared"


async def test_a_request_during_the_grace_period_keeps_everything(tmp_path: Path) -> None:
    require_real_qbittorrent()
    async with open_stage(tmp_path, RECONCILER_GRACE_SECONDS="3600") as stage:
        movie = await stage.movie()
        before = await stage.snapshot(movie)
        everything = stage.house.files(), await stage.house.torrents()
        deletion = await stage.delete(movie)
        shown = await stage.until_phase(deletion, "waiting")
        assert "NotBefore" in reasons(shown).values()
        request = await stage.request_again(movie)
        assert (await stage.decide(deletion, "retry")).status_code == 200
        shown = await stage.until_phase(deletion, "cancelled")
        assert shown["settled"]["reason"] == "WantedAgain"
        assert shown["destroyed_at"] is None
        assert (stage.house.files(), await stage.house.torrents()) == everything
        assert stage.house.radarr.titles[movie.entry_id].monitored
        assert request in stage.house.seerr.database.requests
        assert await stage.snapshot(movie) == before


@pytest.mark.parametrize("is_same_torrent", [False, True], ids=["another_torrent", "the_same_torrent"])
async def test_a_request_after_the_torrents_went_keeps_the_title_and_ends_in_a_fresh_download(
    stage: Stage, *, is_same_torrent: bool
) -> None:
    movie, _ = await asyncio.gather(stage.movie(torrents=2), stage.movie())
    before = await stage.snapshot(movie)
    old_file = stage.house.radarr.files_of(movie.entry_id)[0]
    fresh = movie.releases[-1] if is_same_torrent else stage.house.movie_release(movie.tmdb_id, f"{movie.word}.again")
    stage.house.indexer.add(fresh)
    hold_before_the_entry(stage)

    deletion = await stage.delete(movie)
    await stage.until(
        deletion, lambda d: reasons(d)["EntryAbsent"] == "Unreachable", "the last look to fail", seconds=30
    )
    assert not movie.torrents & set(await stage.house.torrents())
    request = await stage.request_again(movie)
    stage.house.radarr.faults.heal()
    await stage.decide(deletion, "retry")  # or at the next look: nothing tells of a request for what is available

    row = await stage.until_imported_afresh(movie, old_file.id)
    shown = await stage.until_phase(deletion, "converged")
    assert row.id == movie.entry_id, "the title stays"
    assert row.monitored
    assert reasons(shown)["EntryAbsent"] == "WantedAgain"
    assert condition(shown, "TorrentsAbsent")["status"] == "True"
    assert request in stage.house.seerr.database.requests
    assert fresh.meta.torrent_id in await stage.house.torrents()
    await assert_fresh_copy_is_whole(stage, movie, fresh.meta.name)
    assert await stage.snapshot(movie) == before


async def test_after_convergence_the_same_torrent_can_be_downloaded_again_and_nothing_harms_it(stage: Stage) -> None:
    movie, _ = await asyncio.gather(stage.movie(torrents=2), stage.movie())
    before = await stage.snapshot(movie)
    release = movie.releases[-1]
    stage.house.indexer.add(release)

    deletion = await stage.delete(movie)
    await stage.until_phase(deletion, "converged")
    assert await stage.left_of(movie) == []
    request = await stage.request_again(movie)

    row = await stage.until_imported(movie)
    assert row.id != movie.entry_id
    await until_looked_at_again(stage, deletion)
    shown = await stage.show(deletion)
    assert shown["phase"] == "converged"
    assert not events(shown, "Drift")
    assert request in stage.house.seerr.database.requests
    assert set(await stage.house.torrents()) & movie.torrents == {release.meta.torrent_id}
    await assert_fresh_copy_is_whole(stage, movie, release.meta.name)
    assert await stage.snapshot(movie) == before
    assert len(await stage.all_deletions()) == 1


async def assert_fresh_copy_is_whole(stage: Stage, movie: Shelved, name: str) -> None:
    """The library has one media file of the title, the download is complete, and both are the same bytes."""
    files = {path: digest for path, digest in stage.house.files().items() if movie.word in path}
    media = {path: digest for path, digest in files.items() if path.endswith(".mkv")}
    assert sorted(path.split("/")[0] for path in media) == ["downloads", "library"]
    assert len(set(media.values())) == 1
    assert all(name in path for path in files)
    row = next(row for row in (await stage.house.user.rows()).values() if row["name"] == name)
    assert row["progress"] == 1
