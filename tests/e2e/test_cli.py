"""The command line against the running service, with the exit codes that scripts rely on."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from reconciler.cli.exits import ExitCode
from tests.support.e2e import Stage, open_stage
from tests.support.e2e_cli import cli
from tests.support.real_parts import require_real_qbittorrent


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    require_real_qbittorrent()
    async with open_stage(tmp_path) as opened:
        yield opened


async def test_a_deletion_is_asked_for_shown_and_listed(stage: Stage) -> None:
    movie = await stage.movie(torrents=2)
    asked = await cli(stage, "delete", "movie", "--tmdb", str(movie.tmdb_id), "--title", movie.word, "--yes", "--json")
    assert asked.code == ExitCode.OK, asked.err
    deletion = asked.json["deletions"][0]["id"]
    await stage.until_phase(deletion, "converged")

    status, listed, shown, readable = await asyncio.gather(
        cli(stage, "status", "--json"),
        cli(stage, "list", "--json"),
        cli(stage, "show", deletion, "--json"),
        cli(stage, "show", deletion),
    )
    assert status.json["counts"]["converged"] == 1
    assert status.json["ok"] is True
    assert [d["id"] for d in listed.json["deletions"]] == [deletion]
    assert shown.json["phase"] == "converged"
    assert shown.json["source"] == "cli"
    assert {status.code, listed.code, shown.code, readable.code} == {ExitCode.OK}
    assert movie.word in readable.out
    assert await stage.left_of(movie) == []

    unknown, unconfirmed, late, stranger, nowhere = await asyncio.gather(
        cli(stage, "show", "0198c0de-0000-7000-8000-000000000000"),
        cli(stage, "delete", "movie", "--tmdb", "1"),
        cli(stage, "cancel", deletion, "--yes"),
        cli(stage, "status", RECONCILER_API_TOKEN="a-wrong-token-of-some-length"),
        cli(stage, "status", "--url", "http://127.0.0.1:9"),
    )
    assert unknown.code == ExitCode.NEGATIVE
    assert unconfirmed.code == ExitCode.NEGATIVE
    assert late.code == ExitCode.REFUSED
    assert stranger.code == ExitCode.REFUSED
    assert nowhere.code == ExitCode.UNREACHABLE
    assert len(await stage.all_deletions()) == 1


async def test_held_deletions_are_approved_cancelled_and_retried(stage: Stage) -> None:
    kept, doomed = await asyncio.gather(stage.movie(tags=["keep"]), stage.movie(tags=["keep"]))
    before = await stage.snapshot(doomed)
    first, second = await stage.delete(kept), await stage.delete(doomed)
    for deletion in (first, second):
        await stage.until_phase(deletion, "held")

    plan = await cli(stage, "plan", second, "--json")
    assert plan.code == ExitCode.OK, plan.err
    assert "Protected" in {c["reason"] for c in plan.json["conditions"]}
    retried = await cli(stage, "retry", first)
    assert retried.code == ExitCode.OK
    cancelled, approved = await asyncio.gather(
        cli(stage, "cancel", first, "--yes", "--json"), cli(stage, "approve", second, "--yes", "--json")
    )
    assert cancelled.code == ExitCode.OK
    assert approved.json["lifted"] == ["Protected"]

    await stage.until_phase(first, "cancelled")
    await stage.until_phase(second, "converged")
    assert await stage.left_of(doomed) == []
    assert await stage.snapshot(doomed) == before
    again = await cli(stage, "approve", second, "--yes")
    assert again.code == ExitCode.REFUSED


async def test_check_says_what_is_wrong_and_how_to_fix_it(stage: Stage) -> None:
    right = stage.house.environment()
    fine, wrong = await asyncio.gather(
        cli(stage, "check", "--json", **right),
        cli(stage, "check", "--json", **{**right, "RADARR_API_KEY": "a-wrong-key-of-some-length"}),
    )
    assert fine.code == ExitCode.OK, fine.out
    assert fine.json["ok"] is True
    assert {row["instance"]: row["ok"] for row in fine.json["upstreams"]} == {
        "qbittorrent": True,
        "radarr": True,
        "sonarr": True,
        "jellyseerr": True,
    }
    assert wrong.code == ExitCode.NEGATIVE
    (bad,) = [row for row in wrong.json["upstreams"] if not row["ok"]]
    assert bad["instance"] == "radarr"
    assert "API key" in bad["fix"]
    assert "a-wrong-key" not in wrong.out + wrong.err
