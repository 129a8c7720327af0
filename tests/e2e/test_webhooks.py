"""What the senders of webhooks do: deletes told after the fact, echoes, duplicates, and wishes for nothing."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.e2e import Shelved, Stage, open_stage
from tests.support.e2e_shown import Json, reasons
from tests.support.real_parts import require_real_qbittorrent


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    require_real_qbittorrent()
    async with open_stage(tmp_path, RECONCILER_LEDGER_INTERVAL_SECONDS="1") as opened:
        yield opened


async def delete_in_radarr(stage: Stage, movie: Shelved, *, delete_files: bool = True) -> None:
    """What a person does on Radarr's page."""
    async with stage.upstream(stage.house.radarr_url) as radarr:
        files = str(delete_files).lower()
        answer = await radarr.delete(f"/api/v3/movie/{movie.entry_id}", params={"deleteFiles": files})
    assert answer.status_code == 200


async def until_history_is_read(stage: Stage) -> None:
    """Wait for two syncs: the second began after this moment."""
    for _ in range(2):
        last = (await stage.upstream_status("radarr"))["coverage"]["synced_at"]

        async def is_newer(last: str = last) -> bool:
            return bool((await stage.upstream_status("radarr"))["coverage"]["synced_at"] > last)

        await stage.wait(is_newer, "the history to be read")


async def the_only_deletion(stage: Stage) -> Json:
    async def is_there() -> bool:
        return bool(await stage.all_deletions())

    await stage.wait(is_there, "the webhook to be heard")
    (only,) = await stage.all_deletions()
    return only


async def test_a_movie_deleted_in_radarr_loses_its_torrents_and_its_record_too(stage: Stage) -> None:
    movie, *_ = await asyncio.gather(stage.movie(torrents=2), stage.movie(), stage.by_hand("debian-live.iso"))
    await until_history_is_read(stage)
    before = await stage.snapshot(movie)

    await delete_in_radarr(stage, movie)
    only = await the_only_deletion(stage)
    assert only["source"] == "radarr"
    shown = await stage.until_phase(only["id"], "converged")

    assert reasons(shown)["TorrentsAbsent"] == "Absent"
    assert reasons(shown)["EntryAbsent"] == "AlreadyAbsent"
    assert reasons(shown)["RequestCleared"] == "Cleared"
    assert await stage.left_of(movie) == []
    assert await stage.snapshot(movie) == before


async def test_a_grab_that_only_webhooks_told_of_is_enough_to_find_the_torrent_later(stage: Stage) -> None:
    movie, _ = await asyncio.gather(stage.movie(torrents=0, is_imported=False), stage.movie())
    release = stage.house.movie_release(movie.tmdb_id, f"{movie.word}.1950.1080p")
    await stage.house.get_movie(movie.entry_id, release)
    before = await stage.snapshot(movie)

    await delete_in_radarr(stage, movie)
    assert not [row for row in stage.house.radarr.history if row.title_id == movie.entry_id], "Radarr forgets it all"
    only = await the_only_deletion(stage)
    await stage.until_phase(only["id"], "converged")

    assert await stage.left_of(movie) == []
    assert await stage.snapshot(movie) == before


async def test_a_delete_in_radarr_that_kept_the_files_is_no_wish(stage: Stage) -> None:
    movie = await stage.movie()
    files, torrents = stage.house.files(), await stage.house.torrents()
    await delete_in_radarr(stage, movie, delete_files=False)
    assert await stage.all_deletions() == []
    assert stage.house.files() == files
    assert await stage.house.torrents() == torrents


async def test_a_wish_for_something_that_nobody_knows_converges_as_already_absent(stage: Stage) -> None:
    await stage.movie()
    before = await stage.snapshot()
    movie = await stage.delete({"media_type": "movie", "tmdb_id": 999_999, "title": "Nobody's", "year": 1950})
    series = await stage.delete({"media_type": "tv", "tvdb_id": 999_998, "title": "Nobody's", "year": 1950})
    for deletion in (movie, series):
        shown = await stage.until_phase(deletion, "converged")
        assert reasons(shown)["TorrentsAbsent"] == "NoTorrentKnown"
        assert reasons(shown)["EntryAbsent"] == "AlreadyAbsent"
        assert reasons(shown)["RequestCleared"] == "NothingToClear"
        assert shown["destroyed_at"] is None
    assert await stage.snapshot() == before


async def test_the_same_wish_twice_is_one_deletion(stage: Stage) -> None:
    movie, other = await asyncio.gather(stage.movie(tags=["keep"]), stage.movie(tags=["keep"]))
    first = await stage.delete(movie)
    assert await stage.delete(movie) == first

    key = {"Idempotency-Key": "wish-1"}
    named = await stage.delete(other, **key)
    assert await stage.delete(other, **key) == named
    answer = await stage.http.post("/webhooks/dashboard", json=movie.wish, headers=key)
    assert answer.status_code == 422
    assert answer.json()["type"].endswith("key-reused")
    assert {d["id"] for d in await stage.all_deletions()} == {first, named}

    for deletion in (first, named):
        await stage.until_phase(deletion, "held")
        assert (await stage.decide(deletion, "approve")).status_code == 200
        await stage.until_phase(deletion, "converged")
    assert await stage.delete(other, **key) == named, "the key is remembered after the end"
    assert len(await stage.all_deletions()) == 2


async def test_our_own_delete_comes_back_as_an_echo_and_creates_nothing(stage: Stage) -> None:
    movie = await stage.movie()
    deletion = await stage.delete(movie)
    await stage.until_phase(deletion, "converged")
    told = [payload for payload in stage.house.radarr.connections.sent if payload["eventType"] == "MovieDelete"]
    assert len(told) == 1
    await stage.house.radarr.connections.resend(stage.house.radarr.connections.sent.index(told[0]))
    assert [d["id"] for d in await stage.all_deletions()] == [deletion]
