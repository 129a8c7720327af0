"""How the simulated Radarr grabs, follows and imports downloads (upstreams.md 3.5, 3.6, 5.6, 9.4)."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from reconciler.model import Media, MediaKind, TorrentId
from reconciler.simulators.arr_releases import Download, DownloadClient, Release
from reconciler.simulators.radarr import RadarrSimulator
from reconciler.simulators.torrentfile import TorrentKind, make_torrent
from tests.support.arr import Downloads, RadarrWorld, downloading, radarr_world, receiving, until

MOVIE = Media(MediaKind.MOVIE, tmdb_id=603)


@dataclass
class Fetching(RadarrWorld):
    downloads: Downloads

    def release(self, name: str, content: bytes = b"a movie", quality: str = "WEBDL-1080p") -> Release:
        return self.downloads.release(name, MOVIE, {f"{name}/{name}.mkv": content}, quality=quality)

    async def torrents(self) -> set[str]:
        """Return the ids of the torrents in Radarr's category."""
        shown = await self.downloads.client("radarr").downloads()
        assert shown is not None
        return set(shown)


@pytest.fixture
async def fetching(tmp_path: Path) -> AsyncIterator[Fetching]:
    async with downloading(tmp_path / "downloads") as downloads:
        options = {"poll_seconds": 0.02, "download_client": downloads.client("radarr")}
        async with radarr_world(tmp_path, **options) as found:
            yield Fetching(found.simulator, found.api, found.url, found.root, downloads)


async def test_a_grab_downloads_and_is_imported_as_a_hard_link(fetching: Fetching) -> None:
    movie_id = fetching.simulator.add_movie(603, "Night Train", 2020)
    release = fetching.release("Night.Train.2020")
    async with receiving() as receiver:
        fetching.simulator.connect(receiver.url)
        assert await fetching.simulator.grab(movie_id, release)
        await until(lambda: len(receiver.of("Download")) == 1)
    movie = await fetching.get(f"/movie/{movie_id}")
    path = Path(movie["movieFile"]["path"])
    assert path.read_bytes() == b"a movie"
    assert path.samefile(fetching.downloads.folder / "Night.Train.2020/Night.Train.2020.mkv")
    upper = release.info_hash.upper()
    assert (receiver.of("Grab")[0]["downloadId"], receiver.of("Download")[0]["downloadId"]) == (upper, upper)
    assert receiver.of("Download")[0]["isUpgrade"] is False
    imported, grabbed = await fetching.get("/history/movie", movieId=movie_id)
    assert (grabbed["eventType"], grabbed["downloadId"]) == ("grabbed", upper)
    assert (grabbed["data"]["protocol"], grabbed["data"]["releaseSource"]) == ("2", "Search")
    assert (imported["eventType"], imported["downloadId"]) == ("downloadFolderImported", upper)
    assert await fetching.get("/queue/details") == []
    assert await fetching.torrents() == {release.meta.torrent_id}


async def test_a_hybrid_torrent_has_one_hash_in_the_grab_and_another_in_the_queue(fetching: Fetching) -> None:
    movie_id = fetching.simulator.add_movie(603, "Night Train", 2020)
    path = fetching.downloads.folder / "Hybrid.mkv"
    path.write_bytes(b"a hybrid")
    made = make_torrent(path, kind=TorrentKind.HYBRID)
    path.unlink()
    await fetching.simulator.grab(movie_id, Release("Hybrid", MOVIE, made.data))
    (row,) = await fetching.get("/history/movie", movieId=movie_id)
    (item,) = await fetching.get("/queue/details")
    assert made.meta.infohash_v1 is not None
    assert row["downloadId"] == made.meta.infohash_v1.upper()
    assert item["downloadId"] == made.meta.torrent_id.upper()
    assert row["downloadId"] != item["downloadId"]


async def test_an_upgrade_replaces_the_file_and_keeps_the_older_torrent(fetching: Fetching) -> None:
    movie_id = fetching.simulator.add_movie(603, "Night Train", 2020)
    first, second = fetching.release("First", b"first"), fetching.release("Second", b"second", "Bluray-1080p")
    await fetching.simulator.grab(movie_id, first)
    await until(lambda: len(fetching.simulator.files) == 1)
    await fetching.simulator.grab(movie_id, second)
    await until(lambda: any(p.get("isUpgrade") for p in fetching.simulator.connections.sent))
    payload = fetching.simulator.connections.sent[-1]
    assert [file["relativePath"] for file in payload["deletedFiles"]] == ["First.mkv"]
    folder = fetching.simulator.titles[movie_id].path
    assert [path.name for path in folder.iterdir()] == ["Second.mkv"]
    assert await fetching.torrents() == {first.meta.torrent_id, second.meta.torrent_id}
    grabs = [row for row in await fetching.get("/history/movie", movieId=movie_id) if row["eventType"] == "grabbed"]
    assert len(grabs) == 2


async def test_a_refused_duplicate_is_a_failed_grab_without_history(fetching: Fetching) -> None:
    movie_id = fetching.simulator.add_movie(603, "Night Train", 2020)
    release = fetching.release("Night.Train.2020")
    assert await fetching.simulator.grab(movie_id, release)
    await until(lambda: len(fetching.simulator.files) == 1)
    rows = len(fetching.simulator.history)
    assert not await fetching.simulator.grab(movie_id, release)
    assert len(fetching.simulator.history) == rows


async def test_a_grab_while_the_download_client_is_out_fails(tmp_path: Path) -> None:
    async with downloading(tmp_path / "downloads") as downloads:
        client = downloads.client("radarr")
        release = downloads.release("A", MOVIE, {"A/A.mkv": b"a"})
    simulator = RadarrSimulator(tmp_path, download_client=client)
    movie_id = simulator.add_movie(603, "Night Train", 2020)
    assert not await simulator.grab(movie_id, release)
    await simulator.refresh_downloads()
    assert simulator.history == []


async def test_a_download_client_that_is_added_during_a_look_does_not_disturb_it(tmp_path: Path) -> None:
    async with downloading(tmp_path / "down") as downstairs, downloading(tmp_path / "up") as upstairs:
        first, second = downstairs.client("radarr"), upstairs.client("radarr", "Upstairs")
        simulator = RadarrSimulator(tmp_path, download_client=first)
        list_downloads = first.downloads

        async def downloads_while_another_is_added() -> dict[TorrentId, Download] | None:
            simulator.add_download_client(second)
            return await list_downloads()

        first.downloads = downloads_while_another_is_added  # type: ignore[method-assign]  # only in this test
        await simulator.refresh_downloads()
        assert set(simulator.download_clients) == {first.name, second.name}


async def test_a_torrent_that_is_gone_leaves_the_queue_at_the_next_look(fetching: Fetching) -> None:
    movie_id = fetching.simulator.add_movie(603, "Night Train", 2020)
    release = fetching.release("Night.Train.2020")
    for path in (fetching.downloads.folder / "Night.Train.2020").iterdir():
        path.unlink()
    await fetching.simulator.grab(movie_id, release)
    (item,) = await fetching.get("/queue/details", movieId=movie_id)
    assert (item["downloadId"], item["protocol"]) == (release.meta.torrent_id.upper(), "torrent")
    await fetching.simulator.refresh_downloads()  # only what was shown once can be gone
    await fetching.simulator.refresh_downloads()  # only what was listed once can be seen to be gone
    await fetching.downloads.client("radarr").remove(release.meta.torrent_id)
    command = (await fetching.api.post("/command", json={"name": "RefreshMonitoredDownloads"})).json()
    assert command["status"] == "queued"
    await fetching.simulator.settled()
    assert (await fetching.get(f"/command/{command['id']}"))["status"] == "completed"
    assert await fetching.get("/queue/details") == []


async def test_ending_a_download_deletes_its_data_and_may_blocklist(fetching: Fetching) -> None:
    movie_id = fetching.simulator.add_movie(603, "Night Train", 2020)
    bad, good = fetching.release("Bad", b"bad"), fetching.release("Good", b"good")
    (fetching.downloads.folder / "Bad/Bad.mkv").unlink()
    fetching.simulator.indexer.add(bad, good)
    await fetching.simulator.grab(movie_id, bad)
    (item,) = await fetching.get("/queue/details")
    await fetching.api.delete(f"/queue/{item['id']}", params={"blocklist": "true"})
    await until(lambda: len(fetching.simulator.files) == 1)
    assert await fetching.torrents() == {good.meta.torrent_id}
    assert [row.info_hash for row in fetching.simulator.blocklist] == [bad.info_hash]


async def test_a_search_grabs_the_first_release_of_that_movie(fetching: Fetching) -> None:
    movie_id = fetching.simulator.add_movie(603, "Night Train", 2020)
    stranger = Media(MediaKind.MOVIE, tmdb_id=1)
    other = fetching.downloads.release("Other", stranger, {"Other/Other.mkv": b"other"})
    first, second = fetching.release("First", b"first"), fetching.release("Second", b"second")
    fetching.simulator.indexer.add(other, first, second)
    await fetching.api.post("/command", json={"name": "MoviesSearch", "movieIds": [movie_id]})
    await until(lambda: len(fetching.simulator.files) == 1)
    grabs = [row for row in fetching.simulator.history if row.event == "grabbed"]
    assert [row.source_title for row in grabs] == ["First"]
    assert grabs[0].data["releaseSource"] == "UserInvokedSearch"


async def test_adding_with_a_search_tells_and_downloads(fetching: Fetching) -> None:
    fetching.simulator.indexer.add(fetching.release("First"))
    body = {
        "title": "Night Train",
        "tmdbId": 603,
        "qualityProfileId": 1,
        "rootFolderPath": str(fetching.root),
        "monitored": True,
        "addOptions": {"searchForMovie": True},
    }
    await fetching.api.post("/movie", json=body)
    await until(lambda: len(fetching.simulator.files) == 1)
    added, grab = fetching.simulator.connections.sent[:2]
    assert (added["eventType"], added["addMethod"]) == ("MovieAdded", "manual")
    assert grab["eventType"] == "Grab"


async def test_webhooks_have_the_shape_of_captured_ones(fetching: Fetching) -> None:
    movie_id = fetching.simulator.add_movie(603, "Night Train", 2020, tags=["anime"])
    await fetching.simulator.grab(movie_id, fetching.release("Night.Train.2020"))
    await until(lambda: len(fetching.simulator.connections.sent) == 2)
    grab, download = fetching.simulator.connections.sent
    common = {"eventType", "instanceName", "movie", "remoteMovie", "downloadClient", "downloadClientType", "downloadId"}
    assert common | {"release", "customFormatInfo", "applicationUrl"} <= grab.keys()
    assert common | {"movieFile"} <= download.keys()
    movie = {
        "id",
        "title",
        "year",
        "releaseDate",
        "folderPath",
        "tmdbId",
        "imdbId",
        "genres",
        "tags",
        "originalLanguage",
    }
    assert movie | {"overview", "images"} <= grab["movie"].keys()
    assert movie <= download["movie"].keys()
    assert {"tmdbId", "imdbId", "title", "year"} <= grab["remoteMovie"].keys()
    release = {"quality", "qualityVersion", "releaseGroup", "releaseTitle", "indexer", "size", "customFormatScore"}
    assert release | {"customFormats", "languages", "indexerFlags"} <= grab["release"].keys()
    file = {"id", "relativePath", "path", "quality", "qualityVersion", "releaseGroup", "size", "dateAdded", "languages"}
    assert file | {"mediaInfo"} <= download["movieFile"].keys()
    assert grab["movie"]["tags"] == ["anime"]


# --- several download clients ------------------------------------------------------------------------------------


async def test_a_grab_goes_to_the_qbittorrent_that_is_named_and_is_followed_there(
    fetching: Fetching, tmp_path: Path
) -> None:
    async with downloading(tmp_path / "upstairs") as upstairs:
        fetching.simulator.add_download_client(upstairs.client("radarr", "Upstairs"))
        movie_id = fetching.simulator.add_movie(603, "Night Train", 2020)
        release = upstairs.release("Night.Train", MOVIE, {"Night.Train/Night.Train.mkv": b"a movie"})
        assert await fetching.simulator.grab(movie_id, release, client="Upstairs")
        await until(lambda: len(fetching.simulator.files) == 1)
        shown = await upstairs.client("radarr").downloads()
    assert shown is not None
    assert set(shown) == {release.meta.torrent_id}
    assert await fetching.torrents() == set()
    rows = await fetching.get("/history/movie", movieId=movie_id)
    assert {(row["data"]["downloadClient"], row["data"]["downloadClientName"]) for row in rows} == {
        ("qBittorrent", "Upstairs")
    }
    assert {payload["downloadClient"] for payload in fetching.simulator.connections.sent} == {"Upstairs"}


async def test_the_settings_name_each_qbittorrent_with_its_address_and_category(fetching: Fetching) -> None:
    other = DownloadClient("https://qb.example:8443/qb", "a", "b", category="4k", save_path=Path(), name="Upstairs")
    fetching.simulator.add_download_client(other)
    shown = {
        row["name"]: {field["name"]: field["value"] for field in row["fields"]}
        for row in await fetching.get("/downloadclient")
    }
    assert shown["Upstairs"] == {
        "host": "qb.example",
        "port": 8443,
        "useSsl": True,
        "urlBase": "/qb",
        "movieCategory": "4k",
    }
    first = shown["qBittorrent"]
    assert f"http://{first['host']}:{first['port']}" == fetching.downloads.url
    assert first["movieCategory"] == "radarr"


async def test_downloads_of_one_qbittorrent_stay_in_the_queue_while_it_is_out(
    fetching: Fetching, tmp_path: Path
) -> None:
    movie_id = fetching.simulator.add_movie(603, "Night Train", 2020)
    async with downloading(tmp_path / "upstairs") as upstairs:
        fetching.simulator.add_download_client(upstairs.client("radarr", "Upstairs"))
        release = upstairs.release("Night.Train", MOVIE, {"Night.Train/Night.Train.mkv": b"a movie"})
        (upstairs.folder / "Night.Train/Night.Train.mkv").unlink()
        await fetching.simulator.grab(movie_id, release, client="Upstairs")
        await fetching.simulator.refresh_downloads()
    await fetching.simulator.refresh_downloads()
    (item,) = await fetching.get("/queue/details")
    assert (item["downloadId"], item["downloadClient"]) == (release.meta.torrent_id.upper(), "Upstairs")


# --- failed downloads --------------------------------------------------------------------------------------------


async def failed(fetching: Fetching, *, monitored: bool) -> tuple[int, Release, Release]:
    """Grab and import a release, offer another, and mark the grab as failed."""
    movie_id = fetching.simulator.add_movie(603, "Night Train", 2020, monitored=monitored)
    bad, good = fetching.release("Bad", b"bad"), fetching.release("Good", b"good")
    fetching.simulator.indexer.add(bad, good)
    await fetching.simulator.grab(movie_id, bad)
    await until(lambda: len(fetching.simulator.files) == 1)
    file = fetching.simulator.files_of(movie_id)[0]
    await fetching.api.delete(f"/moviefile/{file.id}")
    grab = next(row for row in fetching.simulator.history if row.event == "grabbed")
    answer = await fetching.api.post(f"/history/failed/{grab.id}")
    assert (answer.status_code, answer.json()) == (200, {})
    await fetching.simulator.settled()
    return movie_id, bad, good


async def test_failing_a_grab_blocklists_it_and_writes_history_but_leaves_the_torrent(fetching: Fetching) -> None:
    movie_id, bad, _ = await failed(fetching, monitored=False)
    (blocked,) = (await fetching.get("/blocklist", movieIds=movie_id))["records"]
    assert (blocked["movieId"], blocked["sourceTitle"], blocked["protocol"]) == (movie_id, "Bad", "torrent")
    (row,) = await fetching.get("/history/movie", movieId=movie_id, eventType="downloadFailed")
    assert row["downloadId"] == bad.info_hash.upper()
    assert row["data"]["message"] == "Manually marked as failed"
    assert await fetching.torrents() == {bad.meta.torrent_id}


async def test_a_failed_grab_is_searched_for_anew_only_if_the_movie_is_monitored(fetching: Fetching) -> None:
    await failed(fetching, monitored=False)
    assert [row.source_title for row in fetching.simulator.history if row.event == "grabbed"] == ["Bad"]


async def test_a_failed_grab_of_a_monitored_movie_is_replaced_by_another_release(fetching: Fetching) -> None:
    await failed(fetching, monitored=True)
    assert [row.source_title for row in fetching.simulator.history if row.event == "grabbed"] == ["Bad", "Good"]


async def test_without_redownload_a_failed_grab_starts_no_search(fetching: Fetching) -> None:
    fetching.simulator.redownload_failed = False
    await failed(fetching, monitored=True)
    assert [row.source_title for row in fetching.simulator.history if row.event == "grabbed"] == ["Bad"]


async def test_a_blocklisted_release_is_skipped_by_feeds_and_searches_of_that_movie_only(fetching: Fetching) -> None:
    movie_id, bad, good = await failed(fetching, monitored=False)
    fetching.simulator.indexer.releases.remove(good)
    fetching.simulator.titles[movie_id].monitored = True
    for command in ({"name": "RssSync"}, {"name": "MoviesSearch", "movieIds": [movie_id]}):
        assert (await fetching.api.post("/command", json=command)).status_code == 201
        await fetching.simulator.settled()
    assert [row.source_title for row in fetching.simulator.history if row.event == "grabbed"] == ["Bad"]
    assert not fetching.simulator.is_blocked(movie_id + 1, bad)


async def test_a_feed_grabs_for_monitored_movies_only(fetching: Fetching) -> None:
    for name, monitored in (("Night Train", True), ("Day Train", False)):
        number = 603 if monitored else 604
        fetching.simulator.add_movie(number, name, 2020, monitored=monitored)
        media = Media(MediaKind.MOVIE, tmdb_id=number)
        fetching.simulator.indexer.add(fetching.downloads.release(name, media, {f"{name}/{name}.mkv": name.encode()}))
    await fetching.api.post("/command", json={"name": "RssSync"})
    await fetching.simulator.settled()
    grabs = [row for row in fetching.simulator.history if row.event == "grabbed"]
    assert [(row.source_title, row.data["releaseSource"]) for row in grabs] == [("Night Train", "Rss")]


async def test_the_blocklist_of_a_movie_goes_after_it_in_the_background(fetching: Fetching) -> None:
    movie_id, _, _ = await failed(fetching, monitored=False)
    fetching.simulator.file_removal_delay = 0.3
    await fetching.api.delete(f"/movie/{movie_id}")
    assert (await fetching.get("/blocklist"))["totalRecords"] == 1
    await fetching.simulator.settled()
    assert (await fetching.get("/blocklist"))["totalRecords"] == 0


async def test_a_row_without_a_hash_blocklists_by_its_title(fetching: Fetching) -> None:
    movie_id = fetching.simulator.add_movie(603, "Night Train", 2020)
    row = fetching.simulator.add_history_row(movie_id, "downloadFolderImported", source_title="Bad")
    await fetching.api.post(f"/history/failed/{row}")
    assert fetching.simulator.is_blocked(movie_id, fetching.release("Bad"))
    assert not fetching.simulator.is_blocked(movie_id, fetching.release("Good"))


async def test_failing_an_unknown_history_row_is_404(fetching: Fetching) -> None:
    assert (await fetching.api.post("/history/failed/99")).status_code == 404


# --- imports -----------------------------------------------------------------------------------------------------


async def test_an_import_notes_the_size_of_its_file(fetching: Fetching) -> None:
    movie_id = fetching.simulator.add_movie(603, "Night Train", 2020)
    await fetching.simulator.grab(movie_id, fetching.release("Night.Train.2020", b"1234567"))
    await until(lambda: len(fetching.simulator.files) == 1)
    (row,) = await fetching.get("/history/movie", movieId=movie_id, eventType="downloadFolderImported")
    assert row["data"]["size"] == "7"


async def test_an_import_by_hand_leads_to_no_download(fetching: Fetching, tmp_path: Path) -> None:
    movie_id = fetching.simulator.add_movie(603, "Night Train", 2020)
    path = tmp_path / "from-a-disc.mkv"
    path.write_bytes(b"12345")
    await fetching.simulator.import_by_hand(movie_id, [path])
    (row,) = await fetching.get("/history/movie", movieId=movie_id)
    assert (row["eventType"], row["data"]["size"]) == ("downloadFolderImported", "5")
    assert "downloadId" not in row
    assert not {"downloadClient", "downloadClientName"} & row["data"].keys()
    (told,) = fetching.simulator.connections.sent
    assert told["eventType"] == "Download"
    assert not {"downloadId", "downloadClient", "downloadClientType", "release"} & told.keys()
    assert path.exists()


async def test_a_leftover_torrent_in_the_category_is_imported_without_any_grab_if_told_to(fetching: Fetching) -> None:
    fetching.simulator.imports_leftovers = True
    release, stranger = fetching.release("Night.Train.2020"), fetching.release("Day.Train.2020", b"another movie")
    for torrent in (release.torrent, stranger.torrent):
        assert await fetching.downloads.client("radarr").add(torrent)
    await fetching.simulator.refresh_downloads()
    movie_id = fetching.simulator.add_movie(603, "Night Train", 2020)
    await until(lambda: len(fetching.simulator.files) == 1)
    await fetching.simulator.refresh_downloads()
    (row,) = await fetching.get("/history/movie", movieId=movie_id)
    assert (row["eventType"], row["downloadId"]) == ("downloadFolderImported", release.meta.torrent_id.upper())


async def test_a_leftover_torrent_is_left_alone_unless_told_otherwise(fetching: Fetching) -> None:
    fetching.simulator.add_movie(603, "Night Train", 2020)
    assert await fetching.downloads.client("radarr").add(fetching.release("Night.Train.2020").torrent)
    await fetching.simulator.refresh_downloads()
    await fetching.simulator.refresh_downloads()
    assert fetching.simulator.files == {}
