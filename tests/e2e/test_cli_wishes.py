"""Seasons, dry runs, plans, bindings and the breaker from the command line: what is shown is what is done."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from reconciler.cli.exits import ExitCode
from tests.support.e2e import Stage, open_stage
from tests.support.e2e_cli import cli
from tests.support.e2e_shelf import movie_by_hand, seasons_on_disk, series_in_packs
from tests.support.e2e_shown import Json, condition, reasons
from tests.support.real_parts import require_real_qbittorrent

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    require_real_qbittorrent()
    async with open_stage(tmp_path_factory.mktemp("wishes")) as opened:
        yield opened


def kinds_done(shown: Json, plan: Json) -> list[str]:
    """Return the kinds of steps that a deletion's timeline tells to have been sent, in order."""
    known = {step["action"] for step in plan["steps"]}
    return [e["kind"] for e in shown["timeline"] if e["kind"] in known]


async def test_a_dry_run_lists_exactly_what_is_then_done(stage: Stage) -> None:
    movie, series = await stage.movie(torrents=2), await stage.series()
    before = await stage.snapshot()
    for title in (movie, series):
        answer = await stage.http.post("/deletions?dry_run=true", json=title.wish)
        assert answer.status_code == 200, answer.text
        (plan,) = answer.json()["plans"]
        assert plan["deletion"] is None
        assert plan["ends_as"] == "converged"
        torrents = [s for s in plan["steps"] if s["action"] == "RemoveTorrent"]
        assert {s["name"] for s in torrents} == {release.meta.name for release in title.releases}
        assert all(s["size"] > 0 and s["paths"] for s in torrents)
        assert not [d for d in await stage.all_deletions() if d["title"] == title.word], "nothing is written down"
        assert await stage.snapshot() == before, "nothing is sent"

        deletion = await stage.delete(title)
        shown = await stage.until_phase(deletion, "converged")
        assert kinds_done(shown, plan) == [s["action"] for s in plan["steps"]]
        bound = {t["name"] for t in shown["targets"] if t["kind"] == "torrent"}
        assert bound == {s["name"] for s in torrents}
        assert await stage.left_of(title) == []
        before = await stage.snapshot()


async def test_a_season_goes_by_the_command_line_and_its_dry_run_says_so_before(stage: Stage) -> None:
    series = await series_in_packs(stage)
    row = stage.series_row(series)
    assert row is not None
    files = stage.house.files()
    words = ["delete", "tv", "--tvdb", str(series.tvdb_id), "--title", series.word, "--season", "1"]
    dry, dry_json = await cli(stage, *words, "--dry-run"), await cli(stage, *words, "--dry-run", "--json")
    assert dry.code == ExitCode.OK, dry.err
    (plan,) = dry_json.json["plans"]
    assert [s["action"] for s in plan["steps"]] == ["UnmonitorSeasons", "RemoveTorrent", "DeleteFiles"]
    for said in ("UnmonitorSeasons at sonarr", "RemoveTorrent at qbittorrent", "DeleteFiles at sonarr", "converged"):
        assert said in dry.out
    assert series.releases[1].meta.name in dry.out
    assert stage.house.files() == files

    asked = await cli(stage, *words, "--yes", "--json")
    assert asked.code == ExitCode.OK, asked.err
    deletion = asked.json["deletions"][0]["id"]
    shown = await stage.until_phase(deletion, "converged")
    assert shown["seasons"] == [1]
    assert kinds_done(shown, plan) == [s["action"] for s in plan["steps"]]
    assert seasons_on_disk(stage, row) == {2, 3}


async def test_a_torrent_that_no_history_names_is_bound_by_one_command(stage: Stage) -> None:
    movie = await movie_by_hand(stage)
    before = await stage.snapshot(movie)
    deletion = await stage.delete(movie)
    shown = await stage.until_phase(deletion, "held")
    assert reasons(shown)["TorrentsAbsent"] == "UnattributedTorrent"
    (torrent,) = movie.torrents
    assert torrent in condition(shown, "TorrentsAbsent")["message"]

    bound = await cli(stage, "bind", deletion, "--torrent", torrent, "--yes")
    assert bound.code == ExitCode.OK, bound.err
    await stage.until_phase(deletion, "converged")
    assert await stage.left_of(movie) == []
    assert await stage.snapshot(movie) == before
    late = await cli(stage, "bind", deletion, "--torrent", torrent, "--yes")
    assert late.code == ExitCode.REFUSED


async def test_a_plan_of_a_waiting_deletion_tells_what_comes_once_it_may(stage: Stage) -> None:
    movie = await stage.movie()
    deletion = await stage.delete({**movie.wish, "not_before": "2999-01-01T00:00:00Z"})
    await stage.until_phase(deletion, "waiting")
    plan, readable = await cli(stage, "plan", deletion, "--json"), await cli(stage, "plan", deletion)
    assert plan.code == ExitCode.OK, plan.err
    assert plan.json["deletion"] == deletion
    assert [s["action"] for s in plan.json["steps"]] == ["Unmonitor", "RemoveTorrent", "DeleteEntry", "DeleteRecord"]
    assert plan.json["ends_as"] == "converged"
    assert [note for note in plan.json["notes"] if "2999" in note]
    assert "DeleteRecord at jellyseerr" in readable.out
    cancelled = await cli(stage, "cancel", deletion, "--yes")
    assert cancelled.code == ExitCode.OK, cancelled.err
    await stage.until_phase(deletion, "cancelled")
    assert movie.torrents <= set(await stage.house.torrents())


async def test_all_that_the_breaker_holds_goes_on_by_one_command(tmp_path: Path) -> None:
    require_real_qbittorrent()
    async with open_stage(tmp_path, RECONCILER_BREAKER_LIMIT="1") as stage:
        movies = [await stage.movie() for _ in range(3)]
        deletions = [await stage.delete(movie) for movie in movies]
        await stage.until_phase(deletions[0], "converged")
        for deletion in deletions[1:]:
            shown = await stage.until_phase(deletion, "held")
            assert "BreakerOpen" in reasons(shown).values()
        assert len(await stage.house.torrents()) == 2
        released = await cli(stage, "approve", "--all-breaker", "--yes", "--json")
        assert released.code == ExitCode.OK, released.err
        assert sorted(released.json["released"]) == sorted(deletions[1:])
        for movie, deletion in zip(movies, deletions, strict=True):
            await stage.until_phase(deletion, "converged")
            assert await stage.left_of(movie) == []
        again = await cli(stage, "approve", "--all-breaker", "--yes")
        assert again.code == ExitCode.REFUSED
