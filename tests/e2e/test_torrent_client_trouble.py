"""qBittorrent is stopped, or dies right after it answered: the real program, and everything heals by itself."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.e2e import Stage, open_stage
from tests.support.e2e_shown import condition, events, reasons
from tests.support.real_parts import require_real_qbittorrent


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    require_real_qbittorrent()
    relayed = ("qbittorrent", "radarr")
    async with open_stage(tmp_path, relayed=relayed, RECONCILER_FILES_LEFT_BEHIND_SECONDS="2") as opened:
        yield opened


async def test_a_stopped_qbittorrent_is_waited_for_and_its_return_heals_everything(stage: Stage) -> None:
    movie, second, series, _ = await asyncio.gather(
        stage.movie(torrents=2), stage.movie(), stage.series(), stage.movie()
    )
    before = await stage.snapshot(movie, second, series)
    real = stage.house.real
    assert real is not None

    async def stop_after_the_freeze(method: str, path: str) -> None:
        if method == "PUT":
            await real.stop()

    stage.relays["radarr"].after = stop_after_the_freeze
    deletion = await stage.delete(movie)
    shown = await stage.until(
        deletion, lambda d: d["phase"] == "waiting" and d["bound_at"] is not None, "the deletion to wait"
    )
    assert not real.is_running
    torrents = condition(shown, "TorrentsAbsent")
    assert (torrents["status"], torrents["reason"]) == ("Unknown", "Unreachable")
    assert torrents["message"].startswith("qbittorrent: ")
    assert shown["destroyed_at"] is None

    others = [await stage.delete(second), await stage.delete(series)]
    for other in others:
        await stage.until_phase(other, "waiting")
    assert (await stage.http.get("/livez")).status_code == 200
    assert (await stage.http.get("/readyz")).status_code == 200
    status = await stage.get("/status")
    assert not status["ok"]
    assert "cannot reach qbittorrent" in status["verdict"].lower()
    assert status["counts"]["waiting"] == 3

    stage.relays["radarr"].after = None
    await real.start()
    for each in (deletion, *others):
        await stage.until_phase(each, "converged")
    for title in (movie, second, series):
        assert await stage.left_of(title) == []
    assert await stage.snapshot(movie, second, series) == before
    assert (await stage.upstream_status("qbittorrent"))["reachable"]


async def test_torrents_that_a_killed_qbittorrent_brings_back_are_found_and_removed_again(stage: Stage) -> None:
    movie, _ = await asyncio.gather(stage.movie(torrents=10), stage.movie())
    before = await stage.snapshot(movie)
    real, relay = stage.house.real, stage.relays["qbittorrent"]
    assert real is not None

    async def kill_after_the_first_delete(_method: str, path: str) -> None:
        if path.endswith("torrents/delete"):
            relay.after = None
            await real.kill()

    relay.after = kill_after_the_first_delete
    deletion = await stage.delete(movie)
    await stage.wait(lambda: not real.is_running, "qBittorrent to be killed")
    await stage.until_phase(deletion, "waiting")
    await real.start()
    came_back = movie.torrents & set(await stage.house.torrents())
    # How many the real program restores of what it had just acknowledged depends on the moment (upstreams.md 9.1);
    # tests/fault/test_watching.py brings one back for certain.
    ended = {"converged", "held"}
    shown = await stage.until(deletion, lambda d: d["phase"] in ended, "the returned torrents to be removed again")
    assert len(events(shown, "RemoveTorrent")) >= len(movie.torrents) + len(came_back)
    assert reasons(shown)["TorrentsAbsent"] == "Absent"
    if shown["phase"] == "held":  # it died between forgetting a torrent and removing its files: no API can do that now
        assert reasons(shown)["FilesAbsent"] == "FilesLeftBehind"
        left = [path for path in stage.house.files() if movie.word in path]
        assert left
        assert (await stage.decide(deletion, "approve")).json()["lifted"] == ["FilesLeftBehind"]
        for path in left:
            (stage.house.folder / path).unlink()
        shown = await stage.until_phase(deletion, "converged")
    assert await stage.left_of(movie) == []
    assert await stage.snapshot(movie) == before

    due = shown["next_due_at"]
    await stage.until(deletion, lambda d: d["next_due_at"] > due, "the first look of the watch window", seconds=20)
    assert (await stage.show(deletion))["phase"] == "converged"
    assert await stage.left_of(movie) == []
