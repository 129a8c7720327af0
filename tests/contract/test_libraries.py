"""One suite for the clients of Radarr and Sonarr, against their simulators over real HTTP."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.clients import radarr, sonarr
from reconciler.clients.arr import Arr
from reconciler.errors import Rejected, Unauthorized, Unintelligible, Unreachable
from reconciler.model import DownloadProtocol, InstanceName, Media, MediaKind, Monitoring, ReferenceKind, UpstreamKind
from reconciler.observed import AppInfo, FolderListing, PathMapping, RootFolder
from reconciler.ports import LibraryClient
from reconciler.simulators.arr_state import ClientRow, Followed, Mapping, MediaFile
from reconciler.simulators.radarr import RadarrSimulator
from reconciler.simulators.server import serve
from reconciler.simulators.sonarr import SonarrSimulator
from tests.support.arr import KEY, receiving

HASH = "A" * 40
IMPATIENT = timedelta(seconds=0.2)


@dataclass
class World:
    """One simulated application with its client, and the words in which the two applications differ."""

    simulator: RadarrSimulator | SonarrSimulator
    client: LibraryClient
    url: str
    root: Path

    @property
    def is_radarr(self) -> bool:
        return isinstance(self.simulator, RadarrSimulator)

    def add(self, number: int, name: str, *, tags: tuple[str, ...] = (), path: Path | None = None) -> int:
        """Add a title without files; `number` is its tmdb or tvdb id."""
        if isinstance(self.simulator, RadarrSimulator):
            return self.simulator.add_movie(number, name, 2020, tags=tags, path=path)
        return self.simulator.add_series(number, name, 2020, seasons={1: 2}, tags=tags, path=path)

    def add_with_file(self, number: int, name: str, content: bytes = b"content") -> tuple[int, MediaFile]:
        entry_id = self.add(number, name)
        if isinstance(self.simulator, RadarrSimulator):
            return entry_id, self.simulator.add_movie_file(entry_id, content)
        return entry_id, self.simulator.add_episode_file(entry_id, 1, [1], content)

    def media(self, number: int) -> Media:
        if self.is_radarr:
            return Media(MediaKind.MOVIE, tmdb_id=number)
        return Media(MediaKind.SERIES, tvdb_id=number)

    def queue(self, entry_id: int | None, download_id: str = HASH) -> list[int]:
        return self.simulator.add_queue_item(Followed(download_id, entry_id, "A.Release", "qBittorrent"))

    def connect(self, url: str, key: str = KEY, *, timeout: timedelta = timedelta(seconds=30)) -> Arr:
        if self.is_radarr:
            return radarr.connect(InstanceName("radarr"), url, key, timeout=timeout)
        return sonarr.connect(InstanceName("sonarr"), url, key, timeout=timeout)

    @property
    def exclusions(self) -> list[object]:
        return list(self.simulator.exclusions.values())


@asynccontextmanager
async def running(kind: str, folder: Path, url_base: str = "") -> AsyncIterator[World]:
    root = folder / "library"
    root.mkdir()
    make = RadarrSimulator if kind == "radarr" else SonarrSimulator
    simulator = make(root, api_key=KEY, url_base=url_base, file_removal_delay=0)
    connect = radarr.connect if kind == "radarr" else sonarr.connect
    async with serve(simulator.app) as url, connect(InstanceName(kind), f"{url}{url_base}", KEY) as client:
        yield World(simulator, client, url, root)


@pytest.fixture(params=["radarr", "sonarr"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    async with running(request.param, tmp_path) as found:
        yield found


# --- who answers -------------------------------------------------------------------------------------------------


async def test_identify_names_program_version_and_instance(world: World) -> None:
    simulator = world.simulator
    simulator.instance_name = "The one in the attic"
    assert await world.client.identify() == AppInfo(simulator.app_name, simulator.version, "The one in the attic")
    assert world.client.kind is (UpstreamKind.RADARR if world.is_radarr else UpstreamKind.SONARR)
    assert world.client.instance == simulator.app_name.lower()


async def test_another_program_at_the_url_is_unintelligible(world: World) -> None:
    right, wrong = ("Radarr", "Sonarr") if world.is_radarr else ("Sonarr", "Radarr")
    world.simulator.answers_as = wrong
    with pytest.raises(Unintelligible, match=f"answers as {wrong}, not {right}: the URL points to another program"):
        await world.client.identify()


async def test_a_wrong_key_is_unauthorized(world: World) -> None:
    async with world.connect(world.url, "wrong") as client:
        with pytest.raises(Unauthorized):
            await client.identify()


async def test_a_program_that_is_starting_up_is_unreachable(world: World) -> None:
    world.simulator.is_starting = True
    with pytest.raises(Unreachable, match="is starting up"):
        await world.client.entries()


async def test_a_missing_url_base_is_told(tmp_path: Path) -> None:
    async with running("radarr", tmp_path, url_base="/movies") as found:
        assert (await found.client.identify()).name == "Radarr"
        async with found.connect(found.url) as client:
            with pytest.raises(Unintelligible, match="URL base"):
                await client.identify()


async def test_a_login_page_is_unintelligible(world: World) -> None:
    world.simulator.faults.html = True
    with pytest.raises(Unintelligible, match="web page"):
        await world.client.entries()


async def test_half_an_answer_is_unreachable_and_no_short_list(world: World) -> None:
    world.add(1, "One")
    world.simulator.faults.half_body = True
    with pytest.raises(Unreachable):
        await world.client.entries()


async def test_no_answer_in_time_is_unreachable(world: World) -> None:
    world.simulator.faults.hang = True
    async with world.connect(world.url, timeout=IMPATIENT) as client:
        with pytest.raises(Unreachable, match="in time"):
            await client.entries()


async def test_an_internal_error_is_unreachable_and_heals(world: World) -> None:
    world.simulator.faults.fail_next(status=500)
    with pytest.raises(Unreachable):
        await world.client.entries()
    assert await world.client.entries() == ()


# --- titles ------------------------------------------------------------------------------------------------------


async def test_entries_carry_identity_stamp_path_and_labels(world: World) -> None:
    entry_id, file = world.add_with_file(603, "Night Train", b"12345")
    world.simulator.titles[entry_id].tags.add(world.simulator.tag("Keep"))
    world.add(604, "Day Train")
    entries = {entry.id: entry for entry in await world.client.entries()}
    found = entries[entry_id]
    assert len(entries) == 2
    assert (found.media, found.title, found.year) == (world.media(603), "Night Train", 2020)
    assert found.path == str(world.simulator.titles[entry_id].path)
    assert found.added == world.simulator.titles[entry_id].added
    assert found.tags == {"keep"}
    assert (found.file_count, found.size) == (1, 5)
    if world.is_radarr:
        assert found.files is not None
        assert [(f.id, f.path) for f in found.files] == [(file.id, str(file.path))]
        assert found.monitoring == Monitoring(monitored=True)
    else:
        assert found.files is None
        assert found.monitoring == Monitoring(True, ((1, True),), "all")


async def test_one_entry_is_read_by_id_and_an_unknown_one_is_none(world: World) -> None:
    entry_id = world.add(603, "Night Train")
    found = await world.client.entry(entry_id)
    assert found is not None
    assert found in await world.client.entries()
    assert await world.client.entry(entry_id + 1) is None


async def test_a_lost_entry_page_is_no_proof_of_absence(world: World) -> None:
    world.simulator.faults.fail_next(status=502)
    with pytest.raises(Unreachable):
        await world.client.entry(1)


async def test_entry_files_are_those_of_the_title_only(world: World) -> None:
    entry_id, file = world.add_with_file(603, "Night Train", b"12345")
    world.add_with_file(604, "Day Train")
    files = await world.client.entry_files(entry_id)
    assert [(f.id, f.path, f.size) for f in files] == [(file.id, str(file.path), 5)]
    assert files[0].season == (None if world.is_radarr else 1)
    assert await world.client.entry_files(99) == ()


async def test_several_entries_are_unmonitored_in_one_call(world: World) -> None:
    ids = [world.add(number, f"Title {number}") for number in (1, 2, 3)]
    await world.client.unmonitor(ids[:2])
    assert [world.simulator.titles[id_].monitored for id_ in ids] == [False, False, True]
    assert sum(call.startswith("PUT") for call in world.simulator.calls) == 1


async def test_monitoring_is_put_back(world: World) -> None:
    entry_id = world.add(1, "One")
    before = await world.client.entry(entry_id)
    assert before is not None
    await world.client.unmonitor([entry_id])
    await world.client.restore_monitoring(entry_id, before.monitoring)
    assert await world.client.entry(entry_id) == before


async def test_restoring_an_unmonitored_title_leaves_it_unmonitored(world: World) -> None:
    entry_id = world.add(1, "One")
    await world.client.unmonitor([entry_id])
    await world.client.restore_monitoring(entry_id, Monitoring(monitored=False))
    assert world.simulator.titles[entry_id].monitored is False


# --- deleting ----------------------------------------------------------------------------------------------------


async def test_deleting_entries_removes_them_and_then_their_files(world: World) -> None:
    ids = [world.add_with_file(number, f"Title {number}")[0] for number in (1, 2, 3)]
    paths = [world.simulator.titles[id_].path for id_ in ids]
    await world.client.delete_entries(ids[:2], delete_files=True, add_exclusion=False)
    await world.simulator.settled()
    assert [entry.id for entry in await world.client.entries()] == ids[2:]
    assert [path.exists() for path in paths] == [False, False, True]
    assert world.exclusions == []


async def test_deleting_can_keep_the_files(world: World) -> None:
    entry_id, file = world.add_with_file(1, "One")
    await world.client.delete_entries([entry_id], delete_files=False, add_exclusion=False)
    await world.simulator.settled()
    assert await world.client.entry(entry_id) is None
    assert file.path.exists()


@pytest.mark.parametrize("bulk", [True, False])
async def test_an_exclusion_is_added_on_request(world: World, bulk: bool) -> None:
    entry_id = world.add(7, "Seven")
    if bulk:
        await world.client.delete_entries([entry_id], delete_files=False, add_exclusion=True)
    else:
        await world.client.delete_entry(entry_id, delete_files=False, add_exclusion=True)
    await world.simulator.settled()
    assert len(world.exclusions) == 1


async def test_deleting_one_entry_takes_its_files(world: World) -> None:
    entry_id, file = world.add_with_file(1, "One")
    await world.client.delete_entry(entry_id, delete_files=True, add_exclusion=False)
    await world.simulator.settled()
    assert await world.client.entries() == ()
    assert not file.path.exists()


async def test_deleting_an_unknown_entry_is_no_error(world: World) -> None:
    other = world.add(1, "One")
    await world.client.delete_entry(99, delete_files=True, add_exclusion=False)
    assert [entry.id for entry in await world.client.entries()] == [other]


async def test_a_failing_delete_is_not_taken_for_an_unknown_entry(world: World) -> None:
    world.simulator.faults.fail_next(status=500)
    with pytest.raises(Unreachable):
        await world.client.delete_entry(99, delete_files=True, add_exclusion=False)


async def test_a_bulk_delete_with_an_unknown_id_is_rejected_and_does_nothing(world: World) -> None:
    entry_id = world.add(1, "One")
    with pytest.raises(Rejected, match="does not know one of the titles"):
        await world.client.delete_entries([entry_id, 99], delete_files=True, add_exclusion=False)
    assert [entry.id for entry in await world.client.entries()] == [entry_id]


async def test_empty_lists_send_nothing(world: World) -> None:
    await world.client.unmonitor([])
    await world.client.delete_entries([], delete_files=True, add_exclusion=False)
    await world.client.delete_files(1, [])
    await world.client.end_downloads([])
    assert world.simulator.calls == []


async def test_the_echo_of_a_delete_arrives_before_its_answer(world: World) -> None:
    entry_id = world.add(1, "One")
    async with receiving() as receiver:
        seen: list[bool] = []

        async def look(_payload: object) -> None:
            seen.append(await world.client.entry(entry_id) is None)

        receiver.on_event = look
        world.simulator.connect(receiver.url)
        await world.client.delete_entry(entry_id, delete_files=False, add_exclusion=False)
        assert seen == [True]


async def test_files_are_deleted_and_the_title_kept(world: World) -> None:
    entry_id, file = world.add_with_file(1, "One")
    await world.client.delete_files(entry_id, [file.id])
    found = await world.client.entry(entry_id)
    assert found is not None
    assert found.file_count == 0
    assert not file.path.exists()
    assert await world.client.entry_files(entry_id) == ()


async def test_files_of_other_titles_are_never_deleted(world: World) -> None:
    entry_id, mine = world.add_with_file(1, "One")
    _, other = world.add_with_file(2, "Two")
    await world.client.delete_files(entry_id, [mine.id, other.id, 99])
    assert not mine.path.exists()
    assert other.path.exists()


async def test_files_are_not_deleted_while_the_root_folder_is_away(world: World) -> None:
    entry_id, file = world.add_with_file(1, "One")
    world.simulator.roots[0].accessible = False
    with pytest.raises(Rejected):
        await world.client.delete_files(entry_id, [file.id])
    assert file.path.exists()


# --- history -----------------------------------------------------------------------------------------------------


async def test_history_pages_are_oldest_first_and_complete(world: World) -> None:
    entry_id = world.add(1, "One")
    for day in range(5, 0, -1):
        world.simulator.add_history_row(
            entry_id, "grabbed", download_id=f"{day:040X}", date=f"2024-01-0{day}T00:00:00Z", data={"protocol": "2"}
        )
    pages = [await world.client.history_page(page, 2) for page in (1, 2, 3)]
    hashes = [reference.hash for page in pages for reference in page.references]
    assert hashes == [f"{day:040x}" for day in range(1, 6)]
    assert [(page.rows, page.total) for page in pages] == [(2, 5), (2, 5), (1, 5)]
    assert pages[0].newest_date == "2024-01-01T00:00:00Z"  # of the row written last
    assert max(page.newest_id for page in pages) == 5


async def test_history_since_includes_rows_at_the_date_itself(world: World) -> None:
    entry_id = world.add(1, "One")
    for date in ("2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z", "2024-01-02T00:00:00.5Z"):
        world.simulator.add_history_row(entry_id, "grabbed", download_id=HASH, date=date)
    page = await world.client.history_since("2024-01-02T00:00:00Z")
    assert [reference.at for reference in page.references] == ["2024-01-02T00:00:00Z", "2024-01-02T00:00:00.5Z"]
    assert page.newest_date == "2024-01-02T00:00:00.5Z"


async def test_only_grabs_and_imports_are_references_but_all_rows_move_the_cursor(world: World) -> None:
    entry_id = world.add(1, "One")
    events = ["grabbed", "downloadFolderImported", "downloadFailed", world.simulator.file_deleted_event]
    for event in events:
        world.simulator.add_history_row(entry_id, event, download_id=HASH)
    page = await world.client.history_since("2000-01-01T00:00:00Z")
    assert [reference.kind for reference in page.references] == [ReferenceKind.GRAB, ReferenceKind.IMPORT]
    assert (page.rows, page.newest_id) == (4, 4)


async def test_a_grab_names_client_protocol_and_who_wanted_it(world: World) -> None:
    entry_id = world.add(1, "One")
    data = {"protocol": "2", "downloadClientName": "qb", "downloadClient": "qBittorrent", "tmdbId": "999"}
    for source in ("Rss", "Search", "InteractiveSearch", "UserInvokedSearch"):
        world.simulator.add_history_row(
            entry_id, "grabbed", download_id=HASH, data={**data, "releaseSource": source}, source_title="Some.Release"
        )
    references = (await world.client.history_page(1, 10)).references
    assert [reference.by_person for reference in references] == [False, False, True, True]
    first = references[0]
    assert (first.entry_id, first.client, first.protocol) == (entry_id, "qb", DownloadProtocol.TORRENT)
    assert (first.raw_hash, first.source_title, first.instance) == (HASH, "Some.Release", world.client.instance)
    assert first.media is None


async def test_usenet_grabs_have_no_hash(world: World) -> None:
    entry_id = world.add(1, "One")
    world.simulator.add_history_row(entry_id, "grabbed", download_id=HASH, data={"protocol": "1"})
    reference = (await world.client.history_page(1, 10)).references[0]
    assert (reference.protocol, reference.hash) == (DownloadProtocol.USENET, None)


async def test_history_is_gone_with_the_title(world: World) -> None:
    entry_id = world.add(1, "One")
    world.simulator.add_history_row(entry_id, "grabbed", download_id=HASH)
    await world.client.delete_entry(entry_id, delete_files=False, add_exclusion=False)
    assert (await world.client.history_page(1, 10)).total == 0


# --- queue -------------------------------------------------------------------------------------------------------


async def test_the_queue_shows_downloads_of_deleted_titles_too(world: World) -> None:
    entry_id = world.add(1, "One")
    world.queue(entry_id, "A" * 40)
    world.queue(None, "B" * 40)
    items = await world.client.queue()
    assert {(item.entry_id, item.download_id) for item in items} == {(entry_id, "A" * 40), (None, "B" * 40)}
    assert {(i.protocol, i.client, i.status, i.tracked_state) for i in items} == {
        (DownloadProtocol.TORRENT, "qBittorrent", "downloading", "downloading")
    }


async def test_downloads_are_ended_in_one_call_without_blocklisting(world: World) -> None:
    ids = [*world.queue(None, "A" * 40), *world.queue(None, "B" * 40)]
    kept = world.queue(None, "C" * 40)
    await world.client.end_downloads(ids)
    assert [item.id for item in await world.client.queue()] == kept
    assert world.simulator.blocklist == set()
    assert sum(call.startswith("DELETE") for call in world.simulator.calls) == 1


async def test_downloads_that_are_gone_do_not_save_the_others(world: World) -> None:
    (queue_id,) = world.queue(None)
    await world.client.end_downloads([99, queue_id])
    assert await world.client.queue() == ()


# --- settings and folders ----------------------------------------------------------------------------------------


async def test_settings_are_read(world: World, tmp_path: Path) -> None:
    world.simulator.add_root_folder(tmp_path / "away", accessible=False)
    world.simulator.mappings.append(Mapping(1, "qb", "/downloads/", "/data/downloads/"))
    world.simulator.clients.append(ClientRow(2, "sab", "Sabnzbd", "usenet"))
    assert await world.client.root_folders() == (
        RootFolder(f"{world.root}/", accessible=True),
        RootFolder(f"{tmp_path / 'away'}/", accessible=False),
    )
    assert await world.client.path_mappings() == (PathMapping("qb", "/downloads/", "/data/downloads/"),)
    assert await world.client.torrent_clients() == {"qBittorrent"}
    assert await world.client.recycle_bin() == ""
    world.simulator.recycle_bin = tmp_path / "bin"
    assert await world.client.recycle_bin() == str(tmp_path / "bin")


@pytest.mark.parametrize("slash", ["", "/"])
async def test_a_folder_is_listed_by_names(world: World, slash: str) -> None:
    (world.root / "A Folder").mkdir()
    (world.root / "a file.nfo").write_bytes(b"x")
    listed = await world.client.list_folder(f"{world.root}{slash}")
    assert listed == FolderListing(frozenset({"A Folder"}), frozenset({"a file.nfo"}))


async def test_a_missing_folder_lists_as_empty(world: World) -> None:
    assert (await world.client.list_folder(f"{world.root}/nothing/here")).is_empty


async def test_a_search_is_started_once(world: World) -> None:
    entry_id = world.add(1, "One")
    await world.client.search(entry_id)
    await world.simulator.settled()
    (command,) = world.simulator.commands.values()
    assert command.name == ("MoviesSearch" if world.is_radarr else "SeriesSearch")
    assert command.status == "completed"
    assert world.simulator.searched_titles(command.body) == [entry_id]


async def test_an_unreachable_root_folder_is_an_obstacle(world: World) -> None:
    assert await world.client.obstacle() == ""
    world.simulator.roots[0].accessible = False
    assert str(world.root) in await world.client.obstacle()
