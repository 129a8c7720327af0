"""Jellyfin is told that files are gone, is waited for, and is never asked to delete anything."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from reconciler.simulators.household import Extra
from tests.support.e2e import Shelved, Stage, open_stage
from tests.support.e2e_shown import reasons
from tests.support.real_parts import require_real_qbittorrent

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    require_real_qbittorrent()
    async with open_stage(tmp_path_factory.mktemp("jellyfin"), extras=[Extra.JELLYFIN]) as opened:
        yield opened


def listed(stage: Stage, title: Shelved) -> bool:
    items = stage.house.jellyfin.library.items.values()
    return any(title.word in str(item.path) for item in items)


async def test_the_record_goes_only_after_the_title_left_jellyfin(stage: Stage) -> None:
    movie, series, other, _ = await asyncio.gather(stage.movie(), stage.series(), stage.movie(), stage.series())
    house = stage.house
    house.show_in_jellyfin()
    assert listed(stage, movie)
    assert listed(stage, series)
    before = await stage.snapshot(movie, series)
    requests = house.seerr.database.requests
    listed_when_cleared: list[bool] = []

    def look(method: str, _path: str) -> None:
        if method == "DELETE":
            listed_when_cleared.append(listed(stage, movie) or listed(stage, series))

    house.seerr.before = look
    house.jellyfin.scan_delay = None  # it looks only when the test lets it
    deletions = [await stage.delete(title) for title in (movie, series)]
    for deletion in deletions:
        shown = await stage.until(
            deletion, lambda d: reasons(d)["LibraryRefreshed"] == "StillListed", "Jellyfin to be waited for"
        )
        assert reasons(shown)["FilesAbsent"] == "Absent"
        assert reasons(shown)["RequestCleared"] == "AfterEntry"
    assert {movie.request_id, series.request_id} <= set(requests)

    async def is_told() -> bool:
        return len(house.jellyfin.announced) >= 2

    await stage.wait(is_told, "Jellyfin to be told of the paths")
    await house.jellyfin.scan()
    for deletion in deletions:
        shown = await stage.until_phase(deletion, "converged")
        assert reasons(shown)["LibraryRefreshed"] == "Absent"
        assert reasons(shown)["RequestCleared"] == "Cleared"
    assert listed_when_cleared
    assert not any(listed_when_cleared)
    assert not [call for call in house.jellyfin.calls if call.startswith("DELETE")]
    assert listed(stage, other)
    assert await stage.left_of(movie) == []
    assert await stage.left_of(series) == []
    assert await stage.snapshot(movie, series) == before


async def test_what_left_jellyfin_is_a_hint_that_is_held(stage: Stage) -> None:
    house, movie = stage.house, await stage.movie()
    house.show_in_jellyfin()
    before = await stage.snapshot()
    (item,) = [i for i in house.jellyfin.library.items.values() if movie.word in str(i.path)]
    await house.jellyfin.plugin.tell(item, house.clock.now())

    async def is_heard() -> bool:
        return any(d["source"] == "jellyfin" for d in await stage.all_deletions())

    await stage.wait(is_heard, "the webhook of Jellyfin")
    (found,) = [d for d in await stage.all_deletions() if d["source"] == "jellyfin"]
    shown = await stage.until_phase(found["id"], "held")
    assert shown["inferred"] is True
    assert "InferredDelete" in reasons(shown).values()
    assert await stage.snapshot() == before
