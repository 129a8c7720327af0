"""The world as it is once upstreams did as they were told."""

from dataclasses import replace
from typing import Any

import pytest

from reconciler.model import Monitoring
from reconciler.observed import AppInfo, Library, MediaItem, MediaServer, MediaStatus, Record, RequestBoard, Seen
from reconciler.plan.actions import (
    Announce,
    DeleteEntry,
    DeleteFiles,
    DeleteRecord,
    DeleteRequest,
    EndDownloads,
    RemoveTorrent,
    ResetVariant,
    RestoreMonitoring,
    Search,
    Unmonitor,
    UnmonitorSeasons,
)
from reconciler.plan.world import World
from reconciler.plan.worlds_after import after
from tests.support.clocks import START
from tests.support.worlds import (
    HEAT,
    LOST,
    QBITTORRENT,
    RADARR,
    SEERR,
    SONARR,
    UNREACHABLE,
    board_of,
    deletion_id,
    entry,
    episode,
    library,
    listing,
    queue_item,
    record,
    request,
    torrent,
    torrent_id,
    world,
)

ME = deletion_id()
FOLDER = {"/data/movies/": listing("Title 7")}
DELETE = DeleteEntry(ME, RADARR, 1, 7, HEAT, "", "/data/movies/Title 7", delete_files=True, add_exclusion=False)
REMOVE = RemoveTorrent(ME, QBITTORRENT, 1, torrent_id(1), (), "Release.1", 1000, delete_files=True)


def home(**more: Any) -> World:
    movies = library(entry(7), entry(8), queue=[queue_item(1, 7, "x"), queue_item(2, 8, "y")], listings=FOLDER)
    series = entry(5, LOST, seasons={1: True, 2: True}, file_count=2)
    sonarr = library(series, entry_files={5: (episode(1, 1), episode(1, 2))}, app="Sonarr")
    return world(torrents=[torrent(1), torrent(2)], radarr=movies, sonarr=sonarr, **more)


def radarr(seen: World) -> Library:
    observed = seen.libraries[RADARR]
    assert isinstance(observed, Seen)
    return observed.data


def sonarr(seen: World) -> Library:
    observed = seen.libraries[SONARR]
    assert isinstance(observed, Seen)
    return observed.data


def board(seen: World) -> RequestBoard:
    assert isinstance(seen.board, Seen)
    return seen.board.data


def test_a_removed_torrent_is_gone_and_no_other() -> None:
    seen = after(home(), [REMOVE])
    assert isinstance(seen.torrents, Seen)
    assert [key.id for key in seen.torrents.data.by_key] == [torrent_id(2)]


def test_a_deleted_title_takes_its_queue_along() -> None:
    left = radarr(after(home(), [DELETE]))
    assert set(left.entries) == {8}
    assert [i.id for i in left.queue] == [2]


@pytest.mark.parametrize("action", [REMOVE, DELETE], ids=["torrent", "title"])
def test_what_a_folder_was_seen_to_hold_is_forgotten_once_data_goes(action: RemoveTorrent | DeleteEntry) -> None:
    assert radarr(home()).listings == FOLDER
    assert radarr(after(home(), [action])).listings == {}
    assert radarr(after(home(), [replace(action, delete_files=False)])).listings == FOLDER


def test_ended_downloads_leave_the_queue() -> None:
    assert [i.id for i in radarr(after(home(), [EndDownloads(ME, RADARR, 1, (1,), ("x",))])).queue] == [2]


def test_monitoring_is_taken_and_given_back() -> None:
    stopped = after(home(), [Unmonitor(ME, RADARR, 1, 7)])
    assert radarr(stopped).entries[7].monitoring == Monitoring(False)
    assert radarr(stopped).entries[8].monitoring == Monitoring(True)
    restore = RestoreMonitoring(ME, RADARR, 1, 7, HEAT, "", Monitoring(True))
    assert radarr(after(stopped, [restore])).entries[7].monitoring == Monitoring(True)


def test_monitoring_of_seasons_is_taken_and_given_back() -> None:
    stopped = after(home(), [UnmonitorSeasons(ME, SONARR, 1, 5, (1,))])
    assert sonarr(stopped).entries[5].monitoring == Monitoring(True, ((1, False), (2, True)))
    restore = RestoreMonitoring(ME, SONARR, 1, 5, LOST, "", Monitoring(False, ((1, True),)))
    assert sonarr(after(stopped, [restore])).entries[5].monitoring == Monitoring(True, ((1, True), (2, True)))


def test_deleted_files_are_gone_and_counted() -> None:
    left = sonarr(after(home(), [DeleteFiles(ME, SONARR, 1, 5, LOST, "", (101,), ("",))]))
    assert left.entry_files[5] == (episode(1, 2),)
    assert left.entries[5].file_count == 1
    movies = radarr(after(home(), [DeleteFiles(ME, RADARR, 1, 7, HEAT, "", (1007,), ("",))]))
    assert movies.entries[7].files == ()
    assert movies.entries[7].file_count == 0


def test_a_deleted_record_takes_its_requests_along() -> None:
    rows = board_of(record(4), record(9, LOST), request(5, 4), request(6, 9, LOST))
    left = board(after(home(board=rows), [DeleteRecord(ME, SEERR, 1, 4, HEAT, "", frozenset())]))
    assert (set(left.records), set(left.requests)) == ({9}, {6})


@pytest.mark.parametrize(
    ("row", "status", "status_4k"),
    [
        (record(4), MediaStatus.AVAILABLE, MediaStatus.UNKNOWN),
        (record(4, status=MediaStatus.PROCESSING), MediaStatus.UNKNOWN, MediaStatus.UNKNOWN),
        (
            record(4, status=MediaStatus.PROCESSING, status_4k=MediaStatus.PROCESSING),
            MediaStatus.UNKNOWN,
            MediaStatus.PROCESSING,
        ),
    ],
)
def test_a_record_forgets_the_variant_whose_last_request_went_unless_a_copy_is_there(
    row: Record, status: MediaStatus, status_4k: MediaStatus
) -> None:
    seen = home(board=board_of(row, request(5, 4), request(6, 4, is_4k=True)))
    left = board(after(seen, [DeleteRequest(ME, SEERR, 1, 5, "")])).records[4]
    assert (left.status, left.status_4k) == (status, status_4k)
    more = home(board=board_of(row, request(5, 4), request(7, 4)))
    assert board(after(more, [DeleteRequest(ME, SEERR, 1, 5, "")])).records[4] == row


def test_a_variant_is_reset_alone() -> None:
    seen = home(board=board_of(record(4, status_4k=MediaStatus.AVAILABLE)))
    for is_4k, expected in ((True, MediaStatus.AVAILABLE), (False, MediaStatus.UNKNOWN)):
        row = board(after(seen, [ResetVariant(ME, SEERR, 1, 4, HEAT, "", is_4k=is_4k)])).records[4]
        assert row.status is expected


def test_the_media_server_drops_what_lay_at_the_told_paths() -> None:
    items = (MediaItem("a", HEAT, "Heat", "/data/movies/Heat/heat.mkv"), MediaItem("b", HEAT, "Heat", "/uhd/Heat"))
    jellyfin = Seen(MediaServer(AppInfo("Jellyfin Server", "10.11"), items), START)
    seen = replace(home(), media_server=jellyfin)
    left = after(seen, [Announce(ME, SEERR, 1, (1,), ("/data/movies/Heat",))]).media_server
    assert isinstance(left, Seen)
    assert [i.id for i in left.data.items] == ["b"]


def test_what_was_not_seen_stays_unseen_and_a_search_changes_nothing() -> None:
    hidden = world(torrents=UNREACHABLE, radarr=UNREACHABLE, board=UNREACHABLE)
    assert after(hidden, [REMOVE, DELETE, DeleteRequest(ME, SEERR, 1, 5, "")]) == hidden
    assert after(home(), [Search(ME, RADARR, 1, 7)]) == home()
