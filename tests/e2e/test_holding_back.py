"""Grace periods, approvals and deny windows hold a deletion without any trace upstream, and a cancel leaves none."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.e2e import Shelved, Stage, open_stage
from tests.support.e2e_cli import cli
from tests.support.e2e_shown import reasons
from tests.support.real_parts import require_real_qbittorrent

ALWAYS_CLOSED = {"cron": "0 * * * *", "minutes": 10_080, "timezone": "UTC"}


@pytest.fixture
def watched(tmp_path: Path) -> Path:
    require_real_qbittorrent()
    return tmp_path


class Trace:
    """What was sent to the upstreams beyond reads and logins since this began, and whether anything looks different."""

    def __init__(self, stage: Stage, before: object) -> None:
        self._stage = stage
        self._before = before
        self._heard = {name: len(calls) for name, calls in self._calls().items()}

    def _calls(self) -> dict[str, list[str]]:
        house = self._stage.house
        return {"radarr": house.radarr.calls, "sonarr": house.sonarr.calls, "jellyseerr": house.seerr.calls}

    async def none(self) -> None:
        """Fail unless there is none."""
        sent = [c for n, calls in self._calls().items() for c in calls[self._heard[n] :] if not c.startswith("GET ")]
        assert sent == []
        assert await self._stage.snapshot() == self._before


async def trace(stage: Stage) -> Trace:
    return Trace(stage, await stage.snapshot())


async def ask(stage: Stage, title: Shelved) -> str:
    """Ask through the API instead of the dashboard's webhook."""
    answer = await stage.http.post("/deletions", json=title.wish)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["deletions"][0]["id"])


async def test_grace_and_approval_are_of_a_source_and_a_cancel_leaves_no_trace(watched: Path) -> None:
    config: dict[str, Any] = {"grace": {"api": 3600}, "require_approval": ["cli"]}
    async with open_stage(watched, config=config) as stage:
        api, command, dashboard = await stage.movie(), await stage.movie(), await stage.movie()
        seen = await trace(stage)
        waiting = await ask(stage, api)
        words = ["delete", "movie", "--tmdb", str(command.tmdb_id), "--title", command.word, "--yes", "--json"]
        held = (await cli(stage, *words)).json["deletions"][0]["id"]

        shown = await stage.until_phase(waiting, "waiting")
        assert set(reasons(shown).values()) & {"NotBefore"}
        shown = await stage.until_phase(held, "held")
        assert set(reasons(shown).values()) & {"ApprovalRequired"}
        assert [need["approvable"] for need in shown["needs"]] == [True]
        await seen.none()
        assert (await stage.decide(waiting, "cancel")).status_code == 200
        await stage.until_phase(waiting, "cancelled")
        await seen.none()

        before = await stage.snapshot(command)
        assert (await stage.decide(held, "approve")).status_code == 200
        await stage.until_phase(held, "converged")
        assert await stage.left_of(command) == []
        assert await stage.snapshot(command) == before

        at_once = await stage.delete(dashboard)
        await stage.until_phase(at_once, "converged")
        assert await stage.left_of(dashboard) == []


async def test_an_open_deny_window_holds_everything_and_a_cancel_leaves_no_trace(watched: Path) -> None:
    async with open_stage(watched, config={"deny_windows": [ALWAYS_CLOSED]}) as stage:
        movie = await stage.movie()
        seen = await trace(stage)
        deletion = await stage.delete(movie)
        shown = await stage.until(deletion, lambda d: "DenyWindow" in reasons(d).values(), "the window to be told of")
        assert shown["phase"] == "waiting"
        assert shown["destroyed_at"] is None
        await stage.decide(deletion, "retry")
        await stage.until(deletion, lambda d: "DenyWindow" in reasons(d).values(), "the window again")
        await seen.none()
        assert (await stage.decide(deletion, "cancel")).status_code == 200
        await stage.until_phase(deletion, "cancelled")
        await seen.none()
