"""What happened while the service was down, and what nobody announces, is found by polling; nothing else follows."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from reconciler.observed import MediaStatus
from tests.support.e2e import Shelved, Stage, open_stage
from tests.support.e2e_shown import Json, condition, events, reasons
from tests.support.postgres import PostgresServer
from tests.support.real_parts import require_real_qbittorrent

OFTEN = {"interval_seconds": 1}


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    require_real_qbittorrent()
    async with open_stage(tmp_path, config={"resync": OFTEN}) as opened:
        yield opened


def reacting(**reactions: str) -> Mapping[str, Any]:
    """Return the configuration of a service that looks often and makes this of what it finds."""
    return {"resync": {**OFTEN, **reactions}}


# --- what people do meanwhile --------------------------------------------------------------------------------------


async def delete_in_library(stage: Stage, title: Shelved, *, delete_files: bool = True) -> None:
    """Delete a title on Radarr's or Sonarr's page; returns when its files are gone, too."""
    movies, house = title.media_type == "movie", stage.house
    async with stage.upstream(house.radarr_url if movies else house.sonarr_url) as library:
        path = f"/api/v3/{'movie' if movies else 'series'}/{title.entry_id}"
        answer = await library.delete(path, params={"deleteFiles": str(delete_files).lower()})
    assert answer.status_code == 200
    await (house.radarr if movies else house.sonarr).settled()


async def in_jellyseerr(stage: Stage, method: str, path: str) -> None:
    async with stage.upstream(stage.house.seerr_url) as seerr:
        answer = await seerr.request(method, f"/api/v1{path}")
    assert answer.is_success, answer.text


def record_of(stage: Stage, title: Shelved) -> Any:
    record = stage.house.seerr.database.media_of("movie" if title.media_type == "movie" else "tv", title.tmdb_id)
    assert record is not None
    return record


# --- looking -------------------------------------------------------------------------------------------------------


async def until_looked(stage: Stage) -> None:
    """Wait for two looks at Jellyseerr, which comes last: the second look began after this moment."""
    for _ in range(2):
        last = (await stage.upstream_status("jellyseerr"))["resynced_at"] or ""

        async def is_newer(last: str = last) -> bool:
            return bool(((await stage.upstream_status("jellyseerr"))["resynced_at"] or "") > last)

        await stage.wait(is_newer, "a resync")


async def until_told(stage: Stage, name: str, part: str) -> None:
    """Wait until the status says something of an upstream."""

    async def is_told() -> bool:
        return part in str((await stage.upstream_status(name))["last_error"])

    await stage.wait(is_told, f"the status of {name} to say {part!r}")


async def found(stage: Stage, *titles: Shelved) -> list[Json]:
    """Wait until there is exactly one deletion of each of these titles and none of any other, and return them."""
    wanted = [(title.media_type, title.tmdb_id, title.tvdb_id) for title in titles]

    async def are_there() -> bool:
        return len(await stage.all_deletions()) >= len(titles)

    await stage.wait(are_there, f"{len(titles)} deletions to be found")
    await until_looked(stage)
    by_media = {tuple(d["media"].values()): d for d in await stage.all_deletions()}
    assert set(by_media) == set(wanted)
    assert len(await stage.all_deletions()) == len(titles)
    return [by_media[media] for media in wanted]


# --- scenarios -----------------------------------------------------------------------------------------------------


async def test_what_was_deleted_and_declined_while_the_service_was_down_is_found(stage: Stage) -> None:
    movie, kept, asked, record, request, deleted = await asyncio.gather(
        stage.movie(torrents=2), *(stage.movie() for _ in range(5))
    )
    await stage.by_hand("debian-live.iso")
    series, asked_series = await stage.series(), await stage.series()
    await until_looked(stage)
    await stage.service.stop()
    await delete_in_library(stage, movie)
    await delete_in_library(stage, series)
    await delete_in_library(stage, kept, delete_files=False)
    await in_jellyseerr(stage, "POST", f"/request/{asked.request_id}/decline")
    await in_jellyseerr(stage, "POST", f"/request/{asked_series.request_id}/decline")
    record_of(stage, asked).normal.status = MediaStatus.AVAILABLE  # a decline makes it unknown, a scan mends that
    # of these nothing follows unless it is set
    await in_jellyseerr(stage, "DELETE", f"/media/{record_of(stage, record).id}")
    await in_jellyseerr(stage, "DELETE", f"/request/{request.request_id}")
    record_of(stage, deleted).normal.status = MediaStatus.DELETED
    before = await stage.snapshot(movie, series)
    await stage.service.start()

    of_movie, of_series, of_asked, of_asked_series = await found(stage, movie, series, asked, asked_series)
    for deletion, title, library in ((of_movie, movie, "radarr"), (of_series, series, "sonarr")):
        shown = await stage.until_phase(deletion["id"], "converged")
        assert (shown["source"], shown["instances"], shown["requested_by"]) == (library, [library], None)
        assert (shown["title"], shown["inferred"]) == (title.word, False)
        assert shown["timeline"][0]["message"] == (
            f"found by polling: {library} does not list it any more, and its files are gone too"
        )
        assert reasons(shown)["TorrentsAbsent"] == "Absent"
        assert reasons(shown)["EntryAbsent"] == "AlreadyAbsent"
        assert reasons(shown)["RequestCleared"] == "Cleared"
        assert await stage.left_of(title) == []

    shown = await stage.until_phase(of_asked["id"], "cancelled")
    assert shown["settled"]["reason"] == "StillWanted"
    shown = await stage.until_phase(of_asked_series["id"], "held")
    assert "InferredDelete" in reasons(shown).values()
    for deletion in (of_asked, of_asked_series):
        assert (deletion["source"], deletion["inferred"]) == ("jellyseerr", True)
    assert await stage.left_of(kept) != []
    assert await stage.snapshot(movie, series) == before


async def test_on_postgresql_what_is_to_be_held_waits_for_a_person_who_may_let_it_go(
    tmp_path: Path, postgres_server: PostgresServer
) -> None:
    url = postgres_server.url(await postgres_server.create_database())
    holding = reacting(
        vanished_title="hold",
        vanished_title_with_files="hold",
        declined="delete",
        vanished_record="hold",
        vanished_request="delete",
        status_deleted="hold",
    )
    async with open_stage(
        tmp_path,
        real_torrents=False,
        config=holding,
        database_url=url,
        RECONCILER_FILES_LEFT_BEHIND_SECONDS="1",
    ) as stage:
        gone, kept, declined, record, request, deleted, _ = [await stage.movie() for _ in range(7)]
        await until_looked(stage)
        await stage.service.stop()
        await delete_in_library(stage, gone)
        await delete_in_library(stage, kept, delete_files=False)
        await in_jellyseerr(stage, "POST", f"/request/{declined.request_id}/decline")
        vanished_record = record_of(stage, record).id
        await in_jellyseerr(stage, "DELETE", f"/media/{vanished_record}")
        await in_jellyseerr(stage, "DELETE", f"/request/{request.request_id}")
        record_of(stage, deleted).normal.status = MediaStatus.DELETED
        before, others = await stage.snapshot(), await stage.snapshot(gone, kept)
        await stage.service.start()

        all_found = await found(stage, gone, kept, declined, record, request, deleted)
        because = []
        for deletion in all_found:
            shown = await stage.until_phase(deletion["id"], "held")
            (reason,) = {need["reason"] for need in shown["needs"] if need["approvable"]}
            origin = shown["timeline"][0]["message"]
            because.append((shown["source"], reason, origin.removeprefix("found by polling: ")))
        of_owner = f"request {declined.request_id} of owner"
        assert because == [
            ("radarr", "ApprovalRequired", "radarr does not list it any more, and its files are gone too"),
            ("radarr", "ApprovalRequired", "radarr does not list it any more, and its files are still there"),
            ("jellyseerr", "InferredDelete", f"{of_owner} was declined, which was not announced"),
            ("resync", "InferredDelete", f"record {vanished_record} vanished from jellyseerr"),
            ("resync", "InferredDelete", f"request {request.request_id} vanished from jellyseerr"),
            ("resync", "InferredDelete", "jellyseerr calls it deleted"),
        ]
        assert await stage.snapshot() == before

        for deletion in all_found[:2]:
            assert (await stage.decide(deletion["id"], "approve")).status_code == 200
        shown = await stage.until_phase(all_found[0]["id"], "converged")
        assert events(shown, "Approved")
        shown = await stage.until(
            all_found[1]["id"], lambda d: reasons(d)["FilesAbsent"] == "FilesLeftBehind", "the rest to be shown"
        )
        (folder,) = [t["path"] for t in shown["targets"] if t["kind"] == "entry"]
        assert folder in condition(shown, "FilesAbsent")["message"]
        shutil.rmtree(folder)  # Radarr does not, as it does not know the title any more
        assert (await stage.decide(all_found[1]["id"], "retry")).status_code == 200
        await stage.until_phase(all_found[1]["id"], "converged")
        assert [await stage.left_of(title) for title in (gone, kept)] == [[], []]
        for deletion in all_found[2:]:
            assert (await stage.decide(deletion["id"], "cancel")).status_code == 200
            await stage.until_phase(deletion["id"], "cancelled")
        await found(stage, gone, kept, declined, record, request, deleted)
        assert await stage.snapshot(gone, kept) == others


async def test_nothing_follows_from_what_radarr_shows_while_it_is_not_well_and_later_only_what_is_true(
    tmp_path: Path,
) -> None:
    async with open_stage(tmp_path, real_torrents=False, config=reacting(declined="ignore")) as stage:
        gone, declined = await stage.movie(torrents=2), await stage.movie()
        for _ in range(12):
            await stage.movie(torrents=0, is_imported=False, is_requested=False)
        await until_looked(stage)
        await stage.service.stop()
        await delete_in_library(stage, gone)
        await in_jellyseerr(stage, "POST", f"/request/{declined.request_id}/decline")
        before, all_of_it = await stage.snapshot(gone), await stage.snapshot()
        radarr, faults = stage.house.radarr, stage.house.radarr.faults

        async def check_that_nothing_follows() -> None:
            await until_looked(stage)
            assert await stage.all_deletions() == []
            assert await stage.house.torrents() == {k: v[0] for k, v in all_of_it.torrents.items()}

        faults.fail_next(10_000, 503)
        await stage.service.start()
        await until_told(stage, "radarr", "503")
        await check_that_nothing_follows()

        faults.heal()
        faults.half_body = True
        await until_told(stage, "radarr", "broke off")
        await check_that_nothing_follows()

        hidden = {number: radarr.titles.pop(number) for number in list(radarr.titles)[1:]}
        faults.heal()
        await until_told(stage, "radarr", "vanished at once")
        await check_that_nothing_follows()
        assert "radarr is not believed in everything" in (await stage.get("/status"))["verdict"]

        radarr.roots[0].accessible = False
        radarr.titles.update(hidden)
        await until_told(stage, "radarr", "whether its files are gone cannot be seen")
        await check_that_nothing_follows()

        radarr.roots[0].accessible = True
        (only,) = await found(stage, gone)
        await stage.until_phase(only["id"], "converged")
        assert await stage.left_of(gone) == []
        assert await stage.snapshot(gone) == before
        status = await stage.get("/status")
        assert (status["ok"], (await stage.upstream_status("radarr"))["last_error"]) == (True, None)
