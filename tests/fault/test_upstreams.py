"""Every upstream fails in every way in turn: it is shown in words, stops nobody else, and heals by itself."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from reconciler.simulators.faults import Faults
from tests.support.e2e import Shelved, Stage, open_stage
from tests.support.e2e_shown import Json, condition, reasons

KINDS = ("qbittorrent", "radarr", "sonarr", "jellyseerr")
GATED = ("radarr", "sonarr", "jellyseerr")  # qBittorrent takes no request for a port that is not its own
SHOWN_ON = {
    "qbittorrent": "TorrentsAbsent",
    "radarr": "EntryAbsent",
    "sonarr": "EntryAbsent",
    "jellyseerr": "RequestCleared",
}


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with open_stage(tmp_path, real_torrents=False, gated=GATED) as opened:
        yield opened


def faults_of(stage: Stage, kind: str) -> Faults:
    house = stage.house
    assert house.simulated is not None
    return {
        "qbittorrent": house.simulated.faults,
        "radarr": house.radarr.faults,
        "sonarr": house.sonarr.faults,
        "jellyseerr": house.seerr.faults,
    }[kind]


async def go_down(stage: Stage, kind: str) -> None:
    """Let connections be refused; of the simulated qBittorrent, every request."""
    faults_of(stage, kind).heal()
    if kind in GATED:
        await stage.gates[kind].shut()
    else:
        faults_of(stage, kind).fail_next(10_000, 502)


async def come_back(stage: Stage, kind: str) -> None:
    faults_of(stage, kind).heal()
    if kind in GATED:
        await stage.gates[kind].open()


async def concerned_by(stage: Stage, kind: str) -> tuple[Shelved, Shelved | None]:
    """Return a title that needs the upstream, and one that does not, if there can be one."""
    movie, series = await asyncio.gather(stage.movie(torrents=2), stage.series())
    return {"radarr": (movie, series), "sonarr": (series, movie)}.get(kind, (movie, None))


async def until_unknown(stage: Stage, deletion: str, kind: str, reason: str) -> Json:
    """Wait until the trouble is shown, and check that it is shown as a person needs it."""
    await stage.decide(deletion, "retry")
    shown = await stage.until(
        deletion, lambda d: reasons(d)[SHOWN_ON[kind]] == reason, f"{SHOWN_ON[kind]} to be {reason}"
    )
    trouble = condition(shown, SHOWN_ON[kind])
    assert trouble["status"] == "Unknown"
    assert trouble["message"].startswith(f"{kind}: ")
    assert len(trouble["message"]) < 300
    assert shown["destroyed_at"] is None
    return trouble


@pytest.mark.parametrize("kind", KINDS)
async def test_trouble_of_an_upstream_is_shown_stops_nobody_else_and_heals(stage: Stage, kind: str) -> None:
    title, other = await concerned_by(stage, kind)
    bystander = await stage.movie()
    before = await stage.snapshot(title, *([other] if other else []))
    faults = faults_of(stage, kind)

    faults.html = True
    deletion = await stage.delete(title)
    page = await until_unknown(stage, deletion, kind, "Unintelligible")
    assert "check the URL" in page["message"]
    assert not (await stage.upstream_status(kind))["reachable"]

    faults.heal()
    faults.half_body = True
    half = await until_unknown(stage, deletion, kind, "Unreachable")
    assert "broke off" in half["message"]

    faults.heal()
    faults.fail_next(10_000, 503)
    starting = await until_unknown(stage, deletion, kind, "Unreachable")
    assert starting["status"] == "Unknown"
    assert await until_message(stage, deletion, kind, "503")

    faults.heal()
    faults.fail_next(10_000, 401)
    refused = await until_unknown(stage, deletion, kind, "Unauthorized")
    assert "(401)" in refused["message"]

    await go_down(stage, kind)
    await until_unknown(stage, deletion, kind, "Unreachable")
    if kind in GATED:
        assert await until_message(stage, deletion, kind, "cannot be reached")

    if other is not None:
        finished = await stage.delete(other)
        await stage.until_phase(finished, "converged")
        assert await stage.left_of(other) == []
    assert (await stage.show(deletion))["phase"] == "waiting"

    await come_back(stage, kind)
    await stage.until_phase(deletion, "converged")
    assert await stage.left_of(title) == []
    assert await stage.left_of(bystander) != []
    assert await stage.snapshot(title, *([other] if other else [])) == before
    status = await stage.get("/status")
    assert status["ok"], status["verdict"]


async def until_message(stage: Stage, deletion: str, kind: str, part: str) -> str:
    def says_it(shown: Json) -> bool:
        return part in str(condition(shown, SHOWN_ON[kind])["message"])

    shown = await stage.until(deletion, says_it, f"a message with {part!r}")
    return str(condition(shown, SHOWN_ON[kind])["message"])


async def test_an_upstream_that_is_still_starting_is_waited_for(stage: Stage) -> None:
    series, movie = await asyncio.gather(stage.series(), stage.movie())
    stage.house.sonarr.is_starting = True
    ids = [await stage.delete(series), await stage.delete(movie)]
    await stage.until_phase(ids[1], "converged")
    trouble = condition(await stage.until_phase(ids[0], "waiting"), "EntryAbsent")
    assert trouble["status"] == "Unknown"
    assert "starting up" in trouble["message"]
    stage.house.sonarr.is_starting = False
    await stage.until_phase(ids[0], "converged")
    assert await stage.left_of(series) == []


async def test_an_outage_half_way_through_destroys_nothing_else_and_heals(stage: Stage) -> None:
    """Each upstream of a movie in turn is cut for a moment while a deletion is under way."""
    kinds = [kind for kind in KINDS if kind != "sonarr"]
    movies = await asyncio.gather(*(stage.movie(torrents=2) for _ in kinds))
    before = await stage.snapshot(*movies)
    for kind, movie in zip(kinds, movies, strict=True):
        deletion = await stage.delete(movie)
        await stage.until(deletion, lambda d: d["bound_at"] is not None, "the deletion to be bound")
        await go_down(stage, kind)
        await stage.until(deletion, lambda d: d["phase"] in {"waiting", "converged"}, "the outage to be met")
        await come_back(stage, kind)
        await stage.until_phase(deletion, "converged")
        assert await stage.left_of(movie) == []
    assert await stage.snapshot(*movies) == before
