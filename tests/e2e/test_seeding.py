"""A torrent that owes its tracker is seeded on, everything else goes meanwhile, and then it finishes by itself."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.e2e import Shelved, Stage, open_stage
from tests.support.e2e_shown import Json, condition, events, reasons
from tests.support.real_parts import require_real_qbittorrent

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECONDS_OWED = 12
RULES = [{"tag": "owes-a-little", "min_hours": SECONDS_OWED / 3600}, {"tag": "owes-much", "min_hours": 72}]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    require_real_qbittorrent()
    config = {"seeding": {"rules": RULES}}
    async with open_stage(tmp_path_factory.mktemp("seeding"), config=config) as opened:
        yield opened


async def owing(stage: Stage, tag: str, *, torrents: int = 1) -> Shelved:
    """Put a movie on the shelf whose last torrent owes by the rule for `tag`."""
    movie = await stage.movie(torrents=torrents)
    await stage.house.user.post("torrents/addTags", hashes=movie.releases[-1].meta.torrent_id, tags=tag)
    return movie


def is_seeding(shown: Json) -> bool:
    return bool(shown["phase"] == "waiting" and reasons(shown)["TorrentsAbsent"] == "Seeding")


def is_all_but_the_torrents_done(shown: Json) -> bool:
    rest = [c for c in shown["conditions"] if c["type"] != "TorrentsAbsent"]
    return (
        is_seeding(shown) and reasons(shown)["RequestCleared"] == "Cleared" and all(c["status"] == "True" for c in rest)
    )


async def test_a_torrent_is_seeded_as_long_as_it_owes_and_then_the_deletion_finishes_alone(stage: Stage) -> None:
    movie, _ = await asyncio.gather(owing(stage, "owes-a-little", torrents=2), stage.movie())
    before = await stage.snapshot(movie)
    owes = movie.releases[-1].meta.torrent_id

    deletion = await stage.delete(movie)
    shown = await stage.until(deletion, is_seeding, "the torrent to be seeded on")
    assert " s of " in condition(shown, "TorrentsAbsent")["message"]
    shown = await stage.until(deletion, is_all_but_the_torrents_done, "everything else to go")
    assert movie.torrents & set(await stage.house.torrents()) == {owes}, "what owes nothing goes at once"
    assert stage.movie_row(movie) is None
    assert movie.request_id not in stage.house.seerr.database.requests
    assert shown["needs"] == []

    async def is_met() -> bool:
        await stage.house.user.refresh(owes)  # an idle torrent's time is not shown as growing otherwise
        row = (await stage.house.user.rows()).get(owes)
        return row is None or int(str(row["seeding_time"])) >= SECONDS_OWED

    await stage.wait(is_met, "the time to be seeded")
    shown = await stage.until_phase(deletion, "converged")
    assert reasons(shown)["TorrentsAbsent"] == "Absent"
    assert await stage.left_of(movie) == []
    assert await stage.snapshot(movie) == before


async def test_what_is_owed_is_told_in_numbers(stage: Stage) -> None:
    movie = await owing(stage, "owes-much")
    deletion = await stage.delete(movie)
    shown = await stage.until(deletion, is_seeding, "the torrent to be seeded on")
    assert " of 72 h, about 72 h more" in condition(shown, "TorrentsAbsent")["message"]
    assert (await stage.decide(deletion, "cancel")).status_code == 200
    await stage.until_phase(deletion, "cancelled")
    assert movie.torrents <= set(await stage.house.torrents())


async def test_a_request_during_the_hold_keeps_the_torrent_and_gets_the_title_anew(stage: Stage) -> None:
    movie = await owing(stage, "owes-much")
    before, data = await stage.snapshot(movie), stage.house.files()
    deletion = await stage.delete(movie)
    await stage.until(deletion, is_all_but_the_torrents_done, "everything but the torrent to go")
    fresh = stage.house.movie_release(movie.tmdb_id, f"{movie.word}.again")
    stage.house.indexer.add(fresh)

    request = await stage.request_again(movie)
    row = await stage.until_imported(movie)
    shown = await stage.until_phase(deletion, "converged")
    assert row.id != movie.entry_id
    assert row.monitored
    assert request in stage.house.seerr.database.requests
    assert movie.torrents | {fresh.meta.torrent_id} <= set(await stage.house.torrents())
    now = stage.house.files()
    kept = {path: digest for path, digest in data.items() if movie.word in path and path.startswith("downloads/")}
    assert kept.items() <= now.items(), "the torrent and its data stay"
    assert events(shown, "WantedAgain")
    assert await stage.snapshot(movie) == before


async def test_with_block_entry_the_title_waits_too_and_a_request_gives_it_back(tmp_path: Path) -> None:
    require_real_qbittorrent()
    async with open_stage(tmp_path, config={"seeding": {"rules": RULES, "block_entry": True}}) as stage:
        movie = await owing(stage, "owes-much")
        before, files = await stage.snapshot(movie), stage.house.files()
        deletion = await stage.delete(movie)
        await stage.until(
            deletion, lambda d: is_seeding(d) and reasons(d)["EntryAbsent"] == "AfterTorrents", "the title to wait"
        )
        row = stage.movie_row(movie)
        assert row is not None
        assert not row.monitored

        request = await stage.request_again(movie)
        await stage.decide(deletion, "retry")  # nothing tells of a request for what is available
        shown = await stage.until_phase(deletion, "cancelled")
        assert shown["settled"]["reason"] == "WantedAgain"
        row = stage.movie_row(movie)
        assert row is not None
        assert (row.id, row.monitored) == (movie.entry_id, True)
        assert {request, movie.request_id} <= set(stage.house.seerr.database.requests)
        assert movie.torrents <= set(await stage.house.torrents())
        assert stage.house.files() == files
        assert await stage.snapshot(movie) == before
