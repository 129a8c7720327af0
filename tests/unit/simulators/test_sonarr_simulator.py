"""The simulated Sonarr behaves as upstreams.md 3, 4 and 8 say where it differs from Radarr."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from reconciler.model import Media, MediaKind
from reconciler.simulators.arr_releases import Release, pack_layout
from reconciler.simulators.arr_state import Followed, Part
from reconciler.simulators.server import serve
from reconciler.simulators.sonarr import SonarrSimulator
from tests.support.arr import KEY, Downloads, api, downloading, receiving, until

SERIES = Media(MediaKind.SERIES, tvdb_id=2000)


@dataclass
class World:
    simulator: SonarrSimulator
    api: httpx.AsyncClient
    root: Path

    async def get(self, path: str, /, **params: Any) -> Any:
        answer = await self.api.get(path, params=params)
        assert answer.status_code == 200
        return answer.json()

    def add(self, **options: Any) -> int:
        return self.simulator.add_series(2000, "Night Shift", 2020, seasons={1: 2, 2: 2}, **options)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    root = tmp_path / "shows"
    root.mkdir()
    simulator = SonarrSimulator(root, api_key=KEY, file_removal_delay=0)
    async with serve(simulator.app) as url, api(url) as client:
        yield World(simulator, client, root)


@dataclass
class Fetching(World):
    downloads: Downloads

    def pack(self, season: int, count: int = 2) -> Release:
        name = f"Night.Shift.S{season:02}"
        files = {f"{name}/{name}E{n:02}.mkv": f"{season}x{n}".encode() for n in range(1, count + 1)}
        episodes = tuple((season, n) for n in range(1, count + 1))
        return self.downloads.release(name, SERIES, files, episodes=episodes)

    def single(self, season: int, number: int, content: bytes = b"single") -> Release:
        name = f"Night.Shift.S{season:02}E{number:02}.PROPER"
        return self.downloads.release(name, SERIES, {f"{name}.mkv": content}, episodes=((season, number),))


@pytest.fixture
async def fetching(tmp_path: Path) -> AsyncIterator[Fetching]:
    root = tmp_path / "shows"
    root.mkdir()
    async with downloading(tmp_path / "downloads") as downloads:
        simulator = SonarrSimulator(
            root, api_key=KEY, file_removal_delay=0, poll_seconds=0.02, download_client=downloads.client("tv-sonarr")
        )
        async with serve(simulator.app) as url, api(url) as client:
            yield Fetching(simulator, client, root, downloads)


# --- titles and deleting -------------------------------------------------------------------------------------------


async def test_the_tvdb_filter_works_and_a_tmdb_filter_answers_everything(world: World) -> None:
    series_id = world.add(tmdb_id=55)
    world.simulator.add_series(3000, "Day Shift", 2021)
    assert [series["id"] for series in await world.get("/series", tvdbId=2000)] == [series_id]
    assert await world.get("/series", tvdbId=1) == []
    assert len(await world.get("/series", tmdbId=55)) == 2


async def test_while_starting_everything_is_503_with_sonarrs_name(world: World) -> None:
    world.simulator.is_starting = True
    answer = await world.api.get("/series")
    assert (answer.status_code, answer.json()["errorMessage"].split()[0]) == (503, "Sonarr")


async def test_deleting_an_unknown_series_is_500_with_the_databases_words(world: World) -> None:
    answer = await world.api.delete("/series/99")
    assert answer.status_code == 500
    assert answer.json()["message"] == "Expected query to return 1 rows but returned 0"
    assert (await world.api.delete("/series/0")).status_code == 400


async def test_an_unknown_series_is_404_when_read(world: World) -> None:
    assert (await world.api.get("/series/99")).status_code == 404
    assert (await world.api.get("/history/series", params={"seriesId": 99})).status_code == 404


async def test_delete_purges_history_and_tells_before_it_answers(world: World) -> None:
    series_id = world.add(tags=["keep"])
    world.simulator.add_history_row(series_id, "grabbed", download_id="A" * 40)
    async with receiving() as receiver:
        world.simulator.connect(receiver.url)
        await world.api.delete(f"/series/{series_id}", params={"deleteFiles": "true"})
        (payload,) = receiver.events
    assert (await world.get("/history"))["totalRecords"] == 0
    assert (payload["eventType"], payload["deletedFiles"]) == ("SeriesDelete", True)
    series = payload["series"]
    assert (series["id"], series["tvdbId"], series["tags"], series["type"]) == (series_id, 2000, ["keep"], "standard")


async def test_files_go_after_the_answer_and_episodes_with_them(world: World) -> None:
    world.simulator.file_removal_delay = 0.3
    series_id = world.add()
    file = world.simulator.add_episode_file(series_id, 1, [1])
    await world.api.delete(f"/series/{series_id}", params={"deleteFiles": "true"})
    assert file.path.exists()
    await world.simulator.settled()
    assert not world.simulator.root.joinpath("Night Shift").exists()
    assert await world.get("/episode", seriesId=series_id) == []


async def test_radarrs_spelling_of_the_exclusion_flag_is_silently_ignored(world: World) -> None:
    first, second = world.add(), world.simulator.add_series(3000, "Day Shift", 2021)
    await world.api.delete(f"/series/{first}", params={"addImportExclusion": "true"})
    await world.api.request("DELETE", "/series/editor", json={"seriesIds": [second], "addImportListExclusion": True})
    await world.simulator.settled()
    assert [row["tvdbId"] for row in await world.get("/importlistexclusion")] == [3000]


async def test_a_nested_folder_stays_but_the_rest_of_the_bulk_goes_on(world: World) -> None:
    outer, plain = world.add(), world.simulator.add_series(3000, "Plain", 2021)
    for id_ in (outer, plain):
        world.simulator.add_episode_file(id_, 1, [1])
    paths = [world.simulator.titles[id_].path for id_ in (outer, plain)]
    world.simulator.add_series(4000, "Inner", 2022, path=paths[0] / "Inner")
    await world.api.request("DELETE", "/series/editor", json={"seriesIds": [outer, plain], "deleteFiles": True})
    await world.simulator.settled()
    assert [path.exists() for path in paths] == [True, False]


async def test_a_series_added_again_gets_a_new_id_and_its_episodes(world: World) -> None:
    world.simulator.catalog[2000] = {1: 3}
    body = {
        "title": "Night Shift",
        "tvdbId": 2000,
        "qualityProfileId": 1,
        "rootFolderPath": str(world.root),
        "monitored": True,
        "seasons": [{"seasonNumber": 0, "monitored": False}, {"seasonNumber": 1, "monitored": True}],
    }
    first = await world.api.post("/series", json=body)
    assert first.status_code == 201
    assert (await world.api.post("/series", json=body)).status_code == 400
    await world.api.delete(f"/series/{first.json()['id']}")
    second = (await world.api.post("/series", json=body)).json()
    assert second["id"] != first.json()["id"]
    assert len(await world.get("/episode", seriesId=second["id"], seasonNumber=1)) == 3
    assert [(s["seasonNumber"], s["monitored"]) for s in second["seasons"]] == [(0, False), (1, True)]
    await world.simulator.settled()
    added = [p for p in world.simulator.connections.sent if p["eventType"] == "SeriesAdd"]
    assert len(added) == 2
    assert "addMethod" not in added[0]


# --- seasons, episodes, files --------------------------------------------------------------------------------------


async def test_a_seasons_flag_goes_to_its_episodes_and_missing_fields_become_defaults(world: World) -> None:
    series_id = world.add()
    series = await world.get(f"/series/{series_id}")
    series["seasons"][1]["monitored"] = False
    series["monitorNewItems"] = "none"
    answer = await world.api.put(f"/series/{series_id}", json=series)
    assert answer.status_code == 202
    episodes = await world.get("/episode", seriesId=series_id)
    assert {(e["seasonNumber"], e["monitored"]) for e in episodes} == {(1, True), (2, False)}
    del series["monitorNewItems"], series["monitored"]
    await world.api.put(f"/series/{series_id}", json=series)
    after = await world.get(f"/series/{series_id}")
    assert (after["monitored"], after["monitorNewItems"]) == (False, "all")


async def test_episodes_and_seasons_are_monitored_by_their_own_calls(world: World) -> None:
    series_id = world.add()
    episode = world.simulator.episode(series_id, 1, 1)
    body = {"episodeIds": [episode.id], "monitored": False}
    assert (await world.api.put("/episode/monitor", json=body)).status_code == 202
    assert (await world.get(f"/episode/{episode.id}"))["monitored"] is False
    change = {"series": [{"id": series_id, "seasons": [{"seasonNumber": 2, "monitored": False}]}]}
    assert (await world.api.post("/seasonpass", json=change)).status_code == 202
    assert world.simulator.titles[series_id].seasons == {1: True, 2: False}


async def test_episode_files_are_counted_per_season_and_need_a_series(world: World) -> None:
    series_id = world.add()
    file = world.simulator.add_episode_file(series_id, 2, [1, 2], b"12345")
    (row,) = await world.get("/episodefile", seriesId=series_id)
    assert (row["id"], row["seasonNumber"], row["size"]) == (file.id, 2, 5)
    series = await world.get(f"/series/{series_id}")
    assert series["statistics"]["episodeFileCount"] == 2
    assert [season["statistics"]["episodeFileCount"] for season in series["seasons"]] == [0, 2]
    assert (await world.api.get("/episodefile")).status_code == 400


async def test_a_bulk_file_delete_is_synchronous_and_keeps_history(world: World) -> None:
    series_id = world.add()
    files = [world.simulator.add_episode_file(series_id, 2, [number]) for number in (1, 2)]
    world.simulator.add_history_row(series_id, "grabbed", download_id="A" * 40)
    answer = await world.api.request("DELETE", "/episodefile/bulk", json={"episodeFileIds": [f.id for f in files]})
    assert (answer.status_code, answer.json()) == (200, {})
    assert [file.path.exists() for file in files] == [False, False]
    assert {p["eventType"] for p in world.simulator.connections.sent} == {"EpisodeFileDelete"}
    assert [e["episodeNumber"] for e in world.simulator.connections.sent[0]["episodes"]] == [1]
    history = await world.get("/history/series", seriesId=series_id)
    assert sorted(row["eventType"] for row in history) == ["episodeFileDeleted", "episodeFileDeleted", "grabbed"]


async def test_bulk_file_deletes_are_refused_when_empty_unknown_or_without_root(world: World) -> None:
    series_id = world.add()
    file = world.simulator.add_episode_file(series_id, 1, [1])

    async def delete(ids: list[int]) -> int:
        return (await world.api.request("DELETE", "/episodefile/bulk", json={"episodeFileIds": ids})).status_code

    assert await delete([]) == 500
    assert await delete([file.id, 99]) == 500
    world.simulator.roots[0].accessible = False
    assert await delete([file.id]) == 409
    assert file.path.exists()


async def test_a_file_that_cannot_be_deleted_is_500_midway(world: World) -> None:
    series_id = world.add()
    files = [world.simulator.add_episode_file(series_id, 1, [number]) for number in (1, 2)]
    world.simulator.stuck_files.add(files[1].id)
    ids = [file.id for file in files]
    answer = await world.api.request("DELETE", "/episodefile/bulk", json={"episodeFileIds": ids})
    assert answer.status_code == 500
    assert [file.path.exists() for file in files] == [False, True]
    assert [row["id"] for row in await world.get("/episodefile", seriesId=series_id)] == [files[1].id]
    assert len(world.simulator.connections.sent) == 1


async def test_a_bulk_file_delete_looks_for_every_file_in_the_folder_of_the_first_ones_series(world: World) -> None:
    mine, other = world.add(), world.simulator.add_series(3000, "Day Shift", 2021)
    first = world.simulator.add_episode_file(mine, 1, [1])
    foreign = world.simulator.add_episode_file(other, 1, [1])
    body = {"episodeFileIds": [first.id, foreign.id]}
    assert (await world.api.request("DELETE", "/episodefile/bulk", json=body)).status_code == 200
    assert [file.path.exists() for file in (first, foreign)] == [False, True]
    assert await world.get("/episodefile", seriesId=other) == []


async def test_a_season_pass_leaves_the_series_and_episodes_of_unchanged_seasons_alone(world: World) -> None:
    series_id = world.add()
    world.simulator.titles[series_id].seasons[1] = False  # its episodes were monitored one by one
    seasons = [{"seasonNumber": number, "monitored": False} for number in (1, 2, 7)]
    answer = await world.api.post("/seasonpass", json={"series": [{"id": series_id, "seasons": seasons}]})
    assert answer.status_code == 202
    series = world.simulator.titles[series_id]
    assert (series.monitored, series.seasons) == (True, {1: False, 2: False})
    assert {(e.season, e.monitored) for e in world.simulator.episodes_of(series_id)} == {(1, True), (2, False)}


async def test_a_season_pass_with_an_unknown_series_is_500_and_changes_nothing(world: World) -> None:
    series_id = world.add()
    seasons = [{"seasonNumber": 1, "monitored": False}]
    answer = await world.api.post(
        "/seasonpass", json={"series": [{"id": i, "seasons": seasons} for i in (series_id, 9)]}
    )
    assert answer.status_code == 500
    assert answer.json()["message"] == "Expected query to return 2 rows but returned 1"
    assert world.simulator.titles[series_id].seasons == {1: True, 2: True}


async def test_specials_have_their_own_folder_and_years_are_seasons_too(world: World) -> None:
    series_id = world.simulator.add_series(2000, "Night Shift", 2020, seasons={0: 1, 2021: 1})
    files = [world.simulator.add_episode_file(series_id, season, [1]) for season in (0, 2021)]
    assert [file.path.parent.name for file in files] == ["Specials", "Season 2021"]
    rows = await world.get("/episodefile", seriesId=series_id)
    assert [row["seasonNumber"] for row in rows] == [0, 2021]
    (special,) = await world.get("/episode", seriesId=series_id, seasonNumber=0)
    world.simulator.add_history_row(series_id, "grabbed", episode_id=special["id"])
    assert len(await world.get("/history/series", seriesId=series_id, seasonNumber=0)) == 1
    assert await world.get("/history/series", seriesId=series_id, seasonNumber=2021) == []
    series = await world.get(f"/series/{series_id}")
    assert [season["statistics"]["episodeFileCount"] for season in series["seasons"]] == [1, 1]


# --- history and queue ---------------------------------------------------------------------------------------------


async def test_history_of_a_season_and_the_event_numbers_of_sonarr(world: World) -> None:
    series_id = world.add()
    first = world.simulator.episode(series_id, 1, 1)
    world.simulator.add_history_row(series_id, "episodeFileDeleted", episode_id=first.id)
    second = world.simulator.episode(series_id, 2, 1)
    world.simulator.add_history_row(series_id, "grabbed", episode_id=second.id, download_id="A" * 40)
    rows = await world.get("/history/series", seriesId=series_id, seasonNumber=2)
    assert [row["episodeId"] for row in rows] == [second.id]
    assert [row["id"] for row in (await world.get("/history", eventType=5))["records"]] == [1]
    (with_episode,) = (await world.get("/history", eventType=1, includeEpisode="true"))["records"]
    assert (with_episode["episode"]["seasonNumber"], with_episode["episode"]["episodeNumber"]) == (2, 1)
    assert "episode" not in rows[0]


async def test_a_pack_has_a_queue_row_per_episode_and_ending_one_ends_all(world: World) -> None:
    series_id = world.add()
    parts = tuple(Part(episode.id, episode.season) for episode in world.simulator.episodes_of(series_id))
    ids = world.simulator.add_queue_item(Followed("A" * 40, series_id, "A.Pack", "qBittorrent", parts=parts))
    assert len(set(ids)) == 4
    (of_episode,) = await world.get("/queue/details", episodeIds=parts[0].episode_id)
    assert (of_episode["id"], of_episode["seasonNumber"], of_episode["downloadId"]) == (ids[0], 1, "A" * 40)
    await world.api.delete(f"/queue/{ids[0]}")
    assert await world.get("/queue/details") == []


async def test_the_queue_carries_episodes_only_on_request(world: World) -> None:
    series_id = world.add()
    episode = world.simulator.episode(series_id, 2, 1)
    parts = (Part(episode.id, episode.season),)
    world.simulator.add_queue_item(Followed("A" * 40, series_id, "A.Release", "qBittorrent", parts=parts))
    (plain,) = await world.get("/queue/details")
    (complete,) = await world.get("/queue/details", includeEpisode="true")
    assert "episode" not in plain
    assert complete == {**plain, "episode": await world.get(f"/episode/{episode.id}")}


# --- downloading ---------------------------------------------------------------------------------------------------


async def test_a_season_pack_leaves_a_history_row_per_episode(fetching: Fetching) -> None:
    series_id = fetching.add()
    pack = fetching.pack(1)
    await fetching.simulator.grab(series_id, pack)
    await until(lambda: len(fetching.simulator.files) == 2)
    rows = await fetching.get("/history/series", seriesId=series_id, eventType="grabbed")
    assert len({row["episodeId"] for row in rows}) == 2
    assert {row["downloadId"] for row in rows} == {pack.info_hash.upper()}
    imports = await fetching.get("/history/series", seriesId=series_id, eventType="downloadFolderImported")
    assert len({row["episodeId"] for row in imports}) == 2
    folder = fetching.simulator.titles[series_id].path / "Season 1"
    assert sorted(path.read_bytes() for path in folder.iterdir()) == [b"1x1", b"1x2"]


async def test_an_import_is_told_per_file_and_on_request_once_for_all(fetching: Fetching) -> None:
    series_id = fetching.add()
    async with receiving() as per_file, receiving() as complete, receiving() as both:
        fetching.simulator.connect(per_file.url)
        fetching.simulator.connect(complete.url, per_file=False, import_complete=True)
        fetching.simulator.connect(both.url, import_complete=True)
        await fetching.simulator.grab(series_id, fetching.pack(1))
        await until(lambda: len(both.of("Download")) == 3)
    assert ["episodeFile" in payload for payload in per_file.of("Download")] == [True, True]
    (whole,) = complete.of("Download")
    assert (whole["fileCount"], len(whole["episodeFiles"]), len(whole["episodes"])) == (2, 2, 2)
    assert "isUpgrade" not in whole
    assert len(per_file.of("Grab")) == len(complete.of("Grab")) == 1


async def test_an_upgrade_of_one_episode_leaves_the_rest_of_the_pack(fetching: Fetching) -> None:
    series_id = fetching.add()
    await fetching.simulator.grab(series_id, fetching.pack(1))
    await until(lambda: len(fetching.simulator.files) == 2)
    await fetching.simulator.grab(series_id, fetching.single(1, 2))
    await until(lambda: any(p.get("isUpgrade") for p in fetching.simulator.connections.sent))
    upgrade = next(p for p in fetching.simulator.connections.sent if p.get("isUpgrade"))
    assert [file["relativePath"] for file in upgrade["deletedFiles"]] == ["Season 1/Night.Shift.S01E02.mkv"]
    names = {path.name for path in (fetching.simulator.titles[series_id].path / "Season 1").iterdir()}
    assert names == {"Night.Shift.S01E01.mkv", "Night.Shift.S01E02.PROPER.mkv"}


async def test_a_search_takes_the_releases_that_bring_monitored_missing_episodes(fetching: Fetching) -> None:
    series_id = fetching.add()
    fetching.simulator.indexer.add(fetching.pack(1), fetching.single(1, 1), fetching.pack(2))
    change = {"series": [{"id": series_id, "seasons": [{"seasonNumber": 2, "monitored": False}]}]}
    await fetching.api.post("/seasonpass", json=change)
    await fetching.api.post("/command", json={"name": "SeriesSearch", "seriesId": series_id})
    await until(lambda: len(fetching.simulator.files) == 2)
    await fetching.simulator.settled()
    grabbed = {row.source_title for row in fetching.simulator.history if row.event == "grabbed"}
    assert grabbed == {"Night.Shift.S01"}


async def test_a_season_search_takes_only_what_brings_that_season(fetching: Fetching) -> None:
    series_id = fetching.add()
    fetching.simulator.indexer.add(fetching.pack(1), fetching.pack(2))
    await fetching.api.post("/command", json={"name": "SeasonSearch", "seriesId": series_id, "seasonNumber": 2})
    await until(lambda: len(fetching.simulator.files) == 2)
    await fetching.simulator.settled()
    grabbed = {row.source_title for row in fetching.simulator.history if row.event == "grabbed"}
    assert grabbed == {"Night.Shift.S02"}


async def test_a_series_whose_seasons_come_from_one_pack_is_downloaded_and_imported(fetching: Fetching) -> None:
    layout = pack_layout("Night.Shift", {0: 1, 1: 2, 2021: 1})
    contents = {f"Night.Shift.Complete/{name}": name.encode() for name in layout}
    pack = fetching.downloads.release("Night.Shift.Complete", SERIES, contents, episodes=tuple(layout.values()))
    series_id = await fetching.simulator.add_series_from_pack("Night Shift", 2020, pack)
    await until(lambda: len(fetching.simulator.files) == 4)
    folder = fetching.simulator.titles[series_id].path
    assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.mkv")) == [
        "Season 1/Night.Shift.S01E01.mkv",
        "Season 1/Night.Shift.S01E02.mkv",
        "Season 2021/Night.Shift.S2021E01.mkv",
        "Specials/Night.Shift.S00E01.mkv",
    ]
    rows = await fetching.get("/history/series", seriesId=series_id)
    assert {row["downloadId"] for row in rows} == {pack.info_hash.upper()}
    assert sorted(fetching.simulator.season_of(row) or 0 for row in fetching.simulator.history) == [
        0,
        0,
        1,
        1,
        1,
        1,
        2021,
        2021,
    ]


async def test_a_leftover_pack_is_imported_for_the_episodes_its_files_name(fetching: Fetching) -> None:
    fetching.simulator.imports_leftovers = True
    series_id = fetching.add()
    pack = fetching.pack(2)
    assert await fetching.downloads.client("tv-sonarr").add(pack.torrent)
    await until(lambda: len(fetching.simulator.files) == 2)
    assert {(row.event, row.download_id) for row in fetching.simulator.history} == {
        ("downloadFolderImported", pack.info_hash.upper())
    }
    assert {file.season for file in fetching.simulator.files_of(series_id)} == {2}


def test_a_pack_of_one_season_has_no_folders_below_its_own() -> None:
    assert pack_layout("A", {2: 2}) == {"A.S02E01.mkv": (2, 1), "A.S02E02.mkv": (2, 2)}
    assert pack_layout("A", {0: 1, 2021: 1}) == {"A.S00/A.S00E01.mkv": (0, 1), "A.S2021/A.S2021E01.mkv": (2021, 1)}


async def test_adding_with_a_search_learns_its_episodes_from_the_indexer(fetching: Fetching) -> None:
    fetching.simulator.indexer.add(fetching.pack(1))
    body = {
        "title": "Night Shift",
        "tvdbId": 2000,
        "qualityProfileId": 1,
        "rootFolderPath": str(fetching.root),
        "monitored": True,
        "addOptions": {"searchForMissingEpisodes": True},
    }
    added = (await fetching.api.post("/series", json=body)).json()
    await until(lambda: len(fetching.simulator.files) == 2)
    assert (await fetching.get(f"/series/{added['id']}"))["statistics"]["episodeFileCount"] == 2


# --- webhooks ------------------------------------------------------------------------------------------------------


async def test_a_test_event_looks_like_a_grab(world: World) -> None:
    await world.simulator.send_test()
    (payload,) = world.simulator.connections.sent
    assert (payload["eventType"], payload["series"]["tvdbId"], payload["episodes"][0]["id"]) == ("Test", 1234, 123)


async def test_the_import_complete_webhook_has_the_shape_of_a_captured_one(fetching: Fetching) -> None:
    series_id = fetching.add()
    await fetching.simulator.grab(series_id, fetching.pack(1))
    await until(lambda: any("episodeFiles" in payload for payload in fetching.simulator.connections.sent))
    payload = next(p for p in fetching.simulator.connections.sent if "episodeFiles" in p)
    top = {"eventType", "instanceName", "series", "episodes", "episodeFiles", "sourcePath", "destinationPath"}
    assert top | {"downloadClient", "downloadId"} <= payload.keys()
    assert {"id", "title", "tvdbId", "type", "path"} <= payload["series"].keys()
    assert {"id", "episodeNumber", "seasonNumber", "title"} <= payload["episodes"][0].keys()
    assert {"relativePath", "path"} <= payload["episodeFiles"][0].keys()
    assert payload["downloadId"] == fetching.pack(1).info_hash.upper()
