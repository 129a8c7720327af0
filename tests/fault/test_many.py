"""Many deletions at once: the breaker holds what is too much, calls are bulk calls, and observe mode sends nothing."""

import asyncio
from pathlib import Path

from reconciler.simulators.household import Household
from tests.support.e2e import Stage, open_stage
from tests.support.e2e_shown import reasons

LIMIT = 25


def torrent_calls(house: Household, path: str) -> int:
    assert house.simulated is not None
    return sum(called == path for _, called in house.simulated.requests)


async def phases(stage: Stage) -> dict[str, int]:
    return dict((await stage.get("/status"))["counts"])


async def test_sixty_deletions_at_once_are_cut_off_at_the_breaker_and_go_in_few_calls(tmp_path: Path) -> None:
    async with open_stage(tmp_path, real_torrents=False) as stage:
        movies = await asyncio.gather(*(stage.movie() for _ in range(60)))
        house = stage.house
        before = await stage.snapshot(*movies)
        wishes = {"deletions": [movie.wish for movie in movies]}
        answer = await stage.http.post("/webhooks/dashboard", json=wishes)
        assert answer.status_code == 202
        assert len({accepted["id"] for accepted in answer.json()["deletions"]}) == 60

        async def is_cut_off() -> bool:
            counts = await phases(stage)
            return counts["converged"] == LIMIT and counts["held"] == 60 - LIMIT

        await stage.wait(is_cut_off, "the breaker to hold the rest")
        assert torrent_calls(house, "torrents/delete") <= 3
        assert sum(call.startswith(("DELETE /api/v3/movie", "PUT /api/v3/movie")) for call in house.radarr.calls) <= 10
        assert len(await house.torrents()) == 60 - LIMIT
        assert len(house.radarr.titles) == 60 - LIMIT
        status = await stage.get("/status")
        assert not status["ok"]
        assert "35 need you" in status["verdict"]

        held = (await stage.get("/deletions", phase="held", limit=200))["deletions"]
        assert {r for d in held for r in reasons(d).values()} >= {"BreakerOpen"}
        answer = await stage.decide(held[0]["id"], "approve")
        assert answer.json()["lifted"] == ["BreakerOpen"]
        await stage.until_phase(held[0]["id"], "converged")
        counts = await phases(stage)
        assert (counts["converged"], counts["held"]) == (LIMIT + 1, 60 - LIMIT - 1)
        assert await stage.snapshot(*movies) == before


async def test_observe_mode_sends_nothing_but_reads_and_logins_and_shows_what_it_would_do(tmp_path: Path) -> None:
    async with open_stage(tmp_path, real_torrents=False, RECONCILER_MODE="observe") as stage:
        movie, series = await asyncio.gather(stage.movie(torrents=2), stage.series())
        house = stage.house
        assert house.simulated is not None
        house.simulated.requests.clear()
        for calls in (house.radarr.calls, house.sonarr.calls, house.seerr.calls):
            calls.clear()
        before = await stage.snapshot()

        ids = [await stage.delete(movie), await stage.delete(series)]
        for deletion in ids:
            shown = await stage.until(deletion, lambda d: "ObserveMode" in reasons(d).values(), "what it would do")
            assert shown["destroyed_at"] is None
            plan = await stage.get(f"/deletions/{deletion}/plan")
            assert plan["conditions"]

        sent = [call for calls in (house.radarr.calls, house.sonarr.calls, house.seerr.calls) for call in calls]
        assert sent
        assert {call.split()[0] for call in sent} == {"GET"}
        posts = {path for method, path in house.simulated.requests if method != "GET"}
        assert posts <= {"auth/login"}
        assert await stage.snapshot() == before
        assert "observe mode" in (await stage.get("/status"))["verdict"]
