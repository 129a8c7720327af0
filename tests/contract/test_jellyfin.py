"""The Jellyfin client against the simulated Jellyfin, over real HTTP."""

import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from reconciler.clients import jellyfin
from reconciler.errors import Unauthorized, Unintelligible, Unreachable
from reconciler.model import InstanceName, Media, MediaKind
from reconciler.observed import AppInfo, MediaItem
from reconciler.ports import MediaServerClient
from reconciler.simulators.jellyfin import JellyfinSimulator
from reconciler.simulators.server import serve

NAME = InstanceName("jellyfin")


@dataclass
class Setup:
    simulator: JellyfinSimulator
    url: str
    client: MediaServerClient
    root: Path

    def write(self, name: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"content")
        return path

    def fill(self, count: int) -> None:
        """List movies; whether their files exist does not matter before a scan."""
        for number in range(1, count + 1):
            self.simulator.library.add_movie(self.root / f"{number}.mkv", f"Movie {number}", tmdb_id=number)


@pytest.fixture
async def setup(tmp_path: Path) -> AsyncIterator[Setup]:
    simulator = JellyfinSimulator(tmp_path)
    async with serve(simulator.app) as url:
        client = jellyfin.connect(NAME, url, simulator.api_key)
        yield Setup(simulator, url, client, tmp_path)
        await client.aclose()


async def test_identify_names_program_and_version_and_proves_the_key(setup: Setup) -> None:
    assert await setup.client.identify() == AppInfo("Jellyfin", "10.10.7")
    assert await setup.client.obstacle() == ""
    wrong = jellyfin.connect(NAME, setup.url, "not-the-key-at-all")
    with pytest.raises(Unauthorized) as caught:
        await wrong.identify()
    with pytest.raises(Unauthorized):
        await wrong.items()
    await wrong.aclose()
    assert "not-the-key-at-all" not in str(caught.value)


async def test_another_program_is_not_taken_for_jellyfin(setup: Setup) -> None:
    setup.simulator.product = "Emby Server"
    with pytest.raises(Unintelligible, match="not a Jellyfin"):
        await setup.client.identify()


async def test_movies_series_and_seasons_are_told_by_their_ids(setup: Setup) -> None:
    library = setup.simulator.library
    heat = library.add_movie(setup.root / "Heat (1995)" / "Heat.mkv", "Heat", tmdb_id=949)
    folder = setup.root / "Show"
    show = library.add_series(
        folder, "Show", tmdb_id=1000, tvdb_id=2000, seasons={0: folder / "Specials", 2: folder / "Season 2"}
    )
    library.add_series(setup.root / "Unknown", "Unknown", seasons={1: setup.root / "Unknown" / "Season 1"})

    items = {(item.name, item.media, item.path, item.season) for item in await setup.client.items()}

    movie, series = Media(MediaKind.MOVIE, 949), Media(MediaKind.SERIES, 1000, 2000)
    assert items == {
        ("Heat", movie, str(heat.path), None),
        ("Show", series, str(show.path), None),
        ("Season 0", series, str(folder / "Specials"), 0),
        ("Season 2", series, str(folder / "Season 2"), 2),
    }


async def test_an_empty_library_is_an_empty_list(setup: Setup) -> None:
    assert await setup.client.items() == ()


async def test_more_items_than_a_page_holds_are_all_read(setup: Setup) -> None:
    setup.fill(jellyfin.PAGE_SIZE * 2 + 1)
    assert len(await setup.client.items()) == jellyfin.PAGE_SIZE * 2 + 1
    assert len(setup.simulator.calls) == 3


async def test_a_list_that_changes_once_while_it_is_read_is_read_again(setup: Setup) -> None:
    setup.fill(jellyfin.PAGE_SIZE + 5)

    def lose_one(_method: str, _path: str) -> None:
        if len(setup.simulator.calls) == 2:
            setup.simulator.library.items.popitem()

    setup.simulator.before = lose_one
    assert len(await setup.client.items()) == jellyfin.PAGE_SIZE + 4
    assert len(setup.simulator.calls) == 4


async def test_a_list_that_never_stands_still_is_not_an_observation(setup: Setup) -> None:
    setup.fill(jellyfin.PAGE_SIZE + 50)
    setup.simulator.before = lambda _method, _path: setup.simulator.library.items.popitem() and None
    with pytest.raises(Unintelligible, match="changed while it was read"):
        await setup.client.items()


async def test_what_is_gone_from_the_disk_leaves_the_list_after_it_was_announced(setup: Setup) -> None:
    library = setup.simulator.library
    gone = setup.write("movies/Heat (1995)/Heat.mkv")
    library.add_movie(gone, "Heat", tmdb_id=949)
    library.add_movie(setup.write("movies/Ronin (1998)/Ronin.mkv"), "Ronin", tmdb_id=8195)
    shutil.rmtree(gone.parent)
    assert [item.name for item in await setup.client.items()] == ["Heat", "Ronin"]

    await setup.client.announce([str(gone.parent), str(gone.parent)])
    assert [item.name for item in await setup.client.items()] == ["Heat", "Ronin"]
    await setup.simulator.scan()

    assert [item.name for item in await setup.client.items()] == ["Ronin"]


async def test_announcing_deletes_nothing_that_is_still_there(setup: Setup) -> None:
    kept = setup.write("movies/Heat (1995)/Heat.mkv")
    setup.simulator.library.add_movie(kept, "Heat", tmdb_id=949)
    await setup.client.announce([str(kept.parent), str(setup.root)])
    await setup.simulator.scan()
    assert kept.exists()
    assert [item.media for item in await setup.client.items()] == [Media(MediaKind.MOVIE, 949)]


async def test_announcing_nothing_sends_nothing(setup: Setup) -> None:
    await setup.client.announce([])
    assert setup.simulator.calls == []


async def test_nothing_the_client_can_do_is_a_delete(setup: Setup) -> None:
    kept = setup.write("Heat.mkv")
    item = setup.simulator.library.add_movie(kept, "Heat", tmdb_id=949)
    await setup.client.identify()
    await setup.client.obstacle()
    assert await setup.client.items() == (
        MediaItem(id=item.id, media=Media(MediaKind.MOVIE, 949), name="Heat", path=str(kept)),
    )
    await setup.client.announce([str(kept)])
    assert {call.split()[0] for call in setup.simulator.calls} == {"GET", "POST"}
    assert kept.exists()


async def test_trouble_is_never_an_empty_list(setup: Setup) -> None:
    setup.fill(3)
    faults = setup.simulator.faults
    faults.fail_next(1, 503)
    with pytest.raises(Unreachable):
        await setup.client.items()
    faults.html = True
    with pytest.raises(Unintelligible, match="web page"):
        await setup.client.items()
    with pytest.raises(Unintelligible, match="web page"):
        await setup.client.announce(["/data"])
    faults.heal()
    faults.half_body = True
    with pytest.raises(Unreachable, match="broke off"):
        await setup.client.items()
    faults.heal()
    assert len(await setup.client.items()) == 3


async def test_a_jellyfin_that_is_not_there_is_unreachable(tmp_path: Path) -> None:
    async with serve(JellyfinSimulator(tmp_path).app) as url:
        gone = url
    client = jellyfin.connect(NAME, gone, "a-key")
    with pytest.raises(Unreachable):
        await client.identify()
    await client.aclose()
