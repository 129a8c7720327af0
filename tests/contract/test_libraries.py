"""One suite for the clients of Radarr and Sonarr, against their simulators over real HTTP."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.errors import Rejected, Unauthorized, Unintelligible, Unreachable
from reconciler.model import DownloadProtocol, Monitoring, ReferenceKind, UpstreamKind
from reconciler.observed import AppInfo, DownloadClient, FolderListing, PathMapping, RootFolder
from reconciler.simulators.arr_state import ClientRow, Mapping
from tests.support.arr import HASH, LibraryWorld, receiving, running_library

IMPATIENT = timedelta(seconds=0.2)


@pytest.fixture(params=["radarr", "sonarr"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[LibraryWorld]:
    async with running_library(request.param, tmp_path) as found:
        yield found


# --- who answers -------------------------------------------------------------------------------------------------


async def test_identify_names_program_version_and_instance(world: LibraryWorld) -> None:
    simulator = world.simulator
    simulator.instance_name = "The one in the attic"
    assert await world.client.identify() == AppInfo(simulator.app_name, simulator.version, "The one in the attic")
    assert world.client.kind is (UpstreamKind.RADARR if world.is_radarr else UpstreamKind.SONARR)
    assert world.client.instance == simulator.app_name.lower()


async def test_another_program_at_the_url_is_unintelligible(world: LibraryWorld) -> None:
    right, wrong = ("Radarr", "Sonarr") if world.is_radarr else ("Sonarr", "Radarr")
    world.simulator.answers_as = wrong
    with pytest.raises(Unintelligible, match=f"answers as {wrong}, not {right}: the URL points to another program"):
        await world.client.identify()


async def test_a_wrong_key_is_unauthorized(world: LibraryWorld) -> None:
    async with world.connect(world.url, "wrong") as client:
        with pytest.raises(Unauthorized):
            await client.identify()


async def test_a_program_that_is_starting_up_is_unreachable(world: LibraryWorld) -> None:
    world.simulator.is_starting = True
    with pytest.raises(Unreachable, match="is starting up"):
        await world.client.entries()


async def test_a_missing_url_base_is_told(tmp_path: Path) -> None:
    async with running_library("radarr", tmp_path, url_base="/movies") as found:
        assert (await found.client.identify()).name == "Radarr"
        async with found.connect(found.url) as client:
            with pytest.raises(Unintelligible, match="URL base"):
                await client.identify()


async def test_a_login_page_is_unintelligible(world: LibraryWorld) -> None:
    world.simulator.faults.html = True
    with pytest.raises(Unintelligible, match="web page"):
        await world.client.entries()


async def test_half_an_answer_is_unreachable_and_no_short_list(world: LibraryWorld) -> None:
    world.add(1, "One")
    world.simulator.faults.half_body = True
    with pytest.raises(Unreachable):
        await world.client.entries()


async def test_no_answer_in_time_is_unreachable(world: LibraryWorld) -> None:
    world.simulator.faults.hang = True
    async with world.connect(world.url, timeout=IMPATIENT) as client:
        with pytest.raises(Unreachable, match="in time"):
            await client.entries()


async def test_an_internal_error_is_unreachable_and_heals(world: LibraryWorld) -> None:
    world.simulator.faults.fail_next(status=500)
    with pytest.raises(Unreachable):
        await world.client.entries()
    assert await world.client.entries() == ()


# --- titles ------------------------------------------------------------------------------------------------------


async def test_entries_carry_identity_stamp_path_and_labels(world: LibraryWorld) -> None:
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


async def test_one_entry_is_read_by_id_and_an_unknown_one_is_none(world: LibraryWorld) -> None:
    entry_id = world.add(603, "Night Train")
    found = await world.client.entry(entry_id)
    assert found is not None
    assert found in await world.client.entries()
    assert await world.client.entry(entry_id + 1) is None


async def test_a_lost_entry_page_is_no_proof_of_absence(world: LibraryWorld) -> None:
    world.simulator.faults.fail_next(status=502)
    with pytest.raises(Unreachable):
        await world.client.entry(1)


async def test_entry_files_are_those_of_the_title_only(world: LibraryWorld) -> None:
    entry_id, file = world.add_with_file(603, "Night Train", b"12345")
    world.add_with_file(604, "Day Train")
    files = await world.client.entry_files(entry_id)
    assert [(f.id, f.path, f.size) for f in files] == [(file.id, str(file.path), 5)]
    assert files[0].season == (None if world.is_radarr else 1)
    assert await world.client.entry_files(99) == ()


async def test_several_entries_are_unmonitored_in_one_call(world: LibraryWorld) -> None:
    ids = [world.add(number, f"Title {number}") for number in (1, 2, 3)]
    await world.client.unmonitor(ids[:2])
    assert [world.simulator.titles[id_].monitored for id_ in ids] == [False, False, True]
    assert sum(call.startswith("PUT") for call in world.simulator.calls) == 1


async def test_monitoring_is_put_back(world: LibraryWorld) -> None:
    entry_id = world.add(1, "One")
    before = await world.client.entry(entry_id)
    assert before is not None
    await world.client.unmonitor([entry_id])
    await world.client.restore_monitoring(entry_id, before.monitoring)
    assert await world.client.entry(entry_id) == before


async def test_restoring_an_unmonitored_title_leaves_it_unmonitored(world: LibraryWorld) -> None:
    entry_id = world.add(1, "One")
    await world.client.unmonitor([entry_id])
    await world.client.restore_monitoring(entry_id, Monitoring(monitored=False))
    assert world.simulator.titles[entry_id].monitored is False


# --- deleting ----------------------------------------------------------------------------------------------------


async def test_deleting_entries_removes_them_and_then_their_files(world: LibraryWorld) -> None:
    ids = [world.add_with_file(number, f"Title {number}")[0] for number in (1, 2, 3)]
    paths = [world.simulator.titles[id_].path for id_ in ids]
    await world.client.delete_entries(ids[:2], delete_files=True, add_exclusion=False)
    await world.simulator.settled()
    assert [entry.id for entry in await world.client.entries()] == ids[2:]
    assert [path.exists() for path in paths] == [False, False, True]
    assert world.exclusions == []


async def test_deleting_can_keep_the_files(world: LibraryWorld) -> None:
    entry_id, file = world.add_with_file(1, "One")
    await world.client.delete_entries([entry_id], delete_files=False, add_exclusion=False)
    await world.simulator.settled()
    assert await world.client.entry(entry_id) is None
    assert file.path.exists()


@pytest.mark.parametrize("bulk", [True, False])
async def test_an_exclusion_is_added_on_request(world: LibraryWorld, bulk: bool) -> None:
    entry_id = world.add(7, "Seven")
    if bulk:
        await world.client.delete_entries([entry_id], delete_files=False, add_exclusion=True)
    else:
        await world.client.delete_entry(entry_id, delete_files=False, add_exclusion=True)
    await world.simulator.settled()
    assert len(world.exclusions) == 1


async def test_deleting_one_entry_takes_its_files(world: LibraryWorld) -> None:
    entry_id, file = world.add_with_file(1, "One")
    await world.client.delete_entry(entry_id, delete_files=True, add_exclusion=False)
    await world.simulator.settled()
    assert await world.client.entries() == ()
    assert not file.path.exists()


async def test_deleting_an_unknown_entry_is_no_error(world: LibraryWorld) -> None:
    other = world.add(1, "One")
    await world.client.delete_entry(99, delete_files=True, add_exclusion=False)
    assert [entry.id for entry in await world.client.entries()] == [other]


async def test_a_failing_delete_is_not_taken_for_an_unknown_entry(world: LibraryWorld) -> None:
    world.simulator.faults.fail_next(status=500)
    with pytest.raises(Unreachable):
        await world.client.delete_entry(99, delete_files=True, add_exclusion=False)


async def test_a_bulk_delete_with_an_unknown_id_is_rejected_and_does_nothing(world: LibraryWorld) -> None:
    entry_id = world.add(1, "One")
    with pytest.raises(Rejected, match="does not know one of the titles"):
        await world.client.delete_entries([entry_id, 99], delete_files=True, add_exclusion=False)
    assert [entry.id for entry in await world.client.entries()] == [entry_id]


async def test_empty_lists_send_nothing(world: LibraryWorld) -> None:
    await world.client.unmonitor([])
    await world.client.delete_entries([], delete_files=True, add_exclusion=False)
    await world.client.delete_files(1, [])
    await world.client.end_downloads([])
    assert world.simulator.calls == []


async def test_the_echo_of_a_delete_arrives_before_its_answer(world: LibraryWorld) -> None:
    entry_id = world.add(1, "One")
    async with receiving() as receiver:
        seen: list[bool] = []

        async def look(_payload: object) -> None:
            seen.append(await world.client.entry(entry_id) is None)

        receiver.on_event = look
        world.simulator.connect(receiver.url)
        await world.client.delete_entry(entry_id, delete_files=False, add_exclusion=False)
        assert seen == [True]


async def test_files_are_deleted_and_the_title_kept(world: LibraryWorld) -> None:
    entry_id, file = world.add_with_file(1, "One")
    await world.client.delete_files(entry_id, [file.id])
    found = await world.client.entry(entry_id)
    assert found is not None
    assert found.file_count == 0
    assert not file.path.exists()
    assert await world.client.entry_files(entry_id) == ()


async def test_files_of_other_titles_are_never_deleted(world: LibraryWorld) -> None:
    entry_id, mine = world.add_with_file(1, "One")
    _, other = world.add_with_file(2, "Two")
    await world.client.delete_files(entry_id, [mine.id, other.id, 99])
    assert not mine.path.exists()
    assert other.path.exists()


async def test_a_file_that_cannot_be_deleted_stops_the_bulk_midway_and_is_seen_to_remain(world: LibraryWorld) -> None:
    entry_id, first = world.add_with_file(1, "One")
    stuck = world.add_file(entry_id, "stuck.mkv")
    world.simulator.stuck_files.add(stuck.id)
    with pytest.raises(Unreachable, match="Unable to delete"):
        await world.client.delete_files(entry_id, [first.id, stuck.id])
    assert [file.id for file in await world.client.entry_files(entry_id)] == [stuck.id]
    assert [first.path.exists(), stuck.path.exists()] == [False, True]


async def test_files_are_not_deleted_while_the_root_folder_holds_no_folders(world: LibraryWorld) -> None:
    entry_id, file = world.add_with_file(1, "One")
    file.path.unlink()
    for folder in sorted(world.root.rglob("*"), reverse=True):
        folder.rmdir()
    with pytest.raises(Rejected, match="is empty"):
        await world.client.delete_files(entry_id, [file.id])
    assert [found.id for found in await world.client.entry_files(entry_id)] == [file.id]


async def test_files_are_not_deleted_while_the_root_folder_is_away(world: LibraryWorld) -> None:
    entry_id, file = world.add_with_file(1, "One")
    world.simulator.roots[0].accessible = False
    with pytest.raises(Rejected):
        await world.client.delete_files(entry_id, [file.id])
    assert file.path.exists()


# --- history -----------------------------------------------------------------------------------------------------


async def test_history_pages_are_oldest_first_and_complete(world: LibraryWorld) -> None:
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


async def test_history_since_includes_rows_at_the_date_itself(world: LibraryWorld) -> None:
    entry_id = world.add(1, "One")
    for date in ("2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z", "2024-01-02T00:00:00.5Z"):
        world.simulator.add_history_row(entry_id, "grabbed", download_id=HASH, date=date)
    page = await world.client.history_since("2024-01-02T00:00:00Z")
    assert [reference.at for reference in page.references] == ["2024-01-02T00:00:00Z", "2024-01-02T00:00:00.5Z"]
    assert page.newest_date == "2024-01-02T00:00:00.5Z"


async def test_only_grabs_and_imports_are_references_but_all_rows_move_the_cursor(world: LibraryWorld) -> None:
    entry_id = world.add(1, "One")
    events = ["grabbed", "downloadFolderImported", "downloadFailed", world.simulator.file_deleted_event]
    for event in events:
        world.simulator.add_history_row(entry_id, event, download_id=HASH)
    page = await world.client.history_since("2000-01-01T00:00:00Z")
    assert [reference.kind for reference in page.references] == [ReferenceKind.GRAB, ReferenceKind.IMPORT]
    assert (page.rows, page.newest_id) == (4, 4)


async def test_a_grab_names_client_protocol_and_who_wanted_it(world: LibraryWorld) -> None:
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


async def test_an_import_tells_the_size_of_its_file(world: LibraryWorld) -> None:
    entry_id = world.add(1, "One")
    world.simulator.add_history_row(entry_id, "grabbed", download_id=HASH, data={"protocol": "2", "size": "999"})
    for said in ({"size": "5000000000"}, {"size": "0"}, {"size": "-5"}, {"size": "big"}, {"size": ""}, {}):
        world.simulator.add_history_row(entry_id, "downloadFolderImported", download_id=HASH, data=said)
    references = (await world.client.history_page(1, 10)).references
    assert [reference.size for reference in references] == [None, 5_000_000_000, None, None, None, None, None]


async def test_an_import_by_hand_names_no_download_but_its_size(world: LibraryWorld, tmp_path: Path) -> None:
    entry_id = world.add(1, "One")
    source = tmp_path / "One.S01E01.mkv"
    source.write_bytes(b"12345")
    await world.simulator.import_by_hand(entry_id, [source], episodes=[(1, 1)])
    (reference,) = (await world.client.history_page(1, 10)).references
    assert (reference.kind, reference.raw_hash, reference.hash) == (ReferenceKind.IMPORT, None, None)
    assert (reference.size, reference.client) == (5, None)
    (file,) = await world.client.entry_files(entry_id)
    assert file.size == 5
    assert Path(file.path).samefile(source)


async def test_the_id_of_a_black_hole_is_no_hash(world: LibraryWorld) -> None:
    entry_id = world.add(1, "One")
    data = {"downloadClient": "TorrentBlackhole", "downloadClientName": "Hole", "size": "5"}
    world.simulator.add_history_row(entry_id, "downloadFolderImported", download_id="Hole_One_1F2E", data=data)
    (reference,) = (await world.client.history_page(1, 10)).references
    assert (reference.raw_hash, reference.hash, reference.client) == ("Hole_One_1F2E", None, "Hole")


async def test_a_blocklisted_grab_is_failed_and_not_grabbed_again(world: LibraryWorld) -> None:
    entry_id = world.add(1, "One")
    release = world.release(1, "One.S01E01.1080p")
    world.simulator.indexer.add(release)
    await world.simulator.grab(entry_id, release)
    await world.client.unmonitor([entry_id])
    (grab,) = (await world.client.history_page(1, 10)).references
    assert grab.history_id is not None
    await world.client.blocklist(grab.history_id)
    await world.simulator.settled()
    await world.simulator.search(entry_id, "UserInvokedSearch")
    page = await world.client.history_page(1, 10)
    assert ([reference.history_id for reference in page.references], page.rows) == ([grab.history_id], 2)
    assert [row.source_title for row in world.simulator.blocklist] == ["One.S01E01.1080p"]


async def test_blocklisting_a_row_that_is_gone_is_no_error(world: LibraryWorld) -> None:
    await world.client.blocklist(99)
    assert world.simulator.blocklist == []
    assert world.simulator.calls == ["POST /api/v3/history/failed/99"]


async def test_usenet_grabs_have_no_hash(world: LibraryWorld) -> None:
    entry_id = world.add(1, "One")
    world.simulator.add_history_row(entry_id, "grabbed", download_id=HASH, data={"protocol": "1"})
    reference = (await world.client.history_page(1, 10)).references[0]
    assert (reference.protocol, reference.hash) == (DownloadProtocol.USENET, None)


async def test_history_is_gone_with_the_title(world: LibraryWorld) -> None:
    entry_id = world.add(1, "One")
    world.simulator.add_history_row(entry_id, "grabbed", download_id=HASH)
    await world.client.delete_entry(entry_id, delete_files=False, add_exclusion=False)
    assert (await world.client.history_page(1, 10)).total == 0


# --- queue -------------------------------------------------------------------------------------------------------


async def test_the_queue_shows_downloads_of_deleted_titles_too(world: LibraryWorld) -> None:
    entry_id = world.add(1, "One")
    world.queue(entry_id, "A" * 40)
    world.queue(None, "B" * 40)
    items = await world.client.queue()
    assert {(item.entry_id, item.download_id) for item in items} == {(entry_id, "A" * 40), (None, "B" * 40)}
    assert {(i.protocol, i.client, i.status, i.tracked_state) for i in items} == {
        (DownloadProtocol.TORRENT, "qBittorrent", "downloading", "downloading")
    }


async def test_downloads_are_ended_in_one_call_without_blocklisting(world: LibraryWorld) -> None:
    ids = [*world.queue(None, "A" * 40), *world.queue(None, "B" * 40)]
    kept = world.queue(None, "C" * 40)
    await world.client.end_downloads(ids)
    assert [item.id for item in await world.client.queue()] == kept
    assert world.simulator.blocklist == []
    assert sum(call.startswith("DELETE") for call in world.simulator.calls) == 1


async def test_downloads_that_are_gone_do_not_save_the_others(world: LibraryWorld) -> None:
    (queue_id,) = world.queue(None)
    await world.client.end_downloads([99, queue_id])
    assert await world.client.queue() == ()


# --- settings and folders ----------------------------------------------------------------------------------------


async def test_settings_are_read(world: LibraryWorld, tmp_path: Path) -> None:
    world.simulator.add_root_folder(tmp_path / "away", accessible=False)
    world.simulator.mappings.append(Mapping(1, "qb", "/downloads/", "/data/downloads/"))
    assert await world.client.root_folders() == (
        RootFolder(f"{world.root}/", accessible=True),
        RootFolder(f"{tmp_path / 'away'}/", accessible=False),
    )
    assert await world.client.path_mappings() == (PathMapping("qb", "/downloads/", "/data/downloads/"),)
    assert await world.client.recycle_bin() == ""
    world.simulator.recycle_bin = tmp_path / "bin"
    assert await world.client.recycle_bin() == str(tmp_path / "bin")


async def test_every_qbittorrent_among_the_download_clients_is_named_with_its_address(world: LibraryWorld) -> None:
    world.simulator.clients = [
        ClientRow(1, "Downstairs", fields={"host": "QB.Local", "port": 8081, "urlBase": "/qb/"}),
        ClientRow(2, "sab", "Sabnzbd", "usenet", fields={"host": "sab"}),
        ClientRow(3, "Upstairs", fields={"host": "localhost"}),
    ]
    assert await world.client.torrent_clients() == (
        DownloadClient("Downstairs", "qb.local", 8081, "qb"),
        DownloadClient("Upstairs", "localhost", 8080),
    )


@pytest.mark.parametrize("slash", ["", "/"])
async def test_a_folder_is_listed_by_names(world: LibraryWorld, slash: str) -> None:
    (world.root / "A Folder").mkdir()
    (world.root / "a file.nfo").write_bytes(b"x")
    listed = await world.client.list_folder(f"{world.root}{slash}")
    assert listed == FolderListing(frozenset({"A Folder"}), frozenset({"a file.nfo"}))


async def test_a_missing_folder_lists_as_empty(world: LibraryWorld) -> None:
    assert (await world.client.list_folder(f"{world.root}/nothing/here")).is_empty


async def test_a_search_is_started_once(world: LibraryWorld) -> None:
    entry_id = world.add(1, "One")
    await world.client.search(entry_id)
    await world.simulator.settled()
    (command,) = world.simulator.commands.values()
    assert command.name == ("MoviesSearch" if world.is_radarr else "SeriesSearch")
    assert command.status == "completed"
    assert world.simulator.searched(command) == [(entry_id, None)]


async def test_an_unreachable_root_folder_is_an_obstacle(world: LibraryWorld) -> None:
    assert await world.client.obstacle() == ""
    world.simulator.roots[0].accessible = False
    assert str(world.root) in await world.client.obstacle()
