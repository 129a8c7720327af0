"""A deletion ordered in an issue of Jellyseerr, by somebody who may, by somebody who may not, and by a comment."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.support.e2e import Shelved, Stage, open_stage
from tests.support.e2e_shelf import seasons_on_disk
from tests.support.e2e_shown import Json
from tests.support.real_parts import require_real_qbittorrent

pytestmark = pytest.mark.asyncio(loop_scope="module")

REQUEST, MANAGE_REQUESTS, REPORT_ISSUES = 32, 16, 1 << 22
PHRASE = "!delete"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    require_real_qbittorrent()
    async with open_stage(tmp_path_factory.mktemp("issues"), JELLYSEERR_COMMAND_PHRASE=PHRASE) as opened:
        yield opened


async def report(stage: Stage, title: Shelved, message: str, *, permissions: int, season: int = 0) -> int:
    """Report an issue about a title as a person with these permissions, and return its number."""
    database = stage.house.seerr.database
    person = database.add_user("someone", permissions=permissions | REPORT_ISSUES)
    media = database.media_of("movie" if title.media_type == "movie" else "tv", title.tmdb_id)
    assert media is not None
    body: dict[str, Any] = {"mediaId": media.id, "issueType": 1, "message": message, "problemSeason": season}
    async with stage.upstream(stage.house.seerr_url) as http:
        answer = await http.post("/api/v1/issue", json=body, headers={"X-Api-User": str(person.id)})
    assert answer.status_code == 200, answer.text
    return int(answer.json()["id"])


async def deletion_of(stage: Stage, title: Shelved) -> Json:
    """Wait until somebody's order for a title is in the log, and return it."""
    found: list[Json] = []

    async def is_there() -> bool:
        found[:] = [d for d in await stage.all_deletions() if d["media"]["tmdb_id"] == title.tmdb_id]
        return bool(found)

    await stage.wait(is_there, "the order to be heard")
    (only,) = found
    return only


async def test_an_order_by_somebody_who_manages_requests_is_carried_out(stage: Stage) -> None:
    movie, _ = await asyncio.gather(stage.movie(), stage.movie())
    before = await stage.snapshot(movie)
    await report(stage, movie, f"{PHRASE} please, nobody watches it", permissions=REQUEST | MANAGE_REQUESTS)
    shown = await stage.until_phase((await deletion_of(stage, movie))["id"], "converged")
    assert shown["source"] == "jellyseerr"
    assert await stage.left_of(movie) == []
    assert await stage.snapshot(movie) == before


async def test_an_order_by_somebody_who_may_not_is_refused_and_leaves_no_trace(stage: Stage) -> None:
    movie = await stage.movie()
    before = await stage.snapshot()
    await report(stage, movie, f"{PHRASE} it", permissions=REQUEST)
    shown = await stage.until_phase((await deletion_of(stage, movie))["id"], "cancelled")
    assert shown["settled"]["reason"] == "NotAllowed"
    assert shown["bound_at"] is None
    assert await stage.snapshot() == before


async def test_an_order_in_an_issue_about_a_season_covers_that_season(stage: Stage) -> None:
    series = await stage.series()
    before = await stage.snapshot(series)
    await report(stage, series, PHRASE, permissions=MANAGE_REQUESTS, season=1)
    shown = await stage.until_phase((await deletion_of(stage, series))["id"], "converged")
    row = stage.series_row(series)
    assert row is not None
    assert shown["seasons"] == [1]
    assert seasons_on_disk(stage, row) == {2}
    assert series.torrents & set(await stage.house.torrents()) == {r.meta.torrent_id for r in series.releases[1:]}
    assert await stage.snapshot(series) == before


async def test_an_order_in_a_comment_counts_by_who_wrote_the_comment(stage: Stage) -> None:
    movie, other = await asyncio.gather(stage.movie(), stage.movie())
    issue = await report(stage, movie, "The sound is missing.", permissions=REQUEST)
    talk = await report(stage, other, "The picture is green.", permissions=MANAGE_REQUESTS)
    database = stage.house.seerr.database
    reporter = database.issues[issue].created_by
    async with stage.upstream(stage.house.seerr_url) as http:
        for number, person, words in (
            (issue, reporter.id, f"{PHRASE} it yourself"),
            (talk, 1, f"I would not {PHRASE} it"),
        ):
            path, headers = f"/api/v1/issue/{number}/comment", {"X-Api-User": str(person)}
            assert (await http.post(path, json={"message": words}, headers=headers)).status_code == 200
    refused = await deletion_of(stage, movie)
    shown = await stage.until_phase(refused["id"], "cancelled")
    assert shown["settled"]["reason"] == "NotAllowed"
    async with stage.upstream(stage.house.seerr_url) as http:
        answer = await http.post(f"/api/v1/issue/{issue}/comment", json={"message": f"{PHRASE} it"})
        assert answer.status_code == 200

    async def are_two() -> bool:
        return [d["media"]["tmdb_id"] for d in await stage.all_deletions()].count(movie.tmdb_id) == 2

    await stage.wait(are_two, "the owner's order to be heard")
    newest = next(d for d in await stage.all_deletions() if d["media"]["tmdb_id"] == movie.tmdb_id)
    await stage.until_phase(newest["id"], "converged")
    assert await stage.left_of(movie) == []
    assert other.torrents <= set(await stage.house.torrents())
    assert not [d for d in await stage.all_deletions() if d["media"]["tmdb_id"] == other.tmdb_id]
