"""The simulated Radarr behaves as upstreams.md 3, 4, 8 and 9.4 say of the real one."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from reconciler.simulators.arr_state import Followed
from reconciler.simulators.loopback import loopback_client
from reconciler.simulators.radarr import RadarrSimulator
from reconciler.simulators.server import serve
from tests.support.arr import KEY, RadarrWorld, api, radarr_world, receiving


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[RadarrWorld]:
    async with radarr_world(tmp_path) as found:
        yield found


# --- conventions and errors ----------------------------------------------------------------------------------------


async def test_a_missing_or_wrong_key_is_401_with_an_empty_body(world: RadarrWorld) -> None:
    async with loopback_client() as stranger:
        for headers in ({}, {"X-Api-Key": "wrong"}):
            answer = await stranger.get(f"{world.url}/api/v3/movie", headers=headers)
            assert (answer.status_code, answer.content) == (401, b"")


async def test_the_key_is_taken_from_header_query_or_bearer(world: RadarrWorld) -> None:
    async with loopback_client() as stranger:
        url = f"{world.url}/api/v3/tag"
        answers = [
            await stranger.get(url, headers={"X-Api-Key": KEY}),
            await stranger.get(url, params={"apikey": KEY}),
            await stranger.get(url, headers={"Authorization": f"Bearer {KEY}"}),
        ]
    assert [answer.status_code for answer in answers] == [200, 200, 200]


async def test_ping_needs_no_key(world: RadarrWorld) -> None:
    async with loopback_client() as stranger:
        assert (await stranger.get(f"{world.url}/ping")).json() == {"status": "OK"}


async def test_while_starting_everything_is_503_with_an_error_message(world: RadarrWorld) -> None:
    world.simulator.is_starting = True
    answer = await world.api.get("/movie")
    assert answer.status_code == 503
    assert answer.json() == {"errorMessage": "Radarr is starting up, please try again later"}


async def test_a_call_without_the_url_base_is_redirected_with_its_method(tmp_path: Path) -> None:
    simulator = RadarrSimulator(tmp_path, api_key=KEY, url_base="/radarr")
    async with serve(simulator.app) as url, api(url) as client:
        answer = await client.get("/movie", params={"tmdbId": 1})
        assert answer.status_code == 307
        assert answer.headers["location"].endswith("/radarr/api/v3/movie?tmdbId=1")
        assert (await client.get(f"{url}/radarr/api/v3/movie")).json() == []


async def test_an_unknown_path_is_404_with_a_message(world: RadarrWorld) -> None:
    answer = await world.api.get("/nonsense")
    assert (answer.status_code, answer.json()) == (404, {"message": "NotFound"})


async def test_an_unparsable_query_is_400_and_an_unknown_parameter_is_ignored(world: RadarrWorld) -> None:
    world.simulator.add_movie(603, "Night Train", 2020)
    assert (await world.api.get("/movie", params={"tmdbId": "abc"})).status_code == 400
    assert len(await world.get("/movie", nonsense="1")) == 1


async def test_parameter_names_come_in_any_case(world: RadarrWorld) -> None:
    world.simulator.add_movie(603, "Night Train", 2020)
    assert await world.get("/movie", TMDBID=604) == []


# --- titles --------------------------------------------------------------------------------------------------------


async def test_the_tmdb_filter_answers_a_list_and_the_id_answers_404(world: RadarrWorld) -> None:
    movie_id = world.simulator.add_movie(603, "Night Train", 2020)
    assert [movie["id"] for movie in await world.get("/movie", tmdbId=603)] == [movie_id]
    assert await world.get("/movie", tmdbId=604) == []
    answer = await world.api.get(f"/movie/{movie_id + 1}")
    assert answer.status_code == 404
    assert answer.json()["title"] == "Not Found"


async def test_nulls_are_omitted(world: RadarrWorld) -> None:
    movie_id = world.simulator.add_movie(603, "Night Train", 2020)
    movie = await world.get(f"/movie/{movie_id}")
    assert "movieFile" not in movie
    assert None not in movie.values()


async def test_adding_answers_201_and_validates_with_an_array(world: RadarrWorld) -> None:
    body = {
        "title": "Night Train",
        "year": 2020,
        "tmdbId": 603,
        "qualityProfileId": 1,
        "rootFolderPath": f"{world.root}/",
    }
    added = await world.api.post("/movie", json=body)
    assert added.status_code == 201
    assert added.json()["path"] == str(world.root / "Night Train (2020)")
    again = await world.api.post("/movie", json=body)
    assert again.status_code == 400
    assert [row["errorMessage"] for row in again.json()] == ["This movie has already been added"]
    empty = await world.api.post("/movie", json={})
    assert {row["propertyName"] for row in empty.json()} == {"Path", "TmdbId", "QualityProfileId"}


async def test_a_movie_added_again_gets_a_new_id(world: RadarrWorld) -> None:
    body = {
        "title": "Night Train",
        "year": 2020,
        "tmdbId": 603,
        "qualityProfileId": 1,
        "rootFolderPath": str(world.root),
    }
    first = (await world.api.post("/movie", json=body)).json()
    await world.api.delete(f"/movie/{first['id']}")
    second = (await world.api.post("/movie", json=body)).json()
    assert second["id"] != first["id"]
    assert second["added"] != first["added"]


async def test_changing_a_movie_answers_202(world: RadarrWorld) -> None:
    movie_id = world.simulator.add_movie(603, "Night Train", 2020)
    movie = await world.get(f"/movie/{movie_id}")
    answer = await world.api.put(f"/movie/{movie_id}", json={**movie, "monitored": False})
    assert (answer.status_code, answer.json()["monitored"]) == (202, False)
    assert (await world.api.put("/movie/99", json=movie)).status_code == 404


# --- deleting ------------------------------------------------------------------------------------------------------


async def test_deleting_an_unknown_movie_is_404_and_id_zero_400(world: RadarrWorld) -> None:
    answer = await world.api.delete("/movie/99")
    assert answer.status_code == 404
    assert answer.json()["message"] == "Movie with ID 99 does not exist"
    zero = await world.api.delete("/movie/0")
    assert zero.status_code == 400
    assert zero.json()["message"].startswith("BadRequest")


async def test_delete_purges_history_before_it_answers(world: RadarrWorld) -> None:
    movie_id = world.simulator.add_movie(603, "Night Train", 2020)
    world.simulator.add_history_row(movie_id, "grabbed", download_id="A" * 40)
    assert len(await world.get("/history/movie", movieId=movie_id)) == 1
    await world.api.delete(f"/movie/{movie_id}")
    assert await world.get("/history/movie", movieId=movie_id) == []
    assert (await world.get("/history"))["totalRecords"] == 0


async def test_delete_sends_its_webhook_before_it_answers_and_removes_files_later(world: RadarrWorld) -> None:
    world.simulator.file_removal_delay = 0.3
    movie_id = world.simulator.add_movie_with_file(603, "Night Train", 2020, b"12345", tags=["keep"])
    folder = world.simulator.titles[movie_id].path
    (folder / "foreign.nfo").write_bytes(b"x")
    async with receiving() as receiver:
        during: list[tuple[int, bool]] = []

        async def look(_payload: object) -> None:
            during.append((len(await world.get("/movie")), folder.exists()))

        receiver.on_event = look
        world.simulator.connect(receiver.url, headers={"Authorization": "a secret"})
        answer = await world.api.delete(f"/movie/{movie_id}", params={"deleteFiles": "true"})
        assert folder.exists()
        assert (answer.status_code, answer.content) == (200, b"")
        assert during == [(0, True)]
        (payload,) = receiver.of("MovieDelete")
        assert receiver.headers[0]["authorization"] == "a secret"
    assert payload["deletedFiles"] is True
    assert payload["movieFolderSize"] == 5
    assert (payload["movie"]["id"], payload["movie"]["tmdbId"], payload["movie"]["tags"]) == (movie_id, 603, ["keep"])
    await world.simulator.settled()
    assert not folder.exists()


async def test_without_the_flag_files_stay(world: RadarrWorld) -> None:
    movie_id = world.simulator.add_movie_with_file(603, "Night Train", 2020)
    folder = world.simulator.titles[movie_id].path
    await world.api.delete(f"/movie/{movie_id}")
    await world.simulator.settled()
    assert folder.exists()


async def test_sonarrs_spelling_of_the_exclusion_flag_is_silently_ignored(world: RadarrWorld) -> None:
    first = world.simulator.add_movie(1, "One", 2020)
    second = world.simulator.add_movie(2, "Two", 2020)
    await world.api.delete(f"/movie/{first}", params={"addImportListExclusion": "true"})
    await world.api.delete(f"/movie/{second}", params={"addImportExclusion": "true"})
    await world.simulator.settled()
    (exclusion,) = await world.get("/exclusions")
    assert exclusion["tmdbId"] == 2
    assert (await world.api.delete(f"/exclusions/{exclusion['id']}")).status_code == 200
    assert await world.get("/exclusions") == []


async def test_file_removal_can_fail_without_a_word(world: RadarrWorld) -> None:
    world.simulator.fail_file_removal = True
    movie_id = world.simulator.add_movie_with_file(603, "Night Train", 2020)
    folder = world.simulator.titles[movie_id].path
    answer = await world.api.delete(f"/movie/{movie_id}", params={"deleteFiles": "true"})
    await world.simulator.settled()
    assert answer.status_code == 200
    assert folder.exists()


async def test_a_recycle_bin_keeps_the_folder(world: RadarrWorld, tmp_path: Path) -> None:
    world.simulator.recycle_bin = tmp_path / "bin"
    movie_id = world.simulator.add_movie_with_file(603, "Night Train", 2020, b"12345")
    await world.api.delete(f"/movie/{movie_id}", params={"deleteFiles": "true"})
    await world.simulator.settled()
    assert not (world.root / "Night Train (2020)").exists()
    assert (tmp_path / "bin" / "Night Train (2020)" / "Night Train (2020).mkv").read_bytes() == b"12345"


async def test_a_folder_that_holds_another_title_stays_and_ends_the_bulk_removal(world: RadarrWorld) -> None:
    outer = world.simulator.add_movie_with_file(1, "Outer", 2020)
    plain = world.simulator.add_movie_with_file(2, "Plain", 2020)
    paths = [world.simulator.titles[id_].path for id_ in (outer, plain)]
    world.simulator.add_movie(3, "Inner", 2020, path=paths[0] / "Inner")
    await world.api.request("DELETE", "/movie/editor", json={"movieIds": [outer, plain], "deleteFiles": True})
    await world.simulator.settled()
    assert [path.exists() for path in paths] == [True, True]


async def test_a_bulk_delete_with_an_unknown_id_is_500_and_does_nothing(world: RadarrWorld) -> None:
    movie_id = world.simulator.add_movie(603, "Night Train", 2020)
    answer = await world.api.request("DELETE", "/movie/editor", json={"movieIds": [movie_id, 99]})
    assert answer.status_code == 500
    assert answer.json()["message"] == "Expected query to return 2 rows but returned 1"
    assert len(await world.get("/movie")) == 1


async def test_a_bulk_delete_tells_of_each_movie(world: RadarrWorld) -> None:
    ids = [world.simulator.add_movie(number, f"Title {number}", 2020) for number in (1, 2)]
    answer = await world.api.request("DELETE", "/movie/editor", json={"movieIds": ids})
    assert (answer.status_code, answer.json()) == (200, {})
    assert [payload["movie"]["id"] for payload in world.simulator.connections.sent] == ids


# --- files and folders ---------------------------------------------------------------------------------------------


async def test_deleting_a_file_is_done_inside_the_call_and_told(world: RadarrWorld) -> None:
    movie_id = world.simulator.add_movie_with_file(603, "Night Train", 2020)
    (file,) = await world.get("/moviefile", movieId=movie_id)
    assert (await world.api.delete(f"/moviefile/{file['id']}")).status_code == 200
    assert not Path(file["path"]).exists()
    assert (await world.get(f"/movie/{movie_id}"))["hasFile"] is False
    (payload,) = world.simulator.connections.sent
    assert (payload["eventType"], payload["deleteReason"]) == ("MovieFileDelete", "manual")
    (row,) = await world.get("/history/movie", movieId=movie_id)
    assert (row["eventType"], row["data"]["reason"]) == ("movieFileDeleted", "Manual")
    assert "downloadId" not in row


async def test_file_deletes_are_refused_for_unknown_ids_and_suspicious_roots(world: RadarrWorld) -> None:
    movie_id = world.simulator.add_movie_with_file(603, "Night Train", 2020, path=world.root / "Night Train")
    file = world.simulator.files_of(movie_id)[0]
    assert (await world.api.delete("/moviefile/99")).status_code == 404
    unknown = await world.api.request("DELETE", "/moviefile/bulk", json={"movieFileIds": [file.id, 99]})
    assert unknown.status_code == 500
    empty = await world.api.request("DELETE", "/moviefile/bulk", json={"movieFileIds": []})
    assert empty.status_code == 500
    file.path.rename(world.root.parent / "elsewhere.mkv")
    file.path.parent.rmdir()
    answer = await world.api.delete(f"/moviefile/{file.id}")
    assert answer.status_code == 409
    assert "is empty" in answer.json()["message"]
    world.root.rmdir()
    assert "doesn't exist" in (await world.api.delete(f"/moviefile/{file.id}")).json()["message"]


async def test_a_file_list_without_parameters_is_400(world: RadarrWorld) -> None:
    assert (await world.api.get("/moviefile")).status_code == 400


async def test_a_folder_is_listed_up_to_the_last_slash(world: RadarrWorld) -> None:
    (world.root / "One").mkdir()
    (world.root / "note.nfo").write_bytes(b"x")
    whole = await world.get("/filesystem", path=f"{world.root}/", includeFiles="true")
    assert [row["name"] for row in whole["directories"]] == ["One"]
    assert [row["name"] for row in whole["files"]] == ["note.nfo"]
    assert whole["directories"][0]["path"] == f"{world.root}/One/"
    above = await world.get("/filesystem", path=str(world.root))
    assert [row["name"] for row in above["directories"]] == [world.root.name]
    assert above["files"] == []


async def test_missing_unreadable_and_unmounted_folders_list_as_empty(world: RadarrWorld) -> None:
    (world.root / "One").mkdir()
    missing = await world.get("/filesystem", path=f"{world.root}/nothing/", includeFiles="true")
    assert (missing["directories"], missing["files"]) == ([], [])
    world.simulator.roots[0].accessible = False
    away = await world.get("/filesystem", path=f"{world.root}/", includeFiles="true")
    assert (away["directories"], away["files"]) == ([], [])


async def test_some_folder_names_are_never_listed(world: RadarrWorld) -> None:
    for name in ("Trash", "cache", "One"):
        (world.root / name).mkdir()
    listed = await world.get("/filesystem", path=f"{world.root}/")
    assert [row["name"] for row in listed["directories"]] == ["One"]


async def test_root_folders_show_what_no_title_claims(world: RadarrWorld) -> None:
    world.simulator.add_movie_with_file(603, "Night Train", 2020)
    (world.root / "Leftover").mkdir()
    (root,) = await world.get("/rootfolder")
    assert (root["path"], root["accessible"]) == (f"{world.root}/", True)
    assert [folder["name"] for folder in root["unmappedFolders"]] == ["Leftover"]
    assert await world.get("/rootfolder/1") == root
    world.simulator.roots[0].accessible = False
    (away,) = await world.get("/rootfolder")
    assert (away["accessible"], away["unmappedFolders"]) == (False, [])


# --- history and queue ---------------------------------------------------------------------------------------------


async def test_history_listings_differ_in_order_filters_and_event_numbers(world: RadarrWorld) -> None:
    movie_id = world.simulator.add_movie(603, "Night Train", 2020)
    for number, event in enumerate(("grabbed", "downloadFolderImported", "movieFileDeleted"), start=1):
        world.simulator.add_history_row(movie_id, event, download_id="ABC", date=f"2024-01-0{number}T00:00:00Z")
    newest_first = await world.get("/history/movie", movieId=movie_id)
    assert [row["id"] for row in newest_first] == [3, 2, 1]
    assert [row["id"] for row in await world.get("/history/since", date="2024-01-02T00:00:00Z")] == [2, 3]
    assert [row["id"] for row in (await world.get("/history", eventType=6))["records"]] == [3]
    assert (await world.get("/history", downloadId="abc"))["totalRecords"] == 0
    assert (await world.get("/history", downloadId="ABC"))["totalRecords"] == 3
    assert (await world.get("/history"))["pageSize"] == 10
    assert [row["id"] for row in (await world.get("/history", page=2, pageSize=2))["records"]] == [1]
    assert (await world.api.get("/history/since", params={"date": "yesterday"})).status_code == 400
    assert await world.get("/history/movie", movieId=99) == []


async def test_the_paged_queue_hides_downloads_of_deleted_titles_and_repeats_its_last_page(world: RadarrWorld) -> None:
    movie_id = world.simulator.add_movie(603, "Night Train", 2020)
    for number in range(3):
        world.simulator.add_queue_item(Followed(f"{number:040X}", movie_id, "A.Release", "qBittorrent"))
    world.simulator.add_queue_item(Followed("F" * 40, None, "B.Release", "qBittorrent"))
    assert (await world.get("/queue"))["totalRecords"] == 3
    assert (await world.get("/queue", includeUnknownMovieItems="true"))["totalRecords"] == 4
    assert len(await world.get("/queue/details")) == 4
    assert len(await world.get("/queue/details", movieId=movie_id)) == 3
    beyond = await world.get("/queue", page=9, pageSize=2)
    assert (beyond["page"], len(beyond["records"])) == (2, 1)


async def test_a_queue_item_of_a_deleted_movie_becomes_unknown(world: RadarrWorld) -> None:
    movie_id = world.simulator.add_movie(603, "Night Train", 2020)
    world.simulator.add_queue_item(Followed("F" * 40, movie_id, "A.Release", "qBittorrent"))
    await world.api.delete(f"/movie/{movie_id}")
    (item,) = await world.get("/queue/details")
    assert "movieId" not in item


async def test_ending_queue_items_is_404_for_unknown_ids_and_then_does_nothing(world: RadarrWorld) -> None:
    (queue_id,) = world.simulator.add_queue_item(Followed("F" * 40, None, "A.Release", "qBittorrent"))
    assert (await world.api.delete("/queue/99")).status_code == 404
    assert (await world.api.request("DELETE", "/queue/bulk", json={"ids": [queue_id, 99]})).status_code == 404
    assert len(await world.get("/queue/details")) == 1
    assert (await world.api.request("DELETE", "/queue/bulk", json={"ids": [queue_id]})).json() == {}
    assert await world.get("/queue/details") == []


async def test_an_unknown_command_is_refused(world: RadarrWorld) -> None:
    assert (await world.api.post("/command", json={"name": "Nonsense"})).status_code == 400
    assert (await world.api.get("/command/1")).status_code == 404
