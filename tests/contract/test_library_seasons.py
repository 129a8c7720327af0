"""Seasons, packs and specials: the client of Sonarr against its simulator over real HTTP."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.errors import Rejected
from reconciler.model import Monitoring, NewReference, ReferenceKind
from reconciler.simulators.arr_releases import Release, pack_layout
from reconciler.simulators.arr_state import Followed, Part
from reconciler.simulators.sonarr import SonarrSimulator
from reconciler.simulators.torrentfile import make_torrent
from tests.support.arr import LibraryWorld, running_library

SPECIALS = 0


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[LibraryWorld]:
    async with running_library("sonarr", tmp_path) as found:
        yield found


@pytest.fixture
def sonarr(world: LibraryWorld) -> SonarrSimulator:
    assert isinstance(world.simulator, SonarrSimulator)
    return world.simulator


def add(sonarr: SonarrSimulator, number: int = 2000, name: str = "Night Shift") -> int:
    """Add a series with specials, two seasons and one that is numbered by its year."""
    return sonarr.add_series(number, name, 2020, seasons={SPECIALS: 1, 1: 2, 2: 2, 2021: 2})


def monitored(sonarr: SonarrSimulator, series_id: int) -> set[int]:
    """Return the seasons that are looked for, and make sure that their episodes agree."""
    series = sonarr.titles[series_id]
    assert all(episode.monitored is series.seasons[episode.season] for episode in sonarr.episodes_of(series_id))
    return {number for number, is_monitored in series.seasons.items() if is_monitored}


def pack_of(folder: Path, seasons: dict[int, int]) -> tuple[Release, list[Path]]:
    """Make a pack of whole seasons; return it with its files."""
    layout = pack_layout("Night.Shift", seasons)
    for name in layout:
        path = folder / "Night.Shift.Complete" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    torrent = make_torrent(folder / "Night.Shift.Complete")
    release = Release("Night.Shift.Complete", LibraryWorld.series(2000), torrent.data, episodes=tuple(layout.values()))
    return release, [folder / "Night.Shift.Complete" / name for name in layout]


async def references(world: LibraryWorld, kind: ReferenceKind) -> list[NewReference]:
    page = await world.client.history_page(1, 100)
    return [reference for reference in page.references if reference.kind is kind]


# --- monitoring --------------------------------------------------------------------------------------------------


async def test_seasons_of_several_series_are_unmonitored_in_one_call(
    world: LibraryWorld, sonarr: SonarrSimulator
) -> None:
    first, second, other = add(sonarr), add(sonarr, 3000, "Day Shift"), add(sonarr, 4000, "Late Shift")
    await world.client.unmonitor_seasons({first: [2], second: [SPECIALS, 2021]})
    assert monitored(sonarr, first) == {SPECIALS, 1, 2021}
    assert monitored(sonarr, second) == {1, 2}
    assert monitored(sonarr, other) == {SPECIALS, 1, 2, 2021}
    assert [sonarr.titles[id_].monitored for id_ in (first, second, other)] == [True, True, True]
    assert sonarr.calls == ["POST /api/v3/seasonpass"]


async def test_no_seasons_send_nothing(world: LibraryWorld, sonarr: SonarrSimulator) -> None:
    series_id = add(sonarr)
    await world.client.unmonitor_seasons({})
    await world.client.unmonitor_seasons({series_id: []})
    assert sonarr.calls == []


async def test_one_unknown_series_rejects_the_whole_season_pass(world: LibraryWorld, sonarr: SonarrSimulator) -> None:
    series_id = add(sonarr)
    with pytest.raises(Rejected, match="does not know one of the titles") as caught:
        await world.client.unmonitor_seasons({series_id: [1], 99: [1]})
    assert caught.value.status == 500
    assert monitored(sonarr, series_id) == {SPECIALS, 1, 2, 2021}


async def test_a_season_that_a_series_does_not_have_changes_nothing(
    world: LibraryWorld, sonarr: SonarrSimulator
) -> None:
    series_id = add(sonarr)
    before = await world.client.entry(series_id)
    await world.client.unmonitor_seasons({series_id: [7]})
    assert await world.client.entry(series_id) == before


async def test_only_the_seasons_named_are_monitored_again(world: LibraryWorld, sonarr: SonarrSimulator) -> None:
    series_id = add(sonarr)
    before = await world.client.entry(series_id)
    assert before is not None
    await world.client.unmonitor_seasons({series_id: [SPECIALS, 1, 2021]})
    narrowed = replace(before.monitoring, seasons=((SPECIALS, True), (2021, True)))
    await world.client.restore_monitoring(series_id, narrowed)
    assert monitored(sonarr, series_id) == {SPECIALS, 2, 2021}


async def test_a_series_that_was_not_monitored_stays_so_when_its_season_is_given_back(
    world: LibraryWorld, sonarr: SonarrSimulator
) -> None:
    series_id = add(sonarr)
    await world.client.unmonitor([series_id])
    await world.client.unmonitor_seasons({series_id: [1]})
    await world.client.restore_monitoring(series_id, Monitoring(False, ((1, True),), "all"))
    assert monitored(sonarr, series_id) == {SPECIALS, 1, 2, 2021}
    assert sonarr.titles[series_id].monitored is False


# --- files -------------------------------------------------------------------------------------------------------


async def test_files_name_their_season(world: LibraryWorld, sonarr: SonarrSimulator) -> None:
    series_id = add(sonarr)
    for season in (SPECIALS, 1, 2021):
        sonarr.add_episode_file(series_id, season, [1])
    files = await world.client.entry_files(series_id)
    assert [(file.season, Path(file.path).parent.name) for file in files] == [
        (SPECIALS, "Specials"),
        (1, "Season 1"),
        (2021, "Season 2021"),
    ]


async def test_the_files_of_a_season_go_in_one_call_and_the_others_stay(
    world: LibraryWorld, sonarr: SonarrSimulator
) -> None:
    series_id = add(sonarr)
    kept = sonarr.add_episode_file(series_id, SPECIALS, [1])
    gone = [sonarr.add_episode_file(series_id, 2021, [number]) for number in (1, 2)]
    await world.client.delete_files(series_id, [file.id for file in gone])
    assert [file.id for file in await world.client.entry_files(series_id)] == [kept.id]
    assert [file.path.exists() for file in (kept, *gone)] == [True, False, False]
    assert sum(call.startswith("DELETE") for call in sonarr.calls) == 1


# --- queue, search -----------------------------------------------------------------------------------------------


async def test_queue_items_name_their_season(world: LibraryWorld, sonarr: SonarrSimulator) -> None:
    series_id = add(sonarr)
    named = [sonarr.episode(series_id, season, 1) for season in (SPECIALS, 2, 2021)]
    parts = tuple(Part(episode.id, episode.season) for episode in named)
    sonarr.add_queue_item(Followed("A" * 40, series_id, "A.Pack", "qBittorrent", parts=parts))
    sonarr.add_queue_item(Followed("B" * 40, None, "Nobody's", "qBittorrent", parts=parts[:1]))
    items = await world.client.queue()
    assert [(item.download_id, item.season) for item in items] == [
        ("A" * 40, SPECIALS),
        ("A" * 40, 2),
        ("A" * 40, 2021),
        ("B" * 40, None),
    ]


@pytest.mark.parametrize("season", [SPECIALS, 1, 2021])
async def test_a_search_for_a_season_grabs_nothing_else(
    world: LibraryWorld, sonarr: SonarrSimulator, tmp_path: Path, season: int
) -> None:
    series_id = add(sonarr)
    for number in (SPECIALS, 1, 2, 2021):
        release, _ = pack_of(tmp_path / str(number), {number: 1})
        sonarr.indexer.add(replace(release, title=f"Season {number}"))
    await world.client.search(series_id, season)
    await sonarr.settled()
    grabs = await references(world, ReferenceKind.GRAB)
    assert [(grab.source_title, grab.season) for grab in grabs] == [(f"Season {season}", season)]


async def test_a_search_for_a_season_skips_what_is_not_monitored_or_has_a_file(
    world: LibraryWorld, sonarr: SonarrSimulator, tmp_path: Path
) -> None:
    series_id = add(sonarr)
    release, _ = pack_of(tmp_path, {2: 2})
    sonarr.indexer.add(release)
    sonarr.episode(series_id, 2, 1).monitored = False
    sonarr.add_episode_file(series_id, 2, [2])
    await world.client.search(series_id, 2)
    await sonarr.settled()
    assert await references(world, ReferenceKind.GRAB) == []


# --- history -----------------------------------------------------------------------------------------------------


async def test_a_file_of_two_episodes_has_an_import_row_for_each(
    world: LibraryWorld, sonarr: SonarrSimulator, tmp_path: Path
) -> None:
    series_id = add(sonarr)
    path = tmp_path / "Night.Shift.S01E01E02.mkv"
    path.write_bytes(b"both")
    release = Release(path.stem, LibraryWorld.series(2000), make_torrent(path).data, episodes=((1, 1), (1, 2)))
    await sonarr.grab(series_id, release)
    await sonarr.import_download(release.meta.torrent_id, [path])
    imports = await references(world, ReferenceKind.IMPORT)
    assert [(row.hash, row.season, row.episode, row.size) for row in imports] == [
        (release.info_hash, 1, 1, 4),
        (release.info_hash, 1, 2, 4),
    ]
    (file,) = await world.client.entry_files(series_id)
    assert (file.season, file.size) == (1, 4)
    entry = await world.client.entry(series_id)
    assert entry is not None
    assert entry.file_count == 2  # Sonarr counts episodes with a file, not files


async def test_a_pack_of_several_seasons_has_one_download_and_a_row_per_episode(
    world: LibraryWorld, sonarr: SonarrSimulator, tmp_path: Path
) -> None:
    release, paths = pack_of(tmp_path, {SPECIALS: 1, 1: 2, 2021: 1})
    series_id = await sonarr.add_series_from_pack("Night Shift", 2020, release)
    assert {item.season for item in await world.client.queue()} == {SPECIALS, 1, 2021}
    await sonarr.import_download(release.meta.torrent_id, paths)
    grabs, imports = await references(world, ReferenceKind.GRAB), await references(world, ReferenceKind.IMPORT)
    expected = [(SPECIALS, 1), (1, 1), (1, 2), (2021, 1)]
    assert [(row.season, row.episode) for row in grabs] == expected
    assert [(row.season, row.episode) for row in imports] == expected
    assert {row.hash for row in (*grabs, *imports)} == {release.info_hash}
    assert [row.size for row in imports] == [path.stat().st_size for path in paths]
    assert sorted(file.season or 0 for file in await world.client.entry_files(series_id)) == [SPECIALS, 1, 1, 2021]


async def test_blocklisting_one_row_of_a_pack_fails_all_of_it_and_searches_only_what_is_monitored(
    world: LibraryWorld, sonarr: SonarrSimulator, tmp_path: Path
) -> None:
    release, _ = pack_of(tmp_path / "first", {1: 2, 2: 2})
    series_id = await sonarr.add_series_from_pack("Night Shift", 2020, release)
    for season in (1, 2):
        other, _ = pack_of(tmp_path / str(season), {season: 2})
        sonarr.indexer.add(replace(other, title=f"Season {season}"))
    await world.client.unmonitor_seasons({series_id: [1]})
    grab = (await references(world, ReferenceKind.GRAB))[0]
    assert grab.history_id is not None
    await world.client.blocklist(grab.history_id)
    await sonarr.settled()
    failed = [row for row in sonarr.history if row.event == "downloadFailed"]
    assert [(row.download_id, row.episode_id) for row in failed] == [
        (release.info_hash.upper(), episode.id) for episode in sonarr.episodes_of(series_id)
    ]
    later = (await references(world, ReferenceKind.GRAB))[4:]
    assert {row.source_title for row in later} == {"Season 2"}


async def test_imports_by_hand_name_their_episodes(
    world: LibraryWorld, sonarr: SonarrSimulator, tmp_path: Path
) -> None:
    series_id = add(sonarr)
    path = tmp_path / "Night.Shift.S00E01.mkv"
    path.write_bytes(b"12345")
    await sonarr.import_by_hand(series_id, [path], episodes=[(SPECIALS, 1)])
    (row,) = await references(world, ReferenceKind.IMPORT)
    assert (row.raw_hash, row.season, row.episode, row.size) == (None, SPECIALS, 1, 5)
    (told,) = [payload for payload in sonarr.connections.sent if "episodeFile" in payload]
    assert told["eventType"] == "Download"
    assert "downloadId" not in told
    assert "downloadClient" not in told
