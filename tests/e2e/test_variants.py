"""HD and 4K of one title are two copies: what is asked of one leaves the other alone, at two qBittorrents."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from reconciler.observed import MediaStatus, RequestStatus
from reconciler.simulators.household import Extra
from tests.support.e2e import Stage, open_stage
from tests.support.e2e_shelf import Twice, movie_twice
from tests.support.e2e_shown import reasons
from tests.support.real_parts import require_real_qbittorrent

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    require_real_qbittorrent()
    folder = tmp_path_factory.mktemp("variants")
    async with open_stage(folder, extras=[Extra.RADARR_4K, Extra.SONARR_4K, Extra.TORRENTS]) as opened:
        yield opened


def is_of_4k(path: str) -> bool:
    return "2160p" in path or "-4k/" in path


async def hd_of(stage: Stage, movie: Twice) -> object:
    """Return everything that there is of the HD copy, down to the bytes of its files."""
    house = stage.house
    row = house.radarr.titles.get(movie.hd.entry_id)
    request = house.seerr.database.requests.get(movie.hd.request_id or 0)
    return (
        row and (row.added, row.monitored, house.radarr.file_of(row)),
        movie.hd.torrents & set(await house.torrents()),
        {
            path: d
            for path, d in house.files().items()
            if movie.hd.word in path and "2160p" not in path and "-4k" not in path
        },
        request and (request.created_at, request.status, request.media.normal.status),
    )


async def uhd_of(stage: Stage, movie: Twice) -> list[str]:
    """Name everything that is left of the 4K copy."""
    house = stage.house
    return [
        *(f"torrent {id_}" for id_ in movie.uhd.torrents & set(await house.torrents(house.second))),
        *(f"entry {row.id}" for row in house.radarr_4k.titles.values() if row.tmdb_id == movie.uhd.tmdb_id),
        *(path for path in house.files() if movie.uhd.word in path and is_of_4k(path)),
        *(f"request {id_}" for id_ in house.seerr.database.requests if id_ == movie.uhd.request_id),
    ]


async def test_deleting_the_4k_copy_leaves_the_hd_copy_and_its_request(stage: Stage) -> None:
    movie, other = await movie_twice(stage), await movie_twice(stage)
    hd, others = await hd_of(stage, movie), [await hd_of(stage, other), await uhd_of(stage, other)]

    deletion = await stage.delete({**movie.hd.wish, "instances": ["radarr-4k"]})
    shown = await stage.until_phase(deletion, "converged")
    assert shown["instances"] == ["radarr-4k"]
    assert {t["instance"] for t in shown["targets"] if t["kind"] == "torrent"} == {"qbittorrent-2"}
    assert await uhd_of(stage, movie) == []
    assert await hd_of(stage, movie) == hd
    record = stage.house.seerr.database.media_of("movie", movie.hd.tmdb_id)
    assert record is not None
    assert (record.normal.status, record.uhd.status) == (MediaStatus.AVAILABLE, MediaStatus.UNKNOWN)
    assert [await hd_of(stage, other), await uhd_of(stage, other)] == others


async def test_deleting_without_naming_an_instance_covers_both_copies(stage: Stage) -> None:
    movie = await movie_twice(stage)
    before = await stage.snapshot(movie.hd)
    shown = await stage.until_phase(await stage.delete(movie.hd), "converged")
    assert set(shown["instances"]) == {"radarr", "radarr-4k"}
    assert await stage.left_of(movie.hd) == []
    assert await stage.snapshot(movie.hd) == before


async def test_a_delete_made_in_one_radarr_covers_that_one_only(stage: Stage) -> None:
    movie = await movie_twice(stage)
    hd = await hd_of(stage, movie)
    async with stage.upstream(stage.house.url_of(Extra.RADARR_4K)) as http:
        path = f"/api/v3/movie/{movie.uhd.entry_id}"
        assert (await http.delete(path, params={"deleteFiles": "true"})).status_code == 200

    async def is_heard() -> bool:
        return any(d["media"]["tmdb_id"] == movie.hd.tmdb_id for d in await stage.all_deletions())

    await stage.wait(is_heard, "the webhook of Radarr")
    (found,) = [d for d in await stage.all_deletions() if d["media"]["tmdb_id"] == movie.hd.tmdb_id]
    shown = await stage.until_phase(found["id"], "converged")
    assert (shown["source"], shown["instances"]) == ("radarr", ["radarr-4k"])
    assert await uhd_of(stage, movie) == []
    assert await hd_of(stage, movie) == hd


async def decline(stage: Stage, request: int | None) -> None:
    async with stage.upstream(stage.house.seerr_url) as http:
        assert (await http.post(f"/api/v1/request/{request}/decline")).status_code == 200


async def test_declining_a_4k_request_takes_the_4k_copy_only_and_asks_a_person_where_files_are(stage: Stage) -> None:
    empty, full = await movie_twice(stage, has_4k_file=False), await movie_twice(stage)
    before = [await hd_of(stage, empty), await hd_of(stage, full)]
    full_uhd = await uhd_of(stage, full)
    for movie in (empty, full):
        request = stage.house.seerr.database.requests[movie.uhd.request_id or 0]
        request.status = RequestStatus.PENDING
        request.media.uhd.status = MediaStatus.PENDING  # for what is available nothing is announced
        await decline(stage, request.id)

    async def are_heard() -> bool:
        return len(declined(await stage.all_deletions())) == 2

    def declined(rows: list[dict[str, object]]) -> list[dict[str, object]]:
        return [d for d in rows if d["source"] == "jellyseerr"]

    await stage.wait(are_heard, "the webhooks of Jellyseerr")
    by_title = {str(d["title"]): str(d["id"]) for d in declined(await stage.all_deletions())}
    shown = await stage.until_phase(by_title[empty.hd.word], "converged")
    assert [unit for unit in shown["withdrawn"] if "4k" not in unit], "the HD copy is not covered"
    assert {t["instance"] for t in shown["targets"] if t["kind"] == "entry"} == {"radarr-4k"}
    assert not [e for e in await uhd_of(stage, empty) if e.startswith("entry")]
    assert reasons(shown)["RequestCleared"] in {"DeclineKept", "PartlyCovered"}

    shown = await stage.until_phase(by_title[full.hd.word], "held")
    assert "InferredDelete" in reasons(shown).values()
    assert await uhd_of(stage, full) == full_uhd
    assert [await hd_of(stage, empty), await hd_of(stage, full)] == before
